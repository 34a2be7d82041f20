//! `checker gate`, and accepting warnings, over the built binary.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::LazyLock;

use rstest::rstest;
use serde_json::Value;
use tempfile::TempDir;

/// The GUID of the simulated cluster.
const GUID: &str = "5516e58b-4754-4bed-bcc0-e76e7c6bd685";

struct Run {
    status: i32,
    stdout: String,
    stderr: String,
}

impl Run {
    #[track_caller]
    fn ends_with(self, status: i32) -> Self {
        assert_eq!(self.status, status, "{}\n{}", self.stdout, self.stderr);
        self
    }

    #[track_caller]
    fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("{e}: {}", self.stdout))
    }

    #[track_caller]
    fn refused(self, words: &[&str]) {
        let run = self.ends_with(64);
        assert_eq!(run.stdout, "");
        for word in words {
            assert!(run.stderr.contains(word), "no {word:?} in: {}", run.stderr);
        }
    }

    /// The kinds of what closes the gate.
    fn closed_by(&self) -> Vec<String> {
        let decision = self.json();
        let reasons = decision["reasons"].as_array().expect("reasons");
        reasons
            .iter()
            .filter(|r| !matches!(r["effect"].as_str(), Some("note" | "accepted")))
            .map(|r| r["kind"].as_str().expect("a kind").to_owned())
            .collect()
    }
}

fn command(dir: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_checker"));
    command
        .args(arguments)
        .current_dir(dir)
        .env_clear()
        .env("HOME", dir)
        .env("PATH", "/usr/bin:/bin")
        .env("USER", "root")
        .env("SUDO_USER", "alice")
        .stdin(Stdio::null());
    command
}

fn ended(output: Output) -> Run {
    Run {
        status: output.status.code().expect("it ends by itself"),
        stdout: String::from_utf8(output.stdout).expect("UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("UTF-8"),
    }
}

fn checker(dir: &Path, arguments: &[&str]) -> Run {
    ended(command(dir, arguments).output().expect("it runs"))
}

/// A directory with the `report.json` of a simulated run in it.
fn report_of(scenario: &str, more: &[&str]) -> TempDir {
    // Most tests want this one.
    static HEALTHY: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let dir = run_over("healthy", &[]);
        std::fs::read(dir.path().join("report.json")).expect("a report")
    });
    if scenario != "healthy" || !more.is_empty() {
        return run_over(scenario, more);
    }
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::write(dir.path().join("report.json"), &*HEALTHY).expect("written");
    dir
}

fn run_over(scenario: &str, more: &[&str]) -> TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    let mut arguments = vec![
        "--simulate",
        scenario,
        "-t",
        "4.4.33",
        "--format",
        "json",
        "--output",
        "report.json",
    ];
    arguments.extend(more);
    if !more.contains(&"--bundle-dir") {
        arguments.push("--no-bundle");
    }
    let run = checker(dir.path(), &arguments);
    assert!(run.status <= 3, "{}", run.stderr);
    dir
}

fn gate(dir: &TempDir, more: &[&str]) -> Run {
    let mut arguments = vec!["gate", "report.json", "--rehearsal"];
    arguments.extend(more);
    checker(dir.path(), &arguments)
}

fn change(dir: &TempDir, change: impl FnOnce(&mut Value)) {
    let path = dir.path().join("report.json");
    let text = std::fs::read_to_string(&path).expect("a report");
    let mut report: Value = serde_json::from_str(&text).expect("JSON");
    change(&mut report);
    std::fs::write(&path, report.to_string()).expect("written");
}

