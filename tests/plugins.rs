//! Plugins and the built binary: good ones take part, bad ones cost themselves.
//!
//! The libraries are built here with `cc`.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use serde_json::Value;
use tempfile::TempDir;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Builds a library from C.
#[track_caller]
fn cc(source: &str, headers: &Path, out: &Path, defines: &[String]) {
    let output = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-std=gnu11", "-w", "-I"])
        .arg(headers)
        .args(defines)
        .arg("-o")
        .arg(out)
        .arg(root().join(source))
        .output()
        .expect("cc runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn headers() -> PathBuf {
    root().join("plugins/sdk/include")
}

fn misbehaving(dir: &Path, mode: &str) {
    let mut defines = vec![format!("-DMODE=\"{mode}\"")];
    if mode == "no-entry" {
        defines.push("-DNO_ENTRY".to_owned());
    }
    if mode == "undefined" {
        defines.push("-DUNDEFINED".to_owned());
    }
    let out = dir.join(format!("{mode}.so"));
    cc("tests/plugins/misbehaving.c", &headers(), &out, &defines);
}

fn swap(dir: &Path) -> PathBuf {
    let out = dir.join("swap.so");
    cc("plugins/examples/swap.c", &headers(), &out, &[]);
    out
}

fn directory() -> TempDir {
    tempfile::tempdir().expect("a directory")
}

struct Run {
    status: i32,
    stdout: String,
    stderr: String,
}

/// Runs the tool in `dir`.
fn checker(dir: &Path, arguments: &[&str]) -> Run {
    checker_with(dir, arguments, &[])
}

fn checker_with(dir: &Path, arguments: &[&str], variables: &[(&str, &Path)]) -> Run {
    let output = Command::new(env!("CARGO_BIN_EXE_checker"))
        .args(arguments)
        .current_dir(dir)
        .env_clear()
        .env("HOME", dir)
        .envs(variables.iter().copied())
        .output()
        .expect("it runs");
    Run {
        status: output.status.code().expect("it ends by itself"),
        stdout: String::from_utf8(output.stdout).expect("UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("UTF-8"),
    }
}

const SIMULATED: [&str; 5] = [
    "--simulate",
    "healthy",
    "--target-version",
    "4.4.33",
    "--format",
];

/// A simulated run with the plugins of a directory, without a bundle.
fn simulated(plugins: &Path, more: &[&str]) -> Run {
    let work = directory();
    let plugins = plugins.to_str().expect("UTF-8");
    let arguments = [
        &SIMULATED[..],
        &["json", "--no-bundle", "--plugins", plugins],
        more,
    ];
    checker(work.path(), &arguments.concat())
}

impl Run {
    #[track_caller]
    fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|e| panic!("{e}\n{}\n{}", self.stdout, self.stderr))
    }
}

fn text<'v>(value: &'v Value, member: &str) -> &'v str {
    value[member].as_str().unwrap_or_default()
}

fn results<'r>(report: &'r Value, check: &str) -> Vec<&'r Value> {
    let all = report["results"].as_array().expect("results");
    all.iter().filter(|r| r["check"] == check).collect()
}

/// What the report says without plugins: check, target and outcome.
fn built_in(report: &Value) -> Vec<[&str; 3]> {
    let known: Vec<&str> = vec!["bad", "plugin", "ext"];
    let all = report["results"].as_array().expect("results");
    all.iter()
        .filter(|r| !known.contains(&text(r, "check").split('/').next().unwrap_or_default()))
        .filter(|r| r["check"] != "server/swap")
        .map(|r| ["check", "target", "outcome"].map(|member| text(r, member)))
        .collect()
}

/// What a plugin that can't be loaded leaves in the report: the mode, and what
/// stands in its one result.
const NOT_LOADED: &[(&str, &str)] = &[
    ("load-crash", "signal 11"),
    ("load-hang", "gave no answer within 5 s"),
    ("load-exit", "exit status 0"),
    ("undefined", "checker_nobody_has_this"),
    ("no-entry", "no symbol `checker_plugin_entry`"),
    ("entry-null", "returned null"),
    ("abi-other", "speaks ABI 2"),
    ("abi-short", "its table has 8 bytes"),
    ("describe-crash", "signal 11"),
    ("describe-hang", "gave no answer within 5 s"),
    ("describe-garbage", "not understood"),
    ("describe-nothing", "offers no check"),
    ("describe-endless", "printed without end"),
    ("id-built-in", "health/status, which is built in"),
    ("id-of-scripts", "the area ext/, which is ours"),
    ("id-malformed", "which is no check id"),
    ("id-twice", "its own a second time"),
    ("title-escape", "shows a title with control characters"),
    ("title-turns", "shows a title with control characters"),
    ("probe-writes", "seems to change something: `rm`"),
    ("probe-stops", "it calls `weka local stop`"),
    (
        "command-changes",
        "`abort` in `weka cluster task -J abort 4`",
    ),
    ("free-crash", "signal 11"),
];

