//! The table: which fault gives a check which colour, and what else changes.
//!
//! ```toml
//! [[fault]]
//! name = "opt-weka-full"
//! on = ["weka-03"]
//! fail = ["server/opt-weka-space"]
//! also = ["server/logs-space warn", "server/traces-space warn"]
//! ```
//!
//! The lists name what the fault is there for, `also` what rightly follows
//! from it; nothing else may change against the same cluster without it.

use std::collections::{BTreeMap, BTreeSet};

use checker_core::Outcome;
use serde::Deserialize;

use crate::run::{Outcomes, Run};

/// One fault, added to a cluster.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fault {
    /// The scenario: a single name.
    pub(crate) name: String,
    /// The cluster that it is added to. Where `name` is itself a cluster, the
    /// one that it is compared with.
    #[serde(default = "healthy")]
    pub(crate) base: String,
    /// Where the cluster shall go.
    #[serde(default = "target")]
    pub(crate) target: String,
    /// Another fault, before this row, that changes just the same.
    like: Option<String>,
    /// The servers whose own results change; all of them.
    #[serde(default)]
    on: BTreeSet<String>,
    /// The servers that come to be or are not known any more.
    #[serde(default)]
    other_servers: BTreeSet<String>,
    #[serde(default)]
    pass: Vec<String>,
    #[serde(default)]
    warn: Vec<String>,
    #[serde(default)]
    fail: Vec<String>,
    #[serde(default)]
    unknown: Vec<String>,
    #[serde(default)]
    skipped: Vec<String>,
    /// What rightly follows from it: `"health/alerts warn"`.
    #[serde(default)]
    also: Vec<String>,
}

/// A cluster without a fault, and what is skipped in it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Plain {
    #[serde(default = "healthy")]
    pub(crate) base: String,
    #[serde(default = "target")]
    pub(crate) target: String,
    /// Exactly these are skipped, on one server at least.
    pub(crate) skipped: BTreeSet<String>,
}

/// A colour that a check can't have here.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Never {
    pub(crate) check: String,
    pub(crate) outcome: Outcome,
    /// Why, and what holds that instead.
    pub(crate) why: String,
}

/// The whole table.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Table {
    #[serde(default, rename = "fault")]
    pub(crate) faults: Vec<Fault>,
    #[serde(default)]
    pub(crate) plain: Vec<Plain>,
    #[serde(default)]
    pub(crate) never: Vec<Never>,
}

fn healthy() -> String {
    "healthy".to_owned()
}

fn target() -> String {
    "4.4.33".to_owned()
}

const FILES: [(&str, &str); 11] = [
    ("access.toml", include_str!("table/access.toml")),
    ("answers.toml", include_str!("table/answers.toml")),
    ("clusters.toml", include_str!("table/clusters.toml")),
    ("health.toml", include_str!("table/health.toml")),
    ("protocols.toml", include_str!("table/protocols.toml")),
    ("servers.toml", include_str!("table/servers.toml")),
    ("settings.toml", include_str!("table/settings.toml")),
    ("tasks.toml", include_str!("table/tasks.toml")),
    ("upgrades.toml", include_str!("table/upgrades.toml")),
    ("versions.toml", include_str!("table/versions.toml")),
    ("windows.toml", include_str!("table/windows.toml")),
];

impl Table {
    /// Reads all files of the table.
    pub(crate) fn read() -> Self {
        let mut whole = Self::default();
        for (file, text) in FILES {
            let part: Self = toml::from_str(text).unwrap_or_else(|why| panic!("{file}: {why}"));
            whole.faults.extend(part.faults);
            whole.plain.extend(part.plain);
            whole.never.extend(part.never);
        }
        let rows = whole.faults.clone();
        for fault in &mut whole.faults {
            if let Some(model) = &fault.like {
                let model = rows.iter().find(|row| row.name == *model);
                let model = model.unwrap_or_else(|| panic!("{}: like what?", fault.name));
                *fault = Fault {
                    name: fault.name.clone(),
                    like: fault.like.take(),
                    ..model.clone()
                };
            }
        }
        whole
    }
}

/// What changed, and where.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Changes {
    /// Checks with what they came to be.
    pub(crate) results: BTreeSet<(String, Outcome)>,
    /// The servers whose own results changed.
    pub(crate) on: BTreeSet<String>,
    /// The servers that are there in only one of the two runs.
    pub(crate) other_servers: BTreeSet<String>,
}

