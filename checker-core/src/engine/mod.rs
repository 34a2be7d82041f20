//! Plan → collect → judge. It emits events and never prints.

mod collect;
mod judge;
mod plan;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check::{Context, UpgradePath};
use crate::deadline::Deadline;
use crate::event::{Event, Observers};
use crate::evidence::{Redactor, Store};
use crate::facts::Fact;
use crate::facts::View;
use crate::facts::servers::roster;
use crate::facts::status::Status;
use crate::registry::{Registry, RegistryError};
use crate::release_data::ReleaseData;
use crate::report::{
    ClusterInfo, Counts, Coverage, Report, RunInfo, SCHEMA, ServerInfo, ToolInfo, Verdict,
};
use crate::server::{Role, Server};
use crate::source::Source;
use crate::upgrade_path::{self, Route};
use crate::version::Version;

use plan::Plan;

/// Which checks are asked about which servers. Part of the bundle, so that a
/// replay asks the same.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Selection {
    /// No server is contacted.
    pub cluster_only: bool,
    /// Clients are looked at too.
    pub clients: bool,
    /// Only these backends, by name or address; empty for all.
    pub backends: Vec<String>,
    /// Only these checks (ids, `area/*`); empty for all.
    pub select: Vec<String>,
    /// Not these checks.
    pub skip: Vec<String>,
}

/// How long things may take, and how many at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Per server, from the first packet to the last byte.
    pub server: Duration,
    /// The collecting of the whole run.
    pub run: Duration,
    /// How many servers at once.
    pub parallel: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            server: Duration::from_secs(30),
            run: Duration::from_secs(600),
            parallel: 64,
        }
    }
}

/// What a run needs to be told.
pub struct Request<'a> {
    /// The release to upgrade to.
    pub target: Version,
    /// Which checks, which servers.
    pub selection: Selection,
    /// Time and parallelism.
    pub limits: Limits,
    /// The release data to judge by.
    pub data: &'a ReleaseData,
    /// The version of the tool, for the report.
    pub tool_version: &'a str,
    /// The command line, for the report.
    pub argv: Vec<String>,
    /// The machine that the tool runs on, for the report.
    pub host: String,
    /// Set when the operator interrupts: collecting ends, judging goes on.
    pub interrupted: Arc<AtomicBool>,
}

/// What a run leaves behind.
#[derive(Debug)]
pub struct Run {
    /// What was found.
    pub report: Report,
    /// All that it rests on.
    pub store: Store,
    /// Whether the operator interrupted it.
    pub interrupted: bool,
}

/// Why a run could not be made as asked.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// `--select` or `--skip` names no check.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// Nothing is left to ask.
    #[error("the selection leaves no check to run; `checker list` shows them all")]
    NothingSelected,
    /// `--backends` names a server that the cluster does not have.
    #[error("{name:?} is no backend of this cluster{}; its backends are {known}", nearest_hint(.nearest))]
    UnknownServer {
        /// What was asked for.
        name: String,
        /// The backend whose name is most like it.
        nearest: Option<String>,
        /// The backends that there are.
        known: String,
    },
    /// The threads that talk to servers could not be started.
    #[error("starting the threads that talk to the servers: {0}")]
    Threads(String),
}

fn nearest_hint(nearest: &Option<String>) -> String {
    nearest
        .as_ref()
        .map(|name| format!("; did you mean {name}?"))
        .unwrap_or_default()
}

/// Collects all evidence that the selected checks need, then judges it.
///
/// One bad server, one odd answer or one broken check costs its own results
/// and no others.
///
/// # Errors
/// Only when the request itself can't be followed; whatever goes wrong while
/// collecting or judging is part of the report.
pub fn run(
    source: Arc<dyn Source>,
    registry: &Registry,
    request: Request<'_>,
    observers: &Observers,
) -> Result<Run, EngineError> {
    let begun = Instant::now();
    let started_at = source.now();
    let redactor = Redactor::new();
    let plan = Plan::new(registry, &request.selection)?;
    let id = uuid::Uuid::new_v4().to_string();
    observers.emit(&Event::RunStarted {
        id: &id,
        source: source.kind(),
        target: &request.target,
        checks: plan.checks.len(),
        commands: plan.commands.len(),
    });

    let deadline = Deadline::new(request.limits.run, Arc::clone(&request.interrupted));
    let store = collect::collect(
        &source,
        &plan,
        &request.target,
        &request.selection,
        request.limits,
        &deadline,
        observers,
    )?;

    let status = Status::read(&View::cluster(&store)).ok();
    let path = status.as_ref().map(|status| UpgradePath {
        from: status.release.clone(),
        to: request.target.clone(),
    });
    let route = route(request.data, path.as_ref());
    let context = Context {
        from: path.as_ref().map(|path| &path.from),
        to: &request.target,
        now: started_at,
        data: request.data,
        route: route.as_ref(),
    };
    let results = judge::judge(&plan, &store, path.as_ref(), &context, observers);

    let elapsed = begun.elapsed();
    observers.emit(&Event::RunFinished { elapsed });
    let finished_at = started_at.checked_add(elapsed).unwrap_or(Timestamp::MAX);
    let interrupted = deadline.interrupted();
    let backends =
        |servers: Vec<Server>| servers.iter().filter(|s| s.role == Role::Backend).count();
    let mut report = Report {
        schema: SCHEMA,
        tool: ToolInfo {
            name: "checker".to_owned(),
            version: request.tool_version.to_owned(),
            data_date: request.data.date,
        },
        run: RunInfo {
            id,
            started_at,
            finished_at,
            source: source.kind(),
            argv: request.argv.iter().map(|a| redactor.text(a)).collect(),
            host: request.host,
            coverage: Some(Coverage {
                selection: request.selection,
                interrupted,
                backends: roster(&store).ok().map(backends),
            }),
        },
        cluster: status.map_or_else(ClusterInfo::default, |status| ClusterInfo {
            name: Some(status.name),
            guid: Some(status.guid),
            version: Some(status.release),
        }),
        path: route.map_or_else(Vec::new, |route| route.releases),
        target_version: request.target,
        verdict: Verdict::of(&results),
        counts: Counts::of(&results),
        servers: store.servers().iter().map(server_info).collect(),
        acceptances: Vec::new(),
        plugins: registry.plugins(),
        results,
        digest: None,
    };
    report.seal();
    Ok(Run {
        report,
        store,
        interrupted,
    })
}

