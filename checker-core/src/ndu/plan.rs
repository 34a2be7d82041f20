//! What an upgrade will do, before it does anything.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::commands::{self, DEFAULT_PORT, Dialect, Entrance, Spelling};
use super::executor::Secret;
use super::journal::Story;
use super::observe::{ClusterState, ContainerState, Phase};
use crate::release_data::ReleaseData;
use crate::report::page::{Page, Tint};
use crate::report::{TextOptions, fold_names, printable, terminal_safe};
use crate::version::Version;

/// The steps of a hop, in their order.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum StepKind {
    /// All checks, and the gate over them.
    Gate,
    /// The release is brought to the machine that the commands run on.
    Get,
    /// Its drivers are built there.
    Prepare,
    /// It is brought to all backends and prepared there.
    Distribute,
    /// An override that the hop needs is set.
    Override,
    /// Drives, computes, frontends and protocols are upgraded.
    Backends,
    /// Everything runs the release, is up and is protected.
    Verify,
    /// The override is taken away.
    OverrideRemoval,
    /// On AWS, write combining is looked at.
    Aws,
    /// The conversion of metadata is waited for.
    Conversion,
    /// Clients are upgraded.
    Clients,
}

impl StepKind {
    /// A few words.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Gate => "run all checks and ask the gate",
            Self::Get => "get the release",
            Self::Prepare => "prepare the release",
            Self::Distribute => "bring the release to all backends",
            Self::Override => "set the override for the hop",
            Self::Backends => "upgrade the backends",
            Self::Verify => "verify the cluster",
            Self::OverrideRemoval => "take the override away",
            Self::Aws => "on AWS, look at write combining",
            Self::Conversion => "wait for the metadata conversion",
            Self::Clients => "upgrade the clients",
        }
    }
}

impl fmt::Display for StepKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.title())
    }
}

/// Where the release comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Distribution {
    /// Whatever the machine is set up for, or it is there already.
    #[default]
    Configured,
    /// A backend (`host:14000`) or a distribution site (`https://get.weka.io`)
    /// that needs no token.
    From(String),
    /// A distribution site with its token inside, for the environment.
    WithToken {
        /// The site without the token, to be shown.
        site: String,
        /// The same with the token in its place.
        url: Secret,
    },
    /// A tar file on that machine, for sites without a network.
    Package(PathBuf),
}

/// How far to go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Until {
    /// To the end.
    #[default]
    End,
    /// Get and prepare on one machine.
    Prepared,
    /// And bring it to all backends.
    Distributed,
}

/// Which hops.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Hops {
    /// All up to the target.
    #[default]
    All,
    /// Only the next one.
    Next,
}

/// Which clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientChoice {
    /// All that don't follow by themselves at their next mount.
    All,
    /// Those with these container ids, whatever they are.
    Ids(Vec<u64>),
}

/// What to do about clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientOptions {
    /// Which.
    pub which: ClientChoice,
    /// How many at a time.
    pub batch: u16,
    /// Container ids of clients that are left behind.
    pub drop: Vec<u64>,
}

/// What the operator asked for.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Where the release comes from.
    pub distribution: Distribution,
    /// How far to go.
    pub until: Until,
    /// Which hops.
    pub hops: Hops,
    /// The container that the upgrade command runs beside; found out if not given.
    pub container: Option<String>,
    /// Its management port; found out if not given.
    pub mgmt_port: Option<u16>,
    /// Clients, if they are to be upgraded.
    pub clients: Option<ClientOptions>,
}

/// One step of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PlannedStep {
    /// Which.
    pub step: StepKind,
    /// What is done.
    pub title: String,
    /// The command lines that will be run, in order.
    pub commands: Vec<String>,
    /// On which containers and servers, where that matters.
    pub what: Vec<String>,
    /// What must be true afterwards.
    pub verify: String,
    /// Whether the operator is asked first, even after the plan was agreed to.
    pub asks: bool,
}

/// The version of the JSON of plans, outcomes and states.
pub(super) const SCHEMA: u32 = 1;

/// From one release to the next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PlannedHop {
    /// Counted from 1.
    pub number: usize,
    /// The release before it.
    pub from: Version,
    /// The release after it.
    pub to: Version,
    /// What is done.
    pub steps: Vec<PlannedStep>,
}

/// All that will be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Plan {
    /// The version of this shape; it only grows.
    #[schemars(extend("const" = SCHEMA))]
    pub schema: u32,
    /// The cluster's name.
    pub cluster: String,
    /// Its uuid.
    pub guid: String,
    /// The running release, the releases between, the target.
    pub releases: Vec<Version>,
    /// The hops that will be gone.
    pub hops: Vec<PlannedHop>,
    /// What will not be done by itself, and why.
    pub notes: Vec<String>,
}

