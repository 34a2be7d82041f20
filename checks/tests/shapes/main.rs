//! Damaged answers, generated from the simulator's: no check panics, none is
//! green over an answer that is none, and no member that is taken out of an
//! answer makes a red check green.
//!
//! Evidence is collected once per cluster, then damaged in one place at a time
//! and judged again, by the checks alone that say they are judged by it.

mod damage;
mod known;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

use checker_core::check::{Applies, Check, UpgradePath};
use checker_core::engine::{self, Limits, Request, Selection};
use checker_core::event::Observers;
use checker_core::release_data::ReleaseData;
use checker_core::report::CheckResult;
use checker_core::testkit::{Again, Collected, Slot};
use checker_core::{Outcome, Registry, Version};
use checker_simulator::{Cluster, Simulator};
use rayon::prelude::*;

use damage::Damage;

static DATA: LazyLock<ReleaseData> =
    LazyLock::new(|| checker_checks::release_data().expect("release data"));

static REGISTRY: LazyLock<Registry> = LazyLock::new(|| {
    let mut registry = Registry::new();
    checker_checks::register(&mut registry).expect("registered");
    registry
});

/// One run over a simulated cluster.
struct Base {
    name: String,
    evidence: Collected,
    results: Vec<CheckResult>,
    path: UpgradePath,
}

impl Base {
    fn new(scenario: &str, target: &str) -> Self {
        // A release stands for a healthy cluster that runs it.
        let simulator = match scenario.parse::<Version>() {
            Ok(release) => Simulator::new(Cluster::healthy(&release, 6, 2)),
            Err(_) => Simulator::scenario(scenario).expect("a scenario"),
        };
        let target: Version = target.parse().expect("a release");
        let path = UpgradePath {
            from: simulator.cluster().release.clone(),
            to: target.clone(),
        };
        let request = Request {
            target: target.clone(),
            selection: Selection {
                clients: true,
                ..Selection::default()
            },
            limits: Limits::default(),
            data: &DATA,
            tool_version: "0.0.0",
            argv: Vec::new(),
            host: "weka-01".to_owned(),
            interrupted: Arc::default(),
        };
        let run = engine::run(Arc::new(simulator), &REGISTRY, request, &Observers::new());
        let run = run.expect("a run");
        Self {
            name: format!("{scenario} to {target}"),
            evidence: Collected::of(&run),
            results: run.report.results,
            path,
        }
    }

    fn applies(&self, check: &Arc<dyn Check>) -> bool {
        check.applies(&self.path) == Applies::Yes
    }
}

/// What a check said of one target.
type Said<'a> = BTreeMap<&'a str, (Outcome, &'a str)>;

fn said<'a>(results: impl IntoIterator<Item = &'a CheckResult>, check: &str) -> Said<'a> {
    results
        .into_iter()
        .filter(|r| r.check == check)
        .map(|r| (r.target.as_str(), (r.outcome, r.summary.as_str())))
        .collect()
}

fn is_green(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::Pass | Outcome::Skipped)
}

/// One place where a check took damaged evidence for good.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Wrong {
    check: String,
    key: String,
    what: String,
    /// The cluster.
    cluster: String,
    /// What it said there.
    example: String,
}

/// Some checks of a base, and the evidence that they are judged by.
struct Panel<'b> {
    base: &'b Base,
    checks: Vec<Arc<dyn Check>>,
    evidence: Collected,
    again: Again<'static>,
    /// What was said before anything was damaged, by check and target.
    before: BTreeMap<(&'b str, &'b str), (Outcome, &'b str)>,
}

impl<'b> Panel<'b> {
    fn new(base: &'b Base, checks: Vec<Arc<dyn Check>>) -> Self {
        let evidence = base.evidence.only_for(&checks);
        let again = evidence.again(&checks, &DATA);
        let before = base
            .results
            .iter()
            .map(|r| {
                (
                    (r.check.as_str(), r.target.as_str()),
                    (r.outcome, r.summary.as_str()),
                )
            })
            .collect();
        Self {
            base,
            checks,
            evidence,
            again,
            before,
        }
    }

