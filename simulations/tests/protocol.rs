//! Everything else that is sent around a thread, by those who may not send it.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use frontdesk_capability::{Abilities, Ability, History, Revocation, RevocationBytes};
use frontdesk_engine::{Answer, Event, HistoryChoice, Query, Role, limits::MAX_MALFORMED};
use frontdesk_identity::{DeviceId, UnixTime, codec};
use frontdesk_sim::{
    Business, Fare, Fate, Forge, NodeId, Siege,
    office::{PATIENCE, is_in, stock, texts, told},
};
use frontdesk_store::{Reader as _, Scan};
use frontdesk_thread::Suite;
use frontdesk_wire::{
    Ack, Body, Content, ContentKind, Data, ForwardAnswer, ForwardPayload, ForwardRequest, Frame,
    HistoryPiece, KeyPackages, LinkSeq, Position, Reason, RefillRequest, Rejoin, RequestId, Revoked, Roster,
    RosterEntry, Seq, SignedContent, limits,
};
use serde_bytes::ByteBuf;

const DAY: u64 = 24 * 3600;

fn siege() -> Siege {
    Siege::lay(HistoryChoice::All, DAY).unwrap()
}

fn request(siege: &Siege, to: NodeId, history: History) -> Body {
    request_for(siege, siege.device(to).unwrap(), history)
}

fn request_for(siege: &Siege, to: DeviceId, history: History) -> Body {
    Body::ForwardRequest(ForwardRequest {
        request: RequestId::from_bytes([1; 16]),
        thread: siege.thread,
        to: Some(to),
        history,
        lasts: 3600,
        hand_over: false,
        note: String::new(),
    })
}

#[test]
fn nobody_but_a_member_on_the_hosts_side_may_ask_for_a_forward() {
    let mut siege = siege();
    let (acme, ben) = (siege.acme, siege.ben);
    let body = request(&siege, ben, History::All);
    let mut stranger = siege.stranger(&[acme]).unwrap();
    siege.refuses(&mut stranger, acme, &body, Reason::NotMember).unwrap();
    let mut colleague = siege.take_over(ben, &[acme]).unwrap();
    siege.refuses(&mut colleague, acme, &body, Reason::NotMember).unwrap();
    // Its greeting was that of a new life: what was in stock of it is gone.
    let package = colleague.key_package(siege.now(), Suite::Classic).unwrap().as_slice().to_vec();
    let packages =
        KeyPackages { packages: vec![ByteBuf::from(package)], last_resort: ByteBuf::new(), reset: true };
    colleague.send(&mut siege.office.world, acme, &Body::KeyPackages(packages)).unwrap();
    let mut carla = siege.take_over(siege.carla, &[acme]).unwrap();
    siege.refuses(&mut carla, acme, &body, Reason::NotMember).unwrap();
    assert!(siege.accused(acme, Reason::NotMember));
    let mut ana = siege.take_over(siege.ana, &[acme]).unwrap();
    assert_eq!(ana.send(&mut siege.office.world, acme, &body).unwrap(), Fate::Delivered);
}

#[test]
fn a_member_can_not_pass_on_more_history_than_it_has() {
    let mut siege = Siege::lay(HistoryChoice::Last(1), DAY).unwrap();
    let (acme, ben) = (siege.acme, siege.ben);
    let mut ana = siege.take_over(siege.ana, &[acme]).unwrap();
    for wider in [History::All, History::From { era: 0, position: 1 }] {
        let body = request(&siege, ben, wider);
        siege.refuses(&mut ana, acme, &body, Reason::GrantWidened).unwrap();
    }
    let body = request(&siege, ben, History::From { era: 0, position: 100 });
    assert_eq!(ana.send(&mut siege.office.world, acme, &body).unwrap(), Fate::Delivered);
    siege.goes_on().unwrap();
}

