//! Frames that have no number to be refused by, since they don't decode or say what can't be.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use frontdesk_engine::{Event, HistoryChoice, limits::MAX_MALFORMED};
use frontdesk_identity::codec;
use frontdesk_sim::{Adversary, NodeId, Siege};
use frontdesk_wire::{Ack, Frame, LinkSeq, Reason, Unusable, limits};
use serde_bytes::ByteBuf;

fn besieged() -> (Siege, Adversary) {
    let mut siege = Siege::lay(HistoryChoice::All, 24 * 3600).unwrap();
    let acme = siege.acme;
    let stranger = siege.stranger(&[acme]).unwrap();
    (siege, stranger)
}

/// What a node was told of its frames that could not be used.
fn told(siege: &Siege, to: NodeId) -> Vec<Unusable> {
    let sent = siege.office.world.tape().iter().filter(|sent| sent.to == to);
    let refused = sent.filter_map(|sent| match Frame::decode(&sent.frame) {
        Ok(Frame::Unusable(unusable)) => Some(unusable),
        _ => None,
    });
    refused.collect()
}

fn sent_by(siege: &Siege, node: NodeId) -> usize {
    siege.office.world.tape().iter().filter(|sent| sent.from == node).count()
}

fn details(siege: &Siege, node: NodeId) -> Vec<(Reason, String)> {
    let events = siege.office.world.node(node).unwrap().events.iter();
    let found = events.filter_map(|event| {
        let Event::Security { reason, detail, .. } = event else { return None };
        Some((*reason, detail.clone()))
    });
    found.collect()
}

fn unusable(reason: Reason, found: Option<u64>) -> Unusable {
    Unusable { reason, found, speaks: 1 }
}

#[test]
fn who_sends_what_can_not_be_used_is_told_why_and_both_versions() {
    let (mut siege, mut stranger) = besieged();
    let (acme, node) = (siege.acme, stranger.node);
    let later = codec::encode(&(7_u64, "a frame of a later version")).unwrap();
    let kind = codec::encode(&(1_u64, 9_u8, ByteBuf::from(vec![0x80]))).unwrap();
    let cases = [
        (later, unusable(Reason::UnknownVersion, Some(7))),
        (kind, unusable(Reason::UnknownVersion, Some(1))),
        (vec![0xff, 0x00], unusable(Reason::Malformed, None)),
        (vec![0; limits::MAX_FRAME + 1], unusable(Reason::TooLong, None)),
    ];
    for (bytes, expected) in cases {
        // Each on a connection of its own: a reason is told once.
        stranger.begin_anew(&mut siege.office.world, acme).unwrap();
        let before = told(&siege, node).len();
        siege.office.world.inject(node, acme, bytes).unwrap();
        assert_eq!(told(&siege, node).split_off(before), [expected]);
    }
    let before = told(&siege, node).len();
    stranger.begin_anew(&mut siege.office.world, acme).unwrap();
    let far = LinkSeq(1 << 40);
    let ack = Ack { stored: far, delivered: far, refused: Vec::new() };
    stranger.frame(&mut siege.office.world, acme, &Frame::Ack(ack)).unwrap();
    assert_eq!(told(&siege, node).split_off(before), [Unusable::untrue()]);
    siege.goes_on().unwrap();
}

#[test]
fn a_reason_is_told_once_on_a_connection_so_nobody_gets_more_out_of_a_node_than_it_sends() {
    let (mut siege, stranger) = besieged();
    let (acme, node) = (siege.acme, stranger.node);
    for _ in 1..MAX_MALFORMED {
        siege.office.world.inject(node, acme, vec![0xff]).unwrap();
    }
    assert_eq!(told(&siege, node), [unusable(Reason::Malformed, None)]);
    assert!(siege.office.world.are_connected(node, acme));
    siege.goes_on().unwrap();
}

#[test]
fn the_owner_hears_of_a_peer_that_speaks_another_version_and_the_refusal_is_not_refused() {
    let (mut siege, mut stranger) = besieged();
    let acme = siege.acme;
    let refusal = Unusable { reason: Reason::UnknownVersion, found: Some(1), speaks: 7 };
    let before = sent_by(&siege, acme);
    stranger.frame(&mut siege.office.world, acme, &Frame::Unusable(refusal)).unwrap();
    siege.settle().unwrap();
    let detail = "could not use a frame of this node, of version 1; it speaks version 7";
    assert_eq!(details(&siege, acme), [(Reason::UnknownVersion, detail.to_owned())]);
    assert_eq!(sent_by(&siege, acme), before, "a refusal was answered");
    siege.goes_on().unwrap();
}

#[test]
fn a_peer_that_refuses_again_and_again_is_disconnected_and_gets_no_word_for_it() {
    let (mut siege, mut stranger) = besieged();
    let (acme, node) = (siege.acme, stranger.node);
    let before = sent_by(&siege, acme);
    for _ in 0..MAX_MALFORMED {
        assert!(siege.office.world.are_connected(node, acme));
        let refusal = Frame::Unusable(Unusable::untrue());
        stranger.frame(&mut siege.office.world, acme, &refusal).unwrap();
    }
    assert!(siege.office.world.are_connected(node, acme), "the first of a reason is lawful");
    stranger.frame(&mut siege.office.world, acme, &Frame::Unusable(Unusable::untrue())).unwrap();
    assert!(!siege.office.world.are_connected(node, acme));
    assert_eq!(sent_by(&siege, acme), before);
    siege.goes_on().unwrap();
}
