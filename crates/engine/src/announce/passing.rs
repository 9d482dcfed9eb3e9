//! Passing addresses on. Two nodes that both move while neither can reach the other would look for each other where nobody
//! is. So a steward that hears of a member's new address tells the other members of their threads, and an agent does so for
//! a steward. Nobody is believed for it: the record is signed by the device that it is of.

use super::ADDRESS_LASTS;
use crate::{
    Engine,
    link::MAX_OUTBOX,
    record::{self, About, DeviceEntry, Meta, Peer},
    space,
    step::{Halt, Refuse, Step},
};
use frontdesk_identity::{AddressRecordError, Role, ThreadId, TransportKey};
use frontdesk_store::{Reader as _, Scan, StoreError};
use frontdesk_thread::Side;
use frontdesk_wire::{Body, MemberAddress, Reason};
use std::collections::BTreeMap;

/// Frames that wait for a peer, past which no addresses of others are added: they must not take the room of what counts.
pub const MAX_BEFORE_PASSED: u64 = MAX_OUTBOX / 4;

impl Engine {
    /// Notes that others are to hear of a peer's new address, if it is on this node to tell them.
    pub(crate) fn pass_on(&mut self, step: Step<'_>, mover: TransportKey) -> Result<(), StoreError> {
        if self.me.role() == Some(Role::Admin) || self.is_administrator(step, &mover)? {
            step.overlay.put(space::announcing(&mover), Vec::new())?;
            self.plan_portion(step)?;
        }
        Ok(())
    }

    fn is_administrator(&self, step: Step<'_>, peer: &TransportKey) -> Result<bool, StoreError> {
        let Some(device) = self.colleagues.get(peer) else { return Ok(false) };
        let entry: Option<DeviceEntry> = record::get(step.overlay, &space::device(device))?;
        Ok(entry.is_some_and(|entry| !entry.removed && Role::try_from(entry.role) == Ok(Role::Admin)))
    }

    /// Tells of one node's address in the threads after `after`, as many as there is room for. Answers the last of them if
    /// there may be more.
    pub(super) fn announce_one(
        &mut self,
        step: Step<'_>,
        mover: TransportKey,
        after: &[u8],
        room: &mut usize,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let own = mover == self.keys.transport_public();
        // A steward has many threads, of which it shares few with one other.
        let indexed = !own && self.me.role() == Some(Role::Admin);
        let prefix = if indexed { space::shared(&mover) } else { space::THREADS.to_vec() };
        let scan = Scan::prefix(&prefix).limit(*room);
        let page = step.overlay.scan(&if after.is_empty() { scan } else { scan.after(after) })?;
        let full = page.len() == *room;
        *room = room.saturating_sub(page.len()).saturating_sub(1);
        let mut listeners = BTreeMap::new();
        for thread in page.iter().filter_map(|(key, _)| space::last_thread(key)) {
            let Some(meta) = self.meta(step.overlay, &thread)? else { continue };
            // Others have no address record that holds.
            if !meta.is_in() || meta.active_at.plus(ADDRESS_LASTS) <= step.wall() {
                continue;
            }
            if own {
                listeners.extend(meta.guest_transport.map(|guest| (guest, (thread, meta.era))));
            } else {
                let others = self.listeners(&meta, &mover);
                listeners.extend(others.into_iter().map(|other| (other, (thread, meta.era))));
            }
        }
        if own {
            self.tell_address(step, listeners.into_keys().collect())?;
        } else {
            self.tell_others(step, &mover, listeners)?;
        }
        Ok(page.into_iter().next_back().map(|(last, _)| last).filter(|_| full))
    }

    /// Who in a thread hears from this node where another of its members is.
    fn listeners(&self, meta: &Meta, mover: &TransportKey) -> Vec<TransportKey> {
        let nodes = meta.nodes();
        let told_here = meta.steward == Some(self.id()) || meta.steward_transport == Some(*mover);
        if !told_here || self.me.principal != Some(meta.host) || !nodes.contains(mover) {
            return Vec::new();
        }
        nodes.into_iter().filter(|node| node != mover).collect()
    }

    fn tell_others(
        &mut self,
        step: Step<'_>,
        mover: &TransportKey,
        listeners: BTreeMap<TransportKey, (ThreadId, u32)>,
    ) -> Result<(), StoreError> {
        let peer: Option<Peer> = record::get(step.overlay, &space::peer(mover))?;
        let Some(address) = peer.and_then(|peer| peer.address) else { return Ok(()) };
        for (listener, (thread, era)) in listeners {
            if self.link(step, listener)?.unsettled() < MAX_BEFORE_PASSED {
                let body = MemberAddress { thread, era, address: address.clone() };
                self.enqueue(listener, About::Nothing, Body::MemberAddress(body));
            }
        }
        Ok(())
    }

    /// Where another member of a thread is now, passed on by a node of the host's side.
    pub(crate) fn member_address(
        &mut self,
        step: Step<'_>,
        from: TransportKey,
        body: &MemberAddress,
    ) -> Result<(), Halt<Refuse>> {
        let device = match body.address.verify(step.wall()) {
            Ok(address) => address.device(),
            // It took too long to come.
            Err(AddressRecordError::Expired { .. }) => return Ok(()),
            Err(error) => return Err(Refuse::breach(Reason::BadContent, error).about(body.thread).into()),
        };
        let (_, thread) = self.thread_of_frame(step, body.thread, body.era)?;
        // An honest node may not know yet that it was taken out, or the other.
        let serves = thread.members().any(|node| node.side == Side::Host && node.record.transport() == from);
        if !serves || thread.member(&device).is_none() {
            return Err(Refuse::plain(Reason::NotMember).about(body.thread).into());
        }
        self.learn_address_of(step, &thread, &body.address)?;
        self.keep_thread(thread);
        Ok(())
    }
}
