//! Opening what others sealed: messages, and commits of the steward.

use crate::{
    admission::{AdmissionRefusal, Admitted, Step, admit},
    config::state_of,
    ctx::Ctx,
    limits::{MAX_MESSAGE, MAX_PAST_EPOCHS},
    member::{Holds, Leaf, identity},
    storage::StorageError,
    thread::{Thread, WriterRefusal, leaves},
};
use frontdesk_capability::Refusal;
use frontdesk_identity::DeviceId;
use openmls::{
    framing::errors::{MessageDecryptionError, SecretTreeError},
    group::{MlsGroup, ProcessMessageError, StageCommitError, StagedCommit, ValidationError},
    prelude::{
        ContentType, LeafNodeIndex, MlsMessageBodyIn, MlsMessageIn, PrivateMessageIn,
        ProcessedMessageContent, Proposal, ProposalOrRefType, ProtocolMessage, Sender,
        tls_codec::Deserialize as _,
    },
};
use std::fmt;

/// A message of a member, opened. `Debug` tells how long it is, and not a word of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Opened {
    /// Who sent it.
    pub sender: DeviceId,
    /// The epoch that it was sent in.
    pub epoch: u64,
    /// Whether the sender has left since. It was a member in `epoch`, and its message was overtaken by the commit
    /// that removed it; or it sealed it later under old keys, which can't be told apart here.
    pub departed: bool,
    /// That the grant of a sender that has left is revoked. Refuse the message for it, unless the steward says that
    /// it came in time.
    pub revoked: Option<Refusal>,
    /// What it says.
    pub plaintext: Vec<u8>,
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opened")
            .field("sender", &self.sender)
            .field("epoch", &self.epoch)
            .field("departed", &self.departed)
            .field("revoked", &self.revoked)
            .field("plaintext", &format_args!("{} bytes", self.plaintext.len()))
            .finish()
    }
}

/// A change of the membership, in force now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The new epoch.
    pub epoch: u64,
    /// Who came. Also who was added again after losing its state.
    pub added: Vec<DeviceId>,
    /// Who left.
    pub removed: Vec<DeviceId>,
    /// Whether this device was removed. It can seal and open nothing more then.
    pub removed_me: bool,
}

/// Why a sealed message was not opened. The thread and the overlay are as they were.
#[derive(Debug, thiserror::Error)]
pub enum OpenRefusal {
    /// Longer than [`MAX_MESSAGE`]; nothing was parsed.
    #[error("{len} bytes are more than a message may have")]
    TooLong {
        /// Length in bytes.
        len: usize,
    },
    /// Not an MLS message, or one that has no place in a thread.
    #[error("not an MLS message of a thread")]
    Malformed,
    /// A commit where a message was expected, or a message where a commit was.
    #[error("a commit in a message's place, or a message in a commit's")]
    OtherKind,
    /// Not encrypted.
    #[error("not encrypted")]
    NotPrivate,
    /// For another thread or era.
    #[error("for another thread or era")]
    NotForThisThread,
    /// Of an epoch that this device has not reached: keep it until the commits before it have come.
    #[error("of epoch {epoch}, which is not reached")]
    FutureEpoch {
        /// The message's epoch.
        epoch: u64,
    },
    /// Of an epoch whose keys are gone, or that this device was not in; or a commit of a past epoch.
    #[error("of epoch {epoch}, which is past")]
    PastEpoch {
        /// The message's epoch.
        epoch: u64,
    },
    /// Its key was used or dropped: a duplicate, or overtaken by more messages than are tolerated.
    #[error("its key was used or dropped")]
    Replayed,
    /// The sender is further ahead than can be followed.
    #[error("its sender is further ahead than can be followed")]
    TooFarAhead,
    /// Sealed by this device itself.
    #[error("sealed by this device itself")]
    OwnMessage,
    /// This device was removed from the thread.
    #[error("this device was removed from the thread")]
    Removed,
    /// The sender may not write.
    #[error("device {sender:?} may not write: {refusal}")]
    SenderNotAllowed {
        /// Who sent it; MLS authenticated that.
        sender: DeviceId,
        /// Why it may not.
        refusal: WriterRefusal,
    },
    /// A proposal on its own, or a commit that refers to one.
    #[error("proposals are not accepted")]
    ProposalsNotAccepted,
    /// A commit from outside the group.
    #[error("commits from outside are not accepted")]
    ExternalCommit,
    /// A commit that leads to what must not be. A security event: it was made by a member.
    #[error("commit by device {by:?}: {refusal}")]
    Admission {
        /// The committer; MLS authenticated that.
        by: DeviceId,
        /// What it breaks.
        refusal: AdmissionRefusal,
    },
    /// A commit that breaks a rule of MLS.
    #[error("not a valid commit: {0}")]
    InvalidCommit(String),
    /// It can't be decrypted, or its signature does not hold.
    #[error("can't be decrypted or authenticated")]
    Undecryptable,
    /// The store failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// MLS failed. A defect of ours.
    #[error("MLS failed: {0}")]
    Mls(String),
}

