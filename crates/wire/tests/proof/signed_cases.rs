//! The contents and profiles of the golden vectors. Payloads are written by hand and signed as they are.

use crate::{
    cases::{Case, case},
    cbor::{bytes, elements, encode, int, list, text},
    people::{DAY, NOW, THREAD, Who, admin_chain, ana_chain, ana_enrolled, carla_chain, profile},
};
use ciborium::Value;
use frontdesk_capability::ChainBytes;
use frontdesk_identity::{Domain, UnixTime};
use frontdesk_wire::{Content, ContentKind, Position, Seq};

/// A lawful content of each kind: its name in the files, itself, and its payload by hand.
pub(crate) fn contents() -> Vec<(&'static str, Content, Value)> {
    let content = |name, kind: u64, number: u64, said: &str, value| {
        let content = Content {
            thread: THREAD,
            era: 1,
            author: Who::CarlasPhone.device(),
            seq: Seq(3),
            position: Position(7),
            seen: vec![(Who::Ana.device(), Seq(2))],
            sent_at: NOW,
            kind: value,
        };
        let fields = list([
            int(1_u64),
            bytes(THREAD.as_bytes()),
            int(1_u64),
            bytes(Who::CarlasPhone.key().public()),
            int(3_u64),
            int(7_u64),
            list([list([bytes(Who::Ana.key().public()), int(2_u64)])]),
            int(NOW.0),
            int(kind),
            text(said),
            int(number),
        ]);
        (name, content, fields)
    };
    vec![
        content("text", 1, 0, "Grüezi", ContentKind::Text("Grüezi".to_owned())),
        content("read", 2, 6, "", ContentKind::Read(Position(6))),
        content("close", 3, 0, "", ContentKind::Close),
        content("name", 4, 0, "Carla", ContentKind::Name("Carla".to_owned())),
    ]
}

/// `[payload, signature]`, signed for `domain`.
fn sealed(payload: &[u8], who: Who, domain: Domain) -> Vec<u8> {
    encode(&list([bytes(payload), bytes(who.key().sign(domain, payload).as_bytes())]))
}

pub(crate) fn by_carla(payload: &[u8]) -> Vec<u8> {
    sealed(payload, Who::CarlasPhone, Domain::Message)
}

/// A lawful content changed by `edit`, and signed as it is.
fn content(name: &'static str, of: &str, edit: impl FnOnce(&mut Vec<Value>), expect: &'static str) -> Case {
    let (_, _, mut fields) = contents().into_iter().find(|(name, _, _)| *name == of).unwrap();
    edit(elements(&mut fields));
    case(name, by_carla(&encode(&fields)), expect)
}

pub(crate) fn content_cases() -> Vec<Case> {
    let good = contents().into_iter().map(|(name, _, fields)| case(name, by_carla(&encode(&fields)), "ok"));
    good.chain(content_rules()).chain(content_shapes()).chain(content_signatures()).collect()
}

fn content_rules() -> Vec<Case> {
    let seen = |who: Who, seq: u64| list([bytes(who.key().public()), int(seq)]);
    let many = |count: u8| {
        let each = (1..=count).map(|n| list([bytes([n; 32]), int(1_u64)]));
        Value::Array(each.collect())
    };
    vec![
        content("an-empty-text", "text", |f| f[9] = text(""), "out-of-bounds"),
        content("a-text-with-a-number", "text", |f| f[10] = int(1_u64), "out-of-bounds"),
        content("a-name-of-80-bytes", "name", |f| f[9] = text(&"n".repeat(80)), "ok"),
        content("a-name-of-81-bytes", "name", |f| f[9] = text(&"n".repeat(81)), "out-of-bounds"),
        content("an-empty-name", "name", |f| f[9] = text(""), "out-of-bounds"),
        content("a-mark-with-text", "read", |f| f[9] = text("read"), "out-of-bounds"),
        content("a-mark-past-the-last-position", "read", |f| f[10] = int((1_u64 << 53) + 1), "out-of-bounds"),
        content("a-close-with-text", "close", |f| f[9] = text("bye"), "out-of-bounds"),
        content("number-0", "text", |f| f[4] = int(0_u64), "out-of-bounds"),
        content("position-0", "text", |f| f[5] = int(0_u64), "out-of-bounds"),
        content("the-last-position", "text", |f| f[5] = int(1_u64 << 53), "ok"),
        content("a-position-past-the-last", "text", |f| f[5] = int((1_u64 << 53) + 1), "out-of-bounds"),
        content("nobody-seen", "text", |f| f[6] = list([]), "ok"),
        content("its-own-author-seen", "text", |f| f[6] = list([seen(Who::CarlasPhone, 1)]), "out-of-bounds"),
        content("an-author-seen-at-0", "text", |f| f[6] = list([seen(Who::Ana, 0)]), "out-of-bounds"),
        content(
            "an-author-seen-twice",
            "text",
            |f| f[6] = list([seen(Who::Ana, 1), seen(Who::Ana, 2)]),
            "out-of-bounds",
        ),
        content("sixteen-authors-seen", "text", |f| f[6] = many(16), "ok"),
        content("seventeen-authors-seen", "text", |f| f[6] = many(17), "malformed"),
    ]
}

