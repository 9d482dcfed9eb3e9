//! The quick start of the guide, command by command.

use crate::harness::{Home, Node, Office, PROGRAM, Place, eventually, field, join, texts, thread_of};
use serde_json::json;
use std::{
    fs::{self, File},
    io::Write as _,
    process::{Command, Stdio},
};

#[test]
fn a_business_and_a_customer_get_from_nothing_to_an_answer() {
    let place = Place::new();
    let (acme, carla) = (place.home("acme"), place.home("carla"));
    let founded = acme.init("entity", "Acme");
    assert_eq!((&founded["kind"], &founded["name"]), (&json!("entity"), &json!("Acme")));
    assert_eq!(founded["recovery_phrase"].as_array().unwrap().len(), 24);
    let told = carla.text(&["init", "customer", "--name", "Carla", "--listen", &carla.listen()]);
    assert!(told.contains("24. ") && told.contains("frontdesk run"), "{told}");
    let (acme, carla) = (acme.run(), carla.run());
    assert_eq!(acme.ready["ready"], true);

    let link = field(&acme.json(&["link"]), "link");
    assert!(link.starts_with("frontdesk:contact/") && link.contains(&acme.listen()), "{link}");
    let asked = carla.text(&["contact", &link, "Is my order ready?", "--wait", "30s"]);
    assert!(asked.contains("the business has the message"), "{asked}");
    let thread = thread_of(&carla);
    assert_eq!(thread_of(&acme), thread);

    let sent = acme.json(&["send", &thread, "It is.", "--wait", "30s"]);
    assert_eq!(sent["thread"], thread.as_str());
    assert_eq!(texts(&carla, &thread), ["Is my order ready?", "It is."]);
    let shown = carla.text(&["show", &thread[..8]]);
    assert!(shown.contains("Carla: Is my order ready?"), "{shown}");
    assert!(shown.contains("Acme: It is."), "{shown}");
    eventually("Acme learns that Carla has read it", || {
        (acme.json(&["show", &thread])[1]["state"] == "read").then_some(())
    });
}

#[test]
fn a_link_is_shown_as_text_as_a_code_and_as_an_image() {
    let office = Office::open();
    let link = office.link();
    let shown = office.acme.text(&["link"]);
    assert!(shown.contains(&link) && shown.contains('█'), "{shown}");
    let file = office.place.path("link.svg");
    office.acme.text(&["link", "--svg", file.to_str().unwrap()]);
    let image = fs::read_to_string(&file).unwrap();
    assert!(image.contains("<svg") && image.trim_end().ends_with("</svg>"), "{}", &image[..200]);
    assert_eq!(image.matches('<').count(), image.matches('>').count());
    assert!(image.contains("xmlns=\"http://www.w3.org/2000/svg\""), "{}", &image[..200]);
}

#[test]
fn an_agent_is_enrolled_when_both_sides_show_the_same_number() {
    let office = Office::open();
    let told = office.acme.text(&["invite", "--role", "agent", "--name", "Ana"]);
    assert!(told.contains("frontdesk join -") && told.contains('█'), "{told}");
    let invitation = told.lines().find(|line| line.starts_with("frontdesk:join/")).unwrap();
    let none = office.acme.text(&["requests"]);
    assert!(none.contains("frontdesk invite"), "{none}");

    let ana = office.place.home("ana");
    let joining = join(&ana, invitation);
    let number = office.number_of(&joining);
    let requests = office.acme.json(&["requests"]);
    assert_eq!(requests.as_array().unwrap().len(), 1);
    let request = &requests[0];
    assert_eq!((&request["number"], &request["name"]), (&json!(number), &json!("Ana")));
    assert_eq!(request["role"], "agent");
    let listed = office.acme.text(&["requests"]);
    assert!(listed.contains(&number) && listed.contains("frontdesk approve"), "{listed}");

    let approved = office.acme.json(&["approve", &number]);
    assert_eq!((&approved["name"], &approved["device"]), (&json!("Ana"), &request["device"]));
    assert_eq!(joining.end(), json!({ "joined": true, "entity": "Acme" }));
    let ana = ana.run();
    let status = ana.json(&["status"]);
    assert_eq!((&status["standing"], &status["entity"]), (&json!("agent"), &json!("Acme")));
    assert_eq!(status["device"], approved["device"]);
    let told = ana.text(&["status"]);
    assert!(told.starts_with("Ana, agent of Acme"), "{told}");

    let devices = office.acme.json(&["devices"]);
    let listed = devices.as_array().unwrap().iter().find(|device| device["name"] == "Ana").unwrap();
    assert_eq!((&listed["role"], &listed["removed"]), (&json!("agent"), &json!(false)));
    let told = office.acme.text(&["devices"]);
    assert!(told.contains("Ana") && told.contains("this device"), "{told}");
}

