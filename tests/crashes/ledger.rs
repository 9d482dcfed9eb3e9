//! What nodes have answered for and shown, and whether that holds after a kill.

use crate::harness::{Api, field};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

/// Acknowledgements are flushed with the next step that needs it, within a second: a state that was told so long before a
/// kill lasts. One that was told later is told again.
const LASTING: Duration = Duration::from_secs(5);
/// Messages that are asked for at a time, where the newest are wanted: most looks need no more.
const NEWEST: usize = 100;
/// The same, where all are.
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
fn page(api: &Api, thread: &str, before: Option<u64>, limit: usize) -> Vec<Shown> {
    let before = before.map(|position| format!("&before={position}")).unwrap_or_default();
    let answer = api.get(&format!("/v1/threads/{thread}/messages?limit={limit}{before}")).json();
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
    back_to(api, thread, 0, PAGE)
}

/// Every message past a position, and some before it.
pub(super) fn newest(api: &Api, thread: &str, past: u64) -> Vec<Shown> {
    back_to(api, thread, past, NEWEST)
}

fn back_to(api: &Api, thread: &str, past: u64, at_a_time: usize) -> Vec<Shown> {
    let (mut pages, mut before) = (Vec::new(), None);
    while before.is_none_or(|before| before > past) {
        let next = page(api, thread, before, at_a_time);
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

impl Told {
    /// All three have it, and the author's node has shown so: nothing about it changes any more.
    fn is_settled(&self) -> bool {
        self.has == [true; 3] && self.state.0 >= DELIVERED
    }
}

/// All that nodes have answered for and shown.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    pub(super) told: BTreeMap<String, Told>,
    /// The same by their places.
    order: BTreeSet<(u64, String)>,
    /// Everything up to this position is settled.
    settled: u64,
    /// What was settled when a node was last checked: what a kill can change there lies behind.
    checked: [u64; 3],
    /// States that were told just before a kill, and had to be told again.
    pub(super) taken_back: usize,
}

impl Ledger {
    fn entry(&mut self, id: &str, position: u64, text: &str) -> &mut Told {
        let told = self.told.entry(id.to_owned()).or_insert_with(|| {
            self.order.insert((position, id.to_owned()));
            self.settled = self.settled.min(position.saturating_sub(1));
            Told { position, text: text.to_owned(), has: [false; 3], state: (0, Instant::now()) }
        });
        assert!(told.position == position && told.text == text, "{id} is two messages");
        told
    }

    /// What a node's API has answered for.
    pub(super) fn accept(&mut self, who: usize, accepted: impl IntoIterator<Item = Accepted>) {
        for Accepted { id, position, text } in accepted {
            self.entry(&id, position, &text).has[who] = true;
        }
    }

    /// A node shows something new only past this position.
    pub(super) fn settled(&self) -> u64 {
        self.settled
    }

    /// What has changed at a node since it was last checked is past this position.
    pub(super) fn checked(&self, who: usize) -> u64 {
        self.checked[who]
    }

    fn settle(&mut self) {
        let mut past = self.order.range((self.settled + 1, String::new())..);
        let open = past.find(|(_, id)| !self.told[id].is_settled());
        let newest = self.order.last().map_or(0, |(position, _)| *position);
        self.settled = open.map_or(newest, |(position, _)| position - 1);
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
        self.settle();
    }

    /// What a node shows is each once and in order, and nothing is missing that it had: answered for by itself, shown
    /// by itself, or acknowledged to the author's node.
    pub(super) fn check(&mut self, who: usize, shown: &[Shown], killed: Instant) {
        once_and_in_order(shown);
        let from = shown.first().map_or(0, |first| first.position);
        let by_id: BTreeMap<&str, &Shown> =
            shown.iter().map(|message| (message.id.as_str(), message)).collect();
        for (_, id) in self.order.range((from + 1, String::new())..) {
            let told = &self.told[id];
            if !told.has[who] {
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
        self.checked[who] = self.settled;
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

const DEVICES: [&str; 3] = ["acme", "ana", "carla"];

/// Acme's message at this place, as Acme's node shows it: delivered, or not yet.
fn of_acme(position: u64, delivered: bool) -> Shown {
    let arrived = if delivered { &DEVICES[1..] } else { &[] };
    Shown {
        id: format!("#{position}"),
        position,
        text: format!("acme {position:06}"),
        mine: true,
        state: if delivered { DELIVERED } else { 0 },
        arrived: arrived.iter().map(|device| (*device).to_owned()).collect(),
    }
}

#[test]
fn what_can_still_change_is_looked_at_and_no_more() {
    let mut ledger = Ledger::default();
    ledger.note(0, &[of_acme(1, true), of_acme(2, true), of_acme(4, false), of_acme(5, true)], DEVICES);
    assert_eq!(ledger.settled(), 3);
    ledger.check(0, &[of_acme(2, true), of_acme(4, false), of_acme(5, true)], Instant::now());
    ledger.note(0, &[of_acme(4, true)], DEVICES);
    assert_eq!((ledger.settled(), ledger.checked(0)), (5, 3));
    // One that nobody had told of comes in between.
    let late = json!({ "message": "late", "position": 3 });
    ledger.accept(1, [Accepted::new(&late, "ana 000001".into())]);
    assert_eq!(ledger.settled(), 2);
}

#[test]
#[should_panic(expected = "node 1 has lost #2")]
fn a_message_that_its_author_saw_delivered_is_missed() {
    let mut ledger = Ledger::default();
    ledger.note(0, &[of_acme(1, true), of_acme(2, true)], DEVICES);
    ledger.check(1, &[Shown { mine: false, ..of_acme(1, true) }], Instant::now());
}

#[test]
#[should_panic(expected = "went back")]
fn a_state_that_was_shown_long_before_a_kill_is_missed() {
    let mut ledger = Ledger::default();
    ledger.note(0, &[of_acme(1, true), of_acme(2, true)], DEVICES);
    ledger.check(0, &[of_acme(1, true), of_acme(2, false)], Instant::now() + LASTING);
}
