//! One lawful value of every kind, twice: as the crate's type, and as CBOR written by hand.

use crate::{
    cbor::{bytes, int, list, text, value_of},
    entity_samples,
    people::{REQUEST, THREAD, Who, admin_chain, ana_chain, carla_chain, revocation, signed_profile},
};
use ciborium::Value;
use frontdesk_capability::{ChainBytes, History, RevocationBytes};
use frontdesk_identity::{DeviceId, SignedAddressRecord, SignedDeviceRecord, codec};
use frontdesk_wire::{
    Ack, Body, CommitNotice, ContactOffer, ContactOpen, ContactRequest, Data, EraMember, EraMembers,
    EraNotice, EraOffer, EraOpen, ForwardAnswer, ForwardPayload, ForwardRequest, Frame, Hello, HistoryPiece,
    Incarnation, LinkSeq, MemberAddress, Position, Reason, Refill, RefillRequest, Refused, Rejoin, Seq,
    ThreadMessage, Unusable,
};
use serde_bytes::ByteBuf;

/// A lawful value: its name in the files, its kind on the wire, itself, and its fields by hand.
#[derive(Debug, Clone)]
pub(crate) struct Sample<T> {
    pub(crate) name: &'static str,
    pub(crate) kind: u64,
    pub(crate) value: T,
    pub(crate) fields: Value,
}

pub(crate) fn frames() -> Vec<Sample<Frame>> {
    let sample = |name, kind, value, fields| Sample { name, kind, value, fields };
    let hello = |about, heard, ack, acknowledged| {
        let incarnation = Incarnation::from_bytes([0x75; 8]);
        Frame::Hello(Hello { incarnation, about, heard, ack, acknowledged: LinkSeq(acknowledged) })
    };
    let other = Some(Incarnation::from_bytes([0x76; 8]));
    let nothing = || list([int(0_u64), int(0_u64), list([])]);
    let data = |seq, body: &[u8]| Frame::Data(Data { seq: LinkSeq(seq), body: ByteBuf::from(body) });
    let refused = |seq, reason| Refused { seq: LinkSeq(seq), reason };
    let two = vec![refused(3, Reason::Replayed), refused(9, Reason::Other(65_535))];
    let refusals = || list([list([int(3_u64), int(26_u64)]), list([int(9_u64), int(65_535_u64)])]);
    let ack = Ack { stored: LinkSeq(9), delivered: LinkSeq(5), refused: two };
    let by_hand = || list([int(9_u64), int(5_u64), refusals()]);
    let me = || bytes([0x75; 8]);
    let unusable = |reason, found| Frame::Unusable(Unusable { reason, found, speaks: 1 });
    vec![
        sample(
            "hello-of-a-stranger",
            1,
            hello(None, false, Ack::default(), 0),
            list([me(), Value::Null, Value::Bool(false), nothing(), int(0_u64)]),
        ),
        sample(
            "hello-again",
            1,
            hello(other, true, ack.clone(), 70_000),
            list([me(), bytes([0x76; 8]), Value::Bool(true), by_hand(), int(70_000_u64)]),
        ),
        sample("data", 2, data(1, &[0x82, 9, 0x40]), list([int(1_u64), bytes([0x82, 9, 0x40])])),
        sample("data-of-the-last-number", 2, data(u64::MAX, &[]), list([int(u64::MAX), bytes([])])),
        sample("ack-of-nothing", 3, Frame::Ack(Ack::default()), nothing()),
        sample("ack-with-two-refusals", 3, Frame::Ack(ack), by_hand()),
        sample(
            "unusable-of-another-version",
            4,
            unusable(Reason::UnknownVersion, Some(2)),
            list([int(2_u64), int(2_u64), int(1_u64)]),
        ),
        sample(
            "unusable-and-unreadable",
            4,
            unusable(Reason::Malformed, None),
            list([int(1_u64), Value::Null, int(1_u64)]),
        ),
    ]
}

pub(crate) fn bodies() -> Vec<Sample<Body>> {
    [contact(), thread(), forward(), eras(), entity_samples::entity(), entity_samples::enrolment()]
        .into_iter()
        .flatten()
        .collect()
}

pub(crate) fn body(name: &'static str, kind: u64, value: Body, fields: Value) -> Sample<Body> {
    Sample { name, kind, value, fields }
}

fn request() -> Value {
    bytes(REQUEST.as_bytes())
}

fn thread_id() -> Value {
    bytes(THREAD.as_bytes())
}

pub(crate) fn blob(byte: u8) -> ByteBuf {
    ByteBuf::from(vec![byte; 20])
}

pub(crate) fn opaque(byte: u8) -> Value {
    bytes([byte; 20])
}

