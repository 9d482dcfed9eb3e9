//! Failing disks and failing power, at every step of a conversation.
//!
//! `FRONTDESK_FAULT_STRIDE` tries only each so-manieth step (default 4).
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use frontdesk_engine::{Command, CommandError, Event, HistoryChoice, MessageState};
use frontdesk_sim::{
    Failure, Node, NodeId, Siege, SimError, World,
    office::{PATIENCE, is_in, messages, texts, who},
};

const DAY: u64 = 24 * 3600;

/// Does it until it is done: the disk or the power may fail while it is tried.
fn insist(siege: &mut Siege, node: NodeId, command: &Command, done: impl Fn(&World) -> bool) {
    for _ in 0..20 {
        if done(&siege.office.world) {
            return;
        }
        match siege.office.world.command(node, command.clone()) {
            Ok(_) => return,
            Err(SimError::Command(CommandError::Storage(_) | CommandError::NotOpen)) => {
                siege.office.world.pass(1000).unwrap();
            }
            Err(other) => panic!("{other}"),
        }
    }
    panic!("never done: {command:?}");
}

fn says(siege: &mut Siege, node: NodeId, text: &str) {
    let (thread, text) = (siege.thread, text.to_owned());
    let command = Command::Send { thread, text: text.clone() };
    insist(siege, node, &command, |world| texts(world, node, thread).contains(&text));
    siege.office.world.pass(40).unwrap();
}

/// Five people's worth of events: talk, a forward, talk, a hand-over, talk.
fn converse(siege: &mut Siege) {
    let (acme, carla, ana, ben, thread) = (siege.acme, siege.carla, siege.ana, siege.ben, siege.thread);
    says(siege, carla, "three");
    says(siege, ana, "four");
    let to = Some(siege.device(ben).unwrap());
    let note = String::new();
    let forward =
        Command::Forward { thread, to, history: HistoryChoice::All, lasts: DAY, hand_over: false, note };
    let is_there = |world: &World| {
        who(world, acme, thread).is_some_and(|who| who.members.iter().any(|member| Some(member.device) == to))
    };
    insist(siege, acme, &forward, is_there);
    says(siege, carla, "five");
    siege.office.world.until_about("Ben", PATIENCE, |world| is_in(world, ben, thread)).unwrap();
    says(siege, ben, "six");
    says(siege, acme, "seven");
    let from = siege.device(ana).unwrap();
    let gone = |world: &World| {
        who(world, acme, thread).is_some_and(|who| who.members.iter().all(|member| member.device != from))
    };
    siege.office.world.pass(20_000).unwrap();
    insist(siege, acme, &Command::Revoke { thread, from }, gone);
    // Whose steward went dark in that moment learns it once a ping has told.
    let known = |world: &World| {
        let without = |node: &NodeId| {
            who(world, *node, thread)
                .is_some_and(|who| who.members.iter().all(|member| member.device != from))
        };
        [carla, ben].iter().all(without)
    };
    siege.office.world.until_about("all to know", PATIENCE, known).unwrap();
    says(siege, ben, "eight");
    says(siege, carla, "nine");
}

/// All that was written is there once, in one order, for all who are in.
fn is_whole(siege: &mut Siege, what: &str) {
    let (acme, carla, ana, ben, thread) = (siege.acme, siege.carla, siege.ana, siege.ben, siege.thread);
    let whole = |world: &World| {
        [acme, carla, ana, ben].iter().all(|node| world.node(*node).is_ok_and(Node::is_up))
            && [acme, carla, ben].iter().all(|node| texts(world, *node, thread).len() >= 10)
            && !is_in(world, ana, thread)
    };
    siege.office.world.until_about(what, PATIENCE, whole).unwrap_or_else(|error| {
        let counts = [acme, carla, ben].map(|node| texts(&siege.office.world, node, thread));
        panic!("{error}: {counts:?}");
    });
    let order = texts(&siege.office.world, carla, thread);
    let mut sorted = order.clone();
    sorted.sort();
    sorted.dedup();
    assert_eq!(sorted.len(), 10, "{what}: {order:?}");
    for node in [acme, ben] {
        assert_eq!(texts(&siege.office.world, node, thread), order, "{what}");
    }
    let theirs = texts(&siege.office.world, ana, thread);
    assert_eq!(theirs.len(), 8, "{what}: Ana has what was said while she was in: {theirs:?}");
    for node in [acme, carla, ana, ben] {
        let mut events = siege.office.world.node(node).unwrap().events.iter();
        let accused = events.find(|event| matches!(event, Event::Security { .. }));
        assert!(accused.is_none(), "{what}: an honest node was accused: {accused:?}");
    }
}

fn stride() -> usize {
    std::env::var("FRONTDESK_FAULT_STRIDE").ok().and_then(|text| text.parse().ok()).unwrap_or(4)
}

