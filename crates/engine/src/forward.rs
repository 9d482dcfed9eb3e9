//! Forwarding: the steward brings a device into a thread, by its own decision, by policy, or because a member asks.

mod history;

pub use history::MAX_HANDED_ON;

use crate::{
    CommandError, Engine, ForwardTo, HistoryChoice, Reply,
    causes::{Cause, MAX_WISHES},
    record::{self, About, DeviceEntry, Meta},
    space,
    step::{Halt, Refuse, Step},
};
use frontdesk_capability::{Abilities, Ability, Chain, History, Scope, Terms};
use frontdesk_identity::{DeviceId, Role, SignedAddressRecord, ThreadId, TransportKey};
use frontdesk_store::{Reader as _, Scan, StoreError};
use frontdesk_thread::{ChangeRequest, KeyPackage, MAX_MEMBERS, Side, Thread};
use frontdesk_wire::{
    Body, ForwardAnswer, ForwardPayload, ForwardRequest, HistoryPiece, Reason, RequestId, limits,
};
use serde_bytes::ByteBuf;

/// The longest grant that a member's wish is fulfilled with, in seconds: a week. The steward itself can give longer ones.
pub const MAX_ASKED_LASTS: u64 = 7 * 24 * 3600;
/// Frames that a device may have unopened and still be brought in by a member's wish: the history of one thread. Two that
/// ask for each other and fetch nothing must not fill the steward's disk.
pub const MAX_UNOPENED: u64 = 256;

/// What the steward is about to do.
pub(crate) struct Forwarding {
    pub(crate) to: DeviceId,
    pub(crate) history: History,
    pub(crate) lasts: u64,
    pub(crate) leaving: Vec<DeviceId>,
    pub(crate) note: String,
}

impl Engine {
    pub(crate) fn forward_command(
        &mut self,
        step: Step<'_>,
        id: ThreadId,
        to: Option<DeviceId>,
        (choice, lasts, hand_over): (HistoryChoice, u64, bool),
        note: String,
    ) -> Result<Reply, Halt<CommandError>> {
        if note.len() > limits::MAX_NOTE {
            return Err(CommandError::TextLength { len: note.len(), max: limits::MAX_NOTE }.into());
        }
        let (mut meta, mut thread) = self.thread_of_command(step, id)?;
        if thread.steward() != self.id() {
            return self.ask_steward(step, &meta, thread, to, (choice, lasts, hand_over), note);
        }
        let to = match to {
            Some(to) => to,
            None => self
                .pick(step, &thread, Role::Agent)?
                .ok_or(CommandError::Refused(Reason::NobodyAvailable))?,
        };
        let history = self.bound(step, &meta, choice, History::All)?;
        let leaving = if hand_over { on_duty(&thread, &to) } else { Vec::new() };
        let reply =
            self.forward(step, &mut meta, &mut thread, Forwarding { to, history, lasts, leaving, note })?;
        self.put_meta(step, &meta)?;
        self.keep_thread(thread);
        Ok(reply)
    }

    fn ask_steward(
        &mut self,
        step: Step<'_>,
        meta: &Meta,
        thread: Thread,
        to: Option<DeviceId>,
        (choice, lasts, hand_over): (HistoryChoice, u64, bool),
        note: String,
    ) -> Result<Reply, Halt<CommandError>> {
        let own = thread.member(&self.id()).ok_or(CommandError::Left)?;
        if own.side == Side::Guest {
            return Err(CommandError::GuestForward.into());
        }
        let may = own.chain.permits(Ability::Forward, meta.thread);
        may.map_err(|refusal| CommandError::Refused(Reason::from(refusal)))?;
        let history = self.bound(step, meta, choice, own.chain.history())?;
        let steward = thread.member(&thread.steward()).map(|member| member.record.transport());
        let steward = steward.ok_or_else(|| CommandError::Internal("a thread without a steward".into()))?;
        let request = RequestId::from_bytes(self.bytes());
        self.note_wish(step, &meta.thread, &request, steward)?;
        let body = ForwardRequest { request, thread: meta.thread, to, history, lasts, hand_over, note };
        self.enqueue(steward, About::Forward { thread: meta.thread, request }, Body::ForwardRequest(body));
        self.keep_thread(thread);
        Ok(Reply::Asked { request })
    }

