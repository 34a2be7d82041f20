//! The host's end of a plugin's process.

use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process_group};

use super::fault::Fault;
use super::frame::{self, HEADER, Kind};
use crate::contract::wire::ABI;

/// What a plugin's process may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How long one call may take.
    pub call: Duration,
    /// How long all calls together may take.
    pub calls: Duration,
    /// Processor time.
    pub cpu: Duration,
    /// Bytes of memory; it may reserve eight times as many addresses.
    pub memory: u64,
    /// Bytes that it may print.
    pub printed: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            call: Duration::from_secs(5),
            calls: Duration::from_secs(30),
            cpu: Duration::from_secs(20),
            memory: 512 << 20,
            printed: 1 << 20,
        }
    }
}

/// How a plugin's process is started: a program and the words before the library.
#[derive(Debug, Clone)]
pub struct Launcher {
    /// The program.
    pub program: PathBuf,
    /// Its first arguments; the library's path comes behind.
    pub arguments: Vec<String>,
}

/// How often it is looked at whether a plugin's process still lives.
const GLANCE: Duration = Duration::from_millis(100);

/// A plugin's process. Dropped, it is ended, with all that it has started.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    stdin: ChildStdin,
    stdout: ChildStdout,
    stderr: ChildStderr,
    limits: Limits,
    spent: Duration,
    printed: usize,
    first_words: Vec<u8>,
    /// Whether its standard error is closed: always ready, and nothing to listen to.
    silent: bool,
}

