//! Links: numbered, durable, acknowledged delivery to one peer over whatever connection there is.
//!
//! Outgoing: a body gets the next number and is stored; it is sent while the peer is connected and the window has room,
//! sent again when acknowledgements stay away, and kept until the peer has stored it. Incoming: frames are taken in
//! their order; what comes again is acknowledged again and not looked at; what comes too early waits a little.

mod inbox;
mod outbox;
mod recent;
mod unusable;

pub use self::recent::{MAX_RECENT, MAX_RECENT_BYTES};
use self::{recent::Recent, unusable::Refusals};
use crate::{
    Action, Engine, Event, Millis,
    record::{self, LinkRecord},
    space,
    step::Step,
};
use frontdesk_identity::TransportKey;
use frontdesk_store::{Reader, Scan, StoreError};
use frontdesk_wire::{Ack, Data, Frame, Hello, Incarnation, LinkSeq, Reason, Refused, limits};
use std::collections::{BTreeMap, hash_map};

/// Frames that may be on their way to one peer without acknowledgement.
pub const MAX_IN_FLIGHT: u64 = 256;
/// Bytes that may be on their way to one peer without acknowledgement.
pub const MAX_IN_FLIGHT_BYTES: usize = 2 * 1024 * 1024;
/// Frames that may wait for one peer. Past it, sending to it is refused.
pub const MAX_OUTBOX: u64 = 20_000;
/// Frames that came too early and are kept for their turn, for each peer.
pub const MAX_EARLY: usize = 64;
/// Bytes of such frames, for each peer: hundreds of peers may do their worst at once. What is dropped comes again.
pub const MAX_EARLY_BYTES: usize = 256 * 1024;
/// Frames stored but waiting for a commit, for each peer.
pub const MAX_WAITING: usize = 256;
/// Malformed frames after which a peer is disconnected.
pub const MAX_MALFORMED: u32 = 8;
/// Broken rules after which a stranger is disconnected: an honest one has a grant that is over or a code mistyped, a few
/// times. Devices that this node knows are not cut off for it, since members that lost their state break rules unawares.
pub const MAX_BREACHES: u32 = 16;
/// How long a peer is refused after that, in milliseconds.
pub const BAN: u64 = 60_000;
/// How long to wait for an acknowledgement before sending again, in milliseconds; doubles up to the maximum.
pub const RETRY_FIRST: u64 = 2_000;
/// The longest wait between two attempts, in milliseconds.
pub const RETRY_MAX: u64 = 60_000;
/// After that time at most frames go out again to a peer that greets anew on a standing connection, in milliseconds.
const RESUME_AFTER: u64 = 4_000;

/// The largest count that a forgotten peer is believed to have: from there on numbers still have room to grow.
pub const MAX_RESUMED: LinkSeq = LinkSeq(1 << 53);

/// One link in memory: its record, and what need not survive.
#[derive(Debug, Default)]
pub(crate) struct Link {
    pub(crate) record: LinkRecord,
    changed: bool,
    up: bool,
    /// The peer's greeting has come, so its cursor is known.
    greeted: bool,
    ack_due: bool,
    /// The newest frame that was handed to the connection.
    sent: LinkSeq,
    early: BTreeMap<LinkSeq, Vec<u8>>,
    recent: Recent,
    retry_at: Option<Millis>,
    retries: u32,
    malformed: u32,
    refusals: Refusals,
    /// What waited for the peer was forgotten while it was connected: what it says that it has is where the numbers go on.
    forgotten: bool,
    breaches: u32,
    /// The peer knows of frames that this node doesn't, as it says on this connection.
    ahead: bool,
    /// What it had of this node's, as it has said on this connection before a reload.
    had: LinkSeq,
    /// Refusals that no acknowledgement has named yet.
    untold: usize,
    /// Known beyond this connection: its record is stored.
    known: bool,
}

impl Link {
    pub(crate) fn is_up(&self) -> bool {
        self.up
    }

    /// How much of this node's the peer has, as it has said on this connection.
    pub(crate) fn heard(&self) -> LinkSeq {
        if self.greeted { self.record.stored } else { self.had }
    }

    pub(crate) fn is_ahead(&self) -> bool {
        self.up && self.ahead
    }

    /// Frames that the peer has not opened; what it has stored of them costs a row each here.
    pub(crate) fn unsettled(&self) -> u64 {
        self.record.numbered.0.saturating_sub(self.record.delivered.0)
    }

    /// Frames that the peer hasn't stored.
    pub(crate) fn backlog(&self) -> u64 {
        self.record.numbered.0.saturating_sub(self.record.stored.0)
    }

