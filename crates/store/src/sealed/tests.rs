#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::sync::Arc;

use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};

use super::*;
use crate::{Fault, MAX_ENGINE_VALUE, MAX_VALUE, MemoryStore};

const KEY: [u8; 32] = [7; 32];

fn open(disk: &Arc<MemoryStore>, key: [u8; 32], seed: u64) -> Result<Sealed<Arc<MemoryStore>>, StoreError> {
    Sealed::open(disk.clone(), &MasterKey::from(key), ChaCha20Rng::seed_from_u64(seed))
}

fn new_store() -> (Arc<MemoryStore>, Sealed<Arc<MemoryStore>>) {
    let disk = Arc::new(MemoryStore::new());
    let store = open(&disk, KEY, 0).unwrap();
    (disk, store)
}

fn put(store: &dyn Store, key: &[u8], value: Vec<u8>) {
    let mut batch = Batch::new();
    batch.put(key, value).unwrap();
    store.commit(&batch).unwrap();
}

/// Writes to the disk below the seal, where an attacker would.
fn tamper(disk: &MemoryStore, key: &[u8], stored: Option<Vec<u8>>) {
    let mut batch = Batch::new();
    batch.set(key.to_vec(), stored.map_or(Change::Delete, Change::Put));
    disk.commit(&batch).unwrap();
}

/// Everything on the disk: the caller's records, and the store's own.
fn whole_disk(disk: &MemoryStore) -> Vec<Entry> {
    let mut all = disk.scan(&Scan::prefix(&[RESERVED])).unwrap();
    all.extend(disk.scan(&Scan::prefix(b"")).unwrap());
    all
}

fn is_damaged<T>(result: Result<T, StoreError>) -> bool {
    matches!(result, Err(StoreError::Damaged { .. }))
}

#[test]
fn the_disk_never_sees_a_plain_value_nor_one_that_the_engine_would_refuse() {
    let (disk, store) = new_store();
    for size in [0, 1, 500, 8192, 8193, 100_000, MAX_VALUE] {
        put(&store, b"k", b"plain words ".iter().copied().cycle().take(size).collect());
        for (_, stored) in whole_disk(&disk) {
            assert!(stored.len() <= MAX_ENGINE_VALUE);
            assert!(!stored.windows(11).any(|part| part == b"plain words"));
        }
    }
}

#[test]
fn two_writes_of_one_value_look_different() {
    let (disk, store) = new_store();
    put(&store, b"k", b"same".to_vec());
    let first = disk.get(b"k").unwrap();
    put(&store, b"k", b"same".to_vec());
    assert_ne!(disk.get(b"k").unwrap(), first);
}

#[test]
fn replacing_or_removing_a_large_value_leaves_no_piece_behind() {
    let (disk, store) = new_store();
    let empty = whole_disk(&disk).len();
    put(&store, b"k", vec![1; 100_000]);
    assert_eq!(whole_disk(&disk).len(), empty + 1 + 13);
    put(&store, b"k", vec![1; 20_000]);
    assert_eq!(whole_disk(&disk).len(), empty + 1 + 3);
    put(&store, b"k", b"small".to_vec());
    assert_eq!(whole_disk(&disk).len(), empty + 1);
    put(&store, b"k", vec![1; 20_000]);
    let mut batch = Batch::new();
    batch.delete(*b"k").unwrap();
    store.commit(&batch).unwrap();
    assert_eq!(whole_disk(&disk).len(), empty);
}

#[test]
fn a_failed_commit_of_a_large_value_leaves_the_old_one_whole() {
    let (disk, store) = new_store();
    put(&store, b"k", vec![1; 20_000]);
    disk.fail_next_commit(Fault::Full);
    let mut batch = Batch::new();
    batch.put(*b"k", vec![2; 30_000]).unwrap();
    assert!(matches!(store.commit(&batch), Err(StoreError::Full)));
    assert!(store.get(b"k").unwrap() == Some(vec![1; 20_000]));
}

#[test]
fn another_key_is_refused_at_the_opening_and_changes_nothing() {
    let (disk, store) = new_store();
    put(&store, b"k", b"v".to_vec());
    let before = whole_disk(&disk);
    assert!(matches!(open(&disk, [8; 32], 1).unwrap_err(), StoreError::WrongKey));
    assert_eq!(whole_disk(&disk), before);
    assert_eq!(open(&disk, KEY, 1).unwrap().get(b"k").unwrap(), Some(b"v".to_vec()));
}

