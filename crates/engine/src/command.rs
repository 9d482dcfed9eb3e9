//! Commands: what a user or program can ask of its own node.

use frontdesk_identity::{ContactLink, DeviceId, Invitation, Role, ThreadId, UnixTime};
use frontdesk_wire::{Position, Reason, RequestId};
use serde::Serialize;

/// A caller's name for a command, echoed in its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct CommandId(pub u64);

/// How much of the past a device that is brought in may read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HistoryChoice {
    /// Nothing older than its coming.
    None,
    /// All that the one who forwards may read.
    All,
    /// The last so many messages.
    Last(u32),
}

/// What is wanted. `Debug` tells how long texts are, and not a word of them.
#[derive(Clone)]
pub enum Command {
    /// Administrators: make an invitation for one device. Answered by [`Reply::Invited`].
    Invite {
        /// What the device will be.
        role: Role,
        /// What people will call it.
        name: String,
        /// How long the code is good, in seconds.
        lasts: u64,
    },
    /// Administrators: enrol the device whose request shows this short number (digits, blanks ignored).
    Approve {
        /// The number.
        number: String,
    },
    /// Administrators: turn the request with this short number away.
    Decline {
        /// The number.
        number: String,
    },
    /// Administrators: end a device's enrolment and take it out of every thread this node is steward of.
    RemoveDevice {
        /// The device.
        device: DeviceId,
    },
    /// A device that belongs to nobody yet: ask to be enrolled.
    Join {
        /// The invitation.
        invitation: Invitation,
    },
    /// Customers (and businesses that write to another): open a thread. Answered by [`Reply::Opened`] at once; the
    /// first message goes out as soon as the business's node is reached.
    Contact {
        /// The business's contact link.
        link: ContactLink,
        /// The first message.
        text: String,
    },
    /// Write to a thread. Answered by [`Reply::Queued`] once it is durable.
    Send {
        /// The thread.
        thread: ThreadId,
        /// The text, at most [`frontdesk_wire::limits::MAX_TEXT`] bytes.
        text: String,
    },
    /// The user has read the thread up to here.
    MarkRead {
        /// The thread.
        thread: ThreadId,
        /// The newest position that was shown.
        through: Position,
    },
    /// Bring a device into a thread. The steward does it at once ([`Reply::Forwarded`]); another member with the ability
    /// `forward` asks the steward ([`Reply::Asked`]).
    Forward {
        /// The thread.
        thread: ThreadId,
        /// The device; none: whom the steward's policy picks.
        to: Option<DeviceId>,
        /// What it may read of the past.
        history: HistoryChoice,
        /// How long its grant lasts, in seconds.
        lasts: u64,
        /// The agents and bots that are in the thread now leave with the same commit (the asker alone, if it isn't the
        /// steward).
        hand_over: bool,
        /// A word to the one who takes over.
        note: String,
    },
    /// Stewards: end a device's right to a thread, now.
    Revoke {
        /// The thread.
        thread: ThreadId,
        /// The device.
        from: DeviceId,
    },
    /// Close the conversation for all its members. The next text opens it again.
    Close {
        /// The thread.
        thread: ThreadId,
    },
    /// Administrators: become the steward of a thread that this device knows. It ends in [`crate::Event::TakenOver`] once the
    /// customer's node has opened a new era, or in [`crate::Event::TakeoverRefused`].
    TakeOver {
        /// The thread.
        thread: ThreadId,
    },
}

/// A command's good answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// Done, with nothing to tell.
    Done,
    /// An invitation. Its code is secret: show it to the person who should have it, and nobody else.
    Invited {
        /// The invitation.
        invitation: Box<Invitation>,
    },
    /// A device was enrolled.
    Approved {
        /// The device.
        device: DeviceId,
        /// What people call it.
        name: String,
    },
    /// A thread is being opened.
    Opened {
        /// The thread.
        thread: ThreadId,
    },
    /// A message is durable here and on its way.
    Queued {
        /// The thread.
        thread: ThreadId,
        /// Names the message, see [`crate::MessageView::id`].
        message: String,
        /// Its place in the thread.
        position: Position,
    },
    /// A thread was forwarded.
    Forwarded {
        /// The thread.
        thread: ThreadId,
        /// To this device.
        to: DeviceId,
        /// The grant ends then.
        expires: UnixTime,
        /// How many messages of history went with it.
        history: u32,
    },
    /// The steward was asked; the answer comes as [`crate::Event::ForwardAnswered`].
    Asked {
        /// Names the wish; its answer has the same.
        request: RequestId,
    },
}

