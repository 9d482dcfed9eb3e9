//! `run`: a scenario with one seed or several.

use super::{
    failures::{self, Explaining},
    files,
    options::Run,
    pool, say, say_json,
    screen::Screen,
    wrong::Wrong,
};
use frontdesk_sim::lab::{
    Finding, Scenario, play,
    report::{Measured, Report, measures},
};
use serde::Serialize;
use std::{fs, path::PathBuf};

/// A run as JSON: the report, and where its files are.
#[derive(Serialize)]
struct Told<'a> {
    html: Option<PathBuf>,
    failure: Option<PathBuf>,
    #[serde(flatten)]
    report: &'a Report,
}

pub(crate) fn run(options: &Run, json: bool) -> Result<bool, Wrong> {
    let (name, scenario) = files::scenario(&options.scenario)?;
    let screen = Screen::new(Some(options.runs));
    screen.tell(name.clone());
    let explaining = Explaining::new(options.work.reruns);
    let mut good = 0;
    let seed_of = |index: usize| {
        let index = u64::try_from(index).ok().filter(|index| *index < options.runs)?;
        options.seed.checked_add(index)
    };
    let play_one = |seed| one(&name, &scenario, seed, options.runs == 1, &explaining, &screen);
    pool::each(pool::workers(options.work.jobs), seed_of, play_one, |played| {
        let (report, finding) = played?;
        good += u64::from(report.is_good());
        screen.aside(|| tell(options, json, &report, finding.as_ref()))
    })?;
    screen.clear();
    if !json && options.runs > 1 {
        say(format!("{} runs: {good} good, {} broken", options.runs, options.runs - good))?;
    }
    Ok(good == options.runs)
}

fn one(
    name: &str,
    scenario: &Scenario,
    seed: u64,
    alone: bool,
    explaining: &Explaining,
    screen: &Screen,
) -> Result<(Report, Option<Finding>), Wrong> {
    let mut seat = screen.seat();
    let outcome = play(scenario, seed, &mut seat).map_err(|error| {
        let what = format!("the people of {name} can't be set up: {error}");
        Wrong::with_next(
            what,
            "a business has 256 devices at most; see docs/simulations.md for what each key can be",
        )
    })?;
    let finding =
        Finding::of(name, seed, scenario, &outcome).map(|finding| explaining.explain(finding, screen));
    let mut report = Report::new(name, seed, scenario.clone(), outcome);
    report.memory = alone.then(peak_memory).flatten();
    seat.leave();
    Ok((report, finding))
}

/// Writes the files of a run and tells what came of it.
fn tell(options: &Run, json: bool, report: &Report, finding: Option<&Finding>) -> Result<(), Wrong> {
    let folder = options.out.as_ref().map(|out| out.join(report.seed.to_string()));
    let html = folder.as_ref().map(|folder| folder.join("report.html"));
    if let (Some(folder), Some(html)) = (&folder, &html) {
        let text = serde_json::to_string_pretty(report).map_err(Wrong::new)?;
        files::write(&folder.join("report.json"), &text)?;
        files::write(html, &report.page())?;
    }
    let in_failures = || PathBuf::from("failures").join(format!("{}-{}.toml", report.name, report.seed));
    let file = || folder.map_or_else(in_failures, |folder| folder.join("failure.toml"));
    let failure = finding.map(|finding| failures::write(finding, &file())).transpose()?;
    if json {
        return say_json(&Told { html, failure, report });
    }
    say(in_words(report))?;
    if let Some(html) = html {
        say(format!("  report: {}", html.display()))?;
    }
    match (finding, failure) {
        (Some(finding), Some(file)) => say(failures::told(finding, &file)),
        (Some(_) | None, _) => Ok(()),
    }
}

fn in_words(report: &Report) -> String {
    let figures = &report.figures;
    let mut lines = vec![format!(
        "{}, seed {}: {}; {} hours with {} nodes",
        report.name,
        report.seed,
        if report.is_good() { "every promise kept" } else { "a promise was BROKEN" },
        figures.virtual_hours,
        figures.nodes,
    )];
    let known = measures(report).into_iter().filter(|measured| measured.value.is_some());
    let known: Vec<Measured> = known.filter(|measured| measured.name != "nodes").collect();
    let width = known.iter().map(|measured| measured.name.len()).max().unwrap_or_default();
    lines.extend(known.iter().map(|measured| format!("  {:<width$}  {}", measured.name, measured.shown())));
    for (reason, count) in &figures.refusals {
        lines.push(format!("  refused {count} times: {reason}"));
    }
    lines.extend(figures.idle.iter().map(|what| format!("  did not happen: {what}")));
    lines.push(format!("  trace {}", report.trace));
    lines.join("\n")
}

/// The most memory that this program has had so far, in KiB, where the system tells.
fn peak_memory() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}
