//! Hostile bytes into running engines, from strangers, colleagues and members.
//!
//! `FRONTDESK_FUZZ_CASES` sets how many frames are tried in all (default 24,000).
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use frontdesk_engine::{Answer, Command, HistoryChoice, Query, Role};
use frontdesk_identity::InvitationId;
use frontdesk_sim::{Adversary, Fate, NodeId, Shown, Siege};
use frontdesk_wire::{Body, Data, Frame, JoinRefused, LinkSeq, Reason};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};
use serde_bytes::ByteBuf;
use std::collections::BTreeSet;

const DAY: u64 = 24 * 3600;

fn cases() -> usize {
    std::env::var("FRONTDESK_FUZZ_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(24_000)
}

/// A siege, and bodies of every kind that honest nodes send.
fn corpus() -> (Siege, Vec<Vec<u8>>) {
    let mut siege = Siege::lay(HistoryChoice::All, DAY).unwrap();
    let mut play = siege.fork(9).unwrap();
    let (acme, carla, ana, ben, thread) = (play.acme, play.carla, play.ana, play.ben, play.thread);
    play.office.enrol("Carla's cousin", Role::Bot).unwrap();
    play.office.contact("another matter").unwrap();
    play.office.ask_forward(ana, thread, ben, (HistoryChoice::All, DAY, true)).unwrap();
    play.settle().unwrap();
    let backup = play.office.world.copy_of(ben).unwrap();
    play.office.world.restore(ben, backup).unwrap();
    play.settle().unwrap();
    let backup = play.office.world.copy_of(acme).unwrap();
    play.office.world.restore(acme, backup).unwrap();
    play.settle().unwrap();
    play.office.world.part(ana, carla).unwrap();
    play.office.world.stop(carla).unwrap();
    play.office.world.relocate(ana, 4_711).unwrap();
    play.office.world.pass(2_000).unwrap();
    play.office.world.relocate_stopped(carla, 4_712).unwrap();
    play.office.world.revive(carla).unwrap();
    play.settle().unwrap();
    let device = play.device(ben).unwrap();
    play.office.world.command(acme, Command::RemoveDevice { device }).unwrap();
    play.settle().unwrap();
    let declined = JoinRefused { invitation: InvitationId::from_bytes([7; 8]), reason: Reason::Declined };
    let both = siege.bodies(0..).chain(play.bodies(0..)).chain([Body::JoinRefused(declined)]);
    // What a member may wish for is no attack, however it is worded.
    let bodies = both.filter(|body| !matches!(body, Body::ForwardRequest(_)));
    let kinds: BTreeSet<(&str, Vec<u8>)> = bodies.map(|body| (body.kind(), body.encode().unwrap())).collect();
    let names: BTreeSet<&str> = kinds.iter().map(|(kind, _)| *kind).collect();
    assert_eq!(names.len(), 24, "all but the wish to forward: {names:?}");
    siege.office.world.tape_off();
    (siege, kinds.into_iter().map(|(_, bytes)| bytes).collect())
}

fn pick(rng: &mut ChaCha20Rng, below: usize) -> usize {
    usize::try_from(rng.next_u32()).unwrap() % below.max(1)
}

/// Changes bytes in one of the ways that find bugs. What comes out is never what went in.
fn mutate(rng: &mut ChaCha20Rng, corpus: &[Vec<u8>], bytes: &[u8]) -> Vec<u8> {
    let mut out = bytes.to_vec();
    match pick(rng, 7) {
        0 => out.truncate(pick(rng, bytes.len())),
        1 => out.extend((0..=pick(rng, 40)).map(|_| 0x5a)),
        2 => {
            let other = &corpus[pick(rng, corpus.len())];
            out.truncate(pick(rng, bytes.len()));
            out.extend_from_slice(&other[pick(rng, other.len())..]);
        }
        3 => {
            let at = pick(rng, bytes.len());
            let end = (at + 1 + pick(rng, 16)).min(bytes.len());
            out.drain(at..end);
        }
        4 => out = (0..pick(rng, 300)).map(|_| rng.next_u32().to_le_bytes()[0]).collect(),
        5 => {
            // A head of CBOR that promises much.
            let at = pick(rng, bytes.len());
            out[at] = [0x9b, 0x5b, 0x7b, 0xbb, 0x9f, 0x5f, 0xfb, 0x1b][pick(rng, 8)];
        }
        _ => {
            for _ in 0..=pick(rng, 4) {
                let at = pick(rng, bytes.len());
                out[at] ^= 1 << pick(rng, 8);
            }
        }
    }
    if out == bytes { vec![0xff] } else { out }
}

/// All that a node's owner could notice.
fn visible(siege: &Siege, node: NodeId) -> (Shown, Vec<String>) {
    let ask = |query: &Query| siege.office.world.query(node, query).unwrap();
    let Answer::Status(status) = ask(&Query::Status) else { panic!("no status") };
    let Answer::Devices(devices) = ask(&Query::Devices) else { panic!("no devices") };
    let devices: Vec<_> = devices.into_iter().map(|view| (view.device, view.role, view.removed)).collect();
    let rest = vec![
        format!("{:?} {:?} {:?} {}", status.standing, status.name, status.principal, status.threads),
        format!("{devices:?}"),
        format!("{:?}", ask(&Query::Requests)),
    ];
    (siege.shown(node).unwrap(), rest)
}

/// Throws mutated frames and bodies at a node. Answers how many came as far as a refusal with a reason.
fn pelt(siege: &mut Siege, by: &mut Adversary, victim: NodeId, bodies: &[Vec<u8>], count: usize) -> usize {
    let mut rng = ChaCha20Rng::seed_from_u64(0xf422);
    let before = visible(siege, victim);
    let stored = siege.office.world.count(victim, b"").unwrap();
    let mut refused = 0;
    for case in 0..count {
        let world = &mut siege.office.world;
        if !world.are_connected(by.node, victim) {
            world.pass(61_000).unwrap();
            by.meet(world, victim).unwrap();
        }
        let body = &bodies[pick(&mut rng, bodies.len())];
        let body = mutate(&mut rng, bodies, body);
        if case % 5 == 0 {
            let seq = LinkSeq(u64::from(rng.next_u32()) << 20);
            let frame = Frame::Data(Data { seq, body: ByteBuf::from(body) }).encode().unwrap();
            let frame = if case % 10 == 0 { mutate(&mut rng, bodies, &frame) } else { frame };
            world.inject(by.node, victim, frame).unwrap();
        } else if let Fate::Refused(_) = by.send_bytes(world, victim, body).unwrap() {
            refused += 1;
        }
        if case % 500 == 0 {
            assert_eq!(visible(siege, victim), before, "case {case} changed something");
        }
    }
    assert_eq!(visible(siege, victim), before, "something has changed");
    let after = siege.office.world.count(victim, b"").unwrap();
    assert!(after < stored + 700, "the disk fills up: {stored} records before, {after} after");
    refused
}

fn survives(attacker: impl Fn(&mut Siege, NodeId) -> Adversary) {
    let (base, bodies) = corpus();
    for victim in [base.acme, base.carla] {
        let mut siege = base.fork(3).unwrap();
        siege.office.world.tape_off();
        let mut by = attacker(&mut siege, victim);
        let count = cases() / 6;
        let refused = pelt(&mut siege, &mut by, victim, &bodies, count);
        assert!(refused * 2 > count, "only {refused} of {count} came as far as a refusal");
        siege.goes_on().unwrap();
    }
}

#[test]
fn hostile_bytes_of_a_stranger_change_nothing() {
    survives(|siege, victim| siege.stranger(&[victim]).unwrap());
}

#[test]
fn hostile_bytes_of_a_colleague_change_nothing() {
    survives(|siege, victim| siege.take_over(siege.ben, &[victim]).unwrap());
}

#[test]
fn hostile_bytes_of_a_member_change_nothing() {
    survives(|siege, victim| siege.take_over(siege.ana, &[victim]).unwrap());
}
