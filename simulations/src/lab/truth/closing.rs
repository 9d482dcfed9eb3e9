//! After all faults have stopped and everything has settled: nothing is lost, all agree, nothing waits.

use super::{Said, Truth, number_of};
use crate::{NodeId, World, lab::people::Cast, office};
use frontdesk_engine::MessageState;
use frontdesk_identity::{DeviceId, ThreadId};
use std::collections::{BTreeMap, BTreeSet};

/// A member of a thread as another knows it: its device, its grants, and whether it is the steward.
type Known = (DeviceId, Vec<String>, bool);

/// What a member knows of a thread: epoch and members.
type View = (u64, Vec<Known>);

/// What members list of a thread, each in its order.
type Lists = BTreeMap<NodeId, Vec<u64>>;

fn view(world: &World, node: NodeId, thread: ThreadId) -> Option<View> {
    let who = office::who(world, node, thread)?;
    let mut members: Vec<_> =
        who.members.into_iter().map(|member| (member.device, member.grants, member.steward)).collect();
    members.sort();
    Some((who.epoch, members))
}

fn list(world: &World, node: NodeId, thread: ThreadId) -> Vec<u64> {
    office::texts(world, node, thread).iter().filter_map(|text| number_of(text)).collect()
}

impl Truth {
    /// Compares what the nodes show with what must be so at the end.
    pub(in crate::lab) fn close(&mut self, world: &World, cast: &Cast, at: u64) {
        for (thread, founders) in self.founders.clone() {
            self.close_thread(world, cast, at, (thread, founders));
        }
        let unopened = self.of_thread.keys().filter(|thread| !self.founders.contains_key(*thread));
        for thread in unopened.copied().collect::<Vec<_>>() {
            self.close_unopened(world, cast, at, thread);
        }
    }

    /// A thread that its business never had: what was written in it was refused, and its author knows.
    fn close_unopened(&mut self, world: &World, cast: &Cast, at: u64, thread: ThreadId) {
        for (number, said) in self.said_in(thread) {
            let Some(business) = cast.administrator(said.author) else { continue };
            let relied = [said.author, business]
                .iter()
                .all(|node| self.is_relied_on(thread, *node) && !self.rolled.contains(node));
            if !said.failed && said.delivered.is_none() && relied && can_meet(world, said.author, business) {
                let seen = format!("thread {thread}: #{number} of node {} is neither", said.author.0);
                self.broken(at, "every text ends delivered or refused", seen);
            }
        }
    }

    fn close_thread(
        &mut self,
        world: &World,
        cast: &Cast,
        at: u64,
        (thread, [customer, steward]): (ThreadId, [NodeId; 2]),
    ) {
        let relied: Vec<NodeId> =
            [steward, customer].into_iter().filter(|node| self.is_relied_on(thread, *node)).collect();
        let Some(witness) = relied.first().copied() else { return };
        let Some((epoch, state)) = view(world, witness, thread) else {
            // A customer and a steward that were both put back may not have met again yet.
            if self.is_frozen(thread) {
                return;
            }
            let seen = format!("thread {thread}: node {} does not know it", witness.0);
            return self.broken(at, "who founded a thread is in it", seen);
        };
        let members: Vec<NodeId> = state.iter().filter_map(|(device, ..)| cast.node_of(device)).collect();
        let honest: Vec<NodeId> = members
            .iter()
            .copied()
            .filter(|node| self.is_relied_on(thread, *node) && can_meet(world, *node, steward))
            .collect();
        let views: BTreeMap<NodeId, Option<View>> =
            honest.iter().map(|node| (*node, view(world, *node, thread))).collect();
        if !self.split.contains(&thread) {
            self.check_views(at, thread, (epoch, &state), &views);
            if witness == steward {
                let reached = |node| self.is_relied_on(thread, node) && can_meet(world, node, steward);
                let expected: BTreeSet<NodeId> = cast.everybody().filter(|node| reached(*node)).collect();
                self.check_members(at, thread, &members, |node| expected.contains(&node));
            }
        }
        let lists: Lists = honest.iter().map(|node| (*node, list(world, *node, thread))).collect();
        self.check_order(at, thread, &lists);
        let epochs: BTreeMap<NodeId, u64> =
            views.iter().filter_map(|(node, view)| Some((*node, view.as_ref()?.0))).collect();
        self.check_losses(world, at, thread, (&lists, &epochs));
        self.check_ends(world, at, thread, customer, steward);
        self.check_refusals(at, thread);
    }

    /// Nothing is refused that somebody wrote who had the right to, and kept it.
    pub(super) fn check_refusals(&mut self, at: u64, thread: ThreadId) {
        if self.is_frozen(thread) || self.split.contains(&thread) {
            return;
        }
        // Who was put back to an old copy, and has lost the keys, refuses what was sealed for it.
        let others = self.stays.keys().filter(|(of, _)| *of == thread).map(|(_, node)| *node);
        let mut all = self.founders.get(&thread).copied().into_iter().flatten().chain(others);
        if all.any(|node| self.rolled.contains(&node)) {
            return;
        }
        for (number, said) in self.said_in(thread) {
            let honest = !self.rogues.contains(&said.author);
            if said.failed && !said.perhaps && honest && !self.has_left(thread, said.author, at) {
                let seen = format!("thread {thread}: #{number} of node {} failed", said.author.0);
                self.broken(at, "nothing is refused without a cause", seen);
            }
        }
    }

