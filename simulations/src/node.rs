//! One node: a real engine over a simulated disk, driven as the program drives it.

use crate::{Disk, SimError};
use frontdesk_engine::{Action, Answer, Engine, Event, Input, Millis, Now, Query, Settings};
use frontdesk_identity::{DeviceId, DeviceKeys, TransportKey};
use frontdesk_store::{Overlay, Store as _, StoreError};
use std::collections::BTreeSet;

/// Names a node in its world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub usize);

/// How a step of a node goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The disk refuses the batch.
    Commit,
    /// The disk takes the batch and does not make it durable.
    Flush,
    /// The power fails when the batch is written and not durable.
    CutBeforeFlush,
    /// The power fails when the batch is durable and nothing was sent.
    CutAfterFlush,
}

/// A wall clock that is off, and drifts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Clock {
    /// How far it is ahead at the beginning, in milliseconds.
    pub ahead: i64,
    /// How much it gains, in billionths.
    pub drift: i64,
}

impl Clock {
    /// How far it is ahead of the true time at a moment, in seconds.
    pub(crate) fn off(self, time: u64) -> i64 {
        let gained = i64::try_from(time).unwrap_or(i64::MAX).saturating_mul(self.drift) / 1_000_000_000;
        self.ahead.saturating_add(gained).div_euclid(1000)
    }
}

/// A node whose disk takes nothing more: it tries again each second, and takes no part until then.
#[derive(Debug, Default)]
struct Stall {
    retry: Millis,
    /// What it missed of what happened around it.
    missed: Vec<Input>,
}

/// Between two tries to write to a disk that was full, in milliseconds.
const RETRY: u64 = 1000;

/// A frame as it came in: from whom, and its bytes.
pub type Received = (TransportKey, Vec<u8>);

/// A node: engine, disk, and what its owner was told. A rogue one has an inbox in the engine's place.
#[derive(Debug)]
pub struct Node {
    pub(crate) keys: DeviceKeys,
    pub(crate) settings: Settings,
    pub(crate) store: Box<dyn Disk>,
    engine: Option<Engine>,
    pub(crate) rogue: Option<Vec<Received>>,
    /// What the node told its owner, oldest first.
    pub events: Vec<Event>,
    /// The deadline that is in the world's queue.
    pub(crate) armed: Option<Millis>,
    lives: u8,
    /// Where it is, if that isn't its own number.
    pub(crate) place: Option<usize>,
    /// A name that leads to wherever it is.
    pub(crate) name: Option<String>,
    /// Steps that the disk failed.
    pub faults: u32,
    /// After how many more steps that write one goes wrong, and how.
    pub(crate) fuse: Option<(u32, Failure)>,
    /// How a step went wrong, until somebody takes note of it.
    pub(crate) burnt: Option<Failure>,
    /// The power has failed; the world takes note of it.
    pub(crate) dark: bool,
    /// Its wall clock.
    pub(crate) clock: Clock,
    /// Its disk has no room.
    pub(crate) full: bool,
    stalled: Option<Stall>,
    /// To whom it sends nothing that it has to deliver, whatever its engine wants.
    pub(crate) withholds: BTreeSet<NodeId>,
}

impl Node {
    pub(crate) fn new(keys: DeviceKeys, settings: Settings, store: impl Disk + 'static) -> Self {
        Self {
            keys,
            settings,
            store: Box::new(store),
            engine: None,
            rogue: None,
            events: Vec::new(),
            armed: None,
            lives: 0,
            place: None,
            name: None,
            faults: 0,
            fuse: None,
            burnt: None,
            dark: false,
            clock: Clock::default(),
            full: false,
            stalled: None,
            withholds: BTreeSet::new(),
        }
    }

    /// The device.
    #[must_use]
    pub fn device(&self) -> DeviceId {
        self.keys.id()
    }

    /// The transport key.
    #[must_use]
    pub fn transport(&self) -> TransportKey {
        self.keys.transport_public()
    }

    /// Where it can be dialled.
    pub(crate) fn addresses(&self, id: NodeId) -> Vec<String> {
        let place = format!("/memory/{}", self.place.unwrap_or(id.0));
        self.name.iter().cloned().chain([place]).collect()
    }

    /// The records on its disk, and the bytes of their keys and values.
    #[must_use]
    pub fn store_size(&self) -> (usize, usize) {
        self.store.size()
    }

    /// How often it has been started, as far as a byte counts.
    pub(crate) const fn lives(&self) -> u8 {
        self.lives
    }

    /// Whether it waits for room on its disk.
    pub(crate) const fn is_stalled(&self) -> bool {
        self.stalled.is_some()
    }

    /// Whether it runs.
    #[must_use]
    pub const fn is_up(&self) -> bool {
        self.engine.is_some() || self.rogue.is_some()
    }

    /// The engine, while it runs.
    #[must_use]
    pub const fn engine(&self) -> Option<&Engine> {
        self.engine.as_ref()
    }

    /// When the engine wants to be called next.
    pub(crate) fn deadline(&self) -> Option<Millis> {
        let stalled = self.stalled.as_ref().map(|stall| stall.retry);
        stalled.or_else(|| self.engine.as_ref().and_then(Engine::next_deadline))
    }

