//! `check`: every scenario with several seeds, and every failure that was mended.

use super::{
    clock,
    failures::{self, Explaining},
    files,
    options::Check,
    pool, say, say_json,
    screen::Screen,
    wrong::Wrong,
};
use frontdesk_sim::lab::{
    Finding, Replayed, Scenario, Violation,
    figures::{EVENTS_A_SEED, Figures},
    play,
    report::words::{duration, real, short},
};
use serde::Serialize;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

/// Seeds for each scenario, unless told otherwise.
const SEEDS: u64 = 4;

/// What the whole battery came to.
#[derive(Debug, Default, Serialize)]
struct Checked {
    good: bool,
    first_seed: u64,
    runs: u64,
    seconds: f64,
    /// Events of all scenarios.
    events: u64,
    scenarios: BTreeMap<String, Tally>,
    regressions: u64,
    failures: Vec<Failed>,
    /// Scenarios that were left out, and their nodes.
    left_out: BTreeMap<String, usize>,
}

/// The runs of one scenario.
#[derive(Debug, Default, Serialize)]
struct Tally {
    runs: u64,
    broken: u64,
    texts: u64,
    delivered: u64,
    events: u64,
    /// The longest that a run took until nothing waited any more once faults had stopped, in milliseconds, and what it may
    /// take. None if one never came to that.
    settled: Option<u64>,
    may_settle: f64,
}

/// A run that broke a promise.
#[derive(Debug, Serialize)]
struct Failed {
    scenario: String,
    seed: u64,
    violation: Violation,
    file: PathBuf,
}

/// What there is to do.
enum Job<'a> {
    Regression(&'a Path, &'a Finding),
    Seed(&'a str, &'a Scenario, u64),
}

/// What came of it.
enum Done {
    Regression { file: PathBuf, finding: Finding, replayed: Replayed },
    Seed { name: String, seed: u64, may_settle: f64, figures: Box<Figures>, finding: Option<Finding> },
}

pub(crate) fn check(options: &Check, json: bool) -> Result<bool, Wrong> {
    let mut checked = Checked { good: true, ..Checked::default() };
    let scenarios = scenarios(options, &mut checked)?;
    let regressions = files::all_toml(&options.regressions)?;
    let regressions: Vec<(PathBuf, Finding)> = regressions
        .into_iter()
        .map(|file| files::finding(&file).map(|finding| (file, finding)))
        .collect::<Result<_, _>>()?;
    checked.first_seed = if options.fresh { clock::fresh_seed() } else { 1 };
    let battery = Battery::new(options, &scenarios, &regressions, checked.first_seed);
    if !json {
        say(format!(
            "{} scenarios from seed {} on, {} regressions",
            scenarios.len(),
            checked.first_seed,
            regressions.len()
        ))?;
    }
    pool::each(
        pool::workers(options.work.jobs),
        |index| battery.job(index),
        |job| battery.work(job),
        |done| battery.screen.aside(|| checked.note(done?, options, json)),
    )?;
    checked.seconds = battery.screen.elapsed().as_secs_f64();
    battery.screen.clear();
    if json {
        say_json(&checked)?
    } else {
        say(checked.in_words())?
    }
    Ok(checked.good)
}

/// All scenarios that aren't too large.
fn scenarios(options: &Check, checked: &mut Checked) -> Result<Vec<(String, Scenario)>, Wrong> {
    let mut scenarios = Vec::new();
    for file in files::all_toml(&options.scenarios)? {
        let (name, scenario) = files::scenario(&file)?;
        let nodes = scenario.nodes();
        if nodes > options.most_nodes {
            checked.left_out.insert(name, nodes);
        } else {
            scenarios.push((name, scenario));
        }
    }
    if scenarios.is_empty() {
        let folder = options.scenarios.display();
        return Err(Wrong::new(format!(
            "there is nothing to play in {folder}; name another folder, or raise --most-nodes"
        )));
    }
    Ok(scenarios)
}

struct Battery<'a> {
    scenarios: &'a [(String, Scenario)],
    regressions: &'a [(PathBuf, Finding)],
    first: u64,
    /// Runs of scenarios, if their number is set.
    runs: Option<u64>,
    ends: Option<Duration>,
    explaining: Explaining,
    screen: Screen,
}

impl<'a> Battery<'a> {
    fn new(
        options: &Check,
        scenarios: &'a [(String, Scenario)],
        regressions: &'a [(PathBuf, Finding)],
        first: u64,
    ) -> Self {
        let default = if options.minutes.is_some() { None } else { Some(SEEDS) };
        let seeds = options.seeds.or(default);
        let count = |list: usize| u64::try_from(list).unwrap_or(u64::MAX);
        let runs = seeds.map(|seeds| seeds.saturating_mul(count(scenarios.len())));
        let screen = Screen::new(runs.map(|runs| runs + count(regressions.len())));
        Self {
            scenarios,
            regressions,
            first,
            runs,
            ends: options.minutes.map(|minutes| Duration::from_secs(minutes * 60)),
            explaining: Explaining::new(options.work.reruns),
            screen,
        }
    }

