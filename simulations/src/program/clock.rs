//! The program's clock. No run depends on it; runs on real sockets have one of their own.

use std::time::{Duration, Instant, SystemTime};

/// Since the program began to count.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    #[expect(clippy::disallowed_methods, reason = "how long a run takes is told to people")]
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}

/// A seed that was hardly ever used before: the milliseconds of the wall clock.
#[expect(clippy::disallowed_methods, reason = "fresh seeds have to come from somewhere; they are printed")]
pub(crate) fn fresh_seed() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or_default()
}
