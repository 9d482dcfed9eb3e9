//! When one node may rightly say of an honest one that it broke a rule: what it sent came from a time in which its right to the
//! thread had ended.

use super::{Stay, Truth};
use crate::NodeId;
use frontdesk_identity::ThreadId;

/// So long after a node has heard that somebody is in again, what was sent before may still come, in milliseconds.
const LATE: u64 = 10 * 60_000;

impl Truth {
    /// A node has heard that these are in a thread.
    pub(super) fn hears_of(&mut self, at: u64, (thread, node): (ThreadId, NodeId), came: &[NodeId]) {
        self.heard.extend(came.iter().map(|came| ((thread, node, *came), at)));
    }

    /// Whether somebody has lost a right to a thread by now, or to any, and is not known to be in again to the one who says so.
    pub(crate) fn has_left(
        &self,
        thread: Option<ThreadId>,
        (teller, node): (NodeId, NodeId),
        now: u64,
    ) -> bool {
        let here = |of: &ThreadId| thread.is_none_or(|thread| thread == *of);
        let mut all = self.stays.iter().filter(|((of, who), _)| *who == node && here(of));
        all.any(|((of, _), stays)| {
            stays.iter().any(|stay| stay.is_over(now)) && !self.is_back((*of, teller, node), stays, now)
        })
    }

    /// Whether somebody is in a thread again, and the other has known that for a while.
    fn is_back(&self, of: (ThreadId, NodeId, NodeId), stays: &[Stay], now: u64) -> bool {
        let back = stays.iter().filter(|stay| !stay.is_over(now)).map(|stay| stay.from).max();
        let heard = self.heard.get(&of).copied();
        back.zip(heard).is_some_and(|(back, heard)| back <= heard && heard.saturating_add(LATE) < now)
    }

    /// Whether the steward of a thread told different members different stories, or has a clock that lies: nothing protects
    /// from that.
    pub(crate) fn is_split(&self, thread: ThreadId) -> bool {
        let lies = || self.leader(thread).is_some_and(|leader| self.liars.contains(&leader));
        self.split.contains(&thread) || (!self.liars.is_empty() && lies())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use frontdesk_engine::HistoryChoice;

    const THREAD: ThreadId = ThreadId::from_bytes([1; 32]);
    const OTHER: ThreadId = ThreadId::from_bytes([2; 32]);
    const CARLA: NodeId = NodeId(0);
    const ACME: NodeId = NodeId(1);
    const ANA: NodeId = NodeId(2);

    fn lets_in(truth: &mut Truth, at: u64) {
        truth.lets_in((THREAD, ANA, at), HistoryChoice::All, u64::MAX, (&[], &[]));
    }

    #[test]
    fn who_left_and_is_in_again_is_held_to_everything_by_those_who_know() {
        let mut truth = Truth::default();
        lets_in(&mut truth, 10);
        assert!(!truth.has_left(Some(THREAD), (CARLA, ANA), 20), "it never left");
        truth.takes_out(THREAD, ANA, 30);
        truth.knows(35, (THREAD, CARLA), &[], &[ANA]);
        assert!(truth.has_left(Some(THREAD), (CARLA, ANA), 40) && truth.has_left(None, (CARLA, ANA), 40));
        assert!(!truth.has_left(Some(OTHER), (CARLA, ANA), 40), "elsewhere it was never");
        lets_in(&mut truth, 50);
        assert!(truth.has_left(Some(THREAD), (CARLA, ANA), 60 + LATE), "Carla has not heard of it");
        truth.knows(60, (THREAD, CARLA), &[ANA], &[]);
        assert!(truth.has_left(Some(THREAD), (CARLA, ANA), 60 + LATE), "it may have been under way");
        assert!(!truth.has_left(Some(THREAD), (CARLA, ANA), 61 + LATE));
        assert!(!truth.has_left(None, (CARLA, ANA), 61 + LATE));
        assert!(truth.has_left(Some(THREAD), (ACME, ANA), 61 + LATE), "what Carla knows, Acme need not");
        truth.takes_out(THREAD, ANA, 70 + LATE);
        assert!(truth.has_left(Some(THREAD), (CARLA, ANA), 80 + LATE), "it left once more");
    }
}
