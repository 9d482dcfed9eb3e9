//! What this node keeps of each thread beside its keys: standing, counters, authors, history.

use crate::{
    CommandError, Engine, Event, ThreadStatus,
    record::{self, Author, Entry, Meta, Receiver},
    space,
    step::{Halt, Refuse, Step},
};
use frontdesk_identity::{DeviceId, PrincipalId, ThreadId, TransportKey, UnixTime};
use frontdesk_store::{Reader, Scan, StoreError};
use frontdesk_thread::{LoadError, Member, Side, StorageError, Thread};
use frontdesk_wire::{Content, ContentKind, Position, Reason, Seq, SignedContent, limits};
use std::collections::BTreeSet;

/// Authors that a thread remembers, those who left included.
pub const MAX_AUTHORS: usize = 64;
/// Entries of a thread that are looked at to learn what was said last: past that, nothing counts as such.
const LOOKS_BACK: usize = 64;

impl Meta {
    pub(crate) fn new(thread: ThreadId, host: PrincipalId, guest: PrincipalId, at: UnixTime) -> Self {
        Self {
            thread,
            host,
            guest,
            era: 0,
            status: 0,
            reason: None,
            guest_device: None,
            guest_transport: None,
            steward: None,
            steward_transport: None,
            hosts: Vec::new(),
            suite: None,
            epoch: 0,
            members: 0,
            position: Position(0),
            seq: Seq(0),
            unread: 0,
            read: Position(0),
            active_at: at,
            preview: String::new(),
            authors: Vec::new(),
            piece: 0,
            pieces: 0,
            expiry: None,
            over: None,
            unheard: None,
        }
    }

    /// Whether the guest says that the era is over in which this device is, and it has heard of no other yet.
    pub(crate) fn is_over(&self) -> bool {
        self.is_in() && self.over == Some(self.era)
    }

    /// What the owner is told: who is in no era that counts waits to be let in.
    pub(crate) fn shown_status(&self) -> ThreadStatus {
        if self.is_over() { ThreadStatus::Rejoining } else { self.status() }
    }

    pub(crate) fn status(&self) -> ThreadStatus {
        match self.status {
            0 => ThreadStatus::Contacting,
            1 => ThreadStatus::Failed,
            2 => ThreadStatus::Open,
            3 => ThreadStatus::Closed,
            5 => ThreadStatus::Rejoining,
            _ => ThreadStatus::Left,
        }
    }

    pub(crate) fn set_status(&mut self, status: ThreadStatus) {
        self.status = match status {
            ThreadStatus::Contacting => 0,
            ThreadStatus::Failed => 1,
            ThreadStatus::Open => 2,
            ThreadStatus::Closed => 3,
            ThreadStatus::Left => 4,
            ThreadStatus::Rejoining => 5,
        };
    }

    /// Whether this device is in the thread and can read and write.
    pub(crate) fn is_in(&self) -> bool {
        matches!(self.status(), ThreadStatus::Open | ThreadStatus::Closed)
    }

    /// The guest's node and the other nodes of the host's side.
    pub(crate) fn nodes(&self) -> BTreeSet<TransportKey> {
        self.hosts.iter().chain(&self.guest_transport).copied().collect()
    }

    pub(crate) fn author(&self, device: &DeviceId) -> Option<&Author> {
        self.authors.iter().find(|author| author.device == *device)
    }

    /// The author's entry, made if it is new; none if there are too many.
    pub(crate) fn author_mut(&mut self, device: DeviceId) -> Option<&mut Author> {
        if self.author(&device).is_none() {
            if self.authors.len() >= MAX_AUTHORS {
                return None;
            }
            let (none, read) = (Seq(0), Position(0));
            self.authors.push(Author {
                device,
                through: none,
                newest: none,
                asked: none,
                asks: 0,
                read,
                name: String::new(),
            });
        }
        self.authors.iter_mut().find(|author| author.device == device)
    }

    /// What this device has seen of the others, for its next message.
    pub(crate) fn seen(&self, own: &DeviceId) -> Vec<(DeviceId, Seq)> {
        let others = self.authors.iter().filter(|author| author.device != *own && author.through > Seq(0));
        let mut seen: Vec<_> = others.map(|author| (author.device, author.through)).collect();
        // The bound keeps the busiest: a quiet author's gap shows with its own next message.
        seen.sort_by_key(|(_, seq)| std::cmp::Reverse(*seq));
        seen.truncate(limits::MAX_SEEN);
        seen.sort_by_key(|(device, _)| *device);
        seen
    }

