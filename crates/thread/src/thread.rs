//! The thread itself: what it knows, and what it can be asked.

use crate::{
    admission::{AdmissionRefusal, Admitted, Step, admit},
    config::{group_id, state_of},
    ctx::Ctx,
    limits::MAX_PAST_EPOCHS,
    member::{Holds, Leaf, Member, Side, verify_chain},
    state::ThreadState,
    storage::{Kind, StorageError, group_key, group_prefix},
    suite::Suite,
};
use frontdesk_capability::{Ability, ChainBytes, Refusal, Revocations, Scope};
use frontdesk_identity::{DeviceId, PrincipalId, SignedDeviceRecord, ThreadId, UnixTime};
use openmls::{group::MlsGroup, prelude::GroupId};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt};

/// One era of a thread, as one of its members holds it.
pub struct Thread {
    pub(crate) group: MlsGroup,
    pub(crate) admitted: Admitted,
    pub(crate) departed: Departed,
    pub(crate) suite: Suite,
    pub(crate) epoch: u64,
    /// The MLS group in memory went further than what counts, and is read again before it is used.
    pub(crate) stale: bool,
}

/// Who left in the last epochs. Messages that they sent while they were members may still be on their way.
pub(crate) type Departed = BTreeMap<DeviceId, (u64, Member)>;

/// `(last epoch, device record, side is host, chain)`.
#[derive(Serialize, Deserialize)]
struct StoredDeparted(u64, SignedDeviceRecord, bool, ChainBytes);

/// Why a thread could not be read from the store.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The store failed, or what it holds is damaged.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// What is stored would not be admitted: damaged, or written by another program.
    #[error("the stored thread does not hold: {0}")]
    Admission(#[from] AdmissionRefusal),
}

/// Why a device may not write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WriterRefusal {
    /// It is no member, and was none when the message was made.
    #[error("not a member")]
    NotAMember,
    /// Its grant has ended, was revoked, or lacks `write`.
    #[error(transparent)]
    Grant(#[from] Refusal),
    /// Another device has the word.
    #[error("device {speaker:?} has the word")]
    SpeakerLocked {
        /// Who has it.
        speaker: DeviceId,
    },
}

impl Thread {
    /// Reads a thread from the store; `None` if it isn't there. The chains of the members are verified here once.
    ///
    /// # Errors
    /// [`LoadError`].
    pub fn load(ctx: &Ctx<'_>, thread: ThreadId, era: u32) -> Result<Option<Self>, LoadError> {
        let group = MlsGroup::load(&ctx.storage(), &group_id(&thread, era))?;
        let Some(group) = group else { return Ok(None) };
        let suite = Suite::from_code(group.ciphersuite().into()).map_err(|_| AdmissionRefusal::NotAThread)?;
        let at = (ctx.now, ctx.revocations);
        let admitted = admit(Step::Loading, state_of(group.extensions()), &leaves(&group), &ctx.mls.1, at)?;
        let departed = load_departed(ctx, group.group_id(), &admitted.state)?;
        Ok(Some(Self { departed, ..Self::new(group, admitted, suite) }))
    }

    pub(crate) fn new(group: MlsGroup, admitted: Admitted, suite: Suite) -> Self {
        let epoch = group.epoch().as_u64();
        Self { group, admitted, departed: Departed::new(), suite, epoch, stale: false }
    }

    /// Removes everything that the store has of this era.
    ///
    /// # Errors
    /// [`StorageError`].
    pub fn delete(self, ctx: &Ctx<'_>) -> Result<(), StorageError> {
        ctx.storage().delete_all(&group_prefix(self.group.group_id())?)
    }

    /// What the members agree on.
    #[must_use]
    pub const fn state(&self) -> &ThreadState {
        &self.admitted.state
    }

    /// The thread.
    #[must_use]
    pub const fn id(&self) -> ThreadId {
        self.admitted.state.thread
    }

    /// The era.
    #[must_use]
    pub const fn era(&self) -> u32 {
        self.admitted.state.era
    }

    /// The MLS epoch: grows by one with each change of the membership.
    #[must_use]
    pub const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The cipher suite.
    #[must_use]
    pub const fn suite(&self) -> Suite {
        self.suite
    }

    /// The entity.
    #[must_use]
    pub const fn host(&self) -> PrincipalId {
        self.admitted.state.host
    }

    /// The customer.
    #[must_use]
    pub const fn guest(&self) -> PrincipalId {
        self.admitted.state.guest
    }

    /// The device that may change the membership.
    #[must_use]
    pub const fn steward(&self) -> DeviceId {
        self.admitted.state.steward
    }

    /// Who is in the thread and by what right, by device id. The cryptographic answer to "who can read this?".
    pub fn members(&self) -> impl ExactSizeIterator<Item = &Member> {
        self.admitted.members.values()
    }

    /// The member that this device is, if it is one.
    #[must_use]
    pub fn member(&self, device: &DeviceId) -> Option<&Member> {
        self.admitted.members.get(device)
    }

    /// Whether this device is a member.
    #[must_use]
    pub fn is_member(&self, device: &DeviceId) -> bool {
        self.member(device).is_some()
    }

