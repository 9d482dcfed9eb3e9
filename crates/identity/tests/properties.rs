//! Properties: what is written is read back, and what is mistyped is noticed.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use frontdesk_identity::*;
use proptest::{collection::vec, prelude::*, sample::Index};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

fn device_keys() -> impl Strategy<Value = DeviceKeys> {
    any::<u64>().prop_map(|seed| DeviceKeys::generate(&mut ChaCha20Rng::seed_from_u64(seed)))
}

fn root_key() -> impl Strategy<Value = RootKey> {
    any::<[u8; 32]>().prop_map(|seed| RootKey::from_seed(&seed))
}

fn address() -> impl Strategy<Value = DialAddress> {
    vec(0x21u8..=0x7e, 0..60)
        .prop_map(|bytes| DialAddress::try_from(format!("/{}", String::from_utf8(bytes).unwrap())).unwrap())
}

fn contact_link() -> impl Strategy<Value = ContactLink> {
    (root_key(), device_keys(), vec(address(), 0..4)).prop_map(|(root, keys, addresses)| {
        ContactLink::new(root.principal(), keys.transport_public(), addresses).unwrap()
    })
}

fn role() -> impl Strategy<Value = Role> {
    prop_oneof![Just(Role::Agent), Just(Role::Bot), Just(Role::Admin)]
}

fn invitation() -> impl Strategy<Value = Invitation> {
    let numbers = (any::<[u8; 16]>(), any::<u64>());
    (root_key(), device_keys(), role(), numbers, vec(address(), 0..4)).prop_map(
        |(root, keys, role, (code, expires), addresses)| Invitation {
            entity: root.principal(),
            administrator: keys.id(),
            transport: keys.transport_public(),
            role,
            code: InvitationCode::from_bytes(code),
            expires: UnixTime(expires),
            addresses,
        },
    )
}

/// `text` with one character replaced, inserted before, or removed.
fn with_a_slip(text: &str, at: Index, typed: char, slip: u8) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    let at = at.index(chars.len());
    match slip {
        0 => *chars.get_mut(at).unwrap() = typed,
        1 => chars.insert(at, typed),
        _ => drop(chars.remove(at)),
    }
    chars.into_iter().collect()
}

/// Whether two texts are spellings of one link: all before the query may be in either case, white space may surround it.
fn is_same_link(a: &str, b: &str) -> bool {
    let parts = |text: &str| {
        let text = text.trim_ascii();
        let (word, query) = text.split_at(text.find('?').unwrap_or(text.len()));
        (word.to_ascii_lowercase(), query.to_owned())
    };
    parts(a) == parts(b)
}

