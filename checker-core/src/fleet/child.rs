//! Runs a program of this machine within a deadline.

use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, Signal, kill_process_group};

use super::talk::{Stuck, Talk};
use crate::deadline::Deadline;

/// How often it is looked whether the run was interrupted, or the child has
/// ended while something that it left behind keeps its outputs open.
pub(super) const TICK: Duration = Duration::from_millis(100);

/// How long a child may take to end after SIGTERM, and after SIGKILL.
const LAST_WORDS: Duration = Duration::from_millis(300);

/// What goes to a child and comes from it.
pub(super) trait Exchange {
    fn unsent(&self) -> &[u8];
    fn sent(&mut self, count: usize, now: Instant);
    fn stdout(&mut self, bytes: &[u8], now: Instant);
    fn stderr(&mut self, bytes: &[u8], now: Instant);
    fn watch(&mut self, now: Instant) -> Result<(), Stuck>;
    fn wake_at(&self) -> Option<Instant>;
    fn finished(&self) -> bool;
}

impl Exchange for Talk {
    fn unsent(&self) -> &[u8] {
        self.unsent()
    }
    fn sent(&mut self, count: usize, now: Instant) {
        self.sent(count, now);
    }
    fn stdout(&mut self, bytes: &[u8], now: Instant) {
        self.stdout(bytes, now);
    }
    fn stderr(&mut self, bytes: &[u8], now: Instant) {
        self.stderr(bytes, now);
    }
    fn watch(&mut self, now: Instant) -> Result<(), Stuck> {
        self.watch(now)
    }
    fn wake_at(&self) -> Option<Instant> {
        self.wake_at()
    }
    fn finished(&self) -> bool {
        self.finished()
    }
}

/// Keeps both outputs of a child up to a limit, and gives it no input.
#[derive(Debug)]
pub(super) struct Capture {
    pub(super) stdout: Vec<u8>,
    pub(super) stderr: Vec<u8>,
    pub(super) truncated: bool,
    limit: usize,
}

impl Capture {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            stdout: Vec::new(),
            stderr: Vec::new(),
            truncated: false,
            limit,
        }
    }

    fn keep(kept: &mut Vec<u8>, bytes: &[u8], limit: usize) -> bool {
        let room = limit.saturating_sub(kept.len()).min(bytes.len());
        kept.extend_from_slice(&bytes[..room]);
        room < bytes.len()
    }
}

impl Exchange for Capture {
    fn unsent(&self) -> &[u8] {
        &[]
    }
    fn sent(&mut self, _: usize, _: Instant) {}
    fn stdout(&mut self, bytes: &[u8], _: Instant) {
        self.truncated |= Self::keep(&mut self.stdout, bytes, self.limit);
    }
    fn stderr(&mut self, bytes: &[u8], _: Instant) {
        self.truncated |= Self::keep(&mut self.stderr, bytes, self.limit);
    }
    fn watch(&mut self, _: Instant) -> Result<(), Stuck> {
        Ok(())
    }
    fn wake_at(&self) -> Option<Instant> {
        None
    }
    /// A program that prints without end is ended, not drained.
    fn finished(&self) -> bool {
        self.truncated
    }
}

/// How a child came to its end.
#[derive(Debug)]
pub(super) enum Ended {
    /// By itself, or after everything was said.
    Itself(ExitStatus),
    /// All was said, and it had to be ended then.
    Finished,
    /// It was ended since its time was up or the run was interrupted.
    Deadline,
    /// It was ended since its script was stuck.
    Stuck(Stuck),
}

/// Runs `command` in a process group of its own, of which nothing is left afterwards.
///
/// # Errors
/// When it could not be started, or a pipe failed.
pub(super) fn run(
    command: &mut Command,
    exchange: &mut dyn Exchange,
    deadline: &Deadline,
) -> io::Result<Ended> {
    let stdin = if exchange.unsent().is_empty() {
        Stdio::null()
    } else {
        Stdio::piped()
    };
    let mut child = command
        .stdin(stdin)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()?;
    let ended = exchange_with(&mut child, exchange, deadline);
    if !matches!(ended, Ok(Ended::Itself(_))) {
        end_group(&mut child);
    }
    ended
}

