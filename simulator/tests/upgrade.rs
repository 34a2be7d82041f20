//! Upgrades of the simulated cluster: every command's way and its errors.

use checker_core::Version;
use checker_simulator::model::{Mode, Phase, Trouble, Unit, UpgradeFault};
use checker_simulator::upgrade::{Environment, Run, RunEnd, Started};
use checker_simulator::{Cluster, Output, Scenario};
use proptest::prelude::*;
use rstest::rstest;
use serde_json::Value;

const TARGET: &str = "4.4.33";
const UPGRADE: &str = "local run --container drives0 --in 4.4.33 upgrade";

fn built(scenario: &str) -> Cluster {
    Scenario::parse(scenario).expect(scenario).cluster()
}

/// With the target on the first backend.
fn downloaded(scenario: &str) -> Cluster {
    let mut cluster = built(scenario);
    cluster.backend_mut(0).bring(&version(TARGET), false);
    cluster
}

fn version(text: &str) -> Version {
    text.parse().expect("a release")
}

fn start_on(cluster: &Cluster, server: &str, line: &str) -> Started {
    let words: Vec<&str> = line.split(' ').collect();
    cluster.start(server, &words, &Environment::default())
}

fn running(cluster: &Cluster, line: &str) -> Box<Run> {
    match start_on(cluster, "weka-01", line) {
        Started::Running(run) => run,
        Started::Ended(output) => panic!("{line}: {output:?}"),
    }
}

fn ended(cluster: &Cluster, line: &str) -> Output {
    match start_on(cluster, "weka-01", line) {
        Started::Ended(output) => output,
        Started::Running(_) => panic!("{line} goes on"),
    }
}

/// What a command came to: how it ended, and what it printed.
fn finish(cluster: &mut Cluster, run: &mut Run) -> (RunEnd, String) {
    let mut printed = String::new();
    for _ in 0..2000 {
        let step = run.step(cluster);
        printed.push_str(&step.stdout);
        printed.push_str(&step.stderr);
        if let Some(end) = step.end {
            return (end, printed);
        }
    }
    panic!("it does not end: {printed}");
}

fn carry_out(cluster: &mut Cluster, line: &str) -> (RunEnd, String) {
    let mut run = running(cluster, line);
    finish(cluster, &mut run)
}

