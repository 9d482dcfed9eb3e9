//! Peers: where they can be dialled, and whom to stay connected to.

use crate::{
    Action, Engine,
    record::{self, About, Addresses, Meta, Peer},
    space,
    step::{Halt, Refuse, Step},
};
use frontdesk_identity::{
    AddressRecord, DeviceId, DialAddress, Role, SignedAddressRecord, TransportKey, UnixTime,
};
use frontdesk_store::{Reader, Scan, StoreError};
use frontdesk_thread::Thread;
use frontdesk_wire::{AddressUpdate, Body, Reason};
use std::collections::BTreeSet;

/// How long an address record holds, in seconds: 30 days.
pub const ADDRESS_LASTS: u64 = 30 * 24 * 3600;
/// Sealed messages for threads that this device doesn't have (yet) are kept this long, in seconds.
const ASIDE_LASTS: u64 = 24 * 3600;

impl Engine {
    /// Where this node can be dialled now. If that has changed, those who may want to dial it are told.
    pub(crate) fn set_addresses(&mut self, step: Step<'_>, addresses: &[String]) -> Result<(), StoreError> {
        let mut parsed: Vec<DialAddress> = addresses.iter().filter_map(|text| text.parse().ok()).collect();
        parsed.truncate(frontdesk_identity::MAX_ADDRESSES);
        self.addresses = parsed;
        let known: Option<Addresses> = record::get(step.overlay, space::ADDRESS)?;
        if known.as_ref().is_some_and(|known| known.addresses == self.addresses) {
            return Ok(());
        }
        if self.record.is_none() {
            return Ok(());
        }
        let address = self.address_record(step)?;
        let own = self.keys.transport_public();
        let mut peers: BTreeSet<TransportKey> =
            self.kept.iter().chain(self.colleagues.keys()).copied().collect();
        peers.extend(self.recent_guests(step)?);
        for peer in peers.into_iter().filter(|peer| *peer != own) {
            let body = Body::AddressUpdate(AddressUpdate { address: address.clone() });
            self.enqueue(peer, About::Nothing, body);
        }
        Ok(())
    }

    /// Guests of threads in which something happened within the life of an address record.
    fn recent_guests(&self, step: Step<'_>) -> Result<Vec<TransportKey>, StoreError> {
        let mut guests = Vec::new();
        if self.me.role().is_some() {
            for (_, bytes) in step.overlay.scan(&Scan::prefix(space::THREADS))? {
                let meta: Meta = record::decode(&bytes)?;
                if meta.is_in() && meta.active_at.plus(ADDRESS_LASTS) > step.wall() {
                    guests.extend(meta.guest_transport);
                }
            }
        }
        Ok(guests)
    }

    /// This device's address record, signed now under the next number, so that it replaces what others hold and holds for
    /// its full time.
    pub(crate) fn address_record(&self, step: Step<'_>) -> Result<SignedAddressRecord, StoreError> {
        let known: Option<Addresses> = record::get(step.overlay, space::ADDRESS)?;
        let number = known.map_or(0, |known| known.number).saturating_add(1);
        let addresses = Addresses { number, addresses: self.addresses.clone() };
        record::put(step.overlay, space::ADDRESS.to_vec(), &addresses)?;
        let signed =
            AddressRecord::sign(&self.keys, number, &self.addresses, step.wall().plus(ADDRESS_LASTS));
        signed.map_err(|error| StoreError::Damaged { what: error.to_string() })
    }

    pub(crate) fn address_update(
        &mut self,
        step: Step<'_>,
        from: TransportKey,
        body: &AddressUpdate,
    ) -> Result<(), Halt<Refuse>> {
        self.learn_address(step, from, &body.address, None)
    }

    /// Takes in an address record that must be of the device on this link.
    pub(crate) fn learn_address(
        &mut self,
        step: Step<'_>,
        from: TransportKey,
        signed: &SignedAddressRecord,
        device: Option<DeviceId>,
    ) -> Result<(), Halt<Refuse>> {
        let address =
            signed.verify(step.wall()).map_err(|error| Refuse::breach(Reason::BadContent, error))?;
        let known: Option<Peer> = record::get(step.overlay, &space::peer(&from))?;
        let known_device = known.as_ref().and_then(|peer| peer.device);
        let expected = device.or(known_device).or_else(|| self.colleagues.get(&from).copied());
        let expected = expected.ok_or_else(|| Refuse::plain(Reason::UnknownDevice))?;
        if expected != address.device() {
            return Err(
                Refuse::breach(Reason::GrantWrongAudience, "an address record of another device").into()
            );
        }
        self.put_address(step, from, &address)?;
        Ok(())
    }

