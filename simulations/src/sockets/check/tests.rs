#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use frontdesk_engine::HistoryChoice;

const THREAD: ThreadId = ThreadId::from_bytes([1; 32]);
const ANA: NodeId = NodeId(1);
const CARLA: NodeId = NodeId(2);

/// Carla wrote #1 and #2, Ana #3, all to all; all have it.
fn good() -> (Truth, Scene) {
    let mut truth = Truth::default();
    truth.founders.insert(THREAD, [CARLA, STEWARD]);
    for (number, author) in [(1, CARLA), (2, CARLA), (3, ANA)] {
        let audience = BTreeSet::from([STEWARD, ANA, CARLA]);
        truth.says((number, format!("x.{number}")), (THREAD, author, 10 * number), audience);
    }
    let mut scene = Scene::default();
    for node in [STEWARD, ANA, CARLA] {
        let member = |byte| (DeviceId::from_bytes([byte; 32]), Vec::new(), byte == 0);
        let own = truth.said.iter().filter(|(_, said)| said.author == node);
        let shown = Shown {
            epoch: 2,
            members: (0..3).map(member).collect(),
            texts: vec![1, 2, 3],
            states: own.map(|(number, _)| (*number, MessageState::Delivered)).collect(),
            refused: BTreeSet::new(),
        };
        scene.threads.entry(THREAD).or_default().insert(node, shown);
    }
    (truth, scene)
}

/// The promises that are broken when the nodes show something else.
fn broken(change: impl FnOnce(&mut Scene)) -> BTreeSet<String> {
    let (mut truth, mut scene) = good();
    change(&mut scene);
    scene.judge(&mut truth, 100).into_iter().map(|violation| violation.promise).collect()
}

fn ana(scene: &mut Scene) -> &mut Shown {
    scene.threads.get_mut(&THREAD).unwrap().get_mut(&ANA).unwrap()
}

fn own(scene: &mut Scene, state: MessageState) {
    ana(scene).states.insert(3, state);
}

fn names<const N: usize>(promises: [&str; N]) -> BTreeSet<String> {
    promises.map(str::to_owned).into()
}

#[test]
fn what_all_have_in_one_order_is_fine() {
    assert_eq!(broken(|_| ()), BTreeSet::new());
}

#[test]
fn a_text_that_is_missing_doubled_or_misplaced_is_noticed() {
    let missing = broken(|scene| ana(scene).texts = vec![1, 3]);
    assert_eq!(missing, names(["nothing that was answered for is lost"]));
    let doubled = broken(|scene| ana(scene).texts = vec![1, 2, 2, 3]);
    assert!(doubled.contains("nothing is shown twice"), "{doubled:?}");
    let misplaced = broken(|scene| ana(scene).texts = vec![1, 3, 2]);
    assert_eq!(misplaced, names(["all members show the same order"]));
    let reversed = broken(|scene| ana(scene).texts = vec![2, 1, 3]);
    assert_eq!(reversed, names(["all members show the same order", "each author's order is kept"]));
}

#[test]
fn what_was_written_before_somebody_was_let_in_is_there() {
    let (mut truth, mut scene) = good();
    truth.says((4, "x.4".into()), (THREAD, CARLA, 5), BTreeSet::from([STEWARD, CARLA]));
    for (node, shown) in scene.threads.get_mut(&THREAD).unwrap() {
        shown.states.extend((*node == CARLA).then_some((4, MessageState::Delivered)));
        shown.texts.extend((*node != ANA).then_some(4));
    }
    let found = scene.judge(&mut truth, 100).into_iter().map(|violation| violation.promise);
    assert!(found.collect::<BTreeSet<_>>().contains("who is let in has what its grant gave of the past"));
}

#[test]
fn a_text_that_has_not_ended_and_a_node_that_still_sends_are_noticed() {
    let open = broken(|scene| own(scene, MessageState::Stored));
    assert_eq!(open, names(["every text ends delivered or refused"]));
    let waiting = broken(|scene| scene.waiting.push(ANA));
    assert_eq!(waiting, names(["all is delivered once faults have stopped"]));
}

