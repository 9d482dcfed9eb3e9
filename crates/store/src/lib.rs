//! The Store trait, its sled and memory engines, and encryption at rest.

mod batch;
#[cfg(test)]
mod conformance;
#[cfg(feature = "sled")]
mod durable;
mod error;
mod limits;
mod memory;
mod migrations;
mod overlay;
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
pub use scan::{Order, Scan};
pub use sealed::{MasterKey, Sealed};
pub use traits::{Entry, Reader, Store};
