//! What every engine must do, as functions over a way to open one. [`engines`] runs them on each.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod engines;
mod model;

use std::sync::Barrier;

use crate::{Batch, Entry, MAX_KEY, Scan, Store};

/// An engine under test, with the disk below it.
pub(crate) trait Subject {
    /// The engine, open.
    fn store(&self) -> &dyn Store;

    /// Closes the engine and opens what is on the disk again.
    fn reopen(&mut self);

    /// The largest value that the engine takes.
    fn largest(&self) -> usize {
        crate::MAX_VALUE
    }
}

pub(crate) type Check = fn(&mut dyn Subject);

/// Every check of the suite but the model, which makes many engines.
pub(crate) const CHECKS: &[(&str, Check)] = &[
    ("a key without a value has none", a_key_without_a_value_has_none),
    ("the last value wins", the_last_value_wins),
    ("empty values and odd keys are kept", empty_values_and_odd_keys_are_kept),
    ("the limits are within reach", the_limits_are_within_reach),
    ("scans keep to prefix, order, bound and limit", scans_keep_to_prefix_order_bound_and_limit),
    ("pages of a scan join without gap or overlap", pages_join_without_gap_or_overlap),
    ("a prefix of the highest bytes can be scanned", a_prefix_of_the_highest_bytes_can_be_scanned),
    ("a batch is seen whole by other threads", a_batch_is_seen_whole_by_other_threads),
    ("a large value shrinks, grows and goes", a_large_value_shrinks_grows_and_goes),
    ("what was flushed survives a reopening", what_was_flushed_survives_a_reopening),
    ("a large batch lands whole", a_large_batch_lands_whole),
];

fn put(store: &dyn Store, entries: &[(&[u8], &[u8])]) {
    let mut batch = Batch::new();
    for (key, value) in entries {
        batch.put(*key, *value).unwrap();
    }
    store.commit(&batch).unwrap();
}

fn delete(store: &dyn Store, key: &[u8]) {
    let mut batch = Batch::new();
    batch.delete(key).unwrap();
    store.commit(&batch).unwrap();
}

fn keys(store: &dyn Store, scan: Scan<'_>) -> Vec<String> {
    store.scan(&scan).unwrap().into_iter().map(|(key, _)| String::from_utf8(key).unwrap()).collect()
}

/// Bytes that compress badly and differ by seed.
fn bytes(len: usize, seed: usize) -> Vec<u8> {
    (0..len).map(|at| (at.wrapping_mul(31).wrapping_add(at >> 8).wrapping_add(seed) & 0xff) as u8).collect()
}

fn a_key_without_a_value_has_none(subject: &mut dyn Subject) {
    let store = subject.store();
    assert_eq!(store.get(b"nothing").unwrap(), None);
    assert_eq!(store.get(b"").unwrap(), None);
    assert_eq!(store.get(&[b'k'; 2 * MAX_KEY]).unwrap(), None);
    assert_eq!(store.scan(&Scan::prefix(b"")).unwrap(), Vec::<Entry>::new());
    delete(store, b"nothing");
    assert_eq!(store.get(b"nothing").unwrap(), None);
    store.commit(&Batch::new()).unwrap();
    store.flush().unwrap();
}

fn the_last_value_wins(subject: &mut dyn Subject) {
    let store = subject.store();
    put(store, &[(b"k", b"1")]);
    put(store, &[(b"k", b"2")]);
    assert_eq!(store.get(b"k").unwrap(), Some(b"2".to_vec()));
    delete(store, b"k");
    assert_eq!(store.get(b"k").unwrap(), None);
    put(store, &[(b"k", b"3")]);
    assert_eq!(store.get(b"k").unwrap(), Some(b"3".to_vec()));
}

fn empty_values_and_odd_keys_are_kept(subject: &mut dyn Subject) {
    let store = subject.store();
    let odd: &[&[u8]] = &[b"\x01", b"\x01\0", b"a", b"a\0", b"a\0\0", b"a\xff", b"b", b"\xff", b"\xff\xff"];
    for key in odd {
        put(store, &[(key, b"")]);
    }
    let found: Vec<Vec<u8>> =
        store.scan(&Scan::prefix(b"")).unwrap().into_iter().map(|(key, _)| key).collect();
    assert_eq!(found, odd);
    assert_eq!(store.get(b"a\0").unwrap(), Some(Vec::new()));
}

fn the_limits_are_within_reach(subject: &mut dyn Subject) {
    let value = bytes(subject.largest(), 7);
    let (low, high) = ([1; MAX_KEY], [0xff; MAX_KEY]);
    put(subject.store(), &[(&low, &value), (&high, &value)]);
    subject.store().flush().unwrap();
    subject.reopen();
    assert!(subject.store().get(&low).unwrap().unwrap() == value);
    assert!(subject.store().scan(&Scan::prefix(&high)).unwrap()[0].1 == value);
}

