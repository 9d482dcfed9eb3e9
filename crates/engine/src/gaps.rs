//! When each thread that lacks messages, or that waits to be rejoined, is looked at again.

use crate::Millis;
use frontdesk_identity::ThreadId;
use std::collections::{BTreeMap, BTreeSet};

/// A thread has one moment, the earliest that was asked for.
#[derive(Debug, Default)]
pub(crate) struct Gaps {
    moments: BTreeMap<ThreadId, Millis>,
    order: BTreeSet<(Millis, ThreadId)>,
}

impl Gaps {
    pub(crate) fn plan(&mut self, thread: ThreadId, at: Millis) {
        let before = self.moments.get(&thread).copied();
        if before.is_none_or(|before| at < before) {
            before.map(|before| self.order.remove(&(before, thread)));
            self.moments.insert(thread, at);
            self.order.insert((at, thread));
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.moments.len()
    }

    pub(crate) fn next(&self) -> Option<Millis> {
        self.order.first().map(|(at, _)| *at)
    }

    /// A thread whose moment has come; it has none from now on.
    pub(crate) fn take(&mut self, now: Millis) -> Option<ThreadId> {
        let (_, thread) = self.order.first().copied().filter(|(at, _)| *at <= now)?;
        self.order.pop_first();
        self.moments.remove(&thread);
        Some(thread)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_is_taken_once_at_the_earliest_moment_that_was_asked_for() {
        let (one, two) = (ThreadId::from_bytes([1; 32]), ThreadId::from_bytes([2; 32]));
        let mut gaps = Gaps::default();
        gaps.plan(one, Millis(9));
        gaps.plan(two, Millis(7));
        gaps.plan(one, Millis(5));
        gaps.plan(one, Millis(8));
        assert_eq!(gaps.next(), Some(Millis(5)));
        assert_eq!(gaps.take(Millis(4)), None);
        let taken: Vec<_> = std::iter::from_fn(|| gaps.take(Millis(20))).collect();
        assert_eq!(taken, [one, two]);
        assert_eq!(gaps.next(), None);
    }
}