    /// A peer that this node has forgotten tells how many frames it has in this life: the next number follows.
    fn resume_after(&mut self, stored: LinkSeq) {
        if stored > self.record.numbered {
            self.record.numbered = stored;
            self.record.stored = stored;
            self.record.delivered = stored;
            self.record.acknowledged = stored;
        }
    }

    /// Nothing waits for the peer any more, whatever it has of what was sent.
    pub(crate) fn count_as_settled(&mut self) {
        self.record.stored = self.record.numbered;
        self.record.delivered = self.record.numbered;
        self.sent = self.record.numbered;
        self.recent.clear();
        self.changed = true;
    }

    /// Frames that are noted in memory, those that came too early, and the bytes of all.
    pub(crate) fn held(&self) -> (usize, usize, usize) {
        let (frames, bytes) = self.recent.held();
        let early: usize = self.early.values().map(Vec::len).sum();
        (frames, self.early.len(), bytes.saturating_add(early))
    }

    fn ack(&self) -> Ack {
        let record = &self.record;
        let delivered = record.waiting.iter().min().map_or(record.received, |first| first.previous());
        Ack { stored: record.received, delivered, refused: record.refused.clone() }
    }

    fn hello(&self, incarnation: Incarnation) -> Hello {
        // Of a life of which this node has nothing, and perhaps had and forgot something, it has nothing to say.
        let speaks = self.record.received > LinkSeq::default();
        let about = self.record.incarnation.filter(|_| speaks);
        let acknowledged = self.record.acknowledged;
        Hello { incarnation, about, heard: self.greeted, ack: self.ack(), acknowledged }
    }

    /// Keeps a frame for its turn, if there is room. A stranger's frames come in order over its one connection, so it
    /// loses nothing but time if they don't.
    fn keep_early(&mut self, data: Data) {
        let bytes = self.early.values().map(Vec::len).fold(data.body.len(), usize::saturating_add);
        if self.known && self.early.len() < MAX_EARLY && bytes <= MAX_EARLY_BYTES {
            self.early.insert(data.seq, data.body.into_vec());
        }
    }

    fn refuse(&mut self, seq: LinkSeq, reason: Reason) {
        self.untold = self.untold.saturating_add(1);
        self.record.refused.push(Refused { seq, reason });
        let surplus = self.record.refused.len().saturating_sub(limits::MAX_REFUSED);
        self.record.refused.drain(..surplus);
    }

    /// Takes a frame off the list of those that wait for a commit, opened or refused. One that isn't on it is of a life of
    /// the peer's that is over: its number says nothing any more, or speaks of another frame.
    pub(crate) fn settle(&mut self, seq: LinkSeq, refused: Option<Reason>) {
        let before = self.record.waiting.len();
        self.record.waiting.retain(|waiting| *waiting != seq);
        if self.record.waiting.len() == before {
            return;
        }
        if let Some(reason) = refused {
            self.refuse(seq, reason);
            self.record.refused.sort_by_key(|refused| refused.seq);
        }
        self.changed = true;
        self.ack_due = true;
    }

    fn retry_after(&self, jitter: u64) -> u64 {
        let wait = RETRY_FIRST.saturating_mul(1 << self.retries.min(6)).min(RETRY_MAX);
        wait / 2 + jitter % wait
    }
}

impl Engine {
    /// The link to `peer`, from memory or the store.
    pub(crate) fn link(&mut self, step: Step<'_>, peer: TransportKey) -> Result<&mut Link, StoreError> {
        match self.links.entry(peer) {
            hash_map::Entry::Occupied(there) => Ok(there.into_mut()),
            hash_map::Entry::Vacant(place) => {
                let stored: Option<LinkRecord> = record::get(step.overlay, &space::link(&peer))?;
                let known = stored.is_some();
                let record = stored.unwrap_or_default();
                let sent = record.stored;
                Ok(place.insert(Link { record, sent, known, ..Link::default() }))
            }
        }
    }

    /// From now on the link is stored: the peer has shown that it is more than a stranger.
    pub(crate) fn know(&mut self, step: Step<'_>, peer: TransportKey) -> Result<(), StoreError> {
        let link = self.link(step, peer)?;
        link.known = true;
        link.changed = true;
        Ok(())
    }