fn json(cluster: &Cluster, line: &str) -> Value {
    let words: Vec<&str> = line.split(' ').collect();
    let output = cluster.weka(&words);
    assert_eq!(output.status, 0, "{line}: {output:?}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn all_on(cluster: &Cluster, release: &str) -> bool {
    let release = version(release);
    let backends = cluster.servers.iter().filter(|s| s.is_backend());
    backends.into_iter().all(|s| {
        s.containers
            .iter()
            .all(|c| c.release == release && c.is_active())
            && s.local
                .iter()
                .all(|l| l.release == release && l.state.running)
    }) && cluster.release == release
}

#[test]
fn the_backends_are_upgraded_phase_by_phase() {
    let mut cluster = downloaded("healthy");
    let mut run = running(&cluster, UPGRADE);
    let (mut phases, mut states) = (Vec::new(), Vec::new());
    let mut no_leader = 0;
    let mut most_down = 0;
    let end = loop {
        let step = run.step(&mut cluster);
        let output = cluster.weka(&["status", "-J"]);
        if output.status == 0 {
            let status: Value = serde_json::from_slice(&output.stdout).expect("JSON");
            phases.push(status["upgrade_info"]["upgrade_phase"].clone());
            states.push(status["status"].clone());
            let backends = &status["containers"]["backends"];
            let down = backends["total"].as_u64().expect("a number")
                - backends["active"].as_u64().expect("a number");
            most_down = most_down.max(down);
        } else {
            assert_eq!(output.status, 1);
            no_leader += 1;
        }
        if let Some(end) = step.end {
            break end;
        }
    };
    assert_eq!(end, RunEnd::Exited(0));
    phases.dedup();
    assert_eq!(
        phases,
        ["", "DrivePhase", "ComputeRollingPhase", "FrontendPhase", ""]
    );
    assert!(states.iter().any(|s| s == "REDISTRIBUTING"));
    assert_eq!((no_leader, most_down), (4, 1));
    assert!(all_on(&cluster, TARGET));
    assert_eq!(
        (cluster.status.as_str(), cluster.rebuild.degraded_mib()),
        ("OK", 0)
    );
    assert!(cluster.alerts.is_empty());
    let events: Vec<&str> = cluster.events.iter().map(|e| e.kind.as_str()).collect();
    let from = events
        .iter()
        .position(|e| *e == "TargetVersionChange")
        .expect("told");
    assert_eq!(
        events[from..],
        [
            "TargetVersionChange",
            "DrivesUpgradeStarted",
            "LeaderSteppingUpAfterUpgrade",
            "DrivesUpgradeFinished",
            "ComputeUpgradeInvoked",
            "ComputeUpgradeStarted",
            "ComputeUpgradeFinished",
            "FrontendUpgradeStarted",
            "FrontendUpgradeFinished",
            "UpgradeStatusChange",
        ]
    );
    assert!(cluster.events[from..].is_sorted_by_key(|e| e.time));
    let releases = json(&cluster, "version -J");
    assert_eq!(releases, serde_json::json!(["4.4.21.2", "4.4.33"]));
    // Clients are none of its business.
    let clients = cluster.servers.iter().filter(|s| !s.is_backend());
    assert!(
        clients
            .flat_map(|s| &s.containers)
            .all(|c| c.release == version("4.4.21.2"))
    );
}

/// What each command line is refused with, on what cluster.
#[rstest]
#[case::no_container(
    "healthy",
    "local run --container drives9 --in 4.4.33 upgrade",
    1,
    "Container drives9 does not exist"
)]
#[case::not_downloaded(
    "healthy",
    "local run -C drives0 --in 4.4.30 upgrade",
    1,
    "version 4.4.30 was not found on this server"
)]
#[case::not_newer(
    "healthy",
    "local run -C drives0 --in 4.4.21.2 upgrade",
    1,
    "4.4.21.2 is not newer"
)]
#[case::no_version("healthy", "local run -C drives0 upgrade", 1, "is not newer")]
#[case::no_number(
    "healthy",
    "local run -C drives0 --in new upgrade",
    2,
    "\"new\" is not a version"
)]
#[case::another_command(
    "healthy",
    "local run -C drives0 --in 4.4.33 shell",
    2,
    "unknown command: local run shell"
)]
#[case::not_logged_in("not-logged-in", UPGRADE, 41, "")]
#[case::no_admin("read-only-user", UPGRADE, 1, "Cluster Admin")]
#[case::wrong_port("ndu-mgmt-port", UPGRADE, 1, "failed to connect to 127.0.0.1:14000")]
#[case::another_port(
    "healthy",
    "local run -C drives0 --in 4.4.33 upgrade --mgmt-port 14500",
    1,
    "127.0.0.1:14500"
)]
#[case::alerts("alert-stop", UPGRADE, 1, "there are active alerts: ")]
#[case::single_container(
    "release-3.11",
    "local run -C default --in 4.4.33 upgrade",
    1,
    "multi-container"
)]
#[case::distribute_in_4(
    "healthy",
    "local run -C drives0 --in 4.4.33 upgrade --distribute-version",
    2,
    "unknown option: --distribute-version"
)]
#[case::prepare_in_5(
    "healthy",
    "local run -C drives0 --in 5.1.25 upgrade --prepare-only",
    2,
    "unknown option: --prepare-only"
)]
#[case::can_run_in_4(
    "healthy",
    "local run -C drives0 --in 4.4.33 upgrade --can-run",
    2,
    "unknown option: --can-run"
)]
#[case::no_such_option(
    "healthy",
    "local run -C drives0 --in 4.4.33 upgrade --fast",
    2,
    "unknown option: --fast"
)]
#[case::no_such_mode(
    "healthy",
    "local run -C drives0 --in 4.4.33 upgrade --mode oneshot",
    2,
    "invalid value of --mode"
)]
#[case::two_phases(
    "healthy",
    "local run -C drives0 --in 4.4.33 upgrade --ndu-drives-phase --ndu-computes-phase",
    2,
    "only one phase"
)]
#[case::phase_too_early(
    "healthy",
    "local run -C drives0 --in 4.4.33 upgrade --ndu-computes-phase",
    1,
    "the phases before are not done"
)]
#[case::clients_of_backends(
    "healthy",
    "local run -C drives0 --in 4.4.33 upgrade --drop-host 18",
    2,
    "--drop-host needs --mode=clients-upgrade"
)]
#[case::clients_too_new(
    "healthy",
    "local run -C drives0 --in 4.4.33 upgrade --mode=clients-upgrade",
    1,
    "clients can't be newer"
)]
#[case::phase_of_clients(
    "healthy",
    "local run -C drives0 --in 4.4.21.2 upgrade --mode=clients-upgrade --ndu-drives-phase",
    2,
    "not for clients"
)]
#[case::no_such_client(
    "healthy",
    "local run -C drives0 --in 4.4.21.2 upgrade --mode=clients-upgrade --clients-to-upgrade 99",
    1,
    "Host HostId<99> not found"
)]
#[case::backend_as_client(
    "healthy",
    "local run -C drives0 --in 4.4.21.2 upgrade --mode=clients-upgrade --clients-to-upgrade 3",
    1,
    "HostId<3> is no client"
)]
#[case::empty_batch(
    "healthy",
    "local run -C drives0 --in 4.4.21.2 upgrade --mode=clients-upgrade --client-rolling-batch-size 0",
    2,
    "invalid value"
)]
#[case::dark_site(
    "ndu-dark-site",
    "version get 4.4.30",
    1,
    "no distribution server is configured"
)]
#[case::prepare_before_get("healthy", "version prepare 4.4.30", 1, "was not found on this server")]
#[case::prepare_for_nothing(
    "healthy",
    "version prepare 4.4.33 drives9",
    1,
    "Container drives9 does not exist"
)]
#[case::new_words_in_old(
    "healthy",
    "upgrade backends 4.4.33",
    2,
    "unknown command: upgrade backends 4.4.33"
)]
#[case::no_pause_in_old("healthy", "upgrade pause", 2, "unknown command: upgrade pause")]
#[case::nothing_to_pause("release-6.0", "upgrade pause", 1, "no upgrade is running")]
#[case::override_of_nothing("healthy", "debug override remove 7", 1, "no such override")]
#[case::override_without_value(
    "healthy",
    "debug override add --key a",
    2,
    "--key and --value are needed"
)]
#[case::override_without_admin(
    "read-only-user",
    "debug override add --key a --value 1",
    1,
    "Cluster Admin"
)]
#[case::index_what(
    "release-5.1",
    "catalog config update --index-enabled maybe",
    2,
    "invalid value"
)]
fn refuses(#[case] scenario: &str, #[case] line: &str, #[case] status: i32, #[case] text: &str) {
    let mut cluster = downloaded(scenario);
    cluster.backend_mut(0).bring(&version("5.1.25"), false);
    let output = ended(&cluster, line);
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status, status, "{stderr}");
    assert!(
        stderr.starts_with("error: ") && stderr.contains(text),
        "{stderr}"
    );
}

