//! The ready-made business: Acme's administrator, two agents, and a customer, over the real enrolment and contact.

use crate::{NodeId, SimError, Weather, World, world::Founding};
use frontdesk_engine::{
    Answer, Command, Event, HistoryChoice, MessageView, Query, Reply, Role, Settings, ThreadStatus, WhoView,
};
use frontdesk_identity::{ContactLink, DeviceId, PrincipalId, ThreadId};
use std::collections::BTreeSet;

/// Ten minutes of virtual time: how long anything may take even in a storm.
pub const PATIENCE: u64 = 600_000;

/// Acme at work.
#[derive(Debug)]
pub struct Office {
    /// Where it all happens.
    pub world: World,
    /// Acme's administrator.
    pub acme: NodeId,
    /// The agents.
    pub agents: Vec<NodeId>,
    /// The customer.
    pub customer: NodeId,
}

impl Office {
    /// Sets up Acme with `agents` agents, and a customer, in this weather.
    ///
    /// # Errors
    /// [`SimError`].
    pub fn open(seed: u64, weather: Weather, agents: usize, settings: Settings) -> Result<Self, SimError> {
        let mut world = World::new(seed, weather);
        let acme = world.add(Founding::Entity, "Acme", settings)?;
        let customer = world.add(Founding::Customer, "Carla", settings)?;
        let mut office = Self { world, acme, agents: Vec::new(), customer };
        for name in ["Ana", "Ben"].into_iter().cycle().take(agents) {
            let agent = office.enrol(name, Role::Agent)?;
            office.agents.push(agent);
        }
        Ok(office)
    }

    /// Another office that begins where this one is, see [`World::fork`].
    ///
    /// # Errors
    /// [`SimError`].
    pub fn fork(&self, seed: u64) -> Result<Self, SimError> {
        let world = self.world.fork(seed)?;
        Ok(Self { world, acme: self.acme, agents: self.agents.clone(), customer: self.customer })
    }

    /// Enrols one more device, by invitation and approval.
    ///
    /// # Errors
    /// [`SimError`].
    pub fn enrol(&mut self, name: &str, role: Role) -> Result<NodeId, SimError> {
        enrol(&mut self.world, self.acme, name, role, Settings { key_packages: 4, ..Settings::default() })
    }

    /// Who Acme is.
    ///
    /// # Errors
    /// [`SimError`].
    pub fn entity(&self) -> Result<PrincipalId, SimError> {
        principal(&self.world, self.acme)
    }

    /// A contact link of Acme that names this node as its reception.
    ///
    /// # Errors
    /// [`SimError`].
    pub fn link_to(&self, node: NodeId) -> Result<ContactLink, SimError> {
        link(&self.world, self.acme, node)
    }

    /// The customer contacts Acme.
    ///
    /// # Errors
    /// [`SimError`].
    pub fn contact(&mut self, text: &str) -> Result<ThreadId, SimError> {
        let link = self.link_to(self.acme)?;
        let contact = Command::Contact { link, text: text.to_owned() };
        let Reply::Opened { thread } = self.world.command(self.customer, contact)? else {
            return Err(SimError::Broken("a contact without a thread".into()));
        };
        let acme = self.acme;
        self.world.until("the first message", PATIENCE, |world| texts(world, acme, thread).len() == 1)?;
        Ok(thread)
    }

    /// The device of a node.
    ///
    /// # Errors
    /// [`SimError::Down`].
    pub fn device(&self, node: NodeId) -> Result<DeviceId, SimError> {
        Ok(self.world.node(node)?.device())
    }

    /// Acme forwards the thread, and the device comes in.
    ///
    /// # Errors
    /// [`SimError`].
    pub fn forward(
        &mut self,
        thread: ThreadId,
        to: NodeId,
        history: HistoryChoice,
        hand_over: bool,
    ) -> Result<(), SimError> {
        self.forward_for(thread, to, history, hand_over, 24 * 3600)
    }

