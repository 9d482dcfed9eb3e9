//! Links between nodes on real sockets.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
#![expect(clippy::wildcard_enum_match_arm, reason = "a test waits for one event among many")]

mod common;

use std::time::Duration;

use common::{Node, QUIC, TCP, config, linked, wait};
use frontdesk_net::{DialFailure, DialRefused, DownReason, Net, NetConfig, NetError, NetEvent, SendRefused};

fn numbered(count: u32, size: usize) -> impl Iterator<Item = Vec<u8>> {
    (0..count).map(move |n| {
        let mut frame = n.to_be_bytes().to_vec();
        frame.resize(size.max(4), 0xA5);
        frame
    })
}

async fn frames_flow_both_ways_in_order(listen: &str) {
    let (a, b) = (Node::start(config(1, listen)).await, Node::start(config(2, listen)).await);
    let (mut a, mut b) = linked(a, b).await;
    let (a_key, b_key) = (a.key(), b.key());
    for (size, count) in [(4, 500), (512, 500), (70_000, 20), (1024 * 1024, 3)] {
        for frame in numbered(count, size) {
            a.net.send(b_key, frame.clone()).unwrap();
            b.net.send(a_key, frame).unwrap();
        }
        for expected in numbered(count, size) {
            assert!(b.frame().await == (a_key, expected.clone()), "{size}");
            assert!(a.frame().await == (b_key, expected), "{size}");
        }
    }
}

#[tokio::test]
async fn frames_flow_both_ways_in_order_over_tcp() {
    frames_flow_both_ways_in_order(TCP).await;
}

#[tokio::test]
async fn frames_flow_both_ways_in_order_over_quic() {
    frames_flow_both_ways_in_order(QUIC).await;
}

async fn a_dial_from_both_sides_at_once_gives_one_link(listen: &str) {
    for round in 0..5 {
        let mut a = Node::start(config(10 + round, listen)).await;
        let mut b = Node::start(config(20 + round, listen)).await;
        tokio::join!(a.dial(&b), b.dial(&a));
        a.up(b.key()).await;
        b.up(a.key()).await;
        a.net.send(b.key(), vec![1]).unwrap();
        assert_eq!(b.frame().await, (a.key(), vec![1]));
        b.net.send(a.key(), vec![2]).unwrap();
        assert_eq!(a.frame().await, (b.key(), vec![2]));
        a.net.forget(b.key()).await;
        b.net.forget(a.key()).await;
        let (a_key, b_key) = (a.key(), b.key());
        a.net.shutdown().await;
        assert_eq!(b.down(a_key).await, DownReason::Closed);
        b.net.shutdown().await;
        let down = NetEvent::PeerDown { peer: b_key, reason: DownReason::ShuttingDown };
        assert_eq!(a.rest().await, [down], "no other link came or went");
        assert_eq!(b.rest().await, []);
    }
}

#[tokio::test]
async fn a_dial_from_both_sides_at_once_gives_one_link_over_tcp() {
    a_dial_from_both_sides_at_once_gives_one_link(TCP).await;
}

#[tokio::test]
async fn a_dial_from_both_sides_at_once_gives_one_link_over_quic() {
    a_dial_from_both_sides_at_once_gives_one_link(QUIC).await;
}

async fn a_link_comes_back_by_itself(listen: &str) {
    let (mut a, mut b) =
        linked(Node::start(config(1, listen)).await, Node::start(config(2, listen)).await).await;
    for _ in 0..2 {
        let (key, address) = (b.key(), b.address.clone());
        b.net.shutdown().await;
        assert_eq!(a.down(key).await, DownReason::Closed);
        assert_eq!(a.net.send(key, vec![1]), Err(SendRefused::NotConnected));
        let same_port = address.split("/p2p/").next().unwrap().to_owned();
        b = Node::start(config(2, &same_port)).await;
        a.up(key).await;
        b.up(a.key()).await;
        a.net.send(key, vec![7]).unwrap();
        assert_eq!(b.frame().await, (a.key(), vec![7]));
    }
}

#[tokio::test]
async fn a_link_comes_back_by_itself_over_tcp() {
    a_link_comes_back_by_itself(TCP).await;
}

#[tokio::test]
async fn a_link_comes_back_by_itself_over_quic() {
    a_link_comes_back_by_itself(QUIC).await;
}

async fn shutdown_writes_what_is_queued(listen: &str) {
    let (a, mut b) = linked(Node::start(config(1, listen)).await, Node::start(config(2, listen)).await).await;
    for frame in numbered(1000, 512) {
        a.net.send(b.key(), frame).unwrap();
    }
    let both = async {
        for expected in numbered(1000, 512) {
            assert_eq!(b.frame().await.1, expected);
        }
        assert_eq!(b.down(a.key()).await, DownReason::Closed);
    };
    tokio::join!(a.net.shutdown(), both);
    assert_eq!(a.net.send(b.key(), vec![1]), Err(SendRefused::ShuttingDown));
    a.net.shutdown().await;
    assert_eq!(a.net.dial(b.key(), vec![]).await, Err(DialRefused::ShuttingDown));
}

