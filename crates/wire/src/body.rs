//! Bodies: what a numbered data frame carries. One type for each step of the protocol.

use crate::{
    content::{Position, Seq},
    enrol::{JoinChallenge, JoinGranted, JoinRefused, JoinRequest},
    frame::FrameError,
    limits,
    profile::SignedProfile,
};
use frontdesk_capability::{ChainBytes, History, RevocationBytes};
use frontdesk_identity::{
    DeviceId, PrincipalId, SignedAddressRecord, SignedDeviceRecord, ThreadId,
    codec::{self, DecodeError},
};
use serde::{Deserialize, Serialize};
use serde_bytes::{ByteArray, ByteBuf};
use serde_tuple::{Deserialize_tuple, Serialize_tuple};

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

            /// Decodes a body and checks its bounds.
            ///
            /// # Errors
            /// [`FrameError`].
            pub fn decode(bytes: &[u8]) -> Result<Self, FrameError> {
                let Outer(kind, fields) = codec::decode(bytes, limits::MAX_FRAME)?;
                let body = match kind {
                    $($kind => Self::$name(codec::decode(&fields, limits::MAX_FRAME)?),)*
                    other => return Err(FrameError::UnknownKind(other)),
                };
                if body.is_bounded() { Ok(body) } else { Err(FrameError::OutOfBounds) }
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
    /// A device asks to be enrolled.
    20 JoinRequest;
    /// The administrator's node answers with its part of the short number.
    21 JoinChallenge;
    /// Enrolled.
    22 JoinGranted;
    /// Not enrolled.
    23 JoinRefused;
}

#[derive(Serialize, Deserialize)]
struct Outer(u8, ByteBuf);

/// A guest asks a reception device for what it needs to open a thread.
#[derive(Debug, Clone, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct ContactRequest {
    /// Names the request.
    pub request: RequestId,
    /// The entity that is meant.
    pub host: PrincipalId,
    /// The guest's device.
    pub record: SignedDeviceRecord,
    /// The guest principal's grant to its device.
    pub chain: ChainBytes,
    /// Cipher suites that the guest can use, by MLS code point, best first.
    pub suites: Vec<u16>,
    /// Where the guest can be dialled.
    pub address: SignedAddressRecord,
}

/// The answer to a [`ContactRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct ContactOffer {
    /// The request's name.
    pub request: RequestId,
    /// The entity's profile.
    pub profile: SignedProfile,
    /// The administrator node's device record.
    pub record: SignedDeviceRecord,
    /// Its grant, with `accept`.
    pub chain: ChainBytes,
    /// A key package of the administrator node, for this request alone.
    pub key_package: ByteBuf,
    /// Where it can be dialled.
    pub address: SignedAddressRecord,
}

/// The guest opens the thread.
#[derive(Debug, Clone, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct ContactOpen {
    /// The request's name.
    pub request: RequestId,
    /// The new thread.
    pub thread: ThreadId,
    /// MLS Welcome.
    pub welcome: ByteBuf,
    /// The first message, sealed.
    pub message: ByteBuf,
}

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
    pub revocations: Vec<RevocationBytes>,
    /// Where added devices can be dialled.
    pub addresses: Vec<SignedAddressRecord>,
}

/// The forward payload: the security information that lets a device into a thread.
#[derive(Debug, Clone, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
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
    pub addresses: Vec<SignedAddressRecord>,
    /// The newest number of each author at this point, ascending by author.
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

/// Fresh key packages of an enrolled device, for its administrator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct KeyPackages {
    /// One-time key packages.
    pub packages: Vec<ByteBuf>,
    /// A key package that may be used again when no other is left, or empty.
    pub last_resort: ByteBuf,
}

/// A member asks the steward to bring in a device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
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

/// Revocations, to whom they concern.
#[derive(Debug, Clone, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct Revoked {
    /// The revocations.
    pub revocations: Vec<RevocationBytes>,
}

/// Where a device can be dialled now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct AddressUpdate {
    /// The address record.
    pub address: SignedAddressRecord,
}

