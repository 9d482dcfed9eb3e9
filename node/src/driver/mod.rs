//! The driver: the one actor that owns engine and store, and moves bytes between them, the network and the API.
//!
//! It runs on a thread of its own (the one that called [`Driver::run`]), so that waiting for the disk holds up nobody
//! else and no step hops between threads. Each turn takes what waits (commands first, then frames), makes one step of
//! it with one flush, and only then sends and tells: *persist, then send or acknowledge*.
//!
//! Order of life: [`Driver::new`], [`Driver::run`] until the stop token is cancelled, then the last turn, the network's
//! shutdown, and a last flush.

mod core;
mod feed;
mod handle;
mod journal;
mod network;
mod turn;

pub(crate) use self::core::{Core, StoreFailure};
pub(crate) use feed::{Subscription, Told};
pub(crate) use handle::{Handle, HandleError};
pub(crate) use network::dialable;

use self::{feed::Feed, handle::Request, turn::Turn};
use frontdesk_engine::{Input, Millis, Now, Output};
use frontdesk_identity::UnixTime;
use frontdesk_net::{EventReceiver, Net, NetEvent};
use frontdesk_store::Store;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::{sync::mpsc, time::Sleep};
use tokio_util::sync::CancellationToken;

/// Requests from the API that wait for their turn; past it, callers wait.
const INBOX: usize = 256;
/// Commands in one step: enough to share a flush, few enough to leave room for frames.
const LOCAL_A_TURN: usize = 64;
/// Frames and other news from the network in one step.
const REMOTE_A_TURN: usize = 128;
/// How long to wait before a store that failed is opened again.
const REOPEN_AFTER: Duration = Duration::from_secs(2);

/// The actor. See the module.
pub(crate) struct Driver<S> {
    core: Core<S>,
    net: Net,
    news: EventReceiver,
    requests: mpsc::Receiver<Request>,
    feed: Feed,
    /// Addresses that others can dial, besides those of this machine.
    external: Vec<String>,
    /// What the network told before the driver ran.
    early: Vec<NetEvent>,
    began: Instant,
    stop: CancellationToken,
}

impl<S: Store> Driver<S> {
    /// A driver that is ready to run, and the handle to talk to it.
    pub(crate) fn new(
        core: Core<S>,
        (net, news): (Net, EventReceiver),
        external: Vec<String>,
        event_buffer: usize,
        stop: CancellationToken,
    ) -> (Self, Handle) {
        let (inbox, requests) = mpsc::channel(INBOX);
        let feed = Feed::new(event_buffer);
        let handle = Handle::new(inbox, feed.clone());
        let (early, began) = (Vec::new(), Instant::now());
        let driver = Self { core, net, news, requests, feed, external, early, began, stop };
        (driver, handle)
    }

    /// Takes up what the network has told already.
    pub(crate) fn with_early_news(mut self, early: Vec<NetEvent>) -> Self {
        self.early = early;
        self
    }

    /// Where this node can be dialled now.
    pub(crate) fn addresses_now(&self) -> Vec<String> {
        dialable(&self.external, self.net.listening())
    }

    /// Runs until the stop token is cancelled, then drains, closes the network, and flushes.
    ///
    /// # Errors
    /// The store's, if what was under way at the end could not be made durable.
    pub(crate) async fn run(mut self) -> Result<(), StoreFailure> {
        let now = self.now();
        let begun = self.core.start(now);
        let mut turn = self.settle(begun, Turn::default()).await;
        turn.take_input(Input::Addresses(self.addresses_now()));
        for event in std::mem::take(&mut self.early) {
            self.take_news(event, &mut turn);
        }
        self.play(turn).await;
        let alarm = tokio::time::sleep(Duration::MAX);
        tokio::pin!(alarm);
        while !self.stop.is_cancelled() {
            self.set(alarm.as_mut());
            let mut turn = Turn::default();
            tokio::select! {
                biased;
                () = self.stop.cancelled() => break,
                () = alarm.as_mut() => turn.take_input(Input::Deadline),
                Some(request) = self.requests.recv() => turn.take_request(request),
                Some(event) = self.news.recv() => self.take_news(event, &mut turn),
                else => break,
            }
            self.gather(&mut turn);
            self.play(turn).await;
        }
        self.close().await
    }

    /// Takes what waits already, up to the bounds of a turn.
    fn gather(&mut self, turn: &mut Turn) {
        for _ in 0..LOCAL_A_TURN {
            let Ok(request) = self.requests.try_recv() else { break };
            turn.take_request(request);
        }
        for _ in 0..REMOTE_A_TURN {
            let Some(event) = self.news.try_recv() else { break };
            self.take_news(event, turn);
        }
    }

    /// One step: inputs, batch, flush; then the actions, the events, the answers.
    async fn play(&mut self, mut turn: Turn) {
        let now = self.now();
        let inputs = turn.take_inputs();
        if !inputs.is_empty() {
            let outcome = self.core.step(now, inputs);
            turn = self.settle(outcome, turn).await;
        }
        turn.answer(now, &self.core);
    }

    async fn settle(&mut self, outcome: Result<Output, StoreFailure>, mut turn: Turn) -> Turn {
        match outcome {
            Ok(output) => {
                network::perform(&self.net, output.actions).await;
                for event in output.events {
                    if let Some(event) = turn.settle(event) {
                        journal::record(&event);
                        self.feed.publish(event);
                    }
                }
            }
            Err(error) => {
                tracing::error!(%error, "the store failed; what was under way is void");
                turn.fail(&error);
            }
        }
        turn
    }

    /// Sets the alarm to the engine's next deadline, or to the next try at a store that failed.
    fn set(&self, alarm: std::pin::Pin<&mut Sleep>) {
        let due = match self.core.next_deadline() {
            Some(Millis(due)) => self.began.checked_add(Duration::from_millis(due)),
            None => None,
        };
        let far = || Instant::now() + Duration::from_secs(86_400);
        let due = tokio::time::Instant::from_std(due.unwrap_or_else(far));
        if alarm.deadline() != due {
            alarm.reset(due);
        }
    }

    /// Nothing new is taken in; what waits is done, sent, and made durable.
    async fn close(mut self) -> Result<(), StoreFailure> {
        self.requests.close();
        let mut turn = Turn::default();
        while let Ok(request) = self.requests.try_recv() {
            turn.take_request(request);
        }
        self.play(turn).await;
        self.net.shutdown().await;
        self.core.close()
    }

    fn now(&self) -> Now {
        let mono = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        Now { mono: Millis(mono), wall: wall_clock() }
    }
}

/// The time by the clock on the wall. A clock before 1970 reads as 1970; `frontdesk doctor` tells.
pub(crate) fn wall_clock() -> UnixTime {
    UnixTime(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()))
}
