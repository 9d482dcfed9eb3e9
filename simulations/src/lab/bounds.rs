//! The bounds of a node's queues, memory and disk.

use crate::Disk;
use frontdesk_engine::{
    Held,
    limits::{
        CACHED_THREADS, MAX_ASIDE, MAX_EARLY, MAX_EARLY_BYTES, MAX_INVITATIONS, MAX_OUTBOX, MAX_RECENT,
        MAX_RECENT_BYTES, MAX_RECEPTIONS, MAX_SENT_BYTES,
    },
};
use frontdesk_store::Scan;
use frontdesk_wire::limits::MAX_SEALED;
use std::collections::BTreeMap;

/// What any node may keep, in bytes: its own records, and its own key packages. These four are about three times what
/// scenarios come to.
const BASE: usize = 128 * 1024;
/// What a key package in stock may cost, with what is known of its device, in bytes.
const A_PACKAGE: usize = 12 * 1024;
/// What a thread may cost beside what was said in it: the keys of its epochs, in bytes.
const A_THREAD: usize = 32 * 1024;
/// What something that was said may cost, in bytes: as people write in scenarios.
const A_RECORD: usize = 2048;
/// What something sealed may cost, in bytes, which waits to be sent or to be opened.
const A_FRAME: usize = MAX_SEALED + 1024;
/// Entries in memory that any node may have, whatever it keeps.
const ENTRIES: usize = 32;
/// Entries in memory that a thread on the disk may cost, and a peer.
const A_THREAD_IN_MEMORY: usize = 3;
/// Entries in memory that a colleague may cost: each is asked, answered and told of others while all are enrolled.
const A_COLLEAGUE: usize = 8;
/// Entries in memory that a frame may cost which waits to be settled: the texts in it.
const A_FRAME_IN_MEMORY: usize = 64;

/// Which bound a node passes, if it does.
pub(super) fn passed(disk: &dyn Disk, held: &Held) -> Option<String> {
    in_memory(disk, held).or_else(|| on_disk(disk))
}

fn in_memory(disk: &dyn Disk, held: &Held) -> Option<String> {
    let bounds = [
        ("threads", held.threads, CACHED_THREADS.get()),
        ("frames", held.frames, count(disk, b"o/").min(held.peers * MAX_RECENT)),
        ("early frames", held.early, held.peers * MAX_EARLY),
        ("bytes of frames", held.bytes, held.peers * (MAX_RECENT_BYTES + MAX_EARLY_BYTES) + MAX_SENT_BYTES),
        ("entries", held.entries, most_entries(disk, held)),
    ];
    let passed = bounds.into_iter().find(|(_, held, most)| held > most);
    passed.map(|(what, held, most)| format!("{held} {what} in memory, at most {most} expected"))
}

/// Entries in memory that are expected at most. What was said and has arrived costs none.
fn most_entries(disk: &dyn Disk, held: &Held) -> usize {
    let count = |prefix| count(disk, prefix);
    let each = A_THREAD_IN_MEMORY * (count(b"t/") + held.peers) + A_COLLEAGUE * count(b"d/");
    // What waits for a commit is counted twice: itself, and for its thread.
    let noted = count(b"r/") + count(b"q/") + 2 * count(b"w/") + count(b"c/");
    ENTRIES + each + noted + A_FRAME_IN_MEMORY * count(b"o/")
}

/// How many entries an engine holds in memory of what is expected at most, of 1.
#[expect(clippy::cast_precision_loss, reason = "counts, far below 2^52")]
pub(super) fn part_in_memory(disk: &dyn Disk, held: &Held) -> f64 {
    held.entries as f64 / most_entries(disk, held) as f64
}

fn count(disk: &dyn Disk, prefix: &[u8]) -> usize {
    disk.scan(&Scan::prefix(prefix)).map_or(0, |found| found.len())
}

/// The bytes on a disk, and how many are expected at most for what it keeps.
fn bytes_and_most(disk: &dyn Disk) -> (usize, usize) {
    let count = |prefix| count(disk, prefix);
    let frames = count(b"w/") + count(b"o/");
    let kept = A_PACKAGE * count(b"k/") + A_THREAD * count(b"t/") + A_RECORD * count(b"h/");
    (disk.size().1, BASE + kept + A_FRAME * frames)
}

/// How much a disk holds of what is expected at most, of 1.
#[expect(clippy::cast_precision_loss, reason = "bytes, far below 2^52")]
pub(super) fn part(disk: &dyn Disk) -> f64 {
    let (bytes, most) = bytes_and_most(disk);
    bytes as f64 / most as f64
}