    /// Like [`forward`](Self::forward), for so many seconds.
    ///
    /// # Errors
    /// [`SimError`].
    pub fn forward_for(
        &mut self,
        thread: ThreadId,
        to: NodeId,
        history: HistoryChoice,
        hand_over: bool,
        lasts: u64,
    ) -> Result<(), SimError> {
        self.ask_forward(self.acme, thread, to, (history, lasts, hand_over))?;
        self.world.until("the forward", PATIENCE, |world| is_in(world, to, thread))
    }

    /// A member forwards the thread, or asks the steward to; nobody waits for the outcome.
    ///
    /// # Errors
    /// [`SimError`].
    pub fn ask_forward(
        &mut self,
        by: NodeId,
        thread: ThreadId,
        to: NodeId,
        (history, lasts, hand_over): (HistoryChoice, u64, bool),
    ) -> Result<Reply, SimError> {
        let to = Some(self.device(to)?);
        let note = String::new();
        self.world.command(by, Command::Forward { thread, to, history, lasts, hand_over, note })
    }

    /// Writes to the thread.
    ///
    /// # Errors
    /// [`SimError`].
    pub fn say(&mut self, node: NodeId, thread: ThreadId, text: &str) -> Result<(), SimError> {
        self.world.command(node, Command::Send { thread, text: text.to_owned() }).map(|_| ())
    }
}

/// Enrols one more device at an administrator's, by invitation and approval.
///
/// # Errors
/// [`SimError`].
pub fn enrol(
    world: &mut World,
    administrator: NodeId,
    name: &str,
    role: Role,
    settings: Settings,
) -> Result<NodeId, SimError> {
    let node = world.add(Founding::Fresh, name, settings)?;
    let invite = Command::Invite { role, name: name.to_owned(), lasts: 3600 };
    let Reply::Invited { invitation } = world.command(administrator, invite)? else {
        return Err(SimError::Broken("an invitation without an invitation".into()));
    };
    world.command(node, Command::Join { invitation: *invitation })?;
    world.until("the same number on both sides", PATIENCE, |world| {
        number_at(world, node).is_some_and(|number| requests(world, administrator).contains(&number))
    })?;
    let number = number_at(world, node).unwrap_or_default();
    world.command(administrator, Command::Approve { number })?;
    world.until("the enrolment", PATIENCE, |world| {
        told(world, node, |event| matches!(event, Event::Joined { .. }))
    })?;
    let device = world.node(node)?.device();
    world.until("its key packages", PATIENCE, |world| stock(world, administrator, device) > 0)?;
    Ok(node)
}

/// Who a node belongs to.
///
/// # Errors
/// [`SimError`].
pub fn principal(world: &World, node: NodeId) -> Result<PrincipalId, SimError> {
    let Answer::Status(status) = world.query(node, &Query::Status)? else {
        return Err(SimError::Broken("a status that is none".into()));
    };
    status.principal.ok_or(SimError::Down)
}

/// A contact link of an administrator's business that names a node as its reception, where that is now.
///
/// # Errors
/// [`SimError`].
pub fn link(world: &World, administrator: NodeId, reception: NodeId) -> Result<ContactLink, SimError> {
    let addresses = world.node(reception)?.addresses(reception);
    let addresses = addresses.iter().map(|address| address.parse()).collect::<Result<Vec<_>, _>>();
    let addresses = addresses.map_err(|_| SimError::Broken("an address".into()))?;
    let transport = world.node(reception)?.transport();
    let link = ContactLink::new(principal(world, administrator)?, transport, addresses);
    link.map_err(|error| SimError::Broken(error.to_string()))
}

/// Frames that wait in a node's outbox; none at one that is down.
#[must_use]
pub fn outbox(world: &World, node: NodeId) -> usize {
    match world.query(node, &Query::Status) {
        Ok(Answer::Status(status)) => status.outbox,
        _ => 0,
    }
}

