//! This device's newest messages in memory, for the acknowledgements that are about to come: without it each would read
//! its message back. What is missing here is read from the store.

use crate::record::Entry;
use frontdesk_identity::ThreadId;
use frontdesk_wire::Seq;
use lru::LruCache;

/// Bytes that all of them may take, contents and receivers.
pub const MAX_SENT_BYTES: usize = 2 * 1024 * 1024;
/// What an entry takes beside its content, and each of its receivers.
const AROUND: usize = 256;

/// A message of this device: thread, and its number there.
pub(crate) type Name = (ThreadId, Seq);

/// Entries as they are in the store, under their keys there.
pub(crate) struct Sent {
    entries: LruCache<Name, (Vec<u8>, Entry)>,
    bytes: usize,
}

impl Sent {
    pub(crate) fn new() -> Self {
        Self { entries: LruCache::unbounded(), bytes: 0 }
    }

    /// Keeps one, and lets go of the oldest where there is no more room.
    pub(crate) fn keep(&mut self, name: Name, key: Vec<u8>, entry: Entry) {
        self.bytes = self.bytes.saturating_add(size(&entry));
        if let Some((_, before)) = self.entries.put(name, (key, entry)) {
            self.bytes = self.bytes.saturating_sub(size(&before));
        }
        while self.bytes > MAX_SENT_BYTES
            && let Some((_, (_, oldest))) = self.entries.pop_lru()
        {
            self.bytes = self.bytes.saturating_sub(size(&oldest));
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn take(&mut self, name: &Name) -> Option<(Vec<u8>, Entry)> {
        let (key, entry) = self.entries.pop(name)?;
        self.bytes = self.bytes.saturating_sub(size(&entry));
        Some((key, entry))
    }

    /// After writes were taken back: what is here may never have been stored.
    pub(crate) fn clear(&mut self) {
        *self = Self::new();
    }
}

fn size(entry: &Entry) -> usize {
    let content = entry.content.as_ref().map_or(0, frontdesk_wire::SignedContent::size);
    content.saturating_add(entry.receivers.len().saturating_add(1).saturating_mul(AROUND))
}

#[cfg(test)]
mod tests {
    use super::*;
    use frontdesk_identity::UnixTime;

    fn name(seq: u64) -> Name {
        (ThreadId::from_bytes([1; 32]), Seq(seq))
    }

    #[test]
    fn the_newest_are_kept_as_far_as_there_is_room() {
        let entry = || Entry { content: None, note: String::new(), at: UnixTime(1), receivers: Vec::new() };
        let mut sent = Sent::new();
        let room = u64::try_from(MAX_SENT_BYTES / AROUND).unwrap_or_default();
        for seq in 0..room + 5 {
            sent.keep(name(seq), Vec::new(), entry());
            sent.keep(name(seq), Vec::new(), entry());
        }
        assert!(sent.take(&name(4)).is_none() && sent.take(&name(5)).is_some());
        sent.keep(name(0), Vec::new(), entry());
        assert!(sent.take(&name(6)).is_some(), "what was taken made room");
        sent.clear();
        assert!(sent.take(&name(room)).is_none());
    }
}
