//! With whom this node has threads, and what becomes of what waits for those with whom it has none any more. Nobody tells
//! the one where the other is then: both would look where nobody is, for good.

use crate::{
    Engine,
    record::{self, About, Meta, Outgoing},
    space,
    step::Step,
};
use frontdesk_identity::{ThreadId, TransportKey};
use frontdesk_store::{Reader as _, Scan, StoreError};
use frontdesk_wire::{Reason, Seq};
use std::{collections::BTreeSet, ops::RangeInclusive};

/// Frames that are read at a time.
const PAGE: usize = 64;
/// How long a node that has begun anew looks for a peer that it is parted from, to ask what that has, before it tells what
/// waits for it as failed, in seconds from the parting: a week, as long as grants usually last.
pub const UNSURE_LASTS: u64 = 7 * 24 * 3_600;
/// How often it is looked whether that time is over, in milliseconds.
const UNSURE_EVERY: u64 = 24 * 3_600_000;

impl Engine {
    /// Brings the index of threads by node up to date, after the members of one have changed.
    pub(crate) fn note_nodes(
        &mut self,
        step: Step<'_>,
        meta: &Meta,
        before: &BTreeSet<TransportKey>,
    ) -> Result<(), StoreError> {
        let (mut now, own) = (meta.nodes(), self.keys.transport_public());
        // Who may come into this era yet is no stranger.
        now.extend(self.absent(step, &meta.thread)?.into_iter().map(|(device, _)| device.transport()));
        let gone: BTreeSet<TransportKey> = before.difference(&now).copied().collect();
        if meta.steward == Some(self.id()) {
            // Those must still hear from it that they are out.
            for node in gone {
                step.overlay.delete(space::shared_thread(&node, &meta.thread))?;
            }
        } else {
            self.part_from(step, &meta.thread, gone)?;
        }
        now.iter().filter(|node| **node != own).try_for_each(|node| share(step, node, &meta.thread))
    }

    /// Makes the index, once, where it isn't there yet: in homes of early versions.
    pub(crate) fn index_threads(&self, step: Step<'_>) -> Result<(), StoreError> {
        if step.overlay.get(space::INDEXED)?.is_some() {
            return Ok(());
        }
        let own = self.keys.transport_public();
        for (_, bytes) in step.overlay.scan(&Scan::prefix(space::THREADS))? {
            let meta: Meta = record::decode(&bytes)?;
            let nodes = if meta.is_in() { meta.nodes() } else { BTreeSet::new() };
            nodes.iter().filter(|node| **node != own).try_for_each(|node| share(step, node, &meta.thread))?;
        }
        step.overlay.put(space::INDEXED.to_vec(), Vec::new())
    }

    /// The threads that this node shares with another.
    pub(crate) fn threads_of(
        &self,
        step: Step<'_>,
        node: &TransportKey,
    ) -> Result<Vec<ThreadId>, StoreError> {
        let rows = step.overlay.scan(&Scan::prefix(&space::shared(node)))?;
        Ok(rows.iter().filter_map(|(key, _)| space::read_shared(key)).collect())
    }

    /// A thread is shared with these nodes no longer.
    pub(crate) fn part_from(
        &mut self,
        step: Step<'_>,
        thread: &ThreadId,
        nodes: BTreeSet<TransportKey>,
    ) -> Result<(), StoreError> {
        let own = self.keys.transport_public();
        for node in nodes.into_iter().filter(|node| *node != own) {
            step.overlay.delete(space::shared_thread(&node, thread))?;
            if step.overlay.scan(&Scan::prefix(&space::shared(&node)).limit(1))?.is_empty() {
                step.overlay.put(space::parted(&node), step.wall().0.to_be_bytes().to_vec())?;
                self.touched.insert(node);
            }
        }
        Ok(())
    }

    /// Whether this node has had threads with another, has none any more, and has no other reason to be in touch with it.
    pub(crate) fn is_parted_from(&self, step: Step<'_>, peer: &TransportKey) -> Result<bool, StoreError> {
        let kin = self.keeps(peer) || self.colleagues.contains_key(peer);
        Ok(!kin && step.overlay.get(&space::parted(peer))?.is_some())
    }

    /// What peers acknowledged just before this node was stopped may have been told and not flushed: before what waits for
    /// them is given up, and told as failed, they are asked.
    pub(crate) fn wait_for_unsure(&mut self, step: Step<'_>) {
        self.unsure_at = (!self.unsure.is_empty()).then(|| step.now.mono.plus(UNSURE_EVERY));
    }

