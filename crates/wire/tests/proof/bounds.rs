//! Every bound of a body: what is as large as it may be decodes, and one more is refused.

use crate::{
    cbor::{elements, encode, text},
    people::{NOW, THREAD, Who, admin_chain, profile},
    samples::bodies,
    signed_cases::{by_carla, contents},
};
use frontdesk_capability::{ChainBytes, MAX_CHAIN_BYTES, MAX_REVOCATION_BYTES, RevocationBytes};
use frontdesk_identity::{DeviceId, MAX_ADDRESS_RECORD, SignedAddressRecord, UnixTime, codec::DecodeError};
use frontdesk_wire::{
    Body, Bundle, Content, ContentError, ContentKind, EraMember, Frame, FrameError, LinkSeq, Position,
    ProfileError, RosterEntry, Seq, SignedContent, limits,
};
use serde_bytes::ByteBuf;

/// A lawful body of the kind.
fn lawful(name: &str) -> Body {
    bodies().into_iter().find(|sample| sample.name == name).unwrap().value
}

fn blob(len: usize) -> ByteBuf {
    ByteBuf::from(vec![7; len])
}

fn chain(len: usize) -> ChainBytes {
    ChainBytes::new(vec![7; len])
}

fn revocations(count: usize, len: usize) -> Vec<RevocationBytes> {
    vec![RevocationBytes::new(vec![7; len]); count]
}

fn addresses(count: usize) -> Vec<SignedAddressRecord> {
    vec![SignedAddressRecord::from_bytes(vec![7; MAX_ADDRESS_RECORD]).unwrap(); count]
}

fn heads(count: usize) -> Vec<(DeviceId, Seq)> {
    let ids = (0..count).map(|n| DeviceId::from_bytes([u8::try_from(n).unwrap(); 32]));
    ids.map(|id| (id, Seq::MAX)).collect()
}

/// Checks one bound: the body with `max` decodes, the body with one more does not.
macro_rules! bound {
    ($sample:literal, $kind:ident, $max:expr, |$body:ident, $n:ident| $set:expr) => {
        let with = |$n: usize| {
            let Body::$kind(mut $body) = lawful($sample) else { panic!("not a {}", stringify!($kind)) };
            $set;
            Body::decode(&Body::$kind($body).encode().unwrap())
        };
        assert!(with($max).is_ok(), "{}: {}", $sample, stringify!($set));
        let refusal = with($max + 1).unwrap_err();
        let fitting = matches!(
            refusal,
            FrameError::OutOfBounds
                | FrameError::Decode(DecodeError::Malformed | DecodeError::TooLong { .. })
        );
        assert!(fitting, "{}: {}: {refusal}", $sample, stringify!($set));
    };
}

