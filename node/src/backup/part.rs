//! A backup in the making: the file beside the one that it will be, until it is whole.
//!
//! Who writes it holds a lock on it, which goes with the process. So what a crash left behind is told from what another
//! still writes: the one is replaced, the other left alone.

use super::BackupError;
use rustix::{
    fs::{FlockOperation, OFlags, flock},
    io::Errno,
};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

/// How often to try, when others make and remove the same file in between: each does so once a backup.
const TRIES: usize = 8;

/// The unfinished file. When it is dropped its name goes, and with it the file, unless that has got its other name.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) path: PathBuf,
    pub(super) file: File,
}

impl Part {
    /// A new file of mode 0600 for the backup `whole`, instead of the one that a crash may have left behind.
    pub(super) fn create(whole: &Path) -> Result<Self, BackupError> {
        let path = beside(whole);
        for _ in 0..TRIES {
            match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
                Ok(file) if lock(&file) && is_at(&path, &file)? => return Ok(Self { path, file }),
                // Another took it for a leftover, in the moment before it was locked.
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::AlreadyExists => clear(&path)?,
                Err(error) => return Err(error.into()),
            }
        }
        Err(BackupError::UnderWay(path.display().to_string()))
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // If it can't be removed, the next backup to this file does it.
        let _ = fs::remove_file(&self.path);
    }
}

/// Removes a file that nobody writes to any more. Whatever else is there, a link for example, is left alone.
fn clear(path: &Path) -> Result<(), BackupError> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let file = match OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        opened => opened.map_err(|_| BackupError::Exists(path.display().to_string()))?,
    };
    if !file.metadata()?.is_file() {
        return Err(BackupError::Exists(path.display().to_string()));
    }
    if !lock(&file) {
        return Err(BackupError::UnderWay(path.display().to_string()));
    }
    if is_at(path, &file)? {
        fs::remove_file(path)?;
    }
    Ok(())
}

/// False if another has the lock. Where the file system knows no locks, nobody is known to have it.
fn lock(file: &File) -> bool {
    flock(file, FlockOperation::NonBlockingLockExclusive) != Err(Errno::WOULDBLOCK)
}

/// Whether it is still this file that has this name.
fn is_at(path: &Path, file: &File) -> io::Result<bool> {
    let opened = file.metadata()?;
    match fs::symlink_metadata(path) {
        Ok(found) => Ok((found.dev(), found.ino()) == (opened.dev(), opened.ino())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn beside(whole: &Path) -> PathBuf {
    let mut name = whole.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    whole.with_file_name(name)
}
