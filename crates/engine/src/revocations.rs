//! Revocations at this node: which it makes, which it takes in from others, and when it forgets one.

use crate::{
    CommandError, Engine,
    record::{self, DeviceEntry},
    space,
    step::{Halt, Refuse, Step},
};
use frontdesk_capability::{
    Chain, IssuerKey, MAX_PER_REVOKER, MAX_REVOCATIONS, Purpose, Revocation, RevocationBytes,
};
use frontdesk_identity::{DeviceId, GrantId, PrincipalId, Role, UnixTime};
use frontdesk_store::{Reader as _, Scan, StoreError};
use frontdesk_thread::Thread;
use frontdesk_wire::Reason;
use std::collections::{BTreeMap, BTreeSet};

/// Revocations of one principal's grants by devices that this node has not heard of. They take effect only if such a
/// device turns out to stand above the grant, so a few are enough; anybody can make keys to sign more with.
pub const MAX_BY_STRANGERS: usize = 256;
/// Revocations of grants of other principals than this node's own: half of the set, so that the businesses that a node
/// meets can't take the room for its own.
pub const MAX_OF_OTHERS: usize = MAX_REVOCATIONS / 2;
/// How long a revocation is kept after the grant that it ends would have ended by itself, in seconds: a day, in case a
/// clock is set back.
pub const REVOCATION_OUTLIVES: u64 = 24 * 3600;
/// Revocations that are forgotten at one time.
const SWEEP: usize = 64;

/// Under which a revocation is kept.
pub(crate) type RevocationName = (PrincipalId, IssuerKey, GrantId);

impl Engine {
    /// Signs the revocation of a chain's last grant. It has no effect before it is taken in.
    pub(crate) fn sign_revocation(
        &self,
        step: Step<'_>,
        chain: &Chain,
    ) -> Result<Revocation, Halt<CommandError>> {
        let signed = Revocation::issue(self.keys.signing(), &chain.principal(), chain.leaf().id, step.wall());
        Ok(signed.map_err(|refusal| CommandError::Refused(Reason::from(refusal)))?)
    }

    /// Revokes an enrolment, or fails: what is not revoked must not be called removed.
    pub(crate) fn revoke_enrolment(
        &mut self,
        step: Step<'_>,
        chain: &Chain,
    ) -> Result<(), Halt<CommandError>> {
        self.forget_ended(step)?;
        let revocation = self.sign_revocation(step, chain)?;
        if self.take_revocation(step, revocation, Purpose::OwnAct, Some(chain.expires()))? {
            return Ok(());
        }
        Err(CommandError::TooMany { what: "revocations by this device", limit: MAX_PER_REVOKER }.into())
    }

    /// Stores a revocation. Answers false if there is no room for it. What is stored and what memory holds is always the
    /// same: [`Engine::undo`] takes it back from both.
    pub(crate) fn take_revocation(
        &mut self,
        step: Step<'_>,
        revocation: Revocation,
        purpose: Purpose,
        ends: Option<UnixTime>,
    ) -> Result<bool, StoreError> {
        let name = (revocation.principal(), revocation.revoker(), revocation.target());
        let bytes = revocation.bytes().clone();
        match self.revocations.insert_for(revocation, purpose) {
            Ok(true) => {}
            Ok(false) => return Ok(true),
            Err(_) => return Ok(false),
        }
        self.learned.push(name);
        record::put(step.overlay, space::revocation(&name.0, &name.1, &name.2), &bytes)?;
        if let Some(ends) = ends {
            let at = ends.plus(REVOCATION_OUTLIVES);
            step.overlay.put(space::revocation_end(at, &name), Vec::new())?;
        }
        Ok(true)
    }

