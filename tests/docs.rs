//! What the documents show is what the tool prints. `make generate` (or
//! `UPDATE_DOCS=1 cargo test --test docs`) writes them anew.

use std::path::{Path, PathBuf};
use std::process::Command;

use regex::Regex;

fn root(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// Compares a document with what it should hold, or writes it.
#[track_caller]
fn holds(name: &str, expected: &str) {
    let path = root(name);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, expected).expect("written");
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    if found != expected {
        let line = found
            .lines()
            .zip(expected.lines())
            .position(|(a, b)| a != b);
        panic!("{name} is not what the tool prints (first at line {line:?}); run `make generate`");
    }
}

fn checker(dir: &Path, arguments: &str) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_checker"))
        .args(arguments.split(' '))
        .current_dir(dir)
        .env_clear()
        .output()
        .expect("it runs");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// The picture in the README: what the command in its comment prints.
#[test]
fn the_picture_in_the_readme() {
    let dir = tempfile::tempdir().expect("a directory");
    let readme = std::fs::read_to_string(root("README.md")).expect("the README");
    let picture = Regex::new(r"(?s)(<!-- picture: checker ([^\n]*) -->\n```text\n).*?(```\n)")
        .expect("a pattern");
    let command = &picture.captures(&readme).expect("a picture")[2];
    let shown = checker(dir.path(), &format!("{command} --no-bundle"));
    assert!(shown.contains("RED"), "{shown}");
    let expected = picture.replace(&readme, |c: &regex::Captures<'_>| {
        format!("{}{shown}{}", &c[1], &c[3])
    });
    holds("README.md", &expected);
}

/// The pictures in the guide to upgrades, made one after the other in one place:
/// a rehearsal, its state, its end. Times, ids and places are evened out.
#[test]
fn the_pictures_in_the_guide_to_upgrades() {
    let dir = tempfile::tempdir().expect("a directory");
    let guide = std::fs::read_to_string(root("docs/upgrade.md")).expect("the guide");
    let picture = Regex::new(r"(?s)(<!-- picture: checker ([^\n]*) -->\n```text\n).*?(```\n)")
        .expect("a pattern");
    let place = Regex::new(r"\S*/state/rehearsals/[^/]*/[^/]*/\S*").expect("a pattern");
    let time = Regex::new(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ").expect("a pattern");
    let job = Regex::new(r"\b[0-9a-f]{8}-(\d+-[a-z]+-\d+)\b").expect("a pattern");
    let expected = picture.replace_all(&guide, |c: &regex::Captures<'_>| {
        let mut command = format!("{} --state-dir state", &c[2]);
        if !command.contains("upgrade status") {
            command.push_str(" --no-bundle --pace 20");
        }
        let shown = checker(dir.path(), &command);
        assert!(!shown.is_empty(), "{command}");
        let shown = place.replace_all(
            &shown,
            "/var/lib/checker/GUID/20260720T020000Z-1f2e3d4c.jsonl",
        );
        let shown = time.replace_all(&shown, "2026-07-20 02:00:00Z");
        let shown = job.replace_all(&shown, "1f2e3d4c-$1");
        format!("{}{shown}{}", &c[1], &c[3])
    });
    assert_eq!(picture.find_iter(&guide).count(), 4);
    let faults: String = checker_simulator::scenarios()
        .iter()
        .filter(|(name, _)| name.starts_with("ndu-"))
        .map(|(name, about)| {
            let about = about.trim_start_matches("NDU: ");
            format!("- `{name}`: {about}\n")
        })
        .collect();
    let list =
        Regex::new(r"(?s)(<!-- list: faults of upgrades -->\n).*?(<!-- end)").expect("a pattern");
    let expected = list.replace(&expected, |c: &regex::Captures<'_>| {
        format!("{}{faults}{}", &c[1], &c[2])
    });
    holds("docs/upgrade.md", &expected);
}

