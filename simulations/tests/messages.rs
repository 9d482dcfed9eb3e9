//! Messages in a thread under attack: by who left, by whose grant ended, by members who lie.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use frontdesk_engine::{
    Answer, Command, CommandError, HistoryChoice, Query, ThreadStatus, limits::MAX_AUTHORS,
};
use frontdesk_identity::{DeviceId, DeviceKeys, ThreadId};
use frontdesk_sim::{
    Adversary, Fate, NodeId, Siege, SimError,
    office::{PATIENCE, is_in, texts, who},
};
use frontdesk_wire::{Body, Bundle, CommitNotice, Content, Position, Reason, Seq, ThreadMessage};
use serde_bytes::ByteBuf;

const DAY: u64 = 24 * 3600;

fn siege() -> Siege {
    Siege::lay(HistoryChoice::All, DAY).unwrap()
}

/// Ana's next text, sealed with the keys that she has.
fn text(siege: &Siege, ana: &mut Adversary, seq: u64) -> Body {
    let content = siege.text(ana.keys.id(), seq, 20 + seq);
    ana.say(siege.now(), siege.thread, &content).unwrap()
}

#[test]
fn a_taken_over_member_is_read_while_it_keeps_the_rules() {
    let mut siege = siege();
    let (acme, carla) = (siege.acme, siege.carla);
    let mut ana = siege.take_over(siege.ana, &[carla, acme]).unwrap();
    let body = text(&siege, &mut ana, 2);
    assert_eq!(ana.send(&mut siege.office.world, carla, &body).unwrap(), Fate::Delivered);
    assert!(texts(&siege.office.world, carla, siege.thread).contains(&"number 2".into()));
    siege.goes_on().unwrap();
}

#[test]
fn a_removed_agent_that_goes_on_with_its_old_keys_is_refused() {
    let mut siege = siege();
    let (acme, carla, thread) = (siege.acme, siege.carla, siege.thread);
    let from = siege.device(siege.ana).unwrap();
    let keys = siege.office.world.copy_of(siege.ana).unwrap();
    siege.office.world.command(acme, Command::Revoke { thread, from }).unwrap();
    siege.settle().unwrap();
    let mut ana = Adversary::take_over_with(&mut siege.office.world, siege.ana, keys).unwrap();
    for victim in [carla, acme] {
        ana.meet(&mut siege.office.world, victim).unwrap();
        let body = text(&siege, &mut ana, 2);
        siege.refuses(&mut ana, victim, &body, Reason::GrantRevoked).unwrap();
        assert!(siege.accused(victim, Reason::GrantRevoked));
    }
    siege.goes_on().unwrap();
}

#[test]
fn an_agent_whose_grant_ran_out_is_refused_even_if_the_steward_is_away() {
    let mut siege = Siege::lay(HistoryChoice::All, 600).unwrap();
    let (acme, carla) = (siege.acme, siege.carla);
    let start = siege.now();
    siege.office.world.stop(acme).unwrap();
    siege.office.world.pass(630_000).unwrap();
    // An honest device doesn't even try.
    let send = Command::Send { thread: siege.thread, text: "too late".into() };
    siege.office.world.pass(60_000).unwrap();
    let tried = siege.office.world.command(siege.ana, send);
    let refused = matches!(tried, Err(SimError::Command(CommandError::Refused(Reason::GrantExpired))));
    assert!(refused, "{tried:?}");
    let mut ana = siege.take_over(siege.ana, &[carla]).unwrap();
    let content = siege.text(ana.keys.id(), 2, 22);
    let body = ana.say(start, siege.thread, &content).unwrap();
    siege.refuses(&mut ana, carla, &body, Reason::GrantExpired).unwrap();
    assert!(siege.accused(carla, Reason::GrantExpired));
    siege.office.world.revive(acme).unwrap();
    siege.settle().unwrap();
    let members = who(&siege.office.world, carla, siege.thread).unwrap().members;
    assert_eq!(members.len(), 2, "the steward takes out whose time is over, when it is back");
    siege.goes_on().unwrap();
}

