//! The physical servers: `weka cluster servers list -J`, and how the roster
//! of a run is made of it and of the containers.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::containers::{CONTAINERS, Container, Containers};
use super::{Fact, FactScope, Missing, Object, ShapeError, View};
use crate::evidence::Store;
use crate::server::{Role, Server};
use crate::source::ClusterCommand;

/// Every server; 4.0.5.39 to 4.1 call them machines, 6.0 writes `server`.
pub static SERVERS: ClusterCommand = ClusterCommand {
    key: "weka:servers",
    variants: &[
        "cluster servers list -J",
        "cluster server list -J",
        "cluster machines list -J",
    ],
    timeout: Duration::from_secs(60),
    needs_login: true,
};

/// One row of `weka cluster servers list`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ServerRow {
    /// Its host name.
    pub name: String,
    /// Its primary management address.
    pub address: Option<String>,
    /// `UP`, `DOWN`, `DEGRADED`.
    pub status: String,
    /// `BACKEND`, `CLIENT`, `NFS`, `SMB`, `S3`, in capitals.
    pub roles: Vec<String>,
}

/// Every server, as the cluster lists them. The same server can stand in it twice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Servers(pub Vec<ServerRow>);

impl Fact for Servers {
    const NAME: &'static str = "servers";
    const SCOPE: FactScope = FactScope::Cluster;
    const COMMANDS: &'static [&'static ClusterCommand] = &[&SERVERS];

    fn read(view: &View<'_>) -> Result<Self, Missing> {
        view.json(SERVERS.key, read)
    }
}

fn read(value: &Value) -> Result<Servers, ShapeError> {
    let rows = Object::list(value)?;
    // As with the containers: the one that answered would stand in it.
    if rows.is_empty() {
        return Err(ShapeError::new("answer", "it lists no server"));
    }
    rows.iter()
        .map(|row| {
            Ok(ServerRow {
                name: row.text(&["name", "hostname"])?.to_owned(),
                address: row
                    .opt_text(&["primary_ip_address", "ip"])?
                    .filter(|a| !a.is_empty())
                    .map(str::to_owned),
                status: row.text(&["status"])?.to_owned(),
                roles: row
                    .texts(&["roles", "role"])?
                    .iter()
                    .map(|r| r.to_ascii_uppercase())
                    .collect(),
            })
        })
        .collect::<Result<_, _>>()
        .map(Servers)
}

/// The servers to probe: every container's server, once.
///
/// Containers that share a management address stand on one server. Where two
/// groups have the same host name, the server list decides whether that is one
/// server with several addresses or two servers; without it they count as two,
/// since asking one server twice does no harm and leaving one out would.
///
/// # Errors
/// When the containers are not known.
pub(crate) fn roster(store: &Store) -> Result<Vec<Server>, Missing> {
    let view = View::cluster(store);
    let containers = Containers::read(&view)?;
    let rows = Servers::read(&view).map(|s| s.0).unwrap_or_default();
    Ok(group(&containers, &rows))
}

/// Every server of the cluster, whichever of them the run looks at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Roster(pub Vec<Server>);

impl Fact for Roster {
    const NAME: &'static str = "roster";
    const SCOPE: FactScope = FactScope::Cluster;
    const COMMANDS: &'static [&'static ClusterCommand] = &[&CONTAINERS, &SERVERS];

    fn read(view: &View<'_>) -> Result<Self, Missing> {
        let rows = Servers::read(view).map(|s| s.0).unwrap_or_default();
        Ok(Self(group(&Containers::read(view)?, &rows)))
    }
}

fn group(containers: &Containers, rows: &[ServerRow]) -> Vec<Server> {
    let mut groups: Vec<Vec<&Container>> = Vec::new();
    for container in &containers.0 {
        let same = |other: &&Container| {
            if container.addresses.is_empty() || other.addresses.is_empty() {
                other.hostname == container.hostname
            } else {
                other
                    .addresses
                    .iter()
                    .any(|a| container.addresses.contains(a))
                    || (other.hostname == container.hostname
                        && listed_once(rows, &container.hostname))
            }
        };
        // A container with several addresses can join groups that were apart so far.
        let (joined, apart): (Vec<_>, Vec<_>) =
            groups.into_iter().partition(|g| g.iter().any(same));
        groups = apart;
        groups.push(joined.into_iter().flatten().chain([container]).collect());
    }
    let mut servers: Vec<Server> = groups.iter().filter_map(|g| server(g)).collect();
    let names: Vec<String> = servers.iter().map(|s| s.hostname.clone()).collect();
    for server in &mut servers {
        if names.iter().filter(|n| **n == server.hostname).count() > 1 {
            server.name = format!("{}@{}", server.hostname, server.address);
        }
    }
    servers.sort_by_cached_key(|s| (s.role, crate::evidence::natural_key(&s.name)));
    servers
}

fn listed_once(rows: &[ServerRow], hostname: &str) -> bool {
    let mut addresses: Vec<_> = rows
        .iter()
        .filter(|r| r.name == hostname)
        .map(|r| &r.address)
        .collect();
    addresses.sort();
    addresses.dedup();
    addresses.len() == 1
}

