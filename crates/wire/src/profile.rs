//! An entity's profile: what it says of itself to those who contact it.

use crate::{
    bounds::{chain_fits, list},
    limits,
};
use frontdesk_capability::{Ability, ChainBytes, Refusal, Revocations, Scope};
use frontdesk_identity::{
    BadSignature, DeviceId, Domain, PrincipalId, SecretSigningKey, Signature, UnixTime,
    codec::{self, DecodeError},
    verify,
};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use serde_tuple::{Deserialize_tuple, Serialize_tuple};

const VERSION: u64 = 1;

/// What an entity says of itself. Numbered: who has seen a number refuses older ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// The entity.
    pub entity: PrincipalId,
    /// Grows with each change, up to [`limits::MAX_PROFILE_NUMBER`].
    pub number: u64,
    /// Its name, 1 to [`limits::MAX_NAME`] bytes.
    pub name: String,
    /// Devices that take new contacts, at most [`limits::MAX_RECEPTION`].
    pub reception: Vec<DeviceId>,
    /// Opening hours as text for people, at most [`limits::MAX_NOTE`] bytes; may be empty.
    pub hours: String,
    /// Languages (BCP 47 tags), at most [`limits::MAX_LANGUAGES`] of 1 to [`limits::MAX_LANGUAGE`] bytes each.
    pub languages: Vec<String>,
}

/// Why a profile was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// The bytes don't decode.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The signature does not hold.
    #[error(transparent)]
    Signature(#[from] BadSignature),
    /// The signer's grant does not allow it to speak for the entity.
    #[error("the profile's signer may not speak for the entity: {0}")]
    Grant(#[from] Refusal),
    /// It speaks of another entity.
    #[error("the profile is another entity's")]
    WrongEntity,
    /// A field is out of its bounds.
    #[error("a field is out of its bounds")]
    OutOfBounds,
}

/// A profile as signed by a device that holds `admit` for the whole entity. Wire form: `[payload, chain, signature]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct SignedProfile {
    payload: ByteBuf,
    chain: ChainBytes,
    signature: Signature,
}

#[derive(Serialize, Deserialize)]
struct Payload(
    u64,
    PrincipalId,
    u64,
    String,
    #[serde(deserialize_with = "list::<_, _, { limits::MAX_RECEPTION }>")] Vec<DeviceId>,
    String,
    #[serde(deserialize_with = "list::<_, _, { limits::MAX_LANGUAGES }>")] Vec<String>,
);

impl Profile {
    /// Signs the profile with the key of a device whose `chain` gives it `admit`.
    ///
    /// # Errors
    /// [`ProfileError::OutOfBounds`].
    pub fn sign(&self, key: &SecretSigningKey, chain: ChainBytes) -> Result<SignedProfile, ProfileError> {
        self.check()?;
        let payload = codec::encode(&Payload(
            VERSION,
            self.entity,
            self.number,
            self.name.clone(),
            self.reception.clone(),
            self.hours.clone(),
            self.languages.clone(),
        ))?;
        let signature = key.sign(Domain::Profile, &payload);
        Ok(SignedProfile { payload: ByteBuf::from(payload), chain, signature })
    }

    fn check(&self) -> Result<(), ProfileError> {
        let sound = self.number <= limits::MAX_PROFILE_NUMBER
            && !self.name.is_empty()
            && self.name.len() <= limits::MAX_NAME
            && self.hours.len() <= limits::MAX_NOTE
            && self.reception.len() <= limits::MAX_RECEPTION
            && self.languages.len() <= limits::MAX_LANGUAGES
            && self.languages.iter().all(|tag| (1..=limits::MAX_LANGUAGE).contains(&tag.len()));
        if sound { Ok(()) } else { Err(ProfileError::OutOfBounds) }
    }
}

impl SignedProfile {
    /// Checks that `entity` lets the signer speak for it, the signature, and every bound.
    ///
    /// # Errors
    /// [`ProfileError`].
    pub fn verify(
        &self,
        entity: &PrincipalId,
        now: UnixTime,
        revocations: &Revocations,
    ) -> Result<Profile, ProfileError> {
        let profile = self.read()?;
        if profile.entity != *entity {
            return Err(ProfileError::WrongEntity);
        }
        let chain = self.chain.clone().verify(entity, now, revocations)?;
        chain.permits(Ability::Admit, Scope::Principal)?;
        verify(chain.audience().as_bytes(), Domain::Profile, &self.payload, &self.signature)?;
        Ok(profile)
    }

    /// Reads the profile without checking its signature: for what this node verified before it stored it.
    ///
    /// # Errors
    /// [`ProfileError`], but never for signature or grant.
    pub fn read(&self) -> Result<Profile, ProfileError> {
        let Payload(_, entity, number, name, reception, hours, languages) =
            codec::decode_versioned(&self.payload, limits::MAX_PROFILE, VERSION)?;
        let profile = Profile { entity, number, name, reception, hours, languages };
        profile.check()?;
        Ok(profile)
    }

    /// Whether it is no longer than a profile can be; says nothing of what is in it.
    pub(crate) fn is_bounded(&self) -> bool {
        self.payload.len() <= limits::MAX_PROFILE && chain_fits(&self.chain)
    }
}
