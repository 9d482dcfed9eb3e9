//! Arbitrary lawful values of every type that travels.

use crate::people::{Who, admin_chain};
use frontdesk_capability::{ChainBytes, History, MAX_CHAIN_BYTES, MAX_REVOCATION_BYTES, RevocationBytes};
use frontdesk_identity::{
    DeviceId, InvitationId, MAX_ADDRESS_RECORD, MAX_DEVICE_RECORD, PrincipalId, SignedAddressRecord,
    SignedDeviceRecord, ThreadId, UnixTime,
};
use frontdesk_wire::{
    Ack, AddressUpdate, Body, CommitNotice, ContactOffer, ContactOpen, ContactRequest, Content, ContentKind,
    Data, EraMember, EraMembers, EraNotice, EraOffer, EraOpen, ForwardAnswer, ForwardPayload, ForwardRequest,
    Frame, Hello, HistoryPiece, Incarnation, JoinChallenge, JoinGranted, JoinRefused, JoinRequest,
    JoinReveal, KeyPackages, LinkSeq, MemberAddress, Position, Profile, Reason, Refill, RefillRequest,
    Refused, Rejoin, RequestId, Revoked, Roster, RosterEntry, Seq, SignedProfile, ThreadMessage, Unusable,
    limits,
};
use proptest::{
    collection::{btree_map, btree_set, vec},
    option,
    prelude::*,
    sample::select,
};
use serde_bytes::{ByteArray, ByteBuf};

/// Any bytes: mostly few, at times as many as there may be.
fn bytes(max: usize) -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        9 => vec(any::<u8>(), 0..=max.min(80)),
        1 => any::<u8>().prop_map(move |byte| vec![byte; max]),
    ]
}

fn blob(max: usize) -> impl Strategy<Value = ByteBuf> {
    bytes(max).prop_map(ByteBuf::from)
}

/// Any text of at most `max` bytes.
fn text(max: usize) -> impl Strategy<Value = String> {
    prop_oneof![
        9 => any::<String>().prop_map(move |text| fitting(&text, max)),
        1 => Just("x".repeat(max)),
    ]
}

fn fitting(text: &str, max: usize) -> String {
    let ends = text.char_indices().map(|(at, char)| at + char.len_utf8());
    text[..ends.take_while(|end| *end <= max).last().unwrap_or(0)].to_owned()
}

fn named(max: usize) -> impl Strategy<Value = String> {
    text(max).prop_map(|text| if text.is_empty() { "Acme".to_owned() } else { text })
}

fn device() -> impl Strategy<Value = DeviceId> {
    any::<[u8; 32]>().prop_map(DeviceId::from_bytes)
}

fn thread() -> impl Strategy<Value = ThreadId> {
    any::<[u8; 32]>().prop_map(ThreadId::from_bytes)
}

fn principal() -> impl Strategy<Value = PrincipalId> {
    any::<[u8; 32]>().prop_map(PrincipalId::from_bytes)
}

fn request() -> impl Strategy<Value = RequestId> {
    any::<[u8; 16]>().prop_map(RequestId::from_bytes)
}

fn invitation() -> impl Strategy<Value = InvitationId> {
    any::<[u8; 8]>().prop_map(InvitationId::from_bytes)
}

fn nonce() -> impl Strategy<Value = ByteArray<16>> {
    any::<[u8; 16]>().prop_map(ByteArray::new)
}

fn proof() -> impl Strategy<Value = ByteArray<32>> {
    any::<[u8; 32]>().prop_map(ByteArray::new)
}

/// Nothing of a record is looked at before it is verified, so any bytes will do.
fn record() -> impl Strategy<Value = SignedDeviceRecord> {
    bytes(MAX_DEVICE_RECORD).prop_map(|bytes| SignedDeviceRecord::from_bytes(bytes).unwrap())
}

fn address() -> impl Strategy<Value = SignedAddressRecord> {
    bytes(MAX_ADDRESS_RECORD).prop_map(|bytes| SignedAddressRecord::from_bytes(bytes).unwrap())
}

fn chain() -> impl Strategy<Value = ChainBytes> {
    bytes(MAX_CHAIN_BYTES).prop_map(ChainBytes::new)
}

fn addresses() -> impl Strategy<Value = Vec<SignedAddressRecord>> {
    vec(address(), 0..=limits::MAX_ADDRESS_RECORDS)
}

