//! Messages: sealed and sent, received and opened, and those that wait for a commit.

use crate::{
    CommandError, Engine, Reply, ThreadStatus,
    record::{self, About, Meta, Receiver, Waiting},
    refill::GAP_PATIENCE,
    space,
    step::{Halt, Refuse, Step},
};
use frontdesk_identity::{DeviceId, ThreadId, TransportKey};
use frontdesk_store::{Reader as _, Scan, StoreError};
use frontdesk_thread::{OpenRefusal, Opened, SealError, Thread, WriterRefusal};
use frontdesk_wire::{
    Body, Content, ContentKind, LinkSeq, Position, Reason, Seq, SignedContent, ThreadMessage, limits,
};
use serde_bytes::ByteBuf;

/// Sealed messages of one thread that may wait for commits.
pub const MAX_WAITING_IN_THREAD: usize = 512;
/// Sealed messages that may wait over all threads.
pub const MAX_ASIDE: usize = 4_096;
/// When that many wait, those older than this go, in seconds: what honest members sent comes again as a gap.
pub const ASIDE_WHEN_FULL: u64 = 60;
/// How often that is looked after, in milliseconds.
const SWEEP_EVERY: u64 = 10_000;

impl Engine {
    pub(crate) fn send_text(
        &mut self,
        step: Step<'_>,
        id: ThreadId,
        text: String,
    ) -> Result<Reply, Halt<CommandError>> {
        check_text(&text)?;
        let (mut meta, mut thread) = self.thread_of_command(step, id)?;
        let (content, receivers) = self.write(step, &mut meta, &mut thread, ContentKind::Text(text))?;
        self.put_meta(step, &meta)?;
        self.tell_message(step, &meta, &content, &receivers, false)?;
        self.keep_thread(thread);
        Ok(Reply::Queued {
            thread: id,
            message: message_id(&content.author, content.seq),
            position: content.position,
        })
    }

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
        if meta.is_in() {
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
        if self.settings.introduce && !self.me.name.is_empty() {
            return self.introduce(step, meta, thread);
        }
        if thread.check_writer(&self.id(), step.wall(), &self.revocations).is_ok() {
            self.write(step, meta, thread, ContentKind::Read(meta.read))?;
        }
        Ok(())
    }

    /// Writes a content: numbered, signed, sealed, stored, and on its way to each other member. Answers it, and to whom
    /// it goes.
    pub(crate) fn write(
        &mut self,
        step: Step<'_>,
        meta: &mut Meta,
        thread: &mut Thread,
        kind: ContentKind,
    ) -> Result<(Content, Vec<Receiver>), Halt<CommandError>> {
        let receivers = self.receivers(step, thread);
        for receiver in &receivers {
            self.require_room(step, receiver.transport)?;
        }
        let (content, signed) = self.sign(step, meta, kind)?;
        let sealed = self.seal(step, thread, &signed)?;
        let about = match content.kind {
            ContentKind::Text(_) | ContentKind::Close => {
                About::Message { thread: meta.thread, era: content.era, seq: content.seq }
            }
            ContentKind::Read(_) | ContentKind::Name(_) => About::Thread(meta.thread),
        };
        for receiver in &receivers {
            let sealed = ByteBuf::from(sealed.clone());
            let message = ThreadMessage { thread: meta.thread, era: meta.era, sealed };
            self.enqueue(receiver.transport, about, Body::ThreadMessage(message));
        }
        self.add_message(step, meta, &content, &signed, receivers.clone())?;
        Ok((content, receivers))
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
        signed: &SignedContent,
    ) -> Result<Vec<u8>, Halt<CommandError>> {
        let plaintext = signed.encode().map_err(|error| CommandError::Internal(error.to_string()))?;
        let seed = self.bytes();
        let ctx = self.ctx(step, seed).ok_or(CommandError::NotSettled)?;
        thread.seal(&ctx, &plaintext).map_err(|error| match error {
            SealError::Storage(error) => Halt::Store(crate::threads::storage(error)),
            SealError::NotAllowed(WriterRefusal::Grant(refusal)) => {
                CommandError::Refused(Reason::from(refusal)).into()
            }
            SealError::NotAllowed(WriterRefusal::NotAMember) | SealError::Removed => {
                CommandError::Left.into()
            }
            SealError::NotAllowed(other) => CommandError::Internal(other.to_string()).into(),
            SealError::TooLong { len } => CommandError::TextLength { len, max: limits::MAX_TEXT }.into(),
            SealError::Mls(text) => CommandError::Internal(text).into(),
        })
    }

    fn require_room(&mut self, step: Step<'_>, to: TransportKey) -> Result<(), Halt<CommandError>> {
        if self.has_room(step, to, 1)? {
            return Ok(());
        }
        let limit = usize::try_from(crate::link::MAX_OUTBOX).unwrap_or(usize::MAX);
        Err(CommandError::TooMany { what: "messages waiting for one device", limit }.into())
    }

