//! From the configuration to listening sockets, with words for what can go wrong.

use std::{
    io,
    net::{IpAddr, SocketAddr, TcpListener, UdpSocket},
    time::Duration,
};

use libp2p::{Multiaddr, Swarm, TransportError, multiaddr::Protocol};
use tokio::time::sleep;

use crate::{behaviour::Behaviour, config::NetConfig, error::NetError};

/// Between two looks at a socket that is to be free.
const PROBE: Duration = Duration::from_millis(5);

/// Whether all numbers are in range.
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
    let address = parse(text)?;
    if let Some(socket) = Socket::of(&address) {
        socket.probe().map_err(|error| listen_error(text, &error))?;
    }
    match swarm.listen_on(address) {
        Ok(_) => Ok(()),
        Err(TransportError::MultiaddrNotSupported(_)) => Err(not_to_listen_on(text)),
        Err(TransportError::Other(error)) => Err(listen_error(text, &error)),
    }
}

/// Waits until these sockets can be bound again: QUIC keeps its own for a moment after the last connection.
pub(crate) async fn released(addresses: &[Multiaddr]) {
    for socket in addresses.iter().filter_map(Socket::of) {
        while socket.probe().is_err() {
            sleep(PROBE).await;
        }
    }
}

/// What the system would bind for a multiaddr.
#[derive(Debug, PartialEq, Eq)]
enum Socket {
    Tcp(SocketAddr),
    Udp(SocketAddr),
}

impl Socket {
    #[expect(clippy::wildcard_enum_match_arm, reason = "of the many parts of a multiaddr two pairs matter")]
    fn of(address: &Multiaddr) -> Option<Self> {
        let mut parts = address.iter();
        let ip: IpAddr = match parts.next()? {
            Protocol::Ip4(ip) => ip.into(),
            Protocol::Ip6(ip) => ip.into(),
            _ => return None,
        };
        match parts.next()? {
            Protocol::Tcp(port) => Some(Self::Tcp((ip, port).into())),
            Protocol::Udp(port) => Some(Self::Udp((ip, port).into())),
            _ => None,
        }
    }

    /// Binds for a moment. libp2p's TCP listeners share a port with others of the same user, which would get a part of
    /// the connections each; this doesn't share, and so finds them.
    fn probe(&self) -> io::Result<()> {
        match self {
            Self::Tcp(address) => TcpListener::bind(address).map(drop),
            Self::Udp(address) => UdpSocket::bind(address).map(drop),
        }
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the enum is non-exhaustive; the rest has one answer")]
fn listen_error(address: &str, error: &io::Error) -> NetError {
    let address = address.to_owned();
    match error.kind() {
        io::ErrorKind::AddrInUse => NetError::AddressInUse { address },
        io::ErrorKind::PermissionDenied => NetError::NotPermitted { address },
        io::ErrorKind::AddrNotAvailable => NetError::AddressNotHere { address },
        _ => NetError::Listen { address, reason: error.to_string() },
    }
}

/// Whether the text is an address at which a node can be reached.
///
/// # Errors
/// [`NetError::InvalidAddress`].
pub fn check_external(text: &str) -> Result<(), NetError> {
    parse(text).map(drop)
}

/// Whether the text is an address to listen on; whether it is free or of this machine, only [`Net::start`] says.
///
/// # Errors
/// [`NetError::InvalidAddress`].
///
/// [`Net::start`]: crate::Net::start
pub fn check_listen(text: &str) -> Result<(), NetError> {
    let quic = |part: Protocol<'_>| matches!(part, Protocol::QuicV1);
    let address = parse(text)?;
    let sound = match Socket::of(&address) {
        Some(Socket::Tcp(_)) => address.iter().count() == 2,
        Some(Socket::Udp(_)) => address.iter().count() == 3 && address.iter().any(quic),
        None => false,
    };
    if sound { Ok(()) } else { Err(not_to_listen_on(text)) }
}

fn not_to_listen_on(address: &str) -> NetError {
    let reason = "listen on /ip4/.../tcp/PORT or /ip4/.../udp/PORT/quic-v1".into();
    NetError::InvalidAddress { address: address.to_owned(), reason }
}

pub(crate) fn parse(text: &str) -> Result<Multiaddr, NetError> {
    text.parse().map_err(|error: libp2p::multiaddr::Error| NetError::InvalidAddress {
        address: text.to_owned(),
        reason: error.to_string(),
    })
}
