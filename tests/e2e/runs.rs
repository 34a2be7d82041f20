//! The run as a whole: what it costs the servers, what it leaves behind, and
//! how it ends.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;

use crate::check::{NOT_IN_A_LAB, TARGET, check, check_with, standard_arguments, text};
use crate::lab::Lab;
use crate::{Test, listed};

pub(crate) fn tests() -> Vec<Test> {
    listed!["runs":
        a_healthy_cluster_is_green_with_a_log_and_a_bundle,
        each_server_sees_one_connection_and_one_session,
        each_cluster_command_runs_at_most_once,
        a_replay_of_the_bundle_gives_the_same_results,
        cluster_commands_can_run_on_another_backend,
        without_weka_the_message_says_how_to_go_on,
        an_interrupted_run_still_reports_and_writes_its_bundle,
        nothing_is_left_running_on_the_servers,
        without_a_terminal_standard_output_carries_the_report_alone,
        a_server_that_does_not_exist_is_refused,
    ]
}

fn a_healthy_cluster_is_green_with_a_log_and_a_bundle() {
    let lab = Lab::new("healthy", 4);
    let checked = check(&lab, |_, _| {});
    checked.expect_only(&[]);
    checked.expect_verdict("green");
    for server in lab.servers() {
        let shown = checked.server(server.hostname());
        assert_eq!(shown["reached"], true, "{shown:#}");
        assert_eq!(shown["address"], server.ipv4(), "{shown:#}");
        let transport = if server.number == 1 { "local" } else { "ssh" };
        assert_eq!(shown["transport"], transport, "{shown:#}");
    }
    assert_eq!(checked.report["cluster"]["version"], "4.4.21.2");
    assert_eq!(checked.report["target_version"], TARGET);

    let run = &checked.run;
    assert!(!run.log.is_empty());
    let bundle = run.bundle.as_ref().expect("a bundle");
    let name = bundle
        .file_name()
        .expect("a name")
        .to_string_lossy()
        .into_owned();
    assert!(name.starts_with("weka_upgrade_checker_"), "{name}");
    let log = format!("{}/weka_upgrade_checker.log", run.directory);
    for path in [bundle.clone(), lab.server(1).path(&log)] {
        let mode = std::fs::metadata(&path)
            .expect("a file")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{}", path.display());
    }
}

fn each_server_sees_one_connection_and_one_session() {
    let lab = Lab::new("once", 6);
    check(&lab, |_, _| {}).expect_verdict("green");
    // The tool stands on the first, which needs none.
    let seen: Vec<_> = lab
        .servers()
        .iter()
        .map(|s| (s.connections(), s.sessions()))
        .collect();
    assert_eq!(seen, [(0, 0), (1, 1), (1, 1), (1, 1), (1, 1), (1, 1)]);
}

fn each_cluster_command_runs_at_most_once() {
    let lab = Lab::new("commands", 3);
    check(&lab, |_, _| {}).expect_verdict("green");
    let mut counts: BTreeMap<(String, String), usize> = BTreeMap::new();
    for call in lab.weka_calls() {
        *counts
            .entry((call.server.clone(), call.line()))
            .or_default() += 1;
    }
    assert!(counts.len() > 8, "{counts:#?}");
    for ((server, line), count) in counts {
        // Two probes of one server need the names of its containers, and
        // neither sees what the other was told.
        let most = if line == "local ps -J" { 2 } else { 1 };
        assert!(count <= most, "{count} times `weka {line}` on {server}");
        // The others are asked only about themselves.
        assert!(
            server == "weka-01" || line.starts_with("local "),
            "`weka {line}` on {server}"
        );
    }
}

fn a_replay_of_the_bundle_gives_the_same_results() {
    let lab = Lab::new("replay", 3);
    let checked = check(&lab, |lab, _| {
        lab.server(2).stop_sshd();
        lab.server(3).set_opt_weka_size(3 * 1024);
    });
    let bundle = checked.run.bundle.as_ref().expect("a bundle");
    let name = bundle
        .file_name()
        .expect("a name")
        .to_string_lossy()
        .into_owned();
    let bundle = format!("{}/{name}", checked.run.directory);
    let replayed = lab.checker(&["replay", &bundle, "--format", "json"]);
    let again = replayed.json();
    assert_eq!(again["run"]["source"], "bundle");
    for part in [
        "results",
        "servers",
        "verdict",
        "counts",
        "cluster",
        "target_version",
        "path",
    ] {
        assert_eq!(again[part], checked.report[part], "{part}");
    }
    assert_eq!(replayed.status, checked.run.status);
}

