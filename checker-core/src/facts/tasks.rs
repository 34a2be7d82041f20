//! `weka cluster task -J`: the cluster's background tasks.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::{Fact, FactScope, Missing, Object, ShapeError, View, id_number};
use crate::source::ClusterCommand;

/// Every background task. Without the two options the newer releases leave
/// out tasks that wait for their turn, and those of the data catalog.
pub static TASKS: ClusterCommand = ClusterCommand {
    key: "weka:tasks",
    variants: &[
        "cluster task --show-waiting --show-catalog -J",
        "cluster task --show-waiting -J",
        "cluster task -J",
        "cluster tasks -J",
    ],
    timeout: Duration::from_secs(60),
    needs_login: true,
};

/// One background task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Task {
    /// What it does, in capitals: `STOW_UPLOAD`, `OBS_DETACH2`, `FSCK`, ….
    pub kind: String,
    /// What `weka cluster task abort` calls it: the number of its id where it
    /// has one. 3.x prints none.
    pub id: Option<String>,
    /// `RUNNING`, `PAUSED`, `PAUSING`, `ABORTING`, `WAITING`, …, in capitals;
    /// `None` when the cluster did not tell.
    pub state: Option<String>,
    /// Whether a user paused it.
    pub paused: bool,
    /// How far it is, as printed: `41 %`.
    pub progress: Option<String>,
    /// What it works on, in the cluster's words.
    pub description: String,
}

impl Task {
    /// Whether it is over. Only a word that says so counts: a task that is
    /// paused, waiting or being aborted is not over, nor is one whose state
    /// is not told, since the list is one of tasks that are not.
    #[must_use]
    pub fn over(&self) -> bool {
        const OVER: [&str; 6] = [
            "DONE",
            "COMPLETE",
            "COMPLETED",
            "FINISHED",
            "ABORTED",
            "CANCELLED",
        ];
        !self.paused
            && self
                .state
                .as_deref()
                .is_some_and(|state| OVER.contains(&state))
    }
}

/// Every background task that the cluster lists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tasks {
    /// In the cluster's order.
    pub list: Vec<Task>,
    /// Whether tasks that wait for their turn are in the list. Not so where
    /// the CLI does not know the option for it.
    pub shows_waiting: bool,
    /// Whether the CLI was asked for the data catalog's tasks. Where it does
    /// not know the option, it lists them without being asked.
    pub asked_for_catalog: bool,
}

impl Fact for Tasks {
    const NAME: &'static str = "tasks";
    const SCOPE: FactScope = FactScope::Cluster;
    const COMMANDS: &'static [&'static ClusterCommand] = &[&TASKS];

    fn read(view: &View<'_>) -> Result<Self, Missing> {
        let list = view.json(TASKS.key, read)?;
        let command = view.record(TASKS.key)?.command();
        Ok(Self {
            list,
            shows_waiting: command.contains("--show-waiting"),
            asked_for_catalog: command.contains("--show-catalog"),
        })
    }
}

fn read(value: &Value) -> Result<Vec<Task>, ShapeError> {
    Object::list(value)?.iter().map(task).collect()
}

fn task(t: &Object<'_>) -> Result<Task, ShapeError> {
    // 6.0 may dress up `state` and has the bare word in `state_plain`.
    let state = t.opt_text(&["state_plain", "state"])?;
    // A task of no type could be any, the upload that stops an upgrade too.
    let kind = t.text(&["type"])?.trim().to_ascii_uppercase();
    if kind.is_empty() {
        return Err(t.error(&["type"], "is empty"));
    }
    Ok(Task {
        kind,
        id: t.get(&["id", "task_id"]).and_then(id),
        state: state
            .map(|state| state.trim().to_ascii_uppercase())
            .filter(|state| !state.is_empty()),
        paused: t.opt_boolean(&["paused"])?.unwrap_or(false),
        progress: t.get(&["progress", "progress_percent"]).and_then(progress),
        description: t
            .opt_text(&["description", "desc"])?
            .unwrap_or_default()
            .trim()
            .to_owned(),
    })
}

/// `57`, `"57"` and `"ClusterTaskId<57>"` are all task 57; any other text is
/// taken as it is.
fn id(value: &Value) -> Option<String> {
    match (id_number(value), value) {
        (Some(number), _) => number.map(|n| n.to_string()),
        (None, Value::String(text)) if !text.trim().is_empty() => Some(text.trim().to_owned()),
        (None, _) => None,
    }
}

