//! From the configuration to listening sockets, with words for what can go wrong.

use std::{error::Error, io};

use libp2p::{Multiaddr, Swarm, TransportError};

use crate::{behaviour::Behaviour, config::NetConfig, error::NetError};

pub(crate) fn check(config: &NetConfig) -> Result<(), NetError> {
    let queue_bytes = 1..=1 << 30;
    for (field, value, allowed, range) in [
        ("max_frame", config.max_frame, 1..=NetConfig::MAX_FRAME, "1 to 16777216 bytes"),
        ("receive_queue_frames", config.receive_queue_frames, 1..=1 << 20, "1 to 1048576 frames"),
        ("receive_queue_bytes", config.receive_queue_bytes, queue_bytes, "1 to 1073741824 bytes"),
        ("send_queue_frames", config.send_queue_frames, 1..=1 << 20, "1 to 1048576 frames"),
    ] {
        if !allowed.contains(&value) {
            return Err(NetError::OutOfRange { field, value, range });
        }
    }
    Ok(())
}

pub(crate) fn listen(swarm: &mut Swarm<Behaviour>, text: &str) -> Result<(), NetError> {
    let address = || text.to_owned();
    let error = match swarm.listen_on(parse(text)?) {
        Ok(_) => return Ok(()),
        Err(TransportError::MultiaddrNotSupported(_)) => {
            let reason = "listen on /ip4/.../tcp/PORT or /ip4/.../udp/PORT/quic-v1".into();
            return Err(NetError::InvalidAddress { address: address(), reason });
        }
        Err(TransportError::Other(error)) => error,
    };
    Err(listen_error(address(), &error))
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the enum is non-exhaustive; the rest has one answer")]
fn listen_error(address: String, error: &io::Error) -> NetError {
    match root_kind(error) {
        io::ErrorKind::AddrInUse => NetError::AddressInUse { address },
        io::ErrorKind::PermissionDenied => NetError::NotPermitted { address },
        io::ErrorKind::AddrNotAvailable => NetError::AddressNotHere { address },
        _ => NetError::Listen { address, reason: error.to_string() },
    }
}

/// Transports wrap the system's error several times.
fn root_kind(error: &io::Error) -> io::ErrorKind {
    let mut kind = error.kind();
    let mut source: Option<&(dyn Error + 'static)> = error.get_ref().map(|inner| inner as _);
    while let Some(inner) = source {
        if let Some(io) = inner.downcast_ref::<io::Error>() {
            kind = io.kind();
            source = io.get_ref().map(|inner| inner as _);
        } else {
            source = inner.source();
        }
    }
    kind
}

pub(crate) fn parse(text: &str) -> Result<Multiaddr, NetError> {
    text.parse().map_err(|error: libp2p::multiaddr::Error| NetError::InvalidAddress {
        address: text.to_owned(),
        reason: error.to_string(),
    })
}
