//! The floors: what the parts cost that no program of this kind can do without.

use crate::{
    mls,
    report::{Line, Quantity},
    stream,
    times::Times,
};
use anyhow::Result;
use std::{fs::OpenOptions, io::Write as _, path::Path, thread::ScopedJoinHandle, time::Duration};

const APPENDS: usize = 1_000;
const BLOCK: [u8; 4096] = [7; 4096];

/// The floors, as measured here.
#[derive(Debug)]
pub(crate) struct Floors {
    round_trip: Times,
    append: Times,
    create: Times,
    process: Times,
    /// Create and process, while every processor does nothing else.
    together: Duration,
}

impl Floors {
    /// Measures all of them; files go into `folder`.
    pub(crate) fn measure(folder: &Path) -> Result<Self> {
        let (create, process) = mls::create_and_process()?;
        let together = on_all_processors()?;
        Ok(Self { round_trip: stream::round_trips()?, append: appends(folder)?, create, process, together })
    }

    /// A message that is durable on both sides: two flushes, there and back, sealed and opened.
    pub(crate) fn message(&self) -> Duration {
        self.append.p50() * 2 + self.round_trip.p50() + self.cryptography()
    }

    fn cryptography(&self) -> Duration {
        self.create.p50() + self.process.p50()
    }

    pub(crate) fn lines(&self) -> Vec<Line> {
        let line = |name, what: &str, time| Line::new(name, what, Quantity::Time(time));
        vec![
            line(
                "floor_round_trip",
                "round trip of 256 B on a bare libp2p stream, p50",
                self.round_trip.p50(),
            ),
            line("floor_round_trip_p99", "the same, p99", self.round_trip.p99()),
            line("floor_append", "append of 4 KiB and fdatasync, p50", self.append.p50()),
            line("floor_append_p99", "the same, p99", self.append.p99()),
            line("floor_create", "MLS: create a message of 256 B, p50", self.create.p50()),
            line("floor_process", "MLS: process a message of 256 B, p50", self.process.p50()),
            line("floor_together", "both, while each processor does just that, p50", self.together),
            line("floor_message", "their sum for one message (two appends)", self.message()),
        ]
    }
}

/// Messages a second, if there were nothing but their cryptography, one after the other.
pub(crate) fn rate() -> Result<f64> {
    let (create, process) = mls::create_and_process()?;
    Ok(1.0 / (create.p50() + process.p50()).as_secs_f64())
}

/// Processors share caches and more: what one can do alone, two at once can't.
fn on_all_processors() -> Result<Duration> {
    let threads = std::thread::available_parallelism()?.get();
    let work = || mls::create_and_process().map(|(create, process)| create.p50() + process.p50());
    let times = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let join = |worker: ScopedJoinHandle<'_, _>| {
            worker.join().map_err(|_| anyhow::anyhow!("a measurement panicked"))?
        };
        workers.into_iter().map(join).collect::<Result<Vec<Duration>>>()
    })?;
    Ok(times.into_iter().max().unwrap_or_default())
}

fn appends(folder: &Path) -> Result<Times> {
    let path = folder.join("appends");
    let mut file = OpenOptions::new().create(true).append(true).open(&path)?;
    let times = Times::measure(APPENDS, |_| {
        file.write_all(&BLOCK)?;
        file.sync_data()
    })?;
    std::fs::remove_file(path)?;
    Ok(times)
}
