//! The six digits of an enrolment: nobody in between can choose anything once it could tell what they will be.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use frontdesk_engine::{Answer, Command, CommandError, Event, Query, Reply, Role, Settings, Standing};
use frontdesk_identity::{DeviceRecord, Invitation, InvitationCode, JoinNonce, ShortNumber};
use frontdesk_sim::{
    Adversary, Business, Fate, Founding, NodeId, SimError, Weather, World,
    office::{Office, PATIENCE, number_at, requests, told},
};
use frontdesk_wire::{Body, JoinChallenge, JoinRequest, JoinReveal, Reason};
use serde_bytes::ByteArray;

const SETTINGS: Settings =
    Settings { introduce: true, suite: frontdesk_thread::Suite::Classic, key_packages: 2, forward_new: None };

fn office() -> (Office, Invitation) {
    let mut office = Office::open(7, Weather::FAIR, 0, SETTINGS).unwrap();
    let invite = Command::Invite { role: Role::Agent, name: "Ana".into(), lasts: 3600 };
    let reply = office.world.command(office.acme, invite).unwrap();
    let Reply::Invited { invitation } = reply else { panic!("{reply:?}") };
    (office, *invitation)
}

fn stranger(office: &mut Office) -> Adversary {
    let entity = office.entity().unwrap();
    let mut stranger = Adversary::stranger(&mut office.world, entity).unwrap();
    stranger.meet(&mut office.world, office.acme).unwrap();
    stranger
}

/// A request that shows the code, by a device that does what it likes.
fn request(world: &World, by: &Adversary, invitation: &Invitation, name: &str, nonce: u8) -> JoinRequest {
    let mut request = JoinRequest {
        invitation: invitation.code.public_id(),
        record: by.record.signed().clone(),
        commitment: ByteArray::new(JoinNonce::from_bytes([nonce; 16]).commit()),
        name: name.into(),
        address: by.address(world.now().wall).unwrap(),
        proof: ByteArray::new([0; 32]),
    };
    let transcript = [b"joiner\0".as_slice(), &request.transcript().unwrap()].concat();
    request.proof = ByteArray::new(invitation.code.prove(&transcript));
    request
}

fn reveal(invitation: &Invitation, nonce: u8) -> Body {
    Body::JoinReveal(JoinReveal {
        invitation: invitation.code.public_id(),
        nonce: ByteArray::new([nonce; 16]),
    })
}

fn challenges(by: &Adversary, from: NodeId) -> Vec<JoinChallenge> {
    let heard = by.heard(from).into_iter();
    heard
        .filter_map(|body| if let Body::JoinChallenge(challenge) = body { Some(challenge) } else { None })
        .collect()
}

#[test]
fn a_request_counts_once_its_nonce_is_revealed_and_not_before() {
    let (mut office, invitation) = office();
    let mut device = stranger(&mut office);
    let acme = office.acme;
    let asked = request(&office.world, &device, &invitation, "Ana", 1);
    let early = device.send(&mut office.world, acme, &reveal(&invitation, 1)).unwrap();
    assert_eq!(early, Fate::Refused(Reason::UnknownInvitation));
    let fate = device.send(&mut office.world, acme, &Body::JoinRequest(asked.clone())).unwrap();
    assert_eq!(fate, Fate::Delivered);
    let [challenge] = challenges(&device, acme).try_into().unwrap();
    let full = asked.full_transcript(&challenge.nonce, &ByteArray::new([1; 16])).unwrap();
    let number = ShortNumber::derive(&full).to_string();
    let approve = Command::Approve { number: number.clone() };
    let is_asked = |event: &Event| matches!(event, Event::JoinRequested { .. });

    let wrong = device.send(&mut office.world, acme, &reveal(&invitation, 2)).unwrap();
    assert_eq!(wrong, Fate::Refused(Reason::WrongCode));
    assert!(requests(&office.world, acme).is_empty() && !told(&office.world, acme, is_asked));
    let refused = office.world.command(acme, approve.clone());
    assert!(matches!(refused, Err(SimError::Command(CommandError::UnknownRequest))), "{refused:?}");

    for _ in 0..2 {
        let fate = device.send(&mut office.world, acme, &reveal(&invitation, 1)).unwrap();
        assert_eq!(fate, Fate::Delivered);
        assert_eq!(requests(&office.world, acme), [number.as_str()]);
    }
    assert!(told(&office.world, acme, is_asked));
    office.world.command(acme, approve).unwrap();
}

