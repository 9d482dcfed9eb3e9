//! The local API, by requests as right and as wrong as programs make them.

use crate::harness::{Api, Events, Node, Office, PATIENCE, Place, Wire, eventually};
use serde_json::{Value, json};
use std::{
    fs,
    io::{Read, Write as _},
    os::unix::fs::MetadataExt as _,
    time::Instant,
};

fn carla(place: &Place, args: &[&str]) -> Node {
    let home = place.home("carla");
    home.init("customer", "Carla");
    Node::start(&home, args)
}

#[test]
fn the_api_listens_on_a_private_socket_and_its_token_is_private() {
    let place = Place::new();
    let carla = carla(&place, &[]);
    for file in ["api.sock", "api.token", "api.address", "keys"] {
        assert_eq!(fs::metadata(carla.file(file)).unwrap().mode() & 0o777, 0o600, "{file}");
    }
    assert_eq!(fs::metadata(&carla.path).unwrap().mode() & 0o777, 0o700);
    let status = carla.api().get("/v1/status");
    assert_eq!((status.status, &status.json()["standing"]), (200, &json!("customer")));
    let home = carla.stop();
    assert!(!home.file("api.sock").exists() && !home.file("api.address").exists());
}

#[test]
fn without_the_token_or_under_another_name_nothing_is_answered() {
    let place = Place::new();
    let carla = carla(&place, &["--api", "127.0.0.1:0"]);
    let api = carla.api();
    let (host, token) = (api.host(), api.token.clone());
    let ask = |headers: &str| {
        let request = format!("GET /v1/status HTTP/1.0\r\n{headers}\r\n");
        let answer = api.raw(request.as_bytes()).unwrap();
        (answer.status, answer.word())
    };
    let wrong = "0".repeat(token.len());
    for shown in [
        "",
        "Authorization: Bearer \r\n",
        &format!("Authorization: Bearer {wrong}\r\n"),
        &format!("Authorization: {token}\r\n"),
    ] {
        assert_eq!(ask(&format!("Host: {host}\r\n{shown}")), (401, "unauthorized".into()), "{shown}");
    }
    let good = format!("Authorization: Bearer {token}\r\n");
    for host in ["Host: evil.example\r\n", "Host: 127.0.0.1\r\n", "Host: 0.0.0.0:80\r\n", ""] {
        assert_eq!(ask(&format!("{host}{good}")), (403, "wrong-host".into()), "{host}");
    }
    assert_eq!(ask(&format!("Host: {host}\r\n{good}")).0, 200);
    assert_eq!(carla.json(&["status"])["standing"], "customer");
}

