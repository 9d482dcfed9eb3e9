//! Random sequences of lawful and unlawful steps against a reference model: no sequence widens authority, and the
//! crate and the model agree on every chain at every moment.
//!
//! The model does not compare fields as the crate does. It spells out what each link lets its audience do, as sets
//! over a small world, and asks whether one set is inside the other.

use crate::forge::{self, Forged, Parent, Who, join, revocation};
use frontdesk_capability::{
    Abilities, Ability, Chain, ChainBytes, History, Refusal, RevocationBytes, Revocations, Scope, Terms,
};
use frontdesk_identity::{DeviceId, Domain, PrincipalId, ThreadId, UnixTime};
use proptest::{collection::vec, prelude::*, sample::Index};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};
use std::collections::BTreeSet;

const START: u64 = 1_000;
const DEVICES: [Who; 4] = [Who::Admin, Who::Ana, Who::Ben, Who::Stranger];
const PERSONS: [Who; 5] = [Who::Acme, Who::Admin, Who::Ana, Who::Ben, Who::Stranger];

#[derive(Debug, Clone)]
enum Step {
    /// The first link of a new chain, by whoever's key.
    Start {
        signer: usize,
        change: Change,
    },
    /// A further link, by the audience of the chain or by whoever's key.
    Extend {
        chain: Index,
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
struct Change {
    audience: usize,
    scope: Option<Option<u8>>,
    keep: u16,
    add: Option<u64>,
    history: Option<(u64, u64, u64)>,
    later_start: i64,
    earlier_end: i64,
    depth: i64,
    same_id: bool,
    foreign_parent: bool,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let signer = || prop_oneof![9 => Just(0usize), 1 => 1..PERSONS.len()];
    let step = prop_oneof![
        3 => (signer(), change()).prop_map(|(signer, change)| Step::Start { signer, change }),
        9 => (any::<Index>(), proptest::option::weighted(0.07, 0..PERSONS.len()), change())
            .prop_map(|(chain, signer, change)| Step::Extend { chain, signer, change }),
        1 => (any::<Index>(), any::<Index>(), 0..4usize)
            .prop_map(|(upper, lower, cut)| Step::Splice { upper, lower, cut }),
        2 => (any::<Index>(), any::<Index>(), 0..PERSONS.len())
            .prop_map(|(chain, link, signer)| Step::Revoke { chain, link, signer }),
        2 => (0..400u64).prop_map(|seconds| Step::Pass { seconds }),
    ];
    vec(step, 1..16)
}

fn change() -> impl Strategy<Value = Change> {
    let rarely = |p| proptest::bool::weighted(p);
    let shift = || prop_oneof![6 => Just(0i64), 5 => 1..200i64, 1 => -50..0i64];
    let history = prop_oneof![
        2 => (0..2u64).prop_map(|kind| (kind, 0, 0)),
        3 => (0..3u64, 0..4u64).prop_map(|(era, position)| (2, era, position)),
    ];
    (
        (0..DEVICES.len(), proptest::option::weighted(0.5, proptest::option::weighted(0.8, 0..2u8))),
        (prop_oneof![3 => Just(u16::MAX), 2 => any::<u16>()], proptest::option::weighted(0.08, 1..12u64)),
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

/// A link as the model keeps it: what was put into it, and the number of the link that it hangs on.
#[derive(Debug, Clone)]
struct Made {
    number: usize,
    hangs_on: Option<usize>,
    grant: Forged,
    bytes: Vec<u8>,
}

struct World {
    now: u64,
    made: usize,
    chains: Vec<Vec<Made>>,
    /// Who revoked which id.
    revoked: BTreeSet<(Who, [u8; 16])>,
    revocations: Revocations,
    rng: ChaCha20Rng,
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 160, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_sequence_of_steps_widens_authority(steps in steps()) {
        let mut world = World::new();
        for step in steps {
            world.take(step);
            world.judge_latest();
        }
        for chain in &world.chains {
            world.judge(chain);
        }
    }
}

impl World {
    fn new() -> Self {
        Self {
            now: START,
            made: 0,
            chains: Vec::new(),
            revoked: BTreeSet::new(),
            revocations: Revocations::new(),
            rng: ChaCha20Rng::from_seed([5; 32]),
        }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Start { signer, change } => self.start(PERSONS[signer], &change),
            Step::Pass { seconds } => self.now += seconds,
            _ if self.chains.is_empty() => {}
            Step::Extend { chain, signer, change } => {
                let chain = self.chains[chain.index(self.chains.len())].clone();
                self.extend(chain, signer.map(|s| PERSONS[s]), &change);
            }
            Step::Splice { upper, lower, cut } => {
                let [upper, lower] = [upper, lower].map(|i| &self.chains[i.index(self.chains.len())]);
                let spliced = upper.iter().take(cut).chain(lower.iter().skip(cut)).cloned().collect();
                self.chains.push(spliced);
            }
            Step::Revoke { chain, link, signer } => {
                let chain = &self.chains[chain.index(self.chains.len())];
                if !chain.is_empty() {
                    let target = chain[link.index(chain.len())].grant.id;
                    self.revoke(PERSONS[signer], target);
                }
            }
        }
    }

    fn start(&mut self, signer: Who, change: &Change) {
        let whole = Forged {
            scope: None,
            not_before: START - 100,
            expires: START + 2_000,
            depth: 4,
            ..forge::lawful(1).remove(0)
        };
        let link = self.make(change.apply(&whole, signer), None);
        self.compare_root_issue(signer, &link.grant);
        self.chains.push(vec![link]);
    }

    fn extend(&mut self, mut chain: Vec<Made>, signer: Option<Who>, change: &Change) {
        let Some(above) = chain.last() else { return };
        let holder = DEVICES.into_iter().find(|d| d.public() == above.grant.audience).unwrap();
        let signer = signer.unwrap_or(holder);
        let hangs_on = if change.foreign_parent { None } else { Some(above.number) };
        let mut grant = change.apply(&above.grant, signer);
        if change.same_id {
            grant.id = above.grant.id;
        }
        if change.foreign_parent {
            grant.parent = Parent::Hash([0xee; 32]);
        }
        let link = self.make(Forged { ..grant }, hangs_on.map(|_| above));
        self.compare_delegation(&chain, signer, &link);
        chain.push(link);
        self.chains.push(chain);
    }

    fn make(&mut self, mut grant: Forged, above: Option<&Made>) -> Made {
        self.made += 1;
        if grant.id == [0; 16] {
            grant.id[..8].copy_from_slice(&self.made.to_be_bytes());
        }
        let payload = grant.payload(above.map(|a| a.bytes.as_slice()));
        let bytes = forge::signed(&payload, &grant.sign(&payload));
        Made { number: self.made, hangs_on: above.map(|a| a.number), grant, bytes }
    }

    fn revoke(&mut self, signer: Who, target: [u8; 16]) {
        let forged = forge::ForgedRevocation { target, ..revocation(signer, 0) };
        let acme = PrincipalId::from_bytes(Who::Acme.public());
        let revocation = RevocationBytes::new(forged.signed()).verify(&acme).unwrap();
        let new = self.revoked.insert((signer, target));
        assert_eq!(self.revocations.insert(revocation), Ok(new));
    }

    /// The crate issues exactly what the model finds lawful in itself.
    fn compare_root_issue(&mut self, signer: Who, grant: &Forged) {
        let issued = Chain::issue_root(&signer.key(), terms(grant), &mut self.rng);
        // `issue_root` makes the signer the principal.
        let own = Forged { principal: signer.public(), ..grant.clone() };
        let broken = broken_alone(&own, 0);
        assert_eq!(issued.is_ok(), broken.is_empty(), "{issued:?} {broken:?}");
    }

    /// The crate signs exactly what the model finds lawful, and refuses for a reason that the model names.
    fn compare_delegation(&mut self, chain: &[Made], signer: Who, link: &Made) {
        let Ok(parent) = self.verify(chain) else { return };
        let issued = parent.delegate(&signer.key(), terms(&link.grant), UnixTime(self.now), &mut self.rng);
        let mut whole = chain.to_vec();
        whole.push(link.clone());
        let mut broken = broken_rules(&whole);
        // The crate picks id and parent itself.
        broken.retain(|rule| !["duplicate-id", "wrong-parent"].contains(rule));
        match issued {
            Ok(_) => assert!(broken.is_empty(), "issued although {broken:?}"),
            Err(refusal) => assert!(broken.contains(refusal.code()), "{refusal:?} but {broken:?}"),
        }
    }

    fn judge_latest(&self) {
        if let Some(chain) = self.chains.last() {
            self.judge(chain);
        }
    }

    fn judge(&self, chain: &[Made]) {
        let mut broken = broken_rules(chain);
        broken.extend(self.broken_now(chain));
        match self.verify(chain) {
            Ok(verified) => {
                assert!(broken.is_empty(), "verified although {broken:?}");
                assert_eq!(verified.check_at(UnixTime(self.now), &self.revocations), Ok(()));
                check_uses(&verified, chain);
            }
            Err(refusal) => assert!(broken.contains(refusal.code()), "{refusal:?} but {broken:?}"),
        }
    }

    fn verify(&self, chain: &[Made]) -> Result<Chain, Refusal> {
        let links: Vec<_> = chain.iter().map(|link| link.bytes.clone()).collect();
        let acme = PrincipalId::from_bytes(Who::Acme.public());
        ChainBytes::new(join(&links)).verify(&acme, UnixTime(self.now), &self.revocations)
    }

    fn broken_now(&self, chain: &[Made]) -> BTreeSet<&'static str> {
        let mut broken = BTreeSet::new();
        for (n, link) in chain.iter().enumerate() {
            let early = link.grant.not_before.saturating_sub(60);
            let late = link.grant.expires + 60;
            broken.extend((self.now < early).then_some("not-yet-valid"));
            broken.extend((self.now >= late).then_some("expired"));
            let entitled = chain[..=n].iter().map(|l| l.grant.signer);
            let revoked = entitled.into_iter().any(|by| self.revoked.contains(&(by, link.grant.id)));
            broken.extend(revoked.then_some("revoked"));
        }
        broken
    }
}

impl Change {
    fn apply(&self, above: &Forged, signer: Who) -> Forged {
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

/// Every rule that the links break, whatever the time.
fn broken_rules(chain: &[Made]) -> BTreeSet<&'static str> {
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

fn broken_alone(grant: &Forged, place: usize) -> BTreeSet<&'static str> {
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
    broken.extend(outside(&moments(below), &moments(above)).then_some("wider-window"));
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

/// The seconds of validity.
fn moments(grant: &Forged) -> BTreeSet<u64> {
    (grant.not_before..grant.expires).collect()
}

/// The verified chain allows what every one of its links allows, and nothing else.
fn check_uses(verified: &Chain, chain: &[Made]) {
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

fn terms(grant: &Forged) -> Terms {
    Terms {
        audience: DeviceId::from_bytes(grant.audience),
        scope: grant.scope.map(ThreadId::from_bytes).into(),
        abilities: Abilities::try_from(grant.abilities.clone()).unwrap(),
        history: History::try_from(grant.history.clone()).unwrap(),
        not_before: UnixTime(grant.not_before),
        expires: UnixTime(grant.expires),
        depth: u8::try_from(grant.depth).unwrap(),
    }
}
