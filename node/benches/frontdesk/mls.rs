//! The floor of the cryptography: OpenMLS on its own, with its own storage in memory, and none of our rules.

use crate::times::{Pace, Times};
use anyhow::{Result, bail};
use frontdesk_identity::DeviceKeys;
use openmls::{
    group::{JoinBuilder, MlsGroupCreateConfig, PURE_CIPHERTEXT_WIRE_FORMAT_POLICY, ProcessedWelcome},
    prelude::{
        BasicCredential, Ciphersuite, CredentialWithKey, KeyPackage, MlsGroup, MlsGroupJoinConfig,
        MlsMessageBodyIn, MlsMessageIn, ProcessedMessageContent, tls_codec::DeserializeBytes as _,
    },
};
use openmls_rust_crypto::OpenMlsRustCrypto;
use openmls_traits::signatures::{Signer, SignerError};
use openmls_traits::types::SignatureScheme;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;
use std::time::Instant;

const ROUNDS: usize = 2_000;
const WARM_UP: usize = 100;
/// The suite of Frontdesk's threads, by its code.
const SUITE: Ciphersuite = Ciphersuite::MLS_128_MLKEM768X25519_AES128GCM_SHA256_Ed25519;

struct Member {
    provider: OpenMlsRustCrypto,
    keys: DeviceKeys,
}

/// Signs with the library that Frontdesk signs with.
impl Signer for Member {
    fn sign(&self, payload: &[u8]) -> Result<Vec<u8>, SignerError> {
        Ok(self.keys.signing().sign_raw(payload).as_bytes().to_vec())
    }

    fn signature_scheme(&self) -> SignatureScheme {
        SignatureScheme::ED25519
    }
}

/// Two members, one speaking and one listening.
pub(crate) fn create_and_process(pace: Pace) -> Result<(Times, Times)> {
    let (one, two) = (Member::new(1), Member::new(2));
    let (mut speaking, mut listening) = found(&one, &two)?;
    let (mut create, mut process) = (Times::default(), Times::default());
    for number in 0..WARM_UP + ROUNDS {
        pace.wait();
        let start = Instant::now();
        let message = speaking.create_message(&one.provider, &one, &[7; 256])?.to_bytes()?;
        let created = start.elapsed();
        pace.wait();
        let start = Instant::now();
        let message = MlsMessageIn::tls_deserialize_exact_bytes(&message)?;
        let processed = listening.process_message(&two.provider, message.try_into_protocol_message()?)?;
        let opened = start.elapsed();
        let ProcessedMessageContent::ApplicationMessage(_) = processed.into_content() else {
            bail!("no message came out");
        };
        if number >= WARM_UP {
            create.push(created);
            process.push(opened);
        }
    }
    Ok((create, process))
}

fn found(one: &Member, two: &Member) -> Result<(MlsGroup, MlsGroup)> {
    let package = KeyPackage::builder().build(SUITE, &two.provider, two, two.credential())?;
    let config = MlsGroupCreateConfig::builder()
        .ciphersuite(SUITE)
        .wire_format_policy(PURE_CIPHERTEXT_WIRE_FORMAT_POLICY)
        .use_ratchet_tree_extension(true)
        .build();
    let mut group = MlsGroup::new(&one.provider, one, &config, one.credential())?;
    let (_, welcome, _) = group.add_members(&one.provider, one, &[package.key_package().clone()])?;
    group.merge_pending_commit(&one.provider)?;
    let welcome = MlsMessageIn::tls_deserialize_exact_bytes(&welcome.to_bytes()?)?;
    let MlsMessageBodyIn::Welcome(welcome) = welcome.extract() else {
        bail!("no welcome");
    };
    let config = MlsGroupJoinConfig::builder()
        .wire_format_policy(PURE_CIPHERTEXT_WIRE_FORMAT_POLICY)
        .use_ratchet_tree_extension(true)
        .build();
    let welcome = ProcessedWelcome::new_from_welcome(&two.provider, &config, welcome)?;
    let joined = JoinBuilder::new(&two.provider, welcome).build()?.into_group(&two.provider)?;
    Ok((group, joined))
}

impl Member {
    fn new(seed: u8) -> Self {
        let keys = DeviceKeys::generate(&mut ChaCha20Rng::from_seed([seed; 32]));
        Self { provider: OpenMlsRustCrypto::default(), keys }
    }

    fn credential(&self) -> CredentialWithKey {
        let key = self.keys.id();
        CredentialWithKey {
            credential: BasicCredential::new(key.as_bytes().to_vec()).into(),
            signature_key: key.as_bytes().as_slice().into(),
        }
    }
}
