//! Which sealed messages wait for a commit or a forward: known in memory, so that neither a full list nor a peer's own share
//! costs a look at the disk.

use crate::space;
use frontdesk_identity::{ThreadId, TransportKey};
use frontdesk_store::{Reader, Scan, StoreError};
use frontdesk_wire::LinkSeq;
use std::collections::{BTreeMap, BTreeSet};

/// Their keys, by who sent them, and how many there are over all threads and of each.
#[derive(Debug, Default)]
pub(crate) struct Aside {
    all: usize,
    threads: BTreeMap<ThreadId, usize>,
    peers: BTreeMap<TransportKey, BTreeSet<Vec<u8>>>,
}

impl Aside {
    /// Learns what the store holds.
    pub(crate) fn load(reader: &dyn Reader) -> Result<Self, StoreError> {
        let mut aside = Self::default();
        for (key, _) in reader.scan(&Scan::prefix(space::WAITING))? {
            aside.add(key);
        }
        Ok(aside)
    }

    /// All messages that wait.
    pub(crate) const fn all(&self) -> usize {
        self.all
    }

    /// Those of one thread.
    pub(crate) fn of(&self, thread: &ThreadId) -> usize {
        self.threads.get(thread).copied().unwrap_or_default()
    }

    /// Those that a peer sent: their keys, and their numbers on its link.
    pub(crate) fn by(&self, peer: &TransportKey) -> Vec<(Vec<u8>, LinkSeq)> {
        let keys = self.peers.get(peer).into_iter().flatten();
        keys.filter_map(|key| space::read_waiting(key).map(|(_, _, seq)| (key.clone(), seq))).collect()
    }

    /// Entries that are held in memory.
    pub(crate) fn held(&self) -> usize {
        self.all.saturating_add(self.threads.len())
    }

    /// Counts a message once, however often it is stored.
    pub(crate) fn add(&mut self, key: Vec<u8>) {
        let Some((thread, peer, _)) = space::read_waiting(&key) else { return };
        if self.peers.entry(peer).or_default().insert(key) {
            self.all = self.all.saturating_add(1);
            let count = self.threads.entry(thread).or_default();
            *count = count.saturating_add(1);
        }
    }

    pub(crate) fn remove(&mut self, key: &[u8]) {
        let Some((thread, peer, _)) = space::read_waiting(key) else { return };
        let Some(keys) = self.peers.get_mut(&peer) else { return };
        if !keys.remove(key) {
            return;
        }
        if keys.is_empty() {
            self.peers.remove(&peer);
        }
        self.all = self.all.saturating_sub(1);
        if let Some(count) = self.threads.get_mut(&thread) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.threads.remove(&thread);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_counts_once_however_often_it_is_stored_and_is_found_by_who_sent_it() {
        let (thread, other) = (ThreadId::from_bytes([1; 32]), ThreadId::from_bytes([2; 32]));
        let (peer, quiet) = (TransportKey::from_bytes([3; 32]), TransportKey::from_bytes([4; 32]));
        let key = |thread, seq| space::waiting_item(&thread, (0, 7), &peer, LinkSeq(seq));
        let mut aside = Aside::default();
        for key in [key(thread, 1), key(thread, 1), key(thread, 2), key(other, 3)] {
            aside.add(key);
        }
        assert_eq!((aside.all(), aside.of(&thread), aside.of(&other)), (3, 2, 1));
        let numbers: Vec<u64> = aside.by(&peer).iter().map(|(_, seq)| seq.0).collect();
        assert_eq!(numbers, [1, 2, 3]);
        assert!(aside.by(&quiet).is_empty());
        for key in [key(thread, 1), key(thread, 1), key(thread, 9)] {
            aside.remove(&key);
        }
        assert_eq!((aside.all(), aside.of(&thread)), (2, 1));
        aside.remove(&key(thread, 2));
        aside.remove(&key(other, 3));
        assert_eq!((aside.held(), aside.by(&peer).len()), (0, 0), "nothing is left in memory");
    }
}
