//! A node without an engine: it keeps no rule but its own, and speaks the protocol by hand.

mod links;

use crate::{Node, NodeId, SimError, World};
use frontdesk_capability::{Abilities, ChainBytes, History, Revocations, Scope, Terms};
use frontdesk_engine::{Answer, Query, Settings};
use frontdesk_identity::{
    AddressRecord, DeviceId, DeviceKeys, DeviceRecord, PrincipalId, SignedAddressRecord, ThreadId,
    TransportKey, UnixTime,
};
use frontdesk_store::{MemoryStore, Overlay, Reader as _, Scan, Store as _};
use frontdesk_thread::{ChangeRequest, Committed, Ctx, KeyPackageBytes, Mls, Suite, Thread, new_key_package};
use frontdesk_wire::{
    Ack, Body, Bundle, Content, Data, Frame, Hello, Incarnation, LinkSeq, Reason, ThreadMessage,
};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};
use serde_bytes::ByteBuf;
use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
};

/// What became of a frame that an adversary sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Acted on.
    Delivered,
    /// Kept for later.
    Stored,
    /// Refused.
    Refused(Reason),
    /// Not even acknowledged.
    Ignored,
}

/// A node without an engine, with the keys of a stranger or of a device that it took over.
#[derive(Debug)]
pub struct Adversary {
    /// Its place in the world.
    pub node: NodeId,
    /// The keys that it has.
    pub keys: DeviceKeys,
    /// The record that it shows.
    pub record: DeviceRecord,
    /// The grant of the device that it took over.
    pub chain: Option<ChainBytes>,
    /// Its randomness.
    pub rng: ChaCha20Rng,
    /// The cryptography of MLS.
    pub mls: Mls,
    /// The disk of the device that it took over.
    pub store: MemoryStore,
    life: Incarnation,
    /// The lives of others, by their greetings.
    lives: BTreeMap<NodeId, Incarnation>,
    sent: BTreeMap<NodeId, LinkSeq>,
    /// The connections over which it has greeted.
    greeted: BTreeMap<NodeId, u64>,
    acks: BTreeMap<NodeId, Ack>,
    /// What was refused, and why. An acknowledgement names the latest refusals only.
    refusals: BTreeMap<(NodeId, LinkSeq), Reason>,
    heard: BTreeMap<NodeId, BTreeMap<LinkSeq, Vec<u8>>>,
}

impl Adversary {
    /// A stranger that says it is a device of `principal`.
    ///
    /// # Errors
    /// [`SimError`].
    pub fn stranger(world: &mut World, principal: PrincipalId) -> Result<Self, SimError> {
        let keys = DeviceKeys::generate(&mut world.rng);
        let node = NodeId(world.nodes.len());
        world.by_key.insert(keys.transport_public(), node);
        world.nodes.push(Node::new(keys.clone(), Settings::default(), MemoryStore::new()));
        Self::new(world, node, keys, principal, MemoryStore::new(), None)
    }

    /// Takes a node over, with its keys, its grant, and all that is on its disk.
    ///
    /// # Errors
    /// [`SimError`].
    pub fn take_over(world: &mut World, node: NodeId) -> Result<Self, SimError> {
        let store = world.copy_of(node)?;
        Self::take_over_with(world, node, store)
    }

    /// Takes a node over, with a copy of its disk from an earlier time.
    ///
    /// # Errors
    /// [`SimError`].
    pub fn take_over_with(world: &mut World, node: NodeId, store: MemoryStore) -> Result<Self, SimError> {
        let Answer::Status(status) = world.query(node, &Query::Status)? else {
            return Err(SimError::Broken("a status that is none".into()));
        };
        let chain = world.node(node)?.engine().and_then(|engine| engine.own_grant().cloned());
        let principal = status.principal.ok_or(SimError::Down)?;
        world.stop(node)?;
        let keys = world.node(node)?.keys.clone();
        Self::new(world, node, keys, principal, store, chain)
    }

    fn new(
        world: &mut World,
        node: NodeId,
        keys: DeviceKeys,
        principal: PrincipalId,
        store: MemoryStore,
        chain: Option<ChainBytes>,
    ) -> Result<Self, SimError> {
        world.node_mut(node)?.rogue = Some(Vec::new());
        let record = DeviceRecord::sign(&keys, principal, world.now().wall);
        let record = record.verify().map_err(|error| broken(&error))?;
        let mut rng = ChaCha20Rng::seed_from_u64(world.rng.next_u64());
        let mut life = [0; 8];
        rng.fill_bytes(&mut life);
        Ok(Self {
            node,
            keys,
            record,
            chain,
            rng,
            mls: Mls::new(),
            store,
            life: Incarnation::from_bytes(life),
            lives: BTreeMap::new(),
            sent: BTreeMap::new(),
            greeted: BTreeMap::new(),
            acks: BTreeMap::new(),
            refusals: BTreeMap::new(),
            heard: BTreeMap::new(),
        })
    }

