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

mod records;

pub(crate) use records::{Kind, group_key, group_prefix};

use frontdesk_identity::codec;
use frontdesk_store::{Overlay, Reader as _, Scan, StoreError};
use openmls_traits::storage::{CURRENT_VERSION, Key, StorageProvider, traits};
use records::{RECORD_VERSION, other_key, pack, package_key, sub_key, unpack, unpack_first, versioned};
use serde::{Serialize, de::DeserializeOwned};

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

/// OpenMLS's view of an overlay.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MlsStorage<'a>(pub(crate) &'a Overlay<'a>);

impl MlsStorage<'_> {
    pub(crate) fn put<T: Serialize + ?Sized>(&self, key: Vec<u8>, value: &T) -> Result<(), StorageError> {
        Ok(self.0.put(key, pack(&(RECORD_VERSION, value))?)?)
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

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use frontdesk_store::MemoryStore;
    use serde::Deserialize;

    /// Stands for every type of OpenMLS that is a key or a value.
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
    struct Thing(Vec<u8>);

    impl Key<CURRENT_VERSION> for Thing {}
    impl openmls_traits::storage::Entity<CURRENT_VERSION> for Thing {}
    impl traits::GroupId<CURRENT_VERSION> for Thing {}
    impl traits::ProposalRef<CURRENT_VERSION> for Thing {}
    impl traits::QueuedProposal<CURRENT_VERSION> for Thing {}
    impl traits::LeafNode<CURRENT_VERSION> for Thing {}
    impl traits::EncryptionKey<CURRENT_VERSION> for Thing {}
    impl traits::HpkeKeyPair<CURRENT_VERSION> for Thing {}
    impl traits::GroupContext<CURRENT_VERSION> for Thing {}

    fn thing(n: u8) -> Thing {
        Thing(vec![n; 40])
    }

    #[test]
    fn proposals_are_kept_by_group_and_reference() {
        let store = MemoryStore::new();
        let overlay = Overlay::new(&store);
        let storage = MlsStorage(&overlay);
        // One group id is the beginning of the other.
        let (one, other) = (Thing(vec![1]), Thing(vec![1, 1]));
        for n in 2..4 {
            storage.queue_proposal(&one, &thing(n), &thing(n + 10)).unwrap();
        }
        storage.queue_proposal(&other, &thing(9), &thing(19)).unwrap();
        let queued: Vec<(Thing, Thing)> = storage.queued_proposals(&one).unwrap();
        assert_eq!(queued, [(thing(2), thing(12)), (thing(3), thing(13))]);
        storage.remove_proposal(&one, &thing(2)).unwrap();
        let left: Vec<Thing> = storage.queued_proposal_refs(&one).unwrap();
        assert_eq!(left, [thing(3)]);
        storage.clear_proposal_queue::<_, Thing>(&one).unwrap();
        assert_eq!(storage.queued_proposals::<_, Thing, Thing>(&one).unwrap(), []);
        assert_eq!(storage.queued_proposals::<_, Thing, Thing>(&other).unwrap(), [(thing(9), thing(19))]);
    }

    #[test]
    fn own_leaves_are_a_list_and_long_keys_find_their_pairs() {
        let store = MemoryStore::new();
        let overlay = Overlay::new(&store);
        let storage = MlsStorage(&overlay);
        storage.append_own_leaf_node(&thing(1), &thing(2)).unwrap();
        storage.append_own_leaf_node(&thing(1), &thing(3)).unwrap();
        assert_eq!(storage.own_leaf_nodes::<_, Thing>(&thing(1)).unwrap(), [thing(2), thing(3)]);
        storage.delete_own_leaf_nodes(&thing(1)).unwrap();
        assert_eq!(storage.own_leaf_nodes::<_, Thing>(&thing(1)).unwrap(), []);
        let key = Thing(vec![5; 1216]);
        storage.write_encryption_key_pair(&key, &thing(6)).unwrap();
        assert_eq!(storage.encryption_key_pair::<Thing, _>(&key).unwrap(), Some(thing(6)));
        storage.delete_encryption_key_pair(&key).unwrap();
        assert_eq!(storage.encryption_key_pair::<Thing, _>(&key).unwrap(), None);
    }

    #[test]
    fn a_value_of_another_version_or_with_trailing_bytes_is_an_error() {
        let store = MemoryStore::new();
        let overlay = Overlay::new(&store);
        let storage = MlsStorage(&overlay);
        storage.write_context(&thing(1), &thing(2)).unwrap();
        let key = group_key(&thing(1), Kind::Context).unwrap();
        let good = overlay.get(&key).unwrap().unwrap();
        let read = |record: &[u8]| {
            overlay.put(key.clone(), record).unwrap();
            storage.group_context::<_, Thing>(&thing(1))
        };
        assert!(matches!(read(&[&good[..], &[0]].concat()), Err(StorageError::Damaged)));
        assert!(matches!(
            read(&[&[9], good.get(1..).unwrap()].concat()),
            Err(StorageError::Version { found: 9 })
        ));
        assert!(matches!(read(&[]), Err(StorageError::Damaged)));
        assert_eq!(read(&good).unwrap(), Some(thing(2)));
    }
}
