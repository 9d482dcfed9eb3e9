#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::{shown::Listed, *};
use frontdesk_engine::HistoryChoice;
use frontdesk_wire::RequestId;

const THREAD: ThreadId = ThreadId::from_bytes([1; 32]);
const CARLA: NodeId = NodeId(0);
const ANA: NodeId = NodeId(1);
const BEN: NodeId = NodeId(2);

const PLACED: [Placed; 2] = [(1, Position(1)), (2, Position(2))];

/// Carla wrote #1 to #3 to Ana.
fn three() -> Truth {
    let mut truth = Truth::default();
    for number in 1..=3 {
        let audience = BTreeSet::from([CARLA, ANA]);
        truth.says((number, format!("carla.{number}")), (THREAD, CARLA, 10 * number), audience);
    }
    truth
}

fn promise(truth: &Truth) -> &str {
    &truth.violations.first().unwrap().promise
}

#[test]
fn what_is_shown_once_to_those_who_were_there_is_fine_and_the_second_time_is_not() {
    let mut truth = three();
    assert_eq!(truth.shows(11, ANA, "#1 hello", false), Some(1));
    assert!(truth.violations.is_empty());
    truth.shows(12, ANA, "#1 hello", false);
    assert_eq!(promise(&truth), "nothing is shown twice");
}

#[test]
fn who_was_not_there_may_read_what_a_grant_gave_and_nothing_more() {
    let mut truth = three();
    // A right without an end is an administrator's, who may lead.
    truth.lets_in((THREAD, BEN, 25), HistoryChoice::Last(1), 1_000_000, (&PLACED, &PLACED));
    truth.shows(31, BEN, "#2 hello", true);
    truth.shows(32, BEN, "#3 hello", false);
    assert!(truth.violations.is_empty());
    truth.shows(33, BEN, "#1 hello", true);
    assert_eq!(promise(&truth), "nobody reads what no grant gave");
}

#[test]
fn who_was_taken_out_may_read_nothing_that_was_said_later() {
    let mut truth = three();
    truth.lets_in((THREAD, BEN, 5), HistoryChoice::None, u64::MAX, (&[], &[]));
    truth.takes_out(THREAD, BEN, 25);
    truth.shows(31, BEN, "#2 hello", false);
    assert!(truth.violations.is_empty());
    truth.shows(32, BEN, "#3 hello", false);
    assert_eq!(promise(&truth), "nobody reads what no grant gave");
}

#[test]
fn a_text_that_nobody_wrote_and_an_order_that_differs_are_noticed() {
    let mut truth = three();
    truth.shows(31, ANA, "#4 hello", false);
    assert_eq!(promise(&truth), "nothing is invented");
    let mut truth = three();
    truth.check_order(40, THREAD, &BTreeMap::from([(CARLA, vec![1, 2, 3]), (ANA, vec![1, 3])]));
    assert!(truth.violations.is_empty());
    truth.check_order(40, THREAD, &BTreeMap::from([(CARLA, vec![1, 2, 3]), (ANA, vec![3, 1])]));
    assert_eq!(promise(&truth), "all members show the same order");
}

#[test]
fn whose_grant_has_ended_reads_and_writes_nothing_more() {
    let mut truth = three();
    truth.lets_in((THREAD, BEN, 5), HistoryChoice::None, 25, (&[], &[]));
    let late = 25 + SKEW + 1;
    for (number, author, at) in [(4, BEN, 25), (5, BEN, late), (6, CARLA, late)] {
        let audience = BTreeSet::from([CARLA, ANA]);
        truth.says((number, format!("x.{number}")), (THREAD, author, at), audience);
    }
    truth.shows(late, CARLA, "#4 in time", false);
    truth.shows(late, BEN, "#1 in time", false);
    assert!(truth.violations.is_empty());
    truth.shows(late, CARLA, "#5 too late", false);
    assert_eq!(promise(&truth), "who has no grant in force is not believed");
    truth.violations.clear();
    truth.shows(late, BEN, "#6 too late", false);
    assert_eq!(promise(&truth), "nobody reads what no grant gave");
}

