//! Another administrator takes over, and the others come in.

use crate::{DAY, MINUTE, agree, counted, refused, second, siege, view, who_is_in};
use frontdesk_engine::{
    Answer, Command, CommandError, Event, HistoryChoice, MessageState, Query, Reply, Role, ThreadStatus,
    limits::MAX_ASKED,
};
use frontdesk_sim::{
    NodeId, Siege, World,
    office::{PATIENCE, is_in, messages, status, texts, told},
};
use frontdesk_thread::Suite;
use frontdesk_wire::{Body, Reason, Rejoin};
use serde_bytes::ByteBuf;

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

/// Ana asks Acme, which is off, and asks again who leads by then. What Acme makes of the first wish when it is back is of no
/// era that counts.
#[test]
fn a_wish_that_nobody_answered_ends_when_another_leads_the_thread_and_may_be_asked_anew() {
    let mut siege = siege();
    let (acme, carla, ana, ben, thread) = (siege.acme, siege.carla, siege.ana, siege.ben, siege.thread);
    let second = second(&mut siege);
    siege.office.world.stop(acme).unwrap();
    let ask = |siege: &mut Siege| siege.office.ask_forward(ana, thread, ben, (HistoryChoice::All, DAY, true));
    let Ok(Reply::Asked { request: first }) = ask(&mut siege) else { panic!("asked") };
    let answers = |world: &World, of| {
        let answer = |event: &Event| {
            let Event::ForwardAnswered { request, refused, .. } = event else { return None };
            (*request == Some(of)).then_some(*refused)
        };
        world.node(ana).unwrap().events.iter().filter_map(answer).collect::<Vec<_>>()
    };
    assert!(answers(&siege.office.world, first).is_empty());
    siege.office.world.command(second, Command::TakeOver { thread }).unwrap();
    agree_but(&mut siege, &[second, carla, ana], second);
    assert_eq!(answers(&siege.office.world, first), [Some(Reason::PastEra)]);
    let Ok(Reply::Asked { request: again }) = ask(&mut siege) else { panic!("asked") };
    siege.office.world.until("Ben", PATIENCE, |world| is_in(world, ben, thread)).unwrap();
    siege.settle().unwrap();
    assert_eq!(answers(&siege.office.world, again), [None]);
    siege.office.world.revive(acme).unwrap();
    siege.office.world.pass(MINUTE).unwrap();
    agree(&mut siege, &[second, carla, ben, acme], 1, second);
    let accused = |event: &Event| matches!(event, Event::Security { .. });
    assert!(!told(&siege.office.world, ana, accused), "Acme did nothing wrong");
    assert_eq!(answers(&siege.office.world, first), [Some(Reason::PastEra)], "one answer");
    siege.goes_on().unwrap();
}

/// Ana's wish has left her outbox in a life that her backup knows of, and Acme has lost it.
#[test]
fn wishes_that_a_restore_has_lost_end_too() {
    for restored in [|siege: &Siege| siege.ana, |siege: &Siege| siege.acme] {
        let mut siege = siege();
        let (node, acme, ana, ben, thread) =
            (restored(&siege), siege.acme, siege.ana, siege.ben, siege.thread);
        let before = siege.office.world.copy_of(acme).unwrap();
        siege.office.world.part(acme, ana).unwrap();
        siege.office.ask_forward(ana, thread, ben, (HistoryChoice::All, DAY, false)).unwrap();
        let with_the_wish = siege.office.world.copy_of(ana).unwrap();
        siege.office.world.mend(acme, ana);
        siege.office.world.until("Ben", PATIENCE, |world| is_in(world, ben, thread)).unwrap();
        siege.settle().unwrap();
        let wishes = |siege: &Siege| siege.office.world.count(ana, b"f/").unwrap();
        assert_eq!(wishes(&siege), 0, "it was answered");
        let backup = if node == ana { with_the_wish } else { before };
        siege.office.world.restore(node, backup).unwrap();
        siege.office.world.pass(MINUTE).unwrap();
        assert_eq!(wishes(&siege), 0, "{node:?}");
        let lapsed =
            |event: &Event| matches!(event, Event::ForwardAnswered { refused: Some(Reason::PastEra), .. });
        assert_eq!(told(&siege.office.world, ana, lapsed), node == ana);
    }
}

