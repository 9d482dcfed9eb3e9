//! A process that writes to the store is killed at random moments; whatever it acknowledged is there afterwards.

#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by panicking, and its child answers on standard output"
)]

use std::env;
use std::io::{BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

use frontdesk_store::{
    Batch, MasterKey, Reader as _, Scan, Sealed, SledOptions, SledStore, Store as _, StoreError,
};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};
use tempfile::TempDir;

const HOME: &str = "FRONTDESK_STORE_CRASH_HOME";

/// How often, unless the environment says.
const KILLS: u64 = 850;

/// Stores that are killed at the same time, each with a part of the kills.
const STORES: u64 = 2;

/// The most that a life takes, in microseconds from its first acknowledgement. Most are short.
const SHORT: u32 = 12_000;
/// Long enough to fill the journal's file, and so for a checkpoint.
const LONG: u32 = 250_000;

/// Records of one batch: their number tells whether a batch is whole.
const PARTS: u64 = 12;

/// When a life ends.
#[derive(Debug, Clone, Copy)]
enum Moment {
    /// So many microseconds after the process began: it may not be ready yet.
    Start(u32),
    /// So many microseconds after its first acknowledgement.
    Work(u32),
    /// As soon as the database below the journal is written to, or after so many microseconds.
    Checkpoint(u32),
}

#[test]
fn a_killed_writer_loses_nothing_that_it_acknowledged_and_leaves_no_half_batch() {
    let seed = number("FRONTDESK_FIRST_SEED", 0x5eed);
    let kills = number("FRONTDESK_STORE_KILLS", KILLS);
    let began = Instant::now();
    let parts = (0..STORES).map(|part| (seed + part, kills / STORES + u64::from(part < kills % STORES)));
    let lives = std::thread::scope(|scope| {
        let stores: Vec<_> =
            parts.map(|(seed, kills)| scope.spawn(move || live_and_die(seed, kills))).collect();
        stores.into_iter().map(|store| store.join().unwrap()).collect::<Vec<_>>()
    });
    let sum = |of: fn(&Lives) -> u64| lives.iter().map(of).sum::<u64>();
    // Past the capture of the test's output: a battery says what it did.
    writeln!(
        std::io::stderr(),
        "the store: {kills} kills in {} s: {} in a start, {} in a checkpoint; {} batches stored, {} acknowledged by the killed; \
         FRONTDESK_FIRST_SEED={seed} plays them again",
        began.elapsed().as_secs(),
        sum(|lives| lives.starts),
        sum(|lives| lives.checkpoints),
        sum(|lives| lives.stored),
        sum(|lives| lives.acknowledged),
    )
    .unwrap();
}

/// What became of one store.
#[derive(Default)]
struct Lives {
    /// Killed before anything was acknowledged.
    starts: u64,
    /// Killed when the database had just been written to.
    checkpoints: u64,
    acknowledged: u64,
    stored: u64,
}

/// Kills the writer of one store so many times, and looks at the store after each.
fn live_and_die(seed: u64, kills: u64) -> Lives {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let home = TempDir::new().unwrap();
    let mut lives = Lives::default();
    for kill in 0..kills {
        let moment = choose(&mut rng);
        let told = |what: &str| format!("seed {seed}, kill {kill}, {moment:?}: {what}");
        let (child, mut lines) = spawn_writer(home.path());
        let first = wait_for(moment, home.path(), &mut lines, &mut lives);
        let heard = kill_and_drain(child, lines);
        let acknowledged: Vec<u64> = first.into_iter().chain(heard).collect();
        let expected: Vec<u64> = (lives.stored + 1..).take(acknowledged.len()).collect();
        assert_eq!(acknowledged, expected, "{}", told("acknowledged out of order"));
        let last = acknowledged.last().copied().unwrap_or(lives.stored);
        let stored = verify(home.path());
        // One more may have been stored whose acknowledgement was not heard.
        assert!(
            (last..=last + 1).contains(&stored),
            "{}",
            told(&format!("{last} acknowledged, {stored} stored"))
        );
        lives.starts += u64::from(acknowledged.is_empty());
        lives.acknowledged += u64::try_from(acknowledged.len()).unwrap();
        lives.stored = stored;
    }
    lives
}

fn choose(rng: &mut ChaCha20Rng) -> Moment {
    match rng.next_u32() % 20 {
        0..3 => Moment::Start(rng.next_u32() % 30_000),
        3 => Moment::Checkpoint(LONG),
        4 => Moment::Work(rng.next_u32() % LONG),
        _ => Moment::Work(rng.next_u32() % SHORT),
    }
}

/// Waits for the moment of a kill. Answers the first acknowledgement, if it waited for that.
fn wait_for(
    moment: Moment,
    home: &Path,
    lines: &mut BufReader<ChildStdout>,
    lives: &mut Lives,
) -> Option<u64> {
    if let Moment::Start(wait) = moment {
        // The moment of the kill, and not a wait for anything. So are the others.
        sleep(Duration::from_micros(wait.into()));
        return None;
    }
    let first = read_number(lines);
    assert!(first.is_some(), "the writer ended by itself");
    match moment {
        Moment::Start(_) => {}
        Moment::Work(wait) => sleep(Duration::from_micros(wait.into())),
        Moment::Checkpoint(most) => {
            let (end, written) = (Instant::now() + Duration::from_micros(most.into()), changed(home));
            while changed(home) == written && Instant::now() < end {
                sleep(Duration::from_micros(50));
            }
            lives.checkpoints += u64::from(changed(home) != written);
        }
    }
    first
}

