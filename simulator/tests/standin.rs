//! The stand-in program, run as a test server would run it.

use std::io::{BufRead as _, BufReader};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use checker_core::Deadline;
use checker_core::facts::find_json;
use checker_core::source::Source as _;
use checker_simulator::{Behaviour, Cluster, FileSource, Scenario, StandinState, write_state};
use serde_json::Value;

const PROGRAM: &str = env!("CARGO_BIN_EXE_weka-standin");

fn state(backends: usize) -> StandinState {
    StandinState::new(Cluster::healthy(
        &"4.4.21.2".parse().expect("a release"),
        backends,
        2,
    ))
}

fn command(path: &Path, args: &str) -> Command {
    let mut command = Command::new(PROGRAM);
    command
        .args(args.split(' '))
        .env("WEKA_STANDIN_STATE", path)
        .env_remove("WEKA_STANDIN_SERVER");
    command
}

fn run(path: &Path, args: &str) -> Output {
    command(path, args).output().expect("it runs")
}

#[test]
fn answers_as_weka_and_writes_every_call_down() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("state.json");
    let log = dir.path().join("calls.log");
    let mut state = state(6);
    state.log = Some(log.clone());
    write_state(&path, &state).expect("written");
    let status = run(&path, "status -J");
    assert_eq!(status.status.code(), Some(0));
    assert_eq!(find_json(&status.stdout).expect("JSON")["status"], "OK");
    let refused = run(&path, "frobnicate");
    assert_eq!(refused.status.code(), Some(2));
    assert_eq!(refused.stderr, b"error: unknown command: frobnicate\n");
    let nfs = command(&path, "local ps -J")
        .env("WEKA_STANDIN_SERVER", "weka-05")
        .output()
        .expect("it runs");
    assert!(String::from_utf8_lossy(&nfs.stdout).contains("ganesha"));

    let log = std::fs::read_to_string(&log).expect("a log");
    let calls: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).expect("a JSON line"))
        .collect();
    assert_eq!(calls.len(), 3);
    assert_eq!(calls[0]["args"], serde_json::json!(["status", "-J"]));
    assert_eq!(calls[2]["server"], "weka-05");
    assert!(calls[0]["time"].is_string() && calls[0]["uid"].is_u64());
}

#[test]
fn goes_wrong_as_told() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("state.json");
    let mut state = state(6);
    state.behaviours = vec![
        Behaviour {
            delay_ms: 120,
            ..Behaviour::of("status")
        },
        Behaviour {
            flood: 3_000_001,
            ..Behaviour::of("alerts")
        },
        Behaviour {
            exit: Some(7),
            stderr: Some("oops".to_owned()),
            ..Behaviour::of("events")
        },
        Behaviour {
            hang: true,
            ..Behaviour::of("cluster")
        },
    ];
    write_state(&path, &state).expect("written");
    let begun = Instant::now();
    assert!(run(&path, "status -J").status.success());
    assert!(begun.elapsed() >= Duration::from_millis(120));
    let flood = run(&path, "alerts -J").stdout;
    assert_eq!(flood.len(), 3_000_001 + b"[]\n".len());
    let events = run(&path, "events -J");
    assert_eq!(
        (events.status.code(), events.stderr.as_slice()),
        (Some(7), b"oops\n".as_slice())
    );
    let mut hanging = command(&path, "cluster drive -J")
        .stdout(Stdio::null())
        .spawn()
        .expect("it runs");
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(hanging.try_wait().expect("a state"), None);
    hanging.kill().expect("killed");
    hanging.wait().expect("gone");
}

#[test]
fn without_a_state_it_says_so() {
    let output = run(Path::new("/nonexistent/state.json"), "status -J");
    assert_eq!(output.status.code(), Some(70));
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        stderr.starts_with("weka-standin: /nonexistent/state.json: "),
        "{stderr}"
    );
}

/// The state can lie beside the program, and `systemctl` is a name for it.
#[test]
fn plays_what_it_is_called() {
    let dir = tempfile::tempdir().expect("a directory");
    for name in ["weka", "systemctl"] {
        let program = dir.path().join(name);
        std::os::unix::fs::symlink(PROGRAM, &program).expect("a link");
        write_state(&dir.path().join(format!("{name}.json")), &state(3)).expect("written");
    }
    let run = |name: &str, args: &[&str]| {
        Command::new(dir.path().join(name))
            .args(args)
            .env_remove("WEKA_STANDIN_STATE")
            .output()
            .expect("it runs")
    };
    assert!(run("weka", &["status", "-J"]).status.success());
    let shown = run("systemctl", &["show", "-p", "Id", "weka-agent.service"]);
    assert!(String::from_utf8_lossy(&shown.stdout).contains("ActiveState=active"));
}

/// Tests run it hundreds of times: of 100 servers it must load in no time.
/// The limit is wide, since a busy machine runs this unoptimised.
#[test]
fn is_quick_with_100_servers() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("state.json");
    write_state(&path, &state(100)).expect("written");
    let size = std::fs::metadata(&path).expect("a file").len();
    assert!(size < 400_000, "{size} bytes");
    let fastest = (0..5)
        .map(|_| {
            let begun = Instant::now();
            assert!(run(&path, "status rebuild -J").status.success());
            begun.elapsed()
        })
        .min()
        .expect("five runs");
    println!("{size} bytes, {fastest:?}");
    assert!(fastest < Duration::from_millis(400), "{fastest:?}");
}

fn upgradable(dir: &Path, scenario: &str) -> std::path::PathBuf {
    let path = dir.join("state.json");
    let mut cluster = Scenario::parse(scenario).expect(scenario).cluster();
    let target = "4.4.33".parse().expect("a release");
    cluster.backend_mut(0).bring(&target, false);
    let mut state = StandinState::create(&path, cluster).expect("written");
    state.pace_ms = 2;
    write_state(&path, &state).expect("written");
    path
}

