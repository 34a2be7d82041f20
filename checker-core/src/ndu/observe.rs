//! What the cluster is like, as far as an upgrade is concerned.
//!
//! An upgrade is watched through this, not through what its command prints:
//! the command can be killed, its connection can break, and it can say more
//! than it did.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::deadline::Deadline;
use crate::evidence::{Redactor, Store};
use crate::facts::alerts::{ALERTS, Alerts};
use crate::facts::containers::{CONTAINERS, Containers};
use crate::facts::mgmt_ports::MgmtPorts;
use crate::facts::processes::{PROCESSES, Processes};
use crate::facts::rebuild::{REBUILD, Rebuild};
use crate::facts::status::{BlockTask, STATUS, Status};
use crate::facts::{Fact, Missing, View, says_unknown};
use crate::source::{ClusterCommand, Source};
use crate::version::Version;

/// The parts of the cluster, in the order in which they are upgraded.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The containers that hold the drives.
    Drives,
    /// The compute containers.
    Computes,
    /// The frontends in backend mode, and everything else: protocols, data services.
    Frontends,
}

impl Phase {
    /// All of them, in order.
    pub const ALL: [Self; 3] = [Self::Drives, Self::Computes, Self::Frontends];

    /// The option with which the upgrade command begins at this phase.
    #[must_use]
    pub fn option(self) -> &'static str {
        match self {
            Self::Drives => "--ndu-drives-phase",
            Self::Computes => "--ndu-computes-phase",
            Self::Frontends => "--ndu-frontends-phase",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Drives => "drives",
            Self::Computes => "computes",
            Self::Frontends => "frontends and protocols",
        })
    }
}

/// One container, as far as an upgrade is concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerState {
    /// The number of its id.
    pub id: u64,
    /// The host name of its server.
    pub hostname: String,
    /// Its name.
    pub name: String,
    /// When its turn is.
    pub phase: Phase,
    /// What it runs; `None` when it never started, or the text is no release.
    pub release: Option<Version>,
    /// Whether the cluster counts it as up.
    pub up: bool,
    /// Its management port, where the cluster tells.
    pub port: Option<u16>,
    /// Whether it comes and goes with a mount; only clients do.
    pub stateless: bool,
}

impl ContainerState {
    /// `weka-01:drives0`.
    #[must_use]
    pub fn shown(&self) -> String {
        format!("{}:{}", self.hostname, self.name)
    }

    /// Whether it runs a later release than this one.
    #[must_use]
    pub fn is_beyond(&self, release: &Version) -> bool {
        let later = |runs: &Version| *runs > *release && !is(runs, release);
        self.release.as_ref().is_some_and(later)
    }

    /// Whether it runs an earlier release than this one.
    #[must_use]
    pub fn is_before(&self, release: &Version) -> bool {
        let earlier = |runs: &Version| *runs < *release && !is(runs, release);
        self.release.as_ref().is_some_and(earlier)
    }

    /// Whether it runs this release.
    #[must_use]
    pub fn runs(&self, release: &Version) -> bool {
        self.release.as_ref().is_some_and(|runs| is(runs, release))
    }
}

/// Whether what runs is the release that was asked for. A release asked for by
/// its numbers may show the suffix of its build.
pub(super) fn is(runs: &Version, asked: &Version) -> bool {
    match asked.suffix() {
        Some(_) => runs == asked,
        None => runs.without_suffix() == *asked,
    }
}

