//! What was acknowledged is never lost, and nothing comes twice: under SIGKILL, SIGTERM, and a second process. Many kills
//! are in `crashes.rs`.

use crate::harness::{Node, Office, Place, eventually, numbered, texts};
use serde_json::json;
use std::{
    io::Write as _,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

fn send(node: &Node, thread: &str, text: &str) -> bool {
    let body = json!({ "text": text }).to_string();
    let answer = node.api().try_call("POST", &format!("/v1/threads/{thread}/messages"), &body);
    answer.is_ok_and(|answer| answer.status == 201)
}

/// Waits until a node has as many texts that begin with `word` as it should, and compares them.
fn arrive(node: &Node, thread: &str, word: &str, expected: &[String]) {
    let with = |word: &str| -> Vec<String> {
        texts(node, thread).into_iter().filter(|text| text.starts_with(word)).collect()
    };
    eventually(&format!("{} texts `{word}` arrive", expected.len()), || {
        (with(word).len() >= expected.len()).then_some(())
    });
    assert_eq!(with(word), expected);
}

#[test]
fn a_customer_killed_in_a_burst_of_two_hundred_has_all_of_them_once_and_in_order() {
    let (_office, ana, carla, thread) = Office::with_ana_and_carla();
    let sent = AtomicUsize::new(0);
    let carla = thread::scope(|scope| {
        let (ana, thread, sent) = (&ana, &thread, &sent);
        scope.spawn(move || {
            for text in numbered("burst", 200) {
                assert!(send(ana, thread, &text), "{text}");
                sent.fetch_add(1, Ordering::Relaxed);
            }
        });
        eventually("part of the burst is under way", || (sent.load(Ordering::Relaxed) >= 60).then_some(()));
        let home = carla.kill();
        home.run()
    });
    arrive(&carla, &thread, "burst", &numbered("burst", 200));
    eventually("the sender knows", || (ana.json(&["status"])["outbox"] == 0).then_some(()));
}

#[test]
fn a_sender_killed_in_a_burst_delivers_all_that_it_had_answered_for() {
    let (_office, ana, carla, thread) = Office::with_ana_and_carla();
    let answered = AtomicUsize::new(0);
    let pid = ana.pid();
    thread::scope(|scope| {
        let (ana, thread, answered) = (&ana, &thread, &answered);
        scope.spawn(move || {
            // Ends with the first that isn't answered: the node is dead.
            for text in numbered("burst", 2000) {
                if !send(ana, thread, &text) {
                    return;
                }
                answered.fetch_add(1, Ordering::Relaxed);
            }
        });
        eventually("part of the burst is under way", || {
            (answered.load(Ordering::Relaxed) >= 80).then_some(())
        });
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    });
    let ana = ana.kill().run();
    assert!(send(&ana, &thread, "the end"));
    eventually("the end arrives", || texts(&carla, &thread).contains(&"the end".to_owned()).then_some(()));
    let found: Vec<String> =
        texts(&carla, &thread).into_iter().filter(|text| text.starts_with("burst")).collect();
    let answered = answered.into_inner();
    // One may have been stored whose answer was not heard.
    assert!((answered..=answered + 1).contains(&found.len()), "{answered} answered, {} arrived", found.len());
    assert_eq!(found, numbered("burst", found.len()));
}

#[test]
fn a_node_that_is_told_to_stop_finishes_what_it_has_begun() {
    let (_office, mut ana, carla, thread) = Office::with_ana_and_carla();
    let (grace, answered) = (Duration::from_secs(5), AtomicUsize::new(0));
    let status = thread::scope(|scope| {
        let (api, path, answered) = (ana.api(), format!("/v1/threads/{thread}/messages"), &answered);
        scope.spawn(move || {
            for text in numbered("burst", 2000) {
                let body = json!({ "text": text }).to_string();
                if api.try_call("POST", &path, &body).map(|answer| answer.status).ok() != Some(201) {
                    return;
                }
                answered.fetch_add(1, Ordering::Relaxed);
            }
        });
        eventually("part of the burst is under way", || {
            (answered.load(Ordering::Relaxed) >= 40).then_some(())
        });
        let began = Instant::now();
        ana.terminate();
        let status = ana.ended();
        assert!(began.elapsed() < grace, "{:?}", began.elapsed());
        status
    });
    assert_eq!(status.code(), Some(0));
    let log = ana.log();
    assert!(log.contains("shutting down") && log.contains("stopped"), "{log}");
    let answered = answered.into_inner();
    let _ana = ana.kill().run();
    arrive(&carla, &thread, "burst", &numbered("burst", answered));
}

#[test]
fn a_second_signal_ends_a_node_at_once() {
    let place = Place::new();
    let home = place.home("carla");
    home.init("customer", "Carla");
    // A machine that is slow between the two signals may see the node end in order first; then once more.
    let ended_by_the_second = (0..5).any(|_| {
        let mut node = home.run();
        let before = node.log().matches("shutting down").count();
        // A request that never ends is waited for.
        let mut endless = node.api().connect().unwrap();
        endless.write_all(b"POST /v1/contact HTTP/1.1\r\nHost: localhost\r\n").unwrap();
        node.terminate();
        eventually("it shuts down", || (node.log().matches("shutting down").count() > before).then_some(()));
        node.terminate();
        node.ended().code() == Some(1)
    });
    assert!(ended_by_the_second);
    assert_eq!(home.run().json(&["status"])["name"], "Carla");
}

#[test]
fn a_second_process_on_the_same_home_is_told_that_it_is_in_use() {
    let place = Place::new();
    let home = place.home("carla");
    home.init("customer", "Carla");
    let node = home.run();
    let (exit, _, said) = home.refused(&["run", "--listen", "/ip4/127.0.0.1/tcp/0"]);
    assert_eq!(exit, 1);
    assert!(said.contains("runs on this home already") && said.contains("frontdesk stop"), "{said}");
    assert_eq!(node.json(&["status"])["name"], "Carla");
    let home = node.kill();
    assert_eq!(home.run().json(&["status"])["name"], "Carla");
}
