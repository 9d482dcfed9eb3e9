//! Changing who is in a thread: what the steward may do, what it may not, and who may at all.

use crate::cast::{DAY, Node, Pair, admin_terms, founding, says};
use frontdesk_capability::{Abilities, Ability, Chain, ChainBytes, Refusal, Terms};
use frontdesk_thread::{
    AdmissionRefusal, ChangeRefusal, ChangeRequest, CreateError, Expected, JoinRefusal, KeyPackageBytes,
    KeyPackageRefusal, Role, Speaker, Suite, WelcomeBytes, delete_key_package, new_key_package,
};

fn refused(pair: &mut Pair, request: ChangeRequest) -> ChangeRefusal {
    let before = (pair.admin.entries(), pair.admin.state());
    let refusal = pair.admin.change(&pair.world, request).unwrap_err();
    assert_eq!((pair.admin.entries(), pair.admin.state()), before);
    says(&pair.world, b"no harm done", &mut pair.admin, &mut [&mut pair.carla]);
    refusal
}

#[test]
fn the_steward_is_refused_what_the_members_would_refuse() {
    let mut pair = Pair::found(Suite::Classic, false);
    let ana = pair.forward();
    let (carla, admin, stranger) = (pair.carla.id(), pair.admin.id(), pair.world.agent().id());
    let request = ChangeRequest::default;
    let remove = |device| ChangeRequest { remove: vec![device], ..request() };
    let guest = refused(&mut pair, remove(carla));
    assert!(matches!(guest, ChangeRefusal::Admission(AdmissionRefusal::GuestRemoved(id)) if id == carla));
    assert!(matches!(refused(&mut pair, remove(admin)), ChangeRefusal::CannotRemoveSelf));
    assert!(matches!(refused(&mut pair, remove(stranger)), ChangeRefusal::NotAMember(_)));
    let to_ana = ChangeRequest { steward: Some(ana.id()), ..request() };
    let to_ana = refused(&mut pair, to_ana);
    assert!(matches!(to_ana, ChangeRefusal::Admission(AdmissionRefusal::StewardNotEntitled(_))));
    let speaker = ChangeRequest { speaker: Speaker::Only(stranger), ..request() };
    assert!(matches!(refused(&mut pair, speaker), ChangeRefusal::NotAMember(_)));
    let regrant = ChangeRequest { regrant: vec![(ana.id(), ChainBytes::new(vec![1]))], ..request() };
    let regrant = refused(&mut pair, regrant);
    let malformed = AdmissionRefusal::Grant { device: ana.id(), refusal: Refusal::Malformed };
    assert!(matches!(regrant, ChangeRefusal::Admission(refusal) if refusal == malformed));
    let mut ana = ana;
    let again = pair.adding(&mut ana);
    assert!(matches!(refused(&mut pair, again), ChangeRefusal::AlreadyMember(_)));
}

#[test]
fn only_the_steward_changes_the_membership() {
    let mut pair = Pair::found(Suite::Classic, false);
    let mut ana = pair.forward();
    for node in [&mut pair.carla, &mut ana] {
        let refusal = node.change(&pair.world, ChangeRequest::default()).unwrap_err();
        assert!(matches!(refusal, ChangeRefusal::NotSteward));
    }
}

#[test]
fn a_key_package_of_another_suite_is_not_added() {
    let mut pair = Pair::found(Suite::Classic, false);
    let mut ana = pair.world.agent();
    let package = ana.key_package(&pair.world, Suite::Hybrid);
    let chain = pair.world.agent_chain(&pair.admin.device, ana.id()).into_bytes();
    let request = ChangeRequest { add: vec![(package, chain)], ..ChangeRequest::default() };
    assert!(matches!(refused(&mut pair, request), ChangeRefusal::WrongSuite(id) if id == ana.id()));
}

#[test]
fn the_stewardship_passes_to_a_deputy_with_a_higher_term() {
    let mut pair = Pair::found(Suite::Classic, true);
    let mut deputy = pair.world.agent();
    let package = deputy.key_package(&pair.world, Suite::Classic);
    let chain = pair.world.admin_chain(deputy.id()).into_bytes();
    let request = ChangeRequest { add: vec![(package, chain)], ..ChangeRequest::default() };
    let committed = pair.admin.change(&pair.world, request).unwrap();
    pair.carla.follow(&pair.world, &committed.commit).unwrap();
    deputy.join(&pair.world, &committed.welcome.unwrap(), Role::Member).unwrap();
    let request = ChangeRequest { steward: Some(deputy.id()), ..ChangeRequest::default() };
    let committed = pair.admin.change(&pair.world, request).unwrap();
    for node in [&mut pair.carla, &mut deputy] {
        node.follow(&pair.world, &committed.commit).unwrap();
    }
    assert_eq!((pair.carla.state().steward, pair.carla.state().term), (deputy.id(), 1));
    let request = ChangeRequest { remove: vec![pair.admin.id()], ..ChangeRequest::default() };
    let committed = deputy.change(&pair.world, request).unwrap();
    pair.carla.follow(&pair.world, &committed.commit).unwrap();
    assert!(matches!(pair.admin.follow(&pair.world, &committed.commit), Ok(c) if c.removed_me));
    says(&pair.world, b"the deputy is here", &mut deputy, &mut [&mut pair.carla]);
}

