//! Incoming frames: taken in their order, acted on or refused, and counted either way.

use super::{BAN, MAX_BREACHES, MAX_IN_FLIGHT, MAX_WAITING};
use crate::{
    Action, Engine, Event,
    step::{Halt, Refuse, Step},
};
use frontdesk_identity::TransportKey;
use frontdesk_store::StoreError;
use frontdesk_wire::{Body, Data, LinkSeq, limits};

impl Engine {
    pub(super) fn data(&mut self, step: Step<'_>, from: TransportKey, data: Data) -> Result<(), StoreError> {
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
}
