//! Attacks by Welcome: into what an honest agent may be lured, and by whom. After each it can still be added by the
//! true steward, with the same key package.

use crate::{
    cast::{DAY, Node, admin_terms},
    raw::{Raw, RawCommit, Siege, extensions, forge, insert, rename},
};
use frontdesk_capability::{Chain, ChainBytes, Refusal, Terms};
use frontdesk_identity::{PrincipalId, SecretSigningKey};
use frontdesk_thread::{
    AdmissionRefusal as A, Expected, JoinRefusal as J, Role, StateError, Suite, Thread, ThreadState,
    WelcomeBytes, new_key_package,
};
use openmls::prelude::{
    DeserializeBytes as _, KeyPackage, KeyPackageIn, MlsGroup, MlsGroupCreateConfig, OpenMlsProvider as _,
    ProtocolVersion,
};
use openmls_rust_crypto::OpenMlsRustCrypto;

struct Lure {
    siege: Siege,
    ben: Node,
    package: KeyPackage,
}

type Attack = fn(&mut Lure) -> WelcomeBytes;
type Refused = fn(&Lure, &J) -> bool;

impl Lure {
    fn set() -> Self {
        let siege = Siege::lay();
        let mut ben = siege.world.agent();
        let bytes = ben.step(&siege.world, |ctx, _| new_key_package(ctx, Suite::Classic, false)).unwrap();
        let package = KeyPackageIn::tls_deserialize_exact_bytes(bytes.as_slice()).unwrap();
        let package =
            package.validate(OpenMlsRustCrypto::default().crypto(), ProtocolVersion::Mls10).unwrap();
        Self { siege, ben, package }
    }

    fn chain(&self) -> ChainBytes {
        self.siege.world.agent_chain(&self.siege.admin.device, self.ben.id()).into_bytes()
    }

    fn state(&self) -> ThreadState {
        let mut state = self.siege.carla.state();
        insert(&mut state, self.ben.id(), self.chain());
        state
    }

    fn welcome(&mut self, by: fn(&mut Siege) -> &mut Raw, state: Option<Vec<u8>>) -> WelcomeBytes {
        let commit = RawCommit {
            add: vec![self.package.clone()],
            extensions: Some(extensions(state)),
            ..RawCommit::default()
        };
        by(&mut self.siege).commit(commit).1.unwrap()
    }

    /// A group of the steward's own making, in which it is alone with Ben.
    fn fresh_group(&mut self, id: &openmls::group::GroupId, state: Vec<u8>) -> WelcomeBytes {
        let admin = &mut self.siege.admin;
        let config = MlsGroupCreateConfig::builder()
            .ciphersuite(crate::raw::mls_suite())
            .capabilities(crate::raw::capabilities())
            .lifetime(crate::raw::lifetime())
            .with_group_context_extensions(extensions(Some(state)))
            .wire_format_policy(openmls::group::PURE_CIPHERTEXT_WIRE_FORMAT_POLICY)
            .use_ratchet_tree_extension(true)
            .build();
        let mut other = Raw::new(self.siege.world.device(self.siege.world.host()));
        std::mem::swap(&mut other.device, &mut admin.device);
        let signer = crate::raw::RawSigner(&other.device.keys);
        let group =
            MlsGroup::new_with_group_id(&other.provider, &signer, &config, id.clone(), other.credential())
                .unwrap();
        other.group = Some(group);
        let commit = RawCommit { add: vec![self.package.clone()], ..RawCommit::default() };
        let welcome = other.commit(commit).1.unwrap();
        std::mem::swap(&mut other.device, &mut admin.device);
        welcome
    }

    fn group_id(&self) -> openmls::group::GroupId {
        self.siege.admin.group.as_ref().unwrap().group_id().clone()
    }
}

fn steward(siege: &mut Siege) -> &mut Raw {
    &mut siege.admin
}

fn agent(siege: &mut Siege) -> &mut Raw {
    &mut siege.ana
}

fn grant(refusal: &J) -> Option<Refusal> {
    match refusal {
        J::Admission(A::Grant { refusal, .. }) => Some(*refusal),
        _ => None,
    }
}

