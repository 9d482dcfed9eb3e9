//! Forged, widened and expired chains, in every body that carries one, under the root that the receiver knows: nothing else
//! is wrong with these bodies, and the same one with a chain that holds gets past the check.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod absent;

use frontdesk_capability::{Abilities, Ability, Chain, ChainBytes, History, Revocations, Scope, Terms};
use frontdesk_engine::{
    Answer, Command, HistoryChoice, Query, Reply, Role, Settings, Standing, ThreadStatus,
};
use frontdesk_identity::{
    DeviceId, DeviceKeys, DeviceRecord, Invitation, InvitationCode, PrincipalId, SignedDeviceRecord,
    ThreadId, UnixTime,
};
use frontdesk_sim::{Adversary, Business, Fate, Forge, Founding, NodeId, Siege, Weather, World};
use frontdesk_thread::{KeyPackageBytes, Suite, Thread};
use frontdesk_wire::{
    Body, ContactOffer, EraMember, EraNotice, EraOffer, EraOpen, ForwardPayload, JoinChallenge, JoinGranted,
    Position, Reason, Roster, RosterEntry, SignedProfile,
};
use serde_bytes::{ByteArray, ByteBuf};

const DAY: u64 = 24 * 3600;
const SETTINGS: Settings =
    Settings { introduce: true, suite: Suite::Classic, key_packages: 2, forward_new: None };

/// Bad chains, each with the reason that it is refused for, and a good one.
struct Chains {
    bad: [(ChainBytes, Reason); 3],
    good: ChainBytes,
}

/// Chains for `audience` under `above`, whose holder is `by`. `above` is some minutes old.
fn chains(by: &mut Adversary, above: &Chain, now: UnixTime, (audience, scope): (DeviceId, Scope)) -> Chains {
    let (since, abilities) = (above.not_before(), above.abilities());
    let terms = Terms {
        audience,
        scope,
        abilities,
        history: History::All,
        not_before: since,
        expires: now.plus(DAY),
        depth: 0,
    };
    let signing = by.keys.signing();
    let good = above.delegate(signing, terms, now, &mut by.rng).unwrap().into_bytes();
    let less: Abilities = [Ability::Admit, Ability::Forward].into_iter().collect();
    let own = Terms { audience: by.keys.id(), scope: Scope::Principal, abilities: less, depth: 1, ..terms };
    let narrow = above.delegate(signing, own, now, &mut by.rng).unwrap();
    let widened = Forge::link(&narrow, signing, terms, &mut by.rng).unwrap();
    let over = Terms { expires: since.plus(10), ..terms };
    let over = above.delegate(signing, over, now, &mut by.rng).unwrap().into_bytes();
    let bad = [
        (Forge::spoil(&good), Reason::GrantForged),
        (widened, Reason::GrantWidened),
        (over, Reason::GrantExpired),
    ];
    Chains { bad, good }
}

/// Acme's administrator is played by hand from now on; all that it was given is some minutes old.
struct Stage {
    siege: Siege,
    acme: Adversary,
    above: Chain,
}

impl Stage {
    fn lay() -> Self {
        let mut siege = Siege::lay(HistoryChoice::All, DAY).unwrap();
        siege.office.world.pass(200_000).unwrap();
        Self::over(siege)
    }

    fn over(mut siege: Siege) -> Self {
        let meets = [siege.carla, siege.ana, siege.ben];
        let acme = siege.take_over(siege.acme, &meets).unwrap();
        let own = acme.chain.clone().unwrap();
        let above = own.verify(&acme.record.principal(), siege.now(), &Revocations::new()).unwrap();
        Self { siege, acme, above }
    }

    fn chains(&mut self, audience: DeviceId, scope: impl Into<Scope>) -> Chains {
        chains(&mut self.acme, &self.above, self.siege.now(), (audience, scope.into()))
    }

