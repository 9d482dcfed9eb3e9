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
pub fn verify(key: &[u8; 32], domain: Domain, payload: &[u8], signature: &Signature) -> Result<(), BadSignature> {
    verify_raw(key, &domain.bytes(payload), signature)
}

/// Checks a signature over exactly `message`, as MLS needs it (RFC 9420, section 5.1.2, has its own labels).
///
/// # Errors
/// [`BadSignature`], without saying which of its causes it was.
pub fn verify_raw(key: &[u8; 32], message: &[u8], signature: &Signature) -> Result<(), BadSignature> {
    let key = VerifyingKey::from_bytes(key).map_err(|_| BadSignature)?;
    let signature = ed25519_dalek::Signature::from_bytes(signature.as_bytes());
    key.verify_strict(message, &signature).map_err(|_| BadSignature)
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
