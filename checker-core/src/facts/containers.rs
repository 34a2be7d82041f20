//! `weka cluster container -J`: every container of the cluster.

use std::net::IpAddr;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::{Fact, FactScope, Missing, Object, ShapeError, View, id_number};
use crate::server::Server;
use crate::source::ClusterCommand;

/// Every container, backends and clients.
pub static CONTAINERS: ClusterCommand = ClusterCommand {
    key: "weka:containers",
    variants: &["cluster container -J", "cluster host -J"],
    timeout: Duration::from_secs(60),
    needs_login: true,
};

/// One container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Container {
    /// The number of its id (`HostId<3>` is 3).
    pub id: u64,
    /// The host name of the server that it runs on.
    pub hostname: String,
    /// Free text: `drives0`, `compute0`, `frontend0`, `client`, `default`, ….
    pub name: String,
    /// Management addresses, the primary one first, none twice.
    pub addresses: Vec<String>,
    /// Whether its mode is `backend`; else it is a client.
    pub backend: bool,
    /// `UP`, `DEGRADED`, `DOWN`, `DRAINED (UP)`, ….
    pub status: String,
    /// The full release that it runs; the numeric one where the cluster has
    /// no full one; `None` for a container that never started.
    pub release: Option<String>,
    /// The same for all containers of one machine.
    pub machine_identifier: Option<String>,
    /// How many cores it has, where the cluster tells.
    pub cores: Option<u64>,
    /// The cores that it is bound to, [`AUTO_CORE`] for one that it chose by
    /// itself; `None` where the cluster does not tell.
    pub core_ids: Option<Vec<u64>>,
    /// Its huge page memory, in bytes, where the cluster tells.
    pub memory_bytes: Option<u64>,
    /// Whether the cluster forgets it some time after it went: a client that
    /// comes with a mount, and has the cluster's release after the next one.
    /// `None` where the cluster does not tell.
    pub stateless: Option<bool>,
}

impl Container {
    /// Whether it runs on this server. By address: two servers can have one
    /// host name. The name counts only for a container that has no address.
    #[must_use]
    pub fn stands_on(&self, server: &Server) -> bool {
        if self.addresses.is_empty() {
            self.hostname == server.hostname
        } else {
            self.addresses.iter().any(|a| server.addresses.contains(a))
        }
    }
}

/// Stands in the place of a core id when the container chose the core by itself.
pub const AUTO_CORE: u64 = 4_294_967_295;

/// Every container of the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Containers(pub Vec<Container>);

impl Containers {
    /// The container of this number.
    #[must_use]
    pub fn by_id(&self, id: u64) -> Option<&Container> {
        self.0.iter().find(|c| c.id == id)
    }

    /// Those in backend mode.
    pub fn backends(&self) -> impl Iterator<Item = &Container> {
        self.0.iter().filter(|c| c.backend)
    }

    /// Those on this server: they share an address with it or, where the
    /// cluster has none for them, the host name.
    pub fn on(&self, server: &Server) -> impl Iterator<Item = &Container> {
        self.0.iter().filter(move |c| c.stands_on(server))
    }
}

impl Fact for Containers {
    const NAME: &'static str = "containers";
    const SCOPE: FactScope = FactScope::Cluster;
    const COMMANDS: &'static [&'static ClusterCommand] = &[&CONTAINERS];

    fn read(view: &View<'_>) -> Result<Self, Missing> {
        view.json(CONTAINERS.key, read)
    }
}

fn read(value: &Value) -> Result<Containers, ShapeError> {
    let rows = Object::list(value)?;
    // Whoever answered runs in one: a list without any is no list of them, and
    // no check that looks through it may find it in order.
    if rows.is_empty() {
        return Err(ShapeError::new("answer", "it lists no container"));
    }
    rows.iter()
        .map(container)
        .collect::<Result<_, _>>()
        .map(Containers)
}

fn container(c: &Object<'_>) -> Result<Container, ShapeError> {
    let id_names = ["host_id", "id", "container_id"];
    let id = c
        .opt_id(&id_names)?
        .ok_or_else(|| c.error(&id_names, "is missing"))?;
    let mut addresses: Vec<String> = Vec::new();
    let primary = c.opt_text(&["host_ip", "container_ip"])?;
    for address in primary.into_iter().chain(c.texts(&["ips"])?) {
        // What is no address would make one server of all that have it.
        if address.parse::<IpAddr>().is_ok() && !addresses.iter().any(|known| known == address) {
            addresses.push(address.to_owned());
        }
    }
    let backend = is_backend(c)?;
    let text = |names: &[&str]| -> Result<Option<String>, ShapeError> {
        Ok(c.opt_text(names)?
            .map(str::trim)
            .filter(|t| !t.is_empty())
            .map(str::to_owned))
    };
    Ok(Container {
        id,
        hostname: c.text(&["hostname"])?.to_owned(),
        name: text(&["container_name", "name", "container"])?.unwrap_or_default(),
        addresses,
        backend,
        status: c.text(&["status"])?.to_owned(),
        release: match text(&["sw_release_string"])? {
            Some(release) => Some(release),
            None => text(&["sw_version"])?,
        },
        machine_identifier: text(&["machine_identifier", "server_identifier"])?,
        cores: c.opt_number(&["cores"])?,
        core_ids: core_ids(c)?,
        memory_bytes: c.opt_number(&["memory"])?,
        // A number of seconds, or null for one that stays.
        stateless: c
            .members()
            .get("auto_remove_timeout")
            .map(|timeout| timeout.is_number()),
    })
}

