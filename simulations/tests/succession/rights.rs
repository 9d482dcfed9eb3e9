//! Who may offer an era, open one, and tell of one.

use crate::{refused, second, siege, view, who_is_in};
use frontdesk_capability::{Revocation, RevocationBytes, Revocations};
use frontdesk_engine::{Command, CommandError, Role, ThreadStatus, limits::MAX_ERAS_AHEAD};
use frontdesk_identity::UnixTime;
use frontdesk_sim::{Adversary, Fate, Siege, World, office::PATIENCE};
use frontdesk_thread::Suite;
use frontdesk_wire::{Body, CommitNotice, EraMembers, EraNotice, EraOffer, EraOpen, Position, Reason};
use serde_bytes::ByteBuf;

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
fn nobody_but_a_member_that_may_lead_tells_the_steward_who_is_to_be_waited_for() {
    let mut siege = siege();
    let (acme, carla, thread) = (siege.acme, siege.carla, siege.thread);
    let second = second(&mut siege);
    let third = siege.office.enrol("Third", Role::Admin).unwrap();
    siege.settle().unwrap();
    let names = |by: &Adversary, era| EraMembers {
        thread,
        era,
        chain: by.chain.clone().unwrap(),
        members: Vec::new(),
        addresses: Vec::new(),
    };
    let mut admin = siege.take_over(second, &[acme, carla]).unwrap();
    let good = names(&admin, 0);
    let mut ana = siege.take_over(siege.ana, &[acme]).unwrap();
    let by_agent = Body::EraMembers(names(&ana, 0));
    siege.refuses(&mut ana, acme, &by_agent, Reason::GrantLacksAbility).unwrap();
    siege.refuses(&mut ana, acme, &Body::EraMembers(good.clone()), Reason::GrantWrongAudience).unwrap();
    // Who leads other threads is no member of this one, and a guest is none of the host's.
    let mut outside = siege.take_over(third, &[acme]).unwrap();
    let from_outside = Body::EraMembers(names(&outside, 0));
    siege.refuses(&mut outside, acme, &from_outside, Reason::NotMember).unwrap();
    siege.refuses(&mut admin, carla, &Body::EraMembers(good.clone()), Reason::NotSteward).unwrap();
    let later = EraMembers { era: 1, ..good.clone() };
    siege.refuses(&mut admin, acme, &Body::EraMembers(later), Reason::UnknownThread).unwrap();
    let fate = admin.send(&mut siege.office.world, acme, &Body::EraMembers(good.clone())).unwrap();
    assert_eq!(fate, Fate::Delivered);
    siege.goes_on().unwrap();
    let mut guest = siege.take_over(carla, &[acme]).unwrap();
    siege.refuses(&mut guest, acme, &Body::EraMembers(good), Reason::NotMember).unwrap();
}

/// Of a commit of an era that is over the revocations count, as far as who signed them may end what they name.
#[test]
fn a_notice_of_an_era_that_is_over_brings_nothing_but_revocations_by_those_who_may() {
    let mut siege = siege();
    let (acme, carla, thread) = (siege.acme, siege.carla, siege.thread);
    let second = second(&mut siege);
    siege.office.world.command(second, Command::TakeOver { thread }).unwrap();
    let all = [second, carla, siege.ana, acme];
    let all_in = |world: &World| who_is_in(world, thread, &all);
    siege
        .office
        .world
        .until("the era", PATIENCE, |world| {
            all_in(world)
                && all.iter().all(|node| frontdesk_sim::office::era(world, *node, thread) == Some(1))
        })
        .unwrap();
    siege.settle().unwrap();
    let entity = siege.office.entity().unwrap();
    let of_second = siege.office.world.node(second).unwrap().engine().unwrap().own_grant().unwrap().clone();
    let of_second = of_second.verify(&entity, siege.now(), &Revocations::new()).unwrap();
    let notice = |revocations: Vec<RevocationBytes>| {
        Body::CommitNotice(CommitNotice {
            thread,
            era: 0,
            commit: ByteBuf::from(vec![1; 300]),
            revocations,
            addresses: Vec::new(),
            departed: Vec::new(),
        })
    };
    let mut ana = siege.take_over(siege.ana, &[carla, second]).unwrap();
    let mut stranger = siege.stranger(&[carla, second]).unwrap();
    let hers = Revocation::issue(ana.keys.signing(), &entity, of_second.leaf().id, siege.now());
    let hers = hers.unwrap().into_bytes();
    let mut spoilt = hers.as_slice().to_vec();
    *spoilt.last_mut().unwrap() ^= 1;
    for victim in [carla, second] {
        siege.refuses(&mut ana, victim, &notice(Vec::new()), Reason::PastEra).unwrap();
        siege.refuses(&mut stranger, victim, &notice(vec![hers.clone()]), Reason::PastEra).unwrap();
        let rubbish = notice(vec![RevocationBytes::new(vec![0x80])]);
        siege.refuses(&mut ana, victim, &rubbish, Reason::GrantMalformed).unwrap();
        let forged = notice(vec![RevocationBytes::new(spoilt.clone())]);
        siege.refuses(&mut ana, victim, &forged, Reason::GrantForged).unwrap();
        // Signed as it should be, by one that doesn't stand above that grant.
        let fate = ana.send(&mut siege.office.world, victim, &notice(vec![hers.clone()])).unwrap();
        assert_eq!(fate, Fate::Delivered);
    }
    siege.office.world.pass(60_000).unwrap();
    for node in [second, carla, acme] {
        assert_eq!(view(&siege, node).steward, Some(siege.device(second).unwrap()), "{node:?}");
        let who = frontdesk_sim::office::who(&siege.office.world, node, thread).unwrap();
        assert_eq!(who.members.len(), all.len(), "{node:?}: nobody is out for that");
    }
    siege.goes_on().unwrap();
}