#[test]
fn an_invitation_gets_one_answer_and_no_other_name_or_commitment_is_taken_for_it() {
    let (mut office, invitation) = office();
    let mut device = stranger(&mut office);
    let acme = office.acme;
    let first = request(&office.world, &device, &invitation, "Ana", 1);
    for _ in 0..2 {
        let fate = device.send(&mut office.world, acme, &Body::JoinRequest(first.clone())).unwrap();
        assert_eq!(fate, Fate::Delivered);
    }
    let [one, again] = challenges(&device, acme).try_into().unwrap();
    assert_eq!(one, again);
    let named = request(&office.world, &device, &invitation, "Ben", 1);
    let committed = request(&office.world, &device, &invitation, "Ana", 2);
    let record = DeviceRecord::sign(&device.keys, office.entity().unwrap(), office.world.now().wall.plus(9));
    device.record = record.verify().unwrap();
    let recorded = request(&office.world, &device, &invitation, "Ana", 1);
    for other in [named, committed, recorded] {
        let fate = device.send(&mut office.world, acme, &Body::JoinRequest(other)).unwrap();
        assert_eq!(fate, Fate::Refused(Reason::UsedInvitation));
    }
    assert_eq!(challenges(&device, acme).len(), 2);
}

#[test]
fn a_nonce_is_taken_from_the_device_that_committed_to_it_alone() {
    let (mut office, invitation) = office();
    let (mut device, mut other) = (stranger(&mut office), stranger(&mut office));
    let acme = office.acme;
    let asked = request(&office.world, &device, &invitation, "Ana", 1);
    device.send(&mut office.world, acme, &Body::JoinRequest(asked)).unwrap();
    let fate = other.send(&mut office.world, acme, &reveal(&invitation, 1)).unwrap();
    assert_eq!(fate, Fate::Refused(Reason::UnknownInvitation));
    assert!(requests(&office.world, acme).is_empty());
}

/// A business of its own, and an invitation that names it as if it were Acme's.
struct Lure {
    rogue: Business,
    invitation: Invitation,
}

impl Lure {
    fn set(world: &mut World, honest: NodeId) -> Self {
        let Answer::Status(status) = world.query(honest, &Query::Status).unwrap() else { panic!() };
        let rogue = Business::found(world).unwrap();
        let invitation = Invitation {
            entity: status.principal.unwrap(),
            administrator: rogue.device.keys.id(),
            transport: rogue.device.transport(),
            role: Role::Agent,
            code: InvitationCode::from_bytes([5; 16]),
            expires: world.now().wall.plus(3600),
            addresses: vec!["/memory/2".parse().unwrap()],
        };
        Self { rogue, invitation }
    }

    fn asked(&mut self, world: &mut World, node: NodeId, invitation: &Invitation) -> JoinRequest {
        world.command(node, Command::Join { invitation: invitation.clone() }).unwrap();
        world.pass(100).unwrap();
        if self.rogue.device.heard(node).is_empty() {
            self.rogue.device.meet(world, node).unwrap();
        }
        self.rogue.device.listen(world).unwrap();
        match self.rogue.device.heard(node).pop() {
            Some(Body::JoinRequest(request)) => request,
            other => panic!("{other:?}"),
        }
    }

    fn answer(&mut self, world: &mut World, to: NodeId, request: &JoinRequest, nonce: ByteArray<16>) -> Fate {
        let transcript =
            [b"administrator\0".as_slice(), &request.challenge_transcript(&nonce).unwrap()].concat();
        let proof = ByteArray::new(self.invitation.code.prove(&transcript));
        let challenge = JoinChallenge { invitation: request.invitation, nonce, proof };
        self.rogue.device.send(world, to, &Body::JoinChallenge(challenge)).unwrap()
    }

    fn revealed(&self, by: NodeId) -> Option<ByteArray<16>> {
        self.rogue.device.heard(by).into_iter().find_map(|body| {
            let Body::JoinReveal(reveal) = body else { return None };
            Some(reveal.nonce)
        })
    }
}

