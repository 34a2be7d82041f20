//! `weka status -J`: what the cluster says of itself.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::{Fact, FactScope, Missing, Object, ShapeError, View};
use crate::source::ClusterCommand;
use crate::version::Version;

/// The cluster's status, asked first in every run: it shows whether the CLI
/// user is logged in.
pub static STATUS: ClusterCommand = ClusterCommand {
    key: "weka:status",
    variants: &["status -J"],
    timeout: Duration::from_secs(30),
    needs_login: true,
};

/// A count of things that are there and things that work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Count {
    /// Those that work.
    pub active: u64,
    /// All of them.
    pub total: u64,
}

/// The metadata conversion that follows some upgrades.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BlockTask {
    /// `INVALID` when idle.
    pub kind: String,
    /// `IDLE` when idle.
    pub state: String,
    /// How far it is, in percent.
    pub progress: Option<u64>,
}

/// What `status -J` says of an upgrade that runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct UpgradeInfo {
    /// Empty when no upgrade runs; else it names drive, compute or frontend.
    pub phase: String,
    /// Whether it was paused.
    pub paused: bool,
}

/// `weka status -J`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Status {
    /// The cluster's name.
    pub name: String,
    /// The cluster's uuid.
    pub guid: String,
    /// The running release, with its suffix.
    pub release: Version,
    /// `OK`, `REDISTRIBUTING`, `REBUILDING`, `DEGRADED`, ….
    pub status: String,
    /// `STARTED` when IO runs.
    pub io_status: String,
    /// How many alerts are active; counts more than `weka alerts` prints.
    pub active_alerts: Option<u64>,
    /// An upgrade that runs. 3.x has one word for it in its place.
    pub upgrade: UpgradeInfo,
    /// The metadata conversion, where the release tells.
    pub block_task: Option<BlockTask>,
    /// Containers in backend mode (3.x: hosts).
    pub backends: Option<Count>,
    /// Containers in client mode (3.x: hosts).
    pub clients: Option<Count>,
    /// Drives.
    pub drives: Option<Count>,
    /// Drive and compute processes.
    pub io_nodes: Option<Count>,
    /// Buckets.
    pub buckets: Option<Count>,
    /// The usable capacity, in bytes, where the release tells.
    pub capacity_bytes: Option<u64>,
    /// The link layer, `ETH` or `IB`, where the release tells.
    pub link_layer: Option<String>,
    /// `status.rebuild`, the same object as `weka status rebuild -J`; raw.
    #[serde(skip)]
    pub rebuild: Option<Value>,
}

impl Fact for Status {
    const NAME: &'static str = "status";
    const SCOPE: FactScope = FactScope::Cluster;
    const COMMANDS: &'static [&'static ClusterCommand] = &[&STATUS];

    fn read(view: &View<'_>) -> Result<Self, Missing> {
        view.json(STATUS.key, read)
    }
}

fn read(value: &Value) -> Result<Status, ShapeError> {
    let status = Object::new(value, "status")?;
    let release = status.text(&["release"])?;
    Ok(Status {
        name: status.text(&["name"])?.to_owned(),
        guid: status.text(&["guid"])?.to_owned(),
        release: release
            .parse()
            .map_err(|error| status.error(&["release"], error))?,
        status: status.text(&["status"])?.to_owned(),
        io_status: status.text(&["io_status"])?.to_owned(),
        active_alerts: status.opt_number(&["active_alerts_count"])?,
        upgrade: upgrade_info(&status)?,
        block_task: status
            .opt_object(&["block_upgrade_task"])?
            .map(|task| {
                Ok(BlockTask {
                    kind: task.text(&["type"])?.to_owned(),
                    state: task.text(&["state"])?.to_owned(),
                    progress: task.opt_number(&["progress"])?,
                })
            })
            .transpose()?,
        backends: container_count(&status, "backends")?,
        clients: container_count(&status, "clients")?,
        drives: count(&status, "drives")?,
        io_nodes: count(&status, "io_nodes")?,
        buckets: count(&status, "buckets")?,
        capacity_bytes: status
            .opt_object(&["capacity"])?
            .map(|capacity| capacity.opt_number(&["total_bytes"]))
            .transpose()?
            .flatten(),
        link_layer: status
            .opt_object(&["net"])?
            .map(|net| net.opt_text(&["link_layer"]))
            .transpose()?
            .flatten()
            .map(str::to_owned),
        rebuild: status.get(&["rebuild"]).cloned(),
    })
}

