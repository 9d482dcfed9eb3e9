//! `frontdesk contact`.

use super::{Context, input, wait};
use crate::{
    cli::Contact,
    client::{Client, Events, Thread},
    failure::{Failure, Outcome},
    render::short,
};
use frontdesk_identity::ContactLink;
use serde_json::{Value, json};

pub(super) async fn contact(context: &Context, args: Contact) -> Outcome {
    // First here: a mistyped link is told without a node.
    let link: ContactLink = args.link.parse().map_err(|error| Failure::usage(error).code("bad-link"))?;
    let text = input::message(args.text)?;
    let client = context.client().await?;
    let mut events = client.events(None).await?;
    let body = json!({ "link": link.as_str(), "text": text });
    let value: Value = client.post("/v1/contact", &body).await?;
    let thread = value.get("thread").and_then(Value::as_str).unwrap_or_default();
    if let Some(limit) = args.wait {
        wait::at_most(limit, opened(&client, &mut events, thread)).await?;
    }
    context.say(&value, || {
        let id = short(thread);
        let waited = args.wait.is_some();
        let how = if waited {
            "is open; the business has the message"
        } else {
            "is being opened; the message goes out as soon as the business is reached"
        };
        format!("Thread {id} {how}.\n`frontdesk show {id} --follow` shows what comes.")
    });
    Ok(())
}

/// Waits until the first message is with the business's node.
pub(super) async fn opened(client: &Client, events: &mut Events, thread: &str) -> Outcome {
    wait::until(
        events,
        |heard| {
            let text = |name: &str| heard.body.get(name).and_then(Value::as_str);
            if text("thread") != Some(thread) {
                return None;
            }
            match (heard.kind.as_str(), text("state")) {
                ("message_state", Some("delivered" | "read")) => Some(Ok(())),
                ("contact_failed", _) => {
                    let reason = text("reason").unwrap_or_default();
                    Some(Err(failed(reason, text("message").unwrap_or_default())))
                }
                _ => None,
            }
        },
        async || {
            let now: Thread = client.get(&format!("/v1/threads/{thread}")).await?;
            if now.status == "failed" {
                let reason = now.reason.unwrap_or_default();
                return Err(failed(&reason, &reason));
            }
            let newest = wait::newest(client, thread).await?;
            let own = newest.iter().filter(|one| one.get("mine") == Some(&Value::Bool(true)));
            // One that was refused says nothing of the contact.
            Ok(own.filter_map(|one| wait::arrived(one).ok().flatten()).next())
        },
    )
    .await
}

fn failed(reason: &str, why: &str) -> Failure {
    Failure::new(format!("the business could not be contacted: {why}")).code(reason)
}
