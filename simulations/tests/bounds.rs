//! What members and guests can make a node keep, and that the others are served all the same.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use frontdesk_capability::History;
use frontdesk_engine::{
    Answer, Command, Event, HistoryChoice, Query, Reply, Settings, ThreadStatus,
    limits::{
        ASIDE_WHEN_FULL, CAUSED_LATELY, MAX_EARLY_BYTES, MAX_THREADS_PER_GUEST, MAX_WAITING,
        MAX_WAITING_IN_THREAD,
    },
};
use frontdesk_identity::{ContactLink, JoinNonce, Role, ThreadId};
use frontdesk_sim::{
    Adversary, Fate, Founding, NodeId, Siege, Weather, World,
    office::{Office, PATIENCE, is_in, texts, told},
};
use frontdesk_thread::Suite;
use frontdesk_wire::{
    Ack, Body, Data, ForwardRequest, Frame, JoinRequest, KeyPackages, LinkSeq, Reason, Refused, Rejoin,
    RequestId, ThreadMessage,
};
use serde_bytes::{ByteArray, ByteBuf};

const DAY: u64 = 24 * 3600;

const SETTINGS: Settings =
    Settings { introduce: true, suite: Suite::Classic, key_packages: 2, forward_new: None };

fn contact(world: &mut World, node: NodeId, link: ContactLink) -> ThreadId {
    let reply = world.command(node, Command::Contact { link, text: "hello".into() }).unwrap();
    let Reply::Opened { thread } = reply else { panic!("{reply:?}") };
    thread
}

fn refused_frames(world: &World, node: NodeId) -> u64 {
    let Answer::Status(status) = world.query(node, &Query::Status).unwrap() else { panic!("no status") };
    status.refused_frames
}

#[test]
fn frames_that_come_early_are_kept_up_to_a_size_and_of_no_stranger() {
    let mut siege = Siege::lay(HistoryChoice::All, DAY).unwrap();
    let acme = siege.acme;
    let large = vec![0xff; 100 * 1024];
    let early = |seq| Frame::Data(Data { seq: LinkSeq(seq), body: ByteBuf::from(large.clone()) });
    let mut ana = siege.take_over(siege.ana, &[acme]).unwrap();
    for seq in 2..=6 {
        ana.frame(&mut siege.office.world, acme, &early(seq)).unwrap();
    }
    ana.frame(&mut siege.office.world, acme, &early(1)).unwrap();
    let fit = u64::try_from(MAX_EARLY_BYTES / large.len()).unwrap();
    assert_eq!(refused_frames(&siege.office.world, acme), 1 + fit, "the first one, and those that had room");
    let mut stranger = siege.stranger(&[acme]).unwrap();
    let before = refused_frames(&siege.office.world, acme);
    for seq in [2, 3, 1] {
        stranger.frame(&mut siege.office.world, acme, &early(seq)).unwrap();
    }
    assert_eq!(refused_frames(&siege.office.world, acme), before + 1, "the one in its turn");
    siege.goes_on().unwrap();
}

#[test]
fn a_member_rejoins_once_in_a_while_and_not_in_a_loop() {
    let mut siege = Siege::lay(HistoryChoice::All, DAY).unwrap();
    let (acme, thread) = (siege.acme, siege.thread);
    let mut ana = siege.take_over(siege.ana, &[acme]).unwrap();
    let mut rejoin = |siege: &mut Siege| {
        let package = ana.key_package(siege.now(), Suite::Classic).unwrap().as_slice().to_vec();
        let body = Body::Rejoin(Rejoin { thread, key_package: ByteBuf::from(package) });
        ana.send(&mut siege.office.world, acme, &body).unwrap()
    };
    assert_eq!(rejoin(&mut siege), Fate::Delivered);
    let before = siege.shown(acme).unwrap();
    for _ in 0..20 {
        assert_eq!(rejoin(&mut siege), Fate::Refused(Reason::Busy));
    }
    assert_eq!(siege.shown(acme).unwrap(), before, "no further commit");
    siege.office.world.pass(CAUSED_LATELY).unwrap();
    assert_eq!(rejoin(&mut siege), Fate::Delivered);
    siege.goes_on().unwrap();
}

