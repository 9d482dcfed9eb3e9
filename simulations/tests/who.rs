//! Since when somebody can read a thread, as each member is told.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use frontdesk_engine::{HistoryChoice, Settings};
use frontdesk_identity::{ThreadId, UnixTime};
use frontdesk_sim::{
    NodeId, Weather,
    office::{Office, PATIENCE, texts, who},
};

const HOUR: u64 = 3_600;
/// What messages and commits are on their way for, in seconds.
const SLACK: u64 = 5;

/// Since when `other` can read the thread, as `node` is told.
fn since(office: &Office, node: NodeId, thread: ThreadId, other: NodeId) -> UnixTime {
    let device = office.device(other).unwrap();
    let members = who(&office.world, node, thread).unwrap().members;
    members.into_iter().find(|member| member.device == device).unwrap().since
}

fn is_about(told: UnixTime, at: UnixTime) -> bool {
    told.0.abs_diff(at.0) <= SLACK
}

#[test]
fn who_tells_since_when_each_device_can_read_the_thread_not_since_when_it_is_enrolled() {
    let mut office = Office::open(7, Weather::FAIR, 2, Settings::default()).unwrap();
    let (acme, carla) = (office.acme, office.customer);
    let (ana, ben) = (*office.agents.first().unwrap(), *office.agents.last().unwrap());
    office.world.pass(HOUR * 1_000).unwrap();
    let opened = office.world.now().wall;
    let thread = office.contact("hello").unwrap();
    office.world.pass(HOUR * 1_000).unwrap();
    let forwarded = office.world.now().wall;
    office.forward(thread, ana, HistoryChoice::All, false).unwrap();
    office.world.until("history", PATIENCE, |world| texts(world, ana, thread).len() == 1).unwrap();
    for node in [acme, carla, ana] {
        for there_from_the_start in [acme, carla] {
            let told = since(&office, node, thread, there_from_the_start);
            assert!(is_about(told, opened), "{node:?} of {there_from_the_start:?}: {told:?}, not {opened:?}");
        }
        assert!(is_about(since(&office, node, thread, ana), forwarded), "{node:?} of Ana");
    }
    // Who was given nothing of the past knows that they were there before, and no more.
    office.world.pass(HOUR * 1_000).unwrap();
    let later = office.world.now().wall;
    office.forward(thread, ben, HistoryChoice::None, false).unwrap();
    assert!(is_about(since(&office, ben, thread, acme), later));
    assert!(is_about(since(&office, ben, thread, ana), forwarded), "her grant tells when it began");
}
