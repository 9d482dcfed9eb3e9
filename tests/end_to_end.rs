//! End to end: the real program in processes of its own, on real sockets of the loopback interface, with real disks.
//!
//! `cargo test --release -p frontdesk --test end_to_end`. Each file is a subject, each test a sentence about it. Nothing
//! here knows the program's inside: a test has its command line, its API, its files and its signals.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what it plays"
)]

mod harness;

mod backups;
mod command_line;
mod crashes;
mod demo;
mod durability;
mod enrolment;
mod example_bot;
mod federation;
mod full_disk;
mod hostile_peers;
mod local_api;
mod passphrases;
mod quick_start;
mod readme;
mod rights;
mod secrets;
mod settings;
mod steward_away;
mod succession;
mod upgrade;
