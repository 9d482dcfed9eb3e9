//! Scenarios: whole businesses with their people on virtual time, checked against a reference, measured and reported.

mod bounds;
pub(crate) mod chance;
pub mod figures;
mod finding;
pub(crate) mod log;
mod people;
mod play;
pub mod report;
mod roads;
pub mod scenario;
mod sense;
mod takeover;
mod trouble;
pub(crate) mod truth;

pub use finding::{Finding, FindingError, Replayed};
pub use log::Happening;
pub use people::Path;
pub use play::{Outcome, Unwatched, Watch, play};
pub(crate) use roads::whole;
pub use roads::{Mishaps, Roads};
pub use scenario::Scenario;
pub use sense::{Nonsense, ScenarioError};
pub use truth::Violation;
