//! Who may read what, and for how long.

use crate::harness::{Node, Office, eventually, numbered, texts, thread_of};
use serde_json::json;

fn status(node: &Node, thread: &str) -> String {
    let view = node.api().get(&format!("/v1/threads/{thread}")).json();
    view["status"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn a_device_that_is_brought_in_sees_of_the_past_what_it_was_granted() {
    let (office, ana, carla, thread) = Office::with_ana_and_carla();
    for text in numbered("before", 8) {
        carla.json(&["send", &thread, &text, "--wait", "30s"]);
    }
    eventually("Ana and Acme have them", || {
        (texts(&ana, &thread).len() == 9 && texts(&office.acme, &thread).len() == 9).then_some(())
    });
    let mut all = [vec!["Hello".to_owned()], numbered("before", 8)].concat();
    for (name, history, granted) in [("Ben", "last:5", 5), ("Bot", "none", 0), ("Third", "all", 13)] {
        let node = office.enrol(name);
        let forwarded = office.acme.json(&["forward", &thread, "--to", name, "--history", history]);
        assert_eq!(forwarded["history"], granted);
        assert_eq!(thread_of(&node), thread);
        eventually("its history", || (texts(&node, &thread).len() == granted).then_some(()));
        assert_eq!(texts(&node, &thread), all[all.len() - granted..]);

        // What follows it reads like everybody else, and nothing older comes with it.
        let [welcome, farewell] = ["welcome", "not for you"].map(|word| format!("{word}, {name}"));
        carla.json(&["send", &thread, &welcome, "--wait", "30s"]);
        eventually("what follows", || (texts(&node, &thread).last() == Some(&welcome)).then_some(()));
        office.acme.json(&["revoke", &thread, "--from", name]);
        eventually("it is out", || (status(&node, &thread) == "left").then_some(()));
        carla.json(&["send", &thread, &farewell, "--wait", "30s"]);
        for other in [&ana, &office.acme] {
            eventually("the others have it", || {
                (texts(other, &thread).last() == Some(&farewell)).then_some(())
            });
        }
        assert_eq!(texts(&node, &thread).len(), granted + 1);
        all.extend([welcome, farewell]);
    }
}

#[test]
fn a_right_ends_by_itself_when_its_time_is_over() {
    let (office, ana, carla, thread) = Office::with_ana_and_carla();
    let ben = office.enrol("Ben");
    office.acme.json(&["forward", &thread, "--to", "Ben", "--expires", "3s"]);
    assert_eq!(thread_of(&ben), thread);
    ben.json(&["send", &thread, "Just a second", "--wait", "30s"]);
    eventually("Ben's right is over, and the steward takes him out", || {
        (status(&ben, &thread) == "left").then_some(())
    });
    let (exit, _, said) = ben.refused(&["send", &thread, "One more"]);
    assert_eq!(exit, 1, "{said}");
    carla.json(&["send", &thread, "Without Ben", "--wait", "30s"]);
    eventually("Ana has it", || (texts(&ana, &thread).last().unwrap() == "Without Ben").then_some(()));
    assert_eq!(texts(&ben, &thread), ["Hello", "Just a second"]);
    let who = carla.json(&["who", &thread]);
    assert!(who["members"].as_array().unwrap().iter().all(|member| member["name"] != "Ben"), "{who}");
}

#[test]
fn everybody_in_a_group_sees_the_same_messages_in_the_same_order() {
    let (office, ana, carla, thread) = Office::with_ana_and_carla();
    let ben = office.enrol("Ben");
    office.acme.json(&["forward", &thread, "--to", "Ben"]);
    assert_eq!(thread_of(&ben), thread);
    let nodes = [&ana, &ben, &carla, &office.acme];
    std::thread::scope(|scope| {
        for (index, node) in nodes.iter().enumerate() {
            let (node, thread) = (*node, &thread);
            scope.spawn(move || {
                for text in numbered(&format!("node {index}"), 25) {
                    let path = format!("/v1/threads/{thread}/messages");
                    assert_eq!(node.api().post(&path, &json!({ "text": text })).status, 201);
                }
            });
        }
    });
    for node in nodes {
        eventually("all hundred are here", || (texts(node, &thread).len() == 101).then_some(()));
    }
    let order = texts(&carla, &thread);
    for node in nodes {
        assert_eq!(texts(node, &thread), order, "{}", node.path.display());
    }
    for index in 0..4 {
        let word = format!("node {index} ");
        let one: Vec<&String> = order.iter().filter(|text| text.starts_with(&word)).collect();
        assert!(one.iter().eq(numbered(word.trim_end(), 25).iter().collect::<Vec<_>>().iter()), "{one:?}");
    }
}

#[test]
fn new_threads_go_to_an_agent_without_anybodys_doing_if_the_administrator_wants_it() {
    let office = Office::open();
    let ana = office.enrol("Ana");
    let Office { acme, place } = office;
    let acme = Node::start(&acme.stop(), &["--set", "forward.to=agent", "--set", "forward.history=all"]);
    eventually("Ana is connected", || {
        let devices = acme.json(&["devices"]);
        devices
            .as_array()
            .unwrap()
            .iter()
            .any(|device| device["name"] == "Ana" && device["online"] == true)
            .then_some(())
    });
    let office = Office { acme, place };
    let carla = office.customer("Carla");
    let thread = office.contact(&carla, "Hello");
    assert_eq!(thread_of(&ana), thread);
    eventually("Ana reads it", || (texts(&ana, &thread) == ["Hello"]).then_some(()));
    ana.json(&["send", &thread, "At your service", "--wait", "30s"]);
    assert_eq!(texts(&carla, &thread), ["Hello", "At your service"]);
}

#[test]
fn a_customer_does_not_see_the_names_of_people_that_the_business_keeps_to_itself() {
    let office = Office::open();
    let ana = Node::start(&office.enrol("Ana").stop(), &["--set", "node.introduce=false"]);
    let carla = office.customer("Carla");
    let thread = office.contact(&carla, "Hello");
    office.acme.json(&["forward", &thread, "--to", "Ana"]);
    assert_eq!(thread_of(&ana), thread);
    ana.json(&["send", &thread, "Good morning", "--wait", "30s"]);
    let shown = carla.text(&["show", &thread]) + &carla.text(&["who", &thread]);
    assert!(
        shown.contains(" Acme (") && shown.contains("): Good morning") && !shown.contains("Ana"),
        "{shown}"
    );
}
