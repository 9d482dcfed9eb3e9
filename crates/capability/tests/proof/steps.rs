//! The steps that the algebra's property is made of, and how to draw them: mostly lawful, so that chains grow.

use crate::forge::{Forged, Parent, Who};
use frontdesk_identity::Domain;
use proptest::{collection::vec, prelude::*, sample::Index};
use std::collections::BTreeSet;

pub(crate) const DEVICES: [Who; 4] = [Who::Admin, Who::Ana, Who::Ben, Who::Stranger];
pub(crate) const PERSONS: [Who; 5] = [Who::Acme, Who::Admin, Who::Ana, Who::Ben, Who::Stranger];

#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// The first link of a new chain, by whoever's key.
    Start {
        signer: usize,
        change: Change,
    },
    /// A further link of some chain or the latest, by its audience or by whoever's key.
    Extend {
        chain: Option<Index>,
        signer: Option<usize>,
        change: Change,
    },
    /// The upper part of one chain with the lower part of another.
    Splice {
        upper: Index,
        lower: Index,
        cut: usize,
    },
    Revoke {
        chain: Index,
        link: Index,
        signer: usize,
    },
    Pass {
        seconds: u64,
    },
}

/// What a new link changes against the link above it; for a first link, against everything.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub(crate) audience: usize,
    pub(crate) scope: Option<Option<u8>>,
    pub(crate) keep: u16,
    pub(crate) add: Option<u64>,
    pub(crate) history: Option<(u64, u64, u64)>,
    pub(crate) later_start: i64,
    pub(crate) earlier_end: i64,
    pub(crate) depth: i64,
    pub(crate) same_id: bool,
    pub(crate) foreign_parent: bool,
}

pub(crate) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let signer = || prop_oneof![9 => Just(0usize), 1 => 1..PERSONS.len()];
    let any_chain = proptest::option::weighted(0.3, any::<Index>());
    let any_signer = proptest::option::weighted(0.07, 0..PERSONS.len());
    let step = prop_oneof![
        1 => (signer(), change()).prop_map(|(signer, change)| Step::Start { signer, change }),
        12 => (any_chain, any_signer, change())
            .prop_map(|(chain, signer, change)| Step::Extend { chain, signer, change }),
        1 => (any::<Index>(), any::<Index>(), 0..4usize)
            .prop_map(|(upper, lower, cut)| Step::Splice { upper, lower, cut }),
        2 => (any::<Index>(), any::<Index>(), 0..PERSONS.len())
            .prop_map(|(chain, link, signer)| Step::Revoke { chain, link, signer }),
        2 => (0..900u64).prop_map(|seconds| Step::Pass { seconds }),
    ];
    vec(step, 1..16)
}

fn change() -> impl Strategy<Value = Change> {
    let rarely = |p| proptest::bool::weighted(p);
    let shift = || prop_oneof![6 => Just(0i64), 5 => 1..200i64, 1 => -50..0i64, 1 => 500..2_200i64];
    let history = prop_oneof![
        2 => (0..2u64).prop_map(|kind| (kind, 0, 0)),
        3 => (0..3u64, 0..4u64).prop_map(|(era, position)| (2, era, position)),
    ];
    (
        (0..DEVICES.len(), proptest::option::weighted(0.5, proptest::option::weighted(0.8, 0..2u8))),
        (prop_oneof![3 => Just(u16::MAX), 2 => any::<u16>()], proptest::option::weighted(0.25, 1..12u64)),
        proptest::option::weighted(0.4, history),
        (shift(), shift(), prop_oneof![8 => Just(1i64), 2 => 2..4i64, 1 => -1..1i64]),
        (rarely(0.02), rarely(0.02)),
    )
        .prop_map(
            |(
                (audience, scope),
                (keep, add),
                history,
                (later_start, earlier_end, depth),
                (same_id, foreign_parent),
            )| {
                Change {
                    audience,
                    scope,
                    keep,
                    add,
                    history,
                    later_start,
                    earlier_end,
                    depth,
                    same_id,
                    foreign_parent,
                }
            },
        )
}

impl Change {
    pub(crate) fn apply(&self, above: &Forged, signer: Who) -> Forged {
        let kept = above.abilities.iter().copied().filter(|a| self.keep & (1 << a) != 0);
        let abilities: BTreeSet<u64> = kept.chain(self.add).collect();
        let history = self.history.map(|(kind, era, position)| match kind {
            2 => vec![2, era, position],
            kind => vec![kind],
        });
        Forged {
            scope: self.scope.map_or(above.scope, |s| s.map(|thread| [thread; 32])),
            issuer: signer.public(),
            signer,
            audience: DEVICES[self.audience].public(),
            abilities: abilities.into_iter().collect(),
            history: history.unwrap_or_else(|| above.history.clone()),
            not_before: above.not_before.saturating_add_signed(self.later_start),
            expires: above.expires.saturating_add_signed(-self.earlier_end),
            depth: above.depth.saturating_add_signed(-self.depth),
            id: [0; 16],
            parent: Parent::Above,
            domain: Domain::Grant,
            ..above.clone()
        }
    }
}
