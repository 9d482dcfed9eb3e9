//! What an engine holds in memory, counted, so that a bound that isn't kept can be seen.

use crate::Engine;

/// What an open thread takes, in bytes: the keys of its epoch and its members.
const A_THREAD: usize = 40 * 1024;
/// What an entry of a map takes, in bytes, the map's own share included.
const AN_ENTRY: usize = 160;

/// What an [`Engine`] holds in memory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Held {
    /// Threads whose keys are open: at most [`CACHED_THREADS`](crate::limits::CACHED_THREADS).
    pub threads: usize,
    /// Peers that it counts frames with.
    pub peers: usize,
    /// Frames for these that are not settled yet, as far as memory knows them: at most
    /// [`MAX_RECENT`](crate::limits::MAX_RECENT) each.
    pub frames: usize,
    /// Frames of these that came too early: at most [`MAX_EARLY`](crate::limits::MAX_EARLY) each.
    pub early: usize,
    /// Bytes of these frames, and of this device's newest messages.
    pub bytes: usize,
    /// Small entries about threads, peers, colleagues, offers and revocations.
    pub entries: usize,
}

impl Held {
    /// About how many bytes that is.
    #[must_use]
    pub const fn estimate(&self) -> usize {
        let frames = self.frames.saturating_add(self.early);
        let entries = self.peers.saturating_add(frames).saturating_add(self.entries);
        self.threads
            .saturating_mul(A_THREAD)
            .saturating_add(self.bytes)
            .saturating_add(entries.saturating_mul(AN_ENTRY))
    }
}

impl Engine {
    /// Counts what is held in memory.
    #[must_use]
    pub fn in_memory(&self) -> Held {
        let entries = [
            self.retries.len(),
            self.wanted.len(),
            self.kept.len(),
            self.colleagues.len(),
            self.expiries.len(),
            self.gaps.len(),
            self.due.len(),
            self.unsure.len(),
            self.receptions.len(),
            self.aside.held(),
            self.refills.len(),
            self.causes.len(),
            self.sent.len(),
            self.revocations.len(),
        ];
        let links = self.links.values().map(crate::link::Link::held);
        let [frames, early, bytes] = links.fold([0; 3], |[frames, early, bytes], (recent, more, larger)| {
            [frames + recent, early + more, bytes + larger]
        });
        Held {
            threads: self.threads.len(),
            peers: self.links.len(),
            frames,
            early,
            bytes: bytes + self.sent.bytes(),
            entries: entries.iter().sum(),
        }
    }
}
