//! Who may connect at all: bans, and a share of connections for each network address.

use std::{
    collections::HashMap,
    convert::Infallible,
    net::{IpAddr, Ipv6Addr},
    task::{Context, Poll},
    time::Duration,
};

use libp2p::{
    Multiaddr, PeerId,
    core::{Endpoint, transport::PortUse},
    multiaddr::Protocol,
    swarm::{
        ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent,
        THandlerOutEvent, ToSwarm, dummy,
    },
};
use tokio::time::Instant;

/// Bans remembered at one time.
const MAX_BANS: usize = 1024;

/// Why a connection was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum Refused {
    #[error("the peer is banned for another {0:?}")]
    Banned(Duration),
    #[error("too many connections from one network address")]
    CrowdedAddress,
}

pub(crate) struct Gate {
    max_per_ip: u32,
    bans: HashMap<PeerId, Instant>,
    inbound: HashMap<ConnectionId, IpAddr>,
    per_ip: HashMap<IpAddr, u32>,
}

impl Gate {
    pub(crate) fn new(max_per_ip: u32) -> Self {
        Self { max_per_ip, bans: HashMap::new(), inbound: HashMap::new(), per_ip: HashMap::new() }
    }

    pub(crate) fn ban(&mut self, peer: PeerId, duration: Duration, now: Instant) {
        self.bans.retain(|_, until| *until > now);
        if self.bans.len() >= MAX_BANS
            && let Some(first) = self.bans.iter().min_by_key(|(_, until)| **until).map(|(peer, _)| *peer)
        {
            self.bans.remove(&first);
        }
        // A clock that can't count that far has no better answer than a century.
        let until =
            now.checked_add(duration).unwrap_or_else(|| now + Duration::from_secs(100 * 365 * 86_400));
        self.bans.insert(peer, until);
    }

    fn check_ban(&self, peer: &PeerId, now: Instant) -> Result<(), Refused> {
        match self.bans.get(peer).map(|until| until.saturating_duration_since(now)) {
            Some(left) if !left.is_zero() => Err(Refused::Banned(left)),
            Some(_) | None => Ok(()),
        }
    }

    fn enter(&mut self, connection: ConnectionId, from: &Multiaddr) -> Result<(), Refused> {
        let Some(ip) = network_of(from) else { return Ok(()) };
        let count = self.per_ip.entry(ip).or_default();
        if *count >= self.max_per_ip {
            return Err(Refused::CrowdedAddress);
        }
        *count += 1;
        self.inbound.insert(connection, ip);
        Ok(())
    }

    fn leave(&mut self, connection: ConnectionId) {
        let Some(ip) = self.inbound.remove(&connection) else { return };
        if let Some(count) = self.per_ip.get_mut(&ip) {
            *count -= 1;
            if *count == 0 {
                self.per_ip.remove(&ip);
            }
        }
    }
}

/// An IPv4 address, or the /64 that one subscriber of IPv6 has.
fn network_of(address: &Multiaddr) -> Option<IpAddr> {
    address.iter().find_map(|part| {
        if let Protocol::Ip4(ip) = part {
            Some(ip.into())
        } else if let Protocol::Ip6(ip) = part {
            Some(ip.to_ipv4_mapped().map_or_else(|| subnet(ip).into(), IpAddr::from))
        } else {
            None
        }
    })
}

fn subnet(ip: Ipv6Addr) -> Ipv6Addr {
    Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX))
}

impl NetworkBehaviour for Gate {
    type ConnectionHandler = dummy::ConnectionHandler;
    type ToSwarm = Infallible;

    fn handle_pending_inbound_connection(
        &mut self,
        connection: ConnectionId,
        _: &Multiaddr,
        from: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        self.enter(connection, from).map_err(ConnectionDenied::new)
    }

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.check_ban(&peer, Instant::now()).map_err(ConnectionDenied::new)?;
        Ok(dummy::ConnectionHandler)
    }

    fn handle_pending_outbound_connection(
        &mut self,
        _: ConnectionId,
        peer: Option<PeerId>,
        _: &[Multiaddr],
        _: Endpoint,
    ) -> Result<Vec<Multiaddr>, ConnectionDenied> {
        if let Some(peer) = peer {
            self.check_ban(&peer, Instant::now()).map_err(ConnectionDenied::new)?;
        }
        Ok(Vec::new())
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.check_ban(&peer, Instant::now()).map_err(ConnectionDenied::new)?;
        Ok(dummy::ConnectionHandler)
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the enum is non-exhaustive and most of it is not for us"
    )]
    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match event {
            FromSwarm::ConnectionClosed(closed) => self.leave(closed.connection_id),
            FromSwarm::ListenFailure(failed) => self.leave(failed.connection_id),
            _ => {}
        }
    }

    fn on_connection_handler_event(&mut self, _: PeerId, _: ConnectionId, event: THandlerOutEvent<Self>) {
        match event {}
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        Poll::Pending
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn id(n: usize) -> ConnectionId {
        ConnectionId::new_unchecked(n)
    }

    #[test]
    fn one_network_address_takes_its_share_and_no_more() {
        let mut gate = Gate::new(2);
        let here: Multiaddr = "/ip6/2001:db8::1/tcp/1".parse().unwrap();
        let neighbour: Multiaddr = "/ip6/2001:db8::2/udp/9/quic-v1".parse().unwrap();
        let elsewhere: Multiaddr = "/ip4/192.0.2.1/tcp/1".parse().unwrap();
        assert_eq!(gate.enter(id(1), &here), Ok(()));
        assert_eq!(gate.enter(id(2), &neighbour), Ok(()));
        assert_eq!(gate.enter(id(3), &here), Err(Refused::CrowdedAddress));
        assert_eq!(gate.enter(id(4), &elsewhere), Ok(()));
        gate.leave(id(1));
        gate.leave(id(3));
        assert_eq!(gate.enter(id(5), &here), Ok(()));
        for n in [2, 4, 5] {
            gate.leave(id(n));
        }
        assert!(gate.per_ip.is_empty() && gate.inbound.is_empty());
    }

    #[test]
    fn a_ban_ends_when_its_time_is_over() {
        let (mut gate, peer, now) = (Gate::new(1), PeerId::random(), Instant::now());
        let minute = Duration::from_secs(60);
        gate.ban(peer, minute, now);
        assert_eq!(gate.check_ban(&peer, now), Err(Refused::Banned(minute)));
        assert_eq!(gate.check_ban(&peer, now + minute), Ok(()));
        assert_eq!(gate.check_ban(&PeerId::random(), now), Ok(()));
    }

    #[test]
    fn bans_are_bounded_and_a_ban_for_ever_is_possible() {
        let (mut gate, now) = (Gate::new(1), Instant::now());
        let for_ever = PeerId::random();
        gate.ban(for_ever, Duration::MAX, now);
        for second in 0..2000 {
            gate.ban(PeerId::random(), Duration::from_secs(60 + second), now);
        }
        assert_eq!(gate.bans.len(), MAX_BANS);
        assert!(gate.check_ban(&for_ever, now).is_err());
    }
}