#[test]
fn a_request_that_is_declined_ends_with_its_reason() {
    let office = Office::open();
    let joining = join(&office.place.home("ana"), &office.invite("agent", "Ana"));
    let number = office.number_of(&joining);
    assert_eq!(office.acme.text(&["decline", &number]), "Declined.\n");
    let (exit, word) = joining.refusal();
    assert_eq!(exit, 1);
    assert!(word.contains("declined"), "{word}");
    assert_eq!(office.acme.json(&["requests"]), json!([]));
}

#[test]
fn a_thread_goes_to_an_agent_on_to_another_and_to_its_end() {
    let (office, ana, carla, thread) = Office::with_ana_and_carla();
    let ben = office.enrol("Ben");
    ana.json(&["send", &thread, "Ana here", "--wait", "30s"]);
    members_are(&carla, &thread, &["Acme", "Ana", "Carla"]);
    let who = carla.text(&["who", &thread]);
    assert!(who.contains("3 devices can read") && who.contains(" -> "), "{who}");

    // Ana isn't the steward: she asks, and it is done.
    let handed = ana.json(&["forward", &thread, "--to", "Ben", "--hand-over", "--note", "An easy one"]);
    assert_eq!((&handed["asked"], &handed["done"]), (&json!(true), &json!(true)));
    members_are(&carla, &thread, &["Acme", "Ben", "Carla"]);
    eventually("Ben has the thread", || (texts(&ben, &thread).len() == 2).then_some(()));
    let told = ana.text(&["threads"]);
    assert!(told.contains("left"), "{told}");
    let (exit, word, said) = ana.refused(&["send", &thread, "Still here?"]);
    assert_eq!((exit, word.as_str()), (1, "left"), "{said}");
    let (exit, word, said) = ana.refused(&["who", &thread]);
    assert_eq!((exit, word.as_str()), (1, "left"), "{said}");
    assert!(said.contains("not in the thread any more"), "{said}");

    ben.text(&["send", &thread, "Ben here", "--wait", "30s"]);
    let all = ["Hello", "Ana here", "Ben here"];
    assert_eq!(texts(&carla, &thread), all);
    assert_eq!(texts(&ana, &thread), all[..2]);

    let revoked = office.acme.text(&["revoke", &thread, "--from", "Ben"]);
    assert!(
        revoked.contains("is out of thread") && revoked.contains("once that member's node has the change"),
        "{revoked}"
    );
    members_are(&carla, &thread, &["Acme", "Carla"]);
    carla.json(&["send", &thread, "And now?", "--wait", "30s"]);
    assert_eq!(texts(&ben, &thread), all);

    let told =
        office.acme.text(&["forward", &thread, "--to", "Ana", "--history", "last:1", "--expires", "2h"]);
    assert!(told.contains("was forwarded to") && told.contains("one message of history"), "{told}");
    office.acme.json(&["revoke", &thread, "--from", "Ana"]);
    let closed = office.acme.text(&["close", &thread]);
    assert!(closed.contains("is closed"), "{closed}");
    eventually("Carla sees it closed", || (carla.json(&["threads"])[0]["status"] == "closed").then_some(()));
    carla.json(&["send", &thread, "One more thing", "--wait", "30s"]);
    assert_eq!(carla.json(&["threads"])[0]["status"], "open");
}

#[test]
fn a_removed_device_loses_its_enrolment_and_every_thread() {
    let (office, ana, carla, thread) = Office::with_ana_and_carla();
    let removed = office.acme.text(&["remove", "Ana"]);
    assert!(removed.contains("no longer enrolled"), "{removed}");
    members_are(&carla, &thread, &["Acme", "Carla"]);
    eventually("Ana's device knows it", || (ana.json(&["status"])["standing"] == "removed").then_some(()));
    let (exit, word, said) = office.acme.refused(&["forward", &thread, "--to", "Ana"]);
    assert_eq!((exit, word.as_str()), (1, "unknown-name"), "{said}");
    assert!(said.contains("frontdesk devices"), "{said}");
    carla.json(&["send", &thread, "Who is there?", "--wait", "30s"]);
    assert_eq!(texts(&ana, &thread), ["Hello"]);
    let again = office.acme.json(&["devices"]);
    assert!(again.as_array().unwrap().iter().any(|device| device["removed"] == true), "{again}");
}

