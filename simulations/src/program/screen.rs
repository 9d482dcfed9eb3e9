//! How far the work is, where a person looks.

use super::clock::Stopwatch;
use frontdesk_sim::lab::Watch;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::{
    io::IsTerminal as _,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// Parts of a run that are counted.
const PARTS: u64 = 100;
/// Without a terminal a line is written so often.
const LINE: Duration = Duration::from_secs(60);

/// The progress of all runs together: a bar on a terminal, and elsewhere a line now and then.
pub(crate) struct Screen {
    since: Stopwatch,
    bar: ProgressBar,
    terminal: bool,
    parts: AtomicU64,
    runs: Option<u64>,
    last_line: Mutex<Duration>,
}

impl Screen {
    /// For so many runs; none if that isn't known before.
    pub(crate) fn new(runs: Option<u64>) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let target = if terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(runs.map(|runs| runs * PARTS), target);
        let style = if runs.is_some() {
            "{bar:32} {percent:>3} %  {elapsed_precise}, {eta} left  {msg}"
        } else {
            "{spinner} {elapsed_precise}  {msg}"
        };
        bar.set_style(ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()));
        let last_line = Mutex::new(Duration::ZERO);
        Self { since: Stopwatch::start(), bar, terminal, parts: AtomicU64::new(0), runs, last_line }
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.since.elapsed()
    }

    /// A run of its own, to be watched.
    pub(crate) const fn seat(&self) -> Seat<'_> {
        Seat { screen: self, since: self.since, seen: 0, log_until: None }
    }

    /// A word beside the bar.
    pub(crate) fn tell(&self, word: String) {
        self.bar.set_message(word);
    }

    /// Does what writes to standard output without tearing the bar.
    pub(crate) fn aside<R>(&self, write: impl FnOnce() -> R) -> R {
        self.bar.suspend(write)
    }

    pub(crate) fn clear(&self) {
        self.bar.finish_and_clear();
    }

    fn add(&self, parts: u64) {
        let done = self.parts.fetch_add(parts, Ordering::Relaxed) + parts;
        self.bar.set_position(done);
        if !self.terminal {
            self.line(done);
        }
    }

    #[expect(clippy::print_stderr, reason = "a sign of life in long runs")]
    fn line(&self, done: u64) {
        let now = self.since.elapsed();
        let mut last = self.last_line.lock().unwrap_or_else(PoisonError::into_inner);
        if now.saturating_sub(*last) < LINE {
            return;
        }
        *last = now;
        let of = self.runs.map_or(String::new(), |runs| format!(" of {runs}"));
        eprintln!("frontdesk-sim: {}{of} runs after {} s", done / PARTS, now.as_secs());
    }
}

/// One run's place in the progress of all.
pub(crate) struct Seat<'a> {
    screen: &'a Screen,
    since: Stopwatch,
    seen: u64,
    /// Up to when the run is to be kept in words, in milliseconds of virtual time.
    pub(crate) log_until: Option<u64>,
}

impl Seat<'_> {
    /// The run is over.
    pub(crate) fn leave(mut self) {
        self.reach(PARTS);
    }

    fn reach(&mut self, parts: u64) {
        self.screen.add(parts.saturating_sub(self.seen));
        self.seen = self.seen.max(parts);
    }
}

impl Watch for Seat<'_> {
    fn seconds(&self) -> f64 {
        self.since.elapsed().as_secs_f64()
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 100")]
    fn progress(&mut self, part: f64) {
        self.reach((part.clamp(0.0, 1.0) * 100.0) as u64);
    }

    fn wants_log(&self) -> Option<u64> {
        self.log_until
    }
}
