//! `upgrade --mode=clients-upgrade`.

use std::collections::VecDeque;

use checker_core::Version;

use super::Step;
use crate::model::{Cluster, Severity, Trouble};

/// The upgrade of clients in batches.
#[derive(Debug)]
pub(crate) struct Clients {
    to: Version,
    batch: usize,
    batches: usize,
    number: usize,
    queue: VecDeque<u64>,
    /// Those of the batch that are being upgraded.
    open: VecDeque<u64>,
    failed: Vec<String>,
    greeted: bool,
}

impl Clients {
    /// Of the containers with these ids, so many at a time.
    pub(crate) fn new(to: Version, batch: usize, queue: VecDeque<u64>) -> Self {
        Self {
            to,
            batch,
            batches: queue.len().div_ceil(batch),
            number: 0,
            queue,
            open: VecDeque::new(),
            failed: Vec::new(),
            greeted: false,
        }
    }

    pub(super) fn step(&mut self, cluster: &mut Cluster) -> Step {
        if !self.greeted {
            self.greeted = true;
            cluster.tell_upgrade("ClientUpgradeRequested", Severity::Info, 0);
            return Step::of(5).say("==== Starting upgrade of client containers ====");
        }
        if let Some(id) = self.open.pop_front() {
            return self.finish(cluster, id);
        }
        if !self.failed.is_empty() {
            let left = self.queue.len();
            return Step::of(1).fail(format_args!(
                "failed to upgrade {}; {left} client containers were not begun",
                self.failed.join(", ")
            ));
        }
        if self.queue.is_empty() {
            return Step::of(1)
                .say("==== Finished upgrade of client containers ====")
                .success();
        }
        self.number += 1;
        let mut step = Step::of(10).say(format_args!(
            "Starting upgrade of client containers: batch {}/{}",
            self.number, self.batches
        ));
        let many = self.batch.min(self.queue.len());
        self.open = self.queue.drain(..many).collect();
        for id in &self.open {
            let Some((server, name)) = client(cluster, *id) else {
                continue;
            };
            let host = cluster.server(&server).map(|s| s.hostname.clone());
            if let Some(container) = container(cluster, &server, &name) {
                container.fall();
            }
            let host = host.unwrap_or(server);
            step = step.say(format_args!(
                "Starting upgrade of {host}:{name} to {}",
                self.to
            ));
        }
        step
    }

    fn finish(&mut self, cluster: &mut Cluster, id: u64) -> Step {
        let Some((server, name)) = client(cluster, id) else {
            return Step::of(1);
        };
        let hostname = cluster.server(&server).map(|s| s.hostname.clone());
        let label = format!("{}:{name}", hostname.unwrap_or_else(|| server.clone()));
        let is = |t: &Trouble| matches!(t, Trouble::ClientFails { server: s } if *s == server);
        let fails = cluster.upgrade.strikes(is).is_some();
        let to = self.to.clone();
        if !fails && let Some(server) = cluster.server_mut(&server) {
            server.bring(&to, true);
        }
        if let Some(container) = container(cluster, &server, &name) {
            container.rise();
            if !fails {
                container.release = to;
            }
        }
        if fails {
            let mut step = Step::of(120);
            step.stderr = format!(
                "error: failed to upgrade {label}: the container did not become ready within 120 seconds\n"
            );
            self.failed.push(label);
            return step;
        }
        Step::of(35).say(format_args!("Finished upgrade of {label}"))
    }
}

fn client(cluster: &Cluster, id: u64) -> Option<(String, String)> {
    let (server, container) = cluster.container(id)?;
    Some((server.name.clone(), container.name.clone()))
}

fn container<'a>(
    cluster: &'a mut Cluster,
    server: &str,
    name: &str,
) -> Option<&'a mut crate::model::Container> {
    cluster.server_mut(server)?.container_mut(name)
}