    /// Whether this device itself is still in the thread, as far as it knows.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.group.is_active()
    }

    /// Whether `device` may write now: its grant holds and has `write`, and nobody else has the word.
    ///
    /// # Errors
    /// [`WriterRefusal`].
    pub fn check_writer(
        &self,
        device: &DeviceId,
        now: UnixTime,
        revocations: &Revocations,
    ) -> Result<(), WriterRefusal> {
        let member = self.member(device).ok_or(WriterRefusal::NotAMember)?;
        self.check_grant(member, (now, revocations))?;
        match self.admitted.state.speaker {
            Some(speaker) if member.side == Side::Host && speaker != *device => {
                Err(WriterRefusal::SpeakerLocked { speaker })
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Like [`check_writer`](Self::check_writer), for a message of `epoch`. In a past epoch the lock may have been
    /// another, and the writer may have left since.
    pub(crate) fn check_author(
        &self,
        device: &DeviceId,
        epoch: u64,
        at: (UnixTime, &Revocations),
    ) -> Result<(), WriterRefusal> {
        if epoch == self.epoch {
            return self.check_writer(device, at.0, at.1);
        }
        let left = || self.departed.get(device).filter(|(last, _)| epoch <= *last).map(|(_, member)| member);
        let member = self.member(device).or_else(left).ok_or(WriterRefusal::NotAMember)?;
        self.check_grant(member, at)
    }

    fn check_grant(
        &self,
        member: &Member,
        (now, revocations): (UnixTime, &Revocations),
    ) -> Result<(), WriterRefusal> {
        member.chain.check_at(now, revocations)?;
        Ok(member.chain.permits(Ability::Write, Scope::Thread(self.id()))?)
    }

    /// The device whose credential this is, now or in the last epochs.
    pub(crate) fn device_of(&self, credential: &[u8]) -> Option<DeviceId> {
        let departed = self.departed.values().map(|(_, member)| member);
        let mut known = self.members().chain(departed).map(|member| &member.record);
        known.find(|record| record.signed().as_bytes() == credential).map(|record| record.id())
    }

    /// Runs `operation`, and if it is refused, undoes what it wrote.
    pub(crate) fn transact<T, E: From<StorageError>>(
        &mut self,
        ctx: &Ctx<'_>,
        operation: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        self.refresh(ctx)?;
        let savepoint = ctx.overlay.savepoint();
        let outcome = operation(self);
        if outcome.is_err() {
            ctx.overlay.rollback(savepoint);
            self.stale = true;
        }
        outcome
    }

    fn refresh(&mut self, ctx: &Ctx<'_>) -> Result<(), StorageError> {
        if self.stale {
            let group = MlsGroup::load(&ctx.storage(), self.group.group_id())?;
            self.group = group.ok_or(StorageError::Damaged)?;
            self.stale = false;
        }
        Ok(())
    }

    /// Puts an admitted and merged outcome in force.
    pub(crate) fn settle(&mut self, ctx: &Ctx<'_>, admitted: Admitted) -> Result<(), StorageError> {
        let last = self.epoch;
        let epoch = self.group.epoch().as_u64();
        let mut departed = self.departed.clone();
        let left = self.admitted.members.iter().filter(|(device, _)| !admitted.members.contains_key(device));
        departed.extend(left.map(|(device, member)| (*device, (last, member.clone()))));
        departed.retain(|device, (last, _)| {
            epoch.saturating_sub(*last) <= MAX_PAST_EPOCHS && !admitted.members.contains_key(device)
        });
        if departed != self.departed {
            store_departed(ctx, self.group.group_id(), &departed)?;
        }
        self.departed = departed;
        self.admitted = admitted;
        self.epoch = epoch;
        Ok(())
    }
}

/// The leaves of the tree, in its order.
pub(crate) fn leaves(group: &MlsGroup) -> Vec<Leaf> {
    group.members().map(|member| Leaf::new(&member.credential, &member.signature_key)).collect()
}

fn store_departed(ctx: &Ctx<'_>, group: &GroupId, departed: &Departed) -> Result<(), StorageError> {
    let stored = |(last, member): &(u64, Member)| {
        let chain = member.chain.bytes().clone();
        StoredDeparted(*last, member.record.signed().clone(), member.side == Side::Host, chain)
    };
    let stored: Vec<_> = departed.values().map(stored).collect();
    ctx.storage().put(group_key(group, Kind::Departed)?, &stored)
}

fn load_departed(ctx: &Ctx<'_>, group: &GroupId, state: &ThreadState) -> Result<Departed, LoadError> {
    let stored: Option<Vec<StoredDeparted>> = ctx.storage().take(&group_key(group, Kind::Departed)?)?;
    stored.unwrap_or_default().into_iter().map(|one| departed_member(ctx, state, one)).collect()
}

fn departed_member(
    ctx: &Ctx<'_>,
    state: &ThreadState,
    StoredDeparted(last, record, is_host, chain): StoredDeparted,
) -> Result<(DeviceId, (u64, Member)), LoadError> {
    let record = record.verify().map_err(|_| StorageError::Damaged)?;
    let (side, principal) = if is_host { (Side::Host, state.host) } else { (Side::Guest, state.guest) };
    let at = (ctx.now, ctx.revocations);
    let chain = verify_chain(&chain, &principal, &record.id(), Holds::Once, at);
    let chain = chain.map_err(|_| StorageError::Damaged)?;
    Ok((record.id(), (last, Member { record, chain, side })))
}

impl fmt::Debug for Thread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Thread")
            .field("id", &self.id())
            .field("era", &self.era())
            .field("epoch", &self.epoch)
            .field("members", &self.admitted.members.len())
            .finish_non_exhaustive()
    }
}
