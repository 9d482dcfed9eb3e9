//! The thread state: the group context extension that tells every member, new ones too, who may be here and by what
//! right. MLS authenticates it; the admission rule judges it.

use crate::limits::{MAX_MEMBERS, MAX_STATE};
use frontdesk_capability::ChainBytes;
use frontdesk_identity::{
    DeviceId, PrincipalId, ThreadId,
    codec::{self, DecodeError},
};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteArray;

/// The version of the thread state that this program speaks.
pub const STATE_VERSION: u64 = 1;

/// What all members of a thread agree on. In canonical CBOR: `[1, nonce, thread id, era, term, host, guest, steward,
/// [[device id, chain], ...] ascending, speaker | null]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThreadState {
    /// What makes the thread's id unlike that of another thread of the same two principals.
    pub nonce: [u8; 16],
    /// The thread: [`ThreadId::derive`] of host, guest and nonce.
    pub thread: ThreadId,
    /// Which MLS group of the thread this is. Fixed in a group.
    pub era: u32,
    /// Which stewardship this is. Grows when the steward changes.
    pub term: u32,
    /// The entity.
    pub host: PrincipalId,
    /// The customer.
    pub guest: PrincipalId,
    /// The one device that may change the membership.
    pub steward: DeviceId,
    /// The members and the chains they are here by, ascending.
    pub members: Vec<(DeviceId, ChainBytes)>,
    /// The speaker lock: the one device of the host that may write now. None: each that its grant lets.
    pub speaker: Option<DeviceId>,
}

#[derive(Serialize, Deserialize)]
struct Wire(
    u64,
    ByteArray<16>,
    ThreadId,
    u32,
    u32,
    PrincipalId,
    PrincipalId,
    DeviceId,
    Vec<(DeviceId, ChainBytes)>,
    Option<DeviceId>,
);

/// Why bytes are no thread state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// Too long, malformed, not canonical, or of another version.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// More members than [`MAX_MEMBERS`].
    #[error("{0} members are more than a thread may have")]
    TooManyMembers(
        /// How many.
        usize,
    ),
    /// The members do not ascend strictly, so one may be there twice.
    #[error("the members do not ascend strictly")]
    Order,
    /// The id is not that of host, guest and nonce.
    #[error("the id is not that of host, guest and nonce")]
    WrongThreadId,
    /// Host and guest are one.
    #[error("host and guest are the same principal")]
    SamePrincipal,
    /// The speaker is no member.
    #[error("the speaker is no member")]
    SpeakerNotMember,
}

impl ThreadState {
    /// The canonical encoding.
    ///
    /// # Errors
    /// [`StateError`]: what [`decode`](Self::decode) would refuse is not encoded.
    pub fn encode(&self) -> Result<Vec<u8>, StateError> {
        self.check()?;
        let state = self.clone();
        let bytes = codec::encode(&Wire(
            STATE_VERSION,
            ByteArray::new(state.nonce),
            state.thread,
            state.era,
            state.term,
            state.host,
            state.guest,
            state.steward,
            state.members,
            state.speaker,
        ))?;
        if bytes.len() > MAX_STATE {
            return Err(DecodeError::TooLong { len: bytes.len(), max: MAX_STATE }.into());
        }
        Ok(bytes)
    }

    /// Decodes at most [`MAX_STATE`] bytes and checks what can be seen without knowing the leaves.
    ///
    /// # Errors
    /// [`StateError`], a variant for each cause.
    pub fn decode(bytes: &[u8]) -> Result<Self, StateError> {
        let Wire(_, nonce, thread, era, term, host, guest, steward, members, speaker) =
            codec::decode_versioned(bytes, MAX_STATE, STATE_VERSION)?;
        let nonce = nonce.into_array();
        let state = Self { nonce, thread, era, term, host, guest, steward, members, speaker };
        state.check()?;
        Ok(state)
    }

    /// The chain that a device is here by.
    #[must_use]
    pub fn chain_of(&self, device: &DeviceId) -> Option<&ChainBytes> {
        self.members.iter().find(|(id, _)| id == device).map(|(_, chain)| chain)
    }

    fn check(&self) -> Result<(), StateError> {
        if self.members.len() > MAX_MEMBERS {
            return Err(StateError::TooManyMembers(self.members.len()));
        }
        if !self.members.is_sorted_by(|(one, _), (next, _)| one < next) {
            return Err(StateError::Order);
        }
        if self.host == self.guest {
            return Err(StateError::SamePrincipal);
        }
        if self.thread != ThreadId::derive(&self.host, &self.guest, &self.nonce) {
            return Err(StateError::WrongThreadId);
        }
        match self.speaker {
            Some(speaker) if self.chain_of(&speaker).is_none() => Err(StateError::SpeakerNotMember),
            Some(_) | None => Ok(()),
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn state() -> ThreadState {
        let [host, guest] = [1, 2].map(|n| PrincipalId::from_bytes([n; 32]));
        let [one, two] = [3, 4].map(|n| DeviceId::from_bytes([n; 32]));
        ThreadState {
            nonce: [9; 16],
            thread: ThreadId::derive(&host, &guest, &[9; 16]),
            era: 0,
            term: 1,
            host,
            guest,
            steward: one,
            members: vec![(one, ChainBytes::new(vec![1, 2])), (two, ChainBytes::new(vec![3]))],
            speaker: Some(two),
        }
    }

    #[test]
    fn a_state_comes_back_from_its_encoding() {
        let bytes = state().encode().unwrap();
        assert_eq!(ThreadState::decode(&bytes), Ok(state()));
        assert_eq!(bytes.get(..2), Some([0x8a, 1].as_slice()));
    }

    #[test]
    fn a_state_that_contradicts_itself_is_neither_written_nor_read() {
        type Break = (fn(&mut ThreadState), StateError);
        let breaks: [Break; 5] = [
            (|s| s.members.reverse(), StateError::Order),
            (|s| s.members = vec![s.members.first().unwrap().clone(); 2], StateError::Order),
            (|s| s.nonce = [8; 16], StateError::WrongThreadId),
            (|s| s.guest = s.host, StateError::SamePrincipal),
            (|s| s.speaker = Some(DeviceId::from_bytes([7; 32])), StateError::SpeakerNotMember),
        ];
        for (change, refusal) in breaks {
            let mut state = state();
            change(&mut state);
            assert_eq!(state.encode(), Err(refusal));
        }
    }

    #[test]
    fn a_state_of_another_version_or_with_trailing_bytes_is_refused() {
        let mut bytes = state().encode().unwrap();
        bytes.push(0);
        assert!(matches!(ThreadState::decode(&bytes), Err(StateError::Decode(_))));
        bytes.pop();
        *bytes.get_mut(1).unwrap() = 2;
        let unknown = DecodeError::UnknownVersion { found: 2, known: 1 };
        assert_eq!(ThreadState::decode(&bytes), Err(StateError::Decode(unknown)));
    }

    #[test]
    fn a_full_thread_of_four_link_chains_fits() {
        let mut state = state();
        state.speaker = None;
        state.members =
            (0..16).map(|n| (DeviceId::from_bytes([n; 32]), ChainBytes::new(vec![0; 2048]))).collect();
        assert!(state.encode().is_ok());
        state.members.push((DeviceId::from_bytes([99; 32]), ChainBytes::new(vec![])));
        assert_eq!(state.encode(), Err(StateError::TooManyMembers(17)));
    }
}
