//! What the engine shows: answers to queries, made for interfaces and ready for JSON. Ids are lowercase hexadecimal.

use frontdesk_identity::{DeviceId, PrincipalId, Role, ThreadId, TransportKey, UnixTime};
use frontdesk_wire::{Position, Reason};
use serde::{Serialize, Serializer};

/// A question about the present state. Answered without changing anything.
#[derive(Debug, Clone)]
pub enum Query {
    /// Who this node is and how it fares: [`Answer::Status`].
    Status,
    /// All threads, latest activity first: [`Answer::Threads`].
    Threads,
    /// One thread: [`Answer::Thread`].
    Thread(ThreadId),
    /// Messages of a thread in its order, older than `before` (none: the newest), at most `limit`: [`Answer::Messages`].
    Messages {
        /// The thread.
        thread: ThreadId,
        /// Only positions below this.
        before: Option<Position>,
        /// At most so many.
        limit: usize,
    },
    /// Who can read a thread, and by what right: [`Answer::Who`].
    Who(ThreadId),
    /// The entity's devices: [`Answer::Devices`].
    Devices,
    /// Devices that ask to be enrolled: [`Answer::Requests`].
    Requests,
}

/// The answer to a [`Query`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Answer {
    /// To [`Query::Status`].
    Status(Box<StatusView>),
    /// To [`Query::Threads`].
    Threads(Vec<ThreadView>),
    /// To [`Query::Thread`]; none if there is no such thread.
    Thread(Option<Box<ThreadView>>),
    /// To [`Query::Messages`].
    Messages(Vec<MessageView>),
    /// To [`Query::Who`]; none if there is no such thread here.
    Who(Option<WhoView>),
    /// To [`Query::Devices`].
    Devices(Vec<DeviceView>),
    /// To [`Query::Requests`].
    Requests(Vec<RequestView>),
}

fn shown<T: ToString, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&value.to_string())
}

fn shown_option<T: ToString, S: Serializer>(value: &Option<T>, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => serializer.serialize_some(&value.to_string()),
        None => serializer.serialize_none(),
    }
}

/// Who this node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// A device that belongs to nobody yet.
    Fresh,
    /// Waits for an administrator's approval.
    Joining,
    /// An entity's administrator.
    Administrator,
    /// An entity's agent.
    Agent,
    /// An entity's bot.
    Bot,
    /// A customer's device.
    Customer,
    /// Was a device of an entity, and is no longer.
    Removed,
}

/// Who this node is and how it fares.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StatusView {
    /// What this node is.
    pub standing: Standing,
    /// Its own name.
    pub name: String,
    /// The entity's name, for devices of an entity.
    pub entity: Option<String>,
    /// The principal.
    #[serde(serialize_with = "shown_option")]
    pub principal: Option<PrincipalId>,
    /// The device.
    #[serde(serialize_with = "shown")]
    pub device: DeviceId,
    /// The transport key.
    #[serde(serialize_with = "shown")]
    pub transport: TransportKey,
    /// Until when this device's own grant holds.
    pub expires: Option<UnixTime>,
    /// Where this node can be dialled.
    pub addresses: Vec<String>,
    /// Peers that are connected now.
    #[serde(serialize_with = "shown_list")]
    pub connected: Vec<TransportKey>,
    /// Threads, all told.
    pub threads: usize,
    /// Frames that wait to be acknowledged, over all peers.
    pub outbox: usize,
    /// While joining: the number to compare with the administrator's, once it is known.
    pub join_number: Option<String>,
    /// While joining: why the last attempt was refused.
    pub join_refused: Option<Reason>,
    /// Refused frames since the node started.
    pub refused_frames: u64,
    /// Connected peers that know of frames between them and this device that this home doesn't: they lie, or it is an old copy.
    pub ahead: usize,
}

fn shown_list<T: ToString, S: Serializer>(values: &[T], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(values.iter().map(ToString::to_string))
}

/// How a thread stands, as this device sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ThreadStatus {
    /// The business's node has not answered yet.
    Contacting,
    /// It could not be opened.
    Failed,
    /// Open.
    Open,
    /// Closed; the next text opens it again.
    Closed,
    /// This device is no longer in it; what it read stays readable here.
    Left,
    /// This device lost the thread's keys and asked the steward to be added anew.
    Rejoining,
}