#[test]
fn a_store_of_a_later_layout_is_refused_by_its_number() {
    let (disk, _) = new_store();
    let mut check = disk.get(CHECK_KEY).unwrap().unwrap();
    check[0] = 9;
    tamper(&disk, CHECK_KEY, Some(check));
    assert!(matches!(open(&disk, KEY, 1).unwrap_err(), StoreError::UnknownFormat { found: 9, known: 1 }));
}

#[test]
fn records_that_nothing_sealed_are_not_taken_over() {
    let disk = Arc::new(MemoryStore::new());
    put(&disk, b"k", b"plain".to_vec());
    assert!(is_damaged(open(&disk, KEY, 0)));
}

#[test]
fn every_flipped_bit_of_a_stored_value_is_damage() {
    let (disk, store) = new_store();
    put(&store, b"small", b"some words".to_vec());
    put(&store, b"large", vec![5; 8_200]);
    let own = |key: &[u8]| key.first() != Some(&RESERVED) || key.get(1) == Some(&b'p');
    for (key, stored) in whole_disk(&disk).into_iter().filter(|(key, _)| own(key)) {
        let reader: &[u8] = if key == b"small" { b"small" } else { b"large" };
        let step = stored.len().div_ceil(200);
        for bit in (0..stored.len() * 8).step_by(step) {
            let mut flipped = stored.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            tamper(&disk, &key, Some(flipped));
            assert!(is_damaged(store.get(reader)), "bit {bit} of {key:?}");
        }
        tamper(&disk, &key, Some(stored));
    }
    assert!(store.get(b"large").unwrap() == Some(vec![5; 8_200]));
}

#[test]
fn a_value_moved_to_another_key_is_damage() {
    let (disk, store) = new_store();
    put(&store, b"a", b"v".to_vec());
    put(&store, b"b", b"w".to_vec());
    tamper(&disk, b"b", disk.get(b"a").unwrap());
    assert!(is_damaged(store.get(b"b")));
    assert!(is_damaged(store.scan(&Scan::prefix(b""))));
}

#[test]
fn pieces_that_are_missing_swapped_or_older_are_damage() {
    let (disk, store) = new_store();
    let piece = |index| layout::piece_key(b"k", index);
    let stored = |index| disk.get(&piece(index)).unwrap();
    put(&store, b"k", vec![1; 20_000]);
    let older = stored(1);
    put(&store, b"k", vec![2; 20_000]);
    let (first, second) = (stored(0), stored(1));

    tamper(&disk, &piece(1), None);
    assert!(is_damaged(store.get(b"k")), "a piece is missing");
    tamper(&disk, &piece(1), older);
    assert!(is_damaged(store.get(b"k")), "a piece is from an older write");
    tamper(&disk, &piece(1), first.clone());
    tamper(&disk, &piece(0), second.clone());
    assert!(is_damaged(store.get(b"k")), "two pieces are swapped");
    tamper(&disk, &piece(0), first);
    tamper(&disk, &piece(1), second);
    assert!(store.get(b"k").unwrap() == Some(vec![2; 20_000]));
}

#[test]
fn a_damaged_value_can_be_replaced() {
    let (disk, store) = new_store();
    put(&store, b"k", vec![1; 20_000]);
    let mut manifest = disk.get(b"k").unwrap().unwrap();
    manifest[40] ^= 1;
    tamper(&disk, b"k", Some(manifest));
    assert!(is_damaged(store.get(b"k")));
    put(&store, b"k", b"new".to_vec());
    assert_eq!(store.get(b"k").unwrap(), Some(b"new".to_vec()));
    assert_eq!(disk.scan(&Scan::prefix(&layout::piece_prefix(b"k"))).unwrap(), []);
}

#[test]
fn a_key_that_was_removed_and_added_in_one_batch_leaves_no_piece_behind() {
    let (disk, store) = new_store();
    let write = |first: &dyn Fn(&crate::Overlay<'_>)| {
        put(&store, b"k", vec![1; 20_000]);
        let step = crate::Overlay::new(&store);
        first(&step);
        step.add(*b"k", *b"new").unwrap();
        store.commit(&step.into_batch()).unwrap();
        assert_eq!(store.get(b"k").unwrap(), Some(b"new".to_vec()));
        assert_eq!(disk.scan(&Scan::prefix(&layout::piece_prefix(b"k"))).unwrap(), []);
    };
    write(&|step| step.delete(*b"k").unwrap());
    write(&|step| step.put(*b"k", *b"between").unwrap());
    // Taken back to what the batch did before.
    write(&|step| {
        step.delete(*b"k").unwrap();
        let before = step.savepoint();
        step.add(*b"k", *b"refused").unwrap();
        step.rollback(before);
    });
}