#[test]
fn without_its_agent_a_server_upgrades_nothing() {
    let mut cluster = downloaded("healthy");
    let units = &mut cluster.backend_mut(0).units;
    units.insert(
        "weka-agent.service".to_owned(),
        Unit::new("loaded", "inactive", "dead", "enabled"),
    );
    let output = ended(&cluster, UPGRADE);
    assert!(String::from_utf8_lossy(&output.stderr).contains("is weka-agent running?"));
}

/// Whoever only asks changes nothing.
#[test]
fn a_question_is_no_upgrade() {
    let cluster = downloaded("healthy");
    let output = cluster.weka(&UPGRADE.split(' ').collect::<Vec<_>>());
    assert_eq!(output.status, 2);
}

/// Where it stops by itself, what it says, and what is upgraded by then.
#[rstest]
#[case::preparation("ndu-preparation-fails", "preparation failed on weka-03", 0, "")]
#[case::no_room(
    "ndu-no-room",
    "preparation failed on weka-03: failed to unpack",
    0,
    ""
)]
#[case::driver(
    "ndu-driver-build-fails",
    "preparation failed on weka-04: failed to build the driver",
    0,
    ""
)]
#[case::disconnected(
    "backend-down",
    "preparation failed on weka-06: the host is not connected",
    0,
    ""
)]
#[case::lost(
    "ndu-server-lost",
    "weka-03:drives0 did not come up within 180 seconds",
    1,
    "DrivePhase"
)]
#[case::drives("ndu-drives-stop", "the drive phase failed", 3, "DrivePhase")]
#[case::computes(
    "ndu-computes-stop",
    "the compute phase failed",
    9,
    "ComputeRollingPhase"
)]
#[case::frontends("ndu-frontends-stop", "the frontend phase failed", 15, "FrontendPhase")]
#[case::cleanup_of_drives(
    "ndu-drives-cleanup",
    "cleanup of the drive phase failed",
    6,
    "DrivePhase"
)]
#[case::cleanup_of_computes(
    "ndu-computes-cleanup",
    "cleanup of the compute phase failed",
    12,
    "ComputeRollingPhase"
)]
#[case::cleanup_of_frontends(
    "ndu-frontends-cleanup",
    "cleanup of the frontend phase failed",
    18,
    "FrontendPhase"
)]
fn stops(#[case] scenario: &str, #[case] text: &str, #[case] upgraded: usize, #[case] phase: &str) {
    let mut cluster = downloaded(scenario);
    cluster.alerts.clear();
    let (end, printed) = carry_out(&mut cluster, UPGRADE);
    assert_eq!(end, RunEnd::Exited(1), "{printed}");
    assert!(printed.contains(&format!("error: {text}")), "{printed}");
    let target = version(TARGET);
    let done = cluster
        .containers()
        .iter()
        .filter(|(_, c)| c.release == target)
        .count();
    assert_eq!((done, cluster.upgrade.phase.as_str()), (upgraded, phase));
    assert_eq!(cluster.release, version("4.4.21.2"));
    assert!(!cluster.servers[0].local.iter().any(|l| l.name == "upgrade"));
    if phase.is_empty() {
        return;
    }
    // The same again is refused, and so is another phase; with its own phase it goes on.
    if scenario == "ndu-server-lost" {
        cluster.bring_back("weka-03");
    }
    let again = ended(&cluster, UPGRADE);
    assert!(
        String::from_utf8_lossy(&again.stderr).contains("already running"),
        "{again:?}"
    );
    let own = Phase::named(phase).expect("a phase");
    for other in Phase::ALL.into_iter().filter(|p| *p != own) {
        let refused = ended(&cluster, &format!("{UPGRADE} {}", other.option()));
        assert_eq!(refused.status, 1, "{other:?}");
    }
    let (end, printed) = carry_out(&mut cluster, &format!("{UPGRADE} {}", own.option()));
    assert_eq!(end, RunEnd::Exited(0), "{printed}");
    assert!(
        printed.starts_with("02:") && printed.contains("==== Resuming upgrade of"),
        "{printed}"
    );
    assert!(all_on(&cluster, TARGET));
    assert_eq!(
        (cluster.status.as_str(), cluster.rebuild.degraded_mib()),
        ("OK", 0)
    );
}

