//! The admission rule: one pure function that decides who may be in a thread, whoever asks. Creating, joining,
//! changing and opening a commit all come here before anything is merged.

use crate::{
    member::{Holds, Leaf, LeafError, Member, Side, host_may_be_here, verify_chain},
    state::{StateError, ThreadState},
    verified::VerifiedRecords,
};
use frontdesk_capability::{Ability, ChainBytes, Refusal, Revocations, Scope};
use frontdesk_identity::{DeviceId, DeviceRecord, UnixTime};
use std::collections::BTreeMap;

/// Why the outcome of a commit or a Welcome was refused. The old state stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AdmissionRefusal {
    /// The group context has no thread state, or other extensions than a thread has.
    #[error("the group's extensions are not those of a thread")]
    NotAThread,
    /// The thread state is malformed or contradicts itself.
    #[error("thread state: {0}")]
    State(#[from] StateError),
    /// The thread id, nonce, era, host or guest differ from before.
    #[error("a fixed field of the thread was changed")]
    FixedFieldChanged,
    /// The term fell.
    #[error("the term fell from {from} to {to}")]
    TermFell {
        /// The term before.
        from: u32,
        /// The term proposed.
        to: u32,
    },
    /// The steward changed without a higher term.
    #[error("the steward changed without a higher term")]
    StewardWithoutTerm,
    /// A commit names a new steward and adds someone: whose Welcome would it be?
    #[error("a commit that changes the steward also adds a device")]
    StewardWithAdd,
    /// The committer (or the sender of the Welcome) is not the one who may change the membership.
    #[error("by device {0:?}, which may not change the membership")]
    NotSteward(
        /// The committer.
        DeviceId,
    ),
    /// A leaf doesn't speak for a device.
    #[error("a leaf: {0}")]
    Leaf(#[from] LeafError),
    /// A device has two leaves.
    #[error("device {0:?} has two leaves")]
    TwoLeaves(
        /// The device.
        DeviceId,
    ),
    /// A leaf without a grant in the state.
    #[error("device {0:?} has a leaf and no grant")]
    LeafWithoutGrant(
        /// The device.
        DeviceId,
    ),
    /// A grant in the state without a leaf.
    #[error("device {0:?} has a grant and no leaf")]
    GrantWithoutLeaf(
        /// The device.
        DeviceId,
    ),
    /// A device of neither the host nor the guest.
    #[error("device {0:?} belongs to neither host nor guest")]
    Stranger(
        /// The device.
        DeviceId,
    ),
    /// The grant of a member does not hold, or not for this.
    #[error("the grant of device {device:?}: {refusal}")]
    Grant {
        /// The member.
        device: DeviceId,
        /// What is wrong with its grant.
        refusal: Refusal,
    },
    /// The steward is no member of the host with `accept` and `forward`.
    #[error("the steward is not entitled: {0}")]
    StewardNotEntitled(
        /// What its grant lacks.
        Refusal,
    ),
    /// The steward is not a member, or is the guest's.
    #[error("the steward is no member on the host's side")]
    StewardNotOfHost,
    /// A device of the guest was removed. The guest leaves its thread itself or not at all.
    #[error("device {0:?} of the guest was removed")]
    GuestRemoved(
        /// The device.
        DeviceId,
    ),
    /// No device of the guest is a member.
    #[error("no device of the guest is a member")]
    NoGuest,
    /// At the founding there are others than the guest and the steward.
    #[error("a founding has others than the guest's device and the steward")]
    NotAFounding,
    /// The committer's leaf changed its credential or signature key.
    #[error("the committer changed its credential or signature key")]
    CommitterChanged,
    /// A proposal other than adding and removing members and changing the state, or one by reference.
    #[error("a proposal that a thread does not have")]
    Proposal,
}

/// The verified outcome: the state and its members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Admitted {
    pub(crate) state: ThreadState,
    pub(crate) members: BTreeMap<DeviceId, Member>,
}

