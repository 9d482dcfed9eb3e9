//! The golden vectors: written from the cases when `FRONTDESK_BLESS` is set, and replayed from the files alone.

use crate::{
    bundle_cases::bundle_cases,
    cases::{body_cases, frame_cases},
    cbor::{self, diagnostic, encode, value_of},
    people::{Who, hex, profile, signed_profile, unhex},
    samples::{bodies, frames},
    signed_cases::{content_cases, contents, profile_cases, profile_fields},
};
use ciborium::Value;
use frontdesk_capability::Revocations;
use frontdesk_identity::{
    UnixTime,
    codec::{self, DecodeError},
};
use frontdesk_wire::{
    Body, Bundle, ContentError, Frame, FrameError, ProfileError, Reason, SignedContent, SignedProfile, limits,
};
use std::{
    collections::{BTreeSet, HashSet},
    fmt::Write as _,
    fs,
    path::PathBuf,
};

#[test]
fn the_files_hold_what_the_cases_say() {
    for (file, text) in [
        ("frames.txt", frames_text()),
        ("bodies.txt", bodies_text()),
        ("contents.txt", contents_text()),
        ("bundles.txt", bundles_text()),
        ("profiles.txt", profiles_text()),
        ("reasons.txt", reasons_text()),
    ] {
        if std::env::var_os("FRONTDESK_BLESS").is_some() {
            fs::write(path(file), &text).unwrap();
        }
        assert!(fs::read_to_string(path(file)).unwrap() == text, "{file} differs; see vectors/README.md");
    }
}

#[test]
fn every_frame_gets_the_answer_that_its_vector_names() {
    replay("frames.txt", |vector| answer_frame(&vector.bytes("frame")));
}

#[test]
fn every_body_gets_the_answer_that_its_vector_names() {
    replay("bodies.txt", |vector| answer_body(&vector.bytes("body")));
}

#[test]
fn every_content_gets_the_answer_that_its_vector_names() {
    replay("contents.txt", |vector| answer_content(&vector.bytes("content")));
}

#[test]
fn every_bundle_gets_the_answer_that_its_vector_names() {
    replay("bundles.txt", |vector| answer_bundle(&vector.bytes("bundle")));
}

#[test]
fn every_profile_gets_the_answer_that_its_vector_names() {
    replay("profiles.txt", |vector| {
        let now = UnixTime(vector.one("now").parse().unwrap());
        answer_profile(&vector.bytes("profile"), now)
    });
}

#[test]
fn lawful_values_have_the_bytes_that_were_written_by_hand() {
    for sample in frames() {
        let bytes = cbor::frame(sample.kind, &sample.fields);
        assert_eq!(hex(sample.value.encode().unwrap()), hex(&bytes), "{}", sample.name);
        assert_eq!(Frame::decode(&bytes).unwrap(), sample.value, "{}", sample.name);
    }
    for sample in bodies() {
        let bytes = cbor::body(sample.kind, &sample.fields);
        assert_eq!(hex(sample.value.encode().unwrap()), hex(&bytes), "{}", sample.name);
        assert_eq!(Body::decode(&bytes).unwrap(), sample.value, "{}", sample.name);
    }
    let cases = content_cases();
    for (name, content, _) in contents() {
        let case = cases.iter().find(|case| case.name == name).unwrap();
        let signed = content.sign(&Who::CarlasPhone.key()).unwrap();
        assert_eq!(hex(signed.encode().unwrap()), hex(&case.bytes), "{name}");
        assert_eq!(SignedContent::decode(&case.bytes).unwrap().verify().unwrap(), content, "{name}");
    }
    let lawful = profile_cases().remove(0);
    assert_eq!(hex(codec::encode(&signed_profile()).unwrap()), hex(&lawful.case.bytes));
    assert_eq!(signed_profile().read().unwrap(), profile());
    assert_eq!(diagnostic(&says_profile(&lawful.case.bytes)), diagnostic(&profile_fields()));
}

#[test]
fn every_kind_of_frame_body_and_content_has_a_lawful_vector() {
    let kinds = |file, kind: fn(&Vector) -> &str| {
        let lawful: Vec<_> = read(file).into_iter().filter(|v| v.one("expect") == "ok").collect();
        lawful.iter().map(|vector| kind(vector).parse().unwrap()).collect::<BTreeSet<u64>>()
    };
    assert_eq!(kinds("frames.txt", |v| v.one("says").split(' ').nth(1).unwrap()), (1..=4).collect());
    let bodies = kinds("bodies.txt", |v| v.one("says").split(' ').next().unwrap());
    assert_eq!(bodies, (1..=26).collect());
    for kind in (0..=255).filter(|kind| !bodies.contains(kind)) {
        let answer = answer_body(&cbor::body(kind, &cbor::list([])));
        assert_eq!(answer, format!("unknown-kind {kind}"), "a kind without a vector");
    }
    let said = |v: &Vector| SignedContent::decode(&v.bytes("content")).unwrap().verify().unwrap().kind;
    let contents = read("contents.txt").into_iter().filter(|v| v.one("expect") == "ok");
    let contents: HashSet<_> = contents.map(|v| std::mem::discriminant(&said(&v))).collect();
    assert_eq!(contents.len(), 4);
}

