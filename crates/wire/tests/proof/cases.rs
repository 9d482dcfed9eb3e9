//! The frames and bodies of the golden vectors: every lawful sample, and each way to break a rule.

use crate::{
    cbor::{self, bytes, elements, encode, int, list, text},
    samples::{Sample, bodies, frames},
};
use ciborium::Value;
use frontdesk_wire::limits;

/// Bytes to decode. What is expected of them is worked out by hand and stands in `expect`.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) bytes: Vec<u8>,
    pub(crate) expect: &'static str,
}

pub(crate) fn case(name: &'static str, bytes: Vec<u8>, expect: &'static str) -> Case {
    Case { name, bytes, expect }
}

pub(crate) fn frame_cases() -> Vec<Case> {
    let good = frames().into_iter().map(|s| case(s.name, cbor::frame(s.kind, &s.fields), "ok"));
    good.chain(frame_shapes()).chain(frame_encodings()).chain(frame_rules()).collect()
}

pub(crate) fn body_cases() -> Vec<Case> {
    let good = bodies().into_iter().map(|s| case(s.name, cbor::body(s.kind, &s.fields), "ok"));
    good.chain(body_shapes()).chain(body_rules()).chain(body_types()).collect()
}

fn sample<T>(samples: Vec<Sample<T>>, name: &str) -> Sample<T> {
    samples.into_iter().find(|sample| sample.name == name).unwrap()
}

/// A lawful frame whose fields are changed by `edit`.
fn frame(name: &'static str, of: &str, edit: impl FnOnce(&mut Vec<Value>), expect: &'static str) -> Case {
    let mut sample = sample(frames(), of);
    edit(elements(&mut sample.fields));
    case(name, cbor::frame(sample.kind, &sample.fields), expect)
}

/// A lawful body whose fields are changed by `edit`.
fn body(name: &'static str, of: &str, edit: impl FnOnce(&mut Vec<Value>), expect: &'static str) -> Case {
    let mut sample = sample(bodies(), of);
    edit(elements(&mut sample.fields));
    case(name, cbor::body(sample.kind, &sample.fields), expect)
}

fn frame_shapes() -> Vec<Case> {
    let outer = |elements: &[Value]| encode(&Value::Array(elements.to_vec()));
    let good = cbor::frame(3, &sample(frames(), "ack-of-nothing").fields);
    let too_long = cbor::frame(3, &bytes(vec![0; limits::MAX_ACK]));
    vec![
        case("no-bytes", Vec::new(), "malformed"),
        case("an-empty-array", vec![0x80], "malformed"),
        case("a-map", vec![0xa0], "malformed"),
        case("version-0", outer(&[int(0_u64), int(3_u64), bytes([0x80])]), "unknown-version 0"),
        case("version-2-of-another-shape", outer(&[int(2_u64), text("later")]), "unknown-version 2"),
        case("version-300", outer(&[int(300_u64)]), "unknown-version 300"),
        case("a-version-of-text", outer(&[text("1"), int(3_u64), bytes([0x80])]), "malformed"),
        case("kind-0", cbor::frame(0, &list([])), "unknown-kind 0"),
        case("kind-5", cbor::frame(5, &list([])), "unknown-kind 5"),
        case("kind-256", cbor::frame(256, &list([])), "malformed"),
        case("no-fields", outer(&[int(1_u64), int(3_u64)]), "malformed"),
        case(
            "one-element-more",
            outer(&[int(1_u64), int(3_u64), bytes([0x80]), int(0_u64)]),
            "not-canonical",
        ),
        case("fields-that-are-text", outer(&[int(1_u64), int(3_u64), text("")]), "malformed"),
        case("fields-that-are-no-byte-string", outer(&[int(1_u64), int(3_u64), list([])]), "not-canonical"),
        case("truncated", good[..good.len() - 1].to_vec(), "malformed"),
        case("a-claim-of-2-to-the-62-elements", vec![0x9b, 0x40, 0, 0, 0, 0, 0, 0, 0], "malformed"),
        case("an-acknowledgement-over-its-size", too_long, "too-long"),
        frame("an-ack-of-two-fields", "ack-of-nothing", |f| drop(f.pop()), "malformed"),
        frame("an-ack-of-four-fields", "ack-of-nothing", |f| f.push(int(0_u64)), "not-canonical"),
        frame("a-negative-number", "ack-of-nothing", |f| f[0] = Value::Integer((-1).into()), "malformed"),
        frame("an-incarnation-of-7-bytes", "hello-again", |f| f[0] = bytes([1; 7]), "malformed"),
        frame("a-hello-of-four-fields", "hello-again", |f| drop(f.pop()), "malformed"),
        frame("a-flag-of-1", "hello-again", |f| f[2] = int(1_u64), "malformed"),
        frame(
            "a-reason-of-17-bits",
            "ack-with-two-refusals",
            |f| refusal(f)[1] = int(65_536_u64),
            "malformed",
        ),
    ]
}

