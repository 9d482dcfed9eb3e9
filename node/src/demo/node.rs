//! A node of the play: a home, and a `frontdesk run` process that comes and goes.

use super::process::{PATIENCE, call, feed, frontdesk, refusal, within};
use crate::{
    client::{Client, Message, Status, Thread, Who},
    failure::{Failure, Outcome},
    home::{Home, PassphraseSource, Vault},
};
use frontdesk_identity::TransportKey;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader, Lines},
    process::{Child, ChildStdout},
};

const ANY_PORT: &str = "/ip4/127.0.0.1/tcp/0";
/// Paths of sockets can't be longer everywhere (sun_path, POSIX.1-2024).
const MAX_SOCKET: usize = 90;
/// How often to look, besides after each event.
const LOOK: Duration = Duration::from_millis(100);

/// One of the cast.
pub(super) struct Node {
    pub(super) name: &'static str,
    pub(super) home: Home,
    log: PathBuf,
    running: Option<Child>,
    /// Where it listened first: after a restart the others look for it there.
    listens: String,
}

impl Node {
    pub(super) fn new(root: &Path, name: &'static str) -> Outcome<Self> {
        let lower = name.to_lowercase();
        let home = Home::locate(Some(root.join(&lower)))?;
        let log = root.join(format!("{lower}.log"));
        Ok(Self { name, home, log, running: None, listens: ANY_PORT.to_owned() })
    }

    /// Founds it as an entity or a customer: the answer of `frontdesk init`.
    pub(super) async fn init(&self, kind: &str) -> Outcome<Value> {
        let command = ["init", kind, "--name", self.name, "--listen", ANY_PORT];
        self.call(&[&command[..], self.api()].concat()).await
    }

