//! A node through its lives: what stays when it is stopped and started again, and how to ask it for something.

use super::{
    clock::Clock,
    driver::{Driver, Request, addresses},
    ledger::Ledger,
};
use crate::{NodeId, SimError, around::Around};
use frontdesk_engine::{Answer, Command, CommandError, Engine, Query, Reply, Settings, StatusView};
use frontdesk_identity::DeviceKeys;
use frontdesk_net::{Net, NetConfig, NetEvent, TransportSecret};
use frontdesk_store::{Fault, MemoryStore, Store as _};
use std::sync::{Arc, Mutex, PoisonError, atomic::AtomicU64};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

/// Requests that wait for their turn; past it, callers wait.
const INBOX: usize = 256;
/// All nodes have one IP address here.
const ALL_FROM_ONE_ADDRESS: u32 = 512;

/// A node.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) id: NodeId,
    pub(super) keys: DeviceKeys,
    settings: Settings,
    store: Arc<MemoryStore>,
    ledger: Arc<Ledger>,
    clock: Clock,
    commands: Arc<AtomicU64>,
    life: Mutex<Option<Life>>,
}

/// A node that runs.
#[derive(Debug)]
struct Life {
    inbox: mpsc::Sender<Request>,
    net: Net,
    task: JoinHandle<()>,
}

impl Node {
    pub(super) fn new(
        (id, keys, settings): (NodeId, DeviceKeys, Settings),
        store: MemoryStore,
        ledger: Arc<Ledger>,
        clock: Clock,
        commands: Arc<AtomicU64>,
    ) -> Self {
        Self { id, keys, settings, store: Arc::new(store), ledger, clock, commands, life: Mutex::default() }
    }

    /// Starts it from what is in its store, at a port that is free.
    pub(super) async fn start(&self, seed: [u8; 32]) -> Result<(), SimError> {
        let engine = Engine::open(&*self.store, self.keys.clone(), self.settings, seed)?;
        let (net, mut news) = Net::start(self.net_config()).map_err(|error| self.unable(&error))?;
        while addresses(&net).is_empty() {
            // Nobody knows yet where it is, so nothing else can be news.
            let Some(NetEvent::Listening { .. }) = news.recv().await else {
                return Err(self.unable(&"it does not listen"));
            };
        }
        let (inbox, requests) = mpsc::channel(INBOX);
        let driver = Driver {
            id: self.id,
            device: self.keys.id(),
            engine,
            store: Arc::clone(&self.store),
            net: net.clone(),
            news,
            inbox: requests,
            ledger: Arc::clone(&self.ledger),
            clock: self.clock,
            commands: Arc::clone(&self.commands),
            flush_at: None,
            around: Around::default(),
        };
        let task = tokio::spawn(driver.run());
        *self.life() = Some(Life { inbox, net, task });
        Ok(())
    }

    fn net_config(&self) -> NetConfig {
        NetConfig {
            listen: vec!["/ip4/127.0.0.1/tcp/0".into()],
            max_frame: frontdesk_wire::limits::MAX_FRAME,
            max_per_ip: ALL_FROM_ONE_ADDRESS,
            ..NetConfig::new(TransportSecret::new(self.keys.transport().to_seed()))
        }
    }

    fn unable(&self, error: &dyn std::fmt::Display) -> SimError {
        SimError::Broken(format!("the network of node {}: {error}", self.id.0))
    }

    /// Stops it in good order, as the program stops: all that it wrote is flushed.
    pub(super) async fn stop(&self) {
        let Some(life) = self.take_life() else { return };
        drop(life.inbox);
        let _ = life.task.await;
        let _ = self.store.flush();
    }

    /// Its next flush fails, and what was not flushed before is gone.
    pub(super) fn fail_next_flush(&self) {
        self.store.fail_next_flush(Fault::Injected);
    }

    /// Stops it wherever it is between two steps or in the middle of its actions. What was not flushed is gone.
    pub(super) async fn crash(&self) {
        let Some(life) = self.take_life() else { return };
        life.task.abort();
        let _ = life.task.await;
        self.store.crash();
        life.net.shutdown().await;
    }

    /// The network of its present life.
    pub(super) fn net(&self) -> Option<Net> {
        self.life().as_ref().map(|life| life.net.clone())
    }

    /// Has a command done. When this returns, its outcome is durable.
    pub(super) async fn command(&self, command: Command) -> Result<Reply, SimError> {
        let (reply, answer) = oneshot::channel();
        self.request(Request::Command(command, reply)).await?;
        // A node that stops meanwhile answers nothing.
        let done: Result<Reply, CommandError> = answer.await.map_err(|_| SimError::Down)?;
        Ok(done?)
    }

    pub(super) async fn query(&self, query: Query) -> Result<Answer, SimError> {
        let (reply, answer) = oneshot::channel();
        self.request(Request::Question(query, reply)).await?;
        Ok(answer.await.map_err(|_| SimError::Down)??)
    }

    pub(super) async fn status(&self) -> Result<StatusView, SimError> {
        let Answer::Status(status) = self.query(Query::Status).await? else {
            return Err(SimError::Broken("a status that is none".into()));
        };
        Ok(*status)
    }

    async fn request(&self, request: Request) -> Result<(), SimError> {
        let inbox = self.life().as_ref().map(|life| life.inbox.clone()).ok_or(SimError::Down)?;
        inbox.send(request).await.map_err(|_| SimError::Down)
    }

    fn take_life(&self) -> Option<Life> {
        self.life().take()
    }

    fn life(&self) -> std::sync::MutexGuard<'_, Option<Life>> {
        self.life.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
