//! Two runs side by side.

use super::{
    Measured, Report, measures, page, plots,
    words::{escaped, real, short},
};
use crate::lab::Violation;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Two runs, and where they differ.
#[derive(Debug, Clone, Serialize)]
pub struct Comparison {
    /// What the first is called.
    pub base: String,
    /// What the second is called.
    pub new: String,
    /// They are the same run: the same trace.
    pub same_trace: bool,
    /// They were played from the same scenario.
    pub same_scenario: bool,
    /// Each number of both.
    pub rows: Vec<Row>,
    /// Promises that only the first broke.
    pub mended: Vec<String>,
    /// Promises that only the second broke.
    pub broken: Vec<String>,
}

/// A number of both runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// What it measures.
    pub name: String,
    /// In the first run, in its own unit: times in milliseconds, sizes in bytes.
    pub base: Option<f64>,
    /// In the second.
    pub new: Option<f64>,
    /// The first in words.
    pub base_shown: String,
    /// The second in words.
    pub new_shown: String,
    /// How the second differs from the first, in words. Empty if it doesn't.
    pub difference: String,
    /// It depends on the computer, so a difference says little.
    pub machine: bool,
}

impl Comparison {
    /// Compares two runs.
    #[must_use]
    pub fn new(base: &Report, new: &Report) -> Self {
        let rows = measures(base).into_iter().zip(measures(new));
        let known = rows.filter(|(base, new)| base.value.is_some() || new.value.is_some());
        let rows = known.map(|(base, new)| Row::of(&base, &new));
        let rows = rows.chain(counts(base, new));
        let promises = |report: &Report| -> BTreeSet<String> {
            let promise = |violation: &Violation| violation.promise.clone();
            report.violations.iter().map(promise).collect()
        };
        let (before, after) = (promises(base), promises(new));
        Self {
            base: format!("{}, seed {}", base.name, base.seed),
            new: format!("{}, seed {}", new.name, new.seed),
            same_trace: base.trace == new.trace,
            same_scenario: base.scenario == new.scenario,
            rows: rows.collect(),
            mended: before.difference(&after).cloned().collect(),
            broken: after.difference(&before).cloned().collect(),
        }
    }

    /// Whether nothing differs but what depends on the computer.
    #[must_use]
    pub fn is_same(&self) -> bool {
        let differs = |row: &Row| !row.machine && !row.difference.is_empty();
        self.same_trace && self.mended.is_empty() && self.broken.is_empty() && !self.rows.iter().any(differs)
    }

    /// Whether and how they differ, in a sentence.
    #[must_use]
    pub fn verdict(&self) -> String {
        let differ = self.rows.iter().filter(|row| !row.machine && !row.difference.is_empty()).count();
        let scenario = if self.same_scenario { "" } else { " They were played from different scenarios." };
        if self.is_same() {
            return format!("No difference: both are the same run.{scenario}");
        }
        let mut verdict = format!("{differ} of {} numbers differ.{scenario}", self.rows.len());
        for (what, promises) in [("Only base breaks", &self.mended), ("Only new breaks", &self.broken)] {
            if !promises.is_empty() {
                verdict.push_str(&format!(" {what}: {}.", promises.join("; ")));
            }
        }
        verdict
    }

    /// A table for a terminal.
    #[must_use]
    pub fn table(&self) -> String {
        let head = [String::new(), "base".into(), "new".into(), "difference".into()];
        let cells = |row: &Row| {
            [row.name.clone(), row.base_shown.clone(), row.new_shown.clone(), row.difference.clone()]
        };
        let lines: Vec<[String; 4]> = std::iter::once(head).chain(self.rows.iter().map(cells)).collect();
        let [first, second, third, fourth] = [0, 1, 2, 3].map(|column| {
            lines
                .iter()
                .filter_map(|line| line.get(column))
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or(0)
        });
        let line = |[name, base, new, difference]: &[String; 4]| {
            format!("{name:<first$}  {base:>second$}  {new:>third$}  {difference:>fourth$}\n")
        };
        lines.iter().map(line).collect()
    }

