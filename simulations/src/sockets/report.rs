//! What came of a run.

use crate::lab::{Violation, figures::percentile};
use serde::Serialize;
use std::collections::BTreeMap;

/// What was counted while it ran.
#[derive(Debug, Default)]
pub(super) struct Figures {
    pub(super) delays: Vec<u64>,
    pub(super) without_administrator: u64,
    pub(super) links: u64,
    pub(super) frames: u64,
    pub(super) bytes: u64,
    pub(super) complaints: BTreeMap<String, u64>,
    pub(super) faults: BTreeMap<&'static str, u64>,
    pub(super) handed_over: u64,
    pub(super) revoked: u64,
    pub(super) not_taken: u64,
}

/// What came of a run. Times are milliseconds of real time.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The seed of what people and faults did.
    pub seed: u64,
    /// Nodes.
    pub nodes: usize,
    /// How long people wrote.
    pub seconds: u64,
    /// Threads.
    pub threads: usize,
    /// Texts that nodes answered for.
    pub texts: u64,
    /// Of these, acknowledged by a receiver on the other side.
    pub delivered: u64,
    /// Of these, written and delivered between customers and agents while the administrator's node was cut off.
    pub delivered_without_administrator: u64,
    /// Of these, refused, for their author was taken out of the thread.
    pub refused: u64,
    /// Texts that a node did not answer for, for it was down, or was killed just then.
    pub not_taken: u64,
    /// Threads that an agent handed over to another.
    pub handed_over: u64,
    /// Threads from which the administrator took the agent out.
    pub revoked: u64,
    /// Faults, by kind.
    pub faults: BTreeMap<&'static str, u64>,
    /// Times that a node saw a peer come.
    pub links: u64,
    /// From writing to delivery, without the texts that open threads: half were faster.
    pub delay_p50: Option<u64>,
    /// The same: 99 of 100 were faster.
    pub delay_p99: Option<u64>,
    /// The same: the slowest.
    pub delay_max: Option<u64>,
    /// Frames that went onto a link.
    pub frames: u64,
    /// Their bytes.
    pub bytes: u64,
    /// How long it took to found, enrol, contact and forward.
    pub set_up: u64,
    /// How long it took, after people stopped and faults were healed, until all agreed.
    pub settled: Option<u64>,
    /// Times that a node said that a peer had tried what it may not, by reason. None of these broke a promise, unless it is
    /// among the violations.
    pub complaints: BTreeMap<String, u64>,
    /// The promises that were broken; none in a good run.
    pub violations: Vec<Violation>,
}

impl Report {
    /// Whether every promise was kept.
    #[must_use]
    pub const fn is_good(&self) -> bool {
        self.violations.is_empty()
    }
}

impl Figures {
    pub(super) fn delay(&self, percent: usize) -> Option<u64> {
        percentile(&self.delays, percent)
    }
}
