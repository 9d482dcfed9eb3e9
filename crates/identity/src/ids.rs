//! Names of things: each a newtype, so that no key or id can stand where another is meant.

use serde::{Deserialize, Serialize};
use serde_bytes::ByteArray;
use sha2::{Digest, Sha256};
use std::{fmt, str::FromStr};

/// Text that is not the id it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected} lowercase hexadecimal digits")]
pub struct ParseIdError {
    expected: usize,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $len:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(ByteArray<$len>);

        impl $name {
            /// Length in bytes.
            pub const LEN: usize = $len;

            /// Wraps raw bytes.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; $len]) -> Self {
                Self(ByteArray::new(bytes))
            }

            /// The raw bytes.
            #[must_use]
            pub fn as_bytes(&self) -> &[u8; $len] {
                &self.0
            }

            /// The first eight hexadecimal digits, for logs and lists.
            #[must_use]
            pub fn fmt_short(&self) -> String {
                self.to_string().chars().take(8).collect()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&data_encoding::HEXLOWER.encode(self.0.as_slice()))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.fmt_short())
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                let bytes = data_encoding::HEXLOWER.decode(text.as_bytes()).ok();
                let bytes = bytes.and_then(|b| <[u8; $len]>::try_from(b).ok());
                bytes.map(Self::from_bytes).ok_or(ParseIdError { expected: 2 * $len })
            }
        }
    };
}

id!(
    /// A principal: its Ed25519 root public key.
    PrincipalId, 32
);
id!(
    /// A device: its Ed25519 signing public key. Grants name issuer and audience by it, and it signs the MLS leaf.
    DeviceId, 32
);
id!(
    /// A device's Ed25519 transport public key, from which its libp2p `PeerId` follows.
    TransportKey, 32
);
id!(
    /// A device's X25519 seal public key, for envelopes that wait for it while it is away.
    SealKey, 32
);
id!(
    /// A conversation between a guest and a host.
    ThreadId, 32
);
id!(
    /// The name of one grant: 16 random bytes.
    GrantId, 16
);
id!(
    /// The public name of an invitation, derived from its secret code without revealing it.
    InvitationId, 8
);

impl ThreadId {
    /// The id of the thread that `guest` opens to `host` under a fresh `nonce`: SHA-256 of a domain string and the
    /// three. Nobody can open a thread under an id that another guest's thread has.
    #[must_use]
    pub fn derive(host: &PrincipalId, guest: &PrincipalId, nonce: &[u8; 16]) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"frontdesk/thread-id/v1\0");
        hash.update(host.as_bytes());
        hash.update(guest.as_bytes());
        hash.update(nonce);
        Self::from_bytes(hash.finalize().into())
    }
}

/// A moment by the wall clock: seconds since 1970-01-01T00:00:00Z. For validity windows and for people; never for
/// ordering.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnixTime(pub u64);

impl UnixTime {
    /// This moment and `seconds` more, stopping at the largest.
    #[must_use]
    pub const fn plus(self, seconds: u64) -> Self {
        Self(self.0.saturating_add(seconds))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn an_id_comes_back_from_its_text() {
        let id = GrantId::from_bytes([0xa7; 16]);
        assert_eq!(id.to_string(), "a7".repeat(16));
        assert_eq!(id.to_string().parse::<GrantId>().unwrap(), id);
        assert_eq!(id.fmt_short(), "a7a7a7a7");
        assert_eq!(format!("{id:?}"), "GrantId(a7a7a7a7)");
    }

    #[test]
    fn text_of_another_length_or_alphabet_is_refused() {
        for text in ["", "a7", &"a7".repeat(17), &"A7".repeat(16), &"g7".repeat(16), &"é7".repeat(16)] {
            let refusal = text.parse::<GrantId>().unwrap_err();
            assert_eq!(refusal.to_string(), "expected 32 lowercase hexadecimal digits");
        }
    }

    #[test]
    fn an_id_is_one_byte_string_on_the_wire() {
        let bytes = crate::codec::encode(&GrantId::from_bytes([3; 16])).unwrap();
        assert_eq!(bytes.first(), Some(&0x50));
        assert_eq!(bytes.len(), 17);
    }

    #[test]
    fn a_thread_id_depends_on_host_guest_and_nonce() {
        let [a, b] = [[1; 32], [2; 32]].map(PrincipalId::from_bytes);
        let id = ThreadId::derive(&a, &b, &[0; 16]);
        assert_eq!(id, ThreadId::derive(&a, &b, &[0; 16]));
        assert_ne!(id, ThreadId::derive(&b, &a, &[0; 16]));
        assert_ne!(id, ThreadId::derive(&a, &b, &[1; 16]));
    }

    #[test]
    fn time_stops_at_its_largest() {
        assert_eq!(UnixTime(5).plus(6), UnixTime(11));
        assert_eq!(UnixTime(5).plus(u64::MAX), UnixTime(u64::MAX));
    }
}
