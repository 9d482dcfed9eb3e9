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
        match leading_version(&self.0) {
            Some(found) if found != known => Err(Refusal::UnknownVersion { found, known }),
            Some(_) | None => Ok(codec::decode(&self.0, self.0.len())?),
        }
    }

    /// Checks the signature by `key`.
    pub(crate) fn verify(&self, key: &[u8; 32], domain: Domain) -> Result<(), BadSignature> {
        verify(key, domain, &self.0, &self.1)
    }
}

/// The unsigned integer that starts the CBOR array `bytes` (RFC 8949, section 3.1), whatever follows: another
/// version may have another shape. None if it doesn't start like that; the decoder will say what is wrong with it.
fn leading_version(bytes: &[u8]) -> Option<u64> {
    let (head, rest) = bytes.split_first()?;
    let (first, rest) = rest.split_first()?;
    match (*head, *first) {
        (0x80..=0x97, small @ 0..=0x17) => Some(u64::from(small)),
        (0x80..=0x97, width @ 0x18..=0x1b) => {
            let number = rest.get(..1 << (width - 0x18))?;
            Some(number.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_found_in_front_of_any_shape() {
        assert_eq!(leading_version(&[0x81, 1]), Some(1));
        assert_eq!(leading_version(&[0x82, 0x17, 0xff]), Some(23));
        assert_eq!(leading_version(&[0x97, 0x18, 200]), Some(200));
        assert_eq!(leading_version(&[0x81, 0x1b, 255, 255, 255, 255, 255, 255, 255, 255, 0]), Some(u64::MAX));
    }

    #[test]
    fn what_is_not_an_array_with_a_version_has_none() {
        for bytes in [&[][..], &[0x81], &[0xa1, 1], &[0x81, 0x20], &[0x81, 0x19, 1], &[0x98, 1, 1]] {
            assert_eq!(leading_version(bytes), None);
        }
    }
}
