//! libp2p's reasons for a failed dial, in this crate's words.

use std::error::Error as _;

use libp2p::swarm::DialError;

use crate::{address, event::DialFailure};

pub(crate) fn failure(error: &DialError) -> DialFailure {
    match error {
        DialError::LocalPeerId { address } => DialFailure::OwnAddress { address: address.to_string() },
        DialError::NoAddresses => DialFailure::NoAddress,
        DialError::DialPeerConditionFalse(_) | DialError::Aborted => DialFailure::Aborted,
        DialError::WrongPeerId { obtained, address } => {
            let address = address::without_peer(address.clone()).to_string();
            DialFailure::WrongPeer { found: obtained.to_string(), address }
        }
        DialError::Denied { cause } => {
            let source = cause.source();
            DialFailure::Denied(source.map_or_else(|| cause.to_string(), ToString::to_string))
        }
        DialError::Transport(errors) => {
            let each = errors.iter().map(|(address, error)| format!("{address}: {error}"));
            DialFailure::Unreachable(each.collect::<Vec<_>>().join("; "))
        }
    }
}
