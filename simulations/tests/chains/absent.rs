//! Whom a member that may lead threads names to the steward, and by which right.

use crate::{DAY, chains};
use frontdesk_capability::{ChainBytes, Revocations, Scope};
use frontdesk_engine::{HistoryChoice, Role, limits::MAX_ABSENT};
use frontdesk_identity::{DeviceKeys, DeviceRecord};
use frontdesk_sim::{Fate, Siege, World};
use frontdesk_wire::{Body, EraMember, EraMembers, limits};

#[test]
fn whom_one_that_may_lead_says_to_be_waited_for_and_by_which_right_it_says_so() {
    let mut siege = Siege::lay(HistoryChoice::All, 30 * DAY).unwrap();
    let (acme, thread) = (siege.acme, siege.thread);
    let second = siege.office.enrol("Second", Role::Admin).unwrap();
    siege.settle().unwrap();
    siege.office.forward_for(thread, second, HistoryChoice::All, false, 30 * DAY).unwrap();
    siege.office.world.pass(200_000).unwrap();
    let now = siege.now();
    let mut admin = siege.take_over(second, &[acme]).unwrap();
    let own = admin.chain.clone().unwrap();
    let above = own.clone().verify(&admin.record.principal(), now, &Revocations::new()).unwrap();
    let mut ben = siege.take_over(siege.ben, &[acme]).unwrap();
    let (to, record) = (ben.keys.id(), ben.record.signed().clone());
    let absent = |world: &World| world.count(acme, b"y/").unwrap();
    let names = |chain, by: ChainBytes| {
        let members = vec![EraMember { record: record.clone(), chain: by }];
        Body::EraMembers(EraMembers { thread, era: 0, chain, members, addresses: Vec::new() })
    };
    let rights = chains(&mut admin, &above, now, (to, thread.into()));
    let itself = admin.keys.id();
    for (chain, reason) in chains(&mut admin, &above, now, (itself, Scope::Principal)).bad {
        siege.refuses(&mut admin, acme, &names(chain, rights.good.clone()), reason).unwrap();
    }
    for (by, waited) in rights.bad.into_iter().map(|(chain, _)| (chain, 0)).chain([(rights.good, 1)]) {
        let fate = admin.send(&mut siege.office.world, acme, &names(own.clone(), by)).unwrap();
        assert_eq!((fate, absent(&siege.office.world)), (Fate::Delivered, waited));
    }
    // However many there are that it could name, there is room for so many; each is told once.
    for _ in 0..2 * MAX_ABSENT / limits::MAX_MEMBERS {
        let members = (0..limits::MAX_MEMBERS).map(|_| {
            let keys = DeviceKeys::generate(&mut admin.rng);
            let record = DeviceRecord::sign(&keys, admin.record.principal(), now);
            EraMember { record, chain: chains(&mut admin, &above, now, (keys.id(), thread.into())).good }
        });
        let members = members.collect();
        let (chain, addresses) = (own.clone(), Vec::new());
        let body = Body::EraMembers(EraMembers { thread, era: 0, chain, members, addresses });
        assert_eq!(admin.send(&mut siege.office.world, acme, &body).unwrap(), Fate::Delivered);
    }
    assert_eq!(absent(&siege.office.world), MAX_ABSENT);
    ben.listen(&mut siege.office.world).unwrap();
    assert_eq!(ben.heard(acme).iter().filter(|body| matches!(body, Body::EraNotice(_))).count(), 1);
    siege.goes_on().unwrap();
}
