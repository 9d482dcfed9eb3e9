//! Nodes that move to other addresses, alone and both at once, and who may tell of it.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use frontdesk_engine::{
    Command, HistoryChoice, MessageState, Role, Settings,
    limits::{self, PORTION},
};
use frontdesk_identity::{SignedAddressRecord, ThreadId, UnixTime, codec};
use frontdesk_sim::{
    Fate, Founding, Nat, NodeId, Sent, Siege, Weather, World,
    office::{Office, PATIENCE, messages, outbox, texts},
};
use frontdesk_store::{Batch, Reader as _, Scan, Store as _};
use frontdesk_thread::Suite;
use frontdesk_wire::{AddressUpdate, Body, Frame, MemberAddress, Reason};

const DAY: u64 = 24 * 3600;
/// Addresses where nobody was before.
const ELSEWHERE: usize = 4711;

fn siege() -> Siege {
    Siege::lay(HistoryChoice::All, 30 * DAY).unwrap()
}

/// Both write, and both hear it from the other.
fn talk(siege: &mut Siege, a: NodeId, b: NodeId) {
    let thread = siege.thread;
    for (author, reader) in [(a, b), (b, a)] {
        let text = format!("are you there? {}", author.0);
        siege.office.say(author, thread, &text).unwrap();
        siege.hears(reader, &text).unwrap();
    }
}

/// Two nodes move while the wire between them is cut: neither can tell the other.
fn move_apart(siege: &mut Siege, a: NodeId, b: NodeId) {
    let world = &mut siege.office.world;
    world.part(a, b).unwrap();
    world.relocate(a, ELSEWHERE).unwrap();
    world.relocate(b, ELSEWHERE + 1).unwrap();
    siege.settle().unwrap();
    siege.office.world.mend(a, b);
}

#[test]
fn one_that_moves_is_found_again() {
    let mut siege = siege();
    let (acme, carla, ana) = (siege.acme, siege.carla, siege.ana);
    for (number, (mover, other)) in
        [(ana, carla), (carla, ana), (acme, carla), (acme, ana)].into_iter().enumerate()
    {
        siege.office.world.relocate(mover, ELSEWHERE + number).unwrap();
        assert!(!siege.office.world.are_connected(mover, other));
        talk(&mut siege, mover, other);
        siege.settle().unwrap();
    }
    siege.goes_on().unwrap();
}

#[test]
fn an_agent_and_a_customer_that_both_moved_while_apart_find_each_other_by_the_steward() {
    let mut siege = siege();
    let (carla, ana) = (siege.carla, siege.ana);
    move_apart(&mut siege, ana, carla);
    talk(&mut siege, ana, carla);
    siege.goes_on().unwrap();
}

#[test]
fn a_steward_and_a_customer_that_both_moved_while_apart_find_each_other_by_the_agent() {
    let mut siege = siege();
    let (acme, carla) = (siege.acme, siege.carla);
    move_apart(&mut siege, acme, carla);
    talk(&mut siege, acme, carla);
    siege.goes_on().unwrap();
}

#[test]
fn two_agents_of_one_thread_that_both_moved_while_apart_find_each_other() {
    let mut siege = siege();
    let (ana, ben, thread) = (siege.ana, siege.ben, siege.thread);
    siege.office.forward(thread, ben, HistoryChoice::All, false).unwrap();
    siege.settle().unwrap();
    move_apart(&mut siege, ana, ben);
    talk(&mut siege, ana, ben);
    siege.goes_on().unwrap();
}

#[test]
fn a_customer_finds_the_agent_that_moved_though_it_was_away_itself_and_comes_back_elsewhere() {
    let mut siege = siege();
    let (carla, ana, thread) = (siege.carla, siege.ana, siege.thread);
    siege.office.world.stop(carla).unwrap();
    siege.office.world.relocate(ana, ELSEWHERE).unwrap();
    siege.office.say(ana, thread, "you will find me").unwrap();
    siege.settle().unwrap();
    siege.office.world.relocate_stopped(carla, ELSEWHERE + 1).unwrap();
    siege.office.world.revive(carla).unwrap();
    siege.hears(carla, "you will find me").unwrap();
    siege.goes_on().unwrap();
}