/// One thread.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct ThreadView {
    /// The thread.
    #[serde(serialize_with = "shown")]
    pub id: ThreadId,
    /// What to call it: the business for a customer, the customer for a business.
    pub title: String,
    /// How it stands.
    pub status: ThreadStatus,
    /// Why it failed.
    pub reason: Option<Reason>,
    /// The business.
    #[serde(serialize_with = "shown")]
    pub host: PrincipalId,
    /// The customer.
    #[serde(serialize_with = "shown")]
    pub guest: PrincipalId,
    /// The steward, once known.
    #[serde(serialize_with = "shown_option")]
    pub steward: Option<DeviceId>,
    /// True if this device is the steward.
    pub is_steward: bool,
    /// Era and epoch of its keys.
    pub era: u32,
    /// The MLS epoch.
    pub epoch: u64,
    /// The cipher suite's name.
    pub suite: Option<String>,
    /// Devices that are in it.
    pub members: usize,
    /// The newest position.
    pub position: Position,
    /// Messages of others that the user hasn't seen.
    pub unread: u64,
    /// When it last changed.
    pub active_at: UnixTime,
    /// The beginning of the newest message.
    pub preview: String,
    /// Messages that others have and this device has not: being asked for.
    pub missing: u64,
}

/// Where a message is: as far as the foremost node on the other side of the thread has it. [`MessageView::receivers`]
/// tells it for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum MessageState {
    /// Durable here, and not confirmed by the other side yet.
    Queued,
    /// A node of the other side has stored it, still sealed. Or this device was taken out of the thread, and the steward,
    /// which has it, brings it to those who lack it.
    Stored,
    /// A node of the other side has opened and stored it.
    Delivered,
    /// A person on the other side has seen it.
    Read,
    /// It came from another device.
    Received,
    /// All nodes of the other side refused it.
    Failed {
        /// Why.
        reason: Reason,
    },
}

/// One receiver's part in a message's state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReceiverView {
    /// The receiver.
    #[serde(serialize_with = "shown")]
    pub device: DeviceId,
    /// Where the message is for it.
    #[serde(flatten)]
    pub state: MessageState,
}

/// One message, or a note about who came and left. `Debug` tells how long the text is, and not a word of it.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct MessageView {
    /// Names the message: author and number.
    pub id: String,
    /// The thread.
    #[serde(serialize_with = "shown")]
    pub thread: ThreadId,
    /// Its place in the thread.
    pub position: Position,
    /// The author.
    #[serde(serialize_with = "shown")]
    pub author: DeviceId,
    /// What to call the author.
    pub author_name: String,
    /// `guest`, `host` or `note`.
    pub side: &'static str,
    /// True if this device wrote it.
    pub mine: bool,
    /// The text.
    pub text: String,
    /// The author's clock.
    pub sent_at: UnixTime,
    /// Where it is.
    #[serde(flatten)]
    pub state: MessageState,
    /// For messages of this device: each receiver.
    pub receivers: Vec<ReceiverView>,
}

/// Who can read a thread.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WhoView {
    /// The thread.
    #[serde(serialize_with = "shown")]
    pub thread: ThreadId,
    /// The epoch that this speaks of.
    pub epoch: u64,
    /// Each device.
    pub members: Vec<MemberView>,
}

/// A device that can read a thread, and by what right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MemberView {
    /// The device.
    #[serde(serialize_with = "shown")]
    pub device: DeviceId,
    /// What to call it.
    pub name: String,
    /// `guest` or `host`.
    pub side: &'static str,
    /// True for the steward.
    pub steward: bool,
    /// True for this device.
    pub me: bool,
    /// What its grant allows, e.g. `read, write`.
    pub abilities: String,
    /// What it may read of the past: `none`, `all`, or `from ERA:POSITION`.
    pub history: String,
    /// Since when it can read this thread: when it was brought in; of the guest and the steward, when the oldest was said
    /// that this device has of the thread.
    pub since: UnixTime,
    /// Until when.
    pub until: UnixTime,
    /// Its grant is over, by time or because it was revoked: it is refused, and will be taken out.
    pub expired: bool,
    /// Its grant was revoked.
    pub revoked: bool,
    /// The chain of keys, the principal's root first, the device last.
    pub chain: Vec<String>,
    /// The grants of the chain, root first.
    pub grants: Vec<String>,
}

/// A device of the entity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeviceView {
    /// The device.
    #[serde(serialize_with = "shown")]
    pub device: DeviceId,
    /// What people call it.
    pub name: String,
    /// What it is.
    #[serde(serialize_with = "shown")]
    pub role: Role,
    /// Connected now.
    pub online: bool,
    /// True for this device.
    pub me: bool,
    /// No longer enrolled.
    pub removed: bool,
    /// Until when its enrolment holds.
    pub expires: UnixTime,
    /// Key packages of it in stock here, for forwards while it is away.
    pub key_packages: usize,
}

/// A device that asks to be enrolled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RequestView {
    /// What it will be called.
    pub name: String,
    /// What it will be.
    #[serde(serialize_with = "shown")]
    pub role: Role,
    /// The number to compare, then to give to `approve`.
    pub number: String,
    /// The device.
    #[serde(serialize_with = "shown")]
    pub device: DeviceId,
    /// When it asked.
    pub asked_at: UnixTime,
}
