#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use crate::{
    home::{PassphraseSource, Vault},
    mutation::{Mutator, cases},
};
use frontdesk_identity::{Passphrase, UnixTime, write_private};
use frontdesk_store::{Batch, MemoryStore, Store as _};
use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::PathBuf,
};

struct Scene {
    dir: tempfile::TempDir,
    vault: Vault,
    store: MemoryStore,
}

impl Scene {
    fn new() -> Self {
        Self::of(700, 200_000)
    }

    /// So many messages, and a record of so many bytes.
    fn of(messages: u32, large: usize) -> Self {
        let store = MemoryStore::new();
        let mut batch = Batch::new();
        for number in 0..messages {
            batch.put(format!("h/{number:04}"), vec![7; 300]).unwrap();
        }
        batch.put("m/ratchet", "key of a thread").unwrap();
        batch.put("t/large", vec![9; large]).unwrap();
        store.commit(&batch).unwrap();
        Self { dir: tempfile::tempdir().unwrap(), vault: Vault::generate(), store }
    }

    fn file(&self) -> PathBuf {
        self.dir.path().join("acme.backup")
    }

    /// Where it is until it is whole.
    fn part(&self) -> PathBuf {
        self.dir.path().join("acme.backup.part")
    }

    fn write(&self) -> Result<Summary, BackupError> {
        let passphrase = Passphrase::new("open sesame".into());
        let recipe = Recipe::prepare(self.file(), &self.vault.device, &passphrase)?;
        recipe.write(&self.store, UnixTime(1_700_000_000), &|_| {})
    }

    fn open(&self, passphrase: &str) -> Result<Backup, BackupError> {
        let file = self.dir.path().join("passphrase");
        write_private(&file, passphrase.as_bytes()).unwrap();
        Backup::open(&self.file(), &PassphraseSource::File(file))
    }
}

#[test]
fn a_backup_gives_back_every_record_but_the_keys_of_threads() {
    let scene = Scene::new();
    let written = scene.write().unwrap();
    assert_eq!(fs::metadata(scene.file()).unwrap().mode() & 0o777, 0o600);
    let backup = scene.open("open sesame").unwrap();
    assert_eq!(backup.vault.device.id(), scene.vault.device.id());
    assert_eq!(backup.verify().unwrap(), written);
    let mut contents = backup.contents().unwrap();
    assert_eq!(contents.made, UnixTime(1_700_000_000));
    let mut records = Vec::new();
    while let Some(record) = contents.next().unwrap() {
        records.push(record);
    }
    assert_eq!(records.len(), 701);
    assert!(records.iter().all(|(key, _)| !key.starts_with(b"m/")));
    assert_eq!(records.last().unwrap(), &(b"t/large".to_vec(), vec![9; 200_000]));
}

#[test]
fn nothing_of_the_content_is_readable_in_the_file() {
    let scene = Scene::new();
    scene.write().unwrap();
    let bytes = fs::read(scene.file()).unwrap();
    for plain in [&[7; 16][..], &[9; 16], b"h/0001", scene.vault.device.id().as_bytes()] {
        assert!(!bytes.windows(plain.len()).any(|window| window == plain));
    }
}

#[test]
fn a_file_that_is_there_is_not_overwritten() {
    let scene = Scene::new();
    fs::write(scene.file(), "precious").unwrap();
    assert!(matches!(scene.write(), Err(BackupError::Exists(_))));
    assert_eq!(fs::read(scene.file()).unwrap(), b"precious");
}

#[test]
fn what_a_crash_left_of_a_backup_is_replaced() {
    let scene = Scene::new();
    fs::write(scene.part(), "half of it").unwrap();
    fs::set_permissions(scene.part(), fs::Permissions::from_mode(0o644)).unwrap();
    scene.write().unwrap();
    assert_eq!(fs::metadata(scene.file()).unwrap().mode() & 0o777, 0o600);
    scene.open("open sesame").unwrap().verify().unwrap();
    assert!(!scene.part().exists());
}

#[test]
fn a_link_in_the_way_is_neither_followed_nor_removed() {
    let scene = Scene::new();
    let other = scene.dir.path().join("other");
    fs::write(&other, "precious").unwrap();
    std::os::unix::fs::symlink(&other, scene.part()).unwrap();
    assert!(matches!(scene.write(), Err(BackupError::Exists(_))));
    assert_eq!(fs::read(&other).unwrap(), b"precious");
    assert!(!scene.file().exists());
}

#[test]
fn a_backup_that_another_still_writes_is_left_alone() {
    let scene = Scene::new();
    let part = part::Part::create(&scene.file()).unwrap();
    assert!(matches!(scene.write(), Err(BackupError::UnderWay(_))));
    assert!(scene.part().exists() && !scene.file().exists());
    drop(part);
    scene.write().unwrap();
}

