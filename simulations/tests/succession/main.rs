//! A new era of a thread: its steward lost its keys, or is gone and another administrator takes over.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod last_words;
mod restores;
mod rights;
mod takeovers;

use frontdesk_engine::{Answer, CommandError, Event, HistoryChoice, Query, Role, ThreadView};
use frontdesk_identity::ThreadId;
use frontdesk_sim::{
    NodeId, Siege, SimError, World,
    office::{PATIENCE, is_in, texts, who},
};

pub(crate) const DAY: u64 = 24 * 3600;

/// In milliseconds.
pub(crate) const MINUTE: u64 = 60_000;

pub(crate) fn siege() -> Siege {
    Siege::lay(HistoryChoice::All, 30 * DAY).unwrap()
}

pub(crate) fn view(siege: &Siege, node: NodeId) -> ThreadView {
    let Answer::Thread(Some(view)) = siege.office.world.query(node, &Query::Thread(siege.thread)).unwrap()
    else {
        panic!("no thread")
    };
    *view
}

/// All these nodes are in this era, under this steward, with the same members, and show the same.
pub(crate) fn agree(siege: &mut Siege, nodes: &[NodeId], era: u32, steward: NodeId) {
    let (thread, steward_id) = (siege.thread, siege.device(steward).unwrap());
    siege.office.world.until("all to be in", PATIENCE, |world| who_is_in(world, thread, nodes)).unwrap();
    siege.settle().unwrap();
    let all: Vec<_> = nodes.iter().map(|node| texts(&siege.office.world, *node, thread)).collect();
    for (node, shown) in nodes.iter().zip(&all) {
        let view = view(siege, *node);
        assert_eq!((view.era, view.steward), (era, Some(steward_id)), "{node:?}");
        assert_eq!(Some(shown), all.first(), "{node:?}");
    }
    for node in nodes {
        let accused = |event: &Event| matches!(event, Event::Security { .. });
        let accuses: Vec<_> =
            siege.office.world.node(*node).unwrap().events.iter().filter(|event| accused(event)).collect();
        assert!(accuses.is_empty(), "{node:?}: {accuses:?}");
    }
}

/// Acme's second administrator, who is in the thread.
pub(crate) fn second(siege: &mut Siege) -> NodeId {
    let second = siege.office.enrol("Second", Role::Admin).unwrap();
    siege.settle().unwrap();
    siege.office.forward_for(siege.thread, second, HistoryChoice::All, false, 30 * DAY).unwrap();
    siege.settle().unwrap();
    second
}

/// All these are in a thread, and nobody else.
pub(crate) fn who_is_in(world: &World, thread: ThreadId, nodes: &[NodeId]) -> bool {
    let there = |node: &NodeId| who(world, *node, thread).map(|who| who.members.len()) == Some(nodes.len());
    nodes.iter().all(|node| is_in(world, *node, thread) && there(node))
}

/// Threads of guests that count against their bound at a node.
pub(crate) fn counted(siege: &Siege, node: NodeId) -> usize {
    siege.office.world.count(node, b"U/").unwrap()
}

pub(crate) fn refused<T: std::fmt::Debug>(result: Result<T, SimError>) -> CommandError {
    let Err(SimError::Command(error)) = result else { panic!("{result:?}") };
    error
}
