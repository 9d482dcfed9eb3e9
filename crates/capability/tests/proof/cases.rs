//! The inputs of the golden vectors: what is lawful, and each way to break a rule.

use crate::forge::{
    DAY, Forged, ForgedRevocation, NOW, Parent, THREAD, Who, bytes, chain, encode, int, ints, join, lawful,
    revocation, signed, signed_links, under,
};
use ciborium::Value;
use frontdesk_identity::Domain;

/// A chain to verify. What is expected of it is worked out by hand and stands in `expect`.
pub(crate) struct ChainCase {
    pub(crate) name: &'static str,
    pub(crate) principal: [u8; 32],
    pub(crate) now: u64,
    pub(crate) revocations: Vec<Vec<u8>>,
    pub(crate) chain: Vec<u8>,
    pub(crate) expect: &'static str,
}

fn case(name: &'static str, chain: Vec<u8>, expect: &'static str) -> ChainCase {
    ChainCase { name, principal: Who::Acme.public(), now: NOW, revocations: Vec::new(), chain, expect }
}

/// A lawful chain of `n` links, changed by `edit`.
fn edited(name: &'static str, n: usize, edit: impl FnOnce(&mut [Forged]), expect: &'static str) -> ChainCase {
    let mut links = lawful(n);
    edit(&mut links);
    case(name, chain(&links), expect)
}

/// A chain of one link whose payload fields are changed by `edit`, and signed as they are.
fn reshaped(name: &'static str, edit: impl FnOnce(&mut Vec<Value>), expect: &'static str) -> ChainCase {
    let link = &lawful(1)[0];
    let mut fields = link.fields(None);
    edit(&mut fields);
    let payload = encode(&Value::Array(fields));
    case(name, join(&[signed(&payload, &link.sign(&payload))]), expect)
}

fn at(name: &'static str, now: u64, expect: &'static str) -> ChainCase {
    ChainCase { now, ..case(name, chain(&lawful(2)), expect) }
}

fn revoked(name: &'static str, by: &[ForgedRevocation], expect: &'static str) -> ChainCase {
    let revocations = by.iter().map(ForgedRevocation::signed).collect();
    ChainCase { revocations, ..case(name, chain(&lawful(4)), expect) }
}

