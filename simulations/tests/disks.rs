//! A business at work on real disks, whose power is cut between a commit and its flush, and right after a flush.
//!
//! `FRONTDESK_DISK_SEEDS` sets how many seeds are run (default 12), `FRONTDESK_FIRST_SEED` where they begin.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

use frontdesk_engine::{CommandError, Event, HistoryChoice, MessageState, Settings};
use frontdesk_identity::ThreadId;
use frontdesk_sim::{
    Disk, Failure, NodeId, SimError, Weather, World,
    office::{Office, PATIENCE, messages, texts},
};
use frontdesk_store::{
    Batch, Entry, MasterKey, PowerCut, Reader, Scan, Sealed, SledOptions, SledStore, Store, StoreError,
};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};
use std::{
    collections::BTreeSet,
    io::Write as _,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};
use tempfile::TempDir;

/// The store of the program in a folder of its own, under a switch.
#[derive(Debug)]
struct Folder {
    store: Option<PowerCut<Sealed<SledStore>>>,
    home: TempDir,
    lives: u64,
    cuts: Arc<Cuts>,
}

#[derive(Debug, Default)]
struct Cuts {
    all: AtomicU64,
    /// Those that took something.
    lost: AtomicU64,
}

impl Folder {
    fn new(cuts: &Arc<Cuts>) -> Self {
        let home = TempDir::new().unwrap();
        let store = Some(open(home.path(), 0).unwrap());
        Self { store, home, lives: 0, cuts: cuts.clone() }
    }

    fn store(&self) -> &PowerCut<Sealed<SledStore>> {
        self.store.as_ref().unwrap()
    }
}

/// Each life has nonces of its own.
fn open(home: &Path, life: u64) -> Result<PowerCut<Sealed<SledStore>>, StoreError> {
    let engine = SledStore::open(home, &SledOptions::default())?;
    let store = Sealed::open(engine, &MasterKey::from([7; 32]), ChaCha20Rng::seed_from_u64(life))?;
    Ok(PowerCut::new(store))
}

impl Disk for Folder {
    fn cut(&mut self) -> Result<(), StoreError> {
        let store = self.store.take().unwrap();
        self.cuts.all.fetch_add(1, Ordering::Relaxed);
        self.cuts.lost.fetch_add(u64::from(store.has_unflushed()), Ordering::Relaxed);
        store.cut();
        // Not closed in order.
        drop(store);
        self.lives += 1;
        self.store = Some(open(self.home.path(), self.lives)?);
        Ok(())
    }

    fn size(&self) -> (usize, usize) {
        let entries = self.scan(&Scan::prefix(b"")).unwrap();
        (entries.len(), entries.iter().map(|(key, value)| key.len() + value.len()).sum())
    }
}

impl Reader for Folder {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.store().get(key)
    }

    fn scan(&self, scan: &Scan<'_>) -> Result<Vec<Entry>, StoreError> {
        self.store().scan(scan)
    }
}

impl Store for Folder {
    fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
        self.store().commit(batch)
    }

    fn flush(&self) -> Result<(), StoreError> {
        self.store().flush()
    }
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[test]
fn whenever_the_power_is_cut_real_disks_lose_nothing_that_was_answered_for_and_nothing_comes_twice() {
    let first = number("FRONTDESK_FIRST_SEED", 0);
    let seeds = number("FRONTDESK_DISK_SEEDS", 12);
    let (cuts, next) = (Arc::new(Cuts::default()), AtomicU64::new(first));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().unwrap().get() {
            scope.spawn(|| {
                let base = Office::open(0, Weather::FAIR, 1, Settings::default()).unwrap();
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + seeds {
                        break;
                    }
                    run(&base, seed, &cuts).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
                }
            });
        }
    });
    let [all, lost] = [&cuts.all, &cuts.lost].map(|count| count.load(Ordering::Relaxed));
    assert!(lost >= seeds, "{all} cuts, of which {lost} took something");
    // Past the capture of the test's output: a battery says what it did.
    writeln!(
        std::io::stderr(),
        "real disks: {all} power cuts, of which {lost} took something that nobody had answered for"
    )
    .unwrap();
}

/// A conversation of three in a storm, in which steps of each are cut short.
fn run(base: &Office, seed: u64, cuts: &Arc<Cuts>) -> Result<(), SimError> {
    let mut rng = ChaCha20Rng::seed_from_u64(seed ^ 0xd15c);
    let mut office = base.fork(seed)?;
    let members = [office.acme, office.customer, office.agents[0]];
    for node in members {
        office.world.give_disk(node, Folder::new(cuts))?;
    }
    let thread = office.contact("hello")?;
    office.forward(thread, office.agents[0], HistoryChoice::All, false)?;
    office.world.weather = Weather::STORM;
    let mut answered = vec![(office.customer, "hello".to_owned())];
    let mut below = |bound: u32| rng.next_u32() % bound;
    for count in 0..40 {
        let [victim, speaker, failure] = [3, 3, 2].map(|bound| usize::try_from(below(bound)).unwrap());
        let failure = [Failure::CutBeforeFlush, Failure::CutAfterFlush][failure];
        office.world.fail_step(members[victim], below(6), failure)?;
        let (speaker, text) = (members[speaker], format!("message {count}"));
        match office.say(speaker, thread, &text) {
            Ok(()) => answered.push((speaker, text)),
            // Its power was cut, or is off.
            Err(SimError::Command(CommandError::Storage(_) | CommandError::NotOpen)) => {}
            Err(other) => return Err(other),
        }
        office.world.pass(below(900).into())?;
        for (author, text) in &answered {
            let is_up = office.world.node(*author)?.is_up();
            let has_it = || texts(&office.world, *author, thread).contains(text);
            check(!is_up || has_it(), &format!("{author:?} has lost `{text}`"))?;
        }
    }
    ends_well(&mut office.world, members, thread, &answered)
}

/// All members get everything that was answered for, once, in one order, and the authors learn of it.
fn ends_well(
    world: &mut World,
    members: [NodeId; 3],
    thread: ThreadId,
    answered: &[(NodeId, String)],
) -> Result<(), SimError> {
    let settled = |world: &World, node: NodeId| {
        let shown = messages(world, node, thread);
        let arrived = |state| matches!(state, MessageState::Delivered | MessageState::Read);
        let mut mine = shown.iter().filter(|message| message.mine);
        mine.all(|message| message.receivers.iter().all(|receiver| arrived(receiver.state)))
            && answered.iter().all(|(_, text)| shown.iter().any(|message| message.text == *text))
    };
    world.until_about("everything is everywhere", PATIENCE, |world| {
        members.iter().all(|node| world.node(*node).is_ok_and(|node| node.is_up()) && settled(world, *node))
    })?;
    let [acme, others @ ..] = members.map(|node| texts(world, node, thread));
    check(acme.iter().collect::<BTreeSet<_>>().len() == acme.len(), "something is shown twice")?;
    check(others.iter().all(|other| *other == acme), "two members show another order")?;
    for node in members {
        let mut told = world.node(node)?.events.iter();
        check(!told.any(|event| matches!(event, Event::Security { .. })), "an honest node was accused")?;
    }
    Ok(())
}

fn check(holds: bool, broken: &str) -> Result<(), SimError> {
    if holds { Ok(()) } else { Err(SimError::Broken(broken.to_owned())) }
}
