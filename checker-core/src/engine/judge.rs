//! Reads the facts, then asks every check about each of its targets.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use rayon::prelude::*;

use super::plan::Plan;
use crate::check::{Applies, Check, Context, UpgradePath};
use crate::contract::{Judgement, Outcome, Scope};
use crate::event::{Event, Observers};
use crate::evidence::{ServerEvidence, Store};
use crate::facts::{FactScope, FactSpec, FactTable, Missing, Reading, Readings, View, Why};
use crate::report::CheckResult;
use crate::server::Server;

pub(super) fn judge(
    plan: &Plan,
    store: &Store,
    path: Option<&UpgradePath>,
    context: &Context<'_>,
    observers: &Observers,
) -> Vec<CheckResult> {
    let facts = FactTable::new(store, read_facts(&plan.facts, store));
    judge_by(plan, &facts, store, path, context, observers)
}

pub(super) fn judge_by(
    plan: &Plan,
    facts: &FactTable<'_>,
    store: &Store,
    path: Option<&UpgradePath>,
    context: &Context<'_>,
    observers: &Observers,
) -> Vec<CheckResult> {
    let slots: Vec<(&dyn Check, Vec<Slot<'_>>)> = plan
        .checks
        .iter()
        .map(|check| (check.as_ref(), targets(check.as_ref(), store).collect()))
        .collect();
    let mut lanes: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (n, (check, _)) in slots.iter().enumerate() {
        if let Some(lane) = check.lane() {
            lanes.entry(lane).or_default().push(n);
        }
    }
    let mut results: Vec<Vec<CheckResult>> = std::thread::scope(|scope| {
        // A thread for each lane: it waits for a process, and rayon's few
        // threads are for work.
        let waiting: Vec<_> = lanes
            .into_values()
            .map(|checks| {
                let slots = &slots;
                scope.spawn(move || {
                    let one = |n: usize| {
                        let (check, slots) = &slots[n];
                        (n, judge_together(*check, slots, path, facts, context))
                    };
                    checks.into_iter().map(one).collect::<Vec<_>>()
                })
            })
            .collect();
        let mut results: Vec<Vec<CheckResult>> = slots
            .par_iter()
            .map(|(check, slots)| match check.lane() {
                Some(_) => Vec::new(),
                None => slots
                    .par_iter()
                    .map(|slot| judge_one(*check, slot, path, facts, context))
                    .collect(),
            })
            .collect();
        for (n, judged) in waiting
            .into_iter()
            .flat_map(|w| w.join().unwrap_or_default())
        {
            results[n] = judged;
        }
        results
    });
    for (judged, (check, slots)) in results.iter_mut().zip(&slots) {
        // A lane that broke down owes its results all the same.
        if judged.len() != slots.len() {
            let broken = || Ok(Judgement::unknown(BROKEN));
            *judged = slots
                .iter()
                .map(|slot| result(*check, slot, broken()))
                .collect();
        }
    }
    let results: Vec<CheckResult> = results.into_iter().flatten().collect();
    for result in &results {
        observers.emit(&Event::CheckJudged { result });
    }
    results
}

/// What is said of a check that panicked.
const BROKEN: &str =
    "the check failed inside: a fault of the tool, please report it with the bundle";

/// What a check is asked about.
type Slot<'a> = (Scope, Option<&'a ServerEvidence>);

/// What is read from other evidence than the answer under `key` (of `server`,
/// if it is a server's) stays as it is; the rest is read again.
#[cfg(feature = "testkit")]
pub(super) fn read_again(
    specs: &[FactSpec],
    store: &Store,
    before: &Readings,
    key: &str,
    server: Option<&str>,
) -> Readings {
    let (stem, _) = key.split_once('/').unwrap_or((key, ""));
    let mut readings = before.clone();
    for spec in specs
        .iter()
        .filter(|spec| spec.evidence().any(|k| k == stem))
    {
        match spec.scope {
            FactScope::Cluster => {
                readings.insert((spec.name, None), read_one(spec, None, store));
            }
            FactScope::Server => {
                let servers = store.servers().iter();
                for s in servers.filter(|s| server.is_none_or(|name| s.server.name == name)) {
                    let name = Some(s.server.name.clone());
                    readings.insert((spec.name, name), read_one(spec, Some(s), store));
                }
            }
        }
    }
    readings
}

pub(super) fn read_facts(specs: &[FactSpec], store: &Store) -> Readings {
    let mut wanted = Vec::new();
    for spec in specs {
        match spec.scope {
            FactScope::Cluster => wanted.push((spec, None)),
            FactScope::Server => wanted.extend(store.servers().iter().map(|s| (spec, Some(s)))),
        }
    }
    wanted
        .par_iter()
        .map(|(spec, server)| {
            let key = (spec.name, server.map(|s| s.server.name.clone()));
            (key, read_one(spec, *server, store))
        })
        .collect()
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
    slot: &Slot<'_>,
    path: Option<&UpgradePath>,
    facts: &FactTable<'_>,
    context: &Context<'_>,
) -> CheckResult {
    let judgement = without_asking(check, path).unwrap_or_else(|| {
        catch_unwind(AssertUnwindSafe(|| {
            check.judge(facts, slot.1.map(|s| &s.server), context)
        }))
        .unwrap_or_else(|_| Ok(Judgement::unknown(BROKEN)))
    });
    result(check, slot, judgement)
}

/// All targets of a check that is asked about them at once.
fn judge_together(
    check: &dyn Check,
    slots: &[Slot<'_>],
    path: Option<&UpgradePath>,
    facts: &FactTable<'_>,
    context: &Context<'_>,
) -> Vec<CheckResult> {
    let servers: Vec<Option<&Server>> =
        slots.iter().map(|slot| slot.1.map(|s| &s.server)).collect();
    let judged = match without_asking(check, path) {
        Some(judgement) => vec![judgement; slots.len()],
        None => catch_unwind(AssertUnwindSafe(|| {
            check.judge_all(facts, &servers, context)
        }))
        .unwrap_or_default(),
    };
    let mut judged = judged.into_iter();
    slots
        .iter()
        .map(|slot| {
            let judgement = judged
                .next()
                .unwrap_or_else(|| Ok(Judgement::unknown(BROKEN)));
            result(check, slot, judgement)
        })
        .collect()
}

/// The answer of a check that does not apply, or of which that can't be told.
fn without_asking(
    check: &dyn Check,
    path: Option<&UpgradePath>,
) -> Option<Result<Judgement, Missing>> {
    match path.map(|path| check.applies(path)) {
        Some(Applies::No(because)) => Some(Ok(Judgement::skipped(because))),
        None if !check.applies_always() => Some(Ok(Judgement::unknown(
            "whether it applies depends on the running release, which the cluster did not tell",
        ))),
        Some(Applies::Yes) | None => None,
    }
}

fn result(
    check: &dyn Check,
    (scope, server): &Slot<'_>,
    judgement: Result<Judgement, Missing>,
) -> CheckResult {
    let judgement = judgement.unwrap_or_else(|missing| Judgement::unknown(missing.to_string()));
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
        scope: *scope,
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
