//! `weka debug config show clusterInfo.acceptedVersionsPerType -J`: releases
//! that processes of each kind may run beside the cluster's own.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::catalog::says_no_such_member;
use super::{Fact, FactScope, Missing, Object, ShapeError, View};
use crate::source::ClusterCommand;

/// Older clusters have no such member.
pub static ACCEPTED_VERSIONS: ClusterCommand = ClusterCommand {
    key: "weka:accepted-versions",
    variants: &["debug config show clusterInfo.acceptedVersionsPerType -J"],
    timeout: Duration::from_secs(30),
    needs_login: true,
};

/// The releases accepted for mixed processes; `None` when the cluster has no such list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AcceptedVersions {
    /// The list under `MIXED`.
    pub mixed: Option<Vec<String>>,
}

impl Fact for AcceptedVersions {
    const NAME: &'static str = "accepted-versions";
    const SCOPE: FactScope = FactScope::Cluster;
    const COMMANDS: &'static [&'static ClusterCommand] = &[&ACCEPTED_VERSIONS];

    fn read(view: &View<'_>) -> Result<Self, Missing> {
        if says_no_such_member(view.record(ACCEPTED_VERSIONS.key)?) {
            return Ok(Self { mixed: None });
        }
        view.json(ACCEPTED_VERSIONS.key, read)
    }
}

fn read(value: &Value) -> Result<AcceptedVersions, ShapeError> {
    if value.is_null() {
        return Ok(AcceptedVersions { mixed: None });
    }
    // Some releases print an empty map as an empty list.
    if value.as_array().is_some_and(Vec::is_empty) {
        return Ok(AcceptedVersions { mixed: None });
    }
    let types = Object::new(value, "acceptedVersionsPerType")?;
    let shown = |v: &Value| v.as_str().map_or_else(|| v.to_string(), str::to_owned);
    let mixed = match types.get(&["MIXED"]) {
        None => None,
        Some(Value::Array(list)) => Some(list.iter().map(shown).collect()),
        Some(Value::Object(map)) => Some(map.keys().cloned().collect()),
        Some(Value::String(one)) if one.is_empty() => Some(Vec::new()),
        Some(Value::String(one)) => Some(vec![one.clone()]),
        Some(other) => {
            return Err(types.error(&["MIXED"], format!("{other} in the place of a list")));
        }
    };
    Ok(AcceptedVersions { mixed })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    // field history 69, S19
    #[rstest]
    #[case::no_types(json!({}), None)]
    #[case::null(json!(null), None)]
    #[case::empty_list(json!([]), None)]
    #[case::without_mixed(json!({"BACKEND": ["4.4.21.2"]}), None)]
    #[case::mixed_null(json!({"MIXED": null}), None)]
    #[case::mixed_empty(json!({"MIXED": []}), Some(vec![]))]
    #[case::mixed(json!({"MIXED": ["4.4.21.2", "5.0.4"]}), Some(vec!["4.4.21.2", "5.0.4"]))]
    #[case::one_text(json!({"MIXED": "4.4.21.2"}), Some(vec!["4.4.21.2"]))]
    #[case::keyed(json!({"MIXED": {"4.4.21.2": true}}), Some(vec!["4.4.21.2"]))]
    #[case::objects(json!({"MIXED": [{"v": 1}]}), Some(vec!["{\"v\":1}"]))]
    fn shapes(#[case] value: Value, #[case] mixed: Option<Vec<&str>>) {
        let mixed = mixed.map(|list| list.into_iter().map(str::to_owned).collect());
        assert_eq!(read(&value), Ok(AcceptedVersions { mixed }));
    }

    #[rstest]
    #[case::number(json!({"MIXED": 4}))]
    #[case::list(json!(["4.4.21.2"]))]
    #[case::text(json!("4.4.21.2"))]
    fn refused(#[case] value: Value) {
        assert!(read(&value).is_err());
    }
}
