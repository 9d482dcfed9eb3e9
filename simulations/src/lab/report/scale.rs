//! From values to places on an axis, and the marks along it.

use super::{
    plot::Measure,
    words::{bytes, duration, real, short},
};

/// Durations that get a mark, in milliseconds.
const DURATIONS: [f64; 11] = [1.0, 10.0, 100.0, 1e3, 1e4, 6e4, 6e5, 3.6e6, 3.6e7, 3.6e8, 3.6e9];
/// Hours between marks of a clock.
const HOURS: [f64; 11] = [0.25, 0.5, 1.0, 2.0, 3.0, 4.0, 6.0, 12.0, 24.0, 48.0, 168.0];

/// An axis with its values put in order.
#[derive(Debug)]
pub(super) struct Scale {
    low: f64,
    high: f64,
    logarithmic: bool,
    /// Values that get a mark, and what stands there.
    pub(super) ticks: Vec<(f64, String)>,
}

impl Scale {
    /// The scale that has room for all `values`, with about `marks` marks.
    pub(super) fn new(measure: &Measure, values: impl Iterator<Item = f64> + Clone, marks: f64) -> Self {
        let least = values.clone().fold(f64::INFINITY, f64::min);
        let most = values.fold(f64::NEG_INFINITY, f64::max);
        let (least, most) = if least > most { (0.0, 1.0) } else { (least, most) };
        match measure {
            Measure::Count => Self::linear(0.0, most, marks, short),
            Measure::Bytes => Self::linear_bytes(most, marks),
            Measure::Percent => Self::percent(least),
            Measure::Duration => Self::duration(least, most),
            Measure::Clock(until) => Self::clock(most.max(*until), marks),
            Measure::Rows(rows) => Self::rows(rows),
        }
    }

    /// Where a value is, from 0 at the low end to 1 at the high end.
    pub(super) fn place(&self, value: f64) -> f64 {
        let at = if self.logarithmic {
            libm::log10(value.max(self.low) / self.low) / libm::log10(self.high / self.low)
        } else {
            (value - self.low) / (self.high - self.low)
        };
        at.clamp(0.0, 1.0)
    }

    /// The first mark of an axis that leaves out what is below it: whoever looks has to be told.
    pub(super) fn cut(&self) -> Option<&str> {
        let leaves_out = !self.logarithmic && self.low > 0.0 && self.low < self.high;
        self.ticks.first().filter(|_| leaves_out).map(|(_, words)| words.as_str())
    }

    fn linear(low: f64, most: f64, marks: f64, words: fn(f64) -> String) -> Self {
        let most = if most > low { most } else { low + 1.0 };
        let step = nice((most - low) / marks);
        let high = low + ((most - low) / step).ceil() * step;
        Self { low, high, logarithmic: false, ticks: ticks(low, high, step, words) }
    }

    /// Round numbers of the unit that the largest value has.
    fn linear_bytes(most: f64, marks: f64) -> Self {
        let unit =
            [1_073_741_824.0, 1_048_576.0, 1024.0].into_iter().find(|unit| most >= *unit).unwrap_or(1.0);
        let scale = Self::linear(0.0, most / unit, marks, short);
        let ticks = scale.ticks.into_iter().map(|(at, _)| (at * unit, bytes(at * unit))).collect();
        Self { low: 0.0, high: scale.high * unit, logarithmic: false, ticks }
    }

    fn percent(least: f64) -> Self {
        let (low, step) = match least {
            least if least >= 98.0 => (98.0, 0.5),
            least if least >= 90.0 => (90.0, 2.0),
            least if least >= 75.0 => (75.0, 5.0),
            _ => (0.0, 25.0),
        };
        let words = |value| format!("{value} %");
        Self { low, high: 100.0, logarithmic: false, ticks: ticks(low, 100.0, step, words) }
    }

    fn duration(least: f64, most: f64) -> Self {
        let low = DURATIONS.into_iter().rev().find(|mark| *mark <= least).unwrap_or(1.0);
        let high = DURATIONS.into_iter().find(|mark| *mark >= most && *mark > low).unwrap_or(1e10);
        let marks = DURATIONS.into_iter().filter(|mark| (low..=high).contains(mark));
        Self { low, high, logarithmic: true, ticks: marks.map(|mark| (mark, duration(mark))).collect() }
    }

    fn clock(most: f64, marks: f64) -> Self {
        let step = HOURS.into_iter().find(|step| most / step <= marks + 1.0).unwrap_or(168.0);
        let high = (most / step - 1e-3).ceil().max(1.0) * step;
        Self { low: 0.0, high, logarithmic: false, ticks: ticks(0.0, high, step, time_of_day) }
    }

