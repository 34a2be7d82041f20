//! The built binary on the simulated cluster: arguments, exit codes, streams,
//! files. What needs servers is in `e2e.rs`.

use std::path::{Path, PathBuf};

use assert_cmd::Command;
use serde_json::Value;
use tempfile::TempDir;

/// A run in a directory of its own.
struct Run {
    dir: TempDir,
    status: i32,
    stdout: String,
    stderr: String,
}

fn checker_in(dir: TempDir, arguments: &[&str], set_up: impl FnOnce(&mut Command)) -> Run {
    let mut command = Command::new(env!("CARGO_BIN_EXE_checker"));
    command
        .args(arguments)
        .current_dir(dir.path())
        .env_clear()
        .env("HOME", dir.path())
        .env("PATH", "/usr/bin:/bin");
    set_up(&mut command);
    let output = command.output().expect("it runs");
    Run {
        dir,
        status: output.status.code().expect("it ends by itself"),
        stdout: String::from_utf8(output.stdout).expect("UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("UTF-8"),
    }
}

fn checker(arguments: &[&str]) -> Run {
    checker_in(tempfile::tempdir().expect("a directory"), arguments, |_| {})
}

impl Run {
    #[track_caller]
    fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("{e}: {}", self.stdout))
    }

    #[track_caller]
    fn refused(&self, words: &[&str]) {
        assert_eq!(self.status, 64, "{}", self.stderr);
        assert_eq!(self.stdout, "");
        for word in words {
            assert!(
                self.stderr.contains(word),
                "no {word:?} in: {}",
                self.stderr
            );
        }
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
    }

    fn bundles(&self) -> Vec<PathBuf> {
        bundles(self.dir.path())
    }
}

fn bundles(dir: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(dir)
        .expect("a directory")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.to_string_lossy().ends_with(".tar.gz"))
        .collect()
}

const TARGET: [&str; 2] = ["--target-version", "4.4.33"];

fn simulate(scenario: &str, more: &[&str]) -> Run {
    let arguments: Vec<&str> = ["--simulate", scenario]
        .into_iter()
        .chain(TARGET)
        .chain(more.iter().copied())
        .collect();
    checker(&arguments)
}

#[test]
fn the_exit_code_says_the_verdict_in_every_form() {
    for (scenario, status, verdict) in [
        ("healthy", 0, "green"),
        ("warnings", 1, "yellow"),
        ("degraded", 2, "red"),
        ("mixed-protocols", 2, "red"),
        ("unreachable-server", 2, "red"),
        ("half-json", 3, "unknown"),
        ("not-logged-in", 2, "red"),
    ] {
        for form in [&["--format", "json"][..], &["--format", "text"], &["-q"]] {
            let run = simulate(scenario, form);
            assert_eq!(run.status, status, "{scenario} {form:?}: {}", run.stdout);
        }
        assert_eq!(
            simulate(scenario, &["--format", "json"]).json()["verdict"],
            verdict
        );
    }
}

#[test]
fn json_is_all_there_is_on_standard_output() {
    let run = simulate("degraded", &["--format", "json"]);
    let report = run.json();
    let schema: Value = serde_json::from_str(
        &std::fs::read_to_string(
            Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/report.schema.json"),
        )
        .expect("the schema"),
    )
    .expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let errors: Vec<String> = validator
        .iter_errors(&report)
        .map(|e| e.to_string())
        .collect();
    assert_eq!(errors, Vec::<String>::new());
    assert_eq!(report["schema"], 1);
    assert_eq!(report["target_version"], "4.4.33");
}

#[test]
fn there_is_one_result_per_check_and_target() {
    let report = simulate(
        "degraded,unreachable-server",
        &["--all", "--format", "json"],
    )
    .json();
    let mut slots: Vec<(String, String)> = report["results"]
        .as_array()
        .expect("results")
        .iter()
        .map(|r| (r["check"].to_string(), r["target"].to_string()))
        .collect();
    let all = slots.len();
    slots.sort();
    slots.dedup();
    assert_eq!(slots.len(), all);
}

#[test]
fn a_bundle_replays_to_the_same_results_byte_for_byte() {
    for scenario in [
        "healthy",
        "degraded,mixed-protocols,unreachable-server",
        "half-json",
    ] {
        let run = simulate(scenario, &["--all", "--format", "json"]);
        let [bundle] = &run.bundles()[..] else {
            panic!("{scenario}: {:?}", run.bundles());
        };
        let replay = checker(&[
            "replay",
            bundle.to_str().expect("a path"),
            "--format",
            "json",
        ]);
        assert_eq!(replay.status, run.status, "{}", replay.stderr);
        let (mut before, mut after) = (run.json(), replay.json());
        for report in [&mut before, &mut after] {
            report["run"] = Value::Null;
        }
        assert_eq!(before.to_string(), after.to_string());
    }
}

