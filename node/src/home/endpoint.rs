//! Where the API of the running node is: written by the node, read by the command line.

use super::lock::{is_locked, lock};
use frontdesk_identity::{PrivateFileError, read_private, write_private};
use std::{
    fmt,
    fs::{self, File},
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    str::FromStr,
};

/// The place of a running API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// A socket in the file system: `unix:/path`.
    Unix(PathBuf),
    /// A loopback address: `http://127.0.0.1:7340`.
    Tcp(SocketAddr),
}

/// Why the place is not known.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EndpointError {
    /// No node has left word.
    #[error("no node has written where its API is")]
    Absent,
    /// The file can't be read.
    #[error(transparent)]
    File(PrivateFileError),
    /// The file has something else in it.
    #[error("{} does not say where the API is; start the node again with `frontdesk run`", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
    },
}

/// A running API that has said where it is. Dropped, it takes that back. While it lives the file is locked, and when the
/// process dies in whatever way, it isn't: so nobody sends the token to a stranger who took over the port.
pub(crate) struct Announcement {
    path: PathBuf,
    _locked: File,
}

impl Endpoint {
    /// Says where the API is, to those who can read the home.
    pub(crate) fn announce(&self, path: &Path) -> Result<Announcement, PrivateFileError> {
        let io = |source| PrivateFileError::Io { path: path.to_owned(), source };
        write_private(path, self.to_string().as_bytes())?;
        let locked = File::open(path).map_err(io)?;
        lock(&locked).map_err(io)?;
        Ok(Announcement { path: path.to_owned(), _locked: locked })
    }

    /// Where the API of the running node is.
    pub(crate) fn find(path: &Path) -> Result<Self, EndpointError> {
        let io = |source| EndpointError::File(PrivateFileError::Io { path: path.to_owned(), source });
        let bytes = match read_private(path) {
            Err(PrivateFileError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                return Err(EndpointError::Absent);
            }
            other => other.map_err(EndpointError::File)?,
        };
        let file = File::open(path).map_err(io)?;
        if !is_locked(&file) {
            return Err(EndpointError::Absent);
        }
        let text = std::str::from_utf8(&bytes).ok().and_then(|text| text.parse().ok());
        text.ok_or_else(|| EndpointError::Damaged { path: path.to_owned() })
    }
}

impl Drop for Announcement {
    fn drop(&mut self) {
        // What is gone already is fine.
        let _ = fs::remove_file(&self.path);
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Tcp(address) => write!(f, "http://{address}"),
        }
    }
}

impl FromStr for Endpoint {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if let Some(path) = text.strip_prefix("unix:") {
            return Ok(Self::Unix(PathBuf::from(path)));
        }
        let address: SocketAddr = text.strip_prefix("http://").ok_or(())?.parse().map_err(|_| ())?;
        // The token goes there: never off this machine, whatever the file says.
        if address.ip().is_loopback() { Ok(Self::Tcp(address)) } else { Err(()) }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_found_as_long_as_its_node_runs() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("api.address");
        assert!(matches!(Endpoint::find(&path), Err(EndpointError::Absent)));
        for place in [Endpoint::Unix("/a b/c".into()), Endpoint::Tcp("127.0.0.1:1".parse().unwrap())] {
            let announcement = place.announce(&path).unwrap();
            assert_eq!(Endpoint::find(&path).unwrap(), place);
            drop(announcement);
            assert!(matches!(Endpoint::find(&path), Err(EndpointError::Absent)));
        }
    }

    #[test]
    fn what_a_killed_node_left_behind_is_not_believed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("api.address");
        write_private(&path, b"http://127.0.0.1:1").unwrap();
        assert!(matches!(Endpoint::find(&path), Err(EndpointError::Absent)));
    }

    #[test]
    fn the_token_is_never_sent_to_another_machine() {
        assert!("http://192.0.2.1:80".parse::<Endpoint>().is_err());
        assert!("http://localhost:80".parse::<Endpoint>().is_err());
    }
}
