//! A new home in the making: built beside its place and moved there whole, so that an interrupted `init`, `join` or
//! `restore` leaves no half of a home.

use super::{Home, HomeError, Token, Vault, vault::VaultError};
use crate::config::{self, Setting};
use frontdesk_identity::Protection;
use std::{
    fs, io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};
use tempfile::TempDir;

/// A home that nobody sees yet. Dropped, it is removed.
pub(crate) struct Stage {
    place: Home,
    draft: Home,
    directory: TempDir,
}

/// Why a new home could not be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StageError {
    /// The place is not fit for it.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// The keys could not be written.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// Another file could not.
    #[error(transparent)]
    File(#[from] frontdesk_identity::PrivateFileError),
}

impl Stage {
    /// Begins a home that is to be at `place`, with these keys and settings.
    pub(crate) fn begin(
        place: &Home,
        vault: &Vault,
        protection: Protection<'_>,
        settings: &[Setting],
    ) -> Result<Self, StageError> {
        place.check_vacant()?;
        let parent = parent(place.root());
        fs::create_dir_all(&parent).map_err(HomeError::io(&parent))?;
        let ours = fs::Permissions::from_mode(0o700);
        let directory = tempfile::Builder::new().prefix(".frontdesk-").permissions(ours).tempdir_in(&parent);
        let directory = directory.map_err(HomeError::io(&parent))?;
        let draft = Home { root: directory.path().to_owned() };
        vault.save(&draft.keys(), protection)?;
        Token::generate().save(&draft.token())?;
        frontdesk_identity::write_private(&draft.config(), config::render(settings).as_bytes())?;
        Ok(Self { place: place.clone(), draft, directory })
    }

    /// The home while it is made.
    pub(crate) fn home(&self) -> &Home {
        &self.draft
    }

    /// Puts it in its place. A directory without entries that stands there gives way.
    pub(crate) fn finish(self) -> Result<(), StageError> {
        self.place.check_vacant()?;
        let to = self.place.root();
        fs::rename(self.directory.path(), to).map_err(HomeError::io(to))?;
        // Moved away: nothing is left to remove.
        let _ = self.directory.keep();
        let parent = parent(to);
        sync_directory(&parent).map_err(HomeError::io(&parent))?;
        Ok(())
    }
}

fn parent(path: &Path) -> PathBuf {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("/")).to_owned()
}

fn sync_directory(path: &Path) -> io::Result<()> {
    fs::File::open(path)?.sync_all()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt as _;

    fn staged(dir: &Path) -> (Home, Stage) {
        let home = Home::locate(Some(dir.join("deep/home"))).unwrap();
        let vault = Vault::generate();
        let stage = Stage::begin(&home, &vault, Protection::Plain, &[]).unwrap();
        (home, stage)
    }

    #[test]
    fn a_finished_home_is_whole_and_closed_to_others() {
        let dir = tempfile::tempdir().unwrap();
        let (home, stage) = staged(dir.path());
        assert!(!home.exists());
        stage.finish().unwrap();
        home.check().unwrap();
        let mode = |path: PathBuf| fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!(mode(home.root().to_owned()), 0o700);
        for file in [home.keys(), home.token(), home.config()] {
            assert_eq!(mode(file), 0o600);
        }
    }

    #[test]
    fn an_abandoned_home_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let (home, stage) = staged(dir.path());
        drop(stage);
        assert!(!home.exists());
        assert_eq!(fs::read_dir(dir.path().join("deep")).unwrap().count(), 0);
    }

    #[test]
    fn a_home_that_came_up_meanwhile_is_not_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let (home, first) = staged(dir.path());
        let (_, second) = staged(dir.path());
        first.finish().unwrap();
        let keys = fs::read(home.keys()).unwrap();
        assert!(matches!(second.finish(), Err(StageError::Home(HomeError::Occupied { .. }))));
        assert_eq!(fs::read(home.keys()).unwrap(), keys);
    }
}