#[test]
fn a_backup_that_fails_leaves_nothing_behind() {
    let scene = Scene::new();
    let passphrase = Passphrase::new("open sesame".into());
    let recipe = Recipe::prepare(scene.file(), &scene.vault.device, &passphrase).unwrap();
    // Another comes first.
    fs::write(scene.file(), "precious").unwrap();
    assert!(matches!(recipe.write(&scene.store, UnixTime(1), &|_| {}), Err(BackupError::Io(_))));
    assert_eq!(fs::read(scene.file()).unwrap(), b"precious");
    assert!(!scene.part().exists());
}

#[test]
fn a_wrong_passphrase_and_other_files_are_refused() {
    let scene = Scene::new();
    fs::write(scene.file(), "something else entirely").unwrap();
    assert!(matches!(scene.open("open sesame"), Err(BackupError::NotABackup)));
    fs::remove_file(scene.file()).unwrap();
    scene.write().unwrap();
    assert!(matches!(scene.open("open sesam"), Err(BackupError::Keys(_))));
    let mut bytes = fs::read(scene.file()).unwrap();
    *bytes.get_mut(17).unwrap() = 9;
    fs::write(scene.file(), bytes).unwrap();
    assert!(matches!(scene.open("open sesame"), Err(BackupError::UnknownVersion { found: 9 })));
}

#[test]
fn a_cut_a_lengthened_and_a_changed_backup_are_noticed() {
    let scene = Scene::new();
    scene.write().unwrap();
    let good = fs::read(scene.file()).unwrap();
    let passphrase = |bytes: Vec<u8>| {
        fs::write(scene.file(), bytes).unwrap();
        scene.open("open sesame").and_then(|backup| backup.verify())
    };
    // One chunk less, one byte more, one bit changed in each of some places behind the keys.
    let last_chunk = good.len() - 5;
    assert!(matches!(passphrase(good.get(..last_chunk).unwrap().to_vec()), Err(BackupError::Damaged(_))));
    assert!(matches!(passphrase([good.clone(), vec![0]].concat()), Err(BackupError::Damaged(_))));
    for place in [good.len() / 3, good.len() / 2, good.len() - 1] {
        let mut bad = good.clone();
        *bad.get_mut(place).unwrap() ^= 1;
        assert!(matches!(passphrase(bad), Err(BackupError::Damaged(_))), "byte {place}");
    }
}

/// Behind the keys, whatever is changed: an error, or the records as they were.
#[test]
fn no_mutation_of_a_backup_gives_other_records() {
    let scene = Scene::of(20, 900);
    scene.write().unwrap();
    let good = fs::read(scene.file()).unwrap();
    let backup = scene.open("open sesame").unwrap();
    let records = || -> Result<Vec<_>, BackupError> {
        let mut contents = backup.contents()?;
        std::iter::from_fn(|| contents.next().transpose()).collect()
    };
    let all = records().unwrap();
    let mut mutator = Mutator::new(1);
    let mut refused = 0;
    for case in 0..cases(2_000) {
        let bytes = mutator.mutate(&good);
        fs::write(scene.file(), &bytes).unwrap();
        match records() {
            Ok(found) => assert_eq!(found, all, "case {case}"),
            Err(_) => refused += 1,
        }
    }
    assert!(refused > 1_500, "{refused}");
}

/// Magic, version, length and key file: each bit, and each place to cut it off.
#[test]
fn no_change_of_a_backups_head_or_keys_opens_it() {
    let scene = Scene::of(1, 10);
    scene.write().unwrap();
    let good = fs::read(scene.file()).unwrap();
    let length = good.get(18..22).and_then(|bytes| bytes.first_chunk::<4>()).copied().unwrap();
    let head = 22 + usize::try_from(u32::from_be_bytes(length)).unwrap();
    let opens = |bytes: &[u8]| {
        fs::write(scene.file(), bytes).unwrap();
        scene.open("open sesame").and_then(|backup| backup.verify()).is_ok()
    };
    assert!(opens(&good));
    for place in 0..head {
        assert!(!opens(good.get(..place).unwrap()), "cut off at {place}");
        for bit in 0..8 {
            let mut bad = good.clone();
            *bad.get_mut(place).unwrap() ^= 1 << bit;
            assert!(!opens(&bad), "bit {bit} of byte {place}");
        }
    }
    let (head, rest) = good.split_at(head);
    let mut mutator = Mutator::new(2);
    for case in 0..cases(2_000) {
        let bad = mutator.mutate(head);
        assert!(bad == head || !opens(&[&bad, rest].concat()), "case {case}");
    }
}
