use std::collections::BTreeMap;
use std::fmt;

use crate::limits::{MAX_VALUE, check_key, check_value};
use crate::merge::merge;
use crate::{Entry, Order, Reader, Scan, StoreError};

/// Writes that become visible, and durable, together or not at all.
///
/// At most one change per key: the last one wins. A batch holds nothing that an engine could refuse
/// for its shape, since [`put`](Batch::put) and [`delete`](Batch::delete) check the limits.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Batch {
    changes: BTreeMap<Vec<u8>, Change>,
}

/// What a [`Batch`] does to one key.
#[derive(Clone, PartialEq, Eq)]
pub enum Change {
    /// The key has this value from now on.
    Put(Vec<u8>),
    /// The same for a key that has no value yet, by the word of whoever wrote it: nothing old is looked for, and if it
    /// is deleted before an engine has put it in its place, nothing is left to do.
    Add(Vec<u8>),
    /// The key has no value from now on.
    Delete,
}

impl Change {
    /// The key's value from now on, if it has one.
    #[must_use]
    pub fn value(&self) -> Option<&Vec<u8>> {
        match self {
            Self::Put(value) | Self::Add(value) => Some(value),
            Self::Delete => None,
        }
    }
}

impl Batch {
    /// A batch that changes nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets `key` to `value`.
    ///
    /// # Errors
    /// [`StoreError::KeyReserved`], [`StoreError::KeyTooLong`] or [`StoreError::ValueTooLarge`].
    pub fn put(&mut self, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) -> Result<(), StoreError> {
        let (key, value) = (key.into(), value.into());
        check_key(&key)?;
        check_value(&value, MAX_VALUE)?;
        self.set(key, Change::Put(value));
        Ok(())
    }

    /// Removes `key`. Removing what isn't there is no error.
    ///
    /// # Errors
    /// [`StoreError::KeyReserved`] or [`StoreError::KeyTooLong`].
    pub fn delete(&mut self, key: impl Into<Vec<u8>>) -> Result<(), StoreError> {
        let key = key.into();
        check_key(&key)?;
        self.set(key, Change::Delete);
        Ok(())
    }

    /// Adds the changes of a `later` batch; where both change a key, the later one wins. A key that was added and then
    /// deleted was never there.
    pub fn merge(&mut self, later: Self) {
        for (key, change) in later.changes {
            if change == Change::Delete && matches!(self.changes.get(&key), Some(Change::Add(_))) {
                self.changes.remove(&key);
            } else {
                self.set(key, change);
            }
        }
    }

    /// Whether the batch changes nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// The number of keys that the batch changes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.changes.len()
    }

    /// The change to `key`, if the batch has one.
    #[must_use]
    pub fn change(&self, key: &[u8]) -> Option<&Change> {
        self.changes.get(key)
    }

    /// The changes in ascending order of their keys.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&[u8], &Change)> {
        self.changes.iter().map(|(key, change)| (key.as_slice(), change))
    }

    /// Reads `key` as if the batch had been applied to `base`.
    pub(crate) fn get_over(&self, base: &dyn Reader, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        match self.changes.get(key) {
            Some(change) => Ok(change.value().cloned()),
            None => base.get(key),
        }
    }

    /// Scans as if the batch had been applied to `base`.
    pub(crate) fn scan_over(&self, base: &dyn Reader, scan: &Scan<'_>) -> Result<Vec<Entry>, StoreError> {
        let bounds = scan.bounds();
        let changes = self.range(&bounds);
        match scan.order {
            Order::Ascending => merge(changes, base, scan),
            Order::Descending => merge(changes.rev(), base, scan),
        }
    }

    fn range(&self, bounds: &crate::scan::Bounds) -> impl DoubleEndedIterator<Item = (&[u8], &Change)> {
        let range = bounds.as_range().map(|range| self.changes.range::<[u8], _>(range));
        range.into_iter().flatten().map(|(key, change)| (key.as_slice(), change))
    }

    /// Records a change without the checks, for the store's own keys. Answers the change that it replaces.
    pub(crate) fn set(&mut self, key: Vec<u8>, change: Change) -> Option<Change> {
        let change = match (change, self.changes.get(&key)) {
            // The key may have had a value before this batch.
            (Change::Add(value), Some(Change::Put(_) | Change::Delete)) => Change::Put(value),
            (change, _) => change,
        };
        self.changes.insert(key, change)
    }

    pub(crate) fn forget(&mut self, key: &[u8]) {
        self.changes.remove(key);
    }
}

