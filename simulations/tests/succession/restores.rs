//! Eras that begin since somebody was put back to a backup and lost its keys.

use crate::{DAY, agree, counted, second, siege, view, who_is_in};
use frontdesk_engine::{Command, Event, HistoryChoice, MessageState, ThreadStatus};
use frontdesk_sim::{
    Siege, World,
    office::{PATIENCE, is_in, messages, texts, told},
};

#[test]
fn a_steward_restored_from_a_backup_goes_on_with_its_threads_in_a_new_era() {
    let mut siege = siege();
    let (acme, carla, ana, ben, thread) = (siege.acme, siege.carla, siege.ana, siege.ben, siege.thread);
    let backup = siege.office.world.copy_of(acme).unwrap();
    for number in 0..3 {
        siege.office.say(carla, thread, &format!("since the backup {number}")).unwrap();
        siege.office.say(ana, thread, &format!("by Ana {number}")).unwrap();
        siege.office.say(acme, thread, &format!("by Acme {number}")).unwrap();
        siege.settle().unwrap();
    }
    siege.office.world.restore(acme, backup).unwrap();
    siege.office.world.until("the steward", PATIENCE, |world| is_in(world, acme, thread)).unwrap();
    let over = |event: &Event| *event == Event::TakenOver { thread, era: 1 };
    assert!(told(&siege.office.world, acme, over));
    assert_eq!(counted(&siege, acme), 1, "its guest has a thread open here");
    let back = |world: &World| is_in(world, ana, thread) && texts(world, acme, thread).len() == 9;
    siege.office.world.until("Ana, and what others said", PATIENCE, back).unwrap();
    // What it wrote itself in its former life nobody hands it back.
    let shown = texts(&siege.office.world, acme, thread);
    assert!(shown.contains(&"by Ana 2".into()) && !shown.iter().any(|text| text.starts_with("by Acme")));
    for (node, text) in [(acme, "Acme is back"), (ana, "so is Ana"), (carla, "and Carla")] {
        siege.office.say(node, thread, text).unwrap();
        for other in [acme, ana, carla] {
            siege.hears(other, text).unwrap();
        }
    }
    siege.office.forward(thread, ben, HistoryChoice::Last(1), false).unwrap();
    siege.office.say(ben, thread, "Ben, too").unwrap();
    siege.hears(carla, "Ben, too").unwrap();
    assert_eq!(texts(&siege.office.world, ben, thread), ["and Carla", "Ben, too"]);
    siege.hears(ana, "Ben, too").unwrap();
    assert_eq!(texts(&siege.office.world, ana, thread), texts(&siege.office.world, carla, thread));
    siege.goes_on().unwrap();
}

/// Her texts of the time since the backup have numbers that she doesn't know of, and nor does the steward.
#[test]
fn what_a_restored_guest_writes_is_not_taken_for_what_she_wrote_before() {
    let mut siege = siege();
    let (acme, carla, ana, thread) = (siege.acme, siege.carla, siege.ana, siege.thread);
    siege.office.say(carla, thread, "before the backup").unwrap();
    siege.settle().unwrap();
    let backup = siege.office.world.copy_of(carla).unwrap();
    siege.office.world.stop(acme).unwrap();
    for number in 0..5 {
        siege.office.say(carla, thread, &format!("to Ana alone {number}")).unwrap();
        siege.hears(ana, &format!("to Ana alone {number}")).unwrap();
    }
    siege.office.world.restore(carla, backup).unwrap();
    siege.office.world.revive(acme).unwrap();
    siege.office.world.until("Carla", PATIENCE, |world| is_in(world, carla, thread)).unwrap();
    for number in 0..8 {
        let text = format!("since the restore {number}");
        siege.office.say(carla, thread, &text).unwrap();
        siege.hears(ana, &text).unwrap();
        siege.hears(acme, &text).unwrap();
        siege.settle().unwrap();
        let sent =
            messages(&siege.office.world, carla, thread).into_iter().find(|message| message.text == text);
        assert_eq!(sent.unwrap().state, MessageState::Delivered, "{text}");
    }
    for node in [acme, carla, ana] {
        assert_eq!(view(&siege, node).missing, 0, "{node:?} waits for what was never written");
    }
    siege.goes_on().unwrap();
}

