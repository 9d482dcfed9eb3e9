//! What somebody wrote last who is out of the thread, when whoever lacks it comes in anew, or another leads by then.

use crate::{MINUTE, second, siege, who_is_in};
use frontdesk_engine::{Command, Event, HistoryChoice};
use frontdesk_sim::{
    NodeId, Siege, World,
    office::{PATIENCE, outbox, texts, told},
};

/// Ana writes while Carla doesn't hear her, and is out before she does: the administrators have it.
fn last_words(siege: &mut Siege) {
    let (acme, carla, ana, ben, thread) = (siege.acme, siege.carla, siege.ana, siege.ben, siege.thread);
    siege.office.say(ana, thread, "the first").unwrap();
    siege.hears(carla, "the first").unwrap();
    siege.settle().unwrap();
    siege.office.world.stop(carla).unwrap();
    for text in ["nearly the last", "the last"] {
        siege.office.say(ana, thread, text).unwrap();
        siege.hears(acme, text).unwrap();
    }
    siege.office.forward(thread, ben, HistoryChoice::All, false).unwrap();
    let from = siege.device(ana).unwrap();
    siege.office.world.command(acme, Command::Revoke { thread, from }).unwrap();
    siege.hears(ben, "the last").unwrap();
    siege.office.world.pass(MINUTE).unwrap();
}

#[test]
fn a_customer_put_back_to_a_backup_gets_what_an_agent_wrote_that_is_out_since() {
    let mut siege = siege();
    let (acme, carla, ana, ben, thread) = (siege.acme, siege.carla, siege.ana, siege.ben, siege.thread);
    siege.office.say(ana, thread, "known to the backup").unwrap();
    siege.hears(carla, "known to the backup").unwrap();
    let backup = siege.office.world.copy_of(carla).unwrap();
    last_words(&mut siege);
    siege.office.world.restore(carla, backup).unwrap();
    for text in ["the first", "nearly the last", "the last"] {
        siege.hears(carla, text).unwrap();
    }
    assert!(who_is_in(&siege.office.world, thread, &[acme, carla, ben]));
    assert_eq!(outbox(&siege.office.world, ana), 0);
    siege.goes_on().unwrap();
}

#[test]
fn who_takes_over_brings_what_an_agent_wrote_that_was_out_before() {
    let mut siege = siege();
    let (acme, carla, ana, ben, thread) = (siege.acme, siege.carla, siege.ana, siege.ben, siege.thread);
    let second = second(&mut siege);
    last_words(&mut siege);
    siege.hears(second, "the last").unwrap();
    siege.office.world.part(carla, ana).unwrap();
    siege.office.world.revive(carla).unwrap();
    let out = |world: &World| {
        told(
            world,
            carla,
            |event| matches!(event, Event::MembersChanged { removed, .. } if removed.len() == 1),
        )
    };
    siege.office.world.until("Carla to hear that Ana is out", PATIENCE, out).unwrap();
    siege.office.world.stop(acme).unwrap();
    siege.office.world.command(second, Command::TakeOver { thread }).unwrap();
    for text in ["nearly the last", "the last"] {
        siege.hears(carla, text).unwrap();
    }
    siege.office.world.revive(acme).unwrap();
    let all_in = |world: &World| who_is_in(world, thread, &[second, carla, ben, acme]);
    siege.office.world.until("all to be in", PATIENCE, all_in).unwrap();
    siege.goes_on().unwrap();
}

