//! Key packages: what a device publishes so that it can be added to a thread while it is away.

use crate::{
    config::{STATE_EXTENSION, capabilities, credential, lifetime},
    ctx::{Ctx, Mls},
    limits::MAX_KEY_PACKAGE,
    member::{Leaf, LeafError},
    storage::StorageError,
    suite::Suite,
    verified::VerifiedRecords,
};
use frontdesk_identity::{DeviceId, DeviceRecord};
use openmls::prelude::{
    ExtensionType, KeyPackage as MlsKeyPackage, KeyPackageIn, ProtocolVersion,
    tls_codec::{Deserialize as _, Serialize as _},
};
use openmls_traits::storage::StorageProvider as _;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A key package as it travels: TLS-encoded `KeyPackage` (RFC 9420, section 10). Nothing in it may be believed
/// before [`verify`](Self::verify).
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyPackageBytes(#[serde(with = "serde_bytes")] Vec<u8>);

/// A key package whose signatures hold, of a device whose record holds.
#[derive(Debug, Clone)]
pub struct KeyPackage {
    pub(crate) mls: MlsKeyPackage,
    device: DeviceRecord,
    suite: Suite,
}

/// Why a key package was refused. All causes are its maker's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyPackageRefusal {
    /// Longer than [`MAX_KEY_PACKAGE`]; nothing was parsed.
    #[error("{len} bytes are more than a key package may have")]
    TooLong {
        /// Length in bytes.
        len: usize,
    },
    /// Not a key package, or bytes follow it.
    #[error("not a key package")]
    Malformed,
    /// Of a cipher suite that is not used here.
    #[error("of a cipher suite that is not used here")]
    UnknownSuite,
    /// A signature does not hold, or the package breaks another rule of RFC 9420, section 10.1.
    #[error("a signature does not hold, or the package is not well-formed")]
    Invalid,
    /// The leaf doesn't speak for a device.
    #[error(transparent)]
    Leaf(#[from] LeafError),
    /// The device does not declare that it knows the thread state extension.
    #[error("the device does not declare that it knows the thread state")]
    Incapable,
    /// The package has an extension that has no place in a thread.
    #[error("an extension has no place in a thread")]
    Extension,
    /// The lifetime is not the unlimited one. A limited one would be judged by each member's own clock, and split the
    /// thread; grants are what ends.
    #[error("the lifetime is not the unlimited one")]
    Lifetime,
}

/// Why a key package could not be made or deleted.
#[derive(Debug, thiserror::Error)]
pub enum KeyPackageError {
    /// The bytes to delete are no key package.
    #[error(transparent)]
    Refused(#[from] KeyPackageRefusal),
    /// The store failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// MLS could not make it. A defect of ours.
    #[error("MLS could not make the key package: {0}")]
    Mls(String),
}

/// Makes a key package and stores its private parts. Joining a thread by it deletes those, so each is used once,
/// except by a `last_resort` one, which stands in when the others are used up.
///
/// # Errors
/// [`KeyPackageError::Storage`], [`KeyPackageError::Mls`].
pub fn new_key_package(
    ctx: &Ctx<'_>,
    suite: Suite,
    last_resort: bool,
) -> Result<KeyPackageBytes, KeyPackageError> {
    let mut builder =
        MlsKeyPackage::builder().key_package_lifetime(lifetime()).leaf_node_capabilities(capabilities());
    if last_resort {
        builder = builder.mark_as_last_resort();
    }
    let bundle = builder
        .build(suite.mls(), &ctx.provider(), &ctx.signer(), credential(ctx))
        .map_err(|error| KeyPackageError::Mls(error.to_string()))?;
    let bytes = bundle.key_package().tls_serialize_detached();
    bytes.map(KeyPackageBytes).map_err(|error| KeyPackageError::Mls(error.to_string()))
}

/// Deletes the private parts of a key package that is to be used no more.
///
/// # Errors
/// [`KeyPackageError`].
pub fn delete_key_package(ctx: &Ctx<'_>, package: &KeyPackageBytes) -> Result<(), KeyPackageError> {
    let package = package.verify(ctx.mls)?;
    let reference =
        package.mls.hash_ref(&ctx.mls.0).map_err(|error| KeyPackageError::Mls(error.to_string()))?;
    Ok(ctx.storage().delete_key_package(&reference)?)
}

impl KeyPackageBytes {
    /// Wraps bytes from anywhere.
    #[must_use]
    pub const fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The raw bytes.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        &self.0
    }

    /// Decodes and checks everything: size, signatures, suite, the device record, what the device declares.
    ///
    /// # Errors
    /// [`KeyPackageRefusal`], a variant for each cause.
    pub fn verify(&self, mls: &Mls) -> Result<KeyPackage, KeyPackageRefusal> {
        if self.0.len() > MAX_KEY_PACKAGE {
            return Err(KeyPackageRefusal::TooLong { len: self.0.len() });
        }
        // The streaming decoder: the other one of the codec asserts, in debug builds, that lengths are honest.
        let package =
            KeyPackageIn::tls_deserialize_exact(&self.0).map_err(|_| KeyPackageRefusal::Malformed)?;
        let package = package.validate(&mls.0, ProtocolVersion::Mls10);
        check(package.map_err(|_| KeyPackageRefusal::Invalid)?, &mls.1)
    }
}

fn check(mls: MlsKeyPackage, verified: &VerifiedRecords) -> Result<KeyPackage, KeyPackageRefusal> {
    let suite = Suite::from_code(mls.ciphersuite().into()).map_err(|_| KeyPackageRefusal::UnknownSuite)?;
    let leaf = mls.leaf_node();
    let device = verified.of(&Leaf::of(leaf))?;
    if !leaf.capabilities().extensions().contains(&ExtensionType::Unknown(STATE_EXTENSION)) {
        return Err(KeyPackageRefusal::Incapable);
    }
    let allowed = |kind| kind == ExtensionType::LastResort;
    if leaf.extensions().iter().next().is_some()
        || !mls.extensions().iter().all(|extension| allowed(extension.extension_type()))
    {
        return Err(KeyPackageRefusal::Extension);
    }
    if *mls.life_time() != lifetime() {
        return Err(KeyPackageRefusal::Lifetime);
    }
    Ok(KeyPackage { mls, device, suite })
}

impl KeyPackage {
    /// The cipher suite. A key package fits threads of its suite alone.
    #[must_use]
    pub const fn suite(&self) -> Suite {
        self.suite
    }

    /// The record of the device that made it. That its principal agrees is for a chain of grants to show.
    #[must_use]
    pub const fn device(&self) -> &DeviceRecord {
        &self.device
    }

    /// The device that made it.
    #[must_use]
    pub const fn device_id(&self) -> DeviceId {
        self.device.id()
    }

    /// Whether it may be used more than once.
    #[must_use]
    pub fn last_resort(&self) -> bool {
        self.mls.last_resort()
    }
}

impl fmt::Debug for KeyPackageBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyPackageBytes({} bytes)", self.0.len())
    }
}
