//! The part of those of the business who were in the thread: they ask the new steward to be added.

use crate::{
    Engine, ThreadStatus,
    record::Meta,
    space,
    step::{Halt, Refuse, Step},
};
use frontdesk_identity::TransportKey;
use frontdesk_wire::{EraNotice, Reason};

impl Engine {
    /// A colleague is the steward of a new era. The keys of the one before are of no use any more.
    pub(crate) fn era_notice(
        &mut self,
        step: Step<'_>,
        from: TransportKey,
        body: &EraNotice,
    ) -> Result<(), Halt<Refuse>> {
        let refuse = |reason| Halt::from(Refuse::plain(reason).about(body.thread));
        let own = self.chain.as_ref().map(frontdesk_capability::Chain::principal);
        let own = own.filter(|_| self.me.role().is_some() && !self.me.removed);
        let own = own.ok_or_else(|| refuse(Reason::GrantMissing))?;
        let goes_on = |meta: &Meta| meta.is_in() || meta.status() == ThreadStatus::Rejoining;
        let meta = self.meta(step.overlay, &body.thread)?;
        let meta = meta.filter(|meta| meta.host == own && goes_on(meta));
        let mut meta = meta.ok_or_else(|| refuse(Reason::UnknownThread))?;
        let steward = self.check_successor(step, from, (&own, &body.record, &body.chain))?;
        if body.era <= meta.era {
            return Err(refuse(Reason::PastEra));
        }
        self.learn_address(step, from, &body.address, Some(steward.id()))?;
        let before = self.take_thread(step, meta.thread, meta.era)?;
        self.end_era(step, before)?;
        step.overlay.delete(space::opened(&meta.guest, &meta.thread))?;
        self.set_expiry(step, &mut meta, None)?;
        meta.era = body.era;
        meta.steward = Some(steward.id());
        meta.steward_transport = Some(from);
        meta.set_status(ThreadStatus::Rejoining);
        self.put_meta(step, &meta)?;
        self.ask_to_rejoin(step, &meta, from)?;
        Ok(())
    }
}
