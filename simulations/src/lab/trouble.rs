//! What makes a scenario hard: routers, clocks, people who switch off, faults, and adversaries.

use super::people::Role;
use crate::Nat;
use serde::{Deserialize, Serialize};

/// What stands between nodes and those who dial them, by role.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Nats {
    /// Of administrators.
    pub administrator: Share,
    /// Of agents.
    pub agent: Share,
    /// Of bots.
    pub bot: Share,
    /// Of customers.
    pub customer: Share,
    /// As if two nodes behind routers of the kind `cone` could punch holes. The program can't yet.
    pub hole_punching: bool,
}

/// Which parts of some nodes stand behind which kind of router; the rest is open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Share {
    /// Behind a router that keeps one outside port, of 1.
    pub cone: f64,
    /// Behind a router with another outside port for each peer, of 1.
    pub symmetric: f64,
}

impl Share {
    /// The kind at a place between 0 and 1.
    pub(super) fn at(self, place: f64) -> Nat {
        if place < self.cone {
            Nat::Cone
        } else if place < self.cone + self.symmetric {
            Nat::Symmetric
        } else {
            Nat::Open
        }
    }
}

/// How far the wall clocks of nodes are off.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Clocks {
    /// At the beginning, in seconds: anything up to this, in both directions.
    pub off: f64,
    /// How much they gain or lose, in millionths: anything up to this.
    pub drift: f64,
}

/// Devices that are switched off and on by the time of the day.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Churn {
    /// Whose.
    pub who: Who,
    /// The part that is on at the busiest hour of the day, of 1.
    pub most: f64,
    /// The part that is on twelve hours from that. In between it follows a cosine.
    pub least: f64,
    /// The busiest hour of the day.
    #[serde(default = "default::peak")]
    pub peak: f64,
    /// How often an owner decides anew whether the device is on, in minutes, on average.
    #[serde(default = "default::every")]
    pub every: f64,
}

impl Churn {
    /// The part that is on at an hour of the day.
    pub(super) fn part(&self, hour: f64) -> f64 {
        let wave = libm::cos((hour - self.peak) / 24.0 * std::f64::consts::TAU);
        self.least + (self.most - self.least) * f64::midpoint(1.0, wave)
    }
}

/// Something that goes wrong.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// What.
    pub what: FaultKind,
    /// Whom it befalls.
    pub who: Who,
    /// When it begins, as an hour of the scenario.
    pub from: f64,
    /// When it ends.
    pub until: f64,
    /// So often, for what happens again and again, in minutes.
    #[serde(default = "default::every")]
    pub every: f64,
    /// How long each lasts, in seconds.
    #[serde(default = "default::lasts")]
    pub lasts: f64,
}

impl Fault {
    /// How long a fault lasts unless told otherwise, in seconds.
    pub(super) const DEFAULT_LASTS: f64 = 10.0;
}

/// Kinds of faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultKind {
    /// A node is killed: what it had not flushed is gone. It starts again.
    Crash,
    /// A node is cut off from everybody for a while.
    Partition,
    /// A node's disk has no room for a while.
    DiskFull,
    /// A node's disk takes a batch and fails to make it durable.
    FlushFails,
    /// The power goes while a node writes, before its batch is durable.
    PowerCut,
    /// A node moves to another address.
    Move,
    /// A node's owner puts back an older copy of its disk, as `frontdesk restore` does.
    RollBack,
    /// A node's disk is put back to an older copy of it by hand, and nothing tells the node; others do.
    OldCopy,
    /// A device sleeps, and wakes later.
    Sleep,
    /// Nothing that a node sends arrives for a while, or nothing that it is sent, either, at one other or at all, and nobody is told.
    Silence,
}

impl FaultKind {
    /// Whether it lasts, or is over at once.
    pub(super) const fn lasts(self) -> bool {
        matches!(self, Self::Crash | Self::Partition | Self::DiskFull | Self::Sleep | Self::Silence)
    }
}

/// Whom something befalls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Who {
    /// One of all nodes.
    Anyone,
    /// A customer.
    Customer,
    /// An agent.
    Agent,
    /// A bot.
    Bot,
    /// An administrator.
    Administrator,
}

impl Who {
    /// Whether someone with this role, or with none, is meant.
    pub(super) fn takes(self, role: Option<Role>) -> bool {
        match self {
            Self::Anyone => true,
            Self::Customer => role == Some(Role::Customer),
            Self::Agent => role == Some(Role::Agent),
            Self::Bot => role == Some(Role::Bot),
            Self::Administrator => role == Some(Role::Administrator),
        }
    }
}

/// Someone who attacks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Adversary {
    /// How.
    pub what: AdversaryKind,
    /// When it begins, as an hour of the scenario. Who turns traitor is honest until then.
    pub from: f64,
    /// When it ends.
    pub until: f64,
    /// How often it tries, in minutes, on average.
    #[serde(default = "default::every")]
    pub every: f64,
    /// Of what it sends many of: so many each time.
    #[serde(default = "default::count")]
    pub count: u32,
    /// Who turns, where that can be somebody else than an agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub who: Option<Who>,
    /// Of a clock that lies: by how many hours it is ahead, or behind, where it doesn't stand still.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ahead: Option<f64>,
}

impl Adversary {
    /// How many it sends at a time unless told otherwise.
    pub(super) const DEFAULT_COUNT: u32 = 100;
}

/// Ways to attack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AdversaryKind {
    /// A stranger and an agent send what honest nodes have sent once more, over links of their own.
    Replay,
    /// Strangers who contact the business show grants with broken signatures, and with more than their issuers had.
    ForgedGrants,
    /// An agent tells the members of its threads of commits, though it isn't the steward.
    FalseCommits,
    /// An administrator tells the members of its threads different commits.
    Equivocation,
    /// An agent that was removed from the business goes on with the keys that it has.
    RemovedGoesOn,
    /// An agent, or who else is named, acknowledges everything, and sends half of its peers nothing.
    Withholds,
    /// Strangers ask to contact the business, again and again.
    ContactFlood,
    /// A stranger sends frames for threads that don't exist.
    FrameFlood,
    /// A stranger sends bytes that are no frames, and frames that are nearly good.
    HostileBytes,
    /// An agent stops its clock, doesn't listen to the steward, and goes on when its grants have ended; or somebody's clock is
    /// far ahead or behind.
    LyingClock,
    /// An agent asks for more than its grant gives, and hands on what isn't its to hand on.
    Overreaches,
}

impl AdversaryKind {
    /// Whether it sends many of something, or each thing once.
    pub(super) const fn counts(self) -> bool {
        matches!(self, Self::Replay | Self::ContactFlood | Self::FrameFlood | Self::HostileBytes)
    }
}

mod default {
    use super::{Adversary, Fault};

    pub(super) const fn every() -> f64 {
        10.0
    }

    pub(super) const fn lasts() -> f64 {
        Fault::DEFAULT_LASTS
    }

    pub(super) const fn peak() -> f64 {
        13.0
    }

    pub(super) const fn count() -> u32 {
        Adversary::DEFAULT_COUNT
    }
}
