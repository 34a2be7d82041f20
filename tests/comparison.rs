//! `docs/comparison.md` against the code: every check that it names exists and
//! has the levels that it says, and every check is named.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use checker_core::{Level, Registry};
use regex::Regex;

/// How many checks the public upgrade checker has.
const THERE: usize = 86;

fn document() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/comparison.md"))
        .expect("the document")
}

/// Id → levels, in the document's words.
fn checks() -> BTreeMap<String, String> {
    let mut registry = Registry::new();
    checker_checks::register(&mut registry).expect("registered");
    registry
        .iter()
        .map(|check| {
            let info = check.info();
            let words: Vec<&str> = info
                .levels
                .iter()
                .map(|level| match level {
                    Level::Warn => "yellow",
                    Level::Fail => "red",
                })
                .collect();
            let words = if words.is_empty() {
                "green only".to_owned()
            } else {
                words.join(" or ")
            };
            (info.id.clone(), words)
        })
        .collect()
}

/// Every id that stands in the document, in code quotes.
fn named(document: &str) -> BTreeSet<String> {
    let areas: BTreeSet<String> = checks()
        .keys()
        .filter_map(|id| Some(id.split_once('/')?.0.to_owned()))
        .collect();
    let id = Regex::new(r"`([a-z0-9]+)/([a-z0-9-]+)`").expect("a pattern");
    id.captures_iter(document)
        .filter(|found| areas.contains(&found[1]))
        .map(|found| format!("{}/{}", &found[1], &found[2]))
        .collect()
}

/// The rows of the first table: number, and the cell with our checks.
fn rows(document: &str) -> Vec<(usize, String)> {
    let row = Regex::new(r"(?m)^\| (\d+) \| [^|]+ \| [^|]+ \| ([^|]+) \| [^|]*\|$");
    row.expect("a pattern")
        .captures_iter(document)
        .map(|cells| (cells[1].parse().expect("a number"), cells[2].to_owned()))
        .collect()
}

#[test]
fn every_check_of_the_public_checker_stands_there_once() {
    let found: Vec<usize> = rows(&document()).into_iter().map(|row| row.0).collect();
    assert_eq!(found, (1..=THERE).collect::<Vec<_>>());
}

#[test]
fn every_row_names_a_check_of_ours() {
    // Withdrawn there as well.
    const NONE: [usize; 1] = [51];
    for (number, ours) in rows(&document()) {
        let has_one = !named(&ours).is_empty();
        assert_eq!(has_one, !NONE.contains(&number), "row {number}: {ours}");
    }
}

#[test]
fn every_check_that_is_named_exists_and_every_check_is_named() {
    let named = named(&document());
    let checks: BTreeSet<String> = checks().into_keys().collect();
    let unknown: Vec<&String> = named.difference(&checks).collect();
    assert!(unknown.is_empty(), "no such check: {unknown:?}");
    let missing: Vec<&String> = checks.difference(&named).collect();
    assert!(missing.is_empty(), "not in the document: {missing:?}");
}

/// Behind an id in the tables stand its levels.
#[test]
fn the_levels_are_those_of_the_checks() {
    let checks = checks();
    let document = document();
    let pair = Regex::new(r"`([a-z0-9]+/[a-z0-9-]+)` (?:\(([a-z ]+)\)|\| ([a-z ]+) \|)");
    let mut seen = 0;
    for found in pair.expect("a pattern").captures_iter(&document) {
        let levels = found.get(2).or(found.get(3)).map(|m| m.as_str());
        let known = checks.get(&found[1]).map(String::as_str);
        assert_eq!(levels, known, "{}", &found[1]);
        seen += 1;
    }
    assert!(seen >= THERE, "{seen}");
}