#[test]
fn a_message_is_read_within_the_clock_skew_after_the_grants_end_and_not_later() {
    let mut siege = Siege::lay(HistoryChoice::All, 600).unwrap();
    let (acme, carla) = (siege.acme, siege.carla);
    let start = siege.now();
    siege.office.world.stop(acme).unwrap();
    siege.office.world.pass(620_000).unwrap();
    let mut ana = siege.take_over(siege.ana, &[carla]).unwrap();
    let content = siege.text(ana.keys.id(), 2, 22);
    let body = ana.say(start, siege.thread, &content).unwrap();
    assert_eq!(ana.send(&mut siege.office.world, carla, &body).unwrap(), Fate::Delivered);
    siege.office.world.pass(60_000).unwrap();
    let content = siege.text(ana.keys.id(), 3, 23);
    let body = ana.say(start, siege.thread, &content).unwrap();
    siege.refuses(&mut ana, carla, &body, Reason::GrantExpired).unwrap();
}

#[test]
fn a_sealed_message_is_read_once_whoever_sends_it_again() {
    let mut siege = siege();
    let (acme, carla, ana, thread) = (siege.acme, siege.carla, siege.ana, siege.thread);
    siege.office.say(ana, thread, "only once").unwrap();
    siege.settle().unwrap();
    let sealed = siege.sent(ana, carla).into_iter().rev().find(|body| matches!(body, Body::ThreadMessage(_)));
    let sealed = sealed.unwrap();
    let mut ana = siege.take_over(ana, &[carla, acme]).unwrap();
    siege.refuses(&mut ana, carla, &sealed, Reason::Replayed).unwrap();
    let mut ben = siege.take_over(siege.ben, &[carla]).unwrap();
    siege.refuses(&mut ben, carla, &sealed, Reason::Replayed).unwrap();
    let mut stranger = siege.stranger(&[carla]).unwrap();
    siege.refuses(&mut stranger, carla, &sealed, Reason::Replayed).unwrap();
    assert!(siege.accused(carla, Reason::Replayed));
    siege.goes_on().unwrap();
}

#[test]
fn a_members_message_over_another_devices_link_is_refused_and_still_readable_over_its_own() {
    let mut siege = siege();
    let carla = siege.carla;
    let mut ana = siege.take_over(siege.ana, &[carla]).unwrap();
    let body = text(&siege, &mut ana, 2);
    let mut ben = siege.take_over(siege.ben, &[carla]).unwrap();
    siege.refuses(&mut ben, carla, &body, Reason::NotMember).unwrap();
    assert_eq!(ana.send(&mut siege.office.world, carla, &body).unwrap(), Fate::Delivered);
}

#[test]
fn content_that_is_not_its_authors_or_not_of_the_thread_is_refused() {
    let mut siege = siege();
    let (acme, carla, thread) = (siege.acme, siege.carla, siege.thread);
    let mut ana = siege.take_over(siege.ana, &[carla]).unwrap();
    let (own, other) = (ana.keys.id(), DeviceKeys::generate(&mut ana.rng));
    let plain = siege.text(own, 2, 22);
    let steward = siege.device(acme).unwrap();
    let lies: Vec<(&str, Content)> = vec![
        ("signed in the steward's name", Content { author: steward, ..plain.clone() }),
        ("of another thread", Content { thread: ThreadId::from_bytes([3; 32]), ..plain.clone() }),
        ("of another era", Content { era: 1, ..plain.clone() }),
        ("at the end of all places", Content { position: Position::MAX, ..plain.clone() }),
        ("too far ahead", Content { position: Position(Position::MAX_AHEAD + 100), ..plain.clone() }),
        ("numbered past its place", Content { seq: Seq::MAX, ..plain.clone() }),
        ("has seen what is not yet", Content { seen: vec![(steward, Seq::MAX)], ..plain.clone() }),
    ];
    for (what, lie) in lies {
        let body = ana.say(siege.now(), thread, &lie).unwrap();
        siege
            .refuses(&mut ana, carla, &body, Reason::BadContent)
            .unwrap_or_else(|error| panic!("{what}: {error}"));
    }
    let foreign = Content { author: other.id(), ..plain.clone() }.sign(other.signing()).unwrap();
    let foreign = Bundle::of(foreign).encode().unwrap();
    let sealed = ana.seal(siege.now(), thread, &foreign).unwrap();
    siege.refuses(&mut ana, carla, &Body::ThreadMessage(sealed), Reason::BadContent).unwrap();
    let sealed = ana.seal(siege.now(), thread, b"no content at all").unwrap();
    siege.refuses(&mut ana, carla, &Body::ThreadMessage(sealed), Reason::Malformed).unwrap();
    assert!(siege.accused(carla, Reason::BadContent));
    siege.goes_on().unwrap();
    let body = text(&siege, &mut ana, 2);
    assert_eq!(ana.send(&mut siege.office.world, carla, &body).unwrap(), Fate::Delivered);
}

