//! Passing addresses on. Two nodes that both move while neither can reach the other would look for each other where nobody
//! is. So a steward that hears of a member's new address tells the other members of their threads, and an agent does so for
//! a steward. Nobody is believed for it: the record is signed by the device that it is of.

use super::ADDRESS_LASTS;
use crate::{
    Engine,
    record::{self, About, Announcing, DeviceEntry, Meta, Peer},
    space,
    step::{Halt, Refuse, Step},
};
use frontdesk_identity::{AddressRecordError, Role, SignedAddressRecord, ThreadId, TransportKey};
use frontdesk_store::{Reader as _, Scan, StoreError};
use frontdesk_thread::Side;
use frontdesk_wire::{Body, MemberAddress, Reason};
use serde_bytes::ByteBuf;
use std::collections::BTreeMap;

impl Engine {
    /// Notes that others are to hear of a peer's new address, if it is on this node to tell them.
    pub(crate) fn pass_on(&mut self, step: Step<'_>, mover: TransportKey) -> Result<(), StoreError> {
        if self.me.role() != Some(Role::Admin) && !self.is_administrator(step, &mover)? {
            return Ok(());
        }
        let key = space::announcing(&mover);
        let under_way: Option<Announcing> = record::get(step.overlay, &key)?;
        // Where it has come, it goes on: a node that moves all the time must not keep others from being told.
        let announcing = under_way.map(|it| Announcing { again: !it.after.is_empty(), ..it });
        record::put(step.overlay, key, &announcing.unwrap_or_default())?;
        self.plan_portion(step)
    }

    pub(crate) fn is_administrator(&self, step: Step<'_>, peer: &TransportKey) -> Result<bool, StoreError> {
        let Some(device) = self.colleagues.get(peer) else { return Ok(false) };
        let entry: Option<DeviceEntry> = record::get(step.overlay, &space::device(device))?;
        Ok(entry.is_some_and(|entry| !entry.removed && Role::try_from(entry.role) == Ok(Role::Admin)))
    }

    /// Tells of one node's address in the next threads, as many as there is room for. Answers whether there may be more.
    pub(super) fn announce_one(
        &mut self,
        step: Step<'_>,
        mover: TransportKey,
        announcing: &mut Announcing,
        room: &mut usize,
    ) -> Result<bool, StoreError> {
        let own = mover == self.keys.transport_public();
        let prefix = if own { space::THREADS.to_vec() } else { space::shared(&mover) };
        let scan = Scan::prefix(&prefix).limit(*room);
        let after = &announcing.after;
        let page = step.overlay.scan(&if after.is_empty() { scan } else { scan.after(after) })?;
        let full = page.len() == *room;
        *room = room.saturating_sub(page.len()).saturating_sub(1);
        let mut listeners = BTreeMap::new();
        for thread in page.iter().filter_map(|(key, _)| space::last_thread(key)) {
            let Some(meta) = self.meta(step.overlay, &thread)? else { continue };
            let others =
                if own { meta.guest_transport.into_iter().collect() } else { self.listeners(&meta, &mover) };
            // Others have no address record that holds.
            if meta.is_in() && meta.active_at.plus(ADDRESS_LASTS) > step.wall() {
                listeners.extend(others.into_iter().map(|other| (other, thread)));
            }
        }
        if own {
            self.send_address(step, listeners.into_keys().collect())?;
        } else {
            for (listener, thread) in listeners {
                self.pass_to(step, listener, mover, thread)?;
            }
        }
        let last = page.into_iter().next_back().map(|(last, _)| last).filter(|_| full);
        let more = last.is_some() || std::mem::take(&mut announcing.again);
        announcing.after = ByteBuf::from(last.unwrap_or_default());
        Ok(more)
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

    /// Tells a peer where another is, unless it is being told already: that is looked at again when it has heard it. So for
    /// one that is away there is one frame for each that moved, however often.
    fn pass_to(
        &mut self,
        step: Step<'_>,
        listener: TransportKey,
        mover: TransportKey,
        thread: ThreadId,
    ) -> Result<(), StoreError> {
        let key = space::passed(&listener, &mover);
        let Some((address, number)) = self.held(step, &mover)? else { return Ok(()) };
        let Some(meta) = self.meta(step.overlay, &thread)? else { return Ok(()) };
        if step.overlay.get(&key)?.is_none() && self.has_room(step, listener, 1)? {
            record::put(step.overlay, key, &number)?;
            let about = About::Passed { thread, mover, number };
            let body = MemberAddress { thread, era: meta.era, address };
            self.enqueue(listener, about, Body::MemberAddress(body));
        }
        Ok(())
    }

    /// A peer has heard where another is, or wouldn't. If that has moved since, it is told again.
    pub(crate) fn passed(
        &mut self,
        step: Step<'_>,
        listener: TransportKey,
        (thread, mover, number): (ThreadId, TransportKey, u64),
        refused: Option<Reason>,
    ) -> Result<(), StoreError> {
        let key = space::passed(&listener, &mover);
        if record::get(step.overlay, &key)? != Some(number) {
            return Ok(());
        }
        step.overlay.delete(key)?;
        let newer = self.held(step, &mover)?.is_some_and(|(_, held)| held > number);
        let meta = self.meta(step.overlay, &thread)?.filter(|_| newer && refused.is_none());
        if meta.is_some_and(|meta| meta.is_in() && self.listeners(&meta, &mover).contains(&listener)) {
            self.pass_to(step, listener, mover, thread)?;
        }
        Ok(())
    }

    pub(super) fn held(
        &self,
        step: Step<'_>,
        peer: &TransportKey,
    ) -> Result<Option<(SignedAddressRecord, u64)>, StoreError> {
        let peer: Option<Peer> = record::get(step.overlay, &space::peer(peer))?;
        let signed = peer.and_then(|peer| peer.address);
        Ok(signed.and_then(|signed| signed.read_kept().ok().map(|held| (signed, held.number()))))
    }

    /// Where another member of a thread is now, passed on by a node of the host's side.
    pub(crate) fn member_address(
        &mut self,
        step: Step<'_>,
        from: TransportKey,
        body: &MemberAddress,
    ) -> Result<(), Halt<Refuse>> {
        let (_, thread) = self.thread_of_frame(step, body.thread, body.era)?;
        // An honest node may not know yet that it was taken out, or the other.
        let serves = thread.members().any(|node| node.side == Side::Host && node.record.transport() == from);
        let refuse = |reason| Refuse::plain(reason).about(body.thread);
        if !serves {
            return Err(refuse(Reason::NotMember).into());
        }
        match body.address.verify(step.wall()) {
            Ok(address) if thread.is_member(&address.device()) => {
                self.learn_address_of(step, &thread, &body.address)?;
            }
            Ok(_) => return Err(refuse(Reason::NotMember).into()),
            // It took too long to come.
            Err(AddressRecordError::Expired { .. }) => {}
            Err(error) => return Err(Refuse::breach(Reason::BadContent, error).about(body.thread).into()),
        }
        self.keep_thread(thread);
        Ok(())
    }
}