#[test]
fn nobody_writes_to_whom_nobody_let_in_nor_to_whom_it_knows_to_be_out() {
    let mut truth = three();
    truth.founders.insert(THREAD, [CARLA, ANA]);
    let all = BTreeSet::from([CARLA, ANA, BEN]);
    truth.check_audience((THREAD, CARLA, 40), &all, 0);
    assert_eq!(promise(&truth), "nobody is in a thread whom nobody let in");
    truth.violations.clear();
    truth.lets_in((THREAD, BEN, 41), HistoryChoice::None, u64::MAX, (&[], &[]));
    truth.check_audience((THREAD, CARLA, 50), &all, 0);
    truth.takes_out(THREAD, BEN, 51);
    truth.knows(30, (THREAD, ANA), &[], &[BEN]);
    truth.check_audience((THREAD, CARLA, 60), &all, 0);
    assert!(truth.violations.is_empty(), "Carla has not heard of it");
    truth.check_audience((THREAD, ANA, 61), &all, 0);
    assert_eq!(promise(&truth), "who was taken out is written to no more");
    truth.violations.clear();
    // She hears late of the time when he was out, and then of his return.
    truth.lets_in((THREAD, BEN, 70), HistoryChoice::None, u64::MAX, (&[], &[]));
    truth.knows(30, (THREAD, ANA), &[], &[BEN]);
    truth.knows(30, (THREAD, ANA), &[BEN], &[]);
    truth.check_audience((THREAD, ANA, 71), &all, 0);
    assert!(truth.violations.is_empty());
    truth.check_audience((THREAD, CARLA, 80), &all, 1);
    assert_eq!(promise(&truth), "nobody is in a thread whom nobody let in");
}

#[test]
fn who_is_known_to_be_out_is_not_believed_in_what_it_wrote_after_that() {
    let mut truth = three();
    truth.lets_in((THREAD, BEN, 5), HistoryChoice::None, u64::MAX, (&[], &[]));
    truth.takes_out(THREAD, BEN, 30);
    for (number, at) in [(4, 30), (5, 31)] {
        truth.says((number, format!("ben.{number}")), (THREAD, BEN, at), BTreeSet::from([ANA, BEN]));
    }
    truth.shows(40, ANA, "#4 in time", false);
    assert!(truth.violations.is_empty());
    truth.knows(30, (THREAD, ANA), &[], &[BEN]);
    truth.shows(50, ANA, "#5 too late", false);
    assert_eq!(promise(&truth), "who is known to be out is not believed");
}

#[test]
fn what_comes_out_of_its_authors_order_is_counted() {
    let mut truth = three();
    truth.shows(31, ANA, "#2 hello", false);
    truth.shows(32, ANA, "#1 of the past", true);
    truth.shows(33, ANA, "#3 hello", false);
    assert_eq!(truth.out_of_turn, 0);
    let mut truth = three();
    truth.shows(31, ANA, "#2 hello", false);
    truth.shows(32, ANA, "#1 hello", false);
    assert_eq!(truth.out_of_turn, 1);
}

#[test]
fn two_commits_of_one_epoch_and_two_answers_to_one_command_are_noticed() {
    let device = |byte| DeviceId::from_bytes([byte; 32]);
    let mut truth = three();
    truth.commit(1, (THREAD, 0, 3), ANA, (&[device(1)], &[]));
    truth.commit(2, (THREAD, 0, 3), CARLA, (&[device(1)], &[]));
    truth.done(3, CommandId(1));
    truth.done(4, CommandId(2));
    assert!(truth.violations.is_empty());
    truth.commit(2, (THREAD, 0, 3), CARLA, (&[device(2)], &[]));
    assert_eq!(promise(&truth), "there is one commit for each epoch");
    truth.violations.clear();
    truth.done(5, CommandId(2));
    assert_eq!(promise(&truth), "every command ends in one event");
}

