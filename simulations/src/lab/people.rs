//! Who takes part: businesses with their administrators, agents and bots, and customers, each with a node.

use super::{report::words::real, scenario::Scenario};
use crate::{NodeId, SimError, World, office, world::Founding};
use frontdesk_engine::{ForwardRule, ForwardTo, Settings};
use frontdesk_identity::{ContactLink, DeviceId, Role as Enrolled};
use std::collections::BTreeMap;

/// What someone is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Role {
    Administrator,
    Agent,
    Bot,
    Customer,
}

/// Which way a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Path {
    /// From a customer to the business.
    CustomerToBusiness,
    /// From a person of the business to the customer.
    BusinessToCustomer,
    /// From a bot to the customer.
    BotToCustomer,
}

#[derive(Debug)]
struct Person {
    role: Role,
    /// The administrator of its business; for customers, of the one that they write to.
    administrator: NodeId,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Cast {
    people: BTreeMap<NodeId, Person>,
    /// Those of a role who can be counted on, and of a business.
    by_role: BTreeMap<Role, Vec<NodeId>>,
    by_business: BTreeMap<(NodeId, Role), Vec<NodeId>>,
    by_device: BTreeMap<DeviceId, NodeId>,
    links: BTreeMap<NodeId, ContactLink>,
    /// Where customers of a business come in, if that isn't its first administrator.
    receptions: BTreeMap<NodeId, NodeId>,
}

impl Cast {
    /// Founds the businesses, enrols their people, and sets up the customers' nodes.
    pub(super) fn gather(
        world: &mut World,
        scenario: &Scenario,
        settings: Settings,
        founded: &mut dyn FnMut(f64),
    ) -> Result<Self, SimError> {
        let mut cast = Self::default();
        let count = |count: usize| real(u64::try_from(count).unwrap_or(u64::MAX));
        let part = |done| count(done) / count(scenario.nodes().max(1));
        let policy = Settings { forward_new: policy(scenario), ..settings };
        let mut administrators = Vec::new();
        for number in 0..scenario.business.count.max(1) {
            let administrator = world.add(Founding::Entity, &format!("Business {number}"), policy)?;
            world.name(administrator)?;
            cast.add(world, administrator, Role::Administrator, administrator)?;
            cast.links.insert(administrator, office::link(world, administrator, administrator)?);
            let business = &scenario.business;
            let people = [
                (Role::Administrator, business.deputies),
                (Role::Bot, business.bots),
                (Role::Agent, business.agents),
            ];
            for (role, count) in people {
                for person in 0..count {
                    let name = format!("{role:?} {person}");
                    let settings = if role == Role::Administrator { policy } else { settings };
                    let node = office::enrol(world, administrator, &name, enrolled(role), settings)?;
                    cast.add(world, node, role, administrator)?;
                    founded(part(cast.people.len()));
                }
            }
            cast.introduce(world, administrator)?;
            administrators.push(administrator);
        }
        for (number, administrator) in (0..scenario.customers.count).zip(administrators.iter().cycle()) {
            let customer = world.add(Founding::Customer, &format!("Customer {number}"), settings)?;
            cast.add(world, customer, Role::Customer, *administrator)?;
            founded(part(cast.people.len()));
        }
        Ok(cast)
    }

    /// Waits until a business's deputies can forward to its people.
    fn introduce(&self, world: &mut World, administrator: NodeId) -> Result<(), SimError> {
        let deputies = self.administrators(administrator).iter().filter(|node| **node != administrator);
        for deputy in deputies.copied() {
            world.name(deputy)?;
            for role in [Role::Bot, Role::Agent] {
                for person in self.colleagues(administrator, role) {
                    let device = world.node(*person)?.device();
                    let known = |world: &World| office::stock(world, deputy, device) > 0;
                    world.until("key packages at a deputy", office::PATIENCE, known)?;
                }
            }
        }
        Ok(())
    }

