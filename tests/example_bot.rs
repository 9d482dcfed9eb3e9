//! The bot of the examples, by the command of the guide.

use crate::harness::{Office, eventually, texts, thread_of};
use std::{
    path::Path,
    process::{Child, Command, Stdio},
};

const GUIDE: &str = include_str!("../docs/guide.md");

#[test]
fn the_example_bot_answers_and_hands_over_to_the_person_who_is_asked_for() {
    let office = Office::open();
    let ana = office.enrol("Ana");
    let bot = office.enrol_as("bot", "Bot");
    let carla = office.customer("Carla");
    let thread = office.contact(&carla, "When do you open?");
    office.acme.json(&["forward", &thread, "--to", "Bot"]);
    let program = Program::start(&bot.path);
    let last = || texts(&carla, &thread).pop().unwrap_or_default();
    eventually("the bot answers", || last().contains("Monday to Friday").then_some(()));
    carla.json(&["send", &thread, "A person, please"]);
    assert_eq!(thread_of(&ana), thread);
    eventually("Ana has what was said", || (texts(&ana, &thread).len() >= 4).then_some(()));
    eventually("the bot is out", || (bot.json(&["threads"])[0]["status"] == "left").then_some(()));
    drop(program);
}

/// The bot's program, in a process group of its own: cargo doesn't end what it runs.
struct Program(Child);

impl Program {
    fn start(home: &Path) -> Self {
        let line =
            GUIDE.lines().find(|line| line.starts_with("cargo run") && line.contains("faq_bot")).unwrap();
        let line = line.replace("DIR", home.to_str().unwrap());
        let mut words = line.split_whitespace();
        assert_eq!(words.next(), Some("cargo"));
        let cargo = || {
            let mut cargo = Command::new(env!("CARGO"));
            cargo.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
            cargo
        };
        // First alone: nobody knows how long a compiler takes.
        let built = cargo().args(["build", "--quiet", "--release", "--example", "faq_bot"]).status().unwrap();
        assert!(built.success(), "{built}");
        let mut cargo = cargo();
        cargo.args(words);
        std::os::unix::process::CommandExt::process_group(&mut cargo, 0);
        Self(cargo.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let group = rustix::process::Pid::from_child(&self.0);
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        let _ = self.0.wait();
    }
}