#[test]
fn a_device_that_is_restored_twice_comes_in_again_after_a_while() {
    let mut siege = Siege::lay(HistoryChoice::All, DAY).unwrap();
    let (ana, thread) = (siege.ana, siege.thread);
    for _ in 0..2 {
        let backup = siege.office.world.copy_of(ana).unwrap();
        siege.office.world.restore(ana, backup).unwrap();
        siege.office.world.until("Ana to be in", PATIENCE, |world| is_in(world, ana, thread)).unwrap();
        siege.settle().unwrap();
    }
    siege.goes_on().unwrap();
}

#[test]
fn messages_that_wait_are_counted_for_each_thread_and_after_a_restart_too() {
    let mut siege = Siege::lay(HistoryChoice::All, DAY).unwrap();
    let acme = siege.acme;
    let unknown = ThreadId::from_bytes([9; 32]);
    let body = Body::ThreadMessage(ThreadMessage { thread: unknown, era: 0, sealed: ByteBuf::from(vec![1]) });
    let waiting = |siege: &Siege| siege.office.world.count(acme, b"w/").unwrap();
    for _ in 0..3 {
        let mut stranger = siege.stranger(&[acme]).unwrap();
        for _ in 0..MAX_WAITING {
            stranger.push(&mut siege.office.world, acme, &body).unwrap();
        }
        stranger.listen(&mut siege.office.world).unwrap();
    }
    assert_eq!(waiting(&siege), MAX_WAITING_IN_THREAD);
    siege.office.world.crash(acme, 100).unwrap();
    siege.settle().unwrap();
    let mut stranger = siege.stranger(&[acme]).unwrap();
    let fate = stranger.send(&mut siege.office.world, acme, &body).unwrap();
    assert_eq!(fate, Fate::Refused(Reason::Busy));
    assert_eq!(waiting(&siege), MAX_WAITING_IN_THREAD);
    // Who filled it keeps it full for a minute at most.
    siege.office.world.pass((ASIDE_WHEN_FULL + 11) * 1000).unwrap();
    assert_eq!(stranger.send(&mut siege.office.world, acme, &body).unwrap(), Fate::Stored);
    assert_eq!(waiting(&siege), 1);
    siege.goes_on().unwrap();
}

/// A message of a thread that nobody has.
fn of_no_thread(byte: u8) -> Body {
    let thread = ThreadId::from_bytes([byte; 32]);
    Body::ThreadMessage(ThreadMessage { thread, era: 0, sealed: ByteBuf::from(vec![1]) })
}

#[test]
fn what_a_device_sent_in_a_former_life_is_settled_in_none_of_the_later_ones() {
    let mut siege = Siege::lay(HistoryChoice::All, 7 * DAY).unwrap();
    let acme = siege.acme;
    let mut ana = siege.take_over(siege.ana, &[acme]).unwrap();
    for _ in 0..3 {
        assert_eq!(ana.send(&mut siege.office.world, acme, &of_no_thread(7)).unwrap(), Fate::Stored);
    }
    ana.begin_anew(&mut siege.office.world, acme).unwrap();
    let rubbish = ana.send_bytes(&mut siege.office.world, acme, vec![0xff; 40]).unwrap();
    assert_eq!(rubbish, Fate::Refused(Reason::Malformed));
    siege.office.world.pass((DAY + 60) * 1000).unwrap();
    siege.office.world.crash(acme, 100).unwrap();
    siege.settle().unwrap();
    // A greeting that names refusals past its own count would not be readable.
    ana.meet(&mut siege.office.world, acme).unwrap();
    for _ in 0..3 {
        assert_eq!(ana.send(&mut siege.office.world, acme, &of_no_thread(7)).unwrap(), Fate::Stored);
    }
    let again = ana.send_bytes(&mut siege.office.world, acme, vec![0xff; 40]).unwrap();
    assert_eq!(again, Fate::Refused(Reason::Malformed));
    siege.goes_on().unwrap();
}