pub(crate) fn chains() -> Vec<ChainCase> {
    [
        lawful_ones(),
        shapes(),
        encodings(),
        alone(),
        origins(),
        widenings(),
        moments(),
        revocations(),
        signatures(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn lawful_ones() -> Vec<ChainCase> {
    vec![
        edited("one-link", 1, |_| {}, "ok"),
        edited("two-links", 2, |_| {}, "ok"),
        edited("three-links", 3, |_| {}, "ok"),
        edited("four-links", 4, |_| {}, "ok"),
        edited("an-enrolment-that-allows-nothing", 1, |l| l[0].abilities.clear(), "ok"),
        edited("a-root-grant-on-a-thread", 1, |l| l[0].scope = Some(THREAD), "ok"),
        edited(
            "an-enrolment-by-a-device",
            2,
            |l| {
                l[1].scope = None;
                l[1].abilities = vec![1, 2];
            },
            "ok",
        ),
        edited("the-same-as-the-parent-but-for-depth", 2, |l| l[1] = same_as_parent(&l[0]), "ok"),
        edited("history-from-the-same-place", 4, |l| l[3].history = vec![2, 1, 5], "ok"),
        edited("history-from-a-later-era", 4, |l| l[3].history = vec![2, 2, 0], "ok"),
        edited("the-largest-history", 3, |l| l[2].history = vec![2, u64::from(u32::MAX), u64::MAX], "ok"),
        edited("an-end-beyond-the-year-10000", 1, |l| l[0].expires = u64::MAX, "ok"),
    ]
}

fn same_as_parent(parent: &Forged) -> Forged {
    Forged { depth: 2, ..under(parent, Who::Admin, Who::Ana, 0xa1) }
}

fn shapes() -> Vec<ChainCase> {
    vec![
        case("no-bytes", Vec::new(), "malformed"),
        case("one-byte-over-the-limit", vec![0; 8 * 1024 + 1], "too-long"),
        case("a-map", vec![0xa0], "malformed"),
        case("no-link", vec![0x80], "empty-chain"),
        case("truncated", chain(&lawful(2))[..400].to_vec(), "malformed"),
        case("a-link-without-signature", join(&[encode(&Value::Array(vec![bytes(&[1])]))]), "malformed"),
        case("a-signature-of-63-bytes", join(&[signed(&[0x81, 1], &[0; 63])]), "malformed"),
        case("an-empty-payload", join(&[signed(&[], &[0; 64])]), "malformed"),
        case("a-claim-of-2-to-the-62-links", vec![0x9b, 0x40, 0, 0, 0, 0, 0, 0, 0], "malformed"),
        reshaped("eleven-fields", |f| drop(f.pop()), "malformed"),
        reshaped("a-principal-of-31-bytes", |f| f[1] = bytes(&[1; 31]), "malformed"),
        reshaped("a-scope-of-text", |f| f[2] = Value::Text("all".into()), "malformed"),
        reshaped("a-negative-time", |f| f[7] = Value::Integer((-1).into()), "malformed"),
        reshaped("a-depth-of-256", |f| f[9] = int(256), "malformed"),
        reshaped("no-such-history", |f| f[6] = ints(&[3]), "malformed"),
        reshaped("a-history-with-too-much", |f| f[6] = ints(&[0, 0]), "malformed"),
        reshaped("an-era-of-33-bits", |f| f[6] = ints(&[2, 1 << 32, 0]), "malformed"),
        reshaped("version-0", |f| f[0] = int(0), "unknown-version"),
        reshaped("version-2-of-another-shape", |f| *f = vec![int(2), int(7)], "unknown-version"),
        reshaped("ability-0", |f| f[5] = ints(&[0]), "unknown-ability"),
        reshaped("ability-12", |f| f[5] = ints(&[4, 12]), "unknown-ability"),
    ]
}

fn encodings() -> Vec<ChainCase> {
    let good = chain(&lawful(1));
    let indefinite = [&[0x9f], &good[1..], &[0xff]].concat();
    let trailing = [&good[..], &[0]].concat();
    let long_head = [&[0x98, 1], &good[1..]].concat();
    vec![
        case("an-array-of-indefinite-length", indefinite, "not-canonical"),
        case("a-trailing-byte", trailing, "not-canonical"),
        case("a-length-in-longer-form", long_head, "not-canonical"),
        recoded("a-version-in-longer-form", |p| [&[p[0], 0x18, 1], &p[2..]].concat(), "not-canonical"),
        recoded("a-trailing-byte-in-the-payload", |p| [p, &[0]].concat(), "not-canonical"),
        reshaped("abilities-out-of-order", |f| f[5] = ints(&[5, 4]), "not-canonical"),
        reshaped("an-ability-twice", |f| f[5] = ints(&[4, 4]), "not-canonical"),
        reshaped("an-id-as-array", |f| f[10] = ints(&[7; 16]), "not-canonical"),
        reshaped("a-tagged-number", |f| f[7] = Value::Tag(1, Box::new(int(NOW))), "not-canonical"),
    ]
}

/// A chain of one link whose payload bytes are changed by `edit`, and signed as they are.
fn recoded(name: &'static str, edit: impl FnOnce(&[u8]) -> Vec<u8>, expect: &'static str) -> ChainCase {
    let link = &lawful(1)[0];
    let payload = edit(&link.payload(None));
    case(name, join(&[signed(&payload, &link.sign(&payload))]), expect)
}

fn alone() -> Vec<ChainCase> {
    let mut five = lawful(4);
    five.push(under(&five[3], Who::Bot, Who::Ana, 0xa4));
    let other = ChainCase {
        principal: Who::OtherRoot.public(),
        ..case("another-principal-expected", chain(&lawful(2)), "wrong-principal")
    };
    vec![
        case("five-links", chain(&five), "too-many-links"),
        other,
        edited(
            "another-principal-in-the-second-link",
            2,
            |l| l[1].principal = Who::OtherRoot.public(),
            "wrong-principal",
        ),
        edited("an-empty-window", 1, |l| l[0].not_before = l[0].expires, "empty-window 0"),
        edited("an-inverted-window", 2, |l| l[1].not_before = l[1].expires + 1, "empty-window 1"),
        edited("a-depth-of-4", 1, |l| l[0].depth = 4, "too-deep 0"),
        edited("an-id-twice", 3, |l| l[2].id = l[0].id, "duplicate-id 2"),
    ]
}

fn origins() -> Vec<ChainCase> {
    let other = Forged { id: [0xb0; 16], ..lawful(1).remove(0) };
    let grafted = [signed_links(&[other]), signed_links(&lawful(2)).split_off(1)].concat();
    let mut resigned = signed_links(&lawful(2));
    let last = resigned[0].len() - 1;
    resigned[0][last] ^= 1;
    vec![
        edited("a-first-link-by-a-device", 1, |l| by(&mut l[0], Who::Admin), "not-from-root"),
        case("a-chain-without-its-first-link", join(&signed_links(&lawful(2))[1..]), "not-from-root"),
        edited("a-second-link-by-a-stranger", 2, |l| by(&mut l[1], Who::Stranger), "wrong-issuer 1"),
        edited("a-second-link-by-the-root", 2, |l| by(&mut l[1], Who::Acme), "wrong-issuer 1"),
        edited("a-third-link-by-the-administrator", 3, |l| by(&mut l[2], Who::Admin), "wrong-issuer 2"),
        case("links-in-the-wrong-order", join(&reversed()), "not-from-root"),
        edited("a-first-link-with-a-parent", 1, |l| l[0].parent = Parent::Hash([0; 32]), "wrong-parent 0"),
        edited("a-second-link-without-a-parent", 2, |l| l[1].parent = Parent::Null, "wrong-parent 1"),
        edited(
            "a-second-link-with-another-parent",
            2,
            |l| l[1].parent = Parent::Hash([7; 32]),
            "wrong-parent 1",
        ),
        case("a-link-grafted-onto-another-grant", join(&grafted), "wrong-parent 1"),
        case("a-link-under-another-signature", join(&resigned), "wrong-parent 1"),
    ]
}

fn reversed() -> Vec<Vec<u8>> {
    signed_links(&lawful(2)).into_iter().rev().collect()
}

fn by(link: &mut Forged, who: Who) {
    link.issuer = who.public();
    link.signer = who;
}

fn widenings() -> Vec<ChainCase> {
    vec![
        edited("depth-exhausted", 2, |l| l[0].depth = 0, "depth-exhausted 1"),
        edited("depth-that-stays", 3, |l| l[2].depth = 2, "wider-depth 2"),
        edited("depth-that-grows", 3, |l| l[2].depth = 3, "wider-depth 2"),
        edited("one-ability-more", 3, |l| l[2].abilities = vec![3, 4, 5, 7], "wider-abilities 2"),
        edited("another-thread", 3, |l| l[2].scope = Some([0x71; 32]), "wider-scope 2"),
        edited("the-principal-under-a-thread", 3, |l| l[2].scope = None, "wider-scope 2"),
        edited("all-history-under-some", 4, |l| l[3].history = vec![1], "wider-history 3"),
        edited("one-message-more", 4, |l| l[3].history = vec![2, 1, 4], "wider-history 3"),
        edited("an-earlier-era", 4, |l| l[3].history = vec![2, 0, 9], "wider-history 3"),
        edited(
            "some-history-under-none",
            4,
            |l| {
                l[2].history = vec![0];
                l[3].history = vec![2, 9, 9];
            },
            "wider-history 3",
        ),
        edited("a-start-one-second-earlier", 2, |l| l[1].not_before = l[0].not_before - 1, "wider-window 1"),
        edited("an-end-one-second-later", 2, |l| l[1].expires = l[0].expires + 1, "wider-window 1"),
        edited(
            "a-thread-without-forward",
            2,
            |l| {
                l[0].abilities = vec![1, 2, 4, 5];
                l[1].abilities = vec![4, 5];
            },
            "forward-missing 1",
        ),
        edited(
            "an-enrolment-without-admit",
            2,
            |l| {
                l[0].abilities = vec![2, 3, 4];
                l[1].scope = None;
                l[1].abilities = vec![4];
            },
            "admit-missing 1",
        ),
    ]
}

fn moments() -> Vec<ChainCase> {
    let end_of_leaf =
        ChainCase { now: NOW + 160, ..case("the-leaf-expired", chain(&lawful(4)), "expired 3") };
    vec![
        at("sixty-seconds-early", NOW - DAY - 60, "ok"),
        at("sixty-one-seconds-early", NOW - DAY - 61, "not-yet-valid 0"),
        at("fifty-nine-seconds-late", NOW + 7 * DAY + 59, "ok"),
        at("sixty-seconds-late", NOW + 7 * DAY + 60, "expired 1"),
        at("long-after-all", u64::MAX, "expired 0"),
        at("at-the-beginning-of-time", 0, "not-yet-valid 0"),
        end_of_leaf,
    ]
}

fn revocations() -> Vec<ChainCase> {
    let other_principal =
        ForgedRevocation { principal: Who::OtherRoot.public(), ..revocation(Who::Admin, 0xa1) };
    vec![
        revoked("revoked-by-the-root", &[revocation(Who::Acme, 0xa0)], "revoked 0"),
        revoked("revoked-by-its-issuer", &[revocation(Who::Admin, 0xa1)], "revoked 1"),
        revoked("revoked-from-above", &[revocation(Who::Admin, 0xa3)], "revoked 3"),
        revoked("revoked-from-the-top", &[revocation(Who::Acme, 0xa3)], "revoked 3"),
        revoked(
            "the-highest-revoked-link-is-named",
            &[revocation(Who::Ben, 0xa3), revocation(Who::Acme, 0xa2)],
            "revoked 2",
        ),
        revoked("revoked-by-a-stranger", &[revocation(Who::Stranger, 0xa1)], "ok"),
        revoked("revoked-by-its-audience", &[revocation(Who::Bot, 0xa3)], "ok"),
        revoked("revoked-from-below", &[revocation(Who::Ana, 0xa1), revocation(Who::Ben, 0xa0)], "ok"),
        revoked("another-grant-revoked", &[revocation(Who::Acme, 0xaf)], "ok"),
        revoked("revoked-for-another-principal", &[other_principal], "ok"),
        revoked(
            "a-strangers-revocation-beside-the-real-one",
            &[revocation(Who::Stranger, 0xa1), revocation(Who::Admin, 0xa1)],
            "revoked 1",
        ),
    ]
}

fn signatures() -> Vec<ChainCase> {
    vec![
        flipped("a-flipped-bit-in-the-first-signature", 1, "bad-signature 0"),
        flipped("a-flipped-bit-in-the-last-signature", 4, "bad-signature 3"),
        edited("a-first-link-signed-by-another", 2, |l| l[0].signer = Who::Stranger, "bad-signature 0"),
        edited("a-second-link-signed-by-another", 2, |l| l[1].signer = Who::Stranger, "bad-signature 1"),
        edited("a-signature-for-revocations", 2, |l| l[1].domain = Domain::Revocation, "bad-signature 1"),
        malleable(),
        weak_key(),
    ]
}

/// A lawful chain of `n` links with one bit of the last signature changed.
fn flipped(name: &'static str, n: usize, expect: &'static str) -> ChainCase {
    let mut chain = chain(&lawful(n));
    let place = chain.len() - 40;
    chain[place] ^= 1;
    case(name, chain, expect)
}

/// The order of the base point of Ed25519 (RFC 8032, section 5.1), little-endian.
const ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

/// A signature (R, S) turned into (R, S + order), which a lax verifier takes for valid.
fn malleable() -> ChainCase {
    let mut chain = chain(&lawful(1));
    let start = chain.len() - 32;
    let mut carry = 0;
    for (byte, order) in chain[start..].iter_mut().zip(ORDER) {
        let sum = u16::from(*byte) + u16::from(order) + carry;
        *byte = u8::try_from(sum & 0xff).unwrap();
        carry = sum >> 8;
    }
    case("a-signature-with-s-beyond-the-order", chain, "bad-signature 0")
}

/// The root is the neutral point, under which a lax verifier takes (neutral point, 0) for a signature of anything.
fn weak_key() -> ChainCase {
    let mut neutral = [0; 32];
    neutral[0] = 1;
    let link = Forged { principal: neutral, issuer: neutral, ..lawful(1).remove(0) };
    let mut signature = [0; 64];
    signature[0] = 1;
    let chain = join(&[signed(&link.payload(None), &signature)]);
    ChainCase { principal: neutral, ..case("a-root-key-of-small-order", chain, "bad-signature 0") }
}

/// An act under a lawful chain.
pub(crate) struct UseCase {
    pub(crate) name: &'static str,
    pub(crate) chain: Vec<u8>,
    pub(crate) device: [u8; 32],
    pub(crate) ability: &'static str,
    pub(crate) on: Option<[u8; 32]>,
    pub(crate) expect: &'static str,
}

pub(crate) fn uses() -> Vec<UseCase> {
    let admin = |name, ability, on, expect| UseCase {
        name,
        chain: chain(&lawful(1)),
        device: Who::Admin.public(),
        ability,
        on,
        expect,
    };
    let ana = |name, ability, on, expect| UseCase {
        name,
        chain: chain(&lawful(2)),
        device: Who::Ana.public(),
        ability,
        on,
        expect,
    };
    let stolen = UseCase {
        device: Who::Stranger.public(),
        ..ana("another-device-writes", "write", Some(THREAD), "wrong-audience")
    };
    vec![
        admin("the-administrator-admits", "admit", None, "ok"),
        admin("the-administrator-reads-any-thread", "read", Some([0x71; 32]), "ok"),
        ana("ana-writes", "write", Some(THREAD), "ok"),
        ana("ana-writes-elsewhere", "write", Some([0x71; 32]), "wrong-thread"),
        ana("ana-acts-for-the-principal", "write", None, "thread-only"),
        ana("ana-asks-for-a-payment", "request_payment", Some(THREAD), "ability-missing"),
        stolen,
    ]
}

/// A revocation to verify.
pub(crate) struct RevocationCase {
    pub(crate) name: &'static str,
    pub(crate) revocation: Vec<u8>,
    pub(crate) expect: &'static str,
}

pub(crate) fn revocation_forms() -> Vec<RevocationCase> {
    let case = |name, revocation, expect| RevocationCase { name, revocation, expect };
    let good = revocation(Who::Admin, 0xa1);
    let bytes = good.signed();
    let mut flipped = bytes.clone();
    let last = flipped.len() - 1;
    flipped[last] ^= 1;
    let other = ForgedRevocation { principal: Who::OtherRoot.public(), ..good.clone() };
    let grant = ForgedRevocation { domain: Domain::Grant, ..good.clone() };
    vec![
        case("by-a-device", bytes.clone(), "ok"),
        case("by-the-root", revocation(Who::Acme, 0xa1).signed(), "ok"),
        case("by-a-stranger", revocation(Who::Stranger, 0xa1).signed(), "ok"),
        case("no-bytes", Vec::new(), "malformed"),
        case("one-byte-over-the-limit", vec![0; 513], "too-long"),
        case("truncated", bytes[..100].to_vec(), "malformed"),
        case("a-trailing-byte", [&bytes[..], &[0]].concat(), "not-canonical"),
        case("a-chain", chain(&lawful(1)), "malformed"),
        case("version-2", ForgedRevocation { version: 2, ..good.clone() }.signed(), "unknown-version"),
        case("another-principal", other.signed(), "wrong-principal"),
        case("a-flipped-bit-in-the-signature", flipped, "bad-revocation"),
        case("signed-by-another", ForgedRevocation { signer: Who::Ana, ..good }.signed(), "bad-revocation"),
        case("a-signature-for-grants", grant.signed(), "bad-revocation"),
    ]
}
