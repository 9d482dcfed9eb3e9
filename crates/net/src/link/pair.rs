//! Which of the connections to one peer carries the link. Pure: connections come and go, steps come out.

use std::collections::VecDeque;

use libp2p::swarm::ConnectionId;

use crate::event::DownReason;

/// Which part a side plays, fixed by the order of the two keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Holds the smaller key: opens streams, one at a time.
    Opener,
    /// Holds the larger key: takes streams, or closes the connection.
    Acceptor,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// Open a stream and greet.
    Open { connection: ConnectionId, without_link: bool },
    /// The link is on this connection now.
    Up { connection: ConnectionId },
    /// The link on this connection must end; its end will be reported.
    Stop { connection: ConnectionId },
    /// The link, which was on this connection, has ended.
    Down { connection: ConnectionId, reason: DownReason },
    /// This connection is of no more use.
    Close { connection: ConnectionId },
}

/// The connections to one peer.
#[derive(Debug)]
pub(crate) struct Pair {
    role: Role,
    live: Option<Live>,
    /// Takes over when `live` has ended.
    next: Option<ConnectionId>,
    /// The opener's one attempt, and those that wait for its outcome.
    trying: Option<ConnectionId>,
    waiting: VecDeque<ConnectionId>,
}

#[derive(Debug)]
struct Live {
    connection: ConnectionId,
    /// Why it is about to end, when this side knows better than the connection's last words.
    cause: Option<DownReason>,
}

impl Pair {
    pub(crate) fn new(role: Role) -> Self {
        Self { role, live: None, next: None, trying: None, waiting: VecDeque::new() }
    }

    /// A connection was established.
    pub(crate) fn connected(&mut self, connection: ConnectionId) -> Vec<Step> {
        match self.role {
            Role::Acceptor => Vec::new(),
            Role::Opener => {
                self.waiting.push_back(connection);
                self.open_next().into_iter().collect()
            }
        }
    }

    /// The peer's greeting arrived on this connection.
    pub(crate) fn greeted(&mut self, connection: ConnectionId, peer_without_link: bool) -> Vec<Step> {
        match self.role {
            Role::Acceptor if self.has_link() && !peer_without_link => vec![Step::Close { connection }],
            Role::Acceptor => self.adopt(connection),
            Role::Opener => {
                if self.trying == Some(connection) {
                    self.trying = None;
                }
                let mut steps = self.adopt(connection);
                steps.extend(self.open_next());
                steps
            }
        }
    }

    /// The stream on this connection, or the connection, ended. Reporting it twice is fine.
    pub(crate) fn ended(&mut self, connection: ConnectionId, reason: DownReason) -> Vec<Step> {
        let mut steps = vec![Step::Close { connection }];
        self.waiting.retain(|waiting| *waiting != connection);
        self.next = self.next.filter(|next| *next != connection);
        if let Some(live) = self.live.take_if(|live| live.connection == connection) {
            let reason = live.cause.unwrap_or(reason);
            steps.push(Step::Down { connection, reason });
            if let Some(next) = self.next.take() {
                steps.push(self.up(next));
            }
        }
        if self.trying == Some(connection) {
            self.trying = None;
            steps.extend(self.open_next());
        }
        steps
    }

    /// Names the cause of the end that is about to come; the first one stands.
    pub(crate) fn ending(&mut self, cause: DownReason) {
        if let Some(live) = &mut self.live {
            live.cause.get_or_insert(cause);
        }
    }

    pub(crate) fn live(&self) -> Option<ConnectionId> {
        self.live.as_ref().map(|live| live.connection)
    }

    fn has_link(&self) -> bool {
        self.live.is_some() || self.next.is_some()
    }

    fn adopt(&mut self, connection: ConnectionId) -> Vec<Step> {
        let Some(live) = &mut self.live else { return vec![self.up(connection)] };
        live.cause.get_or_insert(DownReason::Replaced);
        let stop = Step::Stop { connection: live.connection };
        let overtaken = self.next.replace(connection).map(|connection| Step::Close { connection });
        [stop].into_iter().chain(overtaken).collect()
    }

    fn up(&mut self, connection: ConnectionId) -> Step {
        self.live = Some(Live { connection, cause: None });
        Step::Up { connection }
    }

