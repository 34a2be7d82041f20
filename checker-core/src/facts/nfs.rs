//! `weka nfs interface-group -J`: the NFS service.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::{Fact, FactScope, Missing, Object, ShapeError, View};
use crate::evidence::Record;
use crate::source::ClusterCommand;

/// The interface groups, which say where NFS is served.
pub static INTERFACE_GROUPS: ClusterCommand = ClusterCommand {
    key: "weka:nfs-interface-groups",
    variants: &["nfs interface-group -J"],
    timeout: Duration::from_secs(30),
    needs_login: true,
};

/// One network port of an interface group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Port {
    /// The number of the container that serves on it.
    pub container: u64,
    /// The network device: `eth1`.
    pub device: String,
    /// `OK`, `UNREACHABLE`, …, where the cluster says so.
    pub status: Option<String>,
}

/// One interface group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InterfaceGroup {
    /// Its name.
    pub name: String,
    /// `OK`, `Inactive`, …, where the cluster says so.
    pub status: Option<String>,
    /// Whether the group of ids of a user may be looked up on the server. Up
    /// to 4.2 it decides which of two NFS stacks serves.
    pub allow_manage_gids: Option<bool>,
    /// The ports that it serves on.
    pub ports: Vec<Port>,
}

/// The NFS service of the cluster: none without interface groups.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Nfs(pub Vec<InterfaceGroup>);

impl Nfs {
    /// Whether NFS is served at all.
    #[must_use]
    pub fn in_use(&self) -> bool {
        !self.0.is_empty()
    }
}

impl Fact for Nfs {
    const NAME: &'static str = "nfs";
    const SCOPE: FactScope = FactScope::Cluster;
    const COMMANDS: &'static [&'static ClusterCommand] = &[&INTERFACE_GROUPS];

    fn read(view: &View<'_>) -> Result<Self, Missing> {
        if says_not_configured(view.record(INTERFACE_GROUPS.key)?) {
            return Ok(Self::default());
        }
        view.json(INTERFACE_GROUPS.key, read)
    }
}

/// Whether a protocol's command failed because that protocol was never set
/// up: an answer, not a failure.
pub(super) fn says_not_configured(record: &Record) -> bool {
    let said = |text: &str| text.to_ascii_lowercase().contains("not configured");
    !matches!(record.exit_status(), None | Some(0 | 41 | 127))
        && (said(&record.stderr_text()) || said(&record.stdout_text()))
}

fn read(value: &Value) -> Result<Nfs, ShapeError> {
    if value.is_null() {
        return Ok(Nfs::default());
    }
    Object::list(value)?
        .iter()
        .map(group)
        .collect::<Result<_, _>>()
        .map(Nfs)
}

fn group(g: &Object<'_>) -> Result<InterfaceGroup, ShapeError> {
    // A group without ports has an empty list.
    if g.get(&["ports"]).is_none() {
        return Err(g.error(&["ports"], "is missing"));
    }
    Ok(InterfaceGroup {
        name: g.text(&["name"])?.to_owned(),
        status: g.opt_text(&["status"])?.map(str::to_owned),
        allow_manage_gids: g.opt_boolean(&["allow_manage_gids"])?,
        ports: g
            .objects(&["ports"])?
            .iter()
            .map(port)
            .collect::<Result<_, _>>()?,
    })
}

fn port(p: &Object<'_>) -> Result<Port, ShapeError> {
    const CONTAINER: [&str; 2] = ["container", "host_id"];
    Ok(Port {
        container: p
            .opt_id(&CONTAINER)?
            .ok_or_else(|| p.error(&CONTAINER, "is missing"))?,
        device: p.opt_text(&["port"])?.unwrap_or_default().to_owned(),
        status: p.opt_text(&["status"])?.map(str::to_owned),
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    // field history S14
    #[test]
    fn of_4_4() {
        let value = json!([
            {"name":"ig1","uid":"cd","type":"NFS","status":"OK","gateway":"10.0.0.1","subnet_mask":"255.255.255.0","ips":["10.0.0.201"],
             "allow_manage_gids":true,"ports":[{"host_id":"HostId<5>","host_uid":"ef","port":"eth1","status":"OK"}]},
            {"name":"ig2","status":"Inactive","allow_manage_gids":false,"ports":[]}]);
        let Nfs(groups) = read(&value).expect("readable");
        assert_eq!(groups.len(), 2);
        assert_eq!(groups[0].ports[0].container, 5);
        assert_eq!(groups[0].ports[0].device, "eth1");
        assert_eq!(groups[1].allow_manage_gids, Some(false));
        assert_eq!(groups[1].status.as_deref(), Some("Inactive"));
    }

    #[test]
    fn of_6_0() {
        let value = json!([{"name":"ig1","netmask":24,"tenant_ids":[0],
            "ports":[{"container":0,"container_uid":"ef","port":"eth1","status":"OK"}]}]);
        let Nfs(groups) = read(&value).expect("readable");
        assert_eq!(groups[0].ports[0].container, 0);
        assert_eq!(groups[0].allow_manage_gids, None);
    }

    #[rstest]
    #[case::list(json!([]))]
    #[case::null(json!(null))]
    fn none(#[case] value: Value) {
        assert_eq!(read(&value), Ok(Nfs::default()));
    }

    #[rstest]
    #[case::no_ports(json!([{"name":"ig1"}]))]
    #[case::null_ports(json!([{"name":"ig1","ports":null}]))]
    #[case::no_container(json!([{"name":"ig1","ports":[{"port":"eth1"}]}]))]
    #[case::invalid_container(json!([{"name":"ig1","ports":[{"host_id":"HostId<INVALID>"}]}]))]
    #[case::no_name(json!([{"ports":[]}]))]
    #[case::odd_flag(json!([{"name":"ig1","ports":[],"allow_manage_gids":2}]))]
    fn refuses(#[case] value: Value) {
        assert!(read(&value).is_err());
    }
}