#[test]
fn a_member_without_the_ability_to_forward_is_refused() {
    let mut siege = siege();
    let (acme, ben) = (siege.acme, siege.ben);
    let device = siege.device(ben).unwrap();
    // The steward's own hand gives Ben less than its engine would.
    let mut steward = siege.take_over(acme, &[]).unwrap();
    let less: Abilities = [Ability::Read, Ability::Write].into_iter().collect();
    steward.bring_in(siege.now(), siege.thread, device, (less, History::All)).unwrap();
    steward.give_back(&mut siege.office.world).unwrap();
    let mut ben = siege.take_over(ben, &[acme]).unwrap();
    let body = request(&siege, siege.ana, History::All);
    siege.refuses(&mut ben, acme, &body, Reason::GrantLacksAbility).unwrap();
    assert!(siege.accused(acme, Reason::GrantLacksAbility));
}

#[test]
fn a_wish_for_a_device_that_is_none_is_refused_and_an_answer_that_nobody_gave_is_not_believed() {
    let mut siege = siege();
    let (acme, ana) = (siege.acme, siege.ana);
    let answer = ForwardAnswer { request: RequestId::from_bytes([1; 16]), thread: siege.thread };
    let mut stranger = siege.stranger(&[ana]).unwrap();
    siege.refuses(&mut stranger, ana, &Body::ForwardAnswer(answer), Reason::NotSteward).unwrap();
    let mut ana = siege.take_over(ana, &[acme]).unwrap();
    let body = request_for(&siege, stranger.keys.id(), History::All);
    siege.refuses(&mut ana, acme, &body, Reason::UnknownDevice).unwrap();
    for member in [siege.carla, acme, siege.ana] {
        let body = request(&siege, member, History::All);
        siege.refuses(&mut ana, acme, &body, Reason::AlreadyMember).unwrap();
    }
    siege.goes_on().unwrap();
}

fn payload(siege: &Siege, to: NodeId) -> ForwardPayload {
    let sent = siege.sent(siege.acme, to).into_iter().rev();
    let mut payloads = sent.filter_map(|body| {
        let Body::ForwardPayload(payload) = body else { return None };
        Some(payload)
    });
    payloads.next().unwrap()
}

#[test]
fn a_forward_payload_counts_for_its_device_from_its_steward_and_once() {
    let mut siege = siege();
    let (ana, ben, acme, thread) = (siege.ana, siege.ben, siege.acme, siege.thread);
    let anas = payload(&siege, ana);
    let mut stranger = siege.stranger(&[ana, ben]).unwrap();
    let again = Body::ForwardPayload(anas.clone());
    let fate = stranger.send(&mut siege.office.world, ana, &again).unwrap();
    assert!(matches!(fate, Fate::Refused(Reason::Admission | Reason::NoKeyPackage)), "{fate:?}");
    siege.refuses(&mut stranger, ben, &again, Reason::GrantWrongAudience).unwrap();
    let forged = Body::ForwardPayload(ForwardPayload { chain: Forge::spoil(&anas.chain), ..anas.clone() });
    siege.refuses(&mut stranger, ben, &forged, Reason::GrantForged).unwrap();
    // Ben's own payload is overtaken by the same one from Ana, who is not the steward.
    siege.office.world.set_fares([Fare::After(10_000); 8]);
    siege.office.ask_forward(acme, thread, ben, (HistoryChoice::All, DAY, false)).unwrap();
    siege.office.world.set_fares([]);
    let bens = Body::ForwardPayload(payload(&siege, ben));
    let mut ana = siege.take_over(ana, &[ben]).unwrap();
    siege.refuses(&mut ana, ben, &bens, Reason::NotSteward).unwrap();
    assert!(!is_in(&siege.office.world, ben, thread));
    siege.office.world.until("the true payload", PATIENCE, |world| is_in(world, ben, thread)).unwrap();
    siege.office.say(ben, thread, "Ben here").unwrap();
    siege
        .office
        .world
        .until("Ben's text", PATIENCE, |world| texts(world, acme, thread).contains(&"Ben here".into()))
        .unwrap();
    siege.goes_on().unwrap();
}

