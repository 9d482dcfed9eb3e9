//! Nodes with honest engines, and dishonest surroundings: one that withholds, and one whose clock lies.

use super::{Traitor, Villain};
use crate::{
    Clock, NodeId, SimError,
    lab::{chance::Chance as _, play::Play, scenario::Who},
    office,
};
use frontdesk_engine::MessageState;

/// A clock that stands still: it loses as much as passes.
const STANDS_STILL: i64 = -1_000_000_000;

impl Play<'_> {
    /// Somebody that sends half of the others nothing, for a time: an agent, or a steward, who tells some members of a
    /// commit and others not. Its engine numbers and keeps what it withholds.
    pub(super) fn withholder(&mut self, who: Who) -> Result<Option<Villain>, SimError> {
        let everybody: Vec<NodeId> = self.cast.everybody().collect();
        // What it withholds comes when it stops, so that everything that is promised holds for it as well.
        let Some(node) = self.somebody_with_threads(who) else { return Ok(None) };
        for other in everybody {
            if self.rng.hits(0.5) {
                self.world.node_mut(node)?.withholds.insert(other);
            }
        }
        Ok(Some(Villain::Engine(Traitor { node, threads: Vec::new() })))
    }

    /// An agent whose clock stands still, and who doesn't listen to the steward: for its own node, no grant ever ends. Every
    /// second of its customers doesn't hear the steward, either: nobody but their own nodes keeps the agent from going on.
    pub(super) fn liar(&mut self) -> Result<Option<Villain>, SimError> {
        let Some((node, threads)) = self.recruit()? else { return Ok(None) };
        let time = i64::try_from(self.world.time).unwrap_or(i64::MAX);
        self.world.node_mut(node)?.clock = Clock { ahead: time, drift: STANDS_STILL };
        if let Some(steward) = self.cast.administrator(node) {
            self.world.part(node, steward)?;
            let customers: Vec<NodeId> =
                threads.iter().step_by(2).filter_map(|thread| self.customer_of(*thread)).collect();
            for customer in customers {
                self.world.part(customer, steward)?;
            }
        }
        Ok(Some(Villain::Engine(Traitor { node, threads })))
    }

    /// Somebody with threads whose clock is wrong by so many hours, and who goes on. Whatever comes of that for itself, and in
    /// threads that it leads, harms nobody elsewhere.
    pub(super) fn misled(&mut self, who: Who, hours: f64) -> Result<Option<Villain>, SimError> {
        let Some(node) = self.somebody_with_threads(who) else { return Ok(None) };
        self.world.set_clock(node, Clock::hours(hours))?;
        self.truth.rogues.insert(node);
        if who == Who::Administrator {
            self.truth.liars.insert(node);
        }
        Ok(Some(Villain::Engine(Traitor { node, threads: Vec::new() })))
    }

    /// Somebody honest that has something to do.
    fn somebody_with_threads(&mut self, who: Who) -> Option<NodeId> {
        let mut all = self.those(who);
        all.retain(|node| {
            !self.truth.rogues.contains(node) && !office::threads(&self.world, *node).is_empty()
        });
        self.rng.pick(&all).copied()
    }

    /// It writes to all its threads, whose grants have ended for everybody else.
    pub(super) fn speak_out_of_time(&mut self, index: usize, traitor: &Traitor) -> Result<(), SimError> {
        for thread in traitor.threads.clone() {
            if !self.truth.has_ended(thread, traitor.node, self.world.time) {
                continue;
            }
            if let Some(number) = self.says(traitor.node, thread, "out of time")? {
                self.attacks(index).tried += 1;
                self.late.insert(number, index);
            }
        }
        Ok(())
    }

    /// A text that came after its author's grant had ended got further: it is refused.
    pub(in crate::lab::play) fn judge_late(&mut self, number: u64, state: MessageState) {
        let Some(index) = self.late.get(&number).copied() else { return };
        match state {
            MessageState::Failed { reason } => {
                *self.attacks(index).refused.entry(reason.to_string()).or_default() += 1;
            }
            MessageState::Delivered | MessageState::Read => {
                self.attacks(index).taken += 1;
                let seen = format!("#{number} was taken, though its author's grant had ended");
                self.truth.broken(self.world.time, "what breaks a rule is refused", seen);
            }
            MessageState::Queued | MessageState::Stored | MessageState::Received => {}
        }
    }
}
