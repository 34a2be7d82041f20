//! Physical servers, and what each says of itself.

use std::collections::BTreeMap;

use checker_core::Version;
use checker_core::server::Step;
use serde::{Deserialize, Serialize};

use super::{Container, LocalState, Machine};

/// A unit of systemd.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unit {
    /// `loaded`, `not-found`, `masked`; `sysv` where there is no systemd.
    pub load: String,
    /// `active`, `inactive`, `failed`, ….
    pub active: String,
    /// `running`, `dead`, `exited`, ….
    pub sub: String,
    /// `enabled`, `disabled`, `masked`, `static`; empty for a unit that is not there.
    pub file_state: String,
}

impl Unit {
    /// A unit in these states.
    #[must_use]
    pub fn new(load: &str, active: &str, sub: &str, file_state: &str) -> Self {
        Self {
            load: load.to_owned(),
            active: active.to_owned(),
            sub: sub.to_owned(),
            file_state: file_state.to_owned(),
        }
    }
}

/// A mounted file system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mount {
    /// Where it is mounted.
    pub at: String,
    /// What is mounted.
    pub device: String,
    /// KiB.
    pub total: u64,
    /// KiB.
    pub used: u64,
    /// `xfs`, `nfs4`, `tmpfs`, ….
    #[serde(default = "local_kind")]
    pub kind: String,
    /// Options beside `rw,relatime`.
    #[serde(default)]
    pub options: Vec<String>,
}

impl Mount {
    /// A local file system of this size, in KiB.
    #[must_use]
    pub fn local(at: &str, device: &str, total: u64, used: u64) -> Self {
        Self {
            at: at.to_owned(),
            device: device.to_owned(),
            total,
            used,
            kind: local_kind(),
            options: Vec::new(),
        }
    }
}

fn local_kind() -> String {
    "xfs".to_owned()
}

/// The certificate of the cluster on a server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// The length of its RSA key.
    pub bits: u32,
    /// How many days it is still valid.
    pub days: i64,
}

impl Default for Certificate {
    fn default() -> Self {
        Self {
            bits: 2048,
            days: 300,
        }
    }
}

fn certificate() -> Option<Certificate> {
    Some(Certificate::default())
}

/// A mounted file system of WEKA's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WekafsMount {
    /// Where it is mounted.
    pub at: String,
    /// `weka-01/fs01`.
    pub device: String,
}

/// How the tool gets on with a server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reachability {
    /// It answers.
    #[default]
    Up,
    /// It is not reached.
    Fails {
        /// The step at which it fails.
        step: Step,
        /// What is seen of it.
        detail: String,
        /// How long that takes, in milliseconds.
        ms: u64,
    },
    /// It is lost in the middle of the script.
    DiesAfter {
        /// How many probes it answers first.
        probes: usize,
    },
}

/// A container that only `weka local` knows: protocols, leftovers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalContainer {
    /// `s3`, `envoy`, `ganesha`, `smbw`, `upgrade`, ….
    pub name: String,
    /// `weka`, `s3`, `ganesha`, ….
    pub kind: String,
    /// The release that it runs.
    pub release: Version,
    /// Its state.
    #[serde(default)]
    pub state: LocalState,
}

/// A release that was brought to a server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Download {
    /// Which.
    pub release: Version,
    /// Whether its driver was built.
    pub prepared: bool,
}

