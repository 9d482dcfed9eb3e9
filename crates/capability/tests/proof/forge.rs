//! An encoder of its own for grants, chains and revocations, lawful and not. It shares no code with the crate, so
//! that the two check each other.

use ciborium::Value;
use frontdesk_identity::{Domain, SecretSigningKey};
use sha2::{Digest, Sha256};

pub(crate) const NOW: u64 = 1_800_000_000;
pub(crate) const DAY: u64 = 86_400;
pub(crate) const THREAD: [u8; 32] = [0x70; 32];

/// Whose key signs. Each key has the seed of 32 bytes of the number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Who {
    Acme = 1,
    Admin = 2,
    Ana = 3,
    Ben = 4,
    Bot = 5,
    OtherRoot = 8,
    Stranger = 9,
}

impl Who {
    pub(crate) fn key(self) -> SecretSigningKey {
        SecretSigningKey::from_seed(&[self as u8; 32])
    }

    pub(crate) fn public(self) -> [u8; 32] {
        self.key().public()
    }
}

/// A grant with every field open to abuse.
#[derive(Debug, Clone)]
pub(crate) struct Forged {
    pub(crate) version: u64,
    pub(crate) principal: [u8; 32],
    pub(crate) scope: Option<[u8; 32]>,
    pub(crate) issuer: [u8; 32],
    pub(crate) audience: [u8; 32],
    pub(crate) abilities: Vec<u64>,
    pub(crate) history: Vec<u64>,
    pub(crate) not_before: u64,
    pub(crate) expires: u64,
    pub(crate) depth: u64,
    pub(crate) id: [u8; 16],
    pub(crate) parent: Parent,
    pub(crate) signer: Who,
    pub(crate) domain: Domain,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Parent {
    /// The hash of the link above, or null in the first link.
    Above,
    Null,
    Hash([u8; 32]),
}

impl Forged {
    pub(crate) fn payload(&self, above: Option<&[u8]>) -> Vec<u8> {
        encode(&Value::Array(self.fields(above)))
    }

    pub(crate) fn fields(&self, above: Option<&[u8]>) -> Vec<Value> {
        let parent = match self.parent {
            Parent::Above => above.map(hash),
            Parent::Null => None,
            Parent::Hash(hash) => Some(hash),
        };
        vec![
            int(self.version),
            bytes(&self.principal),
            self.scope.map_or(Value::Null, |t| bytes(&t)),
            bytes(&self.issuer),
            bytes(&self.audience),
            ints(&self.abilities),
            ints(&self.history),
            int(self.not_before),
            int(self.expires),
            int(self.depth),
            bytes(&self.id),
            parent.map_or(Value::Null, |h| bytes(&h)),
        ]
    }

    pub(crate) fn sign(&self, payload: &[u8]) -> [u8; 64] {
        *self.signer.key().sign(self.domain, payload).as_bytes()
    }
}

/// The first `n` links of a lawful chain: Acme's root, the administrator, Ana, Ben, a bot.
pub(crate) fn lawful(n: usize) -> Vec<Forged> {
    let enrolment = Forged {
        version: 1,
        principal: Who::Acme.public(),
        scope: None,
        issuer: Who::Acme.public(),
        audience: Who::Admin.public(),
        abilities: (1..=11).collect(),
        history: vec![1],
        not_before: NOW - DAY,
        expires: NOW + 30 * DAY,
        depth: 3,
        id: [0xa0; 16],
        parent: Parent::Above,
        signer: Who::Acme,
        domain: Domain::Grant,
    };
    let forward = Forged {
        scope: Some(THREAD),
        abilities: vec![3, 4, 5, 6],
        expires: NOW + 7 * DAY,
        depth: 2,
        ..under(&enrolment, Who::Admin, Who::Ana, 0xa1)
    };
    let second = Forged {
        abilities: vec![3, 4, 5],
        history: vec![2, 1, 5],
        not_before: NOW - 100,
        depth: 1,
        ..under(&forward, Who::Ana, Who::Ben, 0xa2)
    };
    let third = Forged {
        abilities: vec![4],
        history: vec![0],
        expires: NOW + 100,
        depth: 0,
        ..under(&second, Who::Ben, Who::Bot, 0xa3)
    };
    [enrolment, forward, second, third].into_iter().take(n).collect()
}

/// A copy of `above`, issued by `from` to `to`.
pub(crate) fn under(above: &Forged, from: Who, to: Who, id: u8) -> Forged {
    Forged { issuer: from.public(), signer: from, audience: to.public(), id: [id; 16], ..above.clone() }
}

pub(crate) fn chain(links: &[Forged]) -> Vec<u8> {
    join(&signed_links(links))
}

/// Each link as `[payload, signature]`.
pub(crate) fn signed_links(links: &[Forged]) -> Vec<Vec<u8>> {
    let mut out: Vec<Vec<u8>> = Vec::new();
    for link in links {
        let payload = link.payload(out.last().map(Vec::as_slice));
        out.push(signed(&payload, &link.sign(&payload)));
    }
    out
}

pub(crate) fn signed(payload: &[u8], signature: &[u8]) -> Vec<u8> {
    encode(&Value::Array(vec![bytes(payload), bytes(signature)]))
}

/// An array of up to 23 links that are encoded already.
pub(crate) fn join(links: &[Vec<u8>]) -> Vec<u8> {
    let mut out = vec![0x80 + u8::try_from(links.len()).unwrap()];
    out.extend(links.concat());
    out
}

pub(crate) fn hash(signed: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update(b"frontdesk/grant-hash/v1\0").chain_update(signed).finalize().into()
}

/// A revocation with every field open to abuse.
#[derive(Debug, Clone)]
pub(crate) struct ForgedRevocation {
    pub(crate) version: u64,
    pub(crate) principal: [u8; 32],
    pub(crate) revoker: [u8; 32],
    pub(crate) target: [u8; 16],
    pub(crate) signer: Who,
    pub(crate) domain: Domain,
}

impl ForgedRevocation {
    pub(crate) fn payload(&self) -> Vec<u8> {
        encode(&Value::Array(vec![
            int(self.version),
            bytes(&self.principal),
            bytes(&self.revoker),
            bytes(&self.target),
            int(NOW),
        ]))
    }

    pub(crate) fn signed(&self) -> Vec<u8> {
        let payload = self.payload();
        signed(&payload, self.signer.key().sign(self.domain, &payload).as_bytes())
    }
}

/// A revocation by `who` of the grant with the id of 16 bytes `target`.
pub(crate) fn revocation(who: Who, target: u8) -> ForgedRevocation {
    ForgedRevocation {
        version: 1,
        principal: Who::Acme.public(),
        revoker: who.public(),
        target: [target; 16],
        signer: who,
        domain: Domain::Revocation,
    }
}

pub(crate) fn encode(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    ciborium::into_writer(value, &mut out).unwrap();
    out
}

pub(crate) fn int(n: u64) -> Value {
    Value::Integer(n.into())
}

pub(crate) fn ints(numbers: &[u64]) -> Value {
    Value::Array(numbers.iter().copied().map(int).collect())
}

pub(crate) fn bytes(bytes: &[u8]) -> Value {
    Value::Bytes(bytes.to_vec())
}
