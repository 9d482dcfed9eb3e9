//! First contact: a customer's request, the business's offer, and the opening of the thread.

use crate::{
    CommandError, Engine, Event, Millis, Reply, ThreadStatus,
    message::{Early, check_text},
    record::{self, About, Asker, Contact, Meta, Peer, Receiver, Reception},
    space,
    step::{Halt, Refuse, Step},
};
use frontdesk_capability::{Ability, Chain, ChainBytes, Scope};
use frontdesk_identity::{
    ContactLink, DeviceRecord, PrincipalId, SignedDeviceRecord, ThreadId, TransportKey, UnixTime,
};
use frontdesk_store::{Reader as _, Scan, StoreError};
use frontdesk_thread::{
    CreateError, Expected, Founding, JoinRefusal, KeyPackageBytes, Role, Suite, Thread, WelcomeBytes,
    delete_key_package, new_key_package,
};
use frontdesk_wire::{
    Body, ContactOffer, ContactOpen, ContactRequest, ContentKind, LinkSeq, Profile, Reason, RequestId,
    SignedProfile,
};
use serde_bytes::{ByteArray, ByteBuf};

/// Contacts that this node has made an offer to and that have not opened their thread yet.
pub const MAX_RECEPTIONS: usize = 1_000;
/// Of those, how many one peer may have.
pub const MAX_RECEPTIONS_PER_PEER: usize = 4;
/// How long an offer holds, in seconds.
pub const OFFER_LASTS: u64 = 3_600;
/// Threads that this node is opening at one time.
pub const MAX_CONTACTS: usize = 256;

/// An offer that was made and not answered, in memory.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OpenOffer {
    pub(crate) peer: TransportKey,
    pub(crate) since: UnixTime,
    /// This node knows the peer by nothing but its request.
    pub(crate) stranger: bool,
}

impl OpenOffer {
    fn holds(&self, step: Step<'_>) -> bool {
        self.since.plus(OFFER_LASTS) >= step.wall()
    }
}

impl Engine {
    /// The customer's side: asks the business's node for an offer.
    pub(crate) fn contact(
        &mut self,
        step: Step<'_>,
        link: &ContactLink,
        text: String,
    ) -> Result<Reply, Halt<CommandError>> {
        check_text(&text)?;
        let guest = self.standing_chain()?.principal();
        let record = self.record.as_ref().ok_or(CommandError::NotSettled)?.signed().clone();
        let (host, reception) = (link.entity(), link.reception());
        if host == guest {
            return Err(CommandError::OwnLink.into());
        }
        if step.overlay.scan(&Scan::prefix(space::CONTACTS).limit(MAX_CONTACTS))?.len() >= MAX_CONTACTS {
            return Err(CommandError::TooMany { what: "threads being opened", limit: MAX_CONTACTS }.into());
        }
        let nonce: [u8; 16] = self.bytes();
        let thread = ThreadId::derive(&host, &guest, &nonce);
        let request = RequestId::from_bytes(self.bytes());
        let contact = Contact { thread, host, nonce: ByteArray::new(nonce), reception, text: text.clone() };
        record::put(step.overlay, space::contact(&request), &contact)?;
        let mut meta = Meta::new(thread, host, guest, step.wall());
        meta.preview = text.chars().take(60).collect();
        self.put_meta(step, &meta)?;
        let hints = link.addresses().iter().map(ToString::to_string).collect();
        self.hint(step, reception, hints)?;
        let body = ContactRequest {
            request,
            host,
            record,
            chain: self.standing_chain()?.bytes().clone(),
            suites: self.suites(),
            address: self.address_record(step).map_err(Halt::Store)?,
        };
        self.kept.insert(reception);
        self.enqueue(reception, About::Contact(request), Body::ContactRequest(body));
        Ok(Reply::Opened { thread })
    }

    fn suites(&self) -> Vec<u16> {
        let mut suites = vec![self.settings.suite.code()];
        suites.extend(
            Suite::ALL.iter().map(|suite| suite.code()).filter(|code| *code != self.settings.suite.code()),
        );
        suites
    }

