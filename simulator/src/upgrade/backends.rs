//! The upgrade of the backends: preparation, then the three phases.

use std::collections::BTreeSet;

use checker_core::Version;
use checker_core::server::Step as ReachStep;

use super::{HANDOVER_STEPS, RunEnd, Step};
use crate::model::{
    Alert, Cluster, Container, LocalContainer, LocalState, Phase, Reachability, Severity, Trouble,
};

/// Compute containers are upgraded one by one from here on, all at once before.
const ROLLING_COMPUTES: Version = Version::new(4, 2, 0, 0);
/// From here on a data directory is named after its container alone.
const SHORT_DATA_DIRS: Version = Version::new(4, 2, 7, 0);
/// The name of the container that the command itself runs in.
const OWN: &str = "upgrade";

/// A container of the cluster or of a protocol: server and name.
type Item = (String, String);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Beginning,
    Preparing { told: bool },
    Entering(Phase),
    Inside(Phase),
}

/// The upgrade of all backends.
#[derive(Debug)]
pub(crate) struct Backends {
    server: String,
    container: String,
    to: Version,
    resume: Option<Phase>,
    only_prepare: bool,
    at: At,
    /// What is down for the upgrade right now.
    open: Vec<Item>,
    /// What this run has upgraded, or would have.
    done: BTreeSet<Item>,
    /// Whether nothing gets another release; decided once.
    in_vain: bool,
    /// The line of a wait that was printed last, so that it is printed once.
    waits: &'static str,
}

impl Backends {
    /// From the beginning, or from a phase that was not finished.
    pub(crate) fn new(
        server: String,
        container: String,
        to: Version,
        resume: Option<Phase>,
        only_prepare: bool,
    ) -> Self {
        Self {
            server,
            container,
            to,
            resume,
            only_prepare,
            at: At::Beginning,
            open: Vec::new(),
            done: BTreeSet::new(),
            in_vain: false,
            waits: "",
        }
    }

    pub(super) fn step(&mut self, cluster: &mut Cluster) -> Step {
        let step = match self.at {
            At::Beginning => self.begin(cluster),
            At::Preparing { told } => self.prepare(cluster, told),
            At::Entering(phase) => self.enter(cluster, phase),
            At::Inside(phase) => self.inside(cluster, phase),
        };
        if let Some(RunEnd::Exited(_)) = step.end
            && let Some(server) = cluster.server_mut(&self.server)
        {
            server.local.retain(|l| l.name != OWN);
        }
        step
    }

    fn begin(&mut self, cluster: &mut Cluster) -> Step {
        let step = Step::of(3).stage(
            cluster,
            format_args!(
                "Upgrading cluster {} from {} to {} through {}",
                cluster.name, cluster.release, self.to, self.container
            ),
        );
        if let Some(server) = cluster.server_mut(&self.server) {
            server.local.retain(|l| l.name != OWN);
            server.local.push(LocalContainer {
                name: OWN.to_owned(),
                kind: "weka".to_owned(),
                release: self.to.clone(),
                state: LocalState::default(),
            });
        }
        self.at = match self.resume {
            Some(phase) => At::Entering(phase),
            None => At::Preparing { told: false },
        };
        step
    }

