//! Scenarios: whole businesses with their people on virtual time, checked against a reference, measured and reported.

mod bounds;
mod chance;
pub mod figures;
mod people;
mod play;
mod roads;
pub mod scenario;
mod trouble;
mod truth;

pub use people::Path;
pub use play::{Outcome, Watch, play};
pub use roads::Roads;
pub use scenario::Scenario;
pub use truth::Violation;
