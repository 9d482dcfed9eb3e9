//! First contact: a customer's request, the business's offer, and the opening of the thread.

mod openings;
mod reception;
mod resumed;

pub use self::openings::{MAX_OPENINGS, MAX_THREADS_PER_GUEST, OPENINGS_SPAN};
use crate::{
    CommandError, Engine, Event, Reply, ThreadStatus,
    message::{Early, check_text},
    record::{self, About, Asker, Contact, Founded, Meta, Peer, Receiver, Reception},
    space,
    step::{Halt, Refuse, Step},
};
use frontdesk_capability::{Ability, Chain, ChainBytes, Scope};
use frontdesk_identity::{
    ContactLink, DeviceRecord, PrincipalId, SignedDeviceRecord, ThreadId, TransportKey, UnixTime,
};
use frontdesk_store::{Reader as _, Scan, StoreError};
use frontdesk_thread::{
    CreateError, Expected, Founding, JoinRefusal, KeyPackageBytes, Mls, Role, Thread, WelcomeBytes,
};
use frontdesk_wire::{
    Body, Bundle, ContactOffer, ContactOpen, ContactRequest, ContentKind, Profile, Reason, RequestId,
    SignedProfile,
};
use serde_bytes::{ByteArray, ByteBuf};
use std::collections::BTreeSet;

