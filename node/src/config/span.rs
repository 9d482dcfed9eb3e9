//! Time spans as people write them: `90s`, `15m`, `24h`, `30d`.

use serde::{Deserialize, Deserializer, de::Error as _};
use std::{fmt, str::FromStr, time::Duration};

/// A time span in whole seconds, of at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span(u64);

/// The text is not a time span.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a time span is a number and a unit: 90s, 15m, 24h or 30d")]
pub(crate) struct NotASpan;

const UNITS: [(char, u64); 4] = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

impl Span {
    pub(crate) const fn from_secs(secs: u64) -> Self {
        Self(secs)
    }

    pub(crate) const fn secs(self) -> u64 {
        self.0
    }

    pub(crate) const fn duration(self) -> Duration {
        Duration::from_secs(self.0)
    }
}

impl FromStr for Span {
    type Err = NotASpan;

    fn from_str(text: &str) -> Result<Self, NotASpan> {
        let unit = text.chars().last().ok_or(NotASpan)?;
        let (_, seconds) = UNITS.into_iter().find(|(letter, _)| *letter == unit).ok_or(NotASpan)?;
        let number = text.strip_suffix(unit).ok_or(NotASpan)?;
        if !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(NotASpan);
        }
        let number: u64 = number.parse().map_err(|_| NotASpan)?;
        number.checked_mul(seconds).filter(|total| *total > 0).map(Self).ok_or(NotASpan)
    }
}

/// In the largest unit that leaves no rest.
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = |(_, seconds): &(char, u64)| self.0.checked_rem(*seconds) == Some(0);
        let (letter, seconds) = UNITS.into_iter().find(fits).unwrap_or(('s', 1));
        write!(f, "{}{letter}", self.0.checked_div(seconds).unwrap_or(self.0))
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_unit_is_read_and_written() {
        for (text, seconds) in [("1s", 1), ("90s", 90), ("15m", 900), ("24h", 86_400), ("30d", 2_592_000)] {
            assert_eq!(text.parse(), Ok(Span(seconds)));
        }
        assert_eq!(Span(86_400).to_string(), "1d");
        assert_eq!(Span(90).to_string(), "90s");
        assert_eq!(Span(7_200).to_string(), "2h");
    }

    #[test]
    fn what_is_no_span_is_refused() {
        for text in ["", "s", "5", "0s", "-5s", "+5s", "1.5h", "5 s", "5y", "99999999999999999999d", "5é"] {
            assert_eq!(text.parse::<Span>(), Err(NotASpan), "{text}");
        }
    }
}
