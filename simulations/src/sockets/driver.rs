//! A node's turns, as the program's driver takes them: what waits, one step, one flush, and only then the actions.

use super::{clock::Clock, ledger::Ledger};
use crate::{
    NodeId, SimError,
    around::{Around, FLUSH_WITHIN},
    lab::truth::number_of,
};
use frontdesk_engine::{
    Action, Answer, Command, CommandError, CommandId, Engine, Event, Input, Millis, Now, Output, Query,
    Reply, StepError,
};
use frontdesk_identity::{DeviceId, ThreadId, TransportKey};
use frontdesk_net::{EventReceiver, Net, NetEvent, PeerKey};
use frontdesk_store::{MemoryStore, Overlay, Store as _};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::sync::{mpsc, oneshot};

/// Commands in one step at most, and news from the network, as the program has it.
const LOCAL_A_TURN: usize = 64;
const REMOTE_A_TURN: usize = 128;
/// With nothing to wait for, a look at the clock this often does no harm.
const IDLE: Duration = Duration::from_secs(3600);

/// What an owner wants of a node.
#[derive(Debug)]
pub(super) enum Request {
    Command(Command, oneshot::Sender<Result<Reply, CommandError>>),
    Question(Query, oneshot::Sender<Result<Answer, StepError>>),
}

/// A command under way, and what the reference has to know if it is a text.
#[derive(Debug)]
struct Waiting {
    reply: oneshot::Sender<Result<Reply, CommandError>>,
    text: Option<String>,
    audience: BTreeSet<NodeId>,
}

/// The driver of one life of a node. It ends when nobody can ask it for anything any more.
pub(super) struct Driver {
    pub(super) id: NodeId,
    pub(super) device: DeviceId,
    pub(super) engine: Engine,
    pub(super) store: Arc<MemoryStore>,
    pub(super) net: Net,
    pub(super) news: EventReceiver,
    pub(super) inbox: mpsc::Receiver<Request>,
    pub(super) ledger: Arc<Ledger>,
    pub(super) clock: Clock,
    /// Numbers for commands, no two alike in a run.
    pub(super) commands: Arc<AtomicU64>,
    /// When what lazy steps wrote is flushed, if no other step does it before.
    pub(super) flush_at: Option<Millis>,
    pub(super) around: Around,
}

#[derive(Default)]
struct Turn {
    inputs: Vec<Input>,
    waiting: BTreeMap<CommandId, Waiting>,
    questions: Vec<(Query, oneshot::Sender<Result<Answer, StepError>>)>,
}

impl Driver {
    /// Runs until it is to end in good order, or until a step can't be taken.
    pub(super) async fn run(mut self) {
        if let Err(error) = self.live().await {
            let (at, seen) = (self.clock.millis(), format!("node {}: {error}", self.id.0));
            self.ledger.book().truth.broken(at, "every step can be taken", seen);
        }
        self.net.shutdown().await;
    }

    async fn live(&mut self) -> Result<(), SimError> {
        self.begin().await?;
        let mut first = Turn::default();
        first.inputs.push(Input::Addresses(addresses(&self.net)));
        self.play(first).await?;
        loop {
            let due = [self.engine.next_deadline(), self.flush_at].into_iter().flatten().min();
            let wait = due.map_or(IDLE, |due| self.clock.until(due));
            let mut turn = Turn::default();
            tokio::select! {
                biased;
                () = tokio::time::sleep(wait) => turn.inputs.push(Input::Deadline),
                request = self.inbox.recv() => match request {
                    Some(request) => self.take_request(request, &mut turn)?,
                    None => return Ok(()),
                },
                Some(news) = self.news.recv() => self.take_news(news, &mut turn),
            }
            self.gather(&mut turn)?;
            self.play(turn).await?;
        }
    }

    /// Takes what waits already.
    fn gather(&mut self, turn: &mut Turn) -> Result<(), SimError> {
        for _ in 0..LOCAL_A_TURN {
            let Ok(request) = self.inbox.try_recv() else { break };
            self.take_request(request, turn)?;
        }
        for _ in 0..REMOTE_A_TURN {
            let Some(news) = self.news.try_recv() else { break };
            self.take_news(news, turn);
        }
        Ok(())
    }

