//! A bot that answers questions by keyword and hands over to a person when asked. It knows nothing but the local API of
//! its own node: a start for a bot of one's own.
//!
//! It keeps no state. What it has not answered it reads from the thread itself, so it can be stopped and started at any
//! moment, and an event that it missed does no harm.

mod api;

use api::Api;
use serde_json::{Value, json};
use std::path::Path;

/// Whatever ends the bot.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Words in a question, and the answer that fits. The first line that fits is taken.
const FAQ: [(&[&str], &str); 3] = [
    (&["open", "hours", "close"], "We are open from Monday to Friday, 9 to 18 o'clock."),
    (&["price", "cost", "much"], "A service is 60, a new chain 35, and looking is free."),
    (&["where", "address", "find"], "You find us at 1 Harbour Street, beside the lighthouse."),
];
/// Words by which a customer asks for a person.
const PERSON: [&str; 4] = ["person", "human", "someone", "agent"];
const UNSURE: &str =
    "I am a bot. I know about opening hours, prices and our address. Ask for a person, and I get you one.";
const HANDING_OVER: &str = "One moment, I am getting you a person.";
const NOBODY: &str = "I am sorry, nobody can take over just now. Please leave a message here.";

/// Answers until the node stops.
///
/// `home` is the home of the bot's node; `person` is the name of the device that takes over, or none for whom the
/// business's policy picks; `log` is told what the bot does.
pub(crate) async fn run(home: &Path, person: Option<&str>, log: impl Fn(&str)) -> Result<(), Failure> {
    let bot = Bot { api: Api::of_home(home)?, person, log };
    // First the events, then what is there already: so nothing falls in between.
    let mut events = bot.api.events().await?;
    bot.look_everywhere().await?;
    while let Some((kind, body)) = events.next().await? {
        match kind.as_str() {
            "thread_opened" | "message" => bot.look_at(thread_of(&body)).await?,
            "forward_answered" if body.get("refused").is_some_and(Value::is_string) => {
                bot.say(thread_of(&body), NOBODY).await?;
            }
            "lagged" => bot.look_everywhere().await?,
            _ => {}
        }
    }
    Ok(())
}

struct Bot<'a, L> {
    api: Api,
    person: Option<&'a str>,
    log: L,
}

impl<L: Fn(&str)> Bot<'_, L> {
    async fn look_everywhere(&self) -> Result<(), Failure> {
        let threads = self.api.get("/v1/threads").await?;
        for thread in threads.as_array().into_iter().flatten() {
            self.look_at(text_of(thread, "id")).await?;
        }
        Ok(())
    }

    /// Answers what the customer wrote since somebody of the business last wrote.
    async fn look_at(&self, thread: &str) -> Result<(), Failure> {
        let standing = self.api.get(&format!("/v1/threads/{thread}")).await?;
        if text_of(&standing, "status") != "open" {
            return Ok(());
        }
        let messages = self.api.get(&format!("/v1/threads/{thread}/messages?limit=100")).await?;
        for question in unanswered(messages.as_array().map(Vec::as_slice).unwrap_or_default()) {
            self.answer(thread, question).await?;
        }
        Ok(())
    }

    async fn answer(&self, thread: &str, question: &str) -> Result<(), Failure> {
        match reply(question) {
            Reply::Say(answer) => self.say(thread, answer).await,
            Reply::HandOver => {
                self.say(thread, HANDING_OVER).await?;
                self.hand_over(thread, question).await
            }
        }
    }

    /// Asks the steward of the thread to bring a person in, and to let the bot go with the same change.
    async fn hand_over(&self, thread: &str, question: &str) -> Result<(), Failure> {
        let to = match self.person {
            Some(name) => Some(self.device(name).await?),
            None => None,
        };
        (self.log)(&format!("hand over to {}", self.person.unwrap_or("whoever is free")));
        let note: String = format!("Asked for a person: {question}").chars().take(200).collect();
        let wish = json!({ "to": to, "history": "all", "hand_over": true, "note": note });
        match self.api.post(&format!("/v1/threads/{thread}/forward"), &wish).await {
            Ok(_) => Ok(()),
            Err(refusal) => {
                (self.log)(&format!("refused: {refusal}"));
                self.say(thread, NOBODY).await
            }
        }
    }

    async fn device(&self, name: &str) -> Result<String, Failure> {
        let devices = self.api.get("/v1/devices").await?;
        let mut devices = devices.as_array().into_iter().flatten();
        let found = devices.find(|device| text_of(device, "name") == name);
        Ok(text_of(found.ok_or_else(|| format!("the business has no device {name}"))?, "device").to_owned())
    }

    async fn say(&self, thread: &str, text: &str) -> Result<(), Failure> {
        (self.log)(text);
        self.api.post(&format!("/v1/threads/{thread}/messages"), &json!({ "text": text })).await?;
        Ok(())
    }
}

