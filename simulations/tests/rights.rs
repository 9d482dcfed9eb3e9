//! Rights that end: by time, by revocation, by hand-over, with the device; and what those who left can read.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use frontdesk_capability::{MAX_PER_REVOKER, RESERVED_FOR_ENROLMENTS, Revocation};
use frontdesk_engine::{
    Answer, Command, CommandError, Event, HistoryChoice, Query, Reply, Standing, ThreadStatus,
};
use frontdesk_identity::{GrantId, SecretSigningKey, codec};
use frontdesk_sim::{
    Adversary, NodeId, Siege, SimError, World,
    office::{PATIENCE, is_in, messages, texts, told, who},
};
use frontdesk_store::{Overlay, Store as _};
use frontdesk_thread::{Expected, Role, Thread, WelcomeBytes};
use frontdesk_wire::{Body, Reason};

const DAY: u64 = 24 * 3600;

fn siege() -> Siege {
    Siege::lay(HistoryChoice::All, DAY).unwrap()
}

fn members(siege: &Siege, node: NodeId) -> usize {
    who(&siege.office.world, node, siege.thread).map_or(0, |who| who.members.len())
}

fn status(siege: &Siege, node: NodeId) -> ThreadStatus {
    let answer = siege.office.world.query(node, &Query::Thread(siege.thread)).unwrap();
    let Answer::Thread(Some(view)) = answer else { panic!("{answer:?}") };
    view.status
}

/// The device is out for itself and for all others, can't write, and still has what it read.
fn is_out(siege: &mut Siege, node: NodeId, read: usize) {
    let thread = siege.thread;
    assert_eq!(status(siege, node), ThreadStatus::Left);
    assert!(told(&siege.office.world, node, |event| *event == Event::Removed { thread }));
    let send = Command::Send { thread, text: "am I still here?".into() };
    let tried = siege.office.world.command(node, send);
    assert!(matches!(tried, Err(SimError::Command(CommandError::Left))), "{tried:?}");
    assert_eq!(texts(&siege.office.world, node, thread).len(), read);
    let device = siege.device(node).unwrap();
    for other in [siege.acme, siege.carla] {
        let who = who(&siege.office.world, other, thread).unwrap();
        assert!(who.members.iter().all(|member| member.device != device));
        let left = |event: &Event| matches!(event, Event::MembersChanged { removed, .. } if removed.contains(&device));
        assert!(told(&siege.office.world, other, left), "the others are told");
    }
}

#[test]
fn the_steward_takes_an_agent_out_when_its_grant_ends_and_not_before() {
    let mut siege = Siege::lay(HistoryChoice::All, 600).unwrap();
    siege.office.world.pass(580_000).unwrap();
    assert_eq!(members(&siege, siege.carla), 3);
    assert!(is_in(&siege.office.world, siege.ana, siege.thread));
    siege.office.world.pass(20_000).unwrap();
    assert_eq!((members(&siege, siege.carla), members(&siege, siege.acme)), (2, 2));
    let ana = siege.ana;
    is_out(&mut siege, ana, 3);
    siege.goes_on().unwrap();
}

#[test]
fn a_grant_ends_by_the_wall_clock_even_if_it_is_set() {
    let mut siege = siege();
    siege.office.world.skip_wall(DAY);
    // The steward looks again within the hour, whatever its monotonic clock says.
    siege.office.world.pass(3_601_000).unwrap();
    assert_eq!((members(&siege, siege.carla), members(&siege, siege.acme)), (2, 2));
    let ana = siege.ana;
    is_out(&mut siege, ana, 3);
    siege.goes_on().unwrap();
}

