#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use crate::commands::{
    contact,
    forward::{self, Wish},
    take_over,
};
use axum::{Router, http::StatusCode, routing::get};
use serde_json::json;

const THREAD: &str = "3fa9";

/// A node that tells its subscribers that they lagged, and then stops: what a command makes of it, it has seen in the
/// state that is given here.
fn after_a_lag<T>(
    thread: Value,
    messages: Value,
    who: (StatusCode, Value),
    test: impl AsyncFnOnce(Client, Events) -> T,
) -> T {
    let answer = |status: StatusCode, value: Value| get(async move || (status, value.to_string()));
    let router = Router::new()
        .route("/v1/events", get(async || "event: lagged\ndata: {\"missed\":1}\n\n"))
        .route("/v1/threads/3fa9", answer(StatusCode::OK, thread))
        .route("/v1/threads/3fa9/messages", answer(StatusCode::OK, messages))
        .route("/v1/threads/3fa9/who", answer(who.0, who.1));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = Client::of(listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let events = client.events(None).await.unwrap();
        test(client, events).await
    })
}

fn thread(status: &str, is_steward: bool) -> Value {
    let reason = (status == "failed").then_some("not-reception");
    json!({
        "id": THREAD, "title": "Acme", "status": status, "reason": reason, "is_steward": is_steward, "members": 2,
        "unread": 0, "active_at": 0, "preview": "", "missing": 0,
    })
}

fn message(state: &str) -> Value {
    json!([{ "id": "other", "mine": false, "state": "delivered" }, { "id": "it", "mine": true, "state": state, "reason": "busy" }])
}

fn who(devices: &[&str]) -> (StatusCode, Value) {
    let member = |device: &&str| {
        json!({
            "device": device, "name": "", "side": "host", "steward": false, "me": false, "abilities": "", "history": "",
            "since": 0, "until": 0, "expired": false, "revoked": false, "chain": [],
        })
    };
    (StatusCode::OK, json!({ "epoch": 1, "members": devices.iter().map(member).collect::<Vec<_>>() }))
}

/// The code of a failure; `done` where it is none. One that has seen nothing yet waits on, until the node stops.
fn word(outcome: Outcome) -> String {
    match outcome {
        Ok(()) => "done".to_owned(),
        Err(failure) if failure.message.contains("the node stopped") => "waits".to_owned(),
        Err(failure) => failure.code,
    }
}

#[test]
fn send_looks_again_where_events_were_lost() {
    for (state, expected) in
        [("delivered", "done"), ("read", "done"), ("stored", "waits"), ("failed", "busy")]
    {
        let outcome = after_a_lag(Value::Null, message(state), who(&[]), async |client, mut events| {
            delivered(&client, &mut events, [THREAD, "it"]).await
        });
        assert_eq!(word(outcome), expected, "{state}");
    }
}

#[test]
fn contact_looks_again_where_events_were_lost() {
    let cases = [
        (thread("contacting", false), message("queued"), "waits"),
        (thread("open", false), message("stored"), "waits"),
        (thread("open", false), message("delivered"), "done"),
        (thread("failed", false), message("failed"), "not-reception"),
    ];
    for (thread, messages, expected) in cases {
        let outcome = after_a_lag(thread, messages, who(&[]), async |client, mut events| {
            contact::opened(&client, &mut events, THREAD).await
        });
        assert_eq!(word(outcome), expected);
    }
}

#[test]
fn take_over_looks_again_where_events_were_lost() {
    for (status, is_steward, expected) in
        [("open", true, "done"), ("open", false, "waits"), ("rejoining", true, "waits")]
    {
        let outcome =
            after_a_lag(thread(status, is_steward), json!([]), who(&[]), async |client, mut events| {
                take_over::agreed(&client, &mut events, THREAD).await
            });
        assert_eq!(word(outcome), expected, "{status}");
    }
}

#[test]
fn forward_looks_again_where_events_were_lost() {
    let left = || (StatusCode::CONFLICT, json!({ "error": { "code": "left", "message": "out" } }));
    let cases = [
        (Some("ben"), false, who(&["ana", "ben"]), "done"),
        (Some("ben"), false, who(&["ana", "eve"]), "waits"),
        (None, false, who(&["ana", "eve"]), "done"),
        (None, false, who(&["ana"]), "waits"),
        (Some("ben"), true, left(), "done"),
        (Some("ben"), false, left(), "left"),
    ];
    for (to, hand_over, who, expected) in cases {
        let wish = Wish { thread: THREAD, to, hand_over, before: Some(vec!["ana".to_owned()]) };
        let outcome = after_a_lag(Value::Null, json!([]), who, async |client, mut events| {
            forward::answered(&client, &mut events, Some(&json!("request")), &wish).await
        });
        assert_eq!(word(outcome), expected, "{to:?}");
    }
}