    /// Brings the release to one more backend, or makes sure of all.
    fn prepare(&mut self, cluster: &mut Cluster, told: bool) -> Step {
        let to = self.to.clone();
        let ready = |d: &crate::model::Download| d.prepared;
        let mut backends = cluster.servers.iter().filter(|s| s.is_backend());
        let Some(next) = backends.find(|s| !is_connected(s) || !s.download(&to).is_some_and(ready))
        else {
            let step = Step::of(2);
            let step = if told {
                step.stage(cluster, format_args!("Version {to} is ready on all hosts"))
            } else {
                step.stage(
                    cluster,
                    format_args!("Version {to} was ready on all hosts already"),
                )
            };
            if self.only_prepare {
                return step.success();
            }
            self.at = At::Entering(Phase::Drives);
            return step;
        };
        let (name, host) = (next.name.clone(), next.hostname.clone());
        let names: Vec<String> = next.containers.iter().map(|c| c.name.clone()).collect();
        let connected = is_connected(next);
        let mut step = Step::of(40);
        if !told {
            step = step.stage(cluster, "Downloading version to all hosts");
            self.at = At::Preparing { told: true };
        }
        if !connected {
            return step.fail(format_args!(
                "preparation failed on {host}: the host is not connected"
            ));
        }
        let why = cluster.upgrade.strikes(|t| match t {
            Trouble::NoRoom { server }
            | Trouble::PreparationFails { server }
            | Trouble::DriverBuildFails { server } => *server == name,
            _ => false,
        });
        match why {
            Some(Trouble::NoRoom { .. }) => step.fail(format_args!(
                "preparation failed on {host}: failed to unpack version {to}: No space left on device"
            )),
            Some(Trouble::DriverBuildFails { .. }) => step.fail(format_args!(
                "preparation failed on {host}: failed to build the driver of version {to}: make exited with status 2"
            )),
            Some(_) => step.fail(format_args!(
                "preparation failed on {host}: the agent did not answer within 120 seconds"
            )),
            None => {
                if let Some(server) = cluster.server_mut(&name) {
                    server.bring(&to, true);
                }
                names
                    .iter()
                    .fold(step, |step, c| step.say(format_args!("{host}:{c} is ready")))
            }
        }
    }

