//! Grants: issue, attenuate, verify and revoke signed capabilities. The one idea of authorization.
//!
//! A [`Grant`] says that its audience, a device, may use some [`Abilities`] for a principal, on one thread or on
//! all of them, in a window of time. The principal's root key signs the first grant of a [`Chain`]; each further
//! link is signed by the audience of the one above it and is narrower in every respect.
//!
//! # Life cycle
//! [`Chain::issue_root`] and [`Chain::delegate`] make chains. They travel and are stored as [`ChainBytes`], which
//! give no right to anything; [`ChainBytes::verify`] turns them into a [`Chain`] again, or says by a [`Refusal`]
//! why not. A chain that is held for long is rechecked against time and revocations by [`Chain::check_at`]. What is
//! done under a chain is checked by [`Chain::held_by`] and [`Chain::permits`]. A right ends by expiry, or by a
//! [`Revocation`] in the verifier's [`Revocations`].
//!
//! Everything here is pure: time and randomness are arguments, and the same input gets the same answer everywhere.
//!
//! # Example
//! The root of Acme makes a device its administrator, which forwards one thread to Ana for a day, and takes it back.
//! ```
//! use frontdesk_capability::{
//!     Abilities, Ability, Chain, History, Refusal, Revocation, Revocations, Scope, Terms,
//! };
//! use frontdesk_identity::{DeviceId, PrincipalId, SecretSigningKey, ThreadId, UnixTime};
//! # use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};
//! # let mut rng = ChaCha20Rng::from_seed([7; 32]);
//!
//! let root = SecretSigningKey::generate(&mut rng);
//! let admin = SecretSigningKey::generate(&mut rng);
//! let ana = DeviceId::from_bytes(SecretSigningKey::generate(&mut rng).public());
//! let acme = PrincipalId::from_bytes(root.public());
//! let now = UnixTime(1_800_000_000);
//!
//! let enrolment = Terms {
//!     audience: DeviceId::from_bytes(admin.public()),
//!     scope: Scope::Principal,
//!     abilities: Abilities::ALL,
//!     history: History::All,
//!     not_before: now,
//!     expires: now.plus(365 * 86_400),
//!     depth: 2,
//! };
//! let enrolled = Chain::issue_root(&root, enrolment, &mut rng)?;
//!
//! let thread = ThreadId::from_bytes([1; 32]);
//! let forward = Terms {
//!     audience: ana,
//!     scope: Scope::Thread(thread),
//!     abilities: Abilities::from([Ability::Read, Ability::Write]),
//!     history: History::None,
//!     not_before: now,
//!     expires: now.plus(86_400),
//!     depth: 0,
//! };
//! let sent = enrolled.delegate(&admin, forward, now, &mut rng)?.into_bytes();
//!
//! // The customer's node gets the bytes, and a claim by Ana's device that it may write.
//! let mut revocations = Revocations::new();
//! let chain = sent.verify(&acme, now, &revocations)?;
//! chain.held_by(&ana)?;
//! chain.permits(Ability::Write, thread)?;
//! assert_eq!(chain.permits(Ability::Forward, thread), Err(Refusal::AbilityMissing(Ability::Forward)));
//!
//! // The administrator ends it.
//! let ended = Revocation::issue(&admin, &acme, chain.leaf().id, now)?.into_bytes();
//! revocations.insert(ended.verify(&acme)?)?;
//! assert_eq!(chain.check_at(now, &revocations), Err(Refusal::Revoked { link: 1 }));
//! # Ok::<(), Refusal>(())
//! ```

mod ability;
mod attenuation;
mod chain;
mod extent;
mod grant;
mod issue;
mod refusal;
mod revocation;
mod revocations;
mod signed;

pub use ability::{Abilities, Ability, UnknownAbility};
pub use attenuation::{CLOCK_SKEW, MAX_DEPTH, MAX_LINKS};
pub use chain::{Chain, ChainBytes, MAX_CHAIN_BYTES};
pub use extent::{History, NotAHistory, Scope};
pub use grant::{Grant, GrantHash, IssuerKey};
pub use issue::Terms;
pub use refusal::Refusal;
pub use revocation::{MAX_REVOCATION_BYTES, Revocation, RevocationBytes};
pub use revocations::{
    ALWAYS_PER_REVOKER, MAX_PER_PRINCIPAL, MAX_PER_REVOKER, MAX_REVOCATIONS, Purpose,
    RESERVED_FOR_ENROLMENTS, RESERVED_FOR_ROOTS, Revocations,
};
