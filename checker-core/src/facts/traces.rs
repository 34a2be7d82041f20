//! The product's own traces: `weka debug traces status`, and whether they are
//! sent elsewhere.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::{Fact, FactScope, Missing, Object, ShapeError, View};
use crate::source::ClusterCommand;

/// Whether traces are kept, and how much space they must leave.
pub static TRACES: ClusterCommand = ClusterCommand {
    key: "weka:traces",
    variants: &["debug traces status -J"],
    timeout: Duration::from_secs(30),
    needs_login: true,
};

/// Whether traces are sent to another machine; newer releases only.
pub static REMOTE_TRACES: ClusterCommand = ClusterCommand {
    key: "weka:remote-traces",
    variants: &["debug traces remote-endpoint status -J"],
    timeout: Duration::from_secs(30),
    needs_login: true,
};

/// The cluster's traces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Traces {
    /// Whether they are on.
    pub enabled: bool,
    /// How many bytes each server must keep free beside them, where the cluster tells.
    pub ensure_free_bytes: Option<u64>,
}

impl Fact for Traces {
    const NAME: &'static str = "traces";
    const SCOPE: FactScope = FactScope::Cluster;
    const COMMANDS: &'static [&'static ClusterCommand] = &[&TRACES];

    fn read(view: &View<'_>) -> Result<Self, Missing> {
        view.json(TRACES.key, read)
    }
}

fn read(value: &Value) -> Result<Traces, ShapeError> {
    let traces = Object::new(value, "traces")?;
    let names = ["servers_ensure_free", "ensure_free"];
    let ensure_free_bytes = match traces.get(&names) {
        Some(Value::Object(_)) => traces
            .opt_object(&names)?
            .map(|free| free.opt_number(&["value"]))
            .transpose()?
            .flatten(),
        _ => traces.opt_number(&names)?,
    };
    Ok(Traces {
        enabled: traces.boolean(&["enabled"])?,
        ensure_free_bytes,
    })
}

/// Whether traces are sent to another machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RemoteTraces {
    /// Whether they are.
    pub enabled: bool,
}

impl Fact for RemoteTraces {
    const NAME: &'static str = "remote_traces";
    const SCOPE: FactScope = FactScope::Cluster;
    const COMMANDS: &'static [&'static ClusterCommand] = &[&REMOTE_TRACES];

    fn read(view: &View<'_>) -> Result<Self, Missing> {
        view.json(REMOTE_TRACES.key, |value| {
            let enabled = Object::new(value, "remote endpoint")?.boolean(&["enabled"])?;
            Ok(Self { enabled })
        })
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    // field history S26
    #[rstest]
    #[case::of_4_4(json!({"enabled":true,"servers_ensure_free":{"value":10737418240u64}}), Some(10_737_418_240))]
    #[case::plain_number(json!({"enabled":true,"servers_ensure_free":"10737418240"}), Some(10_737_418_240))]
    #[case::null(json!({"enabled":true,"servers_ensure_free":null}), None)]
    #[case::absent(json!({"enabled":true}), None)]
    #[case::without_value(json!({"enabled":true,"servers_ensure_free":{}}), None)]
    fn space(#[case] value: Value, #[case] expected: Option<u64>) {
        assert_eq!(read(&value).expect("readable").ensure_free_bytes, expected);
    }

    // field history S26
    #[rstest]
    #[case::absent(json!({"servers_ensure_free":{"value":1}}))]
    #[case::null(json!({"enabled":null}))]
    #[case::word(json!({"enabled":"perhaps"}))]
    #[case::empty_list(json!([]))]
    #[case::nothing(json!(null))]
    fn on_or_off_is_never_made_up(#[case] value: Value) {
        assert!(read(&value).is_err());
    }
}
