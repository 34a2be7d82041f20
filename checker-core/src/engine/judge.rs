//! Reads the facts, then asks every check about each of its targets.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use rayon::prelude::*;

use super::plan::Plan;
use crate::check::{Applies, Check, Context, UpgradePath};
use crate::contract::{Judgement, Outcome, Scope};
use crate::event::{Event, Observers};
use crate::evidence::{ServerEvidence, Store};
use crate::facts::{FactScope, FactSpec, FactTable, Missing, Reading, View, Why};
use crate::report::CheckResult;

pub(super) fn judge(
    plan: &Plan,
    store: &Store,
    path: Option<&UpgradePath>,
    context: &Context<'_>,
    observers: &Observers,
) -> Vec<CheckResult> {
    let facts = read_facts(&plan.facts, store);
    let slots: Vec<_> = plan
        .checks
        .iter()
        .flat_map(|check| targets(check.as_ref(), store).map(move |slot| (check, slot)))
        .collect();
    let results: Vec<CheckResult> = slots
        .par_iter()
        .map(|(check, (scope, server))| {
            judge_one(check.as_ref(), *scope, *server, path, &facts, context)
        })
        .collect();
    for result in &results {
        observers.emit(&Event::CheckJudged { result });
    }
    results
}

fn read_facts<'a>(specs: &[FactSpec], store: &'a Store) -> FactTable<'a> {
    let mut wanted = Vec::new();
    for spec in specs {
        match spec.scope {
            FactScope::Cluster => wanted.push((spec, None)),
            FactScope::Server => wanted.extend(store.servers().iter().map(|s| (spec, Some(s)))),
        }
    }
    let readings: HashMap<_, _> = wanted
        .par_iter()
        .map(|(spec, server)| {
            let key = (spec.name, server.map(|s| s.server.name.clone()));
            (key, read_one(spec, *server, store))
        })
        .collect();
    FactTable::new(store, readings)
}

fn read_one(spec: &FactSpec, server: Option<&ServerEvidence>, store: &Store) -> Reading {
    let view = match server {
        Some(server) => View::server(store, server),
        None => View::cluster(store),
    };
    catch_unwind(AssertUnwindSafe(|| (spec.read)(&view))).unwrap_or_else(|_| {
        Err(Missing {
            evidence: spec.evidence().next().unwrap_or(spec.name).to_owned(),
            command: spec.name.to_owned(),
            server: server.map(|s| s.server.name.clone()),
            why: Why::Unreadable("the parser failed inside: a fault of the tool".to_owned()),
        })
    })
}

/// The targets of a check: the cluster, or every server of its roles.
fn targets<'a>(
    check: &dyn Check,
    store: &'a Store,
) -> impl Iterator<Item = (Scope, Option<&'a ServerEvidence>)> + use<'a> {
    let scopes = check.info().scope.clone();
    let cluster = scopes
        .contains(&Scope::Cluster)
        .then_some((Scope::Cluster, None));
    let servers = store
        .servers()
        .iter()
        .filter(move |s| scopes.contains(&s.server.role.scope()))
        .map(|s| (s.server.role.scope(), Some(s)));
    cluster.into_iter().chain(servers)
}

fn judge_one(
    check: &dyn Check,
    scope: Scope,
    server: Option<&ServerEvidence>,
    path: Option<&UpgradePath>,
    facts: &FactTable<'_>,
    context: &Context<'_>,
) -> CheckResult {
    let judgement = match path.map(|path| check.applies(path)) {
        Some(Applies::No(because)) => Judgement::skipped(because),
        None if !check.applies_always() => Judgement::unknown(
            "whether it applies depends on the running release, which the cluster did not tell",
        ),
        Some(Applies::Yes) | None => catch_unwind(AssertUnwindSafe(|| {
            check.judge(facts, server.map(|s| &s.server), context)
        }))
        .unwrap_or_else(|_| {
            Ok(Judgement::unknown(
                "the check failed inside: a fault of the tool, please report it with the bundle",
            ))
        })
        .unwrap_or_else(|missing| Judgement::unknown(missing.to_string())),
    };
    let info = check.info();
    let mut evidence: Vec<String> = check
        .needs()
        .iter()
        .flat_map(FactSpec::evidence)
        .map(str::to_owned)
        .collect();
    evidence.sort();
    evidence.dedup();
    CheckResult {
        check: info.id.clone(),
        scope,
        target: server.map_or_else(|| "cluster".to_owned(), |s| s.server.name.clone()),
        outcome: judgement.outcome,
        summary: judgement.summary,
        details: judgement.details,
        remedy: match judgement.outcome {
            Outcome::Warn | Outcome::Fail => judgement.remedy,
            Outcome::Pass | Outcome::Skipped | Outcome::Unknown => None,
        },
        sources: info.sources.clone(),
        evidence,
        accepted: None,
    }
}
