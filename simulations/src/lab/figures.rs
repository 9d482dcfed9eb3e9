//! What is measured in a run.

use super::{
    Mishaps,
    people::Path,
    scenario::{AdversaryKind, FaultKind},
};
use frontdesk_wire::Reason;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What all scenarios but those of the long evenings may cost with one seed, in events: the ordinary tests hold them to it. An event takes
/// about as long whatever the scenario, so this bounds the time that tests take, and is the same on every machine.
pub const EVENTS_A_SEED: u64 = 600_000;

/// What was measured in a run. Times are milliseconds of virtual time unless their names say otherwise.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Figures {
    /// Nodes.
    pub nodes: usize,
    /// Hours that were played.
    pub virtual_hours: f64,
    /// Texts that nodes answered for.
    pub texts: u64,
    /// Of these, acknowledged by a receiver on the other side.
    pub delivered: u64,
    /// Of these, refused by every receiver.
    pub failed: u64,
    /// Why, and how often.
    pub refusals: BTreeMap<String, u64>,
    /// Customers who gave up waiting.
    pub gave_up: u64,
    /// From writing to delivery, by the way that texts go.
    pub delivery: BTreeMap<Path, Vec<u64>>,
    /// From a customer's first text, or the first after an answer, to the answer.
    pub first_answer: Vec<u64>,
    /// Customers who went in the end without the answer that they waited for.
    pub unanswered: u64,
    /// From the command to forward until the newcomer is in the thread.
    pub forward: Vec<u64>,
    /// From the commit that takes a device out until the customer's node knows: so long it could still write and read there.
    pub revocation: Vec<u64>,
    /// Threads that were handed over: by agents whose stewards have done it, and by administrators.
    pub handed_over: u64,
    /// Devices that were taken out by hand when their customers had nothing left to ask.
    pub revoked: u64,
    /// Threads that administrators' nodes forwarded by their own rule.
    pub forwarded_by_policy: u64,
    /// Times that owners switched devices off.
    pub switched_off: u64,
    /// Nodes that were put back to old copies of their disks.
    pub rolled_back: u64,
    /// Kills that took what a node had written and not made durable.
    pub unflushed: u64,
    /// Owners who were told that their nodes ran on old copies, which nobody had told these.
    pub warned: u64,
    /// Threads that those nodes knew nothing of any more.
    pub forgotten: u64,
    /// Administrators' devices whose threads others took over.
    pub replaced: u64,
    /// From the moment in which that befell them until another led a thread of theirs.
    pub takeover: Vec<u64>,
    /// Takeovers that came too late, since another had led the thread by then.
    pub too_late: u64,
    /// Threads that businesses had.
    pub threads: u64,
    /// Of these, threads that their steward forgot, so that nobody can change their members any more.
    pub frozen: u64,
    /// Pairs of nodes that wanted to be connected and never could be, for the routers that they stand behind.
    pub apart: u64,
    /// Texts of authors that left their threads before the other side had them: the steward brought them.
    pub brought: u64,
    /// Texts that were on their way when somebody was let in with a part of the past, and that are within that part by their
    /// place: it must have them.
    pub crossed_within: u64,
    /// The same, before that part: it must not have them.
    pub crossed_before: u64,
    /// Texts that readers were shown as they came, and not in their author's order, as a gap was filled.
    pub out_of_turn: u64,
    /// Frames that adversaries should have sent, and withheld.
    pub withheld: u64,
    /// Times that a node shut a peer out for breaking the protocol.
    pub shut_out: u64,
    /// Times that a node said that a peer had tried what it may not, by reason.
    pub security: BTreeMap<String, u64>,
    /// When adversaries turned, in milliseconds from the beginning, and how they attack.
    pub turned: Vec<(u64, AdversaryKind)>,
    /// What adversaries tried, and what became of it.
    pub attacks: BTreeMap<AdversaryKind, Attack>,
    /// The most that a disk held of what it was expected to hold at most, of 1.
    pub fullest_disk: f64,
    /// The most entries that an engine held in memory of what it was expected to hold at most, of 1.
    pub fullest_memory: f64,
    /// Frames that were sent.
    pub frames: u64,
    /// Their bytes.
    pub bytes: u64,
    /// What the network did to them.
    pub mishaps: Mishaps,
    /// What became of the texts of each hour, from midnight on.
    pub hours: Vec<Hour>,
    /// How things stood, every few minutes.
    pub samples: Vec<Sample>,
    /// What went wrong, and when.
    pub faults: Vec<(u64, FaultKind)>,
    /// Of these, those that lasted: from when until when.
    pub lasting: Vec<(u64, u64, FaultKind)>,
    /// What the scenario asks for and did not happen, in words.
    pub idle: Vec<String>,
    /// Nodes that had something for others when all faults had stopped.
    pub waited: u64,
    /// How long it took, after all faults had stopped, until nothing waited.
    pub settled_in: Option<u64>,
    /// Events that happened.
    pub events: u64,
    /// Real seconds for founding and enrolling everybody.
    pub set_up_took: f64,
    /// Real seconds for the play.
    pub took: f64,
}

