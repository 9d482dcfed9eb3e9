//! The program around the lab: files, processors, the terminal and the clock.

mod battery;
mod clock;
mod compare;
mod failures;
mod files;
mod options;
mod pool;
mod replay;
mod run;
mod screen;
mod sockets;
mod wrong;

use clap::Parser as _;
use options::{Command, Options};
use std::{
    io::{ErrorKind, Write as _},
    process::ExitCode,
};
use wrong::Wrong;

/// Exit code for a promise that was broken.
const BROKEN: u8 = 1;

/// Does what the command line says.
pub(crate) fn main() -> ExitCode {
    let options = match Options::try_parse() {
        Ok(options) => options,
        Err(error) => return wrong::unparsed(&error),
    };
    let json = options.json;
    let done = match options.command {
        Command::Run(run) => run::run(&run, json),
        Command::Check(check) => battery::check(&check, json),
        Command::Replay(replay) => replay::replay(&replay, json),
        Command::Compare(compare) => compare::compare(&compare, json),
        Command::Sockets(sockets) => sockets::sockets(&sockets, json),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(BROKEN),
        Err(wrong) => wrong.report(json),
    }
}

/// Writes a line to standard output.
fn say(line: impl std::fmt::Display) -> Result<(), Wrong> {
    match writeln!(std::io::stdout().lock(), "{line}") {
        Ok(()) => Ok(()),
        // Whoever reads has heard enough, as `head` does.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        Err(error) => {
            Err(Wrong::new(format!("standard output can't be written: {error}; free space on its disk")))
        }
    }
}

/// Writes one line of JSON to standard output.
fn say_json(value: &impl serde::Serialize) -> Result<(), Wrong> {
    say(serde_json::to_string(value).map_err(Wrong::new)?)
}