/// The cluster at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct ClusterState {
    /// Its name.
    pub name: String,
    /// Its uuid.
    pub guid: String,
    /// The release that the cluster says it runs.
    pub release: Version,
    /// `OK`, ….
    pub status: String,
    /// `STARTED`, ….
    pub io_status: String,
    /// The phase of an upgrade that runs, in the cluster's words; empty when none does.
    pub upgrade_phase: String,
    /// Whether that upgrade was paused.
    pub paused: bool,
    /// The metadata conversion, where the release tells.
    pub conversion: Option<BlockTask>,
    /// Containers in backend mode.
    pub backends: Vec<ContainerState>,
    /// Clients.
    pub clients: Vec<ContainerState>,
    /// The backends' processes that are not up: `weka-01:drives0, process 61: DOWN`.
    pub processes_down: Vec<String>,
    /// Why the data is not fully protected; empty when it is.
    pub unprotected: Option<String>,
    /// Active alerts, muted ones too: the title by the type.
    pub alerts: BTreeMap<String, String>,
}

/// Alerts that an upgrade brings with it.
const OF_THE_UPGRADE: [&str; 2] = ["ClusterIsUpgrading", "LeaderPreparedForUpgrade"];

impl ClusterState {
    /// Asks the cluster.
    ///
    /// # Errors
    /// What could not be found out. In the hand-over of the leader that is
    /// normal for some seconds.
    pub fn observe(source: &dyn Source, deadline: &Deadline) -> Result<Self, Missing> {
        let redactor = Redactor::new();
        let mut store = Store::default();
        for command in [&STATUS, &CONTAINERS, &PROCESSES, &REBUILD, &ALERTS] {
            ask(source, command, deadline, &redactor, &mut store);
        }
        let view = View::cluster(&store);
        let status = Status::read(&view)?;
        let containers = Containers::read(&view)?;
        let processes = Processes::read(&view)?;
        let rebuild = Rebuild::read(&view)?;
        let alerts = Alerts::read(&view)?;
        let ports: BTreeMap<u64, u16> = MgmtPorts::read(&view).map_or_else(
            |_| BTreeMap::new(),
            |ports| {
                let known = ports.0.into_iter();
                known.filter_map(|p| Some((p.container, p.port?))).collect()
            },
        );
        let roles = roles(&processes);
        let state = |c: &crate::facts::containers::Container| ContainerState {
            id: c.id,
            hostname: c.hostname.clone(),
            name: c.name.clone(),
            phase: phase_of(roles.get(&c.id), &c.name),
            release: c.release.as_deref().and_then(|r| r.parse().ok()),
            up: c.status.trim().eq_ignore_ascii_case("UP"),
            port: ports.get(&c.id).copied(),
            stateless: c.stateless == Some(true),
        };
        let names: BTreeMap<u64, String> = containers
            .0
            .iter()
            .map(|c| (c.id, format!("{}:{}", c.hostname, c.name)))
            .collect();
        let down = processes.backends().filter(|p| !p.is_up()).map(|p| {
            let container = names.get(&p.container).unwrap_or(&p.hostname);
            match p.id {
                Some(id) => format!("{container}, process {id}: {}", p.status),
                None => format!("{container}: {}", p.status),
            }
        });
        Ok(Self {
            backends: containers.backends().map(state).collect(),
            clients: containers
                .0
                .iter()
                .filter(|c| !c.backend)
                .map(state)
                .collect(),
            processes_down: down.collect(),
            unprotected: unprotected(&rebuild),
            alerts: alerts
                .list
                .into_iter()
                .map(|alert| (alert.kind, alert.title))
                .collect(),
            name: status.name,
            guid: status.guid,
            release: status.release,
            status: status.status,
            io_status: status.io_status,
            upgrade_phase: status.upgrade.phase,
            paused: status.upgrade.paused,
            conversion: status.block_task,
        })
    }

    /// Whether an upgrade runs, or was left half-way with its phase still named.
    #[must_use]
    pub fn upgrading(&self) -> bool {
        !self.upgrade_phase.trim().is_empty()
    }

    /// Backend containers on this release, and all of them.
    #[must_use]
    pub fn upgraded(&self, to: &Version) -> (usize, usize) {
        let done = self.backends.iter().filter(|c| c.runs(to)).count();
        (done, self.backends.len())
    }