#[test]
fn a_member_that_names_authors_who_are_none_keeps_nobody_out() {
    let mut siege = siege();
    let (carla, thread, ben) = (siege.carla, siege.thread, siege.ben);
    let mut ana = siege.take_over(siege.ana, &[carla]).unwrap();
    for round in 0..=MAX_AUTHORS / 16 {
        let seq = u64::try_from(round).unwrap() + 2;
        let mut seen: Vec<(DeviceId, Seq)> =
            (0..16).map(|_| (DeviceKeys::generate(&mut ana.rng).id(), Seq(3))).collect();
        seen.sort();
        let content = Content { seen, ..siege.text(ana.keys.id(), seq, 20 + seq) };
        let body = ana.say(siege.now(), thread, &content).unwrap();
        assert_eq!(ana.send(&mut siege.office.world, carla, &body).unwrap(), Fate::Delivered);
    }
    let Answer::Thread(Some(view)) = siege.office.world.query(carla, &Query::Thread(thread)).unwrap() else {
        panic!("no thread");
    };
    assert_eq!(view.missing, 0, "nothing is missing of authors who never were");
    siege.office.forward(thread, ben, HistoryChoice::None, false).unwrap();
    siege.office.say(ben, thread, "Ben here").unwrap();
    let there = |world: &_| texts(world, carla, thread).contains(&"Ben here".into());
    siege.office.world.until("Ben's text", PATIENCE, there).unwrap();
    siege.goes_on().unwrap();
}

#[test]
fn numbers_that_two_members_make_up_add_up_to_no_harm() {
    let mut siege = siege();
    let (carla, thread, acme) = (siege.carla, siege.thread, siege.acme);
    let mut ana = siege.take_over(siege.ana, &[carla]).unwrap();
    let seen = vec![(siege.device(acme).unwrap(), Seq(Position::MAX_AHEAD))];
    let far = Position::MAX_AHEAD + 1;
    let content = Content { seen, ..siege.text(ana.keys.id(), far, far) };
    let body = ana.say(siege.now(), thread, &content).unwrap();
    assert_eq!(ana.send(&mut siege.office.world, carla, &body).unwrap(), Fate::Delivered);
    // Carla asks for what she never got, in vain, and lets go of it.
    siege.office.world.pass(120_000).unwrap();
    siege.goes_on().unwrap();
}

#[test]
fn bytes_that_are_no_mls_message_of_the_thread_are_refused() {
    let mut siege = siege();
    let (carla, thread) = (siege.carla, siege.thread);
    let mut ana = siege.take_over(siege.ana, &[carla]).unwrap();
    let Body::ThreadMessage(good) = text(&siege, &mut ana, 2) else { panic!("a message") };
    let spoilt = |at: usize| {
        let mut sealed = good.sealed.to_vec();
        if let Some(byte) = sealed.iter_mut().rev().nth(at) {
            *byte ^= 1;
        }
        Body::ThreadMessage(ThreadMessage { sealed: ByteBuf::from(sealed), ..good.clone() })
    };
    siege.refuses(&mut ana, carla, &spoilt(0), Reason::Undecryptable).unwrap();
    let garbage = Body::ThreadMessage(ThreadMessage { sealed: ByteBuf::from(vec![7; 300]), ..good.clone() });
    siege.refuses(&mut ana, carla, &garbage, Reason::Malformed).unwrap();
    let empty = Body::ThreadMessage(ThreadMessage { sealed: ByteBuf::new(), ..good.clone() });
    siege.refuses(&mut ana, carla, &empty, Reason::Malformed).unwrap();
    let elsewhere = ThreadMessage { thread: ThreadId::from_bytes([9; 32]), ..good.clone() };
    siege.refuses(&mut ana, carla, &Body::ThreadMessage(elsewhere), Reason::UnknownThread).unwrap();
    let era = Body::ThreadMessage(ThreadMessage { era: 1, ..good.clone() });
    siege.refuses(&mut ana, carla, &era, Reason::UnknownThread).unwrap();
    let fate = ana.send(&mut siege.office.world, carla, &Body::ThreadMessage(good)).unwrap();
    assert_eq!(fate, Fate::Delivered, "the true message is readable after all the false ones");
    assert!(is_in(&siege.office.world, carla, thread));
    siege.goes_on().unwrap();
}

