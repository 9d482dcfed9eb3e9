//! Gaps: messages that others have and this device has not are asked for again, from their author.

use crate::{
    Engine, Millis,
    record::{About, Meta},
    step::{Halt, Refuse, Step},
};
use frontdesk_identity::{ThreadId, TransportKey};
use frontdesk_store::StoreError;
use frontdesk_thread::Thread;
use frontdesk_wire::{Body, Reason, RefillRequest, Seq, ThreadMessage};
use serde_bytes::ByteBuf;

/// A gap may close by itself, when links of different speed bring messages in another order: wait so long before asking,
/// in milliseconds.
pub const GAP_PATIENCE: u64 = 3_000;
/// Messages that one request may ask for.
pub const MAX_REFILL: u64 = 64;
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
            let Some(meta) = self.meta(step.overlay, &id)?.filter(Meta::is_in) else { continue };
            self.ask_in(step, meta)?;
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

    /// The author's side: seals the messages anew, for the asker, as far as its grant reaches.
    pub(crate) fn refill_request(
        &mut self,
        step: Step<'_>,
        from: TransportKey,
        body: &RefillRequest,
    ) -> Result<(), Halt<Refuse>> {
        let (meta, mut thread) = self.thread_of_frame(step, body.thread, body.era)?;
        let member = thread.members().find(|member| member.record.transport() == from);
        // Perhaps a newcomer whose commit is still on its way here: it asks again.
        let member = member.ok_or_else(|| Refuse::plain(Reason::NotMember).about(body.thread))?;
        member.chain.check_at(step.wall(), &self.revocations).map_err(Refuse::grant)?;
        let history = member.chain.history();
        let standing = member.chain.scope() == frontdesk_capability::Scope::Principal;
        if body.to.0.saturating_sub(body.from.0) >= MAX_REFILL || body.to > meta.seq {
            return Err(Refuse::plain(Reason::GrantLacksAbility).about(body.thread).into());
        }
        let own = self.id();
        let mut seq = body.from;
        while seq <= body.to {
            if let Some((_, entry)) = self.content_at(step.overlay, &body.thread, body.era, &own, seq)?
                && let Some(signed) = entry.content
            {
                let position = signed.read().map_or(0, |content| content.position.0);
                if !standing && !history.covers(body.era, position) {
                    return Err(Refuse::plain(Reason::GrantLacksAbility).about(body.thread).into());
                }
                let sealed = self.seal(step, &mut thread, &signed);
                let sealed = sealed.map_err(|halt| halt.map(|_| Refuse::plain(Reason::GrantLacksAbility)))?;
                self.resend(from, &meta, sealed);
            }
            seq = seq.next();
        }
        self.keep_thread(thread);
        Ok(())
    }

    fn resend(&mut self, to: TransportKey, meta: &Meta, sealed: Vec<u8>) {
        let body = ThreadMessage { thread: meta.thread, era: meta.era, sealed: ByteBuf::from(sealed) };
        self.enqueue(to, About::Thread(meta.thread), Body::ThreadMessage(body));
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
            let early = matches!(reason, Reason::NotMember | Reason::UnknownThread | Reason::Busy);
            author.asks = author.asks.saturating_add(1);
            if early && author.asks <= MAX_ASKS {
                author.asked = author.through;
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

fn device_of(thread: &Thread, transport: TransportKey) -> Option<frontdesk_identity::DeviceId> {
    thread.members().find(|member| member.record.transport() == transport).map(|member| member.record.id())
}
