use std::sync::Arc;

use crate::{Batch, Scan, StoreError};

/// A key and its value, as a scan answers them.
pub type Entry = (Vec<u8>, Vec<u8>);

/// Reads. Synchronous, and usable as `&dyn Reader`.
///
/// One call sees each batch whole or not at all. Two calls may see a batch that was committed between them.
pub trait Reader {
    /// The value of `key`, if it has one.
    ///
    /// # Errors
    /// [`StoreError::Io`] or [`StoreError::Damaged`]. A key that no batch can hold simply has no value.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// The entries that `scan` names, in its order.
    ///
    /// # Errors
    /// [`StoreError::Io`] or [`StoreError::Damaged`].
    fn scan(&self, scan: &Scan<'_>) -> Result<Vec<Entry>, StoreError>;
}

/// Writes. **Persist, then send or acknowledge**: what the outside may learn of waits for [`flush`](Store::flush).
pub trait Store: Reader + Send + Sync {
    /// Applies the batch: all of it or, on an error, nothing. Reads see it at once; it is not durable yet.
    /// Batches become durable in the order of their commits.
    ///
    /// # Errors
    /// [`StoreError::Full`], [`StoreError::Io`] or [`StoreError::Damaged`].
    fn commit(&self, batch: &Batch) -> Result<(), StoreError>;

    /// When this returns, everything committed before the call survives a power cut.
    ///
    /// # Errors
    /// [`StoreError::Full`], [`StoreError::Io`] or [`StoreError::Damaged`]. What was committed since the last flush
    /// then may or may not be durable: acknowledge nothing of it, drop what is in memory, and open again.
    fn flush(&self) -> Result<(), StoreError>;
}

macro_rules! pass_through {
    ($($pointer:ty),*) => {$(
        impl<T: Reader + ?Sized> Reader for $pointer {
            fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
                (**self).get(key)
            }

            fn scan(&self, scan: &Scan<'_>) -> Result<Vec<Entry>, StoreError> {
                (**self).scan(scan)
            }
        }

        impl<T: Store + ?Sized> Store for $pointer {
            fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
                (**self).commit(batch)
            }

            fn flush(&self) -> Result<(), StoreError> {
                (**self).flush()
            }
        }
    )*};
}

pass_through!(&T, Arc<T>, Box<T>);