    /// The newest number of each author, this device included, for one who comes in.
    pub(crate) fn heads(&self, own: &DeviceId) -> Vec<(DeviceId, Seq)> {
        let mut heads = self.seen(own);
        heads.push((*own, self.seq));
        heads.retain(|(_, seq)| *seq > Seq(0));
        heads.sort_by_key(|(device, _)| *device);
        heads.truncate(limits::MAX_SEEN);
        heads
    }

    /// The same for a device that was in the thread before and may have lost count of its own numbers: as far as anybody
    /// here has heard of them.
    pub(crate) fn heads_for(&self, own: &DeviceId, asker: &DeviceId) -> Vec<(DeviceId, Seq)> {
        let mut heads = self.heads(own);
        let newest = self.author(asker).map_or(Seq(0), |author| author.newest.max(author.through));
        heads.retain(|(device, _)| device != asker);
        if newest > Seq(0) {
            heads.truncate(limits::MAX_SEEN - 1);
            heads.push((*asker, newest));
            heads.sort_by_key(|(device, _)| *device);
        }
        heads
    }

    /// Messages that others have and this device has not.
    pub(crate) fn missing(&self) -> u64 {
        let missing = self.authors.iter().map(|author| author.newest.0.saturating_sub(author.through.0));
        missing.fold(0, u64::saturating_add)
    }
}

impl Engine {
    pub(crate) fn meta(&self, reader: &dyn Reader, thread: &ThreadId) -> Result<Option<Meta>, StoreError> {
        record::get(reader, &space::thread(thread))
    }

    pub(crate) fn put_meta(&self, step: Step<'_>, meta: &Meta) -> Result<(), StoreError> {
        record::put(step.overlay, space::thread(&meta.thread), meta)
    }

    /// The thread that a frame is about, with its keys.
    pub(crate) fn thread_of_frame(
        &mut self,
        step: Step<'_>,
        id: ThreadId,
        era: u32,
    ) -> Result<(Meta, Thread), Halt<Refuse>> {
        let unknown = || Refuse::plain(Reason::UnknownThread).about(id);
        let meta = self.meta(step.overlay, &id)?.ok_or_else(unknown)?;
        if era < meta.era {
            return Err(Refuse::plain(Reason::PastEra).about(id).into());
        }
        let meta = Some(meta).filter(|meta| meta.is_in() && meta.era == era).ok_or_else(unknown)?;
        let thread = self.take_thread(step, id, era)?.ok_or_else(unknown)?;
        Ok((meta, thread))
    }

    /// The thread that a command is about, with its keys.
    pub(crate) fn thread_of_command(
        &mut self,
        step: Step<'_>,
        id: ThreadId,
    ) -> Result<(Meta, Thread), Halt<CommandError>> {
        let meta = self.meta(step.overlay, &id)?.ok_or(CommandError::UnknownThread)?;
        match meta.shown_status() {
            ThreadStatus::Open | ThreadStatus::Closed => {}
            ThreadStatus::Contacting | ThreadStatus::Failed | ThreadStatus::Rejoining => {
                return Err(CommandError::NotOpen.into());
            }
            ThreadStatus::Left => return Err(CommandError::Left.into()),
        }
        let thread = self.take_thread(step, id, meta.era)?.ok_or(CommandError::Left)?;
        Ok((meta, thread))
    }

    /// Takes a thread's keys out of the cache or the store. Whoever takes them puts them back with
    /// [`Engine::keep_thread`]; after a refusal they are simply dropped, and read again when needed.
    pub(crate) fn take_thread(
        &mut self,
        step: Step<'_>,
        id: ThreadId,
        era: u32,
    ) -> Result<Option<Thread>, StoreError> {
        self.used.insert(id);
        if let Some(thread) = self.threads.pop(&id).filter(|thread| thread.era() == era) {
            return Ok(Some(thread));
        }
        let seed = self.bytes();
        let Some(ctx) = self.ctx(step, seed) else { return Ok(None) };
        Thread::load(&ctx, id, era).map_err(|error| match error {
            LoadError::Storage(error) => storage(error),
            LoadError::Admission(error) => {
                StoreError::Damaged { what: format!("thread {}: {error}", id.fmt_short()) }
            }
        })
    }

    pub(crate) fn keep_thread(&mut self, thread: Thread) {
        self.used.insert(thread.id());
        self.threads.put(thread.id(), thread);
    }

