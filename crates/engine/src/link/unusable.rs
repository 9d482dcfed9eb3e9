//! Frames that nothing can be done with, and that have no number to be refused by: the peer is told why, and both owners.
//!
//! The refusal itself is never refused, and is told once for each reason on a connection: nobody gets more out of
//! a node than three short frames on a connection, and two nodes that don't understand each other fall silent instead of refusing in turn.

use super::{BAN, MAX_MALFORMED};
use crate::{Action, Engine, Event, step::Step};
use frontdesk_identity::TransportKey;
use frontdesk_store::StoreError;
use frontdesk_wire::{Frame, Reason, Unusable};
use std::collections::BTreeSet;

/// What was refused in this way on the present connection. A frame has three reasons at most.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    /// Told to the peer.
    told: BTreeSet<Reason>,
    /// Heard from it.
    heard: BTreeSet<Reason>,
}

impl Engine {
    /// Refuses a frame of the peer's, and cuts the peer off if it goes on.
    pub(super) fn malformed(
        &mut self,
        step: Step<'_>,
        from: TransportKey,
        unusable: Unusable,
        detail: String,
    ) -> Result<(), StoreError> {
        let link = self.link(step, from)?;
        if link.up && link.refusals.told.insert(unusable.reason) {
            self.send(from, &Frame::Unusable(unusable));
        }
        self.count_malformed(step, from, unusable.reason, detail)
    }

    /// The peer can do nothing with a frame of this node's. The owner has to know: one of the two programs is too old.
    pub(super) fn refused_by(
        &mut self,
        step: Step<'_>,
        from: TransportKey,
        unusable: Unusable,
    ) -> Result<(), StoreError> {
        let Unusable { reason, found, speaks } = unusable;
        if !self.link(step, from)?.refusals.heard.insert(reason) {
            return self.count_malformed(step, from, Reason::Malformed, "refuses the same again".to_owned());
        }
        let found = found
            .map_or_else(|| "no version that it could read".to_owned(), |found| format!("version {found}"));
        let detail = format!("could not use a frame of this node, of {found}; it speaks version {speaks}");
        self.tell(Event::Security { peer: from, thread: None, reason, detail });
        Ok(())
    }

    fn count_malformed(
        &mut self,
        step: Step<'_>,
        from: TransportKey,
        reason: Reason,
        detail: String,
    ) -> Result<(), StoreError> {
        self.refused_frames = self.refused_frames.saturating_add(1);
        let link = self.link(step, from)?;
        link.malformed = link.malformed.saturating_add(1);
        if link.malformed >= MAX_MALFORMED {
            link.malformed = 0;
            self.act(Action::Disconnect { peer: from, ban: BAN });
        }
        self.tell(Event::Security { peer: from, thread: None, reason, detail });
        Ok(())
    }
}