/// The copy that Acme is put back to lacks what Ana wrote last before she was taken out. Nobody can bring that to the steward;
/// it is not forgotten for that.
fn a_steward_that_lacks_last_words() -> Siege {
    let mut siege = siege();
    let (acme, carla, ana, ben, thread) = (siege.acme, siege.carla, siege.ana, siege.ben, siege.thread);
    siege.office.say(ana, thread, "known to the backup").unwrap();
    siege.hears(acme, "known to the backup").unwrap();
    let second = second(&mut siege);
    let backup = siege.office.world.copy_of(acme).unwrap();
    siege.office.say(ana, thread, "the last").unwrap();
    siege.hears(acme, "the last").unwrap();
    siege.office.forward(thread, ben, HistoryChoice::All, false).unwrap();
    let from = siege.device(ana).unwrap();
    siege.office.world.command(acme, Command::Revoke { thread, from }).unwrap();
    siege.settle().unwrap();
    siege.office.world.restore(acme, backup).unwrap();
    let all_in = |world: &World| who_is_in(world, thread, &[acme, carla, ben, second]);
    siege.office.world.until("all to be in", PATIENCE, all_in).unwrap();
    siege.office.world.pass(MINUTE).unwrap();
    assert!(!texts(&siege.office.world, acme, thread).contains(&"the last".to_owned()));
    siege
}

#[test]
fn a_restored_steward_gets_the_last_words_of_an_agent_when_that_is_back() {
    let mut siege = a_steward_that_lacks_last_words();
    let (acme, ana, thread) = (siege.acme, siege.ana, siege.thread);
    siege.office.forward(thread, ana, HistoryChoice::All, false).unwrap();
    siege.hears(acme, "the last").unwrap();
    siege.goes_on().unwrap();
}

#[test]
fn a_restored_steward_gets_the_last_words_of_an_agent_when_another_leads() {
    let mut siege = a_steward_that_lacks_last_words();
    let (acme, second, thread) = (siege.acme, NodeId(4), siege.thread);
    siege.office.world.command(second, Command::TakeOver { thread }).unwrap();
    siege.hears(acme, "the last").unwrap();
    siege.goes_on().unwrap();
}

/// Acme is off while another leads, lets Ana in to the new era, and takes her out.
#[test]
fn who_was_away_for_a_takeover_gets_what_an_agent_wrote_that_came_and_left_meanwhile() {
    let mut siege = siege();
    let (acme, carla, ana, thread) = (siege.acme, siege.carla, siege.ana, siege.thread);
    let second = second(&mut siege);
    siege.office.world.stop(acme).unwrap();
    siege.office.say(ana, thread, "for Acme, too").unwrap();
    siege.hears(carla, "for Acme, too").unwrap();
    siege.office.world.command(second, Command::TakeOver { thread }).unwrap();
    let there = |world: &World| who_is_in(world, thread, &[carla, ana, second]);
    siege.office.world.until("Ana to be in", PATIENCE, there).unwrap();
    siege.office.say(ana, thread, "the last").unwrap();
    siege.hears(second, "the last").unwrap();
    let from = siege.device(ana).unwrap();
    siege.office.world.command(second, Command::Revoke { thread, from }).unwrap();
    siege.office.world.pass(MINUTE).unwrap();
    siege.office.world.revive(acme).unwrap();
    for text in ["for Acme, too", "the last"] {
        siege.hears(acme, text).unwrap();
    }
    siege.goes_on().unwrap();
}

/// At the time of the backup Ana was in the thread, and had said nothing.
#[test]
fn a_customer_put_back_to_a_backup_gets_what_one_wrote_that_was_silent_until_then() {
    let mut siege = siege();
    let (acme, carla, ana, ben, thread) = (siege.acme, siege.carla, siege.ana, siege.ben, siege.thread);
    siege.office.forward(thread, ben, HistoryChoice::All, false).unwrap();
    siege
        .office
        .world
        .until("Ben", PATIENCE, |world| who_is_in(world, thread, &[acme, carla, ana, ben]))
        .unwrap();
    let backup = siege.office.world.copy_of(carla).unwrap();
    siege.office.say(ben, thread, "my only word").unwrap();
    siege.hears(acme, "my only word").unwrap();
    siege.hears(carla, "my only word").unwrap();
    let from = siege.device(ben).unwrap();
    siege.office.world.command(acme, Command::Revoke { thread, from }).unwrap();
    siege.settle().unwrap();
    siege.office.world.restore(carla, backup).unwrap();
    siege.hears(carla, "my only word").unwrap();
    siege.goes_on().unwrap();
}
