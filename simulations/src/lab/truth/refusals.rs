//! What may be refused: a text whose author or reader had lost the right to its thread, for the reason that this gives.

use super::{Said, Truth, ends::Eyes};
use crate::NodeId;
use frontdesk_identity::ThreadId;
use frontdesk_wire::Reason;
use std::collections::{BTreeMap, BTreeSet};

/// Who refused which text, and why.
pub(crate) type Refusals = BTreeMap<(u64, NodeId), Reason>;

impl Truth {
    /// What was refused in a thread, by the word of its authors' nodes.
    pub(super) fn refused_in(&self, thread: ThreadId, eyes: &Eyes<'_>) -> Refusals {
        let authors: BTreeSet<NodeId> =
            self.said_in(thread).into_iter().map(|(_, said)| said.author).collect();
        authors.into_iter().flat_map(|author| (eyes.refusals)(author, thread)).collect()
    }

    /// Whether a reader may have refused a text, by the end, for such a reason.
    pub(super) fn may_refuse(&self, at: u64, said: &Said, reader: NodeId, reason: Reason) -> bool {
        let ended = |node| self.may_be_refused(said.thread, node, [said.at, at]);
        // To who is in, one that is out is no member; who is out itself has no such thread, nor has who has forgotten it with
        // what an old copy lacks.
        let by_author = [Reason::NotMember, Reason::GrantRevoked, Reason::GrantExpired];
        (by_author.contains(&reason) && ended(said.author))
            || (reason == Reason::UnknownThread && (ended(reader) || self.has_forgotten(said.thread, reader)))
            // Who is out by then doesn't write it in the new era once more.
            || (reason == Reason::PastEra && ended(said.author) && self.is_past(said.thread, 0))
            || (reason == Reason::PastEra && self.is_adrift(said.thread, said.author))
            || self.may_be_lost(said)
    }

    /// Nothing is refused, by anybody, that somebody wrote who had the right to, and kept it, to one that had and kept it.
    pub(crate) fn check_refusals(&mut self, at: u64, thread: ThreadId, refused: &Refusals) {
        if self.is_frozen(thread) || self.is_split(thread) {
            return;
        }
        for ((number, reader), reason) in refused {
            let Some(said) = self.said.get(number) else { continue };
            let off = |node| self.rogues.contains(&node);
            if !off(said.author) && !off(*reader) && !self.may_refuse(at, said, *reader, *reason) {
                let author = said.author.0;
                let seen = format!(
                    "thread {thread}: node {} refuses #{number} of node {author}: {reason}",
                    reader.0
                );
                self.broken(at, "nothing is refused without a cause", seen);
            }
        }
        for (number, said) in self.said_in(thread) {
            let told = said.failed_at.filter(|_| !said.perhaps && !self.rogues.contains(&said.author));
            // Who was put back to an old copy, and has lost the keys, refuses what was sealed for it.
            let forgotten = || said.audience.iter().any(|node| self.has_forgotten(thread, *node));
            let told = told.filter(|_| !self.may_be_lost(&said) && !forgotten());
            // A customer that isn't honest may refuse everything, and is the only one on its side.
            let alone =
                self.founders.get(&thread).is_some_and(|[customer, _]| self.rogues.contains(customer));
            let told = told.filter(|_| !alone);
            let told = told.filter(|_| !self.is_adrift(thread, said.author));
            if told.is_some_and(|told| !self.may_be_refused(thread, said.author, [said.at, told])) {
                let seen = format!("thread {thread}: #{number} of node {} failed", said.author.0);
                self.broken(at, "nothing is refused without a cause", seen);
            }
        }
    }
}
