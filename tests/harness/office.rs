//! The people of the story, each with a node of their own.

use super::{Home, Node, PATIENCE, Place, eventually};
use serde_json::Value;
use std::{
    fs::File,
    io::{BufRead as _, BufReader},
    process::{Child, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
};

/// A business with its administrator's node, in a place of its own.
#[derive(Debug)]
pub(crate) struct Office {
    pub(crate) acme: Node,
    pub(crate) place: Place,
}

impl Office {
    pub(crate) fn open() -> Self {
        let place = Place::new();
        let home = place.home("acme");
        home.init("entity", "Acme");
        Self { acme: home.run(), place }
    }

    /// Acme, Ana as its agent, and Carla, who has written `Hello` and was forwarded to Ana.
    pub(crate) fn with_ana_and_carla() -> (Self, Node, Node, String) {
        let office = Self::open();
        let ana = office.enrol("Ana");
        let carla = office.customer("Carla");
        let thread = office.contact(&carla, "Hello");
        office.acme.json(&["forward", &thread, "--to", "Ana"]);
        thread_of(&ana);
        eventually("Ana is in the thread for Carla too", || (members(&carla, &thread) == 3).then_some(()));
        (office, ana, carla, thread)
    }

    pub(crate) fn invite(&self, role: &str, name: &str) -> String {
        field(&self.acme.json(&["invite", "--role", role, "--name", name]), "invitation")
    }

    /// Enrols an agent and runs its node.
    pub(crate) fn enrol(&self, name: &str) -> Node {
        self.enrol_as("agent", name)
    }

    pub(crate) fn enrol_as(&self, role: &str, name: &str) -> Node {
        let home = self.place.home(&name.to_lowercase());
        let joining = join(&home, &self.invite(role, name));
        self.acme.json(&["approve", &self.number_of(&joining)]);
        let end = joining.end();
        assert_eq!(end["joined"], true, "{end}");
        home.run()
    }

    /// The number that a device shows, once the administrator's node shows it too.
    pub(crate) fn number_of(&self, joining: &Joining) -> String {
        let number = joining.number();
        eventually("the request", || {
            let requests = self.acme.json(&["requests"]);
            requests.as_array()?.iter().find(|request| request["number"] == number.as_str()).map(|_| ())
        });
        number
    }

    pub(crate) fn customer(&self, name: &str) -> Node {
        let home = self.place.home(&name.to_lowercase());
        home.init("customer", name);
        home.run()
    }

    pub(crate) fn link(&self) -> String {
        field(&self.acme.json(&["link"]), "link")
    }

    /// Opens a thread with Acme, and waits until Acme has it.
    pub(crate) fn contact(&self, customer: &Node, text: &str) -> String {
        field(&customer.json(&["contact", &self.link(), text, "--wait", "30s"]), "thread")
    }
}

/// A device that asks to be enrolled.
#[derive(Debug)]
pub(crate) struct Joining {
    home: Home,
    child: Child,
    lines: Receiver<String>,
}

/// Asks to be enrolled, with the invitation on standard input.
pub(crate) fn join(home: &Home, invitation: &str) -> Joining {
    let log = File::options().create(true).append(true).open(home.log_file()).unwrap();
    let call = home.call(&["--json", "join", "-", "--listen", &home.listen()]).input(invitation);
    let mut child = call.spawn(Stdio::from(log));
    let out = BufReader::new(child.stdout.take().unwrap());
    let (tell, lines) = mpsc::sync_channel(1024);
    thread::spawn(move || out.lines().map_while(Result::ok).for_each(|line| drop(tell.send(line))));
    Joining { home: home.clone(), child, lines }
}

impl Joining {
    fn line(&self) -> Value {
        let line = self.lines.recv_timeout(PATIENCE);
        let line = line.unwrap_or_else(|error| panic!("{error}\n{}", self.home.log()));
        serde_json::from_str(&line).unwrap()
    }

    /// The short number that it shows.
    fn number(&self) -> String {
        field(&self.line(), "number")
    }

    /// What it says at its end, if it goes well.
    pub(crate) fn end(mut self) -> Value {
        let line = self.line();
        assert!(self.child.wait().unwrap().success(), "{}", self.home.log());
        line
    }

    /// How it ended, if it did not go well: exit code and word.
    pub(crate) fn refusal(mut self) -> (i32, String) {
        let status = eventually("the end of `join`", || self.child.try_wait().unwrap());
        let log = self.home.log();
        let told: Value = serde_json::from_str(log.lines().last().unwrap()).unwrap();
        (status.code().unwrap(), told["error"]["code"].as_str().unwrap().to_owned())
    }
}

impl Drop for Joining {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A text of an answer.
pub(crate) fn field(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_else(|| panic!("no {name} in {value}")).to_owned()
}

/// The one thread of a node, once it has it.
pub(crate) fn thread_of(node: &Node) -> String {
    let one = |threads: Value| Some(field(threads.as_array()?.first()?, "id"));
    eventually("the thread is here", || one(node.api().get("/v1/threads").json()))
}

pub(crate) fn members(node: &Node, thread: &str) -> u64 {
    node.api().get(&format!("/v1/threads/{thread}")).json()["members"].as_u64().unwrap_or_default()
}

/// The texts of a thread in its order, without notes.
pub(crate) fn texts(node: &Node, thread: &str) -> Vec<String> {
    let messages = node.api().get(&format!("/v1/threads/{thread}/messages?limit=1000")).json();
    let messages = messages.as_array().unwrap().iter();
    messages.filter(|message| message["side"] != "note").map(|message| field(message, "text")).collect()
}

/// `word 1` to `word N`.
pub(crate) fn numbered(word: &str, count: usize) -> Vec<String> {
    (1..=count).map(|number| format!("{word} {number}")).collect()
}