    /// A choice as a bound. Nothing of the past means: from the next place on.
    fn bound(
        &self,
        step: Step<'_>,
        meta: &Meta,
        choice: HistoryChoice,
        own: History,
    ) -> Result<History, StoreError> {
        let next = History::From { era: meta.era, position: meta.position.next().0 };
        Ok(match choice {
            HistoryChoice::None | HistoryChoice::Last(0) => next,
            HistoryChoice::All => own,
            HistoryChoice::Last(count) => match self.position_of_last(step.overlay, &meta.thread, count)? {
                Some((era, position)) => History::From { era, position: position.0 },
                None => next,
            },
        })
    }

    /// The steward's act, whole: grant, commit, payload, history.
    pub(crate) fn forward(
        &mut self,
        step: Step<'_>,
        meta: &mut Meta,
        thread: &mut Thread,
        forwarding: Forwarding,
    ) -> Result<Reply, Halt<CommandError>> {
        let Forwarding { to, history, lasts, leaving, note } = forwarding;
        if thread.is_member(&to) {
            return self.leave_to(step, meta, thread, to, leaving);
        }
        let mut remove = self.expired(step, thread)?;
        remove.extend(leaving.iter().filter(|device| !remove.contains(device)).copied().collect::<Vec<_>>());
        if thread.members().len().saturating_sub(remove.len()) >= MAX_MEMBERS {
            return Err(CommandError::ThreadFull { max: MAX_MEMBERS }.into());
        }
        let package = self.package_for(step, thread, &to)?;
        self.require_room_for(step, package.device().transport())?;
        let handed_on = self.contents_within(step, meta, history)?;
        let (history, texts) = (handed_on.history, handed_on.texts);
        let chain = self.grant(step, meta.thread, to, history, lasts)?;
        let expires = chain.expires();
        let transport = package.device().transport();
        let address = self.address_of(step, &transport)?;
        let add = vec![(package, chain.bytes().clone())];
        let request = ChangeRequest { add, remove, ..ChangeRequest::default() };
        let committed = self.commit(step, meta, thread, request, address.into_iter().collect())?;
        let welcome =
            committed.welcome.ok_or_else(|| CommandError::Internal("a commit without a Welcome".into()))?;
        let pieces = self.history_pieces(step, thread, &to, handed_on.contents)?;
        let payload = ForwardPayload {
            thread: meta.thread,
            era: meta.era,
            chain: chain.into_bytes(),
            welcome: ByteBuf::from(welcome.as_slice().to_vec()),
            addresses: self.addresses_of(step, thread, &to)?,
            heads: meta.heads(&self.id()),
            position: meta.position,
            pieces: u32::try_from(pieces.len()).unwrap_or(u32::MAX),
            note,
        };
        self.enqueue(transport, About::Payload(meta.thread), Body::ForwardPayload(payload));
        for (index, sealed) in (0..).zip(pieces) {
            let piece =
                HistoryPiece { thread: meta.thread, era: meta.era, index, sealed: ByteBuf::from(sealed) };
            self.enqueue(transport, About::Thread(meta.thread), Body::HistoryPiece(piece));
        }
        self.count_given(step, &to)?;
        Ok(Reply::Forwarded { thread: meta.thread, to, expires, history: texts })
    }

    /// Room for a payload and all its history: a device that never comes must not fill the disk.
    fn require_room_for(&mut self, step: Step<'_>, newcomer: TransportKey) -> Result<(), Halt<CommandError>> {
        let most = usize::try_from(limits::MAX_HISTORY_PIECES).unwrap_or(usize::MAX);
        if self.has_room(step, newcomer, most.saturating_add(1))? {
            return Ok(());
        }
        let limit = usize::try_from(crate::link::MAX_OUTBOX).unwrap_or(usize::MAX);
        Err(CommandError::TooMany { what: "messages waiting for one device", limit }.into())
    }

