//! Hostile bytes against every decoder: noise, mutants, and mutants in sound envelopes. Nothing panics, what decodes
//! has no second form, and no mutation of a signed object is accepted.
//!
//! `FRONTDESK_FUZZ_CASES` raises the number of inputs for each decoder; a failing input is printed.

use crate::{
    bundle_cases::bundle_cases,
    cbor,
    people::{NOW, Who, hex, unhex},
    samples::{bodies, frames},
    signed_cases::{content_cases, contents, profile_cases},
    vectors::{answer_body, answer_bundle, answer_content, answer_frame, answer_profile},
};
use ciborium::Value;
use frontdesk_identity::{Domain, codec};
use frontdesk_wire::{Reason, SignedContent};
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng as _, SeedableRng as _},
};
use std::{collections::BTreeMap, fmt::Write as _, fs, path::PathBuf};

const CASES: u64 = 20_000;

/// Something that reads bytes of strangers.
struct Decoder {
    /// The name of its file in the corpus.
    name: &'static str,
    /// The answer in the words of the golden vectors. Checks that what decodes has no second form.
    answer: fn(&[u8]) -> String,
    /// Lawful inputs.
    lawful: Vec<Vec<u8>>,
    /// What is lawful is signed: nothing else can be.
    signed: bool,
}

fn decoders() -> [Decoder; 6] {
    let accepted = |cases: Vec<crate::cases::Case>| {
        cases.into_iter().filter(|case| case.expect == "ok").map(|case| case.bytes).collect()
    };
    let profiles = profile_cases().into_iter().map(|profile| profile.case).collect();
    let frames = frames().iter().map(|sample| cbor::frame(sample.kind, &sample.fields)).collect();
    let bodies = bodies().iter().map(|sample| cbor::body(sample.kind, &sample.fields)).collect();
    let reasons = vec![vec![0x01], vec![0x18, 0x2b], vec![0x19, 0xff, 0xff]];
    [
        Decoder { name: "frame", answer: answer_frame, lawful: frames, signed: false },
        Decoder { name: "body", answer: answer_body, lawful: bodies, signed: false },
        Decoder { name: "content", answer: answer_content, lawful: accepted(content_cases()), signed: true },
        Decoder { name: "bundle", answer: answer_bundle, lawful: accepted(bundle_cases()), signed: false },
        Decoder { name: "profile", answer: now_profile, lawful: accepted(profiles), signed: true },
        Decoder { name: "reason", answer: answer_reason, lawful: reasons, signed: false },
    ]
}

fn now_profile(bytes: &[u8]) -> String {
    answer_profile(bytes, NOW)
}

fn answer_reason(bytes: &[u8]) -> String {
    match codec::decode::<Reason>(bytes, 8) {
        Ok(reason) => {
            assert_eq!(hex(codec::encode(&reason).unwrap()), hex(bytes));
            assert_eq!(Reason::from_code(reason.code()), reason);
            "ok".to_owned()
        }
        Err(codec::DecodeError::NotCanonical) => "not-canonical".to_owned(),
        Err(_) => "malformed".to_owned(),
    }
}

impl Decoder {
    fn check(&self, input: &[u8]) -> String {
        let failing = Failing(self.name, input);
        let answer = (self.answer)(input);
        let forged = self.signed && answer == "ok" && !self.lawful.iter().any(|lawful| lawful == input);
        assert!(!forged, "a mutation of a signed {} is accepted", self.name);
        std::mem::forget(failing);
        answer
    }

    /// What the corpus has one input of: an answer, and for frames and bodies the kind that it is given to.
    fn sort(&self, answer: &str, input: &[u8]) -> String {
        let word = answer.split(' ').next().unwrap();
        let kind = match (self.name, input) {
            ("frame", [0x83, 1, kind, ..]) | ("body", [0x82, kind, ..]) if *kind < 0x18 => *kind,
            _ => return word.to_owned(),
        };
        format!("{word} {kind}")
    }

    fn input(&self, rng: &mut ChaCha8Rng) -> Vec<u8> {
        match pick(rng, 4) {
            0 => noise(rng),
            1 => self.inner(rng),
            _ => mutant(rng, &self.lawful),
        }
    }

