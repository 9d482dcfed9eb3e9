//! Key files: a secret at rest, in the clear (in a file of mode 0600) or sealed under a passphrase.
//!
//! CBOR `[header, body, checksum]`. The header is CBOR too, kept as bytes so that it is authenticated exactly as it
//! was read:
//!
//! - `[1, 0]`: the body is the secret;
//! - `[1, 1, memory in KiB, passes, lanes, salt, nonce]`: the body is the secret under XChaCha20-Poly1305
//!   (draft-irtf-cfrg-xchacha-03) with the header as associated data and a key of Argon2id (RFC 9106) version 0x13.
//!
//! The checksum is the start of SHA-256 over `frontdesk/key-file/v1` 00 header body. It tells a damaged file from a wrong
//! passphrase; what authenticates a sealed file is its tag.

use crate::{
    codec::{DecodeError, decode, decode_versioned, encode},
    passphrase::{CostError, Passphrase, PassphraseCost},
};
use chacha20poly1305::{
    KeyInit as _, XChaCha20Poly1305, XNonce,
    aead::{Aead as _, Payload},
};
use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};
use serde_bytes::{ByteArray, ByteBuf};
use sha2::{Digest as _, Sha256};
use zeroize::{Zeroize as _, Zeroizing};

/// The largest key file in bytes, and (less some overhead) the largest secret.
pub const MAX_KEY_FILE: usize = 64 * 1024;

const VERSION: u64 = 1;
const PLAIN: u64 = 0;
const SEALED: u64 = 1;
/// What header, tag and checksum may add to the secret.
const OVERHEAD: usize = 256;

/// How a key file protects its secret.
#[derive(Debug, Clone, Copy)]
pub enum Protection<'a> {
    /// By the mode of the file alone.
    Plain,
    /// By a passphrase.
    Passphrase {
        /// The passphrase.
        passphrase: &'a Passphrase,
        /// What one try costs. Usually [`PassphraseCost::DEFAULT`].
        cost: PassphraseCost,
    },
}

/// Why a key file can't be opened or made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyFileError {
    /// The secret is too large for a key file.
    #[error("the secret is too large for a key file")]
    TooLarge,
    /// The file is sealed and no passphrase was given.
    #[error("the key file is protected by a passphrase, and none was given")]
    PassphraseNeeded,
    /// The passphrase is not the one that the file was sealed under.
    #[error("wrong passphrase")]
    WrongPassphrase,
    /// The file is not what was written.
    #[error("the key file is damaged: restore it from a backup")]
    Damaged,
    /// The file was written by a program that speaks another version.
    #[error("the key file has version {found} and this program knows {known}: update Frontdesk")]
    UnknownVersion {
        /// The version of the file.
        found: u64,
        /// The version that this program speaks.
        known: u64,
    },
    /// The passphrase can't be turned into a key.
    #[error("the key file: {0}")]
    Cost(#[from] CostError),
}

/// `[header, body, checksum]`.
#[derive(Serialize, Deserialize)]
struct KeyFile(ByteBuf, ByteBuf, ByteArray<8>);

impl Drop for KeyFile {
    fn drop(&mut self) {
        self.1.as_mut_slice().zeroize();
    }
}

#[derive(Serialize, Deserialize)]
struct PlainHeader(u64, u64);

/// `[version, scheme, memory, passes, lanes, salt, nonce]`.
#[derive(Serialize, Deserialize)]
struct SealedHeader(u64, u64, u32, u32, u32, ByteArray<16>, ByteArray<24>);

/// Makes a key file of `secret`. `rng` gives salt and nonce.
///
/// # Errors
/// [`KeyFileError::TooLarge`] or [`KeyFileError::Cost`].
pub fn seal_key_file<R: CryptoRng + ?Sized>(
    secret: &[u8],
    protection: Protection<'_>,
    rng: &mut R,
) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    if secret.len() > MAX_KEY_FILE - OVERHEAD {
        return Err(KeyFileError::TooLarge);
    }
    let (header, body) = match protection {
        Protection::Plain => (bytes_of(&PlainHeader(VERSION, PLAIN))?, secret.to_vec()),
        Protection::Passphrase { passphrase, cost } => seal(secret, passphrase, cost, rng)?,
    };
    let checksum = checksum(&header, &body);
    let file = KeyFile(ByteBuf::from(header), ByteBuf::from(body), ByteArray::new(checksum));
    // Room from the start: growing would leave copies of a plain secret behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(secret.len() + OVERHEAD));
    ciborium::into_writer(&file, &mut *bytes).map_err(|_| KeyFileError::Damaged)?;
    Ok(bytes)
}

