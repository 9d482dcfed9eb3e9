//! The other side of a steward's acts: following a commit, being brought into a thread, and reading what was granted.

use crate::{
    CommandError, Engine, Event, ThreadStatus,
    message::open_refusal,
    record::{self, Meta, Peer},
    space,
    step::{Halt, Refuse, Step},
    succession::MAX_ERAS_AHEAD,
};
use frontdesk_capability::{Ability, RevocationBytes};
use frontdesk_identity::{DeviceId, PrincipalId, SignedAddressRecord, ThreadId, TransportKey, codec};
use frontdesk_store::{Reader as _, Scan, StoreError};
use frontdesk_thread::{Change, Expected, HistoryError, Role, Thread};
use frontdesk_wire::{
    CommitNotice, ForwardPayload, HistoryPiece, Position, Reason, Revoked, Seq, SignedContent, limits,
};
use std::collections::BTreeSet;

/// In the place of an era: somebody else than the commit that took a device out has told of its last words. There may be more.
pub(crate) const TOLD: u32 = u32::MAX;
/// Threads with a peer that are looked at to learn whom it serves. A guest with many of them must not cost more.
const LOOKS: usize = 64;

/// Whose revocations a peer may bring, and a thread by which that is known.
type Source = (PrincipalId, Option<(ThreadId, u32)>);

/// Numbers that a restored device does not use when it comes into a thread again: a backup knows nothing of those since, and
/// the steward may not either. Others hear, 64 at a time, that there are none.
pub const NUMBERS_PASSED_OVER: u64 = 1_024;
/// Places that it does not use, likewise. They count what all write, and cost nobody anything.
pub const PLACES_PASSED_OVER: u64 = 1 << 16;

impl Engine {
    /// A change by the steward, to this device as a member: checked whole before it counts.
    pub(crate) fn commit_notice(
        &mut self,
        step: Step<'_>,
        from: TransportKey,
        body: CommitNotice,
    ) -> Result<(), Halt<Refuse>> {
        let later = self.meta(step.overlay, &body.thread)?.filter(|meta| meta.is_in() && meta.era > body.era);
        if let Some(meta) = later {
            return self.past_commit(step, meta, from, &body.revocations);
        }
        let (mut meta, mut thread) = self.thread_of_frame(step, body.thread, body.era)?;
        if meta.steward_transport != Some(from) {
            return Err(Refuse::breach(Reason::NotSteward, "a commit by another device")
                .about(body.thread)
                .into());
        }
        let host = thread.host();
        self.learn_revocations(step, &host, &body.revocations, Some(&thread))?;
        let seed = self.bytes();
        let ctx = self.ctx(step, seed).ok_or_else(|| Refuse::plain(Reason::UnknownThread))?;
        let followed = thread.follow(&ctx, &body.commit);
        let change = followed.map_err(|error| open_refusal(error, body.thread))?;
        self.learn_addresses(step, &thread, &body.addresses)?;
        if change.removed_me {
            return self.leave(step, meta, thread, change, &body.departed);
        }
        self.refresh(step, &mut meta, &thread)?;
        self.note_change(step, &mut meta, &thread, &change.added, &change.removed)?;
        let era = meta.era;
        self.keep_last_words(step, &mut meta, &change.removed, &body.departed, era)?;
        self.stay_close(step, &meta)?;
        let Change { epoch, added, removed, .. } = change;
        let newcomers = !added.is_empty();
        if newcomers {
            // What one wrote in an era before it can be asked for now.
            self.gaps_anew(step, &mut meta)?;
        }
        self.tell(Event::MembersChanged { thread: meta.thread, era: meta.era, epoch, added, removed });
        self.release(step, &mut meta, &mut thread)?;
        if meta.unheard.take().is_some() || newcomers {
            quietly(self.greet(step, &mut meta, &mut thread))?;
        }
        self.put_meta(step, &meta)?;
        self.keep_thread(thread);
        Ok(())
    }

