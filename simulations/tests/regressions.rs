//! Failures that were found and mended stay mended.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use frontdesk_sim::lab::{Finding, Outcome, Replayed, Scenario, Watch, play};
use std::{fs, path::PathBuf};

/// What a file in the folder is worth: its run keeps every promise, and is the run that broke one. Another run shows
/// nothing: then the defect needs a test of a few steps, and the file can go.
fn is_worth_keeping(replayed: &Replayed) -> bool {
    matches!(replayed, Replayed::Gone { same_run: true })
}

#[test]
fn what_was_mended_stays_mended_and_every_file_still_plays_the_run_that_failed() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("regressions");
    for entry in fs::read_dir(folder).unwrap() {
        let file = entry.unwrap().path();
        if file.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let text = fs::read_to_string(&file).unwrap();
        let finding = Finding::from_toml(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let (replayed, outcome) = finding.replay(None).unwrap();
        assert!(is_worth_keeping(&replayed), "{}: {replayed:?}: {:#?}", file.display(), outcome.violations);
    }
}

struct Nobody;

impl Watch for Nobody {
    fn seconds(&self) -> f64 {
        0.0
    }

    fn progress(&mut self, _part: f64) {}
}

/// Nobody is given the time to get what was written last.
#[test]
fn a_failure_that_plays_another_run_is_not_taken_for_one_that_stays_mended() {
    let hasty = "about = \"x\"\nhours = 10.0\nsettle = 0.0\n[network]\nloss = 0.5\n\
        [customers]\ncount = 6\narrive = [8.0, 9.0]";
    let hasty = Scenario::from_toml(hasty).unwrap();
    let outcome: Outcome = play(&hasty, 1, &mut Nobody).unwrap();
    let finding = Finding::of("hasty", 1, &hasty, &outcome).unwrap();
    assert_eq!(finding.replay(None).unwrap().0, Replayed::Exactly);
    let mut mended = finding.clone();
    mended.scenario.settle = 60.0;
    let (replayed, outcome) = mended.replay(None).unwrap();
    assert_eq!(replayed, Replayed::Gone { same_run: false }, "{:#?}", outcome.violations);
    assert!(!is_worth_keeping(&replayed));
    mended.trace.clone_from(&outcome.trace);
    assert!(is_worth_keeping(&mended.replay(None).unwrap().0));
}
