//! A member of a thread that holds its keys without the project's rules, and commits though it isn't the steward.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use frontdesk_engine::{Command, HistoryChoice};
use frontdesk_sim::{Adversary, Coup, Fate, NodeId, Siege, Usurper};
use frontdesk_thread::Suite;
use frontdesk_wire::{Body, CommitNotice, Reason, ThreadMessage};
use serde_bytes::ByteBuf;

const DAY: u64 = 24 * 3600;

/// Ben is in the thread, too.
fn siege() -> Siege {
    let mut siege = Siege::lay(HistoryChoice::All, DAY).unwrap();
    siege.office.forward(siege.thread, siege.ben, HistoryChoice::All, false).unwrap();
    siege.settle().unwrap();
    siege
}

/// An agent turns: it asks to be let in anew, with keys of its own making.
fn turn(siege: &mut Siege, agent: fn(&Siege) -> NodeId) -> (Adversary, Usurper) {
    let (acme, carla, thread) = (siege.acme, siege.carla, siege.thread);
    let mut member = siege.take_over(agent(siege), &[acme, carla]).unwrap();
    let mut usurper = Usurper::default();
    let request = usurper.asks_in(&member, thread, Suite::Classic).unwrap();
    assert_eq!(member.send(&mut siege.office.world, acme, &request).unwrap(), Fate::Delivered);
    siege.settle().unwrap();
    member.listen(&mut siege.office.world).unwrap();
    usurper.follow(&member, acme);
    assert!(usurper.is_in(&thread));
    (member, usurper)
}

fn as_commit(siege: &Siege, commit: &[u8]) -> Body {
    Body::CommitNotice(CommitNotice {
        thread: siege.thread,
        era: 0,
        commit: ByteBuf::from(commit),
        revocations: Vec::new(),
        addresses: Vec::new(),
        departed: Vec::new(),
    })
}

fn as_message(siege: &Siege, sealed: &[u8]) -> Body {
    Body::ThreadMessage(ThreadMessage { thread: siege.thread, era: 0, sealed: ByteBuf::from(sealed) })
}

fn coups(siege: &Siege) -> [Coup; 4] {
    let device = |node: NodeId| siege.device(node).unwrap();
    [Coup::NewKeys, Coup::Remove(device(siege.carla)), Coup::Remove(device(siege.acme)), Coup::Crown]
}

#[test]
fn a_commit_that_mls_would_take_is_refused_from_whoever_is_not_the_steward() {
    let mut siege = siege();
    let (thread, victims) = (siege.thread, [siege.carla, siege.ben, siege.acme]);
    let (mut ana, mut usurper) = turn(&mut siege, |siege| siege.ana);
    ana.meet(&mut siege.office.world, siege.ben).unwrap();
    for coup in coups(&siege) {
        let commit = usurper.commit(&ana, thread, coup).unwrap();
        for victim in victims {
            let (notice, message) = (as_commit(&siege, &commit), as_message(&siege, &commit));
            siege.refuses(&mut ana, victim, &notice, Reason::NotSteward).unwrap();
            siege.refuses(&mut ana, victim, &message, Reason::Malformed).unwrap();
        }
    }
    siege.goes_on().unwrap();
}

/// Of the same commits: another member without rules takes each. Where she follows the steward as all do, she is out in
/// the end, and what she made before is no message.
#[test]
fn without_the_rules_members_would_obey_her() {
    let mut siege = siege();
    let (acme, carla, thread) = (siege.acme, siege.carla, siege.thread);
    for coup in coups(&siege) {
        let mut siege = self::siege();
        let (mut ana, mut by_ana) = turn(&mut siege, |siege| siege.ana);
        let (_, mut by_ben) = turn(&mut siege, |siege| siege.ben);
        ana.listen(&mut siege.office.world).unwrap();
        by_ana.follow(&ana, acme);
        let commit = by_ana.commit(&ana, thread, coup).unwrap();
        assert!(by_ben.takes(thread, &commit).is_some(), "{coup:?}");
    }
    let (mut ana, mut usurper) = turn(&mut siege, |siege| siege.ana);
    let mine = usurper.commit(&ana, thread, Coup::NewKeys).unwrap();
    siege.office.world.command(acme, Command::Revoke { thread, from: ana.keys.id() }).unwrap();
    siege.settle().unwrap();
    ana.listen(&mut siege.office.world).unwrap();
    usurper.follow(&ana, acme);
    assert!(!usurper.is_in(&thread));
    let late = as_message(&siege, &mine);
    siege.refuses(&mut ana, carla, &late, Reason::Malformed).unwrap();
    siege.goes_on().unwrap();
}