    pub(crate) fn thread_message(
        &mut self,
        step: Step<'_>,
        from: TransportKey,
        seq: LinkSeq,
        body: ThreadMessage,
    ) -> Result<(), Halt<Refuse>> {
        if self.may_be_forwarded_yet(step, &body.thread)? {
            return self.put_aside(step, from, seq, 0, &body);
        }
        let (mut meta, mut thread) = self.thread_of_frame(step, body.thread, body.era)?;
        match self.open_message(step, from, &mut meta, &mut thread, &body.sealed) {
            Ok(()) => self.put_meta(step, &meta)?,
            Err(Early::Epoch(epoch)) => self.put_aside(step, from, seq, epoch, &body)?,
            Err(Early::Halt(halt)) => return Err(halt),
        }
        self.keep_thread(thread);
        Ok(())
    }

    /// Whether a thread that this device can't open now may be forwarded to it any moment: its members may be faster
    /// than its steward.
    fn may_be_forwarded_yet(&self, step: Step<'_>, thread: &ThreadId) -> Result<bool, StoreError> {
        let meta = self.meta(step.overlay, thread)?;
        let rejoining = meta.as_ref().is_some_and(|meta| meta.status() == ThreadStatus::Rejoining);
        Ok(rejoining || (meta.is_none() && self.me.role().is_some() && !self.me.removed))
    }

    fn put_aside(
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
        record::put(step.overlay, space::waiting_item(&body.thread, epoch, &from, seq), &waiting)?;
        self.aside.add(body.thread);
        Ok(())
    }

