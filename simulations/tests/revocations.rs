//! Revocations: which are taken in, which are made, when one is forgotten; and what can't be removed or revoked.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use frontdesk_capability::{Revocation, RevocationBytes};
use frontdesk_engine::{
    Answer, Command, CommandError, Event, HistoryChoice, Query, Reply, Role, Settings, Standing, limits,
};
use frontdesk_identity::{DeviceId, GrantId, PrincipalId, SecretSigningKey};
use frontdesk_sim::{
    Adversary, Fate, Founding, NodeId, Siege, SimError, Weather, World,
    office::{Office, PATIENCE, is_in, told, who},
};
use frontdesk_thread::Suite;
use frontdesk_wire::{Body, Reason, Revoked};
use rand_core::Rng as _;

const DAY: u64 = 24 * 3600;
const REVOCATIONS: &[u8] = b"r/";

fn siege() -> Siege {
    Siege::lay(HistoryChoice::All, DAY).unwrap()
}

/// Revocations that are lawfully signed by keys that nobody knows, as many as one body holds.
fn made_up(by: &mut Adversary, principal: PrincipalId, siege: &Siege) -> Body {
    let mut seed = [0; 32];
    by.rng.fill_bytes(&mut seed);
    let key = SecretSigningKey::from_seed(&seed);
    let mut one = |_| {
        let mut target = [0; 16];
        by.rng.fill_bytes(&mut target);
        let made = Revocation::issue(&key, &principal, GrantId::from_bytes(target), siege.now());
        made.unwrap().into_bytes()
    };
    let revocations: Vec<RevocationBytes> =
        (0..frontdesk_wire::limits::MAX_REVOCATIONS).map(&mut one).collect();
    Body::Revoked(Revoked { revocations })
}

fn removed(world: &World, at: NodeId, device: DeviceId) -> bool {
    let Answer::Devices(devices) = world.query(at, &Query::Devices).unwrap() else { panic!("no devices") };
    devices.iter().any(|view| view.device == device && view.removed)
}

#[test]
fn an_agent_that_floods_the_office_with_revocations_is_removed_all_the_same() {
    let mut siege = siege();
    let (acme, ana) = (siege.acme, siege.ana);
    let device = siege.device(ana).unwrap();
    siege.office.world.tape_off();
    let mut rogue = siege.take_over(ana, &[acme]).unwrap();
    let entity = siege.office.entity().unwrap();
    let places = frontdesk_capability::MAX_REVOCATIONS - frontdesk_capability::RESERVED_FOR_ROOTS;
    for _ in 0..places / frontdesk_wire::limits::MAX_REVOCATIONS {
        let flood = made_up(&mut rogue, entity, &siege);
        assert_eq!(rogue.send(&mut siege.office.world, acme, &flood).unwrap(), Fate::Delivered);
    }
    assert_eq!(siege.office.world.count(acme, REVOCATIONS).unwrap(), limits::MAX_BY_STRANGERS);
    siege.office.world.command(acme, Command::RemoveDevice { device }).unwrap();
    assert!(removed(&siege.office.world, acme, device));
    siege.settle().unwrap();
    assert!(removed(&siege.office.world, siege.ben, device), "her colleagues know");
    assert_eq!(who(&siege.office.world, siege.carla, siege.thread).unwrap().members.len(), 2);
    siege.goes_on().unwrap();
}

#[test]
fn a_steward_that_floods_its_customer_takes_no_more_than_a_strangers_places() {
    let mut siege = siege();
    let (acme, carla) = (siege.acme, siege.carla);
    siege.office.world.tape_off();
    let entity = siege.office.entity().unwrap();
    let mut rogue = siege.take_over(acme, &[carla]).unwrap();
    for _ in 0..8 {
        let flood = made_up(&mut rogue, entity, &siege);
        assert_eq!(rogue.send(&mut siege.office.world, carla, &flood).unwrap(), Fate::Delivered);
    }
    assert_eq!(siege.office.world.count(carla, REVOCATIONS).unwrap(), limits::MAX_BY_STRANGERS);
    // One by the steward, whom Carla knows, still finds a place.
    let target = GrantId::from_bytes([7; 16]);
    let own = Revocation::issue(rogue.keys.signing(), &entity, target, siege.now()).unwrap();
    let body = Body::Revoked(Revoked { revocations: vec![own.into_bytes()] });
    assert_eq!(rogue.send(&mut siege.office.world, carla, &body).unwrap(), Fate::Delivered);
    assert_eq!(siege.office.world.count(carla, REVOCATIONS).unwrap(), limits::MAX_BY_STRANGERS + 1);
}

