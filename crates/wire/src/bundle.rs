//! Contents that travel together: what one author wrote in a row, sealed once.

use crate::{bounds::list, content::SignedContent, limits};
use frontdesk_identity::codec::{self, DecodeError};
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

/// What a content takes in a bundle beside its own bytes: heads and signature.
const AROUND: usize = 70;
/// The head of the list.
const HEAD: usize = 2;

/// One or more signed contents, in the order in which they were written: the plaintext of a sealed message. Each is signed
/// for itself, so that it can be handed on alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Bundle {
    contents: Vec<SignedContent>,
    #[serde(skip)]
    bytes: usize,
}

impl Bundle {
    /// With one content.
    #[must_use]
    pub fn of(content: SignedContent) -> Self {
        let bytes = HEAD + AROUND + content.size();
        Self { contents: vec![content], bytes }
    }

    /// Adds the next content, or gives it back if there is no room for it: at most [`limits::MAX_BUNDLE`], and no more bytes
    /// than one content may have.
    ///
    /// # Errors
    /// The content.
    pub fn add(&mut self, content: SignedContent) -> Result<(), SignedContent> {
        let bytes = self.bytes.saturating_add(AROUND).saturating_add(content.size());
        if self.contents.len() >= limits::MAX_BUNDLE || bytes > limits::MAX_SIGNED_CONTENT {
            return Err(content);
        }
        self.bytes = bytes;
        self.contents.push(content);
        Ok(())
    }

    /// The contents, in their order. Nothing is verified.
    #[must_use]
    pub fn contents(&self) -> &[SignedContent] {
        &self.contents
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
}

impl<'de> Deserialize<'de> for Bundle {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let contents: Vec<SignedContent> = list::<_, _, { limits::MAX_BUNDLE }>(deserializer)?;
        if contents.is_empty() {
            return Err(D::Error::invalid_length(0, &"one content or more"));
        }
        let bytes = contents.iter().map(|content| AROUND + content.size()).sum::<usize>() + HEAD;
        Ok(Self { contents, bytes })
    }
}