/// Whether a row of the list is of a container in backend mode; else it is a
/// client.
pub(super) fn is_backend(c: &Object<'_>) -> Result<bool, ShapeError> {
    let mode = c.text(&["mode"])?;
    match mode.to_ascii_lowercase().as_str() {
        "backend" => Ok(true),
        "client" => Ok(false),
        _ => Err(c.error(&["mode"], format!("{mode:?} is neither backend nor client"))),
    }
}

fn core_ids(c: &Object<'_>) -> Result<Option<Vec<u64>>, ShapeError> {
    let names = ["cores_ids", "core_ids"];
    let Some(value) = c.get(&names) else {
        return Ok(None);
    };
    let items = value
        .as_array()
        .ok_or_else(|| c.error(&names, format!("{value} in the place of a list of cores")))?;
    let core = |item: &Value| {
        id_number(item)
            .flatten()
            .ok_or_else(|| c.error(&names, format!("{item} is no core")))
    };
    items.iter().map(core).collect::<Result<_, _>>().map(Some)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn sample() -> Value {
        json!({"host_id":"HostId<3>","uid":"7f","hostname":"weka-01","container_name":"drives0",
            "host_ip":"10.0.0.11","ips":["10.0.0.11","fd00::11"],"mode":"backend","status":"UP","state":"ACTIVE",
            "sw_version":"4.4.21.2","sw_release_string":"4.4.21.2-hotfix1","machine_identifier":"4c4c"})
    }

    // field history S5
    #[test]
    fn of_4_4() {
        let Containers(list) = read(&json!([sample()])).expect("readable");
        assert_eq!(list[0].id, 3);
        assert_eq!(list[0].addresses, ["10.0.0.11", "fd00::11"]);
        assert_eq!(list[0].release.as_deref(), Some("4.4.21.2-hotfix1"));
        assert!(list[0].backend);
    }

    /// Else all containers with the same odd word stood on one server.
    #[test]
    fn what_is_no_address_is_none() {
        let mut value = sample();
        value["host_ip"] = json!("?");
        value["ips"] = json!(["?", "fd00::11"]);
        let list = read(&json!([value])).expect("readable");
        assert_eq!(list.0[0].addresses, ["fd00::11"]);
    }

    // field history S5
    #[rstest]
    #[case::plain_integer(json!(3))]
    #[case::digits(json!("3"))]
    fn ids_of_6_0(#[case] id: Value) {
        let mut value = sample();
        value.as_object_mut().expect("an object").remove("host_id");
        value["id"] = id;
        assert_eq!(read(&json!([value])).expect("readable").0[0].id, 3);
    }

    // field history 31
    #[test]
    fn keyed_by_id() {
        let mut value = sample();
        value["hostname"] = json!("ip-172-31-0-1");
        let list = read(&json!({"HostId<3>": value})).expect("readable");
        assert_eq!(list.0[0].hostname, "ip-172-31-0-1");
    }

    // field history 71
    #[rstest]
    #[case::null(json!(null))]
    #[case::empty(json!(""))]
    fn without_a_full_release_the_numeric_one_counts(#[case] release: Value) {
        let mut value = sample();
        value["sw_release_string"] = release;
        let list = read(&json!([value])).expect("readable");
        assert_eq!(list.0[0].release.as_deref(), Some("4.4.21.2"));
    }

    // field history 58, S5
    /// On AWS or not, with a description of the system or without.
    #[rstest]
    #[case(json!({"aws":{"instance_id":"i-0","instance_type":"i3en.24xlarge"},"os_info":{"kernel_name":"Linux"}}))]
    #[case(json!({"aws":null,"os_info":null}))]
    #[case(json!({"aws":{},"os_info":{"drivers":{"ixgbe":""}}}))]
    fn blocks_of_the_cloud_change_nothing(#[case] more: Value) {
        let mut value = sample();
        let members = value.as_object_mut().expect("an object");
        members.extend(more.as_object().expect("an object").clone());
        assert_eq!(read(&json!([value])), read(&json!([sample()])));
    }

    // field history S5
    #[rstest]
    #[case::numbers(json!([2,4,4294967295u64]), Some(vec![2, 4, AUTO_CORE]))]
    #[case::none(json!([]), Some(vec![]))]
    #[case::null(json!(null), None)]
    fn cores(#[case] ids: Value, #[case] expected: Option<Vec<u64>>) {
        let mut value = sample();
        value["cores_ids"] = ids;
        value["memory"] = json!(16106127360u64);
        let Containers(list) = read(&json!([value])).expect("readable");
        assert_eq!(list[0].core_ids, expected);
        assert_eq!(list[0].memory_bytes, Some(16_106_127_360));
        value["cores_ids"] = json!(["AUTO"]);
        assert!(read(&json!([value])).is_err());
    }

    #[rstest]
    #[case::by_address(&["10.0.1.11", "fd00::11"], 1)]
    #[case::not_by_name(&["10.0.0.99"], 0)]
    fn on_a_server(#[case] addresses: &[&str], #[case] expected: usize) {
        let list = read(&json!([sample()])).expect("readable");
        let server = Server {
            name: "weka-01".to_owned(),
            hostname: "weka-01".to_owned(),
            address: addresses[0].to_owned(),
            addresses: addresses.iter().map(|a| (*a).to_owned()).collect(),
            role: crate::server::Role::Backend,
        };
        assert_eq!(list.on(&server).count(), expected);
    }

    #[rstest]
    #[case("hostname")]
    #[case("mode")]
    #[case("status")]
    #[case("host_id")]
    fn nothing_needed_is_made_up(#[case] member: &str) {
        let mut value = sample();
        value.as_object_mut().expect("an object").remove(member);
        assert!(read(&json!([value])).is_err());
    }

    #[test]
    fn a_list_without_containers_is_no_answer() {
        assert!(read(&json!([])).is_err());
    }
}