/// Where an outcome comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Step<'a> {
    /// The founding, by this device of the guest, as both see it: nothing was before, and both grants hold now.
    Founding(DeviceId),
    /// A Welcome from this device to me: my grant holds now, and that of the others held once.
    Joining { from: DeviceId, me: DeviceId },
    /// A commit by this device on what was before. What is new in it holds now, if it is to be made: it may come to others late,
    /// when a grant has ended that it gave.
    Commit { by: DeviceId, before: &'a Admitted, new: Holds },
    /// Read back from the store, where only what was admitted goes.
    Loading,
}

/// Time and revocations.
pub(crate) type At<'a> = (UnixTime, &'a Revocations);

/// The admission rule.
pub(crate) fn admit(
    step: Step<'_>,
    state: Option<&[u8]>,
    leaves: &[Leaf],
    verified: &VerifiedRecords,
    at: At<'_>,
) -> Result<Admitted, AdmissionRefusal> {
    let state = ThreadState::decode(state.ok_or(AdmissionRefusal::NotAThread)?)?;
    check_committer(step, &state)?;
    check_history(step, &state)?;
    let records = records(step, leaves, verified)?;
    check_grants_are_leaves(&state, &records)?;
    let members = members(step, &state, records, at)?;
    check_sides(step, &state, &members)?;
    check_right(step, &members, at)?;
    Ok(Admitted { state, members })
}

/// Who commits or lets in uses a right, which has to hold now, by the grant that it had before.
fn check_right(
    step: Step<'_>,
    members: &BTreeMap<DeviceId, Member>,
    (now, revocations): At<'_>,
) -> Result<(), AdmissionRefusal> {
    let by = match step {
        Step::Commit { by, before, .. } => before.members.get(&by),
        Step::Joining { from, .. } => members.get(&from),
        Step::Founding(_) | Step::Loading => return Ok(()),
    };
    let holds = by.map_or(Ok(()), |by| by.chain.check_at(now, revocations));
    holds.map_err(AdmissionRefusal::StewardNotEntitled)
}

fn check_committer(step: Step<'_>, state: &ThreadState) -> Result<(), AdmissionRefusal> {
    let (by, steward) = match step {
        Step::Commit { by, before, .. } => (by, before.state.steward),
        Step::Joining { from, .. } => (from, state.steward),
        // Who founds is the guest's by `check_sides`.
        Step::Founding(_) | Step::Loading => return Ok(()),
    };
    require(by == steward, AdmissionRefusal::NotSteward(by))
}

fn check_history(step: Step<'_>, state: &ThreadState) -> Result<(), AdmissionRefusal> {
    let Step::Commit { before: Admitted { state: before, .. }, .. } = step else { return Ok(()) };
    let fixed = |state: &ThreadState| (state.thread, state.nonce, state.era, state.host, state.guest);
    require(fixed(before) == fixed(state), AdmissionRefusal::FixedFieldChanged)?;
    require(state.term >= before.term, AdmissionRefusal::TermFell { from: before.term, to: state.term })?;
    if state.steward == before.steward {
        return Ok(());
    }
    require(state.term > before.term, AdmissionRefusal::StewardWithoutTerm)?;
    let nobody_new = state.members.iter().all(|(device, _)| before.chain_of(device).is_some());
    require(nobody_new, AdmissionRefusal::StewardWithAdd)
}

/// The verified records of the leaves. A leaf that was verified before is not verified again.
fn records(
    step: Step<'_>,
    leaves: &[Leaf],
    verified: &VerifiedRecords,
) -> Result<BTreeMap<DeviceId, DeviceRecord>, AdmissionRefusal> {
    let mut records = BTreeMap::new();
    for leaf in leaves {
        let record = match known(step, leaf) {
            Some(member) => member.record.clone(),
            None => verified.of(leaf)?,
        };
        let device = record.id();
        require(records.insert(device, record).is_none(), AdmissionRefusal::TwoLeaves(device))?;
    }
    Ok(records)
}

fn known<'a>(step: Step<'a>, leaf: &Leaf) -> Option<&'a Member> {
    let Step::Commit { before, .. } = step else { return None };
    let member = before.members.get(&leaf.device()?)?;
    (member.record.signed().as_bytes() == leaf.credential).then_some(member)
}

