//! Starting what changes the cluster, so that it outlives us, and looking
//! after it.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::commands::{self, Line};
use crate::deadline::Deadline;

/// The name of a job: stable for one try of one step, so that whoever comes
/// back after an interruption asks for the very job that was started, and
/// starting it again starts nothing.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct JobId(String);

/// A text that is no name of a job.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no name of a job: letters, digits, dots and dashes, at most 100, and no dot in front"
)]
pub struct JobIdError(String);

impl JobId {
    /// A name, which is also that of a directory.
    ///
    /// # Errors
    /// When it holds anything but letters, digits, dots and dashes.
    pub fn new(name: impl Into<String>) -> Result<Self, JobIdError> {
        let name = name.into();
        let fine = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
        if name.is_empty()
            || name.len() > 100
            || name.starts_with(['.', '-'])
            || !name.chars().all(fine)
        {
            return Err(JobIdError(name));
        }
        Ok(Self(name))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for JobId {
    type Error = JobIdError;

    fn try_from(name: String) -> Result<Self, JobIdError> {
        Self::new(name)
    }
}

impl From<JobId> for String {
    fn from(id: JobId) -> Self {
        id.0
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A value that must be in no output: it has no `Display`, and its `Debug`
/// does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps this text to itself.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for whoever hands it on.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// A command that changes the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Its name.
    pub id: JobId,
    /// What is run. It holds no secret: everyone on the machine can see it.
    pub work: Work,
    /// What is in its environment besides: where a secret belongs.
    pub environment: Vec<(&'static str, Secret)>,
}

/// What a job runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Work {
    /// A `weka` command.
    Weka(Line),
    /// A package (tar) on the machine that runs the job: it is unpacked, and
    /// its `install.sh` run.
    Package(PathBuf),
}

impl fmt::Display for Work {
    /// For the operator and for the journal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Weka(line) => f.write_str(&commands::shown(line)),
            Self::Package(package) => write!(f, "install.sh of {}", package.display()),
        }
    }
}

impl Job {
    /// A `weka` command with nothing else about it.
    #[must_use]
    pub fn weka(id: JobId, line: Line) -> Self {
        Self {
            id,
            work: Work::Weka(line),
            environment: Vec::new(),
        }
    }
}

/// How far a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// It was never started.
    Absent,
    /// It runs.
    Running,
    /// It ended by itself, with this exit status.
    Ended(i32),
    /// It runs no more and left no exit status: it was killed, or the machine
    /// was started anew.
    Lost,
}

/// What a look at a job shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobView {
    /// How far it is.
    pub state: JobState,
    /// What it printed, on both outputs, from the asked byte on; at most
    /// [`LOOK_LIMIT`] bytes at a time.
    pub output: Vec<u8>,
}

/// How many bytes of a job's output one look returns at most.
pub const LOOK_LIMIT: usize = 256 * 1024;

/// Why a job could not be started or looked at.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExecuteError {
    /// The machine that should run it did not do what it was asked: not
    /// reached, no room, no permission. The job may or may not have been
    /// started; a look at it tells.
    #[error("{0}")]
    Failed(String),
    /// Another job runs there; only one may.
    #[error("another command of an upgrade runs there: {0}")]
    Busy(JobId),
}

/// Runs the commands of an upgrade on one backend.
///
/// A job runs in a session of its own: it outlives the connection, the
/// terminal and us. Calls block until the deadline and come from one thread.
pub trait Executor: Send + Sync {
    /// Starts a job, unless one of this name was started before: then nothing
    /// is done, and a look shows what became of that one.
    ///
    /// # Errors
    /// When it is not known to have been started.
    fn start(&self, job: &Job, deadline: &Deadline) -> Result<(), ExecuteError>;

    /// How far a job is, and what it printed from byte `from` on.
    ///
    /// # Errors
    /// When that could not be found out.
    fn look(&self, id: &JobId, from: u64, deadline: &Deadline) -> Result<JobView, ExecuteError>;

    /// The job that runs there, whoever started it.
    ///
    /// # Errors
    /// When that could not be found out.
    fn running(&self, deadline: &Deadline) -> Result<Option<JobId>, ExecuteError>;
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::plain("a1b2-1-4.4.33-upgrade-2", true)]
    #[case::empty("", false)]
    #[case::hidden(".x", false)]
    #[case::option("-rf", false)]
    #[case::path("a/b", false)]
    #[case::blank("a b", false)]
    #[case::long(&"a".repeat(101), false)]
    #[case::longest(&"a".repeat(100), true)]
    fn names_are_directories(#[case] name: &str, #[case] fine: bool) {
        assert_eq!(JobId::new(name).is_ok(), fine);
    }

    #[test]
    fn a_secret_is_not_shown() {
        let job = Job {
            id: JobId::new("x").expect("a name"),
            work: Work::Weka(Line::of_test(&["version", "get"])),
            environment: vec![("WEKA_DIST_SERVERS", Secret::new("https://t0k3n@host"))],
        };
        assert!(!format!("{job:?}").contains("t0k3n"));
    }
}