/// When sled's file was last written to: at a checkpoint, and when its background thread has something to do.
fn changed(home: &Path) -> SystemTime {
    home.join("db").metadata().unwrap().modified().unwrap()
}

fn number(name: &str, default: u64) -> u64 {
    env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[test]
fn a_second_process_on_the_same_home_is_refused() {
    let home = TempDir::new().unwrap();
    let (mut child, mut lines) = spawn_writer(home.path());
    read_number(&mut lines).unwrap();
    let refused = SledStore::open(home.path(), &SledOptions::default()).unwrap_err();
    assert!(matches!(&refused, StoreError::InUse { path } if path.starts_with(home.path())), "{refused}");
    child.kill().unwrap();
    child.wait().unwrap();
    open(home.path());
}

/// Not a test of its own: the body of the child process.
#[test]
fn writer() {
    let Some(home) = env::var_os(HOME) else { return };
    let store = open(Path::new(&home));
    let mut number = last_number(&store);
    loop {
        number += 1;
        store.commit(&batch(number)).unwrap();
        store.flush().unwrap();
        println!("\n#{number}");
        std::io::stdout().flush().unwrap();
    }
}

fn open(home: &Path) -> Sealed<SledStore> {
    let engine = SledStore::open(home, &SledOptions::default()).unwrap();
    // Each life has nonces of its own: the number of its first batch would do, the process id is simpler.
    let rng = ChaCha20Rng::seed_from_u64(std::process::id().into());
    Sealed::open(engine, &MasterKey::from([7; 32]), rng).unwrap()
}

/// New records, one that is written over each time, one in pieces, and the deletion of an old one.
fn batch(number: u64) -> Batch {
    let mut batch = Batch::new();
    for part in 0..PARTS {
        batch
            .put(part_key(number, part), content(number, 200 + usize::try_from(part * 40).unwrap()))
            .unwrap();
    }
    batch.put("cursor", number.to_be_bytes()).unwrap();
    batch.put("state", content(number, 5_000)).unwrap();
    batch.put("large", content(number, 20_000)).unwrap();
    if let Some(old) = number.checked_sub(KEPT) {
        for part in 0..PARTS {
            batch.delete(part_key(old, part)).unwrap();
        }
    }
    batch
}

/// Batches whose records are still there; those of older ones are deleted.
const KEPT: u64 = 20;

fn part_key(number: u64, part: u64) -> String {
    format!("part/{number:010}/{part:02}")
}

fn content(number: u64, len: usize) -> Vec<u8> {
    number.to_be_bytes().into_iter().cycle().take(len).collect()
}

fn last_number(store: &Sealed<SledStore>) -> u64 {
    store.get(b"cursor").unwrap().map_or(0, |bytes| u64::from_be_bytes(bytes.try_into().unwrap()))
}

/// Opens the store, and checks that it is exactly what the batches up to some number make. Answers that number.
fn verify(home: &Path) -> u64 {
    let store = open(home);
    let number = last_number(&store);
    assert_eq!(store.get(b"state").unwrap().unwrap(), content(number, 5_000));
    assert!(store.get(b"large").unwrap().unwrap() == content(number, 20_000));
    let kept = number.saturating_sub(KEPT) + 1..=number;
    let expected = kept.flat_map(|number| (0..PARTS).map(move |part| part_key(number, part).into_bytes()));
    let parts = store.scan(&Scan::prefix(b"part/")).unwrap();
    let found: Vec<_> = parts.iter().map(|(key, _)| key.clone()).collect();
    assert_eq!(found, expected.collect::<Vec<_>>());
    for (key, value) in parts {
        let number: u64 = std::str::from_utf8(&key[5..15]).unwrap().parse().unwrap();
        assert_eq!(value[..8], number.to_be_bytes());
    }
    store.into_engine().close().unwrap();
    number
}

fn spawn_writer(home: &Path) -> (Child, BufReader<ChildStdout>) {
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["writer", "--exact", "--nocapture", "--test-threads=1"])
        .env(HOME, home)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap());
    (child, lines)
}

/// The next acknowledgement; `None` at the end of the output. A last line that the kill cut short doesn't count.
fn read_number(lines: &mut impl std::io::BufRead) -> Option<u64> {
    let mut line = String::new();
    while lines.read_line(&mut line).unwrap() > 0 {
        if let Some(number) = line.strip_prefix('#').and_then(|rest| rest.strip_suffix('\n')) {
            return Some(number.parse().unwrap());
        }
        line.clear();
    }
    None
}

/// Kills the writer. Answers what it had acknowledged and nobody had read.
fn kill_and_drain(mut child: Child, mut lines: BufReader<ChildStdout>) -> Vec<u64> {
    // SIGKILL on Unix.
    child.kill().unwrap();
    child.wait().unwrap();
    let mut rest = Vec::new();
    lines.read_to_end(&mut rest).unwrap();
    let mut rest = rest.as_slice();
    std::iter::from_fn(|| read_number(&mut rest)).collect()
}
