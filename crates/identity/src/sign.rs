//! Signatures with domain separation. The only place that touches Ed25519.
//!
//! A signature covers `domain || 00 || payload`. Verification is strict (RFC 8032 with the cofactorless
//! equation, canonical points, weak keys refused), so that all implementations agree on what is valid.

use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteArray;
use std::fmt;
use zeroize::Zeroizing;

/// What kind of object a signature is for. A signature for one domain is void in every other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Domain {
    /// A grant (capability crate).
    Grant,
    /// A revocation of grants (capability crate).
    Revocation,
    /// A device record, by the device's signing key.
    Device,
    /// A device record, by the device's transport key.
    DeviceTransport,
    /// An address record.
    Address,
    /// An entity's profile.
    Profile,
    /// The content of a message, by its author.
    Message,
}

impl Domain {
    /// The domain string that starts what is signed.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Grant => "frontdesk/grant/v1",
            Self::Revocation => "frontdesk/revocation/v1",
            Self::Device => "frontdesk/device/v1",
            Self::DeviceTransport => "frontdesk/device-transport/v1",
            Self::Address => "frontdesk/address/v1",
            Self::Profile => "frontdesk/profile/v1",
            Self::Message => "frontdesk/message/v1",
        }
    }

    fn bytes(self, payload: &[u8]) -> Vec<u8> {
        let domain = self.as_str().as_bytes();
        let mut out = Vec::with_capacity(domain.len() + 1 + payload.len());
        out.extend_from_slice(domain);
        out.push(0);
        out.extend_from_slice(payload);
        out
    }
}

/// An Ed25519 signature (RFC 8032), 64 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Signature(ByteArray<64>);

impl Signature {
    /// Wraps raw bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 64]) -> Self {
        Self(ByteArray::new(bytes))
    }

    /// The raw bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 64] {
        &self.0
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signature({}..)", data_encoding::HEXLOWER.encode(self.0.get(..4).unwrap_or_default()))
    }
}

/// The signature does not hold: wrong key, wrong domain, changed payload, or a weak or malformed key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the signature does not verify")]
pub struct BadSignature;

/// Checks `signature` over `payload` in `domain` by the Ed25519 public key `key`.
///
/// # Errors
/// [`BadSignature`], without saying which of its causes it was.
pub fn verify(
    key: &[u8; 32],
    domain: Domain,
    payload: &[u8],
    signature: &Signature,
) -> Result<(), BadSignature> {
    verify_raw(key, &domain.bytes(payload), signature)
}

/// Checks a signature over exactly `message`, as MLS needs it (RFC 9420, section 5.1.2, has its own labels).
///
/// # Errors
/// [`BadSignature`], without saying which of its causes it was.
pub fn verify_raw(key: &[u8; 32], message: &[u8], signature: &Signature) -> Result<(), BadSignature> {
    let key = strict_key(key).map_err(|_| BadSignature)?;
    let signature = ed25519_dalek::Signature::from_bytes(signature.as_bytes());
    key.verify_strict(message, &signature).map_err(|_| BadSignature)
}

/// The public key is of no use: not a point in canonical form, or one of the few of small order, under which
/// signatures or secrets that nobody made would hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the public key is weak or malformed")]
pub struct WeakKey;

/// Checks that `key` is an Ed25519 public key that [`verify`] would accept signatures by.
///
/// # Errors
/// [`WeakKey`].
pub fn check_public_key(key: &[u8; 32]) -> Result<(), WeakKey> {
    strict_key(key).map(|_| ())
}

fn strict_key(bytes: &[u8; 32]) -> Result<VerifyingKey, WeakKey> {
    let key = VerifyingKey::from_bytes(bytes).map_err(|_| WeakKey)?;
    if is_canonical(bytes) && !key.is_weak() { Ok(key) } else { Err(WeakKey) }
}

/// Whether `y` is below the field's order, 2^255 - 19: decompression reads it modulo that, so a few points have two
/// spellings. (The points of `x = 0`, whose sign has two spellings, are weak.)
fn is_canonical(bytes: &[u8; 32]) -> bool {
    let [first, middle @ .., last] = bytes;
    *first < 0xed || middle.iter().any(|byte| *byte != 0xff) || last & 0x7f != 0x7f
}

/// A secret Ed25519 key. Wiped when dropped, redacted in `Debug`.
#[derive(Clone)]
pub struct SecretSigningKey(SigningKey);

