//! One step: where it writes, when it happens, and how parts of it end early.

use crate::{CommandError, Now};
use frontdesk_capability::Refusal;
use frontdesk_identity::{ThreadId, UnixTime, codec::DecodeError};
use frontdesk_store::{Overlay, StoreError};
use frontdesk_wire::{FrameError, Reason, RequestId};

/// Where a step writes and when it happens.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step<'a> {
    pub(crate) overlay: &'a Overlay<'a>,
    pub(crate) now: Now,
}

impl Step<'_> {
    pub(crate) const fn wall(&self) -> UnixTime {
        self.now.wall
    }
}

/// Why an operation ended early: the store failed, and the whole step is void; or the input was refused, and only its
/// own writes are undone.
#[derive(Debug)]
pub(crate) enum Halt<E> {
    Store(StoreError),
    Refuse(E),
}

impl<E> From<StoreError> for Halt<E> {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<CommandError> for Halt<CommandError> {
    fn from(error: CommandError) -> Self {
        Self::Refuse(error)
    }
}

impl From<Refuse> for Halt<Refuse> {
    fn from(refuse: Refuse) -> Self {
        Self::Refuse(refuse)
    }
}

impl<E> Halt<E> {
    pub(crate) fn map<F>(self, with: impl FnOnce(E) -> F) -> Halt<F> {
        match self {
            Self::Store(error) => Halt::Store(error),
            Self::Refuse(refused) => Halt::Refuse(with(refused)),
        }
    }
}

/// A frame that is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refuse {
    pub(crate) reason: Reason,
    pub(crate) thread: Option<ThreadId>,
    pub(crate) detail: String,
    /// Someone tried what it may not: told as a security event. Else it is the ordinary course of things.
    pub(crate) security: bool,
    /// The contact that fails with this refusal: the business's own node showed nothing better.
    pub(crate) contact: Option<RequestId>,
}

impl Refuse {
    /// The ordinary course of things: a limit, a race, something that is gone.
    pub(crate) fn plain(reason: Reason) -> Self {
        Self { reason, thread: None, detail: String::new(), security: false, contact: None }
    }

    /// A rule was broken.
    pub(crate) fn breach(reason: Reason, detail: impl ToString) -> Self {
        Self { reason, thread: None, detail: detail.to_string(), security: true, contact: None }
    }

    /// A grant doesn't hold.
    pub(crate) fn grant(refusal: Refusal) -> Self {
        Self::breach(Reason::from(refusal), format!("{}: {refusal}", refusal.code()))
    }

    pub(crate) fn malformed(error: &FrameError) -> Self {
        Self::breach(Reason::from(*error), error)
    }

    pub(crate) fn decode(error: DecodeError) -> Self {
        Self::breach(Reason::from(error), error)
    }

    pub(crate) fn about(mut self, thread: ThreadId) -> Self {
        self.thread = Some(thread);
        self
    }
}
