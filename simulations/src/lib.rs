//! Many engines on virtual time: the real protocol over a simulated network, clock and disk.
//!
//! A [`World`] holds nodes, each a real [`Engine`](frontdesk_engine::Engine) over a memory store (or another
//! [`Disk`]), and a queue of what happens when. Nothing in it reads a clock or the system's randomness for its decisions, so a seed names a run. The
//! network between connected nodes loses, delays, reorders and duplicates frames as its [`Weather`] says; nodes crash and
//! lose what they had not flushed.
//!
//! An [`Adversary`] is a node without an engine: it speaks the protocol by hand, with keys of its own or with those of a
//! node that it took over. [`Forge`] makes what no honest device would sign, and
//! a [`Usurper`] commits what no honest member would.
//!
//! [`office`] is the ready-made business: an administrator, agents and a customer who talk.
//!
//! [`sockets`] alone is no simulation of time and network: it plays a business on real ones.

mod adversary;
mod around;
mod business;
mod disk;
mod faults;
mod forge;
mod interleaving;
pub mod lab;
mod network;
mod node;
pub mod office;
mod queue;
mod search;
mod siege;
mod silence;
pub mod sockets;
mod usurper;
mod waiting;
mod wires;
mod world;

pub use adversary::{Adversary, Fate};
pub use business::Business;
pub use disk::Disk;
pub use faults::Sent;
pub use forge::Forge;
pub use interleaving::{Choice, Interleavings, Reached};
pub use network::{Fare, Weather};
pub use node::{Clock, Failure, Node, NodeId, Received};
pub use search::{Explored, Search};
pub use siege::{Shown, Siege};
pub use usurper::{Coup, Usurper};
pub use wires::Nat;
pub use world::{Founding, SimError, World};
