//! `frontdesk-sim`: plays scenarios, and says what came of them.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a program that prints its results, and how long they took"
)]

use clap::{Parser, Subcommand};
use frontdesk_sim::lab::{self, Outcome, Scenario, Watch, figures::percentile};
use std::{
    error::Error,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Instant,
};

#[derive(Debug, Parser)]
#[command(
    about = "Plays whole businesses with their customers on virtual time, over Frontdesk's real engine."
)]
struct Options {
    /// Answer in JSON.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Play a scenario.
    Run {
        /// A scenario, such as simulations/scenarios/office.toml.
        scenario: PathBuf,
        /// The first seed: the same scenario and seed give the same run.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// So many runs, each with the next seed.
        #[arg(long, default_value_t = 1)]
        runs: u64,
        /// Where to write report.json and report.html of each run.
        #[arg(long)]
        out: Option<PathBuf>,
    },
}

fn main() -> ExitCode {
    let options = Options::parse();
    let Command::Run { scenario, seed, runs, out } = &options.command;
    match run(&options, scenario, (*seed, *runs), out.as_deref()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

fn run(
    options: &Options,
    path: &Path,
    (seed, runs): (u64, u64),
    out: Option<&Path>,
) -> Result<bool, Box<dyn Error>> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let scenario: Scenario = toml::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut good = true;
    for seed in seed..seed.saturating_add(runs) {
        let outcome =
            lab::play(&scenario, seed, &mut Screen { seed, quiet: options.json, since: Instant::now() })?;
        good &= outcome.violations.is_empty();
        if let Some(out) = out {
            let folder = out.join(seed.to_string());
            fs::create_dir_all(&folder)?;
            fs::write(folder.join("report.json"), serde_json::to_string_pretty(&outcome)?)?;
        }
        if options.json {
            println!("{}", serde_json::to_string(&outcome)?);
        } else {
            eprint!("\r\x1b[K");
            tell(seed, &outcome);
        }
    }
    Ok(good)
}

/// Shows progress where a person looks.
struct Screen {
    seed: u64,
    quiet: bool,
    since: Instant,
}

impl Watch for Screen {
    fn seconds(&self) -> f64 {
        self.since.elapsed().as_secs_f64()
    }

    fn progress(&mut self, part: f64) {
        if !self.quiet {
            eprint!("\rseed {}: {:3.0} %", self.seed, part * 100.0);
        }
    }
}

fn tell(seed: u64, outcome: &Outcome) {
    let figures = &outcome.figures;
    println!(
        "seed {seed}: {} nodes, {} h played in {:.1} s ({:.1} s to set up), {} events, {:.0} a second",
        figures.nodes,
        figures.virtual_hours,
        figures.took,
        figures.set_up_took,
        figures.events,
        figures.events_a_second()
    );
    println!(
        "  {} texts, {} delivered, {} refused, {} customers gave up waiting",
        figures.texts, figures.delivered, figures.failed, figures.gave_up
    );
    for (path, times) in &figures.delivery {
        println!("  delivery {path:?}: p50 {} ms, p99 {} ms", shown(times, 50), shown(times, 99));
    }
    println!(
        "  first answer p50 {} s; forward p50 {} ms; removal known to the customer p50 {} ms",
        percentile(&figures.first_answer, 50).map_or("-".into(), |ms| (ms / 1000).to_string()),
        shown(&figures.forward, 50),
        shown(&figures.revocation, 50)
    );
    for (reason, count) in &figures.refusals {
        println!("  refused: {reason}: {count}");
    }
    println!(
        "  {} frames, {} KiB; settled in {} ms; {} faults",
        figures.frames,
        figures.bytes / 1024,
        figures.settled_in.map_or("-".into(), |ms| ms.to_string()),
        figures.faults.len()
    );
    println!("  trace {}", outcome.trace);
    for violation in &outcome.violations {
        println!("  BROKEN at {} ms: {}: {}", violation.at, violation.promise, violation.seen);
    }
}

fn shown(times: &[u64], percent: usize) -> String {
    percentile(times, percent).map_or("-".into(), |ms| ms.to_string())
}
