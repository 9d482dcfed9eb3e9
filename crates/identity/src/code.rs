//! The secret of an invitation, proofs of knowing it, and the short number that people compare with what it takes to
//! make it safe.

use crate::ids::InvitationId;
use hmac::{Hmac, KeyInit as _, Mac as _};
use rand_core::CryptoRng;
use sha2::{Digest as _, Sha256};
use std::{fmt, str::FromStr};
use subtle::ConstantTimeEq as _;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// The secret of an invitation: 16 random bytes, good for one use.
///
/// The invitation travels out of band (read out, or as a QR code). Over the network, the joining device names it by
/// its public id and proves that it knows the code; the code itself is never sent. Who got hold of the invitation on
/// the way could do the same, and who exchanged it for another knows the code of that one. So both sides also show a
/// [`ShortNumber`] that people compare before the administrator approves; its documentation has the order of messages
/// that makes it safe.
///
/// What is proved must also say which side the proof is from, or a proof could be sent back to its maker.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct InvitationCode([u8; 16]);

impl InvitationCode {
    /// A fresh code.
    pub fn generate<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        let mut code = Self([0; 16]);
        rng.fill_bytes(&mut code.0);
        code
    }

    /// A code from storage.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The secret bytes, for storage.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// The name by which the invitation is spoken of, which does not reveal the code: the first eight bytes of SHA-256
    /// over `frontdesk/invitation-id/v1` 00 code.
    #[must_use]
    pub fn public_id(&self) -> InvitationId {
        let hash = Sha256::new().chain_update(b"frontdesk/invitation-id/v1\0").chain_update(self.0);
        let [a, b, c, d, e, f, g, h, ..]: [u8; 32] = hash.finalize().into();
        InvitationId::from_bytes([a, b, c, d, e, f, g, h])
    }

    /// Proves knowledge of the code for `transcript`: HMAC-SHA256 (RFC 2104) with the code as key, over
    /// `frontdesk/invitation-proof/v1` 00 transcript.
    #[must_use]
    pub fn prove(&self, transcript: &[u8]) -> [u8; 32] {
        let mac = Hmac::<Sha256>::new((&*self.padded()).into());
        mac.chain_update(b"frontdesk/invitation-proof/v1\0")
            .chain_update(transcript)
            .finalize()
            .into_bytes()
            .into()
    }

    /// Checks a proof for `transcript`, in constant time.
    ///
    /// # Errors
    /// [`WrongProof`].
    pub fn check(&self, transcript: &[u8], proof: &[u8; 32]) -> Result<(), WrongProof> {
        if self.prove(transcript).ct_eq(proof).into() { Ok(()) } else { Err(WrongProof) }
    }

    /// HMAC itself pads short keys with zeros to the block of the hash (RFC 2104, section 2).
    fn padded(&self) -> Zeroizing<[u8; 64]> {
        let mut key = Zeroizing::new([0; 64]);
        key.iter_mut().zip(&self.0).for_each(|(to, from)| *to = *from);
        key
    }
}

impl PartialEq for InvitationCode {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for InvitationCode {}

impl fmt::Debug for InvitationCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InvitationCode({}, redacted)", self.public_id())
    }
}

/// The other side does not know the code, or speaks of another transcript.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the proof does not match the invitation's code")]
pub struct WrongProof;

/// The joiner's part of a [`ShortNumber`]: 16 random bytes, secret until the administrator's part has come.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct JoinNonce([u8; 16]);

impl JoinNonce {
    /// A fresh nonce. Each invitation takes its own: one that was revealed hides nothing any more.
    pub fn generate<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        let mut nonce = Self([0; 16]);
        rng.fill_bytes(&mut nonce.0);
        nonce
    }

    /// A nonce from storage, or one that was revealed.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes, for storage and to reveal them.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// The commitment: SHA-256 over `frontdesk/join-commitment/v1` 00 nonce. It says nothing about the nonce, and no
    /// second nonce fits it.
    #[must_use]
    pub fn commit(&self) -> [u8; 32] {
        Sha256::new().chain_update(b"frontdesk/join-commitment/v1\0").chain_update(self.0).finalize().into()
    }
}

impl fmt::Debug for JoinNonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JoinNonce(redacted)")
    }
}

/// Six digits that both sides of an enrolment show, for people to compare.
///
/// # The order of messages
///
/// Six digits resist only as long as nobody can try many inputs. Whoever sits between the two sides takes part in two
/// exchanges, as the administrator for the joiner and as a joiner for the administrator, and wants both to show the
/// same number. So no side may choose anything once it knows all the rest:
///
/// 1. The joiner sends its device record, its name and the *commitment* to a fresh [`JoinNonce`].
/// 2. The administrator answers with a fresh random nonce of its own.
/// 3. The joiner reveals its nonce, which the administrator checks against the commitment.
///
/// The transcript holds all of this. A false administrator answers in step 2 without knowing what step 3 reveals; a
/// false joiner is bound by step 1 before it sees step 2. Either way the number is drawn after the last choice, and the
/// two are equal in one case of a million. That holds for *one* try, so each side takes part once for an invitation: the
/// administrator answers one request, and the joiner reveals its nonce to one answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ShortNumber(u32);

