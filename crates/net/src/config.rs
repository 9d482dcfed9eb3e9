//! What a node can set about its network, and what each setting costs.

use std::time::Duration;

use crate::key::TransportSecret;

/// Settings of one [`Net`](crate::Net). [`NetConfig::new`] gives the defaults; every field can be changed before
/// [`Net::start`](crate::Net::start).
#[derive(Debug, Clone)]
pub struct NetConfig {
    /// The transport key of this device. No default.
    pub secret: TransportSecret,
    /// Multiaddrs to listen on, TCP (`/ip4/0.0.0.0/tcp/4100`) and QUIC (`/ip4/0.0.0.0/udp/4100/quic-v1`); port 0 lets
    /// the system choose. Default: none, the node only dials. Cost: one socket each.
    pub listen: Vec<String>,
    /// Multiaddrs at which others reach this node from outside (behind a router or a name), told to peers by
    /// identify. Listen addresses are not told. Default: none.
    pub external: Vec<String>,
    /// Look for peers on the local network and be found there. Default: false. Cost: everyone on the local network
    /// learns this node's peer id and addresses.
    pub mdns: bool,
    /// Connections that others opened, established. Default: 512. Cost: about 100 KiB each when idle, and up to
    /// `max_frame` more while a frame is being received.
    pub max_inbound: u32,
    /// Connections that this node opened, established; counted apart, so that a flood from outside can't keep this
    /// node from dialling. Default: 128.
    pub max_outbound: u32,
    /// Connections from others in the middle of their handshake. Default: 256, which is four times `max_per_ip`, so that
    /// one network address can't take every place. Cost: a socket each, and a key agreement.
    pub max_pending_inbound: u32,
    /// Dials at one time. Default: 32.
    pub max_pending_outbound: u32,
    /// Connections from one IPv4 address or one IPv6 /64, pending and established. Default: 64: a whole office behind
    /// one router fits, and one machine can't take every place.
    pub max_per_ip: u32,
    /// Peers that are dialled again and again until forgotten. Default: 4096. Cost: about 2 KiB each.
    pub max_wanted: usize,
    /// Largest frame, bytes, sent and received. Default: 1 MiB. The peer is told, and a larger frame ends the link.
    /// At most 16 MiB ([`NetConfig::MAX_FRAME`]).
    pub max_frame: usize,
    /// Frames waiting to be written, a peer. Default: 1024.
    pub send_queue_frames: usize,
    /// Bytes waiting to be written, a peer. Default: 4 MiB; at least one frame always fits.
    pub send_queue_bytes: usize,
    /// Frames received and not yet taken by the consumer, all peers together. Default: 1024.
    pub receive_queue_frames: usize,
    /// Bytes received and not yet taken by the consumer, all peers together. Default: 16 MiB. When full, reading
    /// stops until the consumer catches up.
    pub receive_queue_bytes: usize,
    /// Time between pings on an idle connection. Default: 15 s. Cost: some 100 bytes each way.
    pub ping_interval: Duration,
    /// A ping unanswered for this long ends the connection. Default: 20 s.
    pub ping_timeout: Duration,
    /// A handshake that isn't over by then is given up, and so is a connection that has no link this long after it.
    /// Default: 10 s.
    pub setup_timeout: Duration,
    /// First wait before dialling again; doubles with each failure. Default: 100 ms.
    pub retry_min: Duration,
    /// Longest wait before dialling again. Default: 60 s.
    pub retry_max: Duration,
    /// How long shutdown waits for queued frames to reach their peers. Default: 2 s.
    pub shutdown_grace: Duration,
}

impl NetConfig {
    /// Upper bound of [`NetConfig::max_frame`], bytes: keeps every length far from overflow.
    pub const MAX_FRAME: usize = 16 * 1024 * 1024;

    /// The defaults, for this key.
    pub fn new(secret: TransportSecret) -> Self {
        Self {
            secret,
            listen: Vec::new(),
            external: Vec::new(),
            mdns: false,
            max_inbound: 512,
            max_outbound: 128,
            max_pending_inbound: 256,
            max_pending_outbound: 32,
            max_per_ip: 64,
            max_wanted: 4096,
            max_frame: 1024 * 1024,
            send_queue_frames: 1024,
            send_queue_bytes: 4 * 1024 * 1024,
            receive_queue_frames: 1024,
            receive_queue_bytes: 16 * 1024 * 1024,
            ping_interval: Duration::from_secs(15),
            ping_timeout: Duration::from_secs(20),
            setup_timeout: Duration::from_secs(10),
            retry_min: Duration::from_millis(100),
            retry_max: Duration::from_secs(60),
            shutdown_grace: Duration::from_secs(2),
        }
    }
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;

    #[test]
    fn the_local_network_hears_nothing_unless_asked_for() {
        assert!(!NetConfig::new(TransportSecret::new(Zeroizing::new([1; 32]))).mdns);
    }

    #[test]
    fn debug_of_the_configuration_shows_no_secret() {
        let text = format!("{:?}", NetConfig::new(TransportSecret::new(Zeroizing::new([0xAB; 32]))));
        assert!(text.contains("redacted") && !text.contains("171"), "{text}");
    }
}
