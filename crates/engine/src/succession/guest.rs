//! The guest's part: it opens the new era.

use crate::{
    Engine, Event, ThreadStatus,
    causes::Cause,
    incoming::quietly,
    record::{self, About, Founded, Meta},
    space,
    step::{Halt, Refuse, Step},
};
use frontdesk_identity::{DeviceId, DeviceRecord, SignedAddressRecord, ThreadId, TransportKey};
use frontdesk_store::{Reader as _, StoreError};
use frontdesk_thread::{Founding, KeyPackage, KeyPackageBytes, Side, Thread, WelcomeBytes};
use frontdesk_wire::{Body, EraMember, EraOffer, EraOpen, Position, Reason};
use serde_bytes::{ByteArray, ByteBuf};

use super::{ERAS_PASSED_OVER, MAX_ERAS_AHEAD};

/// By how much positions rise when an era begins: by as much as nobody can be ahead of what others know. So what belongs to
/// the eras before comes before, in every list.
const ERA_RISES: u64 = Position::MAX_AHEAD;

impl Engine {
    /// A device of the business offers to be the steward. Whoever was it is out, and so are all others until the new one
    /// lets them in.
    pub(crate) fn era_offer(
        &mut self,
        step: Step<'_>,
        from: TransportKey,
        body: &EraOffer,
    ) -> Result<(), Halt<Refuse>> {
        let refuse = |reason| Halt::from(Refuse::plain(reason).about(body.thread));
        let goes_on = |meta: &Meta| meta.is_in() || meta.status() == ThreadStatus::Rejoining;
        let meta = self.meta(step.overlay, &body.thread)?.filter(goes_on);
        let meta = meta.filter(|meta| self.me.principal == Some(meta.guest));
        let meta = meta.ok_or_else(|| refuse(Reason::UnknownThread))?;
        let steward = self.check_successor(step, from, (&meta.host, &body.record, &body.chain))?;
        // The steward itself may have lost more than its keys. Another has to know who the steward is, unless it is the guest
        // who lost more.
        let lost = meta.status() == ThreadStatus::Rejoining;
        let knows = body.era == meta.era || (lost && body.era > meta.era);
        if meta.steward != Some(steward.id()) && !knows {
            return Err(refuse(Reason::PastEra));
        }
        if body.era > meta.era.saturating_add(MAX_ERAS_AHEAD) {
            return Err(Refuse::breach(Reason::BadContent, "an era too far ahead").about(body.thread).into());
        }
        self.check_era(step, from, &meta)?;
        let package = KeyPackageBytes::new(body.key_package.to_vec()).verify(&self.mls);
        let package = package.map_err(|error| Refuse::breach(Reason::NoKeyPackage, error))?;
        let same_suite = meta.suite.is_none_or(|code| code == package.suite().code());
        if package.device_id() != steward.id() || !same_suite {
            return Err(Refuse::breach(Reason::NoKeyPackage, "a key package that does not fit").into());
        }
        self.learn_address(step, from, &body.address, Some(steward.id()))?;
        let before = self.take_thread(step, meta.thread, meta.era)?;
        let (thread, welcome) = self.found_era(step, (&meta, before.as_ref()), package, body)?;
        self.begin_era(step, meta, (before, thread), &steward, &welcome)
    }

    /// Not again and again, and not without room for what follows.
    fn check_era(&mut self, step: Step<'_>, from: TransportKey, meta: &Meta) -> Result<(), Halt<Refuse>> {
        let pauses = self.causes.by_anybody(meta.thread, Cause::Era, step.now.mono);
        let room = self.has_room(step, from, 2)? && meta.position.0 < Position::MAX.0 - ERA_RISES;
        if pauses || !room {
            return Err(Refuse::plain(Reason::Busy).about(meta.thread).into());
        }
        Ok(())
    }