fn exchange_with(
    child: &mut Child,
    exchange: &mut dyn Exchange,
    deadline: &Deadline,
) -> io::Result<Ended> {
    let mut input = child.stdin.take();
    let (mut out, mut err) = (child.stdout.take(), child.stderr.take());
    for fd in [
        input.as_ref().map(AsFd::as_fd),
        out.as_ref().map(AsFd::as_fd),
        err.as_ref().map(AsFd::as_fd),
    ]
    .into_iter()
    .flatten()
    {
        nonblocking(fd)?;
    }
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let mut exited = None;
        if out.is_none() && err.is_none() {
            exited = wait(child, deadline);
        } else {
            let mut fds = Vec::with_capacity(3);
            if let (Some(input), false) = (&input, exchange.unsent().is_empty()) {
                fds.push(PollFd::new(input, PollFlags::OUT));
            }
            fds.extend(out.iter().map(|fd| PollFd::new(fd, PollFlags::IN)));
            fds.extend(err.iter().map(|fd| PollFd::new(fd, PollFlags::IN)));
            if poll_until(&mut fds, exchange.wake_at(), deadline)? == 0 {
                exited = child.try_wait()?;
            }
        }
        let now = Instant::now();
        // At most a buffer of each per round, so that the watch is kept.
        read(&mut out, &mut buffer, &mut |bytes| {
            exchange.stdout(bytes, now);
        });
        read(&mut err, &mut buffer, &mut |bytes| {
            exchange.stderr(bytes, now);
        });
        if let Err(stuck) = exchange.watch(now) {
            return Ok(Ended::Stuck(stuck));
        }
        if let Some(pipe) = &mut input
            && !exchange.unsent().is_empty()
        {
            match pipe.write(exchange.unsent()) {
                Ok(count) => exchange.sent(count, now),
                Err(error) if is_later(&error) => {}
                // It no longer listens; what it printed says why.
                Err(_) => input = None,
            }
        }
        if exchange.finished() {
            drop(input);
            let soon = deadline.sooner(LAST_WORDS);
            return Ok(wait(child, &soon).map_or(Ended::Finished, Ended::Itself));
        }
        if let Some(status) = exited {
            // What it left behind may hold the pipes open for ever: what is
            // in them by now is all that counts.
            for _ in 0..1024 {
                let more = read(&mut out, &mut buffer, &mut |b| exchange.stdout(b, now))
                    | read(&mut err, &mut buffer, &mut |b| exchange.stderr(b, now));
                if !more || exchange.finished() {
                    break;
                }
            }
            return Ok(Ended::Itself(status));
        }
        if deadline.passed() {
            return Ok(Ended::Deadline);
        }
    }
}

/// Reads once, and drops the pipe at its end. Whether anything came.
fn read<R: Read>(pipe: &mut Option<R>, buffer: &mut [u8], take: &mut dyn FnMut(&[u8])) -> bool {
    let Some(source) = pipe else {
        return false;
    };
    match source.read(buffer) {
        Ok(count) if count > 0 => {
            take(&buffer[..count]);
            true
        }
        Err(error) if is_later(&error) => false,
        Ok(_) | Err(_) => {
            *pipe = None;
            false
        }
    }
}

