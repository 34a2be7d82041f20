//! `weka alerts -J`: what the cluster complains about.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::{Fact, FactScope, Missing, Object, ShapeError, View};
use crate::source::ClusterCommand;

/// Every alert, muted ones and those of the lowest severity included, where
/// the CLI can be asked for them.
pub static ALERTS: ClusterCommand = ClusterCommand {
    key: "weka:alerts",
    variants: &[
        "alerts --severity debug --muted -J",
        "alerts --muted -J",
        "alerts -J",
    ],
    timeout: Duration::from_secs(60),
    needs_login: true,
};

/// One alert that has not ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Alert {
    /// Its type, `DataProtection`: the name that stays the same.
    pub kind: String,
    /// In capitals: `DEBUG` to `CRITICAL`; `None` before late 4.4.
    pub severity: Option<String>,
    /// One line.
    pub title: String,
    /// The text that names the objects.
    pub description: String,
    /// How many instances stand behind it; `None` where the cluster does not tell.
    pub count: Option<u64>,
    /// Whether the operator muted it.
    pub muted: bool,
}

/// The alerts that have not ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Alerts {
    /// In the cluster's order.
    pub list: Vec<Alert>,
    /// Whether alerts of severity DEBUG may be missing from the list.
    ///
    /// The CLI hides them unless it is asked, and only the line that was
    /// answered shows whether it was. A release that refuses `--severity` has
    /// none to hide, unless the rows of its answer have one after all.
    pub debug_hidden: bool,
    /// Whether muted alerts are missing from the list.
    pub muted_hidden: bool,
}

impl Fact for Alerts {
    const NAME: &'static str = "alerts";
    const SCOPE: FactScope = FactScope::Cluster;
    const COMMANDS: &'static [&'static ClusterCommand] = &[&ALERTS];

    fn read(view: &View<'_>) -> Result<Self, Missing> {
        let command = view.success(ALERTS.key)?.command().to_owned();
        view.json(ALERTS.key, |value| read(value, &command))
    }
}

fn read(value: &Value, command: &str) -> Result<Alerts, ShapeError> {
    let rows = Object::list(value)?;
    let has_severities = rows
        .iter()
        .any(|row| row.members().contains_key("severity"));
    let asked = |option: &str| command.split_whitespace().any(|word| word == option);
    let list = rows
        .iter()
        .map(alert)
        .collect::<Result<Vec<_>, _>>()?
        .into_iter()
        .flatten()
        .collect();
    Ok(Alerts {
        list,
        debug_hidden: has_severities && !asked("--severity"),
        muted_hidden: !asked("--muted"),
    })
}

/// The alert, `None` if it has ended.
fn alert(a: &Object<'_>) -> Result<Option<Alert>, ShapeError> {
    let kind = a.text(&["type"])?.trim().to_owned();
    if kind.is_empty() {
        return Err(a.error(&["type"], "is empty"));
    }
    let text = |names: &[&str]| -> Result<String, ShapeError> {
        Ok(a.opt_text(names)?.unwrap_or_default().trim().to_owned())
    };
    let ended = a
        .get(&["end_time", "endTime"])
        .and_then(Value::as_str)
        .is_some_and(|time| !time.trim().is_empty());
    if ended {
        return Ok(None);
    }
    Ok(Some(Alert {
        kind,
        severity: Some(text(&["severity"])?.to_ascii_uppercase()).filter(|s| !s.is_empty()),
        title: text(&["title"])?,
        description: text(&["description"])?,
        count: a.opt_number(&["count"])?,
        muted: a.opt_boolean(&["muted"])?.unwrap_or(false),
    }))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    const ALL: &str = "weka alerts --severity debug --muted -J";

    // field history S2
    #[test]
    fn of_5_x() {
        let value = json!([{"type":"ClientVersionsMismatch","severity":"debug","muted":false,"count":2,
            "title":"Clients mismatch cluster version","description":"2 clients","action":"Upgrade","start_time":"2026-03-05T12:39:51.807934Z",
            "end_time":"","active_duration":null,"mute_time_remaining":null,"comment":null}]);
        let alerts = read(&value, ALL).expect("readable");
        assert_eq!(alerts.list[0].severity.as_deref(), Some("DEBUG"));
        assert_eq!(alerts.list[0].count, Some(2));
        assert!(!alerts.debug_hidden && !alerts.muted_hidden);
    }

    /// field history 55
    #[test]
    fn with_nothing_but_a_type_and_a_title() {
        let value = json!([{"type":"DriveDown","title":"Drive down"}]);
        let alerts = read(&value, "weka alerts -J").expect("readable");
        assert_eq!(
            alerts.list,
            [Alert {
                kind: "DriveDown".to_owned(),
                severity: None,
                title: "Drive down".to_owned(),
                description: String::new(),
                count: None,
                muted: false
            }]
        );
        assert!(!alerts.debug_hidden && alerts.muted_hidden);
    }

    #[rstest]
    #[case::active(json!({"type":"A","end_time":""}), 1)]
    #[case::active_null(json!({"type":"A","end_time":null}), 1)]
    #[case::ended(json!({"type":"A","end_time":"2026-03-05T12:39:51Z"}), 0)]
    #[case::ended_in_4_4(json!({"type":"A","time":"2026-03-05T12:39:51Z","endTime":"2026-03-05T13:00:00Z"}), 0)]
    #[case::active_in_4_4(json!({"type":"A","time":"2026-03-05T12:39:51Z"}), 1)]
    fn ended_alerts_do_not_count(#[case] row: Value, #[case] count: usize) {
        assert_eq!(
            read(&json!([row]), ALL).expect("readable").list.len(),
            count
        );
    }

    /// A row with a severity behind a command line without `--severity`: the
    /// release filters, and was not asked for all.
    #[rstest]
    #[case::asked(ALL, json!([{"type":"A","severity":"MINOR"}]), false)]
    #[case::not_asked("weka alerts -J", json!([{"type":"A","severity":"MINOR"}]), true)]
    #[case::not_asked_with_muted("weka alerts --muted -J", json!([{"type":"A","severity":"MINOR"}]), true)]
    #[case::release_without("weka alerts -J", json!([{"type":"A"}]), false)]
    #[case::empty("weka alerts -J", json!([]), false)]
    fn hidden_alerts_are_told(#[case] command: &str, #[case] value: Value, #[case] hidden: bool) {
        assert_eq!(
            read(&value, command).expect("readable").debug_hidden,
            hidden
        );
    }

    // field history S2
    #[rstest]
    #[case::no_type(json!([{"title":"Drive down"}]))]
    #[case::empty_type(json!([{"type":""}]))]
    #[case::text(json!("no alerts"))]
    #[case::null(json!(null))]
    fn other_shapes_are_errors(#[case] value: Value) {
        assert!(read(&value, ALL).is_err());
    }
}