#[test]
fn a_cleanup_that_always_fails_stays_where_it_is() {
    let mut cluster = downloaded("ndu-cleanup-always");
    assert_eq!(carry_out(&mut cluster, UPGRADE).0, RunEnd::Exited(1));
    for _ in 0..3 {
        let line = format!("{UPGRADE} --ndu-computes-phase");
        let (end, printed) = carry_out(&mut cluster, &line);
        assert_eq!(end, RunEnd::Exited(1));
        assert!(!printed.contains("Finished upgrade of weka"), "{printed}");
    }
    assert_eq!(cluster.upgrade.phase, "ComputeRollingPhase");
}

#[test]
fn a_lost_server_stays_lost_until_it_is_back() {
    let mut cluster = downloaded("ndu-server-lost");
    assert_eq!(carry_out(&mut cluster, UPGRADE).0, RunEnd::Exited(1));
    let status = json(&cluster, "status -J");
    assert_eq!(status["servers"]["backends"]["active"], 5);
    assert_eq!(status["status"], "DEGRADED");
    let line = format!("{UPGRADE} --ndu-drives-phase");
    assert_eq!(carry_out(&mut cluster, &line).0, RunEnd::Exited(1));
    cluster.bring_back("weka-03");
    assert_eq!(carry_out(&mut cluster, &line).0, RunEnd::Exited(0));
}

#[test]
fn a_killed_command_leaves_the_cluster_half_way() {
    let mut cluster = downloaded("ndu-child-killed");
    let (end, printed) = carry_out(&mut cluster, UPGRADE);
    assert_eq!(end, RunEnd::Killed);
    assert!(
        printed.ends_with("Starting upgrade of weka-04:compute0 to 4.4.33\n"),
        "{printed}"
    );
    assert_eq!(cluster.upgrade.phase, "ComputeRollingPhase");
    let down: Vec<_> = cluster
        .containers()
        .iter()
        .filter(|(_, c)| !c.is_active())
        .map(|(_, c)| c.id)
        .collect();
    assert_eq!(down.len(), 1);
    assert!(cluster.servers[0].local.iter().any(|l| l.name == "upgrade"));
    assert!(
        cluster
            .alerts
            .iter()
            .any(|a| a.kind == "ClusterIsUpgrading")
    );
    let line = format!("{UPGRADE} --ndu-computes-phase");
    assert_eq!(carry_out(&mut cluster, &line).0, RunEnd::Exited(0));
    assert!(all_on(&cluster, TARGET));
    assert!(!cluster.servers[0].local.iter().any(|l| l.name == "upgrade"));
}

#[test]
fn another_target_does_not_go_on_with_an_unfinished_upgrade() {
    let mut cluster = downloaded("ndu-drives-stop");
    carry_out(&mut cluster, UPGRADE);
    cluster.backend_mut(0).bring(&version("4.4.34"), true);
    let output = ended(
        &cluster,
        "local run -C drives0 --in 4.4.34 upgrade --ndu-drives-phase",
    );
    assert!(String::from_utf8_lossy(&output.stderr).contains("to 4.4.33 is not finished"));
}

#[test]
fn two_upgrades_do_not_run_beside_each_other() {
    let cluster = downloaded("healthy");
    let beside = Environment {
        another_runs: true,
        ..Environment::default()
    };
    let words: Vec<&str> = UPGRADE.split(' ').collect();
    match cluster.start("weka-01", &words, &beside) {
        Started::Ended(output) => {
            assert_eq!(
                output.stderr,
                b"error: another upgrade is already running\n"
            );
        }
        Started::Running(_) => panic!("it runs"),
    }
}

/// Distributed first, it is ready everywhere and nothing is switched.
#[rstest]
#[case("healthy", "4.4.33", "--prepare-only")]
#[case("release-5.0", "5.1.25", "--distribute-version")]
#[case("release-5.1", "6.0.0.6363", "--prepare-only")]
#[case("release-5.1", "6.0.0.6363", "--distribute-version")]
fn a_release_can_be_distributed_before(
    #[case] scenario: &str,
    #[case] target: &str,
    #[case] option: &str,
) {
    let mut cluster = built(scenario);
    cluster.backend_mut(0).bring(&version(target), false);
    let line = format!("local run -C drives0 --in {target} upgrade");
    let (end, printed) = carry_out(&mut cluster, &format!("{line} {option}"));
    assert_eq!(end, RunEnd::Exited(0));
    assert!(
        printed.contains("Downloading version to all hosts\nweka-01:drives0 is ready\n"),
        "{printed}"
    );
    assert_eq!(printed.matches(" is ready\n").count(), 18);
    assert_eq!(cluster.upgrade.phase, "");
    assert!(
        cluster
            .servers
            .iter()
            .filter(|s| s.is_backend())
            .all(|s| cluster.has_release(s, &version(target)))
    );
    let (end, printed) = carry_out(&mut cluster, &line);
    assert_eq!(end, RunEnd::Exited(0));
    assert!(
        printed.contains("was ready on all hosts already"),
        "{printed}"
    );
    assert!(all_on(&cluster, target));
}

