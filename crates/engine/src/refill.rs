//! Gaps: messages that others have and this device has not are asked for again: from their author or, once that has left,
//! from the steward, as far as it had them by then.

use crate::{
    Engine,
    announce::PORTION,
    record::{About, Author, Meta},
    space,
    step::{Halt, Refuse, Step},
};
use frontdesk_identity::{DeviceId, ThreadId, TransportKey};
use frontdesk_store::{Reader as _, Scan, StoreError};
use frontdesk_thread::{RefillError, Thread, WriterRefusal};
use frontdesk_wire::{Body, Bundle, LinkSeq, Reason, Refill, RefillRequest, Seq, SignedContent};
use serde_bytes::ByteBuf;
use std::collections::BTreeSet;

/// A gap may close by itself, when links of different speed bring messages in another order: wait so long before asking,
/// in milliseconds.
pub const GAP_PATIENCE: u64 = 3_000;
/// Messages that one request may ask for.
pub const MAX_REFILL: u64 = frontdesk_wire::limits::MAX_REFILL;
/// An author that can't answer yet, perhaps since it does not know this device yet, is asked again: after
/// [`GAP_PATIENCE`], doubled so often at most.
const MAX_DOUBLINGS: u8 = 10;
/// Answers of which this device could take nothing, beyond those, until it no longer waits for what it asked for.
const VAIN_ANSWERS: u8 = 8;

impl Author {
    /// Forgets that it was asked; how long to wait before it is asked again, in milliseconds.
    fn ask_again(&mut self) -> u64 {
        self.asked = self.through;
        let wait = GAP_PATIENCE << self.asks.min(MAX_DOUBLINGS);
        self.asks = self.asks.max(self.asks.saturating_add(1).min(MAX_DOUBLINGS));
        wait
    }

    /// Counts an answer that is on its way. True if there were too many of which nothing could be taken.
    fn is_answered_in_vain(&mut self) -> bool {
        self.asks = self.asks.saturating_add(1);
        self.asks > MAX_DOUBLINGS + VAIN_ANSWERS
    }
}

impl Engine {
    /// Looks at what the thread lacks after `wait` milliseconds, and after a restart.
    pub(crate) fn look_again(
        &mut self,
        step: Step<'_>,
        thread: ThreadId,
        wait: u64,
    ) -> Result<(), StoreError> {
        self.gaps.plan(thread, step.now.mono.plus(wait));
        let key = space::gap(&thread);
        if step.overlay.get(&key)?.is_none() { step.overlay.put(key, Vec::new()) } else { Ok(()) }
    }

    /// After a start: each thread whose moment had not come.
    pub(crate) fn plan_gaps(&mut self, step: Step<'_>) -> Result<(), StoreError> {
        for (key, _) in step.overlay.scan(&Scan::prefix(space::GAPS))? {
            if let Some(thread) = space::read_gap(&key) {
                self.gaps.plan(thread, step.now.mono.plus(GAP_PATIENCE));
            }
        }
        Ok(())
    }

    /// The members of a thread have changed: who could answer nothing before may do so now.
    pub(crate) fn gaps_anew(&mut self, step: Step<'_>, meta: &mut Meta) -> Result<(), StoreError> {
        if meta.missing() == 0 {
            return Ok(());
        }
        meta.authors.iter_mut().for_each(|author| author.asks = 0);
        self.gaps.resume(&meta.thread);
        self.look_again(step, meta.thread, GAP_PATIENCE)
    }

    pub(crate) fn ask_for_gaps(&mut self, step: Step<'_>) -> Result<(), StoreError> {
        for id in (0..PORTION).map_while(|_| self.gaps.take(step.now.mono)).collect::<Vec<_>>() {
            step.overlay.delete(space::gap(&id))?;
            self.lasting = true;
            let Some(meta) = self.meta(step.overlay, &id)? else { continue };
            self.rejoin_again(step, &meta)?;
            if meta.is_in() {
                self.ask_in(step, meta)?;
            }
        }
        Ok(())
    }

