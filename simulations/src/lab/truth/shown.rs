//! What nodes list at the end, held against what they told their owners and what grants gave.

use super::Truth;
use crate::NodeId;
use frontdesk_identity::ThreadId;
use std::collections::BTreeSet;

/// A text that a node lists.
#[derive(Debug, Clone, Copy)]
pub(super) struct Listed {
    pub(super) number: u64,
    /// The node takes it for its own.
    pub(super) mine: bool,
}

impl Truth {
    /// What a node lists of a thread, each text once: it has told its owner of all that is by others, and of nothing that it
    /// may not show.
    pub(super) fn check_list(&mut self, at: u64, (thread, node): (ThreadId, NodeId), list: &[Listed]) {
        let mut once = BTreeSet::new();
        for Listed { number, mine } in list {
            if !once.insert(number) {
                let seen = format!("thread {thread}: node {} lists #{number} twice", node.0);
                self.broken(at, "nothing is shown twice", seen);
            }
            if *mine {
                continue;
            }
            self.may_read(at, node, *number);
            self.may_write(at, node, *number);
            if !self.shown.contains_key(&(node, *number)) {
                let seen = format!("thread {thread}: node {} lists #{number} and never told of it", node.0);
                self.broken(at, "what is there was told", seen);
            }
        }
    }
}
