//! Failures that were found and mended stay mended.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use frontdesk_sim::lab::{Finding, Outcome, Replayed, Scenario, Unwatched, play};
use std::{fs, path::PathBuf};

#[test]
fn the_scenarios_and_seeds_that_once_broke_a_promise_keep_every_one() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("regressions");
    let mut played = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let file = entry.unwrap().path();
        let text = fs::read_to_string(&file).unwrap();
        let finding = Finding::from_toml(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let (replayed, outcome) = finding.replay(None).unwrap();
        let gone = matches!(replayed, Replayed::Gone { .. });
        assert!(gone, "{}: {replayed:?}: {:#?}", file.display(), outcome.violations);
        played += 1;
    }
    assert!(played > 0);
}

/// Nobody is given the time to get what was written last.
#[test]
fn a_failure_is_played_again_exactly_and_is_gone_once_its_cause_is() {
    let hasty = "about = \"x\"\nhours = 10.0\nsettle = 0.0\n[network]\nloss = 0.5\n\
        [customers]\ncount = 6\narrive = [8.0, 9.0]";
    let hasty = Scenario::from_toml(hasty).unwrap();
    let outcome: Outcome = play(&hasty, 1, &mut Unwatched).unwrap();
    let finding = Finding::of("hasty", 1, &hasty, &outcome).unwrap();
    assert_eq!(finding.replay(None).unwrap().0, Replayed::Exactly);
    let mut mended = finding.clone();
    mended.scenario.settle = 60.0;
    let (replayed, outcome) = mended.replay(None).unwrap();
    assert_eq!(replayed, Replayed::Gone { same_run: false }, "{:#?}", outcome.violations);
    mended.trace.clone_from(&outcome.trace);
    assert_eq!(mended.replay(None).unwrap().0, Replayed::Gone { same_run: true });
}
