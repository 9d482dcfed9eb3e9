//! The journal: what was flushed and is not in sled yet, in files that are only ever written from front to back.
//!
//! A flush appends one record and waits for one `fdatasync`. Time is cut into generations; generation `g` writes to
//! file `g % 2`, from its start. A checkpoint puts all changes into sled together with the number of the next
//! generation, in one batch; from then on the records of the generation before are only of use should sled lose that
//! batch. An opening reads the generation from sled, and does again what the records of it, and of the next one, say.
//!
//! Records are found by their own words: a checksum, a generation, a number in it. A record that a crash cut short is
//! the last one and was never acknowledged. One that is wrong with a good one behind it is damage.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;

use crate::limits::{MAX_ENGINE_VALUE, check_value};
use crate::{Batch, Change, StoreError};

/// Bytes of each of the two files, written once: to write over them needs no news of the file's size on the disk.
pub(super) const FILE_SIZE: usize = 2 * 1024 * 1024;
/// Records begin at multiples of this.
const ALIGN: usize = 16;
/// Checksum (CRC-32), length of the content, generation, number; big-endian.
const HEADER: usize = 24;

/// The generation that a store begins with.
pub(super) const FIRST: u64 = 0;

#[derive(Debug)]
pub(super) struct Journal {
    files: [File; 2],
    generation: u64,
    /// The number of the next record, and where it goes.
    number: u64,
    position: usize,
}

impl Journal {
    /// Opens, or makes, the journal in the folder `home`, and says what sled, which is at `generation`, hasn't got.
    pub(super) fn open(home: &Path, generation: u64) -> Result<(Self, Batch), StoreError> {
        let files = [open_file(&home.join("journal.0"))?, open_file(&home.join("journal.1"))?];
        let mut journal = Self { files, generation, number: 0, position: 0 };
        let mut missing = Batch::new();
        if journal.replay(&mut missing)? {
            let sure = journal.generation;
            journal.advance();
            if !journal.replay(&mut missing)? {
                journal.generation = sure;
            }
        }
        Ok((journal, missing))
    }

    /// The generation after this one: what a checkpoint writes to sled.
    pub(super) fn next_generation(&self) -> u64 {
        self.generation.saturating_add(1)
    }

    /// A checkpoint is durable: the next generation begins.
    pub(super) fn advance(&mut self) {
        self.generation = self.next_generation();
        self.number = 0;
        self.position = 0;
    }

    /// Whether a record of this content fits into what is left of the file.
    pub(super) fn has_room(&self, content: usize) -> bool {
        self.position.saturating_add(HEADER).saturating_add(content) <= FILE_SIZE
    }

    /// Makes a record durable. After an error it may or may not be there.
    pub(super) fn append(&mut self, content: &[u8]) -> Result<(), StoreError> {
        let record = encode_record(content, self.generation, self.number)
            .ok_or_else(|| StoreError::damaged("a record too large for the journal"))?;
        let file = file_of(&self.files, self.generation);
        let write = || -> io::Result<()> {
            file.write_all_at(&record, u64::try_from(self.position).map_err(io::Error::other)?)?;
            file.sync_data()
        };
        write().map_err(|source| StoreError::from_io("write its journal", source))?;
        self.number = self.number.saturating_add(1);
        self.position = self.position.saturating_add(record.len());
        Ok(())
    }

    /// Adds what the records of this generation say. Answers whether there are any.
    fn replay(&self, into: &mut Batch) -> Result<bool, StoreError> {
        let mut bytes = Vec::new();
        let mut file = file_of(&self.files, self.generation);
        let limit = u64::try_from(FILE_SIZE).unwrap_or(u64::MAX);
        let read = io::Seek::rewind(&mut file).and_then(|()| file.take(limit).read_to_end(&mut bytes));
        read.map_err(|source| StoreError::from_io("read its journal", source))?;
        let mut rest = bytes.as_slice();
        let mut number = 0;
        while let Some((record, behind)) = decode_record(rest, self.generation)
            && record.number == number
        {
            decode_changes(record.content, into)?;
            rest = behind;
            number += 1;
        }
        let later = |at: usize| {
            let record = rest.get(at..).and_then(|rest| decode_record(rest, self.generation));
            record.is_some_and(|(record, _)| record.number > number)
        };
        if (0..rest.len()).step_by(ALIGN).any(later) {
            return Err(StoreError::damaged("a record in the middle of its journal is wrong"));
        }
        Ok(number > 0)
    }
}

