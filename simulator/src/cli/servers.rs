//! `cluster servers list`, and the other names of it.

use serde_json::{Map, Value, json};

use super::call::{Answer, Call, Command, Opt};
use super::containers::failure_domain;
use super::dialect::Dialect;
use crate::model::{Container, Server, uuid};

const OPTIONS: &[Opt] = &[Opt::value(&["--role", "--roles"])];

pub(super) const COMMANDS: &[Command] = &[
    Command::new("cluster machines list", list)
        .known(Dialect::machines)
        .options(OPTIONS),
    Command::new("cluster servers list", list)
        .known(Dialect::servers)
        .options(OPTIONS),
    Command::new("cluster server list", list)
        .known(Dialect::wekactl)
        .options(OPTIONS),
    Command::new("cluster server", list)
        .known(Dialect::wekactl)
        .options(OPTIONS),
    Command::new("cluster failure-domain", domains),
];

/// What a server is in the list: `BACKEND`, `CLIENT`, and its protocols.
pub(super) fn roles(call: &Call<'_>, server: &Server) -> Vec<&'static str> {
    let cluster = call.cluster;
    let serves = |ids: &[u64]| server.containers.iter().any(|c| ids.contains(&c.id));
    let nfs: Vec<u64> = cluster
        .nfs
        .groups
        .iter()
        .flat_map(|g| g.ports.iter().map(|p| p.container))
        .collect();
    let mut roles = vec![if server.is_backend() {
        "BACKEND"
    } else {
        "CLIENT"
    }];
    if serves(&nfs) {
        roles.push("NFS");
    }
    if cluster.smb.as_ref().is_some_and(|s| serves(&s.containers)) {
        roles.push("SMB");
    }
    if cluster.s3.as_ref().is_some_and(|s| serves(&s.containers)) {
        roles.push("S3");
    }
    roles
}

fn list(call: &Call<'_>) -> Answer {
    let role = call.value("--role").map(str::to_ascii_uppercase);
    let rows = call
        .cluster
        .servers
        .iter()
        .zip(0..)
        .map(|(s, n)| (s, n, roles(call, s)))
        .filter(|(_, _, roles)| role.as_deref().is_none_or(|r| roles.contains(&r)))
        .map(|(s, n, roles)| server(call, s, n, &roles))
        .collect();
    Answer::Json(Value::Array(rows))
}

fn server(call: &Call<'_>, server: &Server, n: u64, roles: &[&str]) -> Value {
    let dialect = call.dialect;
    let mut versions: Vec<String> = Vec::new();
    for container in &server.containers {
        let release = container.release.to_string();
        if !versions.contains(&release) {
            versions.push(release);
        }
    }
    let cores: u32 = server.containers.iter().map(Container::cores).sum();
    let mut row = json!({
        "name": server.hostname,
        "primary_ip_address": server.address(),
        "primary_port": server.containers.first().map_or(14_000, |c| c.mgmt_port),
        "roles": roles,
        "status": server.status(),
        "uid": uuid("server", n),
        "versions": versions,
        "cores": cores + 1,
        "memory": 270_582_939_648_u64,
        "drives": server.containers.iter().map(|c| c.drives.len()).sum::<usize>(),
        "load": format!("{}%", 8 + n % 9),
        "up_since": "2026-02-01T08:00:00Z",
        "architecture": "x86_64",
    });
    let processes: usize = server
        .containers
        .iter()
        .map(|c| c.processes().count())
        .sum();
    row[if dialect.containers() {
        "processes"
    } else {
        "nodes"
    }] = json!(processes);
    if dialect.hosts_in_servers() {
        let map: Map<String, Value> = server
            .containers
            .iter()
            .map(|c| (format!("HostId<{}>", c.id), json!(c.name)))
            .collect();
        row["hosts"] = json!({"map": map});
    }
    if dialect.wekactl() {
        row["uptime"] = json!(14_601_600);
        row["ready_for_maintenance"] = json!(server.status() == "UP");
        row["requested_action"] = json!("NONE");
    }
    row
}

fn domains(call: &Call<'_>) -> Answer {
    let rows = call
        .cluster
        .servers
        .iter()
        .filter(|s| s.has_drives())
        .zip(0..)
        .map(|(s, n)| {
            let drives: Vec<_> = s.containers.iter().flat_map(|c| &c.drives).collect();
            let active = drives.iter().filter(|d| d.status == "ACTIVE").count();
            let up = s.containers.iter().filter(|c| c.is_active()).count();
            json!({"uid": uuid("failure-domain", n), "fd": failure_domain(call, s),
                "active_drives": active, "failed_drives": drives.len() - active,
                "total_drives": drives.len(), "removed_drives": 0,
                "containers": up, "total_containers": s.containers.len(),
                "capacity": drives.iter().map(|d| d.size).sum::<u64>()})
        })
        .collect();
    Answer::Json(Value::Array(rows))
}