impl Thread {
    /// Opens a sealed message: checks who sent it and by what right. It can be opened once; its key is gone then. A commit
    /// is none, of whatever epoch: it would change the members without what has to come with it.
    ///
    /// # Errors
    /// [`OpenRefusal`]. The thread and the overlay are as they were.
    pub fn open(&mut self, ctx: &Ctx<'_>, bytes: &[u8]) -> Result<Opened, OpenRefusal> {
        let message = self.check_frame(bytes, ContentType::Application)?;
        self.transact(ctx, |thread| {
            let Processed { sender, epoch, content, .. } = thread.process(ctx, message)?;
            let ProcessedMessageContent::ApplicationMessage(message) = content else {
                return Err(unfit(&content));
            };
            thread.message(ctx, sender, epoch, message.into_bytes())
        })
    }

    /// Follows a commit: puts the change in force if the steward made it and the admission rule lets it.
    ///
    /// # Errors
    /// [`OpenRefusal`]. The thread and the overlay are as they were.
    pub fn follow(&mut self, ctx: &Ctx<'_>, bytes: &[u8]) -> Result<Change, OpenRefusal> {
        let message = self.check_frame(bytes, ContentType::Commit)?;
        self.transact(ctx, |thread| {
            let Processed { sender, index, content, .. } = thread.process(ctx, message)?;
            let ProcessedMessageContent::StagedCommitMessage(staged) = content else {
                return Err(unfit(&content));
            };
            let by = sender.ok_or(OpenRefusal::Undecryptable)?;
            thread.merge(ctx, *staged, by, index)
        })
    }

    /// The writes of the last [`open`](Self::open) were rolled back in the overlay: what memory has of them goes, too,
    /// so that the message can be opened again.
    pub const fn take_back(&mut self) {
        self.stale = true;
    }

    /// What can be told before anything is decrypted. The kind comes before the epoch, so that nothing of another kind is
    /// kept for later.
    fn check_frame(&self, bytes: &[u8], kind: ContentType) -> Result<PrivateMessageIn, OpenRefusal> {
        if bytes.len() > MAX_MESSAGE {
            return Err(OpenRefusal::TooLong { len: bytes.len() });
        }
        let message = private_message(bytes)?;
        let epoch = message.epoch().as_u64();
        if message.group_id() != self.group.group_id() {
            return Err(OpenRefusal::NotForThisThread);
        }
        if !self.is_active() {
            return Err(OpenRefusal::Removed);
        }
        if message.content_type() == ContentType::Proposal {
            return Err(OpenRefusal::ProposalsNotAccepted);
        }
        if message.content_type() != kind {
            return Err(OpenRefusal::OtherKind);
        }
        if epoch > self.epoch {
            return Err(OpenRefusal::FutureEpoch { epoch });
        }
        let reach = if kind == ContentType::Commit { 0 } else { MAX_PAST_EPOCHS };
        if self.epoch.saturating_sub(epoch) > reach {
            return Err(OpenRefusal::PastEpoch { epoch });
        }
        Ok(message)
    }

    fn process(&mut self, ctx: &Ctx<'_>, message: PrivateMessageIn) -> Result<Processed, OpenRefusal> {
        let past = (message.epoch().as_u64() < self.epoch).then(|| message.epoch().as_u64());
        let message = ProtocolMessage::PrivateMessage(message);
        let processed = self.group.process_message(&ctx.provider(), message);
        let processed = processed.map_err(|error| refusal(error, past))?;
        let epoch = processed.epoch().as_u64();
        let sender = self.device_of(&identity(processed.credential()));
        let index = match processed.sender() {
            Sender::Member(index) => *index,
            Sender::NewMemberCommit => return Err(OpenRefusal::ExternalCommit),
            Sender::External(_) | Sender::NewMemberProposal => return Err(OpenRefusal::ProposalsNotAccepted),
        };
        Ok(Processed { sender, index, epoch, content: processed.into_content() })
    }

