//! The end: faults stop, everything settles, and what came of it is counted.

use super::{MINUTE, Outcome, PLAYED, Play, Watch};
use crate::{
    NodeId, SimError,
    lab::{
        Roads, bounds,
        figures::Sample,
        log::Log,
        people::Role,
        report::words::{kind_name, real},
        roads::whole,
        scenario::AdversaryKind,
    },
    node::OUTGOING,
    office,
};
use frontdesk_engine::Engine;
use frontdesk_identity::{ThreadId, TransportKey};
use frontdesk_store::{Reader as _, Scan};
use sha2::Digest as _;
use std::collections::BTreeSet;

/// Each node's bounds are looked at with one of so many samples, at least.
const LOOKS: usize = 12;
/// How often each fault strikes in the last moment.
const LAST_STRIKES: usize = 3;
/// Between two looks whether all has settled, in milliseconds.
const LOOK: u64 = 250;
/// Nothing must wait for so long, in milliseconds: who lacks something asks for it only after some seconds.
const QUIET: u64 = 5_000;

impl Play<'_> {
    /// Faults and attacks stop, everybody is awake, and all must agree in time.
    pub(super) fn settle_watched(&mut self, watch: &mut dyn Watch) -> Result<(), SimError> {
        self.last_words()?;
        self.make_peace()?;
        let (start, last) = (self.world.time, self.world.time + whole(self.scenario.settle * MINUTE));
        let waits = self.cast.everybody().filter(|node| !self.waits(*node).is_empty());
        self.figures.waited = u64::try_from(waits.count()).unwrap_or(u64::MAX);
        // Who still had something to get when it was looked at last is asked first.
        let mut latest = NodeId(0);
        let mut quiet_since = None;
        loop {
            let until = self.world.time + LOOK;
            while self.world.happen(until)? {
                self.attend()?;
            }
            self.world.time = until;
            let part = real(until.saturating_sub(start)) / real(last.saturating_sub(start).max(1));
            watch.progress(PLAYED + part.min(1.0) * (1.0 - PLAYED));
            let nodes = std::iter::once(latest).chain(self.cast.everybody());
            match nodes.into_iter().find(|node| !self.waits(*node).is_empty()) {
                Some(node) => (latest, quiet_since) = (node, None),
                None => {
                    let since = *quiet_since.get_or_insert(self.world.time);
                    if self.world.time.saturating_sub(since) >= QUIET {
                        self.figures.settled_in = Some(since.saturating_sub(start));
                        break;
                    }
                }
            }
            if until >= last && quiet_since.is_none() {
                let who: Vec<String> =
                    self.cast.everybody().flat_map(|node| self.waits(node)).take(20).collect();
                self.truth.broken(last, "all is delivered once faults have stopped", who.join("; "));
                break;
            }
        }
        let now = self.world.time;
        self.truth.close(&self.world, &self.cast, now);
        Ok(())
    }

    /// In the last moment every fault that goes on strikes some once more, and all customers write: so
    /// that faults stop in the middle of something.
    fn last_words(&mut self) -> Result<(), SimError> {
        for fault in 0..self.scenario.faults.len() {
            let lasts =
                self.scenario.faults.get(fault).is_some_and(|fault| fault.until >= self.scenario.hours);
            for _ in 0..if lasts { LAST_STRIKES } else { 0 } {
                self.strike(fault)?;
            }
        }
        let threads: Vec<(NodeId, ThreadId)> =
            self.talks.iter().filter_map(|(customer, talk)| Some((*customer, talk.thread?))).collect();
        for (customer, thread) in threads {
            self.says(customer, thread, "a last word")?;
            self.attend()?;
        }
        Ok(())
    }

    fn make_peace(&mut self) -> Result<(), SimError> {
        self.deeds.clear();
        self.world.mend_all();
        if let Some(roads) = self.world.roads.replace(Roads::default()) {
            self.figures.mishaps = roads.mishaps;
        }
        self.asleep.clear();
        for node in (0..self.world.nodes.len()).map(NodeId) {
            let disk = self.world.node_mut(node)?;
            (disk.fuse, disk.full) = (None, false);
            self.lasting.remove(&node);
            if !disk.withholds.is_empty() {
                disk.withholds.clear();
            }
            self.wake(node)?;
        }
        self.all_begin_anew()
    }

    /// For whom a node still has frames: honest nodes that it can be connected to.
    fn waits(&self, from: NodeId) -> Vec<String> {
        let tell =
            |to: NodeId| format!("node {} has frames for node {}{}", from.0, to.0, self.standing(from, to));
        self.has_frames_for(from).into_iter().map(tell).collect()
    }

    fn has_frames_for(&self, from: NodeId) -> BTreeSet<NodeId> {
        if self.truth.rogues.contains(&from) || office::outbox(&self.world, from) == 0 {
            return BTreeSet::new();
        }
        let Ok(node) = self.world.node(from) else { return BTreeSet::new() };
        let keys = node.store.scan(&Scan::prefix(OUTGOING)).unwrap_or_default();
        let peers = keys.iter().filter_map(|(key, _)| <[u8; 32]>::try_from(key.get(2..34)?).ok());
        peers
            .filter_map(|key| self.world.by_key.get(&TransportKey::from_bytes(key)).copied())
            .filter(|to| self.world.node(*to).is_ok_and(|node| node.rogue.is_none()))
            .filter(|to| self.world.wires.can_meet(from, *to) && !self.truth.is_lost(*to))
            .collect()
    }

    /// Whether the one is connected to the other, or why it may not be.
    fn standing(&self, from: NodeId, to: NodeId) -> &'static str {
        let wires = &self.world.wires;
        let there = self.world.node(to).map(|node| node.addresses(to)).unwrap_or_default();
        match (wires.number(from, to).is_some(), wires.wants(from, to)) {
            (true, _) => "",
            (false, true) if wires.looks_at(from, to, &there) => ", which it dials, not connected",
            (false, true) => ", which it looks for elsewhere",
            (false, false) => ", which it doesn't look for",
        }
    }

    /// Looks at all nodes: how full they are, and that no bound is passed.
    pub(super) fn sample(&mut self) {
        let (frames, sent) = self.world.traffic;
        let (most_waiting, longest) = self.world.waiting.take_most();
        let mut sample = Sample {
            at: self.world.time.saturating_sub(self.began),
            texts: u64::try_from(self.truth.said.len()).unwrap_or(u64::MAX),
            frames,
            sent,
            most_waiting,
            longest_outbox: longest,
            events: self.world.steps.saturating_sub(self.steps_before),
            ..Sample::default()
        };
        for node in self.cast.everybody() {
            let Ok((disk, engine)) = self.world.node(node).map(|node| (&*node.store, node.engine())) else {
                continue;
            };
            let (records, bytes) = disk.size();
            let held = engine.map(Engine::in_memory).unwrap_or_default();
            let waiting = office::outbox(&self.world, node);
            sample.waiting += waiting;
            sample.records += records;
            sample.bytes += bytes;
            sample.longest_outbox = sample.longest_outbox.max(waiting);
            sample.largest_disk = sample.largest_disk.max(bytes);
            sample.held += held.estimate();
            sample.most_held = sample.most_held.max(held.estimate());
            sample.up += usize::from(self.world.node(node).is_ok_and(crate::Node::is_up));
            // The whole disk is read for it: of most nodes once an hour, of those with much to do each time.
            let turn = (node.0 + self.figures.samples.len()).is_multiple_of(LOOKS);
            let busy = waiting > 0 || self.cast.role(node) == Some(Role::Administrator);
            if !(turn || busy) || self.truth.rogues.contains(&node) {
                continue;
            }
            self.figures.fullest_disk = self.figures.fullest_disk.max(bounds::part(disk));
            let part = bounds::part_in_memory(disk, &held);
            self.figures.fullest_memory = self.figures.fullest_memory.max(part);
            if let Some(seen) = bounds::passed(disk, &held) {
                self.truth.broken(
                    self.world.time,
                    "queues, memory and disks stay within their bounds",
                    format!("node {}: {seen}", node.0),
                );
            }
        }
        self.figures.sample(sample);
    }

    /// What the scenario asks for and did not happen.
    fn idle(&self) -> Vec<String> {
        let (mut idle, hours) = (Vec::new(), self.scenario.hours);
        if self.truth.said.is_empty() {
            let [from, until] = self.scenario.customers.arrive;
            idle.push(format!(
                "nobody wrote: customers first write from {from} to {until} o'clock, and the run has {hours} hours"
            ));
        }
        for (index, fault) in self.scenario.faults.iter().enumerate() {
            if !self.strikes.contains(&index) {
                let (what, who) = (kind_name(&fault.what), kind_name(&fault.who));
                idle.push(format!("fault {}, {what} of {who}, never struck", index + 1));
            }
        }
        for (index, adversary) in self.scenario.adversaries.iter().enumerate() {
            let tried = self.figures.attacks.get(&adversary.what).map_or(0, |attack| attack.tried);
            let did = if adversary.what == AdversaryKind::Withholds {
                self.world.withheld
            } else {
                // A clock that is wrong all the time does all that it does by that.
                tried.saturating_add(u64::from(adversary.ahead.is_some()))
            };
            let seen = match (self.villains.contains_key(&index), did) {
                (false, _) => "never turned",
                (true, 0) => "did nothing",
                (true, _) => continue,
            };
            idle.push(format!("adversary {}, {}, {seen}", index + 1, kind_name(&adversary.what)));
        }
        idle
    }

    pub(super) fn finish(mut self) -> Outcome {
        self.sample();
        self.figures.virtual_hours = self.scenario.hours;
        self.figures.idle = self.idle();
        (self.figures.frames, self.figures.bytes) = self.world.traffic;
        self.figures.withheld = self.world.withheld;
        self.figures.out_of_turn = self.truth.out_of_turn;
        [self.figures.crossed_within, self.figures.crossed_before] = self.truth.crossed;
        self.figures.shut_out = self.world.bans;
        self.figures.unflushed = self.world.nodes.iter().map(|node| node.lost).sum();
        self.figures.apart = u64::try_from(self.world.wires.apart.len()).unwrap_or(u64::MAX);
        let threads: Vec<ThreadId> = self.truth.founders.keys().copied().collect();
        let frozen = threads.iter().filter(|thread| self.truth.is_frozen(**thread)).count();
        self.figures.threads = u64::try_from(threads.len()).unwrap_or(u64::MAX);
        self.figures.frozen = u64::try_from(frozen).unwrap_or(u64::MAX);
        let gone = self.talks.values().filter(|talk| talk.gone && talk.asked.is_some());
        self.figures.unanswered = u64::try_from(gone.count()).unwrap_or(u64::MAX);
        // What a node never said that it has counts only if it had it.
        for said in self.truth.said.values().filter(|said| !said.perhaps || said.delivered.is_some()) {
            self.figures.texts += 1;
            let delivered = said.delivered.is_some() || said.brought;
            self.figures.delivered += u64::from(delivered);
            self.figures.brought += u64::from(said.brought);
            self.figures.failed += u64::from(said.failed && !said.perhaps);
            // What everybody writes in the last moment is in no hour.
            if said.at < self.end {
                let at = said.at.saturating_sub(self.began);
                self.figures.text(at, delivered, said.failed && !said.perhaps);
            }
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
