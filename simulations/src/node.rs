//! One node: a real engine over a simulated disk, driven as the program drives it.

use crate::{
    Disk, SimError,
    around::{Around, FLUSH_WITHIN, REOPEN_AFTER},
};
use frontdesk_engine::{Action, Answer, Engine, Event, Input, Millis, Now, Query, Settings};
use frontdesk_identity::{DeviceId, DeviceKeys, TransportKey};
use frontdesk_store::{Batch, Overlay, Reader as _, Scan, Store as _, StoreError};
use std::collections::BTreeSet;

/// Where a node's store keeps what it has to send: `o/`, then the peer's transport key.
pub(crate) const OUTGOING: &[u8] = b"o/";

/// Names a node in its world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub usize);

/// How a step of a node goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The disk refuses the batch.
    Commit,
    /// The disk takes the batch and fails to make it durable: what was not flushed is gone when it is opened again.
    Flush,
    /// The same, and all of it is there when it is opened again: an error does not tell which.
    FlushKept,
    /// The power fails when the batch is written and not durable.
    CutBeforeFlush,
    /// The power fails when the batch is durable and nothing was sent.
    CutAfterFlush,
    /// Nothing goes wrong with the step itself. Whoever waits for it learns that it was taken.
    Nothing,
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
    /// A clock that is ahead by so many hours, or behind.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "hours that scenarios may name, in milliseconds")]
    pub fn hours(ahead: f64) -> Self {
        Self { ahead: (ahead * 3_600_000.0) as i64, drift: 0 }
    }

    /// How far it is ahead of the true time at a moment, in seconds.
    pub(crate) fn off(self, time: u64) -> i64 {
        let gained = i64::try_from(time).unwrap_or(i64::MAX).saturating_mul(self.drift) / 1_000_000_000;
        self.ahead.saturating_add(gained).div_euclid(1000)
    }
}

/// A frame as it came in: from whom, and its bytes.
pub type Received = (TransportKey, Vec<u8>);

/// A node: engine, disk, and what its owner was told. A rogue one has an inbox in the engine's place.
#[derive(Debug)]
pub struct Node {
    pub(crate) keys: DeviceKeys,
    /// Frames that it has stored for others and that are not settled.
    pub(crate) waiting: usize,
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
    /// How often it was killed while something that it had written was not durable.
    pub(crate) lost: u64,
    /// The power has failed; the world takes note of it.
    pub(crate) dark: bool,
    /// Its wall clock.
    pub(crate) clock: Clock,
    /// Its disk has no room.
    pub(crate) full: bool,
    /// Its disk takes nothing more: when it tries again. It takes no part until then.
    stalled: Option<Millis>,
    /// When what lazy steps wrote is flushed, if no other step does it before.
    flush_at: Option<Millis>,
    around: Around,
    /// It is lost for good.
    pub(crate) gone: bool,
    /// To whom it sends nothing that it has to deliver, whatever its engine wants.
    pub(crate) withholds: BTreeSet<NodeId>,
}