/// Its place is ahead of all when it comes in, and what others say is news to it all the same.
#[test]
fn a_restored_member_sees_what_is_said_and_closed_since() {
    let mut siege = siege();
    let (acme, carla, ana, thread) = (siege.acme, siege.carla, siege.ana, siege.thread);
    let backup = siege.office.world.copy_of(ana).unwrap();
    siege.office.world.restore(ana, backup).unwrap();
    siege.office.world.until("Ana", PATIENCE, |world| is_in(world, ana, thread)).unwrap();
    siege.settle().unwrap();
    siege.office.say(carla, thread, "news").unwrap();
    siege.hears(ana, "news").unwrap();
    assert_eq!(view(&siege, ana).preview, "news");
    siege.office.world.command(acme, Command::Close { thread }).unwrap();
    siege.settle().unwrap();
    assert_eq!(view(&siege, ana).status, ThreadStatus::Closed);
    siege.office.say(carla, thread, "one thing more").unwrap();
    siege.hears(ana, "one thing more").unwrap();
    assert_eq!(view(&siege, ana).status, ThreadStatus::Open);
}

#[test]
fn what_comes_late_neither_opens_nor_closes_a_thread() {
    let mut siege = siege();
    let (acme, carla, ana, thread) = (siege.acme, siege.carla, siege.ana, siege.thread);
    siege.office.world.part(ana, carla).unwrap();
    siege.office.say(ana, thread, "late for Carla").unwrap();
    siege.hears(acme, "late for Carla").unwrap();
    siege.office.world.command(acme, Command::Close { thread }).unwrap();
    let closed = |siege: &Siege| view(siege, carla).status == ThreadStatus::Closed;
    siege.office.world.pass(1_000).unwrap();
    assert!(closed(&siege));
    siege.office.world.mend(ana, carla);
    siege.hears(carla, "late for Carla").unwrap();
    assert!(closed(&siege), "it was said before the thread was closed");
}

#[test]
fn a_closed_thread_stays_closed_when_its_steward_is_restored_and_a_text_opens_it() {
    let mut siege = siege();
    let (acme, carla, ana, thread) = (siege.acme, siege.carla, siege.ana, siege.thread);
    siege.office.world.command(acme, Command::Close { thread }).unwrap();
    siege.settle().unwrap();
    let backup = siege.office.world.copy_of(acme).unwrap();
    siege.office.world.restore(acme, backup).unwrap();
    agree(&mut siege, &[acme, carla, ana], 1, acme);
    for node in [acme, carla, ana] {
        assert_eq!(view(&siege, node).status, ThreadStatus::Closed, "{node:?}");
    }
    assert_eq!(counted(&siege, acme), 0, "a closed thread does not count");
    siege.office.say(carla, thread, "one thing more").unwrap();
    for node in [acme, ana] {
        siege.hears(node, "one thing more").unwrap();
        assert_eq!(view(&siege, node).status, ThreadStatus::Open, "{node:?}");
    }
    assert_eq!(counted(&siege, acme), 1);
}

#[test]
fn a_steward_that_waits_for_its_guest_when_it_is_backed_up_offers_again_after_the_restore() {
    let mut siege = siege();
    let (acme, carla, ana, thread) = (siege.acme, siege.carla, siege.ana, siege.thread);
    let second = second(&mut siege);
    // The guest is away: the steward that was restored waits for her when it is backed up once more.
    siege.office.world.stop(carla).unwrap();
    let backup = siege.office.world.copy_of(acme).unwrap();
    siege.office.world.restore(acme, backup).unwrap();
    siege.settle().unwrap();
    assert_eq!(view(&siege, acme).status, ThreadStatus::Rejoining);
    let backup = siege.office.world.copy_of(acme).unwrap();
    siege.office.world.restore(acme, backup).unwrap();
    siege.settle().unwrap();
    siege.office.world.revive(carla).unwrap();
    agree(&mut siege, &[acme, carla, ana, second], 1, acme);
    // Whoever wanted to take it over is a member again, and can say so once more.
    siege.office.world.stop(carla).unwrap();
    siege.office.world.command(second, Command::TakeOver { thread }).unwrap();
    siege.settle().unwrap();
    let backup = siege.office.world.copy_of(second).unwrap();
    siege.office.world.restore(second, backup).unwrap();
    siege.office.world.revive(carla).unwrap();
    agree(&mut siege, &[acme, carla, ana, second], 1, acme);
    siege.office.world.command(second, Command::TakeOver { thread }).unwrap();
    let over = |world: &World| told(world, second, |event| *event == Event::TakenOver { thread, era: 2 });
    siege.office.world.until("the successor", PATIENCE, over).unwrap();
    agree(&mut siege, &[acme, carla, ana, second], 2, second);
}

