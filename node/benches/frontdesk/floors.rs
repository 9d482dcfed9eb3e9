//! The floors: what the parts cost that no program of this kind can do without.

use crate::{
    mls,
    report::{Line, Quantity},
    stream,
    times::Times,
};
use anyhow::Result;
use std::{fs::OpenOptions, io::Write as _, path::Path, time::Duration};

const APPENDS: usize = 1_000;
const BLOCK: [u8; 4096] = [7; 4096];

/// The floors, as measured here.
#[derive(Debug)]
pub(crate) struct Floors {
    round_trip: Times,
    append: Times,
    create: Times,
    process: Times,
}

impl Floors {
    /// Measures all of them; files go into `folder`.
    pub(crate) fn measure(folder: &Path) -> Result<Self> {
        let (create, process) = mls::create_and_process()?;
        Ok(Self { round_trip: stream::round_trips()?, append: appends(folder)?, create, process })
    }

    /// A message that is durable on both sides: two flushes, there and back, sealed and opened.
    pub(crate) fn message(&self) -> Duration {
        self.append.p50() * 2 + self.round_trip.p50() + self.cryptography()
    }

    /// Messages a second, if there were nothing but their cryptography, one after the other.
    pub(crate) fn rate(&self) -> f64 {
        1.0 / self.cryptography().as_secs_f64()
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
            line("floor_message", "their sum for one message (two appends)", self.message()),
        ]
    }
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