    fn phase_name(&self, phase: Phase) -> &'static str {
        match phase {
            Phase::Drives => "DrivePhase",
            Phase::Computes if self.to >= ROLLING_COMPUTES => "ComputeRollingPhase",
            Phase::Computes => "ComputePhase",
            Phase::Frontends => "FrontendPhase",
        }
    }

    fn enter(&mut self, cluster: &mut Cluster, phase: Phase) -> Step {
        let in_vain = |t: &Trouble| matches!(t, Trouble::NoVersionChange);
        self.in_vain |= cluster.upgrade.strikes(in_vain).is_some();
        let goes_on = cluster.upgrade.phase == self.phase_name(phase);
        let word = phase.word();
        self.at = At::Inside(phase);
        if goes_on {
            return Step::of(3).say(format_args!(
                "==== Resuming upgrade of {word} containers ===="
            ));
        }
        if cluster.upgrade.phase.is_empty() {
            cluster.upgrade.target = Some(self.to.clone());
            cluster.tell_upgrade("TargetVersionChange", Severity::Debug, 0);
            alert(
                cluster,
                "ClusterIsUpgrading",
                "The cluster is being upgraded",
            );
            alert(
                cluster,
                "LeaderPreparedForUpgrade",
                "The leader is prepared for the upgrade",
            );
        }
        cluster.upgrade.phase = self.phase_name(phase).to_owned();
        if phase == Phase::Computes {
            cluster.tell_upgrade("ComputeUpgradeInvoked", Severity::Info, 0);
        }
        let kind = format!("{}UpgradeStarted", phase.in_events());
        cluster.tell_upgrade(&kind, Severity::Info, 0);
        Step::of(5).say(format_args!(
            "==== Starting upgrade of {word} containers ===="
        ))
    }

    fn inside(&mut self, cluster: &mut Cluster, phase: Phase) -> Step {
        if !self.open.is_empty() {
            self.waits = "";
            return self.come_up(cluster, phase);
        }
        if cluster.upgrade.handover > 0 {
            cluster.upgrade.handover -= 1;
            return self.wait("Waiting for the new leader");
        }
        if cluster.upgrade.paused {
            if let Some(left) = &mut cluster.upgrade.paused_for {
                *left = left.saturating_sub(1);
                if *left == 0 {
                    cluster.upgrade.paused_for = None;
                    cluster.upgrade.paused = false;
                    cluster.tell_upgrade("UpgradeResumed", Severity::Info, 0);
                }
            }
            return self.wait("The upgrade is paused");
        }
        self.waits = "";
        let left = self.left(cluster, phase);
        let upgraded = self.all(cluster, phase).len() - left.len();
        let upgrade = &mut cluster.upgrade;
        let pauses = |t: &Trouble| matches!(t, Trouble::Paused { phase: p, .. } if *p == phase);
        if upgraded > 0
            && let Some(Trouble::Paused { steps, .. }) = upgrade.strikes(pauses)
        {
            // Nobody pauses the same phase twice.
            upgrade.faults.retain(|f| !pauses(&f.trouble));
            upgrade.paused = true;
            upgrade.paused_for = steps;
            cluster.tell_upgrade("UpgradePaused", Severity::Info, 0);
            return self.wait("The upgrade is paused");
        }
        let rises = |t: &Trouble| matches!(t, Trouble::AlertRises { phase: p, .. } if *p == phase);
        if upgraded > 0
            && let Some(Trouble::AlertRises {
                alert, severity, ..
            }) = upgrade.strikes(rises)
        {
            upgrade.faults.retain(|f| !rises(&f.trouble));
            let start = cluster.now;
            cluster.raise(&alert, severity, &alert, "It came up during the upgrade");
            if let Some(alert) = cluster.alerts.last_mut() {
                alert.start = start;
            }
        }
        let stops = |t: &Trouble| matches!(t, Trouble::PhaseStops { phase: p, after } if *p == phase && upgraded >= *after);
        if !left.is_empty() && cluster.upgrade.strikes(stops).is_some() {
            return Step::of(90).fail(format_args!(
                "the {} phase failed: timed out waiting for the cluster to be ready for the next container",
                phase.word()
            ));
        }
        if left.is_empty() {
            return self.tidy_up(cluster, phase);
        }
        self.go_down(cluster, phase, left, upgraded)
    }

    /// A wait, of which is told once.
    fn wait(&mut self, line: &'static str) -> Step {
        let told = std::mem::replace(&mut self.waits, line) == line;
        let step = Step::of(3);
        if told { step } else { step.say(line) }
    }

    /// Everything that belongs to a phase, in the order in which it is upgraded.
    fn all(&self, cluster: &Cluster, phase: Phase) -> Vec<Item> {
        let mut containers: Vec<_> = cluster
            .containers()
            .into_iter()
            .filter(|(_, c)| c.is_backend() && Phase::of(c) == phase)
            .collect();
        containers.sort_by_key(|(_, c)| (c.leadership.is_some(), c.id));
        let mut items: Vec<Item> = containers
            .into_iter()
            .map(|(s, c)| (s.name.clone(), c.name.clone()))
            .collect();
        if phase == Phase::Frontends {
            let backends = cluster.servers.iter().filter(|s| s.is_backend());
            items.extend(backends.flat_map(|s| {
                let protocols = s.local.iter().filter(|l| l.name != OWN);
                protocols.map(|l| (s.name.clone(), l.name.clone()))
            }));
        }
        items
    }

    /// What of a phase is still to be upgraded.
    fn left(&self, cluster: &Cluster, phase: Phase) -> Vec<Item> {
        let mut items = self.all(cluster, phase);
        items.retain(|item| !self.done.contains(item) && release(cluster, item) != Some(&self.to));
        items
    }

    /// Takes the next one down, or all where they are upgraded at once.
    fn go_down(
        &mut self,
        cluster: &mut Cluster,
        phase: Phase,
        left: Vec<Item>,
        upgraded: usize,
    ) -> Step {
        let at_once = phase == Phase::Computes && self.to < ROLLING_COMPUTES;
        let many = if at_once { left.len() } else { 1 };
        let mut step = Step::of(20);
        for item in left.into_iter().take(many) {
            let (server, name) = &item;
            let host = cluster.server(server).map(|s| s.hostname.clone());
            let label = format!("{}:{name}", host.unwrap_or_else(|| server.clone()));
            let is = |t: &Trouble| matches!(t, Trouble::ServerLost { server: s, phase: p } if s == server && *p == phase);
            if cluster.upgrade.strikes(is).is_some() {
                lose(cluster, server);
            }
            if cluster.server(server).is_some_and(|s| !is_there(s)) {
                return step.fail(format_args!(
                    "{label} did not come up within 180 seconds: the host does not answer"
                ));
            }
            step = step.say(format_args!("Starting upgrade of {label} to {}", self.to));
            if let Some(container) = cluster
                .server_mut(server)
                .and_then(|s| s.container_mut(name))
            {
                container.fall();
                disturb(cluster);
            } else if let Some(local) = local(cluster, &item) {
                local.state.running = false;
            }
            self.open.push(item);
        }
        let killed = |t: &Trouble| matches!(t, Trouble::Killed { phase: p, after } if *p == phase && upgraded >= *after);
        if cluster.upgrade.strikes(killed).is_some() {
            step.end = Some(RunEnd::Killed);
        }
        step
    }

    /// What is down comes up with its new release.
    fn come_up(&mut self, cluster: &mut Cluster, phase: Phase) -> Step {
        let mut step = Step::of(70);
        let mut leads = false;
        for item in std::mem::take(&mut self.open) {
            let (server, name) = &item;
            let to = if self.in_vain {
                cluster.release.clone()
            } else {
                self.to.clone()
            };
            if let Some(server) = cluster.server_mut(server) {
                let label = format!("{}:{name}", server.hostname);
                if let Some(local) = server.local.iter_mut().find(|l| l.name == *name) {
                    local.release = to;
                    local.state.running = true;
                } else if let Some(container) = server.container_mut(name) {
                    leads |= phase == Phase::Drives && container.leadership.is_some();
                    let old = std::mem::replace(&mut container.release, to);
                    container.rise();
                    rename_directory(server, name, &old, &self.to);
                }
                step = step.say(format_args!("Finished upgrade of {label}"));
            }
            self.done.insert(item);
        }
        cluster.regain();
        if leads {
            hand_over(cluster);
        }
        step
    }

    /// All containers of the phase are upgraded: goes on to the next, or ends.
    fn tidy_up(&mut self, cluster: &mut Cluster, phase: Phase) -> Step {
        let word = phase.word();
        let fails = |t: &Trouble| matches!(t, Trouble::CleanupFails { phase: p } if *p == phase);
        if cluster.upgrade.strikes(fails).is_some() {
            return Step::of(30).fail(format_args!(
                "cleanup of the {word} phase failed: timed out; all {word} containers are upgraded"
            ));
        }
        let kind = format!("{}UpgradeFinished", phase.in_events());
        cluster.tell_upgrade(&kind, Severity::Info, 0);
        let step = Step::of(5).say(format_args!(
            "==== Finished upgrade of {word} containers ===="
        ));
        if let Some(next) = phase.next() {
            // Without a gap, so that a phase is named throughout.
            let entered = self.enter(cluster, next);
            return Step {
                stdout: step.stdout + &entered.stdout,
                ..step
            };
        }
        self.finish(cluster);
        step.stage(
            cluster,
            format_args!("Upgrade to {} finished successfully", self.to),
        )
        .success()
    }

    fn finish(&self, cluster: &mut Cluster) {
        cluster.upgrade.phase.clear();
        cluster.upgrade.target = None;
        for kind in ["ClusterIsUpgrading", "LeaderPreparedForUpgrade"] {
            cluster.alerts.retain(|a| a.kind != kind);
        }
        cluster.tell_upgrade("UpgradeStatusChange", Severity::Debug, 0);
        if self.in_vain {
            return;
        }
        let from = std::mem::replace(&mut cluster.release, self.to.clone());
        if !cluster.versions.contains(&self.to) {
            cluster.versions.push(self.to.clone());
            cluster.versions.sort();
        }
        cluster.config.last_upgrade_usecs = cluster.now.as_microsecond();
        let reload = |t: &Trouble| matches!(t, Trouble::DriverReloadFails { .. });
        while let Some(Trouble::DriverReloadFails { server }) = cluster.upgrade.strikes(reload) {
            cluster.upgrade.faults.retain(|f| {
                f.trouble
                    != Trouble::DriverReloadFails {
                        server: server.clone(),
                    }
            });
            if let Some(server) = cluster.server_mut(&server) {
                server.write_combining_off = true;
            }
            cluster.tell_of(
                &server,
                "NetDevDriverReloadFailed",
                "Network",
                Severity::Minor,
            );
        }
        cluster.begin_conversion(&from, &self.to);
    }
}