#[test]
fn what_is_malformed_is_refused_with_a_word_and_a_sentence() {
    let place = Place::new();
    let carla = carla(&place, &[]);
    let api = carla.api();
    let thread = "7".repeat(64);
    let messages = format!("/v1/threads/{thread}/messages");
    let long = json!({ "text": "x".repeat(1_000_000) }).to_string();
    for (method, path, body, status, word) in [
        ("GET", "/v1/nothing", "", 404, "not-found"),
        ("PUT", "/v1/status", "{}", 405, "method-not-allowed"),
        ("DELETE", "/v1/threads", "", 405, "method-not-allowed"),
        ("GET", "/v1/threads/12", "", 400, "bad-id"),
        ("GET", &format!("/v1/threads/{thread}"), "", 404, "unknown-thread"),
        ("GET", &format!("/v1/threads/{thread}/who"), "", 404, "unknown-thread"),
        ("POST", &format!("/v1/threads/{thread}/close"), "{}", 404, "unknown-thread"),
        ("GET", &format!("{messages}?limit=many"), "", 400, "bad-query"),
        ("GET", &format!("{messages}?colour=red"), "", 400, "bad-query"),
        ("POST", &messages, "{\"text\": \"hi\"", 400, "bad-body"),
        ("POST", &messages, "\u{0}", 400, "bad-body"),
        ("POST", &messages, "{\"text\": 1}", 422, "bad-body"),
        ("POST", &messages, "{}", 422, "bad-body"),
        ("POST", &messages, "{\"text\": \"hi\", \"colour\": \"red\"}", 422, "bad-body"),
        ("POST", &messages, "{\"text\": \"hi\"}", 404, "unknown-thread"),
        ("POST", &messages, &long, 413, "too-large"),
        ("POST", "/v1/contact", "{\"link\": \"frontdesk:contact/x\", \"text\": \"hi\"}", 400, "bad-link"),
        ("POST", "/v1/invitations", "{\"role\": \"king\", \"name\": \"x\"}", 400, "bad-role"),
        ("POST", "/v1/invitations", "{\"role\": \"agent\", \"name\": \"x\"}", 403, "not-administrator"),
        ("POST", "/v1/join", "{\"invitation\": \"frontdesk:join/x\"}", 400, "bad-invitation"),
        ("GET", "/v1/link", "", 409, "not-administrator"),
        ("POST", "/v1/requests/123456/approve", "{}", 403, "not-administrator"),
        ("POST", "/v1/backup", "{\"file\": \"here\", \"passphrase\": \"x\"}", 400, "bad-path"),
        ("GET", "/v1/events?thread=12", "", 400, "bad-id"),
    ] {
        let answer = api.call(method, path, body);
        assert_eq!(
            (answer.status, answer.word().as_str()),
            (status, word),
            "{method} {path} {}",
            answer.body
        );
        assert!(answer.json()["error"]["message"].as_str().unwrap().len() > 8, "{}", answer.body);
    }
    for garbage in ["GARBAGE\r\n\r\n", "GET / HTTP/9.9\r\n\r\n"] {
        let refused = api.raw(garbage.as_bytes());
        assert!(refused.is_err() || refused.unwrap().status == 400);
    }
    assert_eq!(api.get("/v1/status").status, 200);
}

#[test]
fn texts_of_every_length_and_kind_get_through_and_longer_ones_are_refused() {
    let office = Office::open();
    let carla = office.customer("Carla");
    let thread = office.contact(&carla, "Hello");
    let path = format!("/v1/threads/{thread}/messages");
    let longest = "é".repeat(8 * 1024);
    let odd = "\u{0}\u{1b}[2J\u{202e}\"\\\n\t👋🏽 世界";
    for text in ["x", odd, &longest] {
        assert_eq!(carla.api().post(&path, &json!({ "text": text })).status, 201);
        eventually("the text arrives unchanged", || {
            let found = office.acme.api().get(&format!("{path}?limit=1")).json();
            (found[0]["text"] == text).then_some(())
        });
    }
    let shown = office.acme.text(&["show", &thread]);
    assert!(!shown.contains('\u{1b}') && !shown.contains('\u{202e}'), "the terminal obeys a message");
    for text in ["", &format!("{longest}x")] {
        let refused = carla.api().post(&path, &json!({ "text": text }));
        assert_eq!((refused.status, refused.word().as_str()), (422, "text-length"));
    }
}

#[test]
fn messages_are_told_as_they_come_to_those_who_listen() {
    let (_office, ana, carla, thread) = Office::with_ana_and_carla();
    let (all, here) = (carla.events(), Events::open(&carla.api(), &format!("/v1/events?thread={thread}")));
    let elsewhere = Events::open(&carla.api(), &format!("/v1/events?thread={}", "7".repeat(64)));
    let sent = ana.json(&["send", &thread, "Good morning"]);
    for events in [&all, &here] {
        let message = &events.of_kind("message")["message"];
        assert_eq!((&message["text"], &message["id"]), (&json!("Good morning"), &sent["message"]));
        assert_eq!((&message["author_name"], &message["side"]), (&json!("Ana"), &json!("host")));
    }
    let answer = carla.json(&["send", &thread, "And to you"]);
    let delivered =
        all.next("delivery", |event| event.kind == "message_state" && event.body["state"] == "delivered");
    assert_eq!(delivered.body["message"], answer["message"]);
    carla.stop();
    assert!(all.has_ended() && here.has_ended() && elsewhere.has_ended());
}

