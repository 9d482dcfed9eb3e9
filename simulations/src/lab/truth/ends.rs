//! What must have become of every text at the end: nothing is missing where it was promised, and each has ended.

use super::{Said, Stay, Truth, refusals::Refusals};
use crate::NodeId;
use frontdesk_identity::ThreadId;
use frontdesk_wire::Reason;
use std::collections::{BTreeMap, BTreeSet};

/// What members list of a thread, each in its order.
pub(crate) type Lists = BTreeMap<NodeId, Vec<u64>>;

/// What the checks at the end ask of the world.
pub(super) struct Eyes<'a> {
    /// Whether two nodes can ever be connected.
    pub(super) can_meet: &'a dyn Fn(NodeId, NodeId) -> bool,
    /// Whether a node takes itself for a member of a thread.
    pub(super) is_in: &'a dyn Fn(NodeId, ThreadId) -> bool,
    /// What a node lists of a thread, in its order.
    pub(super) list: &'a dyn Fn(NodeId, ThreadId) -> Vec<u64>,
    /// Which readers refused an author's texts of a thread, as its node tells its owner.
    pub(super) refusals: &'a dyn Fn(NodeId, ThreadId) -> Refusals,
    /// Whether a reader refused so much of an author's that an acknowledgement may not have had room for all of it.
    pub(super) refused_much: &'a dyn Fn(NodeId, NodeId) -> bool,
}

impl Truth {
    /// Everybody who was there when a text was written, and still is, has it.
    pub(super) fn check_losses(
        &mut self,
        at: u64,
        thread: ThreadId,
        (lists, epochs): (&Lists, &BTreeMap<NodeId, (u32, u64)>),
        refused: &Refusals,
        eyes: &Eyes<'_>,
    ) {
        let split = self.split.contains(&thread) || self.is_frozen(thread);
        let lawful = |truth: &Self, number, said: &Said, reader| match refused.get(&(number, reader)) {
            Some(reason) => truth.may_refuse(at, said, reader, *reason),
            // Which of these it refused, its author is not told.
            None => {
                let may = || truth.may_refuse(at, said, reader, Reason::GrantRevoked);
                (eyes.refused_much)(said.author, reader) && may()
            }
        };
        for (number, said) in self.said_in(thread) {
            // What was delivered is there, whatever became of it later at its author's.
            let failed = said.failed && said.delivered.is_none();
            if failed || self.rogues.contains(&said.author) {
                continue;
            }
            for (node, list) in lists.iter().filter(|(node, _)| said.audience.contains(node)) {
                let together = epochs.get(&said.author) == epochs.get(node);
                let excused = !(eyes.can_meet)(said.author, *node)
                    || (split && !together)
                    || (said.gone && !self.shown.contains_key(&(*node, number)))
                    || (self.rolled.contains_key(node) && !epochs.contains_key(&said.author));
                if !excused && !list.contains(&number) && !lawful(self, number, &said, *node) {
                    let seen = format!(
                        "thread {thread}: node {} has no #{number} of node {}",
                        node.0, said.author.0
                    );
                    self.broken(at, "nothing that was answered for is lost", seen);
                }
            }
        }
    }

    /// Who was let in with some of the past, and is in still, has that.
    pub(super) fn check_history(&mut self, at: u64, thread: ThreadId, lists: &Lists, eyes: &Eyes<'_>) {
        if self.split.contains(&thread) || self.is_frozen(thread) {
            return;
        }
        let mut missing = Vec::new();
        let steward = self.founders.get(&thread).map(|[_, steward]| *steward);
        let all = steward.and_then(|steward| lists.get(&steward)).cloned().unwrap_or_default();
        for (node, list) in lists {
            let stays = self.stays.get(&(thread, *node)).into_iter().flatten();
            let open = stays.into_iter().filter(|stay| stay.until.is_none() && at < stay.ends);
            // What it was given and its old copy lacks, nobody hands on again.
            let open = open.filter(|stay| !self.was_put_back_since(*node, stay.from));
            // What crossed its coming, its author brings.
            let crossing = |said: &Said| {
                !said.is_for(*node) && said.delivered.is_some() && (eyes.can_meet)(said.author, *node)
            };
            let brought = |number: &&u64| self.said.get(*number).is_some_and(crossing);
            let of = |stay: &Stay| -> Vec<u64> {
                let crossed = all.iter().filter(|_| stay.whole).filter(brought);
                stay.granted.iter().chain(crossed).copied().collect()
            };
            let granted: Vec<u64> = open.flat_map(of).collect();
            let mut granted = granted.iter();
            missing.extend(granted.find(|number| !list.contains(number)).map(|number| (*node, *number)));
        }
        for (node, number) in missing {
            let seen = format!("thread {thread}: node {} has no #{number}", node.0);
            self.broken(at, "who is let in has what its grant gave of the past", seen);
        }
    }

