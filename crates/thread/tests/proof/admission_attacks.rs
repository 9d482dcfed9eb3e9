//! The matrix of attacks on admission, by a steward or an agent that holds every key and follows no rule. Each is
//! refused with its reason, and the thread is intact afterwards.

use crate::{
    cast::{DAY, START, admin_terms},
    chains::{good_chain, links, spliced, widened},
    raw::{Raw, RawCommit, RawSigner, Siege, extensions, forge, insert, rename},
};
use frontdesk_capability::{Abilities, Ability, Chain, ChainBytes, Refusal, Scope, Terms};
use frontdesk_identity::{DeviceRecord, DeviceRecordError, SecretSigningKey, ThreadId, codec};
use frontdesk_thread::{AdmissionRefusal, LeafError, OpenRefusal, StateError, ThreadState};
use openmls::{
    prelude::*,
    schedule::{PreSharedKeyId, Psk},
};

use AdmissionRefusal as A;
use OpenRefusal as O;

/// Gives Carla something to open.
type Attack = fn(&mut Siege) -> Vec<u8>;
/// Whether it was refused for the right reason.
type Expected = fn(&Siege, &OpenRefusal) -> bool;

fn admission(refusal: &OpenRefusal) -> Option<AdmissionRefusal> {
    match refusal {
        O::Admission { refusal, .. } => Some(*refusal),
        _ => None,
    }
}

fn grant(refusal: &OpenRefusal) -> Option<Refusal> {
    match admission(refusal) {
        Some(A::Grant { refusal, .. }) => Some(refusal),
        _ => None,
    }
}

/// The steward puts a changed state in force.
fn restate(siege: &mut Siege, change: impl FnOnce(&mut ThreadState)) -> Vec<u8> {
    let mut state = siege.carla.state();
    change(&mut state);
    recode(siege, Some(forge(&state)))
}

fn recode(siege: &mut Siege, state: Option<Vec<u8>>) -> Vec<u8> {
    let extensions = Some(extensions(state));
    siege.admin.commit(RawCommit { extensions, ..RawCommit::default() }).0
}

fn newcomer(siege: &Siege) -> Raw {
    Raw::new(siege.world.device(siege.world.host()))
}

/// The steward adds Ben by a chain that the attack makes.
fn add_ben(siege: &mut Siege, chain: impl FnOnce(&Siege, &Raw) -> ChainBytes) -> Vec<u8> {
    let ben = newcomer(siege);
    let chain = chain(siege, &ben);
    add(siege, &ben, ben.key_package(), chain)
}

fn add(siege: &mut Siege, who: &Raw, package: KeyPackage, chain: ChainBytes) -> Vec<u8> {
    let mut state = siege.carla.state();
    insert(&mut state, who.id(), chain);
    let commit = RawCommit {
        add: vec![package],
        extensions: Some(extensions(Some(forge(&state)))),
        ..RawCommit::default()
    };
    siege.admin.commit(commit).0
}

