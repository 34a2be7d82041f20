//! `s3 …`.

use serde_json::{Map, Value, json};

use super::call::{Answer, Call, Command};
use super::dialect::Dialect;

pub(super) const COMMANDS: &[Command] = &[
    Command::new("s3 cluster", cluster),
    Command::new("s3 cluster status", status),
    Command::new("s3 cluster containers list", containers).known(Dialect::servers),
    Command::new("s3 cluster container list", containers).known(Dialect::wekactl),
    Command::new("s3 bucket list", buckets),
    Command::new("s3 bucket lifecycle-rule list", rules).words(1),
];

fn ids(dialect: Dialect, ids: &[u64]) -> Vec<Value> {
    ids.iter().map(|id| dialect.id("HostId", *id)).collect()
}

fn cluster(call: &Call<'_>) -> Answer {
    let dialect = call.dialect;
    let active = if dialect.s3_active() {
        "active"
    } else {
        "status"
    };
    let Some(s3) = &call.cluster.s3 else {
        return Answer::Json(json!({active: false, "s3_hosts": []}));
    };
    Answer::Json(json!({
        active: true,
        "s3_hosts": ids(dialect, &s3.containers),
        "port": dialect.port(9000),
        "internal_port": dialect.port(9001),
        "filesystem_name": s3.filesystem,
        "config_fs_name": ".config_fs",
        "mount_options": s3.mount_options,
        "tls_enabled": true,
        "etcd_cluster_hosts": ids(dialect, &s3.etcd),
    }))
}

fn status(call: &Call<'_>) -> Answer {
    let dialect = call.dialect;
    let Some(s3) = &call.cluster.s3 else {
        return Answer::Failed(1, "error: S3 cluster is not configured".to_owned());
    };
    let ready = |id: &u64| !s3.not_ready.contains(id);
    if !dialect.s3_status_rows() {
        let map: Map<String, Value> = s3
            .containers
            .iter()
            .map(|id| (format!("HostId<{id}>"), json!(ready(id))))
            .collect();
        return Answer::Json(Value::Object(map));
    }
    let rows = s3
        .containers
        .iter()
        .map(|id| {
            let server = call.cluster.container(*id).map(|(s, _)| s);
            // The id was a plain number here before 6.0 already.
            json!({"host_id": id, "hostname": server.map(|s| &s.hostname),
                "service_status": if ready(id) { "Ready" } else { "Not Ready" },
                "ip": server.map(|s| s.address()), "port": 9000,
                "uptime": 1_209_600, "last_error": "", "failure_time": Value::Null})
        })
        .collect();
    Answer::Json(Value::Array(rows))
}

fn containers(call: &Call<'_>) -> Answer {
    let list = call
        .cluster
        .s3
        .as_ref()
        .map_or(&[][..], |s3| &s3.containers);
    Answer::Json(Value::Array(ids(call.dialect, list)))
}

fn buckets(call: &Call<'_>) -> Answer {
    let Some(s3) = &call.cluster.s3 else {
        return Answer::Failed(1, "error: S3 cluster is not configured".to_owned());
    };
    let rows = s3
        .buckets
        .iter()
        .map(|b| json!({"name": b.name, "hard_limit_bytes": 0, "used_bytes": b.used, "path": b.name}))
        .collect();
    Answer::Json(Value::Array(rows))
}

fn rules(call: &Call<'_>) -> Answer {
    let s3 = call.cluster.s3.as_ref();
    let name = call.arguments.words.first().copied().unwrap_or_default();
    let bucket = s3.and_then(|s3| s3.buckets.iter().find(|b| b.name == name));
    match bucket {
        None => Answer::Failed(1, format!("error: Bucket {name} does not exist")),
        Some(bucket) if bucket.rules.is_empty() => Answer::Failed(
            1,
            "error: The lifecycle configuration does not exist".to_owned(),
        ),
        Some(bucket) => Answer::Json(
            bucket
                .rules
                .iter()
                .zip(1..)
                .map(|(rule, n)| {
                    json!({"id": format!("rule-{n}"), "prefix": rule.prefix, "tags": rule.tags.join(","),
                        "expiry_days": rule.days.to_string(), "enabled": true})
                })
                .collect(),
        ),
    }
}