    /// Takes in revocations of a principal's grants. They speak for themselves: who brought them doesn't matter, but who
    /// signed them does. Answers whether some were left out, because this node doesn't know the device that signed them,
    /// or has no room. `thread` is one of the principal's, whose members' grants are known.
    pub(crate) fn learn_revocations(
        &mut self,
        step: Step<'_>,
        principal: &PrincipalId,
        revocations: &[RevocationBytes],
        thread: Option<&Thread>,
    ) -> Result<bool, Halt<Refuse>> {
        if revocations.is_empty() {
            return Ok(false);
        }
        self.forget_ended(step)?;
        let known = self.revokers(step, principal, thread)?;
        let leaves = thread.into_iter().flat_map(Thread::members).map(|member| &member.chain);
        let ends: BTreeMap<GrantId, UnixTime> =
            leaves.map(|chain| (chain.leaf().id, chain.expires())).collect();
        let mut left_out = false;
        for bytes in revocations {
            let revocation = bytes.clone().verify(principal).map_err(Refuse::grant)?;
            let (revoker, target) = (revocation.revoker(), revocation.target());
            if self.revocations.holds(principal, &revoker, &target) {
                continue;
            }
            let may = self.has_room_of(principal)
                && (known.contains(&revoker) || self.has_room_for_strangers(principal, &known));
            let end = ends.get(&target).copied();
            let purpose = if end.is_some() { Purpose::Lease } else { Purpose::Enrolment };
            left_out |= !(may && self.take_revocation(step, revocation, purpose, end)?);
        }
        Ok(left_out)
    }

    /// The keys whose revocations of a principal's grants can take effect, as far as this node knows: its root, and those
    /// that stand above others in chains that are known here.
    fn revokers(
        &self,
        step: Step<'_>,
        principal: &PrincipalId,
        thread: Option<&Thread>,
    ) -> Result<BTreeSet<IssuerKey>, StoreError> {
        let mut known = BTreeSet::from([IssuerKey::from_bytes(*principal.as_bytes())]);
        let mut learn = |chain: &Chain| {
            if chain.principal() == *principal {
                known.extend(chain.links().map(|link| link.issuer));
                // Who can't hand on a grant has nothing to revoke.
                known.extend((chain.leaf().depth > 0).then(|| key_of(&chain.audience())));
            }
        };
        thread.into_iter().flat_map(Thread::members).for_each(|member| learn(&member.chain));
        self.chain.iter().for_each(&mut learn);
        if self.me.principal == Some(*principal) {
            for (key, bytes) in step.overlay.scan(&Scan::prefix(space::DEVICES))? {
                let entry: DeviceEntry = record::decode(&bytes)?;
                let administrates = Role::try_from(entry.role) == Ok(Role::Admin);
                known.extend(space::read_device(&key).filter(|_| administrates).map(|id| key_of(&id)));
            }
        }
        Ok(known)
    }

    fn has_room_of(&self, principal: &PrincipalId) -> bool {
        let own = self.me.principal.filter(|own| own != principal);
        own.is_none_or(|own| {
            self.revocations.len().saturating_sub(self.revocations.count_by_devices(&own)) < MAX_OF_OTHERS
        })
    }

    fn has_room_for_strangers(&self, principal: &PrincipalId, known: &BTreeSet<IssuerKey>) -> bool {
        let strangers = self.revocations.of(principal).filter(|held| !known.contains(&held.revoker()));
        strangers.take(MAX_BY_STRANGERS).count() < MAX_BY_STRANGERS
    }

    /// The revocations that end a chain, each of a link by the issuer of that link or of one above.
    pub(crate) fn ending(&self, chain: &Chain) -> Vec<RevocationBytes> {
        let mut found = Vec::new();
        for (place, link) in chain.links().enumerate() {
            let above = chain.links().take(place + 1).map(|above| above.issuer);
            let above: BTreeSet<IssuerKey> = above.collect();
            let held = above.iter().filter_map(|by| self.revocations.find(&chain.principal(), by, &link.id));
            found.extend(held.map(|held| held.bytes().clone()));
        }
        found
    }

    /// Forgets revocations whose grants ended by themselves long enough ago.
    pub(crate) fn forget_ended(&mut self, step: Step<'_>) -> Result<(), StoreError> {
        for (key, _) in step.overlay.scan(&Scan::prefix(space::REVOCATION_ENDS).limit(SWEEP))? {
            let Some((at, name)) = space::read_revocation_end(&key) else { continue };
            if at > step.wall() {
                break;
            }
            self.revocations.forget(&name.0, &name.1, &name.2);
            step.overlay.delete(space::revocation(&name.0, &name.1, &name.2))?;
            step.overlay.delete(key)?;
        }
        Ok(())
    }
}

fn key_of(device: &DeviceId) -> IssuerKey {
    IssuerKey::from_bytes(*device.as_bytes())
}
