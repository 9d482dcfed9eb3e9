//! What nodes have answered for and shown, and whether that holds after a kill.

use crate::harness::{Api, field};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

/// Acknowledgements are flushed with the next step that needs it, within a second: a state that was told so long before a
/// kill lasts. One that was told later is told again.
const LASTING: Duration = Duration::from_secs(5);
/// Messages that are looked at after each start.
const PAGE: usize = 1000;

/// A message that an API answered for with 201.
#[derive(Debug)]
pub(super) struct Accepted {
    id: String,
    position: u64,
    text: String,
}

impl Accepted {
    pub(super) fn new(answer: &Value, text: String) -> Self {
        Self { id: field(answer, "message"), position: answer["position"].as_u64().unwrap(), text }
    }
}

/// A message as a node shows it.
#[derive(Debug)]
pub(super) struct Shown {
    pub(super) id: String,
    position: u64,
    text: String,
    mine: bool,
    state: u8,
    /// The devices that have it, by the author's node.
    arrived: Vec<String>,
}

/// How far a message got.
const DELIVERED: u8 = 2;

fn rank(state: &Value) -> u8 {
    match state.as_str() {
        Some("queued" | "received") => 0,
        Some("stored") => 1,
        Some("delivered") => DELIVERED,
        Some("read") => 3,
        other => panic!("a message is {other:?}"),
    }
}

impl Shown {
    /// Delivered, as far as this node can know.
    pub(super) fn has_arrived(&self) -> bool {
        !self.mine || self.state >= DELIVERED
    }
}

/// The newest messages before a position, without notes.
pub(super) fn page(api: &Api, thread: &str, before: Option<u64>) -> Vec<Shown> {
    let before = before.map(|position| format!("&before={position}")).unwrap_or_default();
    let answer = api.get(&format!("/v1/threads/{thread}/messages?limit={PAGE}{before}")).json();
    let Some(messages) = answer.as_array() else { panic!("the thread is not there: {answer}") };
    let messages = messages.iter().filter(|message| message["side"] != "note");
    messages
        .map(|message| Shown {
            id: field(message, "id"),
            position: message["position"].as_u64().unwrap(),
            text: field(message, "text"),
            mine: message["mine"] == true,
            state: rank(&message["state"]),
            arrived: message["receivers"]
                .as_array()
                .into_iter()
                .flatten()
                .filter(|receiver| rank(&receiver["state"]) >= DELIVERED)
                .map(|receiver| field(receiver, "device"))
                .collect(),
        })
        .collect()
}

/// Every message, page by page.
pub(super) fn everything(api: &Api, thread: &str) -> Vec<Shown> {
    let (mut pages, mut before) = (Vec::new(), None);
    loop {
        let next = page(api, thread, before);
        let Some(first) = next.first() else { break };
        before = Some(first.position);
        pages.push(next);
    }
    pages.into_iter().rev().flatten().collect()
}

/// What nodes have said of a message.
#[derive(Debug)]
pub(super) struct Told {
    position: u64,
    text: String,
    /// Those of the three that have it, by their own word or by that of the author's node.
    has: [bool; 3],
    /// The furthest state that the author's node showed, and when it first did.
    state: (u8, Instant),
}

/// All that nodes have answered for and shown.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    pub(super) told: BTreeMap<String, Told>,
    /// States that were told just before a kill, and had to be told again.
    pub(super) taken_back: usize,
}

impl Ledger {
    fn entry(&mut self, id: &str, position: u64, text: &str) -> &mut Told {
        let new = || Told { position, text: text.to_owned(), has: [false; 3], state: (0, Instant::now()) };
        let told = self.told.entry(id.to_owned()).or_insert_with(new);
        assert!(told.position == position && told.text == text, "{id} is two messages");
        told
    }

    /// What a node's API has answered for.
    pub(super) fn accept(&mut self, who: usize, accepted: impl IntoIterator<Item = Accepted>) {
        for Accepted { id, position, text } in accepted {
            self.entry(&id, position, &text).has[who] = true;
        }
    }

    /// What a node shows. `devices` are those of the three.
    pub(super) fn note(&mut self, who: usize, shown: &[Shown], devices: [&str; 3]) {
        for message in shown {
            let told = self.entry(&message.id, message.position, &message.text);
            told.has[who] = true;
            if message.mine && message.state > told.state.0 {
                told.state = (message.state, Instant::now());
            }
            for (has, device) in told.has.iter_mut().zip(devices) {
                *has |= message.arrived.iter().any(|arrived| arrived == device);
            }
        }
    }

    /// What a node shows is each once and in order, and nothing is missing that it had: answered for by itself, shown
    /// by itself, or acknowledged to the author's node.
    pub(super) fn check(&mut self, who: usize, shown: &[Shown], killed: Instant) {
        once_and_in_order(shown);
        let from = shown.first().map_or(0, |first| first.position);
        let by_id: BTreeMap<&str, &Shown> =
            shown.iter().map(|message| (message.id.as_str(), message)).collect();
        for (id, told) in &mut self.told {
            if !told.has[who] || told.position <= from {
                continue;
            }
            let Some(message) = by_id.get(id.as_str()) else {
                panic!("node {who} has lost {id}: {told:?}");
            };
            assert!(message.position == told.position && message.text == told.text, "{id} is two messages");
            if message.mine && message.state < told.state.0 {
                assert!(told.state.1 + LASTING > killed, "the state of {id} went back: {told:?}");
                self.taken_back += 1;
            }
        }
    }
}

fn once_and_in_order(shown: &[Shown]) {
    let ids: BTreeSet<&str> = shown.iter().map(|message| message.id.as_str()).collect();
    assert_eq!(ids.len(), shown.len(), "something is shown twice");
    assert!(shown.windows(2).all(|pair| pair[0].position <= pair[1].position), "out of order");
    let mut newest = BTreeMap::new();
    for message in shown {
        let Some((name, number)) = message.text.split_once(' ') else { continue };
        let before = newest.insert(name, number);
        assert!(before.is_none_or(|before| before < number), "twice, or out of order: {}", message.text);
    }
}
