//! Finding each other on the local network, in a network of the test's own.

#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::wildcard_enum_match_arm,
    reason = "a test fails by panicking, says that it was skipped, and waits for one event among many"
)]

mod common;

use common::{Node, config, wait};
use frontdesk_net::{NetConfig, NetEvent};
use std::{
    env,
    io::{Write as _, stderr},
    process::Command,
};

/// A network namespace with one interface, which hears its own multicast, and what it is plugged into.
const NETWORK: &str = "ip link set lo up && ip link add desk type veth peer name wall && ip link set wall up && ip address add 192.0.2.1/24 dev desk \
    && ip link set desk up multicast on && exec \"$0\" inside_a_network_of_its_own --exact --ignored --nocapture";
const BEGUN: &str = "the network is made";

#[test]
fn two_nodes_of_one_network_find_each_other() {
    let done = Command::new("unshare")
        .args(["--net", "sh", "-c", NETWORK])
        .arg(env::current_exe().unwrap())
        .output();
    let Ok(done) = done else { return skip("there is no `unshare` here") };
    let (out, errors) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    if !out.contains(BEGUN) {
        return skip(&format!("a network namespace can't be made here: {errors}"));
    }
    assert!(done.status.success(), "{out}{errors}");
}

/// Says so past the capture of the test's output. Where `FRONTDESK_NO_SKIPS` is set, as in CI, nothing is skipped.
fn skip(why: &str) {
    assert!(env::var_os("FRONTDESK_NO_SKIPS").is_none(), "skipped: {why}");
    let mut past_the_capture = stderr();
    writeln!(past_the_capture, "mdns: skipped, {why}").unwrap();
}

#[tokio::test]
#[ignore = "the body of the test above, for a network namespace of its own"]
async fn inside_a_network_of_its_own() {
    println!("{BEGUN}");
    let with_mdns = |seed| NetConfig { mdns: true, ..config(seed, "/ip4/192.0.2.1/tcp/0") };
    let (mut ana, mut ben) = (Node::start(with_mdns(1)).await, Node::start(with_mdns(2)).await);
    let (key, address) = (ben.key(), ben.address.clone());
    let found = wait(&mut ana.events, |event| match event {
        NetEvent::Discovered { peer, addresses } if peer == key => Some(addresses),
        _ => None,
    })
    .await;
    assert!(found.contains(&address), "{found:?} lacks {address}");
    ana.net.dial(key, found).await.unwrap();
    ana.up(key).await;
    ben.up(ana.key()).await;
}
