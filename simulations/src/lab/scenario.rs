//! Scenarios: what is simulated, as a TOML file. Unknown keys are errors; every key but `about` and `hours` has a default.

use super::roads::whole;
pub use super::takeover::{Going, Takeover};
pub use super::trouble::{Adversary, AdversaryKind, Churn, Clocks, Fault, FaultKind, Nats, Share, Who};
use frontdesk_engine::HistoryChoice;
use frontdesk_thread::Suite;
use serde::{Deserialize, Serialize};

/// A scenario.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// What it shows, in one sentence.
    pub about: String,
    /// How long it plays, in hours of virtual time. It begins at midnight.
    pub hours: f64,
    /// How long nodes may take, after the last hour, until all agree, in minutes.
    #[serde(default = "default::settle")]
    pub settle: f64,
    /// The cipher suite of new threads.
    #[serde(default)]
    pub suite: SuiteName,
    /// What the network does to frames.
    #[serde(default)]
    pub network: Network,
    /// Ways that are unlike the others. For a pair of nodes, the first that it takes counts.
    #[serde(default, rename = "way")]
    pub ways: Vec<Way>,
    /// The businesses; all are alike.
    #[serde(default)]
    pub business: Business,
    /// The customers; each writes to one business.
    #[serde(default)]
    pub customers: Customers,
    /// What stands between nodes and those who dial them.
    #[serde(default)]
    pub nat: Nats,
    /// How far wall clocks are off.
    #[serde(default)]
    pub clocks: Clocks,
    /// Who switches devices off, and when.
    #[serde(default)]
    pub churn: Vec<Churn>,
    /// What goes wrong.
    #[serde(default, rename = "fault")]
    pub faults: Vec<Fault>,
    /// Who attacks.
    #[serde(default, rename = "adversary")]
    pub adversaries: Vec<Adversary>,
    /// When deputies take over.
    #[serde(default, rename = "takeover")]
    pub takeovers: Vec<Takeover>,
}

impl Scenario {
    /// How many nodes it has.
    #[must_use]
    pub fn nodes(&self) -> usize {
        let business = &self.business;
        let people =
            [business.bots, business.deputies, 1].into_iter().fold(business.agents, usize::saturating_add);
        business.count.max(1).saturating_mul(people).saturating_add(self.customers.count)
    }
}

/// A cipher suite by its name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SuiteName {
    /// X25519 alone: less work, so more nodes in the same time.
    #[default]
    Classic,
    /// ML-KEM-768 with X25519, as nodes use it unless told otherwise.
    Hybrid,
}

impl SuiteName {
    pub(super) const fn suite(self) -> Suite {
        match self {
            Self::Classic => Suite::Classic,
            Self::Hybrid => Suite::Hybrid,
        }
    }

    /// What a report says of the cryptography.
    pub(super) fn in_words(self) -> String {
        let name = match self {
            Self::Classic => "classic",
            Self::Hybrid => "hybrid",
        };
        format!("real cryptography, suite {name}")
    }
}

/// What the network does to frames.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Network {
    /// How long a frame is under way.
    pub latency: Latency,
    /// Frames that are lost, of 1.
    pub loss: f64,
    /// Frames that arrive twice, of 1.
    pub duplication: f64,
    /// Frames that arrive later than they would, up to a second, of 1.
    pub reordering: f64,
    /// What the link of a pair carries, in kilobits a second; 0: any amount.
    pub bandwidth: f64,
}

/// What the network does to frames between some nodes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Way {
    /// One of the first and one of the second, whoever of them sends.
    pub between: [Who; 2],
    /// The part of these pairs that it takes, of 1.
    #[serde(default = "default::part")]
    pub part: f64,
    /// What it does to frames. What isn't said has its default, whatever the network is elsewhere.
    #[serde(default)]
    pub network: Network,
}

