//! Backups: made of a running and of a stopped node, restored elsewhere, refused when they are not what they should be.

use crate::harness::{Home, Node, Office, Place, copy_folder, eventually, texts};
use std::{fs, os::unix::fs::MetadataExt as _};

fn back_up(node: &Home, place: &Place, name: &str) -> String {
    let file = place.path(name).display().to_string();
    let passphrase = place.secret("backup.pass", "five old bicycles");
    let made = node.json(&["backup", &file, "--backup-passphrase-file", &passphrase]);
    assert!(made["records"].as_u64().unwrap() > 0, "{made}");
    assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
    file
}

fn restore(home: &Home, place: &Place, file: &str) -> Node {
    let passphrase = place.secret("backup.pass", "five old bicycles\n");
    let args = ["restore", file, "--backup-passphrase-file", &passphrase, "--listen", &home.listen()];
    let told = home.text(&args);
    assert!(told.contains("Don't run the node that the backup was made of any more"), "{told}");
    home.run()
}

#[test]
fn an_agent_restored_elsewhere_has_its_history_and_goes_on_in_its_threads() {
    let (office, ana, carla, thread) = Office::with_ana_and_carla();
    ana.json(&["send", &thread, "Good morning", "--wait", "30s"]);
    let file = back_up(&ana, &office.place, "ana.backup");
    let first = ana.json(&["status"]);
    ana.stop();
    let ana = restore(&office.place.home("ana2"), &office.place, &file);
    let again = ana.json(&["status"]);
    assert_eq!((&again["device"], &again["name"]), (&first["device"], &first["name"]));
    assert_eq!(texts(&ana, &thread), ["Hello", "Good morning"]);
    eventually("its steward lets it in again", || {
        (ana.json(&["threads"])[0]["status"] == "open").then_some(())
    });
    ana.json(&["send", &thread, "Back again", "--wait", "30s"]);
    carla.json(&["send", &thread, "Welcome back", "--wait", "30s"]);
    let all = ["Hello", "Good morning", "Back again", "Welcome back"];
    for node in [&ana, &carla, &office.acme] {
        eventually("everybody has all of it", || (texts(node, &thread) == all).then_some(()));
    }
}

#[test]
fn a_customer_restored_from_the_files_of_a_stopped_node_goes_on() {
    let (office, ana, carla, thread) = Office::with_ana_and_carla();
    let home = carla.stop();
    let file = back_up(&home, &office.place, "carla.backup");
    let carla = restore(&office.place.home("carla2"), &office.place, &file);
    assert_eq!(texts(&carla, &thread), ["Hello"]);
    eventually("she is let in again", || (carla.json(&["threads"])[0]["status"] == "open").then_some(()));
    carla.json(&["send", &thread, "Here I am", "--wait", "30s"]);
    ana.json(&["send", &thread, "I see", "--wait", "30s"]);
    eventually("Carla sees the answer", || {
        (texts(&carla, &thread) == ["Hello", "Here I am", "I see"]).then_some(())
    });
}

#[test]
fn a_backup_that_is_damaged_or_opened_with_a_wrong_passphrase_makes_no_home() {
    let office = Office::open();
    let carla = office.customer("Carla");
    office.contact(&carla, "Hello");
    let place = &office.place;
    let file = back_up(&carla, place, "good.backup");
    let (right, wrong) =
        (place.secret("right", "five old bicycles"), place.secret("wrong", "six old bicycles"));
    let home = place.home("restored");
    let refused = |file: &str, passphrase: &str| {
        let refusal = home.refused(&["restore", file, "--backup-passphrase-file", passphrase]);
        assert!(!home.path.exists());
        refusal
    };
    let (exit, _, said) = refused(&file, &wrong);
    assert_eq!(exit, 1);
    assert!(said.contains("passphrase"), "{said}");
    assert!(!said.contains("bicycles"), "{said}");

    let good = fs::read(&file).unwrap();
    let flipped = |at: usize| {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        bytes
    };
    let cases = [
        flipped(3),
        flipped(17),
        flipped(60),
        flipped(good.len() / 2),
        flipped(good.len() - 1),
        good[..good.len() - 1].to_vec(),
        good[..good.len() / 2].to_vec(),
        good[..10].to_vec(),
        Vec::new(),
        [good.clone(), vec![0]].concat(),
    ];
    for (number, bytes) in cases.iter().enumerate() {
        let damaged = place.path(&format!("damaged{number}")).display().to_string();
        fs::write(&damaged, bytes).unwrap();
        let (exit, _, said) = refused(&damaged, &right);
        assert_eq!(exit, 1, "case {number}: {said}");
        assert!(said.len() > 10, "{said}");
    }
    let (exit, _, said) = refused(&place.path("nothing").display().to_string(), &right);
    assert_eq!(exit, 1, "{said}");
}