    /// Forgets the link of a peer that nothing else is known of, what waits for it, and what waits of it. While it is
    /// connected, its counts stay in memory; when it comes again, its greeting tells what it has.
    pub(crate) fn forget_link(&mut self, step: Step<'_>, peer: TransportKey) -> Result<(), StoreError> {
        for (key, _) in step.overlay.scan(&Scan::prefix(&space::outgoing(&peer)))? {
            step.overlay.delete(key)?;
        }
        self.drop_waiting_of(step, peer)?;
        step.overlay.delete(space::link(&peer))?;
        self.due.remove(&peer);
        self.unsure.remove(&peer);
        let Some(link) = self.links.get_mut(&peer).filter(|link| link.up) else {
            self.links.remove(&peer);
            return Ok(());
        };
        link.known = false;
        link.changed = false;
        link.recent.clear();
        let stored = link.record.stored;
        if link.record.numbered > stored {
            // What the peer hasn't got is gone: a hole in the numbers would keep it from ever taking a later frame. But it may
            // have got it, and not have said so yet: before a number is used again, it is asked.
            link.record.numbered = stored;
            link.record.delivered = stored;
            link.forgotten = true;
            self.greet_link(step, peer, stored)?;
        }
        Ok(())
    }

    /// Greets a peer that is connected. `had`: what it has of this node's, as it has said on the same connection before.
    pub(crate) fn peer_up(
        &mut self,
        step: Step<'_>,
        peer: TransportKey,
        had: LinkSeq,
    ) -> Result<(), StoreError> {
        let link = self.link(step, peer)?;
        link.up = true;
        link.refusals = Refusals::default();
        self.greet_link(step, peer, had)?;
        self.tell(Event::PeerUp { peer });
        Ok(())
    }

    /// Says how far this node has the peer's frames, and sends nothing before the peer has said how far it has this node's.
    fn greet_link(&mut self, step: Step<'_>, peer: TransportKey, had: LinkSeq) -> Result<(), StoreError> {
        let incarnation = self.incarnation;
        let link = self.link(step, peer)?;
        link.greeted = false;
        link.ahead = false;
        link.had = had;
        link.sent = link.record.stored;
        link.early.clear();
        link.retries = 0;
        let hello = link.hello(incarnation);
        self.send(peer, &Frame::Hello(hello));
        self.set_retry(step, peer);
        Ok(())
    }

    pub(crate) fn peer_down(&mut self, peer: TransportKey) {
        if let Some(link) = self.links.get_mut(&peer) {
            link.up = false;
            link.greeted = false;
            link.retry_at = None;
            link.ack_due = false;
            link.early.clear();
            // The peer may have dialled, and not do so again: what waits for it is this node's to bring.
            self.touched.insert(peer);
        }
        self.tell(Event::PeerDown { peer });
    }

    pub(crate) fn frame(
        &mut self,
        step: Step<'_>,
        from: TransportKey,
        bytes: &[u8],
    ) -> Result<(), StoreError> {
        match Frame::decode(bytes) {
            Ok(Frame::Hello(hello)) => {
                self.lasting = true;
                self.hello(step, from, &hello)
            }
            Ok(Frame::Data(data)) => {
                self.lasting = true;
                self.data(step, from, data)
            }
            // Before the greeting it is not known what the numbers speak of; the greeting says it all again.
            Ok(Frame::Ack(_)) if !self.link(step, from)?.greeted => Ok(()),
            Ok(Frame::Ack(ack)) => self.acked(step, from, &ack),
            Ok(Frame::Unusable(unusable)) => self.refused_by(step, from, unusable),
            Err(error) => self.malformed(step, from, error.into(), error.to_string()),
        }
    }

