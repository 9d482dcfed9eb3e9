//! Why an operation on the network was refused.

/// Why the network could not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NetError {
    /// The caller's configuration: a multiaddr that isn't one.
    #[error("{address} is not an address to use here: {reason}")]
    InvalidAddress {
        /// The text given.
        address: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The caller's configuration: a number out of range.
    #[error("{field} is {value}, which is out of range: {range}")]
    OutOfRange {
        /// The field of [`NetConfig`](crate::NetConfig).
        field: &'static str,
        /// What it was set to.
        value: usize,
        /// What it can be.
        range: &'static str,
    },
    /// Another program listens there.
    #[error(
        "{address} is in use by another program (or by this one, already running): stop it, or listen on another port; port 0 takes a free one"
    )]
    AddressInUse {
        /// The multiaddr.
        address: String,
    },
    /// The system doesn't let this user listen there.
    #[error(
        "not permitted to listen on {address}: take a port above 1023, or give the program the right to bind low ports"
    )]
    NotPermitted {
        /// The multiaddr.
        address: String,
    },
    /// This machine has no such address.
    #[error("this machine has no address {address}: use one of its own, or /ip4/0.0.0.0/... for all of them")]
    AddressNotHere {
        /// The multiaddr.
        address: String,
    },
    /// Listening failed for another reason.
    #[error("can't listen on {address}: {reason}")]
    Listen {
        /// The multiaddr.
        address: String,
        /// The system's words.
        reason: String,
    },
    /// Encryption or discovery on the local network could not be set up.
    #[error("can't set up {part}: {reason}")]
    Setup {
        /// Which part.
        part: &'static str,
        /// Its words.
        reason: String,
    },
}

/// Why a frame was not queued. Nothing of it will be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendRefused {
    /// There is no link to this peer. Wait for `PeerUp`.
    #[error("not connected")]
    NotConnected,
    /// The peer's queue is full. Wait for `Writable` or `PeerDown`.
    #[error("the send queue is full ({frames} frames, {bytes} bytes)")]
    Full {
        /// Frames queued.
        frames: usize,
        /// Bytes queued.
        bytes: usize,
    },
    /// The frame is larger than this node or the peer allows.
    #[error("a frame of {len} bytes where {limit} are allowed")]
    TooLarge {
        /// The frame's bytes.
        len: usize,
        /// The largest allowed.
        limit: usize,
    },
    /// The frame is empty.
    #[error("a frame can't be empty")]
    Empty,
    /// This node is shutting down.
    #[error("the network is shutting down")]
    ShuttingDown,
}

/// Why a peer was not taken up as wanted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DialRefused {
    /// Addresses were given, and none can be used.
    #[error("no usable address for this peer; the first is {address}: {reason}")]
    NoUsableAddress {
        /// The first text given.
        address: String,
        /// What is wrong with it.
        reason: String,
    },
    /// As many peers are wanted as the configuration allows; forget one.
    #[error("{limit} peers are wanted already, and no more are allowed")]
    TooMany {
        /// [`NetConfig::max_wanted`](crate::NetConfig::max_wanted).
        limit: usize,
    },
    /// The peer is this node.
    #[error("a node can't dial itself")]
    OwnKey,
    /// This node is shutting down.
    #[error("the network is shutting down")]
    ShuttingDown,
}