const UPGRADE: &str = "local run --container drives0 --in 4.4.33 upgrade";

fn phase(path: &Path) -> String {
    StandinState::read(path)
        .expect("a state")
        .cluster
        .upgrade
        .phase
}

/// Others see the cluster as it is by then, and what is printed comes at once.
#[test]
fn upgrades_the_cluster_in_the_file() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = upgradable(dir.path(), "healthy");
    let source = FileSource::open(&path).expect("a source");
    let mut child = command(&path, UPGRADE)
        .stdout(Stdio::piped())
        .spawn()
        .expect("it runs");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let mut phases = Vec::new();
    let mut upgraded = 0;
    let mut beside = None;
    for line in lines.by_ref() {
        let line = line.expect("text");
        let cluster = source.current().expect("a cluster");
        phases.push(cluster.upgrade.phase.clone());
        if line.starts_with("Finished upgrade of weka") {
            upgraded += 1;
            // At another server's program, at the same time.
            let ps = command(&path, "local ps -J")
                .env("WEKA_STANDIN_SERVER", "weka-02")
                .output()
                .expect("it runs");
            assert!(ps.status.success());
        }
        if upgraded == 3 && beside.is_none() {
            beside = Some(run(&path, &format!("{UPGRADE} --ndu-drives-phase")));
        }
    }
    assert!(child.wait().expect("an end").success());
    let beside = beside.expect("a second one");
    assert_eq!(beside.status.code(), Some(1));
    assert_eq!(
        beside.stderr,
        b"error: another upgrade is already running\n"
    );
    phases.dedup();
    let all = ["", "DrivePhase", "ComputeRollingPhase", "FrontendPhase", ""];
    assert_eq!(phases, all);
    assert_eq!(upgraded, 24);
    let deadline = Deadline::within(Duration::from_secs(5));
    let status = source.cluster("weka:status", "status -J", &deadline);
    assert_eq!(
        find_json(&status.stdout).expect("JSON")["release"],
        "4.4.33"
    );
    assert_eq!(run(&path, "version current").stdout, b"4.4.33\n");
}

/// Killed from outside, it leaves the cluster half-way and no lock.
#[test]
fn killed_it_can_be_gone_on_with() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = upgradable(dir.path(), "healthy");
    for (number, option) in ["", " --ndu-drives-phase", " --ndu-computes-phase"]
        .into_iter()
        .enumerate()
    {
        let mut child = command(&path, &format!("{UPGRADE}{option}"))
            .stdout(Stdio::piped())
            .spawn()
            .expect("it runs");
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let until = ["weka-03:drives0", "weka-02:compute0", "weka-05:compute0"][number];
        let until = format!("Finished upgrade of {until}");
        for line in lines {
            if line.expect("text") == until {
                break;
            }
        }
        child.kill().expect("killed");
        child.wait().expect("gone");
        let refused = run(&path, UPGRADE);
        assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    }
    assert_eq!(phase(&path), "ComputeRollingPhase");
    let rest = run(&path, &format!("{UPGRADE} --ndu-computes-phase"));
    assert!(rest.status.success(), "{rest:?}");
    assert_eq!(phase(&path), "");
}

#[test]
fn kills_itself_where_told() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = upgradable(dir.path(), "ndu-child-killed");
    let killed = run(&path, UPGRADE);
    assert_eq!(killed.status.signal(), Some(9));
    assert_eq!(phase(&path), "ComputeRollingPhase");
    let rest = run(&path, &format!("{UPGRADE} --ndu-computes-phase"));
    assert!(rest.status.success(), "{rest:?}");
}

/// Questions alone bring the conversion to its end.
#[test]
fn converts_while_it_is_looked_at() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = upgradable(dir.path(), "release-4.2");
    assert!(run(&path, UPGRADE).status.success());
    let seen: Vec<u64> = std::iter::repeat_with(|| run(&path, "status -J").stdout)
        .map(|text| find_json(&text).expect("JSON")["block_upgrade_task"].clone())
        .take(9)
        .take_while(|task| task["state"] == "RUNNING")
        .map(|task| task["progress"].as_u64().expect("a number"))
        .collect();
    assert_eq!(seen, [0, 25, 50, 75]);
}

#[test]
fn takes_the_distribution_server_from_the_environment() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = upgradable(dir.path(), "ndu-dark-site");
    let mut get = command(&path, "version get 4.4.34");
    get.env_remove("WEKA_DIST_SERVERS");
    assert_eq!(get.output().expect("it runs").status.code(), Some(1));
    get.env("WEKA_DIST_SERVERS", "https://t0k3n@10.9.0.1");
    let got = get.output().expect("it runs");
    assert!(got.status.success(), "{got:?}");
    let listed = String::from_utf8_lossy(&run(&path, "version").stdout).into_owned();
    assert_eq!(listed, "* 4.4.21.2\n  4.4.33\n  4.4.34\n");
}

/// A command whose answer is told to go wrong changes nothing.
#[test]
fn what_is_told_to_fail_changes_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = upgradable(dir.path(), "healthy");
    let mut state = StandinState::read(&path).expect("a state");
    state.behaviours = vec![Behaviour {
        exit: Some(3),
        stderr: Some("error: oops".to_owned()),
        ..Behaviour::of("local run")
    }];
    write_state(&path, &state).expect("written");
    let failed = run(&path, UPGRADE);
    assert_eq!(failed.status.code(), Some(3));
    assert_eq!(StandinState::read(&path).expect("a state"), state);
}
