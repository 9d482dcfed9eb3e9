//! Who may be in a thread: its founders, and whom an owner let in and nobody took out, until the grant ends. It follows
//! from what owners did and when, and not from what nodes think of it.

use super::{Placed, SKEW, Stay, Truth};
use crate::NodeId;
use frontdesk_engine::HistoryChoice;
use frontdesk_identity::ThreadId;
use frontdesk_wire::Position;
use std::collections::BTreeSet;

/// A steward takes out whose grant has ended within this time, in milliseconds, once all is quiet.
const SWEPT: u64 = 10 * 60_000;

/// How many of the newest texts a choice shows.
fn shown(history: HistoryChoice, so_far: &[Placed]) -> usize {
    match history {
        HistoryChoice::All => so_far.len(),
        HistoryChoice::None => 0,
        HistoryChoice::Last(count) => usize::try_from(count).unwrap_or(usize::MAX),
    }
}

/// Which it doesn't.
fn hidden(history: HistoryChoice, so_far: &[Placed]) -> BTreeSet<u64> {
    so_far.iter().rev().skip(shown(history, so_far)).map(|(number, _)| *number).collect()
}

/// The place that a choice bounds the past by. What crosses a newcomer's way in is on the one side of it or on the other, by
/// the place that its author gave it.
fn bound(history: HistoryChoice, so_far: &[Placed]) -> Position {
    let newest_first = || so_far.iter().rev().map(|(_, place)| *place);
    let next = || newest_first().max().unwrap_or_default().next();
    match shown(history, so_far) {
        _ if history == HistoryChoice::All => Position::default(),
        0 => next(),
        count => {
            let oldest = newest_first().take(count).next_back();
            // Of texts that were written at the same time, all are within it or none.
            let cut = newest_first().nth(count) == oldest;
            oldest.map_or_else(next, |oldest| if cut { oldest.next() } else { oldest })
        }
    }
}

impl Truth {
    /// Somebody was let in. `so_far`: what there was of the thread, in its order, at the node whose owner chose what of it the
    /// newcomer may read; `here`: what the steward has, which hands it on.
    pub(crate) fn lets_in(
        &mut self,
        (thread, node, at): (ThreadId, NodeId, u64),
        history: HistoryChoice,
        ends: u64,
        (so_far, here): (&[Placed], &[Placed]),
    ) {
        let (hidden, bound) = (hidden(history, so_far), bound(history, so_far));
        let granted = here.iter().filter(|(_, place)| *place >= bound).map(|(number, _)| *number).collect();
        let from_place = Some(bound);
        let stay = Stay { from: at, until: None, ends, hidden, granted, from_place };
        self.stay((thread, node), stay);
        self.may_go.remove(&(thread, node));
    }

    pub(super) fn stay(&mut self, (thread, node): (ThreadId, NodeId), stay: Stay) {
        self.stays.entry((thread, node)).or_default().push(stay);
        self.known_out.retain(|(of, _, out)| (*of, *out) != (thread, node));
        self.arrives(thread, node);
    }

    /// Whom an owner wants out of a thread, and of whom no node has said yet that it is.
    pub(crate) fn may_be_gone(&self, thread: ThreadId) -> Vec<NodeId> {
        let wanted = self.may_go.iter().filter(|(of, _)| *of == thread);
        let open = wanted.filter(|stay| {
            self.stays.get(*stay).is_some_and(|stays| stays.iter().any(|stay| stay.until.is_none()))
        });
        open.map(|(_, node)| *node).collect()
    }

    /// Whether somebody was let in, and nobody has taken it out since, nor its grant ended.
    pub(crate) fn is_let_in(&self, thread: ThreadId, node: NodeId, now: u64) -> bool {
        let stays = self.stays.get(&(thread, node)).into_iter().flatten();
        stays.into_iter().any(|stay| !stay.is_over(now))
    }

    pub(crate) fn was_let_in(&self, thread: ThreadId, node: NodeId) -> bool {
        self.stays.contains_key(&(thread, node))
    }

    pub(crate) fn takes_out(&mut self, thread: ThreadId, node: NodeId, at: u64) {
        for stay in self.stays.entry((thread, node)).or_default() {
            stay.until.get_or_insert(at);
        }
    }

    /// An owner wants somebody out of a thread: the steward's takes it out, or it asked for another in its place.
    pub(crate) fn may_go(&mut self, thread: ThreadId, node: NodeId) {
        self.may_go.insert((thread, node));
    }

