//! A stream of bytes under one key, in chunks: XChaCha20-Poly1305 with a counter for a nonce, the last chunk marked.
//!
//! A chunk is `last (1 byte: 0 or 1), length (4 bytes, big-endian), sealed bytes`. The nonce of chunk n is 19 zero
//! bytes, n (4 bytes, big-endian), and `last`: chunks can't be swapped, left out or cut off unnoticed. (The STREAM
//! construction of Hoang, Reyhanitabar, Rogaway and Vizar, 2015.) A key is used for one stream alone.

use super::BackupError;
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce, aead::Aead as _};
use std::io::{self, Read, Write};
use zeroize::Zeroizing;

/// Plain bytes in a chunk.
const CHUNK: usize = 64 * 1024;
const TAG: usize = 16;

fn nonce(number: u32, last: bool) -> XNonce {
    let mut bytes = [0; 24];
    let (_, tail) = bytes.split_at_mut(19);
    let counter = number.to_be_bytes().into_iter().chain([u8::from(last)]);
    tail.iter_mut().zip(counter).for_each(|(to, from)| *to = from);
    XNonce::from(bytes)
}

/// Seals what is written to it.
pub(super) struct Sealer<W> {
    cipher: XChaCha20Poly1305,
    number: u32,
    plain: Zeroizing<Vec<u8>>,
    out: W,
}

impl<W: Write> Sealer<W> {
    pub(super) fn new(key: &[u8; 32], out: W) -> Self {
        let plain = Zeroizing::new(Vec::with_capacity(CHUNK));
        Self { cipher: XChaCha20Poly1305::new(key.into()), number: 0, plain, out }
    }

    /// Writes the last chunk and gives the writer back.
    pub(super) fn finish(mut self) -> io::Result<W> {
        self.seal(true)?;
        Ok(self.out)
    }

    fn seal(&mut self, last: bool) -> io::Result<()> {
        let sealed = self.cipher.encrypt(&nonce(self.number, last), self.plain.as_slice());
        let sealed = sealed.map_err(|_| io::Error::other("the cipher refused"))?;
        let length = u32::try_from(sealed.len()).map_err(io::Error::other)?;
        self.out.write_all(&[u8::from(last)])?;
        self.out.write_all(&length.to_be_bytes())?;
        self.out.write_all(&sealed)?;
        self.plain.clear();
        // 2^32 chunks are 256 TiB.
        self.number =
            self.number.checked_add(1).ok_or_else(|| io::Error::other("too long for one stream"))?;
        Ok(())
    }
}

impl<W: Write> Write for Sealer<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.plain.len() == CHUNK {
            self.seal(false)?;
        }
        let room = CHUNK.saturating_sub(self.plain.len());
        let taken = bytes.get(..room.min(bytes.len())).unwrap_or_default();
        self.plain.extend_from_slice(taken);
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Opens what a [`Sealer`] wrote. Gives no byte that was not authenticated.
pub(super) struct Opener<R> {
    cipher: XChaCha20Poly1305,
    number: u32,
    plain: Zeroizing<Vec<u8>>,
    taken: usize,
    ended: bool,
    source: R,
}

impl<R: Read> Opener<R> {
    pub(super) fn new(key: &[u8; 32], source: R) -> Self {
        let cipher = XChaCha20Poly1305::new(key.into());
        Self { cipher, number: 0, plain: Zeroizing::default(), taken: 0, ended: false, source }
    }

    /// Exactly `N` bytes; none if the stream ends here.
    pub(super) fn array<const N: usize>(&mut self) -> Result<Option<[u8; N]>, BackupError> {
        if self.at_end()? {
            return Ok(None);
        }
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(Some(bytes))
    }

    /// Exactly `length` bytes.
    pub(super) fn bytes(&mut self, length: usize) -> Result<Vec<u8>, BackupError> {
        let mut bytes = vec![0; length];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    fn fill(&mut self, mut wanted: &mut [u8]) -> Result<(), BackupError> {
        while !wanted.is_empty() {
            if self.at_end()? {
                return Err(BackupError::Damaged("it ends within a record"));
            }
            let there = self.plain.get(self.taken..).unwrap_or_default();
            let count = there.len().min(wanted.len());
            let (now, later) = wanted.split_at_mut(count);
            now.iter_mut().zip(there).for_each(|(to, from)| *to = *from);
            self.taken = self.taken.saturating_add(count);
            wanted = later;
        }
        Ok(())
    }

    /// Opens chunks until there are bytes; true if there are no more.
    fn at_end(&mut self) -> Result<bool, BackupError> {
        while self.taken == self.plain.len() {
            if self.ended {
                return Ok(true);
            }
            self.open()?;
        }
        Ok(false)
    }

    fn open(&mut self) -> Result<(), BackupError> {
        let cut = |_| BackupError::Damaged("it is cut off");
        let [last, length @ ..] = exactly::<5>(&mut self.source).map_err(cut)?;
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        if last > 1 || length > CHUNK + TAG {
            return Err(BackupError::Damaged("a chunk has a wrong length"));
        }
        let mut sealed = vec![0; length];
        self.source.read_exact(&mut sealed).map_err(cut)?;
        let plain = self.cipher.decrypt(&nonce(self.number, last == 1), sealed.as_slice());
        self.plain = plain.map(Zeroizing::new).map_err(|_| BackupError::Damaged("a chunk was changed"))?;
        self.taken = 0;
        self.number = self.number.wrapping_add(1);
        self.ended = last == 1;
        if self.ended && self.source.read(&mut [0])? != 0 {
            return Err(BackupError::Damaged("something follows its end"));
        }
        Ok(())
    }
}

/// The next `N` bytes.
pub(super) fn exactly<const N: usize>(source: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    source.read_exact(&mut bytes)?;
    Ok(bytes)
}