/// What a plugin that misbehaves later leaves: what stands in all of its results.
const NOT_JUDGED: &[(&str, &str)] = &[
    ("judge-crash", "signal 11 (segmentation fault)"),
    ("judge-abort", "signal 6 (abort)"),
    ("judge-exit", "exit status 0"),
    ("judge-hang", "gave no answer within 5 s"),
    ("judge-spin", "gave no answer within 5 s"),
    ("judge-fork", "exit status 3"),
    ("judge-kill", "signal 9"),
    ("judge-memory", "signal"),
    ("judge-endless", "printed without end"),
    ("judge-huge", "answered more than 8 MiB"),
    ("judge-false-length", "signal"),
    ("judge-null", "not understood"),
    ("judge-garbage", "not understood"),
    ("judge-bytes", "not understood"),
    ("judge-pipe", "wrote into what is not its own"),
    ("judge-forged", ""),
    ("judge-closes", ""),
    ("judge-writes", "signal 25 (it tried to write a file)"),
    ("judge-fails", "says that it failed: the moon is full"),
    ("judge-other-check", "answered for health/status"),
    ("judge-other-server", "answered about \"weka-99\""),
    ("judge-cluster", "answered about \"cluster\""),
    ("judge-twice", "answered twice about"),
    ("no-judge", "it has no `judge`"),
];

#[test]
fn whatever_a_plugin_does_it_costs_its_own_checks_and_no_others() {
    let dir = directory();
    for (mode, _) in NOT_LOADED.iter().chain(NOT_JUDGED) {
        misbehaving(dir.path(), mode);
    }
    misbehaving(dir.path(), "judge-one");
    misbehaving(dir.path(), "good");
    swap(dir.path());
    let work = directory();
    let alone = checker(
        work.path(),
        &[&SIMULATED[..], &["json", "--no-bundle", "--no-plugins"]].concat(),
    );
    let begun = Instant::now();
    let run = simulated(dir.path(), &[]);
    let took = begun.elapsed();
    let report = run.json();

    // The rest of the run is whole.
    assert_eq!(built_in(&report), built_in(&alone.json()));
    assert!(built_in(&report).len() > 100);
    assert_eq!(report["verdict"], "unknown");
    assert_eq!(run.status, 3, "{}", run.stderr);
    assert_eq!(alone.status, 0, "{}", alone.stderr);
    let backends = results(&report, "server/swap").len();
    assert!(backends > 3);
    for check in ["server/swap", "bad/good"] {
        let judged = results(&report, check);
        assert_eq!(judged.len(), backends);
        assert!(judged.iter().all(|r| r["outcome"] == "pass"), "{judged:#?}");
    }

    let named: BTreeMap<&str, &Value> = report["plugins"]
        .as_array()
        .expect("plugins")
        .iter()
        .map(|p| (text(p, "name"), p))
        .collect();
    for (mode, words) in NOT_LOADED {
        let found = results(&report, &format!("plugin/{mode}"));
        assert_eq!(found.len(), 1, "{mode}");
        assert_eq!(found[0]["outcome"], "unknown", "{mode}");
        let summary = text(found[0], "summary");
        assert!(summary.contains(words), "{mode}: {summary}");
        assert!(summary.contains(&format!("{mode}.so")), "{mode}: {summary}");
        assert!(text(named[mode], "error").contains(words), "{mode}");
        assert_eq!(results(&report, &format!("bad/{mode}")).len(), 0, "{mode}");
    }
    for (mode, words) in NOT_JUDGED {
        let found = results(&report, &format!("bad/{mode}"));
        assert_eq!(found.len(), backends, "{mode}");
        for result in found {
            assert_eq!(result["outcome"], "unknown", "{mode}: {result:#}");
            let summary = text(result, "summary");
            assert!(
                summary.contains(&format!("the plugin {mode} ")),
                "{mode}: {summary}"
            );
            assert!(summary.contains(words), "{mode}: {summary}");
        }
        assert!(
            text(named[mode], "error").contains(words),
            "{mode}: {:#}",
            named[mode]
        );
    }
    // One target that was left out is unknown, the other answers stand.
    let one = results(&report, "bad/judge-one");
    assert_eq!(one.iter().filter(|r| r["outcome"] == "pass").count(), 1);
    assert!(
        one.iter()
            .filter(|r| r["outcome"] == "unknown")
            .all(|r| text(r, "summary").contains("did not answer about this target"))
    );
    // It could make a name, and put nothing behind it.
    let written = Path::new("/tmp/checker-misbehaving");
    assert!(fs::read(written).unwrap_or_default().is_empty());
    let _ = fs::remove_file(written);
    // Five seconds to load, five to judge, all at the same time; the rest is
    // for a machine with many other things to do.
    assert!(took.as_secs() < 60, "{took:?}");
}