fn revocations() -> impl Strategy<Value = Vec<RevocationBytes>> {
    vec(bytes(MAX_REVOCATION_BYTES).prop_map(RevocationBytes::new), 0..=limits::MAX_REVOCATIONS)
}

fn heads(max: usize) -> impl Strategy<Value = Vec<(DeviceId, Seq)>> {
    btree_map(device(), (1..=Seq::MAX.0).prop_map(Seq), 0..=max).prop_map(|heads| heads.into_iter().collect())
}

fn position(first: u64) -> impl Strategy<Value = Position> {
    (first..=Position::MAX.0).prop_map(Position)
}

fn history() -> impl Strategy<Value = History> {
    prop_oneof![
        Just(History::None),
        Just(History::All),
        (any::<u32>(), any::<u64>()).prop_map(|(era, position)| History::From { era, position }),
    ]
}

pub(crate) fn reason() -> impl Strategy<Value = Reason> {
    prop_oneof![select(Reason::ALL), any::<u16>().prop_map(Reason::from_code)]
}

fn ack() -> impl Strategy<Value = Ack> {
    let stored = prop_oneof![0..40_u64, any::<u64>()];
    let refused = (btree_set(any::<u64>(), 0..=limits::MAX_REFUSED), vec(reason(), limits::MAX_REFUSED));
    (stored, any::<u64>(), refused).prop_map(|(stored, delivered, (seqs, reasons))| {
        let delivered = delivered.min(stored);
        let seqs = seqs.into_iter().filter(|seq| (1..=stored).contains(seq));
        let refused = seqs.zip(reasons).map(|(seq, reason)| Refused { seq: LinkSeq(seq), reason });
        Ack { stored: LinkSeq(stored), delivered: LinkSeq(delivered), refused: refused.collect() }
    })
}

pub(crate) fn frame() -> impl Strategy<Value = Frame> {
    let incarnation = || any::<[u8; 8]>().prop_map(Incarnation::from_bytes);
    let hello =
        (incarnation(), option::of(incarnation()), any::<bool>(), ack(), any::<u64>().prop_map(LinkSeq));
    let hello = hello.prop_map(|(incarnation, about, heard, ack, acknowledged)| Hello {
        incarnation,
        about,
        heard,
        ack,
        acknowledged,
    });
    let data = ((1..=u64::MAX).prop_map(LinkSeq), blob(limits::MAX_BODY));
    let causes = select(vec![Reason::Malformed, Reason::UnknownVersion, Reason::TooLong]);
    let unusable = (causes, option::of(any::<u64>()), any::<u64>());
    let unusable = unusable.prop_map(|(reason, found, speaks)| Unusable { reason, found, speaks });
    prop_oneof![
        hello.prop_map(Frame::Hello),
        data.prop_map(|(seq, body)| Frame::Data(Data { seq, body })),
        ack().prop_map(Frame::Ack),
        unusable.prop_map(Frame::Unusable),
    ]
}

pub(crate) fn body() -> impl Strategy<Value = Body> {
    prop_oneof![contact(), traffic(), forwarding(), eras(), entity(), enrolment()]
}

fn contact() -> impl Strategy<Value = Body> {
    let suites = vec(any::<u16>(), 0..=limits::MAX_SUITES);
    let asked = (request(), principal(), record(), chain(), suites, address());
    let offered = (request(), any_profile(), record(), chain(), blob(limits::MAX_KEY_PACKAGE), address());
    let opened = (request(), thread(), blob(limits::MAX_WELCOME), blob(limits::MAX_SEALED));
    prop_oneof![
        asked.prop_map(|(request, host, record, chain, suites, address)| Body::ContactRequest(
            ContactRequest { request, host, record, chain, suites, address }
        )),
        offered.prop_map(|(request, profile, record, chain, key_package, address)| Body::ContactOffer(
            ContactOffer { request, profile, record, chain, key_package, address }
        )),
        opened.prop_map(|(request, thread, welcome, message)| Body::ContactOpen(ContactOpen {
            request,
            thread,
            welcome,
            message
        })),
    ]
}

