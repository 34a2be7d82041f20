//! Organizations, users, and who the CLI is.

use serde::{Deserialize, Serialize};

/// One organization (6.0: tenant).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Organization {
    /// Number of its id; 0 is `Root`.
    pub id: u64,
    /// Its name.
    pub name: String,
}

/// One user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Login name.
    pub name: String,
    /// `ClusterAdmin`, `OrgAdmin`, `Regular`, `ReadOnly`, `S3`, `CSI`.
    pub role: String,
    /// `Internal`, `LDAP`.
    pub source: String,
    /// Number of the organization.
    pub org: u64,
}

/// Who the CLI is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Login {
    /// This user, by name.
    As(String),
    /// Nobody: exit status 41 with this text.
    Refused(String),
    /// The local container does not answer: another exit status.
    NoContainer,
    /// There is no `weka` on the server that the tool stands on.
    NoProgram,
}
