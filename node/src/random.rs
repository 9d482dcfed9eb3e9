//! The system's randomness, for keys and for seeds.

use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use zeroize::Zeroizing;

/// Fills `bytes` from the operating system.
#[expect(
    clippy::expect_used,
    reason = "without randomness nothing can be done safely, and no system of ours refuses it"
)]
pub(crate) fn fill(bytes: &mut [u8]) {
    getrandom::fill(bytes).expect("the operating system gives random bytes");
}

/// A seed for a generator of one's own.
pub(crate) fn seed() -> Zeroizing<[u8; 32]> {
    let mut seed = Zeroizing::new([0; 32]);
    fill(seed.as_mut_slice());
    seed
}

/// A freshly seeded generator.
pub(crate) fn generator() -> ChaCha20Rng {
    ChaCha20Rng::from_seed(*seed())
}
