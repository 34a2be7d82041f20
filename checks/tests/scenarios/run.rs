//! Runs over simulated clusters, each once and several at a time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use checker_core::engine::{self, Limits, Request, Selection};
use checker_core::event::Observers;
use checker_core::release_data::ReleaseData;
use checker_core::{Outcome, Registry};
use checker_simulator::Simulator;

/// Outcome by check and target.
pub(crate) type Outcomes = BTreeMap<(String, String), Outcome>;

/// What came of a run.
pub(crate) struct Ran {
    /// Its results.
    pub(crate) outcomes: Outcomes,
    /// The words to them.
    pub(crate) summaries: BTreeMap<(String, String), String>,
    /// Yellow and red results that do not say what to do.
    pub(crate) without_remedy: Vec<(String, String)>,
    /// `green`, `yellow`, `red`, `unknown`.
    pub(crate) verdict: String,
}

/// A cluster and where it shall go: `release-4.2,s3-etcd` and `4.4.33`.
pub(crate) type Run = (String, String);

/// Every built-in check.
pub(crate) fn registry() -> Registry {
    let mut registry = Registry::new();
    checker_checks::register(&mut registry).expect("good ids");
    registry
}

/// Makes all these runs, each once.
pub(crate) fn all(runs: &BTreeSet<Run>) -> BTreeMap<Run, Ran> {
    let registry = registry();
    let data = checker_checks::release_data().expect("good data");
    let runs: Vec<&Run> = runs.iter().collect();
    let next = AtomicUsize::new(0);
    let done = Mutex::new(BTreeMap::new());
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(run) = runs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let ran = one(&registry, &data, run);
                    done.lock().expect("no panic").insert((*run).clone(), ran);
                }
            });
        }
    });
    done.into_inner().expect("no panic")
}

fn one(registry: &Registry, data: &ReleaseData, (scenario, target): &Run) -> Ran {
    let request = Request {
        target: target.parse().expect("a release"),
        selection: Selection {
            clients: true,
            ..Selection::default()
        },
        limits: Limits::default(),
        data,
        tool_version: "0",
        argv: Vec::new(),
        host: "here".to_owned(),
        interrupted: Arc::default(),
    };
    let source = Arc::new(Simulator::scenario(scenario).expect(scenario));
    let run = engine::run(source, registry, request, &Observers::new()).expect("a run");
    let mut ran = Ran {
        outcomes: BTreeMap::new(),
        summaries: BTreeMap::new(),
        without_remedy: Vec::new(),
        verdict: run.report.verdict.to_string(),
    };
    for result in run.report.results {
        let slot = (result.check, result.target);
        let bad = matches!(result.outcome, Outcome::Warn | Outcome::Fail);
        if bad && !says_what_to_do(result.remedy.as_deref().unwrap_or_default()) {
            ran.without_remedy.push(slot.clone());
        }
        ran.outcomes.insert(slot.clone(), result.outcome);
        ran.summaries.insert(slot, result.summary);
    }
    ran
}

/// Whether a remedy is there, with nothing in it that was to be filled in, and
/// no quote without its other half.
fn says_what_to_do(remedy: &str) -> bool {
    let placeholder = remedy.match_indices('{').any(|(at, _)| {
        let next = remedy[at + 1..].chars().next();
        next.is_some_and(|c| c.is_ascii_alphabetic() || "_:(}".contains(c))
    });
    let odd = |quote: char| remedy.matches(quote).count() % 2 == 1;
    !remedy.is_empty() && !placeholder && !odd('`') && !odd('"')
}