impl Options {
    /// Where the upgrade command finds this cluster: on `here`, the host that
    /// the commands run on, if it is known.
    #[must_use]
    pub fn entrance(&self, state: &ClusterState, here: Option<&str>) -> Entrance {
        let same = |hostname: &str| {
            let short = |name: &str| name.split('.').next().unwrap_or(name).to_ascii_lowercase();
            here.is_some_and(|here| short(here) == short(hostname))
        };
        let mut drives: Vec<_> = state
            .backends
            .iter()
            .filter(|c| c.phase == Phase::Drives)
            .collect();
        drives.sort_by(|a, b| a.name.cmp(&b.name));
        let chosen = match &self.container {
            Some(name) => state
                .backends
                .iter()
                .find(|c| c.name == *name && same(&c.hostname)),
            None => drives.iter().copied().find(|c| same(&c.hostname)),
        };
        let container = self
            .container
            .clone()
            .or_else(|| chosen.map(|c| c.name.clone()))
            .unwrap_or_else(|| "drives0".to_owned());
        // Where the commands run is not known by name: all agree, or none counts.
        let port = self.mgmt_port.or_else(|| match chosen {
            Some(chosen) => chosen.port,
            None => {
                let mut ports = state
                    .backends
                    .iter()
                    .filter(|c| c.name == container)
                    .map(|c| c.port);
                let first = ports.next().flatten();
                first.filter(|port| ports.all(|p| p == Some(*port)))
            }
        });
        Entrance {
            container,
            port: port.filter(|port| *port != DEFAULT_PORT),
        }
    }

    /// The containers that there are on `here`, where the one that was asked
    /// for is none of them: the command would find no cluster beside it.
    #[must_use]
    pub fn lacks_container(&self, state: &ClusterState, here: Option<&str>) -> Option<Vec<String>> {
        let asked = self.container.as_ref()?;
        let short = |name: &str| name.split('.').next().unwrap_or(name).to_ascii_lowercase();
        let is_here = |c: &&ContainerState| here.is_some_and(|h| short(h) == short(&c.hostname));
        let known = state.backends.iter().any(|c| is_here(&c));
        // Where the commands run is not known by name: any of the cluster may be meant.
        let there = state.backends.iter().filter(|c| !known || is_here(c));
        let names: BTreeSet<String> = there.map(|c| c.name.clone()).collect();
        (!names.contains(asked)).then(|| names.into_iter().collect())
    }

    /// The clients that a hop's command is to upgrade, by container id; and
    /// those that are left to themselves, with the reason.
    #[must_use]
    pub fn clients_for(&self, state: &ClusterState, to: &Version) -> (Vec<u64>, Vec<String>) {
        let Some(options) = &self.clients else {
            return (Vec::new(), Vec::new());
        };
        let (mut ids, mut left) = (Vec::new(), Vec::new());
        for client in &state.clients {
            if options.drop.contains(&client.id) {
                left.push(format!("{} ({}): dropped", client.shown(), client.id));
                continue;
            }
            let newer = client.release.as_ref().is_some_and(|r| r >= to);
            if client.runs(to) || newer {
                continue;
            }
            match &options.which {
                ClientChoice::Ids(named) if named.contains(&client.id) => ids.push(client.id),
                ClientChoice::Ids(_) => {}
                ClientChoice::All if client.stateless => left.push(format!(
                    "{} ({}): stateless, follows when it is mounted again",
                    client.shown(),
                    client.id
                )),
                ClientChoice::All => ids.push(client.id),
            }
        }
        (ids, left)
    }
}

