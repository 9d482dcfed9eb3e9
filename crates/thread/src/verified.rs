//! Device records that were verified already.

use crate::member::{Leaf, LeafError};
use frontdesk_identity::{DeviceRecord, DeviceRecordError, SignedDeviceRecord};
use lru::LruCache;
use std::{cell::RefCell, fmt, num::NonZeroUsize};

/// Records that are kept, of those verified last. About a kilobyte each.
const KEPT: NonZeroUsize = NonZeroUsize::new(256).unwrap();

/// Verified records by their bytes. Whether a record holds depends on its bytes alone, so it is verified once: a device
/// meets its colleagues and itself in every thread.
pub(crate) struct VerifiedRecords(RefCell<LruCache<Vec<u8>, DeviceRecord>>);

impl VerifiedRecords {
    /// The record, verified now or before.
    pub(crate) fn verify(&self, signed: &SignedDeviceRecord) -> Result<DeviceRecord, DeviceRecordError> {
        if let Some(known) = self.0.borrow_mut().get(signed.as_bytes()) {
            return Ok(known.clone());
        }
        let record = signed.verify()?;
        self.0.borrow_mut().put(signed.as_bytes().to_vec(), record.clone());
        Ok(record)
    }

    /// The record of the device that a leaf speaks for.
    pub(crate) fn of(&self, leaf: &Leaf) -> Result<DeviceRecord, LeafError> {
        let record = self.verify(&leaf.signed()?)?;
        if Some(record.id()) == leaf.device() { Ok(record) } else { Err(LeafError::KeyMismatch) }
    }
}

impl Default for VerifiedRecords {
    fn default() -> Self {
        Self(RefCell::new(LruCache::new(KEPT)))
    }
}

impl fmt::Debug for VerifiedRecords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedRecords").field("kept", &self.0.borrow().len()).finish()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use frontdesk_identity::{DeviceKeys, RootKey, UnixTime};
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng as _;

    #[test]
    fn a_known_record_still_has_to_be_that_of_the_leaf() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let (keys, root) = (DeviceKeys::generate(&mut rng), RootKey::generate(&mut rng));
        let signed: SignedDeviceRecord = DeviceRecord::sign(&keys, root.principal(), UnixTime(7));
        let leaf =
            |credential: &[u8], key: &[u8]| Leaf { credential: credential.to_vec(), key: key.to_vec() };
        let records = VerifiedRecords::default();
        let own = leaf(signed.as_bytes(), keys.id().as_bytes());
        for _ in 0..2 {
            assert_eq!(records.of(&own).unwrap().id(), keys.id());
            assert_eq!(records.of(&leaf(signed.as_bytes(), &[7; 32])), Err(LeafError::KeyMismatch));
            let mut forged = signed.as_bytes().to_vec();
            *forged.last_mut().unwrap() ^= 1;
            assert!(records.of(&leaf(&forged, keys.id().as_bytes())).is_err());
        }
        assert_eq!(format!("{records:?}"), "VerifiedRecords { kept: 1 }");
    }
}
