//! Waiting for something to happen, and not forever.

use crate::{
    client::{Events, Heard},
    config::Span,
    failure::{Failure, Outcome},
};

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
pub(super) async fn delivered(events: &mut Events, message: &str) -> Outcome {
    until(events, |heard| {
        let text = |name: &str| heard.body.get(name).and_then(serde_json::Value::as_str);
        if heard.kind != "message_state" || text("message") != Some(message) {
            return None;
        }
        match text("state") {
            Some("delivered" | "read") => Some(Ok(())),
            Some("failed") => {
                let reason = text("reason").unwrap_or("no reason");
                Some(Err(Failure::new(format!("the message was refused: {reason}")).code(reason)))
            }
            _ => None,
        }
    })
    .await
}