    /// Judges the checks over each damaged form of one answer, and collects
    /// what `is_wrong` says of their results, given what was said before.
    fn judge(
        &self,
        slot: &Slot,
        damages: &[Damage],
        is_wrong: impl Fn(Option<&(Outcome, &str)>, &CheckResult) -> bool + Sync,
    ) -> Vec<Wrong> {
        let judge = |damage: &Damage| {
            let damaged =
                self.evidence
                    .with(slot, damage.end.clone(), &damage.stdout, damage.stderr);
            let results = self.again.judge(&damaged, slot);
            let wrong = results.into_iter().filter(|result| {
                let slot = (result.check.as_str(), result.target.as_str());
                result.summary.contains("a fault of the tool")
                    || is_wrong(self.before.get(&slot), result)
            });
            let wrong = wrong.map(|result| self.wrong(slot, damage, &result));
            // One target of a check stands for all.
            let by_check: BTreeMap<_, _> = wrong.map(|w| (w.check.clone(), w)).collect();
            by_check.into_values().collect::<Vec<_>>()
        };
        damages.par_iter().flat_map_iter(judge).collect()
    }

    fn wrong(&self, slot: &Slot, damage: &Damage, result: &CheckResult) -> Wrong {
        let stem = slot.key.split('/').next().unwrap_or_default();
        let role = match slot.server.as_deref() {
            Some(name) if name.starts_with("client") => " of a client",
            Some(PROTOCOL_SERVER) => " of a protocol server",
            _ => "",
        };
        Wrong {
            check: result.check.clone(),
            key: format!("{stem}{role}"),
            what: damage.what.clone(),
            cluster: self.base.name.clone(),
            example: format!(
                "{} {}: {}",
                result.outcome.as_str(),
                result.target,
                result.summary
            ),
        }
    }
}

/// Whether a check says that it is judged by the answers under this key.
fn needs(check: &Arc<dyn Check>, key: &str) -> bool {
    let stem = key.split('/').next().unwrap_or_default();
    let needs = check.needs();
    // Where the upgrade starts decides whether a check applies.
    let starts = stem == "weka:status" && !check.applies_always();
    starts || needs.iter().any(|spec| spec.evidence().any(|k| k == stem))
}

/// Fails when something is wrong that is not in the table of exceptions, and
/// when an exception of this kind is no longer one.
#[track_caller]
fn hold(kind: known::Kind, wrong: Vec<Wrong>) {
    let mut used = BTreeSet::new();
    let mut shown: BTreeMap<(String, String, String), (usize, String)> = BTreeMap::new();
    for wrong in wrong {
        let known = known::find(kind, &wrong.check, &wrong.key, &wrong.what, &wrong.cluster);
        if known.is_empty() {
            let example = format!("{}: {}", wrong.cluster, wrong.example);
            shown
                .entry((wrong.check, wrong.key, wrong.what))
                .or_insert((0, example))
                .0 += 1;
        }
        used.extend(known);
    }
    let text: String = shown
        .iter()
        .map(|((check, key, what), (n, example))| {
            format!("{check} | {key} | {what} | {n} times, {example}\n")
        })
        .collect();
    assert!(shown.is_empty(), "{} kinds:\n{text}", shown.len());
    let idle = known::idle(kind, &used);
    assert!(idle.is_empty(), "no longer needed: {idle:#?}");
}

/// Clusters on which all is well, and targets that give each check its window.
const WELL: &[(&str, &str)] = &[
    ("release-3.11", "4.2.18"),
    ("release-4.0", "4.2.18"),
    ("release-4.2", "4.3.5"),
    ("release-4.2", "4.4.33"),
    ("release-4.4-early", "4.4.33"),
    ("release-4.4", "5.1.30"),
    ("release-5.1", "6.0.1"),
    ("release-6.0", "6.0.1"),
    ("4.4.8.76", "4.4.33"),
    ("5.0.4.401", "5.1.25"),
    ("4.4.21.2", "5.1.25"),
    ("4.2.8.66", "4.2.18.34"),
    ("4.4.0", "4.4.8.76"),
    ("smb-separate", "4.4.33"),
];

