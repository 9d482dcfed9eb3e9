//! Changing the membership: the steward's commit.

use crate::{
    admission::AdmissionRefusal,
    config::extensions,
    ctx::Ctx,
    join::WelcomeBytes,
    key_package::KeyPackage,
    member::Holds,
    open::Change,
    state::{StateError, ThreadState},
    storage::StorageError,
    thread::Thread,
};
use frontdesk_capability::ChainBytes;
use frontdesk_identity::DeviceId;
use openmls::{
    group::CommitMessageBundle,
    prelude::{LeafNodeIndex, OpenMlsProvider as _},
};

/// What to change, all in one commit. An empty request changes the keys alone.
#[derive(Debug, Clone, Default)]
pub struct ChangeRequest {
    /// Who is added, and by which chain.
    pub add: Vec<(KeyPackage, ChainBytes)>,
    /// Who is removed. The same device may be added again in one go, if it lost its state.
    pub remove: Vec<DeviceId>,
    /// Whose chain is replaced: a lease renewed, a grant widened or narrowed.
    pub regrant: Vec<(DeviceId, ChainBytes)>,
    /// Who has the word on the host's side.
    pub speaker: Speaker,
    /// Who is the steward from now on; the term grows by one. Nobody can be added in the same commit.
    pub steward: Option<DeviceId>,
}

/// What becomes of the speaker lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Speaker {
    /// As it was; if the one who had the word is removed, it is free.
    #[default]
    Keep,
    /// Each that its grant lets may write.
    Free,
    /// This device of the host alone may write, and the guest.
    Only(DeviceId),
}

/// A change that is in force here, to be sent.
#[derive(Debug, Clone)]
pub struct Committed {
    /// For the members of the epoch before.
    pub commit: Vec<u8>,
    /// For those that were added.
    pub welcome: Option<WelcomeBytes>,
    /// What it changed.
    pub change: Change,
}

