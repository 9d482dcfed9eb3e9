//! How far a grant reaches: over which threads, and how far back in them.

use frontdesk_identity::ThreadId;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Over what a grant holds, or where something is done under it. On the wire: null for the principal as a whole, or
/// the thread id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "Option<ThreadId>", into = "Option<ThreadId>")]
pub enum Scope {
    /// The principal as a whole, all its threads included.
    Principal,
    /// This one thread.
    Thread(ThreadId),
}

impl Scope {
    /// Whether everything in this scope is in `parent`, too.
    #[must_use]
    pub fn is_within(&self, parent: &Self) -> bool {
        *parent == Self::Principal || self == parent
    }
}

impl From<ThreadId> for Scope {
    fn from(thread: ThreadId) -> Self {
        Self::Thread(thread)
    }
}

impl From<Option<ThreadId>> for Scope {
    fn from(thread: Option<ThreadId>) -> Self {
        thread.map_or(Self::Principal, Self::Thread)
    }
}

impl From<Scope> for Option<ThreadId> {
    fn from(scope: Scope) -> Self {
        match scope {
            Scope::Principal => None,
            Scope::Thread(thread) => Some(thread),
        }
    }
}

/// How much of what was said before it came a device may be given. On the wire: `[0]`, `[1]` or `[2, era, position]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Vec<u64>", into = "Vec<u64>")]
pub enum History {
    /// Nothing.
    None,
    /// Everything.
    All,
    /// The message at this place in the thread's total order, and what follows it.
    From {
        /// The era of the thread.
        era: u32,
        /// The place in that era's order of messages.
        position: u64,
    },
}

impl History {
    /// Whether this is no more than `parent`.
    #[must_use]
    pub fn is_within(&self, parent: &Self) -> bool {
        match (*self, *parent) {
            (Self::None, _) | (_, Self::All) => true,
            (Self::All | Self::From { .. }, Self::None) | (Self::All, Self::From { .. }) => false,
            (Self::From { era, position }, Self::From { era: first_era, position: first }) => {
                (era, position) >= (first_era, first)
            }
        }
    }

    /// Whether the message at (`era`, `position`) is in it.
    #[must_use]
    pub fn covers(&self, era: u32, position: u64) -> bool {
        Self::From { era, position }.is_within(self)
    }
}

impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::All => f.write_str("all"),
            Self::From { era, position } => write!(f, "from {era}.{position}"),
        }
    }
}

/// Numbers that are no history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a history is [0], [1] or [2, era, position]")]
pub struct NotAHistory;

impl From<History> for Vec<u64> {
    fn from(history: History) -> Self {
        match history {
            History::None => vec![0],
            History::All => vec![1],
            History::From { era, position } => vec![2, u64::from(era), position],
        }
    }
}

impl TryFrom<Vec<u64>> for History {
    type Error = NotAHistory;

    fn try_from(numbers: Vec<u64>) -> Result<Self, NotAHistory> {
        match *numbers {
            [0] => Ok(Self::None),
            [1] => Ok(Self::All),
            [2, era, position] => {
                Ok(Self::From { era: u32::try_from(era).map_err(|_| NotAHistory)?, position })
            }
            _ => Err(NotAHistory),
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use frontdesk_identity::codec;

    const fn from(era: u32, position: u64) -> History {
        History::From { era, position }
    }

    #[test]
    fn histories_are_ordered_none_later_earlier_all() {
        let rising = [History::None, from(1, 0), from(0, 9), from(0, 8), History::All];
        for (n, narrow) in rising.iter().enumerate() {
            for (m, wide) in rising.iter().enumerate() {
                assert_eq!(narrow.is_within(wide), n <= m, "{narrow} within {wide}");
            }
        }
        assert!(from(0, 8).covers(1, 0) && !from(1, 0).covers(0, 8) && !History::None.covers(7, 7));
    }

    #[test]
    fn a_thread_is_within_itself_and_the_principal_only() {
        let [one, two] = [1, 2].map(|n| Scope::Thread(ThreadId::from_bytes([n; 32])));
        assert!(one.is_within(&one) && one.is_within(&Scope::Principal));
        assert!(!one.is_within(&two) && !Scope::Principal.is_within(&one));
    }

    #[test]
    fn a_history_decodes_from_its_own_encoding_only() {
        for (history, bytes) in [
            (History::None, &[0x81, 0][..]),
            (History::All, &[0x81, 1]),
            (from(3, 300), &[0x83, 2, 3, 0x19, 1, 44]),
        ] {
            assert_eq!(codec::encode(&history).unwrap(), bytes);
            assert_eq!(codec::decode::<History>(bytes, 16), Ok(history));
        }
        for bad in [&[0x81, 2][..], &[0x82, 0, 0], &[0x80], &[0x83, 2, 0x1b, 0, 0, 0, 1, 0, 0, 0, 0, 0]] {
            assert!(codec::decode::<History>(bad, 16).is_err());
        }
    }
}
