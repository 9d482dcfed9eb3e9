//! Backups: who a node is and what it has read, in one sealed file.
//!
//! ```text
//! frontdesk-backup, newline         17 bytes
//! version                           1 byte: 1
//! length, key file                  4 bytes big-endian; the device's keys and the file's own key, under the passphrase
//! chunk..                           see `stream`
//! ```
//!
//! The chunks hold the moment of the backup (8 bytes big-endian, seconds since 1970) and then each record: length and
//! key, length and value (lengths of 4 bytes, big-endian).
//!
//! The keys of threads are left out. They move on with every message, and an old copy of them would use keys twice: a
//! restored node asks to be added to its threads anew, and keeps what it had read.

mod part;
mod reader;
mod stream;
mod writer;

pub(crate) use reader::Backup;
pub(crate) use writer::Recipe;

use crate::home::VaultError;
use frontdesk_store::StoreError;
use std::io;

const MAGIC: &[u8; 17] = b"frontdesk-backup\n";
const VERSION: u8 = 1;
/// A key file of a few keys has some 300 bytes.
const MAX_KEYS: usize = 4096;
/// Records read or written at a time.
const PAGE: usize = 256;
/// Where the engine keeps the keys of threads.
const THREAD_KEYS: &[u8] = b"m/";

/// What a backup has in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Summary {
    /// Records.
    pub(crate) records: u64,
    /// Bytes of keys and values.
    pub(crate) bytes: u64,
}

/// Why a backup could not be made or read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BackupError {
    /// A file is there.
    #[error("{0} exists already; choose another name, or move it away")]
    Exists(String),
    /// Another backup to the same file has not ended.
    #[error("another backup to {0} is being written; wait for its end, or choose another name")]
    UnderWay(String),
    /// Something else than a backup.
    #[error("this is not a Frontdesk backup")]
    NotABackup,
    /// Made by another version.
    #[error("the backup has version {found} and this program knows {VERSION}; use the program that made it")]
    UnknownVersion {
        /// The version found.
        found: u8,
    },
    /// Cut off, or changed.
    #[error("the backup is damaged ({0}); use another copy of it")]
    Damaged(&'static str),
    /// The keys in it: a wrong passphrase, for example.
    #[error("the backup's keys: {0}")]
    Keys(#[from] VaultError),
    /// The node's store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store of a running node.
    #[error(transparent)]
    Down(#[from] crate::driver::StoreFailure),
    /// The file.
    #[error("the backup file: {0}")]
    Io(#[from] io::Error),
}

#[cfg(test)]
mod tests;
