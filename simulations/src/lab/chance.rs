//! Draws from the distributions that scenarios speak of. `libm` computes in Rust alone, so that every machine draws the
//! same.

use rand_chacha::ChaCha20Rng;
use rand_core::Rng as _;

/// Draws.
pub(crate) trait Chance {
    /// Uniform in [0, 1).
    fn unit(&mut self) -> f64;

    /// True with this probability.
    fn hits(&mut self, probability: f64) -> bool {
        probability > 0.0 && self.unit() < probability
    }

    /// Exponential, with this mean: the time between the events of a Poisson process.
    fn exponential(&mut self, mean: f64) -> f64 {
        -mean * libm::log(1.0 - self.unit())
    }

    /// Standard normal, by the method of Box and Muller.
    fn normal(&mut self) -> f64 {
        let radius = libm::sqrt(-2.0 * libm::log(1.0 - self.unit()));
        radius * libm::cos(std::f64::consts::TAU * self.unit())
    }

    /// One of them.
    fn pick<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T>;
}

impl Chance for ChaCha20Rng {
    #[expect(clippy::cast_precision_loss, reason = "53 bits are what fits")]
    fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    fn pick<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        let count = u64::try_from(of.len()).ok().filter(|count| *count > 0)?;
        of.get(usize::try_from(self.next_u64() % count).ok()?)
    }
}
