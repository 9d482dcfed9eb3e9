//! Numbers as people read them.

/// Milliseconds as a time with its unit.
#[must_use]
pub fn duration(ms: f64) -> String {
    let (value, unit) = match ms {
        ms if ms < 1000.0 => (ms, "ms"),
        ms if ms < 60_000.0 => (ms / 1000.0, "s"),
        ms if ms < 3_600_000.0 => (ms / 60_000.0, "min"),
        ms => (ms / 3_600_000.0, "h"),
    };
    format!("{} {unit}", short(value))
}

/// Bytes with a unit of powers of 1024.
#[must_use]
pub fn bytes(count: f64) -> String {
    let (value, unit) = match count {
        count if count < 1024.0 => (count, "B"),
        count if count < 1_048_576.0 => (count / 1024.0, "KiB"),
        count if count < 1_073_741_824.0 => (count / 1_048_576.0, "MiB"),
        count => (count / 1_073_741_824.0, "GiB"),
    };
    format!("{} {unit}", short(value))
}

/// A number with three digits that matter, and all of those before the point in groups of three.
#[must_use]
pub fn short(value: f64) -> String {
    if value.abs() >= 100.0 || value.fract().abs() < 1e-9 {
        return grouped(value);
    }
    let places = if value.abs() >= 10.0 { 1 } else { 2 };
    let text = format!("{value:.places$}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn grouped(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if value < 0.0 && digits != "0" { format!("-{text}") } else { text }
}

/// Milliseconds since midnight of the first day as the time of day, with the day if it isn't the first.
#[must_use]
pub fn clock(ms: u64) -> String {
    let (seconds, rest) = (ms / 1000, ms % 1000);
    let day = seconds / 86_400;
    let time = format!("{:02}:{:02}:{:02}.{rest:03}", seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    if day == 0 { time } else { format!("day {} {time}", day + 1) }
}

/// What scenarios call a kind.
#[must_use]
pub fn kind_name(kind: &impl serde::Serialize) -> String {
    serde_json::to_value(kind).ok().and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default()
}

/// A count as a real number.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "counts and milliseconds far below 2^52")]
pub const fn real(count: u64) -> f64 {
    count as f64
}

/// Text that HTML shows as it is.
#[must_use]
pub fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            letter => safe.push(letter),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits_that_matter_and_a_unit() {
        let durations = [0.5, 47.0, 2399.0, 90_000.0, 7_200_000.0].map(duration);
        assert_eq!(durations, ["0.5 ms", "47 ms", "2.4 s", "1.5 min", "2 h"]);
        assert_eq!([512.0, 1536.0, 3_145_728.0].map(bytes), ["512 B", "1.5 KiB", "3 MiB"]);
        assert_eq!([1_234_567.0, -1234.0, -0.2].map(short), ["1,234,567", "-1,234", "-0.2"]);
    }

    #[test]
    fn the_clock_names_the_day_from_the_second_on() {
        assert_eq!(clock(30_123), "00:00:30.123");
        assert_eq!(clock(86_400_000 + 3_600_000), "day 2 01:00:00.000");
    }

    #[test]
    fn nothing_in_a_text_is_taken_for_html() {
        assert_eq!(escaped("<b a='\"'>&"), "&lt;b a=&#39;&quot;&#39;&gt;&amp;");
    }
}
