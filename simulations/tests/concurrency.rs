//! What is sealed while the members change: every order in which the frames of one moment can arrive.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use frontdesk_engine::{Command, Event, HistoryChoice};
use frontdesk_sim::{
    NodeId, Siege, World,
    office::{PATIENCE, is_in, texts, told, who},
};

const DAY: u64 = 24 * 3600;
/// A frame is fast or slow.
const DELAYS: [u64; 2] = [1, 60];
/// Frames of the moment that are told apart.
const FRAMES: u32 = 8;

/// The delays that a number stands for, one bit a frame.
fn delays(case: u32) -> impl Iterator<Item = u64> {
    (0..FRAMES).map(move |frame| if case >> frame & 1 == 0 { DELAYS[0] } else { DELAYS[1] })
}

fn nobody_is_accused(world: &World, nodes: &[NodeId], case: u32) {
    for node in nodes {
        let accused = told(world, *node, |event| matches!(event, Event::Security { .. }));
        assert!(!accused, "case {case}: {node:?} accuses an honest node");
    }
}

#[test]
fn what_is_said_during_a_forward_reaches_all_in_every_order_of_arrival() {
    let base = Siege::lay(HistoryChoice::All, DAY).unwrap();
    for case in 0..1 << FRAMES {
        let mut siege = base.fork(u64::from(case)).unwrap();
        let (acme, carla, ana, ben, thread) = (siege.acme, siege.carla, siege.ana, siege.ben, siege.thread);
        siege.office.world.set_delays(delays(case));
        siege.office.ask_forward(acme, thread, ben, (HistoryChoice::All, DAY, false)).unwrap();
        siege.office.say(carla, thread, "meanwhile Carla").unwrap();
        siege.office.say(ana, thread, "meanwhile Ana").unwrap();
        let all = [acme, carla, ana, ben];
        let whole = |world: &World| all.iter().all(|node| texts(world, *node, thread).len() == 5);
        siege.office.world.until_about("all texts everywhere", PATIENCE, whole).unwrap_or_else(|error| {
            panic!("case {case}: {error}: {:?}", all.map(|node| texts(&siege.office.world, node, thread)));
        });
        let order = texts(&siege.office.world, carla, thread);
        for node in all {
            assert_eq!(texts(&siege.office.world, node, thread), order, "case {case}");
            let members = who(&siege.office.world, node, thread).unwrap().members.len();
            assert_eq!(members, 4, "case {case}");
        }
        nobody_is_accused(&siege.office.world, &all, case);
    }
}

#[test]
fn what_is_said_during_a_hand_over_reaches_those_who_stay_in_every_order_of_arrival() {
    let base = Siege::lay(HistoryChoice::All, DAY).unwrap();
    for case in 0..1 << FRAMES {
        let mut siege = base.fork(u64::from(case)).unwrap();
        let (acme, carla, ana, ben, thread) = (siege.acme, siege.carla, siege.ana, siege.ben, siege.thread);
        siege.office.world.set_delays(delays(case));
        siege.office.ask_forward(acme, thread, ben, (HistoryChoice::All, DAY, true)).unwrap();
        siege.office.say(carla, thread, "meanwhile Carla").unwrap();
        siege.office.say(acme, thread, "meanwhile Acme").unwrap();
        let stay = [acme, carla, ben];
        let whole = |world: &World| {
            stay.iter().all(|node| texts(world, *node, thread).len() == 5) && !is_in(world, ana, thread)
        };
        siege.office.world.until_about("all texts at those who stay", PATIENCE, whole).unwrap_or_else(
            |error| {
                panic!(
                    "case {case}: {error}: {:?}",
                    stay.map(|node| texts(&siege.office.world, node, thread))
                );
            },
        );
        let order = texts(&siege.office.world, carla, thread);
        for node in stay {
            assert_eq!(texts(&siege.office.world, node, thread), order, "case {case}");
        }
        nobody_is_accused(&siege.office.world, &stay, case);
        let after = texts(&siege.office.world, ana, thread);
        assert!(!after.contains(&"meanwhile Acme".into()), "case {case}: sealed after Ana left");
    }
}

#[test]
fn a_removal_cuts_between_what_the_removed_said_before_and_after_in_every_order_of_arrival() {
    let base = Siege::lay(HistoryChoice::All, DAY).unwrap();
    for case in 0..1 << 6 {
        let mut siege = base.fork(u64::from(case)).unwrap();
        let (acme, carla, ana, thread) = (siege.acme, siege.carla, siege.ana, siege.thread);
        let from = siege.device(ana).unwrap();
        siege.office.world.set_delays(delays(case));
        siege.office.world.command(acme, Command::Revoke { thread, from }).unwrap();
        siege.office.say(ana, thread, "she does not know yet").unwrap();
        siege.office.say(carla, thread, "meanwhile Carla").unwrap();
        let said = "meanwhile Carla".to_owned();
        let whole = |world: &World| {
            [acme, carla].iter().all(|node| texts(world, *node, thread).contains(&said))
                && !is_in(world, ana, thread)
        };
        siege.office.world.until_about("Carla's text", PATIENCE, whole).unwrap();
        siege.settle().unwrap();
        let heard = |node| texts(&siege.office.world, node, thread).contains(&"she does not know yet".into());
        assert!(!heard(acme), "case {case}: who revoked hears nothing more");
        siege.goes_on().unwrap();
    }
}
