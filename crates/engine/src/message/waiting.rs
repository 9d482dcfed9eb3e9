//! Sealed messages that can't be opened before a commit comes.

use super::Early;
use crate::{
    Engine, ThreadStatus,
    aside::Aside,
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
            Some(meta) => {
                (meta.status() == ThreadStatus::Rejoining && era >= meta.era)
                    || self.is_summoned(step, thread, era)?
            }
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
        if !self.wait(step, from, seq)? {
            return Err(Refuse::plain(Reason::Busy).about(body.thread).into());
        }
        // Nothing of the sweep may be undone, so a message past the bound is settled here and not refused as an input.
        if !self.has_room_aside(step, &body.thread)? {
            self.link(step, from)?.settle(seq, Some(Reason::Busy));
            return Ok(());
        }
        let waiting = Waiting { from, seq, sealed: body.sealed.clone(), since: step.wall() };
        let key = space::waiting_item(&body.thread, (body.era, epoch), &from, seq);
        record::put(step.overlay, key.clone(), &waiting)?;
        self.aside.add(key);
        Ok(())
    }

    /// Whether one more message of a thread may wait, when those have gone that waited too long for such a crowd.
    fn has_room_aside(&mut self, step: Step<'_>, thread: &ThreadId) -> Result<bool, StoreError> {
        let room = |aside: &Aside| aside.all() < MAX_ASIDE && aside.of(thread) < MAX_WAITING_IN_THREAD;
        if !room(&self.aside) && self.swept.is_none_or(|at| at.plus(SWEEP_EVERY) <= step.now.mono) {
            self.swept = Some(step.now.mono);
            self.sweep_aside(step, ASIDE_WHEN_FULL)?;
        }
        Ok(room(&self.aside))
    }

    /// Opens what waited, after a commit. What is refused leaves nothing behind, least of all a key that is used up:
    /// whoever relayed it may not be its author, who brings it yet. What was sealed in an era that is over comes again in this
    /// one.
    pub(crate) fn release(
        &mut self,
        step: Step<'_>,
        meta: &mut Meta,
        thread: &mut Thread,
    ) -> Result<(), StoreError> {
        let prefix = space::waiting(&meta.thread);
        for (key, bytes) in step.overlay.scan(&Scan::prefix(&prefix))? {
            let waiting: Waiting = record::decode(&bytes)?;
            let (mark, before) = (self.mark(step), meta.clone());
            let outcome = match space::read_waiting_era(&key).map(|era| era.cmp(&meta.era)) {
                Some(Ordering::Greater) => continue,
                None | Some(Ordering::Less) => Err(Early::Halt(Refuse::plain(Reason::PastEra).into())),
                Some(Ordering::Equal) => self.open_message(step, waiting.from, meta, thread, &waiting.sealed),
            };
            let refused = match outcome {
                Ok(()) => None,
                Err(Early::Epoch(_)) => continue,
                Err(Early::Halt(Halt::Refuse(refuse))) => {
                    self.undo(step, mark);
                    thread.take_back();
                    *meta = before;
                    self.tell_breach(waiting.from, &refuse);
                    Some(refuse.reason)
                }
                Err(Early::Halt(Halt::Store(error))) => return Err(error),
            };
            self.waits_no_longer(step, key, (waiting.from, waiting.seq), refused)?;
        }
        Ok(())
    }

    /// Drops what waited in a thread that this device is no longer in.
    pub(crate) fn drop_waiting(&mut self, step: Step<'_>, thread: &ThreadId) -> Result<(), StoreError> {
        for (key, bytes) in step.overlay.scan(&Scan::prefix(&space::waiting(thread)))? {
            let waiting: Waiting = record::decode(&bytes)?;
            self.waits_no_longer(step, key, (waiting.from, waiting.seq), Some(Reason::UnknownThread))?;
        }
        Ok(())
    }

    /// Drops what waits of a peer whose frames are counted anew, or not any more.
    pub(crate) fn drop_waiting_of(&mut self, step: Step<'_>, peer: TransportKey) -> Result<(), StoreError> {
        for (key, seq) in self.aside.by(&peer) {
            self.waits_no_longer(step, key, (peer, seq), Some(Reason::FutureEpoch))?;
        }
        Ok(())
    }

    pub(crate) fn waits_no_longer(
        &mut self,
        step: Step<'_>,
        key: Vec<u8>,
        (from, seq): (TransportKey, LinkSeq),
        refused: Option<Reason>,
    ) -> Result<(), StoreError> {
        self.aside.remove(&key);
        step.overlay.delete(key)?;
        self.link(step, from)?.settle(seq, refused);
        self.touched.insert(from);
        Ok(())
    }
}