    /// The backend containers of one phase on this release, and all of it.
    #[must_use]
    pub fn upgraded_in(&self, phase: Phase, to: &Version) -> (usize, usize) {
        let of_phase = || self.backends.iter().filter(|c| c.phase == phase);
        (
            of_phase().filter(|c| c.runs(to)).count(),
            of_phase().count(),
        )
    }

    /// The first phase with a container that does not run this release.
    #[must_use]
    pub fn first_unfinished(&self, to: &Version) -> Option<Phase> {
        Phase::ALL.into_iter().find(|phase| {
            let (done, all) = self.upgraded_in(*phase, to);
            done < all
        })
    }

    /// The phase that the cluster names, where it is one that is known.
    #[must_use]
    pub fn named_phase(&self) -> Option<Phase> {
        let words = self.upgrade_phase.to_ascii_lowercase();
        if words.contains("drive") {
            Some(Phase::Drives)
        } else if words.contains("compute") {
            Some(Phase::Computes)
        } else if words.contains("frontend") {
            Some(Phase::Frontends)
        } else {
            None
        }
    }

    /// Backend containers that don't run this release: `weka-01:drives0`.
    #[must_use]
    pub fn left(&self, to: &Version) -> Vec<String> {
        let left = self.backends.iter().filter(|c| !c.runs(to));
        left.map(ContainerState::shown).collect()
    }

    /// The alerts that are not in `before`, without those of an upgrade itself.
    #[must_use]
    pub fn new_alerts(&self, before: &BTreeSet<String>) -> Vec<String> {
        self.alerts
            .keys()
            .filter(|kind| !before.contains(*kind) && !OF_THE_UPGRADE.contains(&kind.as_str()))
            .cloned()
            .collect()
    }

    /// The metadata conversion, if one runs: its progress in percent, where
    /// the cluster tells.
    ///
    /// Idle is `IDLE`, or a type of `INVALID` with no state; every other word
    /// counts as running, since no release documents which there are.
    #[must_use]
    pub fn converting(&self) -> Option<Option<u64>> {
        let task = self.conversion.as_ref()?;
        let says = |text: &str, word: &str| text.trim().eq_ignore_ascii_case(word);
        let idle = says(&task.state, "IDLE")
            || (task.state.trim().is_empty()
                && (says(&task.kind, "INVALID") || task.kind.is_empty()));
        (!idle).then_some(task.progress)
    }

    /// What is not yet as it should be after an upgrade to this release.
    #[must_use]
    pub fn unsettled(&self, to: &Version) -> Vec<String> {
        let mut found = Vec::new();
        let left = self.left(to);
        if !left.is_empty() {
            found.push(format!("not on {to}: {}", left.join(", ")));
        }
        if !is(&self.release, to) {
            found.push(format!("the cluster says that it runs {}", self.release));
        }
        if self.upgrading() {
            found.push(format!("the phase {} still stands", self.upgrade_phase));
        }
        let down = self.backends.iter().filter(|c| !c.up);
        let down: Vec<String> = down.map(ContainerState::shown).collect();
        if !down.is_empty() {
            found.push(format!("containers not up: {}", down.join(", ")));
        }
        if !self.processes_down.is_empty() {
            found.push(format!(
                "processes not up: {}",
                self.processes_down.join("; ")
            ));
        }
        if !self.status.trim().eq_ignore_ascii_case("OK") {
            found.push(format!("the cluster's status is {}", self.status));
        }
        if !self.io_status.trim().eq_ignore_ascii_case("STARTED") {
            found.push(format!("IO is {}", self.io_status));
        }
        if let Some(words) = &self.unprotected {
            found.push(format!("data is not fully protected: {words}"));
        }
        found
    }
}

