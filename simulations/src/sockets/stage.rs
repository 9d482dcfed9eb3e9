//! The stage: a business whose agents are enrolled, and customers, all at their nodes.

use super::{
    clock::Clock,
    ledger::{Ledger, STEWARD},
    node::Node,
    plan::Plan,
};
use crate::{NodeId, SimError};
use frontdesk_engine::{
    Answer, Command, Query, Reply, Settings, Standing, ThreadStatus, found_customer, found_entity,
    found_fresh,
};
use frontdesk_identity::{ContactLink, DeviceKeys, Role, RootKey, ThreadId};
use frontdesk_store::{MemoryStore, Overlay, Store as _};
use frontdesk_thread::Suite;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};
use std::{
    sync::{Arc, Mutex, PoisonError, atomic::AtomicU64},
    time::Duration,
};

/// How long anything of the set-up may take.
const PATIENCE: u64 = 60_000;
/// Between two looks at something that is waited for.
const LOOK: Duration = Duration::from_millis(20);

/// All nodes of a run.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) clock: Clock,
    pub(super) ledger: Arc<Ledger>,
    nodes: Vec<Arc<Node>>,
    agents: usize,
    bots: usize,
    /// For the engines, a fresh seed each life.
    seeds: Mutex<ChaCha20Rng>,
}

impl Stage {
    /// Founds all nodes and starts them; the administrator is the first, agents follow.
    pub(super) async fn build(plan: &Plan) -> Result<Self, SimError> {
        let clock = Clock::start();
        let mut rng = ChaCha20Rng::seed_from_u64(plan.seed);
        let keys: Vec<DeviceKeys> = (0..plan.nodes()).map(|_| DeviceKeys::generate(&mut rng)).collect();
        let names = keys.iter().map(|keys| (keys.id(), keys.transport_public()));
        let ledger = Arc::new(Ledger::new(names, plan.agents.saturating_add(plan.bots)));
        let commands = Arc::new(AtomicU64::new(0));
        let settings =
            Settings { suite: Suite::Classic, key_packages: 8, introduce: false, ..Settings::default() };
        let mut nodes = Vec::new();
        for (number, keys) in keys.into_iter().enumerate() {
            let store = found((number, plan.agents.saturating_add(plan.bots)), &keys, clock, &mut rng)?;
            let node = (NodeId(number), keys, settings);
            nodes.push(Arc::new(Node::new(node, store, Arc::clone(&ledger), clock, Arc::clone(&commands))));
        }
        let stage =
            Self { clock, ledger, nodes, agents: plan.agents, bots: plan.bots, seeds: Mutex::new(rng) };
        for node in &stage.nodes {
            stage.start(node).await?;
        }
        Ok(stage)
    }

    pub(super) fn nodes(&self) -> &[Arc<Node>] {
        &self.nodes
    }

    pub(super) fn node(&self, id: NodeId) -> Result<&Arc<Node>, SimError> {
        self.nodes.get(id.0).ok_or(SimError::Down)
    }

    pub(super) fn agents(&self) -> impl Iterator<Item = NodeId> + use<> {
        (1..=self.agents).map(NodeId)
    }

    pub(super) fn bots(&self) -> impl Iterator<Item = NodeId> + use<> {
        let first = self.agents.saturating_add(1);
        (first..first.saturating_add(self.bots)).map(NodeId)
    }

    pub(super) fn customers(&self) -> impl Iterator<Item = NodeId> + use<> {
        (self.agents.saturating_add(self.bots).saturating_add(1)..self.nodes.len()).map(NodeId)
    }

    pub(super) async fn start(&self, node: &Node) -> Result<(), SimError> {
        let mut seed = [0; 32];
        self.seeds.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(&mut seed);
        node.start(seed).await
    }

    /// Enrols an agent's device, or a bot's, by invitation and approval.
    pub(super) async fn enrol(&self, agent: NodeId) -> Result<(), SimError> {
        let (administrator, node) = (self.node(STEWARD)?, self.node(agent)?);
        let (role, standing) =
            if agent.0 > self.agents { (Role::Bot, Standing::Bot) } else { (Role::Agent, Standing::Agent) };
        let invite = Command::Invite { role, name: format!("{role:?} {}", agent.0), lasts: 3600 };
        let Reply::Invited { invitation } = administrator.command(invite).await? else {
            return Err(SimError::Broken("an invitation without an invitation".into()));
        };
        node.command(Command::Join { invitation: *invitation }).await?;
        self.until("the same number on both sides", async || {
            let number = node.status().await?.join_number;
            let Answer::Requests(requests) = administrator.query(Query::Requests).await? else {
                return Ok(false);
            };
            let Some(number) = number.filter(|number| requests.iter().any(|asks| asks.number == *number))
            else {
                return Ok(false);
            };
            administrator.command(Command::Approve { number }).await?;
            Ok(true)
        })
        .await?;
        self.until("the enrolment", async || Ok(node.status().await?.standing == standing)).await?;
        let device = node.keys.id();
        self.until("its key packages", async || {
            let Answer::Devices(devices) = administrator.query(Query::Devices).await? else {
                return Ok(false);
            };
            Ok(devices.iter().any(|view| view.device == device && view.key_packages > 0))
        })
        .await
    }

