//! What a grant lets its audience do.

use serde::{Deserialize, Serialize};
use std::fmt;

/// One thing that a grant can allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
#[repr(u8)]
pub enum Ability {
    /// Enrol devices of the principal.
    Admit = 1,
    /// Receive new contacts and be the steward of their threads.
    Accept = 2,
    /// Bring devices of the principal into a thread.
    Forward = 3,
    /// Be a member of a thread and read it.
    Read = 4,
    /// Write messages.
    Write = 5,
    /// Attach files.
    Attach = 6,
    /// Open a thread to a customer.
    Initiate = 7,
    /// Send one message to many customers.
    Broadcast = 8,
    /// Ask a customer for a payment.
    RequestPayment = 9,
    /// Be added to every thread: a default agent.
    Monitor = 10,
    /// Keep sealed envelopes for devices that are away: a mailbox.
    Store = 11,
}

impl Ability {
    /// Every ability, in the order of their codes.
    pub const ALL: [Self; 11] = [
        Self::Admit,
        Self::Accept,
        Self::Forward,
        Self::Read,
        Self::Write,
        Self::Attach,
        Self::Initiate,
        Self::Broadcast,
        Self::RequestPayment,
        Self::Monitor,
        Self::Store,
    ];

    /// The integer that stands for it on the wire.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The name in documents and interfaces.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Admit => "admit",
            Self::Accept => "accept",
            Self::Forward => "forward",
            Self::Read => "read",
            Self::Write => "write",
            Self::Attach => "attach",
            Self::Initiate => "initiate",
            Self::Broadcast => "broadcast",
            Self::RequestPayment => "request_payment",
            Self::Monitor => "monitor",
            Self::Store => "store",
        }
    }

    const fn bit(self) -> u16 {
        1 << self.code()
    }
}

impl fmt::Display for Ability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Codes that are no set of abilities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnknownAbility {
    /// No ability has this code.
    #[error("no ability has the code {0}")]
    Code(u64),
    /// The codes do not ascend strictly.
    #[error("the codes of a set of abilities must ascend strictly")]
    Order,
}

impl TryFrom<u64> for Ability {
    type Error = UnknownAbility;

    fn try_from(code: u64) -> Result<Self, UnknownAbility> {
        Self::ALL.into_iter().find(|a| u64::from(a.code()) == code).ok_or(UnknownAbility::Code(code))
    }
}

impl From<Ability> for u64 {
    fn from(ability: Ability) -> Self {
        Self::from(ability.code())
    }
}

/// A set of abilities. On the wire: the array of their codes, strictly ascending. The empty set is legal: the grant
/// by which an agent is enrolled proves that it belongs to the principal and lets it do nothing yet.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "Vec<u64>", into = "Vec<u64>")]
pub struct Abilities(u16);

impl Abilities {
    /// No ability.
    pub const EMPTY: Self = Self(0);
    /// Every ability.
    pub const ALL: Self = Self(((1 << Ability::ALL.len()) - 1) << 1);

    /// Whether `ability` is in the set.
    #[must_use]
    pub const fn contains(self, ability: Ability) -> bool {
        self.0 & ability.bit() != 0
    }

    /// Whether every ability of this set is in `other`, too.
    #[must_use]
    pub const fn is_subset(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    /// Whether the set has no ability.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// This set and `ability`.
    #[must_use]
    pub const fn with(self, ability: Ability) -> Self {
        Self(self.0 | ability.bit())
    }

    /// The abilities, in the order of their codes.
    pub fn iter(self) -> impl Iterator<Item = Ability> {
        Ability::ALL.into_iter().filter(move |a| self.contains(*a))
    }
}

impl FromIterator<Ability> for Abilities {
    fn from_iter<I: IntoIterator<Item = Ability>>(abilities: I) -> Self {
        abilities.into_iter().fold(Self::EMPTY, Self::with)
    }
}

impl<const N: usize> From<[Ability; N]> for Abilities {
    fn from(abilities: [Ability; N]) -> Self {
        abilities.into_iter().collect()
    }
}

impl From<Abilities> for Vec<u64> {
    fn from(abilities: Abilities) -> Self {
        abilities.iter().map(u64::from).collect()
    }
}

impl TryFrom<Vec<u64>> for Abilities {
    type Error = UnknownAbility;

    fn try_from(codes: Vec<u64>) -> Result<Self, UnknownAbility> {
        let abilities = codes.iter().map(|c| Ability::try_from(*c)).collect::<Result<Self, _>>()?;
        if codes.is_sorted_by(|a, b| a < b) { Ok(abilities) } else { Err(UnknownAbility::Order) }
    }
}

impl fmt::Display for Abilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, ability) in self.iter().enumerate() {
            write!(f, "{}{ability}", if n == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

impl fmt::Debug for Abilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Abilities({self})")
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use frontdesk_identity::codec;

    #[test]
    fn codes_and_names_are_all_different_and_codes_are_found_again() {
        for ability in Ability::ALL {
            assert_eq!(Ability::try_from(u64::from(ability)), Ok(ability));
            assert_eq!(Ability::ALL.iter().filter(|a| a.as_str() == ability.as_str()).count(), 1);
        }
        for code in [0, 12, 256 + 4, u64::MAX] {
            assert_eq!(Ability::try_from(code), Err(UnknownAbility::Code(code)));
        }
    }

    #[test]
    fn a_set_knows_its_members_and_its_subsets() {
        let set = Abilities::from([Ability::Write, Ability::Read, Ability::Read]);
        assert_eq!(set.to_string(), "read, write");
        assert_eq!(set.iter().collect::<Vec<_>>(), [Ability::Read, Ability::Write]);
        assert!(set.is_subset(Abilities::ALL) && Abilities::EMPTY.is_subset(set) && set.is_subset(set));
        assert!(!set.is_subset(Abilities::from([Ability::Read])) && !set.contains(Ability::Admit));
        assert_eq!(Abilities::ALL, Ability::ALL.into_iter().collect());
        assert!(Abilities::EMPTY.is_empty() && Abilities::EMPTY.to_string().is_empty());
    }

    #[test]
    fn the_encoding_is_the_ascending_array_of_codes_and_nothing_else() {
        let set = Abilities::from([Ability::Write, Ability::Read]);
        let bytes = codec::encode(&set).unwrap();
        assert_eq!(bytes, [0x82, 4, 5]);
        assert_eq!(codec::decode::<Abilities>(&bytes, 8), Ok(set));
        for bad in [&[0x82, 5, 4][..], &[0x82, 4, 4], &[0x81, 12], &[0x81, 0]] {
            assert!(codec::decode::<Abilities>(bad, 8).is_err());
        }
    }
}