/// The failure at each step of each node in turn, until the conversation has no such step.
fn at_every_step(failure: Failure) {
    let base = Siege::lay(HistoryChoice::All, DAY).unwrap();
    for victim in [base.acme, base.carla, base.ana, base.ben] {
        let mut met = 0;
        for step in (0..).map(|round| round * stride() + victim.0 % stride()) {
            let mut siege = base.fork(u64::try_from(step).unwrap()).unwrap();
            siege.office.world.fail_step(victim, u32::try_from(step).unwrap(), failure).unwrap();
            converse(&mut siege);
            if siege.office.world.is_waiting_to_fail(victim) {
                break;
            }
            is_whole(&mut siege, &format!("{failure:?} at step {step} of {victim:?}"));
            met += 1;
        }
        assert!(met * stride() > 8, "{victim:?} has more steps than {met}");
    }
}

#[test]
fn a_conversation_without_faults_is_whole() {
    let mut siege = Siege::lay(HistoryChoice::All, DAY).unwrap().fork(1).unwrap();
    converse(&mut siege);
    is_whole(&mut siege, "fair weather");
}

#[test]
fn a_full_disk_at_any_step_loses_nothing() {
    at_every_step(Failure::Commit);
}

#[test]
fn a_failed_flush_at_any_step_loses_nothing() {
    at_every_step(Failure::Flush);
}

#[test]
fn a_failed_flush_that_kept_what_was_written_repeats_nothing() {
    at_every_step(Failure::FlushKept);
}

#[test]
fn a_power_cut_before_any_flush_loses_nothing_that_was_acknowledged() {
    at_every_step(Failure::CutBeforeFlush);
}

#[test]
fn a_power_cut_after_any_flush_repeats_nothing() {
    at_every_step(Failure::CutAfterFlush);
}

#[test]
fn a_command_that_the_disk_failed_was_not_done_and_can_be_given_again() {
    let mut siege = Siege::lay(HistoryChoice::All, DAY).unwrap();
    let (carla, acme, thread) = (siege.carla, siege.acme, siege.thread);
    let before = siege.shown(carla).unwrap();
    siege.office.world.fail_step(carla, 0, Failure::Commit).unwrap();
    let send = Command::Send { thread, text: "first try".into() };
    let failed = siege.office.world.command(carla, send.clone());
    assert!(matches!(failed, Err(SimError::Command(CommandError::Storage(_)))), "{failed:?}");
    siege.settle().unwrap();
    assert_eq!(siege.shown(carla).unwrap(), before);
    assert_eq!(texts(&siege.office.world, acme, thread).len(), 3);
    siege.office.world.command(carla, send).unwrap();
    siege
        .office
        .world
        .until_about("the text", PATIENCE, |world| texts(world, acme, thread).len() == 4)
        .unwrap();
    siege.goes_on().unwrap();
}

/// The disk took the text and failed to say so: nobody knows whether it was done, until the store is open again.
#[test]
fn a_text_that_was_written_though_the_disk_failed_is_sent_and_its_owner_is_told_to_look() {
    let mut siege = Siege::lay(HistoryChoice::All, DAY).unwrap();
    let (carla, acme, thread) = (siege.carla, siege.acme, siege.thread);
    let begun = |siege: &Siege| {
        let told = &siege.office.world.node(carla).unwrap().events;
        told.iter().filter(|event| matches!(event, Event::Started)).count()
    };
    let before = begun(&siege);
    siege.office.world.fail_step(carla, 0, Failure::FlushKept).unwrap();
    let failed = siege.office.world.command(carla, Command::Send { thread, text: "done after all".into() });
    assert!(matches!(failed, Err(SimError::Command(CommandError::Storage(_)))), "{failed:?}");
    assert_eq!(begun(&siege), before + 1, "told to look again");
    siege.settle().unwrap();
    for reader in [carla, acme, siege.ana] {
        let read = texts(&siege.office.world, reader, thread);
        assert_eq!(read.iter().filter(|text| *text == "done after all").count(), 1, "{reader:?}");
    }
    let own = messages(&siege.office.world, carla, thread);
    let text = own.iter().find(|message| message.text == "done after all").unwrap();
    assert_eq!(text.state, MessageState::Delivered);
    siege.goes_on().unwrap();
}

/// Who sends tries ever more rarely, up to once a minute, until the other greets it again.
#[test]
fn what_was_sent_while_a_disk_failed_comes_as_soon_as_it_works() {
    let mut siege = Siege::lay(HistoryChoice::All, DAY).unwrap();
    let (carla, ana, thread) = (siege.carla, siege.ana, siege.thread);
    siege.office.say(carla, thread, "to a full disk").unwrap();
    for _ in 0..90 {
        siege.office.world.fail_step(ana, 0, Failure::Commit).unwrap();
        siege.office.world.pass(1000).unwrap();
    }
    assert!(!texts(&siege.office.world, ana, thread).contains(&"to a full disk".to_owned()));
    let there = |world: &World| texts(world, ana, thread).contains(&"to a full disk".to_owned());
    siege.office.world.until("the text", 6_000, there).unwrap();
    siege.goes_on().unwrap();
}
