//! One revocation: a signed statement that a grant is void, and all that was delegated under it.

use crate::{IssuerKey, Refusal, signed::Signed};
use frontdesk_identity::{Domain, GrantId, PrincipalId, SecretSigningKey, UnixTime, codec};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The most bytes a revocation can have. Version 1 has 201 at most.
pub const MAX_REVOCATION_BYTES: usize = 512;

const VERSION: u64 = 1;

/// A revocation whose signature holds. It can't be taken back. It has an effect on a chain only if the revoker issued
/// the target or a link above it, so one by a stranger, or for an id that does not exist, means nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocation {
    principal: PrincipalId,
    revoker: IssuerKey,
    target: GrantId,
    issued_at: UnixTime,
    bytes: RevocationBytes,
}

impl Revocation {
    /// Revokes the grant `target`, which `revoker` issued, or which descends from one that it issued.
    ///
    /// # Errors
    /// None in practice: [`Refusal::Malformed`] if encoding failed, which is a defect of ours.
    pub fn issue(
        revoker: &SecretSigningKey,
        principal: &PrincipalId,
        target: GrantId,
        issued_at: UnixTime,
    ) -> Result<Self, Refusal> {
        let key = IssuerKey::from_bytes(revoker.public());
        let payload = Payload(VERSION, *principal, key, target, issued_at);
        let signed = Signed::sign(revoker, Domain::Revocation, &payload)?;
        let bytes = RevocationBytes(codec::encode(&signed)?);
        Ok(Self { principal: *principal, revoker: key, target, issued_at, bytes })
    }

    /// Whose grants it is about.
    #[must_use]
    pub const fn principal(&self) -> PrincipalId {
        self.principal
    }

    /// Who signed it.
    #[must_use]
    pub const fn revoker(&self) -> IssuerKey {
        self.revoker
    }

    /// The grant that is void, with all that was delegated under it.
    #[must_use]
    pub const fn target(&self) -> GrantId {
        self.target
    }

    /// When it was signed, as the revoker says. For people to read; it has no effect.
    #[must_use]
    pub const fn issued_at(&self) -> UnixTime {
        self.issued_at
    }

    /// The revocation as it travels.
    #[must_use]
    pub const fn bytes(&self) -> &RevocationBytes {
        &self.bytes
    }

    /// The revocation as it travels.
    #[must_use]
    pub fn into_bytes(self) -> RevocationBytes {
        self.bytes
    }
}

/// A revocation as it travels and as it is stored: one byte string, without effect before it is verified.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RevocationBytes(#[serde(with = "serde_bytes")] Vec<u8>);

impl RevocationBytes {
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

    /// Verifies a revocation of grants of `principal`. Whether its target exists need not be known.
    ///
    /// # Errors
    /// [`Refusal::TooLong`], [`Refusal::Malformed`], [`Refusal::NotCanonical`], [`Refusal::UnknownVersion`],
    /// [`Refusal::WrongPrincipal`] or [`Refusal::BadRevocation`].
    pub fn verify(self, principal: &PrincipalId) -> Result<Revocation, Refusal> {
        let signed: Signed = codec::decode(&self.0, MAX_REVOCATION_BYTES)?;
        let Payload(_, named, revoker, target, issued_at) = signed.payload(VERSION)?;
        if named != *principal {
            return Err(Refusal::WrongPrincipal);
        }
        signed.verify(revoker.as_bytes(), Domain::Revocation).map_err(|_| Refusal::BadRevocation)?;
        Ok(Revocation { principal: named, revoker, target, issued_at, bytes: self })
    }
}

impl fmt::Debug for RevocationBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RevocationBytes({} bytes)", self.0.len())
    }
}

/// The payload of version 1.
#[derive(Serialize, Deserialize)]
struct Payload(u64, PrincipalId, IssuerKey, GrantId, UnixTime);

#[cfg(test)]
impl Revocation {
    /// One with no signature, to fill sets with.
    pub(crate) const fn unsigned(principal: PrincipalId, revoker: IssuerKey, target: GrantId) -> Self {
        Self { principal, revoker, target, issued_at: UnixTime(0), bytes: RevocationBytes(Vec::new()) }
    }
}
