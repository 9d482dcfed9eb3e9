//! First contact: what a customer believes of a business, and what a business lets strangers do.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use frontdesk_capability::{Abilities, Ability, Chain, ChainBytes, Revocation, Terms};
use frontdesk_engine::{
    Answer, Command, Event, Query, Reply, Settings, ThreadStatus,
    limits::{MAX_RECEPTIONS, MAX_RECEPTIONS_PER_PEER, OFFER_LASTS},
};
use frontdesk_identity::{ContactLink, DeviceKeys, ThreadId};
use frontdesk_sim::{
    Business, Fate, Forge, Founding, NodeId, Weather, World,
    office::{Office, PATIENCE, texts, told},
};
use frontdesk_thread::Suite;
use frontdesk_wire::{
    Body, ContactOffer, Frame, LinkSeq, Reason, RequestId, Revoked, limits::MAX_PROFILE_NUMBER,
};
use serde_bytes::ByteBuf;

const SETTINGS: Settings =
    Settings { introduce: true, suite: Suite::Classic, key_packages: 2, forward_new: None };

/// A customer who writes to a business that is played by hand.
struct Stage {
    world: World,
    carla: NodeId,
    acme: Business,
}

impl Stage {
    fn new() -> Self {
        let mut world = World::new(11, Weather::FAIR);
        let carla = world.add(Founding::Customer, "Carla", SETTINGS).unwrap();
        let acme = Business::found(&mut world).unwrap();
        Self { world, carla, acme }
    }

    /// Carla writes, and Acme's node hears her request.
    fn contact(&mut self) -> (ThreadId, RequestId) {
        let link = self.acme.link().unwrap();
        let thread = contact(&mut self.world, self.carla, link);
        self.world.pass(100).unwrap();
        self.acme.device.meet(&mut self.world, self.carla).unwrap();
        let heard = self.acme.device.heard(self.carla);
        let request = heard.iter().rev().find_map(|body| {
            let Body::ContactRequest(request) = body else { return None };
            Some(request.request)
        });
        (thread, request.unwrap())
    }

    fn offer(&mut self, offer: ContactOffer) -> Fate {
        self.acme.device.send(&mut self.world, self.carla, &Body::ContactOffer(offer)).unwrap()
    }

    fn status(&self, thread: ThreadId) -> (ThreadStatus, Option<Reason>) {
        status(&self.world, self.carla, thread)
    }

    /// A good offer opens a thread.
    fn opens(&mut self) -> ThreadId {
        let (thread, request) = self.contact();
        let offer = self.acme.offer(&self.world, request).unwrap();
        assert_eq!(self.offer(offer), Fate::Delivered);
        assert_eq!(self.status(thread), (ThreadStatus::Open, None));
        let opened = self.acme.device.heard(self.carla).into_iter();
        assert!(
            opened.into_iter().any(|body| matches!(body, Body::ContactOpen(open) if open.thread == thread))
        );
        thread
    }

    /// An offer with this chain is refused, the contact fails with the reason, and a good business can still be reached.
    fn refuses_chain(&mut self, chain: ChainBytes, reason: Reason) {
        let (thread, request) = self.contact();
        let offer = self.acme.offer(&self.world, request).unwrap();
        assert_eq!(self.offer(ContactOffer { chain, ..offer }), Fate::Refused(reason));
        self.failed(thread, reason);
    }

    fn failed(&self, thread: ThreadId, reason: Reason) {
        assert_eq!(self.status(thread), (ThreadStatus::Failed, Some(reason)));
        assert!(told(&self.world, self.carla, |event| *event == Event::ContactFailed { thread, reason }));
        let is_it = |found: &Reason| *found == reason;
        assert!(told(
            &self.world,
            self.carla,
            |event| matches!(event, Event::Security { reason, .. } if is_it(reason))
        ));
    }

    fn terms(&self) -> Terms {
        Business::terms(self.acme.device.keys.id(), self.acme.since)
    }
}

fn contact(world: &mut World, customer: NodeId, link: ContactLink) -> ThreadId {
    let reply = world.command(customer, Command::Contact { link, text: "hello".into() }).unwrap();
    let Reply::Opened { thread } = reply else { panic!("{reply:?}") };
    thread
}

