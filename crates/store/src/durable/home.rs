//! The folder that sled works in: who holds it, and what a crash may have left there.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use super::sync::sync_data;
use crate::StoreError;

/// How often, and how many times, a closing store looks whether sled has let go: at most 5 s in all.
const RELEASE_POLL: Duration = Duration::from_millis(1);
const RELEASE_POLLS: u32 = 5_000;

/// Locked until it is dropped; the system lets go of it when the process dies.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
}

/// Closing the file alone would not do: a child that another thread has just started holds it too until it runs its
/// own program, and the next opening in this process would be refused.
impl Drop for Lock {
    fn drop(&mut self) {
        let _ = self.file.unlock();
    }
}

/// Makes the folder if it isn't there, and takes it for this process alone.
pub(super) fn claim(home: &Path) -> Result<Lock, StoreError> {
    make_private_folder(home).map_err(|source| StoreError::from_io("make its folder", source))?;
    let path = home.join("lock");
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
    let file = file.map_err(|source| StoreError::from_io("open its lock file", source))?;
    match file.try_lock() {
        Ok(()) => Ok(Lock { file }),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse { path }),
        Err(TryLockError::Error(source)) => Err(StoreError::from_io("lock its folder", source)),
    }
}

fn make_private_folder(home: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(home)
}

/// A crash in the middle of writing a snapshot leaves `snap.*.generating`, which sled then reads as the newest
/// snapshot and refuses as corrupt. The one before it and the log hold everything. Call only under the [`Lock`].
pub(super) fn remove_unfinished_snapshots(home: &Path) -> Result<(), StoreError> {
    let remove = || -> io::Result<()> {
        for entry in fs::read_dir(home)? {
            let path = entry?.path();
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            if name.starts_with("snap.") && name.ends_with(".generating") {
                tracing::warn!(file = name, "removing a snapshot that a crash left unfinished");
                fs::remove_file(&path)?;
            }
        }
        Ok(())
    };
    remove().map_err(|source| StoreError::from_io("remove unfinished snapshots", source))
}

/// sled syncs neither its configuration nor the folders, so a power cut could take a new file away as a whole.
pub(super) fn sync_new_files(home: &Path) -> Result<(), StoreError> {
    let sync = || -> io::Result<()> {
        File::open(home.join("db"))?.sync_all()?;
        File::open(home.join("conf"))?.sync_all()?;
        if let Some(parent) = home.canonicalize()?.parent() {
            File::open(parent)?.sync_all()?;
        }
        Ok(())
    };
    sync().map_err(|source| StoreError::from_io("make its files durable", source))
}

/// Makes the names of new files durable.
pub(super) fn sync_folder(home: &Path) -> Result<(), StoreError> {
    let sync = File::open(home).and_then(|folder| folder.sync_all());
    sync.map_err(|source| StoreError::from_io("make its folder durable", source))
}

/// A second handle on sled's data file: `fdatasync` works on the file, whichever handle asks.
#[derive(Debug)]
pub(super) struct DataFile(File);

impl DataFile {
    pub(super) fn open(home: &Path) -> Result<Self, StoreError> {
        let file = File::open(home.join("db"));
        file.map(Self).map_err(|source| StoreError::from_io("open its data file", source))
    }

    pub(super) fn sync(&self) -> Result<(), StoreError> {
        sync_data(&self.0).map_err(|source| StoreError::from_io("make its log durable", source))
    }

    fn held_by_sled(&self) -> bool {
        matches!(self.0.try_lock(), Err(TryLockError::WouldBlock))
    }
}

/// sled's workers may hold its file for a moment after the database is dropped, and an opening in that moment fails.
impl Drop for DataFile {
    fn drop(&mut self) {
        for _ in 0..RELEASE_POLLS {
            if !self.held_by_sled() {
                // That was a lock of its own.
                let _ = self.0.unlock();
                return;
            }
            sleep(RELEASE_POLL);
        }
        tracing::warn!("sled did not let go of its data file in time");
    }
}

/// sled locks its data file too, for programs that don't know our lock. It says so in words alone.
pub(super) fn name_holder(error: StoreError, home: &Path) -> StoreError {
    let held = matches!(&error, StoreError::Io { source, .. } if source.to_string().starts_with("could not acquire lock"));
    if held { StoreError::InUse { path: home.join("db") } } else { error }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use tempfile::TempDir;

    #[test]
    fn what_is_dropped_is_let_go_of_though_a_starting_child_has_the_files_too() {
        let home = TempDir::new().unwrap();
        fs::write(home.path().join("db"), b"").unwrap();
        let lock = claim(home.path()).unwrap();
        let data = DataFile::open(home.path()).unwrap();
        // As a fork does.
        let _child = (lock.file.try_clone().unwrap(), data.0.try_clone().unwrap());
        assert!(matches!(claim(home.path()).unwrap_err(), StoreError::InUse { .. }));
        drop((data, lock));
        claim(home.path()).unwrap();
        File::open(home.path().join("db")).unwrap().try_lock().unwrap();
    }
}