/// Carla's messages as their author signed them, from the steward's disk.
fn signed(store: &frontdesk_store::MemoryStore) -> Vec<SignedContent> {
    type Record = (u8, (Option<SignedContent>, String, UnixTime, Vec<u64>));
    let entries = store.scan(&Scan::prefix(b"h/")).unwrap().into_iter();
    let entries = entries.filter_map(|(_, bytes)| codec::decode::<Record>(&bytes, 1 << 20).ok());
    entries.filter_map(|(_, (content, ..))| content).collect()
}

#[test]
fn history_comes_in_turn_within_its_bound_and_in_its_authors_words() {
    let mut siege = siege();
    let (ben, thread, now) = (siege.ben, siege.thread, siege.now());
    let device = siege.device(ben).unwrap();
    let mut steward = siege.take_over(siege.acme, &[ben]).unwrap();
    let past = signed(&steward.store);
    let (two, place) = past
        .iter()
        .find_map(|signed| {
            let content = signed.verify().unwrap();
            (content.kind == ContentKind::Text("two".into())).then(|| (signed.clone(), content.position))
        })
        .unwrap();
    let bound = History::From { era: 0, position: place.0 };
    let (committed, chain) = steward
        .bring_in(
            now,
            thread,
            device,
            (Abilities::ALL.iter().filter(|a| [Ability::Read, Ability::Write].contains(a)).collect(), bound),
        )
        .unwrap();
    let payload = ForwardPayload {
        thread,
        era: 0,
        chain,
        welcome: ByteBuf::from(committed.welcome.unwrap().as_slice().to_vec()),
        addresses: Vec::new(),
        heads: Vec::new(),
        position: Position(20),
        pieces: 2,
        note: String::new(),
    };
    let fate = steward.send(&mut siege.office.world, ben, &Body::ForwardPayload(payload)).unwrap();
    assert_eq!(fate, Fate::Delivered);
    let piece = |steward: &mut frontdesk_sim::Adversary, index: u32, contents: &[SignedContent]| {
        let plaintext = codec::encode(&contents).unwrap();
        let sealed =
            steward.in_thread(now, thread, |ctx, keys| keys.seal_history(ctx, &device, index, &plaintext));
        let sealed = sealed.unwrap().unwrap();
        Body::HistoryPiece(HistoryPiece { thread, era: 0, index, sealed: ByteBuf::from(sealed) })
    };
    let rewrite = |content: Content| content.sign(steward.keys.signing()).unwrap();
    let truth = two.verify().unwrap();
    let rewritten = rewrite(Content { kind: ContentKind::Text("never said".into()), ..truth.clone() });
    // Two lives of one author, who was put back to a backup in between: which comes first, stays.
    let life = |seq, text: &str| {
        let kind = ContentKind::Text(text.into());
        let (author, position) = (steward.keys.id(), Position(19));
        rewrite(Content { author, seq: Seq(seq), position, kind, seen: Vec::new(), ..truth.clone() })
    };
    let two_lives = [life(17, "in one life"), life(18, "in another")];
    let elsewhere = rewrite(Content {
        thread: frontdesk_identity::ThreadId::from_bytes([1; 32]),
        author: steward.keys.id(),
        ..truth
    });
    let cases = [
        (1, vec![two.clone()], Reason::Malformed),
        (0, vec![past.first().unwrap().clone()], Reason::BadContent),
        (0, vec![two.clone(), rewritten], Reason::BadContent),
        (0, vec![elsewhere], Reason::BadContent),
    ];
    for (index, contents, reason) in cases {
        let body = piece(&mut steward, index, &contents);
        siege.refuses(&mut steward, ben, &body, reason).unwrap();
    }
    let garbage = HistoryPiece { thread, era: 0, index: 0, sealed: ByteBuf::from(vec![1; 200]) };
    siege.refuses(&mut steward, ben, &Body::HistoryPiece(garbage), Reason::Undecryptable).unwrap();
    let body = piece(&mut steward, 0, &[two]);
    let mut ana = siege.take_over(siege.ana, &[ben]).unwrap();
    siege.refuses(&mut ana, ben, &body, Reason::NotSteward).unwrap();
    assert_eq!(steward.send(&mut siege.office.world, ben, &body).unwrap(), Fate::Delivered);
    assert_eq!(texts(&siege.office.world, ben, thread), ["two"]);
    siege.refuses(&mut steward, ben, &body, Reason::Malformed).unwrap();
    let last = piece(&mut steward, 1, &two_lives);
    let events = siege.office.world.node(ben).unwrap().events.len();
    assert_eq!(steward.send(&mut siege.office.world, ben, &last).unwrap(), Fate::Delivered);
    assert_eq!(texts(&siege.office.world, ben, thread), ["two", "in one life"]);
    let new = siege.office.world.node(ben).unwrap().events.get(events..).unwrap();
    assert!(!new.iter().any(|event| matches!(event, Event::Security { .. })));
    siege.refuses(&mut steward, ben, &last, Reason::Malformed).unwrap();
}

