//! The entity's devices as each of them knows the others, and their stock of key packages at the administrator's.

use crate::{
    Engine, Event,
    record::{self, About, DeviceEntry},
    space,
    step::{Halt, Refuse, Step},
};
use frontdesk_capability::{Ability, Refusal, RevocationBytes, Revocations, Scope};
use frontdesk_identity::{DeviceId, DeviceRecord, PrincipalId, Role, TransportKey};
use frontdesk_store::{Reader, Scan, StoreError};
use frontdesk_thread::{KeyPackage, KeyPackageBytes, Suite};
use frontdesk_wire::{
    Body, KeyPackages, ProfileError, Reason, Revoked, Roster, RosterEntry, SignedProfile, limits,
};
use serde_bytes::ByteBuf;

/// One-time key packages that a device keeps in stock at its administrator's, for each suite.
pub const STOCK: usize = 50;
/// Of those, for the classic suite: threads that use it are rare.
pub const STOCK_CLASSIC: usize = 10;
/// Key packages in one body.
const BATCH: usize = 10;

/// A key package, and its place in the stock; none for the one of last resort, which stays.
type Usable = (Option<Vec<u8>>, KeyPackage);

impl Engine {
    /// Tells all devices of the entity who belongs to it.
    pub(crate) fn broadcast_roster(&mut self, step: Step<'_>) -> Result<(), StoreError> {
        let Some(entity) = self.me.principal else { return Ok(()) };
        let Some(profile) = self.profile(step)? else { return Ok(()) };
        let number: Option<u64> = record::get(step.overlay, space::ROSTER_NUMBER)?;
        let number = number.unwrap_or(0).saturating_add(1);
        record::put(step.overlay, space::ROSTER_NUMBER.to_vec(), &number)?;
        let mut devices = Vec::new();
        for (_, bytes) in step.overlay.scan(&Scan::prefix(space::DEVICES))? {
            let entry: DeviceEntry = record::decode(&bytes)?;
            if !entry.removed && devices.len() < limits::MAX_ROSTER {
                let DeviceEntry { record, chain, role, name, .. } = entry;
                devices.push(RosterEntry { record, chain, role, name });
            }
        }
        let (revocations, follow) = in_parts(self.of_removed(step, &entity)?);
        let roster = Body::Roster(Roster { number, profile, devices, revocations });
        let own = self.keys.transport_public();
        for peer in self.colleagues.keys().copied().filter(|peer| *peer != own).collect::<Vec<_>>() {
            for body in std::iter::once(&roster).chain(&follow) {
                self.enqueue(peer, About::Nothing, body.clone());
            }
            self.tell_whereabouts(step, peer)?;
        }
        Ok(())
    }

    /// The revocations that end the enrolments of removed devices, but for those that have ended by themselves.
    fn of_removed(&self, step: Step<'_>, entity: &PrincipalId) -> Result<Vec<RevocationBytes>, StoreError> {
        let mut revocations: Vec<RevocationBytes> = Vec::new();
        for (_, bytes) in step.overlay.scan(&Scan::prefix(space::DEVICES))? {
            let entry: DeviceEntry = record::decode(&bytes)?;
            if !entry.removed {
                continue;
            }
            let chain = entry.chain.clone().verify(entity, step.wall(), &Revocations::new()).ok();
            for ending in chain.map(|chain| self.ending(&chain)).unwrap_or_default() {
                if !revocations.contains(&ending) {
                    revocations.push(ending);
                }
            }
        }
        Ok(revocations)
    }

    /// An administrator began a new life from an older copy of its store: whom it has removed since, it takes for colleagues
    /// again. It is told, as far as this device knows.
    pub(crate) fn remind_of_removed(&mut self, step: Step<'_>, peer: TransportKey) -> Result<(), StoreError> {
        let entity = self.me.principal.filter(|_| self.me.role().is_some() && !self.me.removed);
        let Some(entity) = entity.filter(|_| self.colleagues.contains_key(&peer)) else { return Ok(()) };
        if !self.is_administrator(step, &peer)? {
            return Ok(());
        }
        for part in self.of_removed(step, &entity)?.chunks(limits::MAX_REVOCATIONS) {
            // It may claim new lives without end.
            if self.has_room(step, peer, 1)? {
                self.enqueue(peer, About::Nothing, Body::Revoked(Revoked { revocations: part.to_vec() }));
            }
        }
        Ok(())
    }