/// Why a command was not done. Sorted by whom to blame: the caller, the thread's state, the other side, us.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// The text is empty or too long.
    #[error("the text has {len} bytes; between 1 and {max} are possible")]
    TextLength {
        /// Bytes given.
        len: usize,
        /// Bytes possible.
        max: usize,
    },
    /// A name is empty or too long.
    #[error("the name has {len} bytes; between 1 and {max} are possible")]
    NameLength {
        /// Bytes given.
        len: usize,
        /// Bytes possible.
        max: usize,
    },
    /// A name has controls, turns the direction of writing, or shows nothing.
    #[error("the name has characters that can't be seen or that terminals obey; write it in plain letters")]
    NameUnfit,
    /// A device's name reads as the beginning of an id.
    #[error(
        "the name reads as the beginning of an id; write it with something else than digits and the letters a to f"
    )]
    NameLikeId,
    /// A duration is zero, longer than the issuer's own grant, or an invitation's and longer than
    /// [`crate::limits::INVITATION_LASTS`].
    #[error(
        "the time span of {0} s is not possible; give at least 1 s, stay within this device's own grant, and for an invitation within 30 days"
    )]
    Lasts(u64),
    /// No such thread here.
    #[error("no such thread; `frontdesk threads` lists them")]
    UnknownThread,
    /// No such device.
    #[error("no such device; `frontdesk devices` lists them")]
    UnknownDevice,
    /// No request shows this number.
    #[error("no request shows this number; `frontdesk requests` lists them")]
    UnknownRequest,
    /// Only an administrator's device can do this.
    #[error("only an administrator's device can do this")]
    NotAdministrator,
    /// This device belongs to a principal already.
    #[error("this device belongs to somebody already; use a fresh home to join")]
    AlreadySettled,
    /// This device is not enrolled yet.
    #[error("this device is not enrolled yet; wait for the administrator's approval")]
    NotSettled,
    /// The invitation is too old.
    #[error("the invitation has expired; ask the administrator for a new one")]
    InvitationExpired,
    /// A business can't contact itself.
    #[error("this link is this business's own")]
    OwnLink,
    /// Only the steward can do this.
    #[error("only the steward of a thread can do this: the administrator's device that accepted it")]
    NotSteward,
    /// This device is the steward already.
    #[error("this device is the steward of this thread already")]
    AlreadySteward,
    /// The thread is another business's.
    #[error(
        "in this thread this device is the customer; only the business's administrators can take it over"
    )]
    OwnThread,
    /// Another administrator enrolled the device, and this one doesn't stand above it.
    #[error(
        "another enrolled that device, and only who stands above it can remove it: ask {by}; `frontdesk revoke` takes it out of a thread of this node's"
    )]
    EnrolledByAnother {
        /// Who can, by name.
        by: String,
    },
    /// A device can't remove itself.
    #[error("a device can't remove itself; run `frontdesk remove` at the administrator's that enrolled it")]
    RemoveSelf,
    /// The steward can't leave its thread.
    #[error(
        "this device is the steward and can't be taken out of its thread; forward the thread to who shall answer, or `frontdesk close` it"
    )]
    RevokeSteward,
    /// The customer can't be taken out of its thread.
    #[error("the customer can't be taken out of the thread; `frontdesk close` ends the conversation")]
    RevokeGuest,
    /// A customer's device can't bring anybody in.
    #[error("only the business's devices can bring somebody into a thread; ask them in the thread")]
    GuestForward,
    /// Nobody of the other side may read any longer: their grants have ended, or were revoked.
    #[error(
        "nobody on the other side may read this thread any more: their right to it has ended, or whoever let them in was removed; write anew by the business's link"
    )]
    NobodyLeft,
    /// The device is in the thread already.
    #[error("the device is in the thread already")]
    AlreadyMember,
    /// The device is not in the thread.
    #[error("the device is not in the thread")]
    NotMember,
    /// The thread has no room for more devices.
    #[error("the thread is full: {max} devices")]
    ThreadFull {
        /// The most that a thread holds.
        max: usize,
    },
    /// This device isn't in the thread (any more).
    #[error("this device is not in the thread any more")]
    Left,
    /// The thread isn't open yet, or could not be opened.
    #[error("the thread is not open yet: the business's node has not answered")]
    NotOpen,
    /// A grant forbids it.
    #[error("not allowed: {0}")]
    Refused(Reason),
    /// A bound of this node is reached.
    #[error("too many {what} (limit {limit}); finish some first")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// The bound.
        limit: usize,
    },
    /// The store failed. What a failed write left on the disk counts when the store opens again.
    #[error("the store failed: {0}; it may or may not have been done: look before you repeat it")]
    Storage(String),
    /// A defect of this program.
    #[error("internal error: {0}")]
    Internal(String),
}
