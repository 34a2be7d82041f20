//! Every fault of the simulated cluster, alone: exactly the expected results
//! change, and nothing else does.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use checker_core::engine::{self, Limits, Request, Selection};
use checker_core::event::Observers;
use checker_core::report::Report;
use checker_core::{Outcome, Registry};
use checker_simulator::Simulator;

fn report(scenario: &str) -> Report {
    let mut registry = Registry::new();
    checker_checks::register(&mut registry).expect("registered");
    let data = checker_checks::release_data().expect("release data");
    let request = Request {
        target: "4.4.33".parse().expect("a release"),
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
    let source = Arc::new(Simulator::scenario(scenario).expect("a scenario"));
    engine::run(source, &registry, request, &Observers::new())
        .expect("a run")
        .report
}

/// Outcome by check and target.
fn outcomes(report: &Report) -> BTreeMap<(&str, &str), (Outcome, &str)> {
    report
        .results
        .iter()
        .map(|r| {
            (
                (r.check.as_str(), r.target.as_str()),
                (r.outcome, r.summary.as_str()),
            )
        })
        .collect()
}

#[test]
fn the_healthy_cluster_is_green() {
    let report = report("healthy");
    let not_green: Vec<_> = report
        .results
        .iter()
        .filter(|r| !matches!(r.outcome, Outcome::Pass | Outcome::Skipped))
        .collect();
    assert!(not_green.is_empty(), "{not_green:#?}");
    assert_eq!(report.verdict.as_str(), "green");
}

// field history 108
/// What each fault changes, for the reader to compare with the catalogue.
#[test]
fn each_fault_changes_what_it_should() {
    let healthy = report("healthy");
    let healthy = outcomes(&healthy);
    let mut text = String::new();
    for scenario in checker_simulator::scenarios() {
        // Five hundred servers tell nothing that six don't.
        if scenario.0 == "large" {
            continue;
        }
        let report = report(scenario.0);
        let _ = writeln!(text, "{} ({}): {}", scenario.0, scenario.1, report.verdict);
        let found = outcomes(&report);
        let gone = healthy
            .keys()
            .filter(|slot| !found.contains_key(*slot))
            .count();
        if gone > 0 {
            let _ = writeln!(text, "  {gone} results of the healthy cluster are gone");
        }
        for ((check, target), (outcome, summary)) in found {
            if healthy.get(&(check, target)).map(|h| h.0) != Some(outcome) {
                let _ = writeln!(text, "  {outcome:<7} {check} {target}: {summary}");
            }
        }
    }
    insta::assert_snapshot!(text);
}
