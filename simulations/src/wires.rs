//! Who is connected with whom, who wants to be, and what keeps them apart.

use crate::{NodeId, SimError, World, queue::What, silence::Silent};
use frontdesk_engine::Input;
use frontdesk_identity::TransportKey;
use std::collections::{BTreeMap, BTreeSet};

/// Until a connection that broke, or could not be made, is tried again, in milliseconds.
const AGAIN: u64 = 1000;

/// What stands between a node and those who dial it.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Nat {
    /// Nothing: everybody can dial it.
    #[default]
    Open,
    /// A router that keeps one outside port for all peers. Nobody can dial it; holes could be punched.
    Cone,
    /// A router with another outside port for each peer. Nobody can dial it, and no hole can be punched.
    Symmetric,
}

/// The connections of a world. What is asked for each event is found without looking at all nodes.
#[derive(Debug, Default)]
pub(crate) struct Wires {
    /// For each node, the connections that it takes for alive, with the number of each: frames of an earlier one are lost. The
    /// other end may be gone already, or have another connection.
    ends: BTreeMap<NodeId, BTreeMap<NodeId, u64>>,
    /// For each node, who wants to be connected to it, and where it looks for it.
    wanted: BTreeMap<NodeId, BTreeMap<NodeId, Vec<String>>>,
    /// Pairs that can't be connected.
    cut: BTreeSet<(NodeId, NodeId)>,
    /// Nodes that can't be connected to anybody.
    alone: BTreeSet<NodeId>,
    /// From whom to whom nothing arrives, though nobody is told, and what is on its way.
    pub(crate) silent: Silent,
    /// Pairs that one side refuses, until when.
    banned: BTreeMap<(NodeId, NodeId), u64>,
    /// Nodes that stand behind something.
    nat: BTreeMap<NodeId, Nat>,
    /// Holes are punched, which the program doesn't do.
    pub(crate) punching: bool,
    /// Pairs that wanted to be connected and never could.
    pub(crate) apart: BTreeSet<(NodeId, NodeId)>,
}

pub(crate) fn pair(a: NodeId, b: NodeId) -> (NodeId, NodeId) {
    if a < b { (a, b) } else { (b, a) }
}

impl Wires {
    /// The connection with another that a node takes for alive.
    pub(crate) fn number(&self, side: NodeId, other: NodeId) -> Option<u64> {
        self.ends.get(&side)?.get(&other).copied()
    }

    pub(crate) fn peers(&self, node: NodeId) -> Vec<NodeId> {
        self.ends.get(&node).into_iter().flat_map(BTreeMap::keys).copied().collect()
    }

    pub(crate) fn want(&mut self, by: NodeId, other: NodeId, addresses: Vec<String>) {
        self.wanted.entry(other).or_default().insert(by, addresses);
    }

    pub(crate) fn forget(&mut self, by: NodeId, other: NodeId) {
        if let Some(wanted) = self.wanted.get_mut(&other) {
            wanted.remove(&by);
        }
    }

    /// A program that is started anew wants nothing yet.
    pub(crate) fn forget_all(&mut self, by: NodeId) {
        self.wanted.values_mut().for_each(|wanted| drop(wanted.remove(&by)));
    }

    pub(crate) fn wants(&self, by: NodeId, other: NodeId) -> bool {
        self.wanted.get(&other).is_some_and(|wanted| wanted.contains_key(&by))
    }

    pub(crate) fn looks_at(&self, by: NodeId, other: NodeId, addresses: &[String]) -> bool {
        let dialled = self.wanted.get(&other).and_then(|wanted| wanted.get(&by));
        dialled.into_iter().flatten().any(|address| addresses.contains(address))
    }

    fn tie(&mut self, a: NodeId, b: NodeId, number: u64) {
        self.ends.entry(a).or_default().insert(b, number);
        self.ends.entry(b).or_default().insert(a, number);
    }

    /// One side's end of a connection is gone.
    fn untie(&mut self, side: NodeId, other: NodeId) -> bool {
        self.ends.get_mut(&side).is_some_and(|ends| ends.remove(&other).is_some())
    }

    pub(crate) fn set_nat(&mut self, node: NodeId, nat: Nat) {
        self.nat.insert(node, nat);
    }

    pub(crate) fn nat(&self, node: NodeId) -> Nat {
        self.nat.get(&node).copied().unwrap_or_default()
    }

