//! Every refusal is produced by some input, has a code of its own, and is the one that the issuer gets, too.

use crate::{
    forge::{NOW, Who, chain, lawful},
    vectors,
};
use frontdesk_capability::{
    Abilities, Ability, Chain, ChainBytes, History, MAX_PER_REVOKER, Refusal, Revocation, Revocations, Scope,
    Terms,
};
use frontdesk_identity::{DeviceId, GrantId, PrincipalId, ThreadId, UnixTime};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};
use std::collections::BTreeSet;

/// Makes the list of all codes and an exhaustive match from one table, so that a new variant without a line here
/// does not compile.
macro_rules! table {
    ($($pattern:pat => $code:literal,)*) => {
        const CODES: &[&str] = &[$($code),*];

        fn listed_code(refusal: Refusal) -> &'static str {
            match refusal { $($pattern => $code,)* }
        }
    };
}

table! {
    Refusal::TooLong => "too-long",
    Refusal::Malformed => "malformed",
    Refusal::NotCanonical => "not-canonical",
    Refusal::UnknownVersion { .. } => "unknown-version",
    Refusal::UnknownAbility { .. } => "unknown-ability",
    Refusal::EmptyChain => "empty-chain",
    Refusal::TooManyLinks => "too-many-links",
    Refusal::WrongPrincipal => "wrong-principal",
    Refusal::EmptyWindow { .. } => "empty-window",
    Refusal::TooDeep { .. } => "too-deep",
    Refusal::DuplicateId { .. } => "duplicate-id",
    Refusal::NotFromRoot => "not-from-root",
    Refusal::WrongIssuer { .. } => "wrong-issuer",
    Refusal::WrongParent { .. } => "wrong-parent",
    Refusal::DepthExhausted { .. } => "depth-exhausted",
    Refusal::WiderDepth { .. } => "wider-depth",
    Refusal::WiderAbilities { .. } => "wider-abilities",
    Refusal::WiderScope { .. } => "wider-scope",
    Refusal::WiderHistory { .. } => "wider-history",
    Refusal::WiderWindow { .. } => "wider-window",
    Refusal::ForwardMissing { .. } => "forward-missing",
    Refusal::AdmitMissing { .. } => "admit-missing",
    Refusal::NotYetValid { .. } => "not-yet-valid",
    Refusal::Expired { .. } => "expired",
    Refusal::Revoked { .. } => "revoked",
    Refusal::BadSignature { .. } => "bad-signature",
    Refusal::WrongAudience => "wrong-audience",
    Refusal::WrongThread => "wrong-thread",
    Refusal::ThreadOnly => "thread-only",
    Refusal::AbilityMissing(_) => "ability-missing",
    Refusal::BadRevocation => "bad-revocation",
    Refusal::RevocationsFull => "revocations-full",
}

#[test]
fn every_refusal_is_produced_by_some_input() {
    let mut produced = BTreeSet::from([listed_code(overfill())]);
    for (name, _, answer) in vectors::replay() {
        if let Err(refusal) = answer {
            assert_eq!(refusal.code(), listed_code(refusal), "{name}");
            produced.insert(refusal.code());
        }
    }
    assert_eq!(produced, CODES.iter().copied().collect());
    assert_eq!(produced.len(), CODES.len(), "two refusals share a code");
}

/// What a set answers to more revocations by one device than it takes.
fn overfill() -> Refusal {
    let (key, acme) = (Who::Admin.key(), PrincipalId::from_bytes(Who::Acme.public()));
    let mut set = Revocations::new();
    for n in 0..=u32::try_from(MAX_PER_REVOKER).unwrap() {
        let mut id = [0; 16];
        id[..4].copy_from_slice(&n.to_be_bytes());
        let revocation = Revocation::issue(&key, &acme, GrantId::from_bytes(id), UnixTime(NOW)).unwrap();
        if let Err(refusal) = set.insert(revocation) {
            assert_eq!(set.len(), MAX_PER_REVOKER);
            return refusal;
        }
    }
    panic!("the set has no bound");
}

#[test]
fn both_versions_and_the_unknown_code_are_named() {
    let verify = |edit: fn(&mut crate::forge::Forged)| {
        let mut links = lawful(1);
        edit(&mut links[0]);
        let acme = PrincipalId::from_bytes(Who::Acme.public());
        ChainBytes::new(chain(&links)).verify(&acme, UnixTime(NOW), &Revocations::new()).unwrap_err()
    };
    assert_eq!(verify(|l| l.version = 2), Refusal::UnknownVersion { found: 2, known: 1 });
    assert_eq!(verify(|l| l.abilities = vec![4, 500]), Refusal::UnknownAbility { code: 500 });
}

