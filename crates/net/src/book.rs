//! The peers that a link is wanted with, where they may be, and when to try next. Pure: time and randomness are given.

use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use libp2p::Multiaddr;
use tokio::time::Instant;

use crate::{error::DialRefused, key::PeerKey};

/// Addresses remembered for one peer; the newest stay.
pub(crate) const MAX_ADDRESSES: usize = 16;

/// New addresses bring an early try, this long after the last one at the soonest.
const EARLY_TRY: Duration = Duration::from_secs(1);

/// A link that lived this long was a success; one that ended sooner counts as one more failure.
const STABLE: Duration = Duration::from_secs(10);

/// Bounds of the wait between tries.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Backoff {
    pub(crate) min: Duration,
    pub(crate) max: Duration,
}

impl Backoff {
    /// Doubles with each failure; between half of that and all of it, by chance.
    fn wait(self, failures: u32, random: u32) -> Duration {
        let full = self.min.saturating_mul(2u32.saturating_pow(failures)).min(self.max);
        full / 2 + full.mul_f64(f64::from(random) / f64::from(u32::MAX) / 2.0)
    }
}

#[derive(Debug)]
pub(crate) struct Book {
    backoff: Backoff,
    max_wanted: usize,
    max_dialing: usize,
    dialing: usize,
    wanted: HashMap<PeerKey, Wanted>,
    tries: BTreeSet<(Instant, PeerKey)>,
}

#[derive(Debug)]
struct Wanted {
    addresses: Vec<Multiaddr>,
    failures: u32,
    last_try: Option<Instant>,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting { until: Instant },
    Dialing,
    Linked { since: Instant },
}

impl Book {
    pub(crate) fn new(backoff: Backoff, max_wanted: usize, max_dialing: usize) -> Self {
        let (wanted, tries) = (HashMap::new(), BTreeSet::new());
        Self { backoff, max_wanted, max_dialing, dialing: 0, wanted, tries }
    }

    /// Takes up a peer, or adds addresses to one.
    pub(crate) fn want(
        &mut self,
        peer: PeerKey,
        addresses: Vec<Multiaddr>,
        linked: bool,
        now: Instant,
    ) -> Result<(), DialRefused> {
        if !self.wanted.contains_key(&peer) {
            if self.wanted.len() >= self.max_wanted {
                return Err(DialRefused::TooMany { limit: self.max_wanted });
            }
            let state = if linked { State::Linked { since: now } } else { State::Waiting { until: now } };
            self.wanted.insert(peer, Wanted { addresses: vec![], failures: 0, last_try: None, state });
            if !linked {
                self.tries.insert((now, peer));
            }
        }
        self.add_addresses(peer, addresses, now);
        Ok(())
    }

    /// Adds addresses if the peer is wanted. New ones bring an early try.
    pub(crate) fn add_addresses(&mut self, peer: PeerKey, addresses: Vec<Multiaddr>, now: Instant) {
        let Some(wanted) = self.wanted.get_mut(&peer) else { return };
        if !wanted.learn(addresses) {
            return;
        }
        if let State::Waiting { until } = wanted.state {
            let early = wanted.last_try.map_or(now, |last| (last + EARLY_TRY).max(now));
            if early < until {
                self.set(peer, State::Waiting { until: early });
            }
        }
    }

    pub(crate) fn forget(&mut self, peer: PeerKey) {
        if let Some(wanted) = self.wanted.remove(&peer) {
            self.leave(peer, wanted.state);
        }
    }

    /// When [`Book::due`] has something next.
    pub(crate) fn next_try(&self) -> Option<Instant> {
        if self.dialing >= self.max_dialing {
            return None;
        }
        self.tries.first().map(|(at, _)| *at)
    }

    /// A peer to dial now, with its addresses, newest first. Its outcome must be told.
    pub(crate) fn due(&mut self, now: Instant) -> Option<(PeerKey, Vec<Multiaddr>)> {
        let peer = self.tries.first().filter(|(at, _)| *at <= now && self.dialing < self.max_dialing)?.1;
        self.set(peer, State::Dialing);
        let wanted = self.wanted.get_mut(&peer)?;
        wanted.last_try = Some(now);
        Some((peer, wanted.addresses.iter().rev().cloned().collect()))
    }

    /// A try failed, or a connection ended without a link: when the next is. `None` if the peer isn't waiting for that.
    pub(crate) fn failed(&mut self, peer: PeerKey, now: Instant, random: u32) -> Option<Duration> {
        let wanted = self.wanted.get_mut(&peer).filter(|wanted| wanted.state == State::Dialing)?;
        let wait = self.backoff.wait(wanted.failures, random);
        wanted.failures = wanted.failures.saturating_add(1);
        self.set(peer, State::Waiting { until: now + wait });
        Some(wait)
    }

    /// The peer is being connected in another way: look again later.
    pub(crate) fn postpone(&mut self, peer: PeerKey, now: Instant) {
        if self.wanted.get(&peer).is_some_and(|wanted| wanted.state == State::Dialing) {
            self.set(peer, State::Waiting { until: now + self.backoff.min.max(EARLY_TRY) });
        }
    }

    /// Another peer lives at this address.
    pub(crate) fn wrong_address(&mut self, peer: PeerKey, address: &Multiaddr) {
        if let Some(wanted) = self.wanted.get_mut(&peer)
            && wanted.addresses.len() > 1
        {
            wanted.addresses.retain(|known| known != address);
        }
    }

    pub(crate) fn linked(&mut self, peer: PeerKey, now: Instant) {
        self.set(peer, State::Linked { since: now });
    }

