//! Where evidence comes from: one trait, three sources (live, bundle, simulator).

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use crate::deadline::Deadline;
use crate::evidence::RawRecord;
use crate::facts::View;
use crate::server::{Reach, Server};

/// One of the cluster's commands, with the older names of the same.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct ClusterCommand {
    /// Stable name of its evidence, `weka:…`.
    pub key: &'static str,
    /// Arguments behind `weka`, the newest spelling first. The next is tried
    /// when the CLI does not know the subcommand or an option.
    pub variants: &'static [&'static str],
    /// How long one try may take.
    pub timeout: Duration,
    /// Whether it needs a logged-in CLI user.
    pub needs_login: bool,
}

/// A command whose arguments stand in the answers to others: one per bucket,
/// one with the ids of some processes. It is asked as soon as those others
/// were answered, and not at all where they say that there is nothing to ask.
#[derive(Debug)]
pub struct DependentCommand {
    /// Stable name of its evidence, `weka:…`.
    pub key: &'static str,
    /// The commands that must have been answered, or given up, before.
    pub after: &'static [&'static ClusterCommand],
    /// What to ask, from the answers to `after`. It is called once, must
    /// return the same for the same evidence, and returns nothing where what
    /// it needs is missing: the fact that is read from the answers says so.
    pub calls: fn(&View<'_>) -> Vec<Call>,
    /// How long one try of one call may take.
    pub timeout: Duration,
}

/// One call of a [`DependentCommand`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// What tells it from the other calls of the same command: the name of a
    /// bucket. `None` where there is only one.
    pub part: Option<String>,
    /// The words behind `weka`, the newest spelling first; tried as those of a
    /// [`ClusterCommand`]. They need no quoting. Words that a server gave must
    /// not be taken for options: who makes the call sees to that.
    pub variants: Vec<Vec<String>>,
}

impl DependentCommand {
    /// The key that the answer to one call is kept under: the command's own,
    /// with the part behind a slash (`weka:s3-lifecycle/bucket-a`).
    #[must_use]
    pub fn key_of(&self, part: Option<&str>) -> String {
        match part {
            Some(part) => format!("{}/{part}", self.key),
            None => self.key.to_owned(),
        }
    }
}

/// One piece of the script that runs on every server.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct ServerProbe {
    /// Stable name of its evidence, `host:…`.
    pub key: &'static str,
    /// POSIX shell text; runs as root, in a subshell, reading nothing. It only looks.
    pub script: &'static str,
    /// How long it may take on the server.
    pub timeout: Duration,
    /// How many bytes of each of its outputs are kept.
    pub limit: usize,
}

/// A piece of the script that needs words which the cluster told: the
/// addresses of other servers. It reads them as its arguments (`$1`, …).
#[derive(Debug)]
pub struct DependentProbe {
    /// The piece.
    pub probe: ServerProbe,
    /// The words for this server, from the containers of the cluster and the
    /// servers of the run. They need no quoting. It must return the same for
    /// the same evidence; where it returns none the piece is not sent.
    pub words: fn(&View<'_>, &Server, &[Server]) -> Vec<String>,
}

impl DependentProbe {
    /// The piece with these words in front.
    ///
    /// It lives as long as the process, as all probes do: once for the same
    /// words, a few hundred bytes for each server and run where they differ.
    pub(crate) fn with(&'static self, words: &[String]) -> &'static ServerProbe {
        type Filled = HashMap<(&'static str, Vec<String>), &'static ServerProbe>;
        static FILLED: LazyLock<Mutex<Filled>> = LazyLock::new(Mutex::default);
        let mut filled = FILLED.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (self.probe.script, words.to_vec());
        filled.entry(key).or_insert_with(|| self.fill(words))
    }

    fn fill(&'static self, words: &[String]) -> &'static ServerProbe {
        let script = format!("set -- {}\n{}", shell_words::join(words), self.probe.script);
        Box::leak(Box::new(ServerProbe {
            script: script.leak(),
            ..self.probe
        }))
    }
}

/// What one server answered to the script.
#[derive(Debug, Clone)]
pub struct ServerAnswer {
    /// How it was reached, or why not.
    pub reach: Reach,
    /// One record per probe that was answered, wholly or in part.
    pub records: Vec<RawRecord>,
}

/// What kind of source a run had; stands in the report.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum SourceKind {
    /// A real cluster.
    Live,
    /// A bundle, judged again.
    Bundle,
    /// The embedded simulator.
    Simulator,
}

/// Where evidence comes from. A check cannot tell one source from another.
///
/// Calls block until there is an answer or the deadline passes, come from
/// several threads at once, and never panic.
pub trait Source: Send + Sync + 'static {
    /// What kind of source this is.
    fn kind(&self) -> SourceKind;

    /// The time that the run is judged at: now, or when the bundle was made.
    fn now(&self) -> Timestamp;

    /// Runs `weka` with these arguments and says what came of it.
    ///
    /// `arguments` is one line in which a word with unusual characters is
    /// quoted as for a POSIX shell; `shell_words::split` gives the words back.
    fn cluster(&self, key: &str, arguments: &str, deadline: &Deadline) -> RawRecord;

    /// Runs these probes on one server, in one session.
    fn server(
        &self,
        server: &Server,
        probes: &[&'static ServerProbe],
        deadline: &Deadline,
    ) -> ServerAnswer;

    /// The server that the tool stands on, if it can tell, by the addresses
    /// and names that the cluster has for it: asked when the cluster can't
    /// list its servers.
    fn here(&self) -> Option<Server>;
}
