//! The Store trait, its sled and memory engines, and encryption at rest.

mod batch;
mod error;
mod limits;
mod memory;
mod overlay;
mod scan;
mod traits;

pub use batch::{Batch, Change};
pub use error::StoreError;
pub use limits::{MAX_KEY, MAX_VALUE};
pub use memory::{Fault, MemoryStore};
pub use overlay::{Overlay, Savepoint};
pub use scan::{Order, Scan};
pub use traits::{Entry, Reader, Store};
