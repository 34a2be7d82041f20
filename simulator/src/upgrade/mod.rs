//! What the commands of an upgrade do to a [`Cluster`], step by step.
//!
//! [`Cluster::start`] understands a command; what goes on for a while is a
//! [`Run`], whose every [`Run::step`] changes the cluster and prints lines. All
//! that must outlive the command stands in the cluster: a run that is dropped
//! leaves it half-way, as a killed command does.
//!
//! Where no public source says how the real product behaves, this is assumed:
//!
//! - A phase is named from the start of the first one to the end of the last.
//!   While one is named, a command without the option of that phase is
//!   refused; with it, the upgrade goes on there and then with the later ones.
//! - Before anything is switched, every backend must be connected, however
//!   much of the preparation was done before.
//! - Containers are upgraded in the order of their ids; the leader's own comes
//!   last in its phase, and hands the leadership to one that is upgraded.
//!   Until there is a leader again, commands that need a login fail with exit
//!   status 1. Each such question, and each step, brings that end nearer.
//! - The cluster's release changes when the last phase ends, and with it the
//!   dialect of its CLI.
//! - The product refuses to begin with active alerts of severity WARNING and
//!   above that are not muted, in every release, and while a conversion runs;
//!   it does not ask for alerts when it goes on with a phase.
//! - While a container is down, its server's data lacks a copy, and the
//!   status is REDISTRIBUTING. No alert but ClusterIsUpgrading and
//!   LeaderPreparedForUpgrade comes of that.
//! - A conversion goes on with every look at the status. A scan of the
//!   metadata (FSCK) follows it, or the upgrade where there is none: somebody
//!   runs it, unless the model says that nobody does.
//! - A killed command leaves the local container `upgrade` behind; one that
//!   ends by itself takes it away.
//! - Clients keep their mounts; one that fails keeps its release.

mod backends;
mod clients;
mod settings;
mod versions;

use std::time::Duration;

use checker_core::Version;
use jiff::SignedDuration;

pub(crate) use backends::Backends;
pub(crate) use clients::Clients;
pub(crate) use settings::Setting;
pub(crate) use versions::{Get, Prepare};

use crate::model::{Cluster, Conversion, Event, Reachability, Severity, Trouble};
use crate::output::Output;

/// How many steps or questions a hand-over of the leader takes by itself.
const HANDOVER_STEPS: u32 = 4;
/// How many looks at the status a conversion takes by itself.
const CONVERSION_LOOKS: u32 = 4;

/// What surrounds a command.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    /// `WEKA_DIST_SERVERS`; may hold a token, which is printed nowhere.
    pub distribution_servers: Option<String>,
    /// Whether another command that upgrades is alive.
    pub another_runs: bool,
}

/// What a command came to.
#[derive(Debug)]
pub enum Started {
    /// It printed this and is over; nothing was changed.
    Ended(Output),
    /// It goes on.
    Running(Box<Run>),
}

/// A command that goes on for a while and changes the cluster.
#[derive(Debug)]
pub struct Run(What);

#[derive(Debug)]
enum What {
    Get(Get),
    Prepare(Prepare),
    Backends(Backends),
    Clients(Clients),
    Setting(Setting),
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunEnd {
    /// By itself, with this exit status.
    Exited(i32),
    /// It was killed.
    Killed,
}

/// What one step of a run printed and did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Step {
    /// What it printed.
    pub stdout: String,
    /// What it printed on standard error.
    pub stderr: String,
    /// Whether the run is over.
    pub end: Option<RunEnd>,
    /// How long a real one would have taken; the cluster's time has moved so far.
    pub took: Duration,
}

impl Step {
    /// A step of so many seconds.
    fn of(seconds: u64) -> Self {
        Self {
            took: Duration::from_secs(seconds),
            ..Self::default()
        }
    }

    /// Prints a line.
    fn say(mut self, line: impl std::fmt::Display) -> Self {
        self.stdout.push_str(&format!("{line}\n"));
        self
    }

    /// Prints a line with the time of day in front, as for whole stages.
    fn stage(self, cluster: &Cluster, line: impl std::fmt::Display) -> Self {
        let time = cluster.now.strftime("%H:%M:%S.%6f").to_string();
        self.say(format_args!("{time} {line}"))
    }

    /// Ends well.
    fn success(mut self) -> Self {
        self.end = Some(RunEnd::Exited(0));
        self
    }

    /// Ends with this error.
    fn fail(mut self, text: impl std::fmt::Display) -> Self {
        self.stderr.push_str(&format!("error: {text}\n"));
        self.end = Some(RunEnd::Exited(1));
        self
    }
}

impl Run {
    /// Whether no second one of its kind may run beside it.
    #[must_use]
    pub fn exclusive(&self) -> bool {
        matches!(self.0, What::Backends(_) | What::Clients(_))
    }

    /// Goes one step further. After a step with an end there is nothing to do.
    pub fn step(&mut self, cluster: &mut Cluster) -> Step {
        let step = match &mut self.0 {
            What::Get(get) => get.step(cluster),
            What::Prepare(prepare) => prepare.step(cluster),
            What::Backends(backends) => backends.step(cluster),
            What::Clients(clients) => clients.step(cluster),
            What::Setting(setting) => setting.apply(cluster),
        };
        let took = SignedDuration::try_from(step.took).unwrap_or_default();
        cluster.now = cluster.now.checked_add(took).unwrap_or(cluster.now);
        step
    }
}

