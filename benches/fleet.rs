//! What a check of many servers costs, against plain `ssh` to the same servers.
//!
//! In one run, one after the other and several times over: a full check by
//! the release build of `checker`; one sweep of `ssh HOST true`; one sweep of
//! `ssh HOST sh -s` with the probe script that the check itself sends. Every
//! server is a namespace with a real `sshd`; the tool runs on one more, which
//! is not of the cluster, so that all servers are reached over the network.
//!
//! `make bench` runs it; numbers of servers can be given as arguments.

#[path = "../tests/lab/mod.rs"]
#[expect(
    dead_code,
    unused_imports,
    reason = "a lab can do more than a measurement needs"
)]
mod lab;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use lab::Lab;

/// How many at once, in the sweeps and in the check.
const AT_ONCE: usize = 64;

/// Without arguments.
const SIZES: [usize; 3] = [5, 25, 100];

/// How often the script runs on one server to learn what it costs.
const SCRIPT_RUNS: u32 = 20;

/// What is measured at one number of servers.
struct Row {
    servers: usize,
    check: Duration,
    ssh_true: Duration,
    ssh_script: Duration,
    script_cpu: Duration,
    peak_kib: u64,
}

fn main() -> ExitCode {
    let mut out = std::io::stdout();
    let missing = lab::missing();
    if !missing.is_empty() {
        let _ = writeln!(out, "nothing was measured: needs {}", missing.join(", "));
        return ExitCode::FAILURE;
    }
    // Cargo adds `--bench`.
    let asked: Vec<usize> = std::env::args().filter_map(|a| a.parse().ok()).collect();
    let sizes = if asked.is_empty() {
        SIZES.to_vec()
    } else {
        asked
    };
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let _ = writeln!(
        out,
        "A full check against plain ssh, {AT_ONCE} at a time, medians; {cores} cores, \
         which the servers share with the tool\n\n\
         servers   check  ssh true  ssh script  check/true  check/script  script CPU  peak memory"
    );
    for servers in sizes {
        let row = measure(servers);
        let ratio = |of: Duration| row.check.as_secs_f64() / of.as_secs_f64();
        let _ = writeln!(
            out,
            "{:>7} {:>6.2}s {:>8.2}s {:>10.2}s {:>11.2} {:>13.2} {:>8.1} ms {:>8.1} MiB",
            row.servers,
            row.check.as_secs_f64(),
            row.ssh_true.as_secs_f64(),
            row.ssh_script.as_secs_f64(),
            ratio(row.ssh_true),
            ratio(row.ssh_script),
            row.script_cpu.as_secs_f64() * 1000.0,
            row.peak_kib as f64 / 1024.0,
        );
    }
    let _ = writeln!(
        out,
        "\nallowed at 100:                          2.00          0.80     50.0 ms     64.0 MiB"
    );
    ExitCode::SUCCESS
}

fn measure(servers: usize) -> Row {
    let lab = Lab::new("bench", servers + 1);
    let backends = &lab.servers()[1..];
    lab.set_cluster(&Lab::healthy_on("4.4.21.2", backends), &[]);
    let first = lab.server(1);
    let hosts: String = backends.iter().map(|s| s.ipv4() + "\n").collect();
    first.write("/root/hosts", &hosts, 0o644);
    first.run("checker probe-script >/root/script");
    for backend in backends.iter().take(1) {
        backend.write("/root/script", &first.read("/root/script"), 0o644);
    }

    let rounds = if servers > 50 { 5 } else { 9 };
    let (mut checks, mut trues, mut scripts) = (Vec::new(), Vec::new(), Vec::new());
    let mut peak_kib = 0;
    // The first round warms up what is read from the disk and is not counted.
    for round in 0..=rounds {
        let (check, peak) = time_check(&lab, servers);
        let ssh_true = time(|| {
            first.run(&sweep("true </dev/null"));
        });
        let ssh_script = time(|| {
            first.run(&sweep("sh -s </root/script"));
        });
        if round > 0 {
            checks.push(check);
            trues.push(ssh_true);
            scripts.push(ssh_script);
            peak_kib = peak_kib.max(peak);
        }
    }
    Row {
        servers,
        check: median(checks),
        ssh_true: median(trues),
        ssh_script: median(scripts),
        script_cpu: script_cpu(&lab.servers()[1]),
        peak_kib,
    }
}

