//! The Store trait, its sled and memory engines, and encryption at rest.
