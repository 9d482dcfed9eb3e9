//! A running node: a process of its own.

use super::{Call, Events, Home, PATIENCE, within};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::{
    fs::File,
    io::{BufRead as _, BufReader, Write as _},
    ops::Deref,
    process::{Child, ExitStatus, Stdio},
    sync::mpsc,
    thread,
};

/// A node that runs. Dropped, it is killed.
#[derive(Debug)]
pub(crate) struct Node {
    home: Home,
    child: Child,
    /// What it said when it was ready.
    pub(crate) ready: Value,
}

impl Node {
    /// Starts the node of a home and waits until it is ready.
    pub(crate) fn start(home: &Home, args: &[&str]) -> Self {
        let listen = home.listen();
        let mut all = vec!["--json", "run", "--listen", &listen];
        all.extend(args);
        Self::spawn(home, home.call(&all))
    }

    /// The same, by a command of the caller's making.
    pub(crate) fn spawn(home: &Home, call: Call) -> Self {
        let log = File::options().create(true).append(true).open(home.log_file()).unwrap();
        let mut child = call.spawn(Stdio::from(log));
        let out = BufReader::new(child.stdout.take().unwrap());
        let mut copy =
            File::options().create(true).append(true).open(home.path.with_extension("out")).unwrap();
        let (tell, told) = mpsc::sync_channel(1024);
        thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                let _ = writeln!(copy, "{line}");
                let _ = tell.send(line);
            }
        });
        let ready = match told.recv_timeout(PATIENCE) {
            Ok(line) => serde_json::from_str(&line).unwrap(),
            Err(error) => {
                let _ = child.kill();
                panic!("the node is not ready: {error}\n{}", home.log());
            }
        };
        Self { home: home.clone(), child, ready }
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// SIGKILL: it has no say in it. One that is dead already is buried.
    pub(crate) fn kill(mut self) -> Home {
        let _ = self.child.kill();
        self.child.wait().unwrap();
        self.home.clone()
    }

    /// SIGTERM.
    pub(crate) fn terminate(&self) {
        kill_process(self.pid(), Signal::TERM).unwrap();
    }

    /// Its end, which somebody has asked for.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        let status = within(PATIENCE, || self.child.try_wait().unwrap());
        status.unwrap_or_else(|| panic!("the node does not end\n{}", self.home.log()))
    }

    /// Stops it in order.
    pub(crate) fn stop(mut self) -> Home {
        self.terminate();
        let status = self.ended();
        assert!(status.success(), "{status}\n{}", self.home.log());
        self.home.clone()
    }

    /// Its events from now on.
    pub(crate) fn events(&self) -> Events {
        Events::open(&self.api(), "/v1/events")
    }
}

impl Deref for Node {
    type Target = Home;

    fn deref(&self) -> &Home {
        &self.home
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            let log = self.home.log();
            let lines: Vec<&str> = log.lines().collect();
            let end = lines.len().saturating_sub(60);
            println!("--- {} ---\n{}", self.home.path.display(), lines[end..].join("\n"));
        }
    }
}