    fn take_request(&self, request: Request, turn: &mut Turn) -> Result<(), SimError> {
        match request {
            Request::Question(query, reply) => turn.questions.push((query, reply)),
            Request::Command(command, reply) => {
                let (text, audience) = self.audience(&command)?;
                let id = CommandId(self.commands.fetch_add(1, Ordering::Relaxed));
                turn.waiting.insert(id, Waiting { reply, text, audience });
                turn.inputs.push(Input::Command { id, command });
            }
        }
        Ok(())
    }

    /// Who is to read what a command says, as this node knows it.
    fn audience(&self, command: &Command) -> Result<(Option<String>, BTreeSet<NodeId>), SimError> {
        let none = (None, BTreeSet::new());
        if let Command::Contact { text, .. } = command {
            return Ok((Some(text.clone()), BTreeSet::from([self.id, super::ledger::STEWARD])));
        }
        let Command::Send { thread, text } = command else { return Ok(none) };
        let who = self.engine.query(self.clock.now(), &*self.store, &Query::Who(*thread))?;
        let Answer::Who(Some(who)) = who else { return Ok(none) };
        let book = self.ledger.book();
        let members = who.members.iter().filter(|member| !member.expired);
        Ok((Some(text.clone()), members.filter_map(|member| book.node_of(&member.device)).collect()))
    }

    fn take_news(&self, news: NetEvent, turn: &mut Turn) {
        match news {
            NetEvent::Frame { peer, bytes } => {
                turn.inputs.push(Input::Frame { from: transport_key(peer), bytes });
            }
            NetEvent::PeerUp { peer, .. } => turn.inputs.push(Input::PeerUp(transport_key(peer))),
            NetEvent::PeerDown { peer, .. } => turn.inputs.push(Input::PeerDown(transport_key(peer))),
            NetEvent::Listening { .. } | NetEvent::ListeningEnded { .. } => {
                turn.inputs.push(Input::Addresses(addresses(&self.net)));
            }
            NetEvent::DialFailed { .. } | NetEvent::Discovered { .. } | NetEvent::Writable { .. } => {}
        }
    }

    async fn play(&mut self, mut turn: Turn) -> Result<(), SimError> {
        let inputs = std::mem::take(&mut turn.inputs);
        inputs.iter().for_each(|input| self.around.note(input));
        if !inputs.is_empty() {
            let output = self.step(|engine, now, overlay| {
                inputs.into_iter().try_for_each(|input| engine.handle(now, input, overlay))
            });
            turn = match output {
                Ok(output) => self.settle(output, turn).await?,
                Err(error) => self.recover(&error, turn).await?,
            };
        }
        for (query, reply) in turn.questions {
            // Who has gone away meanwhile needs no answer.
            let _ = reply.send(self.engine.query(self.clock.now(), &*self.store, &query));
        }
        Ok(())
    }

    /// The engine's beginning: the first step, and the first after a failure.
    async fn begin(&mut self) -> Result<(), SimError> {
        let around = self.around.as_inputs();
        let output = self.step(|engine, now, overlay| {
            engine.start(now, overlay)?;
            around.into_iter().try_for_each(|input| engine.handle(now, input, overlay))
        })?;
        self.settle(output, Turn::default()).await.map(drop)
    }

    /// The store failed: what was under way is void, and so is what was not flushed. It is opened again, and the engine
    /// reads it anew.
    async fn recover(&mut self, error: &StepError, mut turn: Turn) -> Result<Turn, SimError> {
        for waiting in std::mem::take(&mut turn.waiting).into_values() {
            let _ = waiting.reply.send(Err(CommandError::Storage(error.to_string())));
        }
        self.flush_at = None;
        self.store.crash();
        self.engine.reload(&*self.store)?;
        self.begin().await?;
        Ok(turn)
    }

