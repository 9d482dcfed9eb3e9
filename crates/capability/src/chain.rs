//! Chains of grants, as bytes and as verified.

use crate::{
    Abilities, Ability, Grant, GrantHash, History, MAX_LINKS, Refusal, Revocations, Scope,
    attenuation::{Link, check_next, check_window, require},
    signed::Signed,
};
use frontdesk_identity::{DeviceId, Domain, GrantId, PrincipalId, UnixTime, codec};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The most bytes a chain can have. Four links have less than 2 KiB; the rest is room for later versions.
pub const MAX_CHAIN_BYTES: usize = 8 * 1024;

/// A chain as it travels and as it is stored: one byte string, and no right to anything before it is verified.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ChainBytes(#[serde(with = "serde_bytes")] Vec<u8>);

impl ChainBytes {
    /// Wraps bytes from anywhere.
    #[must_use]
    pub const fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The raw bytes.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        &self.0
    }

    /// Verifies the chain: its form, every rule of attenuation, time, revocations, and last, because they cost most
    /// (about 40 us each), the signatures. A pure function of its arguments.
    ///
    /// # Errors
    /// The [`Refusal`] that names the first rule broken.
    pub fn verify(
        self,
        principal: &PrincipalId,
        now: UnixTime,
        revocations: &Revocations,
    ) -> Result<Chain, Refusal> {
        let signed = self.decode()?;
        let chain = Chain::assemble(self, principal, &signed)?;
        chain.check_at(now, revocations)?;
        chain.check_signatures(&signed)?;
        Ok(chain)
    }

    pub(crate) fn decode(&self) -> Result<Vec<Signed>, Refusal> {
        Ok(codec::decode(&self.0, MAX_CHAIN_BYTES)?)
    }

    pub(crate) fn encode(signed: &[Signed]) -> Result<Self, Refusal> {
        Ok(Self(codec::encode(&signed)?))
    }
}

impl fmt::Debug for ChainBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChainBytes({} bytes)", self.0.len())
    }
}

/// A chain whose links are lawful and signed, as issued here or verified. Whether it holds at some moment is for
/// [`Chain::check_at`]; whether it covers some act, for [`Chain::held_by`] and [`Chain::permits`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    links: Vec<Link>,
    leaf: Grant,
    bytes: ChainBytes,
}

impl Chain {
    /// Reads and judges the links of `bytes`, which `signed` was decoded from; not their signatures.
    pub(crate) fn assemble(
        bytes: ChainBytes,
        principal: &PrincipalId,
        signed: &[Signed],
    ) -> Result<Self, Refusal> {
        require(signed.len() <= MAX_LINKS, Refusal::TooManyLinks)?;
        let mut links = Vec::with_capacity(signed.len());
        for signed in signed {
            let grant = Grant::read(signed)?;
            check_next(principal, &links, &grant)?;
            links.push(Link { grant, hash: GrantHash::of(signed)? });
        }
        let leaf = links.last().ok_or(Refusal::EmptyChain)?.grant;
        Ok(Self { links, leaf, bytes })
    }

    fn check_signatures(&self, signed: &[Signed]) -> Result<(), Refusal> {
        for (link, (grant, signed)) in self.links().zip(signed).enumerate() {
            signed
                .verify(grant.issuer.as_bytes(), Domain::Grant)
                .map_err(|_| Refusal::BadSignature { link })?;
        }
        Ok(())
    }

    /// Whether the chain holds at `now` and none of its links is revoked. Cheap: no signature is checked.
    ///
    /// # Errors
    /// [`Refusal::NotYetValid`], [`Refusal::Expired`] or [`Refusal::Revoked`].
    pub fn check_at(&self, now: UnixTime, revocations: &Revocations) -> Result<(), Refusal> {
        self.check_window(now)?;
        for link in 0..self.links.len() {
            let mut above = self.links().take(link + 1);
            let revoked = self.links().nth(link).is_some_and(|target| {
                above.any(|by| revocations.holds(&by.principal, &by.issuer, &target.id))
            });
            require(!revoked, Refusal::Revoked { link })?;
        }
        Ok(())
    }

    /// Whether the chain holds at `now`, revocations apart.
    pub(crate) fn check_window(&self, now: UnixTime) -> Result<(), Refusal> {
        self.links().enumerate().try_for_each(|(link, grant)| check_window(grant, now, link))
    }

    /// Whether `device` is the one that the chain was granted to.
    ///
    /// # Errors
    /// [`Refusal::WrongAudience`].
    pub fn held_by(&self, device: &DeviceId) -> Result<(), Refusal> {
        require(self.leaf.audience == *device, Refusal::WrongAudience)
    }

    /// Whether the chain allows an act that needs `ability`, on a thread or on the principal as a whole.
    ///
    /// # Errors
    /// [`Refusal::WrongThread`], [`Refusal::ThreadOnly`] or [`Refusal::AbilityMissing`].
    pub fn permits(&self, ability: Ability, on: impl Into<Scope>) -> Result<(), Refusal> {
        let on = on.into();
        let outside = match on {
            Scope::Principal => Refusal::ThreadOnly,
            Scope::Thread(_) => Refusal::WrongThread,
        };
        require(on.is_within(&self.leaf.scope), outside)?;
        require(self.leaf.abilities.contains(ability), Refusal::AbilityMissing(ability))
    }

    /// Whose right it is.
    #[must_use]
    pub const fn principal(&self) -> PrincipalId {
        self.leaf.principal
    }

    /// The device that may use it.
    #[must_use]
    pub const fn audience(&self) -> DeviceId {
        self.leaf.audience
    }

    /// Over what it holds.
    #[must_use]
    pub const fn scope(&self) -> Scope {
        self.leaf.scope
    }

    /// What it allows.
    #[must_use]
    pub const fn abilities(&self) -> Abilities {
        self.leaf.abilities
    }

    /// How much of what came before it may be read.
    #[must_use]
    pub const fn history(&self) -> History {
        self.leaf.history
    }

    /// When it starts: the latest start of its links, which is the leaf's, because windows only narrow.
    #[must_use]
    pub const fn not_before(&self) -> UnixTime {
        self.leaf.not_before
    }

    /// When it ends: the earliest end of its links, which is the leaf's, because windows only narrow.
    #[must_use]
    pub const fn expires(&self) -> UnixTime {
        self.leaf.expires
    }

    /// The last link: what the audience was granted.
    #[must_use]
    pub const fn leaf(&self) -> &Grant {
        &self.leaf
    }

    /// The links, the root's grant first. There is at least one.
    pub fn links(&self) -> impl ExactSizeIterator<Item = &Grant> {
        self.links.iter().map(|link| &link.grant)
    }

    /// The ids of the links, the root's grant first.
    pub fn grant_ids(&self) -> impl ExactSizeIterator<Item = GrantId> {
        self.links().map(|grant| grant.id)
    }

    /// The chain as it travels.
    #[must_use]
    pub const fn bytes(&self) -> &ChainBytes {
        &self.bytes
    }

    /// The chain as it travels.
    #[must_use]
    pub fn into_bytes(self) -> ChainBytes {
        self.bytes
    }

    pub(crate) fn as_links(&self) -> &[Link] {
        &self.links
    }
}
