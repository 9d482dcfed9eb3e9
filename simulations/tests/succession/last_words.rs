//! What somebody wrote last who is out of the thread, when whoever lacks it comes in anew, or another leads by then.

use crate::{MINUTE, second, siege, who_is_in};
use frontdesk_engine::{Command, Event, HistoryChoice};
use frontdesk_sim::{
    Siege, World,
    office::{PATIENCE, outbox, told},
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
