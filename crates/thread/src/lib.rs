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
//! commit for the members, one Welcome for those it adds, and for them the history they were granted
//! ([`Thread::seal_history`], [`Thread::open_history`]). A removed member's thread answers nothing more but reads.
//!
//! # State
//! Everything is written to the [`Overlay`](frontdesk_store::Overlay) of the [`Ctx`] and nowhere else. An operation
//! that is refused takes its own writes back and leaves both the overlay and the `Thread` as they were. If the batch
//! is not committed in the end, drop the `Thread` and [`load`](Thread::load) it again.
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
mod seal;
mod state;
mod storage;
mod suite;
mod thread;

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
pub use seal::SealError;
pub use state::{STATE_VERSION, StateError, ThreadState};
pub use storage::StorageError;
pub use suite::{Suite, UnknownSuite};
pub use thread::{LoadError, Thread, WriterRefusal};
