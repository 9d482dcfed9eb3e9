//! What a caller of the API shows to be let in.

use data_encoding::HEXLOWER;
use frontdesk_identity::{PrivateFileError, read_private, write_private};
use std::{fmt, path::Path};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

/// 32 random bytes as hexadecimal digits, in the file `api.token`. Whoever has it can do all that the node can.
#[derive(Clone)]
pub(crate) struct Token(Zeroizing<String>);

/// Why the token can't be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TokenError {
    /// The file.
    #[error(transparent)]
    File(#[from] PrivateFileError),
    /// Not 64 digits.
    #[error(
        "{path} does not hold a token; stop the node, remove the file, and start again: a new one is made"
    )]
    Damaged {
        /// The file.
        path: String,
    },
}

impl Token {
    const DIGITS: usize = 64;

    pub(crate) fn generate() -> Self {
        Self(Zeroizing::new(HEXLOWER.encode(crate::random::seed().as_slice())))
    }

    pub(crate) fn save(&self, path: &Path) -> Result<(), PrivateFileError> {
        write_private(path, self.0.as_bytes())
    }

    pub(crate) fn load(path: &Path) -> Result<Self, TokenError> {
        let bytes = read_private(path)?;
        let text = std::str::from_utf8(&bytes).unwrap_or_default().trim();
        let sound = text.len() == Self::DIGITS && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if sound {
            Ok(Self(Zeroizing::new(text.to_owned())))
        } else {
            Err(TokenError::Damaged { path: path.display().to_string() })
        }
    }

    /// In time that does not depend on where the first difference is.
    pub(crate) fn is(&self, shown: &str) -> bool {
        self.0.as_bytes().ct_eq(shown.as_bytes()).into()
    }

    /// For the header of a request.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(redacted)")
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_token_comes_back_from_its_file_and_is_no_other() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("api.token");
        let token = Token::generate();
        token.save(&path).unwrap();
        let again = Token::load(&path).unwrap();
        assert!(again.is(token.reveal()));
        assert!(!again.is(Token::generate().reveal()));
        assert!(
            !again.is("") && !again.is(&token.reveal()[..63]) && !again.is(&format!("{} ", token.reveal()))
        );
    }

    #[test]
    fn debug_shows_no_token() {
        let token = Token::generate();
        assert_eq!(format!("{token:?}"), "Token(redacted)");
    }

    #[test]
    fn a_file_without_a_token_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("api.token");
        write_private(&path, b"abc").unwrap();
        assert!(matches!(Token::load(&path), Err(TokenError::Damaged { .. })));
    }
}
