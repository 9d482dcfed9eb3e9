//! Deterministic CBOR (RFC 8949, section 4.2): one byte string for one value.
//!
//! Values are encoded as arrays whose first element is a version. Decoding is strict: the bytes are decoded,
//! encoded again and compared, so anything that is not the one canonical form is refused, trailing bytes
//! included. Every caller names the size that it is ready to look at.

use serde::{Serialize, de::DeserializeOwned};

/// Why bytes were refused. All causes are the peer's (or the disk's) fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Longer than the caller's bound; nothing was parsed.
    #[error("{len} bytes are more than the {max} allowed here")]
    TooLong {
        /// Length of the input in bytes.
        len: usize,
        /// The bound in bytes.
        max: usize,
    },
    /// Not CBOR, or not of the expected shape.
    #[error("malformed: not of the expected shape")]
    Malformed,
    /// Decodes, but is not the canonical encoding of its value.
    #[error("not in canonical form")]
    NotCanonical,
    /// The first array element names a version that this program does not know.
    #[error("version {found} is not known here (known: {known})")]
    UnknownVersion {
        /// The version in the input.
        found: u64,
        /// The version that this program speaks.
        known: u64,
    },
}

/// How deep nested CBOR may be; our deepest type stays below it.
const MAX_DEPTH: usize = 24;

/// Encodes `value` in canonical form. Our types hold only integers, byte strings, text and arrays of those, which
/// `ciborium` writes in shortest form, so this can't fail for them.
///
/// # Errors
/// [`DecodeError::Malformed`] if the type can't be expressed in CBOR at all (a defect of ours, found by any test).
pub fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, DecodeError> {
    let mut out = Vec::with_capacity(128);
    ciborium::into_writer(value, &mut out).map_err(|_| DecodeError::Malformed)?;
    Ok(out)
}

/// Decodes exactly one canonical value from at most `max` bytes.
///
/// # Errors
/// [`DecodeError::TooLong`] before anything is parsed, [`DecodeError::Malformed`], or [`DecodeError::NotCanonical`].
pub fn decode<T: Serialize + DeserializeOwned>(bytes: &[u8], max: usize) -> Result<T, DecodeError> {
    if bytes.len() > max {
        return Err(DecodeError::TooLong { len: bytes.len(), max });
    }
    let value: T = ciborium::de::from_reader_with_recursion_limit(bytes, MAX_DEPTH)
        .map_err(|_| DecodeError::Malformed)?;
    if encode(&value)? == bytes { Ok(value) } else { Err(DecodeError::NotCanonical) }
}
