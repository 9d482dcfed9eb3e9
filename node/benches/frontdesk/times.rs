//! Durations and what to say of them.

use std::time::{Duration, Instant};

/// Before each thing that is measured, when it is one of many that a processor does on end, or one that it wakes for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    OnEnd,
    Rested,
}

impl Pace {
    /// About what a processor of a node rests between two messages that come one at a time.
    const REST: Duration = Duration::from_millis(1);

    pub(crate) fn wait(self) {
        if self == Self::Rested {
            std::thread::sleep(Self::REST);
        }
    }
}

/// Measured durations.
#[derive(Debug, Clone, Default)]
pub(crate) struct Times(Vec<Duration>);

impl Times {
    /// Does `work` so often and takes the time of each, after a few that don't count.
    pub(crate) fn measure<E>(count: usize, mut work: impl FnMut(usize) -> Result<(), E>) -> Result<Self, E> {
        let warm_up = (count / 20).clamp(1, 100);
        let mut times = Self::default();
        for number in 0..warm_up + count {
            let start = Instant::now();
            work(number)?;
            if number >= warm_up {
                times.push(start.elapsed());
            }
        }
        Ok(times)
    }

    pub(crate) fn push(&mut self, time: Duration) {
        self.0.push(time);
    }

    /// So many of a hundred took at most this long.
    pub(crate) fn percentile(&self, percent: usize) -> Duration {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let last = sorted.len().saturating_sub(1);
        sorted.get((sorted.len() * percent / 100).min(last)).copied().unwrap_or_default()
    }

    pub(crate) fn p50(&self) -> Duration {
        self.percentile(50)
    }

    pub(crate) fn p99(&self) -> Duration {
        self.percentile(99)
    }
}
