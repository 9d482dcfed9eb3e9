//! A device that runs OpenMLS without this crate, and so without its rules: what an attacker can do who holds every
//! key of a member.

use crate::cast::{Device, NONCE, Node, World, founding, says};
use frontdesk_capability::ChainBytes;
use frontdesk_identity::{DeviceId, DeviceKeys, PrincipalId, ThreadId, codec};
use frontdesk_thread::{KeyPackage, KeyPackageBytes, STATE_EXTENSION, Suite, ThreadState, WelcomeBytes};
use openmls::{
    group::{GroupContext, JoinBuilder, PURE_CIPHERTEXT_WIRE_FORMAT_POLICY, ProcessedWelcome},
    prelude::{tls_codec::Serialize as _, *},
};
use openmls_rust_crypto::OpenMlsRustCrypto;
use openmls_traits::signatures::{Signer, SignerError};
use serde_bytes::ByteArray;

pub(crate) struct Raw {
    pub(crate) device: Device,
    pub(crate) provider: OpenMlsRustCrypto,
    pub(crate) group: Option<MlsGroup>,
}

pub(crate) struct RawSigner<'a>(pub(crate) &'a DeviceKeys);

impl Signer for RawSigner<'_> {
    fn sign(&self, payload: &[u8]) -> Result<Vec<u8>, SignerError> {
        Ok(self.0.signing().sign_raw(payload).as_bytes().to_vec())
    }

    fn signature_scheme(&self) -> SignatureScheme {
        SignatureScheme::ED25519
    }
}

/// What a raw commit is made of.
#[derive(Default)]
pub(crate) struct RawCommit {
    pub(crate) add: Vec<openmls::prelude::KeyPackage>,
    pub(crate) remove: Vec<DeviceId>,
    pub(crate) extensions: Option<Extensions<GroupContext>>,
    pub(crate) other: Vec<Proposal>,
    pub(crate) leaf: Option<LeafNodeParameters>,
}

pub(crate) fn lifetime() -> Lifetime {
    Lifetime::init(0, u64::MAX)
}

pub(crate) fn capabilities() -> Capabilities {
    Capabilities::builder()
        .ciphersuites(vec![mls_suite()])
        .extensions(vec![ExtensionType::LastResort, ExtensionType::Unknown(STATE_EXTENSION)])
        .build()
}

pub(crate) fn mls_suite() -> Ciphersuite {
    Ciphersuite::MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519
}

pub(crate) fn join_config() -> MlsGroupJoinConfig {
    MlsGroupJoinConfig::builder()
        .wire_format_policy(PURE_CIPHERTEXT_WIRE_FORMAT_POLICY)
        .max_past_epochs(5)
        .use_ratchet_tree_extension(true)
        .build()
}

/// The extensions of a group with these state bytes.
pub(crate) fn extensions(state: Option<Vec<u8>>) -> Extensions<GroupContext> {
    let kinds = [ExtensionType::Unknown(STATE_EXTENSION)];
    let required = RequiredCapabilitiesExtension::new(&kinds, &[], &[CredentialType::Basic]);
    let mut all = vec![Extension::RequiredCapabilities(required)];
    all.extend(state.map(|state| Extension::Unknown(STATE_EXTENSION, UnknownExtension(state))));
    Extensions::from_vec(all).unwrap()
}

/// Encodes a state as it is, whatever it contradicts.
pub(crate) fn forge(state: &ThreadState) -> Vec<u8> {
    let ThreadState { nonce, thread, era, term, host, guest, steward, members, speaker } = state;
    codec::encode(&(1u64, ByteArray::new(*nonce), thread, era, term, host, guest, steward, members, speaker))
        .unwrap()
}

impl Raw {
    pub(crate) fn new(device: Device) -> Self {
        Self { device, provider: OpenMlsRustCrypto::default(), group: None }
    }

    pub(crate) fn id(&self) -> DeviceId {
        self.device.id()
    }

