//! Invitations that don't get a device in, and what becomes of the device.

use crate::harness::{Office, eventually, join, texts, thread_of};
use frontdesk_identity::{Invitation, InvitationCode};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};
use serde_json::json;

#[test]
fn an_invitation_is_good_for_one_device_alone() {
    let office = Office::open();
    let invitation = office.invite("agent", "Ana");
    let ana = join(&office.place.home("ana"), &invitation);
    let number = office.number_of(&ana);
    let thief = join(&office.place.home("thief"), &invitation);
    assert_eq!(thief.refusal(), (1, "used-invitation".into()));
    office.acme.json(&["approve", &number]);
    assert_eq!(ana.end()["joined"], true);
    let late = join(&office.place.home("late"), &invitation);
    assert_eq!(late.refusal(), (1, "used-invitation".into()));
    let (exit, word, said) = office.acme.refused(&["approve", &number]);
    assert_eq!((exit, word.as_str()), (1, "unknown-request"), "{said}");
    assert_eq!(office.acme.json(&["devices"]).as_array().unwrap().len(), 2);
}

#[test]
fn an_expired_invitation_is_refused_on_both_sides() {
    let office = Office::open();
    let made = office.acme.json(&["invite", "--role", "bot", "--name", "Bot", "--lasts", "1s"]);
    let invitation = made["invitation"].as_str().unwrap();
    let mut parsed: Invitation = invitation.parse().unwrap();
    let expires = made["expires"].as_u64().unwrap();
    eventually("it expires", || (now() > expires).then_some(()));
    let home = office.place.home("honest");
    assert_eq!(join(&home, invitation).refusal(), (1, "invitation-expired".into()));
    assert!(!home.path.exists(), "nothing is made for an invitation that is over");
    // One who forges the date gets no further than the administrator's node.
    parsed.expires.0 += 3600;
    let forger = join(&office.place.home("forger"), &parsed.reveal().unwrap());
    assert_eq!(forger.refusal(), (1, "expired-invitation".into()));
    assert_eq!(office.acme.json(&["requests"]), json!([]));
}

#[test]
fn a_home_whose_request_was_refused_can_ask_again() {
    let office = Office::open();
    let home = office.place.home("ana");
    let first = join(&home, &office.invite("agent", "Ana"));
    office.acme.json(&["decline", &office.number_of(&first)]);
    assert_eq!(first.refusal(), (1, "declined".into()));
    let told = home.log();
    assert!(told.contains("frontdesk join -") && told.contains(home.path.to_str().unwrap()), "{told}");
    let second = join(&home, &office.invite("agent", "Ana"));
    office.acme.json(&["approve", &office.number_of(&second)]);
    assert_eq!(second.end()["joined"], true);
}

#[test]
fn an_invitation_is_good_for_a_month_at_most() {
    let office = Office::open();
    for lasts in ["31d", "10000d"] {
        let invite = ["invite", "--role", "agent", "--name", "Ana", "--lasts", lasts];
        let (exit, word, said) = office.acme.refused(&invite);
        assert_eq!((exit, word.as_str()), (1, "lasts"), "{said}");
        assert!(said.contains("30 days"), "{said}");
    }
    office.acme.json(&["invite", "--role", "agent", "--name", "Ana", "--lasts", "30d"]);
}

#[test]
fn a_name_that_deceives_is_refused_wherever_one_is_given() {
    let office = Office::open();
    let invitation = office.invite("agent", "Ana");
    for (name, word) in [
        ("   ", "name-length"),
        ("\u{200b}", "name-unfit"),
        ("A\nB", "name-unfit"),
        ("A\u{1b}[2J", "name-unfit"),
        ("\u{202e}anA", "name-unfit"),
    ] {
        let (exit, found, said) = office.acme.refused(&["invite", "--role", "agent", "--name", name]);
        assert_eq!((exit, found.as_str()), (1, word), "{name:?}: {said}");
        let fresh = office.place.home("fresh");
        for kind in ["entity", "customer"] {
            let (exit, found, said) = fresh.refused(&["init", kind, "--name", name]);
            assert_eq!((exit, found.as_str()), (2, word), "{name:?}: {said}");
        }
        let args = ["--json", "join", "-", "--name", name];
        // Nothing but blanks is no name of one's own: then the device is called as the invitation says.
        if name.trim() != "" {
            let (exit, found, said) = fresh.call(&args).input(&invitation).run().refusal();
            assert_eq!((exit, found.as_str()), (2, word), "{name:?}: {said}");
        }
        assert!(!fresh.path.exists());
    }
    let carla = office.place.home("carla");
    assert_eq!(carla.init("customer", "  Carla ")["name"], "Carla");
}

fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}

