//! Who may be in a thread: its founders, and whom an owner let in and nobody took out, until the grant ends. It follows
//! from what owners did and when, and not from what nodes think of it.

use super::{SKEW, Stay, Truth};
use crate::NodeId;
use frontdesk_engine::HistoryChoice;
use frontdesk_identity::ThreadId;
use std::collections::BTreeSet;

/// A steward takes out whose grant has ended within this time, in milliseconds, once all is quiet.
const SWEPT: u64 = 10 * 60_000;

impl Truth {
    pub(crate) fn lets_in(
        &mut self,
        (thread, node, at): (ThreadId, NodeId, u64),
        history: HistoryChoice,
        ends: u64,
        so_far: &[u64],
    ) {
        let shown = match history {
            HistoryChoice::All => so_far.len(),
            HistoryChoice::None => 0,
            HistoryChoice::Last(count) => usize::try_from(count).unwrap_or(usize::MAX),
        };
        let hidden = so_far.iter().rev().skip(shown).copied().collect();
        let stay = Stay { from: at, until: None, ends, hidden };
        self.stays.entry((thread, node)).or_default().push(stay);
        self.known_out.retain(|(of, _, out)| (*of, *out) != (thread, node));
    }

    /// An owner wants somebody let in, and may not hear whether that was done, nor what was handed on.
    pub(crate) fn may_let_in(&mut self, (thread, node, at): (ThreadId, NodeId, u64), ends: u64) {
        let stay = Stay { from: at, until: None, ends, hidden: BTreeSet::new() };
        self.stays.entry((thread, node)).or_default().push(stay);
        self.known_out.retain(|(of, _, out)| (*of, *out) != (thread, node));
    }

    pub(crate) fn was_let_in(&self, thread: ThreadId, node: NodeId) -> bool {
        self.stays.contains_key(&(thread, node))
    }

    pub(crate) fn takes_out(&mut self, thread: ThreadId, node: NodeId, at: u64) {
        for stay in self.stays.entry((thread, node)).or_default() {
            stay.until.get_or_insert(at);
        }
    }

    /// A steward's owner handed the thread over: who was there goes, and only the one it was handed to stays.
    pub(crate) fn hands_over(&mut self, thread: ThreadId, to: NodeId, at: u64) {
        let there = self.stays.keys().filter(|(of, node)| *of == thread && *node != to);
        for (_, node) in there.copied().collect::<Vec<_>>() {
            self.takes_out(thread, node, at);
        }
    }

    /// Whether all grants that a node had of a thread have ended by themselves.
    pub(crate) fn has_ended(&self, thread: ThreadId, node: NodeId, now: u64) -> bool {
        let stays = self.stays.get(&(thread, node));
        stays.is_some_and(|stays| stays.iter().all(|stay| stay.ends.saturating_add(SKEW) < now))
    }

    /// Whether somebody had lost, or was about to lose, the right to a thread by now: what it writes may be refused.
    pub(super) fn has_left(&self, thread: ThreadId, node: NodeId, now: u64) -> bool {
        let stays = self.stays.get(&(thread, node)).into_iter().flatten();
        stays.into_iter().any(|stay| stay.until.is_some() || stay.ends.saturating_sub(SKEW) < now)
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
        if self.rogues.contains(&author) || self.split.contains(&thread) {
            return;
        }
        if foreign > 0 {
            let seen = format!("node {} writes to {foreign} devices of nobody in thread {thread}", author.0);
            self.broken(at, "nobody is in a thread whom nobody let in", seen);
        }
        let stranger = |node: &&NodeId| !founders.contains(node) && !self.was_let_in(thread, **node);
        let known_out = |node: &&NodeId| self.known_out.contains(&(thread, author, **node));
        let ended = |node: &&NodeId| !founders.contains(node) && self.has_ended(thread, **node, at);
        let promises = [
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
        let missing = in_force.find(|node| !self.untold && !members.contains(node) && expected(*node));
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
        truth.lets_in((THREAD, ANA, 10), HistoryChoice::All, ENDS, &[]);
        truth.lets_in((THREAD, BEN, 20), HistoryChoice::All, ENDS, &[]);
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
        truth.untold = true;
        assert_eq!(promise(&mut truth, 30, &[CARLA, ACME]), None, "nobody may have heard of it");
        truth.takes_out(THREAD, BEN, 40);
        assert_eq!(promise(&mut truth, 50, &[CARLA, ACME, BEN]), still, "a revocation that did nothing");
        truth.lets_in((THREAD, ANA, 60), HistoryChoice::All, ENDS, &[]);
        assert_eq!(promise(&mut truth, 70, &[CARLA, ACME, ANA]), None, "she is back");
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
    fn a_text_is_refused_only_to_one_that_has_lost_the_right() {
        let refused = |author| {
            let mut truth = handed_over();
            truth.says((1, "x".into()), (THREAD, author, 30), BTreeSet::from([CARLA, ACME, BEN]));
            truth.said.entry(1).and_modify(|said| said.failed = true);
            truth.check_refusals(100, THREAD);
            truth.violations.first().map(|violation| violation.promise.clone())
        };
        let without = Some("nothing is refused without a cause".to_owned());
        assert_eq!([refused(CARLA), refused(BEN), refused(ANA)], [without.clone(), without, None]);
    }
}
