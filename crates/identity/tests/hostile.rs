//! Hostile bytes against every decoder: no panic, no loop, no forgery.
//!
//! Each decoder gets `FRONTDESK_FUZZ_CASES` inputs (default 20,000): half of them noise, half made from good ones by
//! changing, cutting and splicing. They follow from `FRONTDESK_FUZZ_SEED` (default 1); a failing case is printed.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says with what"
)]

use data_encoding::{BASE32_NOPAD, HEXLOWER};
use frontdesk_identity::*;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};
use sha2::{Digest as _, Sha256};

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

/// Prints the input if the decoder panics on it.
struct Case<'a> {
    seed: u64,
    input: &'a [u8],
}

impl Drop for Case<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!(
                "FRONTDESK_FUZZ_SEED={} FRONTDESK_FUZZ_CASES=1: {}",
                self.seed,
                HEXLOWER.encode(self.input)
            );
        }
    }
}

/// Runs `decode` on noise and on descendants of `samples`.
fn attack(samples: &[Vec<u8>], mut decode: impl FnMut(&[u8])) {
    let first = setting("FRONTDESK_FUZZ_SEED", 1);
    for seed in first..first + setting("FRONTDESK_FUZZ_CASES", 20_000) {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let input = if seed % 2 == 0 { noise(&mut rng) } else { descendant(samples, &mut rng) };
        let case = Case { seed, input: &input };
        decode(case.input);
    }
}

fn below(rng: &mut ChaCha20Rng, bound: usize) -> usize {
    usize::try_from(rng.next_u64() % u64::try_from(bound.max(1)).unwrap()).unwrap()
}

fn noise(rng: &mut ChaCha20Rng) -> Vec<u8> {
    let mut bytes = vec![0; below(rng, 300)];
    rng.fill_bytes(&mut bytes);
    // The start of an array gets noise past the first byte of a CBOR decoder.
    if let Some(first) = bytes.first_mut().filter(|b| **b % 2 == 0) {
        *first = 0x80 | (*first >> 5);
    }
    bytes
}

fn descendant(samples: &[Vec<u8>], rng: &mut ChaCha20Rng) -> Vec<u8> {
    let pick = |rng: &mut ChaCha20Rng| samples.get(below(rng, samples.len())).unwrap().clone();
    let mut bytes = pick(rng);
    for _ in 0..=below(rng, 4) {
        let at = below(rng, bytes.len());
        match below(rng, 6) {
            0 => bytes.iter_mut().skip(at).take(1).for_each(|b| *b ^= 1 << (rng.next_u32() % 8)),
            1 => bytes.iter_mut().skip(at).take(1).for_each(|b| *b = rng.next_u32().to_le_bytes()[0]),
            2 => bytes.insert(at, rng.next_u32().to_le_bytes()[0]),
            3 => drop(bytes.drain(at..(at + 1 + below(rng, 4)).min(bytes.len()))),
            4 => bytes.truncate(at),
            _ => {
                let other = pick(rng);
                let from = below(rng, other.len());
                bytes.truncate(at);
                bytes.extend_from_slice(other.get(from..).unwrap());
            }
        }
    }
    bytes
}

fn keys(seed: u64) -> DeviceKeys {
    DeviceKeys::generate(&mut ChaCha20Rng::seed_from_u64(seed))
}

fn root() -> RootKey {
    RootKey::from_seed(&[1; 32])
}

fn addresses() -> Vec<DialAddress> {
    vec!["/ip4/192.0.2.1/tcp/4001".parse().unwrap(), "/dns/acme%20.example/tcp/1".parse().unwrap()]
}

fn device_records() -> Vec<Vec<u8>> {
    (1..4)
        .map(|n| DeviceRecord::sign(&keys(n), root().principal(), UnixTime(n)).as_bytes().to_vec())
        .collect()
}

fn address_records() -> Vec<Vec<u8>> {
    let sign = |n| AddressRecord::sign(&keys(n), n, &addresses(), UnixTime(1000)).unwrap();
    (1..4).map(|n| sign(n).as_bytes().to_vec()).collect()
}

fn links() -> Vec<Vec<u8>> {
    let link =
        |addresses| ContactLink::new(root().principal(), keys(1).transport_public(), addresses).unwrap();
    vec![link(vec![]).to_string().into_bytes(), link(addresses()).to_string().into_bytes()]
}

fn invitations() -> Vec<Vec<u8>> {
    let invitation = Invitation {
        entity: root().principal(),
        administrator: keys(1).id(),
        transport: keys(1).transport_public(),
        role: Role::Agent,
        code: InvitationCode::from_bytes([7; 16]),
        expires: UnixTime(1000),
        addresses: addresses(),
    };
    vec![invitation.reveal().unwrap().as_bytes().to_vec()]
}

#[test]
fn hostile_device_records_are_refused() {
    let samples = device_records();
    attack(&samples, |bytes| {
        let verified = SignedDeviceRecord::from_bytes(bytes).is_ok_and(|signed| signed.verify().is_ok());
        assert!(!verified || samples.iter().any(|sample| sample == bytes), "forged");
    });
}