#[test]
fn a_body_at_its_bounds_decodes_and_one_past_any_of_them_is_refused() {
    bound!("contact-request", ContactRequest, MAX_CHAIN_BYTES, |b, n| b.chain = chain(n));
    bound!("contact-request", ContactRequest, limits::MAX_SUITES, |b, n| b.suites = vec![u16::MAX; n]);
    bound!("contact-offer", ContactOffer, MAX_CHAIN_BYTES, |b, n| b.chain = chain(n));
    bound!("contact-offer", ContactOffer, limits::MAX_KEY_PACKAGE, |b, n| b.key_package = blob(n));
    bound!("contact-open", ContactOpen, limits::MAX_WELCOME, |b, n| b.welcome = blob(n));
    bound!("contact-open", ContactOpen, limits::MAX_SEALED, |b, n| b.message = blob(n));
    bound!("thread-message", ThreadMessage, limits::MAX_SEALED, |b, n| b.sealed = blob(n));
    bound!("commit-notice", CommitNotice, limits::MAX_COMMIT, |b, n| b.commit = blob(n));
    bound!("commit-notice", CommitNotice, limits::MAX_REVOCATIONS, |b, n| b.revocations = revocations(n, 1));
    bound!("commit-notice", CommitNotice, MAX_REVOCATION_BYTES, |b, n| b.revocations = revocations(1, n));
    bound!("commit-notice", CommitNotice, limits::MAX_ADDRESS_RECORDS, |b, n| b.addresses = addresses(n));
    bound!("commit-notice", CommitNotice, limits::MAX_SEEN, |b, n| b.departed = heads(n));
    bound!("forward-payload", ForwardPayload, MAX_CHAIN_BYTES, |b, n| b.chain = chain(n));
    bound!("forward-payload", ForwardPayload, limits::MAX_WELCOME, |b, n| b.welcome = blob(n));
    bound!("forward-payload", ForwardPayload, limits::MAX_ADDRESS_RECORDS, |b, n| b.addresses = addresses(n));
    bound!("forward-payload", ForwardPayload, limits::MAX_SEEN, |b, n| {
        (b.heads, b.position) = (heads(n), Position::MAX);
    });
    bound!("forward-payload", ForwardPayload, limits::MAX_NOTE, |b, n| b.note = "n".repeat(n));
    bound!("history-piece", HistoryPiece, limits::MAX_HISTORY_PIECE, |b, n| b.sealed = blob(n));
    bound!("forward-request-to-anybody", ForwardRequest, limits::MAX_NOTE, |b, n| b.note = "n".repeat(n));
    bound!("key-packages", KeyPackages, limits::MAX_KEY_PACKAGES, |b, n| b.packages = vec![blob(1); n]);
    bound!("key-packages", KeyPackages, limits::MAX_KEY_PACKAGE, |b, n| b.packages = vec![blob(n)]);
    bound!("key-packages", KeyPackages, limits::MAX_KEY_PACKAGE, |b, n| b.last_resort = blob(n));
    bound!("revoked", Revoked, limits::MAX_REVOCATIONS, |b, n| b.revocations = revocations(n, 512));
    bound!("refill", Refill, limits::MAX_SEALED_REFILL, |b, n| b.sealed = blob(n));
    bound!("rejoin", Rejoin, limits::MAX_KEY_PACKAGE, |b, n| b.key_package = blob(n));
    bound!("era-offer", EraOffer, MAX_CHAIN_BYTES, |b, n| b.chain = chain(n));
    bound!("era-offer", EraOffer, limits::MAX_KEY_PACKAGE, |b, n| b.key_package = blob(n));
    bound!("era-open", EraOpen, limits::MAX_ERA_WELCOME, |b, n| b.welcome = blob(n));
    bound!("era-open", EraOpen, limits::MAX_MEMBERS, |b, n| b.members = vec![era_member(700); n]);
    bound!("era-open", EraOpen, MAX_CHAIN_BYTES, |b, n| b.members = vec![era_member(n)]);
    bound!("era-open", EraOpen, limits::MAX_ADDRESS_RECORDS, |b, n| b.addresses = addresses(n));
    bound!("era-open", EraOpen, limits::MAX_SEEN, |b, n| {
        (b.heads, b.position) = (heads(n), Position::MAX);
    });
    bound!("era-notice", EraNotice, MAX_CHAIN_BYTES, |b, n| b.chain = chain(n));
    bound!("era-members", EraMembers, limits::MAX_MEMBERS, |b, n| b.members = vec![era_member(700); n]);
    bound!("era-members", EraMembers, MAX_CHAIN_BYTES, |b, n| b.chain = chain(n));
    bound!("era-members", EraMembers, MAX_CHAIN_BYTES, |b, n| b.members = vec![era_member(n)]);
    bound!("era-members", EraMembers, limits::MAX_ADDRESS_RECORDS, |b, n| b.addresses = addresses(n));
    bound!("roster", Roster, limits::MAX_REVOCATIONS, |b, n| b.revocations = revocations(n, 512));
    bound!("roster", Roster, limits::MAX_ROSTER, |b, n| b.devices = vec![short_entry(); n]);
    bound!("roster", Roster, limits::MAX_NAME, |b, n| b.devices[0].name = "n".repeat(n));
    bound!("roster", Roster, MAX_CHAIN_BYTES, |b, n| b.devices[0].chain = chain(n));
    bound!("join-request", JoinRequest, limits::MAX_NAME, |b, n| b.name = "n".repeat(n));
    bound!("join-granted", JoinGranted, limits::MAX_NAME, |b, n| b.name = "n".repeat(n));
    bound!("join-granted", JoinGranted, MAX_CHAIN_BYTES, |b, n| b.chain = chain(n));
    bound!("join-granted", JoinGranted, MAX_CHAIN_BYTES, |b, n| b.administrator_chain = chain(n));
}

fn era_member(len: usize) -> EraMember {
    EraMember { record: Who::Ana.record(Who::Acme), chain: chain(len) }
}

/// A device as its entity lists it: two links and a name of ordinary size.
fn short_entry() -> RosterEntry {
    RosterEntry { record: Who::Ana.record(Who::Acme), chain: chain(700), role: 1, name: "n".repeat(80) }
}

