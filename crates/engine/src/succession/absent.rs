//! Who was in the era before and may come into the present one: each member keeps it, to wait for what they wrote, and the
//! steward by which right they were there.

use crate::{
    Engine,
    contact::verify,
    record::{self, About, Absent},
    space,
    step::{Halt, Refuse, Step},
};
use frontdesk_capability::{Ability, Chain, Refusal, Scope};
use frontdesk_identity::{DeviceId, DeviceRecord, SignedAddressRecord, ThreadId, TransportKey};
use frontdesk_store::{Reader as _, Scan, StoreError};
use frontdesk_thread::{Side, Thread};
use frontdesk_wire::{Body, EraMember, EraMembers, EraOpen, Reason, limits};

/// Devices that are waited for in one thread, with those that never come.
pub const MAX_ABSENT: usize = 4 * limits::MAX_MEMBERS;

/// Whether a device may lead the threads of its entity.
pub(super) fn may_lead(chain: &Chain) -> Result<(), Refusal> {
    [Ability::Accept, Ability::Forward]
        .into_iter()
        .try_for_each(|ability| chain.permits(ability, Scope::Principal))
}

impl Engine {
    /// Notes the other devices of the host that are in a thread whose era ends.
    pub(super) fn await_members(&mut self, step: Step<'_>, thread: &Thread) -> Result<(), StoreError> {
        let own = self.id();
        let others = thread.members().filter(|member| member.side == Side::Host && member.record.id() != own);
        for member in others {
            let absent =
                Absent { record: member.record.signed().clone(), chain: member.chain.bytes().clone() };
            record::put(step.overlay, space::absent_device(&thread.id(), &member.record.id()), &absent)?;
        }
        Ok(())
    }

    /// Notes those that the guest tells of, and where they are.
    pub(super) fn await_told(
        &mut self,
        step: Step<'_>,
        thread: &Thread,
        body: &EraOpen,
    ) -> Result<(), StoreError> {
        for EraMember { record, chain } in &body.members {
            self.await_device(step, thread, &Absent { record: record.clone(), chain: chain.clone() })?;
        }
        self.learn_addresses_of_absent(step, &body.thread, &body.addresses)
    }

    /// Notes one that others tell of, if it is a device of the host by a chain that holds now. What the chain lets it do is
    /// asked when it comes. Answers who it is if it wasn't known to be absent.
    fn await_device(
        &mut self,
        step: Step<'_>,
        thread: &Thread,
        absent: &Absent,
    ) -> Result<Option<DeviceRecord>, StoreError> {
        let Ok(record) = self.mls.verify(&absent.record) else { return Ok(None) };
        let chain = verify(step, &absent.chain, &thread.host(), &self.revocations);
        let holds = chain.is_ok_and(|chain| chain.held_by(&record.id()).is_ok());
        if !holds || record.principal() != thread.host() || thread.is_member(&record.id()) {
            return Ok(None);
        }
        let key = space::absent_device(&thread.id(), &record.id());
        let known = step.overlay.get(&key)?.is_some();
        if !known && !self.has_room_for_absent(step, thread)? {
            return Ok(None);
        }
        record::put(step.overlay, key, absent)?;
        Ok((!known).then_some(record))
    }

    /// Whether one more may be absent. Those whose chains have ended make room.
    fn has_room_for_absent(&self, step: Step<'_>, thread: &Thread) -> Result<bool, StoreError> {
        let rows = step.overlay.scan(&Scan::prefix(&space::absent(&thread.id())))?;
        let mut left = rows.len();
        for (key, bytes) in rows {
            if left < MAX_ABSENT {
                break;
            }
            let row: Absent = record::decode(&bytes)?;
            if verify(step, &row.chain, &thread.host(), &self.revocations).is_err() {
                step.overlay.delete(key)?;
                left = left.saturating_sub(1);
            }
        }
        Ok(left < MAX_ABSENT)
    }

    /// Who has come into an era, and may lead threads, tells its steward whom it knows to be absent. It may have led the era
    /// before, and let others in, when another led already.
    pub(crate) fn name_absent(
        &mut self,
        step: Step<'_>,
        thread: &Thread,
        steward: TransportKey,
    ) -> Result<(), StoreError> {
        let leads = self.chain.as_ref().filter(|chain| may_lead(chain).is_ok());
        let Some(chain) = leads.map(|chain| chain.bytes().clone()) else { return Ok(()) };
        if !self.has_room(step, steward, 1)? {
            return Ok(());
        }
        let (mut members, mut addresses) = (Vec::new(), Vec::new());
        for (record, right) in self.absent(step, &thread.id())?.into_iter().take(limits::MAX_MEMBERS) {
            members.push(EraMember { record: record.signed().clone(), chain: right.into_bytes() });
            addresses.extend(self.address_of(step, &record.transport())?);
        }
        if !members.is_empty() {
            let body = EraMembers { thread: thread.id(), era: thread.era(), chain, members, addresses };
            self.enqueue(steward, About::Thread(thread.id()), Body::EraMembers(body));
        }
        Ok(())
    }

