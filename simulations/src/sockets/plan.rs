//! What is played on real sockets: so many people, for so long, and what goes wrong meanwhile.

use crate::lab::scenario::{FaultKind, Scenario, SuiteName, Who};

/// Nodes of one run at most: each holds sockets, and the processor is shared by all.
const MOST_NODES: usize = 60;
/// Seconds of writing at least, and at most.
const SHORTEST: u64 = 3;
const LONGEST: u64 = 3600;

/// What is played.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Agents of the one business, at least one.
    pub agents: usize,
    /// Its bots: each thread goes to one first, which hands over to an agent with its first answer.
    pub bots: usize,
    /// Its customers, at least one.
    pub customers: usize,
    /// Texts that each customer writes, on average; each is answered.
    pub texts: f64,
    /// Threads that are handed over in the middle, of 1.
    pub hand_over: f64,
    /// Threads from which the administrator takes the agent out before its customer has stopped writing, of 1.
    pub revoke: f64,
    /// What goes wrong, several times each. Whatever these are, the administrator's node is also cut off in the middle, for
    /// a quarter of the time.
    pub faults: Vec<Fault>,
    /// How long people write, in seconds.
    pub seconds: u64,
    /// The seed of what people and faults do.
    pub seed: u64,
}

/// Something that goes wrong again and again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// What: one of [`Fault::KINDS`].
    pub what: FaultKind,
    /// Whom it befalls.
    pub who: Who,
}

/// Nobody can play it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PlanError {
    /// Too few people.
    #[error("a business without agents or without customers says nothing; give at least one of each")]
    Empty,
    /// Too many nodes.
    #[error(
        "{0} nodes are too many for one process in real time; give at most {MOST_NODES} in all, the administrator among them"
    )]
    Nodes(usize),
    /// Too short or too long.
    #[error("{0} seconds are too few or too many; give between {SHORTEST} and {LONGEST}")]
    Seconds(u64),
}

impl Fault {
    /// What can go wrong on real sockets.
    pub const KINDS: [FaultKind; 5] =
        [FaultKind::Partition, FaultKind::Move, FaultKind::Sleep, FaultKind::Crash, FaultKind::FlushFails];
}

impl Default for Plan {
    fn default() -> Self {
        let fault = |what, who| Fault { what, who };
        Self {
            agents: 4,
            bots: 1,
            customers: 20,
            texts: 8.0,
            hand_over: 0.3,
            revoke: 0.2,
            faults: vec![
                fault(FaultKind::Partition, Who::Anyone),
                fault(FaultKind::Partition, Who::Agent),
                fault(FaultKind::Move, Who::Anyone),
                fault(FaultKind::Crash, Who::Anyone),
                fault(FaultKind::FlushFails, Who::Anyone),
            ],
            seconds: 15,
            seed: 1,
        }
    }
}

impl Plan {
    /// What of a scenario can be played here, and the names of what can't. Its times have no meaning here.
    #[must_use]
    pub fn of(scenario: &Scenario) -> (Self, Vec<String>) {
        let fits = |what: &FaultKind| Fault::KINDS.contains(what);
        let faults = scenario.faults.iter().filter(|fault| fits(&fault.what));
        let plan = Self {
            agents: scenario.business.agents,
            bots: scenario.business.bots,
            customers: scenario.customers.count,
            texts: scenario.customers.texts,
            hand_over: scenario.business.hand_over,
            revoke: scenario.business.revoke,
            faults: faults.map(|fault| Fault { what: fault.what, who: fault.who }).collect(),
            ..Self::default()
        };
        let left_out = left_out(scenario, plan.faults.len());
        (plan, left_out)
    }

    /// How many nodes it has.
    #[must_use]
    pub const fn nodes(&self) -> usize {
        self.agents.saturating_add(self.bots).saturating_add(self.customers).saturating_add(1)
    }

    /// Whether it can be played.
    ///
    /// # Errors
    /// [`PlanError`], with what to do.
    pub fn check(&self) -> Result<(), PlanError> {
        if self.agents == 0 || self.customers == 0 {
            return Err(PlanError::Empty);
        }
        if self.nodes() > MOST_NODES {
            return Err(PlanError::Nodes(self.nodes()));
        }
        if (SHORTEST..=LONGEST).contains(&self.seconds) {
            Ok(())
        } else {
            Err(PlanError::Seconds(self.seconds))
        }
    }
}

fn left_out(scenario: &Scenario, faults: usize) -> Vec<String> {
    let business = &scenario.business;
    let kinds = [
        (business.count > 1, "further businesses"),
        (business.by_policy(), "forwarding by rule"),
        (business.history != "all", "bounded history"),
        (scenario.suite != SuiteName::Classic, "the hybrid suite"),
        (scenario.customers.at_once > 1.0, "texts that one writes at once"),
        (scenario.customers.come_back > 0.0, "customers who come back"),
        (scenario.network != Default::default() || !scenario.ways.is_empty(), "the network's weather"),
        (scenario.nat != Default::default(), "routers"),
        (scenario.clocks != Default::default(), "clocks"),
        (!scenario.churn.is_empty(), "owners who switch off"),
        (scenario.faults.len() > faults, "some faults"),
        (!scenario.adversaries.is_empty(), "adversaries"),
        (business.deputies > 0 || !scenario.takeovers.is_empty(), "deputies who take over"),
    ];
    kinds.into_iter().filter(|(left_out, _)| *left_out).map(|(_, name)| name.to_owned()).collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_scenario_gives_its_people_and_those_faults_that_sockets_can_have() {
        let text = "about = \"x\"\nhours = 12.0\n[business]\nagents = 3\nbots = 1\n[customers]\ncount = 9\n\
            [[fault]]\nwhat = \"move\"\nwho = \"agent\"\nfrom = 8.0\nuntil = 9.0\n\
            [[fault]]\nwhat = \"disk-full\"\nwho = \"agent\"\nfrom = 8.0\nuntil = 9.0\n";
        let (plan, left_out) = Plan::of(&toml::from_str(text).unwrap());
        assert_eq!((plan.agents, plan.customers, plan.nodes()), (3, 9, 14));
        assert_eq!(plan.faults, [Fault { what: FaultKind::Move, who: Who::Agent }]);
        assert_eq!(left_out, ["customers who come back", "some faults"]);
    }

    #[test]
    fn nobody_plays_with_too_many_or_too_few() {
        let plan = Plan::default();
        assert_eq!(plan.check(), Ok(()));
        let many = Plan { customers: 56, ..plan.clone() };
        assert_eq!(many.check(), Err(PlanError::Nodes(62)));
        assert_eq!(Plan { agents: 0, ..plan.clone() }.check(), Err(PlanError::Empty));
        assert_eq!(Plan { seconds: 0, ..plan }.check(), Err(PlanError::Seconds(0)));
    }
}