    pub(crate) fn credential(&self) -> CredentialWithKey {
        self.credential_of(self.device.record.signed().as_bytes().to_vec())
    }

    pub(crate) fn credential_of(&self, identity: Vec<u8>) -> CredentialWithKey {
        CredentialWithKey {
            credential: BasicCredential::new(identity).into(),
            signature_key: self.id().as_bytes().as_slice().into(),
        }
    }

    pub(crate) fn key_package(&self) -> openmls::prelude::KeyPackage {
        self.key_package_with(self.credential(), &RawSigner(&self.device.keys))
    }

    pub(crate) fn key_package_with(
        &self,
        credential: CredentialWithKey,
        signer: &impl Signer,
    ) -> openmls::prelude::KeyPackage {
        openmls::prelude::KeyPackage::builder()
            .key_package_lifetime(lifetime())
            .leaf_node_capabilities(capabilities())
            .build(mls_suite(), &self.provider, signer, credential)
            .unwrap()
            .into_key_package()
    }

    pub(crate) fn join(&mut self, welcome: &WelcomeBytes) {
        let message = MlsMessageIn::tls_deserialize_exact_bytes(welcome.as_slice()).unwrap();
        let MlsMessageBodyIn::Welcome(welcome) = message.extract() else { panic!("a Welcome was expected") };
        let processed = ProcessedWelcome::new_from_welcome(&self.provider, &join_config(), welcome).unwrap();
        let staged = JoinBuilder::new(&self.provider, processed).skip_lifetime_validation().build().unwrap();
        self.group = Some(staged.into_group(&self.provider).unwrap());
    }

    /// Builds whatever commit, without putting it in force.
    pub(crate) fn commit(&mut self, commit: RawCommit) -> (Vec<u8>, Option<WelcomeBytes>) {
        let signer = RawSigner(&self.device.keys);
        let group = self.group.as_mut().unwrap();
        let removed: Vec<_> = commit.remove.iter().map(|device| index_of(group, device)).collect();
        let mut builder = group.commit_builder().propose_adds(commit.add).propose_removals(removed);
        builder = builder.add_proposals(commit.other).force_self_update(true);
        if let Some(extensions) = commit.extensions {
            builder = builder.propose_group_context_extensions(extensions).unwrap();
        }
        if let Some(leaf) = commit.leaf {
            builder = builder.leaf_node_parameters(leaf);
        }
        let bundle = builder
            .load_psks(self.provider.storage())
            .unwrap()
            .build(self.provider.rand(), self.provider.crypto(), &signer, |_| true)
            .unwrap()
            .stage_commit(&self.provider)
            .unwrap();
        let welcome = bundle.to_welcome_msg().map(|welcome| WelcomeBytes::new(welcome.to_bytes().unwrap()));
        (bundle.commit().to_bytes().unwrap(), welcome)
    }

    pub(crate) fn keep(&mut self) {
        self.group.as_mut().unwrap().merge_pending_commit(&self.provider).unwrap();
    }

    pub(crate) fn drop_pending(&mut self) {
        let group = self.group.as_mut().unwrap();
        group.clear_pending_commit(self.provider.storage()).unwrap();
        group.clear_pending_proposals(self.provider.storage()).unwrap();
    }

    pub(crate) fn say(&mut self, text: &[u8]) -> Vec<u8> {
        let signer = RawSigner(&self.device.keys);
        let message = self.group.as_mut().unwrap().create_message(&self.provider, &signer, text).unwrap();
        message.to_bytes().unwrap()
    }

    pub(crate) fn hear(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        let message = MlsMessageIn::tls_deserialize_exact_bytes(bytes).unwrap();
        let message = message.try_into_protocol_message().unwrap();
        let group = self.group.as_mut().unwrap();
        match group.process_message(&self.provider, message).unwrap().into_content() {
            ProcessedMessageContent::ApplicationMessage(message) => Some(message.into_bytes()),
            ProcessedMessageContent::StagedCommitMessage(staged) => {
                group.merge_staged_commit(&self.provider, *staged).unwrap();
                None
            }
            _ => None,
        }
    }
}