#[test]
fn a_listener_that_does_not_read_holds_up_nobody_and_is_told_what_it_missed() {
    let office = Office::open();
    let home = office.place.home("carla");
    home.init("customer", "Carla");
    let carla = Node::start(&home, &["--set", "api.event_buffer=4"]);
    let thread = office.contact(&carla, "Hello");
    let api = carla.api();
    let mut idle = listen(&api, &api.head("GET", "/v1/events", 0));
    let text = "x".repeat(16 * 1024);
    let path = format!("/v1/threads/{thread}/messages");
    for _ in 0..80 {
        assert_eq!(api.post(&path, &json!({ "text": text })).status, 201);
    }
    carla.json(&["send", &thread, "the last", "--wait", "30s"]);
    let told = read_until(&mut idle, |told| {
        told.lines()
            .skip_while(|line| *line != "event: lagged")
            .nth(1)
            .is_some_and(|line| line.ends_with('}'))
    });
    let lagged = told.lines().skip_while(|line| *line != "event: lagged").nth(1).unwrap();
    let missed: Value = serde_json::from_str(lagged.strip_prefix("data: ").unwrap()).unwrap();
    assert!(missed["missed"].as_u64().unwrap() > 0, "{missed}");
    carla.json(&["send", &thread, "and one more"]);
    read_until(&mut idle, |told| told.contains("and one more"));
}

/// A stream of events by this request. When the answer's head is there, none is missed.
fn listen(api: &Api, head: &str) -> Box<dyn Wire> {
    let mut stream = api.connect().unwrap();
    stream.write_all(head.as_bytes()).unwrap();
    let (mut read, mut byte) = (Vec::new(), [0]);
    while !read.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        read.extend(byte);
    }
    assert!(read.starts_with(b"HTTP/1.0 200"), "{}", String::from_utf8_lossy(&read));
    stream
}

/// What comes on a stream, until it is enough.
fn read_until(stream: &mut impl Read, enough: impl Fn(&str) -> bool) -> String {
    let (mut told, mut chunk, end) = (Vec::new(), vec![0; 64 * 1024], Instant::now() + PATIENCE);
    loop {
        assert!(Instant::now() < end, "nothing but {}", String::from_utf8_lossy(&told));
        let count = stream.read(&mut chunk).unwrap();
        assert!(count > 0, "the stream ended: {}", String::from_utf8_lossy(&told));
        told.extend_from_slice(&chunk[..count]);
        let text = String::from_utf8_lossy(&told).into_owned();
        if enough(&text) {
            return text;
        }
    }
}

#[test]
fn a_listener_that_comes_back_learns_whether_it_missed_anything() {
    let (_office, ana, carla, thread) = Office::with_ana_and_carla();
    let api = carla.api();
    let mut first = listen(&api, &api.head("GET", "/v1/events", 0));
    ana.json(&["send", &thread, "one"]);
    let seen = read_until(&mut first, |told| told.contains("\"one\"") && told.ends_with("\n\n"));
    drop(first);
    let id = seen.lines().filter_map(|line| line.strip_prefix("id: ")).next_back().unwrap().to_owned();
    ana.json(&["send", &thread, "two", "--wait", "30s"]);
    let head =
        api.head("GET", "/v1/events", 0).replace("\r\n\r\n", &format!("\r\nLast-Event-ID: {id}\r\n\r\n"));
    read_until(&mut listen(&api, &head), |told| told.contains("event: lagged"));
}

#[test]
fn an_address_that_others_can_reach_is_refused() {
    let place = Place::new();
    let home = place.home("carla");
    home.init("customer", "Carla");
    for place in ["0.0.0.0:0", "192.0.2.1:7340", "[::]:0", "somewhere"] {
        let (exit, word, said) = home.refused(&["run", "--api", place]);
        assert_eq!((exit, word.as_str()), (2, "usage"), "{said}");
        assert!(said.contains("loopback"), "{said}");
    }
    let socket = place.path("elsewhere.sock");
    let node = Node::start(&home, &["--api", &format!("unix:{}", socket.display())]);
    assert_eq!(fs::metadata(&socket).unwrap().mode() & 0o777, 0o600);
    assert_eq!(node.json(&["status"])["name"], "Carla");
}