#[rustfmt::skip]
const MATRIX: &[(&str, Attack, Expected)] = &[
    ("a chain with a forged signature", |siege| add_ben(siege, |siege, ben| {
        let mut bytes = good_chain(siege, ben).into_bytes().as_slice().to_vec();
        *bytes.last_mut().unwrap() ^= 1;
        ChainBytes::new(bytes)
    }), |_, r| matches!(grant(r), Some(Refusal::BadSignature { link: 1 }))),

    ("a chain signed by a key that is not the root", |siege| add_ben(siege, |siege, ben| {
        let own_root = SecretSigningKey::from_seed(&[66; 32]);
        Chain::issue_root(&own_root, admin_terms(ben.id()), &mut siege.world.rng()).unwrap().into_bytes()
    }), |_, r| grant(r) == Some(Refusal::WrongPrincipal)),

    ("a link spliced under another parent", |siege| add_ben(siege, |siege, ben| {
        let abilities = Abilities::from([Ability::Forward, Ability::Read]);
        let parent = Terms { abilities, ..admin_terms(siege.admin.id()) };
        spliced(siege, parent, siege.world.agent_terms(ben.id()))
    }), |_, r| grant(r) == Some(Refusal::WrongParent { link: 1 })),

    ("an ability that the link above lacks", |siege| add_ben(siege, widened),
        |_, r| grant(r) == Some(Refusal::WiderAbilities { link: 1 })),

    ("a grant for another thread", |siege| add_ben(siege, |siege, ben| {
        let scope = Scope::Thread(ThreadId::from_bytes([9; 32]));
        let terms = Terms { scope, ..siege.world.agent_terms(ben.id()) };
        siege.world.delegated(&siege.admin.device, terms).into_bytes()
    }), |_, r| grant(r) == Some(Refusal::WrongThread)),

    ("an enrolment passed off as a forward", |siege| add_ben(siege, |siege, ben| {
        let terms = Terms { scope: Scope::Principal, ..siege.world.agent_terms(ben.id()) };
        siege.world.delegated(&siege.admin.device, terms).into_bytes()
    }), |_, r| grant(r) == Some(Refusal::WrongThread)),

    ("a grant without read", |siege| add_ben(siege, |siege, ben| {
        let terms = Terms { abilities: Abilities::from([Ability::Write]), ..siege.world.agent_terms(ben.id()) };
        siege.world.delegated(&siege.admin.device, terms).into_bytes()
    }), |_, r| grant(r) == Some(Refusal::AbilityMissing(Ability::Read))),

    ("the chain of another device", |siege| add_ben(siege, |siege, _| good_chain(siege, &siege.ana).into_bytes()),
        |_, r| grant(r) == Some(Refusal::WrongAudience)),

    ("the guest's chain for a device of the host", |siege| add_ben(siege, |siege, ben| siege.world.guest_chain(ben.id())),
        |_, r| grant(r) == Some(Refusal::WrongPrincipal)),

    ("a chain that is too long", |siege| add_ben(siege, |_, _| ChainBytes::new(vec![0x80; 8193])),
        |_, r| grant(r) == Some(Refusal::TooLong)),

    ("an empty chain", |siege| add_ben(siege, |_, _| ChainBytes::new(vec![0x80])),
        |_, r| grant(r) == Some(Refusal::EmptyChain)),

    ("a chain of five links", |siege| add_ben(siege, |siege, ben| {
        let chain = good_chain(siege, ben);
        let mut links = links(&chain);
        let last = links.pop().unwrap();
        links.extend([last.clone(), last.clone(), last.clone(), last]);
        ChainBytes::new(codec::encode(&links).unwrap())
    }), |_, r| grant(r) == Some(Refusal::TooManyLinks)),

    ("an unknown ability", |siege| add_ben(siege, |siege, ben| {
        let chain = good_chain(siege, ben);
        // The abilities `read, write` of the last link, as CBOR, and the same with a code that nobody knows.
        let mut bytes = chain.bytes().as_slice().to_vec();
        let at = bytes.windows(3).rposition(|three| three == [0x82, 4, 5]).unwrap();
        bytes[at + 2] = 23;
        ChainBytes::new(bytes)
    }), |_, r| grant(r) == Some(Refusal::UnknownAbility { code: 23 })),

    ("Ana's grant widened in place", |siege| {
        let ana = siege.ana.id();
        let terms = Terms { scope: Scope::Principal, ..siege.world.agent_terms(ana) };
        let enrolled = siege.world.delegated(&siege.admin.device, terms).into_bytes();
        restate(siege, |state| state.members.iter_mut().find(|(id, _)| *id == ana).unwrap().1 = enrolled)
    }, |_, r| grant(r) == Some(Refusal::WrongThread)),

    ("a leaf without a grant", |siege| {
        let ben = newcomer(siege);
        siege.admin.commit(RawCommit { add: vec![ben.key_package()], ..RawCommit::default() }).0
    }, |_, r| matches!(admission(r), Some(A::LeafWithoutGrant(_)))),

    ("a grant without a leaf", |siege| {
        let ben = newcomer(siege);
        let chain = good_chain(siege, &ben).into_bytes();
        restate(siege, |state| insert(state, ben.id(), chain))
    }, |_, r| matches!(admission(r), Some(A::GrantWithoutLeaf(_)))),

    ("a removal that leaves the grant", |siege| {
        let ana = siege.ana.id();
        siege.admin.commit(RawCommit { remove: vec![ana], ..RawCommit::default() }).0
    }, |siege, r| admission(r) == Some(A::GrantWithoutLeaf(siege.ana.id()))),

    ("a removal from the state that leaves the leaf", |siege| {
        let ana = siege.ana.id();
        restate(siege, |state| state.members.retain(|(id, _)| *id != ana))
    }, |siege, r| admission(r) == Some(A::LeafWithoutGrant(siege.ana.id()))),

    ("a device named twice", |siege| restate(siege, |state| state.members.push(state.members.last().unwrap().clone())),
        |_, r| admission(r) == Some(A::State(StateError::Order))),

    ("members out of order", |siege| restate(siege, |state| state.members.reverse()),
        |_, r| admission(r) == Some(A::State(StateError::Order))),

    ("a device of neither principal", |siege| {
        let mallory = SecretSigningKey::from_seed(&[66; 32]);
        let principal = frontdesk_identity::PrincipalId::from_bytes(mallory.public());
        let stranger = Raw::new(siege.world.device(principal));
        let chain = Chain::issue_root(&mallory, admin_terms(stranger.id()), &mut siege.world.rng()).unwrap();
        let package = stranger.key_package();
        add(siege, &stranger, package, chain.into_bytes())
    }, |_, r| matches!(admission(r), Some(A::Stranger(_)))),

    ("too many members", |siege| restate(siege, |state| {
        state.members = (0..17).map(|n| (frontdesk_identity::DeviceId::from_bytes([n; 32]), ChainBytes::new(vec![]))).collect();
    }), |_, r| admission(r) == Some(A::State(StateError::TooManyMembers(17)))),

    ("a commit by an agent", |siege| {
        let state = forge(&siege.carla.state());
        siege.ana.commit(RawCommit { extensions: Some(extensions(Some(state))), ..RawCommit::default() }).0
    }, |siege, r| admission(r) == Some(A::NotSteward(siege.ana.id()))),

    ("an agent that makes itself the steward", |siege| {
        let mut state = siege.carla.state();
        state.steward = siege.ana.id();
        state.term += 1;
        let extensions = Some(extensions(Some(forge(&state))));
        siege.ana.commit(RawCommit { extensions, ..RawCommit::default() }).0
    }, |siege, r| admission(r) == Some(A::NotSteward(siege.ana.id()))),

    ("an agent that removes the steward", |siege| {
        let admin = siege.admin.id();
        siege.ana.commit(RawCommit { remove: vec![admin], ..RawCommit::default() }).0
    }, |siege, r| admission(r) == Some(A::NotSteward(siege.ana.id()))),

    ("an agent as steward", |siege| {
        let ana = siege.ana.id();
        restate(siege, |state| (state.steward, state.term) = (ana, state.term + 1))
    }, |_, r| matches!(admission(r), Some(A::StewardNotEntitled(_)))),

    ("the guest as steward", |siege| {
        let carla = siege.carla.id();
        restate(siege, |state| (state.steward, state.term) = (carla, state.term + 1))
    }, |_, r| admission(r) == Some(A::StewardNotOfHost)),

    ("a steward swapped without a higher term", |siege| {
        let ana = siege.ana.id();
        restate(siege, |state| state.steward = ana)
    }, |_, r| admission(r) == Some(A::StewardWithoutTerm)),

    ("a new steward and a newcomer in one", |siege| {
        let ben = newcomer(siege);
        let mut state = siege.carla.state();
        insert(&mut state, ben.id(), siege.world.admin_chain(ben.id()).into_bytes());
        (state.steward, state.term) = (ben.id(), state.term + 1);
        let extensions = Some(extensions(Some(forge(&state))));
        siege.admin.commit(RawCommit { add: vec![ben.key_package()], extensions, ..RawCommit::default() }).0
    }, |_, r| admission(r) == Some(A::StewardWithAdd)),

    ("another host", |siege| restate(siege, |state| {
        let host = frontdesk_identity::PrincipalId::from_bytes([3; 32]);
        rename(state, host, state.guest, state.nonce);
    }), |_, r| admission(r) == Some(A::FixedFieldChanged)),

    ("another guest", |siege| restate(siege, |state| {
        let guest = frontdesk_identity::PrincipalId::from_bytes([3; 32]);
        rename(state, state.host, guest, state.nonce);
    }), |_, r| admission(r) == Some(A::FixedFieldChanged)),

    ("another thread of the same two", |siege| restate(siege, |state| rename(state, state.host, state.guest, [8; 16])),
        |_, r| admission(r) == Some(A::FixedFieldChanged)),

    ("a thread id that is not that of its principals", |siege| restate(siege, |state| state.thread = ThreadId::from_bytes([1; 32])),
        |_, r| admission(r) == Some(A::State(StateError::WrongThreadId))),

    ("another era", |siege| restate(siege, |state| state.era += 1),
        |_, r| admission(r) == Some(A::FixedFieldChanged)),

    ("a speaker who is no member", |siege| restate(siege, |state| {
        state.speaker = Some(frontdesk_identity::DeviceId::from_bytes([5; 32]));
    }), |_, r| admission(r) == Some(A::State(StateError::SpeakerNotMember))),

    ("the guest removed and another device of it put in its place", |siege| {
        let phone = Raw::new(siege.world.device(siege.world.guest()));
        let carla = siege.carla.id();
        let mut state = siege.carla.state();
        state.members.retain(|(id, _)| *id != carla);
        insert(&mut state, phone.id(), siege.world.guest_chain(phone.id()));
        let extensions = Some(extensions(Some(forge(&state))));
        let commit = RawCommit { add: vec![phone.key_package()], remove: vec![carla], extensions, ..RawCommit::default() };
        siege.admin.commit(commit).0
    }, |siege, r| admission(r) == Some(A::GuestRemoved(siege.carla.id()))),

    ("the guest removed", |siege| {
        let carla = siege.carla.id();
        let mut state = siege.carla.state();
        state.members.retain(|(id, _)| *id != carla);
        let extensions = Some(extensions(Some(forge(&state))));
        siege.admin.commit(RawCommit { remove: vec![carla], extensions, ..RawCommit::default() }).0
    }, |siege, r| admission(r) == Some(A::GuestRemoved(siege.carla.id()))),

    ("no thread state", |siege| recode(siege, None), |_, r| admission(r) == Some(A::NotAThread)),

    ("external senders beside the state", |siege| {
        let state = forge(&siege.carla.state());
        let mut extensions = extensions(Some(state));
        let sender = siege.admin.credential();
        let senders = vec![ExternalSender::new(sender.signature_key, sender.credential)];
        extensions.add(Extension::ExternalSenders(senders)).unwrap();
        siege.admin.commit(RawCommit { extensions: Some(extensions), ..RawCommit::default() }).0
    }, |_, r| admission(r) == Some(A::NotAThread)),

    ("a state with trailing bytes", |siege| {
        let mut state = forge(&siege.carla.state());
        state.push(0);
        recode(siege, Some(state))
    }, |_, r| matches!(admission(r), Some(A::State(StateError::Decode(_))))),

    ("a state that is not canonical", |siege| {
        let mut state = forge(&siege.carla.state());
        // The version 1 in two bytes.
        state.splice(1..2, [0x18, 1]);
        recode(siege, Some(state))
    }, |_, r| matches!(admission(r), Some(A::State(StateError::Decode(_))))),

    ("a state of a later version", |siege| {
        let mut state = forge(&siege.carla.state());
        state[1] = 2;
        recode(siege, Some(state))
    }, |_, r| matches!(admission(r), Some(A::State(StateError::Decode(_))))),

    ("a state past the bound", |siege| recode(siege, Some(vec![0; 40 * 1024 + 1])),
        |_, r| matches!(admission(r), Some(A::State(StateError::Decode(_))))),

    ("a credential that is no device record", |siege| {
        let ben = newcomer(siege);
        let package = ben.key_package_with(ben.credential_of(b"Ben".to_vec()), &RawSigner(&ben.device.keys));
        let chain = good_chain(siege, &ben).into_bytes();
        add(siege, &ben, package, chain)
    }, |_, r| admission(r) == Some(A::Leaf(LeafError::NotARecord))),

    ("a device record with a bad signature", |siege| {
        let ben = newcomer(siege);
        let mut record = ben.device.record.signed().as_bytes().to_vec();
        *record.last_mut().unwrap() ^= 1;
        let package = ben.key_package_with(ben.credential_of(record), &RawSigner(&ben.device.keys));
        let chain = good_chain(siege, &ben).into_bytes();
        add(siege, &ben, package, chain)
    }, |_, r| admission(r) == Some(A::Leaf(LeafError::Record(DeviceRecordError::BadTransportSignature)))),

    ("the record of another device", |siege| {
        let ben = newcomer(siege);
        let other = newcomer(siege).device.record.signed().as_bytes().to_vec();
        let package = ben.key_package_with(ben.credential_of(other), &RawSigner(&ben.device.keys));
        let chain = good_chain(siege, &ben).into_bytes();
        add(siege, &ben, package, chain)
    }, |_, r| admission(r) == Some(A::Leaf(LeafError::KeyMismatch))),

    ("a record that claims the guest as its principal", |siege| {
        let ben = newcomer(siege);
        let record = DeviceRecord::sign(&ben.device.keys, siege.world.guest(), START).as_bytes().to_vec();
        let package = ben.key_package_with(ben.credential_of(record), &RawSigner(&ben.device.keys));
        let chain = good_chain(siege, &ben).into_bytes();
        add(siege, &ben, package, chain)
    }, |_, r| grant(r) == Some(Refusal::WrongPrincipal)),

    ("a committer that becomes another on the way", |siege| {
        let record = DeviceRecord::sign(&siege.admin.device.keys, siege.world.guest(), START).as_bytes().to_vec();
        let leaf = LeafNodeParameters::builder().with_credential_with_key(siege.admin.credential_of(record)).build();
        siege.admin.commit(RawCommit { leaf: Some(leaf), ..RawCommit::default() }).0
    }, |_, r| admission(r) == Some(A::CommitterChanged)),

    ("a pre-shared key", |siege| {
        let id = PreSharedKeyId::external(b"planted".to_vec(), vec![1; 32]);
        id.store(&siege.admin.provider, b"known to the attacker").unwrap();
        assert!(matches!(id.psk(), Psk::External(_)));
        let psk = Proposal::PreSharedKey(Box::new(PreSharedKeyProposal::new(id)));
        siege.admin.commit(RawCommit { other: vec![psk], ..RawCommit::default() }).0
    }, |_, r| matches!(r, O::InvalidCommit(_))),

    ("a private proposal on its own", |siege| {
        let signer = RawSigner(&siege.ana.device.keys);
        let group = siege.ana.group.as_mut().unwrap();
        let (proposal, _) = group.propose_self_update(&siege.ana.provider, &signer, LeafNodeParameters::default()).unwrap();
        proposal.to_bytes().unwrap()
    }, |_, r| matches!(r, O::ProposalsNotAccepted)),

    ("a commit to a proposal by reference", |siege| {
        let signer = RawSigner(&siege.ana.device.keys);
        let group = siege.ana.group.as_mut().unwrap();
        let (proposal, _) = group.propose_self_update(&siege.ana.provider, &signer, LeafNodeParameters::default()).unwrap();
        let message = MlsMessageIn::tls_deserialize_exact_bytes(&proposal.to_bytes().unwrap()).unwrap();
        let admin = &mut siege.admin;
        let group = admin.group.as_mut().unwrap();
        let message = message.try_into_protocol_message().unwrap();
        let ProcessedMessageContent::ProposalMessage(queued) =
            group.process_message(&admin.provider, message).unwrap().into_content() else { panic!("a proposal") };
        group.store_pending_proposal(admin.provider.storage(), *queued).unwrap();
        admin.commit(RawCommit::default()).0
    }, |_, r| matches!(r, O::ProposalsNotAccepted)),

    ("an external commit", |siege| {
        let ben = newcomer(siege);
        let info = {
            let signer = RawSigner(&siege.ana.device.keys);
            let group = siege.ana.group.as_ref().unwrap();
            group.export_group_info(siege.ana.provider.crypto(), &signer, true).unwrap().to_bytes().unwrap()
        };
        let info = MlsMessageIn::tls_deserialize_exact_bytes(&info).unwrap();
        let MlsMessageBodyIn::GroupInfo(info) = info.extract() else { panic!("a group info") };
        let leaf = LeafNodeParameters::builder().with_capabilities(crate::raw::capabilities()).build();
        let (_, bundle) = MlsGroup::external_commit_builder()
            .with_config(crate::raw::join_config())
            .skip_lifetime_validation()
            .build_group(&ben.provider, info, ben.credential())
            .unwrap()
            .leaf_node_parameters(leaf)
            .load_psks(ben.provider.storage())
            .unwrap()
            .build(ben.provider.rand(), ben.provider.crypto(), &RawSigner(&ben.device.keys), |_| true)
            .unwrap()
            .finalize(&ben.provider)
            .unwrap();
        bundle.commit().to_bytes().unwrap()
    }, |_, r| matches!(r, O::ExternalCommit)),

    ("a proposal from outside", |siege| {
        let ben = newcomer(siege);
        let group = siege.ana.group.as_ref().unwrap();
        let proposal = JoinProposal::new::<openmls_rust_crypto::MemoryStorage>(
            ben.key_package(), group.group_id().clone(), group.epoch(), &RawSigner(&ben.device.keys)).unwrap();
        proposal.to_bytes().unwrap()
    }, |_, r| matches!(r, O::ProposalsNotAccepted)),

    ("a commit in the clear", |siege| {
        let config = MlsGroupJoinConfig::builder()
            .wire_format_policy(openmls::group::PURE_PLAINTEXT_WIRE_FORMAT_POLICY).use_ratchet_tree_extension(true).build();
        let admin = &mut siege.admin;
        admin.group.as_mut().unwrap().set_configuration(admin.provider.storage(), &config).unwrap();
        let commit = admin.commit(RawCommit::default()).0;
        admin.group.as_mut().unwrap().set_configuration(admin.provider.storage(), &crate::raw::join_config()).unwrap();
        commit
    }, |_, r| matches!(r, O::NotPrivate)),

    ("a replayed commit", |siege| {
        let state = forge(&siege.carla.state());
        let (commit, _) = siege.admin.commit(RawCommit { extensions: Some(extensions(Some(state))), ..RawCommit::default() });
        siege.admin.keep();
        siege.ana.hear(&commit);
        siege.carla.follow(&siege.world, &commit).unwrap();
        commit
    }, |_, r| matches!(r, O::PastEpoch { epoch: 2 })),

    ("a replayed message", |siege| {
        let message = siege.ana.say(b"once");
        siege.carla.open(&siege.world, &message).unwrap();
        message
    }, |_, r| matches!(r, O::Replayed)),

    ("a message under an expired grant", |siege| {
        siege.world.pass(DAY + 61);
        let message = siege.ana.say(b"too late");
        siege.world.now.set(START.plus(DAY + 61));
        message
    }, |siege, r| matches!(r, O::SenderNotAllowed { sender, .. } if *sender == siege.ana.id())),

    ("garbage", |_| b"garbage".to_vec(), |_, r| matches!(r, O::Malformed)),

    ("a bit flipped in a commit", |siege| {
        let mut commit = siege.admin.commit(RawCommit::default()).0;
        *commit.last_mut().unwrap() ^= 1;
        commit
    }, |_, r| matches!(r, O::Undecryptable)),
];

#[test]
fn every_attack_on_admission_is_refused_for_its_reason_and_the_thread_stands() {
    assert!(MATRIX.len() >= 25);
    for (name, attack, expected) in MATRIX {
        let mut siege = Siege::lay();
        let bytes = attack(&mut siege);
        let before = (siege.carla.entries(), siege.carla.state());
        let refusal = siege.carla.take(&siege.world, &bytes).expect_err(name);
        assert!(expected(&siege, &refusal), "{name}: refused, but as {refusal:?}");
        assert_eq!((siege.carla.entries(), siege.carla.state()), before, "{name}: state was changed");
        siege.world.now.set(START);
        siege.still_talks(name);
    }
}
