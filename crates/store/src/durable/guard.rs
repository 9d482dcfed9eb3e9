use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::StoreError;

/// Runs a call into sled. sled panics on some damaged files, where we want to answer with an error.
///
/// `attempt` ends the sentence "the store could not ...".
pub(super) fn guarded<T>(
    attempt: &'static str,
    call: impl FnOnce() -> sled::Result<T>,
) -> Result<T, StoreError> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(result) => result.map_err(|error| translate(attempt, error)),
        Err(_) => Err(StoreError::damaged(format!("sled panicked when asked to {attempt}"))),
    }
}

fn translate(attempt: &'static str, error: sled::Error) -> StoreError {
    match error {
        sled::Error::Io(source) if missing(&source) => {
            StoreError::damaged(format!("could not {attempt}: {source}"))
        }
        sled::Error::Io(source) => StoreError::from_io(attempt, source),
        sled::Error::Corruption { .. } => {
            StoreError::damaged(format!("a checksum is wrong; could not {attempt}"))
        }
        sled::Error::Unsupported(what) | sled::Error::ReportableBug(what) => StoreError::damaged(what),
        sled::Error::CollectionNotFound(_) => StoreError::damaged("the tree is missing"),
    }
}

/// A data file that ends early, or that is gone.
fn missing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData | io::ErrorKind::NotFound
    )
}