    /// The customer contacts the business by its link, and the administrator forwards the thread to an agent.
    pub(super) async fn open(&self, customer: NodeId, agent: NodeId) -> Result<ThreadId, SimError> {
        let text = self.text("hello");
        let contact = Command::Contact { link: self.link().await?, text };
        let Reply::Opened { thread } = self.node(customer)?.command(contact).await? else {
            return Err(SimError::Broken("a contact without a thread".into()));
        };
        self.until_in(customer, thread).await?;
        self.until_in(STEWARD, thread).await?;
        self.forward(STEWARD, thread, agent, false).await?;
        self.until_in(agent, thread).await?;
        Ok(thread)
    }

    async fn link(&self) -> Result<ContactLink, SimError> {
        let administrator = self.node(STEWARD)?;
        let status = administrator.status().await?;
        let principal = status.principal.ok_or(SimError::Down)?;
        let parsed = status.addresses.iter().map(|address| address.parse()).collect::<Result<Vec<_>, _>>();
        let addresses = parsed.map_err(|_| SimError::Broken("an address".into()))?;
        let link = ContactLink::new(principal, administrator.keys.transport_public(), addresses);
        link.map_err(|error| SimError::Broken(error.to_string()))
    }

    /// Brings an agent into a thread with all of its past, or asks the administrator's node to.
    pub(super) async fn forward(
        &self,
        by: NodeId,
        thread: ThreadId,
        to: NodeId,
        hand_over: bool,
    ) -> Result<(), SimError> {
        let to = Some(self.node(to)?.keys.id());
        let (history, lasts) = (frontdesk_engine::HistoryChoice::All, 24 * 3600);
        let forward = Command::Forward { thread, to, history, lasts, hand_over, note: String::new() };
        self.node(by)?.command(forward).await.map(|_| ())
    }

    /// The administrator takes an agent out of a thread.
    pub(super) async fn revoke(&self, thread: ThreadId, from: NodeId) -> Result<(), SimError> {
        let from = self.node(from)?.keys.id();
        self.node(STEWARD)?.command(Command::Revoke { thread, from }).await.map(|_| ())
    }

    /// A new text, with its number.
    pub(super) fn text(&self, words: &str) -> String {
        let number = self.ledger.book().next_text();
        crate::lab::truth::text(number, words)
    }

    /// Whether a node is in a thread; it isn't, as long as it doesn't run.
    pub(super) async fn is_in(&self, node: NodeId, thread: ThreadId) -> bool {
        let Ok(node) = self.node(node) else { return false };
        matches!(node.query(Query::Thread(thread)).await, Ok(Answer::Thread(Some(view)))
            if matches!(view.status, ThreadStatus::Open | ThreadStatus::Closed))
    }

    async fn until_in(&self, node: NodeId, thread: ThreadId) -> Result<(), SimError> {
        let end = self.clock.millis().saturating_add(PATIENCE);
        while !self.is_in(node, thread).await {
            self.look_again(end, &format!("node {} in a thread", node.0)).await?;
        }
        Ok(())
    }

    /// Waits until something is so.
    async fn until(
        &self,
        what: &str,
        mut done: impl AsyncFnMut() -> Result<bool, SimError>,
    ) -> Result<(), SimError> {
        let end = self.clock.millis().saturating_add(PATIENCE);
        while !done().await? {
            self.look_again(end, what).await?;
        }
        Ok(())
    }

    async fn look_again(&self, end: u64, what: &str) -> Result<(), SimError> {
        if self.clock.millis() >= end {
            return Err(SimError::Late { at: self.clock.millis(), what: what.to_owned() });
        }
        tokio::time::sleep(LOOK).await;
        Ok(())
    }

    /// Stops all nodes.
    pub(super) async fn clear(&self) {
        let stops: Vec<_> =
            self.nodes.iter().cloned().map(|node| tokio::spawn(async move { node.stop().await })).collect();
        for stop in stops {
            let _ = stop.await;
        }
    }
}

/// A home for the node of this number: of the administrator, of an agent, or of a customer.
fn found(
    (number, agents): (usize, usize),
    keys: &DeviceKeys,
    clock: Clock,
    rng: &mut ChaCha20Rng,
) -> Result<MemoryStore, SimError> {
    let (store, root, now) = (MemoryStore::new(), RootKey::generate(rng), clock.now().wall);
    let overlay = Overlay::new(&store);
    if number == STEWARD.0 {
        found_entity(&overlay, keys, &root, "Acme", now, rng)?;
    } else if number <= agents {
        found_fresh(&overlay, keys, &format!("Agent {number}"), now, rng)?;
    } else {
        found_customer(&overlay, keys, &root, &format!("Customer {number}"), now, rng)?;
    }
    store.commit(&overlay.into_batch())?;
    store.flush()?;
    Ok(store)
}
