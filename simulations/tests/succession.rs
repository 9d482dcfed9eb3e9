//! A new era of a thread: its steward lost its keys, or is gone and another administrator takes over.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use frontdesk_engine::{
    Answer, Command, CommandError, Event, HistoryChoice, MessageState, Query, Role, ThreadStatus, ThreadView,
    limits::MAX_ERAS_AHEAD,
};
use frontdesk_identity::{ThreadId, UnixTime};
use frontdesk_sim::{
    Adversary, Fate, NodeId, Siege, SimError, World,
    office::{PATIENCE, is_in, messages, texts, told, who},
};
use frontdesk_thread::Suite;
use frontdesk_wire::{Body, EraNotice, EraOffer, EraOpen, Position, Reason};
use serde_bytes::ByteBuf;

const DAY: u64 = 24 * 3600;
/// In milliseconds.
const MINUTE: u64 = 60_000;

fn siege() -> Siege {
    Siege::lay(HistoryChoice::All, 30 * DAY).unwrap()
}

fn view(siege: &Siege, node: NodeId) -> ThreadView {
    let Answer::Thread(Some(view)) = siege.office.world.query(node, &Query::Thread(siege.thread)).unwrap()
    else {
        panic!("no thread")
    };
    *view
}

/// All these nodes are in this era, under this steward, with the same members, and show the same.
fn agree(siege: &mut Siege, nodes: &[NodeId], era: u32, steward: NodeId) {
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
        assert!(!told(&siege.office.world, *node, accused), "{node:?} accuses somebody");
    }
}

/// Acme's second administrator, who is in the thread.
fn second(siege: &mut Siege) -> NodeId {
    let second = siege.office.enrol("Second", Role::Admin).unwrap();
    siege.settle().unwrap();
    siege.office.forward_for(siege.thread, second, HistoryChoice::All, false, 30 * DAY).unwrap();
    siege.settle().unwrap();
    second
}

/// All these are in a thread, and nobody else.
fn who_is_in(world: &World, thread: ThreadId, nodes: &[NodeId]) -> bool {
    let there = |node: &NodeId| who(world, *node, thread).map(|who| who.members.len()) == Some(nodes.len());
    nodes.iter().all(|node| is_in(world, *node, thread) && there(node))
}

/// Threads of guests that count against their bound at a node.
fn counted(siege: &Siege, node: NodeId) -> usize {
    siege.office.world.count(node, b"U/").unwrap()
}

fn refused<T: std::fmt::Debug>(result: Result<T, SimError>) -> CommandError {
    let Err(SimError::Command(error)) = result else { panic!("{result:?}") };
    error
}

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
fn another_administrator_takes_over_from_one_that_is_gone_and_it_is_a_member_when_it_is_back() {
    let mut siege = siege();
    let (acme, carla, ana, ben, thread) = (siege.acme, siege.carla, siege.ana, siege.ben, siege.thread);
    let second = second(&mut siege);
    siege.office.world.stop(acme).unwrap();
    siege.office.say(carla, thread, "is anybody there?").unwrap();
    siege.office.world.command(second, Command::TakeOver { thread }).unwrap();
    let over = |world: &World| told(world, second, |event| *event == Event::TakenOver { thread, era: 1 });
    siege.office.world.until("the takeover", PATIENCE, over).unwrap();
    agree(&mut siege, &[second, carla, ana], 1, second);
    siege.office.world.command(second, Command::Revoke { thread, from: siege.device(ana).unwrap() }).unwrap();
    siege.settle().unwrap();
    let forward = (HistoryChoice::All, DAY, false);
    siege.office.ask_forward(second, thread, ben, forward).unwrap();
    siege.office.world.until("Ben", PATIENCE, |world| is_in(world, ben, thread)).unwrap();
    siege.office.say(ben, thread, "Ben here").unwrap();
    siege.hears(carla, "Ben here").unwrap();
    assert_eq!(texts(&siege.office.world, ben, thread), texts(&siege.office.world, carla, thread));
    // It comes back as what it is now.
    siege.office.world.revive(acme).unwrap();
    agree(&mut siege, &[second, carla, ben, acme], 1, second);
    assert_eq!(
        (counted(&siege, second), counted(&siege, acme)),
        (1, 0),
        "the guest's thread counts where it is"
    );
    let revoke = Command::Revoke { thread, from: siege.device(ben).unwrap() };
    assert!(matches!(refused(siege.office.world.command(acme, revoke)), CommandError::NotSteward));
    siege.goes_on().unwrap();
}

