//! Links: numbered, durable, acknowledged delivery to one peer over whatever connection there is.
//!
//! Outgoing: a body gets the next number and is stored; it is sent while the peer is connected and the window has room,
//! sent again when acknowledgements stay away, and kept until the peer has stored it. Incoming: frames are taken in
//! their order; what comes again is acknowledged again and not looked at; what comes too early waits a little.

use crate::{
    Action, Engine, Event, Millis,
    record::{self, About, LinkRecord, Outgoing},
    space,
    step::{Halt, Refuse, Step},
};
use frontdesk_identity::TransportKey;
use frontdesk_store::{Reader, Scan, StoreError};
use frontdesk_wire::{Ack, Body, Data, Frame, Hello, Incarnation, LinkSeq, Reason, Refused, limits};
use rand_core::Rng as _;
use serde_bytes::ByteBuf;
use std::collections::{BTreeMap, BTreeSet, hash_map};

/// Frames that may be on their way to one peer without acknowledgement.
pub const MAX_IN_FLIGHT: u64 = 256;
/// Bytes that may be on their way to one peer without acknowledgement.
pub const MAX_IN_FLIGHT_BYTES: usize = 2 * 1024 * 1024;
/// Frames that may wait for one peer. Past it, sending to it is refused.
pub const MAX_OUTBOX: u64 = 20_000;
/// Frames for one peer that are kept in memory too until they are acknowledged; others are read when they are needed.
const MAX_RECENT: usize = 1_024;
/// Bodies up to this many bytes are among that.
const MAX_RECENT_BODY: usize = 4_096;
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
    /// The newest frames of the outbox, as far as they are in memory.
    recent: BTreeMap<LinkSeq, Recent>,
    retry_at: Option<Millis>,
    retries: u32,
    malformed: u32,
    breaches: u32,
    /// Refusals that no acknowledgement has named yet.
    untold: usize,
    /// Known beyond this connection: its record is stored.
    known: bool,
}

/// A frame of the outbox in memory: what it is about, and its body until it was sent for the first time.
#[derive(Debug)]
struct Recent {
    about: About,
    body: Option<Vec<u8>>,
}