#[test]
fn wishes_that_nobody_answers_are_bounded_and_survive_a_kill() {
    let mut siege = siege();
    let (acme, carla, ana, ben, thread) = (siege.acme, siege.carla, siege.ana, siege.ben, siege.thread);
    let second = second(&mut siege);
    siege.office.world.stop(acme).unwrap();
    let forward = (HistoryChoice::All, DAY, false);
    for _ in 0..MAX_ASKED {
        siege.office.ask_forward(ana, thread, ben, forward).unwrap();
    }
    let one_more = siege.office.ask_forward(ana, thread, ben, forward);
    assert!(matches!(refused(one_more), CommandError::TooMany { limit: MAX_ASKED, .. }));
    siege.office.world.crash(ana, 100).unwrap();
    siege.office.world.command(second, Command::TakeOver { thread }).unwrap();
    agree_but(&mut siege, &[second, carla, ana], second);
    let lapsed = |event: &&Event| {
        matches!(event, Event::ForwardAnswered { refused: Some(Reason::PastEra), request: Some(_), .. })
    };
    assert_eq!(siege.office.world.node(ana).unwrap().events.iter().filter(lapsed).count(), MAX_ASKED);
    assert_eq!(siege.office.world.count(ana, b"f/").unwrap(), 0);
    siege.office.ask_forward(ana, thread, ben, forward).unwrap();
    siege.office.world.until("Ben", PATIENCE, |world| is_in(world, ben, thread)).unwrap();
}

/// Acme doesn't know that another leads the thread by now, and takes Ana out of it: her grant was its to give, and is its to
/// end.
#[test]
fn whom_one_takes_out_that_led_before_is_out_everywhere_once_it_knows() {
    let mut siege = siege();
    let (acme, carla, ana, thread) = (siege.acme, siege.carla, siege.ana, siege.thread);
    let second = taken_over(&mut siege);
    for other in [second, carla, ana] {
        siege.office.world.part(acme, other).unwrap();
    }
    siege.office.world.revive(acme).unwrap();
    let from = siege.device(ana).unwrap();
    siege.office.world.command(acme, Command::Revoke { thread, from }).unwrap();
    for other in [carla, second, ana] {
        siege.office.world.mend(acme, other);
    }
    let out = |world: &World| who_is_in(world, thread, &[second, carla, acme]) && !is_in(world, ana, thread);
    siege.office.world.until("Ana to be out", PATIENCE, out).unwrap();
    siege.settle().unwrap();
    siege.goes_on().unwrap();
}

/// Acme doesn't know that another leads the thread by now, and forwards it to Ben, who writes at once.
#[test]
fn whom_one_lets_in_that_led_before_knows_that_it_waits_and_comes_in_once_its_steward_knows() {
    let mut siege = siege();
    let (acme, carla, ana, ben, thread) = (siege.acme, siege.carla, siege.ana, siege.ben, siege.thread);
    let second = taken_over(&mut siege);
    for other in [second, carla, ana] {
        siege.office.world.part(acme, other).unwrap();
    }
    siege.office.world.revive(acme).unwrap();
    siege.office.ask_forward(acme, thread, ben, (HistoryChoice::All, DAY, false)).unwrap();
    siege.office.world.until("Ben", PATIENCE, |world| is_in(world, ben, thread)).unwrap();
    siege.office.say(ben, thread, "Ben here").unwrap();
    let over = |world: &World| status(world, ben, thread) == Some(ThreadStatus::Rejoining);
    siege.office.world.until("Ben to hear that it waits", PATIENCE, over).unwrap();
    let failed = |world: &World| {
        let state = MessageState::Failed { reason: Reason::PastEra };
        messages(world, ben, thread).iter().any(|message| message.mine && message.state == state)
    };
    assert!(failed(&siege.office.world));
    assert!(matches!(refused(siege.office.say(ben, thread, "anybody?")), CommandError::NotOpen));
    siege.office.world.pass(5_000).unwrap();
    // Carla forgets the stranger that Ben is to her, and meets him again by the steward's word: neither is an old copy.
    siege.office.world.crash(ben, 100).unwrap();
    siege.office.world.pass(5_000).unwrap();
    assert!(over(&siege.office.world), "and it remembers");
    for other in [second, carla, ana] {
        siege.office.world.mend(acme, other);
    }
    agree_but(&mut siege, &[second, carla, ana, acme, ben], second);
    siege.settle().unwrap();
    siege.hears(carla, "Ben here").unwrap();
    let ours = messages(&siege.office.world, ben, thread).into_iter().find(|message| message.mine).unwrap();
    assert_eq!(ours.state, MessageState::Delivered);
    agree(&mut siege, &[second, carla, ana, acme, ben], 1, second);
    siege.goes_on().unwrap();
}

