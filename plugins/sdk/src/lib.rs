//! The contract between `checker` and its checks, whether they are built in
//! or come from outside: what a check says of itself, and what it answers.
//!
//! Built-in checks use these types directly; a plugin exchanges them as JSON.
//! Whoever adds a field gives it a `serde` default, so that a plugin built
//! against an older SDK is still understood.
//!
//! Who writes a plugin in Rust needs the macro [`plugin!`] and the types of
//! [`author`]; who writes one in another language, `include/checker_plugin.h`
//! and `schema/`.

pub mod abi;
pub mod author;
#[doc(hidden)]
pub mod export;
pub mod wire;

pub use author::{Check, Command, Evidence, Plugin, Probe, Releases};

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a check is asked about: once for the cluster, or once per server of a role.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Judged once per run.
    Cluster,
    /// Judged once per backend server.
    Backend,
    /// Judged once per client server.
    Client,
}

impl Scope {
    /// The word that stands in the report.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cluster => "cluster",
            Self::Backend => "backend",
            Self::Client => "client",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The answer of one check about one target.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Green: looked at, and good.
    Pass,
    /// The check does not apply to this cluster, release or target.
    Skipped,
    /// Yellow: to be resolved or accepted before the upgrade.
    Warn,
    /// It could not be found out. Never green.
    Unknown,
    /// Red: the upgrade must not start.
    Fail,
}

impl Outcome {
    /// The word that stands in the report.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Skipped => "skipped",
            Self::Warn => "warn",
            Self::Unknown => "unknown",
            Self::Fail => "fail",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Which colours other than green a check can give.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Yellow.
    Warn,
    /// Red.
    Fail,
}

/// What a check says of itself; enough for `checker list` and `checker explain`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CheckInfo {
    /// `area/name`, stable for ever: options, reports and support rely on it.
    pub id: String,
    /// One line, the good state or the thing examined.
    pub title: String,
    /// What it is asked about.
    pub scope: Vec<Scope>,
    /// The versions and conditions in which it applies, in words (`all`, `src >= 4.2.7`).
    pub when: String,
    /// The colours that it can give beside green.
    pub levels: Vec<Level>,
    /// Where the rule comes from: document and chapter, or ticket.
    pub sources: Vec<String>,
    /// The plugin that brought it; `None` for a built-in check.
    #[serde(default)]
    pub plugin: Option<String>,
    /// The text behind `checker explain`, in Markdown, without the title.
    #[serde(default)]
    pub explanation: String,
}

/// What a check found about one target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Judgement {
    /// The colour.
    pub outcome: Outcome,
    /// One line: what is so, with the measured value also when all is well.
    pub summary: String,
    /// The things concerned, one per line: complete, whatever a screen shows of it.
    #[serde(default)]
    pub details: Vec<String>,
    /// What to do about it, with the real command. Yellow and red always have one.
    #[serde(default)]
    pub remedy: Option<String>,
}

impl Judgement {
    fn new(outcome: Outcome, summary: impl Into<String>) -> Self {
        Self {
            outcome,
            summary: summary.into(),
            details: Vec::new(),
            remedy: None,
        }
    }

    /// Green, with the value that was measured.
    #[must_use]
    pub fn pass(summary: impl Into<String>) -> Self {
        Self::new(Outcome::Pass, summary)
    }

    /// Yellow. The remedy is part of the finding: none goes without.
    #[must_use]
    pub fn warn(summary: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            remedy: Some(remedy.into()),
            ..Self::new(Outcome::Warn, summary)
        }
    }

    /// Red. The remedy is part of the finding: none goes without.
    #[must_use]
    pub fn fail(summary: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            remedy: Some(remedy.into()),
            ..Self::new(Outcome::Fail, summary)
        }
    }

    /// The evidence is there but does not decide the question; the summary says why.
    #[must_use]
    pub fn unknown(summary: impl Into<String>) -> Self {
        Self::new(Outcome::Unknown, summary)
    }

    /// The check does not concern this target; the summary says why.
    #[must_use]
    pub fn skipped(because: impl Into<String>) -> Self {
        Self::new(Outcome::Skipped, because)
    }

    /// Adds one detail line.
    #[must_use]
    pub fn detail(mut self, line: impl Into<String>) -> Self {
        self.details.push(line.into());
        self
    }

    /// Adds detail lines.
    #[must_use]
    pub fn details<S: Into<String>>(mut self, lines: impl IntoIterator<Item = S>) -> Self {
        self.details.extend(lines.into_iter().map(Into::into));
        self
    }
}
