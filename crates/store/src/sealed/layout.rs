use super::cipher::Role;
use crate::limits::RESERVED;
use crate::{MAX_VALUE, StoreError};

/// Version of the sealed layout: the first byte of every stored value.
pub(super) const LAYOUT: u8 = 1;

/// Holds a sealed nothing: it opens with the right key alone.
pub(super) const CHECK_KEY: &[u8] = &[RESERVED, b's'];

const PIECES: [u8; 2] = [RESERVED, b'p'];

/// Bytes of plaintext in one stored value. Sealing adds 42 bytes.
pub(super) const PIECE_SIZE: usize = 8 * 1024;

/// Random: binds the pieces of one write of one value together.
pub(super) type ValueId = [u8; 16];

/// What stands at the key of a value in pieces: `id, length as u32`, sealed.
pub(super) struct Manifest {
    id: ValueId,
    len: usize,
    count: u16,
}

impl Manifest {
    pub(super) fn new(id: ValueId, len: usize) -> Result<Self, StoreError> {
        let too_large = || StoreError::ValueTooLarge { len, max: MAX_VALUE };
        if len > MAX_VALUE {
            return Err(too_large());
        }
        let count = u16::try_from(len.div_ceil(PIECE_SIZE)).map_err(|_| too_large())?;
        Ok(Self { id, len, count })
    }

    pub(super) fn decode(plain: &[u8]) -> Result<Self, StoreError> {
        let (id, len) = plain.split_first_chunk::<16>().ok_or_else(torn)?;
        let len: [u8; 4] = len.try_into().map_err(|_| torn())?;
        let len = usize::try_from(u32::from_be_bytes(len)).map_err(|_| torn())?;
        Self::new(*id, len).map_err(|_| torn())
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        // A length is at most MAX_VALUE, so it fits.
        let len = u32::try_from(self.len).unwrap_or(u32::MAX);
        [&self.id[..], &len.to_be_bytes()].concat()
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn count(&self) -> u16 {
        self.count
    }

    pub(super) fn piece(&self, index: u16) -> Role {
        Role::Piece { id: self.id, index, count: self.count }
    }
}

/// Begins the keys of every piece of the value at `key`, and of no other value.
pub(super) fn piece_prefix(key: &[u8]) -> Vec<u8> {
    // A key is at most MAX_KEY long, so its length fits.
    let len = u16::try_from(key.len()).unwrap_or(u16::MAX);
    [&PIECES, &len.to_be_bytes()[..], key].concat()
}

pub(super) fn piece_key(key: &[u8], index: u16) -> Vec<u8> {
    let mut piece = piece_prefix(key);
    piece.extend(index.to_be_bytes());
    piece
}

/// Whether the key belongs to this layer, so that no record of the caller's can stand there.
pub(super) fn is_own(key: &[u8]) -> bool {
    key == CHECK_KEY || key.starts_with(&PIECES)
}

pub(super) fn is_manifest(stored: &[u8]) -> bool {
    stored.get(1) == Some(&Role::Manifest.tag())
}

pub(super) fn check_version(stored: &[u8]) -> Result<(), StoreError> {
    match stored.first() {
        Some(&LAYOUT) => Ok(()),
        Some(&later) if later > LAYOUT => {
            Err(StoreError::UnknownFormat { found: later.into(), known: LAYOUT.into() })
        }
        Some(_) | None => Err(StoreError::damaged("a sealed value has no valid layout byte")),
    }
}

pub(super) fn torn() -> StoreError {
    StoreError::damaged("the pieces of a large value do not belong together")
}