#[test]
fn revocations_are_brought_by_colleagues_and_by_those_who_serve_a_customer() {
    let mut siege = siege();
    let (acme, carla) = (siege.acme, siege.carla);
    let entity = siege.office.entity().unwrap();
    let mut stranger = siege.stranger(&[acme, carla]).unwrap();
    let mut ana = siege.take_over(siege.ana, &[carla]).unwrap();
    let mut ben = siege.take_over(siege.ben, &[carla]).unwrap();
    let body = made_up(&mut ana, entity, &siege);
    siege.refuses(&mut stranger, acme, &body, Reason::GrantMissing).unwrap();
    for by in [&mut stranger, &mut ben] {
        siege.refuses(by, carla, &body, Reason::GrantMissing).unwrap();
    }
    assert_eq!(ana.send(&mut siege.office.world, carla, &body).unwrap(), Fate::Delivered);
    assert!(siege.office.world.count(carla, REVOCATIONS).unwrap() <= limits::MAX_BY_STRANGERS);
    siege.goes_on().unwrap();
    let mut carla = siege.take_over(carla, &[acme]).unwrap();
    siege.refuses(&mut carla, acme, &body, Reason::GrantMissing).unwrap();
}

#[test]
fn a_grant_that_ended_by_itself_is_not_revoked() {
    let mut siege = Siege::lay(HistoryChoice::All, 600).unwrap();
    siege.office.world.pass(620_000).unwrap();
    assert!(!is_in(&siege.office.world, siege.ana, siege.thread));
    let notices = siege.bodies_of(siege.acme).filter_map(|body| {
        let Body::CommitNotice(notice) = body else { return None };
        Some(notice.revocations.len())
    });
    let notices: Vec<usize> = notices.collect();
    assert!(notices.len() >= 2 && notices.iter().all(|count| *count == 0), "{notices:?}");
    assert_eq!(siege.office.world.count(siege.acme, REVOCATIONS).unwrap(), 0);
    siege.goes_on().unwrap();
}

#[test]
fn a_revocation_is_forgotten_when_its_grant_would_be_over_for_a_day() {
    let mut siege = siege();
    let (acme, carla, ana, ben, thread) = (siege.acme, siege.carla, siege.ana, siege.ben, siege.thread);
    let held = |siege: &Siege| [acme, carla].map(|node| siege.office.world.count(node, REVOCATIONS).unwrap());
    let from = siege.device(ana).unwrap();
    siege.office.world.command(acme, Command::Revoke { thread, from }).unwrap();
    siege.settle().unwrap();
    assert_eq!(held(&siege), [1, 1]);
    let revoke_ben = |siege: &mut Siege, expected| {
        siege.office.forward(thread, ben, HistoryChoice::All, false).unwrap();
        let from = siege.device(ben).unwrap();
        siege.office.world.command(acme, Command::Revoke { thread, from }).unwrap();
        siege.settle().unwrap();
        assert_eq!(held(siege), expected);
    };
    siege.office.world.skip_wall(DAY + DAY / 2);
    revoke_ben(&mut siege, [2, 2]);
    siege.office.world.skip_wall(DAY);
    revoke_ben(&mut siege, [2, 2]);
    siege.office.world.crash(acme, 100).unwrap();
    siege.settle().unwrap();
    siege.goes_on().unwrap();
}

