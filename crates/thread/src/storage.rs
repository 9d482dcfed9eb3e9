//! Where OpenMLS keeps its state: an [`Overlay`], so that everything it writes is part of the caller's batch and is
//! committed, or rolled back, with the rest of the step.
//!
//! Layout, under the prefix `m/`:
//!
//! | key | what |
//! | --- | --- |
//! | `m/g` + group id + kind | a value of one group; `Thread::delete` removes all of them by the prefix |
//! | `m/k` + reference | the private parts of a key package |
//! | `m/x` + kind + SHA-256 of the OpenMLS key | key pairs and pre-shared keys, which Frontdesk never makes OpenMLS write |
//!
//! A value is a version byte and the value in `postcard`; the join configuration alone is in CBOR, since one of its
//! fields decodes by looking ahead, which `postcard` can't do.

use frontdesk_identity::codec;
use frontdesk_store::{Overlay, Reader as _, Scan, StoreError};
use openmls_traits::storage::{CURRENT_VERSION, Key, StorageProvider, traits};
use serde::{Serialize, de::DeserializeOwned};
use sha2::{Digest as _, Sha256};

/// The version byte that starts every value.
const RECORD_VERSION: u8 = 1;
/// Everything of this crate is under this prefix.
const GROUP: &[u8] = b"m/g";
const KEY_PACKAGE: &[u8] = b"m/k";
const OTHER: &[u8] = b"m/x";
/// No join configuration comes near this many bytes.
const MAX_CONFIG: usize = 4096;

/// Why the MLS state could not be read or written. Never a peer's fault.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A stored value is not what this program writes.
    #[error("a stored MLS value is damaged")]
    Damaged,
    /// A stored value is of another version.
    #[error("a stored MLS value has version {found}, known here is {RECORD_VERSION}")]
    Version {
        /// The version found.
        found: u8,
    },
}

/// One kind of value of a group.
#[derive(Clone, Copy)]
#[repr(u8)]
pub(crate) enum Kind {
    JoinConfig = b'j',
    OwnLeaves = b'o',
    Proposal = b'p',
    Tree = b't',
    TranscriptHash = b'h',
    Context = b'c',
    ConfirmationTag = b'f',
    State = b's',
    MessageSecrets = b'm',
    ResumptionPsks = b'r',
    OwnIndex = b'i',
    EpochSecrets = b'e',
    EpochKeys = b'k',
    /// Not OpenMLS's: who left, for as long as their last messages can still come.
    Departed = b'd',
    /// Not OpenMLS's: the key of the history that a device that joined is waiting for.
    HistoryKey = b'y',
}

/// OpenMLS's view of an overlay.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MlsStorage<'a>(pub(crate) &'a Overlay<'a>);

pub(crate) fn group_key<G: Serialize + ?Sized>(group: &G, kind: Kind) -> Result<Vec<u8>, StorageError> {
    let mut key = group_prefix(group)?;
    key.push(kind as u8);
    Ok(key)
}

/// The prefix of all keys of a group. The encoding of the group id starts with its length, so no id is the prefix of
/// another.
pub(crate) fn group_prefix<G: Serialize + ?Sized>(group: &G) -> Result<Vec<u8>, StorageError> {
    let mut key = GROUP.to_vec();
    key.extend(pack(group)?);
    Ok(key)
}

fn sub_key<G: Serialize, S: Serialize>(group: &G, kind: Kind, sub: &S) -> Result<Vec<u8>, StorageError> {
    let mut key = group_key(group, kind)?;
    key.extend(pack(sub)?);
    Ok(key)
}

fn package_key<R: Serialize>(reference: &R) -> Result<Vec<u8>, StorageError> {
    let mut key = KEY_PACKAGE.to_vec();
    key.extend(pack(reference)?);
    Ok(key)
}

/// Public keys of post-quantum suites are longer than a key of the store may be.
fn other_key<S: Serialize>(kind: u8, name: &S) -> Result<Vec<u8>, StorageError> {
    let mut key = OTHER.to_vec();
    key.push(kind);
    key.extend(Sha256::digest(pack(name)?));
    Ok(key)
}

fn pack<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, StorageError> {
    postcard::to_allocvec(value).map_err(|_| StorageError::Damaged)
}

fn unpack<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, StorageError> {
    match postcard::take_from_bytes(bytes) {
        Ok((value, [])) => Ok(value),
        Ok(_) | Err(_) => Err(StorageError::Damaged),
    }
}

fn unpack_first<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, StorageError> {
    postcard::take_from_bytes(bytes).map(|(value, _)| value).map_err(|_| StorageError::Damaged)
}

