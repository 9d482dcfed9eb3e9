//! Many engines on virtual time.