#[rstest]
#[case::green("healthy", 0, "open", "GATE OPEN")]
#[case::yellow("warnings", 1, "closed", "GATE CLOSED BY WARNINGS")]
#[case::red("degraded", 2, "closed", "GATE CLOSED")]
#[case::red_and_unknown("unreachable-server", 2, "closed", "GATE CLOSED")]
#[case::unknown("half-json", 3, "unverified", "GATE CLOSED, NOT VERIFIED")]
#[case::nothing_known("not-logged-in", 2, "closed", "GATE CLOSED")]
fn one_verdict_as_line_as_json_and_as_exit_code(
    #[case] scenario: &str,
    #[case] status: i32,
    #[case] state: &str,
    #[case] words: &str,
) {
    let dir = report_of(scenario, &[]);
    let line = gate(&dir, &["-q"]).ends_with(status).stdout;
    assert_eq!(line.lines().count(), 1, "{line}");
    let cluster = match scenario {
        "not-logged-in" => "unknown, unknown",
        _ => "lab-a, 4.4.21.2",
    };
    let begin = format!("REHEARSAL on a SIMULATED cluster: {words}: cluster {cluster} → 4.4.33; ");
    assert!(line.starts_with(&begin), "{line}");

    let text = gate(&dir, &[]).ends_with(status).stdout;
    assert_eq!(text.lines().next(), line.lines().next());
    assert!(text.contains("\nNext: "), "{text}");

    let decision = gate(&dir, &["--format", "json"]).ends_with(status).json();
    assert_eq!(decision["gate"], state);
    assert_eq!(decision["exit_code"], status);
    assert_eq!(decision["rehearsal"], true);
    let schema = std::fs::read_to_string(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/gate.schema.json"),
    )
    .expect("the schema");
    let schema: Value = serde_json::from_str(&schema).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let errors: Vec<String> = validator
        .iter_errors(&decision)
        .map(|e| e.to_string())
        .collect();
    assert_eq!(errors, Vec::<String>::new());
}

/// A rehearsal must never be taken for the real thing.
#[test]
fn a_simulated_report_opens_no_gate_of_a_real_cluster() {
    let dir = report_of("healthy", &[]);
    let run = checker(dir.path(), &["gate", "report.json"]).ends_with(2);
    assert!(
        run.stdout
            .starts_with("REHEARSAL on a SIMULATED cluster: GATE CLOSED"),
        "{}",
        run.stdout
    );
    assert!(
        run.stdout.contains("opens no gate of a real one"),
        "{}",
        run.stdout
    );
    let run = checker(dir.path(), &["gate", "report.json", "--format", "json"]).ends_with(2);
    assert_eq!(run.closed_by(), ["simulated"]);
    assert_eq!(run.json()["rehearsal"], true);
}

#[rstest]
#[case::the_same(&["--cluster", GUID, "--source-version", "4.4.21.2", "-t", "4.4.33"], &[])]
#[case::another_cluster(&["--cluster", "0b5c3a52-6a4c-4c0e-9d53-2f1e7c1f9a10"], &["another-cluster"])]
#[case::another_release(&["--source-version", "4.4.30"], &["source-changed"])]
#[case::another_target(&["--target-version", "4.4.34"], &["another-target"])]
fn what_is_given_must_fit(#[case] given: &[&str], #[case] kinds: &[&str]) {
    let dir = report_of("healthy", &[]);
    let mut arguments = given.to_vec();
    arguments.extend(["--format", "json"]);
    let run = gate(&dir, &arguments).ends_with(if kinds.is_empty() { 0 } else { 2 });
    assert_eq!(run.closed_by(), kinds);
}

#[rstest]
#[case::cluster_only(&["--cluster-only"], "--cluster-only")]
#[case::one_backend(&["--backends", "weka-01"], "--backends weka-01")]
#[case::selected(&["--select", "health/*,server/*"], "--select health/* server/*")]
#[case::skipped(&["--skip", "tasks/other"], "--skip tasks/other")]
fn a_run_over_a_part_is_not_enough(#[case] options: &[&str], #[case] named: &str) {
    let dir = report_of("healthy", options);
    let run = gate(&dir, &["--format", "json"]).ends_with(3);
    // Beside that some checks miss what was not asked.
    assert_eq!(run.closed_by()[0], "partial");
    assert!(run.stdout.contains(named), "{}", run.stdout);
}

#[test]
fn clients_beside_the_backends_are_no_part() {
    let dir = report_of("healthy", &["--all"]);
    gate(&dir, &[]).ends_with(0);
}

#[rstest]
#[case::a_summary(|r: &mut Value| r["results"][0]["summary"] = "quite good".into(), &["altered"])]
#[case::a_date(|r: &mut Value| r["run"]["started_at"] = "2026-07-20T01:59:59Z".into(), &["altered"])]
#[case::the_target(|r: &mut Value| r["target_version"] = "4.4.34".into(), &["altered", "no-path"])]
#[case::the_digest(|r: &mut Value| r["digest"] = "sha256:0".into(), &["altered"])]
#[case::something_added(|r: &mut Value| r["results"][0]["more"] = 1.into(), &["altered"])]
#[case::the_digest_taken_out(|r: &mut Value| { r.as_object_mut().expect("an object").remove("digest"); }, &["no-digest"])]
fn an_altered_report_is_refused(#[case] alter: fn(&mut Value), #[case] kinds: &[&str]) {
    let dir = report_of("healthy", &[]);
    change(&dir, alter);
    let run = gate(&dir, &["--format", "json"]);
    assert_eq!(run.closed_by(), kinds);
    let status = if kinds == ["no-digest"] { 3 } else { 2 };
    assert!(!run.ends_with(status).stdout.is_empty());
}

