//! `version`.

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
    if !call.arguments.json {
        let line = |v: &checker_core::Version| {
            let mark = if *v == cluster.release { "*" } else { " " };
            format!("{mark} {v}\n")
        };
        return Answer::Text(cluster.versions.iter().map(line).collect());
    }
    let rows = cluster.versions.iter().map(|v| {
        if call.dialect.wekactl() {
            json!({"version": v, "current": *v == cluster.release})
        } else {
            json!(v)
        }
    });
    Answer::Json(Value::Array(rows.collect()))
}
