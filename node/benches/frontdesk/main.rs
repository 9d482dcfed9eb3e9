//! What Frontdesk costs, beside what its parts cost on this machine: `cargo bench -p frontdesk`.
//!
//! Options, after `--`: `--json FILE` writes the figures for programs (or `FRONTDESK_BENCH_JSON`), `--write-page` puts
//! them into `docs/performance.md`, `--only PART` measures one part. Takes about three minutes; the machine should have
//! nothing else to do.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program that prints its results")]

mod crowd;
mod floors;
mod forward;
mod http;
mod machine;
mod messages;
mod mls;
mod node;
mod page;
mod report;
mod size;
mod stream;
mod times;

use anyhow::Result;
use clap::{Parser, ValueEnum};
use floors::Floors;
use machine::Machine;
use node::Place;
use report::Report;
use std::path::PathBuf;

#[derive(Debug, Parser)]
struct Options {
    /// Write the figures here, as JSON.
    #[arg(long, value_name = "FILE", env = "FRONTDESK_BENCH_JSON")]
    json: Option<PathBuf>,
    /// Put the figures into `docs/performance.md`.
    #[arg(long)]
    write_page: bool,
    /// Measure this part alone; figures that need the floors then go without.
    #[arg(long)]
    only: Option<Part>,
    /// What cargo says to tell a bench from a test.
    #[arg(long, hide = true)]
    bench: bool,
    /// Be the other process of the bare stream.
    #[arg(long, hide = true)]
    echo: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    Floors,
    Messages,
    Forward,
    Size,
}

fn main() -> Result<()> {
    let options = Options::parse();
    if options.echo {
        return stream::echo();
    }
    if !options.bench {
        println!("measures nothing unless `cargo bench` asks");
        return Ok(());
    }
    let place = Place::new()?;
    let machine = Machine::describe(place.path());
    let warning = machine.warning();
    if let Some(warning) = &warning {
        eprintln!("warning: {warning}");
    }
    println!("{}\n", machine.markdown());
    let mut report = Report::new(machine);
    measure(&options, &place, &mut report)?;
    warning.into_iter().for_each(|warning| report.note(warning));
    print!("{report}");
    if let Some(path) = &options.json {
        std::fs::write(path, format!("{:#}\n", report.json()))?;
    }
    if options.write_page { page::write(&report.markdown()) } else { Ok(()) }
}

fn measure(options: &Options, place: &Place, report: &mut Report) -> Result<()> {
    let wanted = |part| {
        let wanted = options.only.is_none_or(|only| only == part);
        if wanted {
            eprintln!("measuring: {part:?} ..");
        }
        wanted
    };
    let floors = wanted(Part::Floors).then(|| Floors::measure(place.path())).transpose()?;
    if let Some(floors) = &floors {
        report.add("Floors", floors.lines());
    }
    if wanted(Part::Messages) {
        report.add("Messages of 256 B", messages::measure(place, floors.as_ref())?);
    }
    if wanted(Part::Forward) {
        report.add("Forward", forward::measure(place)?);
    }
    if wanted(Part::Size) {
        let (lines, note) = size::measure(place)?;
        report.add("Start and memory", lines);
        report.note(note);
    }
    Ok(())
}
