//! Old copies of disks that owners put back: by the program's own backup and restore, or by hand, so that their nodes learn of
//! it from others alone.

use super::{Deed, MINUTE, Play};
use crate::{NodeId, SimError, office};
use frontdesk_engine::{Answer, Query};
use frontdesk_identity::ThreadId;
use frontdesk_store::MemoryStore;
use std::collections::{BTreeMap, BTreeSet};

/// Until an owner has read what its node says of an old copy, and does it, in milliseconds.
const REACTS: f64 = 10.0 * MINUTE;

/// Copies of disks, and nodes that run on old ones.
#[derive(Debug, Default)]
pub(super) struct Copies {
    /// Those that owners have put away, and of when they are.
    kept: BTreeMap<NodeId, (u64, MemoryStore)>,
    /// Who runs on one unawares, of when it is, and whether its owner has been told.
    running: BTreeMap<NodeId, (u64, bool)>,
}

impl Copies {
    /// Whether an owner has a copy that can be put back.
    pub(super) fn is_kept(&self, node: NodeId) -> bool {
        self.kept.contains_key(&node) && !self.running.contains_key(&node)
    }
}

impl Play<'_> {
    /// The first time, an owner makes a copy; the second time, puts it back.
    pub(super) fn roll_back(&mut self, node: NodeId, unawares: bool) -> Result<(), SimError> {
        if self.copies.running.contains_key(&node) {
            return Ok(());
        }
        let Some((since, copy)) = self.copies.kept.remove(&node) else {
            self.copies.kept.insert(node, (self.world.time, self.world.copy_of(node)?));
            return Ok(());
        };
        if unawares {
            self.copies.running.insert(node, (since, false));
        }
        self.figures.rolled_back += 1;
        self.put_back(node, since, |play| {
            if unawares { play.world.put_back(node, copy) } else { play.world.restore(node, copy) }
        })
    }

    /// A node's owner puts back a backup of then.
    pub(super) fn puts_back(&mut self, node: NodeId, since: u64, copy: MemoryStore) -> Result<(), SimError> {
        self.figures.rolled_back += 1;
        self.put_back(node, since, |play| play.world.restore(node, copy))
    }

    /// The node has another disk now, with what there was at `since`.
    fn put_back(
        &mut self,
        node: NodeId,
        since: u64,
        how: impl FnOnce(&mut Self) -> Result<(), SimError>,
    ) -> Result<(), SimError> {
        let before = office::threads(&self.world, node);
        how(self)?;
        let after = office::threads(&self.world, node);
        let forgot: BTreeSet<ThreadId> = before.difference(&after).copied().collect();
        self.figures.forgotten += u64::try_from(forgot.len()).unwrap_or(u64::MAX);
        self.truth.rolled_back(node, [since, self.world.time], &forgot);
        Ok(())
    }

    /// Whether a node that warns its owner of a peer runs on an old copy, as that peer's greeting tells. The owner does what the
    /// warning says, some time later.
    pub(super) fn is_warned(&mut self, node: NodeId) -> bool {
        let ahead = match self.world.query(node, &Query::Status) {
            Ok(Answer::Status(status)) => status.ahead,
            _ => 0,
        };
        let Some((_, told)) = self.copies.running.get_mut(&node).filter(|_| ahead > 0) else { return false };
        if !std::mem::replace(told, true) {
            self.figures.warned += 1;
            self.surely(REACTS, Deed::Restore { node });
        }
        true
    }

    /// An owner makes a backup of the old copy and restores it: a new life of the device.
    pub(super) fn begin_anew(&mut self, node: NodeId) -> Result<(), SimError> {
        let Some((since, _)) = self.copies.running.remove(&node) else { return Ok(()) };
        let backup = self.world.copy_of(node)?;
        self.put_back(node, since, |play| play.world.restore(node, backup))
    }

    /// Whoever has been warned does something about it at last.
    pub(super) fn all_begin_anew(&mut self) -> Result<(), SimError> {
        let told = self.copies.running.iter().filter(|(_, (_, told))| *told);
        for node in told.map(|(node, _)| *node).collect::<Vec<_>>() {
            self.begin_anew(node)?;
        }
        Ok(())
    }
}
