//! One connection's part of a link: the greetings, then a task that runs the link.
//!
//! The link could run here, in the connection's task; but what that task reads from its socket would then wake itself,
//! which the scheduler takes for yielding, and a frame would wait for another thread. A task beside it runs next, on the
//! same thread.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures::{AsyncWriteExt as _, FutureExt as _, future::BoxFuture};
use libp2p::{
    Stream, StreamProtocol,
    core::upgrade::ReadyUpgrade,
    swarm::{
        ConnectionHandler, ConnectionHandlerEvent, SubstreamProtocol,
        handler::{ConnectionEvent, FullyNegotiatedInbound, FullyNegotiatedOutbound},
    },
};
use tokio::time::{Sleep, sleep};
use tokio_util::task::AbortOnDropHandle;

use super::{
    PROTOCOL,
    frames::{Greeting, lost},
    pair::Role,
    queue::SendQueue,
    stream::{self, Work},
};
use crate::event::{DownReason, Violation};

/// Orders to a connection.
#[derive(Debug)]
pub(crate) enum Order {
    /// Open a stream and send this greeting.
    Open(Greeting),
    /// The stream is the link: run it.
    Run(Work),
    /// End the link.
    Stop,
}

/// News from a connection.
#[derive(Debug)]
pub(crate) enum News {
    /// The peer's greeting; the stream waits for `Run`.
    Greeted(Greeting),
    /// There is room in the queue again.
    Writable,
    /// No link here any more, or none will come.
    Ended(DownReason),
}

pub(crate) struct Handler {
    role: Role,
    state: State,
    setup_timeout: Duration,
    /// Runs until the peer's greeting is here.
    deadline: Pin<Box<Sleep>>,
}

enum State {
    /// No stream yet.
    Idle,
    /// To be opened.
    ToOpen(Greeting),
    /// Being opened.
    Opening(Greeting),
    /// Waiting for the peer's greeting.
    Greeting(BoxFuture<'static, Result<(Stream, Greeting), DownReason>>),
    /// Greeted; the behaviour decides.
    Greeted(Stream),
    /// The link.
    Running { link: AbortOnDropHandle<DownReason>, queue: Arc<SendQueue> },
    /// Ended, and to be told.
    Ending(DownReason),
    /// Ended.
    Ended,
}

type Event = ConnectionHandlerEvent<ReadyUpgrade<StreamProtocol>, (), News>;

impl Handler {
    pub(crate) fn new(role: Role, setup_timeout: Duration) -> Self {
        Self { role, state: State::Idle, setup_timeout, deadline: Box::pin(sleep(setup_timeout)) }
    }

    fn end(&mut self, reason: DownReason) {
        if !matches!(self.state, State::Ending(_) | State::Ended) {
            self.state = State::Ending(reason);
        }
    }

    fn inbound(&mut self, mut stream: Stream) {
        match (self.role, &self.state) {
            (Role::Opener, _) => self.end(DownReason::Violation(Violation::WrongOpener)),
            (Role::Acceptor, State::Idle) => {
                let greeting = async move { Ok((Greeting::read(&mut stream).await?, stream)) };
                self.state =
                    State::Greeting(greeting.map(|read| read.map(|(peer, stream)| (stream, peer))).boxed());
            }
            (Role::Acceptor, _) => self.end(DownReason::Violation(Violation::SecondStream)),
        }
    }

    fn outbound(&mut self, mut stream: Stream) {
        let State::Opening(own) = &self.state else { return };
        let own = own.encode();
        let greeting = async move {
            stream.write_all(&own).await.map_err(lost)?;
            stream.flush().await.map_err(lost)?;
            let peer = Greeting::read(&mut stream).await?;
            Ok((stream, peer))
        };
        self.state = State::Greeting(greeting.boxed());
    }