/// Why a change was not made. The thread and the overlay are as they were.
#[derive(Debug, thiserror::Error)]
pub enum ChangeRefusal {
    /// Only the steward can change the membership.
    #[error("this device is not the steward")]
    NotSteward,
    /// This device was removed from the thread.
    #[error("this device was removed from the thread")]
    Removed,
    /// A device to remove, regrant, give the word or the stewardship to is no member.
    #[error("device {0:?} is no member")]
    NotAMember(
        /// The device.
        DeviceId,
    ),
    /// A device to add is a member.
    #[error("device {0:?} is a member already")]
    AlreadyMember(
        /// The device.
        DeviceId,
    ),
    /// The steward can't remove itself: another must be the steward first.
    #[error("the steward can't remove itself")]
    CannotRemoveSelf,
    /// A key package is of another cipher suite than the thread.
    #[error("the key package of device {0:?} is of another cipher suite")]
    WrongSuite(
        /// The device.
        DeviceId,
    ),
    /// The terms are used up.
    #[error("there is no higher term")]
    NoHigherTerm,
    /// The new state would contradict itself, or be too long.
    #[error(transparent)]
    State(#[from] StateError),
    /// The outcome would not be admitted; the members would refuse it, too.
    #[error(transparent)]
    Admission(#[from] AdmissionRefusal),
    /// The store failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// MLS could not do it.
    #[error("MLS could not commit: {0}")]
    Mls(String),
}

impl Thread {
    /// Changes the membership by one commit, which is in force here at once: the steward is the only committer, so no
    /// other commit can come before it. The outcome passes the same admission rule as at all others.
    ///
    /// # Errors
    /// [`ChangeRefusal`]. The thread and the overlay are as they were.
    pub fn change(&mut self, ctx: &Ctx<'_>, request: ChangeRequest) -> Result<Committed, ChangeRefusal> {
        if !self.is_active() {
            return Err(ChangeRefusal::Removed);
        }
        if ctx.keys.id() != self.steward() {
            return Err(ChangeRefusal::NotSteward);
        }
        let state = self.state_after(&request)?;
        self.transact(ctx, |thread| thread.commit(ctx, request, &state))
    }

    fn state_after(&self, request: &ChangeRequest) -> Result<ThreadState, ChangeRefusal> {
        let mut state = self.state().clone();
        self.remove_members(&mut state, &request.remove)?;
        for (device, chain) in &request.regrant {
            let member = state.members.iter_mut().find(|(id, _)| id == device);
            member.ok_or(ChangeRefusal::NotAMember(*device))?.1 = chain.clone();
        }
        for (package, chain) in &request.add {
            self.add_member(&mut state, package, chain)?;
        }
        state.members.sort_by_key(|(device, _)| *device);
        state.speaker = speaker_after(&state, request.speaker)?;
        if let Some(steward) = request.steward {
            require_member(&state, steward)?;
            state.term = state.term.checked_add(1).ok_or(ChangeRefusal::NoHigherTerm)?;
            state.steward = steward;
        }
        Ok(state)
    }

    fn remove_members(&self, state: &mut ThreadState, remove: &[DeviceId]) -> Result<(), ChangeRefusal> {
        for device in remove {
            if *device == self.steward() {
                return Err(ChangeRefusal::CannotRemoveSelf);
            }
            require_member(state, *device)?;
            state.members.retain(|(id, _)| id != device);
        }
        Ok(())
    }

    fn add_member(
        &self,
        state: &mut ThreadState,
        package: &KeyPackage,
        chain: &ChainBytes,
    ) -> Result<(), ChangeRefusal> {
        let device = package.device_id();
        if package.suite() != self.suite() {
            return Err(ChangeRefusal::WrongSuite(device));
        }
        if state.chain_of(&device).is_some() {
            return Err(ChangeRefusal::AlreadyMember(device));
        }
        state.members.push((device, chain.clone()));
        Ok(())
    }

    fn commit(
        &mut self,
        ctx: &Ctx<'_>,
        request: ChangeRequest,
        state: &ThreadState,
    ) -> Result<Committed, ChangeRefusal> {
        let bundle = self.build(ctx, request, state)?;
        let staged = self.group.pending_commit().ok_or_else(|| mls("no pending commit"))?;
        let admitted = self.judge(ctx, staged, (ctx.keys.id(), self.group.own_leaf_index()), Holds::Now)?;
        let change = self.change_of(staged, &admitted);
        self.group.merge_pending_commit(&ctx.provider()).map_err(mls)?;
        self.settle(ctx, admitted)?;
        let welcome = bundle.to_welcome_msg().map(|welcome| welcome.to_bytes()).transpose().map_err(mls)?;
        let commit = bundle.commit().to_bytes().map_err(mls)?;
        Ok(Committed { commit, welcome: welcome.map(WelcomeBytes::new), change })
    }

    fn build(
        &mut self,
        ctx: &Ctx<'_>,
        request: ChangeRequest,
        state: &ThreadState,
    ) -> Result<CommitMessageBundle, ChangeRefusal> {
        let provider = ctx.provider();
        let removed = self.leaf_indices(&request.remove);
        self.group
            .commit_builder()
            .consume_proposal_store(false)
            .propose_adds(request.add.into_iter().map(|(package, _)| package.mls))
            .propose_removals(removed)
            .propose_group_context_extensions(extensions(state.encode()?).map_err(mls)?)
            .map_err(mls)?
            .load_psks(provider.storage())
            .map_err(mls)?
            .build(provider.rand(), provider.crypto(), &ctx.signer(), |_| true)
            .map_err(mls)?
            .stage_commit(&provider)
            .map_err(mls)
    }

    fn leaf_indices(&self, devices: &[DeviceId]) -> Vec<LeafNodeIndex> {
        let named = |key: &[u8]| devices.iter().any(|device| device.as_bytes().as_slice() == key);
        self.group
            .members()
            .filter(|member| named(&member.signature_key))
            .map(|member| member.index)
            .collect()
    }
}

fn speaker_after(state: &ThreadState, speaker: Speaker) -> Result<Option<DeviceId>, ChangeRefusal> {
    match speaker {
        Speaker::Keep => Ok(state.speaker.filter(|device| state.chain_of(device).is_some())),
        Speaker::Free => Ok(None),
        Speaker::Only(device) => require_member(state, device).map(|()| Some(device)),
    }
}

fn require_member(state: &ThreadState, device: DeviceId) -> Result<(), ChangeRefusal> {
    state.chain_of(&device).map(|_| ()).ok_or(ChangeRefusal::NotAMember(device))
}

#[expect(clippy::needless_pass_by_value, reason = "goes into map_err")]
fn mls(error: impl ToString) -> ChangeRefusal {
    ChangeRefusal::Mls(error.to_string())
}