    fn hello(&mut self, step: Step<'_>, from: TransportKey, hello: &Hello) -> Result<(), StoreError> {
        let own = self.incarnation;
        let link = self.link(step, from)?;
        let same_life = link.record.incarnation == Some(hello.incarnation);
        let reborn = link.record.incarnation.is_some() && !same_life;
        if !link.greeted && link.record.incarnation != Some(hello.incarnation) {
            link.record.incarnation = Some(hello.incarnation);
            link.record.received = LinkSeq::default();
            link.record.refused.clear();
            link.record.waiting.clear();
            link.record.acknowledged = LinkSeq::default();
            link.changed = true;
            self.drop_waiting_of(step, from)?;
            if let Some(device) = self.colleagues.get(&from).filter(|_| reborn) {
                // Made in its former life: it has the keys to none of them.
                self.drop_stock(step, device)?;
            }
        }
        let link = self.link(step, from)?;
        if link.greeted {
            if !hello.heard {
                let hello = link.hello(own);
                self.send(from, &Frame::Hello(hello));
                self.resume_soon(step, from);
            }
            return Ok(());
        }
        let ours = hello.about == Some(own);
        let stored = if ours { hello.ack.stored } else { LinkSeq::default() };
        if stored < link.had {
            // An acknowledgement has overtaken it: the answer to the greeting since is on its way.
            return Ok(());
        }
        if !link.known && stored <= MAX_RESUMED {
            link.resume_after(stored);
        }
        // What one was acknowledged in a life of which this node has nothing, it may have brought as a stranger, which was forgotten.
        let received = link.record.received;
        let knew = reborn || received > LinkSeq::default();
        let lacks = knew && hello.acknowledged > received;
        let more = stored > link.record.numbered || lacks;
        let ahead = space::ahead(&from);
        let forgotten = std::mem::take(&mut link.forgotten) && stored <= MAX_RESUMED;
        if !forgotten && link.known && ours && (more || step.overlay.get(&ahead)?.is_some()) {
            step.overlay.put(ahead, Vec::new())?;
            self.peer_is_ahead(from);
            return Ok(());
        }
        if ours && same_life && stored < link.record.acknowledged {
            // The peer has lost what it acknowledged: it is an old copy, and learns it from this node's greeting. What this
            // node knows stays, so that the newest home, put back, goes on.
            return Ok(());
        }
        link.greeted = true;
        self.unsure.remove(&from);
        let link = self.link(step, from)?;
        if forgotten || stored < link.record.stored {
            self.renumber(step, from, stored)?;
        } else if ours {
            self.acked(step, from, &hello.ack)?;
        }
        if reborn {
            self.remind_of_removed(step, from)?;
            self.tell_eras(step, from)?;
        }
        self.administrator_is_there(step, from, reborn)?;
        self.ask_again(step, from)?;
        let link = self.link(step, from)?;
        link.sent = link.record.stored;
        link.retry_at = None;
        self.touched.insert(from);
        Ok(())
    }

    /// A peer has more from this node, in this life, than it ever sent, or was told of more that this node has. Either it lies,
    /// or this home is an old copy, and knows nothing of what it did since. Whatever it sent now would be taken for what it sent
    /// then, and acknowledged unread, and what it lacks of its peers they no longer have: nothing flows between the two in this
    /// life any more, and the owner is told.
    fn peer_is_ahead(&mut self, peer: TransportKey) {
        let told = self.links.get_mut(&peer).is_none_or(|link| std::mem::replace(&mut link.ahead, true));
        if !told {
            self.refused_frames = self.refused_frames.saturating_add(1);
            let detail = "knows of frames that this home doesn't: is it an old copy?".to_owned();
            self.tell(Event::Security { peer, thread: None, reason: Reason::Malformed, detail });
        }
    }

    /// Ends the step for each link that it touched: stores the record, acknowledges, sends what the window allows.
    pub(crate) fn finish_links(&mut self, step: Step<'_>) -> Result<(), StoreError> {
        for peer in std::mem::take(&mut self.touched) {
            self.pump(step, peer)?;
            let asked = self.want(step, peer)?;
            if self.is_spent(step, peer)? {
                self.forget_link(step, peer)?;
            }
            let Some(link) = self.links.get_mut(&peer) else { continue };
            if std::mem::take(&mut link.changed) && link.known {
                record::put(step.overlay, space::link(&peer), &link.record)?;
            }
            if std::mem::take(&mut link.ack_due) && link.up {
                link.untold = 0;
                let ack = link.ack();
                self.send(peer, &Frame::Ack(ack));
            } else if !link.up && (link.backlog() == 0 || !link.known) {
                // Nothing waits for it, of a peer that was forgotten least of all.
                self.links.remove(&peer);
                if !asked {
                    self.look_away(peer);
                }
            }
        }
        Ok(())
    }

    /// Whether a link has nothing on record that somebody could need: nothing waits of the peer, nothing was ever sent to it,
    /// and nothing else is known of it. Frames that waited, or found no room to, were all that it brought.
    fn is_spent(&self, step: Step<'_>, peer: TransportKey) -> Result<bool, StoreError> {
        let idle = |link: &Link| {
            link.known && link.record.waiting.is_empty() && link.record.numbered == LinkSeq::default()
        };
        Ok(self.links.get(&peer).is_some_and(idle) && self.is_unmet(step, peer)?)
    }

    /// Has the network look no longer for a peer that this node has no need to be connected to.
    fn look_away(&mut self, peer: TransportKey) {
        if !self.keeps(&peer) {
            self.wanted.remove(&peer);
            self.act(Action::Forget(peer));
        }
    }

    fn send(&mut self, to: TransportKey, frame: &Frame) {
        if let Ok(frame) = frame.encode() {
            self.act(Action::Send { to, frame });
        }
    }
}