/// Whether the machine answers.
fn is_there(server: &crate::model::Server) -> bool {
    matches!(
        server.reach,
        Reachability::Up | Reachability::DiesAfter { .. }
    ) || server.containers.iter().any(Container::is_active)
}

/// Whether a server takes part in the cluster.
fn is_connected(server: &crate::model::Server) -> bool {
    server.status() != "DOWN"
}

fn release<'a>(cluster: &'a Cluster, (server, name): &Item) -> Option<&'a Version> {
    let server = cluster.server(server)?;
    let container = server.containers.iter().find(|c| c.name == *name);
    let local = server.local.iter().find(|l| l.name == *name);
    container
        .map(|c| &c.release)
        .or_else(|| local.map(|l| &l.release))
}

fn local<'a>(cluster: &'a mut Cluster, (server, name): &Item) -> Option<&'a mut LocalContainer> {
    let server = cluster.server_mut(server)?;
    server.local.iter_mut().find(|l| l.name == *name)
}

/// Data of one server lacks a copy for a while.
fn disturb(cluster: &mut Cluster) {
    cluster.status = "REDISTRIBUTING".to_owned();
    cluster.rebuild.moving_data = true;
    if cluster.upgrade.lost_copies_mib == 0 {
        let domains = cluster.servers.iter().filter(|s| s.has_drives()).count() as u64;
        // A small part of what is on the server is written meanwhile.
        let mib = cluster.rebuild.total_mib() / domains.max(1) / 50;
        let before = cluster.rebuild.degraded_mib();
        cluster.rebuild.lose_one_copy(mib);
        cluster.upgrade.lost_copies_mib = cluster.rebuild.degraded_mib() - before;
    }
}

