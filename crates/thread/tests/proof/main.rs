//! The proof of the thread crate, in one binary: conversations, attacks, hostile bytes, bounds.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    clippy::print_stdout,
    reason = "a test fails by panicking, and the measurement prints"
)]

mod admission_attacks;
mod bounds;
mod cast;
mod chains;
mod conversation;
mod delivery;
mod hostile;
mod membership;
mod raw;
mod rights;
mod speed;
mod vectors;
mod welcome_attacks;
