//! The store and the engine over it, and what happens when the store fails.

use super::REOPEN_AFTER;
use frontdesk_engine::{Answer, Engine, Input, Millis, Now, OpenError, Output, Query, StepError};
use frontdesk_identity::TransportKey;
use frontdesk_store::{Overlay, Reader, Store, StoreError};
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// How long what a lazy step wrote may wait for another step's flush, in milliseconds.
const FLUSH_WITHIN: u64 = 1_000;

/// Opens the store again after a failure.
pub(crate) type Opener<S> = Box<dyn FnMut() -> Result<S, StoreError> + Send>;

/// Engine and store. After a failed step the engine's memory is void: it is read anew from a store that was closed
/// and opened again, and until that works every step fails.
pub(crate) struct Core<S> {
    engine: Engine,
    state: State<S>,
    /// When what lazy steps wrote is flushed, if no other step does it before.
    flush_at: Option<Millis>,
    opener: Opener<S>,
    /// When it was last opened again, or tried to be.
    reopened: Option<Millis>,
    around: Surroundings,
}

enum State<S> {
    Open(S),
    Failed {
        why: StoreFailure,
        /// When to open it again.
        retry: Millis,
    },
}

/// Why nothing can be stored now, in the store's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct StoreFailure(String);

impl From<StoreError> for StoreFailure {
    fn from(error: StoreError) -> Self {
        Self(error.to_string())
    }
}

impl From<StepError> for StoreFailure {
    fn from(StepError::Store(error): StepError) -> Self {
        error.into()
    }
}

impl<S: Store> Core<S> {
    pub(crate) fn new(engine: Engine, store: S, opener: Opener<S>) -> Self {
        Self {
            engine,
            state: State::Open(store),
            flush_at: None,
            opener,
            reopened: None,
            around: Surroundings::default(),
        }
    }

    /// The engine's beginning. The first step, and the first after each failure.
    pub(crate) fn start(&mut self, now: Now) -> Result<Output, StoreFailure> {
        let around = self.around.as_inputs();
        self.durably(now, |engine, overlay| {
            engine.start(now, overlay)?;
            around.into_iter().try_for_each(|input| engine.handle(now, input, overlay))
        })
    }

    /// All inputs in one step with one flush. On an error nothing was done, and nothing may be acknowledged.
    pub(crate) fn step(&mut self, now: Now, inputs: Vec<Input>) -> Result<Output, StoreFailure> {
        inputs.iter().for_each(|input| self.around.note(input));
        match &self.state {
            State::Open(_) => self.durably(now, |engine, overlay| {
                inputs.into_iter().try_for_each(|input| engine.handle(now, input, overlay))
            }),
            State::Failed { retry, why } if now.mono < *retry => Err(why.clone()),
            // What peers sent while the store was away they send again.
            State::Failed { .. } => self.reopen(now),
        }
    }

    /// A question about what is durable now.
    pub(crate) fn query(&self, now: Now, query: &Query) -> Result<Answer, StoreFailure> {
        Ok(self.engine.query(now, self.reader()?, query)?)
    }

    /// What is durable now.
    pub(crate) fn reader(&self) -> Result<&dyn Reader, StoreFailure> {
        match &self.state {
            State::Open(store) => Ok(store),
            State::Failed { why, .. } => Err(why.clone()),
        }
    }

    /// When the next step is due.
    pub(crate) fn next_deadline(&self) -> Option<Millis> {
        match &self.state {
            State::Open(_) => [self.engine.next_deadline(), self.flush_at].into_iter().flatten().min(),
            State::Failed { retry, .. } => Some(*retry),
        }
    }

    /// Makes all of it durable, and lets go of the store.
    pub(crate) fn close(self) -> Result<(), StoreFailure> {
        match self.state {
            State::Open(store) => Ok(store.flush()?),
            State::Failed { why, .. } => Err(why),
        }
    }

