//! Peers: where they can be dialled, and whom to stay connected to.

use crate::{
    Action, Engine, ThreadStatus,
    record::{self, Contact, Meta, Peer},
    space,
    step::{Halt, Refuse, Step},
};
use frontdesk_identity::{
    AddressRecord, AddressRecordError, DeviceId, Invitation, Role, SignedAddressRecord, TransportKey,
    UnixTime,
};
use frontdesk_store::{Reader, Scan, StoreError};
use frontdesk_thread::Thread;
use frontdesk_wire::{AddressUpdate, Reason};
use std::collections::BTreeSet;

/// Sealed messages for threads that this device doesn't have (yet) are kept this long, in seconds.
const ASIDE_LASTS: u64 = 24 * 3600;

impl Engine {
    pub(crate) fn address_update(
        &mut self,
        step: Step<'_>,
        from: TransportKey,
        body: &AddressUpdate,
    ) -> Result<(), Halt<Refuse>> {
        let of = body.address.read_kept().map(|named| named.device());
        let link = self.colleagues.get(&from).copied();
        if let (Some(link), Ok(of)) = (link, of)
            && link != of
            && self.is_administrator(step, &from)?
        {
            return self.colleague_address(step, from, of, &body.address);
        }
        if self.learn_address(step, from, &body.address, None)? {
            self.pass_on(step, from)?;
            self.tell_colleagues(step, from)?;
        }
        Ok(())
    }

    /// Takes in an address record that must be of the device on this link. Answers whether it has moved.
    pub(crate) fn learn_address(
        &mut self,
        step: Step<'_>,
        from: TransportKey,
        signed: &SignedAddressRecord,
        device: Option<DeviceId>,
    ) -> Result<bool, Halt<Refuse>> {
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
        Ok(self.put_address(step, from, &address)?)
    }

    /// Takes in an address record of a member of a thread. Answers false if it is nobody's here: that is no reason to refuse
    /// what it came with. One that is over is better than none: whoever answers there has to be the member.
    pub(crate) fn learn_address_of(
        &mut self,
        step: Step<'_>,
        thread: &Thread,
        signed: &SignedAddressRecord,
    ) -> Result<bool, StoreError> {
        let verified = match signed.verify(step.wall()) {
            Err(AddressRecordError::Expired { .. }) => signed.verify(UnixTime(0)),
            verified => verified,
        };
        let Ok(address) = verified else { return Ok(false) };
        let Some(member) = thread.member(&address.device()).filter(|member| member.record.id() != self.id())
        else {
            return Ok(false);
        };
        self.put_address(step, member.record.transport(), &address)?;
        Ok(true)
    }

