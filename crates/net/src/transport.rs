//! Sockets, encryption and multiplexing: TCP with Noise and Yamux, and QUIC, with names resolved by DNS.

use std::time::Duration;

use futures::future::Either;
use libp2p::{
    PeerId, Transport as _,
    core::{
        muxing::StreamMuxerBox,
        transport::{Boxed, timeout::TransportTimeout},
        upgrade::Version,
    },
    dns, identity, noise, quic, tcp, yamux,
};

use crate::error::NetError;

/// Streams that a peer may have open on a connection: the link, ping, identify, and some to spare.
const MAX_STREAMS: usize = 32;

/// Bytes in flight on a QUIC stream and connection: what a slow reader makes this node hold. Yamux has 256 KiB a stream.
const QUIC_STREAM_WINDOW: u32 = 1024 * 1024;
const QUIC_CONNECTION_WINDOW: u32 = 2 * 1024 * 1024;

pub(crate) type Multiplexed = Boxed<(PeerId, StreamMuxerBox)>;

/// Resolves names as the system does. A machine without a resolver can still dial numbers. A handshake that takes longer
/// than `handshake` is given up: whoever says nothing must not hold a place.
pub(crate) fn build(keypair: &identity::Keypair, handshake: Duration) -> Result<Multiplexed, NetError> {
    let resolved = match dns::tokio::Transport::system(without_names(keypair)?) {
        Ok(with_names) => with_names.boxed(),
        Err(error) => {
            tracing::warn!(%error, "names can't be resolved here; only numeric addresses can be dialled");
            without_names(keypair)?
        }
    };
    Ok(TransportTimeout::new(resolved, handshake).boxed())
}

fn without_names(keypair: &identity::Keypair) -> Result<Multiplexed, NetError> {
    let noise = noise::Config::new(keypair)
        .map_err(|error| NetError::Setup { part: "encryption (Noise)", reason: error.to_string() })?;
    let mut yamux = yamux::Config::default();
    yamux.set_max_num_streams(MAX_STREAMS);
    let tcp = tcp::tokio::Transport::new(tcp::Config::default().nodelay(true))
        .upgrade(Version::V1Lazy)
        .authenticate(noise)
        .multiplex(yamux);
    let either = quic::tokio::Transport::new(quic_config(keypair)).or_transport(tcp);
    Ok(either
        .map(|output, _| match output {
            Either::Left((peer, muxer)) => (peer, StreamMuxerBox::new(muxer)),
            Either::Right((peer, muxer)) => (peer, StreamMuxerBox::new(muxer)),
        })
        .boxed())
}

fn quic_config(keypair: &identity::Keypair) -> quic::Config {
    let mut config = quic::Config::new(keypair);
    config.max_concurrent_stream_limit = 32;
    config.max_stream_data = QUIC_STREAM_WINDOW;
    config.max_connection_data = QUIC_CONNECTION_WINDOW;
    config
}
