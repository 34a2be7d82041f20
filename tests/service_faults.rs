//! Each fault of the simulated services and clients turns exactly the check
//! that it is made for, from green to the colour that it is made for.

use std::collections::BTreeMap;
use std::sync::Arc;

use checker_core::engine::{Limits, Request, Selection, run};
use checker_core::event::Observers;
use checker_core::{Outcome, Registry};
use checker_simulator::Simulator;
use rstest::rstest;

/// Every check of the simulated cluster, clients too: outcome by check and target.
fn outcomes(scenario: &str, target: &str) -> BTreeMap<(String, String), Outcome> {
    let mut registry = Registry::new();
    checker_checks::register(&mut registry).expect("good ids");
    let data = checker_checks::release_data().expect("good data");
    let request = Request {
        target: target.parse().expect("a release"),
        selection: Selection {
            clients: true,
            ..Selection::default()
        },
        limits: Limits::default(),
        data: &data,
        tool_version: "0",
        argv: Vec::new(),
        host: "here".to_owned(),
        interrupted: Arc::default(),
    };
    let source = Arc::new(Simulator::scenario(scenario).expect(scenario));
    let run = run(source, &registry, request, &Observers::new()).expect("a run");
    run.report
        .results
        .into_iter()
        .map(|result| ((result.check, result.target), result.outcome))
        .collect()
}

use Outcome::{Fail, Pass, Skipped, Warn};

#[rstest]
#[case::config_fs("healthy", "nfs-no-config-fs", "4.4.33", "nfs/config-fs", Warn)]
#[case::custom_options(
    "release-4.2",
    "nfs-custom-options",
    "4.4.2.157",
    "nfs/custom-options",
    Fail
)]
#[case::group("healthy", "nfs-group-inactive", "4.4.33", "nfs/health", Warn)]
#[case::port("healthy", "nfs-port-unreachable", "4.4.33", "nfs/health", Warn)]
#[case::port_of_6_0("release-6.0", "nfs-port-unreachable", "6.0.1", "nfs/health", Warn)]
#[case::one_server("healthy", "nfs-one-server", "4.4.33", "nfs/failover", Warn)]
#[case::crowded("healthy", "nfs-crowded", "4.4.33", "nfs/failover", Warn)]
#[case::etcd("healthy", "s3-etcd", "4.4.33", "s3/etcd", Fail)]
#[case::etcd_of_4_0("release-4.0", "s3-etcd", "4.2.4", "s3/etcd", Fail)]
#[case::s3("healthy", "s3-not-ready", "4.4.33", "s3/health", Warn)]
#[case::s3_as_a_map("release-4.2", "s3-not-ready", "4.4.33", "s3/health", Warn)]
#[case::write_cache("healthy", "s3-writecache", "4.4.33", "s3/mount-options", Warn)]
#[case::write_cache_of_3_11("release-3.11", "s3-writecache", "4.0.5.40", "s3/mount-options", Warn)]
#[case::rules("healthy", "s3-lifecycle-rules", "4.4.33", "s3/lifecycle", Fail)]
#[case::prefix("healthy", "s3-lifecycle-prefix", "4.4.33", "s3/lifecycle", Fail)]
#[case::tags("healthy", "s3-lifecycle-tags", "4.4.33", "s3/lifecycle", Fail)]
#[case::smb("smb-separate", "smb-not-ready", "4.4.33", "smb/health", Warn)]
#[case::smb_of_6_0(
    "release-6.0,smb-separate",
    "smb-not-ready",
    "6.0.1",
    "smb/health",
    Warn
)]
fn a_fault_of_the_cluster(
    #[case] base: &str,
    #[case] fault: &str,
    #[case] target: &str,
    #[case] check: &str,
    #[case] outcome: Outcome,
) {
    turns(base, fault, target, (check, "cluster"), outcome);
}