/// The target of what is judged once.
const CLUSTER: &str = "cluster";

impl Changes {
    /// What is different in the second run.
    pub(crate) fn between(before: &Outcomes, after: &Outcomes) -> Self {
        fn servers(of: &Outcomes) -> BTreeSet<&String> {
            let servers = of.keys().map(|(_, target)| target);
            servers.filter(|target| *target != CLUSTER).collect()
        }
        let (old, new) = (servers(before), servers(after));
        let mut changes = Self {
            other_servers: old.symmetric_difference(&new).copied().cloned().collect(),
            ..Self::default()
        };
        for ((check, target), outcome) in after {
            let was = before.get(&(check.clone(), target.clone()));
            // A server that nobody expected has to be good.
            let good = matches!(outcome, Outcome::Pass | Outcome::Skipped);
            if was == Some(outcome) || (was.is_none() && good) {
                continue;
            }
            changes.results.insert((check.clone(), *outcome));
            if target != CLUSTER {
                changes.on.insert(target.clone());
            }
        }
        changes
    }
}

impl Fault {
    /// The run without it.
    pub(crate) fn before(&self) -> Run {
        (self.base.clone(), self.target.clone())
    }

    /// The run with it.
    pub(crate) fn after(&self) -> Run {
        let both = if self.base == "healthy" {
            self.name.clone()
        } else {
            format!("{},{}", self.base, self.name)
        };
        (both, self.target.clone())
    }

    /// What it is there for.
    pub(crate) fn gives(&self) -> impl Iterator<Item = (String, Outcome)> {
        let all = |checks: &[String], outcome| {
            let checks = checks.to_vec();
            checks.into_iter().map(move |check| (check, outcome))
        };
        all(&self.pass, Outcome::Pass)
            .chain(all(&self.warn, Outcome::Warn))
            .chain(all(&self.fail, Outcome::Fail))
            .chain(all(&self.unknown, Outcome::Unknown))
            .chain(all(&self.skipped, Outcome::Skipped))
    }

    /// All that changes with it.
    pub(crate) fn expected(&self) -> Changes {
        let also = self.also.iter().map(|text| {
            let (check, word) = text.split_once(' ').unwrap_or((text, ""));
            let outcome = outcome(word).unwrap_or_else(|| panic!("{}: {text:?}", self.name));
            (check.to_owned(), outcome)
        });
        Changes {
            results: self.gives().chain(also).collect(),
            on: self.on.clone(),
            other_servers: self.other_servers.clone(),
        }
    }

    /// What really changed, as a row of the table: the lists keep what the
    /// fault is there for, the rest goes into `also`.
    pub(crate) fn row(&self, found: &Changes) -> String {
        let mut text = format!("[[fault]]\nname = {:?}\n", self.name);
        if self.base != healthy() {
            text += &format!("base = {:?}\n", self.base);
        }
        if self.target != target() {
            text += &format!("target = {:?}\n", self.target);
        }
        let mut list = |name: &str, items: Vec<String>| {
            if items.is_empty() {
                return;
            }
            let line = format!("{name} = {items:?}\n");
            if line.len() <= 110 {
                text.push_str(&line);
            } else {
                let lines: String = items.iter().map(|i| format!("    {i:?},\n")).collect();
                text.push_str(&format!("{name} = [\n{lines}]\n"));
            }
        };
        list("on", found.on.iter().cloned().collect());
        list(
            "other_servers",
            found.other_servers.iter().cloned().collect(),
        );
        let given: BTreeSet<_> = self.gives().collect();
        let mut lists: BTreeMap<Outcome, Vec<String>> = BTreeMap::new();
        let mut also = Vec::new();
        for (check, outcome) in &found.results {
            if given.contains(&(check.clone(), *outcome)) {
                lists.entry(*outcome).or_default().push(check.clone());
            } else {
                also.push(format!("{check} {outcome}"));
            }
        }
        for (outcome, checks) in lists {
            list(&outcome.to_string(), checks);
        }
        list("also", also);
        text
    }
}

fn outcome(word: &str) -> Option<Outcome> {
    let all = [
        Outcome::Pass,
        Outcome::Warn,
        Outcome::Fail,
        Outcome::Unknown,
        Outcome::Skipped,
    ];
    all.into_iter().find(|outcome| outcome.to_string() == word)
}