#[test]
fn members_who_see_different_epochs_are_noticed() {
    let behind = broken(|scene| ana(scene).epoch = 1);
    assert_eq!(behind, names(["all members agree on epoch, members and state"]));
    let gone = broken(|scene| drop(scene.threads.get_mut(&THREAD).unwrap().remove(&CARLA)));
    assert!(gone.contains("who founded a thread is in it"), "{gone:?}");
}

/// Ana wrote #3, and was taken out at 40: what the others must have of it, in what she knows of it.
fn out(state: MessageState, refused_by: &[NodeId], lack: &[NodeId]) -> BTreeSet<String> {
    let (mut truth, mut scene) = good();
    truth.lets_in((THREAD, ANA, 1), HistoryChoice::All, u64::MAX, (&[], &[]));
    truth.takes_out(THREAD, ANA, 40);
    truth.state(50, THREAD, "x.3", state);
    let members = scene.threads.get_mut(&THREAD).unwrap();
    let mut shown = members.remove(&ANA).unwrap();
    shown.states.insert(3, state);
    shown.refused.extend(refused_by.iter().map(|node| (3, *node)));
    for (node, other) in members {
        other.members.retain(|(device, ..)| *device != DeviceId::from_bytes([1; 32]));
        other.texts.retain(|number| *number != 3 || !lack.contains(node));
    }
    scene.left.entry(THREAD).or_default().insert(ANA, shown);
    scene.judge(&mut truth, 100).into_iter().map(|violation| violation.promise).collect()
}

const LOST: &str = "nothing that was answered for is lost";
const ENDS: &str = "every text ends delivered or refused";

#[test]
fn only_who_was_taken_out_may_see_a_text_of_its_own_fail_and_for_no_other_cause() {
    let failed = |reason| MessageState::Failed { reason };
    let stays = broken(|scene| own(scene, failed(Reason::GrantRevoked)));
    assert!(stays.contains(ENDS), "{stays:?}");
    assert_eq!(out(failed(Reason::GrantRevoked), &[], &[STEWARD, CARLA]), names([]));
    assert_eq!(out(failed(Reason::NotMember), &[], &[STEWARD]), names([]), "it came to Carla in time");
    assert_eq!(out(failed(Reason::Busy), &[], &[STEWARD, CARLA]), names([ENDS]));
    let had = names(["the steward has nothing that it did not take"]);
    assert_eq!(out(failed(Reason::NotMember), &[], &[CARLA]), had);
}

#[test]
fn what_was_refused_without_a_cause_is_noticed() {
    let (mut truth, mut scene) = good();
    truth.lets_in((THREAD, ANA, 1), HistoryChoice::All, u64::MAX, (&[], &[]));
    let state = MessageState::Failed { reason: Reason::NotMember };
    truth.state(35, THREAD, "x.3", state);
    own(&mut scene, state);
    let found: BTreeSet<_> = scene.judge(&mut truth, 100).into_iter().map(|it| it.promise).collect();
    assert!(found.contains("nothing is refused without a cause"), "{found:?}");
}

#[test]
fn only_of_one_that_was_taken_out_may_somebody_lack_what_it_refused() {
    assert_eq!(out(MessageState::Delivered, &[STEWARD], &[STEWARD]), names([]));
    assert_eq!(out(MessageState::Delivered, &[], &[STEWARD]), names([LOST]));
    assert_eq!(out(MessageState::Delivered, &[CARLA], &[CARLA]), names([LOST]), "she acknowledged it");
}

#[test]
fn what_the_steward_had_of_one_that_it_took_out_all_have() {
    assert_eq!(out(MessageState::Stored, &[], &[]), names([]));
    for lack in [STEWARD, CARLA] {
        assert_eq!(out(MessageState::Stored, &[lack], &[lack]), names([LOST]), "{lack:?}");
    }
}