    /// Takes in an address record of a member of a thread. Answers false if it is out of date or nobody's here: that is
    /// no reason to refuse what it came with.
    pub(crate) fn learn_address_of(
        &mut self,
        step: Step<'_>,
        thread: &Thread,
        signed: &SignedAddressRecord,
    ) -> Result<bool, StoreError> {
        let Ok(address) = signed.verify(step.wall()) else { return Ok(false) };
        let Some(member) = thread.member(&address.device()).filter(|member| member.record.id() != self.id())
        else {
            return Ok(false);
        };
        self.put_address(step, member.record.transport(), &address)?;
        Ok(true)
    }

    fn put_address(
        &mut self,
        step: Step<'_>,
        peer: TransportKey,
        address: &AddressRecord,
    ) -> Result<(), StoreError> {
        let key = space::peer(&peer);
        let known: Option<Peer> = record::get(step.overlay, &key)?;
        let mut known = known.unwrap_or_default();
        let held = known.address.as_ref().and_then(|held| held.verify(UnixTime(0)).ok());
        if held.is_none_or(|held| address.supersedes(&held)) {
            known.device = Some(address.device());
            known.address = Some(address.signed().clone());
            record::put(step.overlay, key, &known)?;
            self.wanted.remove(&peer);
            self.touched.insert(peer);
        }
        self.know(step, peer)
    }

    /// The address record that this node holds of a peer; a fresh one for itself.
    pub(crate) fn address_of(
        &self,
        step: Step<'_>,
        peer: &TransportKey,
    ) -> Result<Option<SignedAddressRecord>, StoreError> {
        if *peer == self.keys.transport_public() {
            return self.address_record(step).map(Some);
        }
        Ok(record::get::<Peer>(step.overlay, &space::peer(peer))?.and_then(|peer| peer.address))
    }

    /// Asks to be connected to a peer that has something to get, or that this node stays close to.
    pub(crate) fn want(&mut self, step: Step<'_>, peer: TransportKey) -> Result<(), StoreError> {
        let kept = self.keeps(&peer);
        let link = self.link(step, peer)?;
        if link.is_up() || (link.backlog() == 0 && !kept) || self.wanted.contains(&peer) {
            return Ok(());
        }
        let Some(known) = record::get::<Peer>(step.overlay, &space::peer(&peer))? else { return Ok(()) };
        let held = known.address.and_then(|held| held.verify(UnixTime(0)).ok());
        let mut addresses: Vec<String> = known.hints;
        addresses.extend(held.iter().flat_map(|held| held.addresses().iter().map(ToString::to_string)));
        addresses.dedup();
        if !addresses.is_empty() {
            self.wanted.insert(peer);
            self.act(Action::Dial { peer, addresses });
        }
        Ok(())
    }

    /// Whether to stay connected to a peer even with nothing to send.
    pub(crate) fn keeps(&self, peer: &TransportKey) -> bool {
        self.kept.contains(peer)
    }

    /// Whom to stay connected to: a customer to those who serve it, an agent to its administrators.
    pub(crate) fn to_keep(&self, reader: &dyn Reader) -> Result<BTreeSet<TransportKey>, StoreError> {
        let mut kept = BTreeSet::new();
        if self.me.role() == Some(Role::Admin) {
            return Ok(kept);
        }
        for (_, bytes) in reader.scan(&Scan::prefix(space::DEVICES))? {
            let entry: record::DeviceEntry = record::decode(&bytes)?;
            if !entry.removed && Role::try_from(entry.role) == Ok(Role::Admin) {
                kept.insert(record::device_of(&entry.record)?.transport());
            }
        }
        for (_, bytes) in reader.scan(&Scan::prefix(space::THREADS))? {
            let meta: Meta = record::decode(&bytes)?;
            if self.me.principal == Some(meta.guest) && meta.is_in() {
                kept.extend(meta.hosts);
            }
        }
        Ok(kept)
    }

    /// What is left to do when a node starts.
    pub(crate) fn resume(&mut self, step: Step<'_>) -> Result<(), StoreError> {
        self.sweep_aside(step, ASIDE_LASTS)?;
        if self.me.restored {
            self.rejoin_all(step)?;
        }
        Ok(())
    }

    /// Clears away sealed messages that waited longer than `lasts` seconds for a commit or a forward that never came.
    pub(crate) fn sweep_aside(&mut self, step: Step<'_>, lasts: u64) -> Result<(), StoreError> {
        for (key, bytes) in step.overlay.scan(&Scan::prefix(space::WAITING))? {
            let waiting: record::Waiting = record::decode(&bytes)?;
            if waiting.since.plus(lasts) < step.wall() {
                step.overlay.delete(key)?;
                self.aside = self.aside.saturating_sub(1);
                self.link(step, waiting.from)?.settle(waiting.seq, Some(Reason::FutureEpoch));
                self.touched.insert(waiting.from);
            }
        }
        Ok(())
    }
}
