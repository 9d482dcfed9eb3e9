//! Joining a thread by a Welcome.

use crate::{
    admission::{AdmissionRefusal, Step, admit},
    config::{group_id, join_config, state_of},
    ctx::{Ctx, Provider},
    limits::MAX_WELCOME,
    member::{Leaf, LeafError},
    storage::StorageError,
    suite::Suite,
    thread::Thread,
};
use frontdesk_identity::{DeviceId, PrincipalId, ThreadId};
use openmls::{
    group::{MlsGroup, ProcessedWelcome, StagedWelcome, WelcomeError},
    prelude::{MlsMessageBodyIn, MlsMessageIn, Welcome, tls_codec::Deserialize as _},
};
use serde::{Deserialize, Serialize};
use std::fmt;

/// No honest thread gets here; from here on, counting epochs could overflow.
const MAX_EPOCH: u64 = 1 << 32;

/// A Welcome as it travels: an MLS message (RFC 9420, section 12.4.3.1).
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WelcomeBytes(#[serde(with = "serde_bytes")] Vec<u8>);

/// What the device that joins knows beforehand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expected {
    /// The entity.
    pub host: PrincipalId,
    /// The thread.
    pub thread: ThreadId,
    /// The era.
    pub era: u32,
    /// The lowest term that is believed; 0 if none is known. It keeps an old steward from coming back.
    pub min_term: u32,
    /// As what it joins.
    pub role: Role,
}

/// As what a device joins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// As the steward that the guest chose: the Welcome is from the guest, and nobody else is there.
    Steward,
    /// As a member that the steward added: the Welcome is from the steward.
    Member,
}

/// Why a Welcome was refused. Nothing was written, and the key package is still there.
#[derive(Debug, thiserror::Error)]
pub enum JoinRefusal {
    /// Longer than [`MAX_WELCOME`]; nothing was parsed.
    #[error("{len} bytes are more than a Welcome may have")]
    TooLong {
        /// Length in bytes.
        len: usize,
    },
    /// Not a Welcome, or bytes follow it.
    #[error("not a Welcome")]
    Malformed,
    /// For none of the key packages of this device; the one it is for may have been used.
    #[error("for none of this device's key packages")]
    NotForMe,
    /// Of a cipher suite that is not used here.
    #[error("of a cipher suite that is not used here")]
    UnknownSuite,
    /// For another thread, or another era of it.
    #[error("for another thread or era")]
    WrongThread,
    /// The thread's host is another than expected.
    #[error("the thread's host is another")]
    WrongHost,
    /// The term is lower than one that is known.
    #[error("term {found} is lower than one that is known")]
    OldTerm {
        /// The term in the Welcome.
        found: u32,
    },
    /// The thread names another steward than the device that joins as one.
    #[error("the thread has another steward")]
    NotTheSteward,
    /// This device is in this era already.
    #[error("this device is in this era of the thread already")]
    AlreadyJoined,
    /// It builds on pre-shared keys, which threads don't have.
    #[error("it builds on pre-shared keys")]
    PreSharedKeys,
    /// What it lets this device into breaks the admission rule.
    #[error(transparent)]
    Admission(#[from] AdmissionRefusal),
    /// It breaks a rule of MLS: a signature, a tag, or the tree does not hold.
    #[error("the Welcome does not hold: {0}")]
    Invalid(String),
    /// The store failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl WelcomeBytes {
    /// Wraps bytes from anywhere.
    #[must_use]
    pub const fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The raw bytes.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        &self.0
    }

    fn decode(&self) -> Result<Welcome, JoinRefusal> {
        if self.0.len() > MAX_WELCOME {
            return Err(JoinRefusal::TooLong { len: self.0.len() });
        }
        let message = MlsMessageIn::tls_deserialize_exact(&self.0);
        match message.map(MlsMessageIn::extract) {
            Ok(MlsMessageBodyIn::Welcome(welcome)) => Ok(welcome),
            Ok(
                MlsMessageBodyIn::PublicMessage(_)
                | MlsMessageBodyIn::PrivateMessage(_)
                | MlsMessageBodyIn::GroupInfo(_)
                | MlsMessageBodyIn::KeyPackage(_),
            )
            | Err(_) => Err(JoinRefusal::Malformed),
        }
    }
}

