//! What is not ours: plugins and scripts, over real SSH.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::check::{Checked, check, check_with, text};
use crate::lab::{Lab, Server};
use crate::{Test, listed};

pub(crate) fn tests() -> Vec<Test> {
    listed!["foreign":
        scripts_of_the_convention_run_unmodified,
        a_plugin_probes_in_the_same_session,
    ]
}

/// Puts the scripts of `tests/scripts` on a server, as they are.
fn put_scripts(server: &Server) {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts");
    server.run("mkdir -m 755 /root/scripts");
    for entry in std::fs::read_dir(dir).expect("the scripts") {
        let path = entry.expect("an entry").path();
        let name = path
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        let script = std::fs::read_to_string(&path).expect("a script");
        server.write(&format!("/root/scripts/{name}"), &script, 0o755);
    }
}

fn results<'c>(checked: &'c Checked, check: &str) -> Vec<&'c Value> {
    let all = checked.report["results"].as_array().expect("results");
    all.iter().filter(|r| r["check"] == check).collect()
}

/// Check, target and outcome of every result.
fn lines(report: &Value) -> Vec<String> {
    let all = report["results"].as_array().expect("results");
    all.iter()
        .map(|r| format!("{} {} {}", r["check"], r["target"], r["outcome"]))
        .collect()
}

/// Outcome by target, in one line.
fn outcomes(checked: &Checked, check: &str) -> String {
    let of = |r: &&Value| format!("{} {}", text(&r["target"]), text(&r["outcome"]));
    results(checked, check)
        .iter()
        .map(of)
        .collect::<Vec<_>>()
        .join(", ")
}

fn scripts_of_the_convention_run_unmodified() {
    let lab = Lab::new("scripts", 3);
    let bare = check(&lab, |_, _| {});
    bare.expect_verdict("green");
    put_scripts(lab.server(1));
    let checked = check_with(
        &lab,
        &["--scripts", "/root/scripts", "--script-timeout", "3"],
        &[],
        |_, _| {},
    );

    let all = |outcome: &str| {
        let of = |n: usize| format!("weka-{n:02} {outcome}");
        (1..=3).map(of).collect::<Vec<_>>().join(", ")
    };
    for (check, expected) in [
        ("ext/010_addresses", "cluster pass".to_owned()),
        ("ext/110_checkos", all("pass")),
        (
            "ext/200_swappiness",
            all("pass").replace("02 pass", "02 warn"),
        ),
        (
            "ext/310_bad_drive",
            all("pass").replace("03 pass", "03 fail"),
        ),
        ("ext/320_fails_inside", all("unknown")),
        ("ext/330_one_by_one", all("pass")),
        ("ext/340_same_kernel", "cluster pass".to_owned()),
        ("ext/345_same_name", "cluster fail".to_owned()),
        ("ext/400_not_logged_in", "cluster fail".to_owned()),
        ("ext/900_hangs", all("unknown")),
        ("ext/910_garbage", "cluster fail".to_owned()),
        ("plugin/920_no_type", "cluster unknown".to_owned()),
    ] {
        assert_eq!(outcomes(&checked, check), expected, "{check}");
    }
    let one = |check: &str, n: usize| results(&checked, check)[n].clone();
    let single = one("ext/010_addresses", 0);
    // On the backend that the tool stands on, with the addresses of all.
    assert_eq!(
        text(&single["summary"]),
        "3 addresses on weka-01: 10.77.0.11 10.77.0.12 10.77.0.13 (weka-01)"
    );
    let warned = one("ext/200_swappiness", 1);
    assert_eq!(warned["details"][0], "swappiness is 60", "{warned:#}");
    assert!(
        text(&warned["remedy"]).contains("200_swappiness"),
        "{warned:#}"
    );
    let different = one("ext/345_same_name", 0);
    assert_eq!(
        text(&different["summary"]),
        "3 different outputs on the backends"
    );
    assert!(text(&one("ext/900_hangs", 0)["summary"]).contains("within its time limit"));
    assert!(text(&one("ext/320_fails_inside", 0)["summary"]).contains("unable to read the table"));

    // Nothing of it costs a built-in check anything.
    let built_in = |checked: &Checked| -> Vec<String> {
        lines(&checked.report)
            .into_iter()
            .filter(|line| !line.starts_with("\"ext/") && !line.starts_with("\"plugin/"))
            .collect()
    };
    assert_eq!(built_in(&checked), built_in(&bare));
    // In the session of the probes, but for those that run one by one.
    assert_eq!(lab.server(2).sessions(), 3);
    let named = checked.report["plugins"].as_array().expect("scripts");
    assert_eq!(named.len(), 12);
    assert!(
        named
            .iter()
            .all(|p| p["kind"] == "script" && text(&p["sha256"]).len() == 64)
    );

    // Judged again, with and without the scripts.
    let bundle = checked.run.bundle.as_ref().expect("a bundle");
    let name = bundle
        .file_name()
        .expect("a name")
        .to_string_lossy()
        .into_owned();
    let bundle = format!("{}/{name}", checked.run.directory);
    let replay = ["replay", &bundle, "--format", "json"];
    let again = lab.checker(&[&replay[..], &["--scripts", "/root/scripts"]].concat());
    assert_eq!(lines(&again.json()), lines(&checked.report));
    let without = lab.checker(&replay).json();
    let absent = without["results"].as_array().expect("results").iter();
    let absent: Vec<&Value> = absent.filter(|r| r["check"] == "ext/110_checkos").collect();
    assert_eq!(absent.len(), 3);
    assert!(absent.iter().all(|r| r["outcome"] == "unknown"));

    // What hung is gone.
    for server in lab.servers() {
        let left = server.processes();
        assert!(!left.iter().any(|p| p.contains("sleep 1000")), "{left:#?}");
    }
}

fn a_plugin_probes_in_the_same_session() {
    let lab = Lab::new("plugin", 3);
    let first = lab.server(1);
    first.run("mkdir -m 755 /root/plugins");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let output = Command::new("cc")
        .args(["-shared", "-fPIC", "-I"])
        .arg(root.join("plugins/sdk/include"))
        .arg("-o")
        .arg(first.path("/root/plugins/swap.so"))
        .arg(root.join("plugins/examples/swap.c"))
        .output()
        .expect("cc runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let swaps = "Filename\tType\tSize\tUsed\tPriority\n/dev/sda2\tpartition\t1\t0\t-2\n";
    let checked = check_with(&lab, &["--plugins", "/root/plugins"], &[], |lab, _| {
        // What `cat /proc/swaps` shows is the machine's.
        for server in lab.servers() {
            let shown = if server.number == 2 {
                swaps
            } else {
                &swaps[..34]
            };
            server.write("/run/swaps", shown, 0o644);
            server.run("mount --bind /run/swaps /proc/swaps");
        }
    });
    assert_eq!(
        outcomes(&checked, "server/swap"),
        "weka-01 pass, weka-02 warn, weka-03 pass"
    );
    assert_eq!(lab.server(2).sessions(), 1);
    assert_eq!(lab.server(2).connections(), 1);
    checked.expect_verdict("yellow");
}
