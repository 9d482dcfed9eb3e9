//! Hostile bytes for tests: lawful ones, changed by chance and by a seed.

use rand_chacha::{
    ChaCha20Rng,
    rand_core::{Rng as _, SeedableRng as _},
};

/// Changes bytes in one place to three: cuts off, takes out, puts in, doubles, or turns a bit.
pub(crate) struct Mutator(ChaCha20Rng);

impl Mutator {
    pub(crate) fn new(seed: u64) -> Self {
        Self(ChaCha20Rng::seed_from_u64(seed))
    }

    pub(crate) fn mutate(&mut self, good: &[u8]) -> Vec<u8> {
        let mut bytes = good.to_vec();
        for _ in 0..=self.below(3) {
            let at = self.below(bytes.len());
            let end = at.saturating_add(self.below(60)).min(bytes.len());
            match self.below(5) {
                0 => bytes.truncate(at),
                1 => drop(bytes.drain(at..end)),
                2 => bytes.insert(at, u8::try_from(self.below(256)).unwrap_or_default()),
                3 => {
                    let copy = bytes.get(at..end).unwrap_or_default().to_vec();
                    bytes.splice(at..at, copy);
                }
                _ => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << self.below(8)),
            }
        }
        bytes
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.0.next_u64()).unwrap_or_default() % end.max(1)
    }
}

/// How many cases: at least so many, more if that is wanted.
pub(crate) fn cases(least: usize) -> usize {
    let wanted = std::env::var("FRONTDESK_FUZZ_CASES").ok().and_then(|count| count.parse().ok());
    wanted.unwrap_or(least).max(least)
}
