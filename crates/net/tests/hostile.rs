//! Peers that don't keep to the protocol.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::time::Duration;

use common::{Bare, Node, TCP, config, linked, ordered_seeds};
use frontdesk_net::{DownReason, NetConfig, Violation};
use futures::{AsyncReadExt as _, AsyncWriteExt as _, StreamExt as _};
use libp2p::{Multiaddr, StreamProtocol, multiaddr::Protocol};
use tokio::net::TcpStream;

/// The greeting of an opener without a link that takes 1 MiB.
const HELLO: [u8; 5] = [1, 0, 0x10, 0, 0];

/// A node with a link to an honest peer, on which a hostile one has no effect.
struct Scene {
    node: Node,
    honest: Node,
    hostile_seed: u8,
}

impl Scene {
    async fn new() -> Self {
        let (hostile_seed, seed) = ordered_seeds();
        let node =
            Node::start(NetConfig { setup_timeout: Duration::from_millis(500), ..config(seed, TCP) }).await;
        let (honest, node) = linked(Node::start(config(3, TCP)).await, node).await;
        Self { node, honest, hostile_seed }
    }

    async fn honest_peer_is_served(mut self) {
        let (node, honest) = (self.node.key(), self.honest.key());
        self.honest.net.send(node, vec![1]).unwrap();
        assert_eq!(self.node.frame().await, (honest, vec![1]));
        self.node.net.send(honest, vec![2]).unwrap();
        assert_eq!(self.honest.frame().await, (node, vec![2]));
        assert_eq!(self.node.net.connected(), [honest]);
    }
}

async fn sends(bytes: &[u8], expected: DownReason) {
    let mut scene = Scene::new().await;
    let mut hostile = Bare::new(scene.hostile_seed);
    let mut stream = hostile.open(&scene.node).await;
    let hostile_work = async {
        stream.write_all(&HELLO).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        stream.close().await.unwrap();
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = hostile_work => {}
        () = hostile.closed() => {}
    }
    scene.node.up(hostile.key).await;
    assert_eq!(scene.node.down(hostile.key).await, expected);
    scene.honest_peer_is_served().await;
}

#[tokio::test]
async fn an_oversized_frame_ends_the_link() {
    let violation = Violation::OversizedFrame { announced: 1024 * 1024 + 1, limit: 1024 * 1024 };
    sends(&[0, 0x10, 0, 1, 7, 7, 7], DownReason::Violation(violation)).await;
}

#[tokio::test]
async fn an_empty_frame_ends_the_link() {
    sends(&[0, 0, 0, 0], DownReason::Violation(Violation::EmptyFrame)).await;
}

#[tokio::test]
async fn a_frame_cut_short_ends_the_link() {
    sends(&[0, 0, 0, 9, 1, 2], DownReason::Violation(Violation::TruncatedFrame)).await;
}

/// Never reported up, and dropped.
async fn is_dropped_unseen(greeting: &[u8]) {
    let mut scene = Scene::new().await;
    let mut hostile = Bare::new(scene.hostile_seed);
    let mut stream = hostile.open(&scene.node).await;
    let hostile_work = async {
        stream.write_all(greeting).await.unwrap();
        stream.flush().await.unwrap();
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = hostile_work => {}
        () = hostile.closed() => {}
    }
    assert_eq!(scene.node.events.try_recv(), None);
    scene.honest_peer_is_served().await;
}

#[tokio::test]
async fn a_malformed_greeting_is_dropped() {
    is_dropped_unseen(&[2, 0, 0x10, 0, 0]).await;
    is_dropped_unseen(&[1, 0, 0, 0, 0]).await;
    is_dropped_unseen(b"GET / HTTP/1.1\r\n\r\n").await;
}

#[tokio::test]
async fn a_peer_that_stops_in_its_greeting_is_dropped_in_time() {
    is_dropped_unseen(&[1, 0, 0x10]).await;
    is_dropped_unseen(&[]).await;
}

#[tokio::test]
async fn a_peer_that_opens_no_stream_is_not_reported_and_dropped_in_time() {
    let mut scene = Scene::new().await;
    let mut silent = Bare::new(scene.hostile_seed);
    silent.connect(&scene.node).await;
    silent.closed().await;
    assert_eq!(scene.node.events.try_recv(), None);
    scene.honest_peer_is_served().await;
}