/// Asks one of the cluster's commands, with its older names.
pub(super) fn ask(
    source: &dyn Source,
    command: &ClusterCommand,
    deadline: &Deadline,
    redactor: &Redactor,
    store: &mut Store,
) {
    for variant in command.variants {
        let within = deadline.sooner(command.timeout);
        let record = redactor.seal(source.cluster(command.key, variant, &within));
        let unknown = says_unknown(&record);
        store.insert_cluster(record);
        if !unknown {
            break;
        }
    }
}

/// The roles of each container's processes, by the number of its id.
fn roles(processes: &Processes) -> BTreeMap<u64, BTreeSet<&str>> {
    let mut roles: BTreeMap<u64, BTreeSet<&str>> = BTreeMap::new();
    for process in &processes.0 {
        let of_container = roles.entry(process.container).or_default();
        of_container.extend(process.roles.iter().map(String::as_str));
    }
    roles
}

/// Roles tell; the name, which is free text, only where a container has no
/// process yet.
fn phase_of(roles: Option<&BTreeSet<&str>>, name: &str) -> Phase {
    let has = |role: &str| roles.is_some_and(|roles| roles.contains(role));
    let silent = roles.is_none_or(|roles| roles.iter().all(|role| *role == "MANAGEMENT"));
    if has("DRIVES") || (silent && name.starts_with("drive")) {
        Phase::Drives
    } else if has("COMPUTE") || (silent && name.starts_with("compute")) {
        Phase::Computes
    } else {
        Phase::Frontends
    }
}

fn unprotected(rebuild: &Rebuild) -> Option<String> {
    let lost: Vec<String> = rebuild
        .unprotected()
        .map(|p| format!("some has lost {} of its copies", p.failures))
        .collect();
    if !lost.is_empty() {
        return Some(lost.join(", "));
    }
    if rebuild.unavailable.is_some_and(|amount| amount.any()) {
        return Some("some is not available".to_owned());
    }
    if !rebuild.counted() {
        return Some("not all of it has been counted yet".to_owned());
    }
    None
}

