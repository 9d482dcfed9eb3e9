//! Each message is checked, by its receiver, against the grant it is sent under.

use crate::cast::{DAY, Pair, START, says};
use frontdesk_capability::{Abilities, Ability, Chain, Refusal, Terms};
use frontdesk_thread::{
    AdmissionRefusal, ChangeRefusal, ChangeRequest, OpenRefusal, Opened, SealError, Speaker, Suite,
    WriterRefusal,
};

fn refused(outcome: Result<Opened, OpenRefusal>) -> WriterRefusal {
    match outcome {
        Err(OpenRefusal::SenderNotAllowed { refusal, .. }) => refusal,
        other => panic!("the sender should not be allowed: {other:?}"),
    }
}

#[test]
fn an_expired_agent_is_muted_and_a_renewed_one_heard() {
    let mut pair = Pair::found(Suite::Classic, true);
    let mut ana = pair.forward();
    let early = ana.seal(&pair.world, b"in time").unwrap();
    pair.world.pass(DAY + 61);
    let expired = Refusal::Expired { link: 1 };
    let sealed = ana.seal(&pair.world, b"too late");
    assert!(
        matches!(sealed, Err(SealError::NotAllowed(WriterRefusal::Grant(refusal))) if refusal == expired)
    );
    assert_eq!(refused(pair.carla.open(&pair.world, &early)), WriterRefusal::Grant(expired));
    // The others go on, commits included: that a member has expired stops nobody else.
    says(&pair.world, b"still here", &mut pair.admin, &mut [&mut pair.carla, &mut ana]);
    let mut ben = pair.world.agent();
    let fresh = Terms { expires: pair.world.now.get().plus(DAY), ..pair.world.agent_terms(ben.id()) };
    let chain = pair.world.delegated(&pair.admin.device, fresh).into_bytes();
    let package = ben.key_package(&pair.world, Suite::Classic);
    let request = ChangeRequest { add: vec![(package, chain)], ..ChangeRequest::default() };
    let committed = pair.admin.change(&pair.world, request).unwrap();
    for node in [&mut pair.carla, &mut ana] {
        node.follow(&pair.world, &committed.commit).unwrap();
    }
    ben.join(&pair.world, &committed.welcome.unwrap(), frontdesk_thread::Role::Member).unwrap();
    let renewed = Terms { audience: ana.id(), ..fresh };
    let chain = pair.world.delegated(&pair.admin.device, renewed).into_bytes();
    let request = ChangeRequest { regrant: vec![(ana.id(), chain)], ..ChangeRequest::default() };
    let committed = pair.admin.change(&pair.world, request).unwrap();
    for node in [&mut pair.carla, &mut ana, &mut ben] {
        node.follow(&pair.world, &committed.commit).unwrap();
    }
    says(&pair.world, b"renewed", &mut ana, &mut [&mut pair.carla, &mut pair.admin, &mut ben]);
}

#[test]
fn a_revoked_agent_is_muted_at_once() {
    let mut pair = Pair::found(Suite::Classic, false);
    let mut ana = pair.forward();
    let sealed = ana.seal(&pair.world, b"on its way").unwrap();
    let chain = ana.thread.as_ref().unwrap().member(&ana.id()).unwrap().chain.clone();
    pair.world.revoke(&pair.admin.device, &chain);
    let revoked = WriterRefusal::Grant(Refusal::Revoked { link: 1 });
    assert_eq!(refused(pair.carla.open(&pair.world, &sealed)), revoked);
    let thread = pair.carla.thread.as_ref().unwrap();
    let revocations = pair.world.revocations.borrow();
    assert_eq!(thread.check_writer(&ana.id(), pair.world.now.get(), &revocations), Err(revoked));
}

