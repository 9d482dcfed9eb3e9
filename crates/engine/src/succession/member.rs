//! The part of those who were in the thread: they ask who says to be the steward of a later era to be added. Until it has
//! added them they stay where they are, for it may not be true.

use super::MAX_ERAS_AHEAD;
use crate::{
    Engine, ThreadStatus,
    record::{self, Meta, Summons},
    space,
    step::{Halt, Refuse, Step},
};
use frontdesk_identity::{ThreadId, TransportKey};
use frontdesk_store::{Reader as _, Scan, StoreError};
use frontdesk_thread::Thread;
use frontdesk_wire::{EraNotice, Reason};

impl Engine {
    /// A device of the host is the steward of a later era, as it says. Of the host's side all come; a guest has opened the
    /// era itself, unless it lost its keys and knows nothing of it any more.
    pub(crate) fn era_notice(
        &mut self,
        step: Step<'_>,
        from: TransportKey,
        body: &EraNotice,
    ) -> Result<(), Halt<Refuse>> {
        let refuse = |reason| Halt::from(Refuse::plain(reason).about(body.thread));
        let goes_on = |meta: &Meta| meta.is_in() || meta.status() == ThreadStatus::Rejoining;
        let meta = self.meta(step.overlay, &body.thread)?.filter(goes_on);
        let (_, host) = self.sides(meta.as_ref()).ok_or_else(|| refuse(Reason::GrantMissing))?;
        let meta = meta.filter(|meta| meta.host == host).ok_or_else(|| refuse(Reason::UnknownThread))?;
        let steward = self.check_successor(step, from, (&host, &body.record, &body.chain))?;
        if body.era <= meta.era {
            return Err(refuse(Reason::PastEra));
        }
        if body.era > meta.era.saturating_add(MAX_ERAS_AHEAD) {
            let detail = "an era too far ahead";
            return Err(Refuse::breach(Reason::BadContent, detail).about(body.thread).into());
        }
        self.learn_address(step, from, &body.address, Some(steward.id()))?;
        let key = space::summons_by(&meta.thread, &from);
        let known: Option<Summons> = record::get(step.overlay, &key)?;
        if known.is_none_or(|known| known.era < body.era) {
            record::put(step.overlay, key, &Summons { era: body.era, again: false })?;
            self.ask_to_rejoin(step, &meta, from)?;
        }
        Ok(())
    }

    /// The guest says that the era is over in which this device wrote. It is the guest who opens them: whoever was let in by
    /// one that led no longer hears of it by nobody else, perhaps, and should not write to no purpose. Its keys stay, for
    /// the steward of the present era may tell it yet.
    pub(crate) fn era_is_over(
        &mut self,
        step: Step<'_>,
        from: TransportKey,
        id: ThreadId,
        era: u32,
    ) -> Result<(), StoreError> {
        let Some(mut meta) = self.meta(step.overlay, &id)? else { return Ok(()) };
        // Who leads it by its own keys is told by its successor, and has to be able to take others out until then.
        let led = meta.steward == Some(self.id());
        if led || meta.guest_transport != Some(from) || meta.era != era || !meta.is_in() || meta.is_over() {
            return Ok(());
        }
        meta.over = Some(era);
        self.note(
            step,
            &mut meta,
            "another leads this thread by now; this device waits to be let in".into(),
        )?;
        self.put_meta(step, &meta)
    }

    /// Whether a colleague says that this era of a thread has begun.
    pub(crate) fn is_summoned(&self, step: Step<'_>, id: &ThreadId, era: u32) -> Result<bool, StoreError> {
        Ok(self.summons(step, id)?.iter().any(|(_, summons)| summons.era == era))
    }

    /// Whether a colleague says that an era after this one has begun.
    pub(crate) fn is_summoned_past(
        &self,
        step: Step<'_>,
        id: &ThreadId,
        era: u32,
    ) -> Result<bool, StoreError> {
        Ok(self.summons(step, id)?.iter().any(|(_, summons)| summons.era > era))
    }

    fn summons(&self, step: Step<'_>, id: &ThreadId) -> Result<Vec<(TransportKey, Summons)>, StoreError> {
        let mut summons = Vec::new();
        for (key, bytes) in step.overlay.scan(&Scan::prefix(&space::summons(id)))? {
            summons.extend(space::read_summons(&key).zip(Some(record::decode(&bytes)?)));
        }
        Ok(summons)
    }

    /// Who was asked to add this device would not. Answers false if it never said to be the steward of a later era.
    pub(crate) fn summons_refused(
        &mut self,
        step: Step<'_>,
        (from, id): (TransportKey, ThreadId),
        reason: Reason,
    ) -> Result<bool, StoreError> {
        let key = space::summons_by(&id, &from);
        let Some(summons) = record::get::<Summons>(step.overlay, &key)? else { return Ok(false) };
        if reason == Reason::Busy {
            record::put(step.overlay, key, &Summons { again: true, ..summons })?;
        } else {
            step.overlay.delete(key)?;
        }
        Ok(true)
    }

    /// Asks those again who were busy.
    pub(crate) fn ask_summoners(&mut self, step: Step<'_>, meta: &Meta) -> Result<(), StoreError> {
        let again = self.summons(step, &meta.thread)?.into_iter().filter(|(_, summons)| summons.again);
        for (steward, summons) in again {
            let key = space::summons_by(&meta.thread, &steward);
            record::put(step.overlay, key, &Summons { again: false, ..summons })?;
            self.ask_to_rejoin(step, meta, steward)?;
        }
        Ok(())
    }

    /// This device is in a later era: the keys of the one before are of no use any more, nor is what was said of eras until
    /// this one.
    pub(crate) fn leave_era(
        &mut self,
        step: Step<'_>,
        meta: &Meta,
        before: Option<Thread>,
        era: u32,
    ) -> Result<(), StoreError> {
        self.end_era(step, before)?;
        step.overlay.delete(space::opened(&meta.guest, &meta.thread))?;
        for (steward, summons) in self.summons(step, &meta.thread)? {
            if summons.era <= era {
                step.overlay.delete(space::summons_by(&meta.thread, &steward))?;
            }
        }
        Ok(())
    }
}