fn terms(audience: Who) -> Terms {
    Terms {
        audience: DeviceId::from_bytes(audience.public()),
        scope: Scope::Principal,
        abilities: Abilities::ALL,
        history: History::All,
        not_before: UnixTime(NOW),
        expires: UnixTime(NOW + 1_000),
        depth: 3,
    }
}

fn enrolled() -> Chain {
    Chain::issue_root(&Who::Acme.key(), terms(Who::Admin), &mut rng(3)).unwrap()
}

fn rng(seed: u8) -> ChaCha20Rng {
    ChaCha20Rng::from_seed([seed; 32])
}

#[test]
fn what_is_issued_verifies_as_it_is() {
    let acme = PrincipalId::from_bytes(Who::Acme.public());
    let thread = Scope::Thread(ThreadId::from_bytes([1; 32]));
    let mut rng = rng(3);
    let mut chain = Chain::issue_root(&Who::Acme.key(), terms(Who::Admin), &mut rng).unwrap();
    for (depth, (from, to)) in [(Who::Admin, Who::Ana), (Who::Ana, Who::Ben), (Who::Ben, Who::Bot)]
        .into_iter()
        .rev()
        .enumerate()
        .rev()
    {
        let terms = Terms { scope: thread, depth: u8::try_from(depth).unwrap(), ..terms(to) };
        chain = chain.delegate(&from.key(), terms, UnixTime(NOW), &mut rng).unwrap();
        let verified = chain.bytes().clone().verify(&acme, UnixTime(NOW), &Revocations::new());
        assert_eq!(verified.as_ref(), Ok(&chain));
    }
    assert_eq!(chain.links().len(), 4);
    assert_eq!(chain.grant_ids().collect::<BTreeSet<_>>().len(), 4);
    assert_eq!((chain.principal(), chain.scope(), chain.abilities()), (acme, thread, Abilities::ALL));
    assert_eq!((chain.history(), chain.audience()), (History::All, terms(Who::Bot).audience));
    assert_eq!((chain.not_before(), chain.expires()), (UnixTime(NOW), UnixTime(NOW + 1_000)));
}

#[test]
fn a_root_grant_that_no_one_would_accept_is_not_issued() {
    let issue = |terms| Chain::issue_root(&Who::Acme.key(), terms, &mut rng(4)).unwrap_err();
    let good = terms(Who::Admin);
    assert_eq!(issue(Terms { expires: good.not_before, ..good }), Refusal::EmptyWindow { link: 0 });
    assert_eq!(issue(Terms { depth: 4, ..good }), Refusal::TooDeep { link: 0 });
}

#[test]
fn a_link_that_no_one_would_accept_is_not_issued() {
    let chain = enrolled();
    let delegate =
        |by: Who, terms, now| chain.delegate(&by.key(), terms, UnixTime(now), &mut rng(4)).unwrap_err();
    let good = Terms { depth: 2, ..terms(Who::Ana) };
    assert_eq!(delegate(Who::Ana, good, NOW), Refusal::WrongIssuer { link: 1 });
    assert_eq!(delegate(Who::Admin, good, NOW + 1_060), Refusal::Expired { link: 0 });
    assert_eq!(delegate(Who::Admin, good, NOW - 61), Refusal::NotYetValid { link: 0 });
    let deep = Terms { depth: 3, ..good };
    assert_eq!(delegate(Who::Admin, deep, NOW), Refusal::WiderDepth { link: 1 });
    let late = Terms { expires: UnixTime(NOW + 1_001), ..good };
    assert_eq!(delegate(Who::Admin, late, NOW), Refusal::WiderWindow { link: 1 });
    let agent = Terms { abilities: Abilities::from([Ability::Read]), scope: Scope::Thread(THREAD), ..good };
    let agent = chain.delegate(&Who::Admin.key(), agent, UnixTime(NOW), &mut rng(4)).unwrap();
    let further = Terms { abilities: Abilities::EMPTY, scope: Scope::Thread(THREAD), depth: 1, ..good };
    let refused = agent.delegate(&Who::Ana.key(), further, UnixTime(NOW), &mut rng(5));
    assert_eq!(refused, Err(Refusal::ForwardMissing { link: 2 }));
}

const THREAD: ThreadId = ThreadId::from_bytes([1; 32]);
