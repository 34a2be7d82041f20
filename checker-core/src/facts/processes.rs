//! `weka cluster process -J`: every process of the cluster.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::{Fact, FactScope, Missing, Object, ShapeError, View};
use crate::source::ClusterCommand;

/// Every process, of backends and clients.
pub static PROCESSES: ClusterCommand = ClusterCommand {
    key: "weka:processes",
    variants: &["cluster process -J", "cluster nodes -J"],
    timeout: Duration::from_secs(60),
    needs_login: true,
};

/// One process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Process {
    /// The number of its id (`NodeId<61>` is 61), where the cluster tells.
    pub id: Option<u64>,
    /// The number of its container's id (`HostId<3>` is 3).
    pub container: u64,
    /// The name of its container, where the cluster tells.
    pub container_name: Option<String>,
    /// The host name of its server.
    pub hostname: String,
    /// Whether its mode is `backend`; else it belongs to a client.
    pub backend: bool,
    /// `UP`, `DOWN`, `FENCING`, `SYNCING`, `JOINING`.
    pub status: String,
    /// In capitals: `MANAGEMENT`, `DRIVES`, `COMPUTE`, `FRONTEND`, `DATASERV`.
    pub roles: Vec<String>,
    /// `DPDK`, `UDP`, …, where the cluster tells.
    pub network_mode: Option<String>,
}

impl Process {
    /// Whether it is UP, in any spelling.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.status.trim().eq_ignore_ascii_case("UP")
    }
}

/// Every process of the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Processes(pub Vec<Process>);

impl Processes {
    /// Those of containers in backend mode.
    pub fn backends(&self) -> impl Iterator<Item = &Process> {
        self.0.iter().filter(|p| p.backend)
    }
}

impl Fact for Processes {
    const NAME: &'static str = "processes";
    const SCOPE: FactScope = FactScope::Cluster;
    const COMMANDS: &'static [&'static ClusterCommand] = &[&PROCESSES];

    fn read(view: &View<'_>) -> Result<Self, Missing> {
        view.json(PROCESSES.key, read)
    }
}

fn read(value: &Value) -> Result<Processes, ShapeError> {
    Object::list(value)?
        .iter()
        .map(process)
        .collect::<Result<_, _>>()
        .map(Processes)
}

const CONTAINER_ID: [&str; 3] = ["host_id", "container_id", "containerId"];

fn process(p: &Object<'_>) -> Result<Process, ShapeError> {
    let info = p.opt_object(&["nodeInfo", "processInfo"])?;
    let of_info = |names: &[&str]| info.as_ref().and_then(|info| info.get(names));
    let container = match p.opt_id(&CONTAINER_ID)? {
        Some(id) => id,
        None => info
            .as_ref()
            .map(|info| info.opt_id(&CONTAINER_ID))
            .transpose()?
            .flatten()
            .ok_or_else(|| p.error(&CONTAINER_ID, "is missing"))?,
    };
    let mode = p.text(&["mode"])?;
    let backend = match mode.trim().to_ascii_lowercase().as_str() {
        "backend" => true,
        "client" => false,
        _ => return Err(p.error(&["mode"], format!("{mode:?} is neither backend nor client"))),
    };
    let role_names = ["roles", "role"];
    let mut roles = p.texts(&role_names)?;
    if roles.is_empty()
        && let Some(info) = &info
    {
        roles = info.texts(&role_names)?;
    }
    Ok(Process {
        id: p.opt_id(&["node_id", "process_id", "id"])?,
        container,
        container_name: of_info(&["container_name"])
            .or_else(|| p.get(&["container_name", "container"]))
            .and_then(Value::as_str)
            .filter(|name| !name.is_empty())
            .map(str::to_owned),
        hostname: p.text(&["hostname"])?.to_owned(),
        backend,
        status: p.text(&["status"])?.to_owned(),
        // A cell of several values joins them with a comma.
        roles: roles
            .iter()
            .flat_map(|role| role.split([',', ' ']))
            .filter(|role| !role.is_empty())
            .map(str::to_ascii_uppercase)
            .collect(),
        network_mode: p.opt_text(&["network_mode", "netmode"])?.map(str::to_owned),
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn sample() -> Value {
        json!({"node_id":"NodeId<61>","host_id":"HostId<3>","hostname":"weka-01","status":"UP","mode":"backend",
            "roles":["DRIVES"],"network_mode":"DPDK","up_since":null,
            "nodeInfo":{"host_id":"HostId<3>","container_name":"drives0","slot":1,"roles":["DRIVES"]}})
    }

    #[test]
    fn of_4_4() {
        let Processes(list) = read(&json!([sample()])).expect("readable");
        assert_eq!((list[0].id, list[0].container), (Some(61), 3));
        assert_eq!(list[0].container_name.as_deref(), Some("drives0"));
        assert_eq!(list[0].roles, ["DRIVES"]);
        assert!(list[0].backend && list[0].is_up());
    }

    // field history S6
    #[rstest]
    #[case::integers(json!({"process_id":61,"container_id":3,"hostname":"weka-01","status":"up","mode":"Backend","roles":["drives"]}))]
    #[case::id_only_inside(json!({"id":61,"hostname":"weka-01","status":"UP","mode":"backend","nodeInfo":{"host_id":3,"roles":["DRIVES"]}}))]
    #[case::one_cell(json!({"id":61,"host_id":"3","hostname":"weka-01","status":"UP","mode":"backend","role":"DRIVES"}))]
    fn other_shapes(#[case] value: Value) {
        let Processes(list) = read(&json!({"NodeId<61>": value})).expect("readable");
        assert_eq!((list[0].id, list[0].container), (Some(61), 3));
        assert_eq!(list[0].roles, ["DRIVES"]);
        assert!(list[0].is_up());
    }

    #[test]
    fn several_roles_in_one_cell() {
        let mut value = sample();
        value["roles"] = json!("FRONTEND, COMPUTE");
        assert_eq!(
            read(&json!([value])).expect("readable").0[0].roles,
            ["FRONTEND", "COMPUTE"]
        );
    }

    #[rstest]
    #[case("hostname")]
    #[case("mode")]
    #[case("status")]
    fn nothing_needed_is_made_up(#[case] member: &str) {
        let mut value = sample();
        value.as_object_mut().expect("an object").remove(member);
        assert!(read(&json!([value])).is_err());
    }

    #[test]
    fn a_process_without_a_container_is_an_error() {
        let value = json!([{"node_id":"NodeId<61>","host_id":"HostId<INVALID>","hostname":"a","status":"UP","mode":"backend","roles":[]}]);
        assert!(read(&value).is_err());
    }
}
