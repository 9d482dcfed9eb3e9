//! Succession: a device of the business that may accept threads becomes the steward of a thread that it knows, because the
//! steward is gone, or because it is the steward itself and lost its keys. A new era begins, one MLS group more. The guest
//! opens it, since every thread is the guest's with the business; so of two that offer at once one is first, and the other
//! hears that it knew too little. Those of the business who were in the thread are told, and ask to be added.

mod absent;
mod guest;
mod member;

pub use absent::MAX_ABSENT;

use crate::{
    CommandError, Engine, Event, Reply, ThreadStatus,
    causes::CAUSED_LATELY,
    contact::{device_on_link, verify},
    incoming::quietly,
    record::{self, About, Meta, Takeover},
    space,
    step::{Halt, Refuse, Step},
};
use frontdesk_capability::{Ability, ChainBytes};
use frontdesk_identity::{DeviceRecord, PrincipalId, SignedDeviceRecord, ThreadId, TransportKey};
use frontdesk_store::StoreError;
use frontdesk_thread::{Expected, KeyPackageBytes, Role, Side, Suite, Thread, delete_key_package};
use frontdesk_wire::{Body, EraNotice, EraOffer, EraOpen, Reason};
use serde_bytes::ByteBuf;

/// Eras that may have begun without a device, as others tell it. One that says more is not believed.
pub const MAX_ERAS_AHEAD: u32 = 1_024;
/// Threads whose era one peer is told of at once. It may claim new lives without end.
const TOLD_AT_ONCE: usize = 1_000;
/// Eras that a guest passes over which lost its keys: a backup knows nothing of those since.
const ERAS_PASSED_OVER: u32 = 16;

impl Engine {
    /// An administrator wants to be the steward of a thread that it knows.
    pub(crate) fn take_over(&mut self, step: Step<'_>, id: ThreadId) -> Result<Reply, Halt<CommandError>> {
        self.require(step, Ability::Accept)?;
        self.require(step, Ability::Forward)?;
        let meta = self.meta(step.overlay, &id)?.ok_or(CommandError::UnknownThread)?;
        if self.me.principal != Some(meta.host) {
            return Err(CommandError::OwnThread.into());
        }
        if meta.is_in() && meta.steward == Some(self.id()) {
            return Err(CommandError::AlreadySteward.into());
        }
        if record::get::<Takeover>(step.overlay, &space::takeover(&id))?.is_none()
            && !self.offer_era(step, &meta)?
        {
            return Err(CommandError::NotOpen.into());
        }
        Ok(Reply::Done)
    }

    /// Offers the guest to be the steward of a new era. Answers false if the guest isn't known.
    pub(crate) fn offer_era(&mut self, step: Step<'_>, meta: &Meta) -> Result<bool, StoreError> {
        let own = self.record.as_ref().map(|record| record.signed().clone());
        let own = own.zip(self.chain.as_ref().map(|chain| chain.bytes().clone()));
        let (Some((record, chain)), Some(guest)) = (own, meta.guest_transport) else { return Ok(false) };
        self.forget_offer(step, &meta.thread)?;
        let suite = meta.suite.and_then(|code| Suite::from_code(code).ok()).unwrap_or_default();
        let package = self.key_package(step, suite, false).map_err(crate::rejoin::store_part)?;
        let key_package = ByteBuf::from(package.as_slice().to_vec());
        let takeover = Takeover { guest, key_package: key_package.clone(), again: false };
        record::put(step.overlay, space::takeover(&meta.thread), &takeover)?;
        let address = self.address_record(step)?;
        let offer = EraOffer { thread: meta.thread, era: meta.era, record, chain, key_package, address };
        self.enqueue(guest, About::Takeover(meta.thread), Body::EraOffer(offer));
        Ok(true)
    }

    /// The guest would not have it. Busy, it is asked again; else the thread stays as it is, and with a steward that lost
    /// its keys it is over.
    pub(crate) fn takeover_refused(
        &mut self,
        step: Step<'_>,
        thread: ThreadId,
        reason: Reason,
    ) -> Result<(), StoreError> {
        let key = space::takeover(&thread);
        let takeover: Option<Takeover> = record::get(step.overlay, &key)?;
        if let Some(takeover) = takeover.filter(|_| reason == Reason::Busy) {
            record::put(step.overlay, key, &Takeover { again: true, ..takeover })?;
            return self.look_again(step, thread, CAUSED_LATELY);
        }
        self.forget_offer(step, &thread)?;
        if let Some(mut meta) = self.meta(step.overlay, &thread)?
            && meta.status() == ThreadStatus::Rejoining
        {
            meta.set_status(ThreadStatus::Left);
            self.put_meta(step, &meta)?;
        }
        self.tell(Event::TakeoverRefused { thread, reason });
        Ok(())
    }

    fn forget_offer(&mut self, step: Step<'_>, thread: &ThreadId) -> Result<(), StoreError> {
        let key = space::takeover(thread);
        let Some(takeover) = record::get::<Takeover>(step.overlay, &key)? else { return Ok(()) };
        step.overlay.delete(key)?;
        let seed = self.bytes();
        if let Some(ctx) = self.ctx(step, seed) {
            // A package that can't be deleted any more is one that is not there any more.
            drop(delete_key_package(&ctx, &KeyPackageBytes::new(takeover.key_package.to_vec())));
        }
        Ok(())
    }

