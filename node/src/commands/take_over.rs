//! Becoming the steward of a thread whose steward is gone.

use super::{Context, names, wait};
use crate::{
    cli::TakeOver,
    client::{Client, Events, Heard, Thread},
    failure::{Failure, Outcome},
    render::short,
};
use serde_json::{Value, json};

pub(super) async fn take_over(context: &Context, args: TakeOver) -> Outcome {
    let client = context.client().await?;
    let thread = names::thread(&client, &args.thread).await?;
    let mut events = match args.wait {
        Some(_) => Some(client.events(Some(&thread)).await?),
        None => None,
    };
    let value: Value = client.post(&format!("/v1/threads/{thread}/take-over"), &json!({})).await?;
    if let (Some(limit), Some(events)) = (args.wait, &mut events) {
        wait::at_most(limit, agreed(&client, events, &thread)).await?;
    }
    let id = short(&thread);
    context.say(&value, || match args.wait {
        Some(_) => {
            format!("This device is the steward of {id} now. `frontdesk who {id}` shows who is there.")
        }
        None => format!(
            "Offered. Once the customer's node agrees, `frontdesk who {id}` shows this device as steward."
        ),
    });
    Ok(())
}

/// Waits for what the customer's node says.
pub(super) async fn agreed(client: &Client, events: &mut Events, thread: &str) -> Outcome {
    let decide = |heard: &Heard| match heard.kind.as_str() {
        "taken_over" => Some(Ok(())),
        "takeover_refused" => {
            let text = |name: &str| heard.body.get(name).and_then(Value::as_str).unwrap_or("no reason");
            let why = format!("the customer's node does not agree: {}", text("message"));
            Some(Err(Failure::new(why).code(text("reason"))))
        }
        _ => None,
    };
    // A refusal leaves nothing behind that could be looked at.
    let look = async || {
        let now: Thread = client.get(&format!("/v1/threads/{thread}")).await?;
        Ok((now.is_steward && now.status == "open").then_some(()))
    };
    wait::until(events, decide, look).await
}