fn traffic() -> impl Strategy<Value = Body> {
    let era = any::<u32>;
    let message = (thread(), era(), blob(limits::MAX_SEALED));
    let commit =
        (thread(), era(), blob(limits::MAX_COMMIT), revocations(), addresses(), heads(limits::MAX_SEEN));
    let refill = (thread(), era(), device(), 1..=Seq::MAX.0, 0..limits::MAX_REFILL);
    let missed = (thread(), era(), any::<u64>(), blob(limits::MAX_SEALED_REFILL));
    let rejoin = (thread(), blob(limits::MAX_KEY_PACKAGE));
    prop_oneof![
        message.prop_map(|(thread, era, sealed)| Body::ThreadMessage(ThreadMessage { thread, era, sealed })),
        commit.prop_map(|(thread, era, commit, revocations, addresses, departed)| {
            Body::CommitNotice(CommitNotice { thread, era, commit, revocations, addresses, departed })
        }),
        refill.prop_map(|(thread, era, author, from, more)| Body::RefillRequest(RefillRequest {
            thread,
            era,
            author,
            from: Seq(from),
            to: Seq((from + more).min(Seq::MAX.0))
        })),
        missed.prop_map(|(thread, era, epoch, sealed)| Body::Refill(Refill { thread, era, epoch, sealed })),
        rejoin.prop_map(|(thread, key_package)| Body::Rejoin(Rejoin { thread, key_package })),
        (thread(), era(), address()).prop_map(|(thread, era, address)| {
            Body::MemberAddress(MemberAddress { thread, era, address })
        }),
    ]
}

fn forwarding() -> impl Strategy<Value = Body> {
    let note = || text(limits::MAX_NOTE);
    let asked = (request(), thread(), option::of(device()), history(), any::<u64>(), any::<bool>(), note());
    let ends = (heads(limits::MAX_SEEN), position(0), 0..=limits::MAX_HISTORY_PIECES);
    let payload = (thread(), any::<u32>(), chain(), blob(limits::MAX_WELCOME), addresses(), ends, note());
    let index = 0..limits::MAX_HISTORY_PIECES;
    let piece = (thread(), any::<u32>(), index, blob(limits::MAX_HISTORY_PIECE));
    prop_oneof![
        asked.prop_map(|(request, thread, to, history, lasts, hand_over, note)| Body::ForwardRequest(
            ForwardRequest { request, thread, to, history, lasts, hand_over, note }
        )),
        (request(), thread())
            .prop_map(|(request, thread)| Body::ForwardAnswer(ForwardAnswer { request, thread })),
        payload.prop_map(|(thread, era, chain, welcome, addresses, (heads, position, pieces), note)| {
            let newest = heads.iter().map(|(_, seq): &(DeviceId, Seq)| seq.0).max().unwrap_or(0);
            let position = position.max(Position(newest));
            Body::ForwardPayload(ForwardPayload {
                thread,
                era,
                chain,
                welcome,
                addresses,
                heads,
                position,
                pieces,
                note,
            })
        }),
        piece.prop_map(|(thread, era, index, sealed)| Body::HistoryPiece(HistoryPiece {
            thread,
            era,
            index,
            sealed
        })),
    ]
}

fn eras() -> impl Strategy<Value = Body> {
    let offer = (thread(), any::<u32>(), record(), chain(), blob(limits::MAX_KEY_PACKAGE), address());
    let ends = (addresses(), heads(limits::MAX_SEEN), position(0));
    let member = || (record(), chain()).prop_map(|(record, chain)| EraMember { record, chain });
    let members = || vec(member(), 0..=limits::MAX_MEMBERS);
    let known = (thread(), any::<u32>(), chain(), members(), vec(address(), 0..=limits::MAX_ADDRESS_RECORDS));
    let open = (thread(), any::<u32>(), blob(limits::MAX_ERA_WELCOME), members(), ends);
    let notice = (thread(), any::<u32>(), record(), chain(), address());
    prop_oneof![
        offer.prop_map(|(thread, era, record, chain, key_package, address)| Body::EraOffer(EraOffer {
            thread,
            era,
            record,
            chain,
            key_package,
            address
        })),
        open.prop_map(|(thread, era, welcome, members, (addresses, heads, position))| {
            let newest = heads.iter().map(|(_, seq): &(DeviceId, Seq)| seq.0).max().unwrap_or(0);
            let position = position.max(Position(newest));
            Body::EraOpen(EraOpen { thread, era, welcome, members, addresses, heads, position })
        }),
        known.prop_map(|(thread, era, chain, members, addresses)| Body::EraMembers(EraMembers {
            thread,
            era,
            chain,
            members,
            addresses
        })),
        notice.prop_map(|(thread, era, record, chain, address)| Body::EraNotice(EraNotice {
            thread,
            era,
            record,
            chain,
            address
        })),
    ]
}