    /// Where its API is to be: in the home, unless that is too deep for a socket.
    fn api(&self) -> &'static [&'static str] {
        let fits = self.home.socket().as_os_str().len() <= MAX_SOCKET;
        if fits { &[] } else { &["--api", "127.0.0.1:0"] }
    }

    /// Runs a command on its home.
    pub(super) async fn call(&self, args: &[&str]) -> Outcome<Value> {
        call(&self.home, args).await
    }

    /// Starts the process, and waits until it is ready.
    pub(super) async fn start(&mut self) -> Outcome {
        let log = File::options().create(true).append(true).open(&self.log)?;
        let mut command = frontdesk(&self.home, &["run", "--listen", &self.listens])?;
        let mut child = command.stderr(log).spawn()?;
        let mut lines = lines_of(&mut child)?;
        self.running = Some(child);
        let what = format!("{} to start", self.name);
        let Some(ready) = within(&what, async { next_json(&mut lines).await }).await? else {
            self.running = None;
            return Err(refusal(&fs::read_to_string(&self.log)?));
        };
        let address = ready.pointer("/addresses/0").and_then(Value::as_str);
        self.listens = address.ok_or_else(|| Failure::new("the node listens nowhere"))?.to_owned();
        Ok(())
    }

    /// Asks the process to end (SIGTERM), and waits until it is gone.
    pub(super) async fn stop(&mut self) -> Outcome<ExitStatus> {
        self.end(Signal::TERM).await
    }

    /// Ends the process at once (SIGKILL).
    pub(super) async fn kill(&mut self) -> Outcome<ExitStatus> {
        self.end(Signal::KILL).await
    }

    pub(super) const fn is_running(&self) -> bool {
        self.running.is_some()
    }

    async fn end(&mut self, signal: Signal) -> Outcome<ExitStatus> {
        let mut child = self.running.take().ok_or_else(Failure::not_running)?;
        if let Some(pid) = child.id().and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?)) {
            kill_process(pid, signal)?;
        }
        within(&format!("{} to end", self.name), async { Ok(child.wait().await?) }).await
    }

    /// Asks to be enrolled as a device of a business, and shows the number that people compare.
    pub(super) async fn ask_to_join(&self, invitation: &str) -> Outcome<Joining> {
        let command = ["join", "-", "--listen", ANY_PORT];
        let mut command = frontdesk(&self.home, &[&command[..], self.api()].concat())?;
        let mut child = command.stdin(Stdio::piped()).spawn()?;
        feed(&mut child, invitation).await;
        let mut lines = lines_of(&mut child)?;
        let first = within("the number to compare", async { next_json(&mut lines).await }).await?;
        let number = first.as_ref().and_then(|told| told.get("number")?.as_str());
        match number {
            Some(number) => Ok(Joining { number: number.to_owned(), child, lines }),
            None => Err(refusal(&String::from_utf8_lossy(&child.wait_with_output().await?.stderr))),
        }
    }

    /// Its transport key; it need not run for that.
    pub(super) fn transport(&self) -> Outcome<TransportKey> {
        let vault = Vault::load(&self.home.keys(), &PassphraseSource::None)?;
        Ok(vault.device.transport_public())
    }

    pub(super) fn client(&self) -> Outcome<Client> {
        Client::find(&self.home)
    }

    pub(super) async fn status(&self) -> Outcome<Status> {
        self.client()?.get("/v1/status").await
    }

    pub(super) async fn thread(&self, thread: &str) -> Outcome<Thread> {
        self.client()?.get(&format!("/v1/threads/{thread}")).await
    }

    pub(super) async fn who(&self, thread: &str) -> Outcome<Who> {
        self.client()?.get(&format!("/v1/threads/{thread}/who")).await
    }

    /// Every message of a thread, notes apart.
    pub(super) async fn messages(&self, thread: &str) -> Outcome<Vec<Message>> {
        let path = format!("/v1/threads/{thread}/messages?limit=1000");
        let messages: Vec<Message> = self.client()?.get(&path).await?;
        Ok(messages.into_iter().filter(|message| message.side != "note").collect())
    }

    /// Every text of a thread, in order.
    pub(super) async fn texts(&self, thread: &str) -> Outcome<Vec<String>> {
        Ok(self.messages(thread).await?.into_iter().map(|message| message.text).collect())
    }

    /// Writes to a thread, and waits until a node of the other side has opened and stored it.
    pub(super) async fn say(&self, thread: &str, text: &str) -> Outcome {
        let patience = format!("{}s", PATIENCE.as_secs());
        self.call(&["send", thread, text, "--wait", &patience]).await.map(drop)
    }

    /// Looks after each event until `look` finds something.
    pub(super) async fn until<T>(
        &self,
        what: &str,
        mut look: impl AsyncFnMut(&Self) -> Outcome<Option<T>>,
    ) -> Outcome<T> {
        let mut events = self.client()?.events(None).await?;
        within(what, async {
            loop {
                if let Some(found) = look(self).await? {
                    return Ok(found);
                }
                if let Ok(told) = tokio::time::timeout(LOOK, events.next()).await {
                    told?.ok_or_else(|| Failure::new(format!("{}'s node stopped", self.name)))?;
                }
            }
        })
        .await
    }

    /// Waits until the newest text of the thread is this one.
    pub(super) async fn reads(&self, thread: &str, text: &str) -> Outcome {
        let what = format!("{} to read: {text}", self.name);
        self.until(&what, async |node| {
            let texts = node.texts(thread).await?;
            Ok((texts.last().map(String::as_str) == Some(text)).then_some(()))
        })
        .await
    }
}

/// A device that waits to be enrolled.
pub(super) struct Joining {
    /// What its screen shows.
    pub(super) number: String,
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Joining {
    /// Waits until it is enrolled: the business's name, as its screen shows it.
    pub(super) async fn enrolled(mut self) -> Outcome<String> {
        let told = within("the enrolment", async { next_json(&mut self.lines).await }).await?;
        let status = within("the joining device to end", async { Ok(self.child.wait().await?) }).await?;
        let entity = told.as_ref().and_then(|told| told.get("entity")?.as_str()).filter(|_| status.success());
        entity.map(str::to_owned).ok_or_else(|| Failure::new("the device was not enrolled"))
    }
}

fn lines_of(child: &mut Child) -> Outcome<Lines<BufReader<ChildStdout>>> {
    let stdout = child.stdout.take().ok_or_else(|| Failure::new("a process without output"))?;
    Ok(BufReader::new(stdout).lines())
}

/// The next line as JSON; none at the end.
pub(super) async fn next_json(lines: &mut Lines<BufReader<ChildStdout>>) -> Outcome<Option<Value>> {
    Ok(lines.next_line().await?.map(|line| serde_json::from_str(&line)).transpose()?)
}