#[test]
fn a_revocation_takes_effect_at_every_member_at_once() {
    let mut siege = siege();
    let (acme, carla, ana, thread) = (siege.acme, siege.carla, siege.ana, siege.thread);
    let before = who(&siege.office.world, carla, thread).unwrap().epoch;
    let from = siege.device(ana).unwrap();
    let by_ana = siege.office.world.command(ana, Command::Revoke { thread, from });
    assert!(matches!(by_ana, Err(SimError::Command(CommandError::NotSteward))), "{by_ana:?}");
    siege.office.world.command(acme, Command::Revoke { thread, from }).unwrap();
    siege.settle().unwrap();
    is_out(&mut siege, ana, 3);
    assert_eq!(who(&siege.office.world, carla, thread).unwrap().epoch, before + 1, "the keys changed");
    let again = siege.office.world.command(acme, Command::Revoke { thread, from });
    assert!(matches!(again, Err(SimError::Command(CommandError::NotMember))), "{again:?}");
    siege.goes_on().unwrap();
    // Out is not for ever: a new forward brings her back.
    siege.office.forward(thread, ana, HistoryChoice::None, false).unwrap();
    siege.office.say(ana, thread, "back").unwrap();
    siege
        .office
        .world
        .until("Ana's text", PATIENCE, |world| texts(world, carla, thread).contains(&"back".into()))
        .unwrap();
}

#[test]
fn a_revoked_device_that_was_away_learns_it_when_it_is_back() {
    let mut siege = siege();
    let (acme, carla, ana, thread) = (siege.acme, siege.carla, siege.ana, siege.thread);
    siege.office.world.part(acme, ana).unwrap();
    let from = siege.device(ana).unwrap();
    siege.office.world.command(acme, Command::Revoke { thread, from }).unwrap();
    siege.settle().unwrap();
    // She doesn't know yet, and nobody believes her.
    siege.office.say(ana, thread, "into the void").unwrap();
    siege.settle().unwrap();
    assert_eq!(texts(&siege.office.world, carla, thread).len(), 3);
    assert!(siege.accused(carla, Reason::GrantRevoked));
    siege.office.world.mend(acme, ana);
    siege.office.world.until("Ana to leave", PATIENCE, |world| !is_in(world, ana, thread)).unwrap();
    is_out(&mut siege, ana, 4);
    siege.goes_on().unwrap();
}

#[test]
fn what_the_steward_had_from_one_that_left_reaches_the_others_and_what_it_wrote_later_does_not() {
    let mut siege = siege();
    let (acme, carla, ana, thread) = (siege.acme, siege.carla, siege.ana, siege.thread);
    siege.office.world.part(carla, ana).unwrap();
    siege.office.say(ana, thread, "goodbye").unwrap();
    let has = |node: NodeId, text: &'static str| {
        move |world: &World| texts(world, node, thread).contains(&text.to_owned())
    };
    siege.office.world.until("it at the steward", PATIENCE, has(acme, "goodbye")).unwrap();
    siege.office.world.part(acme, ana).unwrap();
    let from = siege.device(ana).unwrap();
    siege.office.world.command(acme, Command::Revoke { thread, from }).unwrap();
    siege.settle().unwrap();
    siege.office.say(ana, thread, "too late").unwrap();
    siege.office.world.mend(carla, ana);
    siege.office.world.until("her last word", PATIENCE, has(carla, "goodbye")).unwrap();
    siege.settle().unwrap();
    assert!(!has(carla, "too late")(&siege.office.world));
    assert!(siege.accused(carla, Reason::GrantRevoked));
    assert_eq!(texts(&siege.office.world, carla, thread), texts(&siege.office.world, acme, thread));
    siege.office.world.mend(acme, ana);
    siege.office.world.until("Ana to leave", PATIENCE, |world| !is_in(world, ana, thread)).unwrap();
    siege.goes_on().unwrap();
}

#[test]
fn a_hand_over_by_the_agent_itself_is_one_change() {
    let mut siege = siege();
    let (carla, ana, ben, thread) = (siege.carla, siege.ana, siege.ben, siege.thread);
    let before = who(&siege.office.world, carla, thread).unwrap().epoch;
    let choice = (HistoryChoice::Last(1), DAY, true);
    let Reply::Asked { request } = siege.office.ask_forward(ana, thread, ben, choice).unwrap() else {
        panic!("the steward is asked")
    };
    let request = Some(request);
    siege.settle().unwrap();
    assert!(told(&siege.office.world, ana, |event| *event
        == Event::ForwardAnswered { thread, request, refused: None }));
    assert_eq!(who(&siege.office.world, carla, thread).unwrap().epoch, before + 1);
    is_out(&mut siege, ana, 3);
    assert_eq!(texts(&siege.office.world, ben, thread), ["two"]);
    siege.office.say(ben, thread, "Ben here").unwrap();
    siege.office.world.until("Ben's text", PATIENCE, |world| texts(world, carla, thread).len() == 4).unwrap();
    siege.goes_on().unwrap();
}