    /// An owner wants somebody out of every thread.
    pub(crate) fn may_go_everywhere(&mut self, node: NodeId) {
        let threads = self.stays.keys().filter(|(_, member)| *member == node);
        self.may_go.extend(threads.copied().collect::<Vec<_>>());
    }

    /// A steward's owner handed the thread over: who was there may go, and only the one it was handed to stays.
    pub(crate) fn may_hand_over(&mut self, thread: ThreadId, to: NodeId) {
        let there = self.on_duty(thread, to);
        self.may_go.extend(there.into_iter().map(|node| (thread, node)));
    }

    /// The same, and its node has answered that it is done.
    pub(crate) fn hands_over(&mut self, thread: ThreadId, to: NodeId, at: u64) {
        for node in self.on_duty(thread, to) {
            self.takes_out(thread, node, at);
        }
    }

    /// Whom a hand-over takes out: who is there by a grant of this thread alone.
    fn on_duty(&self, thread: ThreadId, to: NodeId) -> Vec<NodeId> {
        let there = self.stays.keys().filter(|(of, node)| *of == thread && *node != to);
        there.map(|(_, node)| *node).filter(|node| !self.stands(thread, *node)).collect()
    }

    /// A node says that somebody is out of a thread. That is so, and an owner must have wanted it, or the grant be over.
    pub(crate) fn is_out(&mut self, thread: ThreadId, node: NodeId, at: u64) {
        let founds = self.founders.get(&thread).is_some_and(|founders| founders.contains(&node));
        let stays = self.stays.get(&(thread, node)).map(Vec::as_slice).unwrap_or_default();
        let mut open = stays.iter().filter(|stay| stay.until.is_none());
        let in_force = open.any(|stay| !stay.is_over(at));
        let wanted = self.may_go.contains(&(thread, node)) || self.may_come_anew.remove(&(thread, node));
        // Who isn't honest may refuse to come in, and is taken out again.
        let excused = self.rogues.contains(&node) || self.is_split(thread);
        if (founds || in_force) && !wanted && !excused {
            let seen = format!("thread {thread}: node {} is out", node.0);
            self.broken(at, "nobody is taken out whom nobody took out", seen);
        }
        self.takes_out(thread, node, at);
    }

    /// Whether all grants that a node had of a thread have ended by themselves.
    pub(crate) fn has_ended(&self, thread: ThreadId, node: NodeId, now: u64) -> bool {
        let stays = self.stays.get(&(thread, node));
        stays.is_some_and(|stays| stays.iter().all(|stay| stay.ends.saturating_add(SKEW) < now))
    }

    /// Whether a grant of a thread holds for a node beyond doubt, as far as time goes.
    fn holds(&self, thread: ThreadId, node: NodeId, now: u64) -> bool {
        let stays = self.stays.get(&(thread, node)).into_iter().flatten();
        self.stands(thread, node) || stays.into_iter().any(|stay| now.saturating_add(SKEW) <= stay.ends)
    }

    /// Whether what somebody wrote at one moment may be refused by another: a right had ended by then, and none has lasted
    /// from the one to the other.
    pub(super) fn may_be_refused(&self, thread: ThreadId, node: NodeId, [said, refused]: [u64; 2]) -> bool {
        let stays = self.stays.get(&(thread, node)).map(Vec::as_slice).unwrap_or_default();
        let lasted = |stay: &Stay| stay.from <= said && !stay.is_over(refused);
        stays.iter().any(|stay| stay.is_over(refused)) && !stays.iter().any(lasted)
    }

