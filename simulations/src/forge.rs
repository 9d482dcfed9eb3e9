//! Grants that no honest device would sign: signatures that hold over links that break the rules.

use crate::SimError;
use frontdesk_capability::{Chain, ChainBytes, IssuerKey, Terms};
use frontdesk_identity::{
    DeviceId, Domain, GrantId, PrincipalId, SecretSigningKey, Signature, ThreadId, UnixTime,
    codec::{self, DecodeError},
};
use rand_core::CryptoRng;
use serde_bytes::{ByteArray, ByteBuf};
use sha2::{Digest as _, Sha256};

/// Makes grants by hand.
#[derive(Debug)]
pub struct Forge;

/// `[version, principal, thread, issuer, audience, abilities, history, not before, expires, depth, id, parent]`.
type Payload = (
    u64,
    PrincipalId,
    Option<ThreadId>,
    IssuerKey,
    DeviceId,
    Vec<u64>,
    Vec<u64>,
    UnixTime,
    UnixTime,
    u8,
    GrantId,
    Option<ByteArray<32>>,
);

impl Forge {
    /// Adds a link to `chain` that is lawfully signed by `issuer`, and gives whatever `terms` say.
    ///
    /// # Errors
    /// [`SimError::Broken`] if the chain can't be read.
    pub fn link(
        chain: &Chain,
        issuer: &SecretSigningKey,
        terms: Terms,
        rng: &mut impl CryptoRng,
    ) -> Result<ChainBytes, SimError> {
        let mut id = [0; 16];
        rng.fill_bytes(&mut id);
        let links = links(chain.bytes()).map_err(|error| broken(&error))?;
        let above = links.last().map(hash).transpose().map_err(|error| broken(&error))?;
        let payload: Payload = (
            1,
            chain.principal(),
            terms.scope.into(),
            IssuerKey::from_bytes(issuer.public()),
            terms.audience,
            terms.abilities.into(),
            terms.history.into(),
            terms.not_before,
            terms.expires,
            terms.depth,
            GrantId::from_bytes(id),
            above,
        );
        append(links, issuer, &payload).map_err(|error| broken(&error))
    }

    /// The chain with one bit of its last signature changed.
    #[must_use]
    pub fn spoil(chain: &ChainBytes) -> ChainBytes {
        let mut bytes = chain.as_slice().to_vec();
        if let Some(last) = bytes.last_mut() {
            *last ^= 1;
        }
        ChainBytes::new(bytes)
    }
}

/// A signed grant as it travels.
type Signed = (ByteBuf, Signature);

fn links(chain: &ChainBytes) -> Result<Vec<Signed>, DecodeError> {
    codec::decode(chain.as_slice(), 8192)
}

/// By which a link's children name it. Written here once more: who has no right to grant anything isn't asked for it.
fn hash(link: &Signed) -> Result<ByteArray<32>, DecodeError> {
    let mut hash = Sha256::new();
    hash.update(b"frontdesk/grant-hash/v1\0");
    hash.update(codec::encode(link)?);
    Ok(ByteArray::new(hash.finalize().into()))
}

fn append(
    mut links: Vec<Signed>,
    issuer: &SecretSigningKey,
    payload: &Payload,
) -> Result<ChainBytes, DecodeError> {
    let payload = codec::encode(payload)?;
    let signature = issuer.sign(Domain::Grant, &payload);
    links.push((ByteBuf::from(payload), signature));
    Ok(ChainBytes::new(codec::encode(&links)?))
}

fn broken(error: &dyn std::fmt::Display) -> SimError {
    SimError::Broken(error.to_string())
}
