//! The program as people use it: the real binary, its files, its words and its exit codes.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};
use tempfile::TempDir;

/// A small office that keeps its promises.
const SMALL: &str = "about = \"A <small> office.\"\nhours = 12.0\n[customers]\ncount = 6\n\
    [[fault]]\nwhat = \"crash\"\nwho = \"agent\"\nfrom = 9.0\nuntil = 10.0\n";

/// Agents are cut off until the very end, and nodes get half a second to settle: nobody could keep the promise that everything is
/// delivered then. The crashes have nothing to do with it.
const IMPOSSIBLE: &str = "about = \"Nobody could keep what this asks for.\"\nhours = 12.0\nsettle = 0.01\n\
    [business]\ncount = 2\nagents = 3\n[customers]\ncount = 20\n\
    [[fault]]\nwhat = \"crash\"\nwho = \"customer\"\nfrom = 9.0\nuntil = 10.0\n\
    [[fault]]\nwhat = \"partition\"\nwho = \"agent\"\nfrom = 8.0\nuntil = 12.0\nevery = 5.0\nlasts = 7200.0\n";

const IDS: [&str; 13] = [
    "delivery",
    "delay",
    "first-answer",
    "forward",
    "revocation",
    "outboxes",
    "frames",
    "traffic",
    "memory",
    "storage",
    "up",
    "events",
    "faults",
];

/// A folder in which the program is run.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        fs::write(place.at("small.toml"), SMALL).unwrap();
        fs::write(place.at("impossible.toml"), IMPOSSIBLE).unwrap();
        place
    }

    fn at(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn sim(&self, arguments: &[&str]) -> Output {
        let program = env!("CARGO_BIN_EXE_frontdesk-sim");
        Command::new(program).args(arguments).current_dir(self.0.path()).output().unwrap()
    }

    /// Runs it with this exit code. Answers what it said.
    fn said(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.sim(arguments);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{arguments:?}\n{out}\n{err}");
        if code == 2 { err } else { out }
    }

    fn json(&self, code: i32, arguments: &[&str]) -> Value {
        let said = self.said(code, arguments);
        serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"))
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.at(path)).unwrap()
    }
}

#[test]
fn the_same_seed_gives_the_same_trace_and_runs_at_the_same_time_come_in_order() {
    let place = Place::new();
    let traces = |jobs: &str| -> Vec<(u64, String)> {
        let said =
            place.said(0, &["run", "small.toml", "--seed", "5", "--runs", "4", "--json", "--jobs", jobs]);
        let runs = said.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        runs.map(|run| (run["seed"].as_u64().unwrap(), run["trace"].as_str().unwrap().to_owned())).collect()
    };
    let alone = traces("1");
    assert_eq!(alone, traces("3"));
    assert_eq!(alone.iter().map(|(seed, _)| *seed).collect::<Vec<_>>(), [5, 6, 7, 8]);
    assert_ne!(alone[0].1, alone[1].1);
}

