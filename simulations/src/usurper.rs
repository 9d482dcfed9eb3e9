//! A member that runs MLS without the project's rules. It is in its threads by right, holds their keys in OpenMLS itself,
//! and makes commits that only the steward may: whatever members refuse of them, they refuse by the admission rule, not
//! because it couldn't be opened.

use crate::{Adversary, SimError};
use frontdesk_identity::{DeviceId, DeviceKeys, DeviceRecord, ThreadId};
use frontdesk_thread::{STATE_EXTENSION, Suite, ThreadState};
use frontdesk_wire::{Body, Rejoin};
use openmls::{
    group::{GroupContext, JoinBuilder, PURE_CIPHERTEXT_WIRE_FORMAT_POLICY, ProcessedWelcome},
    prelude::{tls_codec::Serialize as _, *},
};
use openmls_rust_crypto::OpenMlsRustCrypto;
use openmls_traits::signatures::{Signer, SignerError};
use serde_bytes::ByteBuf;
use std::{collections::BTreeMap, fmt};

/// What a member that isn't the steward commits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coup {
    /// New keys for itself, and nothing else.
    NewKeys,
    /// Another member is out, and in the thread's state still.
    Remove(DeviceId),
    /// It is the steward from now on, by the thread's state.
    Crown,
}

/// The threads of a member without rules.
#[derive(Default)]
pub struct Usurper {
    provider: OpenMlsRustCrypto,
    groups: BTreeMap<ThreadId, MlsGroup>,
    /// Of what came from a steward, how much was looked at.
    read: BTreeMap<crate::NodeId, usize>,
}

impl fmt::Debug for Usurper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Usurper").field("threads", &self.groups.keys()).finish_non_exhaustive()
    }
}

struct By<'a>(&'a DeviceKeys);

impl Signer for By<'_> {
    fn sign(&self, payload: &[u8]) -> Result<Vec<u8>, SignerError> {
        Ok(self.0.signing().sign_raw(payload).as_bytes().to_vec())
    }

    fn signature_scheme(&self) -> SignatureScheme {
        SignatureScheme::ED25519
    }
}

impl Usurper {
    /// Asks to be let into a thread anew, as a member that lost its keys: with a key package of OpenMLS alone.
    ///
    /// # Errors
    /// [`SimError::Broken`] if it can't be made.
    pub fn asks_in(&self, member: &Adversary, thread: ThreadId, suite: Suite) -> Result<Body, SimError> {
        let key_package = self.key_package(&member.keys, &member.record, suite)?;
        Ok(Body::Rejoin(Rejoin { thread, key_package: ByteBuf::from(key_package) }))
    }

    fn key_package(
        &self,
        keys: &DeviceKeys,
        record: &DeviceRecord,
        suite: Suite,
    ) -> Result<Vec<u8>, SimError> {
        let suite = Ciphersuite::try_from(suite.code()).map_err(|error| broken(&error))?;
        let credential = CredentialWithKey {
            credential: BasicCredential::new(record.signed().as_bytes().to_vec()).into(),
            signature_key: keys.id().as_bytes().as_slice().into(),
        };
        let extensions = vec![ExtensionType::LastResort, ExtensionType::Unknown(STATE_EXTENSION)];
        let capabilities = Capabilities::builder().ciphersuites(vec![suite]).extensions(extensions).build();
        let package = KeyPackage::builder()
            .key_package_lifetime(Lifetime::init(0, u64::MAX))
            .leaf_node_capabilities(capabilities)
            .build(suite, &self.provider, &By(keys), credential)
            .map_err(|error| broken(&error))?;
        package.key_package().tls_serialize_detached().map_err(|error| broken(&error))
    }

    /// Whether it has keys of a thread.
    #[must_use]
    pub fn is_in(&self, thread: &ThreadId) -> bool {
        self.groups.contains_key(thread)
    }

    /// Goes along with what a steward told since the last time: joins, and takes its commits.
    pub fn follow(&mut self, member: &Adversary, steward: crate::NodeId) {
        let told = member.heard(steward);
        let read = self.read.insert(steward, told.len()).unwrap_or_default();
        for body in told.into_iter().skip(read) {
            // What isn't for it, or not for this epoch, leaves it as it was.
            if let Body::ForwardPayload(payload) = &body {
                self.groups.extend(self.joined(&payload.welcome).map(|group| (payload.thread, group)));
            } else if let Body::CommitNotice(notice) = &body {
                self.takes(notice.thread, &notice.commit);
            }
        }
    }

