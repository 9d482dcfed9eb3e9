//! Scenarios played as a whole: what they promise, and that they are the same each time.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use frontdesk_sim::lab::{Outcome, Scenario, Watch, play};
use std::{fs, path::PathBuf};

fn scenarios() -> Vec<(String, Scenario)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let mut found: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.sort();
    let read = |path: PathBuf| {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let scenario = toml::from_str(&fs::read_to_string(&path).unwrap());
        (name, scenario.unwrap_or_else(|error| panic!("{}: {error}", path.display())))
    };
    found.into_iter().map(read).collect()
}

fn run(scenario: &Scenario, seed: u64) -> Outcome {
    play(scenario, seed, &mut Nobody).unwrap()
}

struct Nobody;

impl Watch for Nobody {
    fn seconds(&self) -> f64 {
        0.0
    }

    fn progress(&mut self, _part: f64) {}
}

#[test]
fn every_scenario_keeps_every_promise() {
    for (name, scenario) in scenarios() {
        for seed in 1..=4 {
            let outcome = run(&scenario, seed);
            assert!(outcome.violations.is_empty(), "{name}, seed {seed}: {:#?}", outcome.violations);
            let figures = outcome.figures;
            assert!(figures.texts > 100, "{name}, seed {seed}: hardly anybody wrote");
            assert_eq!(figures.delivered + figures.failed, figures.texts, "{name}, seed {seed}");
            assert!(figures.failed * 50 <= figures.texts, "{name}, seed {seed}: {} refused", figures.failed);
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_run_and_another_seed_another() {
    for (name, scenario) in scenarios() {
        let trace = |seed| run(&scenario, seed).trace;
        assert_eq!(trace(7), trace(7), "{name}");
        assert_ne!(trace(7), trace(8), "{name}");
    }
}

#[test]
fn a_key_that_is_not_known_is_an_error_that_names_it() {
    for (text, key) in [
        ("about = \"x\"\nhours = 1.0\ncolour = 3", "colour"),
        ("about = \"x\"\nhours = 1.0\n[network]\nlos = 0.1", "los"),
        ("about = \"x\"\nhours = 1.0\n[network]\nlatency = { kind = \"constant\", ms = 1.0, s = 2 }", "s"),
        (
            "about = \"x\"\nhours = 1.0\n[[fault]]\nwhat = \"crash\"\nwho = \"agent\"\nfrom = 1.0\nuntil = 2.0\nofen = 3.0",
            "ofen",
        ),
    ] {
        let error = toml::from_str::<Scenario>(text).unwrap_err().to_string();
        assert!(error.contains(&format!("`{key}`")), "{error}");
    }
}
