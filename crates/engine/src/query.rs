//! Answers to questions about the present state.

use crate::{
    Answer, DeviceView, Engine, MemberView, MessageState, MessageView, Now, Query, ReceiverView, RequestView,
    Standing, StatusView, ThreadView, WhoView,
    delivery::{DELIVERED, FAILED, STORED, state_of},
    message::message_id,
    record::{self, DeviceEntry, Entry, InvitationRecord, Meta, Receiver},
    space,
};
use frontdesk_capability::Scope;
use frontdesk_identity::{DeviceId, Role, ThreadId, UnixTime};
use frontdesk_store::{Overlay, Reader, Scan, StoreError};
use frontdesk_thread::{Member, Side, Suite, Thread};
use frontdesk_wire::{Content, ContentKind, Position, Reason, SignedContent, SignedProfile};

/// Messages that one query may answer with.
pub const MAX_PAGE: usize = 1_000;

impl Engine {
    pub(crate) fn answer(&self, now: Now, reader: &dyn Reader, query: &Query) -> Result<Answer, StoreError> {
        Ok(match query {
            Query::Status => Answer::Status(Box::new(self.status(reader)?)),
            Query::Threads => Answer::Threads(self.threads_view(reader)?),
            Query::Thread(id) => {
                let meta = self.meta(reader, id)?;
                Answer::Thread(meta.map(|meta| self.thread_view(reader, &meta).map(Box::new)).transpose()?)
            }
            Query::Messages { thread, before, limit } => {
                Answer::Messages(self.messages(reader, thread, *before, *limit)?)
            }
            Query::Who(id) => Answer::Who(self.who(now, reader, id)?),
            Query::Devices => Answer::Devices(self.devices(reader)?),
            Query::Requests => Answer::Requests(requests(reader)?),
        })
    }

    fn standing(&self) -> Standing {
        match (self.me.removed, self.chain.is_some(), self.me.role()) {
            (true, _, _) => Standing::Removed,
            (false, false, _) if self.me.joining.is_some() => Standing::Joining,
            (false, false, _) => Standing::Fresh,
            (false, true, Some(Role::Admin)) => Standing::Administrator,
            (false, true, Some(Role::Agent)) => Standing::Agent,
            (false, true, Some(Role::Bot)) => Standing::Bot,
            (false, true, None) => Standing::Customer,
        }
    }

    fn status(&self, reader: &dyn Reader) -> Result<StatusView, StoreError> {
        let entity = match (self.me.role(), self.me.principal) {
            (Some(_), Some(entity)) => profile_name(reader, &space::profile(&entity))?,
            _ => None,
        };
        let mut outbox = 0;
        for (_, bytes) in reader.scan(&Scan::prefix(space::LINKS))? {
            let link: record::LinkRecord = record::decode(&bytes)?;
            outbox += usize::try_from(link.numbered.0.saturating_sub(link.stored.0)).unwrap_or(usize::MAX);
        }
        let up = self.links.iter().filter(|(_, link)| link.is_up()).map(|(peer, _)| *peer);
        let joining = self.me.joining.as_ref();
        Ok(StatusView {
            standing: self.standing(),
            name: self.me.name.clone(),
            entity,
            principal: self.me.principal,
            device: self.id(),
            transport: self.keys.transport_public(),
            expires: self.chain.as_ref().map(frontdesk_capability::Chain::expires),
            addresses: self.addresses.iter().map(ToString::to_string).collect(),
            connected: up.collect(),
            threads: reader.scan(&Scan::prefix(space::THREADS))?.len(),
            outbox,
            join_number: joining.and_then(|joining| joining.number.clone()),
            join_refused: joining.and_then(|joining| joining.refused),
            refused_frames: self.refused_frames,
            ahead: self.links.values().filter(|link| link.is_ahead()).count(),
        })
    }

    fn threads_view(&self, reader: &dyn Reader) -> Result<Vec<ThreadView>, StoreError> {
        let mut threads = Vec::new();
        for (_, bytes) in reader.scan(&Scan::prefix(space::THREADS))? {
            let meta: Meta = record::decode(&bytes)?;
            threads.push(self.thread_view(reader, &meta)?);
        }
        threads.sort_by_key(|thread| std::cmp::Reverse(thread.active_at));
        Ok(threads)
    }

