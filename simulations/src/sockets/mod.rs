//! Real sockets: the same business on real [`Net`](frontdesk_net::Net)s, in real time.
//!
//! Every node is a real engine over a memory store, with a network of its own on 127.0.0.1 and a port that the system chose,
//! driven in turns as the program drives it. One process and one runtime hold them all. While people write, faults befall
//! their nodes ([`Plan::faults`]); then all is healed, and what the nodes show is held against the reference of
//! [`lab`](crate::lab) until it agrees, or [`SETTLE`] is over.
//!
//! What is real here is simulated there, and the other way round: here the seed names only what people and faults do, and
//! not how a run goes, for that is up to the system's scheduler and clock.

mod check;
mod clock;
mod cuts;
mod driver;
mod errors;
mod ledger;
mod node;
mod people;
mod plan;
mod play;
mod report;
mod stage;

pub use plan::{Fault, Plan, PlanError};
pub use play::{SETTLE, play};
pub use report::Report;
