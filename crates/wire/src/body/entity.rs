//! What the devices of an entity tell each other, and what a device tells of itself.

use crate::{
    bounds::{Bounded, FIXED, chain_fits, is_role, list, revocations_fit},
    limits,
    profile::SignedProfile,
};
use frontdesk_capability::{ChainBytes, MAX_REVOCATION_BYTES, RevocationBytes};
use frontdesk_identity::{MAX_ADDRESS_RECORD, SignedAddressRecord, SignedDeviceRecord};
use serde_bytes::ByteBuf;
use serde_tuple::{Deserialize_tuple, Serialize_tuple};

/// Fresh key packages of an enrolled device, for its administrator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct KeyPackages {
    /// One-time key packages.
    #[serde(deserialize_with = "list::<_, _, { limits::MAX_KEY_PACKAGES }>")]
    pub packages: Vec<ByteBuf>,
    /// A key package that may be used again when no other is left, or empty.
    pub last_resort: ByteBuf,
    /// All packages sent before are void: the device no longer has their private keys.
    pub reset: bool,
}

/// Revocations, to whom they concern.
#[derive(Debug, Clone, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct Revoked {
    /// The revocations.
    #[serde(deserialize_with = "list::<_, _, { limits::MAX_REVOCATIONS }>")]
    pub revocations: Vec<RevocationBytes>,
}

/// Where a device can be dialled now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct AddressUpdate {
    /// The address record.
    pub address: SignedAddressRecord,
}

/// The entity's profile and devices, to each of its devices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct Roster {
    /// Grows with each change.
    pub number: u64,
    /// The entity's profile.
    pub profile: SignedProfile,
    /// Its devices.
    #[serde(deserialize_with = "list::<_, _, { limits::MAX_ROSTER }>")]
    pub devices: Vec<RosterEntry>,
    /// Grants that are no longer in force.
    #[serde(deserialize_with = "list::<_, _, { limits::MAX_REVOCATIONS }>")]
    pub revocations: Vec<RevocationBytes>,
}

/// One device of an entity, as its other devices know it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct RosterEntry {
    /// The device.
    pub record: SignedDeviceRecord,
    /// Its enrolment grant.
    pub chain: ChainBytes,
    /// What it is: 1 agent, 2 bot, 3 administrator.
    pub role: u8,
    /// What people call it, at most [`limits::MAX_NAME`] bytes.
    pub name: String,
}

impl Bounded for KeyPackages {
    const MAX_BYTES: usize = FIXED + (limits::MAX_KEY_PACKAGES + 1) * (limits::MAX_KEY_PACKAGE + 3);

    fn is_bounded(&self) -> bool {
        self.packages.iter().chain([&self.last_resort]).all(|p| p.len() <= limits::MAX_KEY_PACKAGE)
    }
}

impl Bounded for Revoked {
    const MAX_BYTES: usize = FIXED + limits::MAX_REVOCATIONS * (MAX_REVOCATION_BYTES + 3);

    fn is_bounded(&self) -> bool {
        revocations_fit(&self.revocations)
    }
}

impl Bounded for AddressUpdate {
    const MAX_BYTES: usize = FIXED + MAX_ADDRESS_RECORD;

    fn is_bounded(&self) -> bool {
        true
    }
}

impl Bounded for Roster {
    /// A full roster of full-length chains would be longer than a frame; real ones are a tenth of that.
    const MAX_BYTES: usize = limits::MAX_BODY - FIXED;

    fn is_bounded(&self) -> bool {
        self.profile.is_bounded()
            && revocations_fit(&self.revocations)
            && self.devices.iter().all(RosterEntry::is_bounded)
    }
}

impl RosterEntry {
    fn is_bounded(&self) -> bool {
        chain_fits(&self.chain) && is_role(self.role) && self.name.len() <= limits::MAX_NAME
    }
}