fn cluster_commands_can_run_on_another_backend() {
    let lab = Lab::new("via", 3);
    let checked = check_with(&lab, &["--via", "weka-02"], &[], |lab, _| {
        // Otherwise the probe of the first server could be told from nothing.
        lab.server(1).program("weka", "[ \"$1\" = local ] || exit 99\nexec env WEKA_STANDIN_STATE=/run/lab/shared/state-1.json /run/lab/weka-standin \"$@\"\n");
    });
    checked.expect_only(&[]);
    checked.expect_verdict("green");
    for call in lab.weka_calls() {
        assert!(
            call.server == "weka-02" || call.line().starts_with("local "),
            "{call:?}"
        );
    }
    assert_eq!(lab.server(3).connections(), 1);
}

fn without_weka_the_message_says_how_to_go_on() {
    let lab = Lab::new("no-weka", 1);
    lab.set_cluster(&lab.healthy(), &[]);
    lab.server(1).remove_weka();
    let run = lab.checker(&["--target-version", TARGET]);
    assert!(matches!(run.status, Some(3 | 64)), "{run:?}");
    let said = format!("{}{}", run.stdout, run.stderr);
    assert!(
        said.contains("--via") && said.contains("--simulate"),
        "{said}"
    );
    assert!(
        !said.contains("panicked") && !said.contains("stack backtrace"),
        "{said}"
    );
}

fn an_interrupted_run_still_reports_and_writes_its_bundle() {
    let lab = Lab::new("interrupt", 3);
    lab.set_cluster(&lab.healthy(), &[]);
    lab.server(2).hangs_in("systemctl");
    // The hanging server would take its whole time limit; the interrupt comes before.
    let line = ["checker"]
        .into_iter()
        .chain(standard_arguments())
        .collect::<Vec<_>>()
        .join(" ");
    let line = format!(
        "mkdir /root/run && cd /root/run && timeout --preserve-status --signal=INT 3 {line}"
    );
    let output = lab.server(1).exec(&line);
    assert_eq!(output.status, Some(130), "{output:?}");
    let report: serde_json::Value = serde_json::from_str(&output.stdout).expect("a report");
    assert_ne!(report["verdict"], "green");
    assert!(lab.server(1).run("ls /root/run").contains(".tar.gz"));
}

fn nothing_is_left_running_on_the_servers() {
    let lab = Lab::new("tidy", 3);
    let before: Vec<_> = lab.servers().iter().map(|s| s.processes().len()).collect();
    check(&lab, |lab, _| lab.server(2).hangs_in("systemctl"));
    // What hung is ended by the script's own limit, or by the end of the session.
    let begun = std::time::Instant::now();
    loop {
        let after: Vec<_> = lab.servers().iter().map(|s| s.processes().len()).collect();
        if after == before {
            return;
        }
        assert!(
            begun.elapsed().as_secs() < 10,
            "{:#?}",
            lab.server(2).processes()
        );
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

fn without_a_terminal_standard_output_carries_the_report_alone() {
    let lab = Lab::new("pipe", 2);
    let checked = check(&lab, |_, _| {});
    // It parsed as one JSON; nothing moves or colours on the other output either.
    assert!(
        !checked.run.stderr.contains('\u{1b}'),
        "{:?}",
        checked.run.stderr
    );
    let plain = lab.checker(&["--target-version", TARGET, "--skip", NOT_IN_A_LAB]);
    assert!(!plain.stdout.contains('\u{1b}') && !plain.stdout.is_empty());
    assert_eq!(plain.status, Some(0), "{}", plain.stdout);
}

fn a_server_that_does_not_exist_is_refused() {
    let lab = Lab::new("no-such", 2);
    lab.set_cluster(&lab.healthy(), &[]);
    let run = lab.checker(&["--target-version", TARGET, "-b", "weka-20"]);
    assert_eq!(run.status, Some(64), "{run:?}");
    assert!(
        run.stderr.contains("weka-20") && run.stderr.contains("weka-02"),
        "{}",
        run.stderr
    );
    assert!(lab.servers().iter().all(|s| s.connections() == 0));
    assert!(!text(&serde_json::Value::String(run.stderr)).contains("panicked"));
}
