//! What is going to happen: people's deeds and faults, each at its moment.

use super::{HOUR, MINUTE, Play, SAMPLE, SECOND};
use crate::{
    NodeId, SimError,
    lab::{chance::Chance as _, people::Role, roads::whole, scenario::FaultKind},
};
use frontdesk_engine::{Command, CommandError, Reply};
use frontdesk_identity::ThreadId;
use std::collections::BTreeSet;

/// What people and faults do at some moment.
#[derive(Debug, Clone)]
pub(super) enum Deed {
    Arrive { customer: NodeId },
    Write { customer: NodeId },
    GiveUp { customer: NodeId, texts: u32 },
    Forward { steward: NodeId, thread: ThreadId },
    Answer { by: NodeId, thread: ThreadId },
    Strike { fault: usize },
    Over { what: FaultKind, node: NodeId },
    Toss { churn: usize, node: NodeId },
    Revoke { steward: NodeId, thread: ThreadId, from: NodeId },
    Turn { villain: usize },
    Attack { villain: usize },
    Restore { node: NodeId },
    Kill { node: NodeId, lasts: f64 },
    Keep { takeover: usize },
    Part { takeover: usize },
    TakeOver { by: NodeId, thread: ThreadId },
    Admit { steward: NodeId, thread: ThreadId, to: NodeId },
    Sample,
}

impl Play<'_> {
    /// Puts everything that is known from the start on the agenda.
    pub(super) fn plan(&mut self) {
        let customers = &self.scenario.customers;
        let [from, until] = customers.arrive.map(|hour| hour * HOUR);
        let days = (self.scenario.hours / 24.0).max(1.0);
        let window = (until - from).max(MINUTE);
        let all: Vec<NodeId> = self.cast.of(Role::Customer).to_vec();
        for customer in all {
            // Of a Poisson process that brings so many, each moment is as likely as any other.
            let clock = self.rng.unit() * window * days;
            let day = libm::floor(clock / window);
            self.later(day * 24.0 * HOUR + from + (clock - day * window), Deed::Arrive { customer });
        }
        for (index, fault) in self.scenario.faults.clone().iter().enumerate() {
            let mut at = fault.from * HOUR;
            while at < fault.until * HOUR {
                self.later(at, Deed::Strike { fault: index });
                at += self.rng.exponential(fault.every * MINUTE).max(SECOND);
            }
        }
        for (villain, adversary) in self.scenario.adversaries.iter().enumerate() {
            self.later(adversary.from * HOUR, Deed::Turn { villain });
        }
        self.plan_churn();
        self.plan_takeovers();
        self.later(0.0, Deed::Sample);
    }

    /// Does it after so many milliseconds, unless the play is over by then.
    pub(super) fn later(&mut self, wait: f64, deed: Deed) {
        if self.world.time.saturating_add(whole(wait)) <= self.end {
            self.surely(wait, deed);
        }
    }

    /// Does it after so many milliseconds, also when the play is over and everything settles.
    pub(super) fn surely(&mut self, wait: f64, deed: Deed) {
        self.next_deed += 1;
        self.deeds.insert(self.next_deed, deed);
        self.world.call(whole(wait), self.next_deed);
    }

    /// Whoever heard something reacts, and what is due is done.
    pub(super) fn attend(&mut self) -> Result<(), SimError> {
        for (by, other) in std::mem::take(&mut self.world.quarrels).into_iter().flatten() {
            let seen = format!("node {} shuts out node {}", by.0, other.0);
            if !self.truth.rogues.contains(&other) {
                self.truth.broken(self.world.time, "honest nodes keep the rules", seen);
            }
        }
        self.world.quarrels = Some(Vec::new());
        loop {
            let heard = self.world.heard.as_mut().and_then(BTreeSet::pop_first);
            if let Some(node) = heard {
                self.note_failure(node)?;
                for event in std::mem::take(&mut self.world.node_mut(node)?.events) {
                    self.hear(node, event);
                }
                continue;
            }
            let Some(number) = self.world.calls.pop() else { return Ok(()) };
            if let Some(deed) = self.deeds.remove(&number) {
                self.act(deed)?;
            }
        }
    }

    pub(super) fn act(&mut self, deed: Deed) -> Result<(), SimError> {
        match deed {
            Deed::Arrive { customer } => self.arrive(customer)?,
            Deed::Write { customer } => self.write(customer)?,
            Deed::GiveUp { customer, texts } => self.give_up(customer, texts),
            Deed::Forward { steward, thread } => self.forward(steward, thread)?,
            Deed::Answer { by, thread } => self.answer(by, thread)?,
            Deed::Strike { fault } => self.strike(fault)?,
            Deed::Over { what, node } => self.ends(what, node)?,
            Deed::Toss { churn, node } => self.toss(churn, node)?,
            Deed::Revoke { steward, thread, from } => self.revoke(steward, thread, from)?,
            Deed::Turn { villain } => self.turn(villain)?,
            Deed::Attack { villain } => self.attack(villain)?,
            Deed::Restore { node } => self.begin_anew(node)?,
            Deed::Kill { node, lasts } => self.kill(node, lasts)?,
            Deed::Keep { takeover } => self.keeps_copies(takeover)?,
            Deed::Part { takeover } => self.parts(takeover)?,
            Deed::TakeOver { by, thread } => self.takes_over(by, thread)?,
            Deed::Admit { steward, thread, to } => self.admit(steward, thread, to)?,
            Deed::Sample => {
                self.sample();
                self.later(SAMPLE, Deed::Sample);
            }
        }
        Ok(())
    }

    /// A command whose refusal is part of life: the node is down, or the thread is gone.
    pub(super) fn tries(&mut self, node: NodeId, command: Command) -> Result<Option<Reply>, SimError> {
        Ok(self.tries_all(node, vec![command])?.pop().flatten())
    }

    /// The same for commands that come at once. Answers those that were done, in the order of the commands.
    pub(super) fn tries_all(
        &mut self,
        node: NodeId,
        commands: Vec<Command>,
    ) -> Result<Vec<Option<Reply>>, SimError> {
        (self.refused, self.unsure) = (None, false);
        self.switch_on(node)?;
        if self.world.node(node)?.engine().is_none() {
            return Ok(commands.iter().map(|_| None).collect());
        }
        let mut replies = Vec::new();
        for answer in self.world.commands(node, commands)? {
            let reply = answer.map_err(|error| {
                self.unsure |= matches!(error, CommandError::Storage(_));
                if let CommandError::Internal(error) = &error {
                    self.truth.broken(self.world.time, "no node has a defect", error.clone());
                }
                self.refused = Some(error);
            });
            replies.push(reply.ok());
        }
        Ok(replies)
    }

    /// Whether the latest command failed for a reason that passes: the node is down, its disk fails, or it waits to be let
    /// into its thread again.
    pub(super) fn is_out_of_order(&self, node: NodeId) -> Result<bool, SimError> {
        let passes = matches!(self.refused, Some(CommandError::Storage(_) | CommandError::NotOpen));
        Ok(passes || (!self.world.node(node)?.is_up() && self.world.node(node)?.rogue.is_none()))
    }

    /// Who wants something of a device that is switched off switches it on.
    pub(super) fn switch_on(&mut self, node: NodeId) -> Result<(), SimError> {
        if self.asleep.remove(&node) { self.wake(node) } else { Ok(()) }
    }

    pub(super) fn wake(&mut self, node: NodeId) -> Result<(), SimError> {
        if self.world.node(node)?.is_up() { Ok(()) } else { self.world.revive(node) }
    }
}