#[test]
fn an_agent_without_write_reads_alone() {
    let mut pair = Pair::found(Suite::Classic, false);
    let mut ana = pair.world.agent();
    let terms = Terms { abilities: Abilities::from([Ability::Read]), ..pair.world.agent_terms(ana.id()) };
    let chain = pair.world.delegated(&pair.admin.device, terms).into_bytes();
    let package = ana.key_package(&pair.world, Suite::Classic);
    let request = ChangeRequest { add: vec![(package, chain)], ..ChangeRequest::default() };
    let committed = pair.admin.change(&pair.world, request).unwrap();
    pair.carla.follow(&pair.world, &committed.commit).unwrap();
    ana.join(&pair.world, &committed.welcome.unwrap(), frontdesk_thread::Role::Member).unwrap();
    says(&pair.world, b"listen", &mut pair.carla, &mut [&mut pair.admin, &mut ana]);
    let missing = WriterRefusal::Grant(Refusal::AbilityMissing(Ability::Write));
    assert!(
        matches!(ana.seal(&pair.world, b"hm"), Err(SealError::NotAllowed(refusal)) if refusal == missing)
    );
}

#[test]
fn only_the_speaker_of_the_host_has_the_word_and_the_guest_always() {
    let mut pair = Pair::found(Suite::Classic, true);
    let mut ana = pair.forward();
    let before = pair.admin.seal(&pair.world, b"sent before the lock").unwrap();
    let request = ChangeRequest { speaker: Speaker::Only(ana.id()), ..ChangeRequest::default() };
    let committed = pair.admin.change(&pair.world, request).unwrap();
    for node in [&mut pair.carla, &mut ana] {
        node.follow(&pair.world, &committed.commit).unwrap();
    }
    says(&pair.world, b"mine", &mut ana, &mut [&mut pair.carla, &mut pair.admin]);
    says(&pair.world, b"and mine", &mut pair.carla, &mut [&mut pair.admin, &mut ana]);
    let locked = WriterRefusal::SpeakerLocked { speaker: ana.id() };
    let sealed = pair.admin.seal(&pair.world, b"let me");
    assert!(matches!(sealed, Err(SealError::NotAllowed(refusal)) if refusal == locked));
    assert!(matches!(pair.carla.open(&pair.world, &before), Ok(Opened { .. })));
    let request = ChangeRequest { remove: vec![ana.id()], ..ChangeRequest::default() };
    let committed = pair.admin.change(&pair.world, request).unwrap();
    pair.carla.follow(&pair.world, &committed.commit).unwrap();
    assert_eq!(pair.carla.state().speaker, None);
    says(&pair.world, b"free again", &mut pair.admin, &mut [&mut pair.carla]);
}

#[test]
fn a_last_word_that_the_removal_overtook_is_heard_and_marked_until_it_is_revoked_or_old() {
    for forgetful in [false, true] {
        let mut pair = Pair::found(Suite::Classic, forgetful);
        let mut ana = pair.forward();
        let chain = ana.thread.as_ref().unwrap().member(&ana.id()).unwrap().chain.clone();
        let words: Vec<_> = (0..4).map(|_| ana.seal(&pair.world, b"goodbye").unwrap()).collect();
        let request = ChangeRequest { remove: vec![ana.id()], ..ChangeRequest::default() };
        let committed = pair.admin.change(&pair.world, request).unwrap();
        pair.carla.follow(&pair.world, &committed.commit).unwrap();
        let opened = pair.carla.open(&pair.world, &words[0]).unwrap();
        let heard = |revoked| Opened {
            sender: ana.id(),
            epoch: 2,
            departed: true,
            revoked,
            plaintext: b"goodbye".to_vec(),
        };
        assert_eq!(opened, heard(None));
        pair.world.revoke(&pair.admin.device, &chain);
        let opened = pair.carla.open(&pair.world, &words[1]).unwrap();
        assert_eq!(opened, heard(Some(Refusal::Revoked { link: 1 })));
        for _ in 0..5 {
            let committed = pair.admin.change(&pair.world, ChangeRequest::default()).unwrap();
            pair.carla.follow(&pair.world, &committed.commit).unwrap();
        }
        assert!(matches!(pair.carla.open(&pair.world, &words[2]), Err(OpenRefusal::PastEpoch { epoch: 2 })));
    }
}

