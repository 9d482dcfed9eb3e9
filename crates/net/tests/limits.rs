//! Bounds: queues, slow readers, floods, bans.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![expect(clippy::wildcard_enum_match_arm, reason = "a test waits for one event among many")]

mod common;

use std::time::Duration;

use common::{Node, QUIC, TCP, config, linked, wait};
use frontdesk_net::{DialRefused, NetConfig, NetEvent, PeerKey, SendRefused};
use tokio::time::timeout;

const KIB: usize = 1024;

/// What was accepted for the peer before its link stayed full.
async fn fill(node: &mut Node, peer: PeerKey) -> u32 {
    let mut accepted = 0u32;
    loop {
        let mut frame = accepted.to_be_bytes().to_vec();
        frame.resize(16 * KIB, 0);
        match node.net.send(peer, frame) {
            Ok(()) => accepted += 1,
            Err(SendRefused::Full { .. }) => {
                let writable =
                    wait(&mut node.events, |event| matches!(event, NetEvent::Writable { .. }).then_some(()));
                if timeout(Duration::from_millis(500), writable).await.is_err() {
                    return accepted;
                }
            }
            Err(refused) => panic!("{refused}"),
        }
    }
}

async fn a_slow_consumer_holds_up_its_peers_and_nothing_grows(listen: &str) {
    let sender = NetConfig { send_queue_bytes: 256 * KIB, ..config(1, listen) };
    let slow = NetConfig { receive_queue_bytes: 256 * KIB, ..config(2, listen) };
    let (a, b) = (Node::start(sender).await, Node::start(slow).await);
    let (mut a, mut b) = linked(a, b).await;
    let accepted = fill(&mut a, b.key()).await;
    let held = usize::try_from(accepted).unwrap() * 16 * KIB;
    // Both queues, the window of the stream, and the buffers of two sockets.
    assert!((512 * KIB..24 * 1024 * KIB).contains(&held), "{held} bytes");

    let (a, mut c) = linked(a, Node::start(config(3, listen)).await).await;
    a.net.send(c.key(), vec![9]).unwrap();
    assert_eq!(c.frame().await, (a.key(), vec![9]), "a slow peer doesn't hold up another");

    for n in 0..accepted {
        let (_, frame) = b.frame().await;
        assert_eq!(frame.first_chunk(), Some(&n.to_be_bytes()), "every frame arrives, in order");
    }
}

#[tokio::test]
async fn a_slow_consumer_holds_up_its_peers_and_nothing_grows_over_tcp() {
    a_slow_consumer_holds_up_its_peers_and_nothing_grows(TCP).await;
}

#[tokio::test]
async fn a_slow_consumer_holds_up_its_peers_and_nothing_grows_over_quic() {
    a_slow_consumer_holds_up_its_peers_and_nothing_grows(QUIC).await;
}

#[tokio::test]
async fn sends_that_cannot_be_are_refused_with_their_reason() {
    let small = NetConfig { max_frame: 1000, ..config(2, TCP) };
    let (a, b) = linked(Node::start(config(1, TCP)).await, Node::start(small).await).await;
    let key = b.key();
    assert_eq!(a.net.send(common::secret(9).peer_key(), vec![1]), Err(SendRefused::NotConnected));
    assert_eq!(a.net.send(key, vec![]), Err(SendRefused::Empty));
    let own_limit = SendRefused::TooLarge { len: 1024 * KIB + 1, limit: 1024 * KIB };
    assert_eq!(a.net.send(key, vec![0; 1024 * KIB + 1]), Err(own_limit));
    assert_eq!(a.net.send(key, vec![0; 1001]), Err(SendRefused::TooLarge { len: 1001, limit: 1000 }));
    assert_eq!(a.net.send(key, vec![0; 1000]), Ok(()));
}

#[tokio::test]
async fn more_peers_than_the_book_holds_are_refused() {
    let node = Node::start(NetConfig { max_wanted: 1, ..config(1, TCP) }).await;
    let (first, second) = (common::secret(2).peer_key(), common::secret(3).peer_key());
    assert_eq!(node.net.dial(first, vec![]).await, Ok(()));
    assert_eq!(node.net.dial(second, vec![]).await, Err(DialRefused::TooMany { limit: 1 }));
    node.net.forget(first).await;
    assert_eq!(node.net.dial(second, vec![]).await, Ok(()));
}

async fn refused_dialer(server: &Node, seed: u8) {
    let mut late = Node::start(config(seed, TCP)).await;
    late.dial(server).await;
    wait(&mut late.events, |event| match event {
        NetEvent::DialFailed { .. } => Some(()),
        NetEvent::PeerUp { .. } => panic!("{event:?}"),
        _ => None,
    })
    .await;
}

#[tokio::test]
async fn past_the_limit_of_connections_others_are_still_served() {
    for limited in
        [NetConfig { max_inbound: 1, ..config(1, TCP) }, NetConfig { max_per_ip: 1, ..config(1, TCP) }]
    {
        let server = Node::start(limited).await;
        let (mut first, mut server) = linked(Node::start(config(2, TCP)).await, server).await;
        refused_dialer(&server, 3).await;
        refused_dialer(&server, 4).await;
        first.net.send(server.key(), vec![1]).unwrap();
        assert_eq!(server.frame().await, (first.key(), vec![1]));
        server.net.send(first.key(), vec![2]).unwrap();
        assert_eq!(first.frame().await, (server.key(), vec![2]));
        assert_eq!(server.net.connected(), [first.key()]);
    }
}

#[tokio::test]
async fn a_place_that_was_left_is_given_to_the_next() {
    let server = Node::start(NetConfig { max_inbound: 1, ..config(1, TCP) }).await;
    let (first, mut server) = linked(Node::start(config(2, TCP)).await, server).await;
    let mut second = Node::start(config(3, TCP)).await;
    second.dial(&server).await;
    first.net.shutdown().await;
    second.up(server.key()).await;
    server.up(second.key()).await;
}

#[tokio::test]
async fn a_banned_peer_stays_out() {
    let (mut peer, mut server) =
        linked(Node::start(config(2, TCP)).await, Node::start(config(1, TCP)).await).await;
    server.net.disconnect(peer.key(), Some(Duration::from_secs(3600))).await;
    peer.down(server.key()).await;
    assert_eq!(server.down(peer.key()).await, frontdesk_net::DownReason::Disconnected);
    for _ in 0..2 {
        wait(&mut peer.events, |event| match event {
            NetEvent::DialFailed { .. } => Some(()),
            NetEvent::PeerUp { .. } => panic!("{event:?}"),
            _ => None,
        })
        .await;
    }
    assert_eq!(server.events.try_recv(), None);
    server.dial(&peer).await;
    let reason = wait(&mut server.events, |event| match event {
        NetEvent::DialFailed { reason, .. } => Some(reason.to_string()),
        _ => None,
    })
    .await;
    assert!(reason.contains("banned"), "{reason}");
}

#[tokio::test]
async fn a_peer_that_is_disconnected_without_a_ban_may_come_back() {
    let (mut peer, mut server) =
        linked(Node::start(config(2, TCP)).await, Node::start(config(1, TCP)).await).await;
    server.net.disconnect(peer.key(), None).await;
    peer.down(server.key()).await;
    server.down(peer.key()).await;
    peer.up(server.key()).await;
    server.up(peer.key()).await;
}
