//! What the store holds: one type for each record, as canonical CBOR with the version in front.

mod outgoing;

pub(crate) use outgoing::{About, Outgoing};

use frontdesk_capability::ChainBytes;
use frontdesk_identity::{
    DeviceId, DeviceRecord, DialAddress, PrincipalId, Role, SignedAddressRecord, SignedDeviceRecord,
    ThreadId, TransportKey, UnixTime,
    codec::{self, DecodeError},
};
use frontdesk_store::{Overlay, Reader, StoreError};
use frontdesk_wire::{Incarnation, JoinRequest, LinkSeq, Position, Reason, Refused, Seq, SignedContent};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_bytes::{ByteArray, ByteBuf};
use serde_tuple::{Deserialize_tuple, Serialize_tuple};

const VERSION: u8 = 1;
/// No record is larger: a frame and what belongs to it.
const MAX_RECORD: usize = frontdesk_wire::limits::MAX_FRAME + 4096;

#[derive(Serialize, Deserialize)]
struct Versioned<T>(u8, T);

fn damaged(error: &DecodeError) -> StoreError {
    StoreError::Damaged { what: format!("a record does not decode: {error}") }
}

pub(crate) fn decode<T: Serialize + DeserializeOwned>(bytes: &[u8]) -> Result<T, StoreError> {
    let Versioned(version, value) = codec::decode_own(bytes, MAX_RECORD).map_err(|error| damaged(&error))?;
    if version == VERSION {
        Ok(value)
    } else {
        Err(StoreError::UnknownFormat { found: u32::from(version), known: u32::from(VERSION) })
    }
}

pub(crate) fn get<T: Serialize + DeserializeOwned>(
    reader: &dyn Reader,
    key: &[u8],
) -> Result<Option<T>, StoreError> {
    reader.get(key)?.map(|bytes| decode(&bytes)).transpose()
}

pub(crate) fn put<T: Serialize>(overlay: &Overlay<'_>, key: Vec<u8>, value: &T) -> Result<(), StoreError> {
    overlay.put(key, encode(value)?)
}

/// Stores a record under a key that has none yet.
pub(crate) fn add<T: Serialize>(overlay: &Overlay<'_>, key: Vec<u8>, value: &T) -> Result<(), StoreError> {
    overlay.add(key, encode(value)?)
}

fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, StoreError> {
    codec::encode(&Versioned(VERSION, value)).map_err(|error| damaged(&error))
}

/// Who this node is.
#[derive(Debug, Clone, Default, Serialize_tuple, Deserialize_tuple)]
pub(crate) struct SelfRecord {
    /// What people call this device, or the customer.
    pub(crate) name: String,
    pub(crate) principal: Option<PrincipalId>,
    /// 0 none or customer; else the role's number.
    pub(crate) role: u8,
    pub(crate) record: Option<SignedDeviceRecord>,
    /// The grant that makes this device one of its principal.
    pub(crate) chain: Option<ChainBytes>,
    /// A moment at which that grant held.
    pub(crate) granted_at: UnixTime,
    pub(crate) joining: Option<Joining>,
    /// Was enrolled, and is no longer.
    pub(crate) removed: bool,
    /// The store was restored from a backup: every open thread has to be joined anew.
    pub(crate) restored: bool,
}

impl SelfRecord {
    pub(crate) fn role(&self) -> Option<Role> {
        Role::try_from(self.role).ok()
    }
}

/// An enrolment that this device waits for.
#[derive(Clone, Serialize_tuple, Deserialize_tuple)]
pub(crate) struct Joining {
    /// The invitation as text; it holds the secret code.
    pub(crate) invitation: String,
    /// What was asked. It is asked again as it is, but for the address.
    pub(crate) request: JoinRequest,
    /// What the request's commitment opens to: secret until there is an answer.
    pub(crate) nonce: ByteArray<16>,
    /// The administrator's nonce, to which this device has revealed its own.
    pub(crate) answer: Option<ByteArray<16>>,
    pub(crate) number: Option<String>,
    pub(crate) refused: Option<Reason>,
}

impl std::fmt::Debug for Joining {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Joining").field("refused", &self.refused).finish_non_exhaustive()
    }
}

/// A device of this node's entity.
#[derive(Debug, Clone, Serialize_tuple, Deserialize_tuple)]
pub(crate) struct DeviceEntry {
    pub(crate) record: SignedDeviceRecord,
    pub(crate) chain: ChainBytes,
    pub(crate) role: u8,
    pub(crate) name: String,
    pub(crate) removed: bool,
    pub(crate) expires: UnixTime,
    /// Threads that this node has forwarded to it.
    pub(crate) given: u64,
}