static WELL_BASES: LazyLock<Vec<Base>> = LazyLock::new(|| {
    WELL.par_iter()
        .map(|(scenario, target)| Base::new(scenario, target))
        .collect()
});

/// The places to damage for a check: each of the cluster's answers, and each
/// probe of these servers.
fn places(evidence: &Collected, servers: &[&str]) -> Vec<Slot> {
    evidence
        .slots()
        .into_iter()
        .filter(|slot| {
            slot.server
                .as_deref()
                .is_none_or(|name| servers.is_empty() || servers.contains(&name))
        })
        .collect()
}

#[test]
fn every_check_is_asked_somewhere() {
    let never: Vec<_> = REGISTRY
        .iter()
        .filter(|check| {
            !WELL_BASES.iter().any(|base| {
                base.applies(check)
                    && said(&base.results, &check.info().id)
                        .values()
                        .any(|(outcome, _)| *outcome != Outcome::Skipped)
            })
        })
        .map(|check| check.info().id.clone())
        .collect();
    assert!(never.is_empty(), "{never:?}");
}

/// A backend of the healthy cluster that serves a protocol.
const PROTOCOL_SERVER: &str = "weka-06";

/// These stand for all.
const ONE_OF_EACH: [&str; 3] = ["weka-01", PROTOCOL_SERVER, "client-01"];

#[test]
fn no_answer_is_never_green() {
    let wrong = over_all_well(|panel, slot| {
        let record = panel.evidence.record(slot).expect("it is there");
        let mut damages = damage::no_answer(record);
        if slot.server.is_some() {
            damages.extend(damage::wrong_text());
        } else {
            damages.extend(damage::wrong_json(record));
        }
        panel.judge(slot, &damages, |before, after| {
            about(slot, after)
                && before.is_none_or(|b| b.0 != Outcome::Skipped)
                && is_green(after.outcome)
        })
    });
    hold(known::Kind::NoAnswer, wrong);
}

/// A result can hang on this place: the cluster's answers on which all do,
/// a server's on which those of the server and of the cluster do.
fn about(slot: &Slot, result: &CheckResult) -> bool {
    slot.server
        .as_deref()
        .is_none_or(|name| result.target == name || result.target == "cluster")
}

#[test]
fn noise_around_an_answer_changes_nothing() {
    let wrong = over_all_well(|panel, slot| {
        let record = panel.evidence.record(slot).expect("it is there");
        // A refusal is no answer that could stand between noise.
        if slot.server.is_some() || record.exit_status() != Some(0) {
            return Vec::new();
        }
        let damages = [damage::noise(record)];
        panel.judge(slot, &damages, |before, after| {
            before != Some(&(after.outcome, after.summary.as_str()))
        })
    });
    hold(known::Kind::Noise, wrong);
}

/// A green check that says something else when a member is missing was green
/// for another reason.
#[test]
fn a_missing_member_makes_no_other_green() {
    let wrong = over_all_well(|panel, slot| {
        let record = panel.evidence.record(slot).expect("it is there");
        let damages = damage::missing(record);
        panel.judge(slot, &damages, |before, after| {
            about(slot, after)
                && is_green(after.outcome)
                && before != Some(&(after.outcome, after.summary.as_str()))
        })
    });
    hold(known::Kind::OtherGreen, wrong);
}

