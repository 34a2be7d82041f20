//! The built binary upgrades a simulated cluster, and is ended in every way
//! that there is: it is gone on with, and the cluster is upgraded once.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use checker_simulator::{Scenario, StandinState, write_state};
use rstest::rstest;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use serde_json::Value;
use tempfile::TempDir;

const GUID: &str = "5516e58b-4754-4bed-bcc0-e76e7c6bd685";
const LONG: Duration = Duration::from_secs(120);

/// A rehearsal in a directory of its own.
struct Rehearsal {
    dir: TempDir,
    scenario: &'static str,
    /// Milliseconds between two steps of a command.
    pace: &'static str,
}

struct Ended {
    status: i32,
    out: String,
    err: String,
}

impl Ended {
    #[track_caller]
    fn with(self, status: i32, words: &str) -> Self {
        let all = format!("{}\n{}", self.out, self.err);
        assert_eq!(self.status, status, "{all}");
        assert!(all.contains(words), "no {words:?} in {all}");
        self
    }
}

fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < LONG, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn pid(child: &Child) -> Pid {
    Pid::from_child(child)
}

impl Rehearsal {
    fn of(scenario: &'static str, pace: &'static str) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        Self {
            dir,
            scenario,
            pace,
        }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_checker"));
        command
            .args(arguments)
            .current_dir(self.dir.path())
            .env_clear()
            .env("HOME", self.dir.path())
            .env("PATH", "/usr/bin:/bin")
            .stdin(Stdio::null());
        command
    }

    fn arguments<'a>(&'a self, more: &[&'a str]) -> Vec<&'a str> {
        let state = self.dir.path().to_str().expect("UTF-8");
        let mut all = vec!["upgrade", "--simulate", self.scenario, "--state-dir", state];
        if !more.contains(&"status") {
            all.extend(["-t", "4.4.33", "--yes", "--no-bundle", "--pace", self.pace]);
        } else {
            all = vec![
                "upgrade",
                "status",
                "--simulate",
                self.scenario,
                "--state-dir",
                state,
            ];
        }
        all.extend(more.iter().filter(|word| **word != "status"));
        all
    }

    fn file(&self, name: &str) -> File {
        File::create(self.dir.path().join(name)).expect("a file")
    }

    fn start(&self, more: &[&str]) -> Child {
        self.command(&self.arguments(more))
            .stdout(self.file("out"))
            .stderr(self.file("err"))
            .spawn()
            .expect("it runs")
    }

    fn ended(&self, child: &mut Child) -> Ended {
        let status: ExitStatus = until("its end", || child.try_wait().expect("waited for"));
        let text =
            |name: &str| std::fs::read_to_string(self.dir.path().join(name)).expect("readable");
        Ended {
            status: status.code().unwrap_or(-1),
            out: text("out"),
            err: text("err"),
        }
    }

    fn run(&self, more: &[&str]) -> Ended {
        self.ended(&mut self.start(more))
    }

    fn home(&self) -> PathBuf {
        self.dir.path().join("rehearsals").join(self.scenario)
    }

    fn journal(&self) -> Option<PathBuf> {
        let files = std::fs::read_dir(self.home().join(GUID)).ok()?.flatten();
        let journals = files.map(|f| f.path());
        journals
            .filter(|p| p.extension().is_some_and(|e| e == "jsonl"))
            .max()
    }

    fn lines(&self) -> Vec<Value> {
        let text = self
            .journal()
            .and_then(|path| std::fs::read_to_string(path).ok());
        let text = text.unwrap_or_default();
        text.split_inclusive('\n')
            .filter(|line| line.ends_with('\n'))
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect()
    }

    /// Kills the tool as soon as its journal has so many lines; whether it was
    /// in time.
    fn kill_at(&self, child: &mut Child, lines: usize) -> bool {
        until("the line", || {
            let over = child.try_wait().expect("waited for").is_some();
            (over || self.lines().len() >= lines).then_some(())
        });
        let killed = kill_process(pid(child), Signal::KILL).is_ok();
        let status = child.wait().expect("waited for");
        killed && status.code().is_none()
    }

    fn job(&self, step: &str) -> Option<PathBuf> {
        let jobs = std::fs::read_dir(self.home().join("jobs")).ok()?.flatten();
        let of_step = jobs.map(|d| d.path()).filter(|d| {
            let name = d
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            name.contains(&format!("-{step}-"))
        });
        of_step.max()
    }

    /// Waits until the upgrade of the backends runs, and has done something.
    fn in_the_middle(&self, containers: usize) -> PathBuf {
        until("containers", || {
            let job = self.job("backends")?;
            let text = std::fs::read_to_string(job.join("output")).ok()?;
            (text.matches("Finished upgrade of weka-").count() >= containers).then_some(job)
        })
    }

    fn status(&self) -> Value {
        let output = self
            .command(&self.arguments(&["status", "--format", "json"]))
            .output()
            .expect("it runs");
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice(&output.stdout).expect("JSON")
    }

    fn status_text(&self) -> String {
        let output = self
            .command(&self.arguments(&["status"]))
            .output()
            .expect("it runs");
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    #[track_caller]
    fn assert_status(&self, state: &str, next: &str) {
        let status = self.status();
        assert_eq!(status["state"], state, "{status:#}");
        let words = status["next"].as_str().expect("words");
        assert!(words.contains(next), "{status:#}");
        assert_eq!(status["holder"].is_null(), state != "running", "{status:#}");
    }

    /// The cluster runs the release, and no container was upgraded twice.
    #[track_caller]
    fn assert_upgraded(&self) {
        let state = StandinState::read(&self.home().join("cluster.json")).expect("readable");
        assert_eq!(state.cluster.release.to_string(), "4.4.33");
        assert_eq!(state.cluster.upgrade.phase, "");
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for job in std::fs::read_dir(self.home().join("jobs"))
            .expect("jobs")
            .flatten()
        {
            let text = std::fs::read_to_string(job.path().join("output")).expect("readable");
            for line in text
                .lines()
                .filter(|l| l.starts_with("Finished upgrade of weka-"))
            {
                *counts.entry(line.to_owned()).or_insert(0) += 1;
            }
        }
        assert_eq!(counts.len(), 24, "{counts:?}");
        counts.retain(|_, n| *n > 1);
        assert!(counts.is_empty(), "{counts:?}");
        self.assert_status("finished", "Nothing");
    }

    #[track_caller]
    fn goes_on(&self) {
        self.run(&["--resume"])
            .with(0, "UPGRADED: the cluster runs 4.4.33, verified.");
        self.assert_upgraded();
    }
}

impl Drop for Rehearsal {
    fn drop(&mut self) {
        // A failed test leaves no command behind.
        if let Some(process) = self.job("backends").map(|job| job.join("process"))
            && std::thread::panicking()
            && let Some(group) = group(&process)
        {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

fn group(process: &Path) -> Option<Pid> {
    let text = std::fs::read_to_string(process).ok()?;
    Pid::from_raw(text.split(' ').next()?.parse().ok()?)
}

/// An undisturbed rehearsal writes this many lines.
const LINES: usize = 24;

#[rstest]
#[case(0)]
#[case(1)]
#[case(2)]
#[case(3)]
fn killed_at_every_line_of_the_journal(#[case] part: usize) {
    for at in (1..=LINES).filter(|n| n % 4 == part) {
        let rehearsal = Rehearsal::of("healthy", "2");
        let mut child = rehearsal.start(&[]);
        let killed = rehearsal.kill_at(&mut child, at);
        if !killed {
            // It was quicker; only the last lines come together.
            assert!(at + 2 > LINES, "line {at}");
            rehearsal.assert_upgraded();
            continue;
        }
        let lines = rehearsal.lines();
        let last = lines.last().expect("a line");
        if last["entry"] == "finished" {
            rehearsal.assert_upgraded();
            continue;
        }
        rehearsal.assert_status(
            "interrupted",
            "`checker upgrade --resume --target-version 4.4.33`",
        );
        let text = rehearsal.status_text();
        assert!(
            text.starts_with(
                "The upgrade 4.4.21.2 → 4.4.33 is not finished; no checker works on it"
            ),
            "{text}"
        );
        if last["entry"] == "job"
            && last["step"] == "backends"
            && rehearsal.job("backends").is_some()
        {
            // The command outlives the tool.
            rehearsal.in_the_middle(24);
        }
        rehearsal.goes_on();
    }
}

#[test]
fn killed_again_and_again() {
    let rehearsal = Rehearsal::of("ndu-computes-cleanup", "2");
    let mut child = rehearsal.start(&[]);
    let mut kills = 0;
    while rehearsal.kill_at(&mut child, rehearsal.lines().len().max(1) + 11) {
        kills += 1;
        assert!(kills < 60, "{:#?}", rehearsal.lines());
        child = rehearsal.start(&["--resume"]);
    }
    assert!(kills > 2, "{kills}");
    rehearsal.ended(&mut child).with(0, "UPGRADED");
    rehearsal.assert_upgraded();
}

#[test]
fn a_second_one_is_refused() {
    let rehearsal = Rehearsal::of("healthy", "40");
    let mut child = rehearsal.start(&[]);
    rehearsal.in_the_middle(2);
    rehearsal.assert_status("running", "Nothing");
    let words = format!("process {} on ", child.id());
    for more in [&[][..], &["--resume"]] {
        let output = rehearsal
            .command(&rehearsal.arguments(more))
            .output()
            .expect("it runs");
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.contains(&words), "{text}");
    }
    // The first one did not lose its cluster.
    rehearsal.ended(&mut child).with(0, "UPGRADED");
    rehearsal.assert_upgraded();
}

#[test]
fn the_command_is_killed() {
    let rehearsal = Rehearsal::of("healthy", "40");
    let mut child = rehearsal.start(&[]);
    let job = rehearsal.in_the_middle(8);
    let group = group(&job.join("process")).expect("a process");
    kill_process_group(group, Signal::KILL).expect("killed");
    rehearsal
        .ended(&mut child)
        .with(10, "the upgrade command was ended from outside");
    rehearsal.assert_status("stopped", "with --resume");
    rehearsal.goes_on();
}

#[test]
fn only_the_shell_of_the_command_is_killed() {
    let rehearsal = Rehearsal::of("healthy", "40");
    let mut child = rehearsal.start(&[]);
    let job = rehearsal.in_the_middle(4);
    let shell = group(&job.join("process")).expect("a process");
    kill_process(shell, Signal::KILL).expect("killed");
    // What it ran goes on, and is waited for; how it ended nobody knows.
    let ended = rehearsal.ended(&mut child);
    let state = StandinState::read(&rehearsal.home().join("cluster.json")).expect("readable");
    assert_eq!(state.cluster.release.to_string(), "4.4.33", "{}", ended.err);
    ended.with(10, "was ended from outside: 18 of 18");
    rehearsal.goes_on();
}

#[test]
fn the_tool_and_the_command_are_killed() {
    let rehearsal = Rehearsal::of("healthy", "40");
    let mut child = rehearsal.start(&[]);
    let job = rehearsal.in_the_middle(4);
    kill_process(pid(&child), Signal::KILL).expect("killed");
    kill_process_group(group(&job.join("process")).expect("one"), Signal::KILL).expect("killed");
    child.wait().expect("waited for");
    rehearsal.assert_status("interrupted", "--resume");
    rehearsal.goes_on();
}

#[rstest]
#[case::cut_in_half(false)]
#[case::lost(true)]
fn the_journal_is_damaged_while_the_command_runs(#[case] lost: bool) {
    let rehearsal = Rehearsal::of("healthy", "20");
    let mut child = rehearsal.start(&[]);
    rehearsal.in_the_middle(2);
    kill_process(pid(&child), Signal::KILL).expect("killed");
    child.wait().expect("waited for");
    let journal = rehearsal.journal().expect("a journal");
    if lost {
        std::fs::remove_file(&journal).expect("removed");
        rehearsal.assert_status("interrupted", "No journal tells of it");
    } else {
        let bytes = std::fs::read(&journal).expect("readable");
        std::fs::write(&journal, &bytes[..bytes.len() - 40]).expect("written");
        rehearsal.assert_status("interrupted", "--resume");
    }
    rehearsal.goes_on();
}

#[test]
fn a_journal_without_a_line_is_begun_in() {
    let rehearsal = Rehearsal::of("healthy", "2");
    let mut child = rehearsal.start(&[]);
    rehearsal.kill_at(&mut child, 1);
    let journal = rehearsal.journal().expect("a journal");
    std::fs::write(&journal, "{\"v\":1,").expect("written");
    rehearsal.goes_on();
}

#[rstest]
#[case::term(Signal::TERM)]
#[case::hup(Signal::HUP)]
#[case::int_without_a_terminal(Signal::INT)]
fn who_leaves_can_come_back(#[case] signal: Signal) {
    let rehearsal = Rehearsal::of("healthy", "40");
    let mut child = rehearsal.start(&[]);
    rehearsal.in_the_middle(2);
    kill_process(pid(&child), signal).expect("sent");
    rehearsal.ended(&mut child).with(10, "LEFT in hop 1");
    rehearsal.assert_status("interrupted", "--resume");
    // The command goes on meanwhile.
    rehearsal.in_the_middle(6);
    rehearsal.goes_on();
}

/// The tool on a terminal of its own, with `script`.
fn on_a_terminal(rehearsal: &Rehearsal) -> Child {
    let words = rehearsal.arguments(&[]);
    let line = words.join(" ");
    let line = format!("exec {} {line}", env!("CARGO_BIN_EXE_checker"));
    Command::new("script")
        .args(["-qefc", &line, "/dev/null"])
        .current_dir(rehearsal.dir.path())
        .env("HOME", rehearsal.dir.path())
        .env("TERM", "dumb")
        .env("SHELL", "/bin/sh")
        .stdin(Stdio::piped())
        .stdout(rehearsal.file("out"))
        .stderr(rehearsal.file("err"))
        .spawn()
        .expect("script is part of util-linux")
}

#[rstest]
#[case::once(1, 0, "UPGRADED: the cluster runs 4.4.33")]
#[case::twice(2, 10, "LEFT in hop 1")]
fn ctrl_c_at_a_terminal(#[case] times: usize, #[case] status: i32, #[case] words: &str) {
    let rehearsal = Rehearsal::of("healthy", "40");
    let mut child = on_a_terminal(&rehearsal);
    let mut keys = child.stdin.take().expect("keys");
    rehearsal.in_the_middle(2);
    for _ in 0..times {
        keys.write_all(b"\x03").expect("pressed");
        keys.flush().expect("pressed");
        std::thread::sleep(Duration::from_millis(300));
    }
    let ended = rehearsal.ended(&mut child).with(status, words);
    assert!(
        ended.out.contains("Ctrl-C again within 10 s leaves"),
        "{}",
        ended.out
    );
    if status == 0 {
        rehearsal.assert_upgraded();
    } else {
        rehearsal.goes_on();
    }
}

#[test]
fn the_terminal_is_gone() {
    let rehearsal = Rehearsal::of("healthy", "40");
    let mut child = on_a_terminal(&rehearsal);
    rehearsal.in_the_middle(2);
    // The terminal ends with the one who holds it.
    child.kill().expect("killed");
    child.wait().expect("waited for");
    until("the lock is free", || {
        rehearsal.status()["holder"].is_null().then_some(())
    });
    rehearsal.assert_status("interrupted", "--resume");
    rehearsal.goes_on();
}

#[test]
fn in_the_background() {
    let rehearsal = Rehearsal::of("healthy", "40");
    let begun = Instant::now();
    let ended = rehearsal
        .run(&["--detach"])
        .with(0, "goes on in the background as process");
    rehearsal.in_the_middle(1);
    let status = rehearsal.status();
    assert_eq!(
        status["state"],
        "running",
        "{status:#} {:?}",
        begun.elapsed()
    );
    let holder = status["holder"].as_str().expect("a holder");
    let process = holder.split(' ').nth(1).expect("its number");
    assert!(
        ended.err.contains(&format!("as process {process}")),
        "{}",
        ended.err
    );
    until("its end", || {
        (rehearsal.status()["state"] != "running").then_some(())
    });
    let said = std::fs::read_to_string(rehearsal.home().join("upgrade.out")).expect("readable");
    assert!(said.contains("UPGRADED: the cluster runs 4.4.33"), "{said}");
    rehearsal.assert_upgraded();
}

#[test]
fn what_ends_in_the_background_before_the_gate_opened_is_told() {
    let rehearsal = Rehearsal::of("drive-down", "2");
    rehearsal.run(&["--detach"]).with(2, "GATE CLOSED");
    let rehearsal = Rehearsal::of("busybox", "2");
    rehearsal.run(&["--detach"]).with(3, "NOT VERIFIED");
}

#[test]
fn a_journal_that_is_damaged_in_the_middle() {
    let rehearsal = Rehearsal::of("ndu-drives-stop", "2");
    rehearsal.run(&[]).with(10, "STOPPED");
    let journal = rehearsal.journal().expect("a journal");
    let text = std::fs::read_to_string(&journal).expect("readable");
    let mut lines: Vec<&str> = text.lines().collect();
    lines[2] = "{ what is this";
    std::fs::write(&journal, lines.join("\n") + "\n").expect("written");
    let text = rehearsal.status_text();
    for words in [
        "unreadable at line 3",
        "drives: 3 of 6 containers",
        "--target-version V",
    ] {
        assert!(text.contains(words), "no {words:?} in {text}");
    }
    let status = rehearsal.status();
    assert_eq!(status["state"], "interrupted", "{status:#}");
    rehearsal
        .run(&["--resume"])
        .with(64, "--resume --target-version V");
    // As it says.
    std::fs::rename(&journal, rehearsal.dir.path().join("away")).expect("moved");
    rehearsal.goes_on();
}

#[test]
fn a_plan_leaves_the_rehearsal_as_it_is() {
    let rehearsal = Rehearsal::of("ndu-drives-stop", "2");
    rehearsal.run(&[]).with(10, "STOPPED");
    let cluster = rehearsal.home().join("cluster.json");
    let before = std::fs::read(&cluster).expect("readable");
    rehearsal
        .run(&["--dry-run"])
        .with(0, "run all checks and ask the gate");
    assert!(std::fs::read(&cluster).expect("readable") == before);
    rehearsal.goes_on();

    let other = Rehearsal::of("healthy", "2");
    other.run(&["--dry-run"]).with(0, "Hop 1");
    assert!(!other.home().exists());
}

#[rstest]
#[case::all_and_one(&["--clients", "all,20"], "`all` alone")]
#[case::no_port(&["--mgmt-port", "0"], "--mgmt-port")]
#[case::no_such_container(&["--container", "drives7"], "there are compute0, drives0, frontend0")]
#[case::no_such_package(&["--package", "none.tar"], "none.tar")]
fn options_that_can_do_nothing_are_refused_before_the_gate(
    #[case] more: &[&'static str],
    #[case] words: &str,
) {
    let rehearsal = Rehearsal::of("healthy", "2");
    let ended = rehearsal.run(more).with(64, words);
    assert!(!ended.err.contains("gate"), "{}", ended.err);
    assert!(rehearsal.journal().is_none());
}

/// What the stand-in was called with, over all jobs.
fn calls(rehearsal: &Rehearsal, log: &Path) -> (Ended, String) {
    let cluster = Scenario::parse(rehearsal.scenario)
        .expect("a scenario")
        .cluster();
    let mut state = StandinState::new(cluster);
    state.log = Some(log.to_owned());
    state.pace_ms = 0;
    std::fs::create_dir_all(rehearsal.home()).expect("made");
    write_state(&rehearsal.home().join("cluster.json"), &state).expect("written");
    // Only so is this state kept.
    let ended = rehearsal.run(&["--resume"]);
    (ended, std::fs::read_to_string(log).unwrap_or_default())
}

#[test]
fn behind_a_closed_gate_nothing_is_called() {
    let names = [
        "nfs-statd-active",
        "rebuild-started",
        "drive-down",
        "login-expired",
        "release-3.11",
        "alert-critical",
    ];
    let known: Vec<&str> = checker_simulator::scenarios()
        .into_iter()
        .map(|(n, _)| n)
        .collect();
    // A dozen of those that are no cluster and concern no running upgrade.
    let mut chosen: Vec<&'static str> = names.into_iter().filter(|n| known.contains(n)).collect();
    let others = known
        .iter()
        .filter(|n| !n.starts_with("ndu-") && !n.starts_with("release-"));
    chosen.extend(others.skip(10).step_by(9));
    let mut closed = 0;
    for scenario in chosen {
        let rehearsal = Rehearsal::of(scenario, "0");
        let log = rehearsal.dir.path().join("calls");
        let (ended, calls) = calls(&rehearsal, &log);
        if ended.status == 0 {
            assert!(!calls.is_empty());
            continue;
        }
        closed += 1;
        assert_eq!(calls, "", "{scenario}: {}", ended.out);
        if closed == 12 {
            break;
        }
    }
    assert_eq!(closed, 12);
    // The log would tell.
    let rehearsal = Rehearsal::of("healthy", "0");
    let log = rehearsal.dir.path().join("calls");
    let (ended, calls) = calls(&rehearsal, &log);
    ended.with(0, "UPGRADED");
    assert_eq!(calls.lines().count(), 4, "{calls}");
}