    /// Moves on as far as possible without waiting.
    fn advance(&mut self, cx: &mut Context<'_>) -> Option<Event> {
        match std::mem::replace(&mut self.state, State::Ended) {
            State::ToOpen(greeting) => {
                self.state = State::Opening(greeting);
                let protocol = self.listen_protocol();
                return Some(Event::OutboundSubstreamRequest { protocol });
            }
            State::Greeting(mut greeting) => match greeting.poll_unpin(cx) {
                Poll::Ready(Ok((stream, peer))) => {
                    self.state = State::Greeted(stream);
                    return Some(Event::NotifyBehaviour(News::Greeted(peer)));
                }
                Poll::Ready(Err(reason)) => return Some(Event::NotifyBehaviour(News::Ended(reason))),
                Poll::Pending => self.state = State::Greeting(greeting),
            },
            State::Running { mut link, queue } => {
                if let Poll::Ready(ended) = link.poll_unpin(cx) {
                    let reason = ended.unwrap_or_else(|error| DownReason::Lost(error.to_string()));
                    return Some(Event::NotifyBehaviour(News::Ended(reason)));
                }
                let writable = queue.poll_writable(cx).is_ready();
                self.state = State::Running { link, queue };
                return writable.then_some(Event::NotifyBehaviour(News::Writable));
            }
            State::Ending(reason) => return Some(Event::NotifyBehaviour(News::Ended(reason))),
            state @ (State::Idle | State::Opening(_) | State::Greeted(_) | State::Ended) => {
                self.state = state
            }
        }
        None
    }

    fn in_setup(&self) -> bool {
        matches!(self.state, State::Idle | State::ToOpen(_) | State::Opening(_) | State::Greeting(_))
    }
}

impl ConnectionHandler for Handler {
    type FromBehaviour = Order;
    type ToBehaviour = News;
    type InboundProtocol = ReadyUpgrade<StreamProtocol>;
    type OutboundProtocol = ReadyUpgrade<StreamProtocol>;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = ();

    fn listen_protocol(&self) -> SubstreamProtocol<Self::InboundProtocol> {
        SubstreamProtocol::new(ReadyUpgrade::new(PROTOCOL), ()).with_timeout(self.setup_timeout)
    }

    /// The deadline ends a connection without a link; a link keeps it.
    fn connection_keep_alive(&self) -> bool {
        !matches!(self.state, State::Ended)
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        if self.in_setup() && self.deadline.poll_unpin(cx).is_ready() {
            self.end(DownReason::Lost("no link was set up in time".into()));
        }
        self.advance(cx).map_or(Poll::Pending, Poll::Ready)
    }

    fn on_behaviour_event(&mut self, order: Order) {
        match (order, std::mem::replace(&mut self.state, State::Ended)) {
            (Order::Open(greeting), State::Idle) => self.state = State::ToOpen(greeting),
            (Order::Run(work), State::Greeted(stream)) => {
                let queue = Arc::clone(&work.queue);
                let link = AbortOnDropHandle::new(tokio::spawn(stream::run(stream, work)));
                self.state = State::Running { link, queue };
            }
            (Order::Stop, State::Ended) => {}
            (Order::Stop, _) => self.state = State::Ending(DownReason::Replaced),
            // An order that crossed with the end of what it was for.
            (Order::Open(_) | Order::Run(_), state) => self.state = state,
        }
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the enum is non-exhaustive and most of it is not for us"
    )]
    fn on_connection_event(&mut self, event: ConnectionEvent<Self::InboundProtocol, Self::OutboundProtocol>) {
        match event {
            ConnectionEvent::FullyNegotiatedInbound(FullyNegotiatedInbound { protocol, .. }) => {
                self.inbound(protocol);
            }
            ConnectionEvent::FullyNegotiatedOutbound(FullyNegotiatedOutbound { protocol, .. }) => {
                self.outbound(protocol);
            }
            ConnectionEvent::DialUpgradeError(failed) => self.end(DownReason::Lost(failed.error.to_string())),
            _ => {}
        }
    }
}

impl fmt::Debug for Handler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handler").field("role", &self.role).finish_non_exhaustive()
    }
}
