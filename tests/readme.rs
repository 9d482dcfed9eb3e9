//! The quick start of the README, line by line as it stands there, by a shell: what is printed can be pasted.

use crate::harness::{PROGRAM, Place, eventually, field, within};
use rustix::fs::{FlockOperation, flock};
use serde_json::Value;
use std::{
    fs::{self, File},
    io::Write as _,
    os::unix::fs::symlink,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

const README: &str = include_str!("../README.md");

#[test]
fn the_quick_start_can_be_pasted_line_by_line() {
    let story = Story::new();
    let mut joining = None;
    let mut lines = 0;
    for (who, line) in quick_start() {
        lines += 1;
        let line = story.filled(line);
        if line.contains("frontdesk join -") {
            joining = Some(story.paste_with_input(who, &line, &story.invitation()));
            eventually("the digits are shown on both sides", || story.digits());
            continue;
        }
        story.paste(who, &line);
        match (who, joining.take()) {
            ("desk", Some(mut child)) if line.contains("frontdesk approve") => {
                let ended = eventually("the end of `join`", || child.try_wait().unwrap());
                assert!(ended.success(), "{}", story.output("ana"));
            }
            (_, other) => joining = other,
        }
        if line.contains("frontdesk contact") {
            eventually("the business has the thread", || story.thread());
        }
        if line.contains("frontdesk forward") {
            eventually("Ana has the thread", || (story.list("ana", "threads").len() == 1).then_some(()));
        }
    }
    assert_eq!(lines, 10, "what is promised to somebody in a hurry");
    let who = story.output("ana");
    assert!(who.contains("3 devices can read") && who.contains(" -> "), "{who}");
    assert!(fs::read_to_string(story.directory("desk").join("door.svg")).unwrap().contains("<svg"));
    eventually("Carla reads the answer", || {
        let shown = story.call("carla", &["show", &story.thread()?]).unwrap_or_default();
        shown.to_string().contains("Good morning, Carla").then_some(())
    });
}

#[test]
fn a_command_waits_for_a_node_that_is_starting_and_not_for_one_that_is_not() {
    let place = Place::new();
    let home = place.home("carla");
    home.init("customer", "Carla");
    let begun = std::time::Instant::now();
    let (exit, word, said) = home.refused(&["status"]);
    assert_eq!((exit, word.as_str()), (3, "not-running"), "{said}");
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    // The sign of a start that takes its time, as with a passphrase that is being typed.
    let sign = File::open(&home.path).unwrap();
    flock(&sign, FlockOperation::LockExclusive).unwrap();
    let mut waiting = home.call(&["--json", "status"]).spawn(Stdio::piped());
    assert_eq!(within(Duration::from_millis(1500), || waiting.try_wait().unwrap()), None);
    let _node = home.run();
    let status = eventually("the end of `status`", || waiting.try_wait().unwrap());
    assert!(status.success());
}

/// Who types, and what: the block of the quick start.
fn quick_start() -> impl Iterator<Item = (&'static str, &'static str)> {
    let section = README.split("\n## Quick start").nth(1).unwrap();
    let block = section.split("```").nth(1).unwrap();
    block.lines().filter_map(|line| line.split_once("$ ")).map(|(who, line)| (who, line.trim()))
}

/// Three people with a shell each. Where a line has an example, they put in what they were shown.
struct Story {
    place: Place,
}

impl Story {
    fn new() -> Self {
        let place = Place::new();
        fs::create_dir(place.path("bin")).unwrap();
        symlink(PROGRAM, place.path("bin/frontdesk")).unwrap();
        for who in ["desk", "ana", "carla"] {
            fs::create_dir(place.path(who)).unwrap();
        }
        Self { place }
    }

    fn directory(&self, who: &str) -> PathBuf {
        self.place.path(who)
    }

    fn home(&self, who: &str) -> PathBuf {
        self.place.path(&format!("{who}-home"))
    }

    /// The line, with real digits, a real link and a real thread.
    fn filled(&self, line: &str) -> String {
        let mut line = line.to_owned();
        if line.contains("frontdesk:contact/..") {
            let link = field(&self.call("desk", &["link"]).unwrap(), "link");
            line = line.replace("frontdesk:contact/..", &link);
        }
        if line.contains("123 456") {
            line = line.replace("123 456", &self.digits().unwrap());
        }
        if line.contains("THREAD") {
            line = line.replace("THREAD", &self.thread().unwrap());
        }
        line
    }

    /// Runs a line to its end. It must go well; a node that it starts goes on.
    fn paste(&self, who: &str, line: &str) {
        let mut child = self.paste_with_input(who, line, "");
        let ended = eventually(line, || child.try_wait().unwrap());
        assert!(ended.success(), "{who}$ {line}: {ended}\n{}", self.output(who));
    }

    fn paste_with_input(&self, who: &str, line: &str, input: &str) -> Child {
        let out =
            File::options().create(true).append(true).open(self.place.path(&format!("{who}.out"))).unwrap();
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(line).current_dir(self.directory(who)).env_clear();
        shell.env("PATH", format!("{}:/usr/bin:/bin", self.place.path("bin").display()));
        // A port of 4100 may be taken on the machine that tests.
        shell.env("FRONTDESK_HOME", self.home(who)).env("FRONTDESK_NET_LISTEN", "/ip4/127.0.0.1/tcp/0");
        shell.stdin(Stdio::piped()).stdout(out.try_clone().unwrap()).stderr(out);
        let mut child = shell.spawn().unwrap();
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child
    }

    /// All that this person was shown.
    fn output(&self, who: &str) -> String {
        fs::read_to_string(self.place.path(&format!("{who}.out"))).unwrap_or_default()
    }

    fn call(&self, who: &str, args: &[&str]) -> Option<Value> {
        let done = Command::new(PROGRAM)
            .arg("--home")
            .arg(self.home(who))
            .arg("--json")
            .args(args)
            .output()
            .unwrap();
        done.status.success().then(|| serde_json::from_slice(&done.stdout).unwrap_or_default())
    }

    fn list(&self, who: &str, what: &str) -> Vec<Value> {
        self.call(who, &[what]).and_then(|list| list.as_array().cloned()).unwrap_or_default()
    }

    fn invitation(&self) -> String {
        let shown = self.output("desk");
        let mut lines = shown.lines();
        format!("{}\n", lines.find(|line| line.starts_with("frontdesk:join/")).unwrap())
    }

    /// The digits that Ana was shown, once the desk has them too.
    fn digits(&self) -> Option<String> {
        let requests = self.list("desk", "requests");
        let number = field(requests.first()?, "number");
        self.output("ana").contains(&number).then_some(number)
    }

    fn thread(&self) -> Option<String> {
        Some(field(self.list("desk", "threads").first()?, "id"))
    }
}

impl Drop for Story {
    fn drop(&mut self) {
        for who in ["desk", "ana", "carla"] {
            let _ = self.call(who, &["stop"]);
            let _ = within(Duration::from_secs(5), || {
                (!self.home(who).join("api.address").exists()).then_some(())
            });
        }
    }
}
