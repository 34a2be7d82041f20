//! File systems, snapshots and object stores.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One file system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filesystem {
    /// Number of its id.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// Bytes that it may hold.
    pub total: u64,
    /// Bytes on drives that it may hold.
    pub ssd: u64,
    /// Bytes in use.
    pub used: u64,
    /// Whether it is encrypted.
    pub encrypted: bool,
    /// Names of the object stores behind it.
    pub object_stores: Vec<String>,
}

/// Where an upload or download of a snapshot stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stow {
    /// `NONE`, `UPLOADING`, `SYNCHRONIZED`, `DOWNLOADING`.
    pub status: String,
    /// `N/A`, `41%`.
    pub progress: String,
    /// Where it lies in the object store.
    pub locator: String,
}

impl Default for Stow {
    fn default() -> Self {
        Self {
            status: "NONE".to_owned(),
            progress: "N/A".to_owned(),
            locator: String::new(),
        }
    }
}

/// One snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Number of its id.
    pub id: u64,
    /// Of which file system.
    pub filesystem: String,
    /// Its name.
    pub name: String,
    /// When it was taken.
    pub created: Timestamp,
    /// Whether it takes writes.
    pub writable: bool,
    /// Its upload to the local object store.
    #[serde(default)]
    pub local: Stow,
    /// Its upload to the remote object store.
    #[serde(default)]
    pub remote: Stow,
    /// In how many buckets its local upload lies; 0 when there is none.
    #[serde(default)]
    pub buckets: u64,
}

/// One object store bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectStore {
    /// Number of its id.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// `LOCAL` or `REMOTE`.
    pub site: String,
    /// Where it is.
    pub hostname: String,
}
