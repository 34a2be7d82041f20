//! `status`, `status rebuild`.

use serde_json::{Map, Value, json};

use super::call::{Answer, Call, Command};
use super::dialect::Dialect;
use crate::model::{Cluster, Container, Process, uuid};

pub(super) const COMMANDS: &[Command] = &[
    Command::new("status", status),
    Command::new("cluster status", status).known(Dialect::wekactl),
    Command::new("status rebuild", |call| Answer::Json(rebuild(call))),
];

fn status(call: &Call<'_>) -> Answer {
    if !call.arguments.json {
        return Answer::Text(text(call.cluster));
    }
    Answer::Json(json_status(call))
}

/// The first lines; nothing should read more of the text.
fn text(cluster: &Cluster) -> String {
    let release = &cluster.release;
    let task = &cluster.upgrade.block_task;
    let conversion = if task.state == "IDLE" {
        String::new()
    } else {
        format!("  data upgrade: {} ({}%)\n", task.state, task.progress)
    };
    format!(
        "Weka v{release} (CLI build {release})\n\n       cluster: {} ({})\n        status: {} ({} backend containers)\n{conversion}",
        cluster.name,
        cluster.guid,
        cluster.status,
        cluster
            .containers()
            .iter()
            .filter(|(_, c)| c.is_backend())
            .count(),
    )
}

fn count(active: usize, total: usize) -> Value {
    json!({"active": active, "total": total})
}

fn count_of<'a>(containers: impl Iterator<Item = &'a Container>) -> Value {
    let all: Vec<_> = containers.collect();
    count(all.iter().filter(|c| c.is_active()).count(), all.len())
}

