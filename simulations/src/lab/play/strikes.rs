//! Faults as they befall nodes.

use super::{Deed, Play, SECOND};
use crate::{
    Failure, NodeId, SimError,
    lab::{
        chance::Chance as _,
        people::Role,
        roads::whole,
        scenario::{FaultKind, Who},
    },
};

impl Play<'_> {
    pub(super) fn strike(&mut self, fault: usize) -> Result<(), SimError> {
        let Some(fault) = self.scenario.faults.get(fault).cloned() else { return Ok(()) };
        let Some(node) = self.victim(fault.who) else { return Ok(()) };
        if self.world.node(node)?.engine().is_none() {
            return Ok(());
        }
        self.figures.fault(self.world.time.saturating_sub(self.began), fault.what);
        let lasts = fault.lasts * SECOND;
        match fault.what {
            FaultKind::Crash => self.world.crash(node, whole(lasts))?,
            FaultKind::Partition => self.part(node, lasts)?,
            FaultKind::DiskFull => self.world.fail_step(node, 0, Failure::Commit)?,
            FaultKind::FlushFails => self.world.fail_step(node, 0, Failure::Flush)?,
            FaultKind::PowerCut => self.world.fail_step(node, 0, Failure::CutBeforeFlush)?,
            FaultKind::Move => {
                let place = self.world.nodes.len() + usize::try_from(self.world.time).unwrap_or_default();
                self.world.relocate(node, place)?;
            }
            FaultKind::Sleep => {
                self.world.stop(node)?;
                self.later(lasts, Deed::Wake { node });
            }
            FaultKind::RollBack => self.roll_back(node)?,
        }
        Ok(())
    }

    pub(super) fn part(&mut self, node: NodeId, lasts: f64) -> Result<(), SimError> {
        for other in (0..self.world.nodes.len()).map(NodeId).filter(|other| *other != node) {
            if self.world.are_connected(node, other) || self.cast.administrator(node) == Some(other) {
                self.world.part(node, other)?;
                self.later(lasts, Deed::Mend { a: node, b: other });
            }
        }
        Ok(())
    }

    /// The first time, the owner makes a backup; the second time, puts it back.
    pub(super) fn roll_back(&mut self, node: NodeId) -> Result<(), SimError> {
        match self.copies.remove(&node) {
            Some(copy) => self.world.restore(node, copy),
            None => {
                self.copies.insert(node, self.world.copy_of(node)?);
                Ok(())
            }
        }
    }

    pub(super) fn victim(&mut self, who: Who) -> Option<NodeId> {
        let all: Vec<NodeId> = match who {
            Who::Anyone => (0..self.world.nodes.len()).map(NodeId).collect(),
            Who::Customer => self.cast.of(Role::Customer).collect(),
            Who::Agent => self.cast.of(Role::Agent).collect(),
            Who::Administrator => self.cast.of(Role::Administrator).collect(),
        };
        self.rng.pick(&all).copied()
    }
}