impl Plan {
    /// What will be done to bring this cluster over these releases, from where
    /// it stands; `story` is what was done by an upgrade that is gone on with.
    #[must_use]
    pub fn new(
        state: &ClusterState,
        releases: &[Version],
        options: &Options,
        dialect: Dialect,
        here: Option<&str>,
        data: &ReleaseData,
        story: Story<'_>,
    ) -> Self {
        let entrance = options.entrance(state, here);
        let count = releases.len().saturating_sub(1);
        let mut hops = Vec::new();
        let mut half_way = None;
        for (n, pair) in releases.windows(2).enumerate() {
            let (from, to) = (&pair[0], &pair[1]);
            let later = state.backends.iter().any(|c| c.is_beyond(to));
            let earlier = state.backends.iter().any(|c| c.is_before(to));
            let was_done = story.hop_done(n + 1);
            // As the executor goes over them.
            if (was_done || later) && !earlier && n + 1 < count {
                continue;
            }
            if !hops.is_empty() && options.hops == Hops::Next {
                break;
            }
            let first = hops.is_empty();
            let stands = if state.left(to).is_empty() && !(first && state.upgrading()) {
                Stands::Upgraded
            } else if state.upgraded(to).0 > 0 || (first && state.upgrading()) {
                half_way = Some(to);
                Stands::HalfWay
            } else {
                Stands::Before
            };
            let asked =
                stands == Stands::Before || (story.gate_opened(n + 1) && story.touched(n + 1));
            let all = steps(state, from, to, options, dialect, &entrance, data);
            hops.push(PlannedHop {
                number: n + 1,
                from: from.clone(),
                to: to.clone(),
                steps: left_to_do(all, stands, asked, || {
                    let phase = state.named_phase().or(state.first_unfinished(to));
                    commands::shown(&commands::backends(dialect, to, &entrance, phase))
                }),
            });
        }
        let mut notes = vec![
            "Before each hop all checks are run. The gate opens only when every one is green, or its warning was accepted by name (--accept).".to_owned(),
            "Each command runs on its own: Ctrl-C, a lost terminal or a lost connection leave it running. The same command line with --resume comes back to it.".to_owned(),
        ];
        if let Some(to) = half_way {
            notes.push(format!(
                "The upgrade to {to} was begun and is not finished: only --resume goes on with it. A command of it that still runs is watched, and none begun beside it."
            ));
        }
        if dialect == Dialect::Wrapper
            && let Some(port) = options.mgmt_port
        {
            notes.push(format!(
                "--mgmt-port {port} is not used: `weka upgrade backends` has no such option and finds the port itself."
            ));
        }
        if options.clients.is_none() && !state.clients.is_empty() {
            notes.push(format!(
                "Clients ({}) are not touched: they keep working with their release (--clients upgrades them).",
                state.clients.len()
            ));
        }
        Self {
            schema: SCHEMA,
            cluster: state.name.clone(),
            guid: state.guid.clone(),
            releases: releases.to_vec(),
            hops,
            notes,
        }
    }

    /// For a person to read.
    #[must_use]
    pub fn text(&self, options: &TextOptions) -> String {
        let mut page = Page::new(options.width, options.color);
        let names: Vec<String> = self.releases.iter().map(ToString::to_string).collect();
        let what = format!("{} ({})", self.cluster, self.guid);
        page.unwrapped(
            Tint::Heading,
            &printable(&format!("Upgrade of {what}: {}", names.join(" → "))),
        );
        for hop in &self.hops {
            page.blank();
            let title = format!("Hop {}: {} → {}", hop.number, hop.from, hop.to);
            page.line(0, Tint::Heading, &title);
            for (n, step) in hop.steps.iter().enumerate() {
                let asks = if step.asks { " (asks first)" } else { "" };
                let mark = format!("{}.{}  ", hop.number, n + 1);
                page.marked(2, &mark, Tint::Plain, &format!("{}{asks}", step.title));
                let indent = 2 + mark.len();
                for command in &step.commands {
                    page.command(indent, &printable(command));
                }
                for what in &step.what {
                    page.line(indent, Tint::Plain, &printable(what));
                }
                page.marked(indent, "then: ", Tint::Faint, &step.verify);
            }
        }
        page.blank();
        for note in &self.notes {
            page.marked(0, "- ", Tint::Plain, note);
        }
        page.finish()
    }

    /// For a program to read, with a line break at the end.
    #[must_use]
    pub fn json(&self) -> String {
        shown_json(self)
    }
}

/// Indented JSON that can be shown on a terminal, with a line break at the end.
pub(super) fn shown_json(value: &impl Serialize) -> String {
    // Texts, numbers and lists of them alone: that can't fail.
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    format!("{}\n", terminal_safe(text).trim_end())
}

/// Where a cluster stands in a hop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stands {
    /// No container was touched.
    Before,
    /// Some run the release, or an upgrade is under way.
    HalfWay,
    /// All backends run it.
    Upgraded,
}

/// The steps that are left where a hop was begun, or its backends are upgraded.
/// Where this upgrade has not asked the gate, it is asked before clients are
/// touched; `command` goes on with the backends.
fn left_to_do(
    mut steps: Vec<PlannedStep>,
    stands: Stands,
    asked: bool,
    command: impl FnOnce() -> String,
) -> Vec<PlannedStep> {
    if stands == Stands::Before {
        return steps;
    }
    let gate = steps.iter().find(|s| s.step == StepKind::Gate).cloned();
    steps.retain(|s| match s.step {
        StepKind::Gate
        | StepKind::Get
        | StepKind::Prepare
        | StepKind::Distribute
        | StepKind::Override => false,
        StepKind::Backends => stands == Stands::HalfWay,
        _ => true,
    });
    if let Some(backends) = steps.iter_mut().find(|s| s.step == StepKind::Backends) {
        backends.commands = vec![command()];
    }
    let touched = |s: &PlannedStep| s.step == StepKind::Clients && !s.commands.is_empty();
    if let Some(at) = steps.iter().position(touched)
        && let Some(mut gate) = gate
        && !asked
    {
        gate.title = format!("{}, before clients are touched", gate.title);
        steps.insert(at, gate);
    }
    steps
}