#[test]
fn a_removed_device_is_out_everywhere_and_can_not_come_back() {
    let mut siege = siege();
    let (acme, ana, ben, thread) = (siege.acme, siege.ana, siege.ben, siege.thread);
    let second = siege.office.contact("another matter").unwrap();
    siege.office.forward(second, ana, HistoryChoice::All, false).unwrap();
    let device = siege.device(ana).unwrap();
    let by_ben = siege.office.world.command(ben, Command::RemoveDevice { device });
    assert!(matches!(by_ben, Err(SimError::Command(CommandError::NotAdministrator))), "{by_ben:?}");
    siege.office.world.command(acme, Command::RemoveDevice { device }).unwrap();
    siege.settle().unwrap();
    is_out(&mut siege, ana, 3);
    assert!(!is_in(&siege.office.world, ana, second));
    let Answer::Status(status) = siege.office.world.query(ana, &Query::Status).unwrap() else { panic!() };
    assert_eq!(status.standing, Standing::Removed);
    let choice = (HistoryChoice::All, DAY, false);
    let again = siege.office.ask_forward(acme, thread, ana, choice);
    assert!(matches!(again, Err(SimError::Command(CommandError::UnknownDevice))), "{again:?}");
    let mut rogue = siege.take_over(ana, &[acme]).unwrap();
    let package = rogue.key_package(siege.now(), frontdesk_thread::Suite::Classic).unwrap();
    let package = serde_bytes::ByteBuf::from(package.as_slice().to_vec());
    let rejoin = frontdesk_wire::Rejoin { thread, key_package: package };
    siege.refuses(&mut rogue, acme, &Body::Rejoin(rejoin), Reason::NotMember).unwrap();
    let Answer::Devices(devices) = siege.office.world.query(ben, &Query::Devices).unwrap() else { panic!() };
    assert!(devices.iter().all(|view| view.device != device || view.removed), "her colleagues know");
    siege.goes_on().unwrap();
}

/// Whether a thief with a copy of a member's disk gets anything to read out of a body.
fn opens(thief: &mut Adversary, siege: &Siege, body: &Body, follows: bool) -> bool {
    let (now, thread) = (siege.now(), siege.thread);
    if let Body::ThreadMessage(message) = body {
        let outcome = thief.in_thread(now, thread, |ctx, keys| keys.open(ctx, &message.sealed));
        return matches!(outcome, Ok(Ok(_)));
    }
    if let Body::HistoryPiece(piece) = body {
        let outcome =
            thief.in_thread(now, thread, |ctx, keys| keys.open_history(ctx, piece.index, &piece.sealed));
        return matches!(outcome, Ok(Ok(_)));
    }
    if let Body::ForwardPayload(payload) = body {
        let host = siege.office.entity().unwrap();
        let expected = Expected { host, thread, era: payload.era, min_term: 0, role: Role::Member };
        let welcome = WelcomeBytes::new(payload.welcome.to_vec());
        return thief.anew(now, |ctx| Thread::join(ctx, &welcome, &expected).is_ok()).unwrap();
    }
    if let (Body::CommitNotice(notice), true) = (body, follows) {
        drop(thief.in_thread(now, thread, |ctx, keys| keys.follow(ctx, &notice.commit)));
    }
    false
}

fn opened(thief: &mut Adversary, siege: &Siege, sent: &[Body], follows: bool) -> usize {
    sent.iter().filter(|body| opens(thief, siege, body, follows)).count()
}

