//! Nodes that are away: the steward, an agent, a customer; and nodes that come back elsewhere.

use crate::harness::{Node, Office, eventually, numbered, texts, thread_of};

#[test]
fn an_agent_and_a_customer_go_on_without_the_administrator_who_catches_up_later() {
    let (office, ana, carla, thread) = Office::with_ana_and_carla();
    let Office { acme, place: _place } = office;
    let home = acme.stop();
    for number in 1..=5 {
        ana.json(&["send", &thread, &format!("from Ana {number}")]);
        carla.json(&["send", &thread, &format!("from Carla {number}")]);
    }
    ana.json(&["send", &thread, "the last of Ana", "--wait", "30s"]);
    carla.json(&["send", &thread, "the last of Carla", "--wait", "30s"]);
    for node in [&ana, &carla] {
        assert_eq!(texts(node, &thread).len(), 13);
    }
    let who = carla.json(&["who", &thread]);
    assert_eq!(who["members"].as_array().unwrap().len(), 3);
    // Only who may be here can't change while the steward is away.
    let (exit, word, said) = ana.refused(&["revoke", &thread, "--from", "Carla"]);
    assert_eq!((exit, word.as_str()), (1, "not-steward"), "{said}");

    let acme = home.run();
    eventually("the administrator catches up", || (texts(&acme, &thread).len() == 13).then_some(()));
    assert_eq!(texts(&acme, &thread), texts(&carla, &thread));
    let ana_home = ana.stop();
    acme.json(&["revoke", &thread, "--from", "Ana"]);
    acme.json(&["send", &thread, "Acme again", "--wait", "30s"]);
    assert_eq!(texts(&carla, &thread).last().unwrap(), "Acme again");
    let ana = ana_home.run();
    eventually("Ana learns that she is out", || {
        (ana.json(&["threads"])[0]["status"] == "left").then_some(())
    });
    assert_eq!(texts(&ana, &thread).len(), 13);
}

#[test]
fn an_agent_that_is_off_gets_the_thread_and_what_was_written_meanwhile() {
    let office = Office::open();
    let ana = office.enrol("Ana").stop();
    let carla = office.customer("Carla");
    let thread = office.contact(&carla, "Hello");
    let forwarded = office.acme.json(&["forward", &thread, "--to", "Ana"]);
    assert_eq!(forwarded["history"], 1);
    for text in numbered("meanwhile", 20) {
        carla.json(&["send", &thread, &text]);
    }
    let ana = ana.run();
    assert_eq!(thread_of(&ana), thread);
    let expected = [vec!["Hello".to_owned()], numbered("meanwhile", 20)].concat();
    eventually("Ana has all of it", || (texts(&ana, &thread) == expected).then_some(()));
    ana.json(&["send", &thread, "Sorry, I was out", "--wait", "30s"]);
    assert_eq!(texts(&carla, &thread).last().unwrap(), "Sorry, I was out");
}

#[test]
fn a_customer_that_is_off_gets_what_was_written_once_it_is_back() {
    let (_office, ana, carla, thread) = Office::with_ana_and_carla();
    let carla = carla.stop();
    for text in numbered("meanwhile", 20) {
        ana.json(&["send", &thread, &text]);
    }
    let shown = ana.json(&["show", &thread, "-n", "1"]);
    assert_ne!(shown[0]["state"], "read", "{shown}");
    let carla = carla.run();
    eventually("Carla has all of it", || (texts(&carla, &thread).len() == 21).then_some(()));
    assert_eq!(texts(&carla, &thread)[1..], numbered("meanwhile", 20));
}

#[test]
fn peers_that_come_back_elsewhere_are_found_again() {
    let (office, ana, carla, thread) = Office::with_ana_and_carla();
    let moved = |node: Node| node.stop().moved().run();
    let ana = moved(ana);
    carla.json(&["send", &thread, "to Ana's new place", "--wait", "30s"]);
    eventually("Ana has it", || (texts(&ana, &thread).len() == 2).then_some(()));
    let carla = moved(carla);
    ana.json(&["send", &thread, "to Carla's new place"]);
    eventually("Carla has it", || (texts(&carla, &thread).len() == 3).then_some(()));
    // Two that move before they have met again have only each other's old places.
    carla.json(&["send", &thread, "from Carla's new place"]);
    eventually("Acme has all so far", || (texts(&office.acme, &thread).len() == 4).then_some(()));
    let Office { acme, place: _place } = office;
    let acme = moved(acme);
    for node in [&ana, &carla] {
        node.json(&["send", &thread, "to Acme's new place"]);
    }
    eventually("Acme has it", || (texts(&acme, &thread).len() == 6).then_some(()));
}

#[test]
fn a_contact_that_begins_before_the_business_is_there_goes_through_later() {
    let office = Office::open();
    let link = office.link();
    let Office { acme, place } = office;
    let acme = acme.stop();
    let carla = place.home("carla");
    carla.init("customer", "Carla");
    let carla = carla.run();
    let told = carla.text(&["contact", &link, "Anybody there?"]);
    assert!(told.contains("as soon as the business is reached"), "{told}");
    assert_eq!(carla.json(&["threads"])[0]["status"], "contacting");
    let (exit, word, said) = carla.refused(&["contact", &link, "Hello?", "--wait", "1s"]);
    assert_eq!((exit, word.as_str()), (1, "timeout"), "{said}");
    // The wish outlives the node.
    let carla = carla.kill().run();
    let acme = acme.run();
    eventually("both threads are open", || {
        let threads = acme.json(&["threads"]);
        let threads = threads.as_array().unwrap();
        (threads.len() == 2 && threads.iter().all(|thread| thread["status"] == "open")).then_some(())
    });
    eventually("for Carla too", || {
        let threads = carla.json(&["threads"]);
        threads.as_array().unwrap().iter().all(|thread| thread["status"] == "open").then_some(())
    });
}