/// Nothing is decided by it, so that an odd form costs no more than itself.
fn progress(value: &Value) -> Option<String> {
    let text = match value {
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.trim().to_owned(),
        _ => return None,
    };
    let bare = text.trim_end_matches('%').trim_end();
    match bare.parse::<f64>() {
        Ok(_) => Some(format!("{bare} %")),
        Err(_) if text.is_empty() => None,
        Err(_) => Some(text),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[test]
    fn of_4_4() {
        let list = read(&json!([{"uid":"5d","id":"57","type":"STOW_UPLOAD","state":"RUNNING","phase":"UPLOADING",
            "progress":41,"paused":false,"description":"Uploading snapshot daily-1 from filesystem fs01","time":"2026-03-05T11:02:00Z"}]))
        .expect("readable");
        let expected = Task {
            kind: "STOW_UPLOAD".to_owned(),
            id: Some("57".to_owned()),
            state: Some("RUNNING".to_owned()),
            paused: false,
            progress: Some("41 %".to_owned()),
            description: "Uploading snapshot daily-1 from filesystem fs01".to_owned(),
        };
        assert_eq!(list, [expected]);
    }

    #[test]
    fn of_6_0() {
        let list = read(&json!([{"id":57,"type":"OBS_DETACH2","state":"▶ Running","state_plain":"running","phase":"PREPARE 0/2",
            "progress_percent":12.5,"normalized_progress_percent":3.1,"paused":false,"desc":"Detaching","throttle":null}]))
        .expect("readable");
        assert_eq!(list[0].state.as_deref(), Some("RUNNING"));
        assert_eq!(list[0].progress.as_deref(), Some("12.5 %"));
        assert_eq!(list[0].description, "Detaching");
        assert_eq!(list[0].id.as_deref(), Some("57"));
    }

    #[test]
    fn of_3_x() {
        let list = read(
            &json!([{"type":"STOW_UPLOAD","state":"PAUSED","progress":"94%","description":"d"}]),
        )
        .expect("readable");
        assert_eq!(list[0].id, None);
        assert_eq!(list[0].progress.as_deref(), Some("94 %"));
    }

    #[rstest]
    #[case::number(json!(57), Some("57"))]
    #[case::digits(json!("57"), Some("57"))]
    #[case::typed(json!("ClusterTaskId<57>"), Some("57"))]
    #[case::invalid(json!("ClusterTaskId<INVALID>"), None)]
    #[case::uuid(json!("5d3c-77"), Some("5d3c-77"))]
    #[case::null(json!(null), None)]
    fn ids(#[case] id: Value, #[case] expected: Option<&str>) {
        let list = read(&json!([{"type":"FSCK","state":"RUNNING","id":id}])).expect("readable");
        assert_eq!(list[0].id.as_deref(), expected);
    }

    #[rstest]
    #[case::number(json!(0), Some("0 %"))]
    #[case::text(json!("94"), Some("94 %"))]
    #[case::not_known(json!("N/A"), Some("N/A"))]
    #[case::null(json!(null), None)]
    #[case::list(json!([1]), None)]
    fn progresses(#[case] progress: Value, #[case] expected: Option<&str>) {
        let list = read(&json!([{"type":"FSCK","state":"RUNNING","progress":progress}]))
            .expect("readable");
        assert_eq!(list[0].progress.as_deref(), expected);
    }

    // field history S21
    #[rstest]
    #[case::done(json!({"state":"DONE"}), true)]
    #[case::aborted(json!({"state":"Aborted"}), true)]
    #[case::running(json!({"state":"RUNNING"}), false)]
    #[case::paused(json!({"state":"PAUSED"}), false)]
    #[case::pausing(json!({"state":"PAUSING"}), false)]
    #[case::aborting(json!({"state":"ABORTING"}), false)]
    #[case::waiting(json!({"state":"WAITING"}), false)]
    #[case::paused_by_a_user(json!({"state":"DONE","paused":true}), false)]
    #[case::a_word_nobody_knows(json!({"state":"FROBNICATING"}), false)]
    #[case::not_told(json!({}), false)]
    #[case::null(json!({"state":null}), false)]
    fn is_over(#[case] mut task: Value, #[case] expected: bool) {
        task["type"] = json!("STOW_UPLOAD");
        assert_eq!(read(&json!([task])).expect("readable")[0].over(), expected);
    }

    /// A task without a type could be one that blocks.
    #[rstest]
    #[case::no_type(json!([{"id":"57","state":"RUNNING"}]))]
    #[case::null(json!(null))]
    #[case::an_error(json!({"error":"no leader"}))]
    #[case::empty_type(json!([{"type":" ","state":"RUNNING"}]))]
    #[case::state_in_another_form(json!([{"type":"STOW_UPLOAD","state":3}]))]
    fn nothing_needed_is_made_up(#[case] value: Value) {
        assert!(read(&value).is_err());
    }
}
