//! Forwarding: a device is asked for, brought into a thread, and given the history that its grant covers.

use crate::{
    body::RequestId,
    bounds::{Bounded, FIXED, are_heads, chain_fits, list},
    content::{Position, Seq},
    limits,
};
use frontdesk_capability::{ChainBytes, History, MAX_CHAIN_BYTES};
use frontdesk_identity::{DeviceId, MAX_ADDRESS_RECORD, SignedAddressRecord, ThreadId};
use serde_bytes::ByteBuf;
use serde_tuple::{Deserialize_tuple, Serialize_tuple};
use std::fmt;

/// A member asks the steward to bring in a device.
#[derive(Clone, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct ForwardRequest {
    /// Names the request.
    pub request: RequestId,
    /// The thread.
    pub thread: ThreadId,
    /// The device, or none: whom the steward's policy picks.
    pub to: Option<DeviceId>,
    /// The history that it should get; no wider than the asker's own.
    pub history: History,
    /// How long the grant should last, in seconds; the steward may shorten it.
    pub lasts: u64,
    /// The asker leaves with the same commit.
    pub hand_over: bool,
    /// A word to the one who takes over, at most [`limits::MAX_NOTE`] bytes.
    pub note: String,
}

/// The steward has done what a [`ForwardRequest`] asked for. If it won't, it refuses the frame.
#[derive(Debug, Clone, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct ForwardAnswer {
    /// The request's name.
    pub request: RequestId,
    /// The thread.
    pub thread: ThreadId,
}

/// The forward payload: the security information that lets a device into a thread.
#[derive(Clone, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct ForwardPayload {
    /// The thread.
    pub thread: ThreadId,
    /// Its era.
    pub era: u32,
    /// The grant that the device acts under.
    pub chain: ChainBytes,
    /// MLS Welcome.
    pub welcome: ByteBuf,
    /// Where the other members can be dialled.
    #[serde(deserialize_with = "list::<_, _, { limits::MAX_ADDRESS_RECORDS }>")]
    pub addresses: Vec<SignedAddressRecord>,
    /// The newest number of each author at this point, ascending by author.
    #[serde(deserialize_with = "list::<_, _, { limits::MAX_SEEN }>")]
    pub heads: Vec<(DeviceId, Seq)>,
    /// The thread's newest position at this point.
    pub position: Position,
    /// How many [`HistoryPiece`]s follow.
    pub pieces: u32,
    /// A word from the one who hands over, at most [`limits::MAX_NOTE`] bytes; may be empty.
    pub note: String,
}

/// A piece of history, sealed under a key exported from the epoch of the forward.
#[derive(Debug, Clone, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct HistoryPiece {
    /// The thread.
    pub thread: ThreadId,
    /// Its era.
    pub era: u32,
    /// 0, 1, .. in the order of the thread.
    pub index: u32,
    /// Sealed canonical CBOR list of signed contents.
    pub sealed: ByteBuf,
}

impl fmt::Debug for ForwardRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ForwardRequest")
            .field("request", &self.request)
            .field("thread", &self.thread)
            .field("to", &self.to)
            .field("history", &self.history)
            .field("lasts", &self.lasts)
            .field("hand_over", &self.hand_over)
            .field("note", &format_args!("{} bytes", self.note.len()))
            .finish()
    }
}

impl fmt::Debug for ForwardPayload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ForwardPayload")
            .field("thread", &self.thread)
            .field("era", &self.era)
            .field("chain", &self.chain)
            .field("welcome", &format_args!("{} bytes", self.welcome.len()))
            .field("heads", &self.heads)
            .field("position", &self.position)
            .field("pieces", &self.pieces)
            .field("note", &format_args!("{} bytes", self.note.len()))
            .finish_non_exhaustive()
    }
}

impl Bounded for ForwardRequest {
    const MAX_BYTES: usize = FIXED + limits::MAX_NOTE;

    fn is_bounded(&self) -> bool {
        self.note.len() <= limits::MAX_NOTE
    }
}

impl Bounded for ForwardAnswer {
    const MAX_BYTES: usize = FIXED;

    fn is_bounded(&self) -> bool {
        true
    }
}

impl Bounded for ForwardPayload {
    const MAX_BYTES: usize = FIXED
        + MAX_CHAIN_BYTES
        + limits::MAX_WELCOME
        + limits::MAX_ADDRESS_RECORDS * (MAX_ADDRESS_RECORD + 3)
        + limits::MAX_SEEN * (DeviceId::LEN + 12)
        + limits::MAX_NOTE;

    fn is_bounded(&self) -> bool {
        chain_fits(&self.chain)
            && self.welcome.len() <= limits::MAX_WELCOME
            && are_heads(&self.heads)
            && self.position <= Position::MAX
            && self.heads.iter().all(|(_, seq)| seq.0 <= self.position.0)
            && self.pieces <= limits::MAX_HISTORY_PIECES
            && self.note.len() <= limits::MAX_NOTE
    }
}

impl Bounded for HistoryPiece {
    const MAX_BYTES: usize = FIXED + limits::MAX_HISTORY_PIECE;

    fn is_bounded(&self) -> bool {
        self.sealed.len() <= limits::MAX_HISTORY_PIECE && self.index < limits::MAX_HISTORY_PIECES
    }
}