fn status(world: &World, node: NodeId, thread: ThreadId) -> (ThreadStatus, Option<Reason>) {
    let answer = world.query(node, &Query::Thread(thread)).unwrap();
    let Answer::Thread(Some(view)) = answer else { panic!("{answer:?}") };
    (view.status, view.reason)
}

#[test]
fn a_true_offer_opens_a_thread() {
    let mut stage = Stage::new();
    stage.opens();
    assert!(!told(&stage.world, stage.carla, |event| matches!(event, Event::Security { .. })));
}

#[test]
fn an_offer_under_a_forged_chain_is_refused() {
    let mut stage = Stage::new();
    stage.refuses_chain(Forge::spoil(stage.acme.chain.bytes()), Reason::GrantForged);
    stage.opens();
}

#[test]
fn an_offer_under_a_widened_chain_is_refused() {
    let mut stage = Stage::new();
    let terms = stage.terms();
    let middle = DeviceKeys::generate(&mut stage.acme.device.rng);
    let abilities: Abilities = [Ability::Admit, Ability::Forward].into_iter().collect();
    let above = stage.acme.grant(Terms { audience: middle.id(), abilities, depth: 1, ..terms }).unwrap();
    let wider = Terms { abilities: Abilities::ALL, depth: 0, ..terms };
    let chain = Forge::link(&above, middle.signing(), wider, &mut stage.acme.device.rng).unwrap();
    stage.refuses_chain(chain, Reason::GrantWidened);
    stage.opens();
}

#[test]
fn an_offer_under_a_chain_that_is_over_or_not_yet_in_force_is_refused() {
    let mut stage = Stage::new();
    let terms = stage.terms();
    let brief = stage.acme.grant(Terms { expires: terms.not_before.plus(10), ..terms }).unwrap();
    stage.world.pass(75_000).unwrap();
    stage.refuses_chain(brief.into_bytes(), Reason::GrantExpired);
    let early = stage.acme.grant(Terms { not_before: terms.not_before.plus(3600), ..terms }).unwrap();
    stage.refuses_chain(early.into_bytes(), Reason::GrantNotYetValid);
    stage.opens();
}

#[test]
fn an_offer_under_a_chain_for_less_another_device_or_another_business_is_refused() {
    let mut stage = Stage::new();
    let terms = stage.terms();
    let lesser = stage.acme.grant_without(Ability::Accept).unwrap();
    stage.refuses_chain(lesser.into_bytes(), Reason::GrantLacksAbility);
    let audience = DeviceKeys::generate(&mut stage.acme.device.rng).id();
    let others = stage.acme.grant(Terms { audience, ..terms }).unwrap();
    stage.refuses_chain(others.into_bytes(), Reason::GrantWrongAudience);
    let other = Business::found(&mut stage.world).unwrap();
    let foreign = Chain::issue_root(&other.root, terms, &mut stage.acme.device.rng).unwrap();
    stage.refuses_chain(foreign.into_bytes(), Reason::GrantWrongScope);
    stage.opens();
}

#[test]
fn an_offer_under_a_revoked_chain_is_refused() {
    let mut stage = Stage::new();
    let thread = stage.opens();
    // Carla hears of the revocation from the thread's steward.
    let (root, chain) = (stage.acme.root.clone(), stage.acme.chain.clone());
    let (principal, wall) = (stage.acme.principal(), stage.world.now().wall);
    let revocation = Revocation::issue(&root, &principal, chain.leaf().id, wall).unwrap();
    let revoked = Body::Revoked(Revoked { revocations: vec![revocation.into_bytes()] });
    assert_eq!(stage.acme.device.send(&mut stage.world, stage.carla, &revoked).unwrap(), Fate::Delivered);
    stage.refuses_chain(chain.into_bytes(), Reason::GrantRevoked);
    // A fresh grant of the same root holds, and the old thread's texts are still there.
    stage.acme.chain = stage.acme.grant(stage.terms()).unwrap();
    stage.opens();
    assert_eq!(texts(&stage.world, stage.carla, thread), ["hello"]);
}