    /// The link ended.
    pub(crate) fn down(&mut self, peer: PeerKey, now: Instant, random: u32) {
        let Some(wanted) = self.wanted.get_mut(&peer) else { return };
        let State::Linked { since } = wanted.state else { return };
        if now.saturating_duration_since(since) >= STABLE {
            wanted.failures = 0;
        }
        let wait = self.backoff.wait(wanted.failures, random);
        wanted.failures = wanted.failures.saturating_add(1);
        self.set(peer, State::Waiting { until: now + wait });
    }

    /// The one place that changes a state, and keeps the count and the order of tries with it.
    fn set(&mut self, peer: PeerKey, state: State) {
        let Some(wanted) = self.wanted.get_mut(&peer) else { return };
        let before = std::mem::replace(&mut wanted.state, state);
        self.leave(peer, before);
        match state {
            State::Waiting { until } => {
                self.tries.insert((until, peer));
            }
            State::Dialing => self.dialing += 1,
            State::Linked { .. } => {}
        }
    }

    fn leave(&mut self, peer: PeerKey, state: State) {
        match state {
            State::Waiting { until } => {
                self.tries.remove(&(until, peer));
            }
            State::Dialing => self.dialing = self.dialing.saturating_sub(1),
            State::Linked { .. } => {}
        }
    }
}

impl Wanted {
    /// Whether one of them was new.
    fn learn(&mut self, addresses: Vec<Multiaddr>) -> bool {
        let mut news = false;
        for address in addresses {
            let known = self.addresses.len();
            self.addresses.retain(|old| *old != address);
            news |= self.addresses.len() == known;
            self.addresses.push(address);
        }
        let surplus = self.addresses.len().saturating_sub(MAX_ADDRESSES);
        self.addresses.drain(..surplus);
        news
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    const PEER: PeerKey = PeerKey([1; 32]);
    const BACKOFF: Backoff = Backoff { min: Duration::from_millis(100), max: Duration::from_secs(60) };

    fn address(port: u16) -> Multiaddr {
        format!("/ip4/127.0.0.1/tcp/{port}").parse().unwrap()
    }

    fn book() -> (Book, Instant) {
        (Book::new(BACKOFF, 3, 2), Instant::now())
    }

    #[test]
    fn waits_double_up_to_the_longest_and_jitter_takes_at_most_half() {
        for (failures, millis) in [(0, 100), (1, 200), (5, 3200), (10, 60_000), (u32::MAX, 60_000)] {
            assert_eq!(BACKOFF.wait(failures, u32::MAX), Duration::from_millis(millis));
            assert_eq!(BACKOFF.wait(failures, 0), Duration::from_millis(millis / 2));
        }
    }

    #[test]
    fn a_wanted_peer_is_tried_again_until_forgotten() {
        let (mut book, mut now) = book();
        book.want(PEER, vec![address(1)], false, now).unwrap();
        for failures in 0..20 {
            assert_eq!(book.due(now), Some((PEER, vec![address(1)])));
            assert_eq!(book.next_try(), None);
            let wait = book.failed(PEER, now, 0).unwrap();
            assert_eq!(wait, BACKOFF.wait(failures, 0));
            assert_eq!(book.due(now), None);
            now += wait;
        }
        book.forget(PEER);
        assert_eq!((book.next_try(), book.due(now)), (None, None));
    }

    #[test]
    fn a_new_address_brings_an_early_try_but_not_more_than_one_a_second() {
        let (mut book, now) = book();
        book.want(PEER, vec![address(1)], false, now).unwrap();
        book.due(now);
        for _ in 0..10 {
            book.postpone(PEER, now);
            book.set(PEER, State::Dialing);
            book.failed(PEER, now, u32::MAX);
        }
        book.add_addresses(PEER, vec![address(1)], now);
        assert_eq!(book.next_try(), Some(now + Duration::from_millis(51_200)));
        book.add_addresses(PEER, vec![address(2)], now);
        assert_eq!(book.next_try(), Some(now + EARLY_TRY));
        assert_eq!(book.due(now + EARLY_TRY), Some((PEER, vec![address(2), address(1)])));
    }

    #[test]
    fn a_link_that_does_not_last_does_not_reset_the_wait() {
        let (mut book, mut now) = book();
        book.want(PEER, vec![address(1)], false, now).unwrap();
        for failures in 0..5 {
            book.due(now).unwrap();
            book.linked(PEER, now);
            book.down(PEER, now, u32::MAX);
            assert_eq!(book.next_try(), Some(now + BACKOFF.wait(failures, u32::MAX)));
            now = book.next_try().unwrap();
        }
        book.due(now).unwrap();
        book.linked(PEER, now);
        book.down(PEER, now + STABLE, u32::MAX);
        assert_eq!(book.next_try(), Some(now + STABLE + BACKOFF.min));
    }

    #[test]
    fn dials_at_one_time_and_wanted_peers_are_bounded() {
        let (mut book, now) = book();
        let peers = [1, 2, 3, 4].map(|n| PeerKey([n; 32]));
        assert_eq!(peers.map(|peer| book.want(peer, vec![], false, now).is_ok()), [true, true, true, false]);
        let (first, _) = book.due(now).unwrap();
        book.due(now).unwrap();
        assert_eq!((book.next_try(), book.due(now)), (None, None));
        book.forget(first);
        assert!(book.due(now).is_some());
        assert_eq!(book.dialing, 2);
    }

    #[test]
    fn the_newest_addresses_are_kept_and_one_of_another_peer_is_dropped() {
        let (mut book, now) = book();
        book.want(PEER, (1..=20).map(address).collect(), true, now).unwrap();
        assert_eq!(book.wanted[&PEER].addresses, (5..=20).map(address).collect::<Vec<_>>());
        for port in 1..=20 {
            book.wrong_address(PEER, &address(port));
        }
        assert_eq!(book.wanted[&PEER].addresses, [address(20)]);
    }
}
