//! The proof of the wire: golden vectors, every bound, properties of arbitrary values, and hostile bytes.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

mod arbitrary;
mod bounds;
mod bundle_cases;
mod cases;
mod cbor;
mod entity_samples;
mod hostile;
mod people;
mod properties;
mod reasons;
mod redaction;
mod samples;
mod signed_cases;
mod vectors;