#[test]
fn an_offer_from_another_node_than_the_one_asked_changes_nothing() {
    let mut stage = Stage::new();
    let (thread, request) = stage.contact();
    let mut other = Business::found(&mut stage.world).unwrap();
    other.device.meet(&mut stage.world, stage.carla).unwrap();
    let offer = Body::ContactOffer(other.offer(&stage.world, request).unwrap());
    let fate = other.device.send(&mut stage.world, stage.carla, &offer).unwrap();
    assert_eq!(fate, Fate::Refused(Reason::UnknownThread));
    assert_eq!(stage.status(thread), (ThreadStatus::Contacting, None));
    let offer = stage.acme.offer(&stage.world, request).unwrap();
    assert_eq!(stage.offer(offer), Fate::Delivered);
    assert_eq!(stage.status(thread), (ThreadStatus::Open, None));
}

#[test]
fn an_offer_that_comes_again_opens_nothing_twice() {
    let mut stage = Stage::new();
    let (thread, request) = stage.contact();
    let offer = stage.acme.offer(&stage.world, request).unwrap();
    assert_eq!(stage.offer(offer.clone()), Fate::Delivered);
    let view = stage.world.query(stage.carla, &Query::Thread(thread)).unwrap();
    assert_eq!(stage.offer(offer), Fate::Refused(Reason::UnknownThread));
    assert_eq!(stage.world.query(stage.carla, &Query::Thread(thread)).unwrap(), view);
}

#[test]
fn an_older_profile_than_the_one_known_is_refused() {
    let mut stage = Stage::new();
    stage.opens();
    let (thread, request) = stage.contact();
    let offer = stage.acme.offer(&stage.world, request).unwrap();
    let profile = stage.acme.profile(1, stage.acme.chain.bytes().clone()).unwrap();
    assert_eq!(stage.offer(ContactOffer { profile, ..offer }), Fate::Refused(Reason::BadContent));
    stage.failed(thread, Reason::BadContent);
    stage.opens();
}

#[test]
fn a_profile_by_a_device_that_may_not_speak_for_the_business_is_refused() {
    let mut stage = Stage::new();
    let silent = stage.acme.grant_without(Ability::Admit).unwrap();
    let (thread, request) = stage.contact();
    let offer = stage.acme.offer(&stage.world, request).unwrap();
    let profile = stage.acme.profile(MAX_PROFILE_NUMBER, silent.into_bytes()).unwrap();
    assert_eq!(stage.offer(ContactOffer { profile, ..offer }), Fate::Refused(Reason::GrantForged));
    stage.failed(thread, Reason::GrantForged);
    stage.opens();
}

#[test]
fn an_offer_with_another_devices_key_package_or_none_is_refused() {
    let mut stage = Stage::new();
    let (thread, request) = stage.contact();
    let offer = stage.acme.offer(&stage.world, request).unwrap();
    let mut other = Business::found(&mut stage.world).unwrap();
    let package = other.device.key_package(stage.world.now().wall, Suite::Classic).unwrap();
    let key_package = ByteBuf::from(package.as_slice().to_vec());
    let fate = stage.offer(ContactOffer { key_package, ..offer });
    assert!(matches!(fate, Fate::Refused(Reason::Admission | Reason::GrantWrongAudience)), "{fate:?}");
    assert_eq!(stage.status(thread).0, ThreadStatus::Failed);
    let (thread, request) = stage.contact();
    let offer = stage.acme.offer(&stage.world, request).unwrap();
    let fate = stage.offer(ContactOffer { key_package: ByteBuf::new(), ..offer });
    assert_eq!(fate, Fate::Refused(Reason::NoKeyPackage));
    stage.failed(thread, Reason::NoKeyPackage);
    stage.opens();
}

/// The real Acme, and a customer that is played by hand.
fn reception() -> (Office, Business) {
    let mut office = Office::open(5, Weather::FAIR, 1, SETTINGS).unwrap();
    let mut guest = Business::found(&mut office.world).unwrap();
    guest.device.meet(&mut office.world, office.acme).unwrap();
    (office, guest)
}

