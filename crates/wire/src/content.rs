//! Content: what a thread's members read. Signed by its author, so that history can be handed on and not rewritten.

use crate::{
    bounds::{are_heads, list},
    limits,
};
use frontdesk_identity::{
    BadSignature, DeviceId, Domain, SecretSigningKey, Signature, ThreadId, UnixTime,
    codec::{self, DecodeError},
    verify,
};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use serde_tuple::{Deserialize_tuple, Serialize_tuple};
use std::fmt;

const VERSION: u64 = 1;

/// Number of a message among those of its author in a thread, through all its eras: 1, 2, 3, .. A device that was restored
/// passes some over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seq(pub u64);

impl Seq {
    /// No number is past this: an author's numbers are never above its positions.
    pub const MAX: Self = Self(Position::MAX.0);

    /// Whether this can be the number of a message: 1 to [`Self::MAX`].
    #[must_use]
    pub const fn is_bounded(self) -> bool {
        self.0 > 0 && self.0 <= Self::MAX.0
    }

    /// The next number.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// A message's place in the thread: one more than the largest place its author had seen (a Lamport clock). All
/// members sort by (era, position, author) and so show the same order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Position(pub u64);

impl Position {
    /// No position is past this, so that no author can push the thread's clock to its end.
    pub const MAX: Self = Self(1 << 53);
    /// How far an author's position may run ahead of what the receiver has seen.
    pub const MAX_AHEAD: u64 = 1 << 20;

    /// The next place.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// What a content says. `Debug` tells how long it is, and not a word of it.
#[derive(Clone, PartialEq, Eq)]
pub enum ContentKind {
    /// Text for people, 1 to [`limits::MAX_TEXT`] bytes.
    Text(String),
    /// The author's user has seen the thread up to here. Not shown as a message.
    Read(Position),
    /// The author closes the conversation. The next text opens it again.
    Close,
    /// The author says how it wants to be called in this thread (1 to [`limits::MAX_NAME`] bytes).
    Name(String),
}

/// One content, decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// The thread it belongs to, and no other.
    pub thread: ThreadId,
    /// The era it was written in.
    pub era: u32,
    /// The device that wrote it.
    pub author: DeviceId,
    /// Its number among the author's.
    pub seq: Seq,
    /// Its place in the thread.
    pub position: Position,
    /// The newest number of each other author that the author had seen, ascending by author. At most
    /// [`limits::MAX_SEEN`].
    pub seen: Vec<(DeviceId, Seq)>,
    /// The author's wall clock, for people. Never used for ordering.
    pub sent_at: UnixTime,
    /// What it says.
    pub kind: ContentKind,
}

/// Why a content was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ContentError {
    /// The bytes don't decode.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The author's signature does not hold.
    #[error(transparent)]
    Signature(#[from] BadSignature),
    /// A kind that this version does not have.
    #[error("content kind {0} is not known here")]
    UnknownKind(u8),
    /// A list, text or number is out of its bounds.
    #[error("a field is out of its bounds")]
    OutOfBounds,
}

/// A content as its author signed it. Wire form: `[content bytes, signature]`. `Debug` tells how long it is.
#[derive(Clone, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct SignedContent {
    bytes: ByteBuf,
    signature: Signature,
}

#[derive(Serialize_tuple, Deserialize_tuple)]
struct Payload {
    version: u64,
    thread: ThreadId,
    era: u32,
    author: DeviceId,
    seq: Seq,
    position: Position,
    #[serde(deserialize_with = "list::<_, _, { limits::MAX_SEEN }>")]
    seen: Vec<(DeviceId, Seq)>,
    sent_at: UnixTime,
    kind: u8,
    text: String,
    number: u64,
}

impl fmt::Debug for ContentKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "Text({} bytes)", text.len()),
            Self::Read(position) => f.debug_tuple("Read").field(position).finish(),
            Self::Close => f.write_str("Close"),
            Self::Name(name) => write!(f, "Name({} bytes)", name.len()),
        }
    }
}