/// The CLI is that of the release that the cluster runs, before and after.
#[rstest]
#[case("release-4.2", "4.4.33", "\"HostId<0>\"", "\"HostId<0>\"", false)]
#[case("release-5.1", "6.0.0.6363", "\"HostId<0>\"", "0", true)]
fn the_dialect_follows_the_release(
    #[case] scenario: &str,
    #[case] target: &str,
    #[case] before: &str,
    #[case] after: &str,
    #[case] wekactl: bool,
) {
    let mut cluster = built(scenario);
    cluster.backend_mut(0).bring(&version(target), false);
    let id = |cluster: &Cluster| json(cluster, "cluster container -J")[0]["host_id"].to_string();
    assert_eq!(id(&cluster), before);
    assert_eq!(
        carry_out(
            &mut cluster,
            &format!("local run -C drives0 --in {target} upgrade")
        )
        .0,
        RunEnd::Exited(0)
    );
    assert_eq!(id(&cluster), after);
    let unknown = ended(&cluster, "upgrade pause");
    assert_eq!(unknown.status, if wekactl { 1 } else { 2 });
    let releases = json(&cluster, "version -J");
    let current = serde_json::json!({"version": target, "current": true});
    assert_eq!(
        releases.as_array().expect("a list").contains(&current),
        wekactl
    );
    assert_eq!(json(&cluster, "status -J")["release"], target);
}

#[test]
fn from_6_0_it_has_words_of_its_own() {
    let target = "6.0.1.5";
    let mut cluster = built("release-6.0,alert-warning");
    cluster.backend_mut(0).bring(&version(target), false);
    let refused = ended(&cluster, &format!("upgrade backends {target} --can-run"));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("active alerts"));
    let kind = cluster.alerts[0].kind.clone();
    let can = ended(
        &cluster,
        &format!("upgrade backends {target} --can-run --allow-alerts {kind}"),
    );
    assert_eq!(
        (can.status, can.stdout.as_slice()),
        (0, b"The upgrade to 6.0.1.5 can run\n".as_slice())
    );
    let mut run = running(
        &cluster,
        &format!("upgrade backends {target} --skip-alerts-check"),
    );
    while cluster.upgrade.phase.is_empty() {
        run.step(&mut cluster);
    }
    assert_eq!(
        carry_out(&mut cluster, "upgrade pause").0,
        RunEnd::Exited(0)
    );
    for _ in 0..20 {
        assert_eq!(run.step(&mut cluster).end, None);
    }
    let status = json(&cluster, "status -J");
    assert_eq!(status["upgrade_info"]["upgrade_paused"], true);
    assert_eq!(
        carry_out(&mut cluster, "upgrade resume").0,
        RunEnd::Exited(0)
    );
    assert_eq!(finish(&mut cluster, &mut run).0, RunEnd::Exited(0));
    assert!(all_on(&cluster, target));
}

#[test]
fn somebody_pauses_it_for_a_while() {
    let mut cluster = downloaded("ndu-paused");
    let (end, printed) = carry_out(&mut cluster, UPGRADE);
    assert_eq!(end, RunEnd::Exited(0));
    assert_eq!(printed.matches("The upgrade is paused").count(), 1);
    let told = |kind: &str| cluster.events.iter().any(|e| e.kind == kind);
    assert!(told("UpgradePaused") && told("UpgradeResumed"));
}

#[test]
fn success_without_a_change() {
    let mut cluster = downloaded("ndu-version-stays");
    let (end, printed) = carry_out(&mut cluster, UPGRADE);
    assert_eq!(end, RunEnd::Exited(0));
    assert!(
        printed.ends_with("Upgrade to 4.4.33 finished successfully\n"),
        "{printed}"
    );
    assert!(all_on(&cluster, "4.4.21.2"));
    assert_eq!(cluster.upgrade.phase, "");
}

#[test]
fn an_alert_comes_up_and_stays() {
    let mut cluster = downloaded("ndu-new-alert");
    assert_eq!(carry_out(&mut cluster, UPGRADE).0, RunEnd::Exited(0));
    let kinds: Vec<&str> = cluster.alerts.iter().map(|a| a.kind.as_str()).collect();
    assert_eq!(kinds, ["DriveDown"]);
}

#[test]
fn a_network_driver_on_aws() {
    let mut cluster = downloaded("ndu-aws-driver-reload");
    assert_eq!(
        json(&cluster, "cluster container -J")[0]["cloud"]["provider"],
        "AWS"
    );
    assert_eq!(carry_out(&mut cluster, UPGRADE).0, RunEnd::Exited(0));
    let events = json(&cluster, "events -J --type-list NetDevDriverReloadFailed");
    assert_eq!(events.as_array().map(Vec::len), Some(1));
    assert_eq!(events[0]["severity"], "MINOR");
    let own = cluster.servers[1]
        .containers
        .last()
        .expect("a container")
        .process_id(0);
    let probed = |server| {
        let output = cluster.probe(server, "host:write-combining");
        output.expect("a probe").stdout
    };
    assert_eq!(probed("weka-01"), b"vendor Amazon EC2\nwc 1\n");
    assert_eq!(probed("weka-02"), b"vendor Amazon EC2\nwc 0\n");
    assert_eq!(events[0]["nid"], format!("NodeId<{own}>"));
}