#[rustfmt::skip]
const MATRIX: &[(&str, Attack, Refused)] = &[
    ("signed by a member who is not the steward", |lure| {
        let state = forge(&lure.state());
        lure.welcome(agent, Some(state))
    }, |lure, r| matches!(r, J::Admission(A::NotSteward(id)) if *id == lure.siege.ana.id())),

    ("without a grant for the one it is for", |lure| {
        let state = forge(&lure.siege.carla.state());
        lure.welcome(steward, Some(state))
    }, |lure, r| matches!(r, J::Admission(A::LeafWithoutGrant(id)) if *id == lure.ben.id())),

    ("without any state", |lure| lure.welcome(steward, None), |_, r| matches!(r, J::Admission(A::NotAThread))),

    ("with a grant of another member missing", |lure| {
        let mut state = lure.state();
        let ana = lure.siege.ana.id();
        state.members.retain(|(id, _)| *id != ana);
        lure.welcome(steward, Some(forge(&state)))
    }, |lure, r| matches!(r, J::Admission(A::LeafWithoutGrant(id)) if *id == lure.siege.ana.id())),

    ("with a forged grant of another member", |lure| {
        let mut state = lure.state();
        let ana = lure.siege.ana.id();
        let chain = &mut state.members.iter_mut().find(|(id, _)| *id == ana).unwrap().1;
        let mut bytes = chain.as_slice().to_vec();
        *bytes.last_mut().unwrap() ^= 1;
        *chain = ChainBytes::new(bytes);
        lure.welcome(steward, Some(forge(&state)))
    }, |_, r| matches!(grant(r), Some(Refusal::BadSignature { link: 1 }))),

    ("with a forged grant of another member that has expired besides", |lure| {
        let mut state = lure.state();
        let ana = lure.siege.ana.id();
        let chain = &mut state.members.iter_mut().find(|(id, _)| *id == ana).unwrap().1;
        let mut bytes = chain.as_slice().to_vec();
        *bytes.last_mut().unwrap() ^= 1;
        *chain = ChainBytes::new(bytes);
        lure.siege.world.pass(2 * DAY);
        let now = lure.siege.world.now.get();
        let terms = Terms { expires: now.plus(DAY), ..lure.siege.world.agent_terms(lure.ben.id()) };
        let fresh = lure.siege.world.delegated(&lure.siege.admin.device, terms).into_bytes();
        let ben = lure.ben.id();
        state.members.iter_mut().find(|(id, _)| *id == ben).unwrap().1 = fresh;
        lure.welcome(steward, Some(forge(&state)))
    }, |_, r| matches!(grant(r), Some(Refusal::BadSignature { link: 1 }))),

    ("by an expired grant", |lure| {
        let state = forge(&lure.state());
        lure.siege.world.pass(2 * DAY);
        lure.welcome(steward, Some(state))
    }, |_, r| matches!(grant(r), Some(Refusal::Expired { link: 1 }))),

    ("by a revoked grant", |lure| {
        let chain = lure.siege.world.agent_chain(&lure.siege.admin.device, lure.ben.id());
        let mut state = lure.siege.carla.state();
        insert(&mut state, lure.ben.id(), chain.clone().into_bytes());
        lure.siege.world.revoke(&lure.siege.admin.device, &chain);
        lure.welcome(steward, Some(forge(&state)))
    }, |_, r| matches!(grant(r), Some(Refusal::Revoked { link: 1 }))),

    ("by the grant of another", |lure| {
        let mut state = lure.siege.carla.state();
        let chain = lure.siege.world.agent_chain(&lure.siege.admin.device, lure.siege.ana.id()).into_bytes();
        insert(&mut state, lure.ben.id(), chain);
        lure.welcome(steward, Some(forge(&state)))
    }, |_, r| grant(r) == Some(Refusal::WrongAudience)),

    ("into another thread under the expected group id", |lure| {
        let mut state = lure.state();
        rename(&mut state, lure.siege.world.host(), lure.siege.world.guest(), [8; 16]);
        state.members.retain(|(id, _)| *id == lure.ben.id() || *id == lure.siege.admin.id());
        let id = lure.group_id();
        lure.fresh_group(&id, forge(&state))
    }, |_, r| matches!(r, J::Admission(A::Grant { refusal: Refusal::WrongThread, .. }))),

    ("into a group with another id", |lure| {
        let mut state = lure.state();
        state.members.retain(|(id, _)| *id == lure.ben.id() || *id == lure.siege.admin.id());
        lure.fresh_group(&openmls::group::GroupId::from_slice(b"another"), forge(&state))
    }, |_, r| matches!(r, J::WrongThread)),

    ("into the thread without its guest", |lure| {
        let mut state = lure.state();
        state.members.retain(|(id, _)| *id == lure.ben.id() || *id == lure.siege.admin.id());
        let id = lure.group_id();
        lure.fresh_group(&id, forge(&state))
    }, |_, r| matches!(r, J::Admission(A::NoGuest))),

    ("into a thread of another host", |lure| {
        let mallory = SecretSigningKey::from_seed(&[66; 32]);
        let host = PrincipalId::from_bytes(mallory.public());
        let mut state = lure.state();
        let chain = Chain::issue_root(&mallory, admin_terms(lure.ben.id()), &mut lure.siege.world.rng()).unwrap();
        state.members = vec![(lure.ben.id(), chain.into_bytes())];
        insert(&mut state, lure.siege.admin.id(), lure.siege.world.admin_chain(lure.siege.admin.id()).into_bytes());
        rename(&mut state, host, lure.siege.world.guest(), [8; 16]);
        let id = lure.group_id();
        lure.fresh_group(&id, forge(&state))
    }, |_, r| matches!(r, J::Admission(A::Stranger(_)))),

    ("with a steward that is not entitled", |lure| {
        let mut state = lure.state();
        let admin = lure.siege.admin.id();
        let chain = lure.siege.world.agent_chain(&lure.siege.admin.device, admin).into_bytes();
        state.members.iter_mut().find(|(id, _)| *id == admin).unwrap().1 = chain;
        lure.welcome(steward, Some(forge(&state)))
    }, |_, r| matches!(r, J::Admission(A::StewardNotEntitled(_)))),

    ("with a state whose id is not that of its principals", |lure| {
        let mut state = lure.state();
        state.nonce = [8; 16];
        lure.welcome(steward, Some(forge(&state)))
    }, |_, r| matches!(r, J::Admission(A::State(StateError::WrongThreadId)))),

    ("with another era in the state", |lure| {
        let mut state = lure.state();
        state.era = 7;
        lure.welcome(steward, Some(forge(&state)))
    }, |_, r| matches!(r, J::WrongThread)),

    ("for someone else", |lure| {
        let other = Raw::new(lure.siege.world.device(lure.siege.world.host()));
        let commit = RawCommit { add: vec![other.key_package()], ..RawCommit::default() };
        lure.siege.admin.commit(commit).1.unwrap()
    }, |_, r| matches!(r, J::NotForMe)),

    ("with a flipped bit", |lure| {
        let state = forge(&lure.state());
        let mut bytes = lure.welcome(steward, Some(state)).as_slice().to_vec();
        *bytes.last_mut().unwrap() ^= 1;
        WelcomeBytes::new(bytes)
    }, |_, r| matches!(r, J::Invalid(_))),
];

