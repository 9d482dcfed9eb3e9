//! The engine itself: its memory, and the order of calls that a driver keeps.

mod load;

use crate::{
    Action, Answer, Command, CommandError, Event, Input, Millis, Now, Query, Settings,
    aside::Aside,
    causes::Causes,
    contact::OpenOffer,
    gaps::Gaps,
    link::Link,
    message::Unsealed,
    record::{self, About, Addresses, SelfRecord},
    revocations::RevocationName,
    sent::Sent,
    space,
    step::{Halt, Step},
};
use frontdesk_capability::{Chain, ChainBytes, Revocations};
use frontdesk_identity::{DeviceId, DeviceKeys, DeviceRecord, DialAddress, ThreadId, TransportKey, UnixTime};
use frontdesk_store::{Overlay, Reader, Savepoint, StoreError};
use frontdesk_thread::{Ctx, Mls, Thread};
use frontdesk_wire::{Body, Incarnation, LinkSeq, RequestId};
use lru::LruCache;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};
use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
    num::NonZeroUsize,
};

/// Threads whose keys are kept in memory; the others are read when they are used. About 40 KB each.
pub const CACHED_THREADS: NonZeroUsize = NonZeroUsize::new(256).unwrap();

/// The engine could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The store holds no identity: it was never founded.
    #[error("this home was never set up; run `frontdesk init` or `frontdesk join`")]
    NotFounded,
    /// The keys are not those of the stored identity.
    #[error("the keys and the store belong to different devices; restore both from one backup")]
    WrongKeys,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The step is void: the driver drops its overlay and calls [`Engine::reload`].
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a step asks of the driver once its batch is durable.
#[derive(Debug, Default)]
pub struct Output {
    /// To do, in this order.
    pub actions: Vec<Action>,
    /// To tell, in this order.
    pub events: Vec<Event>,
    /// The step only took note of acknowledgements. Its batch may be flushed with a later step's: were it lost, the
    /// peers would say the same again.
    pub lazy: bool,
}

/// A node, as a state machine.
pub struct Engine {
    pub(crate) keys: DeviceKeys,
    pub(crate) me: SelfRecord,
    pub(crate) record: Option<DeviceRecord>,
    pub(crate) chain: Option<Chain>,
    pub(crate) settings: Settings,
    pub(crate) rng: ChaCha20Rng,
    pub(crate) mls: Mls,
    pub(crate) incarnation: Incarnation,
    pub(crate) revocations: Revocations,
    pub(crate) links: HashMap<TransportKey, Link>,
    /// Links that the step has to finish.
    pub(crate) touched: BTreeSet<TransportKey>,
    pub(crate) retries: BTreeSet<(Millis, TransportKey)>,
    /// Peers that the driver was asked to stay connected to.
    pub(crate) wanted: BTreeSet<TransportKey>,
    /// Peers to stay connected to even with nothing to send.
    pub(crate) kept: BTreeSet<TransportKey>,
    pub(crate) threads: LruCache<ThreadId, Thread>,
    pub(crate) sent: Sent,
    /// The devices of this node's own entity, by transport key.
    pub(crate) colleagues: BTreeMap<TransportKey, DeviceId>,
    pub(crate) addresses: Vec<DialAddress>,
    /// What the input at hand wants sent.
    pub(crate) pending: Vec<(TransportKey, About, Body)>,
    /// Texts that the step has written and not sealed.
    pub(crate) unsealed: Vec<Unsealed>,
    pub(crate) refused_frames: u64,
    /// Threads that the input at hand has worked on.
    pub(crate) used: BTreeSet<ThreadId>,
    /// Revocations that the input at hand has brought.
    pub(crate) learned: Vec<RevocationName>,
    /// When grants end in threads that this device is steward of.
    pub(crate) expiries: BTreeSet<(UnixTime, ThreadId)>,
    /// When to look at gaps in threads.
    pub(crate) gaps: Gaps,
    /// Peers that have had something to get since before the start.
    pub(crate) due: BTreeSet<TransportKey>,
    /// Peers that had not opened all that was for them when this node began, and have not said since what they have.
    pub(crate) unsure: BTreeSet<TransportKey>,
    /// When to look who of those is waited for no longer.
    pub(crate) unsure_at: Option<Millis>,
    /// When to ask receptions again that have not answered.
    pub(crate) ask_at: Option<Millis>,
    /// When the next portion of what has no bound is due.
    pub(crate) portion_at: Option<Millis>,
    /// When to ask the clock whether others have to be told anew where this node is.
    pub(crate) renew_at: Option<Millis>,
    /// The node whose new address was told last.
    pub(crate) announced: Option<Vec<u8>>,
    /// Peers that were connected before a reload.
    reconnect: BTreeMap<TransportKey, LinkSeq>,
    /// Offers that were made and not answered.
    pub(crate) receptions: BTreeMap<RequestId, OpenOffer>,
    /// When the next of them lapses.
    pub(crate) lapse_at: Option<Millis>,
    /// When sealed messages that wait were last looked through.
    pub(crate) swept: Option<Millis>,
    /// Sealed messages that wait.
    pub(crate) aside: Aside,
    /// The last frame of the newest answer to each member's wish for missed messages of a thread.
    pub(crate) refills: BTreeMap<(TransportKey, ThreadId), LinkSeq>,
    /// What peers have caused in threads of late.
    pub(crate) causes: Causes,
    /// The step did something that must be durable before its actions run.
    pub(crate) lasting: bool,
    /// The clocks at the latest step.
    pub(crate) clocks: Option<Now>,
    output: Output,
}

