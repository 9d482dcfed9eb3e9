//! What the network tells its consumer, in order, through one bounded channel.

use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, mpsc};

use crate::key::PeerKey;

/// A fact from the network. For one peer the order is `PeerUp`, then any `Frame` and `Writable`, then `PeerDown`, and
/// so on again; frames of one peer come in the order in which they were sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NetEvent {
    /// This node can be dialled here: a concrete multiaddr that ends in `/p2p/<peer id>`.
    Listening {
        /// The multiaddr.
        address: String,
    },
    /// This node can no longer be dialled here (an interface went away, or the listener broke).
    ListeningEnded {
        /// The multiaddr, as it was told by `Listening`.
        address: String,
        /// The system's words, if it was not by choice.
        reason: Option<String>,
    },
    /// Frames can flow in both directions.
    PeerUp {
        /// The peer.
        peer: PeerKey,
        /// Where it is, as a multiaddr; when it dialled us, the port is its sending port, of no use for dialling.
        address: String,
        /// Whether the peer dialled.
        inbound: bool,
    },
    /// Frames no longer flow. Those still queued for the peer are gone: send again after the next `PeerUp`.
    PeerDown {
        /// The peer.
        peer: PeerKey,
        /// Why.
        reason: DownReason,
    },
    /// One frame, 1 to `max_frame` bytes.
    Frame {
        /// The sender, authenticated by the transport.
        peer: PeerKey,
        /// The frame's bytes, without the length.
        bytes: Vec<u8>,
    },
    /// After a send was refused because the queue was full: it is at most half full now.
    Writable {
        /// The peer.
        peer: PeerKey,
    },
    /// A wanted peer could not be reached.
    DialFailed {
        /// The peer.
        peer: PeerKey,
        /// Why.
        reason: DialFailure,
        /// When it will be tried again.
        retry_in: Duration,
    },
    /// Someone on the local network says that this peer is here. Not authenticated; only with `mdns` on.
    Discovered {
        /// The peer.
        peer: PeerKey,
        /// Its multiaddrs, at most 16.
        addresses: Vec<String>,
    },
}

/// Why a link ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DownReason {
    /// The peer ended the link in good order.
    #[error("the peer closed the link")]
    Closed,
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Lost(String),
    /// The peer answered no ping in time.
    #[error("the peer no longer answers pings")]
    PingTimeout,
    /// The peer broke the protocol.
    #[error("the peer broke the protocol: {0}")]
    Violation(Violation),
    /// The peer opened a newer link, having lost sight of this one. `PeerUp` follows.
    #[error("replaced by a newer link")]
    Replaced,
    /// [`Net::disconnect`](crate::Net::disconnect) was called.
    #[error("disconnected by this node")]
    Disconnected,
    /// This node is shutting down.
    #[error("this node is shutting down")]
    ShuttingDown,
}

/// How a peer broke the protocol of the framed stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Violation {
    /// It announced a frame larger than it was told to send. Nothing was allocated for it.
    #[error("announced a frame of {announced} bytes where {limit} are allowed")]
    OversizedFrame {
        /// The length that it announced, bytes.
        announced: u32,
        /// The largest allowed, bytes.
        limit: u32,
    },
    /// It sent a frame of no bytes.
    #[error("sent an empty frame")]
    EmptyFrame,
    /// It ended the stream within a frame.
    #[error("ended the stream within a frame")]
    TruncatedFrame,
    /// Its greeting was not one.
    #[error("sent a malformed greeting")]
    BadGreeting,
    /// It opened a second stream on one connection.
    #[error("opened a second stream")]
    SecondStream,
    /// It opened the stream although its key is the larger one.
    #[error("opened the stream that is ours to open")]
    WrongOpener,
}

/// Why a dial failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DialFailure {
    /// None of the addresses answered.
    #[error("no address answered: {0}")]
    Unreachable(String),
    /// Another peer answered there; it was not connected. If other addresses are known, this one is dropped.
    #[error("another peer answers at {address}: {found}")]
    WrongPeer {
        /// The peer id found.
        found: String,
        /// The address dialled.
        address: String,
    },
    /// This node itself answered there.
    #[error("{address} is an address of this node")]
    OwnAddress {
        /// The address dialled.
        address: String,
    },
    /// No address of the peer is known yet.
    #[error("no address is known")]
    NoAddress,
    /// This node's own limits, or a ban that it set.
    #[error("not allowed by this node: {0}")]
    Denied(String),
    /// Connected, but the peer set up no link.
    #[error("the peer answered but set up no link")]
    NoLink,
    /// The attempt was given up.
    #[error("the attempt was given up")]
    Aborted,
}

/// Where the consumer takes events. Dropping it shuts the network down.
#[derive(Debug)]
pub struct EventReceiver(pub(crate) mpsc::Receiver<Envelope>);

impl EventReceiver {
    /// The next event; `None` after shutdown. Cancel safe.
    pub async fn recv(&mut self) -> Option<NetEvent> {
        self.0.recv().await.map(Envelope::open)
    }

    /// The next event if one is there.
    pub fn try_recv(&mut self) -> Option<NetEvent> {
        self.0.try_recv().ok().map(Envelope::open)
    }
}

/// An event on its way, with its share of the receive budget.
#[derive(Debug)]
pub(crate) struct Envelope {
    pub(crate) event: NetEvent,
    pub(crate) budget: Option<OwnedSemaphorePermit>,
}

impl Envelope {
    fn open(self) -> NetEvent {
        drop(self.budget);
        self.event
    }
}
