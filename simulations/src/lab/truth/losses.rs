//! What may be lost: what only a node had that was put back to an old copy of its disk.

use super::{Said, Truth};
use crate::NodeId;
use frontdesk_identity::ThreadId;
use std::collections::BTreeSet;

/// How long it takes at most until who was put back to an old copy is in its threads anew, in milliseconds: an hour, for
/// those that are off meanwhile.
pub(super) const COMES_ANEW: u64 = 3_600_000;

impl Truth {
    /// A node is put back to a copy of its disk that was made at `since`. What it wrote after that, others may have or not;
    /// what it was shown, it may be shown again; of threads that came to it later, it knows nothing.
    pub(in crate::lab) fn rolled_back(
        &mut self,
        node: NodeId,
        [since, at]: [u64; 2],
        forgot: &BTreeSet<ThreadId>,
    ) {
        self.rolled.entry(node).or_default().push([since, at]);
        let threads = self.stays.keys().filter(|(_, member)| *member == node).copied();
        let founded = self.founders.iter().filter(|(_, founders)| founders.contains(&node));
        let all: Vec<_> = threads.chain(founded.map(|(thread, _)| (*thread, node))).collect();
        self.may_come_anew.extend(all);
        self.forgot.extend(forgot.iter().map(|thread| (*thread, node)));
        self.known_out.retain(|(_, teller, _)| *teller != node);
        self.known_in.retain(|(_, teller, _)| *teller != node);
        self.forgets_what_it_asked(node);
        self.newest.retain(|(reader, ..), _| *reader != node);
        self.shown.retain(|(reader, _), at| *reader != node || *at < since);
        for said in self.said.values_mut().filter(|said| said.author == node && said.at >= since) {
            said.failed |= said.delivered.is_none();
            said.gone = true;
            said.audience.remove(&node);
        }
    }

    /// Whether a node was put back to an old copy since a moment.
    pub(super) fn was_put_back_since(&self, node: NodeId, since: u64) -> bool {
        self.rolled.get(&node).is_some_and(|rolled| rolled.iter().any(|[_, back]| since <= *back))
    }

    /// Whether who wrote two texts was put back in between to a copy that knew nothing of the first.
    pub(super) fn has_lost_between(&self, author: NodeId, first: u64, then: u64) -> bool {
        let at = |number| self.said.get(&number).map_or(0, |said| said.at);
        let rolled = self.rolled.get(&author).into_iter().flatten();
        rolled.into_iter().any(|[since, back]| (*since..=*back).contains(&at(first)) && at(then) >= *back)
    }

    /// Whether a text may be refused since somebody whom it was for, or its author, was put back to an old copy: it was
    /// written after that copy was made, and before who was put back can have come in anew everywhere.
    pub(super) fn may_be_lost(&self, said: &Said) -> bool {
        let of = said.audience.iter().chain([&said.author]).filter_map(|node| self.rolled.get(node));
        of.flatten().any(|[since, at]| (*since..=at.saturating_add(COMES_ANEW)).contains(&said.at))
    }

    /// A thread of which its steward, put back to an older copy, knows nothing, or whose steward is lost: nobody can change its
    /// members any more.
    pub(in crate::lab) fn is_frozen(&self, thread: ThreadId) -> bool {
        let leader = self.leader(thread);
        leader.is_some_and(|leader| self.forgot.contains(&(thread, leader)) || self.is_lost(leader))
    }

    /// Whether one of those who founded a thread was put back to an old copy: it may not know the thread, or its era.
    pub(in crate::lab) fn was_put_back(&self, thread: ThreadId) -> bool {
        let founders = self.founders.get(&thread).into_iter().flatten();
        founders.into_iter().any(|node| self.rolled.contains_key(node))
    }

    /// Whether a node is expected to know a thread and to be right about it.
    pub(super) fn is_relied_on(&self, thread: ThreadId, node: NodeId) -> bool {
        let off =
            self.has_forgotten(thread, node) || self.drifts_for_good(thread, node) || self.is_lost(node);
        !self.rogues.contains(&node) && !off
    }

    /// Whether a node was put back to an old copy that knows nothing of a thread.
    pub(super) fn has_forgotten(&self, thread: ThreadId, node: NodeId) -> bool {
        self.forgot.contains(&(thread, node))
    }
}