    /// Who has not been met in all that time is asked no longer.
    pub(crate) fn wait_no_longer(&mut self, step: Step<'_>) {
        if self.unsure_at.take_if(|at| *at <= step.now.mono).is_some() {
            self.due.extend(&self.unsure);
            self.wake(step);
            self.wait_for_unsure(step);
        }
    }

    /// Whether to look for a peer that this node is parted from: a text that the steward hasn't got may be there.
    pub(crate) fn is_asked(&self, step: Step<'_>, peer: &TransportKey) -> Result<bool, StoreError> {
        if !self.unsure.contains(peer) {
            return Ok(false);
        }
        // A home of an early version doesn't say since when.
        let parted = step.overlay.get(&space::parted(peer))?;
        let parted = parted.and_then(|at| <[u8; 8]>::try_from(at).ok()).map(u64::from_be_bytes);
        if parted.is_none_or(|at| at.saturating_add(UNSURE_LASTS) <= step.wall().0) {
            return Ok(false);
        }
        let prefix = space::outgoing(peer);
        let mut last = prefix.clone();
        loop {
            let page = step.overlay.scan(&Scan::prefix(&prefix).after(&last).limit(PAGE))?;
            let Some((end, _)) = page.last() else { return Ok(false) };
            last.clone_from(end);
            for (_, bytes) in &page {
                let about = record::decode::<Outgoing>(bytes)?.about();
                if let Some((thread, seqs)) = texts_of(about)
                    && seqs.end() > &self.last_words(step, &thread, &self.id())?.0
                {
                    return Ok(true);
                }
            }
        }
    }

    /// Gives up what waits for a node that this one is parted from and not connected to. The numbers go on: should they
    /// meet again, its greeting tells how far it has them.
    pub(crate) fn give_up(&mut self, step: Step<'_>, peer: TransportKey) -> Result<(), StoreError> {
        self.lasting = true;
        let prefix = space::outgoing(&peer);
        let mut last = prefix.clone();
        loop {
            let page = step.overlay.scan(&Scan::prefix(&prefix).after(&last).limit(PAGE))?;
            let Some((end, _)) = page.last() else { break };
            last.clone_from(end);
            for (key, bytes) in page {
                step.overlay.delete(key)?;
                self.given_up(step, peer, record::decode::<Outgoing>(&bytes)?.about())?;
            }
        }
        self.refills.retain(|(to, _), _| *to != peer);
        self.link(step, peer)?.count_as_settled();
        self.number_pending(step)
    }

    /// What the steward had when it took this device out, it brings to those who lack it: that is in good hands. Where the
    /// other was taken out, and not this device, the other has the thread no more.
    fn given_up(&mut self, step: Step<'_>, peer: TransportKey, about: About) -> Result<(), StoreError> {
        let Some((thread, seqs)) = texts_of(about) else {
            return self.fate(step, peer, about, false, Some(Reason::NotMember));
        };
        let is_in = self.meta(step.overlay, &thread)?.is_some_and(|meta| meta.is_in());
        let refused = Some(if is_in { Reason::UnknownThread } else { Reason::NotMember });
        let last = self.last_words(step, &thread, &self.id())?;
        for seq in seqs.map(Seq) {
            let refused = refused.filter(|_| seq > last);
            self.message_fate(step, peer, (thread, seq), false, refused)?;
        }
        Ok(())
    }
}

/// The texts that a frame brings, by their numbers. The one that opened a thread is a text like others once others lead it.
fn texts_of(about: About) -> Option<(ThreadId, RangeInclusive<u64>)> {
    match about {
        About::Message { thread, seq, more, .. } => {
            Some((thread, seq.0..=seq.0.saturating_add(u64::from(more))))
        }
        About::Opening { thread, seq, .. } => Some((thread, seq.0..=seq.0)),
        About::Nothing
        | About::Thread(_)
        | About::Reveal(_)
        | About::Packages
        | About::Payload(_)
        | About::Contact(_)
        | About::Join(_)
        | About::Forward { .. }
        | About::Rejoin(_)
        | About::Takeover(_)
        | About::Passed { .. }
        | About::Told { .. }
        | About::Refill { .. } => None,
    }
}

fn share(step: Step<'_>, node: &TransportKey, thread: &ThreadId) -> Result<(), StoreError> {
    let key = space::shared_thread(node, thread);
    if step.overlay.get(&key)?.is_none() {
        step.overlay.put(key, Vec::new())?;
        step.overlay.delete(space::parted(node))?;
    }
    Ok(())
}