    /// Each bad chain is refused for its reason, in this body.
    fn refuses(&mut self, victim: NodeId, chains: &Chains, body: impl Fn(ChainBytes) -> Body) {
        for (chain, reason) in chains.bad.clone() {
            self.siege.refuses(&mut self.acme, victim, &body(chain), reason).unwrap();
        }
    }

    fn takes(&mut self, victim: NodeId, body: &Body) -> Fate {
        self.acme.send(&mut self.siege.office.world, victim, body).unwrap()
    }

    fn package(&mut self) -> ByteBuf {
        let package = self.acme.key_package(self.siege.now(), Suite::Classic).unwrap();
        ByteBuf::from(package.as_slice().to_vec())
    }
}

#[test]
fn an_offer_of_an_era() {
    let mut stage = Stage::lay();
    let (carla, thread, now) = (stage.siege.carla, stage.siege.thread, stage.siege.now());
    let chains = stage.chains(stage.acme.keys.id(), Scope::Principal);
    let (key_package, address) = (stage.package(), stage.acme.address(now).unwrap());
    let record = stage.acme.record.signed().clone();
    let offer = |chain| {
        let (record, key_package, address) = (record.clone(), key_package.clone(), address.clone());
        Body::EraOffer(EraOffer { thread, era: 0, record, chain, key_package, address })
    };
    stage.refuses(carla, &chains, offer);
    assert_eq!(stage.takes(carla, &offer(chains.good)), Fate::Delivered);
}

#[test]
fn a_notice_of_an_era() {
    let mut stage = Stage::lay();
    let (ana, thread, now) = (stage.siege.ana, stage.siege.thread, stage.siege.now());
    let chains = stage.chains(stage.acme.keys.id(), Scope::Principal);
    let (record, address) = (stage.acme.record.signed().clone(), stage.acme.address(now).unwrap());
    let notice = |chain| {
        let (record, address) = (record.clone(), address.clone());
        Body::EraNotice(EraNotice { thread, era: 1, record, chain, address })
    };
    stage.refuses(ana, &chains, notice);
    assert_eq!(stage.takes(ana, &notice(chains.good)), Fate::Delivered);
}

fn forward(thread: ThreadId, chain: ChainBytes) -> Body {
    Body::ForwardPayload(ForwardPayload {
        thread,
        era: 0,
        chain,
        welcome: ByteBuf::from(vec![7; 200]),
        addresses: Vec::new(),
        heads: Vec::new(),
        position: Position(1),
        pieces: 0,
        note: String::new(),
    })
}

#[test]
fn a_forward() {
    let mut stage = Stage::lay();
    let (ben, thread) = (stage.siege.ben, stage.siege.thread);
    let chains = stage.chains(stage.siege.device(ben).unwrap(), thread);
    stage.refuses(ben, &chains, |chain| forward(thread, chain));
    // What comes next is the Welcome, which is none.
    let fate = stage.takes(ben, &forward(thread, chains.good));
    assert!(matches!(fate, Fate::Refused(Reason::Admission | Reason::Undecryptable)), "{fate:?}");
}