#[tokio::test]
async fn callers_that_never_begin_their_handshake_keep_nobody_out_for_long() {
    let mut scene = Scene::new().await;
    let address: Multiaddr = scene.node.address.parse().unwrap();
    let port = address.iter().find_map(|part| if let Protocol::Tcp(port) = part { Some(port) } else { None });
    let mut mute = Vec::new();
    for _ in 0..300 {
        mute.push(TcpStream::connect(("127.0.0.1", port.unwrap())).await.unwrap());
    }
    let newcomer = Node::start(config(4, TCP)).await;
    newcomer.dial(&scene.node).await;
    scene.node.up(newcomer.key()).await;
    assert_eq!(mute.len(), 300);
}

#[tokio::test]
async fn a_peer_that_opens_the_stream_out_of_turn_is_dropped() {
    let (seed, hostile_seed) = ordered_seeds();
    let hour = Duration::from_secs(3600);
    let mut node = Node::start(NetConfig { setup_timeout: hour, ..config(seed, TCP) }).await;
    let mut hostile = Bare::new(hostile_seed);
    let peer = hostile.connect(&node).await;
    let mut control = hostile.swarm.behaviour().new_control();
    // The stream that the node opens, in its turn, is taken and left without an answer.
    let _taken = control.accept(common::PROTOCOL).unwrap();
    let work = async {
        let _out_of_turn = control.clone().open_stream(peer, common::PROTOCOL).await;
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = work => {}
        () = hostile.closed() => {}
    }
    assert_eq!(node.events.try_recv(), None);
}

#[tokio::test]
async fn a_second_stream_on_the_connection_ends_the_link() {
    let mut scene = Scene::new().await;
    let mut hostile = Bare::new(scene.hostile_seed);
    let mut first = hostile.open(&scene.node).await;
    let peer = scene.node.key().to_string().parse().unwrap();
    let mut control = hostile.swarm.behaviour().new_control();
    let work = async {
        first.write_all(&HELLO).await.unwrap();
        first.read_exact(&mut [0; 5]).await.unwrap();
        let _second = control.open_stream(peer, common::PROTOCOL).await;
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = work => {}
        () = hostile.closed() => {}
    }
    scene.node.up(hostile.key).await;
    assert_eq!(scene.node.down(hostile.key).await, DownReason::Violation(Violation::SecondStream));
    scene.honest_peer_is_served().await;
}

#[tokio::test]
async fn a_peer_that_answers_no_ping_is_given_up() {
    let (seed, node_seed) = ordered_seeds();
    let pings = NetConfig {
        ping_interval: Duration::from_millis(50),
        ping_timeout: Duration::from_millis(200),
        ..config(node_seed, TCP)
    };
    let mut node = Node::start(pings).await;
    let mut mute = Bare::new(seed);
    let mut control = mute.swarm.behaviour().new_control();
    let mut pings = control.accept(StreamProtocol::new("/ipfs/ping/1.0.0")).unwrap();
    let mut link = mute.open(&node).await;
    let work = async {
        link.write_all(&HELLO).await.unwrap();
        let mut unanswered = Vec::new();
        while let Some(ping) = pings.next().await {
            unanswered.push(ping);
        }
    };
    tokio::select! {
        () = work => {}
        () = mute.closed() => {}
    }
    node.up(mute.key).await;
    assert_eq!(node.down(mute.key).await, DownReason::PingTimeout);
}

/// One peer on two connections, the second greeting with `flag`.
async fn two_connections(flag: u8) -> (Node, Bare, Bare) {
    let (bare_seed, seed) = ordered_seeds();
    let mut node = Node::start(config(seed, TCP)).await;
    let (mut first, mut second) = (Bare::new(bare_seed), Bare::new(bare_seed));
    let mut old = first.open(&node).await;
    let mut new = second.open(&node).await;
    let work = async {
        old.write_all(&HELLO).await.unwrap();
        old.read_exact(&mut [0; 5]).await.unwrap();
        new.write_all(&[flag, 0, 0x10, 0, 0]).await.unwrap();
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = work => {}
        () = first.closed() => {}
        () = second.closed() => {}
    }
    node.up(first.key).await;
    (node, first, second)
}

#[tokio::test]
async fn a_peer_that_lost_its_link_replaces_it() {
    let (mut node, first, _second) = two_connections(1).await;
    assert_eq!(node.down(first.key).await, DownReason::Replaced);
    node.up(first.key).await;
}

#[tokio::test]
async fn a_superfluous_connection_is_closed_and_the_link_stays() {
    let (mut node, first, _second) = two_connections(0).await;
    assert_eq!(node.net.connected(), [first.key]);
    assert_eq!(node.events.try_recv(), None);
}
