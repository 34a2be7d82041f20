//! The report's data, version 1. Automation relies on this shape.

use std::fmt;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::contract::{Outcome, Scope};
use crate::engine::Selection;
use crate::server::{Role, Transport};
use crate::source::SourceKind;
use crate::version::Version;

/// The version of the report's shape.
pub const SCHEMA: u32 = 1;

/// Everything that a run found out. Times are RFC 3339 UTC, sizes bytes,
/// durations milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// The version of this shape: 1.
    #[schemars(extend("const" = SCHEMA))]
    pub schema: u32,
    /// The tool that made it.
    pub tool: ToolInfo,
    /// The run.
    pub run: RunInfo,
    /// The cluster.
    pub cluster: ClusterInfo,
    /// The release to upgrade to.
    pub target_version: Version,
    /// The releases from the running one to the target, hop by hop; empty
    /// when the running one is not known, or no path leads to the target.
    pub path: Vec<Version>,
    /// May the cluster be upgraded?
    pub verdict: Verdict,
    /// How many results have each outcome.
    pub counts: Counts,
    /// The servers, backends first.
    pub servers: Vec<ServerInfo>,
    /// The acceptances that were given, and what came of each; left out where
    /// none was.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub acceptances: Vec<AcceptanceGiven>,
    /// The plugins and scripts that took part, or should have; left out where
    /// there were none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub plugins: Vec<PluginInfo>,
    /// Exactly one per check and target, sorted by check, then by server.
    pub results: Vec<CheckResult>,
    /// `sha256:` and 64 hexadecimal digits, over everything else in the
    /// report; left out by releases that made none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

/// Where checks came from that are not built in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PluginInfo {
    /// Its name; of a script, the file's.
    pub name: String,
    /// What it is.
    pub kind: PluginKind,
    /// The version that it says it has; scripts have none.
    pub version: Option<String>,
    /// The file.
    pub path: String,
    /// The SHA-256 of the file, in hexadecimal digits; null when it was not read.
    pub sha256: Option<String>,
    /// The ids of its checks.
    pub checks: Vec<String>,
    /// What went wrong with it; its checks are unknown then.
    pub error: Option<String>,
    /// What is to be known of a file that has no checks and no fault: why it is
    /// not used, or what it is used for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// What kind of plugin it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PluginKind {
    /// A shared library.
    Library,
    /// A script of the field's convention: not ours, and not held to only look.
    Script,
}

/// The tool that made a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ToolInfo {
    /// `checker`.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The day up to which its release data is complete.
    #[schemars(with = "String", extend("format" = "date"))]
    pub data_date: jiff::civil::Date,
}

/// One run of the tool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RunInfo {
    /// A random id.
    pub id: String,
    /// When it began.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub started_at: Timestamp,
    /// When everything was judged.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub finished_at: Timestamp,
    /// Where the evidence came from.
    pub source: SourceKind,
    /// The command line, without secrets.
    pub argv: Vec<String>,
    /// The machine that it ran on.
    pub host: String,
    /// How much of the cluster it looked at; left out by releases that did
    /// not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coverage: Option<Coverage>,
}

/// How much of the cluster a run looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Coverage {
    /// Which checks and servers were asked for.
    pub selection: Selection,
    /// Whether the operator ended it before everything was asked.
    pub interrupted: bool,
    /// How many backends the cluster has, whichever of them were asked; null
    /// if it did not tell.
    pub backends: Option<usize>,
}

/// The cluster that was looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ClusterInfo {
    /// Its name, if it told.
    pub name: Option<String>,
    /// Its uuid, if it told.
    pub guid: Option<String>,
    /// The running release, if it told.
    pub version: Option<Version>,
}

/// May the cluster be upgraded?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// All green.
    Green,
    /// There are warnings.
    Yellow,
    /// There are failures.
    Red,
    /// Nothing is red, but something could not be verified.
    Unknown,
}

impl Verdict {
    /// The word that stands in the report.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Green => "green",
            Self::Yellow => "yellow",
            Self::Red => "red",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How many results have each outcome.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Counts {
    /// Green.
    pub pass: usize,
    /// Yellow.
    pub warn: usize,
    /// Red.
    pub fail: usize,
    /// Could not be found out.
    pub unknown: usize,
    /// Not applicable.
    pub skipped: usize,
}

/// One server, and how it was reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ServerInfo {
    /// Unique in the report.
    pub name: String,
    /// Where it was tried.
    pub address: String,
    /// What it is to the cluster.
    pub role: Role,
    /// Whether it answered to the end.
    pub reached: bool,
    /// How its probes were run; null if that never came to pass.
    pub transport: Option<Transport>,
    /// From the first packet to the last byte.
    pub ms: u64,
    /// Why it was not reached, or lost.
    pub error: Option<String>,
}

