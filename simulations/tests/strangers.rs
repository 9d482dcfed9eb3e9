//! What strangers can make a node keep: next to nothing, and not for long.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use frontdesk_engine::{
    Command, HistoryChoice, Reply, Settings,
    limits::{MAX_BREACHES, MAX_WAITING, MAX_WAITING_IN_THREAD, OFFER_LASTS},
};
use frontdesk_identity::{AddressRecord, ContactLink, ThreadId};
use frontdesk_sim::{
    Adversary, Business, Fate, NodeId, Siege, Weather, World,
    office::{Office, PATIENCE, is_in},
};
use frontdesk_thread::Suite;
use frontdesk_wire::{Body, ContactRequest, Reason, Revoked, ThreadMessage};
use serde_bytes::ByteBuf;

const DAY: u64 = 24 * 3600;

const SETTINGS: Settings =
    Settings { introduce: true, suite: Suite::Classic, key_packages: 2, forward_new: None };

/// The real Acme, and a stranger that asks it for an offer and says where it could be dialled.
fn reception() -> (Office, Business, ContactRequest) {
    let mut office = Office::open(5, Weather::FAIR, 0, SETTINGS).unwrap();
    let mut guest = Business::found(&mut office.world).unwrap();
    guest.device.meet(&mut office.world, office.acme).unwrap();
    let host = office.entity().unwrap();
    let mut request = guest.request(&office.world, host).unwrap();
    let place = [format!("/memory/{}", guest.device.node.0).parse().unwrap()];
    let until = office.world.now().wall.plus(DAY);
    request.address = AddressRecord::sign(&guest.device.keys, 1, &place, until).unwrap();
    (office, guest, request)
}

fn records(world: &World, node: NodeId) -> usize {
    world.count(node, b"").unwrap()
}

fn offered(guest: &Business, by: NodeId) -> Vec<ByteBuf> {
    let heard = guest.device.heard(by).into_iter();
    heard
        .filter_map(|body| {
            let Body::ContactOffer(offer) = body else { return None };
            Some(offer.key_package)
        })
        .collect()
}

fn contact(world: &mut World, node: NodeId, link: ContactLink) -> ThreadId {
    let reply = world.command(node, Command::Contact { link, text: "hello".into() }).unwrap();
    let Reply::Opened { thread } = reply else { panic!("{reply:?}") };
    thread
}

#[test]
fn a_request_that_is_repeated_gets_the_same_offer_and_leaves_no_key_package_behind() {
    let (mut office, mut guest, request) = reception();
    let acme = office.acme;
    let ask = Body::ContactRequest(request.clone());
    assert_eq!(guest.device.send(&mut office.world, acme, &ask).unwrap(), Fate::Delivered);
    guest.device.listen(&mut office.world).unwrap();
    let before = records(&office.world, acme);
    for _ in 0..50 {
        assert_eq!(guest.device.send(&mut office.world, acme, &ask).unwrap(), Fate::Delivered);
        guest.device.listen(&mut office.world).unwrap();
    }
    assert_eq!(records(&office.world, acme), before);
    let offers = offered(&guest, acme);
    assert!(offers.len() > 40, "only {} offers", offers.len());
    assert!(offers.iter().all(|package| Some(package) == offers.first()), "one key package for one request");
    // One that takes nothing of what it is sent gets nothing more either.
    for _ in 0..50 {
        guest.device.push(&mut office.world, acme, &ask).unwrap();
    }
    assert!(records(&office.world, acme) <= before + 1);
}

#[test]
fn a_request_under_the_id_of_another_peers_is_refused() {
    let (mut office, mut guest, request) = reception();
    let (acme, host) = (office.acme, office.entity().unwrap());
    let ask = Body::ContactRequest(request.clone());
    assert_eq!(guest.device.send(&mut office.world, acme, &ask).unwrap(), Fate::Delivered);
    let mut other = Business::found(&mut office.world).unwrap();
    other.device.meet(&mut office.world, acme).unwrap();
    let before = records(&office.world, acme);
    let theirs = ContactRequest { request: request.request, ..other.request(&office.world, host).unwrap() };
    let fate = other.device.send(&mut office.world, acme, &Body::ContactRequest(theirs)).unwrap();
    assert_eq!(fate, Fate::Refused(Reason::BadContent));
    assert_eq!(records(&office.world, acme), before);
}