impl Process {
    /// Starts it, and does not wait for anything.
    ///
    /// It ends with the thread that calls this.
    pub(super) fn start(
        launcher: &Launcher,
        library: &Path,
        limits: Limits,
    ) -> Result<Self, Fault> {
        let failed = |error: io::Error| Fault::NotStarted(error.to_string());
        let mut child = Command::new(&launcher.program)
            .arg0("checker")
            .args(&launcher.arguments)
            .arg(library)
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("LC_ALL", "C.UTF-8")
            .env("TZ", "UTC")
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        let (Some(stdin), Some(stdout), Some(stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(Fault::NotStarted("it has no pipes".to_owned()));
        };
        for pipe in [stdin.as_fd(), stdout.as_fd(), stderr.as_fd()] {
            rustix::io::ioctl_fionbio(pipe, true).map_err(|error| failed(error.into()))?;
        }
        Ok(Self {
            child,
            stdin,
            stdout,
            stderr,
            limits,
            spent: Duration::ZERO,
            printed: 0,
            first_words: Vec::new(),
            silent: false,
        })
    }

    /// Waits until the library is loaded.
    pub(super) fn loaded(&mut self) -> Result<(), Fault> {
        let (kind, body) = self.exchange(&[])?;
        let text = || String::from_utf8_lossy(&body).into_owned();
        match kind {
            Kind::Loaded => Ok(()),
            Kind::NotLoaded => Err(Fault::NotLoaded(text())),
            Kind::OtherAbi => Err(Fault::OtherAbi {
                found: text(),
                known: ABI,
            }),
            other => Err(Fault::Frame(format!("{other:?} before anything was asked"))),
        }
    }

    /// Asks what the plugin offers.
    pub(super) fn describe(&mut self) -> Result<Vec<u8>, Fault> {
        self.call(Kind::Describe, b"")
    }

    /// Asks a question.
    pub(super) fn judge(&mut self, question: &[u8]) -> Result<Vec<u8>, Fault> {
        self.call(Kind::Judge, question)
    }

    fn call(&mut self, kind: Kind, body: &[u8]) -> Result<Vec<u8>, Fault> {
        if body.len() > frame::LONGEST_QUESTION {
            return Err(Fault::LongQuestion(body.len() >> 20));
        }
        let mut request = frame::header(kind, body.len()).to_vec();
        request.extend_from_slice(body);
        let (kind, answer) = self.exchange(&request)?;
        match kind {
            Kind::Answer => Ok(answer),
            Kind::Failed => Err(Fault::Failed(one_line(&answer))),
            Kind::TooLong => Err(Fault::TooLong),
            other => Err(Fault::Frame(format!("{other:?} in the place of an answer"))),
        }
    }

    /// Sends all of `unsent`, and waits for one frame.
    fn exchange(&mut self, mut unsent: &[u8]) -> Result<(Kind, Vec<u8>), Fault> {
        let begun = Instant::now();
        let left = self.limits.calls.saturating_sub(self.spent);
        let limit = self.limits.call.min(left);
        let mut received = Vec::new();
        let mut over = false;
        let frame = loop {
            let waited = begun.elapsed();
            if waited >= limit {
                let (all, one) = (self.limits.calls.as_secs(), self.limits.call.as_secs());
                return Err(if left < self.limits.call {
                    Fault::UsedUp { seconds: all }
                } else {
                    Fault::Hung { seconds: one }
                });
            }
            let ready = self.wait(!unsent.is_empty(), GLANCE.min(limit - waited));
            // Somebody that it has started may hold the pipes after its end.
            if over && !ready.stdout {
                return Err(self.how_it_ended());
            }
            over = self.child.try_wait().is_ok_and(|status| status.is_some());
            if ready.stderr {
                self.listen()?;
            }
            if ready.stdin {
                match self.stdin.write(unsent) {
                    Ok(count) => unsent = &unsent[count..],
                    Err(error) if is_later(&error) => {}
                    // Why it closed its end, the other end tells.
                    Err(_) => unsent = &[],
                }
            }
            if ready.stdout {
                self.receive(&mut received)?;
            }
            if let Some(frame) = self.frame(&mut received)? {
                break frame;
            }
        };
        self.spent += begun.elapsed();
        Ok(frame)
    }

    /// The frame that `received` begins with, once it is whole.
    fn frame(&self, received: &mut Vec<u8>) -> Result<Option<(Kind, Vec<u8>)>, Fault> {
        let Some(header) = received.first_chunk::<HEADER>() else {
            return Ok(None);
        };
        let broken = |error: frame::FrameError| Fault::Frame(error.to_string());
        let (kind, len) = frame::parse(*header).map_err(broken)?;
        if received.len() < HEADER + len {
            return Ok(None);
        }
        // One question has one answer.
        if received.len() > HEADER + len {
            return Err(Fault::Frame("more than an answer".to_owned()));
        }
        Ok(Some((kind, received.split_off(HEADER))))
    }

    fn receive(&mut self, received: &mut Vec<u8>) -> Result<(), Fault> {
        let mut buffer = vec![0; 64 << 10];
        match self.stdout.read(&mut buffer) {
            Ok(0) => Err(self.how_it_ended()),
            Ok(count) => {
                received.extend_from_slice(&buffer[..count]);
                Ok(())
            }
            Err(error) if is_later(&error) => Ok(()),
            Err(error) => Err(Fault::Frame(error.to_string())),
        }
    }

    /// Takes what it prints, as long as that has an end.
    fn listen(&mut self) -> Result<(), Fault> {
        let mut buffer = [0; 16 << 10];
        match self.stderr.read(&mut buffer) {
            Ok(0) => {
                self.silent = true;
                Ok(())
            }
            Ok(count) => {
                self.printed += count;
                let room = 4096_usize.saturating_sub(self.first_words.len());
                self.first_words.extend(&buffer[..count.min(room)]);
                if self.printed > self.limits.printed {
                    return Err(Fault::Flood);
                }
                Ok(())
            }
            Err(_) => Ok(()),
        }
    }

    fn how_it_ended(&mut self) -> Fault {
        // It has closed its end; if it lives on all the same, that is the answer.
        let until = Instant::now() + Duration::from_millis(500);
        let status = loop {
            match self.child.try_wait() {
                Ok(Some(status)) => break Some(status),
                _ if Instant::now() >= until => break None,
                _ => std::thread::sleep(Duration::from_millis(2)),
            }
        };
        let _ = self.listen();
        let how = match status {
            None => "it closed its pipe".to_owned(),
            Some(status) => match (status.code(), status.signal()) {
                (Some(code), _) => format!("exit status {code}"),
                (None, Some(signal)) => format!("signal {signal}{}", signal_name(signal)),
                (None, None) => "nobody knows how".to_owned(),
            },
        };
        Fault::Ended {
            how,
            said: one_line(&self.first_words),
        }
    }

    fn wait(&self, to_send: bool, limit: Duration) -> Ready {
        let mut fds = vec![PollFd::new(&self.stdout, PollFlags::IN)];
        if to_send {
            fds.push(PollFd::new(&self.stdin, PollFlags::OUT));
        }
        if !self.silent {
            fds.push(PollFd::new(&self.stderr, PollFlags::IN));
        }
        let limit = Timespec {
            tv_sec: i64::try_from(limit.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(limit.subsec_nanos()),
        };
        // Interrupted or not, what is ready is looked at, and the time too.
        let _ = poll(&mut fds, Some(&limit));
        let is = |n: usize| fds.get(n).is_some_and(|fd| !fd.revents().is_empty());
        Ready {
            stdout: is(0),
            stdin: to_send && is(1),
            stderr: !self.silent && is(1 + usize::from(to_send)),
        }
    }
}

struct Ready {
    stdout: bool,
    stderr: bool,
    stdin: bool,
}

impl Drop for Process {
    fn drop(&mut self) {
        // It leads a session of its own, unless it died before that.
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process_group(pid, Signal::KILL);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn is_later(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}

/// The first line that says something, cut to what a report can bear.
fn one_line(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let line = text.lines().map(str::trim).find(|line| !line.is_empty());
    line.unwrap_or_default().chars().take(200).collect()
}

fn signal_name(signal: i32) -> &'static str {
    match signal {
        4 => " (illegal instruction)",
        6 => " (abort)",
        7 => " (bus error)",
        8 => " (arithmetic error)",
        9 => " (killed: out of memory or processor time)",
        11 => " (segmentation fault)",
        24 => " (out of processor time)",
        25 => " (it tried to write a file)",
        31 => " (a forbidden system call)",
        _ => "",
    }
}
