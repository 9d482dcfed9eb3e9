//! The durable engine.

mod guard;
mod home;
mod journal;
mod sync;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use self::guard::guarded;
use self::home::{DataFile, Lock};
use self::journal::Journal;
use crate::limits::{MAX_ENGINE_VALUE, RESERVED, check_value};
use crate::{Batch, Entry, Reader, Scan, Store, StoreError};

/// sled reads only a database of the segment size that it was made with. This one keeps pages out of blob files, see
/// [`MAX_ENGINE_VALUE`].
const SEGMENT_SIZE: usize = 1024 * 1024;

/// sled moves data out of half-empty segments on its background thread alone; without it, the file only grows.
const COLLECT_EVERY_MS: u64 = 500;

/// Where sled keeps the journal's generation.
const GENERATION: &[u8] = &[RESERVED, b'j'];

/// The durable engine: one sled tree and a journal, in a folder that it holds alone.
///
/// A flush writes one record to the journal and waits for one `fdatasync`; sled gets what has gathered, as one batch,
/// when the journal's file is full, at the opening and at the closing. Most records of a busy node are written over or deleted
/// before, so sled never sees them.
///
/// Values are limited to [`MAX_ENGINE_VALUE`]; wrap it in [`Sealed`](crate::Sealed), which splits larger ones. After
/// a failed commit or flush every call answers [`StoreError::Stopped`]: drop the store and open it again.
///
/// sled checks what it reads by checksums and names a wrong one, but takes damage behind its last snapshot, in the
/// newest part of its log, for the torn end of a crash, and goes on without it. The journal brings back what a lost
/// checkpoint held, and tells when more was lost than that.
///
/// Dropping it is safe at any time and keeps what was flushed; [`close`](SledStore::close) also says whether it worked.
pub struct SledStore {
    // Fields drop in this order: sled lets go of its files, we wait for that, and then let go of the folder.
    tree: Tree,
    data: DataFile,
    /// Reads share this lock, since sled's iterators see a batch that is being applied.
    recent: RwLock<Recent>,
    stopped: AtomicBool,
    home: PathBuf,
    _lock: Lock,
}

/// What sled hasn't got yet.
struct Recent {
    changes: Batch,
    /// Those of the changes that are not in the journal either, as it will hold them.
    unwritten: Vec<u8>,
    journal: Journal,
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
        let db = guarded("open", || config(home, options).open())
            .map_err(|error| home::name_holder(error, home))?;
        home::sync_new_files(home)?;
        let (tree, data) = (Tree(db), DataFile::open(home)?);
        let (journal, changes) = match tree.generation()? {
            Some(generation) => Journal::open(home, generation)?,
            None => (make_journal(home, &tree, &data)?, Batch::new()),
        };
        let recent = RwLock::new(Recent { changes, unwritten: Vec::new(), journal });
        let store =
            Self { tree, data, recent, stopped: AtomicBool::new(false), home: home.to_owned(), _lock: lock };
        store.checkpoint(&mut store.writing())?;
        Ok(store)
    }

    /// Makes everything durable and lets go of the folder.
    ///
    /// # Errors
    /// As [`Store::flush`].
    pub fn close(self) -> Result<(), StoreError> {
        self.flush()?;
        self.stop_on_error(self.checkpoint(&mut self.writing()))
    }

    /// Bytes that the store takes on the disk.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn size_on_disk(&self) -> Result<u64, StoreError> {
        let journal = u64::try_from(2 * journal::FILE_SIZE).unwrap_or(u64::MAX);
        Ok(guarded("measure its files", || self.tree.0.size_on_disk())?.saturating_add(journal))
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

    fn reading(&self) -> RwLockReadGuard<'_, Recent> {
        self.recent.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn writing(&self) -> RwLockWriteGuard<'_, Recent> {
        self.recent.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives sled what it hasn't got, durably, and begins the journal's next generation.
    fn checkpoint(&self, recent: &mut Recent) -> Result<(), StoreError> {
        if recent.changes.is_empty() { Ok(()) } else { self.begin_generation(recent) }
    }

    fn begin_generation(&self, recent: &mut Recent) -> Result<(), StoreError> {
        let mut writes = translate_batch(&recent.changes);
        writes.insert(GENERATION, &recent.journal.next_generation().to_be_bytes());
        write_through(&self.tree, &self.data, writes)?;
        recent.journal.advance();
        recent.changes = Batch::new();
        Ok(())
    }

    /// Makes durable what the journal has no room for. sled could lose its newest batch, so that has to hold nothing
    /// that the journal hasn't got: what fits goes there as well, and after a batch larger than a file comes an empty one.
    fn turn_over(&self, recent: &mut Recent) -> Result<(), StoreError> {
        self.checkpoint(recent)?;
        if recent.journal.has_room(recent.unwritten.len()) {
            recent.journal.append(&recent.unwritten)?;
        } else {
            self.begin_generation(recent)?;
        }
        recent.unwritten.clear();
        Ok(())
    }

    fn take_in(&self, recent: &mut Recent, batch: &Batch) -> Result<(), StoreError> {
        journal::encode_changes(batch, &mut recent.unwritten);
        recent.changes.merge(batch.clone());
        // Earlier than a flush would ask for it, so that what waits is bounded.
        if recent.unwritten.len() > journal::FILE_SIZE { self.turn_over(recent) } else { Ok(()) }
    }

    fn make_durable(&self, recent: &mut Recent) -> Result<(), StoreError> {
        if recent.unwritten.is_empty() {
            return Ok(());
        }
        if !recent.journal.has_room(recent.unwritten.len()) {
            return self.turn_over(recent);
        }
        recent.journal.append(&recent.unwritten)?;
        recent.unwritten.clear();
        Ok(())
    }
}

