//! Members: a device, and the right by which it is here.

use frontdesk_capability::{Ability, Chain, ChainBytes, Refusal, Revocations, Scope};
use frontdesk_identity::{
    DeviceId, DeviceRecord, DeviceRecordError, PrincipalId, SignedDeviceRecord, UnixTime,
};
use openmls::prelude::{BasicCredential, Credential, LeafNode};

/// Which of the two principals a member belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// The customer's.
    Guest,
    /// The entity's.
    Host,
}

/// A member of a thread, verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The device.
    pub record: DeviceRecord,
    /// By which right it is here.
    pub chain: Chain,
    /// For whom.
    pub side: Side,
}

/// A leaf of the tree: the credential's content and the signature key, both as MLS carries them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Leaf {
    pub(crate) credential: Vec<u8>,
    pub(crate) key: Vec<u8>,
}

/// Why a leaf doesn't speak for a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LeafError {
    /// The credential is not a device record, as far as its shape goes.
    #[error("the credential is not a device record")]
    NotARecord,
    /// The device record does not hold.
    #[error(transparent)]
    Record(DeviceRecordError),
    /// The leaf's signature key is not the signing key of the record.
    #[error("the leaf's signature key is not the signing key of the device record")]
    KeyMismatch,
}

impl Leaf {
    pub(crate) fn of(leaf: &LeafNode) -> Self {
        Self::new(leaf.credential(), leaf.signature_key().as_slice())
    }

    pub(crate) fn new(credential: &Credential, key: &[u8]) -> Self {
        Self { credential: identity(credential), key: key.to_vec() }
    }

    /// The device that the leaf speaks for, if its record holds.
    pub(crate) fn device(&self) -> Option<DeviceId> {
        self.key.as_slice().try_into().ok().map(DeviceId::from_bytes)
    }

    /// The record in the credential; nothing is verified yet.
    pub(crate) fn signed(&self) -> Result<SignedDeviceRecord, LeafError> {
        SignedDeviceRecord::from_bytes(self.credential.as_slice()).map_err(|_| LeafError::NotARecord)
    }
}

impl From<DeviceRecordError> for LeafError {
    fn from(error: DeviceRecordError) -> Self {
        match error {
            DeviceRecordError::Decode(_) => Self::NotARecord,
            DeviceRecordError::WeakPrincipal
            | DeviceRecordError::WeakSigningKey
            | DeviceRecordError::WeakTransportKey
            | DeviceRecordError::WeakSealKey
            | DeviceRecordError::SharedKey
            | DeviceRecordError::BadSignature
            | DeviceRecordError::BadTransportSignature => Self::Record(error),
        }
    }
}

/// The content of a basic credential; nothing for another kind, which then is no device record.
pub(crate) fn identity(credential: &Credential) -> Vec<u8> {
    BasicCredential::try_from(credential.clone()).map(|basic| basic.identity().to_vec()).unwrap_or_default()
}

/// When a chain must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holds {
    /// Now, and unrevoked.
    Now,
    /// At some time: lawful and signed. Whoever came in by it is muted by the check of each message when it ends.
    Once,
}

/// Verifies a chain of grants for `device`.
pub(crate) fn verify_chain(
    bytes: &ChainBytes,
    principal: &PrincipalId,
    device: &DeviceId,
    holds: Holds,
    (now, revocations): (UnixTime, &Revocations),
) -> Result<Chain, Refusal> {
    let chain = match (bytes.clone().verify(principal, now, revocations), holds) {
        (
            Err(Refusal::Expired { .. } | Refusal::NotYetValid { .. } | Refusal::Revoked { .. }),
            Holds::Once,
        ) => verify_in_its_window(bytes, principal)?,
        (verified, Holds::Now | Holds::Once) => verified?,
    };
    chain.held_by(device)?;
    Ok(chain)
}

/// Verifies a chain at a time inside its own window, found by halving: windows only narrow from link to link, so
/// each time is either too early for the last link, or too late, or right.
fn verify_in_its_window(bytes: &ChainBytes, principal: &PrincipalId) -> Result<Chain, Refusal> {
    let nothing_revoked = Revocations::new();
    let (mut low, mut high) = (0, u64::MAX);
    loop {
        let time = low + (high - low) / 2;
        match bytes.clone().verify(principal, UnixTime(time), &nothing_revoked) {
            Err(Refusal::NotYetValid { .. }) if time < high => low = time + 1,
            Err(Refusal::Expired { .. }) if low < time => high = time - 1,
            verified => return verified,
        }
    }
}

/// Whether a chain of the host lets its holder be in this thread: a grant on the thread with `read`, or the standing
/// right of an administrator (`accept`) or a default agent (`monitor`).
pub(crate) fn host_may_be_here(chain: &Chain, scope: Scope) -> Result<(), Refusal> {
    let abilities = chain.abilities();
    let standing = abilities.contains(Ability::Accept) || abilities.contains(Ability::Monitor);
    if chain.scope() == Scope::Principal && standing { Ok(()) } else { on_this_thread(chain, scope) }
}

fn on_this_thread(chain: &Chain, scope: Scope) -> Result<(), Refusal> {
    chain.permits(Ability::Read, scope)?;
    // Being enrolled with `read` is not being let into each thread.
    if chain.scope() == scope { Ok(()) } else { Err(Refusal::WrongThread) }
}