pub(crate) fn record(record: &SignedDeviceRecord) -> Value {
    bytes(record.as_bytes())
}

pub(crate) fn address(address: &SignedAddressRecord) -> Value {
    bytes(address.as_bytes())
}

pub(crate) fn chain(chain: &ChainBytes) -> Value {
    bytes(chain.as_slice())
}

pub(crate) fn revoked(revocation: &RevocationBytes) -> Value {
    bytes(revocation.as_slice())
}

pub(crate) fn profile() -> Value {
    value_of(&codec::encode(&signed_profile()).unwrap())
}

fn contact() -> Vec<Sample<Body>> {
    let (guest, host) = (Who::CarlasPhone.record(Who::Carla), Who::Admin.record(Who::Acme));
    let asked = ContactRequest {
        request: REQUEST,
        host: Who::Acme.principal(),
        record: guest.clone(),
        chain: carla_chain(),
        suites: vec![0x004d, 3],
        address: Who::CarlasPhone.address(),
    };
    let offered = ContactOffer {
        request: REQUEST,
        profile: signed_profile(),
        record: host.clone(),
        chain: admin_chain().into_bytes(),
        key_package: blob(0x80),
        address: Who::Admin.address(),
    };
    let opened = ContactOpen { request: REQUEST, thread: THREAD, welcome: blob(0x81), message: blob(0x82) };
    vec![
        body(
            "contact-request",
            1,
            Body::ContactRequest(asked),
            list([
                request(),
                bytes(Who::Acme.principal().as_bytes()),
                record(&guest),
                chain(&carla_chain()),
                list([int(0x004d_u64), int(3_u64)]),
                address(&Who::CarlasPhone.address()),
            ]),
        ),
        body(
            "contact-offer",
            2,
            Body::ContactOffer(offered),
            list([
                request(),
                profile(),
                record(&host),
                chain(admin_chain().bytes()),
                opaque(0x80),
                address(&Who::Admin.address()),
            ]),
        ),
        body(
            "contact-open",
            3,
            Body::ContactOpen(opened),
            list([request(), thread_id(), opaque(0x81), opaque(0x82)]),
        ),
    ]
}

fn thread() -> Vec<Sample<Body>> {
    let message = ThreadMessage { thread: THREAD, era: 1, sealed: blob(0x83) };
    let commit = CommitNotice {
        thread: THREAD,
        era: u32::MAX,
        commit: blob(0x84),
        revocations: vec![revocation()],
        addresses: vec![Who::Ana.address()],
        departed: heads().into(),
    };
    let author = Who::Ana.device();
    let refill = RefillRequest { thread: THREAD, era: 2, author, from: Seq(5), to: Seq(5) };
    vec![
        body(
            "thread-message",
            4,
            Body::ThreadMessage(message),
            list([thread_id(), int(1_u64), opaque(0x83)]),
        ),
        body(
            "commit-notice",
            5,
            Body::CommitNotice(commit),
            list([
                thread_id(),
                int(u32::MAX),
                opaque(0x84),
                list([revoked(&revocation())]),
                list([address(&Who::Ana.address())]),
                list(heads().map(|(device, seq)| list([bytes(device.as_bytes()), int(seq.0)]))),
            ]),
        ),
        body(
            "refill-request",
            13,
            Body::RefillRequest(refill),
            list([thread_id(), int(2_u64), bytes(author.as_bytes()), int(5_u64), int(5_u64)]),
        ),
        body(
            "refill",
            16,
            Body::Refill(Refill { thread: THREAD, era: 1, epoch: 7, sealed: blob(0x88) }),
            list([thread_id(), int(1_u64), int(7_u64), opaque(0x88)]),
        ),
        body(
            "rejoin",
            14,
            Body::Rejoin(Rejoin { thread: THREAD, key_package: blob(0x85) }),
            list([thread_id(), opaque(0x85)]),
        ),
        body(
            "member-address",
            17,
            Body::MemberAddress(MemberAddress { thread: THREAD, era: 1, address: Who::Ana.address() }),
            list([thread_id(), int(1_u64), address(&Who::Ana.address())]),
        ),
    ]
}

/// The newest numbers of two devices, in the order of their ids.
fn heads() -> [(DeviceId, Seq); 2] {
    let mut heads = [(Who::Admin.device(), Seq(1)), (Who::CarlasPhone.device(), Seq(4))];
    heads.sort();
    heads
}