/// How long a frame is under way, in milliseconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, tag = "kind", rename_all = "kebab-case")]
pub enum Latency {
    /// Always the same.
    Constant {
        /// Milliseconds.
        ms: f64,
    },
    /// By the normal distribution, cut off at half a millisecond.
    Normal {
        /// Its mean, in milliseconds.
        mean: f64,
        /// Its standard deviation, in milliseconds.
        deviation: f64,
    },
    /// By the log-normal distribution, as ways through the internet are.
    LogNormal {
        /// Its median, in milliseconds.
        median: f64,
        /// The standard deviation of its logarithm.
        sigma: f64,
    },
    /// One of these, each as likely, in milliseconds: measured ways.
    Table {
        /// Milliseconds.
        ms: Vec<f64>,
    },
}

/// A business and its people.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Business {
    /// So many businesses.
    pub count: usize,
    /// Agents of each.
    pub agents: usize,
    /// Bots of each. With a bot, new threads go to it first, and it hands over to an agent.
    pub bots: usize,
    /// Further administrators of each, who are let into every thread, with all of its past.
    pub deputies: usize,
    /// When its agents work, as hours of the day: from, until.
    pub open: [f64; 2],
    /// How long an agent takes for an answer, in seconds, on average.
    pub answer_takes: f64,
    /// How long a bot takes for an answer, in seconds.
    pub bot_takes: f64,
    /// How long the administrator takes to forward a new thread, in seconds, on average; 0: its node's own rule does.
    pub forward_takes: f64,
    /// What a newcomer may read of the past: all, none, or last:N.
    pub history: String,
    /// Threads that an agent hands over to another in the middle, of 1.
    pub hand_over: f64,
    /// Threads from which the administrator takes the agent out when its customer has nothing left to ask, of 1.
    pub revoke: f64,
    /// How long a forward's grant lasts, in hours; at most seven days, which is what a node's wish to hand over may ask for.
    pub grant_lasts: f64,
}

/// The customers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Customers {
    /// So many, over all businesses.
    pub count: usize,
    /// Between which hours of the day they first write: they arrive as a Poisson process.
    pub arrive: [f64; 2],
    /// Texts that each writes, on average.
    pub texts: f64,
    /// Of these, how many one writes in the same moment, on average, after the first.
    pub at_once: f64,
    /// How long one thinks before the next text, in seconds, on average.
    pub thinks: f64,
    /// How long one waits for an answer before giving up, in minutes, on average.
    pub patience: f64,
    /// Those who come back with another text hours later, of 1.
    pub come_back: f64,
}

mod default {
    pub(super) const fn part() -> f64 {
        1.0
    }

    pub(super) const fn settle() -> f64 {
        5.0
    }
}

impl Business {
    /// Whether administrators' nodes forward by their own rule.
    pub(crate) fn by_policy(&self) -> bool {
        self.forward_takes <= 0.0
    }

    /// How long the grant of a forward lasts, in seconds.
    pub(super) fn lasts(&self) -> u64 {
        whole(self.grant_lasts * 3600.0)
    }

    /// What newcomers may read.
    pub(super) fn choice(&self) -> HistoryChoice {
        match self.history.strip_prefix("last:").and_then(|count| count.parse().ok()) {
            Some(count) => HistoryChoice::Last(count),
            None if self.history == "none" => HistoryChoice::None,
            None => HistoryChoice::All,
        }
    }
}

impl Default for Network {
    fn default() -> Self {
        let latency = Latency::LogNormal { median: 25.0, sigma: 0.6 };
        Self { latency, loss: 0.0, duplication: 0.0, reordering: 0.0, bandwidth: 0.0 }
    }
}

impl Default for Business {
    fn default() -> Self {
        Self {
            count: 1,
            agents: 2,
            bots: 0,
            deputies: 0,
            open: [8.0, 18.0],
            answer_takes: 120.0,
            bot_takes: 2.0,
            forward_takes: 60.0,
            history: "all".into(),
            hand_over: 0.0,
            revoke: 0.0,
            grant_lasts: 7.0 * 24.0,
        }
    }
}

impl Default for Customers {
    fn default() -> Self {
        Self {
            count: 10,
            arrive: [8.0, 17.0],
            texts: 3.0,
            at_once: 1.0,
            thinks: 60.0,
            patience: 60.0,
            come_back: 0.1,
        }
    }
}