    /// Takes in the roster from an administrator. Each entry is believed for its own grant, not for who sent it.
    pub(crate) fn roster(
        &mut self,
        step: Step<'_>,
        from: TransportKey,
        body: Roster,
    ) -> Result<(), Halt<Refuse>> {
        let entity = self.require_administrator(step, from)?;
        let left_out = self.learn_revocations(step, &entity, &body.revocations, None)?;
        let own = self.id();
        for item in body.devices {
            let record =
                self.mls.verify(&item.record).map_err(|error| Refuse::breach(Reason::GrantForged, error))?;
            // A grant that ran out since the roster was made is no reason to refuse the others.
            let Ok(chain) = crate::contact::verify(step, &item.chain, &entity, &self.revocations) else {
                continue;
            };
            chain.held_by(&record.id()).map_err(Refuse::grant)?;
            let key = space::device(&record.id());
            let known: Option<DeviceEntry> = record::get(step.overlay, &key)?;
            let entry = DeviceEntry {
                record: item.record,
                chain: item.chain,
                role: item.role,
                name: item.name,
                removed: false,
                expires: chain.expires(),
                given: known.map_or(0, |known| known.given),
            };
            record::put(step.overlay, key, &entry)?;
            self.colleagues.insert(record.transport(), record.id());
            let administrates = Role::try_from(entry.role) == Ok(Role::Admin) && record.id() != own;
            if administrates && self.me.role() != Some(Role::Admin) {
                if self.kept.insert(record.transport()) {
                    self.touched.insert(record.transport());
                }
                self.publish_once(step, record.transport())?;
            }
        }
        if left_out {
            // Those by administrators of whom only this roster tells.
            self.learn_revocations(step, &entity, &body.revocations, None)?;
        }
        self.learn_profile_of_roster(step, &entity, &body.profile)?;
        self.drop_revoked(step, &entity)?;
        Ok(self.check_own_enrolment(step)?)
    }

    /// Takes in a roster's profile. One that is older than the known, or whose signer was removed since, is no reason to refuse
    /// the rest; one that never can have been the entity's is.
    fn learn_profile_of_roster(
        &mut self,
        step: Step<'_>,
        entity: &PrincipalId,
        signed: &SignedProfile,
    ) -> Result<(), Halt<Refuse>> {
        let verdict = signed.verify(entity, step.wall(), &self.revocations);
        if matches!(verdict, Err(ProfileError::Grant(Refusal::Revoked { .. } | Refusal::Expired { .. }))) {
            return Ok(());
        }
        match self.learn_profile(step, entity, signed) {
            Err(Halt::Refuse(refuse)) if refuse.reason == Reason::BadContent => Ok(()),
            learned => learned.map(drop),
        }
    }

    /// Lets go of devices whose enrolment was revoked, by whom ever: those that a removed administrator enrolled are among
    /// them. They leave the threads that this node is steward of. That a roster doesn't name a device means nothing: its
    /// administrator may not know it yet.
    pub(crate) fn drop_revoked(&mut self, step: Step<'_>, entity: &PrincipalId) -> Result<(), StoreError> {
        for (key, bytes) in step.overlay.scan(&Scan::prefix(space::DEVICES))? {
            let entry: DeviceEntry = record::decode(&bytes)?;
            // As of its last moment: one that has ended by itself is revoked all the same.
            let verdict = entry.chain.clone().verify(entity, entry.expires, &self.revocations);
            if entry.removed || !matches!(verdict, Err(Refusal::Revoked { .. })) {
                continue;
            }
            let record = record::device_of(&entry.record)?;
            if record.id() == self.id() {
                continue;
            }
            let revoked = self.revocations_of(entity, &entry);
            let administrated = Role::try_from(entry.role) == Ok(Role::Admin);
            record::put(step.overlay, key, &DeviceEntry { removed: true, ..entry })?;
            self.colleagues.remove(&record.transport());
            self.kept.remove(&record.transport());
            self.touched.insert(record.transport());
            self.drop_stock(step, &record.id())?;
            if administrated {
                self.tell_guests(step, record.id(), &revoked)?;
            }
            if self.me.role() == Some(Role::Admin) {
                self.enqueue(record.transport(), About::Nothing, revoked);
                self.remove_everywhere(step, &record)?;
            }
            self.tell(Event::DeviceRemoved { device: record.id() });
        }
        Ok(())
    }

