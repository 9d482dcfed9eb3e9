//! Messages: written, sealed, sent. How they are opened, and wait to be, is below.

mod opening;
mod refusal;
mod together;
mod waiting;

pub use self::waiting::{ASIDE_WHEN_FULL, MAX_ASIDE, MAX_WAITING_IN_THREAD};
pub(crate) use self::{
    opening::Early,
    refusal::{admission_reason, open_refusal},
    together::Unsealed,
};

use crate::{
    CommandError, Engine, Reply, ThreadStatus,
    incoming::quietly,
    record::{About, Meta, Receiver},
    step::{Halt, Step},
};
use frontdesk_identity::{DeviceId, ThreadId, TransportKey};
use frontdesk_store::StoreError;
use frontdesk_thread::{SealError, Thread, WriterRefusal};
use frontdesk_wire::{
    Body, Bundle, Content, ContentKind, Position, Reason, Seq, SignedContent, ThreadMessage, limits,
};
use serde_bytes::ByteBuf;

impl Engine {
    pub(crate) fn mark_read(
        &mut self,
        step: Step<'_>,
        id: ThreadId,
        through: Position,
    ) -> Result<Reply, Halt<CommandError>> {
        let mut meta = self.meta(step.overlay, &id)?.ok_or(CommandError::UnknownThread)?;
        let through = through.min(meta.position);
        if through <= meta.read {
            return Ok(Reply::Done);
        }
        meta.read = through;
        meta.unread = 0;
        if meta.is_in() && !meta.is_over() {
            let (_, mut thread) = self.thread_of_command(step, id)?;
            // A device that may read and not write tells nobody.
            if thread.check_writer(&self.id(), step.wall(), &self.revocations).is_ok() {
                self.write(step, &mut meta, &mut thread, ContentKind::Read(through))?;
            }
            self.keep_thread(thread);
        }
        self.put_meta(step, &meta)?;
        Ok(Reply::Done)
    }

    pub(crate) fn close(&mut self, step: Step<'_>, id: ThreadId) -> Result<Reply, Halt<CommandError>> {
        let (mut meta, mut thread) = self.thread_of_command(step, id)?;
        if meta.status() != ThreadStatus::Closed {
            self.write(step, &mut meta, &mut thread, ContentKind::Close)?;
            self.tell(crate::Event::Closed { thread: id });
            self.put_meta(step, &meta)?;
        } else {
            // Its guest may have closed it, which makes no room for another one yet.
            self.count_as_closed(step, &meta, &self.id())?;
        }
        self.keep_thread(thread);
        Ok(Reply::Done)
    }

    /// Says this device's name in the thread, if its owner wants that.
    pub(crate) fn introduce(
        &mut self,
        step: Step<'_>,
        meta: &mut Meta,
        thread: &mut Thread,
    ) -> Result<(), Halt<CommandError>> {
        let may = thread.check_writer(&self.id(), step.wall(), &self.revocations).is_ok();
        if self.settings.introduce && may && !self.me.name.is_empty() {
            let name = self.me.name.clone();
            self.write(step, meta, thread, ContentKind::Name(name))?;
        }
        Ok(())
    }

    /// Tells newcomers where this device's numbers are, so that they notice what was sealed while they came in: by its
    /// name, or by how far it has read.
    pub(crate) fn greet(
        &mut self,
        step: Step<'_>,
        meta: &mut Meta,
        thread: &mut Thread,
    ) -> Result<(), Halt<CommandError>> {
        if meta.is_over() {
            return Ok(());
        }
        if self.settings.introduce && !self.me.name.is_empty() {
            return self.introduce(step, meta, thread);
        }
        if thread.check_writer(&self.id(), step.wall(), &self.revocations).is_ok() {
            self.write(step, meta, thread, ContentKind::Read(meta.read))?;
        }
        Ok(())
    }

    /// What this device wrote could not be opened, for it was sealed under keys of another time. It says where its numbers are,
    /// now and when it has followed the next commit: then what lacks is asked for. Once an epoch, whatever others refuse.
    pub(crate) fn unheard(&mut self, step: Step<'_>, id: ThreadId) -> Result<(), StoreError> {
        let meta = self.meta(step.overlay, &id)?;
        let Some(mut meta) = meta.filter(|meta| meta.is_in() && meta.unheard != Some(meta.epoch)) else {
            return Ok(());
        };
        let Some(mut thread) = self.take_thread(step, id, meta.era)? else { return Ok(()) };
        meta.unheard = Some(meta.epoch);
        quietly(self.greet(step, &mut meta, &mut thread))?;
        self.put_meta(step, &meta)?;
        self.keep_thread(thread);
        Ok(())
    }

