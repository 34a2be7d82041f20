//! `nfs …`.

use serde_json::{Value, json};

use super::call::{Answer, Call, Command};
use crate::model::{InterfaceGroup, uuid};

pub(super) const COMMANDS: &[Command] = &[
    Command::new("nfs interface-group", groups),
    Command::new("nfs global-config show", config),
    Command::new("nfs custom-options", options),
    Command::new("nfs permission", permissions),
];

/// From 6.0 on only a cluster admin sees the groups and the options.
fn forbidden(call: &Call<'_>) -> Option<Answer> {
    let role = super::users::current(call).map_or("", |u| u.role.as_str());
    (call.dialect.wekactl() && role != "ClusterAdmin").then(|| {
        Answer::Failed(
            1,
            "error: 403 Forbidden: Cluster Admin is required".to_owned(),
        )
    })
}

fn groups(call: &Call<'_>) -> Answer {
    let nfs = &call.cluster.nfs;
    if let Some(refused) = forbidden(call) {
        return refused;
    }
    if nfs.never_set_up && nfs.groups.is_empty() {
        return Answer::Failed(1, "error: NFS is not configured".to_owned());
    }
    let rows = nfs.groups.iter().map(|g| group(call, g)).collect();
    Answer::Json(Value::Array(rows))
}

fn group(call: &Call<'_>, group: &InterfaceGroup) -> Value {
    let dialect = call.dialect;
    let ports: Vec<Value> = group
        .ports
        .iter()
        .map(|p| {
            let uid = uuid("container", p.container);
            if dialect.wekactl() {
                json!({"container": p.container, "container_uid": uid, "port": p.port, "status": p.status})
            } else {
                json!({"host_id": dialect.id("HostId", p.container), "host_uid": uid,
                    "port": p.port, "status": p.status})
            }
        })
        .collect();
    let mut row = json!({
        "name": group.name,
        "uid": uuid(&group.name, 0),
        "type": "NFS",
        "status": group.status,
        "gateway": group.gateway,
        "ips": group.ips,
        "allow_manage_gids": group.allow_manage_gids,
        "ports": ports,
    });
    if dialect.wekactl() {
        row["netmask"] = json!(group.netmask);
        row["tenant_ids"] = json!([0]);
    } else {
        let bits = u32::MAX
            .checked_shl(32 - u32::from(group.netmask))
            .unwrap_or(0);
        row["subnet_mask"] = json!(std::net::Ipv4Addr::from(bits).to_string());
        row["org_ids"] = json!([0]);
    }
    row
}

fn config(call: &Call<'_>) -> Answer {
    Answer::Json(
        json!({"config_fs": call.cluster.nfs.config_fs, "mountd_port": 0,
        "lockmgr_port": 0, "notify_port": 0, "statmon_port": 0, "acl": true,
        "default_supported_versions": ["V3", "V4"]}),
    )
}

fn options(call: &Call<'_>) -> Answer {
    if let Some(refused) = forbidden(call) {
        return refused;
    }
    let name = if call.dialect.wekactl() {
        "global_options"
    } else {
        "customNfsOptions"
    };
    Answer::Json(match &call.cluster.nfs.custom_options {
        None => Value::Null,
        Some(options) => json!({name: options}),
    })
}

fn permissions(call: &Call<'_>) -> Answer {
    if call.cluster.nfs.groups.is_empty() {
        return Answer::Json(json!([]));
    }
    let mut row = json!({"filesystem": "fs01", "group": "all", "path": "/", "access_type": "RW",
        "squash": "NONE", "supported_versions": ["V3", "V4"]});
    if call.dialect.wekactl() {
        row["id"] = json!(0);
    }
    Answer::Json(json!([row]))
}
