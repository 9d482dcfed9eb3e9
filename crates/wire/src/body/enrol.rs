//! Enrolment: a device shows that it knows an invitation's code, people compare a short number, a grant is issued.
//!
//! ```text
//! joiner -> administrator   JoinRequest    record, name, commitment to a nonce; proof of the code over it
//! administrator -> joiner   JoinChallenge  its own nonce; proof of the code over all of it
//! joiner -> administrator   JoinReveal     the joiner's nonce
//!            both show the short number of the whole transcript; the administrator approves
//! administrator -> joiner   JoinGranted    grant chain, profile       (or JoinRefused)
//! ```
//!
//! The administrator's nonce comes after the joiner is bound to its keys, name and nonce, and before anybody else can
//! know that nonce. So neither side can search for something that gives a wanted number. The reasoning, and what each
//! side must refuse for it to hold, is at [`frontdesk_identity::ShortNumber`].

use crate::{
    bounds::{Bounded, FIXED, chain_fits, is_role},
    limits,
    profile::SignedProfile,
    reason::Reason,
};
use frontdesk_capability::{ChainBytes, MAX_CHAIN_BYTES};
use frontdesk_identity::{
    InvitationId, MAX_ADDRESS_RECORD, MAX_DEVICE_RECORD, SignedAddressRecord, SignedDeviceRecord,
    codec::{self, DecodeError},
};
use serde_bytes::ByteArray;
use serde_tuple::{Deserialize_tuple, Serialize_tuple};

/// A device asks to be enrolled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct JoinRequest {
    /// Which invitation, without revealing its code.
    pub invitation: InvitationId,
    /// The joiner's device.
    pub record: SignedDeviceRecord,
    /// The commitment to the joiner's part of the short number, see [`frontdesk_identity::JoinNonce`].
    pub commitment: ByteArray<32>,
    /// How the joiner would like to be called; empty: as the invitation says.
    pub name: String,
    /// Where the joiner can be dialled.
    pub address: SignedAddressRecord,
    /// Proof of the code over [`JoinRequest::transcript`].
    pub proof: ByteArray<32>,
}

/// The administrator node's answer: it knows the code too, and adds its part of the short number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct JoinChallenge {
    /// Which invitation.
    pub invitation: InvitationId,
    /// The administrator's part of the short number.
    pub nonce: ByteArray<16>,
    /// Proof of the code over [`JoinRequest::challenge_transcript`].
    pub proof: ByteArray<32>,
}

/// The joiner opens its commitment. It does so for the first challenge whose proof holds, and for no other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct JoinReveal {
    /// Which invitation.
    pub invitation: InvitationId,
    /// The joiner's part of the short number.
    pub nonce: ByteArray<16>,
}

/// Enrolled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct JoinGranted {
    /// Which invitation.
    pub invitation: InvitationId,
    /// The enrolment grant.
    pub chain: ChainBytes,
    /// What the device is now: 1 agent, 2 bot, 3 administrator.
    pub role: u8,
    /// What people call it.
    pub name: String,
    /// The administrator's device.
    pub administrator: SignedDeviceRecord,
    /// Its grant.
    pub administrator_chain: ChainBytes,
    /// Where it can be dialled.
    pub address: SignedAddressRecord,
    /// The entity's profile.
    pub profile: SignedProfile,
}

/// Not enrolled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct JoinRefused {
    /// Which invitation.
    pub invitation: InvitationId,
    /// Why.
    pub reason: Reason,
}

impl JoinRequest {
    /// What the joiner proves its code over: invitation, record, commitment and name.
    ///
    /// # Errors
    /// Only for a defect of ours, see [`codec::encode`].
    pub fn transcript(&self) -> Result<Vec<u8>, DecodeError> {
        codec::encode(&(self.invitation, &self.record, self.commitment, &self.name))
    }

    /// What the administrator proves its code over: the same, and its nonce.
    ///
    /// # Errors
    /// Only for a defect of ours, see [`codec::encode`].
    pub fn challenge_transcript(&self, administrator: &ByteArray<16>) -> Result<Vec<u8>, DecodeError> {
        codec::encode(&(self.invitation, &self.record, self.commitment, &self.name, administrator))
    }

    /// What the short number is made from: the same, and the joiner's nonce.
    ///
    /// # Errors
    /// Only for a defect of ours, see [`codec::encode`].
    pub fn full_transcript(
        &self,
        administrator: &ByteArray<16>,
        joiner: &ByteArray<16>,
    ) -> Result<Vec<u8>, DecodeError> {
        codec::encode(&(self.invitation, &self.record, self.commitment, &self.name, administrator, joiner))
    }
}

impl Bounded for JoinRequest {
    const MAX_BYTES: usize = FIXED + MAX_DEVICE_RECORD + limits::MAX_NAME + MAX_ADDRESS_RECORD;

    fn is_bounded(&self) -> bool {
        self.name.len() <= limits::MAX_NAME
    }
}

impl Bounded for JoinChallenge {
    const MAX_BYTES: usize = FIXED;

    fn is_bounded(&self) -> bool {
        true
    }
}

impl Bounded for JoinReveal {
    const MAX_BYTES: usize = FIXED;

    fn is_bounded(&self) -> bool {
        true
    }
}

impl Bounded for JoinGranted {
    const MAX_BYTES: usize = FIXED
        + 2 * MAX_CHAIN_BYTES
        + limits::MAX_NAME
        + MAX_DEVICE_RECORD
        + MAX_ADDRESS_RECORD
        + limits::MAX_SIGNED_PROFILE;

    fn is_bounded(&self) -> bool {
        chain_fits(&self.chain)
            && is_role(self.role)
            && self.name.len() <= limits::MAX_NAME
            && chain_fits(&self.administrator_chain)
            && self.profile.is_bounded()
    }
}

impl Bounded for JoinRefused {
    const MAX_BYTES: usize = FIXED;

    fn is_bounded(&self) -> bool {
        true
    }
}
