//! Homes that were put back to old copies by hand, without the program's knowing: the owner is told, and nobody is told a
//! lie. With the program's own backup and restore they are in again.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use frontdesk_engine::{Answer, Event, HistoryChoice, MessageState, Query};
use frontdesk_sim::{
    Fate, NodeId, Siege, World,
    office::{PATIENCE, is_in, messages, outbox, texts, told},
};
use frontdesk_wire::{AddressUpdate, Body, LinkSeq};

const DAY: u64 = 24 * 3600;

/// Ana and Carla have said more to each other since the copy of this node was made, and it is put back.
fn put_back(node: impl Fn(&Siege) -> NodeId) -> (Siege, NodeId, Vec<String>) {
    let mut siege = Siege::lay(HistoryChoice::All, DAY).unwrap();
    let (node, ana, carla, thread) = (node(&siege), siege.ana, siege.carla, siege.thread);
    let copy = siege.office.world.copy_of(node).unwrap();
    for number in 0..5 {
        siege.office.say(ana, thread, &format!("of Ana, {number}")).unwrap();
        siege.office.say(carla, thread, &format!("of Carla, {number}")).unwrap();
        siege.office.say(siege.acme, thread, &format!("of Acme, {number}")).unwrap();
        siege.settle().unwrap();
    }
    let before = texts(&siege.office.world, siege.acme, thread);
    assert_eq!(before.len(), 18);
    siege.office.world.put_back(node, copy).unwrap();
    siege.settle().unwrap();
    (siege, node, before)
}

fn ahead(world: &World, node: NodeId) -> usize {
    let Answer::Status(status) = world.query(node, &Query::Status).unwrap() else { panic!("a status") };
    status.ahead
}

fn is_told_once_by(world: &World, node: NodeId, peers: usize) -> bool {
    let of_copies =
        |event: &&Event| matches!(event, Event::Security { detail, .. } if detail.contains("old copy"));
    world.node(node).unwrap().events.iter().filter(of_copies).count() == peers
}

#[test]
fn what_is_written_in_an_old_copy_is_not_taken_for_what_was_sent_before() {
    for node in [|siege: &Siege| siege.ana, |siege: &Siege| siege.carla, |siege: &Siege| siege.acme] {
        let (mut siege, node, before) = put_back(node);
        let thread = siege.thread;
        for number in 0..8 {
            siege.office.say(node, thread, &format!("anew, {number}")).unwrap();
        }
        siege.settle().unwrap();
        siege.office.world.crash(node, 500).unwrap();
        siege.office.world.pass(3_600_000).unwrap();
        let world = &siege.office.world;
        assert_eq!(ahead(world, node), 2, "{node:?}");
        assert!(is_told_once_by(world, node, 4), "the owner is told of each, once a connection");
        let mine =
            messages(world, node, thread).into_iter().filter(|message| message.text.starts_with("anew"));
        let states: Vec<_> = mine.into_iter().map(|message| (message.text, message.state)).collect();
        assert!(states.iter().all(|(_, state)| *state == MessageState::Queued), "{states:?}");
        for other in [siege.acme, siege.carla, siege.ana].into_iter().filter(|other| *other != node) {
            assert_eq!(texts(world, other, thread), before, "{other:?} has what it had");
            assert!(!told(world, other, |event| matches!(event, Event::Security { .. })), "{other:?}");
            assert_eq!(ahead(world, other), 0);
        }
    }
}

#[test]
fn the_others_go_on_beside_an_old_copy() {
    let (mut siege, _, _) = put_back(|siege| siege.ana);
    siege.goes_on().unwrap();
}

/// A backup of the old copy, restored: a new life of the same device.
#[test]
fn who_restores_a_backup_of_the_old_copy_is_in_again_and_what_waited_is_delivered() {
    let (mut siege, ana, before) = put_back(|siege| siege.ana);
    let thread = siege.thread;
    siege.office.say(ana, thread, "anew").unwrap();
    let backup = siege.office.world.copy_of(ana).unwrap();
    siege.office.world.restore(ana, backup).unwrap();
    siege.office.world.until("Ana to be in", PATIENCE, |world| is_in(world, ana, thread)).unwrap();
    siege.settle().unwrap();
    siege.office.say(ana, thread, "here again").unwrap();
    siege.settle().unwrap();
    let world = &siege.office.world;
    assert_eq!((ahead(world, ana), outbox(world, ana)), (0, 0));
    for reader in [siege.acme, siege.carla] {
        let read = texts(world, reader, thread);
        assert!(read.starts_with(&before) && read.ends_with(&["here again".to_owned()]), "{read:?}");
    }
    siege.goes_on().unwrap();
}

/// A copy of a node that has sent nothing since it was made, and was sent something: nobody has more of it than it knows.
fn put_back_silent(node: impl Fn(&Siege) -> NodeId) -> (Siege, NodeId, Vec<String>) {
    let mut siege = Siege::lay(HistoryChoice::All, DAY).unwrap();
    let (node, thread) = (node(&siege), siege.thread);
    let copy = siege.office.world.copy_of(node).unwrap();
    for author in [siege.ana, siege.carla, siege.acme].into_iter().filter(|author| *author != node) {
        siege.office.say(author, thread, &format!("missed, of {}", author.0)).unwrap();
        siege.settle().unwrap();
    }
    let before = texts(&siege.office.world, node, thread);
    assert_eq!(before.len(), 5);
    siege.office.world.put_back(node, copy).unwrap();
    siege.settle().unwrap();
    (siege, node, before)
}

