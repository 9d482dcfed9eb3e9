//! A store that an earlier version wrote opens, and holds what it held.
//!
//! `tests/fixtures/v1` was written by the first version of the format. It stays as it is: a new version gets a folder
//! of its own, made by `FRONTDESK_STORE_WRITE_FIXTURE=tests/fixtures/vN cargo test -p frontdesk-store --features sled
//! --test format` in `crates/store`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::{env, fs};

use frontdesk_store::{
    Batch, MasterKey, Reader as _, Scan, Sealed, SledOptions, SledStore, Store as _, StoreError,
};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use tempfile::TempDir;

const KEY: [u8; 32] = *b"the key of the format fixtures..";
const WRITE: &str = "FRONTDESK_STORE_WRITE_FIXTURE";

#[test]
fn a_store_of_version_1_opens_and_holds_every_value() {
    if let Some(folder) = env::var_os(WRITE) {
        return write_fixture(Path::new(&folder));
    }
    let home = copy_of("v1");
    let store = open(home.path(), KEY).unwrap();
    let found = store.scan(&Scan::prefix(b"")).unwrap();
    assert!(found == entries(), "the fixture holds something else");
    for (key, value) in entries() {
        assert!(store.get(&key).unwrap() == Some(value));
    }
}

#[test]
fn a_store_of_version_1_can_be_written_to_and_opened_again() {
    let home = copy_of("v1");
    let store = open(home.path(), KEY).unwrap();
    let mut batch = Batch::new();
    batch.put("large/2", "small now").unwrap();
    batch.delete("message/00").unwrap();
    store.commit(&batch).unwrap();
    store.flush().unwrap();
    store.into_engine().close().unwrap();
    let store = open(home.path(), KEY).unwrap();
    assert_eq!(store.get(b"large/2").unwrap(), Some(b"small now".to_vec()));
    assert_eq!(store.get(b"message/00").unwrap(), None);
}

#[test]
fn a_store_of_version_1_refuses_another_key() {
    let home = copy_of("v1");
    assert!(matches!(open(home.path(), [0; 32]).unwrap_err(), StoreError::WrongKey));
}

fn open(home: &Path, key: [u8; 32]) -> Result<Sealed<SledStore>, StoreError> {
    let engine = SledStore::open(home, &SledOptions::default())?;
    let store = Sealed::open(engine, &MasterKey::from(key), ChaCha20Rng::seed_from_u64(2))?;
    frontdesk_store::migrate(&store)?;
    Ok(store)
}

/// What the fixture holds, in the order of the keys.
fn entries() -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut entries = vec![(b"empty".to_vec(), Vec::new())];
    for (number, len) in [8_192, 8_193, 30_000].into_iter().enumerate() {
        entries.push((format!("large/{number}").into_bytes(), pattern(len)));
    }
    for number in 0..40 {
        entries.push((format!("message/{number:02}").into_bytes(), pattern(number * 13)));
    }
    entries
}

fn pattern(len: usize) -> Vec<u8> {
    (0..=u8::MAX).cycle().step_by(7).take(len).collect()
}

fn write_fixture(folder: &Path) {
    let store = open(folder, KEY).unwrap();
    let mut batch = Batch::new();
    for (key, value) in entries() {
        batch.put(key, value).unwrap();
    }
    store.commit(&batch).unwrap();
    store.flush().unwrap();
    store.into_engine().close().unwrap();
    fs::remove_file(folder.join("lock")).unwrap();
}

/// Opening writes to the folder, so a test works on a copy.
fn copy_of(name: &str) -> TempDir {
    let fixture = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
    let copy = TempDir::new().unwrap();
    fs::create_dir(copy.path().join("blobs")).unwrap();
    for entry in fs::read_dir(fixture).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
        }
    }
    copy
}
