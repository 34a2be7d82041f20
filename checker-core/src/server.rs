//! The servers of a cluster, and how they were reached.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::contract::Scope;

/// What a server is to the cluster.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// It runs containers in backend mode.
    Backend,
    /// It runs only containers in client mode.
    Client,
}

impl Role {
    /// The scope whose checks look at servers of this role.
    #[must_use]
    pub fn scope(self) -> Scope {
        match self {
            Self::Backend => Scope::Backend,
            Self::Client => Scope::Client,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.scope().as_str())
    }
}

/// One physical server, however many containers it runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Server {
    /// Unique in a run: the host name, with the address behind it where two
    /// servers have the same (`weka-02@10.0.0.12`).
    pub name: String,
    /// The host name that the cluster has for it.
    pub hostname: String,
    /// Where it is reached: an address, or a name that the operator gave.
    pub address: String,
    /// Every management address that the cluster has for it, that of
    /// `address` first where it is one.
    pub addresses: Vec<String>,
    /// What it is to the cluster.
    pub role: Role,
}

/// How a server's probes were run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Transport {
    /// On this machine, without SSH.
    Local,
    /// Over an SSH session of our own.
    Ssh,
    /// Through the system's `ssh`, for what our own can't do.
    SystemSsh,
    /// Answered by the simulator.
    Simulated,
}

impl Transport {
    /// The word that stands in the report.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Ssh => "ssh",
            Self::SystemSsh => "system-ssh",
            Self::Simulated => "simulated",
        }
    }
}

/// Which step towards a server failed.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// The name has no address.
    Dns,
    /// The address answered that nothing listens on the port.
    Refused,
    /// No way to the address.
    NoRoute,
    /// Nothing answered in time while connecting.
    Timeout,
    /// The host key changed, or is not known under the strict policy.
    HostKey,
    /// The server accepted none of our keys.
    Authentication,
    /// `sudo -n` was refused.
    Sudo,
    /// The session opened but no POSIX shell answered.
    Shell,
    /// What came was no SSH, or broke its rules, or the connection was cut.
    Protocol,
    /// The session was open when the server's time was up.
    Deadline,
    /// The operator interrupted the run.
    Interrupted,
    /// Something on the machine that the tool runs on: a file, a limit, a missing `ssh`.
    Local,
    /// The bundle holds nothing of this server.
    NotInBundle,
}

impl Step {
    /// The word that stands in the report.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dns => "DNS",
            Self::Refused => "connection refused",
            Self::NoRoute => "no route",
            Self::Timeout => "connect timeout",
            Self::HostKey => "host key",
            Self::Authentication => "authentication",
            Self::Sudo => "sudo",
            Self::Shell => "shell",
            Self::Protocol => "protocol",
            Self::Deadline => "deadline",
            Self::Interrupted => "interrupted",
            Self::Local => "this machine",
            Self::NotInBundle => "not in the bundle",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Why a server could not be reached, or was lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{step}: {detail}")]
pub struct ReachError {
    /// The step that failed.
    pub step: Step,
    /// What was seen, in one line, free of secrets.
    pub detail: String,
}

/// How a server was reached, or why not.
///
/// A server can be reached and then lost: then `transport` says how, `error`
/// says why it was lost, and some of its records are there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reach {
    /// How its script was started; `None` if that never came to pass.
    pub transport: Option<Transport>,
    /// Why it was not reached, or not to the end.
    pub error: Option<ReachError>,
    /// From the first packet to the last byte, in milliseconds.
    pub ms: u64,
}

impl Reach {
    /// Whether the script ran to its end.
    #[must_use]
    pub fn complete(&self) -> bool {
        self.transport.is_some() && self.error.is_none()
    }
}
