//! What stands in the report for checks that can't be asked.

use std::sync::Arc;

use super::{AREA_OF_FAILURES, id_word};
use crate::check::{Applies, Check, Context, UpgradePath};
use crate::contract::{CheckInfo, Judgement, Level, Scope};
use crate::evidence::Redactor;
use crate::facts::{FactSpec, FactTable, Missing};
use crate::registry::{PluginEntry, Registry};
use crate::report::{CheckResult, PluginInfo, PluginKind};
use crate::server::Server;

/// A check that is always unknown, because ….
struct Standin {
    info: CheckInfo,
    because: String,
}

impl Check for Standin {
    fn info(&self) -> &CheckInfo {
        &self.info
    }

    fn needs(&self) -> Vec<FactSpec> {
        Vec::new()
    }

    fn applies(&self, _: &UpgradePath) -> Applies {
        Applies::Yes
    }

    fn applies_always(&self) -> bool {
        true
    }

    fn judge(
        &self,
        _: &FactTable<'_>,
        _: Option<&Server>,
        _: &Context<'_>,
    ) -> Result<Judgement, Missing> {
        Ok(Judgement::unknown(self.because.clone()))
    }
}

/// Registers a plugin that could not be loaded, as one check that is unknown:
/// what it would have said, nobody knows, and so nothing is green without it.
pub(super) fn register_failure(registry: &mut Registry, info: PluginInfo, reason: &str) {
    // It can hold what the plugin has printed.
    let reason = &Redactor::new().text(reason);
    let name = id_word(&info.name);
    let because = format!("{} {reason}", info.path);
    let mut n = 1;
    loop {
        let id = match n {
            1 => format!("{AREA_OF_FAILURES}/{name}"),
            n => format!("{AREA_OF_FAILURES}/{name}-{n}"),
        };
        let standin = Standin {
            info: CheckInfo {
                id,
                title: format!("The plugin {} is loaded", info.name),
                scope: vec![Scope::Cluster],
                when: "all".to_owned(),
                levels: Vec::new(),
                sources: vec![info.path.clone()],
                plugin: Some(info.name.clone()),
                explanation: FAILURE.to_owned(),
            },
            because: because.clone(),
        };
        if registry.register(Arc::new(standin)).is_ok() || n > 1_000 {
            break;
        }
        n += 1;
    }
    registry.add_plugin(Arc::new(PluginEntry::new(PluginInfo {
        error: Some(reason.clone()),
        ..info
    })));
}

const FAILURE: &str = "## What it looks at
Whether a plugin or script that was found could be loaded.

## Why it matters
Its checks were not asked. What they would have found, nobody knows.

## If ignored
The upgrade goes on without checks that somebody wanted.

## How to fix
The result says what is wrong with the file. `checker plugin check FILE` shows more. A plugin that is not wanted is taken out of its directory, or all are left out with `--no-plugins`.";

/// Registers the checks of an earlier run that are not there now, so that a
/// replay says that it did not judge them again.
pub fn register_absent(registry: &mut Registry, plugins: &[PluginInfo], results: &[CheckResult]) {
    let here: Vec<String> = registry.plugins().into_iter().map(|p| p.path).collect();
    for plugin in plugins {
        let absent: Vec<&String> = plugin
            .checks
            .iter()
            .filter(|id| registry.get(id).is_err())
            .collect();
        if plugin.checks.is_empty() {
            // What could not be loaded then is no better known now.
            if let Some(error) = plugin
                .error
                .as_ref()
                .filter(|_| !here.contains(&plugin.path))
            {
                register_failure(registry, plugin.clone(), error);
            }
            continue;
        }
        if absent.is_empty() {
            continue;
        }
        let (what, how) = match plugin.kind {
            PluginKind::Library => ("plugin", "--plugins"),
            PluginKind::Script => ("script", "--scripts"),
        };
        let version = plugin.version.as_deref().unwrap_or_default();
        let named = format!("{what} {} {version}", plugin.name);
        let because = format!(
            "not judged again: the {} of that run is not here; give its directory with {how}",
            named.trim_end()
        );
        for id in absent {
            let then: Vec<&CheckResult> = results.iter().filter(|r| r.check == *id).collect();
            let mut scope: Vec<Scope> = then.iter().map(|r| r.scope).collect();
            scope.sort_unstable();
            scope.dedup();
            let standin = Standin {
                info: CheckInfo {
                    id: id.clone(),
                    title: format!("A check of the {}", named.trim_end()),
                    // One that had no target then has one now, so as not to vanish.
                    scope: if scope.is_empty() {
                        vec![Scope::Cluster]
                    } else {
                        scope
                    },
                    when: "all".to_owned(),
                    levels: vec![Level::Warn, Level::Fail],
                    sources: then.first().map_or_else(Vec::new, |r| r.sources.clone()),
                    plugin: Some(plugin.name.clone()),
                    explanation: String::new(),
                },
                because: because.clone(),
            };
            // A bundle can hold any text in the place of an id.
            if registry.register(Arc::new(standin)).is_err() {
                tracing::warn!("{id:?} is no id of a check");
            }
        }
        registry.add_plugin(Arc::new(PluginEntry::new(PluginInfo {
            error: Some("it is not here to judge again".to_owned()),
            ..plugin.clone()
        })));
    }
}