    fn joined(&self, welcome: &[u8]) -> Option<MlsGroup> {
        let config = MlsGroupJoinConfig::builder()
            .wire_format_policy(PURE_CIPHERTEXT_WIRE_FORMAT_POLICY)
            .use_ratchet_tree_extension(true)
            .build();
        let message = MlsMessageIn::tls_deserialize_exact_bytes(welcome).ok()?;
        let MlsMessageBodyIn::Welcome(welcome) = message.extract() else { return None };
        let processed = ProcessedWelcome::new_from_welcome(&self.provider, &config, welcome).ok()?;
        let staged = JoinBuilder::new(&self.provider, processed).skip_lifetime_validation().build().ok()?;
        staged.into_group(&self.provider).ok()
    }

    /// Takes whatever commit MLS takes, by whomever, and answers the epoch that it leads to. None: it holds in no way.
    pub fn takes(&mut self, thread: ThreadId, commit: &[u8]) -> Option<u64> {
        let group = self.groups.get_mut(&thread)?;
        let message =
            MlsMessageIn::tls_deserialize_exact_bytes(commit).ok()?.try_into_protocol_message().ok()?;
        let processed = group.process_message(&self.provider, message).ok()?;
        let ProcessedMessageContent::StagedCommitMessage(staged) = processed.into_content() else {
            return None;
        };
        group.merge_staged_commit(&self.provider, *staged).ok()?;
        let epoch = group.epoch().as_u64();
        if !group.is_active() {
            self.groups.remove(&thread);
        }
        Some(epoch)
    }

    /// Makes a commit of the thread's present epoch, and doesn't put it in force itself.
    ///
    /// # Errors
    /// [`SimError::Down`] if it has no keys of the thread, [`SimError::Broken`] if MLS itself doesn't do it.
    pub fn commit(&mut self, member: &Adversary, thread: ThreadId, coup: Coup) -> Result<Vec<u8>, SimError> {
        let group = self.groups.get_mut(&thread).ok_or(SimError::Down)?;
        let (mut removed, mut extensions) = (Vec::new(), None);
        match coup {
            Coup::NewKeys => {}
            Coup::Remove(device) => {
                let leaf = group.members().find(|member| member.signature_key == device.as_bytes());
                removed.push(leaf.ok_or(SimError::Down)?.index);
            }
            Coup::Crown => extensions = Some(crowned(group, member.keys.id())?),
        }
        let mut builder = group.commit_builder().propose_removals(removed).force_self_update(true);
        if let Some(extensions) = extensions {
            builder = builder.propose_group_context_extensions(extensions).map_err(|error| broken(&error))?;
        }
        let bundle = builder
            .load_psks(self.provider.storage())
            .map_err(|error| broken(&error))?
            .build(self.provider.rand(), self.provider.crypto(), &By(&member.keys), |_| true)
            .map_err(|error| broken(&error))?
            .stage_commit(&self.provider)
            .map_err(|error| broken(&error))?;
        let bytes = bundle.commit().to_bytes().map_err(|error| broken(&error))?;
        let storage = self.provider.storage();
        group.clear_pending_commit(storage).map_err(|error| broken(&error))?;
        group.clear_pending_proposals(storage).map_err(|error| broken(&error))?;
        Ok(bytes)
    }
}

/// The group's extensions with a state in which `steward` is the steward, lawful in itself.
fn crowned(group: &MlsGroup, steward: DeviceId) -> Result<Extensions<GroupContext>, SimError> {
    let mut extensions = group.extensions().clone();
    let state = extensions.unknown(STATE_EXTENSION).ok_or(SimError::Down)?;
    let state = ThreadState::decode(&state.0).map_err(|error| broken(&error))?;
    let state = ThreadState { steward, term: state.term.saturating_add(1), ..state };
    let bytes = state.encode().map_err(|error| broken(&error))?;
    let state = Extension::Unknown(STATE_EXTENSION, UnknownExtension(bytes));
    extensions.add_or_replace(state).map_err(|error| broken(&error))?;
    Ok(extensions)
}

fn broken(error: &dyn fmt::Display) -> SimError {
    SimError::Broken(error.to_string())
}
