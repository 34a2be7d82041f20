//! `version`.

use checker_core::Version;
use serde_json::{Value, json};

use super::call::{Answer, Call, Command, Opt};

pub(super) const COMMANDS: &[Command] = &[
    Command::new("version", list).without_login(),
    Command::new("version current", |call| {
        Answer::Text(format!("{}\n", call.cluster.release))
    })
    .without_login()
    .options(&[Opt::value(&["--container", "-C"])]),
];

fn list(call: &Call<'_>) -> Answer {
    let cluster = call.cluster;
    let own = call.here.downloads.iter().map(|d| &d.release);
    let mut all: Vec<&Version> = cluster.versions.iter().chain(own).collect();
    all.sort();
    all.dedup();
    if !call.arguments.json {
        let line = |v: &&Version| {
            let mark = if **v == cluster.release { "*" } else { " " };
            format!("{mark} {v}\n")
        };
        return Answer::Text(all.iter().map(line).collect());
    }
    let rows = all.into_iter().map(|v| {
        if call.dialect.wekactl() {
            json!({"version": v, "current": *v == cluster.release})
        } else {
            json!(v)
        }
    });
    Answer::Json(Value::Array(rows.collect()))
}
