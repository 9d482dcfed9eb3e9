//! The traffic of a thread: messages, changes of its members, and what makes up for losses.

use crate::{
    bounds::{Bounded, FIXED, are_heads, list, revocations_fit},
    content::Seq,
    limits,
};
use frontdesk_capability::{MAX_REVOCATION_BYTES, RevocationBytes};
use frontdesk_identity::{DeviceId, MAX_ADDRESS_RECORD, SignedAddressRecord, ThreadId};
use serde_bytes::ByteBuf;
use serde_tuple::{Deserialize_tuple, Serialize_tuple};

/// A sealed message of a thread.
#[derive(Debug, Clone, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct ThreadMessage {
    /// The thread.
    pub thread: ThreadId,
    /// Its era.
    pub era: u32,
    /// An MLS private message.
    pub sealed: ByteBuf,
}

/// A change of a thread's members, to those who are in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct CommitNotice {
    /// The thread.
    pub thread: ThreadId,
    /// Its era.
    pub era: u32,
    /// An MLS private message with the commit.
    pub commit: ByteBuf,
    /// Revocations that led to it.
    #[serde(deserialize_with = "list::<_, _, { limits::MAX_REVOCATIONS }>")]
    pub revocations: Vec<RevocationBytes>,
    /// Where added devices can be dialled.
    #[serde(deserialize_with = "list::<_, _, { limits::MAX_ADDRESS_RECORDS }>")]
    pub addresses: Vec<SignedAddressRecord>,
    /// Up to which number the steward has all that each device wrote that leaves: so far it wrote in time.
    #[serde(deserialize_with = "list::<_, _, { limits::MAX_SEEN }>")]
    pub departed: Vec<(DeviceId, Seq)>,
}

/// Where another member of a thread can be dialled now, for those that it can't tell itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct MemberAddress {
    /// The thread.
    pub thread: ThreadId,
    /// Its era.
    pub era: u32,
    /// The member's address record.
    pub address: SignedAddressRecord,
}

/// A member asks for messages that it missed: their author, or the steward once the author has left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct RefillRequest {
    /// The thread.
    pub thread: ThreadId,
    /// Its era.
    pub era: u32,
    /// Whose messages.
    pub author: DeviceId,
    /// The first number that is missing.
    pub from: Seq,
    /// The last, less than [`limits::MAX_REFILL`] after it.
    pub to: Seq,
}

/// A message that a member missed, sealed anew for it by its author, or by the steward for an author that has left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct Refill {
    /// The thread.
    pub thread: ThreadId,
    /// Its era.
    pub era: u32,
    /// The epoch that the key is of.
    pub epoch: u64,
    /// A signed content, sealed under a key of that epoch for this reader.
    pub sealed: ByteBuf,
}

/// A member that lost a thread's keys asks the steward to be added anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct Rejoin {
    /// The thread.
    pub thread: ThreadId,
    /// A fresh key package of the asker.
    pub key_package: ByteBuf,
}

impl Bounded for ThreadMessage {
    const MAX_BYTES: usize = FIXED + limits::MAX_SEALED;

    fn is_bounded(&self) -> bool {
        self.sealed.len() <= limits::MAX_SEALED
    }
}

impl Bounded for CommitNotice {
    const MAX_BYTES: usize = FIXED
        + limits::MAX_COMMIT
        + limits::MAX_REVOCATIONS * (MAX_REVOCATION_BYTES + 3)
        + limits::MAX_ADDRESS_RECORDS * (MAX_ADDRESS_RECORD + 3)
        + limits::MAX_SEEN * (DeviceId::LEN + 12);

    fn is_bounded(&self) -> bool {
        self.commit.len() <= limits::MAX_COMMIT
            && revocations_fit(&self.revocations)
            && are_heads(&self.departed)
    }
}

impl Bounded for MemberAddress {
    const MAX_BYTES: usize = FIXED + MAX_ADDRESS_RECORD;

    fn is_bounded(&self) -> bool {
        true
    }
}

impl Bounded for RefillRequest {
    const MAX_BYTES: usize = FIXED;

    fn is_bounded(&self) -> bool {
        self.from.is_bounded()
            && self.to.is_bounded()
            && self.from <= self.to
            && self.to.0.saturating_sub(self.from.0) < limits::MAX_REFILL
    }
}

impl Bounded for Refill {
    const MAX_BYTES: usize = FIXED + limits::MAX_SEALED_REFILL;

    fn is_bounded(&self) -> bool {
        self.sealed.len() <= limits::MAX_SEALED_REFILL
    }
}

impl Bounded for Rejoin {
    const MAX_BYTES: usize = FIXED + limits::MAX_KEY_PACKAGE;

    fn is_bounded(&self) -> bool {
        self.key_package.len() <= limits::MAX_KEY_PACKAGE
    }
}
