//! The revocations that a node knows.

use crate::{IssuerKey, Refusal, Revocation, attenuation::require};
use frontdesk_identity::{GrantId, PrincipalId};
use std::collections::BTreeMap;

/// How many revocations a set can hold: at about 400 bytes each, 26 MB.
pub const MAX_REVOCATIONS: usize = 65_536;

/// How many revocations by one device a set can hold, so that a stolen key can't fill it.
pub const MAX_PER_REVOKER: usize = 4_096;

/// How many places of a set only the roots of principals can take: the last word is always heard.
pub const RESERVED_FOR_ROOTS: usize = 8_192;

/// A set of revocations, which only ever grows. It is ordered, so that nodes that hold the same revocations list them
/// alike. Each is kept under its principal, its revoker and its target, so that a revocation by a stranger neither
/// takes effect nor stands in the way of the real one.
///
/// A set is kept by handing [`Revocations::iter`]'s bytes to a store, and verifying and inserting them again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Revocations(BTreeMap<Key, Revocation>);

type Key = (PrincipalId, IssuerKey, GrantId);

impl Revocations {
    /// An empty set.
    #[must_use]
    pub const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// Adds a revocation; its target need not be known. Answers whether it was new. Of two that differ in the moment
    /// of issue only, the first stays.
    ///
    /// # Errors
    /// [`Refusal::RevocationsFull`]; the set is unchanged.
    pub fn insert(&mut self, revocation: Revocation) -> Result<bool, Refusal> {
        let key = (revocation.principal(), revocation.revoker(), revocation.target());
        if self.0.contains_key(&key) {
            return Ok(false);
        }
        require(self.has_room(&revocation.principal(), &revocation.revoker()), Refusal::RevocationsFull)?;
        self.0.insert(key, revocation);
        Ok(true)
    }

    fn has_room(&self, principal: &PrincipalId, revoker: &IssuerKey) -> bool {
        if revoker.is_root_of(principal) {
            return self.len() < MAX_REVOCATIONS;
        }
        self.len() < MAX_REVOCATIONS - RESERVED_FOR_ROOTS && self.count(principal, revoker) < MAX_PER_REVOKER
    }

    fn count(&self, principal: &PrincipalId, revoker: &IssuerKey) -> usize {
        let [first, last] =
            [0, u8::MAX].map(|b| (*principal, *revoker, GrantId::from_bytes([b; GrantId::LEN])));
        self.0.range(first..=last).count()
    }

    /// Whether `revoker` has revoked the grant `target` of `principal`. Whether it had the right to is
    /// [`Chain::check_at`](crate::Chain::check_at)'s to say.
    #[must_use]
    pub fn holds(&self, principal: &PrincipalId, revoker: &IssuerKey, target: &GrantId) -> bool {
        self.0.contains_key(&(*principal, *revoker, *target))
    }

    /// The revocations, by principal, revoker and target.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Revocation> {
        self.0.values()
    }

    /// The revocations of grants of `principal`, by revoker and target.
    pub fn of<'a>(&'a self, principal: &PrincipalId) -> impl Iterator<Item = &'a Revocation> {
        let [first, last] = [0, u8::MAX]
            .map(|b| (*principal, IssuerKey::from_bytes([b; 32]), GrantId::from_bytes([b; GrantId::LEN])));
        self.0.range(first..=last).map(|(_, revocation)| revocation)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