impl fmt::Debug for SignedContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SignedContent({} bytes)", self.bytes.len())
    }
}

impl Content {
    /// Signs the content with its author's signing key.
    ///
    /// # Errors
    /// [`ContentError::OutOfBounds`] if a field is longer than its bound.
    pub fn sign(&self, key: &SecretSigningKey) -> Result<SignedContent, ContentError> {
        self.check()?;
        let (kind, text, number) = match &self.kind {
            ContentKind::Text(text) => (1, text.clone(), 0),
            ContentKind::Read(position) => (2, String::new(), position.0),
            ContentKind::Close => (3, String::new(), 0),
            ContentKind::Name(name) => (4, name.clone(), 0),
        };
        let bytes = codec::encode(&Payload {
            version: VERSION,
            thread: self.thread,
            era: self.era,
            author: self.author,
            seq: self.seq,
            position: self.position,
            seen: self.seen.clone(),
            sent_at: self.sent_at,
            kind,
            text,
            number,
        })?;
        let signature = key.sign(Domain::Message, &bytes);
        Ok(SignedContent { bytes: ByteBuf::from(bytes), signature })
    }

    fn check(&self) -> Result<(), ContentError> {
        let text = match &self.kind {
            ContentKind::Text(text) => !text.is_empty() && text.len() <= limits::MAX_TEXT,
            ContentKind::Name(name) => !name.is_empty() && name.len() <= limits::MAX_NAME,
            ContentKind::Read(position) => *position <= Position::MAX,
            ContentKind::Close => true,
        };
        let numbers = self.seq.is_bounded() && self.position > Position(0) && self.position <= Position::MAX;
        let seen = are_heads(&self.seen) && self.seen.iter().all(|(author, _)| *author != self.author);
        let sound = text && numbers && seen;
        if sound { Ok(()) } else { Err(ContentError::OutOfBounds) }
    }
}

impl SignedContent {
    /// Bytes of the content alone.
    #[must_use]
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// The wire form.
    ///
    /// # Errors
    /// Only for a defect of ours, see [`codec::encode`].
    pub fn encode(&self) -> Result<Vec<u8>, DecodeError> {
        codec::encode(self)
    }

    /// Decodes the wire form; nothing is verified yet.
    ///
    /// # Errors
    /// [`DecodeError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        codec::decode(bytes, limits::MAX_SIGNED_CONTENT)
    }

    /// Checks the author's signature and every bound, and gives the content.
    ///
    /// # Errors
    /// [`ContentError`].
    pub fn verify(&self) -> Result<Content, ContentError> {
        let content = self.read()?;
        verify(content.author.as_bytes(), Domain::Message, &self.bytes, &self.signature)?;
        Ok(content)
    }

    /// Reads the content without checking the signature: for what this node verified before it stored it.
    ///
    /// # Errors
    /// [`ContentError`], but never for the signature.
    pub fn read(&self) -> Result<Content, ContentError> {
        let payload: Payload = codec::decode_versioned(&self.bytes, limits::MAX_CONTENT, VERSION)?;
        let kind = match (payload.kind, payload.text, payload.number) {
            (1, text, 0) => ContentKind::Text(text),
            (2, text, number) if text.is_empty() => ContentKind::Read(Position(number)),
            (3, text, 0) if text.is_empty() => ContentKind::Close,
            (4, text, 0) => ContentKind::Name(text),
            (1..=4, _, _) => return Err(ContentError::OutOfBounds),
            (other, _, _) => return Err(ContentError::UnknownKind(other)),
        };
        let content = Content {
            thread: payload.thread,
            era: payload.era,
            author: payload.author,
            seq: payload.seq,
            position: payload.position,
            seen: payload.seen,
            sent_at: payload.sent_at,
            kind,
        };
        content.check()?;
        Ok(content)
    }
}