fn versioned(record: &[u8]) -> Result<&[u8], StorageError> {
    match record.split_first() {
        Some((&RECORD_VERSION, body)) => Ok(body),
        Some((&found, _)) => Err(StorageError::Version { found }),
        None => Err(StorageError::Damaged),
    }
}

impl MlsStorage<'_> {
    pub(crate) fn put<T: Serialize + ?Sized>(&self, key: Vec<u8>, value: &T) -> Result<(), StorageError> {
        let record = postcard::to_extend(value, vec![RECORD_VERSION]).map_err(|_| StorageError::Damaged)?;
        Ok(self.0.put(key, record)?)
    }

    pub(crate) fn take<T: DeserializeOwned>(&self, key: &[u8]) -> Result<Option<T>, StorageError> {
        self.0.get(key)?.map(|record| unpack(versioned(&record)?)).transpose()
    }

    fn list<T: DeserializeOwned>(&self, prefix: &[u8]) -> Result<Vec<T>, StorageError> {
        let entries = self.0.scan(&Scan::prefix(prefix))?;
        entries.iter().map(|(_, record)| unpack(versioned(record)?)).collect()
    }

    pub(crate) fn delete(&self, key: Vec<u8>) -> Result<(), StorageError> {
        Ok(self.0.delete(key)?)
    }

    /// Removes every key with this prefix.
    pub(crate) fn delete_all(&self, prefix: &[u8]) -> Result<(), StorageError> {
        for (key, _) in self.0.scan(&Scan::prefix(prefix))? {
            self.0.delete(key)?;
        }
        Ok(())
    }
}

/// The three methods of a value that a group has one of.
macro_rules! single {
    ($kind:ident, $write:ident, $read:ident, $delete:ident, $entity:ident) => {
        single!($kind, $write, $read, $entity);

        fn $delete<G: traits::GroupId<CURRENT_VERSION>>(&self, group_id: &G) -> Result<(), StorageError> {
            self.delete(group_key(group_id, Kind::$kind)?)
        }
    };
    ($kind:ident, $write:ident, $read:ident, $entity:ident) => {
        fn $write<G: traits::GroupId<CURRENT_VERSION>, T: traits::$entity<CURRENT_VERSION>>(
            &self,
            group_id: &G,
            value: &T,
        ) -> Result<(), StorageError> {
            self.put(group_key(group_id, Kind::$kind)?, value)
        }

        fn $read<G: traits::GroupId<CURRENT_VERSION>, T: traits::$entity<CURRENT_VERSION>>(
            &self,
            group_id: &G,
        ) -> Result<Option<T>, StorageError> {
            self.take(&group_key(group_id, Kind::$kind)?)
        }
    };
}

/// The three methods of a value that is found by a key of its own.
macro_rules! keyed {
    ($kind:literal, $write:ident($wk:ident, $wv:ident), $read:ident($($order:ident),+), $delete:ident) => {
        fn $write<K: traits::$wk<CURRENT_VERSION>, V: traits::$wv<CURRENT_VERSION>>(
            &self,
            key: &K,
            value: &V,
        ) -> Result<(), StorageError> {
            self.put(other_key($kind, key)?, value)
        }

        keyed!(@read $kind, $read, $wk, $wv, $($order),+);

        fn $delete<K: traits::$wk<CURRENT_VERSION>>(&self, key: &K) -> Result<(), StorageError> {
            self.delete(other_key($kind, key)?)
        }
    };
    (@read $kind:literal, $read:ident, $wk:ident, $wv:ident, K, V) => {
        fn $read<K: traits::$wk<CURRENT_VERSION>, V: traits::$wv<CURRENT_VERSION>>(
            &self,
            key: &K,
        ) -> Result<Option<V>, StorageError> {
            self.take(&other_key($kind, key)?)
        }
    };
    (@read $kind:literal, $read:ident, $wk:ident, $wv:ident, V, K) => {
        fn $read<V: traits::$wv<CURRENT_VERSION>, K: traits::$wk<CURRENT_VERSION>>(
            &self,
            key: &K,
        ) -> Result<Option<V>, StorageError> {
            self.take(&other_key($kind, key)?)
        }
    };
}

