//! The ways that frames take between nodes, as a scenario describes them.

use super::{
    chance::Chance as _,
    scenario::{Latency, Network},
};
use crate::NodeId;
use rand_chacha::ChaCha20Rng;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Bytes that every frame costs on a real connection, beside its own: length, multiplexer, encryption, TCP, IP.
const OVERHEAD: usize = 100;
/// How much later a frame is that is late, at most, in milliseconds.
const LATE: f64 = 1000.0;
/// The shortest way, in milliseconds.
const SHORTEST: f64 = 0.5;

/// What the network did to frames, so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Mishaps {
    /// Frames that never arrived.
    pub lost: u64,
    /// Frames that arrived twice.
    pub doubled: u64,
    /// Frames that were later than they would have been, so that others could overtake them.
    pub late: u64,
    /// Frames that waited until the link had carried those before them.
    pub queued: u64,
}

/// The ways between all nodes.
#[derive(Debug)]
pub struct Roads {
    network: Network,
    pub(super) mishaps: Mishaps,
    /// When each pair's link, in each direction, has carried what was sent so far.
    busy: BTreeMap<(NodeId, NodeId), f64>,
}

impl Roads {
    pub(super) fn new(network: Network) -> Self {
        Self { network, mishaps: Mishaps::default(), busy: BTreeMap::new() }
    }

    /// When the copies of one frame arrive, in milliseconds from now. None: it is lost.
    pub(crate) fn arrivals(
        &mut self,
        pair: (NodeId, NodeId),
        now: u64,
        len: usize,
        rng: &mut ChaCha20Rng,
    ) -> Vec<u64> {
        let waits = self.carry(pair, now, len);
        let (network, mishaps) = (&self.network, &mut self.mishaps);
        let (lost, doubled) = (rng.hits(network.loss), rng.hits(network.duplication));
        let copies = u32::from(!lost) + u32::from(doubled);
        mishaps.lost += u64::from(copies == 0);
        mishaps.doubled += u64::from(copies > 1);
        (0..copies)
            .map(|_| {
                let is_late = rng.hits(network.reordering);
                mishaps.late += u64::from(is_late);
                let late = if is_late { rng.unit() * LATE } else { 0.0 };
                whole(waits + network.latency.draw(rng) + late)
            })
            .collect()
    }

    /// How long a frame waits until the link has carried it.
    fn carry(&mut self, pair: (NodeId, NodeId), now: u64, len: usize) -> f64 {
        if self.network.bandwidth <= 0.0 {
            return 0.0;
        }
        let takes = real(len.saturating_add(OVERHEAD)) * 8.0 / self.network.bandwidth;
        let (free, now) =
            (self.busy.entry(pair).or_default(), real(usize::try_from(now).unwrap_or(usize::MAX)));
        self.mishaps.queued += u64::from(*free > now);
        *free = free.max(now) + takes;
        *free - now
    }
}

impl Latency {
    fn draw(&self, rng: &mut ChaCha20Rng) -> f64 {
        let drawn = match self {
            Self::Constant { ms } => *ms,
            Self::Normal { mean, deviation } => mean + deviation * rng.normal(),
            Self::LogNormal { median, sigma } => median * libm::exp(sigma * rng.normal()),
            Self::Table { ms } => rng.pick(ms).copied().unwrap_or(SHORTEST),
        };
        drawn.max(SHORTEST)
    }
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds and bytes, far below 2^52")]
fn real(number: usize) -> f64 {
    number as f64
}

/// Whole milliseconds; at least one, so that nothing arrives in the moment it is sent.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded before")]
pub(crate) fn whole(ms: f64) -> u64 {
    ms.clamp(1.0, 1e12).round() as u64
}
