//! Ben writes 200 messages in a row. In the middle of it Carla's node is killed.

use super::super::{
    checks::{Stop, ensure},
    node::Node,
    play::Play,
    process::within,
};
use crate::failure::{Failure, Outcome};
use serde_json::{Value, json};

const MESSAGES: usize = 200;
/// Carla's node is killed as soon as it has told of so many.
const KILL_AT: usize = 60;
/// So many are sent without looking whether she is still there; the rest after the kill.
const AT_ONCE: usize = 120;

pub(super) async fn two_hundred(play: &mut Play) -> Result<(), Stop> {
    let Play { teller, checks, ben, carla, thread, .. } = play;
    teller.act("Carla's node is killed");
    let before = checks
        .check("killed", async {
            let before = carla.texts(thread).await?.len();
            teller.does("Ben", &format!("writes {MESSAGES} messages in a row: \"{}\" ..", item(1)));
            let mut heard = carla.client()?.events(Some(thread)).await?;
            let killed = async {
                let mut items = 0;
                while items < KILL_AT {
                    let told = heard.next().await?.ok_or_else(|| Failure::new("Carla's node stopped"))?;
                    items += usize::from(is_item(&told.body));
                }
                carla.kill().await.map(|status| (items, status))
            };
            let sent = send(ben, thread, 1..=AT_ONCE);
            let both = within("the kill", async { tokio::try_join!(killed, sent) });
            let ((items, status), ()) = both.await?;
            ensure(status.code().is_none(), format!("Carla's node ended with {status}, not by a signal"))?;
            teller.does("Carla", &format!("gets SIGKILL when her node has told of {items}"));
            within("the rest of the burst", send(ben, thread, AT_ONCE + 1..=MESSAGES)).await?;
            Ok((before, format!("{status}; Ben wrote on")))
        })
        .await?;
    checks
        .check("all-200", async {
            carla.start().await?;
            teller.does("Carla", "is started again");
            let all = carla.until("the burst to arrive", async |carla| {
                let texts = carla.texts(thread).await?;
                let complete = texts.last().is_some_and(|text| *text == item(MESSAGES));
                Ok((complete && texts.len() >= before + MESSAGES).then_some(texts))
            });
            let all = all.await?;
            let expected: Vec<String> = (1..=MESSAGES).map(item).collect();
            let burst: Vec<&String> = all.iter().skip(before).collect();
            ensure(
                burst.iter().copied().eq(&expected),
                format!("she has {} of them, or not in order", burst.len()),
            )?;
            ensure(carla.thread(thread).await?.missing == 0, "her node misses some")?;
            Ok(((), format!("{MESSAGES} messages, each once, in order, after {before} older ones")))
        })
        .await
}

fn item(number: usize) -> String {
    format!("Item {number:03} of your invoice")
}

fn is_item(event: &Value) -> bool {
    let text = event.pointer("/message/text").and_then(Value::as_str);
    text.is_some_and(|text| text.starts_with("Item "))
}

/// Each is durable at Ben's when the next is written.
async fn send(ben: &Node, thread: &str, numbers: std::ops::RangeInclusive<usize>) -> Outcome {
    let client = ben.client()?;
    let path = format!("/v1/threads/{thread}/messages");
    for number in numbers {
        let _: Value = client.post(&path, &json!({ "text": item(number) })).await?;
    }
    Ok(())
}
