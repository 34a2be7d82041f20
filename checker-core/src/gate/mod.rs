//! The gate: a policy over a report. It says whether an upgrade may start.
//!
//! All green, or not. What is red or unknown closes it, and nobody can accept
//! that; what is unknown about a client counts as a warning. A warning closes
//! it until somebody accepts it by name. Beside that the report must be one of
//! a whole run, over this cluster, for this upgrade, not too old, and as the
//! run wrote it.
//!
//! Everything here is pure: the clock is an input.

mod acceptance;
mod decide;
mod json;
#[cfg(test)]
mod tests;
mod text;

pub use acceptance::{Acceptance, AcceptanceError, accept, told, verify};
pub use decide::decide;
pub use json::{json, schema};
pub(crate) use text::reasons;
pub use text::{line, text};

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::report::{ClusterInfo, Report, Seal, Verdict};
use crate::source::SourceKind;
use crate::version::Version;

/// The version of the decision's shape.
pub const SCHEMA: u32 = 1;

/// How old a report may be where nothing else is said: 24 hours.
pub const MAX_AGE: SignedDuration = SignedDuration::from_hours(24);

/// How far the clock of the machine that made the report may be ahead of ours:
/// one minute. A report from a later future is refused.
pub const SKEW: SignedDuration = SignedDuration::from_secs(60);

/// How the gate came by the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The caller has just made it itself, and it never left this process.
    Live,
    /// It was read from a file, whose digest was or was not right.
    File(Seal),
}

/// What a report must be to open the gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// How the gate came by the report.
    pub origin: Origin,
    /// The GUID of the cluster to be upgraded; not compared where `None`.
    pub cluster: Option<String>,
    /// The release that the cluster runs now; not compared where `None`.
    pub source: Option<Version>,
    /// The release to upgrade to; not compared where `None`.
    pub target: Option<Version>,
    /// How old the report's oldest answer may be.
    pub max_age: SignedDuration,
    /// The time now.
    pub now: Timestamp,
    /// The upgrade is a rehearsal on a simulated cluster: only a report of a
    /// simulated one opens the gate, and never otherwise.
    pub rehearsal: bool,
    /// The backends run the target already, and only clients are to follow:
    /// the way there (`version/direction`, `version/path`) is gone and does not
    /// count. Holds only for a report whose cluster runs its target.
    pub clients_follow: bool,
}

impl Policy {
    /// For a report that the caller has just made itself. What the cluster
    /// and the upgrade must be is to be added.
    #[must_use]
    pub fn live(now: Timestamp) -> Self {
        Self {
            origin: Origin::Live,
            cluster: None,
            source: None,
            target: None,
            max_age: MAX_AGE,
            now,
            rehearsal: false,
            clients_follow: false,
        }
    }

    /// For a report that was read from a file.
    #[must_use]
    pub fn file(seal: Seal, now: Timestamp) -> Self {
        Self {
            origin: Origin::File(seal),
            ..Self::live(now)
        }
    }
}

/// Whether the upgrade may start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It may.
    Open,
    /// It must not.
    Closed,
    /// It must not, only because something could not be verified.
    Unverified,
}

/// What a reason does to the gate. The order is that in which they are told.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// It closes the gate.
    Blocks,
    /// It closes the gate, since something could not be verified.
    Unverified,
    /// It closes the gate until it is resolved, or accepted by name.
    Warns,
    /// A warning that somebody accepted: it does not close the gate.
    Accepted,
    /// Good to know.
    Note,
}

/// What a reason is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ReasonKind {
    /// The report is not as the run wrote it.
    Altered,
    /// The report has no digest, so nobody can tell whether it was altered.
    NoDigest,
    /// Its verdict, its counts and its results don't fit together.
    Contradiction,
    /// It is of a simulated cluster, and the upgrade is of a real one.
    Simulated,
    /// It is of a real cluster, and the upgrade is a rehearsal.
    NotSimulated,
    /// It was judged again from a bundle.
    Replayed,
    /// Its clock went backwards: it ended before it began.
    ClockBackwards,
    /// It was made later than now.
    FromTheFuture,
    /// It is older than it may be.
    TooOld,
    /// It is of another cluster.
    AnotherCluster,
    /// The cluster did not tell its GUID.
    ClusterUnknown,
    /// The cluster runs another release by now.
    SourceChanged,
    /// The cluster did not tell its release.
    SourceUnknown,
    /// It is for another target.
    AnotherTarget,
    /// It knows no way from the running release to the target.
    NoPath,
    /// Something of the upgrade was not compared, since nobody said what it must be.
    NotCompared,
    /// The clock of a simulated cluster is simulated too.
    SimulatedClock,
    /// It does not tell how much of the cluster was looked at.
    CoverageUnknown,
    /// The operator ended the run before everything was asked.
    Interrupted,
    /// Only some checks or servers were asked for.
    Partial,
    /// The cluster did not tell its backends.
    BackendsUnknown,
    /// The cluster has backends that are not in the report.
    BackendsMissing,
    /// Some checks have no result for some backends.
    ResultsMissing,
    /// Nothing was found good.
    NothingChecked,
    /// A check failed.
    Fail,
    /// A check could not be judged.
    Unknown,
    /// A server was not reached, or lost on the way.
    ServerNotReached,
    /// A check warns.
    Warn,
    /// A check could not be judged about a client: counts as a warning.
    ClientUnknown,
    /// A warning was accepted, but not for today.
    AcceptanceExpired,
    /// A warning was accepted.
    Accepted,
    /// An acceptance that did not count.
    AcceptanceIdle,
    /// The backends run the target, and only clients are to follow.
    ClientsFollow,
}

