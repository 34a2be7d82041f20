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
        if name == "large" {
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
        let open = gate.asked.iter().any(|(_, open)| *open);
        if open {
            continue;
        }
        seen += 1;
        assert!(
            matches!(outcome, Outcome::GateClosed { .. } | Outcome::Stopped(_)),
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
