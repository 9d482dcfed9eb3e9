//! Grants that no honest device would sign: signatures that hold over links that break the rules.

use crate::SimError;
use frontdesk_capability::{Chain, ChainBytes, GrantHash, IssuerKey, Terms};
use frontdesk_identity::{
    DeviceId, Domain, GrantId, PrincipalId, SecretSigningKey, Signature, ThreadId, UnixTime,
    codec::{self, DecodeError},
};
use rand_core::CryptoRng;
use serde_bytes::ByteBuf;

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
    Option<GrantHash>,
);

impl Forge {
    /// Adds a link to `chain` that is lawfully signed by `issuer`, and gives whatever `terms` say.
    ///
    /// # Errors
    /// [`SimError::Broken`] if there is no lawful link to learn the parent's hash from: give a chain with depth left.
    pub fn link(
        chain: &Chain,
        issuer: &SecretSigningKey,
        terms: Terms,
        now: UnixTime,
        rng: &mut impl CryptoRng,
    ) -> Result<ChainBytes, SimError> {
        let mut lawful = Terms { audience: terms.audience, depth: 0, ..Self::terms_of(chain) };
        lawful.abilities = chain.abilities();
        let lawful = chain.delegate(issuer, lawful, now, rng).map_err(|error| broken(&error))?;
        let mut id = [0; 16];
        rng.fill_bytes(&mut id);
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
            lawful.leaf().parent,
        );
        Self::append(chain.bytes(), issuer, &payload).map_err(|error| broken(&error))
    }

    /// The terms of a chain's last link.
    #[must_use]
    pub fn terms_of(chain: &Chain) -> Terms {
        let leaf = chain.leaf();
        Terms {
            audience: leaf.audience,
            scope: leaf.scope,
            abilities: leaf.abilities,
            history: leaf.history,
            not_before: leaf.not_before,
            expires: leaf.expires,
            depth: leaf.depth,
        }
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

    fn append(
        chain: &ChainBytes,
        issuer: &SecretSigningKey,
        payload: &Payload,
    ) -> Result<ChainBytes, DecodeError> {
        let mut links: Vec<(ByteBuf, Signature)> = codec::decode(chain.as_slice(), 8192)?;
        let payload = codec::encode(payload)?;
        let signature = issuer.sign(Domain::Grant, &payload);
        links.push((ByteBuf::from(payload), signature));
        Ok(ChainBytes::new(codec::encode(&links)?))
    }
}

fn broken(error: &dyn std::fmt::Display) -> SimError {
    SimError::Broken(error.to_string())
}
