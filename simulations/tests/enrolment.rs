//! Enrolment: who comes in by an invitation, and who does not.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

use frontdesk_engine::{
    Answer, Command, CommandError, DeviceView, Event, FoundError, Query, Reply, Role, Settings, Standing,
};
use frontdesk_identity::{Invitation, InvitationCode, JoinNonce};
use frontdesk_sim::{
    Adversary, Business, Fate, Founding, NodeId, SimError, Weather, World,
    office::{Office, PATIENCE, number_at, requests, told},
};
use frontdesk_wire::{Body, JoinChallenge, JoinGranted, JoinRequest, Reason};
use serde_bytes::ByteArray;

const SETTINGS: Settings =
    Settings { introduce: true, suite: frontdesk_thread::Suite::Classic, key_packages: 2, forward_new: None };

fn office() -> Office {
    Office::open(7, Weather::FAIR, 0, SETTINGS).unwrap()
}

fn invite(office: &mut Office, lasts: u64) -> Invitation {
    let invite = Command::Invite { role: Role::Agent, name: "Ana".into(), lasts };
    let reply = office.world.command(office.acme, invite).unwrap();
    let Reply::Invited { invitation } = reply else { panic!("{reply:?}") };
    *invitation
}

fn fresh(world: &mut World) -> NodeId {
    world.add(Founding::Fresh, "", SETTINGS).unwrap()
}

fn asks(office: &mut Office, node: NodeId, invitation: &Invitation) {
    office.world.command(node, Command::Join { invitation: invitation.clone() }).unwrap();
    office.world.pass(1000).unwrap();
}

fn standing(world: &World, node: NodeId) -> (Standing, Option<Reason>) {
    let answer = world.query(node, &Query::Status).unwrap();
    let Answer::Status(status) = answer else { panic!("{answer:?}") };
    (status.standing, status.join_refused)
}

fn devices(office: &Office) -> Vec<DeviceView> {
    let answer = office.world.query(office.acme, &Query::Devices).unwrap();
    let Answer::Devices(devices) = answer else { panic!("{answer:?}") };
    devices
}

fn accused(world: &World, node: NodeId, reason: Reason) -> bool {
    told(world, node, |event| matches!(event, Event::Security { reason: found, .. } if *found == reason))
}

/// The request is refused with this reason, Acme has no more devices than before, and the next honest one comes in.
fn is_refused(office: &mut Office, node: NodeId, reason: Reason, devices_before: &[DeviceView]) {
    assert_eq!(standing(&office.world, node), (Standing::Joining, Some(reason)));
    assert!(told(&office.world, node, |event| *event == Event::JoinFailed { reason }));
    assert_eq!(devices(office).len(), devices_before.len());
    office.enrol("Ben", Role::Bot).unwrap();
    assert_eq!(devices(office).len(), devices_before.len() + 1);
}

#[test]
fn both_sides_show_the_same_number_and_approval_makes_the_device_an_agent() {
    let mut office = office();
    let node = fresh(&mut office.world);
    let invitation = invite(&mut office, 3600);
    asks(&mut office, node, &invitation);
    let shown = requests(&office.world, office.acme);
    assert_eq!(shown, [number_at(&office.world, node).unwrap()]);
    assert_eq!(standing(&office.world, node), (Standing::Joining, None));
    let spaced = format!(" {} ", shown[0]);
    office.world.command(office.acme, Command::Approve { number: spaced }).unwrap();
    office.world.pass(1000).unwrap();
    assert_eq!(standing(&office.world, node).0, Standing::Agent);
    assert!(told(&office.world, node, |event| *event == Event::Joined { entity: "Acme".into() }));
    assert!(requests(&office.world, office.acme).is_empty());
    let names: Vec<_> = devices(&office).into_iter().map(|device| (device.name, device.role)).collect();
    assert!(names.contains(&("Ana".into(), Role::Agent)));
}

#[test]
fn a_used_invitation_lets_nobody_else_in() {
    let mut office = office();
    let (node, late) = (fresh(&mut office.world), fresh(&mut office.world));
    let invitation = invite(&mut office, 3600);
    asks(&mut office, node, &invitation);
    let number = requests(&office.world, office.acme).pop().unwrap();
    office.world.command(office.acme, Command::Approve { number: number.clone() }).unwrap();
    let before = devices(&office);
    asks(&mut office, late, &invitation);
    is_refused(&mut office, late, Reason::UsedInvitation, &before);
    let again = office.world.command(office.acme, Command::Approve { number });
    assert!(matches!(again, Err(SimError::Command(CommandError::UnknownRequest))), "{again:?}");
    assert_eq!(standing(&office.world, node).0, Standing::Agent);
}