#[test]
fn a_steward_whose_right_has_ended_changes_nothing() {
    type Ends = fn(&Pair);
    let expires: Ends = |pair| pair.world.pass(366 * DAY);
    let revoked: Ends = |pair| {
        let chain = pair.admin.thread.as_ref().unwrap().member(&pair.admin.id()).unwrap().chain.clone();
        pair.world.revoke_by_root(&chain);
    };
    for (ends, refusal) in [(expires, Refusal::Expired { link: 0 }), (revoked, Refusal::Revoked { link: 0 })]
    {
        let mut pair = Pair::found(Suite::Classic, false);
        let ana = pair.forward();
        let request = ChangeRequest { remove: vec![ana.id()], ..ChangeRequest::default() };
        let before = pair.carla.state();
        let sent = pair.admin.change(&pair.world, request).unwrap().commit;
        ends(&pair);
        let expected = AdmissionRefusal::StewardNotEntitled(refusal);
        let own = pair.admin.change(&pair.world, ChangeRequest::default());
        assert!(matches!(own, Err(ChangeRefusal::Admission(found)) if found == expected), "{own:?}");
        let at_carla = pair.carla.follow(&pair.world, &sent);
        assert!(
            matches!(at_carla, Err(OpenRefusal::Admission { refusal: found, .. }) if found == expected),
            "{at_carla:?}"
        );
        assert_eq!(pair.carla.state(), before);
    }
}

/// Who was off while somebody came and went follows all the same: the commits are in force for the others.
#[test]
fn a_commit_that_comes_when_the_grant_that_it_gives_has_ended_is_followed_and_its_holder_mute() {
    type Ends = fn(&Pair, &Chain);
    let expires: Ends = |pair, _| pair.world.pass(DAY + 61);
    let revoked: Ends = |pair, chain| pair.world.revoke(&pair.admin.device, chain);
    let slow: Ends = |pair, _| pair.world.now.set(START);
    for (ends, refusal) in [
        (expires, Refusal::Expired { link: 1 }),
        (revoked, Refusal::Revoked { link: 1 }),
        (slow, Refusal::NotYetValid { link: 1 }),
    ] {
        let mut pair = Pair::found(Suite::Classic, false);
        pair.world.pass(120);
        let mut ana = pair.world.agent();
        let (now, terms) = (pair.world.now.get(), pair.world.agent_terms(ana.id()));
        let terms = Terms { not_before: now, ..terms };
        let chain = pair.world.delegated(&pair.admin.device, terms);
        let package = ana.key_package(&pair.world, Suite::Classic);
        let add = vec![(package, chain.bytes().clone())];
        let added =
            pair.admin.change(&pair.world, ChangeRequest { add, ..ChangeRequest::default() }).unwrap();
        ana.join(&pair.world, &added.welcome.unwrap(), frontdesk_thread::Role::Member).unwrap();
        let words = ana.seal(&pair.world, b"hello").unwrap();
        let request = ChangeRequest { remove: vec![ana.id()], ..ChangeRequest::default() };
        let removed = pair.admin.change(&pair.world, request).unwrap();
        ends(&pair, &chain);
        pair.carla.follow(&pair.world, &added.commit).unwrap();
        let (revocations, at) = (pair.world.revocations.borrow().clone(), pair.world.now.get());
        let carla = pair.carla.thread.as_ref().unwrap();
        assert_eq!(carla.check_writer(&ana.id(), at, &revocations), Err(WriterRefusal::Grant(refusal)));
        assert_eq!(refused(pair.carla.open(&pair.world, &words)), WriterRefusal::Grant(refusal));
        pair.carla.follow(&pair.world, &removed.commit).unwrap();
        says(&pair.world, b"here again", &mut pair.carla, &mut [&mut pair.admin]);
        // Nobody makes such a commit.
        pair.world.now.set(at);
        let mut ben = pair.world.agent();
        let terms = Terms { audience: ben.id(), ..terms };
        let ended = pair.world.delegated(&pair.admin.device, terms);
        ends(&pair, &ended);
        let add = vec![(ben.key_package(&pair.world, Suite::Classic), ended.into_bytes())];
        let own = pair.admin.change(&pair.world, ChangeRequest { add, ..ChangeRequest::default() });
        let expected = AdmissionRefusal::Grant { device: ben.id(), refusal };
        assert!(matches!(&own, Err(ChangeRefusal::Admission(found)) if *found == expected), "{own:?}");
    }
}