/// Compares the answer to each vector of `file` with the one that it names.
fn replay(file: &str, answer: impl Fn(&Vector) -> String) {
    let vectors = read(file);
    assert!(vectors.len() > 20, "{file} has only {}", vectors.len());
    let names: BTreeSet<_> = vectors.iter().map(|vector| vector.one("name")).collect();
    assert_eq!(names.len(), vectors.len(), "a name stands twice in {file}");
    let wrong = vectors.iter().filter(|vector| answer(vector) != vector.one("expect"));
    let wrong: Vec<_> = wrong.map(|vector| (vector.one("name"), answer(vector))).collect();
    assert!(wrong.is_empty(), "{file}: {wrong:?}");
}

/// The answer to a frame in the words of the files. What decodes must come back as the same bytes.
pub(crate) fn answer_frame(bytes: &[u8]) -> String {
    let frame = match Frame::decode(bytes) {
        Ok(frame) => frame,
        Err(error) => return spell_frame(error),
    };
    assert_eq!(hex(frame.encode().unwrap()), hex(bytes));
    "ok".to_owned()
}

/// The answer to a body in the words of the files.
pub(crate) fn answer_body(bytes: &[u8]) -> String {
    let body = match Body::decode(bytes) {
        Ok(body) => body,
        Err(error) => return spell_frame(error),
    };
    assert_eq!(hex(body.encode().unwrap()), hex(bytes));
    "ok".to_owned()
}

/// The answer to a signed content in the words of the files.
pub(crate) fn answer_content(bytes: &[u8]) -> String {
    let signed = match SignedContent::decode(bytes) {
        Ok(signed) => signed,
        Err(error) => return spell(error),
    };
    assert_eq!(hex(signed.encode().unwrap()), hex(bytes));
    match signed.verify() {
        Ok(content) => {
            assert_eq!(signed.read().unwrap(), content);
            "ok".to_owned()
        }
        Err(ContentError::Decode(error)) => spell(error),
        Err(ContentError::Signature(_)) => "bad-signature".to_owned(),
        Err(ContentError::UnknownKind(kind)) => format!("unknown-kind {kind}"),
        Err(ContentError::OutOfBounds) => "out-of-bounds".to_owned(),
    }
}

/// The answer to a bundle, in the words of the files: the first answer to one of its contents that isn't `ok`.
pub(crate) fn answer_bundle(bytes: &[u8]) -> String {
    let bundle = match Bundle::decode(bytes) {
        Ok(bundle) => bundle,
        Err(error) => return spell(error),
    };
    assert_eq!(hex(bundle.encode().unwrap()), hex(bytes));
    let answers = bundle.contents().iter().map(|content| answer_content(&content.encode().unwrap()));
    answers.into_iter().find(|answer| answer != "ok").unwrap_or_else(|| "ok".to_owned())
}

/// The answer to a signed profile, expected of Acme, in the words of the files.
pub(crate) fn answer_profile(bytes: &[u8], now: UnixTime) -> String {
    let signed: SignedProfile = match codec::decode(bytes, limits::MAX_SIGNED_PROFILE) {
        Ok(signed) => signed,
        Err(error) => return spell(error),
    };
    assert_eq!(hex(codec::encode(&signed).unwrap()), hex(bytes));
    match signed.verify(&Who::Acme.principal(), now, &Revocations::new()) {
        Ok(profile) => {
            assert_eq!(signed.read().unwrap(), profile);
            "ok".to_owned()
        }
        Err(ProfileError::Decode(error)) => spell(error),
        Err(ProfileError::Signature(_)) => "bad-signature".to_owned(),
        Err(ProfileError::Grant(refusal)) => format!("grant {}", refusal.code()),
        Err(ProfileError::WrongEntity) => "wrong-entity".to_owned(),
        Err(ProfileError::OutOfBounds) => "out-of-bounds".to_owned(),
    }
}

fn spell_frame(error: FrameError) -> String {
    match error {
        FrameError::Decode(error) => spell(error),
        FrameError::UnknownKind(kind) => format!("unknown-kind {kind}"),
        FrameError::OutOfBounds => "out-of-bounds".to_owned(),
    }
}

fn spell(error: DecodeError) -> String {
    match error {
        DecodeError::TooLong { .. } => "too-long".to_owned(),
        DecodeError::Malformed => "malformed".to_owned(),
        DecodeError::NotCanonical => "not-canonical".to_owned(),
        DecodeError::UnknownVersion { found, .. } => format!("unknown-version {found}"),
    }
}

