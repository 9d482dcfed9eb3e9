//! What a peer is told of what was not opened.

use crate::step::{Halt, Refuse};
use frontdesk_identity::ThreadId;
use frontdesk_thread::{OpenRefusal, WriterRefusal};
use frontdesk_wire::Reason;

/// What to tell a peer of a message or commit that was not opened.
pub(crate) fn open_refusal(error: OpenRefusal, thread: ThreadId) -> Halt<Refuse> {
    let detail = error.to_string();
    let (reason, security) = match error {
        OpenRefusal::Storage(error) => return Halt::Store(crate::threads::storage(error)),
        OpenRefusal::TooLong { .. } => (Reason::TooLong, true),
        OpenRefusal::Malformed
        | OpenRefusal::OtherKind
        | OpenRefusal::NotPrivate
        | OpenRefusal::NotForThisThread => (Reason::Malformed, true),
        OpenRefusal::FutureEpoch { .. } => (Reason::FutureEpoch, false),
        OpenRefusal::PastEpoch { .. } => (Reason::PastEpoch, false),
        OpenRefusal::Replayed => (Reason::Replayed, true),
        OpenRefusal::Removed => (Reason::UnknownThread, false),
        OpenRefusal::SenderNotAllowed { refusal: WriterRefusal::Grant(refusal), .. } => {
            (Reason::from(refusal), true)
        }
        OpenRefusal::SenderNotAllowed { .. } => (Reason::NotMember, true),
        OpenRefusal::ProposalsNotAccepted | OpenRefusal::ExternalCommit => (Reason::Admission, true),
        OpenRefusal::Admission { refusal, .. } => (admission_reason(&refusal), true),
        OpenRefusal::InvalidCommit(_)
        | OpenRefusal::Undecryptable
        | OpenRefusal::TooFarAhead
        | OpenRefusal::OwnMessage
        | OpenRefusal::Mls(_) => (Reason::Undecryptable, true),
    };
    Refuse { reason, thread: Some(thread), detail, security, contact: None }.into()
}

/// What to tell a peer of an admission that was refused: the grant's own reason where it is about a grant.
pub(crate) fn admission_reason(refusal: &frontdesk_thread::AdmissionRefusal) -> Reason {
    use frontdesk_thread::AdmissionRefusal as Admission;
    match refusal {
        Admission::Grant { refusal, .. } | Admission::StewardNotEntitled(refusal) => Reason::from(*refusal),
        Admission::NotSteward(_) => Reason::NotSteward,
        Admission::LeafWithoutGrant(_) => Reason::GrantMissing,
        Admission::NotAThread
        | Admission::State(_)
        | Admission::FixedFieldChanged
        | Admission::TermFell { .. }
        | Admission::StewardWithoutTerm
        | Admission::StewardWithAdd
        | Admission::Leaf(_)
        | Admission::TwoLeaves(_)
        | Admission::GrantWithoutLeaf(_)
        | Admission::Stranger(_)
        | Admission::StewardNotOfHost
        | Admission::GuestRemoved(_)
        | Admission::NoGuest
        | Admission::NotAFounding
        | Admission::CommitterChanged
        | Admission::Proposal => Reason::Admission,
    }
}
