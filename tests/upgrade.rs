//! Homes of older versions. `tests/fixtures/home-v1` is a customer's home as version 1 of the stored format left it: one
//! thread, opened with `Hello`, answered by Ana, and thanked for by Carla.
//!
//! To make one anew (for a new format: under a new name, and keep the old):
//! `cargo test --release -p frontdesk --test end_to_end -- --ignored make_the_fixture`.

use crate::harness::{Home, Office, Place, copy_folder, eventually, texts};
use std::{fs, path::Path};

const FIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/home-v1");
const TEXTS: [&str; 3] = ["Hello", "Good morning, Carla", "Thank you, Ana"];

fn fixture(place: &Place) -> Home {
    let home = place.home("carla");
    copy_folder(Path::new(FIXTURE), &home.path);
    home
}

#[test]
fn a_home_of_version_1_opens_and_shows_its_threads_and_messages() {
    let place = Place::new();
    let home = fixture(&place);
    let report = home.json(&["doctor"]);
    let store = report["checks"].as_array().unwrap().iter().find(|check| check["what"] == "store").unwrap();
    assert_eq!(store["grade"], "ok", "{report}");

    let carla = home.run();
    assert_eq!(carla.json(&["status"])["name"], "Carla");
    let threads = carla.json(&["threads"]);
    assert_eq!((&threads[0]["title"], &threads[0]["status"]), (&"Acme".into(), &"open".into()));
    let thread = threads[0]["id"].as_str().unwrap();
    assert_eq!(texts(&carla, thread), TEXTS);
    let who = carla.json(&["who", thread]);
    let mut names: Vec<&str> =
        who["members"].as_array().unwrap().iter().map(|member| member["name"].as_str().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, ["Acme", "Ana", "Carla"]);
    // It goes on where it stood: the thread's keys are usable.
    carla.json(&["send", thread, "One more thing"]);
    let carla = carla.stop().run();
    assert_eq!(texts(&carla, thread).len(), 4);
}

#[test]
fn a_home_of_version_1_is_backed_up_and_restored_by_this_program() {
    let place = Place::new();
    let home = fixture(&place);
    let (file, passphrase) =
        (place.path("backup").display().to_string(), place.secret("pass", "nine grey geese"));
    home.json(&["backup", &file, "--backup-passphrase-file", &passphrase]);
    let again = place.home("again");
    again.json(&["restore", &file, "--backup-passphrase-file", &passphrase]);
    let again = again.run();
    let threads = again.json(&["threads"]);
    assert_eq!(texts(&again, threads[0]["id"].as_str().unwrap()), TEXTS);
}

#[test]
#[ignore = "makes the fixture anew; see the top of this file"]
fn make_the_fixture() {
    let (_office, ana, carla, thread) = Office::with_ana_and_carla();
    ana.json(&["send", &thread, TEXTS[1], "--wait", "30s"]);
    carla.json(&["send", &thread, TEXTS[2], "--wait", "30s"]);
    eventually("nothing waits in Carla's outbox", || (carla.json(&["status"])["outbox"] == 0).then_some(()));
    let home = carla.stop();
    let target = Path::new(FIXTURE);
    if target.exists() {
        fs::remove_dir_all(target).unwrap();
    }
    copy_folder(&home.path, target);
    println!("made {}", target.display());
}
