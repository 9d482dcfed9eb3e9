//! Acme and its devices, and Carla, from fixed seeds: the key of a device that signs has the seed of 32 bytes of its
//! number, its transport key of its number + 16, its seal key of its number + 32.

use data_encoding::HEXLOWER;
use frontdesk_capability::{
    Abilities, Ability, Chain, ChainBytes, History, Revocation, RevocationBytes, Scope, Terms,
};
use frontdesk_identity::{
    AddressRecord, DeviceId, DeviceKeys, DeviceRecord, DialAddress, InvitationId, PrincipalId,
    SecretSigningKey, SignedAddressRecord, SignedDeviceRecord, StoredDeviceKeys, ThreadId, UnixTime,
};
use frontdesk_wire::{Profile, RequestId, SignedProfile};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};

pub(crate) const NOW: UnixTime = UnixTime(1_800_000_000);
pub(crate) const DAY: u64 = 86_400;
pub(crate) const THREAD: ThreadId = ThreadId::from_bytes([0x70; 32]);
pub(crate) const REQUEST: RequestId = RequestId::from_bytes([0x71; 16]);
pub(crate) const INVITATION: InvitationId = InvitationId::from_bytes([0x72; 8]);

/// The seed of a root key or of a device's signing key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    Acme = 1,
    Admin = 2,
    Ana = 3,
    Carla = 6,
    CarlasPhone = 7,
    Stranger = 9,
}

impl Who {
    pub(crate) fn seed(self) -> [u8; 32] {
        [self as u8; 32]
    }

    pub(crate) fn key(self) -> SecretSigningKey {
        SecretSigningKey::from_seed(&self.seed())
    }

    pub(crate) fn device(self) -> DeviceId {
        DeviceId::from_bytes(self.key().public())
    }

    pub(crate) fn principal(self) -> PrincipalId {
        PrincipalId::from_bytes(self.key().public())
    }

    fn keys(self) -> DeviceKeys {
        let [transport, signing, seal] = [16, 0, 32].map(|more| [self as u8 + more; 32]);
        let head = [0x58, 32];
        let stored = [&[0x84, 1][..], &head, &transport, &head, &signing, &head, &seal].concat();
        DeviceKeys::try_from(&StoredDeviceKeys::from_bytes(stored.into())).unwrap()
    }

    pub(crate) fn record(self, of: Self) -> SignedDeviceRecord {
        DeviceRecord::sign(&self.keys(), of.principal(), NOW)
    }

    pub(crate) fn address(self) -> SignedAddressRecord {
        let addresses: [DialAddress; 1] = ["/ip4/192.0.2.1/tcp/4001".parse().unwrap()];
        AddressRecord::sign(&self.keys(), 7, &addresses, NOW.plus(DAY)).unwrap()
    }
}

fn terms(audience: Who, abilities: impl Into<Abilities>) -> Terms {
    Terms {
        audience: audience.device(),
        scope: Scope::Principal,
        abilities: abilities.into(),
        history: History::All,
        not_before: NOW,
        expires: NOW.plus(30 * DAY),
        depth: 2,
    }
}

fn rooted(root: Who, terms: Terms) -> Chain {
    Chain::issue_root(&root.key(), terms, &mut ChaCha20Rng::from_seed([0x73; 32])).unwrap()
}

/// The administrator's enrolment.
pub(crate) fn admin_chain() -> Chain {
    rooted(Who::Acme, terms(Who::Admin, Abilities::ALL))
}

/// The administrator's grant to Ana on the thread.
pub(crate) fn ana_chain() -> Chain {
    let narrow = Terms {
        scope: THREAD.into(),
        history: History::None,
        expires: NOW.plus(DAY),
        depth: 0,
        ..terms(Who::Ana, [Ability::Read, Ability::Write])
    };
    admin_chain().delegate(&Who::Admin.key(), narrow, NOW, &mut ChaCha20Rng::from_seed([0x74; 32])).unwrap()
}

/// An enrolment of Ana, who may not speak for Acme.
pub(crate) fn ana_enrolled() -> ChainBytes {
    rooted(Who::Acme, terms(Who::Ana, [Ability::Read, Ability::Write])).into_bytes()
}

/// The grant of Carla's root to her phone.
pub(crate) fn carla_chain() -> ChainBytes {
    rooted(Who::Carla, terms(Who::CarlasPhone, Abilities::ALL)).into_bytes()
}

/// Acme takes the administrator's grant back.
pub(crate) fn revocation() -> RevocationBytes {
    let target = admin_chain().leaf().id;
    Revocation::issue(&Who::Acme.key(), &Who::Acme.principal(), target, NOW).unwrap().into_bytes()
}

pub(crate) fn profile() -> Profile {
    Profile {
        entity: Who::Acme.principal(),
        number: 3,
        name: "Acme".to_owned(),
        reception: vec![Who::Admin.device()],
        hours: "Mo-Fr 9-17".to_owned(),
        languages: vec!["en".to_owned(), "de-CH".to_owned()],
    }
}

pub(crate) fn signed_profile() -> SignedProfile {
    profile().sign(&Who::Admin.key(), admin_chain().into_bytes()).unwrap()
}

pub(crate) fn hex(bytes: impl AsRef<[u8]>) -> String {
    HEXLOWER.encode(bytes.as_ref())
}

pub(crate) fn unhex(text: &str) -> Vec<u8> {
    HEXLOWER.decode(text.as_bytes()).unwrap()
}
