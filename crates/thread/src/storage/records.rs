//! Keys and values, as they are in the store.

use super::StorageError;
use serde::{Serialize, de::DeserializeOwned};
use sha2::{Digest as _, Sha256};

/// The version byte that starts every value.
pub(super) const RECORD_VERSION: u8 = 1;
/// Everything of this crate is under this prefix.
const GROUP: &[u8] = b"m/g";
const KEY_PACKAGE: &[u8] = b"m/k";
const OTHER: &[u8] = b"m/x";

/// One kind of value of a group.
#[derive(Clone, Copy)]
#[repr(u8)]
pub(crate) enum Kind {
    JoinConfig = b'j',
    OwnLeaves = b'o',
    Proposal = b'p',
    Tree = b't',
    TranscriptHash = b'h',
    Context = b'c',
    ConfirmationTag = b'f',
    State = b's',
    MessageSecrets = b'm',
    ResumptionPsks = b'r',
    OwnIndex = b'i',
    EpochSecrets = b'e',
    EpochKeys = b'k',
    /// Not OpenMLS's: who left, for as long as their last messages can still come.
    Departed = b'd',
    /// Not OpenMLS's: the key of the history that a device that joined is waiting for.
    HistoryKey = b'y',
}

pub(crate) fn group_key<G: Serialize + ?Sized>(group: &G, kind: Kind) -> Result<Vec<u8>, StorageError> {
    let mut key = group_prefix(group)?;
    key.push(kind as u8);
    Ok(key)
}

/// The prefix of all keys of a group. The encoding of the group id starts with its length, so no id is the prefix of
/// another.
pub(crate) fn group_prefix<G: Serialize + ?Sized>(group: &G) -> Result<Vec<u8>, StorageError> {
    let mut key = GROUP.to_vec();
    key.extend(pack(group)?);
    Ok(key)
}

pub(super) fn sub_key<G: Serialize, S: Serialize>(
    group: &G,
    kind: Kind,
    sub: &S,
) -> Result<Vec<u8>, StorageError> {
    let mut key = group_key(group, kind)?;
    key.extend(pack(sub)?);
    Ok(key)
}

pub(super) fn package_key<R: Serialize>(reference: &R) -> Result<Vec<u8>, StorageError> {
    let mut key = KEY_PACKAGE.to_vec();
    key.extend(pack(reference)?);
    Ok(key)
}

/// Public keys of post-quantum suites are longer than a key of the store may be.
pub(super) fn other_key<S: Serialize>(kind: u8, name: &S) -> Result<Vec<u8>, StorageError> {
    let mut key = OTHER.to_vec();
    key.push(kind);
    key.extend(Sha256::digest(pack(name)?));
    Ok(key)
}

pub(super) fn pack<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, StorageError> {
    postcard::to_allocvec(value).map_err(|_| StorageError::Damaged)
}

pub(super) fn unpack<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, StorageError> {
    match postcard::take_from_bytes(bytes) {
        Ok((value, [])) => Ok(value),
        Ok(_) | Err(_) => Err(StorageError::Damaged),
    }
}

pub(super) fn unpack_first<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, StorageError> {
    postcard::take_from_bytes(bytes).map(|(value, _)| value).map_err(|_| StorageError::Damaged)
}

pub(super) fn versioned(record: &[u8]) -> Result<&[u8], StorageError> {
    match record.split_first() {
        Some((&RECORD_VERSION, body)) => Ok(body),
        Some((&found, _)) => Err(StorageError::Version { found }),
        None => Err(StorageError::Damaged),
    }
}