#[test]
fn what_a_steward_has_to_pass_on_survives_its_crash() {
    let mut siege = siege();
    let (acme, carla, ana) = (siege.acme, siege.carla, siege.ana);
    siege.office.world.part(ana, carla).unwrap();
    siege.office.world.stop(carla).unwrap();
    siege.office.world.relocate(ana, ELSEWHERE).unwrap();
    // The steward has the news, and nobody to tell it to yet.
    siege
        .office
        .world
        .until("the steward to know", PATIENCE, |world| world.are_connected(acme, ana))
        .unwrap();
    siege.office.world.pass(10).unwrap();
    siege.office.world.crash(acme, 1000).unwrap();
    siege.office.world.relocate_stopped(carla, ELSEWHERE + 1).unwrap();
    siege.office.world.revive(carla).unwrap();
    siege.settle().unwrap();
    siege.office.world.mend(ana, carla);
    talk(&mut siege, ana, carla);
    siege.goes_on().unwrap();
}

#[test]
fn who_moves_all_the_time_takes_one_place_in_an_outbox_and_is_found_in_the_end() {
    let mut siege = siege();
    let (acme, carla, ana) = (siege.acme, siege.carla, siege.ana);
    siege.office.world.stop(carla).unwrap();
    let before = outbox(&siege.office.world, acme);
    for number in 0..200 {
        siege.office.world.relocate(ana, ELSEWHERE + number).unwrap();
        siege.office.world.pass(1500).unwrap();
    }
    assert_eq!(outbox(&siege.office.world, acme), before + 1, "one frame for her, of two hundred");
    siege.office.world.relocate_stopped(carla, ELSEWHERE + 500).unwrap();
    siege.office.world.revive(carla).unwrap();
    talk(&mut siege, ana, carla);
    siege.goes_on().unwrap();
}

#[test]
fn a_record_with_a_new_number_and_no_new_address_is_not_passed_on() {
    let mut siege = siege();
    let (acme, carla, ana) = (siege.acme, siege.carla, siege.ana);
    let mut ana = siege.take_over(ana, &[acme]).unwrap();
    let mut tell = |siege: &mut Siege, number| {
        let news = AddressUpdate { address: ana.address_numbered(number, siege.now()).unwrap() };
        let fate = ana.send(&mut siege.office.world, acme, &Body::AddressUpdate(news)).unwrap();
        assert_eq!(fate, Fate::Delivered);
    };
    tell(&mut siege, 1 << 40);
    siege.settle().unwrap();
    siege.office.world.record();
    tell(&mut siege, (1 << 40) + 1);
    siege.settle().unwrap();
    let passed = |sent: &Sent| {
        let Ok(Frame::Data(data)) = Frame::decode(&sent.frame) else { return false };
        sent.to == carla && matches!(Body::decode(&data.body), Ok(Body::MemberAddress(_)))
    };
    assert!(!siege.office.world.tape().iter().any(passed));
}

#[test]
fn a_member_that_moves_all_the_time_keeps_nobody_else_from_being_found() {
    let settings = Settings { suite: Suite::Classic, key_packages: 2, ..Settings::default() };
    let mut office = Office::open(5, Weather::FAIR, 0, settings).unwrap();
    let acme = office.acme;
    let agents: Vec<NodeId> =
        ["Ana", "Ben"].map(|name| office.enrol(name, Role::Agent).unwrap()).into_iter().collect();
    // The one that is first in the order of keys has more threads than one portion takes.
    let first = *agents.iter().min_by_key(|agent| office.world.node(**agent).unwrap().transport()).unwrap();
    let other = *agents.iter().find(|agent| **agent != first).unwrap();
    let mut last = None;
    for number in 0..PORTION + 5 {
        let settings = Settings { suite: Suite::Classic, ..Settings::default() };
        office.customer = office.world.add(Founding::Customer, &format!("{number}"), settings).unwrap();
        let thread = office.contact("hello").unwrap();
        let arrived = |world: &World| texts(world, acme, thread).len() == 1;
        office.world.until("the contact", PATIENCE, arrived).unwrap();
        office.forward_for(thread, first, HistoryChoice::All, false, DAY).unwrap();
        last = Some(thread);
    }
    let (thread, carla) = (last.unwrap(), office.customer);
    office.forward_for(thread, other, HistoryChoice::All, false, DAY).unwrap();
    office.world.pass(5000).unwrap();
    office.world.part(other, carla).unwrap();
    for number in 0..30 {
        office.world.relocate(first, ELSEWHERE + number).unwrap();
        if number == 10 {
            office.world.relocate(other, ELSEWHERE + 100).unwrap();
            office.world.relocate(carla, ELSEWHERE + 101).unwrap();
        }
        office.world.pass(1200).unwrap();
    }
    office.world.mend(other, carla);
    office.world.pass(3000).unwrap();
    assert!(office.world.are_connected(other, carla));
}