fn json_status(call: &Call<'_>) -> Value {
    let (cluster, dialect) = (call.cluster, call.dialect);
    let all = cluster.containers();
    let containers = || all.iter().map(|(_, c)| *c);
    let backends = || containers().filter(|c| c.is_backend());
    let clients = || containers().filter(|c| !c.is_backend());
    let processes: Vec<Process> = containers().flat_map(Container::processes).collect();
    let io: Vec<&Process> = processes
        .iter()
        .filter(|p| matches!(p.role, "DRIVES" | "COMPUTE"))
        .collect();
    let drives: Vec<_> = cluster.drives().collect();
    let capacity: u64 = drives.iter().map(|(.., d)| d.size).sum::<u64>() / 2;
    let upgrade = &cluster.upgrade;
    let no_time = if dialect.since_4_0() {
        Value::Null
    } else {
        json!("")
    };

    let mut status = Map::new();
    let mut put = |name: &str, value: Value| {
        status.insert(name.to_owned(), value);
    };
    put("name", json!(cluster.name));
    put("guid", json!(cluster.guid));
    put("is_cluster", json!(true));
    put("release", json!(cluster.release));
    put("release_hash", json!(uuid("release", 0).replace('-', "")));
    put("status", json!(cluster.status));
    put("io_status", json!(cluster.io_status));
    put(
        "io_status_changed_time",
        json!("2026-03-05T12:39:51.807934Z"),
    );
    put("init_stage", json!("INITIALIZED"));
    put(
        "init_stage_changed_time",
        json!("2025-11-18T09:12:40.113020Z"),
    );
    put("last_init_failure", json!(""));
    put("last_init_failure_code", json!(""));
    put("last_init_failure_time", json!(""));
    put("active_alerts_count", json!(cluster.alerts.len()));
    put(
        "activity",
        json!({"num_ops": 18_211.4, "num_reads": 9_120.7, "num_writes": 4_011.2,
            "sum_bytes_read": 1_211_003_904.0, "sum_bytes_written": 400_556_032.0,
            "obs_download_bytes_per_second": 0.0, "obs_upload_bytes_per_second": 0.0}),
    );
    put(
        "block_upgrade_task",
        json!({"type": upgrade.block_task.kind, "state": upgrade.block_task.state,
            "progress": upgrade.block_task.progress,
            "taskId": dialect.id("BlockTaskId", upgrade.block_task.id)}),
    );
    if dialect.since_4_0() {
        put(
            "upgrade_info",
            json!({"upgrade_paused": upgrade.paused, "upgrade_phase": upgrade.phase,
                "upgrade_type": upgrade.kind}),
        );
        put(
            "compute_upgrade",
            json!({"source_version_sig": "0xffffffffffffffff"}),
        );
    } else {
        put("upgrade", json!(upgrade.phase));
    }

    let with = |filter: fn(&Container) -> bool| count_of(backends().filter(move |c| filter(c)));
    let active = containers().filter(|c| c.is_active()).count();
    if dialect.since_4_0() {
        let computes = with(|c| c.compute_cores > 0);
        let drives = with(|c| c.drive_cores > 0);
        put(
            "containers",
            json!({"active": active, "total": all.len(), "backends": count_of(backends()),
                "clients": count_of(clients()), "computes": computes, "drives": drives}),
        );
        put(
            "hosts",
            json!({"active_count": active, "total_count": all.len(), "backends": count_of(backends()),
                "clients": count_of(clients()), "computes": computes, "drives": drives}),
        );
        put("servers", servers(cluster));
    } else {
        put(
            "hosts",
            json!({"active_count": active, "total_count": all.len(),
                "backends": count_of(backends()), "clients": count_of(clients())}),
        );
    }
    put(
        "io_nodes",
        count(io.iter().filter(|p| p.status == "UP").count(), io.len()),
    );
    let blacklisted = processes.iter().filter(|p| p.blacklisted).count();
    let nodes = json!({"blacklisted": blacklisted, "total": processes.len()});
    put("nodes", nodes.clone());
    if dialect.since_4_0() {
        put("processes", nodes);
    }
    put(
        "drives",
        count(
            drives.iter().filter(|(.., d)| d.status == "ACTIVE").count(),
            drives.len(),
        ),
    );
    let mut buckets = json!({"active": cluster.active_buckets, "total": cluster.buckets,
        "shutdown_finished": 0, "flush_finished": 0, "global_flush_generation": 0,
        "global_flush_status": "NONE"});
    if dialect.since_4_0() {
        buckets["included_in_report"] = json!(cluster.buckets);
    }
    put("buckets", buckets);
    put(
        "buckets_info",
        json!({"averageFillLevelPPM": 311_204, "reportedRaidFillLevelSeverity": "Normal",
            "criticalRaidFillLevelPPM": 950_000, "ssdsFillLevelPPM": 290_118,
            "shrunkAtGeneration": "ConfigGeneration<INVALID>", "thinProvisionState": {}}),
    );
    let mut sizes = json!({"total_bytes": capacity, "unprovisioned_bytes": capacity / 7,
        "hot_spare_bytes": capacity / 6});
    if dialect.since_4_0() {
        sizes["unavailable_bytes"] = json!(cluster.rebuild.unavailable_mib << 20);
    }
    put("capacity", sizes);
    put("stripe_data_drives", json!(3));
    put(
        "stripe_protection_drives",
        json!(cluster.rebuild.mib_by_failures.len() - 1),
    );
    put("hot_spare", json!(1));
    put("rebuild", rebuild(call));
    put("net", json!({"link_layer": cluster.link_layer}));
    let mut cloud = json!({"enabled": true, "healthy": true, "proxy": ""});
    if dialect.since_4_0() {
        cloud["url"] = json!("https://api.home.example");
    }
    put("cloud", cloud);
    put(
        "licensing",
        json!({"mode": "Classic", "io_start_eligibility": true,
            "usage": {"drive_capacity_gb": drives.len() * 15_360, "usable_capacity_gb": capacity / 1_000_000_000,
                "obs_capacity_gb": 0, "data_reduction": false},
            "limits": {"drive_capacity_gb": u64::MAX, "usable_capacity_gb": u64::MAX,
                "obs_capacity_gb": u64::MAX, "valid_from": "2025-11-18T00:00:00Z",
                "expires_at": "2028-11-18T00:00:00Z"},
            "check_interval_secs": 60, "next_check": "", "error": ""}),
    );
    put(
        "time",
        json!({"cluster_time": cluster.now, "allowed_clock_skew_secs": 60,
            "cluster_local_utc_offset": "+00:00", "cluster_local_utc_offset_seconds": 0}),
    );
    put(
        "hanging_ios",
        json!({"alerts_threshold_secs": 900, "event_driver_frontend_threshold_secs": 1800,
            "event_nfs_frontend_threshold_secs": 1800, "last_emitted_driver_frontend_event": no_time,
            "last_emitted_nfs_frontend_event": no_time}),
    );
    put(
        "grim_reaper",
        json!({"enabled": true, "is_cluster_fully_connected": true, "node_with_least_links": no_time}),
    );
    put("failure_domains_enabled", json!(false));
    put("overlay", json!({"branching_factor": 0}));
    put("response_from_host_id", {
        let id = call.here.containers.first().map_or(0, |c| c.id);
        dialect.id("HostId", id)
    });
    Value::Object(status)
}

