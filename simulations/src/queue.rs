//! What is going to happen in a world, and when.

use crate::NodeId;
use frontdesk_identity::TransportKey;
use frontdesk_wire::{Body, Frame};
use sha2::{Digest as _, Sha256};

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum What {
    Frame {
        to: NodeId,
        from: TransportKey,
        connection: u64,
        bytes: Vec<u8>,
    },
    Connect {
        a: NodeId,
        b: NodeId,
    },
    Deadline {
        node: NodeId,
        at: u64,
    },
    Start {
        node: NodeId,
    },
    Call {
        number: u64,
    },
    /// A node may notice that nothing comes over a connection any more.
    Ping {
        side: NodeId,
        other: NodeId,
        connection: u64,
    },
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
                if is_the_same_each_time(bytes) {
                    hash.update(bytes);
                }
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
            Self::Ping { side, other, connection } => {
                hash.update([6]);
                hash.update(number(*side));
                hash.update(number(*other));
                hash.update(connection.to_be_bytes());
            }
        }
    }
}

/// Whether a frame has nothing sealed in it. HPKE, by which MLS hands out new keys, takes its randomness from the system, so
/// whatever is sealed differs from run to run, and its length doesn't.
fn is_the_same_each_time(bytes: &[u8]) -> bool {
    match Frame::decode(bytes) {
        Ok(Frame::Data(data)) => match Body::decode(&data.body) {
            Ok(
                Body::ContactRequest(_)
                | Body::ForwardRequest(_)
                | Body::ForwardAnswer(_)
                | Body::Revoked(_)
                | Body::AddressUpdate(_)
                | Body::RefillRequest(_)
                | Body::Rejoin(_)
                | Body::Roster(_)
                | Body::MemberAddress(_),
            ) => true,
            Ok(_) | Err(_) => false,
        },
        Ok(Frame::Hello(_) | Frame::Ack(_) | Frame::Unusable(_)) => true,
        // What adversaries throw may be parts of what is sealed.
        Err(_) => false,
    }
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Scheduled {
    pub(crate) at: u64,
    pub(crate) order: u64,
    pub(crate) what: What,
}
