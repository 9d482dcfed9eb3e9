//! Deterministic CBOR (RFC 8949, section 4.2): one byte string for one value.
//!
//! Values are encoded as arrays whose first element is a version. Decoding is strict: the bytes are decoded,
//! encoded again and compared, so anything that is not the one canonical form is refused, trailing bytes
//! included. Every caller names the size that it is ready to look at.

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{DeserializeOwned, Error as _, SeqAccess, Visitor},
};
use std::{fmt, io};

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
    check_length(bytes, max)?;
    let value: T = ciborium::de::from_reader_with_recursion_limit(bytes, MAX_DEPTH)
        .map_err(|_| DecodeError::Malformed)?;
    if is_encoding_of(bytes, &value) { Ok(value) } else { Err(DecodeError::NotCanonical) }
}

/// Like [`decode`], for what this program has encoded itself and kept where nobody else can write: it is not encoded
/// again to compare. What follows the value is refused all the same.
///
/// # Errors
/// [`DecodeError::TooLong`] before anything is parsed, [`DecodeError::Malformed`], or [`DecodeError::NotCanonical`].
pub fn decode_own<T: DeserializeOwned>(bytes: &[u8], max: usize) -> Result<T, DecodeError> {
    check_length(bytes, max)?;
    let mut rest = bytes;
    let value = ciborium::de::from_reader_with_recursion_limit(&mut rest, MAX_DEPTH)
        .map_err(|_| DecodeError::Malformed)?;
    if rest.is_empty() { Ok(value) } else { Err(DecodeError::NotCanonical) }
}

/// Like [`decode`], for a type whose first element is a version: an input of another version is refused with both
/// versions named, whatever the rest of it looks like.
///
/// # Errors
/// [`DecodeError::UnknownVersion`], and those of [`decode`].
pub fn decode_versioned<T: Serialize + DeserializeOwned>(
    bytes: &[u8],
    max: usize,
    known: u64,
) -> Result<T, DecodeError> {
    check_length(bytes, max)?;
    let found = version_of(bytes)?;
    if found == known { decode(bytes, max) } else { Err(DecodeError::UnknownVersion { found, known }) }
}

fn check_length(bytes: &[u8], max: usize) -> Result<(), DecodeError> {
    if bytes.len() > max { Err(DecodeError::TooLong { len: bytes.len(), max }) } else { Ok(()) }
}

/// Encodes `value` again without a buffer (so that no copy of a secret is left behind) and compares on the way.
fn is_encoding_of<T: Serialize>(bytes: &[u8], value: &T) -> bool {
    let mut expected = Expected { rest: bytes };
    ciborium::into_writer(value, &mut expected).is_ok() && expected.rest.is_empty()
}

/// A writer that takes only the bytes that it expects.
struct Expected<'a> {
    rest: &'a [u8],
}

impl io::Write for Expected<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.rest = self.rest.strip_prefix(bytes).ok_or(io::ErrorKind::InvalidData)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn version_of(bytes: &[u8]) -> Result<u64, DecodeError> {
    ciborium::de::from_reader_with_recursion_limit::<FirstElement, _>(bytes, MAX_DEPTH)
        .map(|first| first.0)
        .map_err(|_| DecodeError::Malformed)
}

/// The first element of an array of unknown shape.
struct FirstElement(u64);

impl<'de> Deserialize<'de> for FirstElement {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(FirstElementVisitor)
    }
}

struct FirstElementVisitor;

impl<'de> Visitor<'de> for FirstElementVisitor {
    type Value = FirstElement;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array that starts with a version")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<FirstElement, A::Error> {
        let version = array.next_element()?.ok_or_else(|| A::Error::invalid_length(0, &self))?;
        Ok(FirstElement(version))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use serde_bytes::ByteBuf;

    type Sample = (u64, ByteBuf, String, Vec<u64>);

    fn sample() -> Sample {
        (1, ByteBuf::from(vec![7; 3]), "hi".to_owned(), vec![23, 24, 70_000])
    }