    /// Brings what the meta record says of the members up to date with the keys.
    pub(crate) fn refresh(
        &mut self,
        step: Step<'_>,
        meta: &mut Meta,
        thread: &Thread,
    ) -> Result<(), StoreError> {
        let before = meta.nodes();
        let led = (meta.steward_transport, meta.era);
        meta.epoch = thread.epoch();
        meta.era = thread.era();
        meta.suite = Some(thread.suite().code());
        meta.members = u8::try_from(thread.members().len()).unwrap_or(u8::MAX);
        let guest = thread.members().find(|member| member.side == Side::Guest);
        if let Some(guest) = guest {
            meta.guest_device = Some(guest.record.id());
            meta.guest_transport = Some(guest.record.transport());
        }
        meta.steward = Some(thread.steward());
        meta.steward_transport = thread.member(&thread.steward()).map(|member| member.record.transport());
        let own = self.keys.transport_public();
        let hosts = thread.members().filter(|member| member.side == Side::Host);
        meta.hosts = hosts.map(|member| member.record.transport()).filter(|host| *host != own).collect();
        if (meta.steward_transport, meta.era) != led {
            self.wishes_lapse(step, meta)?;
        }
        self.forget_absence(step, thread)?;
        self.note_nodes(step, meta, &before)?;
        // Those whom the steward takes out when their grants end; a guest stays.
        let ends = self.next_end(step, thread)?;
        self.set_expiry(step, meta, ends)
    }

    /// Adds a message that isn't here yet to the thread's history and its counters.
    pub(crate) fn add_message(
        &mut self,
        step: Step<'_>,
        meta: &mut Meta,
        content: &Content,
        signed: &SignedContent,
        receivers: Vec<Receiver>,
    ) -> Result<(), StoreError> {
        let index = space::index(&meta.thread, &content.author, content.seq);
        step.overlay.add(index, place(content.era, content.position))?;
        let key = space::history_item(&meta.thread, content.era, content.position, &content.author, 0);
        let entry = Entry { content: Some(signed.clone()), note: String::new(), at: step.wall(), receivers };
        record::add(step.overlay, key.clone(), &entry)?;
        // Of names, and of what was read, nobody is told what became.
        let traced = matches!(content.kind, ContentKind::Text(_) | ContentKind::Close);
        if traced && content.author == self.id() {
            self.sent.keep((meta.thread, content.seq), key, entry);
        }
        // What comes late changes nothing that was said after it. The place of a device that came in again is ahead of all.
        let ahead = content.position > meta.position;
        meta.position = meta.position.max(content.position);
        let newest = ahead || self.last_said(step, &meta.thread)?.is_some_and(|last| last == *content);
        match &content.kind {
            ContentKind::Text(text) => {
                meta.active_at = step.wall();
                if newest {
                    meta.preview = text.chars().take(60).collect();
                }
                if newest && meta.status() == ThreadStatus::Closed {
                    meta.set_status(ThreadStatus::Open);
                    self.count_as_open(step, meta)?;
                }
            }
            ContentKind::Close => {
                if newest {
                    meta.set_status(ThreadStatus::Closed);
                    self.count_as_closed(step, meta, &content.author)?;
                }
            }
            ContentKind::Name(name) => {
                if let Some(author) = meta.author_mut(content.author) {
                    author.name.clone_from(name);
                }
            }
            ContentKind::Read(position) => {
                if let Some(author) = meta.author_mut(content.author) {
                    author.read = author.read.max(*position);
                }
            }
        }
        Ok(())
    }

    /// Whether a thread is closed, by what was said last.
    pub(crate) fn was_closed(&self, step: Step<'_>, id: &ThreadId) -> Result<bool, StoreError> {
        Ok(self.last_said(step, id)?.is_some_and(|last| last.kind == ContentKind::Close))
    }

    /// The newest of the texts and closings that this node has of a thread.
    fn last_said(&self, step: Step<'_>, id: &ThreadId) -> Result<Option<Content>, StoreError> {
        let prefix = space::history(id);
        for (_, bytes) in step.overlay.scan(&Scan::prefix(&prefix).descending().limit(LOOKS_BACK))? {
            let entry: Entry = record::decode(&bytes)?;
            let content = entry.content.and_then(|signed| signed.read().ok());
            let said =
                content.filter(|content| matches!(content.kind, ContentKind::Text(_) | ContentKind::Close));
            if said.is_some() {
                return Ok(said);
            }
        }
        Ok(None)
    }

