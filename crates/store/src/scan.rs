use std::fmt;
use std::ops::Bound;

use crate::limits::RESERVED;

/// Which keys to read, in which order, and how many.
///
/// ```
/// use frontdesk_store::Scan;
///
/// let newest_ten_before = Scan::prefix(b"message/7/").after(b"message/7/0041").descending().limit(10);
/// # let _ = newest_ten_before;
/// ```
#[derive(Clone, Copy)]
pub struct Scan<'a> {
    /// Only keys that begin with these bytes. Empty: all keys, without the store's own.
    pub prefix: &'a [u8],
    /// Only keys past this whole key, in the direction of travel; the key itself isn't read.
    pub after: Option<&'a [u8]>,
    /// The direction of travel.
    pub order: Order,
    /// The most entries to answer with. Default: no limit.
    pub limit: usize,
}

/// The direction of a [`Scan`], by the byte order of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Smallest key first.
    Ascending,
    /// Largest key first.
    Descending,
}

impl<'a> Scan<'a> {
    /// All keys that begin with `prefix`, ascending.
    #[must_use]
    pub fn prefix(prefix: &'a [u8]) -> Self {
        Self { prefix, after: None, order: Order::Ascending, limit: usize::MAX }
    }

    /// Starts past `key`, which the scan leaves out. To read page after page, give the last key of the page before.
    #[must_use]
    pub fn after(self, key: &'a [u8]) -> Self {
        Self { after: Some(key), ..self }
    }

    /// Largest key first.
    #[must_use]
    pub fn descending(self) -> Self {
        Self { order: Order::Descending, ..self }
    }

    /// Answers with at most `limit` entries.
    #[must_use]
    pub fn limit(self, limit: usize) -> Self {
        Self { limit, ..self }
    }

    pub(crate) fn bounds(&self) -> Bounds {
        let mut bounds = Bounds::of_prefix(self.prefix);
        match (self.after, self.order) {
            (None, _) => {}
            (Some(key), Order::Ascending) => bounds.raise_low(key),
            (Some(key), Order::Descending) => bounds.lower_high(key),
        }
        bounds
    }

    /// Puts ascending entries into the order of the scan and cuts them at its limit.
    pub(crate) fn arrange<T>(&self, ascending: impl DoubleEndedIterator<Item = T>) -> Vec<T> {
        match self.order {
            Order::Ascending => ascending.take(self.limit).collect(),
            Order::Descending => ascending.rev().take(self.limit).collect(),
        }
    }
}

/// Lengths alone: keys name people.
impl fmt::Debug for Scan<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scan")
            .field("prefix_len", &self.prefix.len())
            .field("after", &self.after.is_some())
            .field("order", &self.order)
            .field("limit", &self.limit)
            .finish()
    }
}

/// The interval of keys that a [`Scan`] may visit.
pub(crate) struct Bounds {
    low: Bound<Vec<u8>>,
    high: Bound<Vec<u8>>,
}

/// An interval that runs forwards, as `BTreeMap::range` and its like want it.
pub(crate) type Range<'a> = (Bound<&'a [u8]>, Bound<&'a [u8]>);

impl Bounds {
    fn of_prefix(prefix: &[u8]) -> Self {
        let low = if prefix.is_empty() { vec![RESERVED + 1] } else { prefix.to_vec() };
        let high = successor(prefix).map_or(Bound::Unbounded, Bound::Excluded);
        Self { low: Bound::Included(low), high }
    }

    fn raise_low(&mut self, after: &[u8]) {
        let below = matches!(&self.low, Bound::Included(low) if low.as_slice() <= after);
        if below {
            self.low = Bound::Excluded(after.to_vec());
        }
    }

    fn lower_high(&mut self, after: &[u8]) {
        let above = match &self.high {
            Bound::Included(high) | Bound::Excluded(high) => high.as_slice() > after,
            Bound::Unbounded => true,
        };
        if above {
            self.high = Bound::Excluded(after.to_vec());
        }
    }

    /// `None` if the interval is empty, for `BTreeMap::range` panics on one that runs backwards.
    pub(crate) fn as_range(&self) -> Option<Range<'_>> {
        let (low, high) = (as_slice(&self.low), as_slice(&self.high));
        let empty = match (low, high) {
            (Bound::Excluded(low), Bound::Excluded(high)) | (Bound::Included(low), Bound::Excluded(high)) => {
                low >= high
            }
            _ => false,
        };
        (!empty).then_some((low, high))
    }
}

fn as_slice(bound: &Bound<Vec<u8>>) -> Bound<&[u8]> {
    match bound {
        Bound::Included(key) => Bound::Included(key),
        Bound::Excluded(key) => Bound::Excluded(key),
        Bound::Unbounded => Bound::Unbounded,
    }
}

/// The smallest key above every key that begins with `prefix`; `None` if there is none.
fn successor(prefix: &[u8]) -> Option<Vec<u8>> {
    let kept = prefix.iter().rposition(|byte| *byte != u8::MAX)?;
    let mut next = prefix.get(..=kept)?.to_vec();
    let last = next.last_mut()?;
    *last += 1;
    Some(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_successor_of_a_prefix_is_above_all_that_begin_with_it() {
        assert_eq!(successor(b"a"), Some(b"b".to_vec()));
        assert_eq!(successor(b"a\xff\xff"), Some(b"b".to_vec()));
        assert_eq!(successor(b"\xff\xff"), None);
        assert_eq!(successor(b""), None);
    }

    #[test]
    fn a_bound_outside_the_prefix_leaves_all_or_nothing() {
        let all = Scan::prefix(b"b").after(b"a").bounds();
        assert!(all.as_range().is_some());
        assert!(Scan::prefix(b"b").after(b"c").bounds().as_range().is_none());
        assert!(Scan::prefix(b"b").descending().after(b"a").bounds().as_range().is_none());
        assert!(Scan::prefix(b"b").descending().after(b"c").bounds().as_range().is_some());
    }

    #[test]
    fn debug_output_shows_no_key() {
        let shown = format!("{:?}", Scan::prefix(b"carla").after(b"carla/1"));
        assert!(!shown.contains("carla") && !shown.contains("99"), "{shown}");
    }
}