fn content_shapes() -> Vec<Case> {
    let (_, _, fields) = contents().remove(0);
    let payload = encode(&fields);
    let longer = [&payload[..1], &[0x18], &payload[1..]].concat();
    vec![
        case("no-bytes", Vec::new(), "malformed"),
        case("an-empty-payload", by_carla(&[]), "malformed"),
        case("a-trailing-byte", [by_carla(&payload), vec![0]].concat(), "not-canonical"),
        case("a-trailing-byte-in-the-payload", by_carla(&[&payload[..], &[0]].concat()), "not-canonical"),
        case("a-version-in-longer-form", by_carla(&longer), "not-canonical"),
        content("version-0", "text", |f| f[0] = int(0_u64), "unknown-version 0"),
        content("version-2-of-another-shape", "text", |f| *f = vec![int(2_u64)], "unknown-version 2"),
        content("kind-0", "text", |f| f[8] = int(0_u64), "unknown-kind 0"),
        content("kind-5", "text", |f| f[8] = int(5_u64), "unknown-kind 5"),
        content("ten-fields", "text", |f| drop(f.pop()), "malformed"),
        content("twelve-fields", "text", |f| f.push(int(0_u64)), "not-canonical"),
        content("an-era-of-33-bits", "text", |f| f[2] = int(1_u64 << 32), "malformed"),
    ]
}

fn content_signatures() -> Vec<Case> {
    let (_, _, fields) = contents().remove(0);
    let payload = encode(&fields);
    let mut flipped = by_carla(&payload);
    let last = flipped.len() - 1;
    flipped[last] ^= 1;
    let short = encode(&list([bytes(&payload), bytes([0; 63])]));
    let mut neutral = [0; 32];
    neutral[0] = 1;
    let mut lax = [0; 64];
    lax[0] = 1;
    let (_, _, mut weak) = contents().remove(0);
    elements(&mut weak)[3] = bytes(neutral);
    let weak = encode(&list([bytes(encode(&weak)), bytes(lax)]));
    vec![
        case("a-signature-of-63-bytes", short, "malformed"),
        case("a-flipped-bit-in-the-signature", flipped, "bad-signature"),
        case("signed-by-another", sealed(&payload, Who::Stranger, Domain::Message), "bad-signature"),
        case("signed-as-a-profile", sealed(&payload, Who::CarlasPhone, Domain::Profile), "bad-signature"),
        case("an-author-of-small-order", weak, "bad-signature"),
    ]
}

/// A profile to verify for Acme at `now`.
#[derive(Debug, Clone)]
pub(crate) struct ProfileCase {
    pub(crate) now: UnixTime,
    pub(crate) case: Case,
}

/// The lawful profile by hand.
pub(crate) fn profile_fields() -> Value {
    let profile = profile();
    list([
        int(1_u64),
        bytes(Who::Acme.key().public()),
        int(3_u64),
        text("Acme"),
        list([bytes(profile.reception[0].as_bytes())]),
        text("Mo-Fr 9-17"),
        list([text("en"), text("de-CH")]),
    ])
}

/// `[payload, chain, signature]`, signed by `who` for `domain`.
fn vouched(payload: &[u8], chain: &ChainBytes, who: Who, domain: Domain) -> Vec<u8> {
    let signature = who.key().sign(domain, payload);
    encode(&list([bytes(payload), bytes(chain.as_slice()), bytes(signature.as_bytes())]))
}

fn by_admin(payload: &[u8]) -> Vec<u8> {
    vouched(payload, admin_chain().bytes(), Who::Admin, Domain::Profile)
}

/// The lawful profile changed by `edit`, and signed as it is.
fn changed(name: &'static str, edit: impl FnOnce(&mut Vec<Value>), expect: &'static str) -> Case {
    let mut fields = profile_fields();
    edit(elements(&mut fields));
    case(name, by_admin(&encode(&fields)), expect)
}

