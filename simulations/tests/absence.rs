//! Nodes that are away: for a while, for days, or back from a backup.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use frontdesk_engine::{
    Answer, Command, CommandError, Event, HistoryChoice, MessageState, Query, Reply, Settings,
    limits::{MAX_HANDED_ON, MAX_OUTBOX, PORTION, PORTION_EVERY},
};
use frontdesk_sim::{
    Founding, Nat, NodeId, Siege, SimError, Weather, World,
    office::{Office, PATIENCE, is_in, messages, outbox, texts, told, who},
};
use frontdesk_thread::Suite;
use frontdesk_wire::{Body, Frame};
use std::collections::BTreeSet;

const DAY: u64 = 24 * 3600;

/// In milliseconds.
const HOUR: u64 = 3_600_000;

fn siege() -> Siege {
    Siege::lay(HistoryChoice::All, 30 * DAY).unwrap()
}

#[test]
fn messages_flow_without_the_steward_and_wishes_wait_for_it() {
    let mut siege = siege();
    let (acme, carla, ana, ben, thread) = (siege.acme, siege.carla, siege.ana, siege.ben, siege.thread);
    siege.office.world.stop(acme).unwrap();
    siege.office.say(ana, thread, "the desk is closed").unwrap();
    siege.hears(carla, "the desk is closed").unwrap();
    siege.office.say(carla, thread, "never mind").unwrap();
    siege.hears(ana, "never mind").unwrap();
    let choice = (HistoryChoice::All, DAY, false);
    let Reply::Asked { request } = siege.office.ask_forward(ana, thread, ben, choice).unwrap() else {
        panic!("the steward is asked")
    };
    let request = Some(request);
    siege.office.world.pass(DAY * 1000).unwrap();
    assert!(!is_in(&siege.office.world, ben, thread));
    assert!(!told(&siege.office.world, ana, |event| matches!(event, Event::ForwardAnswered { .. })));
    siege.office.world.revive(acme).unwrap();
    siege.office.world.until("Ben to come in", PATIENCE, |world| is_in(world, ben, thread)).unwrap();
    siege.hears(acme, "never mind").unwrap();
    siege.hears(ben, "never mind").unwrap();
    siege.settle().unwrap();
    assert!(told(&siege.office.world, ana, |event| *event
        == Event::ForwardAnswered { thread, request, refused: None }));
    siege.goes_on().unwrap();
}

#[test]
fn what_was_written_before_a_commit_came_reaches_the_newcomer_however_late_it_comes() {
    let mut siege = siege();
    let (acme, carla, ana, ben, thread) = (siege.acme, siege.carla, siege.ana, siege.ben, siege.thread);
    siege.office.world.part(acme, ana).unwrap();
    siege.office.say(ana, thread, "of this the newcomer gets no word").unwrap();
    siege.hears(carla, "of this the newcomer gets no word").unwrap();
    siege.office.forward_for(thread, ben, HistoryChoice::All, false, 30 * DAY).unwrap();
    siege.office.say(carla, thread, "what do you say to that?").unwrap();
    siege.hears(ben, "what do you say to that?").unwrap();
    // Ben asks Ana, who doesn't know him, for hours; and his node forgets nothing of it in a crash.
    siege.office.world.pass(2 * HOUR).unwrap();
    siege.office.world.crash(ben, 1000).unwrap();
    siege.office.world.pass(HOUR).unwrap();
    siege.office.world.stop(ben).unwrap();
    siege.office.world.mend(acme, ana);
    let knows = |world: &_| who(world, ana, thread).is_some_and(|who| who.members.len() == 4);
    siege.office.world.until("Ana to know Ben", PATIENCE, knows).unwrap();
    siege.office.world.revive(ben).unwrap();
    siege.hears(ben, "of this the newcomer gets no word").unwrap();
    siege.goes_on().unwrap();
}

#[test]
fn a_gap_is_still_known_after_a_crash() {
    let mut siege = siege();
    let (acme, carla, ana, ben, thread) = (siege.acme, siege.carla, siege.ana, siege.ben, siege.thread);
    siege.office.world.part(acme, ana).unwrap();
    siege.office.say(ana, thread, "before the newcomer").unwrap();
    siege.hears(carla, "before the newcomer").unwrap();
    siege.office.forward(thread, ben, HistoryChoice::All, false).unwrap();
    siege.office.world.stop(ben).unwrap();
    siege.office.world.mend(acme, ana);
    let knows = |world: &_| who(world, ana, thread).is_some_and(|who| who.members.len() == 4);
    siege.office.world.until("Ana to know Ben", PATIENCE, knows).unwrap();
    siege.office.say(carla, thread, "after him").unwrap();
    siege.office.world.revive(ben).unwrap();
    siege.hears(ben, "after him").unwrap();
    // He knows of the gap, and would have asked in three seconds.
    siege.office.world.crash(ben, 1000).unwrap();
    siege.hears(ben, "before the newcomer").unwrap();
    siege.goes_on().unwrap();
}