/// Counts alone: keys name people, and values are their words.
impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let puts = self.changes.values().filter(|change| change.value().is_some()).count();
        f.debug_struct("Batch").field("puts", &puts).field("deletes", &(self.len() - puts)).finish()
    }
}

impl fmt::Debug for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Put(value) => write!(f, "Put({} bytes)", value.len()),
            Self::Add(value) => write!(f, "Add({} bytes)", value.len()),
            Self::Delete => f.write_str("Delete"),
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::MAX_KEY;

    #[test]
    fn the_later_batch_wins_a_merge() {
        let mut first = Batch::new();
        first.put(*b"kept", *b"1").unwrap();
        first.put(*b"changed", *b"1").unwrap();
        let mut later = Batch::new();
        later.delete(*b"changed").unwrap();
        first.merge(later);
        assert_eq!(first.change(b"kept"), Some(&Change::Put(b"1".to_vec())));
        assert_eq!(first.change(b"changed"), Some(&Change::Delete));
        assert_eq!(first.len(), 2);
    }

    #[test]
    fn a_key_that_is_added_and_deleted_is_no_change_unless_it_may_have_been_there_before() {
        let change = |later: Change| {
            let mut batch = Batch::new();
            batch.set(b"k".to_vec(), later);
            batch
        };
        let merged = |changes: &[Change]| {
            let mut all = Batch::new();
            changes.iter().for_each(|later| all.merge(change(later.clone())));
            all.change(b"k").cloned()
        };
        let (put, add) = (Change::Put(b"1".to_vec()), Change::Add(b"1".to_vec()));
        assert_eq!(merged(&[add.clone(), Change::Delete]), None);
        assert_eq!(merged(&[add.clone(), Change::Delete, add.clone()]), Some(add.clone()));
        assert_eq!(merged(&[put.clone(), Change::Delete]), Some(Change::Delete));
        assert_eq!(merged(&[Change::Delete, add.clone()]), Some(put.clone()));
        assert_eq!(merged(&[Change::Delete, add.clone(), Change::Delete]), Some(Change::Delete));
        assert_eq!(merged(&[add, put.clone(), Change::Delete]), Some(Change::Delete));
    }

    #[test]
    fn a_batch_takes_the_limits_and_refuses_what_is_past_them() {
        let mut batch = Batch::new();
        batch.put(vec![1; MAX_KEY], vec![0; MAX_VALUE]).unwrap();
        let key = batch.put(vec![1; MAX_KEY + 1], *b"").unwrap_err();
        assert!(matches!(key, StoreError::KeyTooLong { len } if len == MAX_KEY + 1));
        let value = batch.put(*b"k", vec![0; MAX_VALUE + 1]).unwrap_err();
        assert!(matches!(value, StoreError::ValueTooLarge { len, .. } if len == MAX_VALUE + 1));
        assert!(matches!(batch.put(*b"", *b"").unwrap_err(), StoreError::KeyReserved));
        assert!(matches!(batch.delete(*b"\0k").unwrap_err(), StoreError::KeyReserved));
        assert_eq!(batch.len(), 1);
    }

    #[test]
    fn debug_output_shows_counts_and_no_content() {
        let mut batch = Batch::new();
        batch.put(*b"carla", *b"secret").unwrap();
        batch.delete(*b"gone").unwrap();
        assert_eq!(format!("{batch:?}"), "Batch { puts: 1, deletes: 1 }");
        assert_eq!(format!("{:?}", Change::Put(b"secret".to_vec())), "Put(6 bytes)");
    }
}
