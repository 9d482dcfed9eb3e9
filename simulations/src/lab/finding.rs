//! A broken promise with all that it takes to see it again: the scenario, the seed, and what happened just before.

mod shrink;

use super::{Happening, Nonsense, Outcome, Scenario, Violation, Watch, play, report::words::clock};
use crate::SimError;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The version of the file's format.
const FORMAT: u32 = 1;
/// Lines of a story at most: the last ones before the promise was seen broken.
const LINES: usize = 60;
/// Of these, for what is older and speaks of the same text.
const OLD_LINES: usize = 20;

/// A broken promise, as a file keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    format: u32,
    /// The scenario's name.
    pub name: String,
    /// The seed.
    pub seed: u64,
    /// The hash of the whole run.
    pub trace: String,
    /// When the play began, in milliseconds of virtual time.
    pub began: u64,
    /// How the scenario was made smaller since it was found.
    #[serde(default)]
    pub smaller: Vec<String>,
    /// What happened before, in words. Numbers are those of nodes, times those of the simulation.
    #[serde(default)]
    pub story: Vec<String>,
    /// The first promise that was broken.
    pub violation: Violation,
    /// What was played.
    pub scenario: Scenario,
}

/// What came of a second run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replayed {
    /// The same promise is broken, in the same way, in the same run.
    Exactly,
    /// The same promise is broken, in another way.
    Similarly(Violation),
    /// Another promise is broken first.
    Otherwise(Violation),
    /// Every promise is kept. `same_run`: the trace is the one that was written down.
    Gone {
        /// All went as before, and is no longer seen as broken.
        same_run: bool,
    },
}

/// The file can't be used.
#[derive(Debug, thiserror::Error)]
pub enum FindingError {
    /// It is no such file.
    #[error("{0}")]
    Syntax(#[from] toml::de::Error),
    /// Its scenario can't be played.
    #[error(transparent)]
    Nonsense(#[from] Nonsense),
    /// It is of another version of the program.
    #[error("it has format {0}, and this program reads format {FORMAT}")]
    Format(u32),
}

impl Finding {
    /// The first broken promise of a run; none of a good one.
    #[must_use]
    pub fn of(name: &str, seed: u64, scenario: &Scenario, outcome: &Outcome) -> Option<Self> {
        Some(Self {
            format: FORMAT,
            name: name.to_owned(),
            seed,
            trace: outcome.trace.clone(),
            began: outcome.began,
            smaller: Vec::new(),
            story: Vec::new(),
            violation: outcome.violations.first()?.clone(),
            scenario: scenario.clone(),
        })
    }

    /// Looks for a smaller scenario that breaks the same promise, with at most so many runs, and writes down what happened
    /// before, which takes one run more. `told`: how many runs are left, before each.
    ///
    /// # Errors
    /// [`SimError`] if the last run can't be set up.
    pub fn explain(mut self, reruns: usize, told: &mut dyn FnMut(usize)) -> Result<Self, SimError> {
        shrink::shrink(&mut self, reruns, told);
        let outcome = play(&self.scenario, self.seed, &mut Reader { until: Some(self.violation.at) })?;
        self.story = story(&self.violation, &outcome);
        Ok(self)
    }

    /// Plays it again. `until`: the last moment of which the outcome's log is to tell, in milliseconds of virtual time; it
    /// holds nothing without one.
    ///
    /// # Errors
    /// [`SimError`] if the run can't be set up.
    pub fn replay(&self, until: Option<u64>) -> Result<(Replayed, Outcome), SimError> {
        self.replay_watched(&mut Reader { until })
    }

    /// The same, while somebody watches, who says what the log is to tell.
    ///
    /// # Errors
    /// [`SimError`] if the run can't be set up.
    pub fn replay_watched(&self, watch: &mut dyn Watch) -> Result<(Replayed, Outcome), SimError> {
        let outcome = play(&self.scenario, self.seed, watch)?;
        let same_run = outcome.trace == self.trace;
        let replayed = match outcome.violations.first() {
            None => Replayed::Gone { same_run },
            Some(violation) if *violation == self.violation && same_run => Replayed::Exactly,
            Some(violation) if violation.promise == self.violation.promise => {
                Replayed::Similarly(violation.clone())
            }
            Some(violation) => Replayed::Otherwise(violation.clone()),
        };
        Ok((replayed, outcome))
    }

    /// The file's text.
    ///
    /// # Errors
    /// Only for a defect of ours.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        let head = "# A promise that a run of frontdesk-sim broke. `frontdesk-sim replay` with this file plays it again.\n";
        Ok(format!("{head}{}", toml::to_string_pretty(self)?))
    }

    /// When the promise was seen broken, as the time of day in the simulation.
    #[must_use]
    pub fn clock(&self) -> String {
        clock(self.violation.at.saturating_sub(self.began))
    }

    /// Reads a file's text.
    ///
    /// # Errors
    /// [`FindingError`].
    pub fn from_toml(text: &str) -> Result<Self, FindingError> {
        let finding: Self = toml::from_str(text)?;
        if finding.format != FORMAT {
            return Err(FindingError::Format(finding.format));
        }
        finding.scenario.check()?;
        Ok(finding)
    }
}

/// Plays without being watched.
struct Reader {
    until: Option<u64>,
}

impl Watch for Reader {
    fn seconds(&self) -> f64 {
        0.0
    }