#[test]
fn a_member_that_was_away_for_days_catches_up() {
    let mut siege = siege();
    let (acme, carla, ana, ben, thread) = (siege.acme, siege.carla, siege.ana, siege.ben, siege.thread);
    siege.office.world.stop(ana).unwrap();
    for day in 0..3 {
        siege.office.say(carla, thread, &format!("morning {day}")).unwrap();
        siege.office.say(acme, thread, &format!("evening {day}")).unwrap();
        siege.office.world.pass(DAY * 1000).unwrap();
        if day == 1 {
            siege.office.forward_for(thread, ben, HistoryChoice::All, false, 30 * DAY).unwrap();
            siege.office.say(ben, thread, "and a newcomer").unwrap();
        }
    }
    assert_eq!(texts(&siege.office.world, carla, thread).len(), 10);
    siege.office.world.revive(ana).unwrap();
    let whole = |world: &_| texts(world, ana, thread).len() == 10;
    siege.office.world.until("Ana to catch up", PATIENCE, whole).unwrap();
    siege.settle().unwrap();
    for node in [acme, carla, ben] {
        assert_eq!(texts(&siege.office.world, node, thread), texts(&siege.office.world, ana, thread));
    }
    assert_eq!(who(&siege.office.world, ana, thread).unwrap().members.len(), 4);
    siege.office.say(ana, thread, "back").unwrap();
    for node in [acme, carla, ben] {
        siege.hears(node, "back").unwrap();
    }
    siege.goes_on().unwrap();
}

#[test]
fn a_business_that_moves_tells_every_customer_in_portions_and_goes_on_after_a_crash() {
    let settings = Settings { suite: Suite::Classic, key_packages: 2, ..Settings::default() };
    let mut office = Office::open(5, Weather::FAIR, 0, settings).unwrap();
    let acme = office.acme;
    let customers: BTreeSet<NodeId> = (0..2 * PORTION + 10)
        .map(|number| {
            let settings = Settings { suite: Suite::Classic, ..Settings::default() };
            office.customer = office.world.add(Founding::Customer, &format!("{number}"), settings).unwrap();
            office.contact("hello").unwrap();
            office.customer
        })
        .collect();
    office.world.record();
    let told = |office: &Office| -> BTreeSet<NodeId> {
        let sent = office.world.tape().iter().filter(|sent| sent.from == acme);
        let news = sent.filter(|sent| {
            let Frame::Data(data) = Frame::decode(&sent.frame).unwrap() else { return false };
            let Body::AddressUpdate(update) = Body::decode(&data.body).unwrap() else { return false };
            let record = update.address.verify(office.world.now().wall).unwrap();
            assert_eq!(record.addresses().first().unwrap().as_str(), "/memory/4711");
            true
        });
        news.map(|sent| sent.to).collect()
    };
    office.world.relocate(acme, 4711).unwrap();
    office.world.pass(PORTION_EVERY / 2).unwrap();
    assert_eq!(told(&office).len(), PORTION);
    office.world.crash(acme, 1000).unwrap();
    office.world.pass(PATIENCE).unwrap();
    assert_eq!(told(&office), customers);
}

#[test]
fn a_message_is_queued_until_the_other_side_has_it() {
    let mut siege = siege();
    let (acme, carla, ana, thread) = (siege.acme, siege.carla, siege.ana, siege.thread);
    siege.office.world.stop(acme).unwrap();
    siege.office.world.stop(ana).unwrap();
    siege.office.say(carla, thread, "is anybody there?").unwrap();
    siege.settle().unwrap();
    let state = |siege: &Siege| messages(&siege.office.world, carla, thread).pop().unwrap().state;
    assert_eq!(state(&siege), MessageState::Queued);
    siege.office.world.revive(ana).unwrap();
    siege.settle().unwrap();
    assert_eq!(state(&siege), MessageState::Delivered);
    let through = messages(&siege.office.world, ana, thread).pop().unwrap().position;
    siege.office.world.command(ana, Command::MarkRead { thread, through }).unwrap();
    siege.settle().unwrap();
    assert_eq!(state(&siege), MessageState::Read);
    siege.office.world.revive(acme).unwrap();
    siege.goes_on().unwrap();
}