#[test]
fn while_one_device_waits_for_approval_another_with_the_same_code_is_refused() {
    let mut office = office();
    let (node, thief) = (fresh(&mut office.world), fresh(&mut office.world));
    let invitation = invite(&mut office, 3600);
    asks(&mut office, node, &invitation);
    let shown = requests(&office.world, office.acme);
    let before = devices(&office);
    asks(&mut office, thief, &invitation);
    assert_eq!(requests(&office.world, office.acme), shown);
    is_refused(&mut office, thief, Reason::UsedInvitation, &before);
    assert!(accused(&office.world, office.acme, Reason::UsedInvitation));
    office.world.command(office.acme, Command::Approve { number: shown[0].clone() }).unwrap();
    office.world.pass(1000).unwrap();
    assert_eq!(standing(&office.world, node).0, Standing::Agent);
}

#[test]
fn an_expired_invitation_is_refused_on_both_sides() {
    let mut office = office();
    let (node, liar) = (fresh(&mut office.world), fresh(&mut office.world));
    let invitation = invite(&mut office, 60);
    office.world.pass(61_000).unwrap();
    let join = Command::Join { invitation: invitation.clone() };
    let refused = office.world.command(node, join);
    assert!(matches!(refused, Err(SimError::Command(CommandError::InvitationExpired))), "{refused:?}");
    assert_eq!(standing(&office.world, node).0, Standing::Fresh);
    // A joiner that writes another date on it gets no further.
    let before = devices(&office);
    let redated = Invitation { expires: invitation.expires.plus(3600), ..invitation };
    asks(&mut office, liar, &redated);
    is_refused(&mut office, liar, Reason::ExpiredInvitation, &before);
}

#[test]
fn a_request_that_waited_past_the_invitations_end_can_not_be_approved() {
    let mut office = office();
    let node = fresh(&mut office.world);
    let invitation = invite(&mut office, 60);
    asks(&mut office, node, &invitation);
    let number = requests(&office.world, office.acme).pop().unwrap();
    office.world.pass(61_000).unwrap();
    let late = office.world.command(office.acme, Command::Approve { number });
    assert!(matches!(late, Err(SimError::Command(CommandError::InvitationExpired))), "{late:?}");
    assert_eq!(standing(&office.world, node).0, Standing::Joining);
    assert_eq!(devices(&office).len(), 1);
}

#[test]
fn an_invitation_that_acme_never_made_is_unknown() {
    let mut office = office();
    let node = fresh(&mut office.world);
    let invitation = invite(&mut office, 3600);
    let before = devices(&office);
    let guessed = Invitation { code: InvitationCode::from_bytes([9; 16]), ..invitation };
    asks(&mut office, node, &guessed);
    is_refused(&mut office, node, Reason::UnknownInvitation, &before);
}

/// A request under this name, which shows that this code is known to this side.
fn join_request(
    world: &World,
    joiner: &Adversary,
    invitation: &Invitation,
    (name, code, side): (&str, &InvitationCode, &[u8]),
) -> Body {
    let mut request = JoinRequest {
        invitation: invitation.code.public_id(),
        record: joiner.record.signed().clone(),
        commitment: ByteArray::new(JoinNonce::from_bytes([1; 16]).commit()),
        name: name.into(),
        address: joiner.address(world.now().wall).unwrap(),
        proof: ByteArray::new([0; 32]),
    };
    let transcript = [side, &request.transcript().unwrap()].concat();
    request.proof = ByteArray::new(code.prove(&transcript));
    Body::JoinRequest(request)
}

#[test]
fn a_device_that_asks_under_a_name_that_deceives_is_refused_and_may_ask_under_another() {
    let mut office = office();
    let ana = office.enrol("Ana", Role::Agent).unwrap();
    let shown = office.world.node(ana).unwrap().device().to_string()[..8].to_owned();
    let invitation = invite(&mut office, 3600);
    let entity = office.entity().unwrap();
    let mut joiner = Adversary::stranger(&mut office.world, entity).unwrap();
    joiner.meet(&mut office.world, office.acme).unwrap();
    let asks = |office: &mut Office, joiner: &mut Adversary, name: &str| {
        let wish = (name, &invitation.code, b"joiner\0".as_slice());
        let request = join_request(&office.world, joiner, &invitation, wish);
        joiner.send(&mut office.world, office.acme, &request).unwrap()
    };
    for name in [shown.as_str(), "BBBB2222", "\u{200b}", "A\nB", "\u{202e}anA"] {
        let fate = asks(&mut office, &mut joiner, name);
        assert_eq!(fate, Fate::Refused(Reason::Malformed), "{name:?}");
    }
    assert!(accused(&office.world, office.acme, Reason::Malformed));
    assert_eq!(asks(&mut office, &mut joiner, "Ben"), Fate::Delivered);
    assert!(matches!(joiner.heard(office.acme).as_slice(), [Body::JoinChallenge(_)]));
}