fn on_disk(disk: &dyn Disk) -> Option<String> {
    let count = |prefix| count(disk, prefix);
    let mut outboxes: BTreeMap<Vec<u8>, u64> = BTreeMap::new();
    for (key, _) in disk.scan(&Scan::prefix(b"o/")).unwrap_or_default() {
        *outboxes.entry(key.get(..34).unwrap_or_default().to_vec()).or_default() += 1;
    }
    let longest = outboxes.values().max().copied().unwrap_or_default();
    if longest > MAX_OUTBOX {
        return Some(format!("{longest} frames wait for one peer"));
    }
    let waiting = count(b"w/");
    if waiting > MAX_ASIDE {
        return Some(format!("{waiting} sealed messages wait"));
    }
    let offers = count(b"q/");
    if offers > 2 * MAX_RECEPTIONS {
        return Some(format!("{offers} records of open offers"));
    }
    let invitations = count(b"n/");
    if invitations > MAX_INVITATIONS {
        return Some(format!("{invitations} invitations"));
    }
    let (bytes, most) = bytes_and_most(disk);
    (bytes > most).then(|| format!("{bytes} bytes on the disk, and no reason for more than {most}"))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use frontdesk_store::{Batch, MemoryStore, Store as _};

    /// A disk with so many records under a prefix, each with a value of so many bytes.
    fn disk(prefix: &[u8], records: usize, bytes: usize) -> MemoryStore {
        let (store, mut batch) = (MemoryStore::new(), Batch::new());
        for number in 0..records {
            let key = [prefix, &[0; 32], &u64::try_from(number).unwrap().to_be_bytes()].concat();
            batch.put(key, vec![0; bytes]).unwrap();
        }
        store.commit(&batch).unwrap();
        store
    }

    #[test]
    fn what_a_node_holds_in_memory_may_be_as_much_as_its_bounds_say_and_no_more() {
        let nothing = disk(b"t/", 0, 0);
        let one = |held: Held| passed(&nothing, &held);
        let most = [
            Held { threads: CACHED_THREADS.get(), ..Held::default() },
            Held { peers: 2, early: 2 * MAX_EARLY, ..Held::default() },
            Held { bytes: MAX_SENT_BYTES, ..Held::default() },
            Held { entries: ENTRIES, ..Held::default() },
        ];
        for held in most {
            assert_eq!(one(held), None, "{held:?}");
            let threads = held.threads + usize::from(held.threads > 0);
            let early = held.early + usize::from(held.early > 0);
            let bytes = held.bytes + usize::from(held.bytes > 0);
            let entries = held.entries + usize::from(held.entries > 0);
            let more = Held { threads, early, bytes, entries, ..held };
            assert!(one(more).unwrap().contains("in memory"), "{more:?}");
        }
    }

    #[test]
    fn what_is_settled_and_what_was_said_may_cost_no_memory() {
        let with = |prefix: &[u8], held: Held| passed(&disk(prefix, 3, 0), &held);
        let frames = |frames| Held { peers: 1, frames, ..Held::default() };
        assert_eq!(with(b"o/", frames(3)), None);
        assert!(with(b"o/", frames(4)).unwrap().contains("4 frames in memory"));
        let entries = |entries| Held { entries, ..Held::default() };
        assert_eq!(with(b"r/", entries(ENTRIES + 3)), None);
        assert!(with(b"h/", entries(ENTRIES + 1)).unwrap().contains("entries in memory"));
    }

    #[test]
    fn what_a_node_keeps_on_its_disk_may_be_as_much_as_its_bounds_say_and_no_more() {
        let outbox = usize::try_from(MAX_OUTBOX).unwrap();
        for (prefix, most, words) in [
            (b"o/", outbox, "frames wait for one peer"),
            (b"w/", MAX_ASIDE, "sealed messages wait"),
            (b"q/", 2 * MAX_RECEPTIONS, "open offers"),
            (b"n/", MAX_INVITATIONS, "invitations"),
        ] {
            assert_eq!(passed(&disk(prefix, most, 0), &Held::default()), None, "{words}");
            let seen = passed(&disk(prefix, most + 1, 0), &Held::default()).unwrap();
            assert!(seen.contains(words), "{seen}");
        }
        assert!((0.99..1.0).contains(&part(&disk(b"x/", 16, BASE / 16 - 100))));
        let seen = passed(&disk(b"x/", 17, BASE / 16), &Held::default()).unwrap();
        assert!(seen.contains("bytes on the disk"), "{seen}");
        assert_eq!(passed(&disk(b"x/", 15, BASE / 16), &Held::default()), None);
    }
}