    /// The transport key that it shows.
    #[must_use]
    pub fn transport(&self) -> TransportKey {
        self.keys.transport_public()
    }

    /// An address record of its own.
    ///
    /// # Errors
    /// [`SimError`].
    pub fn address(&self, now: UnixTime) -> Result<SignedAddressRecord, SimError> {
        self.address_numbered(now.0, now)
    }

    /// An address record of its own with this number.
    ///
    /// # Errors
    /// [`SimError`].
    pub fn address_numbered(&self, number: u64, now: UnixTime) -> Result<SignedAddressRecord, SimError> {
        AddressRecord::sign(&self.keys, number, &[], now.plus(3600)).map_err(|error| broken(&error))
    }

    /// Connects to a node and greets it, in a life that it has never met.
    ///
    /// # Errors
    /// [`SimError`].
    pub fn meet(&mut self, world: &mut World, to: NodeId) -> Result<(), SimError> {
        world.connect(self.node, to)?;
        self.greet(world, to)?;
        self.listen(world)
    }

    /// Connects to a node and greets it, and doesn't wait for the answer. Whether that could be.
    pub(crate) fn call(&mut self, world: &mut World, to: NodeId) -> Result<bool, SimError> {
        world.connect(self.node, to)?;
        let connected = world.are_connected(self.node, to);
        if connected {
            self.greet(world, to)?;
        }
        Ok(connected)
    }

    /// Whether it has greeted a node over the connection that they have now.
    pub(crate) fn has_greeted(&self, world: &World, to: NodeId) -> bool {
        world.wires.number(self.node, to).is_some_and(|number| self.greeted.get(&to) == Some(&number))
    }

    fn greet(&mut self, world: &mut World, to: NodeId) -> Result<(), SimError> {
        self.greeted.extend(world.wires.number(self.node, to).map(|number| (to, number)));
        let hello = Hello {
            incarnation: self.life,
            about: None,
            heard: true,
            ack: Ack::default(),
            acknowledged: LinkSeq::default(),
        };
        self.frame(world, to, &Frame::Hello(hello))
    }

    /// Sends any frame.
    ///
    /// # Errors
    /// [`SimError`].
    pub fn frame(&mut self, world: &mut World, to: NodeId, frame: &Frame) -> Result<(), SimError> {
        let bytes = frame.encode().map_err(|error| broken(&error))?;
        world.inject(self.node, to, bytes)
    }

    /// Sends a body as the next frame of the link, and waits for its fate.
    ///
    /// # Errors
    /// [`SimError`].
    pub fn send(&mut self, world: &mut World, to: NodeId, body: &Body) -> Result<Fate, SimError> {
        let bytes = body.encode().map_err(|error| broken(&error))?;
        self.send_bytes(world, to, bytes)
    }

    /// Sends any bytes in a body's place, and waits for their fate.
    ///
    /// # Errors
    /// [`SimError`].
    pub fn send_bytes(&mut self, world: &mut World, to: NodeId, body: Vec<u8>) -> Result<Fate, SimError> {
        let seq = self.number(to);
        self.frame(world, to, &Frame::Data(Data { seq, body: ByteBuf::from(body) }))?;
        self.listen(world)?;
        Ok(self.fate(to, seq))
    }

    /// Sends a body as the next frame of the link, and neither listens nor acknowledges anything.
    ///
    /// # Errors
    /// [`SimError`].
    pub fn push(&mut self, world: &mut World, to: NodeId, body: &Body) -> Result<(), SimError> {
        let body = body.encode().map_err(|error| broken(&error))?;
        self.push_bytes(world, to, body).map(|_| ())
    }

    /// Sends any bytes in a body's place, and neither listens nor acknowledges anything. Answers the frame's number.
    pub(crate) fn push_bytes(
        &mut self,
        world: &mut World,
        to: NodeId,
        body: Vec<u8>,
    ) -> Result<LinkSeq, SimError> {
        let seq = self.number(to);
        self.frame(world, to, &Frame::Data(Data { seq, body: ByteBuf::from(body) }))?;
        Ok(seq)
    }

    fn number(&mut self, to: NodeId) -> LinkSeq {
        let seq = self.sent.get(&to).copied().unwrap_or_default().next();
        self.sent.insert(to, seq);
        seq
    }

