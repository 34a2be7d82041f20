//! `weka events` of the category Upgrade: what the cluster noted of earlier upgrades.

use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::Serialize;
use serde_json::Value;

use super::{Fact, FactScope, Missing, Object, ShapeError, View};
use crate::source::ClusterCommand;

/// The newest events, down to the lowest severity. Slow on large clusters, and
/// not to be had where the CLI reads them from a cloud that it can't reach.
pub static EVENTS_UPGRADE: ClusterCommand = ClusterCommand {
    key: "weka:events-upgrade",
    variants: &[
        "events --category-list Upgrade --severity debug --num-results 200 -J",
        "events --category Upgrade --severity debug --num-results 200 -J",
    ],
    timeout: Duration::from_secs(60),
    needs_login: true,
};

/// One event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UpgradeEvent {
    /// `ComputeUpgradeStarted`, `UpgradePaused`, ….
    pub kind: String,
    /// When it happened.
    pub time: Timestamp,
}

/// The newest events of the category Upgrade, the oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UpgradeEvents(pub Vec<UpgradeEvent>);

impl Fact for UpgradeEvents {
    const NAME: &'static str = "upgrade_events";
    const SCOPE: FactScope = FactScope::Cluster;
    const COMMANDS: &'static [&'static ClusterCommand] = &[&EVENTS_UPGRADE];

    fn read(view: &View<'_>) -> Result<Self, Missing> {
        view.json(EVENTS_UPGRADE.key, read)
    }
}

fn read(value: &Value) -> Result<UpgradeEvents, ShapeError> {
    let mut events = Object::list(value)?
        .iter()
        .map(event)
        .collect::<Result<Vec<_>, _>>()?;
    events.sort_by_key(|event| event.time);
    Ok(UpgradeEvents(events))
}

fn event(e: &Object<'_>) -> Result<UpgradeEvent, ShapeError> {
    let names = ["timestamp", "time"];
    let text = e.text(&names)?;
    // An event of no type could be the one that an upgrade began with.
    let kind = e.text(&["type"])?.trim().to_owned();
    if kind.is_empty() {
        return Err(e.error(&["type"], "is empty"));
    }
    Ok(UpgradeEvent {
        kind,
        time: time(text).ok_or_else(|| e.error(&names, format!("{text:?} is no time")))?,
    })
}

/// RFC 3339; without an offset it is UTC, as all times of the cluster are.
fn time(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    text.parse().ok().or_else(|| {
        let local: DateTime = text.parse().ok()?;
        Some(local.to_zoned(TimeZone::UTC).ok()?.timestamp())
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[test]
    fn the_oldest_comes_first_whatever_the_direction() {
        let newest_first = json!([
            {"timestamp":"2026-03-05T12:41:07.1Z","type":"DrivesUpgradeFinished","category":"Upgrade"},
            {"timestamp":"2026-03-05T12:00:00.807934Z","type":"DrivesUpgradeStarted","category":"Upgrade"}]);
        let mut oldest_first = newest_first.clone();
        oldest_first.as_array_mut().expect("a list").reverse();
        for value in [newest_first, oldest_first] {
            let UpgradeEvents(events) = read(&value).expect("readable");
            assert_eq!(events[0].kind, "DrivesUpgradeStarted");
        }
    }

    #[rstest]
    #[case("2026-03-05T12:41:07.1234567Z")]
    #[case("2026-03-05T12:41:07+02:00")]
    #[case("2026-03-05T12:41:07")]
    #[case("2026-03-05 12:41:07")]
    fn times(#[case] text: &str) {
        assert!(time(text).is_some());
    }

    #[rstest]
    #[case::no_time(json!([{"type":"DrivesUpgradeStarted"}]))]
    #[case::empty_type(json!([{"type":"","timestamp":"2026-03-05T12:41:07Z"}]))]
    #[case::no_type(json!([{"timestamp":"2026-03-05T12:41:07Z"}]))]
    #[case::empty_time(json!([{"type":"DrivesUpgradeStarted","timestamp":""}]))]
    #[case::null(json!(null))]
    fn other_shapes_are_errors(#[case] value: Value) {
        assert!(read(&value).is_err());
    }
}