fn over_all_well(judge: impl Fn(&Panel<'_>, &Slot) -> Vec<Wrong> + Sync) -> Vec<Wrong> {
    let of_base = |base: &Base| {
        let applying = || REGISTRY.iter().filter(|check| base.applies(check));
        let all = base
            .evidence
            .only_for(&applying().cloned().collect::<Vec<_>>());
        let slots = places(&all, &ONE_OF_EACH);
        let of_slot = |slot: &Slot| {
            let checks = applying().filter(|check| needs(check, &slot.key));
            let panel = Panel::new(base, checks.cloned().collect());
            if panel.checks.is_empty() {
                return Vec::new();
            }
            judge(&panel, slot)
        };
        slots.par_iter().flat_map_iter(of_slot).collect::<Vec<_>>()
    };
    WELL_BASES.par_iter().flat_map(of_base).collect()
}

/// Whatever is taken out of the answers by which a check is red or yellow, it
/// does not become green.
#[test]
fn no_damage_makes_a_bad_result_good() {
    let healthy = Base::new("healthy", "4.4.33");
    // Five hundred servers tell nothing that six don't.
    let names = checker_simulator::scenarios();
    let names: Vec<_> = names.iter().filter(|(name, _)| *name != "large").collect();
    let bases: Vec<Base> = names
        .par_iter()
        .map(|(name, _)| Base::new(name, "4.4.33"))
        .collect();
    // The parts of answers that are as ever are damaged once for each check:
    // in the first cluster in which it is not green.
    let mut firsts = BTreeSet::new();
    let tasks: Vec<(&Base, &Arc<dyn Check>, bool)> = bases
        .iter()
        .flat_map(|base| REGISTRY.iter().map(move |check| (base, check)))
        .filter(|(base, check)| is_made_bad(&healthy, base, &check.info().id))
        .map(|(base, check)| (base, check, firsts.insert(check.info().id.clone())))
        .collect();
    let wrong = tasks
        .par_iter()
        .flat_map_iter(|(base, check, first)| damaged_check(&healthy, base, check, *first))
        .collect();
    hold(known::Kind::BadBecomesGood, wrong);
}

/// The targets for which a check is yellow or red.
fn bad<'b>(base: &'b Base, check: &str) -> Said<'b> {
    said(&base.results, check)
        .into_iter()
        .filter(|(_, (outcome, _))| matches!(outcome, Outcome::Warn | Outcome::Fail))
        .collect()
}

fn is_made_bad(healthy: &Base, base: &Base, check: &str) -> bool {
    !bad(base, check).is_empty() && said(&healthy.results, check) != said(&base.results, check)
}

/// Damages what this check is judged by, one answer at a time; answers that
/// are as with `healthy` in every part only where `thoroughly` says so.
fn damaged_check(
    healthy: &Base,
    base: &Base,
    check: &Arc<dyn Check>,
    thoroughly: bool,
) -> Vec<Wrong> {
    let id = &check.info().id;
    let bad = bad(base, id);
    let panel = Panel::new(base, vec![Arc::clone(check)]);
    let evidence = &panel.evidence;
    let again = evidence.judge(&panel.checks, &DATA);
    assert_eq!(
        said(&again, id),
        said(&base.results, id),
        "{}: {id} is judged by evidence that it does not ask for",
        base.name
    );
    // A bad server's own answers; a bad cluster's of whichever server.
    let servers: Vec<&str> = if bad.contains_key("cluster") {
        Vec::new()
    } else {
        bad.keys().copied().take(1).collect()
    };
    let mut wrong = Vec::new();
    for slot in places(evidence, &servers) {
        let record = evidence.record(&slot).expect("it is there");
        let usual = healthy.evidence.record(&slot);
        let as_usual = usual.is_some_and(|r| r.stdout() == record.stdout());
        // Of the servers that are as ever, the first two stand for all.
        let named = |name: &str| ["weka-01", "weka-02"].contains(&name) || bad.contains_key(name);
        if as_usual && slot.server.as_deref().is_some_and(|name| !named(name)) {
            continue;
        }
        let mut damages = damage::no_answer(record);
        damages.extend(if slot.server.is_some() {
            damage::wrong_text()
        } else {
            damage::wrong_json(record)
        });
        if thoroughly || !as_usual {
            damages.extend(damage::parts(record, usual));
        }
        wrong.extend(panel.judge(&slot, &damages, |_, after| {
            bad.contains_key(after.target.as_str()) && is_green(after.outcome)
        }));
    }
    wrong
}
