//! A business with two administrators: agents find both, each forwards its own threads, and one that is removed is out
//! everywhere.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use frontdesk_engine::{
    Answer, Command, CommandError, Event, HistoryChoice, Query, Reply, Role, Settings,
    limits::{ENROLMENT_LASTS, PORTION},
};
use frontdesk_identity::{AddressRecord, DeviceId, SignedAddressRecord, ThreadId, UnixTime, codec};
use frontdesk_sim::{
    Adversary, Fate, Founding, NodeId, SimError, Weather, World,
    office::{Office, PATIENCE, is_in, messages, outbox, stock, texts, told, who},
};
use frontdesk_thread::Suite;
use frontdesk_wire::{AddressUpdate, Body, Frame, Profile, Reason, Roster, limits};

const DAY: u64 = 24 * 3600;
const REVOCATIONS: &[u8] = b"r/";
const SETTINGS: Settings =
    Settings { introduce: true, suite: Suite::Classic, key_packages: 2, forward_new: None };

/// Acme with Ana, and a second administrator that came later.
struct Two {
    office: Office,
    ana: NodeId,
    second: NodeId,
}

impl Two {
    fn open() -> Self {
        let mut office = Office::open(5, Weather::FAIR, 0, SETTINGS).unwrap();
        let ana = office.enrol("Ana", Role::Agent).unwrap();
        let second = office.enrol("Second", Role::Admin).unwrap();
        office.world.pass(10_000).unwrap();
        Self { office, ana, second }
    }

    /// Carla writes to the second administrator, which forwards her to Ana.
    fn contact(&mut self) -> ThreadId {
        let (second, ana) = (self.second, self.ana);
        let link = self.office.link_to(second).unwrap();
        let contact = Command::Contact { link, text: "to the second".into() };
        let Reply::Opened { thread } = self.office.world.command(self.office.customer, contact).unwrap()
        else {
            panic!("no thread")
        };
        let arrived = |world: &World| texts(world, second, thread).len() == 1;
        self.office.world.until("the first text", PATIENCE, arrived).unwrap();
        let to = Some(self.office.device(ana).unwrap());
        let (history, note) = (HistoryChoice::All, String::new());
        let forward = Command::Forward { thread, to, history, lasts: DAY, hand_over: false, note };
        self.office.world.command(second, forward).unwrap();
        self.office.world.until("Ana in", PATIENCE, |world| is_in(world, ana, thread)).unwrap();
        self.office.say(ana, thread, "hello").unwrap();
        self.office.world.pass(10_000).unwrap();
        thread
    }

    fn remove_second(&mut self) {
        let device = self.office.device(self.second).unwrap();
        self.office.world.command(self.office.acme, Command::RemoveDevice { device }).unwrap();
        self.office.world.pass(60_000).unwrap();
    }
}

fn refused(result: Result<(), SimError>) -> CommandError {
    let Err(SimError::Command(error)) = result else { panic!("{result:?}") };
    error
}

#[test]
fn agents_find_an_administrator_that_came_after_them_and_one_that_came_before() {
    let mut two = Two::open();
    let early = two.ana;
    let late = two.office.enrol("Ben", Role::Agent).unwrap();
    two.office.world.pass(10_000).unwrap();
    for agent in [early, late] {
        let device = two.office.device(agent).unwrap();
        assert!(two.office.world.are_connected(agent, two.second), "{agent:?}");
        assert!(stock(&two.office.world, two.second, device) > 0, "{agent:?} can be forwarded to");
    }
    assert!(!two.office.world.are_connected(early, late), "agents have no need of each other");
    let thread = two.contact();
    assert_eq!(texts(&two.office.world, two.office.customer, thread), ["to the second", "hello"]);
}

#[test]
fn agents_find_an_administrator_again_that_moved_while_they_moved_too() {
    let mut two = Two::open();
    let (acme, ana, second) = (two.office.acme, two.ana, two.second);
    two.office.world.part(ana, second).unwrap();
    two.office.world.relocate(second, 4711).unwrap();
    two.office.world.relocate(ana, 4712).unwrap();
    two.office.world.pass(10_000).unwrap();
    two.office.world.mend(ana, second);
    let both = |world: &World| world.are_connected(ana, second) && world.are_connected(ana, acme);
    two.office.world.until("both to meet where they are now", PATIENCE, both).unwrap();
    two.contact();
}