    /// Keeps a peer's address record if it is newer than the one that is known. Answers whether the peer has moved by it.
    pub(crate) fn put_address(
        &mut self,
        step: Step<'_>,
        peer: TransportKey,
        address: &AddressRecord,
    ) -> Result<bool, StoreError> {
        let key = space::peer(&peer);
        let known: Option<Peer> = record::get(step.overlay, &key)?;
        let mut known = known.unwrap_or_default();
        let held = known.address.as_ref().and_then(|held| held.read_kept().ok());
        let news = held.as_ref().is_none_or(|held| address.supersedes(held));
        if news {
            known.device = Some(address.device());
            known.address = Some(address.signed().clone());
            record::put(step.overlay, key, &known)?;
            self.wanted.remove(&peer);
            self.touched.insert(peer);
        }
        self.know(step, peer)?;
        Ok(news && held.is_none_or(|held| held.addresses() != address.addresses()))
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

    /// Asks to be connected to a peer that has something to get or to tell, or that this node stays close to. Whether it is one
    /// that is to tell something.
    pub(crate) fn want(&mut self, step: Step<'_>, peer: TransportKey) -> Result<bool, StoreError> {
        let kept = self.keeps(&peer);
        let link = self.link(step, peer)?;
        let (up, backlog, unsettled) = (link.is_up(), link.backlog(), link.unsettled());
        let parted = !up && unsettled > 0 && self.is_parted_from(step, &peer)?;
        let asked = parted && self.is_asked(step, &peer)?;
        if parted && !asked {
            self.give_up(step, peer)?;
            return Ok(false);
        }
        if up || (backlog == 0 && !kept && !asked) || self.wanted.contains(&peer) {
            return Ok(asked);
        }
        let Some(known) = record::get::<Peer>(step.overlay, &space::peer(&peer))? else { return Ok(asked) };
        let held = known.address.and_then(|held| held.read_kept().ok());
        let mut addresses: Vec<String> = known.hints;
        addresses.extend(held.iter().flat_map(|held| held.addresses().iter().map(ToString::to_string)));
        addresses.dedup();
        if !addresses.is_empty() {
            self.wanted.insert(peer);
            self.act(Action::Dial { peer, addresses });
        }
        Ok(asked)
    }

    /// Whether to stay connected to a peer even with nothing to send.
    pub(crate) fn keeps(&self, peer: &TransportKey) -> bool {
        self.kept.contains(peer)
    }

    /// Whom to stay connected to: a guest to those who serve it, an agent to its administrators, and who waits for an answer
    /// to the one it asked. Those can rarely be dialled themselves.
    pub(crate) fn to_keep(&self, reader: &dyn Reader) -> Result<BTreeSet<TransportKey>, StoreError> {
        let mut kept = self.hosts(reader)?;
        for (_, bytes) in reader.scan(&Scan::prefix(space::CONTACTS))? {
            kept.insert(record::decode::<Contact>(&bytes)?.reception);
        }
        let joining = self.me.joining.as_ref().filter(|joining| joining.refused.is_none());
        if let Some(joining) = joining.filter(|_| self.me.chain.is_none()) {
            kept.extend(joining.invitation.parse().map(|invitation: Invitation| invitation.transport));
        }
        if self.me.role().is_none_or(|role| role == Role::Admin) {
            return Ok(kept);
        }
        for (_, bytes) in reader.scan(&Scan::prefix(space::DEVICES))? {
            let entry: record::DeviceEntry = record::decode(&bytes)?;
            if !entry.removed && Role::try_from(entry.role) == Ok(Role::Admin) {
                kept.insert(record::device_of(&entry.record)?.transport());
            }
        }
        Ok(kept)
    }

    /// The nodes that serve this one as a guest.
    fn hosts(&self, reader: &dyn Reader) -> Result<BTreeSet<TransportKey>, StoreError> {
        let mut hosts = BTreeSet::new();
        let mut add = |meta: Meta| -> Result<(), StoreError> {
            let waits = meta.is_in() || meta.status() == ThreadStatus::Rejoining;
            if self.me.principal != Some(meta.guest) || !waits {
                return Ok(());
            }
            hosts.extend(meta.hosts);
            Ok(())
        };
        if self.me.role() == Some(Role::Admin) {
            // An administrator has many threads and is the guest of few: those are marked.
            for (key, _) in reader.scan(&Scan::prefix(space::GUESTING))? {
                let thread = space::read_guesting(&key).map(|thread| self.meta(reader, &thread));
                thread.transpose()?.flatten().map_or(Ok(()), &mut add)?;
            }
        } else {
            for (_, bytes) in reader.scan(&Scan::prefix(space::THREADS))? {
                add(record::decode(&bytes)?)?;
            }
        }
        Ok(hosts)
    }

    /// A guest stays close to those who serve it.
    pub(crate) fn stay_close(&mut self, step: Step<'_>, meta: &Meta) -> Result<(), StoreError> {
        if self.me.principal != Some(meta.guest) {
            return Ok(());
        }
        self.put_meta(step, meta)?;
        self.keep_to(step)
    }

    /// Looks for those whom to stay connected to, and for no others.
    pub(crate) fn keep_to(&mut self, step: Step<'_>) -> Result<(), StoreError> {
        let now = self.to_keep(step.overlay)?;
        self.touched.extend(now.symmetric_difference(&self.kept));
        self.kept = now;
        Ok(())
    }

    /// What is left to do when a node starts.
    pub(crate) fn resume(&mut self, step: Step<'_>) -> Result<(), StoreError> {
        self.index_threads(step)?;
        self.sweep_aside(step, ASIDE_LASTS)?;
        self.lapse(step)?;
        self.plan_gaps(step)?;
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
                self.waits_no_longer(step, key, (waiting.from, waiting.seq), Some(Reason::FutureEpoch))?;
            }
        }
        Ok(())
    }
}