#[test]
fn every_false_welcome_is_refused_for_its_reason_and_the_true_one_still_works() {
    for (name, attack, refused) in MATRIX {
        let mut lure = Lure::set();
        let welcome = attack(&mut lure);
        let before = lure.ben.entries();
        let refusal = lure.ben.join(&lure.siege.world, &welcome, Role::Member).expect_err(name);
        assert!(refused(&lure, &refusal), "{name}: refused, but as {refusal:?}");
        assert_eq!(lure.ben.entries(), before, "{name}: something was kept");
        lure.siege.world.now.set(crate::cast::START);
        lure.siege.still_talks(name);
        *lure.siege.world.revocations.borrow_mut() = frontdesk_capability::Revocations::new();
        let state = forge(&lure.state());
        let welcome = lure.welcome(steward, Some(state));
        lure.ben.join(&lure.siege.world, &welcome, Role::Member).expect(name);
    }
}

#[test]
fn a_founding_by_someone_who_is_not_the_guest_is_refused() {
    let mut lure = Lure::set();
    let mut state = lure.state();
    state.members.retain(|(id, _)| *id == lure.ben.id() || *id == lure.siege.admin.id());
    let ben = lure.ben.id();
    state.members.iter_mut().find(|(id, _)| *id == ben).unwrap().1 =
        lure.siege.world.admin_chain(ben).into_bytes();
    state.steward = ben;
    let id = lure.group_id();
    let welcome = lure.fresh_group(&id, forge(&state));
    let expected = Expected { ..lure.siege.world.expected(Role::Steward) };
    let refusal =
        lure.ben.step(&lure.siege.world, |ctx, _| Thread::join(ctx, &welcome, &expected)).unwrap_err();
    assert!(matches!(refusal, J::Admission(A::NotSteward(by)) if by == lure.siege.admin.id()));
}
