//! The reference model of the grant rules. It does not compare fields as the crate does. It spells out what each link
//! lets its audience do, as sets over a small world, and asks whether one set is inside the other.

use crate::{
    forge::{Forged, Parent},
    steps::DEVICES,
};
use frontdesk_capability::{Ability, Chain, Scope};
use frontdesk_identity::{DeviceId, ThreadId};
use std::collections::BTreeSet;

/// A link as the model keeps it: what was put into it, and the number of the link that it hangs on.
#[derive(Debug, Clone)]
pub(crate) struct Made {
    pub(crate) number: usize,
    pub(crate) hangs_on: Option<usize>,
    pub(crate) grant: Forged,
    pub(crate) bytes: Vec<u8>,
}

/// Every rule that the links break, whatever the time.
pub(crate) fn broken_rules(chain: &[Made]) -> BTreeSet<&'static str> {
    let mut broken = BTreeSet::new();
    broken.extend(chain.is_empty().then_some("empty-chain"));
    broken.extend((chain.len() > 4).then_some("too-many-links"));
    for (n, link) in chain.iter().enumerate() {
        broken.extend(broken_alone(&link.grant, n));
        let above = n.checked_sub(1).map(|a| &chain[a]);
        broken.extend((link.hangs_on != above.map(|a| a.number)).then_some("wrong-parent"));
        broken.extend(has_foreign_hash(link).then_some("wrong-parent"));
        broken.extend(chain[..n].iter().any(|l| l.grant.id == link.grant.id).then_some("duplicate-id"));
        if let Some(above) = above {
            broken.extend(broken_between(&above.grant, &link.grant));
        }
    }
    broken
}

fn has_foreign_hash(link: &Made) -> bool {
    matches!(link.grant.parent, Parent::Hash(_))
}

pub(crate) fn broken_alone(grant: &Forged, place: usize) -> BTreeSet<&'static str> {
    let mut broken = BTreeSet::new();
    broken.extend((grant.not_before >= grant.expires).then_some("empty-window"));
    broken.extend((grant.depth > 3).then_some("too-deep"));
    broken.extend((place == 0 && grant.issuer != grant.principal).then_some("not-from-root"));
    broken
}

fn broken_between(above: &Forged, below: &Forged) -> BTreeSet<&'static str> {
    let mut broken = BTreeSet::new();
    let needed = if below.scope.is_none() { (1, "admit-missing") } else { (3, "forward-missing") };
    broken.extend((below.issuer != above.audience).then_some("wrong-issuer"));
    broken.extend((above.depth == 0).then_some("depth-exhausted"));
    broken.extend((0..=below.depth).any(|further| further >= above.depth).then_some("wider-depth"));
    broken.extend(outside(&places(below), &places(above)).then_some("wider-scope"));
    broken.extend((!above.abilities.contains(&needed.0)).then_some(needed.1));
    broken.extend(outside(&set(&below.abilities), &set(&above.abilities)).then_some("wider-abilities"));
    broken.extend(outside(&readable(below), &readable(above)).then_some("wider-history"));
    broken.extend(lasts_beyond(below, above).then_some("wider-window"));
    broken
}

fn outside<T: Ord>(below: &BTreeSet<T>, above: &BTreeSet<T>) -> bool {
    !below.is_subset(above)
}

fn set(abilities: &[u64]) -> BTreeSet<u64> {
    abilities.iter().copied().collect()
}

/// Where one may act: in the threads 0 and 1 of this world, and (2) for the principal.
fn places(grant: &Forged) -> BTreeSet<u8> {
    grant.scope.map_or_else(|| BTreeSet::from([0, 1, 2]), |thread| BTreeSet::from([thread[0]]))
}

/// The messages that one may read, of eras and positions 0 to 3 each; and (9, 9), which only `all` includes, for what
/// lies before any place that could be named.
fn readable(grant: &Forged) -> BTreeSet<(u64, u64)> {
    let all = (0..4).flat_map(|era| (0..4).map(move |position| (era, position)));
    match *grant.history {
        [0] => BTreeSet::new(),
        [1] => all.chain([(9, 9)]).collect(),
        [2, era, position] => all.filter(|(e, p)| *e > era || (*e == era && *p >= position)).collect(),
        _ => panic!("no history"),
    }
}

/// Whether some second of `below` is not one of `above`.
fn lasts_beyond(below: &Forged, above: &Forged) -> bool {
    (below.not_before..below.expires).any(|second| !(above.not_before..above.expires).contains(&second))
}

/// The verified chain allows what every one of its links allows, and nothing else.
pub(crate) fn check_uses(verified: &Chain, chain: &[Made]) {
    for ability in Ability::ALL {
        for place in 0..3 {
            let on =
                if place == 2 { Scope::Principal } else { Scope::Thread(ThreadId::from_bytes([place; 32])) };
            let everywhere = chain.iter().all(|link| {
                link.grant.abilities.contains(&u64::from(ability)) && places(&link.grant).contains(&place)
            });
            assert_eq!(verified.permits(ability, on).is_ok(), everywhere, "{ability} on {on:?}");
        }
    }
    for (era, position) in (0..4).flat_map(|e| (0..4).map(move |p| (e, p))) {
        let everywhere = chain.iter().all(|l| readable(&l.grant).contains(&(u64::from(era), position)));
        assert_eq!(verified.history().covers(era, position), everywhere);
    }
    let starts = chain.iter().map(|l| l.grant.not_before).max();
    let ends = chain.iter().map(|l| l.grant.expires).min();
    assert_eq!((Some(verified.not_before().0), Some(verified.expires().0)), (starts, ends));
    let holder = chain.last().map(|l| l.grant.audience).unwrap();
    for device in DEVICES {
        let id = DeviceId::from_bytes(device.public());
        assert_eq!(verified.held_by(&id).is_ok(), device.public() == holder);
    }
}
