//! What is going to happen in a world, and when.

use crate::NodeId;
use frontdesk_identity::TransportKey;
use sha2::{Digest as _, Sha256};

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum What {
    Frame { to: NodeId, from: TransportKey, connection: u64, bytes: Vec<u8> },
    Connect { a: NodeId, b: NodeId },
    Deadline { node: NodeId, at: u64 },
    Start { node: NodeId },
    Call { number: u64 },
}

impl What {
    pub(crate) fn hash_into(&self, at: u64, hash: &mut Sha256) {
        hash.update(at.to_be_bytes());
        let number = |node: NodeId| u64::try_from(node.0).unwrap_or(u64::MAX).to_be_bytes();
        match self {
            Self::Frame { to, from, connection, bytes } => {
                hash.update([1]);
                hash.update(number(*to));
                hash.update(from.as_bytes());
                hash.update(connection.to_be_bytes());
                hash.update(u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes());
                hash.update(bytes);
            }
            Self::Connect { a, b } => {
                hash.update([2]);
                hash.update(number(*a));
                hash.update(number(*b));
            }
            Self::Deadline { node, at } => {
                hash.update([3]);
                hash.update(number(*node));
                hash.update(at.to_be_bytes());
            }
            Self::Start { node } => {
                hash.update([4]);
                hash.update(number(*node));
            }
            Self::Call { number } => {
                hash.update([5]);
                hash.update(number.to_be_bytes());
            }
        }
    }
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Scheduled {
    pub(crate) at: u64,
    pub(crate) order: u64,
    pub(crate) what: What,
}