#[test]
fn who_was_put_back_to_an_old_copy_may_be_shown_again_what_it_lost() {
    let mut truth = three();
    truth.shows(11, ANA, "#1 hello", false);
    truth.shows(21, ANA, "#2 hello", false);
    truth.rolled_back(ANA, [15, 40], &BTreeSet::new());
    truth.shows(50, ANA, "#2 hello", false);
    assert!(truth.violations.is_empty());
    truth.shows(51, ANA, "#1 hello", false);
    assert_eq!(promise(&truth), "nothing is shown twice");
}

#[test]
fn a_delivery_counts_once() {
    let mut truth = three();
    let state = |truth: &mut Truth, at| truth.state(at, THREAD, "carla.2", MessageState::Delivered);
    assert_eq!(state(&mut truth, 30), Some((2, true)));
    assert_eq!(state(&mut truth, 31), Some((2, false)));
    assert_eq!(truth.said.get(&2).unwrap().delivered, Some(30));
    assert_eq!(truth.state(32, THREAD, "carla.9", MessageState::Delivered), None);
}

#[test]
fn a_wish_that_is_answered_twice_or_never_or_that_nobody_had_is_noticed() {
    let request = |byte| RequestId::from_bytes([byte; 16]);
    let mut truth = three();
    truth.asks((THREAD, BEN, 5), request(1));
    truth.is_answered(6, (THREAD, BEN), request(1));
    assert!(truth.violations.is_empty());
    truth.is_answered(7, (THREAD, BEN), request(1));
    assert_eq!(promise(&truth), "every command ends in one event");
    truth.violations.clear();
    truth.is_answered(7, (THREAD, BEN), request(2));
    assert_eq!(promise(&truth), "every command ends in one event");
    truth.violations.clear();
    truth.asks((THREAD, BEN, 8), request(3));
    let unanswered = |truth: &mut Truth| {
        truth.check_answers(9, &|_, _| true, |node| node);
        std::mem::take(&mut truth.violations).len()
    };
    assert_eq!(unanswered(&mut truth), 1);
    truth.disk_failed(BEN, 8);
    assert_eq!(unanswered(&mut truth), 0, "the step that took the answer in may have been lost");
}

#[test]
fn a_contact_ends_and_tells_so_once() {
    let mut truth = three();
    truth.contacts(THREAD, CARLA, 5);
    truth.check_answers(9, &|_, _| true, |node| node);
    assert_eq!(promise(&truth), "every command ends in one event");
    truth.violations.clear();
    truth.contact_ended(10, (THREAD, CARLA), true, true);
    truth.contact_ended(11, (THREAD, CARLA), true, false);
    truth.check_answers(12, &|_, _| true, |node| node);
    assert!(truth.violations.is_empty());
    truth.contact_ended(13, (THREAD, CARLA), true, true);
    assert_eq!(promise(&truth), "every command ends in one event");
}

#[test]
fn what_a_node_lists_is_there_once_and_was_told_and_is_by_one_who_may_write_for_one_who_may_read() {
    let list = |node, numbers: &[u64]| {
        let mut truth = three();
        truth.founders.insert(THREAD, [CARLA, ANA]);
        truth.says((4, "ben.1".into()), (THREAD, BEN, 40), BTreeSet::from([CARLA, ANA]));
        for number in [1, 2] {
            truth.shows(41, ANA, &format!("#{number} hello"), false);
        }
        let list: Vec<Listed> =
            numbers.iter().map(|number| Listed { number: *number, mine: node == CARLA }).collect();
        truth.check_list(50, (THREAD, node), &list);
        let promises: Vec<String> = truth.violations.into_iter().map(|violation| violation.promise).collect();
        promises
    };
    assert!(list(ANA, &[1, 2]).is_empty());
    assert!(list(CARLA, &[1, 2, 3]).is_empty(), "her own");
    assert_eq!(list(ANA, &[1, 1, 2]), ["nothing is shown twice"]);
    assert_eq!(list(ANA, &[1, 2, 3]), ["what is there was told"]);
    assert_eq!(list(ANA, &[4]), ["who has no grant in force is not believed", "what is there was told"]);
    assert_eq!(list(BEN, &[1]), ["nobody reads what no grant gave", "what is there was told"]);
}