    fn thread_view(&self, reader: &dyn Reader, meta: &Meta) -> Result<ThreadView, StoreError> {
        Ok(ThreadView {
            id: meta.thread,
            title: self.title(reader, meta)?,
            status: meta.shown_status(),
            reason: meta.reason,
            host: meta.host,
            guest: meta.guest,
            steward: meta.steward,
            is_steward: meta.steward == Some(self.id()),
            era: meta.era,
            epoch: meta.epoch,
            suite: meta.suite.and_then(|code| Suite::from_code(code).ok()).map(|suite| suite.to_string()),
            members: usize::from(meta.members),
            position: meta.position,
            unread: meta.unread,
            active_at: meta.active_at,
            preview: meta.preview.clone(),
            missing: meta.missing(),
        })
    }

    /// The other side's name: the business's for a customer, the customer's for a business.
    fn title(&self, reader: &dyn Reader, meta: &Meta) -> Result<String, StoreError> {
        if self.me.principal == Some(meta.guest) {
            let name = profile_name(reader, &space::profile(&meta.host))?;
            return Ok(name.unwrap_or_else(|| format!("business {}", meta.host.fmt_short())));
        }
        let guest = meta.guest_device.and_then(|device| meta.author(&device));
        let name = guest.map(|guest| guest.name.clone()).filter(|name| !name.is_empty());
        Ok(name.unwrap_or_else(|| format!("customer {}", meta.guest.fmt_short())))
    }

    /// What to call a device in a thread: what it calls itself there, what the entity calls it, or what it is.
    pub(crate) fn name_of(
        &self,
        reader: &dyn Reader,
        meta: &Meta,
        device: &DeviceId,
    ) -> Result<String, StoreError> {
        if *device == self.id() {
            return Ok(self.me.name.clone());
        }
        let own = meta.author(device).map(|author| author.name.clone()).filter(|name| !name.is_empty());
        if let Some(name) = own {
            return Ok(name);
        }
        if let Some(entry) = record::get::<DeviceEntry>(reader, &space::device(device))? {
            return Ok(entry.name);
        }
        if meta.guest_device == Some(*device) {
            return Ok(format!("customer {}", meta.guest.fmt_short()));
        }
        let (business, steward) =
            (profile_name(reader, &space::profile(&meta.host))?, meta.steward == Some(*device));
        Ok(match business {
            Some(name) if steward => name,
            // One of several: nobody's name, and yet told apart from the others.
            Some(name) => format!("{name} ({})", device.fmt_short()),
            None if steward => "administrator".into(),
            None => format!("device {}", device.fmt_short()),
        })
    }

