//! What the command line prints: for people in tables, for programs as JSON.

mod table;
mod text;
mod time;

pub(crate) use table::Table;
pub(crate) use text::{clean, indented, short};
pub(crate) use time::{clock, date, date_and_time, from_now};

use serde::Serialize;
use std::io::{self, Write as _};

/// Prints a line to standard output. A reader that has gone away (`| head`) ends the program quietly.
pub(crate) fn line(text: impl AsRef<str>) {
    if write(text).is_err() {
        std::process::exit(0);
    }
}

/// Prints a line to standard output, if that takes it.
pub(crate) fn write(text: impl AsRef<str>) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{}", text.as_ref())?;
    out.flush()
}

/// Prints one JSON value on one line.
pub(crate) fn json(value: &impl Serialize) {
    line(to_json(value));
}

/// A JSON value on one line.
pub(crate) fn to_json(value: &impl Serialize) -> String {
    // Our values have text keys and finite numbers, so this never fails.
    serde_json::to_string(value).unwrap_or_default()
}

/// Prints to standard error: what is said along the way, and belongs to no result.
#[expect(clippy::print_stderr, reason = "this is where the program talks to its user")]
pub(crate) fn note(text: impl AsRef<str>) {
    eprintln!("{}", text.as_ref());
}
