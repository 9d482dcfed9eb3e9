//! How Frontdesk sets up MLS.

use crate::{
    ctx::Ctx,
    limits::{MAX_FORWARD, MAX_PAST_EPOCHS, OUT_OF_ORDER, PADDING},
    suite::Suite,
};
use frontdesk_identity::ThreadId;
use openmls::{
    extensions::errors::InvalidExtensionError,
    group::{GroupContext, MlsGroupCreateConfig, MlsGroupJoinConfig, PURE_CIPHERTEXT_WIRE_FORMAT_POLICY},
    prelude::{
        BasicCredential, Capabilities, CredentialType, CredentialWithKey, Extension, ExtensionType,
        Extensions, GroupId, Lifetime, RequiredCapabilitiesExtension, SenderRatchetConfiguration,
        UnknownExtension,
    },
};

/// The type of the group context extension that holds the thread state (RFC 9420, section 17.3: private use).
pub const STATE_EXTENSION: u16 = 0xFD01;

/// `thread id || era`, big-endian.
pub(crate) fn group_id(thread: &ThreadId, era: u32) -> GroupId {
    let mut id = thread.as_bytes().to_vec();
    id.extend(era.to_be_bytes());
    GroupId::from_slice(&id)
}

/// The lifetime of key packages and leaves: forever. OpenMLS checks it by the system clock, while everything here
/// runs on the caller's time; what ends a device's right is its grant, whose expiry is checked by the caller's time.
pub(crate) fn lifetime() -> Lifetime {
    Lifetime::init(0, u64::MAX)
}

pub(crate) fn capabilities() -> Capabilities {
    let extensions = [ExtensionType::LastResort, ExtensionType::Unknown(STATE_EXTENSION)];
    Capabilities::builder()
        .ciphersuites(Suite::ALL.map(Suite::mls).to_vec())
        .extensions(extensions.to_vec())
        .proposals(Vec::new())
        .credentials(vec![CredentialType::Basic])
        .build()
}

fn required_capabilities() -> RequiredCapabilitiesExtension {
    RequiredCapabilitiesExtension::new(
        &[ExtensionType::Unknown(STATE_EXTENSION)],
        &[],
        &[CredentialType::Basic],
    )
}

/// The group context extensions of a thread in this state: two, and never another.
pub(crate) fn extensions(state: Vec<u8>) -> Result<Extensions<GroupContext>, InvalidExtensionError> {
    Extensions::from_vec(vec![
        Extension::RequiredCapabilities(required_capabilities()),
        Extension::Unknown(STATE_EXTENSION, UnknownExtension(state)),
    ])
}

/// The state bytes, if the extensions are those of a thread.
pub(crate) fn state_of(extensions: &Extensions<GroupContext>) -> Option<&[u8]> {
    let required = extensions.required_capabilities() == Some(&required_capabilities());
    let state = extensions.unknown(STATE_EXTENSION)?;
    (required && extensions.iter().count() == 2).then_some(state.0.as_slice())
}

pub(crate) fn join_config() -> MlsGroupJoinConfig {
    MlsGroupJoinConfig::builder()
        .wire_format_policy(PURE_CIPHERTEXT_WIRE_FORMAT_POLICY)
        .padding_size(PADDING)
        .max_past_epochs(past_epochs())
        .number_of_resumption_psks(0)
        .use_ratchet_tree_extension(true)
        .sender_ratchet_configuration(SenderRatchetConfiguration::new(OUT_OF_ORDER, MAX_FORWARD))
        .build()
}

pub(crate) fn create_config(suite: Suite, extensions: Extensions<GroupContext>) -> MlsGroupCreateConfig {
    MlsGroupCreateConfig::builder()
        .ciphersuite(suite.mls())
        .capabilities(capabilities())
        .lifetime(lifetime())
        .with_group_context_extensions(extensions)
        .wire_format_policy(PURE_CIPHERTEXT_WIRE_FORMAT_POLICY)
        .padding_size(PADDING)
        .max_past_epochs(past_epochs())
        .number_of_resumption_psks(0)
        .use_ratchet_tree_extension(true)
        .sender_ratchet_configuration(SenderRatchetConfiguration::new(OUT_OF_ORDER, MAX_FORWARD))
        .build()
}

fn past_epochs() -> usize {
    usize::try_from(MAX_PAST_EPOCHS).unwrap_or(usize::MAX)
}

/// This device's credential: its signed record.
pub(crate) fn credential(ctx: &Ctx<'_>) -> CredentialWithKey {
    CredentialWithKey {
        credential: BasicCredential::new(ctx.record.signed().as_bytes().to_vec()).into(),
        signature_key: ctx.keys.id().as_bytes().as_slice().into(),
    }
}
