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
};
use rand_core::Rng as _;

/// Within what time a kill follows what it is aimed at, in milliseconds: as long as what needn't be durable at once may wait.
const SOON: f64 = 1_000.0;

impl Play<'_> {
    pub(super) fn strike(&mut self, index: usize) -> Result<(), SimError> {
        let Some(fault) = self.scenario.faults.get(index).cloned() else { return Ok(()) };
        let Some(node) = self.victim(fault.who) else { return Ok(()) };
        if self.world.node(node)?.engine().is_none() {
            return Ok(());
        }
        // Half of the kills are aimed at what a node has just done: one that does nothing has nothing to lose.
        let aimed = fault.what == FaultKind::Crash && self.rng.hits(0.5);
        let failure = failure(fault.what).or(aimed.then_some(Failure::Nothing));
        // What goes wrong with a step that writes has not struck yet, and strikes once.
        if failure.is_some() && self.world.is_waiting_to_fail(node) {
            return Ok(());
        }
        let lasts = fault.lasts * SECOND;
        // Of a backup that is made nothing comes before it is put back.
        let strikes = match fault.what {
            FaultKind::FlushFails | FaultKind::PowerCut => false,
            FaultKind::RollBack | FaultKind::OldCopy => self.copies.is_kept(node),
            FaultKind::Crash => !aimed,
            FaultKind::Partition
            | FaultKind::DiskFull
            | FaultKind::Move
            | FaultKind::Sleep
            | FaultKind::Silence => true,
        };
        if strikes {
            self.strikes.insert(index);
            self.count_fault(fault.what, whole(lasts));
        } else if failure.is_some() {
            self.fuses.insert(node, index);
        }
        self.world.note(node, None, || format!("is struck: {:?}", fault.what));
        match fault.what {
            FaultKind::Crash if aimed => {
                let steps = self.some_steps();
                self.world.fail_step(node, steps, Failure::Nothing)?;
                self.lasting.insert(node, lasts);
            }
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
                    let steps = if fault.what == FaultKind::PowerCut { self.some_steps() } else { 0 };
                    self.world.fail_step(node, steps, failure)?;
                }
            }
            FaultKind::Move => {
                let place = self.world.nodes.len() + usize::try_from(self.world.time).unwrap_or_default();
                self.world.relocate(node, place)?;
            }
            FaultKind::Sleep => {
                self.world.go_dark(node)?;
                self.lasts(fault.what, node, lasts);
            }
            FaultKind::Silence => {
                self.falls_silent(node);
                self.lasts(fault.what, node, lasts);
            }
            FaultKind::RollBack => self.roll_back(node, false)?,
            FaultKind::OldCopy => self.roll_back(node, true)?,
        }
        Ok(())
    }

    /// Half of the times one other doesn't hear a node any more, half of the times nobody does; and half of the times it
    /// doesn't hear them, either.
    fn falls_silent(&mut self, node: NodeId) {
        let (to_one, both) = (self.rng.hits(0.5), self.rng.hits(0.5));
        let one = self.rng.pick(&self.world.wires.peers(node)).copied().filter(|_| to_one);
        let all = (0..self.world.nodes.len()).map(NodeId).filter(|other| *other != node);
        let others: Vec<NodeId> = one.map_or_else(|| all.collect(), |one| vec![one]);
        for other in others {
            self.world.silence(node, other);
            if both {
                self.world.silence(other, node);
            }
        }
    }

    /// Counts a fault that strikes now, and how long it lasts.
    fn count_fault(&mut self, what: FaultKind, lasts: u64) {
        let at = self.world.time.saturating_sub(self.began);
        self.figures.fault(at, what);
        if what.lasts() {
            let end = self.end.saturating_sub(self.began);
            self.figures.lasting.push((at, at.saturating_add(lasts).min(end), what));
        }
    }

    /// Counts what struck a node's disk, when it did.
    pub(super) fn note_failure(&mut self, node: NodeId) -> Result<(), SimError> {
        if let Some(failed) = self.world.node_mut(node)?.burnt.take() {
            self.strikes.extend(self.fuses.remove(&node));
            if failed == Failure::Nothing {
                return self.kill_soon(node);
            }
            self.truth.disk_failed(node, self.world.time);
            let at = self.world.time.saturating_sub(self.began);
            let kinds = [FaultKind::FlushFails, FaultKind::PowerCut];
            let failed = if failed == Failure::FlushKept { Failure::Flush } else { failed };
            let kinds = kinds.into_iter().filter(|kind| failure(*kind) == Some(failed));
            kinds.for_each(|kind| self.figures.fault(at, kind));
        }
        Ok(())
    }

    fn kill_soon(&mut self, node: NodeId) -> Result<(), SimError> {
        if let Some(lasts) = self.lasting.remove(&node) {
            let soon = self.rng.unit() * SOON;
            self.later(soon, Deed::Kill { node, lasts });
        }
        Ok(())
    }

    /// Steps that write until something happens: not always at the first of several.
    fn some_steps(&mut self) -> u32 {
        self.rng.next_u32() % 4
    }

    /// Kills a node that has done something a moment ago.
    pub(super) fn kill(&mut self, node: NodeId, lasts: f64) -> Result<(), SimError> {
        if self.world.node(node)?.engine().is_none() {
            return Ok(());
        }
        self.count_fault(FaultKind::Crash, whole(lasts));
        self.world.crash(node, whole(lasts))
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
            FaultKind::Silence => self.world.is_heard_again(node),
            FaultKind::Sleep if !self.asleep.contains(&node) => self.wake(node)?,
            FaultKind::Sleep
            | FaultKind::Crash
            | FaultKind::FlushFails
            | FaultKind::PowerCut
            | FaultKind::Move
            | FaultKind::RollBack
            | FaultKind::OldCopy => {}
        }
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
        | FaultKind::OldCopy
        | FaultKind::Sleep
        | FaultKind::Silence => None,
    }
}