#[test]
fn a_joiner_reveals_its_nonce_to_one_answer_and_takes_no_other() {
    let (mut office, _) = office();
    let node = office.world.add(Founding::Fresh, "", SETTINGS).unwrap();
    let mut lure = Lure::set(&mut office.world, office.acme);
    let world = &mut office.world;
    let invitation = lure.invitation.clone();
    let request = lure.asked(world, node, &invitation);
    assert_eq!((number_at(world, node), lure.revealed(node)), (None, None));
    assert_eq!(lure.answer(world, node, &request, ByteArray::new([1; 16])), Fate::Delivered);
    let nonce = lure.revealed(node).unwrap();
    assert_eq!(JoinNonce::from_bytes(*nonce).commit(), *request.commitment);
    let number = number_at(world, node).unwrap();
    // Now that the nonce is known, an answer could be searched for that gives any number.
    let refused = Fate::Refused(Reason::UsedInvitation);
    assert_eq!(lure.answer(world, node, &request, ByteArray::new([2; 16])), refused);
    assert_eq!(lure.asked(world, node, &invitation).commitment, request.commitment);
    assert_eq!(lure.answer(world, node, &request, ByteArray::new([2; 16])), refused);
    assert_eq!(number_at(world, node).unwrap(), number);
    assert_eq!(lure.answer(world, node, &request, ByteArray::new([1; 16])), Fate::Delivered);
}

#[test]
fn a_device_takes_a_new_nonce_with_each_invitation() {
    let (mut office, _) = office();
    let node = office.world.add(Founding::Fresh, "", SETTINGS).unwrap();
    let mut lure = Lure::set(&mut office.world, office.acme);
    let world = &mut office.world;
    let first = lure.invitation.clone();
    let second = Invitation { code: InvitationCode::from_bytes([6; 16]), ..first.clone() };
    let one = lure.asked(world, node, &first);
    let two = lure.asked(world, node, &second);
    assert_eq!(one.record, two.record);
    assert_ne!(one.commitment, two.commitment);
}

#[test]
fn who_stands_between_with_an_invitation_of_its_own_does_not_get_one_number_on_both_sides() {
    let (mut office, invitation) = office();
    let (acme, node) = (office.acme, office.world.add(Founding::Fresh, "", SETTINGS).unwrap());
    let mut lure = Lure::set(&mut office.world, acme);
    let own = lure.invitation.clone();
    let theirs = lure.asked(&mut office.world, node, &own);
    // It passes on all that it can: the commitment to Acme, and Acme's nonce to the joiner.
    let mut between = stranger(&mut office);
    let mut asked = request(&office.world, &between, &invitation, &theirs.name, 0);
    asked.commitment = theirs.commitment;
    let transcript = [b"joiner\0".as_slice(), &asked.transcript().unwrap()].concat();
    asked.proof = ByteArray::new(invitation.code.prove(&transcript));
    between.send(&mut office.world, acme, &Body::JoinRequest(asked)).unwrap();
    let [challenge] = challenges(&between, acme).try_into().unwrap();
    assert_eq!(lure.answer(&mut office.world, node, &theirs, challenge.nonce), Fate::Delivered);
    let nonce = lure.revealed(node).unwrap();
    let body = Body::JoinReveal(JoinReveal { invitation: invitation.code.public_id(), nonce });
    assert_eq!(between.send(&mut office.world, acme, &body).unwrap(), Fate::Delivered);
    let [at_acme] = requests(&office.world, acme).try_into().unwrap();
    assert_ne!(number_at(&office.world, node).unwrap(), at_acme);
}

#[test]
fn to_ask_twice_with_one_invitation_is_to_ask_once() {
    let (mut office, invitation) = office();
    let (acme, node) = (office.acme, office.world.add(Founding::Fresh, "", SETTINGS).unwrap());
    let join = Command::Join { invitation: Invitation { addresses: vec![], ..invitation.clone() } };
    office.world.command(node, Command::Join { invitation }).unwrap();
    office.world.command(node, join.clone()).unwrap();
    office.world.pass(1000).unwrap();
    let number = number_at(&office.world, node).unwrap();
    assert_eq!(requests(&office.world, acme), [number.as_str()]);
    office.world.pass(5000).unwrap();
    office.world.command(node, join.clone()).unwrap();
    office.world.pass(1000).unwrap();
    assert_eq!(number_at(&office.world, node).unwrap(), number);
    // Also when the third try crosses the approval on its way.
    office.world.command(node, join).unwrap();
    office.world.command(acme, Command::Approve { number }).unwrap();
    let standing = |world: &World| {
        let Answer::Status(status) = world.query(node, &Query::Status).unwrap() else { panic!() };
        status.standing
    };
    office.world.until("the enrolment", PATIENCE, |world| standing(world) == Standing::Agent).unwrap();
    office.world.pass(1000).unwrap();
    let failed = |event: &Event| matches!(event, Event::JoinFailed { .. } | Event::Security { .. });
    assert!(!told(&office.world, node, failed) && !told(&office.world, acme, failed));
}
