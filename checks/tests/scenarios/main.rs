//! Every check can be turned to each of its colours by one named fault of the
//! simulated cluster, alone and together with others.
//!
//! `table/*.toml` says which fault gives which colour, and all that changes
//! with it. A check or a scenario that is added needs its rows there; where a
//! row is wrong, the test prints the row that would be right.

mod run;
mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::LazyLock;

use checker_core::{Level, Outcome};
use run::{Ran, Run};
use table::{Changes, Fault, Table};

static TABLE: LazyLock<Table> = LazyLock::new(Table::read);

/// Where everything starts that says nothing else.
fn healthy() -> Run {
    ("healthy".to_owned(), "4.4.33".to_owned())
}

/// Each scenario alone. Five hundred servers tell nothing that six don't.
fn scenarios() -> impl Iterator<Item = (&'static str, &'static str)> {
    let all = checker_simulator::scenarios().into_iter();
    all.filter(|(name, _)| *name != "large")
}

/// All runs that are looked at here, each made once for all tests.
static RUNS: LazyLock<BTreeMap<Run, Ran>> = LazyLock::new(|| {
    let faults = TABLE.faults.iter().flat_map(|f| [f.before(), f.after()]);
    let plain = TABLE
        .plain
        .iter()
        .map(|p| (p.base.clone(), p.target.clone()));
    let alone = scenarios().map(|(name, _)| (name.to_owned(), healthy().1));
    run::all(&faults.chain(plain).chain(alone).collect())
});

fn found(fault: &Fault) -> Changes {
    let outcomes = |run| &RUNS[&run].outcomes;
    Changes::between(outcomes(fault.before()), outcomes(fault.after()))
}

#[test]
fn the_healthy_cluster_is_green() {
    let ran = &RUNS[&healthy()];
    let not_green: Vec<_> = ran
        .outcomes
        .iter()
        .filter(|(_, outcome)| !matches!(outcome, Outcome::Pass | Outcome::Skipped))
        .collect();
    assert!(not_green.is_empty(), "{not_green:#?}");
    assert_eq!(ran.verdict, "green");
}

/// What each scenario changes, in the words of the report, for the reader to
/// compare with the catalogue.
// field history 108
#[test]
fn each_scenario_in_words() {
    let before = &RUNS[&healthy()].outcomes;
    let mut text = String::new();
    for (name, description) in scenarios() {
        let ran = &RUNS[&(name.to_owned(), healthy().1)];
        let _ = writeln!(text, "{name} ({description}): {}", ran.verdict);
        let gone = before
            .keys()
            .filter(|slot| !ran.outcomes.contains_key(*slot));
        let gone = gone.count();
        if gone > 0 {
            let _ = writeln!(text, "  {gone} results of the healthy cluster are gone");
        }
        for (slot, outcome) in &ran.outcomes {
            if before.get(slot) != Some(outcome) {
                let (check, target) = slot;
                let summary = &ran.summaries[slot];
                let _ = writeln!(text, "  {outcome:<7} {check} {target}: {summary}");
            }
        }
    }
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.bind(|| {
        insta::assert_snapshot!("scenarios__each_fault_changes_what_it_should", text);
    });
}

