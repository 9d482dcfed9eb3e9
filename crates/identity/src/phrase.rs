//! The recovery phrase: a root key as 24 English words (BIP-39).

use crate::keys::RootKey;
use bip39::{Language, Mnemonic};
use std::{fmt, str::FromStr};
use zeroize::Zeroizing;

const WORDS: usize = 24;

/// The 24 words (BIP-39, English, 256 bits of entropy) that are the seed of a root key. Whoever reads them is the
/// principal. The entropy itself is the seed; the key stretching of BIP-39, made for wallets, is not used.
pub struct RecoveryPhrase {
    seed: Zeroizing<[u8; 32]>,
    words: Zeroizing<String>,
}

/// Why words are not a recovery phrase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PhraseError {
    /// Not 24 words.
    #[error("a recovery phrase has {WORDS} words, these are {found}")]
    WordCount {
        /// How many there are.
        found: usize,
    },
    /// A word that is not in the list; it is not repeated here, for a secret should not reach a log.
    #[error("word {position} is not a word of the list: check its spelling")]
    UnknownWord {
        /// Which one, counted from 1.
        position: usize,
    },
    /// All words are in the list, but they don't belong together.
    #[error("the words don't fit together: one of them is wrong, or two are swapped")]
    Checksum,
}

impl RecoveryPhrase {
    /// The phrase of a root key.
    #[must_use]
    pub fn of(root: &RootKey) -> Self {
        Self::from_seed(root.to_seed())
    }

    /// The root key of this phrase.
    #[must_use]
    pub fn to_root(&self) -> RootKey {
        RootKey::from_seed(&self.seed)
    }

    /// The words in lower case with single spaces, to be shown once.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.words
    }

    fn from_seed(seed: Zeroizing<[u8; 32]>) -> Self {
        // 32 bytes are a length that BIP-39 knows, so the iterator below is never empty.
        let mnemonic = Mnemonic::from_entropy_in(Language::English, seed.as_slice()).ok().map(Zeroizing::new);
        let mut words = Zeroizing::new(String::with_capacity(WORDS * 9));
        for word in mnemonic.iter().flat_map(|m| m.words()) {
            if !words.is_empty() {
                words.push(' ');
            }
            words.push_str(word);
        }
        Self { seed, words }
    }
}

impl FromStr for RecoveryPhrase {
    type Err = PhraseError;

    /// Reads 24 words, whatever white space is around and between them, in any case.
    fn from_str(text: &str) -> Result<Self, PhraseError> {
        let found = text.split_whitespace().take(WORDS + 1).count();
        if found != WORDS {
            return Err(PhraseError::WordCount { found: text.split_whitespace().count() });
        }
        let lower = Zeroizing::new(text.to_lowercase());
        let mnemonic = Mnemonic::parse_in_normalized(Language::English, &lower).map_err(explain)?;
        let mnemonic = Zeroizing::new(mnemonic);
        let entropy = Zeroizing::new(mnemonic.to_entropy());
        let seed = entropy.as_slice().try_into().map_err(|_| PhraseError::Checksum)?;
        Ok(Self::from_seed(Zeroizing::new(seed)))
    }
}

fn explain(error: bip39::Error) -> PhraseError {
    match error {
        bip39::Error::BadWordCount(found) => PhraseError::WordCount { found },
        bip39::Error::UnknownWord(index) => PhraseError::UnknownWord { position: index.saturating_add(1) },
        bip39::Error::InvalidChecksum
        | bip39::Error::BadEntropyBitCount(_)
        | bip39::Error::AmbiguousLanguages(_) => PhraseError::Checksum,
    }
}

impl fmt::Debug for RecoveryPhrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecoveryPhrase(redacted)")
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::testing::root_key;

    fn refusal(text: &str) -> PhraseError {
        text.parse::<RecoveryPhrase>().unwrap_err()
    }

    #[test]
    fn the_vectors_of_bip_39_hold() {
        let zero = RecoveryPhrase::of(&RootKey::from_seed(&[0; 32]));
        assert_eq!(zero.reveal(), format!("{}art", "abandon ".repeat(23)));
        let ones = RecoveryPhrase::of(&RootKey::from_seed(&[0xff; 32]));
        assert_eq!(ones.reveal(), format!("{}vote", "zoo ".repeat(23)));
    }

    #[test]
    fn a_root_key_is_restored_from_its_phrase() {
        let root = root_key(1);
        let phrase = RecoveryPhrase::of(&root);
        assert_eq!(phrase.reveal().split(' ').count(), 24);
        let restored: RecoveryPhrase = phrase.reveal().parse().unwrap();
        assert_eq!(restored.to_root().principal(), root.principal());
        assert_eq!(restored.reveal(), phrase.reveal());
    }

    #[test]
    fn white_space_and_upper_case_are_tolerated() {
        let phrase = RecoveryPhrase::of(&root_key(1));
        let messy = format!("\n  {} \t", phrase.reveal().to_uppercase().replace(' ', " \n "));
        assert_eq!(messy.parse::<RecoveryPhrase>().unwrap().reveal(), phrase.reveal());
    }

    #[test]
    fn each_mistake_has_its_reason() {
        let art = format!("{}art", "abandon ".repeat(23));
        assert_eq!(refusal(""), PhraseError::WordCount { found: 0 });
        assert_eq!(refusal("abandon ability"), PhraseError::WordCount { found: 2 });
        assert_eq!(refusal(&format!("{art} art")), PhraseError::WordCount { found: 25 });
        let twelve = format!("{}about", "abandon ".repeat(11));
        assert_eq!(refusal(&twelve), PhraseError::WordCount { found: 12 });
        assert_eq!(refusal(&art.replacen("abandon", "abandom", 1)), PhraseError::UnknownWord { position: 1 });
        assert_eq!(refusal(&art.replace("art", "Ärt")), PhraseError::UnknownWord { position: 24 });
        assert_eq!(refusal(&art.replace("art", "zoo")), PhraseError::Checksum);
    }

    #[test]
    fn a_refusal_does_not_repeat_a_word() {
        let text = refusal(&format!("sesame{}art", "abandon ".repeat(23)));
        assert!(!text.to_string().contains("sesame") && !format!("{text:?}").contains("sesame"));
    }
}
