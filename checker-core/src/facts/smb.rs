//! `weka smb cluster -J`: the SMB service.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::{Fact, FactScope, Missing, Object, ShapeError, View, nfs::says_not_configured};
use crate::source::ClusterCommand;

/// The SMB service and the containers that it runs on.
pub static SMB_CLUSTER: ClusterCommand = ClusterCommand {
    key: "weka:smb-cluster",
    variants: &["smb cluster -J"],
    timeout: Duration::from_secs(30),
    needs_login: true,
};

/// The SMB service of the cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Smb {
    /// `smbw` (SMB-W) or `samba` (the older kind), where the cluster says so.
    pub kind: Option<String>,
    /// The numbers of the containers that it runs on; none without SMB.
    pub containers: Vec<u64>,
}

impl Smb {
    /// Whether the cluster has an SMB cluster.
    #[must_use]
    pub fn in_use(&self) -> bool {
        !self.containers.is_empty()
    }
}

impl Fact for Smb {
    const NAME: &'static str = "smb";
    const SCOPE: FactScope = FactScope::Cluster;
    const COMMANDS: &'static [&'static ClusterCommand] = &[&SMB_CLUSTER];

    fn read(view: &View<'_>) -> Result<Self, Missing> {
        if says_not_configured(view.record(SMB_CLUSTER.key)?) {
            return Ok(Self::default());
        }
        view.json(SMB_CLUSTER.key, read)
    }
}

/// Without SMB: `[]`, `{}` or `null`. Else one object; a list of one is what
/// a table of 6.0 would be.
fn read(value: &Value) -> Result<Smb, ShapeError> {
    match value {
        Value::Null => Ok(Smb::default()),
        Value::Object(map) if map.is_empty() => Ok(Smb::default()),
        Value::Array(rows) => {
            let mut smb = Smb::default();
            for row in rows {
                let more = cluster(&Object::new(row, "answer")?)?;
                smb.kind = smb.kind.or(more.kind);
                smb.containers.extend(more.containers);
            }
            Ok(smb)
        }
        other => cluster(&Object::new(other, "answer")?),
    }
}

fn cluster(cluster: &Object<'_>) -> Result<Smb, ShapeError> {
    const CONTAINERS: [&str; 2] = ["smb_containers", "sambaHosts"];
    let containers = match cluster.opt_ids(&CONTAINERS)? {
        Some(containers) => containers,
        None if cluster.opt_boolean(&["active"]) == Ok(Some(false)) => Vec::new(),
        // A cluster that is described but for its containers.
        None => return Err(cluster.error(&CONTAINERS, "is missing")),
    };
    Ok(Smb {
        kind: cluster
            .opt_text(&["type"])?
            .map(|kind| kind.to_ascii_lowercase()),
        containers,
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    // field history S13
    #[rstest]
    #[case::of_4_4(json!({"type":"smbw","sambaHosts":["HostId<4>","HostId<7>","HostId<10>"],"netbiosName":"LABSMB"}), Some("smbw"), &[4, 7, 10])]
    #[case::legacy(json!({"type":"samba","sambaHosts":["HostId<4>"]}), Some("samba"), &[4])]
    #[case::of_6_0(json!({"status":"OK","name":"labsmb","smb_containers":[0,7],"type":"SMBW"}), Some("smbw"), &[0, 7])]
    #[case::of_6_0_as_a_row(json!([{"name":"labsmb","smb_containers":[4,7],"type":"smbw"}]), Some("smbw"), &[4, 7])]
    #[case::none(json!([]), None, &[])]
    #[case::empty_object(json!({}), None, &[])]
    #[case::null(json!(null), None, &[])]
    #[case::off(json!({"active":false}), None, &[])]
    fn shapes(#[case] value: Value, #[case] kind: Option<&str>, #[case] containers: &[u64]) {
        let smb = read(&value).expect("readable");
        assert_eq!(smb.kind.as_deref(), kind);
        assert_eq!(smb.containers, containers);
    }

    #[rstest]
    #[case::no_containers(json!({"type":"smbw","netbiosName":"LABSMB"}))]
    #[case::null_containers(json!({"type":"smbw","sambaHosts":null}))]
    #[case::names(json!({"sambaHosts":["weka-01"]}))]
    #[case::text(json!("smbw"))]
    fn refuses(#[case] value: Value) {
        assert!(read(&value).is_err());
    }
}
