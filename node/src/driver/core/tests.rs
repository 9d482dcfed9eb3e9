#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use super::*;
use frontdesk_engine::{
    Action, Command, CommandError, CommandId, Event, Reply, Role, Settings, found_entity,
};
use frontdesk_identity::{DeviceKeys, RootKey, UnixTime};
use frontdesk_store::{Fault, MemoryStore};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

type Disk = Arc<MemoryStore>;

/// An administrator's engine over a disk that can fail.
struct Scene {
    disk: Disk,
    /// While set, the store can't be opened again.
    away: Arc<AtomicBool>,
    core: Core<Disk>,
}

impl Scene {
    fn new() -> Self {
        let (disk, away) = (Disk::default(), Arc::new(AtomicBool::new(false)));
        let mut rng = crate::random::generator();
        let (keys, root) = (DeviceKeys::generate(&mut rng), RootKey::generate(&mut rng));
        let overlay = Overlay::new(&disk);
        found_entity(&overlay, &keys, &root, "Acme", UnixTime(1_800_000_000), &mut rng).unwrap();
        let batch = overlay.into_batch();
        disk.commit(&batch).unwrap();
        disk.flush().unwrap();
        let engine = Engine::open(&disk, keys, Settings::default(), [7; 32]).unwrap();
        let (again, closed) = (Arc::clone(&disk), Arc::clone(&away));
        let opener = move || {
            if closed.load(Ordering::Relaxed) { Err(StoreError::Full) } else { Ok(Arc::clone(&again)) }
        };
        let mut core = Core::new(engine, Arc::clone(&disk), Box::new(opener));
        core.start(now(0)).unwrap();
        Self { disk, away, core }
    }

    fn invite(&mut self, at: u64) -> Result<Output, StoreFailure> {
        let command = Command::Invite { role: Role::Agent, name: "Ana".into(), lasts: 60 };
        self.core.step(now(at), vec![Input::Command { id: CommandId(0), command }])
    }
}

fn now(mono: u64) -> Now {
    Now { mono: Millis(mono), wall: UnixTime(1_800_000_000) }
}

fn invited(output: &Output) -> bool {
    output
        .events
        .iter()
        .any(|event| matches!(event, Event::CommandDone { result: Ok(Reply::Invited { .. }), .. }))
}

#[test]
fn a_good_step_is_durable_before_it_is_told() {
    let mut scene = Scene::new();
    let output = scene.invite(1).unwrap();
    assert!(invited(&output));
    assert!(!scene.disk.has_unflushed());
}

#[test]
fn a_step_that_can_not_be_stored_tells_nothing_and_the_next_one_works() {
    for break_it in [MemoryStore::fail_next_commit, MemoryStore::fail_next_flush] {
        let mut scene = Scene::new();
        break_it(&scene.disk, Fault::Full);
        assert_eq!(scene.invite(1).unwrap_err(), StoreFailure::from(StoreError::Full));
        // As a power cut would: what was committed and not flushed is gone.
        scene.disk.crash();
        assert_eq!(scene.core.next_deadline(), Some(Millis(1)), "opened again at once");
        let output = scene.core.step(now(2), vec![Input::Deadline]).unwrap();
        assert!(output.events.contains(&Event::Started), "what was told before may not be all");
        let output = scene.invite(3).unwrap();
        assert!(invited(&output) && !output.events.contains(&Event::Started));
    }
}

#[test]
fn while_the_store_is_away_nothing_is_done_and_it_is_tried_again_in_time() {
    let mut scene = Scene::new();
    scene.away.store(true, Ordering::Relaxed);
    scene.disk.fail_next_flush(Fault::Injected);
    scene.invite(1).unwrap_err();
    scene.invite(2).unwrap_err();
    let retry = scene.core.next_deadline().unwrap();
    assert_eq!(retry, Millis(2 + 2000));
    assert!(scene.core.query(now(3), &Query::Status).is_err() && scene.core.reader().is_err());
    scene.away.store(false, Ordering::Relaxed);
    scene.invite(3).unwrap_err();
    scene.core.step(now(retry.0), vec![Input::Deadline]).unwrap();
    assert!(invited(&scene.invite(retry.0 + 1).unwrap()));
}

#[test]
fn a_store_that_opens_and_can_not_be_written_to_is_not_opened_over_and_over() {
    let mut scene = Scene::new();
    scene.disk.fail_next_flush(Fault::Full);
    scene.invite(1).unwrap_err();
    scene.core.step(now(2), vec![Input::Deadline]).unwrap();
    scene.disk.fail_next_commit(Fault::Full);
    scene.invite(3).unwrap_err();
    assert_eq!(scene.core.next_deadline(), Some(Millis(2 + 2000)));
}

#[test]
fn peers_that_came_and_went_meanwhile_are_known_afterwards() {
    let mut scene = Scene::new();
    let [stays, goes, comes] = [1, 2, 3].map(|n| TransportKey::from_bytes([n; 32]));
    scene.core.step(now(1), vec![Input::PeerUp(stays), Input::PeerUp(goes)]).unwrap();
    scene.disk.fail_next_flush(Fault::Full);
    scene.invite(2).unwrap_err();
    let output = scene.core.step(now(3), vec![Input::PeerDown(goes), Input::PeerUp(comes)]).unwrap();
    let greeted: Vec<TransportKey> = output
        .actions
        .iter()
        .filter_map(|action| match action {
            Action::Send { to, .. } => Some(*to),
            Action::Dial { .. } | Action::Forget(_) | Action::Disconnect { .. } => None,
        })
        .collect();
    assert!(greeted.contains(&stays) && greeted.contains(&comes));
    let Answer::Status(status) = scene.core.query(now(4), &Query::Status).unwrap() else {
        panic!("no status")
    };
    assert_eq!(status.connected.len(), 2);
    assert!(!status.connected.contains(&goes));
}

#[test]
fn the_failure_of_a_step_names_its_cause() {
    let error = CommandError::Storage(StoreFailure::from(StoreError::Full).to_string());
    assert!(error.to_string().contains("no space is left"), "{error}");
}
