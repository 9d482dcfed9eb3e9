use std::fmt;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::{Batch, Entry, Reader, Scan, Store, StoreError};

/// Any engine under a switch that cuts its power: what was committed and not flushed is gone.
///
/// An engine may write early what nobody has flushed, and then keep it by luck. Here it gets nothing before a flush, and
/// then all of it as one batch, so that a cut takes the most that an engine may lose. What the engine would refuse at a commit,
/// it refuses at the flush.
pub struct PowerCut<S> {
    engine: S,
    /// Committed, and lost with the power. Reads share this lock, so that they see a flush whole.
    unflushed: RwLock<Batch>,
}

impl<S: Store> PowerCut<S> {
    /// An engine with its power on.
    pub fn new(engine: S) -> Self {
        Self { engine, unflushed: RwLock::default() }
    }

    /// Cuts the power: what was committed and not flushed is gone.
    pub fn cut(&self) {
        *self.writing() = Batch::new();
    }

    /// Whether a cut now would lose something.
    #[must_use]
    pub fn has_unflushed(&self) -> bool {
        !self.reading().is_empty()
    }

    /// The engine below, for what only it can do.
    pub fn engine(&self) -> &S {
        &self.engine
    }

    /// The engine, for a clean close. What was not flushed is gone.
    pub fn into_engine(self) -> S {
        self.engine
    }

    fn reading(&self) -> RwLockReadGuard<'_, Batch> {
        self.unflushed.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn writing(&self) -> RwLockWriteGuard<'_, Batch> {
        self.unflushed.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Store> Reader for PowerCut<S> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.reading().get_over(&self.engine, key)
    }

    fn scan(&self, scan: &Scan<'_>) -> Result<Vec<Entry>, StoreError> {
        self.reading().scan_over(&self.engine, scan)
    }
}

impl<S: Store> Store for PowerCut<S> {
    fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
        self.writing().merge(batch.clone());
        Ok(())
    }

    fn flush(&self) -> Result<(), StoreError> {
        let mut unflushed = self.writing();
        if !unflushed.is_empty() {
            self.engine.commit(&unflushed)?;
            *unflushed = Batch::new();
        }
        self.engine.flush()
    }
}

impl<S: fmt::Debug> fmt::Debug for PowerCut<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unflushed = self.unflushed.read().unwrap_or_else(PoisonError::into_inner);
        f.debug_struct("PowerCut").field("engine", &self.engine).field("unflushed", &*unflushed).finish()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::MemoryStore;

    fn put(store: &dyn Store, key: &str, value: &str) {
        let mut batch = Batch::new();
        batch.put(key, value).unwrap();
        store.commit(&batch).unwrap();
    }

    fn delete(store: &dyn Store, key: &str) {
        let mut batch = Batch::new();
        batch.delete(key).unwrap();
        store.commit(&batch).unwrap();
    }

    /// Flushes something, then changes it without a flush, and cuts the power.
    fn flush_change_and_cut<S: Store>(store: &PowerCut<S>) {
        put(store, "changed", "flushed");
        put(store, "deleted", "flushed");
        store.flush().unwrap();
        put(store, "changed", "lost");
        delete(store, "deleted");
        put(store, "new", "lost");
        assert_eq!(store.get(b"changed").unwrap(), Some(b"lost".to_vec()));
        assert_eq!(store.get(b"deleted").unwrap(), None);
        assert!(store.has_unflushed());
        store.cut();
        assert!(!store.has_unflushed());
        assert_has_what_was_flushed(store);
    }

    fn assert_has_what_was_flushed(store: &dyn Store) {
        let entries = store.scan(&Scan::prefix(b"")).unwrap();
        let flushed = |key: &str| (key.as_bytes().to_vec(), b"flushed".to_vec());
        assert_eq!(entries, [flushed("changed"), flushed("deleted")]);
    }

    #[test]
    fn a_cut_takes_what_was_not_flushed_and_leaves_what_was() {
        let store = PowerCut::new(MemoryStore::new());
        flush_change_and_cut(&store);
        let engine = store.into_engine();
        assert!(!engine.has_unflushed());
        assert_has_what_was_flushed(&engine);
    }

    #[test]
    fn the_engine_sees_nothing_before_a_flush() {
        let store = PowerCut::new(MemoryStore::new());
        put(&store, "k", "v");
        assert_eq!(store.engine().get(b"k").unwrap(), None);
        store.flush().unwrap();
        assert_eq!(store.engine().get(b"k").unwrap(), Some(b"v".to_vec()));
    }

    #[cfg(feature = "sled")]
    #[test]
    fn a_cut_takes_from_a_disk_what_was_not_flushed_and_leaves_what_was() {
        use crate::{SledOptions, SledStore};
        let home = tempfile::TempDir::new().unwrap();
        let open = || SledStore::open(home.path(), &SledOptions::default()).unwrap();
        let store = PowerCut::new(open());
        flush_change_and_cut(&store);
        drop(store);
        let store = PowerCut::new(open());
        assert_has_what_was_flushed(&store);
        // A cut right after a flush takes nothing, whether the files are closed in order or not.
        put(&store, "new", "flushed");
        store.flush().unwrap();
        store.cut();
        drop(store);
        assert_eq!(open().get(b"new").unwrap(), Some(b"flushed".to_vec()));
    }
}
