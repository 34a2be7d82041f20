//! Do all servers of a protocol's cluster serve? One rule for S3 and SMB.

use checker_core::Judgement;
use checker_core::facts::Missing;
use checker_core::facts::containers::Containers;
use checker_core::facts::service_hosts::ServiceHost;

/// A protocol whose status lists its servers.
pub(crate) struct Service {
    /// `S3`.
    pub(crate) name: &'static str,
    /// `weka s3 cluster status`.
    pub(crate) status: &'static str,
    /// `s3`: what its container is called on the server.
    pub(crate) container: &'static str,
}

impl Service {
    /// Every server that the status lists must be ready, and every container
    /// that the cluster's description names must be in the status.
    pub(crate) fn judge(
        &self,
        expected: &[u64],
        hosts: &[ServiceHost],
        containers: Result<&Containers, Missing>,
    ) -> Judgement {
        let containers = containers.ok();
        let shown = |host: &ServiceHost| match (host.container, &host.hostname) {
            (Some(id), None) => container(id, containers),
            (Some(id), Some(name)) if containers.is_some_and(|all| all.by_id(id).is_none()) => {
                format!("{name}, {}", container(id, containers))
            }
            (Some(id), Some(name)) => format!("{name} (container {id})"),
            (None, Some(name)) => name.clone(),
            (None, None) => "a server without a name".to_owned(),
        };
        let bad: Vec<String> = hosts
            .iter()
            .filter(|host| !host.ready)
            .map(|host| format!("{}: {}", shown(host), host.said))
            .collect();
        let listed = |id: &u64| {
            hosts.iter().any(|host| {
                let by_name = || {
                    let container = containers.and_then(|all| all.by_id(*id))?;
                    Some(host.hostname.as_ref()? == &container.hostname)
                };
                match host.container {
                    Some(container) => container == *id,
                    None => by_name().unwrap_or(false),
                }
            })
        };
        let untold: Vec<String> = expected
            .iter()
            .filter(|id| !listed(id))
            .map(|id| format!("{}: not in the status", container(*id, containers)))
            .collect();
        let Self { name, status, .. } = self;
        if !bad.is_empty() {
            return Judgement::warn(
                format!("{} of {} {name} servers not ready", bad.len(), hosts.len()),
                format!(
                    "`{status}` shows them, `weka local status {0}` on the server and `weka alerts` what is wrong there. \
                     `weka local stop {0} && weka local start {0}` on it starts the container afresh.",
                    self.container
                ),
            )
            .details(bad)
            .details(untold);
        }
        if !untold.is_empty() {
            return Judgement::unknown(format!(
                "`{status}` does not say whether {} of {} {name} servers are ready",
                untold.len(),
                expected.len()
            ))
            .details(untold);
        }
        let names: Vec<String> = hosts.iter().map(shown).collect();
        Judgement::pass(format!("all {} {name} servers ready", hosts.len())).details(names)
    }
}

/// `container 6 (weka-02)`. One that nobody knows is named, never dropped.
fn container(id: u64, containers: Option<&Containers>) -> String {
    match containers.map(|all| all.by_id(id)) {
        Some(Some(container)) => format!("container {id} ({})", container.hostname),
        Some(None) => {
            format!("container {id}, which `weka cluster container` does not list")
        }
        None => format!("container {id}"),
    }
}
