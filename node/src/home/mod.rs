//! The home of a node: one directory, of its user alone, with everything that the node is.
//!
//! ```text
//! HOME/
//!   config.toml   settings
//!   keys          device keys and the store's key; sealed if there is a passphrase (0600)
//!   api.token     what callers of the API show (0600)
//!   api.address   where the API of the running node is (0600)
//!   api.sock      its socket, unless it is elsewhere
//!   store/        threads, messages, outbox; encrypted
//! ```

mod endpoint;
mod lock;
mod passphrase;
mod stage;
mod token;
mod vault;

pub(crate) use endpoint::{Announcement, Endpoint, EndpointError};
pub(crate) use lock::Sign;
pub(crate) use passphrase::PassphraseSource;
pub(crate) use stage::Stage;
pub(crate) use token::{Token, TokenError};
pub(crate) use vault::{Vault, VaultError, protection};

use std::{
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

/// Where a home is. Nothing says that it is there.
#[derive(Debug, Clone)]
pub(crate) struct Home {
    root: PathBuf,
}

/// Why a home can't be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HomeError {
    /// Nobody said where.
    #[error("there is no home directory to use; give one with --home DIR or FRONTDESK_HOME")]
    Nowhere,
    /// Nothing there.
    #[error(
        "there is no Frontdesk home at {}; make one with `frontdesk init entity --name NAME`, `frontdesk init customer --name NAME` or `frontdesk join INVITATION`",
        path.display()
    )]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// Something there that is no home.
    #[error("{} is not a Frontdesk home: it has no file `keys`; choose another directory with --home", path.display())]
    NotAHome {
        /// The directory.
        path: PathBuf,
    },
    /// A new home is wanted where something is already.
    #[error("{} is in use already; choose a directory that is empty or not there yet", path.display())]
    Occupied {
        /// The directory.
        path: PathBuf,
    },
    /// Somebody else's.
    #[error("{} belongs to another user (uid {owner}); run as that user or choose another home", path.display())]
    NotOurs {
        /// The directory.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
    },
    /// Others can look in.
    #[error("{} can be entered by others (mode {mode:03o}); run `chmod 700 {}`", path.display(), path.display())]
    TooOpen {
        /// The directory.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// The path.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
}

impl HomeError {
    fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }
}

impl Home {
    /// The directory given, or the usual place: `$XDG_DATA_HOME/frontdesk`, else `~/.local/share/frontdesk`.
    pub(crate) fn locate(given: Option<PathBuf>) -> Result<Self, HomeError> {
        let root = given.or_else(usual_place).ok_or(HomeError::Nowhere)?;
        let root = std::path::absolute(&root).map_err(HomeError::io(&root))?;
        Ok(Self { root })
    }

    /// Checks that a home is there, whole, ours, and closed to others.
    pub(crate) fn check(&self) -> Result<(), HomeError> {
        let path = || self.root.clone();
        let metadata = match fs::metadata(&self.root) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(HomeError::Missing { path: path() });
            }
            other => other.map_err(HomeError::io(&self.root))?,
        };
        let (owner, mode) = (metadata.uid(), metadata.mode() & 0o777);
        if owner != rustix::process::geteuid().as_raw() {
            return Err(HomeError::NotOurs { path: path(), owner });
        }
        if !self.exists() {
            let vacant = self.is_vacant()?;
            return Err(if vacant {
                HomeError::Missing { path: path() }
            } else {
                HomeError::NotAHome { path: path() }
            });
        }
        if mode & 0o077 != 0 {
            return Err(HomeError::TooOpen { path: path(), mode });
        }
        Ok(())
    }

    /// Checks that a new home can be put here.
    pub(crate) fn check_vacant(&self) -> Result<(), HomeError> {
        if self.is_vacant()? { Ok(()) } else { Err(HomeError::Occupied { path: self.root.clone() }) }
    }

    /// True if a home is here, whatever its state.
    pub(crate) fn exists(&self) -> bool {
        self.keys().exists()
    }

    /// Says that a node starts here, for as long as the sign is kept.
    pub(crate) fn set_sign(&self) -> Option<Sign> {
        Sign::set(&self.root)
    }

    /// True if a node starts or runs here.
    pub(crate) fn has_sign(&self) -> bool {
        Sign::is_set(&self.root)
    }

    fn is_vacant(&self) -> Result<bool, HomeError> {
        match fs::read_dir(&self.root) {
            Ok(mut entries) => Ok(entries.next().is_none()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => Ok(false),
            Err(source) => Err(HomeError::Io { path: self.root.clone(), source }),
        }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.root.join("config.toml")
    }

    pub(crate) fn keys(&self) -> PathBuf {
        self.root.join("keys")
    }

    pub(crate) fn token(&self) -> PathBuf {
        self.root.join("api.token")
    }

    pub(crate) fn endpoint(&self) -> PathBuf {
        self.root.join("api.address")
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.root.join("api.sock")
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.root.join("store")
    }
}

fn usual_place() -> Option<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let data = set("XDG_DATA_HOME").or_else(|| set("HOME").map(|home| home.join(".local/share")))?;
    Some(data.join("frontdesk"))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn home() -> (tempfile::TempDir, Home) {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::locate(Some(dir.path().join("home"))).unwrap();
        (dir, home)
    }

    fn chmod(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_missing_an_empty_and_a_foreign_directory_are_told_apart() {
        let (_dir, home) = home();
        assert!(matches!(home.check(), Err(HomeError::Missing { .. })));
        fs::create_dir(home.root()).unwrap();
        assert!(matches!(home.check(), Err(HomeError::Missing { .. })));
        home.check_vacant().unwrap();
        fs::write(home.root().join("letter.txt"), "").unwrap();
        assert!(matches!(home.check(), Err(HomeError::NotAHome { .. })));
        assert!(matches!(home.check_vacant(), Err(HomeError::Occupied { .. })));
    }

    #[test]
    fn a_home_that_others_can_enter_is_refused_with_the_remedy() {
        let (_dir, home) = home();
        fs::create_dir(home.root()).unwrap();
        fs::write(home.keys(), "").unwrap();
        chmod(home.root(), 0o700);
        home.check().unwrap();
        for mode in [0o750, 0o705, 0o711] {
            chmod(home.root(), mode);
            let refusal = home.check().unwrap_err();
            assert!(refusal.to_string().contains("chmod 700"), "{refusal}");
        }
    }

    #[test]
    fn a_file_is_no_place_for_a_home() {
        let (_dir, home) = home();
        fs::write(home.root(), "").unwrap();
        assert!(matches!(home.check_vacant(), Err(HomeError::Occupied { .. })));
    }
}
