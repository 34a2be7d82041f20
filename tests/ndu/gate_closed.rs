//! With one red, one unknown or one unaccepted yellow result nothing that
//! changes the cluster is ever run.

use std::sync::Arc;

use checker_core::ndu::plan::Until;
use checker_core::ndu::run::Outcome;
use checker_core::source::Source;
use checker_simulator::{Scenario, UpgradeSimulator};
use rstest::rstest;

use crate::world::{RealGate, World, shown};

/// The rows of the table that tells which fault gives which check which colour.
const TABLE: [&str; 10] = [
    include_str!("../../checks/tests/scenarios/table/access.toml"),
    include_str!("../../checks/tests/scenarios/table/answers.toml"),
    include_str!("../../checks/tests/scenarios/table/clusters.toml"),
    include_str!("../../checks/tests/scenarios/table/health.toml"),
    include_str!("../../checks/tests/scenarios/table/protocols.toml"),
    include_str!("../../checks/tests/scenarios/table/servers.toml"),
    include_str!("../../checks/tests/scenarios/table/settings.toml"),
    include_str!("../../checks/tests/scenarios/table/tasks.toml"),
    include_str!("../../checks/tests/scenarios/table/upgrades.toml"),
    include_str!("../../checks/tests/scenarios/table/versions.toml"),
];

/// All that opens the gate without a word of the operator: the fault, and where
/// it is not that of most rows, the target. No other row may.
const OPEN: &[&str] = &[
    // Green, and there to be.
    "agent-sysv",
    "alert-muted",
    "boot-iommu-pt",
    "fsck-task",
    "nfs-custom-options",
    "nfs-never-set-up",
    "no-protocols",
    "noise-around-json",
    "obs-detach",
    "obs-detach2",
    "protocol-servers",
    "raid-scanner-task",
    "release-4.4-early",
    "release-4.4.8",
    "same-hostname",
    "slow-idle-core",
    "smb-patched-before",
    "smb-separate",
    "two-interface-groups",
    // Clients are only looked at with -a.
    "client-agent-stopped",
    "client-iommu",
    "client-mount-on-weka",
    "client-no-download",
    "client-os-old",
    "clients-none",
    "unreachable-client",
    // Those of an upgrade are green until one runs.
    "ndu-aws-driver-reload",
    "ndu-child-killed",
    "ndu-cleanup-always",
    "ndu-client-fails",
    "ndu-computes-cleanup",
    "ndu-computes-stop",
    "ndu-conversion-lasts",
    "ndu-conversion-stuck",
    "ndu-dark-site",
    "ndu-driver-build-fails",
    "ndu-drives-cleanup",
    "ndu-drives-stop",
    "ndu-frontends-cleanup",
    "ndu-frontends-stop",
    "ndu-leader-slow",
    "ndu-mgmt-port",
    "ndu-new-alert",
    "ndu-no-room",
    "ndu-no-room-here",
    "ndu-no-scan",
    "ndu-paused",
    "ndu-paused-for-good",
    "ndu-preparation-fails",
    "ndu-server-lost",
    "ndu-site-unreachable",
    "ndu-version-stays",
    "ndu-wrong-token",
];

/// Cluster and target of each row, with the name by which it stands in [`OPEN`].
fn rows() -> Vec<(String, String, String)> {
    let mut rows = Vec::new();
    for text in TABLE {
        let table: toml::Table = text.parse().expect("a table");
        let faults = table.get("fault").and_then(toml::Value::as_array);
        for fault in faults.expect("faults") {
            let word = |key: &str| fault.get(key).and_then(toml::Value::as_str);
            let name = word("name").expect("a name").to_owned();
            let scenario = match word("base") {
                Some(base) => format!("{base},{name}"),
                None => name,
            };
            let (target, shown) = match word("target") {
                Some(target) => (target, format!("{scenario} to {target}")),
                None => ("4.4.33", scenario.clone()),
            };
            rows.push((scenario, target.to_owned(), shown));
        }
    }
    rows
}

/// Every row with the way that it is judged on; one in `parts` of them.
fn closed(part: usize, parts: usize) {
    let mut wrong = Vec::new();
    for (scenario, target, row) in rows().into_iter().skip(part).step_by(parts) {
        let opens = OPEN.contains(&row.as_str());
        let cluster = Scenario::parse(&scenario).expect(&scenario).cluster();
        let mut world = World::new(cluster, &[&target]);
        if opens {
            // What comes behind the gate is the matter of other tests.
            world.options.until = Until::Prepared;
        }
        let source: Arc<dyn Source> = Arc::<UpgradeSimulator>::clone(&world.sim);
        let mut gate = RealGate::new(source, &[]);
        let outcome = world.run_with(false, &mut gate);
        let opened = gate.asked.iter().any(|(_, open)| *open);
        if opened != opens {
            wrong.push(row);
            continue;
        }
        if opens {
            continue;
        }
        assert!(
            gate.asked.is_empty() || matches!(outcome, Outcome::GateClosed { .. }),
            "{row}: {}",
            shown(&outcome)
        );
        let commands = world.commands();
        assert!(commands.is_empty(), "{row}: {commands:?}");
    }
    assert!(
        wrong.is_empty(),
        "opened, or not, against the list: {wrong:#?}"
    );
}

#[rstest]
#[case(0)]
#[case(1)]
#[case(2)]
fn nothing_is_run(#[case] part: usize) {
    closed(part, 3);
}

#[test]
fn what_opens_the_gate_is_in_the_table() {
    let rows = rows();
    assert!(rows.len() > 200, "{}", rows.len());
    for name in OPEN {
        assert!(rows.iter().any(|(_, _, row)| row == name), "{name}");
    }
}