    /// A member that may lead threads tells this device, the steward, who is to be waited for: those are told.
    pub(crate) fn era_members(
        &mut self,
        step: Step<'_>,
        from: TransportKey,
        body: &EraMembers,
    ) -> Result<(), Halt<Refuse>> {
        let (meta, thread) = self.thread_of_frame(step, body.thread, body.era)?;
        if thread.steward() != self.id() {
            return Err(Refuse::plain(Reason::NotSteward).about(body.thread).into());
        }
        let sender = thread.members().find(|member| member.record.transport() == from);
        let sender = sender.filter(|member| member.side == Side::Host);
        let sender =
            sender.ok_or_else(|| Refuse::breach(Reason::NotMember, "names members").about(body.thread))?;
        let chain = verify(step, &body.chain, &thread.host(), &self.revocations)?;
        chain.held_by(&sender.record.id()).map_err(Refuse::grant)?;
        may_lead(&chain).map_err(Refuse::grant)?;
        let mut told = Vec::new();
        for member in &body.members {
            let Some(device) = self.device_in(member) else { continue };
            // Whom a commit took out comes back by a forward alone; who is waited for, is so by what the guest told.
            let [out, known] =
                [space::taken_out(&body.thread, &device), space::absent_device(&body.thread, &device)];
            if step.overlay.get(&out)?.is_none() && step.overlay.get(&known)?.is_none() {
                let absent = Absent { record: member.record.clone(), chain: member.chain.clone() };
                told.extend(self.await_device(step, &thread, &absent)?);
            }
        }
        self.learn_addresses_of_absent(step, &body.thread, &body.addresses)?;
        self.note_nodes(step, &meta, &meta.nodes())?;
        for device in told {
            if self.has_room(step, device.transport(), 1)? {
                self.tell_era(step, &meta, device.transport())?;
            }
        }
        self.keep_thread(thread);
        Ok(())
    }

    /// The device that a line of an [`EraOpen`](frontdesk_wire::EraOpen) is about.
    pub(super) fn device_in(&self, member: &EraMember) -> Option<DeviceId> {
        self.mls.verify(&member.record).ok().map(|record| record.id())
    }

    /// Who is waited for: those whose chains hold.
    pub(crate) fn absent(
        &self,
        step: Step<'_>,
        id: &ThreadId,
    ) -> Result<Vec<(DeviceRecord, Chain)>, StoreError> {
        let mut absent = Vec::new();
        let rows = step.overlay.scan(&Scan::prefix(&space::absent(id)))?;
        let meta = if rows.is_empty() { None } else { self.meta(step.overlay, id)? };
        let Some(meta) = meta else { return Ok(absent) };
        for (_, bytes) in rows {
            let row: Absent = record::decode(&bytes)?;
            if let Ok(chain) = verify(step, &row.chain, &meta.host, &self.revocations) {
                absent.push((record::device_of(&row.record)?, chain));
            }
        }
        Ok(absent)
    }

    /// The one on this link that is waited for, with its chain.
    pub(crate) fn absent_on_link(
        &self,
        step: Step<'_>,
        id: &ThreadId,
        from: TransportKey,
    ) -> Result<(DeviceId, Chain), Halt<Refuse>> {
        let mut absent = self.absent(step, id)?.into_iter();
        let found = absent.find(|(record, _)| record.transport() == from);
        let found = found.ok_or_else(|| Refuse::breach(Reason::NotMember, "asks to rejoin").about(*id))?;
        Ok((found.0.id(), found.1))
    }

    /// Who has come is waited for no longer.
    pub(crate) fn forget_absence(&self, step: Step<'_>, thread: &Thread) -> Result<(), StoreError> {
        for (key, _) in step.overlay.scan(&Scan::prefix(&space::absent(&thread.id())))? {
            let came = space::read_absent(&key).is_none_or(|device| thread.is_member(&device));
            if came {
                step.overlay.delete(key)?;
            }
        }
        Ok(())
    }

    fn learn_addresses_of_absent(
        &mut self,
        step: Step<'_>,
        id: &ThreadId,
        addresses: &[SignedAddressRecord],
    ) -> Result<(), StoreError> {
        let absent = self.absent(step, id)?;
        for address in addresses.iter().filter_map(|signed| signed.verify(step.wall()).ok()) {
            if let Some((record, _)) = absent.iter().find(|(record, _)| record.id() == address.device()) {
                self.put_address(step, record.transport(), &address)?;
            }
        }
        Ok(())
    }
}