#[test]
fn a_removed_agent_reads_nothing_that_follows_though_it_is_given_all_that_was_sent() {
    let mut siege = siege();
    let (acme, carla, ana, ben, thread) = (siege.acme, siege.carla, siege.ana, siege.ben, siege.thread);
    // What each has on its disk at the moment of the removal.
    let thief = |node: NodeId| {
        let mut world: World = siege.office.world.fork(5).unwrap();
        Adversary::take_over(&mut world, node).unwrap()
    };
    let (mut deaf, mut following, mut member) = (thief(ana), thief(ana), thief(carla));
    let before = siege.office.world.tape().len();
    let from = siege.device(ana).unwrap();
    siege.office.world.command(acme, Command::Revoke { thread, from }).unwrap();
    siege.settle().unwrap();
    siege.office.forward(thread, ben, HistoryChoice::All, false).unwrap();
    for round in 0..5 {
        for speaker in [acme, carla, ben] {
            siege.office.say(speaker, thread, &format!("not for Ana {round}")).unwrap();
            siege.office.world.pass(200).unwrap();
        }
    }
    siege.settle().unwrap();
    assert_eq!(messages(&siege.office.world, carla, thread).len(), 18);
    let sent: Vec<Body> = siege.bodies(before..).collect();
    let to_carla: Vec<Body> = siege.bodies_to(carla, before..).collect();
    assert!(sent.len() > 30, "{}", sent.len());
    assert_eq!(opened(&mut deaf, &siege, &sent, false), 0, "with the keys as they were");
    assert_eq!(opened(&mut following, &siege, &sent, true), 0, "with all that followed from the commits");
    let read = opened(&mut member, &siege, &to_carla, true);
    assert!(read >= 10, "a member with the same means reads: {read}");
}

/// Puts as many revocations of rights to threads by the steward on a node's disk as it takes.
fn fill_leases(siege: &mut Siege, node: NodeId, steward: &SecretSigningKey) {
    let entity = siege.office.entity().unwrap();
    let disk = Adversary::take_over(&mut siege.office.world, node).unwrap();
    let overlay = Overlay::new(&disk.store);
    for n in 0..MAX_PER_REVOKER - RESERVED_FOR_ENROLMENTS {
        let mut target = [0xaa; 16];
        target[..8].copy_from_slice(&n.to_be_bytes());
        let made = Revocation::issue(steward, &entity, GrantId::from_bytes(target), siege.now()).unwrap();
        let key = [b"r/".as_slice(), entity.as_bytes(), &steward.public(), &target].concat();
        overlay.put(key, codec::encode(&(1_u8, made.into_bytes())).unwrap()).unwrap();
    }
    disk.store.commit(&overlay.into_batch()).unwrap();
    disk.give_back(&mut siege.office.world).unwrap();
    siege.settle().unwrap();
}

#[test]
fn one_that_was_taken_out_writes_nothing_more_even_if_there_is_no_room_for_its_revocation() {
    let mut siege = siege();
    let (acme, carla, ana, thread) = (siege.acme, siege.carla, siege.ana, siege.thread);
    let mut fork = siege.fork(5).unwrap();
    let steward = fork.take_over(acme, &[]).unwrap().keys.signing().clone();
    for node in [acme, carla] {
        fill_leases(&mut siege, node, &steward);
    }
    let before = siege.office.world.count(carla, b"r/").unwrap();
    let device = siege.device(ana).unwrap();
    let mut rogue = siege.take_over(ana, &[acme, carla]).unwrap();
    siege.office.world.command(acme, Command::Revoke { thread, from: device }).unwrap();
    siege.settle().unwrap();
    assert_eq!(siege.office.world.count(carla, b"r/").unwrap(), before, "it was left out");
    for (victim, seq) in [(carla, 50), (acme, 51)] {
        let text = siege.text(device, seq, 60);
        let body = rogue.say(siege.now(), thread, &text).unwrap();
        siege.refuses(&mut rogue, victim, &body, Reason::NotMember).unwrap();
    }
    siege.goes_on().unwrap();
}