fn server(containers: &[&Container]) -> Option<Server> {
    // A server with any backend container is a backend, and reached by that one's address.
    let first = containers
        .iter()
        .find(|c| c.backend && !c.addresses.is_empty())
        .or_else(|| containers.iter().find(|c| c.backend))
        .or_else(|| containers.first())?;
    let mut addresses: Vec<String> = first.addresses.clone();
    for address in containers.iter().flat_map(|c| &c.addresses) {
        if !addresses.contains(address) {
            addresses.push(address.clone());
        }
    }
    Some(Server {
        name: first.hostname.clone(),
        hostname: first.hostname.clone(),
        // Without an address the name is all there is to try.
        address: addresses.first().unwrap_or(&first.hostname).clone(),
        addresses,
        role: if first.backend {
            Role::Backend
        } else {
            Role::Client
        },
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn container(id: u64, hostname: &str, addresses: &[&str], backend: bool) -> Container {
        Container {
            id,
            hostname: hostname.to_owned(),
            name: String::new(),
            addresses: addresses.iter().map(|a| (*a).to_owned()).collect(),
            backend,
            status: "UP".to_owned(),
            release: None,
            machine_identifier: None,
            cores: None,
            core_ids: None,
            memory_bytes: None,
            stateless: None,
        }
    }

    fn row(name: &str, address: &str) -> ServerRow {
        ServerRow {
            name: name.to_owned(),
            address: Some(address.to_owned()),
            status: "UP".to_owned(),
            roles: Vec::new(),
        }
    }

    fn names(containers: Vec<Container>, rows: &[ServerRow]) -> Vec<String> {
        group(&Containers(containers), rows)
            .into_iter()
            .map(|s| s.name)
            .collect()
    }

    // field history 18
    #[test]
    fn a_server_with_several_containers_stands_once() {
        let list = vec![
            container(0, "weka-10", &["10.0.0.20"], true),
            container(1, "weka-2", &["10.0.0.12"], true),
            container(2, "weka-2", &["10.0.0.12"], true),
        ];
        assert_eq!(names(list, &[]), ["weka-2", "weka-10"]);
    }

    // field history 16, R3
    #[test]
    fn a_server_without_addresses_is_tried_by_its_name() {
        let list = vec![
            container(0, "weka-01", &[], true),
            container(1, "weka-02", &[], true),
            container(2, "weka-02", &["10.0.0.12"], true),
        ];
        let servers = group(&Containers(list), &[]);
        let addresses: Vec<&str> = servers.iter().map(|s| s.address.as_str()).collect();
        assert_eq!(addresses, ["weka-01", "10.0.0.12"]);
    }

    // field history S4
    #[test]
    fn two_servers_with_one_name_stand_twice() {
        let list = || {
            vec![
                container(0, "weka-02", &["10.0.0.12"], true),
                container(1, "weka-02", &["10.0.0.13"], true),
            ]
        };
        let expected = ["weka-02@10.0.0.12", "weka-02@10.0.0.13"];
        assert_eq!(names(list(), &[]), expected);
        let rows = [row("weka-02", "10.0.0.12"), row("weka-02", "10.0.0.13")];
        assert_eq!(names(list(), &rows), expected);
    }

    #[test]
    fn one_server_with_two_addresses_stands_once() {
        let list = vec![
            container(0, "weka-02", &["10.0.0.12"], true),
            container(1, "weka-02", &["10.0.1.12"], true),
        ];
        assert_eq!(names(list, &[row("weka-02", "10.0.0.12")]), ["weka-02"]);
        // A third container can be the one that shows it.
        let list = vec![
            container(0, "weka-02", &["10.0.0.12"], true),
            container(1, "weka-02", &["10.0.1.12"], true),
            container(2, "weka-02", &["10.0.0.12", "10.0.1.12"], true),
        ];
        assert_eq!(names(list, &[]), ["weka-02"]);
    }

    #[test]
    fn a_server_with_a_backend_container_is_a_backend() {
        let list = vec![
            container(0, "weka-01", &["10.0.0.11"], false),
            container(1, "weka-01", &["10.0.0.11"], true),
            container(2, "client-1", &["10.0.0.51"], false),
        ];
        let servers = group(&Containers(list), &[]);
        assert_eq!(servers[0].role, Role::Backend);
        assert_eq!(servers[1].role, Role::Client);
    }

    // field history 49, S4
    #[test]
    fn rows_of_every_release() {
        let value = json!([
            {"name":"weka-01","primary_ip_address":"10.0.0.11","primary_port":14000,"roles":["BACKEND"],"status":"UP","versions":["4.4.21.2"]},
            {"name":"client-1","primary_ip_address":null,"roles":["client"],"status":"DOWN","versions":[]}]);
        let Servers(rows) = read(&value).expect("readable");
        assert_eq!(rows[0].roles, ["BACKEND"]);
        assert_eq!(rows[1].roles, ["CLIENT"]);
        assert_eq!(rows[1].address, None);
    }

    #[test]
    fn a_list_without_servers_is_no_answer() {
        assert!(read(&json!([])).is_err());
    }
}
