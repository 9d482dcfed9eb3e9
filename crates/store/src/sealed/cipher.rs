use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};

use super::MasterKey;
use super::layout::{LAYOUT, ValueId};
use crate::StoreError;

pub(super) const NONCE_LEN: usize = 24;

const DOMAIN: &[u8] = b"frontdesk/store/v1";

/// What a sealed record is for. It goes into the additional data, so none can stand in for another.
#[derive(Clone, Copy)]
pub(super) enum Role {
    Whole,
    Manifest,
    Piece { id: ValueId, index: u16, count: u16 },
    Check,
}

pub(super) struct Cipher(XChaCha20Poly1305);

impl Cipher {
    pub(super) fn new(key: &MasterKey) -> Self {
        Self(XChaCha20Poly1305::new(key.bytes().into()))
    }

    /// `layout, tag of the role, nonce, ciphertext with its tag`.
    pub(super) fn seal(
        &self,
        role: Role,
        key: &[u8],
        nonce: [u8; NONCE_LEN],
        plain: &[u8],
    ) -> Result<Vec<u8>, StoreError> {
        let aad = role.additional_data(key);
        let payload = Payload { msg: plain, aad: &aad };
        // Fails only past 256 GiB.
        let sealed = self.0.encrypt(&XNonce::from(nonce), payload);
        let sealed =
            sealed.map_err(|_| StoreError::ValueTooLarge { len: plain.len(), max: crate::MAX_VALUE })?;
        Ok([&[LAYOUT, role.tag()], &nonce[..], &sealed].concat())
    }

    pub(super) fn open(&self, role: Role, key: &[u8], stored: &[u8]) -> Result<Vec<u8>, StoreError> {
        let refused =
            || StoreError::damaged("a sealed value does not open: it was changed, moved or cut short");
        let sealed = stored.strip_prefix(&[LAYOUT, role.tag()]).ok_or_else(refused)?;
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_LEN>().ok_or_else(refused)?;
        let aad = role.additional_data(key);
        self.0.decrypt(&XNonce::from(*nonce), Payload { msg: sealed, aad: &aad }).map_err(|_| refused())
    }
}

impl Role {
    pub(super) const fn tag(self) -> u8 {
        match self {
            Self::Whole => 1,
            Self::Manifest => 2,
            Self::Piece { .. } => 3,
            Self::Check => 4,
        }
    }

    /// Fields of fixed length first and the key last, so two records never share it.
    fn additional_data(self, key: &[u8]) -> Vec<u8> {
        let mut data = [DOMAIN, &[LAYOUT, self.tag()]].concat();
        if let Self::Piece { id, index, count } = self {
            data.extend(id);
            data.extend(index.to_be_bytes());
            data.extend(count.to_be_bytes());
        }
        data.extend(key);
        data
    }
}
