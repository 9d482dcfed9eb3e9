//! What nodes tell their owners, held against the reference at once.
//!
//! A node tells here before it acts on a step: so a text is known before anybody can show it, and a grant before
//! anybody uses it.

use super::report::Figures;
use crate::{
    NodeId,
    lab::truth::{Truth, number_of},
};
use frontdesk_engine::{Event, HistoryChoice};
use frontdesk_identity::{DeviceId, ThreadId, TransportKey};
use frontdesk_wire::Reason;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// The administrator's node.
pub(super) const STEWARD: NodeId = NodeId(0);

/// The reference, shared by all nodes.
#[derive(Debug)]
pub(super) struct Ledger(Mutex<Book>);

/// What is known so far.
#[derive(Debug, Default)]
pub(super) struct Book {
    pub(super) truth: Truth,
    pub(super) figures: Figures,
    devices: BTreeMap<DeviceId, NodeId>,
    keys: BTreeMap<TransportKey, NodeId>,
    agents: BTreeSet<NodeId>,
    /// Since when the administrator's node is cut off, while it is.
    pub(super) alone_since: Option<u64>,
    texts: u64,
}

impl Ledger {
    /// For these nodes, the administrator first, then so many agents.
    pub(super) fn new(nodes: impl Iterator<Item = (DeviceId, TransportKey)>, agents: usize) -> Self {
        let mut book = Book { agents: (1..=agents).map(NodeId).collect(), ..Book::default() };
        for (number, (device, key)) in nodes.enumerate() {
            book.devices.insert(device, NodeId(number));
            book.keys.insert(key, NodeId(number));
        }
        Self(Mutex::new(book))
    }

    pub(super) fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    /// The number of a new text.
    pub(super) const fn next_text(&mut self) -> u64 {
        self.texts += 1;
        self.texts
    }

    pub(super) fn node_of(&self, device: &DeviceId) -> Option<NodeId> {
        self.devices.get(device).copied()
    }

    /// A node has taken a text: it is durable there.
    pub(super) fn says(
        &mut self,
        (text, name): (&str, String),
        (thread, author, at): (ThreadId, NodeId, u64),
        audience: BTreeSet<NodeId>,
    ) {
        if let Some(number) = number_of(text) {
            self.truth.says((number, name), (thread, author, at), audience);
        }
    }

    /// A node tells its owner something.
    pub(super) fn hear(&mut self, at: u64, node: NodeId, event: &Event) {
        match event {
            Event::Message { message, history } if !message.mine => {
                self.truth.shows(at, node, &message.text, *history);
            }
            Event::MessageState { thread, message, state } => {
                if let Some((number, true)) = self.truth.state(at, *thread, message, *state) {
                    self.delivered(at, number);
                }
            }
            Event::MembersChanged { thread, era, epoch, added, removed } => {
                self.truth.commit(at, (*thread, *era, *epoch), node, (added, removed));
                let [came, out] = [added, removed].map(|devices| {
                    let nodes = devices.iter().filter_map(|device| self.node_of(device));
                    nodes.collect::<Vec<_>>()
                });
                self.truth.knows(at, (*thread, node), &came, &out);
                if node == STEWARD {
                    self.members_change(at, *thread, added, removed);
                }
            }
            Event::CommandDone { id, .. } => self.truth.done(at, *id),
            Event::Security { peer, thread, reason, detail } => {
                self.accuse(at, (node, *peer), *thread, (*reason, detail));
            }
            Event::Removed { thread } => self.truth.leaves(*thread, node),
            Event::PeerUp { .. } => self.figures.links += 1,
            Event::Started
            | Event::ThreadOpened { .. }
            | Event::ContactFailed { .. }
            | Event::Message { .. }
            | Event::TakenOver { .. }
            | Event::TakeoverRefused { .. }
            | Event::Closed { .. }
            | Event::ForwardAnswered { .. }
            | Event::JoinRequested { .. }
            | Event::JoinChallenged { .. }
            | Event::Joined { .. }
            | Event::JoinFailed { .. }
            | Event::Enrolled { .. }
            | Event::DeviceRemoved { .. }
            | Event::PeerDown { .. } => {}
        }
    }

    fn delivered(&mut self, at: u64, number: u64) {
        let Some(said) = self.truth.said.get(&number) else { return };
        self.figures.delays.push(at.saturating_sub(said.at));
        if self.alone_since.is_some_and(|since| said.at >= since) && said.author != STEWARD {
            self.figures.without_administrator += 1;
        }
    }

    /// The steward's view says who may read. Agents come in with all of the past.
    fn members_change(&mut self, at: u64, thread: ThreadId, added: &[DeviceId], removed: &[DeviceId]) {
        let agents = |devices: &[DeviceId]| -> Vec<NodeId> {
            let nodes = devices.iter().filter_map(|device| self.devices.get(device).copied());
            nodes.filter(|node| self.agents.contains(node)).collect()
        };
        let (added, removed) = (agents(added), agents(removed));
        for node in removed {
            self.truth.is_out(thread, node, at);
        }
        for node in added {
            self.truth.lets_in((thread, node, at), HistoryChoice::All, u64::MAX, (&[], &[]));
        }
    }

    /// All are honest here. What was sent by one that the steward has taken out of that thread, and that may not have heard it
    /// yet, is no accusation.
    fn accuse(
        &mut self,
        at: u64,
        (node, peer): (NodeId, TransportKey),
        thread: Option<ThreadId>,
        (reason, detail): (Reason, &str),
    ) {
        *self.figures.complaints.entry(reason.to_string()).or_default() += 1;
        let left = self.keys.get(&peer).is_some_and(|peer| self.truth.has_left(thread, (node, *peer), at));
        if !left || ![Reason::GrantRevoked, Reason::GrantExpired, Reason::NotMember].contains(&reason) {
            let peer =
                self.keys.get(&peer).map_or_else(|| "a stranger".into(), |peer| format!("node {}", peer.0));
            let seen = format!("node {} accuses {peer}: {reason}: {detail}", node.0);
            self.truth.broken(at, "honest nodes keep the rules", seen);
        }
    }
}
