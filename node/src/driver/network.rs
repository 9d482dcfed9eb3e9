//! Between the network's world and the engine's: keys, addresses, actions and news.

use super::{Driver, turn::Turn};
use frontdesk_engine::{Action, Input};
use frontdesk_identity::TransportKey;
use frontdesk_net::{Net, NetEvent, PeerKey};
use frontdesk_store::Store;
use std::time::Duration;

/// The key as the network calls it.
fn peer_key(key: TransportKey) -> PeerKey {
    PeerKey(*key.as_bytes())
}

const fn transport_key(key: PeerKey) -> TransportKey {
    TransportKey::from_bytes(key.0)
}

/// Runs actions, in their order, once what they rest on is durable.
pub(super) async fn perform(net: &Net, actions: Vec<Action>) {
    for action in actions {
        match action {
            Action::Send { to, frame } => send(net, peer_key(to), frame),
            Action::Dial { peer, addresses } => {
                if let Err(error) = net.dial(peer_key(peer), addresses).await {
                    tracing::debug!(peer = %peer_key(peer).fmt_short(), %error, "not dialled");
                }
            }
            Action::Forget(peer) => net.forget(peer_key(peer)).await,
            Action::Disconnect { peer, ban } => {
                tracing::warn!(peer = %peer_key(peer).fmt_short(), ban_ms = ban, "disconnected for breaking the protocol");
                let ban = (ban > 0).then(|| Duration::from_millis(ban));
                net.disconnect(peer_key(peer), ban).await;
            }
        }
    }
}

/// A frame that can't be queued is dropped: the engine keeps what it was about, and sends it again.
fn send(net: &Net, to: PeerKey, frame: Vec<u8>) {
    if let Err(refused) = net.send(to, frame) {
        tracing::trace!(peer = %to.fmt_short(), %refused, "frame not sent");
    }
}

impl<S: Store> Driver<S> {
    /// What the network tells, as inputs. What only a log wants to know goes there.
    pub(super) fn take_news(&self, news: NetEvent, turn: &mut Turn) {
        match news {
            NetEvent::Frame { peer, bytes } => {
                turn.take_input(Input::Frame { from: transport_key(peer), bytes })
            }
            NetEvent::PeerUp { peer, address, inbound } => {
                tracing::info!(peer = %peer.fmt_short(), address, inbound, "peer up");
                turn.take_input(Input::PeerUp(transport_key(peer)));
            }
            NetEvent::PeerDown { peer, reason } => {
                tracing::info!(peer = %peer.fmt_short(), %reason, "peer down");
                turn.take_input(Input::PeerDown(transport_key(peer)));
            }
            NetEvent::Listening { .. } | NetEvent::ListeningEnded { .. } => {
                turn.take_input(Input::Addresses(self.addresses_now()));
            }
            NetEvent::DialFailed { peer, reason, retry_in } => {
                tracing::debug!(peer = %peer.fmt_short(), %reason, retry_ms = retry_in.as_millis(), "dial failed");
            }
            NetEvent::Discovered { peer, addresses } => {
                tracing::debug!(peer = %peer.fmt_short(), count = addresses.len(), "seen on the local network");
            }
            // A frame that found the queue full is sent again by the engine's own timer.
            NetEvent::Writable { peer } => tracing::trace!(peer = %peer.fmt_short(), "writable"),
        }
    }
}

/// Where others can dial this node, the most useful first: what the owner said, then this machine's own addresses, and
/// those of the loopback interface only if there is nothing else.
pub(crate) fn dialable(external: &[String], listening: Vec<String>) -> Vec<String> {
    let (local, mut reachable): (Vec<String>, Vec<String>) = listening
        .into_iter()
        .filter(|address| !is_link_local(address))
        .partition(|address| is_loopback(address));
    reachable.splice(0..0, external.iter().cloned());
    let mut addresses = if reachable.is_empty() { local } else { reachable };
    addresses.iter_mut().for_each(strip_peer);
    addresses.dedup();
    addresses
}

fn is_loopback(address: &str) -> bool {
    address.starts_with("/ip4/127.") || address.starts_with("/ip6/::1/")
}

/// Such an address means nothing without the name of an interface.
fn is_link_local(address: &str) -> bool {
    address.starts_with("/ip6/fe80:") || address.starts_with("/ip4/169.254.")
}

/// The peer's key stands beside the addresses wherever they are kept.
fn strip_peer(address: &mut String) {
    if let Some(end) = address.find("/p2p/") {
        address.truncate(end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(external: &[&str], listening: &[&str]) -> Vec<String> {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        dialable(&owned(external), owned(listening))
    }

    #[test]
    fn loopback_is_told_only_if_there_is_nothing_else() {
        let both = ["/ip4/127.0.0.1/tcp/1/p2p/x", "/ip4/192.0.2.7/tcp/1/p2p/x", "/ip6/fe80::1/tcp/1/p2p/x"];
        assert_eq!(order(&[], &both), ["/ip4/192.0.2.7/tcp/1"]);
        assert_eq!(order(&[], &both[..1]), ["/ip4/127.0.0.1/tcp/1"]);
    }

    #[test]
    fn what_the_owner_said_comes_first() {
        let told = order(&["/dns4/desk.example/tcp/4100"], &["/ip4/192.0.2.7/tcp/1/p2p/x"]);
        assert_eq!(told, ["/dns4/desk.example/tcp/4100", "/ip4/192.0.2.7/tcp/1"]);
    }
}
