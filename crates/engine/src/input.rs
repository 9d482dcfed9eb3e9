//! What goes into the engine and what comes out: the whole contract with its driver.

use crate::{
    command::{Command, CommandError, CommandId, Reply},
    view::{MessageState, MessageView},
};
use frontdesk_identity::{DeviceId, ThreadId, TransportKey, UnixTime};
use frontdesk_wire::{Reason, RequestId};
use serde::Serialize;

/// Monotonic time in milliseconds since any fixed moment of the driver's choice. Orders timers; never goes back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Millis(pub u64);

impl Millis {
    /// This moment and `more` milliseconds.
    #[must_use]
    pub const fn plus(self, more: u64) -> Self {
        Self(self.0.saturating_add(more))
    }
}

/// The two clocks, read by the driver once for each input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// For timers.
    pub mono: Millis,
    /// For validity windows and for people.
    pub wall: UnixTime,
}

/// Something that happened outside.
#[derive(Debug)]
pub enum Input {
    /// A user or program wants something. Answered by exactly one [`Event::CommandDone`] in the same step.
    Command {
        /// The caller's name for it.
        id: CommandId,
        /// What is wanted.
        command: Command,
    },
    /// Frames can flow to and from this peer now.
    PeerUp(TransportKey),
    /// They can't any more.
    PeerDown(TransportKey),
    /// A frame from a connected peer.
    Frame {
        /// The peer, as authenticated by the transport.
        from: TransportKey,
        /// The bytes as received, at most [`frontdesk_wire::limits::MAX_FRAME`].
        bytes: Vec<u8>,
    },
    /// The deadline that [`crate::Engine::next_deadline`] named has come.
    Deadline,
    /// Where this node can be dialled now, as multiaddrs.
    Addresses(Vec<String>),
}

/// What the driver has to do, after the step's batch is durable and not before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Connect to this peer and stay connected, trying again until [`Action::Forget`].
    Dial {
        /// The peer.
        peer: TransportKey,
        /// Where it was last known, as multiaddrs.
        addresses: Vec<String>,
    },
    /// Stop trying to connect to this peer.
    Forget(TransportKey),
    /// Send a frame. If the peer isn't connected or its queue is full, drop it: the engine sends it again.
    Send {
        /// The peer.
        to: TransportKey,
        /// An encoded frame.
        frame: Vec<u8>,
    },
    /// Close the connection to a peer that keeps breaking the protocol, and refuse it for a while.
    Disconnect {
        /// The peer.
        peer: TransportKey,
        /// How long to refuse it, in milliseconds.
        ban: u64,
    },
}

/// A fact, for users, programs and logs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The engine begins, at first or anew after a step that failed. What such a step did may be stored, and was never told:
    /// who follows events reads the state.
    Started,
    /// The one answer to a command.
    #[serde(skip)]
    CommandDone {
        /// The command.
        id: CommandId,
        /// How it ended.
        result: Result<Reply, CommandError>,
    },
    /// A new thread is here: opened by a customer, by this node, or forwarded to it.
    ThreadOpened {
        /// The thread.
        thread: ThreadId,
        /// True if a steward forwarded it to this device.
        forwarded: bool,
    },
    /// The business could not be contacted.
    ContactFailed {
        /// The thread that was to be.
        thread: ThreadId,
        /// Why.
        reason: Reason,
    },
    /// A message arrived or was sent.
    Message {
        /// The message, as the interface shows it.
        message: MessageView,
        /// It came with the history of a thread that was forwarded to this device: it was said before.
        history: bool,
    },
    /// A message of this device got further.
    MessageState {
        /// The thread.
        thread: ThreadId,
        /// The message.
        message: String,
        /// Where it is now.
        state: MessageState,
    },
    /// Who can read a thread has changed.
    MembersChanged {
        /// The thread.
        thread: ThreadId,
        /// The era that it is in.
        era: u32,
        /// The epoch that begins with it; counted anew in each era.
        epoch: u64,
        /// Devices that came in.
        added: Vec<DeviceId>,
        /// Devices that left.
        removed: Vec<DeviceId>,
    },
    /// This device is the steward of a thread now, whose new era the customer's node has opened.
    TakenOver {
        /// The thread.
        thread: ThreadId,
        /// The era that began.
        era: u32,
    },
    /// The customer's node would not have this device as steward.
    TakeoverRefused {
        /// The thread.
        thread: ThreadId,
        /// Why.
        reason: Reason,
    },
    /// This device was taken out of a thread.
    Removed {
        /// The thread.
        thread: ThreadId,
    },
    /// A thread was closed.
    Closed {
        /// The thread.
        thread: ThreadId,
    },
    /// A steward answered this device's wish to bring someone in or to hand over.
    ForwardAnswered {
        /// The thread.
        thread: ThreadId,
        /// Which wish, as [`crate::Reply::Asked`] named it; none at the steward's, if a device refused what it forwarded.
        request: Option<RequestId>,
        /// None if it was done.
        refused: Option<Reason>,
    },
    /// A device asks to be enrolled; compare the number and approve.
    JoinRequested {
        /// What it calls itself.
        name: String,
        /// The short number.
        number: String,
    },
    /// This device's wish to be enrolled was received; compare the number.
    JoinChallenged {
        /// The short number.
        number: String,
    },
    /// This device is enrolled.
    Joined {
        /// The entity's name.
        entity: String,
    },
    /// This device was not enrolled.
    JoinFailed {
        /// Why.
        reason: Reason,
    },
    /// A device was enrolled by this administrator.
    Enrolled {
        /// The device.
        device: DeviceId,
    },
    /// A device of this entity is no longer enrolled.
    DeviceRemoved {
        /// The device.
        device: DeviceId,
    },
    /// Something tried what it may not. Nothing changed.
    Security {
        /// The peer that tried.
        peer: TransportKey,
        /// The thread, if it was about one.
        thread: Option<ThreadId>,
        /// What rule it broke.
        reason: Reason,
        /// The finer cause, for the log.
        detail: String,
    },
    /// A peer is connected.
    PeerUp {
        /// The peer.
        peer: TransportKey,
    },
    /// A peer is not connected any more.
    PeerDown {
        /// The peer.
        peer: TransportKey,
    },
}
