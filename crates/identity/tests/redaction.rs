//! No secret reaches a log through `Debug`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use data_encoding::{BASE32, HEXLOWER, HEXUPPER};
use frontdesk_identity::*;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use std::fmt::Debug;

/// Looks for any three neighbouring bytes of `secret` in the output, in each way that bytes are usually shown.
fn assert_redacted(value: &impl Debug, secret: &[u8]) {
    for shown in [format!("{value:?}"), format!("{value:#?}")] {
        let flat: String = shown.split_whitespace().collect::<Vec<_>>().join(" ");
        for window in secret.windows(3) {
            let decimal = window.iter().map(u8::to_string).collect::<Vec<_>>().join(", ");
            assert!(!flat.contains(&HEXLOWER.encode(window)), "{flat}");
            assert!(!flat.contains(&HEXUPPER.encode(window)), "{flat}");
            assert!(!flat.contains(&decimal), "{flat}");
        }
        assert!(!flat.contains(&BASE32.encode(secret)), "{flat}");
        assert!(flat.contains("redacted"), "{flat}");
    }
}

fn rng() -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(5)
}

#[test]
fn root_keys_are_redacted() {
    let root = RootKey::generate(&mut rng());
    assert_redacted(&root, root.to_seed().as_slice());
    assert_redacted(&StoredRootKey::from(&root), root.to_seed().as_slice());
}

#[test]
fn device_keys_are_redacted() {
    let keys = DeviceKeys::generate(&mut rng());
    let stored = StoredDeviceKeys::from(&keys);
    assert_redacted(&keys, stored.as_bytes());
    assert_redacted(&stored, stored.as_bytes());
    assert_redacted(keys.signing(), keys.signing().to_seed().as_slice());
    assert_redacted(keys.transport(), keys.transport().to_seed().as_slice());
}

#[test]
fn invitation_codes_and_nonces_are_redacted() {
    let code = InvitationCode::generate(&mut rng());
    assert_redacted(&code, code.as_bytes());
    let nonce = JoinNonce::generate(&mut rng());
    assert_redacted(&nonce, nonce.as_bytes());
    let keys = DeviceKeys::generate(&mut rng());
    let invitation = Invitation {
        entity: RootKey::generate(&mut rng()).principal(),
        administrator: keys.id(),
        transport: keys.transport_public(),
        role: Role::Agent,
        code: code.clone(),
        expires: UnixTime(1),
        addresses: vec![],
    };
    assert_redacted(&invitation, code.as_bytes());
    assert!(!format!("{invitation:?}").contains(invitation.reveal().unwrap().as_str()));
}

#[test]
fn phrases_and_passphrases_are_redacted() {
    let root = RootKey::generate(&mut rng());
    let phrase = RecoveryPhrase::of(&root);
    assert_redacted(&phrase, root.to_seed().as_slice());
    let shown = format!("{phrase:?}").to_lowercase();
    assert!(phrase.reveal().split(' ').all(|word| !shown.split(['(', ')', ' ']).any(|part| part == word)));

    let passphrase = Passphrase::new("correct horse battery staple".to_owned());
    let protection = Protection::Passphrase { passphrase: &passphrase, cost: PassphraseCost::DEFAULT };
    assert_redacted(&passphrase, b"correct horse battery staple");
    for shown in [format!("{passphrase:?}"), format!("{protection:?}"), format!("{protection:#?}")] {
        assert!(
            ["correct", "horse", "battery", "staple"].iter().all(|word| !shown.contains(word)),
            "{shown}"
        );
    }
}