    /// A device that says that it is the steward of a new era: on this link, of the host, and with the right to be.
    fn check_successor(
        &self,
        step: Step<'_>,
        from: TransportKey,
        (host, record, chain): (&PrincipalId, &SignedDeviceRecord, &ChainBytes),
    ) -> Result<DeviceRecord, Refuse> {
        let record = device_on_link(&self.mls, from, record)?;
        let chain = verify(step, chain, host, &self.revocations)?;
        chain.held_by(&record.id()).map_err(Refuse::grant)?;
        absent::may_lead(&chain).map_err(Refuse::grant)?;
        if record.principal() == *host {
            Ok(record)
        } else {
            Err(Refuse::breach(Reason::GrantWrongScope, "a device of another principal"))
        }
    }

    /// The guest has opened the era: this device is its steward, and tells those who were in the thread before.
    pub(crate) fn era_open(
        &mut self,
        step: Step<'_>,
        from: TransportKey,
        body: &EraOpen,
    ) -> Result<(), Halt<Refuse>> {
        let refuse = |reason| Halt::from(Refuse::plain(reason).about(body.thread));
        let takeover: Option<Takeover> = record::get(step.overlay, &space::takeover(&body.thread))?;
        if takeover.is_none_or(|takeover| takeover.guest != from) {
            return Err(refuse(Reason::UnknownThread));
        }
        let meta = self.meta(step.overlay, &body.thread)?;
        let mut meta = meta.ok_or_else(|| refuse(Reason::UnknownThread))?;
        if body.era <= meta.era {
            return Err(refuse(Reason::PastEra));
        }
        let before = self.take_thread(step, body.thread, meta.era)?;
        let mut thread = self.join_era(step, &meta, before.as_ref(), body)?;
        step.overlay.delete(space::takeover(&body.thread))?;
        self.leave_era(step, &meta, before, body.era)?;
        self.await_told(step, &thread, body)?;
        meta.era = body.era;
        self.come_in(step, &mut meta, &body.heads, body.position)?;
        self.refresh(step, &mut meta, &thread)?;
        if meta.status() == ThreadStatus::Open {
            self.count_as_open(step, &meta)?;
        }
        self.note(step, &mut meta, "this device took the thread over".into())?;
        let (thread_id, era, epoch, added) = (meta.thread, meta.era, meta.epoch, vec![self.id()]);
        let removed = body.members.iter().filter_map(|member| self.device_in(member)).collect();
        self.tell(Event::MembersChanged { thread: thread_id, era, epoch, added, removed });
        self.tell(Event::TakenOver { thread: thread_id, era });
        self.tell_absent(step, &meta)?;
        self.release(step, &mut meta, &mut thread)?;
        quietly(self.introduce(step, &mut meta, &mut thread))?;
        self.put_meta(step, &meta)?;
        self.keep_thread(thread);
        Ok(())
    }

    fn join_era(
        &mut self,
        step: Step<'_>,
        meta: &Meta,
        before: Option<&Thread>,
        body: &EraOpen,
    ) -> Result<Thread, Halt<Refuse>> {
        let min_term = before.map_or(0, |before| before.state().term.saturating_add(1));
        let (thread, era, role) = (body.thread, body.era, Role::Steward);
        let expected = Expected { host: meta.host, thread, era, min_term, role };
        let joined = self.join_thread(step, &body.welcome, expected)?;
        let guest = joined.members().find(|member| member.side == Side::Guest);
        let same = guest.map(|guest| guest.record.transport()) == meta.guest_transport;
        if joined.guest() == meta.guest && same && meta.suite.is_none_or(|code| code == joined.suite().code())
        {
            Ok(joined)
        } else {
            let detail = "an era with another guest or cipher suite";
            Err(Refuse::breach(Reason::Admission, detail).about(thread).into())
        }
    }

    /// Tells those who were in the thread that they are waited for.
    fn tell_absent(&mut self, step: Step<'_>, meta: &Meta) -> Result<(), Halt<Refuse>> {
        for (device, _) in self.absent(step, &meta.thread)? {
            self.tell_era(step, meta, device.transport())?;
        }
        Ok(())
    }

    /// Tells one that this device is the steward of the present era.
    fn tell_era(&mut self, step: Step<'_>, meta: &Meta, to: TransportKey) -> Result<(), StoreError> {
        let own = self.record.as_ref().map(|record| record.signed().clone());
        let Some((record, chain)) = own.zip(self.chain.as_ref().map(|chain| chain.bytes().clone())) else {
            return Ok(());
        };
        let address = self.address_record(step)?;
        let notice = EraNotice { thread: meta.thread, era: meta.era, record, chain, address };
        self.enqueue(to, About::Thread(meta.thread), Body::EraNotice(notice));
        Ok(())
    }

    /// A peer has begun a new life, from a backup: it may not know who the steward is by now, nor in which era.
    pub(crate) fn tell_eras(&mut self, step: Step<'_>, peer: TransportKey) -> Result<(), StoreError> {
        for id in self.threads_of(step, &peer)?.into_iter().take(TOLD_AT_ONCE) {
            let meta = self.meta(step.overlay, &id)?;
            let Some(meta) = meta.filter(|meta| meta.era > 0 && meta.is_in()) else { continue };
            if meta.steward == Some(self.id()) && self.has_room(step, peer, 1)? {
                self.tell_era(step, &meta, peer)?;
            }
        }
        Ok(())
    }

    /// The keys of the era before are of no use any more, and whose they were may come into this one.
    fn end_era(&mut self, step: Step<'_>, before: Option<Thread>) -> Result<(), StoreError> {
        let Some(before) = before else { return Ok(()) };
        self.await_members(step, &before)?;
        self.delete_thread(step, before)
    }

    fn delete_thread(&mut self, step: Step<'_>, thread: Thread) -> Result<(), StoreError> {
        let seed = self.bytes();
        let Some(ctx) = self.ctx(step, seed) else { return Ok(()) };
        thread.delete(&ctx).map_err(crate::threads::storage)
    }
}
