//! The revocations that a node knows.

use crate::{IssuerKey, Refusal, Revocation, attenuation::require};
use frontdesk_identity::{GrantId, PrincipalId};
use std::collections::BTreeMap;

/// How many revocations a set can hold: at about 400 bytes each, 26 MB.
pub const MAX_REVOCATIONS: usize = 65_536;

/// How many revocations of one principal's grants devices can put into a set, so that one business can't fill it.
pub const MAX_PER_PRINCIPAL: usize = 8_192;

/// How many revocations by one key a set can hold, so that a stolen one can't fill it.
pub const MAX_PER_REVOKER: usize = 4_096;

/// Of those, how many are kept free of leases: that many threads were left is no reason to keep a lost device.
pub const RESERVED_FOR_ENROLMENTS: usize = 1_024;

/// How many revocations by one device always find a place, however many others of its principal revoke.
pub const ALWAYS_PER_REVOKER: usize = 64;

/// How many places of a set only the roots of principals, and a node's own acts, can take: the last word is always
/// heard.
pub const RESERVED_FOR_ROOTS: usize = 8_192;

/// A set of revocations. It is ordered, so that nodes that hold the same revocations list them
/// alike. Each is kept under its principal, its revoker and its target, so that a revocation by a stranger neither
/// takes effect nor stands in the way of the real one.
///
/// A set is kept by handing [`Revocations::iter`]'s bytes to a store, and verifying and restoring them again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Revocations {
    all: BTreeMap<Key, Revocation>,
    /// How many of a principal's are by devices.
    by_devices: BTreeMap<PrincipalId, usize>,
}

/// What a revocation is for, which says how much room there is for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// It ends a right to one thread.
    Lease,
    /// It ends an enrolment, or it isn't known what it ends.
    Enrolment,
    /// It ends an enrolment, and this node itself made it: only its own share bounds it.
    OwnAct,
}

type Key = (PrincipalId, IssuerKey, GrantId);

impl Revocations {
    /// An empty set.
    #[must_use]
    pub const fn new() -> Self {
        Self { all: BTreeMap::new(), by_devices: BTreeMap::new() }
    }

    /// Adds a revocation; its target need not be known. Answers whether it was new. Of two that differ in the moment
    /// of issue only, the first stays.
    ///
    /// # Errors
    /// [`Refusal::RevocationsFull`]; the set is unchanged.
    pub fn insert(&mut self, revocation: Revocation) -> Result<bool, Refusal> {
        self.insert_for(revocation, Purpose::Enrolment)
    }

    /// Like [`insert`](Self::insert), in the room that there is for this purpose.
    ///
    /// # Errors
    /// [`Refusal::RevocationsFull`]; the set is unchanged.
    pub fn insert_for(&mut self, revocation: Revocation, purpose: Purpose) -> Result<bool, Refusal> {
        let (principal, revoker) = (revocation.principal(), revocation.revoker());
        if self.holds(&principal, &revoker, &revocation.target()) {
            return Ok(false);
        }
        require(self.has_room(&principal, &revoker, purpose), Refusal::RevocationsFull)?;
        self.restore(revocation);
        Ok(true)
    }

    /// Adds a revocation that the set held before it was stored, when it was within its bounds.
    pub fn restore(&mut self, revocation: Revocation) {
        let (principal, revoker) = (revocation.principal(), revocation.revoker());
        let before = self.all.insert((principal, revoker, revocation.target()), revocation);
        if before.is_none() && !revoker.is_root_of(&principal) {
            *self.by_devices.entry(principal).or_default() += 1;
        }
    }

