//! Whether the values of a scenario can be played: TOML lets any number through.

use super::scenario::{
    Adversary, AdversaryKind, Fault, Going, Latency, Network, Scenario, Share, Takeover, Who,
};
use frontdesk_engine::limits::MAX_ASKED_LASTS;
use frontdesk_wire::limits::MAX_ROSTER;
use std::fmt;

/// The longest run: six weeks. The hour of the day is computed in 32 bits of milliseconds.
const MOST_HOURS: f64 = 1000.0;
/// More nodes than any machine plays.
const MOST_NODES: usize = 1_000_000;
/// More at once than any adversary sends.
const MOST_SENT: u32 = 100_000;
/// Hours that a clock is wrong at most: some eleven years.
const MOST_AHEAD: f64 = 100_000.0;
/// The longest time that a value may be, in milliseconds, and the largest other number.
const MOST: f64 = 1e9;

/// A value that can't be played.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key} is {found}; it has to be {wanted}")]
pub struct Nonsense {
    /// Which key, with its table.
    pub key: String,
    /// What it is.
    pub found: String,
    /// What it may be.
    pub wanted: &'static str,
}

/// A text that is no scenario.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// It is no TOML, or has a key that isn't known, or lacks one.
    #[error(transparent)]
    Syntax(#[from] toml::de::Error),
    /// It has a value that can't be played.
    #[error(transparent)]
    Nonsense(#[from] Nonsense),
}

type Check = Result<(), Nonsense>;

impl Scenario {
    /// Reads a scenario.
    ///
    /// # Errors
    /// [`ScenarioError`].
    pub fn from_toml(text: &str) -> Result<Self, ScenarioError> {
        let scenario: Self = toml::from_str(text)?;
        scenario.check()?;
        Ok(scenario)
    }

    /// Checks that every value is one that can be played.
    ///
    /// # Errors
    /// The first that is not.
    pub fn check(&self) -> Check {
        positive("hours", self.hours, MOST_HOURS)?;
        let settles = (0.0..=MOST_HOURS * 60.0).contains(&self.settle);
        demand("settle", settles, self.settle, "minutes, from 0 to 60,000")?;
        let nodes = self.nodes();
        demand("the number of nodes", nodes <= MOST_NODES, nodes, "at most 1,000,000")?;
        self.check_network()?;
        self.check_business()?;
        self.check_customers()?;
        self.check_surroundings()?;
        self.check_trouble()?;
        self.check_takeovers()
    }

    fn check_network(&self) -> Check {
        check_network("network", &self.network)?;
        for way in &self.ways {
            part("way.part", way.part)?;
            check_network("way.network", &way.network)?;
        }
        Ok(())
    }

    fn check_business(&self) -> Check {
        let business = &self.business;
        demand("business.count", business.count > 0, business.count, "1 or more")?;
        let people = business.agents.saturating_add(business.bots);
        let key = if business.agents >= business.bots { "business.agents" } else { "business.bots" };
        let wanted = "255 with all agents and bots, for a business has 256 devices at most";
        demand(key, people < MAX_ROSTER, people, wanted)?;
        hours("business.open", business.open)?;
        number("business.answer_takes", business.answer_takes)?;
        number("business.bot_takes", business.bot_takes)?;
        number("business.forward_takes", business.forward_takes)?;
        part("business.hand_over", business.hand_over)?;
        part("business.revoke", business.revoke)?;
        let history = business.history.as_str();
        let last = history.strip_prefix("last:").is_some_and(|count| count.parse::<u32>().is_ok());
        demand(
            "business.history",
            last || ["all", "none"].contains(&history),
            history,
            "all, none or last:N",
        )?;
        #[expect(clippy::cast_precision_loss, reason = "seconds of some days")]
        let most = MAX_ASKED_LASTS as f64 / 3600.0;
        positive("business.grant_lasts", business.grant_lasts, most)
    }

    fn check_customers(&self) -> Check {
        let customers = &self.customers;
        hours("customers.arrive", customers.arrive)?;
        number("customers.texts", customers.texts)?;
        let at_once = customers.at_once;
        demand("customers.at_once", (1.0..=100.0).contains(&at_once), at_once, "from 1 to 100")?;
        number("customers.thinks", customers.thinks)?;
        number("customers.patience", customers.patience)?;
        part("customers.come_back", customers.come_back)
    }

    fn check_surroundings(&self) -> Check {
        let nat = &self.nat;
        for (who, Share { cone, symmetric }) in [
            ("nat.administrator", nat.administrator),
            ("nat.agent", nat.agent),
            ("nat.bot", nat.bot),
            ("nat.customer", nat.customer),
        ] {
            part(who, cone)?;
            part(who, symmetric)?;
            part(who, cone + symmetric)?;
        }
        number("clocks.off", self.clocks.off)?;
        number("clocks.drift", self.clocks.drift)?;
        for churn in &self.churn {
            part("churn.most", churn.most)?;
            part("churn.least", churn.least)?;
            demand("churn.peak", (0.0..=24.0).contains(&churn.peak), churn.peak, "an hour of the day")?;
            positive("churn.every", churn.every, MOST)?;
        }
        Ok(())
    }

    fn check_trouble(&self) -> Check {
        for fault in &self.faults {
            span("fault", fault.from, fault.until)?;
            positive("fault.every", fault.every, MOST)?;
            number("fault.lasts", fault.lasts)?;
            let lasts = fault.what.lasts() || fault.lasts == Fault::DEFAULT_LASTS;
            demand("fault.lasts", lasts, fault.lasts, "left out: this fault is over at once")?;
        }
        for adversary in &self.adversaries {
            span("adversary", adversary.from, adversary.until)?;
            positive("adversary.every", adversary.every, MOST)?;
            demand("adversary.count", adversary.count <= MOST_SENT, adversary.count, "at most 100,000")?;
            let counts = adversary.what.counts() || adversary.count == Adversary::DEFAULT_COUNT;
            demand("adversary.count", counts, adversary.count, "left out: this adversary doesn't count")?;
            let lies = adversary.what == AdversaryKind::LyingClock;
            let named = adversary.who.is_none() || adversary.what == AdversaryKind::Withholds || lies;
            demand("adversary.who", named, "given", "left out: who this adversary is, is fixed")?;
            check_clock(adversary, lies)?;
        }
        Ok(())
    }
}

impl Scenario {
    fn check_takeovers(&self) -> Check {
        for takeover in &self.takeovers {
            let Takeover { what, at, after, back, age } = takeover;
            span("takeover.at", *at, *at)?;
            let deputies = self.business.deputies;
            demand("takeover", deputies > 0, "given", "left out: without deputies nobody takes over")?;
            number("takeover.after", *after)?;
            if let Some(back) = back {
                let asleep = "left out: this device is not asleep";
                demand("takeover.back", *what == Going::Asleep, back, asleep)?;
                span("takeover.back", *at, *back)?;
            }
            let aged = *what == Going::Restored || *age == Takeover::DEFAULT_AGE;
            demand("takeover.age", aged, age, "left out: this device is not put back to a copy")?;
            demand(
                "takeover.age",
                (0.0..=*at * 60.0).contains(age),
                age,
                "minutes since the beginning, at most",
            )?;
        }
        Ok(())
    }
}

fn check_clock(adversary: &Adversary, lies: bool) -> Check {
    let agent = matches!(adversary.who, None | Some(Who::Agent));
    let known = !lies || agent || adversary.ahead.is_some();
    demand("adversary.ahead", known, "left out", "given: only an agent's clock stands still")?;
    let Some(ahead) = adversary.ahead else { return Ok(()) };
    demand("adversary.ahead", lies, ahead, "left out: this adversary's clock is right")?;
    demand("adversary.ahead", ahead.abs() <= MOST_AHEAD, ahead, "hours, at most a hundred thousand")
}

fn check_network(name: &str, network: &Network) -> Check {
    let key = |of: &str| format!("{name}.{of}");
    match &network.latency {
        Latency::Constant { ms } => number(&key("latency.ms"), *ms)?,
        Latency::Normal { mean, deviation } => {
            number(&key("latency.mean"), *mean)?;
            number(&key("latency.deviation"), *deviation)?;
        }
        Latency::LogNormal { median, sigma } => {
            number(&key("latency.median"), *median)?;
            demand(&key("latency.sigma"), (0.0..=5.0).contains(sigma), sigma, "from 0 to 5")?;
        }
        Latency::Table { ms } => {
            demand(&key("latency.ms"), !ms.is_empty(), "empty", "one or more milliseconds")?;
            ms.iter().try_for_each(|ms| number(&key("latency.ms"), *ms))?;
        }
    }
    part(&key("loss"), network.loss)?;
    part(&key("duplication"), network.duplication)?;
    part(&key("reordering"), network.reordering)?;
    number(&key("bandwidth"), network.bandwidth)
}

fn demand(key: &str, holds: bool, found: impl fmt::Display, wanted: &'static str) -> Check {
    if holds { Ok(()) } else { Err(Nonsense { key: key.into(), found: found.to_string(), wanted }) }
}

fn number(key: &str, value: f64) -> Check {
    demand(key, (0.0..=MOST).contains(&value), value, "from 0 to a thousand million")
}

fn positive(key: &str, value: f64, most: f64) -> Check {
    demand(key, value > 0.0 && value <= most, value, "more than 0, and not out of all proportion")
}

fn part(key: &str, value: f64) -> Check {
    demand(key, (0.0..=1.0).contains(&value), value, "a part of all, from 0 to 1")
}

fn hours(key: &str, [from, until]: [f64; 2]) -> Check {
    let holds = (0.0..=24.0).contains(&from) && from < until && until <= 24.0;
    demand(key, holds, format!("[{from}, {until}]"), "two hours of one day, the earlier one first")
}

fn span(key: &str, from: f64, until: f64) -> Check {
    let holds = from >= 0.0 && from <= until && until <= MOST_HOURS;
    demand(key, holds, format!("from {from} until {until}"), "hours of the run, the earlier one first")
}

#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn read(lines: &str) -> Result<Scenario, ScenarioError> {
        let hours = if lines.starts_with("hours") { "" } else { "hours = 1.0\n" };
        Scenario::from_toml(&format!("about = \"x\"\n{hours}{lines}"))
    }

    #[test]
    fn values_that_can_not_be_played_are_refused_by_their_key() {
        let fault = "[[fault]]\nwhat = \"crash\"\nwho = \"agent\"\nfrom = 1.0\nuntil = 2.0\n";
        let adversary = "[[adversary]]\nwhat = \"replay\"\nfrom = 1.0\nuntil = 2.0\n";
        let churn = "[[churn]]\nwho = \"agent\"\nmost = 1.0\nleast = 0.0\n";
        let liar = adversary.replace("replay", "lying-clock");
        let takeover = "[[takeover]]\nwhat = \"lost\"\nat = 1.0\n";
        let (deputies, asleep) = ("[business]\ndeputies = 1\n", takeover.replace("lost", "asleep"));
        let way = "[[way]]\nbetween = [\"agent\", \"anyone\"]\n";
        for (lines, key) in [
            ("hours = 0.0", "hours"),
            ("hours = nan", "hours"),
            ("hours = inf", "hours"),
            ("hours = 1001.0", "hours"),
            ("settle = -1.0", "settle"),
            ("[business]\ncount = 1000000\nagents = 9", "the number of nodes"),
            ("[customers]\ncount = 18000000", "the number of nodes"),
            ("[network]\nloss = 1.5", "network.loss"),
            ("[network]\nduplication = -0.1", "network.duplication"),
            ("[network]\nreordering = nan", "network.reordering"),
            ("[network]\nbandwidth = -5.0", "network.bandwidth"),
            ("[network]\nlatency = { kind = \"table\", ms = [] }", "network.latency.ms"),
            ("[network]\nlatency = { kind = \"table\", ms = [5.0, -1.0] }", "network.latency.ms"),
            ("[network]\nlatency = { kind = \"constant\", ms = inf }", "network.latency.ms"),
            (
                "[network]\nlatency = { kind = \"normal\", mean = 9.0, deviation = nan }",
                "network.latency.deviation",
            ),
            (
                "[network]\nlatency = { kind = \"log-normal\", median = 9.0, sigma = 50.0 }",
                "network.latency.sigma",
            ),
            (&format!("{way}part = 1.5"), "way.part"),
            (&format!("{way}network.loss = -1.0"), "way.network.loss"),
            (&format!("{way}network.latency = {{ kind = \"table\", ms = [] }}"), "way.network.latency.ms"),
            ("[business]\ncount = 0", "business.count"),
            ("[business]\nagents = 256", "business.agents"),
            ("[business]\nagents = 100\nbots = 156", "business.bots"),
            ("[business]\nopen = [18.0, 8.0]", "business.open"),
            ("[business]\nhistory = \"lst:3\"", "business.history"),
            ("[business]\nhand_over = 2.0", "business.hand_over"),
            ("[business]\ngrant_lasts = 169.0", "business.grant_lasts"),
            ("[customers]\narrive = [8.0, 25.0]", "customers.arrive"),
            ("[customers]\nat_once = 0.0", "customers.at_once"),
            ("[customers]\ncome_back = 5.0", "customers.come_back"),
            ("[nat]\ncustomer = { cone = 0.6, symmetric = 0.6 }", "nat.customer"),
            ("[clocks]\noff = -3.0", "clocks.off"),
            (&format!("{churn}peak = 25.0"), "churn.peak"),
            (&format!("{churn}every = 0.0"), "churn.every"),
            (&fault.replace("until = 2.0", "until = 0.5"), "fault"),
            (&format!("{fault}every = 0.0"), "fault.every"),
            (&format!("{}lasts = 5.0", fault.replace("crash", "move")), "fault.lasts"),
            (&format!("{}count = 5", adversary.replace("replay", "withholds")), "adversary.count"),
            (&format!("{adversary}every = -1.0"), "adversary.every"),
            (&format!("{adversary}who = \"customer\""), "adversary.who"),
            (&format!("{adversary}count = 4000000000"), "adversary.count"),
            (&format!("{adversary}ahead = 5.0"), "adversary.ahead"),
            (&format!("{liar}who = \"customer\""), "adversary.ahead"),
            (&format!("{liar}who = \"customer\"\nahead = 1e9"), "adversary.ahead"),
            (takeover, "takeover"),
            (&format!("{deputies}{}", takeover.replace("at = 1.0", "at = -1.0")), "takeover.at"),
            (&format!("{deputies}{takeover}after = -1.0"), "takeover.after"),
            (&format!("{deputies}{takeover}back = 2.0"), "takeover.back"),
            (&format!("{deputies}{asleep}back = 0.5"), "takeover.back"),
            (&format!("{deputies}{takeover}age = 5.0"), "takeover.age"),
            (&format!("{deputies}{}age = 61.0", takeover.replace("lost", "restored")), "takeover.age"),
        ] {
            match read(lines).unwrap_err() {
                ScenarioError::Nonsense(nonsense) => assert_eq!(nonsense.key, key, "{lines}"),
                ScenarioError::Syntax(error) => panic!("{lines}: {error}"),
            }
        }
        for lines in ["", fault, adversary, churn, way, "[business]\nhistory = \"last:3\"\nopen = [0, 24]"] {
            assert!(read(lines).is_ok(), "{lines}");
        }
    }
}
