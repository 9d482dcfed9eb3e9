//! Passphrases, and what it costs to try one (Argon2id, RFC 9106).

use argon2::{Algorithm, Argon2, Params, Version};
use std::fmt;
use zeroize::Zeroizing;

/// A passphrase. Wiped when dropped, redacted in `Debug`.
#[derive(Clone)]
pub struct Passphrase(Zeroizing<String>);

impl Passphrase {
    /// Takes over the text, exactly as it was typed.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(redacted)")
    }
}

/// What it costs to try one passphrase: the parameters of Argon2id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PassphraseCost {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

impl PassphraseCost {
    /// 64 MiB, three passes, one lane: the second recommendation of RFC 9106 (section 4) with the lanes of a small
    /// machine. About a quarter of a second.
    pub const DEFAULT: Self = Self { memory_kib: 64 * 1024, passes: 3, lanes: 1 };

    /// The cheapest that Argon2 allows: 8 KiB, one pass. For tests and nothing else.
    pub const CHEAPEST: Self = Self { memory_kib: 8, passes: 1, lanes: 1 };

    /// The most memory in KiB that a file may ask for: 256 MiB, so that a hostile file can't exhaust a small server.
    pub const MAX_MEMORY_KIB: u32 = 256 * 1024;

    /// The most passes that a file may ask for.
    pub const MAX_PASSES: u32 = 16;

    /// The most lanes that a file may ask for.
    pub const MAX_LANES: u32 = 4;

    /// A cost of one's own: memory in KiB (at least 8 a lane), passes, lanes.
    ///
    /// # Errors
    /// [`CostError::OutOfBounds`].
    pub const fn new(memory_kib: u32, passes: u32, lanes: u32) -> Result<Self, CostError> {
        let bounded =
            memory_kib <= Self::MAX_MEMORY_KIB && passes <= Self::MAX_PASSES && lanes <= Self::MAX_LANES;
        if bounded && passes > 0 && lanes > 0 && memory_kib >= 8 * lanes {
            Ok(Self { memory_kib, passes, lanes })
        } else {
            Err(CostError::OutOfBounds)
        }
    }

    /// Memory in KiB.
    #[must_use]
    pub const fn memory_kib(self) -> u32 {
        self.memory_kib
    }

    /// Passes over the memory.
    #[must_use]
    pub const fn passes(self) -> u32 {
        self.passes
    }

    /// Lanes, computed one after the other here.
    #[must_use]
    pub const fn lanes(self) -> u32 {
        self.lanes
    }

    /// The 32-byte key of a passphrase and a random salt: Argon2id version 0x13.
    ///
    /// # Errors
    /// [`CostError::OutOfMemory`].
    pub fn derive(self, passphrase: &Passphrase, salt: &[u8; 16]) -> Result<Zeroizing<[u8; 32]>, CostError> {
        let params = Params::new(self.memory_kib, self.passes, self.lanes, Some(32))
            .map_err(|_| CostError::OutOfBounds)?;
        let mut key = Zeroizing::new([0; 32]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(passphrase.as_bytes(), salt, key.as_mut_slice())
            .map_err(|_| CostError::OutOfMemory)?;
        Ok(key)
    }
}

/// Why a passphrase can't be turned into a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CostError {
    /// More memory or time than is sane, or less than Argon2 allows.
    #[error("the memory or time asked for to check a passphrase is out of bounds")]
    OutOfBounds,
    /// The memory is not to be had.
    #[error("not enough memory to check the passphrase")]
    OutOfMemory,
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn the_key_depends_on_passphrase_salt_and_cost() {
        let key = |cost: PassphraseCost, text: &str, salt| {
            *cost.derive(&Passphrase::new(text.to_owned()), &[salt; 16]).unwrap()
        };
        let cheap = PassphraseCost::CHEAPEST;
        let first = key(cheap, "open sesame", 1);
        assert_eq!(first, key(cheap, "open sesame", 1));
        assert_ne!(first, key(cheap, "open sesame ", 1));
        assert_ne!(first, key(cheap, "open sesame", 2));
        assert_ne!(first, key(PassphraseCost::new(16, 1, 1).unwrap(), "open sesame", 1));
    }

    #[test]
    fn costs_out_of_bounds_are_refused() {
        assert_eq!(PassphraseCost::new(64 * 1024, 3, 1), Ok(PassphraseCost::DEFAULT));
        for (m, t, p) in
            [(256 * 1024 + 1, 1, 1), (64, 17, 1), (64, 1, 5), (7, 1, 1), (15, 1, 2), (8, 0, 1), (8, 1, 0)]
        {
            assert_eq!(PassphraseCost::new(m, t, p), Err(CostError::OutOfBounds), "{m} {t} {p}");
        }
    }
}
