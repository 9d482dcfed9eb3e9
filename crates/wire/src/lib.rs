//! Frames and message content in deterministic CBOR, with limits.
