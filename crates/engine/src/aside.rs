//! How many sealed messages wait for a commit or a forward: counted in memory, so that a full list costs no look at the
//! disk.

use crate::space;
use frontdesk_identity::ThreadId;
use frontdesk_store::{Reader, Scan, StoreError};
use std::collections::BTreeMap;

/// The counts, over all threads and of each.
#[derive(Debug, Default)]
pub(crate) struct Aside {
    all: usize,
    threads: BTreeMap<ThreadId, usize>,
}

impl Aside {
    /// Counts what the store holds.
    pub(crate) fn load(reader: &dyn Reader) -> Result<Self, StoreError> {
        let mut aside = Self::default();
        for (key, _) in reader.scan(&Scan::prefix(space::WAITING))? {
            if let Some(thread) = space::read_waiting(&key) {
                aside.add(thread);
            }
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

    /// Threads in which some wait.
    pub(crate) fn threads(&self) -> usize {
        self.threads.len()
    }

    pub(crate) fn add(&mut self, thread: ThreadId) {
        self.all = self.all.saturating_add(1);
        let count = self.threads.entry(thread).or_default();
        *count = count.saturating_add(1);
    }

    pub(crate) fn remove(&mut self, thread: &ThreadId) {
        self.all = self.all.saturating_sub(1);
        if let Some(count) = self.threads.get_mut(thread) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.threads.remove(thread);
            }
        }
    }
}