#[test]
fn a_guest_opens_so_many_threads_and_no_more_while_others_are_served() {
    let mut office = Office::open(5, Weather::FAIR, 0, SETTINGS).unwrap();
    let (acme, carla) = (office.acme, office.customer);
    let threads: Vec<ThreadId> = (0..MAX_THREADS_PER_GUEST)
        .map(|number| office.contact(&format!("number {number}")).unwrap())
        .collect();
    office.world.crash(acme, 100).unwrap();
    office.world.pass(5000).unwrap();
    let one_more = |office: &mut Office| {
        let link = office.link_to(acme).unwrap();
        let thread = contact(&mut office.world, carla, link);
        let refused = |event: &Event| matches!(event, Event::ContactFailed { thread: failed, reason: Reason::Busy } if *failed == thread);
        office.world.until("a refusal", PATIENCE, |world| told(world, carla, refused)).unwrap();
    };
    one_more(&mut office);
    let first = *threads.first().unwrap();
    office.say(carla, first, "writing on").unwrap();
    let arrived = |world: &World| texts(world, acme, first).len() == 2;
    office.world.until("what she writes in a thread that she has", PATIENCE, arrived).unwrap();
    // That she closes one makes no room; that the business does, it does.
    office.world.command(carla, Command::Close { thread: first }).unwrap();
    office.world.pass(5000).unwrap();
    one_more(&mut office);
    office.world.command(acme, Command::Close { thread: first }).unwrap();
    office.world.pass(5000).unwrap();
    office.contact("once more").unwrap();
    one_more(&mut office);
    office.customer = office.world.add(Founding::Customer, "Dora", SETTINGS).unwrap();
    office.contact("others are served").unwrap();
}

#[test]
fn an_administrator_that_is_a_guest_elsewhere_stays_close_to_its_host_after_a_restart() {
    let mut office = Office::open(5, Weather::FAIR, 0, SETTINGS).unwrap();
    let acme = office.acme;
    let bolt = office.world.add(Founding::Entity, "Bolt", SETTINGS).unwrap();
    let Answer::Status(status) = office.world.query(bolt, &Query::Status).unwrap() else {
        panic!("no status")
    };
    let place = format!("/memory/{}", bolt.0).parse().unwrap();
    let transport = office.world.node(bolt).unwrap().transport();
    let link = ContactLink::new(status.principal.unwrap(), transport, vec![place]).unwrap();
    let thread = contact(&mut office.world, acme, link);
    let arrived = |world: &World| texts(world, bolt, thread).len() == 1;
    office.world.until("the order at Bolt", PATIENCE, arrived).unwrap();
    office.world.pass(5000).unwrap();
    office.world.crash(acme, 500).unwrap();
    office.world.pass(5000).unwrap();
    assert!(office.world.are_connected(acme, bolt), "it can be reached");
    office.world.record();
    office.world.relocate(acme, 77).unwrap();
    office.world.pass(PATIENCE).unwrap();
    let told = office.world.tape().iter().any(|sent| {
        let Ok(Frame::Data(data)) = Frame::decode(&sent.frame) else { return false };
        sent.to == bolt && matches!(Body::decode(&data.body), Ok(Body::AddressUpdate(_)))
    });
    assert!(told, "its host learns the new address");
    let Answer::Thread(Some(view)) = office.world.query(acme, &Query::Thread(thread)).unwrap() else {
        panic!("no thread")
    };
    assert_eq!(view.status, ThreadStatus::Open);
}

/// Refuses the newest forward payload that a node was sent, and takes nothing that comes after it.
fn refuse_payload(siege: &mut Siege, rogue: &mut Adversary) {
    let acme = siege.acme;
    siege.office.world.pass(1000).unwrap();
    let payload = siege.office.world.tape().iter().rev().find_map(|sent| {
        let Ok(Frame::Data(data)) = Frame::decode(&sent.frame) else { return None };
        let is_it = sent.to == rogue.node && matches!(Body::decode(&data.body), Ok(Body::ForwardPayload(_)));
        is_it.then_some(data.seq)
    });
    let seq = payload.expect("a payload");
    let refused = vec![Refused { seq, reason: Reason::NoKeyPackage }];
    let ack = Frame::Ack(Ack { stored: seq, delivered: seq, refused });
    rogue.frame(&mut siege.office.world, acme, &ack).unwrap();
    siege.office.world.pass(1000).unwrap();
}

