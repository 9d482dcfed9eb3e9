//! Hostile bytes: random, mutated, and mutated then signed again. Nothing panics, no mutation of signed bytes is
//! accepted, and what a key holder can sign never exceeds what it was granted.
//!
//! `FRONTDESK_FUZZ_CASES` raises the number of cases; a failure prints the seed of its case.

use crate::forge::{NOW, Who, chain, join, lawful, revocation, signed, signed_links};
use frontdesk_capability::{Chain, ChainBytes, Refusal, RevocationBytes, Revocations};
use frontdesk_identity::{PrincipalId, UnixTime};
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};

const CASES: u64 = 20_000;

#[test]
fn no_mutation_of_a_chain_is_accepted() {
    let seeds: Vec<_> = (1..=4).map(|n| chain(&lawful(n))).collect();
    each_case(|rng| {
        let seed = &seeds[pick(rng, seeds.len())];
        let mutant = mutate(rng, seed, &seeds);
        if !seeds.contains(&mutant) {
            assert!(verify(&mutant).is_err(), "accepted {mutant:02x?}");
        }
    });
}

#[test]
fn no_mutation_of_a_revocation_is_accepted() {
    let seeds = [revocation(Who::Acme, 1).signed(), revocation(Who::Ana, 2).signed(), chain(&lawful(1))];
    each_case(|rng| {
        let seed = &seeds[pick(rng, seeds.len())];
        let mutant = mutate(rng, seed, &seeds);
        if !seeds.contains(&mutant) {
            assert!(RevocationBytes::new(mutant.clone()).verify(&acme()).is_err(), "accepted {mutant:02x?}");
        }
    });
}

#[test]
fn random_bytes_are_refused() {
    each_case(|rng| {
        let length = pick(rng, 600);
        let mut noise: Vec<_> = (0..length).map(|_| cbor_byte(rng)).collect();
        assert!(verify(&noise).is_err() && RevocationBytes::new(noise.clone()).verify(&acme()).is_err());
        // Again where a payload is expected. It is read before its signature.
        noise.insert(0, 0x80 + u8::try_from(pick(rng, 16)).unwrap());
        noise.insert(1, 1);
        let unsigned = signed(&noise, &[0; 64]);
        assert!(verify(&join(std::slice::from_ref(&unsigned))).is_err());
        assert!(RevocationBytes::new(unsigned).verify(&acme()).is_err());
    });
}

/// The holder of a chain signs mutated payloads with its own key. Most are refused. What is accepted is lawful.
#[test]
fn a_holder_that_signs_what_it_likes_gains_nothing() {
    let links = lawful(3);
    let above = signed_links(&links[..2]);
    let parent = verify(&join(&above)).unwrap();
    let payload = links[2].payload(Some(&above[1]));
    each_case(|rng| {
        let mutant = mutate(rng, &payload, std::slice::from_ref(&payload));
        let with =
            |signature| verify(&join(&[above[0].clone(), above[1].clone(), signed(&mutant, signature)]));
        // Without its signature it is refused for some other reason, or else the signature decides.
        if with(&[0; 64]).unwrap_err() == (Refusal::BadSignature { link: 2 }) {
            assert_no_wider(&with(&links[2].sign(&mutant)).unwrap(), &parent);
        }
    });
}

fn assert_no_wider(child: &Chain, parent: &Chain) {
    assert!(child.abilities().is_subset(parent.abilities()));
    assert_eq!((child.principal(), child.scope()), (parent.principal(), parent.scope()));
    assert!(child.history().is_within(&parent.history()));
    assert!(child.not_before() >= parent.not_before() && child.expires() <= parent.expires());
    assert!(child.leaf().depth < parent.leaf().depth);
}

fn verify(bytes: &[u8]) -> Result<Chain, Refusal> {
    ChainBytes::new(bytes.to_vec()).verify(&acme(), UnixTime(NOW), &Revocations::new())
}

fn acme() -> PrincipalId {
    PrincipalId::from_bytes(Who::Acme.public())
}

/// How many cases to run: `FRONTDESK_FUZZ_CASES`, and never fewer than the usual number.
pub(crate) fn fuzz_cases() -> u64 {
    std::env::var("FRONTDESK_FUZZ_CASES").map_or(CASES, |n| n.parse().unwrap()).max(CASES)
}

fn each_case(check: impl Fn(&mut ChaCha8Rng)) {
    for seed in 0..fuzz_cases() {
        let running = Running(seed);
        check(&mut ChaCha8Rng::seed_from_u64(seed));
        std::mem::forget(running);
    }
}

/// Names the seed of the case that unwinds.
struct Running(u64);

impl Drop for Running {
    #[expect(clippy::print_stderr, reason = "the test harness shows it with the failure")]
    fn drop(&mut self) {
        eprintln!("the failing case has seed {}", self.0);
    }
}

/// One to three small changes, of the kinds that parsers trip over.
fn mutate(rng: &mut ChaCha8Rng, seed: &[u8], others: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..=pick(rng, 3) {
        let at = pick(rng, bytes.len().max(1)).min(bytes.len());
        let end = (at + pick(rng, 40)).min(bytes.len());
        match pick(rng, 7) {
            0 if at < bytes.len() => bytes[at] ^= 1 << pick(rng, 8),
            1 if at < bytes.len() => bytes[at] = cbor_byte(rng),
            2 => bytes.truncate(at),
            3 => bytes.insert(at, cbor_byte(rng)),
            4 => drop(bytes.drain(at..end)),
            5 => {
                let copy = bytes[at..end].to_vec();
                bytes.splice(at..at, copy);
            }
            _ => {
                let other = &others[pick(rng, others.len())];
                let from = pick(rng, other.len());
                let upto = (from + pick(rng, 120)).min(other.len());
                bytes.splice(at..end, other[from..upto].iter().copied());
            }
        }
    }
    bytes
}

/// A byte that often means something in CBOR.
fn cbor_byte(rng: &mut ChaCha8Rng) -> u8 {
    const TELLING: [u8; 20] = [
        0x00, 0x01, 0x18, 0x1b, 0x3b, 0x40, 0x58, 0x5b, 0x5f, 0x7f, 0x80, 0x81, 0x82, 0x8c, 0x9b, 0x9f, 0xbf,
        0xc2, 0xf6, 0xff,
    ];
    if pick(rng, 2) == 0 { TELLING[pick(rng, TELLING.len())] } else { rng.next_u32().to_le_bytes()[0] }
}

fn pick(rng: &mut ChaCha8Rng, below: usize) -> usize {
    usize::try_from(rng.next_u64() % u64::try_from(below).unwrap()).unwrap()
}