/// Acme knows of Ana alone that she was in the era that it led.
#[test]
fn whom_the_present_steward_took_out_is_not_brought_back_by_the_word_of_the_one_before() {
    let mut siege = siege();
    let (acme, carla, ana, thread) = (siege.acme, siege.carla, siege.ana, siege.thread);
    let second = taken_over(&mut siege);
    let from = siege.device(ana).unwrap();
    siege.office.world.command(second, Command::Revoke { thread, from }).unwrap();
    siege.office.world.pass(MINUTE).unwrap();
    siege.office.world.revive(acme).unwrap();
    agree(&mut siege, &[second, carla, acme], 1, second);
    assert_eq!(siege.office.world.count(second, b"y/").unwrap(), 0, "nobody is waited for");
    let now = siege.now();
    let mut ana = siege.take_over(ana, &[second]).unwrap();
    let package = ana.key_package(now, Suite::Classic).unwrap().as_slice().to_vec();
    let rejoin = Body::Rejoin(Rejoin { thread, key_package: ByteBuf::from(package) });
    siege.refuses(&mut ana, second, &rejoin, Reason::NotMember).unwrap();
    siege.goes_on().unwrap();
}

/// Acme's second administrator, which leads the thread by now, while Acme is off and doesn't know.
fn taken_over(siege: &mut Siege) -> NodeId {
    let (carla, ana, thread) = (siege.carla, siege.ana, siege.thread);
    let second = second(siege);
    siege.office.world.stop(siege.acme).unwrap();
    siege.office.world.command(second, Command::TakeOver { thread }).unwrap();
    agree_but(siege, &[second, carla, ana], second);
    second
}

/// As [`agree`], while a frame for the one that is off still waits.
fn agree_but(siege: &mut Siege, nodes: &[NodeId], steward: NodeId) {
    let (thread, steward) = (siege.thread, siege.device(steward).unwrap());
    let all_in = |world: &World| nodes.iter().all(|node| is_in(world, *node, thread));
    siege.office.world.pass(MINUTE).unwrap();
    siege.office.world.until("all to be in", PATIENCE, all_in).unwrap();
    for node in nodes {
        let view = view(siege, *node);
        assert_eq!((view.era, view.steward), (1, Some(steward)), "{node:?}");
    }
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
fn what_was_written_for_one_alone_who_is_lost_is_told_as_delivered_when_its_successor_has_it() {
    let mut siege = siege();
    let (acme, carla, ana, thread) = (siege.acme, siege.carla, siege.ana, siege.thread);
    let second = second(&mut siege);
    for out in [ana, second] {
        let from = siege.device(out).unwrap();
        siege.office.world.command(acme, Command::Revoke { thread, from }).unwrap();
    }
    siege.settle().unwrap();
    siege.office.world.stop(acme).unwrap();
    siege.office.say(carla, thread, "for nobody else").unwrap();
    siege.settle().unwrap();
    siege.office.world.command(second, Command::TakeOver { thread }).unwrap();
    siege.hears(second, "for nobody else").unwrap();
    siege.settle().unwrap();
    let state = |siege: &crate::Siege| {
        let all = messages(&siege.office.world, carla, thread);
        all.into_iter().find(|message| message.text == "for nobody else").unwrap()
    };
    assert_eq!(state(&siege).state, MessageState::Delivered);
    let carla_told = |event: &Event| {
        matches!(event, Event::MessageState { message, state: MessageState::Delivered, .. }
            if *message == state(&siege).id)
    };
    assert!(told(&siege.office.world, carla, carla_told), "and its author is told");
    siege.office.world.revive(acme).unwrap();
    siege.settle().unwrap();
    assert_eq!(state(&siege).receivers.len(), 2, "each once");
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