/// What adversaries of one kind tried, in frames, and what became of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Attack {
    /// Nodes that attacked.
    pub nodes: u64,
    /// Frames that were sent.
    pub tried: u64,
    /// Commits among what was made, each sent in several ways, that MLS alone would have taken.
    pub lawless: u64,
    /// Of these, refused, by reason.
    pub refused: BTreeMap<String, u64>,
    /// Attacks on a check of their own that were refused by it, by what was sent and what was wrong with it.
    pub reached: BTreeMap<String, u64>,
    /// Those that were refused for another reason, which is named, before they came to it.
    pub astray: BTreeMap<String, u64>,
    /// Of these, not even acknowledged: dropped, or sent while shut out.
    pub ignored: u64,
    /// Of these, kept for later, sealed: nobody has looked at them.
    pub kept: u64,
    /// Of these, taken.
    pub taken: u64,
    /// Frames of honest nodes that a device opened with the keys that it had before it was removed.
    pub before: u64,
    /// Frames of honest nodes that a removed device tried to read with the keys that it had.
    pub spied: u64,
    /// Of these, read. Never any, or a promise is broken.
    pub read: u64,
}

/// How things stood at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Sample {
    /// When.
    pub at: u64,
    /// Frames that wait in all outboxes.
    pub waiting: usize,
    /// The most that waited in them since the sample before.
    pub most_waiting: usize,
    /// Records on all disks.
    pub records: usize,
    /// Their bytes.
    pub bytes: usize,
    /// The most that waited at one node since the sample before.
    pub longest_outbox: usize,
    /// Bytes on the fullest disk.
    pub largest_disk: usize,
    /// Bytes that all engines hold in memory, about.
    pub held: usize,
    /// Bytes that the engine with the most holds.
    pub most_held: usize,
    /// Nodes that are up.
    pub up: usize,
    /// Texts that nodes answered for, so far.
    pub texts: u64,
    /// Frames that were sent, so far.
    pub frames: u64,
    /// Their bytes, so far.
    pub sent: u64,
    /// Events that happened, so far.
    pub events: u64,
}

/// What became of the texts of one hour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Hour {
    /// Texts that nodes answered for.
    pub texts: u64,
    /// Of these, delivered.
    pub delivered: u64,
    /// Of these, refused by every receiver.
    pub failed: u64,
}

impl Attack {
    /// An attack was refused, by the check that it was for or by another.
    pub(super) fn reached(&mut self, aim: Option<(String, Reason)>, reason: Reason) {
        let Some((at, aimed)) = aim else { return };
        if aimed == reason {
            *self.reached.entry(at).or_default() += 1;
        } else {
            *self.astray.entry(format!("{at}: {reason}")).or_default() += 1;
        }
    }
}

impl Figures {
    pub(super) fn delivery(&mut self, path: Path, took: u64) {
        self.delivery.entry(path).or_default().push(took);
    }

    pub(super) fn fault(&mut self, at: u64, what: FaultKind) {
        self.faults.push((at, what));
    }

    /// Counts a text that was written `at` so many milliseconds after the beginning.
    pub(super) fn text(&mut self, at: u64, delivered: bool, failed: bool) {
        let hour = usize::try_from(at / 3_600_000).unwrap_or(usize::MAX);
        if self.hours.len() <= hour {
            self.hours.resize(hour.saturating_add(1), Hour::default());
        }
        if let Some(hour) = self.hours.get_mut(hour) {
            hour.texts += 1;
            hour.delivered += u64::from(delivered);
            hour.failed += u64::from(failed && !delivered);
        }
    }

    pub(super) fn sample(&mut self, sample: Sample) {
        self.samples.push(sample);
    }

    /// Events in a real second.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    pub fn events_a_second(&self) -> f64 {
        if self.took > 0.0 { self.events as f64 / self.took } else { 0.0 }
    }
}

/// The value that so many of a hundred don't exceed; none of no values.
#[must_use]
pub fn percentile(values: &[u64], percent: usize) -> Option<u64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    let last = sorted.len().checked_sub(1)?;
    sorted.get((sorted.len() * percent / 100).min(last)).copied()
}
