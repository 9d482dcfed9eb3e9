//! The golden vectors of the thread state: written when `FRONTDESK_BLESS` is set, and replayed from the file alone.

use crate::cast::{Device, NONCE, World};
use frontdesk_capability::ChainBytes;
use frontdesk_identity::{
    DeviceId, ThreadId,
    codec::{self, DecodeError},
};
use frontdesk_thread::{MAX_MEMBERS, StateError, ThreadState};
use serde_bytes::ByteArray;
use std::{fmt::Write as _, fs};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/vectors/states.txt");

/// A state as its fields, whatever they are.
fn encode(version: u64, state: &ThreadState) -> Vec<u8> {
    codec::encode(&(
        version,
        ByteArray::new(state.nonce),
        state.thread,
        state.era,
        state.term,
        state.host,
        state.guest,
        state.steward,
        &state.members,
        state.speaker,
    ))
    .unwrap()
}

fn cases() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let world = World::new();
    let device = |principal| -> Device { world.device(principal) };
    let (admin, ana, carla) = (device(world.host()), device(world.host()), device(world.guest()));
    let [admin_id, ana_id, carla_id] = [&admin, &ana, &carla].map(|device| device.keys.id());
    let sorted = |mut members: Vec<(DeviceId, ChainBytes)>| {
        members.sort_by_key(|(device, _)| *device);
        members
    };
    let admins = (admin_id, world.admin_chain(admin_id).into_bytes());
    let anas = (ana_id, world.agent_chain(&admin, ana_id).into_bytes());
    let carlas = (carla_id, world.guest_chain(carla_id));
    let founding = ThreadState {
        nonce: NONCE,
        thread: world.thread(),
        era: 0,
        term: 0,
        host: world.host(),
        guest: world.guest(),
        steward: admin_id,
        members: sorted(vec![admins.clone(), carlas.clone()]),
        speaker: None,
    };
    let forwarded = ThreadState {
        era: 1,
        term: 2,
        members: sorted(vec![admins, anas, carlas]),
        speaker: Some(ana_id),
        ..founding.clone()
    };
    let changed = |edit: &dyn Fn(&mut ThreadState)| {
        let mut state = forwarded.clone();
        edit(&mut state);
        encode(1, &state)
    };
    let crowd = |count: usize| -> Vec<_> {
        (1..=count).map(|n| (DeviceId::from_bytes([n as u8; 32]), founding.members[0].1.clone())).collect()
    };
    let mut trailing = encode(1, &founding);
    trailing.push(0);
    vec![
        ("a-founding", encode(1, &founding), "ok"),
        ("a-later-era-with-an-agent-who-has-the-word", encode(1, &forwarded), "ok"),
        ("a-full-thread", changed(&|s| (s.members, s.speaker) = (crowd(MAX_MEMBERS), None)), "ok"),
        (
            "one-member-more",
            changed(&|s| (s.members, s.speaker) = (crowd(MAX_MEMBERS + 1), None)),
            "too-many-members",
        ),
        ("version-2", encode(2, &founding), "unknown-version 2"),
        ("a-trailing-byte", trailing, "not-canonical"),
        ("cut-short", encode(1, &founding)[..100].to_vec(), "malformed"),
        ("members-out-of-order", changed(&|s| s.members.reverse()), "order"),
        ("a-member-twice", changed(&|s| s.members[1] = s.members[0].clone()), "order"),
        ("another-threads-id", changed(&|s| s.thread = ThreadId::from_bytes([9; 32])), "wrong-thread-id"),
        ("another-nonce", changed(&|s| s.nonce = [8; 16]), "wrong-thread-id"),
        (
            "a-business-with-itself",
            changed(&|s| {
                s.guest = s.host;
                s.thread = ThreadId::derive(&s.host, &s.guest, &s.nonce);
            }),
            "same-principal",
        ),
        (
            "a-speaker-who-is-not-there",
            changed(&|s| s.speaker = Some(DeviceId::from_bytes([9; 32]))),
            "speaker-not-member",
        ),
    ]
}

fn answer(bytes: &[u8]) -> String {
    match ThreadState::decode(bytes) {
        Ok(state) => {
            assert_eq!(state.encode().unwrap(), bytes);
            "ok".to_owned()
        }
        Err(StateError::Decode(DecodeError::TooLong { .. })) => "too-long".to_owned(),
        Err(StateError::Decode(DecodeError::Malformed)) => "malformed".to_owned(),
        Err(StateError::Decode(DecodeError::NotCanonical)) => "not-canonical".to_owned(),
        Err(StateError::Decode(DecodeError::UnknownVersion { found, .. })) => {
            format!("unknown-version {found}")
        }
        Err(StateError::TooManyMembers(_)) => "too-many-members".to_owned(),
        Err(StateError::Order) => "order".to_owned(),
        Err(StateError::WrongThreadId) => "wrong-thread-id".to_owned(),
        Err(StateError::SamePrincipal) => "same-principal".to_owned(),
        Err(StateError::SpeakerNotMember) => "speaker-not-member".to_owned(),
    }
}

#[test]
fn the_file_holds_what_the_cases_say() {
    let mut text = String::from("# Thread states to decode. See README.md.\n");
    for (name, state, expect) in cases() {
        let state: String = state.iter().map(|byte| format!("{byte:02x}")).collect();
        writeln!(text, "\nname: {name}\nstate: {state}\nexpect: {expect}").unwrap();
    }
    if std::env::var_os("FRONTDESK_BLESS").is_some() {
        fs::write(FILE, &text).unwrap();
    }
    assert!(fs::read_to_string(FILE).unwrap() == text, "states.txt differs; see vectors/README.md");
}

#[test]
fn every_state_gets_the_answer_that_its_vector_names() {
    let text = fs::read_to_string(FILE).unwrap();
    let field = |record: &str, name: &str| {
        let line = record.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")).map(str::to_owned));
        line.unwrap()
    };
    let records: Vec<&str> = text.split("\n\n").skip(1).collect();
    assert_eq!(records.len(), cases().len());
    for record in records {
        let hex = field(record, "state");
        let bytes: Vec<u8> =
            (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect();
        assert_eq!(answer(&bytes), field(record, "expect"), "{}", field(record, "name"));
    }
}
