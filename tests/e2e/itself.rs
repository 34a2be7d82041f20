//! The lab itself: whether its servers are what they seem, and whether they go.

use std::io::{BufRead as _, BufReader, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::lab::{Lab, Leftovers, Traces, links};
use crate::{Test, listed};

pub(crate) fn tests() -> Vec<Test> {
    listed!["lab":
        three_servers_are_ready_within_a_second,
        every_server_reaches_every_other_by_name_and_both_addresses,
        a_server_has_its_own_name_files_and_processes,
        a_server_has_its_own_root_and_hardware,
        a_port_that_is_open_is_so_from_every_server,
        two_labs_stand_side_by_side,
        the_log_of_sshd_counts_connections_and_sessions,
        units_are_shown_as_systemctl_shows_them,
        space_is_what_was_set,
        a_clock_goes_wrong_by_what_was_set,
        the_stand_in_for_weka_plays_its_server_and_notes_its_calls,
        a_stopped_sshd_refuses,
        a_server_that_is_off_is_not_found,
        a_black_hole_swallows_connections,
        a_silent_listener_accepts_and_says_nothing,
        a_changed_host_key_is_noticed,
        a_noisy_profile_and_a_banner_are_heard,
        a_session_dies_in_the_middle_of_the_script,
        a_server_vanishes_in_the_middle_of_the_script,
        sudo_asks_for_a_password_or_does_not,
        nothing_is_left_of_a_lab,
        nothing_is_left_of_a_lab_whose_test_panicked,
        nothing_is_left_of_a_lab_whose_set_up_failed,
        nothing_is_left_of_a_lab_whose_owner_was_killed,
    ]
}

/// A command line for `ssh` that never asks.
fn ssh(destination: &str, line: &str) -> String {
    format!("ssh -o BatchMode=yes -o ConnectTimeout=2 {destination} {line}")
}

fn three_servers_are_ready_within_a_second() {
    // Whatever else runs on the machine, one of a few is undisturbed.
    let fastest = (0..5)
        .map(|_| {
            let begun = Instant::now();
            let lab = Lab::new("speed", 3);
            let ready = begun.elapsed();
            drop(lab);
            ready
        })
        .min();
    assert!(fastest < Some(Duration::from_secs(1)), "{fastest:?}");
}

fn every_server_reaches_every_other_by_name_and_both_addresses() {
    let lab = Lab::new("reach", 3);
    for from in lab.servers() {
        for to in lab.servers() {
            for destination in [to.hostname(), &to.ipv4(), &to.ipv6()] {
                assert_eq!(
                    from.run(&ssh(destination, "hostname")).trim(),
                    to.hostname()
                );
            }
        }
    }
}

fn a_server_has_its_own_name_files_and_processes() {
    let lab = Lab::new("own", 2);
    let (first, second) = (lab.server(1), lab.server(2));
    first.write("/opt/weka/data/drives0/mark", "first\n", 0o644);
    first.write("/etc/os-release", "ID=rocky\n", 0o644);
    assert_eq!(first.run("cat /opt/weka/data/drives0/mark"), "first\n");
    assert!(!second.has("/opt/weka/data/drives0/mark"));
    assert!(second.run("cat /etc/os-release").contains("ID=ubuntu"));
    assert_eq!(first.run("cat /etc/os-release"), "ID=rocky\n");
    assert_eq!(first.run("hostname"), "weka-01\n");
    second.set_hostname("weka-01");
    assert_eq!(second.run("hostname"), "weka-01\n");
    assert_eq!(first.run("ls /home /tmp").trim(), "/home:\n\n/tmp:");
    let processes = first.processes();
    assert!(
        processes
            .iter()
            .all(|p| p.contains("lab-server") || p.contains("sshd")),
        "{processes:?}"
    );

    let machine = std::fs::read_to_string("/proc/sys/kernel/hostname").expect("a host name");
    assert_ne!(machine.trim(), "weka-01");
    let os = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    assert_ne!(os, "ID=rocky\n");
}

fn a_server_has_its_own_root_and_hardware() {
    let lab = Lab::new("root", 2);
    let (first, second) = (lab.server(1), lab.server(2));
    // What is taken away, written or mounted there stays there.
    first.run("rm /usr/bin/gcc && echo x >/usr/include/libelf.h && umount /proc/meminfo");
    assert!(!first.has("/usr/bin/gcc") && second.has("/usr/bin/gcc"));
    assert_eq!(second.read("/usr/include/libelf.h"), "");
    assert!(
        second
            .read("/proc/meminfo")
            .contains("MemAvailable:   67108864 kB")
    );
    assert_eq!(second.run("grep -c ^processor /proc/cpuinfo").trim(), "32");
    // None of the machine's directories are there, its checkouts least of all.
    let here = env!("CARGO_MANIFEST_DIR");
    assert!(!second.has(here), "{here}");
    let mounts = second.read("/proc/self/mountinfo");
    assert!(!mounts.contains(" /.machine"), "{mounts}");
    for (place, kind) in [
        ("/", "overlay"),
        ("/opt/weka", "overlay"),
        ("/sys", "overlay"),
    ] {
        let shown = second.run(&format!("df --output=fstype {place} | tail -n 1"));
        assert_eq!(shown.trim(), kind, "{place}");
    }
    second.run("mount -o remount,size=900m /run/lab/files");
    let free = |server: &crate::lab::Server| -> u64 {
        let shown = server.run("df -P -k / | awk 'NR == 2 { print $4 }'");
        shown.trim().parse().expect("a number")
    };
    assert!(free(second) < 900 * 1024);
    assert!(free(first) > 19 * 1024 * 1024);
}

fn a_port_that_is_open_is_so_from_every_server() {
    let lab = Lab::new("ports", 2);
    lab.set_cluster(&lab.healthy(), &[]);
    let ask = |port: u16| {
        let line = format!("bash -c '</dev/tcp/weka-02/{port}'");
        lab.servers()
            .iter()
            .map(|s| s.exec(&line).status)
            .collect::<Vec<_>>()
    };
    for port in [14_000, 14_200, 14_300] {
        assert_eq!(ask(port), [Some(0), Some(0)], "{port}");
    }
    lab.server(2).stop_listening(14_200);
    assert_eq!(ask(14_200), [Some(1), Some(1)]);
    assert_eq!(ask(14_000), [Some(0), Some(0)]);
}

fn two_labs_stand_side_by_side() {
    let labs = [Lab::new("side-a", 2), Lab::new("side-b", 2)];
    labs[1].server(2).set_hostname("other");
    for (lab, name) in labs.iter().zip(["weka-02", "other"]) {
        let answer = lab.server(1).run(&ssh(&lab.server(2).ipv4(), "hostname"));
        assert_eq!(answer.trim(), name);
    }
    // No link joins a lab with the machine, or with another lab.
    assert_eq!(
        labs[0].server(1).run("ls /proc/sys/net/ipv4/conf").trim(),
        "all\ndefault\neth0\nlo"
    );
    assert!(
        labs[0]
            .server(1)
            .run("ip route")
            .lines()
            .all(|r| r.starts_with("10.77.0.0/24 "))
    );
}

fn the_log_of_sshd_counts_connections_and_sessions() {
    let lab = Lab::new("count", 2);
    let (first, second) = (lab.server(1), lab.server(2));
    assert_eq!((second.connections(), second.sessions()), (0, 0));
    first.run(&ssh("weka-02", "true"));
    assert_eq!((second.connections(), second.sessions()), (1, 1));
    // One connection without a session, and one with two.
    first.run("bash -c 'exec 3<>/dev/tcp/weka-02/22; read -r <&3'");
    first.run(
        "ssh -o ControlMaster=yes -o ControlPath=/tmp/mux -fN weka-02; \
         ssh -o ControlPath=/tmp/mux weka-02 true; ssh -o ControlPath=/tmp/mux weka-02 true; \
         ssh -o ControlPath=/tmp/mux -O exit weka-02",
    );
    assert_eq!(second.sessions(), 3);
    assert_eq!(second.connections(), 3);
    assert_eq!(first.connections(), 0);
}

fn units_are_shown_as_systemctl_shows_them() {
    let lab = Lab::new("units", 1);
    let server = lab.server(1);
    server.set_unit("rpc-statd.service", true, true);
    let shown = server.run(
        "systemctl show -p Id,LoadState,ActiveState,SubState,UnitFileState \
         weka-agent.service rpc-statd gone.service",
    );
    assert_eq!(
        shown,
        "Id=weka-agent.service\nLoadState=loaded\nActiveState=active\nSubState=running\nUnitFileState=enabled\n\n\
         Id=rpc-statd.service\nLoadState=loaded\nActiveState=active\nSubState=running\nUnitFileState=enabled\n\n\
         Id=gone.service\nLoadState=not-found\nActiveState=inactive\nSubState=dead\nUnitFileState=\n"
    );
    assert_eq!(
        server.run("systemctl show -p ActiveState rpc-statd-notify"),
        "ActiveState=inactive\n"
    );
    assert_eq!(server.exec("systemctl is-active gone").status, Some(3));
    // What the stand-in does not know must not pass for an answer.
    assert_eq!(server.exec("systemctl restart weka-agent").status, Some(64));
}

fn space_is_what_was_set() {
    let lab = Lab::new("space", 2);
    let server = lab.server(2);
    server.set_opt_weka_size(3 * 1024);
    server.set_data_size("compute0", 2 * 1024);
    let shown = lab.server(1).run(&ssh(
        "weka-02",
        "df -P -k /opt/weka /opt/weka/data/compute0",
    ));
    let rows: Vec<Vec<&str>> = shown
        .lines()
        .map(|l| l.split_whitespace().collect())
        .collect();
    assert_eq!(rows.len(), 3, "{shown}");
    for row in &rows[1..] {
        assert_eq!((row[1], row[5]), ("3145728", "/opt/weka"), "{shown}");
    }
    let used = server.run("du -s -k --apparent-size /opt/weka/data/compute0/");
    let kib: u64 = used
        .split('\t')
        .next()
        .and_then(|n| n.parse().ok())
        .expect("a size");
    // The directory itself counts too.
    assert!((2_097_152..2_097_200).contains(&kib), "{used}");
}

fn a_clock_goes_wrong_by_what_was_set() {
    let lab = Lab::new("clock", 2);
    let ask = || -> f64 {
        let answer = lab.server(1).run(&ssh("weka-02", "date +%s.%N"));
        answer.trim().parse().expect("a number of seconds")
    };
    let now = || {
        let since = std::time::SystemTime::UNIX_EPOCH.elapsed();
        since.expect("a clock after 1970").as_secs_f64()
    };
    assert!((ask() - now()).abs() < 2.0);
    for offset in [-7, 61] {
        lab.server(2).set_clock_offset(offset);
        assert!((ask() - now() - f64::from(i32::try_from(offset).expect("small"))).abs() < 2.0);
    }
}

fn the_stand_in_for_weka_plays_its_server_and_notes_its_calls() {
    let lab = Lab::named("weka", &["weka-01", "twin", "twin"]);
    let mut cluster = lab.healthy();
    if let Some(server) = cluster.server_mut("weka-03") {
        let unit = checker_simulator::model::Unit::new("loaded", "active", "running", "enabled");
        server.units.insert("rpc-statd.service".to_owned(), unit);
        server.add_local(
            "ganesha",
            "ganesha",
            &"4.4.21.2".parse().expect("a release"),
        );
    }
    let refusal = checker_simulator::Behaviour {
        exit: Some(7),
        ..checker_simulator::Behaviour::of("alerts")
    };
    lab.set_cluster(&cluster, &[refusal]);
    let first = lab.server(1);
    let status: serde_json::Value =
        serde_json::from_str(&first.run(&ssh("twin", "weka status -J"))).expect("a status");
    assert_eq!(status["release"], "4.4.21.2");
    // Which server it plays is told by its address, since the name is another's too.
    let local = |n| {
        lab.server(1)
            .run(&ssh(&lab.server(n).ipv4(), "weka local ps -J"))
    };
    assert!(!local(2).contains("ganesha") && local(3).contains("ganesha"));
    let active = |n: usize| lab.server(n).run("systemctl show -p ActiveState rpc-statd");
    assert_eq!(
        [active(2), active(3)],
        ["ActiveState=inactive\n", "ActiveState=active\n"]
    );
    assert_eq!(lab.server(3).exec("weka alerts -J").status, Some(7));

    lab.server(2).add_user_with_sudo("operator", true);
    first.run(&ssh("operator@10.77.0.12", "weka status -J"));
    let calls: Vec<_> = lab
        .weka_calls()
        .into_iter()
        .map(|c| (c.line(), c.server))
        .collect();
    let expected = [
        ("status -J", "weka-02"),
        ("local ps -J", "weka-02"),
        ("local ps -J", "weka-03"),
        ("alerts -J", "weka-03"),
        ("status -J", "weka-02"),
    ];
    assert_eq!(
        calls,
        expected.map(|(line, server)| (line.to_owned(), server.to_owned()))
    );
    lab.server(2).remove_weka();
    assert_eq!(
        first.exec(&ssh("10.77.0.12", "weka status -J")).status,
        Some(127)
    );
}

fn a_stopped_sshd_refuses() {
    let lab = Lab::new("refuse", 2);
    lab.server(2).stop_sshd();
    let answer = lab.server(1).exec(&ssh("weka-02", "true"));
    assert!(answer.stderr.contains("Connection refused"), "{answer:?}");
    lab.server(2).start_sshd();
    lab.server(1).run(&ssh("weka-02", "true"));
}

fn a_server_that_is_off_is_not_found() {
    let lab = Lab::new("off", 2);
    lab.server(2).power_off();
    let answer = lab
        .server(1)
        .exec("ssh -o BatchMode=yes -o ConnectTimeout=20 weka-02 true");
    assert!(answer.stderr.contains("No route to host"), "{answer:?}");
}

fn a_black_hole_swallows_connections() {
    let lab = Lab::new("hole", 3);
    lab.server(2).black_hole(lab.servers());
    for address in [lab.server(2).ipv4(), lab.server(2).ipv6()] {
        let begun = Instant::now();
        let answer = lab.server(1).exec(&format!(
            "ssh -o BatchMode=yes -o ConnectTimeout=5 {address} true"
        ));
        // Longer than it takes to find out that an address is gone.
        assert!(begun.elapsed() > Duration::from_secs(4), "{answer:?}");
        assert!(answer.stderr.contains("Connection timed out"), "{answer:?}");
    }
    lab.server(1).run(&ssh("weka-03", "true"));
}

fn a_silent_listener_accepts_and_says_nothing() {
    let lab = Lab::new("silent", 2);
    lab.server(2).silent_listener();
    let begun = Instant::now();
    let answer = lab.server(1).exec(&ssh("weka-02", "true"));
    assert!(begun.elapsed() > Duration::from_millis(1500), "{answer:?}");
    assert!(
        answer.stderr.contains("timed out during banner exchange"),
        "{answer:?}"
    );
    let answer = lab.server(1).exec(&ssh(&lab.server(2).ipv6(), "true"));
    assert!(
        answer.stderr.contains("timed out during banner exchange"),
        "{answer:?}"
    );
}

fn a_changed_host_key_is_noticed() {
    let lab = Lab::new("key", 2);
    lab.server(2).change_host_key();
    let answer = lab.server(1).exec(&ssh("weka-02", "true"));
    assert!(
        answer
            .stderr
            .contains("REMOTE HOST IDENTIFICATION HAS CHANGED"),
        "{answer:?}"
    );
}

fn a_noisy_profile_and_a_banner_are_heard() {
    let lab = Lab::new("noise", 2);
    lab.server(2).noisy_profile();
    lab.server(2).banner();
    let answer = lab.server(1).exec(&ssh("weka-02", "echo answer"));
    assert!(answer.stdout.contains("Welcome to {weka}!"), "{answer:?}");
    assert!(answer.stdout.ends_with("answer\n"), "{answer:?}");
    assert!(answer.stderr.contains("Authorized use only"), "{answer:?}");
    assert!(answer.stderr.contains("quota: exceeded"), "{answer:?}");
}

fn a_session_dies_in_the_middle_of_the_script() {
    let lab = Lab::new("dies", 2);
    lab.server(2).dies_in_script();
    let line = format!(
        // Time for what was printed to get out.
        "echo 'echo before; sleep 1; systemctl show; echo after' | {}",
        ssh("weka-02", "sh -s")
    );
    let answer = lab.server(1).exec(&line);
    assert_eq!(
        (answer.status, answer.stdout.as_str()),
        (Some(255), "before\n"),
        "{answer:?}"
    );
    // The server itself lives on.
    lab.server(1).run(&ssh("weka-02", "true"));
}

fn a_server_vanishes_in_the_middle_of_the_script() {
    let lab = Lab::new("vanishes", 2);
    lab.server(2).vanishes_in_script();
    let line = format!(
        "echo 'echo before; systemctl show; echo after' | timeout 3 {}",
        ssh("weka-02", "sh -s")
    );
    let answer = lab.server(1).exec(&line);
    assert_eq!(
        (answer.status, answer.stdout.as_str()),
        (Some(124), "before\n"),
        "{answer:?}"
    );
}

fn sudo_asks_for_a_password_or_does_not() {
    let lab = Lab::new("sudo", 3);
    lab.server(2).add_user_with_sudo("operator", true);
    lab.server(3).add_user_with_sudo("operator", false);
    let first = lab.server(1);
    assert_eq!(first.run(&ssh("operator@weka-02", "id -u")).trim(), "1000");
    assert_eq!(
        first.run(&ssh("operator@weka-02", "sudo -n id -u")).trim(),
        "0"
    );
    let answer = first.exec(&ssh("operator@weka-03", "sudo -n id -u"));
    assert_eq!(answer.status, Some(1), "{answer:?}");
    assert!(
        answer.stderr.contains("a password is required"),
        "{answer:?}"
    );
}

// ---- nothing stays ----

/// Everything of a lab ends with its first processes, but not in the same
/// instant: the kernel takes a moment for the last.
#[track_caller]
fn assert_gone(traces: &Traces) {
    assert!(!traces.namespaces.is_empty());
    let begun = Instant::now();
    loop {
        let leftovers = traces.leftovers();
        if leftovers == Leftovers::default() {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(5), "{leftovers:#?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A lab in full swing: an open session, a hanging command, a listener.
fn busy_lab(name: &str) -> Lab {
    let lab = Lab::new(name, 3);
    lab.server(2).hangs_in("systemctl");
    lab.server(1)
        .run("ssh -f weka-02 'systemctl show' >/dev/null 2>&1");
    lab.server(3).silent_listener();
    lab
}

fn nothing_is_left_of_a_lab() {
    let before = links();
    let lab = busy_lab("gone");
    let traces = lab.traces();
    // Three servers with four namespaces each, and the switch's network.
    assert_eq!(traces.namespaces.len(), 13);
    let during = traces.leftovers();
    assert!(
        during.processes.len() > 6 && during.files.len() == 1,
        "{during:#?}"
    );
    assert_eq!(during.mounts, Vec::<String>::new());
    drop(lab);
    assert_gone(&traces);
    assert_eq!(links(), before);
}

fn nothing_is_left_of_a_lab_whose_test_panicked() {
    let mut traces = None;
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let lab = busy_lab("panic");
        traces = Some(lab.traces());
        std::panic::resume_unwind(Box::new("a failed test"));
    }));
    assert!(panicked.is_err());
    assert_gone(&traces.expect("the lab was there"));
}

fn nothing_is_left_of_a_lab_whose_set_up_failed() {
    // The second fails while the first is up: no program can be told such a name.
    let error = Lab::try_named("set-up", &["weka-01", "weka\0-02"])
        .err()
        .expect("a failed set-up");
    assert!(error.to_string().contains("server 2"), "{error}");
    let prefix = format!("checker-lab-{}-set-up-", std::process::id());
    let left: Vec<_> = std::fs::read_dir(std::env::temp_dir())
        .expect("the temporary directory")
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(&prefix))
        .collect();
    assert!(left.is_empty(), "{left:?}");
    // The first process of a server has the directory in its environment.
    let running: Vec<_> = std::fs::read_dir("/proc")
        .expect("the processes")
        .flatten()
        .filter_map(|entry| std::fs::read(entry.path().join("environ")).ok())
        .filter(|environment| String::from_utf8_lossy(environment).contains(&prefix))
        .collect();
    assert_eq!(running.len(), 0);
}