#[test]
fn what_an_agent_makes_of_its_own_grants() {
    let mut siege = Siege::lay(HistoryChoice::All, DAY).unwrap();
    let (carla, ben, acme, thread, now) = (siege.carla, siege.ben, siege.acme, siege.thread, siege.now());
    let mut ana = siege.take_over(siege.ana, &[carla, ben, acme]).unwrap();
    let (device, to) = (ana.keys.id(), siege.device(ben).unwrap());
    let enrolment = ana.chain.clone().unwrap();
    let enrolment = enrolment.verify(&ana.record.principal(), now, &Revocations::new()).unwrap();
    let given = ana.in_thread(now, thread, |_, keys| keys.member(&device).unwrap().chain.clone()).unwrap();
    let terms = |audience, scope| Terms {
        audience,
        scope,
        abilities: Abilities::ALL,
        history: History::All,
        not_before: now,
        expires: now.plus(3600),
        depth: 0,
    };
    let leads = Forge::link(&enrolment, ana.keys.signing(), terms(device, Scope::Principal), &mut ana.rng);
    let leads = leads.unwrap();
    let record = ana.record.signed().clone();
    let offer = EraOffer {
        thread,
        era: 0,
        record: record.clone(),
        chain: leads.clone(),
        key_package: ByteBuf::from(ana.key_package(now, Suite::Classic).unwrap().as_slice().to_vec()),
        address: ana.address(now).unwrap(),
    };
    let notice = EraNotice { thread, era: 1, record, chain: leads, address: ana.address(now).unwrap() };
    siege.refuses(&mut ana, carla, &Body::EraOffer(offer), Reason::GrantWidened).unwrap();
    siege.refuses(&mut ana, acme, &Body::EraNotice(notice), Reason::GrantWidened).unwrap();
    let hands_on = Forge::link(&given, ana.keys.signing(), terms(to, thread.into()), &mut ana.rng).unwrap();
    siege.refuses(&mut ana, ben, &forward(thread, hands_on), Reason::GrantWidened).unwrap();
    siege.goes_on().unwrap();
}

/// A device of Acme's of which nobody has heard.
fn newcomer(stage: &mut Stage) -> (DeviceId, SignedDeviceRecord) {
    let keys = DeviceKeys::generate(&mut stage.acme.rng);
    (keys.id(), DeviceRecord::sign(&keys, stage.acme.record.principal(), stage.siege.now()))
}

fn roster(record: SignedDeviceRecord, chain: ChainBytes, role: Role, profile: SignedProfile) -> Body {
    let entry = RosterEntry { record, chain, role: role.into(), name: "Dora".into() };
    Body::Roster(Roster { number: 9, profile, devices: vec![entry], revocations: Vec::new() })
}

fn profile(by: &Adversary, entity: PrincipalId, number: u64, chain: ChainBytes) -> SignedProfile {
    let profile = frontdesk_wire::Profile {
        entity,
        number,
        name: format!("Acme the {number}."),
        reception: vec![by.keys.id()],
        hours: String::new(),
        languages: Vec::new(),
    };
    profile.sign(by.keys.signing(), chain).unwrap()
}

fn knows(world: &World, node: NodeId, device: DeviceId) -> bool {
    let Answer::Devices(devices) = world.query(node, &Query::Devices).unwrap() else { panic!("no devices") };
    devices.iter().any(|view| view.device == device)
}

fn entity_name(world: &World, node: NodeId) -> Option<String> {
    let Answer::Status(status) = world.query(node, &Query::Status).unwrap() else { panic!("no status") };
    status.entity
}

#[test]
fn an_entry_of_a_roster_is_left_out_and_one_that_holds_is_taken() {
    let mut stage = Stage::lay();
    let (ben, now) = (stage.siege.ben, stage.siege.now());
    let entity = stage.acme.record.principal();
    let (device, record) = newcomer(&mut stage);
    let chains = stage.chains(device, Scope::Principal);
    let true_one = profile(&stage.acme, entity, now.0 + 1, stage.above.bytes().clone());
    for (chain, reason) in chains.bad {
        let body = roster(record.clone(), chain, Role::Agent, true_one.clone());
        assert_eq!(stage.takes(ben, &body), Fate::Delivered, "the rest counts");
        assert!(!knows(&stage.siege.office.world, ben, device), "{reason}");
    }
    let (other, _) = newcomer(&mut stage);
    let others = stage.chains(other, Scope::Principal).good;
    let body = roster(record.clone(), others, Role::Agent, true_one.clone());
    assert_eq!(stage.takes(ben, &body), Fate::Refused(Reason::GrantWrongAudience));
    let body = roster(record, chains.good, Role::Agent, true_one);
    assert_eq!(stage.takes(ben, &body), Fate::Delivered);
    assert!(knows(&stage.siege.office.world, ben, device));
}

