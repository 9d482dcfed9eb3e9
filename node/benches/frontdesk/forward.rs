//! From the command to forward a thread until the customer has the agent's first message.

use crate::{
    http::{Connection, text},
    messages::open_thread,
    node::Place,
    report::{Line, Quantity, Target},
    times::Times,
};
use anyhow::{Result, ensure};
use serde_json::{Value, json};
use std::{
    thread::sleep,
    time::{Duration, Instant},
};

const THREADS: usize = 40;
const MOST: Duration = Duration::from_millis(15);
/// What the bot says as soon as it is in.
const GREETING: &str = "Good morning, what can I do for you?";
/// Between two looks at the agent's key packages, and how many looks.
const LOOK: Duration = Duration::from_millis(10);
const LOOKS: usize = 3_000;

/// Measures with three nodes: the administrator's, an agent's with a bot on it, and a customer's. Every thread is a
/// new one; the first forward, which has to connect customer and agent, is told on its own.
pub(crate) fn measure(place: &Place) -> Result<Vec<Line>> {
    let admin = place.found("entity", "forwarding")?.run()?;
    let agent = place.enrol(&admin, "bot")?.run()?;
    let customer = place.found("customer", "forwarded")?.run()?;
    let mut command = admin.api()?;
    let device = stocked_device(&mut command)?;
    let mut answer = agent.api()?;
    let (mut bot, link) = (agent.events()?, admin.link()?);
    let (mut first, mut times) = (Duration::ZERO, Times::default());
    for number in 0..=THREADS {
        let thread = open_thread(&customer, &link)?;
        let mut heard = customer.events()?;
        let start = Instant::now();
        command.post(&format!("/v1/threads/{thread}/forward"), &json!({ "to": device }))?;
        bot.wait("thread_opened", |body| (text(body, "/thread") == thread).then_some(()))?;
        answer.post(&format!("/v1/threads/{thread}/messages"), &json!({ "text": GREETING }))?;
        heard.wait("message", |body| {
            let ours = text(body, "/message/thread") == thread && text(body, "/message/text") == GREETING;
            ours.then_some(())
        })?;
        if number == 0 { first = start.elapsed() } else { times.push(start.elapsed()) }
    }
    [customer, agent, admin].into_iter().try_for_each(crate::node::Node::stop)?;
    let line = |name, what: &str, time| Line::new(name, what, Quantity::Time(time));
    Ok(vec![
        line("forward", "forward -> the agent's first message stored by the customer, p50", times.p50())
            .target(Target::AtMost(Quantity::Time(MOST))),
        line("forward_p99", "the same, p99", times.p99()),
        line("forward_first", "the same, the first: customer and agent have to connect", first),
    ])
}

/// The agent's device, once enough of its key packages are with the administrator.
fn stocked_device(api: &mut Connection) -> Result<String> {
    for _ in 0..LOOKS {
        let devices = api.get("/v1/devices")?;
        let mut others = devices.as_array().into_iter().flatten();
        let other = others.find(|device| device.pointer("/me") == Some(&Value::Bool(false)));
        if let Some(agent) = other
            && agent.pointer("/key_packages").and_then(Value::as_u64) > Some(0)
            && agent.pointer("/online") == Some(&Value::Bool(true))
        {
            return Ok(text(agent, "/device").to_owned());
        }
        sleep(LOOK);
    }
    ensure!(false, "the agent's key packages did not come");
    Ok(String::new())
}