#[test]
fn a_red_result_made_green_by_hand_is_refused() {
    let dir = report_of("degraded", &[]);
    change(&dir, |report| {
        for result in report["results"].as_array_mut().expect("results") {
            if result["outcome"] == "fail" {
                result["outcome"] = "pass".into();
            }
        }
        report["verdict"] = "green".into();
        report["counts"]["pass"] = (report["counts"]["pass"].as_u64().expect("a count")
            + report["counts"]["fail"].as_u64().expect("a count"))
        .into();
        report["counts"]["fail"] = 0.into();
    });
    let run = gate(&dir, &["--format", "json"]).ends_with(2);
    assert_eq!(run.closed_by(), ["altered"]);
}

#[test]
fn a_report_that_was_only_indented_anew_is_the_same() {
    let dir = report_of("healthy", &[]);
    change(&dir, |_| {});
    gate(&dir, &[]).ends_with(0);
}

/// A simulated report looks like a real one when its source is changed and it
/// is sealed anew: only so can the rules for real ones be tried here.
fn as_if_live(dir: &TempDir, alter: impl FnOnce(&mut checker_core::report::Report)) {
    let path = dir.path().join("report.json");
    let text = std::fs::read(&path).expect("a report");
    let mut report = checker_core::report::from_json(&text).expect("a report");
    report.run.source = checker_core::source::SourceKind::Live;
    let took = report.run.finished_at.duration_since(report.run.started_at);
    report.run.started_at = jiff::Timestamp::now() - took;
    report.run.finished_at = jiff::Timestamp::now();
    alter(&mut report);
    report.seal();
    std::fs::write(&path, checker_core::report::json(&report)).expect("written");
}

#[rstest]
#[case::just_now(&[], 0, &[], 0)]
#[case::an_hour_ago(&[], 3_600, &[], 0)]
#[case::older_than_asked_for(&["--max-age", "30m"], 3_600, &["too-old"], 2)]
#[case::older_than_a_day(&[], 90_000, &["too-old"], 2)]
#[case::older_than_a_day_is_asked_for(&["--max-age", "2d"], 90_000, &[], 0)]
#[case::from_the_future(&[], -3_600, &["from-the-future"], 2)]
fn the_age_of_a_real_report(
    #[case] options: &[&str],
    #[case] seconds: i64,
    #[case] kinds: &[&str],
    #[case] status: i32,
) {
    let dir = report_of("healthy", &[]);
    as_if_live(&dir, |report| {
        let age = jiff::SignedDuration::from_secs(seconds);
        report.run.started_at -= age;
        report.run.finished_at -= age;
    });
    let mut arguments = vec!["gate", "report.json", "--format", "json"];
    arguments.extend(options);
    let run = checker(dir.path(), &arguments);
    assert_eq!(run.closed_by(), kinds);
    let decision = run.ends_with(status).json();
    assert_eq!(decision["rehearsal"], false);
    // A rehearsal takes no real report.
    assert!(
        gate(&dir, &["--format", "json"])
            .closed_by()
            .contains(&"not-simulated".to_owned())
    );
}

#[test]
fn a_clock_that_went_backwards_is_refused() {
    let dir = report_of("healthy", &[]);
    as_if_live(&dir, |report| {
        report.run.started_at += jiff::SignedDuration::from_secs(30);
    });
    let run = checker(dir.path(), &["gate", "report.json", "--format", "json"]).ends_with(2);
    assert_eq!(run.closed_by(), ["clock-backwards"]);
}