#[test]
fn what_was_on_its_way_when_an_era_ended_arrives_once_and_its_author_knows() {
    let mut siege = siege();
    let (acme, carla, ana, thread) = (siege.acme, siege.carla, siege.ana, siege.thread);
    let second = second(&mut siege);
    siege.office.world.stop(acme).unwrap();
    siege.office.world.part(carla, ana).unwrap();
    siege.office.world.part(second, ana).unwrap();
    siege.office.say(ana, thread, "by Ana, to nobody yet").unwrap();
    siege.office.say(carla, thread, "by Carla, not yet to Ana").unwrap();
    siege.office.world.command(second, Command::TakeOver { thread }).unwrap();
    siege
        .office
        .world
        .until("the takeover", PATIENCE, |world| {
            told(world, second, |event| matches!(event, Event::TakenOver { .. }))
        })
        .unwrap();
    siege.office.say(carla, thread, "in the new era").unwrap();
    siege.settle().unwrap();
    siege.office.world.mend(carla, ana);
    siege.settle().unwrap();
    siege.office.world.mend(second, ana);
    let all = ["by Ana, to nobody yet", "by Carla, not yet to Ana", "in the new era"];
    for node in [carla, ana, second] {
        for text in all {
            siege.hears(node, text).unwrap();
        }
    }
    agree(&mut siege, &[second, carla, ana], 1, second);
    siege.office.world.pass(MINUTE).unwrap();
    for author in [carla, ana] {
        for message in
            messages(&siege.office.world, author, thread).into_iter().filter(|message| message.mine)
        {
            assert_eq!(message.state, MessageState::Delivered, "{message:?}");
        }
    }
    siege.office.world.revive(acme).unwrap();
    agree(&mut siege, &[second, carla, ana, acme], 1, second);
    siege.goes_on().unwrap();
}

