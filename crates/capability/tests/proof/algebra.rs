//! Random sequences of lawful and unlawful steps against a reference model: no sequence widens authority, and the
//! crate and the model agree on every chain at every moment.

use crate::{
    forge::{self, Forged, Parent, Who, join, revocation},
    hostile::fuzz_cases,
    model::{Made, broken_alone, broken_rules, check_uses},
    steps::{Change, DEVICES, PERSONS, Step, steps},
};
use frontdesk_capability::{
    Abilities, Chain, ChainBytes, History, Refusal, RevocationBytes, Revocations, Terms,
};
use frontdesk_identity::{DeviceId, PrincipalId, ThreadId, UnixTime};
use proptest::{
    prelude::ProptestConfig,
    test_runner::{RngSeed, TestRunner},
};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};
use std::{cell::RefCell, collections::BTreeSet};

const START: u64 = 1_000;

struct World {
    now: u64,
    made: usize,
    chains: Vec<Vec<Made>>,
    /// Who revoked which id.
    revoked: BTreeSet<(Who, [u8; 16])>,
    revocations: Revocations,
    rng: ChaCha20Rng,
}

#[test]
fn no_sequence_of_steps_widens_authority() {
    let seen = RefCell::new(BTreeSet::new());
    let cases = u32::try_from(fuzz_cases() / 50).unwrap();
    let config = ProptestConfig {
        cases,
        rng_seed: RngSeed::Fixed(7),
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let checked = TestRunner::new(config).run(&steps(), |steps| {
        let mut world = World::new();
        for step in steps {
            world.take(step);
            seen.borrow_mut().extend(world.chains.last().map(|chain| world.judge(chain)));
        }
        seen.borrow_mut().extend(world.chains.iter().map(|chain| world.judge(chain)));
        Ok(())
    });
    checked.unwrap_or_else(|failure| panic!("{failure}"));
    let seen: Vec<_> = seen.into_inner().into_iter().collect();
    assert_eq!(seen, EVERYTHING, "the steps no longer reach every outcome");
}

/// What the steps must reach, so that the property means something: chains of every length, and every refusal that
/// lawful bytes with true signatures can get.
const EVERYTHING: [&str; 22] = [
    "1 links hold",
    "2 links hold",
    "3 links hold",
    "4 links hold",
    "admit-missing",
    "depth-exhausted",
    "duplicate-id",
    "empty-window",
    "expired",
    "forward-missing",
    "not-from-root",
    "not-yet-valid",
    "revoked",
    "too-deep",
    "too-many-links",
    "wider-abilities",
    "wider-depth",
    "wider-history",
    "wider-scope",
    "wider-window",
    "wrong-issuer",
    "wrong-parent",
];

impl World {
    /// A world in which Acme has enrolled the administrator.
    fn new() -> Self {
        let mut world = Self {
            now: START,
            made: 0,
            chains: Vec::new(),
            revoked: BTreeSet::new(),
            revocations: Revocations::new(),
            rng: ChaCha20Rng::from_seed([5; 32]),
        };
        let enrolment = world.make(Forged { depth: 3, ..everything() }, None);
        world.chains.push(vec![enrolment]);
        world
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Start { signer, change } => self.start(PERSONS[signer], &change),
            Step::Pass { seconds } => self.now += seconds,
            Step::Extend { chain, signer, change } => {
                let latest = self.chains.len() - 1;
                let chain = self.chains[chain.map_or(latest, |c| c.index(self.chains.len()))].clone();
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
        let link = self.make(change.apply(&everything(), signer), None);
        self.compare_root_issue(signer, &link.grant);
        self.chains.push(vec![link]);
    }

    fn extend(&mut self, mut chain: Vec<Made>, signer: Option<Who>, change: &Change) {
        let Some(above) = chain.last() else { return };
        let holder = DEVICES.into_iter().find(|d| d.public() == above.grant.audience).unwrap();
        let signer = signer.unwrap_or(holder);
        let mut grant = change.apply(&above.grant, signer);
        if change.same_id {
            grant.id = above.grant.id;
        }
        if change.foreign_parent {
            grant.parent = Parent::Hash([0xee; 32]);
        }
        let link = self.make(grant, Some(above));
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

    /// Compares crate and model over a chain, and answers with what both say.
    fn judge(&self, chain: &[Made]) -> String {
        let mut broken = broken_rules(chain);
        broken.extend(self.broken_now(chain));
        match self.verify(chain) {
            Ok(verified) => {
                assert!(broken.is_empty(), "verified although {broken:?}");
                assert_eq!(verified.check_at(UnixTime(self.now), &self.revocations), Ok(()));
                check_uses(&verified, chain);
                format!("{} links hold", chain.len())
            }
            Err(refusal) => {
                assert!(broken.contains(refusal.code()), "{refusal:?} but {broken:?}");
                refusal.code().to_owned()
            }
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

/// What the changes of a first link are made against: the whole of this world, one link deeper than is lawful.
fn everything() -> Forged {
    Forged {
        not_before: START - 100,
        expires: START + 2_000,
        depth: 4,
        id: [0; 16],
        ..forge::lawful(1).remove(0)
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