    /// Starts the engine from what is on the disk.
    pub(crate) fn start(&mut self, now: Now, seed: u64) -> Result<Vec<Action>, SimError> {
        self.lives = self.lives.wrapping_add(1);
        let mut bytes = [self.lives; 32];
        bytes.iter_mut().zip(seed.to_le_bytes()).for_each(|(to, from)| *to ^= from);
        bytes.iter_mut().skip(8).zip(self.keys.id().as_bytes()).for_each(|(to, from)| *to ^= from);
        let engine = Engine::open(&self.store, self.keys.clone(), self.settings, bytes)?;
        self.engine = Some(engine);
        self.step(now, |engine, now, overlay| engine.start(now, overlay))
    }

    /// Stops at once. What was not flushed is lost.
    pub(crate) fn crash(&mut self) -> Result<(), SimError> {
        self.engine = None;
        self.armed = None;
        self.stalled = None;
        Ok(self.store.cut()?)
    }

    /// Inputs that are there at once, one step: write, make durable, then act.
    pub(crate) fn inputs(&mut self, now: Now, inputs: Vec<Input>) -> Result<Vec<Action>, SimError> {
        match self.stalled.take() {
            None => self.step(now, |engine, now, overlay| {
                inputs.into_iter().try_for_each(|input| engine.handle(now, input, overlay))
            }),
            Some(stall) => self.wait_for_room(now, stall, inputs),
        }
    }

    /// What comes while the disk has no room is lost, but for what is so outside: peers send it again.
    fn wait_for_room(
        &mut self,
        now: Now,
        mut stall: Stall,
        inputs: Vec<Input>,
    ) -> Result<Vec<Action>, SimError> {
        let lasts =
            |input: &Input| matches!(input, Input::PeerUp(_) | Input::PeerDown(_) | Input::Addresses(_));
        stall.missed.extend(inputs.into_iter().filter(lasts));
        if self.full || now.mono < stall.retry {
            if now.mono >= stall.retry {
                stall.retry = now.mono.plus(RETRY);
            }
            self.stalled = Some(stall);
            return Ok(Vec::new());
        }
        // What came at this moment was lost as well.
        self.faults += 1;
        self.step(now, |engine, now, overlay| {
            engine.start(now, overlay)?;
            stall.missed.into_iter().try_for_each(|input| engine.handle(now, input, overlay))
        })
    }

    fn step(
        &mut self,
        now: Now,
        run: impl FnOnce(&mut Engine, Now, &Overlay<'_>) -> Result<(), frontdesk_engine::StepError>,
    ) -> Result<Vec<Action>, SimError> {
        let Some(engine) = self.engine.as_mut() else { return Ok(Vec::new()) };
        let overlay = Overlay::new(&self.store);
        run(engine, now, &overlay)?;
        let output = engine.finish(now, &overlay)?;
        let batch = overlay.into_batch();
        if self.full && !batch.is_empty() {
            self.faults += 1;
            engine.reload(&self.store)?;
            self.stalled = Some(Stall { retry: now.mono.plus(RETRY), missed: Vec::new() });
            return Ok(Vec::new());
        }
        let failure = if batch.is_empty() { None } else { self.burn() };
        let lazy = output.lazy && failure.is_none();
        let written = match failure {
            Some(Failure::Commit) => Err(StoreError::Full),
            Some(Failure::Flush | Failure::CutBeforeFlush | Failure::CutAfterFlush) | None => {
                self.store.commit(&batch)
            }
        };
        if failure == Some(Failure::CutBeforeFlush) {
            self.dark = true;
            return Ok(Vec::new());
        }
        let flush = || match (failure, lazy) {
            (Some(Failure::Flush), _) => Err(StoreError::Injected),
            (_, true) => Ok(()),
            (_, false) => self.store.flush(),
        };
        if written.and_then(|()| flush()).is_err() {
            return self.recover(now);
        }
        if failure == Some(Failure::CutAfterFlush) {
            self.dark = true;
            return Ok(Vec::new());
        }
        self.events.extend(output.events);
        Ok(output.actions)
    }

    /// Counts one step that writes, and says how it goes wrong if its turn has come.
    fn burn(&mut self) -> Option<Failure> {
        let (left, failure) = self.fuse?;
        self.fuse = left.checked_sub(1).map(|left| (left, failure));
        let burnt = (left == 0).then_some(failure);
        self.burnt = burnt.or(self.burnt);
        burnt
    }

    /// What a driver does after the disk failed: the step's output is dropped, and the engine reads the disk anew.
    fn recover(&mut self, now: Now) -> Result<Vec<Action>, SimError> {
        self.faults += 1;
        if let Some(engine) = self.engine.as_mut() {
            engine.reload(&self.store)?;
        }
        self.step(now, |engine, now, overlay| engine.start(now, overlay))
    }

    /// Asks the engine about its state.
    ///
    /// # Errors
    /// [`SimError::Down`], or the store's.
    pub fn query(&self, now: Now, query: &Query) -> Result<Answer, SimError> {
        let engine = self.engine.as_ref().ok_or(SimError::Down)?;
        Ok(engine.query(now, &self.store, query)?)
    }
}