#[test]
fn a_good_run_says_so_and_nothing_on_standard_error() {
    let place = Place::new();
    let output = place.sim(&["run", "small.toml", "--seed", "2"]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(said.starts_with("small, seed 2: every promise kept"), "{said}");
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
    assert!(!place.at("failures").exists());
}

#[test]
fn a_broken_promise_is_told_with_what_happened_before_and_its_file_breaks_it_again() {
    let place = Place::new();
    let said = place.said(1, &["run", "impossible.toml", "--seed", "1"]);
    for word in
        ["BROKEN: all is delivered", "scenario impossible, seed 1", "is cut off", "sends ThreadMessage"]
    {
        assert!(said.contains(word), "{word} is missing: {said}");
    }
    let file = "failures/impossible-1.toml";
    assert!(said.contains(&format!("frontdesk-sim replay {file}")), "{said}");
    let story = said.lines().filter(|line| line.starts_with("    ")).count();
    assert!((5..=60).contains(&story), "{story} lines");
    // The file needs nothing else.
    fs::remove_file(place.at("impossible.toml")).unwrap();
    let replayed = place.json(1, &["replay", file, "--json"]);
    assert_eq!(replayed["result"], "same", "{replayed}");
    assert_eq!(replayed["same_trace"], true);
    let said = place.said(1, &["replay", file, "--log", "happened.txt"]);
    assert!(said.contains("it still happens, exactly as written"), "{said}");
    let happened = fs::read_to_string(place.at("happened.txt")).unwrap();
    assert!(happened.contains(": connects\n") && happened.lines().count() > 100, "{happened}");
}

#[test]
fn a_failure_is_made_smaller_and_can_be_kept_as_it_was_found() {
    let place = Place::new();
    place.said(1, &["run", "impossible.toml", "--out", "smaller"]);
    place.said(1, &["run", "impossible.toml", "--out", "whole", "--reruns", "0"]);
    let scenario = |file: &str| -> toml::Table {
        let failure: toml::Table = toml::from_str(&place.read(file)).unwrap();
        failure["scenario"].as_table().unwrap().clone()
    };
    let (whole, smaller) = (scenario("whole/1/failure.toml"), scenario("smaller/1/failure.toml"));
    assert_eq!(whole["fault"].as_array().unwrap().len(), 2);
    assert_eq!(smaller["fault"].as_array().unwrap().len(), 1, "the crashes have nothing to do with it");
    let customers = |scenario: &toml::Table| scenario["customers"]["count"].as_integer().unwrap();
    assert_eq!(customers(&whole), 20);
    assert!(customers(&smaller) < 20 || smaller["business"]["count"].as_integer() == Some(1));
    assert_eq!(place.json(1, &["replay", "smaller/1/failure.toml", "--json"])["result"], "same");
}

#[test]
fn a_failure_that_was_mended_is_gone_and_one_that_changed_is_told() {
    let place = Place::new();
    place.said(1, &["run", "impossible.toml", "--reruns", "0"]);
    let file = "failures/impossible-1.toml";
    let written = place.read(file);
    let replay = |code, text: String| {
        fs::write(place.at("changed.toml"), text).unwrap();
        place.json(code, &["replay", "changed.toml", "--json"])["result"].as_str().unwrap().to_owned()
    };
    assert_eq!(replay(0, written.replace("settle = 0.01", "settle = 180.0")), "gone");
    assert_eq!(replay(1, written.replace("promise = \"all is", "promise = \"nothing is")), "other");
    assert_eq!(replay(1, written.replace("\ntrace = \"", "\ntrace = \"00")), "similar");
}

#[test]
fn the_pages_need_nothing_from_outside_and_show_every_plot() {
    let place = Place::new();
    place.said(0, &["run", "small.toml", "--runs", "2", "--out", "runs"]);
    place.said(0, &["compare", "runs/1", "runs/2/report.json", "--out", "both"]);
    for file in ["runs/1/report.html", "both/compare.html"] {
        let page = place.read(file);
        for outside in ["http:", "https:", "//", "src=", "url(", "@import", "<script", "<link", "<iframe"] {
            assert!(!page.contains(outside), "{file} refers to something outside: {outside}");
        }
        for id in IDS {
            assert!(page.contains(&format!("<figure id=\"{id}\">")), "{file} has no plot {id}");
            assert!(
                page.contains(&format!("<title id=\"{id}-t\">")),
                "{file}: {id} has no name for those who can't see it"
            );
        }
        assert_eq!(page.matches("<figure").count(), IDS.len(), "{file}: IDS above has all plots");
        assert_eq!(page.matches("class=\"label\"").count(), 2 * IDS.len(), "each axis says what it measures");
        assert!(page.contains("viewport") && page.contains("prefers-color-scheme: dark"));
        assert!(!page.contains("NaN") && !page.contains("inf "), "{file}");
    }
    let page = place.read("runs/1/report.html");
    assert!(page.contains("A &lt;small&gt; office.") && !page.contains("<small>"));
    // Without hand-overs nobody is taken out of a thread.
    let (_, revocation) = page.split_once("<figure id=\"revocation\">").unwrap();
    assert!(revocation.split_once("</figure>").unwrap().0.contains("No data in this run"));
    let both = place.read("both/compare.html");
    assert!(both.contains("base: customer to business") && both.contains("new: customer to business"));
}

#[test]
fn a_run_does_not_differ_from_itself_and_differs_from_another() {
    let place = Place::new();
    place.said(0, &["run", "small.toml", "--runs", "2", "--out", "runs"]);
    let same = place.json(0, &["compare", "runs/1", "runs/1", "--json"]);
    assert_eq!(same["same"], true, "{same}");
    assert!(same["rows"].as_array().unwrap().iter().all(|row| row["difference"] == ""));
    assert!(
        place.said(0, &["compare", "runs/1", "runs/1"]).contains("No difference: both are the same run.")
    );
    let other = place.json(0, &["compare", "runs/1", "runs/2", "--json"]);
    assert_eq!(other["same"], false);
    let events = |row: &&Value| row["name"] == "events";
    let row = other["rows"].as_array().unwrap().iter().find(events).unwrap().clone();
    let difference = row["new"].as_f64().unwrap() - row["base"].as_f64().unwrap();
    assert!(difference.abs() >= 1.0 && row["difference"].as_str().unwrap().len() > 1, "{row}");
}

#[test]
fn a_report_of_an_older_program_with_fewer_figures_can_be_compared() {
    let place = Place::new();
    place.said(0, &["run", "small.toml", "--out", "runs"]);
    let mut report: Value = serde_json::from_str(&place.read("runs/1/report.json")).unwrap();
    report["figures"] = serde_json::json!({ "nodes": 9 });
    fs::write(place.at("old.json"), report.to_string()).unwrap();
    let said = place.said(0, &["compare", "old.json", "runs/1", "--out", "both"]);
    assert!(said.contains("only in new"), "{said}");
    let back = place.said(0, &["compare", "old.json", "old.json", "--out", "none"]);
    assert!(back.contains("No difference"), "{back}");
    assert_eq!(place.read("none/compare.html").matches("No data in this run").count(), IDS.len());
}

#[test]
fn check_plays_scenarios_and_regressions_and_leaves_out_what_is_too_large() {
    let place = Place::new();
    for folder in ["scenarios", "mended"] {
        fs::create_dir(place.at(folder)).unwrap();
    }
    fs::copy(place.at("small.toml"), place.at("scenarios/small.toml")).unwrap();
    fs::write(place.at("scenarios/large.toml"), SMALL.replace("count = 6", "count = 5000")).unwrap();
    let check = ["check", "--scenarios", "scenarios", "--regressions", "mended", "--seeds", "3", "--json"];
    let good = place.json(0, &check);
    assert_eq!(
        (&good["good"], &good["runs"], &good["scenarios"]["small"]["runs"]),
        (&true.into(), &3.into(), &3.into())
    );
    assert_eq!(good["left_out"]["large"], 5003);
    assert_eq!(good["first_seed"], 1);
    // A failure that still happens is no regression that was mended.
    place.said(1, &["run", "impossible.toml", "--out", "found"]);
    fs::copy(place.at("found/1/failure.toml"), place.at("mended/impossible.toml")).unwrap();
    let bad = place.json(1, &check);
    assert_eq!((&bad["good"], &bad["runs"], &bad["regressions"]), (&false.into(), &4.into(), &1.into()));
    assert_eq!(bad["failures"][0]["file"], "mended/impossible.toml");
    // So is a scenario that breaks a promise: it leaves a file for each bad seed.
    fs::remove_file(place.at("mended/impossible.toml")).unwrap();
    fs::copy(place.at("impossible.toml"), place.at("scenarios/impossible.toml")).unwrap();
    let bad = place.json(1, &[&check[..], &["--out", "found"]].concat());
    let file = bad["failures"][0]["file"].as_str().unwrap();
    assert_eq!(bad["failures"][0]["scenario"], "impossible");
    assert!(Path::new(file).starts_with("found") && place.at(file).is_file());
}

#[test]
fn fresh_seeds_are_told_and_others_each_time() {
    let place = Place::new();
    fs::create_dir(place.at("mended")).unwrap();
    let fresh = || {
        let told = place.json(
            0,
            &["check", "--scenarios", "s", "--regressions", "mended", "--seeds", "1", "--fresh", "--json"],
        );
        told["first_seed"].as_u64().unwrap()
    };
    fs::create_dir(place.at("s")).unwrap();
    fs::copy(place.at("small.toml"), place.at("s/small.toml")).unwrap();
    let (first, second) = (fresh(), fresh());
    assert!(1 < first && first < second);
}

#[test]
fn wrong_use_and_wrong_files_say_what_is_wrong_and_what_to_do() {
    let place = Place::new();
    fs::write(place.at("broken.toml"), "about = \"x\nhours = 3").unwrap();
    fs::write(place.at("unknown.toml"), "about = \"x\"\nhours = 3.0\n[network]\nlos = 0.1").unwrap();
    fs::write(place.at("report.json"), "{}").unwrap();
    for (arguments, words) in [
        (&["run", "missing.toml"][..], &["missing.toml can't be read", "next: check the path"][..]),
        (&["run", "broken.toml"], &["broken.toml is no scenario", "line 1", "docs/simulations.md"]),
        (&["run", "unknown.toml"], &["unknown field `los`", "line 4", "docs/simulations.md"]),
        (&["run", "small.toml", "--runs", "0"], &["--runs"]),
        (&["run", "small.toml", "--colour"], &["--colour", "--help"]),
        (&["replay", "small.toml"], &["small.toml is no failure", "next: give a file"]),
        (
            &["compare", "report.json", "report.json"],
            &["report.json is no report", "next: give a report.json"],
        ),
        (&["compare", "empty", "empty"], &["empty can't be read"]),
        (&["check"], &["simulations/scenarios can't be read", "root of the repository"]),
        (&["sockets", "--customers", "56"], &["62 nodes are too many", "next: give at most 60"]),
        (&["sockets", "--agents", "0"], &["without agents", "next: give at least one"]),
        (&["sockets", "--seconds", "1"], &["1 seconds are too few", "next: give between 3 and 3600"]),
        (&["fly"], &["fly"]),
    ] {
        let said = place.said(2, arguments);
        for word in words {
            assert!(said.contains(word), "{arguments:?} does not say {word}: {said}");
        }
    }
    let told: Value = serde_json::from_str(&place.said(2, &["run", "missing.toml", "--json"])).unwrap();
    assert_eq!(told["error"]["next"], "check the path", "{told}");
    let told: Value = serde_json::from_str(&place.said(2, &["fly", "--json"])).unwrap();
    assert!(told["error"]["message"].as_str().unwrap().contains("fly"), "{told}");
}

#[test]
fn a_folder_of_several_runs_is_no_run_to_compare() {
    let place = Place::new();
    place.said(0, &["run", "small.toml", "--runs", "2", "--out", "runs"]);
    let said = place.said(2, &["compare", "runs", "runs/1"]);
    assert!(said.contains("several runs") && said.contains("runs/1"), "{said}");
}
