use std::cell::RefCell;
use std::fmt;

use crate::batch::Change;
use crate::limits::{MAX_VALUE, check_key, check_value};
use crate::{Batch, Entry, Reader, Scan, StoreError};

/// A batch in the making, read together with the store below it.
///
/// Reads see the overlay's own writes, as if they had been committed. Writes go through `&self`, since OpenMLS's
/// storage does. [`savepoint`](Overlay::savepoint) and [`rollback`](Overlay::rollback) undo the writes of one refused
/// input and leave those of the inputs before it.
///
/// ```
/// use frontdesk_store::{MemoryStore, Overlay, Reader, Store};
///
/// # fn main() -> Result<(), frontdesk_store::StoreError> {
/// let store = MemoryStore::new();
/// let step = Overlay::new(&store);
/// step.put(*b"cursor", *b"1")?;
/// let before = step.savepoint();
/// step.put(*b"cursor", *b"2")?;
/// step.rollback(before);
/// assert_eq!(step.get(b"cursor")?, Some(b"1".to_vec()));
/// assert_eq!(store.get(b"cursor")?, None);
/// store.commit(&step.into_batch())?;
/// assert_eq!(store.get(b"cursor")?, Some(b"1".to_vec()));
/// # Ok(())
/// # }
/// ```
pub struct Overlay<'a> {
    base: &'a dyn Reader,
    state: RefCell<State>,
}

/// A moment in the making of an [`Overlay`] to go back to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Savepoint(usize);

#[derive(Default)]
struct State {
    batch: Batch,
    /// Each write's key, and the change that the write replaced: undone from the end.
    undo: Vec<(Vec<u8>, Option<Change>)>,
}

impl<'a> Overlay<'a> {
    /// An overlay without writes over `base`.
    #[must_use]
    pub fn new(base: &'a dyn Reader) -> Self {
        Self { base, state: RefCell::default() }
    }

    /// Sets `key` to `value`.
    ///
    /// # Errors
    /// [`StoreError::KeyReserved`], [`StoreError::KeyTooLong`] or [`StoreError::ValueTooLarge`].
    pub fn put(&self, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) -> Result<(), StoreError> {
        self.write(key.into(), value.into(), Change::Put)
    }

    /// Sets `key`, which has no value yet, to `value`. Cheaper than [`put`](Overlay::put), since nothing old is looked
    /// for; if there was a value above 8 KiB after all, parts of it stay on the disk, unread.
    ///
    /// # Errors
    /// [`StoreError::KeyReserved`], [`StoreError::KeyTooLong`] or [`StoreError::ValueTooLarge`].
    pub fn add(&self, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) -> Result<(), StoreError> {
        self.write(key.into(), value.into(), Change::Add)
    }

    /// Removes `key`. Removing what isn't there is no error.
    ///
    /// # Errors
    /// [`StoreError::KeyReserved`] or [`StoreError::KeyTooLong`].
    pub fn delete(&self, key: impl Into<Vec<u8>>) -> Result<(), StoreError> {
        let key = key.into();
        check_key(&key)?;
        self.state.borrow_mut().set(key, Change::Delete);
        Ok(())
    }

    fn write(&self, key: Vec<u8>, value: Vec<u8>, how: fn(Vec<u8>) -> Change) -> Result<(), StoreError> {
        check_key(&key)?;
        check_value(&value, MAX_VALUE)?;
        self.state.borrow_mut().set(key, how(value));
        Ok(())
    }

    /// The moment now. Costs nothing; savepoints nest.
    #[must_use]
    pub fn savepoint(&self) -> Savepoint {
        Savepoint(self.state.borrow().undo.len())
    }

    /// Undoes every write since `to`. Savepoints taken after `to` are void then.
    pub fn rollback(&self, to: Savepoint) {
        self.state.borrow_mut().rollback(to);
    }

    /// Whether there is nothing to commit.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.state.borrow().batch.is_empty()
    }

    /// The number of keys changed.
    #[must_use]
    pub fn len(&self) -> usize {
        self.state.borrow().batch.len()
    }

    /// What was written, ready to commit.
    #[must_use]
    pub fn into_batch(self) -> Batch {
        self.state.into_inner().batch
    }
}

impl State {
    fn set(&mut self, key: Vec<u8>, change: Change) {
        let replaced = self.batch.set(key.clone(), change);
        self.undo.push((key, replaced));
    }

    fn rollback(&mut self, to: Savepoint) {
        while self.undo.len() > to.0
            && let Some((key, replaced)) = self.undo.pop()
        {
            match replaced {
                Some(change) => drop(self.batch.set(key, change)),
                None => self.batch.forget(&key),
            }
        }
    }
}

impl Reader for Overlay<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.state.borrow().batch.get_over(self.base, key)
    }

    fn scan(&self, scan: &Scan<'_>) -> Result<Vec<Entry>, StoreError> {
        self.state.borrow().batch.scan_over(self.base, scan)
    }
}

impl fmt::Debug for Overlay<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Overlay").field("batch", &self.state.borrow().batch).finish_non_exhaustive()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::{MemoryStore, Store};

    fn base() -> MemoryStore {
        let store = MemoryStore::new();
        let mut batch = Batch::new();
        for key in ["a/1", "a/2", "a/3", "b/1"] {
            batch.put(key, "base").unwrap();
        }
        store.commit(&batch).unwrap();
        store
    }

    fn keys(reader: &dyn Reader, scan: &Scan<'_>) -> Vec<String> {
        let entries = reader.scan(scan).unwrap();
        entries.into_iter().map(|(key, _)| String::from_utf8(key).unwrap()).collect()
    }

    #[test]
    fn a_limited_scan_looks_past_the_deletes_that_it_hides() {
        let store = base();
        let step = Overlay::new(&store);
        step.delete("a/1").unwrap();
        step.delete("a/2").unwrap();
        step.put("a/4", "own").unwrap();
        assert_eq!(keys(&step, &Scan::prefix(b"a/").limit(1)), ["a/3"]);
        assert_eq!(keys(&step, &Scan::prefix(b"a/").limit(9)), ["a/3", "a/4"]);
        assert_eq!(keys(&step, &Scan::prefix(b"a/").descending().limit(2)), ["a/4", "a/3"]);
        assert_eq!(keys(&step, &Scan::prefix(b"a/").limit(0)), [""; 0]);
    }

    #[test]
    fn a_rollback_takes_back_the_writes_of_one_input_alone() {
        let store = base();
        let step = Overlay::new(&store);
        step.put("x", "first input").unwrap();
        let outer = step.savepoint();
        step.put("x", "second input").unwrap();
        let inner = step.savepoint();
        step.delete("x").unwrap();
        step.put("y", "third input").unwrap();
        step.rollback(inner);
        assert_eq!(step.get(b"x").unwrap(), Some(b"second input".to_vec()));
        assert_eq!(step.get(b"y").unwrap(), None);
        step.rollback(outer);
        assert_eq!(step.get(b"x").unwrap(), Some(b"first input".to_vec()));
        assert_eq!(step.into_batch().len(), 1);
    }

    #[test]
    fn overlays_stack() {
        let store = base();
        let lower = Overlay::new(&store);
        lower.delete("a/2").unwrap();
        let upper = Overlay::new(&lower);
        upper.put("a/0", "own").unwrap();
        assert_eq!(keys(&upper, &Scan::prefix(b"a/")), ["a/0", "a/1", "a/3"]);
    }
}
