use openmls_traits::types::Ciphersuite;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A cipher suite of a thread. It is fixed for an era; a new era may have another. On the wire: its MLS code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub enum Suite {
    /// `MLS_128_MLKEM768X25519_AES128GCM_SHA256_Ed25519`: key agreement that holds if either ML-KEM-768 or X25519
    /// does. The code point is that of draft-ietf-mls-pq-ciphersuites and may change, so it is a field of the thread.
    #[default]
    Hybrid,
    /// `MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519` (RFC 9420, section 17.1): small, and not post-quantum.
    Classic,
}

/// A cipher suite code that is not used here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the cipher suite {0:#06x} is not used here")]
pub struct UnknownSuite(
    /// The code.
    pub u16,
);

impl Suite {
    /// Both suites, the preferred one first.
    pub const ALL: [Self; 2] = [Self::Hybrid, Self::Classic];

    /// The MLS code of the suite.
    #[must_use]
    pub fn code(self) -> u16 {
        u16::from(self.mls())
    }

    /// The suite with this MLS code.
    ///
    /// # Errors
    /// [`UnknownSuite`].
    pub fn from_code(code: u16) -> Result<Self, UnknownSuite> {
        Self::ALL.into_iter().find(|suite| suite.code() == code).ok_or(UnknownSuite(code))
    }

    pub(crate) const fn mls(self) -> Ciphersuite {
        match self {
            Self::Hybrid => Ciphersuite::MLS_128_MLKEM768X25519_AES128GCM_SHA256_Ed25519,
            Self::Classic => Ciphersuite::MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519,
        }
    }
}

impl TryFrom<u16> for Suite {
    type Error = UnknownSuite;

    fn try_from(code: u16) -> Result<Self, UnknownSuite> {
        Self::from_code(code)
    }
}

impl From<Suite> for u16 {
    fn from(suite: Suite) -> Self {
        suite.code()
    }
}

impl fmt::Display for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hybrid => "hybrid",
            Self::Classic => "classic",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suite_is_found_by_its_code_and_no_other_is() {
        for suite in Suite::ALL {
            assert_eq!(Suite::from_code(suite.code()), Ok(suite));
        }
        assert_eq!(Suite::Classic.code(), 3);
        assert_eq!(Suite::from_code(1), Err(UnknownSuite(1)));
        assert_eq!(Suite::default(), Suite::Hybrid);
    }
}