#[test]
fn only_a_member_rejoins_and_only_as_itself() {
    let mut siege = siege();
    let (acme, thread, now) = (siege.acme, siege.thread, siege.now());
    let rejoin = |package: Vec<u8>| Body::Rejoin(Rejoin { thread, key_package: ByteBuf::from(package) });
    let mut stranger = siege.stranger(&[acme]).unwrap();
    let foreign = stranger.key_package(now, Suite::Classic).unwrap().as_slice().to_vec();
    siege.refuses(&mut stranger, acme, &rejoin(foreign.clone()), Reason::NotMember).unwrap();
    let mut ben = siege.take_over(siege.ben, &[acme]).unwrap();
    let bens = ben.key_package(now, Suite::Classic).unwrap().as_slice().to_vec();
    siege.refuses(&mut ben, acme, &rejoin(bens.clone()), Reason::NotMember).unwrap();
    let mut ana = siege.take_over(siege.ana, &[acme]).unwrap();
    for package in [foreign, bens, vec![0; 40], Vec::new()] {
        siege.refuses(&mut ana, acme, &rejoin(package), Reason::NoKeyPackage).unwrap();
    }
    let other_suite = ana.key_package(now, Suite::Hybrid).unwrap().as_slice().to_vec();
    siege.refuses(&mut ana, acme, &rejoin(other_suite), Reason::NoKeyPackage).unwrap();
    siege.goes_on().unwrap();
    let own = ana.key_package(now, Suite::Classic).unwrap().as_slice().to_vec();
    assert_eq!(ana.send(&mut siege.office.world, acme, &rejoin(own)).unwrap(), Fate::Delivered);
    siege.goes_on().unwrap();
}

#[test]
fn missed_messages_are_sealed_again_for_members_and_within_their_bound() {
    let mut siege = Siege::lay(HistoryChoice::Last(1), DAY).unwrap();
    let (carla, thread) = (siege.carla, siege.thread);
    let author = siege.device(carla).unwrap();
    let refill = |from: u64, to: u64| {
        Body::RefillRequest(RefillRequest { thread, era: 0, author, from: Seq(from), to: Seq(to) })
    };
    let mut stranger = siege.stranger(&[carla]).unwrap();
    siege.refuses(&mut stranger, carla, &refill(1, 4), Reason::NotMember).unwrap();
    let mut ben = siege.take_over(siege.ben, &[carla]).unwrap();
    siege.refuses(&mut ben, carla, &refill(1, 4), Reason::NotMember).unwrap();
    let mut ana = siege.take_over(siege.ana, &[carla]).unwrap();
    for (from, to) in [(1, 1), (1, 3), (3, 3)] {
        siege.refuses(&mut ana, carla, &refill(from, to), Reason::GrantLacksAbility).unwrap();
    }
    siege.refuses(&mut ana, carla, &refill(60, 100), Reason::BadContent).unwrap();
    for (from, to) in [(4, 1000), (u64::MAX - 3, u64::MAX), (u64::MAX, u64::MAX)] {
        siege.refuses(&mut ana, carla, &refill(from, to), Reason::Malformed).unwrap();
    }
    for from in [4, 3, 1] {
        let heard = ana.heard(carla).len();
        assert_eq!(ana.send(&mut siege.office.world, carla, &refill(from, 4)).unwrap(), Fate::Delivered);
        ana.listen(&mut siege.office.world).unwrap();
        assert_eq!(ana.heard(carla).len(), heard + 1, "the one that it may read, from {from} on");
    }
    siege.goes_on().unwrap();
}

