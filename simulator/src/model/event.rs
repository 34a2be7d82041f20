//! Events.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Severity;

/// One event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// When.
    pub time: Timestamp,
    /// `DrivesUpgradeStarted`, ….
    pub kind: String,
    /// `Upgrade`, `Drive`, `Network`, ….
    pub category: String,
    /// How grave it is.
    pub severity: Severity,
    /// What happened.
    pub description: String,
    /// The process that tells it, by number of its id.
    pub process: u64,
    /// Further values, an object.
    pub params: Value,
}
