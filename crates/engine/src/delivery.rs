//! What became of what was sent: the other side's acknowledgements and refusals, taken back to what they are about.

use crate::{
    Engine, Event, MessageState, ThreadStatus,
    message::{message_id, receiver_of},
    record::{self, About, Contact, Meta, Receiver},
    sent, space,
    step::{Refuse, Step},
};
use frontdesk_identity::{ThreadId, TransportKey};
use frontdesk_store::StoreError;
use frontdesk_wire::{Reason, RequestId, Seq};

pub(crate) const QUEUED: u8 = 0;
pub(crate) const STORED: u8 = 1;
pub(crate) const DELIVERED: u8 = 2;
pub(crate) const FAILED: u8 = 3;

impl Engine {
    /// A frame to `from` was stored, opened or refused.
    pub(crate) fn fate(
        &mut self,
        step: Step<'_>,
        from: TransportKey,
        about: About,
        delivered: bool,
        refused: Option<Reason>,
    ) -> Result<(), StoreError> {
        match (about, refused) {
            // It is asked for in the new era, and brought there.
            (About::Message { thread, era, .. }, Some(Reason::PastEra))
                if self.is_past(step, &thread, era)? =>
            {
                Ok(())
            }
            // It missed too many commits, or the other did. Whoever is in the thread asks for it once it knows of it.
            (About::Message { thread, .. }, Some(Reason::PastEpoch | Reason::FutureEpoch))
                if self
                    .meta(step.overlay, &thread)?
                    .is_some_and(|meta| meta.is_in() && meta.nodes().contains(&from)) =>
            {
                self.unheard(step, thread)
            }
            (About::Message { thread, era, seq, more }, refused) => {
                let last = seq.0.saturating_add(u64::from(more));
                (seq.0..=last)
                    .map(Seq)
                    .try_for_each(|seq| self.message_fate(step, from, (thread, seq), delivered, refused))?;
                refused
                    .filter(|reason| *reason == Reason::PastEra)
                    .map_or(Ok(()), |_| self.era_is_over(step, from, thread, era))
            }
            (About::Opening { thread, seq, .. }, refused) => {
                self.message_fate(step, from, (thread, seq), delivered, refused)?;
                refused.map_or(Ok(()), |reason| self.opening_failed(step, thread, reason))
            }
            (About::Contact(request), Some(reason)) => self.contact_refused(step, request, reason),
            (About::Reveal(invitation), None) if delivered => self.join_revealed(step, invitation),
            (About::Join(invitation) | About::Reveal(invitation), Some(reason)) => {
                self.join_refused(step, invitation, reason)
            }
            (About::Forward { thread, request }, Some(reason)) => {
                self.wish_ends(step, from, (thread, request), Some(reason))
            }
            (About::Refill { thread, era, author, seq }, Some(reason)) => {
                self.refill_refused(step, (thread, era), (author, seq), reason)
            }
            (About::Refill { thread, era, author, seq }, None) => {
                self.refill_answered(step, (thread, era), (author, seq))
            }
            (About::Payload(thread), Some(reason)) => self.payload_refused(step, thread, from, reason),
            (About::Rejoin(thread), Some(reason)) => self.rejoin_refused(step, (from, thread), reason),
            (About::Takeover(thread), Some(reason)) => self.takeover_refused(step, thread, reason),
            (About::Passed { thread, mover, number }, refused) => {
                self.passed(step, from, (thread, mover, number), refused)
            }
            (About::Told { mover, number }, refused) => self.told(step, from, (mover, number), refused),
            (About::Packages, Some(_)) => self.packages_refused(step, from),
            (About::Nothing | About::Thread(_), _)
            | (
                About::Packages
                | About::Reveal(_)
                | About::Payload(_)
                | About::Contact(_)
                | About::Join(_)
                | About::Forward { .. }
                | About::Rejoin(_)
                | About::Takeover(_),
                None,
            ) => Ok(()),
        }
    }

