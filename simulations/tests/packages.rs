//! Key packages that no thread admits, and the bound of an entity's devices.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use frontdesk_engine::{
    Command, CommandError, ForwardRule, ForwardTo, HistoryChoice, Reply, Role, Settings,
    limits::ENROLMENT_LASTS,
};
use frontdesk_identity::{DeviceId, DeviceRecord, RootKey};
use frontdesk_sim::{
    Adversary, Founding, NodeId, Siege, SimError, Weather, World,
    office::{Office, PATIENCE, is_in, number_at, requests, texts},
};
use frontdesk_store::{Overlay, Reader as _, Scan, Store as _};
use frontdesk_thread::Suite;
use frontdesk_wire::{Body, KeyPackages, Reason, limits};
use serde_bytes::ByteBuf;

const DAY: u64 = 24 * 3600;
const SETTINGS: Settings =
    Settings { introduce: true, suite: Suite::Classic, key_packages: 2, forward_new: None };

/// A package of the adversary's device, as one of another principal.
fn foreign(rogue: &mut Adversary, now: frontdesk_identity::UnixTime) -> Vec<u8> {
    let other = RootKey::generate(&mut rogue.rng).principal();
    rogue.record = DeviceRecord::sign(&rogue.keys, other, now).verify().unwrap();
    rogue.key_package(now, Suite::Classic).unwrap().as_slice().to_vec()
}