#[test]
fn a_stranger_that_never_takes_its_offer_is_forgotten_with_it_and_never_dialled() {
    let (mut office, mut guest, request) = reception();
    let (acme, node) = (office.acme, guest.device.node);
    let before = records(&office.world, acme);
    guest.device.push(&mut office.world, acme, &Body::ContactRequest(request)).unwrap();
    assert!(records(&office.world, acme) > before, "the offer waits for it");
    office.world.part(acme, node).unwrap();
    office.world.mend(acme, node);
    for _ in 0..60 {
        office.world.pass(OFFER_LASTS / 60 * 1000).unwrap();
        assert!(!office.world.are_connected(acme, node), "the business dials nobody for an offer");
    }
    office.world.pass(5000).unwrap();
    assert_eq!(records(&office.world, acme), before, "nothing is left of it");
    office.contact("others are served").unwrap();
}

#[test]
fn a_stranger_that_stays_connected_is_forgotten_too_and_may_ask_again() {
    let (mut office, mut guest, request) = reception();
    let (acme, host) = (office.acme, office.entity().unwrap());
    let before = records(&office.world, acme);
    let ask = Body::ContactRequest(request);
    assert_eq!(guest.device.send(&mut office.world, acme, &ask).unwrap(), Fate::Delivered);
    office.world.pass((OFFER_LASTS + 5) * 1000).unwrap();
    assert_eq!(records(&office.world, acme), before);
    let again = Body::ContactRequest(guest.request(&office.world, host).unwrap());
    assert_eq!(guest.device.send(&mut office.world, acme, &again).unwrap(), Fate::Delivered);
    guest.device.listen(&mut office.world).unwrap();
    assert_eq!(offered(&guest, acme).len(), 2);
}

#[test]
fn a_guest_that_was_forgotten_on_its_way_in_can_write_again() {
    let mut office = Office::open(5, Weather::FAIR, 0, SETTINGS).unwrap();
    let (acme, carla) = (office.acme, office.customer);
    let before = records(&office.world, acme);
    let link = office.link_to(acme).unwrap();
    let first = contact(&mut office.world, carla, link);
    // She has the offer, and the connection breaks before the business has her answer.
    office.world.until("the offer", PATIENCE, |world| is_in(world, carla, first)).unwrap();
    office.world.part(acme, carla).unwrap();
    office.world.pass((OFFER_LASTS + 5) * 1000).unwrap();
    assert_eq!(records(&office.world, acme), before);
    office.world.mend(acme, carla);
    office.world.pass(5000).unwrap();
    office.contact("once more").unwrap();
}

#[test]
fn a_stranger_that_goes_on_breaking_rules_is_put_out_for_a_while() {
    let mut siege = Siege::lay(HistoryChoice::All, DAY).unwrap();
    let acme = siege.acme;
    let mut stranger = siege.stranger(&[acme]).unwrap();
    let revoked = Body::Revoked(Revoked { revocations: Vec::new() });
    for count in 1..MAX_BREACHES {
        let fate = stranger.send(&mut siege.office.world, acme, &revoked).unwrap();
        assert_eq!(fate, Fate::Refused(Reason::GrantMissing), "the {count}th");
    }
    assert!(siege.office.world.are_connected(stranger.node, acme));
    stranger.send(&mut siege.office.world, acme, &revoked).unwrap();
    assert!(!siege.office.world.are_connected(stranger.node, acme));
    // A member that lost its way is not cut off.
    let mut ana = siege.take_over(siege.ana, &[acme]).unwrap();
    for _ in 0..2 * MAX_BREACHES {
        let fate = ana.send_bytes(&mut siege.office.world, acme, vec![0xff; 40]).unwrap();
        assert_eq!(fate, Fate::Refused(Reason::Malformed));
    }
    assert!(siege.office.world.are_connected(ana.node, acme));
    siege.goes_on().unwrap();
}

/// A message of a thread that nobody has.
fn of_no_thread(byte: u8) -> Body {
    let thread = ThreadId::from_bytes([byte; 32]);
    Body::ThreadMessage(ThreadMessage { thread, era: 0, sealed: ByteBuf::from(vec![1]) })
}

