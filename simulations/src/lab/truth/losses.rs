//! What may be lost: what only a node had that was put back to an old copy of its disk.

use super::Truth;
use crate::NodeId;
use frontdesk_identity::ThreadId;
use std::collections::BTreeSet;

impl Truth {
    /// A node is put back to a copy of its disk that was made at `since`. What it wrote after that, others may have or not;
    /// what it was shown, it may be shown again; of threads that came to it later, it knows nothing.
    pub(in crate::lab) fn rolled_back(&mut self, node: NodeId, since: u64, forgot: &BTreeSet<ThreadId>) {
        self.rolled.insert(node);
        self.forgot.extend(forgot.iter().map(|thread| (*thread, node)));
        self.known_out.retain(|(_, teller, _)| *teller != node);
        self.known_in.retain(|(_, teller, _)| *teller != node);
        self.newest.retain(|(reader, ..), _| *reader != node);
        self.shown.retain(|(reader, _), at| *reader != node || *at < since);
        for said in self.said.values_mut().filter(|said| said.author == node && said.at >= since) {
            said.failed |= said.delivered.is_none();
            said.gone = true;
            said.audience.remove(&node);
        }
    }

    /// A thread of which its steward, put back to an older copy, knows nothing: nobody can change its members any more.
    pub(in crate::lab) fn is_frozen(&self, thread: ThreadId) -> bool {
        self.founders.get(&thread).is_some_and(|[_, steward]| self.forgot.contains(&(thread, *steward)))
    }

    /// Whether a node is expected to know a thread and to be right about it.
    pub(super) fn is_relied_on(&self, thread: ThreadId, node: NodeId) -> bool {
        !self.rogues.contains(&node) && !self.forgot.contains(&(thread, node))
    }
}
