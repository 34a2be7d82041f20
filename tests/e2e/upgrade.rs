//! `checker upgrade` over real SSH, and what becomes of it when the connection,
//! the tool or a server does not last.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use checker_simulator::Cluster;
use checker_simulator::model::{Trouble, UpgradeFault};

use crate::check::{NOT_IN_A_LAB, TARGET};
use crate::lab::{Lab, Run, Running, Server};
use crate::{Test, listed};

pub(crate) fn tests() -> Vec<Test> {
    listed!["upgrade":
        from_another_machine_every_backend_is_upgraded_and_verified,
        on_a_backend_itself,
        over_two_hops_with_a_gate_before_each,
        a_closed_gate_changes_nothing,
        a_driver_that_cannot_be_built_is_named_and_the_upgrade_gone_on_with,
        a_cut_connection_is_waited_for_and_the_command_goes_on,
        left_while_the_connection_is_cut_and_found_again,
        a_killed_tool_leaves_its_command_running_and_finds_it_again,
        a_user_with_sudo_upgrades,
        a_user_with_sudo_upgrades_from_a_backend,
        a_token_is_seen_nowhere,
    ]
}

/// The server of the lab that commands run on.
const VANTAGE: &str = "weka-01";

/// How long the tool may take until something is seen of it.
const SOON: Duration = Duration::from_secs(60);

/// An operator's machine, server 1, outside of a cluster of three backends.
fn with_operator(name: &str, change: impl FnOnce(&mut Cluster)) -> Lab {
    let lab = Lab::named(name, &["operator", VANTAGE, "weka-02", "weka-03"]);
    let mut cluster = Lab::healthy_on("4.4.21.2", &lab.servers()[1..]);
    change(&mut cluster);
    lab.share_cluster(&cluster);
    lab
}

fn backends(lab: &Lab) -> &[Server] {
    &lab.servers()[1..]
}

/// `checker upgrade` from the operator's machine; what the day of the test is
/// is accepted.
fn arguments<'a>(more: &[&'a str]) -> Vec<&'a str> {
    arguments_to(TARGET, more)
}

fn arguments_to<'a>(target: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    const DAY: &str = concat!("access/tool-data", "=a lab has no date");
    assert_eq!(NOT_IN_A_LAB, "access/tool-data");
    let mut all = vec!["upgrade", "--target-version", target];
    all.extend(["--timeout", "8", "--accept", DAY]);
    all.extend(more);
    all
}

fn start<'a>(lab: &'a Lab, more: &[&str]) -> Running<'a> {
    lab.start(1, &arguments(&[&["--via", VANTAGE], more].concat()))
}

/// Every `weka` command that changes something, where it was run.
fn changes(lab: &Lab) -> Vec<(String, String)> {
    lab.weka_calls()
        .into_iter()
        .map(|call| (call.server.clone(), call.line()))
        .filter(|(_, line)| {
            line.split(' ').any(|word| word == "upgrade")
                || line.starts_with("version get")
                || line.starts_with("version prepare")
                || line.contains("override add")
                || line.contains("override remove")
        })
        .filter(|(_, line)| !line.starts_with("upgrade supported-features"))
        .collect()
}

/// The commands of a whole upgrade.
fn whole() -> Vec<(String, String)> {
    [
        "version get 4.4.33 --no-progress-bar",
        "version prepare 4.4.33",
        "local run --container drives0 --in 4.4.33 upgrade --prepare-only",
        UPGRADE,
    ]
    .map(|line| (VANTAGE.to_owned(), line.to_owned()))
    .to_vec()
}

const UPGRADE: &str = "local run --container drives0 --in 4.4.33 upgrade";

#[track_caller]
fn expect_upgraded(lab: &Lab, run: &Run) {
    assert_eq!(run.status, Some(0), "{}\n{}", run.stdout, run.stderr);
    assert_eq!(run.stdout, "UPGRADED: the cluster runs 4.4.33, verified.\n");
    let cluster = lab.shared_cluster();
    assert_eq!(cluster.release.to_string(), TARGET);
    for container in cluster.servers.iter().flat_map(|s| &s.containers) {
        assert_eq!(container.release.to_string(), TARGET, "{container:?}");
    }
}