/// Every check has a row for each of its levels, for unknown, and for skipped
/// where it does not always apply.
#[test]
fn every_check_has_every_colour() {
    let given: BTreeSet<(String, Outcome)> = TABLE.faults.iter().flat_map(Fault::gives).collect();
    let skipped: BTreeSet<&String> = TABLE.plain.iter().flat_map(|p| &p.skipped).collect();
    let never: BTreeSet<(&str, Outcome)> = TABLE
        .never
        .iter()
        .map(|n| (n.check.as_str(), n.outcome))
        .collect();
    let mut missing = Vec::new();
    let mut known = BTreeSet::new();
    for check in run::registry().iter() {
        let info = check.info();
        known.insert(info.id.clone());
        let mut wanted: Vec<Outcome> = info
            .levels
            .iter()
            .map(|level| match level {
                Level::Warn => Outcome::Warn,
                Level::Fail => Outcome::Fail,
            })
            .collect();
        wanted.push(Outcome::Unknown);
        if info.when != "all" {
            wanted.push(Outcome::Skipped);
        }
        for outcome in wanted {
            let has = given.contains(&(info.id.clone(), outcome))
                || (outcome == Outcome::Skipped && skipped.contains(&info.id));
            match (has, never.contains(&(info.id.as_str(), outcome))) {
                (false, false) => missing.push(format!("no fault gives {} {outcome}", info.id)),
                (true, true) => missing.push(format!("{} {outcome} is there after all", info.id)),
                _ => {}
            }
        }
    }
    let named = given.iter().map(|(check, _)| check).chain(skipped);
    let strange = named.filter(|check| !known.contains(*check));
    missing.extend(strange.map(|check| format!("there is no check {check}")));
    missing.extend(
        TABLE
            .never
            .iter()
            .filter(|n| n.why.is_empty())
            .map(|n| format!("{}: why?", n.check)),
    );
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn every_scenario_has_a_row() {
    let rows: BTreeSet<&str> = TABLE.faults.iter().map(|f| f.name.as_str()).collect();
    let known: BTreeSet<&str> = scenarios().map(|(name, _)| name).collect();
    let without: Vec<_> = known
        .iter()
        .filter(|name| !rows.contains(*name) && **name != "healthy")
        .collect();
    assert!(without.is_empty(), "without a row: {without:?}");
    let single = |name: &str| known.contains(name);
    let odd: Vec<_> = rows.iter().filter(|name| !single(name)).collect();
    assert!(odd.is_empty(), "not the name of one scenario: {odd:?}");
}

#[test]
fn each_fault_changes_exactly_what_the_table_says() {
    let wrong: Vec<String> = TABLE
        .faults
        .iter()
        .filter_map(|fault| {
            let found = found(fault);
            (found != fault.expected()).then(|| fault.row(&found))
        })
        .collect();
    assert!(
        wrong.is_empty(),
        "rows as they would be right:\n\n{}",
        wrong.join("\n")
    );
}

#[test]
fn what_does_not_apply_is_skipped() {
    let mut wrong = Vec::new();
    for plain in &TABLE.plain {
        let outcomes = &RUNS[&(plain.base.clone(), plain.target.clone())].outcomes;
        let found: BTreeSet<String> = outcomes
            .iter()
            .filter(|(_, outcome)| **outcome == Outcome::Skipped)
            .map(|((check, _), _)| check.clone())
            .collect();
        if found != plain.skipped {
            wrong.push(format!("{} to {}: {found:#?}", plain.base, plain.target));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // What is skipped anywhere has a row that says so, whatever its `when` tells.
    let rows = TABLE.faults.iter().flat_map(Fault::gives);
    let rows = rows.filter(|(_, outcome)| *outcome == Outcome::Skipped);
    let mut told: BTreeSet<String> = rows.map(|(check, _)| check).collect();
    told.extend(TABLE.plain.iter().flat_map(|p| p.skipped.clone()));
    let untold: BTreeSet<&String> = RUNS
        .values()
        .flat_map(|ran| &ran.outcomes)
        .filter(|((check, _), outcome)| **outcome == Outcome::Skipped && !told.contains(check))
        .map(|((check, _), _)| check)
        .collect();
    assert!(untold.is_empty(), "skipped, but in no row: {untold:?}");
}

// field history 103
#[test]
fn every_yellow_and_red_says_what_to_do() {
    let without: Vec<_> = RUNS
        .iter()
        .filter(|(_, ran)| !ran.without_remedy.is_empty())
        .map(|(run, ran)| (run, &ran.without_remedy))
        .collect();
    assert!(without.is_empty(), "{without:#?}");
}

/// A check that is never green would make every other colour worthless.
#[test]
fn every_check_can_be_green() {
    let green: BTreeSet<&String> = RUNS
        .values()
        .flat_map(|ran| &ran.outcomes)
        .filter(|(_, outcome)| **outcome == Outcome::Pass)
        .map(|((check, _), _)| check)
        .collect();
    let registry = run::registry();
    let never: Vec<String> = registry
        .iter()
        .map(|check| check.info().id.clone())
        .filter(|id| !green.contains(id))
        .collect();
    assert!(never.is_empty(), "never green: {never:?}");
}

/// How many pairs are tried.
const PAIRS: usize = 40;

/// Pairs from all over the table, the same in every run. Only those whose
/// results have nothing to do with each other: no check changes with both.
fn pairs() -> Vec<(&'static Fault, &'static Fault)> {
    // What takes evidence away hides what another fault would show.
    let plain = |fault: &&Fault| {
        let found = found(fault);
        fault.before() == healthy()
            && !found.results.is_empty()
            && found.other_servers.is_empty()
            && found
                .results
                .iter()
                .all(|(_, o)| matches!(o, Outcome::Warn | Outcome::Fail))
    };
    let faults: Vec<&Fault> = TABLE.faults.iter().filter(plain).collect();
    let checks = |fault: &Fault| -> BTreeSet<String> {
        found(fault)
            .results
            .into_iter()
            .map(|(check, _)| check)
            .collect()
    };
    let named = |name: &str| *faults.iter().find(|f| f.name == name).expect(name);
    let mut pairs = vec![(named("nfs-statd"), named("rebuild-started"))];
    // Numerical Recipes' generator: any that is the same everywhere would do.
    let mut state = 20_260_720_u32;
    let mut draw = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        faults[(state >> 16) as usize % faults.len()]
    };
    while pairs.len() < PAIRS {
        let (a, b) = (draw(), draw());
        if a.name != b.name && checks(a).is_disjoint(&checks(b)) {
            pairs.push((a, b));
        }
    }
    pairs
}

#[test]
fn two_faults_together_change_what_each_changes() {
    let pairs = pairs();
    let together = |a: &Fault, b: &Fault| (format!("healthy,{},{}", a.name, b.name), healthy().1);
    let runs = run::all(&pairs.iter().map(|(a, b)| together(a, b)).collect());
    let mut wrong = Vec::new();
    let before = &RUNS[&healthy()].outcomes;
    for (a, b) in pairs {
        let mut expected = before.clone();
        for fault in [a, b] {
            for (slot, outcome) in &RUNS[&fault.after()].outcomes {
                if before.get(slot) != Some(outcome) {
                    expected.insert(slot.clone(), *outcome);
                }
            }
        }
        let found = &runs[&together(a, b)].outcomes;
        if *found != expected {
            let differs: Vec<_> = found
                .iter()
                .filter(|(slot, outcome)| expected.get(*slot) != Some(*outcome))
                .collect();
            wrong.push(format!("{} and {}: {differs:?}", a.name, b.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
