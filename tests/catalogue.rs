//! `checker list` against the catalogue: every check that there must be, with
//! its scope, and no other.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;

const CATALOGUE: &str = include_str!("data/catalog-ids.txt");

/// Checks of the catalogue that are not built in, each with the reason. One
/// that `checker list` names after all has to be taken out here.
const NOT_BUILT_IN: [(&str, &str); 1] = [(
    "server/aws-wc",
    "it judges what an upgrade left behind on AWS, and comes as a plugin",
)];

/// Id → scopes, in the file's order of scopes.
fn catalogue() -> BTreeMap<&'static str, Vec<&'static str>> {
    let mut checks = BTreeMap::new();
    for line in CATALOGUE.lines().filter(|line| !line.starts_with('#')) {
        let (id, scope) = line.split_once(' ').expect("an id and a scope");
        let scope = scope.split(',').map(str::trim).collect();
        assert!(checks.insert(id, scope).is_none(), "{id} stands twice");
    }
    checks
}

/// What `checker list --format json` names: id → scopes.
fn listed() -> BTreeMap<String, Vec<String>> {
    let output = Command::new(env!("CARGO_BIN_EXE_checker"))
        .args(["list", "--format", "json"])
        .output()
        .expect("it runs");
    let rows: Vec<Value> = serde_json::from_slice(&output.stdout).expect("JSON");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    rows.iter()
        .map(|row| {
            let scope = row["scope"].as_array().expect("scopes");
            (text(&row["id"]), scope.iter().map(text).collect())
        })
        .collect()
}

#[test]
fn the_catalogue_is_whole() {
    assert_eq!(catalogue().len(), 91);
}

#[test]
fn every_check_of_the_catalogue_is_listed_with_its_scope() {
    let listed = listed();
    for (id, scope) in catalogue() {
        if let Some((_, reason)) = NOT_BUILT_IN.iter().find(|(exempt, _)| *exempt == id) {
            assert!(
                !listed.contains_key(id),
                "{id} is listed now: take it out of NOT_BUILT_IN ({reason})"
            );
            continue;
        }
        let found = listed.get(id);
        assert!(found.is_some(), "{id} is not listed");
        assert_eq!(found.map(Vec::as_slice), Some(&owned(&scope)[..]), "{id}");
    }
}

#[test]
fn every_listed_check_is_in_the_catalogue() {
    let catalogue = catalogue();
    for id in listed().keys() {
        assert!(catalogue.contains_key(id.as_str()), "{id}");
    }
}

#[test]
fn every_exemption_is_of_the_catalogue() {
    for (id, _) in NOT_BUILT_IN {
        assert!(catalogue().contains_key(id), "{id}");
    }
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}