#[test]
fn the_profile_of_a_roster() {
    let mut stage = Stage::lay();
    let (ben, now) = (stage.siege.ben, stage.siege.now());
    let entity = stage.acme.record.principal();
    let (device, record) = newcomer(&mut stage);
    let entry = stage.chains(device, Scope::Principal).good;
    let chains = stage.chains(stage.acme.keys.id(), Scope::Principal);
    let name = entity_name(&stage.siege.office.world, ben);
    for (chain, reason) in chains.bad {
        let signed = profile(&stage.acme, entity, now.0 + 1, chain);
        let body = roster(record.clone(), entry.clone(), Role::Agent, signed);
        // One whose signer's right has ended is no reason to refuse the rest.
        let passed_over = reason == Reason::GrantExpired;
        let fate = if passed_over { Fate::Delivered } else { Fate::Refused(Reason::GrantForged) };
        assert_eq!(stage.takes(ben, &body), fate, "{reason}");
        assert_eq!(knows(&stage.siege.office.world, ben, device), passed_over, "a roster is refused whole");
        assert_eq!(entity_name(&stage.siege.office.world, ben), name, "{reason}");
    }
    let signed = profile(&stage.acme, entity, now.0 + 1, chains.good);
    assert_eq!(stage.takes(ben, &roster(record, entry, Role::Agent, signed)), Fate::Delivered);
    assert_ne!(entity_name(&stage.siege.office.world, ben), name);
}

/// The administrator's enrolment, as the others know it, ends: it is one no more.
#[test]
fn a_roster_of_an_administrator_whose_own_right_has_ended() {
    let mut stage = Stage::lay();
    let (ben, now) = (stage.siege.ben, stage.siege.now());
    let (entity, own) = (stage.acme.record.principal(), stage.acme.keys.id());
    let terms = Terms {
        audience: own,
        scope: Scope::Principal,
        abilities: stage.above.abilities(),
        history: History::All,
        not_before: now,
        expires: now.plus(60),
        depth: 1,
    };
    let brief = stage.above.delegate(stage.acme.keys.signing(), terms, now, &mut stage.acme.rng).unwrap();
    let signed = profile(&stage.acme, entity, now.0 + 1, stage.above.bytes().clone());
    let body = roster(stage.acme.record.signed().clone(), brief.into_bytes(), Role::Admin, signed.clone());
    assert_eq!(stage.takes(ben, &body), Fate::Delivered);
    let (device, record) = newcomer(&mut stage);
    let entry = stage.chains(device, Scope::Principal).good;
    let body = roster(record, entry, Role::Agent, signed);
    stage.siege.office.world.pass(125_000).unwrap();
    assert_eq!(stage.takes(ben, &body), Fate::Refused(Reason::GrantExpired));
    assert!(!knows(&stage.siege.office.world, ben, device));
}

/// Carla opens an era for another administrator, and says that Ben was there by such a right. Whether he is told of the era.
fn is_asked_in(such: impl FnOnce(Chains) -> ChainBytes) -> bool {
    let mut siege = Siege::lay(HistoryChoice::All, DAY).unwrap();
    let second = siege.office.enrol("Second", Role::Admin).unwrap();
    siege.settle().unwrap();
    let (thread, ben) = (siege.thread, siege.ben);
    siege.office.forward_for(thread, second, HistoryChoice::All, false, DAY).unwrap();
    siege.office.world.pass(200_000).unwrap();
    let mut stage = Stage::over(siege);
    let chain = such(stage.chains(stage.siege.device(ben).unwrap(), Scope::Principal));
    let mut siege = stage.siege;
    let mut ben = siege.take_over(ben, &[second]).unwrap();
    let mut carla = siege.take_over(siege.carla, &[second]).unwrap();
    siege.office.world.command(second, Command::TakeOver { thread }).unwrap();
    carla.listen(&mut siege.office.world).unwrap();
    let welcome = opened(&mut carla, second, thread, siege.now());
    let open = EraOpen {
        thread,
        era: 1,
        welcome,
        members: vec![EraMember { record: ben.record.signed().clone(), chain }],
        addresses: Vec::new(),
        heads: Vec::new(),
        position: Position(1 << 21),
    };
    let fate = carla.send(&mut siege.office.world, second, &Body::EraOpen(open)).unwrap();
    assert_eq!(fate, Fate::Delivered);
    ben.listen(&mut siege.office.world).unwrap();
    ben.heard(second).iter().any(|body| matches!(body, Body::EraNotice(_)))
}

