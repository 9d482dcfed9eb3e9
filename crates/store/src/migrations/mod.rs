//! The version of what is stored, and how an older version becomes the current one.
//!
//! The version stands in a record of the store's own. A migration is one file in this folder, named after the version
//! that it leads to, and comes with a fixture of the version before in `tests/fixtures/`.
//!
//! | version | since | what changed |
//! | --- | --- | --- |
//! | 1 | 0.1.0 | the first |

use crate::limits::RESERVED;
use crate::{Batch, Change, Overlay, Scan, Store, StoreError};

/// The version that this program reads and writes.
pub const CURRENT_FORMAT: u32 = 1;

/// One step from a version to the next.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Migration {
    /// The version that it leads to; it starts from the one before.
    pub(crate) to: u32,
    /// Rewrites records. Its writes are committed together with the new version, or not at all.
    pub(crate) run: fn(&Overlay<'_>) -> Result<(), StoreError>,
}

/// All migrations, in ascending order of their versions.
const MIGRATIONS: &[Migration] = &[];

const FORMAT_KEY: &[u8] = &[RESERVED, b'f'];

/// Brings the store to [`CURRENT_FORMAT`], durably; an empty store simply gets it. Call it once after opening, on the
/// outermost layer, so that migrations see plain values.
///
/// # Errors
/// [`StoreError::UnknownFormat`] if a later version wrote the store, [`StoreError::Damaged`] if the version is missing
/// or unreadable, or the store's error. The store is unchanged then.
pub fn migrate(store: &dyn Store) -> Result<(), StoreError> {
    migrate_by(store, MIGRATIONS, CURRENT_FORMAT)
}

fn migrate_by(store: &dyn Store, migrations: &[Migration], known: u32) -> Result<(), StoreError> {
    let batch = match found_format(store)? {
        Some(found) if found == known => return Ok(()),
        Some(found) if found > known => return Err(StoreError::UnknownFormat { found, known }),
        Some(found) => {
            tracing::info!(found, known, "migrating the store");
            run_after(found, store, migrations)?
        }
        None => Batch::new(),
    };
    commit_format(store, batch, known)
}

/// `None`: the store is new.
fn found_format(store: &dyn Store) -> Result<Option<u32>, StoreError> {
    let Some(record) = store.get(FORMAT_KEY)? else {
        let empty = store.scan(&Scan::prefix(b"").limit(1))?.is_empty();
        return if empty { Ok(None) } else { Err(StoreError::damaged("the format version is missing")) };
    };
    let bytes: [u8; 4] =
        record.try_into().map_err(|_| StoreError::damaged("the format version is unreadable"))?;
    Ok(Some(u32::from_be_bytes(bytes)))
}

fn run_after(found: u32, store: &dyn Store, migrations: &[Migration]) -> Result<Batch, StoreError> {
    let overlay = Overlay::new(&store);
    for migration in migrations.iter().filter(|migration| migration.to > found) {
        (migration.run)(&overlay)?;
    }
    Ok(overlay.into_batch())
}

fn commit_format(store: &dyn Store, mut batch: Batch, format: u32) -> Result<(), StoreError> {
    batch.set(FORMAT_KEY.to_vec(), Change::Put(format.to_be_bytes().to_vec()));
    store.commit(&batch)?;
    store.flush()
}

#[cfg(test)]
mod tests;