fn servers(cluster: &Cluster) -> Value {
    let count = |backend: bool| {
        let some = cluster.servers.iter().filter(|s| s.is_backend() == backend);
        let states: Vec<_> = some.map(crate::model::Server::status).collect();
        let of = |word: &str| states.iter().filter(|s| **s == word).count();
        (of("UP"), of("DEGRADED"), states.len())
    };
    let (b, c) = (count(true), count(false));
    json!({"active": b.0 + c.0, "degraded": b.1 + c.1, "total": b.2 + c.2,
        "backends": {"active": b.0, "degraded": b.1, "total": b.2},
        "clients": {"active": c.0, "degraded": c.1, "total": c.2}})
}

/// Percent with one digit behind the point, a whole number where it is one.
fn percent(part: u64, whole: u64) -> Value {
    if whole == 0 {
        return json!(0);
    }
    let tenths = (part as f64 * 1000.0 / whole as f64).round();
    if tenths % 10.0 == 0.0 {
        json!((tenths / 10.0) as u64)
    } else {
        json!(tenths / 10.0)
    }
}

fn rebuild(call: &Call<'_>) -> Value {
    let (rebuild, dialect) = (&call.cluster.rebuild, call.dialect);
    let total = rebuild.total_mib();
    let mut levels: Vec<(usize, u64)> = rebuild
        .mib_by_failures
        .iter()
        .copied()
        .enumerate()
        .collect();
    if !dialect.since_4_0() {
        // 3.11 lists only what there is.
        levels.retain(|(failures, mib)| *failures == 0 || *mib > 0);
    }
    let levels: Vec<Value> = levels
        .into_iter()
        .map(|(failures, mib)| {
            json!({"numFailures": failures, "MiB": mib, "percent": percent(mib, total)})
        })
        .collect();
    let domains = call.cluster.servers.iter().filter(|s| s.has_drives());
    let active = domains.clone().filter(|s| s.status() != "DOWN").count();
    let copies = rebuild.degraded_mib();
    let mut answer = json!({
        "progressPercent": whole_if_possible(rebuild.progress_percent),
        "protectionState": levels,
        "unavailableMiB": rebuild.unavailable_mib,
        "unavailablePercent": percent(rebuild.unavailable_mib, total),
        "totalCopiesMiB": copies,
        "totalCopiesDoneMiB": (copies as f64 * rebuild.progress_percent / 100.0) as u64,
        "requiredFDsForRebuild": 5,
        "numActiveFDs": active,
        "enoughActiveFDs": active >= 5 || active == domains.count(),
        "numProtectionDisks": rebuild.mib_by_failures.len() - 1,
        "stripeDisks": 5,
        "numBucketsInReport": call.cluster.buckets,
        "numBucketsTotal": call.cluster.buckets,
        "isInited": true,
        "scrubberBytesPerSec": 134_217_728,
    });
    if dialect.since_4_0() {
        answer["movingData"] = json!(rebuild.moving_data);
        answer["movingQuorums"] = json!(false);
        answer["stickyProtectionState"] = answer["protectionState"].clone();
        answer["stickyUnavailableMiB"] = answer["unavailableMiB"].clone();
        answer["stickyUnavailablePercent"] = answer["unavailablePercent"].clone();
    }
    answer
}

fn whole_if_possible(number: f64) -> Value {
    if number.fract() == 0.0 {
        json!(number as u64)
    } else {
        json!(number)
    }
}
