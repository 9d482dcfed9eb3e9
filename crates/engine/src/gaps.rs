//! When each thread that lacks messages, or that waits to be rejoined, is looked at again.

use crate::Millis;
use frontdesk_identity::{DeviceId, ThreadId};
use std::collections::{BTreeMap, BTreeSet};

/// A thread has one moment, the earliest that was asked for.
#[derive(Debug, Default)]
pub(crate) struct Gaps {
    moments: BTreeMap<ThreadId, Millis>,
    order: BTreeSet<(Millis, ThreadId)>,
    /// Authors of whom nothing could be had, and before when they are not asked again.
    pauses: BTreeMap<(ThreadId, DeviceId), Millis>,
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
        self.moments.len().saturating_add(self.pauses.len())
    }

    /// Until then an author is not asked, whatever else is to be asked for in its thread.
    pub(crate) fn pause(&mut self, thread: ThreadId, author: DeviceId, now: Millis, wait: u64) {
        self.pauses.retain(|_, until| *until > now);
        let until = now.plus(wait);
        self.pauses.insert((thread, author), until);
    }

    /// Until when an author is not asked.
    pub(crate) fn paused(&self, thread: ThreadId, author: DeviceId, now: Millis) -> Option<Millis> {
        self.pauses.get(&(thread, author)).copied().filter(|until| *until > now)
    }

    /// Nothing keeps the authors of a thread from being asked.
    pub(crate) fn resume(&mut self, thread: &ThreadId) {
        let [first, last] = [[0; 32], [u8::MAX; 32]].map(|bytes| (*thread, DeviceId::from_bytes(bytes)));
        let all: Vec<_> = self.pauses.range(first..=last).map(|(key, _)| *key).collect();
        for key in all {
            self.pauses.remove(&key);
        }
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
    fn an_author_is_paused_until_its_moment_or_until_its_thread_is_resumed() {
        let (one, two) = (ThreadId::from_bytes([1; 32]), ThreadId::from_bytes([2; 32]));
        let [ana, ben] = [1, 2].map(|byte| DeviceId::from_bytes([byte; 32]));
        let mut gaps = Gaps::default();
        gaps.pause(one, ana, Millis(0), 9);
        gaps.pause(two, ben, Millis(8), 12);
        let paused = |gaps: &Gaps, now| {
            [(one, ana), (one, ben), (two, ben)].map(|(of, who)| gaps.paused(of, who, Millis(now)))
        };
        assert_eq!(paused(&gaps, 8), [Some(Millis(9)), None, Some(Millis(20))]);
        assert_eq!(paused(&gaps, 9), [None, None, Some(Millis(20))]);
        gaps.pause(two, ana, Millis(9), 1);
        assert_eq!(gaps.len(), 2, "what is over is forgotten");
        gaps.resume(&one);
        assert_eq!(gaps.len(), 2);
        gaps.resume(&two);
        assert_eq!(gaps.len(), 0);
    }

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