/// One sweep over all servers. A server that fails ends it with an error.
fn sweep(command: &str) -> String {
    format!(
        "xargs -P {AT_ONCE} -n 1 -a /root/hosts \
         sh -c 'exec ssh -o BatchMode=yes \"$0\" {command} >/dev/null 2>&1'"
    )
}

fn time(work: impl FnOnce()) -> Duration {
    let begun = Instant::now();
    work();
    begun.elapsed()
}

/// The time of one full check, and the tool's peak memory in KiB.
fn time_check(lab: &Lab, servers: usize) -> (Duration, u64) {
    let first = lab.server(1);
    let directory = first.run("mktemp -d /tmp/bench-XXXXXX").trim().to_owned();
    let done = AtomicBool::new(false);
    let (elapsed, status, peak) = std::thread::scope(|scope| {
        let watcher = scope.spawn(|| watch_memory(&first.path("/proc"), &done));
        let begun = Instant::now();
        let status = first
            .command("sh")
            .args(["-c", r#"cd "$1" && exec checker --target-version 4.4.33 --format json --parallel "$2" >report.json"#])
            .args(["sh", &directory, &AT_ONCE.to_string()])
            .stderr(Stdio::null())
            .status();
        let elapsed = begun.elapsed();
        done.store(true, Ordering::Relaxed);
        (elapsed, status, watcher.join().unwrap_or(0))
    });
    let status = status.expect("nsenter runs").code();
    let report: serde_json::Value =
        serde_json::from_str(&first.read(&format!("{directory}/report.json"))).expect("a report");
    // Nothing is measured by a check that was not one.
    let reached = report["servers"]
        .as_array()
        .map_or(0, |all| all.iter().filter(|s| s["reached"] == true).count());
    assert_eq!(reached, servers, "exit status {status:?}");
    // The cores that the simulated containers have are not those of this machine.
    let open = report["results"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|r| r["outcome"] == "unknown" && r["check"] != "server/cpu-frequency");
    assert!(open.is_none(), "{open:#?}");
    (elapsed, peak)
}

/// The highest peak that any process called `checker` has had, in KiB, until
/// it is done. The kernel keeps the peak, so looking now and then suffices.
fn watch_memory(proc: &Path, done: &AtomicBool) -> u64 {
    let mut peak = 0;
    let mut found: Option<PathBuf> = None;
    while !done.load(Ordering::Relaxed) {
        if found.is_none() {
            found = fs::read_dir(proc)
                .into_iter()
                .flatten()
                .flatten()
                .map(|entry| entry.path())
                .find(|path| fs::read_to_string(path.join("comm")).is_ok_and(|c| c == "checker\n"));
        }
        let status = found
            .as_ref()
            .and_then(|path| fs::read_to_string(path.join("status")).ok())
            .unwrap_or_default();
        let kib = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .and_then(|rest| rest.trim().trim_end_matches(" kB").parse().ok())
            .unwrap_or(0);
        peak = peak.max(kib);
        std::thread::sleep(Duration::from_millis(2));
    }
    peak
}

/// The CPU time of one run of the script on a server, with all that it starts.
fn script_cpu(server: &lab::Server) -> Duration {
    let line = format!(
        "TIMEFORMAT='%U %S'; time for n in $(seq {SCRIPT_RUNS}); do sh -s </root/script >/dev/null 2>&1; done"
    );
    let output = server
        .command("bash")
        .args(["-c", &line])
        .output()
        .expect("nsenter runs");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let seconds: f64 = text
        .split_whitespace()
        .filter_map(|word| word.parse::<f64>().ok())
        .sum();
    assert!(seconds > 0.0, "{text}");
    Duration::from_secs_f64(seconds) / SCRIPT_RUNS
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
