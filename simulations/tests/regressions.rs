//! Failures that were found and mended stay mended.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use frontdesk_sim::lab::{Finding, Replayed};
use std::{fs, path::PathBuf};

#[test]
fn what_was_mended_stays_mended() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("regressions");
    let mut played = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let file = entry.unwrap().path();
        if file.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let text = fs::read_to_string(&file).unwrap();
        let finding = Finding::from_toml(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let (replayed, outcome) = finding.replay(None).unwrap();
        assert!(matches!(replayed, Replayed::Gone { .. }), "{}: {:#?}", file.display(), outcome.violations);
        played += 1;
    }
    assert!(played > 0, "there is a failure to play");
}