#[tokio::test]
async fn shutdown_writes_what_is_queued_over_tcp() {
    shutdown_writes_what_is_queued(TCP).await;
}

#[tokio::test]
async fn shutdown_writes_what_is_queued_over_quic() {
    shutdown_writes_what_is_queued(QUIC).await;
}

#[tokio::test]
async fn shutdown_ends_within_its_grace_when_the_peer_does_not_read() {
    let a = Node::start(NetConfig { shutdown_grace: Duration::from_millis(200), ..config(1, TCP) }).await;
    let b = Node::start(NetConfig { receive_queue_frames: 4, ..config(2, TCP) }).await;
    let (a, b) = linked(a, b).await;
    for frame in numbered(1000, 4000) {
        a.net.send(b.key(), frame).unwrap();
    }
    tokio::time::timeout(Duration::from_secs(10), a.net.shutdown()).await.unwrap();
}

#[tokio::test]
async fn a_node_ends_when_nobody_holds_it() {
    let (mut a, b) = linked(Node::start(config(1, TCP)).await, Node::start(config(2, TCP)).await).await;
    let key = b.key();
    drop(b);
    assert_eq!(a.down(key).await, DownReason::Closed);
}

#[tokio::test]
async fn another_peer_at_the_address_is_not_connected() {
    let (mut a, mut b) = (Node::start(config(1, TCP)).await, Node::start(config(2, TCP)).await);
    let expected = common::secret(3).peer_key();
    let bare_address = b.address.split("/p2p/").next().unwrap().to_owned();
    a.net.dial(expected, vec![bare_address.clone()]).await.unwrap();
    let (reason, retry_in) = wait(&mut a.events, |event| match event {
        NetEvent::DialFailed { peer, reason, retry_in } => {
            assert_eq!(peer, expected);
            Some((reason, retry_in))
        }
        NetEvent::PeerUp { .. } => panic!("{event:?}"),
        _ => None,
    })
    .await;
    assert_eq!(reason, DialFailure::WrongPeer { found: b.key().to_string(), address: bare_address });
    assert!(retry_in <= Duration::from_millis(100));
    assert!(a.net.connected().is_empty() && b.net.connected().is_empty());
    assert_eq!(b.events.try_recv(), None);

    let named = a.net.dial(expected, vec![b.address.clone()]).await;
    assert!(matches!(named, Err(DialRefused::NoUsableAddress { .. })), "{named:?}");
    assert_eq!(a.net.dial(a.key(), vec![]).await, Err(DialRefused::OwnKey));
}

#[tokio::test]
async fn a_peer_that_is_not_there_is_tried_again() {
    let mut a = Node::start(config(1, TCP)).await;
    let gone = Node::start(config(2, TCP)).await;
    let (key, address) = (gone.key(), gone.address.clone());
    gone.net.shutdown().await;
    a.net.dial(key, vec![address]).await.unwrap();
    let mut waits = Vec::new();
    while waits.len() < 4 {
        waits.push(
            wait(&mut a.events, |event| match event {
                NetEvent::DialFailed { reason: DialFailure::Unreachable(_), retry_in, .. } => Some(retry_in),
                _ => None,
            })
            .await,
        );
    }
    for (wait, millis) in waits.iter().zip([100, 200, 400, 800]) {
        let full = Duration::from_millis(millis);
        assert!((full / 2..=full).contains(wait), "{waits:?}");
    }
}

#[tokio::test]
async fn a_port_in_use_is_named_with_what_to_do() {
    for listen in [TCP, QUIC] {
        let first = Node::start(config(1, listen)).await;
        let taken = first.address.split("/p2p/").next().unwrap().to_owned();
        let error = Net::start(config(2, &taken)).map(drop).unwrap_err();
        assert!(matches!(&error, NetError::AddressInUse { address } if *address == taken), "{error:?}");
        assert!(error.to_string().contains("listen on another port"), "{error}");
    }
    for wrong in ["", "127.0.0.1:80", "/ip4/127.0.0.1/sctp/1", "/dns4/acme.example/tcp/1"] {
        let error = Net::start(config(2, wrong)).map(drop).unwrap_err();
        assert!(
            matches!(error, NetError::InvalidAddress { .. } | NetError::Listen { .. }),
            "{wrong}: {error:?}"
        );
    }
    let elsewhere = Net::start(config(2, "/ip4/192.0.2.1/tcp/0")).map(drop);
    assert!(matches!(elsewhere, Err(NetError::AddressNotHere { .. })), "{elsewhere:?}");
    let frame = Net::start(NetConfig { max_frame: 0, ..config(2, TCP) }).map(drop);
    assert!(matches!(frame, Err(NetError::OutOfRange { field: "max_frame", .. })), "{frame:?}");
}

#[tokio::test]
async fn all_interfaces_are_told_as_concrete_addresses() {
    let node = Node::start(config(1, "/ip4/0.0.0.0/tcp/0")).await;
    assert!(node.address.ends_with(&format!("/p2p/{}", node.key())), "{}", node.address);
    assert!(!node.address.contains("0.0.0.0") && !node.address.contains("/tcp/0"), "{}", node.address);
    assert!(node.net.listening().contains(&node.address));
}
