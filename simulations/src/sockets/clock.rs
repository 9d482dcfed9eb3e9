//! The wall clock, and the time since a run began.

use frontdesk_engine::{Millis, Now};
use frontdesk_identity::UnixTime;
use std::time::{Duration, Instant, SystemTime};

/// One clock for all nodes of a run.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    began: Instant,
    wall: Duration,
}

impl Clock {
    #[expect(clippy::disallowed_methods, reason = "real sockets need the real time; nothing pure is here")]
    pub(super) fn start() -> Self {
        let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self { began: Instant::now(), wall }
    }

    /// Milliseconds since the beginning.
    pub(super) fn millis(self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    pub(super) fn now(self) -> Now {
        let mono = self.millis();
        let wall = self.wall.saturating_add(Duration::from_millis(mono)).as_secs();
        Now { mono: Millis(mono), wall: UnixTime(wall) }
    }

    /// How long it is until then; nothing if it is over.
    pub(super) fn until(self, at: Millis) -> Duration {
        Duration::from_millis(at.0.saturating_sub(self.millis()))
    }
}