fn steps(
    state: &ClusterState,
    from: &Version,
    to: &Version,
    options: &Options,
    dialect: Dialect,
    entrance: &Entrance,
    data: &ReleaseData,
) -> Vec<PlannedStep> {
    let step = |step: StepKind, commands: Vec<String>, verify: &str| PlannedStep {
        step,
        title: step.title().to_owned(),
        commands,
        what: Vec::new(),
        verify: verify.to_owned(),
        asks: false,
    };
    let get = match &options.distribution {
        Distribution::Configured => vec![commands::shown(&commands::get(to, None))],
        Distribution::From(from) => vec![commands::shown(&commands::get(to, Some(from)))],
        Distribution::WithToken { site, .. } => vec![format!(
            "{}   (WEKA_DIST_SERVERS={site}, with the token, in its environment)",
            commands::shown(&commands::get(to, None))
        )],
        Distribution::Package(path) => vec![format!(
            "tar -xf {0} and run its install.sh",
            shell_words::quote(&path.to_string_lossy())
        )],
    };
    let mut steps = vec![
        step(
            StepKind::Gate,
            Vec::new(),
            "the gate is open: every check is green, or its warning accepted by name",
        ),
        step(
            StepKind::Get,
            get,
            &format!("`weka version` lists {to} (not run when it does already)"),
        ),
        step(
            StepKind::Prepare,
            vec![commands::shown(&commands::prepare(to))],
            "the command has succeeded: the drivers are built",
        ),
    ];
    if options.until == Until::Prepared {
        return steps;
    }
    let spelling = Spelling::of(to);
    let mut distribute = step(
        StepKind::Distribute,
        vec![commands::shown(&commands::distribute(
            dialect, to, entrance, spelling,
        ))],
        "the command has succeeded: every backend has the release, with its drivers",
    );
    let mut servers: Vec<String> = state.backends.iter().map(|c| c.hostname.clone()).collect();
    servers.sort();
    servers.dedup();
    distribute.what = vec![format!("to {}", fold_names(&servers))];
    steps.push(distribute);
    if options.until == Until::Distributed {
        return steps;
    }
    let rule = &data.rules.capacity_override;
    let overridden = rule.is_needed(from, to);
    if overridden {
        let add = commands::add_override(&rule.key, &rule.value);
        let mut set = step(
            StepKind::Override,
            vec![commands::shown(&add)],
            "`weka debug override list` has it (not run when it does already)",
        );
        set.asks = true;
        steps.push(set);
    }
    let mut backends = step(
        StepKind::Backends,
        vec![commands::shown(&commands::backends(
            dialect, to, entrance, None,
        ))],
        &format!("every backend container runs {to}, by the cluster's own list"),
    );
    backends.what = Phase::ALL
        .iter()
        .map(|phase| of_phase(state, *phase))
        .collect();
    steps.push(backends);
    steps.push(step(
        StepKind::Verify,
        Vec::new(),
        &format!(
            "the cluster says {to} and OK, all processes are up, data is fully protected, no new alert"
        ),
    ));
    if overridden {
        let mut remove = step(
            StepKind::OverrideRemoval,
            vec!["weka debug override remove ID".to_owned()],
            "`weka debug override list` no longer has it",
        );
        remove.asks = true;
        steps.push(remove);
    }
    steps.push(step(
        StepKind::Aws,
        Vec::new(),
        "no event NetDevDriverReloadFailed since the start; write combining is on, on every backend",
    ));
    steps.push(step(
        StepKind::Conversion,
        Vec::new(),
        "`weka status` shows no conversion of metadata (any more)",
    ));
    if let Some(clients) = &options.clients {
        let (ids, left) = options.clients_for(state, to);
        let line = commands::clients(to, entrance, &ids, clients.batch, &clients.drop);
        let (commands, verify) = if ids.is_empty() {
            (Vec::new(), "nothing is to be done".to_owned())
        } else {
            let verify = format!("these clients run {to}, by the cluster's own list");
            (vec![commands::shown(&line)], verify)
        };
        let mut step = step(StepKind::Clients, commands, &verify);
        step.what = left;
        steps.push(step);
    }
    steps
}

/// `drives: 6 containers on weka-[01-06]`.
fn of_phase(state: &ClusterState, phase: Phase) -> String {
    let of_phase: Vec<_> = state.backends.iter().filter(|c| c.phase == phase).collect();
    let mut servers: Vec<String> = of_phase.iter().map(|c| c.hostname.clone()).collect();
    servers.sort();
    servers.dedup();
    let count = of_phase.len();
    if count == 0 {
        return format!("{phase}: none");
    }
    format!(
        "{phase}: {count} container{} on {}",
        if count == 1 { "" } else { "s" },
        fold_names(&servers)
    )
}