    fn ask_in(&mut self, step: Step<'_>, mut meta: Meta) -> Result<(), StoreError> {
        if meta.missing() == 0 {
            return Ok(());
        }
        let Ok((_, thread)) = self.thread_of_frame(step, meta.thread, meta.era) else { return Ok(()) };
        let (id, era) = (meta.thread, meta.era);
        // Who may come into this era yet is asked then for what the steward hasn't got.
        let absent: BTreeSet<DeviceId> =
            self.absent(step, &id)?.iter().map(|(device, _)| device.id()).collect();
        let (mut asks, mut again) = (Vec::new(), u64::MAX);
        for author in meta.authors.iter_mut().filter(|author| author.through < author.newest) {
            let device = author.device;
            let (whom, last) = if thread.is_member(&device) {
                (device, author.newest)
            } else {
                (thread.steward(), self.last_words(step, &id, &device)?.min(author.newest))
            };
            if whom == self.id() {
                // It may come back, or another may lead, and tell.
                continue;
            }
            if author.through >= last {
                // What it wrote after that, nobody may bring. Of one that this device hasn't seen leaving, there may be more, and it
                // may bring that itself when it comes back.
                if !absent.contains(&device) && self.saw_it_leave(step, &id, &device)? {
                    author.through = author.newest;
                }
                continue;
            }
            // One after the other: the answer to the one before is on its way.
            if author.asked > author.through {
                continue;
            }
            if let Some(until) = self.gaps.paused(id, device, step.now.mono).filter(|_| author.asks > 0) {
                again = again.min(until.0);
                continue;
            }
            if let Some(member) = thread.member(&whom) {
                author.asked = self.end_of_hole(step, &id, author, last)?;
                asks.push((member.record.transport(), device, author.through.next(), author.asked));
            }
        }
        for (whom, author, from, to) in asks {
            let about = About::Refill { thread: id, era, author, seq: to };
            self.enqueue(
                whom,
                about,
                Body::RefillRequest(RefillRequest { thread: id, era, author, from, to }),
            );
        }
        if again < u64::MAX {
            self.look_again(step, id, again.saturating_sub(step.now.mono.0))?;
        }
        self.put_meta(step, &meta)?;
        self.keep_thread(thread);
        Ok(())
    }

    /// The last number of an author that this device lacks, after those that it has, and before the next that it has.
    fn end_of_hole(
        &self,
        step: Step<'_>,
        thread: &ThreadId,
        author: &Author,
        last: Seq,
    ) -> Result<Seq, StoreError> {
        let most = Seq(last.0.min(author.through.0.saturating_add(MAX_REFILL)));
        let mut end = author.through.next();
        while end < most && !self.has_content(step, thread, &author.device, end.next())? {
            end = end.next();
        }
        Ok(end)
    }

    /// Those after the newest without a hole before it are there as well.
    pub(crate) fn pass_what_is_here(
        &self,
        step: Step<'_>,
        meta: &mut Meta,
        author: &DeviceId,
    ) -> Result<(), StoreError> {
        let thread = meta.thread;
        let Some(author) = meta.author_mut(*author) else { return Ok(()) };
        while author.through < author.newest
            && self.has_content(step, &thread, &author.device, author.through.next())?
        {
            author.through = author.through.next();
            author.asks = 0;
        }
        Ok(())
    }

    /// The other side, of the author or of the steward for one that has left: seals the messages anew, for the asker alone,
    /// as far as its grant reaches. One answer at a time: a member that takes none of it can't have the disk filled.
    pub(crate) fn refill_request(
        &mut self,
        step: Step<'_>,
        from: TransportKey,
        body: &RefillRequest,
    ) -> Result<(), Halt<Refuse>> {
        let refuse = |reason| Refuse::plain(reason).about(body.thread);
        let (meta, thread) = self.thread_of_frame(step, body.thread, body.era)?;
        let member = thread.members().find(|member| member.record.transport() == from);
        // Perhaps a newcomer whose commit is still on its way here: it asks again.
        let member = member.ok_or_else(|| refuse(Reason::NotMember))?;
        member.chain.check_at(step.wall(), &self.revocations).map_err(Refuse::grant)?;
        let (reader, history) = (member.record.id(), member.chain.history());
        let standing = member.chain.scope() == frontdesk_capability::Scope::Principal;
        let last = self.last_of(&meta, &thread, &body.author).map_err(refuse)?;
        if body.from > last {
            return Err(refuse(Reason::BadContent).into());
        }
        let most = usize::try_from(MAX_REFILL).unwrap_or(usize::MAX);
        let before = self.refills.get(&(from, body.thread)).copied().unwrap_or_default();
        if before > self.link(step, from)?.record.stored || !self.has_room(step, from, most)? {
            return Err(refuse(Reason::Busy).into());
        }
        // What lies before the asker's bound is left out: it can't know which numbers do.
        let (mut count, mut left_out) = (0, false);
        for seq in (body.from.0..=body.to.min(last).0).map(Seq) {
            if let Some((_, entry)) = self.content_at(step.overlay, &body.thread, &body.author, seq)?
                && let Some(signed) = entry.content
            {
                let (era, position) =
                    signed.read().map_or((0, 0), |content| (content.era, content.position.0));
                if !standing && !history.covers(era, position) {
                    left_out = true;
                    continue;
                }
                let sealed = self.seal_refill(step, &thread, &reader, &signed)?;
                let epoch = thread.epoch();
                let missed =
                    Refill { thread: meta.thread, era: meta.era, epoch, sealed: ByteBuf::from(sealed) };
                self.enqueue(from, self.about_refill(&meta, &body.author, seq), Body::Refill(missed));
                count += 1;
            }
        }
        if count == 0 {
            // Of numbers that are yet to come nothing can be said.
            let none = if body.to > last { Reason::BadContent } else { Reason::NoSuchMessage };
            return Err(refuse(if left_out { Reason::GrantLacksAbility } else { none }).into());
        }
        let record = &self.link(step, from)?.record;
        let (stored, last) = (record.stored, LinkSeq(record.numbered.0.saturating_add(count)));
        self.refills.retain(|(peer, _), seq| *peer != from || *seq > stored);
        self.refills.insert((from, body.thread), last);
        self.keep_thread(thread);
        Ok(())
    }

