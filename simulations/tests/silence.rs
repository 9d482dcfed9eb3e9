//! Ways that fall silent, and machines that go without a word: the other side finds out late, by itself.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use frontdesk_engine::HistoryChoice;
use frontdesk_sim::{
    NodeId, Siege,
    office::{outbox, texts},
};

const DAY: u64 = 24 * 3600;

fn siege() -> Siege {
    let mut siege = Siege::lay(HistoryChoice::All, 30 * DAY).unwrap();
    siege.settle().unwrap();
    siege
}

fn has(siege: &Siege, reader: NodeId, text: &str) -> bool {
    texts(&siege.office.world, reader, siege.thread).iter().any(|shown| shown == text)
}

#[test]
fn what_is_written_in_a_short_silence_comes_when_it_is_over_and_nobody_has_noticed() {
    let mut siege = siege();
    let (ana, carla, thread) = (siege.ana, siege.carla, siege.thread);
    siege.office.world.silence(ana, carla);
    siege.office.say(ana, thread, "can you hear me?").unwrap();
    siege.office.say(carla, thread, "I hear nothing").unwrap();
    siege.office.world.pass(15_000).unwrap();
    assert!(has(&siege, ana, "I hear nothing"), "one direction is as it was");
    assert!(!has(&siege, carla, "can you hear me?"));
    assert!(siege.office.world.are_connected(ana, carla));
    siege.office.world.hear_again(ana, carla);
    siege.office.world.pass(100).unwrap();
    assert!(has(&siege, carla, "can you hear me?"));
    siege.settle().unwrap();
    siege.goes_on().unwrap();
}

#[test]
fn a_long_silence_is_noticed_by_either_side_and_what_was_written_meanwhile_comes_by_a_new_link() {
    let mut siege = siege();
    let (ana, carla, thread) = (siege.ana, siege.carla, siege.thread);
    siege.office.world.silence(ana, carla);
    siege.office.world.silence(carla, ana);
    for round in 0..8 {
        siege.office.say(ana, thread, &format!("Ana, {round}")).unwrap();
        siege.office.say(carla, thread, &format!("Carla, {round}")).unwrap();
        siege.office.world.pass(5_000).unwrap();
        assert!(round > 2 || siege.office.world.are_connected(ana, carla), "within 20 s nobody knows");
    }
    assert!(!siege.office.world.are_connected(ana, carla), "after 35 s both know");
    assert!(!has(&siege, carla, "Ana, 0"));
    siege.office.world.is_heard_again(ana);
    siege.settle().unwrap();
    for (author, reader, name) in [(ana, carla, "Ana"), (carla, ana, "Carla")] {
        assert!((0..8).all(|round| has(&siege, reader, &format!("{name}, {round}"))), "{name}");
        assert_eq!(outbox(&siege.office.world, author), 0);
    }
    siege.goes_on().unwrap();
}

/// Ana's machine loses its power and is back before Carla's node, or Acme's, could notice.
#[test]
fn who_is_back_before_others_noticed_takes_the_place_of_its_old_link() {
    let mut siege = siege();
    let (acme, ana, carla, thread) = (siege.acme, siege.ana, siege.carla, siege.thread);
    siege.office.world.go_dark(ana).unwrap();
    siege.office.say(carla, thread, "into the dark").unwrap();
    siege.office.world.pass(5_000).unwrap();
    siege.office.world.revive(ana).unwrap();
    siege.office.say(ana, thread, "back").unwrap();
    siege.office.world.pass(5_000).unwrap();
    assert!(has(&siege, ana, "into the dark"), "long before a ping would have told");
    assert!(has(&siege, carla, "back") && has(&siege, acme, "back"));
    assert!(siege.office.world.are_connected(ana, carla) && siege.office.world.are_connected(ana, acme));
    siege.settle().unwrap();
    siege.goes_on().unwrap();
}

/// Nobody comes back: the others give the link up by themselves.
#[test]
fn a_machine_that_stays_dark_is_noticed_by_pings() {
    let mut siege = siege();
    let (ana, carla, thread) = (siege.ana, siege.carla, siege.thread);
    siege.office.world.go_dark(ana).unwrap();
    siege.office.say(carla, thread, "into the dark").unwrap();
    siege.office.world.pass(36_000).unwrap();
    siege.office.world.revive(ana).unwrap();
    siege.office.world.pass(5_000).unwrap();
    assert!(has(&siege, ana, "into the dark"));
    siege.settle().unwrap();
    siege.goes_on().unwrap();
}
