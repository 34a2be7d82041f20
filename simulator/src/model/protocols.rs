//! S3, SMB and NFS. Their servers are named by the id of the container that
//! they use.

use serde::{Deserialize, Serialize};

/// A lifecycle rule of a bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LifecycleRule {
    /// Which objects it is for.
    pub prefix: String,
    /// Which objects it is for: `class=cold`.
    pub tags: Vec<String>,
    /// After how many days they expire.
    pub days: u32,
}

/// One S3 bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bucket {
    /// Its name.
    pub name: String,
    /// Bytes in use.
    pub used: u64,
    /// Its lifecycle rules.
    #[serde(default)]
    pub rules: Vec<LifecycleRule>,
}

/// The S3 cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct S3 {
    /// Containers that serve it.
    pub containers: Vec<u64>,
    /// Those of them that are not ready.
    #[serde(default)]
    pub not_ready: Vec<u64>,
    /// Those that still keep its state in ETCD.
    #[serde(default)]
    pub etcd: Vec<u64>,
    /// Its file system.
    pub filesystem: String,
    /// `rw,readcache`.
    pub mount_options: String,
    /// Its buckets.
    #[serde(default)]
    pub buckets: Vec<Bucket>,
}

/// The SMB cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Smb {
    /// Containers that serve it.
    pub containers: Vec<u64>,
    /// Those of them that are not ready.
    #[serde(default)]
    pub not_ready: Vec<u64>,
    /// `smbw`, or the legacy `samba`.
    pub kind: String,
    /// Its name in the network.
    pub netbios: String,
    /// Its domain.
    pub domain: String,
    /// Its configuration file system.
    pub config_fs: String,
}

/// A port of an NFS interface group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NfsPort {
    /// The container that serves it.
    pub container: u64,
    /// `eth1`.
    pub port: String,
    /// `OK`, `UNREACHABLE`.
    pub status: String,
}

/// An NFS interface group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InterfaceGroup {
    /// Its name.
    pub name: String,
    /// `OK`, `Inactive`, ….
    pub status: String,
    /// Gateway.
    pub gateway: String,
    /// Length of the network's prefix.
    pub netmask: u8,
    /// Floating addresses.
    pub ips: Vec<String>,
    /// False only with the legacy NFS stack.
    pub allow_manage_gids: bool,
    /// Its ports; empty without servers.
    pub ports: Vec<NfsPort>,
}

/// NFS.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Nfs {
    /// Interface groups; none without NFS.
    pub groups: Vec<InterfaceGroup>,
    /// Configuration file system.
    pub config_fs: Option<String>,
    /// Custom options.
    pub custom_options: Option<String>,
    /// Whether listing the groups fails because NFS was never set up: some
    /// releases do that in the place of an empty list.
    pub never_set_up: bool,
}