#[test]
fn a_plugin_in_c_takes_part_in_all_that_a_check_does() {
    let dir = directory();
    let library = swap(dir.path());
    let lines = fs::read_to_string(root().join("plugins/examples/swap.c")).expect("the source");
    assert!(lines.lines().count() < 100, "{}", lines.lines().count());

    let work = directory();
    let plugins = dir.path().to_str().expect("UTF-8");
    let listed = checker(
        work.path(),
        &["list", "--format", "json", "--plugins", plugins],
    )
    .json();
    let row = listed
        .as_array()
        .expect("a list")
        .iter()
        .find(|row| row["id"] == "server/swap")
        .expect("in the list");
    assert_eq!(row["plugin"], "swap");
    let explained = checker(
        work.path(),
        &["explain", "server/swap", "--plugins", plugins],
    );
    assert!(explained.stdout.contains("swapoff"), "{}", explained.stdout);

    let run = checker(
        work.path(),
        &[&SIMULATED[..], &["json", "--plugins", plugins]].concat(),
    );
    let report = run.json();
    let plugin = &report["plugins"][0];
    assert_eq!(plugin["name"], "swap");
    assert_eq!(plugin["version"], "1.0.0");
    assert_eq!(plugin["checks"], serde_json::json!(["server/swap"]));
    assert_eq!(plugin["error"], Value::Null);
    let sum = Command::new("sha256sum")
        .arg(&library)
        .output()
        .expect("sha256sum");
    let sum = String::from_utf8(sum.stdout).expect("UTF-8");
    assert_eq!(
        text(plugin, "sha256"),
        sum.split(' ').next().unwrap_or_default()
    );
    let judged = results(&report, "server/swap");
    assert_eq!(
        judged[0]["evidence"],
        serde_json::json!(["host:plugin/swap/swaps"])
    );

    // The log and the text name it too.
    let log = fs::read_to_string(work.path().join("weka_upgrade_checker.log")).expect("a log");
    assert!(log.contains("plugin swap 1.0.0"), "{log}");

    // Its evidence is in the bundle, and is judged again.
    let bundle = fs::read_dir(work.path())
        .expect("a directory")
        .map(|entry| entry.expect("an entry").path())
        .find(|path| path.to_string_lossy().ends_with(".tar.gz"))
        .expect("a bundle");
    let bundle = bundle.to_str().expect("UTF-8");
    let member = |name: &str| -> Value {
        let output = Command::new("tar")
            .args(["-xzOf", bundle, "--wildcards"])
            .arg(format!("*/{name}"))
            .output()
            .expect("tar");
        serde_json::from_slice(&output.stdout).expect("JSON")
    };
    let manifest = member("manifest.json");
    assert_eq!(manifest["plugins"], report["plugins"]);
    // Its one probe may take 5 s on a server: that takes nothing from ours.
    let asked = member("run.json");
    assert_eq!(asked["limits"]["server_ms"], 35_000, "{asked:#}");
    let again = checker(
        work.path(),
        &["replay", bundle, "--format", "json", "--plugins", plugins],
    );
    assert_eq!(again.json()["results"], report["results"]);

    // Without the plugin it is said, not passed over.
    let without = checker(work.path(), &["replay", bundle, "--format", "json"]);
    let report = without.json();
    assert_eq!(report["verdict"], "unknown");
    assert_eq!(without.status, 3);
    let absent = results(&report, "server/swap");
    assert_eq!(absent.len(), judged.len());
    for result in absent {
        let summary = text(result, "summary");
        assert!(
            summary.contains("not judged again: the plugin swap 1.0.0 of that run is not here"),
            "{summary}"
        );
    }
}

#[test]
fn plugin_check_shows_what_it_would_run_and_says_whether_it_is_fit() {
    let dir = directory();
    let library = swap(dir.path());
    let work = directory();
    let fit = checker(
        work.path(),
        &["plugin", "check", library.to_str().expect("UTF-8")],
    );
    assert_eq!(fit.status, 0, "{}{}", fit.stdout, fit.stderr);
    for words in [
        "swap 1.0.0",
        "| cat /proc/swaps",
        "server/swap",
        "SHA-256",
        "\nFIT\n",
    ] {
        assert!(
            fit.stdout.contains(words),
            "no {words:?} in\n{}",
            fit.stdout
        );
    }
    for (mode, words) in [
        ("judge-crash", "signal 11"),
        ("judge-twice", "answered twice"),
        ("abi-other", "speaks ABI 2"),
        ("probe-writes", "seems to change something"),
    ] {
        misbehaving(dir.path(), mode);
        let file = dir.path().join(format!("{mode}.so"));
        let unfit = checker(
            work.path(),
            &["plugin", "check", file.to_str().expect("UTF-8")],
        );
        assert_eq!(unfit.status, 2, "{mode}: {}", unfit.stdout);
        assert!(unfit.stdout.contains("NOT FIT"), "{mode}: {}", unfit.stdout);
        assert!(unfit.stdout.contains(words), "{mode}: {}", unfit.stdout);
    }
    // What never changes its mind may be good, but somebody must look.
    for (mode, words) in [
        ("good", "bad/good gave never anything but pass"),
        (
            "always-unknown",
            "bad/always-unknown gave never anything but unknown",
        ),
        (
            "always-skipped",
            "bad/always-skipped gave never anything but skipped",
        ),
    ] {
        misbehaving(dir.path(), mode);
        let file = dir.path().join(format!("{mode}.so"));
        let doubtful = checker(
            work.path(),
            &["plugin", "check", file.to_str().expect("UTF-8")],
        );
        assert_eq!(doubtful.status, 1, "{mode}: {}", doubtful.stdout);
        for words in [words, "FIT, but see above"] {
            assert!(
                doubtful.stdout.contains(words),
                "{mode}: {}",
                doubtful.stdout
            );
        }
    }
    let none = checker(work.path(), &["plugin", "check", "none.so"]);
    assert_eq!(none.status, 64);
}