fn config(home: &Path, options: &SledOptions) -> sled::Config {
    sled::Config::new()
        .path(home)
        .cache_capacity(options.cache_bytes)
        .segment_size(SEGMENT_SIZE)
        .flush_every_ms(Some(COLLECT_EVERY_MS))
}

/// A new store has its journal before anything can be in it.
fn make_journal(home: &Path, tree: &Tree, data: &DataFile) -> Result<Journal, StoreError> {
    let journal = Journal::make(home)?;
    home::sync_folder(home)?;
    let mut writes = sled::Batch::default();
    writes.insert(GENERATION, &journal::FIRST.to_be_bytes());
    write_through(tree, data, writes)?;
    Ok(journal)
}

fn write_through(tree: &Tree, data: &DataFile, writes: sled::Batch) -> Result<(), StoreError> {
    guarded("apply a batch", || tree.0.apply_batch(writes))?;
    guarded("write its log", || tree.0.flush())?;
    // sled ends in sync_file_range, which leaves file size and disk cache to luck.
    data.sync()
}

impl Reader for SledStore {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.check_running()?;
        self.reading().changes.get_over(&self.tree, key)
    }

    fn scan(&self, scan: &Scan<'_>) -> Result<Vec<Entry>, StoreError> {
        self.check_running()?;
        self.reading().changes.scan_over(&self.tree, scan)
    }
}

impl Store for SledStore {
    fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
        check_values(batch)?;
        let mut recent = self.writing();
        self.check_running()?;
        self.stop_on_error(self.take_in(&mut recent, batch))
    }

    fn flush(&self) -> Result<(), StoreError> {
        let mut recent = self.writing();
        self.check_running()?;
        self.stop_on_error(self.make_durable(&mut recent))
    }
}

/// What sled has.
struct Tree(sled::Db);

impl Tree {
    /// The journal's generation; none in a store that has no journal yet.
    fn generation(&self) -> Result<Option<u64>, StoreError> {
        let Some(bytes) = self.get(GENERATION)? else { return Ok(None) };
        let bytes = <[u8; 8]>::try_from(bytes.as_slice());
        bytes
            .map(|bytes| Some(u64::from_be_bytes(bytes)))
            .map_err(|_| StoreError::damaged("the generation of its journal"))
    }
}

impl Reader for Tree {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let value = guarded("read a record", || self.0.get(key))?;
        Ok(value.map(|value| value.to_vec()))
    }

    fn scan(&self, scan: &Scan<'_>) -> Result<Vec<Entry>, StoreError> {
        let bounds = scan.bounds();
        let Some(range) = bounds.as_range() else { return Ok(Vec::new()) };
        guarded("scan its records", || {
            let found = self.0.range::<&[u8], _>(range);
            let entries = found.map(|entry| entry.map(|(key, value)| (key.to_vec(), value.to_vec())));
            scan.arrange(entries).into_iter().collect()
        })
    }
}

fn check_values(batch: &Batch) -> Result<(), StoreError> {
    let mut values = batch.iter().filter_map(|(_, change)| change.value());
    values.try_for_each(|value| check_value(value, MAX_ENGINE_VALUE))
}

fn translate_batch(batch: &Batch) -> sled::Batch {
    let mut writes = sled::Batch::default();
    for (key, change) in batch.iter() {
        match change.value() {
            Some(value) => writes.insert(key, value.as_slice()),
            None => writes.remove(key),
        }
    }
    writes
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
