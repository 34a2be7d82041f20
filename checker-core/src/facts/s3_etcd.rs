//! `weka debug config show s3ClusterInfo.etcdEnabled`: whether S3 still keeps
//! its state in ETCD.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::{Fact, FactScope, Missing, ShapeError, View};
use crate::evidence::Record;
use crate::source::ClusterCommand;

/// One member of the cluster's configuration.
pub static S3_ETCD: ClusterCommand = ClusterCommand {
    key: "weka:s3-etcd",
    variants: &["debug config show s3ClusterInfo.etcdEnabled -J"],
    timeout: Duration::from_secs(30),
    needs_login: true,
};

/// Whether ETCD is on; `None` where the configuration has no such member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct S3Etcd(pub Option<bool>);

impl Fact for S3Etcd {
    const NAME: &'static str = "s3_etcd";
    const SCOPE: FactScope = FactScope::Cluster;
    const COMMANDS: &'static [&'static ClusterCommand] = &[&S3_ETCD];

    fn read(view: &View<'_>) -> Result<Self, Missing> {
        if has_no_member(view.record(S3_ETCD.key)?) {
            return Ok(Self(None));
        }
        view.json(S3_ETCD.key, read)
    }
}

/// Whether the configuration was asked for a member that this release does
/// not have: an answer, not a failure.
fn has_no_member(record: &Record) -> bool {
    !matches!(record.exit_status(), None | Some(0 | 41 | 127))
        && record
            .stderr_text()
            .to_ascii_lowercase()
            .contains("does not have a member")
}

fn read(value: &Value) -> Result<S3Etcd, ShapeError> {
    // Some releases print the value alone, some below its name.
    let value = match value {
        Value::Object(map) => map.get("etcdEnabled").unwrap_or(value),
        value => value,
    };
    match value {
        Value::Bool(on) => Ok(S3Etcd(Some(*on))),
        Value::String(word) if word.trim().eq_ignore_ascii_case("true") => Ok(S3Etcd(Some(true))),
        Value::String(word) if word.trim().eq_ignore_ascii_case("false") => Ok(S3Etcd(Some(false))),
        other => Err(ShapeError::new(
            "answer",
            format!("{other} in the place of true or false"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case::on(json!(true), true)]
    #[case::off(json!(false), false)]
    #[case::text(json!("True"), true)]
    #[case::named(json!({"etcdEnabled":false}), false)]
    fn shapes(#[case] value: Value, #[case] expected: bool) {
        assert_eq!(read(&value), Ok(S3Etcd(Some(expected))));
    }

    #[rstest]
    #[case::null(json!(null))]
    #[case::number(json!(0))]
    #[case::list(json!([]))]
    #[case::empty(json!({}))]
    #[case::null_member(json!({"etcdEnabled":null}))]
    fn refuses(#[case] value: Value) {
        assert!(read(&value).is_err());
    }
}