    /// Hands over to a device that is in the thread already: those who leave, leave, and its own grant stays as it is.
    fn leave_to(
        &mut self,
        step: Step<'_>,
        meta: &mut Meta,
        thread: &mut Thread,
        to: DeviceId,
        leaving: Vec<DeviceId>,
    ) -> Result<Reply, Halt<CommandError>> {
        let expires = thread.member(&to).ok_or(CommandError::NotMember)?.chain.expires();
        let mut remove = self.expired(step, thread)?;
        if remove.contains(&to) {
            return Err(CommandError::Refused(Reason::GrantExpired).into());
        }
        let leaving: Vec<DeviceId> = leaving.into_iter().filter(|device| *device != to).collect();
        if leaving.is_empty() {
            return Err(CommandError::AlreadyMember.into());
        }
        remove.retain(|device| !leaving.contains(device));
        remove.extend(leaving);
        let request = ChangeRequest { remove, ..ChangeRequest::default() };
        self.commit(step, meta, thread, request, Vec::new())?;
        Ok(Reply::Forwarded { thread: meta.thread, to, expires, history: 0 })
    }

    /// A usable key package of the device: one from the stock, or the one of last resort.
    fn package_for(
        &mut self,
        step: Step<'_>,
        thread: &Thread,
        to: &DeviceId,
    ) -> Result<KeyPackage, Halt<CommandError>> {
        let entry: Option<DeviceEntry> = record::get(step.overlay, &space::device(to))?;
        let entry = entry.filter(|entry| !entry.removed).ok_or(CommandError::UnknownDevice)?;
        self.check_enrolled(step, &entry).map_err(CommandError::Refused)?;
        let package = self.take_package(step, to, thread.suite())?;
        package.ok_or_else(|| CommandError::Refused(Reason::NoKeyPackage).into())
    }

    /// Whether a device is one of the entity's now, as far as this node knows: an enrolment that has ended gives no threads.
    fn check_enrolled(&self, step: Step<'_>, entry: &DeviceEntry) -> Result<(), Reason> {
        let entity = self.me.principal.ok_or(Reason::GrantMissing)?;
        let chain = entry.chain.clone().verify(&entity, step.wall(), &self.revocations);
        chain.map(|_| ()).map_err(Reason::from)
    }

    /// The grant on one thread that lets a device take part in it.
    fn grant(
        &mut self,
        step: Step<'_>,
        thread: ThreadId,
        to: DeviceId,
        history: History,
        lasts: u64,
    ) -> Result<Chain, Halt<CommandError>> {
        let own = self.standing_chain()?.clone();
        own.check_at(step.wall(), &self.revocations)
            .map_err(|refusal| CommandError::Refused(Reason::from(refusal)))?;
        if lasts == 0 {
            return Err(CommandError::Lasts(lasts).into());
        }
        let wanted = [Ability::Read, Ability::Write, Ability::Attach, Ability::Forward];
        let abilities: Abilities =
            wanted.into_iter().filter(|ability| own.abilities().contains(*ability)).collect();
        let terms = Terms {
            audience: to,
            scope: Scope::Thread(thread),
            abilities,
            history,
            not_before: step.wall().max(own.not_before()),
            expires: step.wall().plus(lasts).min(own.expires()),
            depth: 0,
        };
        let chain = own.delegate(self.keys.signing(), terms, step.wall(), &mut self.rng);
        Ok(chain.map_err(|refusal| CommandError::Refused(Reason::from(refusal)))?)
    }

    /// Where all members can be dialled but one, who is told.
    pub(crate) fn addresses_of(
        &self,
        step: Step<'_>,
        thread: &Thread,
        except: &DeviceId,
    ) -> Result<Vec<SignedAddressRecord>, StoreError> {
        let mut addresses = Vec::new();
        for member in thread.members().filter(|member| member.record.id() != *except) {
            addresses.extend(self.address_of(step, &member.record.transport())?);
        }
        Ok(addresses)
    }