    fn rows(rows: &[String]) -> Self {
        let count = real(u64::try_from(rows.len()).unwrap_or_default());
        let ticks = rows.iter().enumerate();
        let ticks = ticks.map(|(row, name)| (real(u64::try_from(row).unwrap_or_default()), name.clone()));
        // The first row is on top.
        Self { low: count - 0.5, high: -0.5, logarithmic: false, ticks: ticks.collect() }
    }
}

/// 1, 2 or 5 times a power of ten: the first that is not less.
fn nice(step: f64) -> f64 {
    let power = libm::pow(10.0, libm::log10(step).floor());
    [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|times| times * power)
        .find(|nice| *nice >= step * 0.999)
        .unwrap_or(step)
}

fn ticks(low: f64, high: f64, step: f64, words: impl Fn(f64) -> String) -> Vec<(f64, String)> {
    let marks = (0..60u64).map(|mark| low + real(mark) * step);
    marks.take_while(|at| *at <= high + step * 1e-6).map(|at| (at, words(at))).collect()
}

fn time_of_day(hours: f64) -> String {
    let minutes = (hours * 60.0).round();
    let of_day = minutes % 1440.0;
    if minutes >= 1440.0 && of_day == 0.0 {
        return format!("day {}", minutes / 1440.0 + 1.0);
    }
    format!("{:02}:{:02}", (of_day / 60.0).floor(), of_day % 60.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks(measure: &Measure, values: &[f64]) -> Vec<String> {
        Scale::new(measure, values.iter().copied(), 5.0).ticks.into_iter().map(|(_, words)| words).collect()
    }

    #[test]
    fn marks_are_round_and_hold_every_value_between_them() {
        assert_eq!(marks(&Measure::Count, &[3.0, 43.0]), ["0", "10", "20", "30", "40", "50"]);
        assert_eq!(marks(&Measure::Bytes, &[3000.0]), ["0 B", "1 KiB", "2 KiB", "3 KiB"]);
        assert_eq!(marks(&Measure::Duration, &[20.0, 2400.0]), ["10 ms", "100 ms", "1 s", "10 s"]);
        assert_eq!(
            marks(&Measure::Clock(0.0), &[24.5]),
            ["00:00", "06:00", "12:00", "18:00", "day 2", "06:00"]
        );
        assert_eq!(marks(&Measure::Percent, &[91.0]), ["90 %", "92 %", "94 %", "96 %", "98 %", "100 %"]);
    }

    #[test]
    fn an_axis_that_leaves_something_out_says_so() {
        let cut = |measure: &Measure, values: &[f64]| {
            Scale::new(measure, values.iter().copied(), 5.0).cut().map(str::to_owned)
        };
        assert_eq!(cut(&Measure::Percent, &[98.5]).as_deref(), Some("98 %"));
        let rows = Measure::Rows(vec!["crash".into(), "sleep".into()]);
        for (measure, value) in
            [(Measure::Percent, 20.0), (Measure::Count, 5.0), (Measure::Duration, 50.0), (rows, 1.0)]
        {
            assert_eq!(cut(&measure, &[value]), None, "{measure:?}");
        }
    }

    #[test]
    fn an_axis_without_values_or_with_zeros_alone_can_be_drawn() {
        for measure in
            [Measure::Count, Measure::Bytes, Measure::Duration, Measure::Clock(1.0), Measure::Percent]
        {
            for values in [&[][..], &[0.0]] {
                let scale = Scale::new(&measure, values.iter().copied(), 5.0);
                assert!(scale.place(0.0).is_finite() && scale.ticks.len() >= 2, "{measure:?} {values:?}");
            }
        }
    }

    #[test]
    fn a_value_has_its_place_by_the_kind_of_axis() {
        let scale = |measure: &Measure, values: [f64; 2]| Scale::new(measure, values.into_iter(), 5.0);
        assert!((scale(&Measure::Duration, [1.0, 100.0]).place(10.0) - 0.5).abs() < 1e-9);
        assert!((scale(&Measure::Count, [0.0, 100.0]).place(25.0) - 0.25).abs() < 1e-9);
        let rows = Measure::Rows(vec!["crash".into(), "sleep".into()]);
        assert!(scale(&rows, [0.0, 1.0]).place(0.0) > scale(&rows, [0.0, 1.0]).place(1.0));
    }
}