/// The pieces of the script that servers are sent when all checks run, for any
/// upgrade; those whose words the cluster tells come last, without their words.
///
/// # Errors
/// When no check is registered.
pub fn probes(
    registry: &Registry,
) -> Result<Vec<&'static crate::source::ServerProbe>, EngineError> {
    let everything = Selection {
        clients: true,
        ..Selection::default()
    };
    let plan = Plan::new(registry, &everything)?;
    let dependent = plan.dependent_probes.iter().map(|d| &d.probe);
    Ok(plan.probes.iter().copied().chain(dependent).collect())
}

/// Judges evidence that is there already.
#[cfg(feature = "testkit")]
pub(crate) fn judge_only(
    registry: &Registry,
    selection: &Selection,
    store: &Store,
    path: Option<&UpgradePath>,
    target: &Version,
    now: Timestamp,
    data: &ReleaseData,
) -> Result<Vec<crate::report::CheckResult>, EngineError> {
    let plan = Plan::new(registry, selection)?;
    let route = route(data, path);
    let context = Context {
        from: path.map(|path| &path.from),
        to: target,
        now,
        data,
        route: route.as_ref(),
    };
    let nobody = Observers::new();
    Ok(judge::judge(&plan, store, path, &context, &nobody))
}

/// The same checks over evidence that differs in one place at a time: what is
/// read from the other places is read once.
#[cfg(feature = "testkit")]
pub(crate) struct Rejudge<'a> {
    plan: Plan,
    readings: crate::facts::Readings,
    path: Option<UpgradePath>,
    route: Option<Route>,
    target: Version,
    now: Timestamp,
    data: &'a ReleaseData,
}

#[cfg(feature = "testkit")]
impl<'a> Rejudge<'a> {
    pub(crate) fn new(
        registry: &Registry,
        store: &Store,
        target: &Version,
        now: Timestamp,
        data: &'a ReleaseData,
    ) -> Result<Self, EngineError> {
        let selection = Selection {
            clients: true,
            ..Selection::default()
        };
        let plan = Plan::new(registry, &selection)?;
        let path = path_of(store, target);
        Ok(Self {
            readings: judge::read_facts(&plan.facts, store),
            route: route(data, path.as_ref()),
            path,
            plan,
            target: target.clone(),
            now,
            data,
        })
    }

    /// Every result over `store`, which differs from that of the beginning
    /// only in the answer under `key` (of `server`, if it is a server's).
    pub(crate) fn judge(
        &self,
        store: &Store,
        key: &str,
        server: Option<&str>,
    ) -> Vec<crate::report::CheckResult> {
        let readings = judge::read_again(&self.plan.facts, store, &self.readings, key, server);
        let facts = crate::facts::FactTable::new(store, readings);
        let (other_path, other_route);
        let (path, route) = if key == crate::facts::status::STATUS.key {
            other_path = path_of(store, &self.target);
            other_route = self::route(self.data, other_path.as_ref());
            (other_path.as_ref(), other_route.as_ref())
        } else {
            (self.path.as_ref(), self.route.as_ref())
        };
        let context = Context {
            from: path.map(|path| &path.from),
            to: &self.target,
            now: self.now,
            data: self.data,
            route,
        };
        let nobody = Observers::new();
        judge::judge_by(&self.plan, &facts, store, path, &context, &nobody)
    }
}

/// From where to where, if the cluster tells what it runs.
#[cfg(feature = "testkit")]
fn path_of(store: &Store, target: &Version) -> Option<UpgradePath> {
    let status = Status::read(&View::cluster(store)).ok()?;
    Some(UpgradePath {
        from: status.release,
        to: target.clone(),
    })
}

/// The way to the target, if the running release is known and there is one.
fn route(data: &ReleaseData, path: Option<&UpgradePath>) -> Option<Route> {
    path.and_then(|path| upgrade_path::find(data, &path.from, &path.to).ok())
}

fn server_info(evidence: &crate::evidence::ServerEvidence) -> ServerInfo {
    ServerInfo {
        name: evidence.server.name.clone(),
        address: evidence.server.address.clone(),
        role: evidence.server.role,
        reached: evidence.reach.complete(),
        transport: evidence.reach.transport,
        ms: evidence.reach.ms,
        error: evidence.reach.error.as_ref().map(ToString::to_string),
    }
}