#[test]
fn standard_input_and_bundles_are_taken() {
    let dir = report_of("healthy", &["--bundle-dir", "."]);
    let mut child = command(dir.path(), &["gate", "-", "--rehearsal", "-q"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    let report = std::fs::read(dir.path().join("report.json")).expect("a report");
    child
        .stdin
        .take()
        .expect("a pipe")
        .write_all(&report)
        .expect("written");
    let from_stdin = ended(child.wait_with_output().expect("it ends")).ends_with(0);

    let bundle = bundle(&dir);
    let from_bundle = checker(dir.path(), &["gate", &bundle, "--rehearsal", "-q"]).ends_with(0);
    assert_eq!(from_bundle.stdout, from_stdin.stdout);
}

fn bundle(dir: &TempDir) -> String {
    std::fs::read_dir(dir.path())
        .expect("a directory")
        .map(|entry| {
            entry
                .expect("an entry")
                .path()
                .to_string_lossy()
                .into_owned()
        })
        .find(|path| path.ends_with(".tar.gz"))
        .expect("a bundle")
}

#[test]
fn a_replay_opens_no_gate() {
    let dir = report_of("healthy", &["--bundle-dir", "."]);
    checker(
        dir.path(),
        &[
            "replay",
            &bundle(&dir),
            "--format",
            "json",
            "--output",
            "report.json",
        ],
    )
    .ends_with(0);
    for more in [&["--rehearsal"][..], &[]] {
        let mut arguments = vec!["gate", "report.json", "--format", "json"];
        arguments.extend(more);
        let run = checker(dir.path(), &arguments).ends_with(2);
        // Beside that it is too old by now.
        assert_eq!(run.closed_by()[0], "replayed");
    }
}

#[test]
fn what_is_no_report_is_refused_with_the_way_out() {
    let dir = report_of("healthy", &["--bundle-dir", "."]);
    let path = dir.path().join("report.json");
    let whole = std::fs::read(&path).expect("a report");
    let write = |bytes: &[u8]| std::fs::write(&path, bytes).expect("written");
    let refused = |words: &[&str]| gate(&dir, &[]).refused(words);

    write(&whole[..whole.len() / 2]);
    refused(&["report.json", "line", "ends in the middle", "copy it again"]);
    write(b"");
    refused(&["report.json", "it is empty"]);
    write(b"2026-07-20 INFO a log");
    refused(&["report.json", "not JSON", "--format json", "line 1"]);
    write(b"{\"schema\": 1, \"gate\": \"open\"}");
    refused(&["report.json", "no report", "--format json"]);
    write(b"{\"schema\": 2, \"more\": true}");
    refused(&["report.json", "a newer checker made it"]);
    std::fs::remove_file(&path).expect("removed");
    refused(&["report.json", "No such file"]);

    let bundle = bundle(&dir);
    let whole = std::fs::read(&bundle).expect("a bundle");
    std::fs::write(&bundle, &whole[..whole.len() / 2]).expect("written");
    checker(dir.path(), &["gate", &bundle]).refused(&[&bundle, "truncated", "copy it again"]);

    checker(dir.path(), &["gate"]).refused(&["REPORT|BUNDLE"]);
    checker(dir.path(), &["gate", "report.json", "--max-age", "24"]).refused(&["--max-age", "24h"]);
    checker(dir.path(), &["gate", "report.json", "--max-age=-1h"]).refused(&["--max-age", "24h"]);
    checker(dir.path(), &["gate", "report.json", "-t", "banana"]).refused(&["banana"]);
}

// Accepting warnings.

const ALL_OF_WARNINGS: [&str; 8] = [
    "--accept",
    "health/alerts=agreed with support, case 4711",
    "--accept",
    "nfs/rpc-statd@weka-02=will be rebooted anyway",
    "--accept",
    "server/clock=the lab has no time server",
    "--accept",
    "tasks/other=quota colouring may go on",
];

#[test]
fn accepted_warnings_stay_yellow_and_open_the_gate() {
    let dir = report_of("warnings", &ALL_OF_WARNINGS);
    let run = gate(&dir, &[]).ends_with(0);
    assert!(run.stdout.contains("; 4 accepted\n"), "{}", run.stdout);
    let text = std::fs::read_to_string(dir.path().join("report.json")).expect("a report");
    let report: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(report["verdict"], "yellow");
    assert_eq!(report["counts"]["warn"], 4);
    let results = report["results"].as_array().expect("results");
    let of = |check: &str| {
        let mut found = results
            .iter()
            .filter(|r| r["check"] == check && r["outcome"] == "warn");
        found.next().expect("a warning")["accepted"].clone()
    };
    assert_eq!(
        of("health/alerts")["reason"],
        "agreed with support, case 4711"
    );
    let author = of("health/alerts")["author"]
        .as_str()
        .expect("an author")
        .to_owned();
    assert!(author.starts_with("alice@"), "{author}");
    let log = std::fs::read_to_string(dir.path().join("weka_upgrade_checker.log")).expect("a log");
    assert!(
        log.contains("health/alerts: 1 warning accepted by alice@"),
        "{log}"
    );
    // All but one: closed.
    let dir = report_of("warnings", &ALL_OF_WARNINGS[2..]);
    let run = gate(&dir, &["--format", "json"]).ends_with(1);
    assert_eq!(run.closed_by(), ["warn"]);
}

#[test]
fn the_exit_code_of_the_checks_stays_that_of_the_warnings() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut arguments = vec!["--simulate", "warnings", "-t", "4.4.33", "--no-bundle"];
    arguments.extend(ALL_OF_WARNINGS);
    let run = checker(dir.path(), &arguments).ends_with(1);
    assert!(run.stdout.contains("YELLOW"), "{}", run.stdout);
    assert!(run.stdout.contains("accepted by alice@"), "{}", run.stdout);
    assert!(
        run.stdout.contains("Every warning is accepted"),
        "{}",
        run.stdout
    );
}

#[test]
fn a_replay_accepts_what_the_run_accepted() {
    let mut options = ALL_OF_WARNINGS.to_vec();
    options.extend(["--bundle-dir", "."]);
    let dir = report_of("warnings", &options);
    let replay = checker(dir.path(), &["replay", &bundle(&dir), "--format", "json"]).ends_with(1);
    let text = std::fs::read_to_string(dir.path().join("report.json")).expect("a report");
    let before: Value = serde_json::from_str(&text).expect("JSON");
    let after = replay.json();
    for member in ["results", "acceptances", "verdict", "counts"] {
        assert_eq!(before[member], after[member], "{member}");
    }
    assert_eq!(after["acceptances"].as_array().map(Vec::len), Some(4));
}

#[test]
fn the_configuration_file_accepts_until_a_day() {
    let configured = |until: &str| {
        let dir = tempfile::tempdir().expect("a directory");
        let text = format!(
            "[[accept]]\ncheck = \"tasks/other\"\nreason = \"quota colouring\"\nauthor = \"bob\"\nuntil = {until}\n\n[[accept]]\ncheck = \"nfs/rpc-statd\"\nserver = \"weka-02\"\nreason = \"later\"\n"
        );
        std::fs::write(dir.path().join("checker.toml"), text).expect("written");
        let run = checker(
            dir.path(),
            &[
                "--simulate",
                "warnings",
                "-t",
                "4.4.33",
                "--no-bundle",
                "--format",
                "json",
                "--config",
                "checker.toml",
            ],
        )
        .ends_with(1);
        let log =
            std::fs::read_to_string(dir.path().join("weka_upgrade_checker.log")).expect("a log");
        (run.json()["acceptances"].clone(), run.stderr, log)
    };
    let (given, stderr, _) = configured("2026-12-01");
    assert_eq!(given[0]["effect"], "accepts");
    assert_eq!(given[0]["author"], "bob");
    assert_eq!(given[0]["until"], "2026-12-01");
    assert_eq!(given[1]["effect"], "accepts");
    assert!(
        given[1]["author"]
            .as_str()
            .is_some_and(|a| a.starts_with("alice@")),
        "{given}"
    );
    assert!(!stderr.contains("accepts nothing"), "{stderr}");

    // The simulated cluster is of July 2026.
    let (given, stderr, log) = configured("2026-07-19");
    assert_eq!(given[0]["effect"], "expired");
    for told in [stderr, log] {
        assert!(
            told.contains("it expired after 2026-07-19 (quota colouring, by bob)"),
            "{told}"
        );
    }
}

#[test]
fn an_acceptance_of_nothing_is_told() {
    let dir = tempfile::tempdir().expect("a directory");
    let run = |accept: &str| {
        checker(
            dir.path(),
            &[
                "--simulate",
                "degraded,warnings",
                "-t",
                "4.4.33",
                "--no-bundle",
                "--accept",
                accept,
            ],
        )
    };
    for (accept, words) in [
        ("health/rebuild=r", "only a warning can be accepted"),
        ("version/path=r", "there is no such warning"),
        (
            "nfs/rpc-statd@weka-99=r",
            "knows no server \"weka-99\"; it asked weka-[01-06]",
        ),
    ] {
        let run = run(accept).ends_with(2);
        assert!(run.stderr.contains(words), "{accept}: {}", run.stderr);
        let shown = run.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            shown.contains("ACCEPTANCES THAT DO NOT COUNT (1)"),
            "{}",
            run.stdout
        );
        assert!(shown.contains(words), "{accept}: {}", run.stdout);
    }
    run("health/rebuld=r").refused(&["health/rebuld", "did you mean health/rebuild?"]);
    run("health/*=r").refused(&["health/*", "checker list"]);
    run("health/rebuild").refused(&["--accept", "no reason"]);
    run("health/rebuild@=r").refused(&["--accept", "names no server"]);
}
