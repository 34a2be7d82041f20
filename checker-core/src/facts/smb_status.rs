//! `weka smb cluster status -J`: which servers of the SMB cluster serve.

use std::time::Duration;

use serde::Serialize;

use super::service_hosts::{self, ServiceHost};
use super::{Fact, FactScope, Missing, View};
use crate::source::ClusterCommand;

/// The readiness of each server of the SMB cluster.
pub static SMB_STATUS: ClusterCommand = ClusterCommand {
    key: "weka:smb-status",
    variants: &["smb cluster status -J"],
    timeout: Duration::from_secs(60),
    needs_login: true,
};

/// The servers of the SMB cluster, as its status lists them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SmbStatus(pub Vec<ServiceHost>);

impl Fact for SmbStatus {
    const NAME: &'static str = "smb_status";
    const SCOPE: FactScope = FactScope::Cluster;
    const COMMANDS: &'static [&'static ClusterCommand] = &[&SMB_STATUS];

    fn read(view: &View<'_>) -> Result<Self, Missing> {
        view.json(SMB_STATUS.key, service_hosts::read).map(Self)
    }
}
