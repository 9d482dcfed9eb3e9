//! What a node's owner can choose about its engine.

use crate::HistoryChoice;
use frontdesk_identity::{DeviceId, Role};
use frontdesk_thread::Suite;

/// What a node's owner can choose about its engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Say this device's name in each thread it is in. Default: true.
    pub introduce: bool,
    /// The cipher suite of threads that this node opens. Default: the post-quantum hybrid.
    pub suite: Suite,
    /// Key packages that this device keeps in stock at its administrator's: so many forwards are possible while it is away
    /// before the one of last resort is used. Default: [`STOCK`](crate::limits::STOCK). Cost: about 3 KB each there.
    pub key_packages: usize,
    /// Forward each new thread at once. Default: no, a person decides.
    pub forward_new: Option<ForwardRule>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            introduce: true,
            suite: Suite::default(),
            key_packages: crate::roster::STOCK,
            forward_new: None,
        }
    }
}

/// A policy of the administrator's node: what happens with a new thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ForwardRule {
    /// Who gets it.
    pub to: ForwardTo,
    /// How long the grant lasts, in seconds.
    pub lasts: u64,
    /// What may be read of what came before.
    pub history: HistoryChoice,
}

/// Who gets a thread that is forwarded by policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForwardTo {
    /// The device of this role that is connected and was given the fewest threads.
    Role(Role),
    /// This device.
    Device(DeviceId),
}