/// Why the gate is open or closed: one thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reason {
    /// What it is about.
    pub kind: ReasonKind,
    /// What it does to the gate.
    pub effect: Effect,
    /// The checks concerned, if any.
    pub checks: Vec<String>,
    /// The targets concerned, if any: servers, or `cluster`.
    pub targets: Vec<String>,
    /// What it is, in words.
    pub text: String,
    /// What to do about it. A line that begins with `$ ` is a command. Null
    /// where there is nothing to do; never null for what closes the gate.
    pub next: Option<String>,
}

/// What the gate was asked to compare.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Asked {
    /// The GUID of the cluster; null where it was not compared.
    pub cluster: Option<String>,
    /// The release that it runs; null where it was not compared.
    pub source_version: Option<Version>,
    /// The release to upgrade to; null where it was not compared.
    pub target_version: Option<Version>,
    /// How old the report may be, in seconds.
    pub max_age_s: i64,
}

/// The report that was decided on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReportSummary {
    /// The id of its run.
    pub run: String,
    /// The machine that it was made on.
    pub host: String,
    /// The version of the tool that made it.
    pub tool_version: String,
    /// Where its evidence came from.
    pub source: SourceKind,
    /// When it began.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub started_at: Timestamp,
    /// When everything was judged.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub finished_at: Timestamp,
    /// Whole seconds since it began; negative for a report from the future.
    /// Null for a simulated cluster, whose clock says nothing about ours.
    pub age_s: Option<i64>,
    /// Its verdict.
    pub verdict: Verdict,
    /// The digest that it says.
    pub digest: Option<String>,
}

/// The gate's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Decision {
    /// The version of this shape: 1.
    #[schemars(extend("const" = SCHEMA))]
    pub schema: u32,
    /// Whether the upgrade may start.
    pub gate: State,
    /// The exit status of `checker gate`: 0 open, 1 closed by warnings alone,
    /// 2 closed, 3 closed only because something could not be verified.
    pub exit_code: u8,
    /// The report is of a simulated cluster: it opens no gate of a real one.
    pub rehearsal: bool,
    /// When it was decided.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub decided_at: Timestamp,
    /// What was compared.
    pub asked: Asked,
    /// The report.
    pub report: ReportSummary,
    /// The cluster, as the report has it.
    pub cluster: ClusterInfo,
    /// The release to upgrade to, as the report has it.
    pub target_version: Version,
    /// The releases on the way there, as the report has them.
    pub path: Vec<Version>,
    /// Why, what blocks first.
    pub reasons: Vec<Reason>,
}

impl Decision {
    /// Whether the upgrade may start.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.gate == State::Open
    }

    /// Whether unaccepted warnings are all that keeps the gate closed.
    #[must_use]
    pub fn closed_by_warnings(&self) -> bool {
        self.gate == State::Closed && !self.reasons.iter().any(|r| r.effect == Effect::Blocks)
    }

    /// The reasons of one effect.
    pub fn reasons_that(&self, effect: Effect) -> impl Iterator<Item = &Reason> {
        self.reasons.iter().filter(move |r| r.effect == effect)
    }

    fn new(report: &Report, policy: &Policy, mut reasons: Vec<Reason>) -> Self {
        // Stable: within an effect, in the order of the rules.
        reasons.sort_by_key(|reason| reason.effect);
        let any = |effect| reasons.iter().any(|r| r.effect == effect);
        // The order of the report's verdict: unknown outweighs a warning.
        let (gate, exit_code) = if any(Effect::Blocks) {
            (State::Closed, 2)
        } else if any(Effect::Unverified) {
            (State::Unverified, 3)
        } else if any(Effect::Warns) {
            (State::Closed, 1)
        } else {
            (State::Open, 0)
        };
        let rehearsal = report.run.source == SourceKind::Simulator;
        let age = policy.now.duration_since(report.run.started_at).as_secs();
        Self {
            schema: SCHEMA,
            gate,
            exit_code,
            rehearsal,
            decided_at: policy.now,
            asked: Asked {
                cluster: policy.cluster.clone(),
                source_version: policy.source.clone(),
                target_version: policy.target.clone(),
                max_age_s: policy.max_age.as_secs(),
            },
            report: ReportSummary {
                run: report.run.id.clone(),
                host: report.run.host.clone(),
                tool_version: report.tool.version.clone(),
                source: report.run.source,
                started_at: report.run.started_at,
                finished_at: report.run.finished_at,
                age_s: (!rehearsal).then_some(age),
                verdict: report.verdict,
                digest: report.digest.clone(),
            },
            cluster: report.cluster.clone(),
            target_version: report.target_version.clone(),
            path: report.path.clone(),
            reasons,
        }
    }
}