#[test]
fn whoever_knows_the_invitations_name_and_not_its_code_is_refused() {
    let mut office = office();
    let invitation = invite(&mut office, 3600);
    let entity = office.entity().unwrap();
    let mut thief = Adversary::stranger(&mut office.world, entity).unwrap();
    thief.meet(&mut office.world, office.acme).unwrap();
    let request = |code: &InvitationCode, side: &[u8]| {
        join_request(&office.world, &thief, &invitation, ("Mallory", code, side))
    };
    let guess = request(&InvitationCode::from_bytes([9; 16]), b"joiner\0");
    // The code proves one side, and not the other: an administrator's proof can't be shown back to it.
    let mirrored = request(&invitation.code, b"administrator\0");
    let honest = request(&invitation.code, b"joiner\0");
    for wrong in [guess, mirrored] {
        assert_eq!(
            thief.send(&mut office.world, office.acme, &wrong).unwrap(),
            Fate::Refused(Reason::WrongCode)
        );
        assert!(requests(&office.world, office.acme).is_empty());
    }
    assert!(accused(&office.world, office.acme, Reason::WrongCode));
    assert_eq!(thief.send(&mut office.world, office.acme, &honest).unwrap(), Fate::Delivered);
    assert!(matches!(thief.heard(office.acme).as_slice(), [Body::JoinChallenge(_)]));
}

#[test]
fn a_declined_device_stays_out_and_its_invitation_is_spent() {
    let mut office = office();
    let (node, other) = (fresh(&mut office.world), fresh(&mut office.world));
    let invitation = invite(&mut office, 3600);
    asks(&mut office, node, &invitation);
    let number = requests(&office.world, office.acme).pop().unwrap();
    let before = devices(&office);
    office.world.command(office.acme, Command::Decline { number }).unwrap();
    office.world.pass(1000).unwrap();
    asks(&mut office, other, &invitation);
    assert_eq!(standing(&office.world, other), (Standing::Joining, Some(Reason::Declined)));
    is_refused(&mut office, node, Reason::Declined, &before);
}

/// A device that asks a false administrator, which holds the transport key that the invitation names.
fn lured(knows_code: bool) -> (World, NodeId, Business, Invitation) {
    let mut world = World::new(3, Weather::FAIR);
    let honest = world.add(Founding::Entity, "Acme", SETTINGS).unwrap();
    let Answer::Status(status) = world.query(honest, &Query::Status).unwrap() else { panic!() };
    let node = fresh(&mut world);
    let mut rogue = Business::found(&mut world).unwrap();
    let invitation = Invitation {
        entity: status.principal.unwrap(),
        administrator: rogue.device.keys.id(),
        transport: rogue.device.transport(),
        role: Role::Agent,
        code: InvitationCode::from_bytes([5; 16]),
        expires: world.now().wall.plus(3600),
        addresses: vec!["/memory/2".parse().unwrap()],
    };
    world.command(node, Command::Join { invitation: invitation.clone() }).unwrap();
    world.pass(100).unwrap();
    rogue.device.meet(&mut world, node).unwrap();
    rogue.device.listen(&mut world).unwrap();
    let heard = rogue.device.heard(node);
    let [Body::JoinRequest(request)] = heard.as_slice() else { panic!("{heard:?}") };
    let nonce = ByteArray::new([2; 16]);
    let code = if knows_code { invitation.code.clone() } else { InvitationCode::from_bytes([6; 16]) };
    let full = [b"administrator\0".as_slice(), &request.challenge_transcript(&nonce).unwrap()].concat();
    let proof = ByteArray::new(code.prove(&full));
    let challenge = JoinChallenge { invitation: request.invitation, nonce, proof };
    let fate = rogue.device.send(&mut world, node, &Body::JoinChallenge(challenge)).unwrap();
    assert_eq!(fate, if knows_code { Fate::Delivered } else { Fate::Refused(Reason::WrongCode) });
    (world, node, rogue, invitation)
}

fn granted(world: &World, rogue: &mut Business, node: NodeId, invitation: &Invitation) -> JoinGranted {
    let terms = Business::terms(world.node(node).unwrap().device(), rogue.since);
    let own = rogue.chain.bytes().clone();
    JoinGranted {
        invitation: invitation.code.public_id(),
        chain: rogue.grant(terms).unwrap().into_bytes(),
        role: Role::Agent.into(),
        name: "Ana".into(),
        administrator: rogue.device.record.signed().clone(),
        administrator_chain: own.clone(),
        address: rogue.device.address(world.now().wall).unwrap(),
        profile: rogue.profile(1, own).unwrap(),
    }
}

