//! `debug …`.

use serde_json::{Value, json};

use super::call::{Answer, Call, Command, Opt};
use super::dialect::Dialect;

pub(super) const COMMANDS: &[Command] = &[
    Command::new("debug config show", config).words(1),
    Command::new("debug traces status", |call| {
        let config = &call.cluster.config;
        Answer::Json(json!({"enabled": config.traces,
            "servers_ensure_free": {"value": config.traces_ensure_free}}))
    }),
    Command::new("debug traces remote-endpoint status", |call| {
        Answer::Json(json!({"enabled": call.cluster.config.remote_traces}))
    })
    .known(Dialect::remote_traces),
    Command::new("debug override list", overrides),
    Command::new("debug blacklist list", blacklist),
    Command::new("debug manhole", manhole)
        .options(&[Opt::value(&["--slot", "-s"])])
        .words(1),
    Command::new("debug jrpc", jrpc).words(1),
];

/// One path of the configuration. A member that the release does not have is
/// an error with words of its own.
fn config(call: &Call<'_>) -> Answer {
    let (cluster, dialect) = (call.cluster, call.dialect);
    let config = &cluster.config;
    let path = call.arguments.words.first().copied().unwrap_or_default();
    let found = match path {
        "catalogInfo" => dialect
            .catalog()
            .then(|| json!({"indexEnabled": config.catalog_indexing})),
        "clusterInfo.initialSwVersion" => config.initial_release.as_ref().map(|v| json!(v)),
        "clusterInfo.acceptedVersionsPerType" => dialect
            .accepted_versions()
            .then(|| json!({"MIXED": config.mixed_accepted})),
        "upgradeInfo.lastUpgradeTime.usecs" => Some(json!(config.last_upgrade_usecs)),
        "s3ClusterInfo.etcdEnabled" => Some(json!(
            cluster.s3.as_ref().is_some_and(|s| !s.etcd.is_empty())
        )),
        "snapLayers[*].stowInfo.LOCAL.bucketsNum" => {
            Some(cluster.snapshots.iter().map(|s| json!(s.buckets)).collect())
        }
        "disks" => Some(disks(call)),
        _ => None,
    };
    match found {
        // A bare number or text needs no JSON to be printed.
        Some(value) if !call.arguments.json && !value.is_object() && !value.is_array() => {
            Answer::Text(format!("{value}\n"))
        }
        Some(value) => Answer::Json(value),
        None => {
            let member = path.rsplit('.').next().unwrap_or(path);
            Answer::Failed(
                1,
                format!("error: object of type ConfigRoot does not have a member named {member}"),
            )
        }
    }
}

/// Every disk of the configuration; only those that are left over were ever
/// phased out.
fn disks(call: &Call<'_>) -> Value {
    let containers = call.cluster.containers();
    let drives = containers.iter().flat_map(|(_, c)| &c.drives);
    let mut disks: serde_json::Map<String, Value> = drives
        .map(|d| {
            let state = if d.should_be_active { "ACTIVE" } else { "INACTIVE" };
            let value = json!({"_targetState": {"state": state}, "_committedState": {"state": state},
                "lastPhaseOutGeneration": "ConfigGeneration<INVALID>", "lastPhaseOutSizeB": 0, "sizeB": d.size});
            (format!("DiskId<{}>", d.id), value)
        })
        .collect();
    for (bytes, n) in call.cluster.config.left_over_drives.iter().zip(900..) {
        let value = json!({"_targetState": {"state": "INACTIVE"}, "_committedState": {"state": "INACTIVE"},
            "lastPhaseOutGeneration": "ConfigGeneration<1>", "lastPhaseOutSizeB": 0, "sizeB": bytes});
        disks.insert(format!("DiskId<{n}>"), value);
    }
    Value::Object(disks)
}

fn overrides(call: &Call<'_>) -> Answer {
    let rows = call
        .cluster
        .config
        .overrides
        .iter()
        .map(|o| {
            json!({"override_id": call.dialect.id("ManualOverrideId", o.id), "key": o.key,
                "value": o.value, "bucket_id": "BucketId<INVALID>", "bucket_string": "",
                "negate_bucket": false, "nodes": "ALL", "enabled": true, "forced": o.forced,
                "comment": "", "time_created": "2026-01-10T09:00:00Z"})
        })
        .collect();
    Answer::Json(Value::Array(rows))
}

fn blacklist(call: &Call<'_>) -> Answer {
    let mut rows = Vec::new();
    for (server, container) in call.cluster.containers() {
        for process in container.processes().filter(|p| p.blacklisted) {
            rows.push(json!({"node_id": call.dialect.id("NodeId", process.id),
                "hostname": server.hostname, "ips": server.addresses,
                "status": process.status, "network_mode": process.network_mode}));
        }
    }
    Answer::Json(Value::Array(rows))
}

/// Prints JSON without being asked for it.
fn manhole(call: &Call<'_>) -> Answer {
    let config = &call.cluster.config;
    match call.arguments.words.first() {
        Some(&"get_completed_fsck_info") => Answer::Text(format!(
            "{}\n",
            json!({"issuesCount": {"__unaligned_value": config.last_fsck_issues},
                "startTime": {"__unaligned_value": {"usecs": config.last_fsck_usecs}}})
        )),
        _ => Answer::Failed(1, "error: no such manhole method".to_owned()),
    }
}

/// The software release is that of the oldest backend container.
fn jrpc(call: &Call<'_>) -> Answer {
    if call.arguments.words.first() != Some(&"client_query_backend") {
        return Answer::Failed(1, "error: Method not found".to_owned());
    }
    let containers = call.cluster.containers();
    let oldest = containers
        .iter()
        .filter(|(_, c)| c.is_backend())
        .map(|(_, c)| &c.release)
        .min();
    let own = call.here.containers.first().map(|c| &c.release);
    Answer::Json(json!({"software_release": oldest, "container_software_release": own}))
}