fn file_of(files: &[File; 2], generation: u64) -> &File {
    let [even, odd] = files;
    if generation.is_multiple_of(2) { even } else { odd }
}

fn open_file(path: &Path) -> Result<File, StoreError> {
    let open = || -> io::Result<File> {
        let options =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path);
        let mut file = options?;
        let there = usize::try_from(file.metadata()?.len()).unwrap_or(FILE_SIZE);
        if there < FILE_SIZE {
            io::Seek::seek(&mut file, io::SeekFrom::End(0))?;
            file.write_all(&vec![0; FILE_SIZE - there])?;
            file.sync_all()?;
        }
        Ok(file)
    };
    open().map_err(|source| StoreError::from_io("open its journal", source))
}

struct Record<'a> {
    number: u64,
    content: &'a [u8],
}

fn encode_record(content: &[u8], generation: u64, number: u64) -> Option<Vec<u8>> {
    let mut record = vec![0; 4];
    record.extend(u32::try_from(content.len()).ok()?.to_be_bytes());
    record.extend(generation.to_be_bytes());
    record.extend(number.to_be_bytes());
    record.extend(content);
    let (checksum, rest) = record.split_first_chunk_mut::<4>()?;
    *checksum = crc32fast::hash(rest).to_be_bytes();
    record.resize(record.len().next_multiple_of(ALIGN), 0);
    Some(record)
}

/// The record at the start of `bytes`, if it is whole and of this generation, and what follows it.
fn decode_record(bytes: &[u8], generation: u64) -> Option<(Record<'_>, &[u8])> {
    let (checksum, body) = bytes.split_first_chunk::<4>()?;
    let (len, rest) = body.split_first_chunk::<4>()?;
    let (found, rest) = rest.split_first_chunk::<8>()?;
    let (number, rest) = rest.split_first_chunk::<8>()?;
    if u64::from_be_bytes(*found) != generation {
        return None;
    }
    let len = usize::try_from(u32::from_be_bytes(*len)).ok()?;
    let content = rest.get(..len)?;
    if crc32fast::hash(body.get(..HEADER - 4 + len)?) != u32::from_be_bytes(*checksum) {
        return None;
    }
    let whole = (HEADER + len).next_multiple_of(ALIGN);
    Some((Record { number: u64::from_be_bytes(*number), content }, bytes.get(whole..).unwrap_or_default()))
}

/// Adds a batch to the content of a record: for each change the key's length, 0 or the value's length and 1, and both.
pub(super) fn encode_changes(batch: &Batch, into: &mut Vec<u8>) {
    for (key, change) in batch.iter() {
        let value = match change {
            Change::Put(value) => Some(value.as_slice()),
            Change::Delete => None,
        };
        // Keys and values are bounded far below these types.
        into.extend(u16::try_from(key.len()).unwrap_or(u16::MAX).to_be_bytes());
        let len = value.map_or(0, |value| u32::try_from(value.len()).unwrap_or(u32::MAX).saturating_add(1));
        into.extend(len.to_be_bytes());
        into.extend(key);
        into.extend(value.unwrap_or_default());
    }
}

fn decode_changes(mut content: &[u8], into: &mut Batch) -> Result<(), StoreError> {
    while !content.is_empty() {
        let (key, change, rest) =
            decode_change(content).ok_or_else(|| StoreError::damaged("a journal that makes no sense"))?;
        if let Change::Put(value) = &change {
            check_value(value, MAX_ENGINE_VALUE)?;
        }
        into.set(key.to_vec(), change);
        content = rest;
    }
    Ok(())
}

