use crate::{
    ctx::Ctx,
    limits::MAX_PLAINTEXT,
    storage::StorageError,
    thread::{Thread, WriterRefusal},
};

/// Why a message could not be sealed.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// More than [`MAX_PLAINTEXT`].
    #[error("{len} bytes are more than a message may have")]
    TooLong {
        /// Length in bytes.
        len: usize,
    },
    /// This device was removed from the thread.
    #[error("this device was removed from the thread")]
    Removed,
    /// This device may not write, and the others would refuse its message.
    #[error(transparent)]
    NotAllowed(#[from] WriterRefusal),
    /// The store failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// MLS could not seal it. A defect of ours.
    #[error("MLS could not seal the message: {0}")]
    Mls(String),
}

impl Thread {
    /// Seals `plaintext` for the members of the current epoch: an MLS private message, padded.
    ///
    /// # Errors
    /// [`SealError`]. The thread is as it was.
    pub fn seal(&mut self, ctx: &Ctx<'_>, plaintext: &[u8]) -> Result<Vec<u8>, SealError> {
        if plaintext.len() > MAX_PLAINTEXT {
            return Err(SealError::TooLong { len: plaintext.len() });
        }
        if !self.is_active() {
            return Err(SealError::Removed);
        }
        self.check_writer(&ctx.keys.id(), ctx.now, ctx.revocations)?;
        self.transact(ctx, |thread| {
            let message = thread.group.create_message(&ctx.provider(), &ctx.signer(), plaintext);
            let message = message.map_err(|error| SealError::Mls(error.to_string()))?;
            message.to_bytes().map_err(|error| SealError::Mls(error.to_string()))
        })
    }
}