    /// A commit of an era that is over changes nothing. The grants that it ended were its author's to end all the same: it led
    /// the thread, and didn't know that another does by now.
    fn past_commit(
        &mut self,
        step: Step<'_>,
        mut meta: Meta,
        from: TransportKey,
        revocations: &[RevocationBytes],
    ) -> Result<(), Halt<Refuse>> {
        let absent = self.absent(step, &meta.thread)?;
        let of_host = meta.hosts.contains(&from)
            || self.colleagues.contains_key(&from)
            || absent.iter().any(|(device, _)| device.transport() == from);
        let (_, thread) = self.thread_of_frame(step, meta.thread, meta.era)?;
        if revocations.is_empty() || !of_host {
            return Err(Refuse::plain(Reason::PastEra).about(meta.thread).into());
        }
        self.learn_revocations(step, &thread.host(), revocations, Some(&thread))?;
        let ends = self.next_end(step, &thread)?;
        self.set_expiry(step, &mut meta, ends)?;
        self.put_meta(step, &meta)?;
        self.keep_thread(thread);
        Ok(())
    }

    /// Takes in where the authors of a thread are, as one who was in it before: what it lacks it may have, and what it asked
    /// for in its former life never came.
    pub(crate) fn come_in(
        &mut self,
        step: Step<'_>,
        meta: &mut Meta,
        heads: &[(DeviceId, Seq)],
        position: Position,
    ) -> Result<(), StoreError> {
        let own = self.id();
        let rejoins = meta.status() == ThreadStatus::Rejoining;
        let closed = match meta.status() {
            ThreadStatus::Closed => true,
            ThreadStatus::Rejoining => self.was_closed(step, &meta.thread)?,
            ThreadStatus::Contacting | ThreadStatus::Failed | ThreadStatus::Open | ThreadStatus::Left => {
                false
            }
        };
        meta.set_status(if closed { ThreadStatus::Closed } else { ThreadStatus::Open });
        meta.position = meta.position.max(position);
        (meta.over, meta.unheard) = (None, None);
        for (device, seq) in heads {
            if *device == own {
                meta.seq = meta.seq.max(*seq);
            } else if let Some(author) = meta.author_mut(*device) {
                author.newest = author.newest.max(*seq);
            }
        }
        if rejoins {
            meta.seq = Seq(meta.seq.0.saturating_add(NUMBERS_PASSED_OVER).min(Position::MAX.0));
            meta.position = Position(meta.position.0.saturating_add(PLACES_PASSED_OVER).min(Position::MAX.0));
        }
        meta.authors.iter_mut().for_each(|author| author.asked = author.through);
        self.gaps_anew(step, meta)
    }

    /// Remembers up to where what the departed wrote is taken still, and asks for it if it isn't here in a while. Of others
    /// nothing is kept: a steward could fill the disk with them.
    fn keep_last_words(
        &mut self,
        step: Step<'_>,
        meta: &mut Meta,
        removed: &[DeviceId],
        ends: &[(DeviceId, Seq)],
        era: u32,
    ) -> Result<(), StoreError> {
        let id = meta.thread;
        for author in meta.authors.iter_mut().filter(|author| removed.contains(&author.device)) {
            // Another is asked from now on.
            author.asked = author.through;
        }
        for (device, seq) in ends.iter().filter(|(device, _)| removed.contains(device)) {
            let Some(author) = meta.author_mut(*device).filter(|author| author.through < *seq) else {
                continue;
            };
            author.newest = author.newest.max(*seq);
            for (key, _) in step.overlay.scan(&Scan::prefix(&space::departed(&id)))? {
                if key.ends_with(device.as_bytes()) {
                    step.overlay.delete(key)?;
                }
            }
            record::put(step.overlay, space::departed_device(&id, era, device), seq)?;
            self.look_again(step, id, crate::refill::GAP_PATIENCE)?;
        }
        Ok(())
    }

    /// Those who were in a thread as far as this device knew, and are no longer.
    fn who_was_in(
        &self,
        step: Step<'_>,
        meta: &Meta,
        before: Option<&Thread>,
        now: &Thread,
    ) -> Result<Vec<DeviceId>, StoreError> {
        let heard = meta.authors.iter().filter(|author| author.through > Seq(0)).map(|author| author.device);
        let members = before.into_iter().flat_map(Thread::members).map(|member| member.record.id());
        let mut known: BTreeSet<DeviceId> = heard.chain(members).collect();
        for host in &meta.hosts {
            let peer: Option<Peer> = record::get(step.overlay, &space::peer(host))?;
            known.extend(peer.and_then(|peer| peer.device).or_else(|| self.colleagues.get(host).copied()));
        }
        Ok(known.into_iter().filter(|device| !now.is_member(device)).collect())
    }

