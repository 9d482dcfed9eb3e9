//! All links of this node: tells connections what to do, and the actor what has become of them.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use libp2p::{
    Multiaddr, PeerId,
    core::{Endpoint, transport::PortUse},
    swarm::{
        CloseConnection, ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, NotifyHandler,
        THandler, THandlerInEvent, THandlerOutEvent, ToSwarm,
        behaviour::{ConnectionClosed, ConnectionEstablished},
    },
};

use super::{
    Delivery, QueueLimits, SendQueue,
    frames::Greeting,
    handler::{Handler, News, Order},
    pair::{Pair, Role, Step},
    stream::{Door, Work},
};
use crate::{event::DownReason, key::PeerKey};

/// What all links share.
#[derive(Debug)]
pub(crate) struct LinkSettings {
    pub(crate) own: PeerKey,
    pub(crate) queue: QueueLimits,
    pub(crate) setup_timeout: Duration,
    pub(crate) delivery: Delivery,
}

/// News of links.
#[derive(Debug)]
pub(crate) enum LinkEvent {
    /// Frames can flow once [`Links::run`] is called.
    Up(Up),
    Down {
        peer: PeerKey,
        reason: DownReason,
    },
    Writable {
        peer: PeerKey,
    },
}

#[derive(Debug)]
pub(crate) struct Up {
    pub(crate) peer: PeerKey,
    pub(crate) connection: ConnectionId,
    pub(crate) address: Multiaddr,
    pub(crate) inbound: bool,
    pub(crate) queue: Arc<SendQueue>,
}

pub(crate) struct Links {
    settings: LinkSettings,
    pairs: HashMap<PeerKey, Pair>,
    connections: HashMap<ConnectionId, Connection>,
    out: VecDeque<ToSwarm<LinkEvent, Order>>,
}

struct Connection {
    peer: PeerKey,
    address: Multiaddr,
    inbound: bool,
    link: Option<LinkParts>,
}

/// What this side shares with the task of a link.
#[derive(Clone)]
struct LinkParts {
    queue: Arc<SendQueue>,
    door: Arc<Door>,
}

impl Links {
    pub(crate) fn new(settings: LinkSettings) -> Self {
        Self { settings, pairs: HashMap::new(), connections: HashMap::new(), out: VecDeque::new() }
    }

    /// Lets frames flow on a connection that was told as `Up`. Nothing happens if it has ended meanwhile.
    pub(crate) fn run(&mut self, connection: ConnectionId) {
        let Some(Connection { peer, link: Some(link), .. }) = self.connections.get(&connection) else {
            return;
        };
        let greeting = match self.role(*peer) {
            Role::Opener => None,
            Role::Acceptor => Some(self.greeting(false).encode()),
        };
        let work = Work {
            peer: *peer,
            queue: Arc::clone(&link.queue),
            door: Arc::clone(&link.door),
            delivery: self.settings.delivery.clone(),
            max_frame: self.greeting(false).max_frame,
            greeting,
        };
        self.order(*peer, connection, Order::Run(work));
    }

    /// Names the cause of the coming end of the link to this peer.
    pub(crate) fn ending(&mut self, peer: PeerKey, cause: DownReason) {
        if let Some(pair) = self.pairs.get_mut(&peer) {
            pair.ending(cause);
        }
    }

    /// The same for all links.
    pub(crate) fn ending_all(&mut self, cause: DownReason) {
        self.pairs.values_mut().for_each(|pair| pair.ending(cause.clone()));
    }

    /// The same, if the link is on this connection.
    pub(crate) fn ending_on(&mut self, connection: ConnectionId, cause: DownReason) {
        let Some(Connection { peer, .. }) = self.connections.get(&connection) else { return };
        if let Some(pair) = self.pairs.get_mut(peer)
            && pair.live() == Some(connection)
        {
            pair.ending(cause);
        }
    }

    pub(crate) fn is_up(&self, peer: PeerKey) -> bool {
        self.pairs.get(&peer).is_some_and(|pair| pair.live().is_some())
    }

    fn established(&mut self, event: ConnectionEstablished<'_>) {
        let Some(peer) = PeerKey::from_peer_id(&event.peer_id) else { return };
        let address = event.endpoint.get_remote_address().clone();
        let connection = Connection { peer, address, inbound: event.endpoint.is_listener(), link: None };
        self.connections.insert(event.connection_id, connection);
        let role = self.role(peer);
        let pair = self.pairs.entry(peer).or_insert_with(|| Pair::new(role));
        let steps = pair.connected(event.connection_id);
        self.take(peer, steps);
    }

    fn closed(&mut self, event: ConnectionClosed<'_>) {
        let Some(peer) = PeerKey::from_peer_id(&event.peer_id) else { return };
        let reason = event.cause.map_or(DownReason::Closed, |cause| DownReason::Lost(cause.to_string()));
        self.ended(peer, event.connection_id, reason);
        self.connections.remove(&event.connection_id);
        if event.remaining_established == 0 {
            self.pairs.remove(&peer);
        }
    }

