//! Why a fact can't be had.

use std::fmt;

use serde::Serialize;

use crate::evidence::{NotRun, Record};
use crate::server::ReachError;

/// Why a fact can't be had. The engine turns it into `unknown`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Missing {
    /// The key of the evidence that it would have come from.
    pub evidence: String,
    /// The command that should have brought it.
    pub command: String,
    /// The server that it is about; `None` for the cluster's commands.
    pub server: Option<String>,
    /// What went wrong.
    pub why: Why,
}

/// What went wrong on the way to a fact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// The server was not reached.
    #[error("the server was not reached ({0})")]
    Unreached(ReachError),
    /// The server was lost before this probe had answered.
    #[error("the server was lost before this was answered ({0})")]
    Lost(ReachError),
    /// The command was not run.
    #[error("not run: {0}")]
    NotRun(NotRun),
    /// Exit status 41.
    #[error("the CLI user is not logged in (exit status 41)")]
    NotLoggedIn,
    /// Exit status 127: there is no such program on that server.
    #[error("the program is not installed there (exit status 127)")]
    ProgramMissing,
    /// The CLI does not know the subcommand, nor any older name of it.
    #[error("this release's CLI does not know the command: {0}")]
    UnknownCommand(String),
    /// Any other exit status, with the first line of the error text.
    #[error("exit status {status}{}", after_colon(.stderr))]
    Failed {
        /// The exit status.
        status: i32,
        /// The first line of standard error.
        stderr: String,
    },
    /// A signal ended the command.
    #[error("ended by signal {0}")]
    Signalled(i32),
    /// The command was given up.
    #[error("no answer within its time limit")]
    TimedOut,
    /// The answer was empty.
    #[error("it printed nothing")]
    Empty,
    /// The answer was longer than what is kept.
    #[error("its output was cut at the size limit")]
    Truncated,
    /// The answer is in no shape that this tool knows.
    #[error("its answer could not be read: {0}")]
    Unreadable(String),
    /// No such evidence was asked for.
    #[error("it was not collected in this run")]
    NotCollected,
}

fn after_colon(text: &str) -> String {
    if text.is_empty() {
        String::new()
    } else {
        format!(": {text}")
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.why, &self.server) {
            // What was not reached ran no command: naming one would mislead.
            (Why::Unreached(error), _) => write!(f, "not reached: {error}"),
            (Why::Lost(error), _) => write!(f, "lost before it was answered: {error}"),
            (why, Some(server)) => write!(f, "`{}` on {server}: {why}", self.command),
            (why, None) => write!(f, "`{}`: {why}", self.command),
        }
    }
}

impl Missing {
    /// That the answer of `record` is in no known shape.
    #[must_use]
    pub fn unreadable(record: &Record, server: Option<&str>, what: impl fmt::Display) -> Self {
        Self {
            evidence: record.key().to_owned(),
            command: command_shown(record.key(), record.command()),
            server: server.map(str::to_owned),
            why: Why::Unreadable(what.to_string()),
        }
    }
}

/// A cluster command as it was typed, cut where it names hundreds of things;
/// of a probe, whose text is a script, the key.
pub(super) fn command_shown(key: &str, command: &str) -> String {
    const LONGEST: usize = 160;
    if key.starts_with("host:") {
        key.to_owned()
    } else if command.chars().count() > LONGEST {
        let start: String = command.chars().take(LONGEST - 1).collect();
        format!("{start}…")
    } else {
        command.to_owned()
    }
}
