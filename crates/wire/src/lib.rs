//! What travels between two nodes: frames on a link, bodies inside data frames, content inside a thread.
//!
//! Three layers, each canonical CBOR with a version or a kind in front, each with its own bound:
//!
//! 1. A [`Frame`] is what one link carries: a greeting, a numbered data frame, or an acknowledgement. Links are
//!    authenticated and encrypted by the transport, so the sender of a frame is known by its transport key.
//! 2. A [`Body`] is what a data frame carries: one step of contact, enrolment, forwarding or a thread's traffic.
//! 3. A [`Content`] is what a thread's members read: it is signed by its author, then sealed by MLS.
//!
//! Nothing here decides: decoding only climbs from bytes to values within their bounds. Signatures and grants are
//! checked by the rooms above.

mod body;
mod bounds;
mod content;
mod frame;
pub mod limits;
mod profile;
mod reason;

pub use body::{
    AddressUpdate, Body, CommitNotice, ContactOffer, ContactOpen, ContactRequest, ForwardAnswer,
    ForwardPayload, ForwardRequest, HistoryPiece, JoinChallenge, JoinGranted, JoinRefused, JoinRequest,
    KeyPackages, RefillRequest, Rejoin, RequestId, Revoked, Roster, RosterEntry, ThreadMessage,
};
pub use content::{Content, ContentError, ContentKind, Position, Seq, SignedContent};
pub use frame::{Ack, Data, Frame, FrameError, Hello, Incarnation, LinkSeq, Refused};
pub use profile::{Profile, ProfileError, SignedProfile};
pub use reason::Reason;
