//! What is printed for debugging holds no secret.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use frontdesk_engine::{Command, Event, HistoryChoice, Reply, Role};
use frontdesk_identity::DeviceKeys;
use frontdesk_sim::Siege;
use std::fmt::Debug;

/// The ways in which bytes could be printed.
fn prints(bytes: &[u8]) -> Vec<String> {
    let hex = |byte: &u8| format!("{byte:02x}");
    let lower: String = bytes.iter().map(hex).collect();
    vec![lower.to_uppercase(), lower, bytes.iter().map(u8::to_string).collect::<Vec<_>>().join(", ")]
}

fn secrets_of(keys: &DeviceKeys) -> Vec<String> {
    let seeds = [keys.signing().to_seed(), keys.transport().to_seed()];
    seeds.iter().flat_map(|seed| prints(seed.as_slice())).collect()
}

fn check(what: &str, value: &impl Debug, secrets: &[String]) {
    // Lists of numbers are printed over many lines in the long form.
    let long: String = format!("{value:#?}").split_whitespace().collect::<Vec<_>>().join(" ");
    for text in [format!("{value:?}"), long] {
        let found = secrets.iter().find(|secret| text.contains(secret.as_str()));
        assert!(found.is_none(), "{what} shows {found:?}");
    }
}

#[test]
fn what_is_printed_of_engines_worlds_commands_and_events_holds_no_key_code_or_text() {
    let mut siege = Siege::lay(HistoryChoice::All, 3600).unwrap();
    let (acme, ana, carla, thread) = (siege.acme, siege.ana, siege.carla, siege.thread);
    let invite = Command::Invite { role: Role::Agent, name: "Ben".into(), lasts: 60 };
    let reply = siege.office.world.command(acme, invite).unwrap();
    let Reply::Invited { invitation } = &reply else { panic!("an invitation") };
    let link = invitation.reveal().unwrap().to_string();
    let joins = Command::Join { invitation: (**invitation).clone() };
    let rogue = siege.take_over(ana, &[carla]).unwrap();
    let mut secrets = secrets_of(&rogue.keys);
    secrets.extend(prints(invitation.code.as_bytes()));
    secrets.push(link.clone());
    let parts = link.split(|letter: char| !letter.is_alphanumeric());
    secrets.extend(parts.max_by_key(|part| part.len()).map(str::to_owned));
    check("the invitation", &invitation, &secrets);
    check("the answer to a command", &reply, &secrets);
    check("the command to join", &joins, &secrets);
    check("the adversary", &rogue, &secrets);
    check("the keys", &rogue.keys, &secrets);
    check("the world", &siege.office, &secrets);
    for node in [acme, carla] {
        let node = siege.office.world.node(node).unwrap();
        check("a node", node, &secrets);
        for event in &node.events {
            check("an event", event, &secrets);
        }
    }
    // Text for people is in the events that show it to them, and nowhere else.
    siege.office.say(carla, thread, "a word in confidence").unwrap();
    siege.settle().unwrap();
    let text = ["a word in confidence".to_owned()];
    for node in [acme, carla] {
        let node = siege.office.world.node(node).unwrap();
        check("the engine", node.engine().unwrap(), &text);
        let others = node.events.iter().filter(|event| !matches!(event, Event::Message { .. }));
        others.for_each(|event| check("an event that is no message", event, &text));
    }
    check("what was sent", &siege.office.world.tape(), &text);
    let readable: Vec<u8> = siege.office.world.tape().iter().flat_map(|sent| sent.frame.clone()).collect();
    assert!(!String::from_utf8_lossy(&readable).contains(&text.concat()), "it travels sealed");
    assert!(!String::from_utf8_lossy(&readable).contains(&link), "no invitation travels");
}