#[test]
fn a_default_agent_with_monitor_is_let_in_by_its_standing_right() {
    let mut pair = Pair::found(Suite::Classic, false);
    let mut bot = pair.world.agent();
    let package = bot.key_package(&pair.world, Suite::Classic);
    let abilities = Abilities::from([Ability::Monitor, Ability::Read, Ability::Write]);
    let terms = Terms { abilities, depth: 0, ..admin_terms(bot.id()) };
    let chain = Chain::issue_root(&pair.world.acme, terms, &mut pair.world.rng()).unwrap().into_bytes();
    let request = ChangeRequest { add: vec![(package, chain)], ..ChangeRequest::default() };
    let committed = pair.admin.change(&pair.world, request).unwrap();
    pair.carla.follow(&pair.world, &committed.commit).unwrap();
    bot.join(&pair.world, &committed.welcome.unwrap(), Role::Member).unwrap();
    says(&pair.world, b"may I help?", &mut bot, &mut [&mut pair.carla, &mut pair.admin]);
}

#[test]
fn a_member_that_lost_its_state_is_added_again_in_one_commit() {
    let mut pair = Pair::found(Suite::Classic, false);
    let ana = pair.forward();
    let mut again = Node::new(ana.device);
    let request = ChangeRequest { remove: vec![again.id()], ..pair.adding(&mut again) };
    let committed = pair.admin.change(&pair.world, request).unwrap();
    assert_eq!((committed.change.added.clone(), committed.change.removed.len()), (vec![again.id()], 0));
    pair.carla.follow(&pair.world, &committed.commit).unwrap();
    again.join(&pair.world, &committed.welcome.unwrap(), Role::Member).unwrap();
    says(&pair.world, b"back again", &mut again, &mut [&mut pair.carla, &mut pair.admin]);
}

#[test]
fn a_second_device_of_the_guest_is_let_in_by_the_guests_own_grant() {
    let mut pair = Pair::found(Suite::Classic, false);
    let mut phone = pair.world.customer();
    let package = phone.key_package(&pair.world, Suite::Classic);
    let chain = pair.world.guest_chain(phone.id());
    let request = ChangeRequest { add: vec![(package, chain)], ..ChangeRequest::default() };
    let committed = pair.admin.change(&pair.world, request).unwrap();
    pair.carla.follow(&pair.world, &committed.commit).unwrap();
    phone.join(&pair.world, &committed.welcome.unwrap(), Role::Member).unwrap();
    says(&pair.world, b"from my phone", &mut phone, &mut [&mut pair.carla, &mut pair.admin]);
}

#[test]
fn a_founding_with_a_chain_that_does_not_hold_writes_nothing() {
    let mut pair = Pair::found(Suite::Classic, false);
    let world = &pair.world;
    let mut carla = world.customer();
    let package = pair.admin.key_package(world, Suite::Classic);
    let good = founding(world, carla.id(), package);
    let agent = world.agent_chain(&pair.admin.device, pair.admin.id()).into_bytes();
    let unentitled = frontdesk_thread::Founding { steward_chain: agent, ..good.clone() };
    let refusal = carla.found(world, unentitled).unwrap_err();
    assert!(matches!(refusal, CreateError::Admission(AdmissionRefusal::StewardNotEntitled(_))));
    let foreign =
        frontdesk_thread::Founding { guest_chain: world.guest_chain(pair.admin.id()), ..good.clone() };
    let refusal = carla.found(world, foreign).unwrap_err();
    let wrong = Refusal::WrongAudience;
    assert!(
        matches!(refusal, CreateError::Admission(AdmissionRefusal::Grant { refusal, .. }) if refusal == wrong)
    );
    let suite = frontdesk_thread::Founding { suite: Suite::Hybrid, ..good.clone() };
    assert!(matches!(carla.found(world, suite), Err(CreateError::WrongSuite)));
    assert_eq!(carla.entries(), []);
    carla.found(world, good.clone()).unwrap();
    assert!(matches!(carla.found(world, good), Err(CreateError::Exists)));
}