impl SecretSigningKey {
    /// A fresh key.
    pub fn generate<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        let mut seed = Zeroizing::new([0; 32]);
        rng.fill_bytes(seed.as_mut_slice());
        Self::from_seed(&seed)
    }

    /// The key of a 32-byte seed (RFC 8032, section 5.1.5).
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// The seed, for storage in sealed form.
    #[must_use]
    pub fn to_seed(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.to_bytes())
    }

    /// The public key.
    #[must_use]
    pub fn public(&self) -> [u8; 32] {
        self.0.verifying_key().to_bytes()
    }

    /// Signs `payload` in `domain`.
    #[must_use]
    pub fn sign(&self, domain: Domain, payload: &[u8]) -> Signature {
        self.sign_raw(&domain.bytes(payload))
    }

    /// Signs exactly `message`. Only for MLS, whose labels keep its signatures apart from our domains.
    #[must_use]
    pub fn sign_raw(&self, message: &[u8]) -> Signature {
        Signature::from_bytes(self.0.sign(message).to_bytes())
    }
}

impl fmt::Debug for SecretSigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretSigningKey(redacted)")
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    const DOMAINS: [Domain; 7] = [
        Domain::Grant,
        Domain::Revocation,
        Domain::Device,
        Domain::DeviceTransport,
        Domain::Address,
        Domain::Profile,
        Domain::Message,
    ];

    fn bytes<const N: usize>(hex: &str) -> [u8; N] {
        data_encoding::HEXLOWER.decode(hex.as_bytes()).unwrap().try_into().unwrap()
    }

    #[test]
    fn the_vector_of_rfc_8032_holds() {
        // RFC 8032, section 7.1, test 2.
        let key = SecretSigningKey::from_seed(&bytes(
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        ));
        assert_eq!(key.public(), bytes("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"));
        let signature = key.sign_raw(&[0x72]);
        let expected = "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
                        085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00";
        assert_eq!(signature.as_bytes(), &bytes(expected));
        verify_raw(&key.public(), &[0x72], &signature).unwrap();
    }

    #[test]
    fn a_signature_for_one_domain_is_void_in_every_other() {
        let key = SecretSigningKey::from_seed(&[9; 32]);
        for signed in DOMAINS {
            let signature = key.sign(signed, b"payload");
            for checked in DOMAINS {
                let held = verify(&key.public(), checked, b"payload", &signature).is_ok();
                assert_eq!(held, signed == checked, "{signed:?} as {checked:?}");
            }
        }
    }

    #[test]
    fn no_domain_string_is_the_start_of_another() {
        for a in DOMAINS {
            for b in DOMAINS {
                assert!(a == b || !b.bytes(b"").starts_with(&a.bytes(b"")), "{a:?} starts {b:?}");
            }
        }
    }

    #[test]
    fn any_changed_bit_of_a_signature_voids_it() {
        let key = SecretSigningKey::from_seed(&[9; 32]);
        let good = *key.sign(Domain::Grant, b"payload").as_bytes();
        for bit in 0..512 {
            let mut bad = good;
            *bad.get_mut(bit / 8).unwrap() ^= 1 << (bit % 8);
            let refusal = verify(&key.public(), Domain::Grant, b"payload", &Signature::from_bytes(bad));
            assert_eq!(refusal, Err(BadSignature), "bit {bit}");
        }
    }

    #[test]
    fn weak_and_non_canonical_keys_are_refused() {
        let one = "0100000000000000000000000000000000000000000000000000000000000000";
        let order_2 = "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f";
        let order_4 = "0000000000000000000000000000000000000000000000000000000000000000";
        let order_8 = "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a";
        let one_and_p = "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f";
        for hex in [one, order_2, order_4, order_8, one_and_p] {
            assert_eq!(check_public_key(&bytes(hex)), Err(WeakKey), "{hex}");
        }
        // y = 3 is a point of large order; p + 3 spells it a second time.
        let three = "0300000000000000000000000000000000000000000000000000000000000000";
        let three_and_p = "f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f";
        assert_eq!(check_public_key(&bytes(three)), Ok(()));
        let sign_of_zero = "0100000000000000000000000000000000000000000000000000000000000080";
        assert_eq!(check_public_key(&bytes(sign_of_zero)), Err(WeakKey));
        assert_eq!(check_public_key(&bytes(three_and_p)), Err(WeakKey));
    }

    #[test]
    fn a_signature_that_holds_for_every_message_under_a_weak_key_is_refused() {
        let mut weak = [0; 32];
        *weak.first_mut().unwrap() = 1;
        let mut forged = [0; 64];
        *forged.first_mut().unwrap() = 1;
        let refusal = verify(&weak, Domain::Grant, b"anything", &Signature::from_bytes(forged));
        assert_eq!(refusal, Err(BadSignature));
    }
}
