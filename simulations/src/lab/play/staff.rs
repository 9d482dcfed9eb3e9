//! The people of a business: they answer, forward and hand over, while it is open.

use super::{Deed, HOUR, LASTS, MINUTE, Play, SECOND};
use crate::{
    NodeId, SimError,
    lab::{chance::Chance as _, people::Role},
};
use frontdesk_engine::{Command, HistoryChoice};
use frontdesk_identity::ThreadId;

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
        if !self.world.node(by)?.is_up() {
            self.later(MINUTE, Deed::Answer { by, thread });
            return Ok(());
        }
        if self.says(by, thread, "an answer")?.is_none() {
            return Ok(());
        }
        let business = &self.scenario.business;
        let hands_over = self.cast.role(by) == Some(Role::Bot) || self.rng.hits(business.hand_over);
        if hands_over && self.handed.insert(thread) {
            let Some(to) = self.next_agent(by) else { return Ok(()) };
            self.hand_over(by, thread, to)?;
        }
        Ok(())
    }

    pub(super) fn next_agent(&mut self, near: NodeId) -> Option<NodeId> {
        let administrator = self.cast.administrator(near)?;
        let agents = self.cast.colleagues(administrator, Role::Agent);
        let turn = self.turns.entry(administrator).or_default();
        *turn += 1;
        let others: Vec<NodeId> = agents.iter().copied().filter(|agent| *agent != near).collect();
        others.get(*turn % others.len().max(1)).copied()
    }

    pub(super) fn forward(&mut self, steward: NodeId, thread: ThreadId) -> Result<(), SimError> {
        let bots = self.cast.colleagues(steward, Role::Bot);
        let to = match self.rng.pick(&bots).copied() {
            Some(bot) => Some(bot),
            None => self.next_agent(steward),
        };
        let Some(to) = to else { return Ok(()) };
        self.let_in(steward, thread, to, false).map(|_| ())
    }

    pub(super) fn hand_over(&mut self, by: NodeId, thread: ThreadId, to: NodeId) -> Result<(), SimError> {
        self.let_in(by, thread, to, true).map(|_| ())
    }

    pub(super) fn let_in(
        &mut self,
        by: NodeId,
        thread: ThreadId,
        to: NodeId,
        hand_over: bool,
    ) -> Result<bool, SimError> {
        let history = history_of(&self.scenario.business.history);
        let Some(steward) = self.cast.administrator(by) else { return Ok(false) };
        let device = self.world.node(to)?.device();
        let command = Command::Forward {
            thread,
            to: Some(device),
            history,
            lasts: LASTS,
            hand_over,
            note: String::new(),
        };
        let before = self.forwards.insert((thread, to), (self.world.time, history));
        if self.tries(by, command)?.is_some() {
            return Ok(true);
        }
        match before {
            Some(before) => drop(self.forwards.insert((thread, to), before)),
            None => drop(self.forwards.remove(&(thread, to))),
        }
        self.later(5.0 * MINUTE, Deed::Forward { steward, thread });
        Ok(false)
    }
}

fn history_of(text: &str) -> HistoryChoice {
    match text.strip_prefix("last:").and_then(|count| count.parse().ok()) {
        Some(count) => HistoryChoice::Last(count),
        None if text == "none" => HistoryChoice::None,
        None => HistoryChoice::All,
    }
}