    /// Opens what waited, after a commit.
    pub(crate) fn release(
        &mut self,
        step: Step<'_>,
        meta: &mut Meta,
        thread: &mut Thread,
    ) -> Result<(), StoreError> {
        let prefix = space::waiting(&meta.thread);
        for (key, bytes) in step.overlay.scan(&Scan::prefix(&prefix))? {
            let waiting: Waiting = record::decode(&bytes)?;
            let refused = match self.open_message(step, waiting.from, meta, thread, &waiting.sealed) {
                Ok(()) => None,
                Err(Early::Epoch(_)) => continue,
                Err(Early::Halt(Halt::Refuse(refuse))) => {
                    self.tell_breach(waiting.from, &refuse);
                    Some(refuse.reason)
                }
                Err(Early::Halt(Halt::Store(error))) => return Err(error),
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
        let (sender, revoked, plaintext) = match thread.open(&ctx, sealed) {
            Ok(Opened::Message { sender, revoked, plaintext, .. }) => (sender, revoked, plaintext),
            Ok(Opened::Changed(_)) => {
                return Err(refuse(Reason::Malformed, "a commit sent as a message").into());
            }
            Err(OpenRefusal::FutureEpoch { epoch }) => return Err(Early::Epoch(epoch)),
            Err(error) => return Err(open_refusal(error, meta.thread).into()),
        };
        if thread.member(&sender).is_some_and(|member| member.record.transport() != from) {
            return Err(refuse(Reason::NotMember, "sent over another device's link").into());
        }
        if let Some(refusal) = revoked
            && !self.came_in_time(step, meta, &sender, &plaintext)?
        {
            let refusal = WriterRefusal::Grant(refusal);
            return Err(open_refusal(OpenRefusal::SenderNotAllowed { sender, refusal }, meta.thread).into());
        }
        Ok(self.read(step, meta, thread, sender, &plaintext)?)
    }

    /// Whether the steward had this when it took its author out. What is said here is checked when it is read.
    fn came_in_time(
        &self,
        step: Step<'_>,
        meta: &Meta,
        author: &DeviceId,
        plaintext: &[u8],
    ) -> Result<bool, StoreError> {
        let key = space::departed_device(&meta.thread, meta.era, author);
        let last: Option<Seq> = record::get(step.overlay, &key)?;
        let content = SignedContent::decode(plaintext).ok().and_then(|signed| signed.read().ok());
        Ok(last.zip(content).is_some_and(|(last, content)| content.seq <= last))
    }

    /// Takes in what a member wrote, once it was opened: its own signed content, with numbers that can be.
    pub(crate) fn read(
        &mut self,
        step: Step<'_>,
        meta: &mut Meta,
        thread: &Thread,
        sender: DeviceId,
        plaintext: &[u8],
    ) -> Result<(), Halt<Refuse>> {
        let refuse = |reason, detail: &str| Halt::from(Refuse::breach(reason, detail).about(meta.thread));
        let signed = SignedContent::decode(plaintext).map_err(Refuse::decode)?;
        let content = signed.verify().map_err(|error| Refuse::breach(Reason::BadContent, error))?;
        let ahead = meta.position.0.saturating_add(Position::MAX_AHEAD);
        if content.author != sender || content.thread != meta.thread || content.era != meta.era {
            return Err(refuse(Reason::BadContent, "content of another author or thread"));
        }
        if content.position.0 > ahead {
            return Err(refuse(Reason::BadContent, "its place is too far ahead"));
        }
        let early = |seq: &Seq| seq.0 < content.position.0;
        if content.seq.0 > content.position.0 || !content.seen.iter().all(|(_, seq)| early(seq)) {
            return Err(refuse(Reason::BadContent, "numbers that its place rules out"));
        }
        self.take_in(step, meta, thread, (&content, &signed))
    }

    /// Takes a verified content of another author into the thread, once.
    fn take_in(
        &mut self,
        step: Step<'_>,
        meta: &mut Meta,
        thread: &Thread,
        (content, signed): (&Content, &SignedContent),
    ) -> Result<(), Halt<Refuse>> {
        if self.has_content(step, meta, &content.author, content.seq)? {
            return Ok(());
        }
        let place = space::history_item(&meta.thread, content.era, content.position, &content.author, 0);
        // Past the newest position there is none.
        if content.position <= meta.position && step.overlay.get(&place)?.is_some() {
            return Err(Refuse::breach(Reason::BadContent, "another message at its place")
                .about(meta.thread)
                .into());
        }
        self.add_message(step, meta, content, signed, Vec::new())?;
        let Some(author) = meta.author_mut(content.author) else {
            return Err(Refuse::plain(Reason::Busy).about(meta.thread).into());
        };
        author.newest = author.newest.max(content.seq);
        // It wrote to this device, so it knows it.
        author.asks = 0;
        let (newest, mut through) = (author.newest, author.through);
        while through < newest && self.has_content(step, meta, &content.author, through.next())? {
            through = through.next();
        }
        if let Some(author) = meta.author_mut(content.author) {
            author.through = author.through.max(through);
        }
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
        meta: &Meta,
        author: &DeviceId,
        seq: Seq,
    ) -> Result<bool, StoreError> {
        Ok(step.overlay.get(&space::index(&meta.thread, meta.era, author, seq))?.is_some())
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

/// What to tell a peer of a message or commit that was not opened.
pub(crate) fn open_refusal(error: OpenRefusal, thread: ThreadId) -> Halt<Refuse> {
    let detail = error.to_string();
    let (reason, security) = match error {
        OpenRefusal::Storage(error) => return Halt::Store(crate::threads::storage(error)),
        OpenRefusal::TooLong { .. } => (Reason::TooLong, true),
        OpenRefusal::Malformed | OpenRefusal::NotPrivate | OpenRefusal::NotForThisThread => {
            (Reason::Malformed, true)
        }
        OpenRefusal::FutureEpoch { .. } => (Reason::FutureEpoch, false),
        OpenRefusal::PastEpoch { .. } => (Reason::PastEpoch, false),
        OpenRefusal::Replayed => (Reason::Replayed, true),
        OpenRefusal::Removed => (Reason::UnknownThread, false),
        OpenRefusal::SenderNotAllowed { refusal: WriterRefusal::Grant(refusal), .. } => {
            (Reason::from(refusal), true)
        }
        OpenRefusal::SenderNotAllowed { .. } => (Reason::NotMember, true),
        OpenRefusal::ProposalsNotAccepted | OpenRefusal::ExternalCommit => (Reason::Admission, true),
        OpenRefusal::Admission { refusal, .. } => (admission_reason(&refusal), true),
        OpenRefusal::InvalidCommit(_)
        | OpenRefusal::Undecryptable
        | OpenRefusal::TooFarAhead
        | OpenRefusal::OwnMessage
        | OpenRefusal::Mls(_) => (Reason::Undecryptable, true),
    };
    Refuse { reason, thread: Some(thread), detail, security, contact: None }.into()
}

/// What to tell a peer of an admission that was refused: the grant's own reason where it is about a grant.
pub(crate) fn admission_reason(refusal: &frontdesk_thread::AdmissionRefusal) -> Reason {
    use frontdesk_thread::AdmissionRefusal as Admission;
    match refusal {
        Admission::Grant { refusal, .. } | Admission::StewardNotEntitled(refusal) => Reason::from(*refusal),
        Admission::NotSteward(_) => Reason::NotSteward,
        Admission::LeafWithoutGrant(_) => Reason::GrantMissing,
        Admission::NotAThread
        | Admission::State(_)
        | Admission::FixedFieldChanged
        | Admission::TermFell { .. }
        | Admission::StewardWithoutTerm
        | Admission::StewardWithAdd
        | Admission::Leaf(_)
        | Admission::TwoLeaves(_)
        | Admission::GrantWithoutLeaf(_)
        | Admission::Stranger(_)
        | Admission::StewardNotOfHost
        | Admission::GuestRemoved(_)
        | Admission::NoGuest
        | Admission::NotAFounding
        | Admission::CommitterChanged
        | Admission::Proposal => Reason::Admission,
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
