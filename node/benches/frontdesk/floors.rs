//! The floors: what the parts cost that no program of this kind can do without.

use crate::{
    mls,
    report::{Line, Quantity},
    stream,
    times::{Pace, Times},
};
use anyhow::Result;
use std::{
    fs::OpenOptions,
    io::Write as _,
    path::Path,
    thread::ScopedJoinHandle,
    time::{Duration, Instant},
};

const APPENDS: usize = 1_000;
const BLOCK: [u8; 4096] = [7; 4096];

/// The floors, as measured here.
#[derive(Debug)]
pub(crate) struct Floors {
    on_end: Parts,
    /// The same, by processors that wake for each: they begin with cold caches, as those of nodes do when messages come one at
    /// a time.
    rested: Parts,
    /// Create and process, while every processor does nothing else.
    together: Duration,
}

/// What every message needs.
#[derive(Debug)]
struct Parts {
    round_trip: Times,
    append: Times,
    create: Times,
    process: Times,
}

impl Parts {
    fn measure(folder: &Path, pace: Pace) -> Result<Self> {
        let (create, process) = mls::create_and_process(pace)?;
        Ok(Self { round_trip: stream::round_trips(pace)?, append: appends(folder, pace)?, create, process })
    }

    /// A message that is durable on both sides: two flushes, there and back, sealed and opened.
    fn message(&self) -> Duration {
        self.append.p50() * 2 + self.round_trip.p50() + self.create.p50() + self.process.p50()
    }
}

impl Floors {
    /// Measures all of them; files go into `folder`.
    pub(crate) fn measure(folder: &Path) -> Result<Self> {
        let on_end = Parts::measure(folder, Pace::OnEnd)?;
        let rested = Parts::measure(folder, Pace::Rested)?;
        Ok(Self { on_end, rested, together: on_all_processors()? })
    }

    /// One message, at its fastest.
    pub(crate) fn message(&self) -> Duration {
        self.on_end.message()
    }

    /// One message, when a processor has rested before each part of it.
    pub(crate) fn message_rested(&self) -> Duration {
        self.rested.message()
    }

    pub(crate) fn lines(&self) -> Vec<Line> {
        let line = |name, what: &str, time| Line::new(name, what, Quantity::Time(time));
        let Parts { round_trip, append, create, process } = &self.on_end;
        vec![
            line("floor_round_trip", "round trip of 256 B on a bare libp2p stream, p50", round_trip.p50()),
            line("floor_round_trip_p99", "the same, p99", round_trip.p99()),
            line("floor_append", "append of 4 KiB and fdatasync, p50", append.p50()),
            line("floor_append_p99", "the same, p99", append.p99()),
            line("floor_create", "MLS: create a message of 256 B, p50", create.p50()),
            line("floor_process", "MLS: process a message of 256 B, p50", process.p50()),
            line("floor_together", "both, while each processor does just that, p50", self.together),
            line("floor_message", "their sum for one message (two appends)", self.message()),
            line(
                "floor_message_rested",
                "that sum, by processors that rest for a millisecond before each part",
                self.message_rested(),
            ),
        ]
    }
}

/// Messages a second, if there were nothing but their cryptography, one after the other.
pub(crate) fn rate() -> Result<f64> {
    let (create, process) = mls::create_and_process(Pace::OnEnd)?;
    Ok(1.0 / (create.p50() + process.p50()).as_secs_f64())
}

/// Processors share caches and more: what one can do alone, two at once can't.
fn on_all_processors() -> Result<Duration> {
    let threads = std::thread::available_parallelism()?.get();
    let work = || mls::create_and_process(Pace::OnEnd).map(|(create, process)| create.p50() + process.p50());
    let times = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let join = |worker: ScopedJoinHandle<'_, _>| {
            worker.join().map_err(|_| anyhow::anyhow!("a measurement panicked"))?
        };
        workers.into_iter().map(join).collect::<Result<Vec<Duration>>>()
    })?;
    Ok(times.into_iter().max().unwrap_or_default())
}

fn appends(folder: &Path, pace: Pace) -> Result<Times> {
    let path = folder.join("appends");
    let mut file = OpenOptions::new().create(true).append(true).open(&path)?;
    let mut times = Times::default();
    for _ in 0..APPENDS {
        pace.wait();
        let start = Instant::now();
        file.write_all(&BLOCK)?;
        file.sync_data()?;
        times.push(start.elapsed());
    }
    std::fs::remove_file(path)?;
    Ok(times)
}