    fn messages(
        &self,
        reader: &dyn Reader,
        thread: &ThreadId,
        before: Option<Position>,
        limit: usize,
    ) -> Result<Vec<MessageView>, StoreError> {
        let Some(meta) = self.meta(reader, thread)? else { return Ok(Vec::new()) };
        let limit = limit.min(MAX_PAGE);
        let prefix = space::history(thread);
        let mut after = before.map(|before| space::history_bound(thread, meta.era, before));
        let mut messages = Vec::new();
        // What several wrote at one place stays together: the next page begins before that place.
        let mut place = Vec::new();
        let done =
            |count: usize, same: bool| count >= limit && (!same || count >= limit.saturating_add(MAX_PAGE));
        'pages: while !done(messages.len(), true) {
            let scan = Scan::prefix(&prefix).descending().limit(limit);
            let page = match &after {
                Some(key) => reader.scan(&scan.after(key))?,
                None => reader.scan(&scan)?,
            };
            let Some((last, _)) = page.last() else { break };
            after = Some(last.clone());
            for (key, bytes) in page {
                // Positions go on through all eras: of the eras before, the page has what is before it, too.
                if let Some(era) = beyond(&key, before) {
                    after = Some(space::history_bound(thread, era, before.unwrap_or_default()));
                    continue 'pages;
                }
                if done(messages.len(), space::same_place(&place, &key)) {
                    break 'pages;
                }
                let entry: Entry = record::decode(&bytes)?;
                let view = match entry.content.as_ref().map(SignedContent::read) {
                    Some(Ok(content)) => self.message_view(reader, &meta, &content, &entry.receivers)?,
                    Some(Err(_)) => None,
                    None => Some(note_view(&meta, &key, entry)),
                };
                if let Some(view) = view {
                    messages.push(view);
                    place = key;
                }
            }
        }
        messages.reverse();
        Ok(messages)
    }

    /// A message as interfaces show it; none for contents that aren't shown.
    pub(crate) fn message_view(
        &self,
        reader: &dyn Reader,
        meta: &Meta,
        content: &Content,
        sent_to: &[Receiver],
    ) -> Result<Option<MessageView>, StoreError> {
        let ContentKind::Text(text) = &content.kind else { return Ok(None) };
        let mine = content.author == self.id();
        let guest = meta.guest_device == Some(content.author);
        Ok(Some(MessageView {
            id: message_id(&content.author, content.seq),
            thread: meta.thread,
            position: content.position,
            author: content.author,
            author_name: self.name_of(reader, meta, &content.author)?,
            side: if guest { "guest" } else { "host" },
            mine,
            text: text.clone(),
            sent_at: content.sent_at,
            state: if mine { own_state(meta, content, sent_to) } else { MessageState::Received },
            receivers: if mine { receivers(meta, content, sent_to) } else { Vec::new() },
        }))
    }

    fn who(&self, now: Now, reader: &dyn Reader, id: &ThreadId) -> Result<Option<WhoView>, StoreError> {
        let Some(meta) = self.meta(reader, id)?.filter(Meta::is_in) else { return Ok(None) };
        let cached = self.threads.peek(id).filter(|thread| thread.era() == meta.era);
        if let Some(thread) = cached {
            return Ok(Some(self.who_view(now, reader, &meta, thread)?));
        }
        let overlay = Overlay::new(reader);
        let step = crate::step::Step { overlay: &overlay, now };
        let Some(ctx) = self.ctx(step, [0; 32]) else { return Ok(None) };
        let thread = Thread::load(&ctx, *id, meta.era);
        let thread = thread.map_err(|error| StoreError::Damaged { what: error.to_string() })?;
        thread.map(|thread| self.who_view(now, reader, &meta, &thread)).transpose()
    }

    fn who_view(
        &self,
        now: Now,
        reader: &dyn Reader,
        meta: &Meta,
        thread: &Thread,
    ) -> Result<WhoView, StoreError> {
        let opened = first_heard(reader, &meta.thread)?;
        let mut members = Vec::new();
        for member in thread.members() {
            members.push(self.member_view(now, reader, meta, thread, member, opened)?);
        }
        members.sort_by_key(|member| (member.side != "guest", !member.steward, member.since));
        Ok(WhoView { thread: meta.thread, epoch: thread.epoch(), members })
    }

    fn member_view(
        &self,
        now: Now,
        reader: &dyn Reader,
        meta: &Meta,
        thread: &Thread,
        member: &Member,
        opened: Option<UnixTime>,
    ) -> Result<MemberView, StoreError> {
        let device = member.record.id();
        let chain = &member.chain;
        let root = member.record.principal().to_string();
        let holds = chain.check_at(now.wall, &self.revocations);
        Ok(MemberView {
            device,
            name: self.name_of(reader, meta, &device)?,
            side: if member.side == Side::Guest { "guest" } else { "host" },
            steward: thread.steward() == device,
            me: device == self.id(),
            abilities: chain.abilities().to_string(),
            history: chain.history().to_string(),
            // A grant on the thread begins when its holder is brought in; a standing right is older than the thread.
            since: match (chain.scope(), opened) {
                (Scope::Principal, Some(opened)) => opened.max(chain.not_before()),
                (Scope::Principal, None) | (Scope::Thread(_), _) => chain.not_before(),
            },
            until: chain.expires(),
            expired: holds.is_err(),
            revoked: matches!(holds, Err(frontdesk_capability::Refusal::Revoked { .. })),
            chain: std::iter::once(root)
                .chain(chain.links().map(|grant| grant.audience.to_string()))
                .collect(),
            grants: chain.grant_ids().map(|id| id.to_string()).collect(),
        })
    }

    fn devices(&self, reader: &dyn Reader) -> Result<Vec<DeviceView>, StoreError> {
        let mut devices = Vec::new();
        for (_, bytes) in reader.scan(&Scan::prefix(space::DEVICES))? {
            let entry: DeviceEntry = record::decode(&bytes)?;
            let record = record::device_of(&entry.record)?;
            let me = record.id() == self.id();
            devices.push(DeviceView {
                device: record.id(),
                name: entry.name,
                role: Role::try_from(entry.role).unwrap_or(Role::Agent),
                online: me || self.links.get(&record.transport()).is_some_and(crate::link::Link::is_up),
                me,
                removed: entry.removed,
                expires: entry.expires,
                key_packages: self.stock_of(reader, &record.id())?,
            });
        }
        devices.sort_by(|a, b| {
            (a.removed, u8::from(b.role), &a.name).cmp(&(b.removed, u8::from(a.role), &b.name))
        });
        Ok(devices)
    }
}