/// Looks at the status bring the end of the conversion nearer.
#[rstest]
#[case::always_there("release-4.2", Some(4))]
#[case::lasts("healthy,ndu-conversion-lasts", Some(25))]
#[case::stuck("healthy,ndu-conversion-stuck", None)]
#[case::none("healthy", Some(0))]
fn a_conversion_follows(#[case] scenario: &str, #[case] looks: Option<usize>) {
    let mut cluster = downloaded(scenario);
    assert_eq!(carry_out(&mut cluster, UPGRADE).0, RunEnd::Exited(0));
    cluster.backend_mut(0).bring(&version("4.4.34"), false);
    let mut seen = Vec::new();
    while cluster.upgrade.block_task.state == "RUNNING" && seen.len() < 60 {
        let task = json(&cluster, "status -J")["block_upgrade_task"].clone();
        seen.push(task["progress"].as_u64().expect("a number"));
        cluster.asked(&["status", "-J"]);
        cluster.asked(&["alerts", "-J"]);
        if cluster.upgrade.block_task.state == "RUNNING" {
            let refused = ended(&cluster, "local run -C drives0 --in 4.4.34 upgrade");
            assert_eq!(refused.stderr, b"error: a data upgrade task is running\n");
        }
    }
    match looks {
        Some(looks) => {
            assert_eq!(seen.len(), looks);
            assert!(
                seen.is_sorted() && seen.iter().all(|p| *p < 100),
                "{seen:?}"
            );
            let task = json(&cluster, "status -J")["block_upgrade_task"].clone();
            assert_eq!(
                (&task["state"], &task["type"]),
                (&"IDLE".into(), &"INVALID".into())
            );
        }
        None => assert_eq!(seen, vec![0; 60]),
    }
}

#[test]
fn a_hand_over_ends_by_itself_when_the_command_is_dead() {
    let mut cluster = downloaded("ndu-leader-slow");
    let mut run = running(&cluster, UPGRADE);
    while cluster.upgrade.handover == 0 {
        run.step(&mut cluster);
    }
    drop(run);
    let mut questions = 0;
    while cluster.weka(&["status", "-J"]).status != 0 {
        cluster.asked(&["status", "-J"]);
        // Local questions need no leader.
        assert_eq!(cluster.weka(&["local", "ps", "-J"]).status, 0);
        cluster.asked(&["local", "ps", "-J"]);
        questions += 1;
    }
    assert_eq!(questions, 40);
    let leaders: Vec<_> = cluster
        .containers()
        .iter()
        .filter(|(_, c)| c.leadership.is_some())
        .map(|(_, c)| c.id)
        .collect();
    assert_eq!(leaders, [1]);
}

/// Before 4.2 all compute containers were upgraded at once.
#[test]
fn an_old_release_takes_all_computes_at_once() {
    let mut cluster = built("release-4.0");
    cluster.backend_mut(0).bring(&version("4.1.2"), false);
    let mut run = running(&cluster, "local run -C drives0 --in 4.1.2 upgrade");
    let mut most = 0;
    while run.step(&mut cluster).end.is_none() {
        most = most.max(
            cluster
                .containers()
                .iter()
                .filter(|(_, c)| !c.is_active())
                .count(),
        );
    }
    assert_eq!(most, 6);
    assert!(all_on(&cluster, "4.1.2"));
}

fn clients_of(cluster: &Cluster, release: &str) -> Vec<u64> {
    let release = version(release);
    let all = cluster.containers();
    let some = all
        .iter()
        .filter(|(_, c)| c.mode == Mode::Client && c.release == release);
    some.map(|(_, c)| c.id).collect()
}

const CLIENTS: &str = "local run -C drives0 --in 4.4.33 upgrade --mode=clients-upgrade";

/// Four clients, two of them persistent, after the backends.
fn before_clients(faults: &str) -> Cluster {
    let mut cluster = downloaded(&format!("two-hops{faults}"));
    assert_eq!(carry_out(&mut cluster, UPGRADE).0, RunEnd::Exited(0));
    assert_eq!(clients_of(&cluster, "4.2.18.34"), [18, 19, 20, 21]);
    cluster
}

#[rstest]
#[case::one_by_one("", &[18, 19, 20, 21], 4)]
#[case::in_batches(" --client-rolling-batch-size 3", &[18, 19, 20, 21], 2)]
#[case::some(" --clients-to-upgrade 19,HostId<21>", &[19, 21], 2)]
#[case::without(" --drop-host 18,20 --client-rolling-batch-size 9 --from backends", &[19, 21], 1)]
fn clients_are_upgraded_in_batches(
    #[case] options: &str,
    #[case] upgraded: &[u64],
    #[case] batches: usize,
) {
    let mut cluster = before_clients("");
    let (end, printed) = carry_out(&mut cluster, &format!("{CLIENTS}{options}"));
    assert_eq!(end, RunEnd::Exited(0));
    assert_eq!(clients_of(&cluster, TARGET), upgraded);
    assert!(
        printed.starts_with("==== Starting upgrade of client containers ====\n"),
        "{printed}"
    );
    assert!(
        printed.contains(&format!(
            "Starting upgrade of client containers: batch 1/{batches}\n"
        )),
        "{printed}"
    );
    assert!(
        printed.ends_with("==== Finished upgrade of client containers ====\n"),
        "{printed}"
    );
    assert_eq!(
        printed.matches("Finished upgrade of client-").count(),
        upgraded.len()
    );
    // Again, it finds nothing of these to do.
    let (end, printed) = carry_out(&mut cluster, &format!("{CLIENTS}{options}"));
    assert_eq!(
        (end, printed.matches("client-").count()),
        (RunEnd::Exited(0), 0)
    );
}

