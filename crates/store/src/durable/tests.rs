#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;

use tempfile::TempDir;

use super::*;

fn open(home: &Path) -> Result<SledStore, StoreError> {
    SledStore::open(home, &SledOptions::default())
}

fn put(store: &SledStore, key: &str, value: &str) {
    let mut batch = Batch::new();
    batch.put(key, value).unwrap();
    store.commit(&batch).unwrap();
    store.flush().unwrap();
}

fn filled() -> TempDir {
    let home = TempDir::new().unwrap();
    let store = open(home.path()).unwrap();
    put(&store, "k", "v");
    store.close().unwrap();
    home
}

/// What a crash leaves that stopped sled at the first half of its newest snapshot.
fn plant_unfinished_snapshot(home: &Path) {
    fs::write(home.join("snap.7FFFFFFFFFFFFFFF.generating"), b"the first half of a snapshot").unwrap();
}

#[test]
fn an_unfinished_snapshot_does_not_stop_the_opening() {
    let home = filled();
    plant_unfinished_snapshot(home.path());
    let store = open(home.path()).unwrap();
    assert_eq!(store.get(b"k").unwrap(), Some(b"v".to_vec()));
    let left = fs::read_dir(home.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(!left.into_iter().any(|name| name.to_string_lossy().ends_with(".generating")));
}

/// Why we remove it: if this fails, sled has learnt to, and our own removal can go.
#[test]
fn sled_alone_refuses_an_unfinished_snapshot() {
    let home = filled();
    plant_unfinished_snapshot(home.path());
    let opened = sled::Config::new().path(home.path()).segment_size(SEGMENT_SIZE).open();
    assert!(matches!(opened, Err(sled::Error::Corruption { .. })));
}

#[test]
fn a_second_opening_of_one_home_is_refused_with_the_path() {
    let home = filled();
    let first = open(home.path()).unwrap();
    let refused = open(home.path()).unwrap_err();
    let lock = home.path().join("lock");
    assert!(matches!(&refused, StoreError::InUse { path } if *path == lock));
    assert!(refused.to_string().contains(&lock.display().to_string()));
    drop(first);
    open(home.path()).unwrap();
}

#[test]
fn a_program_that_knows_only_sleds_lock_is_noticed_too() {
    let home = filled();
    let _other = sled::Config::new().path(home.path()).segment_size(SEGMENT_SIZE).open().unwrap();
    assert!(
        matches!(open(home.path()).unwrap_err(), StoreError::InUse { path } if path == home.path().join("db"))
    );
}

#[test]
fn a_value_that_would_leave_the_log_is_refused_and_the_store_goes_on() {
    let home = filled();
    let store = open(home.path()).unwrap();
    let mut batch = Batch::new();
    batch.put(*b"k", vec![0; MAX_ENGINE_VALUE + 1]).unwrap();
    assert!(matches!(store.commit(&batch).unwrap_err(), StoreError::ValueTooLarge { .. }));
    put(&store, "k", "w");
}

/// sled doesn't sync blob files, so what is in one could be lost in a power cut.
#[test]
fn the_largest_values_under_the_longest_keys_never_become_blob_files() {
    let home = TempDir::new().unwrap();
    let store = open(home.path()).unwrap();
    for round in 0..600usize {
        let mut batch = Batch::new();
        let mut key = vec![b'k'; crate::MAX_KEY];
        if let Some(last) = key.last_mut() {
            *last = u8::try_from(round * 7 % 251).unwrap();
        }
        if round % 5 == 4 {
            batch.delete(key).unwrap()
        } else {
            batch.put(key, vec![1; MAX_ENGINE_VALUE]).unwrap()
        }
        store.commit(&batch).unwrap();
        store.checkpoint(&mut store.writing()).unwrap();
        assert_eq!(fs::read_dir(home.path().join("blobs")).unwrap().count(), 0, "in round {round}");
    }
    store.flush().unwrap();
}

#[test]
fn a_stopped_store_answers_nothing_and_opens_again() {
    let home = filled();
    let store = open(home.path()).unwrap();
    let failed: Result<(), _> = store.stop_on_error(Err(StoreError::Full));
    assert!(matches!(failed, Err(StoreError::Full)));
    assert!(matches!(store.get(b"k"), Err(StoreError::Stopped)));
    assert!(matches!(store.scan(&Scan::prefix(b"")), Err(StoreError::Stopped)));
    assert!(matches!(store.commit(&Batch::new()), Err(StoreError::Stopped)));
    assert!(matches!(store.flush(), Err(StoreError::Stopped)));
    drop(store);
    assert_eq!(open(home.path()).unwrap().get(b"k").unwrap(), Some(b"v".to_vec()));
}

#[test]
fn a_damaged_snapshot_or_configuration_is_named_as_damage() {
    for prefix in ["snap.", "conf"] {
        let home = filled();
        open(home.path()).unwrap().close().unwrap();
        for entry in fs::read_dir(home.path()).unwrap() {
            let path = entry.unwrap().path();
            if path.file_name().unwrap().to_string_lossy().starts_with(prefix) {
                fs::write(&path, b"segment_size: no number at all").unwrap();
            }
        }
        assert!(matches!(open(home.path()).unwrap_err(), StoreError::Damaged { .. }), "{prefix}");
    }
}

/// Either the whole of what was flushed, or damage by name: never a panic, and never something else.
#[test]
fn a_data_file_with_flipped_bits_or_cut_short_is_damage_or_whole() {
    let home = filled();
    let store = open(home.path()).unwrap();
    for round in 0..60usize {
        put(&store, &format!("key/{:02}", round % 20), &"v".repeat(1 + round));
    }
    let expected = store.scan(&Scan::prefix(b"")).unwrap();
    store.close().unwrap();
    open(home.path()).unwrap().close().unwrap();
    let good = fs::read(home.path().join("db")).unwrap();
    let written = good.iter().rposition(|byte| *byte != 0).unwrap();
    for round in 0..40usize {
        let copy = copy_of(home.path());
        let mut bad = good.clone();
        let at = written * round / 40;
        if round.is_multiple_of(4) {
            bad.truncate(at)
        } else {
            *bad.get_mut(at).unwrap() ^= 1 << (round % 8)
        }
        fs::write(copy.path().join("db"), bad).unwrap();
        match open(copy.path()).and_then(|store| store.scan(&Scan::prefix(b""))) {
            Ok(found) => assert_eq!(found, expected, "round {round}"),
            Err(error) => assert!(matches!(error, StoreError::Damaged { .. }), "round {round}: {error}"),
        }
    }
}

/// sled may lose its newest writes to a failing disk without a word.
#[test]
fn what_sled_lost_of_the_latest_checkpoint_comes_back_from_the_journal() {
    let home = filled();
    let old = copy_of(home.path());
    let store = open(home.path()).unwrap();
    put(&store, "k", "w");
    put(&store, "more", "1");
    store.checkpoint(&mut store.writing()).unwrap();
    put(&store, "more", "2");
    // As after a kill: nothing is closed.
    let crashed = copy_of(home.path());
    for name in fs::read_dir(old.path()).unwrap().map(|entry| entry.unwrap().file_name()) {
        if !name.to_string_lossy().starts_with("journal") {
            fs::copy(old.path().join(&name), crashed.path().join(&name)).unwrap();
        }
    }
    for entry in fs::read_dir(crashed.path()).unwrap().map(|entry| entry.unwrap()) {
        if !old.path().join(entry.file_name()).exists() {
            fs::remove_file(entry.path()).unwrap();
        }
    }
    let store = open(crashed.path()).unwrap();
    assert_eq!(store.get(b"k").unwrap(), Some(b"w".to_vec()));
    assert_eq!(store.get(b"more").unwrap(), Some(b"2".to_vec()));
}

/// The flush that finds the journal full goes to sled, which may lose it as well.
#[test]
fn a_flush_that_finds_the_journal_full_is_in_the_journal_too() {
    for large in [false, true] {
        let home = filled();
        let store = open(home.path()).unwrap();
        let mut batch = Batch::new();
        let last = if large { 300 } else { 100 };
        for number in 0..last {
            batch.put(format!("bulk/{number}"), vec![1; 8000]).unwrap();
        }
        if !large {
            // The file is nearly full when the batch comes.
            let mut first = Batch::new();
            (0..200).for_each(|number| first.put(format!("first/{number}"), vec![2; 8000]).unwrap());
            store.commit(&first).unwrap();
            store.flush().unwrap();
        }
        let old = copy_of(home.path());
        store.commit(&batch).unwrap();
        store.flush().unwrap();
        put(&store, "k", "after");
        let crashed = copy_of(home.path());
        // sled as it was before the newest batch that it wrote; after a large one that is a batch of nothing.
        if !large {
            fs::copy(old.path().join("db"), crashed.path().join("db")).unwrap();
        }
        let store = open(crashed.path()).unwrap();
        assert_eq!(store.get(b"k").unwrap(), Some(b"after".to_vec()));
        assert_eq!(store.scan(&Scan::prefix(b"bulk/")).unwrap().len(), last);
    }
}

#[test]
fn many_checkpoints_and_openings_keep_everything() {
    let home = TempDir::new().unwrap();
    for life in 0..5u32 {
        let store = open(home.path()).unwrap();
        for number in 0..400u32 {
            let mut batch = Batch::new();
            batch
                .put(format!("{life}/{}", number % 50), vec![u8::try_from(number % 251).unwrap(); 8000])
                .unwrap();
            store.commit(&batch).unwrap();
            store.flush().unwrap();
        }
    }
    let store = open(home.path()).unwrap();
    for life in 0..5u32 {
        for number in 350..400u32 {
            let found = store.get(format!("{life}/{}", number % 50).as_bytes()).unwrap();
            assert!(found == Some(vec![u8::try_from(number % 251).unwrap(); 8000]), "{life}/{number}");
        }
    }
}

fn copy_of(home: &Path) -> TempDir {
    let copy = TempDir::new().unwrap();
    for entry in fs::read_dir(home).unwrap().map(|entry| entry.unwrap()) {
        if entry.file_type().unwrap().is_file() {
            fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
        }
    }
    copy
}

#[cfg(unix)]
#[test]
fn a_new_home_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;

    let above = TempDir::new().unwrap();
    let home = above.path().join("new/home");
    open(&home).unwrap();
    assert_eq!(fs::metadata(&home).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn a_home_that_cannot_be_made_is_an_error_of_the_system() {
    let above = TempDir::new().unwrap();
    let file = above.path().join("file");
    fs::write(&file, b"").unwrap();
    assert!(matches!(open(&file.join("home")).unwrap_err(), StoreError::Io { .. }));
}

/// What no kill can show, since the system keeps what a process wrote: that the disk was told.
#[test]
fn each_flush_and_each_checkpoint_goes_to_the_disk() {
    let home = TempDir::new().unwrap();
    let store = open(home.path()).unwrap();
    let mut batch = Batch::new();
    batch.put("k", "v").unwrap();
    store.commit(&batch).unwrap();
    let before = sync::count();
    store.flush().unwrap();
    assert_eq!(sync::count(), before + 1, "the journal");
    store.flush().unwrap();
    assert_eq!(sync::count(), before + 1, "nothing is new");
    store.close().unwrap();
    assert_eq!(sync::count(), before + 2, "sled's own file");
}

/// sled alone would let its cache grow to a gigabyte.
#[test]
fn the_cache_is_as_large_as_it_was_asked_for() {
    let home = TempDir::new().unwrap();
    let options = SledOptions { cache_bytes: 5 << 20 };
    assert_eq!(config(home.path(), &options).cache_capacity, 5 << 20);
    assert_eq!(config(home.path(), &SledOptions::default()).segment_size, SEGMENT_SIZE);
}