/// A node that this one knows by name, not merely as a stranger on a connection.
#[derive(Debug, Clone, Default, Serialize_tuple, Deserialize_tuple)]
pub(crate) struct Peer {
    pub(crate) device: Option<DeviceId>,
    pub(crate) address: Option<SignedAddressRecord>,
    /// Addresses from a contact link or an invitation, until a record is there.
    pub(crate) hints: Vec<String>,
}

/// How far others have been told of a node's new address.
#[derive(Debug, Clone, Default, Serialize_tuple, Deserialize_tuple)]
pub(crate) struct Announcing {
    /// The last thread whose members were told; none at the beginning.
    pub(crate) after: ByteBuf,
    /// It moved again meanwhile: then from the beginning.
    pub(crate) again: bool,
}

/// Where this node could be dialled when it last said so.
#[derive(Debug, Clone, Serialize_tuple, Deserialize_tuple)]
pub(crate) struct Addresses {
    pub(crate) number: u64,
    pub(crate) addresses: Vec<DialAddress>,
}

/// Both directions of one link.
#[derive(Debug, Clone, Default, Serialize_tuple, Deserialize_tuple)]
pub(crate) struct LinkRecord {
    /// The peer's life that `received` counts in.
    pub(crate) incarnation: Option<Incarnation>,
    /// Every frame up to here is stored.
    pub(crate) received: LinkSeq,
    /// Stored frames that wait for a commit.
    pub(crate) waiting: Vec<LinkSeq>,
    /// The latest refusals.
    pub(crate) refused: Vec<Refused>,
    /// The newest frame that was given a number.
    pub(crate) numbered: LinkSeq,
    /// The peer has stored up to here.
    pub(crate) stored: LinkSeq,
    /// The peer has opened up to here.
    pub(crate) delivered: LinkSeq,
    /// The peer itself has acknowledged up to here. `stored` also counts what was given up.
    #[serde(default)]
    pub(crate) acknowledged: LinkSeq,
}

/// What this node knows of one author in one thread.
#[derive(Debug, Clone, Serialize_tuple, Deserialize_tuple)]
pub(crate) struct Author {
    pub(crate) device: DeviceId,
    /// All of the author's messages up to here are here, or will never be.
    pub(crate) through: Seq,
    /// The newest that is known to exist.
    pub(crate) newest: Seq,
    /// The newest that was asked for again.
    pub(crate) asked: Seq,
    /// How often the author could not answer yet, since its last message came.
    pub(crate) asks: u8,
    /// How far the author's user has read.
    pub(crate) read: Position,
    /// What the author wants to be called.
    pub(crate) name: String,
}

/// A thread, apart from its keys and its messages.
#[derive(Clone, Serialize_tuple, Deserialize_tuple)]
pub(crate) struct Meta {
    pub(crate) thread: ThreadId,
    pub(crate) host: PrincipalId,
    pub(crate) guest: PrincipalId,
    pub(crate) era: u32,
    pub(crate) status: u8,
    pub(crate) reason: Option<Reason>,
    /// The customer's device.
    pub(crate) guest_device: Option<DeviceId>,
    pub(crate) guest_transport: Option<TransportKey>,
    pub(crate) steward: Option<DeviceId>,
    pub(crate) steward_transport: Option<TransportKey>,
    /// The other nodes of the host's side.
    pub(crate) hosts: Vec<TransportKey>,
    pub(crate) suite: Option<u16>,
    pub(crate) epoch: u64,
    pub(crate) members: u8,
    /// The newest position.
    pub(crate) position: Position,
    /// The newest number of this device.
    pub(crate) seq: Seq,
    pub(crate) unread: u64,
    /// How far this device's user has read.
    pub(crate) read: Position,
    pub(crate) active_at: UnixTime,
    pub(crate) preview: String,
    pub(crate) authors: Vec<Author>,
    /// The next piece of forwarded history, and how many there are.
    pub(crate) piece: u32,
    pub(crate) pieces: u32,
    /// When the steward looks at the grants again.
    pub(crate) expiry: Option<UnixTime>,
    /// The era that is over, by the guest's word, in which this device still is.
    #[serde(default)]
    pub(crate) over: Option<u32>,
    /// The epoch in which this device was when it heard that another could no longer, or not yet, open what it wrote.
    #[serde(default)]
    pub(crate) unheard: Option<u64>,
}

/// A receiver of one of this device's messages: 0 queued, 1 stored, 2 delivered, 3 failed.
#[derive(Debug, Clone, Serialize_tuple, Deserialize_tuple)]
pub(crate) struct Receiver {
    pub(crate) device: DeviceId,
    pub(crate) transport: TransportKey,
    /// On the other side of the thread, not a device of this one's own side.
    pub(crate) other: bool,
    pub(crate) state: u8,
    pub(crate) reason: Option<Reason>,
}

