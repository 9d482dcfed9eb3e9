//! One command of the program, run to its end.

use super::PATIENCE;
use serde_json::Value;
use std::{
    io::Write as _,
    path::Path,
    process::{Child, Command, Output, Stdio},
    sync::mpsc,
    thread,
};

/// The program under test.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_frontdesk");

/// A command in the making.
#[derive(Debug)]
pub(crate) struct Call {
    command: Command,
    shown: String,
    input: String,
}

/// A command that has ended.
#[derive(Debug)]
pub(crate) struct Done {
    shown: String,
    /// The exit code; none if a signal ended it.
    pub(crate) exit: Option<i32>,
    /// Standard output.
    pub(crate) out: String,
    /// Standard error.
    pub(crate) err: String,
}

impl Call {
    /// `frontdesk --home HOME ARGS`, with an empty environment and nothing on standard input.
    pub(crate) fn new(home: &Path, args: &[&str]) -> Self {
        let mut command = Command::new(PROGRAM);
        command.arg("--home").arg(home).args(args).env_clear();
        Self { command, shown: args.join(" "), input: String::new() }
    }

    /// Without `--home`.
    pub(crate) fn bare(args: &[&str]) -> Self {
        let mut command = Command::new(PROGRAM);
        command.args(args).env_clear();
        Self { command, shown: args.join(" "), input: String::new() }
    }

    /// Sets a variable of its environment.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Gives it this on standard input.
    pub(crate) fn input(mut self, text: &str) -> Self {
        self.input = text.to_owned();
        self
    }

    /// Starts it, with its standard output to be read by the caller.
    pub(crate) fn spawn(mut self, err: Stdio) -> Child {
        self.command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(err);
        let mut child = self.command.spawn().unwrap();
        // A program that doesn't read its input may be gone already.
        let _ = child.stdin.take().unwrap().write_all(self.input.as_bytes());
        child
    }

    /// Runs it to its end. One that hangs is killed, and the test fails.
    pub(crate) fn run(self) -> Done {
        let shown = self.shown.clone();
        let child = self.spawn(Stdio::piped());
        let (hung, output) = watched(child);
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let (exit, out, err) = (output.status.code(), text(output.stdout), text(output.stderr));
        assert!(!hung, "`frontdesk {shown}` hung\n{out}{err}");
        Done { shown, exit, out, err }
    }
}

fn watched(child: Child) -> (bool, Output) {
    let pid = rustix::process::Pid::from_child(&child);
    let (done, ended) = mpsc::sync_channel::<()>(0);
    let watch = thread::spawn(move || {
        let hung = ended.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout);
        if hung {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
        hung
    });
    let output = child.wait_with_output().unwrap();
    drop(done);
    (watch.join().unwrap(), output)
}

impl Done {
    /// Its output, if it went well.
    pub(crate) fn good(self) -> String {
        assert_eq!(self.exit, Some(0), "`frontdesk {}` failed\n{}{}", self.shown, self.out, self.err);
        self.out
    }

    /// Its output as JSON, if it went well: one value on one line.
    pub(crate) fn json(self) -> Value {
        let shown = self.shown.clone();
        let out = self.good();
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("`frontdesk {shown}`: {error}: {out}"))
    }

    /// The error that it ended with (it was run with `--json`): exit code, word, and all that was said.
    pub(crate) fn refusal(self) -> (i32, String, String) {
        let last = self.err.lines().last().unwrap_or_default();
        let value: Value = serde_json::from_str(last)
            .unwrap_or_else(|error| panic!("`frontdesk {}`: {error}: {}{}", self.shown, self.out, self.err));
        let text = |name: &str| value["error"][name].as_str().unwrap_or_default().to_owned();
        (self.exit.unwrap(), text("code"), format!("{}; {}", text("message"), text("next")))
    }
}
