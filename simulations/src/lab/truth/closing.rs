//! After all faults have stopped and everything has settled: nothing is lost, all agree, nothing waits.

use super::{
    Placed, Said, Truth,
    ends::{Eyes, Lists},
    number_of,
    refusals::Refusals,
    shown::Listed,
};
use crate::{NodeId, World, lab::people::Cast, office};
use frontdesk_engine::MessageState;
use frontdesk_identity::{DeviceId, ThreadId};
use frontdesk_wire::limits::MAX_REFUSED;
use std::collections::{BTreeMap, BTreeSet};

/// A member of a thread as another knows it: its device, its grants, and whether it is the steward.
type Known = (DeviceId, Vec<String>, bool);

/// What a member knows of a thread: era and epoch, and members.
type View = ((u32, u64), Vec<Known>);

fn view(world: &World, node: NodeId, thread: ThreadId) -> Option<View> {
    let who = office::who(world, node, thread)?;
    let mut members: Vec<_> =
        who.members.into_iter().map(|member| (member.device, member.grants, member.steward)).collect();
    members.sort();
    Some(((office::era(world, node, thread)?, who.epoch), members))
}

fn list(world: &World, node: NodeId, thread: ThreadId) -> Vec<u64> {
    office::texts(world, node, thread).iter().filter_map(|text| number_of(text)).collect()
}

/// The texts of a thread that a node lists, and the place of each.
pub(crate) fn places(world: &World, node: NodeId, thread: ThreadId) -> Vec<Placed> {
    let messages = office::messages(world, node, thread).into_iter();
    messages.filter_map(|message| Some((number_of(&message.text)?, message.position))).collect()
}

fn listed(world: &World, node: NodeId, thread: ThreadId) -> Vec<Listed> {
    let messages = office::messages(world, node, thread).into_iter();
    let listed =
        messages.map(|message| Some(Listed { number: number_of(&message.text)?, mine: message.mine }));
    listed.flatten().collect()
}

impl Truth {
    /// Compares what the nodes show with what must be so at the end.
    pub(in crate::lab) fn close(&mut self, world: &World, cast: &Cast, at: u64) {
        let lost: BTreeSet<NodeId> = cast.everybody().filter(|node| self.is_lost(*node)).collect();
        let much = self.refused_much(world, cast);
        let eyes = Eyes {
            can_meet: &|a, b| can_meet(world, a, b) && !lost.contains(&a) && !lost.contains(&b),
            is_in: &|node, thread| office::is_in(world, node, thread),
            list: &|node, thread| list(world, node, thread),
            places: &|node, thread| places(world, node, thread),
            refusals: &|author, thread| refusals(world, cast, author, thread),
            refused_much: &|author, reader| much.contains(&(author, reader)),
        };
        for (thread, founders) in self.founders.clone() {
            self.close_thread(world, cast, at, (thread, founders), &eyes);
        }
        let unopened = self.of_thread.keys().filter(|thread| !self.founders.contains_key(*thread));
        for thread in unopened.copied().collect::<Vec<_>>() {
            if let Some(reception) = self.receptions.get(&thread).copied() {
                self.check_unopened(at, thread, reception, &eyes);
            }
        }
        self.check_kept(at, &eyes);
        self.check_answers(at, eyes.can_meet, |node| cast.administrator(node).unwrap_or(node));
        for node in cast.everybody() {
            if self.rogues.contains(&node) {
                continue;
            }
            for thread in office::threads(world, node) {
                if !self.split.contains(&thread) {
                    self.check_list(at, (thread, node), &listed(world, node, thread));
                }
            }
        }
    }

    /// Which readers refused so many texts of which authors that a list of refusals was full, as far as authors know.
    fn refused_much(&self, world: &World, cast: &Cast) -> BTreeSet<(NodeId, NodeId)> {
        let mut counts: BTreeMap<(NodeId, NodeId), usize> = BTreeMap::new();
        let spoken: BTreeSet<(NodeId, ThreadId)> =
            self.said.values().map(|said| (said.author, said.thread)).collect();
        for (author, thread) in spoken {
            for (_, reader) in refusals(world, cast, author, thread).into_keys() {
                *counts.entry((author, reader)).or_default() += 1;
            }
        }
        counts.into_iter().filter(|(_, count)| *count >= MAX_REFUSED).map(|(pair, _)| pair).collect()
    }

    fn close_thread(
        &mut self,
        world: &World,
        cast: &Cast,
        at: u64,
        (thread, [customer, first]): (ThreadId, [NodeId; 2]),
        eyes: &Eyes<'_>,
    ) {
        let steward = self.leader(thread).unwrap_or(first);
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
            .filter(|node| self.is_relied_on(thread, *node))
            .filter(|node| can_meet(world, *node, steward) || self.is_lost(steward))
            .collect();
        let views: BTreeMap<NodeId, Option<View>> =
            honest.iter().map(|node| (*node, view(world, *node, thread))).collect();
        if !self.is_split(thread) {
            self.check_views(at, thread, (epoch, &state), &views);
            let seen =
                state.iter().find(|(.., steward)| *steward).and_then(|(device, ..)| cast.node_of(device));
            let can = |node| can_meet(world, node, customer);
            if !self.is_frozen(thread) || self.is_lost(steward) {
                self.check_leader(at, thread, seen, can);
            }
            if witness == steward {
                let reached = |node| self.is_relied_on(thread, node) && can_meet(world, node, steward);
                let expected: BTreeSet<NodeId> = cast.everybody().filter(|node| reached(*node)).collect();
                self.check_members(at, thread, &members, |node| expected.contains(&node));
            }
        }
        let lists: Lists = honest.iter().map(|node| (*node, list(world, *node, thread))).collect();
        self.check_order(at, thread, &lists);
        let epochs: BTreeMap<NodeId, (u32, u64)> =
            views.iter().filter_map(|(node, view)| Some((*node, view.as_ref()?.0))).collect();
        let refused = self.refused_in(thread, eyes);
        self.check_losses(at, thread, (&lists, &epochs), &refused, eyes);
        self.check_history(at, thread, &lists, eyes);
        self.check_ends(at, thread, [customer, steward], eyes);
        self.check_refusals(at, thread, &refused);
    }

    /// All members agree on epoch, members, grants and steward. Where the steward was put back to an old copy, only those
    /// of one epoch must: nobody can bring the others after.
    fn check_views(
        &mut self,
        at: u64,
        thread: ThreadId,
        (epoch, state): ((u32, u64), &[Known]),
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
                let before = last.insert(author, *number).filter(|before| before > number);
                if before.is_some_and(|before| !self.has_lost_between(author, *number, before)) {
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

/// Which readers refused which of an author's texts, and why, as its node tells its owner.
fn refusals(world: &World, cast: &Cast, author: NodeId, thread: ThreadId) -> Refusals {
    let mut refusals = Refusals::new();
    for message in office::messages(world, author, thread).into_iter().filter(|message| message.mine) {
        let Some(number) = number_of(&message.text) else { continue };
        for receiver in message.receivers {
            if let (Some(reader), MessageState::Failed { reason }) =
                (cast.node_of(&receiver.device), receiver.state)
            {
                refusals.insert((number, reader), reason);
            }
        }
    }
    refusals
}

fn can_meet(world: &World, a: NodeId, b: NodeId) -> bool {
    a == b || world.wires.can_meet(a, b)
}
