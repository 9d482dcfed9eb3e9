//! A real node: the program in a process of its own, with a home of its own.

use crate::http::{Connection, Events, text};
use anyhow::{Context as _, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

const PROGRAM: &str = env!("CARGO_BIN_EXE_frontdesk");
/// Any free port of loopback.
const ANYWHERE: &str = "/ip4/127.0.0.1/tcp/0";

/// Where homes are made, and where their sockets are: paths of sockets are short.
#[derive(Debug)]
pub(crate) struct Place {
    homes: tempfile::TempDir,
    sockets: tempfile::TempDir,
}

/// A home that may be run.
#[derive(Debug, Clone)]
pub(crate) struct Home {
    pub(crate) path: PathBuf,
    socket: PathBuf,
}

/// A home with its node running.
#[derive(Debug)]
pub(crate) struct Node {
    child: Running,
    home: Home,
    token: String,
    /// From its start until it answered a request.
    pub(crate) started_in: Duration,
    _output: BufReader<ChildStdout>,
}

/// A process of the program. A bench that fails leaves none behind.
#[derive(Debug)]
struct Running(Child);

impl Place {
    /// On the disk that the build is on: what is under `/tmp` may be in memory.
    pub(crate) fn new() -> Result<Self> {
        let homes = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
        Ok(Self { homes, sockets: tempfile::tempdir()? })
    }

    pub(crate) fn path(&self) -> &Path {
        self.homes.path()
    }

    fn home(&self, name: &str) -> Home {
        let socket = self.sockets.path().join(format!("{name}.sock"));
        Home { path: self.homes.path().join(name), socket }
    }

    /// Sets up a business or a customer.
    pub(crate) fn found(&self, kind: &str, name: &str) -> Result<Home> {
        self.found_at(kind, name, ANYWHERE)
    }

    /// Sets up a business or a customer that listens at this address.
    pub(crate) fn found_at(&self, kind: &str, name: &str, listen: &str) -> Result<Home> {
        let home = self.home(name);
        let bind = home.bind();
        let settings = ["--name", name, "--api", &bind, "--listen", listen];
        let done = home.command(&["init", kind]).args(settings).output()?;
        ensure!(done.status.success(), "init: {}", String::from_utf8_lossy(&done.stderr));
        Ok(home)
    }

    /// Sets up an agent's device of the business that `admin` administers.
    pub(crate) fn enrol(&self, admin: &Node, name: &str) -> Result<Home> {
        let (home, mut api, mut events) = (self.home(name), admin.api()?, admin.events()?);
        let wish = serde_json::json!({ "role": "agent", "name": name });
        let invitation = api.post("/v1/invitations", &wish)?;
        let bind = home.bind();
        let mut join = home.command(&["join", text(&invitation, "/invitation")]);
        let join = join.args(["--api", &bind, "--listen", ANYWHERE]);
        let mut join = Running(join.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?);
        let number = events.wait("join_requested", |body| Some(text(body, "/number").to_owned()))?;
        let number = number.replace(' ', "");
        api.post(&format!("/v1/requests/{number}/approve"), &serde_json::json!({}))?;
        ensure!(join.0.wait()?.success(), "the agent could not join");
        Ok(home)
    }
}

impl Home {
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.arg("--json").arg("--home").arg(&self.path).args(arguments);
        command
    }

    fn bind(&self) -> String {
        format!("unix:{}", self.socket.display())
    }

    /// Runs the node, with the settings of its home, until it answers.
    pub(crate) fn run(&self) -> Result<Node> {
        self.run_with(&[])
    }

    /// Runs the node with these settings besides, until it answers.
    pub(crate) fn run_with(&self, settings: &[&str]) -> Result<Node> {
        let log = File::create(self.path.with_extension("log"))?;
        let start = Instant::now();
        let run = self.command(&["run"]).args(settings).stdout(Stdio::piped()).stderr(log).spawn()?;
        let mut child = Running(run);
        let mut output = BufReader::new(child.0.stdout.take().context("no output")?);
        let mut ready = String::new();
        ensure!(output.read_line(&mut ready)? > 0, "the node did not start: see {}", self.path.display());
        let token = fs::read_to_string(self.path.join("api.token"))?;
        Connection::open(&self.socket, &token)?.get("/v1/status")?;
        Ok(Node { child, home: self.clone(), token, started_in: start.elapsed(), _output: output })
    }
}

impl Node {
    pub(crate) fn api(&self) -> Result<Connection> {
        Connection::open(&self.home.socket, &self.token)
    }

    pub(crate) fn events(&self) -> Result<Events> {
        Events::subscribe(self.api()?)
    }

    /// Memory that is resident now, in bytes.
    pub(crate) fn resident(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.0.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        let kib: u64 = line.trim().trim_end_matches("kB").trim().parse()?;
        Ok(kib * 1024)
    }

    /// Processor time that it has used, in clock ticks, those of its threads that ended included.
    pub(crate) fn ticks(&self) -> Result<u64> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.0.id()))?;
        let (_, after_name) = stat.rsplit_once(')').context("no stat")?;
        let fields: Vec<&str> = after_name.split_whitespace().collect();
        let field = |index: usize| fields.get(index).and_then(|field| field.parse::<u64>().ok());
        Ok(field(11).context("no utime")? + field(12).context("no stime")?)
    }

    /// Ends it in order, and waits for that.
    pub(crate) fn stop(mut self) -> Result<()> {
        kill_process(Pid::from_child(&self.child.0), Signal::TERM)?;
        let status = self.child.0.wait()?;
        ensure!(status.success(), "the node ended with {status}");
        Ok(())
    }

    /// What an event or answer says of this node's contact link.
    pub(crate) fn link(&self) -> Result<String> {
        let answer: Value = self.api()?.get("/v1/link")?;
        Ok(text(&answer, "/link").to_owned())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // One that has ended already is fine.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