fn entity() -> impl Strategy<Value = Body> {
    let package = || blob(limits::MAX_KEY_PACKAGE);
    let packages = (vec(package(), 0..=limits::MAX_KEY_PACKAGES), package(), any::<bool>());
    let entry = (record(), chain(), 1..=3_u8, text(limits::MAX_NAME))
        .prop_map(|(record, chain, role, name)| RosterEntry { record, chain, role, name });
    let roster = (any::<u64>(), any_profile(), vec(entry, 0..12), revocations());
    prop_oneof![
        packages.prop_map(|(packages, last_resort, reset)| Body::KeyPackages(KeyPackages {
            packages,
            last_resort,
            reset
        })),
        revocations().prop_map(|revocations| Body::Revoked(Revoked { revocations })),
        address().prop_map(|address| Body::AddressUpdate(AddressUpdate { address })),
        roster.prop_map(|(number, profile, devices, revocations)| Body::Roster(Roster {
            number,
            profile,
            devices,
            revocations
        })),
    ]
}

fn enrolment() -> impl Strategy<Value = Body> {
    let name = || text(limits::MAX_NAME);
    let asked = (invitation(), record(), proof(), name(), address(), proof());
    let challenged = (invitation(), nonce(), proof());
    let granted = (invitation(), (chain(), 1..=3_u8, name()), (record(), chain(), address()), any_profile());
    prop_oneof![
        asked.prop_map(|(invitation, record, commitment, name, address, proof)| Body::JoinRequest(
            JoinRequest { invitation, record, commitment, name, address, proof }
        )),
        challenged.prop_map(|(invitation, nonce, proof)| Body::JoinChallenge(JoinChallenge {
            invitation,
            nonce,
            proof
        })),
        (invitation(), nonce())
            .prop_map(|(invitation, nonce)| Body::JoinReveal(JoinReveal { invitation, nonce })),
        granted.prop_map(|(invitation, (chain, role, name), (administrator, of, address), profile)| {
            Body::JoinGranted(JoinGranted {
                invitation,
                chain,
                role,
                name,
                administrator,
                administrator_chain: of,
                address,
                profile,
            })
        }),
        (invitation(), reason())
            .prop_map(|(invitation, reason)| Body::JoinRefused(JoinRefused { invitation, reason })),
    ]
}

/// Any content by Carla's phone.
pub(crate) fn content() -> impl Strategy<Value = Content> {
    let kind = prop_oneof![
        named(limits::MAX_TEXT).prop_map(ContentKind::Text),
        position(0).prop_map(ContentKind::Read),
        Just(ContentKind::Close),
        named(limits::MAX_NAME).prop_map(ContentKind::Name),
    ];
    let place = (any::<u32>(), 1..=Seq::MAX.0, position(1));
    (thread(), place, heads(limits::MAX_SEEN), any::<u64>(), kind).prop_map(
        |(thread, (era, seq, position), seen, sent_at, kind)| Content {
            thread,
            era,
            author: Who::CarlasPhone.device(),
            seq: Seq(seq),
            position,
            seen,
            sent_at: UnixTime(sent_at),
            kind,
        },
    )
}

/// Any profile of Acme.
pub(crate) fn profile() -> impl Strategy<Value = Profile> {
    let reception = vec(device(), 0..=limits::MAX_RECEPTION);
    let languages = vec(named(limits::MAX_LANGUAGE), 0..=limits::MAX_LANGUAGES);
    (0..=limits::MAX_PROFILE_NUMBER, named(limits::MAX_NAME), reception, text(limits::MAX_NOTE), languages)
        .prop_map(|(number, name, reception, hours, languages)| Profile {
            entity: Who::Acme.principal(),
            number,
            name,
            reception,
            hours,
            languages,
        })
}

fn any_profile() -> impl Strategy<Value = SignedProfile> {
    profile().prop_map(|profile| profile.sign(&Who::Admin.key(), admin_chain().into_bytes()).unwrap())
}
