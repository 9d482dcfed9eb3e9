//! The journal: what was flushed and is not in sled yet, in files that are only ever written from front to back.
//!
//! A flush appends one record and waits for one `fdatasync`. Time is cut into generations; generation `g` writes to
//! file `g % 2`, from its start. A checkpoint puts all changes into sled together with the number of the next
//! generation, in one batch; from then on the records of the generation before are only of use should sled lose that
//! batch. An opening reads the generation from sled, and does again what the records of it, and of the next one, say.
//!
//! Records are found by their own words: a checksum, a generation, a number in it, and how many records the generation
//! before had. A record that a crash cut short is the last one and was never acknowledged. Everything else that doesn't
//! fit is damage: one that is wrong with a good one behind it, fewer records than the next generation knows of, a
//! generation that sled should have reached, a file that is gone.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;

use super::sync::sync_data;
use crate::limits::{MAX_ENGINE_VALUE, check_value};
use crate::{Batch, Change, StoreError};

/// Bytes of each of the two files, written once: to write over them needs no news of the file's size on the disk.
pub(super) const FILE_SIZE: usize = 4 * 1024 * 1024;
/// Records begin at multiples of this, so that no write touches a sector that holds an older record.
const ALIGN: usize = 4096;
/// Checksum (CRC-32), length of the content, records of the generation before, generation, number, 4 zero bytes;
/// big-endian.
const HEADER: usize = 28;

/// The generation that a store begins with.
pub(super) const FIRST: u64 = 0;

#[derive(Debug)]
pub(super) struct Journal {
    files: [File; 2],
    generation: u64,
    /// Records of the generation before.
    previous: u32,
    /// The number of the next record, and where it goes.
    number: u32,
    position: usize,
}

impl Journal {
    /// Makes the journal of a new store in the folder `home`.
    pub(super) fn make(home: &Path) -> Result<Self, StoreError> {
        let make = |name| make_file(&home.join(name));
        let files = [make("journal.0"), make("journal.1")];
        let [even, odd] =
            files.map(|file| file.map_err(|source| StoreError::from_io("make its journal", source)));
        Ok(Self { files: [even?, odd?], generation: FIRST, previous: 0, number: 0, position: 0 })
    }

    /// Opens the journal in the folder `home`, and says what sled, which is at `generation`, hasn't got.
    pub(super) fn open(home: &Path, generation: u64) -> Result<(Self, Batch), StoreError> {
        let files = [open_file(&home.join("journal.0"))?, open_file(&home.join("journal.1"))?];
        let mut journal = Self { files, generation, previous: 0, number: 0, position: 0 };
        let next = journal.next_generation();
        for file in &journal.files {
            if first_record(file)?.is_some_and(|first| first.generation > next) {
                return Err(StoreError::damaged("the database is older than its journal"));
            }
        }
        let mut missing = Batch::new();
        journal.previous = journal.count(generation.wrapping_sub(1))?;
        journal.number = journal.replay(generation, &mut missing)?.number;
        let later = journal.replay(next, &mut missing)?;
        if later.number > 0 {
            if later.previous != journal.number {
                return Err(StoreError::damaged("records are missing at the end of its journal"));
            }
            journal.advance();
            journal.number = later.number;
        }
        // Whoever opens makes a checkpoint of what is missing before anything is appended.
        Ok((journal, missing))
    }

    /// The generation after this one: what a checkpoint writes to sled.
    pub(super) fn next_generation(&self) -> u64 {
        self.generation.saturating_add(1)
    }

    /// A checkpoint is durable: the next generation begins.
    pub(super) fn advance(&mut self) {
        self.generation = self.next_generation();
        self.previous = self.number;
        self.number = 0;
        self.position = 0;
    }

    /// Whether a record of this content fits into what is left of the file.
    pub(super) fn has_room(&self, content: usize) -> bool {
        whole(content).is_some_and(|len| len <= FILE_SIZE.saturating_sub(self.position))
    }

