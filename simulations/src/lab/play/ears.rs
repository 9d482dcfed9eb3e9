//! What nodes tell their owners, and what the owners make of it.

use super::{Deed, Play, SECOND};
use crate::{
    NodeId,
    lab::{chance::Chance as _, people::Role, truth::number_of},
    office,
};
use frontdesk_engine::{Event, MessageState};
use frontdesk_identity::ThreadId;

impl Play<'_> {
    pub(super) fn hear(&mut self, node: NodeId, event: Event) {
        let now = self.world.time;
        match event {
            Event::Message { message, history } if !message.mine => {
                let Some(number) = self.truth.shows(now, node, &message.text, history) else { return };
                if !history {
                    self.react(node, message.thread, number);
                }
            }
            Event::MessageState { thread, message, state } => {
                if let MessageState::Failed { reason } = state {
                    *self.figures.refusals.entry(reason.to_string()).or_default() += 1;
                }
                if let Some((number, true)) = self.truth.state(now, thread, &message, state)
                    && let Some(said) = self.truth.said.get(&number)
                {
                    let path = self.cast.path(said.author);
                    self.figures.delivery(path, now.saturating_sub(said.at));
                }
            }
            Event::ThreadOpened { thread, forwarded } => self.opened(node, thread, forwarded),
            Event::MembersChanged { thread, added, removed, .. } => {
                let added: Vec<NodeId> =
                    added.iter().filter_map(|device| self.cast.node_of(device)).collect();
                added.into_iter().for_each(|newcomer| self.came(node, thread, newcomer));
                let out: Vec<NodeId> =
                    removed.iter().filter_map(|device| self.cast.node_of(device)).collect();
                out.into_iter().for_each(|out| self.left(node, thread, out));
            }
            Event::CommandDone { .. }
            | Event::ContactFailed { .. }
            | Event::Message { .. }
            | Event::Removed { .. }
            | Event::Closed { .. }
            | Event::ForwardAnswered { .. }
            | Event::JoinRequested { .. }
            | Event::JoinChallenged { .. }
            | Event::Joined { .. }
            | Event::JoinFailed { .. }
            | Event::Enrolled { .. }
            | Event::DeviceRemoved { .. }
            | Event::Security { .. }
            | Event::PeerUp { .. }
            | Event::PeerDown { .. } => {}
        }
    }

    /// A node learns that somebody is in a thread now. The steward's view at that moment says what a newcomer may read.
    pub(super) fn came(&mut self, node: NodeId, thread: ThreadId, newcomer: NodeId) {
        if self.cast.administrator(newcomer) == Some(node)
            && let Some((asked, history)) = self.forwards.get(&(thread, newcomer)).copied()
        {
            let so_far: Vec<u64> =
                office::texts(&self.world, node, thread).iter().filter_map(|text| number_of(text)).collect();
            self.truth.lets_in((thread, newcomer, asked), history, &so_far);
        }
    }

    /// A node learns that somebody is no longer in a thread.
    pub(super) fn left(&mut self, node: NodeId, thread: ThreadId, out: NodeId) {
        let now = self.world.time;
        match self.cast.role(node) {
            Some(Role::Administrator) => {
                self.truth.takes_out(thread, out, now);
                self.removals.insert((thread, out), now);
            }
            Some(Role::Customer) => {
                if let Some(at) = self.removals.get(&(thread, out)) {
                    self.figures.revocation.push(now.saturating_sub(*at));
                }
            }
            Some(Role::Agent | Role::Bot) | None => {}
        }
    }

    pub(super) fn opened(&mut self, node: NodeId, thread: ThreadId, forwarded: bool) {
        let now = self.world.time;
        match self.cast.role(node) {
            Some(Role::Administrator) => {
                if let Some(customer) = self.talks.iter().find(|(_, talk)| talk.thread == Some(thread)) {
                    self.truth.founders.insert(thread, [*customer.0, node]);
                }
                let takes = self.rng.exponential(self.scenario.business.forward_takes * SECOND);
                self.later(self.at_work(takes), Deed::Forward { steward: node, thread });
            }
            Some(Role::Agent | Role::Bot) if forwarded => {
                if let Some((asked, _)) = self.forwards.remove(&(thread, node)) {
                    self.figures.forward.push(now.saturating_sub(asked));
                }
                self.answer_later(node, thread);
            }
            Some(Role::Agent | Role::Bot | Role::Customer) | None => {}
        }
    }

    /// Someone reads a text, and may answer.
    pub(super) fn react(&mut self, node: NodeId, thread: ThreadId, number: u64) {
        let now = self.world.time;
        let by_customer = self
            .truth
            .said
            .get(&number)
            .is_some_and(|said| self.cast.role(said.author) == Some(Role::Customer));
        match self.cast.role(node) {
            Some(Role::Customer) if !by_customer => {
                let mean = self.scenario.customers.thinks * SECOND;
                let think = self.rng.exponential(mean);
                let Some(talk) = self.talks.get_mut(&node).filter(|talk| !talk.gone) else { return };
                if let Some(asked) = talk.asked.take() {
                    self.figures.first_answer.push(now.saturating_sub(asked));
                }
                if talk.left > 0 {
                    self.later(think, Deed::Write { customer: node });
                }
            }
            Some(Role::Agent | Role::Bot) if by_customer => self.answer_later(node, thread),
            _ => {}
        }
    }
}