/// What one check found about one target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CheckResult {
    /// The check's id.
    pub check: String,
    /// What it was asked about.
    pub scope: Scope,
    /// `cluster`, or the server's name.
    pub target: String,
    /// The colour.
    pub outcome: Outcome,
    /// One line.
    pub summary: String,
    /// The things concerned, complete.
    pub details: Vec<String>,
    /// What to do about it.
    pub remedy: Option<String>,
    /// Where the rule comes from.
    pub sources: Vec<String>,
    /// The keys of the evidence that it rests on.
    pub evidence: Vec<String>,
    /// Why somebody accepted this warning, if one did.
    pub accepted: Option<Accepted>,
}

/// A warning that was accepted by name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Accepted {
    /// The reason given.
    pub reason: String,
    /// Who accepted it; left out by releases that did not ask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// The last day (UTC) on which that counts; left out where none was set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", extend("format" = "date"))]
    pub until: Option<jiff::civil::Date>,
}

/// An acceptance that the run was given, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AcceptanceGiven {
    /// The check whose warnings it accepts.
    pub check: String,
    /// The one target that it is for; null for all.
    pub server: Option<String>,
    /// The reason given.
    pub reason: String,
    /// Who gave it.
    pub author: String,
    /// The last day (UTC) on which it counts; null for no end.
    #[schemars(with = "Option<String>", extend("format" = "date"))]
    pub until: Option<jiff::civil::Date>,
    /// What came of it.
    pub effect: AcceptanceEffect,
    /// How many results it accepts.
    pub results: usize,
    /// The same in words.
    pub note: String,
}

/// What came of an acceptance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AcceptanceEffect {
    /// It accepts at least one warning.
    Accepts,
    /// Its last day had passed.
    Expired,
    /// What it names is green, does not apply, or was accepted by another.
    NotNeeded,
    /// What it names is red or unknown, which nobody can accept.
    NotAcceptable,
    /// The check was not asked about that target, or not at all.
    NotAsked,
    /// The run knows no such server.
    NoSuchServer,
}

impl Counts {
    /// Counts the outcomes.
    #[must_use]
    pub fn of(results: &[CheckResult]) -> Self {
        let mut counts = Self::default();
        for result in results {
            let field = match result.outcome {
                Outcome::Pass => &mut counts.pass,
                Outcome::Warn => &mut counts.warn,
                Outcome::Fail => &mut counts.fail,
                Outcome::Unknown => &mut counts.unknown,
                Outcome::Skipped => &mut counts.skipped,
            };
            *field += 1;
        }
        counts
    }
}

impl Verdict {
    /// The verdict over these results.
    ///
    /// What could not be found out about a client counts as a warning. A run
    /// in which nothing was found good is not a good run.
    #[must_use]
    pub fn of(results: &[CheckResult]) -> Self {
        let any = |test: fn(&CheckResult) -> bool| results.iter().any(test);
        if any(|r| r.outcome == Outcome::Fail) {
            Self::Red
        } else if any(|r| r.outcome == Outcome::Unknown && r.scope != Scope::Client) {
            Self::Unknown
        } else if any(|r| matches!(r.outcome, Outcome::Warn | Outcome::Unknown)) {
            Self::Yellow
        } else if any(|r| r.outcome == Outcome::Pass) {
            Self::Green
        } else {
            Self::Unknown
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn result(outcome: Outcome, scope: Scope) -> CheckResult {
        CheckResult {
            check: "a/b".to_owned(),
            scope,
            target: "cluster".to_owned(),
            outcome,
            summary: String::new(),
            details: Vec::new(),
            remedy: None,
            sources: Vec::new(),
            evidence: Vec::new(),
            accepted: None,
        }
    }

    #[rstest]
    #[case::all_good(&[Outcome::Pass, Outcome::Skipped], Verdict::Green)]
    #[case::a_warning(&[Outcome::Pass, Outcome::Warn], Verdict::Yellow)]
    #[case::unknown_outweighs_a_warning(&[Outcome::Warn, Outcome::Unknown], Verdict::Unknown)]
    #[case::red_outweighs_all(&[Outcome::Unknown, Outcome::Fail, Outcome::Pass], Verdict::Red)]
    #[case::nothing_ran(&[], Verdict::Unknown)]
    #[case::nothing_applied(&[Outcome::Skipped], Verdict::Unknown)]
    fn verdicts(#[case] outcomes: &[Outcome], #[case] verdict: Verdict) {
        let results: Vec<_> = outcomes
            .iter()
            .map(|o| result(*o, Scope::Cluster))
            .collect();
        assert_eq!(Verdict::of(&results), verdict);
    }

    #[test]
    fn what_is_unknown_about_a_client_is_a_warning() {
        let results = [
            result(Outcome::Pass, Scope::Cluster),
            result(Outcome::Unknown, Scope::Client),
        ];
        assert_eq!(Verdict::of(&results), Verdict::Yellow);
    }
}
