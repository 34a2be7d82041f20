//! The last scan of the metadata (FSCK), and when the cluster was upgraded last.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::catalog::says_no_such_member;
use super::{Fact, FactScope, Missing, Object, ShapeError, View};
use crate::source::ClusterCommand;
use crate::version::Version;

/// The scan that ended last. Only reads; undocumented, so newer and older
/// releases may not have it.
pub static FSCK: ClusterCommand = ClusterCommand {
    key: "weka:fsck",
    variants: &["debug manhole --slot 0 get_completed_fsck_info"],
    timeout: Duration::from_secs(60),
    needs_login: true,
};

/// The release that the cluster was made with.
pub static INITIAL_VERSION: ClusterCommand = ClusterCommand {
    key: "weka:initial-version",
    variants: &["debug config show clusterInfo.initialSwVersion -J"],
    timeout: Duration::from_secs(30),
    needs_login: true,
};

/// When the cluster was upgraded last.
pub static LAST_UPGRADE: ClusterCommand = ClusterCommand {
    key: "weka:last-upgrade",
    variants: &["debug config show upgradeInfo.lastUpgradeTime.usecs -J"],
    timeout: Duration::from_secs(30),
    needs_login: true,
};

/// The metadata scan that ended last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Scan {
    /// How many faults it found.
    pub issues: u64,
    /// When it began, in microseconds since 1970.
    pub started_usecs: i64,
}

/// The metadata scan that ended last, if one ever did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LastFsck(pub Option<Scan>);

impl Fact for LastFsck {
    const NAME: &'static str = "fsck";
    const SCOPE: FactScope = FactScope::Cluster;
    const COMMANDS: &'static [&'static ClusterCommand] = &[&FSCK];

    fn read(view: &View<'_>) -> Result<Self, Missing> {
        view.json(FSCK.key, scan)
    }
}

fn scan(value: &Value) -> Result<LastFsck, ShapeError> {
    if value.is_null() {
        return Ok(LastFsck(None));
    }
    let info = Object::new(value, "scan")?;
    let missing = |name: &str| info.error(&[name], "is missing");
    let issues = info
        .get(&["issuesCount"])
        .ok_or_else(|| missing("issuesCount"))?;
    let issues = integer(issues)
        .and_then(|n| u64::try_from(n).ok())
        .ok_or_else(|| info.error(&["issuesCount"], "is no count"))?;
    let start = info
        .get(&["startTime"])
        .ok_or_else(|| missing("startTime"))?;
    let started_usecs = usecs(start).ok_or_else(|| info.error(&["startTime"], "is no time"))?;
    // A scan that never ran has no time.
    Ok(LastFsck((started_usecs > 0).then_some(Scan {
        issues,
        started_usecs,
    })))
}

/// A number, maybe wrapped: `{"__unaligned_value": 3}`.
fn integer(value: &Value) -> Option<i64> {
    let value = value.get("__unaligned_value").unwrap_or(value);
    match value {
        Value::Number(n) => n.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// A time: `{"usecs": 3}`, `3`, either of them wrapped.
fn usecs(value: &Value) -> Option<i64> {
    let value = value.get("__unaligned_value").unwrap_or(value);
    integer(value.get("usecs").unwrap_or(value))
}

/// The release that the cluster was made with; `None` where a cluster is too
/// old to have noted it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InitialVersion(pub Option<Version>);

impl Fact for InitialVersion {
    const NAME: &'static str = "initial_version";
    const SCOPE: FactScope = FactScope::Cluster;
    const COMMANDS: &'static [&'static ClusterCommand] = &[&INITIAL_VERSION];

    fn read(view: &View<'_>) -> Result<Self, Missing> {
        if says_no_such_member(view.record(INITIAL_VERSION.key)?) {
            return Ok(Self(None));
        }
        view.json(INITIAL_VERSION.key, initial)
    }
}

fn initial(value: &Value) -> Result<InitialVersion, ShapeError> {
    let error = |what: String| ShapeError::new("answer", what);
    match value {
        Value::Null => Ok(InitialVersion(None)),
        Value::String(text) if text.trim().is_empty() => Ok(InitialVersion(None)),
        Value::String(text) => text
            .parse()
            .map(|version| InitialVersion(Some(version)))
            .map_err(|e: crate::version::VersionError| error(e.to_string())),
        other => Err(error(format!("{other} is no release"))),
    }
}

/// When the cluster was upgraded last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LastUpgrade {
    /// In microseconds since 1970; `None` when it never was. Where a fresh
    /// cluster noted a time, its first leader wrote it.
    pub usecs: Option<i64>,
}

