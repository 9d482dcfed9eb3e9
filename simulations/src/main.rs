//! `frontdesk-sim`: plays scenarios, and says what came of them.

mod program;

use std::process::ExitCode;

fn main() -> ExitCode {
    program::main()
}
