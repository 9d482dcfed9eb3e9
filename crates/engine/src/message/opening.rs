//! Sealed messages: opened, checked, and taken into the thread, each once.

use super::open_refusal;
use crate::{
    Engine,
    incoming::TOLD,
    record::{self, Meta},
    refill::GAP_PATIENCE,
    space,
    step::{Halt, Refuse, Step},
};
use frontdesk_identity::{DeviceId, ThreadId, TransportKey};
use frontdesk_store::{Reader as _, Scan, StoreError};
use frontdesk_thread::{OpenRefusal, Opened, Thread, WriterRefusal};
use frontdesk_wire::{
    Bundle, Content, ContentKind, LinkSeq, Position, Reason, Seq, SignedContent, ThreadMessage,
};

impl Engine {
    pub(crate) fn thread_message(
        &mut self,
        step: Step<'_>,
        from: TransportKey,
        seq: LinkSeq,
        body: ThreadMessage,
    ) -> Result<(), Halt<Refuse>> {
        let (mut meta, mut thread) = match self.thread_of_frame(step, body.thread, body.era) {
            Err(Halt::Refuse(refuse))
                if refuse.reason == Reason::UnknownThread
                    && self.may_be_forwarded_yet(step, &body.thread, body.era)? =>
            {
                return self.put_aside(step, from, seq, 0, &body);
            }
            found => found?,
        };
        match self.open_message(step, from, &mut meta, &mut thread, &body.sealed) {
            Ok(()) => self.put_meta(step, &meta)?,
            Err(Early::Epoch(epoch)) => self.put_aside(step, from, seq, epoch, &body)?,
            Err(Early::Halt(halt)) => return Err(halt),
        }
        self.keep_thread(thread);
        Ok(())
    }

    /// Opens one sealed message and takes its content in. What is refused leaves nothing behind.
    pub(crate) fn open_message(
        &mut self,
        step: Step<'_>,
        from: TransportKey,
        meta: &mut Meta,
        thread: &mut Thread,
        sealed: &[u8],
    ) -> Result<(), Early> {
        let refuse = |reason, detail: &str| Halt::from(Refuse::breach(reason, detail).about(meta.thread));
        let seed = self.bytes();
        let ctx = self.ctx(step, seed).ok_or_else(|| Refuse::plain(Reason::UnknownThread))?;
        let Opened { sender, departed, revoked, plaintext, .. } = match thread.open(&ctx, sealed) {
            Ok(opened) => opened,
            Err(OpenRefusal::FutureEpoch { epoch }) => return Err(Early::Epoch(epoch)),
            Err(error) => return Err(open_refusal(error, meta.thread).into()),
        };
        if thread.member(&sender).is_some_and(|member| member.record.transport() != from) {
            return Err(refuse(Reason::NotMember, "sent over another device's link").into());
        }
        let bundle = Bundle::decode(&plaintext).map_err(Refuse::decode)?;
        if departed {
            if self.came_in_time(step, meta, &sender, &bundle)? {
                // What the steward had by then, it brings. From one that has left, nobody takes anything any more: it could
                // write today under a number of yesterday. That holds without its revocation too, for which there may have
                // been no room.
                return Ok(());
            }
            let Some(refusal) = revoked else {
                return Err(Refuse::plain(Reason::NotMember).about(meta.thread).into());
            };
            let refusal = WriterRefusal::Grant(refusal);
            return Err(open_refusal(OpenRefusal::SenderNotAllowed { sender, refusal }, meta.thread).into());
        }
        Ok(self.read(step, meta, thread, sender, &bundle)?)
    }

    /// Whether the steward had this when it took its author out. What is said here is checked when it is read.
    pub(crate) fn came_in_time(
        &self,
        step: Step<'_>,
        meta: &Meta,
        author: &DeviceId,
        bundle: &Bundle,
    ) -> Result<bool, StoreError> {
        let last = self.last_words(step, &meta.thread, author)?;
        let in_time = |signed: &SignedContent| signed.read().is_ok_and(|content| content.seq <= last);
        Ok(bundle.contents().iter().all(in_time))
    }

    /// The last number up to which the steward had what a device wrote that left, in this era or before; none has zero.
    pub(crate) fn last_words(
        &self,
        step: Step<'_>,
        thread: &ThreadId,
        author: &DeviceId,
    ) -> Result<Seq, StoreError> {
        let mut last = Seq::default();
        for (key, bytes) in step.overlay.scan(&Scan::prefix(&space::departed(thread)))? {
            if key.ends_with(author.as_bytes()) {
                last = last.max(record::decode(&bytes)?);
            }
        }
        Ok(last)
    }

    /// Whether the commit that took a device out is known here: past its last words nobody may bring anything.
    pub(crate) fn saw_it_leave(
        &self,
        step: Step<'_>,
        thread: &ThreadId,
        author: &DeviceId,
    ) -> Result<bool, StoreError> {
        let rows = step.overlay.scan(&Scan::prefix(&space::departed(thread)))?;
        let told = space::departed_device(thread, TOLD, author);
        Ok(rows.iter().any(|(key, _)| key.ends_with(author.as_bytes()) && *key != told))
    }

