//! The Store trait, its sled and memory engines, and encryption at rest.
//!
//! # Model
//!
//! A store is an ordered map from keys to values. A [`Reader`] gets and scans; a [`Store`] also commits a [`Batch`],
//! which lands whole or not at all, and flushes, after which what was committed survives a power cut. An [`Overlay`]
//! is a batch in the making that reads its own writes, with savepoints: one step of the engine is one overlay.
//!
//! ```text
//! engine step -> Overlay -> Batch -> Sealed (encrypts, splits) -> SledStore (one tree, one folder, one process)
//!                                                              -> MemoryStore (tests, simulations)
//! ```
//!
//! For tests, [`PowerCut`] over any engine drops what was not flushed; a [`MemoryStore`] can do that by itself.
//!
//! A key has 1 to [`MAX_KEY`] bytes and doesn't begin with a zero byte; a value has at most [`MAX_VALUE`] bytes. Keys
//! are in the clear on the disk, so put ids into them and no content.
//!
//! # Life cycle
//!
//! 1. `SledStore::open` (feature `sled`) takes the folder for this process alone and clears up after a crash.
//! 2. [`Sealed::open`] checks the [`MasterKey`]; [`migrate`] brings an older format to [`CURRENT_FORMAT`].
//! 3. Each step: build an overlay, [`commit`](Store::commit) its batch, [`flush`](Store::flush), and only then send or
//!    acknowledge. Many steps may share a flush: [`Batch::merge`].
//! 4. When a commit or a flush fails, acknowledge nothing of it, drop the store and all that was read from it, and
//!    open again: whatever a flush acknowledged before is there.
//! 5. At the end, `SledStore::close`. A process that is killed loses only what no flush acknowledged.
//!
//! # Example
//!
//! ```
//! use frontdesk_store::{MasterKey, MemoryStore, Overlay, Reader, Scan, Sealed, Store, StoreError, migrate};
//! use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};
//!
//! # fn main() -> Result<(), StoreError> {
//! // A program takes both from the system: the key from a key file, and system randomness.
//! let key = MasterKey::from([7; 32]);
//! let rng = ChaCha20Rng::seed_from_u64(1);
//! let store = Sealed::open(MemoryStore::new(), &key, rng)?;
//! migrate(&store)?;
//!
//! let step = Overlay::new(&store);
//! step.put("message/1", "Good morning")?;
//! step.put("message/2", "Hello")?;
//! let newest = step.scan(&Scan::prefix(b"message/").descending().limit(1))?;
//! assert_eq!(newest, [(b"message/2".to_vec(), b"Hello".to_vec())]);
//!
//! store.commit(&step.into_batch())?;
//! store.flush()?;
//! // Now the other side may learn of it.
//! store.engine().crash();
//! assert_eq!(store.get(b"message/1")?, Some(b"Good morning".to_vec()));
//! # Ok(())
//! # }
//! ```

mod batch;
#[cfg(test)]
mod conformance;
#[cfg(feature = "sled")]
mod durable;
mod error;
mod limits;
mod memory;
mod merge;
mod migrations;
mod overlay;
mod power_cut;
mod scan;
mod sealed;
mod traits;

pub use batch::{Batch, Change};
#[cfg(feature = "sled")]
pub use durable::{SledOptions, SledStore};
pub use error::StoreError;
pub use limits::{MAX_ENGINE_VALUE, MAX_KEY, MAX_VALUE};
pub use memory::{Fault, MemoryStore};
pub use migrations::{CURRENT_FORMAT, migrate};
pub use overlay::{Overlay, Savepoint};
pub use power_cut::PowerCut;
pub use scan::{Order, Scan};
pub use sealed::{MasterKey, Sealed};
pub use traits::{Entry, Reader, Store};
