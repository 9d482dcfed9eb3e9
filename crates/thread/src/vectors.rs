//! Golden vectors of what is sealed under exported keys, written when `FRONTDESK_BLESS` is set. The key itself is MLS's.

use crate::{history, refill};
use frontdesk_identity::{DeviceId, ThreadId};
use std::{collections::BTreeMap, fmt::Write as _, fs};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/vectors/sealed.txt");
const KEY: [u8; 32] = *b"a key that MLS has exported, 32 ";
const NONCE: [u8; 24] = *b"a nonce of 24 bytes, yes";

struct Sealed {
    name: &'static str,
    era: u32,
    /// Of a history piece its index, of a refill its epoch.
    number: u64,
    context: Vec<u8>,
    aad: Vec<u8>,
    plaintext: &'static [u8],
}

fn cases() -> Vec<Sealed> {
    let thread = ThreadId::from_bytes([0x7d; 32]);
    let [sealer, reader] = [0xa1, 0xb2].map(|byte| DeviceId::from_bytes([byte; 32]));
    let piece = |name, era, index: u32, plaintext| Sealed {
        name,
        era,
        number: index.into(),
        context: history::context(&thread, &reader),
        aad: history::aad(&thread, era, index),
        plaintext,
    };
    let missed = |name, era, epoch, plaintext| Sealed {
        name,
        era,
        number: epoch,
        context: refill::context(&thread, &sealer, &reader),
        aad: refill::aad(&thread, era, epoch),
        plaintext,
    };
    vec![
        piece("history-the-first-piece", 0, 0, b"\x80"),
        piece("history-a-later-piece-of-a-later-era", 3, 255, b"history"),
        missed("refill-of-the-first-era", 0, 1, b"a bundle"),
        missed("refill-of-a-later-era", 3, 1 << 20, b""),
    ]
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

#[test]
fn what_is_sealed_under_an_exported_key_has_the_bytes_of_its_vector() {
    let mut text = String::from("# Sealed under exported keys. See README.md.\n");
    for case in cases() {
        let sealed = history::seal_under(&KEY, NONCE, &case.aad, case.plaintext).unwrap();
        writeln!(text, "\nname: {}\nera: {}\nnumber: {}", case.name, case.era, case.number).unwrap();
        for (name, bytes) in [
            ("context", case.context.as_slice()),
            ("key", &KEY),
            ("aad", &case.aad),
            ("plaintext", case.plaintext),
            ("sealed", &sealed),
        ] {
            writeln!(text, "{name}: {}", hex(bytes)).unwrap();
        }
    }
    if std::env::var_os("FRONTDESK_BLESS").is_some() {
        fs::write(FILE, &text).unwrap();
    }
    assert!(fs::read_to_string(FILE).unwrap() == text, "sealed.txt differs; see vectors/README.md");
}

/// From the file alone, and by the cipher alone: a second implementation can do the same.
#[test]
fn every_vector_opens_with_its_key_and_what_it_is_bound_to() {
    use chacha20poly1305::{
        XNonce,
        aead::{Aead as _, Payload},
    };
    let text = fs::read_to_string(FILE).unwrap();
    let records: Vec<BTreeMap<&str, &str>> = text
        .split("\n\n")
        .skip(1)
        .map(|record| {
            record
                .lines()
                .filter_map(|line| line.split_once(':').map(|(name, value)| (name, value.trim())))
                .collect()
        })
        .collect();
    assert_eq!(records.len(), cases().len());
    for record in records {
        let bytes = |name| unhex(record[name]);
        let (key, aad, sealed) = (bytes("key"), bytes("aad"), bytes("sealed"));
        assert_eq!(sealed[0], 1, "the version");
        let nonce = XNonce::from(<[u8; 24]>::try_from(&sealed[1..25]).unwrap());
        let opened =
            history::cipher(&key).unwrap().decrypt(&nonce, Payload { msg: &sealed[25..], aad: &aad });
        assert_eq!(opened.unwrap(), bytes("plaintext"), "{}", record["name"]);
    }
}
