//! `smb …`.

use serde_json::{Map, Value, json};

use super::call::{Answer, Call, Command};

pub(super) const COMMANDS: &[Command] = &[
    Command::new("smb cluster", cluster),
    Command::new("smb cluster status", status),
];

fn cluster(call: &Call<'_>) -> Answer {
    let Some(smb) = &call.cluster.smb else {
        return Answer::Json(json!([]));
    };
    let hosts: Vec<Value> = smb
        .containers
        .iter()
        .map(|id| call.dialect.id("HostId", *id))
        .collect();
    Answer::Json(json!({
        "active": true,
        "type": smb.kind,
        "sambaHosts": hosts,
        "netbiosName": smb.netbios,
        "domainNetbiosName": "LAB",
        "adConf": {"domain": smb.domain},
        "encryption": "enabled",
        "configFsName": smb.config_fs,
    }))
}

fn status(call: &Call<'_>) -> Answer {
    let Some(smb) = &call.cluster.smb else {
        return Answer::Json(json!({}));
    };
    let ready = |id: &u64| !smb.not_ready.contains(id);
    if call.dialect.wekactl() {
        let rows = smb
            .containers
            .iter()
            .map(|id| json!({"container": id, "ready": ready(id)}))
            .collect();
        return Answer::Json(Value::Array(rows));
    }
    let map: Map<String, Value> = smb
        .containers
        .iter()
        .map(|id| (format!("HostId<{id}>"), json!(ready(id))))
        .collect();
    Answer::Json(Value::Object(map))
}
