//! Where evidence comes from: one trait, three sources (live, bundle, simulator).

use std::time::Duration;

use jiff::Timestamp;

use crate::deadline::Deadline;
use crate::evidence::RawRecord;
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