    /// A line in the thread's history about who came and left.
    pub(crate) fn note(&mut self, step: Step<'_>, meta: &mut Meta, text: String) -> Result<(), StoreError> {
        meta.active_at = step.wall();
        let author = DeviceId::from_bytes(note_author(meta.epoch));
        let key = space::history_item(&meta.thread, meta.era, meta.position, &author, 1);
        let entry = Entry { content: None, note: text, at: step.wall(), receivers: Vec::new() };
        record::put(step.overlay, key, &entry)
    }

    pub(crate) fn content_at(
        &self,
        reader: &dyn Reader,
        thread: &ThreadId,
        author: &DeviceId,
        seq: Seq,
    ) -> Result<Option<(Vec<u8>, Entry)>, StoreError> {
        let Some(place) = reader.get(&space::index(thread, author, seq))? else { return Ok(None) };
        let (era, position) = read_place(&place);
        let key = space::history_item(thread, era, position, author, 0);
        Ok(record::get(reader, &key)?.map(|entry| (key, entry)))
    }

    /// The last `count` texts of a thread, as the position of the first of them.
    pub(crate) fn position_of_last(
        &self,
        reader: &dyn Reader,
        thread: &ThreadId,
        count: u32,
    ) -> Result<Option<(u32, Position)>, StoreError> {
        let prefix = space::history(thread);
        let mut left = count;
        let mut found: Option<(u32, Position)> = None;
        let mut after: Option<Vec<u8>> = None;
        loop {
            let scan = Scan::prefix(&prefix).descending().limit(64);
            let scan = match &after {
                Some(key) => scan.after(key),
                None => scan,
            };
            let page = reader.scan(&scan)?;
            let Some((last, _)) = page.last() else { break };
            after = Some(last.clone());
            for (_, bytes) in page {
                let entry: Entry = record::decode(&bytes)?;
                let Some(content) = text_of(&entry) else { continue };
                let place = (content.era, content.position);
                if left > 0 {
                    left -= 1;
                    found = Some(place);
                } else if found == Some(place) {
                    // Written at the same time as the last one that fits: rather one less than one more.
                    return Ok(Some((content.era, content.position.next())));
                } else {
                    return Ok(found);
                }
            }
        }
        Ok(found)
    }

    /// Tells the owner's interface about a message, if it is one with text.
    pub(crate) fn tell_message(
        &mut self,
        step: Step<'_>,
        meta: &Meta,
        content: &Content,
        receivers: &[Receiver],
        history: bool,
    ) -> Result<(), StoreError> {
        if let Some(message) = self.message_view(step.overlay, meta, content, receivers)? {
            self.tell(Event::Message { message, history });
        }
        Ok(())
    }

    /// All other members whose grants hold.
    pub(crate) fn receivers(&self, step: Step<'_>, thread: &Thread) -> Vec<Receiver> {
        let own = self.id();
        let side = thread.member(&own).map(|member| member.side);
        let others = thread.members().filter(|member| member.record.id() != own);
        let hold = others.filter(|member| member.chain.check_at(step.wall(), &self.revocations).is_ok());
        let receiver = |member: &Member| Receiver {
            device: member.record.id(),
            transport: member.record.transport(),
            other: Some(member.side) != side,
            state: 0,
            reason: None,
        };
        hold.map(receiver).collect()
    }
}

/// Where a content is: its position and, past the first era, its era.
fn place(era: u32, position: Position) -> Vec<u8> {
    let mut place = position.0.to_be_bytes().to_vec();
    if era > 0 {
        place.extend_from_slice(&era.to_be_bytes());
    }
    place
}

fn read_place(place: &[u8]) -> (u32, Position) {
    let (position, era) = place.split_first_chunk().unwrap_or((&[0; 8], &[]));
    (era.try_into().map_or(0, u32::from_be_bytes), Position(u64::from_be_bytes(*position)))
}

/// The content, if the entry is a message with text.
pub(crate) fn text_of(entry: &Entry) -> Option<Content> {
    let content = entry.content.as_ref()?.read().ok()?;
    matches!(content.kind, ContentKind::Text(_)).then_some(content)
}

/// Notes of different epochs at one position lie side by side.
fn note_author(epoch: u64) -> [u8; 32] {
    let mut bytes = [0xff; 32];
    bytes.iter_mut().rev().zip(epoch.to_le_bytes()).for_each(|(to, from)| *to = from);
    bytes
}

pub(crate) fn storage(error: StorageError) -> StoreError {
    match error {
        StorageError::Store(error) => error,
        other @ (StorageError::Damaged | StorageError::Version { .. }) => {
            StoreError::Damaged { what: other.to_string() }
        }
    }
}
