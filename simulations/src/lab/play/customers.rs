//! Customers: they write, wait, lose patience, and some come back.

use super::{Deed, HOUR, MINUTE, Play};
use crate::{
    NodeId, SimError,
    lab::{chance::Chance as _, roads::whole, truth::text},
    office,
};
use frontdesk_engine::{Command, CommandError, Reply};
use frontdesk_identity::ThreadId;
use std::collections::BTreeSet;

/// Texts that one writes in one moment, at most.
const MOST_AT_ONCE: u64 = 200;

/// Where a customer's conversation stands.
#[derive(Debug, Clone, Default)]
pub(super) struct Talk {
    pub(super) thread: Option<ThreadId>,
    /// Texts that the customer still wants to write, and has written.
    pub(super) left: u32,
    pub(super) written: u32,
    /// When the first text went out, until the first answer came.
    pub(super) asked: Option<u64>,
    pub(super) gone: bool,
}

impl Play<'_> {
    pub(super) fn arrive(&mut self, customer: NodeId) -> Result<(), SimError> {
        let Some(link) = self.cast.link(customer) else { return Ok(()) };
        let number = self.next_text;
        self.next_text += 1;
        let command = Command::Contact { link: link.clone(), text: text(number, "hello") };
        let Some(Reply::Opened { thread }) = self.tries(customer, command)? else {
            if std::mem::take(&mut self.unsure) {
                self.truth.ghost(number);
            }
            self.later(MINUTE, Deed::Arrive { customer });
            return Ok(());
        };
        let wants = whole(self.rng.exponential(self.scenario.customers.texts));
        let now = self.world.time;
        let talk = Talk {
            thread: Some(thread),
            left: u32::try_from(wants.min(50)).unwrap_or(50),
            written: 1,
            asked: Some(now),
            gone: false,
        };
        self.talks.insert(customer, talk);
        self.customers.insert(thread, customer);
        self.truth.contacts(thread, customer, now);
        let audience = [Some(customer), self.cast.reception(customer)].into_iter().flatten().collect();
        if let Some(reception) = self.cast.reception(customer) {
            self.truth.is_contacted(thread, reception);
        }
        let name = office::first_name(&self.world, customer);
        self.truth.says((number, name), (thread, customer, now), audience);
        let patience = self.rng.exponential(self.scenario.customers.patience * MINUTE);
        self.later(patience, Deed::GiveUp { customer, texts: 1 });
        Ok(())
    }

    pub(super) fn write(&mut self, customer: NodeId) -> Result<(), SimError> {
        let Some(talk) = self.talks.get(&customer).filter(|talk| !talk.gone).cloned() else { return Ok(()) };
        let Some(thread) = talk.thread else { return Ok(()) };
        let count = self.at_once().min(talk.left.max(1));
        if self.says_at_once(customer, thread, "a question", count)?.is_none() {
            let again = match self.refused {
                Some(CommandError::UnknownThread | CommandError::Left) => Deed::Arrive { customer },
                _ => Deed::Write { customer },
            };
            self.later(MINUTE, again);
            return Ok(());
        }
        let now = self.world.time;
        let patience = self.rng.exponential(self.scenario.customers.patience * MINUTE);
        if let Some(talk) = self.talks.get_mut(&customer) {
            talk.left = talk.left.saturating_sub(count);
            talk.written += count;
            talk.asked.get_or_insert(now);
            let texts = talk.written;
            self.later(patience, Deed::GiveUp { customer, texts });
        }
        Ok(())
    }

    /// Who is in a thread by a grant that holds, as a node knows it; and how many devices among these are nobody's.
    fn audience(&self, node: NodeId, thread: ThreadId) -> (BTreeSet<NodeId>, usize) {
        let members = office::who(&self.world, node, thread).map(|who| who.members).unwrap_or_default();
        let holds = members.iter().filter(|member| !member.expired);
        let people: Vec<Option<NodeId>> = holds.map(|member| self.cast.node_of(&member.device)).collect();
        let foreign = people.iter().filter(|node| node.is_none()).count();
        (people.into_iter().flatten().collect(), foreign)
    }

    /// How many texts a customer writes in one moment.
    fn at_once(&mut self) -> u32 {
        let mean = self.scenario.customers.at_once;
        if mean <= 1.0 {
            return 1;
        }
        u32::try_from(whole(self.rng.exponential(mean)).min(MOST_AT_ONCE)).unwrap_or(1)
    }

    /// A customer who still has no answer goes, and some come back hours later.
    pub(super) fn give_up(&mut self, customer: NodeId, texts: u32) {
        let back = self.rng.hits(self.scenario.customers.come_back);
        let wait = self.rng.exponential(3.0 * HOUR);
        let Some(talk) = self.talks.get_mut(&customer) else { return };
        if talk.asked.is_none() || talk.written != texts {
            return;
        }
        self.figures.gave_up += 1;
        talk.gone = !back;
        if back {
            talk.left = talk.left.max(1);
            self.later(wait, Deed::Write { customer });
        }
    }

    /// Someone writes a text. Answers its number, if the node took it.
    pub(super) fn says(
        &mut self,
        node: NodeId,
        thread: ThreadId,
        words: &str,
    ) -> Result<Option<u64>, SimError> {
        self.says_at_once(node, thread, words, 1)
    }

    /// Someone writes so many texts in one moment. Answers the number of the last, if the node took it.
    fn says_at_once(
        &mut self,
        node: NodeId,
        thread: ThreadId,
        words: &str,
        count: u32,
    ) -> Result<Option<u64>, SimError> {
        self.switch_on(node)?;
        let (audience, foreign) = self.audience(node, thread);
        let first = self.next_text;
        self.next_text += u64::from(count);
        let numbers = first..self.next_text;
        let sends = numbers.clone().map(|number| Command::Send { thread, text: text(number, words) });
        let replies = self.tries_all(node, sends.collect())?;
        let unsure = std::mem::take(&mut self.unsure);
        let written = (thread, node, self.world.time);
        let mut last = None;
        for (number, reply) in numbers.zip(replies) {
            last = match reply {
                Some(Reply::Queued { message, .. }) => {
                    self.truth.check_audience(written, &audience, foreign);
                    self.truth.says((number, message), written, audience.clone());
                    Some(number)
                }
                // After a failure of the disk it may have been stored or not: it may be shown, and need not be.
                _ if unsure => {
                    self.truth.perhaps(number, written, audience.clone());
                    None
                }
                _ => None,
            };
        }
        Ok(last)
    }
}
