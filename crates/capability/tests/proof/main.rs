//! The proof of the grant algebra: golden vectors, every refusal, a reference model, and hostile bytes.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

mod algebra;
mod cases;
mod forge;
mod hostile;
mod model;
mod refusals;
mod steps;
mod vectors;
