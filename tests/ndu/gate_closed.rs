//! With one red, one unknown or one unaccepted yellow result nothing that
//! changes the cluster is ever run.

use std::sync::Arc;

use checker_core::ndu::run::Outcome;
use checker_core::source::Source;
use checker_simulator::{Scenario, UpgradeSimulator, scenarios};
use rstest::rstest;

use crate::world::{RealGate, World, shown};

/// Every scenario with the way that it is judged on; one in `parts` of them.
fn closed(part: usize, parts: usize) {
    let mut seen = 0;
    for (name, _) in scenarios().into_iter().skip(part).step_by(parts) {
        // Those of an upgrade are green until one runs.
        if name == "large" || name.starts_with("ndu-") {
            continue;
        }
        let cluster = Scenario::parse(name).expect(name).cluster();
        let to = if cluster.release.numbers()[0] >= 5 {
            "5.1.30"
        } else {
            "4.4.33"
        };
        let mut world = World::new(cluster, &[to]);
        let source: Arc<dyn Source> = Arc::<UpgradeSimulator>::clone(&world.sim);
        let mut gate = RealGate::new(source, &[]);
        let outcome = world.run_with(false, &mut gate);
        // Open, or the cluster runs the release already.
        if gate.asked.iter().all(|(_, open)| *open) && !gate.asked.is_empty() {
            continue;
        }
        seen += 1;
        assert!(
            gate.asked.is_empty() || matches!(outcome, Outcome::GateClosed { .. }),
            "{name}: {}",
            shown(&outcome)
        );
        let commands = world.commands();
        assert!(commands.is_empty(), "{name}: {commands:?}");
    }
    assert!(seen > 20, "{seen}");
}

#[rstest]
#[case(0)]
#[case(1)]
#[case(2)]
fn nothing_is_run(#[case] part: usize) {
    closed(part, 3);
}
