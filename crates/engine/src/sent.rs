//! This device's newest messages in memory, for the acknowledgements that are about to come: without it each would read
//! its message back. What is missing here is read from the store.

use crate::record::Entry;
use frontdesk_identity::ThreadId;
use frontdesk_wire::Seq;
use lru::LruCache;
use std::num::NonZeroUsize;

/// Messages that are kept.
const KEPT: NonZeroUsize = NonZeroUsize::new(512).unwrap();
/// The largest message that is: in all this takes 2 MiB at most.
const LARGEST: usize = 4_096;

/// A message of this device: thread, era, and its number there.
pub(crate) type Name = (ThreadId, u32, Seq);

/// Entries as they are in the store, under their keys there.
pub(crate) struct Sent(LruCache<Name, (Vec<u8>, Entry)>);

impl Sent {
    pub(crate) fn new() -> Self {
        Self(LruCache::new(KEPT))
    }

    pub(crate) fn keep(&mut self, name: Name, key: Vec<u8>, entry: Entry) {
        let size = entry.content.as_ref().map_or(0, |content| content.size());
        if size <= LARGEST {
            self.0.put(name, (key, entry));
        }
    }

    pub(crate) fn take(&mut self, name: &Name) -> Option<(Vec<u8>, Entry)> {
        self.0.pop(name)
    }

    /// After writes were taken back: what is here may never have been stored.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}
