//! What this device has asked stewards for: each wish has one answer, by the steward that it was asked of, or by the fact
//! that another leads the thread now.

use crate::{
    CommandError, Engine, Event,
    record::{self, About, Meta, Outgoing},
    space,
    step::{Halt, Refuse, Step},
};
use frontdesk_identity::{ThreadId, TransportKey};
use frontdesk_store::{Reader as _, Scan, StoreError};
use frontdesk_wire::{ForwardAnswer, Reason, RequestId};

/// Wishes that may wait for an answer, in each thread.
pub const MAX_ASKED: usize = 32;

impl Engine {
    /// A wish is on its way.
    pub(crate) fn note_wish(
        &self,
        step: Step<'_>,
        thread: &ThreadId,
        request: &RequestId,
        steward: TransportKey,
    ) -> Result<(), Halt<CommandError>> {
        let waiting = step.overlay.scan(&Scan::prefix(&space::wishes(thread)).limit(MAX_ASKED))?;
        if waiting.len() >= MAX_ASKED {
            return Err(
                CommandError::TooMany { what: "wishes that wait for an answer", limit: MAX_ASKED }.into()
            );
        }
        Ok(record::put(step.overlay, space::wish(thread, request), &steward)?)
    }

    /// The steward has done what this device asked for.
    pub(crate) fn forward_answer(
        &mut self,
        step: Step<'_>,
        from: TransportKey,
        body: &ForwardAnswer,
    ) -> Result<(), Halt<Refuse>> {
        let asked: Option<TransportKey> =
            record::get(step.overlay, &space::wish(&body.thread, &body.request))?;
        match asked {
            Some(steward) if steward == from => {
                Ok(self.wish_ends(step, from, (body.thread, body.request), None)?)
            }
            Some(_) => {
                Err(Refuse::breach(Reason::NotSteward, "answers for the steward").about(body.thread).into())
            }
            // Of one that led before the wish has ended already, when another took over.
            None => Err(Refuse::plain(Reason::NotSteward).about(body.thread).into()),
        }
    }

    /// A wish has its answer, if it waits for one from there.
    pub(crate) fn wish_ends(
        &mut self,
        step: Step<'_>,
        from: TransportKey,
        (thread, request): (ThreadId, RequestId),
        refused: Option<Reason>,
    ) -> Result<(), StoreError> {
        let key = space::wish(&thread, &request);
        if record::get(step.overlay, &key)? == Some(from) {
            step.overlay.delete(key)?;
            self.tell(Event::ForwardAnswered { thread, request: Some(request), refused });
        }
        Ok(())
    }

    /// Another leads the thread now, or the same began a new era, or this device has lost what it had sent: what was asked for
    /// and isn't on its way is to be asked anew, by who wants it still.
    pub(crate) fn wishes_lapse(&mut self, step: Step<'_>, meta: &Meta) -> Result<(), StoreError> {
        let waiting = step.overlay.scan(&Scan::prefix(&space::wishes(&meta.thread)).limit(MAX_ASKED))?;
        let under_way = match meta.steward_transport.filter(|_| !waiting.is_empty()) {
            Some(steward) => self.under_way(step, &steward)?,
            None => Vec::new(),
        };
        for (key, bytes) in waiting {
            let asked: TransportKey = record::decode(&bytes)?;
            let Some(request) = space::read_wish(&key) else { continue };
            let name = (meta.thread, request);
            let under_way = under_way.contains(&About::Forward { thread: meta.thread, request });
            if meta.steward_transport != Some(asked) || !under_way {
                self.wish_ends(step, asked, name, Some(Reason::PastEra))?;
            }
        }
        Ok(())
    }

    /// What waits to be sent to a steward, or for its acknowledgement.
    fn under_way(&self, step: Step<'_>, steward: &TransportKey) -> Result<Vec<About>, StoreError> {
        let rows = step.overlay.scan(&Scan::prefix(&space::outgoing(steward)))?;
        let sent = rows.iter().map(|(_, bytes)| Ok(record::decode::<Outgoing>(bytes)?.about()));
        let queued = self.pending.iter().filter(|(to, ..)| to == steward).map(|(_, about, _)| Ok(*about));
        sent.chain(queued).collect()
    }
}
