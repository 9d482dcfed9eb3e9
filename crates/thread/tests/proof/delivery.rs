//! Messages that come late, twice, out of order, from other epochs, or not whole.

use crate::cast::{Pair, says};
use frontdesk_thread::{ChangeRequest, OpenRefusal, Opened, Suite};

fn text(opened: Opened) -> Vec<u8> {
    opened.plaintext
}

#[test]
fn messages_open_in_any_order_and_once() {
    for forgetful in [false, true] {
        let Pair { world, mut carla, mut admin } = Pair::found(Suite::Classic, forgetful);
        let sealed: Vec<_> = (0..20u8).map(|n| carla.seal(&world, &[n]).unwrap()).collect();
        for n in (0..20).rev() {
            assert_eq!(text(admin.open(&world, &sealed[n]).unwrap()), [u8::try_from(n).unwrap()]);
        }
        for sealed in &sealed {
            assert!(matches!(admin.open(&world, sealed), Err(OpenRefusal::Replayed)));
        }
        says(&world, b"on we go", &mut carla, &mut [&mut admin]);
    }
}

#[test]
fn a_message_overtaken_by_more_than_the_tolerance_is_given_up() {
    let Pair { world, mut carla, mut admin } = Pair::found(Suite::Classic, false);
    let sealed: Vec<_> = (0..130u8).map(|n| carla.seal(&world, &[n]).unwrap()).collect();
    admin.open(&world, &sealed[129]).unwrap();
    assert!(matches!(admin.open(&world, &sealed[0]), Err(OpenRefusal::Replayed)));
    assert_eq!(text(admin.open(&world, &sealed[2]).unwrap()), [2]);
}

#[test]
fn a_sender_too_far_ahead_is_not_followed() {
    let Pair { world, mut carla, mut admin } = Pair::found(Suite::Classic, false);
    let sealed = (0..2003).map(|_| carla.seal(&world, b"flood").unwrap()).last().unwrap();
    assert!(matches!(admin.open(&world, &sealed), Err(OpenRefusal::TooFarAhead)));
}

#[test]
fn messages_of_five_past_epochs_are_read_and_older_ones_are_not() {
    for forgetful in [false, true] {
        let Pair { world, mut carla, mut admin } = Pair::found(Suite::Classic, forgetful);
        let mut old = Vec::new();
        for _ in 0..6 {
            old.push(carla.seal(&world, b"late").unwrap());
            let committed = admin.change(&world, ChangeRequest::default()).unwrap();
            carla.follow(&world, &committed.commit).unwrap();
        }
        assert!(matches!(admin.open(&world, &old[0]), Err(OpenRefusal::PastEpoch { epoch: 1 })));
        for sealed in &old[1..] {
            assert_eq!(text(admin.open(&world, sealed).unwrap()), b"late");
            assert!(matches!(admin.open(&world, sealed), Err(OpenRefusal::Replayed)));
        }
    }
}

#[test]
fn a_message_of_the_next_epoch_waits_for_its_commit() {
    let Pair { world, mut carla, mut admin } = Pair::found(Suite::Classic, false);
    let committed = admin.change(&world, ChangeRequest::default()).unwrap();
    let early = admin.seal(&world, b"early").unwrap();
    assert!(matches!(carla.open(&world, &early), Err(OpenRefusal::FutureEpoch { epoch: 2 })));
    carla.follow(&world, &committed.commit).unwrap();
    assert_eq!(text(carla.open(&world, &early).unwrap()), b"early");
    assert!(matches!(carla.follow(&world, &committed.commit), Err(OpenRefusal::PastEpoch { epoch: 1 })));
}

#[test]
fn what_comes_as_another_kind_is_refused_of_every_epoch_and_counts_as_what_it_is() {
    let Pair { world, mut carla, mut admin } = Pair::found(Suite::Classic, false);
    let sealed = admin.seal(&world, b"a word").unwrap();
    let [first, second] = [(); 2].map(|()| admin.change(&world, ChangeRequest::default()).unwrap().commit);
    for commit in [&first, &second] {
        assert!(matches!(carla.open(&world, commit), Err(OpenRefusal::OtherKind)), "kept for no later epoch");
    }
    assert!(matches!(carla.follow(&world, &sealed), Err(OpenRefusal::OtherKind)));
    assert_eq!(text(carla.open(&world, &sealed).unwrap()), b"a word");
    for commit in [&first, &second] {
        carla.follow(&world, commit).unwrap();
    }
    assert!(matches!(carla.open(&world, &first), Err(OpenRefusal::OtherKind)));
    says(&world, b"on we go", &mut carla, &mut [&mut admin]);
}

#[test]
fn ones_own_messages_are_recognized() {
    let Pair { world, mut carla, mut admin } = Pair::found(Suite::Classic, false);
    let sealed = carla.seal(&world, b"mine").unwrap();
    assert!(matches!(carla.open(&world, &sealed), Err(OpenRefusal::OwnMessage)));
    assert_eq!(text(admin.open(&world, &sealed).unwrap()), b"mine");
    let committed = admin.change(&world, ChangeRequest::default()).unwrap();
    assert!(matches!(admin.follow(&world, &committed.commit), Err(OpenRefusal::PastEpoch { .. })));
}

#[test]
fn a_refusal_leaves_the_store_and_the_thread_as_they_were() {
    let Pair { world, mut carla, mut admin } = Pair::found(Suite::Classic, false);
    let sealed = carla.seal(&world, b"whole").unwrap();
    let before = admin.entries();
    for at in [sealed.len() - 1, sealed.len() / 2, 60] {
        let mut broken = sealed.clone();
        broken[at] ^= 1;
        admin.open(&world, &broken).unwrap_err();
        assert_eq!(admin.entries(), before, "byte {at}");
    }
    assert_eq!(text(admin.open(&world, &sealed).unwrap()), b"whole");
}

#[test]
fn sizes_past_the_bounds_are_refused_before_anything_is_parsed() {
    let Pair { world, mut carla, mut admin } = Pair::found(Suite::Classic, false);
    assert!(carla.seal(&world, &vec![0; frontdesk_thread::MAX_PLAINTEXT + 1]).is_err());
    let huge = vec![0; frontdesk_thread::MAX_MESSAGE + 1];
    assert!(matches!(admin.open(&world, &huge), Err(OpenRefusal::TooLong { .. })));
}
