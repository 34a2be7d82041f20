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

// field history 81
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

// field history 107
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

// field history 99
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
    // The counts are of results, not of lines.
    let counts = report["counts"].as_object().expect("counts");
    for (outcome, count) in counts {
        let results = report["results"].as_array().expect("results");
        let found = results.iter().filter(|r| r["outcome"] == outcome.as_str());
        assert_eq!(
            count.as_u64(),
            u64::try_from(found.count()).ok(),
            "{outcome}"
        );
    }
}

// field history 80
/// What needs no server is judged whatever servers are asked: the public
/// checker leaves the way to the target out of all modes but one.
#[test]
fn every_mode_judges_the_way_to_the_target() {
    for mode in [
        &[][..],
        &["-c"],
        &["-a"],
        &["-d"],
        &["-b", "weka-02", "weka-03"],
    ] {
        let mut arguments = vec!["--simulate", "healthy", "-t", "5.1.25"];
        arguments.extend(["--format", "json", "--no-bundle"]);
        arguments.extend(mode);
        let report = checker(&arguments).json();
        let results = report["results"].as_array().expect("results");
        let mut found: Vec<&str> = Vec::new();
        for check in [
            "version/path",
            "version/known-issues",
            "version/mixed-accepted",
            "health/fsck",
        ] {
            let result = results.iter().find(|r| r["check"] == check);
            let outcome = result.and_then(|r| r["outcome"].as_str());
            found.push(outcome.unwrap_or("not judged"));
        }
        assert!(
            !found.contains(&"not judged") && !found.contains(&"skipped"),
            "{mode:?}: {found:?}"
        );
        let servers = |scope: &str| {
            let names = results.iter().filter(|r| r["scope"] == scope);
            let mut names: Vec<&str> = names.filter_map(|r| r["target"].as_str()).collect();
            names.sort_unstable();
            names.dedup();
            names.len()
        };
        let expected = match mode {
            ["-d"] => (0, 0),
            ["-b", ..] => (2, 0),
            ["-a"] => (6, 2),
            _ => (6, 0),
        };
        assert_eq!(
            (servers("backend"), servers("client")),
            expected,
            "{mode:?}"
        );
    }
}

// field history 102
#[test]
fn a_check_that_is_skipped_is_not_judged() {
    let checks = |more: &[&str]| -> Vec<String> {
        let arguments = [&["--format", "json", "--no-bundle"], more].concat();
        let report = simulate("healthy", &arguments).json();
        let results = report["results"].as_array().expect("results").clone();
        results.iter().map(|r| r["check"].to_string()).collect()
    };
    let all = checks(&[]);
    let without = checks(&["--skip", "server/*,config/overrides"]);
    let left_out = |id: &&String| id.contains("server/") || id.contains("config/overrides");
    assert!(all.iter().any(|id| left_out(&id)));
    let expected: Vec<&String> = all.iter().filter(|id| !left_out(id)).collect();
    assert_eq!(without.iter().collect::<Vec<_>>(), expected);
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
            // The run differs, and with it the digest.
            report["run"] = Value::Null;
            report["digest"] = Value::Null;
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

// field history 93
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

// field history 78, 94
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
        &["data", "--help"],
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

/// A directory that holds the exported files, complete up to today.
fn fresh_data() -> (TempDir, String) {
    let dir = tempfile::tempdir().expect("a directory");
    let data = dir.path().join("data");
    let path = data.to_str().expect("a path").to_owned();
    let run = checker(&["data", "--export", &path]);
    assert_eq!(run.status, 0, "{}", run.stderr);
    let files: Vec<&str> = run.stdout.lines().collect();
    assert_eq!(files.len(), 5, "{files:?}");
    let today = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC);
    for file in files {
        let text = std::fs::read_to_string(file).expect("written");
        let fresh = text.replace(
            "date = \"2026-07-15\"",
            &format!("date = \"{}\"", today.date()),
        );
        assert_ne!(text, fresh, "{file}");
        std::fs::write(file, fresh).expect("written");
    }
    (dir, path)
}

// field history 92
#[test]
fn a_directory_of_release_data_is_validated() {
    let (dir, data) = fresh_data();
    let run = checker(&["data", "--data", &data]);
    assert_eq!(run.status, 0, "{}{}", run.stdout, run.stderr);
    assert!(run.stdout.contains("alerts.toml"), "{}", run.stdout);
    assert!(!run.stdout.contains("built in"), "{}", run.stdout);
    let run = checker(&["data", "--data", &data, "--format", "json"]);
    assert_eq!(run.status, 0);
    assert_eq!(run.json()["too_old"], false);
    assert_eq!(run.json()["parts"][4]["form"], "own");
    let run = simulate("healthy", &["--data", &data, "--no-bundle"]);
    assert_eq!(run.status, 0, "{}", run.stdout);

    let os = dir.path().join("data/os.toml");
    let good = std::fs::read_to_string(&os).expect("written");
    std::fs::write(&os, good.replace("no_data", "nodata")).expect("written");
    let line = good
        .lines()
        .position(|l| l.starts_with("no_data"))
        .expect("a line")
        + 1;
    checker(&["data", "--data", &data]).refused(&[
        &format!("os.toml:{line}"),
        "unknown field `nodata`",
        "checker data --export",
    ]);

    // What is missing is a warning.
    let without: String = good
        .lines()
        .filter(|l| !l.starts_with("no_data"))
        .map(|l| format!("{l}\n"))
        .collect();
    std::fs::write(&os, without).expect("written");
    let run = checker(&["data", "--data", &data]);
    assert_eq!(run.status, 1, "{}", run.stdout);
    assert!(
        run.stdout.contains("4.4.20.113 has no operating systems"),
        "{}",
        run.stdout
    );
}

#[test]
fn a_directory_that_is_no_release_data_is_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().to_str().expect("a path").to_owned();
    checker(&["data", "--data", &path]).refused(&[&path, "holds no release data", "alerts.toml"]);
    checker(&["data", "--data", "/nonexistent"]).refused(&["/nonexistent", "can't be read"]);
    let (_keep, data) = fresh_data();
    checker(&["data", "--export", &data]).refused(&["releases.toml", "holds no release data"]);
}

// field history 82
#[test]
fn the_built_in_data_is_shown() {
    let run = checker(&["data", "--format", "json"]);
    let answer = run.json();
    assert_eq!(run.status, i32::from(answer["too_old"] == true), "{answer}");
    assert_eq!(answer["gaps"], serde_json::json!([]));
    for part in answer["parts"].as_array().expect("parts") {
        assert_eq!(part["form"], "built-in", "{part}");
        assert_eq!(part["file"], Value::Null, "{part}");
    }
    assert!(!run.dir.path().join("weka_upgrade_checker.log").exists());
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