/// Gives the secret of a key file back. A plain file opens with or without a passphrase.
///
/// # Errors
/// [`KeyFileError`], a variant for each cause.
pub fn open_key_file(
    bytes: &[u8],
    passphrase: Option<&Passphrase>,
) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    let file: KeyFile = decode(bytes, MAX_KEY_FILE).map_err(explain)?;
    let KeyFile(header, body, stated) = &file;
    if checksum(header, body) != stated.into_array() {
        return Err(KeyFileError::Damaged);
    }
    if is_plain(header)? {
        return Ok(Zeroizing::new(body.to_vec()));
    }
    let parsed: SealedHeader = decode_versioned(header, MAX_KEY_FILE, VERSION).map_err(explain)?;
    open(header, &parsed, body, passphrase.ok_or(KeyFileError::PassphraseNeeded)?)
}

fn is_plain(header: &[u8]) -> Result<bool, KeyFileError> {
    match decode_versioned::<PlainHeader>(header, MAX_KEY_FILE, VERSION) {
        Ok(PlainHeader(_, scheme)) if scheme == PLAIN => Ok(true),
        Ok(_) => Err(KeyFileError::Damaged),
        Err(DecodeError::UnknownVersion { found, known }) => {
            Err(KeyFileError::UnknownVersion { found, known })
        }
        Err(DecodeError::TooLong { .. } | DecodeError::Malformed | DecodeError::NotCanonical) => Ok(false),
    }
}

fn seal<R: CryptoRng + ?Sized>(
    secret: &[u8],
    passphrase: &Passphrase,
    cost: PassphraseCost,
    rng: &mut R,
) -> Result<(Vec<u8>, Vec<u8>), KeyFileError> {
    let (mut salt, mut nonce) = ([0; 16], [0; 24]);
    rng.fill_bytes(&mut salt);
    rng.fill_bytes(&mut nonce);
    let header = bytes_of(&SealedHeader(
        VERSION,
        SEALED,
        cost.memory_kib(),
        cost.passes(),
        cost.lanes(),
        ByteArray::new(salt),
        ByteArray::new(nonce),
    ))?;
    let key = cost.derive(passphrase, &salt)?;
    let body = XChaCha20Poly1305::new((&*key).into())
        .encrypt(&XNonce::from(nonce), Payload { msg: secret, aad: &header })
        .map_err(|_| KeyFileError::TooLarge)?;
    Ok((header, body))
}

fn open(
    header: &[u8],
    parsed: &SealedHeader,
    body: &[u8],
    passphrase: &Passphrase,
) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    let SealedHeader(_, scheme, memory_kib, passes, lanes, salt, nonce) = parsed;
    if *scheme != SEALED {
        return Err(KeyFileError::Damaged);
    }
    let cost = PassphraseCost::new(*memory_kib, *passes, *lanes)?;
    let key = cost.derive(passphrase, salt)?;
    XChaCha20Poly1305::new((&*key).into())
        .decrypt(&XNonce::from(nonce.into_array()), Payload { msg: body, aad: header })
        .map(Zeroizing::new)
        .map_err(|_| KeyFileError::WrongPassphrase)
}

fn checksum(header: &[u8], body: &[u8]) -> [u8; 8] {
    let hash = Sha256::new().chain_update(b"frontdesk/key-file/v1\0").chain_update(header).chain_update(body);
    let [a, b, c, d, e, f, g, h, ..]: [u8; 32] = hash.finalize().into();
    [a, b, c, d, e, f, g, h]
}

fn bytes_of<T: Serialize>(value: &T) -> Result<Vec<u8>, KeyFileError> {
    encode(value).map_err(explain)
}

