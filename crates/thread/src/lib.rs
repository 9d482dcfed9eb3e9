//! An MLS thread: membership, admission, forward payload, history and eras.