fn is_later(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

pub(super) fn nonblocking(fd: BorrowedFd<'_>) -> io::Result<()> {
    let flags = rustix::fs::fcntl_getfl(fd)?;
    Ok(rustix::fs::fcntl_setfl(
        fd,
        flags | rustix::fs::OFlags::NONBLOCK,
    )?)
}

/// Waits until one of `fds` is ready, `wake_at` has come, the deadline has
/// passed or it is time to look round. How many are ready.
pub(super) fn poll_until(
    fds: &mut [PollFd<'_>],
    wake_at: Option<Instant>,
    deadline: &Deadline,
) -> io::Result<usize> {
    let mut wait = TICK.min(deadline.remaining());
    if let Some(at) = wake_at {
        wait = wait.min(at.saturating_duration_since(Instant::now()));
    }
    let wait = rustix::event::Timespec::try_from(wait).map_err(io::Error::other)?;
    match poll(fds, Some(&wait)) {
        Ok(ready) => Ok(ready),
        Err(rustix::io::Errno::INTR) => Ok(0),
        Err(error) => Err(error.into()),
    }
}

/// Waits for a child that has nothing more to say.
fn wait(child: &mut Child, deadline: &Deadline) -> Option<ExitStatus> {
    let mut pause = Duration::from_micros(200);
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if !deadline.passed() => {}
            Ok(None) | Err(_) => return None,
        }
        std::thread::sleep(pause.min(deadline.remaining()));
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}

/// Ends all that the child has started. What runs as another user ends when
/// its input does.
pub(super) fn end_group(child: &mut Child) {
    drop(child.stdin.take());
    let Ok(pid) = i32::try_from(child.id()) else {
        return;
    };
    let Some(group) = Pid::from_raw(pid) else {
        return;
    };
    // A group that is gone already is what is wanted.
    let _ = kill_process_group(group, Signal::TERM);
    let _ = wait(child, &Deadline::within(LAST_WORDS));
    let _ = kill_process_group(group, Signal::KILL);
    let _ = wait(child, &Deadline::within(LAST_WORDS));
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::script;
    use super::super::talk::Section;
    use super::*;
    use crate::evidence::End;

    fn sh(text: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", text]);
        command
    }

    // field history S2
    #[test]
    fn both_outputs_are_kept_apart() {
        let mut kept = Capture::new(100);
        let ended = run(
            &mut sh("echo out; echo err >&2; cat; exit 41"),
            &mut kept,
            &Deadline::within(Duration::from_secs(10)),
        );
        assert!(matches!(ended, Ok(Ended::Itself(status)) if status.code() == Some(41)));
        assert_eq!(kept.stdout, b"out\n");
        assert_eq!(kept.stderr, b"err\n");
        assert!(!kept.truncated);
    }

    #[test]
    fn a_flood_ends_at_the_limit() {
        let mut kept = Capture::new(1000);
        let begun = Instant::now();
        let ended = run(
            &mut sh("yes"),
            &mut kept,
            &Deadline::within(Duration::from_secs(30)),
        );
        assert!(ended.is_ok());
        assert!(kept.truncated);
        assert_eq!(kept.stdout.len(), 1000);
        assert!(begun.elapsed() < Duration::from_secs(10));
    }

    #[rstest]
    #[case::it_sleeps("sleep 60")]
    #[case::it_left_a_child_with_the_pipes("sleep 60 & sleep 60")]
    #[case::it_closed_its_outputs("exec >&- 2>&-; sleep 60")]
    #[case::it_ignores_sigterm("trap '' TERM; while :; do sleep 1; done")]
    fn the_deadline_holds(#[case] text: &str) {
        let begun = Instant::now();
        let deadline = Deadline::within(Duration::from_millis(200));
        let ended = run(&mut sh(text), &mut Capture::new(10), &deadline);
        assert!(matches!(ended, Ok(Ended::Deadline)), "{ended:?}");
        assert!(begun.elapsed() < Duration::from_secs(3));
    }

    #[test]
    fn what_a_child_leaves_behind_does_not_hold_us_up() {
        let begun = Instant::now();
        let mut kept = Capture::new(100);
        let ended = run(
            &mut sh("echo done; sleep 20 & exit 3"),
            &mut kept,
            &Deadline::within(Duration::from_secs(30)),
        );
        assert!(matches!(ended, Ok(Ended::Itself(status)) if status.code() == Some(3)));
        assert_eq!(kept.stdout, b"done\n");
        assert!(begun.elapsed() < Duration::from_secs(5));
    }

    fn section(text: &str, millis: u64, limit: usize) -> Section {
        Section {
            key: "k".to_owned(),
            shown: String::new(),
            text: text.to_owned(),
            timeout: Duration::from_millis(millis),
            limit,
        }
    }

    // field history R16
    /// Every shell that a server may have as its `sh`.
    #[rstest]
    #[case::dash(&["dash"])]
    #[case::bash(&["bash", "--posix"])]
    #[case::bash_plain(&["bash"])]
    #[case::busybox(&["busybox", "sh"])]
    fn the_script_works_in(#[case] shell: &[&str]) {
        let begun = Instant::now();
        let mut talk = Talk::new(vec![
            section("date +%s.%N", 5000, 100),
            section("cat; echo out; echo err >&2; exit 3", 5000, 100),
            section("if then fi (", 5000, 1000),
            section("}; exit 9; #", 5000, 1000),
            section("sleep 60 & sleep 60", 300, 100),
            section(
                "trap '' TERM; echo stubborn; while :; do sleep 1; done",
                300,
                100,
            ),
            section("yes & yes; exit 0", 20_000, 1000),
            section(
                "echo \"it's over\"; umask; echo \"$LC_ALL$LD_LIBRARY_PATH\"; pwd; kill -l >/dev/null; exit 0",
                5000,
                100,
            ),
            section("printf 'no line break'", 5000, 100),
        ]);
        let mut command = Command::new(shell[0]);
        command
            .args(&shell[1..])
            .arg("-s")
            .env("LD_LIBRARY_PATH", "/x");
        let ended = run(
            &mut command,
            &mut talk,
            &Deadline::within(Duration::from_secs(30)),
        );
        assert!(
            matches!(&ended, Ok(Ended::Itself(_))),
            "{shell:?}: {ended:?} {}",
            talk.noise()
        );
        assert!(talk.finished(), "{}", talk.noise());
        assert_eq!(talk.noise(), "");
        let r = talk.into_records();
        assert!(r[0].stdout.len() >= 10);
        assert_eq!(r[1].end, End::Exited(3));
        assert_eq!(
            (&r[1].stdout[..], &r[1].stderr[..]),
            (&b"out\n"[..], &b"err\n"[..])
        );
        assert!(matches!(r[2].end, End::Exited(status) if status != 0));
        assert!(!r[2].stderr.is_empty());
        assert!(matches!(r[3].end, End::Exited(status) if status != 0));
        assert_eq!(r[4].end, End::TimedOut);
        assert_eq!(r[5].end, End::TimedOut);
        assert_eq!(r[5].stdout, b"stubborn\n");
        assert_eq!(r[6].end, End::Signalled(15));
        assert!(r[6].truncated && r[6].stdout.len() == 1000);
        assert_eq!(r[7].stdout, b"it's over\n0077\nC\n/\n");
        assert_eq!(r[8].stdout, b"no line break");
        assert_eq!(r[8].end, End::Exited(0));
        assert!(begun.elapsed() < Duration::from_secs(10));
    }

    /// How often a process with this argument runs.
    fn running(argument: &str) -> usize {
        let processes = std::fs::read_dir("/proc").unwrap().flatten();
        let lines = processes.filter_map(|p| std::fs::read(p.path().join("cmdline")).ok());
        lines
            .filter(|line| line.split(|b| *b == 0).any(|a| a == argument.as_bytes()))
            .count()
    }

    /// Whether it is gone soon.
    fn ends(argument: &str) -> bool {
        (0..50).any(|_| {
            std::thread::sleep(Duration::from_millis(60));
            running(argument) == 0
        })
    }

    /// A number of seconds that nothing else sleeps.
    fn seconds(kind: u32, shell: &[&str]) -> String {
        let shell = shell.concat().bytes().map(u32::from).sum::<u32>() % 1000;
        format!("{kind}{:05}{shell:03}", std::process::id() % 100_000)
    }

    /// What is not ours may kill whom it sees as its own: its group, its
    /// parent. That costs its own section and no other, in every shell.
    #[rstest]
    #[case::dash(&["dash"])]
    #[case::bash(&["bash", "--posix"])]
    #[case::bash_plain(&["bash"])]
    #[case::busybox(&["busybox", "sh"])]
    fn what_kills_its_own_group_ends_only_itself(#[case] shell: &[&str]) {
        let left = seconds(32, shell);
        let hung = seconds(33, shell);
        let apart = |text: &str, millis: u64| section(&script::apart(text), millis, 1000);
        let mut talk = Talk::new(vec![
            apart("echo a; kill 0; sleep 60", 20_000),
            apart("trap 'kill 0' EXIT; echo b; exit 3", 20_000),
            apart("trap 'kill -9 0' EXIT; echo c; exit 0", 20_000),
            apart("echo d; kill -9 $PPID; sleep 60", 20_000),
            apart("cat; echo e; echo err >&2; exit 7", 20_000),
            apart("echo f; exit 0", 20_000),
            apart(&format!("sleep {left} & exit 0"), 20_000),
            apart(&format!("sleep {hung} & trap '' TERM; sleep {hung}"), 300),
            apart("yes & yes", 20_000),
            section("echo last", 20_000, 100),
        ]);
        let mut command = Command::new(shell[0]);
        command.args(&shell[1..]).arg("-s");
        let deadline = Deadline::within(Duration::from_secs(50));
        let ended = run(&mut command, &mut talk, &deadline);
        assert!(
            matches!(&ended, Ok(Ended::Itself(_))) && talk.finished(),
            "{shell:?}: {ended:?} {}",
            talk.noise()
        );
        let r = talk.into_records();
        for (n, said) in ["a\n", "b\n", "c\n", "d\n", "e\n", "f\n"]
            .iter()
            .enumerate()
        {
            assert_eq!(String::from_utf8_lossy(&r[n].stdout), *said);
        }
        for n in [0, 1, 2, 3] {
            let bad = |end: &End| matches!(end, End::Exited(status) if *status > 0);
            assert!(bad(&r[n].end), "{n}: {:?}", r[n].end);
        }
        assert_eq!(
            (&r[4].end, &r[4].stderr[..]),
            (&End::Exited(7), &b"err\n"[..])
        );
        assert_eq!(r[5].end, End::Exited(0));
        assert_eq!(r[6].end, End::Exited(0));
        assert_eq!(r[7].end, End::TimedOut);
        assert_eq!(r[8].end, End::Signalled(15));
        assert!(r[8].truncated && r[8].stdout.len() == 1000);
        assert_eq!(r[9].stdout, b"last\n");
        assert!(ends(&left) && ends(&hung));
    }

    /// A server without `setsid` runs it as ours are run.
    #[rstest]
    #[case::dash(&["dash"])]
    #[case::bash(&["bash"])]
    #[case::busybox(&["busybox", "sh"])]
    fn without_setsid_it_runs_all_the_same(#[case] shell: &[&str]) {
        let dir = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/bin/sh", dir.path().join("sh")).unwrap();
        let path = format!("PATH={}\n", dir.path().display());
        let text = "command -v setsid || echo none; exit 5";
        let mut talk = Talk::new(vec![
            section(&format!("{path}{}", script::apart(text)), 20_000, 100),
            section("echo last", 20_000, 100),
        ]);
        let mut command = Command::new(shell[0]);
        command.args(&shell[1..]).arg("-s");
        let deadline = Deadline::within(Duration::from_secs(50));
        assert!(matches!(
            run(&mut command, &mut talk, &deadline),
            Ok(Ended::Itself(_))
        ));
        let r = talk.into_records();
        assert_eq!(
            (&r[0].end, &r[0].stdout[..]),
            (&End::Exited(5), &b"none\n"[..])
        );
        assert_eq!(r[1].stdout, b"last\n");
    }

    /// A run that is over ends what is in another session too.
    #[rstest]
    #[case::dash(&["dash"])]
    #[case::bash(&["bash"])]
    #[case::busybox(&["busybox", "sh"])]
    fn the_deadline_holds_for_what_runs_apart(#[case] shell: &[&str]) {
        let hung = seconds(34, shell);
        let text = format!("sleep {hung} & trap '' TERM; sleep {hung}");
        let mut talk = Talk::new(vec![section(&script::apart(&text), 60_000, 100)]);
        let mut command = Command::new(shell[0]);
        command.args(&shell[1..]).arg("-s");
        // Once it runs, even on a busy machine.
        let ended = [1500, 6000, 24_000].into_iter().any(|millis| {
            let deadline = Deadline::within(Duration::from_millis(millis));
            std::thread::scope(|scope| {
                let run = scope.spawn(|| run(&mut command, &mut talk, &deadline));
                let mut seen = false;
                while !run.is_finished() {
                    seen |= running(&hung) > 0;
                    std::thread::sleep(Duration::from_millis(20));
                }
                assert!(matches!(run.join().unwrap(), Ok(Ended::Deadline)));
                seen
            })
        });
        assert!(ended);
        assert!(ends(&hung));
    }

    #[rstest]
    #[case::dash(&["dash", "-n"])]
    #[case::bash(&["bash", "-n"])]
    #[case::busybox(&["busybox", "sh", "-n"])]
    fn the_script_is_free_of_syntax_errors_in(#[case] shell: &[&str]) {
        let talk = Talk::new(vec![section("echo 'a'", 1, 1)]);
        let mut child = Command::new(shell[0])
            .args(&shell[1..])
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("install dash, bash and busybox for this test");
        child
            .stdin
            .take()
            .unwrap()
            .write_all(talk.unsent())
            .unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    }

    #[rstest]
    #[case::dash(&["dash"])]
    #[case::bash(&["bash"])]
    #[case::busybox(&["busybox", "sh"])]
    fn a_cut_connection_leaves_nothing_behind(
        #[case] shell: &[&str],
        #[values(false, true)] apart: bool,
    ) {
        // A child of ours whose input ends, as that of a session does.
        let seconds = seconds(if apart { 35 } else { 31 }, shell);
        let text = format!("sleep {seconds} & trap '' TERM; sleep {seconds}");
        let text = if apart { script::apart(&text) } else { text };
        let mut talk = Talk::new(vec![section(&text, 60_000, 100)]);
        let mut child = Command::new(shell[0])
            .args(&shell[1..])
            .arg("-s")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .unwrap();
        let mut input = child.stdin.take().unwrap();
        input.write_all(talk.unsent()).unwrap();
        let sent = talk.unsent().len();
        talk.sent(sent, Instant::now());
        std::thread::sleep(Duration::from_millis(400));
        input.write_all(b"a\n").unwrap();
        std::thread::sleep(Duration::from_millis(100));
        drop(input);
        assert!(wait(&mut child, &Deadline::within(Duration::from_secs(5))).is_some());
        let group = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
        let gone = (0..50).any(|_| {
            std::thread::sleep(Duration::from_millis(60));
            rustix::process::test_kill_process_group(group).is_err()
        });
        assert!(gone);
        assert!(ends(&seconds));
    }
}