    /// A lawful envelope around mutated bytes, so that they get to the decoder of the fields.
    fn inner(&self, rng: &mut ChaCha8Rng) -> Vec<u8> {
        let mut outer = cbor::value_of(&self.lawful[pick(rng, self.lawful.len())]);
        let Some(elements) = outer.as_array_mut() else { return noise(rng) };
        let strings: Vec<_> = elements.iter_mut().filter_map(Value::as_bytes_mut).collect();
        let count = strings.len();
        let Some(fields) = strings.into_iter().nth(pick(rng, count.max(1))) else { return noise(rng) };
        *fields = mutate(rng, fields, &self.lawful);
        cbor::encode(&outer)
    }
}

/// Prints the input under which a decoder unwinds.
struct Failing<'a>(&'static str, &'a [u8]);

impl Drop for Failing<'_> {
    #[expect(clippy::print_stderr, reason = "the test harness shows it with the failure")]
    fn drop(&mut self) {
        eprintln!("failing input, for corpus/{}.txt: {}", self.0, hex(self.1));
    }
}

/// How many inputs each decoder gets: `FRONTDESK_FUZZ_CASES`, and never fewer than the usual number.
fn cases() -> u64 {
    std::env::var("FRONTDESK_FUZZ_CASES").map_or(CASES, |n| n.parse().unwrap()).max(CASES)
}

/// Answers of one decoder to many inputs: for each kind of answer, its shortest input.
fn attack(decoder: &Decoder) -> BTreeMap<String, Vec<u8>> {
    let mut telling: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for seed in 0..cases() {
        let input = decoder.input(&mut ChaCha8Rng::seed_from_u64(seed));
        let answer = decoder.check(&input);
        let shortest = telling.entry(decoder.sort(&answer, &input)).or_insert_with(|| input.clone());
        if input.len() < shortest.len() {
            *shortest = input;
        }
    }
    telling
}

fn attack_named(name: &str) {
    let decoder = decoders().into_iter().find(|decoder| decoder.name == name).unwrap();
    let telling = attack(&decoder);
    assert!(telling.len() >= 3, "{name} gave only {:?}", telling.keys());
    if std::env::var_os("FRONTDESK_BLESS").is_some() {
        keep(&decoder, telling);
    }
}

#[test]
fn hostile_frames_are_refused_or_have_one_form() {
    attack_named("frame");
}

#[test]
fn hostile_bodies_are_refused_or_have_one_form() {
    attack_named("body");
}

#[test]
fn no_mutation_of_a_content_is_accepted() {
    attack_named("content");
}

#[test]
fn hostile_bundles_are_refused_or_have_one_form() {
    attack_named("bundle");
}

#[test]
fn no_mutation_of_a_profile_is_accepted() {
    attack_named("profile");
}

#[test]
fn hostile_reasons_are_refused_or_have_one_form() {
    attack_named("reason");
}

/// An author signs whatever it likes. What is accepted is what the author would have signed by the book.
#[test]
fn a_content_that_its_author_mutated_is_refused_or_lawful() {
    let key = Who::CarlasPhone.key();
    let payloads: Vec<_> = contents().iter().map(|(_, _, fields)| cbor::encode(fields)).collect();
    for seed in 0..cases() {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let payload = mutant(&mut rng, &payloads);
        let failing = Failing("content", &payload);
        let unsigned = cbor::encode(&cbor::list([cbor::bytes(&payload), cbor::bytes([0; 64])]));
        // What is no lawful payload is refused before its signature is looked at.
        if SignedContent::decode(&unsigned).unwrap().read().is_ok() {
            let signature = key.sign(Domain::Message, &payload);
            let bytes = cbor::encode(&cbor::list([cbor::bytes(&payload), cbor::bytes(signature.as_bytes())]));
            if let Ok(content) = SignedContent::decode(&bytes).unwrap().verify() {
                assert_eq!(hex(content.sign(&key).unwrap().encode().unwrap()), hex(&bytes));
            }
        }
        std::mem::forget(failing);
    }
}