    pub(crate) fn message_fate(
        &mut self,
        step: Step<'_>,
        from: TransportKey,
        name: sent::Name,
        delivered: bool,
        reason: Option<Reason>,
    ) -> Result<(), StoreError> {
        let state = match reason {
            Some(_) => FAILED,
            None if delivered => DELIVERED,
            None => STORED,
        };
        let ((thread, seq), author) = (name, self.id());
        let found = match self.sent.take(&name) {
            Some(found) => Some(found),
            None => self.content_at(step.overlay, &thread, &author, seq)?,
        };
        let Some((key, mut entry)) = found else { return Ok(()) };
        let before = state_of(&entry.receivers);
        // What has arrived stays so, if it is brought once more; what was refused may be brought after all.
        let open = receiver_of(&mut entry.receivers, from).filter(|receiver| receiver.state != DELIVERED);
        if let Some(receiver) = open {
            receiver.state = state;
            receiver.reason = reason;
        } else if reason.is_none()
            && before != MessageState::Delivered
            && receiver_of(&mut entry.receivers, from).is_none()
            && let Some(late) = self.late_receiver(step, &thread, from)?
        {
            entry.receivers.push(Receiver { state, ..late });
        }
        record::put(step.overlay, key.clone(), &entry)?;
        let state = state_of(&entry.receivers);
        if entry.receivers.iter().any(|receiver| receiver.state < DELIVERED) {
            self.sent.keep(name, key, entry);
        }
        if state != before {
            self.tell(Event::MessageState { thread, message: message_id(&author, seq), state });
        }
        Ok(())
    }

    /// Somebody who came in after a message was written, and asked for it: whom it was written for may be gone for good, and
    /// the other side has it all the same. No more than there are members, while nobody has it.
    fn late_receiver(
        &mut self,
        step: Step<'_>,
        id: &ThreadId,
        from: TransportKey,
    ) -> Result<Option<Receiver>, StoreError> {
        let Some(meta) = self.meta(step.overlay, id)?.filter(Meta::is_in) else { return Ok(None) };
        let Some(thread) = self.take_thread(step, *id, meta.era)? else { return Ok(None) };
        let late = self.receivers(step, &thread).into_iter().find(|receiver| receiver.transport == from);
        self.keep_thread(thread);
        Ok(late)
    }

    /// Whether this device has gone on, or is about to, to a later era of the thread.
    fn is_past(&self, step: Step<'_>, thread: &ThreadId, era: u32) -> Result<bool, StoreError> {
        let goes_on = |meta: &Meta| meta.is_in() || meta.status() == ThreadStatus::Rejoining;
        let meta = self.meta(step.overlay, thread)?.filter(goes_on);
        Ok(match meta {
            Some(meta) => meta.era > era || self.is_summoned_past(step, thread, era)?,
            None => false,
        })
    }

    pub(crate) fn contact_refused(
        &mut self,
        step: Step<'_>,
        request: RequestId,
        reason: Reason,
    ) -> Result<(), StoreError> {
        let key = space::contact(&request);
        let Some(contact) = record::get::<Contact>(step.overlay, &key)? else { return Ok(()) };
        step.overlay.delete(key)?;
        self.opening_failed(step, contact.thread, reason)
    }

    /// The business would not have the thread: its user can write again by a contact link.
    fn opening_failed(&mut self, step: Step<'_>, thread: ThreadId, reason: Reason) -> Result<(), StoreError> {
        if let Some(mut meta) = self.meta(step.overlay, &thread)? {
            if meta.era > 0 {
                // Another administrator leads it by now.
                return Ok(());
            }
            meta.set_status(ThreadStatus::Failed);
            meta.reason = Some(reason);
            self.put_meta(step, &meta)?;
        }
        self.tell(Event::ContactFailed { thread, reason });
        self.keep_to(step)
    }

    pub(crate) fn tell_breach(&mut self, peer: TransportKey, refuse: &Refuse) {
        self.refused_frames = self.refused_frames.saturating_add(1);
        if refuse.security {
            let (thread, reason, detail) = (refuse.thread, refuse.reason, refuse.detail.clone());
            self.tell(Event::Security { peer, thread, reason, detail });
        }
    }
}

/// Where a message is: as far as the foremost receiver on the other side has it; failed if all of them refused it. If
/// nobody is on the other side, the own side counts.
pub(crate) fn state_of(receivers: &[Receiver]) -> MessageState {
    let across = receivers.iter().any(|receiver| receiver.other);
    let counted = || receivers.iter().filter(|receiver| receiver.other == across);
    match counted().filter(|receiver| receiver.state != FAILED).map(|receiver| receiver.state).max() {
        Some(QUEUED) => MessageState::Queued,
        Some(STORED) => MessageState::Stored,
        Some(_) => MessageState::Delivered,
        None => match counted().find_map(|receiver| receiver.reason) {
            Some(reason) => MessageState::Failed { reason },
            None => MessageState::Queued,
        },
    }
}
