//! Check runs over a simulated cluster that was upgraded, or left half-way:
//! the gate before a second hop rests on them.

use std::sync::Arc;

use checker_core::engine::{self, Limits, Request, Selection};
use checker_core::event::Observers;
use checker_core::report::Report;
use checker_core::{Outcome, Registry, Version};
use checker_simulator::upgrade::{Environment, RunEnd, Started};
use checker_simulator::{Cluster, Scenario, Simulator};

fn report(cluster: &Cluster, target: &str) -> Report {
    let mut registry = Registry::new();
    checker_checks::register(&mut registry).expect("registered");
    let data = checker_checks::release_data().expect("release data");
    let request = Request {
        target: version(target),
        selection: Selection {
            clients: true,
            ..Selection::default()
        },
        limits: Limits::default(),
        data: &data,
        tool_version: "0.0.0",
        argv: Vec::new(),
        host: "weka-01".to_owned(),
        interrupted: Arc::default(),
    };
    let source = Arc::new(Simulator::new(cluster.clone()));
    engine::run(source, &registry, request, &Observers::new())
        .expect("a run")
        .report
}

/// What is not green, `outcome check`.
fn not_green(report: &Report) -> Vec<String> {
    let results = report.results.iter();
    let mut found: Vec<String> = results
        .filter(|r| !matches!(r.outcome, Outcome::Pass | Outcome::Skipped))
        .map(|r| format!("{} {}: {}", r.outcome, r.check, r.summary))
        .collect();
    found.dedup();
    found
}

fn version(text: &str) -> Version {
    text.parse().expect("a release")
}

fn built(scenario: &str) -> Cluster {
    Scenario::parse(scenario).expect(scenario).cluster()
}

fn carry_out(cluster: &mut Cluster, line: &str) -> RunEnd {
    let words: Vec<&str> = line.split(' ').collect();
    let Started::Running(mut run) = cluster.start("weka-01", &words, &Environment::default())
    else {
        panic!("{line} is refused");
    };
    loop {
        if let Some(end) = run.step(cluster).end {
            return end;
        }
    }
}

fn upgrade(cluster: &mut Cluster, target: &str) -> RunEnd {
    assert_eq!(
        carry_out(cluster, &format!("version get {target}")),
        RunEnd::Exited(0)
    );
    let line = format!("local run --container drives0 --in {target} upgrade");
    carry_out(cluster, &line)
}

#[test]
fn an_upgraded_cluster_is_as_green_as_before() {
    let mut cluster = built("healthy");
    assert_eq!(upgrade(&mut cluster, "4.4.30.153"), RunEnd::Exited(0));
    assert_eq!(
        carry_out(
            &mut cluster,
            "local run -C drives0 --in 4.4.30.153 upgrade --mode=clients-upgrade"
        ),
        RunEnd::Exited(0)
    );
    assert_eq!(not_green(&report(&cluster, "4.4.33")), [""; 0]);
}

/// The conversion, the scan after it and the clients stand in the way of the
/// second hop, and nothing else does.
#[test]
fn the_second_hop_waits_for_the_conversion_and_the_clients() {
    let mut cluster = built("two-hops");
    assert_eq!(upgrade(&mut cluster, "4.4.26"), RunEnd::Exited(0));
    let red: Vec<String> = not_green(&report(&cluster, "5.1.25"))
        .iter()
        .filter(|line| line.starts_with("fail"))
        .map(|line| line.split(':').next().unwrap_or_default().to_owned())
        .collect();
    // The scan follows the conversion.
    let expected = [
        "fail health/fsck",
        "fail version/clients",
        "fail version/conversion",
    ];
    assert_eq!(red, expected);
    while cluster.upgrade.conversion.is_some() {
        cluster.asked(&["status", "-J"]);
    }
    assert_eq!(
        carry_out(
            &mut cluster,
            "local run -C drives0 --in 4.4.26 upgrade --mode=clients-upgrade"
        ),
        RunEnd::Exited(0)
    );
    let left = not_green(&report(&cluster, "5.1.25"));
    assert!(
        left.iter().all(|line| !line.starts_with("fail")),
        "{left:#?}"
    );
}

#[test]
fn an_upgrade_that_was_left_half_way_is_seen() {
    let mut cluster = built("ndu-child-killed");
    assert_eq!(upgrade(&mut cluster, "4.4.33"), RunEnd::Killed);
    let found = not_green(&report(&cluster, "4.4.33"));
    let running = found
        .iter()
        .find(|line| line.starts_with("fail health/upgrade-running"))
        .unwrap_or_else(|| panic!("{found:#?}"));
    assert!(running.contains("ComputeRollingPhase"), "{running}");
}
