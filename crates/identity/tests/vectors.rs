//! The bytes of every format, fixed: `tests/vectors/*.txt`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use data_encoding::HEXLOWER;
use frontdesk_identity::*;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use std::{fs, path::PathBuf};
use zeroize::Zeroizing;

/// The lines of one vector file, in order.
struct Vector {
    file: &'static str,
    lines: Vec<(&'static str, String)>,
}

impl Vector {
    const fn new(file: &'static str) -> Self {
        Self { file, lines: Vec::new() }
    }

    fn bytes(mut self, name: &'static str, bytes: impl AsRef<[u8]>) -> Self {
        self.lines.push((name, HEXLOWER.encode(bytes.as_ref())));
        self
    }

    fn text(mut self, name: &'static str, text: impl ToString) -> Self {
        self.lines.push((name, text.to_string()));
        self
    }

    /// Compares with the file in the repository.
    fn check(self) {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(self.file);
        let now: String = self.lines.iter().map(|(name, value)| format!("{name} = {value}\n")).collect();
        if std::env::var_os("FRONTDESK_WRITE_VECTORS").is_some() {
            fs::write(&path, &now).unwrap();
        }
        let golden = fs::read_to_string(&path).unwrap();
        let golden: Vec<&str> = golden.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(now.lines().collect::<Vec<_>>(), golden, "{}", self.file);
    }
}

const TRANSPORT_SEED: [u8; 32] = [0x11; 32];
const SIGNING_SEED: [u8; 32] = [0x22; 32];
const SEAL_SECRET: [u8; 32] = [0x33; 32];
const ROOT_SEED: [u8; 32] = [0x44; 32];
const CREATED: UnixTime = UnixTime(1_767_225_600);

fn root() -> RootKey {
    RootKey::from_seed(&ROOT_SEED)
}

/// Device keys of the seeds above: CBOR `[1, transport, signing, seal]`.
fn keys() -> DeviceKeys {
    let seeds =
        [&[0x84, 1, 0x58, 32][..], &TRANSPORT_SEED, &[0x58, 32], &SIGNING_SEED, &[0x58, 32], &SEAL_SECRET];
    DeviceKeys::try_from(&StoredDeviceKeys::from_bytes(Zeroizing::new(seeds.concat()))).unwrap()
}

fn addresses() -> Vec<DialAddress> {
    let texts =
        ["/ip4/192.0.2.1/tcp/4001", "/dns/acme.example/udp/4001/quic-v1", "/ip6zone/eth%0/ip6/fe80::1/tcp/1"];
    texts.map(|text| text.parse().unwrap()).to_vec()
}

#[test]
fn keys_match_the_golden_bytes() {
    let phrase = RecoveryPhrase::of(&root());
    Vector::new("keys.txt")
        .bytes("transport_seed", TRANSPORT_SEED)
        .bytes("signing_seed", SIGNING_SEED)
        .bytes("seal_secret", SEAL_SECRET)
        .bytes("root_seed", ROOT_SEED)
        .bytes("transport_key", keys().transport_public().as_bytes())
        .bytes("device_id", keys().id().as_bytes())
        .bytes("seal_key", keys().seal_public().as_bytes())
        .bytes("principal", root().principal().as_bytes())
        .bytes("stored_device_keys", StoredDeviceKeys::from(&keys()).as_bytes())
        .bytes("stored_root_key", StoredRootKey::from(&root()).as_bytes())
        .text("recovery_phrase", phrase.reveal())
        .bytes("thread_nonce", [0x55; 16])
        .bytes("thread_host", root().principal().as_bytes())
        .bytes("thread_guest", keys().id().as_bytes())
        .text(
            "thread_id",
            ThreadId::derive(
                &root().principal(),
                &PrincipalId::from_bytes(*keys().id().as_bytes()),
                &[0x55; 16],
            ),
        )
        .check();
}

#[test]
fn the_device_record_matches_the_golden_bytes() {
    let signed = DeviceRecord::sign(&keys(), root().principal(), CREATED);
    signed.verify().unwrap();
    Vector::new("device_record.txt")
        .bytes("transport_seed", TRANSPORT_SEED)
        .bytes("signing_seed", SIGNING_SEED)
        .bytes("seal_secret", SEAL_SECRET)
        .bytes("principal", root().principal().as_bytes())
        .text("created", CREATED.0)
        .bytes("device_record", signed.as_bytes())
        .check();
}

#[test]
fn the_address_record_matches_the_golden_bytes() {
    let signed = AddressRecord::sign(&keys(), 7, &addresses(), CREATED.plus(3600)).unwrap();
    signed.verify(CREATED).unwrap();
    Vector::new("address_record.txt")
        .bytes("signing_seed", SIGNING_SEED)
        .text("number", 7)
        .text("addresses", addresses().iter().map(DialAddress::as_str).collect::<Vec<_>>().join(" "))
        .text("expires", CREATED.plus(3600).0)
        .bytes("address_record", signed.as_bytes())
        .check();
}

#[test]
fn the_contact_link_matches_the_golden_text() {
    let link =
        |addresses| ContactLink::new(root().principal(), keys().transport_public(), addresses).unwrap();
    Vector::new("contact_link.txt")
        .bytes("entity", root().principal().as_bytes())
        .bytes("reception", keys().transport_public().as_bytes())
        .text("link_without_addresses", link(vec![]))
        .text("addresses", addresses().iter().map(DialAddress::as_str).collect::<Vec<_>>().join(" "))
        .text("link", link(addresses()))
        .check();
}

#[test]
fn the_invitation_and_its_proofs_match_the_golden_text() {
    let code = InvitationCode::from_bytes([0x66; 16]);
    let invitation = Invitation {
        entity: root().principal(),
        administrator: keys().id(),
        transport: keys().transport_public(),
        role: Role::Bot,
        code: code.clone(),
        expires: CREATED.plus(600),
        addresses: addresses(),
    };
    let transcript = b"a transcript";
    Vector::new("invitation.txt")
        .bytes("entity", invitation.entity.as_bytes())
        .bytes("administrator", invitation.administrator.as_bytes())
        .bytes("transport", invitation.transport.as_bytes())
        .text("role", invitation.role)
        .bytes("code", code.as_bytes())
        .text("expires", invitation.expires.0)
        .text("addresses", addresses().iter().map(DialAddress::as_str).collect::<Vec<_>>().join(" "))
        .text("invitation", invitation.reveal().unwrap().as_str())
        .text("public_id", code.public_id())
        .bytes("transcript", transcript)
        .bytes("proof", code.prove(transcript))
        .text("short_number", ShortNumber::derive(transcript))
        .bytes("join_nonce", [0x77; 16])
        .bytes("join_commitment", JoinNonce::from_bytes([0x77; 16]).commit())
        .check();
}

#[test]
fn the_key_files_match_the_golden_bytes() {
    let stored = StoredRootKey::from(&root());
    let passphrase = Passphrase::new("correct horse".to_owned());
    let cost = PassphraseCost::new(64, 2, 2).unwrap();
    let protection = Protection::Passphrase { passphrase: &passphrase, cost };
    let mut rng = ChaCha20Rng::seed_from_u64(7);
    let sealed = seal_key_file(stored.as_bytes(), protection, &mut rng).unwrap();
    let plain = seal_key_file(stored.as_bytes(), Protection::Plain, &mut rng).unwrap();
    assert_eq!(open_key_file(&sealed, Some(&passphrase)).unwrap().as_slice(), stored.as_bytes());
    Vector::new("key_file.txt")
        .bytes("secret", stored.as_bytes())
        .bytes("plain", plain.as_slice())
        .text("passphrase", "correct horse")
        .text("memory_kib", cost.memory_kib())
        .text("passes", cost.passes())
        .text("lanes", cost.lanes())
        .bytes("sealed", sealed.as_slice())
        .check();
}