#[test]
fn hostile_address_records_are_refused() {
    let samples = address_records();
    attack(&samples, |bytes| {
        let verified =
            SignedAddressRecord::from_bytes(bytes).is_ok_and(|signed| signed.verify(UnixTime(0)).is_ok());
        assert!(!verified || samples.iter().any(|sample| sample == bytes), "forged");
    });
}

#[test]
fn hostile_cbor_is_refused_or_canonical() {
    let samples: Vec<_> = device_records()
        .into_iter()
        .map(|bytes| codec::encode(&SignedDeviceRecord::from_bytes(bytes).unwrap()).unwrap())
        .chain([codec::encode(&(1u64, vec!["a text".to_owned()], Some(UnixTime(5)))).unwrap()])
        .collect();
    attack(&samples, |bytes| {
        if let Ok(value) = codec::decode::<SignedDeviceRecord>(bytes, 400) {
            assert_eq!(codec::encode(&value).unwrap(), bytes);
        }
        if let Ok(value) = codec::decode_versioned::<(u64, Vec<DialAddress>, Option<UnixTime>)>(bytes, 400, 1)
        {
            assert_eq!(codec::encode(&value).unwrap(), bytes);
        }
    });
}

#[test]
fn hostile_contact_links_are_refused() {
    attack(&links(), |bytes| {
        let text = String::from_utf8_lossy(bytes);
        if let Ok(link) = text.parse::<ContactLink>() {
            let good = links();
            assert!(good.iter().any(|sample| sample == link.as_str().as_bytes()), "forged");
        }
    });
}

#[test]
fn hostile_invitations_are_refused() {
    attack(&invitations(), |bytes| {
        let text = String::from_utf8_lossy(bytes);
        if let Ok(invitation) = text.parse::<Invitation>() {
            assert_eq!(invitation.reveal().unwrap().as_bytes(), invitations().concat(), "forged");
        }
    });
}

#[test]
fn hostile_links_with_an_intact_checksum_do_not_panic() {
    let samples = [vec![1; 65], vec![1; 122], b"?at=/a&at=/b%25".to_vec()];
    attack(&samples, |bytes| {
        let (body, tail) = bytes.split_at(bytes.len().min(122));
        let query =
            if tail.is_empty() { String::new() } else { format!("?at={}", String::from_utf8_lossy(tail)) };
        // White space at the end of a link is not part of it.
        let query = query.trim_ascii_end();
        for kind in ["contact", "join"] {
            let hash = Sha256::new().chain_update(b"frontdesk/link-checksum/v1\0").chain_update(kind);
            let hash = hash.chain_update([0]).chain_update(body).chain_update(query).finalize();
            let word = BASE32_NOPAD.encode(&[body, hash.get(..4).unwrap()].concat());
            let text = format!("frontdesk:{kind}/{word}{query}");
            assert_ne!(
                text.parse::<ContactLink>().err(),
                Some(LinkError::Mistyped),
                "the checksum is intact"
            );
            assert_ne!(text.parse::<Invitation>().err(), Some(LinkError::Mistyped), "the checksum is intact");
        }
    });
}

#[test]
fn hostile_key_files_are_refused() {
    let secret = b"the secret of a key file";
    let passphrase = Passphrase::new("open sesame".to_owned());
    let protection = Protection::Passphrase { passphrase: &passphrase, cost: PassphraseCost::CHEAPEST };
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let plain = seal_key_file(secret, Protection::Plain, &mut rng).unwrap().to_vec();
    let sealed = seal_key_file(secret, protection, &mut rng).unwrap().to_vec();
    attack(&[plain, sealed], |bytes| {
        for passphrase in [None, Some(&passphrase)] {
            if let Ok(opened) = open_key_file(bytes, passphrase) {
                assert_eq!(opened.as_slice(), secret, "forged");
            }
        }
    });
}

#[test]
fn hostile_stored_keys_do_not_panic() {
    let samples = [
        StoredDeviceKeys::from(&keys(1)).as_bytes().to_vec(),
        StoredRootKey::from(&root()).as_bytes().to_vec(),
    ];
    attack(&samples, |bytes| {
        let bytes = || zeroize::Zeroizing::new(bytes.to_vec());
        let _ = RootKey::try_from(&StoredRootKey::from_bytes(bytes()));
        let _ = DeviceKeys::try_from(&StoredDeviceKeys::from_bytes(bytes()));
    });
}

#[test]
fn hostile_phrases_and_small_texts_do_not_panic() {
    let phrase = RecoveryPhrase::of(&root());
    let samples = [phrase.reveal().as_bytes().to_vec(), b"123 456".to_vec(), "a7".repeat(32).into_bytes()];
    attack(&samples, |bytes| {
        let text = String::from_utf8_lossy(bytes);
        let _ = text.parse::<RecoveryPhrase>();
        let _ = text.parse::<DialAddress>();
        let _ = text.parse::<Role>();
        if let Ok(number) = text.parse::<ShortNumber>() {
            assert_eq!(number.to_string().parse(), Ok(number));
        }
        if let Ok(id) = text.parse::<DeviceId>() {
            assert_eq!(id.to_string(), text);
        }
    });
}