#[test]
fn an_administrator_that_does_not_know_the_code_is_refused_by_the_joiner() {
    let (mut world, node, mut rogue, invitation) = lured(false);
    assert_eq!(number_at(&world, node), None);
    assert!(accused(&world, node, Reason::WrongCode));
    // Nor can it skip the question.
    let body = Body::JoinGranted(granted(&world, &mut rogue, node, &invitation));
    let fate = rogue.device.send(&mut world, node, &body).unwrap();
    assert_eq!(fate, Fate::Refused(Reason::WrongCode));
    assert_eq!(standing(&world, node), (Standing::Joining, None));
}

#[test]
fn a_grant_from_another_entity_than_the_invitations_is_refused() {
    let (mut world, node, mut rogue, invitation) = lured(true);
    assert!(number_at(&world, node).is_some());
    let body = Body::JoinGranted(granted(&world, &mut rogue, node, &invitation));
    let fate = rogue.device.send(&mut world, node, &body).unwrap();
    assert_eq!(fate, Fate::Refused(Reason::GrantWrongScope));
    assert_eq!(standing(&world, node), (Standing::Joining, None));
    assert!(accused(&world, node, Reason::GrantWrongScope));
    assert!(!told(&world, node, |event| matches!(event, Event::Joined { .. })));
}

#[test]
fn a_refusal_by_somebody_else_than_the_one_asked_changes_nothing() {
    let mut office = office();
    let node = fresh(&mut office.world);
    let invitation = invite(&mut office, 3600);
    asks(&mut office, node, &invitation);
    let entity = office.entity().unwrap();
    let mut stranger = Adversary::stranger(&mut office.world, entity).unwrap();
    stranger.meet(&mut office.world, node).unwrap();
    let invitation = invitation.code.public_id();
    let refused = Body::JoinRefused(frontdesk_wire::JoinRefused { invitation, reason: Reason::Declined });
    let fate = stranger.send(&mut office.world, node, &refused).unwrap();
    assert_eq!(fate, Fate::Refused(Reason::UnknownInvitation));
    assert_eq!(standing(&office.world, node), (Standing::Joining, None));
    let number = requests(&office.world, office.acme).pop().unwrap();
    office.world.command(office.acme, Command::Approve { number }).unwrap();
    office.world.until("enrolment", PATIENCE, |world| standing(world, node).0 == Standing::Agent).unwrap();
}

#[test]
fn an_invitation_lasts_no_longer_than_a_month_nor_than_its_administrator() {
    let mut office = office();
    let month = frontdesk_engine::limits::INVITATION_LASTS;
    let ask = |office: &mut Office, lasts| {
        let invite = Command::Invite { role: Role::Agent, name: "Ana".into(), lasts };
        office.world.command(office.acme, invite)
    };
    for lasts in [0, month + 1, u64::MAX] {
        let refusal = ask(&mut office, lasts).unwrap_err();
        assert!(
            matches!(refusal, SimError::Command(CommandError::Lasts(found)) if found == lasts),
            "{refusal}"
        );
    }
    ask(&mut office, month).unwrap();
    // The right of the first device has ten days left.
    let left = 10 * 24 * 3600;
    office.world.skip_wall(frontdesk_engine::limits::ROOT_GRANT_LASTS - left);
    let refusal = ask(&mut office, month).unwrap_err();
    assert!(matches!(refusal, SimError::Command(CommandError::Lasts(_))), "{refusal}");
    ask(&mut office, left / 2).unwrap();
}

#[test]
fn a_device_is_not_invited_under_a_name_that_deceives() {
    let mut office = office();
    for name in ["\u{200b}", "A\nB", "\u{202e}anA"] {
        let invite = Command::Invite { role: Role::Agent, name: name.into(), lasts: 60 };
        let refusal = office.world.command(office.acme, invite).unwrap_err();
        assert!(matches!(refusal, SimError::Command(CommandError::NameUnfit)), "{name:?}: {refusal}");
    }
    let invite = Command::Invite { role: Role::Agent, name: "bbbb2222".into(), lasts: 60 };
    let refusal = office.world.command(office.acme, invite).unwrap_err();
    assert!(matches!(refusal, SimError::Command(CommandError::NameLikeId)), "{refusal}");
    let joiner = office.world.add(Founding::Fresh, "bbbb2222", SETTINGS).unwrap_err();
    assert!(matches!(joiner, SimError::Found(FoundError::NameLikeId)), "{joiner}");
    // A customer is in no table of devices, and may be known by a number.
    office.world.add(Founding::Customer, "01234567", SETTINGS).unwrap();
}