/// The name of the first message of a new thread by this node.
#[must_use]
pub fn first_name(world: &World, node: NodeId) -> String {
    let device = world.node(node).map(|node| node.device().fmt_short()).unwrap_or_default();
    format!("{device}.1")
}

/// The numbers of the devices that ask a node to be enrolled.
#[must_use]
pub fn requests(world: &World, node: NodeId) -> Vec<String> {
    match world.query(node, &Query::Requests) {
        Ok(Answer::Requests(requests)) => requests.into_iter().map(|request| request.number).collect(),
        _ => Vec::new(),
    }
}

/// The number that a joining device shows.
#[must_use]
pub fn number_at(world: &World, node: NodeId) -> Option<String> {
    match world.query(node, &Query::Status) {
        Ok(Answer::Status(status)) => status.join_number,
        _ => None,
    }
}

/// Key packages of a device in stock at a node.
#[must_use]
pub fn stock(world: &World, node: NodeId, device: DeviceId) -> usize {
    match world.query(node, &Query::Devices) {
        Ok(Answer::Devices(devices)) => {
            devices.iter().find(|view| view.device == device).map_or(0, |view| view.key_packages)
        }
        _ => 0,
    }
}

/// Whether a node told its owner of such an event.
pub fn told(world: &World, node: NodeId, such: impl Fn(&Event) -> bool) -> bool {
    world.node(node).is_ok_and(|node| node.events.iter().any(such))
}

/// The messages of a thread as a node shows them, notes left out.
#[must_use]
pub fn messages(world: &World, node: NodeId, thread: ThreadId) -> Vec<MessageView> {
    let query = Query::Messages { thread, before: None, limit: 1000 };
    match world.query(node, &query) {
        Ok(Answer::Messages(messages)) => {
            messages.into_iter().filter(|message| message.side != "note").collect()
        }
        _ => Vec::new(),
    }
}

/// The texts of a thread as a node shows them.
#[must_use]
pub fn texts(world: &World, node: NodeId, thread: ThreadId) -> Vec<String> {
    messages(world, node, thread).into_iter().map(|message| message.text).collect()
}

/// The threads that a node knows.
#[must_use]
pub fn threads(world: &World, node: NodeId) -> BTreeSet<ThreadId> {
    match world.query(node, &Query::Threads) {
        Ok(Answer::Threads(threads)) => threads.into_iter().map(|thread| thread.id).collect(),
        _ => BTreeSet::new(),
    }
}

/// Whether a node is in a thread.
#[must_use]
pub fn is_in(world: &World, node: NodeId, thread: ThreadId) -> bool {
    matches!(world.query(node, &Query::Thread(thread)), Ok(Answer::Thread(Some(view)))
        if matches!(view.status, ThreadStatus::Open | ThreadStatus::Closed))
}

/// How a thread stands, as a node knows it.
#[must_use]
pub fn status(world: &World, node: NodeId, thread: ThreadId) -> Option<ThreadStatus> {
    match world.query(node, &Query::Thread(thread)) {
        Ok(Answer::Thread(Some(view))) => Some(view.status),
        _ => None,
    }
}

/// The era of a thread, as a node knows it.
#[must_use]
pub fn era(world: &World, node: NodeId, thread: ThreadId) -> Option<u32> {
    match world.query(node, &Query::Thread(thread)) {
        Ok(Answer::Thread(Some(view))) => Some(view.era),
        _ => None,
    }
}

/// The steward of a thread, as a node knows it.
#[must_use]
pub fn steward(world: &World, node: NodeId, thread: ThreadId) -> Option<DeviceId> {
    match world.query(node, &Query::Thread(thread)) {
        Ok(Answer::Thread(view)) => view?.steward,
        _ => None,
    }
}

/// Who can read a thread, as a node knows it.
#[must_use]
pub fn who(world: &World, node: NodeId, thread: ThreadId) -> Option<WhoView> {
    match world.query(node, &Query::Who(thread)) {
        Ok(Answer::Who(who)) => who,
        _ => None,
    }
}