#[test]
fn messages_that_overtake_the_forward_wait_for_it() {
    let mut siege = siege();
    let (acme, carla, ana, ben, thread) = (siege.acme, siege.carla, siege.ana, siege.ben, siege.thread);
    siege.office.world.part(acme, ben).unwrap();
    let choice = (HistoryChoice::None, DAY, false);
    siege.office.ask_forward(acme, thread, ben, choice).unwrap();
    siege.settle().unwrap();
    for number in 0..20 {
        siege.office.say(carla, thread, &format!("for Ben {number}")).unwrap();
        siege.office.say(ana, thread, &format!("for Ben, too {number}")).unwrap();
    }
    siege.settle().unwrap();
    let state = messages(&siege.office.world, carla, thread).pop().unwrap();
    assert!(!is_in(&siege.office.world, ben, thread), "{state:?}");
    siege.office.world.mend(acme, ben);
    let whole = |world: &_| texts(world, ben, thread).len() == 40;
    siege.office.world.until("all that was said meanwhile", PATIENCE, whole).unwrap();
    let last: Vec<String> = texts(&siege.office.world, carla, thread).into_iter().skip(3).collect();
    assert_eq!(texts(&siege.office.world, ben, thread), last);
    siege.goes_on().unwrap();
}

/// The sealed messages that a node sent so far, in their order.
fn sealed(siege: &Siege, from: NodeId) -> Vec<Vec<u8>> {
    siege
        .bodies_of(from)
        .filter_map(|body| {
            let Body::ThreadMessage(message) = body else { return None };
            Some(message.sealed.into_vec())
        })
        .collect()
}

/// The node is put back to a backup; the steward lets it in again, and it never uses a key twice.
fn comes_back(siege: &mut Siege, node: NodeId) {
    let (acme, thread) = (siege.acme, siege.thread);
    siege.office.say(node, thread, "before the backup").unwrap();
    siege.settle().unwrap();
    let backup = siege.office.world.copy_of(node).unwrap();
    for number in 0..5 {
        siege.office.say(node, thread, &format!("after the backup {number}")).unwrap();
    }
    siege.settle().unwrap();
    let epoch = who(&siege.office.world, acme, thread).unwrap().epoch;
    let old = sealed(siege, node);
    siege.office.world.restore(node, backup).unwrap();
    siege
        .office
        .world
        .until("the steward to let it in", PATIENCE, |world| is_in(world, node, thread))
        .unwrap();
    assert!(texts(&siege.office.world, node, thread).contains(&"before the backup".into()));
    assert!(who(&siege.office.world, acme, thread).unwrap().epoch > epoch, "the keys changed");
    siege.office.say(node, thread, "I am back").unwrap();
    siege.hears(acme, "I am back").unwrap();
    siege.office.say(acme, thread, "welcome back").unwrap();
    siege.hears(node, "welcome back").unwrap();
    let all = sealed(siege, node);
    let fresh: BTreeSet<&Vec<u8>> = all.iter().skip(old.len()).collect();
    assert!(!fresh.is_empty());
    assert!(old.iter().all(|sealed| !fresh.contains(sealed)), "nothing of its former life was sent again");
    let said =
        messages(&siege.office.world, acme, thread).into_iter().filter(|message| message.text == "I am back");
    assert_eq!(said.count(), 1);
    for other in [siege.acme, siege.carla, siege.ana] {
        let accused = |event: &Event| matches!(event, Event::Security { .. });
        assert!(!told(&siege.office.world, other, accused), "nobody is accused");
    }
    siege.goes_on().unwrap();
}

#[test]
fn an_agent_restored_from_a_backup_rejoins_and_reads_and_writes_again() {
    let mut siege = siege();
    let ana = siege.ana;
    comes_back(&mut siege, ana);
}

#[test]
fn a_customer_restored_from_a_backup_rejoins_and_reads_and_writes_again() {
    let mut siege = siege();
    let carla = siege.carla;
    comes_back(&mut siege, carla);
}

