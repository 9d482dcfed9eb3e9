//! Cumulative distributions: which part of all took no longer than so long.

use super::{
    plot::{Series, Shape},
    words::{duration, real, short},
};
use crate::lab::figures::percentile;

/// Steps of a curve at most. More can't be seen.
const STEPS: u64 = 400;

/// The curve of these times, in milliseconds.
pub(super) fn share(name: &str, colour: usize, times: &[u64]) -> Series {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    Series {
        name: name.into(),
        colour,
        dashed: false,
        shape: Shape::Steps,
        points: curve(&sorted),
        facts: facts(times),
    }
}

fn curve(sorted: &[u64]) -> Vec<(f64, f64)> {
    let Some(first) = sorted.first() else { return Vec::new() };
    let count = u64::try_from(sorted.len()).unwrap_or(u64::MAX);
    let steps = count.min(STEPS);
    // Where nothing happens in less than a millisecond, it is drawn at one: the axis has no 0.
    let at = |time: &u64| real(*time).max(1.0);
    let rest = (1..=steps).filter_map(|step| {
        let rank = step.saturating_mul(count) / steps;
        let time = sorted.get(usize::try_from(rank.checked_sub(1)?).ok()?)?;
        Some((at(time), 100.0 * real(rank) / real(count)))
    });
    std::iter::once((at(first), 0.0)).chain(rest).collect()
}

fn facts(times: &[u64]) -> Vec<(&'static str, String)> {
    if times.is_empty() {
        return Vec::new();
    }
    let count = real(u64::try_from(times.len()).unwrap_or(u64::MAX));
    let at = |percent| percentile(times, percent).map(|ms| duration(real(ms))).unwrap_or_default();
    vec![
        ("count", short(count)),
        ("half within", at(50)),
        ("90 % within", at(90)),
        ("99 % within", at(99)),
        ("longest", at(100)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_rises_from_nothing_to_all_and_never_falls() {
        let times: Vec<u64> = (0..5_000).rev().collect();
        let points = share("", 0, &times).points;
        assert_eq!(points.first(), Some(&(1.0, 0.0)));
        assert_eq!(points.last(), Some(&(4999.0, 100.0)));
        assert!(points.len() <= 401);
        assert!(points.windows(2).all(|pair| matches!(pair, [a, b] if a.0 <= b.0 && a.1 <= b.1)));
    }

    #[test]
    fn no_times_give_no_curve_and_no_facts() {
        let series = share("", 0, &[]);
        assert!(series.points.is_empty() && series.facts.is_empty());
    }
}
