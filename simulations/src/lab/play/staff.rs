//! The people of a business: they answer, forward and hand over, while it is open.

use super::{Deed, HOUR, MINUTE, Play, SECOND, Wish};
use crate::{
    NodeId, SimError,
    lab::{chance::Chance as _, people::Role, truth::Placed},
    office,
};
use frontdesk_engine::{Command, HistoryChoice, Reply};
use frontdesk_identity::ThreadId;

/// Threads that are handed over by the administrator, of those that are handed over.
const BY_STEWARD: f64 = 0.25;

impl Play<'_> {
    pub(super) fn answer_later(&mut self, by: NodeId, thread: ThreadId) {
        let business = &self.scenario.business;
        let wait = if self.cast.role(by) == Some(Role::Bot) {
            business.bot_takes * SECOND
        } else {
            let takes = self.rng.exponential(business.answer_takes * SECOND);
            self.at_work(takes)
        };
        self.later(wait, Deed::Answer { by, thread });
    }

    /// The hour of the day.
    pub(super) fn hour(&self) -> f64 {
        let now = f64::from(u32::try_from(self.world.time.saturating_sub(self.began)).unwrap_or(u32::MAX));
        now / HOUR - libm::floor(now / (24.0 * HOUR)) * 24.0
    }

    /// How long something takes that is only done at work, from now.
    pub(super) fn at_work(&self, takes: f64) -> f64 {
        let [open, close] = self.scenario.business.open.map(|hour| hour * HOUR);
        let now = f64::from(u32::try_from(self.world.time.saturating_sub(self.began)).unwrap_or(u32::MAX));
        let of_day = now - libm::floor(now / (24.0 * HOUR)) * 24.0 * HOUR;
        if of_day < open {
            open - of_day + takes
        } else if of_day + takes > close {
            24.0 * HOUR - of_day + open + takes
        } else {
            takes
        }
    }

    pub(super) fn answer(&mut self, by: NodeId, thread: ThreadId) -> Result<(), SimError> {
        if self.says(by, thread, "an answer")?.is_none() {
            if self.is_out_of_order(by)? {
                self.later(MINUTE, Deed::Answer { by, thread });
            }
            return Ok(());
        }
        let business = &self.scenario.business;
        let hands_over = self.cast.role(by) == Some(Role::Bot) || self.rng.hits(business.hand_over);
        if hands_over && self.handed.insert(thread) {
            let Some(to) = self.next_agent(by) else { return Ok(()) };
            // Sometimes it is the administrator who wants somebody else to go on.
            let steward = self.leader(thread, by).filter(|_| self.rng.hits(BY_STEWARD));
            return self.hand_over(steward.unwrap_or(by), thread, to);
        }
        self.finish_with(by, thread);
        Ok(())
    }

    /// The administrator takes some agents out whose customers have nothing left to ask.
    fn finish_with(&mut self, by: NodeId, thread: ThreadId) {
        let done = self.customer_of(thread).and_then(|customer| self.talks.get(&customer));
        let done = done.is_some_and(|talk| talk.left == 0);
        if done
            && self.rng.hits(self.scenario.business.revoke)
            && let Some(steward) = self.leader(thread, by)
        {
            self.later(MINUTE, Deed::Revoke { steward, thread, from: by });
        }
    }

    pub(super) fn revoke(&mut self, steward: NodeId, thread: ThreadId, from: NodeId) -> Result<(), SimError> {
        let steward = self.leader(thread, from).unwrap_or(steward);
        let device = self.world.node(from)?.device();
        let now = self.world.time;
        let done = self.tries(steward, Command::Revoke { thread, from: device })?.is_some();
        if done || self.unsure {
            self.truth.may_go(thread, from);
        }
        if done {
            self.figures.revoked += 1;
            self.truth.takes_out(thread, from, now);
        }
        Ok(())
    }

    pub(super) fn next_agent(&mut self, near: NodeId) -> Option<NodeId> {
        let administrator = self.cast.administrator(near)?;
        let agents = self.cast.colleagues(administrator, Role::Agent).to_vec();
        let turn = self.turns.entry(administrator).or_default();
        *turn += 1;
        let others: Vec<NodeId> = agents.iter().copied().filter(|agent| *agent != near).collect();
        others.get(*turn % others.len().max(1)).copied()
    }

    pub(super) fn forward(&mut self, steward: NodeId, thread: ThreadId) -> Result<(), SimError> {
        let steward = self.leader(thread, steward).unwrap_or(steward);
        if self.is_served(steward, thread) {
            return Ok(());
        }
        let business = self.cast.administrator(steward).unwrap_or(steward);
        let bots = self.cast.colleagues(business, Role::Bot);
        let to = match self.rng.pick(bots).copied() {
            Some(bot) => Some(bot),
            None => self.next_agent(steward),
        };
        let Some(to) = to else { return Ok(()) };
        self.let_in_or_later(steward, thread, to, false)
    }

    /// Whether somebody but the customer and administrators is in a thread, as the steward knows it.
    pub(super) fn is_served(&self, steward: NodeId, thread: ThreadId) -> bool {
        let members = office::who(&self.world, steward, thread).map(|who| who.members).unwrap_or_default();
        let mut roles =
            members.iter().filter_map(|member| self.cast.role(self.cast.node_of(&member.device)?));
        roles.any(|role| matches!(role, Role::Agent | Role::Bot))
    }

    pub(super) fn hand_over(&mut self, by: NodeId, thread: ThreadId, to: NodeId) -> Result<(), SimError> {
        self.let_in_or_later(by, thread, to, true)
    }

    /// The texts of a thread that a node lists, and the place of each.
    pub(super) fn list(&self, node: NodeId, thread: ThreadId) -> Vec<Placed> {
        crate::lab::truth::places(&self.world, node, thread)
    }

    /// Lets somebody in by the business's choice of history. If that can't be done, somebody is let in later.
    fn let_in_or_later(
        &mut self,
        by: NodeId,
        thread: ThreadId,
        to: NodeId,
        hand_over: bool,
    ) -> Result<(), SimError> {
        let history = self.scenario.business.choice();
        if !self.let_in(by, thread, (to, history), hand_over)?
            && let Some(steward) = self.leader(thread, by)
        {
            self.later(5.0 * MINUTE, Deed::Forward { steward, thread });
        }
        Ok(())
    }

    pub(super) fn let_in(
        &mut self,
        by: NodeId,
        thread: ThreadId,
        (to, history): (NodeId, HistoryChoice),
        hand_over: bool,
    ) -> Result<bool, SimError> {
        let Some(steward) = self.leader(thread, by) else { return Ok(false) };
        let device = self.world.node(to)?.device();
        let command = Command::Forward {
            thread,
            to: Some(device),
            history,
            lasts: self.scenario.business.lasts(),
            hand_over,
            note: String::new(),
        };
        let now = self.world.time;
        let so_far = self.list(by, thread);
        let seen = (by != steward).then(|| so_far.clone());
        let before = self.forwards.insert((thread, to), Wish { asked: now, history, seen });
        let reply = self.tries(by, command)?;
        let done = reply.is_some();
        if (done || self.unsure) && hand_over {
            if by == steward {
                self.truth.may_hand_over(thread, to);
            } else {
                self.truth.may_go(thread, by);
            }
        }
        if let Some(Reply::Asked { request }) = reply {
            self.truth.asks((thread, by, now), request);
        }
        if done {
            if hand_over && by == steward {
                self.figures.handed_over += 1;
                self.truth.hands_over(thread, to, now);
            }
            return Ok(true);
        }
        if self.unsure {
            self.truth.may_ask(thread, by);
        }
        // What may have been done is known when the steward's node begins anew, which is now, or at once.
        match before.filter(|_| !self.unsure) {
            None if self.unsure => {}
            Some(before) => drop(self.forwards.insert((thread, to), before)),
            None => drop(self.forwards.remove(&(thread, to))),
        }
        Ok(false)
    }
}
