//! Encryption at rest over any engine.

mod cipher;
mod key;
mod layout;

use std::fmt;
use std::sync::{Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use rand_core::CryptoRng;

pub use self::key::MasterKey;

use self::cipher::{Cipher, Role};
use self::layout::{CHECK_KEY, LAYOUT, Manifest, PIECE_SIZE, ValueId};
use crate::limits::RESERVED;
use crate::{Batch, Change, Entry, Reader, Scan, Store, StoreError};

/// A store whose values are encrypted before the engine `S` sees them.
///
/// Each value is sealed by XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha) with a random 24-byte nonce of its own. The
/// additional data binds it to its key, so values can't be swapped. A value above 8 KiB is split into pieces under
/// keys of the store's own; each piece is bound to its place and to a random id, so a mixed set is noticed.
///
/// **What the disk still shows**: keys, the number of records, their sizes, and when they change. Someone who can
/// write to the disk can delete records, or put back an older value of the same key or the whole older store.
pub struct Sealed<S> {
    engine: S,
    cipher: Cipher,
    rng: Mutex<Box<dyn CryptoRng + Send>>,
    /// A large value is several records: reads share this lock and a commit holds it alone.
    gate: RwLock<()>,
}

impl<S: Store> Sealed<S> {
    /// Opens the store in `engine` with `key`; an empty engine becomes a store of this key.
    ///
    /// `rng` makes nonces and ids: system randomness in production, a seeded generator in a simulation, and never the
    /// same state twice with one key.
    ///
    /// # Errors
    /// [`StoreError::WrongKey`] if the store was made with another key; [`StoreError::UnknownFormat`] if a later
    /// version sealed it; [`StoreError::Damaged`] if it holds records that nothing sealed; or the engine's error.
    pub fn open(
        engine: S,
        key: &MasterKey,
        rng: impl CryptoRng + Send + 'static,
    ) -> Result<Self, StoreError> {
        let store =
            Self { engine, cipher: Cipher::new(key), rng: Mutex::new(Box::new(rng)), gate: RwLock::new(()) };
        match store.engine.get(CHECK_KEY)? {
            Some(check) => store.verify(&check)?,
            None => store.initialise()?,
        }
        Ok(store)
    }

    /// The engine below, for what only it can do.
    pub fn engine(&self) -> &S {
        &self.engine
    }

    /// The engine, for a clean close.
    pub fn into_engine(self) -> S {
        self.engine
    }

    fn verify(&self, check: &[u8]) -> Result<(), StoreError> {
        layout::check_version(check)?;
        self.cipher.open(Role::Check, CHECK_KEY, check).map(drop).map_err(|_| StoreError::WrongKey)
    }

    fn initialise(&self) -> Result<(), StoreError> {
        if !self.engine.scan(&Scan::prefix(b"").limit(1))?.is_empty() {
            return Err(StoreError::damaged(
                "there are records, and no check value of the key that sealed them",
            ));
        }
        let mut batch = Batch::new();
        let check = self.seal(Role::Check, CHECK_KEY, b"")?;
        batch.set(CHECK_KEY.to_vec(), Change::Put(check));
        self.engine.commit(&batch)?;
        self.engine.flush()
    }

    fn reading(&self) -> RwLockReadGuard<'_, ()> {
        self.gate.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn committing(&self) -> RwLockWriteGuard<'_, ()> {
        self.gate.write().unwrap_or_else(PoisonError::into_inner)
    }
}

// Reading.
impl<S: Store> Sealed<S> {
    fn open_value(&self, key: &[u8], stored: &[u8]) -> Result<Vec<u8>, StoreError> {
        if !layout::is_manifest(stored) {
            return self.cipher.open(Role::Whole, key, stored);
        }
        let manifest = Manifest::decode(&self.cipher.open(Role::Manifest, key, stored)?)?;
        let mut value = Vec::with_capacity(manifest.len());
        for index in 0..manifest.count() {
            value.extend(self.open_piece(key, &manifest, index)?);
        }
        if value.len() == manifest.len() { Ok(value) } else { Err(layout::torn()) }
    }