    pub(crate) fn fate(&self, to: NodeId, seq: LinkSeq) -> Fate {
        let refused = self.refusals.get(&(to, seq));
        let Some(ack) = self.acks.get(&to).filter(|ack| ack.stored >= seq) else { return Fate::Ignored };
        match refused {
            Some(reason) => Fate::Refused(*reason),
            None if ack.delivered >= seq => Fate::Delivered,
            None => Fate::Stored,
        }
    }

    /// Takes in what came, and acknowledges it.
    ///
    /// # Errors
    /// [`SimError`].
    pub fn listen(&mut self, world: &mut World) -> Result<(), SimError> {
        let patience = world.weather.latency + world.weather.jitter + 1;
        world.pass(patience)?;
        self.take_in(world)
    }

    /// Takes in what came so far, and acknowledges it.
    pub(crate) fn take_in(&mut self, world: &mut World) -> Result<(), SimError> {
        let inbox = world.node_mut(self.node)?.rogue.as_mut().map(std::mem::take).unwrap_or_default();
        let mut speakers = BTreeSet::new();
        for (from, bytes) in inbox {
            let from = world.by_key.get(&from).copied().ok_or(SimError::Down)?;
            match Frame::decode(&bytes).map_err(|error| broken(&error))? {
                Frame::Ack(ack) => self.learn(from, ack),
                Frame::Unusable(_) => {}
                // A node forgets the count of a stranger that leaves.
                Frame::Hello(hello) => {
                    self.lives.insert(from, hello.incarnation);
                    let ours = hello.about == Some(self.life);
                    let ack = if ours { hello.ack } else { Ack::default() };
                    if !ours {
                        self.refusals.retain(|(peer, _), _| *peer != from);
                        self.acks.remove(&from);
                    }
                    self.sent.insert(from, ack.stored);
                    self.learn(from, ack);
                }
                Frame::Data(data) => {
                    self.heard.entry(from).or_default().insert(data.seq, data.body.into_vec());
                    speakers.insert(from);
                }
            }
        }
        for from in speakers {
            let newest = self.heard.get(&from).and_then(|bodies| bodies.keys().next_back().copied());
            let newest = newest.unwrap_or_default();
            let ack = Ack { stored: newest, delivered: newest, refused: Vec::new() };
            self.frame(world, from, &Frame::Ack(ack))?;
        }
        Ok(())
    }

    fn learn(&mut self, from: NodeId, ack: Ack) {
        let refused = ack.refused.iter().map(|refused| ((from, refused.seq), refused.reason));
        self.refusals.extend(refused);
        // Acknowledgements overtake each other.
        let known = self.acks.entry(from).or_default();
        if ack.stored >= known.stored {
            *known = ack;
        }
    }

    /// The bodies that came from a node so far.
    #[must_use]
    pub fn heard(&self, from: NodeId) -> Vec<Body> {
        let bodies = self.heard.get(&from).into_iter().flat_map(BTreeMap::values);
        bodies.filter_map(|bytes| Body::decode(bytes).ok()).collect()
    }