/// The notice by which Carla learns that Ben comes in, held back on the way.
fn held_back(siege: &mut Siege) -> CommitNotice {
    let (acme, carla, ben, thread) = (siege.acme, siege.carla, siege.ben, siege.thread);
    siege.office.world.part(acme, carla).unwrap();
    siege.office.forward(thread, ben, HistoryChoice::None, false).unwrap();
    siege.settle().unwrap();
    newest_notice(siege, siege.ana)
}

fn epoch(siege: &Siege, node: NodeId) -> u64 {
    who(&siege.office.world, node, siege.thread).unwrap().epoch
}

#[test]
fn a_commit_counts_only_from_its_steward_and_only_as_a_commit() {
    let mut siege = siege();
    let (acme, carla, ben, thread) = (siege.acme, siege.carla, siege.ben, siege.thread);
    let notice = held_back(&mut siege);
    let before = epoch(&siege, carla);
    let mut ana = siege.take_over(siege.ana, &[carla]).unwrap();
    siege.refuses(&mut ana, carla, &Body::CommitNotice(notice.clone()), Reason::NotSteward).unwrap();
    let disguised = ThreadMessage { thread, era: 0, sealed: notice.commit.clone() };
    siege.refuses(&mut ana, carla, &Body::ThreadMessage(disguised), Reason::Malformed).unwrap();
    let mut stranger = siege.stranger(&[carla]).unwrap();
    siege.refuses(&mut stranger, carla, &Body::CommitNotice(notice), Reason::NotSteward).unwrap();
    assert_eq!(epoch(&siege, carla), before);
    assert!(siege.accused(carla, Reason::NotSteward));
    // The true one, over its own link, still counts.
    siege.office.world.mend(acme, carla);
    siege
        .office
        .world
        .until("Ben at Carla", PATIENCE, |world| {
            who(world, carla, thread).is_some_and(|who| who.members.len() == 4)
        })
        .unwrap();
    siege.office.say(ben, thread, "Ben here").unwrap();
    siege.goes_on().unwrap();
}

/// The newest commit that the steward told a node.
fn newest_notice(siege: &Siege, to: NodeId) -> CommitNotice {
    let notices = siege.sent(siege.acme, to).into_iter().rev();
    let mut notices = notices.filter_map(|body| {
        let Body::CommitNotice(notice) = body else { return None };
        Some(notice)
    });
    notices.next().unwrap()
}

/// Ana is revoked, and has the keys of the epoch before and the commit that took her out.
fn revoked(siege: &mut Siege) -> (Adversary, Body) {
    let (acme, ana, thread) = (siege.acme, siege.ana, siege.thread);
    let (from, keys) = (siege.device(ana).unwrap(), siege.office.world.copy_of(ana).unwrap());
    siege.office.world.command(acme, Command::Revoke { thread, from }).unwrap();
    siege.settle().unwrap();
    let sealed = newest_notice(siege, ana).commit;
    let ana = Adversary::take_over_with(&mut siege.office.world, ana, keys).unwrap();
    (ana, Body::ThreadMessage(ThreadMessage { thread, era: 0, sealed }))
}

/// A node knows that Ana is out, and takes nothing from her.
fn is_deaf_to(siege: &mut Siege, ana: &mut Adversary, node: NodeId) {
    let (thread, gone) = (siege.thread, ana.keys.id());
    let out = |world: &_| {
        who(world, node, thread).is_some_and(|who| who.members.iter().all(|member| member.device != gone))
    };
    siege.office.world.until("the revocation", PATIENCE, out).unwrap();
    assert_eq!(epoch(siege, node), epoch(siege, siege.acme));
    // Under a number that the steward has nothing of.
    let late = text(siege, ana, 9);
    siege.refuses(ana, node, &late, Reason::GrantRevoked).unwrap();
}