#[test]
fn a_customer_looks_no_longer_for_an_agent_that_left() {
    let mut siege = siege();
    let (carla, ana, ben, thread) = (siege.carla, siege.ana, siege.ben, siege.thread);
    siege.office.forward(thread, ben, HistoryChoice::All, true).unwrap();
    siege.settle().unwrap();
    let world = &mut siege.office.world;
    world.relocate(ana, ELSEWHERE).unwrap();
    world.pass(PATIENCE).unwrap();
    assert!(!world.are_connected(carla, ana));
    world.relocate(carla, ELSEWHERE + 1).unwrap();
    world.pass(PATIENCE).unwrap();
    assert_eq!(outbox(world, carla), 0, "it has nothing to say to her");
    assert!(siege.office.world.are_connected(carla, ben));
    siege.goes_on().unwrap();
}

/// Ana writes two texts at once, and the administrator has them.
fn last_words(siege: &mut Siege) {
    let (acme, ana, thread) = (siege.acme, siege.ana, siege.thread);
    let send = |text: &str| Command::Send { thread, text: text.to_owned() };
    let answers = siege.office.world.commands(ana, vec![send("one more"), send("my last word")]).unwrap();
    assert!(answers.iter().all(Result::is_ok));
    siege.hears(acme, "my last word").unwrap();
}

/// Where the texts that Ana wrote are, in her own eyes.
fn states(siege: &Siege) -> Vec<MessageState> {
    let all = messages(&siege.office.world, siege.ana, siege.thread);
    all.into_iter().filter(|message| message.mine).map(|message| message.state).collect()
}

/// Ana hands over, and never meets Carla again: her last words are brought by the administrator, who has them.
fn hand_over_and_part(siege: &mut Siege) {
    let (acme, carla, ana, ben, thread) = (siege.acme, siege.carla, siege.ana, siege.ben, siege.thread);
    siege.office.forward(thread, ben, HistoryChoice::All, true).unwrap();
    siege.hears(carla, "one more").unwrap();
    siege.hears(carla, "my last word").unwrap();
    siege.settle().unwrap();
    let world = &siege.office.world;
    assert!(!world.are_connected(ana, carla));
    assert_eq!((outbox(world, ana), outbox(world, carla)), (0, 0), "neither waits for the other");
    assert!(states(siege).ends_with(&[MessageState::Stored; 2]), "{:?}", states(siege));
    for reader in [acme, carla, ben] {
        let read = texts(world, reader, thread);
        assert!(read.ends_with(&["one more".into(), "my last word".into()]), "{reader:?}: {read:?}");
    }
    siege.goes_on().unwrap();
}

#[test]
fn the_last_words_of_an_agent_reach_a_customer_that_was_off_when_they_were_written() {
    let mut siege = siege();
    let (carla, ana) = (siege.carla, siege.ana);
    siege.office.world.stop(carla).unwrap();
    last_words(&mut siege);
    siege.office.world.revive(carla).unwrap();
    siege.office.world.part(ana, carla).unwrap();
    hand_over_and_part(&mut siege);
}

#[test]
fn the_last_words_of_an_agent_reach_a_customer_that_nobody_can_dial() {
    let mut siege = siege();
    let (carla, ana) = (siege.carla, siege.ana);
    siege.office.world.set_nat(carla, Nat::Symmetric);
    siege.office.world.part(ana, carla).unwrap();
    last_words(&mut siege);
    hand_over_and_part(&mut siege);
}

#[test]
fn the_last_words_of_an_agent_reach_a_customer_when_both_have_moved() {
    let mut siege = siege();
    let (carla, ana) = (siege.carla, siege.ana);
    siege.office.world.stop(carla).unwrap();
    last_words(&mut siege);
    siege.office.world.stop(ana).unwrap();
    siege.office.world.relocate(ana, ELSEWHERE).unwrap();
    siege.office.world.relocate(carla, ELSEWHERE + 1).unwrap();
    siege.office.world.part(ana, carla).unwrap();
    siege.office.world.revive(ana).unwrap();
    siege.office.world.revive(carla).unwrap();
    hand_over_and_part(&mut siege);
}

