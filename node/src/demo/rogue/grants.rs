//! Grants that should not be: put together by hand, since [`Chain::delegate`] signs nothing that is wider than its
//! parent.

use crate::failure::Outcome;
use frontdesk_capability::{
    Abilities, Ability, Chain, ChainBytes, Grant, GrantHash, History, IssuerKey, MAX_CHAIN_BYTES, Scope,
    Terms,
};
use frontdesk_identity::{
    DeviceId, Domain, GrantId, PrincipalId, RootKey, SecretSigningKey, Signature, ThreadId, UnixTime, codec,
};
use serde::Serialize;
use serde_bytes::ByteBuf;

const HOUR: u64 = 3600;

/// A signed grant as it travels.
type Signed = (ByteBuf, Signature);

/// Names the entity's root key as its issuer, and is signed by another.
pub(super) fn forged(entity: PrincipalId, audience: DeviceId, now: UnixTime) -> Outcome<ChainBytes> {
    let another = SecretSigningKey::generate(&mut crate::random::generator());
    let honest = Chain::issue_root(&another, terms(audience, now), &mut crate::random::generator())?;
    let issuer = IssuerKey::from_bytes(*entity.as_bytes());
    chain(vec![sign(&another, &Grant { principal: entity, issuer, ..*honest.leaf() })?])
}

/// The root gives a device little, and the device gives the rogue more.
pub(super) fn widened(root: &RootKey, audience: DeviceId, now: UnixTime) -> Outcome<ChainBytes> {
    let rng = &mut crate::random::generator();
    let middle = SecretSigningKey::generate(rng);
    let little = Abilities::from([Ability::Admit, Ability::Read, Ability::Write]);
    let granted = Terms { abilities: little, ..terms(DeviceId::from_bytes(middle.public()), now) };
    let above = Chain::issue_root(&signing(root), granted, rng)?;
    let narrow = Terms { abilities: little, depth: 0, ..terms(audience, now) };
    let honest = above.delegate(&middle, narrow, now, rng)?;
    let mut links: Vec<Signed> = codec::decode(above.bytes().as_slice(), MAX_CHAIN_BYTES)?;
    links.push(sign(&middle, &Grant { abilities: Abilities::ALL, ..*honest.leaf() })?);
    chain(links)
}

/// By the root itself, and over.
pub(super) fn expired(root: &RootKey, audience: DeviceId, now: UnixTime) -> Outcome<ChainBytes> {
    let ago = |span: u64| UnixTime(now.0.saturating_sub(span));
    let over = Terms { not_before: ago(2 * HOUR), expires: ago(HOUR), ..terms(audience, now) };
    Ok(Chain::issue_root(&signing(root), over, &mut crate::random::generator())?.into_bytes())
}

/// What an administrator's device is given.
fn terms(audience: DeviceId, now: UnixTime) -> Terms {
    Terms {
        audience,
        scope: Scope::Principal,
        abilities: Abilities::ALL,
        history: History::All,
        not_before: now,
        expires: now.plus(HOUR),
        depth: 2,
    }
}

fn signing(root: &RootKey) -> SecretSigningKey {
    SecretSigningKey::from_seed(&root.to_seed())
}

fn chain(links: Vec<Signed>) -> Outcome<ChainBytes> {
    Ok(ChainBytes::new(codec::encode(&links)?))
}

/// The payload of version 1, as docs/protocol.md gives it.
#[derive(Serialize)]
struct Payload(
    u64,
    PrincipalId,
    Option<ThreadId>,
    IssuerKey,
    DeviceId,
    Abilities,
    History,
    UnixTime,
    UnixTime,
    u8,
    GrantId,
    Option<GrantHash>,
);

fn sign(key: &SecretSigningKey, grant: &Grant) -> Outcome<Signed> {
    let payload = Payload(
        1,
        grant.principal,
        grant.scope.into(),
        grant.issuer,
        grant.audience,
        grant.abilities,
        grant.history,
        grant.not_before,
        grant.expires,
        grant.depth,
        grant.id,
        grant.parent,
    );
    let payload = codec::encode(&payload)?;
    let signature = key.sign(Domain::Grant, &payload);
    Ok((ByteBuf::from(payload), signature))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use frontdesk_capability::{Refusal, Revocations};

    const NOW: UnixTime = UnixTime(1_800_000_000);

    fn verdict(chain: ChainBytes, root: &RootKey) -> Result<Chain, Refusal> {
        chain.verify(&root.principal(), NOW, &Revocations::new())
    }

    #[test]
    fn each_is_bad_in_its_own_way_alone() {
        let root = RootKey::generate(&mut crate::random::generator());
        let rogue = DeviceId::from_bytes([7; 32]);
        let forged = verdict(forged(root.principal(), rogue, NOW).unwrap(), &root).unwrap_err();
        assert_eq!(forged, Refusal::BadSignature { link: 0 });
        let widened = verdict(widened(&root, rogue, NOW).unwrap(), &root).unwrap_err();
        assert_eq!(widened, Refusal::WiderAbilities { link: 1 });
        let expired = verdict(expired(&root, rogue, NOW).unwrap(), &root).unwrap_err();
        assert_eq!(expired, Refusal::Expired { link: 0 });
    }

    #[test]
    fn a_grant_put_together_by_hand_is_the_same_as_an_issued_one() {
        let root = RootKey::generate(&mut crate::random::generator());
        let rng = &mut crate::random::generator();
        let issued =
            Chain::issue_root(&signing(&root), terms(DeviceId::from_bytes([7; 32]), NOW), rng).unwrap();
        let by_hand = chain(vec![sign(&signing(&root), issued.leaf()).unwrap()]).unwrap();
        assert_eq!(by_hand, *issued.bytes());
    }
}