    fn open_next(&mut self) -> Option<Step> {
        if self.trying.is_some() {
            return None;
        }
        let connection = self.waiting.pop_front()?;
        self.trying = Some(connection);
        Some(Step::Open { connection, without_link: !self.has_link() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: usize) -> ConnectionId {
        ConnectionId::new_unchecked(n)
    }

    #[test]
    fn two_connections_made_at_once_give_one_link() {
        let (mut opener, mut acceptor) = (Pair::new(Role::Opener), Pair::new(Role::Acceptor));
        assert_eq!(opener.connected(id(1)), [Step::Open { connection: id(1), without_link: true }]);
        assert_eq!(opener.connected(id(2)), []);
        assert_eq!(acceptor.connected(id(1)), []);
        assert_eq!(acceptor.greeted(id(1), true), [Step::Up { connection: id(1) }]);
        let second = Step::Open { connection: id(2), without_link: false };
        assert_eq!(opener.greeted(id(1), false), [Step::Up { connection: id(1) }, second]);
        assert_eq!(acceptor.greeted(id(2), false), [Step::Close { connection: id(2) }]);
        assert_eq!(opener.ended(id(2), DownReason::Closed), [Step::Close { connection: id(2) }]);
        assert_eq!((opener.live(), acceptor.live()), (Some(id(1)), Some(id(1))));
    }

    #[test]
    fn an_acceptor_that_lost_the_link_gets_a_new_one_at_once() {
        let mut opener = Pair::new(Role::Opener);
        opener.connected(id(1));
        opener.greeted(id(1), false);
        assert_eq!(opener.connected(id(2)), [Step::Open { connection: id(2), without_link: false }]);
        assert_eq!(opener.greeted(id(2), false), [Step::Stop { connection: id(1) }]);
        let steps = opener.ended(id(1), DownReason::Closed);
        let down = Step::Down { connection: id(1), reason: DownReason::Replaced };
        assert_eq!(steps, [Step::Close { connection: id(1) }, down, Step::Up { connection: id(2) }]);
    }

    #[test]
    fn an_opener_that_lost_the_link_replaces_it() {
        let mut acceptor = Pair::new(Role::Acceptor);
        acceptor.greeted(id(1), true);
        assert_eq!(acceptor.greeted(id(2), true), [Step::Stop { connection: id(1) }]);
        let overtaken = Step::Close { connection: id(2) };
        assert_eq!(acceptor.greeted(id(3), true), [Step::Stop { connection: id(1) }, overtaken]);
        let steps = acceptor.ended(id(1), DownReason::Closed);
        assert_eq!(steps.last(), Some(&Step::Up { connection: id(3) }));
        assert_eq!(acceptor.ended(id(1), DownReason::Closed), [Step::Close { connection: id(1) }]);
        assert_eq!(acceptor.live(), Some(id(3)));
    }

    #[test]
    fn a_failed_attempt_makes_way_for_the_next_connection() {
        let mut opener = Pair::new(Role::Opener);
        opener.connected(id(1));
        opener.connected(id(2));
        let steps = opener.ended(id(1), DownReason::Closed);
        let open = Step::Open { connection: id(2), without_link: true };
        assert_eq!(steps, [Step::Close { connection: id(1) }, open]);
    }

    #[test]
    fn a_successor_that_ends_first_is_forgotten() {
        let mut acceptor = Pair::new(Role::Acceptor);
        acceptor.greeted(id(1), true);
        acceptor.greeted(id(2), true);
        acceptor.ended(id(2), DownReason::Closed);
        let steps = acceptor.ended(id(1), DownReason::Closed);
        assert_eq!(steps.last(), Some(&Step::Down { connection: id(1), reason: DownReason::Replaced }));
        assert_eq!(acceptor.live(), None);
    }

    #[test]
    fn the_first_cause_named_is_the_one_told() {
        let mut pair = Pair::new(Role::Acceptor);
        pair.greeted(id(1), true);
        pair.ending(DownReason::PingTimeout);
        pair.ending(DownReason::Disconnected);
        let steps = pair.ended(id(1), DownReason::Closed);
        assert_eq!(steps.last(), Some(&Step::Down { connection: id(1), reason: DownReason::PingTimeout }));
    }
}
