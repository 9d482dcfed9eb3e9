//! The business on real sockets: connections are cut and nodes restart while people write, and nothing is lost.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use frontdesk_sim::{
    lab::Watch,
    sockets::{Plan, play},
};

/// Nobody looks.
struct Unseen;

impl Watch for Unseen {
    fn seconds(&self) -> f64 {
        0.0
    }

    fn progress(&mut self, _part: f64) {}
}

#[test]
fn every_text_arrives_once_and_in_order_though_connections_are_cut_and_nodes_restart() {
    let plan = Plan { agents: 3, customers: 18, seconds: 8, seed: 7, ..Plan::default() };
    assert_eq!(plan.nodes(), 23);
    let report = play(&plan, &mut Unseen).unwrap();
    assert!(report.is_good(), "seed {}: {:#?}", report.seed, report.violations);
    assert_eq!(report.threads, 18);
    assert_eq!(report.delivered + report.refused, report.texts);
    assert!(
        report.texts >= 100 && report.delivered >= 100,
        "{} texts are too few to show anything",
        report.texts
    );
    assert!(report.delivered_without_administrator > 0, "nobody talked while the administrator was away");
    assert!(report.handed_over > 0, "no thread was handed over");
    assert!(report.revoked > 0, "no agent was taken out");
    for what in ["cuts", "cuts of the administrator", "moves", "crashes", "failing flushes"] {
        assert!(report.faults.contains_key(what), "no {what}: {:?}", report.faults);
    }
}