    /// Takes in what a member wrote, once it was opened. All of it is looked at before any of it is taken.
    pub(crate) fn read(
        &mut self,
        step: Step<'_>,
        meta: &mut Meta,
        thread: &Thread,
        sender: DeviceId,
        bundle: &Bundle,
    ) -> Result<(), Halt<Refuse>> {
        let read = bundle.contents().iter().map(|signed| self.check_content(step, meta, sender, signed));
        let contents: Vec<Content> = read.collect::<Result<_, _>>()?;
        let ascend = |(a, b): (&Content, &Content)| a.seq < b.seq && a.position < b.position;
        if !contents.iter().zip(contents.iter().skip(1)).all(ascend) {
            let detail = "contents out of their order";
            return Err(Refuse::breach(Reason::BadContent, detail).about(meta.thread).into());
        }
        if meta.author_mut(sender).is_none() {
            return Err(Refuse::plain(Reason::Busy).about(meta.thread).into());
        }
        for (content, signed) in contents.iter().zip(bundle.contents()) {
            self.take_in(step, meta, thread, (content, signed))?;
        }
        Ok(())
    }

    /// Whether this is the sender's own signed content, with numbers that can be, at a place that is free or its own.
    fn check_content(
        &self,
        step: Step<'_>,
        meta: &Meta,
        sender: DeviceId,
        signed: &SignedContent,
    ) -> Result<Content, Halt<Refuse>> {
        let refuse = |reason, detail: &str| Halt::from(Refuse::breach(reason, detail).about(meta.thread));
        // Another under its number, or at its place: as from one that was put back, and doesn't know of the first.
        let restored = || Halt::from(Refuse::plain(Reason::BadContent).about(meta.thread));
        let content = signed.verify().map_err(|error| Refuse::breach(Reason::BadContent, error))?;
        let ahead = meta.position.0.saturating_add(Position::MAX_AHEAD);
        if content.author != sender || content.thread != meta.thread || content.era > meta.era {
            return Err(refuse(Reason::BadContent, "content of another author or thread"));
        }
        if content.position.0 > ahead {
            return Err(refuse(Reason::BadContent, "its place is too far ahead"));
        }
        let early = |seq: &Seq| seq.0 < content.position.0;
        if content.seq.0 > content.position.0 || !content.seen.iter().all(|(_, seq)| early(seq)) {
            return Err(refuse(Reason::BadContent, "numbers that its place rules out"));
        }
        let place = space::history_item(&meta.thread, content.era, content.position, &content.author, 0);
        // Past the newest position there is none.
        if content.position <= meta.position
            && step.overlay.get(&place)?.is_some()
            && !self.has_content(step, &meta.thread, &content.author, content.seq)?
        {
            return Err(restored());
        }
        let known = self.content_at(step.overlay, &meta.thread, &content.author, content.seq)?;
        if known.is_some_and(|(_, entry)| entry.content.as_ref().is_some_and(|known| known != signed)) {
            return Err(restored());
        }
        Ok(content)
    }

    /// Takes a checked content of another author into the thread, once.
    fn take_in(
        &mut self,
        step: Step<'_>,
        meta: &mut Meta,
        thread: &Thread,
        (content, signed): (&Content, &SignedContent),
    ) -> Result<(), StoreError> {
        if self.has_content(step, &meta.thread, &content.author, content.seq)? {
            return Ok(());
        }
        self.add_message(step, meta, content, signed, Vec::new())?;
        let Some(author) = meta.author_mut(content.author) else { return Ok(()) };
        author.newest = author.newest.max(content.seq);
        self.pass_what_is_here(step, meta, &content.author)?;
        let own = self.id();
        for (device, seq) in content.seen.iter().filter(|(device, _)| *device != own) {
            if (thread.is_member(device) || meta.author(device).is_some())
                && let Some(author) = meta.author_mut(*device)
            {
                author.newest = author.newest.max(*seq);
            }
        }
        if meta.missing() > 0 {
            self.look_again(step, meta.thread, GAP_PATIENCE)?;
        }
        match content.kind {
            ContentKind::Text(_) => {
                meta.unread = meta.unread.saturating_add(1);
                self.tell_message(step, meta, content, &[], false)?;
            }
            ContentKind::Close => self.tell(crate::Event::Closed { thread: meta.thread }),
            ContentKind::Read(_) | ContentKind::Name(_) => {}
        }
        Ok(())
    }

    pub(crate) fn has_content(
        &self,
        step: Step<'_>,
        thread: &ThreadId,
        author: &DeviceId,
        seq: Seq,
    ) -> Result<bool, StoreError> {
        Ok(step.overlay.get(&space::index(thread, author, seq))?.is_some())
    }
}

/// A message that can't be opened yet, or not at all.
pub(crate) enum Early {
    Epoch(u64),
    Halt(Halt<Refuse>),
}

impl From<Halt<Refuse>> for Early {
    fn from(halt: Halt<Refuse>) -> Self {
        Self::Halt(halt)
    }
}

impl From<Refuse> for Early {
    fn from(refuse: Refuse) -> Self {
        Self::Halt(refuse.into())
    }
}

impl From<StoreError> for Early {
    fn from(error: StoreError) -> Self {
        Self::Halt(error.into())
    }
}
