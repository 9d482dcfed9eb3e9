//! Waiting for something to happen, and not forever.

use crate::{
    client::{Client, Events, Heard},
    config::Span,
    failure::{Failure, Outcome},
};
use serde_json::Value;

/// The first answer that `decide` gives to an event. Where events were lost, what is waited for may be among them: then
/// `look` tells what it sees of it in the node's state.
pub(super) async fn until<T>(
    events: &mut Events,
    mut decide: impl FnMut(&Heard) -> Option<Outcome<T>>,
    mut look: impl AsyncFnMut() -> Outcome<Option<T>>,
) -> Outcome<T> {
    while let Some(heard) = events.next().await? {
        if heard.kind == "lagged" {
            if let Some(seen) = look().await? {
                return Ok(seen);
            }
        } else if let Some(decided) = decide(&heard) {
            return decided;
        }
    }
    Err(Failure::new("the node stopped; start it again with `frontdesk run`"))
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
    let is_it = |value: &Value, name| value.get(name).and_then(Value::as_str) == Some(message);
    until(
        events,
        |heard| {
            let it = heard.kind == "message_state" && is_it(&heard.body, "message");
            it.then(|| arrived(&heard.body).transpose()).flatten()
        },
        async || {
            let newest = newest(client, thread).await?;
            newest.iter().find(|one| is_it(one, "id")).map_or(Ok(None), arrived)
        },
    )
    .await
}

/// Whether a message is with its receivers, by its state: an error if it never will be.
pub(super) fn arrived(message: &Value) -> Outcome<Option<()>> {
    let text = |name: &str| message.get(name).and_then(Value::as_str);
    match text("state") {
        Some("delivered" | "read") => Ok(Some(())),
        Some("failed") => {
            let reason = text("reason").unwrap_or("no reason");
            Err(Failure::new(format!("the message was refused: {reason}")).code(reason))
        }
        _ => Ok(None),
    }
}

/// The newest messages of a thread, as the node has them.
pub(super) async fn newest(client: &Client, thread: &str) -> Outcome<Vec<Value>> {
    client.get(&format!("/v1/threads/{thread}/messages?limit=1000")).await
}

#[cfg(test)]
mod tests;
