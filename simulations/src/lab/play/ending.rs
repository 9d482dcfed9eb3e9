//! The end: faults stop, everything settles, and what came of it is counted.

use super::{MINUTE, Outcome, Play};
use crate::{
    NodeId, SimError,
    lab::{Roads, figures::Sample, log::Log, roads::whole, scenario::Network},
    office,
};
use frontdesk_identity::TransportKey;
use frontdesk_store::{Reader as _, Scan};
use sha2::Digest as _;
use std::collections::BTreeSet;

impl Play<'_> {
    /// Faults stop, everybody is awake, and all must agree in time.
    pub(super) fn settle(&mut self) -> Result<(), SimError> {
        self.world.cut.clear();
        if let Some(roads) = &mut self.world.roads {
            *roads = Roads::new(Network::default());
        }
        for node in (0..self.world.nodes.len()).map(NodeId) {
            self.world.node_mut(node)?.fuse = None;
            if !self.world.node(node)?.is_up() {
                self.world.revive(node)?;
            }
        }
        let (start, last) = (self.world.time, self.world.time + whole(self.scenario.settle * MINUTE));
        loop {
            let until = (self.world.time + 1000).min(last);
            while self.world.happen(until)? {
                self.attend()?;
            }
            self.world.time = until;
            if self.outbox() == 0 {
                self.figures.settled_in = Some(self.world.time.saturating_sub(start));
                break;
            }
            if until >= last {
                let waiting = self.outbox();
                let who = self.who_waits();
                self.truth.broken(
                    last,
                    "all is delivered once faults have stopped",
                    format!("{waiting} frames wait: {who}"),
                );
                break;
            }
        }
        let now = self.world.time;
        self.truth.close(&self.world, now);
        Ok(())
    }

    pub(super) fn outbox(&self) -> usize {
        (0..self.world.nodes.len()).map(|node| office::outbox(&self.world, NodeId(node))).sum()
    }

    /// Which nodes have frames for which others.
    pub(super) fn who_waits(&self) -> String {
        let mut waits = BTreeSet::new();
        for (from, node) in self.world.nodes.iter().enumerate() {
            for (key, _) in node.store.scan(&Scan::prefix(b"o/")).unwrap_or_default() {
                let to = key.get(2..34).and_then(|key| <[u8; 32]>::try_from(key).ok());
                let to = to.and_then(|key| self.world.by_key.get(&TransportKey::from_bytes(key)).copied());
                let connected = to.is_some_and(|to| self.world.are_connected(NodeId(from), to));
                waits.insert(format!(
                    "node {from} for {}{}",
                    to.map_or("nobody known".to_owned(), |to| format!("node {}", to.0)),
                    if connected { "" } else { ", not connected" }
                ));
            }
        }
        waits.into_iter().take(20).collect::<Vec<_>>().join("; ")
    }

    pub(super) fn sample(&mut self) {
        let at = self.world.time.saturating_sub(self.began);
        let texts = u64::try_from(self.truth.said.len()).unwrap_or(u64::MAX);
        let events = self.world.steps.saturating_sub(self.steps_before);
        let (frames, sent) = self.world.traffic;
        let mut sample = Sample { at, texts, frames, sent, events, ..Sample::default() };
        for (node, disk) in self.world.nodes.iter().map(|node| node.store.size()).enumerate() {
            let waiting = office::outbox(&self.world, NodeId(node));
            sample.waiting += waiting;
            sample.most_waiting = sample.most_waiting.max(waiting);
            sample.records += disk.0;
            sample.bytes += disk.1;
            sample.most_bytes = sample.most_bytes.max(disk.1);
        }
        self.figures.sample(sample);
    }

    pub(super) fn finish(mut self) -> Outcome {
        self.sample();
        self.figures.virtual_hours = self.scenario.hours;
        (self.figures.frames, self.figures.bytes) = self.world.traffic;
        self.figures.texts = u64::try_from(self.truth.said.len()).unwrap_or(u64::MAX);
        self.figures.delivered =
            u64::try_from(self.truth.said.values().filter(|said| said.delivered.is_some()).count())
                .unwrap_or(u64::MAX);
        self.figures.failed =
            u64::try_from(self.truth.said.values().filter(|said| said.failed).count()).unwrap_or(u64::MAX);
        for said in self.truth.said.values() {
            let at = said.at.saturating_sub(self.began);
            self.figures.text(at, said.delivered.is_some(), said.failed);
        }
        let trace = self.world.trace.take().map(|trace| hex(&trace.finalize())).unwrap_or_default();
        let log = self.world.log.take().map(Log::into_happenings).unwrap_or_default();
        let roles = (0..self.world.nodes.len()).map(|node| self.cast.title(NodeId(node))).collect();
        Outcome {
            violations: self.truth.violations,
            trace,
            began: self.began,
            figures: self.figures,
            log,
            roles,
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