fn frame_encodings() -> Vec<Case> {
    let good = cbor::frame(3, &sample(frames(), "ack-of-nothing").fields);
    let again = |fields: &[u8]| encode(&list([int(1_u64), int(3_u64), bytes(fields)]));
    vec![
        case("a-trailing-byte", [&good[..], &[0]].concat(), "not-canonical"),
        case("an-array-of-indefinite-length", [&[0x9f], &good[1..], &[0xff]].concat(), "not-canonical"),
        case("a-version-in-longer-form", [&[0x83, 0x18], &good[1..]].concat(), "not-canonical"),
        case("a-tagged-frame", [&[0xc1], &good[..]].concat(), "not-canonical"),
        case("a-trailing-byte-in-the-fields", again(&[0x83, 0, 0, 0x80, 0]), "not-canonical"),
        case("a-number-in-longer-form", again(&[0x83, 0x18, 0, 0, 0x80]), "not-canonical"),
        case("a-list-of-indefinite-length", again(&[0x83, 0, 0, 0x9f, 0xff]), "not-canonical"),
    ]
}

/// The fields of the first refusal of an acknowledgement.
fn refusal(ack: &mut [Value]) -> &mut Vec<Value> {
    elements(&mut elements(&mut ack[2])[0])
}

fn frame_rules() -> Vec<Case> {
    let two = "ack-with-two-refusals";
    let refusals = |count: u64| {
        let each = (1..=count).map(|seq| list([int(seq), int(1_u64)]));
        Value::Array(each.collect())
    };
    vec![
        frame("data-of-number-0", "data", |f| f[0] = int(0_u64), "out-of-bounds"),
        frame("delivered-past-stored", two, |f| f[1] = int(10_u64), "out-of-bounds"),
        frame("a-refusal-past-stored", two, |f| f[0] = int(8_u64), "out-of-bounds"),
        frame("a-refusal-of-number-0", two, |f| refusal(f)[0] = int(0_u64), "out-of-bounds"),
        frame("a-refusal-twice", two, |f| refusal(f)[0] = int(9_u64), "out-of-bounds"),
        frame("refusals-out-of-order", two, |f| elements(&mut f[2]).reverse(), "out-of-bounds"),
        frame(
            "a-hello-with-a-wrong-ack",
            "hello-again",
            |f| elements(&mut f[3])[1] = int(10_u64),
            "out-of-bounds",
        ),
        frame(
            "unusable-for-another-reason",
            "unusable-and-unreadable",
            |f| f[0] = int(3_u64),
            "out-of-bounds",
        ),
        frame("unusable-of-two-fields", "unusable-and-unreadable", |f| drop(f.pop()), "malformed"),
        ack_of("sixteen-refusals", refusals(16), "ok"),
        ack_of("seventeen-refusals", refusals(17), "malformed"),
    ]
}

fn ack_of(name: &'static str, refusals: Value, expect: &'static str) -> Case {
    let edit = |f: &mut Vec<Value>| *f = vec![int(99_u64), int(99_u64), refusals];
    frame(name, "ack-of-nothing", edit, expect)
}

fn body_shapes() -> Vec<Case> {
    let good = cbor::body(10, &sample(bodies(), "forward-answer").fields);
    let fields = encode(&sample(bodies(), "forward-answer").fields);
    let again = |fields: &[u8]| encode(&list([int(10_u64), bytes(fields)]));
    vec![
        case("no-bytes", Vec::new(), "malformed"),
        case("a-map", vec![0xa0], "malformed"),
        case("kind-0", cbor::body(0, &list([])), "unknown-kind 0"),
        case("kind-27", cbor::body(27, &list([])), "unknown-kind 27"),
        case("kind-255", cbor::body(255, &list([])), "unknown-kind 255"),
        case("kind-256", cbor::body(256, &list([])), "malformed"),
        case("one-element-more", encode(&list([int(10_u64), bytes(&fields), int(0_u64)])), "not-canonical"),
        case("another-kinds-fields", cbor::body(4, &sample(bodies(), "forward-answer").fields), "malformed"),
        case("truncated", good[..good.len() - 1].to_vec(), "malformed"),
        case("truncated-fields", again(&fields[..fields.len() - 1]), "malformed"),
        case("a-trailing-byte", [&good[..], &[0]].concat(), "not-canonical"),
        case("a-trailing-byte-in-the-fields", again(&[&fields[..], &[0]].concat()), "not-canonical"),
        case("a-kind-in-longer-form", [&[0x82, 0x18], &good[1..]].concat(), "not-canonical"),
        case("an-answer-over-its-size", cbor::body(10, &bytes([0; 256])), "too-long"),
    ]
}