#[test]
fn a_customer_that_lost_its_keys_as_well_opens_the_era_all_the_same() {
    let mut siege = siege();
    let (acme, carla, ana, thread) = (siege.acme, siege.carla, siege.ana, siege.thread);
    let [acmes, carlas] = [acme, carla].map(|node| siege.office.world.copy_of(node).unwrap());
    siege.office.world.stop(acme).unwrap();
    siege.office.world.restore(carla, carlas).unwrap();
    siege.settle().unwrap();
    siege.office.world.restore(acme, acmes).unwrap();
    agree(&mut siege, &[acme, carla], 16, acme);
    siege.office.say(carla, thread, "both are back").unwrap();
    siege.hears(acme, "both are back").unwrap();
    // Who else was there, neither knows: the owner lets them in anew.
    siege.office.forward(thread, ana, HistoryChoice::All, false).unwrap();
    agree(&mut siege, &[acme, carla, ana], 16, acme);
    siege.goes_on().unwrap();
}

#[test]
fn members_restored_from_before_a_takeover_come_in_all_the_same() {
    for who in 0..3 {
        let mut siege = siege();
        let (acme, carla, ana, thread) = (siege.acme, siege.carla, siege.ana, siege.thread);
        let second = second(&mut siege);
        let backups = [carla, ana].map(|node| siege.office.world.copy_of(node).unwrap());
        siege.office.world.stop(acme).unwrap();
        siege.office.world.command(second, Command::TakeOver { thread }).unwrap();
        let all = [second, carla, ana];
        let back = |world: &World| who_is_in(world, thread, &all);
        siege.office.world.until("the successor", PATIENCE, back).unwrap();
        siege.settle().unwrap();
        for (index, (node, backup)) in [carla, ana].into_iter().zip(backups).enumerate() {
            if who == 2 || who == index {
                siege.office.world.restore(node, backup).unwrap();
            }
        }
        siege.office.world.until("those restored", 10 * PATIENCE, back).unwrap();
        agree(&mut siege, &all, 1, second);
        for node in all {
            siege.office.say(node, thread, &format!("{node:?} is here")).unwrap();
            for other in all {
                siege.hears(other, &format!("{node:?} is here")).unwrap();
            }
        }
    }
}

#[test]
fn a_guest_and_a_steward_that_both_know_nothing_of_a_takeover_begin_a_later_era() {
    let mut siege = siege();
    let (acme, carla, ana, thread) = (siege.acme, siege.carla, siege.ana, siege.thread);
    let second = second(&mut siege);
    let backups = [carla, second].map(|node| siege.office.world.copy_of(node).unwrap());
    siege.office.world.stop(acme).unwrap();
    siege.office.world.command(second, Command::TakeOver { thread }).unwrap();
    let all = [second, carla, ana];
    siege.office.world.until("the successor", PATIENCE, |world| who_is_in(world, thread, &all)).unwrap();
    siege.settle().unwrap();
    for (node, backup) in [carla, second].into_iter().zip(backups) {
        siege.office.world.restore(node, backup).unwrap();
    }
    siege.settle().unwrap();
    siege.office.world.command(second, Command::TakeOver { thread }).unwrap();
    let later = |world: &World| who_is_in(world, thread, &[second, carla]);
    siege.office.world.until("a later era", 10 * PATIENCE, later).unwrap();
    let era = view(&siege, second).era;
    assert!(era > 1, "an era {era} has been before");
    // Neither knows of Ana. She is let in anew, and comes from the era in which she is.
    let (to, history) = (Some(siege.device(ana).unwrap()), HistoryChoice::All);
    let note = String::new();
    let forward = Command::Forward { thread, to, history, lasts: DAY, hand_over: false, note };
    siege.office.world.command(second, forward).unwrap();
    agree(&mut siege, &all, era, second);
    siege.office.say(ana, thread, "there you are").unwrap();
    siege.hears(carla, "there you are").unwrap();
}
