//! The behaviours of the swarm, put together.

use std::time::Duration;

use libp2p::{
    Swarm, connection_limits, identify, identity, mdns, ping,
    swarm::{self, NetworkBehaviour, behaviour::toggle::Toggle},
};

use crate::{
    config::NetConfig,
    error::NetError,
    gate::Gate,
    link::{LinkSettings, Links},
    transport,
};

/// Version of the protocol family, told by identify.
const PROTOCOL_FAMILY: &str = "frontdesk/1";

/// Connections of one peer: one for the link, one for a dial from the other side, and one that replaces a dead one.
const MAX_PER_PEER: u32 = 3;

/// Inbound streams of one connection in the middle of their negotiation.
const MAX_NEGOTIATING: usize = 8;

#[derive(NetworkBehaviour)]
pub(crate) struct Behaviour {
    // Gates first: what they refuse costs the others nothing.
    pub(crate) gate: Gate,
    limits: connection_limits::Behaviour,
    pub(crate) links: Links,
    identify: identify::Behaviour,
    ping: ping::Behaviour,
    mdns: Toggle<mdns::tokio::Behaviour>,
}

pub(crate) fn swarm(config: &NetConfig, links: LinkSettings) -> Result<Swarm<Behaviour>, NetError> {
    let keypair = config.secret.keypair();
    let transport = transport::build(&keypair, config.setup_timeout)?;
    let behaviour = Behaviour {
        gate: Gate::new(config.max_per_ip),
        limits: connection_limits::Behaviour::new(limits(config)),
        links: Links::new(links),
        identify: identify::Behaviour::new(identify(&keypair)),
        ping: ping::Behaviour::new(
            ping::Config::new().with_interval(config.ping_interval).with_timeout(config.ping_timeout),
        ),
        mdns: mdns(config, &keypair)?.into(),
    };
    let settings = swarm::Config::with_tokio_executor()
        .with_idle_connection_timeout(idle_timeout(config))
        .with_max_negotiating_inbound_streams(MAX_NEGOTIATING);
    Ok(Swarm::new(transport, behaviour, keypair.public().to_peer_id(), settings))
}

/// Links keep their connection; others have `setup_timeout`, and this on top for a last stream to end.
fn idle_timeout(config: &NetConfig) -> Duration {
    config.setup_timeout.min(Duration::from_secs(1))
}

fn limits(config: &NetConfig) -> connection_limits::ConnectionLimits {
    connection_limits::ConnectionLimits::default()
        .with_max_pending_incoming(Some(config.max_pending_inbound))
        .with_max_pending_outgoing(Some(config.max_pending_outbound))
        .with_max_established_incoming(Some(config.max_inbound))
        .with_max_established_outgoing(Some(config.max_outbound))
        .with_max_established_per_peer(Some(MAX_PER_PEER))
}

/// Listen addresses stay hidden: where a device is, only its threads' members learn, from the layer above.
fn identify(keypair: &identity::Keypair) -> identify::Config {
    identify::Config::new(PROTOCOL_FAMILY.into(), keypair.public())
        .with_agent_version(concat!("frontdesk/", env!("CARGO_PKG_VERSION")).into())
        .with_hide_listen_addrs(true)
        .with_cache_size(0)
}

fn mdns(config: &NetConfig, keypair: &identity::Keypair) -> Result<Option<mdns::tokio::Behaviour>, NetError> {
    if !config.mdns {
        return Ok(None);
    }
    mdns::tokio::Behaviour::new(mdns::Config::default(), keypair.public().to_peer_id()).map(Some).map_err(
        |error| NetError::Setup { part: "discovery on the local network (mDNS)", reason: error.to_string() },
    )
}