    /// One step. If it fails, the store is closed (its lock would keep out the next one) and opened at the next turn.
    fn durably(
        &mut self,
        now: Now,
        work: impl FnOnce(&mut Engine, &Overlay<'_>) -> Result<(), StepError>,
    ) -> Result<Output, StoreFailure> {
        let outcome = match &self.state {
            State::Open(store) => commit(&mut self.engine, store, &mut self.flush_at, now, work),
            State::Failed { why, .. } => Err(why.clone()),
        };
        match outcome {
            Ok(output) => {
                self.around.are_known();
                Ok(output)
            }
            Err(why) => {
                self.flush_at = None;
                self.fail(now, &why);
                Err(why)
            }
        }
    }

    /// A first failure is looked into at once, one that comes again in time: a disk may let itself be read and not be written to.
    fn fail(&mut self, now: Now, why: &StoreFailure) {
        let wait = u64::try_from(REOPEN_AFTER.as_millis()).unwrap_or(u64::MAX);
        let retry = self.reopened.map_or(now.mono, |at| at.plus(wait).max(now.mono));
        self.state = State::Failed { why: why.clone(), retry };
    }

    fn reopen(&mut self, now: Now) -> Result<Output, StoreFailure> {
        self.reopened = Some(now.mono);
        let opened = (self.opener)().and_then(|store| self.adopt(store));
        let begun = opened.map_err(StoreFailure::from).and_then(|()| self.start(now));
        match &begun {
            Ok(_) => tracing::warn!("the store is open again"),
            Err(why) => self.fail(now, why),
        }
        begun
    }

    fn adopt(&mut self, store: S) -> Result<(), StoreError> {
        self.engine.reload(&store).map_err(|error| match error {
            OpenError::Store(error) => error,
            other @ (OpenError::NotFounded | OpenError::WrongKeys) => {
                StoreError::Damaged { what: other.to_string() }
            }
        })?;
        self.state = State::Open(store);
        Ok(())
    }
}

fn commit<S: Store>(
    engine: &mut Engine,
    store: &S,
    flush_at: &mut Option<Millis>,
    now: Now,
    work: impl FnOnce(&mut Engine, &Overlay<'_>) -> Result<(), StepError>,
) -> Result<Output, StoreFailure> {
    let began = Instant::now();
    let overlay = Overlay::new(store);
    work(engine, &overlay)?;
    let output = engine.finish(now, &overlay)?;
    let batch = overlay.into_batch();
    let thought = began.elapsed();
    let (empty, records) = (batch.is_empty(), batch.len());
    if !empty {
        store.commit(&batch)?;
    }
    let committed = began.elapsed();
    // What a lazy step wrote goes to the disk with a later one.
    if output.lazy && !empty && flush_at.is_none() {
        *flush_at = Some(now.mono.plus(FLUSH_WITHIN));
    }
    if (!output.lazy && !empty) || flush_at.is_some_and(|at| at <= now.mono) {
        store.flush()?;
        *flush_at = None;
    }
    let micros = |from: Duration, to: Duration| to.saturating_sub(from).as_micros();
    let (think, commit) = (micros(Duration::ZERO, thought), micros(thought, committed));
    let flush = micros(committed, began.elapsed());
    tracing::trace!(records, lazy = output.lazy, think, commit, flush, "step, in microseconds");
    Ok(output)
}

/// What changed outside since the latest good step, whatever the store does: told to an engine that missed it. Of what it
/// knew before, it keeps who is connected.
#[derive(Debug, Default)]
struct Surroundings {
    peers: BTreeMap<TransportKey, bool>,
    addresses: Option<Vec<String>>,
}

impl Surroundings {
    fn note(&mut self, input: &Input) {
        match input {
            Input::PeerUp(peer) => drop(self.peers.insert(*peer, true)),
            Input::PeerDown(peer) => drop(self.peers.insert(*peer, false)),
            Input::Addresses(addresses) => self.addresses = Some(addresses.clone()),
            Input::Command { .. } | Input::Frame { .. } | Input::Deadline => {}
        }
    }

    fn as_inputs(&self) -> Vec<Input> {
        let peer = |(peer, up): (&TransportKey, &bool)| {
            if *up { Input::PeerUp(*peer) } else { Input::PeerDown(*peer) }
        };
        self.addresses.iter().cloned().map(Input::Addresses).chain(self.peers.iter().map(peer)).collect()
    }

    fn are_known(&mut self) {
        self.peers.clear();
    }
}

#[cfg(test)]
mod tests;
