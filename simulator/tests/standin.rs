//! The stand-in program, run as a test server would run it.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use checker_core::facts::find_json;
use checker_simulator::{Behaviour, Cluster, StandinState, write_state};
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
