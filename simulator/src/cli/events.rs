//! `events`.

use serde_json::{Value, json};

use super::call::{Answer, Call, Command, Opt};
use super::dialect::Dialect;
use crate::model::{Event, Severity, uuid};

/// How many the CLI prints by itself.
const DEFAULT_COUNT: usize = 50;

pub(super) const COMMANDS: &[Command] = &[Command::new("events", list).options(&[
    Opt::value(&["--num-results", "-n"]),
    Opt::value(&["--severity"]),
    Opt::value(&["--start-time"]),
    Opt::value(&["--end-time"]),
    Opt::value(&["--direction", "-d"]),
    // The real one may take the old name as an alias; see the module `dialect`.
    Opt::value(&["--category-list", "-c"]).known(Dialect::legacy),
    Opt::value(&["--category"]).known(Dialect::wekactl),
    Opt::value(&["--type-list", "-t"]).known(Dialect::legacy),
    Opt::value(&["--type"]).known(Dialect::wekactl),
])];

fn list(call: &Call<'_>) -> Answer {
    let lowest = match call.value("--severity").map(Severity::parse) {
        Some(Some(severity)) => severity,
        Some(None) => return Answer::Failed(2, "error: invalid value of --severity".to_owned()),
        None => Severity::Info,
    };
    let count = match call.value("--num-results").map(str::parse) {
        Some(Ok(count)) => count,
        Some(Err(_)) => {
            return Answer::Failed(2, "error: invalid value of --num-results".to_owned());
        }
        None => DEFAULT_COUNT,
    };
    let one_of = |list: Option<&str>, word: &str| {
        list.is_none_or(|l| l.split(',').any(|w| w.trim().eq_ignore_ascii_case(word)))
    };
    let categories = call.value("--category-list").or(call.value("--category"));
    let kinds = call.value("--type-list").or(call.value("--type"));
    let mut found: Vec<(usize, &Event)> = call
        .cluster
        .events
        .iter()
        .enumerate()
        .filter(|(_, e)| {
            e.severity >= lowest && one_of(categories, &e.category) && one_of(kinds, &e.kind)
        })
        .collect();
    let backward = call.value("--direction") != Some("forward");
    found.sort_by_key(|(_, e)| e.time);
    if backward {
        found.reverse();
    }
    let rows = found
        .into_iter()
        .take(count)
        .map(|(n, e)| event(call.dialect, n as u64, e))
        .collect();
    Answer::Json(Value::Array(rows))
}

fn event(dialect: Dialect, n: u64, event: &Event) -> Value {
    json!({
        "timestamp": event.time,
        "type": event.kind,
        "category": event.category,
        "severity": event.severity,
        "description": event.description,
        "entity": "",
        "params": event.params,
        "org_id": 0,
        "is_backend": true,
        "permission": "CLUSTER_ADMIN",
        "guid": uuid("event", n),
        "processed": true,
        "nid": dialect.id("NodeId", event.process),
    })
}
