use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::{Batch, Change, Entry, Reader, Scan, Store, StoreError};

/// The engine of tests and simulations: a map that can lose power and run out of space on demand.
///
/// To share one, put it into an `Arc`: every clone of that is the same "disk".
#[derive(Default)]
pub struct MemoryStore {
    disk: Mutex<Disk>,
}

/// The error that a [`MemoryStore`] answers with when a test asks it to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// [`StoreError::Full`].
    Full,
    /// [`StoreError::Injected`].
    Injected,
}

#[derive(Default)]
struct Disk {
    entries: BTreeMap<Vec<u8>, Vec<u8>>,
    /// What each write since the last flush replaced: a crash undoes them from the end.
    unflushed: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    fail_commit: Option<Fault>,
    fail_flush: Option<Fault>,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Cuts the power: what was committed and not flushed is gone, and so are pending faults.
    pub fn crash(&self) {
        let mut disk = self.disk();
        while let Some((key, replaced)) = disk.unflushed.pop() {
            disk.set(key, replaced);
        }
        disk.fail_commit = None;
        disk.fail_flush = None;
    }

    /// Makes the next commit fail; it then changes nothing.
    pub fn fail_next_commit(&self, fault: Fault) {
        self.disk().fail_commit = Some(fault);
    }

    /// Makes the next flush fail; it then makes nothing durable.
    pub fn fail_next_flush(&self, fault: Fault) {
        self.disk().fail_flush = Some(fault);
    }

    /// Whether a crash now would lose something.
    #[must_use]
    pub fn has_unflushed(&self) -> bool {
        !self.disk().unflushed.is_empty()
    }

    /// The number of records, and the bytes of their keys and values.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        let disk = self.disk();
        (disk.entries.len(), disk.entries.iter().map(|(key, value)| key.len() + value.len()).sum())
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Disk {
    fn set(&mut self, key: Vec<u8>, value: Option<Vec<u8>>) -> Option<Vec<u8>> {
        match value {
            Some(value) => self.entries.insert(key, value),
            None => self.entries.remove(&key),
        }
    }
}

impl Reader for MemoryStore {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.disk().entries.get(key).cloned())
    }

    fn scan(&self, scan: &Scan<'_>) -> Result<Vec<Entry>, StoreError> {
        let bounds = scan.bounds();
        let Some(range) = bounds.as_range() else { return Ok(Vec::new()) };
        let disk = self.disk();
        let found = disk.entries.range::<[u8], _>(range);
        Ok(scan.arrange(found.map(|(key, value)| (key.clone(), value.clone()))))
    }
}

impl Store for MemoryStore {
    fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
        let mut disk = self.disk();
        disk.fail_commit.take().map_or(Ok(()), Fault::into_result)?;
        let mut adds = batch.iter().filter(|(_, change)| matches!(change, Change::Add(_)));
        if adds.any(|(key, _)| disk.entries.contains_key(key)) {
            return Err(StoreError::damaged("a record was added where there was one"));
        }
        for (key, change) in batch.iter() {
            let replaced = disk.set(key.to_vec(), change.value().cloned());
            disk.unflushed.push((key.to_vec(), replaced));
        }
        Ok(())
    }

    fn flush(&self) -> Result<(), StoreError> {
        let mut disk = self.disk();
        disk.fail_flush.take().map_or(Ok(()), Fault::into_result)?;
        disk.unflushed.clear();
        Ok(())
    }
}

impl Fault {
    fn into_result(self) -> Result<(), StoreError> {
        match self {
            Self::Full => Err(StoreError::Full),
            Self::Injected => Err(StoreError::Injected),
        }
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let disk = self.disk();
        f.debug_struct("MemoryStore")
            .field("entries", &disk.entries.len())
            .field("unflushed", &disk.unflushed.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn put(store: &MemoryStore, key: &str, value: &str) -> Result<(), StoreError> {
        let mut batch = Batch::new();
        batch.put(key, value)?;
        store.commit(&batch)
    }

    #[test]
    fn a_power_cut_takes_back_all_since_the_last_flush() {
        let store = MemoryStore::new();
        put(&store, "k", "flushed").unwrap();
        store.flush().unwrap();
        put(&store, "k", "lost").unwrap();
        put(&store, "k", "lost too").unwrap();
        put(&store, "new", "lost").unwrap();
        store.crash();
        assert_eq!(store.get(b"k").unwrap(), Some(b"flushed".to_vec()));
        assert_eq!(store.get(b"new").unwrap(), None);
        assert!(!store.has_unflushed());
    }

    #[test]
    fn a_failed_commit_changes_nothing_and_the_next_one_works() {
        let store = MemoryStore::new();
        store.fail_next_commit(Fault::Full);
        assert!(matches!(put(&store, "k", "v").unwrap_err(), StoreError::Full));
        assert_eq!(store.get(b"k").unwrap(), None);
        put(&store, "k", "v").unwrap();
    }

    #[test]
    fn a_failed_flush_leaves_the_writes_exposed_to_a_power_cut() {
        let store = MemoryStore::new();
        put(&store, "k", "v").unwrap();
        store.fail_next_flush(Fault::Injected);
        assert!(matches!(store.flush().unwrap_err(), StoreError::Injected));
        assert!(store.has_unflushed());
        store.crash();
        assert_eq!(store.get(b"k").unwrap(), None);
    }
}
