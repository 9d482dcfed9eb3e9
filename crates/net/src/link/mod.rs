//! Links: one framed stream for each connected pair. See the crate's documentation for the protocol.

mod behaviour;
mod frames;
mod handler;
mod pair;
mod queue;
mod stream;

use libp2p::StreamProtocol;

pub(crate) use behaviour::{LinkEvent, LinkSettings, Links};
pub(crate) use queue::{QueueLimits, SendQueue};
pub(crate) use stream::Delivery;

/// The protocol of the framed stream.
pub(crate) const PROTOCOL: StreamProtocol = StreamProtocol::new("/frontdesk/1");
