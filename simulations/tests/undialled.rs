//! Nodes that nobody can dial: what is for them is brought when they come themselves.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use frontdesk_engine::{
    Answer, Command, Event, HistoryChoice, MessageState, Query, Reply, Role, Settings, ThreadStatus,
};
use frontdesk_identity::ThreadId;
use frontdesk_sim::{
    Founding, Nat, Siege, Weather, World,
    office::{Office, PATIENCE, is_in, messages, outbox, requests, texts, told},
};
use frontdesk_thread::Suite;
use frontdesk_wire::Frame;

const DAY: u64 = 24 * 3600;

/// In milliseconds.
const HOUR: u64 = 3_600_000;

fn siege() -> Siege {
    Siege::lay(HistoryChoice::All, 30 * DAY).unwrap()
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

/// Carla asks for an offer; it is made, and lost on its way, and she knows that her request is there.
fn offer_lost(office: &mut Office) -> ThreadId {
    let (acme, carla) = (office.acme, office.customer);
    let link = office.link_to(acme).unwrap();
    let contact = Command::Contact { link, text: "hello".into() };
    let Reply::Opened { thread } = office.world.command(carla, contact).unwrap() else { panic!("no thread") };
    let offered = |world: &World| {
        let sent = world.tape().iter().filter(|sent| sent.from == acme);
        sent.map(|sent| Frame::decode(&sent.frame).unwrap()).any(|frame| matches!(frame, Frame::Data(_)))
    };
    office.world.until("an offer", PATIENCE, offered).unwrap();
    office.world.part(acme, carla).unwrap();
    office.world.mend(acme, carla);
    // By the greeting she learns that her request is there, and remembers it.
    let taken = |world: &World| outbox(world, carla) == 0;
    office.world.until("the request to be taken", PATIENCE, taken).unwrap();
    thread
}

#[test]
fn an_agent_that_has_not_moved_for_a_month_is_found_by_a_new_customer_that_nobody_can_dial() {
    let mut siege = siege();
    let (acme, ana) = (siege.acme, siege.ana);
    for _ in 0..33 {
        siege.office.world.pass(DAY * 1000).unwrap();
    }
    let customer = siege.office.world.add(Founding::Customer, "Dora", office_settings()).unwrap();
    siege.office.world.set_nat(customer, Nat::Symmetric);
    siege.office.customer = customer;
    let thread = siege.office.contact("is anybody there?").unwrap();
    siege.office.world.stop(acme).unwrap();
    siege.office.world.revive(acme).unwrap();
    siege.office.forward(thread, ana, HistoryChoice::All, false).unwrap();
    siege.office.say(ana, thread, "always").unwrap();
    let there = |world: &World| texts(world, customer, thread).len() == 2;
    siege.office.world.until("Ana's text", PATIENCE, there).unwrap();
}

#[test]
fn a_customer_that_nobody_can_dial_gets_its_offer_though_it_was_off_when_that_was_made() {
    let mut office = office();
    let (acme, carla) = (office.acme, office.customer);
    office.world.set_nat(carla, Nat::Cone);
    let thread = offer_lost(&mut office);
    let Answer::Thread(Some(view)) = office.world.query(carla, &Query::Thread(thread)).unwrap() else {
        panic!("no thread")
    };
    assert_eq!(view.status, ThreadStatus::Contacting, "the offer is on its way");
    office.world.crash(carla, 500).unwrap();
    let there = |world: &World| texts(world, acme, thread) == ["hello"];
    office.world.until("the message", PATIENCE, there).unwrap();
}

#[test]
fn a_customer_whose_offer_was_forgotten_meanwhile_asks_again() {
    let mut office = office();
    let (acme, carla) = (office.acme, office.customer);
    let thread = offer_lost(&mut office);
    office.world.stop(carla).unwrap();
    office.world.pass(2 * HOUR).unwrap();
    office.world.revive(carla).unwrap();
    let there = |world: &World| texts(world, acme, thread) == ["hello"];
    office.world.until("the message", PATIENCE, there).unwrap();
}

#[test]
fn a_customer_whose_opening_came_too_late_hears_that_and_can_write_again() {
    let mut office = office();
    let (acme, carla) = (office.acme, office.customer);
    let link = office.link_to(acme).unwrap();
    let contact = Command::Contact { link, text: "hello".into() };
    let Reply::Opened { thread } = office.world.command(carla, contact).unwrap() else { panic!("no thread") };
    let opened = |world: &World| is_in(world, carla, thread);
    office.world.until("the offer to be taken", PATIENCE, opened).unwrap();
    office.world.part(acme, carla).unwrap();
    office.world.pass(2 * HOUR).unwrap();
    office.world.mend(acme, carla);
    let failed = |world: &World| told(world, carla, |event| matches!(event, Event::ContactFailed { .. }));
    office.world.until("the thread to fail", PATIENCE, failed).unwrap();
    let said = messages(&office.world, carla, thread).pop().unwrap();
    assert!(matches!(said.state, MessageState::Failed { .. }), "{:?}", said.state);
    let again = office.contact("hello again").unwrap();
    let there = |world: &World| texts(world, acme, again) == ["hello again"];
    office.world.until("the second thread", PATIENCE, there).unwrap();
}

#[test]
fn a_restored_customer_that_nobody_can_dial_and_restarts_is_let_in_all_the_same() {
    let mut siege = siege();
    let (acme, carla, thread) = (siege.acme, siege.carla, siege.thread);
    let backup = siege.office.world.copy_of(carla).unwrap();
    siege.office.world.set_nat(carla, Nat::Symmetric);
    let before = siege.office.world.time();
    siege.office.world.restore(carla, backup).unwrap();
    // Her wish arrives, and she is off before the answer does.
    let answered = |world: &World| {
        let later =
            world.tape().iter().filter(|sent| (sent.from, sent.to) == (acme, carla) && sent.at > before);
        later.map(|sent| Frame::decode(&sent.frame).unwrap()).any(|frame| matches!(frame, Frame::Data(_)))
    };
    siege.office.world.until("an answer", PATIENCE, answered).unwrap();
    siege.office.world.part(acme, carla).unwrap();
    siege.office.world.mend(acme, carla);
    let waiting = outbox(&siege.office.world, carla);
    let taken = |world: &World| outbox(world, carla) < waiting;
    siege.office.world.until("her to learn that her wish is there", PATIENCE, taken).unwrap();
    assert!(!is_in(&siege.office.world, carla, thread));
    siege.office.world.crash(carla, 500).unwrap();
    siege.office.world.until("her to come in", PATIENCE, |world| is_in(world, carla, thread)).unwrap();
    siege.goes_on().unwrap();
}

#[test]
fn a_device_that_nobody_can_dial_hears_of_its_approval_though_it_was_off_then() {
    let mut office = office();
    let acme = office.acme;
    let device = office.world.add(Founding::Fresh, "", Settings::default()).unwrap();
    office.world.set_nat(device, Nat::Symmetric);
    let invite = Command::Invite { role: Role::Agent, name: "Ana".into(), lasts: 3600 };
    let Reply::Invited { invitation } = office.world.command(acme, invite).unwrap() else {
        panic!("no invitation")
    };
    office.world.command(device, Command::Join { invitation: *invitation }).unwrap();
    let asked = |world: &World| !requests(world, acme).is_empty();
    office.world.until("the request", PATIENCE, asked).unwrap();
    office.world.pass(1000).unwrap();
    // A greeting has it remember that everything is told.
    office.world.part(acme, device).unwrap();
    office.world.mend(acme, device);
    office.world.pass(5000).unwrap();
    office.world.stop(device).unwrap();
    let number = requests(&office.world, acme).pop().unwrap();
    office.world.command(acme, Command::Approve { number }).unwrap();
    office.world.pass(5000).unwrap();
    office.world.revive(device).unwrap();
    assert_eq!(outbox(&office.world, device), 0);
    let joined = |world: &World| told(world, device, |event| matches!(event, Event::Joined { .. }));
    office.world.until("the grant", PATIENCE, joined).unwrap();
}
