//! `frontdesk forward` and `revoke`.

use super::{Context, names, wait};
use crate::{
    cli::{Forward, Revoke},
    client::{Client, Events, Heard, Who},
    config::Span,
    failure::{Failure, Outcome},
    render::{date_and_time, note, short},
};
use frontdesk_engine::HistoryChoice;
use frontdesk_identity::UnixTime;
use serde_json::{Value, json};

/// How long a steward that is away is waited for.
const ANSWER_WITHIN: Span = Span::from_secs(30);

pub(super) async fn forward(context: &Context, args: Forward) -> Outcome {
    let client = context.client().await?;
    let thread = names::thread(&client, &args.thread).await?;
    let to = match &args.to {
        Some(device) => Some(names::device(&client, device).await?),
        None => None,
    };
    let mut events = client.events(Some(&thread)).await?;
    let before = members(&client, &thread).await.ok();
    let body = json!({
        "to": to,
        "history": history(args.history.0),
        "expires_in": args.expires.secs(),
        "hand_over": args.hand_over,
        "note": args.note,
    });
    let mut value: Value = client.post(&format!("/v1/threads/{thread}/forward"), &body).await?;
    let asked = value.get("asked") == Some(&Value::Bool(true));
    if asked && !args.no_wait {
        if !context.json {
            note("This device is not the steward; asked the steward, and waiting for its answer.");
        }
        let request = value.get("request").cloned();
        let wish = Wish { thread: &thread, to: to.as_deref(), hand_over: args.hand_over, before };
        wait::at_most(ANSWER_WITHIN, answered(&client, &mut events, request.as_ref(), &wish)).await?;
        value = json!({ "asked": true, "request": request, "done": true });
    }
    context.say(&value, || describe(&thread, &value, asked, args.no_wait));
    Ok(())
}

fn describe(thread: &str, value: &Value, asked: bool, no_wait: bool) -> String {
    let thread = short(thread);
    if asked {
        let how = if no_wait { "was asked" } else { "has done it" };
        return format!("The steward {how} (thread {thread}).");
    }
    let number = |name| value.get(name).and_then(Value::as_u64).unwrap_or_default();
    let to = short(value.get("to").and_then(Value::as_str).unwrap_or_default());
    let expires = date_and_time(UnixTime(number("expires")));
    let history = match number("history") {
        0 => "no history".to_owned(),
        1 => "one message of history".to_owned(),
        many => format!("{many} messages of history"),
    };
    format!("Thread {thread} was forwarded to {to}, until {expires}, with {history}.")
}

/// What the steward was asked for, and who was in the thread then.
pub(super) struct Wish<'a> {
    pub(super) thread: &'a str,
    pub(super) to: Option<&'a str>,
    pub(super) hand_over: bool,
    /// None if that could not be told: then nobody counts as new.
    pub(super) before: Option<Vec<String>>,
}

impl Wish<'_> {
    /// Whether who was asked for has come in since. A refusal leaves nothing behind that could be looked at.
    async fn is_fulfilled(&self, client: &Client) -> Outcome<Option<()>> {
        let now = match members(client, self.thread).await {
            // Who handed over is out, and can't see who is in.
            Err(failure) if self.hand_over && failure.code == "left" => return Ok(Some(())),
            other => other?,
        };
        let Some(before) = &self.before else { return Ok(None) };
        let mut new = now.iter().filter(|device| !before.contains(device));
        Ok(new.any(|device| self.to.is_none_or(|to| to == device)).then_some(()))
    }
}

/// Waits for the answer to this request; there may be others at the same time.
pub(super) async fn answered(
    client: &Client,
    events: &mut Events,
    request: Option<&Value>,
    wish: &Wish<'_>,
) -> Outcome {
    let decide = |heard: &Heard| {
        if heard.kind != "forward_answered" || heard.body.get("request") != request {
            return None;
        }
        match heard.body.get("refused").and_then(Value::as_str) {
            None => Some(Ok(())),
            Some("past-era") => {
                let why =
                    "another administrator leads this thread now, and was not asked; run the command again";
                Some(Err(Failure::new(why).code("past-era")))
            }
            Some(reason) => {
                let why = heard.body.get("message").and_then(Value::as_str).unwrap_or(reason);
                Some(Err(Failure::new(format!("the steward refused: {why}")).code(reason)))
            }
        }
    };
    wait::until(events, decide, async || wish.is_fulfilled(client).await).await
}

async fn members(client: &Client, thread: &str) -> Outcome<Vec<String>> {
    let who: Who = client.get(&format!("/v1/threads/{thread}/who")).await?;
    Ok(who.members.into_iter().map(|member| member.device).collect())
}

fn history(choice: HistoryChoice) -> String {
    match choice {
        HistoryChoice::None => "none".to_owned(),
        HistoryChoice::All => "all".to_owned(),
        HistoryChoice::Last(count) => format!("last:{count}"),
    }
}

pub(super) async fn revoke(context: &Context, args: Revoke) -> Outcome {
    let client = context.client().await?;
    let thread = names::thread(&client, &args.thread).await?;
    let device = names::member(&client, &thread, &args.from).await?;
    let value: Value =
        client.post(&format!("/v1/threads/{thread}/revoke"), &json!({ "device": device })).await?;
    context.say(&value, || {
        format!(
            "{} is out of thread {}. It can't read what a member writes once that member's node has the change.",
            short(&device),
            short(&thread)
        )
    });
    Ok(())
}
