//! The command line: help for everybody, exit codes for scripts, and errors that say what to do.

use crate::harness::{Call, Office, Place, eventually};
use serde_json::json;
use std::thread;

/// Every command, as `frontdesk --help` lists them.
fn commands() -> Vec<String> {
    let help = Call::bare(&["--help"]).run().good();
    let list =
        help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let named = list.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    named.filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

#[test]
fn every_command_explains_itself_with_an_example() {
    let commands = commands();
    assert!(commands.len() >= 25, "{commands:?}");
    for command in commands.iter().filter(|name| *name != "help") {
        let help = Call::bare(&[command, "--help"]).run().good();
        let about = help.lines().next().unwrap();
        assert!(about.len() > 15, "{command}: {about}");
        assert!(help.contains(&format!("Usage: frontdesk {command}")), "{help}");
        assert!(help.contains("Example:") && help.contains(&format!("frontdesk {command}")), "{help}");
        assert!(help.lines().all(|line| line.chars().count() <= 120), "{help}");
    }
    for kind in ["entity", "customer"] {
        let help = Call::bare(&["init", kind, "--help"]).run().good();
        assert!(help.contains("--name") && help.contains("--from-phrase"), "{help}");
    }
    let all = Call::bare(&["--help"]).run().good();
    for code in ["0 done", "1 failed", "2 ", "3 no node runs"] {
        assert!(all.contains(code), "{all}");
    }
    assert!(Call::bare(&["--version"]).run().good().starts_with("frontdesk "));
}

#[test]
fn a_wrong_command_line_ends_with_2_and_says_what_is_possible() {
    let place = Place::new();
    let home = place.home("carla");
    for args in [
        &[][..],
        &["dance"],
        &["init", "customer"],
        &["init", "king", "--name", "x"],
        &["invite", "--role", "king", "--name", "x"],
        &["send", "12"],
        &["run", "--colour", "red"],
        &["forward", "12", "--history", "some"],
        &["forward", "12", "--history", "last:0"],
        &["forward", "12", "--expires", "soon"],
        &["invite", "--role", "agent", "--name", "x", "--lasts", "0s"],
    ] {
        let done = home.call(args).run();
        assert_eq!(done.exit, Some(2), "{args:?}: {}{}", done.out, done.err);
        assert!(done.out.is_empty(), "{}", done.out);
        assert!(done.err.contains("Usage:") || done.err.contains("--help"), "{}", done.err);
    }
    for args in [&["dance"][..], &["bogus", "x"], &["send", "12"], &["run", "--colour", "red"], &[]] {
        let done = home.call(&[&["--json"], args].concat()).run();
        assert!(done.out.is_empty(), "{}", done.out);
        let (exit, word, said) = done.refusal();
        assert_eq!((exit, word.as_str()), (2, "usage"), "{args:?}: {said}");
        assert!(said.contains("--help"), "{said}");
    }
    assert!(Call::bare(&["--json", "--help"]).run().good().contains("Usage:"));
    let (exit, word, said) = home.refused(&["contact", "frontdesk:contact/x", "Hello"]);
    assert_eq!((exit, word.as_str()), (2, "bad-link"), "{said}");
    assert!(!home.path.exists());
}

#[test]
fn where_no_node_runs_every_command_that_needs_one_ends_with_3_and_says_how_to_start_it() {
    let place = Place::new();
    let home = place.home("carla");
    home.init("customer", "Carla");
    let thread = "7".repeat(64);
    let mut calls = Vec::new();
    for args in [
        &["status"][..],
        &["stop"],
        &["link"],
        &["invite", "--role", "agent", "--name", "Ana"],
        &["requests"],
        &["approve", "123456"],
        &["decline", "123456"],
        &["devices"],
        &["remove", "Ana"],
        &["threads"],
        &["show", &thread],
        &["send", &thread, "hi"],
        &["who", &thread],
        &["forward", &thread, "--to", "Ana"],
        &["revoke", &thread, "--from", "Ana"],
        &["close", &thread],
    ] {
        // Each looks for a moment whether a node is starting: all at once.
        calls.push(thread::spawn({
            let (home, args) = (home.clone(), args.iter().map(|arg| (*arg).to_owned()).collect::<Vec<_>>());
            move || {
                let args: Vec<&str> = args.iter().map(String::as_str).collect();
                let (exit, word, said) = home.refused(&args);
                assert_eq!((exit, word.as_str()), (3, "not-running"), "{args:?}: {said}");
                assert!(said.contains("frontdesk run"), "{said}");
            }
        }));
    }
    calls.into_iter().for_each(|call| call.join().unwrap());
    let people = home.call(&["status"]).run();
    assert_eq!(people.exit, Some(3));
    assert!(people.err.starts_with("error: ") && people.err.contains("  next: "), "{}", people.err);
}

#[test]
fn what_fails_ends_with_1_a_stable_word_and_advice() {
    let office = Office::open();
    let carla = office.customer("Carla");
    let thread = office.contact(&carla, "Hello");
    let nobody = "7".repeat(64);
    for (node, args, word, advice) in [
        (&office.acme, &["show", &nobody][..], "unknown-thread", "frontdesk threads"),
        (&office.acme, &["show", "zzz"], "unknown-name", "frontdesk threads"),
        (&office.acme, &["send", &nobody, "hi"], "unknown-thread", "frontdesk threads"),
        (&office.acme, &["forward", &thread, "--to", "Zoe"], "unknown-name", "frontdesk devices"),
        (&office.acme, &["forward", &thread, "--to", &nobody], "unknown-device", "frontdesk devices"),
        (&office.acme, &["revoke", &thread, "--from", "Zoe"], "unknown-name", "frontdesk who"),
        (&office.acme, &["revoke", &thread, "--from", &nobody], "not-member", ""),
        (&office.acme, &["approve", "123456"], "unknown-request", "frontdesk requests"),
        (&office.acme, &["send", &thread, ""], "text-length", ""),
        (&office.acme, &["invite", "--role", "agent", "--name", ""], "name-length", ""),
        (&office.acme, &["contact", &office.link(), "hi"], "own-link", ""),
        (&carla, &["link"], "not-administrator", ""),
        (&carla, &["invite", "--role", "agent", "--name", "Ana"], "not-administrator", ""),
        (&carla, &["devices"], "", ""),
    ] {
        let done = node.call(&[&["--json"], args].concat()).run();
        if word.is_empty() {
            assert_eq!(done.json(), json!([]));
            continue;
        }
        let (exit, found, said) = done.refusal();
        assert_eq!((exit, found.as_str()), (1, word), "{args:?}: {said}");
        assert!(said.contains(advice), "{args:?}: {said}");
    }
    let (exit, word, said) = office.acme.refused(&["approve", "12"]);
    assert_eq!((exit, word.as_str()), (2, "usage"), "{said}");
    assert!(said.contains("frontdesk requests"), "{said}");
}

#[test]
fn ids_can_be_shortened_and_devices_called_by_their_names() {
    let (office, ana, carla, thread) = Office::with_ana_and_carla();
    let device = ana.json(&["status"])["device"].as_str().unwrap().to_owned();
    let short = &thread[..6];
    assert_eq!(carla.json(&["show", short]), carla.json(&["show", &thread]));
    office.acme.json(&["revoke", short, "--from", &device[..8]]);
    office.acme.json(&["forward", short, "--to", &device]);
    let second = office.enrol("Ben");
    drop(second);
    office.acme.json(&["forward", short, "--to", "Ben", "--history", "none"]);
    let (exit, word, said) = office.acme.refused(&["forward", short, "--to", "Ben"]);
    assert_eq!((exit, word.as_str()), (1, "already-member"), "{said}");
}

#[test]
fn what_comes_from_standard_input_is_sent_as_it_is() {
    let office = Office::open();
    let carla = office.customer("Carla");
    let link = office.link();
    let text = "First line\n  second line, \"quoted\"\n\n# no comment";
    let opened =
        carla.call(&["--json", "contact", &link, "--wait", "30s"]).input(&format!("{text}\n")).run().json();
    let thread = opened["thread"].as_str().unwrap();
    assert_eq!(office.acme.json(&["show", thread])[0]["text"], text);
    carla.call(&["send", thread, "-", "--wait", "30s"]).input("--help").run().good();
    assert_eq!(office.acme.json(&["show", thread])[1]["text"], "--help");
    let endless = carla.call(&["--json", "send", thread, "-"]).input(&"x".repeat(70_000)).run();
    let (exit, word, said) = endless.refusal();
    assert_eq!((exit, word.as_str()), (2, "usage"), "{said}");
}

#[test]
fn what_is_left_speaks_to_people_and_to_programs_too() {
    let office = Office::open();
    let Office { acme, place } = &office;
    let number =
        || eventually("the number", || Some(acme.json(&["requests"])[0]["number"].as_str()?.to_owned()));
    let ana = place.home("ana");
    let (listen, invitation) = (ana.listen(), office.invite("agent", "Ana"));
    let asked = ana.call(&["join", "-", "--no-wait", "--listen", &listen]).input(&invitation).run().good();
    assert!(asked.contains("`frontdesk run` goes on with it"), "{asked}");
    let ana = ana.run();
    let approved = acme.text(&["approve", &number()]);
    assert!(approved.starts_with("Ana is enrolled (device "), "{approved}");
    eventually("Ana is enrolled", || ana.text(&["status"]).starts_with("Ana, agent of Acme").then_some(()));

    let ben = place.home("ben");
    let (listen, invitation) = (ben.listen(), office.invite("agent", "Ben"));
    let asked = ben.call(&["--json", "join", "-", "--no-wait", "--listen", &listen]).input(&invitation).run();
    assert_eq!(asked.json(), json!({ "joined": false }));
    let ben = ben.run();
    assert_eq!(acme.json(&["decline", &number()]), json!({}));
    eventually("Ben is told", || ben.text(&["status"]).contains("was refused: declined").then_some(()));

    let carla = office.customer("Carla");
    let thread = office.contact(&carla, "Hello");
    assert_eq!(acme.json(&["close", &thread]), json!({}));
    assert_eq!(acme.json(&["remove", "Ana"]), json!({}));
    let passphrase = place.secret("pass", "four tall pines");
    let file = place.path("carla.backup").display().to_string();
    let told = carla.text(&["backup", &file, "--backup-passphrase-file", &passphrase]);
    assert!(told.contains("are sealed in") && told.contains("Keep the passphrase elsewhere"), "{told}");
    assert_eq!(carla.json(&["stop"]), json!({ "stopped": true }));
    let again = place.home("again");
    let restored = again.json(&["restore", &file, "--backup-passphrase-file", &passphrase]);
    assert_eq!(restored["home"], again.path.to_str().unwrap());
}