fn forward() -> Vec<Sample<Body>> {
    let payload = ForwardPayload {
        thread: THREAD,
        era: 1,
        chain: ana_chain().into_bytes(),
        welcome: blob(0x86),
        addresses: vec![Who::Admin.address(), Who::CarlasPhone.address()],
        heads: heads().into(),
        position: Position(5),
        pieces: 1,
        note: "She asks for a refund.".to_owned(),
    };
    let payload_fields = list([
        thread_id(),
        int(1_u64),
        chain(ana_chain().bytes()),
        opaque(0x86),
        list([address(&Who::Admin.address()), address(&Who::CarlasPhone.address())]),
        list(heads().map(|(device, seq)| list([bytes(device.as_bytes()), int(seq.0)]))),
        int(5_u64),
        int(1_u64),
        text("She asks for a refund."),
    ]);
    let asked = |to, history| {
        Body::ForwardRequest(ForwardRequest {
            request: REQUEST,
            thread: THREAD,
            to,
            history,
            lasts: 86_400,
            hand_over: true,
            note: String::new(),
        })
    };
    let asked_fields = |to, history| {
        list([request(), thread_id(), to, history, int(86_400_u64), Value::Bool(true), text("")])
    };
    let ana = || bytes(Who::Ana.device().as_bytes());
    let from = History::From { era: 1, position: 3 };
    vec![
        body("forward-payload", 6, Body::ForwardPayload(payload), payload_fields),
        body(
            "history-piece",
            7,
            Body::HistoryPiece(HistoryPiece { thread: THREAD, era: 1, index: 255, sealed: blob(0x87) }),
            list([thread_id(), int(1_u64), int(255_u64), opaque(0x87)]),
        ),
        body(
            "forward-request-to-anybody",
            9,
            asked(None, History::None),
            asked_fields(Value::Null, list([int(0_u64)])),
        ),
        body(
            "forward-request-with-all-history",
            9,
            asked(Some(Who::Ana.device()), History::All),
            asked_fields(ana(), list([int(1_u64)])),
        ),
        body(
            "forward-request-with-some-history",
            9,
            asked(Some(Who::Ana.device()), from),
            asked_fields(ana(), list([int(2_u64), int(1_u64), int(3_u64)])),
        ),
        body(
            "forward-answer",
            10,
            Body::ForwardAnswer(ForwardAnswer { request: REQUEST, thread: THREAD }),
            list([request(), thread_id()]),
        ),
    ]
}

fn eras() -> Vec<Sample<Body>> {
    let admin = || Who::Admin.record(Who::Acme);
    let offer = EraOffer {
        thread: THREAD,
        era: 1,
        record: admin(),
        chain: admin_chain().into_bytes(),
        key_package: blob(0x89),
        address: Who::Admin.address(),
    };
    let open = EraOpen {
        thread: THREAD,
        era: 2,
        welcome: blob(0x8a),
        members: vec![EraMember { record: Who::Ana.record(Who::Acme), chain: ana_chain().into_bytes() }],
        addresses: vec![Who::Ana.address()],
        heads: heads().into(),
        position: Position(1_048_581),
    };
    let notice = EraNotice {
        thread: THREAD,
        era: 2,
        record: admin(),
        chain: admin_chain().into_bytes(),
        address: Who::Admin.address(),
    };
    let members = EraMembers {
        thread: THREAD,
        era: 2,
        chain: admin_chain().into_bytes(),
        members: vec![EraMember { record: Who::Ana.record(Who::Acme), chain: ana_chain().into_bytes() }],
        addresses: vec![Who::Ana.address()],
    };
    let ana = || list([record(&Who::Ana.record(Who::Acme)), chain(ana_chain().bytes())]);
    let open_fields = list([
        thread_id(),
        int(2_u64),
        opaque(0x8a),
        list([ana()]),
        list([address(&Who::Ana.address())]),
        list(heads().map(|(device, seq)| list([bytes(device.as_bytes()), int(seq.0)]))),
        int(1_048_581_u64),
    ]);
    let steward = || [record(&admin()), chain(admin_chain().bytes())];
    let [record, chain] = steward();
    let offer_fields =
        list([thread_id(), int(1_u64), record, chain, opaque(0x89), address(&Who::Admin.address())]);
    let [record, chain] = steward();
    let notice_fields = list([thread_id(), int(2_u64), record, chain, address(&Who::Admin.address())]);
    let [_, chain] = steward();
    let members_fields =
        list([thread_id(), int(2_u64), chain, list([ana()]), list([address(&Who::Ana.address())])]);
    vec![
        body("era-offer", 18, Body::EraOffer(offer), offer_fields),
        body("era-open", 19, Body::EraOpen(open), open_fields),
        body("era-notice", 25, Body::EraNotice(notice), notice_fields),
        body("era-members", 26, Body::EraMembers(members), members_fields),
    ]
}
