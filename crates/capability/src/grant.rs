//! One grant: its fields and its wire form.

use crate::{Abilities, History, Refusal, Scope, UnknownAbility, signed::Signed};
use frontdesk_identity::{DeviceId, GrantId, PrincipalId, ThreadId, UnixTime, codec};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteArray;
use sha2::{Digest, Sha256};
use std::fmt;

const VERSION: u64 = 1;

/// What one link of a chain says. As a value it proves nothing; inside a [`Chain`](crate::Chain) it is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant {
    /// Whose right it is.
    pub principal: PrincipalId,
    /// Over what it holds.
    pub scope: Scope,
    /// Who granted it: the principal's root key in the first link, else the audience of the link above.
    pub issuer: IssuerKey,
    /// Who may use it.
    pub audience: DeviceId,
    /// What it allows.
    pub abilities: Abilities,
    /// How much of what came before it may be read.
    pub history: History,
    /// Valid from this moment on, less [`CLOCK_SKEW`](crate::CLOCK_SKEW).
    pub not_before: UnixTime,
    /// Valid before this moment, plus [`CLOCK_SKEW`](crate::CLOCK_SKEW).
    pub expires: UnixTime,
    /// How many further links may follow: 0 to [`MAX_DEPTH`](crate::MAX_DEPTH).
    pub depth: u8,
    /// Its name, by which it is revoked.
    pub id: GrantId,
    /// The hash of the link above, signature included; none in the first link.
    pub parent: Option<GrantHash>,
}

/// The key that signed a grant or a revocation: a principal's root key or a device's signing key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IssuerKey(ByteArray<32>);

impl IssuerKey {
    /// Wraps an Ed25519 public key.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(ByteArray::new(bytes))
    }

    /// The Ed25519 public key.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether it is the root key of `principal`.
    #[must_use]
    pub fn is_root_of(&self, principal: &PrincipalId) -> bool {
        self.as_bytes() == principal.as_bytes()
    }

    /// Whether it is the signing key of `device`.
    #[must_use]
    pub fn is_device(&self, device: &DeviceId) -> bool {
        self.as_bytes() == device.as_bytes()
    }
}

/// The SHA-256 of a signed grant, by which its children name it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct GrantHash(ByteArray<32>);

impl GrantHash {
    /// The raw bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Hashes `frontdesk/grant-hash/v1`, a zero byte, and the encoding of `[payload, signature]`.
    pub(crate) fn of(signed: &Signed) -> Result<Self, Refusal> {
        let mut hash = Sha256::new();
        hash.update(b"frontdesk/grant-hash/v1\0");
        hash.update(codec::encode(signed)?);
        Ok(Self(ByteArray::new(hash.finalize().into())))
    }
}

impl fmt::Display for IssuerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&data_encoding::HEXLOWER.encode(self.as_bytes()))
    }
}

impl fmt::Debug for IssuerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IssuerKey({self:.8})")
    }
}

impl fmt::Debug for GrantHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GrantHash({:.8})", data_encoding::HEXLOWER.encode(self.as_bytes()))
    }
}

/// The payload of version 1. Abilities and history are still numbers here, so that each has its own refusal.
#[derive(Serialize, Deserialize)]
pub(crate) struct Payload(
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

impl Payload {
    pub(crate) fn of(grant: &Grant) -> Self {
        Self(
            VERSION,
            grant.principal,
            grant.scope.into(),
            grant.issuer,
            grant.audience,
            grant.abilities.into(),
            grant.history.into(),
            grant.not_before,
            grant.expires,
            grant.depth,
            grant.id,
            grant.parent,
        )
    }
}

impl Grant {
    /// Reads what `signed` says, without a look at the signature.
    pub(crate) fn read(signed: &Signed) -> Result<Self, Refusal> {
        let Payload(
            _,
            principal,
            thread,
            issuer,
            audience,
            codes,
            history,
            not_before,
            expires,
            depth,
            id,
            parent,
        ) = signed.payload(VERSION)?;
        Ok(Self {
            principal,
            scope: thread.into(),
            issuer,
            audience,
            abilities: Abilities::try_from(codes)?,
            history: History::try_from(history).map_err(|_| Refusal::Malformed)?,
            not_before,
            expires,
            depth,
            id,
            parent,
        })
    }
}

impl From<UnknownAbility> for Refusal {
    fn from(error: UnknownAbility) -> Self {
        match error {
            UnknownAbility::Code(code) => Self::UnknownAbility { code },
            UnknownAbility::Order => Self::NotCanonical,
        }
    }
}
