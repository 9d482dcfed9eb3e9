//! Wrong use and wrong files: what happened, why, and what to do next.

use serde_json::json;
use std::{fmt::Display, process::ExitCode};

/// Exit code for wrong use, and for files that can't be used.
const WRONG: u8 = 2;

/// Something that the user can put right.
#[derive(Debug)]
pub(crate) struct Wrong {
    message: String,
    next: Option<String>,
}

impl Wrong {
    /// `text` is what is wrong, and after the last semicolon what to do about it.
    pub(crate) fn new(text: impl Display) -> Self {
        let text = text.to_string();
        match text.rsplit_once("; ") {
            Some((message, next)) => Self { message: message.into(), next: Some(next.into()) },
            None => Self { message: text, next: None },
        }
    }

    /// What is wrong, as something else says it, and what to do about it.
    pub(crate) fn with_next(message: impl Display, next: &str) -> Self {
        Self { message: message.to_string().trim_end().to_owned(), next: Some(next.to_owned()) }
    }

    /// Tells it on standard error.
    #[expect(clippy::print_stderr, reason = "this is the program's way of saying what is wrong")]
    pub(crate) fn report(&self, as_json: bool) -> ExitCode {
        if as_json {
            eprintln!("{}", json!({ "error": { "message": self.message, "next": self.next } }));
        } else {
            eprintln!("error: {}", self.message);
            if let Some(next) = &self.next {
                eprintln!("  next: {next}");
            }
        }
        ExitCode::from(WRONG)
    }
}

/// Help and versions are nothing wrong. Whoever asked for JSON gets a wrong command line as JSON, too.
pub(crate) fn unparsed(error: &clap::Error) -> ExitCode {
    let json = std::env::args_os().any(|argument| argument == "--json");
    if json && error.use_stderr() {
        let text = error.to_string();
        let message = text.split("\n\n").next().unwrap_or_default();
        let message = message.strip_prefix("error: ").unwrap_or(message);
        return Wrong::with_next(message, "`frontdesk-sim --help` says what is possible").report(true);
    }
    // A closed terminal is nothing to report.
    let _ = error.print();
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(WRONG))
}