impl From<Get> for Run {
    fn from(get: Get) -> Self {
        Self(What::Get(get))
    }
}

impl From<Prepare> for Run {
    fn from(prepare: Prepare) -> Self {
        Self(What::Prepare(prepare))
    }
}

impl From<Backends> for Run {
    fn from(backends: Backends) -> Self {
        Self(What::Backends(backends))
    }
}

impl From<Clients> for Run {
    fn from(clients: Clients) -> Self {
        Self(What::Clients(clients))
    }
}

impl From<Setting> for Run {
    fn from(setting: Setting) -> Self {
        Self(What::Setting(setting))
    }
}

impl Cluster {
    /// Whether a question with these arguments moves something: the end of a
    /// hand-over comes nearer, or a conversion goes on.
    #[must_use]
    pub fn is_moved_by(&self, args: &[&str]) -> bool {
        if self.upgrade.handover > 0 {
            return self.needs_leader(args);
        }
        self.upgrade.conversion.is_some_and(|c| c.looks.is_some()) && looks_at_status(args)
    }

    /// What a question with these arguments moves. To be called after its
    /// answer was made.
    pub fn asked(&mut self, args: &[&str]) {
        if !self.is_moved_by(args) {
            return;
        }
        if self.upgrade.handover > 0 {
            self.upgrade.handover -= 1;
        } else {
            self.convert();
        }
    }

    /// Brings a lost server back, with its containers as they were.
    pub fn bring_back(&mut self, server: &str) {
        let Some(server) = self.server_mut(server) else {
            return;
        };
        server.reach = Reachability::Up;
        for container in &mut server.containers {
            container.rise();
        }
        self.regain();
    }

    /// The conversion goes on.
    fn convert(&mut self) {
        let Some(Conversion {
            looks: Some(looks),
            seen,
        }) = &mut self.upgrade.conversion
        else {
            return;
        };
        *seen += 1;
        if *seen < *looks {
            self.upgrade.block_task.progress = u64::from(*seen) * 100 / u64::from(*looks);
            return;
        }
        self.upgrade.conversion = None;
        let id = self.upgrade.block_task.id;
        self.upgrade.block_task = crate::model::BlockTask {
            id,
            ..crate::model::BlockTask::default()
        };
        self.tell_upgrade("BlockTaskComplete", Severity::Info, 0);
        self.scan();
    }

    /// Begins the conversion that follows this upgrade, if one does.
    fn begin_conversion(&mut self, from: &Version, to: &Version) {
        let always = self
            .upgrade
            .conversions
            .iter()
            .any(|r| r.from == from.line() && r.to == to.line());
        let lasts = self
            .upgrade
            .strikes(|t| matches!(t, Trouble::ConversionLasts { .. }));
        let looks = match lasts {
            Some(Trouble::ConversionLasts { looks }) => looks.map(|n| n.max(1)),
            _ if always => Some(CONVERSION_LOOKS),
            _ => {
                self.scan();
                return;
            }
        };
        self.upgrade.conversion = Some(Conversion { looks, seen: 0 });
        self.upgrade.block_task = crate::model::BlockTask {
            kind: "UPGRADE".to_owned(),
            state: "RUNNING".to_owned(),
            progress: 0,
            id: self.upgrade.block_task.id + 1,
        };
        self.tell_upgrade("UpgradeBlockTaskStartInvoked", Severity::Debug, 0);
    }

    /// A scan of the metadata, which somebody runs after an upgrade.
    fn scan(&mut self) {
        if !self.upgrade.no_scan {
            self.config.last_fsck_usecs = self.now.as_microsecond() + 1;
            self.config.last_fsck_issues = 0;
        }
    }

    /// Puts the protection and the status right, if everything is up.
    fn regain(&mut self) {
        let all_up = self
            .servers
            .iter()
            .flat_map(|s| &s.containers)
            .filter(|c| c.is_backend())
            .all(crate::model::Container::is_active);
        if all_up {
            self.rebuild
                .regain_one_copy(std::mem::take(&mut self.upgrade.lost_copies_mib));
            self.rebuild.moving_data = false;
            self.status = "OK".to_owned();
        }
    }

    /// Tells an event of a server.
    fn tell_of(&mut self, server: &str, kind: &str, category: &str, severity: Severity) {
        let process = self
            .server(server)
            .and_then(|s| s.containers.last())
            .map_or(0, |c| c.process_id(0));
        self.events.push(Event {
            time: self.now,
            kind: kind.to_owned(),
            category: category.to_owned(),
            severity,
            description: format!("{kind} on {server}"),
            process,
            params: serde_json::json!({}),
        });
    }
}

/// Whether a command shows how far a conversion is.
fn looks_at_status(args: &[&str]) -> bool {
    let mut words = args.iter().filter(|a| !a.starts_with('-'));
    match words.next() {
        Some(&"status") => words.next().is_none(),
        Some(&"cluster") => words.next() == Some(&"status"),
        _ => false,
    }
}
