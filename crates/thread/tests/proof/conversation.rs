//! The story of a thread, as its members live it.

use crate::cast::{Pair, World, says};
use frontdesk_identity::DeviceId;
use frontdesk_thread::{
    ChangeRequest, MAX_FORWARD, OpenRefusal, Opened, PADDING, RefillError, Role, SealError, Side, Suite,
};

fn each_way(play: impl Fn(&mut Pair)) {
    for suite in Suite::ALL {
        for forgetful in [false, true] {
            play(&mut Pair::found(suite, forgetful));
        }
    }
}

#[test]
fn guest_and_steward_talk_with_both_suites_and_across_reloads() {
    each_way(|Pair { world, carla, admin }| {
        says(world, b"hello Acme", carla, &mut [admin]);
        says(world, b"hello Carla", admin, &mut [carla]);
        says(world, b"", admin, &mut [carla]);
        says(world, &[7; 64 * 1024], carla, &mut [admin]);
        assert_eq!(carla.state(), admin.state());
        assert_eq!((carla.epoch(), admin.epoch()), (1, 1));
    });
}

#[test]
fn a_forwarded_agent_reads_what_follows_and_the_history_it_is_given() {
    each_way(|pair| {
        let early = pair.carla.seal(&pair.world, b"before Ana").unwrap();
        pair.admin.open(&pair.world, &early).unwrap();
        let mut ana = pair.forward();
        let Pair { world, carla, admin } = pair;
        let piece = |admin: &mut crate::cast::Node, reader: DeviceId, index| {
            admin.step(world, |ctx, thread| {
                thread.as_ref().unwrap().seal_history(ctx, &reader, index, b"what was said")
            })
        };
        let sealed = piece(admin, ana.id(), 0).unwrap();
        let second = piece(admin, ana.id(), 1).unwrap();
        let foreign = piece(admin, carla.id(), 0).unwrap();
        says(world, b"Ana helps you", admin, &mut [carla, &mut ana]);
        says(world, b"how can I help?", &mut ana, &mut [carla, admin]);
        assert!(matches!(ana.open(world, &early), Err(OpenRefusal::PastEpoch { epoch: 1 })));
        ana.step(world, |ctx, thread| {
            let thread = thread.as_ref().unwrap();
            assert_eq!(thread.open_history(ctx, 0, &sealed).unwrap(), b"what was said");
            assert_eq!(thread.open_history(ctx, 1, &second).unwrap(), b"what was said");
            assert!(thread.open_history(ctx, 1, &sealed).is_err(), "another index");
            assert!(thread.open_history(ctx, 0, &foreign).is_err(), "another reader");
            thread.forget_history(ctx).unwrap();
            assert!(thread.open_history(ctx, 0, &sealed).is_err(), "the key is forgotten");
        });
    });
}

#[test]
fn history_can_be_opened_after_further_commits() {
    let mut pair = Pair::found(Suite::Classic, true);
    let mut ana = pair.forward();
    let sealed = pair.admin.step(&pair.world, |ctx, thread| {
        thread.as_ref().unwrap().seal_history(ctx, &ana.id(), 0, b"the last five").unwrap()
    });
    for _ in 0..8 {
        let committed = pair.admin.change(&pair.world, ChangeRequest::default()).unwrap();
        ana.follow(&pair.world, &committed.commit).unwrap();
    }
    let opened = ana.step(&pair.world, |ctx, thread| thread.as_ref().unwrap().open_history(ctx, 0, &sealed));
    assert_eq!(opened.unwrap(), b"the last five");
}

#[test]
fn a_missed_message_is_for_one_reader_of_one_author_in_one_epoch_and_moves_no_keys_on() {
    each_way(|pair| {
        let mut ana = pair.forward();
        let Pair { world, carla, admin } = pair;
        let reader = ana.id();
        let seal = |carla: &mut crate::cast::Node, reader: &DeviceId| {
            carla.step(world, |ctx, thread| thread.as_ref().unwrap().seal_refill(ctx, reader, b"missed"))
        };
        let sealed = seal(carla, &reader).unwrap();
        for _ in 0..MAX_FORWARD + 500 {
            seal(carla, &reader).unwrap();
        }
        says(world, b"do you hear me?", carla, &mut [admin, &mut ana]);
        let open = |by: &mut crate::cast::Node, author: DeviceId, epoch| {
            by.step(world, |ctx, thread| thread.as_ref().unwrap().open_refill(ctx, &author, epoch, &sealed))
        };
        let epoch = ana.epoch();
        assert_eq!(open(&mut ana, carla.id(), epoch).unwrap(), b"missed");
        assert!(matches!(open(&mut ana, admin.id(), epoch), Err(RefillError::Undecryptable)));
        assert!(matches!(open(admin, carla.id(), epoch), Err(RefillError::Undecryptable)));
        let other = open(&mut ana, carla.id(), epoch + 1);
        assert!(matches!(other, Err(RefillError::OtherEpoch { epoch: found }) if found == epoch + 1));
        let nobody = DeviceId::from_bytes([9; 32]);
        assert!(matches!(seal(carla, &nobody), Err(RefillError::NotAllowed(_))));
        assert!(matches!(open(&mut ana, nobody, epoch), Err(RefillError::NotAllowed(_))));
        let committed = admin.change(world, ChangeRequest::default()).unwrap();
        ana.follow(world, &committed.commit).unwrap();
        assert!(matches!(open(&mut ana, carla.id(), epoch), Err(RefillError::OtherEpoch { .. })));
    });
}