    /// A sender that is neither a member nor left of late has no right that could be checked.
    fn message(
        &self,
        ctx: &Ctx<'_>,
        sender: Option<DeviceId>,
        epoch: u64,
        plaintext: Vec<u8>,
    ) -> Result<Opened, OpenRefusal> {
        let sender = sender.ok_or(OpenRefusal::PastEpoch { epoch })?;
        let departed = !self.is_member(&sender);
        let revoked = match self.check_author(&sender, epoch, (ctx.now, ctx.revocations)) {
            Ok(()) => None,
            Err(WriterRefusal::Grant(refusal @ Refusal::Revoked { .. })) if departed => Some(refusal),
            Err(refusal) => return Err(OpenRefusal::SenderNotAllowed { sender, refusal }),
        };
        Ok(Opened { sender, epoch, departed, revoked, plaintext })
    }

    fn merge(
        &mut self,
        ctx: &Ctx<'_>,
        staged: StagedCommit,
        by: DeviceId,
        index: LeafNodeIndex,
    ) -> Result<Change, OpenRefusal> {
        let admitted = self
            .judge(ctx, &staged, (by, index), Holds::Once)
            .map_err(|refusal| OpenRefusal::Admission { by, refusal })?;
        let change = self.change_of(&staged, &admitted);
        self.group
            .merge_staged_commit(&ctx.provider(), staged)
            .map_err(|error| OpenRefusal::Mls(error.to_string()))?;
        self.settle(ctx, admitted)?;
        Ok(change)
    }

    /// Applies the admission rule to what a commit leads to.
    pub(crate) fn judge(
        &self,
        ctx: &Ctx<'_>,
        staged: &StagedCommit,
        (by, index): (DeviceId, LeafNodeIndex),
        new: Holds,
    ) -> Result<Admitted, AdmissionRefusal> {
        // Who committed is asked first: of a stranger to the task, nothing else matters.
        if by != self.steward() {
            return Err(AdmissionRefusal::NotSteward(by));
        }
        let leaves = leaves_after(&self.group, staged, index)?;
        let state = state_of(staged.group_context().extensions());
        let step = Step::Commit { by, before: &self.admitted, new };
        admit(step, state, &leaves, &ctx.mls.1, (ctx.now, ctx.revocations))
    }

    pub(crate) fn change_of(&self, staged: &StagedCommit, admitted: &Admitted) -> Change {
        let added =
            staged.add_proposals().map(|add| Leaf::of(add.add_proposal().key_package().leaf_node()).key);
        let added = added.filter_map(|key| Some(DeviceId::from_bytes(key.try_into().ok()?)));
        let gone = self.admitted.members.keys().filter(|device| !admitted.members.contains_key(device));
        Change {
            epoch: staged.epoch().as_u64(),
            added: added.collect(),
            removed: gone.copied().collect(),
            removed_me: staged.self_removed(),
        }
    }
}

/// An MLS message, decrypted and authenticated.
struct Processed {
    /// None for one that isn't a member, and wasn't in the last epochs.
    sender: Option<DeviceId>,
    index: LeafNodeIndex,
    epoch: u64,
    content: ProcessedMessageContent,
}

/// Why a content is not what its frame was checked to be.
fn unfit(content: &ProcessedMessageContent) -> OpenRefusal {
    match content {
        ProcessedMessageContent::OwnPrivateMessage | ProcessedMessageContent::OwnPendingCommit => {
            OpenRefusal::OwnMessage
        }
        ProcessedMessageContent::ProposalMessage(_)
        | ProcessedMessageContent::ExternalJoinProposalMessage(_) => OpenRefusal::ProposalsNotAccepted,
        ProcessedMessageContent::ApplicationMessage(_) | ProcessedMessageContent::StagedCommitMessage(_) => {
            OpenRefusal::OtherKind
        }
    }
}

