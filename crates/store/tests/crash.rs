//! A process that writes to the store is killed at random moments; whatever it acknowledged is there afterwards.

#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test fails by panicking, its child answers on standard output, and the seed is printed"
)]

use std::env;
use std::io::{BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use frontdesk_store::{
    Batch, MasterKey, Reader as _, Scan, Sealed, SledOptions, SledStore, Store as _, StoreError,
};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};
use tempfile::TempDir;

const HOME: &str = "FRONTDESK_STORE_CRASH_HOME";
const SEED: u64 = 0x5eed;
const KILLS: u32 = 100;

/// Records of one batch: their number tells whether a batch is whole.
const PARTS: u64 = 12;

#[test]
fn a_killed_writer_loses_nothing_that_it_acknowledged_and_leaves_no_half_batch() {
    eprintln!("seed {SEED:#x}");
    let mut rng = ChaCha20Rng::seed_from_u64(SEED);
    let home = TempDir::new().unwrap();
    let mut stored = 0;
    for kill in 0..KILLS {
        let (child, mut lines) = spawn_writer(home.path());
        let first = read_number(&mut lines).unwrap();
        assert_eq!(first, stored + 1, "the writer went on elsewhere after kill {kill}");
        // The moment of the kill, and not a wait for anything.
        sleep(Duration::from_micros(u64::from(rng.next_u32() % 30_000)));
        let acknowledged = kill_and_drain(child, lines, first);
        stored = verify(home.path());
        assert!(stored >= acknowledged, "kill {kill}: {acknowledged} acknowledged and {stored} stored");
    }
    eprintln!("{stored} batches in {KILLS} lives");
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

fn kill_and_drain(mut child: Child, mut lines: BufReader<ChildStdout>, first: u64) -> u64 {
    // SIGKILL on Unix.
    child.kill().unwrap();
    child.wait().unwrap();
    let mut rest = Vec::new();
    lines.read_to_end(&mut rest).unwrap();
    let mut rest = rest.as_slice();
    let mut last = first;
    while let Some(number) = read_number(&mut rest) {
        assert_eq!(number, last + 1, "acknowledged out of order");
        last = number;
    }
    last
}
