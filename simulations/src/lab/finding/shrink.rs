//! Looks for a smaller scenario that breaks the same promise.

use super::{Finding, Reader};
use crate::lab::{Scenario, play, report::words::real};

const HOUR: f64 = 3_600_000.0;
const MINUTE: u64 = 60_000;

/// Tries what makes a scenario smaller, one thing after another, and keeps what still breaks the promise.
pub(super) fn shrink(finding: &mut Finding, reruns: usize, told: &mut dyn FnMut(usize)) {
    let mut search = Search { finding, left: reruns, told };
    search.end_early();
    search.fewer("businesses", |scenario| &mut scenario.business.count);
    search.fewer("customers", |scenario| &mut scenario.customers.count);
    search.drop_each(|scenario| &mut scenario.adversaries, |one| format!("the adversary {:?}", one.what));
    search.drop_each(
        |scenario| &mut scenario.faults,
        |one| format!("the fault {:?} of {:?}", one.what, one.who),
    );
    search.drop_each(|scenario| &mut scenario.takeovers, |one| format!("the takeover {:?}", one.what));
    search.drop_each(|scenario| &mut scenario.churn, |one| format!("the churn of {:?}", one.who));
    search.drop_each(|scenario| &mut scenario.ways, |one| format!("the way between {:?}", one.between));
    search.halve_hours();
    search.fewer("agents", |scenario| &mut scenario.business.agents);
}

struct Search<'a> {
    finding: &'a mut Finding,
    left: usize,
    told: &'a mut dyn FnMut(usize),
}

impl Search<'_> {
    /// Plays a candidate, and takes it over if its first broken promise is the same.
    fn keeps(&mut self, candidate: Scenario, what: String) -> bool {
        if candidate == self.finding.scenario {
            return false;
        }
        let Some(left) = self.left.checked_sub(1) else { return false };
        (self.told)(self.left);
        self.left = left;
        let Ok(outcome) = play(&candidate, self.finding.seed, &mut Reader { until: None }) else {
            return false;
        };
        let Some(first) = outcome.violations.first() else { return false };
        if first.promise != self.finding.violation.promise {
            return false;
        }
        self.finding.violation = first.clone();
        self.finding.began = outcome.began;
        self.finding.trace.clone_from(&outcome.trace);
        self.finding.scenario = candidate;
        self.finding.smaller.push(what);
        true
    }

    /// What was seen while people were at work needs no more hours than that.
    fn end_early(&mut self) {
        let at = self.finding.violation.at.saturating_sub(self.finding.began);
        let hours = real(at.saturating_add(MINUTE)) / HOUR;
        if hours < self.finding.scenario.hours {
            self.hours(hours);
        }
    }

    fn halve_hours(&mut self) {
        while self.finding.scenario.hours > 0.1 && self.hours(self.finding.scenario.hours / 2.0) {}
    }

    fn hours(&mut self, hours: f64) -> bool {
        let before = self.finding.scenario.hours;
        let candidate = Scenario { hours, ..self.finding.scenario.clone() };
        self.keeps(candidate, format!("hours: {hours:.2} instead of {before:.2}"))
    }

    /// Halves a count as often as that keeps the promise broken, then takes a quarter off, then one.
    fn fewer(&mut self, name: &str, of: impl Fn(&mut Scenario) -> &mut usize) {
        for smaller in [|count| count / 2, |count| count - count / 4, |count: usize| count.saturating_sub(1)]
        {
            loop {
                let mut candidate = self.finding.scenario.clone();
                let count = of(&mut candidate);
                let before = *count;
                *count = smaller(before).max(1);
                let what = format!("{name}: {} instead of {before}", *count);
                if *count >= before || !self.keeps(candidate, what) {
                    break;
                }
            }
        }
    }

    /// One entry after another, from the last on.
    fn drop_each<T>(&mut self, of: impl Fn(&mut Scenario) -> &mut Vec<T>, name: impl Fn(&T) -> String) {
        for index in (0..of(&mut self.finding.scenario).len()).rev() {
            let mut candidate = self.finding.scenario.clone();
            let dropped = of(&mut candidate).remove(index);
            self.keeps(candidate, format!("without {}", name(&dropped)));
        }
    }
}
