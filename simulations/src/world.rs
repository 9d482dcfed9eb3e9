//! The world: nodes, time, and the queue of what happens next.

use crate::{
    Fare, Node, NodeId, Sent, Weather,
    lab::{Roads, log},
    queue::{Scheduled, What},
    waiting::Waiting,
    wires::Wires,
};
use frontdesk_engine::{
    Action, Answer, Command, CommandError, CommandId, Event, FoundError, Input, Millis, Now, OpenError,
    Query, Reply, Settings, StepError, found_customer, found_entity, found_fresh,
};
use frontdesk_identity::{DeviceKeys, RootKey, TransportKey, UnixTime};
use frontdesk_store::{MemoryStore, Overlay, Store as _, StoreError};
use frontdesk_wire::Frame;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use sha2::Sha256;
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

/// Nodes on virtual time.
#[derive(Debug)]
pub struct World {
    seed: u64,
    pub(crate) rng: ChaCha20Rng,
    pub(crate) time: u64,
    /// How far wall clocks are ahead of the time that passed, in seconds.
    pub(crate) ahead: u64,
    order: u64,
    pub(crate) queue: BinaryHeap<Reverse<Scheduled>>,
    pub(crate) nodes: Vec<Node>,
    pub(crate) by_key: BTreeMap<TransportKey, NodeId>,
    pub(crate) wires: Wires,
    /// Every frame that was sent, while it is recorded.
    pub(crate) tape: Option<Vec<Sent>>,
    /// How the next frames fare, in the weather's place.
    pub(crate) script: VecDeque<Fare>,
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
    /// Frames that nodes should have sent, and withheld.
    pub(crate) withheld: u64,
    /// Which honest nodes shut out which others, while that is noted.
    pub(crate) quarrels: Option<Vec<(NodeId, NodeId)>>,
    /// Times that a peer was shut out for breaking the protocol.
    pub(crate) bans: u64,
    /// Frames that wait at nodes.
    pub(crate) waiting: Waiting,
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
            wires: Wires::default(),
            tape: None,
            script: VecDeque::new(),
            roads: None,
            calls: Vec::new(),
            heard: None,
            trace: None,
            log: None,
            traffic: (0, 0),
            weather,
            withheld: 0,
            quarrels: None,
            bans: 0,
            waiting: Waiting::default(),
            commands: 0,
            steps: 0,
        }
    }

    /// The true time.
    #[must_use]
    pub const fn now(&self) -> Now {
        Now { mono: Millis(self.time), wall: UnixTime(EPOCH + self.ahead + self.time / 1000) }
    }

    /// The time by a node's own clocks.
    pub(crate) fn clock_of(&self, id: NodeId) -> Now {
        let Now { mono, wall } = self.now();
        let off = self.node(id).map_or(0, |node| node.clock.off(self.time));
        Now { mono, wall: UnixTime(wall.0.saturating_add_signed(off)) }
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
        if self.node(id)?.gone {
            return Ok(());
        }
        self.note(id, None, || "starts".into());
        let (now, seed) = (self.clock_of(id), self.seed);
        let told = self.node(id)?.events.len();
        let before = self.node(id)?.waiting;
        let actions = self.node_mut(id)?.start(now, seed)?;
        self.waiting.change(before, self.node(id)?.waiting);
        self.note_events(id, told);
        self.run(id, actions)?;
        self.invite_all(id);
        self.feed(id, Input::Addresses(self.node(id)?.addresses(id)))
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

    /// Gives a node a command, and its answer.
    ///
    /// # Errors
    /// [`SimError`], refused commands among them.
    pub fn command(&mut self, id: NodeId, command: Command) -> Result<Reply, SimError> {
        let mut answers = self.commands(id, vec![command])?;
        Ok(answers.pop().ok_or_else(|| SimError::Broken("a command without an answer".into()))??)
    }

    /// Gives a node commands that come at once: it takes them in one step. Answers each, in their order.
    ///
    /// # Errors
    /// [`SimError`].
    pub fn commands(
        &mut self,
        id: NodeId,
        commands: Vec<Command>,
    ) -> Result<Vec<Result<Reply, CommandError>>, SimError> {
        let (faults, lives) = self.node(id).map(|node| (node.faults, node.lives()))?;
        let mut wanted = Vec::new();
        let mut inputs = Vec::new();
        for command in commands {
            self.commands += 1;
            wanted.push(CommandId(self.commands));
            self.note(id, None, || format!("is told: {}", log::command_in_words(&command)));
            inputs.push(Input::Command { id: CommandId(self.commands), command });
        }
        self.feed_all(id, inputs)?;
        let node = self.node(id)?;
        let failed = !node.is_up() || node.is_stalled() || (node.faults, node.lives()) != (faults, lives);
        let answer = |wanted: CommandId| {
            let done = node.events.iter().rev().find_map(|event| {
                let Event::CommandDone { id, result } = event else { return None };
                (*id == wanted).then(|| result.clone())
            });
            // Without an answer the disk failed the step: the caller hears that nothing was done.
            match done {
                None if failed => Ok(Err(CommandError::Storage("the disk failed".into()))),
                None => Err(SimError::Broken("a command without an answer".into())),
                Some(done) => Ok(done),
            }
        };
        let answers: Vec<_> = wanted.into_iter().map(answer).collect::<Result<_, _>>()?;
        for error in answers.iter().filter_map(|answer| answer.as_ref().err()) {
            let error = error.to_string();
            self.note(id, None, || format!("answers: {error}"));
        }
        Ok(answers)
    }

    /// Asks a node about its state.
    ///
    /// # Errors
    /// [`SimError`].
    pub fn query(&self, id: NodeId, query: &Query) -> Result<Answer, SimError> {
        self.node(id)?.query(self.clock_of(id), query)
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
        self.occur(next.what)?;
        Ok(true)
    }

    pub(crate) fn occur(&mut self, what: What) -> Result<(), SimError> {
        match what {
            What::Frame { to, from, connection, bytes } => {
                let sender = self.by_key.get(&from).copied().ok_or(SimError::Down)?;
                if self.wires.silent.is_between(sender, to) {
                    self.wires.silent.hold(sender, to, What::Frame { to, from, connection, bytes });
                } else if self.wires.number(to, sender) == Some(connection) {
                    self.feed(to, Input::Frame { from, bytes })?;
                } else {
                    self.reset(sender, to, connection)?;
                }
            }
            What::Connect { a, b } => self.dial(a, b)?,
            What::Deadline { node, at } => {
                if self.node(node)?.armed == Some(Millis(at)) {
                    self.node_mut(node)?.armed = None;
                    self.feed(node, Input::Deadline)?;
                }
            }
            What::Start { node } => {
                if !self.node(node)?.is_up() {
                    self.start(node)?;
                }
            }
            What::Call { number } => self.calls.push(number),
            What::Ping { side, other, connection } => self.ping(side, other, connection)?,
        }
        Ok(())
    }

    pub(crate) fn feed(&mut self, id: NodeId, input: Input) -> Result<(), SimError> {
        if let (Some(inbox), Input::Frame { from, bytes }) = (&mut self.node_mut(id)?.rogue, &input) {
            inbox.push((*from, bytes.clone()));
            return Ok(());
        }
        self.feed_all(id, vec![input])
    }

    fn feed_all(&mut self, id: NodeId, inputs: Vec<Input>) -> Result<(), SimError> {
        let now = self.clock_of(id);
        let told = self.node(id)?.events.len();
        let before = self.node(id)?.waiting;
        let actions = self.node_mut(id)?.inputs(now, inputs)?;
        self.waiting.change(before, self.node(id)?.waiting);
        self.note_events(id, told);
        if let Some(heard) = &mut self.heard {
            heard.insert(id);
        }
        if std::mem::take(&mut self.node_mut(id)?.dark) {
            self.go_dark(id)?;
            self.schedule(700, What::Start { node: id });
            return Ok(());
        }
        self.run(id, actions)
    }

    fn run(&mut self, id: NodeId, actions: Vec<Action>) -> Result<(), SimError> {
        for action in actions {
            match action {
                Action::Send { to, frame } => self.send(id, to, &frame)?,
                Action::Dial { peer, addresses } => {
                    if let Some(other) = self.by_key.get(&peer).copied() {
                        self.wires.want(id, other, addresses);
                        self.schedule(HANDSHAKE, What::Connect { a: id, b: other });
                    }
                }
                Action::Forget(peer) => {
                    if let Some(other) = self.by_key.get(&peer).copied() {
                        self.wires.forget(id, other);
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

    fn send(&mut self, from: NodeId, to: TransportKey, frame: &[u8]) -> Result<(), SimError> {
        let Some(to) = self.by_key.get(&to).copied() else { return Ok(()) };
        let Some(connection) = self.wires.number(from, to) else { return Ok(()) };
        let key = self.node(from)?.transport();
        if self.node(from)?.withholds.contains(&to) && matches!(Frame::decode(frame), Ok(Frame::Data(_))) {
            self.note(from, Some(to), || format!("withholds {}", log::frame_in_words(frame)));
            self.withheld += 1;
            return Ok(());
        }
        self.traffic.0 += 1;
        self.traffic.1 += u64::try_from(frame.len()).unwrap_or(u64::MAX);
        if let Some(tape) = &mut self.tape {
            tape.push(Sent { at: self.time, from, to, frame: frame.to_vec() });
        }
        let arrivals = match (self.script.pop_front(), &mut self.roads) {
            (Some(fare), _) => fare.arrivals(),
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

    pub(crate) fn schedule(&mut self, wait: u64, what: What) {
        let order = self.next_order();
        self.queue.push(Reverse(Scheduled { at: self.time.saturating_add(wait), order, what }));
    }

    pub(crate) const fn next_order(&mut self) -> u64 {
        self.order += 1;
        self.order
    }
}
