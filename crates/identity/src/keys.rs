//! Secret keys: a principal's root key and the three keys of a device.
//!
//! The live types know how to sign; the `Stored*` types are the bytes that a key file keeps. All are wiped when
//! dropped and redacted in `Debug`.

use crate::{
    codec::{DecodeError, decode_versioned, encode},
    ids::{DeviceId, PrincipalId, SealKey, TransportKey},
    sign::{Domain, SecretSigningKey, Signature, WeakKey},
};
use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteArray;
use std::fmt;
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::{Zeroize, Zeroizing};

/// The stored forms have this version.
const VERSION: u64 = 1;
/// A bound for the stored forms; the longer of them has 104 bytes.
const MAX_STORED: usize = 128;

/// The secret root key of a principal (Ed25519). It signs little and can be kept offline.
#[derive(Clone)]
pub struct RootKey(SecretSigningKey);

impl RootKey {
    /// A fresh key.
    pub fn generate<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        Self(SecretSigningKey::generate(rng))
    }

    /// The key of a 32-byte seed (RFC 8032, section 5.1.5).
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SecretSigningKey::from_seed(seed))
    }

    /// The seed, for a recovery phrase or a sealed file.
    #[must_use]
    pub fn to_seed(&self) -> Zeroizing<[u8; 32]> {
        self.0.to_seed()
    }

    /// The principal that this key is the root of.
    #[must_use]
    pub fn principal(&self) -> PrincipalId {
        PrincipalId::from_bytes(self.0.public())
    }

    /// Signs `payload` in `domain`.
    #[must_use]
    pub fn sign(&self, domain: Domain, payload: &[u8]) -> Signature {
        self.0.sign(domain, payload)
    }
}

impl fmt::Debug for RootKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RootKey(redacted)")
    }
}

/// The secret keys of one device. They never leave it.
#[derive(Clone)]
pub struct DeviceKeys {
    transport: SecretSigningKey,
    signing: SecretSigningKey,
    seal: StaticSecret,
}

impl DeviceKeys {
    /// Fresh keys.
    pub fn generate<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        Self {
            transport: SecretSigningKey::generate(rng),
            signing: SecretSigningKey::generate(rng),
            seal: StaticSecret::random_from_rng(rng),
        }
    }

    /// The device's id: its public signing key.
    #[must_use]
    pub fn id(&self) -> DeviceId {
        DeviceId::from_bytes(self.signing.public())
    }

    /// The secret transport key (Ed25519), for the network's handshake and the device record.
    #[must_use]
    pub const fn transport(&self) -> &SecretSigningKey {
        &self.transport
    }

    /// The public transport key.
    #[must_use]
    pub fn transport_public(&self) -> TransportKey {
        TransportKey::from_bytes(self.transport.public())
    }

    /// The secret signing key (Ed25519), for grants, records, messages and the MLS leaf.
    #[must_use]
    pub const fn signing(&self) -> &SecretSigningKey {
        &self.signing
    }

    /// The public seal key (X25519).
    #[must_use]
    pub fn seal_public(&self) -> SealKey {
        SealKey::from_bytes(PublicKey::from(&self.seal).to_bytes())
    }
}

impl fmt::Debug for DeviceKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DeviceKeys({}, redacted)", self.id().fmt_short())
    }
}

/// Checks that an X25519 public key leads to a shared secret that only its two parties know (RFC 7748, section 6.1):
/// the points of small order give zero with every secret.
///
/// # Errors
/// [`WeakKey`].
pub fn check_seal_key(key: &SealKey) -> Result<(), WeakKey> {
    // Every clamped scalar is a multiple of the cofactor, so any one of them finds the points of small order.
    let any = StaticSecret::from([1; 32]);
    let shared = any.diffie_hellman(&PublicKey::from(*key.as_bytes()));
    if shared.was_contributory() { Ok(()) } else { Err(WeakKey) }
}

/// A root key as a key file keeps it: CBOR `[1, seed]`.
pub struct StoredRootKey(Zeroizing<Vec<u8>>);

#[derive(Serialize, Deserialize)]
struct RootKeyFields(u64, SecretBytes);

impl From<&RootKey> for StoredRootKey {
    fn from(key: &RootKey) -> Self {
        Self(stored(&RootKeyFields(VERSION, SecretBytes::from(&*key.to_seed()))))
    }
}

impl TryFrom<&StoredRootKey> for RootKey {
    type Error = DecodeError;

    fn try_from(stored: &StoredRootKey) -> Result<Self, DecodeError> {
        let fields: RootKeyFields = decode_versioned(&stored.0, MAX_STORED, VERSION)?;
        Ok(Self::from_seed(fields.1.as_bytes()))
    }
}

