//! Typed views of the evidence: one module per subject, each with the command
//! or probe that it comes from, its type, its parser, and the shapes seen in
//! the field as tests.
//!
//! A fact that can't be had is a value too: [`Missing`], with the reason.

mod json;
mod missing;
mod shape;
#[cfg(test)]
mod shells;
mod table;
mod view;

pub mod accepted_versions;
pub mod alerts;
pub mod blacklist;
pub mod boot;
pub mod boot_arguments;
pub mod build;
pub mod catalog;
pub mod client_target;
pub mod clock;
pub mod container_net;
pub mod containers;
pub mod cpu;
pub mod data_dirs;
pub mod disks_config;
pub mod download;
pub mod drives;
pub mod fallocate;
pub mod filesystems;
pub mod fsck;
pub mod iommu;
pub mod kernel_headers;
pub mod local_containers;
pub mod local_resources;
pub mod login;
pub mod memory;
pub mod mgmt_ports;
pub mod mounts;
pub mod nfs;
pub mod nfs_config;
pub mod nfs_connections;
pub mod nfs_options;
pub mod object_stores;
pub mod ofed;
pub mod organizations;
pub mod os;
pub mod overrides;
pub mod processes;
pub mod reach;
pub mod rebuild;
pub mod s3;
pub mod s3_buckets;
pub mod s3_etcd;
pub mod s3_status;
pub mod servers;
pub mod service_hosts;
pub mod smb;
pub mod smb_status;
pub mod snap_layers;
pub mod snapshots;
pub mod space;
pub mod spec_file;
pub mod stats;
pub mod status;
pub mod tasks;
pub mod tls;
pub mod traces;
pub mod tsmb;
pub mod units;
pub mod upgrade_events;
pub mod usage;
pub mod versions;
pub mod wekafs_mounts;
pub mod whoami;

pub use json::{JsonError, find_json};
pub use missing::{Missing, Why};
pub use shape::{Object, ShapeError, id_number};
pub use table::{FactTable, Fleet, Need, This};
pub use view::View;
pub(crate) use view::says_unknown;

use std::any::Any;

use serde::Serialize;

use crate::source::{ClusterCommand, DependentCommand, DependentProbe, ServerProbe};

/// The beginning of a text that came in the place of an answer, for an error.
fn short(text: &str) -> String {
    text.chars().take(80).collect()
}

/// Whether a fact is there once, or once per server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FactScope {
    /// From the cluster's commands.
    Cluster,
    /// From the probes of one server.
    Server,
}

/// A typed view of some evidence.
pub trait Fact: Any + Send + Sync + Serialize + Sized {
    /// Stable name; plugins ask for it by this.
    const NAME: &'static str;
    /// Whether it is there once, or once per server.
    const SCOPE: FactScope;
    /// The cluster's commands that it is read from.
    const COMMANDS: &'static [&'static ClusterCommand] = &[];
    /// The commands that it is read from whose arguments stand in the answers
    /// to others. Those others are asked too, without being named here.
    const DEPENDENTS: &'static [&'static DependentCommand] = &[];
    /// The server probes that it is read from.
    const PROBES: &'static [&'static ServerProbe] = &[];
    /// The server probes that it is read from whose words the cluster tells.
    const DEPENDENT_PROBES: &'static [&'static DependentProbe] = &[];

    /// Reads it from the evidence.
    ///
    /// # Errors
    /// [`Missing`] when a command failed or answered in a shape that this
    /// parser does not know. Never a default in the place of a value.
    fn read(view: &View<'_>) -> Result<Self, Missing>;
}

/// A fact of any type, as the engine keeps it.
pub trait AnyFact: Any + Send + Sync {
    /// For looking it up by type.
    fn as_any(&self) -> &dyn Any;
    /// For a plugin.
    fn to_json(&self) -> serde_json::Value;
}

impl<F: Fact> AnyFact for F {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn to_json(&self) -> serde_json::Value {
        serde_json::to_value(self).unwrap_or(serde_json::Value::Null)
    }
}

/// One read fact, or the reason why it is missing.
pub type Reading = Result<Box<dyn AnyFact>, Missing>;

/// What the engine must know of a fact, without its type.
#[derive(Debug, Clone, Copy)]
pub struct FactSpec {
    /// Stable name.
    pub name: &'static str,
    /// Whether it is there once, or once per server.
    pub scope: FactScope,
    /// The cluster's commands that it is read from.
    pub commands: &'static [&'static ClusterCommand],
    /// The commands that it is read from whose arguments stand in the answers to others.
    pub dependents: &'static [&'static DependentCommand],
    /// The server probes that it is read from.
    pub probes: &'static [&'static ServerProbe],
    /// The server probes that it is read from whose words the cluster tells.
    pub dependent_probes: &'static [&'static DependentProbe],
    /// Reads it.
    pub read: fn(&View<'_>) -> Reading,
}

impl FactSpec {
    /// The spec of `F`.
    #[must_use]
    pub const fn of<F: Fact>() -> Self {
        Self {
            name: F::NAME,
            scope: F::SCOPE,
            commands: F::COMMANDS,
            dependents: F::DEPENDENTS,
            probes: F::PROBES,
            dependent_probes: F::DEPENDENT_PROBES,
            read: |view| F::read(view).map(|fact| Box::new(fact) as Box<dyn AnyFact>),
        }
    }

    /// The keys of the evidence that it is read from.
    pub fn evidence(&self) -> impl Iterator<Item = &'static str> {
        let commands = self.commands.iter().map(|c| c.key);
        commands
            .chain(self.dependents.iter().map(|d| d.key))
            .chain(self.probes.iter().map(|p| p.key))
            .chain(self.dependent_probes.iter().map(|d| d.probe.key))
    }
}

impl PartialEq for FactSpec {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}
