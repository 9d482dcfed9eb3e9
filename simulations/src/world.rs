//! The world: nodes, time, and the queue of what happens next.

use crate::{
    Node, NodeId, Sent, Weather,
    lab::{Roads, log},
};
use frontdesk_engine::{
    Action, Answer, Command, CommandError, CommandId, Event, FoundError, Input, Millis, Now, OpenError,
    Query, Reply, Settings, StepError, found_customer, found_entity, found_fresh,
};
use frontdesk_identity::{DeviceKeys, RootKey, TransportKey, UnixTime};
use frontdesk_store::{MemoryStore, Overlay, Store as _, StoreError};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use sha2::{Digest as _, Sha256};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque},
};

/// Where wall clocks begin: 2026-01-01T00:00:00Z.
const EPOCH: u64 = 1_767_225_600;
/// How long it takes until two nodes are connected, in milliseconds.
const HANDSHAKE: u64 = 20;

/// The run can't go on.
#[derive(Debug, thiserror::Error)]
pub enum SimError {
    /// The node is not running.
    #[error("the node is not running")]
    Down,
    /// A home could not be set up.
    #[error(transparent)]
    Found(#[from] FoundError),
    /// An engine could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A step failed.
    #[error(transparent)]
    Step(#[from] StepError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A command was refused.
    #[error("a command was refused: {0}")]
    Command(#[from] CommandError),
    /// Something that had to happen did not, in the time that it had.
    #[error("at {at} ms: did not happen in time: {what}")]
    Late {
        /// The virtual time in milliseconds.
        at: u64,
        /// What was waited for.
        what: String,
    },
    /// A promise was broken.
    #[error("broken: {0}")]
    Broken(String),
}

/// What a node is founded as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Founding {
    /// An entity's administrator.
    Entity,
    /// A customer.
    Customer,
    /// A device that is going to join.
    Fresh,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum What {
    Frame { to: NodeId, from: TransportKey, connection: u64, bytes: Vec<u8> },
    Connect { a: NodeId, b: NodeId },
    Deadline { node: NodeId, at: u64 },
    Start { node: NodeId },
    Call { number: u64 },
}

impl What {
    fn hash_into(&self, at: u64, hash: &mut Sha256) {
        hash.update(at.to_be_bytes());
        let number = |node: NodeId| u64::try_from(node.0).unwrap_or(u64::MAX).to_be_bytes();
        match self {
            Self::Frame { to, from, connection, bytes } => {
                hash.update([1]);
                hash.update(number(*to));
                hash.update(from.as_bytes());
                hash.update(connection.to_be_bytes());
                // HPKE takes its randomness from the system, so bytes differ from run to run where lengths don't.
                hash.update(u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes());
            }
            Self::Connect { a, b } => {
                hash.update([2]);
                hash.update(number(*a));
                hash.update(number(*b));
            }
            Self::Deadline { node, at } => {
                hash.update([3]);
                hash.update(number(*node));
                hash.update(at.to_be_bytes());
            }
            Self::Start { node } => {
                hash.update([4]);
                hash.update(number(*node));
            }
            Self::Call { number } => {
                hash.update([5]);
                hash.update(number.to_be_bytes());
            }
        }
    }
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Scheduled {
    at: u64,
    order: u64,
    what: What,
}

/// Nodes on virtual time.
#[derive(Debug)]
pub struct World {
    seed: u64,
    pub(crate) rng: ChaCha20Rng,
    pub(crate) time: u64,
    /// How far wall clocks are ahead of the time that passed, in seconds.
    pub(crate) ahead: u64,
    order: u64,
    queue: BinaryHeap<Reverse<Scheduled>>,
    pub(crate) nodes: Vec<Node>,
    pub(crate) by_key: BTreeMap<TransportKey, NodeId>,
    pub(crate) connections: BTreeMap<(NodeId, NodeId), u64>,
    pub(crate) wanted: BTreeMap<(NodeId, NodeId), ()>,
    /// Pairs that can't be connected.
    pub(crate) cut: BTreeSet<(NodeId, NodeId)>,
    /// Pairs that one side refuses, until when.
    pub(crate) banned: BTreeMap<(NodeId, NodeId), u64>,
    /// Every frame that was sent, while it is recorded.
    pub(crate) tape: Option<Vec<Sent>>,
    /// Delays of the next frames, in the weather's place.
    pub(crate) script: VecDeque<u64>,
    /// Ways that frames take, in the weather's place.
    pub(crate) roads: Option<Roads>,
    /// What [`World::call`] asked for and is due.
    pub(crate) calls: Vec<u64>,
    /// Nodes that have told their owners something, while that is noted.
    pub(crate) heard: Option<BTreeSet<NodeId>>,
    /// A hash over all that happens, while it is taken.
    pub(crate) trace: Option<Sha256>,
    /// What happens, in words, while somebody wants to read it.
    pub(crate) log: Option<log::Log>,
    /// Frames that were sent, and their bytes.
    pub(crate) traffic: (u64, u64),
    /// What the network does to frames from now on.
    pub weather: Weather,
    commands: u64,
    /// Things that happened so far.
    pub steps: u64,
}

impl World {
    /// An empty world. The same seed and the same calls give the same run.
    #[must_use]
    pub fn new(seed: u64, weather: Weather) -> Self {
        Self {
            seed,
            rng: ChaCha20Rng::seed_from_u64(seed),
            time: 0,
            ahead: 0,
            order: 0,
            queue: BinaryHeap::new(),
            nodes: Vec::new(),
            by_key: BTreeMap::new(),
            connections: BTreeMap::new(),
            wanted: BTreeMap::new(),
            cut: BTreeSet::new(),
            banned: BTreeMap::new(),
            tape: None,
            script: VecDeque::new(),
            roads: None,
            calls: Vec::new(),
            heard: None,
            trace: None,
            log: None,
            traffic: (0, 0),
            weather,
            commands: 0,
            steps: 0,
        }
    }

    /// The clocks of all nodes.
    #[must_use]
    pub const fn now(&self) -> Now {
        Now { mono: Millis(self.time), wall: UnixTime(EPOCH + self.ahead + self.time / 1000) }
    }

    /// Adds a node and starts it.
    ///
    /// # Errors
    /// [`SimError`].
    pub fn add(&mut self, founding: Founding, name: &str, settings: Settings) -> Result<NodeId, SimError> {
        let keys = DeviceKeys::generate(&mut self.rng);
        let root = RootKey::generate(&mut self.rng);
        let store = MemoryStore::new();
        let overlay = Overlay::new(&store);
        let now = self.now().wall;
        match founding {
            Founding::Entity => found_entity(&overlay, &keys, &root, name, now, &mut self.rng)?,
            Founding::Customer => found_customer(&overlay, &keys, &root, name, now, &mut self.rng)?,
            Founding::Fresh => found_fresh(&overlay, &keys, name, now, &mut self.rng)?,
        }
        store.commit(&overlay.into_batch())?;
        store.flush()?;
        let id = NodeId(self.nodes.len());
        self.by_key.insert(keys.transport_public(), id);
        self.nodes.push(Node::new(keys, settings, store));
        self.start(id)?;
        Ok(id)
    }

    /// A node.
    ///
    /// # Errors
    /// [`SimError::Down`] if there is no such node.
    pub fn node(&self, id: NodeId) -> Result<&Node, SimError> {
        self.nodes.get(id.0).ok_or(SimError::Down)
    }

    pub(crate) fn node_mut(&mut self, id: NodeId) -> Result<&mut Node, SimError> {
        self.nodes.get_mut(id.0).ok_or(SimError::Down)
    }

    pub(crate) fn start(&mut self, id: NodeId) -> Result<(), SimError> {
        self.note(id, None, || "starts".into());
        let (now, seed) = (self.now(), self.seed);
        let actions = self.node_mut(id)?.start(now, seed)?;
        self.run(id, actions)?;
        self.feed(id, Input::Addresses(vec![format!("/memory/{}", self.node(id)?.place.unwrap_or(id.0))]))
    }

    /// Moves a node to another address.
    ///
    /// # Errors
    /// [`SimError`].
    pub fn relocate(&mut self, id: NodeId, place: usize) -> Result<(), SimError> {
        self.note(id, None, || "moves to another address".into());
        self.node_mut(id)?.place = Some(place);
        self.feed(id, Input::Addresses(vec![format!("/memory/{place}")]))
    }

    /// Kills a node: what it had not flushed is lost, its connections break. It starts again after `pause` milliseconds.
    ///
    /// # Errors
    /// [`SimError`].
    pub fn crash(&mut self, id: NodeId, pause: u64) -> Result<(), SimError> {
        self.stop(id)?;
        self.schedule(pause, What::Start { node: id });
        Ok(())
    }

    /// Kills a node for good.
    ///
    /// # Errors
    /// [`SimError`].
    pub fn stop(&mut self, id: NodeId) -> Result<(), SimError> {
        self.note(id, None, || "stops; what was not flushed is lost".into());
        self.node_mut(id)?.crash();
        let broken: Vec<(NodeId, NodeId)> =
            self.connections.keys().filter(|(a, b)| *a == id || *b == id).copied().collect();
        for (a, b) in broken {
            self.disconnect(a, b)?;
        }
        Ok(())
    }

    /// Breaks a connection. Who wants it tries again after a second.
    pub(crate) fn disconnect(&mut self, a: NodeId, b: NodeId) -> Result<(), SimError> {
        if self.connections.remove(&pair(a, b)).is_none() {
            return Ok(());
        }
        self.note(a, Some(b), || "connection breaks".into());
        for (side, other) in [(a, b), (b, a)] {
            let peer = self.node(other)?.transport();
            self.feed(side, Input::PeerDown(peer))?;
            if self.wanted.contains_key(&(side, other)) {
                self.schedule(1000, What::Connect { a: side, b: other });
            }
        }
        Ok(())
    }

    /// Gives a node a command, and its answer.
    ///
    /// # Errors
    /// [`SimError`], refused commands among them.
    pub fn command(&mut self, id: NodeId, command: Command) -> Result<Reply, SimError> {
        self.commands += 1;
        let wanted = CommandId(self.commands);
        self.note(id, None, || format!("is told: {}", log::command_in_words(&command)));
        self.feed(id, Input::Command { id: wanted, command })?;
        let done = self.node_mut(id)?.events.iter().rev().find_map(|event| {
            let Event::CommandDone { id, result } = event else { return None };
            (*id == wanted).then(|| result.clone())
        });
        // Without an answer the disk failed the step: the caller hears that nothing was done.
        let done = done.unwrap_or_else(|| Err(CommandError::Storage("the disk failed".into())));
        if let Err(error) = &done {
            self.note(id, None, || format!("answers: {error}"));
        }
        Ok(done?)
    }

    /// Asks a node about its state.
    ///
    /// # Errors
    /// [`SimError`].
    pub fn query(&self, id: NodeId, query: &Query) -> Result<Answer, SimError> {
        self.node(id)?.query(self.now(), query)
    }

    /// Lets time pass until `done`, or until `patience` milliseconds are over.
    ///
    /// # Errors
    /// [`SimError::Late`] with `what`, and the errors of what happens.
    pub fn until(
        &mut self,
        what: &str,
        patience: u64,
        mut done: impl FnMut(&Self) -> bool,
    ) -> Result<(), SimError> {
        let end = self.time + patience;
        while !done(self) {
            if !self.happen(end)? {
                return Err(SimError::Late { at: self.time, what: what.to_owned() });
            }
        }
        Ok(())
    }

    /// Like [`until`](Self::until), and looks only each tenth of a second whether it is done: for what takes long to see.
    ///
    /// # Errors
    /// [`SimError::Late`] with `what`, and the errors of what happens.
    pub fn until_about(
        &mut self,
        what: &str,
        patience: u64,
        mut done: impl FnMut(&Self) -> bool,
    ) -> Result<(), SimError> {
        let end = self.time + patience;
        while !done(self) {
            if self.time >= end {
                return Err(SimError::Late { at: self.time, what: what.to_owned() });
            }
            self.pass(100)?;
        }
        Ok(())
    }

    /// Lets time pass.
    ///
    /// # Errors
    /// The errors of what happens.
    pub fn pass(&mut self, time: u64) -> Result<(), SimError> {
        let end = self.time + time;
        while self.happen(end)? {}
        self.time = end;
        Ok(())
    }

    /// Puts `number` into `calls` after so many milliseconds.
    pub(crate) fn call(&mut self, wait: u64, number: u64) {
        self.schedule(wait, What::Call { number });
    }

    /// The next thing happens, if it is due by `end`.
    pub(crate) fn happen(&mut self, end: u64) -> Result<bool, SimError> {
        let due = self.queue.peek().is_some_and(|Reverse(next)| next.at <= end);
        if !due {
            return Ok(false);
        }
        let Some(Reverse(next)) = self.queue.pop() else { return Ok(false) };
        self.time = self.time.max(next.at);
        self.steps += 1;
        if let Some(trace) = &mut self.trace {
            next.what.hash_into(next.at, trace);
        }
        match next.what {
            What::Frame { to, from, connection, bytes } => {
                let sender = self.by_key.get(&from).copied().ok_or(SimError::Down)?;
                if self.connections.get(&pair(to, sender)) == Some(&connection) {
                    self.feed(to, Input::Frame { from, bytes })?;
                }
            }
            What::Connect { a, b } => self.connect(a, b)?,
            What::Deadline { node, at } => {
                if self.node(node)?.armed == Some(Millis(at)) {
                    self.node_mut(node)?.armed = None;
                    self.feed(node, Input::Deadline)?;
                }
            }
            What::Start { node } => self.start(node)?,
            What::Call { number } => self.calls.push(number),
        }
        Ok(true)
    }

    pub(crate) fn connect(&mut self, a: NodeId, b: NodeId) -> Result<(), SimError> {
        if self.connections.contains_key(&pair(a, b)) || !self.node(a)?.is_up() {
            return Ok(());
        }
        let refused = self.banned.get(&pair(a, b)).is_some_and(|until| self.time < *until);
        if !self.node(b)?.is_up() || refused || self.cut.contains(&pair(a, b)) {
            if self.wanted.contains_key(&(a, b)) {
                self.schedule(1000, What::Connect { a, b });
            }
            return Ok(());
        }
        self.note(a, Some(b), || "connects".into());
        self.order += 1;
        self.connections.insert(pair(a, b), self.order);
        let (key_a, key_b) = (self.node(a)?.transport(), self.node(b)?.transport());
        self.feed(a, Input::PeerUp(key_b))?;
        self.feed(b, Input::PeerUp(key_a))
    }

    pub(crate) fn feed(&mut self, id: NodeId, input: Input) -> Result<(), SimError> {
        if let (Some(inbox), Input::Frame { from, bytes }) = (&mut self.node_mut(id)?.rogue, &input) {
            inbox.push((*from, bytes.clone()));
            return Ok(());
        }
        let now = self.now();
        let told = self.node(id)?.events.len();
        let actions = self.node_mut(id)?.input(now, input)?;
        self.note_events(id, told);
        if let Some(heard) = &mut self.heard {
            heard.insert(id);
        }
        if std::mem::take(&mut self.node_mut(id)?.dark) {
            return self.crash(id, 700);
        }
        self.run(id, actions)
    }

    fn run(&mut self, id: NodeId, actions: Vec<Action>) -> Result<(), SimError> {
        for action in actions {
            match action {
                Action::Send { to, frame } => self.send(id, to, &frame)?,
                Action::Dial { peer, .. } => {
                    if let Some(other) = self.by_key.get(&peer).copied() {
                        self.wanted.insert((id, other), ());
                        self.schedule(HANDSHAKE, What::Connect { a: id, b: other });
                    }
                }
                Action::Forget(peer) => {
                    if let Some(other) = self.by_key.get(&peer).copied() {
                        self.wanted.remove(&(id, other));
                    }
                }
                Action::Disconnect { peer, ban } => self.ban(id, peer, ban)?,
            }
        }
        let deadline = self.node(id)?.deadline();
        if let Some(at) = deadline
            && self.node(id)?.armed.is_none_or(|armed| at < armed)
        {
            self.node_mut(id)?.armed = Some(at);
            let wait = at.0.saturating_sub(self.time);
            self.schedule(wait, What::Deadline { node: id, at: at.0 });
        }
        Ok(())
    }

    /// Honest nodes give each other no reason to break a connection.
    fn ban(&mut self, id: NodeId, peer: TransportKey, ban: u64) -> Result<(), SimError> {
        let other = self.by_key.get(&peer).copied().ok_or(SimError::Down)?;
        if self.node(other)?.rogue.is_none() {
            return Err(SimError::Broken("a peer broke the protocol".into()));
        }
        self.banned.insert(pair(id, other), self.time + ban);
        self.disconnect(id, other)
    }

    fn send(&mut self, from: NodeId, to: TransportKey, frame: &[u8]) -> Result<(), SimError> {
        let Some(to) = self.by_key.get(&to).copied() else { return Ok(()) };
        let Some(connection) = self.connections.get(&pair(from, to)).copied() else { return Ok(()) };
        let key = self.node(from)?.transport();
        self.traffic.0 += 1;
        self.traffic.1 += u64::try_from(frame.len()).unwrap_or(u64::MAX);
        if let Some(tape) = &mut self.tape {
            tape.push(Sent { at: self.time, from, to, frame: frame.to_vec() });
        }
        let arrivals = match (self.script.pop_front(), &mut self.roads) {
            (Some(delay), _) => vec![delay],
            (None, Some(roads)) => roads.arrivals((from, to), self.time, frame.len(), &mut self.rng),
            (None, None) => self.weather.arrivals(&mut self.rng),
        };
        self.note(from, Some(to), || {
            format!("sends {}; {}", log::frame_in_words(frame), log::arrivals_in_words(&arrivals))
        });
        for delay in arrivals {
            let what = What::Frame { to, from: key, connection, bytes: frame.to_vec() };
            self.schedule(delay, what);
        }
        Ok(())
    }

    fn schedule(&mut self, wait: u64, what: What) {
        self.order += 1;
        self.queue.push(Reverse(Scheduled { at: self.time + wait, order: self.order, what }));
    }
}

pub(crate) fn pair(a: NodeId, b: NodeId) -> (NodeId, NodeId) {
    if a < b { (a, b) } else { (b, a) }
}