#[test]
fn an_administrator_that_does_not_stand_above_a_device_is_told_who_can_remove_it() {
    let mut siege = siege();
    let second = siege.office.enrol("Second", Role::Admin).unwrap();
    siege.settle().unwrap();
    let refused = |siege: &mut Siege, target: NodeId| {
        let device = siege.device(target).unwrap();
        let tried = siege.office.world.command(second, Command::RemoveDevice { device });
        assert!(!removed(&siege.office.world, second, device));
        let Err(SimError::Command(CommandError::EnrolledByAnother { by })) = tried else {
            panic!("{tried:?}")
        };
        by
    };
    let (acme, ana) = (siege.acme, siege.ana);
    let by = refused(&mut siege, ana);
    assert!(by.contains("Acme"), "{by}");
    assert_eq!(refused(&mut siege, acme), "nobody but the recovery phrase");
    assert_eq!(siege.office.world.count(second, REVOCATIONS).unwrap(), 0);
    let Answer::Status(status) = siege.office.world.query(ana, &Query::Status).unwrap() else { panic!() };
    assert_eq!(status.standing, Standing::Agent);
    siege.goes_on().unwrap();
}

#[test]
fn what_can_not_be_removed_or_revoked_is_refused_by_its_own_name() {
    let mut siege = siege();
    let (acme, carla, thread) = (siege.acme, siege.carla, siege.thread);
    let [steward, customer] = [acme, carla].map(|node| siege.device(node).unwrap());
    let mut refused = |node, command| match siege.office.world.command(node, command) {
        Err(SimError::Command(error)) => error,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(acme, Command::RemoveDevice { device: steward }), CommandError::RemoveSelf);
    assert_eq!(refused(acme, Command::Revoke { thread, from: steward }), CommandError::RevokeSteward);
    assert_eq!(refused(acme, Command::Revoke { thread, from: customer }), CommandError::RevokeGuest);
    let (to, history, note) = (None, HistoryChoice::All, String::new());
    let forward = Command::Forward { thread, to, history, lasts: DAY, hand_over: false, note };
    assert_eq!(refused(carla, forward), CommandError::GuestForward);
    siege.goes_on().unwrap();
}

#[test]
fn each_wish_gets_its_own_answer_and_who_is_in_already_is_refused_as_that() {
    let mut siege = siege();
    let (acme, ana, ben, thread) = (siege.acme, siege.ana, siege.ben, siege.thread);
    siege.office.world.part(acme, ana).unwrap();
    // Two wishes at once: the first is done, and so the second can't be.
    let wishes = [(); 2].map(|()| {
        let asked = siege.office.ask_forward(ana, thread, ben, (HistoryChoice::All, DAY, false));
        let Ok(Reply::Asked { request }) = asked else { panic!("{asked:?}") };
        request
    });
    let [first, second] = wishes;
    assert_ne!(first, second);
    siege.office.world.mend(acme, ana);
    let answer = |request, refused| {
        let wanted = Event::ForwardAnswered { thread, request: Some(request), refused };
        move |world: &World| told(world, ana, |event| *event == wanted)
    };
    siege.office.world.until("the first answer", PATIENCE, answer(first, None)).unwrap();
    let refused = answer(second, Some(Reason::AlreadyMember));
    siege.office.world.until("the second answer", PATIENCE, refused).unwrap();
    assert!(!answer(second, None)(&siege.office.world));
}

#[test]
fn a_customer_whose_own_grant_is_over_does_not_keep_an_agent_in() {
    let settings = Settings { suite: Suite::Classic, key_packages: 2, ..Settings::default() };
    let mut world = World::new(33, Weather::FAIR);
    let customer = world.add(Founding::Customer, "Carla", settings).unwrap();
    world.skip_wall(limits::ROOT_GRANT_LASTS - 600);
    let acme = world.add(Founding::Entity, "Acme", settings).unwrap();
    let mut office = Office { world, acme, agents: Vec::new(), customer };
    let ana = office.enrol("Ana", Role::Agent).unwrap();
    let thread = office.contact("hello").unwrap();
    office.forward_for(thread, ana, HistoryChoice::All, false, 1200).unwrap();
    office.world.pass(1_300_000).unwrap();
    let members = who(&office.world, acme, thread).unwrap().members;
    assert_eq!(members.len(), 2, "the steward and the customer");
    assert!(!is_in(&office.world, ana, thread));
}
