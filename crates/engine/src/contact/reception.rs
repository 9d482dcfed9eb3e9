//! The business's side of first contact: who asks is checked, offered what a thread needs, and forgotten if nothing comes of it.

use super::{MAX_RECEPTIONS, MAX_RECEPTIONS_PER_PEER, OFFER_LASTS, OpenOffer, guest_device};
use crate::{
    Engine, Millis,
    record::{self, About, Asker, Peer, Reception},
    space,
    step::{Halt, Refuse, Step},
};
use frontdesk_capability::{Ability, ChainBytes, Scope};
use frontdesk_identity::{PrincipalId, TransportKey};
use frontdesk_store::{Reader as _, Scan, StoreError};
use frontdesk_thread::{KeyPackageBytes, Suite, delete_key_package, new_key_package};
use frontdesk_wire::{Body, ContactOffer, ContactRequest, LinkSeq, Reason, RequestId};
use serde_bytes::ByteBuf;

impl Engine {
    /// The business's side: checks who asks, and offers what is needed to open a thread.
    pub(crate) fn contact_request(
        &mut self,
        step: Step<'_>,
        from: TransportKey,
        body: ContactRequest,
    ) -> Result<(), Halt<Refuse>> {
        let chain = self.reception_chain(step, &body.host)?;
        let (guest, _) =
            guest_device(step, from, (&body.record, body.chain), (&self.mls, &self.revocations))?;
        if let Some(open) = self.receptions.get(&body.request).copied().filter(|open| open.holds(step)) {
            return self.offer_again(step, (from, body.request), open, chain);
        }
        self.check_offers_to(step, from)?;
        self.check_openings(step, &guest.principal())?;
        let suite = body.suites.iter().find_map(|code| Suite::from_code(*code).ok());
        let suite = suite.ok_or_else(|| Refuse::plain(Reason::NoCommonSuite))?;
        let address = body.address.verify(step.wall());
        let address = address.map_err(|error| Refuse::breach(Reason::BadContent, error))?;
        if address.device() != guest.id() {
            return Err(
                Refuse::breach(Reason::GrantWrongAudience, "an address record of another device").into()
            );
        }
        // Where a stranger can be dialled is learned when it opens a thread: nobody is dialled for an offer alone.
        if record::get::<Peer>(step.overlay, &space::peer(&from))?.is_some() {
            self.put_address(step, from, &address)?;
        }
        let key_package = self.key_package(step, suite, false)?;
        let reception = Reception {
            guest: body.record,
            key_package: ByteBuf::from(key_package.as_slice().to_vec()),
            since: step.wall(),
        };
        let asker = Asker { address: body.address, stranger: self.is_stranger(step, from)? };
        let offer = self.offer(step, body.request, chain, reception.key_package.clone())?;
        self.make_room(step)?;
        record::put(step.overlay, space::reception(&body.request), &reception)?;
        record::put(step.overlay, space::asker(&body.request), &asker)?;
        let open = OpenOffer { peer: from, since: reception.since, stranger: asker.stranger };
        self.receptions.insert(body.request, open);
        self.lapse_at.get_or_insert(step.now.mono.plus((OFFER_LASTS + 1).saturating_mul(1000)));
        self.enqueue(from, About::Nothing, Body::ContactOffer(offer));
        Ok(())
    }

    /// The same request again: the same offer again, once the peer has settled what it was sent before. A second key
    /// package would leave the first without a record.
    fn offer_again(
        &mut self,
        step: Step<'_>,
        (from, request): (TransportKey, RequestId),
        open: OpenOffer,
        chain: ChainBytes,
    ) -> Result<(), Halt<Refuse>> {
        if open.peer != from {
            return Err(Refuse::breach(Reason::BadContent, "the request of another peer").into());
        }
        let reception: Option<Reception> = record::get(step.overlay, &space::reception(&request))?;
        let reception = reception.ok_or_else(|| Refuse::plain(Reason::UnknownThread))?;
        if self.link(step, from)?.unsettled() == 0 {
            let offer = self.offer(step, request, chain, reception.key_package)?;
            self.enqueue(from, About::Nothing, Body::ContactOffer(offer));
        }
        Ok(())
    }

    fn offer(
        &self,
        step: Step<'_>,
        request: RequestId,
        chain: ChainBytes,
        key_package: ByteBuf,
    ) -> Result<ContactOffer, Halt<Refuse>> {
        let profile = self.profile(step)?;
        Ok(ContactOffer {
            request,
            profile: profile.ok_or_else(|| Refuse::plain(Reason::NotReception))?,
            record: self.own_record()?,
            chain,
            key_package,
            address: self.address_record(step).map_err(Halt::Store)?,
        })
    }

    /// This node's grant, if it lets it take new contacts for `host` now.
    fn reception_chain(&self, step: Step<'_>, host: &PrincipalId) -> Result<ChainBytes, Halt<Refuse>> {
        let chain = self.chain.as_ref().filter(|chain| chain.principal() == *host);
        let chain = chain.ok_or_else(|| Refuse::plain(Reason::WrongEntity))?;
        let may = chain.permits(Ability::Accept, Scope::Principal).is_ok()
            && chain.check_at(step.wall(), &self.revocations).is_ok();
        if may { Ok(chain.bytes().clone()) } else { Err(Refuse::plain(Reason::NotReception).into()) }
    }

