//! After a restore: the keys of threads are gone, and the steward is asked to add this device anew.

use crate::{
    Engine, Event, ThreadStatus,
    causes::{CAUSED_LATELY, Cause},
    record::{self, About, Meta, Takeover},
    space,
    step::{Halt, Refuse, Step},
};
use frontdesk_identity::{ThreadId, TransportKey};
use frontdesk_store::{Reader as _, Scan, StoreError};
use frontdesk_thread::{ChangeRequest, KeyPackageBytes, Suite, Thread};
use frontdesk_wire::{Body, ForwardPayload, Reason, Rejoin};
use serde_bytes::ByteBuf;

impl Engine {
    /// Asks the steward of each thread, once. Of those that this device was steward of, it offers the guest to be it again, a
    /// portion at a time.
    pub(crate) fn rejoin_all(&mut self, step: Step<'_>) -> Result<(), StoreError> {
        for (_, bytes) in step.overlay.scan(&Scan::prefix(space::THREADS))? {
            let mut meta: Meta = record::decode(&bytes)?;
            if !meta.is_in() && meta.status() != ThreadStatus::Rejoining {
                continue;
            }
            meta.set_status(ThreadStatus::Rejoining);
            self.put_meta(step, &meta)?;
            self.wishes_lapse(step, &meta)?;
            match meta.steward_transport.filter(|_| meta.steward != Some(self.id())) {
                Some(steward) => self.ask_to_rejoin(step, &meta, steward)?,
                None => self.look_again(step, meta.thread, 0)?,
            }
        }
        self.resume_contacts(step)?;
        let administrators: Vec<TransportKey> = self.kept.iter().copied().collect();
        if self.me.role().is_some_and(|role| role != frontdesk_identity::Role::Admin) {
            for administrator in administrators {
                self.publish_once(step, administrator).map_err(store_part)?;
            }
        }
        self.me.restored = false;
        self.put_self(step)?;
        self.number_pending(step)
    }

    pub(crate) fn ask_to_rejoin(
        &mut self,
        step: Step<'_>,
        meta: &Meta,
        steward: TransportKey,
    ) -> Result<(), StoreError> {
        let suite = meta.suite.and_then(|code| Suite::from_code(code).ok()).unwrap_or_default();
        let package = self.key_package(step, suite, false).map_err(store_part)?;
        let body = Rejoin { thread: meta.thread, key_package: ByteBuf::from(package.as_slice().to_vec()) };
        self.enqueue(steward, About::Rejoin(meta.thread), Body::Rejoin(body));
        Ok(())
    }

    /// The steward's side: a member that lost its keys is taken out and added again by one commit, under the grant that it
    /// has.
    pub(crate) fn rejoin(
        &mut self,
        step: Step<'_>,
        from: TransportKey,
        body: &Rejoin,
    ) -> Result<(), Halt<Refuse>> {
        let era = self.meta(step.overlay, &body.thread)?.map_or(0, |meta| meta.era);
        let (mut meta, mut thread) = self.thread_of_frame(step, body.thread, era)?;
        let member = thread.members().find(|member| member.record.transport() == from);
        let member = member.map(|member| (member.record.id(), member.chain.clone()));
        let remove = member.iter().map(|(device, _)| *device).collect();
        let (device, chain) = match member {
            Some(member) => member,
            None => self.absent_on_link(step, &body.thread, from)?,
        };
        chain.check_at(step.wall(), &self.revocations).map_err(Refuse::grant)?;
        if thread.steward() != self.id() {
            return Err(Refuse::plain(Reason::NotSteward).about(body.thread).into());
        }
        let rejoins = self.causes.by(from, body.thread, Cause::Rejoin, step.now.mono);
        self.require_commit(step, &thread, rejoins == 0)?;
        let package = KeyPackageBytes::new(body.key_package.to_vec()).verify(&self.mls);
        let package = package.map_err(|error| Refuse::breach(Reason::NoKeyPackage, error))?;
        if package.device_id() != device || package.suite() != thread.suite() {
            return Err(Refuse::breach(Reason::NoKeyPackage, "a key package that does not fit").into());
        }
        let request =
            ChangeRequest { add: vec![(package, chain.bytes().clone())], remove, ..ChangeRequest::default() };
        let address = self.address_of(step, &from)?;
        let committed = self.commit(step, &mut meta, &mut thread, request, address.into_iter().collect());
        let committed =
            committed.map_err(|halt| halt.map(|error| Refuse::breach(Reason::Admission, error)))?;
        let welcome = committed.welcome.ok_or_else(|| Refuse::plain(Reason::Storage))?;
        let payload = ForwardPayload {
            thread: meta.thread,
            era: meta.era,
            chain: chain.into_bytes(),
            welcome: ByteBuf::from(welcome.as_slice().to_vec()),
            addresses: self.addresses_of(step, &thread, &device)?,
            heads: meta.heads_for(&self.id(), &device),
            position: meta.position,
            pieces: 0,
            note: String::new(),
        };
        self.enqueue(from, About::Payload(meta.thread), Body::ForwardPayload(payload));
        self.causes.note(from, meta.thread, Cause::Rejoin, step.now.mono);
        self.put_meta(step, &meta)?;
        self.keep_thread(thread);
        Ok(())
    }

