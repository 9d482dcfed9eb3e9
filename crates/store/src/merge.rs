//! One scan over changes and the store that they lie over.

use std::cmp::Ordering;
use std::iter::Peekable;
use std::vec;

use crate::scan::Order;
use crate::{Change, Entry, Reader, Scan, StoreError};

/// The least that is read from the store below at once, after the first time.
const PORTION: usize = 16;

/// What `scan` would find in `base` if `changes`, which lie within its bounds and in its order, had been applied.
/// Reads about as much as it answers with, however many changes there are.
pub(crate) fn merge<'a>(
    changes: impl Iterator<Item = (&'a [u8], &'a Change)>,
    base: &dyn Reader,
    scan: &Scan<'_>,
) -> Result<Vec<Entry>, StoreError> {
    let mut changes = changes.peekable();
    let mut below = Below::new(base, scan);
    let mut entries = Vec::new();
    while entries.len() < scan.limit {
        let next = match (changes.peek(), below.peek()?) {
            (None, None) => break,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some((changed, _)), Some(stored)) => scan.order.compare(changed, stored),
        };
        if next.is_ge()
            && let Some(entry) = below.page.next()
            && next.is_gt()
        {
            entries.push(entry);
        }
        if next.is_le()
            && let Some((key, change)) = changes.next()
            && let Some(value) = change.value()
        {
            entries.push((key.to_vec(), value.clone()));
        }
    }
    Ok(entries)
}

/// The entries of the store below, a portion at a time.
struct Below<'a> {
    base: &'a dyn Reader,
    scan: &'a Scan<'a>,
    page: Peekable<vec::IntoIter<Entry>>,
    /// Where the next portion begins, and how large it is; none if there are no more.
    next: Option<(Option<Vec<u8>>, usize)>,
}

impl<'a> Below<'a> {
    fn new(base: &'a dyn Reader, scan: &'a Scan<'a>) -> Self {
        Self { base, scan, page: Vec::new().into_iter().peekable(), next: Some((None, scan.limit)) }
    }

    fn peek(&mut self) -> Result<Option<&[u8]>, StoreError> {
        while self.page.peek().is_none()
            && let Some((after, size)) = self.next.take()
        {
            let scan = Scan { after: after.as_deref().or(self.scan.after), limit: size, ..*self.scan };
            let page = self.base.scan(&scan)?;
            if page.len() >= size {
                self.next =
                    page.last().map(|(key, _)| (Some(key.clone()), size.saturating_mul(2).max(PORTION)));
            }
            self.page = page.into_iter().peekable();
        }
        Ok(self.page.peek().map(|(key, _)| key.as_slice()))
    }
}

impl Order {
    /// Which of two keys comes first in this direction.
    fn compare(self, one: &[u8], other: &[u8]) -> Ordering {
        match self {
            Self::Ascending => one.cmp(other),
            Self::Descending => other.cmp(one),
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::{Batch, MemoryStore, Store as _};
    use proptest::prelude::*;
    use std::cell::Cell;
    use std::collections::BTreeMap;

    /// Counts what is read.
    struct Counting(MemoryStore, Cell<usize>);

    impl Reader for Counting {
        fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
            self.0.get(key)
        }

        fn scan(&self, scan: &Scan<'_>) -> Result<Vec<Entry>, StoreError> {
            let entries = self.0.scan(scan)?;
            self.1.set(self.1.get() + entries.len());
            Ok(entries)
        }
    }

    fn store(keys: impl Iterator<Item = u8>) -> MemoryStore {
        let (store, mut batch) = (MemoryStore::new(), Batch::new());
        keys.for_each(|key| batch.put([b'k', key], [key, 0]).unwrap());
        store.commit(&batch).unwrap();
        store
    }

    #[test]
    fn a_short_scan_reads_little_however_much_has_changed() {
        let base = Counting(store(0..=200), Cell::new(0));
        let mut changes = Batch::new();
        (0..100).for_each(|key| changes.put([b'k', key], [key, 1]).unwrap());
        changes.delete([b'k', 200]).unwrap();
        let newest = changes.scan_over(&base, &Scan::prefix(b"k").descending().limit(2)).unwrap();
        assert_eq!(newest, [(vec![b'k', 199], vec![199, 0]), (vec![b'k', 198], vec![198, 0])]);
        assert!(base.1.get() <= 2 + PORTION, "{} read", base.1.get());
    }

    proptest! {
        #[test]
        fn a_merged_scan_finds_what_a_scan_finds_after_the_changes(
            stored in proptest::collection::btree_set(0u8..60, 0..40),
            changed in proptest::collection::btree_map(0u8..60, any::<bool>(), 0..40),
            after in proptest::option::of(0u8..60),
            descending: bool,
            limit in prop_oneof![0usize..12, Just(usize::MAX)],
        ) {
            let mut whole: BTreeMap<u8, u8> = stored.iter().map(|key| (*key, 0)).collect();
            let mut changes = Batch::new();
            for (key, put) in &changed {
                if *put {
                    whole.insert(*key, 1);
                    changes.put([b'k', *key], [*key, 1]).unwrap();
                } else {
                    whole.remove(key);
                    changes.delete([b'k', *key]).unwrap();
                }
            }
            let after = after.map(|key| [b'k', key]);
            let mut scan = Scan::prefix(b"k").limit(limit);
            if let Some(after) = &after {
                scan = scan.after(after);
            }
            let past = |key: u8| after.is_none_or(|[_, after]| if descending { key < after } else { key > after });
            let mut expected: Vec<Entry> =
                whole.into_iter().filter(|(key, _)| past(*key)).map(|(key, new)| (vec![b'k', key], vec![key, new])).collect();
            if descending {
                scan = scan.descending();
                expected.reverse();
            }
            expected.truncate(limit);
            prop_assert_eq!(changes.scan_over(&store(stored.into_iter()), &scan).unwrap(), expected);
        }
    }
}