    /// That a message of this device arrives after all is told like that it arrived at once.
    fn about_refill(&self, meta: &Meta, author: &DeviceId, seq: Seq) -> About {
        if *author == self.id() {
            About::Message { thread: meta.thread, era: meta.era, seq, more: 0 }
        } else {
            About::Thread(meta.thread)
        }
    }

    /// The newest number of an author for which this device may speak.
    fn last_of(&self, meta: &Meta, thread: &Thread, author: &DeviceId) -> Result<Seq, Reason> {
        if *author == self.id() {
            Ok(meta.seq)
        } else if thread.steward() != self.id() {
            Err(Reason::GrantLacksAbility)
        } else if thread.is_member(author) {
            // It is back: the commit that the asker has yet to hear of tells it whom to ask.
            Err(Reason::Busy)
        } else {
            Ok(meta.author(author).map_or(Seq(0), |author| author.through))
        }
    }

    fn seal_refill(
        &mut self,
        step: Step<'_>,
        thread: &Thread,
        reader: &DeviceId,
        signed: &SignedContent,
    ) -> Result<Vec<u8>, Halt<Refuse>> {
        let lacks = || Refuse::plain(Reason::GrantLacksAbility).about(thread.id());
        let plaintext = Bundle::of(signed.clone()).encode().map_err(|_| lacks())?;
        let seed = self.bytes();
        let ctx = self.ctx(step, seed).ok_or_else(lacks)?;
        Ok(thread.seal_refill(&ctx, reader, &plaintext).map_err(|_| lacks())?)
    }

    /// A message that this device missed. Of another epoch than the present one it can't be read: when the commit is here,
    /// or there, it is asked for again.
    pub(crate) fn refill(
        &mut self,
        step: Step<'_>,
        from: TransportKey,
        body: &Refill,
    ) -> Result<(), Halt<Refuse>> {
        let breach = |reason, detail: &dyn std::fmt::Display| {
            Halt::from(Refuse::breach(reason, detail).about(body.thread))
        };
        let (mut meta, thread) = self.thread_of_frame(step, body.thread, body.era)?;
        let sealer = thread.members().find(|member| member.record.transport() == from);
        // Perhaps one that left while this was on its way.
        let sealer = sealer.ok_or_else(|| Refuse::plain(Reason::NotMember).about(body.thread))?.record.id();
        let seed = self.bytes();
        let ctx = self.ctx(step, seed).ok_or_else(|| Refuse::plain(Reason::UnknownThread))?;
        let opened = thread.open_refill(&ctx, &sealer, body.epoch, &body.sealed);
        drop(ctx);
        match opened {
            Ok(plaintext) => {
                let bundle = Bundle::decode(&plaintext).map_err(Refuse::decode)?;
                let author = self.author_of_refill(step, &meta, &thread, sealer, &bundle)?;
                self.read(step, &mut meta, &thread, author, &bundle)?;
            }
            Err(RefillError::OtherEpoch { .. }) => {
                let asked_here = |author: &DeviceId| {
                    *author == sealer || (thread.steward() == sealer && !thread.is_member(author))
                };
                let pending =
                    |author: &&mut Author| author.asked > author.through && asked_here(&author.device);
                let asked = meta.authors.iter_mut().filter(pending);
                let waits: Vec<_> = asked.map(|author| (author.device, author.ask_again())).collect();
                for (author, wait) in waits {
                    self.gaps.pause(meta.thread, author, step.now.mono, wait);
                    self.look_again(step, meta.thread, wait)?;
                }
            }
            Err(RefillError::NotAllowed(WriterRefusal::Grant(refusal))) => {
                return Err(breach(Reason::from(refusal), &refusal));
            }
            Err(error @ RefillError::NotAllowed(_)) => return Err(breach(Reason::NotMember, &error)),
            Err(error @ RefillError::TooLong { .. }) => return Err(breach(Reason::TooLong, &error)),
            Err(error @ RefillError::UnknownVersion { .. }) => {
                return Err(breach(Reason::UnknownVersion, &error));
            }
            Err(error @ (RefillError::Undecryptable | RefillError::Mls(_))) => {
                return Err(breach(Reason::Undecryptable, &error));
            }
        }
        self.put_meta(step, &meta)?;
        self.keep_thread(thread);
        Ok(())
    }