    /// One step, durable when this returns, or soon if it is lazy.
    fn step(
        &mut self,
        work: impl FnOnce(&mut Engine, Now, &Overlay<'_>) -> Result<(), StepError>,
    ) -> Result<Output, StepError> {
        let now = self.clock.now();
        let overlay = Overlay::new(&*self.store);
        work(&mut self.engine, now, &overlay)?;
        let output = self.engine.finish(now, &overlay)?;
        let batch = overlay.into_batch();
        self.store.commit(&batch)?;
        if output.lazy && !batch.is_empty() {
            self.flush_at.get_or_insert(now.mono.plus(FLUSH_WITHIN));
        }
        if (!output.lazy && !batch.is_empty()) || self.flush_at.is_some_and(|at| at <= now.mono) {
            self.store.flush()?;
            self.flush_at = None;
        }
        self.around.are_known();
        Ok(output)
    }

    /// The reference hears first, then the network acts, then the owner is answered.
    async fn settle(&mut self, output: Output, mut turn: Turn) -> Result<Turn, SimError> {
        let mut answers = Vec::new();
        {
            let (at, mut book) = (self.clock.millis(), self.ledger.book());
            for event in output.events {
                if let Event::CommandDone { id, result } = &event
                    && let Some(waiting) = turn.waiting.remove(id)
                {
                    if let Some((thread, name)) = self.said(result)
                        && let Some(text) = waiting.text.as_deref().filter(|text| number_of(text).is_some())
                    {
                        if matches!(result, Ok(Reply::Opened { .. })) {
                            book.truth.founders.insert(thread, [self.id, super::ledger::STEWARD]);
                        }
                        book.says((text, name), (thread, self.id, at), waiting.audience);
                    }
                    answers.push((waiting.reply, result.clone()));
                }
                book.hear(at, self.id, &event);
            }
        }
        self.perform(output.actions).await;
        for (reply, result) in answers {
            let _ = reply.send(result);
        }
        Ok(turn)
    }

    /// The thread and the name of a text that was taken.
    fn said(&self, result: &Result<Reply, CommandError>) -> Option<(ThreadId, String)> {
        match result {
            Ok(Reply::Queued { thread, message, .. }) => Some((*thread, message.clone())),
            Ok(Reply::Opened { thread }) => Some((*thread, format!("{}.1", self.device.fmt_short()))),
            Ok(
                Reply::Done
                | Reply::Invited { .. }
                | Reply::Approved { .. }
                | Reply::Forwarded { .. }
                | Reply::Asked { .. },
            )
            | Err(_) => None,
        }
    }

    async fn perform(&mut self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Send { to, frame } => self.send(to, frame),
                // A peer that can't be dialled is tried again when the engine knows more.
                Action::Dial { peer, addresses } => drop(self.net.dial(peer_key(peer), addresses).await),
                Action::Forget(peer) => self.net.forget(peer_key(peer)).await,
                Action::Disconnect { peer, ban } => {
                    let (at, seen) = (self.clock.millis(), format!("node {} shuts a peer out", self.id.0));
                    self.ledger.book().truth.broken(at, "honest nodes keep the rules", seen);
                    let ban = (ban > 0).then(|| Duration::from_millis(ban));
                    self.net.disconnect(peer_key(peer), ban).await;
                }
            }
        }
    }

    /// A frame that can't be queued is dropped: the engine sends it again.
    fn send(&self, to: TransportKey, frame: Vec<u8>) {
        let bytes = u64::try_from(frame.len()).unwrap_or(u64::MAX);
        if self.net.send(peer_key(to), frame).is_ok() {
            let mut book = self.ledger.book();
            book.figures.frames += 1;
            book.figures.bytes += bytes;
        }
    }
}

/// Where a node can be dialled, without its own name at the end.
pub(super) fn addresses(net: &Net) -> Vec<String> {
    let strip = |address: String| address.split("/p2p/").next().unwrap_or_default().to_owned();
    net.listening().into_iter().map(strip).collect()
}

pub(super) fn peer_key(key: TransportKey) -> PeerKey {
    PeerKey(*key.as_bytes())
}

const fn transport_key(key: PeerKey) -> TransportKey {
    TransportKey::from_bytes(key.0)
}
