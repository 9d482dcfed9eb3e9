//! Sealed messages that can't be opened before a commit comes.

use super::Early;
use crate::{
    Engine, ThreadStatus,
    record::{self, Meta, Waiting},
    space,
    step::{Halt, Refuse, Step},
};
use frontdesk_identity::{ThreadId, TransportKey};
use frontdesk_store::{Reader as _, Scan, StoreError};
use frontdesk_thread::Thread;
use frontdesk_wire::{LinkSeq, Reason, ThreadMessage};
use std::cmp::Ordering;

/// Sealed messages of one thread that may wait for commits.
pub const MAX_WAITING_IN_THREAD: usize = 512;
/// Sealed messages that may wait over all threads.
pub const MAX_ASIDE: usize = 4_096;
/// When that many wait, those older than this go, in seconds: what honest members sent comes again as a gap.
pub const ASIDE_WHEN_FULL: u64 = 60;
/// How often that is looked after, in milliseconds.
const SWEEP_EVERY: u64 = 10_000;

impl Engine {
    /// Whether a thread that this device can't open now may be forwarded to it any moment: its members may be faster
    /// than its steward.
    pub(super) fn may_be_forwarded_yet(
        &self,
        step: Step<'_>,
        thread: &ThreadId,
        era: u32,
    ) -> Result<bool, StoreError> {
        Ok(match self.meta(step.overlay, thread)? {
            Some(meta) => meta.status() == ThreadStatus::Rejoining && era >= meta.era,
            None => self.me.role().is_some() && !self.me.removed,
        })
    }

    pub(super) fn put_aside(
        &mut self,
        step: Step<'_>,
        from: TransportKey,
        seq: LinkSeq,
        epoch: u64,
        body: &ThreadMessage,
    ) -> Result<(), Halt<Refuse>> {
        let busy = || Halt::from(Refuse::plain(Reason::Busy).about(body.thread));
        if self.aside.of(&body.thread) >= MAX_WAITING_IN_THREAD || !self.wait(step, from, seq)? {
            return Err(busy());
        }
        if self.aside.all() >= MAX_ASIDE && self.swept.is_none_or(|at| at.plus(SWEEP_EVERY) <= step.now.mono)
        {
            self.swept = Some(step.now.mono);
            self.sweep_aside(step, ASIDE_WHEN_FULL)?;
        }
        // Nothing of the sweep may be undone, so a message past the bound is settled here and not refused as an input.
        if self.aside.all() >= MAX_ASIDE {
            self.link(step, from)?.settle(seq, Some(Reason::Busy));
            return Ok(());
        }
        let waiting = Waiting { from, seq, sealed: body.sealed.clone(), since: step.wall() };
        let key = space::waiting_item(&body.thread, (body.era, epoch), &from, seq);
        record::put(step.overlay, key, &waiting)?;
        self.aside.add(body.thread);
        Ok(())
    }

    /// Opens what waited, after a commit. What was sealed in an era that is over comes again in this one.
    pub(crate) fn release(
        &mut self,
        step: Step<'_>,
        meta: &mut Meta,
        thread: &mut Thread,
    ) -> Result<(), StoreError> {
        let prefix = space::waiting(&meta.thread);
        for (key, bytes) in step.overlay.scan(&Scan::prefix(&prefix))? {
            let waiting: Waiting = record::decode(&bytes)?;
            let refused = match space::read_waiting_era(&key).map(|era| era.cmp(&meta.era)) {
                Some(Ordering::Greater) => continue,
                None | Some(Ordering::Less) => Some(Reason::PastEra),
                Some(Ordering::Equal) => {
                    match self.open_message(step, waiting.from, meta, thread, &waiting.sealed) {
                        Ok(()) => None,
                        Err(Early::Epoch(_)) => continue,
                        Err(Early::Halt(Halt::Refuse(refuse))) => {
                            self.tell_breach(waiting.from, &refuse);
                            Some(refuse.reason)
                        }
                        Err(Early::Halt(Halt::Store(error))) => return Err(error),
                    }
                }
            };
            step.overlay.delete(key)?;
            self.aside.remove(&meta.thread);
            self.link(step, waiting.from)?.settle(waiting.seq, refused);
            self.touched.insert(waiting.from);
        }
        Ok(())
    }

    /// Drops what waited in a thread that this device is no longer in.
    pub(crate) fn drop_waiting(&mut self, step: Step<'_>, thread: &ThreadId) -> Result<(), StoreError> {
        for (key, bytes) in step.overlay.scan(&Scan::prefix(&space::waiting(thread)))? {
            let waiting: Waiting = record::decode(&bytes)?;
            step.overlay.delete(key)?;
            self.aside.remove(thread);
            self.link(step, waiting.from)?.settle(waiting.seq, Some(Reason::UnknownThread));
            self.touched.insert(waiting.from);
        }
        Ok(())
    }
}
