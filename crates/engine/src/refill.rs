//! Gaps: messages that others have and this device has not are asked for again, from their author.

use crate::{
    Engine,
    record::{About, Meta},
    space,
    step::{Halt, Refuse, Step},
};
use frontdesk_identity::{DeviceId, ThreadId, TransportKey};
use frontdesk_store::{Reader as _, Scan, StoreError};
use frontdesk_thread::{RefillError, Thread, WriterRefusal};
use frontdesk_wire::{Body, Bundle, LinkSeq, Reason, Refill, RefillRequest, Seq, SignedContent};
use serde_bytes::ByteBuf;

/// A gap may close by itself, when links of different speed bring messages in another order: wait so long before asking,
/// in milliseconds.
pub const GAP_PATIENCE: u64 = 3_000;
/// Messages that one request may ask for.
pub const MAX_REFILL: u64 = frontdesk_wire::limits::MAX_REFILL;
/// An author that can't answer yet, perhaps since it does not know this device yet, is asked again: after
/// [`GAP_PATIENCE`], doubled so often at most.
const MAX_DOUBLINGS: u8 = 10;

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

    pub(crate) fn ask_for_gaps(&mut self, step: Step<'_>) -> Result<(), StoreError> {
        while let Some(id) = self.gaps.take(step.now.mono) {
            step.overlay.delete(space::gap(&id))?;
            self.lasting = true;
            let Some(meta) = self.meta(step.overlay, &id)? else { continue };
            if meta.is_in() {
                self.ask_in(step, meta)?;
            } else {
                self.rejoin_again(step, &meta)?;
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
        for author in &mut meta.authors {
            let from = author.through.max(author.asked).next();
            if from > author.newest {
                continue;
            }
            let to = Seq(author.newest.0.min(from.0.saturating_add(MAX_REFILL - 1)));
            author.asked = to;
            match thread.member(&author.device) {
                Some(member) => {
                    let about = About::Refill { thread: id, era, seq: to };
                    let body = RefillRequest { thread: id, era, from, to };
                    self.enqueue(member.record.transport(), about, Body::RefillRequest(body));
                }
                // An author that left can't be asked, and nobody else may speak for it.
                None => author.through = author.newest,
            }
        }
        let more = meta.authors.iter().any(|author| author.asked < author.newest);
        self.put_meta(step, &meta)?;
        self.keep_thread(thread);
        if more { self.look_again(step, id, GAP_PATIENCE) } else { Ok(()) }
    }

    /// The author's side: seals the messages anew, for the asker alone, as far as its grant reaches. One answer at a time:
    /// a member that takes none of it can't have the disk filled.
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
        if body.to > meta.seq {
            return Err(refuse(Reason::GrantLacksAbility).into());
        }
        let most = usize::try_from(MAX_REFILL).unwrap_or(usize::MAX);
        let before = self.refills.get(&(from, body.thread)).copied().unwrap_or_default();
        if before > self.link(step, from)?.record.stored || !self.has_room(step, from, most)? {
            return Err(refuse(Reason::Busy).into());
        }
        let own = self.id();
        let mut count = 0;
        for seq in (body.from.0..=body.to.0).map(Seq) {
            if let Some((_, entry)) = self.content_at(step.overlay, &body.thread, body.era, &own, seq)?
                && let Some(signed) = entry.content
            {
                let position = signed.read().map_or(0, |content| content.position.0);
                if !standing && !history.covers(body.era, position) {
                    return Err(refuse(Reason::GrantLacksAbility).into());
                }
                let sealed = self.seal_refill(step, &thread, &reader, &signed)?;
                let epoch = thread.epoch();
                let missed =
                    Refill { thread: meta.thread, era: meta.era, epoch, sealed: ByteBuf::from(sealed) };
                self.enqueue(from, About::Thread(meta.thread), Body::Refill(missed));
                count += 1;
            }
        }
        let record = &self.link(step, from)?.record;
        let (stored, last) = (record.stored, LinkSeq(record.numbered.0.saturating_add(count)));
        self.refills.retain(|(peer, _), seq| *peer != from || *seq > stored);
        if count > 0 {
            self.refills.insert((from, body.thread), last);
        }
        self.keep_thread(thread);
        Ok(())
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
        let author = device_of(&thread, from);
        // Perhaps one that left while this was on its way.
        let author = author.ok_or_else(|| Refuse::plain(Reason::NotMember).about(body.thread))?;
        let seed = self.bytes();
        let ctx = self.ctx(step, seed).ok_or_else(|| Refuse::plain(Reason::UnknownThread))?;
        let opened = thread.open_refill(&ctx, &author, body.epoch, &body.sealed);
        drop(ctx);
        match opened {
            Ok(plaintext) => self.read(step, &mut meta, &thread, author, &plaintext)?,
            Err(RefillError::OtherEpoch { .. }) => {
                if let Some(author) = meta.author_mut(author) {
                    author.asked = author.through;
                }
                self.look_again(step, meta.thread, GAP_PATIENCE)?;
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

    /// The author refused. If it may come to know this device yet, or is busy with an answer, it is asked again, ever more
    /// rarely: it may be long until the commit comes to it. Else the messages are no longer waited for.
    pub(crate) fn refill_refused(
        &mut self,
        step: Step<'_>,
        (thread, era): (ThreadId, u32),
        from: TransportKey,
        to: Seq,
        reason: Reason,
    ) -> Result<(), StoreError> {
        let Some(mut meta) = self.meta(step.overlay, &thread)?.filter(|meta| meta.era == era) else {
            return Ok(());
        };
        let Ok((_, keys)) = self.thread_of_frame(step, thread, era) else { return Ok(()) };
        let device = device_of(&keys, from);
        if let Some(author) = device.and_then(|device| meta.author_mut(device)) {
            if matches!(reason, Reason::Busy | Reason::NotMember | Reason::UnknownThread) {
                let before = Seq(to.0.saturating_sub(MAX_REFILL));
                author.asked = author.asked.min(before).max(author.through);
                let wait = GAP_PATIENCE << author.asks.min(MAX_DOUBLINGS);
                author.asks = author.asks.saturating_add(1);
                self.look_again(step, thread, wait)?;
            } else {
                author.through = author.through.max(to);
                author.asks = 0;
            }
        }
        self.keep_thread(keys);
        self.put_meta(step, &meta)
    }
}

fn device_of(thread: &Thread, transport: TransportKey) -> Option<DeviceId> {
    thread.members().find(|member| member.record.transport() == transport).map(|member| member.record.id())
}