#[test]
fn a_commit_that_is_relayed_ahead_of_the_one_before_it_takes_nothing_from_its_notice() {
    let mut siege = siege();
    let (acme, carla) = (siege.acme, siege.carla);
    held_back(&mut siege);
    let (mut ana, disguised) = revoked(&mut siege);
    ana.meet(&mut siege.office.world, carla).unwrap();
    siege.refuses(&mut ana, carla, &disguised, Reason::Malformed).unwrap();
    siege.office.world.mend(acme, carla);
    is_deaf_to(&mut siege, &mut ana, carla);
    siege.goes_on().unwrap();
}

#[test]
fn a_commit_that_is_relayed_to_a_newcomer_takes_nothing_from_its_notice() {
    let mut siege = siege();
    let (acme, ben, thread) = (siege.acme, siege.ben, siege.thread);
    siege.office.world.part(acme, ben).unwrap();
    siege.office.ask_forward(acme, thread, ben, (HistoryChoice::None, DAY, false)).unwrap();
    siege.settle().unwrap();
    let (mut ana, disguised) = revoked(&mut siege);
    ana.meet(&mut siege.office.world, ben).unwrap();
    assert_eq!(ana.send(&mut siege.office.world, ben, &disguised).unwrap(), Fate::Stored);
    siege.office.world.mend(acme, ben);
    is_deaf_to(&mut siege, &mut ana, ben);
    assert!(siege.accused(ben, Reason::Malformed));
    siege.goes_on().unwrap();
}

#[test]
fn a_message_that_another_relays_early_is_still_readable_over_its_authors_link() {
    let mut siege = siege();
    let (acme, carla, ben, thread) = (siege.acme, siege.carla, siege.ben, siege.thread);
    siege.office.world.part(ben, carla).unwrap();
    held_back(&mut siege);
    siege.office.say(ben, thread, "Ben here").unwrap();
    siege.settle().unwrap();
    let sealed: Vec<Body> = siege.sent(ben, siege.ana);
    let mut ana = siege.take_over(siege.ana, &[carla]).unwrap();
    for body in sealed.iter().filter(|body| matches!(body, Body::ThreadMessage(_))) {
        assert_eq!(ana.send(&mut siege.office.world, carla, body).unwrap(), Fate::Stored);
    }
    siege.office.world.mend(acme, carla);
    siege.settle().unwrap();
    assert!(siege.accused(carla, Reason::NotMember));
    siege.office.world.mend(ben, carla);
    siege.hears(carla, "Ben here").unwrap();
    assert!(!siege.accused(carla, Reason::Replayed), "it is opened as it came");
    siege.goes_on().unwrap();
}

#[test]
fn a_steward_that_sends_messages_as_commits_or_commits_of_the_past_is_refused() {
    let mut siege = siege();
    let (carla, thread) = (siege.carla, siege.thread);
    let old = siege.sent(siege.acme, carla).into_iter().find(|body| matches!(body, Body::CommitNotice(_)));
    let mut acme = siege.take_over(siege.acme, &[carla]).unwrap();
    siege.refuses(&mut acme, carla, &old.unwrap(), Reason::PastEpoch).unwrap();
    let content = siege.text(acme.keys.id(), 9, 30);
    let Body::ThreadMessage(message) = acme.say(siege.now(), thread, &content).unwrap() else { panic!() };
    let notice = CommitNotice {
        thread,
        era: 0,
        commit: message.sealed.clone(),
        revocations: Vec::new(),
        addresses: Vec::new(),
        departed: Vec::new(),
    };
    siege.refuses(&mut acme, carla, &Body::CommitNotice(notice), Reason::Malformed).unwrap();
    let fate = acme.send(&mut siege.office.world, carla, &Body::ThreadMessage(message)).unwrap();
    assert_eq!(fate, Fate::Delivered);
    assert!(matches!(
        siege.office.world.query(carla, &Query::Thread(thread)).unwrap(),
        Answer::Thread(Some(view)) if view.status == ThreadStatus::Open
    ));
}