#[test]
fn of_strangers_whose_messages_waited_in_vain_nothing_is_left() {
    let (mut office, _, request) = reception();
    let acme = office.acme;
    let before = records(&office.world, acme);
    for byte in 0..20 {
        let mut stranger = Adversary::stranger(&mut office.world, request.host).unwrap();
        stranger.meet(&mut office.world, acme).unwrap();
        let fate = stranger.send(&mut office.world, acme, &of_no_thread(byte)).unwrap();
        assert_eq!(fate, Fate::Stored);
        office.world.part(acme, stranger.node).unwrap();
    }
    assert_eq!(records(&office.world, acme), before + 40, "each message, and the count of each link");
    office.world.pass((DAY + 60) * 1000).unwrap();
    office.world.crash(acme, 100).unwrap();
    office.world.pass(5000).unwrap();
    assert_eq!(records(&office.world, acme), before);
    office.contact("others are served").unwrap();
}

#[test]
fn of_a_stranger_whose_message_finds_no_room_nothing_is_kept_at_all() {
    let (mut office, _, request) = reception();
    let acme = office.acme;
    let stranger = |office: &mut Office| {
        let mut stranger = Adversary::stranger(&mut office.world, request.host).unwrap();
        stranger.meet(&mut office.world, acme).unwrap();
        stranger
    };
    for _ in 0..MAX_WAITING_IN_THREAD / MAX_WAITING {
        let mut by = stranger(&mut office);
        for _ in 0..MAX_WAITING {
            by.push(&mut office.world, acme, &of_no_thread(9)).unwrap();
        }
        by.listen(&mut office.world).unwrap();
    }
    let full = records(&office.world, acme);
    for _ in 0..5 {
        let mut by = stranger(&mut office);
        let fate = by.send(&mut office.world, acme, &of_no_thread(9)).unwrap();
        assert_eq!(fate, Fate::Refused(Reason::Busy));
    }
    assert_eq!(records(&office.world, acme), full);
}

#[test]
fn a_stranger_has_no_more_room_for_coming_in_ever_new_lives() {
    let (mut office, mut guest, _) = reception();
    let acme = office.acme;
    let before = records(&office.world, acme);
    for _ in 0..20 {
        guest.device.begin_anew(&mut office.world, acme).unwrap();
        for byte in 0..u8::try_from(MAX_WAITING).unwrap_or(u8::MAX) {
            guest.device.push(&mut office.world, acme, &of_no_thread(byte)).unwrap();
        }
        guest.device.listen(&mut office.world).unwrap();
        assert_eq!(office.world.count(acme, b"w/").unwrap(), usize::from(u8::MAX));
    }
    guest.device.begin_anew(&mut office.world, acme).unwrap();
    assert_eq!(records(&office.world, acme), before, "what it brought in former lives is gone");
    assert_eq!(guest.device.send(&mut office.world, acme, &of_no_thread(1)).unwrap(), Fate::Stored);
}

#[test]
fn a_stranger_is_no_less_one_for_a_message_that_waits() {
    let (mut office, mut guest, request) = reception();
    let (acme, node) = (office.acme, guest.device.node);
    let unknown = ThreadId::from_bytes([9; 32]);
    let body = Body::ThreadMessage(ThreadMessage { thread: unknown, era: 0, sealed: ByteBuf::from(vec![1]) });
    assert_eq!(guest.device.send(&mut office.world, acme, &body).unwrap(), Fate::Stored);
    guest.device.push(&mut office.world, acme, &Body::ContactRequest(request)).unwrap();
    office.world.part(acme, node).unwrap();
    office.world.mend(acme, node);
    office.world.pass((OFFER_LASTS + 5) * 1000).unwrap();
    assert!(!office.world.are_connected(acme, node), "the business dials nobody for an offer");
    assert_eq!(office.world.count(acme, b"o/").unwrap(), 0, "nothing waits for it");
    guest.device.meet(&mut office.world, acme).unwrap();
    let rubbish = vec![0xff; 40];
    for _ in 0..MAX_BREACHES {
        guest.device.send_bytes(&mut office.world, acme, rubbish.clone()).unwrap();
    }
    assert!(!office.world.are_connected(acme, node), "and it is put out like any other");
}
