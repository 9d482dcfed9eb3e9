//! Events on their way to subscribers.

use frontdesk_engine::Event;
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::sync::broadcast::{self, error::RecvError};

/// An event and its number.
#[derive(Debug, Clone)]
pub(crate) struct Published {
    pub(crate) number: u64,
    pub(crate) event: Arc<Event>,
}

/// Where the driver puts events. It never waits: who is slow to read them loses the oldest, and is told.
#[derive(Clone)]
pub(crate) struct Feed {
    sender: broadcast::Sender<Published>,
    latest: Arc<AtomicU64>,
    /// Tells events of this run from those of another with the same number.
    run: u32,
}

/// One reader of events.
pub(crate) struct Subscription {
    receiver: broadcast::Receiver<Published>,
    run: u32,
    /// The newest event before this subscription.
    before: u64,
}

/// The next thing that a subscriber is told.
#[derive(Debug)]
pub(crate) enum Told {
    Event(Published),
    /// So many events were lost.
    Lagged(u64),
}

impl Feed {
    pub(super) fn new(capacity: usize) -> Self {
        let mut run = [0; 4];
        crate::random::fill(&mut run);
        let sender = broadcast::Sender::new(capacity.max(1));
        Self { sender, latest: Arc::default(), run: u32::from_be_bytes(run) }
    }

    pub(super) fn publish(&self, event: Event) {
        let number = self.latest.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        // An error means that nobody listens.
        let _ = self.sender.send(Published { number, event: Arc::new(event) });
    }

    pub(crate) fn subscribe(&self) -> Subscription {
        let receiver = self.sender.subscribe();
        Subscription { receiver, run: self.run, before: self.latest.load(Ordering::Relaxed) }
    }
}

impl Subscription {
    /// The next event; none once the node is gone.
    pub(crate) async fn next(&mut self) -> Option<Told> {
        match self.receiver.recv().await {
            Ok(published) => Some(Told::Event(published)),
            Err(RecvError::Lagged(missed)) => Some(Told::Lagged(missed)),
            Err(RecvError::Closed) => None,
        }
    }

    /// An event's name for subscribers: the run and the number.
    pub(crate) fn name(&self, number: u64) -> String {
        format!("{:08x}-{number}", self.run)
    }

    /// True if nothing happened between the event of that name and this subscription.
    pub(crate) fn continues(&self, name: &str) -> bool {
        name == self.name(self.before)
    }
}

impl fmt::Debug for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feed").field("subscribers", &self.sender.receiver_count()).finish_non_exhaustive()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use frontdesk_identity::TransportKey;

    fn event(number: u8) -> Event {
        Event::PeerUp { peer: TransportKey::from_bytes([number; 32]) }
    }

    #[tokio::test]
    async fn a_slow_subscriber_is_told_how_much_it_lost_and_then_goes_on() {
        let feed = Feed::new(2);
        let mut slow = feed.subscribe();
        for number in 1..=5 {
            feed.publish(event(number));
        }
        assert!(matches!(slow.next().await.unwrap(), Told::Lagged(3)));
        assert!(matches!(slow.next().await.unwrap(), Told::Event(told) if told.number == 4));
        assert!(matches!(slow.next().await.unwrap(), Told::Event(told) if told.number == 5));
    }

    #[test]
    fn a_subscriber_that_comes_back_knows_whether_it_missed_something() {
        let feed = Feed::new(2);
        feed.publish(event(1));
        let name = feed.subscribe().name(1);
        assert!(feed.subscribe().continues(&name));
        feed.publish(event(2));
        assert!(!feed.subscribe().continues(&name));
        assert!(!feed.subscribe().continues("nonsense"));
    }
}