    /// Makes a record durable. After an error it may or may not be there.
    pub(super) fn append(&mut self, content: &[u8]) -> Result<(), StoreError> {
        let header = Header { previous: self.previous, generation: self.generation, number: self.number };
        let record = encode_record(content, header)
            .filter(|record| record.len() <= FILE_SIZE.saturating_sub(self.position))
            .ok_or_else(|| StoreError::damaged("a record too large for the journal"))?;
        let file = file_of(&self.files, self.generation);
        let write = || -> io::Result<()> {
            file.write_all_at(&record, u64::try_from(self.position).map_err(io::Error::other)?)?;
            sync_data(file)
        };
        write().map_err(|source| StoreError::from_io("write its journal", source))?;
        self.number = self.number.saturating_add(1);
        self.position = self.position.saturating_add(record.len());
        Ok(())
    }

    /// How many records of a generation are at the start of its file, which the one after the next may write over.
    fn count(&self, generation: u64) -> Result<u32, StoreError> {
        let bytes = read(file_of(&self.files, generation), FILE_SIZE)?;
        let (mut rest, mut number) = (bytes.as_slice(), 0);
        while let Some((record, behind)) = decode_record(rest)
            && (record.generation, record.number) == (generation, number)
        {
            (rest, number) = (behind, record.number.saturating_add(1));
        }
        Ok(number)
    }

    /// Adds what the records of a generation say.
    fn replay(&self, generation: u64, into: &mut Batch) -> Result<Replayed, StoreError> {
        let bytes = read(file_of(&self.files, generation), FILE_SIZE)?;
        let mut rest = bytes.as_slice();
        let mut replayed = Replayed { number: 0, previous: 0 };
        while let Some((record, behind)) = decode_record(rest)
            && (record.generation, record.number) == (generation, replayed.number)
        {
            decode_changes(record.content, into)?;
            rest = behind;
            replayed = Replayed { number: record.number.saturating_add(1), previous: record.previous };
        }
        let later = |at: usize| {
            let record = rest.get(at..).and_then(decode_record);
            record
                .is_some_and(|(record, _)| record.generation == generation && record.number > replayed.number)
        };
        if (0..rest.len()).step_by(ALIGN).any(later) {
            return Err(StoreError::damaged("a record in the middle of its journal is wrong"));
        }
        Ok(replayed)
    }
}

/// What a generation's records said of themselves.
struct Replayed {
    /// How many there are.
    number: u32,
    /// How many the generation before had.
    previous: u32,
}

fn file_of(files: &[File; 2], generation: u64) -> &File {
    let [even, odd] = files;
    if generation.is_multiple_of(2) { even } else { odd }
}

fn make_file(path: &Path) -> io::Result<File> {
    let mut file =
        OpenOptions::new().read(true).write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(&vec![0; FILE_SIZE])?;
    file.sync_all()?;
    Ok(file)
}

fn open_file(path: &Path) -> Result<File, StoreError> {
    let gone = || StoreError::damaged("a file of its journal is gone or cut short");
    let open = || -> io::Result<(File, u64)> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        let len = file.metadata()?.len();
        Ok((file, len))
    };
    match open() {
        Ok((file, len)) if usize::try_from(len).is_ok_and(|len| len == FILE_SIZE) => Ok(file),
        Ok(_) => Err(gone()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(gone()),
        Err(source) => Err(StoreError::from_io("open its journal", source)),
    }
}

fn read(mut file: &File, limit: usize) -> Result<Vec<u8>, StoreError> {
    let mut bytes = Vec::new();
    let most = u64::try_from(limit).unwrap_or(u64::MAX);
    let read = file.rewind().and_then(|()| file.take(most).read_to_end(&mut bytes));
    read.map_err(|source| StoreError::from_io("read its journal", source))?;
    Ok(bytes)
}

fn first_record(file: &File) -> Result<Option<Header>, StoreError> {
    let bytes = read(file, FILE_SIZE)?;
    Ok(decode_record(&bytes).map(|(record, _)| Header {
        previous: record.previous,
        generation: record.generation,
        number: record.number,
    }))
}

