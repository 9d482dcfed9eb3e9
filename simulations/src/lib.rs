//! Many engines on virtual time: the real protocol over a simulated network, clock and disk.
//!
//! A [`World`] holds nodes, each a real [`Engine`](frontdesk_engine::Engine) over a memory store, and a queue of what
//! happens when. Nothing in it reads a clock or the system's randomness for its decisions, so a seed names a run. The
//! network between connected nodes loses, delays, reorders and duplicates frames as its [`Weather`] says; nodes crash and
//! lose what they had not flushed.
//!
//! [`office`] is the ready-made business: an administrator, agents and a customer who talk.

mod network;
mod node;
pub mod office;
mod world;

pub use network::Weather;
pub use node::{Node, NodeId};
pub use world::{SimError, World};
