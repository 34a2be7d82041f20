//! Which services a cluster uses: what known issues are bound to.

use serde::Serialize;

use super::nfs::{INTERFACE_GROUPS, Nfs};
use super::object_stores::{OBJECT_STORES, ObjectStores};
use super::organizations::{ORGANIZATIONS, Organizations};
use super::s3::{S3, S3_CLUSTER};
use super::smb::{SMB_CLUSTER, Smb};
use super::{Fact, FactScope, Missing, View};
use crate::release_data::Protocol;
use crate::source::ClusterCommand;

/// Each service by itself: one that can't be told does not hide the others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Usage {
    /// Whether NFS is set up.
    pub nfs: Result<bool, Missing>,
    /// Whether SMB is set up.
    pub smb: Result<bool, Missing>,
    /// Whether S3 is set up.
    pub s3: Result<bool, Missing>,
    /// Whether an object store is attached.
    pub object_store: Result<bool, Missing>,
    /// Whether there is more than one organization.
    pub several_orgs: Result<bool, Missing>,
}

impl Usage {
    /// Whether a protocol is set up.
    ///
    /// # Errors
    /// Why that is not known.
    pub fn protocol(&self, protocol: Protocol) -> Result<bool, Missing> {
        match protocol {
            Protocol::Nfs => self.nfs.clone(),
            Protocol::Smb => self.smb.clone(),
            Protocol::S3 => self.s3.clone(),
        }
    }
}

impl Fact for Usage {
    const NAME: &'static str = "usage";
    const SCOPE: FactScope = FactScope::Cluster;
    const COMMANDS: &'static [&'static ClusterCommand] = &[
        &INTERFACE_GROUPS,
        &SMB_CLUSTER,
        &S3_CLUSTER,
        &OBJECT_STORES,
        &ORGANIZATIONS,
    ];

    fn read(view: &View<'_>) -> Result<Self, Missing> {
        Ok(Self {
            nfs: Nfs::read(view).map(|Nfs(groups)| !groups.is_empty()),
            smb: Smb::read(view).map(|smb| !smb.containers.is_empty()),
            s3: S3::read(view).map(|s3| s3.configured()),
            object_store: ObjectStores::read(view).map(|ObjectStores(count)| count > 0),
            several_orgs: Organizations::read(view).map(|Organizations(count)| count > 1),
        })
    }
}
