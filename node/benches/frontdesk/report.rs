//! The results: each figure beside its floor and its target, as a table, as JSON, and as a page.

use crate::machine::Machine;
use serde_json::{Value, json};
use std::{fmt, time::Duration};

/// A measured quantity.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Quantity {
    Time(Duration),
    /// Events a second.
    Rate(f64),
    /// Bytes.
    Memory(u64),
}

/// What a figure has to keep.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Target {
    /// Nothing: shown for what it tells.
    None,
    /// At most this.
    AtMost(Quantity),
    /// At most this many times the floor.
    TimesFloor(f64),
    /// At least this part of the floor.
    PartOfFloor(f64),
}

/// One figure.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    /// For programs.
    name: &'static str,
    /// For people.
    what: String,
    figure: Quantity,
    floor: Option<Quantity>,
    target: Target,
}

/// All figures of a run.
#[derive(Debug)]
pub(crate) struct Report {
    machine: Machine,
    parts: Vec<(&'static str, Vec<Line>)>,
    notes: Vec<String>,
}

impl Quantity {
    #[expect(clippy::cast_precision_loss, reason = "figures of a report")]
    fn value(self) -> f64 {
        match self {
            Self::Time(time) => time.as_secs_f64() * 1e6,
            Self::Rate(rate) => rate,
            Self::Memory(bytes) => bytes as f64,
        }
    }

    const fn unit(self) -> &'static str {
        match self {
            Self::Time(_) => "microseconds",
            Self::Rate(_) => "per second",
            Self::Memory(_) => "bytes",
        }
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.value();
        let text = match self {
            Self::Time(_) if value < 10.0 => format!("{value:.1} µs"),
            Self::Time(_) if value < 1e4 => format!("{value:.0} µs"),
            Self::Time(_) if value < 1e5 => format!("{:.1} ms", value / 1e3),
            Self::Time(_) => format!("{:.0} ms", value / 1e3),
            Self::Rate(_) => format!("{value:.0} /s"),
            Self::Memory(_) => format!("{:.1} MiB", value / 1_048_576.0),
        };
        f.pad(&text)
    }
}

impl Line {
    pub(crate) fn new(name: &'static str, what: impl Into<String>, figure: Quantity) -> Self {
        Self { name, what: what.into(), figure, floor: None, target: Target::None }
    }

    pub(crate) fn floor(self, floor: Option<Quantity>) -> Self {
        Self { floor, ..self }
    }

    pub(crate) fn target(self, target: Target) -> Self {
        Self { target, ..self }
    }

    fn ratio(&self) -> Option<f64> {
        Some(self.figure.value() / self.floor?.value())
    }

    /// None if there is nothing to keep, or no floor to compare with.
    fn met(&self) -> Option<bool> {
        match self.target {
            Target::None => None,
            Target::AtMost(most) => Some(self.figure.value() <= most.value()),
            Target::TimesFloor(most) => Some(self.ratio()? <= most),
            Target::PartOfFloor(least) => Some(self.ratio()? >= least),
        }
    }

    fn cells(&self) -> [String; 6] {
        let shown = |quantity: Option<Quantity>| quantity.map(|q| q.to_string()).unwrap_or_default();
        let ratio = self.ratio().map(|ratio| format!("{ratio:.2}")).unwrap_or_default();
        let target = match self.target {
            Target::None => String::new(),
            Target::AtMost(most) => format!("<= {most}"),
            Target::TimesFloor(most) => format!("<= {most} x floor"),
            Target::PartOfFloor(least) => format!(">= {least} x floor"),
        };
        let verdict = match self.met() {
            None => "",
            Some(true) => "met",
            Some(false) => "MISSED",
        };
        [self.what.clone(), self.figure.to_string(), shown(self.floor), ratio, target, verdict.to_owned()]
    }

    fn json(&self) -> Value {
        json!({
            "name": self.name, "what": self.what, "unit": self.figure.unit(), "value": self.figure.value(),
            "floor": self.floor.map(Quantity::value), "ratio": self.ratio(), "target": self.cells()[4],
            "met": self.met(),
        })
    }
}

const TITLES: [&str; 6] = ["", "figure", "floor", "ratio", "target", ""];

impl Report {
    pub(crate) const fn new(machine: Machine) -> Self {
        Self { machine, parts: Vec::new(), notes: Vec::new() }
    }

    pub(crate) fn add(&mut self, part: &'static str, lines: Vec<Line>) {
        self.parts.push((part, lines));
    }

    pub(crate) fn note(&mut self, note: String) {
        self.notes.push(note);
    }

    pub(crate) fn json(&self) -> Value {
        let lines: Vec<Value> = self.parts.iter().flat_map(|(_, lines)| lines).map(Line::json).collect();
        json!({ "machine": self.machine.json(), "figures": lines, "notes": self.notes })
    }

    /// As Markdown, for the page.
    pub(crate) fn markdown(&self) -> String {
        let mut text = format!("{}\n", self.machine.markdown());
        for (part, lines) in &self.parts {
            text.push_str(&format!("\n### {part}\n\n| {} |\n", TITLES.join(" | ")));
            text.push_str("| --- | ---: | ---: | ---: | --- | --- |\n");
            for line in lines {
                text.push_str(&format!("| {} |\n", line.cells().join(" | ")));
            }
        }
        if !self.notes.is_empty() {
            text.push('\n');
        }
        for note in &self.notes {
            text.push_str(&format!("- {note}\n"));
        }
        text
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows: Vec<_> = self.parts.iter().flat_map(|(_, lines)| lines).map(Line::cells).collect();
        let titles = TITLES.map(str::to_owned);
        let width = |column: usize| {
            let cells = rows.iter().chain([&titles]).filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..TITLES.len()).map(width).collect();
        let mut row = |cells: &[String; 6]| {
            for (column, (cell, width)) in cells.iter().zip(&widths).enumerate() {
                let width = *width;
                // Numbers stand to the right.
                if (1..4).contains(&column) {
                    write!(f, "{cell:>width$}  ")?
                } else {
                    write!(f, "{cell:width$}  ")?
                }
            }
            writeln!(f)
        };
        row(&titles)?;
        let mut cells = rows.iter();
        for (part, lines) in &self.parts {
            row(&[
                format!("-- {part}"),
                String::new(),
                String::new(),
                String::new(),
                String::new(),
                String::new(),
            ])?;
            cells.by_ref().take(lines.len()).try_for_each(&mut row)?;
        }
        self.notes.iter().try_for_each(|note| writeln!(f, "* {note}"))
    }
}
