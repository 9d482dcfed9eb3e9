//! Deputies who take over: when, from whom, and what became of the one before.

use serde::{Deserialize, Serialize};

/// Of one business, the other administrators take over the threads that one of them leads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Takeover {
    /// What becomes of the device that leads most threads of the business.
    pub what: Going,
    /// When, as an hour of the scenario.
    pub at: f64,
    /// How long it takes until the others take over a thread, in minutes, on average.
    #[serde(default = "default::after")]
    pub after: f64,
    /// Of one that is asleep: when it is on again, as an hour of the scenario. Otherwise when faults stop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub back: Option<f64>,
    /// Of one that is restored: how old the copy is that is put back, in minutes.
    #[serde(default = "default::age")]
    pub age: f64,
}

impl Takeover {
    /// How old a copy is unless told otherwise, in minutes.
    pub(super) const DEFAULT_AGE: f64 = 30.0;
}

/// What becomes of an administrator's device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Going {
    /// It is never seen again.
    Lost,
    /// It is off.
    Asleep,
    /// Its owner puts back an older copy of its disk, as `frontdesk restore` does.
    Restored,
    /// Nothing: it is there, and another takes over all the same.
    Present,
}

mod default {
    use super::Takeover;

    pub(super) const fn after() -> f64 {
        5.0
    }

    pub(super) const fn age() -> f64 {
        Takeover::DEFAULT_AGE
    }
}
