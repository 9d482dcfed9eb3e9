//! Multiaddrs as text, in and out.

use libp2p::{Multiaddr, multiaddr::Protocol};

use crate::{error::DialRefused, key::PeerKey};

/// The addresses that can be dialled for this peer, without their `/p2p` suffix. Addresses of transports that this node
/// doesn't speak are left to the transport to refuse.
pub(crate) fn usable(peer: PeerKey, texts: &[String]) -> Result<Vec<Multiaddr>, DialRefused> {
    let mut first_problem = None;
    let mut addresses = Vec::new();
    for text in texts {
        match parse_for(peer, text) {
            Ok(address) => addresses.push(address),
            Err(reason) => {
                first_problem.get_or_insert(DialRefused::NoUsableAddress { address: text.clone(), reason });
            }
        }
    }
    match first_problem {
        Some(problem) if addresses.is_empty() => Err(problem),
        Some(_) | None => Ok(addresses),
    }
}

fn parse_for(peer: PeerKey, text: &str) -> Result<Multiaddr, String> {
    let mut address: Multiaddr = text.parse().map_err(|error| format!("{error}"))?;
    if let Some(Protocol::P2p(named)) = address.iter().last() {
        if Some(named) != peer.to_peer_id() {
            return Err("it names another peer".into());
        }
        address.pop();
    }
    if address.is_empty() { Err("it names no place".into()) } else { Ok(address) }
}

/// The address with the `/p2p/<peer id>` of the peer that is found there.
pub(crate) fn with_peer(address: Multiaddr, peer: PeerKey) -> String {
    match peer.to_peer_id().map(|id| address.clone().with_p2p(id)) {
        Some(Ok(address) | Err(address)) => address.to_string(),
        None => address.to_string(),
    }
}

/// The address alone.
pub(crate) fn without_peer(mut address: Multiaddr) -> Multiaddr {
    if matches!(address.iter().last(), Some(Protocol::P2p(_))) {
        address.pop();
    }
    address
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_name_another_peer_or_nothing_are_skipped() {
        let (peer, other) = (PeerKey([1; 32]), PeerKey([2; 32]));
        let good = format!("/ip4/127.0.0.1/tcp/1/p2p/{peer}");
        let texts =
            ["nonsense".into(), format!("/ip4/127.0.0.1/tcp/1/p2p/{other}"), format!("/p2p/{peer}"), good];
        let found = usable(peer, &texts).unwrap();
        assert_eq!(found, ["/ip4/127.0.0.1/tcp/1".parse().unwrap()]);
        assert!(
            matches!(usable(peer, &texts[..3]), Err(DialRefused::NoUsableAddress { address, .. }) if address == "nonsense")
        );
        assert_eq!(usable(peer, &[]), Ok(vec![]));
    }
}
