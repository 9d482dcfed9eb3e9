use std::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop};

/// The 32-byte key that a store is sealed with. Wiped from memory on drop; never shown.
///
/// It comes from a key file, or from a passphrase by Argon2id; making it is not this crate's work.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct MasterKey([u8; 32]);

impl MasterKey {
    /// Takes the key over and wipes the caller's copy.
    #[must_use]
    pub fn take(bytes: &mut [u8; 32]) -> Self {
        let key = Self(*bytes);
        bytes.zeroize();
        key
    }

    pub(super) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl From<[u8; 32]> for MasterKey {
    fn from(mut bytes: [u8; 32]) -> Self {
        Self::take(&mut bytes)
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(redacted)")
    }
}