    /// All members agree on epoch, members, grants and steward. Where the steward was put back to an old copy, only those
    /// of one epoch must: nobody can bring the others after.
    fn check_views(
        &mut self,
        at: u64,
        thread: ThreadId,
        (epoch, state): (u64, &[Known]),
        views: &BTreeMap<NodeId, Option<View>>,
    ) {
        let frozen = self.is_frozen(thread);
        for (node, seen) in views {
            let agrees = match seen {
                Some((other, members)) => {
                    (*other == epoch && members == state) || (frozen && *other != epoch)
                }
                None => frozen,
            };
            if !agrees {
                let seen = seen.as_ref().map(|(epoch, members)| (epoch, members.len()));
                let seen = format!(
                    "thread {thread}: node {} sees {seen:?}, another {:?}",
                    node.0,
                    (epoch, state.len())
                );
                self.broken(at, "all members agree on epoch, members and state", seen);
            }
        }
    }

    /// Everybody who was there when a text was written, and still is, has it.
    fn check_losses(
        &mut self,
        world: &World,
        at: u64,
        thread: ThreadId,
        (lists, epochs): (&Lists, &BTreeMap<NodeId, u64>),
    ) {
        let split = self.split.contains(&thread) || self.is_frozen(thread);
        for (number, said) in self.said_in(thread) {
            if said.failed || self.rogues.contains(&said.author) {
                continue;
            }
            for (node, list) in lists.iter().filter(|(node, _)| said.audience.contains(node)) {
                let together = epochs.get(&said.author) == epochs.get(node);
                let excused = !can_meet(world, said.author, *node)
                    || (split && !together)
                    || (said.gone && !self.shown.contains_key(&(*node, number)))
                    || (self.rolled.contains(node) && !epochs.contains_key(&said.author));
                if !excused && !list.contains(&number) && !was_refused(world, number, &said, *node) {
                    let seen = format!(
                        "thread {thread}: node {} has no #{number} of node {}",
                        node.0, said.author.0
                    );
                    self.broken(at, "nothing that was answered for is lost", seen);
                }
            }
        }
    }

    /// Every text ends: it is delivered to somebody on the other side, or refused. What the steward brought of an author that
    /// had left, the other side has, and no acknowledgement tells the author.
    fn check_ends(&mut self, world: &World, at: u64, thread: ThreadId, customer: NodeId, steward: NodeId) {
        if self.is_frozen(thread) || self.split.contains(&thread) {
            return;
        }
        for (number, said) in self.said_in(thread) {
            let across = if said.author == customer { steward } else { customer };
            let reachable = can_meet(world, said.author, across) && self.is_relied_on(thread, across);
            let left = !office::is_in(world, said.author, thread);
            if left && said.delivered.is_none() && !said.failed && self.shown.contains_key(&(across, number))
            {
                self.said.entry(number).and_modify(|said| said.brought = true);
                continue;
            }
            if !said.failed && said.delivered.is_none() && reachable && self.is_relied_on(thread, said.author)
            {
                let seen = format!("thread {thread}: #{number} of node {} is neither", said.author.0);
                self.broken(at, "every text ends delivered or refused", seen);
            }
        }
    }

    pub(crate) fn said_in(&self, thread: ThreadId) -> Vec<(u64, Said)> {
        let numbers = self.of_thread.get(&thread).into_iter().flatten();
        numbers.filter_map(|number| Some((*number, self.said.get(number)?.clone()))).collect()
    }

    /// Any two members have what both have in the same order.
    pub(crate) fn check_order(&mut self, at: u64, thread: ThreadId, lists: &Lists) {
        let common = |of: &[u64], other: &[u64]| -> Vec<u64> {
            let other: BTreeSet<u64> = other.iter().copied().collect();
            of.iter().copied().filter(|number| other.contains(number)).collect()
        };
        for (index, (node, numbers)) in lists.iter().enumerate() {
            for (_, others) in lists.iter().take(index) {
                if common(others, numbers) != common(numbers, others) {
                    let seen = format!("thread {thread}: node {} has another order", node.0);
                    self.broken(at, "all members show the same order", seen);
                }
            }
            let mut last: BTreeMap<NodeId, u64> = BTreeMap::new();
            for number in numbers {
                let Some(author) = self.said.get(number).map(|said| said.author) else { continue };
                if last.insert(author, *number).is_some_and(|before| before > *number) {
                    let seen = format!(
                        "thread {thread}: node {} shows #{number} of node {} too late",
                        node.0, author.0
                    );
                    self.broken(at, "each author's order is kept", seen);
                }
            }
        }
    }
}

/// Whether the author's node tells its owner that this reader refused the text: it came when its author was out already.
fn was_refused(world: &World, number: u64, said: &Said, reader: NodeId) -> bool {
    let Ok(device) = world.node(reader).map(crate::Node::device) else { return false };
    let messages = office::messages(world, said.author, said.thread);
    let message = messages.into_iter().find(|message| number_of(&message.text) == Some(number));
    message.is_some_and(|message| {
        message.receivers.iter().any(|receiver| {
            receiver.device == device && matches!(receiver.state, MessageState::Failed { .. })
        })
    })
}

fn can_meet(world: &World, a: NodeId, b: NodeId) -> bool {
    a == b || world.wires.can_meet(a, b)
}