#[test]
fn the_keys_of_the_seal_itself_cannot_be_read_through_it() {
    let (_, store) = new_store();
    put(&store, b"k", vec![1; 20_000]);
    assert_eq!(store.get(CHECK_KEY).unwrap(), None);
    assert_eq!(store.get(&layout::piece_key(b"k", 0)).unwrap(), None);
    assert_eq!(store.scan(&Scan::prefix(&[RESERVED])).unwrap(), []);
}

#[test]
fn debug_output_shows_neither_key_nor_content() {
    let (_, store) = new_store();
    put(&store, b"carla", b"words".to_vec());
    assert_eq!(format!("{:?}", MasterKey::from(KEY)), "MasterKey(redacted)");
    let shown = format!("{store:?}");
    assert!(!shown.contains("carla") && !shown.contains("words") && !shown.contains("7, 7"), "{shown}");
}

#[test]
fn taking_a_key_wipes_the_callers_copy() {
    let mut bytes = KEY;
    let _key = MasterKey::take(&mut bytes);
    assert_eq!(bytes, [0; 32]);
}

/// 24,000 hostile values at the place of a whole value, of a manifest and of a piece: random ones, and true ones that
/// were cut, extended or overwritten in part.
#[test]
fn hostile_bytes_on_the_disk_are_damage_and_never_a_panic() {
    let (disk, store) = new_store();
    put(&store, b"small", b"some words".to_vec());
    put(&store, b"large", vec![1; 8_200]);
    let whole = || store.get(b"small");
    let large = || store.get(b"large");
    let manifest = disk.get(b"large").unwrap().unwrap();
    let manifest = store.cipher.open(Role::Manifest, b"large", &manifest).unwrap();
    let manifest = Manifest::decode(&manifest).unwrap();
    let piece = || store.open_piece(b"large", &manifest, 1).map(Some);
    assail(&disk, b"small", &whole);
    assail(&disk, b"large", &large);
    assail(&disk, &layout::piece_key(b"large", 1), &piece);
    assert!(store.get(b"large").unwrap() == Some(vec![1; 8_200]));
}

fn assail(disk: &MemoryStore, place: &[u8], read: &dyn Fn() -> Result<Option<Vec<u8>>, StoreError>) {
    let mut rng = ChaCha20Rng::seed_from_u64(0x0f1e2d);
    let good = disk.get(place).unwrap().unwrap();
    for _ in 0..8_000 {
        let hostile = mutate(&good, &mut rng);
        if hostile != good {
            tamper(disk, place, Some(hostile.clone()));
            assert!(is_damaged(read()), "{hostile:02x?}");
        }
    }
    tamper(disk, place, Some(good));
}

fn mutate(good: &[u8], rng: &mut ChaCha20Rng) -> Vec<u8> {
    let mut bytes = good.to_vec();
    let at = rng.next_u32() as usize % good.len();
    match rng.next_u32() % 4 {
        0 => bytes.truncate(at),
        1 => bytes.extend(vec![rng.next_u32() as u8; at % 64]),
        2 => rng.fill_bytes(&mut bytes[at..]),
        _ => {
            bytes = vec![0; at % 128];
            rng.fill_bytes(&mut bytes);
            // Half of them get past the first two bytes.
            if rng.next_u32().is_multiple_of(2) && bytes.len() > 2 {
                bytes[..2].copy_from_slice(&[LAYOUT, (rng.next_u32() % 5) as u8]);
            }
        }
    }
    bytes
}

/// `PROPTEST_CASES` raises the number of cases.
fn config() -> ProptestConfig {
    let usual = ProptestConfig::default();
    ProptestConfig { cases: usual.cases.max(2_000), failure_persistence: None, ..usual }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_manifest_decodes_to_itself_or_not_at_all(plain in prop::collection::vec(any::<u8>(), 0..40)) {
        if let Ok(manifest) = Manifest::decode(&plain) {
            prop_assert_eq!(manifest.encode(), plain);
            prop_assert!(manifest.len() <= MAX_VALUE);
            prop_assert!(usize::from(manifest.count()) * PIECE_SIZE < MAX_VALUE + PIECE_SIZE);
        }
    }
}
