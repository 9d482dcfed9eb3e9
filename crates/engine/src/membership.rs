//! The steward's acts: one commit, told to all whom it concerns. Removal by revocation, by expiry, with the device.

use crate::{
    CommandError, Engine, Event, Reply,
    announce::PORTION,
    causes::Cause,
    record::{self, About, DeviceEntry, Meta},
    space,
    step::{Halt, Step},
};
use frontdesk_capability::{Ability, Chain, Purpose, RevocationBytes, Scope};
use frontdesk_identity::{DeviceId, DeviceRecord, SignedAddressRecord, ThreadId, TransportKey, UnixTime};
use frontdesk_store::{Reader as _, Scan, StoreError};
use frontdesk_thread::{ChangeRefusal, ChangeRequest, Committed, Side, Thread};
use frontdesk_wire::{Body, CommitNotice, Reason, Seq, limits};
use serde_bytes::ByteBuf;
use std::collections::BTreeSet;

impl Engine {
    /// Commits a change and tells the members of before, those who leave included. The grants of those who leave are
    /// revoked, so that nothing they seal under the old keys counts.
    pub(crate) fn commit(
        &mut self,
        step: Step<'_>,
        meta: &mut Meta,
        thread: &mut Thread,
        request: ChangeRequest,
        addresses: Vec<SignedAddressRecord>,
    ) -> Result<Committed, Halt<CommandError>> {
        let own = self.id();
        let before: Vec<(DeviceId, TransportKey)> =
            thread.members().map(|member| (member.record.id(), member.record.transport())).collect();
        let leaving: Vec<Chain> = request
            .remove
            .iter()
            .filter_map(|device| thread.member(device))
            .map(|member| member.chain.clone())
            .collect();
        let readded: Vec<DeviceId> = request.add.iter().map(|(package, _)| package.device_id()).collect();
        let mut ended = Vec::new();
        for chain in leaving.iter().filter(|chain| !readded.contains(&chain.audience())) {
            // A standing right is not the thread's to take away; the commit alone ends it here. A grant that is over
            // needs no end.
            if chain.scope() != Scope::Principal && chain.expires() > step.wall() {
                ended.push((self.sign_revocation(step, chain)?, chain.expires()));
            }
        }
        let revocations: Vec<RevocationBytes> =
            ended.iter().map(|(revocation, _)| revocation.bytes().clone()).collect();
        let seed = self.bytes();
        let ctx = self.ctx(step, seed).ok_or(CommandError::NotSettled)?;
        let committed = thread.change(&ctx, request).map_err(change_refusal)?;
        drop(ctx);
        self.forget_ended(step)?;
        for (revocation, expires) in ended {
            // Without room for it the commit stands on its own: who left has no keys for what follows.
            self.take_revocation(step, revocation, Purpose::Lease, Some(expires))?;
        }
        let departed = Self::heads_of_departed(meta, &committed.change.removed);
        for (device, transport) in
            before.iter().filter(|(device, _)| *device != own && !readded.contains(device))
        {
            let stays = thread.is_member(device);
            let body = CommitNotice {
                thread: meta.thread,
                era: meta.era,
                commit: ByteBuf::from(committed.commit.clone()),
                revocations: revocations.clone(),
                addresses: if stays { addresses.clone() } else { Vec::new() },
                departed: departed.clone(),
            };
            self.enqueue(*transport, About::Thread(meta.thread), Body::CommitNotice(body));
        }
        self.refresh(step, meta, thread)?;
        if !committed.change.added.is_empty() {
            // What one wrote before, it can be asked for now.
            self.gaps_anew(step, meta)?;
        }
        let (added, removed) = (committed.change.added.clone(), committed.change.removed.clone());
        self.note_change(step, meta, thread, &added, &removed)?;
        self.tell(Event::MembersChanged {
            thread: meta.thread,
            era: meta.era,
            epoch: committed.change.epoch,
            added,
            removed,
        });
        Ok(committed)
    }

    /// Up to which number this device, the steward, has all that those wrote who leave. What came here in time counts
    /// for the others too, however late it comes to them.
    fn heads_of_departed(meta: &Meta, removed: &[DeviceId]) -> Vec<(DeviceId, Seq)> {
        let authors = removed.iter().filter_map(|device| meta.author(device));
        let heads = authors.filter(|author| author.through > Seq(0));
        let mut heads: Vec<_> = heads.map(|author| (author.device, author.through)).collect();
        heads.sort_by_key(|(device, _)| *device);
        heads.truncate(limits::MAX_SEEN);
        heads
    }