#[test]
fn where_a_colleague_is_an_administrator_tells_as_it_was_signed() {
    let mut two = Two::open();
    let (acme, ana, second) = (two.office.acme, two.ana, two.second);
    let ben = two.office.enrol("Ben", Role::Agent).unwrap();
    two.office.world.pass(10_000).unwrap();
    let entity = two.office.entity().unwrap();
    let world = &mut two.office.world;
    let stranger = Adversary::stranger(world, entity).unwrap();
    let mut ben = Adversary::take_over(world, ben).unwrap();
    let mut second = Adversary::take_over(world, second).unwrap();
    ben.meet(world, ana).unwrap();
    ben.meet(world, acme).unwrap();
    second.meet(world, ana).unwrap();
    let now = world.now().wall;
    let bens = ben.address_numbered(now.0 + 1, now).unwrap();
    let mut forged = codec::encode(&bens).unwrap();
    *forged.last_mut().unwrap() ^= 1;
    let forged: SignedAddressRecord = codec::decode(&forged, 2048).unwrap();
    let past = ben.address_numbered(u64::MAX >> 11, UnixTime(1)).unwrap();
    let seconds = second.address_numbered(now.0 + 1, now).unwrap();
    let tell = |world: &mut World, by: &mut Adversary, to, address: SignedAddressRecord| {
        by.send(world, to, &Body::AddressUpdate(AddressUpdate { address })).unwrap()
    };
    let of_stranger = stranger.address(now).unwrap();
    assert_eq!(tell(world, &mut second, ana, of_stranger), Fate::Refused(Reason::UnknownDevice));
    assert_eq!(tell(world, &mut second, ana, forged), Fate::Refused(Reason::BadContent));
    let held = world.copy_of(ana).unwrap().size();
    assert_eq!(tell(world, &mut second, ana, past), Fate::Delivered);
    assert_eq!(world.copy_of(ana).unwrap().size().0, held.0, "one that came too late leaves nothing");
    assert_eq!(tell(world, &mut second, ana, bens.clone()), Fate::Delivered);
    for to in [ana, acme] {
        let fate = tell(world, &mut ben, to, seconds.clone());
        assert_eq!(fate, Fate::Refused(Reason::GrantWrongAudience), "by an agent");
    }
    two.remove_second();
    let world = &mut two.office.world;
    let fate = tell(world, &mut second, ana, bens);
    assert_eq!(fate, Fate::Refused(Reason::GrantWrongAudience), "by one that was removed");
}

#[test]
fn customers_of_an_administrator_that_is_removed_hear_it_from_the_agents_there() {
    let mut two = Two::open();
    let (ana, second, carla) = (two.ana, two.second, two.office.customer);
    let thread = two.contact();
    assert_eq!(two.office.world.count(carla, REVOCATIONS).unwrap(), 0);
    two.remove_second();
    assert!(two.office.world.count(carla, REVOCATIONS).unwrap() > 0);
    let before = messages(&two.office.world, carla, thread);
    assert_eq!(refused(two.office.say(carla, thread, "still you?")), CommandError::NobodyLeft);
    assert_eq!(messages(&two.office.world, carla, thread), before, "nothing waits for nobody");
    let ended = CommandError::Refused(Reason::GrantRevoked);
    assert_eq!(refused(two.office.say(ana, thread, "still me")), ended);
    assert_eq!(refused(two.office.say(second, thread, "still me")), ended);
    let anew = two.office.contact("anew, to Acme").unwrap();
    two.office.forward(anew, ana, HistoryChoice::All, false).unwrap();
    two.office.say(ana, anew, "here I am").unwrap();
    two.office.world.pass(10_000).unwrap();
    assert_eq!(texts(&two.office.world, carla, anew), ["anew, to Acme", "here I am"]);
    assert_eq!(outbox(&two.office.world, carla), 0);
}