#[derive(Debug, PartialEq)]
enum Reply {
    Say(&'static str),
    HandOver,
}

fn reply(question: &str) -> Reply {
    let question = question.to_lowercase();
    let asks_for =
        |words: &[&str]| question.split(|c: char| !c.is_alphanumeric()).any(|asked| words.contains(&asked));
    if asks_for(&PERSON) {
        return Reply::HandOver;
    }
    let known = FAQ.iter().find(|(words, _)| asks_for(words));
    Reply::Say(known.map_or(UNSURE, |(_, answer)| answer))
}

/// The customer's messages after the latest of the business's: what a colleague has answered, the bot leaves alone.
fn unanswered(messages: &[Value]) -> Vec<&str> {
    let newer = messages.iter().rev().take_while(|message| text_of(message, "side") != "host");
    let mut asked: Vec<&str> = newer
        .filter(|message| text_of(message, "side") == "guest")
        .map(|message| text_of(message, "text"))
        .collect();
    asked.reverse();
    asked
}

fn thread_of(event: &Value) -> &str {
    text_of(event.get("message").filter(|message| message.is_object()).unwrap_or(event), "thread")
}

fn text_of<'a>(value: &'a Value, field: &str) -> &'a str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_keyword_gets_its_answer_and_a_wish_for_a_person_comes_first() {
        assert_eq!(reply("When do you CLOSE?"), Reply::Say(FAQ[0].1));
        assert_eq!(reply("what's the price"), Reply::Say(FAQ[1].1));
        assert_eq!(reply("Can a person tell me the price?"), Reply::HandOver);
        assert_eq!(reply("personal matters"), Reply::Say(UNSURE));
    }

    fn message(side: &str, mine: bool, text: &str) -> Value {
        json!({ "side": side, "mine": mine, "text": text })
    }

    #[test]
    fn only_what_the_customer_wrote_since_is_answered() {
        let talk = [
            message("guest", false, "old"),
            message("host", true, "answered"),
            message("guest", false, "one"),
            message("note", false, "Ana came in"),
            message("guest", false, "two"),
        ];
        assert_eq!(unanswered(&talk), ["one", "two"]);
        assert!(unanswered(&talk[..2]).is_empty());
    }

    #[test]
    fn what_a_colleague_has_answered_is_left_alone() {
        let talk = [
            message("guest", false, "when do you close?"),
            message("host", false, "At six, says a colleague"),
            message("guest", false, "and where are you?"),
        ];
        assert!(unanswered(&talk[..2]).is_empty());
        assert_eq!(unanswered(&talk), ["and where are you?"]);
    }

    #[test]
    fn the_thread_of_an_event_is_found_in_both_shapes() {
        assert_eq!(thread_of(&json!({ "thread": "a", "message": "id" })), "a");
        assert_eq!(thread_of(&json!({ "message": { "thread": "b" } })), "b");
    }
}
