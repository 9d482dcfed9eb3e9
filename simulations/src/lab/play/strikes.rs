//! Faults as they befall nodes.

use super::{Deed, MINUTE, Play, SECOND};
use crate::{
    Failure, NodeId, SimError,
    lab::{
        chance::Chance as _,
        people::Role,
        roads::whole,
        scenario::{FaultKind, Who},
    },
    office,
};
use frontdesk_identity::ThreadId;
use frontdesk_store::MemoryStore;
use std::collections::BTreeSet;

impl Play<'_> {
    pub(super) fn strike(&mut self, fault: usize) -> Result<(), SimError> {
        let Some(fault) = self.scenario.faults.get(fault).cloned() else { return Ok(()) };
        let Some(node) = self.victim(fault.who) else { return Ok(()) };
        if self.world.node(node)?.engine().is_none() {
            return Ok(());
        }
        // What goes wrong with the next step that writes has not struck yet, and strikes once.
        let failure = failure(fault.what);
        if failure.is_some() && self.world.is_waiting_to_fail(node) {
            return Ok(());
        }
        if failure.is_none() {
            self.figures.fault(self.world.time.saturating_sub(self.began), fault.what);
        }
        self.world.note(node, None, || format!("is struck: {:?}", fault.what));
        let lasts = fault.lasts * SECOND;
        match fault.what {
            FaultKind::Crash => self.world.crash(node, whole(lasts))?,
            FaultKind::Partition => {
                self.world.isolate(node)?;
                self.lasts(fault.what, node, lasts);
            }
            FaultKind::DiskFull => {
                self.world.node_mut(node)?.full = true;
                self.lasts(fault.what, node, lasts);
            }
            FaultKind::FlushFails | FaultKind::PowerCut => {
                if let Some(failure) = failure {
                    // Whether what was written is there all the same, an error doesn't tell.
                    let kept = failure == Failure::Flush && self.rng.hits(0.5);
                    let failure = if kept { Failure::FlushKept } else { failure };
                    self.world.fail_step(node, 0, failure)?;
                }
            }
            FaultKind::Move => {
                let place = self.world.nodes.len() + usize::try_from(self.world.time).unwrap_or_default();
                self.world.relocate(node, place)?;
            }
            FaultKind::Sleep => {
                self.world.stop(node)?;
                self.lasts(fault.what, node, lasts);
            }
            FaultKind::RollBack => self.roll_back(node)?,
        }
        Ok(())
    }

    /// Counts what struck a node's disk, when it did.
    pub(super) fn note_failure(&mut self, node: NodeId) -> Result<(), SimError> {
        if let Some(failed) = self.world.node_mut(node)?.burnt.take() {
            let at = self.world.time.saturating_sub(self.began);
            let kinds = [FaultKind::FlushFails, FaultKind::PowerCut];
            let failed = if failed == Failure::FlushKept { Failure::Flush } else { failed };
            let kinds = kinds.into_iter().filter(|kind| failure(*kind) == Some(failed));
            kinds.for_each(|kind| self.figures.fault(at, kind));
        }
        Ok(())
    }

    /// What befell a node lasts so long, in milliseconds, or longer if it is under way already and lasts longer.
    fn lasts(&mut self, what: FaultKind, node: NodeId, wait: f64) {
        let until = self.struck.entry((what, node)).or_default();
        *until = (*until).max(self.world.time.saturating_add(whole(wait)));
        self.later(wait, Deed::Over { what, node });
    }

    /// What befell a node is over, unless it has befallen it again meanwhile.
    pub(super) fn ends(&mut self, what: FaultKind, node: NodeId) -> Result<(), SimError> {
        if self.struck.get(&(what, node)).is_some_and(|until| *until > self.world.time) {
            return Ok(());
        }
        match what {
            FaultKind::Partition => self.world.rejoin(node),
            FaultKind::DiskFull => self.world.node_mut(node)?.full = false,
            FaultKind::Sleep if !self.asleep.contains(&node) => self.wake(node)?,
            FaultKind::Sleep
            | FaultKind::Crash
            | FaultKind::FlushFails
            | FaultKind::PowerCut
            | FaultKind::Move
            | FaultKind::RollBack => {}
        }
        Ok(())
    }

    /// The first time, the owner makes a backup; the second time, puts it back.
    pub(super) fn roll_back(&mut self, node: NodeId) -> Result<(), SimError> {
        let Some((since, copy)) = self.copies.remove(&node) else {
            self.copies.insert(node, (self.world.time, self.world.copy_of(node)?));
            return Ok(());
        };
        self.puts_back(node, since, copy)
    }

    /// A node's owner puts back a copy of its disk that was made then.
    pub(super) fn puts_back(&mut self, node: NodeId, since: u64, copy: MemoryStore) -> Result<(), SimError> {
        let before = office::threads(&self.world, node);
        self.world.restore(node, copy)?;
        let after = office::threads(&self.world, node);
        let forgot: BTreeSet<ThreadId> = before.difference(&after).copied().collect();
        self.figures.rolled_back += 1;
        self.figures.forgotten += u64::try_from(forgot.len()).unwrap_or(u64::MAX);
        self.truth.rolled_back(node, [since, self.world.time], &forgot);
        Ok(())
    }

    pub(super) fn victim(&mut self, who: Who) -> Option<NodeId> {
        let all = self.those(who);
        self.rng.pick(&all).copied()
    }

    pub(super) fn those(&self, who: Who) -> Vec<NodeId> {
        match who {
            Who::Anyone => self.cast.everybody().collect(),
            Who::Customer => self.cast.of(Role::Customer).to_vec(),
            Who::Agent => self.cast.of(Role::Agent).to_vec(),
            Who::Bot => self.cast.of(Role::Bot).to_vec(),
            Who::Administrator => self.cast.of(Role::Administrator).to_vec(),
        }
    }

    pub(super) fn plan_churn(&mut self) {
        for (churn, rule) in self.scenario.churn.iter().enumerate() {
            for node in self.those(rule.who) {
                self.later(0.0, Deed::Toss { churn, node });
            }
        }
    }

    /// The owner of a device decides whether it is on.
    pub(super) fn toss(&mut self, churn: usize, node: NodeId) -> Result<(), SimError> {
        let Some(rule) = self.scenario.churn.get(churn) else { return Ok(()) };
        let on = self.rng.hits(rule.part(self.hour()));
        let again = self.rng.exponential(rule.every * MINUTE);
        self.later(again, Deed::Toss { churn, node });
        if self.world.node(node)?.rogue.is_some() {
            return Ok(());
        }
        if on && self.asleep.remove(&node) {
            return self.wake(node);
        }
        if !on && self.world.node(node)?.is_up() && self.asleep.insert(node) {
            self.figures.switched_off += 1;
            self.world.stop(node)?;
        }
        Ok(())
    }
}

/// How a fault lets a step go wrong, if that is what it does.
const fn failure(what: FaultKind) -> Option<Failure> {
    match what {
        FaultKind::FlushFails => Some(Failure::Flush),
        FaultKind::PowerCut => Some(Failure::CutBeforeFlush),
        FaultKind::Crash
        | FaultKind::Partition
        | FaultKind::DiskFull
        | FaultKind::Move
        | FaultKind::RollBack
        | FaultKind::Sleep => None,
    }
}
