#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use crate::{Fault, MemoryStore, Reader};

/// A made-up history: version 2 gives each record a leading version byte, version 3 moves it to another prefix.
const HISTORY: &[Migration] = &[Migration { to: 2, run: add_version }, Migration { to: 3, run: rename }];

fn add_version(store: &Overlay<'_>) -> Result<(), StoreError> {
    for (key, value) in store.scan(&Scan::prefix(b"old/"))? {
        store.put(key, [&[2], &value[..]].concat())?;
    }
    Ok(())
}

fn rename(store: &Overlay<'_>) -> Result<(), StoreError> {
    for (key, value) in store.scan(&Scan::prefix(b"old/"))? {
        let name = key.strip_prefix(b"old/").unwrap();
        store.put([b"new/", name].concat(), value)?;
        store.delete(key)?;
    }
    Ok(())
}

fn store_of_format(format: u32) -> MemoryStore {
    let store = MemoryStore::new();
    let mut batch = Batch::new();
    batch.put("old/a", "1").unwrap();
    commit_format(&store, batch, format).unwrap();
    store
}

#[test]
fn migrations_run_in_order_and_land_together_with_the_new_version() {
    let store = store_of_format(1);
    migrate_by(&store, HISTORY, 3).unwrap();
    store.crash();
    assert_eq!(store.get(b"new/a").unwrap(), Some(b"\x021".to_vec()));
    assert_eq!(store.get(b"old/a").unwrap(), None);
    assert_eq!(found_format(&store).unwrap(), Some(3));
}

#[test]
fn a_store_that_is_half_way_runs_only_what_is_left() {
    let store = store_of_format(2);
    migrate_by(&store, HISTORY, 3).unwrap();
    assert_eq!(store.get(b"new/a").unwrap(), Some(b"1".to_vec()));
}

#[test]
fn a_migration_that_cannot_be_stored_leaves_the_old_version_whole() {
    let store = store_of_format(1);
    store.fail_next_flush(Fault::Full);
    assert!(matches!(migrate_by(&store, HISTORY, 3).unwrap_err(), StoreError::Full));
    store.crash();
    assert_eq!(store.get(b"old/a").unwrap(), Some(b"1".to_vec()));
    assert_eq!(found_format(&store).unwrap(), Some(1));
}

#[test]
fn a_store_of_a_later_version_is_refused_with_both_versions_named() {
    let store = store_of_format(CURRENT_FORMAT + 1);
    let refused = migrate(&store).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the store has format 2 and this version knows up to 1; use a newer version of the program"
    );
}

#[test]
fn a_new_store_gets_the_current_version_and_keeps_it() {
    let store = MemoryStore::new();
    migrate(&store).unwrap();
    migrate(&store).unwrap();
    assert_eq!(found_format(&store).unwrap(), Some(CURRENT_FORMAT));
}

#[test]
fn records_without_a_version_are_damage_and_not_a_new_store() {
    let store = MemoryStore::new();
    let mut batch = Batch::new();
    batch.put("old/a", "1").unwrap();
    store.commit(&batch).unwrap();
    assert!(matches!(migrate(&store).unwrap_err(), StoreError::Damaged { .. }));
}
