//! Background tasks.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One background task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// Number of its id.
    pub id: u64,
    /// `STOW_UPLOAD`, `OBS_DETACH`, `QUOTA_COLORING`, ….
    pub kind: String,
    /// `RUNNING`, `PAUSED`, `PAUSING`, `ABORTING`, `WAITING`.
    pub state: String,
    /// Free text; `PREPARE 0/2` while it waits.
    pub phase: String,
    /// Percent of its phase.
    pub progress: u64,
    /// What it works on.
    pub description: String,
    /// When it began.
    pub time: Timestamp,
}

impl Task {
    /// Whether a user paused it.
    #[must_use]
    pub fn paused(&self) -> bool {
        matches!(self.state.as_str(), "PAUSED" | "PAUSING")
    }

    /// Whether only `--show-waiting` lists it.
    #[must_use]
    pub fn waits(&self) -> bool {
        self.state == "WAITING"
    }

    /// Whether only `--show-catalog` lists it, where the option is there.
    #[must_use]
    pub fn of_catalog(&self) -> bool {
        // CATALAOG is how the product spells one of them.
        self.kind.starts_with("CATALOG") || self.kind.starts_with("CATALAOG")
    }
}
