//! Prints what a durable step costs, against the floor of the disk:
//! `cargo run --release -p frontdesk-store --features sled --example floors [FOLDER]`.

#![expect(clippy::print_stdout, reason = "a program that prints")]

use std::error::Error;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use frontdesk_store::{Batch, MasterKey, Sealed, SledOptions, SledStore, Store};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

type Outcome<T> = Result<T, Box<dyn Error>>;

const STEPS: u32 = 2_000;
const MERGED: u32 = 64;

fn main() -> Outcome<()> {
    let folder = std::env::args_os().nth(1).map_or_else(std::env::temp_dir, PathBuf::from);
    let home = tempfile::TempDir::new_in(folder)?;
    println!("{STEPS} times each; a step is 5,000 B + 2 x 500 B");
    report("append 4 KiB, fdatasync", &appends(home.path())?, 1);
    let plain = SledStore::open(&home.path().join("plain"), &SledOptions::default())?;
    measure("sled", &plain)?;
    let engine = SledStore::open(&home.path().join("sealed"), &SledOptions::default())?;
    let sealed = Sealed::open(engine, &MasterKey::from([7; 32]), ChaCha20Rng::seed_from_u64(1))?;
    measure("sealed sled", &sealed)?;
    growth(&sealed)
}

fn measure(name: &str, store: &dyn Store) -> Outcome<()> {
    report(&format!("{name}: step, flush"), &steps(store, 1)?, 1);
    report(&format!("{name}: {MERGED} steps merged, flush; a step"), &steps(store, MERGED)?, MERGED);
    Ok(())
}

fn appends(home: &Path) -> Outcome<Vec<Duration>> {
    let mut file = OpenOptions::new().create(true).append(true).open(home.join("floor"))?;
    timed(STEPS, |_| {
        file.write_all(&[7; 4096])?;
        Ok(file.sync_data()?)
    })
}

fn steps(store: &dyn Store, merged: u32) -> Outcome<Vec<Duration>> {
    timed(STEPS / merged, |round| {
        let mut batch = Batch::new();
        for number in 0..merged {
            batch.merge(step(round * merged + number)?);
        }
        store.commit(&batch)?;
        Ok(store.flush()?)
    })
}

/// One of 500 threads moves on: its state is written over, a message and an outbox entry are new.
fn step(number: u32) -> Outcome<Batch> {
    let thread = number % 500;
    let mut batch = Batch::new();
    batch.put(format!("state/{thread:08}"), vec![number.to_le_bytes()[0]; 5_000])?;
    batch.put(format!("message/{thread:08}/{number:08}"), vec![1; 500])?;
    batch.put(format!("outbox/{number:08}"), vec![2; 500])?;
    Ok(batch)
}

/// Whether the file stays in proportion when the same records are written over and over.
fn growth(store: &Sealed<SledStore>) -> Outcome<()> {
    for round in 1..=4u32 {
        for number in 0..10_000 {
            let mut batch = Batch::new();
            batch.put(format!("state/{:08}", number % 500), vec![round.to_le_bytes()[0]; 5_000])?;
            store.commit(&batch)?;
        }
        store.flush()?;
        let size = store.engine().size_on_disk()? / 1_000_000;
        println!("500 records of 5,000 B written over, {} MB in all: {size} MB on the disk", 50 * round);
    }
    Ok(())
}

fn timed(count: u32, mut work: impl FnMut(u32) -> Outcome<()>) -> Outcome<Vec<Duration>> {
    let one = |number| -> Outcome<Duration> {
        let start = Instant::now();
        work(number)?;
        Ok(start.elapsed())
    };
    (0..count).map(one).collect()
}

fn report(name: &str, times: &[Duration], per: u32) {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let at = |percent: usize| sorted.get(sorted.len() * percent / 100).copied().unwrap_or_default() / per;
    println!("{name:45} p50 {:9.1?}  p99 {:9.1?}", at(50), at(99));
}
