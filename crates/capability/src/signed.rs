//! What grants and revocations share: a signed payload that starts with its version.

use crate::Refusal;
use frontdesk_identity::{BadSignature, Domain, SecretSigningKey, Signature, codec, verify};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// `[payload bytes, signature]`. The signature covers the payload exactly as it was received.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Signed(#[serde(with = "serde_bytes")] Vec<u8>, Signature);

impl Signed {
    /// Encodes `payload` and signs it.
    pub(crate) fn sign<T: Serialize>(
        key: &SecretSigningKey,
        domain: Domain,
        payload: &T,
    ) -> Result<Self, Refusal> {
        let payload = codec::encode(payload)?;
        let signature = key.sign(domain, &payload);
        Ok(Self(payload, signature))
    }

    /// The payload, which must be canonical and of the version `known`. Says nothing about the signature.
    pub(crate) fn payload<T: Serialize + DeserializeOwned>(&self, known: u64) -> Result<T, Refusal> {
        Ok(codec::decode_versioned(&self.0, self.0.len(), known)?)
    }

    /// Checks the signature by `key`.
    pub(crate) fn verify(&self, key: &[u8; 32], domain: Domain) -> Result<(), BadSignature> {
        verify(key, domain, &self.0, &self.1)
    }
}
