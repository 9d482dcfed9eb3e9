//! The demo, as a program reads it.

use crate::harness::Place;
use std::time::Duration;

/// What the demo may take on two processors.
const MOST: Duration = Duration::from_secs(60);

#[test]
fn the_demo_shows_every_claim_within_a_minute() {
    let place = Place::new();
    let told = place.home("unused").json(&["demo"]);
    assert_eq!(told["ok"], true, "{told:#}");
    let checks = told["checks"].as_array().unwrap();
    assert!(checks.len() >= 24, "{told:#}");
    for check in checks {
        assert_eq!(check["result"], "ok", "{check:#}");
        assert!(check["ms"].is_u64() && check["claim"].is_string(), "{check:#}");
    }
    let took = Duration::from_millis(told["totals"]["ms"].as_u64().unwrap());
    assert!(took <= MOST, "{took:?}");
}
