//! `fs`, `fs snapshot`, `fs tier s3`.

use serde_json::{Value, json};

use super::call::{Answer, Call, Command, Opt};
use super::dialect::Dialect;
use crate::model::{Filesystem, Snapshot, Stow, uuid};

pub(super) const COMMANDS: &[Command] = &[
    Command::new("fs", list).options(&[Opt::flag(&["--force-fresh"])]),
    Command::new("fs snapshot", snapshots),
    Command::new("fs tier s3", stores),
];

fn list(call: &Call<'_>) -> Answer {
    let rows = call
        .cluster
        .filesystems
        .iter()
        .map(|f| filesystem(call, f))
        .collect();
    Answer::Json(Value::Array(rows))
}

fn filesystem(call: &Call<'_>, fs: &Filesystem) -> Value {
    let dialect = call.dialect;
    let stores: Vec<Value> = call
        .cluster
        .object_stores
        .iter()
        .filter(|o| fs.object_stores.contains(&o.name))
        .map(|o| {
            json!({"uid": uuid("object-store", o.id), "name": o.name, "mode": "WRITABLE",
                "state": "ACTIVE", "status": "UP", "detachProgress": Value::Null,
                "obsBucketId": dialect.id("ObjectStorageBucketId", o.id)})
        })
        .collect();
    json!({
        "fs_id": dialect.id("FSId", fs.id),
        "uid": uuid("filesystem", fs.id),
        "name": fs.name,
        "group_id": dialect.id("FSGroupId", 0),
        "group_name": "default",
        "status": "READY",
        "is_ready": true,
        "is_creating": false,
        "is_removing": false,
        "total_budget": fs.total,
        "available_total": fs.total,
        "used_total": fs.used,
        "used_total_data": fs.used,
        "free_total": fs.total.saturating_sub(fs.used),
        "ssd_budget": fs.ssd,
        "available_ssd": fs.ssd,
        "used_ssd": fs.used.min(fs.ssd),
        "used_ssd_data": fs.used.min(fs.ssd),
        "used_ssd_metadata": 4096,
        "free_ssd": fs.ssd.saturating_sub(fs.used),
        "is_encrypted": fs.encrypted,
        "auth_required": false,
        "is_thinly_provisioned": false,
        "obs_buckets": stores,
        "object_storages": [],
    })
}

fn snapshots(call: &Call<'_>) -> Answer {
    let rows = call
        .cluster
        .snapshots
        .iter()
        .map(|s| snapshot(call.dialect, s))
        .collect();
    Answer::Json(Value::Array(rows))
}

fn snapshot(dialect: Dialect, s: &Snapshot) -> Value {
    if !dialect.nested_snapshots() {
        return json!({"id": dialect.id("SnapViewId", s.id), "filesystem": s.filesystem,
            "name": s.name, "stowStatus": s.local.status,
            "remote_object_status": s.remote.status, "remote_object_progress": s.remote.progress});
    }
    let stow = |stow: &Stow, buckets: u64| {
        json!({"stowStatus": stow.status, "stowProgress": stow.progress,
            "locator": stow.locator, "bucketsNum": buckets})
    };
    json!({
        "snap_id": dialect.id("SnapViewId", s.id),
        "uid": uuid("snapshot", s.id),
        "filesystem": s.filesystem,
        "name": s.name,
        "accessPoint": s.created.strftime("@GMT-%Y.%m.%d-%H.%M.%S").to_string(),
        "isWritable": s.writable,
        "creationTime": s.created,
        "isRemoving": false,
        "localStowInfo": stow(&s.local, s.buckets),
        "remoteStowInfo": stow(&s.remote, 0),
    })
}

fn stores(call: &Call<'_>) -> Answer {
    let dialect = call.dialect;
    let rows = call
        .cluster
        .object_stores
        .iter()
        .map(|o| {
            json!({"id": dialect.id("ObjectStorageBucketId", o.id), "uid": uuid("object-store", o.id),
                "name": o.name, "obs_site": o.site, "hostname": o.hostname, "port": dialect.port(0),
                "protocol": "HTTPS", "bucket": o.name, "status": "UP",
                "upload_bandwidth": u32::MAX, "download_bandwidth": u32::MAX,
                "max_concurrent_uploads": 64})
        })
        .collect();
    Answer::Json(Value::Array(rows))
}