/// One physical server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Server {
    /// Unique in the model, even where two servers share a host name.
    pub name: String,
    /// Its host name.
    pub hostname: String,
    /// Its management addresses, the primary one first.
    pub addresses: Vec<String>,
    /// The same for all its containers, and for no other server.
    pub machine_id: String,
    /// The cluster's containers on it.
    pub containers: Vec<Container>,
    /// What else runs on it.
    #[serde(default)]
    pub local: Vec<LocalContainer>,
    /// Units of systemd by name.
    pub units: BTreeMap<String, Unit>,
    /// Mounted file systems.
    pub mounts: Vec<Mount>,
    /// Where `/opt/weka` leads to, if it is a symbolic link.
    #[serde(default)]
    pub opt_weka_link: Option<String>,
    /// Directories below `/opt/weka/data` with their apparent size in KiB.
    pub data_dirs: BTreeMap<String, u64>,
    /// WEKA's file systems that are mounted.
    #[serde(default)]
    pub wekafs: Vec<WekafsMount>,
    /// How many NFS clients are connected.
    #[serde(default)]
    pub nfs_connections: u64,
    /// The version of the SMB-W server, where there is one.
    #[serde(default)]
    pub tsmb: Option<String>,
    /// How many groups of devices its IOMMU keeps apart; 0 with the IOMMU off.
    #[serde(default)]
    pub iommu_groups: u64,
    /// Whether a firewall keeps it from the backends' management ports.
    #[serde(default)]
    pub cut_off: bool,
    /// Whether a firewall keeps the others from its management ports.
    #[serde(default)]
    pub walled_in: bool,
    /// The certificate in each container's directory, if there is one.
    #[serde(default = "certificate")]
    pub certificate: Option<Certificate>,
    /// Whether the description of the running release names certificates of its own.
    #[serde(default)]
    pub ca_override: bool,
    /// The machine below it.
    #[serde(default)]
    pub machine: Machine,
    /// How far its clock is ahead of the true time, in milliseconds.
    #[serde(default)]
    pub clock_offset_ms: i64,
    /// Whether its `date` and `du` are those of busybox, which know less.
    #[serde(default)]
    pub busybox: bool,
    /// Whether the tool gets there.
    #[serde(default)]
    pub reach: Reachability,
    /// Whether write combining is off in its network driver, on AWS.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub write_combining_off: bool,
    /// Releases that it has beside those of [`super::Cluster::versions`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub downloads: Vec<Download>,
}

impl Server {
    /// Whether it runs a backend container.
    #[must_use]
    pub fn is_backend(&self) -> bool {
        self.containers.iter().any(Container::is_backend)
    }

    /// Whether it has drives, which makes it a failure domain.
    #[must_use]
    pub fn has_drives(&self) -> bool {
        self.containers.iter().any(|c| c.drive_cores > 0)
    }

    /// Whether it is called so: by its name, host name or one of its addresses.
    #[must_use]
    pub fn is_called(&self, name: &str) -> bool {
        self.name == name || self.hostname == name || self.addresses.iter().any(|a| a == name)
    }

    /// Its primary address.
    #[must_use]
    pub fn address(&self) -> &str {
        self.addresses.first().map_or("", String::as_str)
    }

    /// A release that was brought to it.
    #[must_use]
    pub fn download(&self, release: &Version) -> Option<&Download> {
        self.downloads.iter().find(|d| d.release == *release)
    }

    /// Brings a release to it, with the driver or without.
    pub fn bring(&mut self, release: &Version, prepared: bool) {
        match self.downloads.iter_mut().find(|d| d.release == *release) {
            Some(download) => download.prepared |= prepared,
            None => self.downloads.push(Download {
                release: release.clone(),
                prepared,
            }),
        }
    }

    /// The container of this name.
    pub fn container_mut(&mut self, name: &str) -> Option<&mut Container> {
        self.containers.iter_mut().find(|c| c.name == name)
    }

    /// The path without the link that `/opt/weka` can be.
    #[must_use]
    pub fn real_path(&self, path: &str) -> String {
        match (path.strip_prefix("/opt/weka"), &self.opt_weka_link) {
            (Some(rest), Some(link)) if rest.is_empty() || rest.starts_with('/') => {
                format!("{link}{rest}")
            }
            _ => path.to_owned(),
        }
    }

    /// The mount that a path lies on: the one with the longest mount point.
    #[must_use]
    pub fn mount_of(&self, path: &str) -> Option<&Mount> {
        let path = self.real_path(path);
        self.mounts
            .iter()
            .filter(|m| {
                m.at == "/"
                    || path
                        .strip_prefix(m.at.as_str())
                        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            })
            .max_by_key(|m| m.at.len())
    }

    /// `UP`, `DEGRADED` or `DOWN`, as the cluster sees it.
    #[must_use]
    pub fn status(&self) -> &'static str {
        let up = self.containers.iter().filter(|c| c.status == "UP").count();
        if up == self.containers.len() {
            "UP"
        } else if self.containers.iter().any(Container::is_active) {
            "DEGRADED"
        } else {
            "DOWN"
        }
    }

    /// The state of a unit; one that is not there has states of its own.
    #[must_use]
    pub fn unit(&self, name: &str) -> Unit {
        self.units
            .get(name)
            .cloned()
            .unwrap_or_else(|| Unit::new("not-found", "inactive", "dead", ""))
    }
}
