//! Bounds of bodies, kept before memory is spent where the bytes alone can tell.

use crate::{content::Seq, limits};
use frontdesk_capability::{ChainBytes, MAX_CHAIN_BYTES, MAX_REVOCATION_BYTES, RevocationBytes};
use frontdesk_identity::{DeviceId, Role};
use serde::{
    Deserialize, Deserializer,
    de::{Error as _, SeqAccess, Visitor},
};
use std::{fmt, marker::PhantomData};

/// Room for a body's ids, numbers and CBOR heads.
pub(crate) const FIXED: usize = 256;

/// A body that knows its bounds.
pub(crate) trait Bounded {
    /// The most bytes that its fields can have; more are not parsed.
    const MAX_BYTES: usize;

    /// Whether each field keeps its bound. The lengths of lists are checked by [`list`] before.
    fn is_bounded(&self) -> bool;
}

/// Deserializes a list of at most `MAX` elements, and stops at the first one past it: a short input of many tiny
/// elements would else take many times its size in memory.
pub(crate) fn list<'de, D: Deserializer<'de>, T: Deserialize<'de>, const MAX: usize>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    deserializer.deserialize_seq(List::<T, MAX>(PhantomData))
}

struct List<T, const MAX: usize>(PhantomData<T>);

impl<'de, T: Deserialize<'de>, const MAX: usize> Visitor<'de> for List<T, MAX> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of at most {MAX}")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Vec<T>, A::Error> {
        let mut list = Vec::new();
        while let Some(element) = elements.next_element()? {
            if list.len() == MAX {
                return Err(A::Error::invalid_length(MAX + 1, &self));
            }
            list.push(element);
        }
        Ok(list)
    }
}

/// Whether this may be a chain at all.
pub(crate) fn chain_fits(chain: &ChainBytes) -> bool {
    chain.as_slice().len() <= MAX_CHAIN_BYTES
}

/// Whether these may be revocations at all.
pub(crate) fn revocations_fit(revocations: &[RevocationBytes]) -> bool {
    revocations.iter().all(|revocation| revocation.as_slice().len() <= MAX_REVOCATION_BYTES)
}

/// Whether this is the number of a role.
pub(crate) fn is_role(number: u8) -> bool {
    Role::try_from(number).is_ok()
}

/// Whether these are newest numbers of authors: not too many, ascending by author, and each one that a message can have.
pub(crate) fn are_heads(heads: &[(DeviceId, Seq)]) -> bool {
    heads.len() <= limits::MAX_SEEN
        && heads.is_sorted_by(|(a, _), (b, _)| a < b)
        && heads.iter().all(|(_, seq)| seq.is_bounded())
}