#[test]
fn what_others_could_have_changed_is_not_loaded() {
    let dir = directory();
    let library = swap(dir.path());
    let elsewhere = directory();
    let mode = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("changed");
    };
    let refused = |words: &str| {
        let run = simulated(dir.path(), &[]);
        let report = run.json();
        let found: Vec<String> = report["results"]
            .as_array()
            .expect("results")
            .iter()
            .filter(|r| text(r, "check").starts_with("plugin/"))
            .map(|r| format!("{} {}", r["outcome"], text(r, "summary")))
            .collect();
        assert!(
            found.len() == 1 && found[0].starts_with("\"unknown\"") && found[0].contains(words),
            "{found:?}"
        );
        assert_eq!(run.status, 3);
        assert_eq!(results(&report, "server/swap").len(), 0);
    };
    mode(&library, 0o666);
    refused("others can write to");
    mode(&library, 0o644);
    mode(dir.path(), 0o777);
    refused("others can write to");
    mode(dir.path(), 0o755);
    let real = elsewhere.path().join("swap.so");
    fs::rename(&library, &real).expect("moved");
    symlink(&real, &library).expect("a link");
    refused("leads out of its directory");
    fs::remove_file(&library).expect("removed");
    fs::rename(&real, &library).expect("moved back");
    if std::os::unix::fs::chown(&library, Some(12_345), None).is_ok() {
        refused("belongs to the user id 12345");
        std::os::unix::fs::chown(&library, Some(0), None).expect("given back");
    }
    fs::write(&library, "no library at all").expect("written");
    refused("can't be loaded");
}

#[test]
fn the_search_path() {
    let dir = directory();
    swap(dir.path());
    let work = directory();
    let path = [("CHECKER_PLUGIN_PATH", dir.path())];
    let has_swap = |arguments: &[&str]| {
        let run = checker_with(work.path(), arguments, &path);
        assert_eq!(run.status, 0, "{}", run.stderr);
        run.stdout.contains("server/swap")
    };
    assert!(has_swap(&["list"]));
    assert!(!has_swap(&["list", "--no-plugins"]));
    // Named twice is loaded once.
    assert!(has_swap(&[
        "list",
        "--plugins",
        dir.path().to_str().expect("UTF-8")
    ]));
    let none = checker(work.path(), &["list", "--plugins", "/nowhere"]);
    assert_eq!(none.status, 64);
    assert!(none.stderr.contains("/nowhere"), "{}", none.stderr);
}