#[test]
fn a_conversation_can_be_followed_while_it_goes_on() {
    let (_office, ana, carla, thread) = Office::with_ana_and_carla();
    let mut follower = carla.call(&["show", &thread, "--follow"]).spawn(std::process::Stdio::null());
    let out = std::io::BufReader::new(follower.stdout.take().unwrap());
    let mut lines = std::io::BufRead::lines(out).map_while(Result::ok);
    assert!(lines.by_ref().any(|line| line.ends_with("Carla: Hello  [delivered]")));
    ana.json(&["send", &thread, "Good morning"]);
    assert!(lines.by_ref().any(|line| line.ends_with("Ana: Good morning")));
    eventually("Ana learns that it was read", || {
        (ana.json(&["show", &thread, "-n", "1"])[0]["state"] == "read").then_some(())
    });
    carla.stop();
    assert_eq!(lines.count(), 0);
    assert!(follower.wait().unwrap().success());
}

#[test]
fn the_doctor_finds_nothing_wrong_with_a_sound_node_whether_it_runs_or_not() {
    let office = Office::open();
    for running in [true, false] {
        let report = office.acme.json(&["doctor"]);
        assert_eq!(report["ok"], true, "{report}");
        let checks = report["checks"].as_array().unwrap();
        assert!(checks.len() >= 8, "{report}");
        let told = office.acme.text(&["doctor"]);
        assert!(told.lines().any(|line| line.starts_with("ok    keys")), "{told}");
        if running {
            assert_eq!(office.acme.text(&["stop"]), "Stopped.\n");
        }
    }
    fs::set_permissions(office.acme.file("keys"), std::os::unix::fs::PermissionsExt::from_mode(0o644))
        .unwrap();
    let sick = office.acme.call(&["doctor"]).run();
    assert_eq!(sick.exit, Some(1));
    assert!(sick.out.contains("FAIL  keys") || sick.out.contains("fail  keys"), "{}", sick.out);
    assert!(sick.out.contains("chmod 600"), "{}", sick.out);
}

#[test]
fn a_recovery_phrase_brings_the_same_identity_back() {
    let place = Place::new();
    let founded = place.home("carla").init("customer", "Carla");
    let words: Vec<&str> =
        founded["recovery_phrase"].as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect();
    let again: Home = place.home("again");
    let args = ["--json", "init", "customer", "--name", "Carla", "--from-phrase"];
    let restored = again.call(&args).input(&words.join(" ")).run().json();
    assert_eq!(restored["principal"], founded["principal"]);
    assert_ne!(restored["device"], founded["device"]);
    assert_eq!(restored["recovery_phrase"], json!(null));
    let wrong = place.home("wrong").call(&args).input("abandon ability able").run();
    assert_eq!(wrong.exit, Some(2));
    assert!(!wrong.err.contains("ability"), "{}", wrong.err);
}

/// Waits until these can read the thread, by their names, as this node sees it.
fn members_are(node: &Node, thread: &str, names: &[&str]) {
    eventually(&format!("{names:?} can read the thread"), || {
        let who = node.json(&["who", thread]);
        let mut found: Vec<String> =
            who["members"].as_array().unwrap().iter().map(|member| field(member, "name")).collect();
        found.sort_unstable();
        (found == names).then_some(())
    });
}

#[test]
fn without_a_place_to_show_the_recovery_phrase_nothing_is_set_up() {
    let place = Place::new();
    let home = place.path("acme");
    // Who types the phrase has it, and is told of no other.
    let known = "abandon ".repeat(23) + "art";
    for (json, phrase) in [(&[][..], None), (&["--json"][..], None), (&[][..], Some(&known))] {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let mut init = Command::new(PROGRAM);
        init.args(json).arg("--home").arg(&home).args(["init", "entity", "--name", "Acme"]).stdout(full);
        if phrase.is_some() {
            init.arg("--from-phrase");
        }
        let mut init = init.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        init.stdin.take().unwrap().write_all(phrase.map_or(&[][..], |words| words.as_bytes())).unwrap();
        let init = init.wait_with_output().unwrap();
        let said = String::from_utf8(init.stderr).unwrap();
        assert_eq!(init.status.code(), Some(1), "{said}");
        assert!(said.contains("nothing was set up"), "{said}");
        assert_eq!(said.contains("recovery phrase"), phrase.is_none(), "{said}");
        let left: Vec<_> = fs::read_dir(home.parent().unwrap()).unwrap().collect();
        assert!(left.is_empty(), "{left:?}");
    }
}