    /// A text may be for who founded the thread and for those whom its steward's owner or rule let in, for as long as they
    /// were let in, and not for who is out as the author's own node has said.
    pub(crate) fn check_audience(
        &mut self,
        (thread, author, at): (ThreadId, NodeId, u64),
        audience: &BTreeSet<NodeId>,
        foreign: usize,
    ) {
        let Some(founders) = self.founders.get(&thread).copied() else { return };
        if self.rogues.contains(&author) || self.is_split(thread) {
            return;
        }
        if foreign > 0 {
            let seen = format!("node {} writes to {foreign} devices of nobody in thread {thread}", author.0);
            self.broken(at, "nobody is in a thread whom nobody let in", seen);
        }
        let stranger = |node: &&NodeId| !founders.contains(node) && !self.was_let_in(thread, **node);
        let known_out = |node: &&NodeId| self.known_out.contains(&(thread, author, **node));
        let ended = |node: &&NodeId| !founders.contains(node) && self.has_ended(thread, **node, at);
        let known_in =
            self.known_in.range((thread, author, NodeId(0))..=(thread, author, NodeId(usize::MAX)));
        let known_in = known_in.map(|(.., node)| node).filter(|node| self.holds(thread, **node, at));
        // Who led the thread before another took it over is a member like others from then on.
        let taken_over = self.was_taken_over(thread);
        let always = founders.iter().take(if taken_over { 1 } else { 2 });
        let missing = always.chain(known_in).find(|node| !audience.contains(node)).copied();
        let promises = [
            (missing, "who founded a thread or is known to be in it is written to"),
            (audience.iter().find(stranger).copied(), "nobody is in a thread whom nobody let in"),
            (audience.iter().find(known_out).copied(), "who was taken out is written to no more"),
            (audience.iter().find(ended).copied(), "whose grant has ended is written to no more"),
        ];
        for (node, promise) in promises.into_iter().filter_map(|(node, promise)| Some((node?, promise))) {
            let seen = format!("node {} writes to node {} in thread {thread}", author.0, node.0);
            self.broken(at, promise, seen);
        }
    }