    fn found_era(
        &mut self,
        step: Step<'_>,
        (meta, before): (&Meta, Option<&Thread>),
        steward: KeyPackage,
        body: &EraOffer,
    ) -> Result<(Thread, WelcomeBytes), Halt<Refuse>> {
        let unknown = || Refuse::plain(Reason::UnknownThread).about(meta.thread);
        let founded = match before {
            Some(before) => {
                Some(Founded { nonce: ByteArray::new(before.state().nonce), term: before.state().term })
            }
            None => self.founded(step, &meta.thread)?,
        };
        let founded = founded.ok_or_else(unknown)?;
        // Of what began since the backup, a guest that was restored knows nothing.
        let more = if meta.status() == ThreadStatus::Rejoining { ERAS_PASSED_OVER } else { 1 };
        let (era, term) = (meta.era.max(body.era).checked_add(more), founded.term.checked_add(more));
        let (era, term) = era.zip(term).ok_or_else(unknown)?;
        let chain = self.chain.clone().ok_or_else(|| Refuse::plain(Reason::GrantMissing))?;
        let founding = Founding {
            host: meta.host,
            guest: meta.guest,
            nonce: founded.nonce.into_array(),
            suite: steward.suite(),
            guest_chain: chain.into_bytes(),
            steward,
            steward_chain: body.chain.clone(),
            era,
            term,
        };
        let made = self.create_thread(step, founding)?;
        record::put(step.overlay, space::guesting(&meta.thread), &Founded { term, ..founded })?;
        Ok(made)
    }

    /// What the thread was founded with, if this node keeps it.
    fn founded(&self, step: Step<'_>, thread: &ThreadId) -> Result<Option<Founded>, StoreError> {
        let row = step.overlay.get(&space::guesting(thread))?;
        row.filter(|row| !row.is_empty()).map(|row| record::decode(&row)).transpose()
    }

    fn begin_era(
        &mut self,
        step: Step<'_>,
        mut meta: Meta,
        (before, mut thread): (Option<Thread>, Thread),
        steward: &DeviceRecord,
        welcome: &WelcomeBytes,
    ) -> Result<(), Halt<Refuse>> {
        let (members, addresses) = match &before {
            Some(before) => self.who_was_there(step, before, &steward.id())?,
            None => (Vec::new(), Vec::new()),
        };
        self.end_era(step, before)?;
        self.was_opened(step, &mut meta, &thread)?;
        let position = Position(meta.position.0.saturating_add(ERA_RISES));
        let heads = meta.heads_for(&self.id(), &steward.id());
        self.come_in(step, &mut meta, &[], position)?;
        self.refresh(step, &mut meta, &thread)?;
        let name = self.name_of(step.overlay, &meta, &steward.id())?;
        self.note(step, &mut meta, format!("{name} took the thread over"))?;
        let removed: Vec<DeviceId> = members.iter().filter_map(|member| self.device_in(member)).collect();
        let (id, era, epoch, added) = (meta.thread, meta.era, meta.epoch, vec![steward.id()]);
        self.tell(Event::MembersChanged { thread: id, era, epoch, added, removed });
        let welcome = ByteBuf::from(welcome.as_slice().to_vec());
        let open = EraOpen { thread: id, era, welcome, members, addresses, heads, position };
        self.enqueue(steward.transport(), About::Thread(id), Body::EraOpen(open));
        self.causes.note(steward.transport(), id, Cause::Era, step.now.mono);
        self.release(step, &mut meta, &mut thread)?;
        quietly(self.introduce(step, &mut meta, &mut thread))?;
        self.put_meta(step, &meta)?;
        self.keep_thread(thread);
        Ok(self.keep_to(step)?)
    }

    /// The other devices of the host, by which right they were there, and where they can be dialled.
    fn who_was_there(
        &self,
        step: Step<'_>,
        thread: &Thread,
        steward: &DeviceId,
    ) -> Result<(Vec<EraMember>, Vec<SignedAddressRecord>), StoreError> {
        let (mut members, mut addresses) = (Vec::new(), Vec::new());
        let hosts = thread.members().filter(|member| member.side == Side::Host);
        for member in hosts.filter(|member| member.record.id() != *steward) {
            let (record, chain) = (member.record.signed().clone(), member.chain.bytes().clone());
            members.push(EraMember { record, chain });
            addresses.extend(self.address_of(step, &member.record.transport())?);
        }
        Ok((members, addresses))
    }
}