/// More than one request may ask for, and a crash of each that has a part in it.
#[test]
fn all_that_an_agent_wrote_is_brought_by_the_steward_whoever_crashes_meanwhile() {
    let mut siege = siege();
    let (acme, carla, ana, ben, thread) = (siege.acme, siege.carla, siege.ana, siege.ben, siege.thread);
    siege.office.world.part(ana, carla).unwrap();
    let many = usize::try_from(2 * limits::MAX_REFILL + 5).unwrap();
    for number in 0..many {
        siege.office.say(ana, thread, &format!("word {number}")).unwrap();
    }
    siege.hears(acme, &format!("word {}", many - 1)).unwrap();
    siege.office.world.stop(carla).unwrap();
    siege.office.forward(thread, ben, HistoryChoice::None, true).unwrap();
    siege.settle().unwrap();
    siege.office.world.revive(carla).unwrap();
    for _ in 0..4 {
        siege.office.world.pass(900).unwrap();
        siege.office.world.crash(carla, 200).unwrap();
        siege.office.world.crash(acme, 200).unwrap();
        siege.office.world.crash(ana, 200).unwrap();
    }
    siege.hears(carla, &format!("word {}", many - 1)).unwrap();
    siege.settle().unwrap();
    let said: Vec<String> = (0..many).map(|number| format!("word {number}")).collect();
    assert!(texts(&siege.office.world, carla, thread).ends_with(&said));
    assert_eq!(outbox(&siege.office.world, ana), 0);
    assert_eq!(states(&siege), vec![MessageState::Stored; many]);
    siege.goes_on().unwrap();
}

/// What she wrote where nobody could hear it, after the administrator took her out, is nobody's.
#[test]
fn what_only_the_agent_had_when_it_was_taken_out_is_told_as_failed() {
    let mut siege = siege();
    let (acme, carla, ana, thread) = (siege.acme, siege.carla, siege.ana, siege.thread);
    siege.office.say(ana, thread, "heard").unwrap();
    siege.settle().unwrap();
    siege.office.world.part(ana, carla).unwrap();
    siege.office.world.part(ana, acme).unwrap();
    siege.office.say(ana, thread, "too late").unwrap();
    let from = siege.device(ana).unwrap();
    siege.office.world.command(acme, Command::Revoke { thread, from }).unwrap();
    siege.settle().unwrap();
    siege.office.world.mend(ana, acme);
    siege.settle().unwrap();
    let ends = [MessageState::Delivered, MessageState::Failed { reason: Reason::NotMember }];
    assert!(states(&siege).ends_with(&ends), "{:?}", states(&siege));
    assert_eq!(outbox(&siege.office.world, ana), 0);
    assert!(!texts(&siege.office.world, carla, thread).contains(&"too late".to_owned()));
    siege.goes_on().unwrap();
}

/// They part for good, as it seems, and meet in another thread: the numbers of their links go on.
#[test]
fn those_who_gave_each_other_up_meet_again_and_lose_nothing() {
    let mut siege = siege();
    let (acme, carla, ana, thread) = (siege.acme, siege.carla, siege.ana, siege.thread);
    let device = siege.device(ana).unwrap();
    for round in 0..3 {
        siege.office.world.part(ana, carla).unwrap();
        siege.office.say(carla, thread, &format!("to whom, {round}?")).unwrap();
        siege.office.say(ana, thread, &format!("to you, {round}")).unwrap();
        siege.hears(acme, &format!("to you, {round}")).unwrap();
        siege.office.world.command(acme, Command::Revoke { thread, from: device }).unwrap();
        siege.settle().unwrap();
        assert_eq!(outbox(&siege.office.world, ana), 0);
        assert_eq!(outbox(&siege.office.world, carla), 0);
        let sent = messages(&siege.office.world, carla, thread);
        let sent = sent.iter().rfind(|message| message.mine).unwrap();
        let at_ana = sent.receivers.iter().find(|receiver| receiver.device == device).unwrap().state;
        assert_eq!(at_ana, MessageState::Failed { reason: Reason::UnknownThread }, "Carla is a member still");
        assert_eq!(sent.state, MessageState::Delivered);
        siege.office.forward(thread, ana, HistoryChoice::None, false).unwrap();
        siege.settle().unwrap();
        siege.office.say(ana, thread, &format!("back, {round}")).unwrap();
        siege.office.say(carla, thread, &format!("hello, {round}")).unwrap();
        siege.office.world.mend(ana, carla);
        siege.hears(carla, &format!("back, {round}")).unwrap();
        siege.hears(ana, &format!("hello, {round}")).unwrap();
        siege.settle().unwrap();
        assert_eq!(outbox(&siege.office.world, ana), 0);
    }
    siege.goes_on().unwrap();
}