/// When the oldest was said that is here of a thread: of who was there from the start, the time when it was opened.
fn first_heard(reader: &dyn Reader, thread: &ThreadId) -> Result<Option<UnixTime>, StoreError> {
    let first = reader.scan(&Scan::prefix(&space::history(thread)).limit(1))?;
    let Some((_, bytes)) = first.first() else { return Ok(None) };
    let entry: Entry = record::decode(bytes)?;
    // An author's clock may be wrong, but nothing was said after it came here.
    let said = entry.content.and_then(|signed| signed.read().ok()).map(|content| content.sent_at);
    Ok(Some(said.map_or(entry.at, |said| said.min(entry.at))))
}

/// The era of an entry that is not before the page that is wanted.
fn beyond(key: &[u8], before: Option<Position>) -> Option<u32> {
    let (era, position) = space::read_history(key)?;
    before.is_some_and(|before| position >= before).then_some(era)
}

fn profile_name(reader: &dyn Reader, key: &[u8]) -> Result<Option<String>, StoreError> {
    let profile: Option<SignedProfile> = record::get(reader, key)?;
    Ok(profile.and_then(|profile| profile.read().ok()).map(|profile| profile.name))
}

fn note_view(meta: &Meta, key: &[u8], entry: Entry) -> MessageView {
    let position = space::read_history(key).map_or(0, |(_, position)| position.0);
    MessageView {
        id: format!("note.{position}.{}", entry.at.0),
        thread: meta.thread,
        position: Position(position),
        author: DeviceId::from_bytes([0; 32]),
        author_name: String::new(),
        side: "note",
        mine: false,
        text: entry.note,
        sent_at: entry.at,
        state: MessageState::Received,
        receivers: Vec::new(),
    }
}

/// Read counts if someone on the other side has read so far.
fn own_state(meta: &Meta, content: &Content, receivers: &[Receiver]) -> MessageState {
    let across = receivers.iter().any(|receiver| receiver.other);
    let counted = receivers.iter().filter(|receiver| receiver.other == across);
    let read = |receiver: &Receiver| has_read(meta, &receiver.device, content.position);
    if counted.clone().any(read) { MessageState::Read } else { state_of(receivers) }
}

fn has_read(meta: &Meta, device: &DeviceId, position: Position) -> bool {
    meta.author(device).is_some_and(|author| author.read >= position)
}

fn receivers(meta: &Meta, content: &Content, receivers: &[Receiver]) -> Vec<ReceiverView> {
    let state = |receiver: &Receiver| match receiver.state {
        DELIVERED if has_read(meta, &receiver.device, content.position) => MessageState::Read,
        DELIVERED => MessageState::Delivered,
        STORED => MessageState::Stored,
        FAILED => MessageState::Failed { reason: receiver.reason.unwrap_or(Reason::Other(0)) },
        _ => MessageState::Queued,
    };
    receivers
        .iter()
        .map(|receiver| ReceiverView { device: receiver.device, state: state(receiver) })
        .collect()
}

fn requests(reader: &dyn Reader) -> Result<Vec<RequestView>, StoreError> {
    let mut requests = Vec::new();
    for (_, bytes) in reader.scan(&Scan::prefix(space::INVITATIONS))? {
        let record: InvitationRecord = record::decode(&bytes)?;
        let role = crate::enrol::parse(&record)?.role;
        let Some(request) = record.request.filter(|_| record.done == 0) else { continue };
        let device = record::device_of(&request.record)?.id();
        let (name, number, asked_at) = (request.name, request.number, request.asked_at);
        requests.push(RequestView { name, role, number, device, asked_at });
    }
    requests.sort_by_key(|request: &RequestView| request.asked_at);
    Ok(requests)
}
