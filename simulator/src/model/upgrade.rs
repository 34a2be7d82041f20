//! An upgrade that runs, and the conversion of metadata that follows some.

use serde::{Deserialize, Serialize};

/// The metadata conversion after an upgrade.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockTask {
    /// `INVALID` when idle.
    pub kind: String,
    /// `IDLE` when idle.
    pub state: String,
    /// Percent.
    pub progress: u64,
    /// Number of its id.
    pub id: u64,
}

/// What the cluster says of an upgrade.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upgrade {
    /// Empty when none runs; else it names drive, compute or frontend.
    pub phase: String,
    /// Whether it was paused.
    pub paused: bool,
    /// `agent-driven`.
    pub kind: String,
    /// The conversion.
    pub block_task: BlockTask,
}

impl Default for Upgrade {
    fn default() -> Self {
        Self {
            phase: String::new(),
            paused: false,
            kind: "agent-driven".to_owned(),
            block_task: BlockTask {
                kind: "INVALID".to_owned(),
                state: "IDLE".to_owned(),
                progress: 0,
                id: 0,
            },
        }
    }
}