/// How many containers run the target.
fn upgraded(lab: &Lab) -> usize {
    let cluster = lab.shared_cluster();
    let containers = cluster.servers.iter().flat_map(|s| &s.containers);
    containers
        .filter(|c| c.release.to_string() == TARGET)
        .count()
}

#[track_caller]
fn wait(what: &str, run: &Running<'_>, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(
            begun.elapsed() < SOON,
            "waited for {what}:\n{}",
            run.stderr()
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn status(lab: &Lab) -> serde_json::Value {
    let run = lab.checker(&["upgrade", "status", "--via", VANTAGE, "--format", "json"]);
    assert_eq!(run.status, Some(0), "{}", run.stderr);
    run.json()
}

fn from_another_machine_every_backend_is_upgraded_and_verified() {
    let lab = with_operator("upgrade", |_| {});
    // What is announced is what is run.
    let plan = lab.checker(&arguments(&["--via", VANTAGE, "--dry-run"]));
    assert_eq!(plan.status, Some(0), "{}", plan.stderr);
    assert_eq!(changes(&lab), []);
    let planned: Vec<(String, String)> = plan
        .stdout
        .lines()
        .filter_map(|line| line.trim().strip_prefix("$ weka "))
        .map(|line| (VANTAGE.to_owned(), line.to_owned()))
        .collect();
    assert_eq!(planned, whole());

    let run = start(&lab, &["--yes"]).end();
    expect_upgraded(&lab, &run);
    assert_eq!(changes(&lab), whole());
    assert_eq!(status(&lab)["state"], "finished");

    // Each command left its directory where it ran, for root alone, and
    // nothing anywhere else; the journal is the operator's.
    let vantage = lab.server(2);
    let jobs = vantage.run("ls /var/lib/checker/jobs");
    for word in ["get", "prepare", "distribute", "backends"] {
        assert!(jobs.contains(&format!("-1-{word}-1\n")), "{jobs}");
    }
    assert_eq!(vantage.run("stat -c %a /var/lib/checker/jobs"), "700\n");
    let statuses = vantage.run("cat /var/lib/checker/jobs/*/status");
    assert_eq!(statuses, "0\n0\n0\n0\n");
    for other in [lab.server(1), lab.server(3), lab.server(4)] {
        assert!(!other.has("/var/lib/checker/jobs"));
    }
    let journal = lab.server(1).run("cat /var/lib/checker/*/*.jsonl");
    assert!(journal.contains(r#""entry":"finished""#), "{journal}");

    // Done is done: nothing is run again.
    let again = start(&lab, &["--yes"]).end();
    assert_eq!(again.status, Some(0), "{}\n{}", again.stdout, again.stderr);
    assert_eq!(changes(&lab), whole());
}

fn on_a_backend_itself() {
    let lab = Lab::new("upgrade-here", 3);
    lab.share_cluster(&lab.healthy());
    let run = lab.start(1, &arguments(&["--yes"])).end();
    expect_upgraded(&lab, &run);
    assert_eq!(changes(&lab), whole());
    assert!(lab.server(1).has("/var/lib/checker/jobs"));
}

fn over_two_hops_with_a_gate_before_each() {
    let lab = Lab::named("upgrade-hops", &["operator", VANTAGE, "weka-02", "weka-03"]);
    let cluster = Lab::healthy_on("4.2.18.34", &lab.servers()[1..]);
    lab.share_cluster(&cluster);
    for server in backends(&lab) {
        // It comes with the release, which the stand-in does not unpack.
        server.write("/opt/weka/dist/release/4.4.26.spec", "{}\n", 0o644);
    }
    // What two hops warn of.
    let more = [
        ["--via", VANTAGE],
        ["--format", "json"],
        ["--accept", "version/path=agreed"],
        ["--accept", "version/known-issues=read"],
        ["--accept", "health/fsck=looked at before the second hop"],
    ];
    let more = [more.as_flattened(), &["--yes"]].concat();
    let run = lab.start(1, &arguments_to("5.1.25", &more)).end();
    assert_eq!(run.status, Some(0), "{}\n{}", run.stdout, run.stderr);
    let outcome = run.json();
    assert_eq!(outcome["outcome"], "upgraded", "{outcome:#}");
    assert_eq!(outcome["release"], "5.1.25", "{outcome:#}");
    let lines: Vec<String> = changes(&lab).into_iter().map(|(_, line)| line).collect();
    assert_eq!(
        lines,
        [
            "version get 4.4.26 --no-progress-bar",
            "version prepare 4.4.26",
            "local run --container drives0 --in 4.4.26 upgrade --prepare-only",
            "local run --container drives0 --in 4.4.26 upgrade",
            "version get 5.1.25 --no-progress-bar",
            "version prepare 5.1.25",
            "local run --container drives0 --in 5.1.25 upgrade --distribute-version",
            "local run --container drives0 --in 5.1.25 upgrade",
        ]
    );
    // The gate was asked before each, the second time after the conversion.
    let journal = lab.server(1).run("cat /var/lib/checker/*/*.jsonl");
    let at = |words: &str| {
        journal
            .find(words)
            .unwrap_or_else(|| panic!("{words}: {journal}"))
    };
    let converted = at(r#""entry":"step_done","hop":1,"step":"conversion""#);
    assert!(at(r#""entry":"gate","hop":1"#) < converted);
    assert!(converted < at(r#""entry":"gate","hop":2"#));
}

fn a_closed_gate_changes_nothing() {
    let lab = with_operator("upgrade-closed", |_| {});
    lab.server(4).set_unit("rpc-statd.service", true, true);
    let run = start(&lab, &["--yes"]).end();
    assert_eq!(run.status, Some(2), "{}\n{}", run.stdout, run.stderr);
    assert!(run.stdout.contains("nfs/rpc-statd"), "{}", run.stdout);
    assert!(run.stdout.contains("Nothing was started"), "{}", run.stdout);
    assert_eq!(changes(&lab), []);
    assert!(!lab.server(2).has("/var/lib/checker/jobs"));
}

fn a_driver_that_cannot_be_built_is_named_and_the_upgrade_gone_on_with() {
    let lab = with_operator("upgrade-driver", |cluster| {
        let server = cluster.servers[2].name.clone();
        let trouble = Trouble::DriverBuildFails { server };
        cluster.upgrade.faults.push(UpgradeFault::once(trouble));
    });
    let run = start(&lab, &["--yes"]).end();
    assert_eq!(run.status, Some(10), "{}\n{}", run.stdout, run.stderr);
    for words in [
        "STOPPED in hop 1 (4.4.21.2 → 4.4.33)",
        "failed on weka-03",
        "No container was upgraded",
        "with --resume",
    ] {
        assert!(run.stdout.contains(words), "{words}: {}", run.stdout);
    }
    assert_eq!(upgraded(&lab), 0);
    let status = status(&lab);
    assert_eq!(status["state"], "stopped");
    assert!(
        status["next"]
            .as_str()
            .unwrap_or_default()
            .contains("weka-03")
    );

    let run = start(&lab, &["--yes", "--resume"]).end();
    expect_upgraded(&lab, &run);
    // The release was there and prepared on the first.
    let mut expected = whole();
    expected.insert(3, expected[2].clone());
    assert_eq!(changes(&lab), expected);
}

/// Cuts every SSH connection to a server, and lets none come again.
fn cut(server: &Server) {
    server.stop_sshd();
    let sessions: Vec<String> = server
        .processes()
        .into_iter()
        .filter(|line| line.contains("sshd"))
        .filter_map(|line| line.split_once(' ').map(|(pid, _)| pid.to_owned()))
        .collect();
    server.exec(&format!("kill -9 {}", sessions.join(" ")));
}

fn a_cut_connection_is_waited_for_and_the_command_goes_on() {
    let lab = with_operator("upgrade-cut", |_| {});
    lab.change_shared(|state| state.pace_ms = 300);
    let run = start(&lab, &["--yes"]);
    wait("the first container", &run, || upgraded(&lab) > 0);
    cut(lab.server(2));
    let at_the_cut = upgraded(&lab);
    wait("word of the silence", &run, || {
        run.stderr().contains("does not answer")
    });
    wait("the command to go on", &run, || upgraded(&lab) > at_the_cut);
    lab.server(2).start_sshd();
    let run = run.end();
    expect_upgraded(&lab, &run);
    assert!(run.stderr.contains("answers again"), "{}", run.stderr);
    assert_eq!(changes(&lab), whole());
}

fn left_while_the_connection_is_cut_and_found_again() {
    let lab = with_operator("upgrade-left", |_| {});
    lab.change_shared(|state| state.pace_ms = 300);
    let run = start(&lab, &["--yes"]);
    wait("the first container", &run, || upgraded(&lab) > 0);
    cut(lab.server(2));
    run.signal("TERM");
    let run = run.end();
    assert_eq!(run.status, Some(10), "{}\n{}", run.stdout, run.stderr);
    assert!(run.stdout.starts_with("LEFT in hop 1"), "{}", run.stdout);
    lab.server(2).start_sshd();
    assert_eq!(status(&lab)["state"], "interrupted");

    let run = start(&lab, &["--yes", "--resume"]).end();
    expect_upgraded(&lab, &run);
    assert!(run.stderr.contains("was started before"), "{}", run.stderr);
    assert_eq!(changes(&lab), whole());
}

fn a_killed_tool_leaves_its_command_running_and_finds_it_again() {
    let lab = with_operator("upgrade-killed", |_| {});
    lab.change_shared(|state| state.pace_ms = 300);
    let run = start(&lab, &["--yes"]);
    wait("the first container", &run, || upgraded(&lab) > 0);
    assert_eq!(status(&lab)["state"], "running");
    let second = start(&lab, &["--yes", "--resume"]).end();
    assert_eq!(second.status, Some(2), "{}", second.stderr);
    assert!(second.stderr.contains("under way"), "{}", second.stderr);
    run.signal("KILL");
    let at_the_kill = upgraded(&lab);
    let killed = run.end();
    assert_ne!(killed.status, Some(0));
    let begun = Instant::now();
    while upgraded(&lab) == at_the_kill {
        assert!(begun.elapsed() < SOON, "the command does not go on");
        std::thread::sleep(Duration::from_millis(50));
    }
    let status = status(&lab);
    assert_eq!(status["state"], "interrupted", "{status:#}");

    let run = start(&lab, &["--yes", "--resume"]).end();
    expect_upgraded(&lab, &run);
    assert!(run.stderr.contains("was started before"), "{}", run.stderr);
    assert_eq!(changes(&lab), whole());
}

fn a_user_with_sudo_upgrades() {
    let lab = with_operator("upgrade-sudo", |_| {});
    for server in backends(&lab) {
        server.add_user_with_sudo("admin", true);
        // None but this user gets in.
        server.run("rm /root/.ssh/authorized_keys");
    }
    let run = start(&lab, &["--yes", "--ssh-user", "admin"]).end();
    expect_upgraded(&lab, &run);
    assert_eq!(changes(&lab), whole());
    let vantage = lab.server(2);
    assert_eq!(
        vantage.run("stat -c '%U %a' /var/lib/checker/jobs"),
        "root 700\n"
    );
    // The command has root's rights and the user's login.
    let user = lab.weka_calls().into_iter().find(|c| c.line() == UPGRADE);
    assert_eq!(user.map(|call| call.uid), Some(0));
}

fn a_user_with_sudo_upgrades_from_a_backend() {
    let lab = Lab::new("upgrade-sudo-here", 3);
    lab.share_cluster(&lab.healthy());
    for server in lab.servers() {
        server.add_user_with_sudo("admin", true);
    }
    let first = lab.server(1);
    first.run(
        "cp /root/.ssh/id_ed25519 /root/.ssh/known_hosts /home/admin/.ssh/ \
         && chown -R admin /home/admin/.ssh",
    );
    let run = lab.start_as("admin", 1, &arguments(&["--yes"])).end();
    expect_upgraded(&lab, &run);
    assert_eq!(changes(&lab), whole());
    // The journal is the user's, the commands are root's.
    let state = "/home/admin/.local/state/checker";
    let owner = |path: &str| first.run(&format!("stat -c %U {state}/{path}"));
    assert_eq!(owner("*/lock"), "admin\n");
    assert_eq!(owner("jobs"), "root\n");
}

/// Looks at every command line of the machine, the servers of the lab among
/// them, until it is told to stop; those that hold this text.
fn watch_command_lines(
    text: &'static str,
    stop: &Arc<AtomicBool>,
) -> std::thread::JoinHandle<(usize, Vec<String>)> {
    let stop = Arc::clone(stop);
    std::thread::spawn(move || {
        let (mut looks, mut found) = (0, Vec::new());
        while !stop.load(Ordering::Relaxed) {
            looks += 1;
            for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
                let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
                let line = String::from_utf8_lossy(&line).replace('\0', " ");
                if line.contains(text) && !found.contains(&line) {
                    found.push(line);
                }
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        (looks, found)
    })
}

fn a_token_is_seen_nowhere() {
    const TOKEN: &str = "t0kenThatNobodyMaySee";
    let lab = with_operator("upgrade-token", |cluster| cluster.upgrade.dark_site = true);
    let (operator, vantage) = (lab.server(1), lab.server(2));
    operator.write("/root/token", &format!("{TOKEN}\n"), 0o600);
    // It does reach the command that needs it, and no other.
    let weka = vantage.read("/usr/bin/weka");
    vantage.write(
        "/usr/bin/weka",
        &weka.replacen(
            "#!/bin/sh\n",
            &format!("#!/bin/sh\n[ \"$WEKA_DIST_SERVERS\" != https://{TOKEN}@get.weka.io ] || echo \"$*\" >>/root/with-token\n"),
            1,
        ),
        0o755,
    );
    let stop = Arc::new(AtomicBool::new(false));
    let watcher = watch_command_lines(TOKEN, &stop);
    let run = start(
        &lab,
        &[
            "--yes",
            "--verbose",
            "--from",
            "https://get.weka.io",
            "--token-file",
            "/root/token",
        ],
    )
    .end();
    stop.store(true, Ordering::Relaxed);
    let (looks, seen) = watcher.join().expect("no panic");
    expect_upgraded(&lab, &run);
    assert_eq!(
        vantage.read("/root/with-token"),
        "version get 4.4.33 --no-progress-bar\n"
    );
    assert!(looks > 100, "only {looks} looks");
    assert_eq!(seen, Vec::<String>::new());

    for (what, text) in [
        ("stdout", &run.stdout),
        ("stderr", &run.stderr),
        ("log", &run.log),
    ] {
        assert!(!text.contains(TOKEN), "{what}: {text}");
    }
    // Journal, bundles, job files: whatever lies there, packed or not.
    let unpacked = format!(
        "cd {} && for b in *.tar.gz; do tar -xzf $b; done",
        run.directory
    );
    operator.run(&unpacked);
    let holds = |server: &Server, places: &str| {
        server
            .exec(&format!("grep -rl {TOKEN} {places}"))
            .stdout
            .lines()
            .filter(|path| !matches!(*path, "/root/token" | "/usr/bin/weka"))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    for server in lab.servers() {
        let found = holds(server, "/root /var /opt /tmp /usr/bin/weka /etc /home");
        assert_eq!(found, Vec::<String>::new(), "on {}", server.hostname());
    }
    let calls = lab.weka_calls().iter().any(|c| c.line().contains(TOKEN));
    assert!(!calls);
    let journal = operator.run("ls /var/lib/checker/*/*.jsonl");
    assert!(Path::new(journal.trim()).extension().is_some());
}
