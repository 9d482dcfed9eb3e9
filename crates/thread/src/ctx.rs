//! What every operation on a thread is given, and OpenMLS's view of it.

use crate::{storage::MlsStorage, verified::VerifiedRecords};
use frontdesk_capability::Revocations;
use frontdesk_identity::{DeviceKeys, DeviceRecord, DeviceRecordError, SignedDeviceRecord, UnixTime};
use frontdesk_store::Overlay;
use openmls_rust_crypto::RustCrypto;
use openmls_traits::{
    OpenMlsProvider,
    random::OpenMlsRand,
    signatures::{Signer, SignerError},
    types::SignatureScheme,
};
use rand_chacha::ChaCha20Rng;
use rand_core::Rng as _;
use std::{cell::RefCell, convert::Infallible, fmt};

/// The cryptography of MLS. Make one for an engine and use it for all threads.
///
/// HPKE encapsulation inside takes its randomness from the system, since the provider has no other way in; all that
/// OpenMLS draws for itself comes from [`Ctx::rng`].
#[derive(Debug, Default)]
pub struct Mls(pub(crate) RustCrypto, pub(crate) VerifiedRecords);

impl Mls {
    /// The cryptography, seeded from the system.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Verifies a device record, or finds that it was verified of late.
    ///
    /// # Errors
    /// As [`SignedDeviceRecord::verify`].
    pub fn verify(&self, signed: &SignedDeviceRecord) -> Result<DeviceRecord, DeviceRecordError> {
        self.1.verify(signed)
    }
}

/// What one step works with: where it writes, by whose keys, at what time.
pub struct Ctx<'a> {
    /// Where the state is read, and where everything that changes is written; nothing is written anywhere else.
    pub overlay: &'a Overlay<'a>,
    /// The engine's cryptography.
    pub mls: &'a Mls,
    /// The randomness of this step. Seed it freshly for each step, from a seed that is never used again.
    pub rng: RefCell<ChaCha20Rng>,
    /// This device's secret keys.
    pub keys: &'a DeviceKeys,
    /// This device's record; its bytes are the MLS credential.
    pub record: &'a DeviceRecord,
    /// The time by which grants are judged.
    pub now: UnixTime,
    /// What has been revoked.
    pub revocations: &'a Revocations,
}

impl<'a> Ctx<'a> {
    pub(crate) const fn storage(&self) -> MlsStorage<'a> {
        MlsStorage(self.overlay)
    }

    pub(crate) const fn provider(&self) -> Provider<'_> {
        Provider { mls: self.mls, storage: MlsStorage(self.overlay), rand: Rand(&self.rng) }
    }

    pub(crate) const fn signer(&self) -> LeafSigner<'_> {
        LeafSigner(self.keys)
    }
}

impl fmt::Debug for Ctx<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ctx")
            .field("device", &self.record.id())
            .field("now", &self.now)
            .finish_non_exhaustive()
    }
}

/// OpenMLS's view of a [`Ctx`].
pub(crate) struct Provider<'a> {
    mls: &'a Mls,
    storage: MlsStorage<'a>,
    rand: Rand<'a>,
}

impl<'a> OpenMlsProvider for Provider<'a> {
    type CryptoProvider = RustCrypto;
    type RandProvider = Rand<'a>;
    type StorageProvider = MlsStorage<'a>;

    fn storage(&self) -> &Self::StorageProvider {
        &self.storage
    }

    fn crypto(&self) -> &Self::CryptoProvider {
        &self.mls.0
    }

    fn rand(&self) -> &Self::RandProvider {
        &self.rand
    }
}

pub(crate) struct Rand<'a>(&'a RefCell<ChaCha20Rng>);

impl OpenMlsRand for Rand<'_> {
    type Error = Infallible;

    fn random_array<const N: usize>(&self) -> Result<[u8; N], Infallible> {
        let mut bytes = [0; N];
        self.0.borrow_mut().fill_bytes(&mut bytes);
        Ok(bytes)
    }

    fn random_vec(&self, len: usize) -> Result<Vec<u8>, Infallible> {
        let mut bytes = vec![0; len];
        self.0.borrow_mut().fill_bytes(&mut bytes);
        Ok(bytes)
    }
}

/// Signs MLS leaves and messages with the device's signing key. The labels of MLS (RFC 9420, section 5.1.2) keep
/// those signatures apart from Frontdesk's domains.
pub(crate) struct LeafSigner<'a>(&'a DeviceKeys);

impl Signer for LeafSigner<'_> {
    fn sign(&self, payload: &[u8]) -> Result<Vec<u8>, SignerError> {
        Ok(self.0.signing().sign_raw(payload).as_bytes().to_vec())
    }

    fn signature_scheme(&self) -> SignatureScheme {
        SignatureScheme::ED25519
    }
}