    /// This device was taken out: its keys for the thread go, what it read stays. `ends` tells up to where the steward has
    /// what it wrote.
    fn leave(
        &mut self,
        step: Step<'_>,
        mut meta: Meta,
        thread: Thread,
        change: Change,
        ends: &[(DeviceId, Seq)],
    ) -> Result<(), Halt<Refuse>> {
        let (id, own) = (meta.thread, self.id());
        meta.set_status(ThreadStatus::Left);
        meta.epoch = change.epoch;
        self.note(step, &mut meta, "this device left".into())?;
        self.set_expiry(step, &mut meta, None)?;
        self.put_meta(step, &meta)?;
        self.drop_waiting(step, &id)?;
        for (key, _) in step.overlay.scan(&Scan::prefix(&space::departed(&id)))? {
            step.overlay.delete(key)?;
        }
        if let Some((_, seq)) = ends.iter().find(|(device, _)| *device == own) {
            record::put(step.overlay, space::departed_device(&id, meta.era, &own), seq)?;
        }
        self.part_from(step, &id, meta.nodes())?;
        let seed = self.bytes();
        if let Some(ctx) = self.ctx(step, seed) {
            thread.delete(&ctx).map_err(crate::threads::storage)?;
        }
        self.tell(Event::Removed { thread: id });
        Ok(())
    }

    /// The forward payload: this device is brought into a thread.
    pub(crate) fn forward_payload(
        &mut self,
        step: Step<'_>,
        from: TransportKey,
        body: ForwardPayload,
    ) -> Result<(), Halt<Refuse>> {
        let known = self.meta(step.overlay, &body.thread)?;
        if known.as_ref().is_some_and(|known| body.era < known.era) {
            return Err(Refuse::plain(Reason::PastEra).about(body.thread).into());
        }
        if known.as_ref().is_some_and(|known| body.era > known.era.saturating_add(MAX_ERAS_AHEAD)) {
            return Err(Refuse::breach(Reason::BadContent, "an era too far ahead").about(body.thread).into());
        }
        let (own, host) = self.sides(known.as_ref()).ok_or_else(|| Refuse::plain(Reason::GrantMissing))?;
        let chain = crate::contact::verify(step, &body.chain, &own, &self.revocations)?;
        chain.held_by(&self.id()).map_err(Refuse::grant)?;
        chain.permits(Ability::Read, body.thread).map_err(Refuse::grant)?;
        let later = known.as_ref().filter(|known| known.is_in() && known.era < body.era);
        let before = match later {
            Some(known) => self.take_thread(step, body.thread, known.era)?,
            None => None,
        };
        let returns =
            later.is_some() || known.as_ref().is_some_and(|known| known.status() == ThreadStatus::Rejoining);
        let min_term = before.as_ref().map_or(0, |before| before.state().term.saturating_add(1));
        let expected = Expected { host, thread: body.thread, era: body.era, min_term, role: Role::Member };
        let mut thread = self.join_thread(step, &body.welcome, expected)?;
        let steward = thread.member(&thread.steward()).map(|member| member.record.transport());
        if steward != Some(from) {
            return Err(Refuse::breach(Reason::NotSteward, "forwarded by another device")
                .about(body.thread)
                .into());
        }
        self.learn_addresses(step, &thread, &body.addresses)?;
        let mut meta = known.unwrap_or_else(|| Meta::new(body.thread, host, thread.guest(), step.wall()));
        if !returns {
            // What was said before it came, it has by its history, or not at all.
            let own = self.id();
            for (device, seq) in body.heads.iter().filter(|(device, _)| *device != own) {
                if let Some(author) = meta.author_mut(*device) {
                    author.through = author.through.max(*seq);
                }
            }
        }
        // Who left since this device was in, it learns by that alone. Of those that it never knew in the thread, nobody brings
        // it anything.
        let departed =
            if returns { self.who_was_in(step, &meta, before.as_ref(), &thread)? } else { Vec::new() };
        self.leave_era(step, &meta, before, body.era)?;
        (meta.piece, meta.pieces) = (0, body.pieces);
        self.was_opened(step, &mut meta, &thread)?;
        self.come_in(step, &mut meta, &body.heads, body.position)?;
        self.refresh(step, &mut meta, &thread)?;
        self.keep_last_words(step, &mut meta, &departed, &body.heads, TOLD)?;
        self.stay_close(step, &meta)?;
        if body.pieces == 0 {
            self.forget_history(step, &thread)?;
        }
        let note = if body.note.is_empty() { String::new() } else { format!(": {}", body.note) };
        self.note(step, &mut meta, format!("forwarded to this device{note}"))?;
        if self.me.role().is_some() {
            self.replace_package(step, from, thread.suite())?;
        }
        self.tell(Event::ThreadOpened { thread: body.thread, forwarded: true });
        self.release(step, &mut meta, &mut thread)?;
        if returns {
            self.name_absent(step, &thread, from)?;
            // So that the others miss what it wrote where it was before.
            quietly(self.greet(step, &mut meta, &mut thread))?;
        } else {
            quietly(self.introduce(step, &mut meta, &mut thread))?;
        }
        self.put_meta(step, &meta)?;
        self.keep_thread(thread);
        Ok(())
    }