    fn add(
        &mut self,
        world: &World,
        node: NodeId,
        role: Role,
        administrator: NodeId,
    ) -> Result<(), SimError> {
        self.by_device.insert(world.node(node)?.device(), node);
        self.people.insert(node, Person { role, administrator });
        self.by_role.entry(role).or_default().push(node);
        self.by_business.entry((administrator, role)).or_default().push(node);
        Ok(())
    }

    /// Somebody can't be counted on any more.
    pub(super) fn quit(&mut self, node: NodeId) {
        for nodes in self.by_role.values_mut().chain(self.by_business.values_mut()) {
            nodes.retain(|other| *other != node);
        }
    }

    pub(super) fn everybody(&self) -> impl Iterator<Item = NodeId> {
        self.people.keys().copied()
    }

    pub(super) fn role(&self, node: NodeId) -> Option<Role> {
        self.people.get(&node).map(|person| person.role)
    }

    /// What to call a node.
    pub(super) fn title(&self, node: NodeId) -> &'static str {
        match self.role(node) {
            Some(Role::Administrator) => "administrator",
            Some(Role::Agent) => "agent",
            Some(Role::Bot) => "bot",
            Some(Role::Customer) => "customer",
            None => "stranger",
        }
    }

    pub(super) fn of(&self, role: Role) -> &[NodeId] {
        self.by_role.get(&role).map(Vec::as_slice).unwrap_or_default()
    }

    pub(super) fn administrator(&self, node: NodeId) -> Option<NodeId> {
        self.people.get(&node).map(|person| person.administrator)
    }

    /// All administrators of a business.
    pub(super) fn administrators(&self, administrator: NodeId) -> &[NodeId] {
        self.colleagues(administrator, Role::Administrator)
    }

    /// Customers of a business come in at another of its administrators from now on.
    pub(super) fn receive_at(
        &mut self,
        world: &World,
        (administrator, reception): (NodeId, NodeId),
    ) -> Result<(), SimError> {
        self.links.insert(administrator, office::link(world, reception, reception)?);
        self.receptions.insert(administrator, reception);
        Ok(())
    }

    /// Where a customer who writes for the first time comes in.
    pub(super) fn reception(&self, customer: NodeId) -> Option<NodeId> {
        let administrator = self.administrator(customer)?;
        Some(self.receptions.get(&administrator).copied().unwrap_or(administrator))
    }

    pub(super) fn colleagues(&self, administrator: NodeId, role: Role) -> &[NodeId] {
        self.by_business.get(&(administrator, role)).map(Vec::as_slice).unwrap_or_default()
    }

    /// The contact link of the business that a customer writes to.
    pub(super) fn link(&self, customer: NodeId) -> Option<&ContactLink> {
        self.links.get(&self.administrator(customer)?)
    }

    pub(super) fn node_of(&self, device: &DeviceId) -> Option<NodeId> {
        self.by_device.get(device).copied()
    }

    pub(super) fn path(&self, author: NodeId) -> Path {
        match self.role(author) {
            Some(Role::Customer) | None => Path::CustomerToBusiness,
            Some(Role::Bot) => Path::BotToCustomer,
            Some(Role::Agent | Role::Administrator) => Path::BusinessToCustomer,
        }
    }
}

/// As what somebody of a business is enrolled.
const fn enrolled(role: Role) -> Enrolled {
    match role {
        Role::Administrator => Enrolled::Admin,
        Role::Bot => Enrolled::Bot,
        Role::Agent | Role::Customer => Enrolled::Agent,
    }
}

/// The rule of administrators' nodes, where they forward by themselves.
fn policy(scenario: &Scenario) -> Option<ForwardRule> {
    let business = &scenario.business;
    let role = if business.bots > 0 { Enrolled::Bot } else { Enrolled::Agent };
    let rule = ForwardRule { to: ForwardTo::Role(role), lasts: business.lasts(), history: business.choice() };
    business.by_policy().then_some(rule)
}