/// The Welcome to the era that a guest opens for who has offered it one.
fn opened(guest: &mut Adversary, steward: NodeId, thread: ThreadId, now: UnixTime) -> ByteBuf {
    let offer = guest.heard(steward).into_iter().find_map(|body| {
        let Body::EraOffer(offer) = body else { return None };
        Some(offer)
    });
    let offer = offer.unwrap();
    let state = guest.in_thread(now, thread, |_, keys| keys.state().clone()).unwrap();
    let founding = frontdesk_thread::Founding {
        host: state.host,
        guest: state.guest,
        nonce: state.nonce,
        suite: Suite::Classic,
        guest_chain: guest.chain.clone().unwrap(),
        steward: KeyPackageBytes::new(offer.key_package.to_vec()).verify(&guest.mls).unwrap(),
        steward_chain: offer.chain,
        era: 1,
        term: state.term + 1,
    };
    let made = guest.anew(now, |ctx| Thread::create(ctx, founding).map(|(_, welcome)| welcome)).unwrap();
    ByteBuf::from(made.unwrap().as_slice().to_vec())
}

#[test]
fn whom_a_guest_says_to_have_been_there_when_it_opens_an_era() {
    for place in 0..3 {
        assert!(!is_asked_in(|chains| chains.bad.into_iter().nth(place).unwrap().0), "{place}");
    }
    assert!(is_asked_in(|chains| chains.good));
}

/// A business whose root key is known here, and that its customers and joiners believe.
fn business() -> (World, Business) {
    let mut world = World::new(3, Weather::FAIR);
    let acme = Business::found(&mut world).unwrap();
    world.pass(200_000).unwrap();
    (world, acme)
}

fn chains_of(acme: &mut Business, now: UnixTime, audience: DeviceId) -> Chains {
    let above = acme.chain.clone();
    chains(&mut acme.device, &above, now, (audience, Scope::Principal))
}

#[test]
fn an_offer_to_a_new_customer_and_the_profile_in_it() {
    let (mut world, mut acme) = business();
    let now = world.now().wall;
    let own = acme.device.keys.id();
    let chains = chains_of(&mut acme, now, own);
    let mut offers = |change: &dyn Fn(ContactOffer, &Business) -> ContactOffer| {
        let carla = world.add(Founding::Customer, "Carla", SETTINGS).unwrap();
        let command = Command::Contact { link: acme.link().unwrap(), text: "hello".into() };
        let Reply::Opened { thread } = world.command(carla, command).unwrap() else { panic!("not opened") };
        acme.device.meet(&mut world, carla).unwrap();
        acme.device.listen(&mut world).unwrap();
        let request = acme.device.heard(carla).into_iter().find_map(|body| {
            let Body::ContactRequest(request) = body else { return None };
            Some(request.request)
        });
        let offer = acme.offer(&world, request.unwrap()).unwrap();
        let offer = change(offer, &acme);
        let fate = acme.device.send(&mut world, carla, &Body::ContactOffer(offer)).unwrap();
        let Answer::Thread(Some(view)) = world.query(carla, &Query::Thread(thread)).unwrap() else {
            panic!()
        };
        (fate, view.status, view.reason)
    };
    for (chain, reason) in chains.bad {
        let failed = |reason| (Fate::Refused(reason), ThreadStatus::Failed, Some(reason));
        let led = offers(&|offer, _| ContactOffer { chain: chain.clone(), ..offer });
        assert_eq!(led, failed(reason));
        let told = offers(&|offer, acme| ContactOffer {
            profile: acme.profile(now.0, chain.clone()).unwrap(),
            ..offer
        });
        assert_eq!(told, failed(Reason::GrantForged), "a profile by who may not speak: {reason}");
    }
    let good = |offer, acme: &Business| ContactOffer {
        profile: acme.profile(now.0, chains.good.clone()).unwrap(),
        ..offer
    };
    assert_eq!(offers(&good), (Fate::Delivered, ThreadStatus::Open, None));
}

