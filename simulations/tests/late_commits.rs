//! Who was off for longer than a grant lasts follows all that happened meanwhile.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use frontdesk_engine::{Command, Event, HistoryChoice, MessageState};
use frontdesk_sim::{
    NodeId, Siege, World,
    office::{PATIENCE, is_in, messages, texts, told, who},
};

use frontdesk_thread::MAX_PAST_EPOCHS;

const DAY: u64 = 24 * 3600;

/// Ben comes for a day, and is out when it is over, or taken out before, while this node is off.
fn off_meanwhile(node: impl Fn(&Siege) -> NodeId, taken_out: bool) {
    let mut siege = Siege::lay(HistoryChoice::All, 30 * DAY).unwrap();
    let (acme, carla, ana, ben, thread) = (siege.acme, siege.carla, siege.ana, siege.ben, siege.thread);
    let node = node(&siege);
    siege.office.world.stop(node).unwrap();
    siege.office.forward_for(thread, ben, HistoryChoice::All, false, DAY).unwrap();
    siege.office.world.until("Ben", PATIENCE, |world| is_in(world, ben, thread)).unwrap();
    siege.office.say(ben, thread, "Ben, for a day").unwrap();
    siege.hears(acme, "Ben, for a day").unwrap();
    if taken_out {
        let from = siege.device(ben).unwrap();
        siege.office.world.command(acme, Command::Revoke { thread, from }).unwrap();
    }
    siege.office.world.pass(2 * DAY * 1000).unwrap();
    assert!(!is_in(&siege.office.world, ben, thread));
    siege.office.world.revive(node).unwrap();
    siege.hears(node, "Ben, for a day").unwrap();
    siege.settle().unwrap();
    siege.goes_on().unwrap();
    siege.settle().unwrap();
    for other in [acme, carla, ana] {
        assert_eq!(who(&siege.office.world, other, thread).unwrap().members.len(), 3, "{other:?}");
        assert_eq!(texts(&siege.office.world, other, thread), texts(&siege.office.world, acme, thread));
        // What Ben wrote waits with him until it is too late; the steward did as it should.
        let steward = siege.office.world.node(acme).unwrap().transport();
        let accuses = |event: &Event| matches!(event, Event::Security { peer, .. } if *peer == steward);
        assert!(!told(&siege.office.world, other, accuses), "{other:?}");
    }
}

#[test]
fn a_customer_that_was_off_while_an_agent_came_and_went_goes_on() {
    off_meanwhile(|siege| siege.carla, false);
    off_meanwhile(|siege| siege.carla, true);
}

#[test]
fn an_agent_that_was_off_while_another_came_and_went_goes_on() {
    off_meanwhile(|siege| siege.ana, false);
    off_meanwhile(|siege| siege.ana, true);
}

/// An hour is all that an agent has, and the customer's machine is off every other hour.
#[test]
fn grants_end_one_after_the_other_for_one_that_is_off_half_the_time() {
    let mut siege = Siege::lay(HistoryChoice::All, 30 * DAY).unwrap();
    let (acme, carla, ben, thread) = (siege.acme, siege.carla, siege.ben, siege.thread);
    for hour in 0..6 {
        siege.office.world.stop(carla).unwrap();
        siege.office.forward_for(thread, ben, HistoryChoice::All, false, 3600).unwrap();
        siege.office.world.until("Ben", PATIENCE, |world| is_in(world, ben, thread)).unwrap();
        let text = format!("hour {hour}");
        siege.office.say(ben, thread, &text).unwrap();
        siege.office.world.pass(3_700_000).unwrap();
        siege.office.world.revive(carla).unwrap();
        siege.hears(carla, &text).unwrap();
        let out = |world: &World| who(world, carla, thread).is_some_and(|who| who.members.len() == 3);
        siege.office.world.until("Ben to be out", PATIENCE, out).unwrap();
    }
    siege.settle().unwrap();
    assert_eq!(texts(&siege.office.world, carla, thread), texts(&siege.office.world, acme, thread));
    siege.goes_on().unwrap();
}

/// Carla writes under keys that Acme has dropped by the time that they meet, and writes nothing more.
#[test]
fn what_was_written_before_many_commits_were_followed_is_brought_and_never_told_as_failed() {
    let mut siege = Siege::lay(HistoryChoice::All, 30 * DAY).unwrap();
    let (acme, carla, ana, ben, thread) = (siege.acme, siege.carla, siege.ana, siege.ben, siege.thread);
    siege.office.world.part(acme, carla).unwrap();
    siege.office.world.stop(ana).unwrap();
    siege.office.say(carla, thread, "under old keys").unwrap();
    for _ in 0..MAX_PAST_EPOCHS {
        siege.office.forward_for(thread, ben, HistoryChoice::All, false, DAY).unwrap();
        siege.office.world.until("Ben", PATIENCE, |world| is_in(world, ben, thread)).unwrap();
        let from = siege.device(ben).unwrap();
        siege.office.world.command(acme, Command::Revoke { thread, from }).unwrap();
        siege.office.world.until("no Ben", PATIENCE, |world| !is_in(world, ben, thread)).unwrap();
    }
    siege.office.world.mend(acme, carla);
    siege.office.world.revive(ana).unwrap();
    for node in [acme, ana] {
        siege.hears(node, "under old keys").unwrap();
    }
    siege.settle().unwrap();
    let failed =
        |event: &Event| matches!(event, Event::MessageState { state: MessageState::Failed { .. }, .. });
    assert!(!told(&siege.office.world, carla, failed));
    let said =
        messages(&siege.office.world, carla, thread).into_iter().find(|it| it.text == "under old keys");
    assert_eq!(said.unwrap().state, MessageState::Delivered);
    siege.goes_on().unwrap();
}