    /// Regressions first; then each scenario with the first seed, each with the second, and so on, so that all get their part
    /// when time is short.
    fn job(&self, index: usize) -> Option<Job<'a>> {
        if let Some((file, finding)) = self.regressions.get(index) {
            return Some(Job::Regression(file, finding));
        }
        let index = index - self.regressions.len();
        let round = u64::try_from(index / self.scenarios.len()).ok()?;
        if u64::try_from(index).is_ok_and(|index| self.runs.is_some_and(|runs| index >= runs))
            || self.ends.is_some_and(|ends| self.screen.elapsed() >= ends)
        {
            return None;
        }
        let (name, scenario) = self.scenarios.get(index % self.scenarios.len())?;
        Some(Job::Seed(name, scenario, self.first.checked_add(round)?))
    }

    fn work(&self, job: Job<'_>) -> Result<Done, Wrong> {
        let mut seat = self.screen.seat();
        let done = match job {
            Job::Regression(file, finding) => {
                self.screen.tell(format!("{}, seed {}, a regression", finding.name, finding.seed));
                let (replayed, _) =
                    finding.replay_watched(&mut seat).map_err(|error| unplayable(&finding.name, &error))?;
                Done::Regression { file: file.to_owned(), finding: finding.clone(), replayed }
            }
            Job::Seed(name, scenario, seed) => {
                self.screen.tell(format!("{name}, seed {seed}"));
                let outcome = play(scenario, seed, &mut seat).map_err(|error| unplayable(name, &error))?;
                let finding = Finding::of(name, seed, scenario, &outcome);
                let finding = finding.map(|finding| self.explaining.explain(finding, &self.screen));
                let (name, may_settle) = (name.to_owned(), scenario.settle * 60_000.0);
                Done::Seed { name, seed, may_settle, figures: Box::new(outcome.figures), finding }
            }
        };
        seat.leave();
        Ok(done)
    }
}

fn unplayable(name: &str, error: &impl std::fmt::Display) -> Wrong {
    let what = format!("the people of {name} can't be set up: {error}");
    Wrong::with_next(
        what,
        "a business has 256 devices at most; see docs/simulations.md for what each key can be",
    )
}

impl Checked {
    fn note(&mut self, done: Done, options: &Check, json: bool) -> Result<(), Wrong> {
        self.runs += 1;
        match done {
            Done::Regression { file, mut finding, replayed } => {
                self.regressions += 1;
                match &replayed {
                    Replayed::Gone { .. } => return Ok(()),
                    Replayed::Exactly => {}
                    Replayed::Similarly(now) | Replayed::Otherwise(now) => finding.violation = now.clone(),
                }
                self.fail(finding, file, json)
            }
            Done::Seed { name, seed, may_settle, figures, finding } => {
                let tally = self.scenarios.entry(name.clone()).or_default();
                tally.runs += 1;
                tally.broken += u64::from(finding.is_some());
                tally.texts += figures.texts;
                tally.delivered += figures.delivered;
                tally.events += figures.events;
                // Once none, always none.
                let so_far = if tally.runs == 1 { Some(0) } else { tally.settled };
                tally.settled = so_far.zip(figures.settled_in).map(|(most, settled)| most.max(settled));
                tally.may_settle = may_settle;
                self.events += figures.events;
                let Some(finding) = finding else { return Ok(()) };
                let folder = options.out.clone().unwrap_or_else(|| PathBuf::from("failures"));
                let file = failures::write(&finding, &folder.join(format!("{name}-{seed}.toml")))?;
                self.fail(finding, file, json)
            }
        }
    }

    fn fail(&mut self, finding: Finding, file: PathBuf, json: bool) -> Result<(), Wrong> {
        self.good = false;
        if !json {
            say(failures::told(&finding, &file))?;
        }
        let Finding { name, seed, violation, .. } = finding;
        self.failures.push(Failed { scenario: name, seed, violation, file });
        Ok(())
    }

    fn in_words(&self) -> String {
        let width = self.scenarios.keys().map(String::len).max().unwrap_or_default().max(8);
        let mut lines = vec![format!(
            "{:<width$}  runs  broken      texts  delivered     events  settled      of",
            "scenario"
        )];
        lines.extend(self.scenarios.iter().map(|(name, tally)| {
            let settled = tally.settled.map_or_else(|| "never".to_owned(), |most| duration(real(most)));
            format!(
                "{name:<width$}  {:>4}  {:>6}  {:>9}  {:>9}  {:>9}  {settled:>7}  {:>6}",
                tally.runs,
                tally.broken,
                tally.texts,
                tally.delivered,
                tally.events,
                duration(tally.may_settle)
            )
        }));
        for (name, nodes) in &self.left_out {
            lines.push(format!(
                "left out: {name}, for it has {nodes} nodes; --most-nodes {nodes} plays it, too"
            ));
        }
        let verdict = if self.good {
            "every promise kept".to_owned()
        } else {
            format!("{} BROKEN", self.failures.len())
        };
        let each: u64 = self.scenarios.values().map(|tally| tally.events / tally.runs.max(1)).sum();
        lines.push(format!(
            "{} events for each seed; the ordinary tests' bound is {}",
            short(real(each)),
            short(real(EVENTS_A_SEED))
        ));
        lines.push(format!(
            "{} runs from seed {} on, {} regressions, {:.0} s: {verdict}",
            self.runs - self.regressions,
            self.first_seed,
            self.regressions,
            self.seconds
        ));
        lines.join("\n")
    }
}
