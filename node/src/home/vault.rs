//! The file `keys`: the secrets of this device and the key of its store, in one key file.

use super::passphrase::{PassphraseError, PassphraseSource};
use frontdesk_identity::{
    DeviceKeys, KeyFileError, PassphraseCost, PrivateFileError, Protection, StoredDeviceKeys,
    codec::{self, DecodeError},
    open_key_file, read_private, seal_key_file, write_private,
};
use frontdesk_store::MasterKey;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use std::{fmt, path::Path};
use zeroize::{Zeroize as _, Zeroizing};

const VERSION: u64 = 1;
const MAX_VAULT: usize = 1024;

/// All secrets of a home. The root key of a principal is not among them: it is in the recovery phrase alone.
pub(crate) struct Vault {
    pub(crate) device: DeviceKeys,
    store: Zeroizing<[u8; 32]>,
}

/// Why the keys can't be read or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum VaultError {
    /// The file itself.
    #[error(transparent)]
    File(#[from] PrivateFileError),
    /// Its protection.
    #[error(transparent)]
    KeyFile(#[from] KeyFileError),
    /// The passphrase could not be had.
    #[error(transparent)]
    Passphrase(#[from] PassphraseError),
    /// Intact, and yet not the keys of a device.
    #[error("the key file does not hold the keys of a device: {0}")]
    Content(#[from] DecodeError),
}

/// `[version, device keys, store key]`.
#[derive(Serialize, Deserialize)]
struct Content(u64, SecretBytes, SecretBytes);

impl Vault {
    /// Fresh keys.
    pub(crate) fn generate() -> Self {
        Self::of_device(DeviceKeys::generate(&mut crate::random::generator()))
    }

    /// The keys of a device, with a fresh key for a fresh store.
    pub(crate) fn of_device(device: DeviceKeys) -> Self {
        Self { device, store: crate::random::seed() }
    }

    pub(crate) fn store_key(&self) -> MasterKey {
        let mut copy = self.store.clone();
        MasterKey::take(&mut copy)
    }

    /// The symmetric key.
    pub(crate) fn key(&self) -> &[u8; 32] {
        &self.store
    }

    /// The bytes of a key file with these keys in it.
    pub(crate) fn seal(&self, protection: Protection<'_>) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let keys = StoredDeviceKeys::from(&self.device);
        let content =
            Content(VERSION, SecretBytes::of(keys.as_bytes()), SecretBytes::of(self.store.as_slice()));
        let secret = Zeroizing::new(codec::encode(&content)?);
        Ok(seal_key_file(&secret, protection, &mut crate::random::generator())?)
    }

    /// Reads the bytes of a key file, and asks for the passphrase if there is one.
    pub(crate) fn open(file: &[u8], passphrase: &PassphraseSource) -> Result<Self, VaultError> {
        let secret = match open_key_file(file, None) {
            Err(KeyFileError::PassphraseNeeded) => open_key_file(file, Some(&passphrase.existing()?))?,
            other => other?,
        };
        let Content(_, keys, store) = codec::decode_versioned(&secret, MAX_VAULT, VERSION)?;
        let stored = StoredDeviceKeys::from_bytes(Zeroizing::new(keys.0.to_vec()));
        let store = store.0.as_slice().try_into().map_err(|_| DecodeError::Malformed)?;
        Ok(Self { device: DeviceKeys::try_from(&stored)?, store: Zeroizing::new(store) })
    }

    pub(crate) fn save(&self, path: &Path, protection: Protection<'_>) -> Result<(), VaultError> {
        Ok(write_private(path, &self.seal(protection)?)?)
    }

    pub(crate) fn load(path: &Path, passphrase: &PassphraseSource) -> Result<Self, VaultError> {
        Self::open(&read_private(path)?, passphrase)
    }

    /// True if the file can't be read without a passphrase.
    pub(crate) fn is_sealed(path: &Path) -> Result<bool, VaultError> {
        match open_key_file(&read_private(path)?, None) {
            Ok(_) => Ok(false),
            Err(KeyFileError::PassphraseNeeded) => Ok(true),
            Err(error) => Err(error.into()),
        }
    }
}

/// How a new key file is protected: by a passphrase if there is one.
pub(crate) fn protection(passphrase: Option<&frontdesk_identity::Passphrase>) -> Protection<'_> {
    match passphrase {
        Some(passphrase) => Protection::Passphrase { passphrase, cost: PassphraseCost::DEFAULT },
        None => Protection::Plain,
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault").field("device", &self.device.id().fmt_short()).finish_non_exhaustive()
    }
}

/// Secret bytes on their way to or from a file: wiped when dropped.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
struct SecretBytes(ByteBuf);

impl SecretBytes {
    fn of(bytes: &[u8]) -> Self {
        Self(ByteBuf::from(bytes.to_vec()))
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
    use crate::mutation::{Mutator, cases};
    use frontdesk_identity::Passphrase;

    fn passphrase_in_a_file(dir: &Path, text: &str) -> PassphraseSource {
        let path = dir.join("passphrase");
        write_private(&path, text.as_bytes()).unwrap();
        PassphraseSource::File(path)
    }

    #[test]
    fn keys_come_back_from_a_plain_and_from_a_sealed_file() {
        let dir = tempfile::tempdir().unwrap();
        let (path, vault) = (dir.path().join("keys"), Vault::generate());
        vault.save(&path, Protection::Plain).unwrap();
        assert!(!Vault::is_sealed(&path).unwrap());
        assert_eq!(Vault::load(&path, &PassphraseSource::None).unwrap().device.id(), vault.device.id());

        let passphrase = Passphrase::new("open sesame".to_owned());
        vault.save(&path, protection(Some(&passphrase))).unwrap();
        assert!(Vault::is_sealed(&path).unwrap());
        let opened = Vault::load(&path, &passphrase_in_a_file(dir.path(), "open sesame\n")).unwrap();
        assert_eq!(opened.device.id(), vault.device.id());
        assert_eq!(opened.store, vault.store);
        let wrong = Vault::load(&path, &passphrase_in_a_file(dir.path(), "open sesam")).unwrap_err();
        assert!(matches!(wrong, VaultError::KeyFile(KeyFileError::WrongPassphrase)));
        let none = Vault::load(&path, &PassphraseSource::None).unwrap_err();
        assert!(matches!(none, VaultError::Passphrase(PassphraseError::Needed)));
    }

    /// Whoever has the passphrase can write what it wants into the file: the keys that are read are those that stand there.
    #[test]
    fn no_mutation_of_a_vaults_content_gives_other_keys_than_stand_in_it() {
        let vault = Vault::generate();
        let secret_of = |vault: &Vault| open_key_file(&vault.seal(Protection::Plain).unwrap(), None).unwrap();
        let good = secret_of(&vault);
        let mut mutator = Mutator::new(4);
        let mut refused = 0;
        for case in 0..cases(2_000) {
            let bad = mutator.mutate(&good);
            let file = seal_key_file(&bad, Protection::Plain, &mut crate::random::generator());
            // Nothing, or too much, is not sealed at all.
            let Ok(file) = file else { continue };
            match Vault::open(&file, &PassphraseSource::None) {
                Ok(opened) => assert_eq!(secret_of(&opened).as_slice(), bad, "case {case}"),
                Err(_) => refused += 1,
            }
        }
        assert!(refused > 1_000, "{refused}");
    }

    #[test]
    fn debug_shows_no_key() {
        let vault = Vault::generate();
        let shown = format!("{vault:?}");
        assert_eq!(shown, format!("Vault {{ device: \"{}\", .. }}", vault.device.id().fmt_short()));
    }
}