    /// This device's principal, and the host of the thread that it may be brought into: its own entity's threads, or, for
    /// a guest that lost its keys, a thread that it was in.
    pub(crate) fn sides(&self, known: Option<&Meta>) -> Option<(PrincipalId, PrincipalId)> {
        let own =
            self.chain.as_ref().map(frontdesk_capability::Chain::principal).filter(|_| !self.me.removed)?;
        let rejoining = known.filter(|meta| meta.status() == ThreadStatus::Rejoining && meta.guest == own);
        // An administrator may be another business's guest.
        let own_thread = || self.me.role().map(|_| (own, own));
        rejoining.map(|meta| (own, meta.host)).or_else(own_thread)
    }

    fn forget_history(&mut self, step: Step<'_>, thread: &Thread) -> Result<(), Halt<Refuse>> {
        let seed = self.bytes();
        let ctx = self.ctx(step, seed).ok_or_else(|| Refuse::plain(Reason::UnknownThread))?;
        Ok(thread.forget_history(&ctx).map_err(crate::threads::storage)?)
    }

    /// A piece of granted history. Each content is its author's, or the piece is refused whole.
    pub(crate) fn history_piece(
        &mut self,
        step: Step<'_>,
        from: TransportKey,
        body: &HistoryPiece,
    ) -> Result<(), Halt<Refuse>> {
        let (mut meta, thread) = self.thread_of_frame(step, body.thread, body.era)?;
        let breach = |reason, detail: &str| Halt::from(Refuse::breach(reason, detail).about(body.thread));
        if meta.steward_transport != Some(from) {
            return Err(breach(Reason::NotSteward, "history from another device"));
        }
        if body.index != meta.piece || meta.piece >= meta.pieces {
            return Err(breach(Reason::Malformed, "a piece of history out of turn"));
        }
        let seed = self.bytes();
        let ctx = self.ctx(step, seed).ok_or_else(|| Refuse::plain(Reason::UnknownThread))?;
        let plaintext = thread.open_history(&ctx, body.index, &body.sealed).map_err(|error| match error {
            HistoryError::Storage(error) => Halt::Store(crate::threads::storage(error)),
            other @ (HistoryError::TooLong { .. }
            | HistoryError::NotAMember
            | HistoryError::NoKey
            | HistoryError::UnknownVersion { .. }
            | HistoryError::Undecryptable
            | HistoryError::Mls(_)) => breach(Reason::Undecryptable, &other.to_string()),
        })?;
        drop(ctx);
        let contents: Vec<SignedContent> =
            codec::decode(&plaintext, limits::MAX_HISTORY_PIECE).map_err(Refuse::decode)?;
        let own = self.id();
        let granted = thread.member(&own).map(|member| member.chain.history());
        let granted = granted.ok_or_else(|| breach(Reason::NotMember, "not a member"))?;
        for signed in &contents {
            let content = signed.verify().map_err(|error| Refuse::breach(Reason::BadContent, error))?;
            if content.thread != meta.thread || !granted.covers(content.era, content.position.0) {
                return Err(breach(
                    Reason::BadContent,
                    "history of another thread, or more than was granted",
                ));
            }
            if content.author != own {
                meta.author_mut(content.author);
            }
            let place = space::history_item(&meta.thread, content.era, content.position, &content.author, 0);
            let known = self.has_content(step, &meta.thread, &content.author, content.seq)?;
            if known {
                continue;
            }
            if step.overlay.get(&place)?.is_some() {
                // Of an author that was put back, and wrote there in another life.
                continue;
            }
            let (status, active_at) = (meta.status(), meta.active_at);
            self.add_message(step, &mut meta, &content, signed, Vec::new())?;
            // What was closed and opened then says nothing of now.
            meta.set_status(status);
            meta.active_at = active_at;
            self.tell_message(step, &meta, &content, &[], true)?;
        }
        meta.piece = meta.piece.saturating_add(1);
        if meta.piece == meta.pieces {
            self.forget_history(step, &thread)?;
        }
        self.put_meta(step, &meta)?;
        self.keep_thread(thread);
        Ok(())
    }