    /// Whose message it is. The steward may bring what another wrote that has left, as far as it had that by then.
    fn author_of_refill(
        &self,
        step: Step<'_>,
        meta: &Meta,
        thread: &Thread,
        sealer: DeviceId,
        bundle: &Bundle,
    ) -> Result<DeviceId, Halt<Refuse>> {
        let refuse = |reason, detail: &str| Halt::from(Refuse::breach(reason, detail).about(meta.thread));
        let first = bundle.contents().first().and_then(|signed| signed.read().ok());
        let author = first.map_or(sealer, |content| content.author);
        if author == sealer {
            return Ok(author);
        }
        if sealer != thread.steward() {
            return Err(refuse(
                Reason::NotSteward,
                "another's message, from a device that isn't the steward",
            ));
        }
        if thread.is_member(&author) || !self.came_in_time(step, meta, &author, bundle)? {
            return Err(refuse(Reason::BadContent, "another's message that is its author's alone to bring"));
        }
        Ok(author)
    }

    /// Who was asked refused. If it may come to know this device yet, or is busy with an answer, it is asked again, ever more
    /// rarely: it may be long until the commit comes to it. If there are no such messages, then who told of them lied, and
    /// what comes next is missed as before. Else they are no longer waited for.
    pub(crate) fn refill_refused(
        &mut self,
        step: Step<'_>,
        (thread, era): (ThreadId, u32),
        (author, to): (DeviceId, Seq),
        reason: Reason,
    ) -> Result<(), StoreError> {
        let meta = self.meta(step.overlay, &thread)?;
        let Some(mut meta) = meta.filter(|meta| meta.is_in() && meta.era == era) else { return Ok(()) };
        let Some(known) = meta.author_mut(author) else { return Ok(()) };
        let mut wait = GAP_PATIENCE;
        if matches!(reason, Reason::Busy | Reason::NotMember | Reason::UnknownThread | Reason::PastEra) {
            wait = known.ask_again();
            self.gaps.pause(thread, author, step.now.mono, wait);
        } else if reason == Reason::BadContent {
            (known.newest, known.asked, known.asks) = (known.through, known.through, 0);
        } else {
            (known.through, known.asks) = (known.through.max(to), 0);
            self.pass_what_is_here(step, &mut meta, &author)?;
            wait = 0;
        }
        if meta.missing() > 0 {
            self.look_again(step, thread, wait)?;
        }
        self.put_meta(step, &meta)
    }

    /// Who was asked has answered. If a hole is left when that has come, it is asked for once more, and after a few times no
    /// longer waited for: this device refused what it got.
    pub(crate) fn refill_answered(
        &mut self,
        step: Step<'_>,
        (thread, era): (ThreadId, u32),
        (author, to): (DeviceId, Seq),
    ) -> Result<(), StoreError> {
        let meta = self.meta(step.overlay, &thread)?;
        let Some(mut meta) = meta.filter(|meta| meta.is_in() && meta.era == era) else { return Ok(()) };
        let Some(known) = meta.author_mut(author).filter(|author| author.through < to) else { return Ok(()) };
        let wait = known.ask_again();
        if known.is_answered_in_vain() {
            (known.through, known.asks) = (to, 0);
            self.pass_what_is_here(step, &mut meta, &author)?;
        }
        self.look_again(step, thread, wait)?;
        self.put_meta(step, &meta)
    }
}