/// Contacts that this node has made an offer to and that have not opened their thread yet.
pub const MAX_RECEPTIONS: usize = 1_000;
/// Of those, how many one peer may have.
pub const MAX_RECEPTIONS_PER_PEER: usize = 4;
/// How long an offer holds, in seconds.
pub const OFFER_LASTS: u64 = 3_600;
/// How long to wait for an offer before the reception is asked again, in milliseconds: it has forgotten what it offered by
/// then.
const ASK_AFTER: u64 = (OFFER_LASTS + 1) * 1000;
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
        let chain = self.standing_chain()?.bytes().clone();
        self.kept.insert(reception);
        self.ask(step, (request, &contact), (record, chain))?;
        Ok(Reply::Opened { thread })
    }

    fn ask(
        &mut self,
        step: Step<'_>,
        (request, contact): (RequestId, &Contact),
        (record, chain): (SignedDeviceRecord, ChainBytes),
    ) -> Result<(), StoreError> {
        // No other than its owner wants: the business's node chooses among them.
        let (suites, address) = (vec![self.settings.suite.code()], self.address_record(step)?);
        let body = ContactRequest { request, host: contact.host, record, chain, suites, address };
        self.enqueue(contact.reception, About::Contact(request), Body::ContactRequest(body));
        self.ask_at.get_or_insert(step.now.mono.plus(ASK_AFTER));
        Ok(())
    }

    /// After a start: contacts that wait for an offer are looked at again.
    pub(crate) fn plan_asking(&mut self, step: Step<'_>) -> Result<(), StoreError> {
        let waits = !step.overlay.scan(&Scan::prefix(space::CONTACTS).limit(1))?.is_empty();
        self.ask_at = waits.then(|| step.now.mono.plus(ASK_AFTER));
        Ok(())
    }

    /// Asks receptions again whose offers did not come in time, though they have been connected all the while.
    pub(crate) fn ask_late(&mut self, step: Step<'_>) -> Result<(), StoreError> {
        if self.ask_at.take_if(|at| *at <= step.now.mono).is_none() {
            return Ok(());
        }
        let mut receptions = BTreeSet::new();
        for (_, bytes) in step.overlay.scan(&Scan::prefix(space::CONTACTS))? {
            receptions.insert(record::decode::<Contact>(&bytes)?.reception);
        }
        if !receptions.is_empty() {
            self.ask_at = Some(step.now.mono.plus(ASK_AFTER));
        }
        for reception in receptions {
            // Who is not there is asked when it is, and who has not even stored the first request gets that.
            let link = self.link(step, reception)?;
            if link.is_up() && link.backlog() == 0 {
                self.ask_again(step, reception)?;
            }
        }
        Ok(())
    }

    /// A reception is there whose offer did not come in time: it has forgotten it by now, and is asked again.
    pub(crate) fn ask_again(&mut self, step: Step<'_>, reception: TransportKey) -> Result<(), StoreError> {
        for (key, bytes) in step.overlay.scan(&Scan::prefix(space::CONTACTS))? {
            let contact: Contact = record::decode(&bytes)?;
            let Some(request) = space::read_contact(&key).filter(|_| contact.reception == reception) else {
                continue;
            };
            let late = |meta: &Meta| {
                meta.status() == ThreadStatus::Contacting && meta.active_at.plus(OFFER_LASTS) < step.wall()
            };
            let Some(mut meta) = self.meta(step.overlay, &contact.thread)?.filter(late) else { continue };
            self.ask_anew(step, &mut meta, (request, &contact))?;
        }
        Ok(())
    }

    /// Asks for an offer from now on, if this device has a right to.
    fn ask_anew(
        &mut self,
        step: Step<'_>,
        meta: &mut Meta,
        contact: (RequestId, &Contact),
    ) -> Result<(), StoreError> {
        let own = self.record.as_ref().map(|record| record.signed().clone());
        let own = own.zip(self.chain.as_ref().map(|chain| chain.bytes().clone()));
        let Some(own) = own else { return Ok(()) };
        meta.active_at = step.wall();
        self.put_meta(step, meta)?;
        self.ask(step, contact, own)
    }

    pub(crate) fn own_record(&self) -> Result<SignedDeviceRecord, Halt<Refuse>> {
        let record = self.record.as_ref().ok_or_else(|| Refuse::plain(Reason::NotReception))?;
        Ok(record.signed().clone())
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
        record::put(step.overlay, space::guesting(&meta.thread), &Founded { nonce: contact.nonce, term: 0 })?;
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
        let about = About::Opening { thread: meta.thread, era: meta.era, seq: content.seq };
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
        let record = device_on_link(&self.mls, from, &body.record)?;
        let chain = verify(step, &body.chain, &contact.host, &self.revocations)?;
        chain.held_by(&record.id()).map_err(Refuse::grant)?;
        chain.permits(Ability::Accept, Scope::Principal).map_err(Refuse::grant)?;
        if record.principal() != contact.host {
            return Err(Refuse::breach(Reason::GrantWrongScope, "a device of another principal").into());
        }
        self.learn_profile(step, &contact.host, &body.profile)?;
        Ok(record)
    }

    /// Takes a profile in if it is the entity's and not older than the one known. One that no longer holds, because its
    /// signer was removed or its right has ended, is no measure: nothing might outnumber it.
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
        let known = known.and_then(|known| known.verify(entity, step.wall(), &self.revocations).ok());
        if known.is_some_and(|known| profile.number < known.number) {
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
        if steward.suite() != self.settings.suite {
            return Err(Refuse::breach(Reason::NoCommonSuite, "a cipher suite that was not asked for").into());
        }
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
        self.create_thread(step, founding)
    }

    /// Founds a thread, or an era of one; a refusal says which rule it breaks.
    pub(crate) fn create_thread(
        &mut self,
        step: Step<'_>,
        founding: Founding,
    ) -> Result<(Thread, WelcomeBytes), Halt<Refuse>> {
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
        let sealed = self.seal(step, thread, &Bundle::of(signed.clone()))?;
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
        // It comes again to a node that lost count of its guest's frames.
        if self.meta(step.overlay, &body.thread)?.is_some_and(|meta| meta.guest_transport == Some(from)) {
            return Ok(());
        }
        let key = space::reception(&body.request);
        let reception: Option<Reception> = record::get(step.overlay, &key)?;
        let reception = reception.filter(|reception| reception.since.plus(OFFER_LASTS) >= step.wall());
        let reception = reception.ok_or_else(|| Refuse::plain(Reason::UnknownThread))?;
        let guest = device_on_link(&self.mls, from, &reception.guest)?;
        self.check_openings(step, &guest.principal())?;
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
        self.count_opening(step, &meta)?;
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
    mls: &Mls,
    from: TransportKey,
    signed: &SignedDeviceRecord,
) -> Result<DeviceRecord, Refuse> {
    let record = mls.verify(signed).map_err(|error| Refuse::breach(Reason::GrantForged, error))?;
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
    (record, chain): (&SignedDeviceRecord, ChainBytes),
    (mls, revocations): (&Mls, &frontdesk_capability::Revocations),
) -> Result<(DeviceRecord, Chain), Refuse> {
    let record = device_on_link(mls, from, record)?;
    let chain = verify(step, &chain, &record.principal(), revocations)?;
    chain.held_by(&record.id()).map_err(Refuse::grant)?;
    chain.permits(Ability::Write, Scope::Principal).map_err(Refuse::grant)?;
    Ok((record, chain))
}