    fn progress(&mut self, _part: f64) {}

    fn wants_log(&self) -> Option<u64> {
        self.until
    }
}

impl Outcome {
    /// What the log tells, a line for each happening: the last 20,000.
    pub fn log_in_words(&self) -> impl Iterator<Item = String> {
        self.log.iter().map(|happening| in_words(happening, self))
    }
}

/// What happened at the nodes that the violation speaks of, and to its texts.
fn story(violation: &Violation, outcome: &Outcome) -> Vec<String> {
    let nodes = numbers_after(&violation.seen, "node ");
    let texts = numbers_after(&violation.seen, "#");
    // Of two nodes or more, what they have with each other; of one, all that it has to do with.
    let near = |happening: &Happening| match happening.other {
        _ if nodes.is_empty() => true,
        Some(other) if nodes.len() > 1 => nodes.contains(&happening.node) && nodes.contains(&other),
        Some(other) => nodes.contains(&happening.node) || nodes.contains(&other),
        None => nodes.contains(&happening.node),
    };
    let of_text = |happening: &Happening| {
        let spoken = numbers_after(&happening.what, "#");
        !spoken.is_disjoint(&texts)
    };
    let near: Vec<usize> = positions(&outcome.log, near);
    let recent = near.iter().rev().take(LINES - OLD_LINES).copied();
    let old = positions(&outcome.log, of_text);
    let lines: BTreeSet<usize> = recent.chain(old.into_iter().rev().take(OLD_LINES)).collect();
    let lines = lines.into_iter().filter_map(|index| outcome.log.get(index));
    lines.map(|happening| in_words(happening, outcome)).collect()
}

fn positions(log: &[Happening], wanted: impl Fn(&Happening) -> bool) -> Vec<usize> {
    let found = log.iter().enumerate().filter(|(_, happening)| wanted(happening));
    found.map(|(index, _)| index).collect()
}

/// A line about something that happened.
fn in_words(happening: &Happening, outcome: &Outcome) -> String {
    let name = |node: usize| format!("{} {node}", outcome.roles.get(node).copied().unwrap_or("node"));
    let time = clock(happening.at.saturating_sub(outcome.began));
    let who = match happening.other {
        Some(other) => format!("{} -> {}", name(happening.node), name(other)),
        None => name(happening.node),
    };
    format!("{time} {who}: {}", happening.what)
}

/// The numbers that follow this word.
fn numbers_after(text: &str, word: &str) -> BTreeSet<usize> {
    let after = text.split(word).skip(1);
    let digits =
        after.map(|rest| rest.split(|letter: char| !letter.is_ascii_digit()).next().unwrap_or_default());
    digits.filter_map(|digits| digits.parse().ok()).collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn outcome() -> Outcome {
        let happening = |at, node, other, what: &str| Happening { at, node, other, what: what.into() };
        Outcome {
            violations: vec![Violation {
                at: 9_000,
                promise: "nothing is shown twice".into(),
                seen: "node 2 shows #7 again".into(),
            }],
            trace: "ab".into(),
            began: 1_000,
            figures: crate::lab::figures::Figures::default(),
            log: vec![
                happening(1_500, 4, None, "is told: send in t: \"#7 a question\""),
                happening(2_000, 4, Some(5), "connects"),
                happening(8_000, 4, Some(2), "sends ThreadMessage"),
                happening(8_500, 4, None, "is told: send in t: \"#77 a question\""),
            ],
            roles: vec!["administrator", "agent", "agent", "agent", "customer", "customer"],
        }
    }

    fn finding() -> Finding {
        let scenario = toml::from_str("about = \"x\"\nhours = 1.0\n[[fault]]\nwhat = \"crash\"\nwho = \"agent\"\nfrom = 0.0\nuntil = 1.0").unwrap();
        Finding::of("x", 3, &scenario, &outcome()).unwrap()
    }

    #[test]
    fn a_story_has_the_nodes_and_the_texts_that_the_violation_speaks_of_and_nothing_else() {
        let story = story(&finding().violation, &outcome());
        assert_eq!(
            story,
            [
                "00:00:00.500 customer 4: is told: send in t: \"#7 a question\"",
                "00:00:07.000 customer 4 -> agent 2: sends ThreadMessage",
            ]
        );
    }

    #[test]
    fn what_is_written_is_read_again_and_another_format_or_key_is_refused() {
        let text = finding().to_toml().unwrap();
        assert_eq!(Finding::from_toml(&text).unwrap(), finding());
        let newer = text.replace("format = 1", "format = 2");
        assert!(matches!(Finding::from_toml(&newer), Err(FindingError::Format(2))));
        let nonsense = text.replace("hours = 1.0", "hours = -1.0");
        assert!(matches!(Finding::from_toml(&nonsense), Err(FindingError::Nonsense(_))));
        let unknown = text.replace("format = 1", "format = 1\ncolour = 3");
        assert!(Finding::from_toml(&unknown).unwrap_err().to_string().contains("colour"));
    }
}