#[test]
fn bodies_whose_every_field_is_as_large_as_it_may_be_decode() {
    let Body::CommitNotice(mut commit) = lawful("commit-notice") else { panic!("another kind") };
    commit.commit = blob(limits::MAX_COMMIT);
    commit.revocations = revocations(limits::MAX_REVOCATIONS, MAX_REVOCATION_BYTES);
    commit.addresses = addresses(limits::MAX_ADDRESS_RECORDS);
    commit.departed = heads(limits::MAX_SEEN);
    let Body::ForwardPayload(mut forward) = lawful("forward-payload") else { panic!("another kind") };
    forward.chain = chain(MAX_CHAIN_BYTES);
    forward.welcome = blob(limits::MAX_WELCOME);
    forward.addresses = addresses(limits::MAX_ADDRESS_RECORDS);
    forward.heads = heads(limits::MAX_SEEN);
    (forward.position, forward.pieces) = (Position::MAX, limits::MAX_HISTORY_PIECES);
    forward.note = "n".repeat(limits::MAX_NOTE);
    let Body::KeyPackages(mut packages) = lawful("key-packages") else { panic!("another kind") };
    packages.packages = vec![blob(limits::MAX_KEY_PACKAGE); limits::MAX_KEY_PACKAGES];
    packages.last_resort = blob(limits::MAX_KEY_PACKAGE);
    let Body::JoinGranted(mut granted) = lawful("join-granted") else { panic!("another kind") };
    granted.chain = chain(MAX_CHAIN_BYTES);
    granted.administrator_chain = chain(MAX_CHAIN_BYTES);
    let Body::EraOpen(mut open) = lawful("era-open") else { panic!("another kind") };
    open.welcome = blob(limits::MAX_ERA_WELCOME);
    open.members = vec![era_member(MAX_CHAIN_BYTES); limits::MAX_MEMBERS];
    open.addresses = addresses(limits::MAX_ADDRESS_RECORDS);
    (open.heads, open.position) = (heads(limits::MAX_SEEN), Position::MAX);
    for body in [
        Body::CommitNotice(commit),
        Body::ForwardPayload(forward),
        Body::EraOpen(open),
        Body::KeyPackages(packages),
        Body::JoinGranted(granted),
    ] {
        assert_eq!(Body::decode(&body.encode().unwrap()), Ok(body));
    }
}

#[test]
fn a_list_of_many_tiny_elements_is_refused() {
    let Body::Roster(mut roster) = lawful("roster") else { panic!("another kind") };
    roster.revocations = revocations(limits::MAX_FRAME / 2, 0);
    let refusal = Body::decode(&Body::Roster(roster).encode().unwrap());
    assert_eq!(refusal, Err(DecodeError::Malformed.into()));
}

#[test]
fn input_past_a_frame_is_refused_before_it_is_parsed() {
    let (len, max) = (limits::MAX_FRAME + 1, limits::MAX_FRAME);
    assert_eq!(Frame::decode(&vec![0xff; len]), Err(DecodeError::TooLong { len, max }.into()));
    let (len, max) = (limits::MAX_BODY + 1, limits::MAX_BODY);
    assert_eq!(Body::decode(&vec![0xff; len]), Err(DecodeError::TooLong { len, max }.into()));
}

#[test]
fn another_version_is_named_beside_our_own() {
    let frame = [0x82, 0x18, 99, 0x60];
    let error = Frame::decode(&frame).unwrap_err();
    assert_eq!(error, DecodeError::UnknownVersion { found: 99, known: 1 }.into());
    assert_eq!(error.to_string(), "version 99 is not known here (known: 1)");
}

#[test]
fn a_content_of_the_longest_text_is_read_and_a_longer_one_is_refused() {
    let said = |len: usize| {
        let (_, _, mut fields) = contents().remove(0);
        elements(&mut fields)[9] = text(&"t".repeat(len));
        SignedContent::decode(&by_carla(&encode(&fields))).unwrap().verify().map(drop)
    };
    assert_eq!(said(limits::MAX_TEXT), Ok(()));
    assert_eq!(said(limits::MAX_TEXT + 1), Err(ContentError::OutOfBounds));
    let (len, max) = (limits::MAX_CONTENT + 1, limits::MAX_CONTENT);
    let padded = SignedContent::decode(&by_carla(&vec![0x8b; len])).unwrap();
    assert_eq!(padded.read(), Err(DecodeError::TooLong { len, max }.into()));
    let (len, max) = (limits::MAX_SIGNED_CONTENT + 1, limits::MAX_SIGNED_CONTENT);
    assert_eq!(SignedContent::decode(&vec![0x82; len]), Err(DecodeError::TooLong { len, max }));
}