    /// The revocations that end a chain.
    fn revocations_of(&self, entity: &PrincipalId, entry: &DeviceEntry) -> Body {
        let chain = entry.chain.clone().verify(entity, entry.expires, &Revocations::new());
        let mut revocations = chain.map(|chain| self.ending(&chain)).unwrap_or_default();
        revocations.truncate(limits::MAX_REVOCATIONS);
        Body::Revoked(Revoked { revocations })
    }

    /// The entity, if the peer is one of its administrators by a grant that holds.
    pub(crate) fn require_administrator(
        &self,
        step: Step<'_>,
        from: TransportKey,
    ) -> Result<PrincipalId, Halt<Refuse>> {
        let stranger = || Refuse::breach(Reason::GrantMissing, "from a device that is no administrator");
        let entity = self.me.principal.filter(|_| self.me.chain.is_some()).ok_or_else(stranger)?;
        let device = self.colleagues.get(&from).ok_or_else(stranger)?;
        let entry: Option<DeviceEntry> = record::get(step.overlay, &space::device(device))?;
        let entry = entry.filter(|entry| !entry.removed).ok_or_else(stranger)?;
        let chain = crate::contact::verify(step, &entry.chain, &entity, &self.revocations)?;
        chain.permits(Ability::Admit, Scope::Principal).map_err(Refuse::grant)?;
        Ok(entity)
    }

    /// Fills the stock at an administrator's that has none of this device's packages yet.
    pub(crate) fn publish_once(&mut self, step: Step<'_>, to: TransportKey) -> Result<(), Halt<Refuse>> {
        let published: Option<Vec<TransportKey>> = record::get(step.overlay, space::PUBLISHED)?;
        let mut published = published.unwrap_or_default();
        if published.contains(&to) {
            return Ok(());
        }
        published.push(to);
        record::put(step.overlay, space::PUBLISHED.to_vec(), &published)?;
        self.publish_packages(step, to)
    }

    /// An administrator refused key packages, perhaps because it doesn't know this device yet: they are published anew when
    /// it connects next.
    pub(crate) fn packages_refused(&self, step: Step<'_>, by: TransportKey) -> Result<(), StoreError> {
        let published: Option<Vec<TransportKey>> = record::get(step.overlay, space::PUBLISHED)?;
        let mut published = published.unwrap_or_default();
        published.retain(|peer| *peer != by);
        record::put(step.overlay, space::PUBLISHED.to_vec(), &published)
    }

    /// An administrator is there: it gets key packages if it has none of this device, or if it began a new life from an
    /// older copy of its store, in which what it has in stock may be used up.
    pub(crate) fn administrator_is_there(
        &mut self,
        step: Step<'_>,
        peer: TransportKey,
        reborn: bool,
    ) -> Result<(), StoreError> {
        let serves = self.me.role().is_some_and(|role| role != Role::Admin) && self.chain.is_some();
        if !serves || !self.kept.contains(&peer) || !self.colleagues.contains_key(&peer) {
            return Ok(());
        }
        if reborn {
            self.packages_refused(step, peer)?;
        }
        match self.publish_once(step, peer) {
            Ok(()) | Err(Halt::Refuse(_)) => Ok(()),
            Err(Halt::Store(error)) => Err(error),
        }
    }

