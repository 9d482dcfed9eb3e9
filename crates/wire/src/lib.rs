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
//! checked by the rooms above; what is signed here (a [`SignedContent`], a [`SignedProfile`]) gives its value only to
//! who verifies it.
//!
//! # What a decoder promises
//! It looks at no more bytes than [`limits`] names for the kind, keeps no list that is longer than its bound, and
//! answers whatever it gets with a value or a typed refusal. A value has one encoding: what decodes encodes to the
//! same bytes. Another version of frames, contents or profiles is named beside the one known here, whatever follows
//! it. What is told to the other side is a [`Reason`].
//!
//! The files in `vectors/` show every kind, lawful and not, for a second implementation.
//!
//! # Example
//! A sealed message goes from one node to another, and its acknowledgement back.
//! ```
//! use frontdesk_identity::ThreadId;
//! use frontdesk_wire::{Ack, Body, Data, Frame, FrameError, LinkSeq, Reason, Refused, ThreadMessage};
//! use serde_bytes::ByteBuf;
//!
//! let sealed = ByteBuf::from(b"what MLS made of a bundle".to_vec());
//! let message = ThreadMessage { thread: ThreadId::from_bytes([7; 32]), era: 1, sealed };
//! let body = ByteBuf::from(Body::ThreadMessage(message.clone()).encode()?);
//! let sent = Frame::Data(Data { seq: LinkSeq(1), body }).encode()?;
//!
//! // The receiver makes it durable, can't open it, and says so.
//! let Frame::Data(data) = Frame::decode(&sent)? else { panic!("a data frame was sent") };
//! assert_eq!(Body::decode(&data.body)?, Body::ThreadMessage(message));
//! let refused = vec![Refused { seq: data.seq, reason: Reason::PastEpoch }];
//! let answer = Ack { stored: data.seq, delivered: data.seq, refused };
//! let answer = Frame::Ack(answer).encode()?;
//!
//! // The sender can drop the frame, and knows what became of it.
//! let Frame::Ack(ack) = Frame::decode(&answer)? else { panic!("an acknowledgement was sent") };
//! assert_eq!((ack.stored, ack.refused[0].reason.as_str()), (LinkSeq(1), "past-epoch"));
//! # Ok::<(), FrameError>(())
//! ```

mod body;
mod bounds;
mod bundle;
mod content;
mod frame;
pub mod limits;
mod profile;
mod reason;

pub use body::{
    AddressUpdate, Body, CommitNotice, ContactOffer, ContactOpen, ContactRequest, EraMember, EraMembers,
    EraNotice, EraOffer, EraOpen, ForwardAnswer, ForwardPayload, ForwardRequest, HistoryPiece, JoinChallenge,
    JoinGranted, JoinRefused, JoinRequest, JoinReveal, KeyPackages, MemberAddress, Refill, RefillRequest,
    Rejoin, RequestId, Revoked, Roster, RosterEntry, ThreadMessage,
};
pub use bundle::Bundle;
pub use content::{Content, ContentError, ContentKind, Position, Seq, SignedContent};
pub use frame::{Ack, Data, Frame, FrameError, Hello, Incarnation, LinkSeq, Refused, Unusable};
pub use profile::{Profile, ProfileError, SignedProfile};
pub use reason::Reason;
