//! admission_attacks
