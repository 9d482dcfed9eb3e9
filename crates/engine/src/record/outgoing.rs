//! What waits for its acknowledgement, and what it is about.

use frontdesk_identity::{DeviceId, InvitationId, ThreadId, TransportKey};
use frontdesk_wire::{RequestId, Seq};
use serde_bytes::ByteBuf;
use serde_tuple::{Deserialize_tuple, Serialize_tuple};

/// What an outgoing frame is about, so that its fate can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum About {
    Nothing,
    /// Messages of this device.
    Message {
        thread: ThreadId,
        era: u32,
        seq: Seq,
        /// So many of the numbers that follow are in the same frame.
        more: u8,
    },
    /// The same, and the opening of its thread.
    Opening {
        thread: ThreadId,
        era: u32,
        seq: Seq,
    },
    /// Other traffic of a thread.
    Thread(ThreadId),
    /// The nonce that makes the short number complete.
    Reveal(InvitationId),
    /// Key packages of this device.
    Packages,
    /// A forward payload: if it is refused, the device never came in.
    Payload(ThreadId),
    Contact(RequestId),
    Join(InvitationId),
    /// A wish to bring someone in.
    Forward {
        thread: ThreadId,
        request: RequestId,
    },
    /// A wish to be added to a thread anew.
    Rejoin(ThreadId),
    /// An offer to be the steward of a new era.
    Takeover(ThreadId),
    /// Where another member is, by the record with this number.
    Passed {
        thread: ThreadId,
        mover: TransportKey,
        number: u64,
    },
    /// Where a colleague is, likewise.
    Told {
        mover: TransportKey,
        number: u64,
    },
    /// A request for missed messages of `author`, up to `seq`.
    Refill {
        thread: ThreadId,
        era: u32,
        author: DeviceId,
        seq: Seq,
    },
}

/// A frame that waits for its acknowledgement. The body is dropped once it is stored by the peer.
#[derive(Debug, Clone, Serialize_tuple, Deserialize_tuple)]
pub(crate) struct Outgoing {
    about: u8,
    thread: Option<ThreadId>,
    era: u32,
    seq: Seq,
    id: ByteBuf,
    pub(crate) body: ByteBuf,
}

impl Outgoing {
    pub(crate) fn new(about: About, body: Vec<u8>) -> Self {
        let blank = Self {
            about: 0,
            thread: None,
            era: 0,
            seq: Seq(0),
            id: ByteBuf::new(),
            body: ByteBuf::from(body),
        };
        match about {
            About::Nothing => blank,
            About::Reveal(invitation) => {
                Self { about: 9, id: ByteBuf::from(invitation.as_bytes().to_vec()), ..blank }
            }
            About::Packages => Self { about: 8, ..blank },
            About::Message { thread, era, seq, more } => {
                let id = ByteBuf::from(if more > 0 { vec![more] } else { Vec::new() });
                Self { about: 1, thread: Some(thread), era, seq, id, ..blank }
            }
            About::Opening { thread, era, seq } => {
                Self { about: 12, thread: Some(thread), era, seq, ..blank }
            }
            About::Thread(thread) => Self { about: 2, thread: Some(thread), ..blank },
            About::Contact(request) => {
                Self { about: 3, id: ByteBuf::from(request.as_bytes().to_vec()), ..blank }
            }
            About::Join(invitation) => {
                Self { about: 4, id: ByteBuf::from(invitation.as_bytes().to_vec()), ..blank }
            }
            About::Forward { thread, request } => {
                let id = ByteBuf::from(request.as_bytes().to_vec());
                Self { about: 5, thread: Some(thread), id, ..blank }
            }
            About::Payload(thread) => Self { about: 7, thread: Some(thread), ..blank },
            About::Rejoin(thread) => Self { about: 10, thread: Some(thread), ..blank },
            About::Takeover(thread) => Self { about: 13, thread: Some(thread), ..blank },
            About::Refill { thread, era, author, seq } => {
                let id = ByteBuf::from(author.as_bytes().to_vec());
                Self { about: 6, thread: Some(thread), era, seq, id, ..blank }
            }
            About::Passed { thread, mover, number } => {
                let id = ByteBuf::from(mover.as_bytes().to_vec());
                Self { about: 11, thread: Some(thread), seq: Seq(number), id, ..blank }
            }
            About::Told { mover, number } => {
                Self { about: 11, seq: Seq(number), id: ByteBuf::from(mover.as_bytes().to_vec()), ..blank }
            }
        }
    }

    pub(crate) fn about(&self) -> About {
        self.read_about().unwrap_or(About::Nothing)
    }

    fn read_about(&self) -> Option<About> {
        let (era, seq) = (self.era, self.seq);
        Some(match (self.about, self.thread) {
            (1, Some(thread)) => {
                About::Message { thread, era, seq, more: self.id.first().copied().unwrap_or_default() }
            }
            (2, Some(thread)) => About::Thread(thread),
            (3, _) => About::Contact(RequestId::from_bytes(self.id()?)),
            (4, _) => About::Join(InvitationId::from_bytes(self.id()?)),
            (5, Some(thread)) => About::Forward { thread, request: RequestId::from_bytes(self.id()?) },
            (6, Some(thread)) => About::Refill { thread, era, author: DeviceId::from_bytes(self.id()?), seq },
            (7, Some(thread)) => About::Payload(thread),
            (8, _) => About::Packages,
            (9, _) => About::Reveal(InvitationId::from_bytes(self.id()?)),
            (10, Some(thread)) => About::Rejoin(thread),
            (11, Some(thread)) => {
                About::Passed { thread, mover: TransportKey::from_bytes(self.id()?), number: seq.0 }
            }
            (11, None) => About::Told { mover: TransportKey::from_bytes(self.id()?), number: seq.0 },
            (12, Some(thread)) => About::Opening { thread, era, seq },
            (13, Some(thread)) => About::Takeover(thread),
            _ => return None,
        })
    }

    /// The identity that belongs to it, if it is of this length.
    fn id<const LENGTH: usize>(&self) -> Option<[u8; LENGTH]> {
        self.id.as_slice().try_into().ok()
    }
}