    pub(crate) fn revoked(
        &mut self,
        step: Step<'_>,
        from: TransportKey,
        body: &Revoked,
    ) -> Result<(), Halt<Refuse>> {
        let source = self.entity_of(step, from)?;
        let (principal, thread) =
            source.ok_or_else(|| Refuse::breach(Reason::GrantMissing, "revocations from a stranger"))?;
        let thread = match thread {
            Some((id, era)) => Some(self.thread_of_frame(step, id, era)?.1),
            None => None,
        };
        self.learn_revocations(step, &principal, &body.revocations, thread.as_ref())?;
        if let Some(thread) = thread {
            self.keep_thread(thread);
        }
        if self.me.principal == Some(principal) {
            self.drop_revoked(step, &principal)?;
        }
        self.check_own_enrolment(step)?;
        Ok(())
    }

    /// The entity that a peer may bring revocations of: this device's own, or the host of a thread in which it is of that
    /// side, with that thread and its era.
    fn entity_of(&self, step: Step<'_>, peer: TransportKey) -> Result<Option<Source>, StoreError> {
        if self.colleagues.contains_key(&peer) {
            return Ok(self.chain.as_ref().map(|chain| (chain.principal(), None)));
        }
        for (key, _) in step.overlay.scan(&Scan::prefix(&space::shared(&peer)).limit(LOOKS))? {
            let meta = space::last_thread(&key).map(|thread| self.meta(step.overlay, &thread)).transpose()?;
            if let Some(meta) = meta.flatten().filter(|meta| meta.is_in() && meta.hosts.contains(&peer)) {
                return Ok(Some((meta.host, Some((meta.thread, meta.era)))));
            }
        }
        Ok(None)
    }

    /// Whether this device was removed from its entity.
    pub(crate) fn check_own_enrolment(&mut self, step: Step<'_>) -> Result<(), StoreError> {
        let revoked = self.chain.as_ref().is_some_and(|chain| {
            // As of its last moment: one that has ended by itself is revoked all the same.
            let refused = chain.check_at(chain.expires(), &self.revocations);
            matches!(refused, Err(frontdesk_capability::Refusal::Revoked { .. }))
        });
        if revoked && !self.me.removed {
            self.me.removed = true;
            self.put_self(step)?;
            let device = self.id();
            self.tell(Event::DeviceRemoved { device });
        }
        Ok(())
    }

    fn learn_addresses(
        &mut self,
        step: Step<'_>,
        thread: &Thread,
        addresses: &[SignedAddressRecord],
    ) -> Result<(), StoreError> {
        for address in addresses {
            self.learn_address_of(step, thread, address)?;
        }
        Ok(())
    }
}

/// A greeting is a courtesy: that it can't be told now is no reason to refuse anything.
pub(crate) fn quietly(told: Result<(), Halt<CommandError>>) -> Result<(), StoreError> {
    match told {
        Ok(()) | Err(Halt::Refuse(_)) => Ok(()),
        Err(Halt::Store(error)) => Err(error),
    }
}
