//! The checks of `frontdesk doctor`. Each looks, and changes nothing.

mod node;

pub(crate) use node::{expiry, newest, ports, reachable, store};

use crate::{
    driver::wall_clock,
    failure::split_advice,
    home::{Home, Token, Vault},
    render,
};
use frontdesk_identity::UnixTime;
use serde::Serialize;
use std::{
    fs,
    path::Path,
    time::{Duration, SystemTime},
};

/// 2026-01-01: this program is younger.
const BEFORE_THIS_PROGRAM: UnixTime = UnixTime(1_767_225_600);
/// A file from the future by more than this says that the clock was set back.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(120);
/// Less room than this on the disk, and a busy node soon can't store: bytes.
const LOW_SPACE: u64 = 512 * 1024 * 1024;
/// With less than this it can't be expected to: bytes.
const NO_SPACE: u64 = 32 * 1024 * 1024;

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Grade {
    Ok,
    Warn,
    Fail,
}

impl Grade {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "FAIL",
        }
    }
}

/// One check: what was looked at, what was found, and what to do.
#[derive(Debug, Serialize)]
pub(crate) struct Check {
    pub(crate) what: &'static str,
    pub(crate) grade: Grade,
    pub(crate) finding: String,
    pub(crate) next: Option<String>,
}

impl Check {
    pub(crate) fn ok(what: &'static str, finding: impl ToString) -> Self {
        Self { what, grade: Grade::Ok, finding: finding.to_string(), next: None }
    }

    pub(crate) fn warn(what: &'static str, text: impl ToString) -> Self {
        Self { grade: Grade::Warn, ..Self::fail(what, text) }
    }

    /// `text` is the finding, and after a semicolon the advice.
    pub(crate) fn fail(what: &'static str, text: impl ToString) -> Self {
        let (finding, next) = split_advice(&text.to_string());
        Self { what, grade: Grade::Fail, finding, next }
    }
}

/// Is there a home, ours, and closed to others?
pub(crate) fn home(home: &Home) -> Check {
    match home.check() {
        Ok(()) => Check::ok("home", format!("{} is ours alone", home.root().display())),
        Err(error) => Check::fail("home", error),
    }
}

/// Are the keys there, private, and whole?
pub(crate) fn keys(home: &Home) -> Check {
    match Vault::is_sealed(&home.keys()) {
        Ok(true) => Check::ok("keys", "the key file is private, and sealed by a passphrase"),
        Ok(false) => Check::ok("keys", "the key file is private; it has no passphrase"),
        Err(error) => Check::fail("keys", error),
    }
}

/// Is there a token to talk to the node?
pub(crate) fn token(home: &Home) -> Check {
    if !home.token().exists() {
        return Check::warn("token", "the API's token is missing; the next start makes a new one");
    }
    match Token::load(&home.token()) {
        Ok(_) => Check::ok("token", "the API's token is private"),
        Err(error) => Check::fail("token", error),
    }
}

/// Rights begin and end by the clock: is it sane?
pub(crate) fn clock(home: &Home) -> Check {
    let now = wall_clock();
    if now < BEFORE_THIS_PROGRAM {
        let text = format!("the clock says {}; set it, or no grant will hold", render::date_and_time(now));
        return Check::fail("clock", text);
    }
    let ahead = last_written(home.root()).and_then(|file| file.duration_since(SystemTime::now()).ok());
    match ahead.filter(|ahead| *ahead > CLOCK_TOLERANCE) {
        Some(ahead) => {
            let text = format!(
                "the home has files from {} min in the future: the clock was set back; set it right",
                ahead.as_secs() / 60
            );
            Check::warn("clock", text)
        }
        None => Check::ok("clock", format!("the clock says {}", render::date_and_time(now))),
    }
}

/// When something in the home was last written.
fn last_written(root: &Path) -> Option<SystemTime> {
    let entries = fs::read_dir(root).ok()?.chain(fs::read_dir(root.join("store")).into_iter().flatten());
    entries.filter_map(|entry| entry.ok()?.metadata().ok()?.modified().ok()).max()
}

/// Is there room?
pub(crate) fn disk(home: &Home) -> Check {
    let Ok(disk) = rustix::fs::statvfs(home.root()) else {
        return Check::warn("disk", "the free space on the disk could not be found out");
    };
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    let mib = free / (1024 * 1024);
    if free < NO_SPACE {
        Check::fail("disk", format!("{mib} MiB are free; make room, or nothing can be stored"))
    } else if free < LOW_SPACE {
        Check::warn("disk", format!("{mib} MiB are free; make room soon"))
    } else {
        Check::ok("disk", format!("{mib} MiB are free"))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn made() -> (tempfile::TempDir, Home) {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::locate(Some(dir.path().join("home"))).unwrap();
        let stage =
            crate::home::Stage::begin(&home, &Vault::generate(), crate::home::protection(None), &[]).unwrap();
        stage.finish().unwrap();
        (dir, home)
    }

    #[test]
    fn a_sound_home_passes() {
        let (_dir, home) = made();
        for check in [super::home(&home), keys(&home), token(&home), clock(&home)] {
            assert_eq!(check.grade, Grade::Ok, "{check:?}");
        }
    }

    #[test]
    fn what_others_can_read_fails_with_advice() {
        let (_dir, home) = made();
        for (path, check) in [(home.keys(), keys as fn(&Home) -> Check), (home.token(), token)] {
            fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
            let found = check(&home);
            assert_eq!(found.grade, Grade::Fail);
            assert!(found.finding.contains("chmod 600"), "{found:?}");
        }
        fs::set_permissions(home.root(), fs::Permissions::from_mode(0o755)).unwrap();
        let found = super::home(&home);
        assert_eq!((found.grade, found.next.is_some()), (Grade::Fail, true));
    }

    #[test]
    fn a_clock_that_was_set_back_is_noticed() {
        let (_dir, home) = made();
        let file = fs::File::options().write(true).open(home.config()).unwrap();
        file.set_modified(SystemTime::now() + Duration::from_secs(3600)).unwrap();
        assert_eq!(clock(&home).grade, Grade::Warn);
    }
}
