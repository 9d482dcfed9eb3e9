//! How a command fails: what went wrong, what to do next, and the exit code.

use serde_json::{Value, json};
use std::process::ExitCode;

/// What the shell is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It was tried, and failed.
    Failed = 1,
    /// The command line, the configuration or an argument is wrong; nothing was tried.
    Usage = 2,
    /// The command needs a running node, and none runs on this home.
    NotRunning = 3,
}

/// A failed command. It has no secret in it: it is printed.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    /// A stable word for scripts.
    pub(crate) code: String,
    pub(crate) message: String,
    /// What to do about it.
    pub(crate) next: Option<String>,
}

pub(crate) type Outcome<T = ()> = Result<T, Failure>;

impl Failure {
    /// `text` is the message, and after a semicolon the advice.
    pub(crate) fn new(text: impl ToString) -> Self {
        let (message, next) = split_advice(&text.to_string());
        Self { exit: Exit::Failed, code: "failed".into(), message, next }
    }

    pub(crate) fn usage(text: impl ToString) -> Self {
        Self { exit: Exit::Usage, code: "usage".into(), ..Self::new(text) }
    }

    /// What the parser of the command line says: the first paragraph is what is wrong.
    pub(crate) fn of_command_line(text: &str) -> Self {
        let message = text.split("\n\n").next().unwrap_or_default();
        let message = message.strip_prefix("error: ").unwrap_or(message).trim();
        let next = Some("`frontdesk --help` and `frontdesk COMMAND --help` say what is possible".to_owned());
        Self { exit: Exit::Usage, code: "usage".into(), message: message.to_owned(), next }
    }

    pub(crate) fn not_running() -> Self {
        let text = "no node is running on this home; start it with `frontdesk run`, in another terminal or as a service";
        Self { exit: Exit::NotRunning, code: "not-running".into(), ..Self::new(text) }
    }

    pub(crate) fn code(self, code: &str) -> Self {
        Self { code: code.to_owned(), ..self }
    }

    /// Tells the user on standard error and gives the exit code.
    #[expect(clippy::print_stderr, reason = "this is the program's way of saying what failed")]
    pub(crate) fn report(&self, as_json: bool) -> ExitCode {
        if as_json {
            eprintln!("{}", self.to_json());
        } else {
            eprintln!("error: {}", self.message);
            if let Some(next) = &self.next {
                eprintln!("  next: {next}");
            }
        }
        ExitCode::from(self.exit as u8)
    }

    /// The same shape that the API answers with.
    pub(crate) fn to_json(&self) -> Value {
        json!({ "error": { "code": self.code, "message": self.message, "next": self.next } })
    }
}

/// Our errors read `what is wrong; what to do`.
pub(crate) fn split_advice(text: &str) -> (String, Option<String>) {
    match text.split_once("; ") {
        Some((message, next)) => (message.to_owned(), Some(next.to_owned())),
        None => (text.to_owned(), None),
    }
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::new(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_advice_of_an_error_is_told_apart_from_what_is_wrong() {
        let failure = Failure::new("no such thread; `frontdesk threads` lists them");
        assert_eq!(failure.message, "no such thread");
        assert_eq!(failure.next.as_deref(), Some("`frontdesk threads` lists them"));
        assert_eq!(Failure::new("plain").next, None);
    }

    #[test]
    fn a_failure_has_the_same_shape_as_an_error_of_the_api() {
        let told = Failure::not_running().to_json();
        assert_eq!(told.pointer("/error/code"), Some(&json!("not-running")));
        assert!(told.pointer("/error/next").is_some_and(Value::is_string));
    }
}