    /// Whether one who dials the other gets through.
    fn reaches(&self, by: NodeId, other: NodeId) -> bool {
        match (self.nat(by), self.nat(other)) {
            (_, Nat::Open) => true,
            (Nat::Cone, Nat::Cone) => self.punching,
            (Nat::Open | Nat::Symmetric, Nat::Cone) | (_, Nat::Symmetric) => false,
        }
    }

    /// Whether two nodes can ever be connected, whoever dials.
    pub(crate) fn can_meet(&self, a: NodeId, b: NodeId) -> bool {
        self.reaches(a, b) || self.reaches(b, a)
    }

    pub(crate) fn is_cut(&self, a: NodeId, b: NodeId) -> bool {
        let silent = self.silent.is_between(a, b) || self.silent.is_between(b, a);
        silent || self.cut.contains(&pair(a, b)) || [a, b].iter().any(|node| self.alone.contains(node))
    }
}

impl World {
    /// Puts a node behind a router, from its next connection on.
    pub fn set_nat(&mut self, node: NodeId, nat: Nat) {
        self.wires.set_nat(node, nat);
    }

    /// Gives a node a name that others can dial wherever it is, as the DNS does for a business.
    pub(crate) fn name(&mut self, id: NodeId) -> Result<(), SimError> {
        self.node_mut(id)?.name = Some(format!("/dns4/node-{}.example/tcp/4100", id.0));
        self.feed(id, Input::Addresses(self.node(id)?.addresses(id)))
    }

    /// Moves a node to another address: its connections break, and those who look for it where it was do so in vain.
    ///
    /// # Errors
    /// [`SimError`].
    pub fn relocate(&mut self, id: NodeId, place: usize) -> Result<(), SimError> {
        self.note(id, None, || "moves to another address".into());
        self.node_mut(id)?.place = Some(place);
        self.disconnect_all(id)?;
        self.feed(id, Input::Addresses(self.node(id)?.addresses(id)))
    }

    /// The place where a node that is down will be when it starts again.
    ///
    /// # Errors
    /// [`SimError`].
    pub fn relocate_stopped(&mut self, id: NodeId, place: usize) -> Result<(), SimError> {
        self.node_mut(id)?.place = Some(place);
        Ok(())
    }

    /// Kills a node for good.
    ///
    /// # Errors
    /// [`SimError`].
    pub fn stop(&mut self, id: NodeId) -> Result<(), SimError> {
        self.note(id, None, || "stops; what was not flushed is lost".into());
        self.node_mut(id)?.crash()?;
        self.wires.forget_all(id);
        self.disconnect_all(id)
    }

    /// Breaks all connections of a node.
    pub(crate) fn disconnect_all(&mut self, id: NodeId) -> Result<(), SimError> {
        for peer in self.wires.peers(id) {
            let (a, b) = pair(id, peer);
            self.disconnect(a, b)?;
        }
        Ok(())
    }

    /// Breaks a connection: both ends see it, if one hears the other. Who wants it tries again after a second.
    pub(crate) fn disconnect(&mut self, a: NodeId, b: NodeId) -> Result<(), SimError> {
        let (there, back) = (self.wires.number(a, b), self.wires.number(b, a));
        self.break_end(a, b)?;
        if there == back && !self.wires.silent.is_between(a, b) {
            self.break_end(b, a)?;
        }
        Ok(())
    }

    /// One end of a connection breaks.
    pub(crate) fn break_end(&mut self, side: NodeId, other: NodeId) -> Result<(), SimError> {
        if !self.wires.untie(side, other) {
            return Ok(());
        }
        self.note(side, Some(other), || "connection breaks".into());
        let peer = self.node(other)?.transport();
        self.feed(side, Input::PeerDown(peer))?;
        self.try_again(side, other, AGAIN);
        Ok(())
    }

    pub(crate) fn try_again(&mut self, by: NodeId, other: NodeId, wait: u64) {
        if self.wires.wants(by, other) {
            self.schedule(wait, What::Connect { a: by, b: other });
        }
    }

    /// A node is there again: who wants it tries.
    pub(crate) fn invite_all(&mut self, node: NodeId) {
        let wanted: Vec<NodeId> =
            self.wires.wanted.get(&node).into_iter().flat_map(BTreeMap::keys).copied().collect();
        for by in wanted {
            if self.wires.number(by, node).is_none() {
                self.schedule(AGAIN, What::Connect { a: by, b: node });
            }
        }
    }

    /// One dials the other where it looks for it, in vain if that has moved.
    pub(crate) fn dial(&mut self, a: NodeId, b: NodeId) -> Result<(), SimError> {
        let addresses = self.node(b)?.addresses(b);
        if self.wires.looks_at(a, b, &addresses) { self.connect(a, b) } else { Ok(()) }
    }

