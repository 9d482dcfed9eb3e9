//! Moments for people: in UTC, and as a distance from now.

use frontdesk_identity::UnixTime;

const DAY: u64 = 86_400;

/// `2026-11-22`.
pub(crate) fn date(UnixTime(at): UnixTime) -> String {
    let (year, month, day) = civil(at / DAY);
    format!("{year:04}-{month:02}-{day:02}")
}

/// `12:44`.
pub(crate) fn clock(UnixTime(at): UnixTime) -> String {
    let seconds = at % DAY;
    format!("{:02}:{:02}", seconds / 3600, seconds % 3600 / 60)
}

/// `2026-11-22 12:44 UTC`.
pub(crate) fn date_and_time(at: UnixTime) -> String {
    format!("{} {} UTC", date(at), clock(at))
}

/// `in 23 h`, `3 min ago`, `now`.
pub(crate) fn from_now(at: UnixTime, now: UnixTime) -> String {
    let distance = at.0.abs_diff(now.0);
    let (count, unit) = match distance {
        0..60 => return "now".to_owned(),
        60..7_200 => (distance / 60, "min"),
        7_200..172_800 => (distance / 3600, "h"),
        172_800.. => (distance / DAY, "days"),
    };
    if at > now { format!("in {count} {unit}") } else { format!("{count} {unit} ago") }
}

/// Year, month and day of a day counted from 1970-01-01, in the Gregorian calendar: years that begin in March put the
/// leap day at their end, and 400 of them always have 146,097 days.
fn civil(days: u64) -> (u64, u64, u64) {
    // From 0000-03-01 to 1970-01-01.
    let days = days.saturating_add(719_468);
    let (cycle, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let (day, month) = (day - (153 * month + 2) / 5 + 1, if month < 10 { month + 3 } else { month - 9 });
    (cycle.saturating_mul(400) + year + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_told_as_calendars_do() {
        for (at, text) in [
            (0, "1970-01-01 00:00 UTC"),
            (951_782_400, "2000-02-29 00:00 UTC"),
            (1_709_251_199, "2024-02-29 23:59 UTC"),
            (1_709_251_200, "2024-03-01 00:00 UTC"),
            (4_107_542_400, "2100-03-01 00:00 UTC"),
            (1_795_351_440, "2026-11-22 12:44 UTC"),
        ] {
            assert_eq!(date_and_time(UnixTime(at)), text);
        }
    }

    #[test]
    fn distances_are_told_in_a_fitting_unit() {
        let now = UnixTime(1_000_000);
        let told = |at| from_now(UnixTime(at), now);
        assert_eq!(told(1_000_030), "now");
        assert_eq!(told(1_000_000 + 90 * 60), "in 90 min");
        assert_eq!(told(1_000_000 + 24 * 3600), "in 24 h");
        assert_eq!(told(1_000_000 - 10 * DAY), "10 days ago");
    }

    #[test]
    fn the_farthest_moment_does_not_overflow() {
        assert!(date(UnixTime(u64::MAX)).len() > 10);
    }
}
