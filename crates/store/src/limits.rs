use crate::StoreError;

/// Longest key in bytes. Room for a prefix and several 32-byte ids; sled keeps keys in its index nodes, so short is fast.
pub const MAX_KEY: usize = 512;

/// Largest value in bytes, 1 MiB: a large group's MLS state fits, and one read can't exhaust memory.
pub const MAX_VALUE: usize = 1024 * 1024;

/// Largest value in bytes that [`Sealed`](crate::Sealed) hands to the engine below it; larger ones come in pieces.
///
/// sled keeps up to 20 values in one page, and writes a page above a quarter of its 1 MiB segments to a file of its
/// own that it never syncs: a power cut could lose it. Twenty of these, with their keys, stay below that.
pub const MAX_ENGINE_VALUE: usize = 8 * 1024 + 64;

/// The first byte of keys that belong to the store itself: format record, check value, pieces of large values.
pub(crate) const RESERVED: u8 = 0;

pub(crate) fn check_key(key: &[u8]) -> Result<(), StoreError> {
    match key.first() {
        None | Some(&RESERVED) => Err(StoreError::KeyReserved),
        Some(_) if key.len() > MAX_KEY => Err(StoreError::KeyTooLong { len: key.len() }),
        Some(_) => Ok(()),
    }
}

pub(crate) fn check_value(value: &[u8], max: usize) -> Result<(), StoreError> {
    let len = value.len();
    if len > max { Err(StoreError::ValueTooLarge { len, max }) } else { Ok(()) }
}