#[test]
fn an_address_is_told_by_the_device_that_has_it() {
    let mut siege = siege();
    let acme = siege.acme;
    let mut stranger = siege.stranger(&[acme]).unwrap();
    let own = AddressUpdate { address: stranger.address(siege.now()).unwrap() };
    siege.refuses(&mut stranger, acme, &Body::AddressUpdate(own.clone()), Reason::UnknownDevice).unwrap();
    let mut ana = siege.take_over(siege.ana, &[acme]).unwrap();
    siege.refuses(&mut ana, acme, &Body::AddressUpdate(own), Reason::GrantWrongAudience).unwrap();
    let own = Body::AddressUpdate(AddressUpdate { address: ana.address(siege.now()).unwrap() });
    assert_eq!(ana.send(&mut siege.office.world, acme, &own).unwrap(), Fate::Delivered);
    siege.goes_on().unwrap();
}

#[test]
fn an_address_is_passed_on_by_a_host_about_a_member_and_as_it_was_signed() {
    let mut siege = siege();
    let (acme, carla, thread) = (siege.acme, siege.carla, siege.thread);
    let mut stranger = siege.stranger(&[carla]).unwrap();
    let strangers = stranger.address(siege.now()).unwrap();
    let of = |thread, era, address: &SignedAddressRecord| {
        Body::MemberAddress(MemberAddress { thread, era, address: address.clone() })
    };
    let mut ben = siege.take_over(siege.ben, &[carla]).unwrap();
    let mut ana = siege.take_over(siege.ana, &[carla]).unwrap();
    let anas = ana.address(siege.now()).unwrap();
    // Neither by a stranger nor by a colleague who isn't in the thread.
    for outsider in [&mut stranger, &mut ben] {
        siege.refuses(outsider, carla, &of(thread, 0, &anas), Reason::NotMember).unwrap();
    }
    siege.refuses(&mut ana, carla, &of(thread, 0, &strangers), Reason::NotMember).unwrap();
    siege.refuses(&mut ana, carla, &of(thread, 1, &anas), Reason::UnknownThread).unwrap();
    let other = ThreadId::from_bytes([7; 32]);
    siege.refuses(&mut ana, carla, &of(other, 0, &anas), Reason::UnknownThread).unwrap();
    let mut forged = codec::encode(&anas).unwrap();
    *forged.last_mut().unwrap() ^= 1;
    let forged: SignedAddressRecord = codec::decode(&forged, 2048).unwrap();
    siege.refuses(&mut ana, carla, &of(thread, 0, &forged), Reason::BadContent).unwrap();
    assert_eq!(ana.send(&mut siege.office.world, carla, &of(thread, 0, &anas)).unwrap(), Fate::Delivered);
    // One that came too late is taken from a host and forgotten; from others it is refused all the same.
    let old = stranger.address_numbered(u64::MAX, UnixTime(1)).unwrap();
    let records = siege.office.world.node(carla).unwrap().store_size().0;
    siege.refuses(&mut stranger, carla, &of(thread, 0, &old), Reason::NotMember).unwrap();
    siege.refuses(&mut stranger, carla, &of(other, 0, &old), Reason::UnknownThread).unwrap();
    assert_eq!(siege.office.world.node(carla).unwrap().store_size().0, records, "a stranger leaves no trace");
    let past = ana.address_numbered(u64::MAX, UnixTime(1)).unwrap();
    assert_eq!(ana.send(&mut siege.office.world, carla, &of(thread, 0, &past)).unwrap(), Fate::Delivered);
    // A guest serves nobody.
    let mut carla = siege.take_over(carla, &[acme]).unwrap();
    siege.refuses(&mut carla, acme, &of(thread, 0, &anas), Reason::NotMember).unwrap();
}

#[test]
fn a_home_of_an_early_version_gets_its_index_of_threads_by_node_once() {
    let mut siege = siege();
    let carla = siege.carla;
    let rows = |siege: &Siege| {
        let copy = siege.office.world.copy_of(carla).unwrap();
        [b"A/", b"B/"].map(|prefix| copy.scan(&Scan::prefix(prefix)).unwrap())
    };
    let before = rows(&siege);
    let [shared, parted] = &before;
    assert_eq!((shared.len(), parted.len()), (2, 0), "with Acme and Ana");
    let early = siege.office.world.copy_of(carla).unwrap();
    let mut batch = Batch::new();
    shared.iter().for_each(|(key, _)| batch.delete(key.clone()).unwrap());
    batch.delete(b"i/indexed".to_vec()).unwrap();
    early.commit(&batch).unwrap();
    early.flush().unwrap();
    siege.office.world.put_back(carla, early).unwrap();
    assert_eq!(rows(&siege), before);
    siege.goes_on().unwrap();
}
