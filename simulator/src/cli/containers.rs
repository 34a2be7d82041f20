//! `cluster container`, and `cluster host` as it was called before 4.1.

use serde_json::{Map, Value, json};

use super::call::{Answer, Call, Command, Opt};
use super::dialect::Dialect;
use crate::model::{Container, Server, uuid};

const OPTIONS: &[Opt] = &[
    Opt::flag(&["--backends", "-b"]),
    Opt::flag(&["--clients", "-c"]),
    Opt::flag(&["--leadership", "-l"]),
    Opt::flag(&["--leader", "-L"]),
];

pub(super) const COMMANDS: &[Command] = &[
    Command::new("cluster container", list)
        .known(Dialect::containers)
        .options(OPTIONS)
        .words(64),
    Command::new("cluster containers", list)
        .known(Dialect::containers)
        .options(OPTIONS)
        .words(64),
    Command::new("cluster host", list)
        .options(OPTIONS)
        .words(64),
    Command::new("cluster hosts", list)
        .options(OPTIONS)
        .words(64),
    Command::new("cluster container net", net).known(Dialect::containers),
    Command::new("cluster host net", net),
    Command::new("cluster container info-hw", hardware)
        .known(Dialect::containers)
        .words(64),
    Command::new("cluster host info-hw", hardware).words(64),
];

fn list(call: &Call<'_>) -> Answer {
    let words = &call.arguments.words;
    let mut wanted = Vec::new();
    for word in words {
        let digits = word.trim_start_matches("HostId<").trim_end_matches('>');
        match digits.parse::<u64>() {
            Ok(id) if call.cluster.container(id).is_some() => wanted.push(id),
            Ok(id) => return Answer::Failed(1, format!("error: Host HostId<{id}> not found")),
            Err(_) => return Answer::Failed(1, format!("error: {word:?} is no host id")),
        }
    }
    let rows = call
        .cluster
        .containers()
        .into_iter()
        .filter(|(_, c)| wanted.is_empty() || wanted.contains(&c.id))
        .filter(|(_, c)| !call.has("--backends") || c.is_backend())
        .filter(|(_, c)| !call.has("--clients") || !c.is_backend())
        .filter(|(_, c)| {
            !(call.has("--leader") || call.has("--leadership")) || c.leadership.is_some()
        })
        .map(|(s, c)| container(call, s, c))
        .collect();
    Answer::Json(Value::Array(rows))
}

fn container(call: &Call<'_>, server: &Server, c: &Container) -> Value {
    let dialect = call.dialect;
    let cores: Vec<u32> = (c.first_core..).take(c.cores() as usize).collect();
    let never = if dialect.since_4_0() {
        Value::Null
    } else {
        json!("")
    };
    let mut row = Map::new();
    let mut put = |name: &str, value: Value| {
        row.insert(name.to_owned(), value);
    };
    put("host_id", dialect.id("HostId", c.id));
    put("uid", json!(uuid("container", c.id)));
    put("hostname", json!(server.hostname));
    put("container_name", json!(c.name));
    put("host_ip", json!(server.address()));
    put("ips", json!(server.addresses));
    put("mode", json!(c.mode));
    put("status", json!(c.status));
    put("state", json!(c.state));
    put("sw_version", json!(c.release.without_suffix()));
    put("sw_release_string", json!(c.release));
    put("cores", json!(c.cores()));
    put("cores_ids", json!(cores));
    put("frontend_dedicated_cores", json!(c.frontend_cores));
    put("drives_dedicated_cores", json!(c.drive_cores));
    put("memory", json!(c.memory));
    put("mgmt_port", json!(c.mgmt_port));
    put("machine_identifier", json!(server.machine_id));
    put("server_identifier", json!(server.machine_id));
    put("auto_remove_timeout", json!(c.auto_remove_timeout));
    let domain = c.is_backend().then(|| failure_domain(call, server));
    put("failure_domain", json!(domain));
    put("failure_domain_type", json!(domain.map(|_| "AUTO")));
    put("leadership_role", json!(c.leadership));
    put("member_of_leadership", json!(c.leadership.is_some()));
    put("added_time", json!("2025-11-18T09:12:40.113020Z"));
    put("start_time", json!("2026-03-05T12:39:51.807934Z"));
    put("state_changed_time", json!("2026-03-05T12:41:02.530113Z"));
    put("last_failure", never.clone());
    put("last_failure_code", never.clone());
    put("last_failure_time", never);
    if dialect.since_4_0() {
        put("requested_action", json!("NONE"));
        put("requested_action_failure", Value::Null);
    }
    put(
        "os_info",
        json!({"os_name": "Linux", "platform": "x86_64", "kernel_name": "Linux",
            "kernel_release": server.machine.kernel, "kernel_version": "#1 SMP PREEMPT_DYNAMIC",
            "drivers": {"mlx5_core": "23.10-0.5.5", "ib_uverbs": "", "ixgbe": "5.19.6",
                "ixgbevf": "", "uio_pci_generic": "0.01.0"}}),
    );
    if let Some(provider) = &call.cluster.provider {
        let zone = if provider == "AWS" { "eu-west-1a" } else { "" };
        put(
            "cloud",
            json!({"provider": provider, "instance_id": format!("i-{:017x}", c.id + 0xabc),
                "instance_type": "i3en.6xlarge", "availability_zone": zone}),
        );
    }
    put("is_dedicated", json!(c.is_backend()));
    put("bandwidth", json!(u32::MAX));
    put("io_processes", json!(c.cores()));
    Value::Object(row)
}

/// Each server is a failure domain of its own.
pub(super) fn failure_domain(call: &Call<'_>, server: &Server) -> String {
    let at = call
        .cluster
        .servers
        .iter()
        .position(|s| s.name == server.name);
    format!("DOM-{:03}", at.unwrap_or(0) + 1)
}

fn net(call: &Call<'_>) -> Answer {
    let rows = call
        .cluster
        .containers()
        .into_iter()
        .map(|(s, c)| {
            let udp = c.network_mode == "UDP";
            let id = call.dialect.id("HostId", c.id);
            let mac = format!("02:00:00:00:{:02x}:{:02x}", (c.id >> 8) & 255, c.id & 255);
            json!({"host_id": id, "hostname": s.hostname,
            "name": if udp { "udp" } else { "eth2" },
            "identifier": if udp { "udp" } else { "0000:41:00.0" },
            "gateway": if udp { "" } else { "10.0.0.1" },
            "netmask_bits": if udp { 0 } else { 24 }, "ips": [],
            "net_devices": if udp { Value::Null } else {
                json!([{"device": s.machine.card, "mac_address": mac}])
            }})
        })
        .collect();
    Answer::Json(Value::Array(rows))
}

/// Keyed by what was asked for; null for a server that does not answer.
fn hardware(call: &Call<'_>) -> Answer {
    let asked: Vec<String> = if call.arguments.words.is_empty() {
        call.cluster
            .servers
            .iter()
            .map(|s| s.address().to_owned())
            .collect()
    } else {
        call.arguments
            .words
            .iter()
            .map(|w| (*w).to_owned())
            .collect()
    };
    let answers: Map<String, Value> = asked
        .into_iter()
        .map(|name| {
            let server = call.cluster.server(&name).filter(|s| s.status() != "DOWN");
            let value = server.map_or(Value::Null, |_| {
                json!({"eths": [{"name": "eth2", "vendor": "Mellanox Technologies", "speed": 100_000}],
                    "ofed": {"host": "23.10-0.5.5.0"}})
            });
            (name, value)
        })
        .collect();
    Answer::Json(Value::Object(answers))
}