fn private_message(bytes: &[u8]) -> Result<PrivateMessageIn, OpenRefusal> {
    let message = MlsMessageIn::tls_deserialize_exact(bytes).map_err(|_| OpenRefusal::Malformed)?;
    match message.extract() {
        MlsMessageBodyIn::PrivateMessage(message) => Ok(message),
        MlsMessageBodyIn::PublicMessage(message) => {
            let message = ProtocolMessage::from(message);
            Err(match (message.is_external(), message.content_type()) {
                (true, ContentType::Commit) => OpenRefusal::ExternalCommit,
                (true, ContentType::Proposal) => OpenRefusal::ProposalsNotAccepted,
                (true, ContentType::Application) | (false, _) => OpenRefusal::NotPrivate,
            })
        }
        MlsMessageBodyIn::Welcome(_) | MlsMessageBodyIn::GroupInfo(_) | MlsMessageBodyIn::KeyPackage(_) => {
            Err(OpenRefusal::Malformed)
        }
    }
}

/// The leaves after a commit, computed from its proposals: when this device is removed, OpenMLS has no new tree to
/// show. Refuses proposals that a thread does not have, and a committer that becomes someone else on the way.
pub(crate) fn leaves_after(
    group: &MlsGroup,
    staged: &StagedCommit,
    committer: LeafNodeIndex,
) -> Result<Vec<Leaf>, AdmissionRefusal> {
    check_proposals(staged)?;
    let removed: Vec<_> =
        staged.remove_proposals().map(|remove| remove.remove_proposal().removed()).collect();
    let own = group.member_at(committer).map(|member| Leaf::new(&member.credential, &member.signature_key));
    let path = staged.update_path_leaf_node().map(Leaf::of);
    if path.is_some() && path != own {
        return Err(AdmissionRefusal::CommitterChanged);
    }
    let stay = group.members().zip(leaves(group)).filter(|(member, _)| !removed.contains(&member.index));
    let come = staged.add_proposals().map(|add| Leaf::of(add.add_proposal().key_package().leaf_node()));
    Ok(stay.map(|(_, leaf)| leaf).chain(come).collect())
}

fn check_proposals(staged: &StagedCommit) -> Result<(), AdmissionRefusal> {
    let by_value = |kind| matches!(kind, ProposalOrRefType::Proposal);
    let known = |proposal: &Proposal| {
        matches!(proposal, Proposal::Add(_) | Proposal::Remove(_) | Proposal::GroupContextExtensions(_))
    };
    let allowed = staged
        .queued_proposals()
        .all(|queued| by_value(queued.proposal_or_ref_type()) && known(queued.proposal()));
    if allowed { Ok(()) } else { Err(AdmissionRefusal::Proposal) }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "OpenMLS's many causes come down to few for us")]
fn refusal(error: ProcessMessageError<StorageError>, past: Option<u64>) -> OpenRefusal {
    match error {
        ProcessMessageError::StorageError(error) => error.into(),
        ProcessMessageError::GroupStateError(_) => OpenRefusal::Removed,
        ProcessMessageError::IncompatibleWireFormat => OpenRefusal::NotPrivate,
        ProcessMessageError::InvalidCommit(error) => commit_refusal(error),
        ProcessMessageError::ValidationError(ValidationError::UnableToDecrypt(
            MessageDecryptionError::SecretTreeError(error),
        )) => key_refusal(error, past),
        ProcessMessageError::LibraryError(error) => OpenRefusal::Mls(error.to_string()),
        _ => OpenRefusal::Undecryptable,
    }
}

fn key_refusal(error: SecretTreeError, past: Option<u64>) -> OpenRefusal {
    match (error, past) {
        (SecretTreeError::SecretReuseError, _) | (SecretTreeError::TooDistantInThePast, None) => {
            OpenRefusal::Replayed
        }
        (SecretTreeError::TooDistantInThePast, Some(epoch)) => OpenRefusal::PastEpoch { epoch },
        (SecretTreeError::TooDistantInTheFuture, _) => OpenRefusal::TooFarAhead,
        _ => OpenRefusal::Undecryptable,
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "OpenMLS's many causes come down to few for us")]
fn commit_refusal(error: StageCommitError) -> OpenRefusal {
    match error {
        StageCommitError::MissingProposal => OpenRefusal::ProposalsNotAccepted,
        StageCommitError::OwnCommitMismatch => OpenRefusal::OwnMessage,
        StageCommitError::SenderTypeExternal
        | StageCommitError::SenderTypeNewMemberProposal
        | StageCommitError::ExternalCommitValidation(_) => OpenRefusal::ExternalCommit,
        other => OpenRefusal::InvalidCommit(other.to_string()),
    }
}