    /// Makes a key package of this device.
    pub(crate) fn key_package(
        &mut self,
        step: Step<'_>,
        suite: Suite,
        last_resort: bool,
    ) -> Result<KeyPackageBytes, Halt<Refuse>> {
        let seed = self.bytes();
        let ctx = self.ctx(step, seed).ok_or_else(|| Refuse::plain(Reason::NotReception))?;
        let made = new_key_package(&ctx, suite, last_resort);
        Ok(made.map_err(|error| StoreError::Damaged {
            what: format!("a key package could not be made: {error}"),
        })?)
    }

    /// Whether a guest may have one more offer: few are open, and it has taken most of what it was sent.
    fn check_offers_to(&mut self, step: Step<'_>, guest: TransportKey) -> Result<(), Halt<Refuse>> {
        let theirs = self.receptions.values().filter(|open| open.peer == guest && open.holds(step)).count();
        let most = u64::try_from(MAX_RECEPTIONS_PER_PEER).unwrap_or(u64::MAX);
        let room = if self.is_stranger(step, guest)? {
            self.link(step, guest)?.unsettled() < most
        } else {
            self.has_room(step, guest, 1)?
        };
        if theirs < MAX_RECEPTIONS_PER_PEER && room {
            Ok(())
        } else {
            Err(Refuse::plain(Reason::Busy).into())
        }
    }

    /// Whether this node has never sent the peer anything but offers, and knows nothing of it.
    pub(crate) fn is_stranger(&mut self, step: Step<'_>, peer: TransportKey) -> Result<bool, StoreError> {
        let silent = self.link(step, peer)?.record.numbered == LinkSeq::default();
        let asked = || self.receptions.values().any(|open| open.peer == peer && open.stranger);
        Ok((silent || asked()) && self.is_unmet(step, peer)?)
    }

    /// Whether nothing but its link is kept of a peer.
    pub(crate) fn is_unmet(&self, step: Step<'_>, peer: TransportKey) -> Result<bool, StoreError> {
        let met = self.colleagues.contains_key(&peer) || self.keeps(&peer);
        Ok(!met
            && step.overlay.get(&space::peer(&peer))?.is_none()
            && step.overlay.scan(&Scan::prefix(&space::shared(&peer)).limit(1))?.is_empty())
    }

    /// Makes room for one more offer: those that lapsed go, and past the bound the oldest. Honest guests answer within
    /// seconds, so a flood of strangers costs them nothing. Called when nothing can be refused any more: what is taken
    /// out here in memory is not undone.
    fn make_room(&mut self, step: Step<'_>) -> Result<(), StoreError> {
        self.drop_lapsed(step)?;
        let oldest = self.receptions.iter().min_by_key(|(_, open)| open.since).map(|(request, _)| *request);
        match oldest.filter(|_| self.receptions.len() >= MAX_RECEPTIONS) {
            Some(oldest) => self.drop_reception(step, oldest),
            None => Ok(()),
        }
    }

    fn drop_lapsed(&mut self, step: Step<'_>) -> Result<(), StoreError> {
        let over = self.receptions.iter().filter(|(_, open)| !open.holds(step));
        for request in over.map(|(request, _)| *request).collect::<Vec<_>>() {
            self.drop_reception(step, request)?;
        }
        Ok(())
    }

    /// Drops the offers that lapsed, if it is time, and notes when the next one does.
    pub(crate) fn lapse(&mut self, step: Step<'_>) -> Result<(), StoreError> {
        if self.lapse_at.is_some_and(|at| at > step.now.mono) {
            return Ok(());
        }
        let before = self.receptions.len();
        self.drop_lapsed(step)?;
        self.lasting |= self.receptions.len() < before;
        let oldest = self.receptions.values().map(|open| open.since).min();
        self.lapse_at = oldest.map(|since| {
            let left = since.plus(OFFER_LASTS + 1).0.saturating_sub(step.wall().0);
            step.now.mono.plus(left.clamp(1, OFFER_LASTS + 1).saturating_mul(1000))
        });
        Ok(())
    }

    /// When the next offer lapses.
    pub(crate) fn next_lapse(&self) -> Option<Millis> {
        self.lapse_at
    }

    fn drop_reception(&mut self, step: Step<'_>, request: RequestId) -> Result<(), StoreError> {
        let open = self.receptions.remove(&request);
        let key = space::reception(&request);
        let Some(reception) = record::get::<Reception>(step.overlay, &key)? else { return Ok(()) };
        step.overlay.delete(key)?;
        step.overlay.delete(space::asker(&request))?;
        let seed = self.bytes();
        if let Some(ctx) = self.ctx(step, seed) {
            // A package that can't be deleted any more is one that is not there any more.
            drop(delete_key_package(&ctx, &KeyPackageBytes::new(reception.key_package.to_vec())));
        }
        match open.filter(|open| open.stranger) {
            Some(open) => self.part_with(step, open.peer),
            None => Ok(()),
        }
    }

    /// Forgets a stranger with its last offer: what it didn't fetch, and the count of its link.
    fn part_with(&mut self, step: Step<'_>, peer: TransportKey) -> Result<(), StoreError> {
        let asks = self.receptions.values().any(|open| open.peer == peer);
        if asks || !self.is_unmet(step, peer)? { Ok(()) } else { self.forget_link(step, peer) }
    }
}
