//! Waiting for something to happen, and not forever.

use crate::{
    client::{Client, Events, Heard},
    config::Span,
    failure::{Failure, Outcome},
};
use serde_json::Value;

/// The first answer that `decide` gives to an event.
pub(super) async fn until<T>(
    events: &mut Events,
    mut decide: impl FnMut(&Heard) -> Option<Outcome<T>>,
) -> Outcome<T> {
    while let Some(heard) = events.next().await? {
        if let Some(decided) = decide(&heard) {
            return decided;
        }
    }
    Err(stopped())
}

/// The same, at most so long.
pub(super) async fn at_most<T>(limit: Span, work: impl Future<Output = Outcome<T>>) -> Outcome<T> {
    let late = |_| {
        let text = format!(
            "nothing came within {limit}; it goes on in the node, `frontdesk show` tells how it stands"
        );
        Failure::new(text).code("timeout")
    };
    tokio::time::timeout(limit.duration(), work).await.map_err(late)?
}

/// Waits until a message of this device is with all its receivers.
pub(super) async fn delivered(client: &Client, events: &mut Events, [thread, message]: [&str; 2]) -> Outcome {
    while let Some(heard) = events.next().await? {
        let state = match heard.kind.as_str() {
            "message_state" if heard.body.get("message").and_then(Value::as_str) == Some(message) => {
                heard.body
            }
            // What was missed may be what is waited for.
            "lagged" => stored(client, [thread, message]).await?,
            _ => continue,
        };
        let text = |name: &str| state.get(name).and_then(Value::as_str);
        match text("state") {
            Some("delivered" | "read") => return Ok(()),
            Some("failed") => {
                let reason = text("reason").unwrap_or("no reason");
                return Err(Failure::new(format!("the message was refused: {reason}")).code(reason));
            }
            _ => {}
        }
    }
    Err(stopped())
}

/// A message as the node has it; null if it is not among the newest.
async fn stored(client: &Client, [thread, message]: [&str; 2]) -> Outcome<Value> {
    let newest: Vec<Value> = client.get(&format!("/v1/threads/{thread}/messages?limit=1000")).await?;
    let found = newest.into_iter().find(|one| one.get("id").and_then(Value::as_str) == Some(message));
    Ok(found.unwrap_or_default())
}

fn stopped() -> Failure {
    Failure::new("the node stopped; start it again with `frontdesk run`")
}