fn asks(office: &mut Office, guest: &mut Business, of: NodeId, body: frontdesk_wire::ContactRequest) -> Fate {
    guest.device.send(&mut office.world, of, &Body::ContactRequest(body)).unwrap()
}

#[test]
fn a_contact_meant_for_another_business_is_refused() {
    let (mut office, mut guest) = reception();
    let elsewhere = guest.principal();
    let request = guest.request(&office.world, elsewhere).unwrap();
    assert_eq!(asks(&mut office, &mut guest, NodeId(0), request), Fate::Refused(Reason::WrongEntity));
    office.contact("others are served").unwrap();
}

#[test]
fn an_agent_takes_no_new_contacts() {
    let mut office = Office::open(5, Weather::FAIR, 1, SETTINGS).unwrap();
    let ana = *office.agents.first().unwrap();
    let link = office.link_to(ana).unwrap();
    let thread = contact(&mut office.world, office.customer, link);
    office.world.pass(5000).unwrap();
    let found = status(&office.world, office.customer, thread);
    assert_eq!(found, (ThreadStatus::Failed, Some(Reason::NotReception)));
    office.contact("others are served").unwrap();
}

#[test]
fn a_guest_whose_own_grant_does_not_hold_is_refused() {
    let (mut office, mut guest) = reception();
    let (acme, host, wall) = (office.acme, office.entity().unwrap(), office.world.now().wall);
    let terms = Business::terms(guest.device.keys.id(), guest.since);
    let audience = DeviceKeys::generate(&mut guest.device.rng).id();
    let brief = Terms { not_before: guest.since, expires: guest.since.plus(1), ..terms };
    let less = [Ability::Read, Ability::Admit].into_iter().collect();
    let less = guest.grant(Terms { abilities: less, ..terms }).unwrap();
    let wider = Terms { depth: 0, ..terms };
    let widened = Forge::link(&less, guest.device.keys.signing(), wider, &mut guest.device.rng).unwrap();
    let cases = [
        (widened, Reason::GrantWidened),
        (Forge::spoil(guest.chain.bytes()), Reason::GrantForged),
        (guest.grant(Terms { audience, ..terms }).unwrap().into_bytes(), Reason::GrantWrongAudience),
        (guest.grant_without(Ability::Write).unwrap().into_bytes(), Reason::GrantLacksAbility),
        (
            guest.grant(Terms { not_before: wall.plus(600), ..terms }).unwrap().into_bytes(),
            Reason::GrantNotYetValid,
        ),
        (guest.grant(brief).unwrap().into_bytes(), Reason::GrantExpired),
        (ChainBytes::new(vec![0x80]), Reason::GrantMalformed),
    ];
    office.world.pass(75_000).unwrap();
    for (chain, reason) in cases {
        let mut request = guest.request(&office.world, host).unwrap();
        request.chain = chain;
        assert_eq!(asks(&mut office, &mut guest, acme, request), Fate::Refused(reason));
    }
    let mut request = guest.request(&office.world, host).unwrap();
    request.record = office_record(&office);
    assert_eq!(asks(&mut office, &mut guest, acme, request), Fate::Refused(Reason::GrantWrongAudience));
    let request = guest.request(&office.world, host).unwrap();
    assert_eq!(asks(&mut office, &mut guest, acme, request), Fate::Delivered);
    assert!(matches!(guest.device.heard(acme).as_slice(), [Body::ContactOffer(_)]));
}

/// A device record that is true, and of another node.
fn office_record(office: &Office) -> frontdesk_identity::SignedDeviceRecord {
    let mut world = office.world.fork(1).unwrap();
    Business::found(&mut world).unwrap().device.record.signed().clone()
}

#[test]
fn without_a_common_suite_there_is_no_thread() {
    let (mut office, mut guest) = reception();
    let (acme, host) = (office.acme, office.entity().unwrap());
    let mut request = guest.request(&office.world, host).unwrap();
    request.suites = vec![1, 2, 0xffff];
    assert_eq!(asks(&mut office, &mut guest, acme, request.clone()), Fate::Refused(Reason::NoCommonSuite));
    request.suites.push(Suite::Classic.code());
    assert_eq!(asks(&mut office, &mut guest, acme, request), Fate::Delivered);
}

