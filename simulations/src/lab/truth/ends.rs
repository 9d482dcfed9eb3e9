//! What must have become of every text at the end: nothing is missing where it was promised, and each has ended.

use super::{Placed, Said, Stay, Truth, refusals::Refusals};
use crate::NodeId;
use frontdesk_identity::ThreadId;
use frontdesk_wire::{Position, Reason};
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
    /// The same, with the place of each.
    pub(super) places: &'a dyn Fn(NodeId, ThreadId) -> Vec<Placed>,
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
        let split = self.is_split(thread) || self.is_frozen(thread);
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

    /// Whether the author of a text brings it to those who came while it was under way: it is honest, and still there. Where
    /// nobody took the thread over, the steward does it for one that has left.
    fn brings(&self, said: &Said) -> bool {
        let stays = self.stays.get(&(said.thread, said.author)).into_iter().flatten();
        let is_there = || stays.into_iter().any(|stay| stay.until.is_none());
        let there = !self.was_taken_over(said.thread) || self.stands(said.thread, said.author) || is_there();
        there && !self.rogues.contains(&said.author)
    }

    /// Who was let in with some of the past, and is in still, has that, and nothing from before it.
    pub(super) fn check_history(&mut self, at: u64, thread: ThreadId, lists: &Lists, eyes: &Eyes<'_>) {
        if self.is_split(thread) || self.is_frozen(thread) {
            return;
        }
        let steward = self.leader(thread).filter(|steward| lists.contains_key(steward));
        let all = steward.map(|steward| (eyes.places)(steward, thread)).unwrap_or_default();
        let (mut broken, mut crossed) = (Vec::new(), [0, 0]);
        for (node, list) in lists {
            let stays = self.stays.get(&(thread, *node)).map(Vec::as_slice).unwrap_or_default();
            for (_, place) in all.iter().filter(|(number, _)| self.crosses(*node, stays, *number)) {
                let bounds = stays.iter().filter_map(|stay| stay.from_place);
                let [within, before] = &mut crossed;
                *(if bounds.min().is_some_and(|from| *place >= from) { within } else { before }) += 1;
            }
            let lacks = |number: &u64| !list.contains(number);
            let missing = self.given(*node, stays, &all, at, eyes).into_iter().find(lacks);
            let promise = "who is let in has what its grant gave of the past";
            broken.extend(missing.map(|number| (promise, format!("node {} has no #{number}", node.0))));
            // Only what a bound has an opinion on has to be looked up.
            let bounds: Option<Vec<Position>> = stays.iter().map(|stay| stay.from_place).collect();
            let Some(first) = bounds.and_then(|bounds| bounds.into_iter().min()) else { continue };
            let places = if first > Position::default() { (eyes.places)(*node, thread) } else { Vec::new() };
            let mut before = places.into_iter().filter(|(_, place)| *place < first);
            let theirs = |number: u64| self.said.get(&number).is_some_and(|said| said.is_for(*node));
            let over = before.find(|(number, _)| !theirs(*number));
            let promise = "nobody reads what no grant gave";
            broken.extend(over.map(|(number, _)| (promise, format!("node {} has #{number}", node.0))));
        }
        for (promise, seen) in broken {
            self.broken(at, promise, format!("thread {thread}: {seen}"));
        }
        let ([within, before], [more_within, more_before]) = (self.crossed, crossed);
        self.crossed = [within + more_within, before + more_before];
    }

    /// Whether a text was on its way when somebody was let in with a part of the past: neither did its author write it to the newcomer,
    /// nor had the steward got it yet.
    fn crosses(&self, node: NodeId, stays: &[Stay], number: u64) -> bool {
        let bounded = |stay: &Stay| stay.from_place.is_some_and(|from| from > Position::default());
        let had = |stay: &Stay| stay.hidden.contains(&number) || stay.granted.contains(&number);
        let for_it = self.said.get(&number).is_none_or(|said| said.is_for(node));
        !for_it && !stays.is_empty() && stays.iter().all(|stay| bounded(stay) && !had(stay))
    }

    /// What stays in a thread gave of its past: what the steward had, and what crossed the newcomer's way in and is not before
    /// its bound, by the place that its author gave it. That, its author brings.
    fn given(&self, node: NodeId, stays: &[Stay], all: &[Placed], at: u64, eyes: &Eyes<'_>) -> Vec<u64> {
        let crossing = |number: &u64| {
            let said = self.said.get(number).filter(|said| !said.is_for(node) && said.delivered.is_some());
            said.is_some_and(|said| self.brings(said) && (eyes.can_meet)(said.author, node))
        };
        let of = |stay: &Stay| {
            let from = stay.from_place;
            let within = all.iter().filter(|(_, place)| from.is_some_and(|from| *place >= from));
            let crossed = within.map(|(number, _)| *number).filter(crossing);
            stay.granted.iter().copied().chain(crossed).collect::<Vec<_>>()
        };
        let open = stays.iter().filter(|stay| stay.until.is_none() && at < stay.ends);
        // What it was given and its old copy lacks, nobody hands on again.
        open.filter(|stay| !self.was_put_back_since(node, stay.from)).flat_map(of).collect()
    }

    /// What a node has shown its owner, it has for good.
    pub(super) fn check_kept(&mut self, at: u64, eyes: &Eyes<'_>) {
        let mut shown: BTreeMap<(ThreadId, NodeId), Vec<u64>> = BTreeMap::new();
        for (node, number) in self.shown.keys() {
            let excused = self.rogues.contains(node) || self.is_lost(*node);
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
        if self.is_frozen(thread) || self.is_split(thread) {
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
            places: &|node, _| {
                let list = lists.get(&node).cloned().unwrap_or_default();
                list.into_iter().map(|number| (number, Position(10 * number))).collect()
            },
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

    /// Acme lets Ana in, who has no, or all, of #1 at place 10; #2 of Carla at place 20 crosses that.
    fn crossed(history: HistoryChoice, anas: &[u64]) -> BTreeSet<String> {
        let mut truth = Truth::default();
        truth.founders.insert(THREAD, [CARLA, ACME]);
        let both = || BTreeSet::from([CARLA, ACME]);
        truth.says((1, "carla.1".into()), (THREAD, CARLA, 5), both());
        let had = [(1, Position(10))];
        truth.lets_in((THREAD, ANA, 20), history, u64::MAX, (&had, &had));
        // Carla had not heard of her, and Acme got it after it had let her in.
        truth.says((2, "carla.2".into()), (THREAD, CARLA, 21), both());
        for name in ["carla.1", "carla.2"] {
            truth.state(30, THREAD, name, MessageState::Delivered);
        }
        let lists = [(CARLA, vec![1, 2]), (ACME, vec![1, 2]), (ANA, anas.to_vec())].into_iter().collect();
        found(&mut truth, &lists, None)
    }

    #[test]
    fn who_is_let_in_has_what_crossed_its_coming_if_its_place_is_not_before_the_bound() {
        for history in [HistoryChoice::All, HistoryChoice::Last(1)] {
            assert_eq!(crossed(history, &[1]), these(&[GIVEN]), "{history:?}");
            assert_eq!(crossed(history, &[1, 2]), these(&[]), "{history:?}");
        }
        assert_eq!(crossed(HistoryChoice::None, &[]), these(&[GIVEN]), "it was written from there on");
        assert_eq!(crossed(HistoryChoice::None, &[2]), these(&[]));
    }

    #[test]
    fn what_crossed_the_coming_of_one_and_is_before_its_bound_it_must_not_have() {
        let crossed = |anas: &[u64]| {
            let mut truth = Truth::default();
            truth.founders.insert(THREAD, [CARLA, ACME]);
            let had = [(2, Position(20))];
            truth.says((2, "carla.2".into()), (THREAD, CARLA, 5), BTreeSet::from([CARLA, ACME]));
            truth.lets_in((THREAD, ANA, 20), HistoryChoice::Last(1), u64::MAX, (&had, &had));
            // Of an earlier place in the thread than what Acme had, and on its way still.
            truth.says((1, "ben.1".into()), (THREAD, CARLA, 21), BTreeSet::from([CARLA, ACME]));
            for name in ["carla.2", "ben.1"] {
                truth.state(30, THREAD, name, MessageState::Delivered);
            }
            let lists = [(CARLA, vec![1, 2]), (ACME, vec![1, 2]), (ANA, anas.to_vec())].into_iter().collect();
            found(&mut truth, &lists, None)
        };
        assert_eq!(crossed(&[2]), these(&[]));
        assert_eq!(crossed(&[1, 2]), these(&["nobody reads what no grant gave"]));
        assert_eq!(crossed(&[1]), these(&[GIVEN, "nobody reads what no grant gave"]));
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
                places: &|_, _| Vec::new(),
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
