//! `alerts`.

use serde_json::{Value, json};

use super::call::{Answer, Call, Command, Opt};
use super::dialect::Dialect;
use crate::model::{Alert, Severity};

pub(super) const COMMANDS: &[Command] = &[
    Command::new("alerts", list).options(&[
        Opt::value(&["--severity"]).known(Dialect::alert_severity),
        Opt::flag(&["--muted"]),
        Opt::flag(&["--inactive"]).known(Dialect::alert_severity),
    ]),
    Command::new("alerts types", |call| {
        let mut kinds: Vec<&str> = call
            .cluster
            .alerts
            .iter()
            .map(|a| a.kind.as_str())
            .collect();
        kinds.extend(["DriveDown", "NodeDisconnected"]);
        kinds.sort_unstable();
        kinds.dedup();
        Answer::Json(json!(kinds))
    }),
];

fn list(call: &Call<'_>) -> Answer {
    let dialect = call.dialect;
    let lowest = match call.value("--severity").map(Severity::parse) {
        Some(Some(severity)) => severity,
        Some(None) => return Answer::Failed(2, "error: invalid value of --severity".to_owned()),
        // Without severities there is nothing to hide by.
        None if dialect.alert_severity() => Severity::Warning,
        None => Severity::Debug,
    };
    let rows = call
        .cluster
        .alerts
        .iter()
        .filter(|a| a.severity >= lowest && (!a.muted || call.has("--muted")))
        .map(|a| alert(dialect, a))
        .collect();
    Answer::Json(Value::Array(rows))
}

fn alert(dialect: Dialect, alert: &Alert) -> Value {
    let mut row = json!({
        "type": alert.kind,
        "muted": alert.muted,
        "count": alert.count,
        "title": alert.title,
        "description": alert.description,
        "action": alert.action,
    });
    if dialect.alert_severity() {
        row["severity"] = json!(alert.severity);
    }
    if dialect.alert_times() {
        row["start_time"] = json!(alert.start);
        row["end_time"] = json!("");
        row["active_duration"] = Value::Null;
        row["mute_time_remaining"] = if alert.muted {
            json!(86_400)
        } else {
            Value::Null
        };
        row["comment"] = Value::Null;
    }
    row
}