fn body_rules() -> Vec<Case> {
    let head = |f: &mut Vec<Value>| elements(&mut f[5]).clone();
    vec![
        body("a-refill-from-0", "refill-request", |f| f[3] = int(0_u64), "out-of-bounds"),
        body("a-refill-that-ends-before-it-starts", "refill-request", |f| f[4] = int(4_u64), "out-of-bounds"),
        body("a-refill-of-64", "refill-request", |f| f[4] = int(68_u64), "ok"),
        body("a-refill-of-65", "refill-request", |f| f[4] = int(69_u64), "out-of-bounds"),
        body(
            "a-refill-at-the-last-number",
            "refill-request",
            |f| (f[3], f[4]) = (int(1_u64 << 53), int(1_u64 << 53)),
            "ok",
        ),
        body(
            "a-refill-past-the-last-number",
            "refill-request",
            |f| (f[3], f[4]) = (int(1_u64 << 53), int((1_u64 << 53) + 1)),
            "out-of-bounds",
        ),
        body(
            "a-refill-without-end",
            "refill-request",
            |f| (f[3], f[4]) = (int(u64::MAX), int(u64::MAX)),
            "out-of-bounds",
        ),
        body("history-piece-256", "history-piece", |f| f[2] = int(256_u64), "out-of-bounds"),
        body("all-256-pieces", "forward-payload", |f| f[7] = int(256_u64), "ok"),
        body("257-pieces", "forward-payload", |f| f[7] = int(257_u64), "out-of-bounds"),
        body("the-last-position", "forward-payload", |f| f[6] = int(1_u64 << 53), "ok"),
        body(
            "a-position-past-the-last",
            "forward-payload",
            |f| f[6] = int((1_u64 << 53) + 1),
            "out-of-bounds",
        ),
        body("heads-out-of-order", "forward-payload", |f| elements(&mut f[5]).reverse(), "out-of-bounds"),
        body(
            "a-head-twice",
            "forward-payload",
            |f| f[5] = Value::Array([head(f), head(f)].concat()),
            "out-of-bounds",
        ),
        body(
            "a-head-of-number-0",
            "forward-payload",
            |f| elements(&mut elements(&mut f[5])[0])[1] = int(0_u64),
            "out-of-bounds",
        ),
        body(
            "a-head-above-the-position",
            "forward-payload",
            |f| elements(&mut elements(&mut f[5])[0])[1] = int(6_u64),
            "out-of-bounds",
        ),
        body(
            "a-head-past-the-last-number",
            "forward-payload",
            |f| elements(&mut elements(&mut f[5])[0])[1] = int(u64::MAX),
            "out-of-bounds",
        ),
        body("a-note-of-512-bytes", "forward-request-to-anybody", |f| f[6] = text(&"n".repeat(512)), "ok"),
        body(
            "a-note-of-513-bytes",
            "forward-request-to-anybody",
            |f| f[6] = text(&"n".repeat(513)),
            "out-of-bounds",
        ),
        body("a-name-of-80-bytes", "join-request", |f| f[3] = text(&"é".repeat(40)), "ok"),
        body("a-name-of-82-bytes", "join-request", |f| f[3] = text(&"é".repeat(41)), "out-of-bounds"),
        body("eight-suites", "contact-request", |f| f[4] = list([1_u64; 8].map(int)), "ok"),
        body("nine-suites", "contact-request", |f| f[4] = list([1_u64; 9].map(int)), "malformed"),
        body("role-0", "join-granted", |f| f[2] = int(0_u64), "out-of-bounds"),
        body("role-4", "join-granted", |f| f[2] = int(4_u64), "out-of-bounds"),
        body(
            "a-roster-with-role-4",
            "roster",
            |f| elements(&mut elements(&mut f[2])[0])[2] = int(4_u64),
            "out-of-bounds",
        ),
        body("a-revocation-over-its-size", "revoked", |f| f[0] = list([bytes([0; 513])]), "out-of-bounds"),
    ]
}

fn body_types() -> Vec<Case> {
    vec![
        body("a-thread-of-31-bytes", "thread-message", |f| f[0] = bytes([1; 31]), "malformed"),
        body("an-era-of-33-bits", "thread-message", |f| f[1] = int(1_u64 << 32), "malformed"),
        body("a-message-of-text", "thread-message", |f| f[2] = text("in clear"), "malformed"),
        body("a-message-as-numbers", "thread-message", |f| f[2] = list([int(1_u64)]), "not-canonical"),
        body("a-suite-of-17-bits", "contact-request", |f| f[4] = list([int(65_536_u64)]), "malformed"),
        body("a-record-of-321-bytes", "contact-request", |f| f[2] = bytes([0; 321]), "malformed"),
        body("an-address-of-1537-bytes", "address-update", |f| f[0] = bytes([0; 1537]), "malformed"),
        body("no-such-history", "forward-request-to-anybody", |f| f[3] = list([int(3_u64)]), "malformed"),
        body("a-device-of-text", "forward-request-to-anybody", |f| f[2] = text("anybody"), "malformed"),
        body("a-name-of-bytes", "join-request", |f| f[3] = bytes([0xff, 0xfe]), "malformed"),
        body("a-commitment-of-16-bytes", "join-request", |f| f[2] = bytes([0; 16]), "malformed"),
        body("a-reveal-of-15-bytes", "join-reveal", |f| f[1] = bytes([0; 15]), "malformed"),
        body("a-reset-of-1", "key-packages-anew", |f| f[2] = int(1_u64), "malformed"),
        body("a-proof-of-33-bytes", "join-challenge", |f| f[2] = bytes([0; 33]), "malformed"),
    ]
}
