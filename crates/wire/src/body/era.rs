//! A new era of a thread: an administrator's device offers to be its steward, the guest opens the era with it, and those of
//! the business who were in the thread come after. One round trip with the guest, who decides between two that offer at once.

use crate::{
    bounds::{Bounded, FIXED, are_heads, chain_fits, list},
    content::{Position, Seq},
    limits,
};
use frontdesk_capability::{ChainBytes, MAX_CHAIN_BYTES};
use frontdesk_identity::{
    DeviceId, MAX_ADDRESS_RECORD, MAX_DEVICE_RECORD, SignedAddressRecord, SignedDeviceRecord, ThreadId,
};
use serde_bytes::ByteBuf;
use serde_tuple::{Deserialize_tuple, Serialize_tuple};

/// A device of the host that may accept threads offers the guest to be the steward of a new era.
#[derive(Debug, Clone, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct EraOffer {
    /// The thread.
    pub thread: ThreadId,
    /// The era that the device knows of.
    pub era: u32,
    /// The device.
    pub record: SignedDeviceRecord,
    /// Its grant, with `accept` and `forward`.
    pub chain: ChainBytes,
    /// A key package of it, for this offer alone.
    pub key_package: ByteBuf,
    /// Where it can be dialled.
    pub address: SignedAddressRecord,
}

/// The guest opens the new era.
#[derive(Debug, Clone, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct EraOpen {
    /// The thread.
    pub thread: ThreadId,
    /// The new era.
    pub era: u32,
    /// MLS Welcome to a group of two, at most [`limits::MAX_ERA_WELCOME`] bytes.
    pub welcome: ByteBuf,
    /// The other devices of the host that were in the thread, as the guest knows it.
    #[serde(deserialize_with = "list::<_, _, { limits::MAX_MEMBERS }>")]
    pub members: Vec<EraMember>,
    /// Where those can be dialled.
    #[serde(deserialize_with = "list::<_, _, { limits::MAX_ADDRESS_RECORDS }>")]
    pub addresses: Vec<SignedAddressRecord>,
    /// The newest number of each author, ascending by author.
    #[serde(deserialize_with = "list::<_, _, { limits::MAX_SEEN }>")]
    pub heads: Vec<(DeviceId, Seq)>,
    /// The position after which the era's contents begin.
    pub position: Position,
}

/// A device that was in the era before, and by which right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct EraMember {
    /// The device.
    pub record: SignedDeviceRecord,
    /// Its grant.
    pub chain: ChainBytes,
}

/// The new steward tells those of its own business that they are waited for: each asks to be added by a
/// [`Rejoin`](crate::Rejoin).
#[derive(Debug, Clone, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct EraNotice {
    /// The thread.
    pub thread: ThreadId,
    /// The new era.
    pub era: u32,
    /// The steward.
    pub record: SignedDeviceRecord,
    /// Its grant, with `accept` and `forward`.
    pub chain: ChainBytes,
    /// Where it can be dialled.
    pub address: SignedAddressRecord,
}

/// A device that may lead threads, and has come into an era, tells its steward who else was in the thread as far as it knows:
/// it may have let them in itself, not knowing that another led by then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct EraMembers {
    /// The thread.
    pub thread: ThreadId,
    /// The present era.
    pub era: u32,
    /// Its grant, with `accept` and `forward`.
    pub chain: ChainBytes,
    /// Devices of the host that are not in it.
    #[serde(deserialize_with = "list::<_, _, { limits::MAX_MEMBERS }>")]
    pub members: Vec<EraMember>,
    /// Where those can be dialled.
    #[serde(deserialize_with = "list::<_, _, { limits::MAX_ADDRESS_RECORDS }>")]
    pub addresses: Vec<SignedAddressRecord>,
}

impl Bounded for EraOffer {
    const MAX_BYTES: usize =
        FIXED + MAX_DEVICE_RECORD + MAX_CHAIN_BYTES + limits::MAX_KEY_PACKAGE + MAX_ADDRESS_RECORD;

    fn is_bounded(&self) -> bool {
        chain_fits(&self.chain) && self.key_package.len() <= limits::MAX_KEY_PACKAGE
    }
}

/// Room for members and where they can be dialled.
const MEMBERS: usize = limits::MAX_MEMBERS * (MAX_DEVICE_RECORD + MAX_CHAIN_BYTES + 8)
    + limits::MAX_ADDRESS_RECORDS * (MAX_ADDRESS_RECORD + 3);

fn members_fit(members: &[EraMember]) -> bool {
    members.iter().all(|member| chain_fits(&member.chain))
}

impl Bounded for EraOpen {
    const MAX_BYTES: usize =
        FIXED + MEMBERS + limits::MAX_ERA_WELCOME + limits::MAX_SEEN * (DeviceId::LEN + 12);

    fn is_bounded(&self) -> bool {
        self.welcome.len() <= limits::MAX_ERA_WELCOME
            && members_fit(&self.members)
            && are_heads(&self.heads)
            && self.position <= Position::MAX
            && self.heads.iter().all(|(_, seq)| seq.0 <= self.position.0)
    }
}

impl Bounded for EraMembers {
    const MAX_BYTES: usize = FIXED + MAX_CHAIN_BYTES + MEMBERS;

    fn is_bounded(&self) -> bool {
        chain_fits(&self.chain) && members_fit(&self.members)
    }
}

impl Bounded for EraNotice {
    const MAX_BYTES: usize = FIXED + MAX_DEVICE_RECORD + MAX_CHAIN_BYTES + MAX_ADDRESS_RECORD;

    fn is_bounded(&self) -> bool {
        chain_fits(&self.chain)
    }
}