#[test]
fn a_plugin_sees_nothing_of_the_tool() {
    let dir = directory();
    let library = dir.path().join("curious.so");
    cc("tests/plugins/curious.c", &headers(), &library, &[]);
    let work = directory();
    // A descriptor and a variable that are none of its business.
    let secret = work.path().join("secret");
    fs::write(&secret, "the secret").expect("written");
    let plugins = dir.path().to_str().expect("UTF-8");
    let output = Command::new("sh")
        .args(["-c", r#"exec 9<"$1"; shift; SECRET=1 exec "$@""#, "sh"])
        .arg(&secret)
        .arg(env!("CARGO_BIN_EXE_checker"))
        .args(SIMULATED)
        .args(["json", "--no-bundle", "--plugins", plugins])
        .current_dir(work.path())
        .output()
        .expect("it runs");
    let report: Value = serde_json::from_slice(&output.stdout).expect("a report");
    let seen = results(&report, "curious/cat");
    assert_eq!(seen.len(), 1, "{report:#}");
    // Its own two pipes are above 2; it leads its session, and core files are off;
    // it can gain no rights.
    assert_eq!(
        text(seen[0], "summary"),
        "env LC_ALL PATH TZ; files 2; leads 1; core 0; privs 0; stdin 0; cwd /"
    );
}

/// What was built against the first header goes on being loaded.
#[test]
fn a_plugin_of_the_first_header_is_loaded() {
    let dir = directory();
    let frozen = root().join("tests/plugins/abi-1");
    let library = dir.path().join("swap.so");
    cc("plugins/examples/swap.c", &frozen, &library, &[]);
    let report = simulated(dir.path(), &[]).json();
    let judged = results(&report, "server/swap");
    assert!(!judged.is_empty() && judged.iter().all(|r| r["outcome"] == "pass"));
}

/// A struct that grew at its end, and a description with members that this
/// release does not know.
#[test]
fn a_plugin_of_a_later_header_of_the_same_number_is_loaded() {
    let dir = directory();
    let grown = directory();
    let header = fs::read_to_string(headers().join("checker_plugin.h")).expect("the header");
    let marker = "    void (*free)(checker_buffer buffer);\n";
    assert!(header.contains(marker));
    let header = header.replace(marker, &format!("{marker}    void *added_later;\n"));
    fs::write(grown.path().join("checker_plugin.h"), header).expect("written");
    let library = dir.path().join("swap.so");
    cc("plugins/examples/swap.c", grown.path(), &library, &[]);
    let report = simulated(dir.path(), &[]).json();
    assert!(
        results(&report, "server/swap")
            .iter()
            .all(|r| r["outcome"] == "pass")
    );
    assert_eq!(report["plugins"][0]["error"], Value::Null);
}

/// The first chapter of docs/plugins.md, followed to the letter: its commands
/// run in one shell, its file is written where it says.
#[test]
fn the_plugin_of_the_document() {
    let document = fs::read_to_string(root().join("docs/plugins.md")).expect("the document");
    let chapter = document
        .split("## A plugin in ten minutes")
        .nth(1)
        .and_then(|rest| rest.split("\n## What a plugin can ask").next())
        .expect("the chapter");
    let mut script = "set -eu\n".to_owned();
    let mut file = None;
    let mut blocks = 0;
    let mut lines = chapter.lines();
    while let Some(line) = lines.next() {
        if let Some(name) = line.strip_prefix("<!-- file: ") {
            file = Some(name.trim_end_matches(" -->"));
        }
        if line.starts_with("```") && line.len() > 3 {
            let body: Vec<&str> = lines.by_ref().take_while(|l| *l != "```").collect();
            let body = body.join("\n");
            match (line, file.take()) {
                ("```sh", None) => script.push_str(&body),
                (_, Some(file)) => {
                    script.push_str(&format!("cat >{file} <<'END OF FILE'\n{body}\nEND OF FILE"));
                }
                (other, None) => panic!("what is to be done with {other}?"),
            }
            script.push('\n');
            blocks += 1;
        }
    }
    assert_eq!(blocks, 4, "{script}");

    let home = directory();
    let work = home.path().join("work");
    fs::create_dir(&work).expect("a directory");
    // What this build was made of is what the plugin is made of.
    let kept = |name: &str| std::env::var_os(name).unwrap_or_default();
    let binary = Path::new(env!("CARGO_BIN_EXE_checker"))
        .parent()
        .expect("a directory");
    let cargo = Path::new(env!("CARGO")).parent().expect("a directory");
    let path = std::env::join_paths(
        [binary, cargo]
            .map(Path::to_owned)
            .into_iter()
            .chain(std::env::split_paths(&kept("PATH"))),
    )
    .expect("a path");
    let user_home = PathBuf::from(kept("HOME"));
    let or_in_home = |name: &str, default: &str| match kept(name) {
        set if set.is_empty() => user_home.join(default),
        set => set.into(),
    };
    let output = Command::new("sh")
        .args(["-c", &script])
        .current_dir(&work)
        .env("HOME", home.path())
        .env("CARGO_HOME", or_in_home("CARGO_HOME", ".cargo"))
        .env("RUSTUP_HOME", or_in_home("RUSTUP_HOME", ".rustup"))
        .env("PATH", path)
        .env("CHECKER", root())
        .env("CARGO_NET_OFFLINE", "true")
        .env_remove("CARGO_TARGET_DIR")
        .env_remove("RUSTFLAGS")
        .output()
        .expect("sh runs");
    let shown = format!(
        "{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(output.status.success(), "{shown}");
    for words in [
        "\nFIT\n",
        "NO-SWAP: No server swaps",
        "no-swap 0.1.0 (sha256",
        "GREEN",
    ] {
        let words = words.replace("NO-SWAP", "site/no-swap");
        assert!(shown.contains(&words), "no {words:?} in\n{shown}");
    }
}

/// What `make demo` and an unpacked archive have: the tool beside its plugins.
#[test]
fn the_shipped_plugins_are_found_beside_the_binary() {
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--package", "checker-plugin-aws"])
        .args(["--package", "checker-plugin-hardening"])
        .args(["--target-dir"])
        .arg(root().join("target"))
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(
        built.status.success(),
        "{}",
        String::from_utf8_lossy(&built.stderr)
    );
    let dir = directory();
    let plugins = dir.path().join("plugins");
    fs::create_dir(&plugins).expect("a directory");
    for name in ["libchecker_aws.so", "libchecker_hardening.so"] {
        fs::copy(root().join("target/debug").join(name), plugins.join(name)).expect("copied");
    }
    let binary = dir.path().join("checker");
    fs::copy(env!("CARGO_BIN_EXE_checker"), &binary).expect("copied");
    let output = Command::new(&binary)
        .args(SIMULATED)
        .args(["json", "--no-bundle"])
        .current_dir(dir.path())
        .env_clear()
        .output()
        .expect("it runs");
    let report: Value = serde_json::from_slice(&output.stdout).expect("a report");
    for check in ["server/aws-wc", "hardening/squashfs"] {
        let judged = results(&report, check);
        assert!(
            !judged.is_empty() && judged.iter().all(|r| r["outcome"] == "pass"),
            "{judged:#?}"
        );
        assert!(!text(judged[0], "summary").is_empty());
    }
    assert_eq!(report["plugins"].as_array().map(Vec::len), Some(2));
    for name in ["libchecker_aws.so", "libchecker_hardening.so"] {
        let file = plugins.join(name);
        let fit = checker(
            dir.path(),
            &["plugin", "check", file.to_str().expect("UTF-8")],
        );
        assert_eq!(fit.status, 0, "{}", fit.stdout);
    }
}

/// Two files that claim one name would read each other's evidence.
#[test]
fn a_name_is_taken_once() {
    let dir = directory();
    let library = swap(dir.path());
    fs::copy(&library, dir.path().join("zwap.so")).expect("copied");
    let run = simulated(dir.path(), &[]);
    let report = run.json();
    assert!(
        results(&report, "server/swap")
            .iter()
            .all(|r| r["outcome"] == "pass")
    );
    let second = results(&report, "plugin/zwap");
    let summary = text(second[0], "summary");
    assert!(summary.contains("calls itself swap, as "), "{summary}");
    assert_eq!(run.status, 3);
}

/// Across directories the first counts, as with programs; that is told, and
/// costs nothing.
#[test]
fn of_one_name_the_first_of_the_search_path_is_used() {
    let (first, second, same) = (directory(), directory(), directory());
    let used = swap(first.path());
    let other = second.path().join("another.so");
    let debug = ["-g".to_owned()];
    cc("plugins/examples/swap.c", &headers(), &other, &debug);
    fs::copy(&used, same.path().join("swap.so")).expect("copied");
    assert_ne!(
        fs::read(&used).expect("read"),
        fs::read(&other).expect("read")
    );
    let dir = |dir: &TempDir| dir.path().to_str().expect("UTF-8").to_owned();
    let (second, same) = (dir(&second), dir(&same));
    let run = simulated(first.path(), &["--plugins", &second, "--plugins", &same]);
    let report = run.json();
    assert_eq!(run.status, 0, "{}{}", run.stdout, run.stderr);
    let judged = results(&report, "server/swap");
    assert!(!judged.is_empty() && judged.iter().all(|r| r["outcome"] == "pass"));
    let named = report["plugins"].as_array().expect("plugins");
    // The same file a second time is not worth a word.
    assert_eq!(named.len(), 2, "{named:#?}");
    assert_eq!(text(&named[0], "path"), used.to_str().expect("UTF-8"));
    assert_eq!(text(&named[1], "path"), other.to_str().expect("UTF-8"));
    assert_eq!(named[1]["error"], Value::Null);
    let note = text(&named[1], "note");
    assert!(
        note.contains("not used: ") && note.contains("/swap.so"),
        "{note}"
    );

    let work = directory();
    let first = dir(&first);
    let listed = checker(
        work.path(),
        &["list", "--plugins", &first, "--plugins", &second],
    );
    assert!(listed.stderr.contains(note), "{}", listed.stderr);
    assert!(!listed.stdout.contains("plugin/"), "{}", listed.stdout);
    let shown = checker(
        work.path(),
        &[
            &SIMULATED[..],
            &["text", "--plugins", &first, "--plugins", &second],
        ]
        .concat(),
    );
    let words: String = shown.stdout.split_whitespace().collect();
    let words_of_note: String = note.split_whitespace().collect();
    assert!(words.contains(&words_of_note), "{}", shown.stdout);
    let log = fs::read_to_string(work.path().join("weka_upgrade_checker.log")).expect("a log");
    assert!(log.contains(note), "{log}");
}

/// A check of the cluster that rests on its servers is not green without any.
#[test]
fn of_no_servers_nothing_is_true() {
    let dir = directory();
    let library = dir.path().join("fleet.so");
    let defines = [
        "-DMODE=\"fleet\"".to_owned(),
        "-DSCOPE=\"cluster\"".to_owned(),
    ];
    cc(
        "tests/plugins/misbehaving.c",
        &headers(),
        &library,
        &defines,
    );
    let asked = simulated(dir.path(), &[]).json();
    assert_eq!(results(&asked, "bad/fleet")[0]["outcome"], "pass");
    let alone = simulated(dir.path(), &["--cluster-only"]).json();
    let result = results(&alone, "bad/fleet")[0];
    assert_eq!(result["outcome"], "unknown", "{result:#}");
}

/// Whoever writes a script writes on the terminal of whoever asks about it only
/// what can be seen there.
#[test]
fn what_is_shown_of_a_script_is_what_can_be_seen() {
    let dir = directory();
    let script = "#!/bin/bash\n\
        # all\u{1b}[2J is\u{202e} well\u{7}\n\
        ## of\u{1b}[1A no interest\n\
        DESCRIPTION=\"\u{1b}]0;owned\u{7}Title\u{1b}[31m\u{202e} here\"\n\
        SCRIPT_TYPE=\"single\"\n\
        KB_REFERENCE=\"KB\u{9b}31m 1\"\n";
    for name in ["010_escapes", "020\u{1b}[31m_red\u{202e}"] {
        let path = dir.path().join(name);
        fs::write(&path, script).expect("written");
        fs::set_permissions(path, fs::Permissions::from_mode(0o644)).expect("changed");
    }
    let work = directory();
    let scripts = dir.path().to_str().expect("UTF-8");
    let shown = |arguments: &[&str]| {
        let run = checker(work.path(), &[arguments, &["--scripts", scripts]].concat());
        assert_eq!(run.status, 0, "{}", run.stderr);
        let hidden = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!run.stdout.contains(hidden), "{:?}", run.stdout);
        run.stdout
    };
    let listed = shown(&["list"]);
    assert!(listed.contains("Title here"), "{listed}");
    assert!(listed.contains("ext/020--31m_red-"), "{listed}");
    for id in ["ext/010_escapes", "ext/020--31m_red-"] {
        let explained = shown(&["explain", id]);
        for words in [": Title here\n", "KB31m 1", "all is well", "of no interest"] {
            assert!(explained.contains(words), "no {words:?} in {explained}");
        }
    }
}

fn script(dir: &Path, name: &str) -> PathBuf {
    let path = dir.join(name);
    fs::write(&path, "SCRIPT_TYPE=single\nexit 0\n").expect("written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("changed");
    path
}

fn sha256(path: &Path) -> String {
    let sum = Command::new("sha256sum")
        .arg(path)
        .output()
        .expect("sha256sum");
    let sum = String::from_utf8(sum.stdout).expect("UTF-8");
    sum.split(' ').next().unwrap_or_default().to_owned()
}

/// What is no file is never opened: a pipe would wait for ever, and a device
/// would never end.
#[test]
fn what_is_no_file_is_not_read_as_a_script() {
    let dir = directory();
    script(dir.path(), "010_good");
    let pipe = dir.path().join("020_pipe");
    let made = Command::new("mkfifo")
        .args(["-m", "644"])
        .arg(&pipe)
        .status();
    assert!(made.expect("mkfifo").success());
    symlink("/dev/zero", dir.path().join("030_zero")).expect("a link");
    let work = directory();
    let scripts = dir.path().to_str().expect("UTF-8");
    let begun = Instant::now();
    let run = checker(
        work.path(),
        &[
            &SIMULATED[..],
            &["json", "--no-bundle", "--scripts", scripts],
        ]
        .concat(),
    );
    assert!(begun.elapsed().as_secs() < 60);
    let report = run.json();
    for (name, words) in [
        ("020_pipe", "is no regular file"),
        ("030_zero", "leads out of its directory, to /dev/zero"),
    ] {
        let found = results(&report, &format!("plugin/{name}"));
        assert_eq!(found.len(), 1, "{name}");
        assert_eq!(found[0]["outcome"], "unknown");
        let summary = text(found[0], "summary");
        assert!(summary.contains(words), "{summary}");
    }
    assert_eq!(results(&report, "ext/010_good").len(), 1);
}

/// The preamble is part of what runs as root: it is trusted by the same rules
/// and named with its digest.
#[test]
fn a_preamble_is_held_to_the_rules_of_scripts() {
    let dir = directory();
    let scripts = dir.path().join("scripts");
    fs::create_dir(&scripts).expect("a directory");
    fs::set_permissions(&scripts, fs::Permissions::from_mode(0o755)).expect("changed");
    let file = script(&scripts, "010_good");
    let elsewhere = directory();
    let away = elsewhere.path().join("preamble");
    fs::write(&away, "A=1\n").expect("written");
    fs::set_permissions(&away, fs::Permissions::from_mode(0o644)).expect("changed");
    let work = directory();
    let run = || {
        let scripts = scripts.to_str().expect("UTF-8");
        checker(
            work.path(),
            &[
                &SIMULATED[..],
                &["json", "--no-bundle", "--scripts", scripts],
            ]
            .concat(),
        )
    };
    for place in [&scripts, &dir.path().to_owned()] {
        let preamble = place.join("preamble");
        symlink(&away, &preamble).expect("a link");
        let refused = run();
        assert_eq!(refused.status, 64, "{}", refused.stdout);
        assert!(
            refused.stderr.contains("leads out of its directory"),
            "{}",
            refused.stderr
        );
        fs::remove_file(&preamble).expect("removed");
        fs::copy(&away, &preamble).expect("copied");
        let report = run().json();
        let named = report["plugins"].as_array().expect("plugins");
        assert_eq!(named.len(), 2, "{named:#?}");
        assert_eq!(text(&named[0], "name"), "preamble");
        assert_eq!(text(&named[0], "sha256"), sha256(&preamble));
        assert_eq!(text(&named[0], "note"), "put before each script");
        assert_eq!(text(&named[1], "sha256"), sha256(&file));
        fs::remove_file(&preamble).expect("removed");
    }
}

#[test]
fn a_backup_of_a_script_is_told_and_not_run() {
    let dir = directory();
    for name in [
        "010_good",
        "010_good~",
        "020_a.bak",
        "030_b.rpmsave",
        ".010_good.swp",
    ] {
        script(dir.path(), name);
    }
    let work = directory();
    let scripts = dir.path().to_str().expect("UTF-8");
    let listed = checker(work.path(), &["list", "--scripts", scripts]);
    assert_eq!(listed.status, 0, "{}", listed.stderr);
    assert_eq!(
        listed.stdout.matches("ext/").count(),
        1,
        "{}",
        listed.stdout
    );
    for name in ["010_good~", "020_a.bak", "030_b.rpmsave"] {
        let words = format!("/{name}: not run: its name is that of a backup");
        assert!(listed.stderr.contains(&words), "{}", listed.stderr);
    }
    fs::remove_file(dir.path().join("010_good")).expect("removed");
    let none = checker(work.path(), &["list", "--scripts", scripts]);
    assert_eq!(none.status, 64);
    assert!(none.stderr.contains("there is no script in"));
}

/// Scripts are checks before they run, and a simulated cluster runs none.
#[test]
fn scripts_are_listed_and_explained_and_unknown_where_they_do_not_run() {
    let dir = directory();
    for entry in fs::read_dir(root().join("tests/scripts")).expect("the scripts") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_owned();
        fs::copy(&path, dir.path().join(name)).expect("copied");
    }
    for entry in fs::read_dir(dir.path()).expect("a directory") {
        let path = entry.expect("an entry").path();
        fs::set_permissions(path, fs::Permissions::from_mode(0o644)).expect("changed");
    }
    let work = directory();
    let scripts = dir.path().to_str().expect("UTF-8");
    let listed = checker(work.path(), &["list", "--scripts", scripts]);
    assert!(
        listed.stdout.contains("OS is one of the known"),
        "{}",
        listed.stdout
    );
    assert!(!listed.stdout.contains("README"), "{}", listed.stdout);
    let explained = checker(
        work.path(),
        &["explain", "ext/110_checkos", "--scripts", scripts],
    );
    for words in [
        "the preamble has read /etc/os-release",
        "SITE-7",
        "nothing holds it",
    ] {
        assert!(
            explained.stdout.contains(words),
            "no {words:?} in {}",
            explained.stdout
        );
    }
    let arguments = [
        &SIMULATED[..],
        &["json", "--no-bundle", "--scripts", scripts],
    ]
    .concat();
    let run = checker(work.path(), &arguments);
    let report = run.json();
    assert_eq!(report["verdict"], "unknown");
    for check in [
        "ext/010_addresses",
        "ext/110_checkos",
        "ext/330_one_by_one",
        "ext/345_same_name",
    ] {
        let found = results(&report, check);
        assert!(!found.is_empty());
        for result in found {
            assert_eq!(result["outcome"], "unknown", "{result:#}");
            assert!(
                text(result, "summary").contains("runs no scripts"),
                "{result:#}"
            );
        }
    }
    let shown = checker(
        work.path(),
        &[
            &SIMULATED[..],
            &["text", "--no-bundle", "--scripts", scripts],
        ]
        .concat(),
    );
    assert!(
        shown.stdout.contains("nothing holds them to only look"),
        "{}",
        shown.stdout
    );

    // Where others can write, or nothing is a script, nothing runs.
    let refused = |words: &str| {
        let run = checker(work.path(), &arguments);
        assert_eq!(run.status, 64, "{}", run.stdout);
        assert!(run.stderr.contains(words), "{}", run.stderr);
    };
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o777)).expect("changed");
    refused("others can write to");
    let alone = [&arguments[..], &["--cluster-only"]].concat();
    let run = checker(work.path(), &alone);
    assert_eq!(run.status, 64, "{}", run.stdout);
    assert!(run.stderr.contains("--cluster-only"), "{}", run.stderr);
    let empty = directory();
    let none = checker(
        work.path(),
        &["list", "--scripts", empty.path().to_str().expect("UTF-8")],
    );
    assert_eq!(none.status, 64);
    assert!(
        none.stderr.contains("there is no script in"),
        "{}",
        none.stderr
    );
}