/// Where one input, or a part of it, began, to go back to if it is refused.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark {
    savepoint: Savepoint,
    actions: usize,
    events: usize,
    /// What earlier parts of the same input want sent.
    pending: usize,
    unsealed: usize,
    learned: usize,
}

impl Engine {
    /// Opens the node that `reader` holds. `seed` must be fresh from the system's randomness; in simulations, from the
    /// scenario's.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(
        reader: &dyn Reader,
        keys: DeviceKeys,
        settings: Settings,
        seed: [u8; 32],
    ) -> Result<Self, OpenError> {
        let mut engine = Self {
            keys,
            me: SelfRecord::default(),
            record: None,
            chain: None,
            settings,
            rng: ChaCha20Rng::from_seed(seed),
            mls: Mls::new(),
            incarnation: Incarnation::default(),
            revocations: Revocations::new(),
            links: HashMap::new(),
            touched: BTreeSet::new(),
            retries: BTreeSet::new(),
            wanted: BTreeSet::new(),
            kept: BTreeSet::new(),
            threads: LruCache::new(CACHED_THREADS),
            sent: Sent::new(),
            colleagues: BTreeMap::new(),
            addresses: Vec::new(),
            pending: Vec::new(),
            unsealed: Vec::new(),
            refused_frames: 0,
            used: BTreeSet::new(),
            learned: Vec::new(),
            expiries: BTreeSet::new(),
            gaps: Gaps::default(),
            due: BTreeSet::new(),
            unsure: BTreeSet::new(),
            unsure_at: None,
            ask_at: None,
            portion_at: None,
            renew_at: None,
            announced: None,
            reconnect: BTreeMap::new(),
            receptions: BTreeMap::new(),
            lapse_at: None,
            swept: None,
            aside: Aside::default(),
            refills: BTreeMap::new(),
            causes: Causes::default(),
            lasting: false,
            clocks: None,
            output: Output::default(),
        };
        engine.reload(reader)?;
        Ok(engine)
    }

    /// Forgets everything in memory and reads it anew: after a step that failed to commit. Connections are taken as they
    /// were; frames on their way are sent again.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn reload(&mut self, reader: &dyn Reader) -> Result<(), OpenError> {
        self.me = record::get(reader, space::SELF)?.ok_or(OpenError::NotFounded)?;
        self.incarnation = record::get(reader, space::INCARNATION)?.ok_or(OpenError::NotFounded)?;
        self.record = self.me.record.as_ref().map(record::device_of).transpose()?;
        if self.record.as_ref().is_some_and(|record| record.id() != self.keys.id()) {
            return Err(OpenError::WrongKeys);
        }
        self.revocations = load::revocations(reader)?;
        self.chain = self.own_chain();
        self.threads.clear();
        self.sent.clear();
        self.pending.clear();
        self.unsealed.clear();
        self.touched.clear();
        self.retries.clear();
        self.output = Output::default();
        self.colleagues = load::colleagues(reader)?;
        self.expiries = load::expiries(reader)?;
        self.wanted.clear();
        self.kept = self.to_keep(reader)?;
        let known: Option<Addresses> = record::get(reader, space::ADDRESS)?;
        self.addresses = known.map(|known| known.addresses).unwrap_or_default();
        (self.due, self.unsure) = load::due(reader)?;
        self.unsure_at = None;
        self.portion_at = None;
        self.receptions = load::receptions(reader)?;
        self.lapse_at = None;
        self.aside = Aside::load(reader)?;
        self.refills.clear();
        self.gaps = Gaps::default();
        let up = self.links.drain().filter(|(_, link)| link.is_up());
        self.reconnect.extend(up.map(|(peer, link)| (peer, link.heard())));
        Ok(())
    }

    /// Begins: greets peers that were connected before a reload, and asks to be connected to those that matter. Call it
    /// once after [`Engine::open`] and after each [`Engine::reload`], within a step of its own.
    ///
    /// # Errors
    /// [`StepError`]: the whole step is void.
    pub fn start(&mut self, now: Now, overlay: &Overlay<'_>) -> Result<(), StepError> {
        let step = Step { overlay, now };
        self.clocks = Some(now);
        self.tell(Event::Started);
        for (peer, heard) in self.reconnect.clone() {
            self.peer_up(step, peer, heard)?;
        }
        self.reconnect.clear();
        self.touched.extend(self.kept.iter());
        self.lasting = true;
        self.begin_portions(step)?;
        self.wait_for_unsure(step);
        self.plan_asking(step)?;
        self.resume(step)?;
        Ok(self.number_pending(step)?)
    }

    /// Takes one input. Call it for as many inputs as wait, then [`Engine::finish`] once, all with the same `now`.
    ///
    /// # Errors
    /// [`StepError`]: the whole step is void.
    pub fn handle(&mut self, now: Now, input: Input, overlay: &Overlay<'_>) -> Result<(), StepError> {
        let step = Step { overlay, now };
        self.clocks = Some(now);
        self.used.clear();
        self.learned.clear();
        if !matches!(input, Input::Command { command: Command::Send { .. }, .. }) {
            self.seal_texts(step)?;
        }
        match input {
            Input::Command { id, command } => {
                self.lasting = true;
                let mark = self.mark(step);
                let result = match self.command(step, command) {
                    Ok(reply) => {
                        self.number_pending(step)?;
                        Ok(reply)
                    }
                    Err(Halt::Store(error)) => return Err(error.into()),
                    Err(Halt::Refuse(error)) => {
                        self.undo(step, mark);
                        Err(error)
                    }
                };
                self.tell(Event::CommandDone { id, result });
            }
            Input::PeerUp(peer) => self.peer_up(step, peer, LinkSeq::default())?,
            Input::PeerDown(peer) => self.peer_down(peer),
            Input::Frame { from, bytes } => self.frame(step, from, &bytes)?,
            Input::Deadline => self.deadline(step)?,
            Input::Addresses(addresses) => {
                self.lasting = true;
                self.set_addresses(step, &addresses)?;
            }
        }
        self.number_pending(step)?;
        Ok(())
    }

    /// Ends the step: what follows from its inputs is written and collected.
    ///
    /// # Errors
    /// [`StepError`]: the whole step is void.
    pub fn finish(&mut self, now: Now, overlay: &Overlay<'_>) -> Result<Output, StepError> {
        let step = Step { overlay, now };
        self.seal_texts(step)?;
        self.finish_links(step)?;
        let lazy = !std::mem::take(&mut self.lasting);
        Ok(Output { lazy, ..std::mem::take(&mut self.output) })
    }

    /// When [`Input::Deadline`] is due; none if nothing waits for time to pass.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Millis> {
        let all = [
            self.next_retry(),
            self.next_expiry(),
            self.gaps.next(),
            self.next_portion(),
            self.unsure_at,
            self.ask_at,
            self.next_lapse(),
            self.renew_at,
        ];
        all.into_iter().flatten().min()
    }

    /// Answers a question about the present state.
    ///
    /// # Errors
    /// [`StepError`].
    pub fn query(&self, now: Now, reader: &dyn Reader, query: &Query) -> Result<Answer, StepError> {
        Ok(self.answer(now, reader, query)?)
    }

    /// When the next grant ends, by the monotonic clock; at most an hour ahead, since the wall clock may be set.
    fn next_expiry(&self) -> Option<Millis> {
        let (at, _) = self.expiries.first()?;
        let now = self.clocks?;
        let seconds = at.0.saturating_sub(now.wall.0).min(3600);
        Some(now.mono.plus(seconds.saturating_mul(1000)))
    }

    fn deadline(&mut self, step: Step<'_>) -> Result<(), StoreError> {
        self.retry_links(step);
        self.lapse(step)?;
        self.next_portions(step)?;
        self.wait_no_longer(step);
        self.ask_late(step)?;
        self.keep_address(step)?;
        self.ask_for_gaps(step)?;
        self.expire(step)
    }

    pub(crate) fn act(&mut self, action: Action) {
        self.output.actions.push(action);
    }

    pub(crate) fn tell(&mut self, event: Event) {
        self.output.events.push(event);
    }

    pub(crate) fn mark(&self, step: Step<'_>) -> Mark {
        Mark {
            savepoint: step.overlay.savepoint(),
            actions: self.output.actions.len(),
            events: self.output.events.len(),
            pending: self.pending.len(),
            unsealed: self.unsealed.len(),
            learned: self.learned.len(),
        }
    }

    /// Takes back all that was done since the mark.
    pub(crate) fn undo(&mut self, step: Step<'_>, mark: Mark) {
        step.overlay.rollback(mark.savepoint);
        self.sent.clear();
        self.output.actions.truncate(mark.actions);
        self.output.events.truncate(mark.events);
        self.pending.truncate(mark.pending);
        self.unsealed.truncate(mark.unsealed);
        for (principal, revoker, target) in self.learned.drain(mark.learned.min(self.learned.len())..) {
            self.revocations.forget(&principal, &revoker, &target);
        }
        for thread in std::mem::take(&mut self.used) {
            self.threads.pop(&thread);
        }
    }

    /// Randomness for one operation.
    pub(crate) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.rng.fill_bytes(&mut bytes);
        bytes
    }

    /// What operations on threads are given. None for a device that belongs to nobody yet.
    pub(crate) fn ctx<'a>(&'a self, step: Step<'a>, seed: [u8; 32]) -> Option<Ctx<'a>> {
        Some(Ctx {
            overlay: step.overlay,
            mls: &self.mls,
            rng: RefCell::new(ChaCha20Rng::from_seed(seed)),
            keys: &self.keys,
            record: self.record.as_ref()?,
            now: step.wall(),
            revocations: &self.revocations,
        })
    }

    /// The grant that makes this device one of its principal; none before it is enrolled.
    #[must_use]
    pub fn own_grant(&self) -> Option<&ChainBytes> {
        self.me.chain.as_ref()
    }

    pub(crate) fn id(&self) -> DeviceId {
        self.keys.id()
    }

    /// This device's own grant. It was verified when it was stored; that it holds now is asked where it is used.
    pub(crate) fn own_chain(&self) -> Option<Chain> {
        let principal = self.me.principal?;
        self.me.chain.clone()?.verify(&principal, self.me.granted_at, &Revocations::new()).ok()
    }

    /// The grant, or why there is none to act under.
    pub(crate) fn standing_chain(&self) -> Result<&Chain, Halt<CommandError>> {
        self.chain.as_ref().ok_or(Halt::Refuse(CommandError::NotSettled))
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("device", &self.id())
            .field("links", &self.links.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use frontdesk_identity::RootKey;
    use frontdesk_store::{MemoryStore, Store as _};

    /// A deadline has several parts: what one of them wants sent must not be lost because a later one is refused, when
    /// it is on record as sent.
    #[test]
    fn a_part_that_is_taken_back_takes_back_only_its_own_frames() {
        let mut rng = ChaCha20Rng::seed_from_u64(8);
        let (keys, root) = (DeviceKeys::generate(&mut rng), RootKey::generate(&mut rng));
        let store = MemoryStore::new();
        let overlay = Overlay::new(&store);
        let now = Now { mono: Millis(1), wall: UnixTime(1_767_225_600) };
        crate::found_customer(&overlay, &keys, &root, "Carla", now.wall, &mut rng).unwrap();
        store.commit(&overlay.into_batch()).unwrap();
        let mut engine = Engine::open(&store, keys, Settings::default(), [7; 32]).unwrap();
        let overlay = Overlay::new(&store);
        let step = Step { overlay: &overlay, now };
        let body = || {
            let (from, to) = (frontdesk_wire::Seq(1), frontdesk_wire::Seq(1));
            let (thread, author) = (ThreadId::from_bytes([1; 32]), DeviceId::from_bytes([2; 32]));
            Body::RefillRequest(frontdesk_wire::RefillRequest { thread, era: 0, author, from, to })
        };
        let peer = |byte| TransportKey::from_bytes([byte; 32]);
        engine.enqueue(peer(1), About::Nothing, body());
        let mark = engine.mark(step);
        engine.enqueue(peer(2), About::Nothing, body());
        engine.undo(step, mark);
        let left: Vec<TransportKey> = engine.pending.iter().map(|(to, _, _)| *to).collect();
        assert_eq!(left, [peer(1)]);
    }
}
