//! Locks that say that a process lives. They go with it, however it ends.

use rustix::fs::{FlockOperation, flock};
use std::{
    fs::File,
    io,
    path::Path,
    thread,
    time::{Duration, Instant},
};

/// Who looks for a lock holds it for some microseconds; more than this is somebody else.
const LOOKS_LAST: Duration = Duration::from_millis(200);
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(2);

/// The sign that a node starts or runs on a home: a lock on the home's directory.
#[derive(Debug)]
pub(crate) struct Sign {
    _locked: File,
}

impl Sign {
    /// None: another process has it, or the file system knows no locks. A node can do without: the sign only lets
    /// commands wait for its start.
    pub(super) fn set(directory: &Path) -> Option<Self> {
        let file = File::open(directory).ok()?;
        lock(&file).ok()?;
        Some(Self { _locked: file })
    }

    /// True if some process has set it.
    pub(super) fn is_set(directory: &Path) -> bool {
        File::open(directory).is_ok_and(|file| is_locked(&file))
    }
}

/// Locks a file for as long as it is open, past those who only look.
pub(super) fn lock(file: &File) -> io::Result<()> {
    let begun = Instant::now();
    loop {
        match flock(file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(()),
            Err(error) if begun.elapsed() >= LOOKS_LAST => return Err(error.into()),
            Err(_) => thread::sleep(PAUSE),
        }
    }
}

/// True if another has locked the file.
pub(super) fn is_locked(file: &File) -> bool {
    flock(file, FlockOperation::NonBlockingLockShared).is_err()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_sign_is_seen_as_long_as_it_is_held_and_set_by_one_alone() {
        let dir = tempfile::tempdir().unwrap();
        assert!(!Sign::is_set(dir.path()));
        let sign = Sign::set(dir.path()).unwrap();
        assert!(Sign::is_set(dir.path()));
        assert!(Sign::set(dir.path()).is_none());
        drop(sign);
        assert!(!Sign::is_set(dir.path()));
    }

    #[test]
    fn who_only_looks_keeps_nobody_from_locking() {
        let dir = tempfile::tempdir().unwrap();
        let looking = File::open(dir.path()).unwrap();
        assert!(!is_locked(&looking));
        let looked = thread::spawn(move || {
            thread::sleep(LOOKS_LAST / 8);
            drop(looking);
        });
        assert!(Sign::set(dir.path()).is_some());
        looked.join().unwrap();
    }
}
