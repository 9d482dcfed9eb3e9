//! Who leads a thread: the administrator that it came to, until another takes it over. In each era there is one.

use super::{Stay, Truth};
use crate::NodeId;
use frontdesk_identity::ThreadId;
use std::collections::{BTreeMap, BTreeSet};

/// What the reference knows of stewards.
#[derive(Debug, Default)]
pub(crate) struct Stewards {
    /// Who leads a thread in each of its later eras.
    eras: BTreeMap<ThreadId, BTreeMap<u32, NodeId>>,
    /// When another than its first steward led a thread for the first time.
    taken: BTreeMap<ThreadId, u64>,
    /// Whose owners want to lead a thread.
    wanted: BTreeSet<(ThreadId, NodeId)>,
    /// Nodes that are gone for good.
    lost: BTreeSet<NodeId>,
    /// Who is in no era that counts, and who let it in: a steward that was lost before it had come in, or one that led no
    /// longer and didn't know.
    adrift: BTreeMap<(ThreadId, NodeId), NodeId>,
}

impl Truth {
    /// Who leads a thread now.
    pub(crate) fn leader(&self, thread: ThreadId) -> Option<NodeId> {
        let last = self.stewards.eras.get(&thread).and_then(|eras| eras.values().next_back());
        last.copied().or_else(|| self.founders.get(&thread).map(|[_, steward]| *steward))
    }

    /// Whether a later era of a thread has begun than this one.
    pub(in crate::lab) fn is_past(&self, thread: ThreadId, era: u32) -> bool {
        let eras = self.stewards.eras.get(&thread);
        eras.and_then(BTreeMap::last_key_value).is_some_and(|(last, _)| *last > era)
    }

    /// Whether a node is in a thread by the grant that it had when its first era ended.
    pub(in crate::lab) fn is_of_first_era(&self, thread: ThreadId, node: NodeId) -> bool {
        let stays = self.stays.get(&(thread, node)).into_iter().flatten();
        let last = stays.into_iter().rfind(|stay| stay.until.is_none());
        last.zip(self.stewards.taken.get(&thread)).is_some_and(|(stay, taken)| stay.from < *taken)
    }

    /// The threads that a node leads.
    pub(in crate::lab) fn led_by(&self, node: NodeId) -> Vec<ThreadId> {
        self.founders.keys().copied().filter(|thread| self.leader(*thread) == Some(node)).collect()
    }

    /// An owner wants to lead a thread, and its node has taken the command.
    pub(in crate::lab) fn wants_to_lead(&mut self, thread: ThreadId, node: NodeId) {
        self.stewards.wanted.insert((thread, node));
    }

    /// A node says that it leads a thread from this era on: an owner wanted that, or it was put back to an old copy and leads
    /// what it led. Answers whether another led it until now.
    pub(in crate::lab) fn takes_over(
        &mut self,
        at: u64,
        (thread, era): (ThreadId, u32),
        node: NodeId,
    ) -> bool {
        let before = self.leader(thread);
        let first = *self.stewards.eras.entry(thread).or_default().entry(era).or_insert(node);
        self.stewards.taken.entry(thread).or_insert(at);
        if first != node {
            let seen = format!("thread {thread}, era {era}: nodes {} and {} lead it", first.0, node.0);
            self.broken(at, "there is one steward for each era", seen);
        }
        if before != Some(node) && !self.stewards.wanted.contains(&(thread, node)) {
            let seen = format!("thread {thread}: node {} leads it", node.0);
            self.broken(at, "nobody takes a thread over whom no owner told to", seen);
        }
        if before != Some(node) && !self.stands(thread, node) {
            self.stay((thread, node), Stay::standing(at));
            self.may_go.remove(&(thread, node));
        }
        before != Some(node)
    }