#[test]
fn of_two_who_offer_at_once_one_is_the_steward_and_the_other_hears_why_not() {
    let mut siege = siege();
    let (acme, carla, ana, thread) = (siege.acme, siege.carla, siege.ana, siege.thread);
    let second = second(&mut siege);
    let third = siege.office.enrol("Third", Role::Admin).unwrap();
    siege.settle().unwrap();
    siege.office.forward_for(thread, third, HistoryChoice::All, false, 30 * DAY).unwrap();
    siege.settle().unwrap();
    siege.office.world.stop(acme).unwrap();
    siege.office.world.command(second, Command::TakeOver { thread }).unwrap();
    siege.office.world.command(third, Command::TakeOver { thread }).unwrap();
    siege.office.world.pass(2 * MINUTE).unwrap();
    let over = |node| told(&siege.office.world, node, |event| matches!(event, Event::TakenOver { .. }));
    let (steward, other) = if over(second) { (second, third) } else { (third, second) };
    assert!(over(steward) && !over(other));
    let reason = Reason::PastEra;
    assert!(told(&siege.office.world, other, |event| *event == Event::TakeoverRefused { thread, reason }));
    agree(&mut siege, &[steward, carla, ana, other], 1, steward);
    // Now it knows, and may.
    siege.office.world.command(other, Command::TakeOver { thread }).unwrap();
    siege.office.world.pass(2 * MINUTE).unwrap();
    agree(&mut siege, &[steward, carla, ana, other], 2, other);
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
fn who_was_away_while_the_era_began_comes_in_late() {
    let mut siege = siege();
    let (acme, carla, ana, thread) = (siege.acme, siege.carla, siege.ana, siege.thread);
    siege.office.world.stop(ana).unwrap();
    let backup = siege.office.world.copy_of(acme).unwrap();
    siege.office.world.restore(acme, backup).unwrap();
    agree(&mut siege, &[acme, carla], 1, acme);
    siege.office.say(carla, thread, "in the new era").unwrap();
    siege.settle().unwrap();
    siege.office.world.revive(ana).unwrap();
    agree(&mut siege, &[acme, carla, ana], 1, acme);
    siege.hears(ana, "in the new era").unwrap();
    siege.goes_on().unwrap();
}

#[test]
fn eras_end_again_and_again_and_a_page_of_the_history_goes_through_all() {
    let mut siege = siege();
    let (acme, carla, ana, thread) = (siege.acme, siege.carla, siege.ana, siege.thread);
    for era in 1..=3 {
        for number in 0..4 {
            siege.office.say(carla, thread, &format!("{era}.{number}")).unwrap();
        }
        siege.settle().unwrap();
        let backup = siege.office.world.copy_of(acme).unwrap();
        siege.office.world.restore(acme, backup).unwrap();
        agree(&mut siege, &[acme, carla, ana], era, acme);
        siege.office.world.pass(2 * MINUTE).unwrap();
    }
    siege.office.say(ana, thread, "the last").unwrap();
    siege.hears(carla, "the last").unwrap();
    for node in [acme, carla, ana] {
        let (mut paged, mut before) = (Vec::new(), None);
        loop {
            let query = Query::Messages { thread, before, limit: 3 };
            let Answer::Messages(page) = siege.office.world.query(node, &query).unwrap() else { panic!() };
            let Some(first) = page.first() else { break };
            before = Some(first.position);
            let shown = page.into_iter().filter(|message| message.side != "note");
            paged.splice(0..0, shown.map(|message| message.text));
        }
        assert_eq!(paged, texts(&siege.office.world, node, thread), "{node:?}");
    }
    siege.goes_on().unwrap();
}

#[test]
fn only_an_administrator_that_is_not_the_steward_takes_over_and_only_its_own_business_s_threads() {
    let mut siege = siege();
    let (acme, carla, ana, thread) = (siege.acme, siege.carla, siege.ana, siege.thread);
    let take_over =
        |siege: &mut Siege, node| refused(siege.office.world.command(node, Command::TakeOver { thread }));
    assert!(matches!(take_over(&mut siege, ana), CommandError::NotAdministrator));
    assert!(matches!(take_over(&mut siege, carla), CommandError::NotAdministrator));
    assert!(matches!(take_over(&mut siege, acme), CommandError::AlreadySteward));
    let second = siege.office.enrol("Second", Role::Admin).unwrap();
    assert!(matches!(take_over(&mut siege, second), CommandError::UnknownThread));
    assert_eq!(view(&siege, carla).status, ThreadStatus::Open);
    siege.goes_on().unwrap();
}

/// An offer by a node that was taken over, under its own grant.
fn offer(siege: &Siege, by: &mut Adversary, era: u32, suite: Suite, now: UnixTime) -> EraOffer {
    EraOffer {
        thread: siege.thread,
        era,
        record: by.record.signed().clone(),
        chain: by.chain.clone().unwrap(),
        key_package: ByteBuf::from(by.key_package(now, suite).unwrap().as_slice().to_vec()),
        address: by.address(now).unwrap(),
    }
}

#[test]
fn a_guest_opens_an_era_with_nobody_but_an_administrator_that_may_and_knows_the_present_one() {
    let mut siege = siege();
    let (carla, now) = (siege.carla, siege.now());
    let second = second(&mut siege);
    let (one, other) = (Suite::Classic, Suite::Hybrid);
    // An agent's grants are no administrator's; nor is another's grant its own.
    let mut ana = siege.take_over(siege.ana, &[carla]).unwrap();
    let by_agent = offer(&siege, &mut ana, 0, one, now);
    siege.refuses(&mut ana, carla, &Body::EraOffer(by_agent.clone()), Reason::GrantLacksAbility).unwrap();
    let mut admin = siege.take_over(second, &[carla]).unwrap();
    let good = offer(&siege, &mut admin, 0, one, now);
    let stolen = EraOffer { chain: good.chain.clone(), ..by_agent };
    siege.refuses(&mut ana, carla, &Body::EraOffer(stolen), Reason::GrantWrongAudience).unwrap();
    siege.refuses(&mut ana, carla, &Body::EraOffer(good.clone()), Reason::GrantWrongAudience).unwrap();
    // And the administrator has to have it right.
    let mut forged = good.chain.as_slice().to_vec();
    *forged.last_mut().unwrap() ^= 1;
    let elsewhere = frontdesk_identity::ThreadId::from_bytes([7; 32]);
    for (wrong, reason) in [
        (EraOffer { era: 1, ..good.clone() }, Reason::PastEra),
        (EraOffer { thread: elsewhere, ..good.clone() }, Reason::UnknownThread),
        (
            EraOffer { chain: frontdesk_capability::ChainBytes::new(forged), ..good.clone() },
            Reason::GrantForged,
        ),
        (EraOffer { key_package: ByteBuf::from(vec![0; 40]), ..good.clone() }, Reason::NoKeyPackage),
        (EraOffer { address: ana.address(now).unwrap(), ..good.clone() }, Reason::GrantWrongAudience),
        (offer(&siege, &mut admin, 0, other, now), Reason::NoKeyPackage),
        (
            EraOffer {
                key_package: ByteBuf::from(ana.key_package(now, one).unwrap().as_slice().to_vec()),
                ..good.clone()
            },
            Reason::NoKeyPackage,
        ),
    ] {
        siege.refuses(&mut admin, carla, &Body::EraOffer(wrong), reason).unwrap();
    }
    siege.goes_on().unwrap();
    // As it should be, it is taken; and not again at once.
    assert_eq!(admin.send(&mut siege.office.world, carla, &Body::EraOffer(good)).unwrap(), Fate::Delivered);
    assert_eq!(view(&siege, carla).era, 1);
    let again = offer(&siege, &mut admin, 1, one, now);
    siege.refuses(&mut admin, carla, &Body::EraOffer(again), Reason::Busy).unwrap();
}

#[test]
fn a_guest_opens_no_era_with_an_administrator_that_was_removed() {
    let mut siege = siege();
    let (acme, carla, now) = (siege.acme, siege.carla, siege.now());
    let second = second(&mut siege);
    let device = siege.device(second).unwrap();
    let mut admin = siege.take_over(second, &[]).unwrap();
    siege.office.world.command(acme, Command::RemoveDevice { device }).unwrap();
    siege.settle().unwrap();
    admin.meet(&mut siege.office.world, carla).unwrap();
    let late = offer(&siege, &mut admin, 0, Suite::Classic, now);
    siege.refuses(&mut admin, carla, &Body::EraOffer(late), Reason::GrantRevoked).unwrap();
    siege.goes_on().unwrap();
}

#[test]
fn nobody_but_the_guest_that_was_asked_opens_an_era_for_a_steward() {
    let mut siege = siege();
    let (acme, thread) = (siege.acme, siege.thread);
    let second = second(&mut siege);
    let open = Body::EraOpen(EraOpen {
        thread,
        era: 1,
        welcome: ByteBuf::from(vec![0; 40]),
        members: Vec::new(),
        addresses: Vec::new(),
        heads: Vec::new(),
        position: Position(1 << 20),
    });
    let mut ana = siege.take_over(siege.ana, &[acme]).unwrap();
    siege.refuses(&mut ana, acme, &open, Reason::UnknownThread).unwrap();
    let mut carla = siege.take_over(siege.carla, &[acme]).unwrap();
    siege.refuses(&mut carla, acme, &open, Reason::UnknownThread).unwrap();
    // Asked, she has to open one.
    siege.office.world.command(second, Command::TakeOver { thread }).unwrap();
    siege.settle().unwrap();
    carla.meet(&mut siege.office.world, second).unwrap();
    ana.meet(&mut siege.office.world, second).unwrap();
    siege.refuses(&mut ana, second, &open, Reason::UnknownThread).unwrap();
    siege.refuses(&mut carla, second, &open, Reason::Admission).unwrap();
    let Body::EraOpen(open) = open else { panic!() };
    let past = Body::EraOpen(EraOpen { era: 0, ..open });
    siege.refuses(&mut carla, second, &past, Reason::PastEra).unwrap();
}

#[test]
fn a_colleague_is_believed_to_be_the_steward_of_an_era_only_by_its_right() {
    let mut siege = siege();
    let (ana, thread, now) = (siege.ana, siege.thread, siege.now());
    let second = second(&mut siege);
    let notice = |by: &Adversary, era| EraNotice {
        thread,
        era,
        record: by.record.signed().clone(),
        chain: by.chain.clone().unwrap(),
        address: by.address(now).unwrap(),
    };
    let mut ben = siege.take_over(siege.ben, &[ana]).unwrap();
    let by_agent = notice(&ben, 1);
    siege.refuses(&mut ben, ana, &Body::EraNotice(by_agent.clone()), Reason::GrantLacksAbility).unwrap();
    let mut admin = siege.take_over(second, &[ana]).unwrap();
    let good = notice(&admin, 1);
    let stolen = EraNotice { chain: good.chain.clone(), ..by_agent };
    siege.refuses(&mut ben, ana, &Body::EraNotice(stolen), Reason::GrantWrongAudience).unwrap();
    let past = EraNotice { era: 0, ..good.clone() };
    siege.refuses(&mut admin, ana, &Body::EraNotice(past), Reason::PastEra).unwrap();
    let elsewhere = frontdesk_identity::ThreadId::from_bytes([7; 32]);
    let unknown = EraNotice { thread: elsewhere, ..good.clone() };
    siege.refuses(&mut admin, ana, &Body::EraNotice(unknown), Reason::UnknownThread).unwrap();
    let far = notice(&admin, 2 + MAX_ERAS_AHEAD);
    siege.refuses(&mut admin, ana, &Body::EraNotice(far), Reason::BadContent).unwrap();
    siege.goes_on().unwrap();
    // By its right it is, and asked to be let in; once.
    for era in [1, 1, 1, MAX_ERAS_AHEAD] {
        let body = Body::EraNotice(notice(&admin, era));
        assert_eq!(admin.send(&mut siege.office.world, ana, &body).unwrap(), Fate::Delivered);
    }
    assert_eq!(admin.heard(ana).iter().filter(|body| matches!(body, Body::Rejoin(_))).count(), 2);
    // That it was a lie harms nobody: she is where she was, until somebody adds her elsewhere.
    assert_eq!((view(&siege, ana).status, view(&siege, ana).era), (ThreadStatus::Open, 0));
    siege.goes_on().unwrap();
    let (acme, carla) = (siege.acme, siege.carla);
    let backup = siege.office.world.copy_of(acme).unwrap();
    siege.office.world.restore(acme, backup).unwrap();
    let in_it = |world: &World| who_is_in(world, thread, &[acme, carla, ana]);
    siege.office.world.until("Ana in the true era", PATIENCE, in_it).unwrap();
    assert_eq!(view(&siege, ana).era, 1);
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