/// In the backup it still waits for the offer, and so it founds the thread once more.
#[test]
fn a_customer_restored_to_where_it_waited_for_an_offer_is_let_into_the_thread_that_it_has_opened_since() {
    let mut siege = siege();
    let (acme, carla, ana) = (siege.acme, siege.carla, siege.ana);
    let link = siege.office.link_to(acme).unwrap();
    siege.office.world.stop(acme).unwrap();
    let contact = Command::Contact { link, text: "one more thing".into() };
    let Reply::Opened { thread } = siege.office.world.command(carla, contact).unwrap() else {
        panic!("opened")
    };
    let backup = siege.office.world.copy_of(carla).unwrap();
    siege.office.world.revive(acme).unwrap();
    let opened = |world: &World| texts(world, acme, thread).len() == 1;
    siege.office.world.until("the first text", PATIENCE, opened).unwrap();
    siege.office.forward(thread, ana, HistoryChoice::All, false).unwrap();
    for (author, reader, text) in [(ana, carla, "yes?"), (carla, ana, "the price, please")] {
        siege.office.say(author, thread, text).unwrap();
        let there = |world: &World| texts(world, reader, thread).contains(&text.to_owned());
        siege.office.world.until(text, PATIENCE, there).unwrap();
    }
    siege.office.world.restore(carla, backup).unwrap();
    let back = |world: &World| texts(world, carla, thread) == ["one more thing", "yes?"];
    siege.office.world.until("Carla to be back", 3 * 3_600_000, back).unwrap();
    let first = messages(&siege.office.world, carla, thread).remove(0);
    assert_eq!(first.state, MessageState::Delivered, "the business had it all the while");
    for (author, text) in [(carla, "here again"), (ana, "42"), (acme, "plus tax")] {
        siege.office.say(author, thread, text).unwrap();
        for reader in [acme, carla, ana] {
            let there = |world: &World| texts(world, reader, thread).contains(&text.to_owned());
            siege.office.world.until(text, PATIENCE, there).unwrap();
        }
    }
    for node in [acme, carla, ana] {
        let accused = |event: &Event| matches!(event, Event::Security { .. });
        assert!(!told(&siege.office.world, node, accused), "nobody is accused");
    }
}

#[test]
fn a_customer_restored_to_where_it_waited_for_an_offer_opens_the_thread_if_it_has_not_yet() {
    let mut siege = siege();
    let (acme, carla) = (siege.acme, siege.carla);
    let link = siege.office.link_to(acme).unwrap();
    siege.office.world.stop(acme).unwrap();
    let contact = Command::Contact { link, text: "one more thing".into() };
    let Reply::Opened { thread } = siege.office.world.command(carla, contact).unwrap() else {
        panic!("opened")
    };
    let backup = siege.office.world.copy_of(carla).unwrap();
    siege.office.world.restore(carla, backup).unwrap();
    siege.office.world.revive(acme).unwrap();
    let opened = |world: &World| texts(world, acme, thread) == ["one more thing"];
    siege.office.world.until("the first text", PATIENCE, opened).unwrap();
    siege.office.say(acme, thread, "yes?").unwrap();
    let answered = |world: &World| texts(world, carla, thread) == ["one more thing", "yes?"];
    siege.office.world.until("the answer", PATIENCE, answered).unwrap();
}

#[test]
fn a_restored_member_asks_for_what_those_wrote_who_came_after_the_backup() {
    let mut siege = siege();
    let (carla, ben, thread) = (siege.carla, siege.ben, siege.thread);
    let backup = siege.office.world.copy_of(carla).unwrap();
    siege.office.forward(thread, ben, HistoryChoice::All, false).unwrap();
    for number in 0..3 {
        siege.office.say(ben, thread, &format!("Ben here {number}")).unwrap();
    }
    siege.hears(carla, "Ben here 2").unwrap();
    // Nobody can dial her, and of Ben the backup knows nothing.
    siege.office.world.set_nat(carla, Nat::Cone);
    siege.office.world.restore(carla, backup).unwrap();
    // Nobody writes anything more that could show her what she lacks.
    for number in 0..3 {
        siege.hears(carla, &format!("Ben here {number}")).unwrap();
    }
    let all = texts(&siege.office.world, siege.acme, thread);
    assert_eq!(texts(&siege.office.world, carla, thread), all);
    siege.goes_on().unwrap();
}

/// An office with a customer, both behind nothing.
fn office_settings() -> Settings {
    Settings { suite: Suite::Classic, key_packages: 2, ..Settings::default() }
}

fn office() -> Office {
    let mut office = Office::open(5, Weather::FAIR, 0, office_settings()).unwrap();
    office.world.record();
    office
}

