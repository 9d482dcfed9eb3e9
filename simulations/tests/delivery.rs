//! Delivery in storms: every message arrives at every reader once, and all readers show the same order.
//!
//! `FRONTDESK_SEEDS` sets how many seeds are run (default 1,000), `FRONTDESK_FIRST_SEED` where they begin.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

use frontdesk_engine::{Event, HistoryChoice, MessageState, Query, ReceiverView, Settings};
use frontdesk_identity::ThreadId;
use frontdesk_sim::{
    NodeId, SimError, Weather, World,
    office::{Office, PATIENCE, is_in, messages, who},
};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};

/// Seeds that once failed, and were mended in the engine.
const MENDED: [u64; 4] = [304, 699, 1687, 1727];

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[test]
fn whatever_the_network_does_every_message_arrives_once_and_in_the_same_order_everywhere() {
    let first = number("FRONTDESK_FIRST_SEED", 0);
    let seeds = number("FRONTDESK_SEEDS", 1_000);
    let next = std::sync::atomic::AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().unwrap().get() {
            scope.spawn(|| {
                let base = base();
                loop {
                    let seed = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    if seed >= seeds {
                        break;
                    }
                    let seed = first + seed;
                    if let Err(error) = run(&base, seed) {
                        panic!("seed {seed}: {error}");
                    }
                }
            });
        }
    });
}

#[test]
fn what_once_failed_stays_mended() {
    let base = base();
    for seed in MENDED {
        run(&base, seed).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    }
}

/// Enrolment takes longer than all the rest, and its own tests look at it. One for all seeds, so that each names its run.
fn base() -> Office {
    Office::open(0, Weather::FAIR, 2, Settings::default()).unwrap()
}

/// A conversation of four devices with forwards, a hand-over and crashes in between, all in a storm.
fn run(base: &Office, seed: u64) -> Result<(), SimError> {
    let mut rng = ChaCha20Rng::seed_from_u64(seed ^ 0x5eed);
    let mut office = base.fork(seed)?;
    let (acme, carla, ana, ben) = (office.acme, office.customer, office.agents[0], office.agents[1]);
    office.world.weather = Weather::STORM;
    let thread = office.contact("hello")?;
    let mut sent = 1;
    let mut talk = |office: &mut Office, who: &[NodeId], rng: &mut ChaCha20Rng| -> Result<(), SimError> {
        for _ in 0..6 {
            let speaker = who[rng.next_u32() as usize % who.len()];
            sent += 1;
            office.say(speaker, thread, &format!("message {sent}"))?;
            office.world.pass(u64::from(rng.next_u32() % 300))?;
        }
        Ok(())
    };
    talk(&mut office, &[acme, carla], &mut rng)?;
    office.forward(thread, ana, HistoryChoice::All, false)?;
    talk(&mut office, &[acme, carla, ana], &mut rng)?;
    let victim = [acme, carla, ana][rng.next_u32() as usize % 3];
    office.world.crash(victim, 500)?;
    office.world.pass(600)?;
    talk(&mut office, &[acme, carla, ana], &mut rng)?;
    office.forward(thread, ben, HistoryChoice::All, false)?;
    talk(&mut office, &[acme, carla, ana, ben], &mut rng)?;
    let readers = [acme, carla, ana, ben];
    let arrived = office.world.until_about("all messages everywhere", PATIENCE, |world| {
        readers.iter().all(|reader| messages(world, *reader, thread).len() >= sent)
    });
    if let Err(error) = arrived {
        return Err(SimError::Broken(format!("{error}\n{}", report(&office, thread, &readers))));
    }
    // An acknowledgement can get lost as well: what the author shows is honest in the end.
    let told = office.world.until_about("each author told of each delivery", PATIENCE, |world| {
        readers.iter().all(|reader| undelivered(world, *reader, thread).is_empty())
    });
    if let Err(error) = told {
        let waiting = readers.map(|reader| undelivered(&office.world, reader, thread));
        return Err(SimError::Broken(format!("{error}: {waiting:?}")));
    }
    let shown =
        |node| messages(&office.world, node, thread).into_iter().map(|m| (m.id, m.text)).collect::<Vec<_>>();
    let order = shown(carla);
    check(order.len() == sent, "a message was shown twice")?;
    for reader in readers {
        check(shown(reader) == order, "two members show another order")?;
        let mut accused = office.world.node(reader)?.events.iter();
        let accused = accused.find(|event| matches!(event, Event::Security { .. }));
        check(accused.is_none(), &format!("an honest node was accused: {accused:?}"))?;
    }
    office
        .forward(thread, ben, HistoryChoice::All, false)
        .map_or(Ok(()), |()| check(false, "Ben came in twice"))?;
    check(who(&office.world, carla, thread).is_some_and(|who| who.members.len() == 4), "members differ")?;
    check(is_in(&office.world, ana, thread), "Ana is out")
}

/// The messages that `author` wrote and that it does not show as delivered to all.
fn undelivered(world: &World, author: NodeId, thread: ThreadId) -> Vec<(String, MessageState)> {
    let missing = |view: &ReceiverView| !matches!(view.state, MessageState::Delivered | MessageState::Read);
    let mine = messages(world, author, thread).into_iter().filter(|message| message.mine);
    mine.flat_map(|message| {
        let receivers = message.receivers.into_iter().filter(missing);
        receivers.map(move |receiver| (message.id.clone(), receiver.state)).collect::<Vec<_>>()
    })
    .collect()
}

/// What each reader has, for the one who has to find out why.
fn report(office: &Office, thread: ThreadId, readers: &[NodeId]) -> String {
    let mut lines = Vec::new();
    for reader in readers {
        let view = office.world.query(*reader, &Query::Thread(thread));
        lines.push(format!("{reader:?}: {view:?}"));
        let shown = messages(&office.world, *reader, thread).into_iter();
        lines.push(shown.map(|m| format!("{}@{}", m.id, m.position.0)).collect::<Vec<_>>().join(" "));
        let status = office.world.query(*reader, &Query::Status);
        lines.push(format!("{status:?}"));
        let told = &office.world.node(*reader).unwrap().events;
        let told =
            told.iter().filter(|event| !matches!(event, Event::Message { .. } | Event::CommandDone { .. }));
        lines.extend(told.rev().take(12).map(|event| format!("   {event:?}")));
    }
    lines.join("\n")
}

fn check(holds: bool, what: &str) -> Result<(), SimError> {
    if holds { Ok(()) } else { Err(SimError::Broken(what.to_owned())) }
}
