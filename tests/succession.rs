//! The administrator's device is lost: it is restored from its backup, or another takes over.

use crate::harness::{Home, Node, Office, Place, eventually, members, texts};

fn back_up(node: &Home, place: &Place) -> String {
    let file = place.path("acme.backup").display().to_string();
    let passphrase = place.secret("backup.pass", "five old bicycles");
    node.json(&["backup", &file, "--backup-passphrase-file", &passphrase]);
    file
}

fn says(node: &Node, thread: &str, text: &str, all: &[&Node]) {
    node.json(&["send", thread, text, "--wait", "30s"]);
    for other in all {
        eventually("everybody has it", || {
            texts(other, thread).last().is_some_and(|last| last == text).then_some(())
        });
    }
}

#[test]
fn an_administrator_restored_from_its_backup_goes_on_with_its_threads() {
    let (office, ana, carla, thread) = Office::with_ana_and_carla();
    let Office { acme, place } = office;
    let file = back_up(&acme, &place);
    says(&ana, &thread, "since the backup", &[&carla, &acme]);
    let old = acme.stop();
    let passphrase = place.secret("backup.pass", "five old bicycles");
    let home = place.home("acme2");
    home.text(&["restore", &file, "--backup-passphrase-file", &passphrase, "--listen", &old.listen()]);
    let acme = home.run();
    eventually("it is the steward again", || {
        let view = &acme.json(&["threads"])[0];
        (view["status"] == "open" && view["is_steward"] == true && view["era"] == 1).then_some(())
    });
    eventually("Ana is in again", || (members(&carla, &thread) == 3).then_some(()));
    eventually("it has what was said since", || {
        (texts(&acme, &thread) == ["Hello", "since the backup"]).then_some(())
    });
    says(&carla, &thread, "are you there?", &[&ana, &acme]);
    says(&acme, &thread, "again", &[&ana, &carla]);
    acme.json(&["revoke", &thread, "--from", "Ana"]);
    eventually("Ana is out", || (members(&carla, &thread) == 2).then_some(()));
    says(&carla, &thread, "and she is out", &[&acme]);
    assert_eq!(texts(&ana, &thread).last().unwrap(), "again");
}

#[test]
fn another_administrator_in_the_thread_takes_it_over_when_the_first_is_gone() {
    let (office, ana, carla, thread) = Office::with_ana_and_carla();
    let second = office.enrol_as("admin", "Second");
    eventually("its key packages", || {
        let devices = office.acme.json(&["devices"]);
        let second = devices.as_array()?.iter().find(|device| device["name"] == "Second")?;
        (second["key_packages"].as_u64()? > 0).then_some(())
    });
    office.acme.json(&["forward", &thread, "--to", "Second"]);
    eventually("it is in the thread", || (members(&carla, &thread) == 4).then_some(()));
    for (node, word) in
        [(&ana, "not-administrator"), (&carla, "not-administrator"), (&office.acme, "already-steward")]
    {
        let (exit, found, said) = node.refused(&["take-over", &thread]);
        assert_eq!((exit, found.as_str()), (1, word), "{said}");
    }
    let Office { acme, place: _place } = office;
    let home = acme.stop();
    let told = second.text(&["take-over", &thread, "--wait", "30s"]);
    assert!(told.contains("is the steward"), "{told}");
    eventually("Ana is in again", || (members(&carla, &thread) == 3).then_some(()));
    says(&ana, &thread, "still here", &[&carla, &second]);
    let shown = carla.text(&["show", &thread]);
    assert!(shown.contains("took the thread over"), "{shown}");
    let who = carla.json(&["who", &thread]);
    let steward = who["members"].as_array().unwrap().iter().find(|member| member["steward"] == true).unwrap();
    assert_eq!(steward["device"], second.json(&["status"])["device"]);
    // Back, the first is one of them, and no more than that.
    let acme = home.run();
    eventually("it is in", || (members(&carla, &thread) == 4).then_some(()));
    says(&carla, &thread, "welcome back", &[&acme, &ana, &second]);
    let (exit, word, said) = acme.refused(&["revoke", &thread, "--from", "Ana"]);
    assert_eq!((exit, word.as_str()), (1, "not-steward"), "{said}");
}
