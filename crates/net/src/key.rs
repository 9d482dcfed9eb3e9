//! Who is at the other end: transport keys and their text form.

use std::{fmt, str::FromStr};

use libp2p::{PeerId, identity};
use zeroize::{Zeroize, Zeroizing};

/// What precedes the 32 key bytes in the binary form of an Ed25519 peer id: identity multihash (code 0, length 36)
/// of the protobuf encoding of the public key (type 1, 32 bytes). libp2p specification, "Peer Ids and Keys".
const PEER_ID_PREFIX: [u8; 6] = [0x00, 0x24, 0x08, 0x01, 0x12, 0x20];

/// The Ed25519 transport public key of a device: 32 bytes, one to one with its libp2p `PeerId`.
///
/// A live link to a key proves that the other end holds its secret; it says nothing about what that device may do.
/// Displayed and parsed as a libp2p peer id (`12D3KooW...`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PeerKey(pub [u8; 32]);

impl PeerKey {
    /// Eight characters that tell peers apart in a log.
    pub fn fmt_short(&self) -> String {
        // Every Ed25519 peer id begins with the same eight characters; those after them differ.
        self.to_string().chars().skip(8).take(8).collect()
    }

    pub(crate) fn from_peer_id(peer: &PeerId) -> Option<Self> {
        let bytes = peer.to_bytes();
        let key = bytes.strip_prefix(&PEER_ID_PREFIX)?;
        key.try_into().ok().map(Self)
    }

    /// `None` never happens for a well-formed prefix; the type of libp2p's parser is what it is.
    pub(crate) fn to_peer_id(self) -> Option<PeerId> {
        let mut bytes = [0; 38];
        let (prefix, key) = bytes.split_at_mut(PEER_ID_PREFIX.len());
        prefix.copy_from_slice(&PEER_ID_PREFIX);
        key.copy_from_slice(&self.0);
        PeerId::from_bytes(&bytes).ok()
    }
}

impl fmt::Display for PeerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_peer_id().ok_or(fmt::Error)?.fmt(f)
    }
}

impl fmt::Debug for PeerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PeerKey({})", self.fmt_short())
    }
}

/// The text is not the peer id of an Ed25519 key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the peer id of an Ed25519 key (it should look like 12D3KooW...)")]
pub struct InvalidPeerKey;

impl FromStr for PeerKey {
    type Err = InvalidPeerKey;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let peer = PeerId::from_str(text).map_err(|_| InvalidPeerKey)?;
        Self::from_peer_id(&peer).ok_or(InvalidPeerKey)
    }
}

/// The Ed25519 seed of this device's transport key: 32 bytes, wiped on drop, never shown by `Debug`.
#[derive(Clone)]
pub struct TransportSecret(Zeroizing<[u8; 32]>);

impl TransportSecret {
    /// Takes the seed (RFC 8032, section 5.1.5: the private key).
    pub fn new(seed: Zeroizing<[u8; 32]>) -> Self {
        Self(seed)
    }

    /// The public key that peers will see.
    pub fn peer_key(&self) -> PeerKey {
        PeerKey(self.ed25519().public().to_bytes())
    }

    pub(crate) fn keypair(&self) -> identity::Keypair {
        self.ed25519().into()
    }

    fn ed25519(&self) -> identity::ed25519::Keypair {
        let mut seed = *self.0;
        let secret = identity::ed25519::SecretKey::try_from_bytes(&mut seed);
        seed.zeroize();
        #[expect(
            clippy::expect_used,
            reason = "the only error is a length other than 32, which the type rules out"
        )]
        secret.expect("32 bytes").into()
    }
}

impl fmt::Debug for TransportSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TransportSecret(redacted)")
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_key_and_its_peer_id_are_one_to_one() {
        let secret = TransportSecret::new(Zeroizing::new([7; 32]));
        let peer = secret.keypair().public().to_peer_id();
        assert_eq!(PeerKey::from_peer_id(&peer), Some(secret.peer_key()));
        assert_eq!(secret.peer_key().to_peer_id(), Some(peer));
        assert_eq!(secret.peer_key().to_string(), peer.to_string());
        assert_eq!(peer.to_string().parse::<PeerKey>().unwrap(), secret.peer_key());
    }

    #[test]
    fn text_that_is_no_ed25519_peer_id_is_refused() {
        let rsa_like = "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N";
        for text in ["", "12D3KooW", "hello", rsa_like] {
            assert_eq!(text.parse::<PeerKey>(), Err(InvalidPeerKey), "{text}");
        }
    }

    #[test]
    fn debug_shows_no_secret() {
        assert_eq!(
            format!("{:?}", TransportSecret::new(Zeroizing::new([7; 32]))),
            "TransportSecret(redacted)"
        );
    }
}