    /// Whether a member may cause a commit now: not again and again, and not while a member's outbox has no room for it.
    pub(crate) fn require_commit(
        &mut self,
        step: Step<'_>,
        thread: &Thread,
        mut room: bool,
    ) -> Result<(), Halt<Refuse>> {
        let own = self.id();
        for member in thread.members().filter(|member| member.record.id() != own) {
            // The commit, the payload, and this device's own greeting.
            room = room && self.has_room(step, member.record.transport(), 3)?;
        }
        if room { Ok(()) } else { Err(Refuse::plain(Reason::Busy).about(thread.id()).into()) }
    }

    /// The steward is busy: it is asked again after a while. If it has lost its keys as well, or is no longer the steward, it
    /// or its successor will tell. Else this device is out.
    pub(crate) fn rejoin_refused(
        &mut self,
        step: Step<'_>,
        (from, thread): (TransportKey, ThreadId),
        reason: Reason,
    ) -> Result<(), StoreError> {
        let summoned = self.summons_refused(step, (from, thread), reason)?;
        if reason == Reason::Busy {
            return self.look_again(step, thread, CAUSED_LATELY);
        }
        let meta = self.meta(step.overlay, &thread)?;
        let waits = meta.filter(|meta| meta.status() == ThreadStatus::Rejoining);
        let Some(mut meta) = waits else { return Ok(()) };
        if reason == Reason::UnknownThread && self.was_never_opened(step, &mut meta, from)? {
            return Ok(());
        }
        // Another is its steward, perhaps.
        if summoned && meta.steward_transport != Some(from) {
            return Ok(());
        }
        if matches!(reason, Reason::UnknownThread | Reason::NotSteward | Reason::PastEra) {
            return Ok(());
        }
        self.forget_contact(step, &thread)?;
        meta.set_status(ThreadStatus::Left);
        self.note(step, &mut meta, "this device left".into())?;
        self.put_meta(step, &meta)?;
        self.drop_waiting(step, &thread)?;
        self.part_from(step, &thread, meta.nodes())?;
        self.tell(Event::Removed { thread });
        Ok(())
    }

    /// Asks once more, if the thread still waits for it.
    pub(crate) fn rejoin_again(&mut self, step: Step<'_>, meta: &Meta) -> Result<(), StoreError> {
        self.ask_summoners(step, meta)?;
        let waits = meta.status() == ThreadStatus::Rejoining;
        let offered: Option<Takeover> = record::get(step.overlay, &space::takeover(&meta.thread))?;
        let steward = meta.steward == Some(self.id());
        if offered.map_or(waits && steward, |offered| offered.again) {
            return self.offer_era(step, meta).map(|_| ());
        }
        match meta.steward_transport.filter(|_| waits && !steward) {
            Some(steward) => self.ask_to_rejoin(step, meta, steward),
            None => Ok(()),
        }
    }
}

/// Making key packages fails by the store alone; a refusal would be a device without a record, which has no threads.
pub(crate) fn store_part(halt: Halt<Refuse>) -> StoreError {
    match halt {
        Halt::Store(error) => error,
        Halt::Refuse(refuse) => StoreError::Damaged { what: refuse.detail },
    }
}
