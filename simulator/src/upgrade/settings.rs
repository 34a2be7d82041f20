//! Commands that change one setting at once.

use super::Step;
use crate::model::{Cluster, ManualOverride};

/// What is changed.
#[derive(Debug)]
pub(crate) enum Setting {
    /// The upgrade is paused, or goes on.
    Pause(bool),
    /// A manual override is added, or has another value.
    Override {
        key: String,
        value: String,
        forced: bool,
    },
    /// The override of this id is removed.
    NoOverride(u64),
    /// Whether the catalog indexes.
    Index(bool),
}

impl Setting {
    pub(super) fn apply(&mut self, cluster: &mut Cluster) -> Step {
        let overrides = &mut cluster.config.overrides;
        match self {
            Self::Pause(pause) => {
                cluster.upgrade.paused = *pause;
                cluster.upgrade.paused_for = None;
            }
            Self::Override { key, value, forced } => {
                let id = overrides.iter().map(|o| o.id + 1).max().unwrap_or(0);
                overrides.retain(|o| o.key != *key);
                overrides.push(ManualOverride {
                    id,
                    key: key.clone(),
                    value: value.clone(),
                    forced: *forced,
                });
            }
            Self::NoOverride(id) => overrides.retain(|o| o.id != *id),
            Self::Index(on) => cluster.config.catalog_indexing = *on,
        }
        Step::of(1).success()
    }
}
