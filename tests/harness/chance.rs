//! Reproducible chance: a test that uses it prints its seed.

use std::time::{SystemTime, UNIX_EPOCH};

/// A sequence of numbers that follows from its seed (SplitMix64).
#[derive(Debug)]
pub(crate) struct Chance(u64);

impl Chance {
    /// From `FRONTDESK_TEST_SEED`, else from the clock. The seed goes to the test's output.
    pub(crate) fn begin() -> Self {
        let given = std::env::var("FRONTDESK_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
        let clock = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
        let seed = given.unwrap_or_else(|| u64::try_from(clock()).unwrap());
        println!("chance: FRONTDESK_TEST_SEED={seed} plays this again");
        Self(seed)
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}