    /// Whether a node is in a thread by a right to all threads: it founded it, or took it over once.
    pub(super) fn stands(&self, thread: ThreadId, node: NodeId) -> bool {
        let stays = self.stays.get(&(thread, node)).into_iter().flatten();
        self.founders.get(&thread).is_some_and(|founders| founders.contains(&node))
            || stays.into_iter().any(|stay| stay.ends == u64::MAX && stay.until.is_none())
    }

    /// Whether another than its first steward has led a thread: from then on that one is a member like others.
    pub(super) fn was_taken_over(&self, thread: ThreadId) -> bool {
        let first = self.founders.get(&thread).map(|[_, steward]| *steward);
        let eras = self.stewards.eras.get(&thread).into_iter().flat_map(BTreeMap::values);
        eras.into_iter().any(|steward| Some(*steward) != first)
    }

    /// A node is gone for good. What it had not handed on to those whom it let in, nobody hands on: `has` says what a
    /// newcomer has of a thread by now, and nothing of one that hasn't come in.
    pub(in crate::lab) fn loses(
        &mut self,
        node: NodeId,
        has: &dyn Fn(NodeId, ThreadId) -> Option<BTreeSet<u64>>,
    ) {
        let led: BTreeSet<ThreadId> = self.led_by(node).into_iter().collect();
        self.stewards.lost.insert(node);
        for ((thread, member), stays) in self.stays.iter_mut().filter(|((thread, _), _)| led.contains(thread))
        {
            let has = has(*member, *thread);
            for stay in stays.iter_mut().filter(|stay| stay.until.is_none()) {
                stay.granted.retain(|number| has.as_ref().is_some_and(|has| has.contains(number)));
            }
            if has.is_none() {
                self.stewards.adrift.insert((*thread, *member), node);
            }
        }
    }

    pub(in crate::lab) fn is_lost(&self, node: NodeId) -> bool {
        self.stewards.lost.contains(&node)
    }

    /// Somebody has come into a thread, or is let in anew.
    pub(in crate::lab) fn arrives(&mut self, thread: ThreadId, node: NodeId) {
        self.stewards.adrift.remove(&(thread, node));
    }

    /// Somebody was let in by one that led a thread before, and doesn't know that another does.
    pub(in crate::lab) fn drifts(&mut self, thread: ThreadId, node: NodeId, by: NodeId) {
        self.stewards.adrift.insert((thread, node), by);
    }

    /// Whether a node is, or was until now, in no era that counts.
    pub(super) fn is_adrift(&self, thread: ThreadId, node: NodeId) -> bool {
        self.stewards.adrift.contains_key(&(thread, node))
    }

    /// Whether nobody will tell the present steward of a node any more: who let it in is gone, or has forgotten that it did.
    pub(super) fn drifts_for_good(&self, thread: ThreadId, node: NodeId) -> bool {
        let by = self.stewards.adrift.get(&(thread, node));
        by.is_some_and(|by| self.is_lost(*by) || self.rogues.contains(by) || self.rolled.contains_key(by))
    }

    /// In the end a thread whose steward is lost is led by one of those who wanted to, and all agree on who leads it.
    pub(super) fn check_leader(
        &mut self,
        at: u64,
        thread: ThreadId,
        seen: Option<NodeId>,
        can: impl Fn(NodeId) -> bool,
    ) {
        let leader = self.leader(thread);
        if seen != leader {
            let seen = format!("thread {thread}: {seen:?} is its steward, and {leader:?} took it over last");
            return self.broken(at, "who took a thread over last leads it", seen);
        }
        let heirs = self.stewards.wanted.iter().filter(|(of, node)| *of == thread && Some(*node) != leader);
        let heir = heirs.map(|(_, node)| *node).find(|node| !self.is_lost(*node) && can(*node));
        if let Some(heir) = heir.filter(|_| leader.is_some_and(|leader| self.is_lost(leader))) {
            let seen = format!("thread {thread}: its steward is lost, and node {} does not lead it", heir.0);
            self.broken(at, "a thread that is taken over is led", seen);
        }
    }
}
