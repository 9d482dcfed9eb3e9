//! Outgoing frames: numbered, stored, sent as far as the window allows, and sent again until they are acknowledged.

use super::{MAX_IN_FLIGHT, MAX_IN_FLIGHT_BYTES, MAX_OUTBOX, RESUME_AFTER};
use crate::{
    Engine, Millis,
    record::{self, About, Outgoing},
    space,
    step::Step,
};
use frontdesk_identity::TransportKey;
use frontdesk_store::{Reader as _, Scan, StoreError};
use frontdesk_wire::{Ack, Body, Data, Frame, LinkSeq, Reason, Unusable, limits};
use rand_core::Rng as _;
use serde_bytes::ByteBuf;
use std::collections::{BTreeMap, BTreeSet};

impl Engine {
    /// Whether the peer's outbox has room for `more` frames.
    pub(crate) fn has_room(
        &mut self,
        step: Step<'_>,
        peer: TransportKey,
        more: usize,
    ) -> Result<bool, StoreError> {
        let pending = self.pending.iter().filter(|(to, _, _)| *to == peer).count();
        // Each text that is not sealed yet may need a frame of its own.
        let unsealed = self.unsealed.iter().filter(|text| text.is_for(&peer)).count();
        let more = more.saturating_add(unsealed);
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
            link.recent.add(seq, about, &bytes, link.up && link.greeted);
            record::add(step.overlay, space::outgoing_item(&peer, seq), &Outgoing::new(about, bytes))?;
            self.touched.insert(peer);
        }
        Ok(())
    }

    /// The peer lost its count of our frames: what still waits gets new numbers after `stored`.
    pub(super) fn renumber(
        &mut self,
        step: Step<'_>,
        peer: TransportKey,
        stored: LinkSeq,
    ) -> Result<(), StoreError> {
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
        link.record.acknowledged = stored;
        link.sent = stored;
        link.changed = true;
        Ok(())
    }

    pub(super) fn acked(&mut self, step: Step<'_>, from: TransportKey, ack: &Ack) -> Result<(), StoreError> {
        let record = self.link(step, from)?.record.clone();
        if ack.stored > record.numbered {
            let detail = "acknowledges what was never sent".to_owned();
            return self.malformed(step, from, Unusable::untrue(), detail);
        }
        let delivered = ack.delivered.max(record.delivered);
        let stored = ack.stored.max(record.stored);
        let acknowledged = ack.stored.max(record.acknowledged);
        if (stored, delivered, acknowledged) == (record.stored, record.delivered, record.acknowledged) {
            return Ok(());
        }
        let refused: BTreeMap<LinkSeq, Reason> = ack.refused.iter().map(|r| (r.seq, r.reason)).collect();
        // Each number is looked at when it is stored, and once more when it is opened or refused after waiting.
        let mut news: BTreeSet<LinkSeq> = range(record.stored, stored).collect();
        news.extend(range(record.delivered, delivered.min(record.stored)));
        news.extend(refused.keys().filter(|seq| **seq > record.delivered));
        // A full list leaves older refusals out: of what is before its first, it isn't known whether it was opened.
        let first = refused.first_key_value().map(|(seq, _)| *seq);
        let first = first.filter(|_| ack.refused.len() >= limits::MAX_REFUSED).unwrap_or_default();
        for seq in news {
            let outcome = match refused.get(&seq) {
                Some(reason) => Outcome::Refused(*reason),
                None if seq > delivered => Outcome::Waits { news: seq > record.stored },
                None if seq < first => Outcome::Unknown,
                None => Outcome::Delivered,
            };
            self.frame_acked(step, from, seq, outcome)?;
        }
        let link = self.link(step, from)?;
        link.record.stored = stored;
        link.record.delivered = delivered;
        link.record.acknowledged = acknowledged;
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
        outcome: Outcome,
    ) -> Result<(), StoreError> {
        let key = space::outgoing_item(&from, seq);
        let known = self.link(step, from)?.recent.about(seq);
        let read =
            || record::get::<Outgoing>(step.overlay, &key).map(|outgoing| outgoing.map(|it| it.about()));
        let Some(about) = known.map_or_else(read, |about| Ok(Some(about)))? else { return Ok(()) };
        let (delivered, refused) = match outcome {
            Outcome::Waits { news: false } => return Ok(()),
            Outcome::Waits { news: true } => {
                record::put(step.overlay, key, &Outgoing::new(about, Vec::new()))?;
                return self.fate(step, from, about, false, None);
            }
            Outcome::Unknown => (false, None),
            Outcome::Delivered => (true, None),
            Outcome::Refused(reason) => (false, Some(reason)),
        };
        self.link(step, from)?.recent.remove(seq);
        step.overlay.delete(key)?;
        self.fate(step, from, about, delivered, refused)
    }

    pub(super) fn pump(&mut self, step: Step<'_>, peer: TransportKey) -> Result<(), StoreError> {
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
            let Some(body) = self.link(step, peer)?.recent.take_body(next) else { break };
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

    pub(super) fn set_retry(&mut self, step: Step<'_>, peer: TransportKey) {
        let jitter = u64::from(self.rng.next_u32());
        if let Some(link) = self.links.get_mut(&peer) {
            let at = step.now.mono.plus(link.retry_after(jitter));
            link.retry_at = Some(at);
            self.retries.insert((at, peer));
        }
    }

    /// A peer greets anew on a standing connection: its store works again, perhaps. What it took in vain meanwhile it need not
    /// wait for up to a minute.
    pub(super) fn resume_soon(&mut self, step: Step<'_>, peer: TransportKey) {
        let soon = step.now.mono.plus(RESUME_AFTER);
        let Some(link) = self.links.get_mut(&peer) else { return };
        if let Some(at) = link.retry_at.filter(|at| *at > soon) {
            link.retry_at = Some(soon);
            self.retries.remove(&(at, peer));
            self.retries.insert((soon, peer));
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
}

/// What an acknowledgement says of a frame.
#[derive(Clone, Copy)]
enum Outcome {
    /// Stored and not opened yet. That is news, or was known.
    Waits {
        news: bool,
    },
    /// Opened or refused: the acknowledgement has no room to say which.
    Unknown,
    Delivered,
    Refused(Reason),
}

/// The numbers after `after`, up to `last`.
fn range(after: LinkSeq, last: LinkSeq) -> impl Iterator<Item = LinkSeq> {
    (after.0.saturating_add(1)..=last.0).map(LinkSeq)
}

fn seq_of(key: &[u8]) -> LinkSeq {
    let bytes = key.last_chunk::<8>().copied().unwrap_or_default();
    LinkSeq(u64::from_be_bytes(bytes))
}