/// The keys of a device as a key file keeps them: CBOR `[1, transport seed, signing seed, seal secret]`.
pub struct StoredDeviceKeys(Zeroizing<Vec<u8>>);

#[derive(Serialize, Deserialize)]
struct DeviceKeyFields(u64, SecretBytes, SecretBytes, SecretBytes);

impl From<&DeviceKeys> for StoredDeviceKeys {
    fn from(keys: &DeviceKeys) -> Self {
        Self(stored(&DeviceKeyFields(
            VERSION,
            SecretBytes::from(&*keys.transport.to_seed()),
            SecretBytes::from(&*keys.signing.to_seed()),
            SecretBytes::from(keys.seal.as_bytes()),
        )))
    }
}

impl TryFrom<&StoredDeviceKeys> for DeviceKeys {
    type Error = DecodeError;

    fn try_from(stored: &StoredDeviceKeys) -> Result<Self, DecodeError> {
        let fields: DeviceKeyFields = decode_versioned(&stored.0, MAX_STORED, VERSION)?;
        Ok(Self {
            transport: SecretSigningKey::from_seed(fields.1.as_bytes()),
            signing: SecretSigningKey::from_seed(fields.2.as_bytes()),
            seal: StaticSecret::from(*fields.3.as_bytes()),
        })
    }
}

/// Encoding fixed arrays can't fail; were it ever to, the empty bytes would be refused when read.
fn stored<T: Serialize>(fields: &T) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(encode(fields).unwrap_or_default())
}

macro_rules! stored_form {
    ($name:ident) => {
        impl $name {
            /// Takes bytes out of an opened key file; they are looked at when converted to live keys.
            #[must_use]
            pub const fn from_bytes(bytes: Zeroizing<Vec<u8>>) -> Self {
                Self(bytes)
            }

            /// The bytes to put into a key file. They are the secret.
            #[must_use]
            pub fn as_bytes(&self) -> &[u8] {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(redacted)"))
            }
        }
    };
}

stored_form!(StoredRootKey);
stored_form!(StoredDeviceKeys);

/// 32 secret bytes on their way to or from storage.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
struct SecretBytes(ByteArray<32>);

impl SecretBytes {
    fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl From<&[u8; 32]> for SecretBytes {
    fn from(bytes: &[u8; 32]) -> Self {
        Self(ByteArray::new(*bytes))
    }
}

impl Drop for SecretBytes {
    fn drop(&mut self) {
        self.0.as_mut_slice().zeroize();
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::testing::{device_keys, rng};

    #[test]
    fn keys_come_back_from_their_stored_form() {
        let keys = device_keys(1);
        let stored = StoredDeviceKeys::from(&keys);
        let again = DeviceKeys::try_from(&stored).unwrap();
        assert_eq!(again.id(), keys.id());
        assert_eq!(again.transport_public(), keys.transport_public());
        assert_eq!(again.seal_public(), keys.seal_public());

        let root = RootKey::generate(&mut rng(1));
        let again = RootKey::try_from(&StoredRootKey::from(&root)).unwrap();
        assert_eq!(again.principal(), root.principal());
    }

    #[test]
    fn the_four_keys_of_a_principal_and_its_device_differ() {
        let keys = device_keys(1);
        let root = RootKey::generate(&mut rng(2));
        let mut all = vec![
            *root.principal().as_bytes(),
            *keys.id().as_bytes(),
            *keys.transport_public().as_bytes(),
            *keys.seal_public().as_bytes(),
        ];
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 4);
    }

    #[test]
    fn a_stored_key_of_one_kind_is_not_read_as_the_other() {
        let stored = StoredDeviceKeys::from(&device_keys(1));
        let as_root = StoredRootKey::from_bytes(Zeroizing::new(stored.as_bytes().to_vec()));
        assert!(RootKey::try_from(&as_root).is_err());
    }

    #[test]
    fn a_stored_key_of_a_later_version_is_named() {
        let bytes = encode(&(2u64, ByteArray::new([1u8; 32]))).unwrap();
        let refusal = RootKey::try_from(&StoredRootKey::from_bytes(Zeroizing::new(bytes))).unwrap_err();
        assert_eq!(refusal, DecodeError::UnknownVersion { found: 2, known: 1 });
    }

    #[test]
    fn seal_keys_of_small_order_are_refused() {
        let low_order = [
            "0000000000000000000000000000000000000000000000000000000000000000",
            "0100000000000000000000000000000000000000000000000000000000000000",
            "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
            "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        ];
        for hex in low_order {
            assert_eq!(check_seal_key(&hex.parse().unwrap()), Err(WeakKey), "{hex}");
        }
        assert_eq!(check_seal_key(&device_keys(1).seal_public()), Ok(()));
    }
}