fn check_grants_are_leaves(
    state: &ThreadState,
    records: &BTreeMap<DeviceId, DeviceRecord>,
) -> Result<(), AdmissionRefusal> {
    for device in records.keys() {
        require(state.chain_of(device).is_some(), AdmissionRefusal::LeafWithoutGrant(*device))?;
    }
    for (device, _) in &state.members {
        require(records.contains_key(device), AdmissionRefusal::GrantWithoutLeaf(*device))?;
    }
    Ok(())
}

fn members(
    step: Step<'_>,
    state: &ThreadState,
    mut records: BTreeMap<DeviceId, DeviceRecord>,
    at: At<'_>,
) -> Result<BTreeMap<DeviceId, Member>, AdmissionRefusal> {
    let mut members = BTreeMap::new();
    for (device, chain) in &state.members {
        let record = records.remove(device).ok_or(AdmissionRefusal::GrantWithoutLeaf(*device))?;
        let member = match unchanged(step, &record, chain) {
            Some(member) => member.clone(),
            None => member(step, state, record, chain, at)?,
        };
        members.insert(*device, member);
    }
    Ok(members)
}

fn unchanged<'a>(step: Step<'a>, record: &DeviceRecord, chain: &ChainBytes) -> Option<&'a Member> {
    let Step::Commit { before, .. } = step else { return None };
    let member = before.members.get(&record.id())?;
    (member.chain.bytes() == chain && member.record == *record).then_some(member)
}

fn member(
    step: Step<'_>,
    state: &ThreadState,
    record: DeviceRecord,
    chain: &ChainBytes,
    at: At<'_>,
) -> Result<Member, AdmissionRefusal> {
    let device = record.id();
    let side = side_of(state, &record)?;
    let holds = match step {
        Step::Founding(_) => Holds::Now,
        Step::Commit { new, .. } => new,
        Step::Joining { me, .. } if me == device => Holds::Now,
        Step::Joining { .. } | Step::Loading => Holds::Once,
    };
    let refused = |refusal| AdmissionRefusal::Grant { device, refusal };
    let chain = verify_chain(chain, &record.principal(), &device, holds, at).map_err(refused)?;
    let scope = Scope::Thread(state.thread);
    let may_be_here = match side {
        Side::Guest => chain.permits(Ability::Read, scope),
        Side::Host => host_may_be_here(&chain, scope),
    };
    may_be_here.map_err(refused)?;
    Ok(Member { record, chain, side })
}

fn side_of(state: &ThreadState, record: &DeviceRecord) -> Result<Side, AdmissionRefusal> {
    match record.principal() {
        principal if principal == state.guest => Ok(Side::Guest),
        principal if principal == state.host => Ok(Side::Host),
        _ => Err(AdmissionRefusal::Stranger(record.id())),
    }
}

fn check_sides(
    step: Step<'_>,
    state: &ThreadState,
    members: &BTreeMap<DeviceId, Member>,
) -> Result<(), AdmissionRefusal> {
    let steward = members.get(&state.steward).filter(|member| member.side == Side::Host);
    let steward = steward.ok_or(AdmissionRefusal::StewardNotOfHost)?;
    for ability in [Ability::Accept, Ability::Forward] {
        let entitled = steward.chain.permits(ability, Scope::Thread(state.thread));
        entitled.map_err(AdmissionRefusal::StewardNotEntitled)?;
    }
    let is_guest = |device: &DeviceId| members.get(device).is_some_and(|member| member.side == Side::Guest);
    match step {
        Step::Founding(by) => {
            require(is_guest(&by), AdmissionRefusal::NotSteward(by))?;
            require(members.len() == 2, AdmissionRefusal::NotAFounding)
        }
        Step::Commit { before, .. } => {
            let mut guests = before.members.iter().filter(|(_, member)| member.side == Side::Guest);
            let removed = guests.find(|(device, _)| !is_guest(device));
            removed.map_or(Ok(()), |(device, _)| Err(AdmissionRefusal::GuestRemoved(*device)))
        }
        Step::Joining { .. } | Step::Loading => {
            require(members.keys().any(is_guest), AdmissionRefusal::NoGuest)
        }
    }
}

fn require(holds: bool, otherwise: AdmissionRefusal) -> Result<(), AdmissionRefusal> {
    if holds { Ok(()) } else { Err(otherwise) }
}