#[test]
fn both_suites_carry_a_conversation() {
    for suite in Suite::ALL {
        let settings = Settings { suite, ..SETTINGS };
        let mut office = Office::open(5, Weather::FAIR, 1, settings).unwrap();
        let ana = *office.agents.first().unwrap();
        let thread = office.contact("hello").unwrap();
        let Answer::Thread(Some(view)) = office.world.query(office.acme, &Query::Thread(thread)).unwrap()
        else {
            panic!("no thread");
        };
        assert_eq!(view.suite, Some(suite.to_string()));
        office.forward(thread, ana, frontdesk_engine::HistoryChoice::All, false).unwrap();
        office.say(ana, thread, "here is Ana").unwrap();
        let carla = office.customer;
        office.world.until("Ana's text", PATIENCE, |world| texts(world, carla, thread).len() == 2).unwrap();
    }
}

#[test]
fn one_peer_can_not_take_all_places_at_the_reception() {
    let (mut office, mut guest) = reception();
    let (acme, host) = (office.acme, office.entity().unwrap());
    for number in 0..2 * MAX_RECEPTIONS_PER_PEER {
        let request = guest.request(&office.world, host).unwrap();
        let fate = asks(&mut office, &mut guest, acme, request);
        let room = number < MAX_RECEPTIONS_PER_PEER;
        assert_eq!(fate, if room { Fate::Delivered } else { Fate::Refused(Reason::Busy) });
    }
    office.contact("others are served").unwrap();
    // An offer that is not taken up lapses.
    office.world.pass((OFFER_LASTS + 1) * 1000).unwrap();
    guest.device.meet(&mut office.world, acme).unwrap();
    let request = guest.request(&office.world, host).unwrap();
    assert_eq!(asks(&mut office, &mut guest, acme, request), Fate::Delivered);
}

/// Offers that are open, as the disk has them.
fn offers(office: &Office) -> usize {
    office.world.count(office.acme, b"q/").unwrap()
}

#[test]
fn a_flood_of_contacts_from_many_peers_is_bounded_and_the_honest_are_served() {
    let mut office = Office::open(5, Weather::FAIR, 0, SETTINGS).unwrap();
    let (acme, carla, host) = (office.acme, office.customer, office.entity().unwrap());
    let thread = office.contact("I was here before").unwrap();
    let mut turn_away = 0;
    for _ in 0..MAX_RECEPTIONS / MAX_RECEPTIONS_PER_PEER + 25 {
        let mut guest = Business::found(&mut office.world).unwrap();
        guest.device.meet(&mut office.world, acme).unwrap();
        for _ in 0..MAX_RECEPTIONS_PER_PEER {
            let request = guest.request(&office.world, host).unwrap();
            assert_eq!(asks(&mut office, &mut guest, acme, request), Fate::Delivered);
            turn_away += usize::from(offers(&office) == MAX_RECEPTIONS);
        }
        // What is refused takes nobody's place.
        let mut odd = guest.request(&office.world, host).unwrap();
        odd.suites = vec![1];
        let fate = asks(&mut office, &mut guest, acme, odd);
        assert!(matches!(fate, Fate::Refused(Reason::Busy | Reason::NoCommonSuite)), "{fate:?}");
        assert!(offers(&office) <= MAX_RECEPTIONS);
        office.world.stop(guest.device.node).unwrap();
    }
    assert!(turn_away > 50, "the bound was never reached");
    let late = office.world.add(Founding::Customer, "Ben", SETTINGS).unwrap();
    let link = office.link_to(acme).unwrap();
    let theirs = contact(&mut office.world, late, link);
    office.say(carla, thread, "and I am still served").unwrap();
    let served =
        |world: &World| texts(world, acme, thread).len() == 2 && texts(world, acme, theirs).len() == 1;
    office.world.until("both texts", PATIENCE, served).unwrap();
    office.world.skip_wall(OFFER_LASTS + 1);
    let mut guest = Business::found(&mut office.world).unwrap();
    guest.device.meet(&mut office.world, acme).unwrap();
    let request = guest.request(&office.world, host).unwrap();
    assert_eq!(asks(&mut office, &mut guest, acme, request), Fate::Delivered);
    assert_eq!(offers(&office), 1);
}