const fn explain(error: DecodeError) -> KeyFileError {
    match error {
        DecodeError::UnknownVersion { found, known } => KeyFileError::UnknownVersion { found, known },
        DecodeError::TooLong { .. } | DecodeError::Malformed | DecodeError::NotCanonical => {
            KeyFileError::Damaged
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::testing::rng;

    const SECRET: &[u8] = b"a secret of some length";

    fn passphrase(text: &str) -> Passphrase {
        Passphrase::new(text.to_owned())
    }

    fn sealed() -> Vec<u8> {
        let passphrase = passphrase("open sesame");
        let protection = Protection::Passphrase { passphrase: &passphrase, cost: PassphraseCost::CHEAPEST };
        seal_key_file(SECRET, protection, &mut rng(1)).unwrap().to_vec()
    }

    fn plain() -> Vec<u8> {
        seal_key_file(SECRET, Protection::Plain, &mut rng(1)).unwrap().to_vec()
    }

    /// A file with this header and an intact checksum.
    fn with_header<T: Serialize>(header: &T) -> Vec<u8> {
        let (header, body) = (encode(header).unwrap(), vec![0; 40]);
        let checksum = ByteArray::new(checksum(&header, &body));
        encode(&KeyFile(ByteBuf::from(header), ByteBuf::from(body), checksum)).unwrap()
    }

    fn refusal(bytes: &[u8]) -> KeyFileError {
        open_key_file(bytes, Some(&passphrase("open sesame"))).unwrap_err()
    }

    #[test]
    fn a_secret_comes_back_plain_and_sealed() {
        assert_eq!(open_key_file(&plain(), None).unwrap().as_slice(), SECRET);
        assert_eq!(open_key_file(&sealed(), Some(&passphrase("open sesame"))).unwrap().as_slice(), SECRET);
    }

    #[test]
    fn the_default_cost_works() {
        let passphrase = passphrase("open sesame");
        let protection = Protection::Passphrase { passphrase: &passphrase, cost: PassphraseCost::DEFAULT };
        let file = seal_key_file(SECRET, protection, &mut rng(1)).unwrap();
        assert_eq!(open_key_file(&file, Some(&passphrase)).unwrap().as_slice(), SECRET);
    }

    #[test]
    fn a_sealed_file_does_not_hold_the_secret_in_the_clear() {
        assert!(plain().windows(SECRET.len()).any(|w| w == SECRET));
        assert!(!sealed().windows(SECRET.len()).any(|w| w == SECRET));
    }

    #[test]
    fn a_missing_and_a_wrong_passphrase_are_told_apart() {
        assert_eq!(open_key_file(&sealed(), None).unwrap_err(), KeyFileError::PassphraseNeeded);
        let wrong = open_key_file(&sealed(), Some(&passphrase("open Sesame"))).unwrap_err();
        assert_eq!(wrong, KeyFileError::WrongPassphrase);
    }

    #[test]
    fn any_changed_or_missing_byte_is_damage_and_not_a_wrong_passphrase() {
        for good in [plain(), sealed()] {
            for i in 0..good.len() {
                let mut bad = good.clone();
                *bad.get_mut(i).unwrap() ^= 1;
                assert_eq!(refusal(&bad), KeyFileError::Damaged, "byte {i}");
                assert_eq!(refusal(good.get(..i).unwrap()), KeyFileError::Damaged, "cut at {i}");
            }
        }
    }

    #[test]
    fn a_forged_header_with_a_recomputed_checksum_does_not_open() {
        let file: KeyFile = decode(&sealed(), MAX_KEY_FILE).unwrap();
        let mut header: SealedHeader = decode(&file.0, MAX_KEY_FILE).unwrap();
        header.3 = 2;
        let header = encode(&header).unwrap();
        let checksum = ByteArray::new(checksum(&header, &file.1));
        let forged = encode(&KeyFile(ByteBuf::from(header), file.1.clone(), checksum)).unwrap();
        assert_eq!(refusal(&forged), KeyFileError::WrongPassphrase);
    }

    #[test]
    fn a_hostile_file_cannot_ask_for_much_memory_or_time() {
        let zero = (ByteArray::new([0; 16]), ByteArray::new([0; 24]));
        for (m, t, p) in [
            (u32::MAX, 1, 1),
            (8, u32::MAX, 1),
            (8, 17, 1),
            (1 << 20, 1, u32::MAX),
            (8, 1, 5),
            (7, 1, 1),
            (8, 0, 1),
            (8, 1, 0),
        ] {
            let file = with_header(&SealedHeader(1, SEALED, m, t, p, zero.0, zero.1));
            assert_eq!(refusal(&file), KeyFileError::Cost(CostError::OutOfBounds), "{m} {t} {p}");
        }
    }

    #[test]
    fn another_version_or_scheme_is_refused() {
        let known = KeyFileError::UnknownVersion { found: 2, known: 1 };
        assert_eq!(refusal(&with_header(&PlainHeader(2, 0))), known);
        assert_eq!(refusal(&with_header(&(2u64, "whatever comes"))), known);
        assert_eq!(refusal(&with_header(&PlainHeader(1, 7))), KeyFileError::Damaged);
    }

    #[test]
    fn sizes_are_bounded() {
        let large = vec![0; MAX_KEY_FILE];
        let refused = seal_key_file(&large, Protection::Plain, &mut rng(1)).unwrap_err();
        assert_eq!(refused, KeyFileError::TooLarge);
        let fits = seal_key_file(&vec![0; MAX_KEY_FILE - OVERHEAD], Protection::Plain, &mut rng(1)).unwrap();
        assert!(fits.len() <= MAX_KEY_FILE && open_key_file(&fits, None).is_ok());
        assert_eq!(refusal(&vec![0; MAX_KEY_FILE + 1]), KeyFileError::Damaged);
    }
}
