//! Connections whose other end is silent: nothing arrives, and nobody is told. Each side finds out for itself, by pings.

use crate::{NodeId, SimError, World, queue::What};
use rand_core::Rng as _;
use std::collections::BTreeMap;

/// How long a ping may go unanswered, and how often one is sent, in milliseconds, as `net` does without other settings.
const PING_TIMEOUT: u64 = 20_000;
const PING_INTERVAL: u64 = 15_000;

/// From whom to whom nothing arrives.
#[derive(Debug, Default)]
pub(crate) struct Silent {
    since: BTreeMap<(NodeId, NodeId), u64>,
    /// What was sent meanwhile, in its order: a transport sends it again until it arrives, or its end is gone.
    held: BTreeMap<(NodeId, NodeId), Vec<What>>,
}

impl Silent {
    pub(crate) fn is_between(&self, from: NodeId, to: NodeId) -> bool {
        self.since.contains_key(&(from, to))
    }

    pub(crate) fn hold(&mut self, from: NodeId, to: NodeId, frame: What) {
        self.held.entry((from, to)).or_default().push(frame);
    }

    pub(crate) fn pairs(&self) -> Vec<(NodeId, NodeId)> {
        self.since.keys().copied().collect()
    }
}

impl World {
    /// From now on nothing that one sends arrives at the other. Both their ends stay as they are until pings tell.
    pub fn silence(&mut self, from: NodeId, to: NodeId) {
        self.note(from, Some(to), || "is no longer heard".into());
        self.wires.silent.since.entry((from, to)).or_insert(self.time);
        self.expect_pings(from, to);
        self.expect_pings(to, from);
    }

    /// What one sends arrives at the other again, and what it sent meanwhile.
    pub fn hear_again(&mut self, from: NodeId, to: NodeId) {
        if self.wires.silent.since.remove(&(from, to)).is_none() {
            return;
        }
        self.note(from, Some(to), || "is heard again".into());
        for frame in self.wires.silent.held.remove(&(from, to)).unwrap_or_default() {
            self.schedule(1, frame);
        }
        self.try_again(from, to, 1_000);
        self.try_again(to, from, 1_000);
    }

    /// A node is heard by everybody again, and hears everybody.
    pub fn is_heard_again(&mut self, node: NodeId) {
        let pairs = self.wires.silent.pairs();
        for (from, to) in pairs.into_iter().filter(|(from, to)| [from, to].contains(&&node)) {
            self.hear_again(from, to);
        }
    }

    /// Kills a node with the machine that it runs on: nobody is told.
    ///
    /// # Errors
    /// [`SimError`].
    pub fn go_dark(&mut self, id: NodeId) -> Result<(), SimError> {
        self.note(id, None, || "stops without a word; what was not flushed is lost".into());
        self.node_mut(id)?.crash()?;
        self.wires.forget_all(id);
        for peer in self.wires.peers(id) {
            self.break_end(id, peer)?;
            self.expect_pings(peer, id);
        }
        Ok(())
    }

    /// One side will find out whether the other is still there: a ping of its is on its way, or will be.
    fn expect_pings(&mut self, side: NodeId, other: NodeId) {
        if let Some(connection) = self.wires.number(side, other) {
            let wait = PING_TIMEOUT + u64::from(self.rng.next_u32()) % PING_INTERVAL;
            self.schedule(wait, What::Ping { side, other, connection });
        }
    }

    /// A ping has gone unanswered, if the other end is gone, or if there was silence all the time that an answer may take.
    pub(crate) fn ping(&mut self, side: NodeId, other: NodeId, connection: u64) -> Result<(), SimError> {
        let waited = |from, to| {
            let since = self.wires.silent.since.get(&(from, to));
            since.is_some_and(|since| self.time >= since + PING_TIMEOUT)
        };
        let gone = self.wires.number(other, side) != Some(connection);
        let unanswered = gone || waited(side, other) || waited(other, side);
        if self.wires.number(side, other) == Some(connection) && unanswered {
            self.break_end(side, other)?;
        }
        Ok(())
    }

    /// A frame has come to where its connection isn't known: who sent it is told so, if there is anybody.
    pub(crate) fn reset(&mut self, sender: NodeId, at: NodeId, connection: u64) -> Result<(), SimError> {
        let hears = self.node(at)?.is_up() && !self.wires.is_cut(sender, at);
        if hears && self.wires.number(sender, at) == Some(connection) {
            self.break_end(sender, at)?;
        }
        Ok(())
    }
}