#[test]
fn key_packages_are_taken_from_the_device_that_they_are_of() {
    let mut siege = siege();
    let (acme, now) = (siege.acme, siege.now());
    let (ana, ben) = (siege.device(siege.ana).unwrap(), siege.device(siege.ben).unwrap());
    let body = |package: Vec<u8>, last: Vec<u8>| {
        Body::KeyPackages(KeyPackages {
            packages: vec![ByteBuf::from(package)],
            last_resort: ByteBuf::from(last),
            reset: false,
        })
    };
    let of_ben = stock(&siege.office.world, acme, ben);
    let mut stranger = siege.stranger(&[acme]).unwrap();
    let foreign = stranger.key_package(now, Suite::Hybrid).unwrap().as_slice().to_vec();
    siege.refuses(&mut stranger, acme, &body(foreign.clone(), Vec::new()), Reason::GrantMissing).unwrap();
    let mut rogue = siege.take_over(siege.ana, &[acme]).unwrap();
    let own = rogue.key_package(now, Suite::Hybrid).unwrap().as_slice().to_vec();
    siege.refuses(&mut rogue, acme, &body(foreign.clone(), Vec::new()), Reason::GrantWrongAudience).unwrap();
    siege.refuses(&mut rogue, acme, &body(own.clone(), foreign), Reason::GrantWrongAudience).unwrap();
    siege.refuses(&mut rogue, acme, &body(vec![1, 2, 3], Vec::new()), Reason::NoKeyPackage).unwrap();
    // It greets as in a new life, and so nothing is left of the old one.
    assert_eq!((stock(&siege.office.world, acme, ana), stock(&siege.office.world, acme, ben)), (0, of_ben));
    let fate = rogue.send(&mut siege.office.world, acme, &body(own.clone(), Vec::new())).unwrap();
    assert_eq!(fate, Fate::Delivered);
    let mut fate = Fate::Delivered;
    for _ in 0..120 {
        fate = rogue.send(&mut siege.office.world, acme, &body(own.clone(), Vec::new())).unwrap();
    }
    assert_eq!(fate, Fate::Refused(Reason::Busy), "the stock is bounded");
    assert_eq!(stock(&siege.office.world, acme, ana), 100);
    siege.goes_on().unwrap();
}

#[test]
fn the_roster_is_an_administrators_to_tell() {
    let mut siege = siege();
    let (ben, acme) = (siege.ben, siege.acme);
    let other = Business::found(&mut siege.office.world).unwrap();
    let roster = Body::Roster(Roster {
        number: 9,
        profile: other.profile(1, other.chain.bytes().clone()).unwrap(),
        devices: vec![RosterEntry {
            record: other.device.record.signed().clone(),
            chain: other.chain.bytes().clone(),
            role: Role::Admin.into(),
            name: "Mallory".into(),
        }],
        revocations: Vec::new(),
    });
    let devices = |siege: &Siege| siege.office.world.query(ben, &Query::Devices).unwrap();
    let before = devices(&siege);
    let mut stranger = siege.stranger(&[ben]).unwrap();
    siege.refuses(&mut stranger, ben, &roster, Reason::GrantMissing).unwrap();
    let mut ana = siege.take_over(siege.ana, &[ben]).unwrap();
    let fate = ana.send(&mut siege.office.world, ben, &roster).unwrap();
    assert!(matches!(fate, Fate::Refused(Reason::GrantLacksAbility | Reason::GrantMissing)), "{fate:?}");
    // Even an administrator can't bring in another business's devices or profile.
    let mut steward = siege.take_over(acme, &[ben]).unwrap();
    siege.refuses(&mut steward, ben, &roster, Reason::GrantForged).unwrap();
    let Answer::Devices(shown) = devices(&siege) else { panic!("no devices") };
    let Answer::Devices(before) = before else { panic!("no devices") };
    let ids = |views: &[frontdesk_engine::DeviceView]| -> Vec<(DeviceId, bool)> {
        views.iter().map(|view| (view.device, view.removed)).collect()
    };
    assert_eq!(ids(&shown), ids(&before));
}

