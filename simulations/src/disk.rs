//! What a node writes to.

use frontdesk_store::{MemoryStore, Store, StoreError};
use std::fmt;

/// A store that can lose its power: the map in memory, or in a test the real one in a folder.
pub trait Disk: Store + fmt::Debug {
    /// Cuts the power: what was not flushed is gone, and what was is read anew.
    ///
    /// # Errors
    /// The store's, if it can't be opened again.
    fn cut(&mut self) -> Result<(), StoreError>;

    /// The number of records, and the bytes of their keys and values.
    fn size(&self) -> (usize, usize);
}

impl Disk for MemoryStore {
    fn cut(&mut self) -> Result<(), StoreError> {
        self.crash();
        Ok(())
    }

    fn size(&self) -> (usize, usize) {
        Self::size(self)
    }
}