/// How long the cluster may be silent before an observation is given up, and
/// how long to wait between two tries.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// From the first failed try on.
    pub limit: Duration,
    /// Between two tries.
    pub pause: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            // Hand-overs take seconds; a cluster that is silent for this long
            // has more than a hand-over.
            limit: Duration::from_secs(300),
            pause: Duration::from_secs(2),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn container(id: u64, name: &str, phase: Phase, release: &str) -> ContainerState {
        ContainerState {
            id,
            hostname: format!("weka-0{}", id % 10),
            name: name.to_owned(),
            phase,
            release: release.parse().ok(),
            up: true,
            port: Some(14000),
            stateless: false,
        }
    }

    pub(super) fn settled() -> ClusterState {
        ClusterState {
            name: "lab".into(),
            guid: "g".into(),
            release: version("4.4.33"),
            status: "OK".into(),
            io_status: "STARTED".into(),
            upgrade_phase: String::new(),
            paused: false,
            conversion: None,
            backends: vec![
                container(1, "drives0", Phase::Drives, "4.4.33"),
                container(2, "compute0", Phase::Computes, "4.4.33"),
                container(3, "frontend0", Phase::Frontends, "4.4.33"),
            ],
            clients: Vec::new(),
            processes_down: Vec::new(),
            unprotected: None,
            alerts: BTreeMap::new(),
        }
    }

    fn version(text: &str) -> Version {
        text.parse().expect("a release")
    }

    #[test]
    fn a_settled_cluster_has_nothing_left() {
        let state = settled();
        assert!(state.unsettled(&version("4.4.33")).is_empty());
        assert_eq!(state.first_unfinished(&version("4.4.33")), None);
        assert_eq!(
            state.first_unfinished(&version("5.1.25")),
            Some(Phase::Drives)
        );
    }

    #[rstest]
    #[case::version(|s: &mut ClusterState| s.backends[1].release = None, "weka-02:compute0")]
    #[case::another_build(|s: &mut ClusterState| s.backends[1].release = "4.4.33.1".parse().ok(), "weka-02:compute0")]
    #[case::cluster(|s: &mut ClusterState| s.release = version("4.4.21.2"), "says that it runs 4.4.21.2")]
    #[case::phase(|s: &mut ClusterState| s.upgrade_phase = "DrivePhase".into(), "DrivePhase")]
    #[case::container_down(|s: &mut ClusterState| s.backends[0].up = false, "weka-01:drives0")]
    #[case::process_down(|s: &mut ClusterState| s.processes_down.push("weka-01:drives0, process 1: DOWN".into()), "process 1")]
    #[case::status(|s: &mut ClusterState| s.status = "REDISTRIBUTING".into(), "REDISTRIBUTING")]
    #[case::io(|s: &mut ClusterState| s.io_status = "STOPPED".into(), "STOPPED")]
    #[case::protection(|s: &mut ClusterState| s.unprotected = Some("x".into()), "not fully protected")]
    fn what_is_not_settled_is_named(#[case] damage: fn(&mut ClusterState), #[case] words: &str) {
        let mut state = settled();
        damage(&mut state);
        let found = state.unsettled(&version("4.4.33"));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains(words), "{found:?}");
    }

    #[rstest]
    #[case::idle("INVALID", "IDLE", None)]
    #[case::runs("UPGRADE", "RUNNING", Some(Some(37)))]
    #[case::another_word("UPGRADE", "PREPARING", Some(Some(37)))]
    #[case::nothing("", "", None)]
    #[case::type_alone("UPGRADE", "", Some(Some(37)))]
    fn conversions(#[case] kind: &str, #[case] state: &str, #[case] expected: Option<Option<u64>>) {
        let mut cluster = settled();
        cluster.conversion = Some(BlockTask {
            kind: kind.into(),
            state: state.into(),
            progress: Some(37),
        });
        assert_eq!(cluster.converting(), expected);
    }

    #[rstest]
    #[case::plain("4.4.33", "4.4.33", true)]
    #[case::with_a_zero("4.4.33.0", "4.4.33", true)]
    #[case::suffix_of_the_build("4.4.33-6a24a384", "4.4.33", true)]
    #[case::the_hotfix_asked_for("4.4.33-hotfix1", "4.4.33-hotfix1", true)]
    #[case::without_the_hotfix("4.4.33", "4.4.33-hotfix1", false)]
    #[case::another("4.4.33.1", "4.4.33", false)]
    fn the_release_asked_for(#[case] runs: &str, #[case] asked: &str, #[case] same: bool) {
        assert_eq!(is(&version(runs), &version(asked)), same);
    }

    #[test]
    fn alerts_of_the_upgrade_itself_are_not_new() {
        let mut state = settled();
        for kind in ["ClusterIsUpgrading", "SystemDefinedTLS", "DriveDown"] {
            state.alerts.insert(kind.into(), String::new());
        }
        let before = BTreeSet::from(["SystemDefinedTLS".to_owned()]);
        assert_eq!(state.new_alerts(&before), ["DriveDown"]);
    }

    #[rstest]
    #[case::roles(&["MANAGEMENT", "DRIVES"], "anything", Phase::Drives)]
    #[case::compute(&["COMPUTE"], "drives0", Phase::Computes)]
    #[case::frontend(&["FRONTEND"], "drives0", Phase::Frontends)]
    #[case::no_process_yet(&[], "drives0", Phase::Drives)]
    #[case::management_alone(&["MANAGEMENT"], "compute1", Phase::Computes)]
    #[case::protocol(&[], "s3", Phase::Frontends)]
    fn phases(#[case] roles: &[&str], #[case] name: &str, #[case] phase: Phase) {
        let roles: BTreeSet<&str> = roles.iter().copied().collect();
        assert_eq!(
            phase_of(Some(&roles).filter(|r| !r.is_empty()), name),
            phase
        );
    }
}