    /// Forgets a revocation. Only what could have no effect any more may be forgotten: the grant that it ends is over by
    /// itself, or the revocation was never stored. Answers whether it was there.
    pub fn forget(&mut self, principal: &PrincipalId, revoker: &IssuerKey, target: &GrantId) -> bool {
        let was_there = self.all.remove(&(*principal, *revoker, *target)).is_some();
        if was_there
            && !revoker.is_root_of(principal)
            && let Some(count) = self.by_devices.get_mut(principal)
        {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.by_devices.remove(principal);
            }
        }
        was_there
    }

    fn has_room(&self, principal: &PrincipalId, revoker: &IssuerKey, purpose: Purpose) -> bool {
        if revoker.is_root_of(principal) {
            return self.len() < MAX_REVOCATIONS && self.count(principal, revoker) < MAX_PER_REVOKER;
        }
        let (own, all) = (self.count(principal, revoker), self.count_by_devices(principal));
        let left = self.len() < MAX_REVOCATIONS - RESERVED_FOR_ROOTS;
        match purpose {
            Purpose::Lease => {
                left && all < MAX_PER_PRINCIPAL && own < MAX_PER_REVOKER - RESERVED_FOR_ENROLMENTS
            }
            Purpose::Enrolment => {
                left && (own < ALWAYS_PER_REVOKER || all < MAX_PER_PRINCIPAL) && own < MAX_PER_REVOKER
            }
            Purpose::OwnAct => self.len() < MAX_REVOCATIONS && own < MAX_PER_REVOKER,
        }
    }

    fn count(&self, principal: &PrincipalId, revoker: &IssuerKey) -> usize {
        let [first, last] =
            [0, u8::MAX].map(|b| (*principal, *revoker, GrantId::from_bytes([b; GrantId::LEN])));
        self.all.range(first..=last).count()
    }

    /// How many revocations of grants of `principal` there are that its root did not sign.
    #[must_use]
    pub fn count_by_devices(&self, principal: &PrincipalId) -> usize {
        self.by_devices.get(principal).copied().unwrap_or_default()
    }

    /// Whether `revoker` has revoked the grant `target` of `principal`. Whether it had the right to is
    /// [`Chain::check_at`](crate::Chain::check_at)'s to say.
    #[must_use]
    pub fn holds(&self, principal: &PrincipalId, revoker: &IssuerKey, target: &GrantId) -> bool {
        self.all.contains_key(&(*principal, *revoker, *target))
    }

    /// The revocation of the grant `target` of `principal` by `revoker`.
    #[must_use]
    pub fn find(
        &self,
        principal: &PrincipalId,
        revoker: &IssuerKey,
        target: &GrantId,
    ) -> Option<&Revocation> {
        self.all.get(&(*principal, *revoker, *target))
    }

    /// The revocations, by principal, revoker and target.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Revocation> {
        self.all.values()
    }

    /// The revocations of grants of `principal`, by revoker and target.
    pub fn of<'a>(&'a self, principal: &PrincipalId) -> impl Iterator<Item = &'a Revocation> {
        let [first, last] = [0, u8::MAX]
            .map(|b| (*principal, IssuerKey::from_bytes([b; 32]), GrantId::from_bytes([b; GrantId::LEN])));
        self.all.range(first..=last).map(|(_, revocation)| revocation)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
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

    /// One of another principal, by a device.
    fn of(principal: u16, revoker: u8, n: usize) -> Revocation {
        let mut bytes = [0xee; 32];
        bytes[..2].copy_from_slice(&principal.to_be_bytes());
        let target = numbered(ROOT, n).target();
        Revocation::unsigned(PrincipalId::from_bytes(bytes), device(revoker), target)
    }

    #[test]
    fn a_full_set_refuses_devices_before_roots_and_own_acts() {
        let mut set = Revocations::new();
        for n in 0..MAX_REVOCATIONS - RESERVED_FOR_ROOTS {
            let principal = u16::try_from(n / 1000).unwrap_or(u16::MAX);
            assert_eq!(set.insert(of(principal, 2, n)), Ok(true));
        }
        assert_eq!(set.insert(numbered(device(200), 0)), Err(Refusal::RevocationsFull));
        assert_eq!(set.insert_for(numbered(device(200), 0), Purpose::OwnAct), Ok(true));
        for n in 0..MAX_PER_REVOKER - 1 {
            assert_eq!(set.insert(numbered(ROOT, n)), Ok(true));
        }
        for n in 0..MAX_PER_REVOKER {
            let other = PrincipalId::from_bytes([3; 32]);
            let target = numbered(ROOT, n).target();
            assert_eq!(set.insert(Revocation::unsigned(other, device(3), target)), Ok(true));
        }
        assert_eq!(set.insert(numbered(ROOT, MAX_REVOCATIONS)), Err(Refusal::RevocationsFull));
        assert_eq!(set.insert(numbered(ROOT, 0)), Ok(false));
        assert_eq!(set.len(), MAX_REVOCATIONS);
    }

    #[test]
    fn one_device_takes_no_more_than_its_share_and_some_of_it_is_for_enrolments() {
        let mut set = Revocations::new();
        let leases = MAX_PER_REVOKER - RESERVED_FOR_ENROLMENTS;
        for n in 0..leases {
            assert_eq!(set.insert_for(numbered(device(2), n), Purpose::Lease), Ok(true));
        }
        let one_more = numbered(device(2), MAX_PER_REVOKER);
        assert_eq!(set.insert_for(one_more.clone(), Purpose::Lease), Err(Refusal::RevocationsFull));
        for n in leases..MAX_PER_REVOKER {
            assert_eq!(set.insert(numbered(device(2), n)), Ok(true));
        }
        assert_eq!(set.insert(one_more.clone()), Err(Refusal::RevocationsFull));
        assert_eq!(set.insert_for(one_more.clone(), Purpose::OwnAct), Err(Refusal::RevocationsFull));
        assert_eq!(set.insert(numbered(device(3), MAX_PER_REVOKER)), Ok(true));
        assert!(set.forget(&ACME, &device(2), &numbered(device(2), 0).target()));
        assert_eq!(set.insert(one_more), Ok(true));
    }

    #[test]
    fn the_devices_of_one_principal_can_not_crowd_each_other_out() {
        let mut set = Revocations::new();
        for n in 0..MAX_PER_PRINCIPAL {
            assert_eq!(set.insert(numbered(device(if n % 2 == 0 { 2 } else { 3 }), n)), Ok(true));
        }
        assert_eq!(set.insert(numbered(device(2), MAX_PER_PRINCIPAL)), Err(Refusal::RevocationsFull));
        for n in 0..ALWAYS_PER_REVOKER {
            assert_eq!(set.insert(numbered(device(4), n)), Ok(true));
        }
        let one_more = numbered(device(4), ALWAYS_PER_REVOKER);
        assert_eq!(set.insert(one_more), Err(Refusal::RevocationsFull));
        assert_eq!(set.insert(numbered(ROOT, 0)), Ok(true));
        assert!(set.find(&ACME, &ROOT, &numbered(ROOT, 0).target()).is_some());
        assert_eq!(set.insert(of(1, 2, 0)), Ok(true), "another principal has its own room");
    }

    #[test]
    fn what_is_forgotten_is_gone_and_what_is_restored_counts() {
        let mut set = Revocations::new();
        set.restore(numbered(device(2), 7));
        set.restore(numbered(device(2), 7));
        set.restore(numbered(ROOT, 7));
        assert_eq!((set.len(), set.count_by_devices(&ACME)), (2, 1));
        let target = numbered(ROOT, 7).target();
        assert!(set.forget(&ACME, &device(2), &target) && !set.forget(&ACME, &device(2), &target));
        assert!(set.forget(&ACME, &ROOT, &target));
        assert_eq!(set, Revocations::new());
    }
}
