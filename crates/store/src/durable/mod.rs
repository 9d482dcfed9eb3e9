//! The durable engine.

mod guard;
mod home;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock};

use self::guard::guarded;
use self::home::{DataFile, Lock};
use crate::limits::{MAX_ENGINE_VALUE, check_value};
use crate::{Batch, Change, Entry, Reader, Scan, Store, StoreError};

/// sled reads only a database of the segment size that it was made with. This one keeps pages out of blob files, see
/// [`MAX_ENGINE_VALUE`].
const SEGMENT_SIZE: usize = 1024 * 1024;

/// sled moves data out of half-empty segments on its background thread alone; without it, the file only grows.
const COLLECT_EVERY_MS: u64 = 500;

/// The durable engine: one sled tree in a folder that it holds alone.
///
/// Values are limited to [`MAX_ENGINE_VALUE`]; wrap it in [`Sealed`](crate::Sealed), which splits larger ones. After
/// a failed commit or flush every call answers [`StoreError::Stopped`]: drop the store and open it again.
///
/// sled checks what it reads by checksums and names a wrong one, but takes damage behind its last snapshot, in the
/// newest part of its log, for the torn end of a crash, and goes on without it: a failing disk can lose writes silently.
///
/// Dropping it is safe at any time and keeps what was flushed; [`close`](SledStore::close) also says whether it worked.
pub struct SledStore {
    // Fields drop in this order: sled lets go of its files, we wait for that, and then let go of the folder.
    db: sled::Db,
    data: DataFile,
    /// sled's iterators see a batch that is being applied: scans share this lock and a commit holds it alone.
    gate: RwLock<()>,
    stopped: AtomicBool,
    home: PathBuf,
    _lock: Lock,
}

/// How to open a [`SledStore`].
#[derive(Debug, Clone)]
pub struct SledOptions {
    /// Memory for pages, in bytes. Default: 32 MiB. Less means more reads from the disk; sled's own default of 1 GiB
    /// would let a node grow to that.
    pub cache_bytes: u64,
}

impl Default for SledOptions {
    fn default() -> Self {
        Self { cache_bytes: 32 * 1024 * 1024 }
    }
}

impl SledStore {
    /// Opens the store in the folder `home`, and makes it if it isn't there (mode 0700).
    ///
    /// # Errors
    /// [`StoreError::InUse`] if another process has it open; [`StoreError::Damaged`], [`StoreError::Full`] or
    /// [`StoreError::Io`].
    pub fn open(home: &Path, options: &SledOptions) -> Result<Self, StoreError> {
        let lock = home::claim(home)?;
        home::remove_unfinished_snapshots(home)?;
        let config = sled::Config::new()
            .path(home)
            .cache_capacity(options.cache_bytes)
            .segment_size(SEGMENT_SIZE)
            .flush_every_ms(Some(COLLECT_EVERY_MS));
        let db = guarded("open", || config.open()).map_err(|error| home::name_holder(error, home))?;
        home::sync_new_files(home)?;
        let data = DataFile::open(home)?;
        let (gate, stopped) = (RwLock::new(()), AtomicBool::new(false));
        Ok(Self { db, data, gate, stopped, home: home.to_owned(), _lock: lock })
    }

    /// Makes everything durable and lets go of the folder.
    ///
    /// # Errors
    /// As [`Store::flush`].
    pub fn close(self) -> Result<(), StoreError> {
        self.flush()
    }

    /// Bytes that the store takes on the disk.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn size_on_disk(&self) -> Result<u64, StoreError> {
        guarded("measure its files", || self.db.size_on_disk())
    }

    fn check_running(&self) -> Result<(), StoreError> {
        if self.stopped.load(Ordering::Acquire) { Err(StoreError::Stopped) } else { Ok(()) }
    }

    /// After a failed write, memory and disk may differ: nothing more is read or written.
    fn stop_on_error<T>(&self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        if result.is_err() {
            self.stopped.store(true, Ordering::Release);
        }
        result
    }

    fn sync(&self) -> Result<(), StoreError> {
        guarded("write its log", || self.db.flush())?;
        // sled ends in sync_file_range, which leaves file size and disk cache to luck.
        self.data.sync()
    }
}

impl Reader for SledStore {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.check_running()?;
        let value = guarded("read a record", || self.db.get(key))?;
        Ok(value.map(|value| value.to_vec()))
    }

    fn scan(&self, scan: &Scan<'_>) -> Result<Vec<Entry>, StoreError> {
        self.check_running()?;
        let bounds = scan.bounds();
        let Some(range) = bounds.as_range() else { return Ok(Vec::new()) };
        let _shared = self.gate.read().unwrap_or_else(PoisonError::into_inner);
        guarded("scan its records", || {
            let found = self.db.range::<&[u8], _>(range);
            let entries = found.map(|entry| entry.map(|(key, value)| (key.to_vec(), value.to_vec())));
            scan.arrange(entries).into_iter().collect()
        })
    }
}

impl Store for SledStore {
    fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
        let writes = translate_batch(batch)?;
        let _alone = self.gate.write().unwrap_or_else(PoisonError::into_inner);
        self.check_running()?;
        if batch.is_empty() {
            return Ok(());
        }
        self.stop_on_error(guarded("apply a batch", || self.db.apply_batch(writes)))
    }

    fn flush(&self) -> Result<(), StoreError> {
        self.check_running()?;
        self.stop_on_error(self.sync())
    }
}

fn translate_batch(batch: &Batch) -> Result<sled::Batch, StoreError> {
    let mut writes = sled::Batch::default();
    for (key, change) in batch.iter() {
        match change {
            Change::Put(value) => {
                check_value(value, MAX_ENGINE_VALUE)?;
                writes.insert(key, value.as_slice());
            }
            Change::Delete => writes.remove(key),
        }
    }
    Ok(writes)
}

impl fmt::Debug for SledStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SledStore")
            .field("home", &self.home)
            .field("stopped", &self.stopped.load(Ordering::Relaxed))
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
