//! The network of a Frontdesk node: one framed, ordered, authenticated link to each peer, over libp2p.
//!
//! This crate knows bytes and keys only. Who may do what, what a frame means, and that it arrives exactly once, is the
//! business of the engine above.
//!
//! # Model
//! A *peer* is an Ed25519 transport key ([`PeerKey`]). A *connection* is TCP with Noise and Yamux, or QUIC; both
//! authenticate the key. A *link* is the one long-lived stream, protocol `/frontdesk/1`, that a pair shares, however many
//! connections there are. Frames travel on links.
//!
//! # Life of a link
//! 1. Of the two peers, the one with the smaller key opens the stream, whoever dialled. It sends a greeting of 5 bytes: 1
//!    if it has no link to the peer, 0 if it has, then the largest frame that it takes (4 bytes, big-endian).
//! 2. The other takes the stream, and answers with its greeting (the first byte 0); or, if it has a link and the opener
//!    has too, closes this connection as superfluous. So two connections, made at the same moment from both sides, give one link.
//!    A stream taken while an older link is there replaces it: the opener, or this side, had lost sight of the old.
//! 3. Both tell [`NetEvent::PeerUp`]. Frames follow in both directions: 4 bytes of length, big-endian, then the bytes. A
//!    length of 0, or above the limit told in the greeting, ends the link and the connection.
//! 4. When the stream or its connection ends, both tell [`NetEvent::PeerDown`], and frames still queued are gone. The layer
//!    above sends again what was not acknowledged, after the next `PeerUp`. A side that shuts down writes its queue, closes
//!    its half of the stream, and waits for the other to close: by then all was read.
//!
//! # Limits
//! Every queue is bounded, by frames and bytes; see [`NetConfig`]. A full send queue refuses ([`SendRefused::Full`]). A slow
//! consumer of [`NetEvent`]s stops the reading of streams, and so the peers; no peer's slowness holds up another's.
//!
//! # Example
//! ```
//! use frontdesk_net::{Net, NetConfig, NetEvent, PeerKey, TransportSecret};
//! use zeroize::Zeroizing;
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let config = |seed| NetConfig::new(TransportSecret::new(Zeroizing::new([seed; 32])));
//! let (ana, mut ana_events) =
//!     Net::start(NetConfig { listen: vec!["/ip4/127.0.0.1/tcp/0".into()], ..config(1) })?;
//! let (ben, mut ben_events) = Net::start(config(2))?;
//!
//! let Some(NetEvent::Listening { address }) = ana_events.recv().await else { return Err("not listening".into()) };
//! ben.dial(ana.key(), vec![address]).await?;
//! while !matches!(ben_events.recv().await, Some(NetEvent::PeerUp { .. })) {}
//! ben.send(ana.key(), b"hello".to_vec())?;
//!
//! let received = loop {
//!     if let Some(NetEvent::Frame { peer, bytes }) = ana_events.recv().await {
//!         break (peer, bytes);
//!     }
//! };
//! assert_eq!(received, (ben.key(), b"hello".to_vec()));
//! ben.shutdown().await;
//! ana.shutdown().await;
//! # Ok(())
//! # }
//! ```

mod actor;
mod address;
mod behaviour;
mod book;
mod config;
mod dial;
mod error;
mod event;
mod gate;
mod key;
mod link;
mod listen;
mod net;
mod transport;

pub use config::NetConfig;
pub use error::{DialRefused, NetError, SendRefused};
pub use event::{DialFailure, DownReason, EventReceiver, NetEvent, Violation};
pub use key::{InvalidPeerKey, PeerKey, TransportSecret};
pub use listen::{check_external, check_listen};
pub use net::Net;
