//! welcome_attacks
