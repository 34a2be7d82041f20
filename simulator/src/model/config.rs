//! Settings and inner values that `weka debug …` shows.

use serde::{Deserialize, Serialize};

/// A manual override.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManualOverride {
    /// Number of its id.
    pub id: u64,
    /// Its key.
    pub key: String,
    /// Its value.
    pub value: String,
    /// Whether it was forced.
    pub forced: bool,
}

/// Settings of the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Config {
    /// Whether the catalog indexes; only releases with a catalog show it.
    pub catalog_indexing: bool,
    /// `client-target-version`, if set.
    pub client_target_version: Option<String>,
    /// Manual overrides.
    pub overrides: Vec<ManualOverride>,
    /// Whether traces are on.
    pub traces: bool,
    /// Bytes that traces leave free.
    pub traces_ensure_free: u64,
    /// Whether remote traces are on.
    pub remote_traces: bool,
    /// Seconds for which statistics are kept.
    pub stats_retention_secs: u64,
    /// Mean CPU of the compute processes, in tenths of a percent.
    pub compute_cpu_tenths: u32,
    /// The release that the cluster was installed with, where it is known.
    pub initial_release: Option<String>,
    /// Microseconds since 1970; -1 for never.
    pub last_upgrade_usecs: i64,
    /// When the last FSCK began, microseconds since 1970; -1 for never.
    pub last_fsck_usecs: i64,
    /// What it found.
    pub last_fsck_issues: u64,
    /// Drives that the configuration still holds from its first generation,
    /// with the bytes of each; no list of drives has them.
    pub left_over_drives: Vec<u64>,
    /// Releases that are accepted beside the running one.
    pub mixed_accepted: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            catalog_indexing: false,
            client_target_version: None,
            overrides: Vec::new(),
            traces: true,
            traces_ensure_free: 10 << 30,
            remote_traces: false,
            stats_retention_secs: 86_400,
            compute_cpu_tenths: 231,
            initial_release: None,
            // 2026-03-05 12:52 UTC, and a scan two days after.
            last_upgrade_usecs: 1_772_715_120_000_000,
            last_fsck_usecs: 1_772_900_000_000_000,
            last_fsck_issues: 0,
            left_over_drives: Vec::new(),
            mixed_accepted: Vec::new(),
        }
    }
}