impl StorageProvider<CURRENT_VERSION> for MlsStorage<'_> {
    type Error = StorageError;

    single!(Tree, write_tree, tree, delete_tree, TreeSync);
    single!(Context, write_context, group_context, delete_context, GroupContext);
    single!(
        TranscriptHash,
        write_interim_transcript_hash,
        interim_transcript_hash,
        delete_interim_transcript_hash,
        InterimTranscriptHash
    );
    single!(
        ConfirmationTag,
        write_confirmation_tag,
        confirmation_tag,
        delete_confirmation_tag,
        ConfirmationTag
    );
    single!(MessageSecrets, write_message_secrets, message_secrets, delete_message_secrets, MessageSecrets);
    single!(
        ResumptionPsks,
        write_resumption_psk_store,
        resumption_psk_store,
        delete_all_resumption_psk_secrets,
        ResumptionPskStore
    );
    single!(OwnIndex, write_own_leaf_index, own_leaf_index, delete_own_leaf_index, LeafNodeIndex);
    single!(
        EpochSecrets,
        write_group_epoch_secrets,
        group_epoch_secrets,
        delete_group_epoch_secrets,
        GroupEpochSecrets
    );

    keyed!(
        b's',
        write_signature_key_pair(SignaturePublicKey, SignatureKeyPair),
        signature_key_pair(K, V),
        delete_signature_key_pair
    );
    keyed!(
        b'e',
        write_encryption_key_pair(EncryptionKey, HpkeKeyPair),
        encryption_key_pair(V, K),
        delete_encryption_key_pair
    );
    keyed!(b'p', write_psk(PskId, PskBundle), psk(V, K), delete_psk);

    fn write_group_state<S: traits::GroupState<CURRENT_VERSION>, G: traits::GroupId<CURRENT_VERSION>>(
        &self,
        group_id: &G,
        group_state: &S,
    ) -> Result<(), StorageError> {
        self.put(group_key(group_id, Kind::State)?, group_state)
    }

    fn group_state<S: traits::GroupState<CURRENT_VERSION>, G: traits::GroupId<CURRENT_VERSION>>(
        &self,
        group_id: &G,
    ) -> Result<Option<S>, StorageError> {
        self.take(&group_key(group_id, Kind::State)?)
    }

    fn delete_group_state<G: traits::GroupId<CURRENT_VERSION>>(
        &self,
        group_id: &G,
    ) -> Result<(), StorageError> {
        self.delete(group_key(group_id, Kind::State)?)
    }

    fn write_mls_join_config<
        G: traits::GroupId<CURRENT_VERSION>,
        C: traits::MlsGroupJoinConfig<CURRENT_VERSION>,
    >(
        &self,
        group_id: &G,
        config: &C,
    ) -> Result<(), StorageError> {
        let mut record = vec![RECORD_VERSION];
        record.extend(codec::encode(config).map_err(|_| StorageError::Damaged)?);
        Ok(self.0.put(group_key(group_id, Kind::JoinConfig)?, record)?)
    }

    fn mls_group_join_config<
        G: traits::GroupId<CURRENT_VERSION>,
        C: traits::MlsGroupJoinConfig<CURRENT_VERSION>,
    >(
        &self,
        group_id: &G,
    ) -> Result<Option<C>, StorageError> {
        let Some(record) = self.0.get(&group_key(group_id, Kind::JoinConfig)?)? else { return Ok(None) };
        codec::decode(versioned(&record)?, MAX_CONFIG).map(Some).map_err(|_| StorageError::Damaged)
    }

    fn delete_group_config<G: traits::GroupId<CURRENT_VERSION>>(
        &self,
        group_id: &G,
    ) -> Result<(), StorageError> {
        self.delete(group_key(group_id, Kind::JoinConfig)?)
    }

    fn append_own_leaf_node<G: traits::GroupId<CURRENT_VERSION>, L: traits::LeafNode<CURRENT_VERSION>>(
        &self,
        group_id: &G,
        leaf_node: &L,
    ) -> Result<(), StorageError> {
        let key = group_key(group_id, Kind::OwnLeaves)?;
        let mut leaves: Vec<Vec<u8>> = self.take(&key)?.unwrap_or_default();
        leaves.push(pack(leaf_node)?);
        self.put(key, &leaves)
    }

    fn own_leaf_nodes<G: traits::GroupId<CURRENT_VERSION>, L: traits::LeafNode<CURRENT_VERSION>>(
        &self,
        group_id: &G,
    ) -> Result<Vec<L>, StorageError> {
        let leaves: Option<Vec<Vec<u8>>> = self.take(&group_key(group_id, Kind::OwnLeaves)?)?;
        leaves.unwrap_or_default().iter().map(|leaf| unpack(leaf)).collect()
    }

    fn delete_own_leaf_nodes<G: traits::GroupId<CURRENT_VERSION>>(
        &self,
        group_id: &G,
    ) -> Result<(), StorageError> {
        self.delete(group_key(group_id, Kind::OwnLeaves)?)
    }

    fn queue_proposal<
        G: traits::GroupId<CURRENT_VERSION>,
        R: traits::ProposalRef<CURRENT_VERSION>,
        P: traits::QueuedProposal<CURRENT_VERSION>,
    >(
        &self,
        group_id: &G,
        proposal_ref: &R,
        proposal: &P,
    ) -> Result<(), StorageError> {
        self.put(sub_key(group_id, Kind::Proposal, proposal_ref)?, &(proposal_ref, proposal))
    }

    fn queued_proposals<
        G: traits::GroupId<CURRENT_VERSION>,
        R: traits::ProposalRef<CURRENT_VERSION>,
        P: traits::QueuedProposal<CURRENT_VERSION>,
    >(
        &self,
        group_id: &G,
    ) -> Result<Vec<(R, P)>, StorageError> {
        self.list(&group_key(group_id, Kind::Proposal)?)
    }

    /// Reads the references off the values; both are on the disk side by side.
    fn queued_proposal_refs<G: traits::GroupId<CURRENT_VERSION>, R: traits::ProposalRef<CURRENT_VERSION>>(
        &self,
        group_id: &G,
    ) -> Result<Vec<R>, StorageError> {
        let entries = self.0.scan(&Scan::prefix(&group_key(group_id, Kind::Proposal)?))?;
        entries.iter().map(|(_, record)| unpack_first(versioned(record)?)).collect()
    }

    fn remove_proposal<G: traits::GroupId<CURRENT_VERSION>, R: traits::ProposalRef<CURRENT_VERSION>>(
        &self,
        group_id: &G,
        proposal_ref: &R,
    ) -> Result<(), StorageError> {
        self.delete(sub_key(group_id, Kind::Proposal, proposal_ref)?)
    }

    fn clear_proposal_queue<G: traits::GroupId<CURRENT_VERSION>, R: traits::ProposalRef<CURRENT_VERSION>>(
        &self,
        group_id: &G,
    ) -> Result<(), StorageError> {
        self.delete_all(&group_key(group_id, Kind::Proposal)?)
    }

    fn write_encryption_epoch_key_pairs<
        G: traits::GroupId<CURRENT_VERSION>,
        E: traits::EpochKey<CURRENT_VERSION>,
        H: traits::HpkeKeyPair<CURRENT_VERSION>,
    >(
        &self,
        group_id: &G,
        epoch: &E,
        leaf_index: u32,
        key_pairs: &[H],
    ) -> Result<(), StorageError> {
        self.put(epoch_key(group_id, epoch, leaf_index)?, key_pairs)
    }

    fn encryption_epoch_key_pairs<
        G: traits::GroupId<CURRENT_VERSION>,
        E: traits::EpochKey<CURRENT_VERSION>,
        H: traits::HpkeKeyPair<CURRENT_VERSION>,
    >(
        &self,
        group_id: &G,
        epoch: &E,
        leaf_index: u32,
    ) -> Result<Vec<H>, StorageError> {
        Ok(self.take(&epoch_key(group_id, epoch, leaf_index)?)?.unwrap_or_default())
    }

    fn delete_encryption_epoch_key_pairs<
        G: traits::GroupId<CURRENT_VERSION>,
        E: traits::EpochKey<CURRENT_VERSION>,
    >(
        &self,
        group_id: &G,
        epoch: &E,
        leaf_index: u32,
    ) -> Result<(), StorageError> {
        self.delete(epoch_key(group_id, epoch, leaf_index)?)
    }

    fn write_key_package<
        R: traits::HashReference<CURRENT_VERSION>,
        P: traits::KeyPackage<CURRENT_VERSION>,
    >(
        &self,
        hash_ref: &R,
        key_package: &P,
    ) -> Result<(), StorageError> {
        self.put(package_key(hash_ref)?, key_package)
    }

    fn key_package<R: traits::HashReference<CURRENT_VERSION>, P: traits::KeyPackage<CURRENT_VERSION>>(
        &self,
        hash_ref: &R,
    ) -> Result<Option<P>, StorageError> {
        self.take(&package_key(hash_ref)?)
    }

    fn delete_key_package<R: traits::HashReference<CURRENT_VERSION>>(
        &self,
        hash_ref: &R,
    ) -> Result<(), StorageError> {
        self.delete(package_key(hash_ref)?)
    }
}

fn epoch_key<G: Key<CURRENT_VERSION>, E: Key<CURRENT_VERSION>>(
    group_id: &G,
    epoch: &E,
    leaf_index: u32,
) -> Result<Vec<u8>, StorageError> {
    sub_key(group_id, Kind::EpochKeys, &(pack(epoch)?, leaf_index))
}