/// A device that joins, and has been challenged.
fn joiner(world: &mut World, acme: &mut Business) -> (NodeId, JoinGranted) {
    let node = world.add(Founding::Fresh, "", SETTINGS).unwrap();
    let invitation = Invitation {
        entity: acme.principal(),
        administrator: acme.device.keys.id(),
        transport: acme.device.transport(),
        role: Role::Agent,
        code: InvitationCode::from_bytes([5; 16]),
        expires: world.now().wall.plus(3600),
        addresses: vec![format!("/memory/{}", acme.device.node.0).parse().unwrap()],
    };
    world.command(node, Command::Join { invitation: invitation.clone() }).unwrap();
    acme.device.meet(world, node).unwrap();
    acme.device.listen(world).unwrap();
    let heard = acme.device.heard(node);
    let [Body::JoinRequest(request)] = heard.as_slice() else { panic!("{heard:?}") };
    let nonce = ByteArray::new([2; 16]);
    let full = [b"administrator\0".as_slice(), &request.challenge_transcript(&nonce).unwrap()].concat();
    let proof = ByteArray::new(invitation.code.prove(&full));
    let challenge = JoinChallenge { invitation: request.invitation, nonce, proof };
    let fate = acme.device.send(world, node, &Body::JoinChallenge(challenge)).unwrap();
    assert_eq!(fate, Fate::Delivered);
    let now = world.now().wall;
    let own = acme.chain.bytes().clone();
    let device = world.node(node).unwrap().device();
    let granted = JoinGranted {
        invitation: invitation.code.public_id(),
        chain: chains_of(acme, now, device).good,
        role: Role::Agent.into(),
        name: "Ana".into(),
        administrator: acme.device.record.signed().clone(),
        administrator_chain: own.clone(),
        address: acme.device.address(now).unwrap(),
        profile: acme.profile(1, own).unwrap(),
    };
    (node, granted)
}

#[test]
fn a_grant_to_a_device_that_joins_its_administrators_and_the_profile() {
    let (mut world, mut acme) = business();
    let (node, granted) = joiner(&mut world, &mut acme);
    let (now, own) = (world.now().wall, acme.device.keys.id());
    let device = world.node(node).unwrap().device();
    let (joiners, theirs) = (chains_of(&mut acme, now, device), chains_of(&mut acme, now, own));
    let mut cases = Vec::new();
    for (chain, reason) in joiners.bad {
        cases.push((JoinGranted { chain, ..granted.clone() }, reason));
    }
    for (chain, reason) in theirs.bad {
        cases.push((JoinGranted { administrator_chain: chain.clone(), ..granted.clone() }, reason));
        let profile = acme.profile(1, chain).unwrap();
        cases.push((JoinGranted { profile, ..granted.clone() }, Reason::GrantForged));
    }
    let standing = |world: &World| {
        let Answer::Status(status) = world.query(node, &Query::Status).unwrap() else { panic!("no status") };
        status.standing
    };
    for (wrong, reason) in cases {
        let fate = acme.device.send(&mut world, node, &Body::JoinGranted(wrong)).unwrap();
        assert_eq!(fate, Fate::Refused(reason));
        assert_eq!(standing(&world), Standing::Joining);
    }
    let good = JoinGranted { administrator_chain: theirs.good, ..granted };
    let fate = acme.device.send(&mut world, node, &Body::JoinGranted(good)).unwrap();
    assert_eq!((fate, standing(&world)), (Fate::Delivered, Standing::Agent));
}
