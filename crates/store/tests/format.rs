//! A store that an earlier version wrote opens, and holds what it held.
//!
//! `tests/fixtures/v1` was written by the first version of the format, before there was a journal. `v1-journal` is what a
//! kill leaves of a store of that format: the newest of it is in the journal alone, whose files are kept without the zeros at
//! their ends. They stay as they are: a new version gets folders
//! of its own, made by `FRONTDESK_STORE_WRITE_FIXTURE=tests/fixtures/vN cargo test -p frontdesk-store --features sled
//! --test format` in `crates/store`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::{
    env,
    fs::{self, File},
};

use frontdesk_store::{
    Batch, MasterKey, Reader as _, Scan, Sealed, SledOptions, SledStore, Store as _, StoreError,
};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use tempfile::TempDir;

const KEY: [u8; 32] = *b"the key of the format fixtures..";
/// The files of the journal, and the length of each.
const JOURNAL: [&str; 2] = ["journal.0", "journal.1"];
const JOURNAL_FILE: usize = 4 * 1024 * 1024;
const WRITE: &str = "FRONTDESK_STORE_WRITE_FIXTURE";

#[test]
fn a_store_of_version_1_opens_and_holds_every_value() {
    if let Some(folder) = env::var_os(WRITE) {
        write_fixture(Path::new(&folder));
        let mut with_journal = folder;
        with_journal.push("-journal");
        return write_journal_fixture(Path::new(&with_journal));
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

#[test]
fn a_store_of_version_1_that_was_killed_opens_and_holds_what_its_journal_says() {
    let home = copy_of("v1-journal");
    for _ in 0..2 {
        let store = open(home.path(), KEY).unwrap();
        assert!(store.scan(&Scan::prefix(b"")).unwrap() == entries(), "the fixture holds something else");
        // Once from the journal, once from what the opening has put into the database.
        store.into_engine().close().unwrap();
    }
}

#[test]
fn a_store_of_version_1_that_was_killed_is_nothing_without_its_journal() {
    let home = copy_of("v1-journal");
    for name in JOURNAL {
        fs::write(home.path().join(name), vec![0; JOURNAL_FILE]).unwrap();
    }
    let store = open(home.path(), KEY).unwrap();
    assert!(
        store.scan(&Scan::prefix(b"")).unwrap() == early(),
        "the journal of the fixture says nothing new"
    );
    let home = copy_of("v1-journal");
    fs::remove_file(home.path().join(JOURNAL[0])).unwrap();
    assert!(matches!(open(home.path(), KEY).unwrap_err(), StoreError::Damaged { .. }));
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

/// What the database of the killed one has: the journal writes over some of it, deletes some, and adds the rest.
fn early() -> Vec<(Vec<u8>, Vec<u8>)> {
    let early = (0..20).map(|number| (format!("message/{number:02}").into_bytes(), b"before".to_vec()));
    early.chain([(b"passing".to_vec(), pattern(20_000))]).collect()
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

fn write_journal_fixture(folder: &Path) {
    let home = TempDir::new().unwrap();
    let commit = |store: &Sealed<SledStore>, puts: &[(Vec<u8>, Vec<u8>)], deletes: &[&str]| {
        let mut batch = Batch::new();
        puts.iter().for_each(|(key, value)| batch.put(key.clone(), value.clone()).unwrap());
        deletes.iter().for_each(|key| batch.delete(*key).unwrap());
        store.commit(&batch).unwrap();
        store.flush().unwrap();
    };
    let store = open(home.path(), KEY).unwrap();
    commit(&store, &early(), &[]);
    store.into_engine().close().unwrap();
    let store = open(home.path(), KEY).unwrap();
    let entries = entries();
    let (one, two) = entries.split_at(entries.len() / 2);
    commit(&store, one, &["passing"]);
    commit(&store, two, &[]);
    // As it is now, and not as it would be closed.
    fs::create_dir_all(folder).unwrap();
    for entry in fs::read_dir(home.path()).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name();
        if entry.file_type().unwrap().is_file() && name != "lock" {
            let mut bytes = fs::read(entry.path()).unwrap();
            if JOURNAL.iter().any(|journal| name == *journal) {
                bytes.truncate(bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1));
            }
            fs::write(folder.join(name), bytes).unwrap();
        }
    }
}

/// Opening writes to the folder, so a test works on a copy. The journal's files have their length again.
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
    for path in JOURNAL.map(|name| copy.path().join(name)) {
        if path.exists() {
            File::options().write(true).open(path).unwrap().set_len(JOURNAL_FILE as u64).unwrap();
        }
    }
    copy
}
