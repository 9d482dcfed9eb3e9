//! Administrators whose threads others take over, while the business goes on.

use super::{Deed, HOUR, MINUTE, Play, SECOND};
use crate::{
    NodeId, SimError,
    lab::{
        chance::Chance as _,
        people::Role,
        scenario::{FaultKind, Going},
        truth::number_of,
    },
    office,
};
use frontdesk_engine::{Command, HistoryChoice};
use frontdesk_identity::ThreadId;
use frontdesk_store::MemoryStore;
use frontdesk_wire::Reason;
use std::collections::BTreeMap;

/// All who take a thread over offer within this time, in milliseconds: some at once.
const TOGETHER: f64 = 2.0 * SECOND;
/// How often somebody tries to take a thread over that was refused.
const TRIES: u32 = 5;

/// What is under way of takeovers.
#[derive(Debug, Default)]
pub(super) struct Succession {
    /// Copies of administrators' disks, for the owner who puts one back: of which takeover, and when it was made.
    copies: BTreeMap<(usize, NodeId), (u64, MemoryStore)>,
    /// Whose place somebody takes in a thread, since when, and how often it may still try.
    heirs: BTreeMap<(ThreadId, NodeId), (NodeId, u64, u32)>,
}

impl Play<'_> {
    pub(super) fn plan_takeovers(&mut self) {
        for (index, takeover) in self.scenario.takeovers.clone().iter().enumerate() {
            if takeover.what == Going::Restored {
                self.later(takeover.at * HOUR - takeover.age * MINUTE, Deed::Keep { takeover: index });
            }
            self.later(takeover.at * HOUR, Deed::Part { takeover: index });
        }
    }

    /// The administrators of the business that a takeover is in: of the first one in the first business, and so on.
    fn administrators_of(&self, takeover: usize) -> Vec<NodeId> {
        let all = self.cast.of(Role::Administrator).iter();
        let first: Vec<NodeId> =
            all.copied().filter(|node| self.cast.administrator(*node) == Some(*node)).collect();
        let business = first.get(takeover % first.len().max(1)).copied();
        let all = business.map(|business| self.cast.administrators(business)).unwrap_or_default();
        all.iter().copied().filter(|node| !self.truth.is_lost(*node)).collect()
    }

    /// The owners make copies of their disks, for one of them will need it.
    pub(super) fn keeps_copies(&mut self, takeover: usize) -> Result<(), SimError> {
        for node in self.administrators_of(takeover) {
            let copy = self.world.copy_of(node)?;
            self.succession.copies.insert((takeover, node), (self.world.time, copy));
        }
        Ok(())
    }

    /// It befalls the administrator that leads most threads; the others are going to take these over.
    pub(super) fn parts(&mut self, index: usize) -> Result<(), SimError> {
        let Some(takeover) = self.scenario.takeovers.get(index) else { return Ok(()) };
        let all = self.administrators_of(index);
        let Some(from) = all.iter().copied().max_by_key(|node| self.truth.led_by(*node).len()) else {
            return Ok(());
        };
        let heirs: Vec<NodeId> = all.into_iter().filter(|node| *node != from).collect();
        let led = self.truth.led_by(from);
        self.figures.replaced += 1;
        match takeover.what {
            Going::Lost => self.loses(from)?,
            Going::Asleep => {
                self.world.stop(from)?;
                if let Some(back) = takeover.back {
                    self.later(
                        (back - takeover.at) * HOUR,
                        Deed::Over { what: FaultKind::Sleep, node: from },
                    );
                }
            }
            Going::Restored => {
                if let Some((since, copy)) = self.succession.copies.remove(&(index, from)) {
                    self.puts_back(from, since, copy)?;
                }
            }
            Going::Present => {}
        }
        self.succession.copies.retain(|(of, _), _| *of != index);
        if let Some((heir, business)) = heirs.first().zip(self.cast.administrator(from))
            && matches!(takeover.what, Going::Lost | Going::Asleep)
        {
            self.cast.receive_at(&self.world, (business, *heir))?;
        }
        for thread in led {
            let takes = self.rng.exponential(takeover.after * MINUTE);
            for heir in heirs.clone() {
                let wait = takes + self.rng.unit() * TOGETHER;
                self.succession.heirs.insert((thread, heir), (from, self.world.time, TRIES));
                self.later(wait, Deed::TakeOver { by: heir, thread });
            }
        }
        Ok(())
    }

    fn loses(&mut self, node: NodeId) -> Result<(), SimError> {
        self.world.lose(node)?;
        let world = &self.world;
        let has = |node: NodeId, thread: ThreadId| {
            let texts = office::texts(world, node, thread);
            office::is_in(world, node, thread)
                .then(|| texts.iter().filter_map(|text| number_of(text)).collect())
        };
        let led = self.truth.led_by(node);
        self.truth.loses(node, &has);
        // What was asked of it, nobody does any more.
        self.forwards.retain(|(thread, _), _| !led.contains(thread));
        Ok(())
    }

    /// Takes a thread over, unless its node knows that another has.
    pub(super) fn takes_over(&mut self, by: NodeId, thread: ThreadId) -> Result<(), SimError> {
        let Some((from, since, tries)) = self.succession.heirs.get(&(thread, by)).copied() else {
            return Ok(());
        };
        let Some(tries) = tries.checked_sub(1).filter(|_| !self.truth.is_lost(by)) else { return Ok(()) };
        if self.world.node(by)?.is_up() && self.steward_at(by, thread) != Some(from) {
            return Ok(());
        }
        if self.tries(by, Command::TakeOver { thread })?.is_some() || self.unsure {
            self.truth.wants_to_lead(thread, by);
            self.succession.heirs.insert((thread, by), (from, since, tries));
        } else if self.is_out_of_order(by)? {
            self.later(MINUTE, Deed::TakeOver { by, thread });
        }
        Ok(())
    }

    /// Another was first, as a customer's node says: if one's own doesn't hear of it, one tries again.
    pub(super) fn is_too_late(&mut self, by: NodeId, thread: ThreadId, reason: Reason) {
        self.figures.too_late += 1;
        if reason != Reason::PastEra && !self.truth.was_put_back(thread) {
            let seen = format!("thread {thread}: node {} may not lead it: {reason}", by.0);
            self.truth.broken(self.world.time, "a takeover is refused only if it is too late", seen);
        }
        self.later(2.0 * MINUTE, Deed::TakeOver { by, thread });
    }

    /// A node leads a thread in a new era.
    pub(super) fn leads_now(&mut self, node: NodeId, thread: ThreadId, era: u32) {
        let now = self.world.time;
        if !self.truth.takes_over(now, (thread, era), node) {
            return;
        }
        if let Some((_, since, _)) = self.succession.heirs.get(&(thread, node)) {
            self.figures.takeover.push(now.saturating_sub(*since));
        }
        self.look_after(node, thread);
        // Those who served it come in by themselves; if there are none, somebody else is let in.
        self.later(self.at_work(10.0 * MINUTE), Deed::Forward { steward: node, thread });
    }

    /// Another administrator is let in, so that it could go on.
    pub(super) fn admit(&mut self, steward: NodeId, thread: ThreadId, to: NodeId) -> Result<(), SimError> {
        let gone = self.truth.is_lost(steward) || self.truth.is_lost(to);
        if gone || self.truth.leader(thread) != Some(steward) || self.truth.was_let_in(thread, to) {
            return Ok(());
        }
        if !self.let_in(steward, thread, (to, HistoryChoice::All), false)? {
            self.later(5.0 * MINUTE, Deed::Admit { steward, thread, to });
        }
        Ok(())
    }

    /// Who leads a thread now; the administrator of somebody's business, where that isn't known.
    pub(super) fn leader(&self, thread: ThreadId, near: NodeId) -> Option<NodeId> {
        self.truth.leader(thread).or_else(|| self.cast.administrator(near))
    }

    /// Whether a node leads a thread, as it says itself; of one that is down, as it was told last.
    pub(super) fn leads(&self, node: NodeId, thread: ThreadId) -> bool {
        if self.cast.role(node) != Some(Role::Administrator) {
            return false;
        }
        match self.steward_at(node, thread) {
            Some(steward) => steward == node,
            None => self.leader(thread, node) == Some(node),
        }
    }

    /// Who leads a thread, as a node knows it.
    pub(super) fn steward_at(&self, node: NodeId, thread: ThreadId) -> Option<NodeId> {
        self.cast.node_of(&office::steward(&self.world, node, thread)?)
    }
}