pub(crate) fn profile_cases() -> Vec<ProfileCase> {
    let good = || by_admin(&encode(&profile_fields()));
    let at = |now, case| ProfileCase { now, case };
    let later = at(NOW.plus(31 * DAY), case("the-grant-expired", good(), "grant expired"));
    let earlier = at(UnixTime(NOW.0 - 61), case("the-grant-is-not-in-force", good(), "grant not-yet-valid"));
    let now = [profile_rules(), profile_shapes(), profile_signers()].concat();
    now.into_iter().map(|case| at(NOW, case)).chain([later, earlier]).collect()
}

fn profile_rules() -> Vec<Case> {
    let devices = |count: u8| Value::Array((1..=count).map(|n| bytes([n; 32])).collect());
    let tags = |count: usize| Value::Array(vec![text("en"); count]);
    vec![
        changed("the-lawful-one", |_| {}, "ok"),
        changed("no-name", |f| f[3] = text(""), "out-of-bounds"),
        changed("a-name-of-80-bytes", |f| f[3] = text(&"n".repeat(80)), "ok"),
        changed("a-name-of-81-bytes", |f| f[3] = text(&"n".repeat(81)), "out-of-bounds"),
        changed("no-reception", |f| f[4] = list([]), "ok"),
        changed("eight-receptions", |f| f[4] = devices(8), "ok"),
        changed("nine-receptions", |f| f[4] = devices(9), "malformed"),
        changed("hours-of-512-bytes", |f| f[5] = text(&"h".repeat(512)), "ok"),
        changed("hours-of-513-bytes", |f| f[5] = text(&"h".repeat(513)), "out-of-bounds"),
        changed("sixteen-languages", |f| f[6] = tags(16), "ok"),
        changed("seventeen-languages", |f| f[6] = tags(17), "malformed"),
        changed("a-tag-of-35-bytes", |f| f[6] = list([text(&"x".repeat(35))]), "ok"),
        changed("a-tag-of-36-bytes", |f| f[6] = list([text(&"x".repeat(36))]), "out-of-bounds"),
        changed("an-empty-tag", |f| f[6] = list([text("")]), "out-of-bounds"),
        changed("of-another-entity", |f| f[1] = bytes(Who::Carla.key().public()), "wrong-entity"),
    ]
}

fn profile_shapes() -> Vec<Case> {
    let payload = encode(&profile_fields());
    vec![
        case("no-bytes", Vec::new(), "malformed"),
        case("a-payload-over-the-size", by_admin(&[0; 4097]), "too-long"),
        case("a-trailing-byte", [by_admin(&payload), vec![0]].concat(), "not-canonical"),
        case("a-trailing-byte-in-the-payload", by_admin(&[&payload[..], &[0]].concat()), "not-canonical"),
        changed("version-2-of-another-shape", |f| *f = vec![int(2_u64)], "unknown-version 2"),
        changed("six-fields", |f| drop(f.pop()), "malformed"),
    ]
}

fn profile_signers() -> Vec<Case> {
    let payload = encode(&profile_fields());
    let chain = admin_chain().into_bytes();
    let by = |chain, who, domain| vouched(&payload, chain, who, domain);
    let mut flipped = by_admin(&payload);
    let last = flipped.len() - 1;
    flipped[last] ^= 1;
    vec![
        case("a-flipped-bit-in-the-signature", flipped, "bad-signature"),
        case("signed-by-another", by(&chain, Who::Stranger, Domain::Profile), "bad-signature"),
        case("signed-as-a-message", by(&chain, Who::Admin, Domain::Message), "bad-signature"),
        case("signed-by-the-root-itself", by(&chain, Who::Acme, Domain::Profile), "bad-signature"),
        case(
            "by-a-device-without-admit",
            by(&ana_enrolled(), Who::Ana, Domain::Profile),
            "grant ability-missing",
        ),
        case(
            "by-a-device-of-one-thread",
            by(ana_chain().bytes(), Who::Ana, Domain::Profile),
            "grant thread-only",
        ),
        case(
            "under-another-principals-grant",
            by(&carla_chain(), Who::CarlasPhone, Domain::Profile),
            "grant wrong-principal",
        ),
        case(
            "without-a-grant",
            by(&ChainBytes::new(vec![0x80]), Who::Admin, Domain::Profile),
            "grant empty-chain",
        ),
    ]
}
