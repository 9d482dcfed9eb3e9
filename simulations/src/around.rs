//! What changed around a node since its latest good step: told to an engine that read its store anew and missed it.

use frontdesk_engine::Input;
use frontdesk_identity::TransportKey;
use std::collections::BTreeMap;

/// Between two tries to open a store that failed, in milliseconds, as the program has it.
pub(crate) const REOPEN_AFTER: u64 = 2_000;
/// How long what a lazy step wrote may wait for another step's flush, in milliseconds, as the program has it.
pub(crate) const FLUSH_WITHIN: u64 = 1_000;

/// Who came and went, and where the node can be dialled.
#[derive(Debug, Default)]
pub(crate) struct Around {
    peers: BTreeMap<TransportKey, bool>,
    addresses: Option<Vec<String>>,
}

impl Around {
    pub(crate) fn note(&mut self, input: &Input) {
        match input {
            Input::PeerUp(peer) => drop(self.peers.insert(*peer, true)),
            Input::PeerDown(peer) => drop(self.peers.insert(*peer, false)),
            Input::Addresses(addresses) => self.addresses = Some(addresses.clone()),
            Input::Command { .. } | Input::Frame { .. } | Input::Deadline => {}
        }
    }

    pub(crate) fn as_inputs(&self) -> Vec<Input> {
        let peer = |(peer, up): (&TransportKey, &bool)| {
            if *up { Input::PeerUp(*peer) } else { Input::PeerDown(*peer) }
        };
        self.addresses.iter().cloned().map(Input::Addresses).chain(self.peers.iter().map(peer)).collect()
    }

    /// A step was good: its engine knows all of it.
    pub(crate) fn are_known(&mut self) {
        self.peers.clear();
    }
}