    /// What a node has shown its owner, it has for good.
    pub(super) fn check_kept(&mut self, at: u64, eyes: &Eyes<'_>) {
        let mut shown: BTreeMap<(ThreadId, NodeId), Vec<u64>> = BTreeMap::new();
        for (node, number) in self.shown.keys() {
            let excused = self.rogues.contains(node);
            if let Some(said) = self.said.get(number).filter(|_| !excused) {
                shown.entry((said.thread, *node)).or_default().push(*number);
            }
        }
        for ((thread, node), numbers) in shown {
            let has: BTreeSet<u64> = (eyes.list)(node, thread).into_iter().collect();
            if let Some(number) = numbers.into_iter().find(|number| !has.contains(number)) {
                let seen = format!("thread {thread}: node {} no longer has #{number}", node.0);
                self.broken(at, "what was shown once is there for good", seen);
            }
        }
    }

    /// Every text ends: it is delivered to somebody on the other side, or refused. What the steward brought of an author that
    /// had left, the other side has, and no acknowledgement tells the author.
    pub(super) fn check_ends(
        &mut self,
        at: u64,
        thread: ThreadId,
        [customer, steward]: [NodeId; 2],
        eyes: &Eyes<'_>,
    ) {
        if self.is_frozen(thread) || self.split.contains(&thread) {
            return;
        }
        for (number, said) in self.said_in(thread) {
            let across = if said.author == customer { steward } else { customer };
            let reachable = (eyes.can_meet)(said.author, across) && self.is_relied_on(thread, across);
            let open = said.delivered.is_none() && !said.failed;
            if open && !(eyes.is_in)(said.author, thread) && self.shown.contains_key(&(across, number)) {
                self.said.entry(number).and_modify(|said| said.brought = true);
                continue;
            }
            if open && reachable && self.is_relied_on(thread, said.author) {
                let seen = format!("thread {thread}: #{number} of node {} is neither", said.author.0);
                self.broken(at, "every text ends delivered or refused", seen);
            }
        }
    }