    /// The business's side: checks who asks, and offers what is needed to open a thread.
    pub(crate) fn contact_request(
        &mut self,
        step: Step<'_>,
        from: TransportKey,
        body: ContactRequest,
    ) -> Result<(), Halt<Refuse>> {
        let chain = self.reception_chain(step, &body.host)?;
        let (guest, _) = guest_device(step, from, &body.record, body.chain, &self.revocations)?;
        if let Some(open) = self.receptions.get(&body.request).copied().filter(|open| open.holds(step)) {
            return self.offer_again(step, (from, body.request), open, chain);
        }
        self.check_offers_to(step, from)?;
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
        let profile: Option<SignedProfile> = match &self.chain {
            Some(own) => record::get(step.overlay, &space::profile(&own.principal()))?,
            None => None,
        };
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

    pub(crate) fn own_record(&self) -> Result<SignedDeviceRecord, Halt<Refuse>> {
        let record = self.record.as_ref().ok_or_else(|| Refuse::plain(Reason::NotReception))?;
        Ok(record.signed().clone())
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
    fn is_unmet(&self, step: Step<'_>, peer: TransportKey) -> Result<bool, StoreError> {
        let met = self.colleagues.contains_key(&peer) || self.keeps(&peer);
        Ok(!met && step.overlay.get(&space::peer(&peer))?.is_none())
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

    /// The customer's side: checks the offer down to the entity's key, opens the thread, and writes the first message.
    pub(crate) fn contact_offer(
        &mut self,
        step: Step<'_>,
        from: TransportKey,
        body: ContactOffer,
    ) -> Result<(), Halt<Refuse>> {
        let contact: Option<Contact> = record::get(step.overlay, &space::contact(&body.request))?;
        let contact = contact.filter(|contact| contact.reception == from);
        let contact = contact.ok_or_else(|| Refuse::plain(Reason::UnknownThread))?;
        let request = body.request;
        let accepted = self.accept_offer(step, from, contact, body);
        accepted.map_err(|halt| halt.map(|refuse| Refuse { contact: Some(request), ..refuse }))
    }

    fn accept_offer(
        &mut self,
        step: Step<'_>,
        from: TransportKey,
        contact: Contact,
        body: ContactOffer,
    ) -> Result<(), Halt<Refuse>> {
        let mut meta =
            self.meta(step.overlay, &contact.thread)?.ok_or_else(|| Refuse::plain(Reason::UnknownThread))?;
        let steward = self.check_offer(step, from, &contact, &body)?;
        self.learn_address(step, from, &body.address, Some(steward.id()))?;
        let (mut thread, welcome) = self.create(step, &contact, &body)?;
        step.overlay.delete(space::contact(&body.request))?;
        step.overlay.put(space::guesting(&meta.thread), Vec::new())?;
        meta.set_status(ThreadStatus::Open);
        self.refresh(step, &mut meta, &thread)?;
        let opened = self.first_message(step, &mut meta, &mut thread, contact.text);
        let (content, receivers, sealed) =
            opened.map_err(|halt| halt.map(|error| Refuse::breach(Reason::BadContent, error)))?;
        let open = ContactOpen {
            request: body.request,
            thread: contact.thread,
            welcome: ByteBuf::from(welcome.as_slice().to_vec()),
            message: ByteBuf::from(sealed),
        };
        let about = About::Message { thread: meta.thread, era: meta.era, seq: content.seq };
        self.enqueue(from, about, Body::ContactOpen(open));
        self.introduce(step, &mut meta, &mut thread)
            .map_err(|halt| halt.map(|error| Refuse::breach(Reason::BadContent, error)))?;
        self.put_meta(step, &meta)?;
        self.keep_thread(thread);
        self.tell(Event::ThreadOpened { thread: meta.thread, forwarded: false });
        self.tell_message(step, &meta, &content, &receivers, false)?;
        Ok(())
    }

    /// The chain of trust of first contact: link -> entity key -> grant -> device -> key package, and the profile.
    fn check_offer(
        &mut self,
        step: Step<'_>,
        from: TransportKey,
        contact: &Contact,
        body: &ContactOffer,
    ) -> Result<DeviceRecord, Halt<Refuse>> {
        let record = device_on_link(from, &body.record)?;
        let chain = verify(step, &body.chain, &contact.host, &self.revocations)?;
        chain.held_by(&record.id()).map_err(Refuse::grant)?;
        chain.permits(Ability::Accept, Scope::Principal).map_err(Refuse::grant)?;
        if record.principal() != contact.host {
            return Err(Refuse::breach(Reason::GrantWrongScope, "a device of another principal").into());
        }
        self.learn_profile(step, &contact.host, &body.profile)?;
        Ok(record)
    }

    /// Takes a profile in if it is the entity's and not older than the one known.
    pub(crate) fn learn_profile(
        &mut self,
        step: Step<'_>,
        entity: &PrincipalId,
        signed: &SignedProfile,
    ) -> Result<Profile, Halt<Refuse>> {
        let profile = signed.verify(entity, step.wall(), &self.revocations);
        let profile = profile.map_err(|error| Refuse::breach(Reason::GrantForged, error))?;
        let key = space::profile(entity);
        let known: Option<SignedProfile> = record::get(step.overlay, &key)?;
        let known = known.and_then(|known| known.read().ok()).map_or(0, |known| known.number);
        if profile.number < known {
            return Err(Refuse::breach(Reason::BadContent, "an older profile than the one known").into());
        }
        record::put(step.overlay, key, signed)?;
        Ok(profile)
    }

    fn create(
        &mut self,
        step: Step<'_>,
        contact: &Contact,
        body: &ContactOffer,
    ) -> Result<(Thread, WelcomeBytes), Halt<Refuse>> {
        let steward = KeyPackageBytes::new(body.key_package.to_vec()).verify(&self.mls);
        let steward = steward.map_err(|error| Refuse::breach(Reason::NoKeyPackage, error))?;
        let chain = self.chain.clone().ok_or_else(|| Refuse::plain(Reason::GrantMissing))?;
        let founding = Founding {
            host: contact.host,
            guest: chain.principal(),
            nonce: contact.nonce.into_array(),
            suite: steward.suite(),
            guest_chain: chain.into_bytes(),
            steward,
            steward_chain: body.chain.clone(),
            era: 0,
            term: 0,
        };
        let seed = self.bytes();
        let ctx = self.ctx(step, seed).ok_or_else(|| Refuse::plain(Reason::GrantMissing))?;
        Thread::create(&ctx, founding).map_err(|error| match error {
            CreateError::Storage(error) => Halt::Store(crate::threads::storage(error)),
            CreateError::Admission(refusal) => {
                Refuse::breach(crate::message::admission_reason(&refusal), refusal).into()
            }
            other @ (CreateError::Exists
            | CreateError::WrongSuite
            | CreateError::State(_)
            | CreateError::Mls(_)) => Refuse::breach(Reason::Admission, other).into(),
        })
    }

    fn first_message(
        &mut self,
        step: Step<'_>,
        meta: &mut Meta,
        thread: &mut Thread,
        text: String,
    ) -> Result<(frontdesk_wire::Content, Vec<Receiver>, Vec<u8>), Halt<CommandError>> {
        let (content, signed) = self.sign(step, meta, ContentKind::Text(text))?;
        let sealed = self.seal(step, thread, &signed)?;
        let receivers = self.receivers(step, thread);
        self.add_message(step, meta, &content, &signed, receivers.clone())?;
        Ok((content, receivers, sealed))
    }

    /// The business's side: joins the thread as its steward, and reads the first message.
    pub(crate) fn contact_open(
        &mut self,
        step: Step<'_>,
        from: TransportKey,
        body: &ContactOpen,
    ) -> Result<(), Halt<Refuse>> {
        let key = space::reception(&body.request);
        let reception: Option<Reception> = record::get(step.overlay, &key)?;
        let reception = reception.filter(|reception| reception.since.plus(OFFER_LASTS) >= step.wall());
        let reception = reception.ok_or_else(|| Refuse::plain(Reason::UnknownThread))?;
        let guest = device_on_link(from, &reception.guest)?;
        let host =
            self.chain.as_ref().map(Chain::principal).ok_or_else(|| Refuse::plain(Reason::NotReception))?;
        if self.meta(step.overlay, &body.thread)?.is_some() {
            return Err(Refuse::breach(Reason::Admission, "the thread is here already")
                .about(body.thread)
                .into());
        }
        let expected = Expected { host, thread: body.thread, era: 0, min_term: 0, role: Role::Steward };
        let mut thread = self.join_thread(step, &body.welcome, expected)?;
        if thread.guest() != guest.principal() || !thread.is_member(&guest.id()) {
            return Err(Refuse::breach(Reason::Admission, "another guest than the one who asked").into());
        }
        step.overlay.delete(key)?;
        let mut meta = Meta::new(body.thread, host, guest.principal(), step.wall());
        meta.set_status(ThreadStatus::Open);
        self.refresh(step, &mut meta, &thread)?;
        self.tell(Event::ThreadOpened { thread: body.thread, forwarded: false });
        self.open_message(step, from, &mut meta, &mut thread, &body.message).map_err(
            |early| match early {
                Early::Halt(halt) => halt,
                Early::Epoch(_) => Refuse::plain(Reason::FutureEpoch).into(),
            },
        )?;
        let asker: Option<Asker> = record::get(step.overlay, &space::asker(&body.request))?;
        if let Some(address) = asker.and_then(|asker| asker.address.read_kept().ok()) {
            self.put_address(step, from, &address)?;
        }
        step.overlay.delete(space::asker(&body.request))?;
        self.receptions.remove(&body.request);
        self.put_meta(step, &meta)?;
        self.keep_thread(thread);
        self.forward_by_policy(step, body.thread)
    }

    /// Joins by a Welcome; a refusal says which rule it breaks.
    pub(crate) fn join_thread(
        &mut self,
        step: Step<'_>,
        welcome: &[u8],
        expected: Expected,
    ) -> Result<Thread, Halt<Refuse>> {
        let seed = self.bytes();
        let ctx = self.ctx(step, seed).ok_or_else(|| Refuse::plain(Reason::GrantMissing))?;
        let joined = Thread::join(&ctx, &WelcomeBytes::new(welcome.to_vec()), &expected);
        joined.map_err(|error| match error {
            JoinRefusal::Storage(error) => Halt::Store(crate::threads::storage(error)),
            JoinRefusal::NotForMe => Refuse::plain(Reason::NoKeyPackage).about(expected.thread).into(),
            JoinRefusal::Admission(refusal) => {
                Refuse::breach(crate::message::admission_reason(&refusal), refusal)
                    .about(expected.thread)
                    .into()
            }
            other @ (JoinRefusal::TooLong { .. }
            | JoinRefusal::Malformed
            | JoinRefusal::UnknownSuite
            | JoinRefusal::WrongThread
            | JoinRefusal::WrongHost
            | JoinRefusal::OldTerm { .. }
            | JoinRefusal::NotTheSteward
            | JoinRefusal::AlreadyJoined
            | JoinRefusal::PreSharedKeys
            | JoinRefusal::Invalid(_)) => {
                Refuse::breach(Reason::Admission, other).about(expected.thread).into()
            }
        })
    }

    /// Remembers where a peer might be dialled, until an address record is there.
    pub(crate) fn hint(
        &mut self,
        step: Step<'_>,
        peer: TransportKey,
        hints: Vec<String>,
    ) -> Result<(), StoreError> {
        let known: Option<Peer> = record::get(step.overlay, &space::peer(&peer))?;
        let known = known.unwrap_or_default();
        record::put(step.overlay, space::peer(&peer), &Peer { hints, ..known })?;
        self.wanted.remove(&peer);
        self.touched.insert(peer);
        Ok(())
    }
}

/// The device that a record speaks of, which must be the one on this link.
pub(crate) fn device_on_link(
    from: TransportKey,
    signed: &SignedDeviceRecord,
) -> Result<DeviceRecord, Refuse> {
    let record = signed.verify().map_err(|error| Refuse::breach(Reason::GrantForged, error))?;
    if record.transport() == from {
        Ok(record)
    } else {
        Err(Refuse::breach(
            Reason::GrantWrongAudience,
            "a device record of another node than the one on this link",
        ))
    }
}

/// Verifies a chain as of now.
pub(crate) fn verify(
    step: Step<'_>,
    chain: &ChainBytes,
    principal: &PrincipalId,
    revocations: &frontdesk_capability::Revocations,
) -> Result<Chain, Refuse> {
    chain.clone().verify(principal, step.wall(), revocations).map_err(Refuse::grant)
}

fn guest_device(
    step: Step<'_>,
    from: TransportKey,
    record: &SignedDeviceRecord,
    chain: ChainBytes,
    revocations: &frontdesk_capability::Revocations,
) -> Result<(DeviceRecord, Chain), Refuse> {
    let record = device_on_link(from, record)?;
    let chain = verify(step, &chain, &record.principal(), revocations)?;
    chain.held_by(&record.id()).map_err(Refuse::grant)?;
    chain.permits(Ability::Write, Scope::Principal).map_err(Refuse::grant)?;
    Ok((record, chain))
}