    #[test]
    fn a_value_has_the_shortest_encoding_and_comes_back() {
        let bytes = encode(&sample()).unwrap();
        assert_eq!(data_encoding::HEXLOWER.encode(&bytes), "840143070707626869831718181a00011170");
        assert_eq!(decode::<Sample>(&bytes, 64).unwrap(), sample());
    }

    #[test]
    fn trailing_bytes_are_refused() {
        let mut bytes = encode(&sample()).unwrap();
        bytes.push(0);
        assert_eq!(decode::<Sample>(&bytes, 64), Err(DecodeError::NotCanonical));
        assert_eq!(decode_own::<Sample>(&bytes, 64), Err(DecodeError::NotCanonical));
        bytes.pop();
        assert_eq!(decode_own::<Sample>(&bytes, 64).unwrap(), sample());
    }

    #[test]
    fn every_truncation_is_refused() {
        let bytes = encode(&sample()).unwrap();
        for end in 0..bytes.len() {
            assert_eq!(decode::<Sample>(bytes.get(..end).unwrap(), 64), Err(DecodeError::Malformed));
        }
    }

    #[test]
    fn a_longer_form_of_the_same_value_is_refused() {
        // 1 as one byte more, an array of indefinite length, a byte string as an array of integers, a tagged value.
        for hex in ["821801f6", "9f01f6ff", "c18201f6"] {
            let bytes = data_encoding::HEXLOWER.decode(hex.as_bytes()).unwrap();
            assert_eq!(decode::<(u64, Option<u64>)>(&bytes, 64), Err(DecodeError::NotCanonical), "{hex}");
        }
        let bytes = data_encoding::HEXLOWER.decode(b"83010203").unwrap();
        assert_eq!(decode::<ByteBuf>(&bytes, 64), Err(DecodeError::NotCanonical));
    }

    #[test]
    fn input_past_the_bound_is_refused_before_it_is_parsed() {
        assert_eq!(decode::<Sample>(&[0xff; 65], 64), Err(DecodeError::TooLong { len: 65, max: 64 }));
        assert_eq!(
            decode_versioned::<Sample>(&[0xff; 65], 64, 1),
            Err(DecodeError::TooLong { len: 65, max: 64 })
        );
    }

    #[test]
    fn deep_nesting_is_refused() {
        let mut bytes = vec![0x81; 10_000];
        bytes.push(0x01);
        assert_eq!(decode_versioned::<Sample>(&bytes, 20_000, 1), Err(DecodeError::Malformed));
        assert_eq!(decode_own::<Vec<Vec<u64>>>(&bytes, 20_000), Err(DecodeError::Malformed));
        bytes.insert(0, 0x01);
        bytes.insert(0, 0x82);
        assert_eq!(decode_versioned::<Sample>(&bytes, 20_000, 1), Err(DecodeError::Malformed));
    }

    #[test]
    fn another_version_is_named_even_if_its_shape_is_unknown() {
        let bytes = encode(&(9u64, "a new field")).unwrap();
        let refusal = decode_versioned::<Sample>(&bytes, 64, 1);
        assert_eq!(refusal, Err(DecodeError::UnknownVersion { found: 9, known: 1 }));
        let bytes = encode(&sample()).unwrap();
        assert_eq!(decode_versioned::<Sample>(&bytes, 64, 1), Ok(sample()));
        assert_eq!(decode_versioned::<Sample>(&[0x80], 64, 1), Err(DecodeError::Malformed));
    }

    #[test]
    fn a_claimed_length_does_not_allocate() {
        // A byte string, a text and an array that claim 2^62 elements and bring none.
        for start in [0x5b, 0x7b, 0x9b] {
            let bytes = [0x81, start, 0x40, 0, 0, 0, 0, 0, 0, 0];
            assert_eq!(decode::<(ByteBuf,)>(&bytes, 64), Err(DecodeError::Malformed));
            assert_eq!(decode::<(String,)>(&bytes, 64), Err(DecodeError::Malformed));
            assert_eq!(decode::<(Vec<u64>,)>(&bytes, 64), Err(DecodeError::Malformed));
        }
    }
}
