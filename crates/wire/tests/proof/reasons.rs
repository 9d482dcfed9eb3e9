//! Reasons: numbers and words that other programs rely on, written out, so that none changes unnoticed.

use frontdesk_capability::{Ability, Refusal};
use frontdesk_identity::codec::{self, DecodeError};
use frontdesk_wire::Reason;
use std::collections::BTreeSet;

const TABLE: [(u16, &str, Reason); 38] = [
    (1, "malformed", Reason::Malformed),
    (2, "unknown-version", Reason::UnknownVersion),
    (3, "busy", Reason::Busy),
    (4, "too-long", Reason::TooLong),
    (10, "wrong-entity", Reason::WrongEntity),
    (11, "not-reception", Reason::NotReception),
    (12, "no-common-suite", Reason::NoCommonSuite),
    (20, "unknown-thread", Reason::UnknownThread),
    (21, "not-member", Reason::NotMember),
    (22, "not-steward", Reason::NotSteward),
    (23, "admission", Reason::Admission),
    (24, "past-epoch", Reason::PastEpoch),
    (25, "future-epoch", Reason::FutureEpoch),
    (26, "replayed", Reason::Replayed),
    (27, "undecryptable", Reason::Undecryptable),
    (28, "bad-content", Reason::BadContent),
    (30, "past-era", Reason::PastEra),
    (31, "no-such-message", Reason::NoSuchMessage),
    (40, "unknown-invitation", Reason::UnknownInvitation),
    (41, "used-invitation", Reason::UsedInvitation),
    (42, "expired-invitation", Reason::ExpiredInvitation),
    (43, "wrong-code", Reason::WrongCode),
    (44, "declined", Reason::Declined),
    (45, "unknown-device", Reason::UnknownDevice),
    (46, "no-key-package", Reason::NoKeyPackage),
    (47, "nobody-available", Reason::NobodyAvailable),
    (48, "already-member", Reason::AlreadyMember),
    (60, "grant-malformed", Reason::GrantMalformed),
    (61, "grant-forged", Reason::GrantForged),
    (62, "grant-widened", Reason::GrantWidened),
    (63, "grant-expired", Reason::GrantExpired),
    (64, "grant-not-yet-valid", Reason::GrantNotYetValid),
    (65, "grant-revoked", Reason::GrantRevoked),
    (66, "grant-wrong-audience", Reason::GrantWrongAudience),
    (67, "grant-wrong-scope", Reason::GrantWrongScope),
    (68, "grant-lacks-ability", Reason::GrantLacksAbility),
    (69, "grant-missing", Reason::GrantMissing),
    (90, "storage", Reason::Storage),
];

#[test]
fn every_reason_has_the_number_and_word_that_are_written_here() {
    assert_eq!(Reason::ALL, TABLE.map(|(_, _, reason)| reason), "a reason is missing here");
    for (code, word, reason) in TABLE {
        assert_eq!((reason.code(), reason.as_str()), (code, word));
        assert_eq!(Reason::from_code(code), reason);
        assert!(reason.to_string().ends_with(&format!(" ({word})")), "{reason}");
    }
}

#[test]
fn no_two_reasons_share_a_number_a_word_or_a_sentence() {
    let codes: BTreeSet<_> = Reason::ALL.iter().map(|reason| reason.code()).collect();
    let words: BTreeSet<_> = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
    let sentences: BTreeSet<_> = Reason::ALL.iter().map(ToString::to_string).collect();
    assert_eq!([codes.len(), words.len(), sentences.len()], [Reason::ALL.len(); 3]);
    assert!(!words.contains(Reason::Other(0).as_str()));
}

#[test]
fn every_number_comes_back_whether_it_is_known_or_not() {
    for code in 0..=u16::MAX {
        let reason = Reason::from_code(code);
        assert_eq!(reason.code(), code);
        assert_eq!(matches!(reason, Reason::Other(_)), TABLE.iter().all(|(known, _, _)| *known != code));
        let bytes = codec::encode(&reason).unwrap();
        assert_eq!(codec::decode::<Reason>(&bytes, 3).unwrap(), reason);
    }
}

#[test]
fn refusals_of_grants_and_of_bytes_are_told_by_their_kind() {
    for (refusal, reason) in [
        (Refusal::EmptyChain, Reason::GrantMalformed),
        (Refusal::BadSignature { link: 0 }, Reason::GrantForged),
        (Refusal::WiderScope { link: 1 }, Reason::GrantWidened),
        (Refusal::Expired { link: 0 }, Reason::GrantExpired),
        (Refusal::NotYetValid { link: 0 }, Reason::GrantNotYetValid),
        (Refusal::Revoked { link: 1 }, Reason::GrantRevoked),
        (Refusal::WrongAudience, Reason::GrantWrongAudience),
        (Refusal::WrongThread, Reason::GrantWrongScope),
        (Refusal::AbilityMissing(Ability::Write), Reason::GrantLacksAbility),
        (Refusal::RevocationsFull, Reason::Busy),
    ] {
        assert_eq!(Reason::from(refusal), reason);
    }
    for (error, reason) in [
        (DecodeError::TooLong { len: 2, max: 1 }, Reason::TooLong),
        (DecodeError::Malformed, Reason::Malformed),
        (DecodeError::NotCanonical, Reason::Malformed),
        (DecodeError::UnknownVersion { found: 2, known: 1 }, Reason::UnknownVersion),
    ] {
        assert_eq!(Reason::from(error), reason);
    }
}
