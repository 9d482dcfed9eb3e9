//! Messages between two nodes: one at a time, and as many as go.

use crate::{
    floors::Floors,
    http::{Connection, text},
    node::{Node, Place},
    report::{Line, Quantity, Target},
    times::Times,
};
use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use std::{
    thread::sleep,
    time::{Duration, Instant},
};

const ONE_AT_A_TIME: usize = 500;
const MANY: usize = 5_000;
/// Bursts of that many, each beside a floor of its own: the speed of a shared machine changes from second to second. The
/// middle one counts.
const BURSTS: usize = 5;
/// Callers that write at once, each waiting for its own answer before it writes again: as many as the API takes.
const CALLERS: usize = 128;
const SMALL: usize = 256;
const HOPS: usize = 1_000;
/// Between two looks at whether the last message has arrived.
const LOOK: Duration = Duration::from_millis(2);
/// The most messages in one answer.
const PAGE: usize = 1_000;

/// Measures with a business and a customer of their own.
pub(crate) fn measure(place: &Place, floors: Option<&Floors>) -> Result<Vec<Line>> {
    let (acme, carla) = (place.found("entity", "acme")?.run()?, place.found("customer", "carla")?.run()?);
    let thread = open_thread(&carla, &acme.link()?)?;
    let mut lines = one_at_a_time(&carla, &thread, floors)?;
    lines.extend(many(&carla, &acme)?);
    carla.stop()?;
    acme.stop()?;
    Ok(lines)
}

/// The customer writes to the business, and the business's node has the first message.
pub(crate) fn open_thread(customer: &Node, link: &str) -> Result<String> {
    let (mut api, mut events) = (customer.api()?, customer.events()?);
    let opened = api.post("/v1/contact", &json!({ "link": link, "text": "Good morning" }))?;
    let thread = text(&opened, "/thread").to_owned();
    events.wait("message_state", |body| {
        (text(body, "/thread") == thread && text(body, "/state") == "delivered").then_some(())
    })?;
    Ok(thread)
}

fn one_at_a_time(carla: &Node, thread: &str, floors: Option<&Floors>) -> Result<Vec<Line>> {
    let (mut api, mut events) = (carla.api()?, carla.events()?);
    let (path, body) = (format!("/v1/threads/{thread}/messages"), body(0));
    let hops = Times::measure(HOPS, |_| api.get("/v1/status").map(drop))?;
    let times = Times::measure(ONE_AT_A_TIME, |_| {
        api.send("POST", &path, &body)?;
        let queued = api.receive()?;
        let id = text(&queued, "/message");
        events.wait("message_state", |body| {
            (text(body, "/message") == id && text(body, "/state") == "delivered").then_some(())
        })
    })?;
    let floor = floors.map(|floors| Quantity::Time(floors.message()));
    let rested = floors.map(|floors| Quantity::Time(floors.message_rested()));
    let line = |name, what: &str, time| Line::new(name, what, Quantity::Time(time));
    Ok(vec![
        line("send", "send -> stored -> acknowledged, through the API, p50", times.p50())
            .floor(floor)
            .target(Target::TimesFloor(2.0)),
        line("send_rested", "the same, beside floors of processors that rest before each part", times.p50())
            .floor(rested)
            .target(Target::TimesFloor(2.0)),
        line("send_p99", "the same, p99", times.p99()).floor(floor),
        line("api_round_trip", "of that, there and back through the API (GET /v1/status), p50", hops.p50()),
    ])
}

/// What one burst took.
struct Burst {
    /// Messages a second, if there were nothing but their cryptography: measured just before.
    floor: f64,
    accepted: Duration,
    whole: Duration,
    /// Processor time of the sender's and the receiver's node.
    used: [Duration; 2],
}

impl Burst {
    /// In a thread of its own.
    fn measure(carla: &Node, acme: &Node) -> Result<Self> {
        let thread = &open_thread(carla, &acme.link()?)?;
        let floor = crate::floors::rate()?;
        let before = [carla.ticks()?, acme.ticks()?];
        let start = Instant::now();
        let last = burst(carla, thread)?;
        let accepted = start.elapsed();
        wait_for_last(&mut carla.api()?, thread, &last)?;
        let whole = start.elapsed();
        let used = [ticks(carla.ticks()? - before[0]), ticks(acme.ticks()? - before[1])];
        check_all_there(&mut carla.api()?, thread)?;
        check_all_there(&mut acme.api()?, thread)?;
        Ok(Self { floor, accepted, whole, used })
    }

    /// Of the floor.
    fn part(&self) -> f64 {
        rate(self.whole) / self.floor
    }
}

