//! `cluster process`, and `cluster nodes` as it was called before 4.1.

use serde_json::{Value, json};

use super::call::{Answer, Call, Command, Opt};
use super::dialect::Dialect;

const OPTIONS: &[Opt] = &[
    Opt::flag(&["--backends", "-b"]),
    Opt::flag(&["--clients", "-c"]),
    Opt::value(&["--role"]),
];

pub(super) const COMMANDS: &[Command] = &[
    Command::new("cluster process", list)
        .known(Dialect::containers)
        .options(OPTIONS),
    Command::new("cluster processes", list)
        .known(Dialect::containers)
        .options(OPTIONS),
    Command::new("cluster nodes", list).options(OPTIONS),
    Command::new("cluster node", list).options(OPTIONS),
];

fn list(call: &Call<'_>) -> Answer {
    let dialect = call.dialect;
    let role = call.value("--role").map(str::to_ascii_uppercase);
    let mut rows = Vec::new();
    for (server, container) in call.cluster.containers() {
        if (call.has("--backends") && !container.is_backend())
            || (call.has("--clients") && container.is_backend())
        {
            continue;
        }
        for process in container.processes() {
            if role.as_deref().is_some_and(|r| r != process.role) {
                continue;
            }
            let host = dialect.id("HostId", container.id);
            let up = process.status == "UP";
            let mut row = json!({
                "node_id": dialect.id("NodeId", process.id),
                "host_id": host,
                "hostname": server.hostname,
                "status": process.status,
                "mode": container.mode,
                "roles": [process.role],
                "network_mode": process.network_mode,
                "ips": server.addresses,
                "up_since": if up { json!("2026-03-05T12:40:11.204518Z") } else { Value::Null },
                "last_fencing_time": Value::Null,
                "memory": container.memory / u64::from(container.cores().max(1)),
                "nodeInfo": {
                    "host_id": host,
                    "hostname": server.hostname,
                    "container_name": container.name,
                    "slot": process.slot,
                    "mgmt_ips": server.addresses,
                    "mgmt_port": container.mgmt_port,
                    "roles": [process.role],
                },
            });
            if let Some(core) = process.core {
                row["core"] = json!(core);
            }
            rows.push(row);
        }
    }
    Answer::Json(Value::Array(rows))
}
