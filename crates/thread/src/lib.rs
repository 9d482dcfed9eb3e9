//! An MLS thread: membership, admission, messages, history and eras.
//!
//! A [`Thread`] is one MLS group (RFC 9420) of one era of a conversation between a guest and a host. Its group
//! context carries the [`ThreadState`]: who may be here, and by which grants. Whatever would change it passes the
//! admission rule first; see [`AdmissionRefusal`] for what that refuses.
//!
//! # Life cycle
//! Devices publish key packages ([`new_key_package`]). The guest founds the thread ([`Thread::create`]) and adds the
//! steward, who joins by the Welcome ([`Thread::join`]). From then on each member seals and opens messages
//! ([`Thread::seal`], [`Thread::open`]), and the steward alone changes the membership ([`Thread::change`]): one
//! commit for the members ([`Thread::follow`]), one Welcome for those it adds, and for them the history they were granted
//! ([`Thread::seal_history`], [`Thread::open_history`]). A removed member's thread answers nothing more but reads.
//!
//! # State
//! Everything is written to the [`Overlay`](frontdesk_store::Overlay) of the [`Ctx`] and nowhere else. An operation
//! that is refused takes its own writes back and leaves both the overlay and the `Thread` as they were. If the batch
//! is not committed in the end, drop the `Thread` and [`load`](Thread::load) it again.
//!
//! # Example
//! Carla founds a thread with Acme's administrator and says hello.
//! ```
//! use frontdesk_capability::{Abilities, Chain, History, Revocations, Scope, Terms};
//! use frontdesk_identity::{DeviceId, DeviceKeys, DeviceRecord, PrincipalId, SecretSigningKey, UnixTime};
//! use frontdesk_store::{MemoryStore, Overlay, Store};
//! use frontdesk_thread::{Ctx, Expected, Founding, Mls, Opened, Role, Suite, Thread, new_key_package};
//! use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};
//! # let mut rng = ChaCha20Rng::seed_from_u64(1);
//! # let (world, now) = ((Mls::new(), Revocations::new()), UnixTime(1_800_000_000));
//! # fn ctx<'a>(overlay: &'a Overlay<'a>, world: &'a (Mls, Revocations), keys: &'a DeviceKeys,
//! #     record: &'a DeviceRecord, seed: u64) -> Ctx<'a> {
//! #     let rng = std::cell::RefCell::new(ChaCha20Rng::seed_from_u64(seed));
//! #     let (mls, revocations) = world;
//! #     Ctx { overlay, mls, rng, keys, record, now: UnixTime(1_800_000_000), revocations }
//! # }
//! # let chain = |root: &SecretSigningKey, audience: DeviceId, rng: &mut ChaCha20Rng| {
//! #     let (abilities, history) = (Abilities::ALL, History::All);
//! #     let expires = now.plus(86_400);
//! #     let terms = Terms { audience, scope: Scope::Principal, abilities, history, not_before: now, expires, depth: 0 };
//! #     Chain::issue_root(root, terms, rng).map(Chain::into_bytes)
//! # };
//! let (acme, carla) = (SecretSigningKey::generate(&mut rng), SecretSigningKey::generate(&mut rng));
//! let (host, guest) = (PrincipalId::from_bytes(acme.public()), PrincipalId::from_bytes(carla.public()));
//! let (desk, phone) = (DeviceKeys::generate(&mut rng), DeviceKeys::generate(&mut rng));
//! let desk_record = DeviceRecord::sign(&desk, host, now).verify()?;
//! let phone_record = DeviceRecord::sign(&phone, guest, now).verify()?;
//! let (desk_store, phone_store) = (MemoryStore::new(), MemoryStore::new());
//!
//! // The desk publishes a key package. Each step writes to an overlay, which is committed as one batch.
//! let step = Overlay::new(&desk_store);
//! let package = new_key_package(&ctx(&step, &world, &desk, &desk_record, 1), Suite::Hybrid, false)?;
//! desk_store.commit(&step.into_batch())?;
//!
//! // Carla checks it, founds the thread and says hello: Welcome and message can go in one flight.
//! let step = Overlay::new(&phone_store);
//! let founding = Founding {
//!     host,
//!     guest,
//!     nonce: [7; 16],
//!     suite: Suite::Hybrid,
//!     guest_chain: chain(&carla, phone.id(), &mut rng)?,
//!     steward: package.verify(&world.0)?,
//!     steward_chain: chain(&acme, desk.id(), &mut rng)?,
//!     era: 0,
//!     term: 0,
//! };
//! let by_carla = ctx(&step, &world, &phone, &phone_record, 2);
//! let (mut at_carla, welcome) = Thread::create(&by_carla, founding)?;
//! let hello = at_carla.seal(&by_carla, b"hello")?;
//! # drop(by_carla);
//! phone_store.commit(&step.into_batch())?;
//!
//! // The desk joins, and sees who wrote.
//! let step = Overlay::new(&desk_store);
//! let by_desk = ctx(&step, &world, &desk, &desk_record, 3);
//! let expected = Expected { host, thread: at_carla.id(), era: 0, min_term: 0, role: Role::Steward };
//! let mut at_desk = Thread::join(&by_desk, &welcome, &expected)?;
//! let Opened { sender, plaintext, .. } = at_desk.open(&by_desk, &hello)?;
//! assert_eq!((sender, plaintext), (phone.id(), b"hello".to_vec()));
//! # drop(by_desk);
//! desk_store.commit(&step.into_batch())?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Plaintext is bytes here: what they mean and who signed them is for others to judge. Time is the caller's.

mod admission;
mod change;
mod config;
mod create;
mod ctx;
mod history;
mod join;
mod key_package;
mod limits;
mod member;
mod open;
mod refill;
mod seal;
mod state;
mod storage;
mod suite;
mod thread;
#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
mod vectors;
mod verified;

pub use admission::AdmissionRefusal;
pub use change::{ChangeRefusal, ChangeRequest, Committed, Speaker};
pub use config::STATE_EXTENSION;
pub use create::{CreateError, Founding};
pub use ctx::{Ctx, Mls};
pub use history::HistoryError;
pub use join::{Expected, JoinRefusal, Role, WelcomeBytes};
pub use key_package::{
    KeyPackage, KeyPackageBytes, KeyPackageError, KeyPackageRefusal, delete_key_package, new_key_package,
};
pub use limits::{
    MAX_FORWARD, MAX_HISTORY, MAX_KEY_PACKAGE, MAX_MEMBERS, MAX_MESSAGE, MAX_PAST_EPOCHS, MAX_PLAINTEXT,
    MAX_STATE, MAX_WELCOME, OUT_OF_ORDER, PADDING,
};
pub use member::{LeafError, Member, Side};
pub use open::{Change, OpenRefusal, Opened};
pub use refill::RefillError;
pub use seal::SealError;
pub use state::{STATE_VERSION, StateError, ThreadState};
pub use storage::StorageError;
pub use suite::{Suite, UnknownSuite};
pub use thread::{LoadError, Thread, WriterRefusal};