    /// The device's own side: fills its stock at an administrator's. What was there before is void.
    fn publish_packages(&mut self, step: Step<'_>, to: TransportKey) -> Result<(), Halt<Refuse>> {
        let most = self.settings.key_packages;
        let mut reset = true;
        for (suite, count) in [(Suite::Hybrid, most.min(STOCK)), (Suite::Classic, most.min(STOCK_CLASSIC))] {
            let mut left = count;
            let mut last_resort = ByteBuf::from(self.key_package(step, suite, true)?.as_slice().to_vec());
            while left > 0 {
                let mut packages = Vec::new();
                for _ in 0..left.min(BATCH) {
                    packages.push(ByteBuf::from(self.key_package(step, suite, false)?.as_slice().to_vec()));
                }
                left = left.saturating_sub(BATCH);
                let last_resort = std::mem::take(&mut last_resort);
                let body = KeyPackages { packages, last_resort, reset: std::mem::take(&mut reset) };
                self.enqueue(to, About::Packages, Body::KeyPackages(body));
            }
        }
        Ok(())
    }

    /// One package was used for a forward: a fresh one takes its place.
    pub(crate) fn replace_package(
        &mut self,
        step: Step<'_>,
        to: TransportKey,
        suite: Suite,
    ) -> Result<(), Halt<Refuse>> {
        let package = ByteBuf::from(self.key_package(step, suite, false)?.as_slice().to_vec());
        let body = KeyPackages { packages: vec![package], last_resort: ByteBuf::new(), reset: false };
        self.enqueue(to, About::Nothing, Body::KeyPackages(body));
        Ok(())
    }

    /// The administrator's side: fresh key packages of an enrolled device.
    pub(crate) fn key_packages(
        &mut self,
        step: Step<'_>,
        from: TransportKey,
        body: &KeyPackages,
    ) -> Result<(), Halt<Refuse>> {
        let device = self.colleagues.get(&from).copied();
        let device =
            device.ok_or_else(|| Refuse::breach(Reason::GrantMissing, "key packages from a stranger"))?;
        if body.reset {
            self.drop_stock(step, &device)?;
        }
        for bytes in &body.packages {
            let package = self.verify_package(step, bytes, &device)??;
            let suite = package.suite().code();
            let limit = if package.suite() == Suite::Hybrid { STOCK } else { STOCK_CLASSIC };
            let prefix = space::stock(&device, suite);
            let newest = step.overlay.scan(&Scan::prefix(&prefix).descending().limit(1))?;
            if step.overlay.scan(&Scan::prefix(&prefix).limit(limit * 2))?.len() >= limit * 2 {
                return Err(Refuse::plain(Reason::Busy).into());
            }
            let number =
                newest.first().and_then(|(key, _)| key.last_chunk().copied()).map_or(0, u64::from_be_bytes);
            step.overlay.put(space::stock_item(&device, suite, number.saturating_add(1)), bytes.to_vec())?;
        }
        if !body.last_resort.is_empty() {
            let package = self.verify_package(step, &body.last_resort, &device)??;
            step.overlay
                .put(space::last_resort(&device, package.suite().code()), body.last_resort.to_vec())?;
        }
        Ok(())
    }

    /// A key package of an enrolled device: of the very keys and the principal that it was enrolled with, or no thread
    /// would admit it.
    fn verify_package(
        &self,
        step: Step<'_>,
        bytes: &[u8],
        device: &DeviceId,
    ) -> Result<Result<KeyPackage, Refuse>, StoreError> {
        let package = match KeyPackageBytes::new(bytes.to_vec()).verify(&self.mls) {
            Ok(package) => package,
            Err(error) => return Ok(Err(Refuse::breach(Reason::NoKeyPackage, error))),
        };
        let entry: Option<DeviceEntry> = record::get(step.overlay, &space::device(device))?;
        let enrolled = entry.map(|entry| record::device_of(&entry.record)).transpose()?;
        let own = enrolled.is_some_and(|enrolled| same_device(&enrolled, package.device()));
        let breach = || Refuse::breach(Reason::GrantWrongAudience, "a key package of another device");
        Ok(if own { Ok(package) } else { Err(breach()) })
    }