impl Fact for LastUpgrade {
    const NAME: &'static str = "last_upgrade";
    const SCOPE: FactScope = FactScope::Cluster;
    const COMMANDS: &'static [&'static ClusterCommand] = &[&LAST_UPGRADE];

    fn read(view: &View<'_>) -> Result<Self, Missing> {
        view.json(LAST_UPGRADE.key, last_upgrade)
    }
}

fn last_upgrade(value: &Value) -> Result<LastUpgrade, ShapeError> {
    match usecs(value) {
        Some(-1) => Ok(LastUpgrade { usecs: None }),
        Some(usecs) if usecs > 0 => Ok(LastUpgrade { usecs: Some(usecs) }),
        _ => Err(ShapeError::new("answer", format!("{value} is no time"))),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    // field history S20
    #[rstest]
    #[case::of_4_4(json!({"issuesCount":{"__unaligned_value":0},"startTime":{"__unaligned_value":{"usecs":1772700000000000i64}}}), Some((0, 1_772_700_000_000_000)))]
    #[case::not_wrapped(json!({"issuesCount":3,"startTime":{"usecs":5}}), Some((3, 5)))]
    #[case::plain(json!({"issuesCount":"3","startTime":5}), Some((3, 5)))]
    #[case::null(json!(null), None)]
    #[case::never(json!({"issuesCount":{"__unaligned_value":0},"startTime":{"__unaligned_value":{"usecs":-1}}}), None)]
    #[case::time_zero(json!({"issuesCount":0,"startTime":0}), None)]
    fn scans(#[case] value: Value, #[case] expected: Option<(u64, i64)>) {
        let LastFsck(found) = scan(&value).expect("readable");
        assert_eq!(found.map(|s| (s.issues, s.started_usecs)), expected);
    }

    #[rstest]
    #[case::empty(json!({}))]
    #[case::no_count(json!({"startTime":5}))]
    #[case::no_time(json!({"issuesCount":0}))]
    #[case::null_time(json!({"issuesCount":0,"startTime":null}))]
    #[case::negative_count(json!({"issuesCount":-1,"startTime":5}))]
    #[case::list(json!([]))]
    fn half_a_scan_is_none(#[case] value: Value) {
        assert!(scan(&value).is_err());
    }

    // field history S19
    #[rstest]
    #[case::object(json!({"usecs":5}), Some(Some(5)))]
    #[case::number(json!(5), Some(Some(5)))]
    #[case::text(json!({"usecs":"5"}), Some(Some(5)))]
    #[case::never(json!({"usecs":-1}), Some(None))]
    #[case::null(json!(null), None)]
    #[case::null_inside(json!({"usecs":null}), None)]
    #[case::zero(json!(0), None)]
    fn last_upgrades(#[case] value: Value, #[case] expected: Option<Option<i64>>) {
        assert_eq!(last_upgrade(&value).ok().map(|u| u.usecs), expected);
    }

    // field history S19
    #[rstest]
    #[case::text(json!("4.4.21.2"), Some(Some("4.4.21.2")))]
    #[case::null(json!(null), Some(None))]
    #[case::empty(json!(""), Some(None))]
    #[case::word(json!("banana"), None)]
    #[case::number(json!(4), None)]
    fn initial_versions(#[case] value: Value, #[case] expected: Option<Option<&str>>) {
        let found = initial(&value).ok().map(|v| v.0.map(|v| v.to_string()));
        assert_eq!(found, expected.map(|v| v.map(str::to_owned)));
    }
}