/// The second administrator doesn't know yet that it was removed, or doesn't care. Nobody follows it.
#[test]
fn a_removed_administrator_changes_nothing_in_its_own_threads() {
    let mut two = Two::open();
    let (ana, second, carla) = (two.ana, two.second, two.office.customer);
    let thread = two.contact();
    let members = |world: &World, node| {
        let who = who(world, node, thread).unwrap();
        (who.epoch, who.members.len())
    };
    let before = members(&two.office.world, carla);
    two.office.world.part(two.office.acme, second).unwrap();
    two.office.world.part(ana, second).unwrap();
    two.remove_second();
    let from = two.office.device(ana).unwrap();
    let revoke = Command::Revoke { thread, from };
    two.office.world.command(second, revoke.clone()).unwrap();
    two.office.world.pass(60_000).unwrap();
    assert_eq!(members(&two.office.world, carla), before, "Carla knows");
    let accused = |event: &Event| matches!(event, Event::Security { reason: Reason::GrantRevoked, .. });
    assert!(told(&two.office.world, carla, accused));
    two.office.world.mend(two.office.acme, second);
    two.office.world.mend(ana, second);
    two.office.world.pass(60_000).unwrap();
    assert_eq!(members(&two.office.world, ana), before);
    let own = two.office.world.command(second, revoke);
    assert!(matches!(own, Err(SimError::Command(_))), "it knows by now: {own:?}");
}

fn is_removed(world: &World, at: NodeId, device: DeviceId) -> bool {
    let Answer::Devices(devices) = world.query(at, &Query::Devices).unwrap() else { panic!("no devices") };
    devices.iter().any(|view| view.device == device && view.removed)
}

/// It says with its profile what everybody believes while it is an administrator, under the last number that there is.
#[test]
fn a_removed_administrator_leaves_no_profile_behind_that_others_would_break_rules_with() {
    let mut two = Two::open();
    let (acme, ana) = (two.office.acme, two.ana);
    let ben = two.office.enrol("Ben", Role::Agent).unwrap();
    let carla = two.office.contact("before").unwrap();
    two.office.world.pass(10_000).unwrap();
    let entity = two.office.entity().unwrap();
    let mut rogue = Adversary::take_over(&mut two.office.world, two.second).unwrap();
    let profile = Profile {
        entity,
        number: limits::MAX_PROFILE_NUMBER,
        name: "Acme, under new management".into(),
        reception: vec![rogue.keys.id()],
        hours: String::new(),
        languages: Vec::new(),
    };
    let profile = profile.sign(rogue.keys.signing(), rogue.chain.clone().unwrap()).unwrap();
    let roster = Roster { number: 99, profile, devices: Vec::new(), revocations: Vec::new() };
    for node in [acme, ana, ben] {
        rogue.meet(&mut two.office.world, node).unwrap();
        let fate = rogue.send(&mut two.office.world, node, &Body::Roster(roster.clone())).unwrap();
        assert_eq!(fate, Fate::Delivered);
    }
    // One who has seen it, and hears of no removal.
    let aware = two.office.contact("while it holds").unwrap();
    two.remove_second();
    let (second, anas) = (rogue.keys.id(), two.office.device(ana).unwrap());
    two.office.world.command(acme, Command::RemoveDevice { device: anas }).unwrap();
    two.office.world.pass(60_000).unwrap();
    for device in [second, anas] {
        assert!(is_removed(&two.office.world, ben, device), "Ben knows");
    }
    let accused = |event: &Event| matches!(event, Event::Security { .. });
    assert!(!told(&two.office.world, ben, accused), "and has nothing to object to");
    for thread in [carla, aware] {
        assert!(is_in(&two.office.world, two.office.customer, thread));
    }
    two.office.contact("after").unwrap();
    two.office.customer = two.office.world.add(Founding::Customer, "Cora", SETTINGS).unwrap();
    two.office.contact("a new customer").unwrap();
    let Answer::Status(status) = two.office.world.query(acme, &Query::Status).unwrap() else { panic!() };
    assert_eq!(status.entity.as_deref(), Some("Acme"), "its own name again");
}

#[test]
fn a_device_whose_enrolment_ended_before_its_removal_was_heard_of_is_removed_all_the_same() {
    let mut two = Two::open();
    let (acme, ana, second) = (two.office.acme, two.ana, two.second);
    two.office.world.part(acme, second).unwrap();
    two.office.world.part(ana, second).unwrap();
    let device = two.office.device(ana).unwrap();
    two.office.world.command(acme, Command::RemoveDevice { device }).unwrap();
    two.office.world.pass(10_000).unwrap();
    assert!(!is_removed(&two.office.world, second, device));
    two.office.world.skip_wall(ENROLMENT_LASTS + 120);
    two.office.world.mend(acme, second);
    two.office.world.pass(120_000).unwrap();
    assert!(is_removed(&two.office.world, second, device));
}

