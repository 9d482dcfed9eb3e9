//! The task that owns the swarm.

use std::{collections::VecDeque, future::pending, sync::Arc, time::Duration};

use futures::StreamExt as _;
use libp2p::{
    Multiaddr, PeerId, Swarm, mdns, ping,
    swarm::{ConnectionId, DialError, SwarmEvent, dial_opts::DialOpts, dial_opts::PeerCondition},
};
use tokio::{
    sync::{Semaphore, mpsc, oneshot},
    time::{Instant, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::{
    address,
    behaviour::{self, Behaviour, BehaviourEvent},
    book::{Backoff, Book, MAX_ADDRESSES},
    config::NetConfig,
    dial,
    error::{DialRefused, NetError},
    event::{DialFailure, DownReason, Envelope, EventReceiver, NetEvent},
    key::PeerKey,
    link::{Delivery, LinkEvent, LinkSettings, QueueLimits},
    listen,
    net::Shared,
};

/// Events about peers that wait for the consumer; past it the swarm is left alone until the consumer catches up.
const OUTBOX: usize = 256;

/// Of the grace time of a shutdown, this is for closing connections.
const CLOSING: Duration = Duration::from_millis(500);

#[derive(Debug)]
pub(crate) enum Command {
    Dial { peer: PeerKey, addresses: Vec<Multiaddr>, reply: oneshot::Sender<Result<(), DialRefused>> },
    Forget { peer: PeerKey },
    Disconnect { peer: PeerKey, ban_for: Option<Duration> },
}

pub(crate) struct Actor {
    swarm: Swarm<Behaviour>,
    book: Book,
    shared: Arc<Shared>,
    inbox: mpsc::Receiver<Command>,
    events: mpsc::Sender<Envelope>,
    outbox: VecDeque<Outgoing>,
    stop: CancellationToken,
    grace: Duration,
}

/// An event for the consumer, and the link that may run once the consumer's channel has it.
struct Outgoing {
    event: NetEvent,
    then_run: Option<ConnectionId>,
}

impl Actor {
    pub(crate) fn new(
        config: NetConfig,
        shared: Arc<Shared>,
        inbox: mpsc::Receiver<Command>,
        stop: CancellationToken,
    ) -> Result<(Self, EventReceiver), NetError> {
        listen::check(&config)?;
        let (events, receiver) = mpsc::channel(config.receive_queue_frames);
        let mut swarm = behaviour::swarm(&config, link_settings(&config, events.clone()))?;
        for address in &config.listen {
            listen::listen(&mut swarm, address)?;
        }
        for address in &config.external {
            swarm.add_external_address(listen::parse(address)?);
        }
        let backoff = Backoff { min: config.retry_min, max: config.retry_max };
        let max_dialing = usize::try_from(config.max_pending_outbound).unwrap_or(usize::MAX);
        let book = Book::new(backoff, config.max_wanted, max_dialing);
        let (outbox, grace) = (VecDeque::new(), config.shutdown_grace);
        let actor = Self { swarm, book, shared, inbox, events, outbox, stop, grace };
        Ok((actor, EventReceiver(receiver)))
    }

    /// Local work comes first, work from the network last.
    pub(crate) async fn run(mut self) {
        let (stop, events) = (self.stop.clone(), self.events.clone());
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                permit = events.reserve(), if !self.outbox.is_empty() => match permit {
                    Ok(permit) => {
                        if let Some(Outgoing { event, then_run }) = self.outbox.pop_front() {
                            permit.send(Envelope { event, budget: None });
                            self.run_link(then_run);
                        }
                    }
                    Err(_) => break,
                },
                command = self.inbox.recv() => match command {
                    Some(command) => self.obey(command),
                    None => break,
                },
                () = events.closed() => break,
                () = until(self.book.next_try()) => self.dial_due(),
                event = self.swarm.select_next_some(), if self.outbox.len() < OUTBOX => self.heed(event),
            }
        }
        self.stop.cancel();
        self.shut_down().await;
    }

    fn run_link(&mut self, connection: Option<ConnectionId>) {
        if let Some(connection) = connection {
            self.swarm.behaviour_mut().links.run(connection);
        }
    }

    fn tell(&mut self, event: NetEvent) {
        self.outbox.push_back(Outgoing { event, then_run: None });
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Dial { peer, addresses, reply } => {
                let linked = self.swarm.behaviour().links.is_up(peer);
                // Who no longer waits for the answer doesn't need it.
                let _ = reply.send(self.book.want(peer, addresses, linked, Instant::now()));
            }
            Command::Forget { peer } => self.book.forget(peer),
            Command::Disconnect { peer, ban_for } => self.disconnect(peer, ban_for),
        }
    }

    fn disconnect(&mut self, peer: PeerKey, ban_for: Option<Duration>) {
        let Some(peer_id) = peer.to_peer_id() else { return };
        let behaviour = self.swarm.behaviour_mut();
        behaviour.links.ending(peer, DownReason::Disconnected);
        if let Some(duration) = ban_for {
            behaviour.gate.ban(peer_id, duration, Instant::now());
        }
        // An error means that there was no connection.
        let _ = self.swarm.disconnect_peer_id(peer_id);
    }

    fn dial_due(&mut self) {
        while let Some((peer, addresses)) = self.book.due(Instant::now()) {
            let Some(peer_id) = peer.to_peer_id() else { continue };
            if self.swarm.is_connected(&peer_id) {
                self.book.postpone(peer, Instant::now());
                continue;
            }
            let dial =
                DialOpts::peer_id(peer_id).addresses(addresses).condition(PeerCondition::Always).build();
            if let Err(error) = self.swarm.dial(dial) {
                self.dial_failed(peer, &error);
            }
        }
    }

    fn dial_failed(&mut self, peer: PeerKey, error: &DialError) {
        if let DialError::WrongPeerId { address, .. } = error {
            self.book.wrong_address(peer, &address::without_peer(address.clone()));
        }
        self.no_link(peer, dial::failure(error));
    }

    fn no_link(&mut self, peer: PeerKey, reason: DialFailure) {
        if let Some(retry_in) = self.book.failed(peer, Instant::now(), random()) {
            self.tell(NetEvent::DialFailed { peer, reason, retry_in });
        }
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the enum is non-exhaustive and most of it is not for us"
    )]
    fn heed(&mut self, event: SwarmEvent<BehaviourEvent>) {
        match event {
            SwarmEvent::Behaviour(event) => self.heed_behaviour(event),
            SwarmEvent::NewListenAddr { address, .. } => {
                let address = address::with_peer(address, self.shared.key);
                tracing::info!(%address, "listening");
                self.shared.listening_on(&address);
                self.tell(NetEvent::Listening { address });
            }
            SwarmEvent::ExpiredListenAddr { address, .. } => self.listening_ended(address, None),
            SwarmEvent::ListenerClosed { addresses, reason, .. } => {
                let reason = reason.err().map(|error| error.to_string());
                addresses.into_iter().for_each(|address| self.listening_ended(address, reason.clone()));
            }
            SwarmEvent::ListenerError { error, .. } => tracing::warn!(%error, "a listener reports an error"),
            SwarmEvent::OutgoingConnectionError { peer_id: Some(peer), error, .. } => {
                if let Some(peer) = PeerKey::from_peer_id(&peer) {
                    self.dial_failed(peer, &error);
                }
            }
            SwarmEvent::ConnectionClosed { peer_id, num_established: 0, .. } => {
                if let Some(peer) = PeerKey::from_peer_id(&peer_id) {
                    self.no_link(peer, DialFailure::NoLink);
                }
            }
            SwarmEvent::IncomingConnectionError { send_back_addr, error, .. } => {
                tracing::debug!(from = %send_back_addr, %error, "connection refused");
            }
            _ => {}
        }
    }

    fn heed_behaviour(&mut self, event: BehaviourEvent) {
        match event {
            BehaviourEvent::Links(event) => self.heed_link(event),
            BehaviourEvent::Ping(ping::Event { connection, result: Err(failure), .. }) => {
                self.ping_failed(connection, &failure);
            }
            BehaviourEvent::Mdns(mdns::Event::Discovered(found)) => self.discovered(found),
            BehaviourEvent::Ping(_) | BehaviourEvent::Mdns(mdns::Event::Expired(_)) => {}
            BehaviourEvent::Identify(event) => tracing::trace!(?event, "identify"),
        }
    }

    fn heed_link(&mut self, event: LinkEvent) {
        match event {
            LinkEvent::Up(up) => {
                tracing::debug!(peer = %up.peer.fmt_short(), address = %up.address, inbound = up.inbound, "link up");
                self.book.linked(up.peer, Instant::now());
                self.shared.link_up(up.peer, up.queue);
                let (peer, address, inbound) = (up.peer, up.address.to_string(), up.inbound);
                let event = NetEvent::PeerUp { peer, address, inbound };
                self.outbox.push_back(Outgoing { event, then_run: Some(up.connection) });
            }
            LinkEvent::Down { peer, reason } => {
                tracing::debug!(peer = %peer.fmt_short(), %reason, "link down");
                self.book.down(peer, Instant::now(), random());
                self.shared.link_down(peer);
                self.tell(NetEvent::PeerDown { peer, reason });
            }
            LinkEvent::Writable { peer } => self.tell(NetEvent::Writable { peer }),
        }
    }

    fn ping_failed(&mut self, connection: ConnectionId, failure: &ping::Failure) {
        // A peer need not speak ping; then its silence proves nothing.
        if !matches!(failure, ping::Failure::Unsupported) {
            self.swarm.behaviour_mut().links.ending_on(connection, DownReason::PingTimeout);
            self.swarm.close_connection(connection);
        }
    }

    fn discovered(&mut self, found: Vec<(PeerId, Multiaddr)>) {
        let mut peers: Vec<(PeerKey, Vec<Multiaddr>)> = Vec::new();
        for (peer, address) in found {
            let Some(peer) = PeerKey::from_peer_id(&peer) else { continue };
            let address = address::without_peer(address);
            match peers.iter_mut().find(|(known, _)| *known == peer) {
                Some((_, addresses)) if addresses.len() < MAX_ADDRESSES => addresses.push(address),
                Some(_) => {}
                None => peers.push((peer, vec![address])),
            }
        }
        // What doesn't fit is found again when its announcement is renewed.
        peers.truncate(OUTBOX);
        for (peer, addresses) in peers {
            let texts = addresses.iter().map(|known| address::with_peer(known.clone(), peer)).collect();
            self.book.add_addresses(peer, addresses, Instant::now());
            self.tell(NetEvent::Discovered { peer, addresses: texts });
        }
    }

    fn listening_ended(&mut self, address: Multiaddr, reason: Option<String>) {
        let address = address::with_peer(address, self.shared.key);
        tracing::info!(%address, reason, "no longer listening");
        self.shared.listening_ended(&address);
        self.tell(NetEvent::ListeningEnded { address, reason });
    }

    /// Queues are closed; links write what they hold and end by themselves; then connections are closed.
    async fn shut_down(mut self) {
        self.swarm.behaviour_mut().links.ending_all(DownReason::ShuttingDown);
        self.shared.close_queues();
        let drained = timeout(self.grace, self.until(|actor| actor.shared.is_without_links())).await;
        if drained.is_err() {
            tracing::warn!("the grace time is over, and some frames were not taken by their peers");
        }
        let peers: Vec<PeerId> = self.swarm.connected_peers().copied().collect();
        for peer in peers {
            let _ = self.swarm.disconnect_peer_id(peer);
        }
        let _ = timeout(CLOSING, self.until(|actor| actor.swarm.connected_peers().next().is_none())).await;
        let sockets: Vec<Multiaddr> = self.swarm.listeners().cloned().collect();
        drop(self.swarm);
        let _ = timeout(CLOSING, listen::released(&sockets)).await;
    }

    async fn until(&mut self, done: impl Fn(&Self) -> bool) {
        while !done(self) {
            let event = self.swarm.select_next_some().await;
            self.heed(event);
            self.flush_outbox();
        }
    }

    /// What the consumer still takes, it gets; nothing waits for it any more.
    fn flush_outbox(&mut self) {
        while let Some(Outgoing { event, .. }) = self.outbox.pop_front() {
            let _ = self.events.try_send(Envelope { event, budget: None });
        }
    }
}

fn link_settings(config: &NetConfig, events: mpsc::Sender<Envelope>) -> LinkSettings {
    LinkSettings {
        own: config.secret.peer_key(),
        queue: QueueLimits {
            frames: config.send_queue_frames,
            bytes: config.send_queue_bytes,
            frame: config.max_frame,
        },
        setup_timeout: config.setup_timeout,
        delivery: Delivery {
            events,
            budget: Arc::new(Semaphore::new(config.receive_queue_bytes)),
            budget_total: config.receive_queue_bytes,
        },
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => pending().await,
    }
}

/// For jitter only; without randomness the wait is its longest.
fn random() -> u32 {
    getrandom::u32().unwrap_or(u32::MAX)
}
