//! Files that only their owner may read.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};
use zeroize::Zeroizing;

/// The largest private file that is read, in bytes.
pub const MAX_PRIVATE_FILE: u64 = 1024 * 1024;

/// Why a private file was not read or written.
#[derive(Debug, thiserror::Error)]
pub enum PrivateFileError {
    /// Others than the owner could have read it.
    #[error("{path} can be read by others (mode {mode:03o}): run `chmod 600 {path}`", path = path.display())]
    TooOpen {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A directory, a pipe or a device stands there.
    #[error("{path} is not a regular file", path = path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// Larger than [`MAX_PRIVATE_FILE`].
    #[error("{path} is larger than {MAX_PRIVATE_FILE} bytes", path = path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// The operating system refused.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
}

/// Writes `bytes` to `path` with mode 0600, replacing what is there. After it returns the new content is on the disk;
/// if it fails or the machine does, the old content is untouched.
///
/// # Errors
/// [`PrivateFileError::Io`].
pub fn write_private(path: &Path, bytes: &[u8]) -> Result<(), PrivateFileError> {
    let staged = staged_path(path);
    let written = replace(path, &staged, bytes);
    if written.is_err() {
        // What is left of the attempt holds a secret; the error that matters is the one we have.
        let _ = fs::remove_file(&staged);
    }
    written.map_err(|source| PrivateFileError::Io { path: path.to_owned(), source })
}

fn replace(path: &Path, staged: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Err(error) = fs::remove_file(staged)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(error);
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(staged)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(staged, path)?;
    File::open(parent(path))?.sync_all()
}

fn staged_path(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    path.with_file_name(name)
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Reads a file that nobody but its owner can read.
///
/// # Errors
/// [`PrivateFileError`], a variant for each cause.
pub fn read_private(path: &Path) -> Result<Zeroizing<Vec<u8>>, PrivateFileError> {
    let io = |source| PrivateFileError::Io { path: path.to_owned(), source };
    // Before opening, for opening a pipe would wait; and after, for the file may have been exchanged.
    check(path, &fs::metadata(path).map_err(io)?)?;
    let file = File::open(path).map_err(io)?;
    let metadata = file.metadata().map_err(io)?;
    check(path, &metadata)?;
    let room = usize::try_from(metadata.len()).unwrap_or_default();
    let mut bytes = Zeroizing::new(Vec::with_capacity(room.saturating_add(1)));
    file.take(metadata.len()).read_to_end(&mut bytes).map_err(io)?;
    Ok(bytes)
}

fn check(path: &Path, metadata: &fs::Metadata) -> Result<(), PrivateFileError> {
    let path = || path.to_owned();
    let mode = metadata.mode() & 0o777;
    if !metadata.is_file() {
        return Err(PrivateFileError::NotAFile { path: path() });
    }
    if mode & 0o077 != 0 {
        return Err(PrivateFileError::TooOpen { path: path(), mode });
    }
    if metadata.len() > MAX_PRIVATE_FILE {
        return Err(PrivateFileError::TooLarge { path: path() });
    }
    Ok(())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn names(dir: &Path) -> Vec<String> {
        fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn a_private_file_has_mode_0600_and_comes_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        write_private(&path, b"first").unwrap();
        write_private(&path, b"second").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(read_private(&path).unwrap().as_slice(), b"second");
        assert_eq!(names(dir.path()), ["key"]);
    }

    #[test]
    fn a_file_that_others_can_read_is_refused_with_the_remedy() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        write_private(&path, b"secret").unwrap();
        for mode in [0o640, 0o604, 0o620, 0o601] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let refusal = read_private(&path).unwrap_err();
            assert!(matches!(refusal, PrivateFileError::TooOpen { mode: found, .. } if found == mode));
            assert!(refusal.to_string().contains(&format!("chmod 600 {}", path.display())));
        }
    }

    #[test]
    fn what_an_interrupted_write_left_behind_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        fs::write(dir.path().join("key.new"), b"half of").unwrap();
        write_private(&path, b"whole").unwrap();
        assert_eq!(read_private(&path).unwrap().as_slice(), b"whole");
        assert_eq!(names(dir.path()), ["key"]);
    }

    #[test]
    fn a_planted_link_is_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let (path, elsewhere) = (dir.path().join("key"), dir.path().join("elsewhere"));
        fs::write(&elsewhere, b"old").unwrap();
        std::os::unix::fs::symlink(&elsewhere, dir.path().join("key.new")).unwrap();
        write_private(&path, b"secret").unwrap();
        assert_eq!(fs::read(&elsewhere).unwrap(), b"old");
    }

    #[test]
    fn a_failed_write_leaves_the_old_content_and_no_copy() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("occupied");
        fs::create_dir(&path).unwrap();
        assert!(matches!(write_private(&path, b"secret"), Err(PrivateFileError::Io { .. })));
        assert_eq!(names(dir.path()), ["occupied"]);
    }

    #[test]
    fn missing_large_and_other_things_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(read_private(&dir.path().join("none")), Err(PrivateFileError::Io { .. })));
        assert!(matches!(read_private(dir.path()), Err(PrivateFileError::NotAFile { .. })));
        let path = dir.path().join("large");
        write_private(&path, b"").unwrap();
        OpenOptions::new().write(true).open(&path).unwrap().set_len(MAX_PRIVATE_FILE + 1).unwrap();
        assert!(matches!(read_private(&path), Err(PrivateFileError::TooLarge { .. })));
    }
}