impl Thread {
    /// Joins the thread that a Welcome is for. The admission rule judges what it leads to before anything is kept.
    ///
    /// # Errors
    /// [`JoinRefusal`]. Nothing was written then.
    pub fn join(ctx: &Ctx<'_>, welcome: &WelcomeBytes, expected: &Expected) -> Result<Self, JoinRefusal> {
        let welcome = welcome.decode()?;
        let savepoint = ctx.overlay.savepoint();
        let outcome = join(ctx, welcome, expected);
        if outcome.is_err() {
            ctx.overlay.rollback(savepoint);
        }
        outcome
    }
}

fn join(ctx: &Ctx<'_>, welcome: Welcome, expected: &Expected) -> Result<Thread, JoinRefusal> {
    let provider = ctx.provider();
    let staged = stage(ctx, &provider, welcome, expected)?;
    let suite = Suite::from_code(staged.group_context().ciphersuite().into());
    let suite = suite.map_err(|_| JoinRefusal::UnknownSuite)?;
    if staged.group_context().epoch().as_u64() > MAX_EPOCH {
        return Err(invalid("the epoch is beyond reach"));
    }
    // The key of a leaf is the device's id: the admission rule looks at the records of all leaves.
    let from = Leaf::of(staged.welcome_sender().map_err(invalid)?).device();
    let from = from.ok_or(AdmissionRefusal::from(LeafError::KeyMismatch))?;
    let leaves: Vec<_> =
        staged.members().map(|member| Leaf::new(&member.credential, &member.signature_key)).collect();
    let state = state_of(staged.group_context().extensions());
    let step = step(expected.role, from, ctx.keys.id());
    let admitted = admit(step, state, &leaves, &ctx.mls.1, (ctx.now, ctx.revocations))?;
    check_expected(expected, &admitted.state, ctx.keys.id())?;
    let group = staged.into_group(&provider).map_err(refusal)?;
    let thread = Thread::new(group, admitted, suite);
    thread.keep_history_key(ctx)?;
    Ok(thread)
}

const fn step<'a>(role: Role, from: DeviceId, me: DeviceId) -> Step<'a> {
    match role {
        Role::Steward => Step::Founding(from),
        Role::Member => Step::Joining { from, me },
    }
}

fn stage(
    ctx: &Ctx<'_>,
    provider: &Provider<'_>,
    welcome: Welcome,
    expected: &Expected,
) -> Result<StagedWelcome, JoinRefusal> {
    let id = group_id(&expected.thread, expected.era);
    if MlsGroup::load(&ctx.storage(), &id)?.is_some() {
        return Err(JoinRefusal::AlreadyJoined);
    }
    let processed = ProcessedWelcome::new_from_welcome(provider, &join_config(), welcome).map_err(refusal)?;
    if !processed.psks().is_empty() {
        return Err(JoinRefusal::PreSharedKeys);
    }
    if *processed.unverified_group_info().group_id() != id {
        return Err(JoinRefusal::WrongThread);
    }
    openmls::group::JoinBuilder::new(provider, processed).skip_lifetime_validation().build().map_err(refusal)
}

fn check_expected(
    expected: &Expected,
    state: &crate::state::ThreadState,
    me: DeviceId,
) -> Result<(), JoinRefusal> {
    if state.thread != expected.thread || state.era != expected.era {
        return Err(JoinRefusal::WrongThread);
    }
    if state.host != expected.host {
        return Err(JoinRefusal::WrongHost);
    }
    if state.term < expected.min_term {
        return Err(JoinRefusal::OldTerm { found: state.term });
    }
    match expected.role {
        Role::Steward if state.steward != me => Err(JoinRefusal::NotTheSteward),
        Role::Steward | Role::Member => Ok(()),
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "OpenMLS's many causes come down to few for us")]
fn refusal(error: WelcomeError<StorageError>) -> JoinRefusal {
    match error {
        WelcomeError::StorageError(error) => error.into(),
        WelcomeError::NoMatchingKeyPackage | WelcomeError::JoinerSecretNotFound => JoinRefusal::NotForMe,
        WelcomeError::UnsupportedCiphersuite(_) | WelcomeError::CiphersuiteMismatch => {
            JoinRefusal::UnknownSuite
        }
        WelcomeError::GroupAlreadyExists => JoinRefusal::AlreadyJoined,
        WelcomeError::Psk(_) => JoinRefusal::PreSharedKeys,
        other => invalid(other),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "goes into map_err")]
fn invalid(error: impl ToString) -> JoinRefusal {
    JoinRefusal::Invalid(error.to_string())
}

impl fmt::Debug for WelcomeBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WelcomeBytes({} bytes)", self.0.len())
    }
}
