//! `weka cluster container net -J`: the network cards that containers use.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::{Fact, FactScope, Missing, Object, ShapeError, View};
use crate::source::ClusterCommand;

/// The cards of every container; those of a server that WEKA does not use are
/// not among them.
pub static CONTAINER_NET: ClusterCommand = ClusterCommand {
    key: "weka:container-net",
    variants: &["cluster container net -J", "cluster host net -J"],
    timeout: Duration::from_secs(60),
    needs_login: true,
};

/// One network of a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ContainerNet {
    /// The number of its container's id (`HostId<3>` is 3).
    pub container: u64,
    /// `eth2`, `udp`, ….
    pub name: String,
    /// What its cards are: `MT2894 Family [ConnectX-6 Lx]`; `None` for one
    /// that the cluster has no name for. Empty in UDP mode.
    pub devices: Vec<Option<String>>,
}

/// The networks of all containers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ContainerNets(pub Vec<ContainerNet>);

impl Fact for ContainerNets {
    const NAME: &'static str = "container_nets";
    const SCOPE: FactScope = FactScope::Cluster;
    const COMMANDS: &'static [&'static ClusterCommand] = &[&CONTAINER_NET];

    fn read(view: &View<'_>) -> Result<Self, Missing> {
        view.json(CONTAINER_NET.key, read)
    }
}

fn read(value: &Value) -> Result<ContainerNets, ShapeError> {
    Object::list(value)?
        .iter()
        .map(|net| {
            let id_names = ["host_id", "container", "container_id"];
            // Null for a container that has no card to itself (UDP).
            if !net.members().contains_key("net_devices") {
                return Err(net.error(&["net_devices"], "is missing"));
            }
            Ok(ContainerNet {
                container: net
                    .opt_id(&id_names)?
                    .ok_or_else(|| net.error(&id_names, "is missing"))?,
                name: net.opt_text(&["name"])?.unwrap_or_default().to_owned(),
                devices: net
                    .objects(&["net_devices"])?
                    .iter()
                    .map(|device| Ok(device.opt_text(&["device"])?.map(str::to_owned)))
                    .collect::<Result<_, ShapeError>>()?,
            })
        })
        .collect::<Result<_, _>>()
        .map(ContainerNets)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    // field history 72, S22
    #[rstest]
    #[case::a_card(json!([{"device":"MT2894 Family [ConnectX-6 Lx]","mac_address":"02:00"}]), vec![Some("MT2894 Family [ConnectX-6 Lx]".to_owned())])]
    #[case::udp(json!(null), vec![])]
    #[case::none(json!([]), vec![])]
    #[case::no_name(json!([{"device":null}, {}]), vec![None, None])]
    fn reads_devices(#[case] devices: Value, #[case] expected: Vec<Option<String>>) {
        for id in [json!("HostId<3>"), json!(3)] {
            let value = json!([{"host_id": id, "name": "eth2", "net_devices": devices}]);
            let ContainerNets(list) = read(&value).expect("readable");
            assert_eq!((list[0].container, &list[0].devices), (3, &expected));
        }
    }

    #[rstest]
    #[case(json!([{"name":"eth2","net_devices":[]}]))]
    #[case(json!([{"host_id":"weka-01"}]))]
    #[case(json!([{"host_id":3,"name":"eth2"}]))]
    #[case(json!([{"host_id":3,"net_devices":["eth2"]}]))]
    #[case(json!("error"))]
    fn nothing_needed_is_made_up(#[case] value: Value) {
        assert!(read(&value).is_err());
    }
}