#[test]
fn nothing_that_is_there_is_overwritten() {
    let place = Place::new();
    let home = place.home("carla");
    home.init("customer", "Carla");
    let passphrase = place.secret("backup.pass", "five old bicycles");
    for running in [false, true] {
        let node = running.then(|| home.run());
        let file = place.secret(&format!("precious{running}"), "precious");
        let (exit, _, said) = home.refused(&["backup", &file, "--backup-passphrase-file", &passphrase]);
        assert_eq!(exit, 1);
        assert!(said.contains("exists already"), "{said}");
        assert_eq!(fs::read_to_string(&file).unwrap(), "precious");
        drop(node);
    }
    let file = back_up(&home, &place, "carla.backup");
    let (exit, _, said) = home.refused(&["restore", &file, "--backup-passphrase-file", &passphrase]);
    assert_eq!(exit, 1);
    assert!(said.contains("in use already"), "{said}");
    let open = place.path("open.pass");
    fs::write(&open, "five old bicycles").unwrap();
    let args = ["backup", "/nowhere/x", "--backup-passphrase-file", open.to_str().unwrap()];
    let (exit, _, said) = home.refused(&args);
    assert_eq!(exit, 1);
    assert!(said.contains("chmod 600"), "{said}");
}

#[test]
fn a_home_that_was_put_back_to_an_old_copy_is_noticed_and_its_backup_is_let_in_again() {
    let (office, ana, carla, thread) = Office::with_ana_and_carla();
    let (home, copy) = (ana.stop(), office.place.path("copy"));
    copy_folder(&home.path, &copy);
    let ana = home.run();
    for text in ["Good morning", "Can I help?"] {
        ana.json(&["send", &thread, text, "--wait", "30s"]);
    }
    let home = ana.stop();
    fs::remove_dir_all(&home.path).unwrap();
    copy_folder(&copy, &home.path);
    let ana = home.run();
    eventually("both peers tell it", || (ana.json(&["status"])["ahead"] == 2).then_some(()));
    for number in 0..20 {
        ana.json(&["send", &thread, &format!("anew {number}")]);
    }
    let sick = ana.call(&["doctor"]).run();
    let (exit, said) = (sick.exit, format!("{}{}", sick.out, sick.err));
    assert_eq!(exit, Some(1));
    assert!(said.contains("it seems to be an old copy") && said.contains("frontdesk restore"), "{said}");
    assert!(ana.text(&["status"]).contains("old copy?"));
    carla.json(&["send", &thread, "Yes, please", "--wait", "30s"]);
    let real = ["Hello", "Good morning", "Can I help?", "Yes, please"];
    assert_eq!(texts(&carla, &thread), real);
    let shown = ana.json(&["show", &thread]);
    let anew = |message: &&serde_json::Value| message["text"].as_str().unwrap().starts_with("anew");
    let states = shown.as_array().unwrap().iter().filter(anew).map(|message| &message["state"]);
    assert_eq!(states.collect::<Vec<_>>(), ["queued"; 20]);

    let file = back_up(&ana, &office.place, "ana.backup");
    ana.stop();
    let ana = restore(&office.place.home("ana2"), &office.place, &file);
    eventually("its steward lets it in again", || {
        (ana.json(&["threads"])[0]["status"] == "open").then_some(())
    });
    ana.json(&["send", &thread, "Here I am", "--wait", "30s"]);
    eventually("Carla hears it", || {
        texts(&carla, &thread).ends_with(&["Here I am".to_owned()]).then_some(())
    });
    assert_eq!(ana.json(&["status"])["ahead"], 0);
}
