//! What the engine keeps in memory, read from the store.

use crate::{
    contact::OpenOffer,
    record::{self, Asker, DeviceEntry, LinkRecord, Reception},
    space,
};
use frontdesk_capability::{RevocationBytes, Revocations};
use frontdesk_identity::{DeviceId, ThreadId, TransportKey, UnixTime};
use frontdesk_store::{Reader, Scan, StoreError};
use frontdesk_wire::RequestId;
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn revocations(reader: &dyn Reader) -> Result<Revocations, StoreError> {
    let mut revocations = Revocations::new();
    for (key, bytes) in reader.scan(&Scan::prefix(space::REVOCATIONS))? {
        let bytes: RevocationBytes = record::decode(&bytes)?;
        let principal = space::principal_of_revocation(&key);
        let revocation = principal.and_then(|principal| bytes.verify(&principal).ok());
        let revocation = revocation.ok_or_else(|| StoreError::Damaged { what: "a revocation".into() })?;
        revocations.restore(revocation);
    }
    Ok(revocations)
}

pub(super) fn colleagues(reader: &dyn Reader) -> Result<BTreeMap<TransportKey, DeviceId>, StoreError> {
    let mut colleagues = BTreeMap::new();
    for (_, bytes) in reader.scan(&Scan::prefix(space::DEVICES))? {
        let entry: DeviceEntry = record::decode(&bytes)?;
        if !entry.removed {
            let record = record::device_of(&entry.record)?;
            colleagues.insert(record.transport(), record.id());
        }
    }
    Ok(colleagues)
}

pub(super) fn expiries(reader: &dyn Reader) -> Result<BTreeSet<(UnixTime, ThreadId)>, StoreError> {
    let keys = reader.scan(&Scan::prefix(space::EXPIRIES))?;
    Ok(keys.iter().filter_map(|(key, _)| space::read_expiry(key)).collect())
}

/// Peers that have something to get, and those of whom it isn't known whether they opened all: what they acknowledged
/// last may have been told and not flushed.
pub(super) fn due(
    reader: &dyn Reader,
) -> Result<(BTreeSet<TransportKey>, BTreeSet<TransportKey>), StoreError> {
    let (mut due, mut unsure) = (BTreeSet::new(), BTreeSet::new());
    for (key, bytes) in reader.scan(&Scan::prefix(space::LINKS))? {
        let link: LinkRecord = record::decode(&bytes)?;
        let Some(peer) = space::read_link(&key) else { continue };
        if link.numbered > link.delivered {
            due.insert(peer);
            unsure.insert(peer);
        }
    }
    Ok((due, unsure))
}

pub(super) fn receptions(reader: &dyn Reader) -> Result<BTreeMap<RequestId, OpenOffer>, StoreError> {
    let mut receptions = BTreeMap::new();
    for (key, bytes) in reader.scan(&Scan::prefix(space::RECEPTIONS))? {
        let Reception { guest, since, .. } = record::decode(&bytes)?;
        if let Some(request) = space::read_reception(&key) {
            let asker: Option<Asker> = record::get(reader, &space::asker(&request))?;
            let stranger = asker.is_some_and(|asker| asker.stranger);
            let peer = record::device_of(&guest)?.transport();
            receptions.insert(request, OpenOffer { peer, since, stranger });
        }
    }
    Ok(receptions)
}
