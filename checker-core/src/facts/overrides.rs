//! `weka debug override list -J`: settings that somebody changed by hand.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::{Fact, FactScope, Missing, Object, ShapeError, View};
use crate::source::ClusterCommand;

/// Every manual override.
pub static OVERRIDES: ClusterCommand = ClusterCommand {
    key: "weka:overrides",
    variants: &["debug override list -J"],
    timeout: Duration::from_secs(30),
    needs_login: true,
};

/// One manual override.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Override {
    /// What `weka debug override remove` calls it, where the list tells.
    pub id: Option<String>,
    /// The setting.
    pub key: String,
    /// Its value: a text as it stands, anything else as JSON.
    pub value: String,
    /// Whether it is in force. An override that does not say counts as so.
    pub enabled: bool,
    /// Whether it was forced upon a release that does not know the key.
    pub forced: bool,
    /// Why it was set, if somebody wrote that down.
    pub comment: Option<String>,
}

/// Every manual override.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Overrides(pub Vec<Override>);

impl Overrides {
    /// Whether an override with this key and value is in force.
    #[must_use]
    pub fn is_set(&self, key: &str, value: &str) -> bool {
        self.0
            .iter()
            .any(|o| o.enabled && o.key == key && o.value == value)
    }
}

impl Fact for Overrides {
    const NAME: &'static str = "overrides";
    const SCOPE: FactScope = FactScope::Cluster;
    const COMMANDS: &'static [&'static ClusterCommand] = &[&OVERRIDES];

    fn read(view: &View<'_>) -> Result<Self, Missing> {
        view.json(OVERRIDES.key, read)
    }
}

fn read(value: &Value) -> Result<Overrides, ShapeError> {
    // This list is kept by key, so that an empty object is one without rows.
    let no_members = value.as_object().is_some_and(serde_json::Map::is_empty);
    if value.is_null() || no_members {
        return Ok(Overrides(Vec::new()));
    }
    Object::list(value)?
        .iter()
        .map(|o| {
            let key = o.text(&["key"])?;
            if key.trim().is_empty() {
                return Err(o.error(&["key"], "is empty"));
            }
            Ok(Override {
                id: o
                    .get(&["override_id", "id"])
                    .map(|id| id.as_str().map_or_else(|| id.to_string(), str::to_owned)),
                key: key.to_owned(),
                value: match o.get(&["value"]) {
                    Some(Value::String(text)) => text.trim().to_owned(),
                    Some(other) => other.to_string(),
                    None => String::new(),
                },
                enabled: o.opt_boolean(&["enabled"])?.unwrap_or(true),
                forced: o.opt_boolean(&["forced"])?.unwrap_or(false),
                comment: o
                    .opt_text(&["comment", "reason"])?
                    .map(str::trim)
                    .filter(|c| !c.is_empty())
                    .map(str::to_owned),
            })
        })
        .collect::<Result<_, _>>()
        .map(Overrides)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    // field history S27
    #[test]
    fn of_4_4() {
        let value = json!([{"override_id":"ManualOverrideId<1>","key":"heartbeat_grace_msecs","value":"10000",
            "bucket_id":"BucketId<INVALID>","bucket_string":"","negate_bucket":false,"nodes":"ALL",
            "enabled":true,"forced":false,"comment":"","time_created":"2026-01-10T09:00:00Z"}]);
        let Overrides(list) = read(&value).expect("readable");
        assert_eq!(list[0].id.as_deref(), Some("ManualOverrideId<1>"));
        assert_eq!(
            (list[0].key.as_str(), list[0].value.as_str()),
            ("heartbeat_grace_msecs", "10000")
        );
        assert_eq!(
            (list[0].enabled, list[0].forced, &list[0].comment),
            (true, false, &None)
        );
    }

    // field history S27
    #[rstest]
    #[case::text(json!("1"), "1")]
    #[case::number(json!(1), "1")]
    #[case::boolean(json!(true), "true")]
    #[case::object(json!({"a": 1}), "{\"a\":1}")]
    fn values(#[case] value: Value, #[case] shown: &str) {
        let Overrides(list) = read(&json!([{"key": "k", "value": value}])).expect("readable");
        assert_eq!(list[0].value, shown);
        assert!(list[0].enabled);
    }

    // field history S27
    #[rstest]
    #[case::empty(json!([]))]
    #[case::null(json!(null))]
    #[case::no_members(json!({}))]
    fn none(#[case] value: Value) {
        assert_eq!(read(&value), Ok(Overrides(Vec::new())));
    }

    #[test]
    fn keyed_by_id_and_with_a_reason() {
        let value = json!({"ManualOverrideId<2>": {"id": 2, "key": "k", "value": "v", "reason": "support"}});
        let Overrides(list) = read(&value).expect("readable");
        assert_eq!(list[0].comment.as_deref(), Some("support"));
        assert_eq!(list[0].id.as_deref(), Some("2"));
    }

    #[rstest]
    #[case::no_key(json!([{"value": "1"}]))]
    #[case::a_text(json!("none"))]
    #[case::a_list_of_texts(json!(["k"]))]
    fn refused(#[case] value: Value) {
        assert!(read(&value).is_err());
    }
}