    /// The page that shows both runs, one over the other.
    #[must_use]
    pub fn page(&self, base: &Report, new: &Report) -> String {
        let both = plots(&base.figures).into_iter().zip(plots(&new.figures));
        let both: Vec<_> = both.map(|(base, new)| new.over(base)).collect();
        let head = format!(
            "<h1>{} <span class=\"soft\">against</span> {}</h1>\n<p class=\"soft\">Base, drawn with dashes: {}. \
             New: {}.</p>\n<p class=\"verdict\">{}</p>\n",
            escaped(&self.new),
            escaped(&self.base),
            escaped(&self.base),
            escaped(&self.new),
            escaped(&self.verdict())
        );
        let rows: String = self
            .rows
            .iter()
            .map(|row| {
                let cells = [&row.base_shown, &row.new_shown, &row.difference];
                let cells: String = cells.map(|cell| format!("<td>{}</td>", escaped(cell))).concat();
                format!("<tr><td>{}</td>{cells}</tr>\n", escaped(&row.name))
            })
            .collect();
        let table = format!(
            "<h2>In numbers</h2>\n<div class=\"wide\"><table>\n<tr><th></th><th>base</th><th>new</th><th>difference</th></tr>\n{rows}</table></div>\n"
        );
        let body = [
            head,
            table,
            page::figures(&both, "over"),
            page::scenario("Base", base),
            page::scenario("New", new),
        ];
        page::whole(&format!("{} against {}", self.new, self.base), &body.concat())
    }
}

/// What each run counted by reason or kind: all that either of them has.
fn counts(base: &Report, new: &Report) -> Vec<Row> {
    let (before, after) = (tallies(base), tallies(new));
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let row = |name: &String| {
        let count = |of: &BTreeMap<String, u64>| real(of.get(name).copied().unwrap_or_default());
        let measured =
            |value| Measured { name: "", value: Some(value), words: short, is_part: false, fixed: true };
        Row { name: name.clone(), ..Row::of(&measured(count(&before)), &measured(count(&after))) }
    };
    names.into_iter().map(row).collect()
}

/// Refusals and complaints by reason, faults and attacks by kind.
fn tallies(report: &Report) -> BTreeMap<String, u64> {
    let figures = &report.figures;
    let mut all = BTreeMap::new();
    let refusals =
        figures.refusals.iter().map(|(reason, count)| (format!("texts refused: {reason}"), *count));
    let told = figures.security.iter().map(|(reason, count)| (format!("complaints: {reason}"), *count));
    all.extend(refusals.chain(told));
    for (_, what) in &figures.faults {
        *all.entry(format!("faults: {what:?}")).or_default() += 1;
    }
    for (what, attack) in &figures.attacks {
        for (outcome, count) in [
            ("tried", attack.tried),
            ("taken", attack.taken),
            ("refused", attack.refused.values().sum()),
            ("ignored", attack.ignored),
        ] {
            all.insert(format!("attacks: {what:?}, {outcome}"), count);
        }
    }
    all
}

impl Row {
    fn of(base: &Measured, new: &Measured) -> Self {
        let difference = match (base.value, new.value) {
            (Some(before), Some(after)) => difference(before, after, base),
            (None, None) => String::new(),
            (None, Some(_)) => "only in new".into(),
            (Some(_), None) => "only in base".into(),
        };
        Self {
            name: base.name.to_owned(),
            base: base.value,
            new: new.value,
            base_shown: base.shown(),
            new_shown: new.shown(),
            difference,
            machine: !base.fixed,
        }
    }
}

/// By how much, and by which part of what it was. Something that more than doubled is so many times as much.
fn difference(before: f64, after: f64, measured: &Measured) -> String {
    let by = after - before;
    if by.abs() < 1e-9 {
        return String::new();
    }
    let sign = if by > 0.0 { '+' } else { '\u{2212}' };
    if measured.is_part {
        return format!("{sign}{:.2} points", by.abs());
    }
    let part = match after / before {
        times if !times.is_finite() => String::new(),
        times if times >= 2.0 => format!(" (\u{d7}{})", short(times)),
        times => format!(" ({sign}{:.1} %)", 100.0 * (times - 1.0).abs()),
    };
    format!("{sign}{}{part}", (measured.words)(by.abs()))
}