    /// A thread that its business never told of: what was written in it was refused for a cause, and its author knows.
    pub(super) fn check_unopened(&mut self, at: u64, thread: ThreadId, business: NodeId, eyes: &Eyes<'_>) {
        for (number, said) in self.said_in(thread) {
            let off = |node: &NodeId| self.rogues.contains(node) || self.rolled.contains_key(node);
            if [said.author, business].iter().any(off) {
                continue;
            }
            let has = || (eyes.list)(business, thread).contains(&number);
            let promise = if said.delivered.is_some() {
                Some("nothing that was answered for is lost").filter(|_| !has())
            } else if said.failed {
                let disks = [said.author, business].iter().any(|node| self.has_failed(*node, said.at));
                Some("nothing is refused without a cause").filter(|_| !disks)
            } else {
                Some("every text ends delivered or refused")
                    .filter(|_| (eyes.can_meet)(said.author, business))
            };
            if let Some(promise) = promise {
                let seen = format!("thread {thread}, never opened: #{number} of node {}", said.author.0);
                self.broken(at, promise, seen);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use frontdesk_engine::{HistoryChoice, MessageState};
    use frontdesk_wire::Position;

    const THREAD: ThreadId = ThreadId::from_bytes([1; 32]);
    const CARLA: NodeId = NodeId(0);
    const ACME: NodeId = NodeId(1);
    const ANA: NodeId = NodeId(2);
    const LATE: u64 = 1_000_000;

    /// Carla wrote #1, Ana was let in with it, and answered by #2; all were shown everything.
    fn story() -> Truth {
        let mut truth = Truth::default();
        truth.founders.insert(THREAD, [CARLA, ACME]);
        truth.says((1, "carla.1".into()), (THREAD, CARLA, 10), BTreeSet::from([CARLA, ACME]));
        truth.lets_in(
            (THREAD, ANA, 20),
            HistoryChoice::All,
            u64::MAX,
            (&[(1, Position(1))], &[(1, Position(1))]),
        );
        truth.says((2, "ana.1".into()), (THREAD, ANA, 30), BTreeSet::from([CARLA, ACME, ANA]));
        for (at, reader, text, history) in [
            (11, ACME, "#1 x", false),
            (21, ANA, "#1 x", true),
            (31, CARLA, "#2 x", false),
            (31, ACME, "#2 x", false),
        ] {
            truth.shows(at, reader, text, history);
        }
        for (at, name) in [(12, "carla.1"), (32, "ana.1")] {
            truth.state(at, THREAD, name, MessageState::Delivered);
        }
        assert!(truth.violations.is_empty());
        truth
    }

    /// What all have in the end, but one who lacks a text.
    fn lists(lack: Option<(NodeId, u64)>) -> Lists {
        let all = [CARLA, ACME, ANA].into_iter();
        all.map(|node| (node, [1, 2].into_iter().filter(|number| lack != Some((node, *number))).collect()))
            .collect()
    }

    /// Which promises the end finds broken.
    fn found(truth: &mut Truth, lists: &Lists, refused: Option<Reason>) -> BTreeSet<String> {
        found_where(truth, lists, refused, false)
    }

    /// The same; `much`: so much was refused that authors were not told of all of it.
    fn found_where(
        truth: &mut Truth,
        lists: &Lists,
        refused: Option<Reason>,
        much: bool,
    ) -> BTreeSet<String> {
        let all = lists.keys().flat_map(|node| [1, 2].map(|number| (number, *node)));
        let refused: Refusals = all.filter_map(|it| Some((it, refused?))).collect();
        let eyes = Eyes {
            can_meet: &|_, _| true,
            is_in: &|_, _| true,
            list: &|node, _| lists.get(&node).cloned().unwrap_or_default(),
            refusals: &|_, _| Refusals::new(),
            refused_much: &|_, _| much,
        };
        let epochs = lists.keys().map(|node| (*node, (0, 3))).collect();
        truth.check_losses(LATE, THREAD, (lists, &epochs), &refused, &eyes);
        truth.check_history(LATE, THREAD, lists, &eyes);
        truth.check_ends(LATE, THREAD, [CARLA, ACME], &eyes);
        truth.check_kept(LATE, &eyes);
        std::mem::take(&mut truth.violations).into_iter().map(|violation| violation.promise).collect()
    }

    const LOST: &str = "nothing that was answered for is lost";
    const KEPT: &str = "what was shown once is there for good";
    const GIVEN: &str = "who is let in has what its grant gave of the past";
    const ENDS: &str = "every text ends delivered or refused";

    fn these(promises: &[&str]) -> BTreeSet<String> {
        promises.iter().map(|promise| (*promise).to_owned()).collect()
    }

    #[test]
    fn a_text_that_is_missing_anywhere_is_noticed() {
        assert_eq!(found(&mut story(), &lists(None), None), these(&[]));
        for (lack, promises) in [
            ((CARLA, 1), vec![LOST]),
            ((ACME, 1), vec![LOST, KEPT]),
            ((ANA, 1), vec![GIVEN, KEPT]),
            ((ANA, 2), vec![LOST]),
            ((CARLA, 2), vec![LOST, KEPT]),
        ] {
            assert_eq!(found(&mut story(), &lists(Some(lack)), None), these(&promises), "{lack:?}");
        }
    }

    #[test]
    fn what_is_missing_is_excused_by_a_refusal_only_if_that_has_a_cause() {
        let acme_lacks_2 = |truth: &mut Truth, reason| {
            truth.shown.remove(&(ACME, 2));
            found(truth, &lists(Some((ACME, 2))), Some(reason))
        };
        assert_eq!(acme_lacks_2(&mut story(), Reason::NotMember), these(&[LOST]), "Ana is in");
        let mut truth = story();
        truth.takes_out(THREAD, ANA, 40);
        assert_eq!(acme_lacks_2(&mut truth, Reason::Busy), these(&[LOST]), "that is no reason");
        assert_eq!(acme_lacks_2(&mut truth, Reason::NotMember), these(&[]), "she was taken out");
        let untold = |truth: &mut Truth| {
            truth.shown.remove(&(ACME, 2));
            found_where(truth, &lists(Some((ACME, 2))), None, true)
        };
        assert_eq!(untold(&mut story()), these(&[LOST]), "Ana is in");
        assert_eq!(untold(&mut truth), these(&[]), "it refused her so much that this is not told");
    }

    #[test]
    fn who_may_read_all_of_the_past_has_what_crossed_its_coming_too() {
        let crossed = |whole: HistoryChoice| {
            let mut truth = Truth::default();
            truth.founders.insert(THREAD, [CARLA, ACME]);
            truth.lets_in((THREAD, ANA, 20), whole, u64::MAX, (&[], &[]));
            // Carla had not heard of her, and Acme got it after it had let her in.
            truth.says((1, "carla.1".into()), (THREAD, CARLA, 21), BTreeSet::from([CARLA, ACME]));
            truth.state(30, THREAD, "carla.1", MessageState::Delivered);
            let lists = [(CARLA, vec![1]), (ACME, vec![1]), (ANA, vec![])].into_iter().collect();
            found(&mut truth, &lists, None)
        };
        assert_eq!(crossed(HistoryChoice::All), these(&[GIVEN]));
        assert_eq!(crossed(HistoryChoice::None), these(&[]));
    }

    #[test]
    fn who_was_put_back_to_an_old_copy_may_lack_what_it_was_shown_since_that_was_made() {
        let mut truth = story();
        truth.rolled_back(ANA, [5, 40], &BTreeSet::new());
        assert_eq!(found(&mut truth, &lists(Some((ANA, 1))), None), these(&[]));
        let mut truth = story();
        truth.rolled_back(ANA, [25, 40], &BTreeSet::new());
        assert_eq!(found(&mut truth, &lists(Some((ANA, 1))), None), these(&[KEPT]), "it was in the copy");
    }

    #[test]
    fn a_text_that_is_neither_delivered_nor_refused_is_noticed() {
        for (number, name) in [(3, "carla.2"), (4, "acme.1")] {
            let author = if number == 3 { CARLA } else { ACME };
            let mut truth = story();
            truth.says((number, name.into()), (THREAD, author, 40), BTreeSet::from([author]));
            let mut all = lists(None);
            all.entry(author).or_default().push(number);
            assert_eq!(found(&mut truth, &all, None), these(&[ENDS]), "{name}");
        }
    }

    #[test]
    fn a_first_contact_is_there_or_was_refused_for_a_cause_and_its_author_knows() {
        let end = |state: Option<MessageState>, list: Vec<u64>, disk_failed| {
            let mut truth = Truth::default();
            if disk_failed {
                truth.disk_failed(ACME, 11);
            }
            truth.says((1, "carla.1".into()), (THREAD, CARLA, 10), BTreeSet::from([CARLA, ACME]));
            if let Some(state) = state {
                truth.state(12, THREAD, "carla.1", state);
            }
            let eyes = Eyes {
                can_meet: &|_, _| true,
                is_in: &|_, _| true,
                list: &|_, _| list.clone(),
                refusals: &|_, _| Refusals::new(),
                refused_much: &|_, _| false,
            };
            truth.check_unopened(LATE, THREAD, ACME, &eyes);
            truth.violations.pop().map(|violation| violation.promise)
        };
        let failed = || Some(MessageState::Failed { reason: Reason::Busy });
        assert_eq!(end(Some(MessageState::Delivered), vec![1], false), None);
        assert_eq!(end(Some(MessageState::Delivered), vec![], false).as_deref(), Some(LOST));
        assert_eq!(end(failed(), vec![], false).as_deref(), Some("nothing is refused without a cause"));
        assert_eq!(end(failed(), vec![], true), None, "its disk may have lost the answer");
        assert_eq!(end(None, vec![], false).as_deref(), Some(ENDS));
    }
}
