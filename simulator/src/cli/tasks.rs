//! `cluster task`; 3.x knows only the plural and prints four columns.

use serde_json::{Value, json};

use super::call::{Answer, Call, Command, Opt};
use super::dialect::Dialect;
use crate::model::{Task, uuid};

const OPTIONS: &[Opt] = &[
    Opt::flag(&["--show-waiting"]).known(Dialect::show_waiting),
    Opt::flag(&["--show-catalog"]).known(Dialect::show_catalog),
];

pub(super) const COMMANDS: &[Command] = &[
    Command::new("cluster task", list)
        .known(Dialect::since_4_0)
        .options(OPTIONS),
    Command::new("cluster tasks", list).options(OPTIONS),
    Command::new("cluster task limits", |_| {
        Answer::Json(json!({"cpu_limit": 5}))
    })
    .known(Dialect::since_4_0),
];

fn list(call: &Call<'_>) -> Answer {
    let dialect = call.dialect;
    let rows = call
        .cluster
        .tasks
        .iter()
        // Queued tasks are hidden everywhere unless asked for; catalog tasks
        // only where there is an option to ask for them.
        .filter(|t| !t.waits() || call.has("--show-waiting"))
        .filter(|t| !t.of_catalog() || !dialect.show_catalog() || call.has("--show-catalog"))
        .map(|t| task(dialect, t))
        .collect();
    Answer::Json(Value::Array(rows))
}

fn task(dialect: Dialect, task: &Task) -> Value {
    if !dialect.since_4_0() {
        return json!({"type": task.kind, "state": task.state, "progress": task.progress,
            "description": task.description});
    }
    let mut row = json!({
        "uid": uuid("task", task.id),
        "id": if dialect.wekactl() { json!(task.id) } else { json!(task.id.to_string()) },
        "type": task.kind,
        "state": task.state,
        "phase": task.phase,
        "progress": task.progress,
        "paused": task.paused(),
        "description": task.description,
        "time": task.time,
    });
    if dialect.wekactl() {
        row["state_plain"] = json!(task.state);
        row["progress_percent"] = json!(task.progress);
        row["normalized_progress_percent"] = json!(task.progress / 2);
        row["throttle"] = json!(0);
    }
    row
}