    /// Works with its keys, whatever it is about.
    ///
    /// # Errors
    /// [`SimError`].
    pub fn anew<T>(&mut self, now: UnixTime, work: impl FnOnce(&Ctx<'_>) -> T) -> Result<T, SimError> {
        self.step(now, |ctx| Ok(work(ctx)))
    }

    fn step<T>(
        &mut self,
        now: UnixTime,
        work: impl FnOnce(&Ctx<'_>) -> Result<T, SimError>,
    ) -> Result<T, SimError> {
        let mut seed = [0; 32];
        self.rng.fill_bytes(&mut seed);
        let overlay = Overlay::new(&self.store);
        let revocations = Revocations::new();
        let ctx = Ctx {
            overlay: &overlay,
            mls: &self.mls,
            rng: RefCell::new(ChaCha20Rng::from_seed(seed)),
            keys: &self.keys,
            record: &self.record,
            now,
            revocations: &revocations,
        };
        let done = work(&ctx)?;
        drop(ctx);
        self.store.commit(&overlay.into_batch())?;
        Ok(done)
    }

    /// A key package of its own, which it can join with.
    ///
    /// # Errors
    /// [`SimError`].
    pub fn key_package(&mut self, now: UnixTime, suite: Suite) -> Result<KeyPackageBytes, SimError> {
        self.step(now, |ctx| new_key_package(ctx, suite, false).map_err(|error| broken(&error)))
    }

    /// Works with the keys of a thread as they are on its disk, at the time of its choice. It knows of no revocation.
    ///
    /// # Errors
    /// [`SimError`], or [`SimError::Down`] if it has no keys of the thread.
    pub fn in_thread<T>(
        &mut self,
        now: UnixTime,
        thread: ThreadId,
        work: impl FnOnce(&Ctx<'_>, &mut Thread) -> T,
    ) -> Result<T, SimError> {
        self.step(now, |ctx| {
            let loaded = Thread::load(ctx, thread, 0).map_err(|error| broken(&error))?;
            Ok(work(ctx, &mut loaded.ok_or(SimError::Down)?))
        })
    }

    /// As steward, brings a device into a thread with whatever grant it likes, by the first key package of the device that
    /// is in stock. Tells nobody.
    ///
    /// # Errors
    /// [`SimError`].
    pub fn bring_in(
        &mut self,
        now: UnixTime,
        thread: ThreadId,
        device: DeviceId,
        (abilities, history): (Abilities, History),
    ) -> Result<(Committed, ChainBytes), SimError> {
        let prefix = [b"k/".as_slice(), device.as_bytes()].concat();
        let stock = self.store.scan(&Scan::prefix(&prefix))?;
        let package = stock.iter().find_map(|(_, bytes)| {
            let package = KeyPackageBytes::new(bytes.clone()).verify(&self.mls).ok()?;
            (package.suite() == Suite::Classic).then_some(package)
        });
        let own = self.chain.clone().ok_or(SimError::Down)?;
        let own =
            own.verify(&self.record.principal(), now, &Revocations::new()).map_err(|error| broken(&error))?;
        let terms = Terms {
            audience: device,
            scope: Scope::Thread(thread),
            abilities,
            history,
            not_before: now,
            expires: now.plus(3600),
            depth: 0,
        };
        let chain = own.delegate(self.keys.signing(), terms, now, &mut self.rng);
        let chain = chain.map_err(|error| broken(&error))?.into_bytes();
        let add = vec![(package.ok_or(SimError::Down)?, chain.clone())];
        let request = ChangeRequest { add, ..ChangeRequest::default() };
        let committed = self.in_thread(now, thread, |ctx, keys| keys.change(ctx, request))?;
        Ok((committed.map_err(|error| broken(&error))?, chain))
    }

    /// As steward, makes two commits of the same epoch, and goes on with the second. None if it has no keys of the thread,
    /// or can't make them.
    pub(crate) fn two_commits(
        &mut self,
        now: UnixTime,
        thread: ThreadId,
        [first, second]: [ChangeRequest; 2],
    ) -> Result<Option<[Vec<u8>; 2]>, SimError> {
        let before = crate::faults::copy(&self.store)?;
        let make = |this: &mut Self, request| {
            let committed = this.in_thread(now, thread, |ctx, keys| keys.change(ctx, request));
            committed.ok().and_then(Result::ok).map(|committed| committed.commit)
        };
        let one = make(self, first);
        self.store = before;
        let other = make(self, second);
        Ok(one.zip(other).map(|(one, other)| [one, other]))
    }

    /// Gives the node back to an honest engine, which starts from what is on the adversary's disk.
    ///
    /// # Errors
    /// [`SimError`].
    pub fn give_back(self, world: &mut World) -> Result<(), SimError> {
        world.stop(self.node)?;
        self.store.flush()?;
        let node = world.node_mut(self.node)?;
        (node.rogue, node.store) = (None, Box::new(self.store));
        world.revive(self.node)
    }

    /// Seals bytes for the members of a thread.
    ///
    /// # Errors
    /// [`SimError`].
    pub fn seal(
        &mut self,
        now: UnixTime,
        thread: ThreadId,
        plaintext: &[u8],
    ) -> Result<ThreadMessage, SimError> {
        let sealed = self.in_thread(now, thread, |ctx, keys| keys.seal(ctx, plaintext))?;
        let sealed = sealed.map_err(|error| broken(&error))?;
        Ok(ThreadMessage { thread, era: 0, sealed: ByteBuf::from(sealed) })
    }

    /// Signs a content with its own key, whatever the content says, and seals it.
    ///
    /// # Errors
    /// [`SimError`].
    pub fn say(&mut self, now: UnixTime, thread: ThreadId, content: &Content) -> Result<Body, SimError> {
        let signed = content.sign(self.keys.signing()).map_err(|error| broken(&error))?;
        let bytes = Bundle::of(signed).encode().map_err(|error| broken(&error))?;
        Ok(Body::ThreadMessage(self.seal(now, thread, &bytes)?))
    }
}

fn broken(error: &dyn std::fmt::Display) -> SimError {
    SimError::Broken(error.to_string())
}
