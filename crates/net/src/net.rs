//! The handle that the rest of the program holds.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use tokio::sync::{mpsc, oneshot};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    actor::{Actor, Command},
    address,
    config::NetConfig,
    error::{DialRefused, NetError, SendRefused},
    event::EventReceiver,
    key::PeerKey,
    link::SendQueue,
};

/// Commands that wait for the actor; past it, callers of [`Net::dial`] and the like wait their turn.
const INBOX: usize = 256;

/// A running network; clones share it. It ends with [`Net::shutdown`], or when the last handle or the
/// [`EventReceiver`] is dropped.
#[derive(Clone)]
pub struct Net {
    shared: Arc<Shared>,
    inbox: mpsc::Sender<Command>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Net {
    /// Binds the listeners and starts. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// A configuration out of range, an address that can't be listened on, or a part that could not be set up.
    pub fn start(config: NetConfig) -> Result<(Self, EventReceiver), NetError> {
        let (inbox, commands) = mpsc::channel(INBOX);
        let shared = Arc::new(Shared::new(config.secret.peer_key(), config.max_frame));
        let stop = CancellationToken::new();
        let (actor, events) = Actor::new(config, Arc::clone(&shared), commands, stop.clone())?;
        let tasks = TaskTracker::new();
        tasks.spawn(actor.run());
        tasks.close();
        Ok((Self { shared, inbox, stop, tasks }, events))
    }

    /// This node's transport key.
    pub fn key(&self) -> PeerKey {
        self.shared.key
    }

    /// The multiaddrs at which this node can be dialled now, each with `/p2p/<peer id>`. Empty until the first
    /// [`NetEvent::Listening`](crate::NetEvent::Listening).
    pub fn listening(&self) -> Vec<String> {
        self.shared.listening.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Wants a link to `peer`: dials these addresses now, and again by itself, with exponential backoff and jitter,
    /// whenever there is no link, until [`Net::forget`]. Later calls add addresses (the newest 16 are kept); an address not
    /// known before brings an early try, at most one a second. Addresses that don't parse, or name another peer, are
    /// skipped. With no address at all the peer is tried when one becomes known.
    ///
    /// # Errors
    /// Addresses were given and none can be used; too many peers are wanted; `peer` is this node; shutting down.
    pub async fn dial(&self, peer: PeerKey, addresses: Vec<String>) -> Result<(), DialRefused> {
        if peer == self.shared.key {
            return Err(DialRefused::OwnKey);
        }
        let addresses = address::usable(peer, &addresses)?;
        let (reply, answer) = oneshot::channel();
        let dial = Command::Dial { peer, addresses, reply };
        self.command(dial).await.map_err(|_| DialRefused::ShuttingDown)?;
        answer.await.unwrap_or(Err(DialRefused::ShuttingDown))
    }

    /// No longer wants a link to `peer`. A link that is up stays up.
    pub async fn forget(&self, peer: PeerKey) {
        // A network that is gone has forgotten everyone.
        let _ = self.command(Command::Forget { peer }).await;
    }

    /// Ends the connections to `peer` without writing what is queued, and with `ban_for` refuses new ones for that
    /// long (at most 1024 bans are remembered; the one that ends first gives way). A wanted peer without a ban is dialled
    /// again.
    pub async fn disconnect(&self, peer: PeerKey, ban_for: Option<Duration>) {
        let _ = self.command(Command::Disconnect { peer, ban_for }).await;
    }

    /// Queues a frame of 1 to `max_frame` bytes for `peer`; never waits. `Ok` means that the frame will be written, in
    /// order, if the link lives; whether it arrived only the peer can say.
    ///
    /// # Errors
    /// No link, a full queue, a frame that is empty or too large, shutting down.
    pub fn send(&self, peer: PeerKey, frame: Vec<u8>) -> Result<(), SendRefused> {
        if self.stop.is_cancelled() {
            return Err(SendRefused::ShuttingDown);
        }
        if frame.len() > self.shared.max_frame {
            return Err(SendRefused::TooLarge { len: frame.len(), limit: self.shared.max_frame });
        }
        let links = self.shared.links.read().unwrap_or_else(PoisonError::into_inner);
        links.get(&peer).ok_or(SendRefused::NotConnected)?.push(frame)
    }

    /// The peers that frames can be sent to now.
    pub fn connected(&self) -> Vec<PeerKey> {
        self.shared.links.read().unwrap_or_else(PoisonError::into_inner).keys().copied().collect()
    }

    /// Stops: takes no more frames, writes those that are queued and waits until the peers have read them, closes all
    /// connections; within the grace time of the configuration. Returns when all is closed. Calling it again, from any
    /// clone, is fine.
    pub async fn shutdown(&self) {
        self.stop.cancel();
        self.tasks.wait().await;
    }

    async fn command(&self, command: Command) -> Result<(), mpsc::error::SendError<Command>> {
        self.inbox.send(command).await
    }
}

impl fmt::Debug for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Net").field("key", &self.shared.key).finish_non_exhaustive()
    }
}

/// What handles and actor both see.
pub(crate) struct Shared {
    pub(crate) key: PeerKey,
    max_frame: usize,
    links: RwLock<HashMap<PeerKey, Arc<SendQueue>>>,
    listening: RwLock<Vec<String>>,
}

impl Shared {
    fn new(key: PeerKey, max_frame: usize) -> Self {
        Self { key, max_frame, links: RwLock::default(), listening: RwLock::default() }
    }

    pub(crate) fn link_up(&self, peer: PeerKey, queue: Arc<SendQueue>) {
        self.links.write().unwrap_or_else(PoisonError::into_inner).insert(peer, queue);
    }

    pub(crate) fn link_down(&self, peer: PeerKey) {
        self.links.write().unwrap_or_else(PoisonError::into_inner).remove(&peer);
    }

    pub(crate) fn is_without_links(&self) -> bool {
        self.links.read().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    pub(crate) fn close_queues(&self) {
        self.links.read().unwrap_or_else(PoisonError::into_inner).values().for_each(|queue| queue.close());
    }

    pub(crate) fn listening_on(&self, address: &str) {
        self.listening.write().unwrap_or_else(PoisonError::into_inner).push(address.to_owned());
    }

    pub(crate) fn listening_ended(&self, address: &str) {
        self.listening.write().unwrap_or_else(PoisonError::into_inner).retain(|known| known != address);
    }
}
