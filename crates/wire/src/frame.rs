//! Frames: what one link between two nodes carries.
//!
//! A link is a pair of nodes, whatever connection they have at the moment. Each direction numbers its data frames
//! from 1 without gaps, keeps them until they are acknowledged, and sends them again after a reconnection.

use crate::{bounds::list, limits, reason::Reason};
use frontdesk_identity::codec::{self, DecodeError};
use serde::{Deserialize, Serialize};
use serde_bytes::{ByteArray, ByteBuf};
use serde_tuple::{Deserialize_tuple, Serialize_tuple};

/// The version of frames that this program speaks.
const VERSION: u64 = 1;

/// Why a frame was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The bytes don't decode.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// A kind that this version does not have.
    #[error("frame kind {0} is not known here")]
    UnknownKind(u8),
    /// A list or text is longer than its bound, or not in its order.
    #[error("a field is out of its bounds")]
    OutOfBounds,
}

/// Number of a data frame on one direction of a link: 1, 2, 3, ..
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LinkSeq(pub u64);

impl LinkSeq {
    /// The next number.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The number before, or 0.
    #[must_use]
    pub const fn previous(self) -> Self {
        Self(self.0.saturating_sub(1))
    }
}

/// One life of a node's store: 8 random bytes, drawn when the store is made or restored. A peer that meets a new
/// incarnation starts its count of that peer's frames anew.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Incarnation(ByteArray<8>);

impl Incarnation {
    /// Wraps raw bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 8]) -> Self {
        Self(ByteArray::new(bytes))
    }
}

/// One frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// The first frame of each side after a connection.
    Hello(Hello),
    /// A numbered body.
    Data(Data),
    /// What the sender has made durable of what it received.
    Ack(Ack),
    /// A frame of the receiver's that the sender can do nothing with.
    Unusable(Unusable),
}

/// A greeting: who of its lives the sender is in, and how far it got with the receiver's frames.
#[derive(Debug, Clone, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct Hello {
    /// The sender's present life.
    pub incarnation: Incarnation,
    /// The receiver's life that `ack` speaks of; a receiver in another life ignores `ack`.
    pub about: Option<Incarnation>,
    /// The sender has the receiver's greeting. If not, the receiver greets again.
    pub heard: bool,
    /// The sender's cursor over the receiver's frames.
    pub ack: Ack,
    /// How many of the sender's frames, in its present life, the receiver has acknowledged. A receiver that has fewer is
    /// an old copy.
    pub acknowledged: LinkSeq,
}

/// A numbered, durable frame.
#[derive(Debug, Clone, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct Data {
    /// Its number.
    pub seq: LinkSeq,
    /// An encoded [`crate::Body`].
    pub body: ByteBuf,
}

/// A cumulative acknowledgement, sent only after what it acknowledges is durable.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct Ack {
    /// Every frame up to here is stored.
    pub stored: LinkSeq,
    /// Every frame up to here has been opened and acted on. Never more than `stored`; less while a message waits for
    /// the commit that it was sealed under.
    pub delivered: LinkSeq,
    /// The latest frames that were refused, ascending by number, with the reason. They count as stored. At most
    /// [`limits::MAX_REFUSED`].
    #[serde(deserialize_with = "list::<_, _, { limits::MAX_REFUSED }>")]
    pub refused: Vec<Refused>,
}

/// A data frame that was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct Refused {
    /// Number of the refused frame.
    pub seq: LinkSeq,
    /// Why.
    pub reason: Reason,
}

/// The refusal of a frame that has no number to be refused by, since it doesn't decode or says what can't be.
///
/// It names versions, and so has to be read by nodes of any: a node of a later version says it in this very form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct Unusable {
    /// Why: [`Reason::Malformed`], [`Reason::UnknownVersion`] or [`Reason::TooLong`], nothing else.
    pub reason: Reason,
    /// The version of the refused frame, as far as that could be read.
    pub found: Option<u64>,
    /// The version that the sender of this speaks.
    pub speaks: u64,
}

impl Unusable {
    /// Refuses a frame that decodes, and says what can't be.
    #[must_use]
    pub const fn untrue() -> Self {
        Self { reason: Reason::Malformed, found: Some(VERSION), speaks: VERSION }
    }

    fn is_bounded(&self) -> bool {
        matches!(self.reason, Reason::Malformed | Reason::UnknownVersion | Reason::TooLong)
    }
}

impl From<FrameError> for Unusable {
    fn from(error: FrameError) -> Self {
        let found = match error {
            FrameError::Decode(DecodeError::UnknownVersion { found, .. }) => Some(found),
            FrameError::Decode(_) => None,
            FrameError::UnknownKind(_) | FrameError::OutOfBounds => Some(VERSION),
        };
        Self { reason: Reason::from(error), found, speaks: VERSION }
    }
}

#[derive(Serialize, Deserialize)]
struct Outer(u64, u8, ByteBuf);

impl Frame {
    /// The bytes: `[version, kind, fields]`, where the fields are a byte string of CBOR.
    ///
    /// # Errors
    /// Only for a defect of ours, see [`codec::encode`].
    pub fn encode(&self) -> Result<Vec<u8>, DecodeError> {
        let (kind, body) = match self {
            Self::Hello(hello) => (1, codec::encode(hello)?),
            Self::Data(data) => (2, codec::encode(data)?),
            Self::Ack(ack) => (3, codec::encode(ack)?),
            Self::Unusable(unusable) => (4, codec::encode(unusable)?),
        };
        codec::encode(&Outer(VERSION, kind, ByteBuf::from(body)))
    }

    /// Decodes a frame of at most [`limits::MAX_FRAME`] bytes.
    ///
    /// # Errors
    /// [`FrameError`]; a version other than 1 is [`DecodeError::UnknownVersion`] with both named, whatever follows it.
    pub fn decode(bytes: &[u8]) -> Result<Self, FrameError> {
        let Outer(_, kind, fields) = codec::decode_versioned(bytes, limits::MAX_FRAME, VERSION)?;
        let frame = match kind {
            1 => Self::Hello(codec::decode(&fields, limits::MAX_ACK)?),
            2 => Self::Data(codec::decode(&fields, limits::MAX_FRAME)?),
            3 => Self::Ack(codec::decode(&fields, limits::MAX_ACK)?),
            4 => Self::Unusable(codec::decode(&fields, limits::MAX_ACK)?),
            other => return Err(FrameError::UnknownKind(other)),
        };
        if frame.is_bounded() { Ok(frame) } else { Err(FrameError::OutOfBounds) }
    }

    fn is_bounded(&self) -> bool {
        match self {
            Self::Hello(hello) => hello.ack.is_bounded(),
            Self::Data(data) => data.seq > LinkSeq(0),
            Self::Ack(ack) => ack.is_bounded(),
            Self::Unusable(unusable) => unusable.is_bounded(),
        }
    }
}

impl Ack {
    fn is_bounded(&self) -> bool {
        let refused = || self.refused.iter().map(|refused| refused.seq);
        self.delivered <= self.stored
            && refused().all(|seq| LinkSeq(0) < seq && seq <= self.stored)
            && refused().is_sorted_by(|a, b| a < b)
    }
}