fn index_of(group: &MlsGroup, device: &DeviceId) -> LeafNodeIndex {
    group.members().find(|member| member.signature_key == device.as_bytes()).unwrap().index
}

pub(crate) fn bytes_of(package: &openmls::prelude::KeyPackage) -> KeyPackageBytes {
    KeyPackageBytes::new(package.tls_serialize_detached().unwrap())
}

pub(crate) fn verified(world: &World, package: &openmls::prelude::KeyPackage) -> KeyPackage {
    bytes_of(package).verify(&world.mls).unwrap()
}

/// Carla, honest; a steward and an agent that follow no rules.
pub(crate) struct Siege {
    pub(crate) world: World,
    pub(crate) carla: Node,
    pub(crate) admin: Raw,
    pub(crate) ana: Raw,
}

impl Siege {
    pub(crate) fn lay() -> Self {
        let world = World::new();
        let mut carla = world.customer();
        let mut admin = Raw::new(world.device(world.host()));
        let mut ana = Raw::new(world.device(world.host()));
        let steward = verified(&world, &admin.key_package());
        assert_eq!(steward.suite(), Suite::Classic);
        let welcome = carla.found(&world, founding(&world, carla.id(), steward)).unwrap();
        admin.join(&welcome);
        let mut state = carla.state();
        let chain = world.agent_chain(&admin.device, ana.id()).into_bytes();
        insert(&mut state, ana.id(), chain);
        let (commit, welcome) = admin.commit(RawCommit {
            add: vec![ana.key_package()],
            extensions: Some(extensions(Some(forge(&state)))),
            ..RawCommit::default()
        });
        admin.keep();
        carla.follow(&world, &commit).unwrap();
        ana.join(&welcome.unwrap());
        Self { world, carla, admin, ana }
    }

    /// After an attack: nothing pending, and the thread is as good as before.
    pub(crate) fn still_talks(&mut self, name: &str) {
        self.admin.drop_pending();
        self.ana.drop_pending();
        let sealed = self.carla.seal(&self.world, b"anyone there?").unwrap();
        assert_eq!(self.admin.hear(&sealed).as_deref(), Some(b"anyone there?".as_slice()), "{name}");
        assert_eq!(self.ana.hear(&sealed).as_deref(), Some(b"anyone there?".as_slice()), "{name}");
        for raw in [&mut self.admin, &mut self.ana] {
            let sealed = raw.say(b"yes");
            let opened = self.carla.open(&self.world, &sealed).unwrap();
            assert_eq!(opened.sender, raw.id(), "{name}");
        }
    }
}

pub(crate) fn insert(state: &mut ThreadState, device: DeviceId, chain: ChainBytes) {
    state.members.push((device, chain));
    state.members.sort_by_key(|(device, _)| *device);
}

/// The state of another thread of the same two, consistent in itself.
pub(crate) fn rename(state: &mut ThreadState, host: PrincipalId, guest: PrincipalId, nonce: [u8; 16]) {
    (state.host, state.guest, state.nonce) = (host, guest, nonce);
    state.thread = ThreadId::derive(&host, &guest, &nonce);
}

#[test]
fn the_siege_begins_with_a_thread_that_works() {
    let mut siege = Siege::lay();
    siege.still_talks("nothing yet");
    assert_eq!(siege.carla.state().nonce, NONCE);
    let Siege { world, mut carla, .. } = siege;
    // An honest pair of the same world is another thread altogether.
    let mut pair = crate::cast::Pair::found(Suite::Classic, false);
    says(&pair.world, b"hello", &mut pair.carla, &mut [&mut pair.admin]);
    assert!(carla.seal(&world, b"hello").is_ok());
}