    /// Takes a usable key package of a device out of the stock; the one of last resort stays. Those that are not usable
    /// are dropped.
    pub(crate) fn take_package(
        &mut self,
        step: Step<'_>,
        device: &DeviceId,
        suite: Suite,
    ) -> Result<Option<KeyPackage>, StoreError> {
        let (key, package) = match self.usable_package(step, device, suite)? {
            Some(found) => found,
            None => return Ok(None),
        };
        if let Some(key) = key {
            step.overlay.delete(key)?;
        }
        Ok(Some(package))
    }

    pub(crate) fn has_package(
        &self,
        step: Step<'_>,
        device: &DeviceId,
        suite: Suite,
    ) -> Result<bool, StoreError> {
        Ok(self.usable_package(step, device, suite)?.is_some())
    }

    /// The next usable key package of a device, and its place in the stock, or none if it is the one of last resort.
    /// Those before it that are not usable are dropped.
    fn usable_package(
        &self,
        step: Step<'_>,
        device: &DeviceId,
        suite: Suite,
    ) -> Result<Option<Usable>, StoreError> {
        let prefix = space::stock(device, suite.code());
        while let Some((key, bytes)) = step.overlay.scan(&Scan::prefix(&prefix).limit(1))?.pop() {
            match self.verify_package(step, &bytes, device)? {
                Ok(package) => return Ok(Some((Some(key), package))),
                Err(_) => step.overlay.delete(key)?,
            }
        }
        let key = space::last_resort(device, suite.code());
        let Some(bytes) = step.overlay.get(&key)? else { return Ok(None) };
        match self.verify_package(step, &bytes, device)? {
            Ok(package) => Ok(Some((None, package))),
            Err(_) => step.overlay.delete(key).map(|()| None),
        }
    }

    pub(crate) fn drop_stock(&self, step: Step<'_>, device: &DeviceId) -> Result<(), StoreError> {
        for suite in Suite::ALL {
            for (key, _) in step.overlay.scan(&Scan::prefix(&space::stock(device, suite.code())))? {
                step.overlay.delete(key)?;
            }
            step.overlay.delete(space::last_resort(device, suite.code()))?;
        }
        Ok(())
    }

    pub(crate) fn stock_of(&self, reader: &dyn Reader, device: &DeviceId) -> Result<usize, StoreError> {
        Ok(reader.scan(&Scan::prefix(&space::stock(device, Suite::Hybrid.code())))?.len())
    }
}

/// Whether two records show the same keys of the same principal. When they were signed is of no account.
fn same_device(one: &DeviceRecord, other: &DeviceRecord) -> bool {
    let keys = |record: &DeviceRecord| (record.id(), record.transport(), record.seal(), record.principal());
    keys(one) == keys(other)
}

/// Revocations as they travel with a roster: those that it has room for, and the bodies that follow it with the others.
fn in_parts(mut revocations: Vec<RevocationBytes>) -> (Vec<RevocationBytes>, Vec<Body>) {
    let surplus = revocations.split_off(revocations.len().min(limits::MAX_REVOCATIONS));
    let follow = surplus.chunks(limits::MAX_REVOCATIONS);
    let follow = follow.map(|part| Body::Revoked(Revoked { revocations: part.to_vec() })).collect();
    (revocations, follow)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn revocations_that_a_roster_has_no_room_for_follow_it() {
        for count in [0, 64, 65, 200] {
            let all: Vec<RevocationBytes> = (0..count).map(|n| RevocationBytes::new(vec![n])).collect();
            let (mut together, follow) = in_parts(all.clone());
            assert!(together.len() <= limits::MAX_REVOCATIONS);
            for body in follow {
                let Body::Revoked(Revoked { revocations }) = body else { unreachable!("{body:?}") };
                assert!(!revocations.is_empty() && revocations.len() <= limits::MAX_REVOCATIONS);
                together.extend(revocations);
            }
            assert_eq!(together, all);
        }
    }
}
