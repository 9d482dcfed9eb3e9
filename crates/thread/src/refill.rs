//! Messages that a member missed, sealed once more for it alone: under a key of the present epoch, and not as messages of
//! the group. Those would move the author's keys on for all members, of whom only one gets them, until the others
//! can't follow any more.

use crate::{
    ctx::Ctx,
    history::{NONCE, TAG, cipher, seal_with, unversioned},
    limits::MAX_PLAINTEXT,
    thread::{Thread, WriterRefusal},
};
use chacha20poly1305::{
    XNonce,
    aead::{Aead as _, Payload},
};
use frontdesk_identity::{DeviceId, ThreadId};
use zeroize::Zeroizing;

/// The exporter label (RFC 9420, section 8.5). The context is `thread id || author's device id || reader's device id`.
const LABEL: &str = "frontdesk/refill/v1";
const KEY: usize = 32;

/// Why a missed message could not be sealed or opened.
#[derive(Debug, thiserror::Error)]
pub enum RefillError {
    /// More than [`MAX_PLAINTEXT`].
    #[error("{len} bytes are more than a message may have")]
    TooLong {
        /// Length in bytes.
        len: usize,
    },
    /// Author or reader is no member, or the author may not write.
    #[error(transparent)]
    NotAllowed(#[from] WriterRefusal),
    /// Of another epoch than the present one.
    #[error("of epoch {epoch}, which is not the present one")]
    OtherEpoch {
        /// The epoch that it was sealed in.
        epoch: u64,
    },
    /// Of a version that is not known here.
    #[error("version {found} is not known here")]
    UnknownVersion {
        /// The version found.
        found: u8,
    },
    /// Not sealed by this author for this device in this epoch.
    #[error("not sealed by this author for this device")]
    Undecryptable,
    /// MLS could not derive the key: this device was removed.
    #[error("MLS could not derive the key: {0}")]
    Mls(String),
}

impl Thread {
    /// Seals a message of this device for `reader` alone, in the present epoch. The outcome: a version byte, a random
    /// nonce of 24 bytes, and XChaCha20-Poly1305 with the thread, era and epoch as associated data.
    ///
    /// # Errors
    /// [`RefillError`].
    pub fn seal_refill(
        &self,
        ctx: &Ctx<'_>,
        reader: &DeviceId,
        plaintext: &[u8],
    ) -> Result<Vec<u8>, RefillError> {
        if plaintext.len() > MAX_PLAINTEXT {
            return Err(RefillError::TooLong { len: plaintext.len() });
        }
        let own = ctx.keys.id();
        self.check_writer(&own, ctx.now, ctx.revocations)?;
        if !self.is_member(reader) {
            return Err(WriterRefusal::NotAMember.into());
        }
        let key = self.refill_key(ctx, &own, reader)?;
        let aad = aad(&self.id(), self.era(), self.epoch());
        seal_with(ctx, &key, &aad, plaintext).ok_or(RefillError::Undecryptable)
    }

    /// Opens a message that `author` sealed for this device, in `epoch`.
    ///
    /// # Errors
    /// [`RefillError`].
    pub fn open_refill(
        &self,
        ctx: &Ctx<'_>,
        author: &DeviceId,
        epoch: u64,
        sealed: &[u8],
    ) -> Result<Vec<u8>, RefillError> {
        if sealed.len() > 1 + NONCE + MAX_PLAINTEXT + TAG {
            return Err(RefillError::TooLong { len: sealed.len() });
        }
        if epoch != self.epoch() {
            return Err(RefillError::OtherEpoch { epoch });
        }
        self.check_writer(author, ctx.now, ctx.revocations)?;
        let rest = unversioned(sealed).map_err(|found| RefillError::UnknownVersion { found })?;
        let (nonce, body) = rest.split_first_chunk::<NONCE>().ok_or(RefillError::Undecryptable)?;
        let key = self.refill_key(ctx, author, &ctx.keys.id())?;
        let cipher = cipher(&key).map_err(|_| RefillError::Undecryptable)?;
        let payload = Payload { msg: body, aad: &aad(&self.id(), self.era(), self.epoch()) };
        cipher.decrypt(&XNonce::from(*nonce), payload).map_err(|_| RefillError::Undecryptable)
    }

    fn refill_key(
        &self,
        ctx: &Ctx<'_>,
        author: &DeviceId,
        reader: &DeviceId,
    ) -> Result<Zeroizing<Vec<u8>>, RefillError> {
        let context = context(&self.id(), author, reader);
        let key = self.group.export_secret(&ctx.mls.0, LABEL, &context, KEY);
        key.map(Zeroizing::new).map_err(|error| RefillError::Mls(error.to_string()))
    }
}

/// What the exporter derives the key of two members for.
pub(crate) fn context(thread: &ThreadId, sealer: &DeviceId, reader: &DeviceId) -> Vec<u8> {
    [thread.as_bytes().as_slice(), sealer.as_bytes(), reader.as_bytes()].concat()
}

/// What a missed message is bound to.
pub(crate) fn aad(thread: &ThreadId, era: u32, epoch: u64) -> Vec<u8> {
    let (era, epoch) = (era.to_be_bytes(), epoch.to_be_bytes());
    [LABEL.as_bytes(), &[0], thread.as_bytes(), &era, &epoch].concat()
}
