//! Why a data frame, a request or a contact was refused: the codes that one node tells another.

use crate::frame::FrameError;
use frontdesk_capability::Refusal;
use frontdesk_identity::codec::DecodeError;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $text:literal, $sentence:literal;)*) => {
        /// A refusal as told to a peer: a stable number on the wire, a stable word in interfaces, a sentence for people.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Reason {
            $($(#[$doc])* $name,)*
            /// A number that this version does not know; kept, so that an older node can still show it.
            Other(u16),
        }

        impl Reason {
            /// All reasons of this version.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The number on the wire.
            #[must_use]
            pub const fn code(self) -> u16 {
                match self {
                    $(Self::$name => $code,)*
                    Self::Other(code) => code,
                }
            }

            /// The reason of a number.
            #[must_use]
            pub const fn from_code(code: u16) -> Self {
                match code {
                    $($code => Self::$name,)*
                    other => Self::Other(other),
                }
            }

            /// The word for interfaces and scripts.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                    Self::Other(_) => "other",
                }
            }

            const fn sentence(self) -> &'static str {
                match self {
                    $(Self::$name => $sentence,)*
                    Self::Other(_) => "refused for a reason that this version does not know",
                }
            }
        }
    };
}

reasons! {
    /// The bytes don't decode, or a field is out of its bounds.
    Malformed = 1, "malformed", "the frame does not decode";
    /// A version or kind that the receiver doesn't speak.
    UnknownVersion = 2, "unknown-version", "the receiver does not speak this version";
    /// A bound of the receiver is reached; later may succeed.
    Busy = 3, "busy", "the receiver is at one of its limits; try again later";
    /// The message or list is longer than its bound.
    TooLong = 4, "too-long", "longer than its limit";
    /// The request is about another business than the receiver's.
    WrongEntity = 10, "wrong-entity", "the receiver does not belong to that business";
    /// The receiver may not accept contacts.
    NotReception = 11, "not-reception", "the receiver does not take new contacts";
    /// No cipher suite in common.
    NoCommonSuite = 12, "no-common-suite", "no cipher suite in common";
    /// The receiver doesn't know the thread (any more).
    UnknownThread = 20, "unknown-thread", "the receiver does not have this thread";
    /// The sender is not a member of the thread.
    NotMember = 21, "not-member", "the sender is not a member of this thread";
    /// The sender is not the steward, and only the steward may do this.
    NotSteward = 22, "not-steward", "only the steward may change who is in a thread";
    /// A commit or Welcome breaks the admission rule.
    Admission = 23, "admission", "the change breaks the admission rule";
    /// Sealed under an epoch whose keys are gone.
    PastEpoch = 24, "past-epoch", "sealed under keys that the receiver no longer has";
    /// Sealed under an epoch that never came.
    FutureEpoch = 25, "future-epoch", "sealed under keys that the receiver has not got";
    /// The same sealed message again.
    Replayed = 26, "replayed", "this message was opened before";
    /// It can't be opened with the thread's keys.
    Undecryptable = 27, "undecryptable", "the message can't be opened";
    /// The author's own signature or numbers don't hold.
    BadContent = 28, "bad-content", "the content is not what its author signed";
    // 29 was `closed`, which was never sent. The number stays unused, so that it can't come to mean two things.
    /// Sealed or asked in an era of the thread that is over.
    PastEra = 30, "past-era", "a new era of the thread has begun since";
    /// Of the messages that were asked for there is none, and will never be.
    NoSuchMessage = 31, "no-such-message", "the author has none of these messages";
    /// The invitation is not known here.
    UnknownInvitation = 40, "unknown-invitation", "no such invitation; ask for a new one";
    /// The invitation was used by another device.
    UsedInvitation = 41, "used-invitation", "the invitation has been used; ask for a new one";
    /// The invitation is too old.
    ExpiredInvitation = 42, "expired-invitation", "the invitation has expired; ask for a new one";
    /// The proof doesn't show knowledge of the code.
    WrongCode = 43, "wrong-code", "the invitation's code is wrong; check it and try again";
    /// The administrator declined.
    Declined = 44, "declined", "the administrator declined";
    /// The device asked for is not enrolled here.
    UnknownDevice = 45, "unknown-device", "no such device is enrolled";
    /// No key package of the device is left, or it is not usable.
    NoKeyPackage = 46, "no-key-package", "no usable key package of that device; it has to come online first";
    /// Nobody fits who could take the thread.
    NobodyAvailable = 47, "nobody-available", "nobody is available to take the thread";
    /// The device to bring in is in the thread already.
    AlreadyMember = 48, "already-member", "the device is in the thread already";
    /// The grant is malformed, or its chain is.
    GrantMalformed = 60, "grant-malformed", "the grant does not decode";
    /// A signature in the grant's chain does not verify: forged or changed.
    GrantForged = 61, "grant-forged", "a signature in the grant chain does not verify";
    /// A link gives more than its parent has.
    GrantWidened = 62, "grant-widened", "the grant gives more than its issuer has";
    /// The grant is over.
    GrantExpired = 63, "grant-expired", "the grant has expired";
    /// The grant is not in force yet.
    GrantNotYetValid = 64, "grant-not-yet-valid", "the grant is not in force yet";
    /// The grant was revoked.
    GrantRevoked = 65, "grant-revoked", "the grant was revoked";
    /// The grant is another device's.
    GrantWrongAudience = 66, "grant-wrong-audience", "the grant was given to another device";
    /// The grant is for another principal or thread.
    GrantWrongScope = 67, "grant-wrong-scope", "the grant is for another business or thread";
    /// The grant does not name the ability that this needs.
    GrantLacksAbility = 68, "grant-lacks-ability", "the grant does not allow this";
    /// The peer is not enrolled, or showed no grant.
    GrantMissing = 69, "grant-missing", "there is no grant for this";
    /// The receiver's store failed; nothing was acknowledged.
    Storage = 90, "storage", "the receiver could not store it";
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.sentence(), self.as_str())
    }
}

impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u16(self.code())
    }
}

impl<'de> Deserialize<'de> for Reason {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u16::deserialize(deserializer).map(Self::from_code)
    }
}

impl From<DecodeError> for Reason {
    fn from(error: DecodeError) -> Self {
        match error {
            DecodeError::TooLong { .. } => Self::TooLong,
            DecodeError::Malformed | DecodeError::NotCanonical => Self::Malformed,
            DecodeError::UnknownVersion { .. } => Self::UnknownVersion,
        }
    }
}

impl From<FrameError> for Reason {
    fn from(error: FrameError) -> Self {
        match error {
            FrameError::Decode(error) => Self::from(error),
            FrameError::UnknownKind(_) => Self::UnknownVersion,
            FrameError::OutOfBounds => Self::Malformed,
        }
    }
}

impl From<Refusal> for Reason {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::TooLong
            | Refusal::Malformed
            | Refusal::NotCanonical
            | Refusal::UnknownVersion { .. }
            | Refusal::UnknownAbility { .. }
            | Refusal::EmptyChain
            | Refusal::TooManyLinks
            | Refusal::EmptyWindow { .. }
            | Refusal::TooDeep { .. }
            | Refusal::DuplicateId { .. } => Self::GrantMalformed,
            Refusal::NotFromRoot
            | Refusal::WrongIssuer { .. }
            | Refusal::WrongParent { .. }
            | Refusal::BadSignature { .. }
            | Refusal::BadRevocation => Self::GrantForged,
            Refusal::DepthExhausted { .. }
            | Refusal::WiderDepth { .. }
            | Refusal::WiderAbilities { .. }
            | Refusal::WiderScope { .. }
            | Refusal::WiderHistory { .. }
            | Refusal::WiderWindow { .. }
            | Refusal::ForwardMissing { .. }
            | Refusal::AdmitMissing { .. } => Self::GrantWidened,
            Refusal::NotYetValid { .. } => Self::GrantNotYetValid,
            Refusal::Expired { .. } => Self::GrantExpired,
            Refusal::Revoked { .. } => Self::GrantRevoked,
            Refusal::WrongAudience => Self::GrantWrongAudience,
            Refusal::WrongPrincipal | Refusal::WrongThread | Refusal::ThreadOnly => Self::GrantWrongScope,
            Refusal::AbilityMissing(_) => Self::GrantLacksAbility,
            Refusal::RevocationsFull => Self::Busy,
        }
    }
}
