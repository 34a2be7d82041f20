//! One run of the tool under test.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{Lab, Server};

/// A run that takes longer than this is killed, and its test fails.
const TIME_LIMIT: Duration = Duration::from_secs(60);

/// The same of a run that upgrades a cluster.
const LONG_TIME_LIMIT: Duration = Duration::from_secs(150);

/// What `timeout` says of what it killed.
const KILLED: i32 = 128 + 9;

/// What a run left behind.
#[derive(Debug)]
pub(crate) struct Run {
    /// Its exit status; `None` when a signal ended it.
    pub(crate) status: Option<i32>,
    /// Its standard output.
    pub(crate) stdout: String,
    /// Its standard error.
    pub(crate) stderr: String,
    /// The log that it wrote into its working directory.
    pub(crate) log: String,
    /// The bundle in its working directory, as the machine sees it while the
    /// lab is there.
    pub(crate) bundle: Option<PathBuf>,
    /// Its working directory, on the server.
    pub(crate) directory: String,
    /// From its start to its end.
    pub(crate) elapsed: Duration,
}

impl Lab {
    /// Runs `checker` on server 1 as root, in a new directory.
    #[track_caller]
    pub(crate) fn checker(&self, arguments: &[&str]) -> Run {
        self.checker_with(&[], arguments)
    }

    /// As [`Lab::checker`], with these variables (`NAME=value`) too.
    #[track_caller]
    pub(crate) fn checker_with(&self, environment: &[&str], arguments: &[&str]) -> Run {
        for server in self.servers() {
            server.forget_connections();
        }
        let first = self.server(1);
        let directory = first.run("mktemp -d /root/run-XXXXXX").trim().to_owned();
        let begun = Instant::now();
        let output = first
            .command("RUST_BACKTRACE=1")
            .args(environment)
            .args(["timeout", "--foreground", "--signal=KILL"])
            .arg(TIME_LIMIT.as_secs().to_string())
            .args([
                "sh",
                "-c",
                r#"cd "$1" && shift && exec checker "$@""#,
                "sh",
                &directory,
            ])
            .args(arguments)
            .output()
            .expect("nsenter runs");
        let elapsed = begun.elapsed();
        assert_ne!(
            output.status.code(),
            Some(KILLED),
            "`checker {}` did not end within {TIME_LIMIT:?}; its log:\n{}",
            arguments.join(" "),
            first.read(&format!("{directory}/weka_upgrade_checker.log"))
        );
        let bundle = fs::read_dir(first.path(&directory))
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path())
            .find(|path| path.to_string_lossy().ends_with(".tar.gz"));
        Run {
            status: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            log: first.read(&format!("{directory}/weka_upgrade_checker.log")),
            bundle,
            directory,
            elapsed,
        }
    }
}

/// A run that goes on beside the test.
pub(crate) struct Running<'a> {
    server: &'a Server,
    directory: String,
    child: Child,
    begun: Instant,
}

impl Lab {
    /// Starts `checker` on a server as root, in a new directory, and lets it run.
    #[track_caller]
    pub(crate) fn start(&self, server: usize, arguments: &[&str]) -> Running<'_> {
        self.start_as("root", server, arguments)
    }

    /// As [`Lab::start`], as another user.
    #[track_caller]
    pub(crate) fn start_as(&self, user: &str, server: usize, arguments: &[&str]) -> Running<'_> {
        for server in self.servers() {
            server.forget_connections();
        }
        let server = self.server(server);
        let home = match user {
            "root" => "/root".to_owned(),
            user => format!("/home/{user}"),
        };
        let directory = server.run(&format!(
            "d=$(mktemp -d {home}/run-XXXXXX) && chown {user} $d && echo $d"
        ));
        let directory = directory.trim().to_owned();
        // Into files: nobody reads while it runs.
        let child = server
            .command("RUST_BACKTRACE=1")
            .arg(format!("HOME={home}"))
            .args(["setpriv", "--reuid", user, "--clear-groups"])
            .args(["timeout", "--foreground", "--signal=KILL"])
            .arg(LONG_TIME_LIMIT.as_secs().to_string())
            .args([
                "sh",
                "-c",
                r#"cd "$1" && shift && exec checker "$@" >stdout 2>stderr"#,
                "sh",
                &directory,
            ])
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("nsenter runs");
        Running {
            server,
            directory,
            child,
            begun: Instant::now(),
        }
    }
}

impl Running<'_> {
    /// What it has written to its standard error by now.
    pub(crate) fn stderr(&self) -> String {
        self.server.read(&format!("{}/stderr", self.directory))
    }

    /// Sends a signal to the tool itself, by its name in `kill`.
    #[track_caller]
    pub(crate) fn signal(&self, signal: &str) {
        let processes = self.server.processes();
        let mut found = processes
            .iter()
            .filter_map(|line| line.split_once(' '))
            .filter(|(_, line)| line.starts_with("checker "))
            .map(|(pid, _)| pid);
        let pid = found.next().unwrap_or_else(|| panic!("{processes:?}"));
        self.server.run(&format!("kill -{signal} {pid}"));
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn end(mut self) -> Run {
        let status = self.child.wait().expect("it ends");
        let read = |name: &str| self.server.read(&format!("{}/{name}", self.directory));
        let run = Run {
            status: status.code(),
            stdout: read("stdout"),
            stderr: read("stderr"),
            log: read("weka_upgrade_checker.log"),
            bundle: None,
            elapsed: self.begun.elapsed(),
            directory: self.directory.clone(),
        };
        assert!(run.elapsed < LONG_TIME_LIMIT, "it was killed: {run:?}");
        run
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        // A test that panicked leaves none behind; else it has ended long ago.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Run {
    /// The report that it printed.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| {
            panic!(
                "no report ({error}); exit status {:?}\n--- stdout\n{}\n--- stderr\n{}",
                self.status,
                self.stdout.chars().take(2000).collect::<String>(),
                self.stderr
            )
        })
    }
}
