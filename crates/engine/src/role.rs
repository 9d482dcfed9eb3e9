//! What a device is within its entity.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// What a device is within its entity. The role is a label; what the device may do follows from its grants alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Enrols devices, accepts threads and forwards them.
    Admin,
    /// A person who may be given threads.
    Agent,
    /// A program that may be given threads.
    Bot,
}

impl Role {
    /// The number on the wire and in the store.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Admin => 1,
            Self::Agent => 2,
            Self::Bot => 3,
        }
    }

    /// The role of a number.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            1 => Some(Self::Admin),
            2 => Some(Self::Agent),
            3 => Some(Self::Bot),
            _ => None,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Admin => "admin",
            Self::Agent => "agent",
            Self::Bot => "bot",
        })
    }
}

/// The text is not a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a role is one of: admin, agent, bot")]
pub struct UnknownRole;

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        match text {
            "admin" => Ok(Self::Admin),
            "agent" => Ok(Self::Agent),
            "bot" => Ok(Self::Bot),
            _ => Err(UnknownRole),
        }
    }
}