fn frames_text() -> String {
    let mut text = String::from("# Frames to decode. See README.md.\n");
    for case in frame_cases() {
        writeln!(text, "\nname: {}\nframe: {}", case.name, hex(&case.bytes)).unwrap();
        if case.expect == "ok" {
            let [version, kind, fields] = <[Value; 3]>::try_from(split(&case.bytes)).unwrap();
            let fields = value_of(fields.as_bytes().unwrap());
            let says = [version, kind, fields].map(|value| diagnostic(&value)).join(" ");
            writeln!(text, "says: {says}").unwrap();
        }
        writeln!(text, "expect: {}", case.expect).unwrap();
    }
    text
}

fn bodies_text() -> String {
    let mut text = String::from("# Bodies to decode. See README.md.\n");
    for case in body_cases() {
        writeln!(text, "\nname: {}\nbody: {}", case.name, hex(&case.bytes)).unwrap();
        if case.expect == "ok" {
            let [kind, fields] = <[Value; 2]>::try_from(split(&case.bytes)).unwrap();
            let fields = value_of(fields.as_bytes().unwrap());
            writeln!(text, "says: {} {}", diagnostic(&kind), diagnostic(&fields)).unwrap();
        }
        writeln!(text, "expect: {}", case.expect).unwrap();
    }
    text
}

fn contents_text() -> String {
    let mut text = String::from("# Signed contents to verify. See README.md.\n");
    for case in content_cases() {
        writeln!(text, "\nname: {}\ncontent: {}", case.name, hex(&case.bytes)).unwrap();
        if contents().iter().any(|(name, _, _)| *name == case.name) {
            let [payload, signature] = <[Value; 2]>::try_from(split(&case.bytes)).unwrap();
            let payload = payload.into_bytes().unwrap();
            writeln!(text, "seed: {}", hex(Who::CarlasPhone.seed())).unwrap();
            writeln!(text, "payload: {}", hex(&payload)).unwrap();
            writeln!(text, "says: {}", diagnostic(&value_of(&payload))).unwrap();
            writeln!(text, "signature: {}", hex(signature.into_bytes().unwrap())).unwrap();
        }
        writeln!(text, "expect: {}", case.expect).unwrap();
    }
    text
}

fn bundles_text() -> String {
    let mut text = String::from("# Bundles of contents. See README.md.\n");
    for case in bundle_cases() {
        writeln!(text, "\nname: {}\nbundle: {}\nexpect: {}", case.name, hex(&case.bytes), case.expect)
            .unwrap();
    }
    text
}

fn profiles_text() -> String {
    let mut text = String::from("# Signed profiles to verify. See README.md.\n");
    for (n, ProfileCaseLine { now, name, bytes, expect }) in profile_lines().enumerate() {
        writeln!(text, "\nname: {name}\nentity: {}\nnow: {now}", Who::Acme.principal()).unwrap();
        writeln!(text, "profile: {}", hex(&bytes)).unwrap();
        if n == 0 {
            writeln!(text, "seed: {}", hex(Who::Admin.seed())).unwrap();
            writeln!(text, "payload: {}", hex(encode(&profile_fields()))).unwrap();
            writeln!(text, "says: {}", diagnostic(&says_profile(&bytes))).unwrap();
        }
        writeln!(text, "expect: {expect}").unwrap();
    }
    text
}

struct ProfileCaseLine {
    now: u64,
    name: &'static str,
    bytes: Vec<u8>,
    expect: &'static str,
}

fn profile_lines() -> impl Iterator<Item = ProfileCaseLine> {
    profile_cases().into_iter().map(|profile| ProfileCaseLine {
        now: profile.now.0,
        name: profile.case.name,
        bytes: profile.case.bytes,
        expect: profile.case.expect,
    })
}

fn says_profile(bytes: &[u8]) -> Value {
    value_of(split(bytes)[0].as_bytes().unwrap())
}

fn reasons_text() -> String {
    let mut text = String::from("# Reasons that one node tells another. See README.md.\n");
    for reason in Reason::ALL {
        writeln!(text, "\ncode: {}\nword: {}\nsays: {reason}", reason.code(), reason.as_str()).unwrap();
    }
    text
}

fn split(bytes: &[u8]) -> Vec<Value> {
    value_of(bytes).into_array().unwrap()
}

/// One record of a file: its `key: value` lines.
pub(crate) struct Vector(Vec<(String, String)>);

impl Vector {
    pub(crate) fn one<'a>(&'a self, key: &str) -> &'a str {
        self.0.iter().find(|(k, _)| k == key).map(|(_, value)| value.as_str()).unwrap()
    }

    pub(crate) fn bytes(&self, key: &str) -> Vec<u8> {
        unhex(self.one(key))
    }
}

/// The records of a file.
pub(crate) fn read(file: &str) -> Vec<Vector> {
    let text = fs::read_to_string(path(file)).unwrap();
    let records = text.split("\n\n").skip(1);
    records.map(|r| Vector(r.lines().map(|l| l.split_once(':').unwrap()).map(pair).collect())).collect()
}

fn pair((key, value): (&str, &str)) -> (String, String) {
    (key.to_owned(), value.trim().to_owned())
}

fn path(file: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "vectors", file].iter().collect()
}
