//! Upgrades of the simulated cluster: every command's way and its errors.

use checker_core::Version;
use checker_simulator::model::{BlockTask, Container, Mode, Phase, Trouble, UpgradeFault};
use checker_simulator::upgrade::{Environment, Run, RunEnd, Started};
use checker_simulator::{Cluster, Output, Scenario};
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
