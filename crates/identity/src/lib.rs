//! Keys, ids, principals, device and address records, contact links and key files.
//!
//! A *principal* (an entity or a customer) has a root key; its id is that public key. A *device* has three keys of
//! its own (transport, signing, seal), bound together by its *device record*. This crate knows keys and what they
//! sign; what a key may do is the capability crate's matter. Randomness and time are arguments.

pub mod codec;
mod ids;
mod sign;

pub use ids::{DeviceId, GrantId, ParseIdError, PrincipalId, SealKey, ThreadId, TransportKey, UnixTime};
pub use sign::{BadSignature, Domain, SecretSigningKey, Signature, verify, verify_raw};
