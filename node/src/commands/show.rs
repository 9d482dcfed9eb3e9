//! `frontdesk show`.

use super::{
    Context, names,
    threads::{devices, state},
};
use crate::{
    cli::Show,
    client::{Client, Events, Message, Thread},
    failure::Outcome,
    render::{self, clean, clock, date, indented, short},
};
use serde_json::{Value, json};
use std::collections::{BTreeSet, VecDeque};

/// Messages of which is remembered that they were shown: news of one may come while it is being read.
const REMEMBERED: usize = 2048;

pub(super) async fn show(context: &Context, args: Show) -> Outcome {
    let client = context.client().await?;
    let thread = names::thread(&client, &args.thread).await?;
    // Before the messages are read, so that none falls between.
    let events = if args.follow { Some(client.events(Some(&thread)).await?) } else { None };
    let mut view = View {
        context,
        client: &client,
        thread: &thread,
        peek: args.peek,
        shown: Shown::default(),
        day: String::new(),
    };
    if !context.json {
        view.head().await?;
    }
    let before = args.before.map(|position| format!("&before={position}")).unwrap_or_default();
    let messages: Vec<Value> =
        client.get(&format!("/v1/threads/{thread}/messages?limit={}{before}", args.limit)).await?;
    if context.json && !args.follow {
        render::json(&messages);
        return view.mark_read(&messages).await;
    }
    view.print(&messages)?;
    view.mark_read(&messages).await?;
    match events {
        Some(events) => view.follow(events).await,
        None => Ok(()),
    }
}

struct View<'a> {
    context: &'a Context,
    client: &'a Client,
    thread: &'a str,
    peek: bool,
    shown: Shown,
    /// The date of the latest message shown.
    day: String,
}

impl View<'_> {
    async fn head(&self) -> Outcome {
        let thread: Thread = self.client.get(&format!("/v1/threads/{}", self.thread)).await?;
        let (title, id) = (clean(&thread.title), short(&thread.id));
        render::line(format!("{title}  (thread {id}, {}, {})", state(&thread), devices(thread.members)));
        if thread.status == "contacting" {
            render::line(format!(
                "Waits for the business's node to answer. To be sent then: {}",
                clean(&thread.preview)
            ));
        }
        Ok(())
    }

    async fn follow(&mut self, mut events: Events) -> Outcome {
        while let Some(heard) = events.next().await? {
            match heard.kind.as_str() {
                "message" => {
                    let message: Vec<Value> = heard.body.get("message").cloned().into_iter().collect();
                    self.print_news(&message).await?;
                }
                "lagged" => {
                    let missed: Vec<Value> =
                        self.client.get(&format!("/v1/threads/{}/messages?limit=1000", self.thread)).await?;
                    self.print_news(&missed).await?;
                }
                "removed" => render::note("This device was taken out of the thread."),
                "closed" => render::note("The thread is closed. The next message opens it again."),
                _ => {}
            }
        }
        render::note("The node stopped.");
        Ok(())
    }

    /// A message may be the last thing before the node stops: that it can't be marked as read then is no failure.
    async fn print_news(&mut self, messages: &[Value]) -> Outcome {
        self.print(messages)?;
        if let Err(failure) = self.mark_read(messages).await {
            render::note(format!("It was not marked as read: {}", failure.message));
        }
        Ok(())
    }

    /// Prints what was not shown yet.
    fn print(&mut self, messages: &[Value]) -> Outcome {
        for value in messages {
            let message: Message = serde_json::from_value(value.clone())?;
            if !self.shown.first_time(&message.id) {
                continue;
            }
            if self.context.json { render::json(value) } else { self.line(&message) }
        }
        Ok(())
    }

    fn line(&mut self, message: &Message) {
        let day = date(message.sent_at);
        if day != self.day {
            render::line(format!("--- {day} (UTC) ---"));
            self.day = day;
        }
        let time = clock(message.sent_at);
        if message.side == "note" {
            return render::line(format!("{time}  * {}", clean(&message.text)));
        }
        let head = format!("{time}  {}: ", clean(&message.author_name));
        let text = indented(&message.text, head.chars().count());
        render::line(format!("{head}{text}{}", fate(message)));
    }

    async fn mark_read(&self, messages: &[Value]) -> Outcome {
        let newest = messages.iter().filter_map(|message| message.get("position")?.as_u64()).max();
        if let (Some(through), false) = (newest, self.peek) {
            let path = format!("/v1/threads/{}/read", self.thread);
            let _: Value = self.client.post(&path, &json!({ "through": through })).await?;
        }
        Ok(())
    }
}

/// Where a message of this device is.
fn fate(message: &Message) -> String {
    match (message.mine, &message.reason) {
        (false, _) => String::new(),
        (true, Some(reason)) => format!("  [{}: {reason}]", message.state),
        (true, None) => format!("  [{}]", message.state),
    }
}

/// The messages that were shown, the latest so many.
#[derive(Default)]
struct Shown {
    ids: BTreeSet<String>,
    order: VecDeque<String>,
}

impl Shown {
    fn first_time(&mut self, id: &str) -> bool {
        if !self.ids.insert(id.to_owned()) {
            return false;
        }
        self.order.push_back(id.to_owned());
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.ids.remove(&oldest);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_shown_once() {
        let mut shown = Shown::default();
        assert!(shown.first_time("a"));
        assert!(!shown.first_time("a"));
        assert!(shown.first_time("b"));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut shown = Shown::default();
        for number in 0..=REMEMBERED {
            assert!(shown.first_time(&number.to_string()));
        }
        assert_eq!(shown.ids.len(), REMEMBERED);
    }
}