#[test]
fn revocations_speak_for_themselves_or_not_at_all() {
    let mut siege = siege();
    let (acme, ben, carla, thread) = (siege.acme, siege.ben, siege.carla, siege.thread);
    let chain = siege.office.world.node(ben).unwrap().engine().unwrap().own_grant().unwrap().clone();
    let entity = siege.office.entity().unwrap();
    let chain = chain.verify(&entity, siege.now(), &frontdesk_capability::Revocations::new()).unwrap();
    let mut stranger = siege.stranger(&[acme, carla]).unwrap();
    let by = |key: &frontdesk_identity::SecretSigningKey, target| {
        Revocation::issue(key, &entity, target, siege.now()).unwrap().into_bytes()
    };
    let bens = by(stranger.keys.signing(), chain.leaf().id);
    let mut spoilt = bens.as_slice().to_vec();
    *spoilt.last_mut().unwrap() ^= 1;
    let revoked = |bytes: RevocationBytes| Body::Revoked(Revoked { revocations: vec![bytes] });
    for victim in [acme, carla] {
        siege.refuses(&mut stranger, victim, &revoked(bens.clone()), Reason::GrantMissing).unwrap();
    }
    // A colleague may hand on revocations: a forged one is refused, and one that it may not issue is without effect.
    let mut ana = siege.take_over(siege.ana, &[acme]).unwrap();
    siege.refuses(&mut ana, acme, &revoked(RevocationBytes::new(spoilt)), Reason::GrantForged).unwrap();
    siege
        .refuses(&mut ana, acme, &revoked(RevocationBytes::new(vec![0x80])), Reason::GrantMalformed)
        .unwrap();
    for target in chain.grant_ids().collect::<Vec<_>>() {
        let own = Revocation::issue(ana.keys.signing(), &entity, target, siege.now()).unwrap().into_bytes();
        ana.send(&mut siege.office.world, acme, &revoked(own)).unwrap();
    }
    siege.office.forward(thread, ben, HistoryChoice::All, false).unwrap();
    assert!(!told(&siege.office.world, acme, |event| matches!(event, Event::DeviceRemoved { .. })));
    siege.goes_on().unwrap();
}

/// What the node tells its owner of broken rules: the finer causes.
fn causes(siege: &Siege, node: NodeId) -> Vec<String> {
    let events = siege.office.world.node(node).unwrap().events.iter();
    events
        .filter_map(|event| {
            let Event::Security { detail, .. } = event else { return None };
            Some(detail.clone())
        })
        .collect()
}

#[test]
fn an_acknowledgement_of_what_was_never_sent_is_void() {
    let mut siege = siege();
    let (acme, thread) = (siege.acme, siege.thread);
    siege.office.world.part(acme, siege.carla).unwrap();
    siege.office.say(acme, thread, "on its way").unwrap();
    let mut ana = siege.take_over(siege.ana, &[acme]).unwrap();
    let before = siege.shown(acme).unwrap();
    let far = LinkSeq(1 << 40);
    let ack = Ack { stored: far, delivered: far, refused: Vec::new() };
    ana.frame(&mut siege.office.world, acme, &Frame::Ack(ack)).unwrap();
    assert_eq!(siege.shown(acme).unwrap(), before);
    assert_eq!(causes(&siege, acme), ["acknowledges what was never sent"]);
    siege.office.world.mend(acme, siege.carla);
    siege.goes_on().unwrap();
}

