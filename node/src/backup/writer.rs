//! Making a backup.

use super::{BackupError, MAGIC, PAGE, Summary, THREAD_KEYS, VERSION, part::Part, stream::Sealer};
use crate::home::{Vault, protection};
use frontdesk_identity::{DeviceKeys, Passphrase, UnixTime};
use frontdesk_store::{Reader, Scan};
use std::{
    fs::{self, File},
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};
use zeroize::Zeroizing;

/// A backup that is prepared: the slow part, turning the passphrase into a key, is done.
pub(crate) struct Recipe {
    file: PathBuf,
    vault: Vault,
    sealed_keys: Zeroizing<Vec<u8>>,
}

impl Recipe {
    /// A backup of the device with these keys, to be written to `file`, where nothing may be yet.
    pub(crate) fn prepare(
        file: PathBuf,
        device: &DeviceKeys,
        passphrase: &Passphrase,
    ) -> Result<Self, BackupError> {
        if file.exists() {
            return Err(BackupError::Exists(file.display().to_string()));
        }
        let vault = Vault::of_device(device.clone());
        let sealed_keys = vault.seal(protection(Some(passphrase)))?;
        Ok(Self { file, vault, sealed_keys })
    }

    /// Writes all that `reader` holds. The file appears whole, with mode 0600, or not at all. `progress` is told the
    /// number of records now and then.
    pub(crate) fn write(
        self,
        reader: &dyn Reader,
        now: UnixTime,
        progress: &dyn Fn(u64),
    ) -> Result<Summary, BackupError> {
        let part = Part::create(&self.file)?;
        let summary = self.write_to(&part.file, reader, now, progress)?;
        part.file.sync_all()?;
        fs::hard_link(&part.path, &self.file)?;
        drop(part);
        File::open(parent(&self.file))?.sync_all()?;
        Ok(summary)
    }

    fn write_to(
        &self,
        file: &File,
        reader: &dyn Reader,
        now: UnixTime,
        progress: &dyn Fn(u64),
    ) -> Result<Summary, BackupError> {
        let mut file = BufWriter::new(file);
        let length = u32::try_from(self.sealed_keys.len()).unwrap_or(u32::MAX);
        file.write_all(MAGIC)?;
        file.write_all(&[VERSION])?;
        file.write_all(&length.to_be_bytes())?;
        file.write_all(&self.sealed_keys)?;
        let mut sealer = Sealer::new(self.vault.key(), file);
        sealer.write_all(&now.0.to_be_bytes())?;
        let summary = write_records(&mut sealer, reader, progress)?;
        sealer.finish()?.flush()?;
        Ok(summary)
    }
}

fn write_records(
    out: &mut impl Write,
    reader: &dyn Reader,
    progress: &dyn Fn(u64),
) -> Result<Summary, BackupError> {
    let mut summary = Summary { records: 0, bytes: 0 };
    let mut last: Option<Vec<u8>> = None;
    loop {
        let scan = Scan::prefix(b"").limit(PAGE);
        let page = reader.scan(&last.as_deref().map_or(scan, |last| scan.after(last)))?;
        let Some((key, _)) = page.last() else { return Ok(summary) };
        last = Some(key.clone());
        for (key, value) in page.iter().filter(|(key, _)| !key.starts_with(THREAD_KEYS)) {
            write_part(out, key)?;
            write_part(out, value)?;
            summary.records = summary.records.saturating_add(1);
            let bytes = u64::try_from(key.len().saturating_add(value.len())).unwrap_or(u64::MAX);
            summary.bytes = summary.bytes.saturating_add(bytes);
        }
        progress(summary.records);
    }
}

fn write_part(out: &mut impl Write, bytes: &[u8]) -> std::io::Result<()> {
    let length = u32::try_from(bytes.len()).map_err(std::io::Error::other)?;
    out.write_all(&length.to_be_bytes())?;
    out.write_all(bytes)
}

fn parent(file: &Path) -> &Path {
    file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
