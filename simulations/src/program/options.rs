//! The command line.

use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// The largest seed that every file format can write.
const MAX_SEED: u64 = (1 << 53) - 1;

#[derive(Debug, Parser)]
#[command(
    name = "frontdesk-sim",
    version,
    about = "Plays whole businesses with their customers on virtual time, over Frontdesk's real engine.",
    after_help = "Exit codes: 0 all is well, 1 a promise was broken, 2 wrong use or a file that can't be used.\n\
                  docs/simulations.md describes scenarios, what is checked and what is measured."
)]
pub(crate) struct Options {
    /// Answer in JSON: one object a run, and one for each other command.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Play a scenario, and say what came of it.
    #[command(
        after_help = "Example: frontdesk-sim run simulations/scenarios/storm.toml --runs 20 --out /tmp/storm"
    )]
    Run(Run),
    /// Play the whole battery: every scenario with several seeds, and every failure that was mended.
    #[command(
        after_help = "Examples:\n  frontdesk-sim check\n  frontdesk-sim check --fresh --minutes 60 --out /tmp/found"
    )]
    Check(Check),
    /// Play a failure again, and say whether it still happens.
    #[command(after_help = "Example: frontdesk-sim replay failures/storm-7.toml")]
    Replay(Replay),
    /// Put two runs side by side.
    #[command(after_help = "Example: frontdesk-sim compare /tmp/before/1 /tmp/after/1 --out /tmp/both")]
    Compare(Compare),
    /// Play one business on real sockets of this machine, in real time, while connections are cut and nodes restart.
    #[command(
        after_help = "Examples:\n  frontdesk-sim sockets\n  frontdesk-sim sockets --agents 9 --customers 50 --seconds 60\n  \
                           frontdesk-sim sockets simulations/scenarios/moving.toml --customers 20"
    )]
    Sockets(Sockets),
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    /// A scenario, such as simulations/scenarios/office.toml.
    pub(crate) scenario: PathBuf,
    /// The first seed: the same scenario and seed give the same run.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(..=MAX_SEED))]
    pub(crate) seed: u64,
    /// So many runs, each with the next seed.
    #[arg(long, value_name = "K", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub(crate) runs: u64,
    /// Where to write SEED/report.json and SEED/report.html of each run, and SEED/failure.toml of a bad one.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) work: Work,
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    /// So many seeds for each scenario [default: 4, or as many as fit into --minutes].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub(crate) seeds: Option<u64>,
    /// Begin no new run after so many minutes.
    #[arg(long, value_name = "M", value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pub(crate) minutes: Option<u64>,
    /// Seeds that were never played before, from the clock; without it they begin with 1.
    #[arg(long)]
    pub(crate) fresh: bool,
    /// Leave out scenarios with more nodes than this.
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    pub(crate) most_nodes: usize,
    /// Where the scenarios are.
    #[arg(long, value_name = "DIR", default_value = "simulations/scenarios")]
    pub(crate) scenarios: PathBuf,
    /// Where the failures that were mended are.
    #[arg(long, value_name = "DIR", default_value = "simulations/regressions")]
    pub(crate) regressions: PathBuf,
    /// Where to write the failures that are found [default: failures].
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) work: Work,
}

#[derive(Debug, Args)]
pub(crate) struct Replay {
    /// A failure: a file that `run` or `check` wrote.
    pub(crate) failure: PathBuf,
    /// Where to write what happened before the promise was broken, at all nodes: up to 20,000 lines.
    #[arg(long, value_name = "FILE")]
    pub(crate) log: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Compare {
    /// The run to compare with: its report.json, or the folder that it is in.
    pub(crate) base: PathBuf,
    /// The run to compare.
    pub(crate) new: PathBuf,
    /// Where to write compare.html.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Sockets {
    /// A scenario, for its people and the kinds of its faults; times of virtual days mean nothing here [default: 4 agents, 20
    /// customers, cuts, moves and crashes].
    pub(crate) scenario: Option<PathBuf>,
    /// So many agents, instead of the scenario's; all nodes, the administrator's among them, are 60 at most.
    #[arg(long, value_name = "N")]
    pub(crate) agents: Option<usize>,
    /// So many customers, instead of the scenario's.
    #[arg(long, value_name = "N")]
    pub(crate) customers: Option<usize>,
    /// How long people write, in seconds.
    #[arg(long, value_name = "S", default_value_t = 15)]
    pub(crate) seconds: u64,
    /// What people and faults do. Unlike on virtual time it does not name a run: how that goes is up to this machine, too.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(..=MAX_SEED))]
    pub(crate) seed: u64,
}

/// How the work is done.
#[derive(Debug, Args)]
pub(crate) struct Work {
    /// Runs at a time [default: one for each processor].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) jobs: Option<u16>,
    /// Runs that may be spent on making the scenario of a failure smaller.
    #[arg(long, value_name = "N", default_value_t = 24)]
    pub(crate) reruns: usize,
}