#[test]
fn a_peer_that_keeps_sending_malformed_frames_is_disconnected_and_the_others_are_served() {
    let mut siege = siege();
    let (acme, world) = (siege.acme, siege.office.entity().unwrap());
    let mut noisy = siege.stranger(&[acme]).unwrap();
    assert_eq!(noisy.record.principal(), world);
    let node = noisy.node;
    for count in 1..=MAX_MALFORMED {
        assert!(siege.office.world.are_connected(node, acme), "disconnected after {count}");
        siege.office.world.inject(node, acme, vec![0xff, 0x00, 0x01]).unwrap();
    }
    assert!(!siege.office.world.are_connected(node, acme));
    noisy.meet(&mut siege.office.world, acme).unwrap();
    assert!(!siege.office.world.are_connected(node, acme), "refused for a while");
    assert!(siege.accused(acme, Reason::Malformed));
    siege.goes_on().unwrap();
    siege.office.world.pass(61_000).unwrap();
    noisy.meet(&mut siege.office.world, acme).unwrap();
    assert!(siege.office.world.are_connected(node, acme), "and then it may try again");
}

#[test]
fn oversized_frames_unknown_versions_and_unknown_kinds_are_named_and_change_nothing() {
    let mut siege = siege();
    let acme = siege.acme;
    let mut ana = siege.take_over(siege.ana, &[acme]).unwrap();
    let before = siege.shown(acme).unwrap();
    let versioned = codec::encode(&(2_u64, 2_u8, ByteBuf::from(vec![0x80]))).unwrap();
    let kind = codec::encode(&(1_u64, 9_u8, ByteBuf::from(vec![0x80]))).unwrap();
    for frame in [vec![0; limits::MAX_FRAME + 1], versioned, kind] {
        siege.office.world.inject(ana.node, acme, frame).unwrap();
    }
    let causes = causes(&siege, acme);
    let [oversized, version, kind] = causes.as_slice() else { panic!("{causes:?}") };
    assert!(oversized.contains(&limits::MAX_FRAME.to_string()), "{oversized}");
    assert!(version.contains('2') && version.contains('1'), "{version}");
    assert!(kind.contains('9'), "{kind}");
    assert!(siege.accused(acme, Reason::TooLong) && siege.accused(acme, Reason::UnknownVersion));
    assert!(!siege.accused(acme, Reason::Malformed), "these are well formed");
    // The same inside a frame that is well formed: it is counted, refused and named to the peer.
    let body = codec::encode(&(99_u8, ByteBuf::from(vec![0x80]))).unwrap();
    let fate = ana.send_bytes(&mut siege.office.world, acme, body).unwrap();
    assert_eq!(fate, Fate::Refused(Reason::UnknownVersion));
    let long = codec::encode(&(14_u8, ByteBuf::from(vec![0; 64 * 1024]))).unwrap();
    assert_eq!(ana.send_bytes(&mut siege.office.world, acme, long).unwrap(), Fate::Refused(Reason::TooLong));
    let fate = ana.send_bytes(&mut siege.office.world, acme, vec![0xff; 40]).unwrap();
    assert_eq!(fate, Fate::Refused(Reason::Malformed));
    assert_eq!(siege.shown(acme).unwrap(), before);
    siege.goes_on().unwrap();
}

#[test]
fn frames_out_of_turn_wait_within_a_bound_and_frames_of_the_past_are_not_looked_at() {
    let mut siege = siege();
    let acme = siege.acme;
    let mut ana = siege.take_over(siege.ana, &[acme]).unwrap();
    let before = siege.shown(acme).unwrap();
    let body = request(&siege, siege.carla, History::All).encode().unwrap();
    for seq in [0, 1000, u64::MAX, 2, 3, 4, 5] {
        let data = Data { seq: LinkSeq(seq), body: ByteBuf::from(body.clone()) };
        ana.frame(&mut siege.office.world, acme, &Frame::Data(data)).unwrap();
    }
    assert_eq!(siege.shown(acme).unwrap(), before);
    // The first one lets those that waited follow.
    let fate = ana.send_bytes(&mut siege.office.world, acme, body).unwrap();
    assert_eq!(fate, Fate::Refused(Reason::AlreadyMember));
    let Answer::Status(status) = siege.office.world.query(acme, &Query::Status).unwrap() else { panic!() };
    assert_eq!(status.refused_frames, 6, "the one without a number, and the five in their turn");
    siege.goes_on().unwrap();
}
