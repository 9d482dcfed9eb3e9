//! Telling others where a node is: colleagues at once, those it has threads with a portion at a time, as their number has
//! no bound. The same goes for peers that a node has something for when it starts.

mod colleagues;
mod passing;

use crate::{
    Engine, Millis,
    record::{self, About, Addresses, Announcing, Peer},
    space,
    step::Step,
};
use frontdesk_identity::{AddressRecord, DialAddress, SignedAddressRecord, TransportKey, UnixTime};
use frontdesk_store::{Reader as _, Scan, StoreError};
use frontdesk_wire::{AddressUpdate, Body};
use std::collections::BTreeSet;

/// How long an address record holds, in seconds: 30 days.
pub const ADDRESS_LASTS: u64 = 30 * 24 * 3600;
/// After this time others are told anew where this node is, though it hasn't moved: before what they hold is over, in
/// seconds. 10 days.
pub const ADDRESS_RENEWED: u64 = 10 * 24 * 3600;
/// How often that is asked at most, in milliseconds: the wall clock may be set meanwhile.
const ASK_THE_CLOCK: u64 = 3_600_000;
/// Threads, movers or peers in one portion.
pub const PORTION: usize = 64;
/// Between two portions, in milliseconds.
pub const PORTION_EVERY: u64 = 50;

impl Engine {
    /// Where this node can be dialled now. If that has changed, those who may want to dial it are told.
    pub(crate) fn set_addresses(&mut self, step: Step<'_>, addresses: &[String]) -> Result<(), StoreError> {
        let mut parsed: Vec<DialAddress> = addresses.iter().filter_map(|text| text.parse().ok()).collect();
        parsed.truncate(frontdesk_identity::MAX_ADDRESSES);
        self.addresses = parsed;
        let known: Option<Addresses> = record::get(step.overlay, space::ADDRESS)?;
        if known.as_ref().is_some_and(|known| known.addresses == self.addresses) {
            return self.renew_address(step);
        }
        self.announce_address(step)
    }

    /// Tells others anew where this node is, before what they hold is over.
    pub(crate) fn renew_address(&mut self, step: Step<'_>) -> Result<(), StoreError> {
        let told: Option<UnixTime> = record::get(step.overlay, space::ADDRESS_TOLD)?;
        // A clock that was set back must not keep others from hearing it.
        let fresh = |told: UnixTime| told <= step.wall() && step.wall() < told.plus(ADDRESS_RENEWED);
        if told.is_some_and(fresh) {
            self.renew_at = Some(step.now.mono.plus(ASK_THE_CLOCK));
            return Ok(());
        }
        self.lasting = true;
        self.announce_address(step)
    }

    /// Asks the clock, if it is time to, whether others have to be told anew.
    pub(crate) fn keep_address(&mut self, step: Step<'_>) -> Result<(), StoreError> {
        match self.renew_at.take_if(|at| *at <= step.now.mono) {
            Some(_) => self.renew_address(step),
            None => Ok(()),
        }
    }

    fn announce_address(&mut self, step: Step<'_>) -> Result<(), StoreError> {
        record::put(step.overlay, space::ADDRESS_TOLD.to_vec(), &step.wall())?;
        self.renew_at = Some(step.now.mono.plus(ASK_THE_CLOCK));
        if self.record.is_none() {
            return Ok(());
        }
        let mut near = self.kept.clone();
        // Others of the business hear of it if they were ever in touch.
        for colleague in self.colleagues.keys() {
            if record::get::<Peer>(step.overlay, &space::peer(colleague))?.is_some() {
                near.insert(*colleague);
            }
        }
        self.send_address(step, near)?;
        if self.me.role().is_some() {
            let key = space::announcing(&self.keys.transport_public());
            record::put(step.overlay, key, &Announcing::default())?;
            self.announce(step)?;
        }
        Ok(())
    }

    /// What a stop left to do: peers that wait at once, the rest of an announcement when the node has said where it is.
    pub(crate) fn begin_portions(&mut self, step: Step<'_>) -> Result<(), StoreError> {
        self.wake(step);
        self.plan_portion(step)
    }

    /// The next portions, if it is time.
    pub(crate) fn next_portions(&mut self, step: Step<'_>) -> Result<(), StoreError> {
        if self.portion_at.take_if(|at| *at <= step.now.mono).is_none() {
            return Ok(());
        }
        self.wake(step);
        self.announce(step)
    }

    /// Goes on with the nodes that have a new address, each in its turn, through a portion of the threads that others may
    /// want to reach them for. How far that has come is stored: a node that stops goes on with it.
    fn announce(&mut self, step: Step<'_>) -> Result<(), StoreError> {
        let mut room = PORTION;
        let scan = || Scan::prefix(space::ANNOUNCING).limit(PORTION);
        let mut page = match &self.announced {
            Some(last) => step.overlay.scan(&scan().after(last))?,
            None => Vec::new(),
        };
        if page.is_empty() {
            page = step.overlay.scan(&scan())?;
        }
        for (key, bytes) in page {
            self.lasting = true;
            let mut announcing: Announcing = record::decode(&bytes)?;
            let more = match space::read_announcing(&key) {
                Some(mover) => self.announce_one(step, mover, &mut announcing, &mut room)?,
                None => false,
            };
            if more {
                record::put(step.overlay, key.clone(), &announcing)?;
            } else {
                step.overlay.delete(key.clone())?;
            }
            self.announced = Some(key);
            if room == 0 {
                break;
            }
        }
        self.plan_portion(step)
    }

    fn plan_portion(&mut self, step: Step<'_>) -> Result<(), StoreError> {
        if !step.overlay.scan(&Scan::prefix(space::ANNOUNCING).limit(1))?.is_empty() {
            self.portion_at.get_or_insert(step.now.mono.plus(PORTION_EVERY));
        }
        Ok(())
    }

    /// Turns to the next peers that have had something to get since before the start.
    pub(crate) fn wake(&mut self, step: Step<'_>) {
        self.touched.extend((0..PORTION).map_while(|_| self.due.pop_first()));
        if !self.due.is_empty() {
            self.portion_at = Some(step.now.mono.plus(PORTION_EVERY));
        }
    }

    fn send_address(&mut self, step: Step<'_>, peers: BTreeSet<TransportKey>) -> Result<(), StoreError> {
        let own = self.keys.transport_public();
        let address = self.address_record(step)?;
        for peer in peers.into_iter().filter(|peer| *peer != own) {
            let body = Body::AddressUpdate(AddressUpdate { address: address.clone() });
            self.enqueue(peer, About::Nothing, body);
        }
        Ok(())
    }

    /// When the next portion is due.
    pub(crate) fn next_portion(&self) -> Option<Millis> {
        self.portion_at
    }

    /// This device's address record, signed now under the next number, so that it replaces what others hold and holds for
    /// its full time.
    pub(crate) fn address_record(&self, step: Step<'_>) -> Result<SignedAddressRecord, StoreError> {
        let known: Option<Addresses> = record::get(step.overlay, space::ADDRESS)?;
        let number = known.map_or(0, |known| known.number).saturating_add(1);
        let addresses = Addresses { number, addresses: self.addresses.clone() };
        record::put(step.overlay, space::ADDRESS.to_vec(), &addresses)?;
        let signed =
            AddressRecord::sign(&self.keys, number, &self.addresses, step.wall().plus(ADDRESS_LASTS));
        signed.map_err(|error| StoreError::Damaged { what: error.to_string() })
    }
}