/// 4.x and later: `upgrade_info`, an object. 3.x: `upgrade`, one word.
fn upgrade_info(status: &Object<'_>) -> Result<UpgradeInfo, ShapeError> {
    if let Some(info) = status.opt_object(&["upgrade_info"])? {
        return Ok(UpgradeInfo {
            phase: info.opt_text(&["upgrade_phase"])?.unwrap_or("").to_owned(),
            paused: info.opt_boolean(&["upgrade_paused"])?.unwrap_or(false),
        });
    }
    Ok(UpgradeInfo {
        phase: status.text(&["upgrade"])?.to_owned(),
        paused: false,
    })
}

/// `containers.backends`; 3.x says `hosts` in the place of `containers`.
fn container_count(status: &Object<'_>, kind: &str) -> Result<Option<Count>, ShapeError> {
    match status.opt_object(&["containers", "hosts"])? {
        Some(containers) => count(&containers, kind),
        None => Ok(None),
    }
}

fn count(parent: &Object<'_>, name: &str) -> Result<Option<Count>, ShapeError> {
    parent
        .opt_object(&[name])?
        .map(|count| {
            Ok(Count {
                active: count.number(&["active"])?,
                total: count.number(&["total"])?,
            })
        })
        .transpose()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn healthy() -> Value {
        json!({"name":"lab-a","guid":"0b5c","release":"4.4.21.2","status":"OK","io_status":"STARTED",
            "active_alerts_count":1,
            "block_upgrade_task":{"type":"INVALID","state":"IDLE","progress":0,"taskId":"BlockTaskId<0>"},
            "upgrade_info":{"upgrade_paused":false,"upgrade_phase":"","upgrade_type":"agent-driven"},
            "containers":{"active":18,"total":18,"backends":{"active":17,"total":18},"clients":{"active":0,"total":0}},
            "drives":{"active":36,"total":36},"io_nodes":{"active":60,"total":60},
            "buckets":{"active":150,"total":150},"capacity":{"total_bytes":410000000000000u64},
            "net":{"link_layer":"ETH"},"rebuild":{"progressPercent":0}})
    }

    #[test]
    fn of_4_4() {
        let status = read(&healthy()).expect("readable");
        assert_eq!(status.release.to_string(), "4.4.21.2");
        assert_eq!(
            status.backends,
            Some(Count {
                active: 17,
                total: 18
            })
        );
        assert_eq!(status.upgrade, UpgradeInfo::default());
        assert_eq!(status.block_task.expect("a task").state, "IDLE");
        assert_eq!(status.link_layer.as_deref(), Some("ETH"));
        assert_eq!(status.capacity_bytes, Some(410_000_000_000_000));
    }

    // field history S1
    #[test]
    fn of_3_11() {
        let value = json!({"name":"lab-a","guid":"0b5c","release":"3.11.1","status":"OK","io_status":"STARTED",
            "upgrade":"","hosts":{"active_count":7,"total_count":7,"backends":{"active":7,"total":7},"clients":{"active":0,"total":0}},
            "drives":{"active":36,"total":36},"io_nodes":{"active":60,"total":60},"buckets":{"active":1,"total":1}});
        let status = read(&value).expect("readable");
        assert_eq!(
            status.backends,
            Some(Count {
                active: 7,
                total: 7
            })
        );
        assert_eq!(status.upgrade.phase, "");
        assert_eq!(status.block_task, None);
    }

    // field history S1
    #[test]
    fn a_suffix_is_kept() {
        let mut value = healthy();
        value["release"] = json!("4.4.2.157-k8s.2");
        assert_eq!(
            read(&value).expect("readable").release.suffix(),
            Some("k8s.2")
        );
    }

    /// Taken away one by one, each member that a verdict rests on is an error.
    #[test]
    fn nothing_needed_is_made_up() {
        for needed in [
            "name",
            "guid",
            "release",
            "status",
            "io_status",
            "upgrade_info",
        ] {
            let mut value = healthy();
            value.as_object_mut().expect("an object").remove(needed);
            assert!(read(&value).is_err(), "{needed}");
        }
    }
}