#[rstest]
#[case::patched(
    "smb-separate",
    "smb-patched",
    "4.4.33",
    "smb/tsmb-patch",
    "weka-01",
    Fail
)]
#[case::patched_before(
    "release-4.2,smb-separate",
    "smb-patched-before",
    "4.4.20.115",
    "smb/tsmb-patch",
    "weka-01",
    Fail
)]
#[case::mount(
    "healthy",
    "client-mount-on-weka",
    "4.4.33",
    "client/mount",
    "client-01",
    Fail
)]
#[case::iommu("healthy", "client-iommu", "4.4.33", "client/iommu", "client-01", Warn)]
#[case::download(
    "healthy",
    "client-no-download",
    "4.4.33",
    "client/download",
    "client-01",
    Warn
)]
fn a_fault_of_a_server(
    #[case] base: &str,
    #[case] fault: &str,
    #[case] target: &str,
    #[case] check: &str,
    #[case] server: &str,
    #[case] outcome: Outcome,
) {
    turns(base, fault, target, (check, server), outcome);
}

/// With what follows from the base, a scenario that brings SMB itself does
/// not bring it twice.
#[track_caller]
fn turns(base: &str, fault: &str, target: &str, place: (&str, &str), outcome: Outcome) {
    let without = base.replace(",smb-separate", "");
    let with = match without.as_str() {
        "smb-separate" => fault.to_owned(),
        without => format!("{without},{fault}"),
    };
    let (before, after) = (outcomes(base, target), outcomes(&with, target));
    assert_eq!(
        before.keys().collect::<Vec<_>>(),
        after.keys().collect::<Vec<_>>()
    );
    let changed: Vec<_> = before
        .iter()
        .zip(after.values())
        .filter(|((_, before), after)| before != after)
        .map(|((at, before), after)| (at.0.as_str(), at.1.as_str(), *before, *after))
        // A server that a fault takes a protocol from needs no cgroups for it.
        .filter(|(check, .., after)| *check != "server/cgroups" || *after != Skipped)
        .collect();
    assert_eq!(changed, [(place.0, place.1, Pass, outcome)]);
}

/// What a window leaves out is left out with the fault as without it.
#[rstest]
#[case(
    "healthy,nfs-custom-options",
    "4.4.33",
    "nfs/custom-options",
    "cluster"
)]
#[case(
    "release-4.2,s3-lifecycle-rules",
    "4.4.8.76",
    "s3/lifecycle",
    "cluster"
)]
#[case("release-4.0,s3-etcd", "4.2.3", "s3/etcd", "cluster")]
#[case("no-protocols,nfs-no-config-fs", "4.4.33", "nfs/config-fs", "cluster")]
#[case("no-protocols,s3-writecache", "4.4.33", "s3/mount-options", "cluster")]
#[case("nfs-never-set-up", "4.4.33", "nfs/failover", "cluster")]
#[case("healthy", "4.4.33", "smb/health", "cluster")]
#[case("healthy", "4.4.33", "smb/tsmb-patch", "weka-01")]
#[case("smb-patched", "4.4.33", "smb/tsmb-patch", "weka-03")]
fn outside_of_its_window(
    #[case] scenario: &str,
    #[case] target: &str,
    #[case] check: &str,
    #[case] place: &str,
) {
    let outcomes = outcomes(scenario, target);
    let at = (check.to_owned(), place.to_owned());
    assert_eq!(outcomes.get(&at), Some(&Skipped), "{check}");
}

/// A patch that the target holds is no finding.
#[test]
fn a_patch_that_the_target_holds_is_green() {
    let outcomes = outcomes("release-4.2,smb-patched-before", "4.4.20.116");
    let at = ("smb/tsmb-patch".to_owned(), "weka-01".to_owned());
    assert_eq!(outcomes.get(&at), Some(&Pass));
}

/// On no release does a healthy cluster leave one of these open.
#[rstest]
fn healthy_on_every_release(
    #[values(
        "release-3.11",
        "release-4.0",
        "release-4.2",
        "release-4.3",
        "release-4.4-early",
        "healthy",
        "release-5.0",
        "release-5.1",
        "release-6.0"
    )]
    base: &str,
    #[values("", ",smb-separate")] more: &str,
) {
    let outcomes = outcomes(&format!("{base}{more}"), "6.1.0");
    let areas = ["nfs/", "s3/", "smb/", "client/"];
    let open: Vec<_> = outcomes
        .iter()
        .filter(|((check, _), _)| areas.iter().any(|area| check.starts_with(area)))
        .filter(|(_, outcome)| !matches!(outcome, Pass | Skipped))
        .collect();
    assert!(open.is_empty(), "{open:?}");
}