#[test]
fn a_guessed_code_is_refused() {
    let office = Office::open();
    let mut guess: Invitation = office.invite("agent", "Ana").parse().unwrap();
    guess.code = InvitationCode::generate(&mut ChaCha20Rng::from_seed([7; 32]));
    let events = office.acme.events();
    let guesser = join(&office.place.home("guesser"), &guess.reveal().unwrap());
    let (exit, word) = guesser.refusal();
    assert_eq!((exit, word.as_str()), (1, "unknown-invitation"));
    assert_eq!(events.of_kind("security")["reason"], "unknown-invitation");
    assert_eq!(office.acme.json(&["requests"]), json!([]));
}

#[test]
fn a_mistyped_invitation_is_told_before_anything_is_made() {
    let office = Office::open();
    let invitation = office.invite("agent", "Ana");
    let middle = invitation.len() / 4;
    let other = if invitation.as_bytes()[middle] == b'a' { "b" } else { "a" };
    let mut mistyped = invitation.clone();
    mistyped.replace_range(middle..=middle, other);
    for wrong in [mistyped.as_str(), &invitation[..middle], "frontdesk:join/", "", &office.link()] {
        let home = office.place.home("ana");
        let done = home.call(&["--json", "join", "-"]).input(wrong).run();
        assert!(!done.err.contains(&invitation[20..60]), "{}", done.err);
        let (exit, word, said) = done.refusal();
        assert_eq!((exit, word.as_str()), (2, "bad-invitation"), "{said}");
        assert!(!home.path.exists());
    }
}

#[test]
fn a_request_outlives_both_nodes() {
    let office = Office::open();
    let home = office.place.home("ana");
    let joining = join(&home, &office.invite("agent", "Ana"));
    let number = office.number_of(&joining);
    drop(joining);
    let Office { acme, place: _place } = office;
    let acme = acme.kill().run();
    assert_eq!(acme.json(&["requests"])[0]["number"], number.as_str());
    let ana = home.run();
    eventually("the device still knows its number", || {
        (ana.json(&["status"])["join_number"] == number.as_str()).then_some(())
    });
    acme.json(&["approve", &number.replace(' ', "-")]);
    eventually("enrolled", || (ana.json(&["status"])["standing"] == "agent").then_some(()));
}

#[test]
fn an_enrolled_device_or_a_customer_can_not_join() {
    let office = Office::open();
    let carla = office.customer("Carla");
    let ana = office.enrol("Ana");
    for node in [&carla, &ana, &office.acme] {
        let call = node.call(&["--json", "join", "-"]).input(&office.invite("agent", "Ben"));
        let (exit, word, said) = call.run().refusal();
        assert_eq!((exit, word.as_str()), (1, "already-settled"), "{said}");
        assert!(said.contains("fresh home"), "{said}");
    }
}

#[test]
fn a_second_administrator_can_do_what_the_first_can_until_it_is_removed() {
    let office = Office::open();
    let ana = office.enrol("Ana");
    let second = office.enrol_as("admin", "Second");
    assert_eq!(second.json(&["status"])["standing"], "administrator");
    let link = second.json(&["link"]);
    let carla = office.customer("Carla");
    let thread = carla.json(&["contact", link["link"].as_str().unwrap(), "Hello", "--wait", "30s"]);
    let thread = thread["thread"].as_str().unwrap();
    assert_eq!(second.json(&["threads"])[0]["is_steward"], true);
    second.json(&["send", thread, "Hello Carla", "--wait", "30s"]);
    assert_eq!(carla.json(&["show", thread])[1]["text"], "Hello Carla");

    // Ana knew the first administrator alone, and finds the second by it.
    eventually("Second can forward to Ana", || {
        let done = second.call(&["--json", "forward", thread, "--to", "Ana"]).run();
        (done.exit == Some(0)).then_some(())
    });
    assert_eq!(thread_of(&ana), thread);
    ana.json(&["send", thread, "And from Ana", "--wait", "30s"]);
    assert_eq!(texts(&carla, thread), ["Hello", "Hello Carla", "And from Ana"]);

    // Once it is removed, Carla hears so from Ana, and her words go to nobody who is out.
    let device = second.json(&["status"])["device"].as_str().unwrap().to_owned();
    office.acme.json(&["remove", &device]);
    let said = eventually("Carla can't write there any more", || {
        let done = carla.call(&["--json", "send", thread, "Still there?"]).run();
        (done.exit != Some(0)).then_some(done)
    });
    let (exit, word, said) = said.refusal();
    assert_eq!((exit, word.as_str()), (1, "nobody-left"), "{said}");
    assert!(said.contains("write anew"), "{said}");
    let anew = office.contact(&carla, "Anew");
    assert_eq!(office.acme.json(&["threads"])[0]["id"], anew.as_str());
}
