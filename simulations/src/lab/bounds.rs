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
use frontdesk_wire::limits::{MAX_ROSTER, MAX_SEALED};
use std::collections::BTreeMap;

/// What any node may keep, in bytes: its own records, a roster, and stocks of key packages.
const BASE: usize = 1024 * 1024;
/// What a thread may cost beside what was said in it: the keys of its epochs, in bytes.
const A_THREAD: usize = 256 * 1024;
/// What something that was said may cost, in bytes: as people write in scenarios.
const A_RECORD: usize = 4096;
/// What something sealed may cost, in bytes, which waits to be sent or to be opened.
const A_FRAME: usize = MAX_SEALED + 1024;
/// Entries in memory that any node may have: its colleagues, in three places, open offers, and what was just taken out.
const ENTRIES: usize = 3 * MAX_ROSTER + MAX_RECEPTIONS + 256;
/// Entries in memory that a thread on the disk may cost, and a peer.
const A_THREAD_IN_MEMORY: usize = 8;

/// Which bound a node passes, if it does.
pub(super) fn passed(disk: &dyn Disk, held: &Held) -> Option<String> {
    in_memory(disk, held).or_else(|| on_disk(disk))
}

fn in_memory(disk: &dyn Disk, held: &Held) -> Option<String> {
    let threads = count(disk, b"t/");
    let stored = count(disk, b"h/") + count(disk, b"r/");
    let entries = ENTRIES + A_THREAD_IN_MEMORY * (threads + held.peers) + stored;
    let bounds = [
        ("threads", held.threads, CACHED_THREADS.get()),
        ("frames", held.frames, held.peers * (MAX_RECENT + MAX_EARLY)),
        ("bytes of frames", held.bytes, held.peers * (MAX_RECENT_BYTES + MAX_EARLY_BYTES) + MAX_SENT_BYTES),
        ("entries", held.entries, entries),
    ];
    let passed = bounds.into_iter().find(|(_, held, most)| held > most);
    passed.map(|(what, held, most)| format!("{held} {what} in memory, at most {most} expected"))
}

fn count(disk: &dyn Disk, prefix: &[u8]) -> usize {
    disk.scan(&Scan::prefix(prefix)).map_or(0, |found| found.len())
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
    let (_, bytes) = disk.size();
    let frames = waiting + outboxes.values().map(|count| usize::try_from(*count).unwrap_or(0)).sum::<usize>();
    let most = BASE + A_THREAD * count(b"t/") + A_RECORD * count(b"h/") + A_FRAME * frames;
    (bytes > most).then(|| format!("{bytes} bytes on the disk, and no reason for more than {most}"))
}
