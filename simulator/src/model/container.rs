//! Containers of the cluster, their processes and drives.

use std::collections::BTreeMap;

use checker_core::Version;
use serde::{Deserialize, Serialize};

/// How a container takes part in the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// It serves the cluster.
    Backend,
    /// It only mounts file systems.
    Client,
}

/// One drive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drive {
    /// Number of its id.
    pub id: u64,
    /// `ACTIVE`, `INACTIVE`, `PHASING_IN`, `PHASING_OUT`, `FAILED`.
    pub status: String,
    /// Whether the cluster wants it active.
    pub should_be_active: bool,
    /// Whether it takes writes.
    pub writable: bool,
    /// Bytes.
    pub size: u64,
}

/// What `weka local` says of a container on its own server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalState {
    /// Whether it runs.
    pub running: bool,
    /// Whether it is kept from starting.
    pub disabled: bool,
    /// `READY`, `CLUSTERIZING`, `STEM`.
    pub display_status: String,
}

impl Default for LocalState {
    fn default() -> Self {
        Self {
            running: true,
            disabled: false,
            display_status: "READY".to_owned(),
        }
    }
}

/// How a process differs from the others of its container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct OddProcess {
    /// Instead of `UP`.
    pub status: Option<String>,
    /// Instead of the container's.
    pub network_mode: Option<String>,
    /// Whether it may not rejoin.
    pub blacklisted: bool,
}

/// One container of the cluster: backend or client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Container {
    /// Number of its id, unique in the cluster.
    pub id: u64,
    /// `drives0`, `compute0`, `frontend0`, `client`, `default`.
    pub name: String,
    /// Backend or client.
    pub mode: Mode,
    /// `UP`, `DEGRADED`, `DOWN`, `DRAINING`, ….
    pub status: String,
    /// `ACTIVE`, `DRAINING`, `INACTIVE`, ….
    pub state: String,
    /// The release that it runs.
    pub release: Version,
    /// The port of its management process.
    pub mgmt_port: u16,
    /// Cores for drives.
    pub drive_cores: u32,
    /// Cores for compute.
    pub compute_cores: u32,
    /// Cores for the front end.
    pub frontend_cores: u32,
    /// The first of its cores, which follow one another.
    pub first_core: u32,
    /// Huge pages, in bytes.
    pub memory: u64,
    /// `DPDK` or `UDP`.
    pub network_mode: String,
    /// Seconds after which it is forgotten; a stateless client has them.
    pub auto_remove_timeout: Option<u64>,
    /// `LEADER` on one container.
    pub leadership: Option<String>,
    /// Its join secret, if it has one.
    #[serde(default = "join_secret")]
    pub join_secret: Option<String>,
    /// The addresses that it joins; `None` for those of all backends.
    #[serde(default)]
    pub endpoints: Option<Vec<String>>,
    /// What its own server says of it.
    #[serde(default)]
    pub local: LocalState,
    /// Processes that differ, by slot.
    #[serde(default)]
    pub odd: BTreeMap<u32, OddProcess>,
    /// Its drives.
    #[serde(default)]
    pub drives: Vec<Drive>,
}

/// Not a secret, but shaped and placed like one: nothing may show it.
pub(super) fn join_secret() -> Option<String> {
    Some("simulated-join-secret".to_owned())
}

/// One process, worked out from its container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Number of its id.
    pub id: u64,
    /// Its place in the container; 0 is the management process.
    pub slot: u32,
    /// `MANAGEMENT`, `DRIVES`, `COMPUTE`, `FRONTEND`.
    pub role: &'static str,
    /// `UP`, `DOWN`, ….
    pub status: String,
    /// `DPDK` or `UDP`.
    pub network_mode: String,
    /// Its core, if it has one of its own.
    pub core: Option<u32>,
    /// Whether it may not rejoin.
    pub blacklisted: bool,
}

impl Container {
    /// Whether it serves the cluster.
    #[must_use]
    pub fn is_backend(&self) -> bool {
        self.mode == Mode::Backend
    }

    /// Whether it takes part: `UP`, `DEGRADED`, `DRAINING` and `DRAINED (UP)` do.
    #[must_use]
    pub fn is_active(&self) -> bool {
        !matches!(
            self.status.as_str(),
            "DOWN" | "INACTIVE" | "DRAINED (DOWN)" | "REMOVING"
        )
    }

    /// Goes down, with its processes and drives.
    pub(crate) fn fall(&mut self) {
        self.status = "DOWN".to_owned();
        self.local.running = false;
        for drive in &mut self.drives {
            if drive.status == "ACTIVE" {
                drive.status = "INACTIVE".to_owned();
            }
        }
    }

    /// Comes up again.
    pub(crate) fn rise(&mut self) {
        self.status = "UP".to_owned();
        self.local.running = true;
        for drive in &mut self.drives {
            if drive.status == "INACTIVE" && drive.should_be_active {
                drive.status = "ACTIVE".to_owned();
            }
        }
    }

    /// All cores that it has to itself.
    #[must_use]
    pub fn cores(&self) -> u32 {
        self.drive_cores + self.compute_cores + self.frontend_cores
    }

    /// The number of a process's id, as real clusters count them: 20 to a container.
    #[must_use]
    pub fn process_id(&self, slot: u32) -> u64 {
        self.id * 20 + u64::from(slot)
    }

    /// Its processes: one for management, one per core.
    pub fn processes(&self) -> impl Iterator<Item = Process> {
        let roles = [
            ("DRIVES", self.drive_cores),
            ("COMPUTE", self.compute_cores),
            ("FRONTEND", self.frontend_cores),
        ];
        let of_cores = roles
            .into_iter()
            .flat_map(|(role, cores)| std::iter::repeat_n(role, cores as usize));
        std::iter::once("MANAGEMENT")
            .chain(of_cores)
            .zip(0u32..)
            .map(|(role, slot)| {
                let odd = self.odd.get(&slot);
                let status = odd.and_then(|o| o.status.clone());
                let mode = odd.and_then(|o| o.network_mode.clone());
                let down = if self.is_active() { "UP" } else { "DOWN" };
                Process {
                    id: self.process_id(slot),
                    slot,
                    role,
                    status: status.unwrap_or_else(|| down.to_owned()),
                    network_mode: match slot {
                        0 => "UDP".to_owned(),
                        _ => mode.unwrap_or_else(|| self.network_mode.clone()),
                    },
                    core: slot.checked_sub(1).map(|n| self.first_core + n),
                    blacklisted: odd.is_some_and(|o| o.blacklisted),
                }
            })
    }
}
