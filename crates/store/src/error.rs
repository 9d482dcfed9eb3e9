use std::io;
use std::path::PathBuf;

use crate::limits::MAX_KEY;

/// Why a store refused or failed, sorted by whom to blame.
///
/// No variant carries a key or a value, so an error can be logged as it is.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    // The caller.
    /// The key is empty or begins with a zero byte. Those keys are the store's own.
    #[error(
        "the key is empty or begins with a zero byte, which the store keeps for itself; choose another prefix"
    )]
    KeyReserved,
    /// The key is longer than [`MAX_KEY`](crate::MAX_KEY).
    #[error("the key has {len} bytes and {MAX_KEY} are allowed; hash the long part of it")]
    KeyTooLong {
        /// Length of the refused key in bytes.
        len: usize,
    },
    /// The value is larger than [`MAX_VALUE`](crate::MAX_VALUE), or than the engine takes where nothing splits it.
    #[error("the value has {len} bytes and {max} are allowed; split it or keep it in a file of its own")]
    ValueTooLarge {
        /// Length of the refused value in bytes.
        len: usize,
        /// The most bytes that would have been taken.
        max: usize,
    },

    // The environment.
    /// Another process holds the store.
    #[error(
        "the store at {} is in use by another process; stop that process, or choose another home",
        path.display()
    )]
    InUse {
        /// The lock file that is held.
        path: PathBuf,
    },
    /// The disk, or the quota, is full. Nothing of the failed call counts as stored.
    #[error("no space is left for the store; free some space, then start again")]
    Full,
    /// The system refused a read or a write.
    #[error("the store could not {attempt}: {source}; check the disk and the rights on its folder")]
    Io {
        /// What was tried, as the end of the sentence "the store could not ...".
        attempt: &'static str,
        /// What the system answered.
        #[source]
        source: io::Error,
    },
    /// What is stored isn't what was written: a torn file, a flipped bit, or tampering.
    #[error("the store is damaged ({what}); restore it from a backup, and check the disk")]
    Damaged {
        /// What didn't fit.
        what: String,
    },
    /// An earlier commit or flush failed, so what is in memory and what is on the disk may differ.
    #[error(
        "the store stopped after an earlier failure, so that nothing wrong is read from it; open it again"
    )]
    Stopped,
    /// The key doesn't open this store.
    #[error("the passphrase or key file does not open this store; use the one that it was made with")]
    WrongKey,
    /// The store was written by a version that this one doesn't know.
    #[error(
        "the store has format {found} and this version knows up to {known}; use a newer version of the program"
    )]
    UnknownFormat {
        /// The format found.
        found: u32,
        /// The newest format that this version can read.
        known: u32,
    },

    // Tests.
    /// A fault that a test asked for. See [`MemoryStore`](crate::MemoryStore).
    #[error("a fault was injected by a test; outside a test this is a bug, please report it")]
    Injected,
}

impl StoreError {
    /// Sorts an error of the system: a full disk is [`StoreError::Full`], the rest is [`StoreError::Io`].
    #[must_use]
    pub fn from_io(attempt: &'static str, source: io::Error) -> Self {
        let full = matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
        if full { Self::Full } else { Self::Io { attempt, source } }
    }

    pub(crate) fn damaged(what: impl Into<String>) -> Self {
        Self::Damaged { what: what.into() }
    }
}
