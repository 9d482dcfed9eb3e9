//! Lawful bodies of an entity's devices, and of enrolment.

use crate::{
    cbor::{bytes, int, list, text},
    people::{INVITATION, Who, admin_chain, ana_chain, revocation, signed_profile},
    samples::{Sample, address, blob, body, chain, opaque, profile, record, revoked},
};
use ciborium::Value;
use frontdesk_identity::JoinNonce;
use frontdesk_wire::{
    AddressUpdate, Body, JoinChallenge, JoinGranted, JoinRefused, JoinRequest, JoinReveal, KeyPackages,
    Reason, Revoked, Roster, RosterEntry,
};
use serde_bytes::{ByteArray, ByteBuf};

pub(crate) fn entity() -> Vec<Sample<Body>> {
    let packages =
        KeyPackages { packages: vec![blob(0x88), blob(0x89)], last_resort: ByteBuf::new(), reset: false };
    let anew = KeyPackages { packages: Vec::new(), last_resort: blob(0x8d), reset: true };
    let admin = Who::Admin.record(Who::Acme);
    let roster = Roster {
        number: 4,
        profile: signed_profile(),
        devices: vec![RosterEntry {
            record: admin.clone(),
            chain: admin_chain().into_bytes(),
            role: 3,
            name: "Office".to_owned(),
        }],
        revocations: vec![revocation()],
    };
    let office = list([record(&admin), chain(admin_chain().bytes()), int(3_u64), text("Office")]);
    vec![
        body(
            "key-packages",
            8,
            Body::KeyPackages(packages),
            list([list([opaque(0x88), opaque(0x89)]), bytes([]), Value::Bool(false)]),
        ),
        body(
            "key-packages-anew",
            8,
            Body::KeyPackages(anew),
            list([list([]), opaque(0x8d), Value::Bool(true)]),
        ),
        body(
            "revoked",
            11,
            Body::Revoked(Revoked { revocations: vec![revocation()] }),
            list([list([revoked(&revocation())])]),
        ),
        body(
            "address-update",
            12,
            Body::AddressUpdate(AddressUpdate { address: Who::Ana.address() }),
            list([address(&Who::Ana.address())]),
        ),
        body(
            "roster",
            15,
            Body::Roster(roster),
            list([int(4_u64), profile(), list([office]), list([revoked(&revocation())])]),
        ),
    ]
}

pub(crate) fn enrolment() -> Vec<Sample<Body>> {
    let (ana, admin) = (Who::Ana.record(Who::Acme), Who::Admin.record(Who::Acme));
    let (nonce, proof) = (ByteArray::new([0x8a; 16]), ByteArray::new([0x8b; 32]));
    let commitment = ByteArray::new(JoinNonce::from_bytes([0x8e; 16]).commit());
    let invitation = || bytes(INVITATION.as_bytes());
    let asked = JoinRequest {
        invitation: INVITATION,
        record: ana.clone(),
        commitment,
        name: "Ana".to_owned(),
        address: Who::Ana.address(),
        proof,
    };
    let granted = JoinGranted {
        invitation: INVITATION,
        chain: ana_chain().into_bytes(),
        role: 1,
        name: "Ana".to_owned(),
        administrator: admin.clone(),
        administrator_chain: admin_chain().into_bytes(),
        address: Who::Admin.address(),
        profile: signed_profile(),
    };
    vec![
        body(
            "join-request",
            20,
            Body::JoinRequest(asked),
            list([
                invitation(),
                record(&ana),
                bytes(*commitment),
                text("Ana"),
                address(&Who::Ana.address()),
                bytes(*proof),
            ]),
        ),
        body(
            "join-challenge",
            21,
            Body::JoinChallenge(JoinChallenge { invitation: INVITATION, nonce, proof }),
            list([invitation(), bytes(*nonce), bytes(*proof)]),
        ),
        body(
            "join-granted",
            22,
            Body::JoinGranted(granted),
            list([
                invitation(),
                chain(ana_chain().bytes()),
                int(1_u64),
                text("Ana"),
                record(&admin),
                chain(admin_chain().bytes()),
                address(&Who::Admin.address()),
                profile(),
            ]),
        ),
        body(
            "join-refused",
            23,
            Body::JoinRefused(JoinRefused { invitation: INVITATION, reason: Reason::WrongCode }),
            list([invitation(), int(43_u64)]),
        ),
        body(
            "join-reveal",
            24,
            Body::JoinReveal(JoinReveal { invitation: INVITATION, nonce: ByteArray::new([0x8e; 16]) }),
            list([invitation(), bytes([0x8e; 16])]),
        ),
    ]
}
