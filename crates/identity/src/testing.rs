//! What the unit tests of this crate share.

use crate::{DeviceKeys, RootKey};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

pub(crate) fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

pub(crate) fn device_keys(seed: u64) -> DeviceKeys {
    DeviceKeys::generate(&mut rng(seed))
}

pub(crate) fn root_key(seed: u64) -> RootKey {
    RootKey::generate(&mut rng(seed))
}