/// A member asks an author for messages that it missed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct RefillRequest {
    /// The thread.
    pub thread: ThreadId,
    /// Its era.
    pub era: u32,
    /// The first number that is missing.
    pub from: Seq,
    /// The last.
    pub to: Seq,
}

/// A member that lost a thread's keys asks the steward to be added anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct Rejoin {
    /// The thread.
    pub thread: ThreadId,
    /// A fresh key package of the asker.
    pub key_package: ByteBuf,
}

/// The entity's profile and devices, to each of its devices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct Roster {
    /// Grows with each change.
    pub number: u64,
    /// The entity's profile.
    pub profile: SignedProfile,
    /// Its devices.
    pub devices: Vec<RosterEntry>,
    /// Grants that are no longer in force.
    pub revocations: Vec<RevocationBytes>,
}

/// One device of an entity, as its other devices know it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct RosterEntry {
    /// The device.
    pub record: SignedDeviceRecord,
    /// Its enrolment grant.
    pub chain: ChainBytes,
    /// What it is: 1 agent, 2 bot, 3 administrator.
    pub role: u8,
    /// What people call it, at most [`limits::MAX_NAME`] bytes.
    pub name: String,
}

impl Body {
    fn is_bounded(&self) -> bool {
        match self {
            Self::ContactRequest(body) => body.suites.len() <= limits::MAX_SUITES,
            Self::ContactOffer(body) => body.key_package.len() <= limits::MAX_KEY_PACKAGE,
            Self::ContactOpen(body) => {
                body.welcome.len() <= limits::MAX_WELCOME && body.message.len() <= limits::MAX_SEALED
            }
            Self::ThreadMessage(body) => body.sealed.len() <= limits::MAX_SEALED,
            Self::CommitNotice(body) => {
                body.commit.len() <= limits::MAX_COMMIT
                    && body.revocations.len() <= limits::MAX_REVOCATIONS
                    && body.addresses.len() <= limits::MAX_ADDRESS_RECORDS
            }
            Self::ForwardPayload(body) => {
                body.welcome.len() <= limits::MAX_WELCOME
                    && body.addresses.len() <= limits::MAX_ADDRESS_RECORDS
                    && body.heads.len() <= limits::MAX_SEEN
                    && body.heads.windows(2).all(|pair| match pair {
                        [(a, _), (b, _)] => a < b,
                        _ => true,
                    })
                    && body.position <= Position::MAX
                    && body.pieces <= limits::MAX_HISTORY_PIECES
                    && body.note.len() <= limits::MAX_NOTE
            }
            Self::HistoryPiece(body) => {
                body.sealed.len() <= limits::MAX_HISTORY_PIECE && body.index < limits::MAX_HISTORY_PIECES
            }
            Self::KeyPackages(body) => {
                body.packages.len() <= limits::MAX_KEY_PACKAGES
                    && body.packages.iter().all(|package| package.len() <= limits::MAX_KEY_PACKAGE)
                    && body.last_resort.len() <= limits::MAX_KEY_PACKAGE
            }
            Self::ForwardRequest(body) => body.note.len() <= limits::MAX_NOTE,
            Self::Revoked(body) => body.revocations.len() <= limits::MAX_REVOCATIONS,
            Self::RefillRequest(body) => body.from > Seq(0) && body.from <= body.to,
            Self::Rejoin(body) => body.key_package.len() <= limits::MAX_KEY_PACKAGE,
            Self::Roster(body) => {
                body.devices.len() <= limits::MAX_ROSTER
                    && body.revocations.len() <= limits::MAX_REVOCATIONS
                    && body.devices.iter().all(|entry| entry.name.len() <= limits::MAX_NAME)
            }
            Self::JoinRequest(body) => body.name.len() <= limits::MAX_NAME,
            Self::JoinGranted(body) => body.name.len() <= limits::MAX_NAME,
            Self::ForwardAnswer(_)
            | Self::AddressUpdate(_)
            | Self::JoinChallenge(_)
            | Self::JoinRefused(_) => true,
        }
    }
}