#[test]
fn a_restored_administrator_is_told_by_its_agents_whom_it_has_removed_since_the_backup() {
    let mut two = Two::open();
    let (acme, ana, second) = (two.office.acme, two.ana, two.second);
    let ben = two.office.enrol("Ben", Role::Agent).unwrap();
    two.office.world.pass(10_000).unwrap();
    let backup = two.office.world.copy_of(acme).unwrap();
    let device = two.office.device(ana).unwrap();
    two.office.world.command(acme, Command::RemoveDevice { device }).unwrap();
    two.office.world.pass(10_000).unwrap();
    two.office.world.stop(second).unwrap();
    two.office.world.stop(ana).unwrap();
    two.office.world.restore(acme, backup).unwrap();
    let met = |world: &World| world.are_connected(acme, ben);
    two.office.world.until("Ben to find it", PATIENCE, met).unwrap();
    two.office.world.pass(10_000).unwrap();
    assert!(is_removed(&two.office.world, acme, device));
    assert_eq!(outbox(&two.office.world, ben), 0);
}

#[test]
fn one_that_moves_all_the_time_leaves_one_frame_for_each_administrator_that_is_away() {
    let mut two = Two::open();
    let (acme, ana, second) = (two.office.acme, two.ana, two.second);
    two.office.world.part(acme, second).unwrap();
    let mut rogue = Adversary::take_over(&mut two.office.world, ana).unwrap();
    rogue.meet(&mut two.office.world, acme).unwrap();
    let waiting = |world: &World| world.count(acme, b"o/").unwrap();
    let before = waiting(&two.office.world);
    two.office.world.record();
    let now = two.office.world.now().wall;
    let mut last = None;
    for number in 0..100 {
        let place = [format!("/memory/{}", 900 + number % 2).parse().unwrap()];
        let address = AddressRecord::sign(&rogue.keys, now.0 + number, &place, now.plus(DAY)).unwrap();
        let body = Body::AddressUpdate(AddressUpdate { address: address.clone() });
        assert_eq!(rogue.send(&mut two.office.world, acme, &body).unwrap(), Fate::Delivered);
        last = Some(address);
    }
    assert!(waiting(&two.office.world) <= before + 1, "{} wait", waiting(&two.office.world) - before);
    two.office.world.mend(acme, second);
    two.office.world.pass(120_000).unwrap();
    let mut told = two.office.world.tape().iter().filter(|sent| sent.to == second).filter_map(|sent| {
        let Ok(Frame::Data(data)) = Frame::decode(&sent.frame) else { return None };
        let Ok(Body::AddressUpdate(update)) = Body::decode(&data.body) else { return None };
        Some(update.address)
    });
    assert_eq!(told.next_back(), last, "and when it is back, it hears where that one is now");
}

#[test]
fn a_device_with_many_threads_is_taken_out_of_a_portion_at_a_time_also_after_a_crash() {
    let mut office = Office::open(5, Weather::FAIR, 0, SETTINGS).unwrap();
    let acme = office.acme;
    let ana = office.enrol("Ana", Role::Agent).unwrap();
    let threads: Vec<(NodeId, ThreadId)> = (0..PORTION + 6)
        .map(|number| {
            office.customer = office.world.add(Founding::Customer, &format!("{number}"), SETTINGS).unwrap();
            let thread = office.contact("hello").unwrap();
            office.forward(thread, ana, HistoryChoice::All, false).unwrap();
            (office.customer, thread)
        })
        .collect();
    let members = |world: &World, node, thread| who(world, node, thread).unwrap().members.len();
    let left = |world: &World| threads.iter().filter(|(_, id)| members(world, acme, *id) == 3).count();
    let device = office.device(ana).unwrap();
    office.world.command(acme, Command::RemoveDevice { device }).unwrap();
    assert!(left(&office.world) >= 6, "a step changed {} threads", threads.len() - left(&office.world));
    office.world.crash(acme, 1000).unwrap();
    let out = |world: &World| threads.iter().all(|(node, id)| members(world, *node, *id) == 2);
    office.world.until("all to be without her", PATIENCE, out).unwrap();
    assert_eq!(left(&office.world), 0);
}