#[test]
fn a_client_that_fails_ends_the_upgrade_with_its_batch() {
    let mut cluster = before_clients(",ndu-client-fails");
    let (end, printed) = carry_out(
        &mut cluster,
        &format!("{CLIENTS} --client-rolling-batch-size 3"),
    );
    assert_eq!(end, RunEnd::Exited(1));
    assert_eq!(clients_of(&cluster, TARGET), [18, 20]);
    assert!(
        printed.contains("error: failed to upgrade client-02:client:"),
        "{printed}"
    );
    assert!(!printed.contains("batch 2/2"), "{printed}");
    let (_, client) = cluster.container(19).expect("a client");
    assert!(client.is_active());
    let (end, _) = carry_out(&mut cluster, &format!("{CLIENTS} --drop-host 19"));
    assert_eq!(
        (end, clients_of(&cluster, "4.2.18.34")),
        (RunEnd::Exited(0), vec![19])
    );
}

#[rstest]
#[case::site("healthy", "version get 4.4.30", None, Ok("from get.weka.io"))]
#[case::token(
    "healthy",
    "version get 4.4.30 --no-progress-bar",
    Some("https://t0k3n@get.weka.io"),
    Ok("from get.weka.io")
)]
#[case::dark_with_a_server(
    "ndu-dark-site",
    "version get 4.4.30",
    Some("http://10.9.0.1:8080/dist"),
    Ok("from 10.9.0.1")
)]
#[case::wrong_token(
    "ndu-wrong-token",
    "version get 4.4.30",
    Some("https://t0k3n@get.weka.io"),
    Err("401 Unauthorized")
)]
#[case::from_with_token(
    "ndu-wrong-token",
    "version get 4.4.30 --from https://t0k3n@get.weka.io",
    None,
    Err("401 Unauthorized")
)]
#[case::unreachable(
    "ndu-site-unreachable",
    "version get 4.4.30",
    None,
    Err("Name or service not known")
)]
#[case::backend(
    "ndu-wrong-token",
    "version get 4.4.31 --from weka-02:14000",
    None,
    Ok("from weka-02")
)]
#[case::backend_by_address(
    "ndu-site-unreachable",
    "version get 4.4.31 --from 10.0.0.12:14000",
    None,
    Ok("from 10.0.0.12")
)]
#[case::backend_without(
    "healthy",
    "version get 4.4.30 --from weka-02:14000",
    None,
    Err("404 Not Found")
)]
#[case::no_room(
    "ndu-no-room-here",
    "version get 4.4.30",
    None,
    Err("No space left on device")
)]
#[case::there_already(
    "ndu-dark-site",
    "version get 4.4.21.2",
    None,
    Ok("is already downloaded")
)]
fn gets_a_release(
    #[case] scenario: &str,
    #[case] line: &str,
    #[case] servers: Option<&str>,
    #[case] expected: Result<&str, &str>,
) {
    let mut cluster = built(scenario);
    cluster.backend_mut(1).bring(&version("4.4.31"), false);
    let environment = Environment {
        distribution_servers: servers.map(str::to_owned),
        another_runs: false,
    };
    let words: Vec<&str> = line.split(' ').collect();
    let Started::Running(mut run) = cluster.start("weka-01", &words, &environment) else {
        panic!("{line} is refused");
    };
    let (end, printed) = finish(&mut cluster, &mut run);
    assert!(!printed.contains("t0k3n"), "{printed}");
    assert_eq!(
        printed.contains('\r'),
        !line.contains("--no-progress") && printed.contains('%')
    );
    let here = &cluster.servers[0];
    let there = cluster.has_release(here, &version(words[2]));
    match expected {
        Ok(text) => {
            assert_eq!((end, there), (RunEnd::Exited(0), true), "{printed}");
            assert!(printed.contains(text), "{printed}");
        }
        Err(text) => {
            assert_eq!((end, there), (RunEnd::Exited(1), false), "{printed}");
            assert!(printed.contains(text), "{printed}");
        }
    }
    // Only this server has it.
    assert!(
        cluster
            .server("weka-04")
            .is_some_and(|s| s.downloads.is_empty())
    );
}

#[test]
fn prepares_a_release_on_its_server() {
    let mut cluster = downloaded("healthy");
    assert_eq!(
        carry_out(&mut cluster, "version prepare 4.4.33 drives0 compute0").0,
        RunEnd::Exited(0)
    );
    let download = cluster.servers[0]
        .download(&version(TARGET))
        .expect("a release");
    assert!(download.prepared);
    cluster.backend_mut(0).downloads[0].prepared = false;
    let server = "weka-01".to_owned();
    cluster
        .upgrade
        .faults
        .push(UpgradeFault::once(Trouble::DriverBuildFails { server }));
    let (end, printed) = carry_out(&mut cluster, "version prepare 4.4.33");
    assert_eq!(end, RunEnd::Exited(1));
    assert!(printed.contains("failed to build the driver"), "{printed}");
    assert_eq!(
        carry_out(&mut cluster, "version prepare 4.4.33").0,
        RunEnd::Exited(0)
    );
}

