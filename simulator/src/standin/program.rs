//! The program itself.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use rustix::fs::FlockOperation;

use super::{Reply, StandinError, StandinState};
use crate::output::Output;
use crate::upgrade::{Environment, Run, RunEnd, Started};

/// Exit status of the stand-in's own troubles, like no one of `weka`'s.
const TROUBLE: u8 = 70;

/// A lock that lies beside a state file.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Waits for it.
    pub(super) fn take(state: &Path, kind: &str) -> Result<Self, StandinError> {
        let (path, file) = open(state, kind)?;
        rustix::io::retry_on_intr(|| rustix::fs::flock(&file, FlockOperation::LockExclusive))
            .map_err(|error| StandinError::File {
                path,
                error: error.into(),
            })?;
        Ok(Self { _file: file })
    }

    /// `None` if another has it.
    fn try_take(state: &Path, kind: &str) -> Result<Option<Self>, StandinError> {
        let (path, file) = open(state, kind)?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(StandinError::File {
                path,
                error: error.into(),
            }),
        }
    }
}

fn open(state: &Path, kind: &str) -> Result<(PathBuf, File), StandinError> {
    let mut path: OsString = state.into();
    path.push(".");
    path.push(kind);
    let path = PathBuf::from(path);
    let opened = OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o666)
        .open(&path);
    match opened {
        Ok(file) => {
            // Whoever comes next may be another user; if it is not ours it was set before.
            let _ = file.set_permissions(std::fs::Permissions::from_mode(0o666));
            Ok((path, file))
        }
        Err(error) => Err(StandinError::File { path, error }),
    }
}

/// Does what the program does when it is called `program` with these
/// arguments, over the cluster in this file, and prints what it prints.
///
/// `WEKA_STANDIN_SERVER` names the server that it plays, else the state does,
/// else the host name. The exit status is the command's; 70 when the state
/// can't be used.
#[must_use]
pub fn main(state_file: &Path, program: &str, args: &[&str]) -> ExitCode {
    let done = Call {
        path: state_file,
        program,
        args,
        hostname: hostname(),
        server: std::env::var("WEKA_STANDIN_SERVER").ok(),
    }
    .answer();
    done.unwrap_or_else(|error| {
        let _ = writeln!(std::io::stderr(), "weka-standin: {error}");
        ExitCode::from(TROUBLE)
    })
}

/// The host name of the namespace that the process is in.
fn hostname() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .map(|name| name.trim().to_owned())
        .unwrap_or_default()
}

struct Call<'a> {
    path: &'a Path,
    program: &'a str,
    args: &'a [&'a str],
    hostname: String,
    server: Option<String>,
}

impl Call<'_> {
    fn state(&self) -> Result<StandinState, StandinError> {
        let mut state = StandinState::read(self.path)?;
        if let Some(server) = &self.server {
            state.server = Some(server.clone());
        }
        Ok(state)
    }

    fn answer(&self) -> Result<ExitCode, StandinError> {
        let state = self.state()?;
        let uid = rustix::process::geteuid().as_raw();
        // Before anything else, so that a command that hangs is counted too.
        state.write_down(self.program, self.args, &self.hostname, uid)?;
        let asks = self.program != "systemctl";
        if asks && state.cluster.is_moved_by(self.args) {
            // Who may only read still gets the answer.
            let _ = StandinState::update(self.path, |s| s.cluster.asked(self.args));
        }
        let mut environment = Environment {
            distribution_servers: std::env::var("WEKA_DIST_SERVERS").ok(),
            another_runs: false,
        };
        let begin = |state: &StandinState, environment: &Environment| {
            state.begin(self.program, self.args, &self.hostname, environment)
        };
        let (started, delay) = begin(&state, &environment);
        let Started::Running(run) = started else {
            return Ok(play(&state.reply(self.program, self.args, &self.hostname)));
        };
        std::thread::sleep(delay);
        if !run.exclusive() {
            return self.carry_out(*run, state.pace_ms);
        }
        let lock = Lock::try_take(self.path, "run")?;
        environment.another_runs = lock.is_none();
        // What was read before may be over by now.
        let state = self.state()?;
        match begin(&state, &environment).0 {
            Started::Running(run) => self.carry_out(*run, state.pace_ms),
            Started::Ended(output) => Ok(print(&output)),
        }
    }

    /// Step by step, with a rest between.
    fn carry_out(&self, mut run: Run, pace_ms: u64) -> Result<ExitCode, StandinError> {
        loop {
            let step = StandinState::update(self.path, |s| run.step(&mut s.cluster))?;
            print(&Output {
                status: 0,
                stdout: step.stdout.into_bytes(),
                stderr: step.stderr.into_bytes(),
            });
            match step.end {
                Some(RunEnd::Exited(status)) => return Ok(code(status)),
                Some(RunEnd::Killed) => {
                    let own = rustix::process::getpid();
                    let _ = rustix::process::kill_process(own, rustix::process::Signal::KILL);
                    return Ok(ExitCode::FAILURE);
                }
                None => std::thread::sleep(Duration::from_millis(pace_ms)),
            }
        }
    }
}

fn code(status: i32) -> ExitCode {
    ExitCode::from(u8::try_from(status).unwrap_or(u8::MAX))
}

/// Whoever reads may have gone: then nobody is left to tell.
fn print(output: &Output) -> ExitCode {
    let _ = std::io::stderr().write_all(&output.stderr);
    let mut stdout = std::io::stdout().lock();
    let _ = stdout.write_all(&output.stdout);
    let _ = stdout.flush();
    code(output.status)
}

fn play(reply: &Reply) -> ExitCode {
    if reply.hang {
        loop {
            std::thread::sleep(Duration::from_secs(3600));
        }
    }
    std::thread::sleep(reply.delay);
    let _ = std::io::stderr().write_all(&reply.output.stderr);
    let mut stdout = std::io::stdout().lock();
    let mut left = reply.flood;
    let line = [[b'x'; 1023].as_slice(), b"\n"].concat();
    while left > 0 {
        let part = line.len().min(usize::try_from(left).unwrap_or(line.len()));
        if stdout.write_all(&line[..part]).is_err() {
            return ExitCode::FAILURE;
        }
        left -= part as u64;
    }
    drop(stdout);
    print(&Output {
        stderr: Vec::new(),
        ..reply.output.clone()
    })
}