    fn greeted(&mut self, peer: PeerKey, connection: ConnectionId, greeting: Greeting) {
        let peer_takes = usize::try_from(greeting.max_frame).unwrap_or(usize::MAX);
        let limits = self.settings.queue;
        let queue = SendQueue::new(QueueLimits { frame: limits.frame.min(peer_takes), ..limits });
        if let Some(known) = self.connections.get_mut(&connection) {
            known.link = Some(LinkParts { queue: Arc::new(queue), door: Arc::default() });
        }
        if let Some(pair) = self.pairs.get_mut(&peer) {
            let steps = pair.greeted(connection, greeting.without_link);
            self.take(peer, steps);
        }
    }

    fn ended(&mut self, peer: PeerKey, connection: ConnectionId, reason: DownReason) {
        if let Some(pair) = self.pairs.get_mut(&peer) {
            let steps = pair.ended(connection, reason);
            self.take(peer, steps);
        }
    }

    fn take(&mut self, peer: PeerKey, steps: Vec<Step>) {
        for step in steps {
            match step {
                Step::Open { connection, without_link } => {
                    self.order(peer, connection, Order::Open(self.greeting(without_link)));
                }
                Step::Stop { connection } => self.order(peer, connection, Order::Stop),
                Step::Up { connection } => self.up(connection),
                Step::Down { connection, reason } => {
                    self.shut_door(connection);
                    self.out.push_back(ToSwarm::GenerateEvent(LinkEvent::Down { peer, reason }));
                }
                Step::Close { connection } => self.close(peer, connection),
            }
        }
    }

    fn up(&mut self, connection: ConnectionId) {
        let Some(Connection { peer, address, inbound, link: Some(link) }) = self.connections.get(&connection)
        else {
            return;
        };
        let (address, queue) = (address.clone(), Arc::clone(&link.queue));
        let up = Up { peer: *peer, connection, address, inbound: *inbound, queue };
        self.out.push_back(ToSwarm::GenerateEvent(LinkEvent::Up(up)));
    }

    fn shut_door(&self, connection: ConnectionId) {
        if let Some(Connection { link: Some(link), .. }) = self.connections.get(&connection) {
            link.door.shut();
        }
    }

    fn close(&mut self, peer: PeerKey, connection: ConnectionId) {
        if let Some(peer_id) = peer.to_peer_id() {
            let connection = CloseConnection::One(connection);
            self.out.push_back(ToSwarm::CloseConnection { peer_id, connection });
        }
    }

    fn order(&mut self, peer: PeerKey, connection: ConnectionId, event: Order) {
        if let Some(peer_id) = peer.to_peer_id() {
            let handler = NotifyHandler::One(connection);
            self.out.push_back(ToSwarm::NotifyHandler { peer_id, handler, event });
        }
    }

    fn role(&self, peer: PeerKey) -> Role {
        if self.settings.own < peer { Role::Opener } else { Role::Acceptor }
    }

    fn greeting(&self, without_link: bool) -> Greeting {
        Greeting { without_link, max_frame: u32::try_from(self.settings.queue.frame).unwrap_or(u32::MAX) }
    }

    fn handler(&self, peer: PeerId) -> Result<Handler, ConnectionDenied> {
        let peer = PeerKey::from_peer_id(&peer)
            .ok_or_else(|| ConnectionDenied::new("the peer's key is not an Ed25519 key".to_owned()))?;
        Ok(Handler::new(self.role(peer), self.settings.setup_timeout))
    }
}

impl NetworkBehaviour for Links {
    type ConnectionHandler = Handler;
    type ToSwarm = LinkEvent;

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.handler(peer)
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.handler(peer)
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the enum is non-exhaustive and most of it is not for us"
    )]
    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match event {
            FromSwarm::ConnectionEstablished(event) => self.established(event),
            FromSwarm::ConnectionClosed(event) => self.closed(event),
            _ => {}
        }
    }

    fn on_connection_handler_event(
        &mut self,
        peer: PeerId,
        connection: ConnectionId,
        news: THandlerOutEvent<Self>,
    ) {
        let Some(peer) = PeerKey::from_peer_id(&peer) else { return };
        match news {
            News::Greeted(greeting) => self.greeted(peer, connection, greeting),
            News::Writable => self.out.push_back(ToSwarm::GenerateEvent(LinkEvent::Writable { peer })),
            News::Ended(reason) => {
                tracing::debug!(peer = %peer.fmt_short(), %connection, %reason, "stream ended");
                self.ended(peer, connection, reason);
            }
        }
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        self.out.pop_front().map_or(Poll::Pending, Poll::Ready)
    }
}
