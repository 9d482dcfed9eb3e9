//! Where a passphrase comes from: a file, or the terminal. Never the command line, which others on the machine can see.

use frontdesk_identity::{Passphrase, PrivateFileError, read_private};
use rustix::termios::{self, LocalModes, OptionalActions, Termios};
use std::{
    fs::File,
    io::{self, Write as _},
    path::PathBuf,
};
use zeroize::{Zeroize as _, Zeroizing};

/// Longest passphrase that is read from a terminal, in bytes.
const MAX_TYPED: usize = 1024;
const TERMINAL: &str = "/dev/tty";

/// Where to get a passphrase when one is needed.
#[derive(Debug, Clone)]
pub(crate) enum PassphraseSource {
    /// The first line of a file of mode 0600 or less (a systemd credential is one).
    File(PathBuf),
    /// Whoever sits at the terminal.
    Terminal,
    /// Nowhere: an error if one is needed.
    None,
}

/// Why there is no passphrase.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PassphraseError {
    /// Nowhere to ask.
    #[error("a passphrase is needed and there is no terminal to ask; give --passphrase-file FILE")]
    Needed,
    /// The file.
    #[error(transparent)]
    File(#[from] PrivateFileError),
    /// The file is not text.
    #[error("the passphrase file is not UTF-8 text; write the passphrase into its first line")]
    NotText,
    /// Nothing was typed, or the file is empty.
    #[error("the passphrase is empty")]
    Empty,
    /// The two entries of a new one differ.
    #[error("the two entries differ; try again")]
    Differ,
    /// Ctrl-C or Ctrl-D.
    #[error("cancelled")]
    Cancelled,
    /// Longer than a terminal gives.
    #[error("the passphrase is longer than {MAX_TYPED} bytes")]
    TooLong,
    /// The terminal.
    #[error("the terminal could not be read: {0}")]
    Terminal(io::Error),
}

impl PassphraseSource {
    pub(crate) fn new(file: Option<PathBuf>) -> Self {
        file.map_or(Self::Terminal, Self::File)
    }

    /// The passphrase of something that exists.
    pub(crate) fn existing(&self) -> Result<Passphrase, PassphraseError> {
        let text = match self {
            Self::File(path) => from_file(path)?,
            Self::Terminal => checked(ask("Passphrase: ")?)?,
            Self::None => return Err(PassphraseError::Needed),
        };
        Ok(Passphrase::new(text.to_string()))
    }

    /// A new passphrase.
    pub(crate) fn fresh(&self) -> Result<Passphrase, PassphraseError> {
        Ok(Passphrase::new(self.fresh_text()?.to_string()))
    }

    /// The text of a new passphrase, to hand on; at the terminal it is asked twice.
    pub(crate) fn fresh_text(&self) -> Result<Zeroizing<String>, PassphraseError> {
        match self {
            Self::File(path) => from_file(path),
            Self::Terminal => {
                let first = ask("New passphrase: ")?;
                if first == ask("Once more: ")? { checked(first) } else { Err(PassphraseError::Differ) }
            }
            Self::None => Err(PassphraseError::Needed),
        }
    }
}

fn from_file(path: &std::path::Path) -> Result<Zeroizing<String>, PassphraseError> {
    let bytes = read_private(path)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| PassphraseError::NotText)?;
    let line = text.lines().next().unwrap_or_default();
    checked(Zeroizing::new(line.to_owned()))
}

fn checked(text: Zeroizing<String>) -> Result<Zeroizing<String>, PassphraseError> {
    if text.is_empty() { Err(PassphraseError::Empty) } else { Ok(text) }
}

/// Asks at the terminal, which shows nothing of what is typed.
fn ask(question: &str) -> Result<Zeroizing<String>, PassphraseError> {
    let open = || File::options().read(true).write(true).open(TERMINAL);
    let mut terminal = open().map_err(|_| PassphraseError::Needed)?;
    terminal.write_all(question.as_bytes()).map_err(PassphraseError::Terminal)?;
    let typed = {
        let quiet = Quiet::begin(&terminal).map_err(PassphraseError::Terminal)?;
        read_line(&mut &*quiet.terminal)
    };
    let _ = terminal.write_all(b"\n");
    typed
}

fn read_line(input: &mut impl io::Read) -> Result<Zeroizing<String>, PassphraseError> {
    // Room from the start: growing would leave copies behind.
    let mut line = Zeroizing::new(Vec::with_capacity(MAX_TYPED));
    let mut byte = [0];
    while input.read(&mut byte).map_err(PassphraseError::Terminal)? == 1 {
        match u8::from_be_bytes(byte) {
            b'\n' | b'\r' => return into_text(line),
            3 | 4 => return Err(PassphraseError::Cancelled),
            8 | 127 => while line.pop().is_some_and(|byte| byte & 0xc0 == 0x80) {},
            21 => line.zeroize(),
            _ if line.len() == MAX_TYPED => return Err(PassphraseError::TooLong),
            other => line.push(other),
        }
    }
    Err(PassphraseError::Cancelled)
}

fn into_text(line: Zeroizing<Vec<u8>>) -> Result<Zeroizing<String>, PassphraseError> {
    let text = std::str::from_utf8(&line).map_err(|_| PassphraseError::NotText)?;
    Ok(Zeroizing::new(text.to_owned()))
}

/// A terminal that neither echoes nor edits, until this is dropped.
struct Quiet<'a> {
    terminal: &'a File,
    before: Termios,
}

impl<'a> Quiet<'a> {
    fn begin(terminal: &'a File) -> io::Result<Self> {
        let before = termios::tcgetattr(terminal)?;
        let mut quiet = before.clone();
        // Without signals of its own, Ctrl-C can't end the program while the terminal is silent.
        quiet.local_modes.remove(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
        termios::tcsetattr(terminal, OptionalActions::Flush, &quiet)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Quiet<'_> {
    fn drop(&mut self) {
        // If the terminal is gone there is nothing to restore.
        let _ = termios::tcsetattr(self.terminal, OptionalActions::Flush, &self.before);
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn typed(bytes: &[u8]) -> Result<String, PassphraseError> {
        read_line(&mut &bytes[..]).map(|text| text.to_string())
    }

    #[test]
    fn a_typed_line_can_be_corrected_and_cancelled() {
        assert_eq!(typed(b"sesame\n").unwrap(), "sesame");
        assert_eq!(typed(b"sesamo\x7fe\r").unwrap(), "sesame");
        assert_eq!(typed("né\x7fe\n".as_bytes()).unwrap(), "ne");
        assert_eq!(typed(b"wrong\x15right\n").unwrap(), "right");
        assert_eq!(typed(b"\x7f\n").unwrap(), "");
        assert!(matches!(typed(b"ses\x03"), Err(PassphraseError::Cancelled)));
        assert!(matches!(typed(b"ses"), Err(PassphraseError::Cancelled)));
        assert!(matches!(typed(&[b'a'; MAX_TYPED + 1]), Err(PassphraseError::TooLong)));
    }

    #[test]
    fn a_file_gives_its_first_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("passphrase");
        let source = PassphraseSource::new(Some(path.clone()));
        frontdesk_identity::write_private(&path, b"\n").unwrap();
        assert!(matches!(source.existing(), Err(PassphraseError::Empty)));
        frontdesk_identity::write_private(&path, &[0xff]).unwrap();
        assert!(matches!(source.existing(), Err(PassphraseError::NotText)));
        frontdesk_identity::write_private(&path, b"open sesame \r\nmore").unwrap();
        assert!(format!("{:?}", source.existing().unwrap()).contains("redacted"));
    }
}
