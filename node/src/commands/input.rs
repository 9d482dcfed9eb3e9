//! Text that is given on the command line or comes on standard input.

use crate::failure::{Failure, Outcome};
use std::io::{self, IsTerminal as _, Read as _};
use zeroize::Zeroizing;

/// More than any text, link, invitation or phrase has.
const MAX_INPUT: u64 = 64 * 1024;

/// All of standard input. On a terminal, `what` is asked for first.
pub(super) fn standard_input(what: &str) -> Outcome<Zeroizing<String>> {
    if io::stdin().is_terminal() {
        crate::render::note(format!("{what}, then Ctrl-D:"));
    }
    let mut text = Zeroizing::new(String::new());
    io::stdin().lock().take(MAX_INPUT + 1).read_to_string(&mut text)?;
    if u64::try_from(text.len()).unwrap_or(u64::MAX) > MAX_INPUT {
        return Err(Failure::usage(format!("standard input has more than {MAX_INPUT} bytes")));
    }
    Ok(text)
}

/// `given`, unless it is `-`.
pub(super) fn or_standard_input(given: String, what: &str) -> Outcome<Zeroizing<String>> {
    if given == "-" { standard_input(what) } else { Ok(Zeroizing::new(given)) }
}

/// The text of a message: one trailing line end is the shell's.
pub(super) fn message(given: Option<String>) -> Outcome<String> {
    let text = or_standard_input(given.unwrap_or_else(|| "-".to_owned()), "Type the message")?;
    Ok(text.strip_suffix('\n').unwrap_or(&text).to_owned())
}
