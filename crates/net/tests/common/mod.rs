//! Nodes on loopback, waiting for events, and a bare libp2p peer that can misbehave.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![expect(clippy::wildcard_enum_match_arm, reason = "a test waits for one event among many")]
#![expect(dead_code, unreachable_pub, reason = "each test program uses its own part of this")]

use std::time::Duration;

use frontdesk_net::{EventReceiver, Net, NetConfig, NetEvent, PeerKey, TransportSecret};
use futures::StreamExt as _;
use libp2p::{
    Multiaddr, PeerId, Stream, StreamProtocol, Swarm, SwarmBuilder, identity, noise,
    swarm::{SwarmEvent, dial_opts::DialOpts},
    tcp, yamux,
};
use tokio::time::timeout;
use zeroize::Zeroizing;

pub const TCP: &str = "/ip4/127.0.0.1/tcp/0";
pub const QUIC: &str = "/ip4/127.0.0.1/udp/0/quic-v1";

/// Long enough for a loaded machine; no test waits for it when all is well.
const PATIENCE: Duration = Duration::from_secs(30);

pub fn secret(seed: u8) -> TransportSecret {
    TransportSecret::new(Zeroizing::new([seed; 32]))
}

pub fn config(seed: u8, listen: &str) -> NetConfig {
    NetConfig { listen: vec![listen.into()], ..NetConfig::new(secret(seed)) }
}

pub struct Node {
    pub net: Net,
    pub events: EventReceiver,
    pub address: String,
}

impl Node {
    pub async fn start(config: NetConfig) -> Self {
        let (net, mut events) = Net::start(config).unwrap();
        let address = wait(&mut events, |event| match event {
            NetEvent::Listening { address } => Some(address),
            _ => None,
        })
        .await;
        Self { net, events, address }
    }

    pub fn key(&self) -> PeerKey {
        self.net.key()
    }

    pub async fn dial(&self, other: &Node) {
        self.net.dial(other.key(), vec![other.address.clone()]).await.unwrap();
    }

    pub async fn up(&mut self, expected: PeerKey) {
        wait(&mut self.events, |event| {
            matches!(event, NetEvent::PeerUp { peer, .. } if peer == expected).then_some(())
        })
        .await;
    }

    pub async fn down(&mut self, expected: PeerKey) -> frontdesk_net::DownReason {
        wait(&mut self.events, |event| match event {
            NetEvent::PeerDown { peer, reason } if peer == expected => Some(reason),
            _ => None,
        })
        .await
    }

    pub async fn frame(&mut self) -> (PeerKey, Vec<u8>) {
        wait(&mut self.events, |event| match event {
            NetEvent::Frame { peer, bytes } => Some((peer, bytes)),
            NetEvent::PeerDown { .. } => panic!("{event:?}"),
            _ => None,
        })
        .await
    }

    /// Everything until the channel ends.
    pub async fn rest(mut self) -> Vec<NetEvent> {
        let mut events = Vec::new();
        while let Some(event) = timeout(PATIENCE, self.events.recv()).await.expect("the channel ends") {
            events.push(event);
        }
        events
    }
}

/// Two nodes with a link.
pub async fn linked(mut a: Node, mut b: Node) -> (Node, Node) {
    a.dial(&b).await;
    a.up(b.key()).await;
    b.up(a.key()).await;
    (a, b)
}

/// The first event that `pick` takes; others are dropped.
pub async fn wait<T>(events: &mut EventReceiver, mut pick: impl FnMut(NetEvent) -> Option<T>) -> T {
    timeout(PATIENCE, async {
        loop {
            let event = events.recv().await.expect("the network runs");
            if let Some(found) = pick(event) {
                return found;
            }
        }
    })
    .await
    .expect("the event comes in time")
}

/// Seeds of two keys, the smaller key first.
pub fn ordered_seeds() -> (u8, u8) {
    if secret(1).peer_key() < secret(2).peer_key() { (1, 2) } else { (2, 1) }
}

/// A peer made of libp2p alone, which can say anything.
pub struct Bare {
    pub swarm: Swarm<libp2p_stream::Behaviour>,
    pub key: PeerKey,
}

pub const PROTOCOL: StreamProtocol = StreamProtocol::new("/frontdesk/1");

impl Bare {
    pub fn new(seed: u8) -> Self {
        let keypair = identity::Keypair::ed25519_from_bytes([seed; 32]).unwrap();
        let swarm = SwarmBuilder::with_existing_identity(keypair)
            .with_tokio()
            .with_tcp(tcp::Config::default(), noise::Config::new, yamux::Config::default)
            .unwrap()
            .with_behaviour(|_| libp2p_stream::Behaviour::new())
            .unwrap()
            .with_swarm_config(|config| config.with_idle_connection_timeout(Duration::from_secs(3600)))
            .build();
        Self { swarm, key: secret(seed).peer_key() }
    }

    pub async fn connect(&mut self, node: &Node) -> PeerId {
        let peer: PeerId = node.key().to_string().parse().unwrap();
        let address: Multiaddr = node.address.parse().unwrap();
        self.swarm.dial(DialOpts::peer_id(peer).addresses(vec![address]).build()).unwrap();
        self.until(|event| matches!(event, SwarmEvent::ConnectionEstablished { .. })).await;
        peer
    }

    /// Connects and opens the stream; the swarm must be polled for it to live.
    pub async fn open(&mut self, node: &Node) -> Stream {
        let peer = self.connect(node).await;
        let mut control = self.swarm.behaviour().new_control();
        let open = control.open_stream(peer, PROTOCOL);
        tokio::select! {
            stream = open => stream.unwrap(),
            () = async { loop { self.swarm.next().await; } } => unreachable!(),
        }
    }

    /// The node ends the connection.
    pub async fn closed(&mut self) {
        self.until(|event| matches!(event, SwarmEvent::ConnectionClosed { .. })).await;
    }

    async fn until(&mut self, found: impl Fn(&SwarmEvent<()>) -> bool) {
        timeout(PATIENCE, async { while !found(&self.swarm.select_next_some().await) {} })
            .await
            .expect("the event comes in time");
    }
}
