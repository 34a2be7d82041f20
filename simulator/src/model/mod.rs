//! What there is: plain data, without a word about how it is printed.
//!
//! Numbers of ids are plain integers here; counts that the CLI prints (active
//! drives, degraded servers) are worked out from the things themselves, so a
//! fault in one place shows wherever the real cluster would show it.

mod alert;
mod answer;
mod cluster;
mod config;
mod container;
mod event;
mod filesystem;
mod healthy;
mod ids;
mod machine;
mod protection;
mod protocols;
mod server;
mod task;
mod upgrade;
mod user;

pub use alert::{Alert, Severity};
pub use answer::{OddAnswer, Oddity};
pub use cluster::Cluster;
pub use config::{Config, ManualOverride};
pub use container::{Container, Drive, LocalState, Mode, OddProcess, Process};
pub use event::Event;
pub use filesystem::{Filesystem, ObjectStore, Snapshot, Stow};
pub use ids::uuid;
pub use machine::{Firmware, Ipv6, Machine, OperatingSystem};
pub use protection::Rebuild;
pub use protocols::{Bucket, InterfaceGroup, LifecycleRule, Nfs, NfsPort, S3, Smb};
pub use server::{
    Certificate, Download, LocalContainer, Mount, Reachability, Server, Unit, WekafsMount,
};
pub use task::Task;
pub use upgrade::{BlockTask, Conversion, ConversionRule, Phase, Trouble, Upgrade, UpgradeFault};
pub use user::{Login, Organization, User};