    fn open_piece(&self, key: &[u8], manifest: &Manifest, index: u16) -> Result<Vec<u8>, StoreError> {
        let stored = self.engine.get(&layout::piece_key(key, index))?.ok_or_else(layout::torn)?;
        self.cipher.open(manifest.piece(index), key, &stored)
    }
}

// Writing.
impl<S: Store> Sealed<S> {
    fn seal_change(&self, key: &[u8], change: &Change, batch: &mut Batch) -> Result<(), StoreError> {
        let how = match change {
            Change::Add(_) => Change::Add,
            Change::Put(_) | Change::Delete => {
                self.remove_pieces(key, batch)?;
                Change::Put
            }
        };
        let sealed = match change.value() {
            Some(value) if value.len() > PIECE_SIZE => how(self.seal_pieces(key, value, batch)?),
            Some(value) => how(self.seal(Role::Whole, key, value)?),
            None => Change::Delete,
        };
        batch.set(key.to_vec(), sealed);
        Ok(())
    }

    /// Answers the sealed manifest.
    fn seal_pieces(&self, key: &[u8], value: &[u8], batch: &mut Batch) -> Result<Vec<u8>, StoreError> {
        let mut id = ValueId::default();
        self.fill(&mut id);
        let manifest = Manifest::new(id, value.len())?;
        for (index, piece) in (0..).zip(value.chunks(PIECE_SIZE)) {
            let sealed = self.seal(manifest.piece(index), key, piece)?;
            batch.set(layout::piece_key(key, index), Change::Put(sealed));
        }
        self.seal(Role::Manifest, key, &manifest.encode())
    }

    /// Works without opening the old value, so that a damaged one can be replaced.
    fn remove_pieces(&self, key: &[u8], batch: &mut Batch) -> Result<(), StoreError> {
        if !self.engine.get(key)?.is_some_and(|old| layout::is_manifest(&old)) {
            return Ok(());
        }
        for (piece, _) in self.engine.scan(&Scan::prefix(&layout::piece_prefix(key)))? {
            batch.set(piece, Change::Delete);
        }
        Ok(())
    }

    fn seal(&self, role: Role, key: &[u8], plain: &[u8]) -> Result<Vec<u8>, StoreError> {
        let mut nonce = [0; cipher::NONCE_LEN];
        self.fill(&mut nonce);
        self.cipher.seal(role, key, nonce, plain)
    }

    fn fill(&self, bytes: &mut [u8]) {
        self.rng.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(bytes);
    }
}

impl<S: Store> Reader for Sealed<S> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        if layout::is_own(key) {
            return Ok(None);
        }
        let _shared = self.reading();
        let stored = self.engine.get(key)?;
        stored.map(|stored| self.open_value(key, &stored)).transpose()
    }

    fn scan(&self, scan: &Scan<'_>) -> Result<Vec<Entry>, StoreError> {
        if scan.prefix.first() == Some(&RESERVED) {
            return Ok(Vec::new());
        }
        let _shared = self.reading();
        let open = |(key, stored): Entry| self.open_value(&key, &stored).map(|value| (key, value));
        self.engine.scan(scan)?.into_iter().map(open).collect()
    }
}

impl<S: Store> Store for Sealed<S> {
    fn commit(&self, batch: &Batch) -> Result<(), StoreError> {
        let _alone = self.committing();
        let mut sealed = Batch::new();
        for (key, change) in batch.iter() {
            self.seal_change(key, change, &mut sealed)?;
        }
        self.engine.commit(&sealed)
    }

    fn flush(&self) -> Result<(), StoreError> {
        self.engine.flush()
    }
}

impl<S: fmt::Debug> fmt::Debug for Sealed<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealed")
            .field("engine", &self.engine)
            .field("layout", &LAYOUT)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
