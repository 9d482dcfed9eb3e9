//! The ways that frames take between nodes, as a scenario describes them.

use super::{
    chance::Chance as _,
    people::{Cast, Role},
    report::words::real,
    scenario::{Latency, Network, Scenario, Way},
};
use crate::NodeId;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
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
#[derive(Debug, Default)]
pub struct Roads {
    network: Network,
    ways: Vec<Way>,
    /// Which of the ways each pair has, the lesser node first; none: it has what all have.
    chosen: BTreeMap<(NodeId, NodeId), Option<usize>>,
    roles: BTreeMap<NodeId, Role>,
    seed: u64,
    pub(super) mishaps: Mishaps,
    /// When each pair's link, in each direction, has carried what was sent so far.
    busy: BTreeMap<(NodeId, NodeId), f64>,
}

impl Roads {
    pub(super) fn new(scenario: &Scenario, cast: &Cast, seed: u64) -> Self {
        let roles = cast.everybody().filter_map(|node| Some((node, cast.role(node)?))).collect();
        let (network, ways) = (scenario.network.clone(), scenario.ways.clone());
        Self { network, ways, roles, seed, ..Self::default() }
    }

    /// When the copies of one frame arrive, in milliseconds from now. None: it is lost.
    pub(crate) fn arrivals(
        &mut self,
        pair: (NodeId, NodeId),
        now: u64,
        len: usize,
        rng: &mut ChaCha20Rng,
    ) -> Vec<u64> {
        let way = self.way(pair);
        let network = way.and_then(|way| self.ways.get(way)).map_or(&self.network, |way| &way.network);
        let mishaps = &mut self.mishaps;
        let mut waits = 0.0;
        if network.bandwidth > 0.0 {
            let (free, now) = (self.busy.entry(pair).or_default(), real(now));
            let len = u64::try_from(len.saturating_add(OVERHEAD)).unwrap_or(u64::MAX);
            mishaps.queued += u64::from(*free > now);
            *free = free.max(now) + real(len) * 8.0 / network.bandwidth;
            waits = *free - now;
        }
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

    /// Which of the ways a pair has, for the whole run.
    fn way(&mut self, (a, b): (NodeId, NodeId)) -> Option<usize> {
        if self.ways.is_empty() {
            return None;
        }
        let pair = (a.min(b), a.max(b));
        if let Some(chosen) = self.chosen.get(&pair) {
            return *chosen;
        }
        let [one, other] = [a, b].map(|node| self.roles.get(&node).copied());
        // Not from the run's own randomness: what a pair has doesn't depend on who meets whom first.
        let mut rng = ChaCha20Rng::from_seed(seed_of(self.seed, pair));
        let takes = |way: &Way| {
            let [x, y] = way.between;
            let fits = x.takes(one) && y.takes(other) || x.takes(other) && y.takes(one);
            rng.hits(way.part) && fits
        };
        let chosen = self.ways.iter().position(takes);
        self.chosen.insert(pair, chosen);
        chosen
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

fn seed_of(seed: u64, (a, b): (NodeId, NodeId)) -> [u8; 32] {
    let mut bytes = [0; 32];
    let number = |node: NodeId| u64::try_from(node.0).unwrap_or(u64::MAX);
    let words = [seed, number(a), number(b)].map(u64::to_be_bytes);
    bytes.iter_mut().zip(words.as_flattened()).for_each(|(to, from)| *to = *from);
    bytes
}

/// Whole milliseconds; at least one, so that nothing arrives in the moment it is sent.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded before")]
pub(crate) fn whole(ms: f64) -> u64 {
    ms.clamp(1.0, 1e12).round() as u64
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    const OFFICE: [(NodeId, Role); 2] = [(NodeId(0), Role::Administrator), (NodeId(1), Role::Agent)];
    const STRANGER: NodeId = NodeId(5000);

    /// An office, and a thousand customers.
    fn roads(ways: &str, seed: u64) -> Roads {
        let elsewhere = "[network]\nlatency = { kind = \"constant\", ms = 7.0 }\n";
        let scenario = format!("about = \"x\"\nhours = 1.0\n{elsewhere}{ways}");
        let customers = (2..1002).map(|node| (NodeId(node), Role::Customer));
        let Scenario { network, ways, .. } = Scenario::from_toml(&scenario).unwrap();
        Roads {
            network,
            ways,
            roles: OFFICE.into_iter().chain(customers).collect(),
            seed,
            ..Roads::default()
        }
    }

    fn takes(roads: &mut Roads, from: NodeId, to: NodeId) -> u64 {
        *roads.arrivals((from, to), 0, 100, &mut ChaCha20Rng::from_seed([0; 32])).first().unwrap()
    }

    #[test]
    fn a_way_is_between_those_that_it_names_in_both_directions() {
        let way = "[[way]]\nbetween = [\"customer\", \"agent\"]\n\
            network.latency = { kind = \"constant\", ms = 300.0 }\nnetwork.bandwidth = 16.0\n\
            [[way]]\nbetween = [\"anyone\", \"agent\"]\nnetwork.latency = { kind = \"constant\", ms = 9.0 }\n";
        let mut roads = roads(way, 1);
        let [acme, ana, carla] = [NodeId(0), NodeId(1), NodeId(2)];
        for (a, b, expected) in [(carla, ana, 400), (carla, acme, 7), (acme, ana, 9), (STRANGER, ana, 9)] {
            assert_eq!([takes(&mut roads, a, b), takes(&mut roads, b, a)], [expected; 2], "{a:?} {b:?}");
        }
        assert_eq!(takes(&mut roads, STRANGER, acme), 7);
        assert_eq!(takes(&mut roads, carla, ana), 500, "after the one before");
        assert_eq!(roads.mishaps.queued, 1);
    }

    #[test]
    fn a_part_of_the_pairs_has_it_the_same_ones_all_the_time() {
        let way = "[[way]]\nbetween = [\"customer\", \"agent\"]\npart = 0.3\n\
            network.latency = { kind = \"constant\", ms = 300.0 }\n";
        let slow = |seed| {
            let mut roads = roads(way, seed);
            let twice = |node| [NodeId(1), NodeId(1)].map(|ana| takes(&mut roads, node, ana));
            (2..1002).map(NodeId).map(twice).collect::<Vec<_>>()
        };
        let (one, other) = (slow(1), slow(2));
        assert!(one.iter().all(|[first, second]| first == second));
        let many = one.iter().filter(|[first, _]| *first == 300).count();
        assert!((250..350).contains(&many), "{many}");
        assert_eq!(one, slow(1));
        assert_ne!(one, other);
    }
}
