//! Issuing grants: by a principal's root key, and from one device to the next.

use crate::{
    Abilities, Chain, ChainBytes, Grant, GrantHash, History, IssuerKey, Refusal, Scope,
    attenuation::check_next, grant::Payload, signed::Signed,
};
use frontdesk_identity::{DeviceId, Domain, GrantId, PrincipalId, SecretSigningKey, UnixTime};
use rand_core::CryptoRng;

/// What the issuer of a grant chooses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// Who may use the grant.
    pub audience: DeviceId,
    /// Over what it holds.
    pub scope: Scope,
    /// What it allows.
    pub abilities: Abilities,
    /// How much of what came before it may be read. An enrolment normally says [`History::All`] and leaves it to the
    /// grants on threads to narrow that.
    pub history: History,
    /// When it starts.
    pub not_before: UnixTime,
    /// When it ends.
    pub expires: UnixTime,
    /// How many further links may follow: 0 to [`MAX_DEPTH`](crate::MAX_DEPTH), and less than the link above has.
    pub depth: u8,
}

impl Chain {
    /// Starts a chain: a grant by the principal's root key.
    ///
    /// # Errors
    /// [`Refusal::EmptyWindow`] or [`Refusal::TooDeep`]; nothing was signed.
    pub fn issue_root<R: CryptoRng + ?Sized>(
        root: &SecretSigningKey,
        terms: Terms,
        rng: &mut R,
    ) -> Result<Self, Refusal> {
        let principal = PrincipalId::from_bytes(root.public());
        let grant = terms.grant(principal, root, None, rng);
        check_next(&principal, &[], &grant)?;
        let signed = Signed::sign(root, Domain::Grant, &Payload::of(&grant))?;
        Self::of(&principal, &[signed])
    }

    /// Adds a link: a narrower grant by the audience of this chain, whose secret key is `issuer`. The chain must hold
    /// at `now`; whether it is revoked is for the caller to know, by [`Chain::check_at`].
    ///
    /// # Errors
    /// The [`Refusal`] that any verifier would answer with; nothing was signed.
    pub fn delegate<R: CryptoRng + ?Sized>(
        &self,
        issuer: &SecretSigningKey,
        terms: Terms,
        now: UnixTime,
        rng: &mut R,
    ) -> Result<Self, Refusal> {
        self.check_window(now)?;
        let parent = self.as_links().last().map(|link| link.hash);
        let grant = terms.grant(self.principal(), issuer, parent, rng);
        check_next(&self.principal(), self.as_links(), &grant)?;
        let mut signed = self.bytes().decode()?;
        signed.push(Signed::sign(issuer, Domain::Grant, &Payload::of(&grant))?);
        Self::of(&self.principal(), &signed)
    }

    fn of(principal: &PrincipalId, signed: &[Signed]) -> Result<Self, Refusal> {
        Self::assemble(ChainBytes::encode(signed)?, principal, signed)
    }
}

impl Terms {
    fn grant<R: CryptoRng + ?Sized>(
        self,
        principal: PrincipalId,
        issuer: &SecretSigningKey,
        parent: Option<GrantHash>,
        rng: &mut R,
    ) -> Grant {
        let mut id = [0; GrantId::LEN];
        rng.fill_bytes(&mut id);
        Grant {
            principal,
            scope: self.scope,
            issuer: IssuerKey::from_bytes(issuer.public()),
            audience: self.audience,
            abilities: self.abilities,
            history: self.history,
            not_before: self.not_before,
            expires: self.expires,
            depth: self.depth,
            id: GrantId::from_bytes(id),
            parent,
        }
    }
}