/// A server goes down and is not reached any more.
fn lose(cluster: &mut Cluster, name: &str) {
    if let Some(server) = cluster.server_mut(name) {
        server.reach = Reachability::Fails {
            step: ReachStep::NoRoute,
            detail: "no route to host".to_owned(),
            ms: 3_041,
        };
        for container in &mut server.containers {
            container.fall();
        }
    }
    disturb(cluster);
    cluster.status = "DEGRADED".to_owned();
}

/// The leadership goes to another container, and for a while to none.
fn hand_over(cluster: &mut Cluster) {
    let lasts = |t: &Trouble| matches!(t, Trouble::HandoverLasts { .. });
    cluster.upgrade.handover = match cluster.upgrade.strikes(lasts) {
        Some(Trouble::HandoverLasts { steps }) => steps,
        _ => HANDOVER_STEPS,
    };
    let mut leadership = None;
    let mut containers = cluster.servers.iter_mut().flat_map(|s| &mut s.containers);
    if let Some(old) = containers.find(|c| c.leadership.is_some()) {
        leadership = Some((old.leadership.take(), old.id));
    }
    let Some((role, id)) = leadership else {
        return;
    };
    let mut containers = cluster.servers.iter_mut().flat_map(|s| &mut s.containers);
    let other = containers.find(|c| c.drive_cores > 0 && c.id != id && c.is_active());
    if let Some(other) = other {
        other.leadership = role;
    } else if let Some(only) = cluster
        .servers
        .iter_mut()
        .flat_map(|s| &mut s.containers)
        .find(|c| c.id == id)
    {
        only.leadership = role;
    }
    cluster.tell_upgrade("LeaderSteppingUpAfterUpgrade", Severity::Info, 0);
}

fn alert(cluster: &mut Cluster, kind: &str, title: &str) {
    if cluster.alerts.iter().any(|a| a.kind == kind) {
        return;
    }
    cluster.alerts.push(Alert {
        kind: kind.to_owned(),
        severity: Severity::Debug,
        muted: false,
        count: 1,
        title: title.to_owned(),
        description: title.to_owned(),
        action: "Wait for the upgrade to end.".to_owned(),
        start: cluster.now,
    });
}

/// Older releases wrote the release into the name of the directory.
fn rename_directory(server: &mut crate::model::Server, name: &str, old: &Version, new: &Version) {
    let size = server.data_dirs.remove(&format!("{name}_{old}"));
    if let Some(size) = size {
        let dir = if *new >= SHORT_DATA_DIRS {
            name.to_owned()
        } else {
            format!("{name}_{new}")
        };
        server.data_dirs.insert(dir, size);
    }
}
