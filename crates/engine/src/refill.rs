//! Gaps: messages that others have and this device has not are asked for again, from their author.

use crate::{
    Engine, Millis,
    record::{About, Meta},
    step::{Halt, Refuse, Step},
};
use frontdesk_identity::{DeviceId, ThreadId, TransportKey};
use frontdesk_store::StoreError;
use frontdesk_thread::{RefillError, Thread, WriterRefusal};
use frontdesk_wire::{Body, LinkSeq, Reason, Refill, RefillRequest, Seq, SignedContent};
use serde_bytes::ByteBuf;

/// A gap may close by itself, when links of different speed bring messages in another order: wait so long before asking,
/// in milliseconds.
pub const GAP_PATIENCE: u64 = 3_000;
/// Messages that one request may ask for.
pub const MAX_REFILL: u64 = frontdesk_wire::limits::MAX_REFILL;
/// How often an author is asked that does not know this device yet.
pub const MAX_ASKS: u8 = 10;

impl Engine {
    /// Looks at the thread's gaps after a while.
    pub(crate) fn look_for_gaps(&mut self, step: Step<'_>, thread: ThreadId) {
        if !self.gaps.iter().any(|(_, id)| *id == thread) {
            self.gaps.insert((step.now.mono.plus(GAP_PATIENCE), thread));
        }
    }

    pub(crate) fn next_gap(&self) -> Option<Millis> {
        self.gaps.first().map(|(at, _)| *at)
    }

    pub(crate) fn ask_for_gaps(&mut self, step: Step<'_>) -> Result<(), StoreError> {
        while let Some((at, id)) = self.gaps.first().copied()
            && at <= step.now.mono
        {
            self.gaps.pop_first();
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
        if more {
            self.look_for_gaps(step, id);
        }
        Ok(())
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
        if before > self.link(step, from)?.record.delivered || !self.has_room(step, from, most)? {
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
        let (delivered, last) = (record.delivered, LinkSeq(record.numbered.0.saturating_add(count)));
        self.refills.retain(|(peer, _), seq| *peer != from || *seq > delivered);
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
        let plaintext = signed.encode().map_err(|_| lacks())?;
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
                self.look_for_gaps(step, meta.thread);
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

    /// The author refused. If it may come to know this device yet, it is asked again, a few times; else the messages are
    /// no longer waited for.
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
            // An author that is busy is still at the answer before, or has much to send: that ends.
            let busy = reason == Reason::Busy;
            let early = busy || matches!(reason, Reason::NotMember | Reason::UnknownThread);
            author.asks = author.asks.saturating_add(u8::from(!busy));
            if early && author.asks <= MAX_ASKS {
                let before = Seq(to.0.saturating_sub(MAX_REFILL));
                author.asked = author.asked.min(before).max(author.through);
                self.look_for_gaps(step, thread);
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