proptest! {
    #[test]
    fn a_device_record_comes_back(keys in device_keys(), root in root_key(), created: u64) {
        let record = DeviceRecord::sign(&keys, root.principal(), UnixTime(created)).verify().unwrap();
        prop_assert_eq!(record.principal(), root.principal());
        prop_assert_eq!(record.id(), keys.id());
        prop_assert_eq!(record.transport(), keys.transport_public());
        prop_assert_eq!(record.seal(), keys.seal_public());
        prop_assert_eq!(record.created(), UnixTime(created));
        prop_assert!(record.signed().as_bytes().len() <= MAX_DEVICE_RECORD);
    }

    #[test]
    fn an_address_record_comes_back_until_it_expires(
        keys in device_keys(), number: u64, addresses in vec(address(), 0..=MAX_ADDRESSES), expires: u64, now: u64,
    ) {
        let signed = AddressRecord::sign(&keys, number, &addresses, UnixTime(expires)).unwrap();
        let verified = signed.verify(UnixTime(now));
        if now > expires.saturating_add(CLOCK_SKEW) {
            let refusal = AddressRecordError::Expired { expired: UnixTime(expires), now: UnixTime(now) };
            prop_assert_eq!(verified, Err(refusal));
        } else {
            let record = verified.unwrap();
            prop_assert_eq!((record.device(), record.number()), (keys.id(), number));
            prop_assert_eq!(record.addresses(), &addresses);
        }
    }

    #[test]
    fn stored_keys_come_back(keys in device_keys(), root in root_key()) {
        let again = DeviceKeys::try_from(&StoredDeviceKeys::from(&keys)).unwrap();
        prop_assert_eq!(again.id(), keys.id());
        prop_assert_eq!(again.seal_public(), keys.seal_public());
        prop_assert_eq!(again.transport_public(), keys.transport_public());
        let again = RootKey::try_from(&StoredRootKey::from(&root)).unwrap();
        prop_assert_eq!(again.principal(), root.principal());
    }

    #[test]
    fn a_root_key_comes_back_from_its_phrase(root in root_key()) {
        let phrase: RecoveryPhrase = RecoveryPhrase::of(&root).reveal().parse().unwrap();
        prop_assert_eq!(phrase.to_root().principal(), root.principal());
    }

    #[test]
    fn a_contact_link_comes_back(link in contact_link()) {
        prop_assert!(link.as_str().len() <= MAX_LINK && link.as_str().is_ascii());
        prop_assert_eq!(link.to_string().parse::<ContactLink>().unwrap(), link);
    }

    #[test]
    fn an_invitation_comes_back(invitation in invitation()) {
        let text = invitation.reveal().unwrap();
        prop_assert_eq!(text.parse::<Invitation>().unwrap(), invitation);
    }

    #[test]
    fn a_slip_in_a_contact_link_is_noticed(link in contact_link(), at: Index, typed: char, slip in 0u8..3) {
        let slipped = with_a_slip(link.as_str(), at, typed, slip);
        prop_assert!(is_same_link(&slipped, link.as_str()) || slipped.parse::<ContactLink>().is_err(), "{}", slipped);
    }

    #[test]
    fn a_slip_in_an_invitation_is_noticed(invitation in invitation(), at: Index, typed: char, slip in 0u8..3) {
        let text = invitation.reveal().unwrap();
        let slipped = with_a_slip(&text, at, typed, slip);
        prop_assert!(is_same_link(&slipped, &text) || slipped.parse::<Invitation>().is_err());
    }

    #[test]
    fn a_key_file_comes_back(secret in vec(any::<u8>(), 0..500), text: String, seed: u64) {
        let passphrase = Passphrase::new(text);
        let protection = Protection::Passphrase { passphrase: &passphrase, cost: PassphraseCost::CHEAPEST };
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let sealed = seal_key_file(&secret, protection, &mut rng).unwrap();
        prop_assert_eq!(open_key_file(&sealed, Some(&passphrase)).unwrap().to_vec(), secret.clone());
        prop_assert_eq!(open_key_file(&sealed, None).unwrap_err(), KeyFileError::PassphraseNeeded);
        let plain = seal_key_file(&secret, Protection::Plain, &mut rng).unwrap();
        prop_assert_eq!(open_key_file(&plain, None).unwrap().to_vec(), secret);
    }

    #[test]
    fn a_proof_holds_for_its_code_and_transcript_alone(
        a: [u8; 16], b: [u8; 16], this in vec(any::<u8>(), 0..200), other in vec(any::<u8>(), 0..200),
    ) {
        let (code, another) = (InvitationCode::from_bytes(a), InvitationCode::from_bytes(b));
        let proof = code.prove(&this);
        prop_assert_eq!(code.check(&this, &proof), Ok(()));
        prop_assert_eq!(code.check(&other, &proof).is_ok(), this == other);
        prop_assert_eq!(another.check(&this, &proof).is_ok(), a == b);
    }
}

#[test]
fn every_single_character_typed_wrong_in_a_link_is_noticed() {
    let root = RootKey::from_seed(&[1; 32]);
    let keys = DeviceKeys::generate(&mut ChaCha20Rng::seed_from_u64(1));
    let addresses = vec!["/ip4/192.0.2.1/tcp/4001".parse().unwrap(), "/a%b".parse().unwrap()];
    let text = ContactLink::new(root.principal(), keys.transport_public(), addresses).unwrap().to_string();
    for at in 0..text.len() {
        for typed in (0u8..128).map(char::from) {
            let mut slipped = text.clone();
            slipped.replace_range(at..=at, typed.encode_utf8(&mut [0; 4]));
            let noticed = slipped.parse::<ContactLink>().is_err();
            assert!(noticed || is_same_link(&slipped, &text), "{slipped:?}");
        }
    }
}
