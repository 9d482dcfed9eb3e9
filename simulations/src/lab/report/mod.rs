//! What a run came to, for people: numbers, plots, and a page that holds everything that it needs.

mod compare;
mod measures;
mod page;
pub mod plot;
mod plots;
mod scale;
mod shares;
pub mod svg;
pub mod words;

pub use compare::{Comparison, Row};
pub use measures::{Measured, measures};
pub use plots::plots;

use super::{Outcome, Scenario, Violation, figures::Figures};
use serde::{Deserialize, Serialize};

/// A run with all that came of it: what `report.json` holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The scenario's name: that of its file.
    pub name: String,
    /// The seed.
    pub seed: u64,
    /// The promises that were broken.
    pub violations: Vec<Violation>,
    /// The hash of all that happened.
    pub trace: String,
    /// When the play began, in milliseconds of virtual time.
    pub began: u64,
    /// Most memory that the whole program had up to the run's end, in KiB, if it played nothing else and that is known.
    #[serde(default)]
    pub memory: Option<u64>,
    /// Which cryptography was played with.
    #[serde(default)]
    pub cryptography: String,
    /// What was measured.
    pub figures: Figures,
    /// What was played.
    pub scenario: Scenario,
}

impl Report {
    /// The report of an outcome.
    #[must_use]
    pub fn new(name: &str, seed: u64, scenario: Scenario, outcome: Outcome) -> Self {
        Self {
            name: name.to_owned(),
            seed,
            violations: outcome.violations,
            trace: outcome.trace,
            began: outcome.began,
            memory: None,
            cryptography: scenario.suite.in_words(),
            figures: outcome.figures,
            scenario,
        }
    }

    /// Whether every promise was kept.
    #[must_use]
    pub const fn is_good(&self) -> bool {
        self.violations.is_empty()
    }

    /// The page that shows it: HTML that needs nothing else.
    #[must_use]
    pub fn page(&self) -> String {
        page::of(self)
    }

    /// When a violation was seen, as the time of day in the simulation.
    #[must_use]
    pub fn clock_of(&self, violation: &Violation) -> String {
        words::clock(violation.at.saturating_sub(self.began))
    }
}