#[test]
fn settings_change_at_once() {
    let mut cluster = built("release-5.1,catalog-indexing");
    carry_out(
        &mut cluster,
        "debug override add --key rpc.exception.version --value 1 --force",
    );
    let rows = json(&cluster, "debug override list -J");
    let added = rows
        .as_array()
        .expect("a list")
        .iter()
        .find(|o| o["key"] == "rpc.exception.version")
        .expect("added")
        .clone();
    assert_eq!(
        (&added["value"], &added["forced"]),
        (&"1".into(), &true.into())
    );
    let id = added["override_id"].as_str().expect("an id");
    carry_out(&mut cluster, &format!("debug override remove {id}"));
    assert_eq!(
        json(&cluster, "debug override list -J")
            .as_array()
            .map(Vec::len),
        Some(rows.as_array().expect("a list").len() - 1)
    );
    carry_out(&mut cluster, "catalog config update --index-enabled false");
    assert_eq!(
        json(&cluster, "debug config show catalogInfo -J")["indexEnabled"],
        false
    );
    carry_out(&mut cluster, "catalog config update --index-enabled true");
    assert_eq!(
        json(&cluster, "debug config show catalogInfo -J")["indexEnabled"],
        true
    );
}

/// Two hops, with the conversion between, and the clients before the second.
#[test]
fn goes_two_hops() {
    let mut cluster = before_clients("");
    while cluster.upgrade.conversion.is_some() {
        cluster.asked(&["status", "-J"]);
    }
    assert_eq!(carry_out(&mut cluster, CLIENTS).0, RunEnd::Exited(0));
    for line in [
        "version get 5.1.30",
        "local run -C drives0 --in 5.1.30 upgrade --distribute-version",
        "local run -C drives0 --in 5.1.30 upgrade",
    ] {
        let (end, printed) = carry_out(&mut cluster, line);
        assert_eq!(end, RunEnd::Exited(0), "{printed}");
    }
    assert!(all_on(&cluster, "5.1.30"));
    assert_eq!(cluster.upgrade.block_task.state, "IDLE");
    assert!(cluster.config.last_fsck_usecs > cluster.config.last_upgrade_usecs);
}

/// What is to be asked for now: the phase that is not finished, or all.
fn right_command(cluster: &Cluster) -> String {
    match Phase::named(&cluster.upgrade.phase) {
        Some(phase) => format!("{UPGRADE} {}", phase.option()),
        None => UPGRADE.to_owned(),
    }
}

fn releases(cluster: &Cluster) -> Vec<Version> {
    let of_servers = cluster.servers.iter().flat_map(|s| {
        let own = s
            .containers
            .iter()
            .filter(|c| c.is_backend())
            .map(|c| &c.release);
        let protocols = s
            .local
            .iter()
            .filter(|l| l.name != "upgrade")
            .map(|l| &l.release);
        own.chain(protocols)
    });
    of_servers.cloned().collect()
}

const STUMBLES: [&str; 7] = [
    "ndu-drives-stop",
    "ndu-computes-stop",
    "ndu-frontends-stop",
    "ndu-drives-cleanup",
    "ndu-computes-cleanup",
    "ndu-child-killed",
    "ndu-paused",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// Wherever it is killed and however often, with the right option it ends
    /// upgraded, and no container was upgraded twice.
    #[test]
    fn any_kills_and_reruns_end_upgraded(
        kills in proptest::collection::vec(0_usize..40, 0..8),
        stumbles in proptest::sample::subsequence(STUMBLES.to_vec(), 0..=STUMBLES.len()),
    ) {
        let mut cluster = downloaded(&["healthy"].iter().chain(&stumbles).copied().collect::<Vec<_>>().join(","));
        let mut changes = vec![0; releases(&cluster).len()];
        let mut kills = kills.into_iter();
        let mut ended = false;
        for _ in 0..200 {
            let line = right_command(&cluster);
            let Started::Running(mut run) = start_on(&cluster, "weka-01", &line) else {
                // Only the lack of a leader is a reason to refuse it.
                prop_assert!(cluster.upgrade.handover > 0, "{} is refused", line);
                cluster.asked(&line.split(' ').collect::<Vec<_>>());
                continue;
            };
            for _ in 0..kills.next().unwrap_or(2000) {
                let before = releases(&cluster);
                let step = run.step(&mut cluster);
                for ((old, new), count) in before.iter().zip(releases(&cluster)).zip(&mut changes) {
                    *count += u32::from(*old != new);
                }
                ended = step.end == Some(RunEnd::Exited(0));
                if step.end.is_some() {
                    break;
                }
            }
            if ended {
                break;
            }
        }
        prop_assert!(ended);
        prop_assert!(all_on(&cluster, TARGET));
        prop_assert!(changes.iter().all(|n| *n == 1), "{:?}", changes);
        prop_assert_eq!((cluster.status.as_str(), cluster.rebuild.degraded_mib()), ("OK", 0));
        prop_assert!(cluster.alerts.is_empty());
    }
}
