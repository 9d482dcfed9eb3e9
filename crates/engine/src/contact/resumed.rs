//! Contacts that waited for an offer when the backup was made that this device was restored from. Whether the thread was
//! opened since, only the reception knows: it is asked to let this device in, and if it has no such thread, for an offer.

use crate::{
    Engine, ThreadStatus,
    record::{self, Contact, Founded, Meta, Receiver},
    space,
    step::{Halt, Refuse, Step},
};
use frontdesk_identity::{ThreadId, TransportKey};
use frontdesk_store::{Reader as _, Scan, StoreError};
use frontdesk_thread::Thread;
use frontdesk_wire::{ContentKind, Reason, RequestId};

impl Engine {
    /// After a restore: asks each reception to be let in.
    pub(crate) fn resume_contacts(&mut self, step: Step<'_>) -> Result<(), StoreError> {
        for (_, bytes) in step.overlay.scan(&Scan::prefix(space::CONTACTS))? {
            let contact: Contact = record::decode(&bytes)?;
            let Some(mut meta) = self.meta(step.overlay, &contact.thread)? else { continue };
            meta.set_status(ThreadStatus::Rejoining);
            meta.suite = Some(self.settings.suite.code());
            meta.steward_transport = Some(contact.reception);
            self.put_meta(step, &meta)?;
            // What a new era is founded with, should the reception have lost its keys as well.
            let founded = Founded { nonce: contact.nonce, term: 0 };
            record::put(step.overlay, space::guesting(&meta.thread), &founded)?;
            self.ask_to_rejoin(step, &meta, contact.reception)?;
        }
        Ok(())
    }

    /// The reception has no such thread: it is asked for an offer. Answers whether there was a contact to go on with.
    pub(crate) fn was_never_opened(
        &mut self,
        step: Step<'_>,
        meta: &mut Meta,
        from: TransportKey,
    ) -> Result<bool, StoreError> {
        let contact = waiting(step, &meta.thread)?.filter(|(_, contact)| contact.reception == from);
        let Some((request, contact)) = contact else { return Ok(false) };
        meta.set_status(ThreadStatus::Contacting);
        meta.steward_transport = None;
        self.ask_anew(step, meta, (request, &contact))?;
        Ok(true)
    }

    /// This device is in: the thread was opened, and so its steward has the first message, under the number and at the place
    /// that it gets here now.
    pub(crate) fn was_opened(
        &mut self,
        step: Step<'_>,
        meta: &mut Meta,
        thread: &Thread,
    ) -> Result<(), Halt<Refuse>> {
        let Some(contact) = self.forget_contact(step, &meta.thread)? else { return Ok(()) };
        let signed = self.sign(step, meta, ContentKind::Text(contact.text));
        let (content, signed) =
            signed.map_err(|halt| halt.map(|error| Refuse::breach(Reason::BadContent, error)))?;
        let has_it = |receiver: Receiver| Receiver { state: crate::delivery::DELIVERED, ..receiver };
        let all = self.receivers(step, thread).into_iter();
        let steward = all.filter(|receiver| receiver.device == thread.steward());
        let receivers: Vec<Receiver> = steward.map(has_it).collect();
        self.add_message(step, meta, &content, &signed, receivers.clone())?;
        self.tell_message(step, meta, &content, &receivers, false)?;
        Ok(())
    }

    /// The thread waits for no offer any more.
    pub(crate) fn forget_contact(
        &self,
        step: Step<'_>,
        thread: &ThreadId,
    ) -> Result<Option<Contact>, StoreError> {
        let Some((request, contact)) = waiting(step, thread)? else { return Ok(None) };
        step.overlay.delete(space::contact(&request))?;
        Ok(Some(contact))
    }
}

/// The contact that a thread waits in, if it does.
fn waiting(step: Step<'_>, thread: &ThreadId) -> Result<Option<(RequestId, Contact)>, StoreError> {
    for (key, bytes) in step.overlay.scan(&Scan::prefix(space::CONTACTS))? {
        let contact: Contact = record::decode(&bytes)?;
        if contact.thread == *thread {
            return Ok(space::read_contact(&key).map(|request| (request, contact)));
        }
    }
    Ok(None)
}