#[test]
fn a_bundle_takes_no_more_than_fits_and_what_it_takes_is_read() {
    let signed = |len: usize| {
        let (_, _, mut fields) = contents().remove(0);
        elements(&mut fields)[9] = text(&"t".repeat(len));
        SignedContent::decode(&by_carla(&encode(&fields))).unwrap()
    };
    let mut small = Bundle::of(signed(1));
    let added = (0..100).take_while(|_| small.add(signed(1)).is_ok()).count();
    assert_eq!(added + 1, limits::MAX_BUNDLE);
    let bytes = small.encode().unwrap();
    assert_eq!(Bundle::decode(&bytes).unwrap(), small);
    let mut large = Bundle::of(signed(limits::MAX_TEXT));
    assert_eq!(Bundle::decode(&large.encode().unwrap()).unwrap(), large, "the longest alone has room");
    assert!(large.add(signed(limits::MAX_TEXT)).is_err());
    // Up to the last byte: one more in the second text and it is given back.
    let fits = |len| {
        let mut bundle = Bundle::of(signed(9_000));
        bundle.add(signed(len)).ok().map(|()| bundle.encode().unwrap().len())
    };
    let longest = (8_000..10_000).take_while(|len| fits(*len).is_some()).last().unwrap();
    let len = fits(longest).unwrap();
    assert!(len <= limits::MAX_SIGNED_CONTENT && len + 8 > limits::MAX_SIGNED_CONTENT, "{len}");
    let max = limits::MAX_SIGNED_CONTENT;
    assert_eq!(Bundle::decode(&vec![0x81; max + 1]), Err(DecodeError::TooLong { len: max + 1, max }));
}

#[test]
fn nothing_out_of_its_bounds_is_signed() {
    let content = |kind| Content {
        thread: THREAD,
        era: 0,
        author: Who::Ana.device(),
        seq: Seq(1),
        position: Position(1),
        seen: Vec::new(),
        sent_at: NOW,
        kind,
    };
    let key = Who::Ana.key();
    let signed = |len| content(ContentKind::Text("t".repeat(len))).sign(&key).map(drop);
    assert_eq!(signed(limits::MAX_TEXT), Ok(()));
    assert_eq!(signed(limits::MAX_TEXT + 1), Err(ContentError::OutOfBounds));
    let mut wordy = content(ContentKind::Close);
    wordy.seen = heads(limits::MAX_SEEN + 1);
    assert_eq!(wordy.sign(&key).map(drop), Err(ContentError::OutOfBounds));
    let mut nameless = profile();
    nameless.name.clear();
    let chain = admin_chain().into_bytes();
    assert_eq!(nameless.sign(&Who::Admin.key(), chain.clone()).map(drop), Err(ProfileError::OutOfBounds));
    let mut numbered = profile();
    numbered.number = limits::MAX_PROFILE_NUMBER;
    assert_eq!(numbered.sign(&Who::Admin.key(), chain.clone()).map(drop), Ok(()));
    numbered.number += 1;
    assert_eq!(numbered.sign(&Who::Admin.key(), chain).map(drop), Err(ProfileError::OutOfBounds));
}

#[test]
fn the_longest_text_seen_by_a_full_thread_fits_into_a_sealed_message() {
    let content = Content {
        thread: THREAD,
        era: u32::MAX,
        author: Who::Ana.device(),
        seq: Seq::MAX,
        position: Position::MAX,
        seen: heads(limits::MAX_SEEN),
        sent_at: UnixTime(u64::MAX),
        kind: ContentKind::Text("t".repeat(limits::MAX_TEXT)),
    };
    let bytes = content.sign(&Who::Ana.key()).unwrap().encode().unwrap();
    assert!(bytes.len() <= limits::MAX_SIGNED_CONTENT && bytes.len() < limits::MAX_SEALED);
}

#[test]
fn numbers_stop_at_their_ends() {
    assert_eq!((LinkSeq(u64::MAX).next(), LinkSeq(0).previous()), (LinkSeq(u64::MAX), LinkSeq(0)));
    assert_eq!((Seq(u64::MAX).next(), Position(u64::MAX).next()), (Seq(u64::MAX), Position(u64::MAX)));
    assert_eq!((LinkSeq(1).next(), LinkSeq(2).previous()), (LinkSeq(2), LinkSeq(1)));
}