#[test]
fn a_welcome_is_used_once_and_only_for_what_was_expected() {
    let world = &crate::cast::World::new();
    let (mut carla, mut admin) = (world.customer(), world.agent());
    let package = admin.key_package(world, Suite::Classic);
    let welcome = carla.found(world, founding(world, carla.id(), package)).unwrap();
    let before = admin.entries();
    let expected = world.expected(Role::Steward);
    let era = Expected { era: 1, ..expected };
    assert!(matches!(admin.join_as(world, &welcome, &era), Err(JoinRefusal::WrongThread)));
    let host = Expected { host: world.guest(), ..expected };
    assert!(matches!(admin.join_as(world, &welcome, &host), Err(JoinRefusal::WrongHost)));
    let term = Expected { min_term: 1, ..expected };
    assert!(matches!(admin.join_as(world, &welcome, &term), Err(JoinRefusal::OldTerm { found: 0 })));
    let member = world.expected(Role::Member);
    let refusal = admin.join_as(world, &welcome, &member).unwrap_err();
    assert!(matches!(refusal, JoinRefusal::Admission(AdmissionRefusal::NotSteward(id)) if id == carla.id()));
    assert_eq!(admin.entries(), before, "the key package is still there");
    let mut other = world.agent();
    assert!(matches!(other.join(world, &welcome, Role::Steward), Err(JoinRefusal::NotForMe)));
    let garbage = WelcomeBytes::new(b"garbage".to_vec());
    assert!(matches!(admin.join(world, &garbage, Role::Steward), Err(JoinRefusal::Malformed)));
    admin.join(world, &welcome, Role::Steward).unwrap();
    assert!(matches!(admin.join(world, &welcome, Role::Steward), Err(JoinRefusal::AlreadyJoined)));
    says(world, b"hello", &mut carla, &mut [&mut admin]);
}

#[test]
fn a_deleted_key_package_opens_no_welcome_and_a_last_resort_one_stays() {
    let world = &crate::cast::World::new();
    let (mut carla, mut admin) = (world.customer(), world.agent());
    let bytes = admin.step(world, |ctx, _| new_key_package(ctx, Suite::Classic, true)).unwrap();
    let package = bytes.verify(&world.mls).unwrap();
    assert!(package.last_resort());
    let welcome = carla.found(world, founding(world, carla.id(), package)).unwrap();
    admin.join(world, &welcome, Role::Steward).unwrap();
    admin.step(world, |ctx, thread| thread.take().unwrap().delete(ctx)).unwrap();
    admin.join(world, &welcome, Role::Steward).unwrap();
    admin.step(world, |ctx, thread| thread.take().unwrap().delete(ctx)).unwrap();
    admin.step(world, |ctx, _| delete_key_package(ctx, &bytes)).unwrap();
    assert!(matches!(admin.join(world, &welcome, Role::Steward), Err(JoinRefusal::NotForMe)));
    assert_eq!(admin.entries(), []);
}

#[test]
fn a_key_package_is_refused_for_each_of_its_faults() {
    let world = &crate::cast::World::new();
    let mut ana = world.agent();
    let bytes = ana.step(world, |ctx, _| new_key_package(ctx, Suite::Classic, false)).unwrap();
    let verify = |bytes: Vec<u8>| KeyPackageBytes::new(bytes).verify(&world.mls).unwrap_err();
    assert_eq!(verify(vec![0; 9000]), KeyPackageRefusal::TooLong { len: 9000 });
    assert_eq!(verify(vec![0; 90]), KeyPackageRefusal::Malformed);
    let mut trailing = bytes.as_slice().to_vec();
    trailing.push(0);
    assert_eq!(verify(trailing), KeyPackageRefusal::Malformed);
    let mut flipped = bytes.as_slice().to_vec();
    *flipped.last_mut().unwrap() ^= 1;
    assert_eq!(verify(flipped), KeyPackageRefusal::Invalid);
    let package = bytes.verify(&world.mls).unwrap();
    assert_eq!((package.device_id(), package.suite()), (ana.id(), Suite::Classic));
}

#[test]
fn a_thread_joined_long_after_its_guests_grant_ended_still_verifies_it() {
    let mut pair = Pair::found(Suite::Classic, true);
    let mut ana = pair.forward();
    pair.world.pass(3 * DAY);
    let mut ben = pair.world.agent();
    let fresh = Terms { expires: pair.world.now.get().plus(DAY), ..pair.world.agent_terms(ben.id()) };
    let chain = pair.world.delegated(&pair.admin.device, fresh).into_bytes();
    let package = ben.key_package(&pair.world, Suite::Classic);
    let request = ChangeRequest { add: vec![(package, chain)], ..ChangeRequest::default() };
    let committed = pair.admin.change(&pair.world, request).unwrap();
    pair.carla.follow(&pair.world, &committed.commit).unwrap();
    ana.follow(&pair.world, &committed.commit).unwrap();
    ben.join(&pair.world, &committed.welcome.unwrap(), Role::Member).unwrap();
    assert_eq!(ben.thread.as_ref().unwrap().members().len(), 4);
}
