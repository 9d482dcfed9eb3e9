//! Bodies: what a numbered data frame carries. One type for each step of the protocol.

mod contact;
mod enrol;
mod entity;
mod era;
mod forward;
mod thread;

pub use contact::{ContactOffer, ContactOpen, ContactRequest};
pub use enrol::{JoinChallenge, JoinGranted, JoinRefused, JoinRequest, JoinReveal};
pub use entity::{AddressUpdate, KeyPackages, Revoked, Roster, RosterEntry};
pub use era::{EraMember, EraMembers, EraNotice, EraOffer, EraOpen};
pub use forward::{ForwardAnswer, ForwardPayload, ForwardRequest, HistoryPiece};
pub use thread::{CommitNotice, MemberAddress, Refill, RefillRequest, Rejoin, ThreadMessage};

use crate::{bounds::Bounded, frame::FrameError, limits};
use frontdesk_identity::codec::{self, DecodeError};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_bytes::{ByteArray, ByteBuf};

macro_rules! bodies {
    ($($(#[$doc:meta])* $kind:literal $name:ident;)*) => {
        /// One body, decoded.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum Body {
            $($(#[$doc])* $name($name),)*
        }

        impl Body {
            /// The bytes: `[kind, fields]`.
            ///
            /// # Errors
            /// Only for a defect of ours, see [`codec::encode`].
            pub fn encode(&self) -> Result<Vec<u8>, DecodeError> {
                let (kind, fields) = match self {
                    $(Self::$name(fields) => ($kind, codec::encode(fields)?),)*
                };
                codec::encode(&Outer(kind, ByteBuf::from(fields)))
            }

            /// Decodes a body of at most [`limits::MAX_BODY`] bytes and checks its bounds.
            ///
            /// # Errors
            /// [`FrameError`]. A body longer than its kind can be is [`DecodeError::TooLong`], a list longer than its
            /// bound is [`DecodeError::Malformed`]; both before memory is spent on them.
            pub fn decode(bytes: &[u8]) -> Result<Self, FrameError> {
                let Outer(kind, fields) = codec::decode(bytes, limits::MAX_BODY)?;
                match kind {
                    $($kind => read::<$name>(&fields).map(Self::$name),)*
                    other => Err(FrameError::UnknownKind(other)),
                }
            }

            /// The name of the kind, for logs.
            #[must_use]
            pub const fn kind(&self) -> &'static str {
                match self {
                    $(Self::$name(_) => stringify!($name),)*
                }
            }
        }
    };
}

bodies! {
    /// A guest asks a reception device for what it needs to open a thread.
    1 ContactRequest;
    /// The answer: profile, keys and grants.
    2 ContactOffer;
    /// The guest opens the thread: Welcome and first message.
    3 ContactOpen;
    /// A sealed message of a thread.
    4 ThreadMessage;
    /// A change of a thread's members, to those who are in it.
    5 CommitNotice;
    /// The forward payload, to a device that is brought in.
    6 ForwardPayload;
    /// A piece of the history that a forward grants.
    7 HistoryPiece;
    /// Fresh key packages of an enrolled device.
    8 KeyPackages;
    /// A member asks the steward to bring in a device.
    9 ForwardRequest;
    /// The steward has done it.
    10 ForwardAnswer;
    /// Revocations, to whom they concern.
    11 Revoked;
    /// Where a device can be dialled now.
    12 AddressUpdate;
    /// A member asks an author for messages that it missed.
    13 RefillRequest;
    /// A member that lost a thread's keys asks the steward to be added anew.
    14 Rejoin;
    /// The entity's profile and devices, to each of its devices.
    15 Roster;
    /// A message that a member missed, from its author.
    16 Refill;
    /// Where another member of a thread can be dialled now.
    17 MemberAddress;
    /// A device of the host offers the guest to be the steward of a new era.
    18 EraOffer;
    /// The guest opens the new era.
    19 EraOpen;
    /// A device asks to be enrolled.
    20 JoinRequest;
    /// The administrator's node answers with its part of the short number.
    21 JoinChallenge;
    /// Enrolled.
    22 JoinGranted;
    /// Not enrolled.
    23 JoinRefused;
    /// The device opens its commitment, which completes the short number.
    24 JoinReveal;
    /// The steward of a new era tells its colleagues that they are waited for.
    25 EraNotice;
    /// Who may lead threads tells the steward of a new era whom it knows to be waited for.
    26 EraMembers;
}

#[derive(Serialize, Deserialize)]
struct Outer(u8, ByteBuf);

fn read<T: Bounded + Serialize + DeserializeOwned>(fields: &[u8]) -> Result<T, FrameError> {
    const { assert!(T::MAX_BYTES <= limits::MAX_BODY, "every body fits into a frame") };
    let body: T = codec::decode(fields, T::MAX_BYTES)?;
    if body.is_bounded() { Ok(body) } else { Err(FrameError::OutOfBounds) }
}

/// Names a request, so that its answer finds it: 16 random bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RequestId(ByteArray<16>);

impl RequestId {
    /// Wraps raw bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(ByteArray::new(bytes))
    }

    /// The raw bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}
