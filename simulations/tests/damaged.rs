//! Rows that were altered on the disk: a node says so, or goes on without them, and never panics.
//!
//! `FRONTDESK_FUZZ_CASES` raises the number of cases.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use frontdesk_engine::{Command, CommandId, Engine, HistoryChoice, Input, Now, Query};
use frontdesk_sim::{NodeId, Siege, SimError};
use frontdesk_store::{Batch, MemoryStore, Overlay, Reader as _, Scan, Store as _};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};
use std::{collections::BTreeMap, error::Error};

const DAY: u64 = 24 * 3600;
const CASES: u64 = 1_500;

fn cases() -> u64 {
    std::env::var("FRONTDESK_FUZZ_CASES").map_or(CASES, |count| count.parse().unwrap()).max(CASES)
}

/// A world in which each node has rows of many kinds: Ben is on his way in, Carla is cut off, and somebody is invited.
fn world() -> Siege {
    let mut siege = Siege::lay(HistoryChoice::All, DAY).unwrap();
    let (acme, carla, ana, ben, thread) = (siege.acme, siege.carla, siege.ana, siege.ben, siege.thread);
    let invite = Command::Invite { role: frontdesk_engine::Role::Agent, name: "Dora".into(), lasts: DAY };
    siege.office.world.command(acme, invite).unwrap();
    siege.office.world.part(acme, carla).unwrap();
    siege.office.world.part(ana, carla).unwrap();
    for node in [acme, carla, ana] {
        siege.office.say(node, thread, "is anybody there?").unwrap();
    }
    siege.office.ask_forward(ana, thread, ben, (HistoryChoice::Last(3), DAY, false)).unwrap();
    siege
}

fn below(rng: &mut ChaCha20Rng, end: usize) -> usize {
    usize::try_from(rng.next_u32()).unwrap_or_default() % end.max(1)
}

fn alter(rng: &mut ChaCha20Rng, mut value: Vec<u8>) -> Vec<u8> {
    for _ in 0..=below(rng, 2) {
        let at = below(rng, value.len());
        let end = (at + below(rng, 20)).min(value.len());
        match below(rng, 5) {
            0 => value.truncate(at),
            1 => drop(value.drain(at..end)),
            2 => value.insert(at, u8::try_from(below(rng, 256)).unwrap()),
            3 => value.clear(),
            _ => value.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << (at % 8)),
        }
    }
    value
}

/// What a driver does with a node: its beginning, peers that come, commands, questions, deadlines.
fn live(siege: &Siege, node: NodeId, store: &MemoryStore) -> Result<(), Box<dyn Error>> {
    let (mut engine, now) = siege.office.world.open_over(node, store)?;
    let overlay = Overlay::new(store);
    engine.start(now, &overlay)?;
    for peer in [siege.acme, siege.carla, siege.ana, siege.ben].into_iter().filter(|peer| *peer != node) {
        let key = siege.office.world.node(peer)?.transport();
        engine.handle(now, Input::PeerUp(key), &overlay)?;
        for bytes in greetings(siege, peer, node)? {
            engine.handle(now, Input::Frame { from: key, bytes }, &overlay)?;
        }
    }
    ask(siege, &engine, now, store)?;
    for command in commands(siege)? {
        engine.handle(now, Input::Command { id: CommandId(1), command }, &overlay)?;
    }
    engine.handle(now, Input::Deadline, &overlay)?;
    engine.finish(now, &overlay)?;
    store.commit(&overlay.into_batch())?;
    store.flush()?;
    ask(siege, &engine, now, store)
}

/// What the one has sent to the other so far.
fn greetings(siege: &Siege, from: NodeId, to: NodeId) -> Result<Vec<Vec<u8>>, SimError> {
    let tape = siege.office.world.tape().iter();
    Ok(tape.filter(|sent| sent.from == from && sent.to == to).map(|sent| sent.frame.clone()).collect())
}

fn commands(siege: &Siege) -> Result<Vec<Command>, SimError> {
    let (thread, ben) = (siege.thread, siege.device(siege.ben)?);
    let forward = Command::Forward {
        thread,
        to: Some(ben),
        history: HistoryChoice::All,
        lasts: DAY,
        hand_over: true,
        note: String::new(),
    };
    Ok(vec![
        Command::Send { thread, text: "still there".into() },
        forward,
        Command::Revoke { thread, from: siege.device(siege.ana)? },
        Command::RemoveDevice { device: ben },
        Command::Close { thread },
    ])
}

fn ask(siege: &Siege, engine: &Engine, now: Now, store: &MemoryStore) -> Result<(), Box<dyn Error>> {
    let thread = siege.thread;
    for query in [
        Query::Status,
        Query::Threads,
        Query::Devices,
        Query::Requests,
        Query::Thread(thread),
        Query::Messages { thread, before: None, limit: 1000 },
        Query::Who(thread),
    ] {
        engine.query(now, store, &query)?;
    }
    Ok(())
}

#[test]
fn a_node_over_altered_rows_says_so_or_goes_on_and_never_panics() {
    let siege = world();
    let nodes = [siege.acme, siege.carla, siege.ana];
    for node in nodes {
        live(&siege, node, &siege.office.world.copy_of(node).unwrap()).unwrap();
    }
    // By the first byte of the key: how many went on, and how many were refused.
    let mut kinds: BTreeMap<char, (u64, u64)> = BTreeMap::new();
    for case in 0..cases() {
        let mut rng = ChaCha20Rng::seed_from_u64(case);
        let node = *nodes.get(below(&mut rng, 3)).unwrap();
        let store = siege.office.world.copy_of(node).unwrap();
        let rows = store.scan(&Scan::prefix(b"")).unwrap();
        let (key, value) = rows.get(below(&mut rng, rows.len())).unwrap().clone();
        let mut batch = Batch::new();
        batch.put(key.clone(), alter(&mut rng, value)).unwrap();
        store.commit(&batch).unwrap();
        store.flush().unwrap();
        let kind = kinds.entry(char::from(*key.first().unwrap())).or_default();
        match live(&siege, node, &store) {
            Ok(()) => kind.0 += 1,
            Err(_) => kind.1 += 1,
        }
    }
    let refused: u64 = kinds.values().map(|(_, refused)| refused).sum();
    assert!(kinds.len() >= 10, "rows of few kinds: {kinds:?}");
    assert!(refused * 10 > cases() && refused < cases(), "{kinds:?}");
}
