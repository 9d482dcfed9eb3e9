//! History for a device that was just added, sealed under a key that only the members of the new epoch can derive.

use crate::{
    ctx::Ctx,
    limits::MAX_HISTORY,
    storage::{Kind, StorageError, group_key},
    thread::Thread,
};
use chacha20poly1305::{
    KeyInit as _, XChaCha20Poly1305, XNonce,
    aead::{Aead as _, Payload},
};
use frontdesk_identity::{DeviceId, ThreadId};
use rand_core::Rng as _;
use zeroize::Zeroizing;

/// The exporter label (RFC 9420, section 8.5). The context is `thread id || reader's device id`.
const LABEL: &str = "frontdesk/history/v1";
const KEY: usize = 32;
pub(crate) const NONCE: usize = 24;
pub(crate) const TAG: usize = 16;
const VERSION: u8 = 1;

/// Why history could not be sealed or opened.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// More than [`MAX_HISTORY`].
    #[error("{len} bytes are more than a piece of history may have")]
    TooLong {
        /// Length in bytes.
        len: usize,
    },
    /// The reader is no member.
    #[error("the reader is no member")]
    NotAMember,
    /// This device has no key for history: it founded the thread, or has forgotten the key.
    #[error("there is no key for history here")]
    NoKey,
    /// Of a version that is not known here.
    #[error("version {found} is not known here (known: {VERSION})")]
    UnknownVersion {
        /// The version found.
        found: u8,
    },
    /// Not sealed for this device in the epoch it joined in, at this index.
    #[error("not sealed for this device, or not at this index")]
    Undecryptable,
    /// The store failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// MLS could not derive the key: this device was removed.
    #[error("MLS could not derive the key: {0}")]
    Mls(String),
}

impl Thread {
    /// Seals a piece of history for `reader`, which joined in the current epoch. `index` numbers the pieces. The
    /// outcome: a version byte, a random nonce of 24 bytes, and XChaCha20-Poly1305 with the thread, era and index as
    /// associated data.
    ///
    /// # Errors
    /// [`HistoryError`].
    pub fn seal_history(
        &self,
        ctx: &Ctx<'_>,
        reader: &DeviceId,
        index: u32,
        plaintext: &[u8],
    ) -> Result<Vec<u8>, HistoryError> {
        if plaintext.len() > MAX_HISTORY {
            return Err(HistoryError::TooLong { len: plaintext.len() });
        }
        if !self.is_member(reader) {
            return Err(HistoryError::NotAMember);
        }
        let key = self.history_key(ctx, reader)?;
        let aad = aad(&self.id(), self.era(), index);
        seal_with(ctx, &key, &aad, plaintext).ok_or(HistoryError::Undecryptable)
    }

    /// Opens a piece of history that was sealed for this device in the epoch it joined in. Works until
    /// [`forget_history`](Self::forget_history), whatever commits come in between.
    ///
    /// # Errors
    /// [`HistoryError`].
    pub fn open_history(&self, ctx: &Ctx<'_>, index: u32, sealed: &[u8]) -> Result<Vec<u8>, HistoryError> {
        if sealed.len() > 1 + NONCE + MAX_HISTORY + TAG {
            return Err(HistoryError::TooLong { len: sealed.len() });
        }
        let rest = unversioned(sealed).map_err(|found| HistoryError::UnknownVersion { found })?;
        let (nonce, body) = rest.split_first_chunk::<NONCE>().ok_or(HistoryError::Undecryptable)?;
        let key = ctx.storage().take::<Vec<u8>>(&group_key(self.group.group_id(), Kind::HistoryKey)?)?;
        let key = Zeroizing::new(key.ok_or(HistoryError::NoKey)?);
        let payload = Payload { msg: body, aad: &aad(&self.id(), self.era(), index) };
        cipher(&key)?.decrypt(&XNonce::from(*nonce), payload).map_err(|_| HistoryError::Undecryptable)
    }

    /// Forgets the key for history. Call it when all pieces have come, or are waited for no more.
    ///
    /// # Errors
    /// [`StorageError`].
    pub fn forget_history(&self, ctx: &Ctx<'_>) -> Result<(), StorageError> {
        ctx.storage().delete(group_key(self.group.group_id(), Kind::HistoryKey)?)
    }

    /// Keeps the key of the epoch this device joined in: pieces of history may be overtaken by further commits.
    pub(crate) fn keep_history_key(&self, ctx: &Ctx<'_>) -> Result<(), StorageError> {
        let key = self.history_key(ctx, &ctx.keys.id()).map_err(|_| StorageError::Damaged)?;
        ctx.storage().put(group_key(self.group.group_id(), Kind::HistoryKey)?, &*key)
    }

    fn history_key(&self, ctx: &Ctx<'_>, reader: &DeviceId) -> Result<Zeroizing<Vec<u8>>, HistoryError> {
        let context = context(&self.id(), reader);
        let key = self.group.export_secret(&ctx.mls.0, LABEL, &context, KEY);
        key.map(Zeroizing::new).map_err(|error| HistoryError::Mls(error.to_string()))
    }
}

/// What the exporter derives a reader's key for.
pub(crate) fn context(thread: &ThreadId, reader: &DeviceId) -> Vec<u8> {
    [thread.as_bytes().as_slice(), reader.as_bytes()].concat()
}

/// What a piece is bound to.
pub(crate) fn aad(thread: &ThreadId, era: u32, index: u32) -> Vec<u8> {
    let (era, index) = (era.to_be_bytes(), index.to_be_bytes());
    [LABEL.as_bytes(), &[0], thread.as_bytes(), &era, &index].concat()
}

/// Seals under an exported key: a version byte, a random nonce, and XChaCha20-Poly1305.
pub(crate) fn seal_with(ctx: &Ctx<'_>, key: &[u8], aad: &[u8], plaintext: &[u8]) -> Option<Vec<u8>> {
    let mut nonce = [0; NONCE];
    ctx.rng.borrow_mut().fill_bytes(&mut nonce);
    seal_under(key, nonce, aad, plaintext)
}

pub(crate) fn seal_under(key: &[u8], nonce: [u8; NONCE], aad: &[u8], plaintext: &[u8]) -> Option<Vec<u8>> {
    let sealed = cipher(key).ok()?.encrypt(&XNonce::from(nonce), Payload { msg: plaintext, aad }).ok()?;
    let mut out = vec![VERSION];
    out.extend(nonce);
    out.extend(sealed);
    Some(out)
}

/// What follows the version byte, or a version that is not known here.
pub(crate) fn unversioned(sealed: &[u8]) -> Result<&[u8], u8> {
    match sealed.split_first() {
        Some((&VERSION, rest)) => Ok(rest),
        Some((found, _)) => Err(*found),
        None => Ok(sealed),
    }
}

pub(crate) fn cipher(key: &[u8]) -> Result<XChaCha20Poly1305, HistoryError> {
    XChaCha20Poly1305::new_from_slice(key).map_err(|_| HistoryError::NoKey)
}