impl ShortNumber {
    /// The number of a transcript: SHA-256 over `frontdesk/short-number/v1` 00 transcript, its first eight bytes as a
    /// big-endian number, modulo a million. See [`ShortNumber`] for what the transcript must hold.
    #[must_use]
    pub fn derive(transcript: &[u8]) -> Self {
        let hash = Sha256::new().chain_update(b"frontdesk/short-number/v1\0").chain_update(transcript);
        let [a, b, c, d, e, f, g, h, ..]: [u8; 32] = hash.finalize().into();
        let number = u64::from_be_bytes([a, b, c, d, e, f, g, h]) % 1_000_000;
        Self(u32::try_from(number).unwrap_or_default())
    }
}

impl fmt::Display for ShortNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:03} {:03}", self.0 / 1000, self.0 % 1000)
    }
}

/// Text that is not a short number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a short number has six digits, such as 123 456")]
pub struct NotAShortNumber;

impl FromStr for ShortNumber {
    type Err = NotAShortNumber;

    /// Six digits; spaces and hyphens are skipped.
    fn from_str(text: &str) -> Result<Self, NotAShortNumber> {
        let digits: String = text.chars().filter(|c| !matches!(c, ' ' | '-')).take(7).collect();
        let sound = digits.len() == 6 && digits.bytes().all(|b| b.is_ascii_digit());
        digits.parse().ok().filter(|_| sound).map(Self).ok_or(NotAShortNumber)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::testing::rng;

    #[test]
    fn only_the_same_code_and_transcript_prove_anything() {
        let code = InvitationCode::generate(&mut rng(3));
        let proof = code.prove(b"transcript");
        assert_eq!(code.check(b"transcript", &proof), Ok(()));
        assert_eq!(code.check(b"transcripT", &proof), Err(WrongProof));
        let other = InvitationCode::generate(&mut rng(4));
        assert_eq!(other.check(b"transcript", &proof), Err(WrongProof));
        let mut changed = proof;
        *changed.last_mut().unwrap() ^= 1;
        assert_eq!(code.check(b"transcript", &changed), Err(WrongProof));
    }

    #[test]
    fn a_proof_is_hmac_with_the_code_as_key() {
        let code = InvitationCode::generate(&mut rng(3));
        let mut mac = Hmac::<Sha256>::new_from_slice(code.as_bytes()).unwrap();
        mac.update(b"frontdesk/invitation-proof/v1\0transcript");
        let expected: [u8; 32] = mac.finalize().into_bytes().into();
        assert_eq!(code.prove(b"transcript"), expected);
    }

    #[test]
    fn the_public_id_does_not_hold_the_code() {
        let code = InvitationCode::from_bytes([0xa7; 16]);
        assert_eq!(code.public_id(), InvitationCode::from_bytes([0xa7; 16]).public_id());
        assert_ne!(code.public_id(), InvitationCode::from_bytes([0xa8; 16]).public_id());
        assert!(!code.public_id().to_string().contains("a7a7"));
    }

    #[test]
    fn a_commitment_fits_its_own_nonce_alone() {
        let nonce = JoinNonce::generate(&mut rng(3));
        assert_eq!(JoinNonce::from_bytes(*nonce.as_bytes()).commit(), nonce.commit());
        for byte in 0..16 {
            let mut other = *nonce.as_bytes();
            *other.get_mut(byte).unwrap() ^= 1;
            assert_ne!(JoinNonce::from_bytes(other).commit(), nonce.commit());
        }
        assert_ne!(JoinNonce::generate(&mut rng(4)).commit(), nonce.commit());
    }

    #[test]
    fn a_short_number_has_six_digits_and_comes_back() {
        assert_eq!(ShortNumber(7).to_string(), "000 007");
        for transcript in 0..200u32 {
            let number = ShortNumber::derive(&transcript.to_be_bytes());
            let text = number.to_string();
            assert_eq!(text.len(), 7);
            assert_eq!(text.parse(), Ok(number));
            assert_eq!(text.replace(' ', "-").parse(), Ok(number));
        }
        for text in ["", "12345", "1234567", "12345x", "+12345", "1２3456"] {
            assert_eq!(text.parse::<ShortNumber>(), Err(NotAShortNumber), "{text}");
        }
    }
}