#[test]
fn a_hand_over_is_one_commit_after_which_the_first_agent_reads_nothing() {
    each_way(|pair| {
        let mut ana = pair.forward();
        let mut ben = pair.world.agent();
        ben.forgetful = ana.forgetful;
        let request = ChangeRequest { remove: vec![ana.id()], ..pair.adding(&mut ben) };
        let Pair { world, carla, admin } = pair;
        let committed = admin.change(world, request).unwrap();
        assert_eq!(
            (committed.change.added.clone(), committed.change.removed.clone()),
            (vec![ben.id()], vec![ana.id()])
        );
        let gone = ana.id();
        for node in [&mut *carla, &mut ana] {
            let change = node.follow(world, &committed.commit).unwrap();
            assert_eq!(change.removed_me, node.id() == gone);
            assert_eq!((change.epoch, change.removed), (3, vec![gone]));
        }
        ben.join(world, &committed.welcome.unwrap(), Role::Member).unwrap();
        says(world, b"Ben here", &mut ben, &mut [carla, admin]);
        let secret = carla.seal(world, b"for Ben alone").unwrap();
        assert!(matches!(ana.open(world, &secret), Err(OpenRefusal::Removed)));
        assert!(matches!(ana.seal(world, b"still here"), Err(SealError::Removed)));
        assert!(!ana.thread.as_ref().unwrap().is_active());
    });
}

#[test]
fn a_removed_agent_that_never_saw_the_commit_cannot_read_on() {
    let mut pair = Pair::found(Suite::Hybrid, false);
    let mut ana = pair.forward();
    let request = ChangeRequest { remove: vec![ana.id()], ..ChangeRequest::default() };
    let committed = pair.admin.change(&pair.world, request).unwrap();
    pair.carla.follow(&pair.world, &committed.commit).unwrap();
    let secret = pair.carla.seal(&pair.world, b"not for Ana").unwrap();
    assert!(matches!(ana.open(&pair.world, &secret), Err(OpenRefusal::FutureEpoch { epoch: 3 })));
    says(&pair.world, b"she is gone", &mut pair.admin, &mut [&mut pair.carla]);
}

#[test]
fn an_outsider_opens_nothing() {
    let mut pair = Pair::found(Suite::Classic, false);
    let mut other = Pair::found_in(World::with_seed(1 << 32), Suite::Classic, false);
    let sealed = pair.carla.seal(&pair.world, b"private").unwrap();
    // The same thread id and epoch, another group: only the keys differ.
    assert!(matches!(other.admin.open(&other.world, &sealed), Err(OpenRefusal::Undecryptable)));
    says(&other.world, b"unharmed", &mut other.carla, &mut [&mut other.admin]);
}

#[test]
fn every_member_gets_the_same_answer_to_who_can_read_this() {
    let mut pair = Pair::found(Suite::Classic, true);
    let ana = pair.forward();
    let who = |node: &crate::cast::Node| {
        let thread = node.thread.as_ref().unwrap();
        thread.members().map(|m| (m.record.id(), m.side, m.chain.clone())).collect::<Vec<_>>()
    };
    assert_eq!(who(&pair.carla), who(&pair.admin));
    assert_eq!(who(&pair.carla), who(&ana));
    let guests = who(&ana).into_iter().filter(|(_, side, _)| *side == Side::Guest);
    assert_eq!(guests.map(|(id, ..)| id).collect::<Vec<_>>(), [pair.carla.id()]);
}

#[test]
fn lengths_are_padded() {
    let mut pair = Pair::found(Suite::Classic, false);
    let lengths = [1, 20, 40].map(|n| pair.carla.seal(&pair.world, &vec![0; n]).unwrap().len());
    assert_eq!(lengths, [lengths[0]; 3]);
    let longer = pair.carla.seal(&pair.world, &[0; 40 + PADDING]).unwrap().len();
    assert_eq!(longer, lengths[0] + PADDING);
}

#[test]
fn debug_output_shows_no_secret_and_no_content() {
    let mut pair = Pair::found(Suite::Classic, false);
    let shown = pair.carla.step(&pair.world, |ctx, thread| format!("{ctx:?} {:?}", thread.as_ref().unwrap()));
    let id = pair.carla.id();
    let thread = pair.world.thread();
    assert_eq!(
        shown,
        format!(
            "Ctx {{ device: {id:?}, now: UnixTime(1800000000), .. }} \
             Thread {{ id: {thread:?}, era: 0, epoch: 1, members: 2, .. }}"
        )
    );
    let plaintext = b"the safe's number".to_vec();
    let opened = Opened { sender: id, epoch: 1, departed: false, revoked: None, plaintext };
    assert_eq!(
        format!("{opened:?}"),
        format!("Opened {{ sender: {id:?}, epoch: 1, departed: false, revoked: None, plaintext: 17 bytes }}")
    );
}
