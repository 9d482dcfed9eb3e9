//! What a plot is, before it is drawn.

use super::words::real;

/// A plot.
#[derive(Debug, Clone, PartialEq)]
pub struct Plot {
    /// Names it in the page.
    pub id: &'static str,
    /// What it shows, in a few words.
    pub title: String,
    /// How to read it, in a sentence or two.
    pub about: String,
    /// From left to right.
    pub x: Axis,
    /// From bottom to top.
    pub y: Axis,
    /// What is drawn.
    pub series: Vec<Series>,
}

/// An axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// What it measures.
    pub label: String,
    /// How.
    pub measure: Measure,
}

/// How an axis measures.
#[derive(Debug, Clone, PartialEq)]
pub enum Measure {
    /// Numbers from 0 on.
    Count,
    /// Bytes from 0 on.
    Bytes,
    /// Parts of 100, as far down as there are values.
    Percent,
    /// Milliseconds, by their logarithm.
    Duration,
    /// Hours since midnight of the first day, at least until this one.
    Clock(f64),
    /// Rows with names, from top to bottom: 0, 1, 2 ..
    Rows(Vec<String>),
}

/// One line of a plot.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// What it is, for the legend. Empty if the title says it all.
    pub name: String,
    /// Which of the colours it has.
    pub colour: usize,
    /// Drawn with dashes: the base of a comparison.
    pub dashed: bool,
    /// How its points are joined.
    pub shape: Shape,
    /// Its points, by x.
    pub points: Vec<(f64, f64)>,
    /// What stands in the table under the plot: names and values, in words.
    pub facts: Vec<(&'static str, String)>,
}

/// How points are joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// By a line.
    Line,
    /// Each value holds until the next point.
    Steps,
    /// Dots that are joined.
    Dots,
    /// Two by two, each pair by a bar along the row; a stroke where it has no length.
    Bars,
}

impl Plot {
    /// Whether there is nothing to draw.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.series.iter().all(|series| series.points.is_empty())
    }

    /// This plot over that of another run, which is drawn with dashes.
    #[must_use]
    pub fn over(self, base: Self) -> Self {
        let named = |series: Series, run: &str, dashed: bool| {
            let name =
                if series.name.is_empty() { run.to_owned() } else { format!("{run}: {}", series.name) };
            Series { name, dashed, ..series }
        };
        let rows = self.y.measure.rows().cloned().unwrap_or_default();
        let base_rows = base.y.measure.rows().cloned().unwrap_or_default();
        let under: Vec<Series> = base.series.into_iter().map(|series| named(series, "base", true)).collect();
        let over: Vec<Series> = self.series.into_iter().map(|series| named(series, "new", false)).collect();
        if rows.is_empty() && base_rows.is_empty() {
            return Self { series: under.into_iter().chain(over).collect(), ..self };
        }
        // Rows of one run stand below those of the other.
        let below = real(u64::try_from(base_rows.len()).unwrap_or_default());
        let lower = |series: Series| {
            let points = series.points.into_iter().map(|(x, y)| (x, y + below)).collect();
            Series { points, ..series }
        };
        let all = base_rows.iter().map(|row| format!("base: {row}"));
        let all = all.chain(rows.iter().map(|row| format!("new: {row}"))).collect();
        let y = Axis { measure: Measure::Rows(all), ..self.y };
        Self { y, series: under.into_iter().chain(over.into_iter().map(lower)).collect(), ..self }
    }
}

impl Measure {
    /// The names of rows, if it has rows.
    #[must_use]
    pub const fn rows(&self) -> Option<&Vec<String>> {
        match self {
            Self::Rows(rows) => Some(rows),
            Self::Count | Self::Bytes | Self::Percent | Self::Duration | Self::Clock(_) => None,
        }
    }
}