#[test]
fn who_lacks_what_it_acknowledged_learns_it_from_those_who_sent_it() {
    for node in [|siege: &Siege| siege.ana, |siege: &Siege| siege.carla, |siege: &Siege| siege.acme] {
        let (mut siege, node, before) = put_back_silent(node);
        let thread = siege.thread;
        let world = &siege.office.world;
        assert_eq!(ahead(world, node), 2, "{node:?}");
        assert!(is_told_once_by(world, node, 2));
        assert_eq!(texts(world, node, thread).len(), 3, "what it lacks, nobody has any more");
        siege.office.say(node, thread, "anew").unwrap();
        siege.office.world.crash(node, 500).unwrap();
        siege.office.world.pass(3_600_000).unwrap();
        let world = &siege.office.world;
        assert_eq!(ahead(world, node), 2, "{node:?}");
        let last = messages(world, node, thread).pop().unwrap();
        assert_eq!((last.text.as_str(), last.state), ("anew", MessageState::Queued));
        for other in [siege.acme, siege.carla, siege.ana].into_iter().filter(|other| *other != node) {
            assert_eq!(texts(world, other, thread), before);
            assert!(!told(world, other, |event| matches!(event, Event::Security { .. })), "{other:?}");
        }
    }
}

#[test]
fn what_an_old_copy_lacks_comes_with_a_backup_of_it() {
    let (mut siege, ana, before) = put_back_silent(|siege| siege.ana);
    let thread = siege.thread;
    let backup = siege.office.world.copy_of(ana).unwrap();
    siege.office.world.restore(ana, backup).unwrap();
    siege.office.world.until("Ana to be in", PATIENCE, |world| is_in(world, ana, thread)).unwrap();
    siege.settle().unwrap();
    assert_eq!(texts(&siege.office.world, ana, thread), before);
    siege.goes_on().unwrap();
}

/// The wrong disk was started, and then the right one.
#[test]
fn the_newest_home_goes_on_where_an_old_copy_has_run_meanwhile() {
    for node in [|siege: &Siege| siege.ana, |siege: &Siege| siege.carla, |siege: &Siege| siege.acme] {
        let mut siege = Siege::lay(HistoryChoice::All, DAY).unwrap();
        let (node, thread) = (node(&siege), siege.thread);
        let old = siege.office.world.copy_of(node).unwrap();
        for author in [siege.ana, siege.carla, siege.acme] {
            siege.office.say(author, thread, &format!("of {}", author.0)).unwrap();
            siege.settle().unwrap();
        }
        let newest = siege.office.world.copy_of(node).unwrap();
        siege.office.world.put_back(node, old).unwrap();
        siege.settle().unwrap();
        assert_eq!(ahead(&siege.office.world, node), 2);
        siege.office.world.put_back(node, newest).unwrap();
        siege.settle().unwrap();
        assert_eq!(ahead(&siege.office.world, node), 0);
        siege.goes_on().unwrap();
    }
}

/// Most frames that a node believes to have sent to a stranger that it has forgotten.
const MOST: u64 = 1 << 53;

#[test]
fn a_stranger_that_claims_to_know_of_more_alarms_nobody() {
    let mut siege = Siege::lay(HistoryChoice::All, DAY).unwrap();
    let acme = siege.acme;
    for stored in [1, MOST, MOST + 1, u64::MAX] {
        let mut stranger = siege.stranger(&[acme]).unwrap();
        for _ in 0..2 {
            for claims in [[stored, 0], [0, stored]] {
                stranger.boast(&mut siege.office.world, acme, claims.map(LinkSeq)).unwrap();
            }
        }
        assert_eq!(siege.office.world.count(acme, b"L/").unwrap(), 0, "{stored}");
    }
    assert_eq!(ahead(&siege.office.world, acme), 0);
    siege.goes_on().unwrap();
}

#[test]
fn a_member_that_claims_to_know_of_more_harms_its_own_link_alone() {
    for claims in [[MOST, 0], [u64::MAX, 0], [0, u64::MAX], [0, 2]] {
        let mut siege = Siege::lay(HistoryChoice::All, DAY).unwrap();
        let (acme, carla) = (siege.acme, siege.carla);
        let mut ana = siege.take_over(siege.ana, &[acme]).unwrap();
        let address = ana.address(siege.now()).unwrap();
        let update = Body::AddressUpdate(AddressUpdate { address });
        assert_eq!(ana.send(&mut siege.office.world, acme, &update).unwrap(), Fate::Delivered);
        ana.boast(&mut siege.office.world, acme, claims.map(LinkSeq)).unwrap();
        assert_eq!((ahead(&siege.office.world, acme), ahead(&siege.office.world, carla)), (1, 0));
        assert!(told(&siege.office.world, acme, |event| matches!(event, Event::Security { .. })));
        siege.goes_on().unwrap();
        siege.office.world.crash(acme, 500).unwrap();
        siege.settle().unwrap();
        siege.goes_on().unwrap();
        assert_eq!(siege.office.world.count(acme, b"L/").unwrap(), 1);
    }
}
