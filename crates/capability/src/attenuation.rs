//! The rules that make a grant a lawful next link of a chain. Issuing and verifying both come here; there is no
//! second way to judge a link.

use crate::{Ability, Grant, GrantHash, Refusal, Scope};
use frontdesk_identity::{PrincipalId, UnixTime};

/// How many links a chain can have: root to administrator, one to manage a team, and two to hand a thread on.
pub const MAX_LINKS: usize = 4;

/// The largest depth a grant can have: that of the first link of the longest chain.
pub const MAX_DEPTH: u8 = 3;

/// By how many seconds two clocks may disagree before a grant's window is judged by the wrong one.
pub const CLOCK_SKEW: u64 = 60;

/// A grant and the hash by which its children name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) grant: Grant,
    pub(crate) hash: GrantHash,
}

/// Whether `next` may follow `above`, or be the first link if there is none, in a chain of `principal`.
pub(crate) fn check_next(principal: &PrincipalId, above: &[Link], next: &Grant) -> Result<(), Refusal> {
    let link = above.len();
    check_alone(principal, next, link)?;
    match above.last() {
        None => check_first(next),
        Some(parent) => {
            check_origin(parent, next, link)?;
            require(above.iter().all(|l| l.grant.id != next.id), Refusal::DuplicateId { link })?;
            check_narrower(&parent.grant, next, link)
        }
    }
}

fn check_alone(principal: &PrincipalId, grant: &Grant, link: usize) -> Result<(), Refusal> {
    require(grant.principal == *principal, Refusal::WrongPrincipal)?;
    require(grant.not_before < grant.expires, Refusal::EmptyWindow { link })?;
    require(grant.depth <= MAX_DEPTH, Refusal::TooDeep { link })
}

fn check_first(grant: &Grant) -> Result<(), Refusal> {
    require(grant.issuer.is_root_of(&grant.principal), Refusal::NotFromRoot)?;
    require(grant.parent.is_none(), Refusal::WrongParent { link: 0 })
}

fn check_origin(parent: &Link, child: &Grant, link: usize) -> Result<(), Refusal> {
    require(child.issuer.is_device(&parent.grant.audience), Refusal::WrongIssuer { link })?;
    require(child.parent == Some(parent.hash), Refusal::WrongParent { link })
}

fn check_narrower(parent: &Grant, child: &Grant, link: usize) -> Result<(), Refusal> {
    require(parent.depth > 0, Refusal::DepthExhausted { link })?;
    require(child.depth < parent.depth, Refusal::WiderDepth { link })?;
    require(child.scope.is_within(&parent.scope), Refusal::WiderScope { link })?;
    check_right_to_grant(parent, child, link)?;
    require(child.abilities.is_subset(parent.abilities), Refusal::WiderAbilities { link })?;
    require(child.history.is_within(&parent.history), Refusal::WiderHistory { link })?;
    let within = child.not_before >= parent.not_before && child.expires <= parent.expires;
    require(within, Refusal::WiderWindow { link })
}

fn check_right_to_grant(parent: &Grant, child: &Grant, link: usize) -> Result<(), Refusal> {
    let (needed, refusal) = match child.scope {
        Scope::Principal => (Ability::Admit, Refusal::AdmitMissing { link }),
        Scope::Thread(_) => (Ability::Forward, Refusal::ForwardMissing { link }),
    };
    require(parent.abilities.contains(needed), refusal)
}

/// Whether `grant` holds at `now`, with [`CLOCK_SKEW`] tolerated at both ends.
pub(crate) fn check_window(grant: &Grant, now: UnixTime, link: usize) -> Result<(), Refusal> {
    require(grant.not_before <= now.plus(CLOCK_SKEW), Refusal::NotYetValid { link })?;
    require(now < grant.expires.plus(CLOCK_SKEW), Refusal::Expired { link })
}

pub(crate) const fn require(holds: bool, otherwise: Refusal) -> Result<(), Refusal> {
    if holds { Ok(()) } else { Err(otherwise) }
}
