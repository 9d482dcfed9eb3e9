//! `frontdesk threads`, `send` and `close`.

use super::{Context, input, names, wait};
use crate::{
    cli::{OfThread, Send},
    client::Thread,
    driver::wall_clock,
    failure::Outcome,
    render::{Table, clean, from_now, short},
};
use serde_json::{Value, json};

/// Characters of the newest message in a list.
const PREVIEW: usize = 40;

pub(super) async fn threads(context: &Context) -> Outcome {
    let value: Value = context.client().await?.get("/v1/threads").await?;
    let threads: Vec<Thread> = serde_json::from_value(value.clone())?;
    let now = wall_clock();
    context.say(&value, || {
        if threads.is_empty() {
            return "No threads yet.".to_owned();
        }
        let mut table = Table::new(["THREAD", "WITH", "STATE", "DEVICES", "UNREAD", "LAST", ""]);
        for thread in &threads {
            let unread = if thread.unread == 0 { String::new() } else { thread.unread.to_string() };
            let (last, preview) = (from_now(thread.active_at, now), preview(&thread.preview));
            let (id, title) = (short(&thread.id), clean(&thread.title));
            table.row([id, title, state(thread), thread.members.to_string(), unread, last, preview]);
        }
        table.render()
    });
    Ok(())
}

/// A thread's state in words, with what is unusual about it.
pub(super) fn state(thread: &Thread) -> String {
    let mut text = thread.status.clone();
    if let Some(reason) = &thread.reason {
        text.push_str(&format!(": {reason}"));
    }
    if thread.is_steward {
        text.push_str(", steward");
    }
    if thread.missing > 0 {
        text.push_str(&format!(", {} missing", thread.missing));
    }
    text
}

/// So many devices.
pub(super) fn devices(count: usize) -> String {
    if count == 1 { "1 device".to_owned() } else { format!("{count} devices") }
}

fn preview(text: &str) -> String {
    let line = clean(&text.replace('\n', " "));
    if line.chars().count() <= PREVIEW {
        return line;
    }
    let cut: String = line.chars().take(PREVIEW.saturating_sub(2)).collect();
    format!("{}..", cut.trim_end())
}

pub(super) async fn send(context: &Context, args: Send) -> Outcome {
    let client = context.client().await?;
    let thread = names::thread(&client, &args.thread).await?;
    let text = input::message(Some(args.text))?;
    let mut events = match args.wait {
        Some(_) => Some(client.events(Some(&thread)).await?),
        None => None,
    };
    let value: Value =
        client.post(&format!("/v1/threads/{thread}/messages"), &json!({ "text": text })).await?;
    let message = value.get("message").and_then(Value::as_str).unwrap_or_default();
    if let (Some(limit), Some(events)) = (args.wait, &mut events) {
        wait::at_most(limit, wait::delivered(&client, events, [&thread, message])).await?;
    }
    context.say(&value, || {
        if args.wait.is_some() { "Delivered." } else { "Stored here, and on its way." }.to_owned()
    });
    Ok(())
}

pub(super) async fn close(context: &Context, args: OfThread) -> Outcome {
    let client = context.client().await?;
    let thread = names::thread(&client, &args.thread).await?;
    let value: Value = client.post(&format!("/v1/threads/{thread}/close"), &json!({})).await?;
    context.say(&value, || format!("Thread {} is closed. The next message opens it again.", short(&thread)));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preview_is_one_short_line() {
        assert_eq!(preview("Hello,\nis it ready?"), "Hello, is it ready?");
        let long = preview(&"word ".repeat(20));
        assert!(long.ends_with("..") && long.chars().count() <= PREVIEW, "{long}");
    }
}