#[test]
fn an_administrator_restored_from_a_backup_is_let_in_where_it_is_the_customer() {
    let mut office = office();
    let (acme, supplier) =
        (office.acme, office.world.add(Founding::Entity, "Supplier", office_settings()).unwrap());
    let link = frontdesk_sim::office::link(&office.world, supplier, supplier).unwrap();
    let contact = Command::Contact { link, text: "do you have paper?".into() };
    let Reply::Opened { thread } = office.world.command(acme, contact).unwrap() else { panic!("no thread") };
    let there = |world: &World| texts(world, supplier, thread).len() == 1;
    office.world.until("the first text", PATIENCE, there).unwrap();
    office.world.pass(5000).unwrap();
    let backup = office.world.copy_of(acme).unwrap();
    office.world.restore(acme, backup).unwrap();
    office.world.until("Acme to be let in", PATIENCE, |world| is_in(world, acme, thread)).unwrap();
    office.say(supplier, thread, "as much as you like").unwrap();
    office.say(acme, thread, "good").unwrap();
    for node in [acme, supplier] {
        let there = |world: &World| texts(world, node, thread).len() == 3;
        office.world.until("both texts", PATIENCE, there).unwrap();
    }
}

#[test]
fn a_forward_hands_on_the_newest_of_a_long_thread_and_says_how_much() {
    let mut siege = siege();
    let (acme, carla, ben, thread) = (siege.acme, siege.carla, siege.ben, siege.thread);
    siege.office.world.tape_off();
    let text = "x".repeat(16_000);
    let written = MAX_HANDED_ON / 16_000 + 40;
    for _ in 0..written {
        siege.office.say(carla, thread, &text).unwrap();
    }
    let there = |world: &World| texts(world, acme, thread).len() > 900 || outbox(world, carla) == 0;
    siege.office.world.until("Carla's texts", PATIENCE, there).unwrap();
    siege.settle().unwrap();
    let choice = (HistoryChoice::All, DAY, false);
    let Reply::Forwarded { history, .. } = siege.office.ask_forward(acme, thread, ben, choice).unwrap()
    else {
        panic!("the steward does it itself")
    };
    let history = usize::try_from(history).unwrap();
    assert!(history < written && history > written / 2, "{history} of {written}");
    let came = |world: &World| texts(world, ben, thread).len() == history;
    siege.office.world.until("what was handed on", PATIENCE, came).unwrap();
    let members = who(&siege.office.world, carla, thread).unwrap().members;
    let device = siege.device(ben).unwrap();
    let granted = members.iter().find(|member| member.device == device).unwrap().history.clone();
    assert!(granted.starts_with("from 0."), "{granted}: no more than was handed on");
    assert!(!siege.accused(ben, frontdesk_wire::Reason::BadContent));
}

#[test]
fn past_its_bound_an_outbox_refuses_and_takes_more_when_it_has_room() {
    let mut siege = siege();
    let (acme, carla, ana, thread) = (siege.acme, siege.carla, siege.ana, siege.thread);
    siege.office.world.tape_off();
    siege.office.world.stop(acme).unwrap();
    siege.office.world.stop(ana).unwrap();
    let mut sent = 0;
    let refused = loop {
        match siege.office.say(carla, thread, "is anybody there?") {
            Ok(()) => sent += 1,
            Err(error) => break error,
        }
        assert!(sent <= MAX_OUTBOX);
    };
    assert!(matches!(refused, SimError::Command(CommandError::TooMany { .. })), "{refused}");
    assert!(sent + 100 > MAX_OUTBOX, "{sent} is far from the bound");
    let before = siege.shown(carla).unwrap();
    siege.office.say(carla, thread, "once more").unwrap_err();
    assert_eq!(siege.shown(carla).unwrap(), before);
    siege.office.world.revive(ana).unwrap();
    siege.office.world.revive(acme).unwrap();
    let arrived = |world: &frontdesk_sim::World| {
        let unread = |node| match world.query(node, &Query::Thread(thread)) {
            Ok(Answer::Thread(Some(view))) => view.unread,
            _ => 0,
        };
        unread(acme) >= sent + 3 && unread(ana) >= sent
    };
    let mut waited = 0;
    while !arrived(&siege.office.world) {
        siege.office.world.pass(1000).unwrap();
        waited += 1;
        assert!(waited < 600, "never arrived");
    }
    siege.office.say(carla, thread, "there you are").unwrap();
    siege.hears(acme, "there you are").unwrap();
    siege.hears(ana, "there you are").unwrap();
}