fn many(carla: &Node, acme: &Node) -> Result<Vec<Line>> {
    let mut bursts: Vec<Burst> = (0..BURSTS).map(|_| Burst::measure(carla, acme)).collect::<Result<_>>()?;
    let parts = bursts.iter().map(|burst| format!("{:.2}", burst.part())).collect::<Vec<_>>().join(", ");
    bursts.sort_by(|one, other| one.part().total_cmp(&other.part()));
    let middle = bursts.get(BURSTS / 2).context("no burst")?;
    let each = |used: Duration| Quantity::Time(used / u32::try_from(MANY).unwrap_or(1));
    let line = |name, what: &str, quantity| Line::new(name, what, quantity);
    Ok(vec![
        line(
            "throughput",
            &format!("{MANY} messages in flight together, durable on both sides; bursts: {parts}"),
            Quantity::Rate(rate(middle.whole)),
        )
        .floor(Some(Quantity::Rate(middle.floor)))
        .target(Target::PartOfFloor(0.5)),
        line(
            "throughput_accepted",
            "of that, accepted by the sender's API",
            Quantity::Rate(rate(middle.accepted)),
        ),
        line("sender_cpu", "processor time of the sender's node, a message", each(middle.used[0])),
        line("receiver_cpu", "processor time of the receiver's node, a message", each(middle.used[1])),
    ])
}

#[expect(clippy::cast_precision_loss, reason = "a few thousand")]
fn rate(took: Duration) -> f64 {
    MANY as f64 / took.as_secs_f64()
}

/// Clock ticks are hundredths of a second on every Linux that we know.
const fn ticks(count: u64) -> Duration {
    Duration::from_millis(10 * count)
}

/// Has all callers write, each its next message when its last one was answered. One thread plays all of them, so that
/// they cost little. Answers the last message's id.
fn burst(node: &Node, thread: &str) -> Result<String> {
    let path = format!("/v1/threads/{thread}/messages");
    let mut callers: Vec<Connection> = (0..CALLERS).map(|_| node.api()).collect::<Result<_>>()?;
    let bodies: Vec<String> = (1..=MANY).map(body).collect();
    let mut bodies = bodies.iter();
    for (caller, body) in callers.iter_mut().zip(bodies.by_ref()) {
        caller.send("POST", &path, body)?;
    }
    let mut last = (0, String::new());
    for turn in 0..MANY {
        let caller = callers.get_mut(turn % CALLERS).context("a caller")?;
        let queued = caller.receive()?;
        let position = queued.pointer("/position").and_then(Value::as_u64).context("a position")?;
        if position > last.0 {
            last = (position, text(&queued, "/message").to_owned());
        }
        if let Some(body) = bodies.next() {
            caller.send("POST", &path, body)?;
        }
    }
    Ok(last.1)
}

/// A link delivers in order, and acknowledges in order: who has the last has all.
fn wait_for_last(api: &mut Connection, thread: &str, last: &str) -> Result<()> {
    let path = format!("/v1/threads/{thread}/messages?limit=1");
    let patience = Instant::now() + Duration::from_secs(60);
    while Instant::now() < patience {
        let page = api.get(&path)?;
        let newest = page.pointer("/0").context("no message")?;
        ensure!(text(newest, "/id") == last, "the last message is not the last");
        if text(newest, "/state") == "delivered" {
            return Ok(());
        }
        sleep(LOOK);
    }
    anyhow::bail!("the last message did not arrive")
}

/// Every message of the burst is there once; at the sender, every one is known to be delivered.
fn check_all_there(api: &mut Connection, thread: &str) -> Result<()> {
    let mut numbers = Vec::new();
    let mut before = String::new();
    while numbers.len() < MANY {
        let page = api.get(&format!("/v1/threads/{thread}/messages?limit={PAGE}{before}"))?;
        let page = page.as_array().context("no list")?;
        let first = page.first().context("messages are missing")?;
        before = format!("&before={}", first.pointer("/position").context("no position")?);
        for message in page {
            let mine = message.pointer("/mine") == Some(&Value::Bool(true));
            ensure!(!mine || text(message, "/state") == "delivered", "a message is not delivered");
            numbers.extend(number_of(text(message, "/text")));
        }
    }
    numbers.sort_unstable();
    ensure!(numbers == (1..=MANY).collect::<Vec<_>>(), "messages are missing or twice there");
    Ok(())
}

/// A message of 256 bytes with a number in it, as the API takes it.
fn body(number: usize) -> String {
    json!({ "text": format!("{number:0>8}{}", ".".repeat(SMALL - 8)) }).to_string()
}

/// The number of a message of a burst.
fn number_of(text: &str) -> Option<usize> {
    text.get(..8)?.parse().ok().filter(|number| *number > 0)
}