    /// In the end those are in a thread who may be, and all of them whom `expected` says should have got there.
    pub(super) fn check_members(
        &mut self,
        at: u64,
        thread: ThreadId,
        members: &[NodeId],
        expected: impl Fn(NodeId) -> bool,
    ) {
        let founders = self.founders.get(&thread).copied().unwrap_or([NodeId(usize::MAX); 2]);
        let open = |stay: &Stay, late: u64| stay.until.is_none() && at <= stay.ends.saturating_add(late);
        let may = |node: &NodeId| {
            let stays = self.stays.get(&(thread, *node)).map(Vec::as_slice).unwrap_or_default();
            founders.contains(node) || stays.iter().any(|stay| open(stay, SWEPT))
        };
        let extra = members.iter().find(|node| !may(node)).copied();
        let here = self.stays.iter().filter(|((of, _), _)| *of == thread);
        let in_force = here.filter(|(_, stays)| stays.iter().any(|stay| open(stay, 0)));
        let mut in_force = in_force.map(|((_, node), _)| *node);
        let missing = in_force.find(|node| !members.contains(node) && expected(*node));
        if let Some(node) = extra {
            let seen = format!("thread {thread}: node {} is there still", node.0);
            self.broken(at, "who was taken out, or whose grant has ended, is out", seen);
        }
        if let Some(node) = missing {
            let seen = format!("thread {thread}: node {} is not there", node.0);
            self.broken(at, "who was let in and never taken out is in", seen);
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use frontdesk_wire::{Position, Reason};
    use std::collections::BTreeMap;

    const THREAD: ThreadId = ThreadId::from_bytes([1; 32]);
    const CARLA: NodeId = NodeId(0);
    const ACME: NodeId = NodeId(1);
    const ANA: NodeId = NodeId(2);
    const BEN: NodeId = NodeId(3);
    const ENDS: u64 = 10_000_000;

    /// Ana was let in, and the thread handed over to Ben.
    fn handed_over() -> Truth {
        let mut truth = Truth::default();
        truth.founders.insert(THREAD, [CARLA, ACME]);
        truth.lets_in((THREAD, ANA, 10), HistoryChoice::All, ENDS, (&[], &[]));
        truth.lets_in((THREAD, BEN, 20), HistoryChoice::All, ENDS, (&[], &[]));
        truth.hands_over(THREAD, BEN, 20);
        truth
    }

    fn promise(truth: &mut Truth, at: u64, members: &[NodeId]) -> Option<String> {
        truth.violations.clear();
        truth.check_members(at, THREAD, members, |_| true);
        truth.violations.first().map(|violation| violation.promise.clone())
    }

    #[test]
    fn those_are_in_whom_owners_let_in_and_did_not_take_out() {
        let mut truth = handed_over();
        assert_eq!(promise(&mut truth, 30, &[CARLA, ACME, BEN]), None);
        let still = Some("who was taken out, or whose grant has ended, is out".to_owned());
        assert_eq!(promise(&mut truth, 30, &[CARLA, ACME, ANA, BEN]), still, "a hand-over that left her in");
        let gone = Some("who was let in and never taken out is in".to_owned());
        assert_eq!(promise(&mut truth, 30, &[CARLA, ACME]), gone);
        truth.takes_out(THREAD, BEN, 40);
        assert_eq!(promise(&mut truth, 50, &[CARLA, ACME, BEN]), still, "a revocation that did nothing");
        truth.lets_in((THREAD, ANA, 60), HistoryChoice::All, ENDS, (&[], &[]));
        assert_eq!(promise(&mut truth, 70, &[CARLA, ACME, ANA]), None, "she is back");
    }

    #[test]
    fn of_texts_that_were_written_at_once_a_bound_gives_all_or_none() {
        let placed = [(1, Position(1)), (2, Position(2)), (3, Position(2)), (4, Position(3))];
        let given = |count| {
            let mut truth = Truth::default();
            truth.lets_in((THREAD, ANA, 10), HistoryChoice::Last(count), ENDS, (&placed, &placed));
            let stay = truth.stays.remove(&(THREAD, ANA)).unwrap().remove(0);
            [stay.granted, stay.hidden].map(|set| set.into_iter().collect::<Vec<_>>())
        };
        assert_eq!(given(3), [vec![2, 3, 4], vec![1]]);
        assert_eq!(given(2), [vec![4], vec![1, 2]]);
        assert_eq!(given(1), [vec![4], vec![1, 2, 3]]);
    }

    #[test]
    fn whose_grant_has_ended_is_out_and_is_written_to_no_more() {
        let mut truth = handed_over();
        let late = ENDS + SWEPT + 1;
        assert_eq!(promise(&mut truth, ENDS + SWEPT, &[CARLA, ACME, BEN]), None, "the steward has some time");
        let still = Some("who was taken out, or whose grant has ended, is out".to_owned());
        assert_eq!(promise(&mut truth, late, &[CARLA, ACME, BEN]), still);
        assert_eq!(promise(&mut truth, late, &[CARLA, ACME]), None);
        let all = BTreeSet::from([CARLA, ACME, BEN]);
        truth.check_audience((THREAD, CARLA, ENDS + SKEW), &all, 0);
        assert!(truth.violations.is_empty());
        truth.check_audience((THREAD, CARLA, late), &all, 0);
        assert_eq!(truth.violations.first().unwrap().promise, "whose grant has ended is written to no more");
    }

    #[test]
    fn nobody_is_taken_out_but_by_an_owner_or_because_its_grant_is_over() {
        let out = |node, at, prepare: &dyn Fn(&mut Truth)| {
            let mut truth = handed_over();
            prepare(&mut truth);
            truth.is_out(THREAD, node, at);
            truth.violations.first().map(|violation| violation.promise.clone())
        };
        let wrong = Some("nobody is taken out whom nobody took out".to_owned());
        assert_eq!(out(ANA, 30, &|_| ()), None, "the thread was handed over to Ben");
        assert_eq!(out(BEN, 30, &|_| ()), wrong);
        assert_eq!(out(CARLA, 30, &|_| ()), wrong, "a founder");
        assert_eq!(out(BEN, 30, &|truth| truth.may_go(THREAD, BEN)), None);
        assert_eq!(out(BEN, 30, &|truth| truth.may_go_everywhere(BEN)), None);
        assert_eq!(out(BEN, 30, &|truth| truth.may_hand_over(THREAD, ANA)), None);
        assert_eq!(out(BEN, 30, &|truth| truth.may_hand_over(THREAD, BEN)), wrong);
        assert_eq!(out(BEN, ENDS - SKEW, &|_| ()), None, "its grant is about to end");
        assert_eq!(out(BEN, ENDS - SKEW - 1, &|_| ()), wrong);
        let again = |truth: &mut Truth| {
            truth.may_go(THREAD, BEN);
            truth.lets_in((THREAD, BEN, 25), HistoryChoice::All, ENDS, (&[], &[]));
        };
        assert_eq!(out(BEN, 30, &again), wrong, "it was let in again since");
    }

    #[test]
    fn a_text_is_for_the_founders_and_for_all_who_came_while_its_author_was_there() {
        let mut truth = handed_over();
        truth.knows(30, (THREAD, CARLA), &[BEN], &[]);
        let mut promise = |audience: &[NodeId], at| {
            truth.check_audience((THREAD, CARLA, at), &audience.iter().copied().collect(), 0);
            std::mem::take(&mut truth.violations).pop().map(|violation| violation.promise)
        };
        let missing = Some("who founded a thread or is known to be in it is written to".to_owned());
        assert_eq!(promise(&[CARLA, ACME, BEN], 30), None);
        assert_eq!(promise(&[CARLA, ACME], 30), missing);
        assert_eq!(promise(&[CARLA, BEN], 30), missing);
        assert_eq!(promise(&[CARLA, ACME], ENDS - SKEW + 1), None, "its grant ends");
        truth.knows(30, (THREAD, CARLA), &[], &[BEN]);
        truth.check_audience((THREAD, CARLA, 40), &BTreeSet::from([CARLA, ACME]), 0);
        assert!(truth.violations.is_empty());
    }

    #[test]
    fn a_text_is_refused_only_to_one_that_has_lost_the_right() {
        let refused = |author| {
            let mut truth = handed_over();
            truth.says((1, "x".into()), (THREAD, author, 30), BTreeSet::from([CARLA, ACME, BEN]));
            truth.said.entry(1).and_modify(|said| said.failed_at = Some(40));
            truth.check_refusals(100, THREAD, &BTreeMap::new());
            truth.violations.first().map(|violation| violation.promise.clone())
        };
        let without = Some("nothing is refused without a cause".to_owned());
        assert_eq!([refused(CARLA), refused(BEN), refused(ANA)], [without.clone(), without, None]);
    }

    #[test]
    fn a_reader_refuses_only_what_it_or_the_author_had_lost_the_right_to_and_says_so() {
        let refused = |author, reader, reason| {
            let mut truth = handed_over();
            truth.says((1, "x".into()), (THREAD, author, 15), BTreeSet::from([CARLA, ACME, ANA, BEN]));
            truth.check_refusals(100, THREAD, &BTreeMap::from([((1, reader), reason)]));
            !truth.violations.is_empty()
        };
        assert!(refused(CARLA, BEN, Reason::Busy), "nothing is too much in an office");
        assert!(refused(CARLA, ACME, Reason::UnknownThread), "it has it");
        assert!(refused(BEN, ACME, Reason::NotMember), "he is one");
        assert!(!refused(CARLA, ANA, Reason::UnknownThread), "she is out since 20");
        assert!(!refused(ANA, CARLA, Reason::NotMember));
        assert!(refused(ANA, CARLA, Reason::Busy));
    }

    #[test]
    fn who_was_put_back_to_an_old_copy_may_refuse_what_was_written_then_and_nothing_later() {
        let refused = |said| {
            let mut truth = handed_over();
            truth.rolled_back(BEN, [25, 50], &BTreeSet::new());
            truth.says((1, "x".into()), (THREAD, CARLA, said), BTreeSet::from([CARLA, BEN]));
            truth.said.entry(1).and_modify(|text| text.failed_at = Some(said + 10));
            truth.check_refusals(u64::MAX, THREAD, &BTreeMap::new());
            truth.violations.is_empty()
        };
        assert_eq!([refused(24), refused(25), refused(60), refused(9_000_000)], [false, true, true, false]);
    }

    #[test]
    fn who_has_forgotten_a_thread_with_an_old_copy_refuses_what_is_written_there_for_good() {
        let refused = |forgot: &BTreeSet<ThreadId>| {
            let mut truth = handed_over();
            truth.rolled_back(CARLA, [25, 50], forgot);
            truth.says((1, "x".into()), (THREAD, BEN, 9_000_000), BTreeSet::from([CARLA, ACME, BEN]));
            truth.check_refusals(9_000_100, THREAD, &BTreeMap::from([((1, CARLA), Reason::UnknownThread)]));
            truth.violations.is_empty()
        };
        assert_eq!([refused(&BTreeSet::from([THREAD])), refused(&BTreeSet::new())], [true, false]);
    }

    #[test]
    fn who_was_put_back_to_an_old_copy_is_taken_out_once_to_come_in_anew() {
        let mut truth = handed_over();
        truth.rolled_back(BEN, [25, 50], &BTreeSet::new());
        truth.is_out(THREAD, BEN, 60);
        assert!(truth.violations.is_empty());
        truth.lets_in((THREAD, BEN, 70), HistoryChoice::All, ENDS, (&[], &[]));
        truth.is_out(THREAD, BEN, 80);
        assert_eq!(truth.violations.len(), 1);
    }
}