#[test]
fn only_the_owner_may_read_the_bundle_and_the_log() {
    use std::os::unix::fs::PermissionsExt;
    let run = simulate("healthy", &[]);
    let log = run.dir.path().join("weka_upgrade_checker.log");
    for path in run.bundles().iter().chain([&log]) {
        let mode = std::fs::metadata(path)
            .expect("a file")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{}", path.display());
    }
}

#[test]
fn the_previous_log_is_kept() {
    let first = simulate("healthy", &["--no-bundle"]);
    let again = checker_in(
        first.dir,
        &["--simulate", "degraded", "-t", "4.4.33"],
        |_| {},
    );
    let read = |name: &str| std::fs::read_to_string(again.dir.path().join(name)).expect(name);
    assert!(read("weka_upgrade_checker.log").contains("health/rebuild"));
    assert_ne!(
        read("weka_upgrade_checker.log"),
        read("weka_upgrade_checker.log.1")
    );
}

#[test]
fn a_damaged_bundle_is_refused_with_the_reason() {
    let run = simulate("healthy", &[]);
    let bundle = run.bundles().remove(0);
    let whole = std::fs::read(&bundle).expect("a bundle");
    let damaged = run.dir.path().join("damaged.tar.gz");
    std::fs::write(&damaged, &whole[..whole.len() / 2]).expect("written");
    checker(&["replay", damaged.to_str().expect("a path")]).refused(&["damaged.tar.gz"]);
    std::fs::write(&damaged, b"no bundle").expect("written");
    checker(&["replay", damaged.to_str().expect("a path")]).refused(&["damaged.tar.gz"]);
    checker(&["replay", "/nonexistent.tar.gz"]).refused(&["/nonexistent.tar.gz"]);
}

#[test]
fn a_full_disk_costs_the_bundle_and_not_the_verdict() {
    let run = simulate("degraded", &["--bundle-dir", "/dev/full/nowhere"]);
    assert_eq!(run.status, 2, "{}", run.stderr);
    assert!(
        run.stderr.contains("no bundle was written"),
        "{}",
        run.stderr
    );
    assert!(run.stdout.contains("health/rebuild"));
}

#[test]
fn a_directory_that_takes_no_log_costs_the_log_and_not_the_verdict() {
    let mut arguments = vec!["--simulate", "healthy", "--no-bundle"];
    arguments.extend(TARGET);
    let run = checker_in(
        tempfile::tempdir().expect("a directory"),
        &arguments,
        |command| {
            command.current_dir("/proc");
        },
    );
    assert_eq!(run.status, 0, "{}", run.stderr);
    assert!(run.stderr.contains("without a log"), "{}", run.stderr);
}

#[test]
fn wrong_input_is_refused_with_the_way_out() {
    checker(&["--target-version", "banana"]).refused(&["banana", "4.4.10.202"]);
    checker(&["--simulate"]).refused(&["--target-version"]);
    simulate("helthy", &[]).refused(&["helthy", "healthy"]);
    simulate("healthy", &["--backends", "weka-99"]).refused(&["weka-99", "weka-"]);
    simulate("healthy", &["--select", "health/rebuld"]).refused(&["health/rebuild"]);
    simulate("healthy", &["--skip", "nonsense/*"]).refused(&["nonsense/*", "checker list"]);
    simulate("healthy", &["--data", "/nonexistent"]).refused(&["/nonexistent"]);
    simulate("healthy", &["--frobnicate"]).refused(&["--frobnicate"]);
    simulate("healthy", &["--timeout", "0"]).refused(&["--timeout"]);
    checker(&["explain", "health/rebuild2"]).refused(&["did you mean health/rebuild?"]);
    checker(&["-t", "4.4.33", "--via", "weka-01", "-i", "/nonexistent/key"])
        .refused(&["/nonexistent/key"]);
}

#[test]
fn a_key_that_others_may_read_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().expect("a directory");
    let key = dir.path().join("key");
    std::fs::write(&key, "-----BEGIN OPENSSH PRIVATE KEY-----\n").expect("written");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).expect("set");
    let path = key.to_str().expect("a path").to_owned();
    let run = checker_in(
        dir,
        &["-t", "4.4.33", "--via", "weka-01", "-i", &path],
        |_| {},
    );
    run.refused(&[&path, "chmod 600"]);
}