    /// Writes a content: numbered, signed, sealed, stored, and on its way to each other member.
    pub(crate) fn write(
        &mut self,
        step: Step<'_>,
        meta: &mut Meta,
        thread: &mut Thread,
        kind: ContentKind,
    ) -> Result<(), Halt<CommandError>> {
        let receivers = self.receivers(step, thread);
        self.require_room(step, &receivers)?;
        let (content, signed) = self.sign(step, meta, kind)?;
        let about = match content.kind {
            ContentKind::Text(_) | ContentKind::Close => {
                About::Message { thread: meta.thread, era: content.era, seq: content.seq, more: 0 }
            }
            ContentKind::Read(_) | ContentKind::Name(_) => About::Thread(meta.thread),
        };
        let to: Vec<TransportKey> = receivers.iter().map(|receiver| receiver.transport).collect();
        self.post(step, (meta.era, thread), &Bundle::of(signed.clone()), (about, &to))?;
        self.add_message(step, meta, &content, &signed, receivers).map_err(Halt::Store)
    }

    /// Seals a bundle and sends it on its way.
    fn post(
        &mut self,
        step: Step<'_>,
        (era, thread): (u32, &mut Thread),
        bundle: &Bundle,
        (about, receivers): (About, &[TransportKey]),
    ) -> Result<(), Halt<CommandError>> {
        let sealed = self.seal(step, thread, bundle)?;
        for receiver in receivers {
            let message = ThreadMessage { thread: thread.id(), era, sealed: ByteBuf::from(sealed.clone()) };
            self.enqueue(*receiver, about, Body::ThreadMessage(message));
        }
        Ok(())
    }

    /// Numbers and signs this device's next content.
    pub(crate) fn sign(
        &mut self,
        step: Step<'_>,
        meta: &mut Meta,
        kind: ContentKind,
    ) -> Result<(Content, SignedContent), Halt<CommandError>> {
        meta.seq = meta.seq.next();
        let content = Content {
            thread: meta.thread,
            era: meta.era,
            author: self.id(),
            seq: meta.seq,
            position: meta.position.next(),
            seen: meta.seen(&self.id()),
            sent_at: step.wall(),
            kind,
        };
        let signed =
            content.sign(self.keys.signing()).map_err(|error| CommandError::Internal(error.to_string()))?;
        Ok((content, signed))
    }

    pub(crate) fn seal(
        &mut self,
        step: Step<'_>,
        thread: &mut Thread,
        bundle: &Bundle,
    ) -> Result<Vec<u8>, Halt<CommandError>> {
        let plaintext = bundle.encode().map_err(|error| CommandError::Internal(error.to_string()))?;
        let seed = self.bytes();
        let ctx = self.ctx(step, seed).ok_or(CommandError::NotSettled)?;
        thread.seal(&ctx, &plaintext).map_err(|error| match error {
            SealError::Storage(error) => Halt::Store(crate::threads::storage(error)),
            SealError::NotAllowed(refusal) => not_allowed(refusal).into(),
            SealError::Removed => CommandError::Left.into(),
            SealError::TooLong { len } => CommandError::TextLength { len, max: limits::MAX_TEXT }.into(),
            SealError::Mls(text) => CommandError::Internal(text).into(),
        })
    }

    fn require_room(&mut self, step: Step<'_>, receivers: &[Receiver]) -> Result<(), Halt<CommandError>> {
        for receiver in receivers {
            if !self.has_room(step, receiver.transport, 1)? {
                let limit = usize::try_from(crate::link::MAX_OUTBOX).unwrap_or(usize::MAX);
                return Err(CommandError::TooMany { what: "messages waiting for one device", limit }.into());
            }
        }
        Ok(())
    }
}

fn not_allowed(refusal: WriterRefusal) -> CommandError {
    match refusal {
        WriterRefusal::Grant(refusal) => CommandError::Refused(Reason::from(refusal)),
        WriterRefusal::NotAMember => CommandError::Left,
        other => CommandError::Internal(other.to_string()),
    }
}

pub(crate) fn check_text(text: &str) -> Result<(), CommandError> {
    let (len, max) = (text.len(), limits::MAX_TEXT);
    if len == 0 || len > max { Err(CommandError::TextLength { len, max }) } else { Ok(()) }
}

/// Names a message: its author, shortened, and its number.
pub(crate) fn message_id(author: &DeviceId, seq: Seq) -> String {
    format!("{}.{}", author.fmt_short(), seq.0)
}

/// The receiver's part, found by its link.
pub(crate) fn receiver_of(receivers: &mut [Receiver], from: TransportKey) -> Option<&mut Receiver> {
    receivers.iter_mut().find(|receiver| receiver.transport == from)
}