impl Link {
    pub(crate) fn is_up(&self) -> bool {
        self.up
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
        }
    }

    fn ack(&self) -> Ack {
        let record = &self.record;
        let delivered = record.waiting.iter().min().map_or(record.received, |first| first.previous());
        Ack { stored: record.received, delivered, refused: record.refused.clone() }
    }

    fn hello(&self, incarnation: Incarnation) -> Hello {
        Hello { incarnation, about: self.record.incarnation, heard: self.greeted, ack: self.ack() }
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

    /// Takes a frame off the list of those that wait for a commit, opened or refused.
    pub(crate) fn settle(&mut self, seq: LinkSeq, refused: Option<Reason>) {
        self.record.waiting.retain(|waiting| *waiting != seq);
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

    /// Forgets the link of a peer that nothing else is known of, and what waits for it. While it is connected, its counts
    /// stay in memory; when it comes again, its greeting tells what it has.
    pub(crate) fn forget_link(&mut self, step: Step<'_>, peer: TransportKey) -> Result<(), StoreError> {
        for (key, _) in step.overlay.scan(&Scan::prefix(&space::outgoing(&peer)))? {
            step.overlay.delete(key)?;
        }
        step.overlay.delete(space::link(&peer))?;
        self.due.remove(&peer);
        if let Some(link) = self.links.get_mut(&peer).filter(|link| link.up) {
            link.known = false;
            link.changed = false;
            link.recent.clear();
        } else {
            self.links.remove(&peer);
        }
        Ok(())
    }

    /// Whether the peer's outbox has room for `more` frames.
    pub(crate) fn has_room(
        &mut self,
        step: Step<'_>,
        peer: TransportKey,
        more: usize,
    ) -> Result<bool, StoreError> {
        let pending = self.pending.iter().filter(|(to, _, _)| *to == peer).count();
        let more = u64::try_from(pending.saturating_add(more)).unwrap_or(u64::MAX);
        Ok(self.link(step, peer)?.unsettled().saturating_add(more) <= MAX_OUTBOX)
    }

    /// Sends `body` to `peer` if the input at hand is not refused in the end.
    pub(crate) fn enqueue(&mut self, peer: TransportKey, about: About, body: Body) {
        self.pending.push((peer, about, body));
    }

    /// Gives what the input wants sent the next numbers, and stores it.
    pub(crate) fn number_pending(&mut self, step: Step<'_>) -> Result<(), StoreError> {
        for (peer, about, body) in std::mem::take(&mut self.pending) {
            self.lasting = true;
            let bytes = body.encode().map_err(|error| StoreError::Damaged { what: error.to_string() })?;
            let link = self.link(step, peer)?;
            link.record.numbered = link.record.numbered.next();
            link.known = true;
            link.changed = true;
            let seq = link.record.numbered;
            if link.recent.len() < MAX_RECENT {
                // Only what the window has room for, and nothing large: a peer that is silent must not cost much.
                let window = link.record.stored.0.saturating_add(MAX_IN_FLIGHT);
                let soon = link.up && link.greeted && seq.0 <= window && bytes.len() <= MAX_RECENT_BODY;
                link.recent.insert(seq, Recent { about, body: soon.then(|| bytes.clone()) });
            }
            record::put(step.overlay, space::outgoing_item(&peer, seq), &Outgoing::new(about, bytes))?;
            self.touched.insert(peer);
        }
        Ok(())
    }

    pub(crate) fn peer_up(&mut self, step: Step<'_>, peer: TransportKey) -> Result<(), StoreError> {
        let incarnation = self.incarnation;
        let link = self.link(step, peer)?;
        link.up = true;
        link.greeted = false;
        link.sent = link.record.stored;
        link.early.clear();
        link.retries = 0;
        let hello = link.hello(incarnation);
        self.send(peer, &Frame::Hello(hello));
        self.set_retry(step, peer);
        self.tell(Event::PeerUp { peer });
        Ok(())
    }

    pub(crate) fn peer_down(&mut self, peer: TransportKey) {
        if let Some(link) = self.links.get_mut(&peer) {
            link.up = false;
            link.greeted = false;
            link.retry_at = None;
            link.ack_due = false;
            link.early.clear();
            // Of a peer that was forgotten nothing is waiting.
            if !link.changed && (link.backlog() == 0 || !link.known) {
                self.links.remove(&peer);
                if !self.keeps(&peer) {
                    self.wanted.remove(&peer);
                    self.act(Action::Forget(peer));
                }
            }
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
            Err(error) => self.malformed(step, from, &error.to_string()),
        }
    }

    fn malformed(&mut self, step: Step<'_>, from: TransportKey, detail: &str) -> Result<(), StoreError> {
        self.refused_frames = self.refused_frames.saturating_add(1);
        let link = self.link(step, from)?;
        link.malformed = link.malformed.saturating_add(1);
        if link.malformed >= MAX_MALFORMED {
            link.malformed = 0;
            self.act(Action::Disconnect { peer: from, ban: BAN });
        }
        let detail = detail.to_owned();
        self.tell(Event::Security { peer: from, thread: None, reason: Reason::Malformed, detail });
        Ok(())
    }

    fn hello(&mut self, step: Step<'_>, from: TransportKey, hello: &Hello) -> Result<(), StoreError> {
        let own = self.incarnation;
        let link = self.link(step, from)?;
        let reborn = link.record.incarnation.is_some_and(|known| known != hello.incarnation);
        if !link.greeted && link.record.incarnation != Some(hello.incarnation) {
            link.record.incarnation = Some(hello.incarnation);
            link.record.received = LinkSeq::default();
            link.record.refused.clear();
            link.record.waiting.clear();
            link.changed = true;
        }
        let first = !std::mem::replace(&mut link.greeted, true);
        if !first {
            if !hello.heard {
                let hello = link.hello(own);
                self.send(from, &Frame::Hello(hello));
            }
            return Ok(());
        }
        let ours = hello.about == Some(own);
        let stored = if ours { hello.ack.stored } else { LinkSeq::default() };
        if !link.known && stored <= MAX_RESUMED {
            link.resume_after(stored);
        }
        if stored < link.record.stored {
            self.renumber(step, from, stored)?;
        } else if ours {
            self.acked(step, from, &hello.ack)?;
        }
        self.administrator_is_there(step, from, reborn)?;
        let link = self.link(step, from)?;
        link.sent = link.record.stored;
        link.retry_at = None;
        self.touched.insert(from);
        Ok(())
    }

    /// The peer lost its count of our frames: what still waits gets new numbers after `stored`.
    fn renumber(&mut self, step: Step<'_>, peer: TransportKey, stored: LinkSeq) -> Result<(), StoreError> {
        let prefix = space::outgoing(&peer);
        let frames = step.overlay.scan(&Scan::prefix(&prefix))?;
        let mut next = stored;
        let mut moved = Vec::new();
        for (key, bytes) in frames {
            step.overlay.delete(key)?;
            let outgoing: Outgoing = record::decode(&bytes)?;
            if !outgoing.body.is_empty() {
                moved.push(outgoing);
            }
        }
        for outgoing in moved {
            next = next.next();
            record::put(step.overlay, space::outgoing_item(&peer, next), &outgoing)?;
        }
        // Which of them belong to an answer is not known any more: it is settled when all are.
        self.refills.iter_mut().filter(|((to, _), _)| *to == peer).for_each(|(_, last)| *last = next);
        let link = self.link(step, peer)?;
        link.recent.clear();
        link.record.numbered = next;
        link.record.stored = stored;
        link.record.delivered = stored;
        link.sent = stored;
        link.changed = true;
        Ok(())
    }

    fn acked(&mut self, step: Step<'_>, from: TransportKey, ack: &Ack) -> Result<(), StoreError> {
        let record = self.link(step, from)?.record.clone();
        if ack.stored > record.numbered {
            return self.malformed(step, from, "acknowledges what was never sent");
        }
        let delivered = ack.delivered.max(record.delivered);
        let stored = ack.stored.max(record.stored);
        if stored == record.stored && delivered == record.delivered {
            return Ok(());
        }
        let refused: BTreeMap<LinkSeq, Reason> = ack.refused.iter().map(|r| (r.seq, r.reason)).collect();
        // Each number is looked at when it is stored, and once more when it is opened or refused after waiting.
        let mut news: BTreeSet<LinkSeq> = range(record.stored, stored).collect();
        news.extend(range(record.delivered, delivered.min(record.stored)));
        news.extend(refused.keys().filter(|seq| **seq > record.delivered));
        for seq in news {
            self.frame_acked(
                step,
                from,
                seq,
                seq <= delivered,
                seq > record.stored,
                refused.get(&seq).copied(),
            )?;
        }
        let link = self.link(step, from)?;
        link.record.stored = stored;
        link.record.delivered = delivered;
        link.changed = true;
        link.retries = 0;
        link.retry_at = None;
        link.sent = link.sent.max(stored);
        self.touched.insert(from);
        Ok(())
    }

    fn frame_acked(
        &mut self,
        step: Step<'_>,
        from: TransportKey,
        seq: LinkSeq,
        delivered: bool,
        newly_stored: bool,
        refused: Option<Reason>,
    ) -> Result<(), StoreError> {
        let key = space::outgoing_item(&from, seq);
        let known = self.link(step, from)?.recent.get(&seq).map(|recent| recent.about);
        let read =
            || record::get::<Outgoing>(step.overlay, &key).map(|outgoing| outgoing.map(|it| it.about()));
        let Some(about) = known.map_or_else(read, |about| Ok(Some(about)))? else { return Ok(()) };
        if delivered || refused.is_some() {
            self.link(step, from)?.recent.remove(&seq);
            step.overlay.delete(key)?;
        } else if newly_stored {
            record::put(step.overlay, key, &Outgoing::new(about, Vec::new()))?;
        }
        if delivered || refused.is_some() || newly_stored {
            self.fate(step, from, about, delivered, refused)?;
        }
        Ok(())
    }

    fn data(&mut self, step: Step<'_>, from: TransportKey, data: Data) -> Result<(), StoreError> {
        let link = self.link(step, from)?;
        // Before the peer's greeting this node's count may be of a life of the peer's that is over, and an
        // acknowledgement doesn't say which it speaks of: a peer that was restored would take it for a breach.
        link.ack_due |= link.greeted;
        let expected = link.record.received.next();
        // Past the list's end a refusal would be forgotten before it is told: the rest comes again after the
        // acknowledgement.
        let full = link.untold >= limits::MAX_REFUSED;
        if !link.greeted || full || data.seq > LinkSeq(expected.0.saturating_add(MAX_IN_FLIGHT)) {
            self.touched.insert(from);
            return Ok(());
        }
        if data.seq > expected {
            link.keep_early(data);
        } else if data.seq == expected {
            self.take(step, from, data.seq, &data.body)?;
            while let Some((seq, body)) = self.next_early(step, from)? {
                self.take(step, from, seq, &body)?;
            }
        }
        self.touched.insert(from);
        Ok(())
    }

    fn next_early(
        &mut self,
        step: Step<'_>,
        from: TransportKey,
    ) -> Result<Option<(LinkSeq, Vec<u8>)>, StoreError> {
        let link = self.link(step, from)?;
        if link.untold >= limits::MAX_REFUSED {
            return Ok(None);
        }
        let expected = link.record.received.next();
        link.early.retain(|seq, _| *seq >= expected);
        Ok(link.early.remove(&expected).map(|body| (expected, body)))
    }

    /// Acts on the next frame of a peer, or refuses it and leaves everything as it was. Either way it is counted.
    fn take(
        &mut self,
        step: Step<'_>,
        from: TransportKey,
        seq: LinkSeq,
        body: &[u8],
    ) -> Result<(), StoreError> {
        let mark = self.mark(step);
        let outcome = match Body::decode(body) {
            Ok(body) => self.body(step, from, seq, body),
            Err(error) => Err(Halt::Refuse(Refuse::malformed(&error))),
        };
        let refused = match outcome {
            Ok(()) => {
                self.number_pending(step)?;
                None
            }
            Err(Halt::Store(error)) => return Err(error),
            Err(Halt::Refuse(refuse)) => {
                self.undo(step, mark);
                self.refused_frames = self.refused_frames.saturating_add(1);
                let reason = refuse.reason;
                if let Some(request) = refuse.contact {
                    self.contact_refused(step, request, reason)?;
                }
                if refuse.security {
                    let Refuse { thread, detail, .. } = refuse;
                    self.count_breach(step, from)?;
                    self.tell(Event::Security { peer: from, thread, reason, detail });
                }
                Some(reason)
            }
        };
        let link = self.link(step, from)?;
        link.record.received = seq;
        link.changed = true;
        match refused {
            Some(reason) => link.refuse(seq, reason),
            // What had a lasting effect must never be taken twice, so the count lasts too.
            None => link.known = true,
        }
        Ok(())
    }

    /// A stranger that goes on breaking rules costs work for nothing: it is disconnected for a while.
    fn count_breach(&mut self, step: Step<'_>, from: TransportKey) -> Result<(), StoreError> {
        if !self.is_stranger(step, from)? {
            return Ok(());
        }
        let link = self.link(step, from)?;
        link.breaches = link.breaches.saturating_add(1);
        if link.breaches >= MAX_BREACHES {
            link.breaches = 0;
            self.act(Action::Disconnect { peer: from, ban: BAN });
        }
        Ok(())
    }

    /// A sealed message waits for the commit of its epoch: it is stored, and not yet delivered.
    pub(crate) fn wait(
        &mut self,
        step: Step<'_>,
        from: TransportKey,
        seq: LinkSeq,
    ) -> Result<bool, StoreError> {
        let link = self.link(step, from)?;
        if link.record.waiting.len() >= MAX_WAITING {
            return Ok(false);
        }
        link.record.waiting.push(seq);
        Ok(true)
    }

    /// Ends the step for each link that it touched: stores the record, acknowledges, sends what the window allows.
    pub(crate) fn finish_links(&mut self, step: Step<'_>) -> Result<(), StoreError> {
        for peer in std::mem::take(&mut self.touched) {
            self.pump(step, peer)?;
            self.want(step, peer)?;
            let Some(link) = self.links.get_mut(&peer) else { continue };
            if std::mem::take(&mut link.changed) && link.known {
                record::put(step.overlay, space::link(&peer), &link.record)?;
            }
            if std::mem::take(&mut link.ack_due) && link.up {
                link.untold = 0;
                let ack = link.ack();
                self.send(peer, &Frame::Ack(ack));
            }
        }
        Ok(())
    }

    fn pump(&mut self, step: Step<'_>, peer: TransportKey) -> Result<(), StoreError> {
        let link = self.link(step, peer)?;
        if !link.up || !link.greeted {
            return Ok(());
        }
        if link.sent < link.record.numbered {
            self.fill_window(step, peer)?;
        }
        let link = self.link(step, peer)?;
        if link.unsettled() > 0 && link.retry_at.is_none() {
            self.set_retry(step, peer);
        }
        Ok(())
    }

    fn fill_window(&mut self, step: Step<'_>, peer: TransportKey) -> Result<(), StoreError> {
        let link = self.link(step, peer)?;
        let (sent, stored, numbered) = (link.sent, link.record.stored, link.record.numbered);
        let last = numbered.0.min(stored.0.saturating_add(MAX_IN_FLIGHT));
        let mut newest = sent;
        let mut bytes = 0;
        while newest.0 < last && bytes <= MAX_IN_FLIGHT_BYTES {
            let next = newest.next();
            let recent = self.link(step, peer)?.recent.get_mut(&next);
            let Some(body) = recent.and_then(|recent| recent.body.take()) else { break };
            bytes += body.len();
            newest = next;
            self.send(peer, &Frame::Data(Data { seq: next, body: ByteBuf::from(body) }));
        }
        let (prefix, after) = (space::outgoing(&peer), space::outgoing_item(&peer, newest));
        let room = usize::try_from(last.saturating_sub(newest.0)).unwrap_or(0);
        let stored = match room {
            0 => Vec::new(),
            room => step.overlay.scan(&Scan::prefix(&prefix).after(&after).limit(room))?,
        };
        for (key, value) in stored {
            let seq = seq_of(&key);
            if seq.0 > last || bytes > MAX_IN_FLIGHT_BYTES {
                break;
            }
            let body = record::decode::<Outgoing>(&value)?.body;
            bytes += body.len();
            newest = seq;
            self.send(peer, &Frame::Data(Data { seq, body: ByteBuf::from(body.into_vec()) }));
        }
        self.link(step, peer)?.sent = newest;
        Ok(())
    }

    fn set_retry(&mut self, step: Step<'_>, peer: TransportKey) {
        let jitter = u64::from(self.rng.next_u32());
        if let Some(link) = self.links.get_mut(&peer) {
            let at = step.now.mono.plus(link.retry_after(jitter));
            link.retry_at = Some(at);
            self.retries.insert((at, peer));
        }
    }

    /// Sends again, greeting or frames, where the answer stayed away too long.
    pub(crate) fn retry_links(&mut self, step: Step<'_>) {
        while let Some((at, peer)) = self.retries.first().copied()
            && at <= step.now.mono
        {
            self.retries.pop_first();
            let own = self.incarnation;
            let Some(link) = self.links.get_mut(&peer).filter(|link| link.up && link.retry_at == Some(at))
            else {
                continue;
            };
            link.retry_at = None;
            link.retries = link.retries.saturating_add(1);
            link.sent = link.record.stored;
            if !link.greeted {
                let hello = link.hello(own);
                self.send(peer, &Frame::Hello(hello));
                self.set_retry(step, peer);
            } else if link.backlog() == 0 && link.unsettled() > 0 {
                // The peer has stored all and not opened all, or its acknowledgement was lost: the last number again,
                // which it only acknowledges.
                let seq = link.record.stored;
                self.send(peer, &Frame::Data(Data { seq, body: ByteBuf::new() }));
            }
            self.touched.insert(peer);
        }
    }

    /// When to look next; a moment that has been overtaken only costs a look.
    pub(crate) fn next_retry(&self) -> Option<Millis> {
        self.retries.first().map(|(at, _)| *at)
    }

    fn send(&mut self, to: TransportKey, frame: &Frame) {
        if let Ok(frame) = frame.encode() {
            self.act(Action::Send { to, frame });
        }
    }
}

/// The numbers after `after`, up to `last`.
fn range(after: LinkSeq, last: LinkSeq) -> impl Iterator<Item = LinkSeq> {
    (after.0.saturating_add(1)..=last.0).map(LinkSeq)
}

fn seq_of(key: &[u8]) -> LinkSeq {
    let bytes = key.last_chunk::<8>().copied().unwrap_or_default();
    LinkSeq(u64::from_be_bytes(bytes))
}