fn scans_keep_to_prefix_order_bound_and_limit(subject: &mut dyn Subject) {
    let store = subject.store();
    for key in ["a", "b", "b/1", "b/2", "b/3", "b0", "c"] {
        put(store, &[(key.as_bytes(), key.as_bytes())]);
    }
    assert_eq!(keys(store, Scan::prefix(b"b/")), ["b/1", "b/2", "b/3"]);
    assert_eq!(keys(store, Scan::prefix(b"b/").descending()), ["b/3", "b/2", "b/1"]);
    assert_eq!(keys(store, Scan::prefix(b"b/").after(b"b/1").limit(1)), ["b/2"]);
    assert_eq!(keys(store, Scan::prefix(b"b/").after(b"b/2x")), ["b/3"]);
    assert_eq!(keys(store, Scan::prefix(b"b/").descending().after(b"b/3").limit(1)), ["b/2"]);
    assert_eq!(keys(store, Scan::prefix(b"b/").descending().after(b"b/1")), [""; 0]);
    assert_eq!(keys(store, Scan::prefix(b"b/").after(b"c")), [""; 0]);
    assert_eq!(keys(store, Scan::prefix(b"b/").descending().after(b"c")), ["b/3", "b/2", "b/1"]);
    assert_eq!(keys(store, Scan::prefix(b"").limit(0)), [""; 0]);
    assert_eq!(keys(store, Scan::prefix(b"").limit(2)), ["a", "b"]);
    assert_eq!(keys(store, Scan::prefix(b"").descending().limit(2)), ["c", "b0"]);
}

fn pages_join_without_gap_or_overlap(subject: &mut dyn Subject) {
    let store = subject.store();
    let all: Vec<String> = (0..100).map(|number| format!("page/{number:03}")).collect();
    for key in &all {
        put(store, &[(key.as_bytes(), b"v")]);
    }
    let (mut seen, mut last) = (Vec::new(), None::<String>);
    loop {
        let scan = Scan::prefix(b"page/").limit(7);
        let page = keys(store, last.as_ref().map_or(scan, |key| scan.after(key.as_bytes())));
        let Some(end) = page.last() else { break };
        last = Some(end.clone());
        seen.extend(page);
    }
    assert_eq!(seen, all);
}

fn a_prefix_of_the_highest_bytes_can_be_scanned(subject: &mut dyn Subject) {
    let store = subject.store();
    put(store, &[(b"\xfe", b"1"), (b"\xff", b"2"), (b"\xff\xff\x01", b"3"), (b"\xff\xff\xff", b"4")]);
    let values = |scan: Scan<'_>| {
        store.scan(&scan).unwrap().into_iter().flat_map(|(_, value)| value).collect::<Vec<_>>()
    };
    assert_eq!(values(Scan::prefix(b"\xff")), b"234");
    assert_eq!(values(Scan::prefix(b"\xff\xff").descending()), b"43");
}

fn a_batch_is_seen_whole_by_other_threads(subject: &mut dyn Subject) {
    const ROUNDS: u32 = 60;
    // Enough keys for several pages, and one value in pieces where the engine splits.
    let store = subject.store();
    let large = bytes(subject.largest().min(20_000), 0);
    let round = |number: u32| {
        let mut batch = Batch::new();
        for key in 0..40u8 {
            batch.put([b'w', key], number.to_be_bytes()).unwrap();
        }
        batch.put(*b"w\xff", [&number.to_be_bytes(), &large[4..]].concat()).unwrap();
        batch
    };
    store.commit(&round(0)).unwrap();
    let start = Barrier::new(2);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            start.wait();
            for number in 1..=ROUNDS {
                store.commit(&round(number)).unwrap();
            }
        });
        start.wait();
        loop {
            let seen = store.scan(&Scan::prefix(b"w")).unwrap();
            assert_eq!(seen.len(), 41);
            assert!(seen.iter().all(|(_, value)| value[..4] == seen[0].1[..4]), "half a batch was seen");
            if seen[0].1 == ROUNDS.to_be_bytes() {
                break;
            }
        }
    });
}

fn a_large_value_shrinks_grows_and_goes(subject: &mut dyn Subject) {
    let sizes = [0, 1, 8191, 8192, 8193, 16384, 100_000, 3, 50_000, 8193];
    let sizes = sizes.into_iter().filter(|size| *size <= subject.largest());
    for (seed, size) in sizes.enumerate() {
        let value = bytes(size, seed);
        put(subject.store(), &[(b"k", &value), (b"k2", b"neighbour")]);
        assert!(subject.store().get(b"k").unwrap().unwrap() == value);
    }
    assert_eq!(keys(subject.store(), Scan::prefix(b"")), ["k", "k2"]);
    delete(subject.store(), b"k");
    subject.reopen();
    assert_eq!(keys(subject.store(), Scan::prefix(b"")), ["k2"]);
}

fn what_was_flushed_survives_a_reopening(subject: &mut dyn Subject) {
    put(subject.store(), &[(b"a", b"1"), (b"b", b"2"), (b"c", &bytes(5000, 1))]);
    delete(subject.store(), b"b");
    subject.store().flush().unwrap();
    for _ in 0..3 {
        subject.reopen();
        assert_eq!(subject.store().get(b"a").unwrap(), Some(b"1".to_vec()));
        assert_eq!(subject.store().get(b"b").unwrap(), None);
        assert_eq!(subject.store().get(b"c").unwrap(), Some(bytes(5000, 1)));
    }
}

fn a_large_batch_lands_whole(subject: &mut dyn Subject) {
    let size = subject.largest().min(300_000);
    let mut batch = Batch::new();
    for number in 0..16u8 {
        batch.put([b'L', number], bytes(size, number.into())).unwrap();
    }
    subject.store().commit(&batch).unwrap();
    subject.store().flush().unwrap();
    subject.reopen();
    for number in 0..16u8 {
        assert!(subject.store().get(&[b'L', number]).unwrap().unwrap() == bytes(size, number.into()));
    }
}
