//! What was acknowledged is never lost, and nothing comes twice: under SIGKILL, SIGTERM, and a second process.

use crate::harness::{Chance, Node, Office, Place, eventually, numbered, texts};
use serde_json::json;
use std::{
    io::Write as _,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
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
fn thirty_kills_at_random_moments_of_a_conversation_lose_nothing_that_was_acknowledged() {
    let mut chance = Chance::begin();
    let (office, ana, carla, thread) = Office::with_ana_and_carla();
    let Office { acme, place: _place } = office;
    let mut nodes = [Some(ana), Some(carla), Some(acme)];
    let mut answered = [Vec::new(), Vec::new(), Vec::new()];
    for round in 1..=30 {
        let victim = usize::try_from(chance.below(3)).unwrap();
        let moment = Duration::from_millis(chance.below(120));
        let pid = nodes[victim].as_ref().unwrap().pid();
        let over = AtomicBool::new(false);
        let told: Vec<Vec<String>> = thread::scope(|scope| {
            let talkers: Vec<_> = nodes
                .iter()
                .enumerate()
                .map(|(index, node)| {
                    let (over, thread, node) = (&over, &thread, node.as_ref().unwrap());
                    scope.spawn(move || {
                        let text = |number| format!("{index} {round:02} {number:04}");
                        (0..)
                            .take_while(|_| !over.load(Ordering::Relaxed))
                            .map(text)
                            .filter(|text| send(node, thread, text))
                            .collect()
                    })
                })
                .collect();
            thread::sleep(moment);
            rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
            over.store(true, Ordering::Relaxed);
            talkers.into_iter().map(|talker| talker.join().unwrap()).collect()
        });
        answered.iter_mut().zip(told).for_each(|(all, told)| all.extend(told));
        let home = nodes[victim].take().unwrap().kill();
        nodes[victim] = Some(home.run());
    }
    assert!(answered.iter().all(|texts| texts.len() > 30), "the conversation was cut short");
    for node in nodes.iter().flatten() {
        for (author, expected) in answered.iter().enumerate() {
            everything_once_in_order(node, &thread, &format!("{author} "), expected);
        }
    }
}

/// All that was answered for, each once, in its order; beyond it at most what was stored and not answered any more.
fn everything_once_in_order(node: &Node, thread: &str, word: &str, expected: &[String]) {
    let all = eventually(&format!("{} has all of `{word}`", node.path.display()), || {
        let found: Vec<String> =
            everything(node, thread).into_iter().filter(|text| text.starts_with(word)).collect();
        expected.iter().all(|text| found.contains(text)).then_some(found)
    });
    assert!(all.windows(2).all(|pair| pair[0] < pair[1]), "twice, or out of order: {all:?}");
    assert!(all.len() <= expected.len() + 30, "{} answered, {} stored", expected.len(), all.len());
}

/// Every text, page by page.
fn everything(node: &Node, thread: &str) -> Vec<String> {
    let (mut pages, mut before) = (Vec::new(), String::new());
    loop {
        let path = format!("/v1/threads/{thread}/messages?limit=1000{before}");
        let page = node.api().get(&path).json();
        let page = page.as_array().unwrap().clone();
        let Some(first) = page.first() else { break };
        before = format!("&before={}", first["position"]);
        pages.push(page);
    }
    let texts = pages.into_iter().rev().flatten().filter(|message| message["side"] != "note");
    texts.map(|message| message["text"].as_str().unwrap().to_owned()).collect()
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