    /// Whether [`dial`](Self::dial) would connect two nodes that are up.
    pub(crate) fn would_connect(&self, a: NodeId, b: NodeId) -> bool {
        let there = self.node(b).map(|node| node.addresses(b)).unwrap_or_default();
        let free = self.wires.number(a, b).is_none() && !self.wires.is_cut(a, b);
        free && self.wires.reaches(a, b) && self.wires.looks_at(a, b, &there)
    }

    /// Both are connected, wherever they are. What keeps them apart and passes is waited for: a node that is down calls when it is back.
    pub(crate) fn connect(&mut self, a: NodeId, b: NodeId) -> Result<(), SimError> {
        if self.wires.number(a, b).is_some() || !self.node(a)?.is_up() {
            return Ok(());
        }
        if !self.wires.reaches(a, b) {
            if !self.wires.can_meet(a, b) {
                self.wires.apart.insert(pair(a, b));
            }
            return Ok(());
        }
        if !self.node(b)?.is_up() || self.wires.is_cut(a, b) {
            return Ok(());
        }
        if let Some(until) = self.wires.banned.get(&pair(a, b)).copied() {
            if self.time < until {
                self.try_again(a, b, until - self.time);
                return Ok(());
            }
            self.wires.banned.remove(&pair(a, b));
        }
        // The other side's end of an earlier connection, which this one has lost, makes way.
        self.break_end(b, a)?;
        let number = self.next_order();
        self.note(a, Some(b), || "connects".into());
        self.wires.tie(a, b, number);
        let (key_a, key_b) = (self.node(a)?.transport(), self.node(b)?.transport());
        self.feed(a, Input::PeerUp(key_b))?;
        self.feed(b, Input::PeerUp(key_a))
    }

    /// Honest nodes give each other no reason to break a connection.
    pub(crate) fn ban(&mut self, id: NodeId, peer: TransportKey, ban: u64) -> Result<(), SimError> {
        let other = self.by_key.get(&peer).copied().ok_or(SimError::Down)?;
        if self.node(other)?.rogue.is_none() {
            // Where somebody keeps the books, the run goes on.
            match &mut self.quarrels {
                Some(quarrels) => quarrels.push((id, other)),
                None => return Err(SimError::Broken("a peer broke the protocol".into())),
            }
        }
        self.wires.banned.insert(pair(id, other), self.time + ban);
        self.note(id, Some(other), || format!("shuts out for {ban} ms"));
        self.bans += 1;
        self.disconnect(id, other)
    }

    /// Cuts the wire between two nodes.
    ///
    /// # Errors
    /// [`SimError`].
    pub fn part(&mut self, a: NodeId, b: NodeId) -> Result<(), SimError> {
        self.note(a, Some(b), || "wire is cut".into());
        self.wires.cut.insert(pair(a, b));
        self.disconnect(a, b)
    }

    /// Mends the wire between two nodes.
    pub fn mend(&mut self, a: NodeId, b: NodeId) {
        if self.wires.cut.remove(&pair(a, b)) {
            self.note(a, Some(b), || "wire is mended".into());
            self.try_again(a, b, AGAIN);
            self.try_again(b, a, AGAIN);
        }
    }

    /// Cuts a node off from everybody.
    ///
    /// # Errors
    /// [`SimError`].
    pub(crate) fn isolate(&mut self, node: NodeId) -> Result<(), SimError> {
        self.note(node, None, || "is cut off".into());
        self.wires.alone.insert(node);
        self.disconnect_all(node)
    }

    /// A node that was cut off can be reached again, and reaches others.
    pub(crate) fn rejoin(&mut self, node: NodeId) {
        if self.wires.alone.remove(&node) {
            self.note(node, None, || "is no longer cut off".into());
            for other in (0..self.nodes.len()).map(NodeId) {
                self.try_again(node, other, AGAIN);
                self.try_again(other, node, AGAIN);
            }
        }
    }

    /// Mends all wires.
    pub(crate) fn mend_all(&mut self) {
        for node in self.wires.alone.clone() {
            self.rejoin(node);
        }
        for (a, b) in self.wires.cut.clone() {
            self.mend(a, b);
        }
        for (from, to) in self.wires.silent.pairs() {
            self.hear_again(from, to);
        }
    }

    /// Whether two nodes are connected, and both have noticed.
    #[must_use]
    pub fn are_connected(&self, a: NodeId, b: NodeId) -> bool {
        let number = self.wires.number(a, b);
        number.is_some() && number == self.wires.number(b, a)
    }
}