#[test]
fn requests_that_are_refused_leave_no_offer_behind_and_take_none_away() {
    let (mut office, mut guest) = reception();
    let (acme, host) = (office.acme, office.entity().unwrap());
    let good = guest.request(&office.world, host).unwrap();
    assert_eq!(asks(&mut office, &mut guest, acme, good), Fate::Delivered);
    office.world.skip_wall(OFFER_LASTS + 1);
    for _ in 0..3 {
        let mut odd = guest.request(&office.world, host).unwrap();
        odd.suites = vec![1];
        assert_eq!(asks(&mut office, &mut guest, acme, odd), Fate::Refused(Reason::NoCommonSuite));
    }
    for _ in 0..MAX_RECEPTIONS_PER_PEER {
        let good = guest.request(&office.world, host).unwrap();
        assert_eq!(asks(&mut office, &mut guest, acme, good), Fate::Delivered);
    }
    assert_eq!(offers(&office), MAX_RECEPTIONS_PER_PEER, "the one that lapsed is cleared away");
}

#[test]
fn a_business_that_took_a_request_and_never_answered_is_asked_again_though_it_is_connected_all_the_while() {
    let mut stage = Stage::new();
    let (thread, request) = stage.contact();
    let asked = |stage: &mut Stage| {
        stage.acme.device.listen(&mut stage.world).unwrap();
        let heard = stage.acme.device.heard(stage.carla);
        heard.iter().filter(|body| matches!(body, Body::ContactRequest(_))).count()
    };
    assert_eq!(asked(&mut stage), 1);
    stage.world.pass((OFFER_LASTS - 10) * 1000).unwrap();
    assert_eq!(asked(&mut stage), 1);
    stage.world.pass(60_000).unwrap();
    assert_eq!(asked(&mut stage), 2);
    let offer = stage.acme.offer(&stage.world, request).unwrap();
    assert_eq!(stage.offer(offer), Fate::Delivered);
    assert_eq!(stage.status(thread).0, ThreadStatus::Open);
    stage.world.pass(3 * OFFER_LASTS * 1000).unwrap();
    assert_eq!(asked(&mut stage), 2, "it has answered");
}

/// What a stranger didn't fetch of its first offer is forgotten with it. The number that frame had must not be missing for good.
#[test]
fn a_guest_that_did_not_get_its_offer_for_an_hour_over_one_connection_gets_the_next_one() {
    let mut office = Office::open(5, Weather::FAIR, 0, SETTINGS).unwrap();
    let (acme, entity) = (office.acme, office.entity().unwrap());
    let mut guest = Business::found(&mut office.world).unwrap();
    guest.device.meet(&mut office.world, acme).unwrap();
    let ask = |guest: &mut Business, world: &mut World| {
        let from = world.tape().len();
        let request = guest.request(world, entity).unwrap();
        guest.device.push(world, acme, &Body::ContactRequest(request)).unwrap();
        world.pass(100).unwrap();
        let offered = world.tape().iter().skip(from).filter(|sent| sent.from == acme);
        let numbers = offered.filter_map(|sent| match Frame::decode(&sent.frame) {
            Ok(Frame::Data(data)) => Some(data.seq),
            _ => None,
        });
        numbers.collect::<Vec<_>>()
    };
    let world = &mut office.world;
    world.record();
    assert_eq!(ask(&mut guest, world), [LinkSeq(1)]);
    for (has, next) in [(LinkSeq(0), LinkSeq(1)), (LinkSeq(1), LinkSeq(2))] {
        world.pass((OFFER_LASTS + 60) * 1000).unwrap();
        guest.device.say_it_has(world, acme, has).unwrap();
        world.pass(100).unwrap();
        assert_eq!(ask(&mut guest, world), [next], "it has {has:?}, and never said so before");
    }
}
