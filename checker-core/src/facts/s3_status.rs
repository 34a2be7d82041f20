//! `weka s3 cluster status -J`: which servers of the S3 cluster are ready.

use std::time::Duration;

use serde::Serialize;

use super::service_hosts::{self, ServiceHost};
use super::{Fact, FactScope, Missing, View};
use crate::source::ClusterCommand;

/// The readiness of each server of the S3 cluster. Fails where there is none.
pub static S3_STATUS: ClusterCommand = ClusterCommand {
    key: "weka:s3-status",
    variants: &["s3 cluster status -J"],
    timeout: Duration::from_secs(60),
    needs_login: true,
};

/// The servers of the S3 cluster, as its status lists them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct S3Status(pub Vec<ServiceHost>);

impl Fact for S3Status {
    const NAME: &'static str = "s3_status";
    const SCOPE: FactScope = FactScope::Cluster;
    const COMMANDS: &'static [&'static ClusterCommand] = &[&S3_STATUS];

    fn read(view: &View<'_>) -> Result<Self, Missing> {
        view.json(S3_STATUS.key, service_hosts::read).map(Self)
    }
}
