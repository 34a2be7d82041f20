//! One command that was run, and what came of it.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Why a command was not run at all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case", tag = "because", content = "detail")]
pub enum NotRun {
    /// The program is not installed where it should run.
    #[error("`{0}` is not installed on this machine")]
    ProgramMissing(String),
    /// An earlier command showed that the CLI user is not logged in.
    #[error("the CLI user is not logged in")]
    NotLoggedIn,
    /// The run's deadline passed first.
    #[error("the deadline of the run had passed")]
    Deadline,
    /// The operator interrupted the run first.
    #[error("the run was interrupted")]
    Interrupted,
    /// The server on which it should run was not reached.
    #[error("{0}")]
    Unreachable(String),
    /// The operating system refused to start it.
    #[error("it could not be started: {0}")]
    Failed(String),
    /// The bundle, which is older than this tool, does not hold it.
    #[error("the bundle does not hold it")]
    NotInBundle,
}

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// It ended by itself with this exit status.
    Exited(i32),
    /// A signal ended it.
    Signalled(i32),
    /// It was given up after its time limit.
    TimedOut,
    /// The connection broke, or the output ended, before it was through.
    Lost,
    /// It was never started.
    NotRun(NotRun),
}

/// A command and its answer as they came in, before redaction.
///
/// Sources make these; [`Redactor::seal`](super::Redactor::seal) is the only
/// way from here to a [`Record`].
#[derive(Debug, Clone)]
pub struct RawRecord {
    /// Stable name of the evidence: `weka:status`, `host:units`.
    pub key: String,
    /// The exact command line, or the probe's shell text.
    pub command: String,
    /// When it was started, by the clock of the machine that the tool runs on.
    pub started_at: Timestamp,
    /// From the start to the last byte of the answer.
    pub duration: Duration,
    /// How it ended.
    pub end: End,
    /// Its standard output, never mixed with the next.
    pub stdout: Vec<u8>,
    /// Its standard error.
    pub stderr: Vec<u8>,
    /// Whether either output was cut at its size limit.
    pub truncated: bool,
}

impl RawRecord {
    /// A record of something that was not run.
    #[must_use]
    pub fn not_run(key: &str, command: &str, at: Timestamp, why: NotRun) -> Self {
        Self {
            key: key.to_owned(),
            command: command.to_owned(),
            started_at: at,
            duration: Duration::ZERO,
            end: End::NotRun(why),
            stdout: Vec::new(),
            stderr: Vec::new(),
            truncated: false,
        }
    }
}

/// One piece of evidence, free of secrets.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    pub(super) key: String,
    pub(super) command: String,
    pub(super) started_at: Timestamp,
    pub(super) duration: Duration,
    pub(super) end: End,
    // Shared: an answer can be large, and its copies are many.
    pub(super) stdout: Arc<[u8]>,
    pub(super) stderr: Arc<[u8]>,
    pub(super) truncated: bool,
}

impl Record {
    /// The same command with another answer. What a test makes of sealed
    /// evidence holds no more secrets than that did.
    #[cfg(feature = "testkit")]
    #[must_use]
    pub(crate) fn answering(&self, end: End, stdout: Vec<u8>, stderr: Vec<u8>) -> Self {
        Self {
            key: self.key.clone(),
            command: self.command.clone(),
            started_at: self.started_at,
            duration: self.duration,
            end,
            stdout: stdout.into(),
            stderr: stderr.into(),
            truncated: false,
        }
    }

    /// Stable name of the evidence: `weka:status`, `host:units`.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The exact command line, or the probe's shell text.
    #[must_use]
    pub fn command(&self) -> &str {
        &self.command
    }

    /// When it was started, by the clock of the machine that the tool ran on.
    #[must_use]
    pub fn started_at(&self) -> Timestamp {
        self.started_at
    }

    /// From the start to the last byte of the answer.
    #[must_use]
    pub fn duration(&self) -> Duration {
        self.duration
    }

    /// How it ended.
    #[must_use]
    pub fn end(&self) -> &End {
        &self.end
    }

    /// The exit status, if the command ended by itself.
    #[must_use]
    pub fn exit_status(&self) -> Option<i32> {
        match self.end {
            End::Exited(status) => Some(status),
            _ => None,
        }
    }

    /// Standard output, byte for byte.
    #[must_use]
    pub fn stdout(&self) -> &[u8] {
        &self.stdout
    }

    /// Standard output as text; bytes that are no UTF-8 become `U+FFFD`.
    #[must_use]
    pub fn stdout_text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.stdout)
    }

    /// Standard error, byte for byte.
    #[must_use]
    pub fn stderr(&self) -> &[u8] {
        &self.stderr
    }

    /// Standard error as text; bytes that are no UTF-8 become `U+FFFD`.
    #[must_use]
    pub fn stderr_text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.stderr)
    }

    /// Whether either output was cut at its size limit.
    #[must_use]
    pub fn truncated(&self) -> bool {
        self.truncated
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(status) => write!(f, "exit status {status}"),
            Self::Signalled(signal) => write!(f, "ended by signal {signal}"),
            Self::TimedOut => f.write_str("given up after its time limit"),
            Self::Lost => f.write_str("lost before it had answered"),
            Self::NotRun(why) => write!(f, "not run: {why}"),
        }
    }
}
