//! Reading a backup.

use super::{
    BackupError, MAGIC, MAX_KEYS, Summary, VERSION,
    stream::{Opener, exactly},
};
use crate::home::{PassphraseSource, Vault};
use frontdesk_identity::UnixTime;
use frontdesk_store::{Entry, MAX_KEY, MAX_VALUE};
use std::{
    fs::File,
    io::{BufReader, Read as _, Seek as _, SeekFrom},
    path::Path,
};

/// A backup whose keys are open. Its records are not looked at yet.
pub(crate) struct Backup {
    file: File,
    /// Where the chunks begin.
    start: u64,
    /// The device's keys. The other key in it is the file's own.
    pub(crate) vault: Vault,
}

/// The records of a backup, in order.
pub(crate) struct Contents {
    opener: Opener<BufReader<File>>,
    /// When the backup was made.
    pub(crate) made: UnixTime,
}

impl Backup {
    /// Opens the file and its keys.
    pub(crate) fn open(path: &Path, passphrase: &PassphraseSource) -> Result<Self, BackupError> {
        let mut file = File::open(path)?;
        let foreign = |_| BackupError::NotABackup;
        if exactly(&mut file).map_err(foreign)? != *MAGIC {
            return Err(BackupError::NotABackup);
        }
        let [found] = exactly(&mut file).map_err(foreign)?;
        if found != VERSION {
            return Err(BackupError::UnknownVersion { found });
        }
        let length = u32::from_be_bytes(exactly(&mut file).map_err(foreign)?);
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if length > MAX_KEYS {
            return Err(BackupError::Damaged("its keys have a wrong length"));
        }
        let mut keys = vec![0; length];
        file.read_exact(&mut keys).map_err(|_| BackupError::Damaged("it is cut off"))?;
        let vault = Vault::open(&keys, passphrase)?;
        let start = file.stream_position()?;
        Ok(Self { file, start, vault })
    }

    /// The records, from the first. Can be asked for again.
    pub(crate) fn contents(&self) -> Result<Contents, BackupError> {
        let mut file = self.file.try_clone()?;
        file.seek(SeekFrom::Start(self.start))?;
        let mut opener = Opener::new(self.vault.key(), BufReader::new(file));
        let made = opener.array()?.ok_or(BackupError::Damaged("it is empty"))?;
        Ok(Contents { opener, made: UnixTime(u64::from_be_bytes(made)) })
    }

    /// Reads all of it and keeps nothing: what is told is whole and unchanged.
    pub(crate) fn verify(&self) -> Result<Summary, BackupError> {
        let mut summary = Summary { records: 0, bytes: 0 };
        let mut contents = self.contents()?;
        while let Some((key, value)) = contents.next()? {
            summary.records = summary.records.saturating_add(1);
            let bytes = u64::try_from(key.len().saturating_add(value.len())).unwrap_or(u64::MAX);
            summary.bytes = summary.bytes.saturating_add(bytes);
        }
        Ok(summary)
    }
}

impl Contents {
    /// The next record; none after the last.
    pub(crate) fn next(&mut self) -> Result<Option<Entry>, BackupError> {
        let Some(length) = self.opener.array()? else { return Ok(None) };
        let key = self.part(length, MAX_KEY)?;
        let length = self.opener.array()?.ok_or(BackupError::Damaged("it ends within a record"))?;
        let value = self.part(length, MAX_VALUE)?;
        Ok(Some((key, value)))
    }

    fn part(&mut self, length: [u8; 4], most: usize) -> Result<Vec<u8>, BackupError> {
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        if length > most {
            return Err(BackupError::Damaged("a record is too long"));
        }
        self.opener.bytes(length)
    }
}
