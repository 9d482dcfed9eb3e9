//! The founding of a thread, by the guest.

use crate::{
    admission::{AdmissionRefusal, Step, admit},
    config::{create_config, credential, extensions, group_id, state_of},
    ctx::Ctx,
    join::WelcomeBytes,
    key_package::KeyPackage,
    open::leaves_after,
    state::{StateError, ThreadState},
    storage::StorageError,
    suite::Suite,
    thread::Thread,
};
use frontdesk_capability::ChainBytes;
use frontdesk_identity::{PrincipalId, ThreadId};
use openmls::{
    group::{MlsGroup, NewGroupError},
    prelude::OpenMlsProvider as _,
};

/// What a thread starts from.
#[derive(Debug, Clone)]
pub struct Founding {
    /// The entity.
    pub host: PrincipalId,
    /// The customer, whose device this is.
    pub guest: PrincipalId,
    /// 16 fresh random bytes; for a further era of a thread, those of the thread.
    pub nonce: [u8; 16],
    /// The cipher suite, which the steward's key package has, too.
    pub suite: Suite,
    /// This device's chain: rooted at the guest, with `read`.
    pub guest_chain: ChainBytes,
    /// The key package of the steward.
    pub steward: KeyPackage,
    /// The steward's chain: rooted at the host, with `accept` and `forward`.
    pub steward_chain: ChainBytes,
    /// The era; 0 for a new thread.
    pub era: u32,
    /// The term; higher than any before.
    pub term: u32,
}

/// Why a thread could not be founded.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// There is an era of this number already.
    #[error("this era of the thread exists")]
    Exists,
    /// The steward's key package is of another cipher suite.
    #[error("the steward's key package is of another cipher suite")]
    WrongSuite,
    /// The state contradicts itself, or is too long.
    #[error(transparent)]
    State(#[from] StateError),
    /// The outcome would not be admitted: mostly, one of the two chains does not hold.
    #[error(transparent)]
    Admission(#[from] AdmissionRefusal),
    /// The store failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// MLS could not do it.
    #[error("MLS could not create the group: {0}")]
    Mls(String),
}

impl Thread {
    /// Founds a thread and adds its steward. The Welcome is for the steward; messages can be sealed at once.
    ///
    /// # Errors
    /// [`CreateError`]. Nothing was written then.
    pub fn create(ctx: &Ctx<'_>, founding: Founding) -> Result<(Self, WelcomeBytes), CreateError> {
        let savepoint = ctx.overlay.savepoint();
        let outcome = found(ctx, founding);
        if outcome.is_err() {
            ctx.overlay.rollback(savepoint);
        }
        outcome
    }
}

fn found(ctx: &Ctx<'_>, founding: Founding) -> Result<(Thread, WelcomeBytes), CreateError> {
    if founding.steward.suite() != founding.suite {
        return Err(CreateError::WrongSuite);
    }
    let (suite, steward) = (founding.suite, founding.steward.mls.clone());
    let state = state(ctx, founding);
    let mut group = new_group(ctx, suite, &state)?;
    let welcome = add_steward(ctx, &mut group, steward)?;
    let staged = group.pending_commit().ok_or_else(|| CreateError::Mls("no commit".into()))?;
    let leaves = leaves_after(&group, staged, group.own_leaf_index())?;
    let state = state_of(staged.group_context().extensions());
    let admitted =
        admit(Step::Founding(ctx.keys.id()), state, &leaves, &ctx.mls.1, (ctx.now, ctx.revocations))?;
    group.merge_pending_commit(&ctx.provider()).map_err(mls)?;
    Ok((Thread::new(group, admitted, suite), welcome))
}

fn state(ctx: &Ctx<'_>, founding: Founding) -> ThreadState {
    let steward = founding.steward.device_id();
    let mut members = vec![(ctx.keys.id(), founding.guest_chain), (steward, founding.steward_chain)];
    members.sort_by_key(|(device, _)| *device);
    ThreadState {
        nonce: founding.nonce,
        thread: ThreadId::derive(&founding.host, &founding.guest, &founding.nonce),
        era: founding.era,
        term: founding.term,
        host: founding.host,
        guest: founding.guest,
        steward,
        members,
        speaker: None,
    }
}

fn new_group(ctx: &Ctx<'_>, suite: Suite, state: &ThreadState) -> Result<MlsGroup, CreateError> {
    let config = create_config(suite, extensions(state.encode()?).map_err(mls)?);
    let id = group_id(&state.thread, state.era);
    MlsGroup::new_with_group_id(&ctx.provider(), &ctx.signer(), &config, id, credential(ctx)).map_err(
        |error| match error {
            NewGroupError::GroupAlreadyExists => CreateError::Exists,
            NewGroupError::StorageError(error) => error.into(),
            NewGroupError::LibraryError(_)
            | NewGroupError::NoMatchingKeyPackage
            | NewGroupError::UnsupportedProposalType
            | NewGroupError::UnsupportedExtensionType
            | NewGroupError::InvalidExtensions(_)
            | NewGroupError::UnsupportedCiphersuite(_) => mls(error),
        },
    )
}

fn add_steward(
    ctx: &Ctx<'_>,
    group: &mut MlsGroup,
    steward: openmls::prelude::KeyPackage,
) -> Result<WelcomeBytes, CreateError> {
    let provider = ctx.provider();
    let bundle = group
        .commit_builder()
        .propose_adds([steward])
        .load_psks(provider.storage())
        .map_err(mls)?
        .build(provider.rand(), provider.crypto(), &ctx.signer(), |_| true)
        .map_err(mls)?
        .stage_commit(&provider)
        .map_err(mls)?;
    let welcome = bundle.to_welcome_msg().ok_or_else(|| CreateError::Mls("no welcome".into()))?;
    welcome.to_bytes().map(WelcomeBytes::new).map_err(mls)
}

#[expect(clippy::needless_pass_by_value, reason = "goes into map_err")]
fn mls(error: impl ToString) -> CreateError {
    CreateError::Mls(error.to_string())
}
