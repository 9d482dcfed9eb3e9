//! For audits and demonstrations: what this node holds of others' secrecy, read without changing anything.

use crate::{
    record::{self, Outgoing},
    space,
};
use frontdesk_identity::{ThreadId, TransportKey};
use frontdesk_store::{Reader, Scan, StoreError};
use frontdesk_wire::Body;

/// A sealed message that waits in the outbox, as it will travel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedInOutbox {
    /// For this peer.
    pub to: TransportKey,
    /// The thread.
    pub thread: ThreadId,
    /// Its era.
    pub era: u32,
    /// An MLS private message.
    pub sealed: Vec<u8>,
}

/// The sealed messages that wait in a node's outbox, by peer and number.
///
/// # Errors
/// [`StoreError`].
pub fn sealed_in_outbox(reader: &dyn Reader) -> Result<Vec<SealedInOutbox>, StoreError> {
    let mut found = Vec::new();
    for (key, bytes) in reader.scan(&Scan::prefix(space::OUTGOING))? {
        let outgoing: Outgoing = record::decode(&bytes)?;
        if let (Some(to), Ok(Body::ThreadMessage(message))) =
            (space::read_outgoing(&key), Body::decode(&outgoing.body))
        {
            let (thread, era, sealed) = (message.thread, message.era, message.sealed.into_vec());
            found.push(SealedInOutbox { to, thread, era, sealed });
        }
    }
    Ok(found)
}