    pub(crate) fn revoke(
        &mut self,
        step: Step<'_>,
        id: ThreadId,
        device: DeviceId,
    ) -> Result<Reply, Halt<CommandError>> {
        let (mut meta, mut thread) = self.thread_of_command(step, id)?;
        if thread.steward() != self.id() {
            return Err(CommandError::NotSteward.into());
        }
        if device == self.id() {
            return Err(CommandError::RevokeSteward.into());
        }
        if thread.member(&device).is_some_and(|member| member.side == Side::Guest) {
            return Err(CommandError::RevokeGuest.into());
        }
        let request = ChangeRequest { remove: vec![device], ..ChangeRequest::default() };
        self.commit(step, &mut meta, &mut thread, request, Vec::new())?;
        self.put_meta(step, &meta)?;
        self.keep_thread(thread);
        Ok(Reply::Done)
    }

    /// Takes members out whose grants have ended, in a portion of threads: what is left is due at once. After a night off
    /// there may be thousands.
    pub(crate) fn expire(&mut self, step: Step<'_>) -> Result<(), StoreError> {
        for _ in 0..PORTION {
            let Some((at, id)) = self.expiries.first().copied().filter(|(at, _)| *at <= step.wall()) else {
                break;
            };
            self.expiries.pop_first();
            self.lasting = true;
            let due = self.meta(step.overlay, &id)?.is_some_and(|meta| meta.expiry == Some(at));
            if !due {
                step.overlay.delete(space::expiry(at, &id))?;
                continue;
            }
            let mark = self.mark(step);
            match self.expire_in(step, id) {
                Ok(()) => self.number_pending(step)?,
                Err(Halt::Store(error)) => return Err(error),
                Err(Halt::Refuse(_)) => {
                    // Not the steward any more, or left: nothing to do, and nothing to look at again.
                    self.undo(step, mark);
                    if let Some(mut meta) = self.meta(step.overlay, &id)? {
                        self.set_expiry(step, &mut meta, None)?;
                        self.put_meta(step, &meta)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn expire_in(&mut self, step: Step<'_>, id: ThreadId) -> Result<(), Halt<CommandError>> {
        let (mut meta, mut thread) = self.thread_of_command(step, id)?;
        let remove = self.expired(step, &thread)?;
        if remove.is_empty() {
            self.refresh(step, &mut meta, &thread)?;
        } else {
            let request = ChangeRequest { remove, ..ChangeRequest::default() };
            self.commit(step, &mut meta, &mut thread, request, Vec::new())?;
        }
        self.put_meta(step, &meta)?;
        self.keep_thread(thread);
        Ok(())
    }

    /// Members of the host, other than the steward, whose grants no longer hold, or whose enrolment was ended.
    pub(crate) fn expired(&self, step: Step<'_>, thread: &Thread) -> Result<Vec<DeviceId>, StoreError> {
        let mut expired = Vec::new();
        for member in thread.members().filter(|member| member.side == Side::Host) {
            let (device, chain) = (member.record.id(), &member.chain);
            let over = chain.expires() <= step.wall()
                || chain.check_at(step.wall(), &self.revocations).is_err()
                || self.is_removed(step, &device)?;
            if over && device != thread.steward() {
                expired.push(device);
            }
        }
        Ok(expired)
    }

    fn is_removed(&self, step: Step<'_>, device: &DeviceId) -> Result<bool, StoreError> {
        let entry: Option<DeviceEntry> = record::get(step.overlay, &space::device(device))?;
        Ok(entry.is_some_and(|entry| entry.removed))
    }

    /// When the steward has to look at its members' grants: now, if one is over.
    pub(crate) fn next_end(&self, step: Step<'_>, thread: &Thread) -> Result<Option<UnixTime>, StoreError> {
        if thread.steward() != self.id() {
            return Ok(None);
        }
        if !self.expired(step, thread)?.is_empty() {
            return Ok(Some(step.wall()));
        }
        let hosts = thread.members().filter(|member| member.side == Side::Host);
        let others = hosts.filter(|member| member.record.id() != thread.steward());
        Ok(others.map(|member| member.chain.expires()).min())
    }

    /// A device refused its forward payload, so it holds no keys: it is taken out again, that nobody counts on it. A
    /// customer stays, whatever happens to its keys.
    pub(crate) fn payload_refused(
        &mut self,
        step: Step<'_>,
        id: ThreadId,
        from: TransportKey,
        reason: Reason,
    ) -> Result<(), StoreError> {
        let mark = self.mark(step);
        match self.take_back(step, id, from, reason) {
            Ok(()) => self.number_pending(step),
            Err(Halt::Store(error)) => Err(error),
            // Not the steward any more, or the device is out already.
            Err(Halt::Refuse(_)) => {
                self.undo(step, mark);
                Ok(())
            }
        }
    }

    fn take_back(
        &mut self,
        step: Step<'_>,
        id: ThreadId,
        from: TransportKey,
        reason: Reason,
    ) -> Result<(), Halt<CommandError>> {
        let (mut meta, mut thread) = self.thread_of_command(step, id)?;
        let device =
            thread.members().find(|member| member.record.transport() == from && member.side == Side::Host);
        let device = device.map(|member| member.record.id()).ok_or(CommandError::NotMember)?;
        let request = ChangeRequest { remove: vec![device], ..ChangeRequest::default() };
        self.commit(step, &mut meta, &mut thread, request, Vec::new())?;
        // For a while nobody's wish brings it in again.
        self.causes.note(from, id, Cause::Refusal, step.now.mono);
        self.put_meta(step, &meta)?;
        self.keep_thread(thread);
        self.tell(Event::ForwardAnswered { thread: id, request: None, refused: Some(reason) });
        Ok(())
    }

    /// Remembers when to look at a thread's grants. Overtaken moments stay in memory, and are found void when they come.
    pub(crate) fn set_expiry(
        &mut self,
        step: Step<'_>,
        meta: &mut Meta,
        at: Option<UnixTime>,
    ) -> Result<(), StoreError> {
        if meta.expiry == at {
            return Ok(());
        }
        if let Some(old) = meta.expiry {
            step.overlay.delete(space::expiry(old, &meta.thread))?;
        }
        if let Some(at) = at {
            step.overlay.put(space::expiry(at, &meta.thread), Vec::new())?;
            self.expiries.insert((at, meta.thread));
        }
        meta.expiry = at;
        Ok(())
    }

    /// Ends a device's enrolment, and takes it out of every thread that this node is steward of.
    pub(crate) fn remove_device(
        &mut self,
        step: Step<'_>,
        device: DeviceId,
    ) -> Result<Reply, Halt<CommandError>> {
        self.require(step, Ability::Admit)?;
        let entry: Option<DeviceEntry> = record::get(step.overlay, &space::device(&device))?;
        let mut entry = entry.filter(|entry| !entry.removed).ok_or(CommandError::UnknownDevice)?;
        if device == self.id() {
            return Err(CommandError::RemoveSelf.into());
        }
        let principal = self.standing_chain()?.principal();
        match entry.chain.clone().verify(&principal, step.wall(), &self.revocations) {
            Ok(chain) => {
                // Only who stands above it in its chain can end a grant.
                if !chain.links().any(|grant| grant.issuer.is_device(&self.id())) {
                    let by = self.issuers_of(step, &chain)?;
                    return Err(CommandError::EnrolledByAnother { by }.into());
                }
                self.revoke_enrolment(step, &chain)?;
            }
            // It ended by itself; what is left is to take the device out.
            Err(_) => {
                entry.removed = true;
                let record = record::device_of(&entry.record)?;
                self.colleagues.remove(&record.transport());
                record::put(step.overlay, space::device(&device), &entry)?;
                self.remove_everywhere(step, &record)?;
            }
        }
        self.drop_revoked(step, &principal)?;
        self.broadcast_roster(step)?;
        Ok(Reply::Done)
    }

    /// Who can end a chain, for people to read: the administrators above it, the nearest first.
    fn issuers_of(&self, step: Step<'_>, chain: &Chain) -> Result<String, StoreError> {
        let mut names = Vec::new();
        for (_, bytes) in step.overlay.scan(&Scan::prefix(space::DEVICES))? {
            let entry: DeviceEntry = record::decode(&bytes)?;
            let device = record::device_of(&entry.record)?.id();
            let place = chain.links().position(|link| link.issuer.is_device(&device));
            if let Some(place) = place.filter(|_| !entry.removed) {
                names.push((std::cmp::Reverse(place), entry.name));
            }
        }
        names.sort();
        let names: Vec<String> = names.into_iter().map(|(_, name)| name).collect();
        Ok(if names.is_empty() { "nobody but the recovery phrase".into() } else { names.join(" or ") })
    }

    /// A former administrator could pose as the business to those who know it: they are told, by the stewards of their
    /// threads and, where that is the former one itself, by whoever is in the thread with them.
    pub(crate) fn tell_guests(
        &mut self,
        step: Step<'_>,
        former: DeviceId,
        body: &Body,
    ) -> Result<(), StoreError> {
        let mut guests = BTreeSet::new();
        for (_, bytes) in step.overlay.scan(&Scan::prefix(space::THREADS))? {
            let meta: Meta = record::decode(&bytes)?;
            let speaks = [Some(self.id()), Some(former)].contains(&meta.steward);
            if speaks && meta.is_in() && self.me.principal == Some(meta.host) {
                guests.extend(meta.guest_transport);
            }
        }
        for guest in guests {
            self.enqueue(guest, About::Nothing, body.clone());
        }
        Ok(())
    }

    /// Takes a device out of every thread that this node is steward of: as one whose grants have ended, a portion of threads at
    /// a time.
    pub(crate) fn remove_everywhere(
        &mut self,
        step: Step<'_>,
        record: &DeviceRecord,
    ) -> Result<(), StoreError> {
        for id in self.threads_of(step, &record.transport())? {
            if let Some(mut meta) = self.meta(step.overlay, &id)?
                && meta.is_in()
                && meta.steward == Some(self.id())
            {
                self.set_expiry(step, &mut meta, Some(step.wall()))?;
                self.put_meta(step, &meta)?;
            }
        }
        Ok(())
    }

    /// Whether this device's own grant gives it `ability` over the whole principal, now.
    pub(crate) fn require(&self, step: Step<'_>, ability: Ability) -> Result<(), Halt<CommandError>> {
        let chain = self.standing_chain()?;
        let may = chain
            .permits(ability, Scope::Principal)
            .and_then(|()| chain.check_at(step.wall(), &self.revocations));
        may.map_err(|refusal| {
            let lacks = matches!(refusal, frontdesk_capability::Refusal::AbilityMissing(_));
            let error = if lacks {
                CommandError::NotAdministrator
            } else {
                CommandError::Refused(Reason::from(refusal))
            };
            error.into()
        })
    }

    /// A line about who came and who left, by the names that this device knows.
    pub(crate) fn note_change(
        &mut self,
        step: Step<'_>,
        meta: &mut Meta,
        thread: &Thread,
        added: &[DeviceId],
        removed: &[DeviceId],
    ) -> Result<(), StoreError> {
        let mut parts = Vec::new();
        for device in added {
            step.overlay.delete(space::taken_out(&meta.thread, device))?;
            let name = self.name_of(step.overlay, meta, device)?;
            let history = thread.member(device).map(|member| member.chain.history().to_string());
            parts.push(format!("{name} came in (history: {})", history.unwrap_or_default()));
        }
        for device in removed.iter().filter(|device| !added.contains(device)) {
            step.overlay.put(space::taken_out(&meta.thread, device), Vec::new())?;
            parts.push(format!("{} left", self.name_of(step.overlay, meta, device)?));
        }
        if parts.is_empty() { Ok(()) } else { self.note(step, meta, parts.join("; ")) }
    }
}

fn change_refusal(error: ChangeRefusal) -> Halt<CommandError> {
    match error {
        ChangeRefusal::Storage(error) => Halt::Store(crate::threads::storage(error)),
        ChangeRefusal::NotSteward => CommandError::NotSteward.into(),
        ChangeRefusal::Removed => CommandError::Left.into(),
        ChangeRefusal::NotAMember(_) => CommandError::NotMember.into(),
        ChangeRefusal::AlreadyMember(_) => CommandError::AlreadyMember.into(),
        ChangeRefusal::Admission(refusal) => {
            CommandError::Refused(crate::message::admission_reason(&refusal)).into()
        }
        ChangeRefusal::CannotRemoveSelf => CommandError::RevokeSteward.into(),
        other @ (ChangeRefusal::WrongSuite(_)
        | ChangeRefusal::NoHigherTerm
        | ChangeRefusal::State(_)
        | ChangeRefusal::Mls(_)) => CommandError::Internal(other.to_string()).into(),
    }
}