fn decode_change(bytes: &[u8]) -> Option<(&[u8], Change, &[u8])> {
    let (key_len, rest) = bytes.split_first_chunk::<2>()?;
    let (value_len, rest) = rest.split_first_chunk::<4>()?;
    let (key, rest) = rest.split_at_checked(u16::from_be_bytes(*key_len).into())?;
    let Some(len) = u32::from_be_bytes(*value_len).checked_sub(1) else {
        return Some((key, Change::Delete, rest));
    };
    let (value, rest) = rest.split_at_checked(usize::try_from(len).ok()?)?;
    Some((key, Change::Put(value.to_vec()), rest))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tempfile::TempDir;

    fn content(key: &str, value: Option<&str>) -> Vec<u8> {
        let (mut batch, mut bytes) = (Batch::new(), Vec::new());
        match value {
            Some(value) => batch.put(key, value).unwrap(),
            None => batch.delete(key).unwrap(),
        }
        encode_changes(&batch, &mut bytes);
        bytes
    }

    fn keys(batch: &Batch) -> Vec<&str> {
        batch.iter().map(|(key, _)| std::str::from_utf8(key).unwrap()).collect()
    }

    fn missing(home: &TempDir, generation: u64) -> Batch {
        Journal::open(home.path(), generation).unwrap().1
    }

    /// Generation 0 with `a` and `b`, generation 1 with `c`.
    fn two_generations() -> TempDir {
        let home = TempDir::new().unwrap();
        let (mut journal, nothing) = Journal::open(home.path(), FIRST).unwrap();
        assert!(nothing.is_empty());
        journal.append(&content("a", Some("1"))).unwrap();
        journal.append(&content("b", Some("2"))).unwrap();
        journal.advance();
        journal.append(&content("c", None)).unwrap();
        home
    }

    fn damage(home: &TempDir, at: usize) {
        let path = home.path().join("journal.0");
        let mut bytes = std::fs::read(&path).unwrap();
        *bytes.get_mut(at).unwrap() ^= 1;
        std::fs::write(path, bytes).unwrap();
    }

    #[test]
    fn an_opening_does_again_what_the_generation_of_sled_and_the_next_one_say() {
        let home = two_generations();
        assert_eq!(keys(&missing(&home, 0)), ["a", "b", "c"]);
        assert_eq!(keys(&missing(&home, 1)), ["c"]);
        assert!(missing(&home, 2).is_empty() && missing(&home, 7).is_empty());
    }

    #[test]
    fn a_record_that_was_cut_short_is_the_end_and_one_in_the_middle_is_damage() {
        let (first, second) = (HEADER, HEADER + 2 * ALIGN);
        let home = two_generations();
        damage(&home, second);
        assert_eq!(keys(&missing(&home, 0)), ["a", "c"]);
        let home = two_generations();
        damage(&home, first);
        assert!(matches!(Journal::open(home.path(), 0), Err(StoreError::Damaged { .. })));
    }

    #[test]
    fn a_generation_that_writes_over_an_older_one_does_not_take_over_its_end() {
        let home = two_generations();
        let (mut journal, _) = Journal::open(home.path(), 1).unwrap();
        journal.advance();
        journal.append(&content("d", Some("3"))).unwrap();
        assert_eq!(keys(&missing(&home, 2)), ["d"]);
    }

    #[test]
    fn what_does_not_fit_is_known_before_it_is_written() {
        let home = TempDir::new().unwrap();
        let (journal, _) = Journal::open(home.path(), FIRST).unwrap();
        assert!(journal.has_room(FILE_SIZE - HEADER));
        assert!(!journal.has_room(FILE_SIZE - HEADER + 1));
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_end_or_damage(bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
            let _ = decode_record(&bytes, 0);
            let _ = decode_changes(&bytes, &mut Batch::new());
            let record = encode_record(&bytes, 3, 4).unwrap();
            let (decoded, rest) = decode_record(&record, 3).unwrap();
            prop_assert!(decoded.content == bytes && decoded.number == 4 && rest.is_empty());
            prop_assert!(decode_record(&record, 2).is_none());
        }
    }
}