#[test]
fn a_configuration_file_sets_options_and_the_command_line_goes_before_it() {
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::write(
        dir.path().join("checker.toml"),
        "target-version = \"5.1.25\"\nselect = [\"health/*\"]\nno-bundle = true\n",
    )
    .expect("written");
    let arguments = [
        "--config",
        "checker.toml",
        "--simulate",
        "healthy",
        "--format",
        "json",
        "-t",
        "4.4.33",
    ];
    let run = checker_in(dir, &arguments, |_| {});
    let report = run.json();
    assert_eq!(report["target_version"], "4.4.33");
    assert!(
        report["results"]
            .as_array()
            .expect("results")
            .iter()
            .all(|r| { r["check"].as_str().expect("an id").starts_with("health/") })
    );
    assert!(run.bundles().is_empty());

    let dir = tempfile::tempdir().expect("a directory");
    std::fs::write(dir.path().join("checker.toml"), "target = \"5.1.25\"\n").expect("written");
    checker_in(dir, &["--config", "checker.toml", "--simulate"], |_| {}).refused(&[
        "checker.toml",
        "line 1",
        "unknown field `target`",
    ]);
    checker(&["--config", "nowhere.toml"]).refused(&["nowhere.toml"]);
}

#[test]
fn without_weka_it_says_how_to_go_on() {
    let run = checker(&["--target-version", "4.4.4"]);
    run.refused(&["weka", "--via", "--simulate"]);
    assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
    assert!(run.bundles().is_empty());
}

#[test]
fn what_needs_no_cluster_works_without_one() {
    for arguments in [
        &["--help"][..],
        &["-h"],
        &["--version"],
        &["-v"],
        &["list"],
        &["man"],
        &["completions", "bash"],
    ] {
        let run = checker(arguments);
        assert_eq!(run.status, 0, "{arguments:?}: {}", run.stderr);
        assert!(!run.stdout.is_empty(), "{arguments:?}");
        assert_eq!(run.stderr, "", "{arguments:?}");
        assert!(bundles(run.dir.path()).is_empty());
        assert!(!run.dir.path().join("weka_upgrade_checker.log").exists());
    }
    assert!(checker(&["-v"]).stdout.contains(env!("CARGO_PKG_VERSION")));
}

#[test]
fn every_check_is_listed_and_explained() {
    let list = checker(&["list", "--format", "json"]).json();
    let rows = list.as_array().expect("an array");
    assert!(rows.len() >= 25, "{}", rows.len());
    for row in rows {
        let keys: Vec<&String> = row.as_object().expect("an object").keys().collect();
        assert_eq!(
            keys,
            [
                "id", "title", "scope", "when", "levels", "sources", "plugin"
            ]
        );
        let id = row["id"].as_str().expect("an id");
        let run = checker(&["explain", id]);
        assert_eq!(run.status, 0, "{id}");
        for part in [
            id,
            "WHAT IT LOOKS AT",
            "WHY IT MATTERS",
            "IF IGNORED",
            "HOW TO FIX",
        ] {
            assert!(run.stdout.contains(part), "{id}: no {part}");
        }
    }
}

#[test]
fn colours_only_when_wanted() {
    let with = |arguments: &[&str], variables: &[(&str, &str)]| {
        let mut all = vec!["--simulate", "degraded", "--no-bundle"];
        all.extend(TARGET);
        all.extend(arguments);
        let run = checker_in(tempfile::tempdir().expect("a directory"), &all, |command| {
            command.envs(variables.iter().copied());
        });
        run.stdout.contains('\u{1b}')
    };
    assert!(!with(&[], &[]));
    assert!(with(&[], &[("CLICOLOR_FORCE", "1")]));
    assert!(!with(&["--no-color"], &[("CLICOLOR_FORCE", "1")]));
    assert!(!with(&[], &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]));
}

#[test]
fn the_report_goes_to_a_file_when_asked() {
    let run = simulate(
        "healthy",
        &["--format", "json", "--output", "report.json", "--no-bundle"],
    );
    assert_eq!(run.stdout, "");
    let text = std::fs::read_to_string(run.dir.path().join("report.json")).expect("a report");
    assert_eq!(
        serde_json::from_str::<Value>(&text).expect("JSON")["verdict"],
        "green"
    );
    let run = simulate(
        "healthy",
        &["--output", "/nonexistent/report.json", "--no-bundle"],
    );
    assert_eq!(run.status, 70);
    assert!(
        run.stderr.contains("/nonexistent/report.json"),
        "{}",
        run.stderr
    );
}

#[test]
fn a_reader_that_went_away_is_no_fault() {
    let dir = tempfile::tempdir().expect("a directory");
    let status = std::process::Command::new("sh")
        .arg("-c")
        .arg("{ \"$0\" --simulate healthy -t 4.4.33 --no-bundle --verbose; echo $? >status; } 2>stderr | true")
        .arg(env!("CARGO_BIN_EXE_checker"))
        .current_dir(dir.path())
        .status()
        .expect("it runs");
    assert!(status.success());
    let read = |name: &str| std::fs::read_to_string(dir.path().join(name)).expect(name);
    assert_eq!(read("status").trim(), "0", "{}", read("stderr"));
}