    fn count_given(&self, step: Step<'_>, to: &DeviceId) -> Result<(), StoreError> {
        let key = space::device(to);
        if let Some(mut entry) = record::get::<DeviceEntry>(step.overlay, &key)? {
            entry.given = entry.given.saturating_add(1);
            record::put(step.overlay, key, &entry)?;
        }
        Ok(())
    }

    /// A device of this role that can take the thread: connected before not, and of those the one that was given least.
    fn pick(&mut self, step: Step<'_>, thread: &Thread, role: Role) -> Result<Option<DeviceId>, StoreError> {
        let mut fitting = Vec::new();
        for (_, bytes) in step.overlay.scan(&Scan::prefix(space::DEVICES))? {
            let entry: DeviceEntry = record::decode(&bytes)?;
            let record = record::device_of(&entry.record)?;
            let fits =
                !entry.removed && Role::try_from(entry.role) == Ok(role) && !thread.is_member(&record.id());
            if fits {
                let away = !self.links.get(&record.transport()).is_some_and(crate::link::Link::is_up);
                fitting.push((away, entry.given, record.id(), entry));
            }
        }
        fitting.sort_unstable_by_key(|(away, given, device, _)| (*away, *given, *device));
        // Signatures cost most, so they come last.
        for (_, _, device, entry) in fitting {
            if self.check_enrolled(step, &entry).is_ok() && self.has_package(step, &device, thread.suite())? {
                return Ok(Some(device));
            }
        }
        Ok(None)
    }

    /// What the owner decided in advance for new threads. If it can't be done, the thread stays with this node.
    pub(crate) fn forward_by_policy(&mut self, step: Step<'_>, id: ThreadId) -> Result<(), Halt<Refuse>> {
        let Some(rule) = self.settings.forward_new else { return Ok(()) };
        let to = match rule.to {
            ForwardTo::Device(device) => Some(device),
            ForwardTo::Role(role) => {
                let Ok((_, thread)) = self.thread_of_command(step, id) else { return Ok(()) };
                let to = self.pick(step, &thread, role)?;
                self.keep_thread(thread);
                to
            }
        };
        if to.is_none() {
            return Ok(());
        }
        let mark = self.mark(step);
        match self.forward_command(step, id, to, (rule.history, rule.lasts, false), String::new()) {
            Ok(_) => Ok(()),
            Err(Halt::Refuse(_)) => {
                self.undo(step, mark);
                Ok(())
            }
            Err(Halt::Store(error)) => Err(error.into()),
        }
    }

    /// A member asks this node, the steward, to bring someone in. Checked against the grant that it acts under.
    pub(crate) fn forward_request(
        &mut self,
        step: Step<'_>,
        from: TransportKey,
        body: ForwardRequest,
    ) -> Result<(), Halt<Refuse>> {
        let meta = self.meta(step.overlay, &body.thread)?;
        let era = meta.map_or(0, |meta| meta.era);
        let (mut meta, mut thread) = self.thread_of_frame(step, body.thread, era)?;
        let plain = |reason| Halt::from(Refuse::plain(reason).about(body.thread));
        if thread.steward() != self.id() {
            return Err(plain(Reason::NotSteward));
        }
        let asker =
            thread.members().find(|member| member.record.transport() == from && member.side == Side::Host);
        let asker =
            asker.ok_or_else(|| Refuse::breach(Reason::NotMember, "asks to forward").about(body.thread))?;
        let may = asker.chain.permits(Ability::Forward, body.thread);
        may.and_then(|()| asker.chain.check_at(step.wall(), &self.revocations)).map_err(Refuse::grant)?;
        if !body.history.is_within(&asker.chain.history()) {
            return Err(Refuse::breach(Reason::GrantWidened, "asks for more history than it has").into());
        }
        let leaving = if body.hand_over { vec![asker.record.id()] } else { Vec::new() };
        let to = match body.to {
            Some(to) => to,
            None => self.pick(step, &thread, Role::Agent)?.ok_or_else(|| plain(Reason::NobodyAvailable))?,
        };
        if body.hand_over || !thread.is_member(&to) {
            self.check_wish(step, from, &thread, &to)?;
        }
        let (history, lasts, note) = (body.history, body.lasts.min(MAX_ASKED_LASTS), body.note);
        let forwarding = Forwarding { to, history, lasts, leaving, note };
        let done = self.forward(step, &mut meta, &mut thread, forwarding);
        done.map_err(|halt| halt.map(|error| Refuse::plain(reason_of(&error)).about(body.thread)))?;
        self.causes.note(from, body.thread, Cause::Wish, step.now.mono);
        self.put_meta(step, &meta)?;
        self.keep_thread(thread);
        let answer = ForwardAnswer { request: body.request, thread: body.thread };
        self.enqueue(from, About::Nothing, Body::ForwardAnswer(answer));
        Ok(())
    }

