//! How long a node takes to start, and what memory it takes, by the threads in its store.

use crate::{
    crowd,
    http::text,
    node::{Home, Node, Place},
    report::{Line, Quantity, Target},
    times::Times,
};
use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use std::{
    net::TcpListener,
    thread::sleep,
    time::{Duration, Instant},
};

/// Starts of each size; the first finds the store's file in no memory but the system's.
const STARTS: usize = 5;
/// How long a node is left alone before its memory is looked at again.
const IDLE: Duration = Duration::from_secs(2);
const READY_WITHIN: Quantity = Quantity::Time(Duration::from_millis(500));
const MIB: u64 = 1024 * 1024;

struct Size {
    threads: usize,
    names: [&'static str; 3],
    /// What start and memory have to keep.
    targets: [Target; 2],
}

const SIZES: [Size; 3] = [
    Size {
        threads: 0,
        names: ["start_0", "memory_0", "memory_idle_0"],
        targets: [Target::None, Target::AtMost(Quantity::Memory(40 * MIB))],
    },
    Size {
        threads: 1_000,
        names: ["start_1000", "memory_1000", "memory_idle_1000"],
        targets: [Target::None; 2],
    },
    Size {
        threads: 10_000,
        names: ["start_10000", "memory_10000", "memory_idle_10000"],
        targets: [Target::AtMost(READY_WITHIN), Target::AtMost(Quantity::Memory(100 * MIB))],
    },
];

/// Measures one administrator's node that grows, at a fixed address as businesses have it, and at last one that moves:
/// it has news for every customer. Also says how long the threads took to make.
pub(crate) fn measure(place: &Place) -> Result<(Vec<Line>, String)> {
    let listen = free_address()?;
    let home = place.found_at("entity", "busy", &listen)?;
    let (mut lines, mut there, mut making) = (Vec::new(), 0, Duration::ZERO);
    for size in &SIZES {
        let start = Instant::now();
        crowd::grow(&home.path, &listen, size.threads - there)?;
        making += start.elapsed();
        there = size.threads;
        lines.extend(measure_size(&home, size)?);
    }
    lines.extend(measure_move(&home, there)?);
    let note = format!(
        "{there} threads, each of a customer of its own and in the hybrid suite, were made in {making:.0?}"
    );
    Ok((lines, note))
}

fn measure_size(home: &Home, size: &Size) -> Result<Vec<Line>> {
    let mut times = Times::default();
    for _ in 1..STARTS {
        let node = home.run()?;
        times.push(node.started_in);
        node.stop()?;
    }
    let node = home.run()?;
    times.push(node.started_in);
    let ready = node.resident()?;
    sleep(IDLE);
    let idle = node.resident()?;
    check(&node, size.threads)?;
    node.stop()?;
    let (threads, [start_name, ready_name, idle_name], [start, memory]) =
        (size.threads, size.names, size.targets);
    Ok(vec![
        Line::new(start_name, format!("start to ready, {threads} threads, p50"), Quantity::Time(times.p50()))
            .target(start),
        Line::new(
            ready_name,
            format!("resident memory, {threads} threads, when ready"),
            Quantity::Memory(ready),
        )
        .target(memory),
        Line::new(idle_name, "the same, after 2 s without work", Quantity::Memory(idle)).target(memory),
    ])
}

/// The first start at another address.
fn measure_move(home: &Home, threads: usize) -> Result<[Line; 2]> {
    let node = home.run_with(&["--listen", &free_address()?])?;
    let (started_in, ready) = (node.started_in, node.resident()?);
    node.stop()?;
    let start = format!("start to ready, {threads} threads, at a new address that all are to learn");
    Ok([
        Line::new("start_moved", start, Quantity::Time(started_in)),
        Line::new("memory_moved", "resident memory then, when ready", Quantity::Memory(ready)),
    ])
}

/// A port of loopback that nobody uses.
fn free_address() -> Result<String> {
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    Ok(format!("/ip4/127.0.0.1/tcp/{port}"))
}

/// The threads are real: they are listed, and their keys write.
fn check(node: &Node, threads: usize) -> Result<()> {
    let mut api = node.api()?;
    let status = api.get("/v1/status")?;
    ensure!(
        status.pointer("/threads").and_then(Value::as_u64) == Some(u64::try_from(threads)?),
        "not all threads are there"
    );
    if threads == 0 {
        return Ok(());
    }
    let list = api.get("/v1/threads")?;
    let oldest = list.as_array().and_then(|list| list.last()).context("no list")?;
    let path = format!("/v1/threads/{}/messages", text(oldest, "/id"));
    api.post(&path, &json!({ "text": "Good morning" }))?;
    Ok(())
}
