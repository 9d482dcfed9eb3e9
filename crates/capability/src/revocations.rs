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

#[cfg(test)]
#[expect(clippy::indexing_slicing, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    const ACME: PrincipalId = PrincipalId::from_bytes([1; 32]);
    const ROOT: IssuerKey = IssuerKey::from_bytes([1; 32]);

    fn device(n: u8) -> IssuerKey {
        IssuerKey::from_bytes([n; 32])
    }

    fn numbered(revoker: IssuerKey, n: usize) -> Revocation {
        let mut id = [0; GrantId::LEN];
        id[..8].copy_from_slice(&n.to_be_bytes());
        Revocation::unsigned(ACME, revoker, GrantId::from_bytes(id))
    }

    #[test]
    fn the_same_revocation_is_kept_once_and_a_strangers_beside_it() {
        let mut set = Revocations::new();
        assert!(set.is_empty());
        assert_eq!(set.insert(numbered(device(9), 7)), Ok(true));
        assert_eq!(set.insert(numbered(ROOT, 7)), Ok(true));
        assert_eq!(set.insert(numbered(ROOT, 7)), Ok(false));
        assert_eq!(set.len(), 2);
        let target = numbered(ROOT, 7).target();
        assert!(set.holds(&ACME, &ROOT, &target) && !set.holds(&ACME, &device(8), &target));
        assert!(!set.holds(&PrincipalId::from_bytes([2; 32]), &ROOT, &target));
    }

    #[test]
    fn the_order_of_arrival_does_not_show() {
        let all = [numbered(device(9), 1), numbered(ROOT, 2), numbered(ROOT, 1), numbered(device(8), 5)];
        let [mut forth, mut back] = [Revocations::new(), Revocations::new()];
        for n in 0..all.len() {
            assert_eq!(forth.insert(all[n].clone()), Ok(true));
            assert_eq!(back.insert(all[all.len() - 1 - n].clone()), Ok(true));
        }
        assert!(forth.iter().eq(back.iter()) && forth.of(&ACME).eq(back.iter()));
        assert_eq!(forth.of(&PrincipalId::from_bytes([2; 32])).count(), 0);
    }

    #[test]
    fn a_full_set_refuses_devices_before_roots_and_forgets_nothing() {
        let mut set = Revocations::new();
        for n in 0..MAX_REVOCATIONS - RESERVED_FOR_ROOTS {
            let revoker = device(2 + u8::try_from(n / MAX_PER_REVOKER).unwrap_or(u8::MAX));
            assert_eq!(set.insert(numbered(revoker, n)), Ok(true));
        }
        assert_eq!(set.insert(numbered(device(200), 0)), Err(Refusal::RevocationsFull));
        for n in 0..RESERVED_FOR_ROOTS {
            assert_eq!(set.insert(numbered(ROOT, n)), Ok(true));
        }
        assert_eq!(set.insert(numbered(ROOT, MAX_REVOCATIONS)), Err(Refusal::RevocationsFull));
        assert_eq!(set.insert(numbered(ROOT, 0)), Ok(false));
        assert_eq!(set.len(), MAX_REVOCATIONS);
    }

    #[test]
    fn one_device_takes_no_more_than_its_share() {
        let mut set = Revocations::new();
        for n in 0..MAX_PER_REVOKER {
            assert_eq!(set.insert(numbered(device(2), n)), Ok(true));
        }
        assert_eq!(set.insert(numbered(device(2), MAX_PER_REVOKER)), Err(Refusal::RevocationsFull));
        assert_eq!(set.insert(numbered(device(3), MAX_PER_REVOKER)), Ok(true));
    }
}