/// The variable that makes this program an owner to be killed.
const OWNER: &str = "CHECKER_LAB_OWNER_TO_BE_KILLED";

pub(crate) fn is_owner_to_be_killed() -> bool {
    std::env::var_os(OWNER).is_some()
}

pub(crate) fn own_a_lab_until_killed() -> ! {
    let lab = busy_lab("killed");
    writeln!(std::io::stdout(), "{}", lab.traces().to_line()).expect("somebody reads");
    loop {
        std::thread::park();
    }
}

fn nothing_is_left_of_a_lab_whose_owner_was_killed() {
    let mut owner = Command::new(std::env::current_exe().expect("this program"))
        .env(OWNER, "yes")
        .stdout(Stdio::piped())
        .spawn()
        .expect("this program runs");
    let mut line = String::new();
    BufReader::new(owner.stdout.take().expect("its output is piped"))
        .read_line(&mut line)
        .expect("a line");
    let mut traces = Traces::from_line(&line);
    assert_eq!(traces.namespaces.len(), 13, "{line:?}");
    owner.kill().expect("it can be killed");
    owner.wait().expect("it has ended");
    // Its directory stays until the next lab is made.
    let directory = std::mem::take(&mut traces.directory);
    let begun = Instant::now();
    while !traces.leftovers().processes.is_empty() {
        assert!(
            begun.elapsed() < Duration::from_secs(5),
            "{:#?}",
            traces.leftovers()
        );
        std::thread::sleep(Duration::from_millis(5));
    }
    drop(Lab::new("sweeper", 1));
    traces.directory = directory;
    assert_gone(&traces);
}
