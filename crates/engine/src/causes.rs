//! What peers have caused in threads of late: each is a commit to all members, or a new group, so none may do it again and
//! again.

use crate::Millis;
use frontdesk_identity::{ThreadId, TransportKey};
use std::collections::BTreeMap;

/// For so long what a peer has caused in a thread is remembered, in milliseconds: a minute.
pub const CAUSED_LATELY: u64 = 60_000;
/// Wishes of one member in one thread in that time: who brings somebody in and hands over at once has two.
pub const MAX_WISHES: u8 = 8;

/// What a peer can cause in a thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cause {
    /// A member lost its keys, and was added anew.
    Rejoin,
    /// A member wanted somebody brought in.
    Wish,
    /// A device refused to come in, and was taken out.
    Refusal,
    /// A new era began.
    Era,
}

/// By peer, thread and cause: since when, and how often.
#[derive(Debug, Default)]
pub(crate) struct Causes(BTreeMap<(ThreadId, Cause, TransportKey), (Millis, u8)>);

impl Causes {
    pub(crate) fn note(&mut self, peer: TransportKey, thread: ThreadId, cause: Cause, now: Millis) {
        let (_, count) = self.0.entry((thread, cause, peer)).or_insert((now, 0));
        *count = count.saturating_add(1);
    }

    /// How often a peer has caused this of late.
    pub(crate) fn by(&mut self, peer: TransportKey, thread: ThreadId, cause: Cause, now: Millis) -> u8 {
        self.forget(now);
        self.0.get(&(thread, cause, peer)).map_or(0, |(_, count)| *count)
    }

    /// Whether anybody has caused this of late.
    pub(crate) fn by_anybody(&mut self, thread: ThreadId, cause: Cause, now: Millis) -> bool {
        self.forget(now);
        self.0.keys().any(|(of, what, _)| (*of, *what) == (thread, cause))
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    fn forget(&mut self, now: Millis) {
        self.0.retain(|_, (since, _)| since.plus(CAUSED_LATELY) > now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_caused_is_counted_for_a_minute_by_peer_thread_and_cause() {
        let (ana, ben) = (TransportKey::from_bytes([1; 32]), TransportKey::from_bytes([2; 32]));
        let [one, other] = [1, 2].map(|byte| ThreadId::from_bytes([byte; 32]));
        let mut causes = Causes::default();
        for at in [0, 1, CAUSED_LATELY - 1] {
            causes.note(ana, one, Cause::Wish, Millis(at));
        }
        let now = Millis(CAUSED_LATELY - 1);
        assert_eq!(causes.by(ana, one, Cause::Wish, now), 3);
        let others = [(ben, one, Cause::Wish), (ana, other, Cause::Wish), (ana, one, Cause::Refusal)];
        assert_eq!(others.map(|(peer, thread, cause)| causes.by(peer, thread, cause, now)), [0; 3]);
        assert!(causes.by_anybody(one, Cause::Wish, now) && !causes.by_anybody(one, Cause::Era, now));
        assert_eq!(causes.by(ana, one, Cause::Wish, Millis(CAUSED_LATELY)), 0);
        assert_eq!(causes.len(), 0, "and forgotten");
    }
}