impl Node {
    pub(crate) fn new(keys: DeviceKeys, settings: Settings, store: impl Disk + 'static) -> Self {
        Self {
            keys,
            waiting: 0,
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
            lost: 0,
            clock: Clock::default(),
            full: false,
            stalled: None,
            flush_at: None,
            around: Around::default(),
            gone: false,
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

    /// When it wants to be called next.
    pub(crate) fn deadline(&self) -> Option<Millis> {
        let awake = || [self.engine.as_ref().and_then(Engine::next_deadline), self.flush_at];
        self.stalled.or_else(|| awake().into_iter().flatten().min())
    }

    /// Starts the engine from what is on the disk.
    pub(crate) fn start(&mut self, now: Now, seed: u64) -> Result<Vec<Action>, SimError> {
        self.lives = self.lives.wrapping_add(1);
        let mut bytes = [self.lives; 32];
        bytes.iter_mut().zip(seed.to_le_bytes()).for_each(|(to, from)| *to ^= from);
        bytes.iter_mut().skip(8).zip(self.keys.id().as_bytes()).for_each(|(to, from)| *to ^= from);
        let engine = Engine::open(&self.store, self.keys.clone(), self.settings, bytes)?;
        self.engine = Some(engine);
        self.around = Around::default();
        self.waiting = self.count_waiting()?;
        self.begin(now)
    }

    /// The engine's beginning: the first step, and the first after each failure.
    fn begin(&mut self, now: Now) -> Result<Vec<Action>, SimError> {
        let around = self.around.as_inputs();
        self.step(now, |engine, now, overlay| {
            engine.start(now, overlay)?;
            around.into_iter().try_for_each(|input| engine.handle(now, input, overlay))
        })
    }

    /// Stops at once. What was not flushed is lost.
    pub(crate) fn crash(&mut self) -> Result<(), SimError> {
        self.engine = None;
        self.armed = None;
        self.lost += u64::from(self.flush_at.is_some());
        (self.stalled, self.flush_at) = (None, None);
        Ok(self.store.cut()?)
    }

    /// Inputs that are there at once, one step: write, make durable, then act. What comes while the disk has no room is
    /// lost, but for what is so outside: peers send it again.
    pub(crate) fn inputs(&mut self, now: Now, inputs: Vec<Input>) -> Result<Vec<Action>, SimError> {
        inputs.iter().for_each(|input| self.around.note(input));
        match self.stalled {
            None => self.step(now, |engine, now, overlay| {
                inputs.into_iter().try_for_each(|input| engine.handle(now, input, overlay))
            }),
            Some(retry) if now.mono < retry => Ok(Vec::new()),
            Some(_) if self.full => {
                self.stalled = Some(now.mono.plus(REOPEN_AFTER));
                Ok(Vec::new())
            }
            Some(_) => {
                // What came at this moment was lost as well.
                self.faults += 1;
                self.stalled = None;
                self.begin(now)
            }
        }
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
            self.reopen()?;
            self.stalled = Some(now.mono.plus(REOPEN_AFTER));
            return Ok(Vec::new());
        }
        let failure = if batch.is_empty() { None } else { self.burn() };
        let failure = failure.filter(|failure| *failure != Failure::Nothing);
        if failure == Some(Failure::Commit) {
            return self.recover(now);
        }
        self.note_waiting(&batch)?;
        self.store.commit(&batch)?;
        if failure == Some(Failure::CutBeforeFlush) {
            self.dark = true;
            return Ok(Vec::new());
        }
        if matches!(failure, Some(Failure::Flush | Failure::FlushKept)) {
            if failure == Some(Failure::FlushKept) {
                self.store.flush()?;
            }
            return self.recover(now);
        }
        self.flush(now, output.lazy && failure.is_none(), batch.is_empty())?;
        if failure == Some(Failure::CutAfterFlush) {
            self.dark = true;
            return Ok(Vec::new());
        }
        self.around.are_known();
        self.events.extend(output.events);
        Ok(output.actions)
    }

    /// What a lazy step wrote goes to the disk with a later one, or after a while.
    fn flush(&mut self, now: Now, lazy: bool, empty: bool) -> Result<(), StoreError> {
        if lazy && !empty {
            self.flush_at.get_or_insert(now.mono.plus(FLUSH_WITHIN));
        }
        if (!lazy && !empty) || self.flush_at.is_some_and(|at| at <= now.mono) {
            self.store.flush()?;
            self.flush_at = None;
        }
        Ok(())
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
        self.reopen()?;
        self.begin(now)
    }

    /// The store is closed and opened again: what was not flushed is gone, whoever was told of it.
    fn reopen(&mut self) -> Result<(), SimError> {
        self.flush_at = None;
        self.store.cut()?;
        if let Some(engine) = self.engine.as_mut() {
            engine.reload(&self.store)?;
        }
        self.waiting = self.count_waiting()?;
        Ok(())
    }

    fn count_waiting(&self) -> Result<usize, StoreError> {
        Ok(self.store.scan(&Scan::prefix(OUTGOING))?.len())
    }

    /// What a batch changes of the frames that wait, so that they need not be counted anew.
    fn note_waiting(&mut self, batch: &Batch) -> Result<(), StoreError> {
        for (key, change) in batch.iter().filter(|(key, _)| key.starts_with(OUTGOING)) {
            match (self.store.get(key)?.is_some(), change.value().is_some()) {
                (false, true) => self.waiting += 1,
                (true, false) => self.waiting = self.waiting.saturating_sub(1),
                (true, true) | (false, false) => {}
            }
        }
        Ok(())
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