/// An entry of a thread's history: a message, or a note about who came and left.
#[derive(Clone, Serialize_tuple, Deserialize_tuple)]
pub(crate) struct Entry {
    /// None for a note.
    pub(crate) content: Option<SignedContent>,
    pub(crate) note: String,
    pub(crate) at: UnixTime,
    pub(crate) receivers: Vec<Receiver>,
}

/// A sealed message that waits for a commit.
#[derive(Debug, Clone, Serialize_tuple, Deserialize_tuple)]
pub(crate) struct Waiting {
    pub(crate) from: TransportKey,
    pub(crate) seq: LinkSeq,
    pub(crate) sealed: ByteBuf,
    pub(crate) since: UnixTime,
}

/// A thread that this node is opening.
#[derive(Clone, Serialize_tuple, Deserialize_tuple)]
pub(crate) struct Contact {
    pub(crate) thread: ThreadId,
    pub(crate) host: PrincipalId,
    pub(crate) nonce: ByteArray<16>,
    pub(crate) reception: TransportKey,
    pub(crate) text: String,
}

/// What a guest founds the next era of its thread with. Threads of early versions have none.
#[derive(Debug, Clone, Copy, Serialize_tuple, Deserialize_tuple)]
pub(crate) struct Founded {
    /// What the thread's id is derived from.
    pub(crate) nonce: ByteArray<16>,
    /// The term of the present era.
    pub(crate) term: u32,
}

/// A device that was in the era before, and by which right.
#[derive(Debug, Clone, Serialize_tuple, Deserialize_tuple)]
pub(crate) struct Absent {
    pub(crate) record: SignedDeviceRecord,
    pub(crate) chain: ChainBytes,
}

/// This node has offered a guest to be the steward of a new era.
#[derive(Debug, Clone, Serialize_tuple, Deserialize_tuple)]
pub(crate) struct Takeover {
    pub(crate) guest: TransportKey,
    pub(crate) key_package: ByteBuf,
    /// The guest was busy, and is to be asked again.
    pub(crate) again: bool,
}

/// A colleague says that it is the steward of a later era, and was asked to add this device.
#[derive(Debug, Clone, Copy, Serialize_tuple, Deserialize_tuple)]
pub(crate) struct Summons {
    pub(crate) era: u32,
    /// It was busy, and is to be asked again.
    pub(crate) again: bool,
}

/// A contact that this node has made an offer to.
#[derive(Debug, Clone, Serialize_tuple, Deserialize_tuple)]
pub(crate) struct Reception {
    pub(crate) guest: SignedDeviceRecord,
    pub(crate) key_package: ByteBuf,
    pub(crate) since: UnixTime,
}

/// Who asked for an offer, beside [`Reception`]. Offers of older versions have none.
#[derive(Debug, Clone, Serialize_tuple, Deserialize_tuple)]
pub(crate) struct Asker {
    /// Where it can be dialled: learned when it opens a thread.
    pub(crate) address: SignedAddressRecord,
    /// Nothing else was known of it when it asked.
    pub(crate) stranger: bool,
}

/// Threads that guests have opened at this reception since a moment.
#[derive(Debug, Clone, Copy, Default, Serialize_tuple, Deserialize_tuple)]
pub(crate) struct Openings {
    pub(crate) since: UnixTime,
    pub(crate) count: u64,
}

/// An invitation, and the device that used it.
#[derive(Clone, Serialize_tuple, Deserialize_tuple)]
pub(crate) struct InvitationRecord {
    /// As text; it holds the secret code.
    pub(crate) invitation: String,
    pub(crate) name: String,
    /// The one request that was answered.
    pub(crate) asked: Option<Asked>,
    /// The same, once its device has revealed its nonce: only then there is a number that can be approved.
    pub(crate) request: Option<JoinRecord>,
    /// 0 open, 1 approved, 2 declined.
    pub(crate) done: u8,
}

/// A request to be enrolled, and what it was answered.
#[derive(Debug, Clone, Serialize_tuple, Deserialize_tuple)]
pub(crate) struct Asked {
    pub(crate) request: JoinRequest,
    /// This node's nonce.
    pub(crate) answer: ByteArray<16>,
}

/// A device that asks to be enrolled.
#[derive(Debug, Clone, Serialize_tuple, Deserialize_tuple)]
pub(crate) struct JoinRecord {
    pub(crate) record: SignedDeviceRecord,
    pub(crate) name: String,
    pub(crate) number: String,
    pub(crate) asked_at: UnixTime,
}

/// Reads a record that this node has stored after verifying it.
pub(crate) fn device_of(signed: &SignedDeviceRecord) -> Result<DeviceRecord, StoreError> {
    signed
        .read_kept()
        .map_err(|error| StoreError::Damaged { what: format!("a stored device record: {error}") })
}