#[test]
fn one_that_asks_for_another_that_refuses_to_come_in_does_not_do_so_in_a_loop() {
    let mut siege = Siege::lay(HistoryChoice::All, DAY).unwrap();
    let (acme, thread) = (siege.acme, siege.thread);
    let to = Some(siege.device(siege.ben).unwrap());
    let mut ana = siege.take_over(siege.ana, &[acme]).unwrap();
    let mut ben = siege.take_over(siege.ben, &[acme]).unwrap();
    // His greeting was that of a new life: what was in stock of him is gone.
    let now = siege.now();
    let packages =
        [(); 2].map(|()| ByteBuf::from(ben.key_package(now, Suite::Classic).unwrap().as_slice().to_vec()));
    let packages = KeyPackages { packages: packages.to_vec(), last_resort: ByteBuf::new(), reset: true };
    assert_eq!(
        ben.send(&mut siege.office.world, acme, &Body::KeyPackages(packages)).unwrap(),
        Fate::Delivered
    );
    let mut ask = |siege: &mut Siege| {
        let request = RequestId::from_bytes([7; 16]);
        let (history, note) = (History::All, String::new());
        let body = ForwardRequest { request, thread, to, history, lasts: DAY, hand_over: false, note };
        ana.send(&mut siege.office.world, acme, &Body::ForwardRequest(body)).unwrap()
    };
    assert_eq!(ask(&mut siege), Fate::Delivered);
    siege.office.world.pass(CAUSED_LATELY / 2).unwrap();
    refuse_payload(&mut siege, &mut ben);
    let before = siege.shown(acme).unwrap();
    assert_eq!(ask(&mut siege), Fate::Refused(Reason::Busy), "he has just refused");
    siege.office.world.pass(CAUSED_LATELY / 2).unwrap();
    assert_eq!(ask(&mut siege), Fate::Refused(Reason::Busy), "he has just refused");
    assert_eq!(siege.shown(acme).unwrap(), before, "no further commit");
    siege.office.world.pass(CAUSED_LATELY).unwrap();
    assert_eq!(ask(&mut siege), Fate::Delivered);
    siege.goes_on().unwrap();
}

#[test]
fn a_device_that_joins_and_fetches_nothing_is_answered_once() {
    let mut office = Office::open(7, Weather::FAIR, 0, SETTINGS).unwrap();
    let acme = office.acme;
    let invite = Command::Invite { role: Role::Agent, name: "Ana".into(), lasts: 3600 };
    let Reply::Invited { invitation } = office.world.command(acme, invite).unwrap() else { panic!() };
    let entity = office.entity().unwrap();
    let mut stranger = Adversary::stranger(&mut office.world, entity).unwrap();
    stranger.meet(&mut office.world, acme).unwrap();
    let mut request = JoinRequest {
        invitation: invitation.code.public_id(),
        record: stranger.record.signed().clone(),
        commitment: ByteArray::new(JoinNonce::from_bytes([1; 16]).commit()),
        name: "Ana".into(),
        address: stranger.address(office.world.now().wall).unwrap(),
        proof: ByteArray::new([0; 32]),
    };
    let transcript = [b"joiner\0".as_slice(), &request.transcript().unwrap()].concat();
    request.proof = ByteArray::new(invitation.code.prove(&transcript));
    let before = office.world.count(acme, b"o/").unwrap();
    for _ in 0..100 {
        stranger.push(&mut office.world, acme, &Body::JoinRequest(request.clone())).unwrap();
    }
    office.world.pass(1000).unwrap();
    assert_eq!(office.world.count(acme, b"o/").unwrap(), before + 1);
}