#[test]
fn every_input_of_the_corpus_gets_the_answer_that_stands_beside_it() {
    for decoder in decoders() {
        let corpus = corpus(&decoder);
        assert!(corpus.len() >= 2, "corpus/{}.txt has only {}", decoder.name, corpus.len());
        for (answer, input) in corpus {
            assert_eq!(decoder.check(&input), answer, "{} {}", decoder.name, hex(&input));
        }
    }
}

/// Adds inputs whose sort of answer the corpus doesn't have. What is in it stays.
fn keep(decoder: &Decoder, telling: BTreeMap<String, Vec<u8>>) {
    let old = corpus(decoder);
    let has = |sort: &String| old.iter().any(|(answer, input)| decoder.sort(answer, input) == *sort);
    let new = telling.into_iter().filter(|(sort, _)| !has(sort) && !sort.starts_with("ok"));
    let new: Vec<_> = new.map(|(_, input)| (decoder.check(&input), input)).collect();
    let mut text = format!("# Hostile inputs of the {} decoder. See ../vectors/README.md.\n", decoder.name);
    for (answer, input) in old.iter().chain(&new) {
        writeln!(text, "{answer}: {}", hex(input)).unwrap();
    }
    fs::write(corpus_path(decoder), text).unwrap();
}

fn corpus(decoder: &Decoder) -> Vec<(String, Vec<u8>)> {
    let text = fs::read_to_string(corpus_path(decoder)).unwrap_or_default();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.split_once(':').unwrap()).map(|(a, i)| (a.to_owned(), unhex(i.trim()))).collect()
}

fn corpus_path(decoder: &Decoder) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "corpus", &format!("{}.txt", decoder.name)].iter().collect()
}

/// Bytes that start like an array more often than not.
fn noise(rng: &mut ChaCha8Rng) -> Vec<u8> {
    let mut noise: Vec<_> = (0..pick(rng, 200)).map(|_| cbor_byte(rng)).collect();
    if pick(rng, 3) > 0 {
        noise.splice(0..0, [0x80 + below(rng, 4), below(rng, 24)]);
    }
    noise
}

/// A lawful input with small changes.
fn mutant(rng: &mut ChaCha8Rng, lawful: &[Vec<u8>]) -> Vec<u8> {
    let seed = &lawful[pick(rng, lawful.len())];
    mutate(rng, seed, lawful)
}

/// One to three small changes, of the kinds that parsers trip over.
fn mutate(rng: &mut ChaCha8Rng, seed: &[u8], others: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..=pick(rng, 3) {
        let at = pick(rng, bytes.len().max(1)).min(bytes.len());
        let end = (at + pick(rng, 40)).min(bytes.len());
        match pick(rng, 7) {
            0 if at < bytes.len() => bytes[at] ^= 1 << pick(rng, 8),
            1 if at < bytes.len() => bytes[at] = cbor_byte(rng),
            2 => bytes.truncate(at),
            3 => bytes.insert(at, cbor_byte(rng)),
            4 => drop(bytes.drain(at..end)),
            5 => {
                let copy = bytes[at..end].to_vec();
                bytes.splice(at..at, copy);
            }
            _ => {
                let other = &others[pick(rng, others.len())];
                let from = pick(rng, other.len());
                let upto = (from + pick(rng, 120)).min(other.len());
                bytes.splice(at..end, other[from..upto].iter().copied());
            }
        }
    }
    bytes
}

/// A byte that often means something in CBOR.
fn cbor_byte(rng: &mut ChaCha8Rng) -> u8 {
    const TELLING: [u8; 20] = [
        0x00, 0x01, 0x18, 0x1b, 0x3b, 0x40, 0x58, 0x5b, 0x5f, 0x7f, 0x80, 0x81, 0x82, 0x84, 0x9b, 0x9f, 0xbf,
        0xc2, 0xf6, 0xff,
    ];
    if pick(rng, 2) == 0 { TELLING[pick(rng, TELLING.len())] } else { rng.next_u32().to_le_bytes()[0] }
}

fn below(rng: &mut ChaCha8Rng, bound: u8) -> u8 {
    u8::try_from(pick(rng, bound.into())).unwrap()
}

fn pick(rng: &mut ChaCha8Rng, below: usize) -> usize {
    usize::try_from(rng.next_u64() % u64::try_from(below).unwrap()).unwrap()
}
