//! First contact: a guest asks for what it needs, gets it, and opens a thread. One round trip and one flight.

use crate::{
    body::RequestId,
    bounds::{Bounded, FIXED, chain_fits, list},
    limits,
    profile::SignedProfile,
};
use frontdesk_capability::{ChainBytes, MAX_CHAIN_BYTES};
use frontdesk_identity::{
    MAX_ADDRESS_RECORD, MAX_DEVICE_RECORD, PrincipalId, SignedAddressRecord, SignedDeviceRecord, ThreadId,
};
use serde_bytes::ByteBuf;
use serde_tuple::{Deserialize_tuple, Serialize_tuple};

/// A guest asks a reception device for what it needs to open a thread.
#[derive(Debug, Clone, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct ContactRequest {
    /// Names the request.
    pub request: RequestId,
    /// The entity that is meant.
    pub host: PrincipalId,
    /// The guest's device.
    pub record: SignedDeviceRecord,
    /// The guest principal's grant to its device.
    pub chain: ChainBytes,
    /// Cipher suites that the guest can use, by MLS code point, best first.
    #[serde(deserialize_with = "list::<_, _, { limits::MAX_SUITES }>")]
    pub suites: Vec<u16>,
    /// Where the guest can be dialled.
    pub address: SignedAddressRecord,
}

/// The answer to a [`ContactRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct ContactOffer {
    /// The request's name.
    pub request: RequestId,
    /// The entity's profile.
    pub profile: SignedProfile,
    /// The administrator node's device record.
    pub record: SignedDeviceRecord,
    /// Its grant, with `accept`.
    pub chain: ChainBytes,
    /// A key package of the administrator node, for this request alone.
    pub key_package: ByteBuf,
    /// Where it can be dialled.
    pub address: SignedAddressRecord,
}

/// The guest opens the thread.
#[derive(Debug, Clone, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct ContactOpen {
    /// The request's name.
    pub request: RequestId,
    /// The new thread.
    pub thread: ThreadId,
    /// MLS Welcome.
    pub welcome: ByteBuf,
    /// The first message, sealed.
    pub message: ByteBuf,
}

impl Bounded for ContactRequest {
    const MAX_BYTES: usize = FIXED + MAX_DEVICE_RECORD + MAX_CHAIN_BYTES + MAX_ADDRESS_RECORD;

    fn is_bounded(&self) -> bool {
        chain_fits(&self.chain)
    }
}

impl Bounded for ContactOffer {
    const MAX_BYTES: usize = FIXED
        + limits::MAX_SIGNED_PROFILE
        + MAX_DEVICE_RECORD
        + MAX_CHAIN_BYTES
        + limits::MAX_KEY_PACKAGE
        + MAX_ADDRESS_RECORD;

    fn is_bounded(&self) -> bool {
        self.profile.is_bounded()
            && chain_fits(&self.chain)
            && self.key_package.len() <= limits::MAX_KEY_PACKAGE
    }
}

impl Bounded for ContactOpen {
    const MAX_BYTES: usize = FIXED + limits::MAX_WELCOME + limits::MAX_SEALED;

    fn is_bounded(&self) -> bool {
        self.welcome.len() <= limits::MAX_WELCOME && self.message.len() <= limits::MAX_SEALED
    }
}