    /// Whether a wish may be fulfilled now: the asker has not had too many of late, each member has room for a commit, and the
    /// one to come in has not just refused to and takes what it is sent.
    fn check_wish(
        &mut self,
        step: Step<'_>,
        from: TransportKey,
        thread: &Thread,
        to: &DeviceId,
    ) -> Result<(), Halt<Refuse>> {
        let wishes = self.causes.by(from, thread.id(), Cause::Wish, step.now.mono);
        self.require_commit(step, thread, wishes < MAX_WISHES)?;
        let entry: Option<DeviceEntry> = record::get(step.overlay, &space::device(to))?;
        let Some(entry) = entry else { return Ok(()) };
        let newcomer = record::device_of(&entry.record)?.transport();
        let refused_of_late = self.causes.by(newcomer, thread.id(), Cause::Refusal, step.now.mono) > 0;
        if refused_of_late || self.link(step, newcomer)?.unsettled() >= MAX_UNOPENED {
            return Err(Refuse::plain(Reason::Busy).about(thread.id()).into());
        }
        Ok(())
    }
}

/// The agents and bots in a thread, who leave with a hand-over to `to`. Standing members stay.
fn on_duty(thread: &Thread, to: &DeviceId) -> Vec<DeviceId> {
    let host = thread
        .members()
        .filter(|member| member.side == Side::Host && member.chain.scope() != Scope::Principal);
    host.map(|member| member.record.id()).filter(|device| device != to).collect()
}

/// What to tell a member whose wish the steward can't fulfil.
fn reason_of(error: &CommandError) -> Reason {
    match error {
        CommandError::Refused(reason) => *reason,
        CommandError::UnknownDevice => Reason::UnknownDevice,
        CommandError::AlreadyMember => Reason::AlreadyMember,
        CommandError::NotMember => Reason::NotMember,
        CommandError::Lasts(_)
        | CommandError::TextLength { .. }
        | CommandError::NameLength { .. }
        | CommandError::NameUnfit
        | CommandError::NameLikeId => Reason::Malformed,
        CommandError::ThreadFull { .. } | CommandError::TooMany { .. } => Reason::Busy,
        CommandError::UnknownThread
        | CommandError::UnknownRequest
        | CommandError::NotAdministrator
        | CommandError::AlreadySettled
        | CommandError::NotSettled
        | CommandError::InvitationExpired
        | CommandError::OwnLink
        | CommandError::NotSteward
        | CommandError::AlreadySteward
        | CommandError::OwnThread
        | CommandError::EnrolledByAnother { .. }
        | CommandError::RemoveSelf
        | CommandError::RevokeSteward
        | CommandError::RevokeGuest
        | CommandError::GuestForward
        | CommandError::NobodyLeft
        | CommandError::Left
        | CommandError::NotOpen => Reason::UnknownThread,
        CommandError::Storage(_) | CommandError::Internal(_) => Reason::Storage,
    }
}
