//! `local …`: what the agent of one server answers, without a login.

use serde_json::{Map, Value, json};

use super::call::{Answer, Call, Command, Opt};
use crate::model::{LocalState, Server};

pub(super) const COMMANDS: &[Command] = &[
    Command::new("local ps", ps).without_login(),
    Command::new("local status", status)
        .without_login()
        .words(1),
    Command::new("local resources", resources)
        .without_login()
        .options(&[Opt::value(&["--container", "-C"]), Opt::flag(&["--stable"])]),
    Command::new("local exec", exec)
        .without_login()
        .options(&[Opt::value(&["--container", "-C"]), Opt::flag(&["-v"])])
        .words(8),
];

/// One local container, wherever the model keeps it.
struct Local<'a> {
    name: &'a str,
    kind: &'a str,
    release: String,
    port: u16,
    state: &'a LocalState,
}

fn containers(server: &Server) -> impl Iterator<Item = Local<'_>> {
    let of_cluster = server.containers.iter().map(|c| Local {
        name: &c.name,
        kind: "weka",
        release: c.release.to_string(),
        port: c.mgmt_port,
        state: &c.local,
    });
    let others = server.local.iter().map(|l| Local {
        name: &l.name,
        kind: &l.kind,
        release: l.release.to_string(),
        port: 0,
        state: &l.state,
    });
    of_cluster.chain(others)
}

/// Everything local goes through the agent; without one there is no answer.
fn no_agent(call: &Call<'_>) -> Option<Answer> {
    let agent = call.here.unit("weka-agent.service");
    (agent.active != "active").then(|| {
        Answer::Failed(
            1,
            "error: Failed connecting to the agent, is weka-agent running?".to_owned(),
        )
    })
}

fn ps(call: &Call<'_>) -> Answer {
    no_agent(call).unwrap_or_else(|| Answer::Json(containers(call.here).map(|c| row(&c)).collect()))
}

fn row(c: &Local<'_>) -> Value {
    let state = c.state;
    let weka = c.kind == "weka";
    json!({
        "name": c.name,
        "type": c.kind,
        "runStatus": if state.running { "Running" } else { "Stopped" },
        "isRunning": state.running,
        "isDisabled": state.disabled,
        "isManaged": true,
        "isMonitoring": !state.disabled,
        "isPersistent": true,
        "versionName": c.release,
        "APIPort": if weka { json!(c.port) } else { Value::Null },
        "containerPid": if state.running { json!(4000 + u32::from(c.port) % 997) } else { Value::Null },
        "uptime": if state.running { 11_845_208.1 } else { 0.0 },
        "lastFailure": "",
        "lastFailureText": "",
        "lastFailureTime": "",
        // Protocol containers and those that stand still have none.
        "internalStatus": if weka && state.running { internal(state) } else { Value::Null },
    })
}

/// `state` is READY even for a container that has not joined.
fn internal(state: &LocalState) -> Value {
    json!({"state": "READY", "display_status": state.display_status,
        "message": if state.display_status == "READY" { "Ready" } else { "Not in a cluster" },
        "action": "NONE", "io_processes_not_up": ""})
}

fn status(call: &Call<'_>) -> Answer {
    if let Some(failed) = no_agent(call) {
        return failed;
    }
    let wanted = call.arguments.words.first();
    let all: Map<String, Value> = containers(call.here)
        .filter(|c| wanted.is_none_or(|w| c.name == *w))
        .map(|c| {
            let mut value =
                json!({"type": c.kind, "isRunning": c.state.running, "mount_points": []});
            // A stopped container has no status.
            if c.state.running {
                value["status"] = json!({"APIPort": c.port, "internalStatus": internal(c.state)});
            }
            let ips = if c.kind == "weka" {
                call.here.addresses.clone()
            } else {
                Vec::new()
            };
            value["resources"] = json!({"ips": ips});
            (c.name.to_owned(), value)
        })
        .collect();
    match wanted {
        Some(name) if all.is_empty() => {
            Answer::Failed(1, format!("error: Container {name} does not exist"))
        }
        _ => Answer::Json(Value::Object(all)),
    }
}

/// A command inside of a local container: of all there could be, only the
/// version of the SMB-W server.
fn exec(call: &Call<'_>) -> Answer {
    if let Some(failed) = no_agent(call) {
        return failed;
    }
    let name = call.value("--container").unwrap_or("default");
    let running = containers(call.here).any(|c| c.name == name && c.state.running);
    let version = call.here.tsmb.as_ref().filter(|_| call.has("-v"));
    match (&call.arguments.words[..], version) {
        _ if !running => Answer::Failed(1, format!("error: Container {name} is not running")),
        (["tsmb-server"], Some(version)) => {
            Answer::Text(format!("tsmb-server version {version}\nbuilt for Linux\n"))
        }
        (words, _) => Answer::Failed(127, format!("sh: {}: not found", words.join(" "))),
    }
}

fn resources(call: &Call<'_>) -> Answer {
    if let Some(failed) = no_agent(call) {
        return failed;
    }
    let name = call.value("--container").unwrap_or("default");
    let Some(c) = call.here.containers.iter().find(|c| c.name == name) else {
        return Answer::Failed(1, format!("error: Container {name} does not exist"));
    };
    let endpoints: Vec<Value> = call
        .cluster
        .endpoints_of(c)
        .iter()
        .map(|address| json!({"ip": address, "port": 14_000}))
        .collect();
    let nodes: Map<String, Value> = c
        .processes()
        .map(|p| {
            let value = json!({"roles": [p.role], "core_id": p.core.unwrap_or(u32::MAX),
                "rpc_port": u32::from(c.mgmt_port) + p.slot, "http_port": u32::from(c.mgmt_port) + p.slot,
                "dedicate_core": p.slot > 0, "dedicated_mode": "FULL"});
            (p.slot.to_string(), value)
        })
        .collect();
    Answer::Json(json!({
        "base_port": c.mgmt_port,
        "ips": call.here.addresses,
        "backend_endpoints": endpoints,
        "join_secret": c.join_secret.iter().collect::<Vec<_>>(),
        "nodes": nodes,
        "net_devices": [{"device": "0000:41:00.0", "name": "eth2", "identifier": "0000:41:00.0",
            "gateway": "10.0.0.1", "netmask": 24, "ips": []}],
        "memory": c.memory,
        "failure_domain": "",
        "auto_remove_timeout": c.auto_remove_timeout,
        "allow_protocols": true,
        "restricted_client": false,
    }))
}
