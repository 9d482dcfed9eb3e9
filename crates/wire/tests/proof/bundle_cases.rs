//! The bundles of the golden vectors. What they hold is written and signed as contents are.

use crate::{
    cases::{Case, case},
    cbor::{bytes, elements, encode, int, list, value_of},
    signed_cases::{by_carla, contents},
};
use ciborium::Value;

/// A lawful content with this number, with nobody seen.
fn numbered(number: u64) -> Value {
    let (_, _, mut fields) = contents().remove(0);
    let of = elements(&mut fields);
    (of[4], of[5], of[6]) = (int(number), int(number + 4), list([]));
    value_of(&by_carla(&encode(&fields)))
}

/// So many of them, in their order.
fn row(count: u64) -> Value {
    Value::Array((1..=count).map(numbered).collect())
}

fn bundle(name: &'static str, contents: &Value, expect: &'static str) -> Case {
    case(name, encode(contents), expect)
}

/// Two contents, of which the second is changed.
fn second(name: &'static str, edit: impl FnOnce(&mut Value), expect: &'static str) -> Case {
    let mut two = row(2);
    edit(&mut elements(&mut two)[1]);
    bundle(name, &two, expect)
}

pub(crate) fn bundle_cases() -> Vec<Case> {
    lawful().into_iter().chain(shapes()).chain(members()).collect()
}

fn lawful() -> Vec<Case> {
    let kinds: Vec<Value> =
        contents().into_iter().map(|(_, _, fields)| value_of(&by_carla(&encode(&fields)))).collect();
    let names = ["a-text", "a-mark", "a-close", "a-name"];
    let each = names.into_iter().zip(&kinds).map(|(name, kind)| bundle(name, &list([kind.clone()]), "ok"));
    let more = [
        bundle("one-of-each-kind", &Value::Array(kinds.clone()), "ok"),
        bundle("two", &row(2), "ok"),
        bundle("twenty-three", &row(23), "ok"),
        bundle("twenty-four", &row(24), "ok"),
        bundle("sixty-four", &row(64), "ok"),
        bundle("the-same-twice", &list([numbered(1), numbered(1)]), "ok"),
    ];
    each.chain(more).collect()
}

fn shapes() -> Vec<Case> {
    let one = encode(&row(1));
    vec![
        case("no-bytes", Vec::new(), "malformed"),
        bundle("none", &list([]), "malformed"),
        bundle("sixty-five", &row(65), "malformed"),
        bundle("a-content-without-a-list", &numbered(1), "malformed"),
        bundle("a-list-in-a-list", &list([row(1)]), "malformed"),
        bundle("a-number", &int(1_u64), "malformed"),
        bundle("bytes", &bytes(&one), "malformed"),
        case("a-trailing-byte", [&one[..], &[0]].concat(), "not-canonical"),
        case("a-length-in-longer-form", [&[0x98, 1], &one[1..]].concat(), "not-canonical"),
        case("a-list-without-length", [&[0x9f], &one[1..], &[0xff]].concat(), "not-canonical"),
        case("cut-short", one[..one.len() - 1].to_vec(), "malformed"),
        case("one-announced-and-none-there", vec![0x81], "malformed"),
    ]
}

fn members() -> Vec<Case> {
    let signature = |content: &mut Value| elements(content)[1].as_bytes_mut().unwrap().clone();
    vec![
        second(
            "a-flipped-bit-in-the-second-signature",
            |content| {
                let mut flipped = signature(content);
                flipped[9] ^= 1;
                elements(content)[1] = bytes(flipped);
            },
            "bad-signature",
        ),
        second(
            "a-short-second-signature",
            |content| {
                let short = signature(content)[1..].to_vec();
                elements(content)[1] = bytes(short);
            },
            "malformed",
        ),
        second(
            "the-second-under-the-first-ones-signature",
            |content| {
                let other = elements(&mut numbered(1))[1].clone();
                elements(content)[1] = other;
            },
            "bad-signature",
        ),
        second("a-second-of-three-parts", |content| elements(content).push(int(0_u64)), "not-canonical"),
        second("a-second-of-one-part", |content| drop(elements(content).pop()), "malformed"),
        second("a-second-that-is-null", |content| *content = Value::Null, "malformed"),
    ]
}