/// The example log, made from a simulated run. Times, the run's id and the
/// order in which parallel answers came in are evened out.
#[test]
fn the_example_log() {
    let dir = tempfile::tempdir().expect("a directory");
    checker(
        dir.path(),
        "--simulate demo --target-version 4.4.33 --no-bundle",
    );
    let log = std::fs::read_to_string(dir.path().join("weka_upgrade_checker.log")).expect("a log");
    let time = Regex::new(r"(?m)^\d{4}-\d\d-\d\dT[0-9:.]+Z").expect("a pattern");
    let id = Regex::new(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}").expect("a pattern");
    let elapsed = Regex::new(r"(judged after )[0-9.]+ m?s").expect("a pattern");
    let log = time.replace_all(&log, "2026-07-20T02:00:00.000Z");
    let log = id.replace(&log, "00000000-0000-0000-0000-000000000000");
    let log = elapsed.replace(&log, "${1}42 ms");
    let mut lines: Vec<&str> = log.lines().collect();
    // Everything between the first line and the first result came in parallel.
    let first_result = lines
        .iter()
        .position(|l| l.contains("access/agent"))
        .expect("results");
    lines[1..first_result].sort_by_key(|line| {
        let server = line.contains("(10.");
        let rest = line.split_once("  ").map_or(*line, |(_, rest)| rest);
        // A command before its answer.
        (
            server,
            rest.split(':').take(2).collect::<String>(),
            !line.contains("running"),
            *line,
        )
    });
    let text = lines.join("\n") + "\n";
    assert!(text.contains("ERROR"), "{text}");
    holds("weka_upgrade_checker.log.example", &text);
}

/// Every check with its explanation, as `checker explain` tells it.
#[test]
fn the_list_of_checks() {
    let mut registry = checker_core::Registry::new();
    checker_checks::register(&mut registry).expect("registered");
    let mut text = "# Every check\n\nGenerated from the checks themselves (`make generate`); `checker explain ID` shows the same.\n".to_owned();
    let mut area = "";
    for check in registry.iter() {
        let info = check.info();
        let this = info.id.split('/').next().unwrap_or_default();
        if this != area {
            area = this;
            text.push_str(&format!("\n## {area}\n"));
        }
        let scope: Vec<&str> = info.scope.iter().map(|s| s.as_str()).collect();
        let levels: Vec<&str> = info
            .levels
            .iter()
            .map(|level| match level {
                checker_core::Level::Warn => "yellow",
                checker_core::Level::Fail => "red",
            })
            .collect();
        text.push_str(&format!(
            "\n### `{}`\n\n{}.\n\n*Looks at:* {} · *applies:* {} · *gives:* {}\n\n",
            info.id,
            info.title,
            scope.join(", "),
            info.when,
            if levels.is_empty() {
                "green only".to_owned()
            } else {
                levels.join(", ")
            },
        ));
        text.push_str(&info.explanation.replace("\n## ", "\n#### ").replacen(
            "## ",
            "#### ",
            usize::from(info.explanation.starts_with("## ")),
        ));
        text.push_str("\n\n#### Sources\n\n");
        for source in &info.sources {
            text.push_str(&format!("- {source}\n"));
        }
    }
    holds("docs/checks.md", &text);
}

/// Every name that `--simulate` takes.
#[test]
fn the_list_of_scenarios() {
    let mut text = "# Every scenario of the simulated cluster

Generated from the simulator itself (`make generate`).

`checker --simulate NAME[,NAME…] --target-version V` checks a cluster that is
only in memory. A name is a cluster to begin with (`healthy`, `release-4.2`) or
something that goes wrong with it; those that are named are applied one after
the other:

    checker --simulate healthy,nfs-statd,rebuild-started --target-version 4.4.33

Each check can be turned to each of its colours by one of these names.
`checks/tests/scenarios/table/` says which, on which release and for which
target, and all that changes with it; a test holds that nothing else does.

| name | what it is |
|---|---|
"
    .to_owned();
    for (name, description) in checker_simulator::scenarios() {
        text.push_str(&format!("| `{name}` | {description} |\n"));
    }
    holds("docs/scenarios.md", &text);
}