/// What a record says of itself.
struct Header {
    previous: u32,
    generation: u64,
    number: u32,
}

struct Record<'a> {
    previous: u32,
    generation: u64,
    number: u32,
    content: &'a [u8],
}

/// Bytes of a record with so many of content.
fn whole(content: usize) -> Option<usize> {
    content.checked_add(HEADER)?.checked_next_multiple_of(ALIGN)
}

fn encode_record(content: &[u8], header: Header) -> Option<Vec<u8>> {
    let len = whole(content.len())?;
    let mut record = Vec::with_capacity(len);
    record.extend([0; 4]);
    record.extend(u32::try_from(content.len()).ok()?.to_be_bytes());
    record.extend(header.previous.to_be_bytes());
    record.extend(header.generation.to_be_bytes());
    record.extend(header.number.to_be_bytes());
    record.extend([0; 4]);
    record.extend(content);
    let (checksum, rest) = record.split_first_chunk_mut::<4>()?;
    *checksum = crc32fast::hash(rest).to_be_bytes();
    record.resize(len, 0);
    Some(record)
}

/// The record at the start of `bytes`, if it is whole, and what follows it.
fn decode_record(bytes: &[u8]) -> Option<(Record<'_>, &[u8])> {
    let (checksum, body) = bytes.split_first_chunk::<4>()?;
    let (len, rest) = body.split_first_chunk::<4>()?;
    let (previous, rest) = rest.split_first_chunk::<4>()?;
    let (generation, rest) = rest.split_first_chunk::<8>()?;
    let (number, rest) = rest.split_first_chunk::<4>()?;
    let (_, rest) = rest.split_first_chunk::<4>()?;
    let len = usize::try_from(u32::from_be_bytes(*len)).ok()?;
    let content = rest.get(..len)?;
    if crc32fast::hash(body.get(..HEADER - 4 + len)?) != u32::from_be_bytes(*checksum) {
        return None;
    }
    let record = Record {
        previous: u32::from_be_bytes(*previous),
        generation: u64::from_be_bytes(*generation),
        number: u32::from_be_bytes(*number),
        content,
    };
    Some((record, bytes.get(whole(len)?..).unwrap_or_default()))
}

