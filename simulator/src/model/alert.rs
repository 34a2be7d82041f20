//! Alerts.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// How grave an alert or an event is. Releases before 4.4.10.80 do not print
/// it for alerts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Severity {
    /// Hidden unless asked for.
    Debug,
    /// Of events only.
    Info,
    /// The lowest that `weka alerts` lists by itself.
    Warning,
    /// Minor.
    Minor,
    /// Major.
    Major,
    /// Critical.
    Critical,
}

impl Severity {
    /// As it is printed.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Warning => "WARNING",
            Self::Minor => "MINOR",
            Self::Major => "MAJOR",
            Self::Critical => "CRITICAL",
        }
    }

    /// As it is typed, in any case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let all = [
            Self::Debug,
            Self::Info,
            Self::Warning,
            Self::Minor,
            Self::Major,
            Self::Critical,
        ];
        all.into_iter()
            .find(|s| s.as_str().eq_ignore_ascii_case(text))
    }
}

/// One row of `weka alerts`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// `DriveDown`, `NodeBlacklisted`, ….
    pub kind: String,
    /// How grave it is.
    pub severity: Severity,
    /// Whether it was muted.
    pub muted: bool,
    /// How many instances are behind the row.
    pub count: u64,
    /// In a few words.
    pub title: String,
    /// What it is about.
    pub description: String,
    /// What to do.
    pub action: String,
    /// Since when.
    pub start: Timestamp,
}
