//! A business played by hand: its root key is known, so that whatever could be offered to a customer is offered.

use crate::{Adversary, SimError, World};
use frontdesk_capability::{Abilities, Ability, Chain, ChainBytes, History, Scope, Terms};
use frontdesk_identity::{
    ContactLink, DeviceId, DeviceRecord, PrincipalId, RootKey, SecretSigningKey, UnixTime,
};
use frontdesk_thread::Suite;
use frontdesk_wire::{ContactOffer, ContactRequest, Profile, RequestId, SignedProfile};
use rand_core::Rng as _;
use serde_bytes::ByteBuf;

/// A business, or a customer, whose one device is played by hand.
#[derive(Debug)]
pub struct Business {
    /// Its device.
    pub device: Adversary,
    /// Its root key.
    pub root: SecretSigningKey,
    /// The grant of the root to the device: all that there is, for a year.
    pub chain: Chain,
    /// The moment of its founding.
    pub since: UnixTime,
}

impl Business {
    /// Founds one.
    ///
    /// # Errors
    /// [`SimError`].
    pub fn found(world: &mut World) -> Result<Self, SimError> {
        let root = RootKey::generate(&mut world.rng);
        let mut device = Adversary::stranger(world, root.principal())?;
        let root = SecretSigningKey::from_seed(&root.to_seed());
        let since = world.now().wall;
        let terms = Self::terms(device.keys.id(), since);
        let chain = Chain::issue_root(&root, terms, &mut device.rng).map_err(|error| broken(&error))?;
        Ok(Self { device, root, chain, since })
    }

    /// All that can be granted, for a year.
    #[must_use]
    pub fn terms(audience: DeviceId, since: UnixTime) -> Terms {
        Terms {
            audience,
            scope: Scope::Principal,
            abilities: Abilities::ALL,
            history: History::All,
            not_before: since,
            expires: since.plus(365 * 24 * 3600),
            depth: 3,
        }
    }

    /// Who it is.
    #[must_use]
    pub fn principal(&self) -> PrincipalId {
        PrincipalId::from_bytes(self.root.public())
    }

    /// A grant of its root.
    ///
    /// # Errors
    /// [`SimError`].
    pub fn grant(&mut self, terms: Terms) -> Result<Chain, SimError> {
        Chain::issue_root(&self.root, terms, &mut self.device.rng).map_err(|error| broken(&error))
    }

    /// Its contact link.
    ///
    /// # Errors
    /// [`SimError`].
    pub fn link(&self) -> Result<ContactLink, SimError> {
        let address = format!("/memory/{}", self.device.node.0).parse();
        let addresses = vec![address.map_err(|error| broken(&error))?];
        ContactLink::new(self.principal(), self.device.transport(), addresses).map_err(|error| broken(&error))
    }

    /// Its profile with this number, signed under `chain`.
    ///
    /// # Errors
    /// [`SimError`].
    pub fn profile(&self, number: u64, chain: ChainBytes) -> Result<SignedProfile, SimError> {
        let profile = Profile {
            entity: self.principal(),
            number,
            name: "Acme".into(),
            reception: vec![self.device.keys.id()],
            hours: String::new(),
            languages: Vec::new(),
        };
        profile.sign(self.device.keys.signing(), chain).map_err(|error| broken(&error))
    }

    /// The offer that an honest business would make.
    ///
    /// # Errors
    /// [`SimError`].
    pub fn offer(&mut self, world: &World, request: RequestId) -> Result<ContactOffer, SimError> {
        let now = world.now().wall;
        Ok(ContactOffer {
            request,
            profile: self.profile(now.0, self.chain.bytes().clone())?,
            record: self.device.record.signed().clone(),
            chain: self.chain.bytes().clone(),
            key_package: ByteBuf::from(self.device.key_package(now, Suite::Classic)?.as_slice().to_vec()),
            address: self.device.address(now)?,
        })
    }

    /// Plays the customer: the request that an honest one would send.
    ///
    /// # Errors
    /// [`SimError`].
    pub fn request(&mut self, world: &World, host: PrincipalId) -> Result<ContactRequest, SimError> {
        let mut id = [0; 16];
        self.device.rng.fill_bytes(&mut id);
        Ok(ContactRequest {
            request: RequestId::from_bytes(id),
            host,
            record: self.device.record.signed().clone(),
            chain: self.chain.bytes().clone(),
            suites: vec![Suite::Classic.code()],
            address: self.device.address(world.now().wall)?,
        })
    }

    /// A grant that lacks `ability` and has all others.
    ///
    /// # Errors
    /// [`SimError`].
    pub fn grant_without(&mut self, ability: Ability) -> Result<Chain, SimError> {
        let abilities = Abilities::ALL.iter().filter(|other| *other != ability).collect();
        let terms = Self::terms(self.device.keys.id(), self.since);
        self.grant(Terms { abilities, ..terms })
    }

    /// A record of its device as one of another principal.
    ///
    /// # Errors
    /// [`SimError`].
    pub fn record_for(&self, principal: PrincipalId) -> Result<DeviceRecord, SimError> {
        DeviceRecord::sign(&self.device.keys, principal, self.since).verify().map_err(|error| broken(&error))
    }
}

fn broken(error: &dyn std::fmt::Display) -> SimError {
    SimError::Broken(error.to_string())
}