/// Writes to a node's disk while it is down, and starts it again.
fn tamper(office: &mut Office, node: NodeId, write: impl FnOnce(&Overlay<'_>)) {
    let disk = Adversary::take_over(&mut office.world, node).unwrap();
    let overlay = Overlay::new(&disk.store);
    write(&overlay);
    disk.store.commit(&overlay.into_batch()).unwrap();
    disk.give_back(&mut office.world).unwrap();
    office.world.pass(5000).unwrap();
}

/// Puts a package in the place of all that `node` has of a device.
fn spoil(office: &mut Office, node: NodeId, device: DeviceId, package: &[u8]) {
    tamper(office, node, |overlay| {
        for prefix in [b"k/".as_slice(), b"K/"] {
            let prefix = [prefix, device.as_bytes()].concat();
            let held = overlay.scan(&Scan::prefix(&prefix)).unwrap();
            assert!(!held.is_empty());
            for (key, _) in held {
                overlay.put(key, package.to_vec()).unwrap();
            }
        }
    });
}

#[test]
fn key_packages_of_another_principal_are_refused() {
    let mut siege = Siege::lay(HistoryChoice::All, DAY).unwrap();
    let (acme, ben) = (siege.acme, siege.ben);
    let mut rogue = siege.take_over(ben, &[acme]).unwrap();
    let package = ByteBuf::from(foreign(&mut rogue, siege.now()));
    let one = KeyPackages { packages: vec![package.clone()], last_resort: ByteBuf::new(), reset: true };
    siege.refuses(&mut rogue, acme, &Body::KeyPackages(one), Reason::GrantWrongAudience).unwrap();
    let last = KeyPackages { packages: Vec::new(), last_resort: package, reset: false };
    siege.refuses(&mut rogue, acme, &Body::KeyPackages(last), Reason::GrantWrongAudience).unwrap();
}

#[test]
fn a_hand_over_that_fails_leaves_the_one_on_duty_in_the_thread() {
    let mut siege = Siege::lay(HistoryChoice::All, DAY).unwrap();
    let (acme, carla, ana, ben, thread) = (siege.acme, siege.carla, siege.ana, siege.ben, siege.thread);
    let mut fork = siege.fork(4).unwrap();
    let mut rogue = fork.take_over(ben, &[]).unwrap();
    let package = foreign(&mut rogue, siege.now());
    let device = siege.device(ben).unwrap();
    spoil(&mut siege.office, acme, device, &package);
    let tried = siege.office.ask_forward(acme, thread, ben, (HistoryChoice::All, DAY, true));
    assert!(
        matches!(tried, Err(SimError::Command(CommandError::Refused(Reason::NoKeyPackage)))),
        "{tried:?}"
    );
    assert_eq!(siege.office.world.count(acme, b"r/").unwrap(), 0);
    siege.office.say(ana, thread, "still on duty").unwrap();
    let heard = |world: &frontdesk_sim::World| {
        [acme, carla].iter().all(|node| texts(world, *node, thread).contains(&"still on duty".into()))
    };
    siege.office.world.until("Ana's text", PATIENCE, heard).unwrap();
    siege.goes_on().unwrap();
}

#[test]
fn a_policy_passes_over_a_device_whose_packages_are_of_no_use() {
    let rule = ForwardRule { to: ForwardTo::Role(Role::Agent), lasts: DAY, history: HistoryChoice::All };
    let settings = Settings { forward_new: Some(rule), ..SETTINGS };
    let mut office = Office::open(8, Weather::FAIR, 2, settings).unwrap();
    let mut agents: Vec<(DeviceId, NodeId)> =
        office.agents.iter().map(|node| (office.device(*node).unwrap(), *node)).collect();
    office.world.pass(5000).unwrap();
    // Of two that are there, and were given as much, the one with the lesser id comes first.
    agents.sort();
    let [(device, first), (_, second)] = agents.as_slice() else { panic!("two agents") };
    let mut fork = office.fork(4).unwrap();
    let mut rogue = Adversary::take_over(&mut fork.world, *first).unwrap();
    let package = foreign(&mut rogue, office.world.now().wall);
    let acme = office.acme;
    spoil(&mut office, acme, *device, &package);
    let thread = office.contact("hello").unwrap();
    office.world.until("the other agent", PATIENCE, |world| is_in(world, *second, thread)).unwrap();
    assert!(!is_in(&office.world, *first, thread));
}

#[test]
fn an_entity_with_as_many_devices_as_a_roster_holds_enrols_no_more() {
    let mut office = Office::open(9, Weather::FAIR, 1, SETTINGS).unwrap();
    let (acme, ana) = (office.acme, office.device(*office.agents.first().unwrap()).unwrap());
    let invite = Command::Invite { role: Role::Agent, name: "Ben".into(), lasts: 3600 };
    let Reply::Invited { invitation } = office.world.command(acme, invite.clone()).unwrap() else { panic!() };
    let ben = office.world.add(Founding::Fresh, "Ben", SETTINGS).unwrap();
    office.world.command(ben, Command::Join { invitation: *invitation }).unwrap();
    let asked = |world: &frontdesk_sim::World| {
        number_at(world, ben).is_some_and(|number| requests(world, acme).contains(&number))
    };
    office.world.until("the number", PATIENCE, asked).unwrap();
    let number = number_at(&office.world, ben).unwrap();
    let before = office.world.count(acme, b"d/").unwrap();
    tamper(&mut office, acme, |overlay| {
        let entry = overlay.get(&[b"d/".as_slice(), ana.as_bytes()].concat()).unwrap().unwrap();
        for n in before..limits::MAX_ROSTER {
            let mut id = [0xab; 32];
            id[..8].copy_from_slice(&n.to_be_bytes());
            overlay.put([b"d/".as_slice(), &id].concat(), entry.clone()).unwrap();
        }
    });
    for command in [invite, Command::Approve { number }] {
        let tried = office.world.command(acme, command);
        let full = CommandError::TooMany { what: "devices", limit: limits::MAX_ROSTER };
        assert!(matches!(&tried, Err(SimError::Command(error)) if *error == full), "{tried:?}");
    }
    assert_eq!(office.world.count(acme, b"d/").unwrap(), limits::MAX_ROSTER);
}

#[test]
fn a_device_whose_enrolment_has_ended_is_given_no_threads() {
    let rule = ForwardRule { to: ForwardTo::Role(Role::Agent), lasts: DAY, history: HistoryChoice::All };
    let mut office =
        Office::open(8, Weather::FAIR, 1, Settings { forward_new: Some(rule), ..SETTINGS }).unwrap();
    let (acme, ana) = (office.acme, *office.agents.first().unwrap());
    office.world.pass(5000).unwrap();
    office.world.skip_wall(ENROLMENT_LASTS + 120);
    let thread = office.contact("hello").unwrap();
    office.world.pass(10_000).unwrap();
    assert!(!is_in(&office.world, ana, thread), "nobody is picked");
    let tried = office.ask_forward(acme, thread, ana, (HistoryChoice::All, DAY, false));
    let ended = CommandError::Refused(Reason::GrantExpired);
    assert!(matches!(&tried, Err(SimError::Command(error)) if *error == ended), "{tried:?}");
}

/// What is in stock of a device is of no use once that has lost its keys, and the business knows by its greeting that it has.
#[test]
fn nobody_is_brought_in_by_a_package_of_a_former_life() {
    let mut siege = Siege::lay(HistoryChoice::All, 30 * DAY).unwrap();
    let (acme, ben, thread) = (siege.acme, siege.ben, siege.thread);
    let backup = siege.office.world.copy_of(ben).unwrap();
    let in_stock = move |world: &World| world.count(acme, b"k/").unwrap();
    let before = in_stock(&siege.office.world);
    siege.office.world.restore(ben, backup).unwrap();
    siege.office.world.until("Ben's to be gone", PATIENCE, |world| in_stock(world) < before).unwrap();
    let forwarded = siege.office.forward(thread, ben, HistoryChoice::All, false);
    assert!(matches!(forwarded, Err(SimError::Command(CommandError::Refused(Reason::NoKeyPackage)))));
    siege.office.world.until("new ones", PATIENCE, |world| in_stock(world) == before).unwrap();
    siege.office.forward(thread, ben, HistoryChoice::All, false).unwrap();
    siege.office.world.until("Ben", PATIENCE, |world| is_in(world, ben, thread)).unwrap();
    siege.goes_on().unwrap();
}