/// Adds a batch to the content of a record: for each change the key's length, 0 or the value's length and 1, and both.
pub(super) fn encode_changes(batch: &Batch, into: &mut Vec<u8>) {
    for (key, change) in batch.iter() {
        let value = change.value();
        // Keys and values are bounded far below these types.
        into.extend(u16::try_from(key.len()).unwrap_or(u16::MAX).to_be_bytes());
        let len = value.map_or(0, |value| u32::try_from(value.len()).unwrap_or(u32::MAX).saturating_add(1));
        into.extend(len.to_be_bytes());
        into.extend(key);
        into.extend(value.map(Vec::as_slice).unwrap_or_default());
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

    fn missing(home: &TempDir, generation: u64) -> Result<Batch, StoreError> {
        Journal::open(home.path(), generation).map(|(_, missing)| missing)
    }

    fn is_damaged(home: &TempDir, generation: u64) -> bool {
        matches!(missing(home, generation), Err(StoreError::Damaged { .. }))
    }

    /// Generation 0 with `a` and `b`, generation 1 with `c`.
    fn two_generations() -> TempDir {
        let home = TempDir::new().unwrap();
        let mut journal = Journal::make(home.path()).unwrap();
        journal.append(&content("a", Some("1"))).unwrap();
        journal.append(&content("b", Some("2"))).unwrap();
        journal.advance();
        journal.append(&content("c", None)).unwrap();
        home
    }

    fn damage(home: &TempDir, file: &str, at: usize) {
        let path = home.path().join(file);
        let mut bytes = std::fs::read(&path).unwrap();
        *bytes.get_mut(at).unwrap() ^= 1;
        std::fs::write(path, bytes).unwrap();
    }

    #[test]
    fn an_opening_does_again_what_the_generation_of_sled_and_the_next_one_say() {
        let home = two_generations();
        assert_eq!(keys(&missing(&home, 0).unwrap()), ["a", "b", "c"]);
        assert_eq!(keys(&missing(&home, 1).unwrap()), ["c"]);
        assert!(missing(&home, 2).unwrap().is_empty() && missing(&home, 7).unwrap().is_empty());
    }

    #[test]
    fn a_record_that_was_cut_short_is_the_end() {
        let home = two_generations();
        damage(&home, "journal.1", HEADER);
        assert_eq!(keys(&missing(&home, 0).unwrap()), ["a", "b"]);
        assert!(missing(&home, 1).unwrap().is_empty());
    }

    #[test]
    fn what_is_lost_in_the_middle_or_before_a_later_generation_is_damage() {
        let home = two_generations();
        damage(&home, "journal.0", HEADER);
        assert!(is_damaged(&home, 0));
        let home = two_generations();
        damage(&home, "journal.0", ALIGN + HEADER);
        assert!(is_damaged(&home, 0));
        assert_eq!(keys(&missing(&home, 1).unwrap()), ["c"]);
    }

    #[test]
    fn a_generation_without_records_leads_on_to_the_next() {
        let home = TempDir::new().unwrap();
        let mut journal = Journal::make(home.path()).unwrap();
        journal.append(&content("a", Some("1"))).unwrap();
        journal.advance();
        journal.advance();
        journal.append(&content("b", Some("2"))).unwrap();
        assert_eq!(keys(&missing(&home, 1).unwrap()), ["b"]);
        assert_eq!(keys(&missing(&home, 2).unwrap()), ["b"]);
    }

    #[test]
    fn a_database_that_fell_back_further_than_the_journal_reaches_is_damage() {
        let home = two_generations();
        let (mut journal, _) = Journal::open(home.path(), 1).unwrap();
        journal.advance();
        journal.append(&content("d", Some("3"))).unwrap();
        assert!(is_damaged(&home, 0));
        assert_eq!(keys(&missing(&home, 1).unwrap()), ["c", "d"]);
    }

    #[test]
    fn a_generation_that_writes_over_an_older_one_does_not_take_over_its_end() {
        let home = two_generations();
        let (mut journal, _) = Journal::open(home.path(), 1).unwrap();
        journal.advance();
        journal.append(&content("d", Some("3"))).unwrap();
        assert_eq!(keys(&missing(&home, 2).unwrap()), ["d"]);
    }

    #[test]
    fn a_file_that_is_gone_or_cut_short_is_damage() {
        let home = two_generations();
        std::fs::remove_file(home.path().join("journal.1")).unwrap();
        assert!(is_damaged(&home, 2));
        let home = two_generations();
        let file = OpenOptions::new().write(true).open(home.path().join("journal.0")).unwrap();
        file.set_len(17).unwrap();
        assert!(is_damaged(&home, 1));
    }

    #[test]
    fn what_does_not_fit_is_refused_before_it_is_written() {
        let home = TempDir::new().unwrap();
        let mut journal = Journal::make(home.path()).unwrap();
        assert!(journal.has_room(FILE_SIZE - HEADER));
        assert!(!journal.has_room(FILE_SIZE - HEADER + 1));
        assert!(journal.append(&vec![0; FILE_SIZE - HEADER + 1]).is_err());
        journal.append(&[]).unwrap();
        assert!(!journal.has_room(FILE_SIZE - HEADER));
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_end_or_damage(bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
            let _ = decode_record(&bytes);
            let _ = decode_changes(&bytes, &mut Batch::new());
            let record = encode_record(&bytes, Header { previous: 2, generation: 3, number: 4 }).unwrap();
            let (decoded, rest) = decode_record(&record).unwrap();
            prop_assert!(decoded.content == bytes && rest.is_empty() && record.len().is_multiple_of(ALIGN));
            prop_assert_eq!((decoded.previous, decoded.generation, decoded.number), (2, 3, 4));
        }
    }
}
