//! What must be asked for the selected checks.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::{EngineError, Selection};
use crate::check::{Applies, Check, Place, UpgradePath};
use crate::contract::Scope;
use crate::evidence::Store;
use crate::facts::{FactSpec, View, containers::CONTAINERS, servers::SERVERS, status::STATUS};
use crate::plugin;
use crate::registry::{self, Registry};
use crate::server::{Role, Server};
use crate::source::{ClusterCommand, DependentCommand, DependentProbe, ServerProbe};

/// The selected checks, and all that they need, each thing once.
pub(super) struct Plan {
    /// Sorted by id.
    pub(super) checks: Vec<Arc<dyn Check>>,
    /// Every fact that some check needs.
    pub(super) facts: Vec<FactSpec>,
    /// The cluster's commands: the status first, then what the list of
    /// servers is made of, so that the servers can be asked at the same time
    /// as the rest, then what other commands wait for.
    pub(super) commands: Vec<&'static ClusterCommand>,
    /// The commands whose arguments stand in the answers to others.
    pub(super) dependents: Vec<&'static DependentCommand>,
    /// The pieces of the script that runs on the servers: what of it a server
    /// is sent, [`Plan::probes_for`] says.
    pub(super) probes: Vec<&'static ServerProbe>,
    /// The pieces whose words the cluster tells.
    pub(super) dependent_probes: Vec<&'static DependentProbe>,
}

impl Plan {
    pub(super) fn new(registry: &Registry, selection: &Selection) -> Result<Self, EngineError> {
        for pattern in selection.select.iter().chain(&selection.skip) {
            registry.matching(pattern)?;
        }
        let any = |patterns: &[String], id: &str| {
            patterns
                .iter()
                .any(|pattern| registry::matches(pattern, id))
        };
        let checks: Vec<_> = registry
            .iter()
            .filter(|check| {
                let info = check.info();
                (selection.select.is_empty() || any(&selection.select, &info.id))
                    && !any(&selection.skip, &info.id)
                    && info.scope.iter().any(|scope| wanted(*scope, selection))
            })
            .cloned()
            .collect();
        if checks.is_empty() {
            return Err(EngineError::NothingSelected);
        }
        let mut facts: Vec<FactSpec> = Vec::new();
        for spec in checks.iter().flat_map(|check| check.needs()) {
            if !facts.contains(&spec) {
                facts.push(spec);
            }
        }
        let mut commands = vec![&STATUS, &CONTAINERS, &SERVERS];
        let mut dependents: Vec<&'static DependentCommand> = Vec::new();
        for dependent in facts.iter().flat_map(|spec| spec.dependents) {
            if !dependents.iter().any(|known| known.key == dependent.key) {
                dependents.push(dependent);
            }
        }
        let waited_for = dependents.iter().flat_map(|d| d.after);
        for command in waited_for.chain(facts.iter().flat_map(|spec| spec.commands)) {
            if !commands.iter().any(|known| known.key == command.key) {
                commands.push(command);
            }
        }
        let mut probes: Vec<&'static ServerProbe> = Vec::new();
        for spec in &facts {
            for probe in spec.probes {
                if !probes.iter().any(|known| known.key == probe.key) {
                    probes.push(probe);
                }
            }
        }
        let mut dependent_probes: Vec<&'static DependentProbe> = Vec::new();
        for dependent in facts.iter().flat_map(|spec| spec.dependent_probes) {
            let key = dependent.probe.key;
            if !dependent_probes.iter().any(|known| known.probe.key == key) {
                dependent_probes.push(dependent);
            }
        }
        // The clock comes first in the script, since its answer is measured
        // against the moment at which the script was sent; what others wrote
        // comes last, since it may take all the time that there is.
        probes.sort_by_key(|probe| (probe.key != "host:clock", foreign(probe.key), probe.key));
        Ok(Self {
            checks,
            facts,
            commands,
            dependents,
            probes,
            dependent_probes,
        })
    }

    /// The pieces of the script for one server among all of the run.
    ///
    /// Only what a check needs that applies to this path, and that looks at
    /// servers of this role or at the cluster as a whole. A piece can cost time, and
    /// one of them writes (and removes) a file: whoever does not need the
    /// answer does not ask. Without a path, what applies to any. `here` is the
    /// name of the backend that the tool stands on.
    pub(super) fn probes_for(
        &self,
        server: &Server,
        all: &[Server],
        here: Option<&str>,
        path: Option<&UpgradePath>,
        store: &Store,
    ) -> Vec<&'static ServerProbe> {
        let backend = server.role == Role::Backend;
        self.probes_of(server, all, path, store, |place| match place {
            Place::Everywhere => true,
            Place::Backends => backend,
            Place::Vantage => here == Some(server.name.as_str()),
            Place::OneByOne => false,
        })
    }

    /// What a backend is sent in a session of its own, when all else was asked.
    pub(super) fn probes_one_by_one(
        &self,
        server: &Server,
        all: &[Server],
        path: Option<&UpgradePath>,
        store: &Store,
    ) -> Vec<&'static ServerProbe> {
        if server.role != Role::Backend {
            return Vec::new();
        }
        self.probes_of(server, all, path, store, |place| place == Place::OneByOne)
    }

    fn probes_of(
        &self,
        server: &Server,
        all: &[Server],
        path: Option<&UpgradePath>,
        store: &Store,
        here: impl Fn(Place) -> bool,
    ) -> Vec<&'static ServerProbe> {
        let needed: HashSet<&'static str> = self
            .checks
            .iter()
            .filter(|check| {
                let scopes = &check.info().scope;
                scopes.contains(&Scope::Cluster) || scopes.contains(&server.role.scope())
            })
            .filter(|check| here(check.place()))
            .filter(|check| match path {
                Some(path) => check.applies(path) == Applies::Yes,
                None => check.applies_always(),
            })
            .flat_map(|check| check.needs())
            .flat_map(|spec| spec.evidence().collect::<Vec<_>>())
            .collect();
        let dependent = |dependent: &&'static DependentProbe| {
            // A fault inside costs this piece alone: it is not sent.
            let words = catch_unwind(AssertUnwindSafe(|| {
                (dependent.words)(&View::cluster(store), server, all)
            }))
            .unwrap_or_default();
            (!words.is_empty()).then(|| dependent.with(&words))
        };
        let plain = self.probes.iter().copied();
        let mut probes: Vec<_> = plain
            .filter(|probe| needed.contains(probe.key))
            .chain(
                self.dependent_probes
                    .iter()
                    .filter(|dependent| needed.contains(dependent.probe.key))
                    .filter_map(dependent),
            )
            .collect();
        probes.sort_by_key(|probe| foreign(probe.key));
        probes
    }
}

/// Ours, a plugin's, a script of somebody's: in the order of our trust.
fn foreign(key: &str) -> u8 {
    match key {
        key if key.starts_with(plugin::SCRIPT_KEY) => 2,
        key if key.starts_with(plugin::PROBE_KEY) => 1,
        _ => 0,
    }
}

/// Whether a scope is looked at in this run.
pub(super) fn wanted(scope: Scope, selection: &Selection) -> bool {
    match scope {
        Scope::Cluster => true,
        Scope::Backend => !selection.cluster_only,
        Scope::Client => !selection.cluster_only && selection.clients,
    }
}
